//! The policies, each by itself: tables of what is known and what follows.

mod balance;
mod breaker;
mod cache;
mod failover;
mod foreign;
mod forwarding;
mod ladder;
mod leaving;
mod naming;
mod offering;
mod placement;
mod ports;
mod rebuilds;
mod repair;
mod scaling;
mod streams;
mod verdict;

use control::Time;
use control::docker::{Health, Listed, Network, State};
use control::engine::{Engine, Seat};
use control::ids::{ContainerId, VpnId};
use control::labels::{HTTP_PORT, P2P_PORT};
use control::policy::offering::{Reason, Standing};
use control::settings::VpnSettings;
use control::time::Stamp;
use control::vpn::{Generation, NetworkId, Presence, Verdict, Vpn};
use std::sync::Arc;

/// On Docker's clock: when the VPNs here were started, and when the engines were.
const VPN_START: Stamp = Stamp::from_nanos(1_000);
const ENGINE_START: Stamp = Stamp::from_nanos(2_000);

/// A VPN of this verdict whose container runs; it has been looked at, and its network is known.
fn vpn(index: u16, verdict: Verdict) -> Vpn {
    let settings = VpnSettings { container: format!("vpn{index}").as_str().into(), ports: None };
    let mut vpn = Vpn::new(VpnId(index), settings);
    let id = container(200 + index);
    set_container(&mut vpn, State::Running, Health::Healthy);
    vpn.generation =
        Some(Generation { container: id, network: NetworkId::StartedAt(VPN_START), started_at: VPN_START });
    vpn.verdict = verdict;
    vpn.inspected = Some(Time::ZERO);
    vpn
}

/// VPNs of these verdicts, in configuration order.
fn vpns(verdicts: &[Verdict]) -> Vec<Vpn> {
    (0..).zip(verdicts).map(|(index, verdict)| vpn(index, *verdict)).collect()
}

/// Docker says this of the VPN's container.
fn set_container(vpn: &mut Vpn, state: State, health: Health) {
    let id = container(200 + vpn.id.0);
    vpn.container = Presence::Present { id, state, health, started_at: Some(VPN_START) };
}

/// An engine that runs in the VPN's network, has been looked at, answers and is offered.
fn engine(number: u16, vpn: &Vpn) -> Engine {
    let labels = [(HTTP_PORT, (19_000 + number).to_string())].into_iter().collect();
    let listed = Listed {
        id: container(number),
        name: format!("acestream-{number}").as_str().into(),
        ours: true,
        state: State::Running,
        network: Network::Container(container(200 + vpn.id.0)),
        labels,
        image: "engine".into(),
        published: Arc::from([]),
    };
    let mut engine = Engine::new(&listed, Seat::Vpn(vpn.id), Time::ZERO);
    engine.started_at = Some(ENGINE_START);
    engine.inspected = Some(Time::ZERO);
    engine.answers.running_since = Some(Time::ZERO);
    engine.answers.proven = true;
    engine.answers.answered = true;
    engine.answers.trusted = true;
    engine.answers.worked = true;
    engine.standing = Standing::Offered;
    engine
}

/// The same, created to carry a forwarded port.
fn carrier(number: u16, vpn: &Vpn) -> Engine {
    let mut engine = engine(number, vpn);
    if let Some(ports) = &mut engine.ports {
        ports.p2p = Some(40_001);
    }
    engine.labels = engine.labels.iter().chain([(P2P_PORT, "40001")]).collect();
    engine
}

/// The same engine, hidden for this reason; if it does not run, it was started before and stopped at zero.
fn hidden(mut engine: Engine, reason: Reason) -> Engine {
    engine.standing = Standing::Hidden(reason);
    if let Reason::NotRunning(state) = reason {
        engine.state = state;
        engine.stopped_since = Some(Time::ZERO);
    }
    engine
}

fn container(number: u16) -> ContainerId {
    let mut bytes = [0; 32];
    bytes[..2].copy_from_slice(&number.to_be_bytes());
    ContainerId::from_bytes(bytes)
}

fn at(secs: u64) -> Time {
    Time::from_secs(secs)
}
