//! Carriers: the engine that was created with its VPN's forwarded port, and what happens when the port changes.

use crate::desk::{Desk, check, host_with_ports, one_vpn, secs, two_on_each};
use control::docker::Happened;
use control::ids::VpnId;
use control::{Event, Settings};

/// Three engines of an earlier life on one VPN; the first carries this port. Those named have viewers.
fn watched(settings: Settings, carried: Option<u16>, names: &[&str]) -> Desk {
    let mut host = host_with_ports(&["gluetun"]);
    for (name, port) in ["acestream-1", "acestream-2", "acestream-3"].into_iter().zip(19_000..) {
        host.run_engine(name, "gluetun", port);
    }
    host.get("acestream-1").p2p_in_spec = carried;
    host.now = control::Time::from_secs(1_000);
    let mut desk = Desk::opened(settings, host);
    let streams: Vec<_> = names.iter().map(|name| (*name, format!("channel|{name}"))).collect();
    let streams: Vec<_> = streams.iter().map(|(name, stream)| (*name, stream.as_str())).collect();
    desk.store_answers(&streams);
    desk.transcript();
    desk
}

#[test]
fn when_the_port_changes_the_old_carrier_is_hidden_at_once_and_a_new_one_created_at_once() {
    let mut desk = Desk::at_rest_with_ports(one_vpn(3));
    desk.on("gluetun").ports = Some(vec![40_648]);
    desk.wait(secs(10));
    check(
        desk.transcript(),
        "
            1010s     VPN 'gluetun' forwarded port changed from 40001 to 40648
                      VPN 'gluetun' port changed from 40001 to 40648 - replacing forwarded engine
                          acestream-1; it goes in 25.0 s
                      engine acestream-1 is hidden: it is on its way out
                      creating engine acestream-4 on VPN 'gluetun' as forwarded engine with port 40648:
                          too few engines serve (2 of 3 wanted, 0 coming); its first good answer is due
                          within 120.0 s
                      > create acestream-4 on gluetun http 19003 https 45003 p2p 40648 (too few engines
                          serve)
                      starting engine acestream-4: it was created and not yet started; its first good
                          answer is due within 120.0 s
                      > start acestream-4 (it was created and not yet started)
                      engine acestream-4 is offered
        ",
    );
    check(desk.fleet(), "gluetun: (1) 2 3 4*");

    // Nobody can be on his way to it any more.
    desk.wait(secs(25));
    check(
        desk.transcript(),
        "
            1035s     Stopping forwarded engine acestream-1 due to port change: its VPN forwards another
                          port now
                      > remove acestream-1 (its VPN forwards another port now)
                      engine acestream-1 is gone
        ",
    );
    check(desk.fleet(), "gluetun: 2 3 4*");
    desk.wait(secs(1_000));
    check(desk.did(), "");
}

#[test]
fn a_carrier_that_is_there_before_engines_ordered_earlier_has_a_place_made_for_it_when_they_come() {
    let mut host = host_with_ports(&["gluetun", "gluetun2"]);
    host.get("gluetun").ports = None;
    host.get("gluetun2").ports = None;
    let mut desk = Desk::opened(two_on_each(), host);
    desk.hold("start acestream-4");
    desk.store_answers(&[]);
    desk.wait(secs(150));
    desk.event(Event::PortsPushed { vpn: VpnId(0), ports: vec![40_648] });
    desk.on("gluetun").ports = Some(vec![40_648]);
    desk.wait(secs(30));
    check(desk.fleet(), "gluetun: 1 2 5* | gluetun2: 3 (4)");
    desk.let_go("start acestream-4");
    desk.wait(secs(60));
    check(desk.fleet(), "gluetun: 1 5* | gluetun2: 3 4");
}

#[test]
fn gluetun_may_push_its_port_and_then_no_poll_is_waited_for() {
    let mut desk = Desk::at_rest_with_ports(one_vpn(3));
    desk.wait(secs(3));
    desk.on("gluetun").ports = Some(vec![40_648]);
    desk.event(Event::PortsPushed { vpn: VpnId(0), ports: vec![40_648, 40_649] });
    check(
        desk.told_of("port"),
        "
            1003s     VPN 'gluetun' forwarded port changed from 40001 to 40648
                      VPN 'gluetun' port changed from 40001 to 40648 - replacing forwarded engine
                          acestream-1; it goes in 25.0 s
                      creating engine acestream-4 on VPN 'gluetun' as forwarded engine with port 40648:
                          too few engines serve (2 of 3 wanted, 0 coming); its first good answer is due
                          within 120.0 s
        ",
    );
    check(desk.fleet(), "gluetun: (1) 2 3 4*");
    // The same again, a VPN that nobody configured, and nothing at all.
    desk.event(Event::PortsPushed { vpn: VpnId(0), ports: vec![40_648] });
    desk.event(Event::PortsPushed { vpn: VpnId(7), ports: vec![40_650] });
    check(desk.told(), "");
    desk.event(Event::PortsPushed { vpn: VpnId(0), ports: vec![] });
    check(desk.told(), "1003s     VPN 'gluetun' has no forwarded port any more, it was 40648");
}

#[test]
fn an_old_carrier_that_is_watched_has_thirty_seconds_and_is_then_asked_to_stop_before_it_goes() {
    let mut desk = watched(one_vpn(3), Some(40_001), &["acestream-1"]);
    desk.on("gluetun").ports = Some(vec![40_648]);
    desk.wait(secs(10));
    check(
        desk.did(),
        "
            1010s     > create acestream-4 on gluetun http 19003 https 45000 p2p 40648 (too few engines
                          serve)
                      > start acestream-4 (it was created and not yet started)
        ",
    );
    check(desk.fleet(), "gluetun: (1) 2 3 4*");
    desk.wait(secs(60));
    check(
        desk.transcript(),
        "
            1040s     Stopping forwarded engine acestream-1 due to port change: its VPN forwards another
                          port now; it will be gone
                      > stop acestream-1 within 10s (its VPN forwards another port now)
                      Stopping forwarded engine acestream-1 due to port change: its VPN forwards another
                          port now
                      > remove acestream-1 (its VPN forwards another port now)
                      engine acestream-1 is gone
                      stream channel|acestream-1 has ended: its engine is gone
        ",
    );
    check(desk.fleet(), "gluetun: 2 3 4*");
}

#[test]
fn a_port_that_comes_back_gives_the_old_carrier_its_mark_back_and_the_new_one_makes_place() {
    let mut desk = Desk::at_rest_with_ports(one_vpn(3));
    desk.on("gluetun").ports = Some(vec![40_648]);
    desk.wait(secs(10));
    check(desk.fleet(), "gluetun: (1) 2 3 4*");
    desk.transcript();
    desk.on("gluetun").ports = Some(vec![40_001]);
    desk.wait(secs(10));
    check(
        desk.transcript(),
        "
            1020s     VPN 'gluetun' forwarded port changed from 40648 to 40001
                      VPN 'gluetun' port changed from 40648 to 40001 - replacing forwarded engine
                          acestream-4; it goes in 25.0 s
                      engine acestream-1 is offered
                      engine acestream-4 is hidden: it is on its way out
        ",
    );
    desk.wait(secs(100));
    check(desk.did(), "1045s     > remove acestream-4 (its VPN forwards another port now)");
    check(desk.fleet(), "gluetun: 1* 2 3");
}

#[test]
fn at_a_limit_the_old_carrier_goes_before_the_new_one_comes() {
    let mut desk = Desk::at_rest_with_ports(Settings { max_replicas: 3, ..one_vpn(3) });
    desk.on("gluetun").ports = Some(vec![40_648]);
    desk.wait(secs(60));
    check(
        desk.transcript(),
        "
            1010s     VPN 'gluetun' forwarded port changed from 40001 to 40648
                      VPN 'gluetun' port changed from 40001 to 40648 - replacing forwarded engine
                          acestream-1; it goes in 25.0 s
                      engine acestream-1 is hidden: it is on its way out
                      no engine can be created now: the limit is 3
            1035s     Stopping forwarded engine acestream-1 due to port change: its VPN forwards another
                          port now
                      > remove acestream-1 (its VPN forwards another port now)
                      engine acestream-1 is gone
                      creating engine acestream-1 on VPN 'gluetun' as forwarded engine with port 40648:
                          too few engines serve (2 of 3 wanted, 0 coming); its first good answer is due
                          within 120.0 s
                      > create acestream-1 on gluetun http 19000 https 45000 p2p 40648 (too few engines
                          serve)
                      starting engine acestream-1: it was created and not yet started; its first good
                          answer is due within 120.0 s
                      > start acestream-1 (it was created and not yet started)
                      engine acestream-1 is offered
        ",
    );
    check(desk.fleet(), "gluetun: 1* 2 3");
}

#[test]
fn a_port_that_comes_late_gets_a_carrier_at_once_and_an_idle_engine_makes_place_once_the_vpn_is_stable() {
    let mut desk = Desk::at_rest_with_ports(two_on_each());
    desk.on("gluetun").ports = Some(vec![]);
    desk.host.stop("gluetun");
    desk.hear("gluetun", Happened::Died);
    desk.wait(secs(20));
    desk.host.start("gluetun");
    desk.hear("gluetun", Happened::Started);
    desk.transcript();
    check(desk.fleet(), "gluetun: 1 2 | gluetun2: 3* 4");

    desk.on("gluetun").ports = Some(vec![53_344]);
    desk.wait(secs(12));
    check(
        desk.transcript(),
        "
            1030s     VPN 'gluetun' forwarded port is 53344
                      creating engine acestream-5 on VPN 'gluetun' as forwarded engine with port 53344:
                          no engine carries the VPN's forwarded port; its first good answer is due
                          within 120.0 s
                      > create acestream-5 on gluetun http 19004 https 45002 p2p 53344 (no engine
                          carries the VPN's forwarded port)
                      starting engine acestream-5: it was created and not yet started; its first good
                          answer is due within 120.0 s
                      > start acestream-5 (it was created and not yet started)
                      engine acestream-5 is offered
        ",
    );
    check(desk.fleet(), "gluetun: 1 2 5* | gluetun2: 3* 4");
    desk.wait(secs(180));
    check(
        desk.transcript(),
        "
            1140s     handing off engine acestream-2: another engine carries the forwarded port in its
                          place; it goes in 25.0 s
                      engine acestream-2 is hidden: it is on its way out
            1165s     removing engine acestream-2: another engine carries the forwarded port in its
                          place
                      > remove acestream-2 (another engine carries the forwarded port in its place)
                      engine acestream-2 is gone
        ",
    );
    check(desk.fleet(), "gluetun: 1 5* | gluetun2: 3* 4");
}

#[test]
fn soon_after_a_recovery_a_changed_port_is_left_alone_and_the_carrier_mended_afterwards() {
    let mut desk = Desk::at_rest_with_ports(two_on_each());
    desk.host.start("gluetun");
    desk.hear("gluetun", Happened::Started);
    desk.transcript();
    check(desk.fleet(), "gluetun: 1* 2 | gluetun2: 3* 4");

    desk.wait(secs(20));
    desk.on("gluetun").ports = Some(vec![53_344]);
    desk.wait(secs(90));
    check(desk.transcript(), "1030s     VPN 'gluetun' forwarded port changed from 40001 to 53344");
    check(desk.fleet(), "gluetun: 1 2 | gluetun2: 3* 4");
    desk.wait(secs(60));
    check(
        desk.did(),
        "
            1120s     > create acestream-5 on gluetun http 19004 https 45002 p2p 53344 (too few engines
                          serve)
                      > start acestream-5 (it was created and not yet started)
            1145s     > remove acestream-1 (its VPN forwards another port now)
        ",
    );
    check(desk.fleet(), "gluetun: 2 5* | gluetun2: 3* 4");
}

#[test]
fn without_a_port_for_a_minute_the_mark_goes_and_the_engine_stays() {
    let mut desk = Desk::at_rest_with_ports(one_vpn(2));
    desk.on("gluetun").ports = Some(vec![0]);
    desk.wait(secs(60));
    check(desk.fleet(), "gluetun: 1* 2");
    desk.wait(secs(20));
    check(
        desk.transcript(),
        "
            1010s     VPN 'gluetun' has no forwarded port any more, it was 40001
            1070s     VPN 'gluetun' does not get its forwarded port 40001 back, no engine carries it now
                          (for 60.0 s)
        ",
    );
    check(desk.fleet(), "gluetun: 1 2");

    // Whatever port comes then is the first one, and the old carrier's either it or none.
    desk.on("gluetun").ports = Some(vec![40_002]);
    desk.wait(secs(100));
    check(
        desk.transcript(),
        "
            1090s     VPN 'gluetun' forwarded port is 40002
                      VPN 'gluetun' port changed from 40001 to 40002 - replacing forwarded engine
                          acestream-1; it goes in 25.0 s
                      engine acestream-1 is hidden: it is on its way out
                      creating engine acestream-3 on VPN 'gluetun' as forwarded engine with port 40002:
                          too few engines serve (1 of 2 wanted, 0 coming); its first good answer is due
                          within 120.0 s
                      > create acestream-3 on gluetun http 19002 https 45002 p2p 40002 (too few engines
                          serve)
                      starting engine acestream-3: it was created and not yet started; its first good
                          answer is due within 120.0 s
                      > start acestream-3 (it was created and not yet started)
                      engine acestream-3 is offered
            1115s     Stopping forwarded engine acestream-1 due to port change: its VPN forwards another
                          port now
                      > remove acestream-1 (its VPN forwards another port now)
                      engine acestream-1 is gone
        ",
    );
    check(desk.fleet(), "gluetun: 2 3*");
}

#[test]
fn a_port_that_flaps_is_followed_once_in_ten_minutes() {
    let mut desk = Desk::at_rest_with_ports(one_vpn(2));
    for port in [50_001, 50_002, 50_003, 50_004, 50_005, 50_006, 50_007, 50_008] {
        desk.on("gluetun").ports = Some(vec![port]);
        desk.wait(secs(60));
    }
    assert!(desk.vpn("gluetun").port_flaps);
    check(
        desk.did(),
        "
            1010s     > create acestream-3 on gluetun http 19002 https 45002 p2p 50001 (too few engines
                          serve)
                      > start acestream-3 (it was created and not yet started)
            1035s     > remove acestream-1 (its VPN forwards another port now)
            1070s     > create acestream-1 on gluetun http 19000 https 45000 p2p 50002 (too few engines
                          serve)
                      > start acestream-1 (it was created and not yet started)
            1095s     > remove acestream-3 (its VPN forwards another port now)
            1130s     > create acestream-3 on gluetun http 19002 https 45002 p2p 50003 (too few engines
                          serve)
                      > start acestream-3 (it was created and not yet started)
            1155s     > remove acestream-1 (its VPN forwards another port now)
        ",
    );
    check(desk.fleet(), "gluetun: 2 3");
    desk.wait(secs(600));
    check(
        desk.did(),
        "
            1730s     > create acestream-1 on gluetun http 19000 https 45000 p2p 50008 (too few engines
                          serve)
                      > start acestream-1 (it was created and not yet started)
            1755s     > remove acestream-3 (its VPN forwards another port now)
        ",
    );
    check(desk.fleet(), "gluetun: 1* 2");
}

#[test]
fn a_port_that_flaps_is_said_to() {
    let mut desk = Desk::at_rest_with_ports(one_vpn(2));
    for port in [50_001, 50_002, 50_003, 50_004, 50_005] {
        assert!(!desk.vpn("gluetun").port_flaps || port == 50_005);
        desk.on("gluetun").ports = Some(vec![port]);
        desk.wait(secs(60));
    }
    check(
        desk.told_of("flapping"),
        "
            1190s     port flapping: VPN 'gluetun' forwards another port again and again; looked at
                          again in 540.0 s
        ",
    );
    desk.wait(secs(600));
    assert!(!desk.vpn("gluetun").port_flaps);
}

#[test]
fn no_engine_with_viewers_makes_place_for_a_carrier() {
    let names = ["acestream-1", "acestream-2", "acestream-3"];
    let mut desk = watched(Settings { max_replicas: 3, ..one_vpn(3) }, None, &names);
    desk.wait(secs(1_000));
    check(desk.did(), "");
    check(desk.fleet(), "gluetun: 1 2 3");
}

#[test]
fn of_two_engines_that_carry_one_port_the_one_whose_going_does_most_harm_stays() {
    let mut host = host_with_ports(&["gluetun"]);
    for (name, port) in [("acestream-1", 19_000), ("acestream-2", 19_001), ("acestream-3", 19_002)] {
        host.run_engine(name, "gluetun", port);
    }
    for name in ["acestream-1", "acestream-2"] {
        host.get(name).p2p_in_spec = Some(40_001);
    }
    let mut desk = Desk::opened(one_vpn(2), host);
    desk.store_answers(&[("acestream-2", "channel|1")]);
    check(desk.did(), "0s        > remove acestream-1 (another engine has its name or port)");
    check(desk.fleet(), "gluetun: 2* 3");
}

#[test]
fn a_poll_that_was_asked_before_a_push_and_answered_after_it_says_nothing() {
    let mut desk = Desk::at_rest_with_ports(one_vpn(2));
    desk.hold("ask gluetun for its ports");
    desk.wait(secs(11));
    desk.event(Event::PortsPushed { vpn: VpnId(0), ports: vec![40_648] });
    desk.told();
    desk.done("ask gluetun for its ports");
    check(desk.told(), "");
    assert_eq!(desk.vpn("gluetun").forwarded_port, Some(40_648));
}
