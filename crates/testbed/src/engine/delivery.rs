//! The body of a playback answer: packets as time passes, in small pieces.
//!
//! It sleeps between pieces and has no task of its own. It stops when its session ends.

use std::future::Future;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame};
use tokio::time::{Instant, Sleep};

use super::session::{Session, unix_ms};
use super::{Faults, Shared};
use crate::stream::PACKET;

/// How often a reader gets something.
const STEP: Duration = Duration::from_millis(40);
/// The longest piece.
const MAX_PIECE_PACKETS: u64 = 160;
/// Who falls back further than an engine keeps of a live channel goes on with a gap.
const KEPT_S: u64 = 60;
/// A file comes faster than it plays, as fast as peers have it.
const FILE_SPEED: f64 = 16.0;

/// How much a reader may have, and when it gets more.
struct Pace {
    shared: Arc<Shared>,
    session: Arc<Session>,
    /// How much faster than it plays the content comes.
    speed: f64,
    /// Packets that may be sent now.
    due: f64,
    looked: Instant,
    /// There was nothing to send at the last look.
    resting: bool,
    sleep: Pin<Box<Sleep>>,
}

impl Pace {
    fn new(shared: Arc<Shared>, session: Arc<Session>, speed: f64) -> Self {
        session.reader_came();
        let sleep = Box::pin(tokio::time::sleep(Duration::ZERO));
        Self { shared, session, speed, due: 0.0, looked: Instant::now(), resting: false, sleep }
    }

    /// Waits for the next look. Who is behind by a whole piece need not wait, unless there was nothing to
    /// send.
    fn poll_look(&mut self, context: &mut Context<'_>) -> Poll<Faults> {
        if self.resting || self.due < MAX_PIECE_PACKETS as f64 {
            if self.sleep.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            self.resting = false;
            self.sleep.as_mut().reset(Instant::now() + STEP);
        }
        let faults = self.shared.faults.now();
        let elapsed = std::mem::replace(&mut self.looked, Instant::now()).elapsed();
        let rate = self.session.channel.packets_per_s() as f64 * f64::from(faults.rate_percent) / 100.0;
        self.due += rate * self.speed * elapsed.as_secs_f64();
        Poll::Ready(faults)
    }

    /// Takes what may be sent.
    fn take(&mut self) -> u64 {
        let count = (self.due as u64).min(MAX_PIECE_PACKETS);
        self.due -= count as f64;
        count
    }

    /// After a look at which nothing was sent the next one is a step later.
    fn rest(&mut self) {
        self.resting = true;
    }

    fn bytes(&self, packets: Range<u64>, faults: &Faults) -> Bytes {
        self.session.reached(packets.end);
        match faults.garbage {
            true => noise(packets.start, (packets.end - packets.start) as usize * PACKET),
            false => self.session.channel.render(packets),
        }
    }
}

impl Drop for Pace {
    fn drop(&mut self) {
        self.session.reader_left();
    }
}

/// A reader of a live channel.
pub(super) struct Live {
    pace: Pace,
    /// The next packet; none while it buffers.
    next: Option<u64>,
}

impl Live {
    pub(super) fn new(shared: Arc<Shared>, session: Arc<Session>) -> Self {
        Self { pace: Pace::new(shared, session, 1.0), next: None }
    }

    /// Where a reader joins who comes now: some seconds back.
    fn join(&mut self) -> u64 {
        let settings = &self.pace.shared.settings;
        let channel = &self.pace.session.channel;
        let now = unix_ms();
        let at = channel.at(now.saturating_sub(settings.burst.as_millis() as u64));
        let at = if settings.joins_at_picture { channel.second_of(at) } else { at };
        self.pace.due = channel.at(now).saturating_sub(at) as f64;
        at
    }

    /// What is due now.
    fn piece(&mut self, faults: &Faults) -> Option<Bytes> {
        if !self.pace.shared.delivers(faults) || !self.pace.session.playing(self.pace.shared.patience()) {
            return None;
        }
        let mut next = match self.next {
            Some(next) => next,
            None => self.join(),
        };
        let kept = self.pace.session.channel.packets_per_s() * KEPT_S;
        if self.pace.due > kept as f64 {
            next += self.pace.due as u64 - kept;
            self.pace.due = kept as f64;
        }
        let count = self.pace.take();
        self.next = Some(next + count);
        (count > 0).then(|| self.pace.bytes(next..next + count, faults))
    }
}

impl Body for Live {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let live = self.get_mut();
        while live.pace.session.alive() {
            let Poll::Ready(faults) = live.pace.poll_look(context) else {
                return Poll::Pending;
            };
            match live.piece(&faults) {
                Some(piece) => return Poll::Ready(Some(Ok(Frame::data(piece)))),
                None => live.pace.rest(),
            }
        }
        Poll::Ready(None)
    }
}

/// A reader of a file.
pub(super) struct File {
    pace: Pace,
    /// The bytes that are still to come.
    rest: Range<u64>,
}

impl File {
    pub(super) fn new(shared: Arc<Shared>, session: Arc<Session>, bytes: Range<u64>) -> Self {
        Self { pace: Pace::new(shared, session, FILE_SPEED), rest: bytes }
    }

    fn piece(&mut self, faults: &Faults) -> Option<Bytes> {
        if !self.pace.shared.delivers(faults) || !self.pace.session.playing(self.pace.shared.patience()) {
            // Peers do not save up for later.
            self.pace.due = 0.0;
            return None;
        }
        let packet = PACKET as u64;
        let first = self.rest.start / packet;
        let last = self.rest.end.div_ceil(packet).min(first + self.pace.take());
        if first == last {
            return None;
        }
        let end = self.rest.end.min(last * packet);
        let wanted = (self.rest.start - first * packet) as usize..(end - first * packet) as usize;
        self.rest.start = end;
        Some(self.pace.bytes(first..last, faults).slice(wanted))
    }
}

impl Body for File {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let file = self.get_mut();
        while !file.rest.is_empty() && file.pace.session.alive() {
            let Poll::Ready(faults) = file.pace.poll_look(context) else {
                return Poll::Pending;
            };
            match file.piece(&faults) {
                Some(piece) => return Poll::Ready(Some(Ok(Frame::data(piece)))),
                None => file.pace.rest(),
            }
        }
        Poll::Ready(None)
    }
}

/// Bytes that are no stream, and differ from place to place.
pub(super) fn noise(seed: u64, length: usize) -> Bytes {
    let mut state = seed | 1;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // What looks like the beginning of a packet would be no noise.
        match (state >> 56) as u8 {
            0x47 => 0x48,
            byte => byte,
        }
    };
    std::iter::repeat_with(next).take(length).collect()
}
