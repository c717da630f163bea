//! Rebuilds: the core broke a promise to itself, and another was built in its place.

use crate::desk::{Desk, check, no_vpn, secs, two_on_each};
use control::docker::{Happened, State};
use control::event::{Outcome, Report};
use control::request::Request;
use control::snapshot::{BlockedCode, PassiveWhy};

const WHY: &str = "Finished { op: 1, .. }: time runs backwards";

/// Three times within ten minutes it has broken.
fn broken_again() -> Desk {
    let mut desk = Desk::at_rest(no_vpn(2));
    desk.rebuilds(&[700, 900, 1_000], WHY);
    desk
}

#[test]
fn a_rebuilt_core_says_first_what_broke_and_touches_nothing() {
    let mut desk = Desk::at_rest(two_on_each());
    desk.rebuilds(&[1_000], WHY);
    check(
        desk.transcript(),
        "
        1000s     a fault in acefleet itself: its core broke and was rebuilt from what it observes -
                      engines and viewers are untouched: Finished { op: 1, .. }: time runs
                      backwards, 1 time(s) within 600 s
                  Restored VPN assignment for engine acestream-1: gluetun
                  Restored VPN assignment for engine acestream-2: gluetun
                  Restored VPN assignment for engine acestream-3: gluetun2
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
    desk.wait(secs(600));
    check(desk.did(), "");
    check(desk.fleet(), "gluetun: 1 2 | gluetun2: 3 4");
    assert_eq!(desk.core.snapshot().passive, None);
}

#[test]
fn what_the_core_before_created_untold_is_found_before_anything_is_created() {
    let mut desk = Desk::at_rest(no_vpn(2));
    desk.hold("create");
    desk.hear_gone("acestream-2");
    let sent = desk.take("create");
    desk.rebuilds(&[1_000], WHY);
    desk.let_go("create");
    desk.did();
    // Docker carries it out after the new core's first listing, and its notice is lost.
    desk.host.carry_out(&sent);
    desk.wait(secs(9));
    check(desk.did(), "1005s     > start acestream-2 (it was created and not yet started)");
    check(desk.fleet(), "outside: 1 2");
}

#[test]
fn what_the_core_before_has_sent_is_answered_to_nobody() {
    let mut desk = Desk::at_rest(no_vpn(1));
    desk.hold("create");
    desk.ask_for(Request::Scale(2));
    let sent = desk.take("create");
    desk.rebuilds(&[1_000], WHY);
    let id = desk.on("acestream-1").id;
    desk.event(control::Event::Finished { op: sent.op, outcome: Outcome::Done(Report::Created(id)) });
    check(desk.fleet(), "outside: 1");
}

#[test]
fn what_the_core_before_has_sent_is_given_time_to_be_seen_and_is_not_done_twice() {
    let mut desk = Desk::at_rest(no_vpn(1));
    desk.hold("create");
    desk.ask_for(Request::Scale(2));
    let sent = desk.take("create");
    desk.rebuilds(&[1_000], WHY);
    desk.transcript();
    desk.wait(secs(4));
    check(desk.did(), "");
    desk.host.carry_out(&sent);
    desk.hear("acestream-2", Happened::Created);
    desk.let_go("create");
    desk.wait(secs(60));
    check(desk.did(), "1005s     > start acestream-2 (it was created and not yet started)");
    check(desk.fleet(), "outside: 1 2");
}

#[test]
fn after_three_rebuilds_within_ten_minutes_nothing_is_done_to_containers_for_ten_minutes() {
    let mut desk = broken_again();
    check(
        desk.told_of("ALERT"),
        "
        1000s     ALERT: passive, because acefleet's core has broken several times in ten minutes -
                      engines and viewers are untouched, and nothing is done to containers; looked
                      at again in 600.0 s
        ",
    );
    desk.host.stop("acestream-1");
    desk.hear("acestream-1", Happened::Died);
    desk.wait(secs(599));
    check(desk.did(), "");
    check(desk.fleet(), "outside: (1) 2");

    desk.wait(secs(2));
    check(
        desk.transcript(),
        "
        1600s     the rest after several rebuilds is over: active again; what is missing is created
                  starting engine acestream-1: it stopped running and Docker did not bring it back,
                      its container has exited (for 600.0 s); its first good answer is due within
                      120.0 s
                  > start acestream-1 (it stopped running and Docker did not bring it back)
                  engine acestream-1 is offered
        ",
    );
    check(desk.fleet(), "outside: 1 2");
}

#[test]
fn a_vpn_is_not_mended_meanwhile_either() {
    let mut desk = Desk::at_rest(two_on_each());
    desk.rebuilds(&[998, 999, 1_000], WHY);
    desk.transcript();
    desk.on("gluetun").state = State::Exited;
    desk.hear("gluetun", Happened::Died);
    desk.wait(secs(590));
    check(desk.did(), "");
    desk.wait(secs(20));
    assert!(desk.did().contains("> start gluetun "));
}

#[test]
fn meanwhile_it_is_shown_why_and_until_when() {
    let mut desk = broken_again();
    let snapshot = desk.core.snapshot();
    let passive = snapshot.passive.expect("it is passive");
    assert_eq!(passive.why, PassiveWhy::Rebuilds);
    assert_eq!((passive.since, passive.until), (desk.now(), desk.now() + secs(600)));
    assert_eq!(snapshot.blocked.map(|blocked| blocked.code), Some(BlockedCode::Passive));
    let engine = desk.on("acestream-1").id;
    desk.ask_for(Request::Delete(engine));
    desk.ask_for(Request::Provision(std::sync::Arc::default()));
    check(
        desk.answers(),
        "
        1: unavailable: passive, because acefleet's core has broken several times: try again in ten \
         minutes, and report what the journal says of it
        2: blocked, Passive: acefleet's core has broken several times in ten minutes: nothing is \
         done to containers until it is tried again, until 1600s, wait
        ",
    );
}

#[test]
fn of_two_reasons_to_stand_back_the_one_that_lasts_longer_is_shown() {
    let mut desk = Desk::at_rest(no_vpn(4));
    desk.rebuilds(&[400, 500, 600], WHY);
    desk.wait(secs(100));
    for name in ["acestream-1", "acestream-2", "acestream-3", "acestream-4"] {
        desk.hear_gone(name);
    }
    let why = |desk: &Desk| desk.core.snapshot().passive.map(|passive| (passive.why, passive.until));
    assert_eq!(why(&desk), Some((PassiveWhy::ForeignHand, desk.now() + secs(300))));
    desk.transcript();
    desk.wait(secs(299));
    check(desk.did(), "");
    desk.wait(secs(2));
    check(desk.fleet(), "outside: 1 2 3 4");
}
