//! The journal as it is told: what was decided and why.

use super::time::Moment;
use crate::journal::{Line, Numbered};
use serde::Serialize;
use utoipa::ToSchema;

/// One decision, or one observation that decisions rest on.
#[derive(Clone, PartialEq, Serialize, ToSchema, Debug)]
pub struct JournalEntry {
    /// Greater than that of every entry before it, whatever was restarted in between. Give it as `before` to read on.
    pub id: u64,
    /// Counted up from one since the core began; a core that broke and was rebuilt counts anew.
    pub seq: u64,
    /// When.
    pub at: Moment,
    /// Whom it is about.
    pub subject: JournalSubject,
    /// What was decided or seen, in one word that stays the same.
    pub kind: String,
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
    pub kind: String,
    /// Its name; a stream's is its id.
    pub name: Option<String>,
    /// Its container's id, or the stream's id.
    pub id: Option<String>,
}

impl From<Line> for JournalEntry {
    fn from(line: Line) -> Self {
        Self {
            id: line.id,
            seq: line.seq,
            at: Moment(line.at),
            subject: JournalSubject { kind: line.about.into_owned(), name: line.name, id: line.about_id },
            kind: line.kind.into_owned(),
            sentence: line.sentence,
            operation: line.concerns.operation.or(line.concerns.request),
        }
    }
}

impl From<&Numbered> for JournalEntry {
    fn from(numbered: &Numbered) -> Self {
        Line::of(numbered).into()
    }
}
