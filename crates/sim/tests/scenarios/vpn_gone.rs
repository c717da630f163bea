//! VPN containers that are killed, die, are recreated, paused or stopped: their network is gone, or stands
//! still.

use crate::failovers::{five_and_five, was_repaired_in_place};
use control::snapshot::Overall;
use sim::story::{GLUETUN, GLUETUN2, Story, millis, secs, two_vpns};
use sim::world::{Span, VpnFault};

#[test]
fn a_killed_vpn_comes_back_to_five_and_five() {
    let mut story = five_and_five();
    story.chapter("a person kills the VPN's container");
    story.vpn(GLUETUN).is_killed();
    story.within(millis(200)).nothing_is_offered_on(GLUETUN).emergency_holds().overall(Overall::Degraded);
    story.now().the_journal_tells("VPN 'gluetun' failed").the_journal_tells("entering emergency mode");
    story.pass(millis(4_500));
    story.now().engines_on(GLUETUN, 5);
    story.within(secs(1)).engines_on(GLUETUN, 0);
    story.pass(secs(60));
    story.now().created(0).removed(5).no_engine_was_touched_on(GLUETUN2).offered_on(GLUETUN2, 5);

    story.chapter("and starts it again");
    story.vpn(GLUETUN).is_started_again();
    story.until_settled();
    story.now().created(5).removed(0).no_engine_was_touched_on(GLUETUN2).numbered(1..=10);
    story.now().offered_on(GLUETUN, 5).offered_on(GLUETUN2, 5).there_is_no_emergency();
    story.now().overall(Overall::Healthy);
    story.now().http_ports_on(GLUETUN, 19_000..=19_004).http_ports_on(GLUETUN2, 19_100..=19_104);
    story.now().the_journal_tells("leaving emergency mode");
}

#[test]
fn a_vpn_that_is_started_again_within_five_seconds_keeps_its_engines() {
    let mut story = five_and_five();
    story.chapter("a person restarts the VPN's container");
    story.vpn(GLUETUN).suffers_from(VpnFault::Restarted);
    story.within(millis(600)).nothing_is_offered_on(GLUETUN);
    story.until_settled();
    was_repaired_in_place(&mut story);
}

#[test]
fn a_vpn_that_dies_and_is_back_in_under_a_second_has_its_engines_restarted_in_place() {
    let mut story = five_and_five();
    story.chapter("the VPN's process dies, and Docker restarts it");
    story.vpn(GLUETUN).dies_by_itself();
    story.within(millis(20)).nothing_is_offered_on(GLUETUN).emergency_holds();
    story.within(millis(500)).that(|story| match story.world().truth_vpn(GLUETUN).running {
        true => Ok(()),
        false => Err("Docker has not restarted it".into()),
    });
    story.until_settled();
    was_repaired_in_place(&mut story);
    story.now().there_is_no_emergency();
}

#[test]
fn a_bounce_costs_no_engine_where_none_carries_a_forwarded_port() {
    // The provider forwards no port.
    let stage = two_vpns().engines(4).weather(|weather| weather.port_wait = Span::secs(1_000_000, 1_000_000));
    let mut story = Story::of_settled(stage);
    story.now().carriers_on(GLUETUN, 0).carriers_on(GLUETUN2, 0);
    story.chapter("the VPN's process dies, and Docker restarts it");
    story.vpn(GLUETUN).dies_by_itself();
    story.until_settled();
    story.now().the_same_engines_as_before().restarted_in_place(2).no_engine_was_touched_on(GLUETUN2);
}

#[test]
fn a_bounce_whose_events_are_lost_is_noticed_at_the_next_look() {
    let mut story = five_and_five();
    story.chapter("the VPN's process dies, and nobody hears of it");
    story.docker().loses_its_events_for(secs(60));
    story.vpn(GLUETUN).dies_by_itself();
    story.within(secs(5)).nothing_is_offered_on(GLUETUN);
    story.until_at_rest();
    // By then the port was known, so that the carrier made anew carries it.
    story.now().restarted_in_place(4).removed(1).created(1).no_engine_was_touched_on(GLUETUN2);
    story.now().engines(10).offered_on(GLUETUN, 5).no_number_above(11).carriers_on(GLUETUN, 1);
}

#[test]
fn a_recreated_vpn_gets_new_engines_because_the_old_ones_cannot_join_it() {
    let mut story = five_and_five();
    story.chapter("a person removes the VPN's container and runs a new one");
    story.vpn(GLUETUN).is_recreated();
    story.within(millis(200)).nothing_is_offered_on(GLUETUN);
    story.until_settled();
    story.now().removed(5).created(5).no_engine_was_touched_on(GLUETUN2);
    story.now().offered_on(GLUETUN, 5).offered_on(GLUETUN2, 5).numbered(1..=10);
    story.now().http_ports_on(GLUETUN, 19_000..=19_004);
}

#[test]
fn a_paused_vpn_whose_engines_are_connected_stays_healthy() {
    let mut story = five_and_five();
    story.chapter("a person pauses the VPN's container, and the kernel goes on passing traffic");
    story.vpn(GLUETUN).is_paused();
    story.throughout(secs(120), |now| now.is_healthy(GLUETUN).offered_on(GLUETUN, 5));
    story.vpn(GLUETUN).is_resumed();
    story.until_settled();
    story.now().no_engine_was_touched();
}

#[test]
fn a_paused_vpn_whose_engines_are_not_connected_has_failed() {
    let stage = two_vpns().engines(10).weather(|weather| weather.paused_passes_percent = 0);
    let mut story = Story::of_settled(stage);
    story.chapter("a person pauses the VPN's container, and nothing passes");
    story.vpn(GLUETUN).is_paused();
    story.within(secs(1)).is_failed(GLUETUN).nothing_is_offered_on(GLUETUN).emergency_holds();
    story.pass(secs(30));
    story.now().no_engine_was_touched();
    story.vpn(GLUETUN).is_resumed();
    story.until_settled();
    story.now().the_same_engines_as_before().no_engine_was_touched_on(GLUETUN2);
}

#[test]
fn a_vpn_that_a_person_has_stopped_is_left_to_him_and_its_share_is_made_anew_when_he_starts_it() {
    let mut story = five_and_five();
    story.chapter("a person stops the VPN's container");
    story.vpn(GLUETUN).is_stopped_by_a_person();
    story.within(secs(1)).nothing_is_offered_on(GLUETUN).emergency_holds();
    story.within(secs(6)).engines_on(GLUETUN, 0);
    story.throughout(secs(50), |now| now.offered_on(GLUETUN2, 5).engines(5).is_failed(GLUETUN));
    story.vpn(GLUETUN).is_started_by_that_person();
    story.until_settled();
    story.now().created(5).removed(5).no_engine_was_touched_on(GLUETUN2).numbered(1..=10);
    story.now().offered_on(GLUETUN, 5).offered_on(GLUETUN2, 5);
}

#[test]
fn when_all_vpns_are_down_nothing_is_offered_and_nothing_created() {
    let mut story = five_and_five();
    story.chapter("both VPNs are killed");
    story.vpn(GLUETUN).is_killed();
    story.pass(secs(2));
    story.vpn(GLUETUN2).is_killed();
    story.within(millis(200)).offered(0).overall(Overall::Unavailable);
    story.within(secs(6)).engines(0);
    // Long before the ladder starts them again.
    story.throughout(secs(5), |now| now.created(0));

    story.chapter("one of them is back");
    story.vpn(GLUETUN2).is_started_again();
    story.within(secs(20)).is_healthy(GLUETUN2).offered_on(GLUETUN2, 1);
    // Its port is known later than that, so the one that carries it is another one.
    story.throughout(secs(15), |now| now.engines_at_most(2).emergency_holds());
    story.now().created(2).removed(0).carriers_on(GLUETUN2, 1);

    story.chapter("both are back");
    story.vpn(GLUETUN).is_started_again();
    story.until_at_rest();
    story.now().created(9).removed(1).offered_on(GLUETUN, 5).offered_on(GLUETUN2, 5).no_number_above(11);
    story.now().carriers_on(GLUETUN, 1).carriers_on(GLUETUN2, 1);
}

#[test]
fn a_vpn_that_fails_again_soon_has_to_stay_healthy_before_it_gets_engines() {
    let mut story = five_and_five();
    for wait in [0, 30, 60] {
        story.chapter(format!("the VPN is killed, and has to stay healthy for {wait} s"));
        story.vpn(GLUETUN).is_killed();
        story.within(secs(6)).engines_on(GLUETUN, 0);
        story.vpn(GLUETUN).is_started_again();
        story.within(secs(10)).is_healthy(GLUETUN);
        story.throughout(secs(wait).saturating_sub(secs(1)), |now| now.created(0));
        story.within(secs(2)).created(5);
        story.until_settled();
        story.now().no_engine_was_touched_on(GLUETUN2).offered_on(GLUETUN, 5);
        // Where it waited, the port was known in time.
        story
            .within(secs(20))
            .carriers_on(GLUETUN, 1)
            .created(if wait == 0 { 6 } else { 5 })
            .engines_on(GLUETUN, if wait == 0 { 6 } else { 5 });
    }
}
