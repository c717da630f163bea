//! Troubles that never end: each alone is harmless, and none keeps the fleet from getting over a failover.

use crate::failovers::{FAILOVERS, Failover, five_and_five};
use sim::story::{GLUETUN, Story, one_vpn};
use sim::world::{DockerFault, Fault, VpnFault};

const NUISANCES: [Fault; 8] = [
    Fault::Vpn(GLUETUN, VpnFault::HealthLiesHealthy),
    Fault::Vpn(GLUETUN, VpnFault::HealthLiesUnhealthy),
    Fault::Vpn(GLUETUN, VpnFault::HealthSlow),
    Fault::Vpn(GLUETUN, VpnFault::ServerUnauthorized),
    Fault::Vpn(GLUETUN, VpnFault::ServerSlow),
    Fault::Vpn(GLUETUN, VpnFault::ServerDown),
    Fault::Docker(DockerFault::StreamCut),
    Fault::Docker(DockerFault::DeniesAndDoes),
];

fn each_failover_with_each_nuisance(begins: impl Fn() -> Story, ends_well: impl Fn(Failover, &mut Story)) {
    for nuisance in NUISANCES {
        for failover in FAILOVERS {
            if matches!(failover.fault, Fault::Vpn(_, VpnFault::HealthLiesUnhealthy)) {
                // It is one of the nuisances, and cannot come on top of another lie.
                continue;
            }
            let mut story = begins();
            story.chapter(format!("{failover:?}, while {nuisance:?} does not end"));
            story.begins(nuisance);
            failover.befalls(&mut story);
            ends_well(failover, &mut story);
        }
    }
}

#[test]
fn the_fleet_gets_over_each_failover_with_each_nuisance() {
    each_failover_with_each_nuisance(five_and_five, Failover::ends_well);
}

#[test]
fn a_fleet_of_one_vpn_gets_over_each_failover_with_each_nuisance() {
    each_failover_with_each_nuisance(
        || Story::of_settled(one_vpn().engines(5)),
        |failover, story| {
            story.pass(failover.lasts);
            story.until_at_rest();
            story.now().engines(5).offered(5).there_is_no_emergency();
        },
    );
}
