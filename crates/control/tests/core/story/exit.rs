//! Exit: acefleet goes, and its engines stay, or go with it.

use crate::desk::{Desk, check, host_with, millis, no_vpn, one_vpn, secs, two_on_each};
use control::Event;
use control::docker::{Happened, Network};
use control::event::{Outcome, Report};
use control::ids::VpnId;
use control::request::{Request, Wanted};
use control::snapshot::BlockedCode;
use std::sync::Arc;

const STAYS: Event = Event::Leaving { stop_engines: false };
const TAKES_ALONG: Event = Event::Leaving { stop_engines: true };

fn provision(port: u16) -> Request {
    Request::Provision(Arc::new(Wanted { host_port: Some(port), ..Wanted::default() }))
}

#[test]
fn engines_go_on_running_and_nothing_is_repaired_or_created_any_more() {
    let mut desk = Desk::at_rest(two_on_each());
    assert!(!desk.core.has_left());
    desk.event(STAYS);
    assert!(desk.core.has_left());
    check(desk.transcript(), "1000s     acefleet is about to exit: 4 engine(s) go on running without it");
    desk.host.stop("acestream-1");
    desk.hear("acestream-1", Happened::Died);
    desk.hear_gone("acestream-2");
    desk.wait(secs(60));
    check(desk.did(), "");
    assert!(desk.core.has_left());
}

#[test]
fn what_is_under_way_is_brought_to_its_end_and_nothing_follows() {
    let mut desk = Desk::at_rest(no_vpn(1));
    desk.hold("create");
    desk.ask_for(Request::Scale(2));
    desk.event(STAYS);
    assert!(!desk.core.has_left());
    desk.done("create");
    assert!(desk.core.has_left());
    desk.transcript();
    desk.wait(secs(60));
    check(desk.did(), "");
}

#[test]
fn a_creation_that_nobody_answers_is_not_waited_for_if_engines_stay() {
    let mut desk = Desk::at_rest(no_vpn(1));
    desk.hold("create");
    desk.ask_for(Request::Scale(2));
    desk.event(STAYS);
    desk.lost("create");
    assert!(desk.core.has_left());
}

#[test]
fn a_tunnel_that_was_taken_down_is_brought_up_before() {
    let mut desk = Desk::at_rest(one_vpn(1));
    desk.hold("tell");
    desk.ask_for(Request::BounceVpn(VpnId(0)));
    desk.event(STAYS);
    desk.done("tell gluetun to Stop");
    assert!(!desk.core.has_left());
    desk.done("tell gluetun to Run");
    assert!(desk.core.has_left());
}

#[test]
fn engines_go_with_it_all_at_once_and_those_that_are_watched_are_stopped_first() {
    let mut desk = Desk::at_rest(no_vpn(3));
    desk.watches(1, "news");
    desk.transcript();
    desk.hold("stop");
    desk.event(TAKES_ALONG);
    assert!(!desk.core.has_left());
    check(
        desk.did(),
        "
        1000s     > stop acestream-1 within 10s (acefleet exits, and its engines go with it)
                  > remove acestream-2 (acefleet exits, and its engines go with it)
                  > remove acestream-3 (acefleet exits, and its engines go with it)
        ",
    );
    desk.let_go("stop");
    check(desk.did(), "1000s     > remove acestream-1 (acefleet exits, and its engines go with it)");
    assert!(desk.core.has_left());
    desk.wait(secs(60));
    check(desk.did(), "");
}

#[test]
fn an_engine_that_is_still_being_created_goes_as_well() {
    let mut desk = Desk::at_rest(no_vpn(1));
    desk.hold("create");
    desk.ask_for(Request::Scale(2));
    desk.event(TAKES_ALONG);
    assert!(!desk.core.has_left());
    desk.let_go("create");
    assert!(desk.core.has_left());
    assert!(!desk.host.exists("acestream-1") && !desk.host.exists("acestream-2"));
}

#[test]
fn what_may_have_been_created_without_an_answer_is_waited_for() {
    let mut desk = Desk::at_rest(no_vpn(1));
    desk.hold("create");
    desk.ask_for(Request::Scale(2));
    desk.event(TAKES_ALONG);
    desk.hold("inspect acestream-2 by name");
    let command = desk.postponed("create");
    assert!(!desk.core.has_left());
    desk.host.carry_out(&command);
    desk.let_go("inspect acestream-2 by name");
    assert!(desk.core.has_left());
    assert!(!desk.host.exists("acestream-2"));
}

#[test]
fn a_container_that_is_no_engine_stays() {
    let mut host = host_with(&[]);
    host.add_engine("helper", &[]).network = Network::Own("bridge".into());
    host.start("helper");
    let mut desk = Desk::in_sight(no_vpn(1), host);
    desk.wait(secs(100));
    desk.event(TAKES_ALONG);
    assert!(desk.core.has_left());
    assert!(desk.host.exists("helper"));
}

#[test]
fn engines_that_have_not_been_looked_at_yet_are_waited_for() {
    let mut host = host_with(&["gluetun"]);
    host.run_engine("acestream-1", "gluetun", 19_000);
    let mut desk = Desk::opened(one_vpn(1), host);
    desk.event(TAKES_ALONG);
    assert!(!desk.core.has_left());
    desk.store_answers(&[]);
    assert!(desk.core.has_left());
    assert!(!desk.host.exists("acestream-1"));
}

#[test]
fn while_docker_does_not_answer_engines_cannot_go() {
    let mut desk = Desk::at_rest(no_vpn(1));
    desk.host.docker_answers = false;
    desk.wait(secs(10));
    desk.event(TAKES_ALONG);
    desk.wait(secs(10));
    assert!(!desk.core.has_left());
    desk.host.docker_answers = true;
    desk.wait(secs(10));
    assert!(desk.core.has_left());
}

#[test]
fn a_passive_acefleet_leaves_its_engines_where_they_are_and_says_so() {
    let mut desk = Desk::at_rest(no_vpn(1));
    desk.rebuilds(&[998, 999, 1_000], "a test");
    desk.transcript();
    desk.event(TAKES_ALONG);
    assert!(desk.core.has_left());
    check(
        desk.transcript(),
        "
        1000s     acefleet is about to exit: 1 engine(s) are to go with it: acefleet's core has
                      broken several times in ten minutes: nothing is done to containers until it is
                      tried again
        ",
    );
}

#[test]
fn the_operator_may_change_his_mind_and_what_was_told_last_counts() {
    let mut desk = Desk::at_rest(no_vpn(2));
    desk.event(STAYS);
    desk.event(STAYS);
    desk.event(TAKES_ALONG);
    check(
        desk.told_of("about to exit"),
        "
        1000s     acefleet is about to exit: 2 engine(s) go on running without it
                  acefleet is about to exit: 2 engine(s) are to go with it
        ",
    );
    assert!(desk.core.has_left());
}

#[test]
fn whoever_waits_for_an_engine_is_answered_at_once_and_whoever_asks_then_is_refused() {
    let mut desk = Desk::at_rest(no_vpn(1));
    desk.hold("create");
    desk.ask_for(provision(19_005));
    desk.event(STAYS);
    desk.ask_for(provision(19_006));
    desk.ask_for(Request::Scale(9));
    let engine = desk.on("acestream-1").id;
    desk.ask_for(Request::Delete(engine));
    check(
        desk.answers(),
        "
        1: blocked, Leaving: acefleet is about to exit: ask again when it is back, until 1030s, wait
        2: blocked, Leaving: acefleet is about to exit: ask again when it is back, until 1030s, wait
        3: unavailable: acefleet is about to exit: ask again when it is back
        4: unavailable: acefleet is about to exit: ask again when it is back
        ",
    );
    let blocked = desk.core.snapshot().blocked.map(|blocked| blocked.code);
    assert_eq!(blocked, Some(BlockedCode::Leaving));
}

#[test]
fn an_engine_whose_removal_is_refused_is_removed_again_a_moment_later() {
    let mut desk = Desk::at_rest(no_vpn(1));
    desk.hold("remove");
    desk.event(TAKES_ALONG);
    desk.refused("remove", control::event::Refusal::PortTaken);
    desk.wait(millis(500));
    assert!(!desk.core.has_left());
    desk.wait(millis(600));
    desk.answered("remove", Outcome::Done(Report::Carried));
    assert!(desk.core.has_left());
}
