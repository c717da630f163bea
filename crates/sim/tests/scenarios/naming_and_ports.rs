//! Names without gaps, ports that are reused, hosts, limits and forwarded ports, as the mission wants them.

use crate::failovers::five_and_five;
use control::snapshot::BlockedCode;
use sim::story::{GLUETUN, GLUETUN2, Story, one_vpn, secs, two_vpns};
use std::collections::BTreeSet;

#[test]
fn a_gap_in_the_names_is_filled_lowest_first() {
    let mut story = five_and_five();
    story.chapter("engines 3 and 7 are removed, and acefleet hears of both at its next look");
    story.acefleet().crashes();
    story.engine(7).is_removed_by_a_person();
    story.engine(3).is_removed_by_a_person();
    story.now().numbers_are(&[1, 2, 4, 5, 6, 8, 9, 10]);
    story.acefleet().is_started();
    story.until_created(1);
    story.now().numbers_are(&[1, 2, 3, 4, 5, 6, 8, 9, 10]);
    story.until_settled();
    story.now().created(2).numbered(1..=10).http_ports_on(GLUETUN, 19_000..=19_004);
}

#[test]
fn no_name_ever_goes_above_the_number_of_engines_while_a_vpn_is_lost_and_found() {
    let mut story = five_and_five();
    story.chapter("a person kills the VPN and starts it again");
    story.vpn(GLUETUN).is_killed();
    story.throughout(secs(20), |now| now.no_number_above(10));
    story.vpn(GLUETUN).is_started_again();
    // One more while a carrier is made whose port was not known before: acestream-11 of 10.
    story.throughout(secs(20), |now| now.no_number_above(11).engines_at_most(11));
    story.within(secs(10)).created(6).numbered(1..=11).offered(11);
    story.until_at_rest();
    story.now().created(6).removed(6).no_number_above(11).engines(10);
}

#[test]
fn the_host_of_an_engine_is_the_name_of_its_vpn() {
    let story = five_and_five();
    for view in story.snapshot().engines {
        let vpn = view.vpn.map(|(_, name)| name);
        assert_eq!(Some(view.host), vpn);
    }
}

#[test]
fn vpns_without_a_range_share_the_ports_from_19000_on_one_after_the_other() {
    let mut story = Story::of_settled(
        two_vpns().engines(8).settings(|settings| settings.vpns.iter_mut().for_each(|vpn| vpn.ports = None)),
    );
    let ports: BTreeSet<u16> = story.snapshot().engines.iter().map(|view| view.port).collect();
    assert_eq!(ports, (19_000..=19_007).collect());

    story.chapter("an engine goes, and its port is used again");
    story.engine(2).is_removed_by_a_person();
    story.until_settled();
    let ports: BTreeSet<u16> = story.snapshot().engines.iter().map(|view| view.port).collect();
    assert_eq!(ports, (19_000..=19_007).collect());
}

#[test]
fn there_are_never_more_engines_than_max_active_replicas() {
    let stage = one_vpn().engines(10).settings(|settings| settings.max_active_replicas = 6);
    let mut story = Story::of(stage);
    story.throughout(secs(60), |now| now.engines_at_most(6));
    story.now().offered(6).numbered(1..=6);
    assert_eq!(story.snapshot().blocked.map(|blocked| blocked.code), Some(BlockedCode::MaxCapacity));
}

#[test]
fn exactly_one_engine_of_each_vpn_is_given_its_forwarded_port() {
    let mut story = five_and_five();
    story.now().carriers_on(GLUETUN, 1).carriers_on(GLUETUN2, 1);
    let forwarded = |vpn| {
        let engines = story.snapshot().engines.into_iter();
        engines.filter(|view| view.forwarded && view.vpn.as_ref().is_some_and(|(id, _)| *id == vpn)).count()
    };
    assert_eq!((forwarded(GLUETUN), forwarded(GLUETUN2)), (1, 1));
}

#[test]
fn another_port_after_a_recovery_is_no_change_and_deletes_nothing() {
    let mut story = five_and_five();
    let before = story.world().truth_vpn(GLUETUN).port;
    story.chapter("a person kills the VPN and starts it again");
    story.vpn(GLUETUN).is_killed();
    story.pass(secs(30));
    story.vpn(GLUETUN).is_started_again();
    story.until_at_rest();
    // The five that went with the network, and the one that made place for the carrier of the new port.
    story.now().removed(6).created(6).carriers_on(GLUETUN, 1).the_journal_does_not_tell("port changed");

    story.chapter("the port is another one");
    story.pass(secs(600));
    let after = story.snapshot().vpns[GLUETUN.index()].forwarded_port;
    assert!(after.is_some() && after != before, "{before:?} and {after:?}");
    story.now().no_engine_was_touched().the_journal_does_not_tell("forwarded port changed");
}
