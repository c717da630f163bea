//! Segments and playlists.

use mpegts::hls::{Segmenter, Settings};
use mpegts::packet::Adaptation;
use mpegts::ring::Limits;
use mpegts::{Packet, Pid, Ring, SourceId, Splice};
use testbed::stream::{PACKET, VIDEO_PID};

use crate::studio::{Viewer, channel, ms, packets, seconds};

struct Studio {
    ring: Ring,
    splice: Splice,
    segmenter: Segmenter,
    /// What was said of the longest segment.
    said: Option<f64>,
}

impl Studio {
    fn new(settings: Settings) -> Self {
        let (ring, splice) = (Ring::new(Limits::default()), Splice::new(Default::default()));
        Self { ring, splice, segmenter: Segmenter::new(settings), said: None }
    }

    /// Seconds of a channel, from a source of their own.
    fn play(&mut self, source: u64, key: &str, from: u64, to: u64) {
        let source = SourceId(source);
        self.splice.open(source);
        let channel = channel(key);
        self.feed(source, from, to, |from, to| seconds(&channel, from..to).into());
        let now = ms(to * 1000);
        self.splice.close(now, source, |packet| {
            self.ring.push(now, packet);
        });
        self.ring.wake(now + ms(40));
    }

    /// A source goes on with what it has for these seconds.
    fn feed(&mut self, source: SourceId, from: u64, to: u64, bytes: impl Fn(f64, f64) -> Vec<u8>) {
        for tenth in from * 10..to * 10 {
            let now = ms(tenth * 100);
            let bytes = bytes(tenth as f64 / 10.0, (tenth + 1) as f64 / 10.0);
            self.splice.feed(now, source, &bytes, |packet| {
                self.ring.push(now, packet);
            });
            self.ring.wake(now + ms(40));
            if self.segmenter.follow(&self.ring) {
                self.keeps_its_word();
            }
        }
    }

    /// No segment that is named is longer than was ever said, and enough of them are named.
    fn keeps_its_word(&mut self) {
        let playlist = self.playlist();
        let said = number(&playlist, "#EXT-X-TARGETDURATION:").expect("it is said");
        assert_eq!(*self.said.get_or_insert(said), said, "{playlist}");
        let durations: Vec<_> = playlist.lines().filter_map(|line| number(line, "#EXTINF:")).collect();
        assert!(durations.iter().all(|duration| duration.round() <= said), "{playlist}");
        let slides = number(&playlist, "#EXT-X-MEDIA-SEQUENCE:").is_some_and(|first| first > 0.0);
        assert!(!slides || durations.iter().sum::<f64>() >= 3.0 * said, "{playlist}");
    }

    fn playlist(&self) -> String {
        self.segmenter.playlist(|number| format!("{number}.ts")).expect("there are segments")
    }
}

/// The number behind this word, up to a comma or the end of its line.
fn number(text: &str, word: &str) -> Option<f64> {
    let (_, rest) = text.split_once(word)?;
    rest.split([',', '\n']).next()?.parse().ok()
}

/// The same stream without marks that a decoder can begin, but in the first of so many seconds.
fn with_keyframes_every(period: u64, from: f64, mut bytes: Vec<u8>) -> Vec<u8> {
    if (from as u64).is_multiple_of(period) {
        return bytes;
    }
    for raw in bytes.chunks_mut(PACKET) {
        let packet = Packet::new(raw).expect("a packet");
        if packet.pid() != Pid::new(VIDEO_PID) || !packet.begins() {
            continue;
        }
        if packet.adaptation().is_some_and(Adaptation::random_access) {
            raw[5] &= !0x40;
        }
        for at in 4..PACKET - 4 {
            if raw[at..at + 3] == [0, 0, 1] && matches!(raw[at + 3] & 0x1f, 5 | 7) {
                raw[at + 3] = 0x41;
            }
        }
    }
    bytes
}

/// Where the pictures that are no keyframes begin.
fn other_pictures(bytes: &mut [u8]) -> impl Iterator<Item = &mut [u8]> {
    bytes.chunks_mut(PACKET).filter(|raw| {
        let packet = Packet::new(raw).expect("a packet");
        let key = packet.adaptation().is_some_and(Adaptation::random_access);
        packet.pid() == Pid::new(VIDEO_PID) && packet.begins() && !key
    })
}

/// Where a packet's picture tells its times.
fn header(raw: &mut [u8]) -> &mut [u8] {
    let begins = (4..PACKET - 14).find(|at| raw[*at..at + 3] == [0, 0, 1]).expect("a picture begins");
    &mut raw[begins..begins + 14]
}

#[test]
fn pictures_that_do_not_tell_their_time_break_nothing_off_when_delivery_pauses() {
    let mut studio = Studio::new(Settings::default());
    let (source, channel) = (SourceId(1), channel("untimed"));
    studio.splice.open(source);
    let untimed = |from, to| {
        let mut bytes: Vec<u8> = seconds(&channel, from..to).into();
        other_pictures(&mut bytes).for_each(|raw| header(raw)[7] &= 0x3f);
        bytes
    };
    studio.feed(source, 0, 5, untimed);
    // What follows comes later than it should, and is complete.
    studio.feed(source, 7, 19, |from, to| untimed(from - 2.0, to - 2.0));
    assert!(!studio.playlist().contains("DISCONTINUITY\n"), "{}", studio.playlist());
    assert!(
        (0..4).all(|number| studio.segmenter.segment(number).is_none_or(|segment| !segment.discontinuity))
    );
}

#[test]
fn pictures_that_are_shown_in_another_order_break_nothing_off() {
    let mut studio = Studio::new(Settings::default());
    let (source, channel) = (SourceId(1), channel("reordered"));
    studio.splice.open(source);
    studio.feed(source, 0, 12, |from, to| {
        let mut bytes: Vec<u8> = seconds(&channel, from..to).into();
        // Every other one tells a time a tenth of a second too early, and no time of decoding.
        for raw in other_pictures(&mut bytes).step_by(2) {
            let times = header(raw);
            assert!(times[7] & 0x80 != 0, "it tells its time");
            let bits = |byte: u8, mask: u8, shift: u32| u64::from(byte & mask) << shift;
            let shown = bits(times[9] >> 1, 7, 30)
                | bits(times[10], 255, 22)
                | bits(times[11] >> 1, 127, 15)
                | bits(times[12], 255, 7)
                | bits(times[13] >> 1, 127, 0);
            let [a, b, c, d, e] = {
                let early = shown - 9_000;
                let byte = |shift: u32, mask: u64| u8::try_from(early >> shift & mask).expect("it is masked");
                [byte(30, 7), byte(22, 255), byte(15, 127), byte(7, 255), byte(0, 127)]
            };
            times[7] = times[7] & 0x3f | 0x80;
            times[9..14].copy_from_slice(&[0x21 | a << 1, b, c << 1 | 1, d, e << 1 | 1]);
        }
        bytes
    });
    assert!(!studio.playlist().contains("DISCONTINUITY\n"), "{}", studio.playlist());
}

#[test]
fn segments_begin_with_tables_and_a_keyframe_and_hold_everything() {
    let mut studio = Studio::new(Settings::default());
    studio.play(1, "segments", 0, 9);
    let mut viewer = Viewer::default();
    for number in 0..4 {
        let segment = studio.segmenter.segment(number).expect("it is kept");
        let bytes = segment.parts.concat();
        assert_eq!((bytes.len(), segment.duration), (segment.length(), ms(2000)));
        let tables = packets(&bytes).take(4).map(|packet| packet.pid().number());
        assert_eq!(tables.collect::<Vec<_>>(), [0, 0, 0x1000, 0x1000]);
        let first = packets(&bytes).nth(4).expect("a picture");
        assert!(first.begins() && first.adaptation().is_some_and(Adaptation::random_access));
        viewer.take(&bytes);
    }
    viewer.saw_everything();
}

#[test]
fn the_playlist_slides_and_keeps_its_numbers() {
    let mut studio = Studio::new(Settings { window: 3, behind: 1, ..Settings::default() });
    assert_eq!(studio.segmenter.playlist(|number| number), None);
    studio.play(1, "window", 0, 13);
    assert_eq!(
        studio.playlist(),
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n\
         #EXT-X-MEDIA-SEQUENCE:3\n#EXT-X-DISCONTINUITY-SEQUENCE:0\n\
         #EXTINF:2.000,\n3.ts\n#EXTINF:2.000,\n4.ts\n#EXTINF:2.000,\n5.ts\n"
    );
    assert!(studio.segmenter.segment(1).is_none() && studio.segmenter.segment(2).is_some());
}

#[test]
fn a_splice_cuts_the_segment_and_is_said_and_counted_when_it_has_gone_by() {
    let mut studio = Studio::new(Settings { window: 3, behind: 0, ..Settings::default() });
    studio.play(1, "before", 0, 5);
    studio.play(2, "after", 5, 9);
    let playlist = studio.playlist();
    assert!(playlist.contains("#EXT-X-DISCONTINUITY-SEQUENCE:0\n"), "{playlist}");
    assert_eq!(playlist.matches("#EXT-X-DISCONTINUITY\n").count(), 1, "{playlist}");
    studio.play(3, "after", 9, 10);
    studio.play(4, "elsewhere", 10, 19);
    let playlist = studio.playlist();
    assert!(playlist.contains("#EXT-X-DISCONTINUITY-SEQUENCE:3\n"), "{playlist}");
    assert_eq!(playlist.matches("#EXT-X-DISCONTINUITY\n").count(), 0, "{playlist}");
}

#[test]
fn a_silence_is_no_part_of_any_segment() {
    for key_after in ["silence", "elsewhere"] {
        let mut studio = Studio::new(Settings::default());
        studio.play(1, "silence", 0, 5);
        studio.play(2, key_after, 35, 49);
        let playlist = studio.playlist();
        assert!(playlist.contains("TARGETDURATION:2\n"), "{playlist}");
        // What was there before it ends where it ended.
        let cut = studio.segmenter.segment(2).expect("it is kept");
        assert!((ms(900)..=ms(1_100)).contains(&cut.duration), "{:?}", cut.duration);
        assert!(studio.segmenter.segment(3).is_some_and(|next| next.discontinuity));
    }
}

#[test]
fn a_picture_that_has_come_in_part_when_its_source_broke_off_is_in_no_segment() {
    // A keyframe, which is in many packets, begins with each second; what breaks off is one segment, and part of it.
    for (breaks_off_after, whole) in [(5.003, ms(960)), (4.003, ms(0)), (4.5, ms(480))] {
        let mut studio = Studio::new(Settings::default());
        let (source, channel) = (SourceId(1), channel("part"));
        studio.splice.open(source);
        studio.feed(source, 0, 6, |from, to| {
            let to = to.min(breaks_off_after);
            if from < to { seconds(&channel, from..to).into() } else { Vec::new() }
        });
        studio.splice.close(ms(6_000), source, |packet| {
            studio.ring.push(ms(6_000), packet);
        });
        studio.play(2, "elsewhere", 20, 29);
        let broken = studio.segmenter.segment(2).expect("it is kept");
        if whole.is_zero() {
            assert!(broken.discontinuity, "nothing whole has come of it, so it is not there");
        } else {
            assert_eq!(broken.duration, whole, "{breaks_off_after}");
            let bytes = broken.parts.concat();
            let pictures =
                packets(&bytes).filter(|packet| packet.pid() == Pid::new(VIDEO_PID) && packet.begins());
            assert_eq!(pictures.count() as u128, whole.as_millis() / 40, "{breaks_off_after}");
        }
    }
}

#[test]
fn a_source_that_leaps_ahead_is_cut_there_and_goes_on_at_a_keyframe() {
    let mut studio = Studio::new(Settings::default());
    let (source, channel) = (SourceId(1), channel("leap"));
    studio.splice.open(source);
    studio.feed(source, 0, 5, |from, to| seconds(&channel, from..to).into());
    studio.feed(source, 5, 19, |from, to| seconds(&channel, from + 30.5..to + 30.5).into());
    let (before, after) = (studio.segmenter.segment(2), studio.segmenter.segment(3));
    assert!(before.is_some_and(|before| before.duration <= ms(1_100)), "{before:?}");
    let after = after.expect("it is kept");
    assert!(after.discontinuity);
    let picture = packets(&after.parts.concat())
        .nth(4)
        .and_then(|packet| packet.adaptation().map(Adaptation::random_access));
    assert_eq!(picture, Some(true));
}

#[test]
fn keyframes_that_come_too_late_for_what_was_said_are_not_waited_for() {
    let mut studio = Studio::new(Settings::default());
    let (source, channel) = (SourceId(1), channel("late"));
    let play = |period: u64| {
        let channel = &channel;
        move |from: f64, to: f64| with_keyframes_every(period, from, seconds(channel, from..to).into())
    };
    studio.splice.open(source);
    studio.feed(source, 0, 7, play(1));
    studio.feed(source, 7, 28, play(3));
    let playlist = studio.playlist();
    assert!(playlist.contains("TARGETDURATION:2\n") && !playlist.contains("DISCONTINUITY\n"), "{playlist}");
    let mut viewer = Viewer::default();
    let kept: Vec<_> = (0..100).filter_map(|number| studio.segmenter.segment(number)).collect();
    kept.iter().for_each(|segment| viewer.take(&segment.parts.concat()));
    viewer.saw_everything();
    // Where there is a keyframe a segment begins with it all the same.
    let keys = kept.iter().filter(|segment| {
        let bytes = segment.parts.concat();
        packets(&bytes).nth(4).and_then(Packet::adaptation).is_some_and(Adaptation::random_access)
    });
    assert_eq!((kept.len(), keys.count()), (13, 7));
}

#[test]
fn keyframes_that_are_far_apart_from_the_beginning_make_long_segments_up_to_a_bound() {
    for (period, said) in [(4, 4.0), (60, 10.0)] {
        let mut studio = Studio::new(Settings::default());
        let (source, channel) = (SourceId(1), channel("far"));
        studio.splice.open(source);
        studio.feed(source, 0, 58, |from, to| {
            with_keyframes_every(period, from, seconds(&channel, from..to).into())
        });
        assert_eq!(studio.said, Some(said), "{}", studio.playlist());
    }
}

#[test]
fn a_channel_that_ends_says_so_and_its_last_part_is_a_segment() {
    let mut studio = Studio::new(Settings::default());
    studio.play(1, "end", 0, 5);
    studio.segmenter.end(&studio.ring);
    let playlist = studio.playlist();
    assert!(playlist.ends_with("2.ts\n#EXT-X-ENDLIST\n"), "{playlist}");
    let mut viewer = Viewer::default();
    (0..3).for_each(|number| viewer.take(&studio.segmenter.segment(number).expect("kept").parts.concat()));
    viewer.saw_everything();
}

#[test]
fn a_channel_that_ends_at_once_has_a_playlist_all_the_same() {
    let mut studio = Studio::new(Settings::default());
    studio.play(1, "short", 0, 1);
    studio.segmenter.end(&studio.ring);
    let playlist = studio.playlist();
    assert!(
        playlist.contains("TARGETDURATION:2\n") && playlist.contains("#EXTINF:0.960,\n0.ts\n"),
        "{playlist}"
    );
}

#[test]
fn who_comes_to_hls_late_finds_what_the_ring_still_has() {
    let mut studio = Studio::new(Settings::default());
    studio.play(1, "late", 0, 9);
    let mut late = Segmenter::new(Settings::default());
    assert!(late.follow(&studio.ring));
    assert!(late.playlist(|number| number).is_some());
    assert!(!late.follow(&studio.ring));
}

#[test]
fn segments_are_bounded_in_bytes_too() {
    let limit = 1_500_000;
    let mut studio = Studio::new(Settings { window: 100, bytes: limit, ..Settings::default() });
    studio.play(1, "bytes", 0, 40);
    assert!(studio.segmenter.kept() <= limit, "{}", studio.segmenter.kept());
}
