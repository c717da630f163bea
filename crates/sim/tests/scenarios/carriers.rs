//! Forwarded ports that change, go, come back and flap: who carries them, who is hidden for it, and who is not.

use crate::failovers::five_and_five;
use sim::story::{GLUETUN, GLUETUN2, Stage, Story, millis, secs, two_vpns};
use sim::world::{Span, VpnFault};

/// Five and five, on VPNs that have been stable for long.
fn long_stable() -> Story {
    let mut story = five_and_five();
    story.pass(secs(300));
    story
}

#[test]
fn a_port_that_changes_replaces_its_carrier_and_touches_nobody_else() {
    let mut story = long_stable();
    story.chapter("the port changes, passing through none");
    story.vpn(GLUETUN).suffers_from(VpnFault::PortChanges);
    // Hidden at once when it is known, and the new one is created at once.
    story.within(secs(12)).hides_engine(1).the_journal_tells("replacing forwarded engine acestream-1");
    story.within(millis(500)).created(1).removed(0).numbered(1..=11);
    story.within(secs(3)).offered_on(GLUETUN, 5).carriers_on(GLUETUN, 1);
    // The old one works: it is hidden for HANDOFF_S.
    story.throughout(secs(20), |now| now.removed(0).hides_engine(1));
    story.within(secs(5)).removed(1);
    story.until_at_rest();
    story.now().created(1).removed(1).restarted_in_place(0).numbered(2..=11).offered(10);
    story.now().no_engine_was_touched_on(GLUETUN2).carriers_on(GLUETUN, 1).carriers_on(GLUETUN2, 1);
    story.now().the_journal_tells("Stopping forwarded engine acestream-1 due to port change");
}

#[test]
fn a_port_that_is_gone_for_a_moment_on_the_way_of_a_change_costs_nothing_by_itself() {
    let stage = two_vpns().engines(10).weather(|weather| {
        weather.port_gap = Span::exactly(secs(30));
        weather.port_wait = Span::exactly(secs(1));
    });
    let mut story = Story::of_settled(stage);
    story.pass(secs(300));
    story.chapter("the port is 0 for 30 s");
    story.vpn(GLUETUN).suffers_from(VpnFault::PortChanges);
    story.throughout(secs(29), |now| now.no_engine_was_touched().offered(10));
    story.until_at_rest();
    story.now().created(1).removed(1).no_engine_was_touched_on(GLUETUN2).carriers_on(GLUETUN, 1);
}

#[test]
fn a_port_that_stays_away_takes_the_mark_and_leaves_the_engine() {
    let mut story = long_stable();
    story.chapter("the provider forwards no port any more");
    story.vpn(GLUETUN).suffers_from(VpnFault::PortAbsent);
    story.pass(secs(59));
    story.now().the_journal_does_not_tell("does not get its forwarded port");
    story.within(secs(12)).the_journal_tells_times(1, "does not get its forwarded port");
    assert_eq!(story.view(1).map(|view| view.forwarded), Some(false));
    story.throughout(secs(600), |now| now.no_engine_was_touched().offered(10));
}

#[test]
fn a_port_that_stays_away_after_a_recovery_costs_no_carrier() {
    let mut story = long_stable();
    story.chapter("a person restarts the VPN, and no port comes for ten minutes");
    story.vpn(GLUETUN).suffers_for(secs(600), VpnFault::PortAbsentAfterRecovery);
    story.pass(secs(590));
    // The carrier's port went with the network, and it was made anew.
    story.now().created(1).removed(1).restarted_in_place(4).offered(10).numbered(1..=10);
    story.chapter("then one comes");
    story.until_at_rest();
    story.now().created(1).removed(1).offered(10).carriers_on(GLUETUN, 1).no_engine_was_touched_on(GLUETUN2);
}

#[test]
fn a_tunnel_that_comes_back_with_another_port_costs_its_old_carrier_once_the_vpn_is_stable() {
    let mut story = long_stable();
    story.chapter("the tunnel is lost for 20 s, and its port with it");
    story.vpn(GLUETUN).suffers_for(secs(20), VpnFault::TunnelLost);
    story.pass(secs(30));
    // The carrier has the port of before; while the VPN stabilizes it is left alone.
    story.throughout(secs(100), |now| now.the_same_engines_as_before().engines(10));
    story.until_at_rest();
    story.now().created(1).removed(1).restarted_in_place(4).offered(10).numbered(2..=11);
    story.now().no_engine_was_touched_on(GLUETUN2).carriers_on(GLUETUN, 1);
}

#[test]
fn a_port_that_comes_back_gives_the_mark_back_to_the_engine_on_its_way_out() {
    let mut story = long_stable();
    let port = story.snapshot().vpns[GLUETUN.index()].forwarded_port.expect("there is one");
    story.chapter("another port");
    story.vpn(GLUETUN).forwards(50_000);
    story.within(secs(12)).hides_engine(1);
    story.within(secs(3)).created(1).removed(0);
    story.chapter("and back again");
    story.vpn(GLUETUN).forwards(port);
    story.within(secs(12)).offers_engine(1);
    story.until_at_rest();
    assert_eq!(story.view(1).map(|view| view.forwarded), Some(true));
    story.now().created(0).removed(1).offered(10).numbered(1..=10).carriers_on(GLUETUN, 1);
    story.now().no_engine_was_touched_on(GLUETUN2);
}

#[test]
fn a_port_that_flaps_each_minute_is_followed_once_in_ten_minutes() {
    let mut story = long_stable();
    story.chapter("the port changes each minute for ten minutes");
    for port in 50_000..50_010 {
        story.vpn(GLUETUN).forwards(port);
        story.pass(secs(60));
    }
    let flapping = story.snapshot().vpns[GLUETUN.index()].port_flaps;
    assert!(flapping, "it is said so");
    story.now().the_journal_tells_times(1, "port flapping").no_engine_was_touched_on(GLUETUN2);
    // The first few changes were followed, before anybody could know.
    story.now().created(PORT_CHANGES_FOLLOWED);

    story.chapter("it goes on for an hour");
    for port in 50_010..50_070 {
        story.vpn(GLUETUN).forwards(port);
        story.pass(secs(60));
    }
    story.now().created(6).no_engine_was_touched_on(GLUETUN2);

    story.chapter("it is quiet again");
    story.pass(secs(1_300));
    story.until_at_rest();
    story.now().carriers_on(GLUETUN, 1).offered_on(GLUETUN, 5).offered_on(GLUETUN2, 5).engines(10);
    assert!(!story.snapshot().vpns[GLUETUN.index()].port_flaps);
}

/// Until so many have come within ten minutes, each change is followed.
const PORT_CHANGES_FOLLOWED: usize = 3;

#[test]
fn a_change_while_everybody_is_watched_drains_the_old_carrier_and_touches_nobody_else() {
    // Without free engines, so that no other is created beside.
    let stage = two_vpns().engines(10).settings(|settings| settings.min_free_replicas = 0);
    let mut story = Story::of_settled(stage);
    (1..=10).for_each(|number| story.engine(number).is_watched());
    story.acefleet().is_away_for(secs(1));
    story.within(secs(1)).offered(10);
    story.pass(secs(200));
    story.chapter("the port changes");
    story.vpn(GLUETUN).forwards(50_000);
    story.within(secs(12)).hides_engine(1).created(1);
    story.within(secs(3)).offered_on(GLUETUN, 5).carriers_on(GLUETUN, 1);
    // DRAIN_TIMEOUT_S for those who watch, then a stop of ten seconds.
    story.throughout(secs(25), |now| now.removed(0));
    story.until_at_rest();
    story.now().created(1).removed(1).restarted_in_place(0).no_engine_was_touched_on(GLUETUN2);
    story.now().offered_on(GLUETUN, 5).offered_on(GLUETUN2, 5);
}

#[test]
fn where_everybody_is_watched_and_no_seat_is_free_a_carrier_waits() {
    let at_the_limit = |stage: Stage| stage.settings(|settings| settings.max_replicas = 4);
    let stage =
        at_the_limit(two_vpns().engines(4)).weather(|weather| weather.port_wait = Span::exactly(secs(60)));
    let mut story = Story::of(stage.begins_after(secs(30)));
    story.within(secs(10)).offered(4).carriers_on(GLUETUN, 0);
    (1..=4).for_each(|number| story.engine(number).is_watched());
    story.acefleet().is_away_for(secs(1));
    story.chapter("the port is known, and nobody can go for it");
    story.throughout(secs(600), |now| now.no_engine_was_touched().engines(4));
    story.now().offered(4);
}
