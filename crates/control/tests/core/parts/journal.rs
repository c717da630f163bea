//! The journal: a ring of the latest entries, read from any point on.

use control::Time;
use control::journal::{ENTRIES_KEPT, Expect, Journal, Subject, What, Why};

/// A journal into which so many entries have been written, one each second.
fn journal(entries: u64) -> Journal {
    let mut journal = Journal::default();
    for second in 1..=entries {
        journal.write(
            Time::from_secs(second),
            Subject::Docker,
            What::ListingSkipped,
            vec![],
            Expect::Nothing,
        );
    }
    journal
}

/// The first and the last entry after `seq`, and how many there are.
fn since(journal: &Journal, seq: u64) -> Option<(u64, u64, usize)> {
    let entries: Vec<_> = journal.since(seq).collect();
    assert!(entries.windows(2).all(|pair| pair[0].seq + 1 == pair[1].seq), "a gap after {seq}");
    assert!(entries.iter().all(|entry| entry.at == Time::from_secs(entry.seq)));
    Some((entries.first()?.seq, entries.last()?.seq, entries.len()))
}

#[test]
fn what_was_written_after_an_entry_is_read_oldest_first() {
    let journal = journal(5);
    assert_eq!(journal.written(), 5);
    assert_eq!(since(&journal, 0), Some((1, 5, 5)));
    assert_eq!(since(&journal, 3), Some((4, 5, 2)));
    assert_eq!(since(&journal, 5), None);
    assert_eq!(since(&journal, 99), None);
    assert_eq!(since(&Journal::default(), 0), None);
}

#[test]
fn the_oldest_entries_are_forgotten_and_what_is_kept_keeps_its_number() {
    let kept = ENTRIES_KEPT as u64;
    let full = journal(kept);
    assert_eq!(since(&full, 0), Some((1, kept, ENTRIES_KEPT)));

    let journal = journal(kept + 10);
    assert_eq!(journal.written(), kept + 10);
    assert_eq!(since(&journal, 0), Some((11, kept + 10, ENTRIES_KEPT)));
    assert_eq!(since(&journal, 10), Some((11, kept + 10, ENTRIES_KEPT)));
    assert_eq!(since(&journal, 11), Some((12, kept + 10, ENTRIES_KEPT - 1)));
    assert_eq!(since(&journal, kept + 9), Some((kept + 10, kept + 10, 1)));
    assert_eq!(since(&journal, kept + 10), None);
}

#[test]
fn an_entry_reads_as_a_sentence_with_its_observations_and_what_should_follow() {
    let mut journal = Journal::default();
    let engine = || Subject::Engine(None, "acestream-1".into());
    journal.write(Time::ZERO, engine(), What::Offered, vec![], Expect::Nothing);
    journal.write(Time::ZERO, engine(), What::Hidden, vec![Why::Missing], Expect::Nothing);
    journal.write(Time::ZERO, engine(), What::Gone, vec![Why::Missing, Why::NoHealthyVpn], Expect::Refill);
    let sentences: Vec<_> = journal.since(0).map(ToString::to_string).collect();
    assert_eq!(
        sentences,
        [
            "engine acestream-1 is offered",
            "engine acestream-1 is hidden: its container is missing",
            "engine acestream-1 is gone: its container is missing, no VPN is healthy; what is missing is created",
        ]
    );
}
