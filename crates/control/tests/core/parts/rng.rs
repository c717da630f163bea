//! The generator: determined by its seed, and within its bounds.

use crate::desk::{millis, secs};
use control::rng::Rng;
use std::time::Duration;

#[test]
fn one_seed_gives_one_stream_and_another_seed_another() {
    let stream = |seed| {
        let mut rng = Rng::new(seed);
        [(); 8].map(|()| rng.bits())
    };
    assert_eq!(stream(7), stream(7));
    assert_ne!(stream(7), stream(8));
    // The reference values of SplitMix64, so that a seed means the same run in every version.
    assert_eq!(stream(0)[..3], [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f]);
}

#[test]
fn a_number_below_a_bound_reaches_everything_below_it_and_nothing_else() {
    let mut rng = Rng::new(1);
    let mut seen = [0; 7];
    for _ in 0..7_000 {
        seen[usize::try_from(rng.below(7)).expect("it is small")] += 1;
    }
    assert!(seen.iter().all(|count| (800..1_200).contains(count)), "{seen:?}");
    assert_eq!((rng.below(0), rng.below(1)), (0, 0));
}

#[test]
fn a_wait_lies_between_its_ends() {
    let mut rng = Rng::new(2);
    let drawn: Vec<_> = (0..1_000).map(|_| rng.between(millis(100), millis(300))).collect();
    assert!(drawn.iter().all(|wait| (millis(100)..millis(300)).contains(wait)));
    assert!(drawn.iter().any(|wait| *wait < millis(120)) && drawn.iter().any(|wait| *wait > millis(280)));
    assert_eq!(rng.between(secs(5), secs(5)), secs(5));
    assert_eq!(rng.between(secs(5), secs(1)), secs(5));
}

#[test]
fn a_jittered_wait_is_up_to_a_tenth_shorter_or_longer() {
    let mut rng = Rng::new(3);
    let drawn: Vec<_> = (0..1_000).map(|_| rng.jittered(secs(20))).collect();
    assert!(drawn.iter().all(|wait| (secs(18)..=secs(22)).contains(wait)));
    assert!(
        drawn.iter().any(|wait| *wait < millis(18_300)) && drawn.iter().any(|wait| *wait > millis(21_700))
    );
    assert_eq!(rng.jittered(Duration::ZERO), Duration::ZERO);
}

#[test]
fn a_chance_is_a_percentage() {
    let mut rng = Rng::new(4);
    let mut times = |percent| (0..10_000).filter(|_| rng.chance(percent)).count();
    assert_eq!((times(0), times(100)), (0, 10_000));
    assert!((2_800..3_200).contains(&times(30)));
}
