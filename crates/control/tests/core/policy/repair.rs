//! Repair: what is done about an engine that does not serve.

use super::{at, carrier, container, engine, hidden, set_container, vpn};
use control::command::Cause;
use control::docker::{Health, Network, State};
use control::engine::{Changing, Engine};
use control::ids::OpId;
use control::mark::Marks;
use control::policy::offering::{Reason, Standing};
use control::policy::repair::{self, Remedy, Surroundings};
use control::vpn::{Failure, Verdict, Vpn};
use control::{Settings, Time};
use std::time::Duration;

use Verdict::{Failed, Healthy, Pending};

/// What is done about an engine at this moment; another VPN has been healthy since the beginning.
fn remedy(engine: &Engine, vpn: &Vpn, now: Time) -> Remedy {
    remedy_among(engine, Some(vpn), Some(Time::ZERO), now)
}

/// The same; some VPN has been healthy since `healthy_since`.
fn remedy_among(engine: &Engine, vpn: Option<&Vpn>, healthy_since: Option<Time>, now: Time) -> Remedy {
    let (settings, marks) = (Settings::default(), Marks::default());
    let around = Surroundings { vpn, healthy_since, blind: false, now, settings: &settings, marks: &marks };
    repair::remedy(engine, around)
}

/// A VPN that failed at 1,000 seconds with its network intact.
fn failed_vpn() -> Vpn {
    let mut vpn = vpn(0, Failed);
    vpn.failure = Some(Failure { at: at(1_000), network_lost: false });
    vpn
}

/// An engine that stopped at zero and has just been confirmed not to run.
fn stopped(engine: Engine, state: State, now: Time) -> Engine {
    let mut engine = hidden(engine, Reason::NotRunning(state));
    engine.inspected = Some(now);
    engine
}

#[test]
fn an_offered_engine_is_left_alone_unless_it_is_owed_a_restart() {
    let vpn = vpn(0, Healthy);
    let mut engine = engine(1, &vpn);
    assert_eq!(remedy(&engine, &vpn, at(0)), Remedy::Wait(None));
    engine.restart_owed = true;
    assert_eq!(remedy(&engine, &vpn, at(0)), Remedy::RestartOwed);
}

#[test]
fn one_thing_at_a_time_is_done_to_an_engine_and_after_a_refusal_nothing_for_a_while() {
    let vpn = vpn(0, Healthy);
    let mut engine = hidden(engine(1, &vpn), Reason::Condemned(Cause::Clashes));
    assert_eq!(remedy(&engine, &vpn, at(50)), Remedy::Remove(Cause::Clashes));
    engine.retry.refused(at(50));
    assert_eq!(remedy(&engine, &vpn, at(50)), Remedy::Wait(Some(at(51))));
    assert_eq!(remedy(&engine, &vpn, at(51)), Remedy::Remove(Cause::Clashes));
    engine.operation = Some((OpId { life: 1, seq: 1 }, Changing::Removing));
    assert_eq!(remedy(&engine, &vpn, at(51)), Remedy::Wait(None));
}

#[test]
fn some_reasons_only_pass_by_themselves() {
    let vpn = vpn(0, Healthy);
    for reason in [
        Reason::NotLookedAt,
        Reason::NoEngine,
        Reason::OutsideVpn,
        Reason::Starting,
        Reason::Restarting,
        Reason::Removing,
        Reason::VpnPending,
        Reason::NotRunning(State::Paused),
        Reason::NotRunning(State::Running),
    ] {
        assert_eq!(
            remedy(&hidden(engine(1, &vpn), reason), &vpn, at(9_000)),
            Remedy::Wait(None),
            "{reason:?}"
        );
    }
}

// Not running.

#[test]
fn a_container_that_was_never_started_is_started_as_soon_as_its_vpn_is_healthy() {
    for (verdict, expected) in [
        (Healthy, Remedy::Start(Cause::Created)),
        (Failed, Remedy::Wait(None)),
        (Pending, Remedy::Wait(None)),
    ] {
        let vpn = vpn(0, verdict);
        let mut created = stopped(engine(1, &vpn), State::Created, at(5));
        created.started_at = None;
        created.created_by = Some(OpId { life: 1, seq: 1 });
        assert_eq!(remedy(&created, &vpn, at(5)), expected, "{verdict:?}");
        // A witness is needed just while its VPN has failed.
        created.witness = true;
        assert_eq!(remedy(&created, &vpn, at(5)), Remedy::Start(Cause::Created), "{verdict:?}");
    }
}

#[test]
fn a_created_container_that_nobody_expected_is_given_five_seconds() {
    let vpn = vpn(0, Healthy);
    let mut created = stopped(engine(1, &vpn), State::Created, at(5));
    created.started_at = None;
    created.unexpected = true;
    assert_eq!(remedy(&created, &vpn, at(4)), Remedy::Wait(Some(at(5))));
    assert_eq!(remedy(&created, &vpn, at(5)), Remedy::Start(Cause::NotRunning));
}

#[test]
fn docker_gets_five_seconds_to_bring_an_engine_back_by_itself() {
    let vpn = vpn(0, Healthy);
    for state in [State::Exited, State::Restarting, State::Created] {
        let stopped = stopped(engine(1, &vpn), state, at(5));
        assert_eq!(remedy(&stopped, &vpn, at(4)), Remedy::Wait(Some(at(5))), "{state}");
        assert_eq!(remedy(&stopped, &vpn, at(5)), Remedy::Start(Cause::NotRunning), "{state}");
    }
    for state in [State::Dead, State::Removing] {
        let stopped = stopped(engine(1, &vpn), state, at(5));
        assert_eq!(remedy(&stopped, &vpn, at(5)), Remedy::Remove(Cause::NotRunning), "{state}");
    }
}

#[test]
fn a_carrier_that_stopped_is_made_anew() {
    let vpn = vpn(0, Healthy);
    let stopped = stopped(carrier(1, &vpn), State::Exited, at(5));
    assert_eq!(remedy(&stopped, &vpn, at(5)), Remedy::Remove(Cause::NotRunning));
}

#[test]
fn an_engine_that_stopped_on_a_failed_vpn_waits_for_it_as_long_as_those_that_run() {
    let vpn = failed_vpn();
    let waiting = stopped(engine(1, &vpn), State::Exited, at(1_050));
    assert_eq!(remedy(&waiting, &vpn, at(1_059)), Remedy::Wait(Some(at(1_060))));
    assert_eq!(remedy(&waiting, &vpn, at(1_060)), Remedy::Remove(Cause::NotRunning));
    assert_eq!(remedy_among(&waiting, Some(&vpn), None, at(9_000)), Remedy::Wait(None));
    let dead = stopped(engine(1, &vpn), State::Dead, at(1_050));
    assert_eq!(remedy(&dead, &vpn, at(1_050)), Remedy::Remove(Cause::NotRunning));
}

#[test]
fn an_engine_that_cannot_rejoin_its_vpn_is_removed_without_waiting() {
    let vpn = vpn(0, Healthy);
    let mut stopped = stopped(engine(1, &vpn), State::Exited, at(0));
    stopped.network = Network::Container(container(201));
    assert_eq!(remedy(&stopped, &vpn, at(0)), Remedy::Remove(Cause::NotRunning));
}

#[test]
fn nothing_is_done_to_an_engine_on_hearsay() {
    let vpn = vpn(0, Healthy);
    let mut stopped = stopped(engine(1, &vpn), State::Exited, at(3));
    stopped.touched = at(4);
    assert_eq!(remedy(&stopped, &vpn, at(9)), Remedy::LookAtEngine);
    // What was seen before its five seconds were over may be over as well.
    stopped.inspected = Some(at(4));
    assert_eq!(remedy(&stopped, &vpn, at(9)), Remedy::LookAtEngine);
    stopped.inspected = Some(at(9));
    assert_eq!(remedy(&stopped, &vpn, at(9)), Remedy::Start(Cause::NotRunning));
}

#[test]
fn three_exits_within_ten_minutes_are_a_crash_loop() {
    let vpn = vpn(0, Healthy);
    let mut stopped = stopped(engine(1, &vpn), State::Exited, at(700));
    for exit in [100, 400, 700] {
        stopped.note_exit(at(exit));
    }
    assert_eq!(remedy(&stopped, &vpn, at(700)), Remedy::Remove(Cause::CrashLooping));
    stopped.stopped_since = Some(at(701));
    stopped.inspected = Some(at(701));
    assert_eq!(remedy(&stopped, &vpn, at(701)), Remedy::Wait(Some(at(706))));
}

#[test]
fn an_engine_without_a_vpn_is_started_again() {
    let stopped = stopped(engine(1, &vpn(0, Healthy)), State::Exited, at(5));
    assert_eq!(remedy_among(&stopped, None, None, at(5)), Remedy::Start(Cause::NotRunning));
}

// Its VPN's network is gone.

/// A VPN that has not been running since 1,000 seconds, and was last looked at then.
fn gone_vpn(looked_at: u64) -> Vpn {
    let mut vpn = vpn(0, Failed);
    set_container(&mut vpn, State::Exited, Health::Healthy);
    vpn.gone_since = Some(at(1_000));
    vpn.inspected = Some(at(looked_at));
    vpn
}

#[test]
fn engines_of_a_vpn_that_is_gone_are_removed_after_five_seconds_and_a_fresh_look() {
    for reason in [Reason::VpnNetworkGone, Reason::NotRunning(State::Exited)] {
        let engine = |vpn: &Vpn| hidden(engine(1, vpn), reason);
        let vpn = gone_vpn(1_004);
        assert_eq!(remedy(&engine(&vpn), &vpn, at(1_004)), Remedy::Wait(Some(at(1_005))), "{reason:?}");
        assert_eq!(remedy(&engine(&vpn), &vpn, at(1_005)), Remedy::LookAtVpn, "{reason:?}");
        let vpn = gone_vpn(1_005);
        let removed = Remedy::Remove(Cause::NetworkGone);
        assert_eq!(remedy(&engine(&vpn), &vpn, at(1_005)), removed, "{reason:?}");
        // Even if no VPN is healthy: their network is not intact.
        assert_eq!(remedy_among(&engine(&vpn), Some(&vpn), None, at(1_005)), removed, "{reason:?}");
    }
}

#[test]
fn a_vpn_that_something_has_happened_to_since_is_looked_at_first() {
    let mut vpn = gone_vpn(1_005);
    vpn.touched = at(1_006);
    let engine = hidden(engine(1, &vpn), Reason::VpnNetworkGone);
    assert_eq!(remedy(&engine, &vpn, at(1_010)), Remedy::LookAtVpn);
}

#[test]
fn an_engine_whose_vpn_runs_as_another_container_need_not_be_waited_for() {
    let mut vpn = gone_vpn(1_001);
    set_container(&mut vpn, State::Running, Health::Starting);
    let mut engine = hidden(engine(1, &vpn), Reason::VpnNetworkGone);
    assert_eq!(remedy(&engine, &vpn, at(1_001)), Remedy::Wait(Some(at(1_005))));
    engine.network = Network::Container(container(201));
    assert_eq!(remedy(&engine, &vpn, at(1_001)), Remedy::Remove(Cause::NetworkGone));
}

// Stranded.

#[test]
fn a_stranded_engine_is_restarted_in_place_once_its_vpn_is_healthy() {
    let vpn = vpn(0, Healthy);
    assert_eq!(
        remedy(&hidden(engine(1, &vpn), Reason::Stranded), &vpn, at(0)),
        Remedy::Restart(Cause::StrandedCanRejoin)
    );
    assert_eq!(
        remedy(&hidden(carrier(1, &vpn), Reason::Stranded), &vpn, at(0)),
        Remedy::Remove(Cause::StrandedCarrier)
    );
    let mut elsewhere = hidden(engine(1, &vpn), Reason::Stranded);
    elsewhere.network = Network::Container(container(201));
    assert_eq!(remedy(&elsewhere, &vpn, at(0)), Remedy::Remove(Cause::StrandedForGood));
}

#[test]
fn a_stranded_engine_is_looked_at_in_the_new_network_before_it_is_restarted() {
    let mut vpn = vpn(0, Healthy);
    let mut stranded = hidden(engine(1, &vpn), Reason::Stranded);
    vpn.network_since = at(10);
    stranded.inspected = Some(at(9));
    assert_eq!(remedy(&stranded, &vpn, at(11)), Remedy::LookAtEngine);
    stranded.inspected = Some(at(10));
    assert_eq!(remedy(&stranded, &vpn, at(11)), Remedy::Restart(Cause::StrandedCanRejoin));
    stranded.touched = at(11);
    assert_eq!(remedy(&stranded, &vpn, at(11)), Remedy::LookAtEngine);
}

#[test]
fn stranded_engines_of_a_failed_vpn_wait_a_minute_and_go_if_another_vpn_is_healthy() {
    let vpn = failed_vpn();
    let stranded = hidden(engine(1, &vpn), Reason::Stranded);
    assert_eq!(remedy(&stranded, &vpn, at(1_059)), Remedy::Wait(Some(at(1_060))));
    assert_eq!(remedy(&stranded, &vpn, at(1_060)), Remedy::Remove(Cause::NetworkGone));
    assert_eq!(remedy_among(&stranded, Some(&vpn), None, at(9_000)), Remedy::Wait(None));
}

// Held.

#[test]
fn held_engines_are_given_up_a_minute_after_the_failure_if_another_vpn_is_healthy() {
    let vpn = failed_vpn();
    let held = hidden(engine(1, &vpn), Reason::VpnFailed);
    assert_eq!(remedy(&held, &vpn, at(1_059)), Remedy::Wait(Some(at(1_060))));
    assert_eq!(remedy(&held, &vpn, at(1_060)), Remedy::GiveUpHeld);
    assert_eq!(remedy_among(&held, Some(&vpn), None, at(9_000)), Remedy::Wait(None));
}

#[test]
fn a_witness_that_never_answers_is_removed_when_its_boot_allowance_has_run_out() {
    let vpn = failed_vpn();
    let mut witness = hidden(engine(1, &vpn), Reason::VpnFailed);
    (witness.witness, witness.answers.proven) = (true, false);
    witness.answers.running_since = Some(at(1_000));
    let alone = |witness: &Engine, now| remedy_among(witness, Some(&vpn), None, at(now));
    assert_eq!(alone(&witness, 1_119), Remedy::Wait(Some(at(1_120))));
    assert_eq!(alone(&witness, 1_120), Remedy::Remove(Cause::BootFailed));
    // What comes first is told as the next step.
    assert_eq!(remedy(&witness, &vpn, at(1_010)), Remedy::Wait(Some(at(1_060))));
    // One that has answered stays, whatever it says; one that is no witness is not expected to answer now.
    witness.answers.proven = true;
    assert_eq!(alone(&witness, 1_120), Remedy::Wait(None));
    (witness.witness, witness.answers.proven) = (false, false);
    assert_eq!(alone(&witness, 1_120), Remedy::Wait(None));
}

// Booting and reconnecting.

#[test]
fn a_booting_engine_has_its_allowance_from_its_start_or_from_its_vpns_recovery() {
    let mut vpn = vpn(0, Healthy);
    let mut booting = hidden(engine(1, &vpn), Reason::Booting);
    booting.answers.running_since = Some(at(1_000));
    assert_eq!(remedy(&booting, &vpn, at(1_119)), Remedy::Wait(Some(at(1_120))));
    assert_eq!(remedy(&booting, &vpn, at(1_120)), Remedy::Remove(Cause::BootFailed));
    vpn.verdict_since = at(1_100);
    assert_eq!(remedy(&booting, &vpn, at(1_120)), Remedy::Wait(Some(at(1_220))));
    // Without a VPN, and before it was seen running, there is only now.
    booting.answers.running_since = None;
    assert_eq!(remedy_among(&booting, None, None, at(1_120)), Remedy::Wait(Some(at(1_240))));
    assert_eq!(Settings::default().boot_allowance(), Duration::from_secs(120));
}

#[test]
fn an_engine_that_is_not_connected_again_is_restarted_if_that_is_owed_and_else_waited_for() {
    let vpn = vpn(0, Healthy);
    let mut waiting = hidden(engine(1, &vpn), Reason::NotReconnected);
    waiting.reconnects_since = Some(at(1_000));
    assert_eq!(remedy(&waiting, &vpn, at(1_119)), Remedy::Wait(Some(at(1_120))));
    assert_eq!(remedy(&waiting, &vpn, at(1_120)), Remedy::Remove(Cause::BootFailed));
    waiting.restart_owed = true;
    assert_eq!(remedy(&waiting, &vpn, at(1_119)), Remedy::RestartOwed);
    assert_eq!(remedy(&waiting, &vpn, at(1_120)), Remedy::Remove(Cause::BootFailed));
}

#[test]
fn while_acefleet_suspects_itself_silence_is_held_against_no_engine() {
    let (healthy, failed) = (vpn(0, Healthy), failed_vpn());
    let (settings, marks) = (Settings::default(), Marks::default());
    let blindly = |engine: &Engine, vpn: &Vpn| {
        let (vpn, healthy_since, now) = (Some(vpn), Some(Time::ZERO), at(9_000));
        repair::remedy(
            engine,
            Surroundings { vpn, healthy_since, blind: true, now, settings: &settings, marks: &marks },
        )
    };
    let mut booting = hidden(engine(1, &healthy), Reason::Booting);
    booting.answers.proven = false;
    assert_eq!(blindly(&booting, &healthy), Remedy::Wait(None));
    let mut reconnecting = hidden(engine(1, &healthy), Reason::NotReconnected);
    reconnecting.reconnects_since = Some(at(1_000));
    assert!(matches!(blindly(&reconnecting, &healthy), Remedy::Wait(_)));
    let mut witness = hidden(engine(1, &failed), Reason::VpnFailed);
    (witness.witness, witness.answers.proven) = (true, false);
    assert!(matches!(blindly(&witness, &failed), Remedy::Wait(_)));
    assert!(matches!(blindly(&hidden(engine(1, &failed), Reason::VpnFailed), &failed), Remedy::Wait(_)));
    // What speaks for itself is done all the same.
    let condemned = hidden(engine(1, &healthy), Reason::Condemned(Cause::Clashes));
    assert_eq!(blindly(&condemned, &healthy), Remedy::Remove(Cause::Clashes));
}

#[test]
fn an_engine_is_judged_by_its_standing_as_last_decided() {
    let vpn = failed_vpn();
    let mut engine = engine(1, &vpn);
    assert_eq!(remedy(&engine, &vpn, at(9_000)), Remedy::Wait(None));
    engine.standing = Standing::Hidden(Reason::VpnFailed);
    assert_eq!(remedy(&engine, &vpn, at(9_000)), Remedy::GiveUpHeld);
}

#[test]
fn an_engine_that_is_watched_and_not_connected_again_is_left_to_its_viewers() {
    let vpn = vpn(0, Healthy);
    let mut waiting = hidden(engine(1, &vpn), Reason::NotReconnected);
    waiting.reconnects_since = Some(at(1_000));
    waiting.streams.insert("channel|1".into());
    assert_eq!(remedy(&waiting, &vpn, at(1_119)), Remedy::Wait(Some(at(1_120))));
    assert_eq!(remedy(&waiting, &vpn, at(1_120)), Remedy::Wait(None));
    waiting.streams.clear();
    assert_eq!(remedy(&waiting, &vpn, at(1_120)), Remedy::Remove(Cause::BootFailed));
}

#[test]
fn while_acefleet_suspects_itself_a_booting_engine_whose_time_is_over_waits_for_no_moment() {
    let (settings, marks) = (Settings::default(), Marks::default());
    let vpn = vpn(0, Healthy);
    let mut booting = hidden(engine(1, &vpn), Reason::Booting);
    booting.answers.proven = false;
    let blindly = |now| {
        let (vpn, healthy_since) = (Some(&vpn), Some(Time::ZERO));
        let around =
            Surroundings { vpn, healthy_since, blind: true, now, settings: &settings, marks: &marks };
        repair::remedy(&booting, around)
    };
    assert_eq!(blindly(at(119)), Remedy::Wait(Some(at(120))));
    assert_eq!(blindly(at(120)), Remedy::Wait(None));
}
