//! Failover: when emergency holds, how far a VPN is trusted again, and whose engines go in which order.

use super::{at, carrier, engine, vpn, vpns};
use crate::desk::{secs, two_vpns};
use control::Settings;
use control::engine::Engine;
use control::policy::failover;
use control::time::{Stamp, Time};
use control::vpn::{Failure, Verdict, Vpn};

use Verdict::{Failed, Healthy, Pending};

#[test]
fn emergency_is_entered_with_a_failed_and_a_healthy_vpn_and_left_with_no_failed_one() {
    // What holds of two VPNs: whether it is entered, and whether it lasts.
    let table = [
        ([Healthy, Healthy], false, false),
        ([Healthy, Pending], false, false),
        ([Pending, Pending], false, false),
        ([Failed, Healthy], true, true),
        ([Healthy, Failed], true, true),
        ([Failed, Pending], false, true),
        ([Failed, Failed], false, true),
    ];
    for (verdicts, entered, lasts) in table {
        assert_eq!(failover::emergency(false, &vpns(&verdicts)), entered, "{verdicts:?} before");
        assert_eq!(failover::emergency(true, &vpns(&verdicts)), lasts, "{verdicts:?} within");
    }
    assert!(!failover::emergency(true, &[]));
}

#[test]
fn a_failure_within_ten_minutes_of_a_recovery_is_a_relapse() {
    let mut vpn = vpn(0, Healthy);
    assert!(!failover::relapses(&vpn, at(0)), "it has never failed");
    vpn.recovered_at = Some(at(1_000));
    assert!(failover::relapses(&vpn, at(1_000)));
    assert!(failover::relapses(&vpn, at(1_600)));
    assert!(!failover::relapses(&vpn, at(1_601)));
}

#[test]
fn each_relapse_doubles_the_time_in_which_a_vpn_has_to_stay_healthy_up_to_five_minutes() {
    let ends = |relapses| {
        let mut vpn = vpn(0, Healthy);
        (vpn.relapses, vpn.recovered_at) = (relapses, Some(at(1_000)));
        failover::probation_ends(&vpn, at(1_000)).map(|ends| ends.since(at(1_000)).as_secs())
    };
    let table = [(0, None), (1, Some(30)), (2, Some(60)), (3, Some(120)), (4, Some(240)), (5, Some(300))];
    for (relapses, expected) in table {
        assert_eq!(ends(relapses), expected, "after {relapses} relapses");
    }
    for many in [6, 7, 58, 59, 60, 63, 64, 65, 1_000, u32::MAX] {
        assert_eq!(ends(many), Some(300), "after {many} relapses");
    }
}

#[test]
fn probation_is_over_when_its_time_has_come_and_does_not_begin_before_a_recovery() {
    let mut vpn = vpn(0, Healthy);
    vpn.relapses = 1;
    assert_eq!(failover::probation_ends(&vpn, at(0)), None);
    vpn.recovered_at = Some(at(1_000));
    assert_eq!(failover::probation_ends(&vpn, at(1_029)), Some(at(1_030)));
    assert_eq!(failover::probation_ends(&vpn, at(1_030)), None);
}

#[test]
fn engines_are_given_up_a_minute_after_the_failure_while_another_vpn_is_healthy() {
    let settings = Settings { vpn_unhealthy_restart_timeout: secs(45), ..two_vpns() };
    let mut failed = vpn(0, Failed);
    failed.failure = Some(Failure { at: at(1_000), network_lost: false });

    assert_eq!(failover::given_up_at(&failed, Some(at(500)), &settings), Some(at(1_045)));
    assert_eq!(failover::given_up_at(&failed, None, &settings), None);
    // What fails together usually recovers together: the first to recover does not condemn the others at once.
    assert_eq!(failover::given_up_at(&failed, Some(at(1_200)), &settings), Some(at(1_245)));
    assert_eq!(failover::given_up_at(&vpn(1, Healthy), Some(at(500)), &settings), None);
}

#[test]
fn some_vpn_has_been_healthy_since_the_longest_healthy_one_has() {
    let since = |vpns: &mut [Vpn], times: &[u64]| {
        for (vpn, time) in vpns.iter_mut().zip(times) {
            vpn.verdict_since = at(*time);
        }
        failover::healthy_since(vpns)
    };
    assert_eq!(since(&mut vpns(&[Healthy, Healthy]), &[300, 200]), Some(at(200)));
    assert_eq!(since(&mut vpns(&[Healthy, Failed]), &[300, 200]), Some(at(300)));
    assert_eq!(since(&mut vpns(&[Pending, Failed]), &[300, 200]), None);
}

#[test]
fn engines_are_given_up_in_the_order_of_least_harm() {
    const CREATED: Stamp = Stamp::from_nanos(1);
    const LATER: Stamp = Stamp::from_nanos(2);
    let vpn = vpn(0, Failed);
    let with = |number, change: fn(&mut Engine)| {
        let mut engine = engine(number, &vpn);
        engine.created_at = Some(CREATED);
        change(&mut engine);
        engine
    };
    let carrier = |number| {
        let mut carrier = carrier(number, &vpn);
        carrier.created_at = Some(CREATED);
        carrier
    };
    let mut silent_carrier = carrier(9);
    silent_carrier.answers.failures = 1;
    // The first goes first: those that do not work, the young, the old, the carriers, the watched; among equals
    // the highest number.
    let order = [
        with(2, |engine| engine.answers.failures = 1),
        with(1, |engine| engine.answers.proven = false),
        // Docker has not told yet when.
        with(0, |engine| (engine.created_at, engine.first_seen) = (None, Time::ZERO)),
        // Told of before all the others were listed, and created after them.
        with(8, |engine| (engine.created_at, engine.first_seen) = (Some(LATER), Time::ZERO)),
        with(3, |engine| engine.first_seen = at(50)),
        with(7, |_| {}),
        with(4, |_| {}),
        silent_carrier,
        carrier(5),
        with(6, |engine| _ = engine.streams.insert("channel|1".into())),
    ];
    let mut sorted: Vec<_> = order.iter().rev().collect();
    sorted.sort_by_key(|engine| failover::least_harm(engine, at(100)));
    let names =
        |engines: &[&Engine]| engines.iter().map(|engine| engine.name.to_string()).collect::<Vec<_>>();
    assert_eq!(names(&sorted), names(&order.iter().collect::<Vec<_>>()));
}
