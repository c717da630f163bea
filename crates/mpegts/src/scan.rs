//! Reads along with a stream: its tables, and where a decoder can begin.
//!
//! A place is a number that the caller counts in packets. That a picture can be begun with is often known only some
//! packets after it began; the place that is told is that of its beginning.

use core::time::Duration;

use crate::keyframe::{Search, Verdict};
use crate::packet::{Packet, Pid};
use crate::pes::{Head, Ticks};
use crate::tables::{Change, Codec, Tables};

/// For so long a stream's pictures are searched for one to begin with. Some encoders never send one, and refresh the
/// picture bit by bit; then any picture has to do.
const KEYFRAME_PATIENCE: Duration = Duration::from_secs(10);

/// A place at which a decoder can begin.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Keyframe {
    /// The packet with which it begins.
    pub place: u64,
    /// When it is decoded.
    pub decoded: Option<Ticks>,
}

/// What one packet told.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Found {
    /// The tables have changed.
    pub tables: bool,
    /// A picture of the main stream, or a piece of its sound, begins in this packet, and is decoded then.
    pub began: Option<Option<Ticks>>,
    /// A decoder can begin at this place, at or before the packet.
    pub keyframe: Option<Keyframe>,
}

/// A reader that goes along.
#[derive(Clone, Debug, Default)]
pub struct Scan {
    tables: Tables,
    main: Option<(Pid, Codec)>,
    search: Option<(Keyframe, Search)>,
    /// Since when no keyframe has been seen.
    without: Option<Duration>,
}

impl Scan {
    /// A reader that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// The stream's tables.
    pub fn tables(&self) -> &Tables {
        &self.tables
    }

    /// The stream by which places are named.
    pub fn main(&self) -> Option<(Pid, Codec)> {
        self.main
    }

    /// Reads the packet at a place.
    pub fn feed(&mut self, now: Duration, place: u64, packet: Packet<'_>) -> Found {
        let mut found = Found::default();
        if packet.broken() {
            return found;
        }
        if self.tables.feed(packet) == Change::Tables {
            found.tables = true;
            let main = self.tables.both().and_then(|(_, pmt)| pmt.main());
            let main = main.map(|stream| (stream.pid, stream.codec()));
            if main != self.main {
                (self.main, self.search, self.without) = (main, None, None);
            }
        }
        let Some((pid, codec)) = self.main else { return found };
        if packet.pid() != pid || !packet.has_payload() {
            return found;
        }
        if packet.begins() {
            let decoded = Head::read(packet.payload()).and_then(|head| head.decoded);
            found.began = Some(decoded);
            self.search = Some((Keyframe { place, decoded }, Search::new(codec)));
        }
        let Some((keyframe, search)) = &mut self.search else { return found };
        let verdict = search.look(packet);
        let since = *self.without.get_or_insert(now);
        if verdict == Verdict::Key || now.saturating_sub(since) >= KEYFRAME_PATIENCE {
            found.keyframe = Some(*keyframe);
        }
        if verdict == Verdict::Key {
            self.without = None;
        }
        if verdict != Verdict::Open || found.keyframe.is_some() {
            self.search = None;
        }
        found
    }
}
