//! Containers of other kinds: clients ask for them, and own them once they have them.

use crate::desk::{Desk, check, host_with, millis, no_vpn, one_vpn, secs};
use control::docker::{Happened, State};
use control::event::Refusal;
use control::labels::Labels;
use control::request::{OtherWanted, Reply, Request};
use std::sync::Arc;

fn web(ports: &[(u16, Option<u16>)]) -> Request {
    Request::ProvisionOther(Arc::new(OtherWanted {
        image: "nginx:1".into(),
        env: Labels::default(),
        labels: Labels::default(),
        ports: ports.to_vec(),
        name_prefix: "web".into(),
    }))
}

/// Answers without the words for what whoever is to wait has to know.
fn in_short(answers: &str) -> String {
    answers
        .lines()
        .map(|line| line.split(": the container is").next().unwrap_or(line).to_owned() + "\n")
        .collect()
}

#[test]
fn a_client_is_given_a_container_as_soon_as_that_runs() {
    let mut desk = Desk::at_rest(one_vpn(1));
    desk.ask_for(web(&[(80, None), (443, Some(8_443))]));
    check(desk.answers(), "1: web-1 with ports [(80, 19020), (443, 8443)]");
    check(
        desk.transcript(),
        "
            1000s     creating container web-1: somebody asked for it, nginx:1
                      > create web-1 from nginx:1 19020:80 8443:443 (somebody asked for it)
                      starting container web-1: somebody asked for it
                      > start web-1 (somebody asked for it)
                      container web-1 is handed out to the client that asked for it
        ",
    );
}

#[test]
fn it_is_shown_and_deleted_and_counted_in_nothing() {
    let mut desk = Desk::at_rest(one_vpn(1));
    let before = desk.core.snapshot().capacity;
    desk.ask_for(web(&[]));
    desk.answers();
    desk.wait(secs(120));
    let shown = desk.core.snapshot();
    let [container] = &shown.containers[..] else { panic!("{:?}", shown.containers) };
    assert_eq!((container.name.as_str(), container.state), ("web-1", State::Running));
    assert_eq!((shown.engines.len(), shown.capacity), (1, before));
    desk.transcript();
    let id = container.id;
    assert!(matches!(desk.answer_to(Request::Delete(id)), Reply::Accepted(_)));
    check(desk.did(), "1120s     > remove web-1 (a person asked for it)");
    assert_eq!(desk.core.snapshot().containers, vec![]);
}

#[test]
fn names_are_the_lowest_free_and_ports_are_unique_among_all_that_are_published_and_held() {
    let mut host = host_with(&[]);
    host.run_stranger("web-1", &[19_000]);
    let mut desk = Desk::in_sight(no_vpn(1), host);
    desk.answers();
    desk.hold("create");
    // The second one wants a port that the first was just given.
    for ports in [[(80, None)], [(80, Some(19_002))], [(80, Some(19_000))], [(80, Some(19_005))]] {
        desk.ask_for(web(&ports));
    }
    check(
        desk.waiting(),
        "
            create web-2 from nginx:1 19002:80
            create web-3 from nginx:1 19005:80
        ",
    );
    check(desk.answers(), "
            2: refused, port_taken: port 19002 is taken, or is a VPN's: name another one, or none to be given one
            3: refused, port_taken: port 19000 is taken, or is a VPN's: name another one, or none to be given one
        ");
}

#[test]
fn no_container_takes_a_port_that_engines_may_get_on_a_vpn() {
    let mut desk = Desk::at_rest(one_vpn(1));
    desk.ask_for(web(&[(80, Some(19_010))]));
    check(
        desk.answers(),
        "1: refused, port_taken: port 19010 is taken, or is a VPN's: name another one, or none to be given one",
    );
}

#[test]
fn whoever_asks_again_gets_the_very_container_that_he_was_told_to_wait_for() {
    let mut desk = Desk::at_rest(one_vpn(1));
    desk.hold("create");
    desk.ask_for(web(&[]));
    desk.wait(millis(2_500));
    check(in_short(&desk.answers()), "1: blocked, BeingCreated");
    desk.done("create web-1");
    desk.ask_for(web(&[(80, None)]));
    desk.ask_for(web(&[]));
    check(desk.answers(), "3: web-1 with ports []");
}

#[test]
fn what_nobody_comes_back_for_goes() {
    let mut desk = Desk::at_rest(one_vpn(1));
    desk.hold("create");
    desk.ask_for(web(&[]));
    desk.wait(secs(3));
    desk.done("create web-1");
    desk.transcript();
    desk.wait(secs(130));
    check(desk.did(), "1122.5s   > remove web-1 (it arrived although nobody waits for it)");
}

#[test]
fn what_arrives_when_nobody_awaits_it_any_more_is_removed() {
    let mut desk = Desk::at_rest(one_vpn(1));
    desk.hold("create");
    desk.ask_for(web(&[]));
    let late = desk.postponed("create web-1");
    desk.wait(secs(200));
    desk.transcript();
    desk.host.carry_out(&late);
    desk.hear("web-1", Happened::Created);
    check(
        desk.transcript(),
        "
            1200s     container web-1 appeared
                      removing container web-1: it arrived although nobody waits for it
                      > remove web-1 (it arrived although nobody waits for it)
                      container web-1 is gone
        ",
    );
    assert!(!desk.host.exists("web-1"));
}

#[test]
fn what_an_earlier_life_created_and_did_not_start_is_removed_and_what_it_started_stays() {
    let mut host = host_with(&["gluetun"]);
    for name in ["web-1", "web-2"] {
        host.add_other(name);
    }
    host.start("web-2");
    let mut desk = Desk::in_sight(one_vpn(1), host);
    check(
        desk.told_of("container"),
        "
            0s        adopted container web-1
                      adopted container web-2
                      removing container web-1: it arrived although nobody waits for it
                      container web-1 is gone
        ",
    );
    assert!(desk.host.exists("web-2"));
}

#[test]
fn what_docker_refuses_is_told_and_journalled_and_says_nothing_about_engines() {
    let mut desk = Desk::at_rest(one_vpn(1));
    desk.hold("create");
    desk.ask_for(web(&[]));
    desk.refused("create web-1", Refusal::ImageMissing);
    desk.let_go("create");
    desk.hold("start");
    desk.ask_for(web(&[]));
    desk.refused("start web-1", Refusal::PortTaken);
    check(
        desk.answers(),
        "
            1: refused, not_created: Docker refuses it: image missing
            2: refused, not_created: Docker refuses it: port taken
        ",
    );
    check(
        desk.transcript(),
        "
            1000s     creating container web-1: somebody asked for it, nginx:1
                      > create web-1 from nginx:1 (somebody asked for it)
                      creation of container web-1 was refused: image missing
                      creating container web-1: somebody asked for it, nginx:1
                      > create web-1 from nginx:1 (somebody asked for it)
                      starting container web-1: somebody asked for it
                      > start web-1 (somebody asked for it)
                      start of container web-1 was refused: port taken
                      removing container web-1: it could not be started
                      > remove web-1 (it could not be started)
                      container web-1 is gone
        ",
    );
    let shown = desk.core.snapshot();
    assert!(shown.breakers.iter().all(|(_, breaker)| breaker.failures() == 0));
    assert_eq!(shown.blocked, None);
}

#[test]
fn a_creation_that_was_not_answered_is_found_by_its_name_or_given_up() {
    let mut desk = Desk::at_rest(one_vpn(1));
    desk.hold("create");
    desk.ask_for(web(&[]));
    desk.done_unheard("create web-1");
    desk.ask_for(web(&[]));
    desk.lost("create web-2");
    // Until it is settled, what it reserved is given to nobody else.
    desk.ask_for(web(&[]));
    check(desk.waiting(), "create web-3 from nginx:1");
    desk.wait(secs(40));
    check(
        in_short(&desk.answers()),
        "
            1: web-1 with ports []
            2: blocked, BeingCreated
            3: blocked, BeingCreated
        ",
    );
    check(
        desk.transcript(),
        "
            1000s     creating container web-1: somebody asked for it, nginx:1
                      > create web-1 from nginx:1 (somebody asked for it)
                      creation of container web-1 was not answered
                      its operation is settled: container web-1 exists
                      starting container web-1: somebody asked for it
                      > start web-1 (somebody asked for it)
                      container web-1 is handed out to the client that asked for it
                      creating container web-2: somebody asked for it, nginx:1
                      > create web-2 from nginx:1 (somebody asked for it)
                      creation of container web-2 was not answered
                      creating container web-3: somebody asked for it, nginx:1
                      > create web-3 from nginx:1 (somebody asked for it)
            1030s     its operation is settled: container web-2 does not exist
        ",
    );
}

#[test]
fn no_more_than_a_few_are_under_way_at_once() {
    let mut desk = Desk::at_rest(one_vpn(1));
    desk.hold("create");
    for _ in 0..9 {
        desk.ask_for(web(&[]));
    }
    check(
        desk.answers(),
        "9: blocked, MaxCapacity: 8 containers are being created, or wait for whoever asked for them, until 1010s",
    );
}

#[test]
fn without_docker_nothing_is_created() {
    let mut desk = Desk::at_rest(one_vpn(1));
    desk.host.docker_answers = false;
    desk.wait(secs(10));
    desk.ask_for(web(&[]));
    check(desk.answers(), "1: blocked, DockerUnavailable: Docker does not answer, until 1012s, wait");
}

#[test]
fn whoever_removes_his_own_container_by_hand_is_no_foreign_hand() {
    let mut desk = Desk::at_rest(one_vpn(1));
    for _ in 0..6 {
        desk.ask_for(web(&[]));
        desk.hear_gone("web-1");
    }
    assert_eq!(desk.core.snapshot().passive, None);
}
