//! All that there is: containers, names, networks, addresses, and the clock that stamps what happens to them.
//!
//! Changes are made here, at once and under one lock; nothing here waits.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use control::docker::{Happened, Health, Network, State};
use control::event::Refusal;
use control::ids::{ContainerId, Name, SandboxId};
use control::rng::Rng;
use control::time::Stamp;
use tokio::runtime::Handle;
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;

use super::addresses::Addresses;
use super::container::{Container, Order, Process, Sandbox, Switches};
use super::notices::{Told, What};
use super::relay::Relay;
use super::settings::{Image, Role};
use super::spec::{Joined, Spec};
use crate::engine::Tunnel;

/// The network of a container that asks for none by name.
const BRIDGE: &str = "bridge";

/// Everything on the machine.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) containers: BTreeMap<ContainerId, Container>,
    /// Every name that is taken; without a container yet while that is being created.
    pub(super) names: BTreeMap<Name, Option<ContainerId>>,
    /// Nothing is started any more.
    pub(super) closed: bool,
    rng: Rng,
    addresses: Addresses,
    began: Instant,
    began_at: u64,
    last_stamp: u64,
    told: broadcast::Sender<Told>,
}

/// A process that is to be run.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) id: ContainerId,
    pub(super) number: u64,
    pub(super) role: Role,
    pub(super) env: BTreeMap<String, String>,
    pub(super) command: Vec<String>,
    pub(super) address: IpAddr,
    /// What it knows of the world.
    pub(super) tunnel: Option<Tunnel>,
    /// What others in its network know of the world by it, if it has made the network.
    pub(super) tells: Option<watch::Sender<bool>>,
    pub(super) relays: Vec<Relay>,
    pub(super) order: watch::Receiver<Order>,
    /// Dropped when it is over, and the daemon knows.
    pub(super) over: watch::Sender<()>,
}

/// What becomes of a container whose process has ended.
pub(super) enum Aftermath {
    /// It stays as it is.
    Stays,
    /// Policy restarts it after a while.
    Restarts(Duration),
}

impl Host {
    pub(super) fn new(seed: u64, addresses: Addresses, told: broadcast::Sender<Told>) -> Self {
        let began_at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            containers: BTreeMap::new(),
            names: BTreeMap::new(),
            closed: false,
            rng: Rng::new(seed),
            addresses,
            began: Instant::now(),
            began_at: u64::try_from(began_at.as_nanos()).unwrap_or(u64::MAX),
            last_stamp: 0,
            told,
        }
    }

    /// The container that has this name now.
    pub(super) fn named(&self, name: &Name) -> Option<&Container> {
        self.containers.get(&(*self.names.get(name)?)?)
    }

    pub(super) fn get(&mut self, id: ContainerId) -> Result<&mut Container, Refusal> {
        self.containers.get_mut(&id).ok_or(Refusal::NoSuchContainer)
    }

    /// A duration, up to a tenth shorter or longer.
    pub(super) fn jittered(&mut self, duration: Duration) -> Duration {
        self.rng.jittered(duration)
    }

    /// Now, on this machine's clock. No two stamps are the same.
    fn stamp(&mut self) -> Stamp {
        let passed = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.last_stamp = self.began_at.saturating_add(passed).max(self.last_stamp + 1);
        Stamp::from_nanos(self.last_stamp)
    }

    fn bytes(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for word in bytes.chunks_exact_mut(8) {
            word.copy_from_slice(&self.rng.bits().to_le_bytes());
        }
        bytes
    }

    /// Tells whoever listens.
    fn tell(&mut self, id: ContainerId, happened: Happened) {
        self.say(id, What::Happened(happened));
    }

    /// The same of anything.
    pub(super) fn say(&mut self, id: ContainerId, what: What) {
        let at = self.stamp();
        let Some(container) = self.containers.get(&id) else { return };
        let (name, labels) = (container.name.clone(), Arc::clone(&container.labels));
        // Nobody listens: that is no mistake.
        let _ = self.told.send(Told::Happened { id, name, labels, what, at });
    }

    /// Keeps a port for containers; see [`Addresses::hold`].
    pub(super) fn hold_port(&self, port: u16) -> io::Result<TcpListener> {
        self.addresses.hold(port)
    }

    /// Takes a name, until a container has it or it is given back.
    pub(super) fn take_name(&mut self, name: &Name) -> Result<(), Refusal> {
        if self.names.contains_key(name) {
            return Err(Refusal::NameTaken);
        }
        self.names.insert(name.clone(), None);
        Ok(())
    }

    /// Makes a container, whose name was taken before.
    pub(super) fn make(&mut self, spec: Spec, image: &Image) -> ContainerId {
        let id = ContainerId::from_bytes(self.bytes());
        let created_at = self.stamp();
        let network = match &spec.network {
            Joined::Own(bridge) => Network::Own(Name::from(bridge.as_deref().unwrap_or(BRIDGE))),
            Joined::OfContainer(name) => match self.named(name) {
                Some(container) => Network::Container(container.id),
                None => Network::ContainerNamed(name.clone()),
            },
        };
        let mut env = image.env.clone();
        env.extend(spec.env.clone());
        self.names.insert(spec.name.clone(), Some(id));
        let container = Container {
            id,
            name: spec.name.clone(),
            labels: Arc::new(spec.labels.clone()),
            role: image.role,
            env,
            network,
            state: State::Created,
            health: if image.role == Role::Gluetun { Health::Starting } else { Health::Unchecked },
            created_at,
            started_at: None,
            sandbox: None,
            process: None,
            runs: 0,
            restarts: 0,
            exit_code: None,
            backoff: Duration::ZERO,
            meant_to_end: false,
            turn: Arc::default(),
            log: VecDeque::new(),
            spec,
        };
        self.containers.insert(id, container);
        self.tell(id, Happened::Created);
        id
    }

    /// Begins a container's next run.
    pub(super) fn begin(&mut self, runtime: &Handle, id: ContainerId) -> Result<Run, Refusal> {
        if self.closed {
            return Err(Refusal::Unexplained("the dock is closed".into()));
        }
        let home = self.home_of(id)?;
        let started_at = self.stamp();
        let container = self.get(id)?;
        container.runs += 1;
        container.state = State::Running;
        container.started_at = Some(started_at);
        container.meant_to_end = false;
        container.exit_code = None;
        if container.health != Health::Unchecked {
            container.health = Health::Starting;
        }
        let (run, command) = (container.runs, container.spec.command.clone());
        let (role, env) = (container.role, container.env.clone());
        let (order, ordered) = watch::channel(Order::Run);
        let (ends, over) = watch::channel(());
        let (sandbox, address) = (home.sandbox, home.address);
        let process = Process {
            run,
            since: Instant::now(),
            home: sandbox,
            address,
            order,
            over,
            switches: Switches::None,
        };
        container.process = Some(process);
        let mut relays = Vec::new();
        let mut tells = None;
        if home.is_own {
            for (inside, outside) in container.spec.publish.clone() {
                match Relay::open(runtime, outside, SocketAddr::from((address, inside))) {
                    Ok(relay) => relays.push(relay),
                    Err(refusal) => return Err(self.take_back(id, refusal)),
                }
            }
            let container = self.get(id)?;
            let tunnel = watch::Sender::new(role != Role::Gluetun);
            tells = Some(tunnel.clone());
            container.sandbox = Some(Sandbox { id: sandbox, address, tunnel });
        }
        self.tell(id, Happened::Started);
        Ok(Run {
            id,
            number: run,
            role,
            env,
            command,
            address: IpAddr::V4(address),
            tunnel: home.tunnel,
            tells,
            relays,
            order: ordered,
            over: ends,
        })
    }

    /// A start has failed after all.
    fn take_back(&mut self, id: ContainerId, refusal: Refusal) -> Refusal {
        if let Some(container) = self.containers.get_mut(&id) {
            container.process = None;
            container.state = if container.runs == 1 { State::Created } else { State::Exited };
        }
        refusal
    }

    /// The network that a container's next run is in.
    fn home_of(&mut self, id: ContainerId) -> Result<Home, Refusal> {
        let network = self.get(id)?.network.clone();
        let host = match &network {
            Network::Container(host) => self.containers.get(host),
            Network::ContainerNamed(name) => self.named(name),
            Network::Own(_) => {
                let in_use = self.addresses_in_use();
                let address = self.addresses.give(&in_use);
                let address = address.ok_or_else(|| Refusal::Unexplained("no address is left".into()))?;
                let sandbox = SandboxId::from_bytes(self.bytes());
                return Ok(Home { sandbox, address, tunnel: None, is_own: true });
            }
        };
        let host = host.ok_or(Refusal::NoSuchContainer)?;
        match host.sandbox.as_ref().filter(|_| host.state.has_network()) {
            Some(Sandbox { id, address, tunnel }) => Ok(Home {
                sandbox: *id,
                address: *address,
                tunnel: Some(Tunnel::Shared(tunnel.subscribe())),
                is_own: false,
            }),
            None => Err(Refusal::NetworkNotRunning),
        }
    }

    fn addresses_in_use(&self) -> BTreeSet<Ipv4Addr> {
        let processes = self.containers.values().filter_map(|container| container.process.as_ref());
        processes.map(|process| process.address).collect()
    }

    /// A stand-in is there and can be got at from now on.
    pub(super) fn there_is(&mut self, id: ContainerId, run: u64, switches: Switches) {
        let homes: BTreeSet<SandboxId> =
            self.containers.values().filter_map(|found| Some(found.sandbox.as_ref()?.id)).collect();
        let Some(container) = self.containers.get_mut(&id) else { return };
        let paused = container.state == State::Paused;
        if let Some(process) = container.process_of(run) {
            switches.cut_off(paused || !homes.contains(&process.home));
            process.switches = switches;
        }
    }

    /// A process has ended, by itself or by order.
    pub(super) fn ended(&mut self, id: ContainerId, run: u64, code: i32, waits: Waits) -> Aftermath {
        let Some(container) = self.containers.get_mut(&id) else { return Aftermath::Stays };
        if container.process_of(run).is_none() {
            return Aftermath::Stays;
        }
        let lived = container.process.take().map(|process| process.since.elapsed()).unwrap_or_default();
        container.exit_code = Some(code);
        container.print(format!("ended with code {code}"));
        if container.health != Health::Unchecked {
            // What is not checked any more is called unhealthy, and nobody is told.
            container.health = Health::Unhealthy;
        }
        container.state = State::Exited;
        let restarts = !container.meant_to_end;
        if restarts {
            container.state = State::Restarting;
            container.backoff = match container.backoff {
                Duration::ZERO => waits.first,
                _ if lived >= waits.lived_long => waits.first,
                before => (before * 2).min(waits.last),
            };
        }
        let (backoff, sandbox) = (container.backoff, container.sandbox.take());
        self.tell(id, Happened::Died);
        if let Some(sandbox) = sandbox {
            self.sandbox_ends(&sandbox);
        }
        if restarts { Aftermath::Restarts(backoff) } else { Aftermath::Stays }
    }

    /// Whoever lives in a network that is gone runs on, and nothing comes through to it.
    fn sandbox_ends(&mut self, sandbox: &Sandbox) {
        let processes = self.containers.values().filter_map(|container| container.process.as_ref());
        for process in processes.filter(|process| process.home == sandbox.id) {
            process.switches.cut_off(true);
        }
    }

    /// Health was checked and has been judged.
    pub(super) fn is_judged(&mut self, id: ContainerId, run: u64, health: Health) {
        let Some(container) = self.containers.get_mut(&id) else { return };
        let counts = container.state == State::Running && container.process_of(run).is_some();
        if counts && container.health != health {
            container.health = health;
            self.tell(id, Happened::HealthIs(health));
        }
    }

    /// Its process stands still; its network stays.
    pub(super) fn pause(&mut self, id: ContainerId) -> Result<(), Refusal> {
        let container = self.get(id)?;
        if container.state != State::Running {
            return Err(is_in(container.state));
        }
        container.state = State::Paused;
        if container.health != Health::Unchecked {
            container.health = Health::Unhealthy;
        }
        if let Some(process) = &container.process {
            process.switches.cut_off(true);
        }
        self.tell(id, Happened::Paused);
        Ok(())
    }

    /// Its process goes on.
    pub(super) fn unpause(&mut self, id: ContainerId) -> Result<(), Refusal> {
        let container = self.get(id)?;
        if container.state != State::Paused {
            return Err(is_in(container.state));
        }
        container.state = State::Running;
        let (run, switches) = match &container.process {
            Some(process) => (process.run, process.switches.clone()),
            None => return Ok(()),
        };
        // Unless its network has gone meanwhile.
        self.there_is(id, run, switches);
        self.tell(id, Happened::Unpaused);
        Ok(())
    }

    /// Gives a container another name.
    pub(super) fn rename(&mut self, id: ContainerId, name: &Name) -> Result<(), Refusal> {
        self.take_name(name)?;
        let container = self.get(id)?;
        let before = std::mem::replace(&mut container.name, name.clone());
        container.spec.name = name.clone();
        self.names.remove(&before);
        self.names.insert(name.clone(), Some(id));
        self.tell(id, Happened::Renamed);
        Ok(())
    }

    /// A container is no more.
    pub(super) fn destroy(&mut self, id: ContainerId) {
        self.tell(id, Happened::Destroyed);
        if let Some(container) = self.containers.remove(&id) {
            self.names.remove(&container.name);
        }
    }
}

/// Where a run is to be.
struct Home {
    sandbox: SandboxId,
    address: Ipv4Addr,
    /// `None` in a network that the run makes itself.
    tunnel: Option<Tunnel>,
    is_own: bool,
}

/// How long policy waits before it restarts.
#[derive(Clone, Copy)]
pub(super) struct Waits {
    pub(super) first: Duration,
    pub(super) last: Duration,
    pub(super) lived_long: Duration,
}

/// Why something cannot be done to a container.
pub(super) fn is_in(state: State) -> Refusal {
    Refusal::Unexplained(format!("the container is {state}").into())
}
