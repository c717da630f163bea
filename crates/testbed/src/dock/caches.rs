//! The caches of engines, and the few commands that can be run in a container: those that measure and clear them.
//!
//! Without a folder for caches an image has no shell, as the smallest ones.

use std::fs;
use std::path::{Path, PathBuf};

use control::docker::State;
use control::event::Refusal;
use control::ids::ContainerId;

use super::daemon::Daemon;
use super::host::is_in;

/// Where engines keep what they have downloaded, as in the real images.
const CACHE: &str = "/home/appuser/.ACEStream/.acestream_cache";
/// What a shell says of a command that it does not know.
const UNKNOWN_COMMAND: i64 = 127;

/// How a command ended that was run in a container.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ran {
    /// Its exit code.
    pub exit_code: i64,
    /// What it printed.
    pub output: String,
}

impl Daemon {
    /// The folder of a container's cache.
    pub(super) fn cache_of(&self, id: ContainerId) -> Option<PathBuf> {
        self.settings.caches.as_ref().map(|caches| caches.join(id.to_string()))
    }

    pub(super) fn forget_cache(&self, id: ContainerId) {
        if let Some(cache) = self.cache_of(id) {
            // An engine that has never played anything has none.
            let _ = fs::remove_dir_all(cache);
        }
    }

    /// Runs a command in a container.
    pub(super) fn run_in(&self, id: ContainerId, command: &[String]) -> Result<Ran, Refusal> {
        match self.state(id)? {
            State::Running => {}
            state => return Err(is_in(state)),
        }
        let cache = self.cache_of(id).ok_or(Refusal::NoShell)?;
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        Ok(match words.as_slice() {
            ["du", "-sb", CACHE] => match size(&cache) {
                Ok(bytes) => Ran { exit_code: 0, output: format!("{bytes}\t{CACHE}\n") },
                Err(why) => Ran { exit_code: 1, output: format!("du: {CACHE}: {why}\n") },
            },
            ["rm", "-rf", CACHE] => {
                let _ = fs::remove_dir_all(cache);
                Ran { exit_code: 0, output: String::new() }
            }
            other => {
                let output = format!("sh: {}: not found\n", other.first().unwrap_or(&""));
                Ran { exit_code: UNKNOWN_COMMAND, output }
            }
        })
    }
}

fn size(folder: &Path) -> std::io::Result<u64> {
    let files = fs::read_dir(folder)?;
    files.map(|file| Ok(file?.metadata()?.len())).sum()
}
