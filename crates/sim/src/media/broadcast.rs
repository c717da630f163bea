//! A broadcast: an endless stream in which every packet follows from its number, and says it.
//!
//! All seconds are laid out alike: tables, pictures of which one begins every other second, sound, and data. Sources
//! of one broadcast deliver the same packets; that is what a splice can make use of.

use mpegts::packet::{PACKET, Pid, Raw, SYNC};
use mpegts::section::checksum;

/// Pictures, and pieces of sound, in a second.
const FRAMES: u64 = 5;
/// Packets of a picture, of a piece of sound, and of data between two pictures.
const VIDEO_PACKETS: u64 = 4;
const AUDIO_PACKETS: u64 = 2;
const DATA_PACKETS: u64 = 1;
const TABLES: u64 = 2;
/// Seconds from one keyframe to the next.
const KEYFRAME_SECONDS: u64 = 2;
const CLOCK_HZ: u64 = 90_000;
const CLOCK_WRAPS: u64 = 1 << 33;
/// Where a packet says what it is: at its end.
const TRAILER: usize = 20;
const MARK: [u8; 4] = *b"SIMC";

/// Packets in a second.
pub const PACKETS_PER_S: u64 = TABLES + FRAMES * FRAME_PACKETS;
const FRAME_PACKETS: u64 = VIDEO_PACKETS + AUDIO_PACKETS + DATA_PACKETS;

/// What a packet belongs to.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[allow(missing_docs, reason = "they say it themselves")]
pub enum Role {
    Pat,
    Pmt,
    Video,
    Audio,
    Data,
}

/// What a packet says of itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Label {
    /// The broadcast.
    pub broadcast: u16,
    /// What it belongs to.
    pub role: Role,
    /// Its number in the broadcast.
    pub number: u64,
}

/// A broadcast.
#[derive(Clone, Copy, Debug)]
pub struct Broadcast {
    /// Which one.
    pub id: u16,
    /// Its identifiers are these: table, video, audio, data.
    pub pids: [Pid; 4],
    /// Its clock begins with this.
    pub clock: u64,
}

impl Broadcast {
    /// A broadcast with identifiers and a clock of its own.
    pub fn new(id: u16) -> Self {
        let pid = |number: u16| Pid::new(0x100 + 0x10 * (id % 3) + number);
        // The second one's clock runs over during the run, the third one's is far away.
        let clock = u64::from(id) * (CLOCK_WRAPS - 20_000 * CLOCK_HZ);
        Self { id, pids: [pid(0), pid(1), pid(2), pid(3)], clock }
    }

    /// The packet with a number.
    pub fn packet(&self, number: u64) -> Raw {
        let (role, turn, first) = place(number);
        let (pid, begins) = match role {
            Role::Pat => (Pid::PAT, true),
            Role::Pmt => (self.pids[0], true),
            Role::Video => (self.pids[1], first),
            Role::Audio => (self.pids[2], first),
            Role::Data => (self.pids[3], false),
        };
        let mut raw = [0xff; PACKET];
        let [high, low] = pid.number().to_be_bytes();
        raw[..4].copy_from_slice(&[
            SYNC,
            if begins { high | 0x40 } else { high },
            low,
            0x10 | (turn & 15) as u8,
        ]);
        match role {
            Role::Pat => section(&mut raw, &self.pat()),
            Role::Pmt => section(&mut raw, &self.pmt()),
            Role::Video if first => self.picture(&mut raw, number),
            Role::Audio if first => self.sound(&mut raw, number),
            Role::Video | Role::Audio | Role::Data => {}
        }
        if !matches!(role, Role::Pat | Role::Pmt) {
            let trailer = &mut raw[PACKET - TRAILER..];
            trailer[..4].copy_from_slice(&MARK);
            trailer[4..6].copy_from_slice(&self.id.to_be_bytes());
            trailer[6] = role as u8;
            trailer[8..16].copy_from_slice(&number.to_be_bytes());
            let seal = seal(&trailer[..16]);
            trailer[16..].copy_from_slice(&seal);
        }
        raw
    }

    fn pat(&self) -> Vec<u8> {
        let [high, low] = self.pids[0].number().to_be_bytes();
        vec![0, 0xb0, 13, 0, 1, 0xc1, 0, 0, 0, 1, 0xe0 | high, low]
    }

    fn pmt(&self) -> Vec<u8> {
        let mut table = vec![2, 0xb0, 28, 0, 1, 0xc1, 0, 0];
        let [_, video, audio, data] = self.pids.map(|pid| (pid.number() | 0xe000).to_be_bytes());
        table.extend_from_slice(&[video[0], video[1], 0xf0, 0]);
        for (kind, pid) in [(0x1b, video), (0x0f, audio), (0x06, data)] {
            table.extend_from_slice(&[kind, pid[0], pid[1], 0xf0, 0]);
        }
        table
    }

    /// When the second begins that this packet is in, and which picture of it this is.
    fn ticks(&self, number: u64) -> u64 {
        let frame = (number % PACKETS_PER_S).saturating_sub(TABLES) / FRAME_PACKETS;
        (self.clock + number / PACKETS_PER_S * CLOCK_HZ + frame * CLOCK_HZ / FRAMES) % CLOCK_WRAPS
    }

    fn picture(&self, raw: &mut Raw, number: u64) {
        let ticks = self.ticks(number);
        raw[3] |= 0x20;
        raw[4..6].copy_from_slice(&[7, 0x10]);
        let field = (ticks << 15 | 0x3f << 9).to_be_bytes();
        raw[6..12].copy_from_slice(&field[2..]);
        envelope(&mut raw[12..], 0xe0, 0, ticks + CLOCK_HZ / 2);
        let second = number / PACKETS_PER_S;
        let whole = second.is_multiple_of(KEYFRAME_SECONDS) && number % PACKETS_PER_S == TABLES;
        let kind = if whole { 0x65 } else { 0x41 };
        raw[26..38].copy_from_slice(&[0, 0, 0, 1, 9, 0xf0, 0, 0, 0, 1, kind, 0xff]);
    }

    fn sound(&self, raw: &mut Raw, number: u64) {
        let length = AUDIO_PACKETS * (PACKET as u64 - 4) - 6;
        envelope(&mut raw[4..], 0xc0, length as u16, self.ticks(number) + CLOCK_HZ / 2);
    }
}

/// What a packet says of itself, unless it is a table or none of ours.
pub fn label(raw: &[u8]) -> Option<Label> {
    let (said, sealed) = raw.get(PACKET - TRAILER..)?.split_at_checked(16)?;
    let (mark, rest) = said.split_first_chunk::<4>()?;
    let (broadcast, rest) = rest.split_first_chunk()?;
    let role = [Role::Video, Role::Audio, Role::Data].into_iter().find(|role| *role as u8 == rest[0])?;
    let number = u64::from_be_bytes(*rest.last_chunk()?);
    let whole = *mark == MARK && sealed == seal(said);
    whole.then(|| Label { broadcast: u16::from_be_bytes(*broadcast), role, number })
}

/// Garbage may begin anywhere, also within what a packet says of itself.
fn seal(said: &[u8]) -> [u8; 4] {
    let hash =
        said.iter().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    hash.to_be_bytes()
}

/// The number of the packet that comes after this one in its part of the stream.
pub fn following(number: u64) -> u64 {
    let role = place(number).0;
    let mut next = number + 1;
    while place(next).0 != role {
        next += 1;
    }
    next
}

/// How many packets of its part of the stream came before this one.
pub fn turn(number: u64) -> u64 {
    place(number).1
}

/// What a packet belongs to, how many of these came before, and whether it is the first of its picture or sound.
fn place(number: u64) -> (Role, u64, bool) {
    let (second, place) = (number / PACKETS_PER_S, number % PACKETS_PER_S);
    let Some(place) = place.checked_sub(TABLES) else {
        return (if place == 0 { Role::Pat } else { Role::Pmt }, second, true);
    };
    let (frame, place) = (second * FRAMES + place / FRAME_PACKETS, place % FRAME_PACKETS);
    if place < VIDEO_PACKETS {
        (Role::Video, frame * VIDEO_PACKETS + place, place == 0)
    } else if place < VIDEO_PACKETS + AUDIO_PACKETS {
        let place = place - VIDEO_PACKETS;
        (Role::Audio, frame * AUDIO_PACKETS + place, place == 0)
    } else {
        (Role::Data, frame, false)
    }
}

fn section(raw: &mut Raw, table: &[u8]) {
    raw[4] = 0;
    raw[5..5 + table.len()].copy_from_slice(table);
    raw[5 + table.len()..9 + table.len()].copy_from_slice(&checksum(table).to_be_bytes());
}

fn envelope(to: &mut [u8], stream: u8, length: u16, ticks: u64) {
    let ticks = ticks % CLOCK_WRAPS;
    let [high, low] = length.to_be_bytes();
    to[..14].copy_from_slice(&[
        0,
        0,
        1,
        stream,
        high,
        low,
        0x84,
        0x80,
        5,
        0x21 | (ticks >> 29) as u8 & 0x0e,
        (ticks >> 22) as u8,
        (ticks >> 14) as u8 | 1,
        (ticks >> 7) as u8,
        (ticks << 1) as u8 | 1,
    ]);
}
