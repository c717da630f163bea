//! Tells whether a decoder can begin with a picture, by looking at how its data begin.
//!
//! Nothing is decoded. The search goes from packet to packet and ends at the first slice of the picture, or after
//! a bound.

use crate::packet::Packet;
use crate::pes::Head;
use crate::tables::Codec;

/// Packets of one picture that are looked into: what tells comes before its data.
const PACKETS_MAX: u32 = 32;

/// What is known of a picture.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    /// More of it has to be seen.
    Open,
    /// A decoder can begin with it.
    Key,
    /// It cannot.
    Other,
}

/// The search in one picture.
#[derive(Clone, Debug)]
pub(crate) struct Search {
    codec: Codec,
    /// The last bytes, the newest lowest.
    window: u32,
    /// What the next byte is.
    next: Next,
    packets: u32,
}

#[derive(Clone, Copy, Debug)]
enum Next {
    Data,
    /// The kind of the first message that comes with an H.264 picture.
    Message,
    /// The second byte of the head of an MPEG-2 picture, after the first.
    Picture,
    PictureKind,
}

impl Search {
    pub(crate) fn new(codec: Codec) -> Self {
        Self { codec, window: u32::MAX, next: Next::Data, packets: 0 }
    }

    /// Looks into the next packet of the picture; the first one is that in which it begins.
    pub(crate) fn look(&mut self, packet: Packet<'_>) -> Verdict {
        self.packets += 1;
        if packet.adaptation().is_some_and(|field| self.packets == 1 && field.random_access()) {
            return Verdict::Key;
        }
        match self.codec {
            Codec::Audio | Codec::Other => return Verdict::Key,
            Codec::Video => return Verdict::Other,
            Codec::Mpeg2 | Codec::H264 | Codec::Hevc => {}
        }
        if packet.scrambled() {
            return Verdict::Other;
        }
        let payload = packet.payload();
        let from = if self.packets == 1 { Head::read(payload).map_or(0, |head| head.data_at) } else { 0 };
        for byte in payload.get(from..).unwrap_or_default() {
            let verdict = self.byte(*byte);
            if verdict != Verdict::Open {
                return verdict;
            }
        }
        if self.packets < PACKETS_MAX { Verdict::Open } else { Verdict::Other }
    }

    fn byte(&mut self, byte: u8) -> Verdict {
        let begins = self.window & 0x00ff_ffff == 1;
        self.window = self.window << 8 | u32::from(byte);
        match self.next {
            Next::Data if begins => self.unit(byte),
            Next::Data => Verdict::Open,
            Next::Message => {
                self.next = Next::Data;
                // The message that decoding can be taken up at this picture.
                if byte == 6 { Verdict::Key } else { Verdict::Open }
            }
            Next::Picture => {
                self.next = Next::PictureKind;
                Verdict::Open
            }
            Next::PictureKind => {
                if byte >> 3 & 7 == 1 {
                    Verdict::Key
                } else {
                    Verdict::Other
                }
            }
        }
    }

    /// A unit begins with this byte.
    fn unit(&mut self, byte: u8) -> Verdict {
        match self.codec {
            Codec::H264 => match byte & 0x1f {
                // A picture that needs no other, or the parameters that come with one.
                5 | 7 => Verdict::Key,
                1..=4 => Verdict::Other,
                6 => {
                    self.next = Next::Message;
                    Verdict::Open
                }
                _ => Verdict::Open,
            },
            Codec::Hevc => match byte >> 1 & 0x3f {
                16..=21 | 32 | 33 => Verdict::Key,
                0..=9 => Verdict::Other,
                _ => Verdict::Open,
            },
            Codec::Mpeg2 => match byte {
                // The head of a sequence or of a group.
                0xb3 | 0xb8 => Verdict::Key,
                0x00 => {
                    self.next = Next::Picture;
                    Verdict::Open
                }
                0x01..=0xaf => Verdict::Other,
                _ => Verdict::Open,
            },
            Codec::Video | Codec::Audio | Codec::Other => Verdict::Other,
        }
    }
}
