//! Cuts what is in the ring into segments, and writes the playlist of a live channel.
//!
//! A segment begins with tables and, where keyframes come in time, with one; where they do not, with another picture.
//! Its packets are those of the ring, kept alive for as long as the segment is; nothing is copied. There is no clock
//! here: durations are those of the stream, however long it took to come.
//!
//! What a playlist says of its longest segment may never change (RFC 8216, 4.3.3.1 and 6.2.1). So it is settled when
//! the first segments have been seen, and from then on no segment is longer. Where the stream breaks off, its segment
//! ends before its last picture, and the next one begins at the next keyframe: the last one may have come in part only,
//! and a browser plays nothing more after a picture that it cannot decode.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{Display, Write};
use core::time::Duration;

use bytes::Bytes;

use crate::packet::PACKET;
use crate::ring::{Join, Moment, Ring};

/// A keyframe that comes this much before the target is taken, lest a segment become twice as long for one picture; and
/// so much longer than a whole second the first segments may be without a second being added to what is said of all.
const EARLY: Duration = Duration::from_millis(100);
/// Durations are compared by players as the nearest whole second.
const ROUNDED_DOWN: Duration = Duration::from_millis(499);
/// A player may count on so many of the longest segments being named.
const LONGEST_NAMED: u32 = 3;

/// How segments are cut, and how many there are.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// A segment ends at the first keyframe after this.
    pub target: Duration,
    /// It ends here at the latest, at whatever picture: keyframes may be far apart.
    pub longest: Duration,
    /// Segments that the playlist names at least.
    pub window: usize,
    /// Segments that are kept after the playlist has ceased to name them: somebody may be fetching them, or have a
    /// playlist that does.
    pub behind: usize,
    /// Bytes of segments that are kept at most, but for the newest segment; and of the one that is being filled.
    pub bytes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            target: Duration::from_secs(2),
            longest: Duration::from_secs(10),
            window: 6,
            behind: 7,
            bytes: 64 * 1024 * 1024,
        }
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

/// The segment that is being filled.
#[derive(Debug)]
struct Open {
    join: Join,
    discontinuity: bool,
    /// What has come of it, up to this place.
    parts: Vec<Bytes>,
    until: u64,
}

impl Open {
    fn at(join: &Join, discontinuity: bool) -> Self {
        Self { join: join.clone(), discontinuity, parts: Vec::new(), until: join.place }
    }

    fn length(&self) -> usize {
        self.parts.iter().map(Bytes::len).sum()
    }

    /// Ends at this place, and gives what has come from there on.
    fn split_off(&mut self, place: u64) -> Vec<Bytes> {
        let (mut left, mut rest) = (place.saturating_sub(self.join.place) as usize * PACKET, Vec::new());
        for mut part in core::mem::take(&mut self.parts) {
            let after = part.split_off(left.min(part.len()));
            left -= part.len();
            self.parts.extend(Some(part).filter(|part| !part.is_empty()));
            rest.extend(Some(after).filter(|after| !after.is_empty()));
        }
        rest
    }
}

/// Where a segment ends.
struct Cut<'a> {
    place: u64,
    plays: Duration,
    /// Where the next one begins; not here, if what comes there does not go on from it.
    next: &'a Join,
    goes_on: bool,
}

/// The segments of a channel.
#[derive(Debug)]
pub struct Segmenter {
    settings: Settings,
    segments: VecDeque<Segment>,
    open: Option<Open>,
    /// Everything before this place has been dealt with.
    done: u64,
    /// How many segments there have been.
    made: u64,
    /// How many discontinuities the segments had that are not kept any more, or not named.
    discontinuities: u64,
    /// What has been said of the longest segment, in whole seconds.
    said: Option<u64>,
    ended: bool,
}

impl Segmenter {
    /// A segmenter that has cut nothing.
    pub fn new(settings: Settings) -> Self {
        let longest = settings.longest.max(settings.target);
        let settings = Settings { window: settings.window.max(1), longest, ..settings };
        Self {
            settings,
            segments: VecDeque::new(),
            open: None,
            done: 0,
            made: 0,
            discontinuities: 0,
            said: None,
            ended: false,
        }
    }

    /// Cuts what has come since the last call, the first time also what was there before, and says whether there is a
    /// new segment. To be called more often than the ring forgets.
    pub fn follow(&mut self, ring: &Ring) -> bool {
        let before = self.made;
        while self.fill(ring)
            && let Some(cut) = self.next_cut(ring)
        {
            self.cut(&cut);
        }
        self.say();
        self.made > before
    }

    /// The channel has ended: what is left becomes the last segment, and the playlist says so.
    pub fn end(&mut self, ring: &Ring) {
        self.follow(ring);
        if let Some(mut open) = self.open.take()
            && let Some(last) = ring.newest_picture()
        {
            let plays = last.moment.since(open.join.moment).unwrap_or_default();
            open.split_off(last.place);
            self.add(open, plays.min(self.longest()));
        }
        self.say();
        self.ended = true;
    }

    /// Once there are segments it is settled how long any of them may be.
    fn say(&mut self) {
        if self.said.is_none()
            && let Some(longest) = self.segments.iter().map(|segment| segment.duration).max()
        {
            let longest = longest.saturating_sub(EARLY).max(self.settings.target);
            self.said = Some(longest.as_millis().div_ceil(1_000) as u64);
        }
    }

    /// The longest that a segment may be.
    fn longest(&self) -> Duration {
        self.said.map_or(self.settings.longest, Duration::from_secs) + ROUNDED_DOWN
    }

    /// Takes what there is of the segment that has begun, and says whether there is one. One begins where the one
    /// before ended, or at a keyframe if the stream did not go on there.
    fn fill(&mut self, ring: &Ring) -> bool {
        if self.open.is_none()
            && let Some(join) = ring.joins().find(|join| join.place >= self.done)
        {
            self.open = Some(Open::at(join, self.made > 0));
        }
        let Some(open) = &mut self.open else { return false };
        let parts = ring.slices(open.until..ring.published());
        let forgotten = parts.is_none();
        open.until = ring.published();
        open.parts.extend(parts.unwrap_or_default());
        // Sound alone, say, of a stream whose tables promise pictures.
        let endless = open.length() > self.settings.bytes;
        if forgotten || endless {
            self.done = open.until;
            self.open = None;
        }
        self.open.is_some()
    }

    /// Where the segment ends that has begun, once that is known.
    fn next_cut<'a>(&self, ring: &'a Ring) -> Option<Cut<'a>> {
        let start = &self.open.as_ref()?.join;
        let plays = |moment: Moment| moment.since(start.moment);
        let longest = self.longest();
        let (mut key, mut picture) = (None, None);
        for join in ring.pictures().filter(|join| join.place > start.place) {
            // Across a break the clock says nothing.
            let (place, end) = join.broken_off.map_or((join.place, plays(join.moment)), |last| {
                (last.place.max(start.place), plays(last.moment))
            });
            let end = end.unwrap_or(Duration::MAX);
            let goes_on = join.broken_off.is_none();
            if end > longest {
                return key.or(picture).or(Some(Cut { place, plays: longest, next: join, goes_on: false }));
            }
            let cut = || Cut { place, plays: end, next: join, goes_on };
            if !goes_on || join.key && end + EARLY >= self.settings.target {
                return Some(cut());
            }
            if join.key {
                key = Some(cut());
            }
            picture = Some(cut());
        }
        None
    }

    fn cut(&mut self, cut: &Cut<'_>) {
        let Some(mut open) = self.open.take() else { return };
        let parts = open.split_off(cut.place);
        let rest = Open { parts, until: open.until, ..Open::at(cut.next, false) };
        self.add(open, cut.plays);
        self.done = cut.next.place;
        self.open = Some(rest).filter(|_| cut.goes_on);
    }

    /// The segment of a number, if it is kept.
    pub fn segment(&self, number: u64) -> Option<&Segment> {
        self.segments.iter().find(|segment| segment.number == number)
    }

    /// The playlist, in which `name` says where a segment is; none while there is no segment.
    pub fn playlist<N: Display>(&self, name: impl Fn(u64) -> N) -> Option<String> {
        let unnamed = self.segments.len() - self.named();
        let first = self.segments.get(unnamed)?;
        let before = self.segments.range(..unnamed).filter(|segment| segment.discontinuity).count() as u64;
        let mut text = String::from("#EXTM3U\n#EXT-X-VERSION:3\n");
        let (longest, discontinuities) = (self.said?, self.discontinuities + before);
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

    /// Bytes of the segments that are kept.
    pub fn kept(&self) -> usize {
        self.segments.iter().map(Segment::length).sum()
    }

    /// How many of the newest segments the playlist names: the window, and more if those are short.
    fn named(&self) -> usize {
        let least = Duration::from_secs(self.said.unwrap_or_default()) * LONGEST_NAMED;
        let mut length = Duration::ZERO;
        let enough = self.segments.iter().rev().position(|segment| {
            length += segment.duration;
            length >= least
        });
        enough.map_or(usize::MAX, |last| last + 1).max(self.settings.window).min(self.segments.len())
    }

    /// One of which nothing has come is none.
    fn add(&mut self, Open { join, discontinuity, parts, .. }: Open, duration: Duration) {
        if parts.is_empty() {
            return;
        }
        let parts = core::iter::once(join.head(false)).chain(parts).collect();
        self.segments.push_back(Segment { number: self.made, duration, discontinuity, parts });
        self.made += 1;
        while self.segments.len() > 1
            && (self.segments.len() > self.named() + self.settings.behind
                || self.kept() > self.settings.bytes)
            && let Some(gone) = self.segments.pop_front()
        {
            self.discontinuities += u64::from(gone.discontinuity);
        }
    }
}
