//! Foreign hands: how much is a person's business, and how long too much is waited out.

use super::at;
use control::policy::foreign::Hand;

fn acts(moments: &[u64]) -> (Hand, Vec<bool>) {
    let mut hand = Hand::default();
    let too_many = moments.iter().map(|moment| hand.acts(at(*moment))).collect();
    (hand, too_many)
}

#[test]
fn more_than_three_acts_within_five_minutes_are_too_many() {
    let table: [(&[u64], bool); 6] = [
        (&[], false),
        (&[1_000, 1_000, 1_000], false),
        (&[1_000, 1_000, 1_000, 1_000], true),
        (&[1_000, 1_100, 1_200, 1_300], true),
        (&[1_000, 1_100, 1_200, 1_301], false),
        (&[1_000, 1_200, 1_290, 1_301, 1_302], true),
    ];
    for (moments, expected) in table {
        assert_eq!(acts(moments).0.since().is_some(), expected, "{moments:?}");
    }
}

#[test]
fn it_is_told_once_that_they_are_too_many() {
    assert_eq!(acts(&[1, 2, 3, 4, 5, 6]).1, [false, false, false, true, false, false]);
}

#[test]
fn it_rests_five_minutes_after_the_last_act_and_then_the_count_begins_anew() {
    let (mut hand, _) = acts(&[1_000, 1_001, 1_002, 1_003, 1_200]);
    assert_eq!(hand.rests_at(), Some(at(1_500)));
    assert!(!hand.rests(at(1_499)));
    assert!(hand.rests(at(1_500)));
    assert_eq!((hand.since(), hand.rests_at()), (None, None));
    assert!(!hand.acts(at(1_500)));
}

#[test]
fn what_was_never_too_many_does_not_come_to_rest() {
    let (mut hand, _) = acts(&[1_000, 1_001]);
    assert!(!hand.rests(at(9_000)));
}
