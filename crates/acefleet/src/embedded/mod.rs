//! The embedded fleet as a runtime: a dock of the testbed, whose containers are tasks of this process.
//!
//! Translation only. What a dock does is in `testbed::dock`.

use crate::runtime::{Failure, Inspected, JoinedNetwork, Ran, Reach, Runtime, Spec, Told, Usage};
use bytes::Bytes;
use control::command::Target;
use control::docker::Listing;
use control::event::Refusal;
use control::ids::ContainerId;
use std::time::Duration;
use testbed::dock::{self, Api};
use tokio::sync::mpsc;
use tokio::time::sleep;

/// The stream of notices is opened again after this, twice as long after each failure, up to the last.
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LAST_RETRY: Duration = Duration::from_secs(5);

/// A dock, as the program uses it.
#[derive(Clone, Debug)]
pub struct Embedded {
    api: Api,
}

impl Embedded {
    /// The dock that this leads to.
    pub fn new(api: Api) -> Self {
        Self { api }
    }
}

impl Runtime for Embedded {
    async fn ping(&self) -> Result<(), Failure> {
        Ok(self.api.ping().await?)
    }

    async fn list(&self) -> Result<Listing, Failure> {
        Ok(self.api.list().await?)
    }

    async fn inspect(&self, target: &Target) -> Result<Option<Inspected>, Failure> {
        Ok(self.api.inspect(target).await?.map(Inspected::from))
    }

    async fn create(&self, spec: &Spec) -> Result<ContainerId, Failure> {
        Ok(self.api.create(spec.into()).await?)
    }

    async fn start(&self, id: ContainerId) -> Result<(), Failure> {
        Ok(self.api.start(id).await?)
    }

    async fn restart(&self, id: ContainerId, grace: Duration) -> Result<(), Failure> {
        Ok(self.api.restart(id, grace).await?)
    }

    async fn stop(&self, id: ContainerId, grace: Duration) -> Result<(), Failure> {
        Ok(self.api.stop(id, grace).await?)
    }

    async fn remove(&self, id: ContainerId) -> Result<(), Failure> {
        Ok(self.api.remove(id).await?)
    }

    async fn run_in(&self, id: ContainerId, command: &[&str]) -> Result<Ran, Failure> {
        let dock::Ran { exit_code, output } = self.api.run_in(id, command).await?;
        Ok(Ran { exit_code, output: output.into() })
    }

    async fn logs(&self, id: ContainerId, tail: u32, limit: usize) -> Result<Bytes, Failure> {
        let lines = usize::try_from(tail).unwrap_or(usize::MAX);
        let printed = Bytes::from(self.api.logs(id, lines).await?);
        Ok(printed.slice(printed.len().saturating_sub(limit)..))
    }

    /// Its containers are tasks of one process: what each takes cannot be told.
    async fn usage(&self, id: ContainerId) -> Result<Usage, Failure> {
        let known = self.api.inspect(&Target::Id(id)).await?;
        known.map(|_| Usage::default()).ok_or(Failure::Refused(Refusal::NoSuchContainer))
    }

    async fn tell(&self, to: mpsc::Sender<Told>) {
        let mut retry = FIRST_RETRY;
        while !to.is_closed() {
            if let Ok(mut notices) = self.api.notices().await {
                retry = FIRST_RETRY;
                let mut told = Told::Opened;
                while to.send(told).await.is_ok() {
                    // Nobody may listen any more before there is anything to tell.
                    let next = tokio::select! {
                        next = notices.next() => next,
                        () = to.closed() => None,
                    };
                    match next {
                        Some(notice) => told = Told::Notice(notice),
                        None => break,
                    }
                }
            }
            sleep(retry).await;
            retry = LAST_RETRY.min(retry * 2);
        }
    }
}

impl From<dock::Failure> for Failure {
    fn from(failure: dock::Failure) -> Self {
        match failure {
            dock::Failure::Refused(refusal) => Self::Refused(refusal),
            dock::Failure::Unknown(silence) => Self::Unknown(silence),
        }
    }
}

impl From<dock::Inspected> for Inspected {
    fn from(inspected: dock::Inspected) -> Self {
        let dock::Inspected { facts, address, published } = inspected;
        let addresses = address.into_iter().collect();
        Self { facts, reach: Reach { addresses, published, on_host: false } }
    }
}

impl From<&Spec> for dock::Spec {
    fn from(spec: &Spec) -> Self {
        let Spec { name, image, env, command, labels, network, publish } = spec;
        Self {
            name: name.clone(),
            image: image.clone(),
            env: env.clone(),
            command: command.clone().unwrap_or_default(),
            labels: labels.clone(),
            network: match network {
                JoinedNetwork::OfContainer(name) => dock::Joined::OfContainer(name.clone()),
                JoinedNetwork::Own(bridge) => dock::Joined::Own(bridge.clone()),
            },
            publish: publish.clone(),
        }
    }
}
