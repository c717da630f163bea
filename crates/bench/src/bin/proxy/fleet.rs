//! The program as it ships, on the embedded fleet: engines that send many times what a channel has, and that hang, send
//! noise and die; VPNs that are killed; a core that breaks. All of it in one process, for as long as it is let live.
//!
//! What goes wrong is drawn from a seed, and is over before the time is: then nothing is left to excuse anything.

use acefleet::api::More;
use acefleet::compose::spec_hash;
use acefleet::dial::{DockerDns, Place, Ways};
use acefleet::driver::gate::Gate;
use acefleet::embedded::Embedded;
use acefleet::serve::{self, Start};
use acefleet::settings::{self, Settings, Sources};
use control::rng::Rng;
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use testbed::dock::{self, Dock, Role};
use testbed::engine::Faults;
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep, sleep_until};

/// How many engines there are at least.
pub(crate) const ENGINES: usize = 10;
const VPNS: [&str; 2] = ["gluetun1", "gluetun2"];
/// Something happens to an engine this often on average,
const ENGINE_TROUBLE_EVERY: Duration = Duration::from_secs(5);
/// to a VPN, in turn, this often: one that fails again has to be well for half a minute first,
const VPN_TROUBLE_EVERY: Duration = Duration::from_secs(60);
/// and to the core this often: after three times within ten minutes it would only observe.
const CORE_TROUBLE_EVERY: Duration = Duration::from_secs(200);
/// How long something stays wrong that does not mend itself.
const TROUBLE_LASTS: Duration = Duration::from_secs(3);
/// Nothing goes wrong in the last part of the time.
const CALM: Duration = Duration::from_secs(10);
/// How often it is told which sessions are open, once things have calmed down.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// What is looked at is looked at many times as often as by default, and patience is as much shorter.
const CHOSEN: [(&str, &str); 14] = [
    ("GLUETUN_CONTAINERS", "gluetun1,gluetun2"),
    ("GLUETUN_API_PORT", "28766"),
    ("MAX_REPLICAS", "24"),
    ("MAX_ACTIVE_REPLICAS", "24"),
    ("MONITOR_INTERVAL_S", "1"),
    ("COLLECT_INTERVAL_S", "1"),
    ("AUTOSCALE_INTERVAL_S", "2"),
    ("HEALTH_CHECK_INTERVAL_S", "1"),
    ("HEALTH_UNHEALTHY_GRACE_PERIOD_S", "3"),
    ("HEALTH_REPLACEMENT_COOLDOWN_S", "3"),
    ("GLUETUN_HEALTH_CHECK_INTERVAL_S", "1"),
    ("VPN_RECOVERY_STABILIZATION_S", "4"),
    ("HANDOFF_S", "2"),
    ("DRAIN_TIMEOUT_S", "3"),
];

/// Runs it for so many seconds and on, its database at this path, and says when things have calmed down.
pub(crate) fn run(bits_per_s: u64, seconds: u64, database: &str) -> io::Result<()> {
    crate::served::runtime()?.block_on(fleet(bits_per_s, Duration::from_secs(seconds), database))
}

async fn fleet(bits_per_s: u64, lasts: Duration, database: &str) -> io::Result<()> {
    let dock = open(bits_per_s)?;
    let chosen = settings(database)?;
    let control = format!(":{}", CHOSEN[1].1);
    for (port, vpn) in (40_001..).zip(VPNS) {
        let env = [("HTTP_CONTROL_SERVER_ADDRESS", control.clone()), ("STANDIN_PORTS", port.to_string())];
        let env = env.each_ref().map(|(name, value)| (*name, value.as_str()));
        dock.run_vpn(vpn, &env).await.map_err(|refusal| io::Error::other(refusal.to_string()))?;
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    println!("{}", listener.local_addr()?);
    let start = Start {
        runtime: Arc::new(Embedded::new(dock.api(chosen.engine.label.clone()))),
        ways: Arc::new(Ways::new(Place::Host, DockerDns::nowhere())),
        settings: chosen,
        listener,
        seed: serve::seed(),
    };
    let gate = Arc::new(OnceLock::new());
    tokio::spawn(trouble(dock.clone(), gate.clone(), lasts));
    let more = |opened: &Gate| {
        gate.get_or_init(|| opened.clone());
        More::none()
    };
    serve::run(start, more, std::future::pending).await.map_err(io::Error::other)
}

fn open(bits_per_s: u64) -> io::Result<Dock> {
    let mut settings = dock::Settings::new(serve::seed());
    for image in settings.images.values_mut().filter(|image| image.role == Role::Engine) {
        image.env.insert("STANDIN_BITS_PER_S".to_owned(), bits_per_s.to_string());
    }
    Dock::open(settings)
}

fn settings(database: &str) -> io::Result<Settings> {
    let database = [("DB_URL", format!("sqlite:///{database}")), ("MIN_REPLICAS", ENGINES.to_string())];
    let chosen = CHOSEN.map(|(name, value)| (name, value.to_owned()));
    let environment =
        chosen.into_iter().chain(database).map(|(name, value)| (name.to_owned(), value)).collect();
    let settings = settings::read(&Sources { environment, ..Sources::empty() });
    let mut settings = settings.map_err(|problems| io::Error::other(format!("{problems:?}")))?;
    settings.core.spec = spec_hash(&settings.engine, true);
    Ok(settings)
}

/// Lets things go wrong until it is time to calm down.
async fn trouble(dock: Dock, gate: Arc<OnceLock<Gate>>, lasts: Duration) {
    let began = Instant::now();
    let ends = began + lasts.saturating_sub(CALM);
    let mut rng = Rng::new(serve::seed());
    let (mut vpns, mut vpn_due, mut core_due) =
        (VPNS.iter().cycle(), began + VPN_TROUBLE_EVERY / 2, began + CORE_TROUBLE_EVERY / 2);
    let mut count = 0;
    loop {
        let pause = Duration::from_millis(rng.below(2 * ENGINE_TROUBLE_EVERY.as_millis() as u64));
        let at = Instant::now() + pause;
        if at + TROUBLE_LASTS >= ends {
            break;
        }
        sleep_until(at).await;
        count += 1;
        if at >= core_due {
            core_due += CORE_TROUBLE_EVERY;
            // Before there is one, there is nothing to break.
            let _broken = gate.get().map(Gate::break_core);
        } else if at >= vpn_due {
            vpn_due += VPN_TROUBLE_EVERY;
            let Some(vpn) = vpns.next() else { break };
            drop(dock.kill(vpn).await);
            sleep(TROUBLE_LASTS).await;
            drop(dock.start(vpn).await);
        } else {
            engine_trouble(&dock, &mut rng).await;
        }
    }
    sleep_until(ends).await;
    println!("calm {count}");
    loop {
        println!("open {}", open_sessions(&dock).await);
        sleep(LOOK_EVERY).await;
    }
}

/// How many sessions engines have.
async fn open_sessions(dock: &Dock) -> usize {
    let mut open = 0;
    for seen in dock.see_all() {
        let port = seen.spec.labels.get("acestream.http_port");
        let (Some(address), Some(port)) = (seen.address, port) else { continue };
        let Ok(port) = port.parse() else { continue };
        // One that does not answer has just died, and its sessions with it.
        let Ok(told) = crate::soak::json((address, port).into(), "/standin/sessions").await else { continue };
        open += told["sessions"].as_array().map_or(0, Vec::len);
    }
    open
}

/// Something happens to an engine.
async fn engine_trouble(dock: &Dock, rng: &mut Rng) {
    let names = dock.see_all().into_iter().map(|seen| seen.name);
    let engines: Vec<_> = names.filter(|name| !VPNS.contains(&name.as_str())).collect();
    let Some(engine) = engines.get(rng.below(engines.len().max(1) as u64) as usize) else { return };
    let fault: fn(&mut Faults) = match rng.below(6) {
        // One that has just died may be starting again; then nothing happens to it.
        0 => return drop(dock.crash(engine.as_str())),
        1 => return drop(dock.kill(engine.as_str()).await),
        2 => {
            if let Some(faults) = dock.engine_faults(engine.as_str()) {
                faults.end_sessions();
            }
            return;
        }
        3 => |faults| faults.hang = true,
        4 => |faults| faults.stall = true,
        _ => |faults| faults.garbage = true,
    };
    let Some(faults) = dock.engine_faults(engine.as_str()) else { return };
    faults.set(fault);
    sleep(TROUBLE_LASTS).await;
    faults.clear();
}
