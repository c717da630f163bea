//! Branches of policies that storms do not reach, each with the reason.
//!
//! A branch that no run reaches is a branch that nobody checks against whatever else may happen. So the simulator
//! fails, once it has run for long, when one is unreached and not listed here. What is listed is told in a scenario
//! or a transcript, and the reason names it.

use crate::tables::Totals;
use control::mark::Mark;
use std::fmt::Write;
use std::time::Duration;

/// In less simulated time than this, chance alone leaves branches unreached.
pub const ASKED_FROM: Duration = Duration::from_secs(2_000 * 3_600);

/// Unreached branches that are known, and why storms do not reach them.
const KNOWN: [(Mark, &str); 5] = [
    (Mark::ArrivedLateKept, "rare: scenarios crashes::, transcripts in story/leftovers.rs"),
    (Mark::ArrivedLateRemoved, "rare: scenarios crashes::, transcripts in story/leftovers.rs"),
    (
        Mark::ClashRemoved,
        "nobody else makes containers of ours in a storm: transcripts in story/leftovers.rs and adoption.rs",
    ),
    (
        Mark::LadderTellsToRun,
        "no tunnel is stopped in the world but by a bounce, and hardly one is cut short: transcripts of the ladder",
    ),
    (
        Mark::OutsiderHidden,
        "nobody else makes containers of ours in a storm: scenario an_engine_outside_the_vpns_is_never_offered",
    ),
];

/// Why a storm does not reach this branch, if that is known.
pub fn reason(mark: Mark) -> Option<&'static str> {
    KNOWN.iter().find(|(known, _)| *known == mark).map(|(_, reason)| *reason)
}

/// Branches that were not reached though nobody knows a reason: none, after a short time.
pub fn unexplained(totals: &Totals) -> Vec<Mark> {
    if totals.simulated < ASKED_FROM {
        return Vec::new();
    }
    totals.unreached().filter(|mark| reason(*mark).is_none()).collect()
}

/// Branches that were not reached, and why.
pub fn table(totals: &Totals) -> String {
    let mut text = String::new();
    let count = totals.unreached().count();
    let _ = writeln!(text, "policy branches never reached: {count} of {}", Mark::ALL.len());
    for mark in totals.unreached() {
        let _ = writeln!(text, "  {mark:?}: {}", mark.describe());
        let _ = writeln!(text, "    {}", reason(mark).unwrap_or("no reason is known"));
    }
    text
}
