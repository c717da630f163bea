//! The double check: Docker calls a VPN unhealthy, and its engines are asked whether they reach the network.
//!
//! The seven cases of the mission's document on connectivity, with its sentences.

use crate::desk::{Desk, check, host_with, millis, one_vpn, secs, two_on_each};
use control::command::{Action, Cause};
use control::docker::{Happened, Health};
use control::event::{Outcome, ProbeReport, Report};
use control::ids::VpnId;

/// Three engines on one VPN, which Docker is about to call unhealthy.
fn three_engines() -> Desk {
    let mut desk = Desk::at_rest(one_vpn(3));
    desk.on("gluetun").health = Health::Unhealthy;
    desk
}

#[test]
fn no_engines_available_so_the_vpn_is_unhealthy() {
    let mut host = host_with(&["gluetun"]);
    host.get("gluetun").health = Health::Unhealthy;
    let mut desk = Desk::opened(one_vpn(3), host);
    desk.hold("create");
    desk.store_answers(&[]);
    check(
        desk.told(),
        "
        0s        VPN 'gluetun' has been found; its engines are repaired once it is healthy
                  first look complete, 0 engine(s) adopted
                  VPN double-check: VPN 'gluetun' is doubted: Docker says unhealthy
                  VPN double-check: No engines available to verify connectivity
                  VPN 'gluetun' failed: Docker says unhealthy, there is no engine to ask; its
                      engines are hidden
                  creating engine acestream-1 on VPN 'gluetun': nobody can tell whether the VPN
                      works, there is no engine to ask; its first good answer is due within 120.0 s
                  no engine can be created now: no VPN is healthy; what is missing is created
        ",
    );
}

#[test]
fn all_engines_connected_so_the_vpn_is_healthy() {
    let mut desk = three_engines();
    desk.wait(secs(5));
    check(
        desk.transcript(),
        "
        1005s     VPN double-check: VPN 'gluetun' is doubted: Docker says unhealthy
                  VPN double-check: Engine 00000003cece reports internet connectivity
                  VPN double-check: 3/3 engine(s) have internet connectivity - considering VPN
                      healthy
        ",
    );
    check(desk.fleet(), "gluetun: 1 2 3");
}

#[test]
fn some_engines_connected_so_the_vpn_is_healthy() {
    let mut desk = three_engines();
    desk.on("acestream-1").connected = Some(false);
    desk.wait(secs(5));
    check(
        desk.told(),
        "
        1005s     VPN double-check: VPN 'gluetun' is doubted: Docker says unhealthy
                  VPN double-check: Engine 00000004cece reports internet connectivity
                  VPN double-check: 2/3 engine(s) have internet connectivity - considering VPN
                      healthy
        ",
    );
    check(desk.fleet(), "gluetun: 1 2 3");
}

#[test]
fn no_engine_connected_so_the_vpn_is_unhealthy() {
    let mut desk = three_engines();
    desk.on("gluetun").tunnel_up = false;
    desk.wait(secs(5));
    check(
        desk.told(),
        "
        1005s     VPN double-check: VPN 'gluetun' is doubted: Docker says unhealthy
                  VPN double-check: None of 3 engine(s) have internet connectivity
                  VPN 'gluetun' failed: Docker says unhealthy, 0 of 3 engine(s) are connected; its
                      engines are hidden
                  engine acestream-1 is hidden: its VPN's tunnel is lost
                  engine acestream-2 is hidden: its VPN's tunnel is lost
                  engine acestream-3 is hidden: its VPN's tunnel is lost
                  no engine can be created now: no VPN is healthy; what is missing is created
        ",
    );
    check(desk.fleet(), "gluetun: (1) (2) (3)");
}

#[test]
fn an_engine_that_does_not_answer_is_no_connected_one_and_spoils_nothing() {
    let mut desk = three_engines();
    desk.on("acestream-1").answers = false;
    desk.on("acestream-1").connected = None;
    desk.on("acestream-3").connected = Some(false);
    desk.wait(secs(5));
    check(
        desk.told(),
        "
        1005s     VPN double-check: VPN 'gluetun' is doubted: Docker says unhealthy
                  VPN double-check: Failed to check engine 00000003cece: Connection timeout
                  VPN double-check: Engine 00000004cece reports internet connectivity
                  VPN double-check: 1/3 engine(s) have internet connectivity - considering VPN
                      healthy
        ",
    );

    desk.on("acestream-2").connected = None;
    desk.wait(secs(5));
    check(
        desk.told(),
        "
        1010s     VPN double-check: Failed to check engine 00000003cece: Connection timeout
                  VPN double-check: Failed to check engine 00000004cece: Connection timeout
                  VPN double-check: None of 3 engine(s) have internet connectivity
                  VPN 'gluetun' failed: Docker says unhealthy, 0 of 3 engine(s) are connected; its
                      engines are hidden
                  engine acestream-1 is hidden: its VPN's tunnel is lost
                  engine acestream-2 is hidden: its VPN's tunnel is lost
                  engine acestream-3 is hidden: its VPN's tunnel is lost
                  no engine can be created now: no VPN is healthy; what is missing is created
        ",
    );
}

#[test]
fn each_engine_of_that_vpn_is_asked_at_its_own_port_in_its_vpns_network_all_at_once() {
    let mut desk = Desk::at_rest(two_on_each());
    desk.hold("probe");
    desk.on("gluetun2").health = Health::Unhealthy;
    desk.wait(secs(5));

    let asked: Vec<_> = desk.open().filter(|command| command.cause == Cause::DoubleCheck).collect();
    let asked: Vec<_> = asked.iter().map(|command| &command.action).collect();
    let [Action::Probe { vpn, port, .. }, Action::Probe { vpn: second_vpn, port: second_port, .. }] =
        asked[..]
    else {
        panic!("two engines should be asked: {asked:?}")
    };
    assert_eq!((vpn, second_vpn), (&Some(VpnId(1)), &Some(VpnId(1))));
    assert_eq!((*port, *second_port), (19_002, 19_003));
}

#[test]
fn an_engine_that_says_disconnected_is_no_connected_one_however_well_it_answers() {
    let mut desk = three_engines();
    for name in ["acestream-1", "acestream-2", "acestream-3"] {
        desk.on(name).connected = Some(false);
    }
    desk.wait(secs(5));
    check(
        desk.told(),
        "
        1005s     VPN double-check: VPN 'gluetun' is doubted: Docker says unhealthy
                  VPN double-check: None of 3 engine(s) have internet connectivity
                  VPN 'gluetun' failed: Docker says unhealthy, 0 of 3 engine(s) are connected; its
                      engines are hidden
                  engine acestream-1 is hidden: its VPN's tunnel is lost
                  engine acestream-2 is hidden: its VPN's tunnel is lost
                  engine acestream-3 is hidden: its VPN's tunnel is lost
                  no engine can be created now: no VPN is healthy; what is missing is created
        ",
    );
}

#[test]
fn the_verdict_stays_as_it_was_until_the_engines_have_answered() {
    let mut desk = three_engines();
    desk.hold("probe");
    desk.wait(millis(9_999));
    check(desk.told(), "1005s     VPN double-check: VPN 'gluetun' is doubted: Docker says unhealthy");
    check(desk.fleet(), "gluetun: 1 2 3");

    // The first connected engine is enough.
    desk.answered(
        "probe acestream-2",
        Outcome::Done(Report::Probe(ProbeReport { answered: false, connected: None })),
    );
    check(desk.told(), "");
    let connected = ProbeReport { answered: true, connected: Some(true) };
    desk.answered("probe acestream-3", Outcome::Done(Report::Probe(connected)));
    check(desk.told(), "");
}

#[test]
fn it_is_repeated_every_five_seconds_for_as_long_as_docker_calls_the_vpn_unhealthy() {
    let mut desk = three_engines();
    desk.wait(secs(20));
    check(
        desk.asked_for("its VPN is doubted"),
        "
        1005s     > probe acestream-1 (its VPN is doubted)
                  > probe acestream-2 (its VPN is doubted)
                  > probe acestream-3 (its VPN is doubted)
        1010s     > probe acestream-1 (its VPN is doubted)
                  > probe acestream-2 (its VPN is doubted)
                  > probe acestream-3 (its VPN is doubted)
        1015s     > probe acestream-1 (its VPN is doubted)
                  > probe acestream-2 (its VPN is doubted)
                  > probe acestream-3 (its VPN is doubted)
        1020s     > probe acestream-1 (its VPN is doubted)
                  > probe acestream-2 (its VPN is doubted)
                  > probe acestream-3 (its VPN is doubted)
        ",
    );

    // Only what changes is told.
    desk.on("gluetun").tunnel_up = false;
    desk.wait(secs(10));
    check(
        desk.told(),
        "
        1025s     VPN double-check: None of 3 engine(s) have internet connectivity
                  VPN 'gluetun' failed: Docker says unhealthy, 0 of 3 engine(s) are connected; its
                      engines are hidden
                  engine acestream-1 is hidden: its VPN's tunnel is lost
                  engine acestream-2 is hidden: its VPN's tunnel is lost
                  engine acestream-3 is hidden: its VPN's tunnel is lost
                  no engine can be created now: no VPN is healthy; what is missing is created
        ",
    );
    desk.on("gluetun").tunnel_up = true;
    desk.wait(secs(10));
    check(
        desk.told(),
        "
        1035s     VPN 'gluetun' is healthy: Docker says unhealthy, 1 of 3 engine(s) are connected;
                      what is missing is created
                  restarting engine acestream-1 in place: its VPN's tunnel is back; its first good
                      answer is due within 120.0 s
                  engine acestream-2 is offered
                  VPN double-check: Engine 00000003cece reports internet connectivity
                  VPN double-check: 3/3 engine(s) have internet connectivity - considering VPN
                      healthy
                  engine acestream-3 is offered
                  engine acestream-1 is offered
                  restarting engine acestream-2 in place: its VPN's tunnel is back; its first good
                      answer is due within 120.0 s
                  engine acestream-2 is offered
                  restarting engine acestream-3 in place: its VPN's tunnel is back; its first good
                      answer is due within 120.0 s
                  engine acestream-3 is offered
        ",
    );

    desk.on("gluetun").health = Health::Healthy;
    desk.wait(secs(60));
    check(
        desk.asked_for("its VPN is doubted"),
        "
        1045s     > probe acestream-1 (its VPN is doubted)
                  > probe acestream-2 (its VPN is doubted)
                  > probe acestream-3 (its VPN is doubted)
        ",
    );
}

#[test]
fn a_check_that_ends_after_docker_has_changed_its_mind_decides_nothing() {
    let mut desk = Desk::at_rest(one_vpn(1));
    desk.on("gluetun").health = Health::Unhealthy;
    desk.on("gluetun").tunnel_up = false;
    desk.hold("probe");
    desk.wait(secs(5));
    desk.on("gluetun").health = Health::Healthy;
    desk.wait(secs(5));
    desk.told();
    desk.let_go("probe");
    check(desk.told(), "");
    assert_eq!(desk.vpn("gluetun").double_check, None);
}

#[test]
fn an_engine_that_has_not_answered_yet_is_not_asked() {
    let mut desk = Desk::at_rest(one_vpn(2));
    desk.host.start("acestream-2");
    desk.on("acestream-2").answers = false;
    desk.hear("acestream-2", Happened::Started);
    desk.on("gluetun").health = Health::Unhealthy;
    desk.wait(secs(5));
    check(desk.asked_for("its VPN is doubted"), "1005s     > probe acestream-1 (its VPN is doubted)");
}
