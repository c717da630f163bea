//! Following a request: whoever was told the operation's id finds everything that follows in the journal, and an end.

use crate::desk::{Desk, check, host_with, no_vpn, one_vpn, secs, two_on_each};
use control::docker::{Happened, State};
use control::ids::{OpId, VpnId};
use control::journal::What;
use control::request::{Reply, Request};

/// Somebody asks for something that takes its time.
fn accepted(desk: &mut Desk, what: Request) -> OpId {
    match desk.answer_to(what) {
        Reply::Accepted(op) => op,
        other => panic!("it is not accepted: {other:?}"),
    }
}

/// What the journal says of it, by kind.
fn course(desk: &Desk, op: OpId) -> String {
    let entries = desk.core.journal().since(0).filter(|entry| entry.follows(op));
    entries.map(|entry| entry.what.kind()).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_deletion_a_draining_and_a_replacement_are_followed_until_the_engine_is_gone() {
    let expected = [
        "requested remove gone request_over",
        "requested hand_off remove gone request_over",
        "requested hand_off create remove gone request_over",
    ];
    for (what, expected) in [Request::Delete, Request::Drain, Request::Replace].into_iter().zip(expected) {
        let mut desk = Desk::at_rest(one_vpn(2));
        let engine = desk.on("acestream-2").id;
        let op = accepted(&mut desk, what(engine));
        desk.wait(secs(60));
        check(course(&desk, op), expected);
    }
}

#[test]
fn a_request_that_is_taken_back_or_overtaken_is_over_and_so_is_the_one_that_took_it_back() {
    let mut desk = Desk::at_rest(no_vpn(2));
    let engine = desk.on("acestream-2").id;
    let drain = accepted(&mut desk, Request::Drain(engine));
    let keep = accepted(&mut desk, Request::Undrain(engine));
    check(course(&desk, drain), "requested hand_off request_over");
    check(course(&desk, keep), "requested stays request_over");

    let drain = accepted(&mut desk, Request::Drain(engine));
    let delete = accepted(&mut desk, Request::Delete(engine));
    check(course(&desk, drain), "requested hand_off request_over");
    check(course(&desk, delete), "requested remove gone request_over");
}

#[test]
fn an_engine_that_goes_by_itself_ends_what_was_asked_of_it() {
    let mut desk = Desk::at_rest(no_vpn(2));
    let engine = desk.on("acestream-2").id;
    let op = accepted(&mut desk, Request::Drain(engine));
    desk.hear_gone("acestream-2");
    check(course(&desk, op), "requested hand_off gone request_over");
}

#[test]
fn the_draining_of_a_vpn_is_over_once_no_engine_is_left_on_it_or_it_is_used_again() {
    let mut desk = Desk::at_rest(two_on_each());
    let op = accepted(&mut desk, Request::DrainVpn(VpnId(0)));
    desk.wait(secs(20));
    check(course(&desk, op), "requested hand_off hand_off");
    desk.wait(secs(60));
    check(course(&desk, op), "requested hand_off hand_off remove remove request_over");
    // What is over is not told again.
    let undrain = accepted(&mut desk, Request::UndrainVpn(VpnId(0)));
    check(course(&desk, undrain), "requested request_over");
    check(course(&desk, op), "requested hand_off hand_off remove remove request_over");

    let op = accepted(&mut desk, Request::DrainVpn(VpnId(1)));
    accepted(&mut desk, Request::UndrainVpn(VpnId(1)));
    check(course(&desk, op), "requested hand_off hand_off hand_off request_over");
}

#[test]
fn a_bounce_and_a_restart_of_a_vpn_are_over_when_it_is_known_what_came_of_them() {
    let over = |desk: &mut Desk| desk.told_of("is over");
    let mut desk = Desk::at_rest(one_vpn(1));
    let op = accepted(&mut desk, Request::BounceVpn(VpnId(0)));
    check(course(&desk, op), "requested request_over");
    check(over(&mut desk), "1000s     what was asked of VPN 'gluetun' is over: the VPN is healthy");

    let op = accepted(&mut desk, Request::RestartVpn(VpnId(0)));
    check(course(&desk, op), "requested request_over");
    check(over(&mut desk), "1000s     what was asked of VPN 'gluetun' is over: it was carried out");

    let mut desk = Desk::at_rest(one_vpn(1));
    desk.hold("tell");
    let op = accepted(&mut desk, Request::BounceVpn(VpnId(0)));
    desk.host.stop("gluetun");
    desk.hear("gluetun", Happened::Died);
    check(course(&desk, op), "requested");
    desk.done("tell");
    check(
        over(&mut desk),
        "1000s     what was asked of VPN 'gluetun' is over: its network was replaced meanwhile",
    );
}

#[test]
fn a_container_that_is_no_engine_is_deleted_and_that_is_followed_too() {
    let mut host = host_with(&[]);
    host.add_engine("helper", &[("role", "helper")]).state = State::Exited;
    let mut desk = Desk::in_sight(no_vpn(1), host);
    let id = desk.on("helper").id;
    let op = accepted(&mut desk, Request::Delete(id));
    check(course(&desk, op), "requested remove gone request_over");
    assert!(!desk.host.exists("helper"));
    let last = desk.core.journal().since(0).filter(|entry| entry.follows(op)).last();
    assert!(last.is_some_and(|entry| entry.what == What::RequestOver(op)));
}
