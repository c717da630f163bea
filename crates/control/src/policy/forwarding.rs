//! Which engine carries a VPN's forwarded port, and when another one has to.
//!
//! An engine carries the port that it was created with; it cannot be told another. So a new port needs a new
//! engine, and the old one goes. The mark itself is computed; nothing is elected that can be read off.

use crate::docker::State;
use crate::engine::Engine;
use crate::ids::VpnId;
use crate::settings::Settings;
use crate::time::Time;
use crate::vpn::{PORT_CHANGES_REMEMBERED, Vpn};
use core::time::Duration;

/// As many changes as are remembered within this time, and the port flaps.
pub const FLAPPING_WINDOW: Duration = Duration::from_secs(600);
/// While it flaps, carriers are made at most this often.
pub const ELECTION_WAIT: Duration = Duration::from_secs(600);

/// The port of a healthy VPN that some engine should carry.
pub fn port_to_carry(vpn: &Vpn, now: Time, settings: &Settings) -> Option<u16> {
    let port = vpn.port(now, settings.gluetun_port_cache_ttl)?;
    (vpn.is_healthy() && vpn.draining.is_none() && vpn.last_port == Some(port)).then_some(port)
}

/// Whether an engine was created for a port that its VPN no longer forwards.
pub fn is_misported(engine: &Engine, vpn: &Vpn) -> bool {
    engine.seat.vpn() == Some(vpn.id)
        && engine.p2p().is_some()
        && vpn.last_port.is_some()
        && engine.p2p() != vpn.last_port
}

/// When a port that changed is acted on, if that is yet to come: soon after a recovery ports settle.
pub fn acts_at(vpn: &Vpn, now: Time, settings: &Settings) -> Option<Time> {
    vpn.stable_at(now, settings.vpn_recovery_stabilization).filter(|at| *at > now)
}

/// The port changes so often that following it would do more harm than good.
pub fn flaps(vpn: &Vpn, now: Time) -> bool {
    let lately = |at: &Option<Time>| at.is_some_and(|at| now.since(at) <= FLAPPING_WINDOW);
    vpn.port_changes.iter().filter(|at| lately(at)).count() == PORT_CHANGES_REMEMBERED
}

/// When the next carrier may be made on a VPN whose port flaps; `None` if at once.
pub fn election_waits(vpn: &Vpn, now: Time) -> Option<Time> {
    let next = vpn.elected_at.filter(|_| flaps(vpn, now))? + ELECTION_WAIT;
    (next > now).then_some(next)
}

/// When a VPN that has no port loses the mark of its last one.
pub fn mark_lost_at(vpn: &Vpn, settings: &Settings) -> Option<Time> {
    vpn.port_none_since.filter(|_| vpn.last_port.is_some()).map(|since| since + settings.port_lost)
}

/// Whether an engine has the port on its VPN's network for something else, so that nobody can carry it there.
pub fn holds(engine: &Engine, vpn: VpnId, port: u16) -> bool {
    let own = engine.ports.is_some_and(|ports| ports.http == port || ports.https == Some(port));
    own && engine.seat.vpn() == Some(vpn)
}

/// Whether an engine may make place for a carrier: it serves nobody, on the same VPN.
pub fn may_make_place(engine: &Engine, vpn: VpnId, now: Time) -> bool {
    engine.is_engine()
        && engine.seat.vpn() == Some(vpn)
        && engine.state == State::Running
        && !engine.is_used(now)
        && engine.operation.is_none()
        && engine.condemned.is_none()
        && engine.leaving.is_none()
}
