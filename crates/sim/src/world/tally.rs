//! What a run amounted to, counted: faults, operations and how they ended, and the rarer turns of events.
//!
//! Counters only; nothing in the world reads them.

use super::deed::{Deed, Making, Request, Work};
use super::faults::FaultKind;
use control::event::Outcome;
use std::collections::BTreeMap;

/// The counters of one run.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Tally {
    /// Faults that were injected, by kind.
    pub faults: BTreeMap<FaultKind, u64>,
    /// Acefleet's operations, by kind and ending.
    pub operations: BTreeMap<(Operation, Ending), u64>,
    /// Everything that acefleet asked for.
    pub commands: u64,
    /// Requests of outside programs and people.
    pub requests: u64,
    /// Commands of any kind whose outcome acefleet was told to be unknown.
    pub unknown_outcomes: u64,
    /// Engines that came to exist after their creator had been told otherwise, or nothing, or had gone.
    pub late_arrivals: u64,
    /// Operations that Docker denied and carried out all the same.
    pub denials: u64,
    /// Viewers who came to the proxy.
    pub viewers: u64,
    /// Times a viewer was sent another session than before, or none.
    pub rerouted: u64,
    /// Viewers who were refused.
    pub refused: u64,
    /// How many times a VPN's forwarded port was another than its last one.
    pub port_changes: u64,
}

/// What changes a container.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[allow(missing_docs, reason = "Docker's own words")]
pub enum Operation {
    Create,
    Start,
    Restart,
    Stop,
    Remove,
}

/// How an operation ended, as far as acefleet learnt.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Ending {
    /// It was told that it was carried out.
    Done,
    /// It was told no.
    Refused,
    /// It was told that nobody knows.
    Unknown,
    /// It crashed before it was told.
    Unheard,
}

impl Operation {
    /// Docker's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Start => "start",
            Self::Restart => "restart",
            Self::Stop => "stop",
            Self::Remove => "remove",
        }
    }

    fn of(request: &Request) -> Option<Self> {
        match request.deed()? {
            Deed::Make(Making::Engine(..) | Making::Other(..)) => Some(Self::Create),
            Deed::To(_, Work::Start) => Some(Self::Start),
            Deed::To(_, Work::Restart(_)) => Some(Self::Restart),
            Deed::To(_, Work::Remove) => Some(Self::Remove),
            Deed::To(_, Work::Stop(_)) => Some(Self::Stop),
            Deed::Make(Making::Vpn(_) | Making::Foreign(..) | Making::Rival(_))
            | Deed::To(_, Work::Kill | Work::Pause | Work::Unpause) => None,
        }
    }
}

impl Ending {
    /// One word for tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
            Self::Unheard => "unheard",
        }
    }

    /// Four letters for the trace.
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refu",
            Self::Unknown => "unkn",
            Self::Unheard => "unhe",
        }
    }

    pub(super) const fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Done(_) => Self::Done,
            Outcome::Refused(_) => Self::Refused,
            Outcome::Unknown(_) => Self::Unknown,
        }
    }
}

impl Tally {
    pub(super) fn count_fault(&mut self, kind: FaultKind) {
        *self.faults.entry(kind).or_default() += 1;
    }

    pub(super) fn count_ending(&mut self, request: &Request, ending: Ending) {
        if ending == Ending::Unknown {
            self.unknown_outcomes += 1;
        }
        if let Some(operation) = Operation::of(request) {
            *self.operations.entry((operation, ending)).or_default() += 1;
        }
    }
}
