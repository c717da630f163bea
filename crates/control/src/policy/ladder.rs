//! The repair ladder: what is done about a VPN that has failed, and when, from waiting to restarting its container.
//!
//! Gluetun heals its own tunnel, and restarting its container strands every engine on it. So the ladder is climbed
//! slowly, one VPN at a time, and never while an engine of that VPN is connected. What a rung is made of, and that
//! only one VPN is mended at a time, is in `control::mend`.

use crate::docker::{Health, State};
use crate::event::TunnelStatus;
use crate::settings::Settings;
use crate::time::Time;
use crate::vpn::{ControlServer, Presence, Vpn};
use core::time::Duration;

/// A control server that has said so long that its tunnel is stopped will not start it by itself.
pub const STOPPED_FOR: Duration = Duration::from_secs(10);
/// A control server that does not heed it so many times is told no more: then the next rung is due.
pub const TOLD_TO_RUN_MAX: u32 = 2;
/// When no VPN is healthy it is nearly always the uplink, which no restart mends: then restarts wait so many times
/// longer.
const UPLINK_FACTOR: u32 = 5;
/// The longest wait between two restarts of a VPN's container.
const RESTART_WAIT_MAX: Duration = Duration::from_secs(1_800);

/// A step of the ladder.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Rung {
    /// Its control server is told to run the tunnel.
    TellToRun,
    /// Its tunnel is taken down and up again.
    Bounce,
    /// Its container is restarted.
    Restart,
    /// Its container, which somebody stopped, is started. Once.
    Start,
}

impl Rung {
    /// The rung in words.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::TellToRun => "its control server is told to run the tunnel",
            Self::Bounce => "its tunnel is bounced",
            Self::Restart => "its container is restarted",
            Self::Start => "its container is started",
        }
    }
}

/// How far a VPN's ladder has been climbed in its present failure.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Climbed {
    /// Steps taken.
    pub steps: u32,
    /// The network in which the tunnel was bounced.
    pub bounced_in: Option<u32>,
    /// How often its control server was told to run the tunnel.
    pub told_to_run: u32,
    /// Restarts of the container, and attempts to start it.
    pub restarts: u32,
    /// When the container was last restarted.
    pub restarted_at: Option<Time>,
    /// It was said that a person is needed.
    pub told: bool,
}

/// What the ladder says about a VPN.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// There is nothing to mend, or it mends itself; looked at again when something changes.
    Nothing,
    /// This rung is due at this moment, unless something changes.
    At(Time, Rung),
    /// This rung is due.
    Now(Rung),
    /// Only a person can mend it.
    NeedsPerson,
}

/// The next rung of a VPN. `connected`: an engine of it says that it reaches the network. `healthy_since`: since
/// when some VPN has carried on. What fails together usually recovers together, so the wait begins anew then.
pub fn next(vpn: &Vpn, connected: bool, healthy_since: Option<Time>, now: Time, settings: &Settings) -> Next {
    let Some(failure) = vpn.failure.filter(|_| vpn.is_failed() && !connected) else { return Next::Nothing };
    let (state, health) = match vpn.container {
        Presence::Present { state, health, .. } => (state, health),
        Presence::Missing => return Next::NeedsPerson,
        Presence::Unknown => return Next::Nothing,
    };
    let patience = settings.vpn_unhealthy_restart_timeout;
    match state {
        State::Running => {}
        State::Created | State::Exited | State::Dead if vpn.is_left_stopped() => return Next::NeedsPerson,
        // Docker would have brought it back: somebody has stopped it, and may not have meant to for long.
        State::Created | State::Exited | State::Dead => {
            let begins = [Some(failure.at), vpn.gone_since, vpn.climbed.restarted_at];
            let since = begins.into_iter().flatten().max().unwrap_or(failure.at);
            return due(since + doubled(patience, vpn.climbed.restarts), Rung::Start, now);
        }
        // Paused by a person, who alone knows why.
        State::Paused => return Next::NeedsPerson,
        State::Restarting | State::Removing => return Next::Nothing,
    }
    if health == Health::Starting {
        return Next::Nothing;
    }
    let climbed = vpn.climbed;
    if vpn.tunnel == Some(TunnelStatus::Stopped)
        && vpn.control_server == ControlServer::Answers
        && climbed.told_to_run < TOLD_TO_RUN_MAX
        && let Some(since) = vpn.stopped_since
    {
        return match vpn.stopped_confirmed {
            Some(confirmed) if confirmed.since(since) >= STOPPED_FOR => Next::Now(Rung::TellToRun),
            Some(_) | None => Next::At((since + STOPPED_FOR).max(now), Rung::TellToRun),
        };
    }
    // Another one that comes and goes does not keep this one waiting for ever.
    let recovery = healthy_since.map(|since| since.min(failure.at + patience * UPLINK_FACTOR));
    let begins = [Some(failure.at), Some(vpn.network_since), climbed.restarted_at, recovery];
    let since = begins.into_iter().flatten().max().unwrap_or(failure.at);
    let wait = if healthy_since.is_some() { patience } else { patience * UPLINK_FACTOR };
    let restart_at = since + doubled(wait, climbed.restarts);
    let can_bounce = vpn.tunnel == Some(TunnelStatus::Running)
        && vpn.control_server == ControlServer::Answers
        && climbed.bounced_in != Some(vpn.network_epoch);
    let bounce_at = since + patience / 2;
    if can_bounce && now < restart_at {
        return due(bounce_at, Rung::Bounce, now);
    }
    due(restart_at, Rung::Restart, now)
}

/// A wait that doubles with each attempt, up to half an hour.
fn doubled(wait: Duration, attempts: u32) -> Duration {
    (wait * 2_u32.saturating_pow(attempts.min(16))).min(RESTART_WAIT_MAX.max(wait))
}

fn due(at: Time, rung: Rung, now: Time) -> Next {
    if at <= now { Next::Now(rung) } else { Next::At(at, rung) }
}
