//! Fates: an operation that was refused, or that nobody answered. Docker carries out calls whose caller has gone,
//! so *unknown* releases nothing until an inspection has decided.

use crate::desk::{Desk, check, host_with, millis, no_vpn, one_vpn, secs, two_on_each};
use control::docker::Happened;
use control::event::{Outcome, Refusal, Report, Silence};
use control::ids::OpId;
use control::snapshot::BlockedCode;
use control::{Event, Settings};

/// One VPN on which the first engine is about to be created; creations, starts and the like wait for the test.
fn about_to_create(count: usize) -> Desk {
    let mut desk = Desk::opened(one_vpn(count), host_with(&["gluetun"]));
    desk.hold("create");
    desk.store_answers(&[]);
    desk.transcript();
    desk
}

#[test]
fn a_creation_that_was_carried_out_unheard_is_found_by_its_name_and_goes_on() {
    let mut desk = about_to_create(1);
    desk.done_unheard("create acestream-1");
    check(
        desk.transcript(),
        "
        0s        creation of engine acestream-1 was not answered
                  its operation is settled: engine acestream-1 exists
                  starting engine acestream-1: it was created and not yet started; its first good
                      answer is due within 120.0 s
                  > start acestream-1 (it was created and not yet started)
                  engine acestream-1 is offered
        ",
    );
    check(desk.fleet(), "gluetun: 1");
}

#[test]
fn a_creation_that_was_lost_is_asked_for_once_more_after_dockers_timeout_and_then_given_up() {
    let mut desk = about_to_create(1);
    desk.lost("create acestream-1");
    check(
        desk.asked_for("by name (the operation's fate is unknown)"),
        "0s        > inspect acestream-1 by name (the operation's fate is unknown)",
    );

    // Until then it keeps its name, its port and its place among those that are coming.
    desk.wait(millis(29_999));
    check(desk.transcript(), "");
    desk.wait(millis(1));
    check(
        desk.transcript(),
        "
        30s       its operation is settled: engine acestream-1 does not exist; what is missing is
                      created
                  creating engine acestream-1 on VPN 'gluetun': too few engines serve (0 of 1
                      wanted, 0 coming); its first good answer is due within 120.0 s
                  > create acestream-1 on gluetun http 19000 https 45000 (too few engines serve)
        ",
    );
}

#[test]
fn what_an_unanswered_creation_has_reserved_is_given_to_nobody_else() {
    let mut desk = about_to_create(2);
    desk.lost("create acestream-1");
    desk.done("create acestream-2");
    desk.host.remove("acestream-2");
    desk.wait(secs(11));
    check(desk.waiting(), "create acestream-2 on gluetun http 19001 https 45001");
}

#[test]
fn a_creation_that_is_carried_out_late_is_known_as_ours() {
    let mut desk = about_to_create(1);
    let late = desk.postponed("create acestream-1");
    desk.wait(secs(10));
    desk.transcript();

    desk.host.carry_out(&late);
    desk.hear("acestream-1", Happened::Created);
    check(
        desk.transcript(),
        "
        10s       its operation is settled: engine acestream-1 exists
                  starting engine acestream-1: it was created and not yet started; its first good
                      answer is due within 120.0 s
                  > start acestream-1 (it was created and not yet started)
                  engine acestream-1 is offered
        ",
    );
    check(desk.fleet(), "gluetun: 1");
}

#[test]
fn a_container_that_arrives_after_its_creation_was_given_up_is_used_if_it_is_wanted() {
    let mut desk = about_to_create(1);
    let late = desk.postponed("create acestream-1");
    desk.wait(secs(30));
    desk.transcript();

    // Docker comes round to it while another is being created under the same name.
    desk.host.carry_out(&late);
    desk.refused("create acestream-1", Refusal::NameTaken);
    check(
        desk.transcript(),
        "
        30s       creation of engine acestream-1 was refused: name taken
                  no engine can be created now: the last attempts were refused; looked at again in
                      1.0 s
                  engine acestream-1 appeared
                  starting engine acestream-1: it was created and not yet started; its first good
                      answer is due within 120.0 s
                  > start acestream-1 (it was created and not yet started)
                  engine acestream-1 is offered
        ",
    );
    check(desk.fleet(), "gluetun: 1");
}

#[test]
fn a_container_that_arrives_after_its_place_has_been_taken_is_removed() {
    let mut desk = about_to_create(1);
    let late = desk.postponed("create acestream-1");

    // Meanwhile somebody takes the name, so that another is created under the next one.
    desk.host.run_stranger("acestream-1", &[]);
    desk.wait(secs(31));
    desk.done("create acestream-2");
    check(desk.fleet(), "gluetun: 2");
    desk.transcript();

    desk.host.remove("acestream-1");
    desk.host.carry_out(&late);
    desk.hear("acestream-1", Happened::Created);
    check(
        desk.transcript(),
        "
        31s       engine acestream-1 appeared
                  removing engine acestream-1: another engine has its name or port
                  > remove acestream-1 (another engine has its name or port)
                  engine acestream-1 is gone
        ",
    );
}

#[test]
fn a_refused_creation_is_repeated_after_a_look_around_ever_more_slowly() {
    let settings = Settings { circuit_breaker_failure_threshold: u32::MAX, ..one_vpn(1) };
    let mut desk = Desk::opened(settings, host_with(&["gluetun"]));
    desk.hold("create");
    desk.store_answers(&[]);
    desk.transcript();
    desk.host.run_stranger("acestream-1", &[]);
    desk.refused("create acestream-1", Refusal::NameTaken);
    check(
        desk.transcript(),
        "
        0s        creation of engine acestream-1 was refused: name taken
                  no engine can be created now: the last attempts were refused; looked at again in
                      1.0 s
        ",
    );
    desk.wait(secs(1));
    check(
        desk.did(),
        "
        1s        > create acestream-2 on gluetun http 19000 https 45000 (too few engines serve)
        ",
    );

    for _ in 0..7 {
        desk.refused("create acestream-2", Refusal::ImageMissing);
        let blocked = desk.core.snapshot().blocked.expect("creation has to wait");
        assert_eq!(blocked.code, BlockedCode::BacksOff);
        desk.wait(blocked.until.since(desk.now()));
    }
    check(
        desk.did(),
        "
        3s        > create acestream-2 on gluetun http 19000 https 45000 (too few engines serve)
        7s        > create acestream-2 on gluetun http 19000 https 45000 (too few engines serve)
        15s       > create acestream-2 on gluetun http 19000 https 45000 (too few engines serve)
        31s       > create acestream-2 on gluetun http 19000 https 45000 (too few engines serve)
        63s       > create acestream-2 on gluetun http 19000 https 45000 (too few engines serve)
        123s      > create acestream-2 on gluetun http 19000 https 45000 (too few engines serve)
        183s      > create acestream-2 on gluetun http 19000 https 45000 (too few engines serve)
        ",
    );

    // One that succeeds makes the waits begin anew.
    desk.done("create acestream-2");
    desk.hear_gone("acestream-2");
    desk.refused("create acestream-2", Refusal::PortTaken);
    desk.wait(secs(1));
    check(
        desk.did(),
        "
        183s      > start acestream-2 (it was created and not yet started)
                  > create acestream-2 on gluetun http 19000 https 45000 (too few engines serve)
        184s      > create acestream-2 on gluetun http 19000 https 45000 (too few engines serve)
        ",
    );
}

#[test]
fn a_refusal_that_explains_nothing_is_no_answer() {
    let mut desk = about_to_create(1);
    desk.refused("create acestream-1", Refusal::Unexplained("500 Internal Server Error".into()));
    desk.wait(secs(20));
    check(desk.transcript(), "0s        creation of engine acestream-1 was not answered");
    // It may be under way still, so its fate is asked for a second later, and once more half a minute after that.
    desk.wait(secs(11));
    check(
        desk.transcript(),
        "
        31s       its operation is settled: engine acestream-1 does not exist; what is missing is
                      created
                  creating engine acestream-1 on VPN 'gluetun': too few engines serve (0 of 1
                      wanted, 0 coming); its first good answer is due within 120.0 s
                  > create acestream-1 on gluetun http 19000 https 45000 (too few engines serve)
        ",
    );
}

#[test]
fn a_name_that_turns_out_to_be_somebody_elses_gives_the_creation_up_at_once() {
    let mut desk = about_to_create(1);
    desk.host.run_stranger("acestream-1", &[]);
    desk.lost("create acestream-1");
    desk.wait(secs(1));
    check(
        desk.transcript(),
        "
        0s        creation of engine acestream-1 was not answered
                  its operation is settled: engine acestream-1 does not exist; what is missing is
                      created
                  no engine can be created now: the last attempts were refused; looked at again in
                      1.0 s
        1s        creating engine acestream-2 on VPN 'gluetun': too few engines serve (0 of 1
                      wanted, 0 coming); its first good answer is due within 120.0 s
                  > create acestream-2 on gluetun http 19000 https 45000 (too few engines serve)
        ",
    );
}

#[test]
fn a_fate_that_cannot_be_asked_for_is_asked_for_again_two_seconds_later() {
    let mut desk = about_to_create(1);
    desk.hold("inspect acestream-1");
    desk.done_unheard("create acestream-1");
    desk.lost("inspect acestream-1");
    desk.wait(millis(1_999));
    check(desk.waiting(), "");
    desk.wait(millis(1));
    check(desk.waiting(), "inspect acestream-1 by name");
}

#[test]
fn an_engine_whose_start_is_refused_is_removed_and_created_anew() {
    let mut desk = Desk::opened(one_vpn(1), host_with(&["gluetun"]));
    desk.hold("start");
    desk.store_answers(&[]);
    desk.transcript();
    desk.refused("start acestream-1", Refusal::NetworkNotRunning);
    check(
        desk.transcript(),
        "
        0s        start of engine acestream-1 was refused: the container whose network it joins is
                      not running
                  removing engine acestream-1: it could not be started
                  > remove acestream-1 (it could not be started)
                  engine acestream-1 is gone
                  creating engine acestream-1 on VPN 'gluetun': too few engines serve (0 of 1
                      wanted, 0 coming); its first good answer is due within 120.0 s
                  > create acestream-1 on gluetun http 19000 https 45000 (too few engines serve)
                  starting engine acestream-1: it was created and not yet started; its first good
                      answer is due within 120.0 s
                  > start acestream-1 (it was created and not yet started)
        ",
    );
}

#[test]
fn after_a_start_that_was_refused_for_its_own_sake_the_next_creation_waits() {
    let mut desk = Desk::opened(one_vpn(1), host_with(&["gluetun"]));
    desk.hold("start");
    desk.store_answers(&[]);
    for _ in 0..3 {
        desk.refused("start acestream-1", Refusal::PortTaken);
        desk.wait(secs(4));
    }
    check(
        desk.did(),
        "
        0s        > create acestream-1 on gluetun http 19000 https 45000 (too few engines serve)
                  > start acestream-1 (it was created and not yet started)
                  > remove acestream-1 (it could not be started)
        1s        > create acestream-1 on gluetun http 19000 https 45000 (too few engines serve)
                  > start acestream-1 (it was created and not yet started)
        4s        > remove acestream-1 (it could not be started)
        6s        > create acestream-1 on gluetun http 19000 https 45000 (too few engines serve)
                  > start acestream-1 (it was created and not yet started)
        8s        > remove acestream-1 (it could not be started)
        12s       > create acestream-1 on gluetun http 19000 https 45000 (too few engines serve)
                  > start acestream-1 (it was created and not yet started)
        ",
    );
    desk.done("start acestream-1");
    check(desk.fleet(), "gluetun: 1");
}

#[test]
fn a_port_of_the_host_that_a_program_outside_of_docker_has_is_passed_over_for_ten_minutes() {
    let mut desk = Desk::opened(no_vpn(1), host_with(&[]));
    desk.hold("start");
    desk.store_answers(&[]);
    desk.refused("start acestream-1", Refusal::PortTaken);
    desk.wait(secs(4));
    desk.done("start acestream-1");
    check(
        desk.did(),
        "
        0s        > create acestream-1 outside http 19000 https 45000 (too few engines serve)
                  > start acestream-1 (it was created and not yet started)
                  > remove acestream-1 (it could not be started)
        1s        > create acestream-1 outside http 19001 https 45001 (too few engines serve)
                  > start acestream-1 (it was created and not yet started)
        ",
    );
    // By then whoever had it may be gone.
    desk.let_go("start");
    desk.wait(secs(600));
    desk.did();
    desk.hear_gone("acestream-1");
    check(
        desk.did(),
        "
        604s      > create acestream-1 outside http 19000 https 45000 (too few engines serve)
                  > start acestream-1 (it was created and not yet started)
        ",
    );
}

#[test]
fn a_start_that_was_lost_counts_as_failed_and_one_that_was_not_goes_on() {
    let mut desk = Desk::opened(one_vpn(2), host_with(&["gluetun"]));
    desk.hold("start");
    desk.store_answers(&[]);
    desk.transcript();
    desk.lost("start acestream-1");
    check(
        desk.transcript(),
        "
        0s        start of engine acestream-1 was not answered
                  its operation is settled: engine acestream-1 exists
                  removing engine acestream-1: it could not be started
                  > remove acestream-1 (it could not be started)
                  engine acestream-1 is gone
                  creating engine acestream-1 on VPN 'gluetun': too few engines serve (0 of 2
                      wanted, 1 coming); its first good answer is due within 120.0 s
                  > create acestream-1 on gluetun http 19000 https 45000 (too few engines serve)
                  starting engine acestream-1: it was created and not yet started; its first good
                      answer is due within 120.0 s
                  > start acestream-1 (it was created and not yet started)
        ",
    );
    desk.done_unheard("start acestream-2");
    check(
        desk.transcript(),
        "
        0s        start of engine acestream-2 was not answered
                  its operation is settled: engine acestream-2 exists
                  engine acestream-2 is offered
        ",
    );
    check(desk.fleet(), "gluetun: (1) 2");
}

#[test]
fn nothing_else_is_done_to_a_container_while_the_fate_of_an_operation_is_unknown() {
    let mut desk = Desk::at_rest(one_vpn(1));
    desk.hold("restart");
    desk.host.start("gluetun");
    desk.hear("gluetun", Happened::Started);
    desk.hold("inspect acestream-1");
    desk.lost("restart acestream-1");
    desk.wait(secs(100));
    desk.host.start("gluetun");
    desk.hear("gluetun", Happened::Started);
    desk.wait(secs(100));
    check(desk.did(), "1000s     > restart acestream-1 (its VPN has a new network that it can join)");

    desk.let_go("inspect acestream-1");
    desk.wait(secs(1));
    check(
        desk.transcript(),
        "
        1200s     its operation is settled: engine acestream-1 exists
        1201s     restarting engine acestream-1 in place: its VPN has a new network that it can
                      join; its first good answer is due within 120.0 s
                  > restart acestream-1 (its VPN has a new network that it can join)
        ",
    );
}

#[test]
fn a_removal_that_was_lost_is_repeated_and_one_that_was_not_is_believed() {
    let mut desk = Desk::at_rest(two_on_each());
    desk.hold("remove");
    desk.host.stop("gluetun");
    desk.hear("gluetun", Happened::Died);
    desk.wait(secs(5));
    desk.transcript();

    desk.done_unheard("remove acestream-1");
    desk.lost("remove acestream-2");
    check(
        desk.transcript(),
        "
        1005s     removal of engine acestream-1 was not answered
                  engine acestream-1 is gone
                  removal of engine acestream-2 was not answered
                  its operation is settled: engine acestream-2 exists
        ",
    );
    check(desk.fleet(), "gluetun: (2) | gluetun2: 3 4");
    desk.wait(secs(1));
    check(desk.waiting(), "remove acestream-2");
    desk.refused("remove acestream-2", Refusal::NoSuchContainer);
    check(desk.fleet(), "gluetun:  | gluetun2: 3 4");
}

#[test]
fn an_outcome_that_comes_twice_or_belongs_to_nothing_changes_nothing() {
    let mut desk = about_to_create(1);
    let create = desk.take("create acestream-1");
    let created = desk.host.carry_out(&create);
    desk.event(Event::Finished { op: create.op, outcome: created.clone() });
    desk.transcript();

    let stranger = OpId { life: 7, seq: 7 };
    for (op, outcome) in [
        (create.op, created),
        (create.op, Outcome::Unknown(Silence::TimedOut)),
        (create.op, Outcome::Refused(Refusal::NameTaken)),
        (stranger, Outcome::Done(Report::Absent)),
        (stranger, Outcome::Unknown(Silence::Disconnected)),
    ] {
        desk.event(Event::Finished { op, outcome });
    }
    check(desk.transcript(), "");
    check(desk.fleet(), "gluetun: 1");
}

#[test]
fn the_container_of_an_unanswered_creation_counts_once() {
    let mut desk = Desk::opened(Settings { max_replicas: 2, ..one_vpn(2) }, host_with(&["gluetun"]));
    desk.hold("create");
    desk.hold("inspect acestream-1");
    desk.store_answers(&[]);
    desk.done_unheard("create acestream-1");
    desk.done("create acestream-2");
    assert_eq!(desk.core.snapshot().capacity.total, 2);
    // The next listing shows it, while the question after its fate waits.
    desk.wait(secs(10));
    assert_eq!(desk.core.snapshot().capacity.total, 2);
    desk.let_go("inspect acestream-1");
    assert_eq!(desk.core.snapshot().capacity.total, 2);
    check(desk.fleet(), "gluetun: 1 2");
}

#[test]
fn whoever_turns_out_to_have_the_name_keeps_it_even_if_no_listing_has_told_of_him_yet() {
    let mut desk = about_to_create(1);
    desk.hold("list");
    desk.host.run_stranger("acestream-1", &[]);
    desk.lost("create acestream-1");
    desk.wait(secs(10));
    check(
        desk.waiting(),
        "
            list
            create acestream-2 on gluetun http 19000 https 45000
        ",
    );
}
