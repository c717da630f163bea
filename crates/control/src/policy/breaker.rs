//! Whether creating engines is worth trying: closed, open after so many failures in a row, then one trial.
//!
//! A pure state machine. What counts as a failure is said where it is heard, in `control/breakers`; here is only
//! what follows from it. What an operation came to says nothing any more once a later one has failed: operations
//! that were under way together when one of them failed count once.

use crate::ids::OpId;
use crate::time::Time;
use core::time::Duration;

/// Which breaker.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    /// For every creation but those of the other.
    General,
    /// For creations that replace engines which do not answer.
    Replacement,
}

impl Kind {
    /// Its name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::General => "general",
            Self::Replacement => "replacement",
        }
    }
}

/// One breaker.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Breaker {
    threshold: u32,
    recovery: Duration,
    phase: Phase,
    failures: u32,
    last_failure: Option<Time>,
    last_success: Option<Time>,
}

/// What a breaker lets pass.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Everything.
    Closed,
    /// Nothing, until this moment.
    Open {
        /// The moment of the next trial.
        until: Time,
    },
    /// One trial, and nothing else until that has come to something.
    HalfOpen {
        /// The trial under way.
        trial: Option<Trial>,
    },
}

/// One creation that is to tell whether others are worth trying.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Trial {
    /// The operation that creates.
    pub op: OpId,
    /// When it has come to nothing, and another is admitted.
    pub until: Time,
}

impl Breaker {
    /// A closed breaker that opens after `threshold` failures in a row, for `recovery`.
    pub const fn new(threshold: u32, recovery: Duration) -> Self {
        Self {
            threshold,
            recovery,
            phase: Phase::Closed,
            failures: 0,
            last_failure: None,
            last_success: None,
        }
    }

    /// What it lets pass.
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// Failures in a row.
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// After how many it opens.
    pub const fn threshold(&self) -> u32 {
        self.threshold
    }

    /// For how long it opens.
    pub const fn recovery(&self) -> Duration {
        self.recovery
    }

    /// When the last failure was counted.
    pub const fn last_failure(&self) -> Option<Time> {
        self.last_failure
    }

    /// When the last success was counted.
    pub const fn last_success(&self) -> Option<Time> {
        self.last_success
    }

    /// The moment until which nothing may be tried; `None` if now.
    pub fn wait(&self, now: Time) -> Option<Time> {
        match self.phase {
            Phase::Closed | Phase::HalfOpen { trial: None } => None,
            Phase::Open { until } => Some(until).filter(|until| *until > now),
            Phase::HalfOpen { trial: Some(trial) } => Some(trial.until).filter(|until| *until > now),
        }
    }

    /// Notes that something is tried: a trial, unless it is closed. True if so.
    pub fn tried(&mut self, op: OpId, now: Time, patience: Duration) -> bool {
        match self.phase {
            Phase::Closed => false,
            Phase::Open { .. } | Phase::HalfOpen { .. } => {
                self.phase = Phase::HalfOpen { trial: Some(Trial { op, until: now + patience }) };
                true
            }
        }
    }

    /// Whether what an operation that was sent at `issued` came to still says something.
    fn heeds(&self, issued: Time) -> bool {
        self.last_failure.is_none_or(|failed| issued > failed)
    }

    /// An operation that was sent at `issued` failed. True if the breaker opens because of it.
    pub fn failed(&mut self, issued: Time, now: Time) -> bool {
        if !self.heeds(issued) {
            return false;
        }
        self.last_failure = Some(now);
        self.failures = self.failures.saturating_add(1);
        let opens = match self.phase {
            Phase::Closed => self.failures >= self.threshold,
            Phase::HalfOpen { .. } => true,
            Phase::Open { .. } => false,
        };
        if opens {
            self.phase = Phase::Open { until: now + self.recovery };
        }
        opens
    }

    /// An operation that was sent at `issued` led to an engine that answers. True if the breaker closes.
    pub fn succeeded(&mut self, issued: Time, now: Time) -> bool {
        if !self.heeds(issued) {
            return false;
        }
        self.last_success = Some(now);
        self.failures = 0;
        core::mem::replace(&mut self.phase, Phase::Closed) != Phase::Closed
    }

    /// An operation came to nothing that speaks about creating: if it was the trial, another is admitted.
    pub fn abandoned(&mut self, op: OpId) {
        if let Phase::HalfOpen { trial: Some(trial) } = self.phase
            && trial.op == op
        {
            self.phase = Phase::HalfOpen { trial: None };
        }
    }

    /// Closes it, because a person says so. Failures of what is under way do not open it again.
    pub fn reset(&mut self, now: Time) {
        self.phase = Phase::Closed;
        self.failures = 0;
        self.last_failure = self.last_failure.map(|_| now);
    }
}
