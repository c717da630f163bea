//! The program itself, and what its API shows.
//!
//! How it is started and ended is the business of `program`, which each binary of tests has its own of; where its
//! containers are is that of `ground`.

use crate::ground::{Ground, Link};
use crate::program::Program;
use crate::way::Way;
use crate::web::{self, Answer};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The fleet of a test has come to rest within this, whatever else runs on the machine.
pub(crate) const SOON: Duration = Duration::from_secs(60);
/// A hidden engine is what a person notices: five times the 300 ms that it should take.
pub(crate) const AT_ONCE: Duration = Duration::from_millis(1_500);

/// Durations that tests shorten, so that a story takes seconds. Each is a setting that people have.
const SHORT: [(&str, &str); 15] = [
    ("MONITOR_INTERVAL_S", "2"),
    ("COLLECT_INTERVAL_S", "1"),
    ("AUTOSCALE_INTERVAL_S", "2"),
    ("ENGINE_GRACE_PERIOD_S", "2"),
    ("HEALTH_CHECK_INTERVAL_S", "1"),
    ("HEALTH_UNHEALTHY_GRACE_PERIOD_S", "3"),
    ("HEALTH_REPLACEMENT_COOLDOWN_S", "2"),
    ("GLUETUN_HEALTH_CHECK_INTERVAL_S", "1"),
    ("GLUETUN_PORT_CHECK_INTERVAL_S", "1"),
    ("VPN_RECOVERY_STABILIZATION_S", "4"),
    ("HANDOFF_S", "2"),
    ("DRAIN_TIMEOUT_S", "3"),
    ("PORT_LOST_S", "20"),
    ("PROBE_TIMEOUT_S", "2"),
    ("PROXY_HLS_SEGMENT_S", "1"),
];

/// What the program is started with.
pub(crate) struct Plan {
    env: BTreeMap<String, String>,
    link: Link,
}

impl Plan {
    /// A fleet behind these VPNs; without any, in networks of its own. Durations are short.
    pub(crate) fn behind(ground: &Ground, vpns: &[&str]) -> Self {
        let mut plan = Self::as_shipped(ground, vpns);
        for (name, value) in SHORT {
            plan.set(name, value);
        }
        plan.set("LOG_LEVEL", "debug");
        plan
    }

    /// The same with every default as people get it.
    pub(crate) fn as_shipped(ground: &Ground, vpns: &[&str]) -> Self {
        let mut plan = Self { env: BTreeMap::new(), link: ground.link() };
        for (name, value) in ground.settings() {
            plan.set(name, &value);
        }
        if !vpns.is_empty() {
            plan.set("GLUETUN_CONTAINERS", &vpns.join(","));
        }
        plan
    }

    /// The same within this process, so that its core can be broken.
    pub(crate) fn within(mut self, ground: &Ground) -> Self {
        self.link = ground.link_within();
        self
    }

    /// Sets a setting.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> &mut Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// The same with another way to Docker.
    pub(crate) fn by(mut self, way: &Way) -> Self {
        for (name, value) in way.settings() {
            self.set(name, &value);
        }
        self
    }

    /// The same with another setting.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.set(name, value);
        self
    }
}

/// The program, and a folder of its own.
pub(crate) struct Fleet {
    plan: Plan,
    folder: PathBuf,
    port: u16,
    program: Option<Program>,
    lives: u32,
}

impl Fleet {
    /// Starts the program, and waits until its API answers.
    pub(crate) fn start(plan: Plan) -> Self {
        let fleet = Self::launch(plan);
        fleet.answers();
        fleet
    }

    /// Starts the program, and waits for nothing.
    pub(crate) fn launch(plan: Plan) -> Self {
        let mut fleet = Self::planned(plan);
        fleet.spawn();
        fleet
    }

    /// All but started.
    pub(crate) fn planned(plan: Plan) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("acefleet-fleet-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder for temporary files");
        let port = free_port();
        Self { plan, folder, port, program: None, lives: 0 }
    }

    /// Starts the program again, after it was killed or has ended.
    pub(crate) fn begin(&mut self) {
        self.spawn();
        self.answers();
    }

    /// Starts the program, and waits for nothing.
    pub(crate) fn spawn(&mut self) {
        assert!(self.program.is_none(), "it runs");
        self.lives += 1;
        let env = self.plan.env.iter().map(|(name, value)| (name.clone(), value.clone()));
        let env = env.chain([("APP_PORT".to_string(), self.port.to_string())]).collect();
        self.program = Some(Program::start(&self.plan.link, env, &self.folder, &self.log_file()));
    }

    /// Waits until the API answers.
    pub(crate) fn answers(&self) {
        eventually("the API answers", SOON, || {
            self.try_get("/healthz").filter(|answer| answer.status == 200)
        });
    }

    /// Changes a setting for the next life.
    pub(crate) fn plan(&mut self) -> &mut Plan {
        &mut self.plan
    }

    /// Kills the program as nothing but a power cut does.
    pub(crate) fn kill(&mut self) {
        self.program.take().expect("it runs").kill();
    }

    /// Asks the program to end, and waits until it has.
    pub(crate) fn stop(&mut self) {
        self.program.take().expect("it runs").stop();
    }

    /// Everything that it has written so far in this life.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    fn log_file(&self) -> PathBuf {
        self.folder.join(format!("log-{}", self.lives))
    }

    /// The program itself.
    pub(crate) fn program(&self) -> &Program {
        self.program.as_ref().expect("it runs")
    }

    /// The program's process.
    pub(crate) fn pid(&self) -> u32 {
        self.program().pid()
    }

    // The API.

    pub(crate) fn at(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// The file that says what it remembers, as a setting for another one.
    pub(crate) fn database(&self) -> String {
        format!("sqlite:///{}", self.folder.join("orchestrator.db").display())
    }

    pub(crate) fn try_get(&self, path: &str) -> Option<Answer> {
        web::send(self.at(), "GET", path, &[], None).ok()
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        let answer = web::get(self.at(), path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        web::post(self.at(), path, Some(body))
    }

    pub(crate) fn delete(&self, path: &str) -> Answer {
        web::send(self.at(), "DELETE", path, &[], None)
            .unwrap_or_else(|error| panic!("DELETE {path}: {error}"))
    }

    /// The engines that are offered.
    pub(crate) fn engines(&self) -> Vec<Listed> {
        listed(&self.get("/engines"))
    }

    /// All engines, those that are hidden too.
    pub(crate) fn all_engines(&self) -> Vec<Listed> {
        listed(&self.get("/engines?all=true"))
    }

    /// Waits until so many engines are offered, and no other engine exists.
    pub(crate) fn settles_at(&self, count: usize) -> Vec<Listed> {
        eventually(&format!("{count} engines are offered, and no other exists"), SOON, || {
            let engines = self.engines();
            (engines.len() == count && self.all_engines().len() == count).then_some(engines)
        })
    }

    /// A VPN's part of /vpn/status.
    pub(crate) fn vpn(&self, name: &str) -> Value {
        let status = self.get("/vpn/status");
        let vpns = status["vpns"].as_array().expect("vpns is a list");
        vpns.iter().find(|vpn| vpn["container_name"] == name).cloned().expect("the VPN is configured")
    }

    /// Sentences of the journal, the oldest first.
    pub(crate) fn journal(&self) -> Vec<String> {
        let entries = self.get("/journal?limit=1000");
        let entries = entries.as_array().cloned().or_else(|| entries["entries"].as_array().cloned());
        let entries = entries.expect("the journal is a list");
        entries.iter().rev().map(|entry| entry["sentence"].as_str().unwrap_or_default().to_string()).collect()
    }

    /// Entries of the journal that contain this.
    pub(crate) fn said(&self, words: &str) -> usize {
        self.journal().iter().filter(|sentence| sentence.contains(words)).count()
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        drop(self.program.take());
        if std::thread::panicking() {
            eprintln!("what the program wrote last:\n{}", tail(&self.log()));
        }
        drop(fs::remove_dir_all(&self.folder));
    }
}

fn tail(log: &str) -> String {
    const LINES: usize = 80;
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

/// An engine as `/engines` shows it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Listed {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) vpn: Option<String>,
    pub(crate) port: u16,
    pub(crate) forwarded: bool,
    pub(crate) health: String,
    pub(crate) p2p: Option<u16>,
}

pub(crate) fn listed(engines: &Value) -> Vec<Listed> {
    let text = |value: &Value| value.as_str().map(ToString::to_string);
    let port = |value: &Value| value.as_u64().and_then(|port| u16::try_from(port).ok());
    let engines = engines.as_array().expect("/engines is a list").iter();
    engines
        .map(|engine| Listed {
            name: text(&engine["container_name"]).expect("a name"),
            id: text(&engine["container_id"]).expect("an id"),
            vpn: text(&engine["vpn_container"]),
            port: port(&engine["port"]).expect("a port"),
            forwarded: engine["forwarded"].as_bool().expect("a mark"),
            health: text(&engine["health_status"]).expect("a health"),
            p2p: port(&engine["p2p_port"]),
        })
        .collect()
}

/// How many engines each VPN has among these.
pub(crate) fn by_vpn(engines: &[Listed]) -> BTreeMap<String, usize> {
    let mut count = BTreeMap::new();
    for engine in engines {
        *count.entry(engine.vpn.clone().unwrap_or_default()).or_default() += 1;
    }
    count
}

/// Nobody listens there now.
fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port can be had");
    listener.local_addr().expect("it has an address").port()
}

/// How often is looked whether something is so.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Waits until something is so, and gives what it is.
pub(crate) fn eventually<T>(what: &str, within: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < within, "in vain for {within:?}: {what}");
        std::thread::sleep(LOOK_EVERY);
    }
}
