//! A Gluetun's stand-in: its control server, the life of its tunnel and of its forwarded port, and its push.
//!
//! It is started on an address and ends when dropped. There is no tunnel: engines ask whether there would be
//! one.

mod api;
mod faults;
mod life;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::Method;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

use crate::web;

pub use faults::ports;
pub use faults::{FaultControl, NoneAs, Server, TunnelFault};
pub use life::Status;

use life::Life;

/// How long somebody who is called by the hook may take: as long as Gluetun lets its commands run.
const HOOK_ANSWERS_WITHIN: Duration = Duration::from_secs(60);
/// Pushes that wait their turn.
const MAX_WAITING_PUSHES: usize = 16;

/// Whom the control server admits.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Auth {
    /// Everybody.
    None,
    /// Who sends this as `X-API-Key`.
    Key(String),
    /// Who sends these.
    Basic {
        /// Name.
        user: String,
        /// Password.
        password: String,
    },
}

/// Which routes the control server has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Version {
    /// `/v1/portforward`; the older path leads there.
    New,
    /// `/v1/openvpn/portforwarded` alone; the newer path gets this status.
    Old {
        /// 404, or 400 on some.
        unknown: u16,
    },
}

/// How a Gluetun is.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the control server listens.
    pub control: SocketAddr,
    /// Where faults are set from outside, if at all.
    pub private: Option<SocketAddr>,
    /// Routes.
    pub version: Version,
    /// Who is admitted.
    pub auth: Auth,
    /// The routes (`GET /v1/…`) for which there is a role, if not for all. Others get 401.
    pub roles: Option<Vec<String>>,
    /// How long the tunnel takes to come up.
    pub starting: Duration,
    /// How long after the tunnel the port comes.
    pub port_after: Duration,
    /// How long a changing port is none.
    pub port_gap: Duration,
    /// How long Docker's health check takes to notice that the tunnel is lost.
    pub health_lag: Duration,
    /// The ports that are forwarded.
    pub ports: Vec<u16>,
    /// The address that the world sees.
    pub public_ip: String,
    /// What is called when a port comes: `http://host:port/path`, with `{{PORT}}` and `{{PORTS}}` filled in.
    pub hook_url: Option<String>,
    /// What the hook's call is authorised with.
    pub hook_token: Option<String>,
}

impl Settings {
    /// A Gluetun as they usually are.
    pub fn new(control: SocketAddr) -> Self {
        Self {
            control,
            private: None,
            version: Version::New,
            auth: Auth::None,
            roles: None,
            starting: Duration::from_secs(1),
            port_after: Duration::from_secs(1),
            port_gap: Duration::from_secs(1),
            health_lag: Duration::from_secs(6),
            ports: vec![43_210],
            public_ip: "203.0.113.7".to_owned(),
            hook_url: None,
            hook_token: None,
        }
    }
}

/// What all requests share.
#[derive(Debug)]
struct Shared {
    settings: Settings,
    life: Life,
    /// Held while the hook runs; the port's route needs it.
    port_lock: tokio::sync::Mutex<()>,
    crash: watch::Sender<Option<i32>>,
}

/// A Gluetun that runs until it is dropped.
#[derive(Debug)]
pub struct Gluetun {
    control: SocketAddr,
    private: Option<SocketAddr>,
    shared: Arc<Shared>,
    task: web::Hangup<i32>,
}

impl Gluetun {
    /// Starts a Gluetun. A taken address is an error.
    pub async fn start(settings: Settings) -> io::Result<Self> {
        let control = web::bind(settings.control).await?;
        let private = match settings.private {
            Some(address) => Some(web::bind(address).await?),
            None => None,
        };
        let (pushes, waiting) = mpsc::channel(MAX_WAITING_PUSHES);
        let shared = Arc::new(Shared {
            life: Life::new(&settings, pushes),
            port_lock: tokio::sync::Mutex::default(),
            crash: watch::Sender::new(None),
            settings,
        });
        Ok(Self {
            control: control.local_addr()?,
            private: private.as_ref().map(TcpListener::local_addr).transpose()?,
            shared: Arc::clone(&shared),
            task: web::Hangup(tokio::spawn(run(control, private, waiting, shared))),
        })
    }

    /// Where the control server listens.
    pub fn control(&self) -> SocketAddr {
        self.control
    }

    /// Where faults are set from outside.
    pub fn private(&self) -> Option<SocketAddr> {
        self.private
    }

    /// Its switches.
    pub fn faults(&self) -> FaultControl {
        FaultControl::new(Arc::clone(&self.shared))
    }

    /// Whether the tunnel is up, now and later.
    pub fn tunnel(&self) -> watch::Receiver<bool> {
        self.shared.life.tunnel()
    }

    /// What Docker's health check is told now.
    pub fn healthy(&self) -> bool {
        self.shared.life.told_healthy()
    }

    /// Waits until it has crashed, and gives its exit code.
    pub async fn ended(&mut self) -> i32 {
        self.task.exit_code().await
    }

    /// Kills it, and waits until its addresses are free again.
    pub async fn kill(mut self) {
        self.task.kill().await;
    }
}

async fn run(
    control: TcpListener,
    private: Option<TcpListener>,
    waiting: mpsc::Receiver<Vec<u16>>,
    shared: Arc<Shared>,
) -> i32 {
    let mut crashes = shared.crash.subscribe();
    let controlled = web::serve(control, shared.life.door(), {
        let shared = Arc::clone(&shared);
        move |asked| {
            let shared = Arc::clone(&shared);
            async move { api::answer(&shared, asked).await }
        }
    });
    let (_stays_open, open) = watch::channel(true);
    let faulted = async {
        let Some(private) = private else {
            return std::future::pending().await;
        };
        let faults = FaultControl::new(Arc::clone(&shared));
        web::serve(private, open, move |asked| {
            let answer = faults.route(&asked);
            async move { answer }
        })
        .await
    };
    tokio::select! {
        crash = crashes.wait_for(Option::is_some) => crash.ok().and_then(|code| *code).unwrap_or(1),
        _ = controlled => 1,
        _ = faulted => 1,
        () = shared.life.live() => 1,
        () = pushing(&shared, waiting) => 1,
    }
}

/// Calls the hook for each port that comes, one after the other.
async fn pushing(shared: &Shared, mut waiting: mpsc::Receiver<Vec<u16>>) {
    while let Some(ports) = waiting.recv().await {
        let Some(url) = &shared.settings.hook_url else {
            continue;
        };
        let list = ports.iter().map(u16::to_string).collect::<Vec<_>>().join(",");
        let first = ports.first().copied().unwrap_or(0).to_string();
        let url = url.replace("{{PORTS}}", &list).replace("{{PORT}}", &first);
        let rest = url.strip_prefix("http://").unwrap_or(&url);
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let host = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
        let bearer = shared.settings.hook_token.as_ref().map(|token| format!("Bearer {token}"));
        let headers: Vec<_> = bearer.iter().map(|bearer| ("authorization", bearer.as_str())).collect();
        let _lock = shared.port_lock.lock().await;
        // Gluetun logs a command that failed and goes on; so does this.
        let path = format!("/{path}");
        match web::ask(Method::POST, &host, &path, &headers, "", HOOK_ANSWERS_WITHIN).await {
            Ok(reply) if reply.status < 400 => {}
            Ok(reply) => eprintln!("the hook {url} was answered with {}", reply.status),
            Err(why) => eprintln!("the hook {url} failed: {why}"),
        }
    }
}
