//! The stream of notices: what happens to containers, told to whoever listens.

use std::collections::BTreeMap;
use std::sync::Arc;

use control::docker::{Happened, Notice};
use control::ids::{ContainerId, Name};
use control::time::Stamp;
use tokio::sync::broadcast;

use super::api::Label;
use super::daemon::Daemon;

/// Notices that wait for a listener. One that is further behind loses its connection, as with Docker.
pub(super) const WAITING_MAX: usize = 4096;

/// What goes over the stream.
#[derive(Clone, Debug)]
pub(super) enum Told {
    /// Something happened to a container.
    Happened { id: ContainerId, name: Name, labels: Arc<BTreeMap<String, String>>, what: What, at: Stamp },
    /// The connection breaks.
    Broken,
}

/// What can happen to a container.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum What {
    /// Something of which programs are told.
    Happened(Happened),
    /// A deed that is over, and of which people alone are told.
    Over(&'static str),
}

impl What {
    /// As Docker's own stream calls it.
    const fn word(self) -> &'static str {
        match self {
            Self::Happened(Happened::Created) => "create",
            Self::Happened(Happened::Started) => "start",
            Self::Happened(Happened::Died) => "die",
            Self::Happened(Happened::Paused) => "pause",
            Self::Happened(Happened::Unpaused) => "unpause",
            Self::Happened(Happened::Renamed) => "rename",
            Self::Happened(Happened::Destroyed) => "destroy",
            Self::Happened(Happened::HealthIs(_)) => "health_status",
            Self::Over(word) => word,
        }
    }
}

/// The stream as a person at the machine sees it: everything, in Docker's own words, whatever is wrong with the API.
#[derive(Debug)]
pub struct Words(pub(super) broadcast::Receiver<Told>);

impl Words {
    /// The next word, and the name of the container that it is about; `None` once the dock is closed.
    pub async fn next(&mut self) -> Option<(&'static str, Name)> {
        loop {
            match self.0.recv().await {
                Ok(Told::Happened { what, name, .. }) => return Some((what.word(), name)),
                Ok(Told::Broken) | Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}

/// A connection to the stream. What happened before it was made is not told.
#[derive(Debug)]
pub struct Notices {
    pub(super) told: broadcast::Receiver<Told>,
    pub(super) daemon: Arc<Daemon>,
    pub(super) ours: Arc<Label>,
}

impl Notices {
    /// The next notice; `None` once the connection has broken.
    pub async fn next(&mut self) -> Option<Notice> {
        loop {
            let told = self.told.recv().await.ok()?;
            self.daemon.weather.thawed().await;
            match told {
                Told::Happened { .. } if self.daemon.weather.notices_are_lost() => {}
                Told::Happened { what: What::Over(_), .. } => {}
                Told::Happened { id, name, labels, what: What::Happened(happened), at } => {
                    return Some(Notice { id, name, ours: self.ours.is_on(&labels), happened, at });
                }
                Told::Broken => return None,
            }
        }
    }
}
