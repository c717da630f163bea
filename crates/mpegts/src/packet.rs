//! One packet of a transport stream, looked at where it lies, and the few changes that are ever made to one.
//!
//! Nothing here keeps anything between two packets.

use core::fmt;

/// The length of a packet in bytes.
pub const PACKET: usize = 188;
/// What every packet begins with.
pub const SYNC: u8 = 0x47;
/// Ticks of the clock in [`Adaptation::pcr`] in a second.
pub const PCR_HZ: u64 = 27_000_000;

/// A packet's bytes.
pub type Raw = [u8; PACKET];

const HEADER: usize = 4;
const BROKEN: u8 = 0x80;
const BEGINS: u8 = 0x40;
const SCRAMBLED: u8 = 0xc0;
const HAS_ADAPTATION: u8 = 0x20;
const HAS_PAYLOAD: u8 = 0x10;
const DISCONTINUITY: u8 = 0x80;
const RANDOM_ACCESS: u8 = 0x40;
const HAS_PCR: u8 = 0x10;
const FLAGS_AT: usize = HEADER + 1;

/// Which part of the stream a packet belongs to.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Pid(u16);

impl Pid {
    /// The table of programmes.
    pub const PAT: Self = Self(0);
    /// Filling that means nothing.
    pub const NULL: Self = Self(0x1fff);

    /// The identifier with this number, of which thirteen bits count.
    pub const fn new(number: u16) -> Self {
        Self(number & 0x1fff)
    }

    /// Its number.
    pub const fn number(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:04x}", self.0)
    }
}

/// A packet, where it lies.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a>(&'a Raw);

impl<'a> Packet<'a> {
    /// The packet that these bytes begin with, if they are long enough and begin as a packet does.
    pub fn new(bytes: &'a [u8]) -> Option<Self> {
        let (raw, _) = bytes.split_first_chunk()?;
        (raw[0] == SYNC).then_some(Self(raw))
    }

    /// The packet as it is.
    pub fn raw(self) -> &'a Raw {
        self.0
    }

    /// Which part of the stream it belongs to.
    pub fn pid(self) -> Pid {
        Pid::new(u16::from_be_bytes([self.0[1], self.0[2]]))
    }

    /// Whether the receiver before us found errors in it.
    pub fn broken(self) -> bool {
        self.0[1] & BROKEN != 0
    }

    /// Whether a section or an elementary packet (PES) begins in it.
    pub fn begins(self) -> bool {
        self.0[1] & BEGINS != 0
    }

    /// Whether its payload cannot be read without a key.
    pub fn scrambled(self) -> bool {
        self.0[3] & SCRAMBLED != 0
    }

    /// The continuity counter.
    pub fn continuity(self) -> u8 {
        self.0[3] & 15
    }

    /// Whether it says that it carries a payload; only such packets move the counter on.
    pub fn has_payload(self) -> bool {
        self.0[3] & HAS_PAYLOAD != 0
    }

    /// The adaptation field, if there is one with anything in it.
    pub fn adaptation(self) -> Option<Adaptation<'a>> {
        if self.0[3] & HAS_ADAPTATION == 0 {
            return None;
        }
        let length = usize::from(self.0[HEADER]);
        let field = self.0.get(FLAGS_AT..FLAGS_AT + length)?;
        (!field.is_empty()).then_some(Adaptation(field))
    }

    /// What it carries; empty if it carries nothing, or says that it is longer than a packet.
    pub fn payload(self) -> &'a [u8] {
        if !self.has_payload() {
            return &[];
        }
        let adaptation = if self.0[3] & HAS_ADAPTATION == 0 { 0 } else { 1 + usize::from(self.0[HEADER]) };
        self.0.get(HEADER + adaptation..).unwrap_or_default()
    }

    /// The clock that it carries, in ticks of [`PCR_HZ`].
    pub fn pcr(self) -> Option<u64> {
        self.adaptation().and_then(Adaptation::pcr)
    }

    /// Whether it says that a discontinuity is meant.
    pub fn discontinuity(self) -> bool {
        self.adaptation().is_some_and(Adaptation::discontinuity)
    }
}

/// What a packet says beside its payload: the field from its flags on, never empty.
#[derive(Clone, Copy, Debug)]
pub struct Adaptation<'a>(&'a [u8]);

impl Adaptation<'_> {
    /// A break in counters or clocks is meant.
    pub fn discontinuity(self) -> bool {
        self.0[0] & DISCONTINUITY != 0
    }

    /// A decoder can begin here.
    pub fn random_access(self) -> bool {
        self.0[0] & RANDOM_ACCESS != 0
    }

    /// The clock, in ticks of [`PCR_HZ`].
    pub fn pcr(self) -> Option<u64> {
        let [a, b, c, d, e, f] = *self.0.get(1..7)?.first_chunk()?;
        let base = u64::from(u32::from_be_bytes([a, b, c, d])) << 1 | u64::from(e >> 7);
        let fine = u64::from(e & 1) << 8 | u64::from(f);
        (self.0[0] & HAS_PCR != 0).then_some(base * (PCR_HZ / 90_000) + fine)
    }
}

/// Gives the packet to another part of the stream.
pub fn set_pid(raw: &mut Raw, pid: Pid) {
    let [high, low] = pid.number().to_be_bytes();
    raw[1] = raw[1] & 0xe0 | high;
    raw[2] = low;
}

/// Sets the continuity counter, of which four bits count.
pub fn set_continuity(raw: &mut Raw, continuity: u8) {
    raw[3] = raw[3] & 0xf0 | continuity & 15;
}

/// Marks a discontinuity in the packet, if it has room to say so.
pub fn mark(raw: &mut Raw) -> bool {
    let room = Packet(raw).adaptation().is_some();
    if room {
        raw[FLAGS_AT] |= DISCONTINUITY;
    }
    room
}

/// A packet without payload that marks a discontinuity of a part of the stream. It does not move the counter on.
pub fn marker(pid: Pid, continuity: u8) -> Raw {
    let mut raw = [0xff; PACKET];
    let [high, low] = pid.number().to_be_bytes();
    raw[..6].copy_from_slice(&[
        SYNC,
        high,
        low,
        HAS_ADAPTATION | continuity & 15,
        (PACKET - FLAGS_AT) as u8,
        DISCONTINUITY,
    ]);
    raw
}

/// A packet that means nothing, and which every player reads and forgets.
pub const NULL_PACKET: Raw = {
    let mut raw = [0xff; PACKET];
    raw[0] = SYNC;
    raw[1] = 0x1f;
    raw[3] = HAS_PAYLOAD;
    raw
};

/// Packets in [`KEEPALIVE`]: as many as fit into a datagram, which is also what players read at once.
const KEEPALIVE_PACKETS: usize = 7;

/// What is sent to who waits, so that he neither leaves nor thinks that nobody is there.
pub static KEEPALIVE: [u8; KEEPALIVE_PACKETS * PACKET] = {
    let mut bytes = [0; KEEPALIVE_PACKETS * PACKET];
    let mut at = 0;
    while at < bytes.len() {
        bytes[at] = NULL_PACKET[at % PACKET];
        at += 1;
    }
    bytes
};
