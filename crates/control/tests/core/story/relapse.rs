//! Relapse: a VPN that fails again soon after it recovered has to prove itself before it gets engines.

use crate::desk::{Desk, check, one_vpn, secs, two_on_each};
use control::docker::Happened;
use control::snapshot::BlockedCode;

impl Desk {
    /// The VPN's container is gone for ten seconds, long enough to lose its engines, and comes back.
    fn lose_vpn_for_ten_seconds(&mut self, name: &str) {
        self.host.stop(name);
        self.hear(name, Happened::Died);
        self.wait(secs(10));
        self.host.start(name);
        self.hear(name, Happened::Started);
    }

    /// For how long it has to stay healthy from now on until it gets engines.
    fn probation_s(&self, name: &str) -> Option<u64> {
        self.vpn(name).probation_until.map(|until| until.since(self.now()).as_secs())
    }
}

#[test]
fn after_its_first_recovery_a_vpn_gets_engines_at_once() {
    let mut desk = Desk::at_rest(two_on_each());
    desk.lose_vpn_for_ten_seconds("gluetun");
    assert_eq!(desk.probation_s("gluetun"), None);
    check(desk.fleet(), "gluetun: 1 2 | gluetun2: 3 4");
}

#[test]
fn after_a_relapse_its_share_is_kept_until_it_has_been_healthy_for_thirty_seconds() {
    let mut desk = Desk::at_rest(two_on_each());
    desk.lose_vpn_for_ten_seconds("gluetun");
    desk.wait(secs(100));
    desk.lose_vpn_for_ten_seconds("gluetun");
    desk.transcript();
    assert_eq!(desk.probation_s("gluetun"), Some(30));

    desk.wait(secs(29));
    check(desk.did(), "");
    check(desk.fleet(), "gluetun:  | gluetun2: 3 4");
    desk.wait(secs(1));
    check(
        desk.did(),
        "
        1150s     > create acestream-1 on gluetun http 19000 https 45000 (too few engines serve)
                  > create acestream-2 on gluetun http 19001 https 45001 (too few engines serve)
                  > start acestream-1 (it was created and not yet started)
                  > start acestream-2 (it was created and not yet started)
        ",
    );
}

#[test]
fn each_further_relapse_doubles_that_up_to_five_minutes() {
    let mut desk = Desk::at_rest(two_on_each());
    let mut probations = Vec::new();
    for _ in 0..70 {
        desk.lose_vpn_for_ten_seconds("gluetun");
        probations.push(desk.probation_s("gluetun"));
        desk.wait(secs(60));
    }
    assert_eq!(probations[..7], [None, Some(30), Some(60), Some(120), Some(240), Some(300), Some(300)]);
    assert!(probations[7..].iter().all(|probation| *probation == Some(300)), "{probations:?}");
}

#[test]
fn ten_quiet_minutes_make_up_for_everything() {
    let mut desk = Desk::at_rest(two_on_each());
    desk.lose_vpn_for_ten_seconds("gluetun");
    desk.wait(secs(60));
    desk.lose_vpn_for_ten_seconds("gluetun");
    desk.wait(secs(601));
    desk.lose_vpn_for_ten_seconds("gluetun");
    assert_eq!(desk.probation_s("gluetun"), None);
}

#[test]
fn while_the_only_vpn_is_on_probation_creation_waits_and_says_until_when() {
    let mut desk = Desk::at_rest(one_vpn(1));
    desk.lose_vpn_for_ten_seconds("gluetun");
    desk.wait(secs(100));
    desk.lose_vpn_for_ten_seconds("gluetun");
    desk.transcript();

    let blocked = desk.core.snapshot().blocked.expect("nothing is created yet");
    assert_ne!(blocked.code, BlockedCode::VpnDisconnected, "it is healthy: {}", blocked.message);
    assert_eq!(blocked.until.since(desk.now()), secs(30));
    desk.wait(secs(30));
    check(desk.fleet(), "gluetun: 1");
}
