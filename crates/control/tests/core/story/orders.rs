//! Orders: clients ask for engines, and have little patience.

use crate::desk::{Desk, check, host_with, millis, no_vpn, one_vpn, secs, vpn};
use control::Settings;
use control::docker::{Happened, State};
use control::event::Refusal;
use control::request::{Request, Wanted};
use std::sync::Arc;

fn provision() -> Request {
    Request::Provision(Arc::default())
}

fn provision_firmly_at(port: u16) -> Request {
    let wanted = Wanted { host_port: Some(port), port_is_firm: true, ..Wanted::default() };
    Request::Provision(Arc::new(wanted))
}

fn provision_at(port: u16) -> Request {
    Request::Provision(Arc::new(Wanted { host_port: Some(port), ..Wanted::default() }))
}

#[test]
fn a_client_is_given_an_engine_of_its_own_as_soon_as_that_runs() {
    let mut desk = Desk::at_rest(one_vpn(2));
    desk.hold("probe acestream-3");
    desk.ask_for(provision());
    check(desk.answers(), "1: acestream-3 at port 19002");
    check(
        desk.transcript(),
        "
        1000s     creating engine acestream-3 on VPN 'gluetun': somebody asked for it; its first
                      good answer is due within 120.0 s
                  > create acestream-3 on gluetun http 19002 https 45002 (somebody asked for it)
                  starting engine acestream-3: it was created and not yet started; its first good
                      answer is due within 120.0 s
                  > start acestream-3 (it was created and not yet started)
                  engine acestream-3 is handed out to the client that asked for it; looked at again
                      in 120.0 s
        ",
    );
}

#[test]
fn what_the_client_wants_is_written_on_it_and_its_port_is_honoured_if_it_is_free() {
    let mut desk = Desk::at_rest(no_vpn(1));
    desk.ask_for(provision_at(19_500));
    desk.ask_for(provision_at(19_500));
    desk.ask_for(provision_at(80));
    check(
        desk.answers(),
        "
        1: acestream-2 at port 19500
        2: acestream-3 at port 19001
        3: acestream-4 at port 19002
        ",
    );

    let labels = [("team", "red"), ("acestream.http_port", "1")].into_iter().collect();
    desk.ask_for(Request::Provision(Arc::new(Wanted { labels, ..Wanted::default() })));
    let engine = desk.engine("acestream-5");
    assert_eq!(engine.labels.get("team"), Some("red"));
    assert_eq!(engine.port, 19_003, "ours are not overwritten");
}

#[test]
fn a_port_that_an_engine_must_have_is_given_or_refused_with_what_to_do() {
    let settings = Settings {
        vpns: vec![vpn("gluetun", Some(19_000..=19_009)), vpn("gluetun2", Some(20_000..=20_009))],
        ..no_vpn(2)
    };
    let mut desk = Desk::at_rest(settings);
    for port in [20_005, 19_007, 20_005, 19_000, 80] {
        desk.ask_for(provision_firmly_at(port));
    }
    let refused = |port| {
        format!(
            "refused, port_taken: port {port} is taken, or no healthy VPN's range has it: name another port, or \
             none to be given one"
        )
    };
    let (one, two, three) = (refused(20_005), refused(19_000), refused(80));
    check(
        desk.answers(),
        &format!(
            "1: acestream-3 at port 20005\n2: acestream-4 at port 19007\n3: {one}\n4: {two}\n5: {three}"
        ),
    );

    desk.host.stop("gluetun2");
    desk.hear("gluetun2", Happened::Died);
    desk.ask_for(provision_firmly_at(20_006));
    check(desk.answers(), &format!("6: {}", refused(20_006)));
}

#[test]
fn of_two_who_must_have_one_port_the_second_is_refused_once_the_first_has_it() {
    let mut desk = Desk::at_rest(Settings { max_concurrent_provisions: 1, ..no_vpn(1) });
    desk.hold("create");
    desk.ask_for(provision());
    desk.ask_for(provision_firmly_at(19_500));
    desk.ask_for(provision_firmly_at(19_500));
    desk.let_go("create");
    let answers = desk.answers();
    let answers: Vec<_> = answers.lines().map(|line| line.split(", ").next().unwrap_or_default()).collect();
    check(
        answers.join("\n"),
        "
        1: acestream-2 at port 19001
        3: refused
        2: acestream-3 at port 19500
        ",
    );
}

#[test]
fn whoever_gave_up_and_asks_again_gets_the_engine_with_the_port_that_it_must_have() {
    let mut desk = Desk::at_rest(no_vpn(1));
    desk.hold("create");
    desk.ask_for(provision_firmly_at(19_500));
    desk.wait(secs(3));
    desk.answers();
    desk.let_go("create");
    desk.ask_for(provision_firmly_at(19_500));
    check(desk.answers(), "2: acestream-2 at port 19500");
}

#[test]
fn a_client_waits_two_and_a_half_seconds_and_gets_that_very_engine_when_it_asks_again() {
    let mut desk = Desk::at_rest(no_vpn(1));
    desk.hold("create");
    desk.ask_for(provision());
    desk.wait(millis(2_499));
    check(desk.answers(), "");
    desk.wait(millis(1));
    check(
        desk.answers(),
        "1: blocked, BeingCreated: the engine is being created: ask again, and get this very one, until 1007.5s, wait",
    );

    desk.ask_for(provision());
    check(desk.answers(), "");
    desk.done("create");
    check(desk.answers(), "2: acestream-2 at port 19001");
    assert_eq!(desk.open().count(), 0, "one engine was created for both");
}

#[test]
fn an_engine_that_runs_by_the_time_its_client_asks_again_is_handed_out_at_once() {
    let mut desk = Desk::at_rest(no_vpn(1));
    desk.hold("create");
    desk.ask_for(provision());
    desk.wait(secs(10));
    desk.let_go("create");
    desk.answers();
    assert_eq!(desk.engine("acestream-2").leased_until, Some(desk.now() + secs(120)));

    desk.ask_for(provision_at(20_000));
    desk.ask_for(provision());
    check(
        desk.answers(),
        "
        2: acestream-3 at port 19002
        3: acestream-2 at port 19001
        ",
    );
}

#[test]
fn clients_that_come_back_are_served_one_each_and_in_order() {
    let mut desk = Desk::at_rest(no_vpn(1));
    desk.hold("create");
    desk.ask_for(provision());
    desk.ask_for(provision());
    desk.wait(secs(3));
    desk.answers();
    desk.ask_for(provision());
    desk.ask_for(provision());
    desk.ask_for(provision());
    desk.let_go("create");
    check(
        desk.answers(),
        "
        3: acestream-2 at port 19001
        4: acestream-3 at port 19002
        5: acestream-4 at port 19003
        ",
    );
}

#[test]
fn an_engine_that_nobody_comes_back_for_is_like_any_other_when_its_lease_is_over() {
    let mut desk = Desk::at_rest(no_vpn(1));
    desk.hold("start");
    desk.ask_for(provision());
    desk.wait(secs(3));
    desk.let_go("start");
    desk.answers();
    assert_eq!(desk.core.snapshot().capacity.used, 1, "it is kept");
    desk.wait(secs(121));
    assert_eq!(desk.core.snapshot().capacity.used, 0);
    assert_eq!(desk.engine("acestream-2").leased_until, None);

    desk.ask_for(provision());
    check(desk.answers(), "2: acestream-3 at port 19002");
}

#[test]
fn what_stands_in_the_way_is_said_at_once() {
    let mut full = Desk::at_rest(Settings { max_replicas: 1, ..no_vpn(1) });
    full.ask_for(provision());
    check(full.answers(), "1: blocked, MaxCapacity: 1 of 1 engines exist, until 1002s");

    let mut down = Desk::at_rest(one_vpn(1));
    down.on("gluetun").state = State::Exited;
    down.hear("gluetun", Happened::Died);
    down.ask_for(provision());
    check(down.answers(), "1: blocked, VpnDisconnected: no VPN is healthy, until 1060s, wait");

    let mut silent = Desk::at_rest(no_vpn(1));
    silent.host.docker_answers = false;
    silent.wait(secs(10));
    silent.ask_for(provision());
    check(silent.answers(), "1: blocked, DockerUnavailable: Docker does not answer, until 1012s, wait");

    let mut early = Desk::opened(no_vpn(1), host_with(&[]));
    early.ask_for(provision());
    check(early.answers(), "1: blocked, DockerUnavailable: Docker does not answer, until 2s, wait");
}

#[test]
fn no_more_is_promised_than_there_is_room_for() {
    let settings = Settings { max_replicas: 3, max_concurrent_provisions: 1, ..no_vpn(1) };
    let mut desk = Desk::at_rest(settings);
    desk.hold("create");
    for _ in 0..3 {
        desk.ask_for(provision());
    }
    check(
        desk.answers(),
        "3: blocked, MaxCapacity: as many engines as there is room for have been asked for, until 1010s",
    );
    desk.let_go("create");
    check(
        desk.answers(),
        "
        1: acestream-2 at port 19001
        2: acestream-3 at port 19002
        ",
    );
}

#[test]
fn a_creation_that_fails_is_tried_again_within_the_patience_of_its_client() {
    let mut desk = Desk::at_rest(no_vpn(1));
    desk.hold("create");
    desk.ask_for(provision());
    desk.refused("create", Refusal::PortTaken);
    check(desk.answers(), "");
    desk.wait(secs(1));
    desk.let_go("create");
    check(desk.answers(), "1: acestream-2 at port 19001");
}

#[test]
fn a_creation_that_keeps_failing_is_answered_in_time() {
    let mut desk = Desk::at_rest(no_vpn(1));
    desk.hold("create");
    desk.ask_for(provision());
    desk.refused("create", Refusal::ImageMissing);
    desk.wait(secs(1));
    desk.refused("create", Refusal::ImageMissing);
    desk.wait(millis(1_500));
    assert!(desk.answers().starts_with("1: blocked"));
}
