//! How many engines there should be.

use super::ports::http_range;
use crate::ids::VpnId;
use crate::settings::Settings;
use alloc::collections::BTreeSet;

/// The most containers that may exist: the operator's limits, and the ports there are.
pub fn limit(settings: &Settings) -> usize {
    let mut limit = settings.max_replicas;
    let ports = if settings.vpns.is_empty() {
        settings.port_range_host.len()
    } else {
        limit = limit.min(settings.max_active_replicas);
        let vpns = 0..u16::try_from(settings.vpns.len()).unwrap_or(u16::MAX);
        vpns.flat_map(|vpn| http_range(Some(VpnId(vpn)), settings)).collect::<BTreeSet<_>>().len()
    };
    limit.min(ports)
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
