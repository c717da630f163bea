//! The file: whose it is, how it is made, opened and moved aside.
//!
//! A file that somebody else has written is left as it is. One of ours that is damaged is moved aside and never
//! deleted: what is in it may still be worth something.

use super::tables::MIGRATIONS;
use super::trouble::Trouble;
use rusqlite::{Connection, OpenFlags};
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Written into our files, so that those of others are told from them.
const APPLICATION_ID: i32 = 0x0ace_f1ee;
/// How every SQLite file begins.
const MAGIC: &[u8] = b"SQLite format 3\0";
/// Where its head has the application's id, and how long it is.
const APPLICATION_ID_AT: usize = 68;
const HEAD_BYTES: usize = 100;
/// Where it has the version of the tables.
pub(super) const VERSION_AT: u64 = 60;
/// Another process may hold the file for so long.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(2);
/// What is in the log of a file that is to be bounded is written to the file itself before the log is longer.
const LOG_BYTES_MAX: u32 = 8 << 20;
/// What the connection that writes holds of the file in memory.
const CACHE_KIB: i32 = 1_024;

/// The file, open for writing.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) connection: Connection,
    /// Where it is: beside the path that was chosen, if that holds somebody else's.
    pub(super) path: PathBuf,
    identity: (u64, u64),
}

impl Opened {
    /// Whether the file is still where it was opened. One that was removed would take everything and keep nothing.
    pub(super) fn is_in_place(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|found| (found.dev(), found.ino()) == self.identity)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Whose {
    /// There is nothing, or nothing in it.
    Nobodys,
    Ours,
    Anothers,
}

/// Where our file is if this one is somebody else's.
pub(super) fn beside(path: &Path) -> PathBuf {
    path.with_extension("acefleet.db")
}

/// Where the file is, or is going to be.
pub(super) fn place(path: &Path) -> Result<PathBuf, Trouble> {
    Ok(match whose(path)? {
        Whose::Nobodys | Whose::Ours => path.to_owned(),
        Whose::Anothers => beside(path),
    })
}

/// Opens the file for writing, and makes it first if there is none.
pub(super) fn open(path: &Path) -> Result<Opened, Trouble> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder {
        fs::create_dir_all(folder).map_err(|source| Trouble::Folder(folder.to_owned(), source))?;
    }
    let path = place(path)?;
    match whose(&path)? {
        Whose::Nobodys => make(&path)?,
        Whose::Ours => {}
        Whose::Anothers => {
            return Err(Trouble::Corrupt("it does not begin as a file of acefleet does".into()));
        }
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(&path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    let found = version(&connection)?;
    if found > MIGRATIONS.len() {
        return Err(Trouble::FromTheFuture { found, known: MIGRATIONS.len() });
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // A power cut may cost the last seconds; the death of the program costs nothing that was committed.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "journal_size_limit", LOG_BYTES_MAX)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    migrate(&mut connection, found)?;
    let found = fs::metadata(&path).map_err(|error| Trouble::Disk(error.to_string()))?;
    Ok(Opened { connection, identity: (found.dev(), found.ino()), path })
}

/// Opens the file for reading alone.
pub(super) fn open_to_read(path: &Path) -> Result<Connection, rusqlite::Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}

/// Moves a damaged file out of the way, with what SQLite keeps beside it, and says where it is now.
pub(super) fn move_aside(path: &Path) -> io::Result<PathBuf> {
    let to = aside(path);
    move_log_aside(path, &to)?;
    fs::rename(path, &to)?;
    Ok(to)
}

/// A name that nothing has yet.
fn aside(path: &Path) -> PathBuf {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let named = |number: u32| with_suffix(path, &format!(".damaged-{now}-{number}"));
    (1..).map(named).find(|to| !to.exists()).unwrap_or_else(|| named(0))
}

fn move_log_aside(path: &Path, to: &Path) -> io::Result<()> {
    for part in ["-wal", "-shm"] {
        match fs::rename(with_suffix(path, part), with_suffix(to, part)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(suffix);
    name.into()
}

pub(super) fn whose(path: &Path) -> Result<Whose, Trouble> {
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Whose::Nobodys),
        Err(error) => return Err(Trouble::of_reading(&error)),
    };
    let mut head = Vec::with_capacity(HEAD_BYTES);
    let read = file.take(HEAD_BYTES as u64).read_to_end(&mut head);
    // A folder can be opened, and not be read.
    read.map_err(|error| Trouble::of_reading(&error))?;
    if head.is_empty() {
        return Ok(Whose::Nobodys);
    }
    let id = head.get(APPLICATION_ID_AT..APPLICATION_ID_AT + 4);
    let is_ours = head.starts_with(MAGIC) && id == Some(&APPLICATION_ID.to_be_bytes());
    Ok(if is_ours { Whose::Ours } else { Whose::Anothers })
}

/// Makes a file with its tables. It gets its name when it is whole, so that a file with that name always says whose
/// it is; one that is there already, and empty, is filled where it is: it may be mounted there.
fn make(path: &Path) -> Result<(), Trouble> {
    if path.exists() {
        return fill(path);
    }
    let new = with_suffix(path, ".new");
    match fs::remove_file(&new) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Err(Trouble::ReadOnly),
        Ok(()) | Err(_) => {}
    }
    fill(&new)?;
    // The log of a file that somebody has removed would be taken for that of the new one.
    move_log_aside(path, &aside(path))
        .and_then(|()| fs::rename(&new, path))
        .map_err(|error| Trouble::Disk(error.to_string()))
}

fn fill(path: &Path) -> Result<(), Trouble> {
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // Pages that pruning has emptied can be given back.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    migrate(&mut connection, 0)
}

fn version(connection: &Connection) -> Result<usize, Trouble> {
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok(usize::try_from(found).unwrap_or(usize::MAX))
}

/// Takes the tables from one version to the present one, all of it or nothing.
fn migrate(connection: &mut Connection, from: usize) -> Result<(), Trouble> {
    let steps = &MIGRATIONS[from..];
    if steps.is_empty() {
        return Ok(());
    }
    let changes = connection.transaction()?;
    for step in steps {
        changes.execute_batch(step)?;
    }
    changes.pragma_update(None, "user_version", i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX))?;
    Ok(changes.commit()?)
}
