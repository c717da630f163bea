//! Requests of outside programs: answered in time, whatever Docker does meanwhile.

use control::Time;
use control::ids::RequestId;
use control::request::{Reply, Request};
use sim::story::{Story, millis, one_vpn, secs, without_vpn};
use sim::world::{DockerFault, Fault, HostFault};
use std::sync::Arc;

fn provision(story: &mut Story) -> RequestId {
    story.somebody_asks(Request::Provision(Arc::default()))
}

/// The engine that a request was answered with, and when.
fn engine_for(story: &Story, request: RequestId) -> Option<(Time, String)> {
    let (at, reply) = story.answer_to(request)?;
    match reply {
        Reply::Provisioned { name, .. } => Some((at, name.to_string())),
        other => panic!("{other:?}"),
    }
}

#[test]
fn acexy_gets_an_engine_of_its_own_well_inside_its_three_seconds() {
    let mut story = Story::of_settled(one_vpn().engines(3));
    let asked = story.time();
    let request = provision(&mut story);
    story.until("it is answered", |story| story.answer_to(request).is_some());
    let (answered, name) = engine_for(&story, request).expect("an engine");
    assert_eq!(name, "acestream-4");
    assert!(answered.since(asked) < millis(2_500));
}

#[test]
fn a_client_that_gave_up_and_asks_again_after_three_seconds_gets_that_very_engine() {
    let mut story = Story::of_settled(one_vpn().engines(3));
    story.lasts_for(Fault::Docker(DockerFault::Frozen), secs(4));
    let asked = story.time();
    let first = provision(&mut story);
    story.pass(secs(3));
    let (answered, reply) = story.answer_to(first).expect("it is answered in time");
    assert!(answered.since(asked) <= millis(2_500));
    assert!(matches!(reply, Reply::Blocked { should_wait: true, can_retry: true, .. }), "{reply:?}");

    let again = provision(&mut story);
    story.pass(millis(2_400));
    let (_, name) = engine_for(&story, again).expect("Docker goes on after four seconds");
    assert_eq!(name, "acestream-4");
    story.now().engines(4);

    // Whoever else asks gets another one.
    let other = provision(&mut story);
    story.pass(secs(2));
    assert_eq!(engine_for(&story, other).expect("an engine").1, "acestream-5");
}

#[test]
fn a_missing_image_opens_the_breaker_and_one_trial_closes_it() {
    let mut story = Story::of_settled(without_vpn().engines(3));
    story.begins(Fault::Host(HostFault::ImageGone));
    story.engine(1).is_removed_by_a_person();
    story.within(secs(30)).the_journal_tells("circuit breaker 'general' opens").engines(2);
    let request = provision(&mut story);
    let (_, reply) = story.answer_to(request).expect("it is answered at once");
    assert!(matches!(reply, Reply::Blocked { should_wait: true, .. }), "{reply:?}");
    story.chapter("the image is back, and nothing is tried before its time");
    story.ends(Fault::Host(HostFault::ImageGone));
    story.throughout(secs(200), |now| now.engines(2).created(0));
    story.within(secs(120)).the_journal_tells("circuit breaker 'general' is closed").engines(3).created(1);
}

#[test]
fn when_another_orchestrator_starts_and_removes_every_engine_acefleet_stands_back_and_recovers() {
    let mut story = Story::of_settled(one_vpn().engines(8));
    story.pass(secs(60));
    story.begins(Fault::Host(HostFault::RivalStarts));
    story.within(secs(10)).the_journal_tells("ALERT: passive");
    story.until("everything under way has ended", |story| story.snapshot().engines.len() < 4);
    story.chapter("it stands back");
    story.pass(secs(20));
    story.chapter("and does nothing");
    story.throughout(secs(200), |now| now.created(0));
    story.within(secs(120)).the_journal_tells("active again").engines(8);
    story.until_settled();
}
