//! The failovers that other troubles fall into the middle of, as one table.

use sim::story::{GLUETUN, GLUETUN2, Stage, Story, secs, two_vpns};
use sim::world::{Fault, HostFault, VpnFault};
use std::time::Duration;

/// A fault, and for how long it lasts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failover {
    pub(crate) fault: Fault,
    pub(crate) lasts: Duration,
}

/// Every way in which a VPN, or all of them, can be lost for a while.
pub(crate) const FAILOVERS: [Failover; 11] = [
    failover(VpnFault::Dies, 0),
    failover(VpnFault::Restarted, 0),
    failover(VpnFault::Killed, 3),
    failover(VpnFault::Killed, 30),
    failover(VpnFault::Stopped, 90),
    failover(VpnFault::Recreated, 2),
    failover(VpnFault::Paused, 30),
    failover(VpnFault::TunnelLost, 20),
    failover(VpnFault::TunnelLost, 90),
    failover(VpnFault::HealthLiesUnhealthy, 60),
    Failover { fault: Fault::Host(HostFault::UplinkLost), lasts: secs(30) },
];

const fn failover(fault: VpnFault, lasts: u64) -> Failover {
    Failover { fault: Fault::Vpn(GLUETUN, fault), lasts: secs(lasts) }
}

impl Failover {
    /// It begins now.
    pub(crate) fn befalls(self, story: &mut Story) {
        story.lasts_for(self.fault, self.lasts);
    }

    /// So many VPNs are lost.
    pub(crate) const fn vpns(self) -> u32 {
        if let Fault::Host(_) = self.fault { 2 } else { 1 }
    }

    /// However it went, the fleet is as it was: five and five, nothing left over, nothing of the other VPN
    /// touched.
    pub(crate) fn ends_well(self, story: &mut Story) {
        story.pass(self.lasts);
        story.until_at_rest();
        story.now().engines(10).offered_on(GLUETUN, 5).offered_on(GLUETUN2, 5).there_is_no_emergency();
        if let Fault::Vpn(..) = self.fault {
            story.now().no_engine_was_touched_on(GLUETUN2);
        }
    }
}

/// The first VPN has another network: its engines were restarted in place, but for the one whose forwarded
/// port went with the old network. That one was made anew at once, when no port was known yet; when one was, an
/// engine was created that carries it, as number 11 of 10, and the youngest idle one made place for it.
pub(crate) fn was_repaired_in_place(story: &mut Story) {
    story.until_settled();
    story.now().restarted_in_place(4).carriers_on(GLUETUN, 1).no_number_above(11);
    story.until_at_rest();
    let now = story.now().restarted_in_place(4).removed(2).created(2).no_engine_was_touched_on(GLUETUN2);
    now.offered_on(GLUETUN, 5).numbered(2..=11).http_ports_on(GLUETUN, 19_001..=19_005);
    story.now().carriers_on(GLUETUN, 1).offered(10).engines(10);
}

/// Two VPNs that get the same forwarded port again and again.
pub(crate) fn ports_are_kept() -> Stage {
    two_vpns().engines(10).weather(|weather| weather.port_kept_percent = 100)
}

/// The fleet that most stories begin with.
pub(crate) fn five_and_five() -> Story {
    let mut story = Story::of_settled(two_vpns().engines(10));
    story.now().offered_on(GLUETUN, 5).offered_on(GLUETUN2, 5).numbered(1..=10);
    story.now().carriers_on(GLUETUN, 1).carriers_on(GLUETUN2, 1);
    story
}
