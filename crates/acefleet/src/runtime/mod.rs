//! What runs containers, as the rest of the program sees it: a trait with a real Docker Engine behind it, or the
//! embedded fleet.
//!
//! A runtime carries out and reports. It retries nothing, decides nothing, and its answers are in the core's words.

use crate::metrics::Meters;
use bytes::Bytes;
use control::command::Target;
use control::docker::{Facts, Listing, Notice};
use control::event::{Outcome, Refusal, Report, Silence};
use control::ids::{ContainerId, Name};
use std::collections::BTreeMap;
use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Why a call has no good answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Failure {
    /// The other side said no.
    Refused(Refusal),
    /// Nobody knows whether it was carried out.
    Unknown(Silence),
}

impl From<Failure> for Outcome {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(refusal) => Self::Refused(refusal),
            Failure::Unknown(silence) => Self::Unknown(silence),
        }
    }
}

/// What an inspection tells, with what is needed to reach the container.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Inspected {
    /// What the core is told.
    pub facts: Facts,
    /// Where it can be reached now; empty while it has no network of its own.
    pub reach: Reach,
}

/// Where a container can be reached.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Reach {
    /// Its address on each of its networks, by the network's name.
    pub addresses: Vec<(String, IpAddr)>,
    /// Ports that it publishes: inside, and on the host.
    pub published: Vec<(u16, u16)>,
    /// It has the host's own network.
    pub on_host: bool,
}

/// What a container takes of the machine; what is not measured is not told.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub struct Usage {
    /// Of one processor: 200 is two of them, all the time.
    pub cpu_percent: Option<f64>,
    /// Memory that it needs; what the kernel keeps of its files and could drop is not counted.
    pub memory_bytes: Option<u64>,
    /// The most memory that it may take; all there is, if nobody has set a limit.
    pub memory_limit_bytes: Option<u64>,
}

/// A container to be created, ready to be written down for Docker.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Spec {
    /// Its name.
    pub name: Name,
    /// Its image, with a tag.
    pub image: String,
    /// Its environment.
    pub env: BTreeMap<String, String>,
    /// What it runs instead of its image's own command.
    pub command: Option<Vec<String>>,
    /// Its labels, CONTAINER_LABEL among them.
    pub labels: BTreeMap<String, String>,
    /// Where its network comes from.
    pub network: JoinedNetwork,
    /// Ports that it publishes: inside, and on the host.
    pub publish: Vec<(u16, u16)>,
}

/// Where a new container's network comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum JoinedNetwork {
    /// It shares that of the container of this name.
    OfContainer(Name),
    /// It joins this network; without a name, the runtime's own default.
    Own(Option<String>),
}

/// How a command ended that was run in a container.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ran {
    /// Its exit code.
    pub exit_code: i64,
    /// What it printed, cut off at a bound.
    pub output: Bytes,
}

/// What the event stream tells.
#[derive(Clone, PartialEq, Debug)]
pub enum Told {
    /// It was opened, or opened again: whatever happened before may have gone unheard.
    Opened,
    /// Something happened to a container.
    Notice(Notice),
}

/// What runs containers.
///
/// Every call may be dropped at any moment: the caller's deadline is over. It may be carried out all the same.
pub trait Runtime: Send + Sync + 'static {
    /// Is it there?
    fn ping(&self) -> impl Future<Output = Result<(), Failure>> + Send;
    /// Every container there is, in any state.
    fn list(&self) -> impl Future<Output = Result<Listing, Failure>> + Send;
    /// One container; `None` if there is no such container.
    fn inspect(&self, target: &Target) -> impl Future<Output = Result<Option<Inspected>, Failure>> + Send;
    /// Creates a container, fetching its image if that is missing. It is not started.
    fn create(&self, spec: &Spec) -> impl Future<Output = Result<ContainerId, Failure>> + Send;
    /// Starts a container. One that runs already is fine.
    fn start(&self, id: ContainerId) -> impl Future<Output = Result<(), Failure>> + Send;
    /// Stops a container, killing it after `grace`, and starts it again.
    fn restart(&self, id: ContainerId, grace: Duration) -> impl Future<Output = Result<(), Failure>> + Send;
    /// Stops a container, killing it after `grace`. One that is stopped already is fine.
    fn stop(&self, id: ContainerId, grace: Duration) -> impl Future<Output = Result<(), Failure>> + Send;
    /// Kills and removes a container, with the volumes that were made for it alone.
    fn remove(&self, id: ContainerId) -> impl Future<Output = Result<(), Failure>> + Send;
    /// Runs a command in a container and waits for its end.
    fn run_in(&self, id: ContainerId, command: &[&str]) -> impl Future<Output = Result<Ran, Failure>> + Send;
    /// The last lines that a container has printed, at most `limit` bytes.
    fn logs(
        &self,
        id: ContainerId,
        tail: u32,
        limit: usize,
    ) -> impl Future<Output = Result<Bytes, Failure>> + Send;
    /// What a container takes of the machine just now.
    fn usage(&self, id: ContainerId) -> impl Future<Output = Result<Usage, Failure>> + Send;
    /// What people should know of it now, a sentence each: why it does not answer, what it is waiting for.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }
    /// What it does that no call asks for is counted there from now on.
    fn count_in(&self, meters: &Arc<Meters>) {
        let _nothing_to_count = meters;
    }
    /// Tells what happens to containers, for as long as somebody listens; reconnects by itself, for ever, backing
    /// off to a bound.
    fn tell(&self, to: mpsc::Sender<Told>) -> impl Future<Output = ()> + Send;
}

/// The outcome of a call that has nothing to say but that it was carried out.
pub fn carried(result: Result<(), Failure>) -> Outcome {
    match result {
        Ok(()) => Outcome::Done(Report::Carried),
        Err(failure) => failure.into(),
    }
}
