//! One stream of many sources: where it goes on, and what a reader sees of it.

use std::ops::Range;

use mpegts::packet::{self, PACKET, PCR_HZ};
use mpegts::splice::{How, Settings, SourceId, Splice, Switched};
use mpegts::tables::{Pat, Pmt, Stream, Tables};
use mpegts::{Packet, Pid};
use testbed::stream::{COUNT_PID, Channel, PMT_PID, VIDEO_PID};

use crate::studio::{Viewer, channel, ms, packet, packets, seconds};

const OLD: SourceId = SourceId(1);
const NEW: SourceId = SourceId(2);

struct Studio {
    channel: Channel,
    splice: Splice,
    viewer: Viewer,
}

impl Studio {
    /// A channel that has been delivered by the old source.
    fn after(range: Range<f64>) -> Self {
        let (channel, splice) = (channel("splice"), Splice::new(Settings::default()));
        let mut studio = Self { channel, splice, viewer: Viewer::default() };
        studio.splice.open(OLD);
        let began = studio.feed(0, OLD, range);
        assert_eq!(began, Some(How::Began));
        studio
    }

    fn feed(&mut self, at: u64, source: SourceId, range: Range<f64>) -> Option<How> {
        let bytes = seconds(&self.channel, range);
        self.bytes(at, source, &bytes).map(|switched| switched.how)
    }

    fn bytes(&mut self, at: u64, source: SourceId, bytes: &[u8]) -> Option<Switched> {
        self.splice.feed(ms(at), source, bytes, |packet| self.viewer.watch(packet))
    }

    fn close(&mut self, at: u64, source: SourceId) -> Option<How> {
        let switched = self.splice.close(ms(at), source, |packet| self.viewer.watch(packet));
        switched.map(|switched| switched.how)
    }

    fn wake(&mut self, at: u64) -> Option<How> {
        let switched = self.splice.wake(ms(at), |packet| self.viewer.watch(packet));
        switched.map(|switched| switched.how)
    }
}

#[test]
fn a_stream_begins_with_tables_and_a_keyframe() {
    let studio = Studio::after(10.3..12.0);
    let pids: Vec<_> = packets(&studio.viewer.bytes).map(Packet::pid).take(3).collect();
    assert_eq!(pids, [Pid::PAT, Pid::new(PMT_PID), Pid::new(VIDEO_PID)]);
    studio.viewer.saw_everything();
}

#[test]
fn after_a_source_broke_off_another_one_goes_on_with_the_very_next_packet() {
    let mut studio = Studio::after(10.3..14.5);
    assert_eq!(studio.close(0, OLD), None);
    studio.splice.open(NEW);
    assert_eq!(studio.feed(500, NEW, 12.7..14.4), None);
    assert_eq!(studio.feed(600, NEW, 14.4..18.0), Some(How::Seamless));
    studio.viewer.saw_everything();
    assert_eq!(studio.viewer.seen().discontinuities, 0);
    assert_eq!(studio.splice.running(), Some(NEW));
}

#[test]
fn a_source_that_is_ahead_is_held_until_the_old_one_has_come_as_far() {
    let mut studio = Studio::after(10.0..14.0);
    studio.splice.open(NEW);
    assert_eq!(studio.feed(0, NEW, 15.3..17.8), None);
    assert_eq!(studio.feed(900, OLD, 14.0..15.2), None);
    assert_eq!(studio.feed(990, OLD, 15.2..16.0), Some(How::Seamless));
    assert!(!studio.splice.wants(OLD));
    assert_eq!(studio.bytes(1000, OLD, &[0x47; 1000]), None);
    studio.feed(2000, NEW, 17.8..19.0);
    studio.viewer.saw_everything();
    assert_eq!(studio.viewer.seen().discontinuities, 0);
}

#[test]
fn a_source_that_is_behind_is_waited_for_while_the_old_one_delivers() {
    let mut studio = Studio::after(10.0..14.0);
    studio.splice.open(NEW);
    assert_eq!(studio.feed(0, NEW, 11.0..13.5), None);
    assert_eq!(studio.feed(500, OLD, 14.0..14.5), None);
    assert_eq!(studio.feed(600, NEW, 13.5..15.0), Some(How::Seamless));
    studio.viewer.saw_everything();
}

#[test]
fn the_old_source_does_not_go_on_for_ever() {
    let mut studio = Studio::after(10.0..14.0);
    studio.splice.open(NEW);
    studio.feed(0, NEW, 10.0..11.5);
    for tenth in 0..100 {
        let tenths = |from: u32| f64::from(from + tenth) / 10.0..f64::from(from + tenth + 1) / 10.0;
        assert_eq!(studio.feed(u64::from(tenth) * 100, OLD, tenths(140)), None, "{tenth}");
        studio.feed(u64::from(tenth) * 100, NEW, tenths(115));
    }
    assert_eq!(studio.splice.next_wakeup(), Some(ms(10_000)));
    assert_eq!(studio.wake(10_000), None);
    assert_eq!((studio.splice.running(), studio.splice.wants(OLD)), (None, false));
    // Then the position is waited for as long as patience lasts.
    assert_eq!(studio.splice.next_wakeup(), Some(ms(11_000)));
    assert_eq!(studio.feed(10_500, NEW, 21.5..24.1), Some(How::Seamless));
    studio.viewer.saw_everything();
}

#[test]
fn an_old_source_that_falls_silent_is_left_within_patience() {
    let mut studio = Studio::after(10.0..14.0);
    studio.splice.open(NEW);
    assert_eq!(studio.feed(100, NEW, 20.0..22.5), None);
    assert_eq!(studio.splice.next_wakeup(), Some(ms(1100)));
    let how = studio.wake(1100);
    assert!(matches!(how, Some(How::Keyframe(Some(ticks))) if ticks > 0), "{how:?}");
}

#[test]
fn across_a_gap_the_stream_goes_on_at_the_first_keyframe_and_everything_is_marked() {
    let mut studio = Studio::after(10.0..14.5);
    studio.close(0, OLD);
    studio.splice.open(NEW);
    let how = studio.feed(100, NEW, 16.5..18.2);
    // The last picture was that of 14.48; the next is that of 17.
    assert_eq!(how, Some(How::Keyframe(Some(90_000 * 252 / 100))));
    let seen = studio.viewer.seen();
    assert_eq!((seen.gaps, seen.repeats), (1, 0), "{seen:?}");
    assert!(seen.discontinuities >= 4, "each part of the stream: {seen:?}");
    let marked =
        packets(&studio.viewer.bytes).find(|packet| packet.discontinuity() && packet.pcr().is_some());
    assert_eq!(marked.and_then(Packet::pcr).map(|pcr| pcr / PCR_HZ), Some(17));
}

#[test]
fn a_source_that_lags_too_far_goes_on_with_the_least_that_comes_twice() {
    let mut studio = Studio::after(10.0..14.5);
    studio.close(0, OLD);
    studio.splice.open(NEW);
    assert_eq!(studio.feed(100, NEW, 9.0..12.3), None);
    assert_eq!(studio.splice.next_wakeup(), Some(ms(1100)));
    assert_eq!(studio.wake(1099), None);
    // From 14.48 back to 12.
    assert_eq!(studio.wake(1100), Some(How::Keyframe(Some(-90_000 * 248 / 100))));
    assert!(studio.viewer.seen().repeats > 0);
}

#[test]
fn another_channel_is_spliced_at_its_first_keyframe_and_the_old_one_ends_whole() {
    let mut studio = Studio::after(10.0..14.015);
    studio.splice.open(NEW);
    let other = channel("another");
    assert_eq!(studio.bytes(0, NEW, &seconds(&other, 1000.5..1002.0)), None);
    let switched =
        studio.bytes(50, OLD, &seconds(&studio.channel, 14.015..14.2)).expect("the picture has ended");
    assert_eq!((switched.from, switched.to, switched.how), (Some(OLD), NEW, How::Keyframe(None)));
    let seen = studio.viewer.seen();
    assert_eq!(seen.channels, [studio.channel.hash(), other.hash()]);
}

#[test]
fn a_new_source_that_ends_before_it_takes_over_changes_nothing() {
    let mut studio = Studio::after(10.0..14.0);
    studio.splice.open(NEW);
    studio.feed(0, NEW, 20.0..23.0);
    assert_eq!(studio.close(10, NEW), None);
    assert_eq!((studio.splice.running(), studio.splice.next(), studio.splice.held()), (Some(OLD), None, 0));
    studio.feed(20, OLD, 14.0..15.0);
    studio.viewer.saw_everything();
}

#[test]
fn a_source_that_is_no_stream_is_told_apart_from_one_that_has_not_begun() {
    let mut splice = Splice::new(Settings::default());
    splice.open(NEW);
    splice.feed(ms(0), NEW, &[b'x'; 100_000], |_| panic!("nothing goes out"));
    let condition = splice.condition(NEW).expect("it is wanted");
    assert_eq!(
        (condition.packets, condition.locked, condition.tables, condition.keyframe),
        (0, false, false, false)
    );
    assert!(condition.skipped > 99_000);
    assert_eq!(splice.condition(OLD), None);
}

#[test]
fn what_is_held_of_a_new_source_is_bounded() {
    let settings = Settings { hold_bytes: 100 * PACKET, ..Settings::default() };
    let mut splice = Splice::new(settings);
    splice.open(OLD);
    let channel = channel("hold");
    splice.feed(ms(0), OLD, &seconds(&channel, 0.0..1.5), |_| {});
    splice.open(NEW);
    splice.feed(ms(0), NEW, &seconds(&channel, 5.0..15.0), |_| {});
    assert!(splice.held() <= 100 * PACKET);
}

#[test]
fn what_a_source_loses_is_marked_and_counted_and_what_comes_twice_is_left_out() {
    let mut studio = Studio::after(10.0..11.0);
    let rest = seconds(&studio.channel, 11.0..12.5);
    let (lost, twice) = (20 * PACKET, 40 * PACKET);
    studio.bytes(0, OLD, &rest[..lost]);
    studio.bytes(0, OLD, &rest[lost + 3 * PACKET..twice]);
    studio.bytes(0, OLD, &rest[twice - PACKET..]);
    let seen = studio.viewer.seen();
    assert!(seen.discontinuities > 0 && seen.repeats == 0, "{seen:?}");
    let losses = studio.splice.losses();
    assert!((1..=3).contains(&losses.breaks), "{losses:?}");
    assert_eq!(losses.repeats, 1);
}

/// The same stream under other identifiers.
fn renamed(bytes: &[u8], by: u16) -> Vec<u8> {
    let mut out = Vec::new();
    let rename = |pid: Pid| Pid::new(pid.number() + by);
    let mut tables = Tables::default();
    for packet in packets(bytes) {
        tables.feed(packet);
        let mut raw = *packet.raw();
        if packet.pid() == Pid::PAT {
            let pat = Pat { stream: 9, version: 1, programmes: vec![(77, rename(Pid::new(PMT_PID)))] };
            raw = crate::studio::packet(
                Pid::PAT,
                true,
                packet.continuity(),
                &[&[0], pat.write().as_slice()].concat(),
            );
        } else if let Some((_, pmt)) = tables.both().filter(|_| packet.pid() == Pid::new(PMT_PID)) {
            let streams =
                pmt.streams.iter().rev().map(|stream| Stream { pid: rename(stream.pid), ..stream.clone() });
            let pmt =
                Pmt { programme: 77, clock: rename(pmt.clock), streams: streams.collect(), ..pmt.clone() };
            let section = [&[0], pmt.write().as_slice()].concat();
            raw = crate::studio::packet(rename(packet.pid()), true, packet.continuity(), &section);
        } else {
            packet::set_pid(&mut raw, rename(packet.pid()));
        }
        out.extend_from_slice(&raw);
    }
    out
}

#[test]
fn a_source_with_other_identifiers_is_given_those_that_readers_know() {
    let mut studio = Studio::after(10.0..14.5);
    studio.close(0, OLD);
    studio.splice.open(NEW);
    let bytes = renamed(&seconds(&studio.channel, 16.5..20.0), 5);
    assert!(studio.bytes(100, NEW, &bytes).is_some());
    studio.viewer.seen();
    let mut tables = Tables::default();
    let mut versions = Vec::new();
    for packet in packets(&studio.viewer.bytes) {
        let known = [0, PMT_PID, VIDEO_PID, COUNT_PID];
        assert!(known.contains(&packet.pid().number()), "{}", packet.pid());
        tables.feed(packet);
        versions.extend(tables.both().map(|(_, pmt)| pmt.version));
    }
    // The table has not changed, so no player has to do anything.
    versions.dedup();
    assert_eq!(versions.len(), 1);
    // And back to the first one.
    studio.close(200, NEW);
    studio.splice.open(OLD);
    assert!(studio.feed(300, OLD, 22.0..24.0).is_some());
    studio.viewer.seen();
}

#[test]
fn a_source_with_other_streams_has_a_table_with_a_new_version_and_no_identifier_twice() {
    let mut studio = Studio::after(10.0..14.5);
    studio.close(0, OLD);
    let hevc = Stream { kind: 0x24, pid: Pid::new(COUNT_PID), info: vec![] };
    let sound = Stream { kind: 0x0f, pid: Pid::new(VIDEO_PID), info: vec![] };
    let pat = Pat { stream: 1, version: 0, programmes: vec![(1, Pid::new(PMT_PID))] };
    let pmt = Pmt {
        programme: 1,
        version: 0,
        clock: hevc.pid,
        info: vec![],
        streams: vec![hevc.clone(), sound.clone()],
    };
    let section = |pid: u16, section: &[u8]| packet(Pid::new(pid), true, 0, &[&[0], section].concat());
    let picture = |pid: Pid, at: u8, kind: u8| {
        packet(pid, true, at, &[0, 0, 1, 0xe0, 0, 0, 0x84, 0, 0, 0, 0, 1, kind << 1, 1, 0, 0, 1, 2, 1])
    };
    let mut raws = vec![section(0, &pat.write()), section(PMT_PID, &pmt.write())];
    raws.push(packet(sound.pid, false, 0, &[0; 184]));
    raws.extend((0..8).flat_map(|at| [picture(hevc.pid, at, 32), picture(sound.pid, at + 1, 1)]));
    studio.splice.open(NEW);
    let how = studio.bytes(100, NEW, &raws.concat()).map(|switched| switched.how);
    assert_eq!(how, Some(How::Keyframe(None)));
    let mut tables = Tables::default();
    let before = packets(&studio.viewer.bytes).map(|packet| {
        tables.feed(packet);
        tables.both().map(|(_, pmt)| pmt.clone())
    });
    let mut told: Vec<Pmt> = before.flatten().collect();
    told.dedup();
    let [first, second] = told.as_slice() else { panic!("{told:?}") };
    assert_ne!(first.version, second.version);
    let pids: Vec<Pid> = second.streams.iter().map(|stream| stream.pid).collect();
    assert_eq!(second.clock, pids[0]);
    assert!(pids[0] != pids[1] && !first.streams.iter().any(|stream| pids.contains(&stream.pid)), "{pids:?}");
}

#[test]
fn silence_and_garbage_between_pieces_do_not_reach_readers() {
    let mut studio = Studio::after(10.0..12.0);
    let rest = seconds(&studio.channel, 12.0..13.0);
    let (before, after) = rest.split_at(33 * PACKET + 50);
    studio.bytes(0, OLD, before);
    studio.bytes(0, OLD, &[0x47; 999]);
    studio.bytes(0, OLD, after);
    let seen = studio.viewer.seen();
    assert!(seen.missing < 20 && seen.repeats == 0, "{seen:?}");
}
