//! Segments and playlists.

use mpegts::hls::{Segmenter, Settings};
use mpegts::packet::Adaptation;
use mpegts::ring::Limits;
use mpegts::{Ring, SourceId, Splice};

use crate::studio::{Viewer, channel, ms, packets, seconds};

struct Studio {
    ring: Ring,
    splice: Splice,
    segmenter: Segmenter,
}

impl Studio {
    fn new(settings: Settings) -> Self {
        let (ring, splice) = (Ring::new(Limits::default()), Splice::new(Default::default()));
        Self { ring, splice, segmenter: Segmenter::new(settings) }
    }

    /// Seconds of a channel, from a source of their own.
    fn play(&mut self, source: u64, key: &str, from: u64, to: u64) {
        let source = SourceId(source);
        self.splice.open(source);
        let channel = channel(key);
        for tenth in from * 10..to * 10 {
            let now = ms(tenth * 100);
            let bytes = seconds(&channel, tenth as f64 / 10.0..(tenth + 1) as f64 / 10.0);
            self.splice.feed(now, source, &bytes, |packet| {
                self.ring.push(now, packet);
            });
            self.ring.wake(now + ms(40));
            self.segmenter.follow(&self.ring);
        }
        let now = ms(to * 1000);
        self.splice.close(now, source, |packet| {
            self.ring.push(now, packet);
        });
        self.ring.wake(now + ms(40));
    }

    fn playlist(&self) -> String {
        self.segmenter.playlist(|number| format!("{number}.ts")).expect("there are segments")
    }
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
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-TARGETDURATION:2\n\
         #EXT-X-MEDIA-SEQUENCE:3\n#EXT-X-DISCONTINUITY-SEQUENCE:0\n\
         #EXTINF:2.000,\n3.ts\n#EXTINF:2.000,\n4.ts\n#EXTINF:2.000,\n5.ts\n"
    );
    assert!(studio.segmenter.segment(1).is_none() && studio.segmenter.segment(2).is_some());
}

#[test]
fn a_splice_cuts_the_segment_and_is_said_and_counted_when_it_has_gone_by() {
    let mut studio = Studio::new(Settings { window: 2, behind: 0, ..Settings::default() });
    studio.play(1, "before", 0, 5);
    studio.play(2, "after", 5, 9);
    let playlist = studio.playlist();
    assert!(playlist.contains("#EXT-X-DISCONTINUITY-SEQUENCE:0\n"), "{playlist}");
    assert_eq!(playlist.matches("#EXT-X-DISCONTINUITY\n").count(), 1, "{playlist}");
    studio.play(3, "after", 9, 10);
    studio.play(4, "elsewhere", 10, 17);
    let playlist = studio.playlist();
    assert!(playlist.contains("#EXT-X-DISCONTINUITY-SEQUENCE:3\n"), "{playlist}");
    assert_eq!(playlist.matches("#EXT-X-DISCONTINUITY\n").count(), 0, "{playlist}");
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
    let limit = 400_000;
    let mut studio = Studio::new(Settings { window: 100, bytes: limit, ..Settings::default() });
    studio.play(1, "bytes", 0, 20);
    assert!(studio.segmenter.kept() <= limit, "{}", studio.segmenter.kept());
}
