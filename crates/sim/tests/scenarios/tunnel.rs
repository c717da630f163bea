//! Tunnels that are lost while the VPN's container runs: engines are held, and let go only where that helps.

use crate::failovers::ports_are_kept;
use sim::story::{GLUETUN, GLUETUN2, Story, millis, one_vpn, secs, two_vpns};
use sim::world::EngineFault;

#[test]
fn engines_are_held_while_the_tunnel_is_lost_for_less_than_the_timeout() {
    let mut story = Story::of_settled(ports_are_kept());
    story.chapter("the tunnel is lost");
    story.vpn(GLUETUN).loses_its_tunnel();
    story.within(secs(6)).nothing_is_offered_on(GLUETUN).emergency_holds();
    story.throughout(secs(50), |now| now.no_engine_was_touched().nothing_is_offered_on(GLUETUN));

    story.chapter("the tunnel is back");
    story.vpn(GLUETUN).gets_its_tunnel_back();
    story.throughout(secs(60), |now| now.offered_on(GLUETUN2, 5).whoever_is_offered_is_connected());
    story.until_at_rest();
    story.now().the_same_engines_as_before().restarted_in_place(5).restarted_one_at_a_time();
    story.now().no_engine_was_touched_on(GLUETUN2).there_is_no_emergency();
    story.now().offered_on(GLUETUN, 5).offered_on(GLUETUN2, 5);
}

#[test]
fn without_the_setting_no_engine_is_restarted_after_the_tunnel_is_back() {
    let stage = ports_are_kept().settings(|settings| settings.vpn_restart_engines_on_reconnect = false);
    let mut story = Story::of_settled(stage);
    story.chapter("the tunnel is lost and comes back");
    story.vpn(GLUETUN).loses_its_tunnel();
    story.pass(secs(25));
    story.vpn(GLUETUN).gets_its_tunnel_back();
    story.until_at_rest();
    story.now().no_engine_was_touched().offered_on(GLUETUN, 5);
}

#[test]
fn an_engine_that_does_not_reconnect_stays_hidden_until_it_does() {
    let stage = two_vpns().engines(10).settings(|settings| settings.vpn_restart_engines_on_reconnect = false);
    let mut story = Story::of_settled(stage);
    story.chapter("the tunnel is lost and comes back, for all engines but one");
    story.vpn(GLUETUN).loses_its_tunnel();
    story.within(secs(6)).is_failed(GLUETUN);
    story.engine(3).suffers_from(EngineFault::Disconnected);
    story.vpn(GLUETUN).gets_its_tunnel_back();
    story.within(secs(10)).is_healthy(GLUETUN).offered_on(GLUETUN, 4).hides_engine(3);
    story.throughout(secs(60), |now| now.offered_on(GLUETUN, 4).hides_engine(3));
    story.engine(3).recovers_from(EngineFault::Disconnected);
    story.within(secs(25)).offers_engine(3);
    story.now().no_engine_was_touched();
}

#[test]
fn after_the_timeout_all_held_engines_but_a_witness_make_room() {
    let mut story = Story::of_settled(two_vpns().engines(10));
    story.chapter("the tunnel is lost for long");
    story.vpn(GLUETUN).loses_its_tunnel();
    story.within(secs(6)).is_failed(GLUETUN);
    story.pass(secs(59));
    story.now().no_engine_was_touched();
    story.within(secs(2)).removed(4);
    // The ladder restarts the VPN, and strands the witness; another one takes its place.
    story.throughout(secs(240), |now| now.engines_at_most(6).engines_on(GLUETUN2, 5).offered(5));
    story.now().engines_on(GLUETUN, 1).no_engine_was_touched_on(GLUETUN2);

    story.chapter("the tunnel is back");
    story.vpn(GLUETUN).gets_its_tunnel_back();
    story.until_settled();
    story.now().removed(0).no_engine_was_touched_on(GLUETUN2).no_number_above(11);
    story.now().offered_on(GLUETUN, 5).offered_on(GLUETUN2, 5).there_is_no_emergency();
}

#[test]
fn engines_of_the_only_vpn_are_never_given_up_while_its_network_is_intact() {
    let ports_are_kept = one_vpn().engines(5).weather(|weather| weather.port_kept_percent = 100);
    let mut story = Story::of_settled(ports_are_kept);
    story.chapter("the tunnel is lost until just before the ladder restarts the VPN");
    story.vpn(GLUETUN).loses_its_tunnel();
    story.within(secs(6)).offered(0);
    story.throughout(secs(280), |now| now.no_engine_was_touched().there_is_no_emergency());
    story.vpn(GLUETUN).gets_its_tunnel_back();
    story.until_at_rest();
    story.now().the_same_engines_as_before().restarted_in_place(5).restarted_one_at_a_time();
}

#[test]
fn a_lost_uplink_costs_no_engine() {
    let mut story = Story::of_settled(ports_are_kept());
    story.chapter("the uplink is lost");
    story.the_uplink_is_lost();
    story.within(secs(25)).offered(0);
    // Until the ladder restarts the VPNs, five times later than one that fails alone.
    story.throughout(secs(260), |now| now.offered(0).no_engine_was_touched());

    story.chapter("the uplink is back");
    story.the_uplink_is_back();
    story.until_at_rest();
    story.now().the_same_engines_as_before().restarted_in_place(10);
    story.now().offered_on(GLUETUN, 5).offered_on(GLUETUN2, 5).there_is_no_emergency();
}

#[test]
fn engines_stranded_on_a_vpn_that_came_back_without_a_tunnel_make_room_too() {
    let mut story = Story::of_settled(two_vpns().engines(10));
    story.chapter("the VPN dies and comes back without a tunnel");
    story.vpn(GLUETUN).loses_its_tunnel();
    story.vpn(GLUETUN).dies_by_itself();
    story.within(millis(20)).nothing_is_offered_on(GLUETUN);
    story.pass(secs(120));
    story.now().no_engine_was_touched_on(GLUETUN2).offered_on(GLUETUN2, 5);
    story.vpn(GLUETUN).gets_its_tunnel_back();
    story.until_settled();
    story.now().offered_on(GLUETUN, 5).offered_on(GLUETUN2, 5).engines(10);
}
