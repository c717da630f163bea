//! The stand-ins as one program, for images that have nothing else: `standin engine`, `standin gluetun` and
//! `standin health`, which Docker's health check runs.
//!
//! Settings come from the environment, in the words of the real images where they have words. What a stand-in
//! does is in the library.
//!
//! | of | variable | meaning |
//! | --- | --- | --- |
//! | both | `STANDIN_FAULTS` | faults from the start, as `name=value&…` |
//! | both | `STANDIN_PRIVATE_PORT` | Gluetun's private port (8999), which engines and the health check ask |
//! | engine | `CONF`, `ACESTREAM_ARGS`, `HTTP_PORT`, `HTTPS_PORT`, `P2P_PORT` | as of the real ones |
//! | engine | `STANDIN_CONNECTED` | whether there is a network if no Gluetun is (true) |
//! | engine | `STANDIN_BOOT_MS`, `STANDIN_SEARCH_MS`, `STANDIN_PREBUFFER_MS` | times (0, 0, 500) |
//! | engine | `STANDIN_READER_LEFT_MS`, `STANDIN_NEVER_READ_MS` | until an unread session ends (5000, 30000) |
//! | engine | `STANDIN_BITS_PER_S`, `STANDIN_BURST_MS`, `STANDIN_JOINS_AT_PICTURE` | (4000000, 3000, false) |
//! | engine | `STANDIN_CACHE` | a folder where each content leaves 1 MiB (none) |
//! | engine | `STANDIN_CAMEL_SPEEDS` | `speedDown` instead of `speed_down` (false) |
//! | gluetun | `HTTP_CONTROL_SERVER_ADDRESS` | as Gluetun's own (`:8000`) |
//! | gluetun | `STANDIN_VERSION` | `new`, `old`, or `old-400` |
//! | gluetun | `STANDIN_API_KEY`, or `STANDIN_USER` and `STANDIN_PASSWORD` | who is admitted (everybody) |
//! | gluetun | `STANDIN_ROLES` | routes with a role, such as `GET /v1/portforward`, with commas (all) |
//! | gluetun | `STANDIN_STARTING_MS` | until the tunnel is up (1000) |
//! | gluetun | `STANDIN_PORT_AFTER_MS`, `STANDIN_PORT_GAP_MS` | until the port, another one (1000, 1000) |
//! | gluetun | `STANDIN_HEALTH_LAG_MS`, `STANDIN_STOP_MS` | until called unhealthy, to stop (6000, 0) |
//! | gluetun | `STANDIN_PORTS`, `STANDIN_PUBLIC_IP` | `none`, or ports with commas (43210); 203.0.113.7 |
//! | gluetun | `HOOK_URL`, `HOOK_TOKEN` | called when a port comes, `{{PORT}}` filled in |

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use testbed::engine::{self, Engine, Ports, Tunnel};
use testbed::gluetun::{self, Auth, Gluetun, Version};
use testbed::web;
use tokio::signal::unix::{Signal, SignalKind, signal};

const USAGE: &str =
    "usage: standin engine [python main.py … --http-port N] | standin gluetun | standin health";
/// The private port of a Gluetun.
const PRIVATE_PORT: u16 = 8999;
/// What is wrong with the usage or the settings.
const EXIT_USAGE: u8 = 64;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (role, rest) = match arguments.split_first() {
        Some((role, rest)) => (role.as_str(), rest),
        None => ("", [].as_slice()),
    };
    let ran = match role {
        "engine" => run_engine(rest).await,
        // The image's command alone, when it was given as the entry point.
        "python" => run_engine(&arguments).await,
        "gluetun" => run_gluetun().await,
        "health" => health().await,
        _ => Err(Failed::Settings(USAGE.to_owned())),
    };
    match ran {
        Ok(code) => code,
        Err(Failed::Settings(why)) => {
            eprintln!("{why}");
            ExitCode::from(EXIT_USAGE)
        }
        Err(Failed::World(why)) => {
            eprintln!("standin {role}: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Why a stand-in did not run.
enum Failed {
    Settings(String),
    World(io::Error),
}

impl From<io::Error> for Failed {
    fn from(why: io::Error) -> Self {
        Failed::World(why)
    }
}

fn env(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn read<T: FromStr>(name: &str, default: T) -> Result<T, Failed> {
    let Some(value) = env(name) else {
        return Ok(default);
    };
    value.trim().parse().map_err(|_| Failed::Settings(format!("{name}={value:?} cannot be read")))
}

fn read_ms(name: &str, default: Duration) -> Result<Duration, Failed> {
    Ok(Duration::from_millis(read(name, default.as_millis() as u64)?))
}

/// Faults that are there from the start.
fn first_faults() -> BTreeMap<String, String> {
    web::query(&env("STANDIN_FAULTS").unwrap_or_default())
}

fn everywhere(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port)
}

async fn run_engine(command: &[String]) -> Result<ExitCode, Failed> {
    let ports = Ports::read(command, env).map_err(Failed::Settings)?;
    let mut settings = engine::Settings::new(everywhere(ports.http));
    settings.tunnel = Tunnel::Asked {
        address: SocketAddr::new(
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            read("STANDIN_PRIVATE_PORT", PRIVATE_PORT)?,
        ),
        otherwise: read("STANDIN_CONNECTED", true)?,
    };
    settings.boot = read_ms("STANDIN_BOOT_MS", settings.boot)?;
    settings.search = read_ms("STANDIN_SEARCH_MS", settings.search)?;
    settings.burst = read_ms("STANDIN_BURST_MS", settings.burst)?;
    settings.bits_per_s = read("STANDIN_BITS_PER_S", settings.bits_per_s)?;
    settings.joins_at_picture = read("STANDIN_JOINS_AT_PICTURE", settings.joins_at_picture)?;
    settings.cache = env("STANDIN_CACHE").map(PathBuf::from);
    settings.camel_speeds = read("STANDIN_CAMEL_SPEEDS", settings.camel_speeds)?;
    let patience = &mut settings.patience;
    patience.prebuffer = read_ms("STANDIN_PREBUFFER_MS", patience.prebuffer)?;
    patience.reader_left = read_ms("STANDIN_READER_LEFT_MS", patience.reader_left)?;
    patience.never_read = read_ms("STANDIN_NEVER_READ_MS", patience.never_read)?;

    // Taken before anything else, so that a stop during the boot takes its full time too.
    let mut term = signal(SignalKind::terminate())?;
    let mut engine = tokio::select! {
        engine = Engine::start(settings) => engine?,
        () = ignore(&mut term) => return Ok(ExitCode::FAILURE),
    };
    engine.faults().apply_all(&first_faults()).map_err(Failed::Settings)?;
    eprintln!("engine on {}, p2p port {}", engine.address(), ports.p2p);
    tokio::select! {
        code = engine.ended() => std::process::exit(code),
        () = ignore(&mut term) => Ok(ExitCode::FAILURE),
    }
}

/// A stop of the real one takes its full time, because it does not listen to the signal.
async fn ignore(term: &mut Signal) {
    while term.recv().await.is_some() {
        eprintln!("SIGTERM, and nothing is done about it");
    }
}

async fn run_gluetun() -> Result<ExitCode, Failed> {
    let mut term = signal(SignalKind::terminate())?;
    let address = env("HTTP_CONTROL_SERVER_ADDRESS").unwrap_or_else(|| ":8000".to_owned());
    let port = address.rsplit(':').next().and_then(|port| port.parse().ok());
    let port =
        port.ok_or_else(|| Failed::Settings(format!("HTTP_CONTROL_SERVER_ADDRESS={address:?} has no port")))?;
    let mut settings = gluetun::Settings::new(everywhere(port));
    settings.private = Some(everywhere(read("STANDIN_PRIVATE_PORT", PRIVATE_PORT)?));
    settings.version = match env("STANDIN_VERSION").as_deref() {
        None | Some("new") => Version::New,
        Some("old") => Version::Old { unknown: 404 },
        Some("old-400") => Version::Old { unknown: 400 },
        Some(other) => {
            return Err(Failed::Settings(format!(
                "STANDIN_VERSION={other:?}: new, old or old-400 is expected"
            )));
        }
    };
    settings.auth = match (env("STANDIN_API_KEY"), env("STANDIN_USER")) {
        (Some(key), _) => Auth::Key(key),
        (None, Some(user)) => Auth::Basic { user, password: env("STANDIN_PASSWORD").unwrap_or_default() },
        (None, None) => Auth::None,
    };
    settings.roles =
        env("STANDIN_ROLES").map(|list| list.split(',').map(|one| one.trim().to_owned()).collect());
    settings.starting = read_ms("STANDIN_STARTING_MS", settings.starting)?;
    settings.port_after = read_ms("STANDIN_PORT_AFTER_MS", settings.port_after)?;
    settings.port_gap = read_ms("STANDIN_PORT_GAP_MS", settings.port_gap)?;
    settings.health_lag = read_ms("STANDIN_HEALTH_LAG_MS", settings.health_lag)?;
    settings.public_ip = read("STANDIN_PUBLIC_IP", settings.public_ip)?;
    settings.hook_url = env("HOOK_URL");
    settings.hook_token = env("HOOK_TOKEN");
    if let Some(list) = env("STANDIN_PORTS") {
        settings.ports = match list.as_str() {
            "none" => Vec::new(),
            list => gluetun::ports(list).ok_or_else(|| {
                Failed::Settings(format!("STANDIN_PORTS={list:?}: none, or ports with commas"))
            })?,
        };
    }
    let mut gluetun = Gluetun::start(settings).await?;
    gluetun.faults().apply_all(&first_faults()).map_err(Failed::Settings)?;
    eprintln!("gluetun on {}", gluetun.control());
    tokio::select! {
        code = gluetun.ended() => std::process::exit(code),
        _ = term.recv() => {}
    }
    tokio::time::sleep(read_ms("STANDIN_STOP_MS", Duration::ZERO)?).await;
    Ok(ExitCode::SUCCESS)
}

async fn health() -> Result<ExitCode, Failed> {
    let address = format!("127.0.0.1:{}", read("STANDIN_PRIVATE_PORT", PRIVATE_PORT)?);
    let within = Duration::from_secs(4);
    let reply = web::ask(hyper::Method::GET, &address, "/standin/health", &[], "", within).await?;
    print!("{}", String::from_utf8_lossy(&reply.body));
    Ok(if reply.status == 200 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
