//! Emergency: some VPN has failed, and the others carry on.

use crate::desk::{Desk, check, host_with, one_vpn, secs, two_on_each, two_vpns, vpn};
use control::Settings;
use control::docker::Happened;
use control::ids::Name;

impl Desk {
    fn emergency(&self) -> String {
        let view = self.core.snapshot().emergency;
        let list = |names: &[Name]| names.iter().map(Name::as_str).collect::<Vec<_>>().join(" ");
        let since = view.entered_at.map_or("inactive".into(), |at| format!("since {at}"));
        format!("{since}; failed: {}; healthy: {}", list(&view.failed), list(&view.healthy))
    }

    fn stop_vpn(&mut self, name: &str) {
        self.host.stop(name);
        self.hear(name, Happened::Died);
    }

    fn start_vpn(&mut self, name: &str) {
        self.host.start(name);
        self.hear(name, Happened::Started);
    }
}

#[test]
fn it_is_entered_when_a_vpn_fails_and_left_when_none_is_failed_any_more() {
    let mut desk = Desk::at_rest(two_vpns());
    desk.stop_vpn("gluetun2");
    check(
        desk.told(),
        "
        1000s     VPN 'gluetun2' failed: its container has exited; its engines are removed in 5.0 s
                      unless it is back
                  entering emergency mode: VPN 'gluetun2' failed, VPN 'gluetun' is healthy
                  engine acestream-6 is hidden: its VPN's network is gone
                  engine acestream-7 is hidden: its VPN's network is gone
                  engine acestream-8 is hidden: its VPN's network is gone
                  engine acestream-9 is hidden: its VPN's network is gone
                  engine acestream-10 is hidden: its VPN's network is gone
        ",
    );
    check(desk.emergency(), "since 1000.000s; failed: gluetun2; healthy: gluetun");

    desk.wait(secs(20));
    desk.told();
    desk.start_vpn("gluetun2");
    check(
        desk.told(),
        "
        1020s     VPN 'gluetun2' has a new network; its engines are repaired once it is healthy
                  VPN 'gluetun2' is healthy: Docker says healthy; what is missing is created
                  leaving emergency mode (it lasted 20.0 s); what is missing is created
                  creating engine acestream-6 on VPN 'gluetun2': too few engines serve (5 of 10
                      wanted, 0 coming); its first good answer is due within 120.0 s
                  creating engine acestream-7 on VPN 'gluetun2': too few engines serve (5 of 10
                      wanted, 0 coming); its first good answer is due within 120.0 s
                  creating engine acestream-8 on VPN 'gluetun2': too few engines serve (5 of 10
                      wanted, 0 coming); its first good answer is due within 120.0 s
                  creating engine acestream-9 on VPN 'gluetun2': too few engines serve (5 of 10
                      wanted, 0 coming); its first good answer is due within 120.0 s
                  creating engine acestream-10 on VPN 'gluetun2': too few engines serve (5 of 10
                      wanted, 0 coming); its first good answer is due within 120.0 s
                  starting engine acestream-6: it was created and not yet started; its first good
                      answer is due within 120.0 s
                  starting engine acestream-7: it was created and not yet started; its first good
                      answer is due within 120.0 s
                  starting engine acestream-8: it was created and not yet started; its first good
                      answer is due within 120.0 s
                  starting engine acestream-9: it was created and not yet started; its first good
                      answer is due within 120.0 s
                  starting engine acestream-10: it was created and not yet started; its first good
                      answer is due within 120.0 s
                  engine acestream-6 is offered
                  engine acestream-7 is offered
                  engine acestream-8 is offered
                  engine acestream-9 is offered
                  engine acestream-10 is offered
        ",
    );
    check(desk.emergency(), "inactive; failed: ; healthy: gluetun gluetun2");
    check(desk.fleet(), "gluetun: 1 2 3 4 5 | gluetun2: 6 7 8 9 10");
}

#[test]
fn the_minimum_is_not_chased_but_room_for_new_viewers_is_kept() {
    let mut desk = Desk::at_rest(Settings { min_free_replicas: 3, ..two_on_each() });
    desk.hold_mending();
    desk.stop_vpn("gluetun2");
    desk.wait(secs(300));
    check(
        desk.did(),
        "
        1000s     > create acestream-3 on gluetun http 19002 https 45002 (too few engines serve)
                  > start acestream-3 (it was created and not yet started)
        1005s     > remove acestream-4 (its VPN's network is gone)
                  > remove acestream-5 (its VPN's network is gone)
        1060s     > start gluetun2 (somebody stopped it and did not start it again)
        ",
    );
    check(desk.fleet(), "gluetun: 1 2 3 | gluetun2:");
}

#[test]
fn it_is_not_entered_while_no_vpn_is_healthy() {
    let mut desk = Desk::at_rest(one_vpn(1));
    desk.stop_vpn("gluetun");
    desk.wait(secs(1));
    check(desk.emergency(), "inactive; failed: gluetun; healthy:");
    check(
        desk.told(),
        "
        1000s     VPN 'gluetun' failed: its container has exited; its engines are removed in 5.0 s
                      unless it is back
                  engine acestream-1 is hidden: its VPN's network is gone
                  no engine can be created now: no VPN is healthy; what is missing is created
        ",
    );
}

#[test]
fn once_entered_it_lasts_until_all_vpns_are_back_even_if_the_last_one_fails_too() {
    let mut desk = Desk::at_rest(two_on_each());
    desk.stop_vpn("gluetun");
    desk.stop_vpn("gluetun2");
    desk.wait(secs(1));
    check(desk.emergency(), "since 1000.000s; failed: gluetun gluetun2; healthy:");

    desk.start_vpn("gluetun");
    check(desk.emergency(), "since 1000.000s; failed: gluetun2; healthy: gluetun");
    desk.start_vpn("gluetun2");
    check(desk.emergency(), "inactive; failed: ; healthy: gluetun gluetun2");
}

#[test]
fn vpns_that_are_all_down_from_the_beginning_are_no_emergency_until_one_is_up() {
    let mut host = host_with(&["gluetun", "gluetun2"]);
    host.stop("gluetun");
    host.stop("gluetun2");
    let mut desk = Desk::in_sight(two_on_each(), host);
    desk.hold_mending();
    desk.wait(secs(100));
    check(desk.emergency(), "inactive; failed: gluetun gluetun2; healthy:");

    desk.start_vpn("gluetun2");
    check(desk.emergency(), "since 100.000s; failed: gluetun; healthy: gluetun2");
}

#[test]
fn of_three_vpns_the_two_healthy_ones_carry_on() {
    let settings = Settings {
        vpns: vec![vpn("a", None), vpn("b", None), vpn("c", None)],
        min_replicas: 3,
        ..Settings::default()
    };
    let mut desk = Desk::at_rest(settings);
    desk.stop_vpn("b");
    check(desk.emergency(), "since 1000.000s; failed: b; healthy: a c");
    desk.stop_vpn("a");
    check(desk.emergency(), "since 1000.000s; failed: a b; healthy: c");
    check(
        desk.told(),
        "
        1000s     VPN 'b' failed: its container has exited; its engines are removed in 5.0 s unless
                      it is back
                  entering emergency mode: VPN 'b' failed, VPNs 'a' and 'c' are healthy
                  engine acestream-2 is hidden: its VPN's network is gone
                  VPN 'a' failed: its container has exited; its engines are removed in 5.0 s unless
                      it is back
                  engine acestream-1 is hidden: its VPN's network is gone
        ",
    );
}
