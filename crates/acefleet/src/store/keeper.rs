//! The thread that writes: it takes what lies on the desk, writes it in batches, prunes a little at a time, and opens
//! the file again after whatever happened to it.

use super::desk::{Desk, Job};
use super::facts::{Dropped, News, SampleFact};
use super::file::{self, Opened};
use super::sessions::{self, Remembered, Sessions};
use super::tables;
use super::trouble::Trouble;
use super::{Options, look, prune};
use crate::history::{STREAMS_MAX, Totals};
use crate::log::OneLine;
use control::event::RememberedStream;
use control::snapshot::StreamView;
use control::time::Time;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tracing::{error, info, warn};

/// Rows of one transaction, at most.
pub(super) const TRANSACTION_ROWS_MAX: usize = 4_000;
/// What has failed is tried again after so long; each failure in a row doubles it, up to the most.
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_MOST: Duration = Duration::from_secs(60);
/// Damaged files that one life moves aside. A disk that damages more of them is not written to any more.
const ASIDE_MAX: u32 = 3;

/// The thread's own.
pub(super) struct Keeper {
    options: Options,
    desk: Arc<Desk>,
    /// Told from earlier lives in the tables.
    life: i64,
    opened: Option<Opened>,
    /// What is to be remembered, and what the file holds of it.
    wanted: Option<Arc<Sessions>>,
    written: Arc<Sessions>,
    /// The file has been read.
    read: bool,
    /// What is not written yet.
    pending: News,
    /// Streams that go on, by their beginnings and ids, with their numbers in the file if they have been written to it.
    live: BTreeMap<(Time, Arc<str>), Live>,
    /// The sums that were told last: another file has to have them, too.
    totals: Option<Totals>,
    /// The latest moment that was told.
    now: Time,
    trouble: Option<&'static str>,
    failures: u32,
    retry_at: Option<Instant>,
    prune_at: Option<Instant>,
    /// Rows written since the file was last pruned, and whether that left something to remove.
    unpruned: usize,
    behind: bool,
    moved_aside: u32,
    /// It has been said that somebody else's file is left alone.
    left_alone: bool,
}

struct Live {
    view: Arc<StreamView>,
    number: Option<i64>,
}

impl Keeper {
    pub(super) fn new(options: Options, desk: Arc<Desk>) -> Self {
        let life = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        Self {
            options,
            desk,
            life: i64::try_from(life).unwrap_or(i64::MAX),
            opened: None,
            wanted: None,
            written: Arc::default(),
            read: false,
            pending: News::default(),
            live: BTreeMap::new(),
            totals: None,
            now: Time::ZERO,
            trouble: None,
            failures: 0,
            retry_at: None,
            prune_at: None,
            unpruned: 0,
            behind: false,
            moved_aside: 0,
            left_alone: false,
        }
    }

    /// Works until it is told to close.
    pub(super) fn run(mut self) {
        loop {
            let unwritten = self.retry_at.filter(|_| self.has_work());
            let alarm = unwritten.or(self.prune_at.filter(|_| self.retry_at.is_none()));
            let desk = self.desk.clone();
            let job = desk.wait(self.retry_at, alarm);
            desk.begin_disk();
            let closing = job.closing;
            self.work(job);
            desk.end_disk();
            if closing {
                return;
            }
        }
    }

    fn work(&mut self, job: Job) {
        let Job { keep, asked, news, flush, suspected, closing } = job;
        self.now = self.now.max(news.at);
        self.totals = news.totals.or(self.totals);
        let dropped = self.pending.append(news);
        self.desk.count(dropped);
        if let Some(keep) = keep {
            self.wanted = Some(Arc::new(by_stream(keep)));
        }
        // Whoever asks, and the end, are worth a try at any time.
        let rests = self.retry_at.is_some_and(|until| Instant::now() < until);
        let insists = closing || !asked.is_empty() || !flush.is_empty();
        if suspected {
            self.try_to(Self::look_for_damage);
        }
        if !rests || insists {
            self.try_to(Self::write);
        }
        for tell in asked {
            let remembered = self.remembered();
            // Who asked may have gone.
            drop(tell.send(remembered));
        }
        for tell in flush {
            let _gone = tell.send(());
        }
        if !closing && self.retry_at.is_none() && self.prunes_now() {
            self.try_to(Self::prune);
        }
    }

    /// Does something with the file; what goes wrong is said, and decides when it is tried again.
    fn try_to(&mut self, act: fn(&mut Self) -> Result<(), Trouble>) {
        match act(self) {
            Ok(()) => self.settled(),
            Err(trouble) => self.failed(&trouble),
        }
    }

    /// What is wanted is known here even if it cannot be written; but nothing is, before the file has been read.
    fn remembered(&self) -> Remembered {
        if !self.read && self.wanted.is_none() {
            return Err(self.desk.place().err().unwrap_or_else(|| "it cannot be read".into()));
        }
        Ok(self.wanted.as_ref().unwrap_or(&self.written).values().cloned().collect())
    }

    fn has_work(&self) -> bool {
        !self.pending.is_empty() || self.wanted.as_ref().is_some_and(|wanted| *wanted != self.written)
    }

    fn open(&mut self) -> Result<&mut Connection, Trouble> {
        // A file that was removed meanwhile is made anew.
        if self.opened.as_ref().is_some_and(|opened| !opened.is_in_place()) {
            warn!(path = %self.options.path.display(), "the store's file was removed or replaced: it is opened anew");
            self.opened = None;
        }
        let opened = match self.opened.take() {
            Some(opened) => opened,
            None => self.open_anew()?,
        };
        Ok(&mut self.opened.insert(opened).connection)
    }

    fn open_anew(&mut self) -> Result<Opened, Trouble> {
        let opened = file::open(&self.options.path)?;
        self.written = Arc::new(sessions::read(&opened.connection)?);
        self.read = true;
        let (beginning, newest_entry) = tables::read_beginning(&opened.connection)?;
        if opened.path != self.options.path && !std::mem::replace(&mut self.left_alone, true) {
            warn!(
                path = %self.options.path.display(), beside = %opened.path.display(),
                "DB_URL names {}: it is left alone, and a new file is used beside it",
                look::words_for(&self.options.path)
            );
        }
        // Another file may know nothing of what was written to the one before.
        let live = self.live.values_mut();
        let again = live.map(|live| {
            live.number = None;
            live.view.clone()
        });
        let again: Vec<_> = again.collect();
        again.into_iter().rev().for_each(|view| self.pending.streams.push_front(view));
        self.pending.totals = self.totals;
        self.desk.begin(beginning, newest_entry);
        self.desk.set_place(Some(opened.path.clone()));
        self.prune_at.get_or_insert_with(|| Instant::now() + prune::EVERY);
        Ok(opened)
    }

    fn write(&mut self) -> Result<(), Trouble> {
        self.open()?;
        while self.has_work() {
            let began = Instant::now();
            let rows = self.write_batch()?;
            self.desk.meters.store_batch(rows, began.elapsed());
            if self.prunes_now() {
                self.prune()?;
            }
        }
        // Samples are written after their streams, and before those are forgotten here.
        self.live.retain(|_, live| live.view.ended.is_none());
        Ok(())
    }

    /// Writes one transaction, and forgets what it has written.
    fn write_batch(&mut self) -> Result<usize, Trouble> {
        let Some(Opened { connection, .. }) = &mut self.opened else { return Ok(0) };
        let changes = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if let Some(wanted) = &self.wanted {
            sessions::write(&changes, &self.written, wanted)?;
        }
        let News { samples, streams, journal, states, totals, looked, .. } = &self.pending;
        let mut room = TRANSACTION_ROWS_MAX;
        let mut share = |queued: usize| {
            let taken = queued.min(room);
            room -= taken;
            taken
        };
        let written = [share(journal.len()), share(streams.len()), share(states.len()), share(samples.len())];
        let [entries, of_streams, of_states, of_samples] = written;
        journal.iter().take(entries).try_for_each(|entry| tables::write_entry(&changes, entry))?;
        states.iter().take(of_states).try_for_each(|state| tables::write_state(&changes, state))?;
        for view in streams.iter().take(of_streams) {
            let number = tables::write_stream(&changes, view, self.life)?;
            let live = Live { view: view.clone(), number: Some(number) };
            self.live.insert((view.started_at, view.id.clone()), live);
        }
        // The stream of a sample was forgotten if there was too much to write.
        let number = |sample: &SampleFact| self.live.get(&(sample.began, sample.stream.clone()))?.number;
        let numbered = samples.iter().take(of_samples).filter_map(|sample| Some((number(sample)?, sample)));
        let strays = of_samples - tables::write_samples(&changes, numbered)?;
        let all_streams = of_streams == streams.len();
        finish(&changes, *totals, (*looked && all_streams).then_some(self.life))?;
        changes.commit()?;
        self.forget(written);
        self.desk.count(Dropped { samples: strays, ..Dropped::default() });
        let rows = written.iter().sum();
        self.unpruned += rows;
        Ok(rows)
    }

    /// What has been committed is not pending any more.
    fn forget(&mut self, [entries, streams, states, samples]: [usize; 4]) {
        if let Some(wanted) = &self.wanted {
            self.written = wanted.clone();
        }
        self.pending.journal.drain(..entries);
        self.pending.streams.drain(..streams);
        self.pending.states.drain(..states);
        self.pending.samples.drain(..samples);
        self.pending.totals = None;
        self.pending.looked &= !self.pending.streams.is_empty();
        // Ends of streams that were forgotten for want of room would stay for ever.
        while self.live.len() > 2 * STREAMS_MAX {
            self.live.pop_first();
        }
    }

    /// While there is too much, something is removed after everything that is written: whatever comes, the file stays
    /// as large as was chosen.
    fn prunes_now(&self) -> bool {
        let rows = if self.behind { 1 } else { prune::EVERY_ROWS };
        self.unpruned >= rows || self.prune_at.is_some_and(|at| at <= Instant::now())
    }

    fn prune(&mut self) -> Result<(), Trouble> {
        let (options, now) = (self.options.clone(), self.now);
        let step = prune::step(self.open()?, &options, now)?;
        self.desk.meters.store_pruned(step.removed, step.file_bytes);
        let pause = if step.more { prune::PAUSE } else { prune::EVERY };
        self.prune_at = Some(Instant::now() + pause);
        (self.unpruned, self.behind) = (0, step.more);
        Ok(())
    }

    /// Somebody who reads has met damage: all of the file is looked at.
    fn look_for_damage(&mut self) -> Result<(), Trouble> {
        let found: String = self.open()?.query_row("PRAGMA quick_check(1)", (), |row| row.get(0))?;
        if found == "ok" { Ok(()) } else { Err(Trouble::Corrupt(found)) }
    }

    fn settled(&mut self) {
        self.failures = 0;
        self.retry_at = None;
        self.desk.set_trouble(None);
        if self.trouble.take().is_some() {
            info!(path = %self.options.path.display(), "the store can be used again");
        }
    }

    /// Says what is wrong, once until it is something else, and decides when it is tried again.
    fn failed(&mut self, trouble: &Trouble) {
        self.desk.meters.store_failed(trouble.word());
        let was_open = self.opened.take().is_some();
        if matches!(trouble, Trouble::Corrupt(_)) && self.set_aside(trouble) {
            self.retry_at = None;
            return self.try_to(Self::write);
        }
        if !was_open {
            self.desk.set_place(None);
        }
        let text = trouble.to_string();
        if self.trouble.replace(trouble.word()) != Some(trouble.word()) {
            error!(
                path = %self.options.path.display(), trouble = %OneLine(&text),
                "the store cannot be used: history is kept in memory, and after a restart nobody will know which \
                 engines other programs use. It is tried again by itself"
            );
        }
        self.desk.set_trouble(Some(text));
        let wait = RETRY_FIRST * 2_u32.saturating_pow(self.failures.min(16));
        self.failures = self.failures.saturating_add(1);
        self.retry_at = Some(Instant::now() + wait.min(RETRY_MOST));
    }

    /// Makes place for a new file. Whether there is one now.
    fn set_aside(&mut self, trouble: &Trouble) -> bool {
        if self.moved_aside == ASIDE_MAX {
            return false;
        }
        let Ok(path) = file::place(&self.options.path) else { return false };
        match file::move_aside(&path) {
            Ok(to) => {
                self.moved_aside += 1;
                error!(
                    path = %path.display(), moved_to = %to.display(), %trouble,
                    "the store's file is moved aside, and a new one is begun: history up to now is not shown any \
                     more. `sqlite3 FILE .recover` may still read it"
                );
                true
            }
            Err(error) => {
                error!(path = %path.display(), %error, "the damaged file cannot be moved aside");
                false
            }
        }
    }
}

fn finish(changes: &Transaction<'_>, totals: Option<Totals>, looked: Option<i64>) -> rusqlite::Result<()> {
    if let Some(totals) = totals {
        tables::write_totals(changes, totals)?;
    }
    looked.map_or(Ok(()), |life| tables::close_streams_left(changes, life))
}

fn by_stream(streams: Vec<RememberedStream>) -> Sessions {
    streams.into_iter().map(|stream| (stream.stream.clone(), stream)).collect()
}
