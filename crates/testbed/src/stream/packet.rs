//! Single packets of MPEG-TS: tables, video in its envelope, and the padding that counts.
//!
//! Each packet is made from its number alone: continuity counters and clocks follow from where it stands.

/// The length of a packet.
pub const PACKET: usize = 188;
/// The identifier of the program's table.
pub const PMT_PID: u16 = 0x1000;
/// The identifier of the video.
pub const VIDEO_PID: u16 = 0x100;
/// The identifier of the padding that counts.
pub const COUNT_PID: u16 = 0x1f0;

/// What a counting packet begins with, behind its header.
pub(crate) const COUNT_MARK: [u8; 4] = *b"ACFT";

const HEADER: usize = 4;
const CLOCK_HZ: u64 = 90_000;
/// The finer clock, by which a receiver keeps time.
pub(super) const FINE_HZ: u64 = 27_000_000;
/// Fine ticks in one of the others.
const FINE: u64 = FINE_HZ / CLOCK_HZ;
const CLOCK_WRAPS: u64 = 1 << 33;
/// How long before it is shown a picture is sent; a second's pictures must fit.
const AHEAD: u64 = CLOCK_HZ * 7 / 10;
/// From the beginning of a packet: where a first packet of a picture has its clock, and its time to be shown.
const PCR_AT: usize = HEADER + 2;
const PTS_AT: usize = HEADER + 8 + 9;

fn header(pid: u16, begins: bool, control: u8, continuity: u64) -> [u8; HEADER] {
    let [high, low] = pid.to_be_bytes();
    [0x47, high | if begins { 0x40 } else { 0 }, low, control << 4 | (continuity & 15) as u8]
}

fn section(pid: u16, continuity: u64, table: &[u8]) -> [u8; PACKET] {
    let mut packet = [0xff; PACKET];
    packet[..HEADER].copy_from_slice(&header(pid, true, 0b01, continuity));
    packet[HEADER] = 0;
    let at = HEADER + 1;
    packet[at..at + table.len()].copy_from_slice(table);
    packet[at + table.len()..at + table.len() + 4].copy_from_slice(&crc(table).to_be_bytes());
    packet
}

/// The table of programs.
pub(super) fn programs(continuity: u64) -> [u8; PACKET] {
    let [high, low] = PMT_PID.to_be_bytes();
    section(0, continuity, &[0, 0xb0, 13, 0, 1, 0xc1, 0, 0, 0, 1, 0xe0 | high, low])
}

/// The table of the one program: video, and a private kind of data, which players leave alone.
pub(super) fn program(continuity: u64) -> [u8; PACKET] {
    let [video_high, video_low] = VIDEO_PID.to_be_bytes();
    let [count_high, count_low] = COUNT_PID.to_be_bytes();
    let table = [
        [2, 0xb0, 23, 0, 1, 0xc1, 0, 0].as_slice(),
        &[0xe0 | video_high, video_low, 0xf0, 0],
        &[0x1b, 0xe0 | video_high, video_low, 0xf0, 0],
        &[0xf0, 0xe0 | count_high, count_low, 0xf0, 0],
    ];
    section(PMT_PID, continuity, &table.concat())
}

/// A packet of padding with its number.
pub(super) fn count(channel: u64, number: u64) -> [u8; PACKET] {
    let mut packet = [(number >> 3) as u8 | 1; PACKET];
    packet[..HEADER].copy_from_slice(&header(COUNT_PID, false, 0b01, number));
    packet[4..8].copy_from_slice(&COUNT_MARK);
    packet[8..16].copy_from_slice(&channel.to_be_bytes());
    packet[16..24].copy_from_slice(&number.to_be_bytes());
    packet
}

/// Channel and number of a packet of padding.
pub(crate) fn counted(packet: &[u8]) -> Option<(u64, u64)> {
    let field = |at: usize| packet.get(at..at + 8)?.try_into().ok().map(u64::from_be_bytes);
    (packet.get(4..8)? == COUNT_MARK).then(|| Some((field(8)?, field(16)?)))?
}

/// The video of one second, in packets that lack only counters and clocks.
#[derive(Debug)]
pub(super) struct Template {
    packets: Vec<[u8; PACKET]>,
    /// Where each picture begins, and at last how many packets there are.
    frames: Vec<u16>,
}

impl Template {
    pub(super) fn new(pictures: &[Vec<u8>]) -> Self {
        let mut packets = Vec::new();
        let mut frames = vec![0];
        for (number, picture) in pictures.iter().enumerate() {
            wrap(picture, number == 0, &mut packets);
            frames.push(packets.len() as u16);
        }
        Self { packets, frames }
    }

    /// The packets of one picture.
    pub(super) fn frame(&self, number: u32) -> std::ops::Range<u16> {
        self.frames[number as usize]..self.frames[number as usize + 1]
    }

    /// A packet of a second, which is sent so many fine ticks after the second began.
    pub(super) fn packet(&self, second: u64, index: u16, sent: u64) -> [u8; PACKET] {
        let mut packet = self.packets[usize::from(index)];
        let number = second * self.packets.len() as u64 + u64::from(index);
        packet[3] |= (number & 15) as u8;
        if let Ok(frame) = self.frames.binary_search(&index) {
            let begun = second % CLOCK_WRAPS * CLOCK_HZ;
            let shown = begun + frame as u64 * CLOCK_HZ / u64::from(super::FRAMES) + AHEAD;
            packet[PCR_AT..PCR_AT + 6]
                .copy_from_slice(&pcr((begun + sent / FINE) % CLOCK_WRAPS, sent % FINE));
            packet[PTS_AT..PTS_AT + 5].copy_from_slice(&pts(shown % CLOCK_WRAPS));
        }
        packet
    }
}

/// Puts a picture into packets; the first has room for the clock, the last is filled up.
fn wrap(picture: &[u8], full: bool, packets: &mut Vec<[u8; PACKET]>) {
    // Length 0: a picture may be longer than the field can say, and video need not tell.
    let mut payload = vec![0, 0, 1, 0xe0, 0, 0, 0x84, 0x80, 5, 0, 0, 0, 0, 0];
    payload.extend_from_slice(picture);
    let mut rest = payload.as_slice();
    let mut begins = true;
    while !rest.is_empty() {
        let mut adaptation =
            if begins { vec![if full { 0x50 } else { 0x10 }, 0, 0, 0, 0, 0, 0] } else { Vec::new() };
        let mut room = PACKET - HEADER - if begins { 8 } else { 0 };
        let mut adapted = begins;
        if rest.len() < room {
            // One byte of filling is the length alone, two are length and flags.
            let mut filling = room - rest.len();
            room = rest.len();
            if !adapted {
                filling -= 1;
                adapted = true;
                if filling > 0 {
                    adaptation.push(0);
                    filling -= 1;
                }
            }
            adaptation.extend(std::iter::repeat_n(0xff, filling));
        }
        let mut packet = [0; PACKET];
        packet[..HEADER].copy_from_slice(&header(VIDEO_PID, begins, if adapted { 0b11 } else { 0b01 }, 0));
        let mut at = HEADER;
        if adapted {
            packet[at] = adaptation.len() as u8;
            packet[at + 1..at + 1 + adaptation.len()].copy_from_slice(&adaptation);
            at += 1 + adaptation.len();
        }
        packet[at..].copy_from_slice(&rest[..room]);
        packets.push(packet);
        rest = &rest[room..];
        begins = false;
    }
}

fn pcr(clock: u64, fine: u64) -> [u8; 6] {
    let field = clock << 15 | 0x3f << 9 | fine;
    let bytes = field.to_be_bytes();
    [bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7]]
}

fn pts(clock: u64) -> [u8; 5] {
    [
        0x21 | (clock >> 29) as u8 & 0x0e,
        (clock >> 22) as u8,
        (clock >> 14) as u8 | 1,
        (clock >> 7) as u8,
        (clock << 1) as u8 | 1,
    ]
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte) << 24;
        for _ in 0..8 {
            crc = if crc >> 31 == 1 { crc << 1 ^ 0x04c1_1db7 } else { crc << 1 };
        }
    }
    crc
}
