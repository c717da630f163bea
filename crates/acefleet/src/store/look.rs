//! A look at the file from outside: whose it is, and whether it could be used. Nothing is changed by it, and no SQLite
//! opens the file so that it would leave files of its own beside it.

use super::file::{self, VERSION_AT, Whose};
use super::tables::MIGRATIONS;
use super::trouble::Trouble;
use rusqlite::{Connection, OpenFlags};
use rustix::fs::{Access, access};
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// What a file is, seen from outside.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Seen {
    /// There is none yet, or it is ours.
    Ours,
    /// It is somebody else's, in these words; ours is, or will be, here.
    Anothers(&'static str, PathBuf),
}

/// Looks at the file that was chosen. `Err`: why it cannot be used, and what to do.
pub fn look(path: &Path) -> Result<Seen, String> {
    looked(path).map_err(|trouble| trouble.to_string())
}

fn looked(path: &Path) -> Result<Seen, Trouble> {
    let (seen, ours) = match file::whose(path)? {
        Whose::Nobodys | Whose::Ours => (Seen::Ours, path.to_owned()),
        Whose::Anothers => {
            let ours = file::beside(path);
            (Seen::Anothers(words_for(path), ours.clone()), ours)
        }
    };
    match file::whose(&ours)? {
        Whose::Ours => usable(&ours)?,
        Whose::Nobodys => folder(&ours)?,
        Whose::Anothers => {
            return Err(Trouble::Corrupt("it does not begin as a file of acefleet does".into()));
        }
    }
    Ok(seen)
}

/// A file that is there has to be one that may be written to, and not of a later time. SQLite makes others beside it.
fn usable(path: &Path) -> Result<(), Trouble> {
    folder(path)?;
    let file = OpenOptions::new().read(true).write(true).open(path);
    let file = file.map_err(|error| Trouble::of_reading(&error))?;
    let mut version = [0; 4];
    file.read_exact_at(&mut version, VERSION_AT).map_err(|error| Trouble::Corrupt(error.to_string()))?;
    let (found, known) = (u32::from_be_bytes(version) as usize, MIGRATIONS.len());
    if found > known { Err(Trouble::FromTheFuture { found, known }) } else { Ok(()) }
}

/// A folder that is missing can be made if what is there of its path is a folder that may be written to.
fn folder(path: &Path) -> Result<(), Trouble> {
    let above = path
        .ancestors()
        .skip(1)
        .map(|above| if above.as_os_str().is_empty() { Path::new(".") } else { above });
    let Some(there) = above.into_iter().find(|above| above.exists()) else { return Ok(()) };
    if !there.is_dir() {
        return Err(Trouble::Folder(there.to_owned(), io::ErrorKind::NotADirectory.into()));
    }
    access(there, Access::WRITE_OK | Access::EXEC_OK)
        .map_err(|refused| Trouble::Folder(there.to_owned(), refused.into()))
}

/// What somebody else's file is, in words. The orchestrator in Python is known by its tables.
pub(super) fn words_for(path: &Path) -> &'static str {
    if is_orchestrators(path).unwrap_or(false) {
        "the Python orchestrator's database"
    } else {
        "a file of another program"
    }
}

fn is_orchestrators(path: &Path) -> Option<bool> {
    // As something that never changes: then nothing is locked, and nothing made beside it.
    let mut address = url::Url::from_file_path(std::path::absolute(path).ok()?).ok()?;
    address.set_query(Some("immutable=1"));
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let file = Connection::open_with_flags(address.as_str(), flags).ok()?;
    let tables = "SELECT count(*) FROM sqlite_schema
        WHERE type = 'table' AND (name = 'streams' OR name = 'engines' AND sql LIKE '%engine_key%')";
    file.query_row(tables, (), |row| Ok(row.get::<_, i64>(0)? == 2)).ok()
}
