//! The daemon: it carries out what it has been told, whoever still listens, one deed at a time for each container.
//!
//! What is true is in `host`. How processes live and die is in `life`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use control::docker::State;
use control::event::Refusal;
use control::ids::{ContainerId, Name};
use tokio::runtime::Handle;
use tokio::sync::{OwnedMutexGuard, broadcast, oneshot};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::container::{Container, Order};
use super::host::{Host, is_in};
use super::notices::{Told, What};
use super::settings::Settings;
use super::spec::Spec;
use super::weather::Weather;

/// What all of a dock shares.
#[derive(Debug)]
pub(super) struct Daemon {
    pub(super) settings: Settings,
    pub(super) weather: Weather,
    pub(super) told: broadcast::Sender<Told>,
    pub(super) runtime: Handle,
    host: Mutex<Host>,
    tasks: Mutex<JoinSet<()>>,
}

/// Whoever has it is the only one who does something to a container.
type Turn = OwnedMutexGuard<()>;

impl Daemon {
    pub(super) fn new(settings: Settings, host: Host, told: broadcast::Sender<Told>) -> Self {
        Self {
            settings,
            weather: Weather::fair(),
            told,
            runtime: Handle::current(),
            host: Mutex::new(host),
            tasks: Mutex::default(),
        }
    }

    pub(super) fn host(&self) -> MutexGuard<'_, Host> {
        self.host.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tasks(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs something on its own, until it is done or the dock is closed.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks();
        while tasks.try_join_next().is_some() {}
        if !self.host().closed {
            tasks.spawn_on(task, &self.runtime);
        }
    }

    /// Carries something out to its end, whether somebody still waits for it or not; `None` if the dock is closed.
    pub(super) async fn carry_out<T: Send + 'static>(
        &self,
        deed: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let (tell, hear) = oneshot::channel();
        self.spawn(async move {
            // Nobody may listen any more.
            let _ = tell.send(deed.await);
        });
        hear.await.ok()
    }

    /// Ends everything, and waits for that.
    pub(super) async fn close(&self) {
        let mut tasks = {
            self.host().closed = true;
            std::mem::take(&mut *self.tasks())
        };
        tasks.shutdown().await;
    }

    /// Ends everything, as soon as its tasks have their turn.
    pub(super) fn abandon(&self) {
        self.host().closed = true;
        self.tasks().abort_all();
    }

    async fn takes(&self, duration: Duration) {
        let duration = self.host().jittered(duration);
        sleep(duration).await;
    }

    async fn turn(&self, id: ContainerId) -> Result<Turn, Refusal> {
        let turn = Arc::clone(&self.host().get(id)?.turn);
        Ok(turn.lock_owned().await)
    }

    pub(super) async fn create(&self, spec: Spec) -> Result<ContainerId, Refusal> {
        let image = self.settings.image(&spec.image).ok_or(Refusal::ImageMissing)?.clone();
        let name = spec.name.clone();
        self.host().take_name(&name)?;
        self.takes(self.settings.durations.create).await;
        Ok(self.host().make(spec, &image))
    }

    pub(super) async fn start(self: &Arc<Self>, id: ContainerId) -> Result<(), Refusal> {
        let _turn = self.turn(id).await?;
        self.start_in_turn(id).await
    }

    async fn start_in_turn(self: &Arc<Self>, id: ContainerId) -> Result<(), Refusal> {
        match self.state(id)? {
            // One that is about to be restarted counts as running.
            State::Running | State::Restarting => return Ok(()),
            State::Created | State::Exited => {}
            state @ (State::Paused | State::Removing | State::Dead) => return Err(is_in(state)),
        }
        self.takes(self.settings.durations.start).await;
        self.host().get(id)?.backoff = Duration::ZERO;
        self.run(id)
    }

    /// Asks a container to end, and kills it after the grace.
    pub(super) async fn stop(&self, id: ContainerId, grace: Duration) -> Result<(), Refusal> {
        let _turn = self.turn(id).await?;
        self.end(id, Some(grace)).await
    }

    pub(super) async fn restart(self: &Arc<Self>, id: ContainerId, grace: Duration) -> Result<(), Refusal> {
        let _turn = self.turn(id).await?;
        self.end(id, Some(grace)).await?;
        self.start_in_turn(id).await?;
        self.host().say(id, What::Over("restart"));
        Ok(())
    }

    pub(super) async fn kill(&self, id: ContainerId) -> Result<(), Refusal> {
        let _turn = self.turn(id).await?;
        match self.state(id)? {
            State::Running | State::Paused | State::Restarting => self.end(id, None).await,
            state @ (State::Created | State::Removing | State::Exited | State::Dead) => Err(is_in(state)),
        }
    }

    pub(super) async fn remove(&self, id: ContainerId) -> Result<(), Refusal> {
        let begun = self.state(id)? == State::Removing;
        let _turn = self.turn(id).await?;
        if begun {
            // Somebody else's removal is over, and this one with it.
            return Ok(());
        }
        self.end(id, None).await?;
        self.host().get(id)?.state = State::Removing;
        self.takes(self.settings.durations.remove).await;
        self.host().destroy(id);
        self.forget_cache(id);
        Ok(())
    }

    pub(super) async fn pause(&self, id: ContainerId) -> Result<(), Refusal> {
        let _turn = self.turn(id).await?;
        self.host().pause(id)
    }

    pub(super) async fn unpause(&self, id: ContainerId) -> Result<(), Refusal> {
        let _turn = self.turn(id).await?;
        self.host().unpause(id)
    }

    /// The same container made anew, with an id of its own.
    pub(super) async fn recreate(self: &Arc<Self>, id: ContainerId) -> Result<ContainerId, Refusal> {
        let spec = self.host().get(id)?.spec.clone();
        self.remove(id).await?;
        let other = self.create(spec).await?;
        self.start(other).await?;
        Ok(other)
    }

    /// Whose turn it is sees to it that nothing of a container runs; without a grace it is killed.
    async fn end(&self, id: ContainerId, grace: Option<Duration>) -> Result<(), Refusal> {
        let (order, mut over, asked) = {
            let mut host = self.host();
            let container = host.get(id)?;
            if container.state == State::Restarting {
                // Policy gives up.
                container.state = State::Exited;
            }
            container.meant_to_end = true;
            // A process that stands still does not hear that it should end.
            let asked = grace.filter(|_| container.state == State::Running);
            let Some(process) = &container.process else { return Ok(()) };
            (process.order.clone(), process.over.clone(), asked)
        };
        let mut ended = async || while over.changed().await.is_ok() {};
        if let Some(grace) = asked {
            order.send_replace(Order::End);
            if timeout(grace, ended()).await.is_ok() {
                return Ok(());
            }
        } else if let Some(grace) = grace {
            let _ = timeout(grace, ended()).await;
        }
        self.takes(self.settings.durations.kill).await;
        order.send_replace(Order::Die);
        ended().await;
        Ok(())
    }

    pub(super) fn state(&self, id: ContainerId) -> Result<State, Refusal> {
        self.host().get(id).map(|container| container.state)
    }

    /// The container that has this name now.
    pub(super) fn named(&self, name: &str) -> Result<ContainerId, Refusal> {
        self.look(name, |container| container.id).ok_or(Refusal::NoSuchContainer)
    }

    /// Looks at the container that has this name now.
    pub(super) fn look<T>(&self, name: &str, look: impl FnOnce(&Container) -> T) -> Option<T> {
        self.host().named(&Name::from(name)).map(look)
    }
}
