//! Health that lies either way, and what the engines know better: the double check of the mission.

use crate::failovers::ports_are_kept;
use sim::story::{GLUETUN, GLUETUN2, Story, millis, one_vpn, secs, two_vpns};
use sim::world::{EngineFault, VpnFault};

/// The mission's scenario 1, and its test cases 2 and 3.
#[test]
fn a_vpn_that_looks_unhealthy_is_healthy_while_its_engines_are_connected() {
    let mut story = Story::of_settled(two_vpns().engines(10));
    story.chapter("Gluetun's health check fails, and the tunnel works");
    story.vpn(GLUETUN).looks_unhealthy();
    story.throughout(secs(600), |now| now.is_healthy(GLUETUN).offered_on(GLUETUN, 5));
    story.now().the_journal_tells("VPN double-check: VPN 'gluetun' is doubted");
    story.now().the_journal_tells("engine(s) have internet connectivity - considering VPN healthy");
    story.vpn(GLUETUN).looks_unhealthy_no_more();
    story.throughout(secs(60), |now| now.is_healthy(GLUETUN).offered_on(GLUETUN, 5));
    story.now().no_engine_was_touched().the_journal_does_not_tell("emergency");
}

/// The mission's scenario 2, and its test cases 4 and 7.
#[test]
fn a_vpn_that_looks_unhealthy_has_failed_when_none_of_its_engines_is_connected() {
    let mut story = Story::of_settled(two_vpns().engines(10));
    story.chapter("the tunnel is lost, and Gluetun's health check notices");
    story.vpn(GLUETUN).looks_unhealthy();
    story.vpn(GLUETUN).loses_its_tunnel();
    story.within(secs(6)).is_failed(GLUETUN).nothing_is_offered_on(GLUETUN);
    story.now().the_journal_tells("VPN double-check: None of 5 engine(s) have internet connectivity");
}

/// The mission's scenario 3, and its test cases 3 and 5: one answer, one silence, one "not connected".
#[test]
fn one_connected_engine_is_enough() {
    // No room for a fourth engine that would vouch.
    let stage = one_vpn().engines(3).settings(|settings| settings.max_replicas = 3);
    let mut story = Story::of_settled(stage);
    story.chapter("one engine hangs, one is disconnected, one is connected");
    story.engine(1).suffers_from(EngineFault::Hangs);
    story.engine(3).suffers_from(EngineFault::Disconnected);
    story.vpn(GLUETUN).looks_unhealthy();
    story.throughout(secs(50), |now| now.is_healthy(GLUETUN).offers_engine(2));
    story.now().the_journal_does_not_tell("VPN 'gluetun' failed");

    story.chapter("that one is disconnected as well");
    story.engine(2).suffers_from(EngineFault::Disconnected);
    story.within(secs(15)).is_failed(GLUETUN).offered(0);
    story.now().the_journal_tells("VPN double-check: None of 3 engine(s) have internet connectivity");

    story.chapter("it is connected again");
    story.engine(2).recovers_from(EngineFault::Disconnected);
    story.within(secs(15)).is_healthy(GLUETUN).offers_engine(2);
}

/// The mission's test case 1, and what follows: without engines nobody can vouch, so one is created that can.
#[test]
fn a_witness_is_created_where_there_is_no_engine_and_saves_the_vpn() {
    let mut story = before_acefleet_starts(|story| story.vpn(GLUETUN).looks_unhealthy());
    story.within(millis(100)).is_failed(GLUETUN).the_journal_tells("there is no engine to ask");
    story.within(millis(500)).created(1).offered(0);
    story.throughout(secs(1), |now| now.engines(1).offered(0));
    story.within(secs(6)).is_healthy(GLUETUN).offers_engine(1);
    story.until_settled();
    story.now().offered(3).removed(0).numbered(1..=3);
}

/// One VPN, no engine, and something that has befallen the VPN well before acefleet starts.
fn before_acefleet_starts(befalls: impl FnOnce(&mut Story)) -> Story {
    let mut story = Story::of(one_vpn().engines(3));
    story.acefleet().crashes();
    befalls(&mut story);
    story.pass(secs(30));
    story.chapter("acefleet starts");
    story.acefleet().is_started();
    story
}

#[test]
fn a_witness_that_is_not_connected_saves_nobody_and_stays_alone() {
    let mut story = before_acefleet_starts(|story| {
        story.vpn(GLUETUN).loses_its_tunnel();
        story.vpn(GLUETUN).looks_unhealthy();
    });
    story.within(secs(1)).created(1);
    story.throughout(secs(600), |now| now.engines(1).offered(0).is_failed(GLUETUN));

    story.chapter("the tunnel is back, though the health check still fails");
    story.vpn(GLUETUN).gets_its_tunnel_back();
    story.until_settled();
    story.now().created(2).removed(0).offered(3);
}

/// The mission's test case 5: whatever goes wrong with the questions is an answer too.
#[test]
fn engines_that_do_not_answer_do_not_vouch_for_their_vpn() {
    let mut story = Story::of_settled(two_vpns().engines(4));
    story.chapter("the health check fails, and both engines hang");
    for view in story.snapshot().engines.into_iter().filter(|view| view.host.as_str() == "gluetun") {
        let number = control::policy::naming::number(&view.container_name).expect("it is one of ours");
        story.engine(number).suffers_from(EngineFault::Hangs);
    }
    story.vpn(GLUETUN).looks_unhealthy();
    story.within(secs(20)).is_failed(GLUETUN).nothing_is_offered_on(GLUETUN).emergency_holds();
    story.now().offered_on(GLUETUN2, 2).no_engine_was_touched();
}

#[test]
fn a_vpn_that_looks_healthy_has_failed_when_its_engines_say_so() {
    // What Gluetun says of a tunnel that is lost differs from seed to seed: running, starting or crashed.
    for seed in 0..12 {
        let mut story = Story::of_settled(ports_are_kept().seed(seed));
        story.chapter(format!("the tunnel is lost, and the health check goes on passing (seed {seed})"));
        story.vpn(GLUETUN).looks_healthy_whatever_happens();
        story.vpn(GLUETUN).loses_its_tunnel();
        story.within(secs(25)).is_failed(GLUETUN).nothing_is_offered_on(GLUETUN).emergency_holds();
        story.throughout(secs(30), |now| now.is_failed(GLUETUN).no_engine_was_touched());
        story.vpn(GLUETUN).gets_its_tunnel_back();
        story.until_settled();
        story.now().the_same_engines_as_before().no_engine_was_touched_on(GLUETUN2);
    }
}

#[test]
fn the_only_engine_of_a_vpn_must_say_three_times_that_it_is_disconnected() {
    let mut story = Story::of_settled(one_vpn().engines(1));
    story.chapter("the tunnel is lost, and nobody else notices");
    story.vpn(GLUETUN).looks_healthy_whatever_happens();
    story.engine(1).suffers_from(EngineFault::Disconnected);
    story.throughout(secs(40), |now| now.is_healthy(GLUETUN));
    story.within(secs(30)).is_failed(GLUETUN).offered(0);
}

#[test]
fn a_control_server_that_does_not_answer_says_nothing_about_the_tunnel() {
    for fault in [VpnFault::ServerUnauthorized, VpnFault::ServerSlow, VpnFault::ServerDown] {
        let mut story = Story::of_settled(two_vpns().engines(10));
        story.chapter(format!("the control server suffers from {fault:?}"));
        story.vpn(GLUETUN).suffers_from(fault);
        story.throughout(secs(300), |now| now.is_healthy(GLUETUN).offered_on(GLUETUN, 5));
        story.now().no_engine_was_touched().the_journal_does_not_tell("doubted");
    }
}

#[test]
fn a_vpn_that_bounces_while_its_health_check_lies_is_saved_by_a_witness() {
    let mut story = Story::of_settled(one_vpn().engines(3));
    story.chapter("the health check fails, and the VPN dies and comes back");
    story.vpn(GLUETUN).looks_unhealthy();
    story.pass(secs(30));
    story.vpn(GLUETUN).dies_by_itself();
    story.within(millis(20)).offered(0);
    story.within(secs(90)).is_healthy(GLUETUN).offered(3);
    // The witness is one of them. The carrier's port went with its network.
    story.now().restarted_in_place(2).removed(1).created(1).carriers_on(GLUETUN, 1);
    story.until_at_rest();
    story.now().restarted_in_place(2).removed(1).created(1).offered(3);
}
