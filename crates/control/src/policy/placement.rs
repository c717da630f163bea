//! On which VPN a new engine goes: the healthy one with the fewest, in configuration order when equal.

use super::failover;
use crate::ids::VpnId;
use crate::mark::{Mark, Marks};
use crate::time::Time;
use crate::vpn::{Verdict, Vpn};
use core::time::Duration;

/// How long at a cold start the share of a VPN that is not ready yet is kept for it.
pub const COLD_START_WAIT: Duration = Duration::from_secs(60);

/// What is on one VPN: counted once for each decision, and as creations are decided.
#[derive(Clone, Copy, Default, Debug)]
pub struct Load {
    /// Engines that serve.
    pub serving: usize,
    /// Engines on their way, creations included.
    pub coming: usize,
    /// It has no port left for another engine.
    pub full: bool,
}

impl Load {
    const fn total(self) -> usize {
        self.serving + self.coming
    }
}

/// An engine is not created for so long after its VPN became healthy if its forwarded port is just being asked
/// for: one that is created with the port need not be replaced by one that is.
pub const PORT_AWAITED: Duration = Duration::from_secs(1);

/// Until when the first engine on a VPN that has just become healthy waits for the answer about its port.
pub fn awaits_port(vpn: &Vpn, now: Time) -> Option<Time> {
    let until = vpn.verdict_since + PORT_AWAITED;
    (vpn.is_healthy() && vpn.port.is_none() && vpn.asking_ports.is_some() && now < until).then_some(until)
}

/// When a healthy VPN may be given engines; `None` if at once.
fn opens_at(vpn: &Vpn, now: Time) -> Option<Time> {
    failover::probation_ends(vpn, now).max(awaits_port(vpn, now))
}

/// Whether new engines may be placed on a VPN now.
pub fn admits(vpn: &Vpn, now: Time) -> bool {
    vpn.draining.is_none() && vpn.is_healthy() && opens_at(vpn, now).is_none()
}

/// The VPN that gets the next engine.
pub fn choose(vpns: &[Vpn], loads: &[Load], now: Time) -> Option<VpnId> {
    let open = vpns.iter().zip(loads).filter(|(vpn, load)| admits(vpn, now) && !load.full);
    open.min_by_key(|(vpn, load)| (load.total(), vpn.id)).map(|(vpn, _)| vpn.id)
}

/// Engines that are better left to VPNs which will be ready soon: pending at a cold start, or healthy and on
/// probation. Without this they would be created elsewhere and the fleet be lopsided.
pub fn kept_back(
    vpns: &[Vpn],
    loads: &[Load],
    desired: usize,
    began: Time,
    now: Time,
    marks: &Marks,
) -> usize {
    if !vpns.iter().any(|vpn| vpn.is_healthy() && failover::probation_ends(vpn, now).is_none()) {
        return 0;
    }
    let cold = now.since(began) < COLD_START_WAIT;
    let share = |vpn: &Vpn| {
        let larger = vpn.id.index() < desired % vpns.len();
        desired / vpns.len() + usize::from(larger)
    };
    let soon = |vpn: &Vpn| match vpn.verdict {
        Verdict::Pending => cold,
        Verdict::Healthy => opens_at(vpn, now).is_some(),
        Verdict::Failed => false,
    };
    let kept = vpns
        .iter()
        .zip(loads)
        .filter(|(vpn, _)| vpn.draining.is_none() && soon(vpn))
        .map(|(vpn, load)| share(vpn).saturating_sub(load.total()))
        .sum();
    if kept > 0 {
        marks.hit(Mark::ShareKeptForPending);
    }
    kept
}
