//! Forwarding: which port is to be carried, whose carrier is out of date, and when nothing follows from it yet.

use super::{at, carrier, engine, vpn};
use crate::desk::{secs, two_vpns};
use control::policy::forwarding;
use control::vpn::{PortReading, Verdict, Vpn};
use control::{Settings, Time};

use Verdict::{Failed, Healthy, Pending};

/// A VPN whose control server said `port` at 1,000 s.
fn with_port(verdict: Verdict, port: Option<u16>) -> Vpn {
    let mut vpn = vpn(0, verdict);
    vpn.port = Some(PortReading { port, asked_at: at(1_000) });
    vpn.last_port = port;
    vpn
}

fn settings() -> Settings {
    Settings {
        gluetun_port_cache_ttl: secs(60),
        port_lost: secs(60),
        vpn_recovery_stabilization: secs(120),
        ..two_vpns()
    }
}

#[test]
fn a_healthy_vpns_port_is_to_be_carried_for_as_long_as_the_reading_counts() {
    let carried = |vpn: &Vpn, now| forwarding::port_to_carry(vpn, now, &settings());
    assert_eq!(carried(&with_port(Healthy, Some(40_001)), at(1_060)), Some(40_001));
    assert_eq!(carried(&with_port(Healthy, Some(40_001)), at(1_061)), None);
    assert_eq!(carried(&with_port(Healthy, None), at(1_000)), None);
    for verdict in [Pending, Failed] {
        assert_eq!(carried(&with_port(verdict, Some(40_001)), at(1_000)), None, "{verdict:?}");
    }
}

#[test]
fn a_carrier_is_out_of_date_when_its_vpn_is_known_to_have_another_port() {
    let misported = |port| {
        let vpn = with_port(Healthy, port);
        forwarding::is_misported(&carrier(1, &vpn), &vpn)
    };
    assert!(!misported(Some(40_001)));
    assert!(misported(Some(40_002)));
    assert!(!misported(None), "a port that is not known is no other port");
    let vpn = with_port(Healthy, Some(40_002));
    assert!(!forwarding::is_misported(&engine(1, &vpn), &vpn), "it was created without one");
    let mut elsewhere = self::vpn(1, Healthy);
    elsewhere.last_port = Some(40_002);
    assert!(!forwarding::is_misported(&carrier(1, &vpn), &elsewhere), "the port is another VPN's");
}

#[test]
fn nothing_follows_from_a_change_until_two_minutes_after_a_recovery() {
    let mut vpn = with_port(Healthy, Some(40_001));
    assert_eq!(forwarding::acts_at(&vpn, at(1_000), &settings()), None);
    vpn.recovered_at = Some(at(1_000));
    assert_eq!(forwarding::acts_at(&vpn, at(1_119), &settings()), Some(at(1_120)));
    assert_eq!(forwarding::acts_at(&vpn, at(1_120), &settings()), None);
}

#[test]
fn four_changes_within_ten_minutes_are_flapping_and_then_carriers_are_made_ten_minutes_apart() {
    let mut vpn = with_port(Healthy, Some(40_001));
    vpn.elected_at = Some(at(700));
    vpn.port_changes = [400, 500, 600, 700].map(|secs| Some(at(secs)));
    assert!(forwarding::flaps(&vpn, at(1_000)));
    assert_eq!(forwarding::election_waits(&vpn, at(1_000)), Some(at(1_300)));
    assert!(!forwarding::flaps(&vpn, at(1_001)), "the first was more than ten minutes ago");
    assert_eq!(forwarding::election_waits(&vpn, at(1_001)), None);

    vpn.port_changes = [None, Some(at(800)), Some(at(900)), Some(at(1_000))];
    assert!(!forwarding::flaps(&vpn, at(1_000)), "three are not too many");
    vpn.port_changes[0] = Some(at(1_250));
    vpn.port_changes.rotate_left(1);
    assert_eq!(forwarding::election_waits(&vpn, at(1_299)), Some(at(1_300)));
    assert_eq!(forwarding::election_waits(&vpn, at(1_300)), None, "ten minutes after the last election");
}

#[test]
fn the_mark_goes_a_minute_after_the_port_did() {
    let mut vpn = with_port(Healthy, Some(40_001));
    assert_eq!(forwarding::mark_lost_at(&vpn, &settings()), None);
    vpn.port_none_since = Some(at(1_000));
    assert_eq!(forwarding::mark_lost_at(&vpn, &settings()), Some(at(1_060)));
    vpn.last_port = None;
    assert_eq!(forwarding::mark_lost_at(&vpn, &settings()), None, "there is no mark to lose");
}

#[test]
fn whoever_serves_nobody_on_that_vpn_and_does_not_go_already_may_make_place() {
    let vpn = with_port(Healthy, Some(40_001));
    let may = |change: fn(&mut control::engine::Engine)| {
        let mut engine = engine(1, &vpn);
        change(&mut engine);
        forwarding::may_make_place(&engine, vpn.id, at(1_000))
    };
    assert!(may(|_| {}));
    assert!(!may(|engine| _ = engine.streams.insert("channel|1".into())));
    assert!(!may(|engine| engine.presumed_used_until = Some(Time::from_secs(1_001))));
    assert!(!may(|engine| engine.condemned = Some(control::Cause::Unhealthy)));
    assert!(!may(|engine| engine.ports = None));
    assert!(!may(|engine| engine.seat = control::engine::Seat::Own));
}

#[test]
fn an_engine_holds_a_port_that_it_was_given_for_something_else_on_that_vpn() {
    let vpn = with_port(Healthy, Some(40_001));
    let mut engine = engine(1, &vpn);
    if let Some(ports) = &mut engine.ports {
        ports.https = Some(45_000);
    }
    let http = engine.ports.map_or(0, |ports| ports.http);
    assert!(forwarding::holds(&engine, vpn.id, http));
    assert!(forwarding::holds(&engine, vpn.id, 45_000));
    assert!(!forwarding::holds(&engine, vpn.id, 40_001));
    assert!(!forwarding::holds(&engine, control::ids::VpnId(1), 45_000), "the port is another network's");
    assert!(!forwarding::holds(&carrier(2, &vpn), vpn.id, 40_001), "it carries it");
}
