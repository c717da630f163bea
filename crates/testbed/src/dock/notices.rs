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
    Happened {
        id: ContainerId,
        name: Name,
        labels: Arc<BTreeMap<String, String>>,
        happened: Happened,
        at: Stamp,
    },
    /// The connection breaks.
    Broken,
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
                Told::Happened { id, name, labels, happened, at } => {
                    return Some(Notice { id, name, ours: self.ours.is_on(&labels), happened, at });
                }
                Told::Broken => return None,
            }
        }
    }
}
