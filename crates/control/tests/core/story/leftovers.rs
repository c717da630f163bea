//! Leftovers: engines that do not run, or run and never answer.

use crate::desk::{Desk, check, host_with, millis, no_vpn, one_vpn, secs, two_on_each};
use control::docker::{Happened, State};
use control::event::TunnelStatus;
use control::labels::{HTTP_PORT, OPERATION, VPN_CONTAINER};
use control::{Event, Settings};

impl Desk {
    /// An engine exits, and Docker tells.
    fn crash(&mut self, engine: &str) {
        self.host.stop(engine);
        self.hear(engine, Happened::Died);
    }

    /// Docker starts it again, as it does while its VPN is up, and tells.
    fn docker_restarts(&mut self, engine: &str) {
        self.host.start(engine);
        self.hear(engine, Happened::Started);
    }
}

#[test]
fn an_engine_that_exits_is_hidden_at_once_and_left_to_docker() {
    let mut desk = Desk::at_rest(two_on_each());
    desk.crash("acestream-1");
    check(desk.transcript(), "1000s     engine acestream-1 is hidden: it does not run");
    check(desk.hidden(), "acestream-1: it does not run, next step at 1005s");

    desk.wait(millis(200));
    desk.hold("probe");
    desk.docker_restarts("acestream-1");
    check(desk.hidden(), "acestream-1: it has not answered yet, next step at 1120.2s");
    desk.let_go("probe");
    check(desk.transcript(), "1000.2s   engine acestream-1 is offered");
}

#[test]
fn an_engine_that_docker_does_not_bring_back_within_five_seconds_is_started() {
    let mut desk = Desk::at_rest(two_on_each());
    desk.crash("acestream-1");
    desk.wait(millis(4_999));
    check(desk.did(), "");
    desk.wait(millis(1));
    check(
        desk.did(),
        "
        1005s     > start acestream-1 (it stopped running and Docker did not bring it back)
        ",
    );
    check(desk.fleet(), "gluetun: 1 2 | gluetun2: 3 4");
}

#[test]
fn an_exit_that_nobody_told_of_is_found_by_the_next_listing() {
    let mut desk = Desk::at_rest(no_vpn(1));
    desk.wait(secs(1));
    desk.host.stop("acestream-1");
    desk.wait(secs(9));
    check(desk.told(), "1008.758s engine acestream-1 is hidden: it does not run");
    desk.wait(secs(5));
    check(
        desk.did(),
        "
        1013.758s > start acestream-1 (it stopped running and Docker did not bring it back)
        ",
    );
}

#[test]
fn a_carrier_that_is_not_brought_back_is_removed_and_made_anew() {
    let mut desk = Desk::at_rest(Settings { max_concurrent_provisions: 2, ..two_on_each() });
    desk.crash("acestream-3");
    desk.wait(secs(5));
    check(
        desk.did(),
        "
        1005s     > start acestream-3 (it stopped running and Docker did not bring it back)
        ",
    );
    check(desk.fleet(), "gluetun: 1 2 | gluetun2: 3 4");
}

#[test]
fn an_engine_that_exits_for_the_third_time_in_ten_minutes_is_removed() {
    let mut desk = Desk::at_rest(one_vpn(1));
    for wait in [secs(299), secs(299)] {
        desk.crash("acestream-1");
        desk.docker_restarts("acestream-1");
        desk.wait(wait);
    }
    check(desk.did(), "");
    desk.crash("acestream-1");
    check(
        desk.did(),
        "
        1598s     > create acestream-2 on gluetun http 19001 https 45001 (too few engines serve)
                  > remove acestream-1 (it stops running again and again)
                  > start acestream-2 (it was created and not yet started)
        ",
    );
}

#[test]
fn three_exits_in_more_than_ten_minutes_are_no_crash_loop() {
    let mut desk = Desk::at_rest(one_vpn(1));
    for _ in 0..5 {
        desk.crash("acestream-1");
        desk.docker_restarts("acestream-1");
        desk.wait(millis(300_001));
    }
    check(desk.did(), "");
}

#[test]
fn an_exit_that_is_told_twice_is_one_exit() {
    let mut desk = Desk::at_rest(one_vpn(1));
    for _ in 0..2 {
        desk.host.stop("acestream-1");
        let died = desk.notice("acestream-1", Happened::Died);
        desk.event(Event::Docker(died.clone()));
        desk.event(Event::Docker(died));
        desk.docker_restarts("acestream-1");
        desk.wait(secs(60));
    }
    check(desk.did(), "");
}

#[test]
fn an_exit_by_our_own_hand_is_no_crash() {
    let mut desk = Desk::at_rest(one_vpn(1));
    for _ in 0..4 {
        desk.hold("restart");
        desk.host.start("gluetun");
        desk.hear("gluetun", Happened::Started);
        desk.hear("acestream-1", Happened::Died);
        desk.let_go("restart");
        desk.wait(secs(60));
    }
    check(
        desk.did(),
        "
        1000s     > restart acestream-1 (its VPN has a new network that it can join)
        1060s     > restart acestream-1 (its VPN has a new network that it can join)
        1120s     > restart acestream-1 (its VPN has a new network that it can join)
        1180s     > restart acestream-1 (its VPN has a new network that it can join)
        ",
    );
}

#[test]
fn an_engine_that_never_answers_is_removed_when_its_boot_allowance_has_run_out() {
    let mut desk = Desk::opened(one_vpn(1), host_with(&["gluetun"]));
    desk.host.engines_answer = false;
    desk.store_answers(&[]);
    desk.wait(millis(119_999));
    desk.did();
    check(desk.hidden(), "acestream-1: it has not answered yet, next step at 120s");
    desk.wait(millis(1));
    check(
        desk.did(),
        "
        120s      > remove acestream-1 (it never gave a good answer)
                  > create acestream-1 on gluetun http 19000 https 45000 (too few engines serve)
                  > start acestream-1 (it was created and not yet started)
        ",
    );
}

#[test]
fn time_in_which_its_vpn_was_the_problem_does_not_count_against_a_booting_engine() {
    let mut desk = Desk::opened(one_vpn(1), host_with(&["gluetun"]));
    desk.host.engines_answer = false;
    desk.store_answers(&[]);
    desk.wait(secs(60));
    desk.on("gluetun").tunnel = Some(TunnelStatus::Stopped);
    desk.wait(secs(40));
    desk.on("gluetun").tunnel = Some(TunnelStatus::Running);
    desk.wait(secs(5));
    desk.did();

    check(desk.hidden(), "acestream-1: it has not answered yet, next step at 225s");
}

#[test]
fn a_container_that_nobody_wants_is_removed() {
    let mut desk = Desk::at_rest(one_vpn(2));
    let labels = [(HTTP_PORT, "19500"), (VPN_CONTAINER, "gluetun"), (OPERATION, "00000001-1")];
    desk.host.add_engine("acestream-9", &labels);
    desk.hear("acestream-9", Happened::Created);
    check(
        desk.transcript(),
        "
        1000s     engine acestream-9 appeared
                  removing engine acestream-9: it arrived although nobody waits for it
                  > remove acestream-9 (it arrived although nobody waits for it)
                  engine acestream-9 is gone
        ",
    );
}

#[test]
fn a_container_that_somebody_else_creates_is_his_to_start_for_five_seconds() {
    let mut desk = Desk::at_rest(one_vpn(2));
    desk.host.add_engine("acestream-9", &[(HTTP_PORT, "19500"), (VPN_CONTAINER, "gluetun")]);
    desk.hear("acestream-9", Happened::Created);
    desk.wait(secs(4));
    check(desk.did(), "");
    desk.wait(secs(2));
    check(desk.did(), "1005s     > start acestream-9 (it stopped running and Docker did not bring it back)");
}

#[test]
fn an_engine_that_somebody_else_has_started_is_used_once_it_answers() {
    let mut desk = Desk::at_rest(one_vpn(2));
    desk.host.run_engine("acestream-9", "gluetun", 19_500);
    desk.hear("acestream-9", Happened::Started);
    check(
        desk.transcript(),
        "
        1000s     engine acestream-9 appeared: by a foreign hand
                  engine acestream-9 is offered
        ",
    );
    check(desk.fleet(), "gluetun: 1 2 9");
}

#[test]
fn an_engine_with_the_port_of_another_is_removed() {
    let mut desk = Desk::at_rest(one_vpn(2));
    desk.host.run_engine("acestream-9", "gluetun", 19_001);
    desk.hear("acestream-9", Happened::Started);
    check(desk.did(), "1000s     > remove acestream-9 (another engine has its name or port)");
    check(desk.fleet(), "gluetun: 1 2");
}

#[test]
fn an_engine_that_is_dead_or_being_removed_is_not_started() {
    for state in [State::Dead, State::Removing] {
        let mut desk = Desk::at_rest(one_vpn(2));
        desk.on("acestream-1").state = state;
        desk.hear("acestream-1", Happened::Died);
        desk.wait(secs(6));
        check(
            desk.did(),
            "
            1005s     > remove acestream-1 (it stopped running and Docker did not bring it back)
                      > create acestream-1 on gluetun http 19000 https 45000 (too few engines serve)
                      > start acestream-1 (it was created and not yet started)
            ",
        );
    }
}

#[test]
fn an_engine_that_was_removed_by_somebody_is_gone_and_replaced() {
    let mut desk = Desk::at_rest(two_on_each());
    desk.hear_gone("acestream-1");
    check(
        desk.transcript(),
        "
        1000s     engine acestream-1 is gone: by a foreign hand
                  creating engine acestream-1 on VPN 'gluetun': too few engines serve (3 of 4
                      wanted, 0 coming); its first good answer is due within 120.0 s
                  > create acestream-1 on gluetun http 19000 https 45000 (too few engines serve)
                  starting engine acestream-1: it was created and not yet started; its first good
                      answer is due within 120.0 s
                  > start acestream-1 (it was created and not yet started)
                  engine acestream-1 is offered
        ",
    );
    check(desk.fleet(), "gluetun: 1 2 | gluetun2: 3 4");
}

#[test]
fn an_engine_that_leaves_three_questions_unanswered_is_hidden_until_it_answers() {
    let mut desk = Desk::at_rest(no_vpn(2));
    desk.on("acestream-2").answers = false;
    desk.wait(secs(66));
    check(
        desk.told(),
        "
        1040.464s engine acestream-2 is hidden: it does not answer any more
                  creating engine acestream-3: another one does not answer (1 of 2 wanted, 0
                      coming); its first good answer is due within 120.0 s
                  starting engine acestream-3: it was created and not yet started; its first good
                      answer is due within 120.0 s
                  engine acestream-3 is offered
        ",
    );
    desk.on("acestream-2").answers = true;
    desk.wait(secs(22));
    check(desk.told(), "1084.065s engine acestream-2 is offered");
}
