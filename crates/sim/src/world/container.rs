//! One container as it really is, and what Docker says of it.
//!
//! Plain state with views on it. What changes it is in `docker` and its neighbours.

use super::deed::Work;
use super::queue::{CallId, Run};
use control::Time;
use control::command::Ports;
use control::docker::{Facts, Health, Listed, Network, State};
use control::ids::{ContainerId, Name, OpId, SandboxId, VpnId};
use control::labels::Labels;
use control::time::Stamp;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// What a container is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// A configured VPN's Gluetun.
    Vpn(VpnId),
    /// An engine of ours.
    Engine {
        /// The ports it binds.
        ports: Ports,
        /// The operation that its label names.
        op: OpId,
    },
    /// A container of ours that is no engine.
    Other {
        /// The operation that its label names.
        op: OpId,
    },
    /// Somebody else's.
    Foreign,
}

/// A container, whoever's it is.
#[derive(Clone, Debug)]
pub struct Container {
    pub(super) id: ContainerId,
    pub(super) name: Name,
    pub(super) role: Role,
    pub(super) labels: Labels,
    pub(super) image: Arc<str>,
    pub(super) published: Arc<[u16]>,
    pub(super) network: Network,

    pub(super) state: State,
    pub(super) health: Health,
    pub(super) created_at: Stamp,
    pub(super) started_at: Option<Stamp>,
    pub(super) sandbox: Option<SandboxId>,
    pub(super) process: Option<Process>,
    /// How many times it has been started.
    pub(super) starts: u32,
    /// What Docker waited before its last restart by policy; zero after a start by hand.
    pub(super) backoff: Duration,
    pub(super) lock: Lock,

    pub(super) reachable: Since,
    pub(super) connected: Since,
}

/// The process of a running container.
#[derive(Clone, Debug)]
pub(super) struct Process {
    pub(super) started: Time,
    /// The network namespace it lives in, whoever made it.
    pub(super) netns: SandboxId,
    /// The container that made it, if that was another.
    pub(super) guest_of: Option<ContainerId>,
    /// It has bound its ports, if it binds any.
    pub(super) booted: bool,
    /// It answers nothing.
    pub(super) hung: bool,
}

/// Docker works at one call at a time for each container; the others wait their turn.
#[derive(Clone, Default, Debug)]
pub(super) struct Lock {
    pub(super) holder: Option<CallId>,
    pub(super) waiting: VecDeque<(CallId, Work)>,
}

/// Whether something is so, and since when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Since {
    /// Whether it is so.
    pub is: bool,
    /// Since when it is as it is.
    pub since: Time,
}

impl Container {
    /// Its id.
    pub const fn id(&self) -> ContainerId {
        self.id
    }

    /// Its name.
    pub const fn name(&self) -> &Name {
        &self.name
    }

    /// What it is for.
    pub const fn role(&self) -> Role {
        self.role
    }

    /// It carries the fleet's label.
    pub const fn ours(&self) -> bool {
        matches!(self.role, Role::Engine { .. } | Role::Other { .. })
    }

    /// It is an engine of ours.
    pub const fn is_engine(&self) -> bool {
        matches!(self.role, Role::Engine { .. })
    }

    /// It is an engine that binds this HTTP port.
    pub(super) fn binds(&self, http: u16) -> bool {
        self.ports().is_some_and(|ports| ports.http == http)
    }

    /// The ports it binds, if it is an engine.
    pub const fn ports(&self) -> Option<Ports> {
        match self.role {
            Role::Engine { ports, .. } => Some(ports),
            Role::Vpn(_) | Role::Other { .. } | Role::Foreign => None,
        }
    }

    /// Host ports that it publishes.
    pub fn published(&self) -> &[u16] {
        &self.published
    }

    /// The operation that created it, by its label.
    pub const fn operation(&self) -> Option<OpId> {
        match self.role {
            Role::Engine { op, .. } | Role::Other { op } => Some(op),
            Role::Vpn(_) | Role::Foreign => None,
        }
    }

    /// Its labels.
    pub const fn labels(&self) -> &Labels {
        &self.labels
    }

    /// How many times it has been started.
    pub const fn starts(&self) -> u32 {
        self.starts
    }

    /// Its state.
    pub const fn state(&self) -> State {
        self.state
    }

    /// Where its network comes from.
    pub const fn network(&self) -> &Network {
        &self.network
    }

    /// The network namespace its process lives in; `None` without a process.
    pub fn netns(&self) -> Option<SandboxId> {
        self.process.as_ref().map(|process| process.netns)
    }

    /// Whether a probe of it would be answered by it, and since when.
    pub const fn reachable(&self) -> Since {
        self.reachable
    }

    /// Whether it could truly say that it is connected.
    pub const fn connected(&self) -> bool {
        self.connected.is
    }

    /// Since when it could, or could not.
    pub const fn connected_since(&self) -> Time {
        self.connected.since
    }

    /// The VPN it is the container of.
    pub(super) const fn vpn(&self) -> Option<VpnId> {
        match self.role {
            Role::Vpn(vpn) => Some(vpn),
            Role::Engine { .. } | Role::Other { .. } | Role::Foreign => None,
        }
    }

    /// Its process has bound this HTTP port in this network namespace.
    pub(super) fn listens(&self, netns: SandboxId, http: u16) -> bool {
        let process = self.process.as_ref().filter(|process| process.booted && process.netns == netns);
        process.is_some() && self.ports().is_some_and(|ports| ports.http == http)
    }

    /// Its process takes connections and answers nothing.
    pub(super) fn is_hung(&self) -> bool {
        self.process.as_ref().is_some_and(|process| process.hung)
    }

    /// The run it is in.
    pub(super) const fn run(&self) -> Run {
        Run { container: self.id, number: self.starts }
    }

    /// What a listing says of it now.
    pub(super) fn listed(&self) -> Listed {
        Listed {
            id: self.id,
            name: self.name.clone(),
            ours: self.ours(),
            state: self.state,
            network: self.network.clone(),
            labels: self.labels.clone(),
            image: self.image.clone(),
            published: self.published.clone(),
        }
    }

    /// What an inspection says of it now.
    pub(super) fn facts(&self) -> Facts {
        Facts {
            listed: self.listed(),
            health: self.health,
            started_at: self.started_at,
            sandbox: self.sandbox,
            p2p_in_spec: self.ports().and_then(|ports| ports.p2p),
            created_at: self.created_at,
        }
    }
}
