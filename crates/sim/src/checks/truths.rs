//! World checks: what the core does, against what is really so, allowing for the time that news takes.

use super::Found;
use crate::world::{Container, DockerFault, EngineFault, Fault, Plan, World};
use control::docker::State;
use control::ids::{ContainerId, VpnId};
use control::{Action, Command, Control, Time};
use std::collections::BTreeMap;
use std::time::Duration;

/// The state of the world is compared with what is offered this often.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Beyond the delay of news, an unreachable engine may be offered for this long.
const UNREACHABLE_OFFERED_MAX: Duration = Duration::from_secs(1);
/// A working engine is hidden for this long before it is removed.
const HANDOFF: Duration = Duration::from_secs(25);

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
}

impl Truths {
    pub(super) fn new(plan: &Plan) -> Self {
        let hiccups = plan.weather.hiccup.most() * 3;
        let settings = &plan.settings;
        // A restart that went unheard shows when the engine does not answer its next question.
        let asked = settings.health_check_interval * 11 / 10 + settings.probe_timeout;
        let heard = settings.monitor_interval.max(asked) + settings.gluetun_health_check_interval;
        Self {
            looked: Time::ZERO,
            news_delay: heard + hiccups,
            offered_unreachable: BTreeMap::new(),
            last_offered: BTreeMap::new(),
            offered: Vec::new(),
        }
    }

    pub(super) fn life_ended(&mut self, now: Time) {
        self.note_last_offered(now);
        self.offered.clear();
        self.offered_unreachable.clear();
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
        let (Action::Start(id) | Action::Restart { id, .. } | Action::Remove(id)) = &command.action else {
            return None;
        };
        let container = world.container(*id)?;
        if !container.ours() {
            return Some(("S9", format!("{} is somebody else's", container.name())));
        }
        if !matches!(command.action, Action::Remove(_)) {
            return None;
        }
        self.note_last_offered(now);
        let offered = *self.last_offered.get(id)?;
        let works = container.connected();
        (works && now.since(offered) < HANDOFF).then(|| {
            let hidden = now.since(offered).as_secs_f64();
            ("S12", format!("{} works, and is removed after {hidden:.1} s hidden", container.name()))
        })
    }

    /// S1, S2 and S3: what exists now.
    pub(super) fn watch(&mut self, world: &World, control: Option<&Control>) -> Found {
        let now = world.now();
        let since = now.since(self.looked);
        if since < LOOK_EVERY {
            return None;
        }
        self.looked = now;
        let found = one_carrier(world).or_else(|| distinct_ports(world));
        if control.is_none() {
            return found;
        }
        found.or_else(|| self.reachable(world, since.min(LOOK_EVERY * 4)))
    }

    fn reachable(&mut self, world: &World, since: Duration) -> Found {
        let deaf = [DockerFault::Slow, DockerFault::Frozen, DockerFault::Refuses]
            .into_iter()
            .any(|fault| world.lasts(Fault::Docker(fault)));
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

/// S3: no two engines have one HTTP port, nor any port on one network stack.
fn distinct_ports(world: &World) -> Found {
    let mut http: BTreeMap<u16, &Container> = BTreeMap::new();
    for container in world.containers().filter(|container| container.ours()) {
        let Some(ports) = container.ports() else { continue };
        if let Some(other) = http.insert(ports.http, container) {
            let (one, other) = (container.name(), other.name());
            return Some(("S3", format!("{one} and {other} both have HTTP port {}", ports.http)));
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
