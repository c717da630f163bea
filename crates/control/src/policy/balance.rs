//! Whether engines should move from one healthy VPN to another. Engines with viewers never do.

use super::placement::{Load, admits};
use crate::ids::VpnId;
use crate::settings::Settings;
use crate::time::Time;
use crate::vpn::Vpn;
use core::cmp::Reverse;

/// Two VPNs that differ by so many engines are as even as can be.
const TOLERATED: usize = 1;

/// The fuller and the emptier of two VPNs that are out of balance: from the one an engine can be moved, as
/// `movable` tells, and on the other there is room. VPNs that have just recovered are left alone.
///
/// `has_come` says that an engine has already been created on the emptier one: so the fuller one gives one up
/// though they differ by one only, and no room is needed.
pub fn out_of_balance(
    vpns: &[Vpn],
    loads: &[Load],
    movable: &[bool],
    has_come: bool,
    now: Time,
    settings: &Settings,
) -> Option<(VpnId, VpnId)> {
    let settled = |vpn: &&Vpn| {
        admits(vpn, now) && vpn.stable_at(now, settings.vpn_recovery_stabilization).is_none_or(|at| at <= now)
    };
    let serving = |vpn: &Vpn| loads[vpn.id.index()].serving;
    let fuller = vpns
        .iter()
        .filter(settled)
        .filter(|vpn| movable[vpn.id.index()])
        .max_by_key(|vpn| (serving(vpn), Reverse(vpn.id)))?;
    let emptier = vpns
        .iter()
        .filter(settled)
        .filter(|vpn| has_come || !loads[vpn.id.index()].full)
        .min_by_key(|vpn| (serving(vpn), vpn.id))?;
    let tolerated = if has_come { 0 } else { TOLERATED };
    (serving(fuller) > serving(emptier) + tolerated).then_some((fuller.id, emptier.id))
}
