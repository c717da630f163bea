//! The program as a part of this process: everything that `acefleet serve` runs, on threads of its own, so that it can
//! be killed while the containers go on, and so that its core can be broken: for that nothing outside of a process has
//! a handle.
//!
//! On what it runs its containers is the business of `program`, which each binary of tests has its own of.

use crate::fleet::{SOON, eventually};
use acefleet::api::More;
use acefleet::compose::spec_hash;
use acefleet::dial::{DockerDns, Place, Ways};
use acefleet::driver::gate::Gate;
use acefleet::runtime::Runtime;
use acefleet::serve::{self, Start};
use acefleet::settings::{self, Settings, Sources};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::{Arc, Once, OnceLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::{self, Builder};
use tokio::sync::Notify;

/// What runs on a thread is torn down at its next pause, which comes soon.
const TORN_DOWN_WITHIN: Duration = Duration::from_secs(5);

thread_local! {
    /// Where the program whose thread this is writes what it has to say.
    static LOG: RefCell<Option<Arc<File>>> = const { RefCell::new(None) };
}

/// One life of the program. It ends with this.
pub(crate) struct Within {
    runtime: Option<runtime::Runtime>,
    asked: Arc<Asked>,
    gate: Arc<OnceLock<Gate>>,
    runs: Option<JoinHandle<Result<(), serve::Problem>>>,
}

/// What is wanted of it.
#[derive(Default)]
struct Asked {
    to_end: Notify,
    to_die: Notify,
}

impl Within {
    /// Starts it with these settings on what they lead to; what it says goes into a file.
    pub(crate) fn begin<R: Runtime>(
        on: impl FnOnce(&Settings) -> R,
        env: BTreeMap<String, String>,
        folder: &Path,
        log: &Path,
    ) -> Self {
        listen();
        let log = Arc::new(File::create(log).expect("a log"));
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .on_thread_start(move || LOG.set(Some(log.clone())))
            .build()
            .expect("threads can be had");
        let settings = understood(env, folder);
        let listener = eventually("its port is free", SOON, || {
            runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, settings.app_port))).ok()
        });
        let start = Start {
            runtime: Arc::new(on(&settings)),
            ways: Arc::new(Ways::new(Place::Host, DockerDns::nowhere())),
            settings,
            listener,
            seed: serve::seed(),
        };
        let asked = Arc::new(Asked::default());
        let gate = Arc::new(OnceLock::new());
        let (hears, handle, shown) = (asked.clone(), runtime.handle().clone(), gate.clone());
        let runs = thread::spawn(move || {
            handle.block_on(async {
                let more = |gate: &Gate| {
                    shown.get_or_init(|| gate.clone());
                    More::none()
                };
                let running = serve::run(start, more, async || hears.to_end.notified().await);
                tokio::select! {
                    ended = running => ended,
                    () = hears.to_die.notified() => Ok(()),
                }
            })
        });
        Self { runtime: Some(runtime), asked, gate, runs: Some(runs) }
    }

    /// Kills it: whatever it was about to do is not done.
    pub(crate) fn kill(self) {
        drop(self);
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn stop(mut self) {
        self.asked.to_end.notify_one();
        let runs = self.runs.take().expect("it runs");
        eventually("the program ends", SOON, || runs.is_finished().then_some(()));
        runs.join().expect("it does not panic").expect("it ends well");
    }

    /// Lets its core break.
    pub(crate) fn break_core(&self) {
        self.gate.get().expect("it runs").break_core().expect("the loop listens");
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        std::process::id()
    }
}

impl Drop for Within {
    fn drop(&mut self) {
        self.asked.to_die.notify_one();
        if let Some(runs) = self.runs.take() {
            // Whatever it ended with is nobody's business any more.
            drop(runs.join());
        }
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(TORN_DOWN_WITHIN);
        }
    }
}

/// The settings as the program reads them, with its database in the folder.
fn understood(mut environment: BTreeMap<String, String>, folder: &Path) -> Settings {
    let database = format!("sqlite:///{}", folder.join("orchestrator.db").display());
    environment.entry("DB_URL".to_string()).or_insert(database);
    let mut settings = settings::read(&Sources { environment, ..Sources::empty() })
        .unwrap_or_else(|problems| panic!("settings that cannot be meant: {problems:?}"));
    settings.core.spec = spec_hash(&settings.engine, !settings.core.vpns.is_empty());
    settings
}

/// What is logged is written down by whichever program's thread it comes from.
fn listen() {
    static LISTENS: Once = Once::new();
    LISTENS.call_once(|| {
        tracing_subscriber::fmt()
            .with_env_filter("debug,hyper=warn,hickory=warn")
            .with_ansi(false)
            .with_writer(|| ToOwnFile)
            .init();
    });
}

struct ToOwnFile;

impl Write for ToOwnFile {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        LOG.with_borrow(|log| log.as_deref().map_or(Ok(line.len()), |mut log| log.write(line)))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
