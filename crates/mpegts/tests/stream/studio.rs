//! Streams to test with, and a reader that counts what is wrong with what comes out.

use core::ops::Range;
use core::time::Duration;

use bytes::Bytes;
use mpegts::packet::{self, PACKET};
use mpegts::{Packet, Pid};
use testbed::count::{Counter, Seen};
use testbed::stream::Channel;

/// A channel of this name.
pub(crate) fn channel(key: &str) -> Channel {
    Channel::new(key, 1_000_000)
}

/// A part of a channel, in seconds from its beginning.
pub(crate) fn seconds(channel: &Channel, range: Range<f64>) -> Bytes {
    let at = |seconds: f64| (seconds * channel.packets_per_s() as f64) as u64;
    channel.render(at(range.start)..at(range.end))
}

/// So many milliseconds.
pub(crate) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The packets in these bytes, which are whole.
pub(crate) fn packets(bytes: &[u8]) -> impl Iterator<Item = Packet<'_>> {
    bytes.chunks(PACKET).map(|raw| Packet::new(raw).expect("a packet"))
}

/// A packet with this payload, filled up before it.
pub(crate) fn packet(pid: Pid, begins: bool, continuity: u8, payload: &[u8]) -> [u8; PACKET] {
    let mut raw = packet::NULL_PACKET;
    packet::set_pid(&mut raw, pid);
    packet::set_continuity(&mut raw, continuity);
    raw[1] |= if begins { 0x40 } else { 0 };
    let filling = PACKET - 4 - payload.len();
    if filling > 0 {
        raw[3] |= 0x20;
        raw[4] = (filling - 1) as u8;
    }
    if filling > 1 {
        raw[5] = 0;
    }
    raw[PACKET - payload.len()..].copy_from_slice(payload);
    raw
}

/// Who reads along.
#[derive(Default)]
pub(crate) struct Viewer {
    counter: Counter,
    pub(crate) bytes: Vec<u8>,
}

impl Viewer {
    pub(crate) fn watch(&mut self, packet: Packet<'_>) {
        self.take(packet.raw());
    }

    pub(crate) fn take(&mut self, bytes: &[u8]) {
        self.counter.feed(bytes);
        self.bytes.extend_from_slice(bytes);
    }

    /// What was seen; whatever it was, nothing was broken without being marked.
    pub(crate) fn seen(&self) -> &Seen {
        let seen = self.counter.seen();
        assert_eq!((seen.continuity_errors, seen.garbage), (0, 0), "{seen:?}");
        seen
    }

    /// Nothing is missing and nothing came twice.
    pub(crate) fn saw_everything(&self) {
        let seen = self.seen();
        assert_eq!((seen.missing, seen.repeats), (0, 0), "{seen:?}");
    }
}
