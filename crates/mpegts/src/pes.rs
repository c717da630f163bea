//! The head of an elementary packet: what is shown when.
//!
//! Times are ticks of a clock of 33 bits that runs over once in 26 hours; only differences mean anything.

/// Ticks of the clock in a second.
pub const CLOCK_HZ: u64 = 90_000;
const CLOCK_BITS: u32 = 33;

/// A time of the clock.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ticks(u64);

impl Ticks {
    /// The time with this number, of which 33 bits count.
    pub const fn new(ticks: u64) -> Self {
        Self(ticks & ((1 << CLOCK_BITS) - 1))
    }

    /// Its number.
    pub const fn number(self) -> u64 {
        self.0
    }

    /// How far this is after another time; negative if it is before. Half of the clock's range is meant at most.
    pub const fn since(self, other: Self) -> i64 {
        let unused = u64::BITS - CLOCK_BITS;
        ((self.0.wrapping_sub(other.0) << unused) as i64) >> unused
    }
}

/// The head of an elementary packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Head {
    /// When it is shown.
    pub shown: Option<Ticks>,
    /// When it is decoded: the same, unless pictures are sent in another order than shown.
    pub decoded: Option<Ticks>,
    /// Where its data begin in the packet's payload, as far as that can be told.
    pub data_at: usize,
}

impl Head {
    /// Reads what the payload of a packet begins with.
    pub fn read(payload: &[u8]) -> Option<Self> {
        let [0, 0, 1, stream, _, _, marks, flags, length] = *payload.first_chunk()? else { return None };
        if !has_extension(stream) || marks & 0xc0 != 0x80 {
            return Some(Self { shown: None, decoded: None, data_at: 6 });
        }
        let field = |at: usize| payload.get(at..at + 5).and_then(ticks);
        let shown = if flags & 0x80 == 0 { None } else { field(9) };
        let decoded = if flags & 0xc0 == 0xc0 { field(14) } else { shown };
        Some(Self { shown, decoded, data_at: 9 + usize::from(length) })
    }
}

/// Tables, padding and streams of other kinds have no times.
fn has_extension(stream: u8) -> bool {
    !matches!(stream, 0xbc | 0xbe | 0xbf | 0xf0 | 0xf1 | 0xf2 | 0xf8 | 0xff)
}

fn ticks(field: &[u8]) -> Option<Ticks> {
    let [a, b, c, d, e] = *field.first_chunk::<5>()?;
    let marked = a & c & e & 1 == 1;
    let high = u64::from(a >> 1 & 7) << 30;
    let middle = u64::from(u16::from_be_bytes([b, c]) >> 1) << 15;
    let low = u64::from(u16::from_be_bytes([d, e]) >> 1);
    marked.then_some(Ticks::new(high | middle | low))
}
