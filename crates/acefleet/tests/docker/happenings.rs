//! What happens to containers, as Docker tells it to everybody: so that nothing which was done and undone is missed.

use crate::ground::Ground;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

/// What is told of: what changes containers.
const KINDS: [&str; 5] = ["create", "start", "die", "destroy", "restart"];

/// A container's id, and since when it runs: neither changes unless somebody touches it.
pub(crate) type Life = (String, String);

/// Everything that happens from now on.
pub(crate) struct Happenings {
    told: Arc<Mutex<Vec<(String, String)>>>,
    child: Child,
}

impl Happenings {
    /// Listens from now on.
    pub(crate) fn from_now(ground: &Ground) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock that is right");
        let since = format!("{}.{:09}", now.as_secs(), now.subsec_nanos());
        let mut command = Command::new("docker");
        command.env_remove("DOCKER_CONTEXT").args(["-H", &ground.docker_host(), "events", "--since", &since]);
        command.args(["--filter", "type=container", "--format", "{{.Action}} {{.Actor.Attributes.name}}"]);
        for kind in KINDS {
            command.args(["--filter", &format!("event={kind}")]);
        }
        let mut child = command.stdout(Stdio::piped()).spawn().expect("docker's client is installed");
        let told: Arc<Mutex<Vec<(String, String)>>> = Arc::default();
        let (lines, write) = (BufReader::new(child.stdout.take().expect("a pipe")).lines(), told.clone());
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some((kind, name)) = line.split_once(' ') {
                    let mut told = write.lock().unwrap_or_else(PoisonError::into_inner);
                    told.push((kind.to_string(), name.to_string()));
                }
            }
        });
        Self { told, child }
    }

    /// The containers to which this happened, each time it did, in order.
    pub(crate) fn all(&self, kind: &str) -> Vec<String> {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.iter().filter(|(happened, _)| happened == kind).map(|(_, name)| name.clone()).collect()
    }

    /// How many engines there were at most, if there were so many at the beginning.
    pub(crate) fn most_engines(&self, at_first: usize) -> usize {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let engines = told.iter().filter(|(_, name)| name.starts_with("acestream-"));
        let counts = engines.scan(at_first, |count, (happened, _)| {
            match happened.as_str() {
                "create" => *count += 1,
                "destroy" => *count = count.saturating_sub(1),
                _ => {}
            }
            Some(*count)
        });
        counts.max().unwrap_or(at_first)
    }

    /// The engines that were created, each time one was, by number.
    pub(crate) fn engines_created(&self) -> Vec<String> {
        let mut names = self.all("create");
        names.retain(|name| name.starts_with("acestream-"));
        names.sort_by_key(|name| (name.len(), name.clone()));
        names
    }
}

impl Drop for Happenings {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The lives of containers.
pub(crate) fn lives<'a>(ground: &Ground, names: impl IntoIterator<Item = &'a str>) -> BTreeMap<String, Life> {
    let life = |name: &str| {
        let told = ground.inspect(name)?;
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_string();
        Some((name.to_string(), (text(&told["Id"]), text(&told["State"]["StartedAt"]))))
    };
    names.into_iter().filter_map(life).collect()
}
