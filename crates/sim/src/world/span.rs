//! A span of durations, from which one is drawn each time something takes a while.

use control::rng::Rng;
use std::ops::RangeInclusive;
use std::time::Duration;

/// Everything between two durations; the world draws from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    least: Duration,
    most: Duration,
}

impl Span {
    /// Always this long.
    pub const fn exactly(duration: Duration) -> Self {
        Self { least: duration, most: duration }
    }

    /// Between `least` and `most` milliseconds.
    pub const fn millis(least: u64, most: u64) -> Self {
        Self::between(Duration::from_millis(least), Duration::from_millis(most))
    }

    /// Between `least` and `most` seconds.
    pub const fn secs(least: u64, most: u64) -> Self {
        Self::between(Duration::from_secs(least), Duration::from_secs(most))
    }

    /// Half as long to half as long again.
    pub fn around(mean: Duration) -> Self {
        Self::between(mean / 2, mean + mean / 2)
    }

    const fn between(least: Duration, most: Duration) -> Self {
        assert!(least.as_nanos() <= most.as_nanos(), "a span has its shorter end first");
        Self { least, most }
    }

    /// What nothing drawn exceeds.
    pub const fn most(self) -> Duration {
        self.most
    }

    /// One duration out of the span.
    pub fn draw(self, rng: &mut Rng) -> Duration {
        rng.between(self.least, self.most)
    }

    /// The part of this span between two hundredths of it.
    pub(super) fn part(self, percents: &RangeInclusive<u32>) -> Self {
        let at = |percent: u32| self.least + (self.most - self.least) * percent / 100;
        Self::between(at(*percents.start()), at(*percents.end()))
    }

    /// A span within this one that begins where it does: how one run is calmer than another.
    pub(super) fn narrowed(self, rng: &mut Rng) -> Self {
        Self { least: self.least, most: self.draw(rng) }
    }
}
