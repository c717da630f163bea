//! What can be wrong with the store's file, in words for whoever has to mend it.

use rusqlite::{Error, ErrorCode};
use std::io;
use std::path::PathBuf;

/// What is wrong.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// The folder cannot be used.
    #[error(
        "its folder {0} cannot be made or used ({1}): make it, or let DB_URL name one that acefleet may write to"
    )]
    Folder(PathBuf, io::Error),
    /// Nothing may be written.
    #[error("the file, or its folder, may not be written to: give acefleet's user the right to")]
    ReadOnly,
    /// There is no room.
    #[error("the disk is full: make room, or set HISTORY_MAX_MB lower")]
    Full,
    /// Somebody else has it.
    #[error("another program holds it locked: end whatever has it open")]
    Locked,
    /// What is in it is not what was written.
    #[error("it is damaged ({0})")]
    Corrupt(String),
    /// A later program has changed the tables.
    #[error(
        "it was written by a newer acefleet (version {found} of the tables; this one knows {known}): start that one, \
         or let DB_URL name another file"
    )]
    FromTheFuture {
        /// What it says.
        found: usize,
        /// What is known here.
        known: usize,
    },
    /// The disk fails.
    #[error("the disk fails ({0})")]
    Disk(String),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl Trouble {
    /// One word for it, for counting.
    pub(super) const fn word(&self) -> &'static str {
        match self {
            Self::Folder(..) => "folder",
            Self::ReadOnly => "read_only",
            Self::Full => "full",
            Self::Locked => "locked",
            Self::Corrupt(_) => "corrupt",
            Self::FromTheFuture { .. } => "from_the_future",
            Self::Disk(_) => "disk",
            Self::Other(_) => "other",
        }
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        let Some(code) = error.sqlite_error_code() else { return Self::Other(error.to_string()) };
        if code == ErrorCode::DiskFull {
            Self::Full
        } else if matches!(code, ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) {
            Self::ReadOnly
        } else if matches!(code, ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) {
            Self::Locked
        } else if matches!(code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) {
            Self::Corrupt(error.to_string())
        } else if code == ErrorCode::SystemIoFailure {
            Self::Disk(error.to_string())
        } else {
            Self::Other(error.to_string())
        }
    }
}
