//! What is believed of an engine, and how observations change it.

use crate::desk::{host_with, secs};
use control::Time;
use control::docker::State;
use control::engine::{Engine, Retry, Seat};
use control::event::ProbeReport;
use control::ids::VpnId;

fn at(secs: u64) -> Time {
    Time::from_secs(secs)
}

/// An engine that was first seen at zero and has told nothing yet.
fn engine() -> Engine {
    let mut host = host_with(&["gluetun"]);
    let listed = host.run_engine("acestream-1", "gluetun", 19_000).listed();
    Engine::new(&listed, Seat::Vpn(VpnId(0)), at(0))
}

const GOOD: ProbeReport = ProbeReport { answered: true, connected: Some(true) };
const DISCONNECTED: ProbeReport = ProbeReport { answered: true, connected: Some(false) };
const NOTHING: ProbeReport = ProbeReport { answered: false, connected: None };

#[test]
fn refusals_are_waited_out_from_one_second_doubling_to_a_minute() {
    let mut retry = Retry::default();
    assert_eq!(retry.wait(at(0)), None);
    let mut waits = Vec::new();
    for _ in 0..100 {
        retry.refused(at(1_000));
        waits.push(retry.wait(at(1_000)).expect("it has to wait").since(at(1_000)).as_secs());
    }
    assert_eq!(waits[..8], [1, 2, 4, 8, 16, 32, 60, 60]);
    assert!(waits[8..].iter().all(|wait| *wait == 60));
    assert_eq!(retry.wait(at(1_059)), Some(at(1_060)));
    assert_eq!(retry.wait(at(1_060)), None);

    retry.succeeded();
    assert_eq!(retry.wait(at(1_000)), None);
    retry.refused(at(2_000));
    assert_eq!(retry.wait(at(2_000)), Some(at(2_001)));
}

#[test]
fn a_reading_is_believed_if_nothing_has_happened_since_it_was_asked_for() {
    let mut engine = engine();
    engine.touched = at(10);
    assert!(engine.believes(at(10)) && !engine.believes(at(9)));
    assert!(!engine.is_confirmed());
    engine.inspected = Some(at(9));
    assert!(!engine.is_confirmed());
    engine.inspected = Some(at(10));
    assert!(engine.is_confirmed());
}

#[test]
fn failures_are_counted_in_a_row_and_one_good_answer_forgets_them() {
    let mut engine = engine();
    for (report, failures, proven) in [
        (NOTHING, 1, false),
        (NOTHING, 2, false),
        (GOOD, 0, true),
        (NOTHING, 1, true),
        (DISCONNECTED, 0, true),
    ] {
        engine.observe_answer(report, at(1), true);
        assert_eq!((engine.answers.failures, engine.answers.proven), (failures, proven));
    }
}

#[test]
fn only_an_unanswered_question_of_the_routine_counts_against_an_engine() {
    let mut engine = engine();
    engine.observe_answer(GOOD, at(1), true);
    engine.observe_answer(NOTHING, at(2), false);
    assert_eq!(engine.answers.failures, 0);
    engine.observe_answer(NOTHING, at(3), true);
    engine.observe_answer(GOOD, at(4), false);
    assert_eq!(engine.answers.failures, 0);
}

#[test]
fn trust_without_an_answer_of_its_own_ends_with_the_first_failure() {
    let mut adopted = engine();
    adopted.answers.proven = true;
    adopted.observe_answer(NOTHING, at(1), true);
    assert!(!adopted.answers.proven);
}

#[test]
fn an_engine_that_says_it_is_disconnected_is_counted_from_the_last_time_it_was_not() {
    let mut engine = engine();
    engine.observe_answer(DISCONNECTED, at(1), true);
    engine.observe_answer(DISCONNECTED, at(2), true);
    assert_eq!((engine.answers.disconnected, engine.answers.was_connected), (2, false));
    // One that does not answer says nothing of it.
    engine.observe_answer(NOTHING, at(3), true);
    assert_eq!((engine.answers.disconnected, engine.answers.connected), (2, None));
    engine.observe_answer(GOOD, at(4), true);
    assert_eq!((engine.answers.disconnected, engine.answers.was_connected), (0, true));
}

#[test]
fn after_a_tunnel_came_back_only_an_answer_asked_for_since_then_counts() {
    let mut engine = engine();
    engine.reconnects_since = Some(at(10));
    engine.observe_answer(GOOD, at(9), true);
    assert_eq!(engine.reconnects_since, Some(at(10)));
    engine.observe_answer(DISCONNECTED, at(11), true);
    assert_eq!(engine.reconnects_since, Some(at(10)));
    engine.observe_answer(GOOD, at(11), true);
    assert_eq!(engine.reconnects_since, None);
}

#[test]
fn the_last_question_is_the_latest_asked_whichever_was_answered_last() {
    let mut engine = engine();
    engine.observe_answer(GOOD, at(20), true);
    engine.observe_answer(GOOD, at(15), false);
    assert_eq!(engine.answers.asked_at, Some(at(20)));
}

#[test]
fn the_same_answer_again_changes_nothing_that_decisions_rest_on() {
    let mut engine = engine();
    assert!(engine.observe_answer(GOOD, at(1), true));
    assert!(!engine.observe_answer(GOOD, at(2), true));
    assert!(engine.observe_answer(DISCONNECTED, at(3), true));
    // Every further one counts, because three in a row are a suspicion.
    assert!(engine.observe_answer(DISCONNECTED, at(4), true));
}

#[test]
fn an_engine_that_stops_has_everything_to_prove_again() {
    let mut engine = engine();
    engine.observe_answer(GOOD, at(1), true);
    assert!(!engine.observe_state(State::Running, at(2)), "nothing has changed");
    assert!(engine.observe_state(State::Exited, at(3)));
    assert_eq!((engine.stopped_since, engine.answers.proven), (Some(at(3)), false));
    engine.observe_state(State::Restarting, at(5));
    assert_eq!(engine.stopped_since, Some(at(3)), "it has been stopped since the first exit");
    engine.observe_state(State::Running, at(6));
    assert_eq!(engine.stopped_since, None);
}

#[test]
fn three_exits_are_a_crash_loop_only_if_the_first_of_them_is_not_too_long_ago() {
    let mut engine = engine();
    for exit in [100, 200] {
        engine.note_exit(at(exit));
    }
    assert!(!engine.crash_loops(at(200), secs(600)));
    engine.note_exit(at(300));
    assert!(engine.crash_loops(at(700), secs(600)));
    assert!(!engine.crash_loops(at(701), secs(600)));
    // A fourth takes the place of the first.
    engine.note_exit(at(701));
    assert!(engine.crash_loops(at(701), secs(600)));
}

#[test]
fn of_two_engines_with_one_port_the_most_watched_carries_it_and_then_the_oldest() {
    let (mut old, mut young) = (engine(), engine());
    young.first_seen = at(50);
    assert!(old.carries_before(&young) && !young.carries_before(&old));
    young.streams.insert("channel|1".into());
    assert!(young.carries_before(&old));
    old.streams.insert("channel|2".into());
    assert!(old.carries_before(&young));
}
