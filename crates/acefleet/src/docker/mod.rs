//! Docker's Engine API, and Podman's of the same shape, as a runtime.
//!
//! It carries out and reports. The one thing that it does by itself is to fetch an image that is missing. What it
//! asks of Docker is listed in `docs/docker-access.md`.

mod connect;
mod daemon;
mod frames;
mod notices;
mod objects;
mod p2p;
mod pull;
mod read;
mod refusal;
mod usage;
mod write;

pub use pull::{Progress, Pulling};
pub use write::creation;

use crate::metrics::Meters;
use crate::runtime::{Failure, Inspected, Ran, Runtime, Spec, Told, Usage};
use crate::settings::DockerHost;
use bytes::{Buf, Bytes, BytesMut};
use control::command::Target;
use control::docker::{Listed, Listing, Network};
use control::event::{Refusal, Silence};
use control::ids::ContainerId;
use daemon::{Call, Daemon, locked};
use frames::Frames;
use hyper::Method;
use pull::Pulls;
use read::{Inspection, OurLabel, Summary};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

/// The longest listing that is read: about ten thousand containers.
const LISTING_MAX_BYTES: usize = 16 << 20;

/// What is kept of a command's output, and how much of a log is read to find its end.
const OUTPUT_MAX_BYTES: usize = 64 << 10;
const LOG_READ_MAX_BYTES: usize = 16 << 20;

/// How long the removal of a container is watched that somebody else has begun, and how often it is looked at.
const REMOVAL_MAX: Duration = Duration::from_secs(60);
const REMOVAL_LOOK_EVERY: Duration = Duration::from_millis(200);

/// How long is waited for a command's exit code once its output has ended, and how often it is looked at.
const EXIT_CODE_MAX: Duration = Duration::from_secs(2);
const EXIT_CODE_LOOK_EVERY: Duration = Duration::from_millis(50);

/// How many oddities are remembered as logged; more are not logged at all.
const ODDITIES_MAX: usize = 64;

/// A Docker, reached when it is needed. Cheap to clone.
#[derive(Clone)]
pub struct Docker {
    daemon: Arc<Daemon>,
    pulls: Arc<Pulls>,
    memory: Arc<Memory>,
}

struct Memory {
    ours: OurLabel,
    /// What was strange and has been logged.
    oddities: Mutex<BTreeSet<String>>,
    /// Networks that a listing of Podman's does not tell. A container keeps its network for as long as it exists.
    networks: Mutex<BTreeMap<ContainerId, Network>>,
}

impl Docker {
    /// The Docker at `host`. Containers with the label (CONTAINER_LABEL's key and value) are ours.
    pub fn new(host: &DockerHost, label: (String, String)) -> Self {
        let memory = Memory { ours: label, oddities: Mutex::default(), networks: Mutex::default() };
        Self { daemon: Arc::new(Daemon::new(host.clone())), pulls: Arc::default(), memory: Arc::new(memory) }
    }

    /// Why Docker did not answer when it was last asked, and what to do; `None` once it did.
    pub fn trouble(&self) -> Option<String> {
        self.daemon.trouble()
    }

    /// Images that are being fetched, and those that could not be.
    pub fn pulling(&self) -> Vec<Pulling> {
        self.pulls.all()
    }

    fn notes_now(&self) -> Vec<String> {
        let pulls = self.pulling().into_iter().map(|Pulling { image, progress, failed }| match failed {
            Some(why) => format!("the image {image} cannot be fetched: {why}"),
            None => {
                let percent = progress.percent().map(|percent| format!(", {percent} %")).unwrap_or_default();
                format!("the image {image} is being fetched{percent}")
            }
        });
        self.trouble().into_iter().chain(pulls).collect()
    }

    fn strange(&self, what: &str) {
        let mut known = locked(&self.memory.oddities);
        if known.len() < ODDITIES_MAX && known.insert(what.to_owned()) {
            tracing::warn!("Docker says something strange, which is left out: {what}");
        }
    }

    async fn inspect_at(&self, name: &str) -> Result<Option<Inspected>, Failure> {
        let answer = match self.daemon.ask(Call::get(format!("/containers/{}/json", segment(name)))).await {
            Err(Failure::Refused(Refusal::NoSuchContainer)) => return Ok(None),
            other => other?,
        };
        let read = serde_json::from_slice::<Inspection>(&answer.body).map_err(|error| error.to_string());
        match read.and_then(|inspection| inspection.inspected(&self.memory.ours)) {
            Ok(inspected) => Ok(Some(inspected)),
            Err(strange) => Err(unexplained(&format!("the inspection of {name} cannot be read: {strange}"))),
        }
    }

    /// Podman says `host` of every container it lists.
    async fn look_up_networks(&self, containers: &mut [Listed]) -> Result<(), Failure> {
        let listed: BTreeSet<ContainerId> = containers.iter().map(|container| container.id).collect();
        locked(&self.memory.networks).retain(|id, _| listed.contains(id));
        for container in containers.iter_mut().filter(|container| container.ours) {
            let known = locked(&self.memory.networks).get(&container.id).cloned();
            let network = match known {
                Some(network) => network,
                None => match self.inspect_at(&container.id.to_string()).await {
                    Ok(Some(inspected)) => inspected.facts.listed.network,
                    // One that cannot be read stays as it was told, and spoils nothing else.
                    Ok(None) | Err(Failure::Refused(_)) => continue,
                    Err(lost @ Failure::Unknown(_)) => return Err(lost),
                },
            };
            locked(&self.memory.networks).insert(container.id, network.clone());
            container.network = network;
        }
        Ok(())
    }

    async fn create_once(&self, spec: &Spec) -> Result<ContainerId, Failure> {
        let path = format!("/containers/create?name={}", segment(spec.name.as_str()));
        let answer = self.daemon.ask(Call::post(path).json(creation(spec))).await?;
        self.pulls.is_there(&spec.image);
        id_in(&answer.body).and_then(|text| read::id(&text)).map_err(|wrong| unexplained(&wrong))
    }

    /// Somebody else removes it already: what was asked for is carried out when it is gone.
    async fn until_it_is_gone(&self, id: ContainerId) -> Result<(), Failure> {
        let until = Instant::now() + REMOVAL_MAX;
        while self.inspect_at(&id.to_string()).await?.is_some() {
            if Instant::now() >= until {
                return Err(Failure::Unknown(Silence::TimedOut));
            }
            sleep(REMOVAL_LOOK_EVERY).await;
        }
        Ok(())
    }

    async fn exit_code(&self, exec: &str) -> Result<i64, Failure> {
        let until = Instant::now() + EXIT_CODE_MAX;
        loop {
            let answer = self.daemon.ask(Call::get(format!("/exec/{}/json", segment(exec)))).await?;
            let ended: Ended =
                serde_json::from_slice(&answer.body).map_err(|error| unexplained(&error.to_string()))?;
            match ended.exit_code {
                Some(code) if ended.running != Some(true) => return Ok(code),
                Some(_) | None if Instant::now() >= until => {
                    return Err(unexplained("Docker does not tell how the command ended"));
                }
                Some(_) | None => sleep(EXIT_CODE_LOOK_EVERY).await,
            }
        }
    }
}

impl Runtime for Docker {
    async fn ping(&self) -> Result<(), Failure> {
        self.daemon.ping().await
    }

    async fn list(&self) -> Result<Listing, Failure> {
        let call = Call::get("/containers/json?all=1").up_to(LISTING_MAX_BYTES);
        let answer = self.daemon.ask(call).await?;
        let entries: Vec<Value> = serde_json::from_slice(&answer.body)
            .map_err(|error| unexplained(&format!("the listing cannot be read: {error}")))?;
        let mut containers = Vec::with_capacity(entries.len());
        for entry in entries {
            let id =
                entry.get("Id").and_then(Value::as_str).unwrap_or("?").chars().take(12).collect::<String>();
            let read = serde_json::from_value::<Summary>(entry).map_err(|error| error.to_string());
            match read.and_then(|summary| summary.listed(&self.memory.ours)) {
                Ok(listed) => containers.push(listed),
                Err(strange) => self.strange(&format!("of the container {id}: {strange}")),
            }
        }
        if self.daemon.peer().await?.is_podman {
            self.look_up_networks(&mut containers).await?;
        }
        Ok(Listing { containers })
    }

    async fn inspect(&self, target: &Target) -> Result<Option<Inspected>, Failure> {
        match target {
            Target::Id(id) => self.inspect_at(&id.to_string()).await,
            Target::Name(name) => {
                let found = self.inspect_at(name.as_str()).await?;
                // Docker also finds a container by the beginning of its id.
                Ok(found.filter(|found| found.facts.listed.name == *name))
            }
        }
    }

    async fn create(&self, spec: &Spec) -> Result<ContainerId, Failure> {
        match self.create_once(spec).await {
            Err(Failure::Refused(Refusal::ImageMissing)) => {
                self.pulls.fetch(&self.daemon, &spec.image).await?;
                self.create_once(spec).await
            }
            other => other,
        }
    }

    async fn start(&self, id: ContainerId) -> Result<(), Failure> {
        self.daemon.ask(Call::post(format!("/containers/{id}/start"))).await.map(drop)
    }

    async fn restart(&self, id: ContainerId, grace: Duration) -> Result<(), Failure> {
        let path = format!("/containers/{id}/restart?t={}", whole_seconds(grace));
        self.daemon.ask(Call::post(path)).await.map(drop)
    }

    async fn stop(&self, id: ContainerId, grace: Duration) -> Result<(), Failure> {
        let path = format!("/containers/{id}/stop?t={}", whole_seconds(grace));
        self.daemon.ask(Call::post(path)).await.map(drop)
    }

    async fn remove(&self, id: ContainerId) -> Result<(), Failure> {
        let removal = Call::new(Method::DELETE, format!("/containers/{id}?force=1&v=1"));
        match self.daemon.ask(removal).await {
            Err(Failure::Refused(Refusal::Unexplained(words))) if words.contains("already in progress") => {
                self.until_it_is_gone(id).await
            }
            other => other.map(drop),
        }
    }

    async fn run_in(&self, id: ContainerId, command: &[&str]) -> Result<Ran, Failure> {
        let wanted = json!({ "AttachStdout": true, "AttachStderr": true, "Cmd": command }).to_string();
        let created = self.daemon.ask(Call::post(format!("/containers/{id}/exec")).json(wanted)).await?;
        let exec = id_in(&created.body).map_err(|wrong| unexplained(&wrong))?;
        let start = Call::post(format!("/exec/{}/start", segment(&exec)));
        let mut stream =
            self.daemon.open(start.json(json!({ "Detach": false, "Tty": false }).to_string())).await?;
        let (mut frames, mut output) = (Frames::default(), BytesMut::new());
        while let Some(piece) = stream.next().await.map_err(|failure| self.daemon.broken(&failure))? {
            frames.take_in(&piece, |printed| {
                let room = OUTPUT_MAX_BYTES - output.len();
                output.extend_from_slice(&printed[..printed.len().min(room)]);
            });
        }
        let exit_code = self.exit_code(&exec).await?;
        if could_not_be_run(exit_code, &output) {
            return Err(Failure::Refused(Refusal::NoShell));
        }
        Ok(Ran { exit_code, output: output.freeze() })
    }

    async fn logs(&self, id: ContainerId, tail: u32, limit: usize) -> Result<Bytes, Failure> {
        let call = Call::get(format!("/containers/{id}/logs?stdout=1&stderr=1&tail={tail}"));
        let mut stream = self.daemon.open(call).await?;
        let (mut frames, mut kept, mut read) = (Frames::default(), BytesMut::new(), 0);
        while let Some(piece) = stream.next().await.map_err(|failure| self.daemon.broken(&failure))? {
            read += piece.len();
            frames.take_in(&piece, |printed| {
                kept.extend_from_slice(&printed[printed.len().saturating_sub(limit)..]);
                kept.advance(kept.len().saturating_sub(limit));
            });
            if read > LOG_READ_MAX_BYTES {
                break;
            }
        }
        Ok(kept.freeze())
    }

    async fn usage(&self, id: ContainerId) -> Result<Usage, Failure> {
        usage::of(self, id).await
    }

    fn count_in(&self, meters: &Arc<Meters>) {
        self.daemon.count_in(meters);
    }

    fn notes(&self) -> Vec<String> {
        self.notes_now()
    }

    async fn tell(&self, to: mpsc::Sender<Told>) {
        notices::tell(&self.daemon, &self.memory.ours, &to).await;
    }
}

/// How a command that was run in a container is doing.
#[derive(Deserialize)]
struct Ended {
    #[serde(rename = "Running")]
    running: Option<bool>,
    #[serde(rename = "ExitCode")]
    exit_code: Option<i64>,
}

/// It was not a command that ended so, but what should have run it: these are its words, whichever it is.
fn could_not_be_run(exit_code: i64, output: &[u8]) -> bool {
    let words = String::from_utf8_lossy(output);
    let not_the_command = words.contains("OCI runtime") || words.contains("crun:");
    matches!(exit_code, 126 | 127)
        && not_the_command
        && (words.contains("executable file") || words.contains("no such file or directory"))
}

/// The id that Docker gives to what it has just made.
fn id_in(body: &[u8]) -> Result<String, String> {
    /// An answer to a creation.
    #[derive(Deserialize)]
    struct Made {
        #[serde(rename = "Id")]
        id: String,
    }
    let made: Made = serde_json::from_slice(body).map_err(|error| format!("it has no id: {error}"))?;
    Ok(made.id)
}

/// A part of a path, with everything written out that would mean something there.
fn segment(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

/// Docker counts whole seconds; a part of one is given as a whole.
fn whole_seconds(grace: Duration) -> u64 {
    grace.as_secs() + u64::from(grace.subsec_nanos() > 0)
}

fn unexplained(words: &str) -> Failure {
    Failure::Refused(Refusal::Unexplained(refusal::bounded(words).into()))
}

#[cfg(test)]
mod tests;
