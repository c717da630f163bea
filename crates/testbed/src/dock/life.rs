//! How processes live and die: stand-ins are run, health is checked, and policy restarts what has died by itself.

use std::sync::Arc;
use std::time::Duration;

use control::docker::{Health, State};
use control::event::Refusal;
use control::ids::ContainerId;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::container::{Container, Order, Switches};
use super::daemon::Daemon;
use super::host::{Aftermath, Run, Waits};
use super::settings::Role;
use crate::engine::{Engine, Tunnel};
use crate::environment::Environment;
use crate::gluetun::Gluetun;

/// What the exit code of a killed process is.
const KILLED: i32 = 137;
/// What is wrong with the settings.
const BAD_SETTINGS: i32 = 64;
/// It did not come so far as to run.
const FAILED: i32 = 1;

impl Daemon {
    /// Starts a container's next run.
    pub(super) fn run(self: &Arc<Self>, id: ContainerId) -> Result<(), Refusal> {
        let run = self.host().begin(&self.runtime, id)?;
        self.spawn(Arc::clone(self).live(run));
        Ok(())
    }

    async fn live(self: Arc<Self>, mut run: Run) {
        let (id, number) = (run.id, run.number);
        let relays = std::mem::take(&mut run.relays);
        let code = match run.role {
            Role::Engine => self.engine(&mut run).await,
            Role::Gluetun => self.gluetun(&mut run).await,
            Role::Idle => {
                ordered(&mut run.order, Order::Die).await;
                KILLED
            }
        };
        for relay in relays {
            relay.close().await;
        }
        if *run.order.borrow() == Order::Run {
            // A frozen daemon hears of it later.
            self.weather.thawed().await;
        }
        let durations = self.settings.durations;
        let waits = Waits {
            first: durations.first_backoff,
            last: durations.last_backoff,
            lived_long: durations.lived_long,
        };
        let aftermath = self.host().ended(id, number, code, waits);
        match aftermath {
            Aftermath::Stays => {}
            Aftermath::Restarts(after) => self.spawn(Arc::clone(&self).restart_by_policy(id, number, after)),
        }
        // Not before all that follows is so: whoever waits for the end goes on now.
        drop(run.over);
    }

    /// If that fails nothing is said, and it is never tried again.
    async fn restart_by_policy(self: Arc<Self>, id: ContainerId, run: u64, after: Duration) {
        sleep(after).await;
        self.weather.thawed().await;
        let Ok(turn) = self.host().get(id).map(|container| Arc::clone(&container.turn)) else { return };
        let _turn = turn.lock_owned().await;
        let waits = |container: &mut Container| container.state == State::Restarting && container.runs == run;
        if !self.host().get(id).is_ok_and(waits) {
            return;
        }
        let ran = self.run(id);
        if let Ok(container) = self.host().get(id) {
            match ran {
                Ok(()) => container.restarts += 1,
                Err(refusal) => {
                    container.state = State::Exited;
                    container.print(format!("could not be restarted: {refusal}"));
                }
            }
        }
    }

    async fn engine(&self, run: &mut Run) -> i32 {
        let env = run.env.clone();
        let told = match Environment(|name: &str| env.get(name).cloned()).engine(run.address, &run.command) {
            Ok(told) => told,
            Err(why) => return self.fails(run, &why, BAD_SETTINGS).await,
        };
        let mut settings = told.settings;
        settings.tunnel = run.tunnel.take().unwrap_or(Tunnel::Assumed(told.connected));
        settings.cache = self.cache_of(run.id);
        let last = if told.heeds_term { Order::End } else { Order::Die };
        let started = tokio::select! {
            started = Engine::start(settings) => started,
            code = told_to_end(&mut run.order, last) => return code,
        };
        let mut engine = match started {
            Ok(engine) => engine,
            Err(why) => return self.fails(run, &why.to_string(), FAILED).await,
        };
        let faults = engine.faults();
        if let Err(why) = faults.apply_all(&told.faults) {
            return self.fails(run, &why, BAD_SETTINGS).await;
        }
        self.is_there(run, &format!("engine on {}", engine.address()), Switches::Engine(faults));
        let code = tokio::select! {
            code = engine.ended() => code,
            code = told_to_end(&mut run.order, last) => code,
        };
        engine.kill().await;
        code
    }

    async fn gluetun(&self, run: &mut Run) -> i32 {
        let env = run.env.clone();
        let told = match Environment(|name: &str| env.get(name).cloned()).gluetun(run.address) {
            Ok(told) => told,
            Err(why) => return self.fails(run, &why, BAD_SETTINGS).await,
        };
        let mut gluetun = match Gluetun::start(told.settings).await {
            Ok(gluetun) => gluetun,
            Err(why) => return self.fails(run, &why.to_string(), FAILED).await,
        };
        let faults = gluetun.faults();
        if let Err(why) = faults.apply_all(&told.faults) {
            return self.fails(run, &why, BAD_SETTINGS).await;
        }
        self.is_there(run, &format!("gluetun on {}", gluetun.control()), Switches::Gluetun(faults.clone()));
        let tunnel = gluetun.tunnel();
        let code = tokio::select! {
            code = gluetun.ended() => code,
            () = pass_on(tunnel, run.tells.take()) => FAILED,
            () = self.check_health(run.id, run.number, || faults.told_healthy()) => FAILED,
            code = ends(&mut run.order, told.stop) => code,
        };
        gluetun.kill().await;
        code
    }

    /// Looks again and again how a container is.
    async fn check_health(&self, id: ContainerId, run: u64, is_healthy: impl Fn() -> bool) {
        let check = self.settings.health;
        let (began, mut was_good, mut bad) = (Instant::now(), false, 0);
        loop {
            sleep(check.interval).await;
            // The daemon's own work: it stops with it.
            self.weather.thawed().await;
            if is_healthy() {
                (was_good, bad) = (true, 0);
                self.host().is_judged(id, run, Health::Healthy);
            } else if was_good || began.elapsed() > check.start_period {
                bad += 1;
                if bad >= check.retries {
                    self.host().is_judged(id, run, Health::Unhealthy);
                }
            }
        }
    }

    fn is_there(&self, run: &Run, words: &str, switches: Switches) {
        let mut host = self.host();
        host.there_is(run.id, run.number, switches);
        if let Ok(container) = host.get(run.id) {
            container.print(words.to_owned());
        }
    }

    /// A program runs for a moment before it finds that it cannot.
    async fn fails(&self, run: &mut Run, why: &str, code: i32) -> i32 {
        if let Ok(container) = self.host().get(run.id) {
            container.print(why.to_owned());
        }
        tokio::select! {
            () = sleep(self.settings.durations.fail) => code,
            () = ordered(&mut run.order, Order::End) => KILLED,
        }
    }
}

/// Waits until a process is told this, or worse.
async fn ordered(order: &mut watch::Receiver<Order>, what: Order) {
    if order.wait_for(|told| *told >= what).await.is_err() {
        // Nobody can tell it anything any more.
        std::future::pending::<()>().await;
    }
}

/// A process that ends when it is told this, or worse: its exit code.
async fn told_to_end(order: &mut watch::Receiver<Order>, what: Order) -> i32 {
    ordered(order, what).await;
    if *order.borrow() == Order::Die { KILLED } else { 0 }
}

/// A process that ends when it is asked to, after a while.
async fn ends(order: &mut watch::Receiver<Order>, after: Duration) -> i32 {
    ordered(order, Order::End).await;
    tokio::select! {
        () = sleep(after) => 0,
        () = ordered(order, Order::Die) => KILLED,
    }
}

/// Those who share a network know of the world what its maker knows.
async fn pass_on(mut from: watch::Receiver<bool>, to: Option<watch::Sender<bool>>) {
    loop {
        let up = *from.borrow_and_update();
        if let Some(to) = &to {
            to.send_replace(up);
        }
        if from.changed().await.is_err() {
            return;
        }
    }
}
