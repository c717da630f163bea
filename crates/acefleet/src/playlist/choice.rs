//! Which of a channel's sources is tried next: by what became of the last attempts.
//!
//! Pure. Time is counted from wherever the caller likes. Sources are tried in the order in which the operator wrote
//! them, unless they failed: each failure in a row puts a source behind those that failed less, and is forgotten with
//! time, so that a source that was off the air for an evening is first again the next day.

use control::command::Content;
use std::collections::BTreeMap;
use std::time::Duration;

/// After so long a row of failures counts half.
const HALF_LIFE: Duration = Duration::from_secs(600);
/// Failures in a row beyond this make nothing worse: after an hour and a half of rest it is all forgotten.
const FAILURES_MAX: u32 = 256;
/// Sources that are remembered; the one that was tried longest ago is forgotten first.
const SOURCES_MAX: usize = 10_000;

/// What became of attempts with one source.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Record {
    /// In a row, up to the last attempt.
    failures: u32,
    /// When that was.
    at: Duration,
}

/// What became of the attempts with sources.
#[derive(Clone, Debug, Default)]
pub struct Health(BTreeMap<Content, Record>);

impl Health {
    /// A source delivers.
    pub fn worked(&mut self, now: Duration, source: &Content) {
        self.note(now, source, 0);
    }

    /// A source did not deliver, although everything else was fine.
    pub fn failed(&mut self, now: Duration, source: &Content) {
        let failures = self.weight(now, source) + 1;
        self.note(now, source, failures.min(FAILURES_MAX));
    }

    /// How many failures in a row still count.
    pub fn weight(&self, now: Duration, source: &Content) -> u32 {
        let Some(record) = self.0.get(source) else { return 0 };
        let halvings = now.saturating_sub(record.at).as_secs() / HALF_LIFE.as_secs();
        u32::try_from(halvings).ok().and_then(|halvings| record.failures.checked_shr(halvings)).unwrap_or(0)
    }

    fn note(&mut self, now: Duration, source: &Content, failures: u32) {
        if self.0.len() >= SOURCES_MAX
            && !self.0.contains_key(source)
            && let Some(oldest) =
                self.0.iter().min_by_key(|(_, record)| record.at).map(|(source, _)| source.clone())
        {
            self.0.remove(&oldest);
        }
        self.0.insert(source.clone(), Record { failures, at: now });
    }
}

/// The source to try next, of those that have not been tried: the one with the fewest failures that still count, and
/// among equals the first in the operator's order.
pub fn next<'a>(
    now: Duration,
    sources: &'a [Content],
    health: &Health,
    tried: &[Content],
) -> Option<&'a Content> {
    let untried = sources.iter().filter(|source| !tried.contains(source));
    untried.min_by_key(|source| health.weight(now, source))
}

#[cfg(test)]
mod tests {
    use super::*;
    use control::command::KeyType;

    fn source(key: &str) -> Content {
        Content { kind: KeyType::ContentId, key: key.into() }
    }

    fn minutes(minutes: u64) -> Duration {
        Duration::from_secs(60 * minutes)
    }

    #[test]
    fn sources_are_tried_in_the_order_in_which_they_are_written() {
        let sources = [source("b"), source("a"), source("c")];
        let health = Health::default();
        assert_eq!(next(minutes(0), &sources, &health, &[]), Some(&sources[0]));
        assert_eq!(next(minutes(0), &sources, &health, &sources[..1]), Some(&sources[1]));
        assert_eq!(next(minutes(0), &sources, &health, &sources), None);
    }

    #[test]
    fn a_source_that_failed_comes_after_those_that_did_not_until_it_works_again() {
        let sources = [source("a"), source("b")];
        let mut health = Health::default();
        health.failed(minutes(0), &sources[0]);
        assert_eq!(next(minutes(1), &sources, &health, &[]), Some(&sources[1]));
        health.failed(minutes(1), &sources[1]);
        health.failed(minutes(1), &sources[1]);
        assert_eq!(next(minutes(1), &sources, &health, &[]), Some(&sources[0]));
        health.worked(minutes(2), &sources[1]);
        assert_eq!(next(minutes(2), &sources, &health, &[]), Some(&sources[1]));
    }

    #[test]
    fn failures_are_forgotten_with_time() {
        let sources = [source("a"), source("b")];
        let mut health = Health::default();
        (0..1_000).for_each(|_| health.failed(minutes(0), &sources[0]));
        assert_eq!(health.weight(minutes(0), &sources[0]), FAILURES_MAX);
        assert_eq!(next(minutes(80), &sources, &health, &[]), Some(&sources[1]));
        assert_eq!(next(minutes(90), &sources, &health, &[]), Some(&sources[0]));
        assert_eq!(health.weight(Duration::MAX, &sources[0]), 0);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut health = Health::default();
        for number in 0..SOURCES_MAX as u64 + 10 {
            health.failed(Duration::from_millis(number), &source(&number.to_string()));
        }
        assert_eq!(health.0.len(), SOURCES_MAX);
        assert_eq!(health.weight(minutes(0), &source("0")), 0);
    }
}
