//! The gate between the loop and everybody else in the program: pictures go out, requests come in.
//!
//! Whoever reads, reads the latest picture and waits for nobody. Whoever asks for a change is answered once, after
//! the picture that shows its acceptance.

use crate::journal::Numbered;
use arc_swap::ArcSwap;
use control::Snapshot;
use control::ids::VpnId;
use control::request::{Reply, Request};
use std::sync::{Arc, OnceLock};
use tokio::sync::{mpsc, oneshot, watch};

/// Requests that may wait for the loop at the same time; beyond it, callers are told to come again.
pub const REQUESTS_WAITING_MAX: usize = 1_024;

/// Everything that may be read, at one moment.
#[derive(Debug)]
pub struct Picture {
    /// What the core shows.
    pub snapshot: Snapshot,
    /// Counted up with each picture in which something has changed.
    pub number: u64,
    /// The latest entries of the journal, the oldest first.
    pub journal: Arc<Vec<Arc<Numbered>>>,
    /// What people should know of the runtime.
    pub notes: Vec<String>,
    /// Answers that many ask for, written once for each picture.
    pub written: Written,
}

impl Picture {
    /// The number of the latest entry of the journal; zero if there is none yet.
    pub fn newest_entry(&self) -> u64 {
        self.journal.last().map_or(0, |entry| entry.id)
    }

    /// Entries of the journal that an earlier picture does not have; without one, all of them.
    pub fn written_since(&self, before: Option<&Self>) -> &[Arc<Numbered>] {
        let known = before.map_or(0, Self::newest_entry);
        &self.journal[self.journal.partition_point(|entry| entry.id <= known)..]
    }
}

/// Answers that many ask for, written when the first one asks.
#[derive(Default, Debug)]
pub struct Written {
    /// `GET /engines`.
    pub engines: OnceLock<bytes::Bytes>,
    /// `GET /orchestrator/status`.
    pub status: OnceLock<bytes::Bytes>,
}

/// What comes in through the gate.
#[derive(Debug)]
pub enum Incoming {
    /// Somebody asks for something.
    Asked(Request, oneshot::Sender<Reply>),
    /// A VPN's Gluetun has told its forwarded ports.
    PortsPushed(VpnId, Vec<u16>),
    /// The core is to break, to show that nobody notices.
    Break,
}

/// Why a request has no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Turned {
    /// Too many wait already.
    #[error("too many requests are waiting; try again in a moment")]
    Away,
    /// The core was rebuilt meanwhile, or the program is ending.
    #[error("acefleet was interrupted before it could answer; look at the present state and ask again")]
    Down,
}

/// The outside of the gate. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Gate {
    pub(super) picture: Arc<ArcSwap<Picture>>,
    pub(super) news: watch::Receiver<u64>,
    pub(super) incoming: mpsc::Sender<Incoming>,
}

impl Gate {
    /// A gate of its parts: the loop keeps the other ends.
    pub const fn new(
        picture: Arc<ArcSwap<Picture>>,
        news: watch::Receiver<u64>,
        incoming: mpsc::Sender<Incoming>,
    ) -> Self {
        Self { picture, news, incoming }
    }

    /// The latest picture.
    pub fn picture(&self) -> Arc<Picture> {
        self.picture.load_full()
    }

    /// Tells when there is a new picture.
    pub fn news(&self) -> watch::Receiver<u64> {
        self.news.clone()
    }

    /// Asks for something and waits for the answer.
    pub async fn ask(&self, what: Request) -> Result<Reply, Turned> {
        let (answer, answered) = oneshot::channel();
        self.incoming.try_send(Incoming::Asked(what, answer)).map_err(|full| match full {
            mpsc::error::TrySendError::Full(_) => Turned::Away,
            mpsc::error::TrySendError::Closed(_) => Turned::Down,
        })?;
        answered.await.map_err(|_| Turned::Down)
    }

    /// Lets the core break, to show that nobody notices. Nothing but tests and the demo may ask for it.
    pub fn break_core(&self) -> Result<(), Turned> {
        self.incoming.try_send(Incoming::Break).map_err(|_| Turned::Away)
    }

    /// Passes a push on, and waits for nothing.
    pub fn push_ports(&self, vpn: VpnId, ports: Vec<u16>) -> Result<(), Turned> {
        self.incoming.try_send(Incoming::PortsPushed(vpn, ports)).map_err(|_| Turned::Away)
    }
}
