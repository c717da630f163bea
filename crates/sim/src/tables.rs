//! What runs came to, as tables for people and one last line for machines.

use crate::swarm::Report;
use crate::world::{Ending, FaultKind, Operation};
use control::mark::Mark;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

/// The sums over runs.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// Simulated time.
    pub simulated: Duration,
    runs: u64,
    crashes: u64,
    failovers: u64,
    port_changes: u64,
    unknown_outcomes: u64,
    late_arrivals: u64,
    denials: u64,
    viewers: u64,
    rerouted: u64,
    refused: u64,
    faults: BTreeMap<FaultKind, u64>,
    operations: BTreeMap<(Operation, Ending), u64>,
    reached: Vec<u64>,
    digest: u64,
}

impl Totals {
    /// No run yet.
    pub fn new(marks: usize) -> Self {
        Self { reached: vec![0; marks], ..Self::default() }
    }

    /// Adds a run. In the runs' order: the digest depends on it.
    pub fn add(&mut self, report: &Report) {
        let tally = &report.tally;
        self.simulated += report.simulated;
        self.runs += 1;
        self.crashes += report.crashes;
        self.failovers += report.failovers;
        self.port_changes += tally.port_changes;
        self.unknown_outcomes += tally.unknown_outcomes;
        self.late_arrivals += tally.late_arrivals;
        self.denials += tally.denials;
        self.viewers += tally.viewers;
        self.rerouted += tally.rerouted;
        self.refused += tally.refused;
        for (kind, count) in &tally.faults {
            *self.faults.entry(*kind).or_default() += count;
        }
        for (operation, count) in &tally.operations {
            *self.operations.entry(*operation).or_default() += count;
        }
        for (sum, count) in self.reached.iter_mut().zip(&report.reached) {
            *sum += count;
        }
        self.digest = self.digest.rotate_left(7) ^ report.digest;
    }

    /// Branches of policies that no run reached.
    pub fn unreached(&self) -> impl Iterator<Item = Mark> {
        Mark::ALL.iter().zip(&self.reached).filter(|(_, count)| **count == 0).map(|(mark, _)| *mark)
    }

    fn all_faults(&self) -> u64 {
        self.faults.values().sum::<u64>() + self.crashes
    }
}

/// Faults by kind.
pub fn faults(totals: &Totals) -> String {
    let mut text = String::from("faults by kind\n");
    for kind in FaultKind::TREATED {
        let count = totals.faults.get(&kind).copied().unwrap_or_default();
        let _ = writeln!(text, "  {} {count:>8}  {kind:?}", kind.code());
    }
    let _ = writeln!(text, "  cras {:>8}  acefleet crashed", totals.crashes);
    text
}

/// Operations by kind and how they ended.
pub fn operations(totals: &Totals) -> String {
    let mut text = String::from("operations by kind\n");
    for ((operation, ending), count) in &totals.operations {
        let _ = writeln!(text, "  {:<8} {:<8} {count:>8}", operation.as_str(), ending.as_str());
    }
    let _ = writeln!(text, "  denied and done  {:>8}", totals.denials);
    let _ = writeln!(text, "viewers: {} came", totals.viewers);
    let _ = writeln!(text, "  moved or cut off {:>8}", totals.rerouted);
    let _ = writeln!(text, "  refused          {:>8}", totals.refused);
    text
}

/// A number that stands for everything that happened: equal for two executions of one seed.
pub fn digest(totals: &Totals) -> String {
    format!("digest: {:016x}", totals.digest)
}

/// One line that says it all.
pub fn last_line(totals: &Totals, violations: usize, seed: u64) -> String {
    format!(
        "simulated_hours={} runs={} faults={} failovers={} port_changes={} unknown_outcomes={} \
         late_arrivals={} viewers={} violations={violations} seed={seed}",
        totals.simulated.as_secs() / 3_600,
        totals.runs,
        totals.all_faults(),
        totals.failovers,
        totals.port_changes,
        totals.unknown_outcomes,
        totals.late_arrivals,
        totals.viewers,
    )
}
