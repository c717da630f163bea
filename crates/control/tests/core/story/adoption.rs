//! Adoption: acefleet begins, and engines of an earlier life are there already.

use crate::desk::{Desk, Host, check, host_with, one_vpn, secs, two_on_each};
use control::Event;
use control::docker::{Network, State};
use control::labels::{FORWARDED, HTTP_PORT, OPERATION, P2P_PORT, VPN_CONTAINER};
use control::snapshot::EngineHealth;

/// Two VPNs with two engines each, as an earlier life has left them.
fn two_on_each_already() -> Host {
    let mut host = host_with(&["gluetun", "gluetun2"]);
    host.run_engine("acestream-1", "gluetun", 19_000);
    host.run_engine("acestream-2", "gluetun2", 19_001);
    host.run_engine("acestream-3", "gluetun", 19_002);
    host.run_engine("acestream-4", "gluetun2", 19_003);
    host
}

#[test]
fn engines_in_their_vpns_network_are_offered_at_once_before_they_have_been_asked_anything() {
    let mut desk = Desk::opened(two_on_each(), two_on_each_already());
    desk.hold("probe");
    desk.store_answers(&[]);

    check(
        desk.transcript(),
        "
        0s        Restored VPN assignment for engine acestream-1: gluetun
                  Restored VPN assignment for engine acestream-2: gluetun2
                  Restored VPN assignment for engine acestream-3: gluetun
                  Restored VPN assignment for engine acestream-4: gluetun2
                  VPN 'gluetun' has been found; its engines are repaired once it is healthy
                  VPN 'gluetun2' has been found; its engines are repaired once it is healthy
                  first look complete, 4 engine(s) adopted
                  VPN 'gluetun' is healthy: Docker says healthy; what is missing is created
                  VPN 'gluetun2' is healthy: Docker says healthy; what is missing is created
                  engine acestream-1 is offered
                  engine acestream-2 is offered
                  engine acestream-3 is offered
                  engine acestream-4 is offered
        ",
    );
    check(desk.fleet(), "gluetun: 1 3 | gluetun2: 2 4");
    assert_eq!(desk.engine("acestream-1").health, EngineHealth::Unknown);
}

#[test]
fn restarting_acefleet_touches_no_engine_that_fits_its_settings() {
    let mut desk = Desk::in_sight(two_on_each(), two_on_each_already());
    desk.wait(secs(3_600));
    check(desk.did(), "");
    check(desk.fleet(), "gluetun: 1 3 | gluetun2: 2 4");
}

#[test]
fn engines_that_are_missing_are_created_where_they_are_missing() {
    let mut host = two_on_each_already();
    host.remove("acestream-1");
    host.remove("acestream-3");
    let mut desk = Desk::in_sight(two_on_each(), host);
    check(
        desk.did(),
        "
        0s        > create acestream-1 on gluetun http 19000 https 45000 (too few engines serve)
                  > create acestream-3 on gluetun http 19002 https 45001 (too few engines serve)
                  > start acestream-1 (it was created and not yet started)
                  > start acestream-3 (it was created and not yet started)
        ",
    );
}

#[test]
fn an_adopted_engine_that_does_not_answer_its_first_question_has_to_prove_itself() {
    let mut host = two_on_each_already();
    host.get("acestream-1").answers = false;
    let mut desk = Desk::in_sight(two_on_each(), host);
    check(desk.hidden(), "acestream-1: it has not answered yet, next step at 120s");

    desk.on("acestream-1").answers = true;
    desk.wait(secs(1));
    check(desk.fleet(), "gluetun: 1 3 | gluetun2: 2 4");
}

#[test]
fn the_carrier_is_found_by_the_port_it_was_created_with_and_not_by_its_mark() {
    let mut host = host_with(&["gluetun"]);
    // Born forwarded, with a port that the VPN has lost since.
    host.add_engine(
        "acestream-1",
        &[(HTTP_PORT, "19000"), (VPN_CONTAINER, "gluetun"), (FORWARDED, "true"), (P2P_PORT, "39999")],
    );
    host.start("acestream-1");
    // No label, but its environment says which port it was given.
    host.run_engine("acestream-2", "gluetun", 19_001).p2p_in_spec = Some(40_001);
    // The label of a later version.
    host.add_engine("acestream-3", &[(HTTP_PORT, "19002"), (VPN_CONTAINER, "gluetun"), (P2P_PORT, "40003")]);
    host.start("acestream-3");
    let mut desk = Desk::in_sight(one_vpn(1), host);
    check(desk.fleet(), "gluetun: 1 2 3");

    desk.on("gluetun").ports = Some(vec![39_999]);
    desk.wait(secs(10));
    check(desk.fleet(), "gluetun: 1* 2 3");
}

#[test]
fn the_network_tells_where_an_engine_belongs_and_its_label_only_where_the_network_is_gone() {
    let mut host = two_on_each_already();
    let second = host.get("gluetun2").id;
    host.get("acestream-1").network = Network::Container(second);
    host.start("acestream-1");
    let desk = Desk::in_sight(two_on_each(), host);

    check(desk.fleet(), "gluetun: 3 | gluetun2: 1 2 4");
    check(desk.engine("acestream-1").host.as_str(), "gluetun2");
}

#[test]
fn an_engine_outside_the_configured_vpns_is_hidden_at_once_and_counts_for_nothing() {
    let mut host = host_with(&["gluetun", "old-vpn"]);
    host.run_engine("acestream-1", "gluetun", 19_000);
    host.run_engine("acestream-2", "old-vpn", 19_001);
    host.add_engine("acestream-3", &[(HTTP_PORT, "19002")]);
    host.start("acestream-3");
    let mut desk = Desk::in_sight(one_vpn(2), host);

    check(desk.fleet(), "gluetun: 1 4 | outside: (2) (3)");
    check(
        desk.hidden(),
        "
        acestream-2: it is outside the VPNs' networks, next step at 25s
        acestream-3: it is outside the VPNs' networks, next step at 25s
        ",
    );
    check(
        desk.did(),
        "
        0s        > create acestream-4 on gluetun http 19003 https 45000 (too few engines serve)
                  > start acestream-4 (it was created and not yet started)
        ",
    );
}

#[test]
fn a_container_of_ours_without_an_http_port_is_no_engine_and_is_left_alone() {
    let mut host = host_with(&["gluetun"]);
    host.add_engine("acestream-1", &[(HTTP_PORT, "none"), (VPN_CONTAINER, "gluetun")]);
    host.add_engine("tool", &[]);
    let mut desk = Desk::in_sight(one_vpn(1), host);
    desk.wait(secs(3_600));

    // Its name is taken all the same.
    check(
        desk.transcript(),
        "
        0s        Restored VPN assignment for engine acestream-1: gluetun
                  labels of engine acestream-1 cannot be believed
                  adopted engine tool
                  labels of engine tool cannot be believed
                  VPN 'gluetun' has been found; its engines are repaired once it is healthy
                  first look complete, 0 engine(s) adopted
                  VPN 'gluetun' is healthy: Docker says healthy; what is missing is created
                  creating engine acestream-2 on VPN 'gluetun': too few engines serve (0 of 1
                      wanted, 0 coming); its first good answer is due within 120.0 s
                  > create acestream-2 on gluetun http 19000 https 45000 (too few engines serve)
                  starting engine acestream-2: it was created and not yet started; its first good
                      answer is due within 120.0 s
                  > start acestream-2 (it was created and not yet started)
                  engine acestream-2 is offered
        ",
    );
    check(desk.fleet(), "gluetun: 2");
}

#[test]
fn an_engine_that_stopped_while_nobody_looked_is_started_and_has_to_answer_before_it_is_offered() {
    let mut host = two_on_each_already();
    host.stop("acestream-3");
    let mut desk = Desk::opened(two_on_each(), host);
    desk.hold("probe acestream-3");
    desk.store_answers(&[]);
    desk.wait(secs(6));
    check(
        desk.did(),
        "
        5s        > start acestream-3 (it stopped running and Docker did not bring it back)
        ",
    );
    check(desk.fleet(), "gluetun: 1 (3) | gluetun2: 2 4");

    desk.let_go("probe acestream-3");
    check(desk.fleet(), "gluetun: 1 3 | gluetun2: 2 4");
}

#[test]
fn an_engine_that_was_created_and_never_started_is_started_at_once() {
    let mut host = two_on_each_already();
    host.add_engine(
        "acestream-5",
        &[(HTTP_PORT, "19004"), (VPN_CONTAINER, "gluetun"), (OPERATION, "00000001-1")],
    );
    host.remove("acestream-3");
    let mut desk = Desk::in_sight(two_on_each(), host);
    check(desk.did(), "0s        > start acestream-5 (it was created and not yet started)");
    check(desk.fleet(), "gluetun: 1 5 | gluetun2: 2 4");
}

#[test]
fn an_engine_whose_vpn_restarted_while_nobody_looked_is_restarted_and_has_to_answer_before_it_is_offered() {
    let mut host = two_on_each_already();
    host.start("gluetun2");
    let mut desk = Desk::opened(two_on_each(), host);
    desk.hold("probe");
    desk.store_answers(&[]);
    check(
        desk.did(),
        "
        0s        > restart acestream-2 (its VPN has a new network that it can join)
                  > restart acestream-4 (its VPN has a new network that it can join)
        ",
    );
    check(desk.fleet(), "gluetun: 1 3 | gluetun2: (2) (4)");

    desk.let_go("probe");
    check(desk.fleet(), "gluetun: 1 3 | gluetun2: 2 4");
}

#[test]
fn of_engines_with_one_port_the_one_whose_going_does_most_harm_stays() {
    let with_one_port = |change: fn(&mut Host), streams: &[(&str, &str)]| {
        let mut host = host_with(&["gluetun"]);
        for name in ["acestream-1", "acestream-2", "acestream-3"] {
            host.run_engine(name, "gluetun", 19_000);
        }
        change(&mut host);
        let mut desk = Desk::opened(one_vpn(1), host);
        desk.hold("remove");
        desk.store_answers(streams);
        desk.fleet()
    };
    check(with_one_port(|_| {}, &[]), "gluetun: 1 (2) (3)");
    check(with_one_port(|host| host.stop("acestream-1"), &[]), "gluetun: (1) 2 (3)");
    check(with_one_port(|_| {}, &[("acestream-3", "channel|7")]), "gluetun: (1) (2) 3");
}

#[test]
fn announced_streams_are_remembered_whether_the_store_answers_before_docker_or_after_it() {
    let streams = [("acestream-2", "channel|7"), ("acestream-2", "channel|8")];

    let mut after = Desk::opened(two_on_each(), two_on_each_already());
    after.wait(secs(1));
    after.store_answers(&streams);
    check(after.engine("acestream-2").streams.join(" "), "channel|7 channel|8");
    assert_eq!(after.core.snapshot().capacity.used, 1);

    let mut before = Desk::opened(two_on_each(), two_on_each_already());
    before.hold("list");
    before.store_answers(&streams);
    before.let_go("list");
    check(before.engine("acestream-2").streams.join(" "), "channel|7 channel|8");
}

#[test]
fn if_the_store_cannot_tell_adopted_engines_count_as_used_for_fifteen_minutes() {
    let mut host = host_with(&["gluetun"]);
    host.run_engine("acestream-1", "gluetun", 19_000);
    host.run_engine("acestream-2", "gluetun", 19_001);
    let mut desk = Desk::opened(one_vpn(2), host);
    desk.event(Event::StoreAnswered(Err("no such file".into())));
    let used = |desk: &Desk| desk.core.snapshot().capacity.used;

    // They may all be watched, so room for a new viewer is made.
    check(desk.fleet(), "gluetun: 1 2 3");
    assert_eq!(used(&desk), 2);
    desk.wait(secs(898));
    assert_eq!(used(&desk), 2);
    desk.wait(secs(2));
    assert_eq!(used(&desk), 0);
}

#[test]
fn a_paused_engine_is_left_to_the_person_who_paused_it() {
    let mut host = two_on_each_already();
    host.get("acestream-1").state = State::Paused;
    let mut desk = Desk::in_sight(two_on_each(), host);
    desk.wait(secs(600));
    check(desk.hidden(), "acestream-1: it does not run, next step at 610s");
    check(desk.did(), "");
}
