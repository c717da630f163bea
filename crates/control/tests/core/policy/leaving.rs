//! Leaving: how long an engine is hidden before it goes, and who may keep it.

use super::{at, engine, vpn};
use crate::desk::{secs, two_vpns};
use control::command::Cause;
use control::engine::Leaving;
use control::policy::leaving::{self, Course};
use control::vpn::Verdict::Healthy;
use control::{Settings, Time};

/// What becomes of an engine that has been leaving for `cause` since 100 s, at `now`, with viewers since then.
fn course(cause: Cause, watched_since: Option<Time>, now: Time) -> Course {
    let vpn = vpn(0, Healthy);
    let mut engine = engine(1, &vpn);
    if watched_since.is_some() {
        engine.streams.insert("channel|1".into());
    }
    let settings = Settings { handoff: secs(25), drain_timeout: secs(30), ..two_vpns() };
    leaving::course(&engine, Leaving { cause, since: at(100), watched_since }, now, &settings)
}

#[test]
fn without_viewers_it_goes_once_nobody_can_be_on_his_way_to_it() {
    for cause in [Cause::Surplus, Cause::Misported, Cause::Leaks, Cause::Outdated] {
        assert_eq!(course(cause, None, at(100)), Course::Waits(at(125)), "{cause:?}");
        assert_eq!(course(cause, None, at(124)), Course::Waits(at(125)), "{cause:?}");
        assert_eq!(course(cause, None, at(125)), Course::Goes, "{cause:?}");
    }
}

#[test]
fn what_nothing_forces_to_go_stays_for_whoever_comes_meanwhile() {
    for cause in [Cause::Surplus, Cause::Rebalanced, Cause::CarrierCame, Cause::Outdated] {
        assert_eq!(course(cause, Some(at(101)), at(101)), Course::Stays, "{cause:?}");
    }
}

#[test]
fn what_has_to_go_gives_its_viewers_the_drain_timeout_and_never_less_than_the_hand_off() {
    for cause in [Cause::Misported, Cause::Leaks] {
        assert_eq!(course(cause, Some(at(100)), at(129)), Course::Waits(at(130)), "{cause:?}");
        assert_eq!(course(cause, Some(at(100)), at(130)), Course::CutsOff, "{cause:?}");
        assert_eq!(course(cause, Some(at(120)), at(130)), Course::Waits(at(150)), "{cause:?}");
        assert_eq!(course(cause, Some(at(120)), at(150)), Course::CutsOff, "{cause:?}");
    }
}

#[test]
fn only_surplus_is_called_back_because_the_others_make_place_for_something() {
    assert!(leaving::can_be_recalled(Cause::Surplus));
    for cause in [Cause::Rebalanced, Cause::CarrierCame, Cause::Outdated, Cause::Misported, Cause::Leaks] {
        assert!(!leaving::can_be_recalled(cause), "{cause:?}");
    }
}
