//! The ring: who joins, who falls behind, and what is kept.

use std::time::Duration;

use mpegts::Ring;
use mpegts::packet::PACKET;
use mpegts::ring::{Limits, Read, Reader};

use crate::studio::{Viewer, channel, ms, packets, seconds};

/// Fills a ring with seconds of a channel as they pass.
fn play(ring: &mut Ring, key: &str, from: f64, to: f64) {
    let bytes = seconds(&channel(key), from..to);
    let count = bytes.len() / PACKET;
    for (number, packet) in packets(&bytes).enumerate() {
        ring.push(Duration::from_secs_f64(from + (to - from) * number as f64 / count as f64), packet);
    }
}

/// Everything that there is for a reader; how many packets he was told that he misses.
fn read(ring: &Ring, reader: &mut Reader, viewer: &mut Viewer) -> u64 {
    let mut missed = 0;
    loop {
        match ring.read(reader) {
            Read::Data(bytes) => {
                assert_eq!(bytes.len() % PACKET, 0);
                viewer.take(&bytes);
            }
            Read::Skipped(packets) => missed += packets,
            Read::Empty => return missed,
        }
    }
}

fn ring() -> Ring {
    Ring::new(Limits::default())
}

#[test]
fn who_joins_gets_tables_and_a_keyframe_first() {
    let mut ring = ring();
    assert!(ring.join(ms(0), ms(0)).is_none());
    play(&mut ring, "join", 0.3, 4.6);
    let mut reader = ring.join(ms(4600), ms(0)).expect("there is a keyframe");
    let mut viewer = Viewer::default();
    read(&ring, &mut reader, &mut viewer);
    viewer.saw_everything();
    let pids: Vec<u16> = packets(&viewer.bytes).map(|packet| packet.pid().number()).collect();
    // Each table with a mark before it, then the picture.
    assert_eq!(pids[..5], [0, 0, 0x1000, 0x1000, 0x100]);
    assert!(packets(&viewer.bytes).nth(4).expect("it is there").begins());
}

#[test]
fn who_wants_to_begin_behind_begins_at_an_older_keyframe() {
    let mut ring = ring();
    play(&mut ring, "behind", 0.0, 6.5);
    let lag = |behind| {
        let reader = ring.join(ms(6500), ms(behind)).expect("there is a keyframe");
        ring.lag(ms(6500), &reader).time.as_millis()
    };
    assert!((400..=600).contains(&lag(0)), "{}", lag(0));
    assert!((2400..=2600).contains(&lag(2000)), "{}", lag(2000));
    assert!((6300..=6600).contains(&lag(60_000)), "{}", lag(60_000));
}

#[test]
fn a_ring_that_is_given_less_room_gives_up_the_oldest_at_once_and_grows_no_more() {
    let mut ring = ring();
    play(&mut ring, "room", 0.0, 6.5);
    let before = ring.kept();
    // What is not published yet comes on top.
    let room = before / 3..=before / 2 + Limits::default().block_bytes;
    ring.limit(before / 2);
    assert!(room.contains(&ring.kept()), "{} of {before}", ring.kept());
    play(&mut ring, "room", 6.5, 9.5);
    assert!(room.contains(&ring.kept()), "{} of {before}", ring.kept());
    let mut reader = ring.join(ms(9500), ms(0)).expect("there is a keyframe");
    let mut viewer = Viewer::default();
    assert_eq!(read(&ring, &mut reader, &mut viewer), 0);
    viewer.saw_everything();
}

#[test]
fn two_readers_share_the_same_bytes() {
    let mut ring = ring();
    play(&mut ring, "shared", 0.0, 2.5);
    let blocks = |mut reader: Reader| {
        let mut at = Vec::new();
        while let Read::Data(bytes) = ring.read(&mut reader) {
            at.push(bytes.as_ptr());
        }
        at
    };
    let (one, two) = (ring.join(ms(2500), ms(0)), ring.join(ms(2500), ms(0)));
    let (one, two) = (blocks(one.expect("a keyframe")), blocks(two.expect("a keyframe")));
    assert!(one.len() > 2);
    assert_eq!(one[1..], two[1..]);
}

#[test]
fn who_falls_out_is_told_and_goes_on_at_the_newest_keyframe_marked() {
    let mut ring = Ring::new(Limits { bytes: 300_000, ..Limits::default() });
    play(&mut ring, "slow", 0.0, 2.0);
    let mut viewer = Viewer::default();
    let mut reader = ring.join(ms(2000), ms(0)).expect("there is a keyframe");
    read(&ring, &mut reader, &mut viewer);
    play(&mut ring, "slow", 2.0, 9.5);
    let before = viewer.bytes.len();
    let missed = read(&ring, &mut reader, &mut viewer);
    let seen = viewer.seen();
    assert!(missed > 0 && seen.gaps == 1 && seen.missing > 0, "{missed} {seen:?}");
    assert!(packets(&viewer.bytes[before..]).next().expect("it goes on").discontinuity());
    assert_eq!(read(&ring, &mut reader, &mut viewer), 0);
    play(&mut ring, "slow", 9.5, 10.0);
    read(&ring, &mut reader, &mut viewer);
    assert_eq!(viewer.seen().gaps, 1);
}

#[test]
fn a_reader_can_be_made_to_skip_but_not_backwards() {
    let mut ring = ring();
    play(&mut ring, "skip", 0.0, 5.5);
    let mut reader = ring.join(ms(5500), ms(60_000)).expect("there is a keyframe");
    assert!(ring.skip(&mut reader).is_some());
    assert!(ring.lag(ms(5500), &reader).time < ms(700));
    assert_eq!(ring.skip(&mut reader), None);
    let mut viewer = Viewer::default();
    read(&ring, &mut reader, &mut viewer);
    viewer.saw_everything();
}

#[test]
fn blocks_are_published_by_time_and_by_size() {
    let mut ring = ring();
    let bytes = seconds(&channel("blocks"), 0.0..2.0);
    let mut all = packets(&bytes);
    // After a silence, what has come together need not wait.
    for _ in 0..3 {
        assert!(!ring.push(ms(0), all.next().expect("a packet")));
    }
    assert!(ring.wake(ms(0)));
    assert_eq!((ring.published(), ring.next_wakeup()), (3, None));
    assert!(!ring.push(ms(1), all.next().expect("a packet")));
    assert_eq!(ring.next_wakeup(), Some(ms(40)));
    assert!(!ring.wake(ms(39)));
    assert!(ring.wake(ms(40)));
    assert_eq!((ring.published(), ring.next_wakeup()), (4, None));
    // Whoever never wakes it is not waited for, either.
    assert!(!ring.push(ms(100), all.next().expect("a packet")));
    assert!(ring.push(ms(140), all.next().expect("a packet")));
    let count = 64 * 1024 / PACKET;
    let published: Vec<bool> = all.take(count).map(|packet| ring.push(ms(141), packet)).collect();
    assert_eq!(published.iter().filter(|published| **published).count(), 1);
    assert!(published[count - 1]);
}

#[test]
fn what_is_kept_is_bounded_by_age_and_bytes_but_a_keyframe_stays() {
    let mut ring = Ring::new(Limits { age: ms(1500), ..Limits::default() });
    play(&mut ring, "age", 0.0, 10.7);
    let per_second = channel("age").bytes_per_s() as usize;
    assert!((per_second..2 * per_second).contains(&ring.kept()), "{}", ring.kept());
    let mut ring = Ring::new(Limits { age: ms(100), ..Limits::default() });
    play(&mut ring, "age", 0.0, 10.7);
    assert!(ring.join(ms(10_700), ms(0)).is_some());
    let limit = 100_000;
    let mut ring = Ring::new(Limits { bytes: limit, ..Limits::default() });
    play(&mut ring, "age", 0.0, 10.7);
    assert!(ring.kept() <= limit + 64 * 1024, "{}", ring.kept());
}

#[test]
fn the_rate_is_that_of_the_last_seconds() {
    let mut ring = ring();
    assert_eq!(ring.bits_per_s(ms(0)), 0);
    play(&mut ring, "rate", 0.0, 8.0);
    let expected = channel("rate").bytes_per_s() * 8;
    let measured = ring.bits_per_s(ms(8000));
    assert!((expected * 9 / 10..=expected * 11 / 10).contains(&measured), "{measured} {expected}");
    assert_eq!(ring.bits_per_s(ms(60_000)), 0);
    assert!(ring.newest() > Some(ms(7900)));
}
