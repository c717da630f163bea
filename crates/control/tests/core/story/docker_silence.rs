//! Docker does not answer: nothing leaves the state, nothing is changed, and everything is looked at afterwards.

use crate::desk::{Desk, check, host_with, millis, no_vpn, one_vpn, secs, two_on_each};
use control::docker::Happened;
use control::event::{Outcome, Refusal};
use control::snapshot::{BlockedCode, Overall};
use control::{Event, Settings};

#[test]
fn two_pings_in_a_row_that_nobody_answers_make_docker_unreachable() {
    let mut desk = Desk::at_rest(one_vpn(1));
    desk.hold("ping");
    desk.wait(secs(2));
    desk.lost("ping");
    assert!(desk.core.docker_reachable());
    desk.wait(secs(2));
    desk.done("ping");
    desk.wait(secs(2));
    desk.lost("ping");
    assert!(desk.core.docker_reachable());
    check(desk.transcript(), "");

    desk.wait(secs(2));
    desk.lost("ping");
    assert!(!desk.core.docker_reachable());
    check(
        desk.transcript(),
        "
        1008s     Docker socket temporarily unavailable - nothing leaves the state until it is back;
                      looked at again in 2.0 s
        ",
    );
}

#[test]
fn while_it_is_unreachable_nothing_leaves_the_state_and_no_container_is_touched() {
    let mut desk = Desk::at_rest(two_on_each());
    desk.host.docker_answers = false;
    desk.wait(secs(4));
    desk.transcript();

    // Meanwhile a VPN restarts, and an engine of the other is removed.
    desk.host.start("gluetun");
    desk.host.remove("acestream-2");
    desk.wait(secs(600));
    check(desk.did(), "");
    let snapshot = desk.core.snapshot();
    assert_eq!(snapshot.engines.len(), 4);
    assert!(!snapshot.docker_reachable);
    assert_eq!(snapshot.overall, Overall::Degraded);
    assert_eq!(snapshot.blocked.map(|blocked| blocked.code), Some(BlockedCode::DockerUnavailable));
}

#[test]
fn when_it_is_back_everything_is_looked_at_before_anything_is_decided() {
    let mut desk = Desk::at_rest(two_on_each());
    desk.host.docker_answers = false;
    desk.wait(secs(4));
    desk.host.remove("acestream-2");
    desk.host.docker_answers = true;
    desk.hold("inspect acestream-4");
    desk.transcript();
    desk.wait(secs(2));
    check(
        desk.asked_for("something changed"),
        "
        1006s     > inspect acestream-1 (something changed)
                  > inspect acestream-2 (something changed)
                  > inspect acestream-3 (something changed)
                  > inspect acestream-4 (something changed)
        ",
    );
    check(desk.told(), "");
    check(desk.did(), "");

    desk.let_go("inspect acestream-4");
    check(
        desk.transcript(),
        "
        1006s     Docker answers again, and everything has been looked at
                  creating engine acestream-2 on VPN 'gluetun': too few engines serve (3 of 4
                      wanted, 0 coming); its first good answer is due within 120.0 s
                  > create acestream-2 on gluetun http 19001 https 45001 (too few engines serve)
                  starting engine acestream-2: it was created and not yet started; its first good
                      answer is due within 120.0 s
                  > start acestream-2 (it was created and not yet started)
                  engine acestream-2 is offered
        ",
    );
    check(desk.fleet(), "gluetun: 1 2 | gluetun2: 3 4");
}

#[test]
fn what_could_not_be_done_meanwhile_is_decided_anew() {
    let mut desk = Desk::at_rest(one_vpn(2));
    desk.host.docker_answers = false;
    desk.wait(secs(4));
    desk.host.start("gluetun");
    desk.hear("gluetun", Happened::Started);
    desk.wait(secs(60));
    check(desk.did(), "");
    desk.host.docker_answers = true;
    desk.wait(secs(2));
    check(
        desk.did(),
        "
        1066s     > restart acestream-1 (its VPN has a new network that it can join)
                  > restart acestream-2 (its VPN has a new network that it can join)
        ",
    );
    check(desk.fleet(), "gluetun: 1 2");
}

#[test]
fn a_second_silence_needs_a_second_look() {
    let mut desk = Desk::at_rest(one_vpn(1));
    for _ in 0..2 {
        desk.host.docker_answers = false;
        desk.wait(secs(10));
        desk.host.docker_answers = true;
        desk.wait(secs(2));
    }
    check(
        desk.told(),
        "
        1004s     Docker socket temporarily unavailable - nothing leaves the state until it is back;
                      looked at again in 2.0 s
        1012s     Docker answers again, and everything has been looked at
        1016s     Docker socket temporarily unavailable - nothing leaves the state until it is back;
                      looked at again in 2.0 s
        1024s     Docker answers again, and everything has been looked at
        ",
    );
}

#[test]
fn a_failed_listing_is_repeated_after_one_two_and_four_seconds_and_then_at_its_time() {
    let mut desk = Desk::at_rest(one_vpn(1));
    desk.hold("list");
    desk.wait(secs(10));
    desk.asked();
    for wait in [secs(1), secs(2), secs(4), secs(10), secs(10)] {
        desk.lost("list");
        desk.wait(wait);
    }
    check(
        desk.asked_for("list"),
        "
        1011s     > list (routine)
        1013s     > list (routine)
        1017s     > list (routine)
        1027s     > list (routine)
        1037s     > list (routine)
        ",
    );
    desk.answered("list", Outcome::Refused(Refusal::Unexplained("500".into())));
    check(
        desk.told(),
        "
        1037s     Docker socket temporarily unavailable - skipping state synchronization
        ",
    );

    // One that succeeds makes the count begin anew.
    desk.wait(secs(10));
    desk.done("list");
    desk.wait(secs(10));
    desk.lost("list");
    desk.asked();
    desk.wait(secs(1));
    check(desk.asked_for("list"), "1058s     > list (routine)");
}

#[test]
fn listings_never_overlap() {
    let mut desk = Desk::at_rest(one_vpn(1));
    desk.hold("list");
    desk.wait(secs(100));
    check(desk.waiting(), "list");
    desk.event(Event::DockerStreamOpened);
    check(desk.waiting(), "list");
}

#[test]
fn a_reopened_event_stream_is_followed_by_a_look_at_everything() {
    let mut desk = Desk::at_rest(one_vpn(1));
    desk.wait(secs(1));
    desk.asked();
    desk.event(Event::DockerStreamOpened);
    check(
        desk.asked(),
        "
        1001s     > inspect acestream-1 (something changed)
                  > list (routine)
                  > inspect gluetun by name (routine)
        ",
    );
}

#[test]
fn a_stream_that_is_reopened_during_a_listing_is_followed_by_another_listing() {
    let mut desk = Desk::at_rest(one_vpn(1));
    desk.hold("list");
    desk.wait(secs(10));
    desk.event(Event::DockerStreamOpened);
    desk.asked();
    desk.done("list");
    check(desk.asked_for("list"), "1010s     > list (routine)");
}

#[test]
fn while_docker_is_silent_engines_and_control_servers_are_asked_all_the_same() {
    let mut desk = Desk::at_rest(one_vpn(1));
    desk.host.docker_answers = false;
    desk.wait(secs(30));
    desk.transcript();
    desk.on("gluetun").ports = Some(vec![40_009]);
    desk.on("acestream-1").answers = false;
    desk.wait(secs(70));
    check(
        desk.told(),
        "
        1040s     VPN 'gluetun' forwarded port is 40009
        1087.922s engine acestream-1 is hidden: it does not answer any more
        ",
    );
}

#[test]
fn a_docker_that_is_silent_from_the_beginning_is_waited_for() {
    let mut host = host_with(&["gluetun"]);
    host.docker_answers = false;
    let mut desk = Desk::in_sight(one_vpn(1), host);
    desk.wait(secs(60));
    check(
        desk.transcript(),
        "
        0s        Docker socket temporarily unavailable - skipping state synchronization
        1s        Docker socket temporarily unavailable - skipping state synchronization
        2s        Docker socket temporarily unavailable - nothing leaves the state until it is back;
                      looked at again in 2.0 s
        ",
    );
    let snapshot = desk.core.snapshot();
    assert_eq!((snapshot.ready, snapshot.overall), (false, Overall::Unavailable));

    desk.host.docker_answers = true;
    desk.wait(secs(2));
    check(desk.fleet(), "gluetun: 1");
}

#[test]
fn absence_from_a_listing_removes_nothing_until_an_inspection_says_so() {
    let mut desk = Desk::at_rest(no_vpn(1));
    desk.hold("inspect acestream-1");
    desk.host.remove("acestream-1");
    desk.wait(secs(10));
    check(desk.asked_for("inspect"), "1008.758s > inspect acestream-1 (something changed)");
    check(desk.fleet(), "outside: 1");
    desk.let_go("inspect acestream-1");
    check(
        desk.transcript(),
        "
        1010s     engine acestream-1 is gone: by a foreign hand
                  creating engine acestream-1: too few engines serve (0 of 1 wanted, 0 coming); its
                      first good answer is due within 120.0 s
                  > create acestream-1 outside http 19000 https 45000 (too few engines serve)
                  starting engine acestream-1: it was created and not yet started; its first good
                      answer is due within 120.0 s
                  > start acestream-1 (it was created and not yet started)
                  engine acestream-1 is offered
        ",
    );
}

#[test]
fn an_inspection_that_is_not_answered_is_repeated_after_a_second() {
    let mut desk = Desk::at_rest(no_vpn(1));
    desk.hold("inspect acestream-1");
    desk.hear("acestream-1", Happened::Unpaused);
    desk.lost("inspect acestream-1");
    desk.wait(millis(999));
    check(desk.waiting(), "");
    desk.wait(millis(1));
    check(desk.waiting(), "inspect acestream-1");
}

#[test]
fn commands_are_given_the_time_that_belongs_to_them() {
    let mut desk = Desk::at_rest(Settings { docker_timeout: secs(33), ..one_vpn(1) });
    for words in ["ping", "list", "inspect", "probe", "ask"] {
        desk.hold(words);
    }
    desk.wait(secs(22));
    let mut timeouts: Vec<_> =
        desk.open().map(|command| format!("{} {:?}", command.action.code(), command.timeout)).collect();
    timeouts.sort();
    timeouts.dedup();
    check(
        timeouts.join("\n"),
        "
        askv 5s
        insp 33s
        list 33s
        ping 2s
        prob 5s
        ",
    );
}
