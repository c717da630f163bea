//! Makes one stream of many sources that follow each other, so that whoever reads it need not notice.
//!
//! What goes out is packets, always whole. The first source begins with its tables and a keyframe. When the next one
//! is opened, its packets are held until it is clear where to go on:
//!
//! - **Seamless**: both carry the same packets, as two engines do that deliver one broadcast. Once the last packets
//!   that went out are found in the next source, the output goes on with the very packet after them. Nothing is
//!   missing, nothing comes twice, nothing has to be marked.
//! - **At a keyframe**, if there is no such place: tables, then the first keyframe that has not been sent, if the
//!   next source's clock goes on from the old one's; else the first there is. Every part of the stream is marked as
//!   discontinuous, counters go on, and sound begins with a whole piece.
//!
//! While the old source still delivers, it goes on until the next one can take over; it is cut only where its
//! pictures and sounds end. If the next source lags behind what has been sent, it is waited for, with bounds:
//! [`Settings::overlap`] while the old one delivers, [`Settings::patience`] once nothing does. An old source that falls
//! silent while the next one is ready is not waited for any longer than that either.

mod candidate;
mod output;
mod remap;
mod tail;

use alloc::collections::BTreeSet;
use core::time::Duration;

use crate::framer::Framer;
use crate::packet::{PACKET, Packet, Pid};
use crate::pes::{CLOCK_HZ, Ticks};
use crate::scan::{Keyframe, Scan};
use candidate::Candidate;
use output::Output;
use tail::Tail;

pub use output::Losses;

/// Clocks further apart than this have nothing to do with each other.
const CLOCKS_NEAR_TICKS: i64 = 60 * CLOCK_HZ as i64;
/// A next source that is this far past a place without having shown the packets that were sent there does not have
/// them.
const MATCH_MARGIN_TICKS: i64 = CLOCK_HZ as i64;
/// For so long the old source is waited for to end its pictures and sounds.
const CLOSING_MAX: Duration = Duration::from_millis(250);

/// A source, by a number of the caller's choice. Each connection is a source of its own.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct SourceId(pub u64);

/// How long is waited, and how much is held.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Bytes of a next source that are held at most.
    pub hold_bytes: usize,
    /// For so long the old source goes on, at most, after the next one has a keyframe.
    pub overlap: Duration,
    /// For so long nothing goes out, at most, after the next source has a keyframe.
    pub patience: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        let (overlap, patience) = (Duration::from_secs(10), Duration::from_secs(1));
        Self { hold_bytes: 8 * 1024 * 1024, overlap, patience }
    }
}

/// The output goes on with another source.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Switched {
    /// The source before, if it was still there.
    pub from: Option<SourceId>,
    /// The source that delivers now.
    pub to: SourceId,
    /// How it was done.
    pub how: How,
}

/// How the output went on with another source.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum How {
    /// There was none before.
    Began,
    /// With the very next packet.
    Seamless,
    /// At a keyframe, so many ticks after the last picture that was sent: more than a picture's worth is missing,
    /// less came twice. None if the clocks have nothing to do with each other.
    Keyframe(Option<i64>),
}

/// What is known of one source.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Condition {
    /// Whole packets that came.
    pub packets: u64,
    /// Bytes that belonged to none.
    pub skipped: u64,
    /// Whether packets are being found.
    pub locked: bool,
    /// Whether its tables are known.
    pub tables: bool,
    /// Whether a decoder could begin with it.
    pub keyframe: bool,
}

/// The source that delivers.
#[derive(Debug)]
struct Running {
    id: SourceId,
    framer: Framer,
    scan: Scan,
    place: u64,
    /// When it sent something last.
    heard: Duration,
}

/// The old source is being ended.
#[derive(Debug)]
struct Closing {
    start: Start,
    until: Duration,
    /// Parts of the stream in which something has begun that may still be completed.
    unfinished: BTreeSet<Pid>,
}

/// Where a next source takes over.
#[derive(Clone, Copy, Debug)]
struct Start {
    place: u64,
    how: How,
}

/// The splice of a channel.
#[derive(Debug)]
pub struct Splice {
    settings: Settings,
    running: Option<Running>,
    closing: Option<Closing>,
    next: Option<Candidate>,
    output: Output,
    tail: Tail,
    /// Since when no source delivers.
    stopped: Option<Duration>,
}

impl Splice {
    /// A splice without sources.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            running: None,
            closing: None,
            next: None,
            output: Output::default(),
            tail: Tail::default(),
            stopped: None,
        }
    }

    /// A connection to a source is there, from which the stream is to go on. One that was opened before and has not
    /// taken over is dropped.
    pub fn open(&mut self, source: SourceId) {
        self.closing = None;
        self.next = Some(Candidate::new(source, self.settings.hold_bytes / PACKET));
    }

    /// Takes what a source sent, and passes on what is to be sent on. Sources that are not wanted are ignored.
    pub fn feed(
        &mut self,
        now: Duration,
        source: SourceId,
        bytes: &[u8],
        mut out: impl FnMut(Packet<'_>),
    ) -> Option<Switched> {
        if self.running() == Some(source) {
            if let Some(place) = self.feed_running(now, Some(bytes), &mut out) {
                return self.take_over(now, Start { place: place + 1, how: How::Seamless }, &mut out);
            }
        } else if let Some(next) = self.next.as_mut().filter(|next| next.id == source) {
            let found = next.feed(now, bytes, &self.tail);
            if let Some(place) = found.filter(|_| self.closing.is_none()) {
                return self.take_over(now, Start { place: place + 1, how: How::Seamless }, &mut out);
            }
        }
        self.settle(now, &mut out)
    }

    /// A source has ended, or its connection broke. What was held of it goes with it.
    pub fn close(
        &mut self,
        now: Duration,
        source: SourceId,
        mut out: impl FnMut(Packet<'_>),
    ) -> Option<Switched> {
        if self.next() == Some(source) {
            self.next = None;
            self.closing = None;
        }
        if self.running() == Some(source) {
            let found = self.feed_running(now, None, &mut out);
            self.stop(now);
            if let Some(place) = found {
                return self.take_over(now, Start { place: place + 1, how: How::Seamless }, &mut out);
            }
        }
        self.settle(now, &mut out)
    }

    /// Time has passed.
    pub fn wake(&mut self, now: Duration, mut out: impl FnMut(Packet<'_>)) -> Option<Switched> {
        self.settle(now, &mut out)
    }

    /// When [`Splice::wake`] has something to do.
    pub fn next_wakeup(&self) -> Option<Duration> {
        let ready = self.next.as_ref()?.ready?;
        let Settings { overlap, patience, .. } = self.settings;
        let due = match (&self.closing, &self.running) {
            (Some(closing), _) => closing.until,
            (None, Some(running)) => (ready + overlap).min(ready.max(running.heard) + patience),
            (None, None) => ready.max(self.stopped.unwrap_or_default()) + patience,
        };
        Some(due)
    }

    /// The source that delivers.
    pub fn running(&self) -> Option<SourceId> {
        self.running.as_ref().map(|running| running.id)
    }

    /// The source that is to take over.
    pub fn next(&self) -> Option<SourceId> {
        self.next.as_ref().map(|next| next.id)
    }

    /// Whether a source is of use. The connection of one that is not may be closed.
    pub fn wants(&self, source: SourceId) -> bool {
        self.running() == Some(source) || self.next() == Some(source)
    }

    /// What is known of a source that is of use.
    pub fn condition(&self, source: SourceId) -> Option<Condition> {
        let running = self.running.as_ref().filter(|running| running.id == source);
        let (framer, scan, keyframe) = match running {
            Some(running) => (&running.framer, &running.scan, true),
            None => {
                let next = self.next.as_ref().filter(|next| next.id == source)?;
                (&next.framer, &next.scan, next.ready.is_some())
            }
        };
        Some(Condition {
            packets: framer.packets(),
            skipped: framer.skipped(),
            locked: framer.locked(),
            tables: scan.tables().both().is_some(),
            keyframe,
        })
    }

    /// When the newest picture that was sent is decoded.
    pub fn position(&self) -> Option<Ticks> {
        self.output.position()
    }

    /// Bytes that are held.
    pub fn held(&self) -> usize {
        self.next.as_ref().map_or(0, Candidate::held_bytes)
    }

    /// What sources lost, and what was left out.
    pub fn losses(&self) -> Losses {
        self.output.losses()
    }

    /// Passes the running source's packets on; no bytes are its end. If the next one has the last packet, says where.
    fn feed_running(
        &mut self,
        now: Duration,
        bytes: Option<&[u8]>,
        out: &mut impl FnMut(Packet<'_>),
    ) -> Option<u64> {
        let Self { running: Some(running), output, tail, next, closing, .. } = self else { return None };
        let mut found = None;
        let Running { framer, scan, place, heard, .. } = running;
        if bytes.is_some_and(|bytes| !bytes.is_empty()) {
            *heard = now;
        }
        let each = |packet: Packet<'_>| {
            if found.is_some() {
                return;
            }
            let told = scan.feed(now, *place, packet);
            *place += 1;
            let print = tail::print(packet);
            if let Some(closing) = closing {
                if closing.passes(packet) {
                    output.pass(packet, print, out);
                }
                return;
            }
            if told.tables {
                output.follow(scan);
            }
            output.pass(packet, print, out);
            tail.push(packet, print);
            found = next.as_ref().and_then(|next| next.find(tail));
        };
        match bytes {
            Some(bytes) => framer.feed(bytes, each),
            None => framer.finish(each),
        }
        found
    }

    /// Does what there is to be done about the next source.
    fn settle(&mut self, now: Duration, out: &mut impl FnMut(Packet<'_>)) -> Option<Switched> {
        if let Some(closing) = &self.closing {
            if !closing.unfinished.is_empty() && now < closing.until && self.running.is_some() {
                return None;
            }
            let start = closing.start;
            return self.take_over(now, start, out);
        }
        if let Some(since) = self.old_is_over(now) {
            self.stop(since);
        }
        let start = self.start(now)?;
        if self.running.is_none() {
            return self.take_over(now, start, out);
        }
        let unfinished = self.output.unfinished();
        self.closing = Some(Closing { start, until: now + CLOSING_MAX, unfinished });
        self.settle(now, out)
    }

    /// Since when the old source is not to be waited for, if that is so: it has gone on for long enough, or it is
    /// silent while the next one could go on.
    fn old_is_over(&self, now: Duration) -> Option<Duration> {
        let (heard, ready) = (self.running.as_ref()?.heard, self.next.as_ref()?.ready?);
        if now.saturating_sub(heard.max(ready)) >= self.settings.patience {
            return Some(heard);
        }
        (now.saturating_sub(ready) >= self.settings.overlap).then_some(now)
    }

    /// Where the next source is to take over at a keyframe, if it is time for that.
    fn start(&self, now: Duration) -> Option<Start> {
        let next = self.next.as_ref()?;
        let first = next.keyframes().next()?;
        let Some(position) = self.output.position().filter(|_| self.output.began()) else {
            let how = if self.output.began() { How::Keyframe(None) } else { How::Began };
            return Some(Start { place: first.place, how });
        };
        let same = next.scan.main().map(|(_, codec)| codec) == self.output.codec();
        let near = |ticks: Ticks| same && ticks.since(position).abs() < CLOCKS_NEAR_TICKS;
        let Some((oldest, newest)) = next.times().filter(|(oldest, newest)| near(*oldest) || near(*newest))
        else {
            return Some(Start { place: first.place, how: How::Keyframe(None) });
        };
        let after = |keyframe: &&Keyframe| keyframe.decoded.is_some_and(|ticks| ticks.since(position) > 0);
        let unsent = next.keyframes().find(after);
        let at = |keyframe: &Keyframe| Start {
            place: keyframe.place,
            how: How::Keyframe(keyframe.decoded.map(|ticks| ticks.since(position))),
        };
        let past = newest.since(position) > MATCH_MARGIN_TICKS;
        let ahead = oldest.since(position) > 0;
        // Ahead of the old source, the next one waits for it; past it, there is nothing to wait for.
        let hopeless = if self.running.is_some() { past && !ahead } else { past || ahead };
        if hopeless && let Some(unsent) = unsent {
            return Some(at(unsent));
        }
        let stopped = self.stopped?;
        let since = next.ready.map_or(now, |ready| ready.max(stopped));
        let patient = now.saturating_sub(since) < self.settings.patience;
        if patient { None } else { unsent.or(next.keyframes().last()).map(at) }
    }

    /// The running source delivers no more.
    fn stop(&mut self, now: Duration) {
        self.running = None;
        self.stopped = Some(now);
    }

    /// The next source becomes the running one, from this packet on, or from the first keyframe after it that is
    /// still held.
    fn take_over(
        &mut self,
        now: Duration,
        start: Start,
        out: &mut impl FnMut(Packet<'_>),
    ) -> Option<Switched> {
        self.closing = None;
        let held = self.next.as_ref()?;
        let place = if start.how == How::Seamless { start.place } else { held.keyframe_from(start.place)? };
        let next = self.next.take()?;
        match start.how {
            How::Seamless => self.output.follow(&next.scan),
            How::Began | How::Keyframe(_) => self.output.splice(&next.scan, out),
        }
        for (raw, print) in next.held_from(place) {
            let Some(packet) = Packet::new(raw) else { continue };
            self.output.pass(packet, *print, out);
            self.tail.push(packet, *print);
        }
        let from = self.running.take().map(|running| running.id);
        let Candidate { id, framer, scan, .. } = next;
        self.stopped = None;
        self.running = Some(Running { id, framer, scan, place: 0, heard: now });
        Some(Switched { from, to: id, how: start.how })
    }
}

impl Closing {
    /// Whether this packet of the old source is still needed: it goes on with what has begun.
    fn passes(&mut self, packet: Packet<'_>) -> bool {
        if packet.begins() {
            self.unfinished.remove(&packet.pid());
        }
        self.unfinished.contains(&packet.pid())
    }
}
