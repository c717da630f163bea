//! Engines that hang, come back, crash again and again, are outdated, or live where they must not.

use crate::failovers::five_and_five;
use sim::story::{GLUETUN, GLUETUN2, Story, one_vpn, secs, two_vpns, without_vpn};
use sim::world::{EngineFault, VpnFault};

#[test]
fn a_hung_engine_is_hidden_after_three_questions_and_replaced_after_the_grace_period() {
    let mut story = five_and_five();
    story.chapter("an engine hangs");
    story.engine(3).suffers_from(EngineFault::Hangs);
    story.within(secs(75)).hides_engine(3).removed(0);
    // Another one is there at once; the hung one keeps its name until it goes.
    story.within(secs(3)).created(1).offered(10).numbered(1..=11);
    story.throughout(secs(55), |now| now.removed(0).hides_engine(3));
    story.within(secs(7)).removed(1);
    story.until_at_rest();
    story.now().created(1).removed(1).restarted_in_place(0).no_engine_was_touched_on(GLUETUN2).offered(10);
}

#[test]
fn a_hung_engine_that_comes_back_within_the_grace_period_stays() {
    let mut story = five_and_five();
    story.chapter("an engine hangs for 90 s");
    story.engine(3).suffers_from(EngineFault::Hangs);
    story.within(secs(75)).hides_engine(3);
    story.engine(3).recovers_from(EngineFault::Hangs);
    story.within(secs(25)).offers_engine(3);
    story.until_at_rest();
    story.now().removed(0).offers_engine(3);
}

#[test]
fn an_engine_that_crashes_again_and_again_is_replaced_at_its_third_exit() {
    let mut story = five_and_five();
    story.chapter("an engine crashes, again and again");
    story.engine(3).suffers_from(EngineFault::CrashLoops);
    story.within(secs(30)).removed(1).the_journal_tells("exit");
    story.until_at_rest();
    story.now().created(1).removed(1).no_engine_was_touched_on(GLUETUN2).offered(10);
    // The new one comes before the old one is gone.
    story.now().numbers_are(&[1, 2, 4, 5, 6, 7, 8, 9, 10, 11]);
}

#[test]
fn an_engine_that_is_disconnected_alone_is_left_alone() {
    let mut story = five_and_five();
    story.chapter("one engine of five reaches nothing");
    story.engine(3).suffers_from(EngineFault::Disconnected);
    story.throughout(secs(600), |now| now.is_healthy(GLUETUN).no_engine_was_touched());
}

#[test]
fn at_the_limit_hung_engines_give_up_their_seats_and_service_comes_back() {
    let stage = two_vpns().engines(6).settings(|settings| settings.max_replicas = 6);
    let mut story = Story::of_settled(stage);
    story.chapter("one engine of each VPN hangs");
    story.engine(2).suffers_from(EngineFault::Hangs);
    story.engine(5).suffers_from(EngineFault::Hangs);
    story.within(secs(75)).offered(4);
    // Hidden for HANDOFF_S, removed, made anew: sooner than after the grace period.
    story.within(secs(40)).offered(6).engines_at_most(6);
    story.until_at_rest();
    story.now().created(2).removed(2).offered_on(GLUETUN, 3).offered_on(GLUETUN2, 3).numbered(1..=6);
}

#[test]
fn at_the_limit_held_engines_give_up_their_seats_to_those_of_the_other_vpn() {
    let stage = two_vpns().engines(6).settings(|settings| {
        settings.max_replicas = 6;
        settings.min_free_replicas = 5;
        // Nobody mends the VPN meanwhile.
        settings.vpn_unhealthy_restart_timeout = secs(3_000);
    });
    let mut story = Story::of_settled(stage);
    story.chapter("a VPN loses its tunnel, and there is no seat left");
    story.vpn(GLUETUN).loses_its_tunnel();
    story.within(secs(7)).offered_on(GLUETUN2, 3).nothing_is_offered_on(GLUETUN);
    story.within(secs(60)).offered_on(GLUETUN2, 5).engines_on(GLUETUN, 1).engines_at_most(6);
    story.throughout(secs(300), |now| now.engines_on(GLUETUN, 1).engines_at_most(6).offered_on(GLUETUN2, 5));
}

#[test]
fn five_and_one_become_three_and_three_one_by_one() {
    // One VPN has room for one engine only, until it is given more.
    let mut story = Story::of(two_vpns().engines(6).comes_late(GLUETUN2, secs(100)).settings(|settings| {
        settings.emergency_settle = secs(0);
    }));
    story.within(secs(10)).offered_on(GLUETUN, 6);
    story.chapter("the second VPN comes");
    story.until_at_rest();
    story.now().offered_on(GLUETUN, 3).offered_on(GLUETUN2, 3).engines(6);
    story.now().created(3).removed(3).carriers_on(GLUETUN, 1).carriers_on(GLUETUN2, 1);
}

#[test]
fn engines_that_are_watched_are_not_moved() {
    let mut story = Story::of(two_vpns().engines(6).comes_late(GLUETUN2, secs(100)).settings(|settings| {
        settings.emergency_settle = secs(0);
        settings.min_free_replicas = 0;
    }));
    story.within(secs(10)).offered_on(GLUETUN, 6);
    (1..=6).for_each(|number| story.engine(number).is_watched());
    story.acefleet().is_away_for(secs(1));
    story.chapter("the second VPN comes");
    story.pass(secs(900));
    // It gets an engine for its port, and no other.
    story.now().created(1).removed(0).restarted_in_place(0).offered_on(GLUETUN, 6).offered_on(GLUETUN2, 1);
}

#[test]
fn after_an_upgrade_engines_are_replaced_one_at_a_time_while_idle() {
    let mut story = five_and_five();
    story.engine(4).is_watched();
    story.pass(secs(1));
    story.acefleet().crashes();
    story.chapter("acefleet is started with another image");
    story.acefleet().is_started_after_an_upgrade();
    story.within(secs(1)).offered(10);
    story.throughout(secs(1_200), |now| now.engines_at_most(12));
    story.until_at_rest();
    // The one that is watched is left to its viewers.
    story.now().removed(9 + CARRIERS_PLACES).created(9 + CARRIERS_PLACES).offered(10).offers_engine(4);
    story.now().offered_on(GLUETUN, 5).offered_on(GLUETUN2, 5);
    story.now().carriers_on(GLUETUN, 1).carriers_on(GLUETUN2, 1);
}

/// An outdated carrier is gone before its successor comes; what was created meanwhile makes place for that.
const CARRIERS_PLACES: usize = 2;

#[test]
fn an_engine_outside_the_vpns_goes_though_it_works_and_never_before_it_was_hidden_for_long_enough() {
    let mut story = five_and_five();
    story.chapter("somebody runs an engine outside the VPNs");
    story.somebody_runs_an_engine(11, None, 30_000);
    story.throughout(secs(25), |now| now.is_not_offered(11).removed(0));
    story.within(secs(15)).removed(1);
    story.until_at_rest();
    // Nothing else happened.
    story.now().created(1).removed(1).restarted_in_place(0).numbered(1..=10).offered(10);
}

#[test]
fn an_emergency_that_lasts_makes_the_surviving_vpn_the_fleet() {
    let mut story = five_and_five();
    story.chapter("a person removes a VPN's container, and runs no other");
    story.vpn(GLUETUN).suffers_from(VpnFault::Recreated);
    story.pass(secs(595));
    story.now().created(0).offered_on(GLUETUN2, 5).emergency_holds();
    story.within(secs(10)).offered_on(GLUETUN2, 10).created(5).emergency_holds();
    story.chapter("a person runs another");
    story.vpn(GLUETUN).recovers_from(VpnFault::Recreated);
    story.until_at_rest();
    story.now().offered_on(GLUETUN, 5).offered_on(GLUETUN2, 5).there_is_no_emergency().engines(10);
}

#[test]
fn with_emergency_refill_the_surviving_vpn_is_the_fleet_at_once() {
    let mut story =
        Story::of_settled(two_vpns().engines(10).settings(|settings| settings.emergency_settle = secs(0)));
    story.chapter("a VPN is killed");
    story.vpn(GLUETUN).is_killed();
    story.within(secs(15)).offered_on(GLUETUN2, 10).emergency_holds();
}

#[test]
fn idle_surplus_goes_with_auto_delete_after_its_grace_period() {
    let stage = two_vpns().engines(4).settings(|settings| settings.auto_delete = true);
    let mut story = Story::of_settled(stage);
    story.pass(secs(300));
    story.acefleet().crashes();
    story.chapter("acefleet finds two more than are wanted");
    story.somebody_runs_an_engine(5, Some(GLUETUN), 19_010);
    story.somebody_runs_an_engine(6, Some(GLUETUN2), 19_110);
    story.pass(secs(2));
    story.acefleet().is_started();
    story.within(secs(1)).offered(6);
    // ENGINE_GRACE_PERIOD_S idle, and then HANDOFF_S hidden.
    story.throughout(secs(29), |now| now.offered(6));
    story.throughout(secs(24), |now| now.removed(0));
    story.until_at_rest();
    story.now().created(2).removed(2).offered(4).offered_on(GLUETUN, 2).offered_on(GLUETUN2, 2);
}

#[test]
fn nothing_idles_away_in_an_emergency_or_soon_after_a_recovery() {
    let stage = two_vpns().engines(4).settings(|settings| settings.auto_delete = true);
    let mut story = Story::of_settled(stage);
    story.pass(secs(300));
    story.acefleet().crashes();
    story.vpn(GLUETUN).suffers_from(VpnFault::Recreated);
    story.somebody_runs_an_engine(8, Some(GLUETUN2), 19_110);
    story.somebody_runs_an_engine(9, Some(GLUETUN2), 19_111);
    story.pass(secs(2));
    story.chapter("acefleet finds an emergency, and three more than are wanted then");
    story.acefleet().is_started();
    story.within(secs(1)).offered_on(GLUETUN2, 4).emergency_holds();
    story.throughout(secs(300), |now| now.offered_on(GLUETUN2, 4).no_engine_was_touched_on(GLUETUN2));

    story.chapter("the VPN is run again");
    story.vpn(GLUETUN).recovers_from(VpnFault::Recreated);
    story.within(secs(20)).is_healthy(GLUETUN).there_is_no_emergency();
    story.throughout(secs(100), |now| now.offered_on(GLUETUN2, 4).no_engine_was_touched_on(GLUETUN2));
    story.until_at_rest();
    story.now().offered_on(GLUETUN, 2).offered_on(GLUETUN2, 2).engines(4);
}

#[test]
fn without_auto_delete_surplus_stays() {
    let mut story = Story::of_settled(one_vpn().engines(2));
    story.acefleet().crashes();
    story.chapter("acefleet finds one more than is wanted");
    story.somebody_runs_an_engine(3, Some(GLUETUN), 19_010);
    story.pass(secs(2));
    story.acefleet().is_started();
    story.throughout(secs(1_200), |now| now.removed(0));
    story.now().offered(3);
}

#[test]
fn without_vpns_a_hung_engine_is_replaced_as_well() {
    let mut story = Story::of_settled(without_vpn().engines(3));
    story.chapter("an engine hangs");
    story.engine(2).suffers_from(EngineFault::Hangs);
    story.until_at_rest();
    story.now().created(1).removed(1).offered(3);
}
