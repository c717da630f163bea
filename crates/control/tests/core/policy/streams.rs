//! Streams: the engine for a new one, and what an engine's standing means for those that it has.

use super::engine;
use control::Time;
use control::command::{Address, Cause};
use control::docker::State;
use control::engine::Engine;
use control::ids::ContainerId;
use control::mark::{Mark, Marks};
use control::policy::offering::Reason;
use control::policy::streams::{self, Search, Tenure, Unfit};
use control::stream::Session;
use std::collections::BTreeSet;

use super::{at, container, hidden, vpn};
use control::vpn::Verdict;

/// The engine that is chosen of these, by its number; with one seat each.
fn chosen(engines: &[Engine], carrier: Option<u16>, overcommits: bool, tried: &[u16]) -> Option<u16> {
    let tried: BTreeSet<ContainerId> = tried.iter().map(|number| container(*number)).collect();
    let search = Search { seats_each: 1, overcommits, tried: &tried, now: Time::ZERO };
    let carriers = [carrier.map(container)];
    let engine = streams::choose(engines.iter(), &carriers, search, &Marks::default())?;
    control::policy::naming::number(&engine.name).and_then(|number| u16::try_from(number).ok())
}

/// An engine with so many streams, last used at this second.
fn playing(number: u16, count: usize, last_used: Option<u64>) -> Engine {
    let mut engine = engine(number, &vpn(0, Verdict::Healthy));
    engine.streams = (0..count).map(|stream| format!("{number}|{stream}").into()).collect();
    engine.last_stream_usage = last_used.map(at);
    engine
}

#[test]
fn a_new_stream_goes_to_the_fewest_streams_then_the_forwarded_then_the_longest_unused() {
    let idle = |number, last_used| playing(number, 0, last_used);
    let busy = |number| playing(number, 1, Some(1));
    let table: [(&[Engine], Option<u16>, Option<u16>); 6] = [
        (&[idle(1, None), idle(2, None)], None, Some(1)),
        (&[idle(1, None), idle(2, None)], Some(2), Some(2)),
        (&[idle(1, Some(9)), idle(2, Some(5)), idle(3, Some(7))], None, Some(2)),
        // One that was never used has been unused the longest.
        (&[idle(1, Some(9)), idle(2, None)], None, Some(2)),
        (&[busy(1), idle(2, Some(9))], Some(1), Some(2)),
        (&[busy(1), busy(2)], None, None),
    ];
    for (engines, carrier, expected) in table {
        assert_eq!(chosen(engines, carrier, false, &[]), expected);
    }
}

#[test]
fn nobody_is_cut_off_for_want_of_a_seat() {
    let engines = [playing(1, 2, None), playing(2, 1, None)];
    assert_eq!(chosen(&engines, None, false, &[]), None);
    assert_eq!(chosen(&engines, None, true, &[]), Some(2));
    let marks = Marks::default();
    let search = Search { seats_each: 1, overcommits: true, tried: &BTreeSet::new(), now: Time::ZERO };
    assert!(streams::choose(engines.iter(), &[], search, &marks).is_some());
    assert_eq!(marks.count(Mark::StreamOvercommits), 1);
}

#[test]
fn an_engine_that_is_hidden_or_was_tried_is_not_chosen() {
    let away = hidden(playing(1, 0, None), Reason::Unhealthy);
    assert_eq!(chosen(&[away, playing(2, 0, None)], None, true, &[2]), None);
    let mut presumed = playing(1, 0, None);
    presumed.presumed_used_until = Some(at(900));
    assert_eq!(chosen(&[presumed], None, false, &[]), None, "nobody can tell whether it is in use");
}

#[test]
fn what_an_engines_standing_means_for_its_streams() {
    let table = [
        (Reason::Booting, Tenure::Keeps),
        (Reason::NotReconnected, Tenure::Keeps),
        (Reason::VpnPending, Tenure::Keeps),
        (Reason::VpnFailed, Tenure::Leaves),
        (Reason::Unhealthy, Tenure::Leaves),
        (Reason::OutsideVpn, Tenure::Leaves),
        (Reason::Condemned(Cause::Clashes), Tenure::Leaves),
        (Reason::NotRunning(State::Paused), Tenure::Leaves),
        (Reason::NotRunning(State::Exited), Tenure::Lost),
        (Reason::VpnNetworkGone, Tenure::Lost),
        (Reason::Stranded, Tenure::Lost),
        (Reason::Restarting, Tenure::Lost),
        (Reason::Removing, Tenure::Lost),
    ];
    for (reason, tenure) in table {
        let engine = hidden(playing(1, 1, None), reason);
        assert_eq!(streams::tenure(&engine), tenure, "{reason:?}");
        assert_eq!(engine.may_keep_streams(), tenure == Tenure::Keeps);
    }
    assert!(playing(1, 1, None).may_keep_streams());
}

#[test]
fn a_session_is_stale_after_five_minutes_without_an_answer_of_a_healthy_engine() {
    let session = |stat_path: Option<&str>| Session {
        id: None,
        at: Address { engine: container(1), vpn: None, port: 19_000 },
        process: None,
        playback_session_id: "1".into(),
        stat_path: stat_path.map(Into::into),
        command_path: None,
        is_live: true,
        opened_at: at(0),
        report: None,
        reported_at: None,
        heard_at: at(1_000),
        grown_at: None,
        asking: None,
        broken: false,
        spoke: true,
        quiet: None,
    };
    let healthy = engine(1, &vpn(0, Verdict::Healthy));
    let mut failing = engine(1, &vpn(0, Verdict::Healthy));
    failing.answers.failures = 1;
    let asked = session(Some("/ace/stat/1"));
    assert!(!streams::is_stale(&asked, &healthy, at(1_299)));
    assert!(streams::is_stale(&asked, &healthy, at(1_300)));
    assert!(!streams::is_stale(&asked, &failing, at(9_000)), "its engine has an excuse");
    // Of one that cannot be asked after nothing is known; it does not last for ever.
    let unaskable = session(None);
    assert!(!streams::is_stale(&unaskable, &healthy, at(1_000 + 6 * 3_600 - 1)));
    assert!(streams::is_stale(&unaskable, &failing, at(1_000 + 6 * 3_600)));
}

#[test]
fn a_person_may_send_a_stream_to_another_offered_engine_with_a_free_seat() {
    let unfit = |engine: &Engine, seats| streams::unfit(engine, Some(container(1)), seats, Time::ZERO);
    assert_eq!(unfit(&playing(1, 0, None), 1), Some(Unfit::PlaysIt));
    assert_eq!(unfit(&playing(2, 0, None), 1), None);
    assert_eq!(unfit(&playing(2, 1, None), 1), Some(Unfit::Full));
    assert_eq!(unfit(&playing(2, 1, None), 2), None);
    let engine = hidden(playing(2, 1, None), Reason::Unhealthy);
    assert_eq!(unfit(&engine, 1), Some(Unfit::NotOffered));
}
