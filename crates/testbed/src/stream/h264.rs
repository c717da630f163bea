//! The smallest H.264 that any decoder takes: uncompressed pictures, written bit by bit.
//!
//! A second of video is one picture in full (an IDR of I_PCM macroblocks), and 24 that repeat it but for one
//! block that wanders. There is nothing to compress, so there is nothing to get wrong.

/// Width in pixels.
pub const WIDTH: u32 = 64;
/// Height in pixels.
pub const HEIGHT: u32 = 64;
/// Pictures a second; also pictures in a group.
pub const FRAMES: u32 = 25;

const COLUMNS: u32 = WIDTH / 16;
const BLOCKS: u32 = COLUMNS * (HEIGHT / 16);

/// Bits, most significant first.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    free: u32,
}

impl Bits {
    fn bit(&mut self, bit: u32) {
        if self.free == 0 {
            self.bytes.push(0);
            self.free = 8;
        }
        self.free -= 1;
        if let Some(last) = self.bytes.last_mut() {
            *last |= ((bit & 1) as u8) << self.free;
        }
    }

    /// A number of fixed width.
    fn u(&mut self, width: u32, value: u32) {
        for shift in (0..width).rev() {
            self.bit(value >> shift);
        }
    }

    /// An Exp-Golomb number.
    fn ue(&mut self, value: u32) {
        let width = (value + 1).ilog2();
        self.u(width, 0);
        self.u(width + 1, value + 1);
    }

    fn align(&mut self) {
        self.free = 0;
    }

    fn end(mut self) -> Vec<u8> {
        self.bit(1);
        self.bytes
    }
}

/// Puts a unit behind its start code, and breaks up what would look like one.
fn unit(out: &mut Vec<u8>, head: u8, payload: &[u8]) {
    out.extend_from_slice(&[0, 0, 0, 1, head]);
    let mut zeros = 0;
    for &byte in payload {
        if zeros >= 2 && byte <= 3 {
            out.push(3);
            zeros = 0;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        out.push(byte);
    }
}

fn sequence() -> Vec<u8> {
    let mut bits = Bits::default();
    // Constrained baseline, level 3.
    bits.u(8, 66);
    bits.u(8, 0b1100_0000);
    bits.u(8, 30);
    bits.ue(0);
    // Frame numbers of eight bits; pictures are shown in the order in which they come.
    bits.ue(4);
    bits.ue(2);
    bits.ue(1);
    bits.bit(0);
    bits.ue(COLUMNS - 1);
    bits.ue(HEIGHT / 16 - 1);
    // Frames only, 8x8 inference, no cropping.
    bits.u(3, 0b110);
    // Usability: only how long a picture lasts, and that none is shown out of order.
    bits.bit(1);
    bits.u(4, 0);
    bits.bit(1);
    bits.u(32, 1);
    bits.u(32, 2 * FRAMES);
    bits.bit(1);
    bits.u(3, 0);
    bits.u(2, 0b11);
    bits.ue(0);
    bits.ue(0);
    bits.ue(16);
    bits.ue(16);
    bits.ue(0);
    bits.ue(1);
    bits.end()
}

fn parameters() -> Vec<u8> {
    let mut bits = Bits::default();
    bits.ue(0);
    bits.ue(0);
    bits.u(2, 0);
    bits.ue(0);
    bits.ue(0);
    bits.ue(0);
    bits.u(3, 0);
    // Quantisers: nothing is quantised.
    bits.ue(0);
    bits.ue(0);
    bits.ue(0);
    // Each slice says how it is deblocked, namely not at all.
    bits.u(3, 0b100);
    bits.end()
}

fn block(bits: &mut Bits, luma: u8, colour: (u8, u8)) {
    bits.align();
    bits.bytes.extend_from_slice(&[luma; 256]);
    bits.bytes.extend_from_slice(&[colour.0; 64]);
    bits.bytes.extend_from_slice(&[colour.1; 64]);
}

/// The pictures of one second, each a complete access unit. Seconds that follow each other must differ in
/// `odd`.
pub(super) fn group(colour: (u8, u8), odd: bool) -> Vec<Vec<u8>> {
    (0..FRAMES).map(|number| if number == 0 { full(colour, odd) } else { repeat(colour, number) }).collect()
}

fn delimiter(out: &mut Vec<u8>) {
    unit(out, 9, &[0xF0]);
}

fn full(colour: (u8, u8), odd: bool) -> Vec<u8> {
    let mut out = Vec::new();
    delimiter(&mut out);
    unit(&mut out, 0x67, &sequence());
    unit(&mut out, 0x68, &parameters());
    let mut bits = Bits::default();
    bits.ue(0);
    bits.ue(7);
    bits.ue(0);
    bits.u(8, 0);
    bits.ue(u32::from(odd));
    bits.u(2, 0);
    bits.ue(0);
    bits.ue(1);
    for number in 0..BLOCKS {
        bits.ue(25);
        block(&mut bits, 60 + (number * 8) as u8, colour);
    }
    unit(&mut out, 0x65, &bits.end());
    out
}

fn repeat(colour: (u8, u8), number: u32) -> Vec<u8> {
    let mut out = Vec::new();
    delimiter(&mut out);
    let mut bits = Bits::default();
    bits.ue(0);
    bits.ue(5);
    bits.ue(0);
    bits.u(8, number);
    bits.u(3, 0);
    bits.ue(0);
    bits.ue(1);
    let lit = number % BLOCKS;
    bits.ue(lit);
    bits.ue(30);
    block(&mut bits, 230, colour);
    if lit + 1 < BLOCKS {
        bits.ue(BLOCKS - lit - 1);
    }
    unit(&mut out, 0x41, &bits.end());
    out
}
