//! The ladder: which rung is due when, and when none is.

use super::{at, set_container, vpn};
use crate::desk::{secs, two_vpns};
use control::Settings;
use control::docker::{Health, State};
use control::event::TunnelStatus;
use control::policy::ladder::{self, Next, Rung};
use control::vpn::{ControlServer, Failure, Presence, Verdict, Vpn};

/// A VPN that has failed at 1,000 s with its container running, its tunnel lost unnoticed and a control server
/// that admits us.
fn failed() -> Vpn {
    let mut vpn = vpn(0, Verdict::Failed);
    vpn.failure = Some(Failure { at: at(1_000), network_lost: false });
    vpn.tunnel = Some(TunnelStatus::Running);
    vpn.control_server = ControlServer::Answers;
    set_container(&mut vpn, State::Running, Health::Unhealthy);
    vpn
}

/// What its ladder says with another VPN healthy and none of its engines connected.
fn next(vpn: &Vpn, now: u64) -> Next {
    ladder::next(vpn, false, Some(at(0)), at(now), &settings())
}

fn settings() -> Settings {
    Settings { vpn_unhealthy_restart_timeout: secs(60), ..two_vpns() }
}

#[test]
fn what_has_not_failed_or_has_a_connected_engine_is_not_mended() {
    for verdict in [Verdict::Pending, Verdict::Healthy] {
        assert_eq!(next(&vpn(0, verdict), 9_000), Next::Nothing, "{verdict:?}");
    }
    assert_eq!(ladder::next(&failed(), true, Some(at(0)), at(9_000), &settings()), Next::Nothing);
}

#[test]
fn the_tunnel_is_bounced_after_half_of_the_timeout_and_the_container_restarted_after_all_of_it() {
    let mut vpn = failed();
    assert_eq!(next(&vpn, 1_029), Next::At(at(1_030), Rung::Bounce));
    assert_eq!(next(&vpn, 1_030), Next::Now(Rung::Bounce));
    vpn.climbed.bounced_in = Some(vpn.network_epoch);
    assert_eq!(next(&vpn, 1_031), Next::At(at(1_060), Rung::Restart));
    assert_eq!(next(&vpn, 1_060), Next::Now(Rung::Restart));
    // It has been too long in coming to be of use.
    assert_eq!(next(&failed(), 1_060), Next::Now(Rung::Restart));
}

#[test]
fn a_tunnel_is_bounced_only_if_it_counts_as_running_and_we_are_admitted() {
    let waits = |change: fn(&mut Vpn)| {
        let mut vpn = failed();
        change(&mut vpn);
        next(&vpn, 1_030)
    };
    let restart = Next::At(at(1_060), Rung::Restart);
    assert_eq!(waits(|_| {}), Next::Now(Rung::Bounce));
    assert_eq!(waits(|vpn| vpn.tunnel = Some(TunnelStatus::Crashed)), restart);
    assert_eq!(waits(|vpn| vpn.tunnel = Some(TunnelStatus::Starting)), restart);
    assert_eq!(waits(|vpn| vpn.tunnel = None), restart);
    assert_eq!(waits(|vpn| vpn.control_server = ControlServer::Unauthorized), restart);
    assert_eq!(waits(|vpn| vpn.control_server = ControlServer::Silent), restart);
}

#[test]
fn a_new_network_begins_the_wait_anew_and_one_that_is_starting_is_let_start() {
    let mut vpn = failed();
    vpn.network_since = at(1_050);
    assert_eq!(next(&vpn, 1_079), Next::At(at(1_080), Rung::Bounce));
    set_container(&mut vpn, State::Running, Health::Starting);
    assert_eq!(next(&vpn, 9_000), Next::Nothing);
}

#[test]
fn each_restart_doubles_the_wait_before_the_next_up_to_half_an_hour() {
    let wait = |restarts| {
        let mut vpn = failed();
        vpn.tunnel = None;
        (vpn.climbed.restarts, vpn.climbed.restarted_at) = (restarts, Some(at(2_000)));
        match next(&vpn, 2_000) {
            Next::At(at_, Rung::Restart) => at_.since(at(2_000)).as_secs(),
            other => panic!("{other:?}"),
        }
    };
    let waits: Vec<_> = [0, 1, 2, 3, 4, 5, 6, 40, u32::MAX].into_iter().map(wait).collect();
    assert_eq!(waits, [60, 120, 240, 480, 960, 1_800, 1_800, 1_800, 1_800]);
}

#[test]
fn while_no_vpn_is_healthy_restarts_wait_five_times_longer_and_bounces_do_not() {
    let mut vpn = failed();
    let alone = |vpn: &Vpn, now| ladder::next(vpn, false, None, at(now), &settings());
    assert_eq!(alone(&vpn, 1_030), Next::Now(Rung::Bounce));
    vpn.climbed.bounced_in = Some(vpn.network_epoch);
    assert_eq!(alone(&vpn, 1_299), Next::At(at(1_300), Rung::Restart));
    assert_eq!(alone(&vpn, 1_300), Next::Now(Rung::Restart));
}

#[test]
fn a_tunnel_that_is_stopped_in_two_polls_ten_seconds_apart_is_told_to_run() {
    let mut vpn = failed();
    vpn.tunnel = Some(TunnelStatus::Stopped);
    vpn.stopped_since = Some(at(1_000));
    vpn.stopped_confirmed = Some(at(1_000));
    assert_eq!(next(&vpn, 1_005), Next::At(at(1_010), Rung::TellToRun));
    vpn.stopped_confirmed = Some(at(1_009));
    assert_eq!(next(&vpn, 1_012), Next::At(at(1_012), Rung::TellToRun), "the second poll was too early");
    vpn.stopped_confirmed = Some(at(1_010));
    assert_eq!(next(&vpn, 1_012), Next::Now(Rung::TellToRun));
}

#[test]
fn a_container_that_somebody_stopped_is_started_once_and_then_left_to_a_person() {
    for state in [State::Exited, State::Created, State::Dead] {
        let mut vpn = failed();
        set_container(&mut vpn, state, Health::Unhealthy);
        vpn.gone_since = Some(at(1_020));
        assert_eq!(next(&vpn, 1_079), Next::At(at(1_080), Rung::Start), "{state:?}");
        assert_eq!(next(&vpn, 1_080), Next::Now(Rung::Start), "{state:?}");
        vpn.started_after = Some(vpn.network_epoch);
        assert_eq!(next(&vpn, 9_000), Next::NeedsPerson, "{state:?}");
        // Ours was the next network; one more was somebody else's.
        vpn.network_epoch += 1;
        assert_eq!(next(&vpn, 9_000), Next::NeedsPerson, "{state:?}");
        vpn.network_epoch += 1;
        assert_eq!(next(&vpn, 9_000), Next::Now(Rung::Start), "{state:?}");
    }
}

#[test]
fn what_is_missing_or_paused_is_for_a_person_and_what_docker_is_at_is_for_docker() {
    let mut vpn = failed();
    set_container(&mut vpn, State::Paused, Health::Unhealthy);
    assert_eq!(next(&vpn, 9_000), Next::NeedsPerson);
    vpn.container = Presence::Missing;
    assert_eq!(next(&vpn, 9_000), Next::NeedsPerson);
    vpn.container = Presence::Unknown;
    assert_eq!(next(&vpn, 9_000), Next::Nothing);
    for state in [State::Restarting, State::Removing] {
        set_container(&mut vpn, state, Health::Unhealthy);
        assert_eq!(next(&vpn, 9_000), Next::Nothing, "{state:?}");
    }
}

#[test]
fn when_another_vpn_recovers_the_wait_begins_anew_because_this_one_may_be_next() {
    let vpn = failed();
    let next = ladder::next(&vpn, false, Some(at(1_025)), at(1_040), &settings());
    assert_eq!(next, Next::At(at(1_055), Rung::Bounce));
}
