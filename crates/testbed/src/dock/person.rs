//! What a person does at the machine, by the names of containers: done at once, whatever is wrong with the API.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use control::docker::{Health, Network, State};
use control::event::Refusal;
use control::ids::{ContainerId, Name};
use control::time::Stamp;

use super::Dock;
use super::container::{Container, Order, Switches};
use super::daemon::Daemon;
use super::notices::{Told, Words};
use super::settings::VPN_IMAGE;
use super::spec::Spec;
use super::weather::{Mishap, Verb};
use crate::{engine, gluetun};

/// What there is to be seen of a container at the machine itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seen {
    /// Its id.
    pub id: ContainerId,
    /// Its name.
    pub name: Name,
    /// Its state.
    pub state: State,
    /// Its health.
    pub health: Health,
    /// What it was created from.
    pub spec: Spec,
    /// Where its network comes from.
    pub network: Network,
    /// When it was last started.
    pub started_at: Option<Stamp>,
    /// How many times it has been started.
    pub runs: u64,
    /// How many of these were by policy.
    pub restarts: u32,
    /// What its last process has ended with.
    pub exit_code: Option<i32>,
    /// Where its process is, if it has one. Nobody gets there once its network has gone.
    pub address: Option<IpAddr>,
}

impl Dock {
    /// Creates and starts a VPN's container; `env` is what the stand-in is told.
    pub async fn run_vpn(&self, name: &str, env: &[(&str, &str)]) -> Result<ContainerId, Refusal> {
        self.run(Spec::new(name, VPN_IMAGE).env(env)).await
    }

    /// Creates and starts a container.
    pub async fn run(&self, spec: Spec) -> Result<ContainerId, Refusal> {
        self.deed(async move |daemon| {
            let id = daemon.create(spec).await?;
            daemon.start(id).await?;
            Ok(id)
        })
        .await
    }

    /// Starts a container.
    pub async fn start(&self, name: &str) -> Result<(), Refusal> {
        let id = self.daemon().named(name)?;
        self.deed(async move |daemon| daemon.start(id).await).await
    }

    /// Stops a container, killing it after `grace`. It stays so.
    pub async fn stop(&self, name: &str, grace: Duration) -> Result<(), Refusal> {
        let id = self.daemon().named(name)?;
        self.deed(async move |daemon| daemon.stop(id, grace).await).await
    }

    /// Stops a container, killing it after `grace`, and starts it again.
    pub async fn restart(&self, name: &str, grace: Duration) -> Result<(), Refusal> {
        let id = self.daemon().named(name)?;
        self.deed(async move |daemon| daemon.restart(id, grace).await).await
    }

    /// Kills a container. It stays so.
    pub async fn kill(&self, name: &str) -> Result<(), Refusal> {
        let id = self.daemon().named(name)?;
        self.deed(async move |daemon| daemon.kill(id).await).await
    }

    /// Lets a container's process stand still.
    pub async fn pause(&self, name: &str) -> Result<(), Refusal> {
        let id = self.daemon().named(name)?;
        self.deed(async move |daemon| daemon.pause(id).await).await
    }

    /// Lets it go on.
    pub async fn unpause(&self, name: &str) -> Result<(), Refusal> {
        let id = self.daemon().named(name)?;
        self.deed(async move |daemon| daemon.unpause(id).await).await
    }

    /// Kills and removes a container.
    pub async fn remove(&self, name: &str) -> Result<(), Refusal> {
        let id = self.daemon().named(name)?;
        self.deed(async move |daemon| daemon.remove(id).await).await
    }

    /// Removes a container, and runs one of the same name and kind, which has another id.
    pub async fn recreate(&self, name: &str) -> Result<ContainerId, Refusal> {
        let id = self.daemon().named(name)?;
        self.deed(async move |daemon| daemon.recreate(id).await).await
    }

    /// Gives a container another name.
    pub fn rename(&self, name: &str, to: &str) -> Result<(), Refusal> {
        let id = self.daemon().named(name)?;
        self.daemon().host().rename(id, &Name::from(to))
    }

    /// Lets a container's process die as if by itself; what policy makes of that comes later.
    pub fn crash(&self, name: &str) -> Result<(), Refusal> {
        const CODE: i32 = 139;
        let order = self.daemon().look(name, |container| {
            let process = container.process.as_ref()?;
            Some((process.switches.clone(), process.order.clone()))
        });
        match order.ok_or(Refusal::NoSuchContainer)? {
            Some((Switches::Engine(faults), _)) => faults.crash(CODE),
            Some((Switches::Gluetun(faults), _)) => faults.crash(CODE),
            Some((Switches::None, order)) => drop(order.send_replace(Order::Die)),
            None => return Err(Refusal::Unexplained("nothing runs in the container".into())),
        }
        Ok(())
    }

    /// The switches of the engine's stand-in in a container; `None` if there is no such container, or it is still
    /// booting or down. They are this run's: the next one has its own.
    pub fn engine_faults(&self, name: &str) -> Option<engine::FaultControl> {
        match self.switches(name)? {
            Switches::Engine(faults) => Some(faults),
            Switches::Gluetun(_) | Switches::None => None,
        }
    }

    /// The same of a VPN's.
    pub fn vpn_faults(&self, name: &str) -> Option<gluetun::FaultControl> {
        match self.switches(name)? {
            Switches::Gluetun(faults) => Some(faults),
            Switches::Engine(_) | Switches::None => None,
        }
    }

    fn switches(&self, name: &str) -> Option<Switches> {
        self.daemon().look(name, |container| Some(container.process.as_ref()?.switches.clone()))?
    }

    /// Looks at a container.
    pub fn see(&self, name: &str) -> Option<Seen> {
        self.daemon().look(name, seen)
    }

    /// Looks at all containers, in the order of their names.
    pub fn see_all(&self) -> Vec<Seen> {
        let host = self.daemon().host();
        host.names.values().filter_map(|id| host.containers.get(id.as_ref()?)).map(seen).collect()
    }

    /// What happens from now on.
    pub fn words(&self) -> Words {
        Words(self.daemon().told.subscribe())
    }

    /// The daemon's process stands still for so long: whoever calls waits, and containers run on.
    pub fn freeze(&self, duration: Duration) {
        self.daemon().weather.freeze(duration);
    }

    /// It goes on.
    pub fn thaw(&self) {
        self.daemon().weather.thaw();
    }

    /// Each call takes so much longer.
    pub fn slow_down(&self, by: Duration) {
        self.daemon().weather.be_slow(by);
    }

    /// The daemon refuses connections, and those that are there break; or it is back.
    pub fn go_away(&self, gone: bool) {
        self.daemon().weather.go(gone);
        if gone {
            self.cut_connections();
        }
    }

    /// Every connection to the daemon breaks; new ones can be made. What it was asked for, it carries out.
    pub fn cut_connections(&self) {
        self.daemon().weather.cut();
        self.break_notices();
    }

    /// What programs ask reaches the daemon, and its answers do not reach them; or they do again, those held included.
    pub fn hold_answers(&self, held: bool) {
        self.daemon().weather.hold_answers(held);
    }

    /// Something goes wrong with the next call of this kind.
    pub fn let_fail(&self, verb: Verb, mishap: Mishap) {
        self.daemon().weather.prepare(verb, mishap);
    }

    /// Notices get lost, without anybody being told so; or they do no longer.
    pub fn lose_notices(&self, lost: bool) {
        self.daemon().weather.lose_notices(lost);
    }

    /// Connections to the stream of notices break.
    pub fn break_notices(&self) {
        // Nobody listens: that is no mistake.
        let _ = self.daemon().told.send(Told::Broken);
    }

    async fn deed<T, F>(&self, deed: impl FnOnce(Arc<Daemon>) -> F + Send + 'static) -> Result<T, Refusal>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Refusal>> + Send,
    {
        let daemon = Arc::clone(self.daemon());
        let done = self.daemon().carry_out(async move { deed(daemon).await }).await;
        done.unwrap_or_else(|| Err(Refusal::Unexplained("the dock is closed".into())))
    }
}

fn seen(container: &Container) -> Seen {
    Seen {
        id: container.id,
        name: container.name.clone(),
        state: container.state,
        health: container.health,
        spec: container.spec.clone(),
        network: container.network.clone(),
        started_at: container.started_at,
        runs: container.runs,
        restarts: container.restarts,
        exit_code: container.exit_code,
        address: container.process.as_ref().map(|process| process.address.into()),
    }
}
