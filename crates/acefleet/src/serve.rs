//! `acefleet serve`: the program put together, from settings to the last goodbye.
//!
//! Everything is made here and handed on; nothing is decided.

mod looking;
mod place;

pub use looking::check;

use crate::api::{self, Chosen};
use crate::compose::{Composer, spec_hash};
use crate::dial::Ways;
use crate::docker::Docker;
use crate::driver::gate::Gate;
use crate::driver::{Driver, Hands, Parts};
use crate::engine::Engines;
use crate::gluetun::Gluetun;
use crate::history::History;
use crate::metrics::{Meters, spans};
use crate::notify::Notifier;
use crate::notify::alert::Beside;
use crate::proxy::Proxy;
use crate::recorder::{self, Recorder};
use crate::report::Facts;
use crate::runtime::Runtime;
use crate::settings::Settings;
use crate::store::{Held, Lock, Store};
use std::hash::{BuildHasher, Hasher};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

/// How often a lock that somebody else holds is tried for.
const LOCK_RETRY: Duration = Duration::from_millis(500);
/// Who holds it is said again after so many tries.
const LOCK_TRIES_BETWEEN_WORDS: u32 = 60;
/// Connections get so long to end by themselves.
const GOODBYE_MAX: Duration = Duration::from_secs(3);

/// Why it could not be put together.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// No port.
    #[error("{0}")]
    Port(String),
    /// The loop has ended by itself.
    #[error(
        "the loop that drives the core has ended, which it never should: what it said last is in the log"
    )]
    Loop,
    /// The system refuses something that it never refuses.
    #[error("the system refuses to pass signals on: {0}")]
    Signals(std::io::Error),
}

/// Runs the program on Docker until it is told to stop.
pub async fn serve(mut settings: Settings) -> Result<(), Problem> {
    let mut signals = Signals::listen().map_err(Problem::Signals)?;
    for warning in &settings.warnings {
        warn!("{warning}");
    }
    settings.core.spec = spec_hash(&settings.engine, !settings.core.vpns.is_empty());
    let lock = tokio::select! {
        lock = take_lock(&settings.store.path) => lock,
        () = signals.next() => return Ok(()),
    };
    let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, settings.app_port));
    let listener = TcpListener::bind(address).await;
    let listener = listener.map_err(|error| Problem::Port(api::bind_problem(address, &error)))?;

    let docker = Arc::new(Docker::new(&settings.docker, settings.engine.label.clone()));
    let ways = place::ways(&settings.docker);
    if place::in_container() {
        tokio::spawn(place::find_out(docker.clone(), ways.clone()));
    }
    info!(port = settings.app_port, version = env!("CARGO_PKG_VERSION"), "acefleet answers");
    let start = Start { runtime: docker, ways, settings, listener, seed: seed() };
    let ended = run(start, |_| api::More::none(), async || signals.next().await).await;
    // Not before the store has been written: whoever waits for the lock reads it.
    drop(lock);
    ended
}

/// What the program is started with.
#[derive(Debug)]
pub struct Start<R> {
    /// What runs containers.
    pub runtime: Arc<R>,
    /// How they are reached.
    pub ways: Arc<Ways>,
    /// What was chosen.
    pub settings: Settings,
    /// Where it answers.
    pub listener: TcpListener,
    /// Draws everything that is random in the core.
    pub seed: u64,
}

/// The program on any runtime, until it is asked to end. Whoever starts it may add routes, once there is a gate that
/// they lead to. `asked_to_end` is waited for once more while it ends: asked again, it ends at once.
pub async fn run<R: Runtime>(
    start: Start<R>,
    more: impl FnOnce(&Gate) -> api::More,
    mut asked_to_end: impl AsyncFnMut(),
) -> Result<(), Problem> {
    let Start { runtime, ways, settings, listener, seed } = start;
    let meters = Arc::new(Meters::default());
    runtime.count_in(&meters);
    let store = Arc::new(Store::new(settings.store.clone(), meters.clone()));
    let vpns: Vec<_> = settings.vpn_names().cloned().collect();
    let proxy = Proxy::new(
        settings.proxy.clone(),
        settings.playlists.channels.clone(),
        ways.clone(),
        meters.proxy.clone(),
    );
    let hands = Hands {
        runtime: runtime.clone(),
        proxy: proxy.clone(),
        engines: Engines::new(ways.clone()),
        gluetun: Gluetun::new(settings.gluetun.clone(), ways.clone()),
        composer: Composer::new(settings.engine.clone(), vpns.clone()),
        ways,
        vpns,
        meters: meters.clone(),
    };
    let parts = Parts {
        settings: settings.core.clone(),
        hands,
        store: store.clone(),
        seed,
        stop_engines_on_exit: settings.stop_engines_on_exit,
    };
    let (driver, gate) = Driver::new(parts);
    let clock = driver.clock();
    let history = Arc::new(Mutex::new(History::new(settings.stats_history_max)));
    let recorder = Recorder::new(history.clone(), store.clone());
    // It ends after the loop's last picture.
    let mut recording = tokio::spawn(recorder::run(gate.clone(), recorder));
    let (now, kept) = (move || clock.now(), store.clone());
    let beside = move || Beside { store_degraded: kept.trouble() };
    let caller = tokio::spawn(Notifier::new(&settings.notify, gate.clone(), &meters, now, beside).run());
    let measurer = tokio::spawn(spans::measure(gate.clone(), meters.clone(), now));
    let more = more(&gate);
    let api = api::Parts {
        gate,
        more,
        chosen: Chosen::from(&settings),
        history,
        facts: Facts::of(&settings),
        proxy,
        store: store.clone(),
        log: crate::log::present(),
        clock: Arc::new(move || clock.now()),
        usage: Arc::new({
            let (runtime, meters) = (runtime.clone(), meters.clone());
            move |id| {
                let (runtime, meters) = (runtime.clone(), meters.clone());
                Box::pin(async move { meters.docker_counted("usage", runtime.usage(id)).await })
            }
        }),
        logs: Arc::new({
            let meters = meters.clone();
            move |id, tail| {
                let (runtime, meters) = (runtime.clone(), meters.clone());
                let asking = async move {
                    meters.docker_counted("logs", runtime.logs(id, tail, api::LOGS_MAX_BYTES)).await
                };
                Box::pin(asking)
            }
        }),
        meters,
    };
    let (stop, close) = (CancellationToken::new(), CancellationToken::new());
    let mut the_loop = tokio::spawn(driver.run(stop.clone()));
    let doors_close = tokio::spawn(api::serve(listener, api, close.clone()));
    let told_to_stop = tokio::select! {
        () = asked_to_end() => true,
        _ = &mut the_loop => false,
    };
    if told_to_stop {
        stop.cancel();
        // Until the loop has ended, the API tells what is still under way. Whoever asks twice does not want to know.
        tokio::select! {
            () = asked_to_end() => warn!("asked to stop again: what is under way is left to Docker"),
            _ = &mut the_loop => {}
        }
    }
    close.cancel();
    caller.abort();
    measurer.abort();
    if timeout(GOODBYE_MAX, &mut recording).await.is_err() {
        recording.abort();
    }
    drop(timeout(GOODBYE_MAX, doors_close).await);
    drop(timeout(GOODBYE_MAX, spawn_blocking(move || store.close())).await);
    if told_to_stop { Ok(()) } else { Err(Problem::Loop) }
}

/// One acefleet at a time: another one that still runs, because it is just being replaced, is waited for.
/// Where there can be no lock, nobody is kept from starting: engines and viewers need no database.
async fn take_lock(database: &Path) -> Option<Lock> {
    let mut tries = 0;
    loop {
        match Lock::take(database) {
            Ok(lock) => return Some(lock),
            Err(Held::By(holder)) => {
                if tries % LOCK_TRIES_BETWEEN_WORDS == 0 {
                    warn!(
                        %holder, database = %database.display(),
                        "another acefleet works with this database: waiting until it has ended. If two are wanted, \
                         give each its own DB_URL, APP_PORT and CONTAINER_LABEL"
                    );
                }
                tries += 1;
                sleep(LOCK_RETRY).await;
            }
            Err(held @ Held::Unusable { .. }) => {
                error!("{held}. Without it, a second acefleet on the same fleet would not be noticed");
                return None;
            }
        }
    }
}

/// Drawn by the standard library, once for each process.
pub fn seed() -> u64 {
    std::hash::RandomState::new().build_hasher().finish()
}

/// The signals that ask for an end.
#[derive(Debug)]
pub struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    /// From now on they end nothing by themselves.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
