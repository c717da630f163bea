//! Operations whose end nobody tells: what they were to create is waited for, found or given up, and never
//! doubled.

use sim::story::{GLUETUN, GLUETUN2, Story, millis, one_vpn, secs};
use sim::world::Span;

/// Acefleet has its first complete look 10 ms after its start, and sends its creations then; Docker has
/// carried them out 100 ms later.
const BEFORE_CREATIONS: std::time::Duration = millis(9);
const DURING_CREATIONS: std::time::Duration = millis(50);

#[test]
fn a_creation_that_was_carried_out_unheard_is_found_and_not_repeated() {
    let mut story = Story::of(one_vpn().engines(3));
    story.pass(DURING_CREATIONS);
    story.docker().refuses_everybody_for(millis(300));
    story.within(millis(10)).the_journal_tells_times(3, "was not answered").created(0);
    story.until_settled();
    story.now().created(3).removed(0).numbered(1..=3).http_ports_on(GLUETUN, 19_000..=19_002);
    story.now().the_journal_tells_times(3, "is settled: engine acestream-");
}

#[test]
fn a_creation_that_was_denied_and_carried_out_is_found_and_not_repeated() {
    let mut story = Story::of(one_vpn().engines(3));
    story.docker().denies_what_it_does_for(millis(100));
    story.within(millis(100)).the_journal_tells_times(3, "was not answered").created(0);
    story.until_settled();
    story.now().created(3).removed(0).numbered(1..=3);
}

#[test]
fn a_creation_that_was_never_carried_out_is_given_up_after_two_absences() {
    let mut story = Story::of(one_vpn().engines(3));
    story.pass(BEFORE_CREATIONS);
    story.docker().refuses_everybody_for(millis(300));
    story.within(millis(10)).the_journal_tells_times(3, "was not answered");
    // DOCKER_TIMEOUT_S lies between the two questions.
    story.throughout(secs(31), |now| now.created(0).the_journal_does_not_tell("does not exist"));
    story.within(secs(3)).the_journal_tells_times(3, "does not exist").created(3);
    story.until_settled();
    story.now().created(3).numbered(1..=3);
}

#[test]
fn what_an_earlier_life_has_ordered_arrives_late_and_is_kept_if_it_is_wanted() {
    let mut story = Story::of(one_vpn().engines(3).weather(|weather| weather.create = Span::secs(20, 20)));
    story.pass(secs(1));
    story.acefleet().is_away_for(secs(1));
    story.throughout(secs(17), |now| now.created(0));
    story.until_settled();
    story.now().created(3).removed(0).numbered(1..=3);
}

#[test]
fn what_arrives_although_nobody_wants_it_is_removed() {
    let mut story = Story::of_settled(one_vpn().engines(3));
    story.chapter("an engine arrives");
    story.somebody_creates_an_engine(4, Some(GLUETUN), 19_010);
    story.within(secs(1)).engines(3).removed(1);
    story.until_settled();
    story.now().created(1).numbered(1..=3).restarted_in_place(0);
}

/// D2: the container of a start that was refused stays, with its name.
#[test]
fn an_engine_that_could_not_be_started_because_its_vpn_restarts_is_removed_and_made_anew() {
    let mut story = Story::of(one_vpn().engines(3));
    story.until_created(3);
    story.pass(millis(20));
    story.chapter("the VPN dies while its engines are being started");
    story.vpn(GLUETUN).dies_by_itself();
    story.until_settled();
    story
        .now()
        .the_journal_tells_times(3, "start of engine acestream-")
        .removed(3)
        .created(3)
        .numbered(1..=3);
}

#[test]
fn engines_whose_vpn_bounces_while_they_are_made_are_not_doubled() {
    // One after the other through creation, start, boot and first answers.
    for moment in (0..40).map(|step| millis(5 + step * 50)) {
        let mut story = Story::of(sim::story::two_vpns().engines(10));
        story.pass(moment);
        story.chapter(format!("the VPN dies {moment:?} after acefleet was started"));
        story.vpn(GLUETUN).dies_by_itself();
        story.until_settled();
        story.now().engines(10).offered_on(GLUETUN, 5).offered_on(GLUETUN2, 5).numbered(1..=10);
    }
}
