//! A host that does as it is told: containers, and what Docker, engines and control servers answer.
//!
//! As deterministic as the core, so that what the API tells of it can be compared word by word.

use control::Time;
use control::command::{Action, Command, Create, CreateOther, Question, Target};
use control::docker::{Facts, Happened, Health, Listed, Listing, Network, Notice, State};
use control::event::{Opened, Outcome, ProbeReport, Refusal, Report, SessionReport, Silence, TunnelStatus};
use control::ids::{ContainerId, Name, SandboxId, VpnId};
use control::labels::Labels;
use control::time::Stamp;
use std::collections::BTreeMap;

pub(crate) const IMAGE: &str = "example/engine:latest";

/// Everything outside.
#[derive(Default)]
pub(crate) struct Host {
    pub(crate) now: Time,
    containers: BTreeMap<ContainerId, Container>,
    vpns: Vec<ContainerId>,
    /// What has happened to containers and has not been told yet.
    pub(crate) untold: Vec<Notice>,
    /// Docker answers nobody.
    pub(crate) docker_hangs: bool,
    /// Docker refuses to create.
    pub(crate) refuses_creations: bool,
    /// Docker takes for ever to create.
    pub(crate) creates_slowly: bool,
    /// What engines say of every session.
    pub(crate) session: Option<SessionReport>,
    /// Paths under which engines were told to close a session.
    pub(crate) closed: Vec<String>,
    ticks: u64,
}

struct Container {
    name: String,
    ours: bool,
    state: State,
    health: Health,
    shares: Option<ContainerId>,
    labels: Vec<(String, String)>,
    started_at: Option<Stamp>,
    sandbox: Option<SandboxId>,
    hangs: bool,
    port: Option<u16>,
    published: Vec<u16>,
}

impl Host {
    pub(crate) fn add_vpn(&mut self, name: &str, port: Option<u16>) {
        let id = self.add(name, None, Vec::new());
        self.start(id);
        self.get(id).port = port;
        self.vpns.push(id);
    }

    /// A container of ours that is no engine.
    pub(crate) fn add_other(&mut self, name: &str) {
        let ours = ("ondemand.app".to_owned(), "myservice".to_owned());
        let id = self.add(name, None, vec![ours]);
        self.start(id);
    }

    /// Carries out a command. `None`: it is not answered before its time is over.
    pub(crate) fn carry_out(&mut self, command: &Command) -> Option<Outcome> {
        let asks_docker = command.action.changes_containers()
            || matches!(command.action, Action::Ping | Action::List | Action::Inspect(_));
        if self.docker_hangs && asks_docker {
            return None;
        }
        let report = match &command.action {
            Action::Ping => Report::Pong,
            Action::List => {
                let listed = self.containers.iter().map(|(id, container)| container.listed(*id));
                Report::Listing(Listing { containers: listed.collect() })
            }
            Action::Inspect(Target::Id(id)) => self.inspect(Some(*id)),
            Action::Inspect(Target::Name(name)) => self.inspect(self.named(name.as_str())),
            Action::Create(_) | Action::CreateOther(_) if self.refuses_creations => {
                return Some(Outcome::Refused(Refusal::ImageMissing));
            }
            Action::Create(_) | Action::CreateOther(_) if self.creates_slowly => return None,
            Action::Create(create) => Report::Created(self.create(create, command)),
            Action::CreateOther(create) => Report::Created(self.create_other(create, command)),
            Action::Start(id) | Action::Restart { id, .. } => {
                self.start(*id);
                Report::Carried
            }
            Action::Stop { id, .. } => {
                self.get(*id).state = State::Exited;
                self.tell(*id, Happened::Died);
                Report::Carried
            }
            Action::Remove(id) => {
                self.tell(*id, Happened::Destroyed);
                self.containers.remove(id);
                Report::Carried
            }
            Action::ClearCache(_) => Report::CacheCleared { bytes: 1_024 },
            Action::Probe { engine, .. } => Report::Probe(self.probe(*engine)),
            Action::Ask { vpn, question } => self.ask(*vpn, *question),
            Action::Tell { .. } => Report::Carried,
            Action::Close { path, .. } => {
                self.closed.push(path.to_string());
                Report::Carried
            }
            Action::Open { session, .. } => Report::Opened(Box::new(Opened {
                playback_session_id: session.0.to_string().into(),
                stat_path: format!("/ace/stat/{}", session.0).into(),
                command_path: format!("/ace/cmd/{}", session.0).into(),
                is_live: true,
            })),
            Action::AskSession { .. } => Report::Session(self.session.clone()?),
        };
        Some(Outcome::Done(report))
    }

    pub(crate) const fn silence() -> Outcome {
        Outcome::Unknown(Silence::TimedOut)
    }

    /// A VPN's container is stopped by hand.
    pub(crate) fn stop(&mut self, name: &str) {
        let id = self.named(name).expect("it exists");
        let container = self.get(id);
        container.state = State::Exited;
        container.sandbox = None;
        self.tell(id, Happened::Died);
    }

    /// A VPN's container is started again; its health check has not run yet, and its port is another one.
    pub(crate) fn start_again(&mut self, name: &str, port: u16) {
        let id = self.named(name).expect("it exists");
        let container = self.get(id);
        container.health = Health::Starting;
        container.port = Some(port);
        self.start(id);
    }

    /// A VPN's health check has run.
    pub(crate) fn becomes_healthy(&mut self, name: &str) {
        let id = self.named(name).expect("it exists");
        self.get(id).health = Health::Healthy;
        self.tell(id, Happened::HealthIs(Health::Healthy));
    }

    /// An engine answers nobody any more, or does again.
    pub(crate) fn hang(&mut self, name: &str, hangs: bool) {
        let id = self.named(name).expect("it exists");
        self.get(id).hangs = hangs;
    }

    fn named(&self, name: &str) -> Option<ContainerId> {
        self.containers.iter().find(|(_, container)| container.name == name).map(|(id, _)| *id)
    }

    fn get(&mut self, id: ContainerId) -> &mut Container {
        self.containers.get_mut(&id).expect("it exists")
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
            hangs: false,
            port: None,
            published: Vec::new(),
        };
        self.containers.insert(id, container);
        self.tell(id, Happened::Created);
        id
    }

    fn start(&mut self, id: ContainerId) {
        let (at, sandbox) = (self.stamp(), SandboxId::from_bytes(self.bytes()));
        let container = self.get(id);
        container.state = State::Running;
        container.started_at = Some(at);
        container.sandbox = container.shares.is_none().then_some(sandbox);
        self.tell(id, Happened::Started);
    }

    fn create(&mut self, create: &Create, command: &Command) -> ContainerId {
        let vpn = create.vpn.map(|vpn| self.vpns[vpn.index()]);
        let vpn_name = vpn.map(|vpn| Name::from(self.get(vpn).name.as_str()));
        let labels = Labels::of_engine(create, vpn_name.as_ref(), command.op);
        let ours = [("ondemand.app".to_owned(), "myservice".to_owned())];
        let labels = labels.iter().map(|(key, value)| (key.into(), value.into())).chain(ours).collect();
        self.add(create.name.as_str(), vpn, labels)
    }

    fn create_other(&mut self, create: &CreateOther, command: &Command) -> ContainerId {
        let labels = Labels::of_other(create, command.op);
        let ours = [("ondemand.app".to_owned(), "myservice".to_owned())];
        let labels = labels.iter().map(|(key, value)| (key.into(), value.into())).chain(ours).collect();
        let id = self.add(create.name.as_str(), None, labels);
        self.get(id).published = create.ports.iter().map(|(_, outside)| *outside).collect();
        id
    }

    fn inspect(&self, id: Option<ContainerId>) -> Report {
        let found = id.and_then(|id| Some((id, self.containers.get(&id)?)));
        found.map_or(Report::Absent, |(id, container)| Report::Found(Box::new(container.facts(id))))
    }

    fn probe(&self, id: ContainerId) -> ProbeReport {
        let engine =
            self.containers.get(&id).filter(|engine| engine.state == State::Running && !engine.hangs);
        let vpn = engine.and_then(|engine| engine.shares).and_then(|vpn| self.containers.get(&vpn));
        let reachable = vpn.is_none_or(|vpn| vpn.state == State::Running);
        let answers = engine.is_some() && reachable;
        ProbeReport { answered: answers, connected: answers.then_some(true) }
    }

    fn ask(&self, vpn: VpnId, question: Question) -> Report {
        match question {
            Question::Tunnel => Report::Tunnel(TunnelStatus::Running),
            Question::Ports => Report::Ports(
                self.containers.get(&self.vpns[vpn.index()]).and_then(|vpn| vpn.port).into_iter().collect(),
            ),
            Question::PublicAddress => Report::PublicAddress("203.0.113.7".into()),
        }
    }

    fn tell(&mut self, id: ContainerId, happened: Happened) {
        let at = self.stamp();
        let container = self.get(id);
        let (name, ours) = (container.name.as_str().into(), container.ours);
        self.untold.push(Notice { id, name, ours, happened, at });
    }

    fn stamp(&mut self) -> Stamp {
        self.ticks += 1;
        Stamp::from_nanos(self.now.as_nanos() + self.ticks)
    }

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
            published: self.published.as_slice().into(),
        }
    }

    fn facts(&self, id: ContainerId) -> Facts {
        Facts {
            listed: self.listed(id),
            health: self.health,
            started_at: self.started_at,
            sandbox: self.sandbox,
            p2p_in_spec: None,
            created_at: self.started_at.unwrap_or(Stamp::from_nanos(0)),
        }
    }
}
