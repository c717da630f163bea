//! A channel for simulated hours: its sources fail and are followed by others at random moments, viewers come, fall
//! behind and go, and everything is looked at.
//!
//! The splice, the ring and the segmenter are those that ship; what a proxy's task does between them is done here with
//! a few lines. A step takes no time and is followed by the next.

use super::broadcast::Broadcast;
use super::source::{Source, Troubles};
use super::witness::{Listener, Witness};
use control::rng::Rng;
use mpegts::hls::{self, Segmenter};
use mpegts::packet::PACKET;
use mpegts::ring::{Limits, Read, Reader};
use mpegts::splice::{self, How};
use mpegts::{Packet, Ring, SourceId, Splice};
use std::collections::BTreeMap;
use std::time::Duration;

/// The time between two steps.
const STEP: Duration = Duration::from_millis(50);
/// Broadcasts that sources deliver: nearly always the first one.
const BROADCASTS: u64 = 3;
/// Viewers at a time.
const VIEWERS: usize = 5;
/// Whoever could read and is not shown anything for so long has been forgotten.
const PROGRESS_MAX: Duration = Duration::from_secs(6);
const HOLD_BYTES: usize = 1024 * 1024;
const RING_BYTES: usize = 256 * 1024;
const HLS_BYTES: usize = 512 * 1024;

/// What came of a run.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Packets that went out.
    pub packets: u64,
    /// Switches, by how they were made.
    pub seamless: u64,
    /// At a keyframe.
    pub keyframe: u64,
    /// Breaks of sources that were marked.
    pub breaks: u64,
    /// How often a viewer fell out of the ring or was made to skip.
    pub skips: u64,
    /// Segments that were cut.
    pub segments: u64,
    /// The longest that nothing went out although a source delivered.
    pub silence: Duration,
    /// What was wrong, and when.
    pub violation: Option<(Duration, String)>,
}

struct Viewer {
    reader: Option<Reader>,
    witness: Witness,
    /// Blocks that it takes in a step.
    appetite: u64,
    leaves: Duration,
}

/// The channel.
struct Channel {
    rng: Rng,
    now: Duration,
    splice: Splice,
    ring: Ring,
    segmenter: Segmenter,
    sources: BTreeMap<SourceId, Source>,
    opened: u64,
    opens: Duration,
    viewers: Vec<Viewer>,
    output: Witness,
    /// When something went out last.
    sent: Duration,
    segment: u64,
    listener: Listener,
    report: Report,
}

/// Lets a channel run for so long.
pub fn run(seed: u64, length: Duration) -> Report {
    let mut channel = Channel::new(seed);
    while channel.now < length && channel.report.violation.is_none() {
        if let Err(what) = channel.step() {
            channel.report.violation = Some((channel.now, what));
        }
    }
    channel.report.packets = channel.output.packets;
    channel.report.breaks = channel.splice.losses().breaks;
    channel.report
}

impl Channel {
    fn new(seed: u64) -> Self {
        let limits = Limits { bytes: RING_BYTES, ..Limits::default() };
        let segments = hls::Settings { bytes: HLS_BYTES, ..hls::Settings::default() };
        let settings = splice::Settings { hold_bytes: HOLD_BYTES, ..splice::Settings::default() };
        Self {
            rng: Rng::new(seed),
            now: Duration::ZERO,
            splice: Splice::new(settings),
            ring: Ring::new(limits),
            segmenter: Segmenter::new(segments),
            sources: BTreeMap::new(),
            opened: 0,
            opens: Duration::ZERO,
            viewers: Vec::new(),
            output: Witness::of_broadcasts(),
            sent: Duration::ZERO,
            segment: 0,
            listener: Listener::default(),
            report: Report::default(),
        }
    }

    fn step(&mut self) -> Result<(), String> {
        self.now += STEP;
        self.open();
        self.deliver()?;
        self.ring.wake(self.now);
        self.segments()?;
        self.watch()?;
        self.bounds()?;
        self.silence()
    }

    /// A new source is opened now and then, and soon if there is none.
    fn open(&mut self) {
        let alone = self.sources.is_empty();
        if self.now < self.opens && !(alone && self.rng.chance(5)) {
            return;
        }
        self.opens = self.now + self.rng.between(Duration::from_secs(5), Duration::from_secs(90));
        self.opened += 1;
        let other = self.rng.chance(15);
        let broadcast = Broadcast::new(if other { self.rng.below(BROADCASTS) as u16 } else { 0 });
        // Most connections are good ones.
        let bad = self.rng.chance(30);
        let often = |rng: &mut Rng, most: u64| if bad { rng.below(most) } else { 0 };
        let troubles = Troubles {
            stalls: often(&mut self.rng, 20),
            jumps: often(&mut self.rng, 10),
            garbage: often(&mut self.rng, 20),
            torn: often(&mut self.rng, 20),
            ends: often(&mut self.rng, 10),
        };
        let source = Source::open(&mut self.rng, self.now, broadcast, troubles);
        let id = SourceId(self.opened);
        self.splice.open(id);
        self.sources.insert(id, source);
    }

    /// What sources send goes through the splice into the ring, in any pieces.
    fn deliver(&mut self) -> Result<(), String> {
        let mut wrong = Ok(());
        let now = self.now;
        for (id, mut source) in std::mem::take(&mut self.sources) {
            let Self { rng, splice, ring, output, sent, report, .. } = self;
            let mut out = |packet: Packet<'_>| {
                *sent = now;
                ring.push(now, packet);
                let seen = output.watch(packet.raw());
                if wrong.is_ok() {
                    wrong = seen;
                }
            };
            let bytes = source.step(rng, now, STEP);
            let mut switches = Vec::new();
            match &bytes {
                Some(bytes) => {
                    let piece = 1 + rng.below(5_000) as usize;
                    switches.extend(
                        bytes.chunks(piece).filter_map(|piece| splice.feed(now, id, piece, &mut out)),
                    );
                }
                None => switches.extend(splice.close(now, id, &mut out)),
            }
            switches.extend(splice.wake(now, &mut out));
            for switched in switches {
                match switched.how {
                    How::Began => {}
                    How::Seamless => report.seamless += 1,
                    How::Keyframe(_) => report.keyframe += 1,
                }
            }
            if bytes.is_some() {
                self.sources.insert(id, source);
            }
        }
        let splice = &self.splice;
        self.sources.retain(|id, _| splice.wants(*id));
        wrong.map_err(|what| format!("output {what}"))
    }

    /// Each segment can be played by itself, and those that follow each other as one.
    fn segments(&mut self) -> Result<(), String> {
        if !self.segmenter.follow(&self.ring) {
            return Ok(());
        }
        while let Some(segment) = self.segmenter.segment(self.segment) {
            self.segment += 1;
            self.report.segments += 1;
            let bytes = segment.parts.concat();
            Witness::of_broadcasts().watch(&bytes).map_err(|what| format!("segment {what}"))?;
            let mut packets =
                bytes.chunks(PACKET).filter_map(Packet::new).filter(|packet| packet.has_payload());
            let begins = packets.nth(2).is_some_and(Packet::begins);
            if !begins || bytes.len() != segment.length() {
                return Err(format!("segment {} does not begin with tables and a picture", segment.number));
            }
        }
        let playlist = self.segmenter.playlist(|number| number);
        self.listener.read(&playlist.ok_or("segment: there are segments and no playlist")?)
    }

    fn watch(&mut self) -> Result<(), String> {
        let Self { rng, now, ring, viewers, report, .. } = self;
        viewers.retain(|viewer| viewer.leaves > *now);
        if viewers.len() < VIEWERS {
            let appetite = if rng.chance(30) { 0 } else { 1 + rng.below(10) };
            let leaves = *now + rng.between(Duration::from_secs(1), Duration::from_secs(120));
            viewers.push(Viewer { reader: None, witness: Witness::of_broadcasts(), appetite, leaves });
        }
        for viewer in viewers {
            let behind = rng.between(Duration::ZERO, Duration::from_secs(3));
            let Some(reader) = viewer.reader.as_mut() else {
                viewer.reader = ring.join(*now, behind);
                continue;
            };
            if rng.below(10_000) < 5 {
                report.skips += u64::from(ring.skip(reader).is_some());
            }
            // Who takes little now and then takes all that there is.
            let most = if rng.chance(2) { u64::MAX } else { viewer.appetite };
            let mut taken = 0;
            while taken < most {
                taken += 1;
                match ring.read(reader) {
                    Read::Data(bytes) => {
                        viewer.witness.watch(&bytes).map_err(|what| format!("viewer {what}"))?;
                    }
                    Read::Skipped(_) => report.skips += 1,
                    Read::Empty if ring.lag(*now, reader).bytes == 0 => break,
                    Read::Empty if ring.joins().next().is_none() => break,
                    Read::Empty => {
                        return Err("viewer: there is something to read, and it is not told".into());
                    }
                }
            }
        }
        Ok(())
    }

    fn bounds(&self) -> Result<(), String> {
        let block = Limits::default().block_bytes;
        for (what, bytes, most) in [
            ("ring", self.ring.kept(), RING_BYTES + block),
            ("splice", self.splice.held(), HOLD_BYTES),
            ("segments", self.segmenter.kept(), HLS_BYTES + RING_BYTES),
        ] {
            if bytes > most {
                return Err(format!("memory: {what} keeps {bytes} bytes, {most} are allowed"));
            }
        }
        Ok(())
    }

    /// While a source delivers, so does the channel.
    fn silence(&mut self) -> Result<(), String> {
        let delivering =
            self.sources.values().filter(|source| source.sent == Some(self.now)).map(|source| source.since);
        let Some(since) = delivering.min() else { return Ok(()) };
        let silent = self.now.saturating_sub(self.sent.max(since));
        self.report.silence = self.report.silence.max(silent);
        if silent > PROGRESS_MAX {
            let conditions: Vec<_> = self.sources.keys().map(|id| (id, self.splice.condition(*id))).collect();
            let running = self.splice.running();
            return Err(format!(
                "progress: a source delivers, and nothing has gone out for {silent:?}; {running:?} of {conditions:?}"
            ));
        }
        Ok(())
    }
}
