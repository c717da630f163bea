//! A VPN's network is replaced: its engines run on, Docker calls them up, and nothing can reach them.

use crate::desk::{Desk, check, millis, one_vpn, secs, two_on_each};
use control::docker::{Happened, Health, State};
use control::event::Refusal;
use control::{Event, Settings};

/// Two engines on each VPN, of which the second carries the forwarded port: it was created when the port was
/// known already.
fn with_carriers() -> Settings {
    Settings { max_concurrent_provisions: 2, ..two_on_each() }
}

#[test]
fn engines_of_a_restarted_vpn_are_restarted_in_place_and_the_carrier_is_made_anew() {
    let mut desk = Desk::at_rest(with_carriers());
    check(desk.fleet(), "gluetun: 1 2 | gluetun2: 3 4");

    desk.host.start("gluetun");
    desk.hear("gluetun", Happened::Started);
    check(
        desk.transcript(),
        "
        1000s     VPN 'gluetun' has a new network; its engines are repaired once it is healthy
                  VPN 'gluetun' failed: its network was replaced; its engines are hidden
                  VPN 'gluetun' is healthy: Docker says healthy; what is missing is created
                  engine acestream-1 is hidden: its VPN has another network now
                  engine acestream-2 is hidden: its VPN has another network now
                  restarting engine acestream-1 in place: its VPN has a new network that it can
                      join; its first good answer is due within 120.0 s
                  > restart acestream-1 (its VPN has a new network that it can join)
                  restarting engine acestream-2 in place: its VPN has a new network that it can
                      join; its first good answer is due within 120.0 s
                  > restart acestream-2 (its VPN has a new network that it can join)
                  engine acestream-1 is offered
                  engine acestream-2 is offered
        ",
    );
    check(desk.fleet(), "gluetun: 1 2 | gluetun2: 3 4");
}

#[test]
fn stranded_engines_are_hidden_the_moment_the_restart_is_known_and_repaired_once_the_vpn_is_healthy() {
    let mut desk = Desk::at_rest(two_on_each());

    desk.host.start("gluetun");
    desk.on("gluetun").health = Health::Starting;
    desk.hear("gluetun", Happened::Started);
    check(
        desk.transcript(),
        "
        1000s     VPN 'gluetun' has a new network; its engines are repaired once it is healthy
                  VPN 'gluetun' failed: its network was replaced; its engines are hidden
                  entering emergency mode: VPN 'gluetun' failed, VPN 'gluetun2' is healthy
                  engine acestream-1 is hidden: its VPN has another network now
                  engine acestream-2 is hidden: its VPN has another network now
        ",
    );
    check(desk.fleet(), "gluetun: (1) (2) | gluetun2: 3 4");
    check(
        desk.hidden(),
        "
        acestream-1: its VPN has another network now, next step at 1060s
        acestream-2: its VPN has another network now, next step at 1060s
        ",
    );

    desk.wait(millis(4_999));
    check(desk.did(), "");
    desk.on("gluetun").health = Health::Healthy;
    desk.wait(millis(1));
    check(
        desk.did(),
        "
        1005s     > restart acestream-1 (its VPN has a new network that it can join)
                  > restart acestream-2 (its VPN has a new network that it can join)
        ",
    );
    check(desk.fleet(), "gluetun: 1 2 | gluetun2: 3 4");
}

#[test]
fn a_restart_that_nobody_told_of_is_found_by_the_next_inspection() {
    let mut desk = Desk::at_rest(two_on_each());
    desk.wait(secs(1));
    desk.host.start("gluetun2");
    desk.wait(millis(3_999));
    check(
        desk.transcript(),
        "
        1003.755s VPN double-check: VPN 'gluetun2' is doubted: 1 of 2 engine(s) do not answer
                  VPN double-check: Failed to check engine 00000007cece: Connection timeout
                  VPN double-check: Failed to check engine 00000008cece: Connection timeout
                  VPN double-check: None of 2 engine(s) have internet connectivity
                  VPN 'gluetun2' failed: 1 of 2 engine(s) do not answer, 0 of 2 engine(s) are
                      connected; its engines are hidden
                  entering emergency mode: VPN 'gluetun2' failed, VPN 'gluetun' is healthy
                  engine acestream-3 is hidden: its VPN's tunnel is lost
                  engine acestream-4 is hidden: its VPN's tunnel is lost
        ",
    );
    desk.wait(secs(100));
    check(
        desk.transcript(),
        "
        1005s     VPN 'gluetun2' has a new network; its engines are repaired once it is healthy
                  VPN 'gluetun2' is healthy: Docker says healthy; what is missing is created
                  leaving emergency mode (it lasted 1.2 s); what is missing is created
                  restarting engine acestream-3 in place: its VPN has a new network that it can
                      join; its first good answer is due within 120.0 s
                  > restart acestream-3 (its VPN has a new network that it can join)
                  restarting engine acestream-4 in place: its VPN has a new network that it can
                      join; its first good answer is due within 120.0 s
                  > restart acestream-4 (its VPN has a new network that it can join)
                  engine acestream-3 is offered
                  engine acestream-4 is offered
        ",
    );
}

#[test]
fn engines_of_a_recreated_vpn_cannot_rejoin_and_are_removed_and_created_anew() {
    let mut desk = Desk::at_rest(two_on_each());

    let destroyed = desk.notice("gluetun", Happened::Destroyed);
    desk.host.recreate("gluetun");
    desk.event(Event::Docker(destroyed));
    check(
        desk.transcript(),
        "
        1000s     VPN 'gluetun' failed: its container is missing; its engines are removed in 5.0 s
                      unless it is back
                  entering emergency mode: VPN 'gluetun' failed, VPN 'gluetun2' is healthy
                  engine acestream-1 is hidden: its VPN's network is gone
                  engine acestream-2 is hidden: its VPN's network is gone
                  VPN 'gluetun' has a new network; its engines are repaired once it is healthy
                  VPN 'gluetun' is healthy: Docker says healthy; what is missing is created
                  leaving emergency mode (it lasted 0.0 s); what is missing is created
                  removing engine acestream-1: its VPN has a new network that it cannot join
                  removing engine acestream-2: its VPN has a new network that it cannot join
                  > remove acestream-1 (its VPN has a new network that it cannot join)
                  > remove acestream-2 (its VPN has a new network that it cannot join)
                  engine acestream-1 is gone
                  creating engine acestream-1 on VPN 'gluetun': too few engines serve (2 of 4
                      wanted, 1 coming); its first good answer is due within 120.0 s
                  > create acestream-1 on gluetun http 19000 https 45000 (too few engines serve)
                  engine acestream-2 is gone
                  creating engine acestream-2 on VPN 'gluetun': too few engines serve (2 of 4
                      wanted, 1 coming); its first good answer is due within 120.0 s
                  > create acestream-2 on gluetun http 19001 https 45001 (too few engines serve)
                  starting engine acestream-1: it was created and not yet started; its first good
                      answer is due within 120.0 s
                  > start acestream-1 (it was created and not yet started)
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
fn a_vpn_that_is_back_within_five_seconds_keeps_its_engines() {
    let mut desk = Desk::at_rest(two_on_each());

    desk.host.stop("gluetun");
    desk.hear("gluetun", Happened::Died);
    check(
        desk.transcript(),
        "
        1000s     VPN 'gluetun' failed: its container has exited; its engines are removed in 5.0 s
                      unless it is back
                  entering emergency mode: VPN 'gluetun' failed, VPN 'gluetun2' is healthy
                  engine acestream-1 is hidden: its VPN's network is gone
                  engine acestream-2 is hidden: its VPN's network is gone
        ",
    );
    check(
        desk.hidden(),
        "
        acestream-1: its VPN's network is gone, next step at 1005s
        acestream-2: its VPN's network is gone, next step at 1005s
        ",
    );

    desk.wait(millis(4_990));
    check(desk.did(), "");
    desk.host.start("gluetun");
    desk.hear("gluetun", Happened::Started);
    check(
        desk.did(),
        "
        1004.99s  > restart acestream-1 (its VPN has a new network that it can join)
                  > restart acestream-2 (its VPN has a new network that it can join)
        ",
    );
    check(desk.fleet(), "gluetun: 1 2 | gluetun2: 3 4");
}

#[test]
fn after_five_seconds_without_a_network_all_its_engines_are_removed_at_once() {
    let mut desk = Desk::at_rest(two_on_each());

    desk.host.stop("gluetun");
    desk.hear("gluetun", Happened::Died);
    desk.wait(millis(4_999));
    check(desk.did(), "");
    desk.wait(millis(1));
    check(
        desk.did(),
        "
        1005s     > remove acestream-1 (its VPN's network is gone)
                  > remove acestream-2 (its VPN's network is gone)
        ",
    );
    check(desk.fleet(), "gluetun:  | gluetun2: 3 4");

    // When it is back its engines are created anew, on it.
    desk.host.start("gluetun");
    desk.wait(secs(5));
    check(
        desk.transcript(),
        "
        1010s     VPN 'gluetun' has a new network; its engines are repaired once it is healthy
                  VPN 'gluetun' is healthy: Docker says healthy; what is missing is created
                  leaving emergency mode (it lasted 10.0 s); what is missing is created
                  creating engine acestream-1 on VPN 'gluetun': too few engines serve (2 of 4
                      wanted, 0 coming); its first good answer is due within 120.0 s
                  creating engine acestream-2 on VPN 'gluetun': too few engines serve (2 of 4
                      wanted, 0 coming); its first good answer is due within 120.0 s
                  > create acestream-1 on gluetun http 19000 https 45000 (too few engines serve)
                  > create acestream-2 on gluetun http 19001 https 45001 (too few engines serve)
                  starting engine acestream-1: it was created and not yet started; its first good
                      answer is due within 120.0 s
                  > start acestream-1 (it was created and not yet started)
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
fn a_network_that_is_gone_takes_the_engines_of_a_single_vpn_too() {
    let mut desk = Desk::at_rest(one_vpn(2));
    desk.host.stop("gluetun");
    desk.hear("gluetun", Happened::Died);
    desk.wait(secs(10));
    check(
        desk.did(),
        "
        1005s     > remove acestream-1 (its VPN's network is gone)
                  > remove acestream-2 (its VPN's network is gone)
        ",
    );
    check(desk.fleet(), "gluetun:");
}

#[test]
fn a_vpn_that_was_removed_is_confirmed_to_be_missing_before_its_engines_go() {
    let mut desk = Desk::at_rest(one_vpn(2));
    desk.hold("inspect gluetun by name");
    desk.hear_gone("gluetun");
    desk.wait(secs(20));
    check(desk.did(), "");

    desk.let_go("inspect gluetun by name");
    check(
        desk.did(),
        "
        1020s     > remove acestream-1 (its VPN's network is gone)
                  > remove acestream-2 (its VPN's network is gone)
        ",
    );
}

#[test]
fn an_engine_that_was_being_started_when_the_network_changed_is_hidden_until_it_answers() {
    let mut desk = Desk::at_rest(two_on_each());
    desk.hold("restart acestream-1");
    desk.host.start("gluetun");
    desk.hear("gluetun", Happened::Started);

    // Another restart of the VPN overtakes the restart of the engine, which joined the network before.
    let joined = desk.carried_out("restart acestream-1");
    desk.host.start("gluetun");
    desk.hear("gluetun", Happened::Started);
    desk.did();
    desk.answered("restart acestream-1", joined);
    check(desk.fleet(), "gluetun: (1) 2 | gluetun2: 3 4");
    check(desk.did(), "1000s     > restart acestream-1 (its VPN has a new network that it can join)");
    desk.done("restart acestream-1");
    check(desk.fleet(), "gluetun: 1 2 | gluetun2: 3 4");
}

#[test]
fn an_engine_that_docker_has_restarted_meanwhile_is_looked_at_again_before_it_is_repaired() {
    let mut desk = Desk::at_rest(one_vpn(1));
    desk.hold("inspect acestream-1");
    desk.host.start("gluetun");
    desk.hear("gluetun", Happened::Started);
    check(desk.did(), "");

    desk.host.start("acestream-1");
    desk.let_go("inspect acestream-1");
    check(desk.did(), "");
    check(desk.fleet(), "gluetun: 1");
}

#[test]
fn stranded_engines_of_a_vpn_that_stays_failed_are_given_up_if_another_vpn_is_healthy() {
    let mut desk = Desk::at_rest(two_on_each());
    desk.host.stop("gluetun");
    desk.hear("gluetun", Happened::Died);
    desk.wait(secs(1));
    desk.host.start("gluetun");
    desk.on("gluetun").health = Health::Starting;
    desk.hear("gluetun", Happened::Started);

    desk.wait(millis(58_999));
    check(desk.did(), "");
    desk.wait(millis(1));
    check(
        desk.did(),
        "
        1060s     > remove acestream-1 (its VPN's network is gone)
                  > remove acestream-2 (its VPN's network is gone)
        ",
    );
}

#[test]
fn stranded_engines_of_the_only_vpn_are_kept_for_as_long_as_it_takes() {
    let mut desk = Desk::at_rest(one_vpn(2));
    desk.host.start("gluetun");
    desk.on("gluetun").health = Health::Starting;
    desk.hear("gluetun", Happened::Started);
    desk.wait(secs(600));
    check(desk.did(), "");

    desk.on("gluetun").health = Health::Healthy;
    desk.wait(secs(5));
    check(
        desk.did(),
        "
        1605s     > restart acestream-1 (its VPN has a new network that it can join)
                  > restart acestream-2 (its VPN has a new network that it can join)
        ",
    );
}

#[test]
fn a_restart_that_is_refused_is_tried_again_ever_more_slowly() {
    let mut desk = Desk::at_rest(one_vpn(1));
    desk.hold("restart");
    desk.host.start("gluetun");
    desk.hear("gluetun", Happened::Started);
    for _ in 0..4 {
        desk.refused("restart acestream-1", Refusal::NetworkNotRunning);
        desk.wait(secs(10));
    }
    check(
        desk.did(),
        "
        1000s     > restart acestream-1 (its VPN has a new network that it can join)
        1001s     > restart acestream-1 (its VPN has a new network that it can join)
        1012s     > restart acestream-1 (its VPN has a new network that it can join)
        1024s     > restart acestream-1 (its VPN has a new network that it can join)
        1038s     > restart acestream-1 (its VPN has a new network that it can join)
        ",
    );
}

#[test]
fn a_paused_vpn_keeps_its_network_and_its_engines() {
    let mut desk = Desk::at_rest(two_on_each());
    desk.on("gluetun").state = State::Paused;
    desk.hear("gluetun", Happened::Paused);
    desk.wait(secs(120));
    check(
        desk.transcript(),
        "
        1000s     VPN double-check: VPN 'gluetun' is doubted: its container is paused
                  VPN double-check: Engine 00000005cece reports internet connectivity
                  VPN double-check: 2/2 engine(s) have internet connectivity - considering VPN
                      healthy
        ",
    );
    check(desk.fleet(), "gluetun: 1 2 | gluetun2: 3 4");
}
