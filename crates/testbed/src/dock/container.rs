//! One container as it is, and what the daemon says of it.
//!
//! State with views on it. What changes it is in `host`, `life` and `work`.

use std::collections::{BTreeMap, VecDeque};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use control::docker::{Facts, Health, Listed, Network, State};
use control::ids::{ContainerId, Name, SandboxId};
use control::labels::Labels;
use control::time::Stamp;
use tokio::sync::watch;
use tokio::time::Instant;

use super::api::Label;
use super::settings::Role;
use super::spec::Spec;
use crate::engine::{self, Ports};
use crate::gluetun;

/// Lines of a container's log that are kept.
const LOG_LINES_MAX: usize = 200;

/// A container.
#[derive(Debug)]
pub(super) struct Container {
    pub(super) id: ContainerId,
    pub(super) name: Name,
    pub(super) spec: Spec,
    pub(super) labels: Arc<BTreeMap<String, String>>,
    pub(super) role: Role,
    /// Its image's environment and its own.
    pub(super) env: BTreeMap<String, String>,
    pub(super) network: Network,
    pub(super) state: State,
    pub(super) health: Health,
    pub(super) created_at: Stamp,
    pub(super) started_at: Option<Stamp>,
    /// The network that it has made.
    pub(super) sandbox: Option<Sandbox>,
    pub(super) process: Option<Process>,
    /// How many times it has been started.
    pub(super) runs: u64,
    /// How many of these were by policy.
    pub(super) restarts: u32,
    pub(super) exit_code: Option<i32>,
    /// What was waited before its last restart by policy.
    pub(super) backoff: Duration,
    /// Somebody wants it to end, so policy does not start it again.
    pub(super) meant_to_end: bool,
    /// The daemon works at one deed at a time for each container.
    pub(super) turn: Arc<tokio::sync::Mutex<()>>,
    pub(super) log: VecDeque<String>,
}

/// A network: a namespace of its own, with an address that nobody had before.
#[derive(Debug)]
pub(super) struct Sandbox {
    pub(super) id: SandboxId,
    pub(super) address: Ipv4Addr,
    /// Whether the world is reached from here.
    pub(super) tunnel: watch::Sender<bool>,
}

/// What runs in a container.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) run: u64,
    pub(super) since: Instant,
    /// The network it is in, whoever made it, and its address there.
    pub(super) home: SandboxId,
    pub(super) address: Ipv4Addr,
    pub(super) order: watch::Sender<Order>,
    /// Closed when it is over, and the daemon knows.
    pub(super) over: watch::Receiver<()>,
    pub(super) switches: Switches,
}

/// What a process is told.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Order {
    /// Nothing.
    Run,
    /// SIGTERM.
    End,
    /// SIGKILL.
    Die,
}

/// How a stand-in is got at.
#[derive(Clone, Debug)]
pub(super) enum Switches {
    /// It is not there yet, or there is nothing to be switched.
    None,
    Engine(engine::FaultControl),
    Gluetun(gluetun::FaultControl),
}

impl Switches {
    /// Whether anything comes through to it and from it.
    pub(super) fn cut_off(&self, is: bool) {
        match self {
            Self::None => {}
            Self::Engine(faults) => faults.cut_off(is),
            Self::Gluetun(faults) => faults.stand_still(is),
        }
    }
}

impl Container {
    /// What a listing says of it now.
    pub(super) fn listed(&self, ours: &Label) -> Listed {
        let is_ours = ours.is_on(&self.labels);
        let labels = if is_ours {
            self.labels.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect()
        } else {
            Labels::default()
        };
        Listed {
            id: self.id,
            name: self.name.clone(),
            ours: is_ours,
            state: self.state,
            network: self.network.clone(),
            labels,
            image: self.spec.image.as_str().into(),
            published: self.spec.publish.iter().map(|(_, outside)| *outside).collect(),
        }
    }

    /// What an inspection says of it now.
    pub(super) fn facts(&self, ours: &Label) -> Facts {
        Facts {
            listed: self.listed(ours),
            health: self.health,
            started_at: self.started_at,
            sandbox: self.sandbox.as_ref().map(|sandbox| sandbox.id),
            p2p_in_spec: Ports::p2p_given(&self.spec.command, |name| self.env.get(name).cloned()),
            created_at: self.created_at,
        }
    }

    /// Writes a line into its log.
    pub(super) fn print(&mut self, line: String) {
        if self.log.len() == LOG_LINES_MAX {
            self.log.pop_front();
        }
        self.log.push_back(line);
    }

    /// Its process, if it is this run's.
    pub(super) fn process_of(&mut self, run: u64) -> Option<&mut Process> {
        self.process.as_mut().filter(|process| process.run == run)
    }
}
