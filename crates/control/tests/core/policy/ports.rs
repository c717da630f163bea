//! Ports: unique over the fleet for HTTP, distinct on each stack for the rest, and from the right range.

use crate::desk::{no_vpn, two_vpns, vpn};
use control::Settings;
use control::command::Ports;
use control::ids::VpnId;
use control::policy::ports::{PortsHeld, http_range};
use std::collections::BTreeSet;

const FIRST: Option<VpnId> = Some(VpnId(0));
const SECOND: Option<VpnId> = Some(VpnId(1));

fn ports(http: u16, https: Option<u16>, p2p: Option<u16>) -> Ports {
    Ports { http, https, p2p }
}

#[test]
fn http_ports_are_unique_over_the_fleet_and_all_ports_distinct_on_each_stack() {
    let settings = two_vpns();
    let mut held = PortsHeld::default();
    let places = [FIRST, SECOND, SECOND, FIRST, FIRST, SECOND];
    let all = places.map(|vpn| (vpn, held.allocate(vpn, None, &settings).expect("there is room")));

    let http: BTreeSet<_> = all.iter().map(|(_, ports)| ports.http).collect();
    assert_eq!(http.into_iter().collect::<Vec<_>>(), [19_000, 19_001, 19_002, 19_003, 19_004, 19_005]);
    for stack in [FIRST, SECOND] {
        let on_it = all.iter().filter(|(vpn, _)| *vpn == stack);
        let used: Vec<_> = on_it.flat_map(|(_, ports)| [Some(ports.http), ports.https]).flatten().collect();
        let distinct: BTreeSet<_> = used.iter().collect();
        assert_eq!(distinct.len(), used.len(), "on {stack:?}: {used:?}");
    }
}

#[test]
fn https_ports_may_repeat_on_another_stack_and_not_on_the_same() {
    let settings = two_vpns();
    let mut held = PortsHeld::default();
    held.take(FIRST, ports(19_000, Some(45_000), None));
    assert_eq!(held.allocate(SECOND, None, &settings), Some(ports(19_001, Some(45_000), None)));
    assert_eq!(held.allocate(FIRST, None, &settings), Some(ports(19_002, Some(45_001), None)));
}

#[test]
fn each_vpn_uses_its_own_range_and_none_when_it_is_used_up() {
    let settings = Settings {
        vpns: vec![vpn("gluetun", Some(19_100..=19_101)), vpn("gluetun2", Some(19_200..=19_200))],
        ..two_vpns()
    };
    let mut held = PortsHeld::default();
    let mut http = |vpn| held.allocate(vpn, None, &settings).map(|ports| ports.http);
    assert_eq!([http(SECOND), http(FIRST), http(FIRST)], [Some(19_200), Some(19_100), Some(19_101)]);
    assert_eq!([http(FIRST), http(SECOND)], [None, None]);
}

#[test]
fn ranges_that_overlap_give_no_port_twice() {
    let settings = Settings {
        vpns: vec![vpn("gluetun", Some(19_100..=19_102)), vpn("gluetun2", Some(19_101..=19_103))],
        ..two_vpns()
    };
    let mut held = PortsHeld::default();
    let mut http = |vpn| held.allocate(vpn, None, &settings).map(|ports| ports.http);
    let given = [http(FIRST), http(SECOND), http(FIRST), http(SECOND), http(FIRST), http(SECOND)];
    assert_eq!(given, [Some(19_100), Some(19_101), Some(19_102), Some(19_103), None, None]);
}

#[test]
fn vpns_without_a_range_share_a_pool_as_large_as_max_active_replicas() {
    let settings = Settings { max_active_replicas: 3, ..two_vpns() };
    let mut held = PortsHeld::default();
    let mut http = |vpn| held.allocate(vpn, None, &settings).map(|ports| ports.http);
    assert_eq!([http(FIRST), http(SECOND), http(SECOND)], [Some(19_000), Some(19_001), Some(19_002)]);
    assert_eq!([http(FIRST), http(SECOND)], [None, None]);

    assert_eq!(http_range(FIRST, &settings), 19_000..=19_002);
    assert_eq!(http_range(None, &settings), 19_000..=19_999);
    let endless = Settings { max_active_replicas: 1_000_000, ..two_vpns() };
    assert_eq!(http_range(FIRST, &endless), 19_000..=u16::MAX);
}

#[test]
fn without_a_vpn_ports_of_the_host_are_used_but_for_those_that_somebody_publishes() {
    let settings = Settings { port_range_host: 19_500..=19_503, ..no_vpn(1) };
    let mut held = PortsHeld::default();
    held.take_on_host(19_500);
    held.take_on_host(19_502);
    held.take_on_host(45_000);
    assert_eq!(held.allocate(None, None, &settings), Some(ports(19_501, Some(45_001), None)));
    assert_eq!(held.allocate(None, None, &settings), Some(ports(19_503, Some(45_002), None)));
    assert_eq!(held.allocate(None, None, &settings), None);
}

#[test]
fn what_is_published_on_the_host_is_no_matter_inside_a_vpn() {
    let settings = two_vpns();
    let mut held = PortsHeld::default();
    held.take_on_host(19_000);
    assert_eq!(held.allocate(FIRST, None, &settings), Some(ports(19_000, Some(45_000), None)));
}

#[test]
fn a_forwarded_port_is_used_for_nothing_else_on_its_stack() {
    let settings = Settings { ace_https_range: 19_001..=19_009, ..two_vpns() };
    let mut held = PortsHeld::default();

    // Neither as the HTTP port nor as the HTTPS port of the engine that carries it.
    let given = held.allocate(FIRST, Some(19_000), &settings);
    assert_eq!(given, Some(ports(19_001, Some(19_002), Some(19_000))));
    // Nor by the next engine there; on another stack it is free.
    assert_eq!(held.allocate(FIRST, None, &settings), Some(ports(19_003, Some(19_004), None)));
    assert_eq!(held.allocate(SECOND, None, &settings), Some(ports(19_000, Some(19_001), None)));
}

#[test]
fn a_port_can_be_carried_if_nobody_uses_it_on_that_stack_for_anything() {
    let mut held = PortsHeld::default();
    held.take(FIRST, ports(19_000, Some(45_000), Some(40_001)));
    for used in [19_000, 45_000, 40_001] {
        assert!(!held.can_carry(VpnId(0), used), "{used} is used");
        assert!(held.can_carry(VpnId(1), used), "{used} is used elsewhere");
    }
    assert!(held.can_carry(VpnId(0), 40_002));
}

#[test]
fn an_engine_without_a_free_https_port_does_without() {
    let settings = Settings { ace_https_range: 45_000..=45_000, ..two_vpns() };
    let mut held = PortsHeld::default();
    assert_eq!(held.allocate(FIRST, None, &settings), Some(ports(19_000, Some(45_000), None)));
    assert_eq!(held.allocate(FIRST, None, &settings), Some(ports(19_001, None, None)));
}

#[test]
fn an_engine_of_an_earlier_life_holds_the_ports_that_it_has() {
    let settings = two_vpns();
    let mut held = PortsHeld::default();
    held.take(SECOND, ports(19_001, None, None));
    held.take(None, ports(19_000, None, None));
    let http = held.allocate(FIRST, None, &settings).map(|ports| ports.http);
    assert_eq!(http, Some(19_002));
}
