//! A VPN's tunnel is lost while its container runs on: its engines are held, and most come through unharmed.

use crate::desk::{Desk, check, host_with, millis, one_vpn, secs, two_on_each, two_vpns};
use control::Settings;
use control::docker::Health;
use control::vpn::Verdict;

impl Desk {
    /// The tunnel goes down, and Docker's health check has noticed. Nobody tells acefleet.
    fn lose_tunnel(&mut self, vpn: &str) {
        let vpn = self.on(vpn);
        (vpn.tunnel_up, vpn.health) = (false, Health::Unhealthy);
    }

    /// The tunnel comes up again, and Docker's health check has noticed.
    fn restore_tunnel(&mut self, vpn: &str) {
        let vpn = self.on(vpn);
        (vpn.tunnel_up, vpn.health) = (true, Health::Healthy);
    }
}

#[test]
fn a_tunnel_that_comes_back_soon_costs_each_engine_one_restart_one_after_the_other() {
    let mut desk = Desk::at_rest(two_vpns());
    desk.lose_tunnel("gluetun");
    desk.wait(secs(5));
    check(
        desk.transcript(),
        "
        1005s     VPN double-check: VPN 'gluetun' is doubted: Docker says unhealthy
                  VPN double-check: None of 5 engine(s) have internet connectivity
                  VPN 'gluetun' failed: Docker says unhealthy, 0 of 5 engine(s) are connected; its
                      engines are hidden
                  entering emergency mode: VPN 'gluetun' failed, VPN 'gluetun2' is healthy
                  engine acestream-1 is hidden: its VPN's tunnel is lost
                  engine acestream-2 is hidden: its VPN's tunnel is lost
                  engine acestream-3 is hidden: its VPN's tunnel is lost
                  engine acestream-4 is hidden: its VPN's tunnel is lost
                  engine acestream-5 is hidden: its VPN's tunnel is lost
        ",
    );
    check(desk.fleet(), "gluetun: (1) (2) (3) (4) (5) | gluetun2: 6 7 8 9 10");

    // For a minute after the failure nothing more happens.
    desk.wait(secs(50));
    check(
        desk.transcript(),
        "
            1035s     mending VPN 'gluetun', its tunnel is bounced: its tunnel has been lost for some
                          time (for 30.0 s)
        ",
    );

    desk.restore_tunnel("gluetun");
    desk.wait(secs(5));
    check(
        desk.did(),
        "
        1060s     > restart acestream-1 (its VPN's tunnel is back)
                  > restart acestream-2 (its VPN's tunnel is back)
                  > restart acestream-3 (its VPN's tunnel is back)
                  > restart acestream-4 (its VPN's tunnel is back)
                  > restart acestream-5 (its VPN's tunnel is back)
        ",
    );
    check(desk.fleet(), "gluetun: 1 2 3 4 5 | gluetun2: 6 7 8 9 10");
}

#[test]
fn engines_are_offered_again_once_they_are_connected_even_before_their_restart() {
    let mut desk = Desk::at_rest(two_on_each());
    desk.lose_tunnel("gluetun");
    desk.wait(secs(20));
    desk.transcript();

    desk.hold("restart");
    desk.restore_tunnel("gluetun");
    desk.wait(secs(5));
    check(
        desk.transcript(),
        "
        1025s     VPN 'gluetun' is healthy: all its engines say that they are not connected, 1 of 2
                      engine(s) are connected; what is missing is created
                  leaving emergency mode (it lasted 20.0 s); what is missing is created
                  restarting engine acestream-1 in place: its VPN's tunnel is back; its first good
                      answer is due within 120.0 s
                  > restart acestream-1 (its VPN's tunnel is back)
                  engine acestream-2 is offered
        ",
    );
    check(desk.fleet(), "gluetun: (1) 2 | gluetun2: 3 4");

    // The next one is restarted only when the first is offered again.
    desk.hold("probe acestream-1");
    desk.done("restart acestream-1");
    check(desk.waiting(), "probe acestream-1");
    desk.let_go("probe acestream-1");
    check(desk.waiting(), "restart acestream-2");
}

#[test]
fn engines_that_take_longer_to_connect_again_are_waited_for_and_do_not_fail_their_vpn_anew() {
    let mut desk = Desk::at_rest(one_vpn(3));
    desk.lose_tunnel("gluetun");
    desk.wait(secs(60));
    desk.restore_tunnel("gluetun");
    for name in ["acestream-2", "acestream-3"] {
        desk.on(name).connected = Some(false);
    }
    desk.hold("restart");
    desk.wait(secs(30));
    check(desk.fleet(), "gluetun: (1) (2) (3)");
    assert_eq!(desk.vpn("gluetun").verdict, Verdict::Healthy);

    desk.on("acestream-2").connected = Some(true);
    desk.wait(secs(2));
    check(desk.fleet(), "gluetun: (1) (2) (3)");
}

#[test]
fn held_engines_are_given_up_after_a_minute_but_for_one_that_can_tell_when_the_tunnel_is_back() {
    let mut desk = Desk::at_rest(two_vpns());
    desk.hold_mending();
    desk.lose_tunnel("gluetun");
    desk.wait(millis(64_999));
    check(desk.did(), "");
    check(
        desk.hidden(),
        "
        acestream-1: its VPN's tunnel is lost, next step at 1065s
        acestream-2: its VPN's tunnel is lost, next step at 1065s
        acestream-3: its VPN's tunnel is lost, next step at 1065s
        acestream-4: its VPN's tunnel is lost, next step at 1065s
        acestream-5: its VPN's tunnel is lost, next step at 1065s
        ",
    );
    desk.wait(millis(1));

    // Least harm first: the youngest. The oldest stays.
    check(
        desk.transcript(),
        "
        1065s     removing engine acestream-5: its VPN's tunnel has been lost for too long (for 60.0
                      s)
                  removing engine acestream-4: its VPN's tunnel has been lost for too long (for 60.0
                      s)
                  removing engine acestream-3: its VPN's tunnel has been lost for too long (for 60.0
                      s)
                  removing engine acestream-2: its VPN's tunnel has been lost for too long (for 60.0
                      s)
                  mending VPN 'gluetun', its container is restarted: it stays failed (for 60.0 s)
                  > remove acestream-5 (its VPN's tunnel has been lost for too long)
                  > remove acestream-4 (its VPN's tunnel has been lost for too long)
                  > remove acestream-3 (its VPN's tunnel has been lost for too long)
                  > remove acestream-2 (its VPN's tunnel has been lost for too long)
                  > restart gluetun within 10s (it stays failed)
                  engine acestream-5 is gone
                  engine acestream-4 is gone
                  engine acestream-3 is gone
                  engine acestream-2 is gone
        ",
    );
    check(desk.fleet(), "gluetun: (1) | gluetun2: 6 7 8 9 10");

    desk.wait(secs(3_600));
    check(
        desk.did(),
        "
            1605s     > create acestream-2 on gluetun2 http 19001 https 45005 (too few engines serve)
                      > create acestream-3 on gluetun2 http 19002 https 45006 (too few engines serve)
                      > create acestream-4 on gluetun2 http 19003 https 45007 (too few engines serve)
                      > create acestream-5 on gluetun2 http 19004 https 45008 (too few engines serve)
                      > create acestream-11 on gluetun2 http 19010 https 45009 (too few engines serve)
                      > start acestream-2 (it was created and not yet started)
                      > start acestream-3 (it was created and not yet started)
                      > start acestream-4 (it was created and not yet started)
                      > start acestream-5 (it was created and not yet started)
                      > start acestream-11 (it was created and not yet started)
        ",
    );
}

#[test]
fn when_the_tunnel_is_back_what_was_given_up_is_created_anew() {
    let mut desk = Desk::at_rest(two_on_each());
    desk.hold_mending();
    desk.lose_tunnel("gluetun");
    desk.wait(secs(300));
    check(desk.fleet(), "gluetun: (1) | gluetun2: 3 4");
    desk.transcript();

    desk.restore_tunnel("gluetun");
    desk.wait(secs(5));
    check(
        desk.transcript(),
        "
        1305s     VPN 'gluetun' is healthy: Docker says healthy; what is missing is created
                  leaving emergency mode (it lasted 300.0 s); what is missing is created
                  restarting engine acestream-1 in place: its VPN's tunnel is back; its first good
                      answer is due within 120.0 s
                  > restart acestream-1 (its VPN's tunnel is back)
                  creating engine acestream-2 on VPN 'gluetun': too few engines serve (2 of 4
                      wanted, 1 coming); its first good answer is due within 120.0 s
                  > create acestream-2 on gluetun http 19001 https 45001 (too few engines serve)
                  starting engine acestream-2: it was created and not yet started; its first good
                      answer is due within 120.0 s
                  > start acestream-2 (it was created and not yet started)
                  engine acestream-1 is offered
                  engine acestream-2 is offered
        ",
    );
    check(desk.fleet(), "gluetun: 1 2 | gluetun2: 3 4");
}

#[test]
fn while_no_vpn_is_healthy_no_engine_whose_network_is_intact_is_removed() {
    let mut desk = Desk::at_rest(two_on_each());
    desk.hold_mending();
    desk.lose_tunnel("gluetun");
    desk.lose_tunnel("gluetun2");
    desk.wait(secs(3_600));
    check(desk.did(), "1305s     > restart gluetun within 10s (it stays failed)");
    check(desk.fleet(), "gluetun: (1) (2) | gluetun2: (3) (4)");

    desk.restore_tunnel("gluetun2");
    desk.wait(secs(10));
    check(
        desk.did(),
        "
        4605s     > restart acestream-3 (its VPN's tunnel is back)
                  > create acestream-5 on gluetun2 http 19004 https 45002 (too few engines serve)
                  > create acestream-6 on gluetun2 http 19005 https 45003 (too few engines serve)
                  > start acestream-5 (it was created and not yet started)
                  > start acestream-6 (it was created and not yet started)
                  > restart acestream-4 (its VPN's tunnel is back)
        ",
    );
    check(desk.fleet(), "gluetun: (1) (2) | gluetun2: 3 4 5 6");
}

#[test]
fn the_engines_of_a_single_vpn_are_held_for_as_long_as_it_takes_and_restarted_then() {
    let mut desk = Desk::at_rest(one_vpn(2));
    desk.hold_mending();
    desk.lose_tunnel("gluetun");
    desk.wait(secs(3_600));
    check(desk.did(), "1305s     > restart gluetun within 10s (it stays failed)");

    desk.restore_tunnel("gluetun");
    desk.wait(secs(5));
    check(
        desk.did(),
        "
        4605s     > restart acestream-1 (its VPN's tunnel is back)
                  > restart acestream-2 (its VPN's tunnel is back)
        ",
    );
    check(desk.fleet(), "gluetun: 1 2");
}

#[test]
fn without_restart_engines_on_reconnect_engines_are_only_waited_for() {
    let settings = Settings { vpn_restart_engines_on_reconnect: false, ..two_on_each() };
    let mut desk = Desk::at_rest(settings);
    desk.lose_tunnel("gluetun");
    desk.wait(secs(20));

    // One connects by itself, the other never does.
    desk.on("acestream-3").connected = Some(false);
    desk.restore_tunnel("gluetun");
    desk.wait(secs(5));
    check(desk.fleet(), "gluetun: 1 2 | gluetun2: 3 4");
    check(desk.hidden(), "");
    desk.did();

    desk.wait(secs(120));
    check(desk.did(), "");
}

#[test]
fn an_engine_with_viewers_is_not_restarted_and_is_the_last_to_be_given_up() {
    let mut host = host_with(&["gluetun", "gluetun2"]);
    for (name, port) in ["acestream-1", "acestream-2", "acestream-3"].into_iter().zip(19_000..) {
        host.run_engine(name, "gluetun", port);
    }
    let mut desk = Desk::opened(two_on_each(), host);
    desk.hold_mending();
    desk.wait(secs(1));
    desk.store_answers(&[("acestream-2", "channel|7")]);
    desk.wait(secs(99));
    desk.transcript();

    desk.lose_tunnel("gluetun");
    desk.wait(secs(30));
    desk.restore_tunnel("gluetun");
    desk.wait(secs(30));
    check(
        desk.did(),
        "
        103.387s  > create acestream-5 on gluetun2 http 19004 https 45001 (too few engines serve)
                  > start acestream-5 (it was created and not yet started)
        133.387s  > restart acestream-1 (its VPN's tunnel is back)
                  > restart acestream-3 (its VPN's tunnel is back)
        ",
    );
    check(desk.fleet(), "gluetun: 1 2 3 | gluetun2: 4 5");

    desk.lose_tunnel("gluetun");
    desk.wait(secs(120));
    check(
        desk.did(),
        "
        225s      > remove acestream-3 (its VPN's tunnel has been lost for too long)
                  > remove acestream-1 (its VPN's tunnel has been lost for too long)
                  > restart gluetun within 10s (it stays failed)
        ",
    );
    check(desk.fleet(), "gluetun: (2) | gluetun2: 4 5");
}

#[test]
fn an_engine_that_works_is_given_up_after_those_that_do_not() {
    let mut desk = Desk::at_rest(two_vpns());
    desk.hold_mending();
    desk.lose_tunnel("gluetun");
    for name in ["acestream-1", "acestream-5"] {
        desk.on(name).answers = false;
    }
    desk.wait(secs(120));
    check(
        desk.did(),
        "
        1065s     > remove acestream-5 (its VPN's tunnel has been lost for too long)
                  > remove acestream-1 (its VPN's tunnel has been lost for too long)
                  > remove acestream-4 (its VPN's tunnel has been lost for too long)
                  > remove acestream-3 (its VPN's tunnel has been lost for too long)
                  > restart gluetun within 10s (it stays failed)
        ",
    );
    check(desk.fleet(), "gluetun: (2) | gluetun2: 6 7 8 9 10");
}
