//! Taking pictures: what the core shows is published whenever it has changed, with the journal that goes with it.
//!
//! New entries of the journal are logged here, once each: the log and `/journal` say the same.

use super::gate::{Picture, Written};
use crate::journal::{Numbered, Numbers};
use crate::log::OneLine;
use arc_swap::ArcSwap;
use control::journal::ENTRIES_KEPT;
use control::{Control, Time};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tracing::info;

/// Ages of things change without a decision; a picture is not older than this when something was heard.
const AGE_MAX: Duration = Duration::from_millis(250);

/// What was published last.
#[derive(Debug)]
pub(super) struct Pictures {
    picture: Arc<ArcSwap<Picture>>,
    news: watch::Sender<u64>,
    number: u64,
    taken_at: Time,
    revision: u64,
    /// Entries of the present core's journal that are in `journal`.
    journalled: u64,
    numbers: Numbers,
    entries: VecDeque<Arc<Numbered>>,
    journal: Arc<Vec<Arc<Numbered>>>,
}

impl Pictures {
    /// The first picture, where everybody finds the latest one, and who tells that there is a new one.
    pub(super) fn begin(core: &Control) -> (Self, Arc<ArcSwap<Picture>>, watch::Receiver<u64>) {
        let snapshot = core.snapshot();
        let taken_at = snapshot.at;
        let journal = Arc::new(Vec::new());
        let first = Picture {
            snapshot,
            number: 0,
            journal: journal.clone(),
            notes: vec![],
            written: Written::default(),
        };
        let picture = Arc::new(ArcSwap::from_pointee(first));
        let (news, heard) = watch::channel(0);
        let pictures = Self {
            picture: picture.clone(),
            news,
            number: 0,
            taken_at,
            revision: 0,
            journalled: 0,
            numbers: Numbers::default(),
            entries: VecDeque::new(),
            journal,
        };
        (pictures, picture, heard)
    }

    /// Publishes what the core shows now, if that may differ from what was published last. `newest` is the greatest
    /// number that an entry of the journal had in an earlier life.
    pub(super) fn take(
        &mut self,
        core: &Control,
        now: Time,
        answers: bool,
        newest: u64,
        notes: impl FnOnce() -> Vec<String>,
    ) {
        let decided = core.revision() != self.revision;
        let written = core.journal().written() != self.journalled;
        if !decided && !written && !answers && now.since(self.taken_at) < AGE_MAX {
            return;
        }
        let (snapshot, notes) = (core.snapshot(), notes());
        if written {
            self.read_journal(core, newest);
        }
        self.revision = core.revision();
        self.taken_at = now;
        self.number += 1;
        let (number, journal) = (self.number, self.journal.clone());
        self.picture.store(Arc::new(Picture {
            snapshot,
            number,
            journal,
            notes,
            written: Written::default(),
        }));
        self.news.send_replace(self.number);
    }

    /// A new core begins its journal anew; what the one before it has written is still shown.
    pub(super) const fn forget(&mut self) {
        self.journalled = 0;
        self.revision = 0;
    }

    fn read_journal(&mut self, core: &Control, newest: u64) {
        for entry in core.journal().since(self.journalled) {
            info!(target: "acefleet::journal", "{}", OneLine(entry));
            let id = self.numbers.next(entry.at, newest);
            self.entries.push_back(Arc::new(Numbered { id, entry: entry.clone() }));
        }
        let superfluous = self.entries.len().saturating_sub(ENTRIES_KEPT);
        self.entries.drain(..superfluous);
        self.journalled = core.journal().written();
        self.journal = Arc::new(self.entries.iter().cloned().collect());
    }
}
