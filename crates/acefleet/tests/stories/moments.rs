//! Moments and choices that are drawn, and can be drawn again.

use control::rng::Rng;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Another seed repeats other moments.
const SEED: &str = "ACEFLEET_TEST_SEED";
/// Seeds that are short enough to be typed.
const SEEDS: u64 = 1_000_000;

/// Draws moments; which ones is printed.
pub(crate) struct Moments(Rng);

impl Moments {
    pub(crate) fn new() -> Self {
        let clock = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
        let told = std::env::var(SEED).ok().map(|seed| seed.parse().expect("a seed is a number"));
        let seed = told.unwrap_or(u64::from(clock.subsec_nanos()) % SEEDS);
        println!("{SEED}={seed}");
        Self(Rng::new(seed))
    }

    /// A duration below this.
    pub(crate) fn below(&mut self, most: Duration) -> Duration {
        self.0.between(Duration::ZERO, most)
    }
}
