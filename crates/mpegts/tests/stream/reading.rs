//! Tables, clocks and keyframes, as they are read, and as another parser reads them.

use std::io::Cursor;

use mpeg2ts::ts::{ReadTsPacket, TsPacketReader, TsPayload};
use mpegts::packet::{KEEPALIVE, NULL_PACKET, PACKET};
use mpegts::pes::{Head, Ticks};
use mpegts::section::{SECTION_BYTES_MAX, Sections, checksum};
use mpegts::tables::{Change, Codec, Pat, Pmt, Stream, Tables};
use mpegts::{Packet, Pid, Scan};
use proptest::prelude::*;
use testbed::stream::{COUNT_PID, PMT_PID, VIDEO_PID};

use crate::studio::{channel, ms, packet, packets, seconds};

const TABLE: Pid = Pid::new(0x100);
const VIDEO: Pid = Pid::new(0x101);

fn stream(kind: u8, pid: Pid, info: &[u8]) -> Stream {
    Stream { kind, pid, info: info.into() }
}

fn tables(streams: Vec<Stream>) -> (Pat, Pmt) {
    let pat = Pat { stream: 1, version: 3, programmes: vec![(7, TABLE), (8, Pid::new(0x999))] };
    (pat, Pmt { programme: 7, version: 4, clock: VIDEO, info: vec![], streams })
}

/// A section in packets, as short as they are wanted.
fn carried(section: &[u8], pid: Pid, length: usize) -> Vec<[u8; PACKET]> {
    let with_pointer = [&[0], section].concat();
    let parts = with_pointer.chunks(length).enumerate();
    parts.map(|(at, part)| packet(pid, at == 0, at as u8, part)).collect()
}

fn fed(tables: &mut Tables, raws: &[[u8; PACKET]]) -> Vec<Change> {
    raws.iter().map(|raw| tables.feed(Packet::new(raw).expect("a packet"))).collect()
}

#[test]
fn the_null_packet_is_one_to_another_parser_and_keepalive_is_made_of_it() {
    let mut reader = TsPacketReader::new(Cursor::new(KEEPALIVE));
    let mut count = 0;
    while let Some(read) = reader.read_ts_packet().expect("packets") {
        assert_eq!(read.header.pid.as_u16(), Pid::NULL.number());
        count += 1;
    }
    assert_eq!(count * PACKET, KEEPALIVE.len());
    assert_eq!(&KEEPALIVE[..PACKET], &NULL_PACKET);
}

#[test]
fn another_parser_sees_the_same_packets_clocks_and_times() {
    // The other one knows only streams that it has heard of, so it is shown our table of them.
    let (_, pmt) = tables(vec![stream(0x1b, Pid::new(VIDEO_PID), &[])]);
    let pmt = Pmt { programme: 1, clock: Pid::new(VIDEO_PID), ..pmt };
    let table = carried(&pmt.write(), Pid::new(PMT_PID), 180)[0];
    let stream = seconds(&channel("oracle"), 3.0..5.0);
    let known = packets(&stream).filter(|packet| packet.pid() != Pid::new(COUNT_PID));
    let shown =
        known.flat_map(|packet| if packet.pid() == Pid::new(PMT_PID) { table } else { *packet.raw() });
    let bytes: Vec<u8> = shown.collect();
    let mut reader = TsPacketReader::new(Cursor::new(&bytes));
    for ours in packets(&bytes) {
        let theirs = reader.read_ts_packet().expect("a packet").expect("as many");
        assert_eq!(ours.pid().number(), theirs.header.pid.as_u16());
        assert_eq!(ours.continuity(), theirs.header.continuity_counter.as_u8());
        let clock = theirs.adaptation_field.as_ref().and_then(|field| field.pcr).map(|pcr| pcr.as_u64());
        assert_eq!(ours.pcr(), clock);
        if let Some(TsPayload::PesStart(pes)) = &theirs.payload {
            let shown = Head::read(ours.payload()).and_then(|head| head.shown).map(Ticks::number);
            assert_eq!(shown, pes.header.pts.map(|pts| pts.as_u64()));
            assert!(ours.begins());
        }
    }
}

#[test]
fn tables_are_put_together_from_many_packets_and_told_once() {
    let info = [0x0a, 4, b'd', b'e', b'u', 0].repeat(20);
    let streams = (0..5).map(|number| stream(0x0f, Pid::new(0x200 + number), &info)).collect();
    let (pat, pmt) = tables(streams);
    let mut read = Tables::default();
    assert!(!fed(&mut read, &carried(&pat.write(), Pid::PAT, 10)).contains(&Change::Tables));
    let raws = carried(&pmt.write(), TABLE, 180);
    assert!(raws.len() > 3);
    assert_eq!(fed(&mut read, &raws).last(), Some(&Change::Tables));
    assert_eq!(read.both(), Some((&pat, &pmt)));
    assert!(!fed(&mut read, &raws).contains(&Change::Tables));
}

#[test]
fn a_table_with_a_wrong_checksum_or_a_packet_missing_is_not_believed() {
    let (pat, _) = tables(vec![]);
    let mut section = pat.write();
    section[9] ^= 1;
    assert_ne!(checksum(&section), 0);
    let mut read = Tables::default();
    fed(&mut read, &carried(&section, Pid::PAT, 180));
    let mut raws = carried(&pat.write(), Pid::PAT, 8);
    raws.remove(1);
    fed(&mut read, &raws);
    assert_eq!(read.table(), None);
    fed(&mut read, &carried(&pat.write(), Pid::PAT, 8));
    assert_eq!(read.table(), Some(TABLE));
}

#[test]
fn a_new_version_and_a_new_place_of_a_table_are_changes() {
    let (pat, pmt) = tables(vec![stream(0x1b, VIDEO, &[])]);
    let mut read = Tables::default();
    fed(&mut read, &carried(&pat.write(), Pid::PAT, 180));
    fed(&mut read, &carried(&pmt.write(), TABLE, 180));
    let newer = Pmt { version: 5, streams: vec![stream(0x24, VIDEO, &[])], ..pmt.clone() };
    let mut raws = carried(&newer.write(), TABLE, 180);
    mpegts::packet::set_continuity(&mut raws[0], 1);
    assert_eq!(fed(&mut read, &raws), [Change::Tables]);
    let moved = Pat { programmes: vec![(7, Pid::new(0x300))], ..pat };
    let mut raws = carried(&moved.write(), Pid::PAT, 180);
    mpegts::packet::set_continuity(&mut raws[0], 1);
    fed(&mut read, &raws);
    assert_eq!(read.both(), None);
    assert_eq!(fed(&mut read, &carried(&pmt.write(), Pid::new(0x300), 180)), [Change::Tables]);
}

#[test]
fn two_sections_in_one_packet_are_both_read() {
    let (pat, pmt) = tables(vec![]);
    let both = [&[0], pat.write().as_slice(), &pmt.write()].concat();
    let (mut sections, mut seen) = (Sections::default(), Vec::new());
    let raw = packet(Pid::PAT, true, 0, &both);
    sections.feed(Packet::new(&raw).expect("a packet"), |section| seen.push(section.to_vec()));
    assert_eq!(seen, [pat.write(), pmt.write()]);
}

#[test]
fn a_section_that_claims_to_be_longer_than_any_table_is_given_up() {
    let endless = [&[0, 0, 0x0f, 0xff], [0; 170].as_slice()].concat();
    let mut sections = Sections::default();
    for at in 0..100 {
        let raw = packet(Pid::PAT, at == 0, at, &endless);
        sections.feed(Packet::new(&raw).expect("a packet"), |section| {
            assert!(section.len() <= SECTION_BYTES_MAX);
        });
    }
}

#[test]
fn private_data_is_what_its_descriptors_say() {
    for (info, codec) in [
        ([0x6a, 1, 0].as_slice(), Codec::Audio),
        (&[0x05, 4, b'H', b'E', b'V', b'C'], Codec::Hevc),
        (&[0x0a, 1, 0, 0x7a, 0], Codec::Audio),
        (&[0x59, 0], Codec::Other),
        (&[0x6a], Codec::Other),
        (&[], Codec::Other),
    ] {
        assert_eq!(stream(0x06, VIDEO, info).codec(), codec, "{info:?}");
    }
}

#[test]
fn times_are_compared_across_the_end_of_the_clock() {
    let (late, early) = (Ticks::new((1 << 33) - 10), Ticks::new(5));
    assert_eq!((early.since(late), late.since(early)), (15, -15));
}

/// Whether a picture whose first bytes are these, split between two packets, is one to begin with.
fn is_key(kind: u8, picture: &[u8], split: usize) -> bool {
    let (pat, pmt) = tables(vec![stream(kind, VIDEO, &[])]);
    let mut scan = Scan::new();
    let mut raws = carried(&pat.write(), Pid::PAT, 180);
    raws.extend(carried(&pmt.write(), TABLE, 180));
    let head = [0, 0, 1, 0xe0, 0, 0, 0x84, 0x80, 5, 0x21, 0, 1, 0, 1];
    let (first, second) = picture.split_at(split.min(picture.len()));
    for (begins, part) in [(true, [&head, first].concat()), (false, second.to_vec())] {
        raws.push(packet(VIDEO, begins, u8::from(!begins), &part));
    }
    let found = raws.iter().enumerate().filter_map(|(place, raw)| {
        scan.feed(ms(0), place as u64, Packet::new(raw).expect("a packet")).keyframe
    });
    let found: Vec<_> = found.map(|keyframe| keyframe.place).collect();
    assert!(found.is_empty() || found == [2], "the place is that of its beginning: {found:?}");
    !found.is_empty()
}

#[test]
fn keyframes_are_found_in_the_pictures_themselves_wherever_packets_end() {
    let unit = |head: &[u8]| [&[0, 0, 1], head, &[0xaa, 0xbb]].concat();
    let h264 = |heads: &[u8]| heads.iter().flat_map(|head| unit(&[*head, 0x11])).collect::<Vec<_>>();
    let hevc = |heads: &[u8]| heads.iter().flat_map(|head| unit(&[*head << 1, 1])).collect::<Vec<_>>();
    for split in 0..40 {
        // Delimiter, parameters, picture; a picture alone; a delimiter, and the message that one can begin here.
        assert!(is_key(0x1b, &h264(&[9, 0x67, 0x68, 0x65]), split));
        assert!(is_key(0x1b, &h264(&[9, 0x65]), split));
        assert!(is_key(0x1b, &[unit(&[9, 0xf0]), unit(&[6, 6]), unit(&[0x41, 1])].concat(), split));
        assert!(!is_key(0x1b, &[unit(&[9, 0xf0]), unit(&[6, 1]), unit(&[0x41, 1])].concat(), split));
        assert!(!is_key(0x1b, &h264(&[9, 0x41, 0x65]), split));
        for key in [19, 20, 21, 32] {
            assert!(is_key(0x24, &hevc(&[35, key]), split));
        }
        assert!(!is_key(0x24, &hevc(&[35, 39, 1]), split));
        assert!(is_key(0x02, &unit(&[0xb3, 0x14]), split));
        assert!(is_key(0x02, &unit(&[0x00, 0x00, 0x08]), split));
        assert!(!is_key(0x02, &unit(&[0x00, 0x00, 0x10]), split));
    }
}

#[test]
fn every_second_of_the_stand_in_begins_with_a_keyframe() {
    let channel = channel("keyframes");
    let (mut scan, mut places) = (Scan::new(), Vec::new());
    for (place, packet) in packets(&seconds(&channel, 0.0..5.0)).enumerate() {
        places.extend(scan.feed(ms(0), place as u64, packet).keyframe.map(|keyframe| keyframe.place));
    }
    assert_eq!(places.len(), 5);
    assert!(places.windows(2).all(|pair| pair[1] - pair[0] == channel.packets_per_s()), "{places:?}");
}

#[test]
fn a_channel_of_sound_can_be_begun_anywhere_and_one_without_keyframes_after_a_while() {
    let begin = |kind: u8, at: u64| {
        let (pat, pmt) = tables(vec![stream(kind, VIDEO, &[])]);
        let mut scan = Scan::new();
        let mut raws = carried(&pat.write(), Pid::PAT, 180);
        raws.extend(carried(&pmt.write(), TABLE, 180));
        raws.iter().for_each(|raw| {
            scan.feed(ms(0), 0, Packet::new(raw).expect("a packet"));
        });
        let raw = packet(VIDEO, true, 0, &[0, 0, 1, 0xe0, 0, 0, 0x80, 0, 0, 0, 0, 1, 0x41]);
        scan.feed(ms(0), 7, Packet::new(&raw).expect("a packet"));
        scan.feed(ms(at), 8, Packet::new(&raw).expect("a packet")).keyframe.is_some()
    };
    assert!(begin(0x0f, 0));
    assert!(!begin(0x1b, 9_000));
    assert!(begin(0x1b, 10_000));
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        programme in 1..u16::MAX,
        version in 0..32_u8,
        kinds in prop::collection::vec(
            (any::<u8>(), 0x20..0x1fff_u16, prop::collection::vec(any::<u8>(), 0..40)),
            0..12,
        ),
    ) {
        let streams = kinds.iter().map(|(kind, pid, info)| stream(*kind, Pid::new(*pid), info)).collect();
        let pmt = Pmt { programme, version, clock: VIDEO, info: vec![9, 0], streams };
        let section = pmt.write();
        prop_assert_eq!(checksum(&section), 0);
        prop_assert_eq!(Pmt::read(&section), Some(pmt));
    }

    #[test]
    fn nothing_that_is_read_as_a_table_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = (Pat::read(&bytes), Pmt::read(&bytes), Head::read(&bytes));
        let raw = packet(VIDEO, true, 0, &bytes[..bytes.len().min(180)]);
        let looked = Packet::new(&raw).expect("a packet");
        let _ = (looked.payload(), looked.pcr(), looked.adaptation());
    }
}
