//! The breaker: when creating is worth trying.

use super::at;
use crate::desk::secs;
use control::Time;
use control::ids::OpId;
use control::policy::breaker::{Breaker, Kind, Phase};

/// Opens after three failures in a row, for 300 s.
fn closed() -> Breaker {
    Breaker::new(3, secs(300))
}

/// The same, open since 1,003 s.
fn open() -> Breaker {
    let mut breaker = closed();
    for (issued, failed) in [(999, 1_000), (1_001, 1_002), (1_003, 1_003)] {
        breaker.failed(at(issued), at(failed));
    }
    breaker
}

const fn op(seq: u64) -> OpId {
    OpId { life: 1, seq }
}

fn until(breaker: &Breaker, now: Time) -> Option<u64> {
    breaker.wait(now).map(|at| at.since(Time::ZERO).as_secs())
}

#[test]
fn it_opens_with_the_last_of_so_many_failures_in_a_row() {
    let mut breaker = closed();
    assert_eq!(breaker.threshold(), 3);
    assert!(!breaker.failed(at(9), at(10)));
    assert!(!breaker.failed(at(11), at(12)));
    assert_eq!(breaker.wait(at(12)), None);
    assert!(breaker.failed(at(13), at(14)));
    assert_eq!(until(&breaker, at(14)), Some(314));
    assert_eq!((breaker.failures(), breaker.last_failure()), (3, Some(at(14))));
}

#[test]
fn failures_of_what_was_sent_before_the_first_of_them_failed_count_once() {
    let mut breaker = closed();
    for second in 10..20 {
        breaker.failed(at(9), at(second));
    }
    assert_eq!((breaker.failures(), breaker.phase()), (1, Phase::Closed));

    // What was sent at the very moment of the failure was sent without knowing of it.
    breaker.failed(at(10), at(30));
    assert_eq!(breaker.failures(), 1);
}

#[test]
fn a_success_in_between_begins_the_count_anew() {
    let mut breaker = closed();
    breaker.failed(at(9), at(10));
    breaker.failed(at(11), at(12));
    assert!(!breaker.succeeded(at(13), at(14)), "it was closed before");
    assert_eq!((breaker.failures(), breaker.last_success()), (0, Some(at(14))));
    breaker.failed(at(15), at(16));
    assert_eq!(breaker.phase(), Phase::Closed);
}

#[test]
fn a_success_of_what_was_sent_before_the_last_failure_says_nothing() {
    let mut breaker = open();
    assert!(!breaker.succeeded(at(1_002), at(1_010)));
    assert_eq!(until(&breaker, at(1_010)), Some(1_303));
}

#[test]
fn after_its_time_one_trial_is_admitted_and_nothing_else_until_that_has_come_to_something() {
    let mut breaker = open();
    assert_eq!(until(&breaker, at(1_302)), Some(1_303));
    assert_eq!(breaker.wait(at(1_303)), None);

    assert!(breaker.tried(op(1), at(1_303), secs(100)));
    assert_eq!(until(&breaker, at(1_304)), Some(1_403));
    assert!(breaker.succeeded(at(1_303), at(1_310)));
    assert_eq!((breaker.phase(), breaker.wait(at(1_310))), (Phase::Closed, None));
}

#[test]
fn a_trial_that_fails_opens_it_anew() {
    let mut breaker = open();
    breaker.tried(op(1), at(1_303), secs(100));
    assert!(breaker.failed(at(1_303), at(1_305)));
    assert_eq!(until(&breaker, at(1_305)), Some(1_605));
}

#[test]
fn a_trial_that_comes_to_nothing_makes_room_for_another() {
    let mut breaker = open();
    breaker.tried(op(1), at(1_303), secs(100));
    breaker.abandoned(op(2));
    assert_eq!(until(&breaker, at(1_304)), Some(1_403), "another operation is no trial");
    breaker.abandoned(op(1));
    assert_eq!(breaker.wait(at(1_304)), None);

    // One of which nothing is ever heard does not block it for good.
    breaker.tried(op(3), at(1_304), secs(100));
    assert_eq!(breaker.wait(at(1_404)), None);
}

#[test]
fn a_failure_while_it_is_open_neither_prolongs_nor_shortens_it() {
    let mut breaker = open();
    assert!(!breaker.failed(at(1_004), at(1_100)));
    assert_eq!(until(&breaker, at(1_100)), Some(1_303));
}

#[test]
fn a_person_closes_it_and_what_was_under_way_does_not_open_it_again() {
    let mut breaker = open();
    breaker.reset(at(1_010));
    assert_eq!((breaker.phase(), breaker.failures()), (Phase::Closed, 0));
    for _ in 0..3 {
        breaker.failed(at(1_009), at(1_020));
    }
    assert_eq!(breaker.phase(), Phase::Closed);
}

#[test]
fn a_closed_one_counts_no_trials() {
    let mut breaker = closed();
    assert!(!breaker.tried(op(1), at(1), secs(100)));
    breaker.abandoned(op(1));
    assert_eq!(breaker.phase(), Phase::Closed);
}

#[test]
fn the_kinds_are_named_as_in_the_api() {
    assert_eq!((Kind::General.as_str(), Kind::Replacement.as_str()), ("general", "replacement"));
}
