//! Cuts what is in the ring into segments, and writes the playlist of a live channel.
//!
//! A segment begins with tables and a keyframe and can be played by itself. Its packets are those of the ring, kept
//! alive for as long as the segment is; nothing is copied. There is no clock here: durations are those of the stream.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{Display, Write};
use core::time::Duration;

use bytes::Bytes;

use crate::pes::{CLOCK_HZ, Ticks};
use crate::ring::{Join, Ring};

/// Two keyframes further apart than this, or in the wrong order, do not belong to one clock.
const SEGMENT_MAX: Duration = Duration::from_secs(60);
/// A keyframe that comes this much before the target is taken, lest a segment become twice as long for one picture.
const EARLY: Duration = Duration::from_millis(100);

/// How segments are cut, and how many there are.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// A segment ends at the first keyframe after this.
    pub target: Duration,
    /// Segments that the playlist names.
    pub window: usize,
    /// Segments that are kept after the playlist has ceased to name them: somebody may be fetching them.
    pub behind: usize,
    /// Bytes of segments that are kept at most, but for the newest segment.
    pub bytes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { target: Duration::from_secs(2), window: 6, behind: 3, bytes: 64 * 1024 * 1024 }
    }
}

/// A segment.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Its number, which is never used again.
    pub number: u64,
    /// How long it plays.
    pub duration: Duration,
    /// It does not go on from the one before.
    pub discontinuity: bool,
    /// Its bytes, in order.
    pub parts: Vec<Bytes>,
}

impl Segment {
    /// How many bytes it has.
    pub fn length(&self) -> usize {
        self.parts.iter().map(Bytes::len).sum()
    }
}

/// Where the segment begins that is being filled.
#[derive(Clone, Debug)]
struct Start {
    join: Join,
    discontinuity: bool,
}

/// The segments of a channel.
#[derive(Debug)]
pub struct Segmenter {
    settings: Settings,
    segments: VecDeque<Segment>,
    start: Option<Start>,
    /// How many segments there have been.
    made: u64,
    /// How many discontinuities the segments had that are not kept any more, or not named.
    discontinuities: u64,
    /// The longest segment that there has been.
    longest: Duration,
    ended: bool,
}

impl Segmenter {
    /// A segmenter that has cut nothing.
    pub fn new(settings: Settings) -> Self {
        let longest = settings.target;
        let settings = Settings { window: settings.window.max(1), ..settings };
        Self {
            settings,
            segments: VecDeque::new(),
            start: None,
            made: 0,
            discontinuities: 0,
            longest,
            ended: false,
        }
    }

    /// Cuts what has come since the last call, the first time also what was there before, and says whether there is a
    /// new segment. To be called more often than the ring forgets.
    pub fn follow(&mut self, ring: &Ring) -> bool {
        let before = self.made;
        for join in ring.joins() {
            let Some(start) = &self.start else {
                // The ring went on without us, or this is the first time.
                self.start = Some(Start { join: join.clone(), discontinuity: self.made > 0 });
                continue;
            };
            if join.place <= start.join.place {
                continue;
            }
            let plays = duration(&start.join, join);
            let broken = start.join.breaks != join.breaks || plays.is_none();
            if !broken && plays.is_some_and(|plays| plays + EARLY < self.settings.target) {
                continue;
            }
            let between = ring.slices(start.join.place..join.place);
            let lost = between.is_none();
            if let Some(packets) = between {
                // Across a break the clock says nothing, so the time of arrival has to do.
                let arrived = join.at.saturating_sub(start.join.at).min(SEGMENT_MAX);
                let plays = plays.filter(|_| !broken).unwrap_or(arrived);
                self.add(plays, packets);
            }
            self.start = Some(Start { join: join.clone(), discontinuity: broken || lost });
        }
        self.made > before
    }

    /// The channel has ended: what is left becomes the last segment, and the playlist says so.
    pub fn end(&mut self, ring: &Ring) {
        self.follow(ring);
        if let Some(start) = &self.start
            && let Some(packets) = ring.slices(start.join.place..ring.published())
        {
            let plays = ring.newest().unwrap_or_default().saturating_sub(start.join.at).min(SEGMENT_MAX);
            self.add(plays, packets);
        }
        self.start = None;
        self.ended = true;
    }

    /// The segment of a number, if it is kept.
    pub fn segment(&self, number: u64) -> Option<&Segment> {
        self.segments.iter().find(|segment| segment.number == number)
    }

    /// The playlist, in which `name` says where a segment is; none while there is no segment.
    pub fn playlist<N: Display>(&self, name: impl Fn(u64) -> N) -> Option<String> {
        let named = self.segments.len().min(self.settings.window);
        let unnamed = self.segments.len() - named;
        let first = self.segments.get(unnamed)?;
        let before = self.segments.range(..unnamed).filter(|segment| segment.discontinuity).count() as u64;
        let mut text = String::from("#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-INDEPENDENT-SEGMENTS\n");
        let longest = self.longest.as_millis().div_ceil(1_000);
        let discontinuities = self.discontinuities + before;
        // A string takes whatever is written.
        let _ = write!(
            text,
            "#EXT-X-TARGETDURATION:{longest}\n#EXT-X-MEDIA-SEQUENCE:{}\n\
             #EXT-X-DISCONTINUITY-SEQUENCE:{discontinuities}\n",
            first.number
        );
        for segment in self.segments.range(unnamed..) {
            if segment.discontinuity {
                text.push_str("#EXT-X-DISCONTINUITY\n");
            }
            let (seconds, millis) = (segment.duration.as_secs(), segment.duration.subsec_millis());
            let _ = write!(text, "#EXTINF:{seconds}.{millis:03},\n{}\n", name(segment.number));
        }
        if self.ended {
            text.push_str("#EXT-X-ENDLIST\n");
        }
        Some(text)
    }

    /// Bytes that are kept.
    pub fn kept(&self) -> usize {
        self.segments.iter().map(Segment::length).sum()
    }

    /// The segment that began at the start is complete.
    fn add(&mut self, duration: Duration, packets: Vec<Bytes>) {
        let Some(start) = &self.start else { return };
        let parts = core::iter::once(start.join.head(false)).chain(packets).collect();
        let segment = Segment { number: self.made, duration, discontinuity: start.discontinuity, parts };
        self.made += 1;
        self.longest = self.longest.max(duration);
        self.segments.push_back(segment);
        let most = self.settings.window + self.settings.behind;
        while self.segments.len() > 1
            && (self.segments.len() > most || self.kept() > self.settings.bytes)
            && let Some(gone) = self.segments.pop_front()
        {
            self.discontinuities += u64::from(gone.discontinuity);
        }
    }
}

/// How long it is from one keyframe to the next; none if their clocks have nothing to do with each other. Streams
/// without times are measured by their arrival.
fn duration(from: &Join, to: &Join) -> Option<Duration> {
    let Some(ticks) = to.decoded.zip(from.decoded).map(|(to, from): (Ticks, Ticks)| to.since(from)) else {
        return Some(to.at.saturating_sub(from.at));
    };
    let millis = u64::try_from(ticks).ok()? * 1_000 / CLOCK_HZ;
    Some(Duration::from_millis(millis)).filter(|duration| *duration <= SEGMENT_MAX)
}
