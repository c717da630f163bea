//! What outlives the program, in one SQLite file: the sessions that other programs have announced, the journal,
//! streams and what they were like, states of VPNs and engines, and sums that must never fall.
//!
//! One thread writes, in batches; nobody who decides or serves ever waits for the disk. What is to be written waits
//! in a queue that is bounded. A file that cannot be used is said loudly, once, and tried again; meanwhile the program
//! works without it, and what still fits in the queue is written when it is back.

mod desk;
mod facts;
mod file;
mod keeper;
mod lock;
mod look;
mod prune;
mod queries;
mod reading;
mod sessions;
mod tables;
mod trouble;

pub use facts::{About, Beginning, News, SampleFact, StateFact};
pub use lock::{Held, Lock};
pub use look::{Seen, look};
pub use queries::{EndedStream, Ends, KeptState, States};
pub use reading::{Readers, Unread, latest_entries};
pub use sessions::Remembered;
pub use trouble::FAILURES;

use crate::metrics::Meters;
use control::event::RememberedStream;
use desk::Desk;
use keeper::Keeper;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tracing::error;

/// Whoever asks what is remembered goes on without after so long: a disk may hang for ever.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Every kind of thing that is forgotten for want of room, as metrics name them.
pub fn kinds_dropped() -> [&'static str; 4] {
    facts::Dropped::default().by_kind().map(|(kind, _)| kind)
}

/// Where it is kept, and how much of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// The file.
    pub path: PathBuf,
    /// What is older goes.
    pub kept_for: Duration,
    /// When the file holds more, the oldest goes.
    pub bytes_max: u64,
}

impl Options {
    /// This file, and as much in it as if nobody had said anything.
    pub const fn at(path: PathBuf) -> Self {
        Self { path, kept_for: Duration::from_secs(30 * 86_400), bytes_max: 256 << 20 }
    }
}

/// The store. It writes what is left when it is closed, or dropped.
#[derive(Debug)]
pub struct Store {
    desk: Arc<Desk>,
    readers: Readers,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Store {
    /// A store in this file. Whatever is wrong with it, this succeeds.
    pub fn at(path: PathBuf) -> Self {
        Self::new(Options::at(path), Arc::default())
    }

    /// A store with these options. Whatever is wrong with its file, this succeeds.
    pub fn new(options: Options, meters: Arc<Meters>) -> Self {
        let desk = Arc::new(Desk::new(meters));
        let thread = std::thread::Builder::new().name("store".into()).spawn({
            let desk = desk.clone();
            move || Keeper::new(options, desk).run()
        });
        if let Err(error) = &thread {
            error!(%error, "no thread for the store: nothing will outlive a restart");
        }
        Self { readers: Readers::new(desk.clone()), desk, thread: Mutex::new(thread.ok()) }
    }

    /// What was announced and is live, as last written.
    pub async fn remembered(&self) -> Remembered {
        let (tell, told) = oneshot::channel();
        self.desk.ask(tell);
        match timeout(ANSWER_WITHIN, told).await {
            Ok(Ok(remembered)) => remembered,
            Ok(Err(_)) => Err("the store's thread has ended".into()),
            Err(_) => Err(format!("the disk has not answered within {} s", ANSWER_WITHIN.as_secs())),
        }
    }

    /// From now on exactly these are to be remembered.
    pub fn keep(&self, streams: Vec<RememberedStream>) {
        self.desk.keep(streams);
    }

    /// What has happened is to be written, within two seconds or so. Waits for nothing; what there is no room for is
    /// counted and forgotten.
    pub fn record(&self, news: News) {
        self.desk.record(news);
    }

    /// What earlier lives have left, as soon as the file has been read.
    pub fn beginning(&self) -> Option<Arc<Beginning>> {
        self.desk.beginning()
    }

    /// The greatest number that an entry of the journal had in an earlier life; zero while nobody knows.
    pub fn newest_entry(&self) -> u64 {
        self.desk.newest_entry()
    }

    /// Why nothing is written now, for people.
    pub fn trouble(&self) -> Option<String> {
        self.desk.trouble()
    }

    /// What can be read.
    pub const fn readers(&self) -> &Readers {
        &self.readers
    }

    /// Waits until everything that was recorded before has been written, or writing it has failed.
    pub async fn written(&self) {
        let (tell, told) = oneshot::channel();
        self.desk.flush(tell);
        // The thread has ended: nothing will be written any more.
        drop(told.await);
    }

    /// Writes what is left, and waits until that is done. Not for a thread that others wait for.
    pub fn close(&self) {
        self.desk.close();
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

#[cfg(test)]
mod tests;
