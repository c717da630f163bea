//! The table of sessions that other programs have announced, and the thread that keeps it.
//!
//! What is to be kept is told as a whole; only the latest telling counts, so nothing queues up behind a slow disk.

use control::command::{Content, KeyType};
use control::event::RememberedStream;
use control::ids::ContainerId;
use control::time::Time;
use rusqlite::{Connection, OpenFlags, params};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tracing::{error, info, warn};

/// What was announced and is live, as last written; or why nobody knows.
pub type Remembered = Result<Vec<RememberedStream>, String>;

/// Written into our files, so that those of others are told from them.
const APPLICATION_ID: i32 = 0x0ace_f1ee;
/// Another process may hold the file for so long.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);
/// Whoever asks what is remembered goes on without after so long: a disk may hang for ever.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// What could not be written is tried again after so long.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// The steps from one version of the tables to the next.
const MIGRATIONS: [&str; 1] = ["CREATE TABLE announced (
    stream TEXT PRIMARY KEY,
    engine TEXT NOT NULL,
    key_type TEXT NOT NULL,
    key TEXT NOT NULL,
    playback_session_id TEXT NOT NULL,
    stat_path TEXT,
    command_path TEXT,
    is_live INTEGER NOT NULL,
    started_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID"];

/// The store. It writes what is left when it is closed, or dropped.
#[derive(Debug)]
pub struct Store {
    desk: Arc<Desk>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Where the thread finds its work.
#[derive(Default, Debug)]
struct Desk {
    work: Mutex<Work>,
    bell: Condvar,
}

#[derive(Default, Debug)]
struct Work {
    keep: Option<Vec<RememberedStream>>,
    asked: Vec<oneshot::Sender<Remembered>>,
    closing: bool,
}

#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("{0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error(
        "it was written by a newer acefleet (version {0} of the tables; this one knows {known})",
        known = MIGRATIONS.len()
    )]
    FromTheFuture(usize),
    #[error("{0}")]
    Folder(#[from] std::io::Error),
}

impl Store {
    /// A store in this file. Whatever is wrong with it, this succeeds.
    pub fn at(path: PathBuf) -> Self {
        let desk = Arc::new(Desk::default());
        let thread = std::thread::Builder::new().name("store".into()).spawn({
            let desk = desk.clone();
            move || Keeper { path, database: None, written: BTreeMap::new(), told: false }.work(&desk)
        });
        if let Err(error) = &thread {
            error!(%error, "no thread for the store: announced streams will not outlive a restart");
        }
        Self { desk, thread: Mutex::new(thread.ok()) }
    }

    /// What was announced and is live, as last written.
    pub async fn remembered(&self) -> Remembered {
        let (tell, told) = oneshot::channel();
        self.desk.work().asked.push(tell);
        self.desk.bell.notify_one();
        match timeout(ANSWER_WITHIN, told).await {
            Ok(Ok(remembered)) => remembered,
            Ok(Err(_)) => Err("the store's thread has ended".into()),
            Err(_) => Err(format!("the disk has not answered within {} s", ANSWER_WITHIN.as_secs())),
        }
    }

    /// From now on exactly these are to be remembered.
    pub fn keep(&self, streams: Vec<RememberedStream>) {
        self.desk.work().keep = Some(streams);
        self.desk.bell.notify_one();
    }
}

impl Store {
    /// Writes what is left, and waits until that is done. Not for a thread that others wait for.
    pub fn close(&self) {
        self.desk.work().closing = true;
        self.desk.bell.notify_one();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            drop(thread.join());
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.close();
    }
}

impl Desk {
    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread.
struct Keeper {
    path: PathBuf,
    database: Option<Connection>,
    written: BTreeMap<Arc<str>, RememberedStream>,
    /// The present trouble has been said.
    told: bool,
}

impl Keeper {
    fn work(mut self, desk: &Desk) {
        let mut unwritten: Option<Vec<RememberedStream>> = None;
        loop {
            let mut work = desk.work();
            while work.keep.is_none() && work.asked.is_empty() && !work.closing {
                if unwritten.is_none() {
                    work = desk.bell.wait(work).unwrap_or_else(PoisonError::into_inner);
                    continue;
                }
                let waited = desk.bell.wait_timeout(work, RETRY_AFTER);
                let (again, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
                work = again;
                if timeout.timed_out() {
                    break;
                }
            }
            let asked = std::mem::take(&mut work.asked);
            let keep = work.keep.take().or_else(|| unwritten.take());
            let closing = work.closing;
            drop(work);
            for tell in asked {
                let remembered = self.read().map_err(|trouble| self.tell(&trouble));
                drop(tell.send(remembered));
            }
            if let Some(keep) = keep {
                match self.write(&keep) {
                    Ok(()) => self.settled(),
                    Err(trouble) => {
                        self.tell(&trouble);
                        self.database = None;
                        unwritten = Some(keep);
                    }
                }
            }
            if closing {
                return;
            }
        }
    }

    /// Says what is wrong, once until it is well again.
    fn tell(&mut self, trouble: &Trouble) -> String {
        if !std::mem::replace(&mut self.told, true) {
            error!(
                path = %self.path.display(), %trouble,
                "the store cannot be used: after a restart nobody will know which engines other programs use. \
                 Look at the file and its folder, DB_URL names it; it is tried again by itself"
            );
        }
        trouble.to_string()
    }

    fn settled(&mut self) {
        if std::mem::replace(&mut self.told, false) {
            info!(path = %self.path.display(), "the store can be used again");
        }
    }

    fn database(&mut self) -> Result<&mut Connection, Trouble> {
        let database = match self.database.take() {
            Some(database) => database,
            None => open(&self.path)?,
        };
        Ok(self.database.insert(database))
    }

    fn read(&mut self) -> Result<Vec<RememberedStream>, Trouble> {
        let database = self.database()?;
        let mut rows = database.prepare_cached("SELECT * FROM announced ORDER BY stream")?;
        let all = rows.query_map((), |row| {
            let engine: String = row.get("engine")?;
            let kind: String = row.get("key_type")?;
            let (Some(engine), Some(kind)) = (ContainerId::parse(&engine), parse_kind(&kind)) else {
                return Ok(None);
            };
            Ok(Some(RememberedStream {
                engine,
                stream: row.get::<_, String>("stream")?.into(),
                content: Content { kind, key: row.get::<_, String>("key")?.into() },
                playback_session_id: row.get::<_, String>("playback_session_id")?.into(),
                stat_path: row.get::<_, Option<String>>("stat_path")?.map(Into::into),
                command_path: row.get::<_, Option<String>>("command_path")?.map(Into::into),
                is_live: row.get("is_live")?,
                started_at: Time::from_nanos(row.get::<_, i64>("started_at")?.unsigned_abs()),
            }))
        })?;
        let all: Vec<_> = all.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
        drop(rows);
        self.written = all.iter().map(|stream| (stream.stream.clone(), stream.clone())).collect();
        Ok(all)
    }

    /// Writes what differs from what was written last.
    fn write(&mut self, keep: &[RememberedStream]) -> Result<(), Trouble> {
        let wanted: BTreeMap<Arc<str>, RememberedStream> =
            keep.iter().map(|stream| (stream.stream.clone(), stream.clone())).collect();
        if self.database.is_none() {
            // What the file holds is not known, so all of it is read first.
            self.read()?;
        }
        if wanted == self.written {
            return Ok(());
        }
        let gone: Vec<_> = self.written.keys().filter(|id| !wanted.contains_key(*id)).cloned().collect();
        let new: Vec<_> = wanted
            .values()
            .filter(|stream| self.written.get(&stream.stream) != Some(*stream))
            .cloned()
            .collect();
        let changes = self.database()?.transaction()?;
        for id in &gone {
            changes.prepare_cached("DELETE FROM announced WHERE stream = ?")?.execute([&**id])?;
        }
        for stream in &new {
            changes
                .prepare_cached("INSERT OR REPLACE INTO announced VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")?
                .execute(params![
                    &*stream.stream,
                    stream.engine.to_string(),
                    kind_text(stream.content.kind),
                    &*stream.content.key,
                    &*stream.playback_session_id,
                    stream.stat_path.as_deref(),
                    stream.command_path.as_deref(),
                    stream.is_live,
                    i64::try_from(stream.started_at.as_nanos()).unwrap_or(i64::MAX),
                ])?;
        }
        changes.commit()?;
        self.written = wanted;
        Ok(())
    }
}

/// Opens the file, or another one beside it if somebody else has written that.
fn open(path: &Path) -> Result<Connection, Trouble> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    if is_foreign(path)? {
        let beside = path.with_extension("acefleet.db");
        warn!(
            path = %path.display(), beside = %beside.display(),
            "this database was written by another program, probably the Python orchestrator: it is left alone, \
             and a new file is used beside it"
        );
        return prepared(&beside);
    }
    prepared(path)
}

/// Whether the file holds tables, and not ours. It is opened for reading only.
fn is_foreign(path: &Path) -> Result<bool, Trouble> {
    if !path.exists() {
        return Ok(false);
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let database = Connection::open_with_flags(path, flags)?;
    database.busy_timeout(BUSY_TIMEOUT)?;
    let id: i32 = database.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: i64 = database.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))?;
    Ok(id != APPLICATION_ID && tables > 0)
}

fn prepared(path: &Path) -> Result<Connection, Trouble> {
    let mut database = Connection::open(path)?;
    database.busy_timeout(BUSY_TIMEOUT)?;
    database.pragma_update(None, "journal_mode", "WAL")?;
    // A power cut may cost the last sessions; the death of the program costs nothing.
    database.pragma_update(None, "synchronous", "NORMAL")?;
    let version: i64 = database.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let version = usize::try_from(version).unwrap_or(usize::MAX);
    if version > MIGRATIONS.len() {
        return Err(Trouble::FromTheFuture(version));
    }
    let changes = database.transaction()?;
    for step in &MIGRATIONS[version..] {
        changes.execute_batch(step)?;
    }
    changes.pragma_update(None, "application_id", APPLICATION_ID)?;
    changes.pragma_update(None, "user_version", i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX))?;
    changes.commit()?;
    Ok(database)
}

const fn kind_text(kind: KeyType) -> &'static str {
    match kind {
        KeyType::ContentId => "content_id",
        KeyType::Infohash => "infohash",
        KeyType::Url => "url",
        KeyType::Magnet => "magnet",
    }
}

fn parse_kind(text: &str) -> Option<KeyType> {
    [KeyType::ContentId, KeyType::Infohash, KeyType::Url, KeyType::Magnet]
        .into_iter()
        .find(|kind| kind_text(*kind) == text)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
