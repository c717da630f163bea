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
    /// Where the file should be, there is a folder.
    #[error(
        "it is a folder and not a file: Docker makes one where a file that is to be mounted does not exist. Remove it \
         and mount a folder of its own, or let DB_URL name a file in it"
    )]
    IsFolder,
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

/// Every word that there is for a trouble, as metrics name them.
pub const FAILURES: [&str; 9] =
    ["folder", "is_folder", "read_only", "full", "locked", "corrupt", "from_the_future", "disk", "other"];

impl Trouble {
    /// What reading the file itself, and not by SQLite, came to.
    pub(super) fn of_reading(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly,
            io::ErrorKind::IsADirectory => Self::IsFolder,
            _ => Self::Disk(error.to_string()),
        }
    }

    /// One word for it, for counting.
    pub(super) const fn word(&self) -> &'static str {
        match self {
            Self::Folder(..) => "folder",
            Self::IsFolder => "is_folder",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_trouble_is_counted_under_a_word_that_is_known_before() {
        let error = || io::Error::from(io::ErrorKind::Other);
        for trouble in [
            Trouble::Folder(PathBuf::new(), error()),
            Trouble::IsFolder,
            Trouble::ReadOnly,
            Trouble::Full,
            Trouble::Locked,
            Trouble::Corrupt(String::new()),
            Trouble::FromTheFuture { found: 2, known: 1 },
            Trouble::Disk(String::new()),
            Trouble::Other(String::new()),
        ] {
            assert!(FAILURES.contains(&trouble.word()), "{trouble:?}");
        }
    }
}
