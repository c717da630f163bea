//! An AceStream engine's stand-in: its HTTP API, its sessions and its streams.
//!
//! It is started on an address and ends when dropped. It keeps no channel in memory that nobody watches, and
//! runs no task per viewer, because a test has hundreds of both.

mod api;
mod content;
mod delivery;
mod faults;
mod ports;
mod session;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use hyper::Method;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::stream::DEFAULT_BITS_PER_S;
use crate::web;

pub use content::Behaviour;
pub use faults::{FaultControl, Faults};
pub use ports::Ports;
pub use session::{Patience, SessionView};

use session::Sessions;

/// How often sessions and the tunnel are looked at.
const TICK: Duration = Duration::from_millis(500);
/// How long somebody who is asked about the tunnel may take.
const TUNNEL_ANSWERS_WITHIN: Duration = Duration::from_millis(500);

/// From whom an engine knows whether its network reaches the world.
#[derive(Clone, Debug)]
pub enum Tunnel {
    /// It is taken for granted.
    Assumed(bool),
    /// A Gluetun stand-in's private port is asked; if nobody answers there, it is taken for granted.
    Asked {
        /// Where.
        address: SocketAddr,
        /// What holds if nobody answers.
        otherwise: bool,
    },
    /// A Gluetun stand-in in the same process says so.
    Shared(watch::Receiver<bool>),
}

impl Tunnel {
    async fn is_up(&self) -> bool {
        match self {
            Tunnel::Assumed(up) => *up,
            Tunnel::Shared(up) => *up.borrow(),
            Tunnel::Asked { address, otherwise } => {
                let address = address.to_string();
                let path = "/standin/tunnel";
                let reply = web::ask(Method::GET, &address, path, &[], "", TUNNEL_ANSWERS_WITHIN).await;
                reply.ok().and_then(|reply| reply.json()["up"].as_bool()).unwrap_or(*otherwise)
            }
        }
    }
}

/// How an engine is.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Its tunnel.
    pub tunnel: Tunnel,
    /// How long it is not there after its start.
    pub boot: Duration,
    /// How long it thinks before it answers a request for a content.
    pub search: Duration,
    /// How long things last.
    pub patience: Patience,
    /// What channels have on average.
    pub bits_per_s: u64,
    /// How much of the past a reader gets at once who joins.
    pub burst: Duration,
    /// Whether readers join at a full picture, the beginning of a second, or anywhere.
    pub joins_at_picture: bool,
    /// Where a part of each content is kept on disk, if anywhere.
    pub cache: Option<PathBuf>,
    /// Whether speeds are called as some versions do: `speedDown`, `speedUp`.
    pub camel_speeds: bool,
}

impl Settings {
    /// An engine as they usually are.
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            tunnel: Tunnel::Assumed(true),
            boot: Duration::ZERO,
            search: Duration::ZERO,
            patience: Patience {
                prebuffer: Duration::from_millis(500),
                reader_left: Duration::from_secs(5),
                never_read: Duration::from_secs(30),
                dies: Duration::from_secs(10),
            },
            bits_per_s: DEFAULT_BITS_PER_S,
            burst: Duration::from_secs(3),
            joins_at_picture: false,
            cache: None,
            camel_speeds: false,
        }
    }
}

/// What all requests of one engine share.
#[derive(Debug)]
struct Shared {
    settings: Settings,
    faults: FaultControl,
    sessions: Sessions,
    /// Whether anything comes from the network.
    flows: AtomicBool,
    endings: AtomicU64,
}

impl Shared {
    /// Carries out what faults and time ask for.
    fn tick(&self) {
        let endings = self.faults.endings();
        if self.endings.swap(endings, Ordering::Relaxed) != endings {
            self.sessions.end_all();
        }
        self.sessions.tick(self.delivers(&self.faults.now()));
    }

    /// Whether anything comes out of this engine.
    fn delivers(&self, faults: &Faults) -> bool {
        self.flows.load(Ordering::Relaxed) && !faults.stall && !faults.hang && !self.faults.is_cut_off()
    }

    fn patience(&self) -> &Patience {
        &self.settings.patience
    }
}

/// An engine that runs until it is dropped or crashes.
#[derive(Debug)]
pub struct Engine {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: web::Hangup<i32>,
}

impl Engine {
    /// Starts an engine. The address is taken at once, unless it boots slowly; a taken one is an error.
    pub async fn start(settings: Settings) -> io::Result<Self> {
        tokio::time::sleep(settings.boot).await;
        let listener = web::bind(settings.listen).await?;
        if let Some(cache) = &settings.cache {
            std::fs::create_dir_all(cache)?;
        }
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            sessions: Sessions::new(settings.patience),
            faults: FaultControl::new(),
            flows: AtomicBool::new(true),
            endings: AtomicU64::new(0),
            settings,
        });
        let task = web::Hangup(tokio::spawn(run(listener, Arc::clone(&shared))));
        Ok(Self { address, shared, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its switches.
    pub fn faults(&self) -> FaultControl {
        self.shared.faults.clone()
    }

    /// The sessions it has.
    pub fn sessions(&self) -> Vec<SessionView> {
        self.shared.sessions.views()
    }

    /// Waits until it has crashed, and gives its exit code.
    pub async fn ended(&mut self) -> i32 {
        self.task.exit_code().await
    }

    /// Kills it, and waits until its address is free again.
    pub async fn kill(mut self) {
        self.task.kill().await;
    }
}

async fn run(listener: TcpListener, shared: Arc<Shared>) -> i32 {
    let mut crashes = shared.faults.crashes();
    let door = shared.faults.door();
    let serving = web::serve(listener, door, {
        let shared = Arc::clone(&shared);
        move |asked| {
            let shared = Arc::clone(&shared);
            async move { api::answer(&shared, asked).await }
        }
    });
    let code = tokio::select! {
        crash = crashes.wait_for(Option::is_some) => crash.ok().and_then(|code| *code).unwrap_or(1),
        _ = serving => 1,
        () = ticking(&shared) => 1,
    };
    shared.sessions.end_all();
    code
}

async fn ticking(shared: &Shared) {
    let mut interval = tokio::time::interval(TICK);
    loop {
        interval.tick().await;
        shared.flows.store(shared.settings.tunnel.is_up().await, Ordering::Relaxed);
        shared.tick();
    }
}
