//! What the demo stands on, checked and taken before anything starts: ports, a folder, enough open files.
//!
//! The folder is gone again with this, however the demo ends.

use super::plan::Plan;
use super::ports::HeldPorts;
use super::{dock, files};
use crate::cli::demo::DemoArgs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use testbed::dock::Dock;
use tokio::net::TcpListener;

/// What the demo stands on.
#[derive(Debug)]
pub(super) struct Ground {
    /// Where the program answers.
    pub(super) listener: TcpListener,
    /// That address, with the port that was taken.
    pub(super) address: SocketAddr,
    /// What the stand-ins are put on.
    pub(super) dock: Dock,
    /// What they listen on.
    pub(super) ports: HeldPorts,
    /// Where its database goes.
    pub(super) folder: Folder,
}

/// A folder for as long as this lives.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Ground {
    /// Takes what the demo needs, or says what is in the way.
    pub(super) async fn take(arguments: &DemoArgs, plan: &Plan) -> Result<Self, String> {
        files::allow(plan)?;
        let address = SocketAddr::new(arguments.bind, arguments.port);
        let listener = TcpListener::bind(address).await.map_err(|error| taken(address, &error))?;
        let address = listener.local_addr().map_err(|error| taken(address, &error))?;
        let folder = Folder::make()?;
        let dock = dock::open(plan).map_err(|error| error.to_string())?;
        let ports = HeldPorts::take(&dock, address.port(), plan.engines_most())?;
        Ok(Self { listener, address, dock, ports, folder })
    }
}

impl Folder {
    /// A new folder that nobody else may read.
    fn make() -> Result<Self, String> {
        let path = std::env::temp_dir().join(format!("acefleet-demo-{}", std::process::id()));
        // One of an earlier demo that was killed, whose number is ours now.
        drop(std::fs::remove_dir_all(&path));
        std::fs::DirBuilder::new().mode(0o700).create(&path).map_err(|error| {
            format!("{} cannot be made: {error}; TMPDIR names another place", path.display())
        })?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn taken(address: SocketAddr, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!("{address} is in use: choose another port with --port, or any that is free with --port 0")
        }
        io::ErrorKind::PermissionDenied => {
            format!("{address} needs more rights than this has: choose a port above 1023 with --port")
        }
        io::ErrorKind::AddrNotAvailable => {
            format!("{address} is no address of this machine: choose another one with --bind")
        }
        _ => format!("{address} cannot be listened on: {error}"),
    }
}
