//! What the operator has chosen, already parsed and checked. The core reads no environment.
//!
//! Fields carry the names of the settings that people know, in lower case; defaults are the documented ones.

use crate::ids::{Name, SpecHash};
use alloc::vec;
use alloc::vec::Vec;
use core::ops::RangeInclusive;
use core::time::Duration;

/// One configured VPN.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VpnSettings {
    /// The Gluetun container's name.
    pub container: Name,
    /// The HTTP ports its engines may use; without one it shares the pool that starts at 19000.
    pub ports: Option<RangeInclusive<u16>>,
}

/// Everything the core needs to be told once.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the settings reference explains each; the names are the same")]
pub struct Settings {
    /// In configuration order. Empty: engines use networks of their own.
    pub vpns: Vec<VpnSettings>,
    pub min_replicas: usize,
    pub min_free_replicas: usize,
    pub max_replicas: usize,
    pub max_active_replicas: usize,
    pub max_concurrent_provisions: usize,
    pub port_range_host: RangeInclusive<u16>,
    pub ace_https_range: RangeInclusive<u16>,

    pub monitor_interval: Duration,
    pub docker_timeout: Duration,
    pub docker_retries: u32,
    pub ping_interval: Duration,
    pub ping_timeout: Duration,

    pub gluetun_health_check_interval: Duration,
    pub gluetun_port_check_interval: Duration,
    pub gluetun_port_cache_ttl: Duration,
    pub gluetun_timeout: Duration,
    /// A control server answers an order when it is carried out.
    pub gluetun_tell_timeout: Duration,
    pub startup_timeout: Duration,
    pub collect_interval: Duration,
    pub max_streams_per_engine: usize,
    pub vpn_restart_engines_on_reconnect: bool,
    pub vpn_unhealthy_restart_timeout: Duration,
    pub vpn_recovery_stabilization: Duration,
    pub port_lost: Duration,
    /// How long an emergency holds until the surviving VPNs are the fleet; zero with EMERGENCY_REFILL.
    pub emergency_settle: Duration,

    pub health_check_interval: Duration,
    pub health_failure_threshold: u32,
    pub health_unhealthy_grace_period: Duration,
    pub health_replacement_cooldown: Duration,
    pub probe_timeout: Duration,

    /// How long a working engine is hidden before it is removed.
    pub handoff: Duration,
    /// How long an engine that has to go waits for its viewers.
    pub drain_timeout: Duration,
    pub auto_delete: bool,
    pub autoscale_interval: Duration,
    pub engine_grace_period: Duration,
    pub circuit_breaker_failure_threshold: u32,
    pub circuit_breaker_recovery_timeout: Duration,
    pub circuit_breaker_replacement_threshold: u32,
    pub circuit_breaker_replacement_timeout: Duration,

    /// The hash of image, variant and command that a new engine is created from.
    pub spec: SpecHash,
}

impl Settings {
    /// How long a started engine may take until its first good answer.
    pub fn boot_allowance(&self) -> Duration {
        self.health_check_interval * self.health_failure_threshold + self.health_unhealthy_grace_period
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            vpns: vec![],
            min_replicas: 1,
            min_free_replicas: 1,
            max_replicas: 20,
            max_active_replicas: 20,
            max_concurrent_provisions: 5,
            port_range_host: 19_000..=19_999,
            ace_https_range: 45_000..=49_999,
            monitor_interval: Duration::from_secs(10),
            docker_timeout: Duration::from_secs(30),
            docker_retries: 3,
            ping_interval: Duration::from_secs(2),
            ping_timeout: Duration::from_secs(2),
            gluetun_health_check_interval: Duration::from_secs(5),
            gluetun_port_check_interval: Duration::from_secs(10),
            gluetun_port_cache_ttl: Duration::from_secs(60),
            gluetun_timeout: Duration::from_secs(5),
            gluetun_tell_timeout: Duration::from_secs(15),
            startup_timeout: Duration::from_secs(25),
            collect_interval: Duration::from_secs(5),
            max_streams_per_engine: 1,
            vpn_restart_engines_on_reconnect: true,
            vpn_unhealthy_restart_timeout: Duration::from_secs(60),
            vpn_recovery_stabilization: Duration::from_secs(120),
            port_lost: Duration::from_secs(60),
            emergency_settle: Duration::from_secs(600),
            health_check_interval: Duration::from_secs(20),
            health_failure_threshold: 3,
            health_unhealthy_grace_period: Duration::from_secs(60),
            health_replacement_cooldown: Duration::from_secs(60),
            probe_timeout: Duration::from_secs(5),
            handoff: Duration::from_secs(25),
            drain_timeout: Duration::from_secs(30),
            auto_delete: false,
            autoscale_interval: Duration::from_secs(30),
            engine_grace_period: Duration::from_secs(30),
            circuit_breaker_failure_threshold: 5,
            circuit_breaker_recovery_timeout: Duration::from_secs(300),
            circuit_breaker_replacement_threshold: 3,
            circuit_breaker_replacement_timeout: Duration::from_secs(180),
            spec: SpecHash(0),
        }
    }
}
