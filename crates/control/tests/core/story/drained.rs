//! A VPN that a person drains: it gets no new engines, and loses those that it has as they are idle.

use crate::desk::{Desk, check, host_with, one_vpn, secs, two_on_each};
use control::Time;
use control::ids::VpnId;
use control::request::{Reply, Request};

#[test]
fn its_idle_engines_are_handed_off_and_created_on_the_other_vpn_and_the_watched_one_stays_until_it_is_idle() {
    let mut host = host_with(&["gluetun", "gluetun2"]);
    for (name, vpn, port) in [
        ("acestream-1", "gluetun", 19_000),
        ("acestream-2", "gluetun", 19_001),
        ("acestream-3", "gluetun2", 19_002),
        ("acestream-4", "gluetun2", 19_003),
    ] {
        host.run_engine(name, vpn, port);
    }
    host.now = Time::from_secs(1_000);
    let mut desk = Desk::opened(two_on_each(), host);
    desk.store_answers(&[("acestream-1", "channel|1")]);
    desk.transcript();
    assert!(matches!(desk.answer_to(Request::DrainVpn(VpnId(0))), Reply::Accepted(_)));
    check(
        desk.transcript(),
        "
            1000s     draining of VPN 'gluetun' was asked for
                      handing off engine acestream-2: a person asked that its VPN be drained, its
                          operation; it goes in 25.0 s
                      engine acestream-2 is hidden: it is on its way out
                      creating engine acestream-5 on VPN 'gluetun2': too few engines serve (3 of 4
                          wanted, 0 coming); its first good answer is due within 120.0 s
                      > create acestream-5 on gluetun2 http 19004 https 45000 (too few engines serve)
                      starting engine acestream-5: it was created and not yet started; its first good
                          answer is due within 120.0 s
                      > start acestream-5 (it was created and not yet started)
                      engine acestream-5 is offered
        ",
    );
    check(desk.fleet(), "gluetun: 1 (2) | gluetun2: 3 4 5");
    assert!(desk.vpn("gluetun").drains);
    desk.wait(secs(1_000));
    check(desk.did(), "1025s     > remove acestream-2 (a person asked that its VPN be drained)");
    check(desk.fleet(), "gluetun: 1 | gluetun2: 3 4 5");
}

#[test]
fn a_vpn_that_is_used_again_keeps_what_has_not_gone_yet_and_is_filled_again() {
    let mut desk = Desk::at_rest(two_on_each());
    desk.answer_to(Request::DrainVpn(VpnId(0)));
    desk.wait(secs(10));
    check(desk.fleet(), "gluetun: (1) (2) | gluetun2: 3 4 5 6");
    desk.transcript();
    assert!(matches!(desk.answer_to(Request::UndrainVpn(VpnId(0))), Reply::Accepted(_)));
    check(
        desk.transcript(),
        "
            1010s     undraining of VPN 'gluetun' was asked for; what is missing is created
                      what was asked of VPN 'gluetun' is over: it is used again
                      what was asked of VPN 'gluetun' is over: it is used again
                      engine acestream-1 stays: its VPN is used again
                      engine acestream-2 stays: its VPN is used again
                      engine acestream-1 is offered
                      engine acestream-2 is offered
                      handing off engine acestream-6: its VPN has more engines than another; it goes in
                          25.0 s
                      engine acestream-6 is hidden: it is on its way out
        ",
    );
    check(desk.fleet(), "gluetun: 1 2 | gluetun2: 3 4 5 (6)");

    desk.answer_to(Request::DrainVpn(VpnId(0)));
    desk.wait(secs(60));
    check(desk.fleet(), "gluetun:  | gluetun2: 3 4 5 7");
    desk.answer_to(Request::UndrainVpn(VpnId(0)));
    desk.wait(secs(300));
    check(desk.fleet(), "gluetun: 1 2 | gluetun2: 3 4");
}

#[test]
fn the_last_vpn_is_not_drained_and_what_makes_no_sense_is_refused() {
    let mut desk = Desk::at_rest(one_vpn(1));
    assert!(matches!(desk.answer_to(Request::DrainVpn(VpnId(0))), Reply::Refused { code: "last_vpn", .. }));
    assert!(matches!(
        desk.answer_to(Request::UndrainVpn(VpnId(0))),
        Reply::Refused { code: "not_drained", .. }
    ));
    assert_eq!(desk.answer_to(Request::DrainVpn(VpnId(7))), Reply::NotFound);
    assert_eq!(desk.answer_to(Request::UndrainVpn(VpnId(7))), Reply::NotFound);

    let mut desk = Desk::at_rest(two_on_each());
    desk.answer_to(Request::DrainVpn(VpnId(1)));
    assert!(matches!(
        desk.answer_to(Request::DrainVpn(VpnId(1))),
        Reply::Refused { code: "already_draining", .. }
    ));
    assert!(matches!(desk.answer_to(Request::DrainVpn(VpnId(0))), Reply::Refused { code: "last_vpn", .. }));
}
