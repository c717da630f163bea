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
//! | engine | `STANDIN_HEEDS_TERM` | whether it ends when it is asked to (false, as the real one) |
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

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use testbed::engine::{Engine, Tunnel};
use testbed::environment::Environment;
use testbed::gluetun::Gluetun;
use testbed::web;
use tokio::signal::unix::{Signal, SignalKind, signal};

const USAGE: &str =
    "usage: standin engine [python main.py … --http-port N] | standin gluetun | standin health";
const EVERYWHERE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
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

fn environment() -> Environment<impl Fn(&str) -> Option<String>> {
    Environment(|name: &str| std::env::var(name).ok())
}

async fn run_engine(command: &[String]) -> Result<ExitCode, Failed> {
    let told = environment().engine(EVERYWHERE, command).map_err(Failed::Settings)?;
    let private = environment().private_port().map_err(Failed::Settings)?;
    let mut settings = told.settings;
    settings.tunnel = Tunnel::Asked {
        address: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), private),
        otherwise: told.connected,
    };
    // Taken before anything else, so that a stop during the boot takes its full time too.
    let mut term = signal(SignalKind::terminate())?;
    let mut engine = tokio::select! {
        engine = Engine::start(settings) => engine?,
        () = asked_to_end(&mut term, told.heeds_term) => return Ok(ExitCode::SUCCESS),
    };
    engine.faults().apply_all(&told.faults).map_err(Failed::Settings)?;
    eprintln!("engine on {}, p2p port {}", engine.address(), told.ports.p2p);
    tokio::select! {
        code = engine.ended() => std::process::exit(code),
        () = asked_to_end(&mut term, told.heeds_term) => Ok(ExitCode::SUCCESS),
    }
}

/// Waits for the signal, and for ever if it is not heeded: a stop of the real one takes its full time, because it does
/// not listen.
async fn asked_to_end(term: &mut Signal, heeds: bool) {
    while term.recv().await.is_some() {
        if heeds {
            return;
        }
        eprintln!("SIGTERM, and nothing is done about it");
    }
}

async fn run_gluetun() -> Result<ExitCode, Failed> {
    let mut term = signal(SignalKind::terminate())?;
    let told = environment().gluetun(EVERYWHERE).map_err(Failed::Settings)?;
    let private = environment().private_port().map_err(Failed::Settings)?;
    let mut settings = told.settings;
    settings.private = Some(SocketAddr::new(EVERYWHERE, private));
    let mut gluetun = Gluetun::start(settings).await?;
    gluetun.faults().apply_all(&told.faults).map_err(Failed::Settings)?;
    eprintln!("gluetun on {}", gluetun.control());
    tokio::select! {
        code = gluetun.ended() => std::process::exit(code),
        _ = term.recv() => {}
    }
    tokio::time::sleep(told.stop).await;
    Ok(ExitCode::SUCCESS)
}

async fn health() -> Result<ExitCode, Failed> {
    let private = environment().private_port().map_err(Failed::Settings)?;
    let address = format!("127.0.0.1:{private}");
    let within = Duration::from_secs(4);
    let reply = web::ask(hyper::Method::GET, &address, "/standin/health", &[], "", within).await?;
    print!("{}", String::from_utf8_lossy(&reply.body));
    Ok(if reply.status == 200 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
