//! The driver's clock: Unix time at the start of the program, and from then on what has really passed, so that it
//! can be shown to a person and never runs backwards.

use control::Time;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// The clock. Copies agree.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    began: Instant,
    offset: Duration,
}

impl Clock {
    /// A clock that starts now.
    pub fn start() -> Self {
        let offset = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { began: Instant::now(), offset }
    }

    /// Now.
    pub fn now(&self) -> Time {
        Time::ZERO + (self.offset + self.began.elapsed())
    }

    /// The moment to sleep until.
    pub fn instant(&self, at: Time) -> Instant {
        let after = at.since(Time::ZERO + self.offset);
        // Nobody waits longer; `Time::NEVER` is not a moment that a timer can be set to.
        self.began + after.min(Duration::from_secs(365 * 24 * 3600))
    }
}
