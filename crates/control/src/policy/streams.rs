//! Which engine plays a stream, when it is moved, when it is over, and how long viewers wait.
//!
//! Nothing is opened or closed here, and no viewer is told anything.

use super::offering::{Reason, Standing};
use crate::docker::State;
use crate::engine::Engine;
use crate::mark::{Mark, Marks};
use crate::stream::{Session, Stream};
use crate::time::Time;
use alloc::collections::BTreeSet;
use core::time::Duration;

use crate::ids::ContainerId;

/// After the last viewer has left, a session is kept for this long: he may be zapping back.
pub const LINGER: Duration = Duration::from_secs(5);
/// So many engines are asked to open a content until it is given up.
pub const OPEN_ATTEMPTS_MAX: usize = 3;
/// A viewer who has not seen anything yet waits this long for a seat.
pub const NEW_VIEWER_WAITS: Duration = Duration::from_secs(60);
/// A viewer whose session was lost waits this long for another.
pub const LOST_VIEWER_WAITS: Duration = Duration::from_secs(180);
/// A viewer who was refused may try again after this long, unless better is known.
pub const RETRY_AFTER: Duration = Duration::from_secs(30);
/// A session that a healthy engine has not answered about for this long is stale.
pub const UNANSWERED_MAX: Duration = Duration::from_secs(300);
/// A session that nobody can ask about is stale after this long.
pub const UNASKABLE_MAX: Duration = Duration::from_secs(6 * 3_600);
/// An engine that says nothing for so long about a session that has fallen silent is not waited for.
pub const SILENT_AND_UNANSWERED_MAX: Duration = Duration::from_secs(1);
/// A source that stalls is the same everywhere; after this long another engine is tried all the same.
pub const STALL_MAX: Duration = Duration::from_secs(10);
/// A session that breaks sooner than this has not been a success.
pub const SUCCESS_AFTER: Duration = Duration::from_secs(60);
/// No more viewers than this at once.
pub const VIEWERS_MAX: usize = 1_000;

/// What an engine's standing means for the streams on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tenure {
    /// They stay.
    Keeps,
    /// They go elsewhere, and it may deliver until they have.
    Leaves,
    /// It delivers nothing any more.
    Lost,
}

/// What an engine's standing means for the streams on it.
pub const fn tenure(engine: &Engine) -> Tenure {
    match engine.standing {
        Standing::Offered => Tenure::Keeps,
        Standing::Hidden(reason) => match reason {
            Reason::NotLookedAt | Reason::VpnPending | Reason::NotReconnected | Reason::Booting => {
                Tenure::Keeps
            }
            Reason::OutsideVpn
            | Reason::Leaving(_)
            | Reason::Condemned(_)
            | Reason::VpnFailed
            | Reason::Unhealthy
            | Reason::NotRunning(State::Paused) => Tenure::Leaves,
            Reason::NoEngine
            | Reason::Starting
            | Reason::Restarting
            | Reason::Removing
            | Reason::NotRunning(_)
            | Reason::VpnNetworkGone
            | Reason::Stranded => Tenure::Lost,
        },
    }
}

/// What becomes of a session on `engine`, which may be gone.
pub fn tenure_of(session: &Session, engine: Option<&Engine>) -> Tenure {
    let Some(engine) = engine else { return Tenure::Lost };
    if session.broken || is_other_process(session, engine) { Tenure::Lost } else { tenure(engine) }
}

/// The engine's process is not the one that plays the session.
pub fn is_other_process(session: &Session, engine: &Engine) -> bool {
    match (session.process, engine.started_at) {
        (Some(then), Some(now)) => then != now,
        (None, _) | (_, None) => false,
    }
}

/// Seats that are taken on an engine. One that may be in use without anybody knowing has one taken.
pub fn seats_taken(engine: &Engine, now: Time) -> usize {
    engine.streams.len().max(usize::from(engine.is_used(now)))
}

/// How a seat is looked for.
#[derive(Clone, Copy)]
pub struct Search<'a> {
    /// Streams that an engine plays at once.
    pub seats_each: usize,
    /// An engine may play more than that, so that nobody is cut off.
    pub overcommits: bool,
    /// Engines that will not do.
    pub tried: &'a BTreeSet<ContainerId>,
    /// Now.
    pub now: Time,
}

/// Why an engine cannot take over a stream that a person sends there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unfit {
    /// It plays it already.
    PlaysIt,
    /// Viewers are not offered it.
    NotOffered,
    /// All its seats are taken: nobody is moved to where it is crowded.
    Full,
}

/// Why an engine cannot take over a stream that `present` plays.
pub fn unfit(engine: &Engine, present: Option<ContainerId>, seats_each: usize, now: Time) -> Option<Unfit> {
    if present == Some(engine.id) {
        Some(Unfit::PlaysIt)
    } else if engine.standing != Standing::Offered {
        Some(Unfit::NotOffered)
    } else if seats_taken(engine, now) >= seats_each {
        Some(Unfit::Full)
    } else {
        None
    }
}

/// The engine for a stream: fewest streams, then forwarded, then longest unused.
pub fn choose<'a>(
    engines: impl Iterator<Item = &'a Engine>,
    carriers: &[Option<ContainerId>],
    search: Search<'_>,
    marks: &Marks,
) -> Option<&'a Engine> {
    let fits = |engine: &&Engine| {
        let seat = search.overcommits || seats_taken(engine, search.now) < search.seats_each;
        engine.standing == Standing::Offered && seat && !search.tried.contains(&engine.id)
    };
    let order = |engine: &&Engine| {
        let forwarded = carriers.contains(&Some(engine.id));
        let number = super::naming::number(&engine.name);
        (seats_taken(engine, search.now), !forwarded, engine.last_stream_usage, number, engine.id)
    };
    let chosen = engines.filter(fits).min_by_key(order)?;
    if seats_taken(chosen, search.now) >= search.seats_each {
        marks.hit(Mark::StreamOvercommits);
    }
    Some(chosen)
}

/// Whether a session that has not been said to be over is believed to be all the same.
pub fn is_stale(session: &Session, engine: &Engine, now: Time) -> bool {
    let silent = now.since(session.heard_at);
    if session.stat_path.is_none() {
        return silent >= UNASKABLE_MAX;
    }
    is_healthy(engine) && silent >= UNANSWERED_MAX
}

/// When a session that has fallen silent is given up: soon if its engine does not answer for it either.
pub fn given_up_at(session: &Session) -> Time {
    session.quiet.map_or(Time::NEVER, |quiet| {
        quiet.since + if quiet.answered { STALL_MAX } else { SILENT_AND_UNANSWERED_MAX }
    })
}

/// A session that has fallen silent is to be played elsewhere, and stays until it is.
pub fn is_given_up(session: &Session, now: Time) -> bool {
    given_up_at(session) <= now
}

/// The engine has no excuse for not answering.
pub fn is_healthy(engine: &Engine) -> bool {
    engine.standing == Standing::Offered && engine.answers.failures == 0
}

/// When viewers who wait for a seat have waited long enough.
pub fn waits_until(stream: &Stream) -> Time {
    let patience = if stream.played { LOST_VIEWER_WAITS } else { NEW_VIEWER_WAITS };
    stream.waiting_since.map_or(Time::NEVER, |since| since + patience)
}
