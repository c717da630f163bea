//! What holds whatever the bytes are: the properties that tests and fuzzing share.
//!
//! Each law takes bytes that mean anything, and panics if it is broken.

use super::broadcast::{Broadcast, PACKETS_PER_S};
use super::witness::{Listener, Witness};
use mpegts::framer::LOCK_PACKETS;
use mpegts::hls::Segmenter;
use mpegts::packet::{PACKET, SYNC};
use mpegts::ring::{Limits, Read, Reader};
use mpegts::splice::Settings;
use mpegts::{Framer, Packet, Ring, Scan, SourceId, Splice};
use std::time::Duration;

/// Bytes of a next source that are held.
const HOLD_BYTES: usize = 100 * PACKET;
const RING_BYTES: usize = 200 * PACKET;
const BLOCK_BYTES: usize = 20 * PACKET;

/// Packets are found in anything: whole, the same ones wherever pieces end, and everything that can be read of them
/// can be read.
pub fn packets_are_found_in_anything(data: &[u8]) {
    let (piece, data) = data.split_first().map_or((1, data), |(first, rest)| (usize::from(*first) + 1, rest));
    let (mut framer, mut whole, mut scan) = (Framer::new(), Vec::new(), Scan::new());
    let mut found = 0;
    framer.feed(data, |packet| {
        let _ = (packet.adaptation(), packet.pcr(), packet.payload());
        let told = scan.feed(Duration::ZERO, found, packet);
        assert!(told.keyframe.is_none_or(|keyframe| keyframe.place <= found));
        found += 1;
        whole.extend_from_slice(packet.raw());
    });
    assert!(whole.chunks(PACKET).all(|packet| packet[0] == SYNC));
    let (mut again, mut parts) = (Framer::new(), Vec::new());
    for part in data.chunks(piece) {
        again.feed(part, |packet| parts.extend_from_slice(packet.raw()));
    }
    assert!(parts == whole, "pieces of {piece} bytes make a difference");
    let accounted = framer.skipped() as usize + whole.len();
    assert!(accounted <= data.len() && data.len() - accounted <= LOCK_PACKETS * PACKET);
}

/// Whatever sources send, and whenever they come and go, what readers get is aligned, its breaks are marked, and what
/// is kept is bounded.
pub fn a_splice_breaks_nothing_unmarked(data: &[u8]) {
    let mut stage = Stage::new();
    let mut data = data.iter().copied();
    while let (Some(verb), Some(number)) = (data.next(), data.next()) {
        stage.perform(verb, number, &mut data);
        stage.look();
    }
}

struct Stage {
    now: Duration,
    splice: Splice,
    ring: Ring,
    segmenter: Segmenter,
    listener: Listener,
    output: Witness,
    reader: Option<(Reader, Witness)>,
    /// Where each of two sources of each broadcast is.
    places: [u64; 4],
}

impl Stage {
    fn new() -> Self {
        let limits = Limits { bytes: RING_BYTES, block_bytes: BLOCK_BYTES, ..Limits::default() };
        let settings = Settings { hold_bytes: HOLD_BYTES, ..Settings::default() };
        Self {
            now: Duration::ZERO,
            splice: Splice::new(settings),
            ring: Ring::new(limits),
            segmenter: Segmenter::new(Default::default()),
            listener: Listener::default(),
            output: Witness::default(),
            reader: None,
            places: [0, PACKETS_PER_S / 2, 0, 3 * PACKETS_PER_S],
        }
    }

    fn perform(&mut self, verb: u8, number: u8, rest: &mut impl Iterator<Item = u8>) {
        let which = usize::from(number) % self.places.len();
        let source = SourceId(which as u64);
        let amount = u64::from(number / 4);
        match verb % 8 {
            0 => self.splice.open(source),
            1 => self.close(source),
            // A broadcast as it is.
            2 | 3 => {
                let bytes = self.broadcast(which, amount * 3);
                self.feed(source, &bytes);
            }
            // Broken in one place.
            4 => {
                let mut bytes = self.broadcast(which, amount);
                if let (Some(at), Some(byte)) = (rest.next(), rest.next())
                    && !bytes.is_empty()
                {
                    let at = usize::from(at) * 31 % bytes.len();
                    bytes[at] = byte;
                }
                self.feed(source, &bytes);
            }
            // Packets that are missing, and packets of any content.
            5 => self.places[which] += amount,
            6 => {
                let mut bytes: Vec<u8> = rest.take(PACKET - 1).collect();
                bytes.resize(PACKET - 1, 0xff);
                bytes.insert(0, SYNC);
                self.feed(source, &bytes);
            }
            _ => self.now += Duration::from_millis(u64::from(number) * 20),
        }
    }

    fn broadcast(&mut self, which: usize, count: u64) -> Vec<u8> {
        let from = self.places[which];
        self.places[which] += count;
        let broadcast = Broadcast::new(if which < 3 { 0 } else { 1 });
        (from..from + count).flat_map(|number| broadcast.packet(number)).collect()
    }

    fn feed(&mut self, source: SourceId, bytes: &[u8]) {
        let Self { now, splice, ring, output, .. } = self;
        let mut out = |packet: Packet<'_>| pass(*now, ring, output, packet);
        splice.feed(*now, source, bytes, &mut out);
        splice.wake(*now, &mut out);
    }

    fn close(&mut self, source: SourceId) {
        let Self { now, splice, ring, output, .. } = self;
        splice.close(*now, source, |packet| pass(*now, ring, output, packet));
    }

    fn look(&mut self) {
        self.ring.wake(self.now);
        if self.segmenter.follow(&self.ring) {
            let playlist = self.segmenter.playlist(|number| number).expect("there are segments");
            self.listener.read(&playlist).unwrap_or_else(|what| panic!("{what}"));
        }
        assert!(self.splice.held() <= HOLD_BYTES);
        assert!(self.ring.kept() <= RING_BYTES + BLOCK_BYTES);
        if self.reader.is_none() {
            let joined = self.ring.join(self.now, Duration::ZERO);
            self.reader = joined.map(|reader| (reader, Witness::default()));
        }
        let Some((reader, witness)) = &mut self.reader else { return };
        loop {
            match self.ring.read(reader) {
                Read::Data(bytes) => witness.watch(&bytes).unwrap_or_else(|what| panic!("reader {what}")),
                Read::Skipped(packets) => assert!(packets > 0),
                Read::Empty => return,
            }
        }
    }
}

fn pass(now: Duration, ring: &mut Ring, output: &mut Witness, packet: Packet<'_>) {
    ring.push(now, packet);
    output.watch(packet.raw()).unwrap_or_else(|what| panic!("output {what}"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use control::rng::Rng;

    /// Inputs that are tried: few enough for every day; fuzzing tries millions.
    const TRIES: u64 = 300;

    fn inputs(longest: u64) -> impl Iterator<Item = Vec<u8>> {
        (0..TRIES).map(move |seed| {
            let mut rng = Rng::new(seed);
            let length = rng.below(longest);
            (0..length).map(|_| if rng.chance(10) { SYNC } else { rng.bits() as u8 }).collect()
        })
    }

    #[test]
    fn packets_are_found_in_whatever_comes() {
        inputs(4_000).for_each(|data| packets_are_found_in_anything(&data));
        let broadcast: Vec<u8> = (0..100).flat_map(|number| Broadcast::new(0).packet(number)).collect();
        for data in inputs(2_000) {
            let at = data.len() * 7;
            let all = [&broadcast[..at], &data, &broadcast[at..]].concat();
            packets_are_found_in_anything(&all);
        }
    }

    #[test]
    fn a_splice_holds_whatever_sources_do() {
        inputs(1_500).for_each(|data| a_splice_breaks_nothing_unmarked(&data));
    }
}
