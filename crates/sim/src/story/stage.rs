//! The stage of a story: the fleet it is about, in calm weather.

use crate::world::{Audience, Plan, Weather};
use control::Settings;
use control::ids::VpnId;
use std::time::Duration;

/// What a story begins with.
#[derive(Clone, Debug)]
pub struct Stage {
    pub(super) plan: Plan,
    pub(super) seed: u64,
}

/// Two VPNs that are up when acefleet starts, and no engine.
pub fn two_vpns() -> Stage {
    Stage { plan: Plan::calm(), seed: 0 }
}

/// One VPN that is up when acefleet starts, and no engine.
pub fn one_vpn() -> Stage {
    let mut stage = two_vpns();
    stage.plan.settings.vpns.truncate(1);
    stage.plan.dawns.truncate(1);
    stage
}

/// No VPN: engines have networks of their own.
pub fn without_vpn() -> Stage {
    let mut stage = one_vpn();
    stage.plan.settings.vpns.clear();
    stage.plan.dawns.clear();
    stage
}

impl Stage {
    /// MIN_REPLICAS.
    pub fn engines(self, count: usize) -> Self {
        self.settings(|settings| settings.min_replicas = count)
    }

    /// Other settings than the default ones.
    pub fn settings(mut self, choose: impl FnOnce(&mut Settings)) -> Self {
        choose(&mut self.plan.settings);
        self
    }

    /// Other times than those of calm weather.
    pub fn weather(mut self, choose: impl FnOnce(&mut Weather)) -> Self {
        choose(&mut self.plan.weather);
        self
    }

    /// The world has gone on for so long when acefleet starts.
    pub const fn begins_after(mut self, time: Duration) -> Self {
        self.plan.head_start = time;
        self
    }

    /// Another audience than nobody.
    pub fn audience(mut self, choose: impl FnOnce(&mut Audience)) -> Self {
        choose(&mut self.plan.audience);
        self
    }

    /// A VPN whose container is first run so long after acefleet has started.
    pub fn comes_late(mut self, vpn: VpnId, late: Duration) -> Self {
        self.plan.dawns[vpn.index()] = self.plan.head_start + late;
        self
    }

    /// A VPN whose container is first run so shortly before acefleet starts.
    pub fn comes_just_before(mut self, vpn: VpnId, early: Duration) -> Self {
        self.plan.dawns[vpn.index()] = self.plan.head_start - early;
        self
    }

    /// Another seed, for everything that is drawn.
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }
}
