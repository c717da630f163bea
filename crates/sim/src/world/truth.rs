//! What is really so, for checkers: nothing here is ever told to acefleet.
//!
//! Reachability is worked out anew after each transition that can change it, and kept with the time of its
//! last change.

use super::World;
use super::container::{Container, Role, Since};
use super::faults::{EngineFault, Fault, HostFault};
use super::gluetun::{Gluetun, Reading, Tunnel};
use super::trace::{Detail, Who};
use control::docker::State;
use control::ids::{ContainerId, Name, SandboxId, VpnId};

/// What is really so with a VPN.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VpnTruth {
    /// Its container, if there is one.
    pub container: Option<ContainerId>,
    /// The container's network is up: it runs, or is paused.
    pub running: bool,
    /// It runs, and is not paused.
    pub awake: bool,
    /// Its tunnel is up.
    pub tunnel_up: bool,
    /// Its network namespace.
    pub netns: Option<SandboxId>,
    /// The port that is forwarded now.
    pub port: Option<u16>,
    /// The last answer about ports that acefleet was told.
    pub reading: Option<Reading>,
}

impl World {
    /// Every configured VPN.
    pub fn vpns(&self) -> impl Iterator<Item = VpnId> + use<> {
        (0..self.gluetuns.len() as u16).map(VpnId)
    }

    /// Every container there is, whoever's it is, in the order of their ids.
    pub fn containers(&self) -> impl Iterator<Item = &Container> {
        self.docker.containers.values()
    }

    /// The container of this id.
    pub fn container(&self, id: ContainerId) -> Option<&Container> {
        self.docker.containers.get(&id)
    }

    /// The container that has this name now.
    pub fn container_named(&self, name: &Name) -> Option<&Container> {
        self.docker.named(name)
    }

    /// Whether a probe of the engine would be answered by it.
    pub fn truth_reachable(&self, engine: ContainerId) -> bool {
        self.container(engine).is_some_and(|container| container.reachable.is)
    }

    /// Whether the engine could truly say that it is connected.
    pub fn truth_connected(&self, engine: ContainerId) -> bool {
        self.container(engine).is_some_and(Container::connected)
    }

    /// What is really so with a VPN.
    pub fn truth_vpn(&self, vpn: VpnId) -> VpnTruth {
        let Gluetun { container, tunnel, port, reading, .. } = self.gluetuns[vpn.index()];
        let found = self.vpn_container(vpn);
        VpnTruth {
            container,
            running: found.is_some_and(|found| found.state.has_network()),
            awake: found.is_some_and(|found| found.state == State::Running),
            tunnel_up: tunnel == Tunnel::Up,
            netns: found.and_then(Container::netns),
            port,
            reading,
        }
    }

    /// Works out anew what is reachable and connected, if anything has happened that could change it.
    pub(super) fn refresh_truth(&mut self) {
        if !std::mem::take(&mut self.truth_is_stale) {
            return;
        }
        let engines = self.docker.containers.values().filter(|container| container.is_engine());
        let truths: Vec<(ContainerId, bool, bool)> =
            engines.map(|engine| (engine.id, self.is_reachable(engine), self.is_connected(engine))).collect();
        for (id, reachable, connected) in truths {
            let Some(engine) = self.docker.containers.get_mut(&id) else { continue };
            let lost = engine.connected.is && !connected;
            if engine.connected.is != connected {
                engine.connected = Since { is: connected, since: self.now };
            }
            if lost {
                self.readers_will_notice(id);
            }
            let Some(engine) = self.docker.containers.get_mut(&id) else { continue };
            if engine.reachable.is != reachable {
                engine.reachable.is = reachable;
                engine.reachable.since = self.now;
                let code = if reachable { "rch+" } else { "rch-" };
                self.trace.note(self.now, Who::Engine, engine.name.as_str(), code, Detail::Nothing);
            }
        }
    }

    fn is_reachable(&self, engine: &Container) -> bool {
        let Some(process) = &engine.process else { return false };
        let answers = engine.state == State::Running && process.booted && !process.hung;
        let network_lives = match process.guest_of {
            Some(host) => self.container(host).and_then(Container::netns) == Some(process.netns),
            None => true,
        };
        answers && network_lives
    }

    fn is_connected(&self, engine: &Container) -> bool {
        let host = engine.process.as_ref().and_then(|process| process.guest_of);
        let passes = match host.and_then(|host| self.container(host)) {
            Some(host) => match host.role {
                Role::Vpn(vpn) => {
                    let gluetun = &self.gluetuns[vpn.index()];
                    let awake = host.state == State::Running || gluetun.passes_while_paused;
                    gluetun.tunnel == Tunnel::Up && awake
                }
                Role::Engine { .. } | Role::Other { .. } | Role::Foreign => false,
            },
            None => !self.lasts(Fault::Host(HostFault::UplinkLost)),
        };
        let alone = self.lasts(Fault::Engine(engine.id, EngineFault::Disconnected));
        passes && !alone && self.is_reachable(engine)
    }
}
