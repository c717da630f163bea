//! A channel's one buffer, as its task fills it and its viewers read it.
//!
//! What is kept, where one may come in and what is skipped is the ring's business; here it gets a clock and a lock,
//! which nobody holds while he waits.

use crate::settings::ProxySettings;
use bytes::Bytes;
use mpegts::ring::{Lag, Limits, Read, Reader, Ring};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// What comes in is published this often at most: somewhat more often than engines deliver, which mostly is 25 times a
/// second, so that each piece goes out as it comes;
const PUBLISH_EVERY: Duration = Duration::from_millis(30);
/// and when there is so much of it.
const PUBLISH_BYTES: usize = 64 * 1024;

/// The buffer.
#[derive(Debug)]
pub(super) struct Tape {
    began: Instant,
    behind: Duration,
    ring: Mutex<Ring>,
}

/// Where somebody reads; before he has come in, nowhere.
#[derive(Clone, Default, Debug)]
pub(super) struct Place(Option<Reader>);

/// What somebody gets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Taken {
    /// The next bytes.
    Bytes(Bytes),
    /// He fell back too far, and goes on later; ask again.
    Skipped,
    /// There is nothing yet.
    Nothing,
}

impl Tape {
    /// An empty one.
    pub(super) fn new(chosen: &ProxySettings) -> Self {
        let limits = Limits {
            bytes: chosen.buffer_bytes,
            age: chosen.buffer,
            block_bytes: PUBLISH_BYTES,
            block_time: PUBLISH_EVERY,
        };
        Self { began: Instant::now(), behind: chosen.behind, ring: Mutex::new(Ring::new(limits)) }
    }

    /// The present moment, on the clock of whatever happens to this channel.
    pub(super) fn now(&self) -> Duration {
        self.began.elapsed()
    }

    /// A moment of that clock.
    pub(super) fn instant(&self, at: Duration) -> Instant {
        self.began + at
    }

    /// The ring itself, for whoever fills it.
    pub(super) fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody could come in.
    pub(super) fn has_begun(&self) -> bool {
        self.ring().joins().next().is_some()
    }

    /// What comes next at this place.
    pub(super) fn take(&self, place: &mut Place) -> Taken {
        let now = self.now();
        let ring = self.ring();
        if place.0.is_none() {
            place.0 = ring.join(now, self.behind);
        }
        let Some(reader) = &mut place.0 else { return Taken::Nothing };
        match ring.read(reader) {
            Read::Data(bytes) => Taken::Bytes(bytes),
            Read::Skipped(_) => Taken::Skipped,
            Read::Empty => Taken::Nothing,
        }
    }

    /// How far behind a place is.
    pub(super) fn lag(&self, place: &Place) -> Lag {
        let now = self.now();
        place.0.as_ref().map(|reader| self.ring().lag(now, reader)).unwrap_or_default()
    }
}
