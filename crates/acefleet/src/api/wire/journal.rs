//! The journal as it is told: what was decided and why.

use super::time::Moment;
use control::ids::OpId;
use control::journal::{Entry, Subject, What, Why};
use serde::Serialize;
use utoipa::ToSchema;

/// One decision, or one observation that decisions rest on.
#[derive(Clone, PartialEq, Serialize, ToSchema, Debug)]
pub struct JournalEntry {
    /// Counted up from one since the core began; a core that broke and was rebuilt counts anew.
    pub seq: u64,
    /// When.
    pub at: Moment,
    /// Whom it is about.
    pub subject: JournalSubject,
    /// What was decided or seen, in one word that stays the same.
    pub kind: &'static str,
    /// The same in a sentence, with the reasons and what should follow.
    pub sentence: String,
    /// The operation that it belongs to.
    pub operation: Option<String>,
}

/// Whom an entry is about.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema, Debug)]
pub struct JournalSubject {
    /// `fleet`, `docker`, `vpn`, `engine`, `container` or `stream`.
    #[schema(pattern = "^(fleet|docker|vpn|engine|container|stream)$")]
    pub kind: &'static str,
    /// Its name; a stream's is its id.
    pub name: Option<String>,
    /// Its container's id, or the stream's id.
    pub id: Option<String>,
}

impl From<&Entry> for JournalEntry {
    fn from(entry: &Entry) -> Self {
        Self {
            seq: entry.seq,
            at: Moment(entry.at),
            subject: (&entry.subject).into(),
            kind: entry.what.kind(),
            sentence: entry.to_string(),
            operation: operation(entry).map(|op| op.to_string()),
        }
    }
}

impl From<&Subject> for JournalSubject {
    fn from(subject: &Subject) -> Self {
        let (kind, name, id) = match subject {
            Subject::Fleet => ("fleet", None, None),
            Subject::Docker => ("docker", None, None),
            Subject::Vpn(_, name) => ("vpn", Some(name.to_string()), None),
            Subject::Engine(id, name) => ("engine", Some(name.to_string()), id.map(|id| id.to_string())),
            Subject::Container(id, name) => {
                ("container", Some(name.to_string()), id.map(|id| id.to_string()))
            }
            Subject::Stream(id) => ("stream", Some(id.to_string()), Some(id.to_string())),
        };
        Self { kind, name, id }
    }
}

/// The operation that an entry belongs to: its own, or that of the request that it follows from.
fn operation(entry: &Entry) -> Option<OpId> {
    let own = if let What::Refused(_, op)
    | What::FateUnknown(_, op)
    | What::FateFound(op)
    | What::FateReleased(op)
    | What::Requested(_, op)
    | What::RequestOver(op) = &entry.what
    {
        Some(*op)
    } else {
        None
    };
    own.or_else(|| entry.why.iter().find_map(|why| if let Why::Request(op) = why { Some(*op) } else { None }))
}
