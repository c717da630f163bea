//! Foreign hands: somebody else creates and removes containers of ours.

use crate::desk::{Desk, check, no_vpn, secs, two_on_each};
use control::policy::offering::Standing;
use control::request::{Reply, Request};
use control::snapshot::{BlockedCode, Overall};

/// The reference orchestrator starts and removes every engine of four.
fn rival_starts() -> Desk {
    let mut desk = Desk::at_rest(no_vpn(4));
    for name in ["acestream-1", "acestream-2", "acestream-3", "acestream-4"] {
        desk.hold("create");
        desk.hear_gone(name);
    }
    desk
}

#[test]
fn one_engine_removed_by_a_person_is_replaced_at_once() {
    let mut desk = Desk::at_rest(two_on_each());
    desk.hear_gone("acestream-3");
    assert!(desk.core.snapshot().passive.is_none());
    check(
        desk.told_of("gone"),
        "
        1000s     engine acestream-3 is gone: by a foreign hand
        ",
    );
    assert_eq!(desk.core.snapshot().capacity.offered, 4);
}

#[test]
fn more_than_three_in_five_minutes_make_it_passive_and_that_is_said_loudly() {
    let mut desk = rival_starts();
    check(
        desk.told_of("passive"),
        "
        1000s     ALERT: passive, because somebody else creates and removes our containers - is
                      another orchestrator running?; looked at again in 300.0 s
        ",
    );
    let snapshot = desk.core.snapshot();
    let passive = snapshot.passive.expect("it is passive");
    assert_eq!((passive.since, passive.until), (desk.now(), desk.now() + secs(300)));
    assert_eq!(snapshot.blocked.map(|blocked| blocked.code), Some(BlockedCode::Passive));
    assert_eq!(snapshot.overall, Overall::Unavailable);
}

#[test]
fn while_passive_nothing_is_done_to_containers_and_after_five_minutes_everything_is_again() {
    let mut desk = rival_starts();
    desk.let_go("create");
    desk.transcript();
    desk.wait(secs(299));
    check(desk.did(), "");

    desk.wait(secs(2));
    check(
        desk.told_of("active"),
        "
        1300s     nobody else touches our containers any more: active again; what is missing is
                      created
        ",
    );
    let offered = |view: &&control::snapshot::EngineView| view.standing == Standing::Offered;
    assert_eq!(desk.core.snapshot().engines.iter().filter(offered).count(), 4);
    assert!(desk.core.snapshot().passive.is_none());
}

#[test]
fn while_passive_requests_that_change_containers_are_refused_with_the_reason() {
    let mut desk = rival_starts();
    desk.ask_for(Request::Provision(std::sync::Arc::default()));
    check(
        desk.answers(),
        "1: blocked, Passive: somebody else creates and removes our containers: nothing is done until that stops, \
         until 1300s, wait",
    );
    let nobody = control::ids::ContainerId::from_bytes([7; 32]);
    assert_eq!(desk.answer_to(Request::Delete(nobody)), Reply::NotFound);
}
