//! Cold starts: acefleet begins while VPNs are still coming up, or do not.

use sim::story::{GLUETUN, GLUETUN2, Stage, Story, millis, secs, two_vpns, without_vpn};
use sim::world::Span;

/// The second VPN's container is run 10 s before acefleet starts, and needs so long for its tunnel; Docker
/// calls it `starting` until then.
fn the_second_vpn_needs(tunnel: u64) -> Stage {
    two_vpns().engines(10).begins_after(secs(300)).comes_just_before(GLUETUN2, secs(10)).weather(|weather| {
        weather.tunnel_boot = Span::secs(tunnel, tunnel);
        weather.health_start_period = secs(600);
    })
}

#[test]
fn a_fleet_comes_up_at_once_where_the_vpns_are_up() {
    let mut story = Story::of(two_vpns().engines(10));
    story.within(secs(4)).offered_on(GLUETUN, 5).offered_on(GLUETUN2, 5).numbered(1..=10);
    story.now().created(10).removed(0).there_is_no_emergency();
}

#[test]
fn the_share_of_a_vpn_that_is_still_starting_is_kept_for_it() {
    let mut story = Story::of(the_second_vpn_needs(40));
    story.within(secs(4)).offered_on(GLUETUN, 5).is_pending(GLUETUN2).there_is_no_emergency();
    story.throughout(secs(20), |now| now.engines(5));
    story.until_settled();
    story.now().created(10).removed(0).offered_on(GLUETUN, 5).offered_on(GLUETUN2, 5).numbered(1..=10);
    story.now().the_journal_does_not_tell("emergency");
}

#[test]
fn the_share_of_a_vpn_that_is_too_late_is_given_to_the_others_after_a_minute() {
    let mut story = Story::of(the_second_vpn_needs(120));
    story.within(secs(4)).offered_on(GLUETUN, 5);
    story.pass(secs(55));
    story.now().engines(5);
    story.within(secs(5)).offered_on(GLUETUN, 10).is_pending(GLUETUN2);
    story.now().created(10).removed(0);

    story.chapter("it is there after all, and idle engines move to it one by one");
    story.until_at_rest();
    story
        .now()
        .created(5)
        .removed(5)
        .restarted_in_place(0)
        .is_healthy(GLUETUN2)
        .numbers_are(&[1, 2, 3, 4, 5, 7, 8, 9, 11, 12]);
    story.now().offered_on(GLUETUN, 5).offered_on(GLUETUN2, 5);
    story.now().carriers_on(GLUETUN, 1).carriers_on(GLUETUN2, 1);
}

#[test]
fn a_vpn_that_does_not_exist_at_the_start_has_failed_and_its_share_waits_for_it() {
    let mut story = Story::of(two_vpns().engines(10).comes_late(GLUETUN2, secs(100)));
    story.within(secs(4)).offered_on(GLUETUN, 1).is_failed(GLUETUN2).emergency_holds();
    story.throughout(secs(90), |now| now.engines(1));
    story.until_settled();
    story.now().created(10).removed(0).offered_on(GLUETUN, 5).offered_on(GLUETUN2, 5).numbered(1..=10);
}

#[test]
fn a_vpn_whose_tunnel_is_down_at_the_start_gets_a_witness_and_its_share_once_it_is_up() {
    let mut story = Story::of(two_vpns().engines(10));
    story.acefleet().crashes();
    story.vpn(GLUETUN2).loses_its_tunnel();
    story.pass(secs(30));
    story.chapter("acefleet starts");
    story.acefleet().is_started();
    story.within(secs(4)).offered_on(GLUETUN, 1).is_failed(GLUETUN2).emergency_holds();
    // Until the ladder restarts the VPN's container.
    story.throughout(secs(55), |now| now.engines_on(GLUETUN, 1).engines_on(GLUETUN2, 1).offered(1));

    story.chapter("the tunnel is up");
    story.vpn(GLUETUN2).gets_its_tunnel_back();
    story.until_settled();
    story.now().created(8).removed(0).offered_on(GLUETUN, 5).offered_on(GLUETUN2, 5).numbered(1..=10);
}

#[test]
fn nothing_is_created_while_no_vpn_has_ever_been_up() {
    let late = |stage: Stage, vpn| stage.comes_late(vpn, secs(60));
    let mut story = Story::of(late(late(two_vpns().engines(10), GLUETUN), GLUETUN2));
    story.within(millis(100)).is_failed(GLUETUN).is_failed(GLUETUN2).there_is_no_emergency();
    story.throughout(secs(59), |now| now.engines(0));
    story.until_settled();
    story.now().created(10).removed(0).offered_on(GLUETUN, 5).offered_on(GLUETUN2, 5);
}

#[test]
fn without_vpns_engines_have_networks_of_their_own_and_ports_of_the_host() {
    let mut story = Story::of_settled(without_vpn().engines(4));
    story.now().offered(4).numbered(1..=4);
    for (port, view) in (19_000..).zip(story.snapshot().engines) {
        assert_eq!((view.port, view.host, view.vpn), (port, view.container_name, None));
    }
}
