//! A fleet behind a real gate and a real server, on a clock that stands still until a test moves it.
//!
//! The core is the real one; what it asks for is carried out by [`Host`] at once.

use super::host::Host;
use acefleet::api::{self, Chosen, Parts};
use acefleet::dial::{DockerDns, Place, Ways};
use acefleet::driver::gate::{Gate, Incoming, Picture, Written};
use acefleet::history::History;
use acefleet::journal::{Numbered, Numbers};
use acefleet::metrics::{CameOut, Meters};
use acefleet::proxy::Proxy;
use acefleet::recorder::Recorder;
use acefleet::report::Facts;
use acefleet::runtime::Usage;
use acefleet::settings::{ProxySettings, Sources, VpnMode};
use acefleet::store::Store;
use arc_swap::ArcSwap;
use control::command::{Content, KeyType};
use control::event::Outcome;
use control::ids::{OpId, RequestId, ViewerId};
use control::journal::Entry;
use control::request::Reply;
use control::settings::VpnSettings;
use control::{Control, Event, Message, Settings, Time};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

/// When every test begins: 2026-01-31T12:00:00Z.
const BEGINS: Time = Time::from_secs(1_769_860_800);

/// So many lines of logs are never answered.
pub(crate) const HANGS: u32 = 666;
/// So many are answered with a panic.
pub(crate) const PANICS: u32 = 13;

/// Ways to nobody: viewers of the proxy are played by the world itself.
fn nobody() -> Arc<Ways> {
    Arc::new(Ways::new(Place::Host, DockerDns::nowhere()))
}

/// What a test chooses.
pub(crate) struct Setup {
    pub(crate) settings: Settings,
    pub(crate) vpns: Vec<(&'static str, Option<u16>)>,
    pub(crate) chosen: Chosen,
    /// The fleet comes up before the test begins.
    pub(crate) comes_up: bool,
    /// What is kept of the past: nothing, unless a test says otherwise.
    pub(crate) store: Arc<Store>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            settings: Settings {
                min_replicas: 2,
                max_replicas: 4,
                max_active_replicas: 4,
                ..Settings::default()
            },
            vpns: Vec::new(),
            chosen: Chosen {
                vpn_mode: VpnMode::Disabled,
                auto_delete: false,
                grace_period_s: 30,
                health_check_interval_s: 20,
                engine_variant: "krinkuto11-amd64",
                label_key: "ondemand.app".into(),
                key: None,
                hook_token: None,
                cors_origins: Vec::new(),
                provision_images: vec!["example/other:1".into()],
                effective: Vec::new(),
                base_url: None,
                channels: None,
            },
            comes_up: true,
            store: Arc::new(Store::at("/proc/nowhere/a.db".into())),
        }
    }
}

impl Setup {
    pub(crate) fn with_vpns(vpns: &[(&'static str, Option<u16>)]) -> Self {
        let mut setup = Self { vpns: vpns.to_vec(), ..Self::default() };
        setup.chosen.vpn_mode = if vpns.len() > 1 { VpnMode::Redundant } else { VpnMode::Single };
        setup
    }

    pub(crate) fn with_keys(mut self, key: Option<&str>, hook: Option<&str>) -> Self {
        self.chosen.key = key.map(|key| key.to_owned().into());
        self.chosen.hook_token = hook.map(|key| key.to_owned().into());
        self
    }

    /// Starts the fleet and a server in front of it.
    pub(crate) async fn start(self) -> Fleet {
        Fleet::start(self).await
    }
}

/// A fleet and the server in front of it.
pub(crate) struct Fleet {
    pub(crate) address: SocketAddr,
    world: Arc<Mutex<World>>,
    pub(crate) shutdown: CancellationToken,
    pub(crate) server: Option<tokio::task::JoinHandle<()>>,
    meters: Arc<Meters>,
    pub(crate) store: Arc<Store>,
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.shutdown.cancel();
        // Written and closed: its file is read or removed next.
        self.store.close();
    }
}

struct World {
    core: Control,
    host: Host,
    /// What is told later: when time has run out for a command.
    due: BTreeMap<(Time, OpId), Outcome>,
    asked: BTreeMap<RequestId, oneshot::Sender<Reply>>,
    requests: u64,
    numbers: Numbers,
    picture: Arc<ArcSwap<Picture>>,
    news: watch::Sender<u64>,
    recorder: Recorder,
    store: Arc<Store>,
    clock: Arc<AtomicU64>,
}

impl Fleet {
    async fn start(setup: Setup) -> Self {
        let vpns = setup.vpns.iter().map(|(name, _)| VpnSettings { container: (*name).into(), ports: None });
        let settings = Settings { vpns: vpns.collect(), ..setup.settings };
        let mut host = Host::default();
        host.now = BEGINS;
        setup.vpns.iter().for_each(|(name, port)| host.add_vpn(name, *port));
        host.untold.clear();
        let core = Control::new(settings, BEGINS, 1);
        let clock = Arc::new(AtomicU64::new(BEGINS.as_nanos()));
        let first = Picture {
            snapshot: core.snapshot(),
            number: 0,
            journal: Arc::default(),
            notes: vec![],
            written: Written::default(),
        };
        let picture = Arc::new(ArcSwap::from_pointee(first));
        let history = Arc::new(Mutex::new(History::new(720)));
        let (news, hears) = watch::channel(0);
        let (incoming, mut asks) = mpsc::channel(8);
        let gate = Gate::new(picture.clone(), hears, incoming);
        let mut world = World {
            core,
            host,
            due: BTreeMap::new(),
            asked: BTreeMap::new(),
            requests: 0,
            numbers: Numbers::default(),
            picture,
            news,
            recorder: Recorder::new(history.clone(), setup.store.clone()),
            store: setup.store.clone(),
            clock: clock.clone(),
        };
        if setup.comes_up {
            world.step(Event::StoreAnswered(Ok(Vec::new())));
            world.pass(Duration::from_secs(30));
        }
        let world = Arc::new(Mutex::new(world));
        let answering = Arc::downgrade(&world);
        tokio::spawn(async move {
            while let Some(incoming) = asks.recv().await {
                let Some(world) = answering.upgrade() else { return };
                world.lock().expect("no test has failed holding it").hear(incoming);
            }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it has one");
        let meters = Arc::new(Meters::default());
        let parts = Parts {
            gate,
            chosen: setup.chosen,
            history,
            facts: Facts::of(&acefleet::settings::read(&Sources::empty()).expect("the defaults are fine")),
            proxy: Proxy::new(ProxySettings::default(), None, nobody(), meters.proxy.clone()),
            store: setup.store.clone(),
            meters: meters.clone(),
            log: acefleet::log::present(),
            clock: Arc::new(move || Time::from_nanos(clock.load(Ordering::SeqCst))),
            usage: Arc::new(|_| {
                let usage =
                    Usage { cpu_percent: Some(12.5), memory_bytes: Some(4_096), memory_limit_bytes: None };
                Box::pin(async move { Ok(usage) })
            }),
            logs: Arc::new(|_, tail| {
                Box::pin(async move {
                    match tail {
                        HANGS => std::future::pending().await,
                        PANICS => panic!("a mistake of the logs"),
                        tail => Ok(format!("the last {tail} lines\n").into_bytes().into()),
                    }
                })
            }),
            more: api::More::none(),
        };
        let shutdown = CancellationToken::new();
        let server = tokio::spawn(api::serve(listener, parts, shutdown.clone()));
        Self { address, world, shutdown, server: Some(server), meters, store: setup.store }
    }

    /// Time passes.
    pub(crate) fn pass(&self, time: Duration) {
        self.world.lock().expect("no test has failed holding it").pass(time);
    }

    /// Something happens outside, and is told.
    pub(crate) fn outside(&self, happens: impl FnOnce(&mut Host)) {
        let mut world = self.world.lock().expect("no test has failed holding it");
        happens(&mut world.host);
        world.settle();
        world.publish();
    }

    /// A viewer of the proxy comes to watch this.
    pub(crate) fn watches(&self, key: &str) {
        let content = Content { kind: KeyType::ContentId, key: key.into() };
        let mut world = self.world.lock().expect("no test has failed holding it");
        world.step(Event::ViewerCame { viewer: ViewerId(1), content, sees: false });
    }

    /// Waits until the core has heard so many requests.
    pub(crate) async fn asked(&self, requests: u64) {
        let heard = async {
            while self.world.lock().expect("no test has failed holding it").requests < requests {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), heard).await.expect("it is asked in time");
    }

    /// Counts one of everything that the rest of the program counts.
    pub(crate) fn count_everything(&self) {
        let took = Duration::from_millis(1);
        self.meters.docker_call("list", CameOut::Done, took);
        self.meters.docker_reconnected();
        self.meters.probe(CameOut::Refused);
        self.meters.gluetun_call("ports", CameOut::Unknown);
        self.meters.rebuilt();
        self.meters.step("woken", took);
        self.meters.store_failed("full");
        self.meters.store_dropped("sample", 1);
    }

    /// The latest picture.
    pub(crate) fn picture(&self) -> Arc<Picture> {
        self.world.lock().expect("no test has failed holding it").picture.load_full()
    }
}

impl World {
    fn hear(&mut self, incoming: Incoming) {
        match incoming {
            Incoming::Asked(what, answer) => {
                self.requests += 1;
                let request = RequestId(self.requests);
                self.asked.insert(request, answer);
                self.step(Event::Asked { request, what });
            }
            Incoming::PortsPushed(vpn, ports) => self.step(Event::PortsPushed { vpn, ports }),
            Incoming::Break => unreachable!("no route of the API breaks the core"),
        }
    }

    /// Handles one event and what follows from it at once, and shows the picture before it answers.
    fn step(&mut self, event: Event) {
        let mut answers = self.handle(event);
        answers.extend(self.settle());
        self.publish();
        for (request, reply) in answers {
            if let Some(asked) = self.asked.remove(&request) {
                // Who asked may have gone.
                drop(asked.send(reply));
            }
        }
    }

    fn pass(&mut self, time: Duration) {
        let end = self.host.now + time;
        loop {
            let wakes = self.core.next_wakeup().map_or(Time::NEVER, |(at, _)| at);
            let due = self.due.first_key_value().map_or(Time::NEVER, |((at, _), _)| *at);
            let next = wakes.min(due);
            if next > end {
                break;
            }
            self.host.now = self.host.now.max(next);
            let event = match self.due.first_entry() {
                Some(entry) if entry.key().0 <= self.host.now => {
                    let ((_, op), outcome) = entry.remove_entry();
                    Event::Finished { op, outcome }
                }
                Some(_) | None => Event::Woken,
            };
            self.clock.store(self.host.now.as_nanos(), Ordering::SeqCst);
            self.step(event);
        }
        self.host.now = end;
        self.clock.store(end.as_nanos(), Ordering::SeqCst);
    }

    /// Tells what has happened outside until nothing more does.
    fn settle(&mut self) -> Vec<(RequestId, Reply)> {
        let mut answers = Vec::new();
        while !self.host.untold.is_empty() {
            let notice = self.host.untold.remove(0);
            answers.extend(self.handle(Event::Docker(notice)));
        }
        answers
    }

    fn handle(&mut self, event: Event) -> Vec<(RequestId, Reply)> {
        let mut answers = Vec::new();
        let mut told = vec![event];
        while let Some(event) = told.pop() {
            self.core.handle(self.host.now, event);
            while let Some(message) = self.core.poll_message() {
                match message {
                    Message::Answer { request, reply } => answers.push((request, reply)),
                    // Whatever is routed to delivers at once.
                    Message::Route { session: Some(session), .. } => {
                        told.insert(0, Event::SessionSpoke(session));
                    }
                    Message::Route { session: None, .. } | Message::Refuse { .. } | Message::Release(_) => {}
                }
            }
            while let Some(command) = self.core.poll_command() {
                let op = command.op;
                match self.host.carry_out(&command) {
                    Some(outcome) => told.insert(0, Event::Finished { op, outcome }),
                    None => {
                        self.due.insert((self.host.now + command.timeout, op), Host::silence());
                    }
                }
            }
        }
        answers
    }

    fn publish(&mut self) {
        let before = self.picture.load_full();
        let number = before.number + 1;
        let written = before.journal.last().map_or(0, |numbered| numbered.entry.seq);
        let numbered = |entry: &Entry| {
            let id = self.numbers.next(entry.at, self.store.newest_entry());
            Arc::new(Numbered { id, entry: entry.clone() })
        };
        let new = self.core.journal().since(written).map(numbered);
        let journal = Arc::new(before.journal.iter().cloned().chain(new).collect());
        let snapshot = self.core.snapshot();
        let picture =
            Arc::new(Picture { snapshot, number, journal, notes: vec![], written: Written::default() });
        self.recorder.record(&picture);
        self.picture.store(picture);
        self.news.send_replace(number);
    }
}
