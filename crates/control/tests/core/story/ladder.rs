//! What is done about a VPN that stays failed, from its control server up to its container.

use crate::desk::{Desk, check, secs, two_on_each};
use control::docker::{Happened, Health};
use control::event::{Outcome, Refusal, TunnelStatus};
use control::ids::{RequestId, VpnId};
use control::request::{Reply, Request};
use control::{Event, Message};

/// A fleet of four on two VPNs, the first of which has lost its tunnel for good; it has just failed for it.
fn lost() -> Desk {
    let mut desk = Desk::at_rest(two_on_each());
    desk.on("gluetun").tunnel_up = false;
    desk.on("gluetun").health = Health::Unhealthy;
    desk.wait(secs(5));
    desk.transcript();
    desk
}

#[test]
fn a_lost_tunnel_is_bounced_after_half_a_minute_and_the_container_restarted_after_a_minute() {
    let mut desk = lost();
    desk.hold("tell");
    desk.wait(secs(30));
    check(
        desk.told_of("mending"),
        "
            1035s     mending VPN 'gluetun', its tunnel is bounced: its tunnel has been lost for some
                          time (for 30.0 s)
        ",
    );
    check(desk.waiting(), "tell gluetun to Stop");
    desk.done("tell gluetun to Stop");
    check(desk.waiting(), "tell gluetun to Run");
    desk.done("tell gluetun to Run");
    desk.wait(secs(30));
    check(
        desk.told_of("mending"),
        "1065s     mending VPN 'gluetun', its container is restarted: it stays failed (for 60.0 s)",
    );
    // The network is another one now: the wait begins anew, and twice as long.
    desk.wait(secs(110));
    check(
        desk.told_of("mending"),
        "
            1095s     mending VPN 'gluetun', its tunnel is bounced: its tunnel has been lost for some
                          time (for 90.0 s)
        ",
    );
    desk.wait(secs(600));
    check(desk.told_of("mending"), "");
}

#[test]
fn a_tunnel_that_comes_back_ends_the_ladder() {
    let mut desk = lost();
    desk.wait(secs(20));
    desk.on("gluetun").tunnel_up = true;
    desk.on("gluetun").health = Health::Healthy;
    desk.wait(secs(600));
    check(desk.told_of("mending"), "");
}

#[test]
fn a_tunnel_that_somebody_has_stopped_is_told_to_run_after_two_polls() {
    let mut desk = Desk::at_rest(two_on_each());
    desk.hold("tell");
    desk.on("gluetun").tunnel_up = false;
    desk.on("gluetun").tunnel = Some(TunnelStatus::Stopped);
    desk.wait(secs(20));
    check(
        desk.told_of("mending"),
        "
            1015s     mending VPN 'gluetun', its control server is told to run the tunnel: its tunnel is
                          stopped, and nobody else will start it (for 10.0 s)
        ",
    );
    check(desk.waiting(), "tell gluetun to Run");
    desk.answered("tell gluetun to Run", Outcome::Refused(Refusal::Unauthorized));
    desk.wait(secs(30));
    check(desk.told_of("order"), "1020s     order of VPN 'gluetun' was refused: unauthorized");
}

#[test]
fn the_second_half_of_a_bounce_follows_even_if_nobody_knows_of_the_first() {
    let mut desk = lost();
    desk.hold("tell");
    desk.wait(secs(30));
    desk.lost("tell gluetun to Stop");
    check(desk.waiting(), "tell gluetun to Run");
}

#[test]
fn a_bounce_that_is_not_admitted_ends_there() {
    let mut desk = lost();
    desk.hold("tell");
    desk.wait(secs(30));
    desk.answered("tell gluetun to Stop", Outcome::Refused(Refusal::Unauthorized));
    check(desk.waiting(), "");
}

#[test]
fn a_container_that_somebody_stopped_is_started_after_a_minute_and_if_that_is_undone_left_to_him() {
    let mut desk = Desk::at_rest(two_on_each());
    desk.hold("start gluetun");
    desk.host.stop("gluetun");
    desk.hear("gluetun", Happened::Died);
    desk.wait(secs(60));
    check(
        desk.told_of("mending"),
        "
            1060s     mending VPN 'gluetun', its container is started: somebody stopped it and did not
                          start it again (for 60.0 s)
        ",
    );
    check(desk.waiting(), "start gluetun");
    desk.done("start gluetun");
    desk.host.stop("gluetun");
    desk.hear("gluetun", Happened::Died);
    desk.wait(secs(1_000));
    check(
        desk.told_of("VPN 'gluetun'"),
        "
            1060s     VPN 'gluetun' has a new network; its engines are repaired once it is healthy
                      VPN 'gluetun' is healthy: Docker says healthy; what is missing is created
                      creating engine acestream-1 on VPN 'gluetun': too few engines serve (2 of 4
                          wanted, 0 coming); its first good answer is due within 120.0 s
                      creating engine acestream-2 on VPN 'gluetun': too few engines serve (2 of 4
                          wanted, 0 coming); its first good answer is due within 120.0 s
                      VPN 'gluetun' failed: its container has exited; its engines are removed in 5.0 s
                          unless it is back
                      entering emergency mode: VPN 'gluetun' failed, VPN 'gluetun2' is healthy
            1120s     VPN 'gluetun' is for a person to mend: its container has exited; looked at again
                          in 5.0 s
        ",
    );
}

#[test]
fn of_two_vpns_that_stay_failed_one_is_mended_at_a_time_and_restarts_wait_five_times_longer() {
    let mut desk = Desk::at_rest(two_on_each());
    for name in ["gluetun", "gluetun2"] {
        desk.on(name).tunnel_up = false;
        desk.on(name).health = Health::Unhealthy;
    }
    desk.wait(secs(700));
    check(
        desk.told_of("mending"),
        "
            1035s     mending VPN 'gluetun', its tunnel is bounced: its tunnel has been lost for some
                          time (for 30.0 s)
            1050s     mending VPN 'gluetun2', its tunnel is bounced: its tunnel has been lost for some
                          time (for 45.0 s)
            1305s     mending VPN 'gluetun', its container is restarted: it stays failed (for 300.0 s)
            1335s     mending VPN 'gluetun', its tunnel is bounced: its tunnel has been lost for some
                          time (for 330.0 s)
            1350s     mending VPN 'gluetun2', its container is restarted: it stays failed (for 345.0 s)
            1380s     mending VPN 'gluetun2', its tunnel is bounced: its tunnel has been lost for some
                          time (for 375.0 s)
        ",
    );
}

#[test]
fn nothing_else_is_done_to_a_container_until_it_is_known_what_became_of_its_restart() {
    let mut desk = lost();
    desk.hold("restart gluetun");
    desk.hold("inspect gluetun by name");
    desk.wait(secs(60));
    desk.lost("restart gluetun within 10s");
    desk.told();
    desk.wait(secs(600));
    check(desk.told_of("mending"), "");
    desk.let_go("inspect gluetun by name");
    desk.wait(secs(130));
    check(
        desk.told_of("mending"),
        "1665s     mending VPN 'gluetun', its container is restarted: it stays failed (for 660.0 s)",
    );
}

#[test]
fn while_docker_is_out_of_reach_no_container_is_restarted() {
    let mut desk = lost();
    desk.host.docker_answers = false;
    desk.wait(secs(300));
    check(desk.told_of("mending"), "");
    desk.host.docker_answers = true;
    desk.wait(secs(10));
    check(
        desk.told_of("mending"),
        "1306s     mending VPN 'gluetun', its container is restarted: it stays failed (for 301.0 s)",
    );
}

#[test]
fn what_is_next_and_when_is_shown() {
    let mut desk = lost();
    let next = |desk: &Desk| {
        let vpn = desk.vpn("gluetun");
        let next = vpn.next_rung.map(|(rung, at)| format!("{}, at {at}", rung.describe()));
        format!("{}, {} so far", next.unwrap_or_default(), vpn.rungs_climbed)
    };
    check(next(&desk), "its tunnel is bounced, at 1035.000s, 0 so far");
    desk.wait(secs(31));
    check(next(&desk), "its container is restarted, at 1065.000s, 1 so far");
    desk.wait(secs(60));
    check(next(&desk), "its container is restarted, at 1185.000s, 3 so far");
    assert_eq!(desk.vpn("gluetun2").next_rung, None);
}

#[test]
fn a_person_may_ask_for_a_bounce_or_a_restart_and_gets_one_answer() {
    let mut desk = Desk::at_rest(two_on_each());
    desk.hold("tell");
    desk.hold("restart gluetun2");
    let ask = |desk: &mut Desk, what| {
        desk.event(Event::Asked { request: RequestId(1), what });
        match desk.take_messages().as_slice() {
            [Message::Answer { request: RequestId(1), reply }] => reply.clone(),
            other => panic!("{other:?}"),
        }
    };
    assert!(matches!(ask(&mut desk, Request::BounceVpn(VpnId(0))), Reply::Accepted(_)));
    check(desk.waiting(), "tell gluetun to Stop");
    assert!(matches!(ask(&mut desk, Request::RestartVpn(VpnId(1))), Reply::Refused { code: "vpn_busy", .. }));
    desk.done("tell gluetun to Stop");
    desk.done("tell gluetun to Run");
    desk.wait(secs(20));
    assert!(matches!(ask(&mut desk, Request::RestartVpn(VpnId(1))), Reply::Accepted(_)));
    check(desk.waiting(), "restart gluetun2 within 10s");
    assert_eq!(ask(&mut desk, Request::RestartVpn(VpnId(7))), Reply::NotFound);
}

#[test]
fn a_tunnel_that_is_told_to_run_and_does_not_is_left_to_the_next_rung() {
    let mut desk = Desk::at_rest(two_on_each());
    desk.on("gluetun").tunnel_up = false;
    desk.on("gluetun").tunnel = Some(TunnelStatus::Stopped);
    desk.hold_mending();
    desk.wait(secs(200));
    check(
        desk.told_of("mending"),
        "
            1015s     mending VPN 'gluetun', its control server is told to run the tunnel: its tunnel is
                          stopped, and nobody else will start it (for 10.0 s)
            1030s     mending VPN 'gluetun', its control server is told to run the tunnel: its tunnel is
                          stopped, and nobody else will start it (for 25.0 s)
            1065s     mending VPN 'gluetun', its container is restarted: it stays failed (for 60.0 s)
        ",
    );
}

#[test]
fn a_start_that_is_refused_is_tried_again_ever_more_slowly() {
    let mut desk = Desk::at_rest(two_on_each());
    desk.hold("start gluetun");
    desk.host.stop("gluetun");
    desk.hear("gluetun", Happened::Died);
    desk.wait(secs(60));
    desk.refused("start gluetun", Refusal::Unexplained("no".into()));
    desk.wait(secs(150));
    check(
        desk.told_of("mending"),
        "
            1060s     mending VPN 'gluetun', its container is started: somebody stopped it and did not
                          start it again (for 60.0 s)
            1180s     mending VPN 'gluetun', its container is started: somebody stopped it and did not
                          start it again (for 180.0 s)
        ",
    );
}
