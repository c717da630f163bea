//! The observed world: the VPNs, our containers, what others hold, and what is under way.
//!
//! Docker is the truth about what exists; this is what is believed of it. Nothing is decided here.

use crate::command::Ports;
use crate::docker::{Listed, Network};
use crate::engine::{Engine, Seat};
use crate::ids::{ContainerId, Name, VpnId};
use crate::operation::Operations;
use crate::policy::naming::Numbers;
use crate::policy::ports::PortsHeld;
use crate::settings::Settings;
use crate::time::Time;
use crate::vpn::Vpn;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

/// A port of the host that turned out to be taken is passed over for so long.
const PORT_PASSED_OVER: Duration = Duration::from_secs(600);

/// Everything that is believed to exist.
#[derive(Debug)]
pub struct Fleet {
    /// The configured VPNs, in configuration order.
    pub vpns: Vec<Vpn>,
    /// Containers of ours.
    pub engines: BTreeMap<ContainerId, Engine>,
    /// Containers of others: they hold names and ports, and are never touched.
    pub strangers: BTreeMap<ContainerId, Stranger>,
    /// Containers known to be gone, and since when: a reading asked for earlier may still show them.
    pub gone: BTreeMap<ContainerId, Time>,
    /// Ports of the host that Docker found taken, and until when they are passed over: a program that is no
    /// container is seen in no listing.
    pub passed_over: BTreeMap<u16, Time>,
    /// What has been sent and is not settled.
    pub operations: Operations,
}

/// A container of somebody else's.
#[derive(Debug)]
pub struct Stranger {
    /// Its name.
    pub name: Name,
    /// Host ports that it publishes.
    pub published: Arc<[u16]>,
    /// A listing asked for before this moment says nothing about it.
    pub touched: Time,
}

impl Fleet {
    /// The configured VPNs, and nothing seen yet.
    pub fn new(settings: &Settings) -> Self {
        let ids = (0..).map(VpnId);
        Self {
            vpns: ids.zip(&settings.vpns).map(|(id, vpn)| Vpn::new(id, vpn.clone())).collect(),
            engines: BTreeMap::new(),
            strangers: BTreeMap::new(),
            gone: BTreeMap::new(),
            passed_over: BTreeMap::new(),
            operations: Operations::default(),
        }
    }

    /// Whether a container was known to be gone when a reading of it was asked for, or has gone since.
    pub fn was_gone(&self, id: ContainerId, asked: Time) -> bool {
        self.gone.get(&id).is_some_and(|since| asked <= *since)
    }

    /// The VPN of this id.
    pub fn vpn(&self, id: VpnId) -> &Vpn {
        &self.vpns[id.index()]
    }

    /// The VPN of this id.
    pub fn vpn_mut(&mut self, id: VpnId) -> &mut Vpn {
        &mut self.vpns[id.index()]
    }

    /// The VPN whose container has this name.
    pub fn vpn_named(&self, name: &Name) -> Option<VpnId> {
        self.vpns.iter().find(|vpn| vpn.name() == name).map(|vpn| vpn.id)
    }

    /// The VPN whose container this is, as far as is known.
    pub fn vpn_of_container(&self, id: ContainerId) -> Option<VpnId> {
        self.vpns.iter().find(|vpn| vpn.container_id() == Some(id)).map(|vpn| vpn.id)
    }

    /// The VPN that an engine is seated on.
    pub fn vpn_of(&self, engine: &Engine) -> Option<&Vpn> {
        engine.seat.vpn().map(|vpn| self.vpn(vpn))
    }

    /// Where a container belongs. The network it lives in is the truth; where that names a container that is
    /// gone, its label tells whose it was.
    pub fn seat_of(&self, listed: &Listed) -> Seat {
        if self.vpns.is_empty() {
            return match listed.network {
                Network::Own(_) => Seat::Own,
                Network::Container(_) | Network::ContainerNamed(_) => Seat::Elsewhere,
            };
        }
        let by_label = || self.vpn_named(&listed.labels.meaning().vpn_container?);
        let vpn = match &listed.network {
            Network::Container(id) => self.vpn_of_container(*id).or_else(by_label),
            Network::ContainerNamed(name) => self.vpn_named(name),
            Network::Own(_) => None,
        };
        vpn.map_or(Seat::Elsewhere, Seat::Vpn)
    }

    /// Containers of ours and creations not settled: what limits are about. Containers without an HTTP port
    /// are counted in nothing.
    pub fn occupying(&self) -> usize {
        self.engines.values().filter(|engine| engine.is_engine()).count() + self.operations.creates().count()
    }

    /// For each VPN the engine that carries its last known forwarded port.
    pub fn carriers(&self) -> Vec<Option<ContainerId>> {
        let mut carriers: Vec<Option<&Engine>> = vec![None; self.vpns.len()];
        for engine in self.engines.values().filter(|engine| engine.condemned.is_none()) {
            let Some(vpn) = engine.seat.vpn() else { continue };
            let best = &mut carriers[vpn.index()];
            let carries = engine.p2p().is_some() && engine.p2p() == self.vpn(vpn).last_port;
            if carries && best.is_none_or(|best| engine.carries_before(best)) {
                *best = Some(engine);
            }
        }
        carriers.into_iter().map(|carrier| carrier.map(|engine| engine.id)).collect()
    }

    /// Numbers of engines' names that are taken by anybody.
    pub fn numbers(&self) -> Numbers {
        self.taken_of(Numbers::default())
    }

    /// Numbers behind a prefix that are taken by anybody.
    pub fn taken_of(&self, mut numbers: Numbers) -> Numbers {
        self.engines.values().for_each(|engine| numbers.take(&engine.name));
        self.strangers.values().for_each(|stranger| numbers.take(&stranger.name));
        self.vpns.iter().for_each(|vpn| numbers.take(vpn.name()));
        self.operations.creates().for_each(|(_, create)| numbers.take(&create.name));
        self.operations.other_creates().for_each(|(_, create)| numbers.take(&create.name));
        numbers
    }

    /// Docker found one of these ports of the host taken, and does not say by whom.
    pub fn pass_over(&mut self, ports: Ports, now: Time) {
        self.passed_over.retain(|_, until| *until > now);
        let published = [Some(ports.http), ports.https].into_iter().flatten();
        self.passed_over.extend(published.map(|port| (port, now + PORT_PASSED_OVER)));
    }

    /// Ports that are taken.
    pub fn ports(&self, now: Time) -> PortsHeld {
        let mut held = PortsHeld::default();
        for engine in self.engines.values() {
            match engine.ports {
                Some(ports) => held.take(engine.seat.vpn(), ports),
                None => engine.published.iter().for_each(|port| held.take_on_host(*port)),
            }
        }
        for vpn in &self.vpns {
            let published = vpn.make.iter().flat_map(|make| make.published.iter());
            published.for_each(|port| held.take_on_host(*port));
        }
        for (_, create) in self.operations.creates() {
            held.take(create.vpn, create.ports);
        }
        for (_, create) in self.operations.other_creates() {
            create.ports.iter().for_each(|(_, outside)| held.take_on_host(*outside));
        }
        for stranger in self.strangers.values() {
            stranger.published.iter().for_each(|port| held.take_on_host(*port));
        }
        let passed_over = self.passed_over.iter().filter(|(_, until)| **until > now);
        passed_over.for_each(|(port, _)| held.take_on_host(*port));
        held
    }
}
