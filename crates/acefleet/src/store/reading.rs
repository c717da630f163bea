//! Reads of the store: on threads of their own, a few at a time, each on a connection that cannot write and with a
//! time limit. Nobody who serves waits for them on a thread of the runtime.

use super::desk::Desk;
use super::file::{Whose, open_to_read, place, whose};
use super::queries::{self, EndedStream, Ends, KeptState, States};
use super::trouble::Trouble;
use crate::history::Sample;
use crate::journal::{Filter, Line};
use control::Time;
use rusqlite::{Connection, ErrorCode};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// Reads at the same time. A disk that hangs holds no more threads than these.
const READERS: usize = 4;
/// How long a read may take, waiting for its turn included.
const READ_MAX: Duration = Duration::from_secs(3);
/// SQLite looks at the clock after so many of its steps.
const STEPS_BETWEEN_LOOKS: i32 = 10_000;

/// Who reads.
#[derive(Debug)]
pub struct Readers {
    desk: Arc<Desk>,
    places: Arc<Semaphore>,
}

/// Why nothing was read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unread {
    /// It takes too long.
    #[error("the store has not answered within {} s: ask for less, or later", READ_MAX.as_secs())]
    Late,
    /// It cannot be read.
    #[error("the store cannot be read: {0}")]
    Unusable(String),
}

impl Readers {
    pub(super) fn new(desk: Arc<Desk>) -> Self {
        Self { desk, places: Arc::new(Semaphore::new(READERS)) }
    }

    /// Entries of the journal, the newest first.
    pub async fn journal(&self, filter: Filter, limit: usize) -> Result<Vec<Line>, Unread> {
        self.read(move |from| queries::journal(from, &filter, limit)).await
    }

    /// Streams that have ended, the latest first.
    pub async fn ended(&self, wanted: Ends, limit: usize) -> Result<Vec<EndedStream>, Unread> {
        self.read(move |from| queries::ended(from, &wanted, limit)).await
    }

    /// The latest samples of a stream from one moment on and before another, the oldest first: of the one that began
    /// then, else of the latest of this name.
    pub async fn samples(
        &self,
        stream: String,
        began: Option<Time>,
        between: (Option<Time>, Option<Time>),
        limit: usize,
    ) -> Result<Vec<Sample>, Unread> {
        self.read(move |from| queries::samples(from, &stream, began, between, limit)).await
    }

    /// States of VPNs and engines, the latest first.
    pub async fn states(&self, wanted: States, limit: usize) -> Result<Vec<KeptState>, Unread> {
        self.read(move |from| queries::states(from, &wanted, limit)).await
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Unread> {
        let (places, desk) = (self.places.clone(), self.desk.clone());
        let reading = async move {
            let place = places.acquire_owned().await.map_err(|_| Unread::Late)?;
            let reading = spawn_blocking(move || {
                // A read that nobody waits for any more keeps its place until it has ended.
                let _place = place;
                read_now(&desk, read)
            });
            reading.await.map_err(|error| Unread::Unusable(error.to_string()))?
        };
        timeout(READ_MAX, reading).await.unwrap_or(Err(Unread::Late))
    }
}

/// The latest entries of the journal in the file of a program that does not run, the newest first; none if there is no
/// file. Nothing is written to it. Not for a thread that others wait for.
pub fn latest_entries(path: &Path, limit: usize) -> Result<Vec<Line>, Unread> {
    let unusable = |trouble: Trouble| Unread::Unusable(trouble.to_string());
    let place = place(path).map_err(unusable)?;
    if matches!(whose(&place).map_err(unusable)?, Whose::Nobodys) {
        return Ok(Vec::new());
    }
    read_in_time(&place, |from| queries::journal(from, &Filter::default(), limit))
        .map_err(|error| if is_late(&error) { Unread::Late } else { unusable(Trouble::from(error)) })
}

fn read_now<T>(desk: &Desk, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, Unread> {
    let path = desk.place().map_err(Unread::Unusable)?;
    read_in_time(&path, read).map_err(|error| {
        if is_late(&error) {
            return Unread::Late;
        }
        let trouble = Trouble::from(error);
        if matches!(trouble, Trouble::Corrupt(_)) {
            desk.suspect();
        }
        Unread::Unusable(trouble.to_string())
    })
}

fn read_in_time<T>(
    path: &Path,
    read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let deadline = Instant::now() + READ_MAX;
    let mut connection = open_to_read(path)?;
    connection.progress_handler(STEPS_BETWEEN_LOOKS, Some(move || Instant::now() >= deadline))?;
    read(&connection)
}

fn is_late(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted)
}
