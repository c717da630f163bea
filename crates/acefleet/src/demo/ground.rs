//! What the demo stands on, checked and taken before anything starts: a port, a folder, enough open files.
//!
//! The folder is gone again with this, however the demo ends.

use super::cost::open_files_max;
use super::plan::Plan;
use crate::cli::demo::DemoArgs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use tokio::net::TcpListener;

/// Open files beside those that grow with the sizes: terminal, database, clients of the API.
const FILES_AT_LEAST: u64 = 200;
/// A VPN's control server, its health check, and questions to it.
const FILES_PER_VPN: u64 = 6;
/// An engine's port, and questions to it, which have two ends in this process.
const FILES_PER_ENGINE: u64 = 5;
/// Both ends of a viewer's connection, and those of the program's connection to an engine for it.
const FILES_PER_VIEWER: u64 = 4;

/// What the demo stands on.
#[derive(Debug)]
pub(super) struct Ground {
    /// Where the program answers.
    pub(super) listener: TcpListener,
    /// That address, with the port that was taken.
    pub(super) address: SocketAddr,
    /// Where its database goes.
    pub(super) folder: Folder,
}

/// A folder for as long as this lives.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Ground {
    /// Takes what the demo needs, or says what is in the way.
    pub(super) async fn take(arguments: &DemoArgs, plan: &Plan) -> Result<Self, String> {
        let wanted = files_wanted(plan);
        if let Some(most) = open_files_max().filter(|most| *most < wanted) {
            return Err(format!(
                "this needs up to {wanted} open files, and the limit is {most}: ask for less, or raise it first with \
                 `ulimit -n {wanted}`"
            ));
        }
        let address = SocketAddr::new(arguments.bind, arguments.port);
        let listener = TcpListener::bind(address).await.map_err(|error| taken(address, &error))?;
        let address = listener.local_addr().map_err(|error| taken(address, &error))?;
        Ok(Self { listener, address, folder: Folder::make()? })
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

fn files_wanted(plan: &Plan) -> u64 {
    FILES_AT_LEAST
        + FILES_PER_VPN * plan.vpns.len() as u64
        + FILES_PER_ENGINE * plan.engines as u64
        + FILES_PER_VIEWER * plan.viewers.len() as u64
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
