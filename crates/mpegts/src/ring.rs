//! The memory that a channel's readers share: the newest part of the stream, in blocks that are published by time or
//! size.
//!
//! A block is one buffer, handed out by counting references: however many read it, it is there once. Readers hold
//! positions and nothing else ([`Reader`]); one that is too slow falls out of what is kept, is told so, and goes on
//! at the newest keyframe. Everything is measured in packets, so nobody ever begins in the middle of one.

mod reader;

use alloc::collections::btree_map::Entry;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;
use core::time::Duration;

use bytes::{Bytes, BytesMut};

use crate::packet::{self, PACKET, Packet, Pid, Raw};
use crate::pes::{CLOCK_HZ, Ticks};
use crate::scan::{Keyframe, Scan};
use crate::tables;

pub use reader::{Lag, Read, Reader};

/// Parts of the stream whose counters are known where a reader may begin. A programme has about five, a whole
/// transponder a few dozen.
pub const PIDS_MAX: usize = 256;
/// Places to begin that are kept. Streams of keyframes alone would have one for every picture.
const JOINS_MAX: usize = 512;
/// Keyframes closer than this are one place to begin.
const JOIN_SPACING: Duration = Duration::from_millis(200);
/// Other pictures are remembered when they are so far from what was remembered before.
const PICTURE_SPACING: Duration = Duration::from_millis(400);
/// A picture that comes later than this after the one before does not follow it.
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// The time over which the rate is measured.
const RATE_WINDOW: Duration = Duration::from_secs(5);

/// How much is kept, and how soon it is published.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes that are kept at most.
    pub bytes: usize,
    /// What is older is dropped, but for what a reader needs who joins now.
    pub age: Duration,
    /// A block this large is published at once.
    pub block_bytes: usize,
    /// Between two smaller blocks there is this much time. What comes after a longer silence need not wait.
    pub block_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 32 * 1024 * 1024,
            age: Duration::from_secs(30),
            block_bytes: 64 * 1024,
            block_time: Duration::from_millis(40),
        }
    }
}

/// When a picture is decoded, as the stream has it, and when it was read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Moment {
    /// When it is decoded.
    pub decoded: Option<Ticks>,
    /// When it was read.
    pub at: Duration,
}

impl Moment {
    /// How long it is since an earlier one; none if that is not earlier. Streams without times are measured by their
    /// arrival.
    pub fn since(self, earlier: Self) -> Option<Duration> {
        match self.decoded.zip(earlier.decoded) {
            Some((this, that)) => {
                let ticks = u64::try_from(this.since(that)).ok()?;
                Some(Duration::from_millis(ticks * 1_000 / CLOCK_HZ))
            }
            None => self.at.checked_sub(earlier.at),
        }
    }
}

/// The last picture of a stream, or of a part of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Last {
    /// Where it begins. Up to here every picture is whole; whether this one is, nobody knows before another begins.
    pub place: u64,
    /// When the last picture is decoded that tells.
    pub moment: Moment,
}

/// A place at which a picture begins; if that is a keyframe, a reader can begin there.
#[derive(Clone, Debug)]
pub struct Join {
    /// Its number, counted in packets since the ring was made.
    pub place: u64,
    /// When its picture is decoded, and when it was read.
    pub moment: Moment,
    /// A decoder can begin here.
    pub key: bool,
    /// The picture before it, if this one does not follow it: the stream was spliced, or its clock leaps.
    pub broken_off: Option<Last>,
    /// How often the stream has been spliced before it.
    breaks: u64,
    tables: Arc<[Raw]>,
    /// The counters that went before.
    counters: Arc<[(Pid, u8)]>,
}

#[derive(Debug)]
struct Block {
    first: u64,
    at: Duration,
    bytes: Bytes,
}

impl Block {
    fn end(&self) -> u64 {
        self.first + (self.bytes.len() / PACKET) as u64
    }
}

/// The shared memory of a channel.
#[derive(Debug)]
pub struct Ring {
    limits: Limits,
    blocks: VecDeque<Block>,
    kept: usize,
    /// The block that is being filled, since when, and when the one before it was published.
    open: BytesMut,
    opened: Option<Duration>,
    closed: Option<Duration>,
    scan: Scan,
    tables: Arc<[Raw]>,
    counters: BTreeMap<Pid, u8>,
    /// As they were when the newest picture began.
    counters_before: Arc<[(Pid, u8)]>,
    breaks: u64,
    /// The newest picture, and how often the stream had been spliced before it.
    picture: Option<(Moment, u64)>,
    /// Where the newest picture begins, whatever its time.
    begun: u64,
    joins: VecDeque<Join>,
    /// The number of the first packet that is not published.
    published: u64,
    newest: Option<Duration>,
}

impl Ring {
    /// An empty ring.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            blocks: VecDeque::new(),
            kept: 0,
            open: BytesMut::new(),
            opened: None,
            closed: None,
            scan: Scan::new(),
            tables: Arc::new([]),
            counters: BTreeMap::new(),
            counters_before: Arc::new([]),
            breaks: 0,
            picture: None,
            begun: 0,
            joins: VecDeque::new(),
            published: 0,
            newest: None,
        }
    }

    /// Keeps so many bytes at most from now on.
    pub fn limit(&mut self, bytes: usize) {
        if core::mem::replace(&mut self.limits.bytes, bytes) > bytes {
            self.forget(self.newest.unwrap_or_default());
        }
    }

    /// Takes a packet, and says whether there is something new to read. Packets that came together are published
    /// together: whoever has pushed them wakes the ring after the last.
    pub fn push(&mut self, now: Duration, packet: Packet<'_>) -> bool {
        self.newest = Some(now);
        let opened = *self.opened.get_or_insert(now);
        self.note(now, packet);
        if self.open.capacity() - self.open.len() < PACKET {
            // Room for several blocks of a slow stream is had at once, and for one of a fast stream.
            self.open.reserve(self.limits.block_bytes.max(PACKET));
        }
        self.open.extend_from_slice(packet.raw());
        let full = self.open.len() + PACKET > self.limits.block_bytes;
        (full || opened + self.limits.block_time <= now) && self.publish(now)
    }

    /// Publishes what has waited for long enough, and says whether there is something new to read.
    pub fn wake(&mut self, now: Duration) -> bool {
        self.next_wakeup().is_some_and(|due| due <= now) && self.publish(now)
    }

    /// When [`Ring::wake`] has something to do.
    pub fn next_wakeup(&self) -> Option<Duration> {
        let due = self.closed.map(|closed| closed + self.limits.block_time);
        self.opened.map(|opened| due.map_or(opened, |due| due.max(opened)))
    }

    /// How many packets have been published, ever. While it stays the same there is nothing new to read.
    pub fn published(&self) -> u64 {
        self.published
    }

    /// When the newest packet came.
    pub fn newest(&self) -> Option<Duration> {
        self.newest
    }

    /// Bytes that are kept, whether published or not.
    pub fn kept(&self) -> usize {
        self.kept + self.open.len()
    }

    /// The rate of the last seconds, in bits a second.
    pub fn bits_per_s(&self, now: Duration) -> u64 {
        let since = now.saturating_sub(RATE_WINDOW);
        let recent = || self.blocks.iter().rev().take_while(|block| block.at >= since);
        let bytes: usize = recent().map(|block| block.bytes.len()).sum();
        let Some(oldest) = recent().last() else { return 0 };
        // A block holds what came before it was published.
        let over = now.saturating_sub(oldest.at) + self.limits.block_time;
        (bytes as u128 * 8_000 / over.as_millis().max(1)) as u64
    }

    /// What is known of the stream.
    pub fn scan(&self) -> &Scan {
        &self.scan
    }

    /// The places at which a reader can begin now, oldest first.
    pub fn joins(&self) -> impl DoubleEndedIterator<Item = &Join> {
        self.pictures().filter(|join| join.key)
    }

    /// The same, and among them places at which other pictures begin: so many that none is far from the next, and
    /// each that does not follow the picture before it.
    pub fn pictures(&self) -> impl DoubleEndedIterator<Item = &Join> {
        let oldest = self.oldest();
        self.joins.iter().filter(move |join| (oldest..self.published).contains(&join.place))
    }

    /// The newest picture.
    pub fn newest_picture(&self) -> Option<Last> {
        self.picture.map(|(moment, _)| Last { place: self.begun, moment })
    }

    /// The packets of a range, without copying them; nothing if not all of them are there.
    pub fn slices(&self, range: Range<u64>) -> Option<Vec<Bytes>> {
        if range.start < self.oldest() || range.end > self.published {
            return None;
        }
        let first = self.blocks.partition_point(|block| block.end() <= range.start);
        let blocks = self.blocks.range(first..).take_while(|block| block.first < range.end);
        Some(blocks.map(|block| cut(block, &range)).collect())
    }

    /// The number of the oldest packet that is kept.
    fn oldest(&self) -> u64 {
        self.blocks.front().map_or(self.published, |block| block.first)
    }

    fn note(&mut self, now: Duration, packet: Packet<'_>) {
        let place = self.published + (self.open.len() / PACKET) as u64;
        let found = self.scan.feed(now, place, packet);
        if found.tables
            && let Some((pat, pmt)) = self.scan.tables().both()
        {
            self.tables = tables::packets(pat, pmt).into();
        }
        if let Some(decoded) = found.began {
            self.counters_before = self.counters.iter().map(|(pid, counter)| (*pid, *counter)).collect();
            self.note_picture(place, Moment { decoded, at: now });
        }
        if packet.pid() == Pid::PAT && packet.discontinuity() {
            self.breaks += 1;
        }
        if packet.pid() != Pid::NULL {
            let full = self.counters.len() >= PIDS_MAX;
            match self.counters.entry(packet.pid()) {
                Entry::Occupied(mut counter) => *counter.get_mut() = packet.continuity(),
                Entry::Vacant(_) if full => {}
                Entry::Vacant(room) => {
                    room.insert(packet.continuity());
                }
            }
        }
        if let Some(Keyframe { place, decoded }) = found.keyframe {
            self.note_keyframe(place, Moment { decoded, at: now });
        }
    }

    fn note_picture(&mut self, place: u64, moment: Moment) {
        let begun_before = core::mem::replace(&mut self.begun, place);
        let same = self.picture.filter(|(_, breaks)| *breaks == self.breaks);
        // Not every picture tells its time; and pictures that tell only when they are shown come in another order.
        let is_between = |(before, _): (Moment, u64)| {
            let back = before.decoded.zip(moment.decoded).and_then(|_| before.since(moment));
            let untimed = before.decoded.is_some() && moment.decoded.is_none();
            untimed || back.is_some_and(|back| !back.is_zero() && back < PAUSE_MAX)
        };
        if same.is_some_and(is_between) {
            return;
        }
        let before = self.picture.replace((moment, self.breaks));
        let follows = |(before, breaks): &(Moment, u64)| {
            *breaks == self.breaks && moment.since(*before).is_some_and(|pause| pause <= PAUSE_MAX)
        };
        let broken_off =
            before.filter(|before| !follows(before)).map(|(moment, _)| Last { place: begun_before, moment });
        let near = |last: &Join| moment.since(last.moment).is_some_and(|apart| apart < PICTURE_SPACING);
        if broken_off.is_some() || !self.joins.back().is_some_and(near) {
            self.remember(place, moment, false, broken_off);
        }
    }

    fn note_keyframe(&mut self, place: u64, moment: Moment) {
        let close = self.joins.iter().rfind(|join| join.key).is_some_and(|last| {
            let known = moment.decoded.is_some() && last.moment.decoded.is_some();
            let near = moment.since(last.moment).is_some_and(|apart| apart < JOIN_SPACING);
            last.breaks == self.breaks && known && near
        });
        if close {
            return;
        }
        match self.joins.back_mut().filter(|last| last.place == place) {
            Some(same) => same.key = true,
            None => self.remember(place, moment, true, None),
        }
    }

    fn remember(&mut self, place: u64, moment: Moment, key: bool, broken_off: Option<Last>) {
        if self.joins.len() >= JOINS_MAX {
            self.joins.pop_front();
        }
        let (tables, counters, breaks) = (self.tables.clone(), self.counters_before.clone(), self.breaks);
        self.joins.push_back(Join { place, moment, key, broken_off, breaks, tables, counters });
    }

    fn publish(&mut self, now: Duration) -> bool {
        self.opened = None;
        if self.open.is_empty() {
            return false;
        }
        self.closed = Some(now);
        let bytes = self.open.split().freeze();
        self.kept += bytes.len();
        let block = Block { first: self.published, at: now, bytes };
        self.published = block.end();
        self.blocks.push_back(block);
        self.forget(now);
        true
    }

    /// Drops what is too old or too much. Who joins now still finds a keyframe, if the bytes allow it.
    fn forget(&mut self, now: Duration) {
        let newest = self.joins.iter().rfind(|join| join.key);
        let needed = newest.map_or(self.published, |join| join.place);
        while let Some(oldest) = self.blocks.front() {
            let old = now.saturating_sub(oldest.at) > self.limits.age && oldest.end() <= needed;
            // The newest block stays whatever the limits are: else nothing could be read.
            if self.blocks.len() == 1 || !(old || self.kept > self.limits.bytes) {
                break;
            }
            self.kept -= oldest.bytes.len();
            self.blocks.pop_front();
        }
        let oldest = self.oldest();
        while self.joins.front().is_some_and(|join| join.place < oldest) {
            self.joins.pop_front();
        }
    }
}

impl Join {
    /// What a reader is sent first who begins here: the tables, numbered so that those in the stream follow. For one
    /// who read before, or who is to be able to go on from anywhere, `marked` says of every other part of the stream
    /// too that a discontinuity is meant.
    pub fn head(&self, marked: bool) -> Bytes {
        let mut head = BytesMut::with_capacity((self.tables.len() + 2 + self.counters.len()) * PACKET);
        let before = |pid: Pid| {
            let found = self.counters.binary_search_by_key(&pid, |(pid, _)| *pid);
            found.map_or(0, |at| self.counters[at].1)
        };
        let is_table =
            |pid: Pid| self.tables.iter().filter_map(|raw| Packet::new(raw)).any(|table| table.pid() == pid);
        for (pid, counter) in self.counters.iter().filter(|(pid, _)| marked && !is_table(*pid)) {
            head.extend_from_slice(&packet::marker(*pid, *counter));
        }
        let mut at = 0;
        while let Some(pid) = self.tables.get(at).and_then(|raw| Packet::new(raw)).map(Packet::pid) {
            let rest = self.tables[at..].iter();
            let count =
                rest.take_while(|raw| Packet::new(*raw).is_some_and(|table| table.pid() == pid)).count();
            let mut counter = before(pid).wrapping_sub(count as u8);
            head.extend_from_slice(&packet::marker(pid, counter));
            for raw in &self.tables[at..at + count] {
                counter = counter.wrapping_add(1);
                let mut raw = *raw;
                packet::set_continuity(&mut raw, counter);
                head.extend_from_slice(&raw);
            }
            at += count;
        }
        head.freeze()
    }
}

fn cut(block: &Block, range: &Range<u64>) -> Bytes {
    let place = |number: u64| (number.clamp(block.first, block.end()) - block.first) as usize * PACKET;
    block.bytes.slice(place(range.start)..place(range.end))
}
