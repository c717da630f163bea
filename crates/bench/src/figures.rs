//! Percentiles of durations, as they stand in a table, and how they grow. No clock here.

use std::fmt;
use std::time::Duration;

/// How long many things of one kind took.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Figures {
    pub(crate) count: usize,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    pub(crate) most: Duration,
}

impl Figures {
    pub(crate) fn of(all: impl Iterator<Item = Duration>) -> Self {
        let mut all: Vec<_> = all.collect();
        all.sort_unstable();
        let rank = |percent: usize| {
            let rank = (all.len() * percent).div_ceil(100).max(1);
            all.get(rank - 1).copied().unwrap_or_default()
        };
        Self { count: all.len(), p50: rank(50), p99: rank(99), most: rank(100) }
    }
}

impl fmt::Display for Figures {
    /// Four columns: how many, then microseconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = |took: Duration| took.as_secs_f64() * 1e6;
        let Self { count, p50, p99, most } = self;
        write!(f, "{count:>8} {:>8.1} {:>8.1} {:>8.1}", micros(*p50), micros(*p99), micros(*most))
    }
}

/// How figures grow from one size to another.
pub(crate) mod growth {
    use super::{Duration, Figures};

    /// The factors of the median and of the 99th percentile, in words.
    pub(crate) fn of(before: &Figures, after: &Figures) -> String {
        let factor = |before: Duration, after: Duration| after.as_secs_f64() / before.as_secs_f64();
        let (p50, p99) = (factor(before.p50, after.p50), factor(before.p99, after.p99));
        format!("p50 x {p50:.2}, p99 x {p99:.2}")
    }

    /// The factor of what takes n log n.
    pub(crate) fn n_log_n(from: f64, to: f64) -> f64 {
        to * to.ln() / (from * from.ln())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(micros: &[u64]) -> Figures {
        Figures::of(micros.iter().map(|micros| Duration::from_micros(*micros)))
    }

    #[test]
    fn a_percentile_is_the_least_that_so_many_do_not_exceed() {
        let hundred: Vec<u64> = (1..=100).rev().collect();
        let figures = of(&hundred);
        let micros = [figures.p50, figures.p99, figures.most].map(|took| took.as_micros());
        assert_eq!((figures.count, micros), (100, [50, 99, 100]));
    }

    #[test]
    fn one_is_all_of_them_and_none_is_zero() {
        assert_eq!(of(&[7]), Figures { count: 1, p50: US7, p99: US7, most: US7 });
        assert_eq!(of(&[]).most, Duration::ZERO);
    }

    const US7: Duration = Duration::from_micros(7);

    #[test]
    fn growth_is_told_for_both_percentiles() {
        assert_eq!(growth::of(&of(&[10]), &of(&[25])), "p50 x 2.50, p99 x 2.50");
        assert!((growth::n_log_n(1_000.0, 2_000.0) - 2.2).abs() < 0.01);
    }
}
