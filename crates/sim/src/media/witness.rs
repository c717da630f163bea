//! One who watches a stream closely, packet by packet, and believes nothing that it does not see.
//!
//! Two things are looked at apart from each other: counters, as any receiver does, and what packets say of themselves.
//! A stream that renumbers what it lost would fool the first and not the second.

use super::broadcast::{Label, following, label, turn};
use std::collections::BTreeMap;

/// The length of a packet.
const PACKET: usize = 188;
/// Filling.
const NULL: u16 = 0x1fff;

/// What a player relies on in the playlists of a live channel, read as a player reads them.
#[derive(Clone, Debug, Default)]
pub struct Listener {
    longest: Option<u64>,
    first: u64,
}

impl Listener {
    /// Reads the next playlist; what is wrong with it, if anything is.
    pub fn read(&mut self, playlist: &str) -> Result<(), String> {
        let numbers = |word| {
            playlist
                .lines()
                .filter_map(move |line| line.strip_prefix(word)?.trim_end_matches(',').parse::<f64>().ok())
        };
        let whole = |word| numbers(word).next().map(|number| number as u64);
        let longest = whole("#EXT-X-TARGETDURATION:").ok_or("playlist: no target duration")?;
        if *self.longest.get_or_insert(longest) != longest {
            return Err(format!("playlist: the target duration was {:?}, and is {longest}", self.longest));
        }
        let first = whole("#EXT-X-MEDIA-SEQUENCE:").ok_or("playlist: no number of its first segment")?;
        if first < self.first {
            return Err(format!("playlist: it began with segment {}, and does with {first}", self.first));
        }
        self.first = first;
        match numbers("#EXTINF:").find(|duration| duration.round() as u64 > longest) {
            Some(duration) => Err(format!("playlist: {duration} s in one of at most {longest}")),
            None => Ok(()),
        }
    }
}

/// Who watches.
#[derive(Clone, Debug, Default)]
pub struct Witness {
    counters: BTreeMap<u16, u8>,
    /// The last packet of each part; none after one that said nothing: garbage that looks like a packet.
    labels: BTreeMap<u16, Label>,
    /// Parts of the stream that have been marked since their last packet with a payload.
    marked: BTreeMap<u16, bool>,
    /// What packets say is believed: sources send nothing but broadcasts.
    honest: bool,
    /// How many packets there were.
    pub packets: u64,
    /// How many of them marked a discontinuity.
    pub marks: u64,
}

impl Witness {
    /// One who watches broadcasts, lost packets included.
    pub fn of_broadcasts() -> Self {
        Self { honest: true, ..Self::default() }
    }

    /// Watches whole packets; what is wrong with them, if anything is.
    pub fn watch(&mut self, bytes: &[u8]) -> Result<(), String> {
        if !bytes.len().is_multiple_of(PACKET) {
            return Err(format!("aligned: {} bytes are no whole packets", bytes.len()));
        }
        bytes.chunks(PACKET).try_for_each(|packet| self.packet(packet))
    }

    fn packet(&mut self, packet: &[u8]) -> Result<(), String> {
        self.packets += 1;
        if packet[0] != 0x47 {
            return Err(format!("aligned: packet {} begins with {:#x}", self.packets, packet[0]));
        }
        let pid = u16::from_be_bytes([packet[1] & 0x1f, packet[2]]);
        if pid == NULL {
            return Ok(());
        }
        let (adapted, payload) = (packet[3] & 0x20 != 0, packet[3] & 0x10 != 0);
        let meant = adapted && packet[4] > 0 && packet[5] & 0x80 != 0;
        self.marks += u64::from(meant);
        *self.marked.entry(pid).or_default() |= meant;
        let counter = packet[3] & 15;
        if let Some(before) = self.counters.insert(pid, counter).filter(|_| !meant) {
            let expected = if payload { (before + 1) & 15 } else { before };
            if counter != expected {
                return Err(format!(
                    "continuity: {counter} after {before} in {pid:#x}, and nothing is marked"
                ));
            }
        }
        if payload {
            let marked = self.marked.insert(pid, false).unwrap_or_default();
            self.label(pid, packet, marked)?;
        }
        Ok(())
    }

    fn label(&mut self, pid: u16, packet: &[u8], marked: bool) -> Result<(), String> {
        let Some(label) = label(packet).filter(|_| self.honest) else {
            self.labels.remove(&pid);
            return Ok(());
        };
        let Some(before) = self.labels.insert(pid, label).filter(|_| !marked) else { return Ok(()) };
        let expected = Label { number: following(before.number), ..before };
        // What a source loses in multiples of what its counters count nobody can notice.
        let unnoticed =
            label.number > expected.number && turn(label.number) % 16 == turn(expected.number) % 16;
        if label == expected || unnoticed && label.broadcast == expected.broadcast {
            return Ok(());
        }
        Err(format!("lost: {label:?} after {before:?}, and nothing is marked"))
    }
}
