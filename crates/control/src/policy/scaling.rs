//! How many engines there should be.

use super::ports::http_range;
use crate::ids::VpnId;
use crate::settings::Settings;
use alloc::vec::Vec;

/// The most containers that may exist: the operator's limits, and the ports there are.
pub fn limit(settings: &Settings) -> usize {
    let mut limit = settings.max_replicas;
    let ports = if settings.vpns.is_empty() {
        settings.port_range_host.len()
    } else {
        limit = limit.min(settings.max_active_replicas);
        ports_of_vpns(settings)
    };
    limit.min(ports)
}

/// The HTTP ports that engines on VPNs may get; ranges may overlap, and VPNs without one share a pool. Counted by
/// ranges: this is asked for with every decision, and there are more ports than VPNs.
fn ports_of_vpns(settings: &Settings) -> usize {
    let vpns = (0..).map(VpnId).take(settings.vpns.len());
    let ranges = vpns.map(|vpn| http_range(Some(vpn), settings)).filter(|range| !range.is_empty());
    let mut ranges: Vec<_> =
        ranges.map(|range| (usize::from(*range.start()), usize::from(*range.end()) + 1)).collect();
    ranges.sort_unstable();
    let (mut ports, mut counted_to) = (0, 0);
    for (start, end) in ranges {
        ports += end.saturating_sub(start.max(counted_to));
        counted_to = counted_to.max(end);
    }
    ports
}

/// How many engines should serve.
///
/// In an emergency the minimum is not chased: the failed VPN's engines would be there twice when it comes
/// back. Free capacity for new viewers is kept all the same.
pub fn desired(settings: &Settings, used: usize, emergency: bool, limit: usize) -> usize {
    let free_kept = used + settings.min_free_replicas;
    let wanted = if emergency { free_kept } else { free_kept.max(settings.min_replicas) };
    wanted.min(limit)
}
