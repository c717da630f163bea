//! The last packets that went out, by which the same place is found in another source.

use alloc::collections::VecDeque;

use crate::packet::{Packet, Pid, Raw};
use crate::pes::Head;

/// Packets in a row that have to be the same, counters included, for two places to be the same.
pub(super) const MATCH_PACKETS: usize = 16;
/// Packets that are remembered: one with a time has to be among them. A still picture is the same packets again and
/// again, and times alone tell one from the next.
const TAIL_PACKETS: usize = 2_048;

/// A number that differs if packets do; filling has none.
pub(super) fn print(packet: Packet<'_>) -> Option<u64> {
    (packet.pid() != Pid::NULL).then(|| hash(packet.raw()))
}

fn hash(raw: &Raw) -> u64 {
    let (words, rest) = raw.as_chunks();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    words.iter().chain([&last]).fold(0xcbf2_9ce4_8422_2325, |hash, word| {
        let mixed = (hash ^ u64::from_le_bytes(*word)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed ^ mixed >> 29
    })
}

/// Whether a packet says what time it is.
fn is_timed(packet: Packet<'_>) -> bool {
    let begun = || Head::read(packet.payload()).is_some_and(|head| head.shown.is_some());
    packet.pcr().is_some() || packet.begins() && begun()
}

/// The prints of the last packets, newest first, and which of them say what time it is.
#[derive(Clone, Debug, Default)]
pub(super) struct Tail(VecDeque<(u64, bool)>);

impl Tail {
    /// Adds a packet with its print.
    pub(super) fn push(&mut self, packet: Packet<'_>, print: Option<u64>) {
        let Some(print) = print else { return };
        self.0.truncate(TAIL_PACKETS - 1);
        self.0.push_front((print, is_timed(packet)));
    }

    /// The print of the last packet.
    pub(super) fn last(&self) -> Option<u64> {
        self.0.front().map(|(print, _)| *print)
    }

    /// Whether the prints that another source ends with, newest first, are these: as many as it takes to be sure.
    pub(super) fn is(&self, newest_first: impl Iterator<Item = u64>) -> bool {
        let mut timed = false;
        for (count, ((ours, is_timed), theirs)) in self.0.iter().zip(newest_first).enumerate() {
            if *ours != theirs {
                return false;
            }
            timed |= is_timed;
            if timed && count + 1 >= MATCH_PACKETS {
                return true;
            }
        }
        false
    }
}
