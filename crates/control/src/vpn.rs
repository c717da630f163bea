//! What is known of one VPN, and how observations change it.
//!
//! Beliefs only. The verdict is reached in `policy::verdict`, what follows from it in the other policies.

use crate::command::TunnelOrder;
use crate::docker::{Facts, Health, Make, State};
use crate::event::TunnelStatus;
use crate::ids::{ContainerId, Name, OpId, SandboxId, VpnId};
use crate::policy::ladder::Climbed;
use crate::policy::verdict::Doubt;
use crate::settings::VpnSettings;
use crate::time::{Stamp, Time};
use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

/// Changes of a forwarded port that are remembered: enough to recognise that it flaps.
pub const PORT_CHANGES_REMEMBERED: usize = 4;

/// A VPN and its Gluetun container.
#[derive(Debug)]
pub struct Vpn {
    /// Its place in the configuration.
    pub id: VpnId,
    /// What the operator configured.
    pub settings: VpnSettings,

    /// The container, as last heard.
    pub container: Presence,
    /// How that was created; kept until another is seen.
    pub make: Option<Make>,
    /// A reading asked for before this moment says nothing: something has happened since.
    pub touched: Time,
    /// When the last inspection that was believed had been asked for.
    pub inspected: Option<Time>,
    /// The inspection under way.
    pub inspecting: Option<OpId>,
    /// The present network, or the last one while there is none.
    pub generation: Option<Generation>,
    /// When the present network was first seen.
    pub network_since: Time,
    /// Counts networks. An observation of engines carries it.
    pub network_epoch: u32,
    /// Since when it has had no network.
    pub gone_since: Option<Time>,

    /// What is thought of it.
    pub verdict: Verdict,
    /// Since when.
    pub verdict_since: Time,
    /// Since when it has been doubted, and why.
    pub doubt: Option<(Doubt, Time)>,
    /// The double check under way.
    pub check: Option<Check>,
    /// The result of the last double check of this doubt.
    pub checked: Option<Checked>,
    /// When the engines were asked whose answers that result is.
    pub checked_at: Time,
    /// Whether some engine was connected, when that was last written down for this doubt.
    pub told_connected: Option<bool>,
    /// Its present failure.
    pub failure: Option<Failure>,
    /// When it last became healthy again after a failure.
    pub recovered_at: Option<Time>,
    /// How often it failed again soon after recovering.
    pub relapses: u32,
    /// When the next witness may be created, and how many there have been in this failure.
    pub witnesses: Witnesses,

    /// When Docker's opinion of its health last changed.
    pub health_since: Time,
    /// What its control server says of the tunnel.
    pub tunnel: Option<TunnelStatus>,
    /// Since when it has said that the tunnel is stopped, and when it last said so again.
    pub stopped_since: Option<Time>,
    /// See `stopped_since`.
    pub stopped_confirmed: Option<Time>,
    /// What is being done about it.
    pub mending: Option<Mending>,
    /// A person has asked that it be given no new engines and lose those that it has.
    pub draining: Option<OpId>,
    /// No engine was left on it since.
    pub drained: bool,
    /// What is being done about it because a person asked for it.
    pub request: Option<OpId>,
    /// The network in which acefleet last set out to start its container.
    pub starting_from: u32,
    /// The network before the one that a start by acefleet made, after somebody had stopped its container.
    pub started_after: Option<u32>,
    /// How far its repair ladder has been climbed in this failure.
    pub climbed: Climbed,
    /// How its control server treats us.
    pub control_server: ControlServer,
    /// The question about the tunnel that is not answered yet.
    pub asking_tunnel: Option<OpId>,
    /// The question about ports that is not answered yet.
    pub asking_ports: Option<OpId>,
    /// Counts networks and failures. An observation of ports carries it.
    pub port_epoch: u32,
    /// What its control server last said of ports.
    pub port: Option<PortReading>,
    /// It has not said since, and that was noted.
    pub port_is_cached: bool,
    /// The last port it had since its last failure.
    pub last_port: Option<u16>,
    /// Since when it has said that it has none.
    pub port_none_since: Option<Time>,
    /// When its port last changed, the latest last.
    pub port_changes: [Option<Time>; PORT_CHANGES_REMEMBERED],
    /// How often that was, in this life of acefleet.
    pub port_changes_counted: u64,
    /// How often it has failed, in this life of acefleet.
    pub failures_counted: u64,
    /// When it was last decided that another engine is to carry the port.
    pub elected_at: Option<Time>,
    /// An engine was created only to carry the port: one that is idle makes place once it is offered.
    pub owes_place: bool,
    /// Under which address it appears.
    pub public_address: Option<Arc<str>>,
    /// The question about that which is not answered yet.
    pub asking_address: Option<OpId>,
}

/// Whether a VPN's container exists.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Presence {
    /// Not looked at yet.
    Unknown,
    /// There is no container of that name.
    Missing,
    /// It exists.
    Present {
        /// Its id.
        id: ContainerId,
        /// Docker's state of it.
        state: State,
        /// Docker's opinion of its health.
        health: Health,
        /// When it was last started.
        started_at: Option<Stamp>,
    },
}

impl Presence {
    /// The container's id, if it exists.
    pub const fn id(&self) -> Option<ContainerId> {
        match self {
            Self::Present { id, .. } => Some(*id),
            Self::Unknown | Self::Missing => None,
        }
    }
}

/// A VPN's network: replaced whenever its container is restarted or recreated.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Generation {
    /// The container.
    pub container: ContainerId,
    /// Its namespace.
    pub network: NetworkId,
    /// When its process was started; engines that joined this network were started later.
    pub started_at: Stamp,
}

/// What tells one network of a container from the next.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum NetworkId {
    /// Docker's own name for it.
    Sandbox(SandboxId),
    /// The start of the container, where there is no such name.
    StartedAt(Stamp),
}

/// What is thought of a VPN.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Verdict {
    /// Not seen healthy since acefleet began.
    Pending,
    /// Its engines can be used.
    Healthy,
    /// Its engines cannot be used.
    Failed,
}

/// A failure that lasts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Failure {
    /// When it began.
    pub at: Time,
    /// The network went with it at some time, so engines that were in it are stranded. Otherwise only the
    /// tunnel was lost.
    pub network_lost: bool,
}

/// Engines created only to tell whether a VPN works.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Witnesses {
    /// How many were created in this failure.
    pub created: u32,
    /// No other is created before this moment.
    pub not_before: Time,
}

/// How a control server treats us.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ControlServer {
    /// Not asked yet, or it does not answer.
    Silent,
    /// It answers.
    Answers,
    /// It does not admit us. That says nothing about the tunnel.
    Unauthorized,
}

/// What is being done about a VPN.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mending {
    /// Its container is being started or restarted.
    Container(OpId),
    /// Its control server is being told what to do with its tunnel.
    Tunnel {
        /// The operation.
        op: OpId,
        /// What it is told.
        order: TunnelOrder,
        /// The network in which that is.
        epoch: u32,
    },
    /// Its control server was told to run the tunnel, and has until this moment to say that it does.
    ReadingBack {
        /// The moment.
        until: Time,
    },
}

/// A double check under way.
#[derive(Clone, Debug)]
pub struct Check {
    /// When the engines were asked.
    pub asked_at: Time,
    /// Questions not answered yet.
    pub open: BTreeSet<OpId>,
    /// How many were asked.
    pub asked: usize,
    /// How many have said that they are connected.
    pub connected: usize,
    /// The first that did.
    pub voucher: Option<ContainerId>,
    /// Those that did not answer that question.
    pub silent: Vec<ContainerId>,
}

/// The result of a double check.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Checked {
    /// How many engines said that they are connected.
    pub connected: usize,
    /// How many were asked.
    pub asked: usize,
}

/// One answer about forwarded ports.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PortReading {
    /// The first port, or none.
    pub port: Option<u16>,
    /// When it was asked for.
    pub asked_at: Time,
}

impl Vpn {
    /// A configured VPN that nobody has looked at yet.
    pub fn new(id: VpnId, settings: VpnSettings) -> Self {
        Self {
            id,
            settings,
            container: Presence::Unknown,
            make: None,
            touched: Time::ZERO,
            inspected: None,
            inspecting: None,
            generation: None,
            network_since: Time::ZERO,
            network_epoch: 0,
            gone_since: None,
            verdict: Verdict::Pending,
            verdict_since: Time::ZERO,
            doubt: None,
            check: None,
            checked: None,
            checked_at: Time::ZERO,
            told_connected: None,
            failure: None,
            recovered_at: None,
            relapses: 0,
            witnesses: Witnesses::default(),
            health_since: Time::ZERO,
            tunnel: None,
            stopped_since: None,
            stopped_confirmed: None,
            mending: None,
            draining: None,
            drained: false,
            request: None,
            starting_from: 0,
            started_after: None,
            climbed: Climbed::default(),
            control_server: ControlServer::Silent,
            asking_tunnel: None,
            asking_ports: None,
            port_epoch: 0,
            port: None,
            port_is_cached: false,
            last_port: None,
            port_none_since: None,
            port_changes: [None; PORT_CHANGES_REMEMBERED],
            port_changes_counted: 0,
            failures_counted: 0,
            elected_at: None,
            owes_place: false,
            public_address: None,
            asking_address: None,
        }
    }

    /// Its container's name.
    pub const fn name(&self) -> &Name {
        &self.settings.container
    }

    /// Its container's id, if it exists.
    pub const fn container_id(&self) -> Option<ContainerId> {
        self.container.id()
    }

    /// When its container was last started, if it exists.
    pub const fn started_at(&self) -> Option<Stamp> {
        match self.container {
            Presence::Present { started_at, .. } => started_at,
            Presence::Unknown | Presence::Missing => None,
        }
    }

    /// Docker's state of its container, if it exists.
    pub const fn container_state(&self) -> Option<State> {
        match self.container {
            Presence::Present { state, .. } => Some(state),
            Presence::Unknown | Presence::Missing => None,
        }
    }

    /// Its container has a network now.
    pub const fn has_network(&self) -> bool {
        match self.container {
            Presence::Present { state, .. } => state.has_network(),
            Presence::Unknown | Presence::Missing => false,
        }
    }

    /// The network that engines can be in now; `None` while there is none, or it is not known yet.
    pub fn current(&self) -> Option<&Generation> {
        // By reference: this is asked for several times for each engine with every decision.
        let Presence::Present { id, state, .. } = &self.container else { return None };
        self.generation.as_ref().filter(|generation| state.has_network() && generation.container == *id)
    }

    /// Whether what is believed of it has been confirmed since anything last happened to it.
    pub fn is_confirmed(&self) -> bool {
        self.inspected.is_some_and(|asked| asked >= self.touched)
    }

    /// Docker's opinion of its health.
    pub const fn health(&self) -> Option<Health> {
        match self.container {
            Presence::Present { health, .. } => Some(health),
            Presence::Unknown | Presence::Missing => None,
        }
    }

    /// Its container was started once after somebody had stopped it, and nobody else has started it since: if it
    /// is stopped again, it is meant to be.
    pub fn is_left_stopped(&self) -> bool {
        self.started_after.is_some_and(|before| self.network_epoch <= before + 1)
    }

    /// It can be used.
    pub fn is_healthy(&self) -> bool {
        self.verdict == Verdict::Healthy
    }

    /// It has failed.
    pub fn is_failed(&self) -> bool {
        self.verdict == Verdict::Failed
    }

    /// Its forwarded port as far as it is known now; an old reading is not knowledge.
    pub fn port(&self, now: Time, ttl: Duration) -> Option<u16> {
        self.port.filter(|reading| now.since(reading.asked_at) <= ttl)?.port
    }

    /// Until when nothing follows from a changed port, and nothing idles away.
    pub fn stable_at(&self, now: Time, stabilization: Duration) -> Option<Time> {
        // Docker's clock may be ahead of ours, by years where ours began without a battery: it is not waited for.
        let started =
            self.generation.map(|generation| now.of_stamp(generation.started_at).min(self.network_since));
        self.recovered_at.max(started).map(|from| from + stabilization)
    }

    /// Nobody doubts it any more.
    pub fn forget_doubt(&mut self) {
        self.doubt = None;
        self.check = None;
        self.checked = None;
        self.told_connected = None;
    }

    /// Believes an inspection, or that the container is missing.
    pub fn observe(&mut self, facts: Option<&Facts>, asked: Time, now: Time) -> Observed {
        self.inspected = Some(asked);
        let before = self.container.clone();
        self.container = match facts {
            None => Presence::Missing,
            Some(facts) => Presence::Present {
                id: facts.listed.id,
                state: facts.listed.state,
                health: facts.health,
                started_at: facts.started_at,
            },
        };
        if let Some(facts) = facts
            && (before.id() != Some(facts.listed.id) || self.make.is_none())
        {
            self.make = Some(facts.make());
        }
        let health = |presence: &Presence| match presence {
            Presence::Present { health, .. } => Some(*health),
            Presence::Unknown | Presence::Missing => None,
        };
        if health(&before) != health(&self.container) {
            // Docker has just looked for itself: what the control server said before is older news.
            self.health_since = now;
            self.tunnel = None;
        }
        let found = facts.filter(|facts| facts.listed.state.has_network()).and_then(|facts| {
            let started_at = facts.started_at?;
            let network = facts.sandbox.map_or(NetworkId::StartedAt(started_at), NetworkId::Sandbox);
            Some(Generation { container: facts.listed.id, network, started_at })
        });
        let replaced = match (self.generation, found) {
            (Some(known), Some(found)) => known != found,
            (None, _) | (_, None) => false,
        };
        let new_network = found.is_some() && found != self.generation;
        if new_network {
            self.generation = found;
            self.network_since = now;
            self.network_epoch += 1;
            self.port_epoch += 1;
            self.tunnel = None;
            self.stopped_since = None;
            self.stopped_confirmed = None;
            // Whatever was doubted was the network before.
            self.forget_doubt();
            self.public_address = None;
        }
        if self.has_network() {
            self.gone_since = None;
        } else {
            self.gone_since.get_or_insert(now);
        }
        if let Some(failure) = &mut self.failure {
            failure.network_lost |= replaced || self.gone_since.is_some();
        }
        Observed { changed: before != self.container || new_network, new_network, replaced }
    }

    /// Hears that its container has stopped running, or is gone, before an inspection can tell.
    pub fn hear_stopped(&mut self, exists: bool, now: Time) {
        match &mut self.container {
            Presence::Present { state, .. } if exists => *state = State::Exited,
            container => *container = Presence::Missing,
        }
        self.gone_since.get_or_insert(now);
        if let Some(failure) = &mut self.failure {
            failure.network_lost = true;
        }
    }
}

/// What an observation changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Observed {
    /// Anything at all.
    pub changed: bool,
    /// The network is another one than before, or the first one seen.
    pub new_network: bool,
    /// The network took the place of one that was known.
    pub replaced: bool,
}
