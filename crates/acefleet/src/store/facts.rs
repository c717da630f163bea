//! What is to be written: plain data, as whoever watches the pictures tells it.

use crate::history::Totals;
use crate::journal::Numbered;
use control::Time;
use control::event::SessionReport;
use control::snapshot::StreamView;
use std::collections::VecDeque;
use std::sync::Arc;

/// Samples that may wait to be written; the oldest go first.
pub(super) const SAMPLES_WAITING_MAX: usize = 20_000;
/// Entries of the journal that may wait.
pub(super) const ENTRIES_WAITING_MAX: usize = 5_000;
/// States that may wait.
pub(super) const STATES_WAITING_MAX: usize = 5_000;
/// Changes of streams that may wait.
pub(super) const STREAMS_WAITING_MAX: usize = 5_000;

/// What has happened since somebody last told.
#[derive(Default, Debug)]
pub struct News {
    /// The moment by which all of it has happened.
    pub at: Time,
    /// Samples of streams. A stream is told before its first sample.
    pub samples: VecDeque<SampleFact>,
    /// Streams that are new, are played elsewhere, or have ended.
    pub streams: VecDeque<Arc<StreamView>>,
    /// Entries of the journal, in order.
    pub journal: VecDeque<Arc<Numbered>>,
    /// States that are new.
    pub states: VecDeque<StateFact>,
    /// The sums now.
    pub totals: Option<Totals>,
    /// The first complete look has been had: streams that are still open and were not told are none any more.
    pub looked: bool,
}

/// What a stream was like at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SampleFact {
    /// Its id.
    pub stream: Arc<str>,
    /// When it began: another one may have had its name.
    pub began: Time,
    /// When.
    pub at: Time,
    /// What its engine said.
    pub report: SessionReport,
}

/// What has states.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum About {
    /// An engine.
    Engine,
    /// A VPN.
    Vpn,
}

impl About {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Engine => "engine",
            Self::Vpn => "vpn",
        }
    }
}

/// What a VPN or an engine is like from one moment on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StateFact {
    /// Since when.
    pub at: Time,
    /// What kind of thing.
    pub about: About,
    /// Its container's name.
    pub name: String,
    /// Its container's id.
    pub id: Option<String>,
    /// The API's word for its state; `gone` if it is no more.
    pub state: &'static str,
    /// The API's word for its health.
    pub health: &'static str,
    /// The forwarded port that it has.
    pub port: Option<u16>,
    /// More of it in words.
    pub reason: Option<String>,
}

/// What earlier lives have left.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Beginning {
    /// The sums.
    pub totals: Totals,
    /// Streams that have not ended, when each began, and what of the sums was theirs.
    pub open: Vec<(Arc<str>, Time, Totals)>,
}

/// What was forgotten for want of room.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Dropped {
    pub(super) samples: usize,
    pub(super) streams: usize,
    pub(super) journal: usize,
    pub(super) states: usize,
}

impl Dropped {
    /// By kind.
    pub(super) const fn by_kind(self) -> [(&'static str, usize); 4] {
        [
            ("sample", self.samples),
            ("stream", self.streams),
            ("journal", self.journal),
            ("state", self.states),
        ]
    }
}

impl News {
    /// How many rows it is.
    pub fn rows(&self) -> usize {
        self.samples.len() + self.streams.len() + self.journal.len() + self.states.len()
    }

    /// There is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.rows() == 0 && self.totals.is_none() && !self.looked
    }

    /// Adds what happened later. Each kind has room of its own, so that a flood of samples costs samples.
    pub(super) fn append(&mut self, mut later: Self) -> Dropped {
        self.samples.append(&mut later.samples);
        self.streams.append(&mut later.streams);
        self.journal.append(&mut later.journal);
        self.states.append(&mut later.states);
        self.at = self.at.max(later.at);
        self.totals = later.totals.or(self.totals);
        self.looked |= later.looked;
        Dropped {
            samples: drop_oldest(&mut self.samples, SAMPLES_WAITING_MAX),
            streams: drop_oldest(&mut self.streams, STREAMS_WAITING_MAX),
            journal: drop_oldest(&mut self.journal, ENTRIES_WAITING_MAX),
            states: drop_oldest(&mut self.states, STATES_WAITING_MAX),
        }
    }
}

fn drop_oldest<T>(queue: &mut VecDeque<T>, most: usize) -> usize {
    let superfluous = queue.len().saturating_sub(most);
    queue.drain(..superfluous);
    superfluous
}
