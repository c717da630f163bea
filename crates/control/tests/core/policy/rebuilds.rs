//! Rebuilds: how many are too many, and how long that is waited out.

use super::at;
use control::Time;
use control::policy::rebuilds::{lately, rests_until};

fn moments(secs: &[u64]) -> Vec<Time> {
    secs.iter().copied().map(at).collect()
}

#[test]
fn three_within_ten_minutes_are_too_many_and_ten_minutes_are_waited_from_the_last() {
    let table: [(&[u64], Option<u64>); 7] = [
        (&[], None),
        (&[100, 100], None),
        (&[100, 100, 100], Some(700)),
        (&[100, 400, 700], Some(1_300)),
        (&[100, 400, 701], None),
        // A rest that began earlier is not cut short by a later rebuild that is alone.
        (&[100, 101, 102, 702, 1_400], Some(702)),
        (&[100, 101, 102, 103, 104, 105, 106, 107], Some(707)),
    ];
    for (times, expected) in table {
        assert_eq!(rests_until(&moments(times)), expected.map(at), "{times:?}");
    }
}

#[test]
fn those_of_the_last_ten_minutes_are_told() {
    assert_eq!(lately(&moments(&[100, 399, 400, 900]), at(1_000)), 2);
}
