//! What exists outside, on paper: containers, what they would answer, and Docker doing what it is asked.

use super::player::Session;
use control::command::{Create, CreateOther, Question, Target};
use control::docker::{Facts, Health, Listed, Listing, Network, State};
use control::event::{Outcome, ProbeReport, Refusal, Report, Silence, TunnelStatus};
use control::ids::{ContainerId, Name, OpId, SandboxId, VpnId};
use control::labels::{self, Labels};
use control::time::Stamp;
use control::{Action, Command, Time};
use std::sync::Arc;

/// A host with Docker on it.
pub(crate) struct Host {
    pub(crate) now: Time,
    /// Docker answers.
    pub(crate) docker_answers: bool,
    /// Engines that are created from now on answer questions.
    pub(crate) engines_answer: bool,
    /// In the order in which they were created, the removed ones too: their names are still spoken of.
    containers: Vec<Container>,
    /// The VPNs by name, in configuration order.
    vpns: Vec<String>,
    /// Sessions that engines play.
    pub(super) sessions: Vec<Session>,
    /// Counts everything that must be told apart: starts, networks, notices.
    ticks: u32,
}

/// One container. Fields that mean nothing to its kind are left alone.
#[derive(Clone)]
pub(crate) struct Container {
    pub(crate) id: ContainerId,
    pub(crate) name: Name,
    pub(crate) ours: bool,
    pub(crate) state: State,
    pub(crate) health: Health,
    pub(crate) network: Network,
    pub(crate) labels: Labels,
    pub(crate) published: Arc<[u16]>,
    pub(crate) started_at: Option<Stamp>,
    /// The namespace that it made for itself when it was last started.
    pub(crate) sandbox: Option<SandboxId>,
    pub(crate) p2p_in_spec: Option<u16>,
    removed: bool,

    /// An engine: the namespace that it joined when it was last started.
    joined: Option<SandboxId>,
    /// An engine: it answers questions after its status, if it can be reached.
    pub(crate) answers: bool,
    /// An engine: what it says of its connection while its VPN's tunnel is up.
    pub(crate) connected: Option<bool>,

    /// A VPN: its tunnel is up, so that engines can be connected.
    pub(crate) tunnel_up: bool,
    /// A VPN: what its control server says of the tunnel; `None` if it is silent.
    pub(crate) tunnel: Option<TunnelStatus>,
    /// A VPN: what its control server says of its ports; `None` if it is silent.
    pub(crate) ports: Option<Vec<u16>>,
    /// A VPN: its control server lets us in.
    pub(crate) admits: bool,
}

/// A host on which VPNs of these names run, all well, without forwarded ports.
pub(crate) fn host_with(vpns: &[&str]) -> Host {
    let mut host = Host {
        now: Time::ZERO,
        docker_answers: true,
        engines_answer: true,
        containers: Vec::new(),
        vpns: vpns.iter().map(ToString::to_string).collect(),
        sessions: Vec::new(),
        ticks: 0,
    };
    for name in vpns {
        host.run_vpn(name);
    }
    host
}

/// The same with forwarded ports: the first has 40001, the second 40002 and so on.
pub(crate) fn host_with_ports(vpns: &[&str]) -> Host {
    let mut host = host_with(vpns);
    for (name, port) in vpns.iter().zip(40_001..) {
        host.get(name).ports = Some(vec![port]);
    }
    host
}

impl Host {
    /// The container of this name.
    pub(crate) fn get(&mut self, name: &str) -> &mut Container {
        let found = self.containers.iter_mut().find(|container| container.is_called(name));
        found.unwrap_or_else(|| panic!("there is no container {name}"))
    }

    /// Whether there is a container of this name.
    pub(crate) fn exists(&self, name: &str) -> bool {
        self.containers.iter().any(|container| container.is_called(name))
    }

    /// What a container is or was called.
    pub(crate) fn name_of(&self, id: ContainerId) -> String {
        let known = self.containers.iter().find(|container| container.id == id);
        known.map_or_else(|| format!("{id:.12}"), |container| container.name.to_string())
    }

    /// What a configured VPN is called.
    pub(crate) fn vpn_name(&self, id: VpnId) -> &str {
        &self.vpns[id.index()]
    }

    /// The present moment on Docker's clock, never the same twice.
    pub(crate) fn stamp(&mut self) -> Stamp {
        self.ticks += 1;
        Stamp::from_nanos(self.now.as_nanos() + u64::from(self.ticks))
    }

    // What people and the world do. Nobody tells.

    /// A VPN's container is created and started, and is well.
    pub(crate) fn run_vpn(&mut self, name: &str) -> &mut Container {
        self.add(name, Network::Own("bridge".into()));
        self.start(name);
        self.get(name)
    }

    /// A container of somebody else's.
    pub(crate) fn run_stranger(&mut self, name: &str, published: &[u16]) {
        self.add(name, Network::Own("bridge".into())).published = published.into();
        self.start(name);
    }

    /// An engine from an earlier life, in the network of the VPN that its label names; it has been created and
    /// not been started.
    pub(crate) fn add_engine(&mut self, name: &str, pairs: &[(&str, &str)]) -> &mut Container {
        let labels: Labels = pairs.iter().copied().collect();
        let network = match labels.meaning().vpn_container {
            Some(vpn) => Network::Container(self.get(vpn.as_str()).id),
            None => Network::Own("bridge".into()),
        };
        let container = self.add(name, network);
        container.ours = true;
        container.labels = labels;
        container
    }

    /// A container of another kind from an earlier life, created and not started.
    pub(crate) fn add_other(&mut self, name: &str) {
        let container = self.add(name, Network::Own("bridge".into()));
        container.ours = true;
        container.labels = [(labels::OPERATION, "00000001-1")].into_iter().collect();
    }

    /// An engine from an earlier life, running on a VPN.
    pub(crate) fn run_engine(&mut self, name: &str, vpn: &str, port: u16) -> &mut Container {
        let port = port.to_string();
        self.add_engine(name, &[(labels::HTTP_PORT, &port), (labels::VPN_CONTAINER, vpn)]);
        self.start(name);
        self.get(name)
    }

    /// A container is started, or started again; it has a new network or joins one.
    pub(crate) fn start(&mut self, name: &str) {
        let stamp = self.stamp();
        let sandbox = SandboxId::from_bytes(bytes(self.ticks));
        let joined = match self.get(name).network.clone() {
            Network::Own(_) => Some(sandbox),
            Network::Container(id) => self.by_id(id).and_then(|container| container.sandbox),
            Network::ContainerNamed(vpn) => self.get(vpn.as_str()).sandbox,
        };
        let container = self.get(name);
        container.state = State::Running;
        container.started_at = Some(stamp);
        container.joined = joined;
        if matches!(container.network, Network::Own(_)) {
            container.sandbox = Some(sandbox);
        }
    }

    /// A container stops.
    pub(crate) fn stop(&mut self, name: &str) {
        let container = self.get(name);
        container.state = State::Exited;
        container.sandbox = None;
    }

    /// A container is removed.
    pub(crate) fn remove(&mut self, name: &str) {
        self.get(name).removed = true;
    }

    /// A VPN's container is removed, and another is created under its name and started.
    pub(crate) fn recreate(&mut self, name: &str) {
        let ports = self.get(name).ports.clone();
        self.remove(name);
        self.run_vpn(name).ports = ports;
    }

    fn add(&mut self, name: &str, network: Network) -> &mut Container {
        assert!(!self.exists(name), "two containers would be called {name}");
        self.ticks += 1;
        self.containers.push(Container {
            id: ContainerId::from_bytes(bytes(self.ticks)),
            name: name.into(),
            ours: false,
            state: State::Created,
            health: Health::Healthy,
            network,
            labels: Labels::default(),
            published: Arc::from([]),
            started_at: None,
            sandbox: None,
            p2p_in_spec: None,
            removed: false,
            joined: None,
            answers: self.engines_answer,
            connected: Some(true),
            tunnel_up: true,
            tunnel: Some(TunnelStatus::Running),
            ports: Some(vec![]),
            admits: true,
        });
        self.containers.last_mut().expect("it has just been added")
    }

    pub(super) fn by_id(&self, id: ContainerId) -> Option<&Container> {
        self.containers.iter().find(|container| container.id == id && !container.removed)
    }

    // What Docker, engines and control servers answer.

    /// Does what a command asks for, and answers it.
    pub(crate) fn carry_out(&mut self, command: &Command) -> Outcome {
        match &command.action {
            Action::Probe { engine, .. } => Outcome::Done(Report::Probe(self.probe(*engine))),
            Action::Ask { vpn, question } => self.ask(*vpn, *question),
            // The tunnels here do not heed it: whether they are up is for the test to say.
            Action::Tell { .. } => Outcome::Done(Report::Carried),
            Action::Open { at, content, .. } => self.open(*at, content),
            Action::AskSession { at, path } => self.ask_session(*at, path),
            Action::Close { at, path } => self.close(*at, path),
            _ if !self.docker_answers => Outcome::Unknown(Silence::TimedOut),
            Action::Ping => Outcome::Done(Report::Pong),
            Action::List => {
                let there = self.containers.iter().filter(|container| !container.removed);
                Outcome::Done(Report::Listing(Listing { containers: there.map(Container::listed).collect() }))
            }
            Action::Inspect(Target::Id(id)) => found(self.by_id(*id)),
            Action::Inspect(Target::Name(name)) => {
                found(self.containers.iter().find(|container| container.is_called(name.as_str())))
            }
            Action::Create(create) => self.create(create, command.op),
            Action::CreateOther(create) => self.create_other(create, command.op),
            Action::Start(id) | Action::Restart { id, .. } => self.join_and_start(*id),
            Action::ClearCache(_) => Outcome::Refused(Refusal::NoShell),
            Action::Stop { .. } => Outcome::Done(Report::Carried),
            Action::Remove(id) => match self.by_id(*id).map(|container| container.name.clone()) {
                Some(name) => {
                    self.remove(name.as_str());
                    Outcome::Done(Report::Carried)
                }
                None => Outcome::Refused(Refusal::NoSuchContainer),
            },
        }
    }

    fn create(&mut self, create: &Create, op: OpId) -> Outcome {
        let vpn = create.vpn.map(|vpn| Name::from(self.vpn_name(vpn)));
        let labels = Labels::of_engine(create, vpn.as_ref(), op);
        let network = match vpn {
            Some(vpn) => Network::Container(self.get(vpn.as_str()).id),
            None => Network::Own("bridge".into()),
        };
        let container = self.add(create.name.as_str(), network);
        container.ours = true;
        container.labels = labels;
        Outcome::Done(Report::Created(container.id))
    }

    fn create_other(&mut self, create: &CreateOther, op: OpId) -> Outcome {
        let container = self.add(create.name.as_str(), Network::Own("bridge".into()));
        container.ours = true;
        container.labels = Labels::of_other(create, op);
        container.published = create.ports.iter().map(|(_, outside)| *outside).collect();
        Outcome::Done(Report::Created(container.id))
    }

    fn join_and_start(&mut self, id: ContainerId) -> Outcome {
        let Some(container) = self.by_id(id) else { return Outcome::Refused(Refusal::NoSuchContainer) };
        if let Network::Container(vpn) = container.network {
            match self.by_id(vpn) {
                None => return Outcome::Refused(Refusal::NoSuchContainer),
                Some(vpn) if !vpn.state.has_network() => return Outcome::Refused(Refusal::NetworkNotRunning),
                Some(_) => {}
            }
        }
        let name = container.name.clone();
        self.start(name.as_str());
        Outcome::Done(Report::Carried)
    }

    pub(super) fn probe(&self, id: ContainerId) -> ProbeReport {
        const NO_ANSWER: ProbeReport = ProbeReport { answered: false, connected: None };
        let Some(engine) = self.by_id(id) else { return NO_ANSWER };
        let (reachable, tunnel_up) = match engine.network {
            Network::Container(vpn) => self.by_id(vpn).map_or((false, false), |vpn| {
                (vpn.sandbox.is_some() && vpn.sandbox == engine.joined, vpn.tunnel_up)
            }),
            Network::ContainerNamed(_) | Network::Own(_) => (true, true),
        };
        if engine.state != State::Running || !reachable {
            return NO_ANSWER;
        }
        let connected = engine.connected.map(|connected| connected && tunnel_up);
        ProbeReport { answered: engine.answers, connected }
    }

    fn ask(&mut self, vpn: VpnId, question: Question) -> Outcome {
        const SILENT: Outcome = Outcome::Unknown(Silence::TimedOut);
        let name = self.vpn_name(vpn).to_string();
        let server = self.get(&name);
        if server.state != State::Running {
            return SILENT;
        }
        if !server.admits {
            return Outcome::Refused(Refusal::Unauthorized);
        }
        match question {
            Question::Tunnel => server.tunnel.map_or(SILENT, |tunnel| Outcome::Done(Report::Tunnel(tunnel))),
            Question::Ports => {
                server.ports.clone().map_or(SILENT, |ports| Outcome::Done(Report::Ports(ports)))
            }
            Question::PublicAddress => Outcome::Done(Report::PublicAddress("203.0.113.7".into())),
        }
    }
}

impl Container {
    fn is_called(&self, name: &str) -> bool {
        !self.removed && self.name.as_str() == name
    }

    /// What a listing says of it.
    pub(crate) fn listed(&self) -> Listed {
        Listed {
            id: self.id,
            name: self.name.clone(),
            ours: self.ours,
            state: self.state,
            network: self.network.clone(),
            labels: if self.ours { self.labels.clone() } else { Labels::default() },
            image: "engine".into(),
            published: self.published.clone(),
        }
    }

    /// What an inspection says of it.
    pub(crate) fn facts(&self) -> Facts {
        Facts {
            listed: self.listed(),
            health: self.health,
            started_at: self.started_at,
            sandbox: self.sandbox,
            p2p_in_spec: self.p2p_in_spec,
            created_at: Stamp::from_nanos(0),
        }
    }
}

fn found(container: Option<&Container>) -> Outcome {
    let facts = container.map(|container| Report::Found(Box::new(container.facts())));
    Outcome::Done(facts.unwrap_or(Report::Absent))
}

/// Different bytes for different numbers, which begin differently as well, because ids are shown shortened.
fn bytes(number: u32) -> [u8; 32] {
    let mut bytes = [0xce; 32];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    bytes
}
