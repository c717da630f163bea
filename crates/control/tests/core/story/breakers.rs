//! Breakers: creating engines fails again and again, and is left alone for a while.

use crate::desk::{Desk, check, host_with, no_vpn, one_vpn, secs};
use control::docker::{Happened, State};
use control::event::Refusal;
use control::policy::breaker::{Kind, Phase};
use control::request::{Reply, Request};
use control::snapshot::BlockedCode;

/// One engine is to be created on one VPN, and its creation waits to be answered.
fn about_to_create() -> Desk {
    let mut desk = Desk::opened(one_vpn(1), host_with(&["gluetun"]));
    desk.hold("create");
    desk.store_answers(&[]);
    desk.transcript();
    desk
}

/// The image is missing five times in a row: the breaker has just opened.
fn open() -> Desk {
    let mut desk = about_to_create();
    for wait in [1, 2, 4, 8, 0] {
        desk.refused("create", Refusal::ImageMissing);
        desk.wait(secs(wait));
    }
    desk
}

fn general(desk: &Desk) -> control::policy::breaker::Breaker {
    let breakers = desk.core.snapshot().breakers;
    breakers.into_iter().find(|(kind, _)| *kind == Kind::General).expect("it is shown").1
}

#[test]
fn after_five_failures_in_a_row_creating_is_left_alone_for_five_minutes() {
    let mut desk = open();
    check(
        desk.told_of("circuit"),
        "
        15s       circuit breaker 'general' opens: no engine is created for now: image missing, 5
                      failure(s) in a row; looked at again in 300.0 s
        ",
    );
    let blocked = desk.core.snapshot().blocked.expect("nothing can be created");
    assert_eq!(blocked.code, BlockedCode::CircuitBreaker);
    assert_eq!(blocked.until, control::Time::from_secs(315));
    assert_eq!(desk.core.snapshot().last_creation_failure, Some(desk.now()));
    desk.wait(secs(299));
    check(desk.did(), "");
}

#[test]
fn one_trial_that_leads_to_an_engine_that_answers_closes_it() {
    let mut desk = open();
    desk.transcript();
    desk.wait(secs(300));
    assert!(matches!(general(&desk).phase(), Phase::HalfOpen { trial: Some(_) }));
    desk.done("create");
    check(
        desk.transcript(),
        "
        315s      creating engine acestream-1 on VPN 'gluetun': too few engines serve (0 of 1
                      wanted, 0 coming); its first good answer is due within 120.0 s
                  > create acestream-1 on gluetun http 19000 https 45000 (too few engines serve)
                  starting engine acestream-1: it was created and not yet started; its first good
                      answer is due within 120.0 s
                  > start acestream-1 (it was created and not yet started)
                  circuit breaker 'general' is closed; what is missing is created
                  engine acestream-1 is offered
        ",
    );
    assert_eq!(general(&desk).last_success(), Some(desk.now()));
}

#[test]
fn one_trial_that_fails_opens_it_again() {
    let mut desk = open();
    desk.wait(secs(300));
    desk.transcript();
    desk.refused("create", Refusal::ImageMissing);
    check(
        desk.told_of("circuit"),
        "
        315s      circuit breaker 'general' opens: no engine is created for now: image missing, 6
                      failure(s) in a row; looked at again in 300.0 s
        ",
    );
}

#[test]
fn engines_that_never_answer_count() {
    let mut desk = Desk::opened(no_vpn(1), host_with(&[]));
    desk.hold("start");
    desk.store_answers(&[]);
    desk.on("acestream-1").answers = false;
    desk.done("start");
    desk.wait(secs(121));
    assert_eq!(general(&desk).failures(), 1);
}

#[test]
fn engines_that_exit_while_they_boot_count() {
    let mut desk = Desk::opened(no_vpn(1), host_with(&[]));
    desk.hold("start");
    desk.hold("probe");
    desk.store_answers(&[]);
    desk.done("start");
    desk.on("acestream-1").state = State::Exited;
    desk.hear("acestream-1", Happened::Died);
    assert_eq!(general(&desk).failures(), 1);
}

#[test]
fn a_name_that_somebody_is_found_to_have_does_not_count_and_one_that_nobody_has_does() {
    let mut desk = about_to_create();
    desk.host.run_stranger("acestream-1", &[]);
    desk.refused("create", Refusal::NameTaken);
    desk.wait(secs(1));
    assert_eq!(general(&desk).failures(), 0, "a stranger has it");

    desk.refused("create", Refusal::NameTaken);
    desk.wait(secs(2));
    assert_eq!(general(&desk).failures(), 1, "nobody has it");
}

#[test]
fn what_is_not_known_and_what_the_vpn_is_to_blame_for_does_not_count() {
    let mut desk = about_to_create();
    desk.refused("create", Refusal::NetworkNotRunning);
    desk.wait(secs(1));
    assert_eq!(general(&desk).failures(), 0, "it said so itself");

    desk.lost("create");
    desk.wait(secs(60));
    assert_eq!(general(&desk).failures(), 0, "nobody knows");

    desk.on("gluetun").state = State::Exited;
    desk.hear("gluetun", Happened::Died);
    desk.refused("create", Refusal::ImageMissing);
    assert_eq!(general(&desk).failures(), 0, "its VPN does not run");
}

#[test]
fn a_person_closes_it_and_creating_goes_on_at_once() {
    let mut desk = open();
    desk.transcript();
    assert_eq!(desk.answer_to(Request::ResetBreaker(Some(Kind::Replacement))), Reply::Done);
    check(desk.transcript(), "");
    assert_eq!(desk.answer_to(Request::ResetBreaker(None)), Reply::Done);
    check(
        desk.transcript(),
        "
        15s       circuit breaker 'general' is closed: a person has reset it; what is missing is
                      created
                  creating engine acestream-1 on VPN 'gluetun': too few engines serve (0 of 1
                      wanted, 0 coming); its first good answer is due within 120.0 s
                  > create acestream-1 on gluetun http 19000 https 45000 (too few engines serve)
        ",
    );
    assert_eq!((general(&desk).phase(), general(&desk).failures()), (Phase::Closed, 0));
}
