//! One seed is one run: played twice, it is the same to the letter.

use sim::swarm::{self, Order};

#[test]
fn two_executions_of_one_seed_are_the_same_line_by_line() {
    let order = Order { seed: 20_251_121, canary: None, default_fleet: false, trace: usize::MAX };
    let mut digests = Vec::new();
    for number in 0..4 {
        let (one, other) = (swarm::run(&order, number), swarm::run(&order, number));
        assert!(one.trace.len() > 1_000, "run {number} is short");
        let differs = one.trace.iter().zip(&other.trace).find(|(one, other)| one != other);
        assert_eq!(differs, None, "run {number}");
        assert_eq!((one.trace.len(), one.digest), (other.trace.len(), other.digest), "run {number}");
        digests.push(one.digest);
    }
    digests.dedup();
    assert_eq!(digests.len(), 4, "different runs are the same run");
}
