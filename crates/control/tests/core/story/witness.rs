//! A witness: Docker calls a VPN unhealthy, and there is no engine that could tell otherwise.

use crate::desk::{Desk, check, host_with, one_vpn, secs, two_on_each};
use control::Settings;
use control::docker::{Happened, Health, State};
use control::event::Refusal;

/// One VPN that Docker calls unhealthy from the beginning.
fn called_unhealthy(settings: Settings, tunnel_up: bool) -> Desk {
    let mut host = host_with(&["gluetun"]);
    host.get("gluetun").health = Health::Unhealthy;
    host.get("gluetun").tunnel_up = tunnel_up;
    Desk::in_sight(settings, host)
}

#[test]
fn one_engine_is_created_hidden_and_vouches_for_the_vpn_when_it_is_connected() {
    let mut desk = called_unhealthy(one_vpn(2), true);
    check(
        desk.transcript(),
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
                  > create acestream-1 on gluetun http 19000 https 45000 (nobody can tell whether
                      the VPN works)
                  starting engine acestream-1: it was created and not yet started; its first good
                      answer is due within 120.0 s
                  > start acestream-1 (it was created and not yet started)
        ",
    );
    check(desk.hidden(), "acestream-1: its VPN's tunnel is lost, next step at 5s");

    desk.wait(secs(5));
    check(
        desk.transcript(),
        "
        5s        VPN double-check: Engine 00000003cece reports internet connectivity
                  VPN double-check: 1/1 engine(s) have internet connectivity - considering VPN
                      healthy
                  VPN 'gluetun' is healthy: Docker says unhealthy, 1 of 1 engine(s) are connected;
                      what is missing is created
                  creating engine acestream-2 on VPN 'gluetun': too few engines serve (1 of 2
                      wanted, 0 coming); its first good answer is due within 120.0 s
                  > create acestream-2 on gluetun http 19001 https 45001 (too few engines serve)
                  engine acestream-1 is offered
                  starting engine acestream-2: it was created and not yet started; its first good
                      answer is due within 120.0 s
                  > start acestream-2 (it was created and not yet started)
                  engine acestream-2 is offered
        ",
    );
    check(desk.fleet(), "gluetun: 1 2");
}

#[test]
fn a_witness_that_is_not_connected_stays_to_tell_when_that_changes() {
    let mut desk = called_unhealthy(one_vpn(2), false);
    desk.hold_mending();
    desk.wait(secs(600));
    check(
        desk.did(),
        "
        0s        > create acestream-1 on gluetun http 19000 https 45000 (nobody can tell whether
                      the VPN works)
                  > start acestream-1 (it was created and not yet started)
        300s      > restart gluetun within 10s (it stays failed)
        ",
    );

    desk.on("gluetun").tunnel_up = true;
    desk.wait(secs(5));
    check(desk.fleet(), "gluetun: 1 2");
}

#[test]
fn a_witness_that_never_answers_is_replaced_with_ever_longer_waits() {
    let mut host = host_with(&["gluetun"]);
    host.get("gluetun").health = Health::Unhealthy;
    host.engines_answer = false;
    let mut desk = Desk::in_sight(one_vpn(2), host);
    desk.hold_mending();
    desk.wait(secs(3 * 3_600));

    // Each has its boot allowance of two minutes; the waits from one creation to the next double up to half an
    // hour.
    check(
        desk.did(),
        "
        0s        > create acestream-1 on gluetun http 19000 https 45000 (nobody can tell whether
                      the VPN works)
                  > start acestream-1 (it was created and not yet started)
        120s      > remove acestream-1 (it never gave a good answer)
                  > create acestream-2 on gluetun http 19001 https 45001 (nobody can tell whether
                      the VPN works)
                  > start acestream-2 (it was created and not yet started)
        240s      > remove acestream-2 (it never gave a good answer)
                  > create acestream-1 on gluetun http 19000 https 45000 (nobody can tell whether
                      the VPN works)
                  > start acestream-1 (it was created and not yet started)
        300s      > restart gluetun within 10s (it stays failed)
        360s      > remove acestream-1 (it never gave a good answer)
        480s      > create acestream-1 on gluetun http 19000 https 45000 (nobody can tell whether
                      the VPN works)
                  > start acestream-1 (it was created and not yet started)
        600s      > remove acestream-1 (it never gave a good answer)
        960s      > create acestream-1 on gluetun http 19000 https 45000 (nobody can tell whether
                      the VPN works)
                  > start acestream-1 (it was created and not yet started)
        1080s     > remove acestream-1 (it never gave a good answer)
        1920s     > create acestream-1 on gluetun http 19000 https 45000 (nobody can tell whether
                      the VPN works)
                  > start acestream-1 (it was created and not yet started)
        2040s     > remove acestream-1 (it never gave a good answer)
        3720s     > create acestream-1 on gluetun http 19000 https 45000 (nobody can tell whether
                      the VPN works)
                  > start acestream-1 (it was created and not yet started)
        3840s     > remove acestream-1 (it never gave a good answer)
        5520s     > create acestream-1 on gluetun http 19000 https 45000 (nobody can tell whether
                      the VPN works)
                  > start acestream-1 (it was created and not yet started)
        5640s     > remove acestream-1 (it never gave a good answer)
        7320s     > create acestream-1 on gluetun http 19000 https 45000 (nobody can tell whether
                      the VPN works)
                  > start acestream-1 (it was created and not yet started)
        7440s     > remove acestream-1 (it never gave a good answer)
        9120s     > create acestream-1 on gluetun http 19000 https 45000 (nobody can tell whether
                      the VPN works)
                  > start acestream-1 (it was created and not yet started)
        9240s     > remove acestream-1 (it never gave a good answer)
        ",
    );
}

#[test]
fn a_witness_is_created_within_the_limits() {
    let mut desk = called_unhealthy(Settings { max_replicas: 0, ..one_vpn(2) }, true);
    desk.hold_mending();
    desk.wait(secs(600));
    check(desk.did(), "300s      > restart gluetun within 10s (it stays failed)");
}

#[test]
fn an_engine_that_is_there_is_witness_enough() {
    let mut desk = Desk::at_rest(one_vpn(1));
    desk.hold_mending();
    desk.on("gluetun").health = Health::Unhealthy;
    desk.on("gluetun").tunnel_up = false;
    desk.wait(secs(600));
    check(desk.did(), "1305s     > restart gluetun within 10s (it stays failed)");
}

#[test]
fn a_vpn_that_is_paused_or_does_not_run_gets_no_witness() {
    for state in [State::Paused, State::Exited] {
        let mut host = host_with(&["gluetun", "gluetun2"]);
        host.get("gluetun").state = state;
        let mut desk = Desk::in_sight(two_on_each(), host);
        desk.hold_mending();
        desk.wait(secs(600));
        check(desk.fleet(), "gluetun:  | gluetun2: 1 2 3 4");
    }
}

#[test]
fn stranded_engines_cannot_tell_so_they_do_not_stand_in_the_way_of_a_witness() {
    let mut desk = Desk::at_rest(one_vpn(2));
    desk.host.start("gluetun");
    desk.on("gluetun").health = Health::Unhealthy;
    desk.hear("gluetun", Happened::Started);
    desk.wait(secs(120));
    check(
        desk.did(),
        "
        1000s     > restart acestream-2 (nobody can tell whether the VPN works)
        1005s     > restart acestream-1 (its VPN has a new network that it can join)
        ",
    );
    check(desk.fleet(), "gluetun: 1 2");
}

#[test]
fn a_refused_creation_of_a_witness_is_not_repeated_at_once() {
    let mut host = host_with(&["gluetun"]);
    host.get("gluetun").health = Health::Unhealthy;
    let mut desk = Desk::opened(one_vpn(2), host);
    desk.hold("create");
    desk.store_answers(&[]);
    desk.refused("create acestream-1", Refusal::ImageMissing);
    desk.wait(secs(59));
    check(
        desk.did(),
        "
        0s        > create acestream-1 on gluetun http 19000 https 45000 (nobody can tell whether
                      the VPN works)
        ",
    );
    desk.wait(secs(2));
    check(
        desk.did(),
        "
        60s       > create acestream-1 on gluetun http 19000 https 45000 (nobody can tell whether
                      the VPN works)
        ",
    );
}

#[test]
fn an_engine_that_never_answers_is_no_witness_and_does_not_stand_in_the_way_of_one() {
    let mut desk = Desk::opened(one_vpn(1), host_with(&["gluetun"]));
    desk.host.engines_answer = false;
    desk.store_answers(&[]);
    desk.on("gluetun").health = Health::Unhealthy;
    desk.wait(secs(10));
    desk.transcript();

    desk.host.engines_answer = true;
    desk.wait(secs(600));
    check(
        desk.did(),
        "
        120.078s  > create acestream-2 on gluetun http 19001 https 45001 (nobody can tell whether
                      the VPN works)
                  > start acestream-2 (it was created and not yet started)
        245s      > remove acestream-1 (it never gave a good answer)
        ",
    );
    check(desk.fleet(), "gluetun: 2");
}
