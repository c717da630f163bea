//! Finds packets in bytes that arrive in any pieces, and finds them again after garbage.
//!
//! A packet is passed on once the next one begins where it ends: what is torn in the middle is never taken for
//! whole. In garbage the sync byte means nothing by itself, so packets count only once several begin in a row.
//! One framer reads one connection; the next connection gets a new one, with nothing left over.

use alloc::vec::Vec;

use crate::packet::{PACKET, Packet, SYNC};

/// Packets that have to begin in a row before any of them is believed.
pub const LOCK_PACKETS: usize = 4;
/// Bytes that are looked at together: what is kept between two calls stays below this and a few packets.
const PIECE_BYTES: usize = 8 * 1024;

/// A reader of one connection.
#[derive(Clone, Debug, Default)]
pub struct Framer {
    rest: Vec<u8>,
    locked: bool,
    skipped: u64,
    packets: u64,
    breaks: u64,
}

impl Framer {
    /// A framer that has read nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads on, and passes on each whole packet. It makes no difference where the pieces end.
    pub fn feed(&mut self, bytes: &[u8], mut out: impl FnMut(Packet<'_>)) {
        for piece in bytes.chunks(PIECE_BYTES) {
            self.rest.extend_from_slice(piece);
            let used = self.take(&mut out);
            self.rest.drain(..used);
        }
    }

    /// The connection has ended, and nothing follows: passes on the last packet, if it is whole.
    pub fn finish(&mut self, mut out: impl FnMut(Packet<'_>)) {
        if let Some(packet) = Packet::new(&self.rest).filter(|_| self.locked && self.rest.len() == PACKET) {
            out(packet);
            self.packets += 1;
        }
        *self = Self { packets: self.packets, skipped: self.skipped, breaks: self.breaks, ..Self::default() };
    }

    /// Whether packets are being found now.
    pub fn locked(&self) -> bool {
        self.locked
    }

    /// Packets passed on.
    pub fn packets(&self) -> u64 {
        self.packets
    }

    /// Bytes that belonged to no whole packet.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// How often the place was lost after it had been found.
    pub fn breaks(&self) -> u64 {
        self.breaks
    }

    /// Passes packets on, and says how many bytes are done with.
    fn take(&mut self, out: &mut impl FnMut(Packet<'_>)) -> usize {
        let mut at = 0;
        loop {
            if self.locked {
                let Some(&next) = self.rest.get(at + PACKET) else { return at };
                if next == SYNC
                    && let Some(packet) = Packet::new(&self.rest[at..])
                {
                    out(packet);
                    self.packets += 1;
                    at += PACKET;
                    continue;
                }
                self.locked = false;
                self.breaks += 1;
                self.skipped += 1;
                at += 1;
            }
            let Some(window) = self.rest.get(at..=at + (LOCK_PACKETS - 1) * PACKET) else { return at };
            self.locked = window.iter().step_by(PACKET).all(|byte| *byte == SYNC);
            if !self.locked {
                self.skipped += 1;
                at += 1;
            }
        }
    }
}
