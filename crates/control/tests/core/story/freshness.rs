//! Freshness: what was asked before something happened says nothing about what is now, and what Docker tells may
//! come late, twice, out of order or never.

use crate::desk::{Desk, check, host_with, no_vpn, one_vpn, secs, two_on_each};
use control::Event;
use control::docker::{Happened, Health};
use control::event::{Outcome, Report, TunnelStatus};
use control::mark::Mark;

impl Desk {
    /// How often something was discarded as a stale notice, a stale reading, or one from before a switch.
    fn discarded(&self) -> [u32; 3] {
        let marks = self.core.marks();
        [Mark::StaleNotice, Mark::StaleReading, Mark::StaleEpoch].map(|mark| marks.count(mark))
    }
}

#[test]
fn a_listing_that_was_asked_for_earlier_says_nothing_about_a_container_created_since() {
    let mut desk = Desk::at_rest(no_vpn(2));
    desk.hold("list");
    desk.wait(secs(10));
    let before = desk.carried_out("list");
    desk.wait(secs(1));
    desk.hear_gone("acestream-2");
    desk.transcript();
    desk.wait(secs(1));

    // It shows the second engine as it was, and not the one that has taken its name and port.
    desk.answered("list", before);
    check(desk.transcript(), "");
    check(desk.asked_for("inspect"), "");
    check(desk.fleet(), "outside: 1 2");
}

#[test]
fn a_container_that_is_gone_is_not_brought_back_by_what_was_asked_before() {
    let mut desk = Desk::at_rest(no_vpn(1));
    desk.hold("inspect acestream-1");
    desk.hear("acestream-1", Happened::Renamed);
    let before = desk.carried_out("inspect acestream-1");
    desk.wait(secs(1));
    desk.hear_gone("acestream-1");
    desk.transcript();
    desk.answered("inspect acestream-1", before);
    check(desk.transcript(), "");

    // The one that is shown is its successor, which waits for an inspection of its own.
    check(desk.fleet(), "outside: (1)");
    desk.let_go("inspect acestream-1");
    check(desk.fleet(), "outside: 1");
}

#[test]
fn an_inspection_that_was_asked_before_an_exit_is_repeated() {
    let mut desk = Desk::at_rest(no_vpn(1));
    desk.hold("inspect acestream-1");
    desk.hear("acestream-1", Happened::Renamed);
    let before = desk.carried_out("inspect acestream-1");
    desk.wait(secs(1));
    desk.host.stop("acestream-1");
    desk.hear("acestream-1", Happened::Died);

    desk.answered("inspect acestream-1", before);
    check(desk.hidden(), "acestream-1: it does not run, next step at 1031s");
    check(desk.waiting(), "inspect acestream-1");
    desk.let_go("inspect acestream-1");
    desk.wait(secs(5));
    check(
        desk.did(),
        "
        1006s     > start acestream-1 (it stopped running and Docker did not bring it back)
        ",
    );
}

#[test]
fn an_inspection_of_a_vpn_that_was_asked_before_its_end_does_not_revive_it() {
    let mut desk = Desk::at_rest(one_vpn(1));
    desk.hold("inspect gluetun by name");
    desk.wait(secs(5));
    let before = desk.carried_out("inspect gluetun by name");
    desk.wait(secs(1));
    desk.host.stop("gluetun");
    desk.hear("gluetun", Happened::Died);
    desk.told();

    desk.answered("inspect gluetun by name", before);
    check(desk.told(), "");
    check(desk.waiting(), "inspect gluetun by name");
    assert_eq!(desk.discarded(), [0, 1, 0]);
}

#[test]
fn what_an_engine_answered_in_another_network_or_another_life_is_discarded() {
    let mut desk = Desk::at_rest(one_vpn(1));
    desk.hold("probe");
    desk.wait(secs(22));
    let connected = desk.carried_out("probe acestream-1");
    desk.host.start("gluetun");
    desk.hear("gluetun", Happened::Started);
    desk.answered("probe acestream-1", connected.clone());

    // It has been restarted since, and has not answered in the new network.
    check(desk.fleet(), "gluetun: (1)");
    assert_eq!(desk.discarded(), [0, 0, 1]);
    assert_eq!(desk.engine("acestream-1").last_health_check, None);

    desk.host.start("acestream-1");
    desk.hear("acestream-1", Happened::Started);
    desk.answered("probe acestream-1", connected);
    check(desk.fleet(), "gluetun: (1)");
    assert_eq!(desk.discarded(), [0, 0, 2]);
}

#[test]
fn a_port_that_was_asked_for_before_a_failure_is_forgotten_with_it() {
    let mut desk = Desk::at_rest(one_vpn(1));
    desk.hold("ask gluetun for its ports");
    desk.wait(secs(10));
    let before = desk.carried_out("ask gluetun for its ports");
    desk.on("gluetun").tunnel_up = false;
    desk.on("gluetun").health = Health::Unhealthy;
    desk.wait(secs(5));
    desk.told();
    desk.answered("ask gluetun for its ports", before);

    check(desk.told(), "");
    assert_eq!(desk.vpn("gluetun").forwarded_port, None);
}

#[test]
fn what_a_control_server_said_of_its_tunnel_before_a_restart_is_discarded() {
    let mut desk = Desk::at_rest(one_vpn(1));
    desk.hold("ask gluetun for its tunnel");
    desk.wait(secs(5));
    desk.host.start("gluetun");
    desk.hear("gluetun", Happened::Started);
    desk.transcript();
    desk.answered("ask gluetun for its tunnel", Outcome::Done(Report::Tunnel(TunnelStatus::Crashed)));
    check(desk.told(), "");
    check(desk.fleet(), "gluetun: 1");
}

#[test]
fn a_late_word_of_an_exit_that_is_over_changes_nothing() {
    let mut desk = Desk::at_rest(two_on_each());
    let engine_died = desk.notice("acestream-1", Happened::Died);
    let vpn_died = desk.notice("gluetun2", Happened::Died);
    desk.host.start("acestream-1");
    desk.hear("acestream-1", Happened::Started);
    desk.host.start("gluetun2");
    desk.hear("gluetun2", Happened::Started);
    desk.transcript();

    desk.event(Event::Docker(engine_died));
    desk.event(Event::Docker(vpn_died));
    check(desk.transcript(), "");
    check(desk.fleet(), "gluetun: 1 2 | gluetun2: 3 4");
    assert_eq!(desk.discarded()[0], 2);
}

#[test]
fn what_is_told_of_a_vpns_former_container_does_not_touch_its_present_one() {
    let mut desk = Desk::at_rest(one_vpn(1));
    let died = desk.notice("gluetun", Happened::Died);
    let destroyed = desk.notice("gluetun", Happened::Destroyed);
    desk.host.recreate("gluetun");
    desk.hear("gluetun", Happened::Started);
    desk.transcript();

    desk.event(Event::Docker(died));
    desk.event(Event::Docker(destroyed));
    check(desk.transcript(), "");
    assert_eq!(desk.discarded()[0], 2);
}

#[test]
fn everything_may_be_told_twice() {
    let mut desk = Desk::at_rest(two_on_each());
    desk.host.stop("gluetun");
    let died = desk.notice("gluetun", Happened::Died);
    desk.event(Event::Docker(died.clone()));
    desk.event(Event::Docker(died));
    desk.host.start("gluetun");
    let started = desk.notice("gluetun", Happened::Started);
    desk.event(Event::Docker(started.clone()));
    desk.event(Event::Docker(started));
    let gone = desk.notice("acestream-1", Happened::Destroyed);
    desk.host.remove("acestream-1");
    desk.event(Event::Docker(gone.clone()));
    desk.event(Event::Docker(gone));
    check(
        desk.transcript(),
        "
        1000s     VPN 'gluetun' failed: its container has exited; its engines are removed in 5.0 s
                      unless it is back
                  entering emergency mode: VPN 'gluetun' failed, VPN 'gluetun2' is healthy
                  engine acestream-1 is hidden: its VPN's network is gone
                  engine acestream-2 is hidden: its VPN's network is gone
                  VPN 'gluetun' has a new network; its engines are repaired once it is healthy
                  VPN 'gluetun' is healthy: Docker says healthy; what is missing is created
                  leaving emergency mode (it lasted 0.0 s); what is missing is created
                  restarting engine acestream-1 in place: its VPN has a new network that it can
                      join; its first good answer is due within 120.0 s
                  > restart acestream-1 (its VPN has a new network that it can join)
                  restarting engine acestream-2 in place: its VPN has a new network that it can
                      join; its first good answer is due within 120.0 s
                  > restart acestream-2 (its VPN has a new network that it can join)
                  engine acestream-1 is offered
                  engine acestream-2 is offered
                  engine acestream-1 is gone: by a foreign hand
                  creating engine acestream-1 on VPN 'gluetun': too few engines serve (3 of 4
                      wanted, 0 coming); its first good answer is due within 120.0 s
                  > create acestream-1 on gluetun http 19000 https 45000 (too few engines serve)
                  starting engine acestream-1: it was created and not yet started; its first good
                      answer is due within 120.0 s
                  > start acestream-1 (it was created and not yet started)
                  engine acestream-1 is offered
        ",
    );
}

#[test]
fn what_is_told_of_containers_that_nobody_knows_changes_nothing() {
    let mut desk = Desk::at_rest(one_vpn(1));
    desk.host.run_stranger("postgres", &[5_432]);
    for happened in
        [Happened::Created, Happened::Started, Happened::HealthIs(Health::Unhealthy), Happened::Died]
    {
        desk.hear("postgres", happened);
    }
    desk.hear_gone("postgres");
    let ours = desk.host.add_engine("acestream-9", &[]).id;
    desk.hear_gone("acestream-9");
    check(desk.transcript(), "");
    assert!(desk.core.engines().all(|engine| engine.id != ours));
}

#[test]
fn an_engine_that_was_renamed_frees_its_name() {
    let mut desk = Desk::at_rest(no_vpn(2));
    desk.on("acestream-1").name = "favourite".into();
    desk.hear("favourite", Happened::Renamed);
    desk.hear_gone("acestream-2");
    check(
        desk.did(),
        "
        1000s     > create acestream-1 outside http 19001 https 45001 (too few engines serve)
                  > start acestream-1 (it was created and not yet started)
        ",
    );
    check(desk.fleet(), "outside: favourite 1");
}

#[test]
fn a_strangers_name_is_taken_from_the_moment_it_is_told_of_until_it_is_gone() {
    let mut desk = Desk::at_rest(no_vpn(2));
    desk.hold("list");
    desk.host.run_stranger("acestream-3", &[]);
    desk.hear("acestream-3", Happened::Started);
    desk.on("acestream-1").answers = false;
    desk.wait(secs(66));
    check(
        desk.did(),
        "
        1050.854s > create acestream-4 outside http 19002 https 45002 (another one does not answer)
                  > start acestream-4 (it was created and not yet started)
        ",
    );

    desk.hear_gone("acestream-3");
    desk.on("acestream-2").answers = false;
    desk.wait(secs(66));
    check(
        desk.did(),
        "
        1110.854s > remove acestream-1 (it has not answered for too long)
        1121.153s > create acestream-1 outside http 19000 https 45000 (another one does not answer)
                  > start acestream-1 (it was created and not yet started)
        ",
    );
}

#[test]
fn a_vpn_that_comes_into_being_is_recognised_by_its_name() {
    let mut host = host_with(&["gluetun"]);
    host.remove("gluetun");
    let mut desk = Desk::in_sight(one_vpn(1), host);
    desk.transcript();
    desk.host.run_vpn("gluetun");
    desk.hear("gluetun", Happened::Started);
    check(
        desk.told(),
        "
        0s        VPN 'gluetun' has been found; its engines are repaired once it is healthy
                  VPN 'gluetun' is healthy: Docker says healthy; what is missing is created
                  creating engine acestream-1 on VPN 'gluetun': too few engines serve (0 of 1
                      wanted, 0 coming); its first good answer is due within 120.0 s
                  starting engine acestream-1: it was created and not yet started; its first good
                      answer is due within 120.0 s
                  engine acestream-1 is offered
        ",
    );
}
