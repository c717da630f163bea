//! Engines on their way out: too many, on the wrong VPN, from other settings, outside the VPNs.

use crate::desk::{Desk, check, host_with, one_vpn, secs, two_on_each, two_vpns};
use control::docker::{Happened, Health};
use control::ids::SpecHash;
use control::request::Request;
use control::{Settings, Time, labels};

/// Engines of an earlier life on two VPNs, so many on each.
fn adopted(settings: Settings, first: u16, second: u16) -> Desk {
    let mut host = host_with(&["gluetun", "gluetun2"]);
    for number in 1..=first + second {
        let vpn = if number <= first { "gluetun" } else { "gluetun2" };
        host.run_engine(&format!("acestream-{number}"), vpn, 18_999 + number);
    }
    host.now = Time::from_secs(1_000);
    let mut desk = Desk::in_sight(settings, host);
    desk.transcript();
    desk
}

#[test]
fn two_vpns_that_differ_by_two_are_evened_out_one_engine_at_a_time() {
    let mut desk = adopted(Settings { min_replicas: 6, ..two_vpns() }, 5, 1);
    check(desk.fleet(), "gluetun: 1 2 3 4 (5) | gluetun2: 6 7");
    desk.wait(secs(10));
    check(desk.transcript(), "");
    check(desk.fleet(), "gluetun: 1 2 3 4 (5) | gluetun2: 6 7");
    desk.wait(secs(100));
    check(
        desk.did(),
        "
            1025s     > remove acestream-5 (its VPN has more engines than another)
                      > create acestream-5 on gluetun2 http 19004 https 45001 (its VPN has more engines
                          than another)
                      > start acestream-5 (it was created and not yet started)
            1050s     > remove acestream-4 (its VPN has more engines than another)
        ",
    );
    check(desk.fleet(), "gluetun: 1 2 3 | gluetun2: 5 6 7");
    desk.wait(secs(1_000));
    check(desk.did(), "");
}

#[test]
fn at_a_limit_an_engine_leaves_the_fuller_vpn_before_another_comes_to_the_emptier() {
    let mut desk = adopted(Settings { min_replicas: 6, max_replicas: 6, ..two_vpns() }, 5, 1);
    desk.wait(secs(100));
    check(
        desk.did(),
        "
            1025s     > remove acestream-5 (its VPN has more engines than another)
                      > create acestream-5 on gluetun2 http 19004 https 45000 (too few engines serve)
                      > start acestream-5 (it was created and not yet started)
            1050s     > remove acestream-4 (its VPN has more engines than another)
                      > create acestream-4 on gluetun2 http 19003 https 45001 (too few engines serve)
                      > start acestream-4 (it was created and not yet started)
        ",
    );
    check(desk.fleet(), "gluetun: 1 2 3 | gluetun2: 4 5 6");
}

#[test]
fn idle_engines_beyond_what_is_wanted_stay_unless_they_may_be_deleted() {
    let mut desk = adopted(two_on_each(), 3, 3);
    desk.wait(secs(1_000));
    check(desk.did(), "");
    check(desk.fleet(), "gluetun: 1 2 3 | gluetun2: 4 5 6");
}

#[test]
fn with_auto_delete_idle_engines_beyond_what_is_wanted_are_hidden_and_then_removed() {
    let mut desk = adopted(Settings { auto_delete: true, ..two_on_each() }, 3, 3);
    desk.wait(secs(60));
    check(
        desk.transcript(),
        "
            1030s     handing off engine acestream-6: more engines serve than should; it goes in 25.0 s
                      handing off engine acestream-3: more engines serve than should; it goes in 25.0 s
                      engine acestream-3 is hidden: it is on its way out
                      engine acestream-6 is hidden: it is on its way out
            1055s     removing engine acestream-3: more engines serve than should
                      removing engine acestream-6: more engines serve than should
                      > remove acestream-3 (more engines serve than should)
                      > remove acestream-6 (more engines serve than should)
                      engine acestream-3 is gone
                      engine acestream-6 is gone
        ",
    );
    check(desk.fleet(), "gluetun: 1 2 | gluetun2: 4 5");
    desk.wait(secs(30));
    check(desk.did(), "");
    check(desk.fleet(), "gluetun: 1 2 | gluetun2: 4 5");
}

#[test]
fn an_engine_that_leaves_because_there_were_too_many_is_called_back_when_another_is_lost() {
    let mut desk = adopted(Settings { auto_delete: true, ..two_on_each() }, 3, 2);
    desk.wait(secs(40));
    check(desk.fleet(), "gluetun: 1 2 (3) | gluetun2: 4 5");
    desk.transcript();
    desk.hear_gone("acestream-1");
    check(
        desk.transcript(),
        "
            1040s     engine acestream-1 is gone: by a foreign hand
                      engine acestream-3 stays: it is needed
                      engine acestream-3 is offered
        ",
    );
    check(desk.fleet(), "gluetun: 2 3 | gluetun2: 4 5");
}

#[test]
fn engines_from_other_settings_are_replaced_one_at_a_time() {
    let mut host = host_with(&["gluetun"]);
    for (name, port) in [("acestream-1", "19000"), ("acestream-2", "19001")] {
        host.add_engine(
            name,
            &[
                (labels::HTTP_PORT, port),
                (labels::VPN_CONTAINER, "gluetun"),
                (labels::SPEC, "00000000000000aa"),
            ],
        );
        host.start(name);
    }
    host.run_engine("acestream-3", "gluetun", 19_002);
    host.now = Time::from_secs(1_000);
    let mut desk = Desk::in_sight(Settings { spec: SpecHash(0xbb), ..one_vpn(3) }, host);
    desk.transcript();
    check(desk.fleet(), "gluetun: 1 (2) 3 4");
    desk.wait(secs(30));
    check(
        desk.transcript(),
        "
            1025s     removing engine acestream-2: it was created from other settings
                      > remove acestream-2 (it was created from other settings)
                      engine acestream-2 is gone
                      creating engine acestream-2 on VPN 'gluetun': it was created from other settings;
                          its first good answer is due within 120.0 s
                      > create acestream-2 on gluetun http 19001 https 45001 (it was created from other
                          settings)
                      starting engine acestream-2: it was created and not yet started; its first good
                          answer is due within 120.0 s
                      > start acestream-2 (it was created and not yet started)
                      engine acestream-2 is offered
                      handing off engine acestream-1: it was created from other settings; it goes in
                          25.0 s
                      engine acestream-1 is hidden: it is on its way out
        ",
    );
    check(desk.fleet(), "gluetun: (1) 2 3 4");
    desk.wait(secs(1_000));
    check(desk.did(), "1050s     > remove acestream-1 (it was created from other settings)");
    check(desk.fleet(), "gluetun: 2 3 4");
}

#[test]
fn an_engine_outside_the_vpns_leaks_so_it_is_hidden_at_once_and_goes_after_the_hand_off() {
    let mut host = host_with(&["gluetun"]);
    host.run_engine("acestream-1", "gluetun", 19_000);
    host.add_engine("acestream-2", &[(labels::HTTP_PORT, "19001")]);
    host.start("acestream-2");
    let mut desk = Desk::in_sight(one_vpn(1), host);
    check(
        desk.told_of("acestream-2"),
        "
            0s        adopted engine acestream-2
                      handing off engine acestream-2: it is outside the VPNs' networks; it goes in 25.0
                          s
        ",
    );
    desk.wait(secs(60));
    check(
        desk.transcript(),
        "
            25s       removing engine acestream-2: it is outside the VPNs' networks
                      > remove acestream-2 (it is outside the VPNs' networks)
                      engine acestream-2 is gone
        ",
    );
    check(desk.fleet(), "gluetun: 1");
}

#[test]
fn nothing_is_evened_out_or_idles_away_while_a_vpn_has_just_recovered() {
    let mut desk = Desk::at_rest(Settings { auto_delete: true, ..two_on_each() });
    desk.host.stop("gluetun");
    desk.hear("gluetun", Happened::Died);
    desk.wait(secs(60));
    desk.host.start("gluetun");
    desk.hear("gluetun", Happened::Started);
    desk.wait(secs(100));
    desk.did();
    check(desk.fleet(), "gluetun: 1 2 | gluetun2: 3 4");
    desk.wait(secs(10));
    check(desk.did(), "");
}

#[test]
fn while_no_vpn_is_healthy_nobody_gives_up_a_place_that_nothing_could_take() {
    let mut desk = Desk::at_rest(Settings { max_replicas: 4, ..two_on_each() });
    desk.hold_mending();
    for vpn in ["gluetun", "gluetun2"] {
        desk.on(vpn).tunnel_up = false;
        desk.on(vpn).health = Health::Unhealthy;
    }
    desk.wait(secs(200));
    check(desk.did(), "");
}

#[test]
fn whoever_asks_for_fewer_engines_while_a_vpn_stabilizes_gets_them_when_that_is_over() {
    let mut desk = Desk::at_rest(two_on_each());
    desk.host.start("gluetun");
    desk.hear("gluetun", Happened::Started);
    desk.wait(secs(10));
    desk.answer_to(Request::Scale(2));
    desk.wait(secs(60));
    check(desk.fleet(), "gluetun: 1 2 | gluetun2: 3 4");
    desk.wait(secs(120));
    check(desk.fleet(), "gluetun: 1 | gluetun2: 3");
}
