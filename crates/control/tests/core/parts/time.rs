//! Time: it saturates at both ends, and is told to the millisecond.

use crate::desk::{millis, secs};
use control::Time;
use control::time::Stamp;
use std::time::Duration;

#[test]
fn a_deadline_too_far_to_be_counted_is_never() {
    assert_eq!(Time::from_secs(5) + Duration::MAX, Time::NEVER);
    assert_eq!(Time::NEVER + secs(1), Time::NEVER);
    assert_eq!(Time::from_secs(u64::MAX), Time::NEVER);
    assert_eq!(Time::from_nanos(u64::MAX - 1) + Duration::from_nanos(1), Time::NEVER);
}

#[test]
fn a_moment_yet_to_come_is_no_time_ago() {
    assert_eq!(Time::from_secs(5).since(Time::from_secs(3)), secs(2));
    assert_eq!(Time::from_secs(3).since(Time::from_secs(5)), Duration::ZERO);
    assert_eq!(Time::ZERO.since(Time::NEVER), Duration::ZERO);
}

#[test]
fn seconds_and_nanoseconds_are_the_same_moments() {
    assert_eq!(Time::from_secs(2), Time::from_nanos(2_000_000_000));
    assert_eq!((Time::from_secs(2) + millis(5)).as_nanos(), 2_005_000_000);
    assert_eq!(Time::ZERO, Time::default());
}

#[test]
fn dockers_clock_is_read_as_ours_but_never_as_later_than_now() {
    let now = Time::from_secs(100);
    assert_eq!(now.of_stamp(Stamp::from_nanos(40_000_000_000)), Time::from_secs(40));
    assert_eq!(now.of_stamp(Stamp::from_nanos(400_000_000_000)), now);
    assert_eq!(Stamp::from_nanos(7).as_nanos(), 7);
}

#[test]
fn a_moment_is_told_in_seconds_to_the_millisecond() {
    for (time, told) in [
        (Time::ZERO, "0.000s"),
        (Time::from_nanos(1_234_567_890), "1.234s"),
        (Time::from_nanos(61_005_000_000), "61.005s"),
        (Time::NEVER, "never"),
    ] {
        assert_eq!((time.to_string(), format!("{time:?}")), (told.into(), told.into()));
    }
}
