//! What is believed of a VPN, and how observations change it.

use crate::desk::{host_with, secs, vpn};
use control::Time;
use control::docker::{Facts, State};
use control::event::TunnelStatus;
use control::ids::{SandboxId, VpnId};
use control::time::Stamp;
use control::vpn::{Failure, NetworkId, Observed, PortReading, Vpn};

fn at(secs: u64) -> Time {
    Time::from_secs(secs)
}

fn unseen() -> Vpn {
    Vpn::new(VpnId(0), vpn("gluetun", None))
}

/// What an inspection of the VPN's container tells: started at this stamp, with this namespace.
fn facts(started_at: u64, sandbox: Option<u8>) -> Facts {
    let mut host = host_with(&["gluetun"]);
    let container = host.get("gluetun");
    container.started_at = Some(Stamp::from_nanos(started_at));
    container.sandbox = sandbox.map(|byte| SandboxId::from_bytes([byte; 32]));
    container.facts()
}

/// The same container in another state.
fn facts_in(state: State) -> Facts {
    let mut facts = facts(1, Some(1));
    facts.listed.state = state;
    facts
}

const NEW: Observed = Observed { changed: true, new_network: true, replaced: false };
const REPLACED: Observed = Observed { changed: true, new_network: true, replaced: true };

#[test]
fn a_network_is_known_by_container_and_namespace_or_by_its_start_where_there_is_none() {
    let mut vpn = unseen();
    assert_eq!(vpn.observe(Some(&facts(1, Some(1))), at(1), at(1)), NEW);
    assert_eq!(
        vpn.current().map(|now| now.network),
        Some(NetworkId::Sandbox(SandboxId::from_bytes([1; 32])))
    );
    let same = vpn.observe(Some(&facts(1, Some(1))), at(2), at(2));
    assert_eq!(same, Observed { changed: false, new_network: false, replaced: false });
    assert_eq!(vpn.observe(Some(&facts(2, Some(2))), at(3), at(3)), REPLACED);

    let mut old_docker = unseen();
    assert_eq!(old_docker.observe(Some(&facts(1, None)), at(1), at(1)), NEW);
    let expected = NetworkId::StartedAt(Stamp::from_nanos(1));
    assert_eq!(old_docker.current().map(|now| now.network), Some(expected));
    assert_eq!(old_docker.observe(Some(&facts(2, None)), at(2), at(2)), REPLACED);
}

#[test]
fn every_new_network_begins_a_new_epoch_and_what_was_said_of_the_old_one_is_forgotten() {
    let mut vpn = unseen();
    vpn.observe(Some(&facts(1, Some(1))), at(1), at(1));
    let before = (vpn.network_epoch, vpn.port_epoch);
    vpn.tunnel = Some(TunnelStatus::Crashed);
    vpn.observe(Some(&facts(1, Some(1))), at(2), at(2));
    assert_eq!((vpn.network_epoch, vpn.port_epoch), before);
    assert!(vpn.tunnel.is_some());

    vpn.observe(Some(&facts(2, Some(2))), at(3), at(4));
    assert_eq!((vpn.network_epoch, vpn.port_epoch), (before.0 + 1, before.1 + 1));
    assert_eq!((vpn.tunnel, vpn.network_since), (None, at(4)));
}

#[test]
fn a_container_that_does_not_run_has_no_network_and_the_last_one_is_remembered() {
    for state in [State::Created, State::Restarting, State::Removing, State::Exited, State::Dead] {
        let mut vpn = unseen();
        vpn.observe(Some(&facts(1, Some(1))), at(1), at(1));
        vpn.observe(Some(&facts_in(state)), at(2), at(2));
        assert_eq!((vpn.current(), vpn.gone_since), (None, Some(at(2))), "{state}");
        // The same one again is no new network, as after a pause that was mistaken for an end.
        let back = vpn.observe(Some(&facts(1, Some(1))), at(3), at(3));
        assert_eq!((back.new_network, vpn.gone_since), (false, None), "{state}");
    }
    let mut paused = unseen();
    paused.observe(Some(&facts_in(State::Paused)), at(1), at(1));
    assert!(paused.current().is_some());
}

#[test]
fn a_vpn_that_is_heard_to_stop_is_gone_from_that_moment() {
    for exists in [true, false] {
        let mut vpn = unseen();
        vpn.observe(Some(&facts(1, Some(1))), at(1), at(1));
        vpn.failure = Some(Failure { at: at(1), network_lost: false });
        vpn.hear_stopped(exists, at(5));
        assert_eq!((vpn.current(), vpn.gone_since), (None, Some(at(5))));
        assert_eq!(vpn.container_state(), exists.then_some(State::Exited));
        assert_eq!(vpn.failure, Some(Failure { at: at(1), network_lost: true }));
        vpn.hear_stopped(exists, at(9));
        assert_eq!(vpn.gone_since, Some(at(5)));
    }
}

#[test]
fn a_failure_that_began_with_the_tunnel_becomes_one_of_the_network_when_that_goes_too() {
    let tunnel_lost = Some(Failure { at: at(1), network_lost: false });
    let network_lost = Some(Failure { at: at(1), network_lost: true });

    let mut vpn = unseen();
    vpn.observe(Some(&facts(1, Some(1))), at(1), at(1));
    vpn.failure = tunnel_lost;
    vpn.observe(Some(&facts(1, Some(1))), at(2), at(2));
    assert_eq!(vpn.failure, tunnel_lost);
    vpn.observe(Some(&facts(2, Some(2))), at(3), at(3));
    assert_eq!(vpn.failure, network_lost);

    vpn.failure = tunnel_lost;
    vpn.observe(None, at(4), at(4));
    assert_eq!(vpn.failure, network_lost);
}

#[test]
fn a_vpn_is_confirmed_by_an_inspection_asked_for_since_anything_last_happened() {
    let mut vpn = unseen();
    assert!(!vpn.is_confirmed());
    vpn.observe(None, at(5), at(6));
    assert!(vpn.is_confirmed());
    vpn.touched = at(6);
    assert!(!vpn.is_confirmed());
}

#[test]
fn an_old_reading_of_the_port_is_no_knowledge() {
    let mut vpn = unseen();
    assert_eq!(vpn.port(at(0), secs(60)), None);
    vpn.port = Some(PortReading { port: Some(40_001), asked_at: at(100) });
    assert_eq!(vpn.port(at(160), secs(60)), Some(40_001));
    assert_eq!(vpn.port(at(161), secs(60)), None);
    vpn.port = Some(PortReading { port: None, asked_at: at(100) });
    assert_eq!(vpn.port(at(100), secs(60)), None);
}

#[test]
fn a_vpn_stabilizes_from_its_start_or_its_recovery_whichever_is_later() {
    let mut vpn = unseen();
    assert_eq!(vpn.stable_at(at(500), secs(120)), None);
    vpn.recovered_at = Some(at(200));
    assert_eq!(vpn.stable_at(at(500), secs(120)), Some(at(320)));
    vpn.observe(Some(&facts(300_000_000_000, None)), at(400), at(400));
    assert_eq!(vpn.stable_at(at(500), secs(120)), Some(at(420)));
    vpn.recovered_at = Some(at(350));
    assert_eq!(vpn.stable_at(at(500), secs(120)), Some(at(470)));
}

#[test]
fn a_docker_whose_clock_is_ahead_does_not_hold_up_what_waits_for_a_stable_vpn() {
    let mut vpn = unseen();
    vpn.observe(Some(&facts(90_000_000_000_000, Some(1))), at(100), at(100));
    for now in [100, 150, 300] {
        assert_eq!(vpn.stable_at(at(now), secs(120)), Some(at(220)));
    }
}
