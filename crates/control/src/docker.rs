//! What Docker says, in the core's words: states, listings, inspections, notices.
//!
//! These are observations, not beliefs: what the core makes of them is in `fleet`. No wire format here; the
//! adapter translates, leniently, and leaves out what it cannot read.

use crate::ids::{ContainerId, Name, SandboxId};
use crate::labels::Labels;
use crate::time::Stamp;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

/// Docker's state of a container.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[allow(missing_docs, reason = "Docker's own words")]
pub enum State {
    Created,
    Running,
    Paused,
    Restarting,
    Removing,
    Exited,
    Dead,
}

impl State {
    /// Its processes exist and its network is up. A paused container keeps both.
    pub const fn has_network(self) -> bool {
        matches!(self, Self::Running | Self::Paused)
    }

    /// Docker's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Restarting => "restarting",
            Self::Removing => "removing",
            Self::Exited => "exited",
            Self::Dead => "dead",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Docker's opinion of a container's health check.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Health {
    /// The container has no health check.
    Unchecked,
    /// Started, and not yet judged.
    Starting,
    /// The last check passed.
    Healthy,
    /// Several checks in a row failed.
    Unhealthy,
}

/// The network a container lives in.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Network {
    /// Another container's, by its id: what Docker makes of `container:<name>` if that container exists.
    Container(ContainerId),
    /// Another container's, still by name: it did not exist when this one was created.
    ContainerNamed(Name),
    /// One of its own.
    Own(Name),
}

/// One container in a listing. A listing knows neither start times nor health.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    /// The container's id.
    pub id: ContainerId,
    /// Its name.
    pub name: Name,
    /// It carries CONTAINER_LABEL.
    pub ours: bool,
    /// Its state.
    pub state: State,
    /// Where its network comes from.
    pub network: Network,
    /// Its labels; left empty for a container that is not ours.
    pub labels: Labels,
    /// The image it was created from.
    pub image: Arc<str>,
    /// Host ports that it publishes.
    pub published: Arc<[u16]>,
}

/// Every container on the host, whoever it belongs to, in any state.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Listing {
    /// In no particular order.
    pub containers: Vec<Listed>,
}

/// What an inspection tells of one container.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Facts {
    /// What a listing would have said at the same moment.
    pub listed: Listed,
    /// Docker's opinion of its health.
    pub health: Health,
    /// When its process was last started; `None` if it never was.
    pub started_at: Option<Stamp>,
    /// The namespace it made for itself; `None` while it has none, or lives in another's.
    pub sandbox: Option<SandboxId>,
    /// The P2P port that its environment or its command gives it.
    pub p2p_in_spec: Option<u16>,
    /// When it was created.
    pub created_at: Stamp,
}

/// What is decided about a container when it is created, and stays so.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Make {
    /// The image.
    pub image: Arc<str>,
    /// When it was created.
    pub created_at: Stamp,
    /// Host ports that it publishes.
    pub published: Arc<[u16]>,
}

impl Facts {
    /// What stays so.
    pub fn make(&self) -> Make {
        Make {
            image: self.listed.image.clone(),
            created_at: self.created_at,
            published: self.listed.published.clone(),
        }
    }
}

/// A message of Docker's event stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Notice {
    /// The container it is about.
    pub id: ContainerId,
    /// That container's name at the time.
    pub name: Name,
    /// It carries CONTAINER_LABEL.
    pub ours: bool,
    /// What happened to it.
    pub happened: Happened,
    /// When, on Docker's clock.
    pub at: Stamp,
}

/// What a [`Notice`] says happened.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[allow(missing_docs, reason = "Docker's own words")]
pub enum Happened {
    Created,
    Started,
    Died,
    Paused,
    Unpaused,
    Renamed,
    Destroyed,
    HealthIs(Health),
}
