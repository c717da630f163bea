//! A live channel as MPEG-TS: a pure function of the channel's key and the time on the wall.
//!
//! Whichever engine serves a channel, and whenever it was started, the same live position has the same bytes.
//! The channel is a row of seconds, all laid out alike: tables, 25 pictures of video, and, as padding up to
//! the bitrate, packets that carry a running number, by which [`crate::count`] finds what is missing or comes
//! twice. Nothing here waits or sends.

mod h264;
mod packet;

use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};

pub use h264::{FRAMES, HEIGHT, WIDTH};
pub(crate) use packet::counted;
pub use packet::{COUNT_PID, PACKET, PMT_PID, VIDEO_PID};

use packet::Template;

/// What a channel has on average, unless told otherwise.
pub const DEFAULT_BITS_PER_S: u64 = 4_000_000;

/// The least that tables and pictures need.
const LEAST_PACKETS_PER_S: u64 = 200;

/// Tables come so often that a reader who joins finds them soon.
const TABLES_EVERY_FRAMES: u32 = 5;

/// What stands at a place within a second.
#[derive(Clone, Copy, Debug)]
enum Place {
    Programs(u8),
    Program(u8),
    Video(u16),
    Count(u32),
}

/// One channel.
#[derive(Debug)]
pub struct Channel {
    hash: u64,
    places: Vec<Place>,
    /// The places of packets that count.
    counts: Vec<u32>,
    /// The pictures of even and of odd seconds.
    video: [Template; 2],
}

impl Channel {
    /// The channel of a key. Two engines agree on it if they agree on the key and the average bitrate.
    pub fn new(key: &str, bits_per_s: u64) -> Self {
        let hash = hash(key.as_bytes());
        let colour = ((hash >> 8) as u8 % 200 + 28, (hash >> 16) as u8 % 200 + 28);
        let video = [false, true].map(|odd| Template::new(&h264::group(colour, odd)));
        // Between 90 and 110 per cent of the average, always the same for one channel.
        let packets = bits_per_s / 8 / PACKET as u64 * (90 + hash % 21) / 100;
        let places = lay_out(packets.max(LEAST_PACKETS_PER_S) as usize, &video[0]);
        let counting = (0..).zip(&places).filter(|(_, place)| matches!(place, Place::Count(_)));
        let counts = counting.map(|(at, _)| at).collect();
        Self { hash, places, counts, video }
    }

    /// What the padding packets carry to tell this channel from others.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// How many packets a second has.
    pub fn packets_per_s(&self) -> u64 {
        self.places.len() as u64
    }

    /// How many bytes a second has.
    pub fn bytes_per_s(&self) -> u64 {
        self.packets_per_s() * PACKET as u64
    }

    /// The number of the packet that is sent at a time of the wall clock.
    pub fn at(&self, unix_ms: u64) -> u64 {
        unix_ms / 1000 * self.packets_per_s() + unix_ms % 1000 * self.packets_per_s() / 1000
    }

    /// When the packet with this running number is sent, in milliseconds of the wall clock; whatever comes later is
    /// late.
    pub fn counted_at_ms(&self, number: u64) -> f64 {
        let per_s = self.counts.len().max(1) as u64;
        let place = self.counts.get((number % per_s) as usize).copied().unwrap_or_default();
        (number / per_s) as f64 * 1e3 + f64::from(place) * 1e3 / self.packets_per_s() as f64
    }

    /// The packet with which the second begins that has this one: tables and a picture in full.
    pub fn second_of(&self, packet: u64) -> u64 {
        packet / self.packets_per_s() * self.packets_per_s()
    }

    /// These packets.
    pub fn render(&self, packets: Range<u64>) -> Bytes {
        let count = packets.end.saturating_sub(packets.start) as usize;
        let mut out = BytesMut::with_capacity(count * PACKET);
        for number in packets {
            out.put_slice(&self.packet(number));
        }
        out.freeze()
    }

    fn packet(&self, number: u64) -> [u8; PACKET] {
        let (second, place) = (number / self.packets_per_s(), number % self.packets_per_s());
        let tables = u64::from(FRAMES / TABLES_EVERY_FRAMES);
        match self.places[place as usize] {
            Place::Programs(turn) => packet::programs(second * tables + u64::from(turn)),
            Place::Program(turn) => packet::program(second * tables + u64::from(turn)),
            Place::Video(index) => {
                let sent = place * packet::FINE_HZ / self.packets_per_s();
                self.video[(second % 2) as usize].packet(second, index, sent)
            }
            Place::Count(index) => {
                packet::count(self.hash, second * self.counts.len() as u64 + u64::from(index))
            }
        }
    }
}

/// Puts the packets of a second in order: what is due goes first, and padding fills the rest.
fn lay_out(packets: usize, video: &Template) -> Vec<Place> {
    let mut places = Vec::with_capacity(packets);
    let mut begun = 0;
    let mut waiting = std::collections::VecDeque::new();
    let mut counts = 0;
    for place in 0..packets {
        while begun < FRAMES && place >= packets * begun as usize / FRAMES as usize {
            if begun.is_multiple_of(TABLES_EVERY_FRAMES) {
                // Ahead of whatever still waits.
                let turn = (begun / TABLES_EVERY_FRAMES) as u8;
                waiting.push_front(Place::Program(turn));
                waiting.push_front(Place::Programs(turn));
            }
            waiting.extend(video.frame(begun).map(Place::Video));
            begun += 1;
        }
        places.push(waiting.pop_front().unwrap_or_else(|| {
            counts += 1;
            Place::Count(counts - 1)
        }));
    }
    debug_assert!(waiting.is_empty(), "a second has room for its pictures");
    places
}

/// FNV-1a, and a last stir so that keys with a common beginning differ in all bits.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in bytes {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    hash ^ (hash >> 32)
}
