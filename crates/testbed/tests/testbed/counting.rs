//! The reader that counts: what it must find, it finds exactly.

use testbed::count::Counter;
use testbed::stream::{COUNT_PID, Channel, PACKET};

use crate::tools::CHANNEL;

fn two_seconds() -> Vec<u8> {
    let channel = Channel::new(CHANNEL, 1_000_000);
    let start = channel.at(1_700_000_000_000);
    channel.render(start..start + 2 * channel.packets_per_s()).to_vec()
}

fn is_counted(packet: &[u8]) -> bool {
    u16::from_be_bytes([packet[1] & 0x1f, packet[2]]) == COUNT_PID
}

/// Where there are three counted packets in a row, somewhere in the middle.
fn three_counted(bytes: &[u8]) -> usize {
    let packets: Vec<&[u8]> = bytes.chunks(PACKET).collect();
    let half = packets.len() / 2;
    half + packets[half..]
        .windows(3)
        .position(|three| three.iter().all(|packet| is_counted(packet)))
        .expect("padding")
}

fn seen(bytes: &[u8]) -> testbed::count::Seen {
    let mut counter = Counter::new();
    // Pieces that end anywhere.
    bytes.chunks(1009).for_each(|piece| counter.feed(piece));
    counter.seen().clone()
}

#[test]
fn an_unbroken_stream_has_nothing_to_complain_of() {
    let bytes = two_seconds();
    let seen = seen(&bytes);
    assert_eq!(seen.packets as usize, bytes.len() / PACKET);
    assert_eq!(
        (seen.gaps, seen.missing, seen.repeats, seen.continuity_errors, seen.garbage),
        (0, 0, 0, 0, 0)
    );
    assert_eq!(seen.channels, [Channel::new(CHANNEL, 1_000_000).hash()]);
    let (first, last) = seen.numbers.expect("numbers");
    assert_eq!(last - first + 1, seen.counted);
}

#[test]
fn a_packet_that_was_cut_out_is_found() {
    let mut bytes = two_seconds();
    let at = (three_counted(&bytes) + 1) * PACKET;
    bytes.drain(at..at + PACKET);
    let seen = seen(&bytes);
    assert_eq!((seen.gaps, seen.missing, seen.repeats, seen.continuity_errors), (1, 1, 0, 1));
}

#[test]
fn a_long_cut_out_tells_how_much_is_missing() {
    let bytes = two_seconds();
    let (from, to) = (100 * PACKET, 400 * PACKET);
    let cut = [&bytes[..from], &bytes[to..]].concat();
    let missing = bytes[from..to].chunks(PACKET).filter(|packet| is_counted(packet)).count();
    let seen = seen(&cut);
    assert_eq!((seen.gaps, seen.missing), (1, missing as u64));
}

#[test]
fn a_packet_that_comes_twice_is_found() {
    let bytes = two_seconds();
    let at = (three_counted(&bytes) + 1) * PACKET;
    let again = [&bytes[..at + PACKET], &bytes[at..]].concat();
    let seen = seen(&again);
    assert_eq!((seen.gaps, seen.missing, seen.repeats, seen.continuity_errors), (0, 0, 1, 1));
}

#[test]
fn a_discontinuity_that_is_said_is_no_error() {
    let mut bytes = two_seconds();
    let at = (three_counted(&bytes) + 1) * PACKET;
    bytes.drain(at..at + PACKET);
    // An adaptation field that says so, in front of what would be wrong.
    let mut said = [0xff; PACKET];
    let [high, low] = COUNT_PID.to_be_bytes();
    said[..6].copy_from_slice(&[0x47, high, low, 0x20 | (bytes[at + 3].wrapping_sub(1) & 15), 183, 0x80]);
    bytes.splice(at..at, said);
    let told = seen(&bytes);
    assert_eq!((told.gaps, told.missing, told.continuity_errors, told.discontinuities), (1, 1, 0, 1));
    // Nothing goes before the first packet that could be broken off.
    assert_eq!(seen(&[&said, &two_seconds()[..]].concat()).discontinuities, 0);
}

#[test]
fn noise_between_packets_is_counted_and_the_stream_found_again() {
    let bytes = two_seconds();
    let at = 500 * PACKET;
    let noisy = [&bytes[..at], &[0x55; 300], &bytes[at..]].concat();
    let seen = seen(&noisy);
    // The packet in front of noise is not followed by one, and counts as noise too.
    assert!((300..=300 + PACKET as u64).contains(&seen.garbage), "{seen:?}");
    assert!(seen.packets as usize >= bytes.len() / PACKET - 1, "{seen:?}");
}

#[test]
fn another_channel_is_told_and_begins_to_count_anew() {
    let other = Channel::new("another", 1_000_000);
    let start = other.at(1_700_000_000_000);
    let bytes = [two_seconds(), other.render(start..start + 500).to_vec()].concat();
    let seen = seen(&bytes);
    assert_eq!((seen.channels.len(), seen.gaps, seen.repeats), (2, 0, 0));
}
