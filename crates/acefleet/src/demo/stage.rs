//! What is broken on purpose and mended again: the deeds behind the demo's routes and stories.
//!
//! A deed is done to the stand-ins, as a person at the machine or bad luck would do it, and never to the program,
//! which has to notice by itself; a deed waits for that, within a bound, so that whoever reads next sees what follows.

use super::cost::Meter;
use super::plan::Plan;
use super::viewers::{Crowd, View};
use super::wire::{Deed, DemoEngine, DemoState, DemoVpn, VpnFault, millis};
use super::{dock, faults};
use crate::driver::gate::{Gate, Picture};
use control::docker::State;
use control::event::Refusal;
use control::ids::ContainerId;
use control::journal::What;
use control::policy::offering::Standing;
use control::vpn::Verdict;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use testbed::dock::{Dock, Seen, VPN_IMAGE};
use testbed::gluetun::{Server, TunnelFault};
use tokio::time::{Instant, timeout};

/// How long a deed waits for acefleet to notice. It is told within milliseconds, unless Docker is frozen.
const NOTICED_WITHIN: Duration = Duration::from_secs(2);
/// How long a container that is stopped is given to end by itself.
const GRACE: Duration = Duration::from_secs(10);

/// Why a deed was not done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum NotDone {
    /// There is no such VPN or engine; these there are.
    Unknown(String),
    /// It cannot be done as things are.
    Impossible(String),
}

/// The stand-ins, and who watches.
#[derive(Debug)]
pub(super) struct Stage {
    dock: Dock,
    plan: Plan,
    gate: Gate,
    meter: Meter,
    crowd: OnceLock<Crowd>,
    thaws_at: Mutex<Option<Instant>>,
    marks: Mutex<BTreeMap<String, Marks>>,
}

/// What was done to a VPN's stand-in. It counts as long as that very process runs.
#[derive(Clone, Default, Debug)]
struct Marks {
    run: Option<(ContainerId, u64)>,
    failing: BTreeSet<VpnFault>,
    port: Option<u16>,
}

impl Stage {
    pub(super) fn new(dock: Dock, plan: Plan, gate: Gate, meter: Meter) -> Self {
        Self {
            dock,
            plan,
            gate,
            meter,
            crowd: OnceLock::new(),
            thaws_at: Mutex::default(),
            marks: Mutex::default(),
        }
    }

    pub(super) fn gate(&self) -> &Gate {
        &self.gate
    }

    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    pub(super) fn dock(&self) -> &Dock {
        &self.dock
    }

    pub(super) fn meter(&self) -> Meter {
        self.meter
    }

    /// The viewers, once they have come.
    pub(super) fn crowd(&self) -> Option<&Crowd> {
        self.crowd.get()
    }

    /// Each viewer as it is now; none before they have come.
    pub(super) fn views(&self) -> Vec<View> {
        self.crowd().map(Crowd::views).unwrap_or_default()
    }

    /// They come. Once.
    pub(super) fn let_in(&self, crowd: Crowd) {
        drop(self.crowd.set(crowd));
    }

    /// Everything as it is.
    pub(super) fn state(&self) -> DemoState {
        let seen = self.dock.see_all();
        let engines = seen.iter().filter(|seen| is_engine(seen));
        let thaws_at = *lock(&self.thaws_at);
        let frozen = thaws_at.map(|at| at.saturating_duration_since(Instant::now())).unwrap_or_default();
        DemoState {
            vpns: (0..).zip(&self.plan.vpns).map(|(at, name)| self.vpn(at, name.as_str())).collect(),
            engines: engines.map(|seen| self.engine(seen)).collect(),
            docker_frozen_ms: millis(frozen),
            viewers: self.views().into_iter().map(Into::into).collect(),
            cost: self.meter.read().map(Into::into),
            faults: faults::ROUTES.to_vec(),
        }
    }

    fn vpn(&self, at: usize, name: &str) -> DemoVpn {
        let seen = self.dock.see(name);
        let marks = self.marks(name, |marks| marks.clone());
        let state = seen.map(|seen| seen.state);
        let runs = state.is_some_and(State::has_network);
        let mut failing = marks.failing;
        if !runs {
            failing.insert(VpnFault::Container);
        }
        let port = marks.port.unwrap_or_else(|| dock::first_port(at));
        DemoVpn {
            name: name.to_owned(),
            state: state.map(|state| state.to_string()),
            failing: failing.into_iter().collect(),
            port: Some(port).filter(|port| runs && *port != 0),
        }
    }

    fn engine(&self, seen: &Seen) -> DemoEngine {
        let faults = self.dock.engine_faults(seen.name.as_str());
        DemoEngine {
            name: seen.name.to_string(),
            state: seen.state.to_string(),
            hangs: faults.is_some_and(|faults| faults.now().hang),
        }
    }

    /// Lets something go wrong with a VPN.
    pub(super) async fn fail_vpn(&self, name: &str, fault: VpnFault) -> Result<Deed, NotDone> {
        self.known_vpn(name)?;
        let switches = || self.dock.vpn_faults(name).ok_or_else(|| is_down(name));
        let done = match fault {
            VpnFault::Container => {
                self.dock.stop(name, GRACE).await?;
                let noticed =
                    self.noticed(|picture| verdict_of(picture, name) != Some(Verdict::Healthy)).await;
                return Ok(self.deed(format!("{name} is stopped, as by `docker stop`"), noticed));
            }
            VpnFault::Tunnel => {
                switches()?.tunnel(TunnelFault::Dead);
                "has lost its tunnel; its container runs on"
            }
            VpnFault::Health => {
                switches()?.health(Some(false));
                "is called unhealthy by Docker, though nothing is wrong with it"
            }
            VpnFault::Control => {
                switches()?.server(Server::Down);
                "has a control server that refuses connections"
            }
        };
        self.marks(name, |marks| marks.failing.insert(fault));
        Ok(self.deed(format!("{name} {done}"), false))
    }

    /// Takes back whatever was done to a VPN.
    pub(super) async fn recover_vpn(&self, name: &str) -> Result<Deed, NotDone> {
        self.known_vpn(name)?;
        let starts = self.dock.see(name).is_some_and(|seen| !seen.state.has_network());
        if starts {
            self.dock.start(name).await?;
            return Ok(self.deed(format!("{name} is started, and connects"), false));
        }
        self.dock.vpn_faults(name).ok_or_else(|| is_down(name))?.clear();
        self.marks(name, |marks| *marks = Marks { run: marks.run, ..Marks::default() });
        Ok(self.deed(format!("nothing is wrong with {name} any more"), false))
    }

    /// Restarts a VPN's container.
    pub(super) async fn restart_vpn(&self, name: &str) -> Result<Deed, NotDone> {
        self.known_vpn(name)?;
        let noticed = self.notices_new_life(name, self.dock.restart(name, GRACE)).await?;
        Ok(self.deed(format!("{name} is restarted, with a network of its own that nobody is in"), noticed))
    }

    /// Removes a VPN's container, and runs another one of its name.
    pub(super) async fn recreate_vpn(&self, name: &str) -> Result<Deed, NotDone> {
        self.known_vpn(name)?;
        let recreated = async { self.dock.recreate(name).await.map(drop) };
        let noticed = self.notices_new_life(name, recreated).await?;
        Ok(self.deed(format!("{name} is removed and made anew, under another id"), noticed))
    }

    /// Lets a VPN forward another port, or none.
    pub(super) fn set_port(&self, name: &str, port: u16) -> Result<Deed, NotDone> {
        self.known_vpn(name)?;
        let switches = self.dock.vpn_faults(name).ok_or_else(|| is_down(name))?;
        let ports = [port];
        switches.ports(if port == 0 { &[] } else { &ports });
        self.marks(name, |marks| marks.port = Some(port));
        let done = match port {
            0 => format!("{name} forwards no port any more"),
            port => format!("{name} forwards port {port} from now on, after a second of none"),
        };
        Ok(self.deed(done, false))
    }

    /// Lets an engine's process die.
    pub(super) async fn crash_engine(&self, name: &str) -> Result<Deed, NotDone> {
        let started_at = self.known_engine(name)?;
        self.dock.crash(name)?;
        let noticed = self.noticed(|picture| engine_started_at(picture, name) != Some(started_at)).await;
        Ok(self
            .deed(format!("the process of {name} has died; Docker restarts it, as its policy says"), noticed))
    }

    /// Lets an engine answer nobody.
    pub(super) fn hang_engine(&self, name: &str) -> Result<Deed, NotDone> {
        self.known_engine(name)?;
        self.dock.engine_faults(name).ok_or_else(|| is_down(name))?.set(|faults| faults.hang = true);
        Ok(self.deed(format!("{name} accepts connections, and answers nobody"), false))
    }

    /// Takes back whatever was done to an engine.
    pub(super) async fn recover_engine(&self, name: &str) -> Result<Deed, NotDone> {
        self.known_engine(name)?;
        match self.dock.engine_faults(name) {
            Some(faults) => faults.clear(),
            None => self.dock.start(name).await?,
        }
        Ok(self.deed(format!("nothing is wrong with {name} any more"), false))
    }

    /// Lets Docker answer nobody for a while; no time at all ends that.
    pub(super) fn freeze_docker(&self, time: Duration) -> Deed {
        let mut thaws_at = lock(&self.thaws_at);
        if time.is_zero() {
            *thaws_at = None;
            self.dock.thaw();
            return self.deed("Docker answers".to_owned(), false);
        }
        *thaws_at = Some(Instant::now() + time);
        self.dock.freeze(time);
        self.deed(format!("Docker answers nobody for {} s; containers run on", time.as_secs()), false)
    }

    /// Lets the core of the program break.
    pub(super) async fn crash_core(&self) -> Result<Deed, NotDone> {
        let before = rebuilds(&self.gate.picture());
        self.gate.break_core().map_err(|turned| NotDone::Impossible(turned.to_string()))?;
        let noticed = self.noticed(|picture| rebuilds(picture) > before).await;
        Ok(self.deed("the core has broken, and another one takes its place".to_owned(), noticed))
    }

    /// Waits until acefleet shows something; `false` if that takes too long.
    async fn noticed(&self, shows: impl FnMut(&Picture) -> bool) -> bool {
        self.until(NOTICED_WITHIN, shows).await.is_some()
    }

    /// Waits until acefleet shows something, and tells how long that took; `None` if it takes too long.
    pub(super) async fn until(
        &self,
        most: Duration,
        mut shows: impl FnMut(&Picture) -> bool,
    ) -> Option<Duration> {
        let began = Instant::now();
        let mut news = self.gate.news();
        let shown = timeout(most, async {
            while !shows(&self.gate.picture()) {
                if news.changed().await.is_err() {
                    return std::future::pending().await;
                }
            }
        });
        shown.await.ok().map(|()| began.elapsed())
    }

    /// Does something that ends a VPN's network, and waits until it is seen that the old one is gone.
    async fn notices_new_life(
        &self,
        name: &str,
        deed: impl Future<Output = Result<(), Refusal>>,
    ) -> Result<bool, NotDone> {
        let before = life_of(&self.gate.picture(), name);
        deed.await?;
        Ok(self.noticed(|picture| life_of(picture, name) != before).await)
    }

    fn deed(&self, done: String, noticed: bool) -> Deed {
        Deed { done, noticed, engines_offered: offered(&self.gate.picture()) }
    }

    fn known_vpn(&self, name: &str) -> Result<(), NotDone> {
        if self.plan.vpns.iter().any(|vpn| vpn.as_str() == name) {
            return Ok(());
        }
        let all: Vec<_> = self.plan.vpns.iter().map(ToString::to_string).collect();
        Err(NotDone::Unknown(format!("there is no VPN of that name; there are {}", all.join(", "))))
    }

    /// When an engine was last started, as far as acefleet knows.
    fn known_engine(&self, name: &str) -> Result<StartedAt, NotDone> {
        if self.dock.see(name).as_ref().is_some_and(is_engine) {
            return Ok(engine_started_at(&self.gate.picture(), name).flatten());
        }
        Err(NotDone::Unknown("there is no engine of that name; GET /demo lists them all".to_owned()))
    }

    /// Looks at what was done to a VPN's present process, or notes more.
    fn marks<T>(&self, name: &str, look: impl FnOnce(&mut Marks) -> T) -> T {
        let run = self.dock.see(name).map(|seen| (seen.id, seen.runs));
        let mut all = lock(&self.marks);
        let marks = all.entry(name.to_owned()).or_default();
        if marks.run != run {
            *marks = Marks { run, ..Marks::default() };
        }
        look(marks)
    }
}

impl From<Refusal> for NotDone {
    fn from(refusal: Refusal) -> Self {
        Self::Impossible(refusal.to_string())
    }
}

/// How many engines are offered.
pub(super) fn offered(picture: &Picture) -> usize {
    picture.snapshot.engines.iter().filter(|engine| engine.standing == Standing::Offered).count()
}

/// What is thought of a VPN.
pub(super) fn verdict_of(picture: &Picture, name: &str) -> Option<Verdict> {
    picture.snapshot.vpns.iter().find(|vpn| vpn.container_name.as_str() == name).map(|vpn| vpn.verdict)
}

type StartedAt = Option<control::time::Stamp>;

fn engine_started_at(picture: &Picture, name: &str) -> Option<StartedAt> {
    let mut engines = picture.snapshot.engines.iter();
    let engine = engines.find(|engine| engine.container_name.as_str() == name)?;
    (engine.standing == Standing::Offered).then_some(engine.started_at)
}

/// What changes when a VPN's network is another one.
fn life_of(picture: &Picture, name: &str) -> Option<(Option<ContainerId>, StartedAt, bool)> {
    let vpn = picture.snapshot.vpns.iter().find(|vpn| vpn.container_name.as_str() == name)?;
    Some((vpn.container_id, vpn.started_at, vpn.verdict == Verdict::Healthy))
}

/// How many rebuilds the journal still tells of.
fn rebuilds(picture: &Picture) -> usize {
    picture.journal.iter().filter(|entry| entry.entry.what == What::Rebuilt).count()
}

fn is_engine(seen: &Seen) -> bool {
    seen.spec.image != VPN_IMAGE
}

fn is_down(name: &str) -> NotDone {
    NotDone::Impossible(format!("{name} does not run; recover it first"))
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}
