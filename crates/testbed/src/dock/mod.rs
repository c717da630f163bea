//! The embedded container runtime: containers that are tasks of this process, on loopback addresses.
//!
//! It behaves as a Docker Engine does where a fleet could notice: ids, names, labels, states, health, restart
//! policies, networks that are shared and that go with the container that made them, graces, notices, and calls that
//! are carried out although their callers have gone. In the containers run the stand-ins of this crate.
//!
//! There are two sides to it. A program has an [`Api`] ([`Dock::api`]): what it calls is subject to whatever is wrong
//! with the daemon. Whoever holds the [`Dock`] itself is the person at the machine: VPNs are run and killed, engines
//! crash, the daemon freezes; that always works, and at once.
//!
//! | of the machine | here |
//! | --- | --- |
//! | a network of a container's own | an address of 127.0.0.0/8, a new one at each start |
//! | another container's network | that one's address; once the network is gone, nothing comes through |
//! | a published port | is listened on at 127.0.0.1, and leads to the container |
//! | a process | a task; SIGTERM and SIGKILL are told to it |
//! | an image | a name in [`Settings::images`], and what runs: a stand-in, with an environment |
//! | the daemon's socket | [`Api`], which can be frozen, slow, gone, and can fail or lose single calls |
//!
//! It decides nothing about a fleet. Restart policies are all `unless-stopped`, because that is what engines and VPNs
//! have.

mod addresses;
mod api;
mod caches;
mod container;
mod daemon;
mod host;
mod life;
mod notices;
mod person;
mod relay;
mod settings;
mod spec;
mod weather;

use std::io;
use std::net::TcpListener;
use std::sync::Arc;

use tokio::sync::broadcast;

pub use api::{Api, Failure, Inspected};
pub use caches::Ran;
pub use notices::{Notices, Words};
pub use person::Seen;
pub use settings::{Durations, HealthCheck, Image, Role, Settings, VPN_IMAGE};
pub use spec::{Joined, Spec};
pub use weather::{Mishap, Verb};

use addresses::Addresses;
use daemon::Daemon;
use host::Host;

/// A machine with a container runtime. Clones are the same one; when the last is dropped, everything on it ends.
#[derive(Clone, Debug)]
pub struct Dock(Arc<Held>);

#[derive(Debug)]
struct Held {
    daemon: Arc<Daemon>,
}

impl Dock {
    /// Opens a dock with nothing on it. It runs on the runtime that this is called on.
    pub fn open(settings: Settings) -> io::Result<Self> {
        let addresses = Addresses::take()?;
        let (told, _) = broadcast::channel(notices::WAITING_MAX);
        let host = Host::new(settings.seed, addresses, told.clone());
        Ok(Self(Arc::new(Held { daemon: Arc::new(Daemon::new(settings, host, told)) })))
    }

    /// The runtime as a program sees it, whose own containers have this label.
    pub fn api(&self, label: (String, String)) -> Api {
        Api::new(Arc::clone(&self.0.daemon), label)
    }

    /// Keeps a port for containers, at whatever address of this dock they come to listen on it, for as long as the
    /// listener lives. An error: somebody else listens on it at all addresses of this machine.
    pub fn hold_port(&self, port: u16) -> io::Result<TcpListener> {
        self.0.daemon.host().hold_port(port)
    }

    /// Ends everything, and waits until it has ended: no task is left, and no port is taken.
    pub async fn close(&self) {
        self.0.daemon.close().await;
    }

    fn daemon(&self) -> &Arc<Daemon> {
        &self.0.daemon
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.daemon.abandon();
    }
}
