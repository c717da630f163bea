//! A host on which nothing goes wrong by itself: containers, and what Docker, engines and control servers
//! answer.
//!
//! As deterministic as the core. What it answers is built anew each time, as an adapter builds it from what
//! came over the wire, so that what the core keeps of it is the core's own.

use control::Time;
use control::command::{Action, Command, Create, Question, Target};
use control::docker::{Facts, Happened, Health, Listed, Listing, Network, Notice, State};
use control::event::{Outcome, ProbeReport, Refusal, Report, Silence, TunnelStatus};
use control::ids::{ContainerId, Name, SandboxId, VpnId};
use control::labels::Labels;
use control::time::Stamp;
use std::collections::BTreeMap;

const IMAGE: &str = "ghcr.io/somebody/acestream-engine:latest";
const ADDRESS: &str = "203.0.113.7";

/// Everything outside.
pub(crate) struct Host {
    pub(crate) now: Time,
    containers: BTreeMap<ContainerId, Container>,
    by_name: BTreeMap<String, ContainerId>,
    /// The VPNs' containers, in configuration order.
    pub(crate) vpns: Vec<ContainerId>,
    /// What has happened to containers and has not been told yet.
    pub(crate) untold: Vec<Notice>,
    /// Counts everything that must be told apart: containers, networks, moments.
    ticks: u64,
}

/// One container.
struct Container {
    name: String,
    ours: bool,
    state: State,
    health: Health,
    /// The container whose network it shares.
    shares: Option<ContainerId>,
    labels: Vec<(String, String)>,
    started_at: Option<Stamp>,
    /// The network that it made for itself.
    sandbox: Option<SandboxId>,
    /// The network that it lives in.
    joined: Option<SandboxId>,
    /// An engine that answers nobody.
    hangs: bool,
    /// A VPN whose tunnel is up.
    tunnel_up: bool,
    /// A VPN's forwarded port.
    port: u16,
}

impl Host {
    /// A host on which VPNs of these names run, all well, and somebody else's database.
    pub(crate) fn with_vpns(names: impl Iterator<Item = String>) -> Self {
        let mut host = Self {
            now: Time::ZERO,
            containers: BTreeMap::new(),
            by_name: BTreeMap::new(),
            vpns: Vec::new(),
            untold: Vec::new(),
            ticks: 0,
        };
        for (name, port) in names.zip(30_001..) {
            let id = host.add(&name, None, Vec::new());
            host.start(id);
            host.get(id).port = port;
            host.vpns.push(id);
        }
        host.untold.clear();
        host
    }

    /// Does what a command asks for, and answers it. `None`: there is no answer before its timeout.
    pub(crate) fn carry_out(&mut self, command: &Command) -> Option<Outcome> {
        let report = match &command.action {
            Action::Ping => Report::Pong,
            Action::List => {
                let listed = self.containers.iter().map(|(id, container)| container.listed(*id));
                Report::Listing(Listing { containers: listed.collect() })
            }
            Action::Inspect(Target::Id(id)) => self.inspect(Some(*id)),
            Action::Inspect(Target::Name(name)) => {
                let id = self.by_name.get(name.as_str()).copied();
                self.inspect(id)
            }
            Action::Create(create) if self.by_name.contains_key(create.name.as_str()) => {
                return Some(Outcome::Refused(Refusal::NameTaken));
            }
            Action::Create(create) => Report::Created(self.create(create, command)),
            Action::Start(id) | Action::Restart { id, .. } => match self.refuses_start(*id) {
                Some(refusal) => return Some(Outcome::Refused(refusal)),
                None => {
                    self.stop(*id);
                    self.start(*id);
                    Report::Carried
                }
            },
            Action::Remove(id) => {
                if !self.containers.contains_key(id) {
                    return Some(Outcome::Refused(Refusal::NoSuchContainer));
                }
                self.remove(*id);
                Report::Carried
            }
            Action::Stop { id, .. } => {
                self.stop(*id);
                Report::Carried
            }
            Action::ClearCache(_) => return Some(Outcome::Refused(Refusal::NoShell)),
            // Nobody watches here, nobody mends a tunnel, and nobody wants anything but engines.
            Action::CreateOther(_)
            | Action::Tell { .. }
            | Action::Open { .. }
            | Action::AskSession { .. }
            | Action::Close { .. } => {
                return None;
            }
            Action::Probe { engine, .. } => Report::Probe(self.probe(*engine)?),
            Action::Ask { vpn, question } => self.ask(*vpn, *question)?,
        };
        Some(Outcome::Done(report))
    }

    /// What a command whose time has run out is told.
    pub(crate) const fn silence() -> Outcome {
        Outcome::Unknown(Silence::TimedOut)
    }

    /// The engines that run, in the order of their ids.
    pub(crate) fn running_engines(&self) -> Vec<ContainerId> {
        let engines = self.containers.iter().filter(|(_, found)| found.ours && found.state == State::Running);
        engines.map(|(id, _)| *id).collect()
    }

    // What people and the world do. Docker's event stream tells of it.

    /// A container of somebody else's comes.
    pub(crate) fn add_stranger(&mut self, name: &str) -> ContainerId {
        let id = self.add(name, None, Vec::new());
        self.start(id);
        id
    }

    /// A container is started and has a new process, in a new network or in the one that it shares.
    pub(crate) fn start(&mut self, id: ContainerId) {
        let (at, sandbox) = (self.stamp(), SandboxId::from_bytes(self.bytes()));
        let shared = self.containers.get(&id).and_then(|container| container.shares);
        let shared = shared.map(|vpn| self.containers.get(&vpn).and_then(|vpn| vpn.sandbox));
        let Some(container) = self.containers.get_mut(&id) else { return };
        container.state = State::Running;
        container.started_at = Some(at);
        container.hangs = false;
        if shared.is_none() {
            container.sandbox = Some(sandbox);
        }
        container.joined = shared.unwrap_or(Some(sandbox));
        self.tell(id, Happened::Started);
    }

    /// A container's process ends.
    pub(crate) fn stop(&mut self, id: ContainerId) {
        let Some(container) = self.containers.get_mut(&id) else { return };
        if container.state == State::Running {
            container.state = State::Exited;
            container.sandbox = None;
            self.tell(id, Happened::Died);
        }
    }

    /// A container is removed.
    pub(crate) fn remove(&mut self, id: ContainerId) {
        self.stop(id);
        self.tell(id, Happened::Destroyed);
        if let Some(container) = self.containers.remove(&id) {
            self.by_name.remove(&container.name);
        }
    }

    /// Docker's opinion of a container changes.
    pub(crate) fn check_health(&mut self, id: ContainerId, health: Health) {
        self.get(id).health = health;
        self.tell(id, Happened::HealthIs(health));
    }

    /// A VPN's tunnel is lost, or there again. Nobody tells.
    pub(crate) fn set_tunnel(&mut self, vpn: ContainerId, up: bool) {
        self.get(vpn).tunnel_up = up;
    }

    /// A VPN's forwarded port is another one. Nobody tells.
    pub(crate) fn move_port(&mut self, vpn: ContainerId) {
        self.get(vpn).port += 1_000;
    }

    /// An engine hangs until it is started again, if it is still there. Nobody tells.
    pub(crate) fn hang(&mut self, engine: ContainerId, hangs: bool) {
        if let Some(engine) = self.containers.get_mut(&engine) {
            engine.hangs = hangs;
        }
    }

    // How it works.

    fn get(&mut self, id: ContainerId) -> &mut Container {
        self.containers.get_mut(&id).expect("only containers that exist are asked for")
    }

    fn add(&mut self, name: &str, shares: Option<ContainerId>, labels: Vec<(String, String)>) -> ContainerId {
        let id = ContainerId::from_bytes(self.bytes());
        let container = Container {
            name: name.into(),
            ours: !labels.is_empty(),
            state: State::Created,
            health: Health::Healthy,
            shares,
            labels,
            started_at: None,
            sandbox: None,
            joined: None,
            hangs: false,
            tunnel_up: true,
            port: 0,
        };
        self.containers.insert(id, container);
        self.by_name.insert(name.into(), id);
        self.tell(id, Happened::Created);
        id
    }

    fn create(&mut self, create: &Create, command: &Command) -> ContainerId {
        let vpn = create.vpn.map(|vpn| self.vpns[vpn.index()]);
        let vpn_name = vpn.map(|vpn| Name::from(self.get(vpn).name.as_str()));
        let labels = Labels::of_engine(create, vpn_name.as_ref(), command.op);
        let labels = labels.iter().map(|(key, value)| (key.into(), value.into())).collect();
        self.add(create.name.as_str(), vpn, labels)
    }

    fn refuses_start(&self, id: ContainerId) -> Option<Refusal> {
        let Some(container) = self.containers.get(&id) else { return Some(Refusal::NoSuchContainer) };
        match container.shares.map(|vpn| self.containers.get(&vpn)) {
            Some(None) => Some(Refusal::NoSuchContainer),
            Some(Some(vpn)) if vpn.state != State::Running => Some(Refusal::NetworkNotRunning),
            Some(Some(_)) | None => None,
        }
    }

    fn inspect(&self, id: Option<ContainerId>) -> Report {
        let found = id.and_then(|id| Some((id, self.containers.get(&id)?)));
        found.map_or(Report::Absent, |(id, container)| Report::Found(Box::new(container.facts(id))))
    }

    fn probe(&self, id: ContainerId) -> Option<ProbeReport> {
        const NO_ANSWER: ProbeReport = ProbeReport { answered: false, connected: None };
        let Some(engine) = self.containers.get(&id) else { return Some(NO_ANSWER) };
        let vpn = engine.shares.and_then(|vpn| self.containers.get(&vpn));
        let reachable = vpn.is_none_or(|vpn| vpn.sandbox.is_some() && vpn.sandbox == engine.joined);
        if engine.state != State::Running || !reachable {
            return Some(NO_ANSWER);
        }
        let connected = vpn.is_none_or(|vpn| vpn.tunnel_up);
        (!engine.hangs).then_some(ProbeReport { answered: true, connected: Some(connected) })
    }

    fn ask(&self, vpn: VpnId, question: Question) -> Option<Report> {
        let vpn = self.containers.get(&self.vpns[vpn.index()])?;
        (vpn.state == State::Running).then(|| match question {
            Question::Tunnel if vpn.tunnel_up => Report::Tunnel(TunnelStatus::Running),
            Question::Tunnel => Report::Tunnel(TunnelStatus::Stopped),
            Question::Ports => Report::Ports(vec![vpn.port]),
            Question::PublicAddress => Report::PublicAddress(ADDRESS.into()),
        })
    }

    fn tell(&mut self, id: ContainerId, happened: Happened) {
        let at = self.stamp();
        let Some(Container { name, ours, .. }) = self.containers.get(&id) else { return };
        self.untold.push(Notice { id, name: name.as_str().into(), ours: *ours, happened, at });
    }

    /// The present moment on Docker's clock, never the same twice.
    fn stamp(&mut self) -> Stamp {
        self.ticks += 1;
        Stamp::from_nanos(self.now.as_nanos() + self.ticks)
    }

    /// Bytes that no other call gives, in no order, as Docker's ids are.
    fn bytes(&mut self) -> [u8; 32] {
        self.ticks += 1;
        let mut bytes = [0; 32];
        let mut mixed = control::rng::Rng::new(self.ticks);
        for part in bytes.chunks_exact_mut(8) {
            part.copy_from_slice(&mixed.bits().to_be_bytes());
        }
        bytes
    }
}

impl Container {
    fn listed(&self, id: ContainerId) -> Listed {
        Listed {
            id,
            name: self.name.as_str().into(),
            ours: self.ours,
            state: self.state,
            network: self.shares.map_or_else(|| Network::Own("bridge".into()), Network::Container),
            labels: self.labels.iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
            image: IMAGE.into(),
            published: [].into(),
        }
    }

    fn facts(&self, id: ContainerId) -> Facts {
        Facts {
            listed: self.listed(id),
            health: self.health,
            started_at: self.started_at,
            sandbox: self.sandbox,
            p2p_in_spec: None,
            created_at: Stamp::from_nanos(0),
        }
    }
}
