//! Rebuilds: a core that broke is dropped and built anew. One that breaks again and again is not to be trusted with
//! containers: it only observes for a while, and then tries again.
//!
//! A pure count of moments. Who catches a broken core and keeps these moments is the driver's business.

use crate::time::Time;
use core::time::Duration;

/// Rebuilds within this time of each other belong together.
pub const WINDOW: Duration = Duration::from_secs(600);
/// So many in that time are too many.
pub const TOO_MANY: usize = 3;
/// Nothing is done to containers for this long after one that was too many.
pub const REST: Duration = Duration::from_secs(600);
/// After each rebuild nothing is done to containers for this long: what the core before has sent is not known to this
/// one until it can be seen. What takes even longer is a late arrival, as after any crash.
pub const SETTLES: Duration = Duration::from_secs(5);
/// Moments that the driver keeps: enough to recognise a rest that began before the latest rebuild.
pub const KEPT: usize = 8;

/// How many of these moments are recent.
pub fn lately(times: &[Time], now: Time) -> usize {
    times.iter().filter(|at| now.since(**at) <= WINDOW).count()
}

/// Until when nothing is done to containers; `None` if there were never too many. The moments are in order.
pub fn rests_until(times: &[Time]) -> Option<Time> {
    let too_many = |group: &&[Time]| group[TOO_MANY - 1].since(group[0]) <= WINDOW;
    times.windows(TOO_MANY).filter(too_many).map(|group| group[TOO_MANY - 1] + REST).max()
}
