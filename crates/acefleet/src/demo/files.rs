//! Open files: how many a demo needs, and that this process may have as many.
//!
//! Shells start programs with a limit that suits programs which wait for one file at a time; what may be allowed
//! without anybody's leave is a second, higher one. A crowd needs it.

use super::plan::Plan;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Open files beside those that grow with the sizes: terminal, database, clients of the API, ports that are held.
const FILES_AT_LEAST: u64 = 200;
/// A VPN's control server, its health check, and questions to it.
const FILES_PER_VPN: u64 = 6;
/// An engine's port, which is held elsewhere as well, and questions to it, which have two ends in this process.
const FILES_PER_ENGINE: u64 = 7;
/// Both ends of a viewer's connection, and those of the program's connection to an engine for it.
const FILES_PER_VIEWER: u64 = 4;

/// Lets this process have as many open files as the demo needs, or says why it cannot.
pub(super) fn allow(plan: &Plan) -> Result<(), String> {
    let wanted = wanted(plan);
    // No number: there is no limit.
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    let refused = |most: u64| {
        format!(
            "this needs up to {wanted} open files, and the limit is {most}: ask for less, or raise it first with \
             `ulimit -n {wanted}`"
        )
    };
    if let Some(most) = maximum.filter(|most| *most < wanted) {
        return Err(refused(most));
    }
    setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum })
        .map_err(|_| refused(current.unwrap_or_default()))
}

fn wanted(plan: &Plan) -> u64 {
    FILES_AT_LEAST
        + FILES_PER_VPN * plan.vpns.len() as u64
        + FILES_PER_ENGINE * plan.engines as u64
        + FILES_PER_VIEWER * plan.viewers.len() as u64
}
