//! Acefleet is started and finds a fleet: it takes it over as it is, and believes the right things about it.

use crate::failovers::{five_and_five, was_repaired_in_place};
use control::docker::State;
use control::labels;
use control::snapshot::{EngineHealth, EngineView};
use sim::story::{GLUETUN, GLUETUN2, Story, millis, secs, two_vpns};

/// Acefleet is away from a settled fleet while something befalls that.
fn while_acefleet_is_away(befalls: impl FnOnce(&mut Story)) -> Story {
    let mut story = five_and_five();
    story.acefleet().crashes();
    befalls(&mut story);
    story.pass(secs(2));
    story.chapter("acefleet is started again");
    story.acefleet().is_started();
    story
}

#[test]
fn a_restart_touches_no_engine_and_offers_the_same_ones_at_its_first_look() {
    let mut story = while_acefleet_is_away(|_| {});
    story.until("the first look is complete", |story| story.snapshot().ready);
    story.now().offered_on(GLUETUN, 5).offered_on(GLUETUN2, 5);
    let health = story.snapshot().engines.into_iter().map(|view| view.health);
    assert!(health.into_iter().all(|health| health == EngineHealth::Unknown), "nobody was asked yet");
    story.throughout(secs(300), |now| now.offered(10));
    story.now().no_engine_was_touched().nothing_was_asked_that_changes_a_container();
    story.now().the_journal_tells_times(10, "Restored VPN assignment for engine");
}

#[test]
fn an_adopted_engine_that_does_not_answer_its_first_question_has_to_prove_itself() {
    let mut story = while_acefleet_is_away(|story| {
        story.engine(4).suffers_from(sim::world::EngineFault::Hangs);
    });
    story.within(secs(6)).hides_engine(4).offered(9);
    story.now().no_engine_was_touched();
}

#[test]
fn labels_that_cannot_be_believed_are_not_believed() {
    let garbled: [(&str, Option<&str>); 9] = [
        // The network an engine lives in is the truth.
        (labels::VPN_CONTAINER, None),
        (labels::VPN_CONTAINER, Some("gluetun2")),
        (labels::VPN_CONTAINER, Some("somebody-else")),
        // What an engine was born as says nothing about what it carries now.
        (labels::FORWARDED, Some("true")),
        (labels::FORWARDED, Some("")),
        (labels::P2P_PORT, Some("many")),
        (labels::OPERATION, Some("ffffffff-ffffffffffff")),
        (labels::OPERATION, None),
        (labels::HOST_HTTP_PORT, Some("0")),
    ];
    let shown = |view: EngineView| (view.container_name, view.host, view.port, view.p2p_port, view.forwarded);
    for (key, value) in garbled {
        let mut story = five_and_five();
        story.within(secs(30)).carriers_on(GLUETUN, 1);
        let before: Vec<_> = story.snapshot().engines.into_iter().map(shown).collect();
        story.chapter(format!("acefleet is restarted, and finds the label {key} to be {value:?}"));
        story.acefleet().crashes();
        for number in 1..=10 {
            story.engine(number).has_label(key, value);
        }
        story.acefleet().is_started();
        story.within(secs(1)).offered(10);
        story.pass(secs(60));
        story.now().no_engine_was_touched().nothing_was_asked_that_changes_a_container().offered(10);
        let after: Vec<_> = story.snapshot().engines.into_iter().map(shown).collect();
        assert_eq!(before, after);
    }
}

#[test]
fn a_container_of_ours_without_a_readable_port_is_no_engine_and_is_left_alone() {
    for port in [None, Some(""), Some("0"), Some("65536"), Some("19000 ")] {
        let mut story = while_acefleet_is_away(|story| {
            story.somebody_runs_an_engine(11, Some(GLUETUN), 30_000);
            story.engine(11).has_label(labels::HTTP_PORT, port);
        });
        story.within(secs(1)).offered(10);
        story.throughout(secs(120), |now| now.no_engine_was_touched().offered(10).engines(11));
        assert_eq!(story.view(11), None);
        story.now().the_journal_tells("labels of engine acestream-11 cannot be believed");
    }
}

#[test]
fn an_engine_outside_the_vpns_is_never_offered() {
    let mut story = while_acefleet_is_away(|story| story.somebody_runs_an_engine(11, None, 30_000));
    // It leaks, and works: it is hidden for HANDOFF_S like any other, and then it goes.
    story.throughout(secs(25), |now| now.is_not_offered(11).no_engine_was_touched());
    story.within(secs(3)).removed(1).numbered(1..=10);
    story.throughout(secs(120), |now| now.offered(10).created(0).removed(1).restarted_in_place(0));
}

#[test]
fn an_engine_that_was_stopped_meanwhile_is_started() {
    let mut story = while_acefleet_is_away(|story| story.engine(2).is_stopped_by_a_person());
    story.within(secs(1)).offered(9).hides_engine(2);
    story.until_at_rest();
    story.now().the_same_engines_as_before().restarted_in_place(1).offered(10);
}

#[test]
fn a_carrier_that_was_stopped_meanwhile_is_made_anew_with_the_port_of_now() {
    let mut story = while_acefleet_is_away(|story| story.engine(1).is_stopped_by_a_person());
    story.within(secs(1)).offered(9).hides_engine(1);
    story.until_at_rest();
    story.now().created(1).removed(1).restarted_in_place(0).numbered(1..=10);
    story.now().offered(10).carriers_on(GLUETUN, 1).carriers_on(GLUETUN2, 1);
}

#[test]
fn an_engine_that_was_removed_meanwhile_is_made_anew() {
    let mut story = while_acefleet_is_away(|story| story.engine(6).is_removed_by_a_person());
    story.until_settled();
    story.now().created(1).removed(0).restarted_in_place(0).numbered(1..=10).offered(10);
}

#[test]
fn a_vpn_that_bounced_meanwhile_has_its_engines_restarted_in_place() {
    let mut story = while_acefleet_is_away(|story| story.vpn(GLUETUN).dies_by_itself());
    story.within(secs(1)).offered_on(GLUETUN2, 5).nothing_is_offered_on(GLUETUN);
    story.until_settled();
    was_repaired_in_place(&mut story);
}

#[test]
fn a_vpn_that_was_recreated_meanwhile_gets_new_engines() {
    let mut story = while_acefleet_is_away(|story| story.vpn(GLUETUN).is_recreated());
    story.within(secs(1)).offered_on(GLUETUN2, 5).nothing_is_offered_on(GLUETUN);
    story.until_settled();
    story.now().created(5).removed(5).no_engine_was_touched_on(GLUETUN2);
}

#[test]
fn an_adopted_engine_that_is_restarted_is_offered_again_only_once_it_answers() {
    let mut story = while_acefleet_is_away(|_| {});
    story.until_settled();
    story.chapter("the VPN bounces");
    story.vpn(GLUETUN).dies_by_itself();
    story.within(millis(20)).nothing_is_offered_on(GLUETUN);
    story.throughout(secs(60), |now| now.offered_on(GLUETUN2, 5).whoever_is_offered_is_connected());
    was_repaired_in_place(&mut story);
}

#[test]
fn engines_of_a_vpn_that_is_doubted_at_a_late_first_look_are_not_made_twice() {
    let mut story = five_and_five();
    story.chapter("acefleet is started while Docker is silent and a VPN looks unhealthy");
    story.vpn(GLUETUN).looks_unhealthy();
    story.pass(secs(10));
    story.docker().freezes_for(secs(80));
    story.acefleet().is_away_for(secs(1));
    story.until_settled();
    story.now().no_engine_was_touched().offered_on(GLUETUN, 5).offered_on(GLUETUN2, 5);
}

#[test]
fn a_strangers_container_keeps_its_name_and_is_never_touched() {
    let mut story = Story::of(two_vpns().engines(10));
    story.acefleet().crashes();
    story.somebody_runs("acestream-3");
    story.chapter("acefleet starts");
    story.acefleet().is_started();
    story.until_settled();
    story.now().created(10).numbers_are(&[1, 2, 4, 5, 6, 7, 8, 9, 10, 11]);
    let stranger = story.world().container_named(&"acestream-3".into()).expect("it was left alone");
    assert_eq!((stranger.state(), stranger.starts()), (State::Running, 1));
}

#[test]
fn a_name_that_a_stranger_takes_at_the_last_moment_is_not_fought_for() {
    let mut story = five_and_five();
    story.chapter("engine 3 is removed, and somebody takes its name before acefleet hears of it");
    story.docker().loses_its_events_for(secs(60));
    story.engine(3).is_removed_by_a_person();
    story.somebody_runs("acestream-3");
    story.until_settled();
    story.now().created(1).removed(1).numbers_are(&[1, 2, 4, 5, 6, 7, 8, 9, 10, 11]);
}
