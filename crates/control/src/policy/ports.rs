//! Which ports a new engine gets.
//!
//! HTTP ports are unique over the whole fleet, because clients name engines by `localhost:port`. All ports of
//! one network stack are distinct, whatever they are for. A port is held until its container is gone.

use crate::command::Ports;
use crate::ids::VpnId;
use crate::settings::Settings;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::ops::RangeInclusive;

/// The first port of the pool that VPNs without a range of their own share.
const SHARED_POOL_START: u16 = 19_000;

/// Ports that are taken, by containers of ours in any state and by operations that are not settled.
#[derive(Clone, Debug, Default)]
pub struct PortsHeld {
    /// HTTP ports, wherever the engine lives.
    http: BTreeSet<u16>,
    /// All ports by stack; engines without a VPN have a stack each and clash only on the host.
    stacks: BTreeSet<(Option<VpnId>, u16)>,
}

impl PortsHeld {
    /// Takes the ports of an engine on `vpn`.
    pub fn take(&mut self, vpn: Option<VpnId>, ports: Ports) {
        self.http.insert(ports.http);
        let all = [Some(ports.http), ports.https, ports.p2p];
        self.stacks.extend(all.into_iter().flatten().map(|port| (vpn, port)));
    }

    /// Takes a port of the host that something other than an engine publishes.
    pub fn take_on_host(&mut self, port: u16) {
        self.stacks.insert((None, port));
    }

    /// Ports for a new engine on `vpn`, which are taken then; `None` if the range is used up.
    pub fn allocate(&mut self, vpn: Option<VpnId>, p2p: Option<u16>, settings: &Settings) -> Option<Ports> {
        self.allocate_preferring(vpn, p2p, None, settings)
    }

    /// The same, with this HTTP port if it is in the range and free.
    pub fn allocate_preferring(
        &mut self,
        vpn: Option<VpnId>,
        p2p: Option<u16>,
        preferred: Option<u16>,
        settings: &Settings,
    ) -> Option<Ports> {
        let free = |port: u16| !self.stacks.contains(&(vpn, port)) && Some(port) != p2p;
        let free_http = |port: &u16| !self.http.contains(port) && free(*port);
        let mut range = http_range(vpn, settings);
        let preferred = preferred.filter(|port| range.contains(port)).filter(free_http);
        let http = preferred.or_else(|| range.find(free_http))?;
        let https = settings.ace_https_range.clone().find(|port| free(*port) && *port != http);
        let ports = Ports { http, https, p2p };
        self.take(vpn, ports);
        Some(ports)
    }

    /// A port of the host for a container that is no engine, which is taken then: the one that it has to be, or the
    /// lowest free one. Never one that engines may get on a VPN: that publishes it, or will when it is back.
    pub fn allocate_on_host(&mut self, wished: Option<u16>, settings: &Settings) -> Option<u16> {
        let ids = (0..).map(VpnId).take(settings.vpns.len());
        let of_vpns: Vec<_> = ids.map(|vpn| http_range(Some(vpn), settings)).collect();
        let free = |port: &u16| {
            !self.stacks.contains(&(None, *port))
                && !self.http.contains(port)
                && !of_vpns.iter().any(|range| range.contains(port))
        };
        let port = match wished {
            Some(port) => Some(port).filter(free),
            None => settings.port_range_host.clone().find(free),
        }?;
        self.take_on_host(port);
        Some(port)
    }

    /// Whether an engine on `vpn` could be given this HTTP port.
    pub fn can_have(&self, vpn: Option<VpnId>, port: u16, settings: &Settings) -> bool {
        http_range(vpn, settings).contains(&port)
            && !self.http.contains(&port)
            && !self.stacks.contains(&(vpn, port))
    }

    /// Whether an engine on `vpn` could be given the P2P port `port`.
    pub fn can_carry(&self, vpn: VpnId, port: u16) -> bool {
        !self.stacks.contains(&(Some(vpn), port))
    }
}

/// The HTTP ports that an engine on `vpn` may get.
pub fn http_range(vpn: Option<VpnId>, settings: &Settings) -> RangeInclusive<u16> {
    let Some(vpn) = vpn else { return settings.port_range_host.clone() };
    match settings.vpns.get(vpn.index()).and_then(|vpn| vpn.ports.clone()) {
        Some(range) => range,
        None => {
            let count = u16::try_from(settings.max_active_replicas).unwrap_or(u16::MAX);
            SHARED_POOL_START..=SHARED_POOL_START.saturating_add(count.saturating_sub(1))
        }
    }
}
