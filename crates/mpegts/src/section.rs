//! Sections: the tables of a stream, put together from packets and taken apart into them.
//!
//! A section is passed on only when its checksum is right. What is kept is bounded by the longest section that
//! a table may have.

use alloc::vec::Vec;

use crate::packet::{PACKET, Packet, Pid, Raw, SYNC};

/// The longest section of a table of programmes or of a programme.
pub const SECTION_BYTES_MAX: usize = 1024;
const HEADER: usize = 3;
const CHECKSUM: usize = 4;
const STUFFING: u8 = 0xff;

/// The checksum of a section. Over a whole section, its own included, it is zero.
pub fn checksum(bytes: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for byte in bytes {
        sum ^= u32::from(*byte) << 24;
        for _ in 0..8 {
            sum = if sum >> 31 == 1 { sum << 1 ^ 0x04c1_1db7 } else { sum << 1 };
        }
    }
    sum
}

/// Completes what was written of a section: its length and its checksum.
pub(crate) fn seal(mut section: Vec<u8>) -> Vec<u8> {
    let length = (section.len() - HEADER + CHECKSUM) as u16;
    let [high, low] = length.to_be_bytes();
    section[1] = 0xb0 | high & 0x0f;
    section[2] = low;
    let sum = checksum(&section);
    section.extend_from_slice(&sum.to_be_bytes());
    section
}

/// The packets that carry a section, with counters yet to be set.
pub(crate) fn packets(section: &[u8], pid: Pid) -> impl Iterator<Item = Raw> {
    let [high, low] = pid.number().to_be_bytes();
    let first = (PACKET - 5).min(section.len());
    let rest = section[first..].chunks(PACKET - 4).map(|part| (false, part));
    core::iter::once((true, &section[..first])).chain(rest).map(move |(begins, part)| {
        let mut raw = [STUFFING; PACKET];
        raw[..4].copy_from_slice(&[SYNC, high | if begins { 0x40 } else { 0 }, low, 0x10]);
        let at = if begins {
            raw[4] = 0;
            5
        } else {
            4
        };
        raw[at..at + part.len()].copy_from_slice(part);
        raw
    })
}

/// Puts the sections of one part of the stream together.
#[derive(Clone, Debug, Default)]
pub struct Sections {
    /// Of a section that has begun and is not complete.
    part: Vec<u8>,
    continuity: Option<u8>,
}

impl Sections {
    /// Reads on, and passes on each complete section whose checksum is right.
    pub fn feed(&mut self, packet: Packet<'_>, mut out: impl FnMut(&[u8])) {
        if !packet.has_payload() || packet.broken() || packet.scrambled() {
            return;
        }
        let follows = self.continuity.is_some_and(|before| (before + 1) & 15 == packet.continuity());
        if self.continuity == Some(packet.continuity()) && !packet.discontinuity() {
            // The same packet once more.
            return;
        }
        self.continuity = Some(packet.continuity());
        if !follows {
            self.part.clear();
        }
        let payload = packet.payload();
        if !packet.begins() {
            if !self.part.is_empty() {
                self.add(payload, &mut out);
            }
            return;
        }
        let Some((pointer, payload)) = payload.split_first() else { return };
        let Some((end, mut fresh)) = payload.split_at_checked(usize::from(*pointer)) else { return };
        if !self.part.is_empty() {
            self.add(end, &mut out);
            self.part.clear();
        }
        while fresh.first().is_some_and(|first| *first != STUFFING) {
            let used = self.add(fresh, &mut out);
            if !self.part.is_empty() {
                return;
            }
            fresh = fresh.get(used..).unwrap_or_default();
        }
    }

    /// Adds to the section that has begun, and says how many of these bytes were its own.
    fn add(&mut self, bytes: &[u8], out: &mut impl FnMut(&[u8])) -> usize {
        let before = self.part.len();
        let room = SECTION_BYTES_MAX.saturating_sub(before);
        self.part.extend_from_slice(&bytes[..bytes.len().min(room)]);
        let Some(&[_, high, low]) = self.part.first_chunk::<HEADER>() else { return bytes.len() };
        let length = HEADER + usize::from(u16::from_be_bytes([high & 0x0f, low]));
        if length > SECTION_BYTES_MAX {
            // No table is that long; whatever follows in this packet cannot be found.
            self.part.clear();
            return bytes.len();
        }
        if self.part.len() < length {
            return bytes.len();
        }
        if checksum(&self.part[..length]) == 0 {
            out(&self.part[..length]);
        }
        self.part.clear();
        length - before.min(length)
    }
}
