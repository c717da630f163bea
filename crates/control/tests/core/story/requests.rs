//! What people ask for: each request has one answer, and what follows carries its operation.

use crate::desk::{Desk, check, no_vpn, one_vpn, secs, two_on_each};
use control::Settings;
use control::ids::{ContainerId, VpnId};
use control::request::{Reply, Request};

fn id(desk: &mut Desk, name: &str) -> ContainerId {
    desk.on(name).id
}

fn nobody() -> ContainerId {
    ContainerId::from_bytes([9; 32])
}

#[test]
fn the_minimum_is_raised_at_once_and_within_the_limit() {
    let mut desk = Desk::at_rest(Settings { max_replicas: 5, ..no_vpn(1) });
    assert_eq!(desk.answer_to(Request::Scale(3)), Reply::ScaledTo(3));
    check(desk.fleet(), "outside: 1 2 3");
    assert_eq!(desk.answer_to(Request::Scale(900)), Reply::ScaledTo(5));
    check(desk.fleet(), "outside: 1 2 3 4 5");
    assert_eq!(desk.core.snapshot().capacity.minimum, 5);
}

#[test]
fn a_lower_minimum_hands_off_what_is_idle_and_too_much() {
    let mut desk = Desk::at_rest(no_vpn(4));
    assert_eq!(desk.answer_to(Request::Scale(0)), Reply::ScaledTo(0));
    check(desk.fleet(), "outside: 1 (2) (3) (4)");
    desk.wait(secs(26));
    check(desk.fleet(), "outside: 1");
}

#[test]
fn collecting_garbage_of_a_fleet_that_is_as_it_should_be_changes_nothing() {
    let mut desk = Desk::at_rest(two_on_each());
    assert_eq!(desk.answer_to(Request::CollectGarbage), Reply::Done);
    desk.wait(secs(60));
    check(desk.transcript(), "");
}

#[test]
fn a_container_is_removed_because_a_person_asked_for_it() {
    let mut desk = Desk::at_rest(no_vpn(2));
    let engine = id(&mut desk, "acestream-2");
    assert!(matches!(desk.answer_to(Request::Delete(engine)), Reply::Accepted(_)));
    desk.wait(secs(1));
    check(
        desk.transcript(),
        "
        1000s     removal of engine acestream-2 was asked for; it will be gone
                  engine acestream-2 is hidden: it is decided to go
                  removing engine acestream-2: a person asked for it, its operation
                  > remove acestream-2 (a person asked for it)
                  engine acestream-2 is gone: its operation
                  what was asked of engine acestream-2 is over: it is gone
                  creating engine acestream-2: too few engines serve (1 of 2 wanted, 0 coming); its
                      first good answer is due within 120.0 s
                  > create acestream-2 outside http 19001 https 45001 (too few engines serve)
                  starting engine acestream-2: it was created and not yet started; its first good
                      answer is due within 120.0 s
                  > start acestream-2 (it was created and not yet started)
                  engine acestream-2 is offered
        ",
    );
    assert_eq!(desk.answer_to(Request::Delete(nobody())), Reply::NotFound);
}

#[test]
fn an_engine_is_drained_and_kept_after_all() {
    let mut desk = Desk::at_rest(no_vpn(2));
    let engine = id(&mut desk, "acestream-2");
    assert!(matches!(desk.answer_to(Request::Drain(engine)), Reply::Accepted(_)));
    check(desk.hidden(), "acestream-2: it is on its way out, next step at 1025s");
    assert!(matches!(desk.answer_to(Request::Undrain(engine)), Reply::Accepted(_)));
    desk.transcript();
    desk.wait(secs(60));
    assert!(!desk.did().contains("remove acestream-2"));
}

#[test]
fn an_engine_is_replaced_by_a_new_one() {
    let mut desk = Desk::at_rest(one_vpn(2));
    let engine = id(&mut desk, "acestream-1");
    assert!(matches!(desk.answer_to(Request::Replace(engine)), Reply::Accepted(_)));
    desk.wait(secs(30));
    check(desk.fleet(), "gluetun: 2 3");
}

#[test]
fn what_makes_no_sense_is_refused_with_what_to_do() {
    let mut desk = Desk::at_rest(no_vpn(2));
    let engine = id(&mut desk, "acestream-2");
    for what in [
        Request::Drain(nobody()),
        Request::Undrain(nobody()),
        Request::Replace(nobody()),
        Request::Undrain(engine),
        Request::Drain(engine),
        Request::Drain(engine),
        Request::Replace(engine),
        Request::Delete(engine),
        Request::BounceVpn(VpnId(0)),
    ] {
        desk.ask_for(what);
    }
    check(
        desk.answers(),
        "
        1: not found
        2: not found
        3: not found
        4: refused, not_drained: it is not on its way out: there is nothing to undo
        5: accepted
        6: refused, already_draining: it is on its way out already; undrain it to keep it
        7: refused, already_draining: it is on its way out already; undrain it to keep it
        8: accepted
        9: not found
        ",
    );

    let mut desk = Desk::at_rest(one_vpn(1));
    desk.ask_for(Request::DrainVpn(VpnId(0)));
    desk.ask_for(Request::DrainVpn(VpnId(1)));
    check(
        desk.answers(),
        "
        1: refused, last_vpn: no other VPN could take over: mend or undrain another one first
        2: not found
        ",
    );
}

#[test]
fn while_docker_does_not_answer_nothing_is_begun_and_the_minimum_is_noted() {
    let mut desk = Desk::at_rest(no_vpn(1));
    let engine = id(&mut desk, "acestream-1");
    desk.host.docker_answers = false;
    desk.wait(secs(10));
    desk.ask_for(Request::Delete(engine));
    desk.ask_for(Request::Replace(engine));
    desk.ask_for(Request::Scale(2));
    check(
        desk.answers(),
        "
        1: unavailable: Docker does not answer: try again when it does
        2: unavailable: Docker does not answer: try again when it does
        3: scaled to 2
        ",
    );
    desk.host.docker_answers = true;
    desk.wait(secs(10));
    check(desk.fleet(), "outside: 1 2");
}
