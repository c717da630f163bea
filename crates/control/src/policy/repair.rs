//! What is done about an engine that does not serve: wait, start, restart in place, or remove.
//!
//! A removed engine is replaced by scaling; nothing is created here.

use super::failover::{self, NETWORK_GONE_GRACE};
use super::leaving::{self, Course};
use super::offering::{self, Reason, Standing};
use crate::command::Cause;
use crate::docker::State;
use crate::engine::{Engine, Leaving};
use crate::mark::{Mark, Marks};
use crate::settings::Settings;
use crate::time::Time;
use crate::vpn::Vpn;
use core::time::Duration;

/// Docker's own restart gets this long before repair begins.
pub const DOCKER_RESTART_GRACE: Duration = Duration::from_secs(5);
/// As many exits as are remembered within this time are a crash loop.
pub const CRASH_LOOP_WINDOW: Duration = Duration::from_secs(600);

/// What to do about an engine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Remedy {
    /// Nothing; it is looked at again at this moment, or when something changes.
    Wait(Option<Time>),
    /// Look at it: what is known is too old to act on.
    LookAtEngine,
    /// Look at its VPN: what is known is too old to act on.
    LookAtVpn,
    /// Start it.
    Start(Cause),
    /// Restart it in place.
    Restart(Cause),
    /// Stop it, because it is to go and somebody still watches.
    Stop(Cause),
    /// Remove it.
    Remove(Cause),
    /// Its VPN's tunnel has been lost for so long that all but one of its engines go: `decide` picks.
    GiveUpHeld,
    /// It is to be restarted since its VPN's tunnel is back, one at a time: `decide` picks.
    RestartOwed,
    /// It has been unhealthy for too long: `decide` picks when it goes.
    Replace,
}

/// What a policy of repair may look at beside the engine.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// The VPN that the engine is seated on.
    pub vpn: Option<&'a Vpn>,
    /// Since when some VPN has been healthy.
    pub healthy_since: Option<Time>,
    /// Engines fail everywhere at once, so nothing is held against any of them.
    pub blind: bool,
    /// Now.
    pub now: Time,
    /// The operator's choices.
    pub settings: &'a Settings,
    /// Where branches are counted.
    pub marks: &'a Marks,
}

/// What to do about an engine of the standing last decided.
pub fn remedy(engine: &Engine, around: Surroundings<'_>) -> Remedy {
    if engine.operation.is_some() {
        return Remedy::Wait(None);
    }
    if let Some(until) = engine.retry.wait(around.now) {
        return Remedy::Wait(Some(until));
    }
    let reason = match engine.standing {
        Standing::Offered if engine.restart_owed => return Remedy::RestartOwed,
        Standing::Offered => return Remedy::Wait(None),
        Standing::Hidden(reason) => reason,
    };
    match (reason, engine.leaving) {
        (
            Reason::Leaving(_)
            | Reason::OutsideVpn
            | Reason::NotReconnected
            | Reason::Booting
            | Reason::Unhealthy,
            Some(leaving),
        ) => leave(engine, leaving, around),
        (reason, leaving) => match (by_reason(engine, reason, around), leaving) {
            // On its way out already: it is not repaired first.
            (Remedy::Start(_) | Remedy::Restart(_), Some(leaving)) => Remedy::Remove(leaving.cause),
            (remedy, _) => remedy,
        },
    }
}

fn by_reason(engine: &Engine, reason: Reason, around: Surroundings<'_>) -> Remedy {
    match reason {
        Reason::Condemned(cause) => Remedy::Remove(cause),
        Reason::NotRunning(state) => not_running(engine, state, around),
        Reason::VpnNetworkGone => network_gone(engine, around),
        Reason::Stranded => stranded(engine, around),
        Reason::VpnFailed => held(engine, around),
        Reason::Booting => booting(engine, around),
        Reason::NotReconnected => not_reconnected(engine, around),
        Reason::NotLookedAt
        | Reason::NoEngine
        | Reason::Starting
        | Reason::Restarting
        | Reason::Removing
        | Reason::VpnPending
        | Reason::OutsideVpn
        | Reason::Leaving(_) => Remedy::Wait(None),
        Reason::Unhealthy => unhealthy(engine, around),
    }
}

fn not_running(engine: &Engine, state: State, around: Surroundings<'_>) -> Remedy {
    match state {
        // A person paused it; it is his to let go on.
        State::Paused | State::Running => return Remedy::Wait(None),
        State::Created | State::Restarting | State::Removing | State::Exited | State::Dead => {}
    }
    if around.vpn.is_some_and(|vpn| vpn.current().is_none()) {
        return network_gone(engine, around);
    }
    let vpn_healthy = around.vpn.is_none_or(Vpn::is_healthy);
    let rejoins = around.vpn.is_none_or(|vpn| offering::can_rejoin(engine, vpn));
    let never_started = state == State::Created && engine.started_at.is_none();
    let ours = engine.created_by.is_some() && !engine.unexpected;
    if never_started && rejoins && (vpn_healthy || engine.witness) && ours {
        return Remedy::Start(Cause::Created);
    }
    if !engine.is_confirmed() {
        return Remedy::LookAtEngine;
    }
    if engine.crash_loops(around.now, CRASH_LOOP_WINDOW) {
        around.marks.hit(Mark::CrashLooperRemoved);
        return Remedy::Remove(Cause::CrashLooping);
    }
    let patience = engine.stopped_since.unwrap_or(around.now) + DOCKER_RESTART_GRACE;
    if rejoins && around.now < patience {
        return Remedy::Wait(Some(patience));
    }
    if rejoins && engine.inspected < Some(patience) {
        // Docker may have brought it back and nobody told.
        return Remedy::LookAtEngine;
    }
    if rejoins && !vpn_healthy && state != State::Dead {
        // It is started once its VPN is healthy. Until then its network is no worse off than its VPN.
        around.marks.hit(Mark::LeftoverWaits);
        return given_up(around).unwrap_or(Remedy::Remove(Cause::NotRunning));
    }
    if vpn_healthy && rejoins && !engine.is_carrier() && state != State::Dead && state != State::Removing {
        around.marks.hit(Mark::LeftoverStarted);
        return Remedy::Start(Cause::NotRunning);
    }
    around.marks.hit(Mark::LeftoverRemoved);
    Remedy::Remove(Cause::NotRunning)
}

fn network_gone(engine: &Engine, around: Surroundings<'_>) -> Remedy {
    let Some(vpn) = around.vpn else { return Remedy::Wait(None) };
    let Some(since) = vpn.gone_since else { return Remedy::Wait(None) };
    let lost_for_good = vpn.has_network() && !offering::can_rejoin(engine, vpn);
    let patience = since + NETWORK_GONE_GRACE;
    if around.now < patience && !lost_for_good {
        return Remedy::Wait(Some(patience));
    }
    if !vpn.is_confirmed() || (!lost_for_good && vpn.inspected < Some(patience)) {
        return Remedy::LookAtVpn;
    }
    around.marks.hit(Mark::NetworkGoneRemoved);
    Remedy::Remove(Cause::NetworkGone)
}

fn stranded(engine: &Engine, around: Surroundings<'_>) -> Remedy {
    let Some(vpn) = around.vpn else { return Remedy::Wait(None) };
    if !offering::can_rejoin(engine, vpn) {
        around.marks.hit(Mark::StrandedRecreated);
        return Remedy::Remove(Cause::StrandedForGood);
    }
    if vpn.is_healthy() {
        // Docker may have restarted it since; only a fresh look tells that it really is stranded.
        if !engine.is_confirmed() || engine.inspected < Some(vpn.network_since) {
            return Remedy::LookAtEngine;
        }
        if engine.is_carrier() {
            around.marks.hit(Mark::StrandedCarrierRemoved);
            return Remedy::Remove(Cause::StrandedCarrier);
        }
        around.marks.hit(Mark::StrandedRestarted);
        return Remedy::Restart(Cause::StrandedCanRejoin);
    }
    given_up(around).unwrap_or_else(|| {
        around.marks.hit(Mark::StrandedGivenUp);
        Remedy::Remove(Cause::NetworkGone)
    })
}

/// What to wait for before the engines of a failed VPN are given up; `None` if that time has come.
fn given_up(around: Surroundings<'_>) -> Option<Remedy> {
    let at = around.vpn.and_then(|vpn| failover::given_up_at(vpn, around.healthy_since, around.settings));
    match at {
        None => Some(Remedy::Wait(None)),
        Some(at) if at > around.now => Some(Remedy::Wait(Some(at))),
        Some(_) => None,
    }
}

fn held(engine: &Engine, around: Surroundings<'_>) -> Remedy {
    let boot_ends = (engine.witness && !engine.answers.proven).then(|| boot_ends(engine, around));
    if boot_ends.is_some_and(|ends| ends <= around.now) && !around.blind {
        around.marks.hit(Mark::BootFailedRemoved);
        return Remedy::Remove(Cause::BootFailed);
    }
    match given_up(around) {
        None if around.blind => Remedy::Wait(None),
        None => Remedy::GiveUpHeld,
        Some(Remedy::Wait(at)) => Remedy::Wait(at.into_iter().chain(boot_ends).min()),
        Some(remedy) => remedy,
    }
}

fn not_reconnected(engine: &Engine, around: Surroundings<'_>) -> Remedy {
    around.marks.hit(Mark::ReconnectWaitsForConnection);
    let since = engine.reconnects_since.unwrap_or(around.now);
    let ends = since + around.settings.boot_allowance();
    if around.now < ends || around.blind || engine.is_used(around.now) {
        // One that is used is left to those who watch it.
        let next = Some(ends).filter(|ends| *ends > around.now);
        return if engine.restart_owed { Remedy::RestartOwed } else { Remedy::Wait(next) };
    }
    around.marks.hit(Mark::BootFailedRemoved);
    Remedy::Remove(Cause::BootFailed)
}

fn unhealthy(engine: &Engine, around: Surroundings<'_>) -> Remedy {
    let since = engine.answers.unhealthy_since.unwrap_or(around.now);
    let ends = since + around.settings.health_unhealthy_grace_period;
    if around.now < ends {
        return Remedy::Wait(Some(ends));
    }
    // While its VPN is doubted, its silence may be its VPN's; unless another engine vouches for that.
    let suspect = |vpn: &Vpn| vpn.doubt.is_some() && vpn.checked.is_none_or(|checked| checked.connected == 0);
    if around.vpn.is_some_and(suspect) { Remedy::Wait(None) } else { Remedy::Replace }
}

fn leave(engine: &Engine, leaving: Leaving, around: Surroundings<'_>) -> Remedy {
    match leaving::course(engine, leaving, around.now, around.settings) {
        Course::Stays => Remedy::Wait(None),
        Course::Waits(until) => Remedy::Wait(Some(until)),
        Course::Goes => {
            around.marks.hit(Mark::HandedOff);
            Remedy::Remove(leaving.cause)
        }
        Course::CutsOff => {
            around.marks.hit(Mark::DrainedInTime);
            Remedy::Stop(leaving.cause)
        }
    }
}

fn booting(engine: &Engine, around: Surroundings<'_>) -> Remedy {
    let ends = boot_ends(engine, around);
    if around.now < ends || around.blind {
        return Remedy::Wait(Some(ends).filter(|ends| *ends > around.now));
    }
    around.marks.hit(Mark::BootFailedRemoved);
    Remedy::Remove(Cause::BootFailed)
}

/// Until when an engine may take to give its first good answer. Time in which its VPN was the problem does
/// not count against it.
pub fn boot_ends(engine: &Engine, around: Surroundings<'_>) -> Time {
    let since = engine.answers.running_since.unwrap_or(around.now);
    let healthy_since = around.vpn.filter(|vpn| vpn.is_healthy()).map(|vpn| vpn.verdict_since);
    since.max(healthy_since.unwrap_or(Time::ZERO)) + around.settings.boot_allowance()
}
