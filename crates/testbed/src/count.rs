//! Reads a channel as a viewer does, and says exactly what was missing, came twice or was broken.
//!
//! It needs whole packets to begin with a sync byte, but finds its place again after garbage. It decodes
//! nothing: that is what a player is for.

use std::collections::BTreeMap;

use crate::stream::{COUNT_PID, PACKET};

/// What has been seen.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Seen {
    /// Packets.
    pub packets: u64,
    /// Packets that count.
    pub counted: u64,
    /// How often numbers were left out.
    pub gaps: u64,
    /// How many numbers were left out.
    pub missing: u64,
    /// How many packets came again.
    pub repeats: u64,
    /// Packets whose continuity counter does not follow, without a word that this is meant.
    pub continuity_errors: u64,
    /// Packets that say that a discontinuity is meant; a stream's first ones follow nothing, and break nothing off.
    pub discontinuities: u64,
    /// Bytes that belong to no packet.
    pub garbage: u64,
    /// The channels, in the order in which they came.
    pub channels: Vec<u64>,
    /// The first and the last number of the present channel.
    pub numbers: Option<(u64, u64)>,
}

/// A reader that counts.
#[derive(Clone, Debug, Default)]
pub struct Counter {
    seen: Seen,
    rest: Vec<u8>,
    continuity: BTreeMap<u16, u8>,
}

impl Counter {
    /// A reader that has read nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads on. Pieces need not end where packets do.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
        let rest = std::mem::take(&mut self.rest);
        let mut at = 0;
        while let Some(packet) = rest.get(at..at + PACKET) {
            // What merely looks like a packet is not followed by another one.
            let followed = rest.get(at + PACKET).is_none_or(|next| *next == 0x47);
            if packet[0] == 0x47 && followed {
                self.packet(packet);
                at += PACKET;
            } else {
                self.seen.garbage += 1;
                at += 1;
            }
        }
        self.rest = rest[at..].to_vec();
    }

    /// What has been seen so far.
    pub fn seen(&self) -> &Seen {
        &self.seen
    }

    fn packet(&mut self, packet: &[u8]) {
        self.seen.packets += 1;
        let pid = u16::from_be_bytes([packet[1] & 0x1f, packet[2]]);
        self.follow(pid, packet);
        if let (COUNT_PID, Some((channel, number))) = (pid, crate::stream::counted(packet)) {
            self.count(channel, number);
        }
    }

    fn follow(&mut self, pid: u16, packet: &[u8]) {
        let (adapted, payload) = (packet[3] & 0x20 != 0, packet[3] & 0x10 != 0);
        let meant = adapted && packet[4] > 0 && packet[5] & 0x80 != 0;
        let continuity = packet[3] & 15;
        let before = self.continuity.insert(pid, continuity);
        if meant {
            self.seen.discontinuities += u64::from(before.is_some());
        } else if let Some(before) = before {
            let expected = if payload { (before + 1) & 15 } else { before };
            self.seen.continuity_errors += u64::from(pid != 0x1fff && continuity != expected);
        }
    }

    fn count(&mut self, channel: u64, number: u64) {
        self.seen.counted += 1;
        let same = self.seen.channels.last() == Some(&channel);
        if !same {
            self.seen.channels.push(channel);
        }
        let Some((first, last)) = self.seen.numbers.filter(|_| same) else {
            self.seen.numbers = Some((number, number));
            return;
        };
        if number <= last {
            self.seen.repeats += 1;
        } else if number > last + 1 {
            self.seen.gaps += 1;
            self.seen.missing += number - last - 1;
        }
        self.seen.numbers = Some((first, last.max(number)));
    }
}
