//! What a stream says of itself: the table of programmes (PAT), and of the first programme the table of its
//! streams (PMT).
//!
//! Tables are read, kept and written here; what is done about a change is decided elsewhere.

use alloc::vec::Vec;

use crate::packet::{Packet, Pid, Raw};
use crate::section::{self, Sections};

const PAT_ID: u8 = 0;
const PMT_ID: u8 = 2;
/// Bits of a section's version.
const VERSIONS: u8 = 32;

/// The table of programmes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pat {
    /// The number of the transport stream.
    pub stream: u16,
    /// Counts changes.
    pub version: u8,
    /// Each programme's number, and where its table is.
    pub programmes: Vec<(u16, Pid)>,
}

impl Pat {
    /// Reads a section, whose checksum has been looked at.
    pub fn read(section: &[u8]) -> Option<Self> {
        let body = body(section, PAT_ID)?;
        let programmes = body.data.chunks_exact(4).map(|entry| (number(entry), pid(&entry[2..])));
        // Programme 0 is where the network is described.
        let programmes = programmes.filter(|(number, _)| *number != 0).collect();
        Some(Self { stream: body.extension, version: body.version, programmes })
    }

    /// Writes it as a section.
    pub fn write(&self) -> Vec<u8> {
        let mut section = head(PAT_ID, self.stream, self.version);
        for (number, pid) in &self.programmes {
            section.extend_from_slice(&number.to_be_bytes());
            section.extend_from_slice(&(pid.number() | 0xe000).to_be_bytes());
        }
        section::seal(section)
    }
}

/// The table of a programme.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pmt {
    /// The programme's number.
    pub programme: u16,
    /// Counts changes.
    pub version: u8,
    /// Where the clock is.
    pub clock: Pid,
    /// Descriptors of the programme, as they are.
    pub info: Vec<u8>,
    /// Its streams, in their order.
    pub streams: Vec<Stream>,
}

impl Pmt {
    /// Reads a section, whose checksum has been looked at.
    pub fn read(section: &[u8]) -> Option<Self> {
        let body = body(section, PMT_ID)?;
        let clock = pid(body.data.get(..2)?);
        let (info, mut rest) = described(body.data.get(2..)?)?;
        let mut streams = Vec::new();
        while let Some((kind, after)) = rest.split_first() {
            let (info, next) = described(after.get(2..)?)?;
            streams.push(Stream { kind: *kind, pid: pid(after), info: info.into() });
            rest = next;
        }
        Some(Self { programme: body.extension, version: body.version, clock, info: info.into(), streams })
    }

    /// Writes it as a section.
    pub fn write(&self) -> Vec<u8> {
        let mut section = head(PMT_ID, self.programme, self.version);
        section.extend_from_slice(&(self.clock.number() | 0xe000).to_be_bytes());
        describe(&mut section, &self.info);
        for stream in &self.streams {
            section.push(stream.kind);
            section.extend_from_slice(&(stream.pid.number() | 0xe000).to_be_bytes());
            describe(&mut section, &stream.info);
        }
        section::seal(section)
    }

    /// The stream by which a place in the programme is named: the first video, else the first sound.
    pub fn main(&self) -> Option<&Stream> {
        let find = |wanted: fn(Codec) -> bool| self.streams.iter().find(|stream| wanted(stream.codec()));
        find(Codec::is_video).or_else(|| find(|codec| codec == Codec::Audio)).or(self.streams.first())
    }
}

/// One stream of a programme.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Stream {
    /// What it is, as a number.
    pub kind: u8,
    /// Where it is.
    pub pid: Pid,
    /// Its descriptors, as they are.
    pub info: Vec<u8>,
}

/// What a stream is, as far as it matters where a decoder can begin.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Codec {
    /// MPEG-1 and MPEG-2 video.
    Mpeg2,
    /// H.264.
    H264,
    /// H.265.
    Hevc,
    /// Video of another kind.
    Video,
    /// Sound: a decoder can begin anywhere.
    Audio,
    /// Subtitles, data, and what is not known.
    Other,
}

impl Codec {
    /// Whether pictures are in it.
    pub fn is_video(self) -> bool {
        match self {
            Self::Mpeg2 | Self::H264 | Self::Hevc | Self::Video => true,
            Self::Audio | Self::Other => false,
        }
    }
}

impl Stream {
    /// What it is.
    pub fn codec(&self) -> Codec {
        match self.kind {
            0x01 | 0x02 => Codec::Mpeg2,
            0x1b => Codec::H264,
            0x24 => Codec::Hevc,
            // MPEG-4 part 2, JPEG 2000, H.266, AVS, AVS2, AVS3, Dirac, VC-1.
            0x10 | 0x21 | 0x33 | 0x42 | 0xd2 | 0xd4 | 0xd1 | 0xea => Codec::Video,
            // MPEG, AAC in its envelopes, AC-3, DTS and their kin.
            0x03 | 0x04 | 0x0f | 0x11 | 0x1c | 0x2d | 0x2e | 0x80..=0x87 | 0xa1 | 0xa2 => Codec::Audio,
            // Private data is what its descriptors say.
            0x06 => self.described_codec(),
            _ => Codec::Other,
        }
    }

    fn described_codec(&self) -> Codec {
        let mut rest = self.info.as_slice();
        while let [tag, length, after @ ..] = rest {
            let (data, next) = after.split_at_checked(usize::from(*length)).unwrap_or((after, &[]));
            match (*tag, data) {
                (0x05, [b'H', b'E', b'V', b'C', ..]) => return Codec::Hevc,
                (0x05, [b'A', b'C', b'-', b'3' | b'4', ..] | [b'O', b'p', b'u', b's', ..]) => {
                    return Codec::Audio;
                }
                // AC-3, enhanced AC-3, DTS, AAC.
                (0x6a | 0x7a | 0x7b | 0x7c, _) => return Codec::Audio,
                _ => rest = next,
            }
        }
        Codec::Other
    }
}

/// What a packet changed of what is known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Change {
    /// Nothing.
    None,
    /// The tables are complete, and other than before.
    Tables,
}

/// The tables of a stream as they are now.
#[derive(Clone, Debug, Default)]
pub struct Tables {
    pat_sections: Sections,
    pmt_sections: Sections,
    pat: Option<Pat>,
    pmt: Option<Pmt>,
}

impl Tables {
    /// Reads on.
    pub fn feed(&mut self, packet: Packet<'_>) -> Change {
        let mut change = Change::None;
        if packet.pid() == Pid::PAT {
            let pat = &mut self.pat;
            let table_before = pat.as_ref().and_then(table_pid);
            self.pat_sections.feed(packet, |section| {
                if let Some(read) = Pat::read(section)
                    && pat.as_ref() != Some(&read)
                {
                    *pat = Some(read);
                    change = Change::Tables;
                }
            });
            if change == Change::Tables && self.table() != table_before {
                self.pmt_sections = Sections::default();
                self.pmt = None;
            }
        } else if Some(packet.pid()) == self.table() {
            let (pmt, programme) =
                (&mut self.pmt, self.pat.as_ref().and_then(first).map(|(number, _)| number));
            self.pmt_sections.feed(packet, |section| {
                if let Some(read) = Pmt::read(section)
                    && Some(read.programme) == programme
                    && pmt.as_ref() != Some(&read)
                {
                    *pmt = Some(read);
                    change = Change::Tables;
                }
            });
        }
        if self.pmt.is_some() { change } else { Change::None }
    }

    /// Both tables, once both are known.
    pub fn both(&self) -> Option<(&Pat, &Pmt)> {
        self.pat.as_ref().zip(self.pmt.as_ref())
    }

    /// Where the table of the first programme is.
    pub fn table(&self) -> Option<Pid> {
        self.pat.as_ref().and_then(table_pid)
    }
}

/// The packets that carry both tables, the table of programmes first, with counters yet to be set.
pub(crate) fn packets(pat: &Pat, pmt: &Pmt) -> Vec<Raw> {
    let table = table_pid(pat).unwrap_or(Pid::NULL);
    section::packets(&pat.write(), Pid::PAT).chain(section::packets(&pmt.write(), table)).collect()
}

/// The version after this one.
pub(crate) fn next_version(version: u8) -> u8 {
    (version + 1) % VERSIONS
}

pub(crate) fn first(pat: &Pat) -> Option<(u16, Pid)> {
    pat.programmes.first().copied()
}

pub(crate) fn table_pid(pat: &Pat) -> Option<Pid> {
    first(pat).map(|(_, pid)| pid)
}

/// A section's content between its head and its checksum.
struct Body<'a> {
    extension: u16,
    version: u8,
    data: &'a [u8],
}

/// What a section holds, if it is one of these, valid now, and the first of its table: more than one section is
/// needed by tables of hundreds of programmes, of which the first one counts.
fn body(section: &[u8], id: u8) -> Option<Body<'_>> {
    let end = section.len().checked_sub(4)?;
    let (head, data) = section.get(..end)?.split_at_checked(8)?;
    let (valid_now, number) = (head[5] & 1 == 1, head[6]);
    let body = Body { extension: number_at(head, 3), version: head[5] >> 1 & (VERSIONS - 1), data };
    (head[0] == id && valid_now && number == 0).then_some(body)
}

fn head(id: u8, extension: u16, version: u8) -> Vec<u8> {
    let [high, low] = extension.to_be_bytes();
    Vec::from([id, 0, 0, high, low, 0xc1 | (version % VERSIONS) << 1, 0, 0])
}

fn number(bytes: &[u8]) -> u16 {
    number_at(bytes, 0)
}

fn number_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

fn pid(bytes: &[u8]) -> Pid {
    bytes.first_chunk().map_or(Pid::NULL, |pair| Pid::new(u16::from_be_bytes(*pair)))
}

/// Descriptors with their length before them, and what follows.
fn described(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, after) = bytes.split_first_chunk()?;
    after.split_at_checked(usize::from(u16::from_be_bytes(*length) & 0x0fff))
}

fn describe(section: &mut Vec<u8>, info: &[u8]) {
    section.extend_from_slice(&(info.len() as u16 | 0xf000).to_be_bytes());
    section.extend_from_slice(info);
}
