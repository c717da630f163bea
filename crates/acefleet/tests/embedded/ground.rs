//! A dock for one test, and what people and bad luck do on it: VPN containers are killed, engines crash, the daemon
//! freezes. It answers in Docker's words, so that one story is told of both.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::PoisonError;
use std::time::Duration;
use testbed::dock::{Dock, Joined, Role, Seen, Settings, Spec};
use testbed::{gluetun, web};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use control::docker::{Health, Network, State};
use control::event::Refusal;

pub(crate) use crate::fleet::eventually;
use crate::happenings::Happened;
use crate::way::Way;

/// Longer than it takes the program to notice, and to give up what it had begun.
pub(crate) const LONG_FREEZE: Duration = Duration::from_secs(15);
/// What containers of other people are made of.
const SOMEBODYS_IMAGE: &str = "jopsis/acestream:x64";
/// Where control servers listen: nobody on this machine listens there on all addresses.
const CONTROL_PORT: u16 = 28_765;
/// Ids and moments are drawn from it.
const SEED: u64 = 1;
/// Channels of many tests at once, in a build that is not optimised.
const BITS_PER_S: u64 = 1_000_000;
/// Nothing stays frozen longer.
const FROZEN_AT_MOST: Duration = Duration::from_secs(600);
/// A stand-in that has just been started is there so soon, whatever else runs on the machine.
const THERE_WITHIN: Duration = Duration::from_secs(30);

/// A dock, empty at the beginning.
pub(crate) struct Ground {
    runtime: Runtime,
    dock: Dock,
}

/// What the program runs its containers on.
pub(crate) type Link = Dock;

/// Somebody who writes down what happens, for as long as this lives.
pub(crate) struct Listening(JoinHandle<()>);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Ground {
    /// Opens a dock.
    pub(crate) fn take() -> Self {
        let runtime =
            Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("threads can be had");
        let mut settings = Settings::new(SEED);
        for image in settings.images.values_mut().filter(|image| image.role == Role::Engine) {
            image.env.insert("STANDIN_BITS_PER_S".to_string(), BITS_PER_S.to_string());
        }
        let dock = runtime.block_on(async { Dock::open(settings) });
        Self { dock: dock.expect("loopback addresses can be had"), runtime }
    }

    fn by_hand<T>(&self, deed: impl Future<Output = Result<T, Refusal>>) -> T {
        self.runtime.block_on(deed).unwrap_or_else(|refusal| panic!("a person is refused: {refusal}"))
    }

    // The program.

    /// What the program runs its containers on.
    pub(crate) fn link(&self) -> Link {
        self.dock.clone()
    }

    /// The same: it always runs within this process.
    pub(crate) fn link_within(&self) -> Link {
        self.link()
    }

    /// What the program is told to find its way about.
    pub(crate) fn settings(&self) -> [(&'static str, String); 1] {
        [("GLUETUN_API_PORT", CONTROL_PORT.to_string())]
    }

    /// The way that the program takes.
    pub(crate) fn way(&self) -> Way {
        Way::to(&self.dock)
    }

    /// This host, as containers reach it.
    pub(crate) fn host_address(&self) -> String {
        Ipv4Addr::LOCALHOST.to_string()
    }

    // Containers.

    /// Runs somebody else's container, with these labels and these ports: inside, and on the host.
    pub(crate) fn run_somebody(&self, name: &str, labels: &[(&str, &str)], ports: &[(u16, u16)]) {
        let labels = labels.iter().map(|(key, value)| ((*key).to_string(), (*value).to_string()));
        let spec = Spec {
            labels: labels.collect(),
            publish: ports.to_vec(),
            network: Joined::Own(None),
            ..Spec::new(name, SOMEBODYS_IMAGE)
        };
        self.by_hand(self.dock.run(spec));
    }

    /// Makes a network for containers: here there are all of them.
    pub(crate) fn make_network(&self, _name: &str) {}

    /// Kills containers.
    pub(crate) fn kill(&self, names: &[&str]) {
        names.iter().for_each(|name| self.by_hand(self.dock.kill(name)));
    }

    /// Starts containers.
    pub(crate) fn start(&self, names: &[&str]) {
        names.iter().for_each(|name| self.by_hand(self.dock.start(name)));
    }

    /// Restarts a container without a grace.
    pub(crate) fn restart(&self, name: &str) {
        self.by_hand(self.dock.restart(name, Duration::ZERO));
    }

    /// Stops a container without a grace.
    pub(crate) fn stop(&self, name: &str) {
        self.by_hand(self.dock.stop(name, Duration::ZERO));
    }

    /// Lets a container's process stand still.
    pub(crate) fn pause(&self, name: &str) {
        self.by_hand(self.dock.pause(name));
    }

    /// Lets it go on.
    pub(crate) fn unpause(&self, name: &str) {
        self.by_hand(self.dock.unpause(name));
    }

    /// Removes a container, whether it runs or not.
    pub(crate) fn remove(&self, name: &str) {
        self.by_hand(self.dock.remove(name));
    }

    /// Kills a container, unless it does not run.
    pub(crate) fn perhaps_kill(&self, name: &str) {
        drop(self.runtime.block_on(self.dock.kill(name)));
    }

    /// Lets a container's process die as if by itself.
    pub(crate) fn crash(&self, name: &str) {
        // One that has crashed before may just be started again.
        eventually("its process runs", THERE_WITHIN, || self.dock.crash(name).ok());
    }

    /// Writes down what happens to containers from now on: a word for it, and whom it happens to.
    pub(crate) fn listen(&self, told: Happened) -> Listening {
        let mut words = self.dock.words();
        Listening(self.runtime.spawn(async move {
            while let Some((word, name)) = words.next().await {
                let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
                told.push((word.to_string(), name.to_string()));
            }
        }))
    }

    // VPNs.

    /// Runs a VPN's container; `env` is the stand-in's.
    pub(crate) fn run_vpn(&self, name: &str, env: &[(&str, &str)]) {
        let control = format!(":{CONTROL_PORT}");
        let env = [env, &[("HTTP_CONTROL_SERVER_ADDRESS", control.as_str())]].concat();
        self.by_hand(self.dock.run_vpn(name, &env));
    }

    /// A container's address; `None` while it has none.
    pub(crate) fn try_address(&self, name: &str) -> Option<Ipv4Addr> {
        match self.dock.see(name)?.address? {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        }
    }

    /// The switches of a VPN's stand-in.
    pub(crate) fn switches(&self, vpn: &str) -> gluetun::FaultControl {
        eventually("the stand-in is there", THERE_WITHIN, || self.dock.vpn_faults(vpn))
    }

    /// Sets a fault of a VPN's stand-in.
    pub(crate) fn fault(&self, switches: &gluetun::FaultControl, fault: &str) {
        // Some of them begin something that goes on by itself.
        let _context = self.runtime.enter();
        switches.apply_all(&web::query(fault)).unwrap_or_else(|why| panic!("{fault}: {why}"));
    }

    /// Sets a fault of an engine's stand-in in a VPN's network, for example `hang=true`.
    pub(crate) fn engine_fault(&self, vpn: &str, port: u16, fault: &str) {
        let path = format!("/standin/faults?{fault}");
        let answer = crate::web::post((self.address(vpn), port).into(), &path, None);
        assert_eq!(answer.status, 200, "{fault}: {}", answer.text());
    }

    // Looking.

    /// What Docker would tell of a container, by its name or its id; `None` if there is none.
    pub(crate) fn inspect(&self, name: &str) -> Option<Value> {
        let seen = self.dock.see(name);
        let by_id = || self.dock.see_all().into_iter().find(|seen| seen.id.to_string() == name);
        seen.or_else(by_id).map(|seen| told(&seen))
    }

    /// The names of all containers.
    pub(crate) fn all_names(&self) -> Vec<String> {
        self.dock.see_all().into_iter().map(|seen| seen.name.to_string()).collect()
    }

    // The daemon itself.

    /// Lets the daemon stand still.
    pub(crate) fn freeze(&self) {
        self.dock.freeze(FROZEN_AT_MOST);
    }

    /// Lets it go on.
    pub(crate) fn thaw(&self) {
        self.dock.thaw();
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        self.runtime.block_on(self.dock.close());
    }
}

/// An inspection as Docker writes it, as far as stories read it.
fn told(seen: &Seen) -> Value {
    let network = match &seen.network {
        Network::Container(id) => format!("container:{id}"),
        Network::ContainerNamed(name) => format!("container:{name}"),
        Network::Own(name) => name.to_string(),
    };
    let health = match seen.health {
        Health::Unchecked => Value::Null,
        Health::Starting => json!({ "Status": "starting" }),
        Health::Healthy => json!({ "Status": "healthy" }),
        Health::Unhealthy => json!({ "Status": "unhealthy" }),
    };
    let runs = matches!(seen.state, State::Running | State::Paused | State::Restarting);
    let pid = if seen.address.is_some() { seen.runs + 1 } else { 0 };
    let started_at = seen.started_at.map(|stamp| stamp.as_nanos().to_string());
    let env: Vec<String> = seen.spec.env.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let bindings: BTreeMap<String, Value> = seen
        .spec
        .publish
        .iter()
        .map(|(inside, outside)| (format!("{inside}/tcp"), json!([{ "HostPort": outside.to_string() }])))
        .collect();
    json!({
        "Id": seen.id.to_string(),
        "Name": format!("/{}", seen.name),
        "RestartCount": seen.restarts,
        "State": {
            "Status": seen.state.as_str(),
            "Running": runs,
            "Pid": pid,
            "StartedAt": started_at,
            "Health": health,
        },
        "Config": { "Image": seen.spec.image, "Env": env, "Labels": seen.spec.labels },
        "HostConfig": {
            "NetworkMode": network,
            "RestartPolicy": { "Name": "unless-stopped" },
            "PortBindings": bindings,
        },
    })
}
