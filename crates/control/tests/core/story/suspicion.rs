//! Suspicion: Docker calls a VPN healthy, and something else says that it is not.

use crate::desk::{Desk, check, host_with, one_vpn, secs, two_on_each, two_vpns};
use control::docker::Health;
use control::event::TunnelStatus;
use control::snapshot::Overall;
use control::vpn::Verdict;

const EVERYBODY: [&str; 4] = ["acestream-1", "acestream-2", "acestream-3", "acestream-4"];

#[test]
fn a_control_server_that_says_the_tunnel_is_not_running_is_a_reason_to_ask_the_engines() {
    for tunnel in
        [TunnelStatus::Stopped, TunnelStatus::Stopping, TunnelStatus::Crashed, TunnelStatus::Starting]
    {
        let mut desk = Desk::at_rest(two_on_each());
        desk.on("gluetun").tunnel = Some(tunnel);
        desk.wait(secs(5));
        let told = desk.told().replace(&format!("{tunnel:?}"), "…");
        check(
            told,
            "
            1005s     VPN double-check: VPN 'gluetun' is doubted: its control server says …
                      VPN double-check: Engine 00000005cece reports internet connectivity
                      VPN double-check: 2/2 engine(s) have internet connectivity - considering VPN
                          healthy
            ",
        );
        check(desk.fleet(), "gluetun: 1 2 | gluetun2: 3 4");

        desk.on("gluetun").tunnel_up = false;
        desk.wait(secs(5));
        let told = desk.told().replace(&format!("{tunnel:?}"), "…");
        check(
            told,
            "
            1010s     VPN double-check: None of 2 engine(s) have internet connectivity
                      VPN 'gluetun' failed: its control server says …, 0 of 2 engine(s) are
                          connected; its engines are hidden
                      entering emergency mode: VPN 'gluetun' failed, VPN 'gluetun2' is healthy
                      engine acestream-1 is hidden: its VPN's tunnel is lost
                      engine acestream-2 is hidden: its VPN's tunnel is lost
            ",
        );
        check(desk.fleet(), "gluetun: (1) (2) | gluetun2: 3 4");
    }
}

#[test]
fn a_control_server_that_is_silent_or_does_not_let_us_in_says_nothing_about_the_tunnel() {
    let mut desk = Desk::at_rest(two_on_each());
    desk.on("gluetun").tunnel = None;
    desk.on("gluetun2").admits = false;
    desk.wait(secs(50));
    check(desk.transcript(), "");
    check(desk.fleet(), "gluetun: 1 2 | gluetun2: 3 4");
}

#[test]
fn a_control_server_that_falls_silent_does_not_heal_a_vpn() {
    let mut desk = Desk::at_rest(one_vpn(1));
    desk.on("gluetun").tunnel = Some(TunnelStatus::Stopped);
    desk.on("gluetun").tunnel_up = false;
    desk.wait(secs(5));
    check(
        desk.told(),
        "
        1005s     VPN double-check: VPN 'gluetun' is doubted: its control server says Stopped
                  VPN double-check: None of 1 engine(s) have internet connectivity
                  VPN 'gluetun' failed: its control server says Stopped, 0 of 1 engine(s) are
                      connected; its engines are hidden
                  engine acestream-1 is hidden: its VPN's tunnel is lost
                  no engine can be created now: no VPN is healthy; what is missing is created
        ",
    );

    desk.on("gluetun").tunnel = None;
    desk.wait(secs(5));
    check(desk.told(), "");
}

#[test]
fn when_all_engines_are_disconnected_of_which_two_were_connected_the_vpn_is_doubted() {
    let mut desk = Desk::at_rest(two_vpns());
    desk.hold_mending();
    desk.on("gluetun").tunnel_up = false;
    desk.wait(secs(25));
    check(
        desk.told(),
        "
        1017.367s VPN double-check: VPN 'gluetun' is doubted: all its engines say that they are not
                      connected
                  VPN double-check: None of 5 engine(s) have internet connectivity
                  VPN 'gluetun' failed: all its engines say that they are not connected, 0 of 5
                      engine(s) are connected; its engines are hidden
                  entering emergency mode: VPN 'gluetun' failed, VPN 'gluetun2' is healthy
                  engine acestream-1 is hidden: its VPN's tunnel is lost
                  engine acestream-2 is hidden: its VPN's tunnel is lost
                  engine acestream-3 is hidden: its VPN's tunnel is lost
                  engine acestream-4 is hidden: its VPN's tunnel is lost
                  engine acestream-5 is hidden: its VPN's tunnel is lost
        ",
    );
    check(desk.fleet(), "gluetun: (1) (2) (3) (4) (5) | gluetun2: 6 7 8 9 10");

    // Only a connected engine lifts it: Docker has called the VPN healthy all along.
    desk.wait(secs(60));
    check(
        desk.told(),
        "
        1047.367s mending VPN 'gluetun', its tunnel is bounced: its tunnel has been lost for some
                      time (for 30.0 s)
        1077.367s removing engine acestream-5: its VPN's tunnel has been lost for too long (for 60.0
                      s)
                  removing engine acestream-4: its VPN's tunnel has been lost for too long (for 60.0
                      s)
                  removing engine acestream-3: its VPN's tunnel has been lost for too long (for 60.0
                      s)
                  removing engine acestream-2: its VPN's tunnel has been lost for too long (for 60.0
                      s)
                  mending VPN 'gluetun', its container is restarted: it stays failed (for 60.0 s)
                  engine acestream-5 is gone
                  engine acestream-4 is gone
                  engine acestream-3 is gone
                  engine acestream-2 is gone
        ",
    );
    desk.on("gluetun").tunnel_up = true;
    desk.wait(secs(5));
    check(
        desk.told(),
        "
        1087.367s VPN double-check: Engine 00000005cece reports internet connectivity
                  VPN double-check: 1/1 engine(s) have internet connectivity - considering VPN
                      healthy
                  VPN 'gluetun' is healthy: all its engines say that they are not connected, 1 of 1
                      engine(s) are connected; what is missing is created
                  leaving emergency mode (it lasted 70.0 s); what is missing is created
                  restarting engine acestream-1 in place: its VPN's tunnel is back; its first good
                      answer is due within 120.0 s
                  creating engine acestream-2 on VPN 'gluetun': too few engines serve (5 of 10
                      wanted, 1 coming); its first good answer is due within 120.0 s
                  creating engine acestream-3 on VPN 'gluetun': too few engines serve (5 of 10
                      wanted, 1 coming); its first good answer is due within 120.0 s
                  creating engine acestream-4 on VPN 'gluetun': too few engines serve (5 of 10
                      wanted, 1 coming); its first good answer is due within 120.0 s
                  creating engine acestream-5 on VPN 'gluetun': too few engines serve (5 of 10
                      wanted, 1 coming); its first good answer is due within 120.0 s
                  starting engine acestream-2: it was created and not yet started; its first good
                      answer is due within 120.0 s
                  starting engine acestream-3: it was created and not yet started; its first good
                      answer is due within 120.0 s
                  starting engine acestream-4: it was created and not yet started; its first good
                      answer is due within 120.0 s
                  starting engine acestream-5: it was created and not yet started; its first good
                      answer is due within 120.0 s
                  engine acestream-1 is offered
                  engine acestream-2 is offered
                  engine acestream-3 is offered
                  engine acestream-4 is offered
                  engine acestream-5 is offered
        ",
    );
}

#[test]
fn as_long_as_one_engine_is_connected_the_vpn_is_not_doubted() {
    let mut desk = Desk::at_rest(two_on_each());
    desk.on("acestream-1").connected = Some(false);
    desk.wait(secs(300));
    check(desk.told(), "");
}

#[test]
fn engines_that_have_never_been_connected_say_nothing_about_their_vpn() {
    let mut host = host_with(&["gluetun"]);
    host.get("gluetun").tunnel_up = false;
    let mut desk = Desk::in_sight(one_vpn(3), host);
    desk.wait(secs(300));
    check(
        desk.told(),
        "
        0s        VPN 'gluetun' has been found; its engines are repaired once it is healthy
                  first look complete, 0 engine(s) adopted
                  VPN 'gluetun' is healthy: Docker says healthy; what is missing is created
                  creating engine acestream-1 on VPN 'gluetun': too few engines serve (0 of 3
                      wanted, 0 coming); its first good answer is due within 120.0 s
                  creating engine acestream-2 on VPN 'gluetun': too few engines serve (0 of 3
                      wanted, 0 coming); its first good answer is due within 120.0 s
                  creating engine acestream-3 on VPN 'gluetun': too few engines serve (0 of 3
                      wanted, 0 coming); its first good answer is due within 120.0 s
                  starting engine acestream-1: it was created and not yet started; its first good
                      answer is due within 120.0 s
                  starting engine acestream-2: it was created and not yet started; its first good
                      answer is due within 120.0 s
                  starting engine acestream-3: it was created and not yet started; its first good
                      answer is due within 120.0 s
                  engine acestream-1 is offered
                  engine acestream-2 is offered
                  engine acestream-3 is offered
        ",
    );
    check(desk.fleet(), "gluetun: 1 2 3");
}

#[test]
fn a_lone_engine_has_to_say_three_times_that_it_is_disconnected() {
    let mut desk = Desk::at_rest(one_vpn(1));
    desk.on("gluetun").tunnel_up = false;
    desk.wait(secs(44));
    check(desk.transcript(), "");
    check(desk.asked_for("probe"), "");
    desk.wait(secs(22));
    check(
        desk.told(),
        "
        1046.587s VPN double-check: VPN 'gluetun' is doubted: all its engines say that they are not
                      connected
                  VPN double-check: None of 1 engine(s) have internet connectivity
                  VPN 'gluetun' failed: all its engines say that they are not connected, 0 of 1
                      engine(s) are connected; its engines are hidden
                  engine acestream-1 is hidden: its VPN's tunnel is lost
                  no engine can be created now: no VPN is healthy; what is missing is created
        ",
    );
}

#[test]
fn a_lone_engine_that_is_connected_in_between_starts_anew() {
    let mut desk = Desk::at_rest(one_vpn(1));
    for _ in 0..10 {
        desk.on("gluetun").tunnel_up = false;
        desk.wait(secs(36));
        desk.on("gluetun").tunnel_up = true;
        desk.wait(secs(22));
    }
    check(desk.told(), "");
}

#[test]
fn when_half_of_its_engines_do_not_answer_the_vpn_is_doubted() {
    let mut desk = Desk::at_rest(two_on_each());
    desk.on("acestream-1").answers = false;
    desk.wait(secs(25));
    check(
        desk.told(),
        "
        1015.55s  VPN double-check: VPN 'gluetun' is doubted: 1 of 2 engine(s) do not answer
                  VPN double-check: Engine 00000005cece reports internet connectivity
                  VPN double-check: 2/2 engine(s) have internet connectivity - considering VPN
                      healthy
        ",
    );
    check(desk.fleet(), "gluetun: 1 2 | gluetun2: 3 4");
}

#[test]
fn less_than_half_is_the_business_of_the_engines_themselves() {
    let mut desk = Desk::at_rest(two_vpns());
    for name in ["acestream-1", "acestream-3"] {
        desk.on(name).answers = false;
    }
    desk.wait(secs(120));
    check(
        desk.told(),
        "
        1048.447s engine acestream-3 is hidden: it does not answer any more
                  creating engine acestream-11 on VPN 'gluetun': another one does not answer (9 of
                      10 wanted, 0 coming); its first good answer is due within 120.0 s
                  starting engine acestream-11: it was created and not yet started; its first good
                      answer is due within 120.0 s
                  engine acestream-11 is offered
        1048.758s engine acestream-1 is hidden: it does not answer any more
                  creating engine acestream-12 on VPN 'gluetun': another one does not answer (9 of
                      10 wanted, 0 coming); its first good answer is due within 120.0 s
                  starting engine acestream-12: it was created and not yet started; its first good
                      answer is due within 120.0 s
                  engine acestream-12 is offered
        1108.447s removing engine acestream-3: it has not answered for too long (for 60.0 s)
                  engine acestream-3 is gone
        1108.758s removing engine acestream-1: it has not answered for too long (for 60.0 s)
                  engine acestream-1 is gone
        ",
    );
}

#[test]
fn a_lone_engine_that_does_not_answer_says_nothing_about_its_vpn() {
    let mut desk = Desk::at_rest(one_vpn(1));
    desk.on("acestream-1").answers = false;
    desk.wait(secs(120));
    check(
        desk.told(),
        "
        1046.587s engine acestream-1 is hidden: it does not answer any more
                  creating engine acestream-2 on VPN 'gluetun': another one does not answer (0 of 1
                      wanted, 0 coming); its first good answer is due within 120.0 s
                  starting engine acestream-2: it was created and not yet started; its first good
                      answer is due within 120.0 s
                  VPN double-check: VPN 'gluetun' is doubted: 1 of 2 engine(s) do not answer
                  engine acestream-2 is offered
                  VPN double-check: Engine 00000003cece reports internet connectivity
                  VPN double-check: 2/2 engine(s) have internet connectivity - considering VPN
                      healthy
        1106.587s removing engine acestream-1: it has not answered for too long (for 60.0 s)
                  engine acestream-1 is gone
        ",
    );
}

#[test]
fn when_no_engine_answers_on_any_vpn_acefleet_suspects_itself() {
    let mut desk = Desk::at_rest(two_on_each());
    desk.hold("probe");
    desk.wait(secs(22));
    for name in EVERYBODY {
        desk.on(name).answers = false;
        desk.on(name).connected = None;
    }
    desk.let_go("probe");
    check(
        desk.told(),
        "
        1022s     VPN double-check: VPN 'gluetun2' is doubted: 1 of 2 engine(s) do not answer
                  VPN double-check: VPN 'gluetun' is doubted: 1 of 2 engine(s) do not answer
                  engines on every VPN fail at once: the fault is more likely here
        ",
    );

    // Nothing more is hidden or replaced, however long it lasts.
    let before = desk.fleet();
    desk.wait(secs(600));
    check(desk.transcript(), "");
    check(desk.fleet(), &before);
    let snapshot = desk.core.snapshot();
    assert!(snapshot.suspects_itself);
    assert_eq!(snapshot.overall, Overall::Degraded);

    // One answer from anywhere ends it, and what the others left unanswered meanwhile is forgiven.
    for name in EVERYBODY {
        desk.on(name).answers = true;
        desk.on(name).connected = Some(true);
    }
    desk.wait(secs(22));
    check(desk.transcript(), "1623.981s an engine answers again: nothing is wrong here");
    check(desk.fleet(), "gluetun: 1 2 | gluetun2: 3 4");
}

#[test]
fn silence_that_grows_old_without_another_question_being_answered_is_no_answer() {
    let mut desk = Desk::at_rest(two_on_each());
    for name in EVERYBODY {
        desk.on(name).answers = false;
        desk.on(name).connected = None;
    }
    desk.wait(secs(30));
    assert!(desk.core.snapshot().suspects_itself);
    desk.hold("probe");
    desk.transcript();
    desk.wait(secs(600));
    check(desk.told(), "");
    assert!(desk.core.snapshot().suspects_itself);
}

/// Three engines that do not answer, found by a core that begins so long after they were started.
fn found_silent(age: u64) -> Desk {
    let mut host = host_with(&["gluetun"]);
    for (name, port) in ["acestream-1", "acestream-2", "acestream-3"].into_iter().zip(19_000..) {
        host.run_engine(name, "gluetun", port).answers = false;
    }
    host.now = control::Time::from_secs(age);
    let mut desk = Desk::in_sight(one_vpn(3), host);
    desk.wait(secs(1));
    desk
}

#[test]
fn engines_that_had_run_for_long_when_acefleet_began_and_are_all_silent_are_a_reason_to_suspect_itself() {
    let desk = found_silent(1_000);
    assert!(desk.core.snapshot().suspects_itself);
    check(desk.fleet(), "gluetun: 1 2 3");
}

#[test]
fn engines_that_were_just_being_started_when_acefleet_began_say_nothing_by_their_silence() {
    let mut desk = found_silent(30);
    assert!(!desk.core.snapshot().suspects_itself);
    check(desk.fleet(), "gluetun: (1) (2) (3)");
    check(
        desk.hidden(),
        "
        acestream-1: it has not answered yet, next step at 150s
        acestream-2: it has not answered yet, next step at 150s
        acestream-3: it has not answered yet, next step at 150s
        ",
    );

    for name in ["acestream-1", "acestream-2", "acestream-3"] {
        desk.on(name).answers = true;
    }
    desk.wait(secs(10));
    check(desk.fleet(), "gluetun: 1 2 3");
}

#[test]
fn a_vpn_that_was_failed_for_silence_before_the_others_fell_silent_too_is_not_to_blame() {
    let mut desk = Desk::at_rest(two_on_each());
    for name in EVERYBODY {
        desk.on(name).answers = false;
        desk.on(name).connected = None;
    }
    desk.wait(secs(30));
    check(
        desk.transcript(),
        "
        1003.755s VPN double-check: VPN 'gluetun2' is doubted: 1 of 2 engine(s) do not answer
                  VPN double-check: Failed to check engine 00000007cece: Connection timeout
                  VPN double-check: Failed to check engine 00000008cece: Connection timeout
                  VPN double-check: None of 2 engine(s) have internet connectivity
                  VPN 'gluetun2' failed: 1 of 2 engine(s) do not answer, 0 of 2 engine(s) are
                      connected; its engines are hidden
                  entering emergency mode: VPN 'gluetun2' failed, VPN 'gluetun' is healthy
                  engine acestream-3 is hidden: its VPN's tunnel is lost
                  engine acestream-4 is hidden: its VPN's tunnel is lost
        1008.298s VPN double-check: VPN 'gluetun' is doubted: 1 of 2 engine(s) do not answer
                  VPN double-check: Failed to check engine 00000005cece: Connection timeout
                  VPN double-check: Failed to check engine 00000006cece: Connection timeout
                  VPN double-check: None of 2 engine(s) have internet connectivity
                  VPN 'gluetun' failed: 1 of 2 engine(s) do not answer, 0 of 2 engine(s) are
                      connected; its engines are hidden
                  engine acestream-1 is hidden: its VPN's tunnel is lost
                  engine acestream-2 is hidden: its VPN's tunnel is lost
                  no engine can be created now: no VPN is healthy; what is missing is created
        1015.55s  engines on every VPN fail at once: the fault is more likely here
                  VPN 'gluetun' is healthy: its engines' silence is not its own
                  VPN 'gluetun2' is healthy: its engines' silence is not its own
                  leaving emergency mode (it lasted 11.8 s); what is missing is created
                  engine acestream-1 is offered
                  engine acestream-2 is offered
                  engine acestream-3 is offered
                  engine acestream-4 is offered
        ",
    );
    check(desk.fleet(), "gluetun: 1 2 | gluetun2: 3 4");
}

#[test]
fn engines_that_do_not_answer_are_hidden_one_by_one_when_only_their_own_vpn_is_silent() {
    let mut desk = Desk::at_rest(two_on_each());
    for name in ["acestream-1", "acestream-3"] {
        desk.on(name).answers = false;
    }
    desk.wait(secs(66));
    check(
        desk.told(),
        "
        1005.405s VPN double-check: VPN 'gluetun2' is doubted: 1 of 2 engine(s) do not answer
                  VPN double-check: Engine 00000007cece reports internet connectivity
                  VPN double-check: 2/2 engine(s) have internet connectivity - considering VPN
                      healthy
        1015.55s  VPN double-check: VPN 'gluetun' is doubted: 1 of 2 engine(s) do not answer
                  VPN double-check: Engine 00000005cece reports internet connectivity
                  VPN double-check: 2/2 engine(s) have internet connectivity - considering VPN
                      healthy
        1041.929s engine acestream-3 is hidden: it does not answer any more
                  creating engine acestream-5 on VPN 'gluetun2': another one does not answer (3 of 4
                      wanted, 0 coming); its first good answer is due within 120.0 s
                  starting engine acestream-5: it was created and not yet started; its first good
                      answer is due within 120.0 s
                  engine acestream-5 is offered
        1056.298s engine acestream-1 is hidden: it does not answer any more
                  creating engine acestream-6 on VPN 'gluetun': another one does not answer (3 of 4
                      wanted, 0 coming); its first good answer is due within 120.0 s
                  starting engine acestream-6: it was created and not yet started; its first good
                      answer is due within 120.0 s
                  engine acestream-6 is offered
        ",
    );
    assert!(!desk.core.snapshot().suspects_itself);
}

#[test]
fn a_new_network_ends_a_doubt_that_came_from_engines_of_the_old_one() {
    let mut desk = Desk::at_rest(one_vpn(2));
    desk.on("gluetun").tunnel_up = false;
    desk.wait(secs(25));
    assert_eq!(desk.vpn("gluetun").verdict, Verdict::Failed);
    desk.transcript();

    desk.on("gluetun").tunnel_up = true;
    desk.host.start("gluetun");
    desk.wait(secs(5));
    check(
        desk.transcript(),
        "
        1030s     VPN 'gluetun' has a new network; its engines are repaired once it is healthy
                  VPN 'gluetun' is healthy: Docker says healthy; what is missing is created
                  restarting engine acestream-1 in place: its VPN has a new network that it can
                      join; its first good answer is due within 120.0 s
                  > restart acestream-1 (its VPN has a new network that it can join)
                  restarting engine acestream-2 in place: its VPN has a new network that it can
                      join; its first good answer is due within 120.0 s
                  > restart acestream-2 (its VPN has a new network that it can join)
                  engine acestream-1 is offered
                  engine acestream-2 is offered
        ",
    );
    check(desk.fleet(), "gluetun: 1 2");
}

#[test]
fn an_unhealthy_vpn_that_is_starting_again_is_not_healthy_yet() {
    let mut desk = Desk::at_rest(one_vpn(1));
    desk.on("gluetun").tunnel_up = false;
    desk.on("gluetun").health = Health::Unhealthy;
    desk.wait(secs(5));
    desk.transcript();
    desk.on("gluetun").health = Health::Starting;
    desk.wait(secs(60));
    check(desk.transcript(), "");
    assert_eq!(desk.vpn("gluetun").verdict, Verdict::Failed);
}
