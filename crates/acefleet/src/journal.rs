//! The journal as the outside knows it: entries of the core with a number that no other entry ever gets, in words,
//! and chosen by when they were written and whom they concern.
//!
//! The core counts its entries anew in each life; whoever pages through a journal that outlives the program, or
//! comes back to a stream of events, needs numbers that go on.

use control::Time;
use control::ids::OpId;
use control::journal::{Entry, Subject, What, Why};
use std::borrow::Cow;

/// The beginning of a container's id means the container from so many digits on.
pub const ID_PREFIX_MIN: usize = 12;
const NANOS_PER_MICRO: u64 = 1_000;
const NANOS_PER_MILLI: u64 = 1_000_000;

/// A moment in milliseconds, as it is told and kept: what is asked for by a moment is found by the same one.
pub const fn whole_millis(at: Time) -> u64 {
    at.as_nanos() / NANOS_PER_MILLI
}

/// An entry with its number.
#[derive(Clone, PartialEq, Debug)]
pub struct Numbered {
    /// Greater than that of every entry before it, of earlier lives too.
    pub id: u64,
    /// The entry.
    pub entry: Entry,
}

/// Hands out numbers: the microsecond at which an entry was written, or one more than the last.
#[derive(Default, Debug)]
pub struct Numbers {
    last: u64,
}

impl Numbers {
    /// The number of an entry that was written at this moment. `newest` is the greatest number that is known to have
    /// been used before: the machine's clock may have been set back since.
    pub fn next(&mut self, at: Time, newest: u64) -> u64 {
        self.last = (at.as_nanos() / NANOS_PER_MICRO).max(self.last + 1).max(newest.saturating_add(1));
        self.last
    }
}

/// An entry in words, as it is told and kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// Its number.
    pub id: u64,
    /// Its number within its core's life.
    pub seq: u64,
    /// When it was written.
    pub at: Time,
    /// What kind of thing it is about.
    pub about: Cow<'static, str>,
    /// The name of what it is about.
    pub name: Option<String>,
    /// The container's or the stream's id.
    pub about_id: Option<String>,
    /// What kind of entry it is.
    pub kind: Cow<'static, str>,
    /// All of it in a sentence.
    pub sentence: String,
    /// Whom it concerns.
    pub concerns: Concerns,
}

/// Whom an entry concerns: its subject, and who else is named in it.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Concerns {
    /// An engine's name, or that of another container of ours.
    pub engine: Option<String>,
    /// Its container's id.
    pub engine_id: Option<String>,
    /// A VPN's container's name.
    pub vpn: Option<String>,
    /// A stream's id.
    pub stream: Option<String>,
    /// The entry's own operation.
    pub operation: Option<String>,
    /// The operation of the request that it follows from.
    pub request: Option<String>,
}

impl Line {
    /// The words of an entry.
    pub fn of(numbered: &Numbered) -> Self {
        let Numbered { id, entry } = numbered;
        let (about, name, about_id) = match &entry.subject {
            Subject::Fleet => ("fleet", None, None),
            Subject::Docker => ("docker", None, None),
            Subject::Vpn(_, name) => ("vpn", Some(name.to_string()), None),
            Subject::Engine(id, name) => ("engine", Some(name.to_string()), id.map(|id| id.to_string())),
            Subject::Container(id, name) => {
                ("container", Some(name.to_string()), id.map(|id| id.to_string()))
            }
            Subject::Stream(id) => ("stream", Some(id.to_string()), Some(id.to_string())),
        };
        Self {
            id: *id,
            seq: entry.seq,
            at: entry.at,
            about: about.into(),
            name,
            about_id,
            kind: entry.what.kind().into(),
            sentence: entry.to_string(),
            concerns: Concerns::of(entry),
        }
    }
}

impl Concerns {
    /// Whom an entry concerns.
    pub fn of(entry: &Entry) -> Self {
        let mut concerns = match &entry.subject {
            Subject::Fleet | Subject::Docker => Self::default(),
            Subject::Vpn(_, name) => Self { vpn: Some(name.to_string()), ..Self::default() },
            Subject::Engine(id, name) | Subject::Container(id, name) => Self {
                engine: Some(name.to_string()),
                engine_id: id.map(|id| id.to_string()),
                ..Self::default()
            },
            Subject::Stream(id) => Self { stream: Some(id.to_string()), ..Self::default() },
        };
        if let What::Adopted { vpn: Some(vpn) } | What::Create { vpn: Some(vpn), .. } = &entry.what {
            concerns.vpn = Some(vpn.to_string());
        }
        if let What::StreamPlays(engine)
        | What::StreamMoves(engine)
        | What::OpenFailed(engine)
        | What::ReplaceCarrier { engine, .. } = &entry.what
        {
            concerns.engine = Some(engine.to_string());
        }
        if let What::Vouched(engine) | What::CheckFailed(engine) = &entry.what {
            concerns.engine_id = Some(engine.to_string());
        }
        concerns.operation = own_operation(&entry.what).map(|op| op.to_string());
        concerns.request = entry.why.iter().find_map(|why| match why {
            Why::Request(op) => Some(op.to_string()),
            _other => None,
        });
        concerns
    }
}

fn own_operation(what: &What) -> Option<OpId> {
    if let What::Refused(_, op)
    | What::FateUnknown(_, op)
    | What::FateFound(op)
    | What::FateReleased(op)
    | What::Requested(_, op)
    | What::RequestOver(op) = what
    {
        return Some(*op);
    }
    None
}

/// Which entries somebody wants: those to which all of it applies.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Filter {
    /// Written then or later.
    pub since: Option<Time>,
    /// Written then or earlier.
    pub until: Option<Time>,
    /// Of one of these kinds, if any is named.
    pub kinds: Vec<String>,
    /// It concerns this engine: name, id, or the beginning of it.
    pub engine: Option<String>,
    /// It concerns this VPN.
    pub vpn: Option<String>,
    /// It concerns this stream.
    pub stream: Option<String>,
    /// It belongs to this operation, or follows from the request that is known by it.
    pub operation: Option<String>,
    /// Its number is less.
    pub before: Option<u64>,
}

impl Filter {
    /// Whether it wants an entry. What is in the store is chosen by the same rules, in SQL.
    pub fn wants(&self, numbered: &Numbered) -> bool {
        let Numbered { id, entry } = numbered;
        let at = whole_millis(entry.at);
        let in_time = self.since.is_none_or(|since| whole_millis(since) <= at)
            && self.until.is_none_or(|until| at <= whole_millis(until))
            && self.before.is_none_or(|before| *id < before);
        let of_kind = self.kinds.is_empty() || self.kinds.iter().any(|kind| kind == entry.what.kind());
        in_time && of_kind && (!self.names_somebody() || self.concerns(&Concerns::of(entry)))
    }

    const fn names_somebody(&self) -> bool {
        self.engine.is_some() || self.vpn.is_some() || self.stream.is_some() || self.operation.is_some()
    }

    fn concerns(&self, concerns: &Concerns) -> bool {
        let is = |wanted: &Option<String>, there: &Option<String>| wanted.is_none() || wanted == there;
        let engine = self.engine.as_ref().is_none_or(|wanted| {
            let begins = |id: &String| wanted.len() >= ID_PREFIX_MIN && id.starts_with(wanted);
            concerns.engine.as_ref() == Some(wanted) || concerns.engine_id.as_ref().is_some_and(begins)
        });
        let operation = self.operation.is_none()
            || self.operation == concerns.operation
            || self.operation == concerns.request;
        engine && operation && is(&self.vpn, &concerns.vpn) && is(&self.stream, &concerns.stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_grow_whatever_the_clock_does() {
        let mut numbers = Numbers::default();
        let at = Time::from_secs(1_700_000_000);
        assert_eq!(numbers.next(at, 0), 1_700_000_000_000_000);
        assert_eq!(numbers.next(at, 0), 1_700_000_000_000_001);
        // The clock was set back before this life: what earlier lives have used is passed.
        assert_eq!(Numbers::default().next(Time::from_secs(5), 1_700_000_000_000_001), 1_700_000_000_000_002);
    }
}
