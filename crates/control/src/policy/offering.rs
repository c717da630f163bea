//! Which engines are offered to viewers, and why the others are not.
//!
//! The clients of the API never drop an engine by themselves: what must not be used must not be listed.
//! Hiding is all that happens here; repair is another policy.

use crate::command::Cause;
use crate::docker::{Network, State};
use crate::engine::{Engine, Seat};
use crate::settings::Settings;
use crate::time::Time;
use crate::vpn::{Verdict, Vpn};

/// Whether an engine is offered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// Listed: new viewers may be sent to it.
    Offered,
    /// Not listed, and why.
    Hidden(Reason),
}

impl Default for Standing {
    fn default() -> Self {
        Self::Hidden(Reason::NotLookedAt)
    }
}

/// Why an engine is not offered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Reason {
    /// It has not been inspected yet.
    NotLookedAt,
    /// It is a container of ours without an HTTP port.
    NoEngine,
    /// It is outside the VPNs' networks although VPNs are configured: it leaks.
    OutsideVpn,
    /// It is decided to go.
    Condemned(Cause),
    /// It is being started.
    Starting,
    /// It is being restarted.
    Restarting,
    /// It is being removed.
    Removing,
    /// It does not run.
    NotRunning(State),
    /// Its VPN has not been seen healthy yet.
    VpnPending,
    /// Its VPN has no network.
    VpnNetworkGone,
    /// Its VPN has failed and its network is intact.
    VpnFailed,
    /// It runs in a network that its VPN no longer has.
    Stranded,
    /// Its VPN's tunnel is back, and it has not been connected since.
    NotReconnected,
    /// It has not given a good answer since it was started.
    Booting,
    /// It does not answer any more.
    Unhealthy,
    /// It works, and is on its way out.
    Leaving(Cause),
}

impl Reason {
    /// The reason in words.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::NotLookedAt => "not looked at yet",
            Self::NoEngine => "it tells no HTTP port, so it is no engine",
            Self::OutsideVpn => "it is outside the VPNs' networks",
            Self::Condemned(_) => "it is decided to go",
            Self::Starting => "it is being started",
            Self::Restarting => "it is being restarted",
            Self::Removing => "it is being removed",
            Self::NotRunning(_) => "it does not run",
            Self::VpnPending => "its VPN is not healthy yet",
            Self::VpnNetworkGone => "its VPN's network is gone",
            Self::VpnFailed => "its VPN's tunnel is lost",
            Self::Stranded => "its VPN has another network now",
            Self::NotReconnected => "it is not connected again yet",
            Self::Booting => "it has not answered yet",
            Self::Unhealthy => "it does not answer any more",
            Self::Leaving(_) => "it is on its way out",
        }
    }
}

/// Whether an engine is in the network that its VPN has now.
pub fn in_current_network(engine: &Engine, vpn: &Vpn) -> bool {
    let Some(current) = vpn.current() else { return false };
    let joined = match &engine.network {
        Network::Container(id) => *id == current.container,
        Network::ContainerNamed(name) => name == vpn.name(),
        Network::Own(_) => false,
    };
    joined && engine.started_at.is_some_and(|started| started > current.started_at)
}

/// Whether restarting an engine in place would bring it into its VPN's present network.
pub fn can_rejoin(engine: &Engine, vpn: &Vpn) -> bool {
    match &engine.network {
        Network::Container(id) => vpn.container_id() == Some(*id),
        Network::ContainerNamed(name) => name == vpn.name(),
        Network::Own(_) => false,
    }
}

/// Whether an engine can be asked at all: its process runs where its port can be reached.
pub fn can_be_probed(engine: &Engine, vpn: Option<&Vpn>) -> bool {
    let network = vpn.is_none_or(|vpn| in_current_network(engine, vpn));
    engine.is_engine() && engine.state == State::Running && engine.inspected.is_some() && network
}

/// Whether an engine is offered now. `vpn` is the one it is seated on, if any.
pub fn standing(engine: &Engine, vpn: Option<&Vpn>, blind: bool, settings: &Settings) -> Standing {
    match hidden_because(engine, vpn, blind, settings) {
        Some(reason) => Standing::Hidden(reason),
        None => Standing::Offered,
    }
}

fn hidden_because(engine: &Engine, vpn: Option<&Vpn>, blind: bool, settings: &Settings) -> Option<Reason> {
    if !engine.is_engine() {
        return Some(Reason::NoEngine);
    }
    if let Some((_, changing)) = engine.operation {
        return Some(changing.reason());
    }
    if let Some(cause) = engine.condemned {
        return Some(Reason::Condemned(cause));
    }
    if engine.seat == Seat::Elsewhere {
        return Some(Reason::OutsideVpn);
    }
    if engine.state != State::Running {
        return Some(Reason::NotRunning(engine.state));
    }
    if engine.inspected.is_none() {
        return Some(Reason::NotLookedAt);
    }
    if let Some(vpn) = vpn
        && let Some(reason) = hidden_by_vpn(engine, vpn)
    {
        return Some(reason);
    }
    let forgiven = blind && engine.answers.worked;
    if !engine.answers.proven && !forgiven {
        return Some(Reason::Booting);
    }
    if engine.answers.failures >= settings.health_failure_threshold && !blind {
        return Some(Reason::Unhealthy);
    }
    engine.leaving.map(|leaving| Reason::Leaving(leaving.cause))
}

fn hidden_by_vpn(engine: &Engine, vpn: &Vpn) -> Option<Reason> {
    if vpn.current().is_none() {
        return Some(Reason::VpnNetworkGone);
    }
    if !in_current_network(engine, vpn) {
        return Some(Reason::Stranded);
    }
    match vpn.verdict {
        Verdict::Pending => Some(Reason::VpnPending),
        Verdict::Failed => Some(Reason::VpnFailed),
        Verdict::Healthy => engine.reconnects_since.map(|_| Reason::NotReconnected),
    }
}

/// What an engine means for the number that should serve.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Prospect {
    /// It serves, or boots within its allowance.
    Serving,
    /// It will serve soon: it is being started or repaired, or is about to be.
    Coming,
    /// It does not count.
    Lost,
}

/// What an engine of this standing means for the number that should serve. `crash_looping` says that it is
/// not worth waiting for.
///
/// `goes_now` says that its removal is a matter of moments: the one that replaces it waits for its name and its
/// port, so that numbers stay low.
pub fn prospect(
    engine: &Engine,
    vpn: Option<&Vpn>,
    now: Time,
    crash_looping: bool,
    goes_now: bool,
) -> Prospect {
    let vpn_healthy = vpn.is_none_or(Vpn::is_healthy);
    if engine.leaving.is_some() {
        return Prospect::Lost;
    }
    match engine.standing {
        Standing::Offered => Prospect::Serving,
        Standing::Hidden(reason) => match reason {
            Reason::Booting | Reason::NotReconnected => Prospect::Serving,
            // Its VPN is being asked about for the first time: the answer is a matter of moments.
            Reason::VpnPending if vpn.is_some_and(|vpn| vpn.check.is_some()) => Prospect::Coming,
            Reason::NotLookedAt => Prospect::Coming,
            Reason::Starting | Reason::Restarting if vpn_healthy => Prospect::Coming,
            Reason::Removing if goes_now => Prospect::Coming,
            Reason::NotRunning(_) => {
                let rejoins = vpn.is_none_or(|vpn| can_rejoin(engine, vpn));
                // Whatever our own next attempt waits for, Docker's may be under way.
                let soon = engine.stopped_lately(now) || engine.retry.wait(now).is_none();
                if vpn_healthy && rejoins && soon && !crash_looping {
                    Prospect::Coming
                } else {
                    Prospect::Lost
                }
            }
            Reason::Stranded if vpn_healthy && vpn.is_some_and(|vpn| can_rejoin(engine, vpn)) => {
                Prospect::Coming
            }
            Reason::NoEngine
            | Reason::OutsideVpn
            | Reason::Condemned(_)
            | Reason::Starting
            | Reason::Restarting
            | Reason::Removing
            | Reason::VpnPending
            | Reason::VpnNetworkGone
            | Reason::VpnFailed
            | Reason::Stranded
            | Reason::Unhealthy
            | Reason::Leaving(_) => Prospect::Lost,
        },
    }
}
