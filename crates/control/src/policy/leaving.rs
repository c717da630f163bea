//! How a working engine is taken away: hidden first, so that nobody is sent to it any more, then removed.
//!
//! Between a client's list and its stream lie a cache and a start-up: HANDOFF_S covers both. Why an engine has to
//! leave is decided elsewhere.

use crate::command::Cause;
use crate::engine::{Engine, Leaving};
use crate::settings::Settings;
use crate::time::Time;

/// What becomes of an engine on its way out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Course {
    /// Somebody has come to watch, and nothing forces it to go: it stays.
    Stays,
    /// It is looked at again at this moment.
    Waits(Time),
    /// Nobody watches: it goes.
    Goes,
    /// Its viewers have had their time: it is asked to stop before it goes.
    CutsOff,
}

/// Whether an engine that leaves for this stays if somebody comes to watch after all.
pub const fn is_optional(cause: Cause) -> bool {
    matches!(
        cause,
        Cause::Surplus | Cause::Rebalanced | Cause::CarrierCame | Cause::Outdated | Cause::VpnDrained
    )
}

/// Whether an engine that leaves for this is better kept than another created.
pub const fn can_be_recalled(cause: Cause) -> bool {
    // The others make place for something that is still to come.
    matches!(cause, Cause::Surplus)
}

/// What becomes of an engine that leaves.
pub fn course(engine: &Engine, leaving: Leaving, now: Time, settings: &Settings) -> Course {
    let handed_off = leaving.since + settings.handoff;
    if !engine.is_used(now) {
        return if now < handed_off { Course::Waits(handed_off) } else { Course::Goes };
    }
    if is_optional(leaving.cause) {
        return Course::Stays;
    }
    // Those who watched when it was hidden count from then; those who came meanwhile from their coming.
    let drained = leaving.watched_since.unwrap_or(now) + settings.drain_timeout;
    let ends = drained.max(handed_off);
    if now < ends { Course::Waits(ends) } else { Course::CutsOff }
}
