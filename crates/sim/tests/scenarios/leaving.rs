//! Acefleet exits, with its engines or without them; or its core breaks, and is built anew beside them.

use crate::failovers::five_and_five;
use sim::story::{GLUETUN, GLUETUN2, millis, secs};
use sim::world::VpnFault;

#[test]
fn engines_go_on_running_while_acefleet_is_away_and_are_taken_over_as_they_are() {
    let mut story = five_and_five();
    story.chapter("acefleet leaves, and is started again a minute later");
    assert!(story.acefleet().leaves(false, secs(1)));
    story.pass(secs(60));
    story.acefleet().is_started();
    story.until_at_rest();
    story.now().offered_on(GLUETUN, 5).offered_on(GLUETUN2, 5).no_engine_was_touched();
}

#[test]
fn ten_engines_of_which_one_is_watched_go_with_acefleet_within_the_time_that_a_stop_takes() {
    let mut story = five_and_five();
    story.somebody_watches(1);
    story.within(secs(10)).watching(1);
    story.chapter("acefleet leaves, and all with it");
    assert!(story.acefleet().leaves(true, secs(12)));
    story.acefleet().is_started();
    story.until_at_rest();
    story.now().removed(10).offered_on(GLUETUN, 5).offered_on(GLUETUN2, 5).numbered(1..=10);
}

#[test]
fn a_core_that_breaks_again_and_again_during_a_failover_disturbs_nobody_and_ends_it_later() {
    let mut story = five_and_five();
    story.chapter("a VPN is killed, and the core breaks three times over it");
    story.vpn(GLUETUN).suffers_for(secs(13), VpnFault::Killed);
    for _ in 0..3 {
        story.pass(millis(700));
        story.acefleet().is_rebuilt();
    }
    story.throughout(secs(590), |now| now.no_engine_was_touched_on(GLUETUN2).removed(0).created(0));
    story.chapter("ten minutes later it does what there is to do");
    story.until_at_rest();
    story.now().offered_on(GLUETUN, 5).offered_on(GLUETUN2, 5).no_engine_was_touched_on(GLUETUN2);
}
