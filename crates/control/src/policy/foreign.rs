//! A foreign hand: somebody else creates or removes containers of ours. One or two are a person's business; more
//! in a short time are another program's, and working against it would only make it worse.
//!
//! A pure count. What counts as foreign is said where it is heard, in `control/foreign`.

use crate::time::Time;
use alloc::collections::VecDeque;
use core::time::Duration;

/// Acts within this time of each other belong together.
pub const WINDOW: Duration = Duration::from_secs(300);
/// So many in that time are still a person's business.
pub const TOLERATED: usize = 3;

/// What somebody else did to containers of ours, lately.
#[derive(Clone, Debug, Default)]
pub struct Hand {
    /// The latest acts, at most one more than is tolerated.
    acts: VecDeque<Time>,
    /// Since when it has been too many.
    since: Option<Time>,
}

impl Hand {
    /// Notes an act. True if it is one too many, and those before it were not.
    pub fn acts(&mut self, now: Time) -> bool {
        self.acts.push_back(now);
        if self.acts.len() > TOLERATED + 1 {
            self.acts.pop_front();
        }
        let too_many =
            self.acts.len() > TOLERATED && self.acts.front().is_some_and(|first| now.since(*first) <= WINDOW);
        if too_many && self.since.is_none() {
            self.since = Some(now);
            return true;
        }
        false
    }

    /// Since when it has been too many.
    pub const fn since(&self) -> Option<Time> {
        self.since
    }

    /// When it will have stopped, if nothing further happens; `None` unless it has been too many.
    pub fn rests_at(&self) -> Option<Time> {
        self.since?;
        self.acts.back().map(|last| *last + WINDOW)
    }

    /// Forgets what has stopped. True if it had been too many.
    pub fn rests(&mut self, now: Time) -> bool {
        let rests = self.rests_at().is_some_and(|at| at <= now);
        if rests {
            *self = Self::default();
        }
        rests
    }
}
