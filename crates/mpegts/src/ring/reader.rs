//! One who reads the ring: a position, and what has to be sent before it.

use core::time::Duration;

use bytes::Bytes;

use super::{Join, Ring};

/// A reader. It holds no part of the stream.
#[derive(Clone, Debug)]
pub struct Reader {
    next: u64,
    /// Tables that go out before anything else.
    head: Option<Bytes>,
}

/// What a reader gets.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Read {
    /// Whole packets, to be sent as they are. More may be there.
    Data(Bytes),
    /// It was too slow, and so many packets are gone. What comes next are tables and a keyframe, marked as a
    /// discontinuity.
    Skipped(u64),
    /// Nothing new; see [`Ring::published`].
    Empty,
}

/// How far a reader is behind.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Lag {
    /// Bytes that it has not read.
    pub bytes: u64,
    /// For how long the oldest of them has been there to be read.
    pub time: Duration,
}

impl Ring {
    /// A reader that begins at the newest keyframe that is at least this old, or else at the oldest there is. None
    /// while there is no keyframe. To begin a little behind spares a player from running dry.
    pub fn join(&self, now: Duration, behind: Duration) -> Option<Reader> {
        let old_enough = |join: &&Join| now.saturating_sub(join.moment.at) >= behind;
        let join = self.joins().rev().find(old_enough).or_else(|| self.joins().next())?;
        Some(Reader { next: join.place, head: Some(join.head(false)) })
    }

    /// What comes next for a reader.
    pub fn read(&self, reader: &mut Reader) -> Read {
        if reader.next < self.oldest() {
            return self.skip(reader).map_or(Read::Empty, Read::Skipped);
        }
        if let Some(head) = reader.head.take() {
            return Read::Data(head);
        }
        // Most readers have read all but the last one.
        let last = self.blocks.back().filter(|last| last.first <= reader.next);
        let block = last.or_else(|| {
            let block = self.blocks.partition_point(|block| block.end() <= reader.next);
            self.blocks.get(block)
        });
        let Some(block) = block.filter(|block| reader.next < block.end()) else { return Read::Empty };
        let range = reader.next..block.end();
        reader.next = range.end;
        Read::Data(super::cut(block, &range))
    }

    /// Lets a reader go on at the newest keyframe, if that is ahead of it, and says how many packets it misses.
    pub fn skip(&self, reader: &mut Reader) -> Option<u64> {
        let join = self.joins().next_back().filter(|join| join.place > reader.next)?;
        let missed = join.place - reader.next;
        *reader = Reader { next: join.place, head: Some(join.head(true)) };
        Some(missed)
    }

    /// How far a reader is behind.
    pub fn lag(&self, now: Duration, reader: &Reader) -> Lag {
        let bytes = self.published.saturating_sub(reader.next) * super::PACKET as u64;
        let block = self.blocks.partition_point(|block| block.end() <= reader.next);
        let time = self.blocks.get(block).map_or(Duration::ZERO, |block| now.saturating_sub(block.at));
        Lag { bytes, time }
    }
}
