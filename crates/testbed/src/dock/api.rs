//! What a program asks of the daemon: the calls of a container runtime, and its stream of notices.
//!
//! Each call is carried out whether or not its caller waits for the end, and is subject to whatever is wrong with
//! the API. Nothing here knows what the calls do.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use control::command::Target;
use control::docker::{Facts, Listing, Network};
use control::event::{Refusal, Silence};
use control::ids::ContainerId;
use tokio::time::sleep;

use super::caches::Ran;
use super::container::Container;
use super::daemon::Daemon;
use super::notices::Notices;
use super::spec::Spec;
use super::weather::{Mishap, Verb};

/// Why a call has no good answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Failure {
    /// The daemon said no.
    Refused(Refusal),
    /// Nobody knows whether it was carried out.
    Unknown(Silence),
}

/// What an inspection tells.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Inspected {
    /// What the core is told.
    pub facts: Facts,
    /// Its address and the network it has that on; `None` while it has no network of its own.
    pub address: Option<(String, IpAddr)>,
    /// Ports that it publishes: inside, and on this machine's 127.0.0.1.
    pub published: Vec<(u16, u16)>,
}

/// The label by which a program knows its own containers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Label {
    key: String,
    value: String,
}

impl Label {
    /// Whether it is among these.
    pub(super) fn is_on(&self, labels: &BTreeMap<String, String>) -> bool {
        labels.get(&self.key) == Some(&self.value)
    }
}

/// The daemon as one program sees it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Api {
    daemon: Arc<Daemon>,
    ours: Arc<Label>,
}

impl Api {
    pub(super) fn new(daemon: Arc<Daemon>, (key, value): (String, String)) -> Self {
        Self { daemon, ours: Arc::new(Label { key, value }) }
    }

    /// Is it there?
    pub async fn ping(&self) -> Result<(), Failure> {
        self.call(Verb::Ping, async |_| Ok(())).await
    }

    /// Every container there is, in any state.
    pub async fn list(&self) -> Result<Listing, Failure> {
        let ours = Arc::clone(&self.ours);
        self.call(Verb::List, async move |daemon| {
            let host = daemon.host();
            let containers = host.containers.values().map(|container| container.listed(&ours)).collect();
            Ok(Listing { containers })
        })
        .await
    }

    /// One container; `None` if there is no such container.
    pub async fn inspect(&self, target: &Target) -> Result<Option<Inspected>, Failure> {
        let (ours, target) = (Arc::clone(&self.ours), target.clone());
        self.call(Verb::Inspect, async move |daemon| {
            let host = daemon.host();
            let found = match &target {
                Target::Id(id) => host.containers.get(id),
                Target::Name(name) => host.named(name),
            };
            Ok(found.map(|container| inspected(container, &ours)))
        })
        .await
    }

    /// Creates a container. It is not started. An image that is missing stays so: there is no registry.
    pub async fn create(&self, spec: Spec) -> Result<ContainerId, Failure> {
        self.call(Verb::Create, async move |daemon| daemon.create(spec).await).await
    }

    /// Starts a container. One that runs already is fine.
    pub async fn start(&self, id: ContainerId) -> Result<(), Failure> {
        self.call(Verb::Start, async move |daemon| daemon.start(id).await).await
    }

    /// Stops a container, killing it after `grace`, and starts it again.
    pub async fn restart(&self, id: ContainerId, grace: Duration) -> Result<(), Failure> {
        self.call(Verb::Restart, async move |daemon| daemon.restart(id, grace).await).await
    }

    /// Stops a container, killing it after `grace`. One that is stopped already is fine.
    pub async fn stop(&self, id: ContainerId, grace: Duration) -> Result<(), Failure> {
        self.call(Verb::Stop, async move |daemon| daemon.stop(id, grace).await).await
    }

    /// Kills and removes a container.
    pub async fn remove(&self, id: ContainerId) -> Result<(), Failure> {
        self.call(Verb::Remove, async move |daemon| daemon.remove(id).await).await
    }

    /// Runs a command in a container and waits for its end.
    pub async fn run_in(&self, id: ContainerId, command: &[&str]) -> Result<Ran, Failure> {
        let command: Vec<String> = command.iter().map(|&word| word.to_owned()).collect();
        self.call(Verb::RunIn, async move |daemon| daemon.run_in(id, &command)).await
    }

    /// The last lines that a container has printed.
    pub async fn logs(&self, id: ContainerId, tail: usize) -> Result<String, Failure> {
        self.call(Verb::Logs, async move |daemon| {
            let mut host = daemon.host();
            let log = &host.get(id)?.log;
            let lines = log.iter().skip(log.len().saturating_sub(tail));
            Ok(lines.map(|line| format!("{line}\n")).collect())
        })
        .await
    }

    /// Opens the stream of notices, once the daemon is there.
    pub async fn notices(&self) -> Result<Notices, Failure> {
        let told = self.call(Verb::Ping, async |daemon| Ok(daemon.told.subscribe())).await?;
        Ok(Notices { told, daemon: Arc::clone(&self.daemon), ours: Arc::clone(&self.ours) })
    }

    async fn call<T, F>(
        &self,
        verb: Verb,
        deed: impl FnOnce(Arc<Daemon>) -> F + Send + 'static,
    ) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Refusal>> + Send,
    {
        let weather = &self.daemon.weather;
        let mishap = weather.mishap(verb);
        if weather.is_gone() || mishap == Some(Mishap::RequestLost) {
            return Err(Failure::Unknown(Silence::Disconnected));
        }
        let cut = weather.cut_of_this_connection();
        let (daemon, happens) = (Arc::clone(&self.daemon), mishap.clone());
        let done = self.daemon.carry_out(async move {
            sleep(daemon.settings.durations.answer + daemon.weather.slow()).await;
            daemon.weather.thawed().await;
            if let Some(Mishap::Refused(refusal)) = happens {
                return Err(refusal);
            }
            let done = deed(Arc::clone(&daemon)).await;
            daemon.weather.thawed().await;
            done
        });
        let answered = async {
            let done = done.await;
            weather.answers_pass().await;
            done
        };
        let done = tokio::select! {
            done = answered => done,
            () = cut => return Err(Failure::Unknown(Silence::Disconnected)),
        };
        match mishap {
            Some(Mishap::NeverAnswered) => std::future::pending().await,
            Some(Mishap::AnswerLost) => Err(Failure::Unknown(Silence::Disconnected)),
            Some(Mishap::Refused(_) | Mishap::RequestLost) | None => match done {
                Some(done) => done.map_err(Failure::Refused),
                None => Err(Failure::Unknown(Silence::Disconnected)),
            },
        }
    }
}

fn inspected(container: &Container, ours: &Label) -> Inspected {
    let address = container.sandbox.as_ref().map(|sandbox| {
        let network = match &container.network {
            Network::Own(name) | Network::ContainerNamed(name) => name.to_string(),
            Network::Container(id) => id.to_string(),
        };
        (network, IpAddr::V4(sandbox.address))
    });
    Inspected { facts: container.facts(ours), address, published: container.spec.publish.clone() }
}
