//! What the demo costs its machine: processor time and memory of this process, as the kernel counts them.
//!
//! Program, stand-ins and viewers are one process, so this is the cost of all of them together. Where the kernel does
//! not tell, nothing is said.

use std::fmt;
use std::fs::read_to_string;
use std::time::{Duration, Instant};

/// The unit in which Linux tells programs their processor time.
const TICKS_PER_S: f64 = 100.0;

/// What has been used since a moment.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Cost {
    /// How many processors were busy on average.
    pub(super) processors: f64,
    /// Memory that is in use now.
    pub(super) memory_mib: f64,
    /// The most that ever was.
    pub(super) memory_most_mib: f64,
}

/// Counts from a moment on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Meter {
    since: Instant,
    used_s: f64,
}

impl Meter {
    pub(super) fn start() -> Self {
        Self { since: Instant::now(), used_s: processor_s().unwrap_or_default() }
    }

    /// What has been used since this meter was started.
    pub(super) fn read(&self) -> Option<Cost> {
        let passed = self.since.elapsed().max(Duration::from_millis(1));
        let status = read_to_string("/proc/self/status").ok()?;
        Some(Cost {
            processors: (processor_s()? - self.used_s) / passed.as_secs_f64(),
            memory_mib: kib(&status, "VmRSS:")? / 1024.0,
            memory_most_mib: kib(&status, "VmHWM:")? / 1024.0,
        })
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { processors, memory_mib, memory_most_mib } = self;
        write!(
            f,
            "{:.0} % of one processor, {memory_mib:.0} MiB (at most {memory_most_mib:.0})",
            processors * 100.0
        )
    }
}

/// Processor time of this process so far.
fn processor_s() -> Option<f64> {
    let stat = read_to_string("/proc/self/stat").ok()?;
    // The name, in brackets, may have blanks in it.
    let (_, behind_name) = stat.rsplit_once(')')?;
    let mut fields = behind_name.split_whitespace().skip(11).map_while(|field| field.parse::<f64>().ok());
    Some((fields.next()? + fields.next()?) / TICKS_PER_S)
}

fn kib(status: &str, name: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_computes_is_seen_to_use_a_processor() {
        let meter = Meter::start();
        let mut sum = 0_u64;
        while meter.since.elapsed() < Duration::from_millis(200) {
            sum = std::hint::black_box(sum.wrapping_mul(31) + 1);
        }
        let cost = meter.read().expect("Linux tells");
        assert!(cost.processors > 0.05 && cost.memory_mib > 0.5, "{cost}");
        assert!(cost.memory_most_mib >= cost.memory_mib, "{cost}");
    }
}
