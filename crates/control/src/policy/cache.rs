//! When an engine's cache is cleared: once it has become idle, seldom, and never when the fleet is short.

use crate::engine::Engine;
use crate::policy::offering::Standing;
use crate::time::Time;
use core::time::Duration;

/// An engine's cache is cleared at most this often.
pub const CLEARED_AT_MOST_EVERY: Duration = Duration::from_secs(600);

/// What is to be done about an engine's cache.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Clearing {
    /// Nothing: it has not been used since it was last cleared, or is in use.
    NotDue,
    /// Not yet. The moment, if it is known.
    Later(Option<Time>),
    /// Now.
    Now,
}

/// Whether an engine's cache is to be cleared now. `emergency`: some VPN failed while another is healthy.
pub fn clearing(engine: &Engine, emergency: bool, now: Time) -> Clearing {
    let cache = &engine.cache;
    if !cache.owed || engine.is_used(now) {
        return Clearing::NotDue;
    }
    let works = engine.standing == Standing::Offered && engine.is_confirmed() && engine.operation.is_none();
    if emergency || !works || cache.clearing.is_some() {
        return Clearing::Later(None);
    }
    let rests_until = cache.tried_at.map(|at| at + CLEARED_AT_MOST_EVERY).filter(|at| *at > now);
    let leased_until = engine.leased_until.filter(|_| engine.is_leased(now));
    match rests_until.max(leased_until) {
        Some(at) => Clearing::Later(Some(at)),
        None => Clearing::Now,
    }
}
