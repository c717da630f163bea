//! Engines that stop answering: hidden soon, replaced when it lasts.

use crate::desk::{Desk, check, secs, two_on_each, two_vpns};
use control::Settings;
use control::docker::Health;

#[test]
fn an_engine_that_does_not_answer_three_times_is_hidden_and_another_created_and_after_a_minute_it_goes() {
    let mut desk = Desk::at_rest(two_vpns());
    desk.on("acestream-3").answers = false;
    desk.wait(secs(80));
    check(
        desk.transcript(),
        "
            1048.447s engine acestream-3 is hidden: it does not answer any more
                      creating engine acestream-11 on VPN 'gluetun': another one does not answer (9 of
                          10 wanted, 0 coming); its first good answer is due within 120.0 s
                      > create acestream-11 on gluetun http 19010 https 45005 (another one does not
                          answer)
                      starting engine acestream-11: it was created and not yet started; its first good
                          answer is due within 120.0 s
                      > start acestream-11 (it was created and not yet started)
                      engine acestream-11 is offered
        ",
    );
    check(desk.fleet(), "gluetun: 1 2 (3) 4 5 11 | gluetun2: 6 7 8 9 10");
    desk.wait(secs(60));
    check(
        desk.transcript(),
        "
            1108.447s removing engine acestream-3: it has not answered for too long (for 60.0 s)
                      > remove acestream-3 (it has not answered for too long)
                      engine acestream-3 is gone
        ",
    );
    check(desk.fleet(), "gluetun: 1 2 4 5 11 | gluetun2: 6 7 8 9 10");
}

#[test]
fn one_that_answers_again_within_the_minute_is_offered_again() {
    let mut desk = Desk::at_rest(two_vpns());
    desk.on("acestream-3").answers = false;
    desk.wait(secs(80));
    desk.on("acestream-3").answers = true;
    desk.transcript();
    desk.wait(secs(100));
    check(desk.transcript(), "1088.128s engine acestream-3 is offered");
    check(desk.fleet(), "gluetun: 1 2 3 4 5 11 | gluetun2: 6 7 8 9 10");
}

#[test]
fn at_a_limit_one_that_does_not_answer_makes_place_for_its_replacement_after_the_hand_off() {
    let mut desk = Desk::at_rest(Settings { max_replicas: 10, ..two_vpns() });
    desk.on("acestream-3").answers = false;
    desk.wait(secs(120));
    check(
        desk.transcript(),
        "
            1048.447s engine acestream-3 is hidden: it does not answer any more
                      no engine can be created now: the limit is 10
            1073.447s removing engine acestream-3: its place is needed by an engine that can serve
                      > remove acestream-3 (its place is needed by an engine that can serve)
                      engine acestream-3 is gone
                      creating engine acestream-3 on VPN 'gluetun': too few engines serve (9 of 10
                          wanted, 0 coming); its first good answer is due within 120.0 s
                      > create acestream-3 on gluetun http 19002 https 45002 (too few engines serve)
                      starting engine acestream-3: it was created and not yet started; its first good
                          answer is due within 120.0 s
                      > start acestream-3 (it was created and not yet started)
                      engine acestream-3 is offered
        ",
    );
    check(desk.fleet(), "gluetun: 1 2 3 4 5 | gluetun2: 6 7 8 9 10");
}

#[test]
fn those_that_serve_nobody_go_together_and_no_more_of_them_than_may_be_created_at_once() {
    let mut desk = Desk::at_rest(Settings { max_concurrent_provisions: 1, ..two_vpns() });
    for name in ["acestream-2", "acestream-7"] {
        desk.on(name).answers = false;
    }
    desk.wait(secs(200));
    check(
        desk.did(),
        "
            1047.556s > create acestream-11 on gluetun http 19010 https 45005 (another one does not
                          answer)
                      > start acestream-11 (it was created and not yet started)
            1051.634s > create acestream-12 on gluetun2 http 19011 https 45005 (another one does not
                          answer)
                      > start acestream-12 (it was created and not yet started)
            1107.556s > remove acestream-7 (it has not answered for too long)
            1111.634s > remove acestream-2 (it has not answered for too long)
        ",
    );
    check(desk.fleet(), "gluetun: 1 3 5 9 11 | gluetun2: 4 6 8 10 12");
}

#[test]
fn after_ten_minutes_of_emergency_the_surviving_vpns_are_the_fleet() {
    let mut desk = Desk::at_rest(two_on_each());
    desk.hold_mending();
    desk.on("gluetun").health = Health::Unhealthy;
    desk.on("gluetun").tunnel_up = false;
    desk.wait(secs(80));
    desk.did();
    check(desk.fleet(), "gluetun: (1) | gluetun2: 3 4");
    desk.wait(secs(500));
    check(desk.did(), "");
    desk.wait(secs(60));
    check(
        desk.did(),
        "
            1605s     > create acestream-2 on gluetun2 http 19001 https 45002 (too few engines serve)
                      > create acestream-5 on gluetun2 http 19004 https 45003 (too few engines serve)
                      > start acestream-2 (it was created and not yet started)
                      > start acestream-5 (it was created and not yet started)
        ",
    );
    check(desk.fleet(), "gluetun: (1) | gluetun2: 2 3 4 5");
    assert!(desk.core.snapshot().emergency.entered_at.is_some(), "it still is an emergency");
}

#[test]
fn with_emergency_refill_the_minimum_is_chased_at_once() {
    let mut desk = Desk::at_rest(Settings { emergency_settle: secs(0), ..two_on_each() });
    desk.on("gluetun").health = Health::Unhealthy;
    desk.on("gluetun").tunnel_up = false;
    desk.wait(secs(30));
    check(
        desk.did(),
        "
            1005s     > create acestream-5 on gluetun2 http 19004 https 45002 (too few engines serve)
                      > create acestream-6 on gluetun2 http 19005 https 45003 (too few engines serve)
                      > start acestream-5 (it was created and not yet started)
                      > start acestream-6 (it was created and not yet started)
        ",
    );
    check(desk.fleet(), "gluetun: (1) (2) | gluetun2: 3 4 5 6");
}
