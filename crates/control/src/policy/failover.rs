//! What follows when a VPN fails or recovers: emergency, hold, and how far a VPN is trusted afterwards.

use crate::engine::Engine;
use crate::settings::Settings;
use crate::time::{Stamp, Time};
use crate::vpn::Vpn;
use core::cmp::Reverse;
use core::time::Duration;

/// A failed VPN that runs again within this time keeps its engines: they are restarted in place.
pub const NETWORK_GONE_GRACE: Duration = Duration::from_secs(5);
/// A VPN that fails again within this time after recovering has to prove itself before it gets engines.
pub const RELAPSE_WINDOW: Duration = Duration::from_secs(600);
const PROBATION_FIRST_S: u64 = 30;
const PROBATION_MAX_S: u64 = 300;

/// Whether emergency holds: entered when some VPN is failed while another is healthy, left when none is failed.
pub fn emergency(active: bool, vpns: &[Vpn]) -> bool {
    let failed = vpns.iter().any(Vpn::is_failed);
    failed && (active || vpns.iter().any(Vpn::is_healthy))
}

/// Whether a failure counts as a relapse: the VPN had only just recovered.
pub fn relapses(vpn: &Vpn, now: Time) -> bool {
    vpn.recovered_at.is_some_and(|recovered| now.since(recovered) <= RELAPSE_WINDOW)
}

/// When a healthy VPN may be given engines again; `None` if at once.
pub fn probation_ends(vpn: &Vpn, now: Time) -> Option<Time> {
    let doublings = vpn.relapses.checked_sub(1)?;
    let wait_s = PROBATION_FIRST_S.saturating_mul(2_u64.saturating_pow(doublings)).min(PROBATION_MAX_S);
    let ends = vpn.recovered_at? + Duration::from_secs(wait_s);
    (ends > now).then_some(ends)
}

/// Since when some VPN has been healthy.
pub fn healthy_since(vpns: &[Vpn]) -> Option<Time> {
    vpns.iter().filter(|vpn| vpn.is_healthy()).map(|vpn| vpn.verdict_since).min()
}

/// When a failed VPN's engines are given up; `None` while there is no healthy VPN to carry on. What fails
/// together usually recovers together, so a VPN that has only just recovered does not condemn the others.
pub fn given_up_at(vpn: &Vpn, healthy_since: Option<Time>, settings: &Settings) -> Option<Time> {
    let since = vpn.failure?.at.max(healthy_since?);
    Some(since + settings.vpn_unhealthy_restart_timeout)
}

/// What is lost with an engine: whether it is watched, a carrier, and works; then its age, and its number.
pub type Harm = (bool, bool, bool, Reverse<(Stamp, Time)>, Reverse<u32>);

/// The order in which engines are given up: least harm first, and of the same the youngest. Their age is Docker's,
/// because what this life has seen first may have been created last; one that Docker has told nothing of yet is
/// the youngest. The last one of a held VPN is its witness.
pub fn least_harm(engine: &Engine, now: Time) -> Harm {
    let watched = engine.is_used(now);
    let works = engine.answers.proven && engine.answers.failures == 0;
    let number = super::naming::number(&engine.name).unwrap_or(u32::MAX);
    let age = Reverse((engine.created_at.unwrap_or(Stamp::MAX), engine.first_seen));
    (watched, engine.is_carrier(), works, age, Reverse(number))
}
