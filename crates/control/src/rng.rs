//! The seeded generator that is handed to the core. There is no other randomness in it.
//!
//! SplitMix64: one multiplication chain per number, equally good from every seed, and two runs of one seed
//! are the same run. Not for secrets.

use core::time::Duration;

/// A seeded stream of numbers.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// The stream that belongs to `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub const fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`; zero when `bound` is zero.
    pub const fn below(&mut self, bound: u64) -> u64 {
        // The high half of the product: no division, and a bias far below anything a policy could notice.
        ((self.bits() as u128 * bound as u128) >> 64) as u64
    }

    /// A wait between `low` and `high`.
    pub fn between(&mut self, low: Duration, high: Duration) -> Duration {
        let width = high.saturating_sub(low).as_nanos();
        low + Duration::from_nanos(self.below(u64::try_from(width).unwrap_or(u64::MAX)))
    }

    /// True `percent` times out of a hundred.
    pub const fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// A wait of `period`, up to a tenth shorter or longer, so that many of one kind do not fall together.
    pub fn jittered(&mut self, period: Duration) -> Duration {
        self.between(period - period / 10, period + period / 10)
    }
}
