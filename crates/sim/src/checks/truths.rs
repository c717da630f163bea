//! World checks: what the core does, against what is really so, allowing for the time that news takes.

use super::Found;
use crate::world::{Container, DockerFault, EngineFault, Fault, HostFault, Plan, Role, VpnFault, World};
use control::docker::State;
use control::ids::{ContainerId, VpnId};
use control::{Action, Cause, Command, Control, Time};
use std::collections::BTreeMap;
use std::time::Duration;

/// The state of the world is compared with what is offered this often.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Beyond the delay of news, an unreachable engine may be offered for this long.
const UNREACHABLE_OFFERED_MAX: Duration = Duration::from_secs(1);

/// What the world checks remember.
pub(super) struct Truths {
    looked: Time,
    /// The longest that news may take: until the next look, if the event was lost, and slow answers.
    news_delay: Duration,
    /// Since when an engine has been offered though nobody can reach it, not counting time in which Docker
    /// could not tell.
    offered_unreachable: BTreeMap<ContainerId, Duration>,
    /// When an engine was last offered.
    last_offered: BTreeMap<ContainerId, Time>,
    offered: Vec<ContainerId>,
    /// When this life of acefleet began.
    began: Time,
    /// A working engine is hidden for this long before it is removed.
    handoff: Duration,
    /// The longest that Docker may take to call a VPN without a tunnel unhealthy, and the core to ask its engines.
    doubt_delay: Duration,
    /// When acefleet last could not hear how things are.
    deaf_at: Time,
    /// For how long an engine has been offered though its VPN's tunnel is down and somebody could tell.
    offered_tunnelless: BTreeMap<ContainerId, Duration>,
}

impl Truths {
    pub(super) fn new(plan: &Plan) -> Self {
        let hiccups = plan.weather.hiccup.most() * 3;
        let settings = &plan.settings;
        // A restart that went unheard shows when the engine does not answer its next question.
        let asked = settings.health_check_interval * 11 / 10 + settings.probe_timeout;
        let heard = settings.monitor_interval.max(asked) + settings.gluetun_health_check_interval;
        let weather = &plan.weather;
        let checks = (weather.health_interval + weather.health_lag.most()) * (weather.health_retries + 1);
        let asked = settings.gluetun_health_check_interval + settings.probe_timeout;
        let doubts = weather.health_start_period + checks + heard + asked + hiccups;
        Self {
            looked: Time::ZERO,
            news_delay: heard + hiccups,
            offered_unreachable: BTreeMap::new(),
            last_offered: BTreeMap::new(),
            offered: Vec::new(),
            began: Time::ZERO,
            handoff: settings.handoff,
            doubt_delay: doubts,
            deaf_at: Time::ZERO,
            offered_tunnelless: BTreeMap::new(),
        }
    }

    pub(super) fn life_ended(&mut self, now: Time) {
        self.note_last_offered(now);
        self.offered.clear();
        self.offered_unreachable.clear();
        self.offered_tunnelless.clear();
    }

    pub(super) fn life_began(&mut self, now: Time) {
        self.began = now;
    }

    fn note_last_offered(&mut self, now: Time) {
        for id in &self.offered {
            self.last_offered.insert(*id, now);
        }
    }

    /// Notes which engines are offered from now on.
    pub(super) fn note_offers(&mut self, now: Time, control: &Control, world: &World) {
        self.note_last_offered(now);
        self.offered.clear();
        self.offered
            .extend(control.engines().filter(|engine| control.offers(engine)).map(|engine| engine.id));
        if self.last_offered.len() > 1_000 {
            self.last_offered.retain(|id, _| world.container(*id).is_some());
        }
    }

    /// S9 and S12: whom a command may befall.
    pub(super) fn command(&mut self, now: Time, command: &Command, world: &World) -> Found {
        let (Action::Start(id) | Action::Restart { id, .. } | Action::Stop { id, .. } | Action::Remove(id)) =
            &command.action
        else {
            return None;
        };
        let container = world.container(*id)?;
        if let Role::Vpn(vpn) = container.role() {
            return self.mended(now, vpn, command, world);
        }
        if !container.ours() {
            return Some(("S9", format!("{} is somebody else's", container.name())));
        }
        // A person may want it all the same.
        if matches!(command.cause, Cause::Operator | Cause::Exit) {
            return None;
        }
        let goes_down = match command.action {
            Action::Stop { .. } | Action::Remove(_) => true,
            // After a lost tunnel engines are restarted though they work: the operator asked for it.
            Action::Restart { .. } => command.cause != Cause::Reconnected,
            _ => false,
        };
        self.note_last_offered(now);
        let hidden = now.since(self.last_offered.get(id).copied().unwrap_or(self.began).max(self.began));
        (goes_down && container.connected() && hidden < self.handoff).then(|| {
            let hidden = hidden.as_secs_f64();
            ("S12", format!("{} works, and goes down after {hidden:.1} s hidden", container.name()))
        })
    }

    /// S9 and S14: a configured VPN is started or restarted and nothing else, and only while none of its engines is
    /// connected.
    fn mended(&mut self, now: Time, vpn: VpnId, command: &Command, world: &World) -> Found {
        let mends = matches!(command.action, Action::Start(_) | Action::Restart { .. });
        let for_that = matches!(command.cause, Cause::StaysFailed | Cause::StoppedByPerson | Cause::Operator);
        if !mends || !for_that {
            return Some(("S9", format!("a VPN's container is changed because {}", command.cause)));
        }
        self.harmless(now, vpn, command, world)
    }

    /// S14: nothing is done about a VPN with an engine that has been connected for long enough to be asked.
    pub(super) fn harmless(&self, now: Time, vpn: VpnId, command: &Command, world: &World) -> Found {
        if command.cause == Cause::Operator {
            return None;
        }
        let works = |container: &&Container| {
            let reachable = container.reachable();
            container.is_engine()
                && container.connected()
                && lives_on(world, container, vpn)
                && now.since(container.connected_since()) > self.doubt_delay
                && now.since(reachable.since) > self.doubt_delay
        };
        // What it could not hear lately it may still be about to hear.
        let deaf = now.since(self.deaf_at) <= self.doubt_delay;
        let working = world.containers().find(works).filter(|_| !deaf)?;
        Some(("S14", format!("a VPN is mended though {} is connected", working.name())))
    }

    /// S1, S2 and S3: what exists now.
    pub(super) fn watch(&mut self, world: &World, control: Option<&Control>) -> Found {
        let now = world.now();
        let since = now.since(self.looked);
        if since < LOOK_EVERY {
            return None;
        }
        self.looked = now;
        if is_deaf(world) {
            self.deaf_at = now;
        }
        let found = one_carrier(world).or_else(|| distinct_ports(world));
        if control.is_none() {
            return found;
        }
        let since = since.min(LOOK_EVERY * 4);
        found.or_else(|| self.reachable(world, since)).or_else(|| self.connected(world, since))
    }

    fn reachable(&mut self, world: &World, since: Duration) -> Found {
        let deaf = is_deaf(world);
        self.offered_unreachable.retain(|id, _| self.offered.contains(id));
        for id in &self.offered {
            // One that hangs can be reached; when it is hidden is a matter of its health.
            if world.truth_reachable(*id) || world.lasts(Fault::Engine(*id, EngineFault::Hangs)) {
                self.offered_unreachable.remove(id);
                continue;
            }
            let time = self.offered_unreachable.entry(*id).or_default();
            if deaf {
                *time = Duration::ZERO;
                continue;
            }
            *time += since;
            if *time > self.news_delay + UNREACHABLE_OFFERED_MAX {
                let name =
                    world.container(*id).map_or("a container that is gone", |found| found.name().as_str());
                let time = time.as_secs_f64();
                return Some(("S2", format!("{name} is offered, and unreachable for {time:.1} s")));
            }
        }
        None
    }
}

impl Truths {
    /// S2: no engine is offered behind a tunnel that is down for longer than it takes to be noticed, unless
    /// everybody who could tell lies or is out of reach.
    fn connected(&mut self, world: &World, since: Duration) -> Found {
        let told = |vpn: VpnId| {
            let lies = [VpnFault::HealthLiesHealthy, VpnFault::HealthSlow].into_iter();
            let deaf = [DockerFault::Slow, DockerFault::Frozen, DockerFault::Refuses].into_iter();
            let cut_off = world.lasts(Fault::Host(HostFault::CutOff));
            !cut_off
                && !lies.map(|fault| Fault::Vpn(vpn, fault)).any(|fault| world.lasts(fault))
                && !deaf.map(Fault::Docker).any(|fault| world.lasts(fault))
        };
        self.offered_tunnelless.retain(|id, _| self.offered.contains(id));
        for id in &self.offered {
            let Some(container) = world.container(*id) else { continue };
            let Some(vpn) = world.vpns().find(|vpn| lives_on(world, container, *vpn)) else { continue };
            let truth = world.truth_vpn(vpn);
            if container.connected() || truth.tunnel_up || !truth.awake || !told(vpn) {
                self.offered_tunnelless.remove(id);
                continue;
            }
            let time = self.offered_tunnelless.entry(*id).or_default();
            *time += since;
            if *time > self.doubt_delay {
                let (name, time) = (container.name(), time.as_secs_f64());
                return Some((
                    "S2",
                    format!("{name} is offered, and its VPN has had no tunnel for {time:.1} s"),
                ));
            }
        }
        None
    }
}

/// Acefleet cannot hear, or not in time, how things are.
fn is_deaf(world: &World) -> bool {
    let docker = [DockerFault::Slow, DockerFault::Frozen, DockerFault::Refuses];
    let cut_off = world.lasts(Fault::Host(HostFault::CutOff));
    cut_off || docker.into_iter().any(|fault| world.lasts(Fault::Docker(fault)))
}

/// S1: at most one running container on each VPN has the P2P port last read.
fn one_carrier(world: &World) -> Found {
    for vpn in world.vpns() {
        let Some(port) = world.truth_vpn(vpn).reading.and_then(|reading| reading.port) else { continue };
        let carries = |container: &&Container| {
            container.state() == State::Running
                && container.ports().and_then(|ports| ports.p2p) == Some(port)
                && lives_on(world, container, vpn)
        };
        let carriers: Vec<_> = world.containers().filter(carriers_ours).filter(carries).collect();
        if let [first, second, ..] = carriers[..] {
            return Some(("S1", format!("{} and {} both carry port {port}", first.name(), second.name())));
        }
    }
    None
}

fn carriers_ours(container: &&Container) -> bool {
    container.ours()
}

fn lives_on(world: &World, container: &Container, vpn: VpnId) -> bool {
    match container.network() {
        control::docker::Network::Container(id) => world.truth_vpn(vpn).container == Some(*id),
        control::docker::Network::ContainerNamed(name) => {
            world.plan().settings.vpns.get(vpn.index()).is_some_and(|vpn| &vpn.container == name)
        }
        control::docker::Network::Own(_) => false,
    }
}

/// S3: no two engines have one HTTP port, nor any port on one network stack, and no two containers of ours publish one.
fn distinct_ports(world: &World) -> Found {
    let mut http: BTreeMap<u16, &Container> = BTreeMap::new();
    for container in world.containers().filter(|container| container.ours()) {
        let Some(ports) = container.ports() else { continue };
        if let Some(other) = http.insert(ports.http, container) {
            let (one, other) = (container.name(), other.name());
            return Some(("S3", format!("{one} and {other} both have HTTP port {}", ports.http)));
        }
    }
    let mut published: BTreeMap<u16, &Container> = BTreeMap::new();
    for container in world.containers().filter(|container| container.ours()) {
        for port in container.published() {
            if let Some(other) = published.insert(*port, container) {
                let (one, other) = (container.name(), other.name());
                return Some(("S3", format!("{one} and {other} both publish port {port}")));
            }
        }
    }
    let mut stacks: BTreeMap<(&control::docker::Network, u16), &Container> = BTreeMap::new();
    for container in world.containers().filter(|container| container.ours()) {
        let Some(ports) = container.ports() else { continue };
        // Two that carry one forwarded port are what S1 is about; here it is about what clashes once it runs.
        let p2p = ports.p2p.filter(|_| container.state() == State::Running);
        for port in [ports.https, p2p].into_iter().flatten() {
            if let Some(other) = stacks.insert((container.network(), port), container)
                && !matches!(container.network(), control::docker::Network::Own(_))
            {
                let (one, other) = (container.name(), other.name());
                return Some(("S3", format!("{one} and {other} both have port {port} on one stack")));
            }
        }
    }
    None
}
