//! Where the program leaves what is to be written, and the one thread that writes finds it.
//!
//! Whoever comes here holds the lock for moments and never while the disk is asked for something.

use super::facts::{Beginning, Dropped, News};
use super::sessions::Remembered;
use crate::metrics::Meters;
use control::event::RememberedStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tracing::{info, warn};

/// What is recorded is gathered for so long before it is written.
pub(super) const GATHER: Duration = Duration::from_secs(1);
/// So much is written without gathering longer.
pub(super) const BATCH_ROWS: usize = 2_000;
/// A disk that has not answered for so long is said to hang.
const HANGS_AFTER: Duration = Duration::from_secs(5);

/// The desk.
#[derive(Debug)]
pub(super) struct Desk {
    work: Mutex<Work>,
    bell: Condvar,
    pub(super) meters: Arc<Meters>,
    /// The greatest number that an entry of the journal had when the file was opened.
    newest_entry: AtomicU64,
}

#[derive(Default, Debug)]
struct Work {
    keep: Option<Vec<RememberedStream>>,
    asked: Vec<oneshot::Sender<Remembered>>,
    news: News,
    /// When the oldest of the news came.
    first_at: Option<Instant>,
    flush: Vec<oneshot::Sender<()>>,
    /// Somebody who reads has found the file damaged.
    suspected: bool,
    closing: bool,
    /// The thread has asked the disk for something.
    busy_since: Option<Instant>,
    hangs: bool,
    trouble: Option<String>,
    drops: bool,
    beginning: Option<Arc<Beginning>>,
    place: Option<PathBuf>,
}

/// What the thread has to do.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) keep: Option<Vec<RememberedStream>>,
    pub(super) asked: Vec<oneshot::Sender<Remembered>>,
    pub(super) news: News,
    pub(super) flush: Vec<oneshot::Sender<()>>,
    pub(super) suspected: bool,
    pub(super) closing: bool,
}

impl Desk {
    pub(super) fn new(meters: Arc<Meters>) -> Self {
        Self { work: Mutex::default(), bell: Condvar::new(), meters, newest_entry: AtomicU64::new(0) }
    }

    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn ask(&self, tell: oneshot::Sender<Remembered>) {
        self.work().asked.push(tell);
        self.bell.notify_one();
    }

    pub(super) fn keep(&self, streams: Vec<RememberedStream>) {
        self.work().keep = Some(streams);
        self.bell.notify_one();
    }

    pub(super) fn flush(&self, tell: oneshot::Sender<()>) {
        self.work().flush.push(tell);
        self.bell.notify_one();
    }

    pub(super) fn suspect(&self) {
        self.work().suspected = true;
        self.bell.notify_one();
    }

    pub(super) fn close(&self) {
        self.work().closing = true;
        self.bell.notify_one();
    }

    pub(super) fn record(&self, news: News) {
        if news.is_empty() {
            return;
        }
        let mut work = self.work();
        let begins = work.first_at.is_none();
        work.first_at.get_or_insert_with(Instant::now);
        let dropped = work.news.append(news);
        let hangs = !work.hangs && work.busy_since.is_some_and(|since| since.elapsed() >= HANGS_AFTER);
        work.hangs |= hangs;
        let ring = begins || work.news.rows() >= BATCH_ROWS;
        drop(work);
        if ring {
            self.bell.notify_one();
        }
        if hangs {
            let seconds = HANGS_AFTER.as_secs();
            self.meters.store_usable(false);
            warn!("the store's disk has not answered for {seconds} s: history is kept in memory meanwhile");
        }
        self.count(dropped);
    }

    /// Counts what was forgotten, and says so the first time until all of it can be written again.
    pub(super) fn count(&self, dropped: Dropped) {
        let kinds = dropped.by_kind().into_iter().filter(|(_, number)| *number > 0);
        let mut any = false;
        for (kind, number) in kinds {
            self.meters.store_dropped(kind, number);
            any = true;
        }
        if any && !std::mem::replace(&mut self.work().drops, true) {
            warn!(
                "history comes faster than it can be written: the oldest of it is forgotten, samples of streams first"
            );
        }
    }

    pub(super) fn beginning(&self) -> Option<Arc<Beginning>> {
        self.work().beginning.clone()
    }

    pub(super) fn trouble(&self) -> Option<String> {
        let work = self.work();
        let hangs = work.hangs.then(|| "history is not written: the disk does not answer".to_owned());
        hangs.or_else(|| Some(format!("history is not written: {}", work.trouble.as_ref()?)))
    }

    /// Where the file is that can be read; `Err`: what is wrong.
    pub(super) fn place(&self) -> Result<PathBuf, String> {
        let work = self.work();
        let trouble = || work.trouble.clone().unwrap_or_else(|| "it has not been opened yet".into());
        work.place.clone().ok_or_else(trouble)
    }

    /// The greatest number that an entry had in an earlier life.
    pub(super) fn newest_entry(&self) -> u64 {
        self.newest_entry.load(Ordering::Relaxed)
    }
}

/// For the thread that writes.
impl Desk {
    /// Waits for something to do: for what has been gathered, but not before `resting` is over; for what cannot wait;
    /// or until `alarm`.
    pub(super) fn wait(&self, resting: Option<Instant>, alarm: Option<Instant>) -> Job {
        let mut work = self.work();
        loop {
            let now = Instant::now();
            let gathered =
                work.first_at.map(|first| if work.news.rows() >= BATCH_ROWS { now } else { first + GATHER });
            let due = if work.keep.is_some() { Some(now) } else { gathered };
            let due = due.map(|due| resting.map_or(due, |until| due.max(until)));
            let wake = due.into_iter().chain(alarm).min();
            let at_once = work.closing || work.suspected || !work.asked.is_empty() || !work.flush.is_empty();
            if at_once || wake.is_some_and(|wake| wake <= now) {
                return work.take();
            }
            work = match wake {
                Some(wake) => {
                    let waited = self.bell.wait_timeout(work, wake - now);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.bell.wait(work).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// The disk is asked for something.
    pub(super) fn begin_disk(&self) {
        self.work().busy_since = Some(Instant::now());
    }

    /// The disk has answered.
    pub(super) fn end_disk(&self) {
        let mut work = self.work();
        work.busy_since = None;
        if std::mem::replace(&mut work.hangs, false) {
            let usable = work.trouble.is_none();
            drop(work);
            self.meters.store_usable(usable);
            info!("the store's disk answers again");
        }
    }

    pub(super) fn set_trouble(&self, trouble: Option<String>) {
        self.meters.store_usable(trouble.is_none());
        let mut work = self.work();
        if trouble.is_none() {
            work.drops = false;
        }
        work.trouble = trouble;
    }

    pub(super) fn set_place(&self, place: Option<PathBuf>) {
        self.work().place = place;
    }

    /// The file has been read for the first time.
    pub(super) fn begin(&self, beginning: Beginning, newest_entry: u64) {
        self.newest_entry.fetch_max(newest_entry, Ordering::Relaxed);
        self.work().beginning.get_or_insert_with(|| Arc::new(beginning));
    }
}

impl Work {
    fn take(&mut self) -> Job {
        self.first_at = None;
        Job {
            keep: self.keep.take(),
            asked: std::mem::take(&mut self.asked),
            news: std::mem::take(&mut self.news),
            flush: std::mem::take(&mut self.flush),
            suspected: std::mem::take(&mut self.suspected),
            closing: self.closing,
        }
    }
}
