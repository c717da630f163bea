//! Packets are found in bytes that come in any pieces, and found again after garbage.

use mpegts::framer::LOCK_PACKETS;
use mpegts::{Framer, PACKET};
use proptest::prelude::*;

use crate::studio::{channel, seconds};

/// The packets that a framer finds in these pieces.
fn found<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<u8>, Framer) {
    let (mut framer, mut bytes) = (Framer::new(), Vec::new());
    for piece in pieces {
        framer.feed(piece, |packet| bytes.extend_from_slice(packet.raw()));
    }
    framer.finish(|packet| bytes.extend_from_slice(packet.raw()));
    (bytes, framer)
}

#[test]
fn a_stream_that_comes_byte_by_byte_is_found_whole() {
    let stream = seconds(&channel("bytes"), 0.0..0.2);
    let (bytes, framer) = found(stream.chunks(1));
    assert!(bytes == stream);
    assert_eq!((framer.skipped(), framer.breaks()), (0, 0));
}

#[test]
fn a_sync_byte_alone_means_nothing() {
    let (bytes, framer) = found([[0x47; 5 * PACKET].as_slice()].map(|all| &all[..3 * PACKET]));
    assert_eq!((bytes.len(), framer.locked()), (0, false));
    let stream = seconds(&channel("few"), 0.0..0.5);
    let few = &stream[..(LOCK_PACKETS - 1) * PACKET];
    assert_eq!(found([few, &[0; 1000]]).0.len(), 0);
}

#[test]
fn a_packet_that_is_torn_is_not_passed_on_and_the_place_is_found_again() {
    let stream = seconds(&channel("torn"), 0.0..0.5);
    let cut = 10 * PACKET + 100;
    let (bytes, framer) = found([&stream[..cut], &stream[cut + 50..]]);
    let expected = [&stream[..10 * PACKET], &stream[11 * PACKET..]].concat();
    assert!(bytes == expected);
    assert_eq!((framer.breaks(), framer.skipped()), (1, PACKET as u64 - 50));
}

#[test]
fn a_connection_that_stops_in_the_middle_of_a_packet_leaves_nothing_to_the_next() {
    let stream = seconds(&channel("stop"), 0.0..0.2);
    let (bytes, _) = found([&stream[..20 * PACKET + 7]]);
    assert!(bytes == stream[..20 * PACKET]);
    let (mut framer, mut bytes) = (Framer::new(), Vec::new());
    framer.feed(&stream[..20 * PACKET + 7], |_| {});
    framer.finish(|_| {});
    framer.feed(&stream, |packet| bytes.extend_from_slice(packet.raw()));
    assert!(bytes[..] == stream[..stream.len() - PACKET]);
}

proptest! {
    #[test]
    fn it_makes_no_difference_where_pieces_end(
        garbage in prop::collection::vec(prop_oneof![Just(0x47), any::<u8>()], 0..2_000),
        at in 0..60_usize,
        pieces in prop::collection::vec(1..3_000_usize, 1..40),
    ) {
        let stream = seconds(&channel("pieces"), 0.0..0.5);
        let (before, after) = stream.split_at(at * PACKET);
        let all = [before, &garbage, after].concat();
        let (whole, framer) = found([all.as_slice()]);
        let (mut rest, mut cut) = (all.as_slice(), Vec::new());
        for length in pieces.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, next) = rest.split_at((*length).min(rest.len()));
            cut.push(piece);
            rest = next;
        }
        prop_assert!(found(cut).0 == whole);
        prop_assert_eq!(framer.packets() as usize * PACKET, whole.len());
        // What is lost beside the garbage is bounded.
        prop_assert!(whole.len() + 8 * PACKET >= stream.len());
    }
}
