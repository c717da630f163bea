//! A source that has not taken over: its newest packets are held, and what is known of them.

use alloc::collections::{BTreeMap, VecDeque};
use core::time::Duration;

use super::SourceId;
use super::tail::{self, Tail};
use crate::framer::Framer;
use crate::packet::{PACKET, Packet, Raw};
use crate::pes::Ticks;
use crate::scan::{Keyframe, Scan};

/// The source.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) id: SourceId,
    pub(super) framer: Framer,
    pub(super) scan: Scan,
    /// Since when there is a keyframe to begin with.
    pub(super) ready: Option<Duration>,
    held: VecDeque<(Raw, Option<u64>)>,
    /// The number of the first packet that is held.
    first: u64,
    limit: usize,
    keyframes: VecDeque<Keyframe>,
    /// When the pictures are decoded that begin in the packets held.
    pictures: VecDeque<(u64, Ticks)>,
    /// Where each print was seen last.
    prints: BTreeMap<u64, u64>,
}

impl Candidate {
    pub(super) fn new(id: SourceId, limit: usize) -> Self {
        Self {
            id,
            framer: Framer::new(),
            scan: Scan::new(),
            ready: None,
            held: VecDeque::new(),
            first: 0,
            limit: limit.max(tail::MATCH_PACKETS),
            keyframes: VecDeque::new(),
            pictures: VecDeque::new(),
            prints: BTreeMap::new(),
        }
    }

    /// Reads on. If these packets end where the output ended, says with which of them.
    pub(super) fn feed(&mut self, now: Duration, bytes: &[u8], tail: &Tail) -> Option<u64> {
        let mut found = None;
        let mut framer = core::mem::take(&mut self.framer);
        framer.feed(bytes, |packet| {
            let print = self.hold(now, packet);
            if print.is_some() && print == tail.last() {
                found = self.find(tail).or(found);
            }
        });
        self.framer = framer;
        found
    }

    /// Where the packets are that the output ended with: the number of the last of them.
    pub(super) fn find(&self, tail: &Tail) -> Option<u64> {
        let place = *self.prints.get(&tail.last()?)?;
        let upto = usize::try_from(place.checked_sub(self.first)?).ok()?;
        let newest_first = self.held.range(..=upto).rev().filter_map(|(_, print)| *print);
        tail.is(newest_first).then_some(place)
    }

    /// Keyframes whose packets are held, oldest first.
    pub(super) fn keyframes(&self) -> impl Iterator<Item = &Keyframe> {
        self.keyframes.iter()
    }

    /// This keyframe, or the first after it that is still held, or the last.
    pub(super) fn keyframe_from(&self, place: u64) -> Option<u64> {
        let after = self.keyframes.iter().find(|keyframe| keyframe.place >= place);
        after.or(self.keyframes.back()).map(|keyframe| keyframe.place)
    }

    /// When the oldest and the newest picture held are decoded.
    pub(super) fn times(&self) -> Option<(Ticks, Ticks)> {
        self.pictures.front().zip(self.pictures.back()).map(|((_, oldest), (_, newest))| (*oldest, *newest))
    }

    /// The packets from this one on, with their prints.
    pub(super) fn held_from(&self, place: u64) -> impl Iterator<Item = &(Raw, Option<u64>)> {
        let from =
            usize::try_from(place.saturating_sub(self.first)).unwrap_or(usize::MAX).min(self.held.len());
        self.held.range(from..)
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.held.len() * PACKET
    }

    fn hold(&mut self, now: Duration, packet: Packet<'_>) -> Option<u64> {
        let place = self.first + self.held.len() as u64;
        let found = self.scan.feed(now, place, packet);
        if found.tables {
            // What was begun under other tables cannot be begun with under these.
            self.keyframes.clear();
            self.pictures.clear();
        }
        let print = tail::print(packet);
        self.held.push_back((*packet.raw(), print));
        if let Some(print) = print {
            self.prints.insert(print, place);
        }
        if let Some(Some(decoded)) = found.began {
            self.pictures.push_back((place, decoded));
        }
        if let Some(keyframe) = found.keyframe {
            self.keyframes.push_back(keyframe);
            self.ready.get_or_insert(now);
        }
        if self.held.len() > self.limit {
            self.forget();
        }
        if self.keyframes.is_empty() {
            self.ready = None;
        }
        print
    }

    fn forget(&mut self) {
        let Some((_, print)) = self.held.pop_front() else { return };
        if let Some(print) = print
            && self.prints.get(&print) == Some(&self.first)
        {
            self.prints.remove(&print);
        }
        self.first += 1;
        while self.keyframes.front().is_some_and(|keyframe| keyframe.place < self.first) {
            self.keyframes.pop_front();
        }
        while self.pictures.front().is_some_and(|(place, _)| *place < self.first) {
            self.pictures.pop_front();
        }
    }
}
