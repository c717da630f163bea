//! Forwarded ports: what a VPN's control server says, and who is created to carry it.

use crate::desk::{Desk, check, host_with_ports, one_vpn, secs, two_on_each};
use control::Settings;
use control::docker::{Happened, Health};

/// One VPN, of whose engines the second carries the port: it was created when the port was known already.
fn one_carrier(count: usize) -> Settings {
    Settings { max_concurrent_provisions: 1, ..one_vpn(count) }
}

#[test]
fn a_port_is_none_or_unknown_until_the_control_server_has_told_one() {
    for silent in [None, Some(vec![]), Some(vec![0])] {
        let mut host = host_with_ports(&["gluetun"]);
        host.get("gluetun").ports = silent;
        let mut desk = Desk::in_sight(one_carrier(2), host);
        check(desk.fleet(), "gluetun: 1 2");
        assert_eq!(desk.vpn("gluetun").forwarded_port, None);
        check(desk.told_of("port is"), "");

        desk.on("gluetun").ports = Some(vec![40_001, 40_002]);
        desk.wait(secs(10));
        assert_eq!(desk.vpn("gluetun").forwarded_port, Some(40_001));
        check(
            desk.told(),
            "
                10s       VPN 'gluetun' forwarded port is 40001
                          creating engine acestream-3 on VPN 'gluetun' as forwarded engine with port 40001:
                              no engine carries the VPN's forwarded port; its first good answer is due
                              within 120.0 s
                          starting engine acestream-3: it was created and not yet started; its first good
                              answer is due within 120.0 s
                          engine acestream-3 is offered
            ",
        );
    }
}

#[test]
fn the_port_is_asked_for_every_ten_seconds_while_the_vpn_is_healthy() {
    let mut desk = Desk::at_rest_with_ports(one_vpn(1));
    desk.wait(secs(30));
    check(
        desk.asked_for("ports"),
        "
        1010s     > ask gluetun for its ports (routine)
        1020s     > ask gluetun for its ports (routine)
        1030s     > ask gluetun for its ports (routine)
        ",
    );

    desk.on("gluetun").health = Health::Unhealthy;
    desk.on("gluetun").tunnel_up = false;
    desk.wait(secs(60));
    check(desk.asked_for("ports"), "");
    desk.on("gluetun").health = Health::Healthy;
    desk.on("gluetun").tunnel_up = true;
    desk.wait(secs(5));
    check(desk.asked_for("ports"), "1095s     > ask gluetun for its ports (routine)");
}

#[test]
fn a_change_is_told_in_the_words_that_people_search_their_logs_for() {
    let mut desk = Desk::at_rest_with_ports(one_vpn(1));
    desk.on("gluetun").ports = Some(vec![65_290]);
    desk.wait(secs(10));
    desk.on("gluetun").ports = Some(vec![40_648]);
    desk.wait(secs(10));
    check(
        desk.told(),
        "
        1010s     VPN 'gluetun' forwarded port changed from 40001 to 65290
                  VPN 'gluetun' port changed from 40001 to 65290 - replacing forwarded engine
                      acestream-1; it goes in 25.0 s
                  engine acestream-1 is hidden: it is on its way out
                  creating engine acestream-2 on VPN 'gluetun' as forwarded engine with port 65290:
                      too few engines serve (0 of 1 wanted, 0 coming); its first good answer is due
                      within 120.0 s
                  starting engine acestream-2: it was created and not yet started; its first good
                      answer is due within 120.0 s
                  engine acestream-2 is offered
        1020s     VPN 'gluetun' forwarded port changed from 65290 to 40648
                  VPN 'gluetun' port changed from 65290 to 40648 - replacing forwarded engine
                      acestream-2; it goes in 25.0 s
                  engine acestream-2 is hidden: it is on its way out
                  creating engine acestream-3 on VPN 'gluetun' as forwarded engine with port 40648:
                      too few engines serve (0 of 1 wanted, 0 coming); its first good answer is due
                      within 120.0 s
                  starting engine acestream-3: it was created and not yet started; its first good
                      answer is due within 120.0 s
                  engine acestream-3 is offered
        ",
    );
}

#[test]
fn a_port_that_passes_through_none_is_compared_with_the_last_one_known() {
    let mut desk = Desk::at_rest_with_ports(one_carrier(2));
    check(desk.fleet(), "gluetun: 1* 2");

    desk.on("gluetun").ports = Some(vec![0]);
    desk.wait(secs(20));
    check(desk.told(), "1010s     VPN 'gluetun' has no forwarded port any more, it was 40001");
    assert_eq!(desk.vpn("gluetun").forwarded_port, None);

    // The same port again is no change, another one is.
    desk.on("gluetun").ports = Some(vec![40_001]);
    desk.wait(secs(10));
    check(desk.told(), "1030s     VPN 'gluetun' forwarded port is 40001");
    desk.on("gluetun").ports = Some(vec![]);
    desk.wait(secs(10));
    desk.on("gluetun").ports = Some(vec![40_002]);
    desk.wait(secs(10));
    check(
        desk.told(),
        "
        1040s     VPN 'gluetun' has no forwarded port any more, it was 40001
        1050s     VPN 'gluetun' forwarded port changed from 40001 to 40002
                  VPN 'gluetun' port changed from 40001 to 40002 - replacing forwarded engine
                      acestream-1; it goes in 25.0 s
                  engine acestream-1 is hidden: it is on its way out
                  creating engine acestream-3 on VPN 'gluetun' as forwarded engine with port 40002:
                      too few engines serve (1 of 2 wanted, 0 coming); its first good answer is due
                      within 120.0 s
                  starting engine acestream-3: it was created and not yet started; its first good
                      answer is due within 120.0 s
                  engine acestream-3 is offered
        ",
    );
    check(desk.fleet(), "gluetun: (1) 2 3*");
}

#[test]
fn a_reading_older_than_a_minute_is_no_knowledge() {
    let mut desk = Desk::at_rest_with_ports(one_vpn(1));
    desk.on("gluetun").ports = None;
    desk.wait(secs(60));
    assert_eq!(desk.vpn("gluetun").forwarded_port, Some(40_001));
    desk.wait(secs(2));
    assert_eq!(desk.vpn("gluetun").forwarded_port, None);
    check(
        desk.told(),
        "
        1010s     Using cached forwarded port 40001 for VPN 'gluetun'; looked at again in 10.0 s
        ",
    );

    desk.on("gluetun").ports = Some(vec![40_001]);
    desk.wait(secs(10));
    assert_eq!(desk.vpn("gluetun").forwarded_port, Some(40_001));
    check(desk.told(), "");
}

#[test]
fn after_a_failure_the_first_port_is_a_baseline_and_no_change() {
    let mut desk = Desk::at_rest_with_ports(two_on_each());
    desk.host.stop("gluetun");
    desk.hear("gluetun", Happened::Died);
    assert_eq!(desk.vpn("gluetun").forwarded_port, None);
    desk.wait(secs(20));
    desk.host.start("gluetun");
    desk.on("gluetun").ports = Some(vec![53_344]);
    desk.hear("gluetun", Happened::Started);
    check(
        desk.told_of("port"),
        "
            1020s     VPN 'gluetun' forwarded port is 53344
                      creating engine acestream-1 on VPN 'gluetun' as forwarded engine with port 53344:
                          too few engines serve (2 of 4 wanted, 0 coming); its first good answer is due
                          within 120.0 s
        ",
    );
}

#[test]
fn each_vpn_has_its_own_port_and_its_own_carrier() {
    let mut desk = Desk::at_rest_with_ports(Settings { max_concurrent_provisions: 2, ..two_on_each() });
    check(desk.fleet(), "gluetun: 1* 2 | gluetun2: 3* 4");
    desk.on("gluetun2").ports = Some(vec![40_009]);
    desk.wait(secs(10));
    check(
        desk.told(),
        "
            1010s     VPN 'gluetun2' forwarded port changed from 40002 to 40009
                      VPN 'gluetun2' port changed from 40002 to 40009 - replacing forwarded engine
                          acestream-3; it goes in 25.0 s
                      engine acestream-3 is hidden: it is on its way out
                      creating engine acestream-5 on VPN 'gluetun2' as forwarded engine with port 40009:
                          too few engines serve (3 of 4 wanted, 0 coming); its first good answer is due
                          within 120.0 s
                      starting engine acestream-5: it was created and not yet started; its first good
                          answer is due within 120.0 s
                      engine acestream-5 is offered
        ",
    );
    check(desk.fleet(), "gluetun: 1* 2 | gluetun2: (3) 4 5*");
}

#[test]
fn a_port_that_an_engine_there_uses_otherwise_is_given_to_nobody() {
    let mut host = host_with_ports(&["gluetun"]);
    host.get("gluetun").ports = Some(vec![19_000]);
    let mut desk = Desk::in_sight(one_carrier(3), host);
    check(
        desk.did(),
        "
        0s        > create acestream-1 on gluetun http 19001 https 45000 p2p 19000 (too few engines
                      serve)
                  > start acestream-1 (it was created and not yet started)
                  > create acestream-2 on gluetun http 19002 https 45001 (too few engines serve)
                  > start acestream-2 (it was created and not yet started)
                  > create acestream-3 on gluetun http 19003 https 45002 (too few engines serve)
                  > start acestream-3 (it was created and not yet started)
        ",
    );
}

#[test]
fn an_engine_is_not_given_an_http_port_that_is_the_forwarded_one() {
    let mut host = host_with_ports(&["gluetun"]);
    host.get("gluetun").ports = Some(vec![19_001]);
    let mut desk = Desk::in_sight(one_carrier(3), host);
    check(
        desk.did(),
        "
        0s        > create acestream-1 on gluetun http 19000 https 45000 p2p 19001 (too few engines
                      serve)
                  > start acestream-1 (it was created and not yet started)
                  > create acestream-2 on gluetun http 19002 https 45001 (too few engines serve)
                  > start acestream-2 (it was created and not yet started)
                  > create acestream-3 on gluetun http 19003 https 45002 (too few engines serve)
                  > start acestream-3 (it was created and not yet started)
        ",
    );
}

#[test]
fn one_engine_carries_the_port_at_a_time_even_while_another_is_still_being_created_with_it() {
    let mut desk = Desk::at_rest_with_ports(one_carrier(2));
    desk.hold("create");
    desk.hear_gone("acestream-2");
    desk.hear_gone("acestream-1");
    check(desk.waiting(), "create acestream-2 on gluetun http 19001 https 45001");
    desk.done("create acestream-2");
    check(desk.waiting(), "create acestream-1 on gluetun http 19000 https 45000 p2p 40001");
}
