//! The driver: it handles one event at a time, drains the commands, asks for the next waking, and takes the
//! time of each such step. In between the host carries commands out, as long as such things take.
//!
//! What happens follows from the fleet's size alone, so two runs differ in nothing but their times.

use crate::host::Host;
use control::command::{Action, Command};
use control::docker::{Health, Notice};
use control::ids::{ContainerId, OpId};
use control::rng::Rng;
use control::settings::{Settings, VpnSettings};
use control::snapshot::Snapshot;
use control::{Control, Event, Time};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// How many engines on how many VPNs, and how often trouble comes round to be measured.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) engines: usize,
    pub(crate) vpns: usize,
    /// Small fleets need more rounds for as many steps.
    pub(crate) rounds: u32,
}

/// What one step took.
pub(crate) struct Step {
    /// What it was told.
    pub(crate) kind: &'static str,
    pub(crate) took: Duration,
    /// Something was decided in it.
    pub(crate) decided: bool,
}

/// A core and the host around it.
pub(crate) struct Drive {
    core: Control,
    host: Host,
    rng: Rng,
    /// What is to come, in the order in which it does.
    due: BTreeMap<(Time, u64), Due>,
    /// Counts what is to come, so that what comes at one moment keeps its order.
    sequence: u64,
    commands: Vec<Command>,
    steps: Vec<Step>,
}

/// Something that comes when its time has.
enum Due {
    /// A command is carried out, and answered.
    Answer(Command),
    /// A command's time runs out.
    Silence(OpId, &'static str),
    /// Docker's event stream tells.
    Notice(Notice),
    /// Something happens outside.
    Act(Act),
}

/// What happens outside. VPNs by their place; engines are drawn when it happens.
#[derive(Clone, Copy)]
enum Act {
    EngineDies { returns: bool },
    EngineHangs,
    EngineRecovers(ContainerId),
    Restarted(ContainerId),
    VpnStops(usize),
    VpnStarts(usize),
    VpnHealth(usize, Health),
    Tunnel(usize, bool),
    PortMoves(usize),
    StrangerComes(u64),
    StrangerGoes(ContainerId),
}

/// One round of trouble. Longer than a VPN that recovered is distrusted, so that the next one finds it as the
/// first did.
const ROUND: Duration = Duration::from_secs(900);
/// Longer than any fleet here takes to come up.
const COMES_UP_WITHIN: Duration = Duration::from_secs(3_600);
/// What Docker's event stream lags behind.
const NOTICE_LAG: Duration = Duration::from_millis(1);
/// Docker starts a container again that died.
const DOCKER_RESTARTS_AFTER: Duration = Duration::from_millis(200);
const STRANGER_EVERY: Duration = Duration::from_secs(7);
const STRANGER_STAYS: Duration = Duration::from_secs(20);
const ENGINE_HANGS_FOR: Duration = Duration::from_secs(90);

impl Drive {
    /// A core that has seen nothing, and a host on which only VPNs run.
    pub(crate) fn new(size: Size) -> Self {
        let names = || (1..=size.vpns).map(|number| format!("gluetun-{number}"));
        let vpns = names().map(|name| VpnSettings { container: name.as_str().into(), ports: None });
        // A tenth more may exist than should, so that replacements find room.
        let most = size.engines + size.engines.div_ceil(10);
        let settings = Settings {
            vpns: vpns.collect(),
            min_replicas: size.engines,
            max_replicas: most,
            max_active_replicas: most,
            ..Settings::default()
        };
        Self {
            core: Control::new(settings, Time::ZERO, 1),
            host: Host::with_vpns(names()),
            rng: Rng::new(2),
            due: BTreeMap::new(),
            sequence: 0,
            commands: Vec::new(),
            steps: Vec::new(),
        }
    }

    /// The core creates the fleet; the steps that took.
    pub(crate) fn come_up(&mut self, size: Size) -> Vec<Step> {
        self.step("store", Event::StoreAnswered(Ok(vec![])));
        let end = self.host.now + COMES_UP_WITHIN;
        while self.core.snapshot().capacity.offered < size.engines {
            assert!(self.host.now < end, "the fleet does not come up: {:?}", self.core.snapshot().capacity);
            self.run_for(Duration::from_secs(1));
        }
        std::mem::take(&mut self.steps)
    }

    /// Rounds of trouble among the daily work, each with time to recover; the steps that took.
    pub(crate) fn go_through(&mut self, size: Size) -> Vec<Step> {
        for round in 0..size.rounds {
            self.plan(size, round);
            self.run_for(ROUND);
        }
        std::mem::take(&mut self.steps)
    }

    /// What the core shows.
    pub(crate) fn snapshot(&self) -> Snapshot {
        self.core.snapshot()
    }

    /// The core alone.
    pub(crate) fn into_core(self) -> Control {
        self.core
    }

    /// What happens outside in one round: as much for each engine, whatever the size of the fleet, and three VPNs
    /// that fail in three ways.
    fn plan(&mut self, size: Size, round: u32) {
        let second = Duration::from_secs;
        let vpn = |nth: usize| (3 * round as usize + nth) % size.vpns;
        let often = |acts: usize| ROUND / u32::try_from(acts + 1).unwrap_or(u32::MAX);
        let several = [
            (size.engines.div_ceil(20), Act::EngineDies { returns: true }),
            (size.engines.div_ceil(50), Act::EngineDies { returns: false }),
            (size.engines.div_ceil(200), Act::EngineHangs),
        ];
        for (times, act) in several {
            (1..).take(times).for_each(|nth| self.in_time(often(times) * nth, Due::Act(act)));
        }
        let strangers = 0..ROUND.as_secs() / STRANGER_EVERY.as_secs();
        for nth in strangers {
            let number = u64::from(round) * ROUND.as_secs() + nth;
            self.in_time(STRANGER_EVERY * nth as u32, Due::Act(Act::StrangerComes(number)));
        }
        let once = [
            (5, Act::PortMoves(vpn(3))),
            // Back in time: its engines are restarted in place.
            (20, Act::VpnStops(vpn(0))),
            (22, Act::VpnStarts(vpn(0))),
            // Its tunnel is lost, then there again: its engines are held, and restarted one after the other.
            (60, Act::Tunnel(vpn(1), false)),
            (75, Act::VpnHealth(vpn(1), Health::Unhealthy)),
            (105, Act::Tunnel(vpn(1), true)),
            (110, Act::VpnHealth(vpn(1), Health::Healthy)),
            // Gone for longer than engines wait: they are removed, and created again when it is back.
            (170, Act::VpnStops(vpn(2))),
            (200, Act::VpnStarts(vpn(2))),
        ];
        once.into_iter().for_each(|(at, act)| self.in_time(second(at), Due::Act(act)));
    }

    fn in_time(&mut self, wait: Duration, due: Due) {
        self.sequence += 1;
        self.due.insert((self.host.now + wait, self.sequence), due);
    }

    /// Time passes.
    fn run_for(&mut self, wait: Duration) {
        let end = self.host.now + wait;
        loop {
            let due = self.due.first_key_value().map_or(Time::NEVER, |((at, _), _)| *at);
            let wakes = self.core.next_wakeup().map_or(Time::NEVER, |(at, _)| at.max(self.host.now));
            let next = due.min(wakes);
            if next > end {
                break;
            }
            self.host.now = next;
            if wakes < due {
                self.step("time passes", Event::Woken);
            } else if let Some((_, due)) = self.due.pop_first() {
                self.come(due);
            }
        }
        self.host.now = end;
    }

    fn come(&mut self, due: Due) {
        match due {
            Due::Answer(command) => {
                let kind = kind(&command.action);
                match self.host.carry_out(&command) {
                    Some(outcome) => self.step(kind, Event::Finished { op: command.op, outcome }),
                    None => self.in_time(command.timeout, Due::Silence(command.op, kind)),
                }
            }
            Due::Silence(op, kind) => self.step(kind, Event::Finished { op, outcome: Host::silence() }),
            Due::Notice(notice) => self.step("notice", Event::Docker(notice)),
            Due::Act(act) => self.act(act),
        }
        for notice in std::mem::take(&mut self.host.untold) {
            self.in_time(NOTICE_LAG, Due::Notice(notice));
        }
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::EngineDies { returns } => {
                let Some(engine) = self.any_engine() else { return };
                self.host.stop(engine);
                if returns {
                    self.in_time(DOCKER_RESTARTS_AFTER, Due::Act(Act::Restarted(engine)));
                }
            }
            Act::EngineHangs => {
                let Some(engine) = self.any_engine() else { return };
                self.host.hang(engine, true);
                self.in_time(ENGINE_HANGS_FOR, Due::Act(Act::EngineRecovers(engine)));
            }
            Act::EngineRecovers(engine) => self.host.hang(engine, false),
            Act::Restarted(engine) => self.host.start(engine),
            Act::VpnStops(vpn) => self.host.stop(self.host.vpns[vpn]),
            Act::VpnStarts(vpn) => self.host.start(self.host.vpns[vpn]),
            Act::VpnHealth(vpn, health) => self.host.check_health(self.host.vpns[vpn], health),
            Act::Tunnel(vpn, up) => self.host.set_tunnel(self.host.vpns[vpn], up),
            Act::PortMoves(vpn) => self.host.move_port(self.host.vpns[vpn]),
            Act::StrangerComes(number) => {
                let stranger = self.host.add_stranger(&format!("database-{number}"));
                self.in_time(STRANGER_STAYS, Due::Act(Act::StrangerGoes(stranger)));
            }
            Act::StrangerGoes(stranger) => self.host.remove(stranger),
        }
    }

    /// One of the engines that run; a small fleet may have none for a moment.
    fn any_engine(&mut self) -> Option<ContainerId> {
        let running = self.host.running_engines();
        running.get(self.rng.below(running.len() as u64) as usize).copied()
    }

    /// One step of the core. Nothing of the host's or of this program's is in its time.
    fn step(&mut self, kind: &'static str, event: Event) {
        let revision = self.core.revision();
        let begun = Instant::now();
        self.core.handle(self.host.now, event);
        while self.core.poll_message().is_some() {}
        while let Some(command) = self.core.poll_command() {
            self.commands.push(command);
        }
        black_box(self.core.next_wakeup());
        let took = begun.elapsed();
        self.steps.push(Step { kind, took, decided: self.core.revision() != revision });
        for command in std::mem::take(&mut self.commands) {
            let wait = self.latency(&command.action);
            self.in_time(wait, Due::Answer(command));
        }
    }

    /// How long the other side takes. An engine answers as soon as it is started: its boot is part of the start.
    fn latency(&mut self, action: &Action) -> Duration {
        let (low, high) = match action {
            Action::Ping => (1, 3),
            Action::List => (30, 90),
            Action::Inspect(_) => (2, 8),
            Action::Create(_) | Action::CreateOther(_) => (60, 150),
            Action::Start(_) | Action::Restart { .. } => (200, 500),
            Action::Remove(_) => (80, 200),
            Action::Stop { .. } => (200, 10_000),
            Action::ClearCache(_) => (50, 200),
            Action::Tell { .. } => (100, 2_000),
            Action::Open { .. } => (500, 5_000),
            Action::AskSession { .. } | Action::Close { .. } => (3, 15),
            Action::Probe { .. } => (3, 15),
            Action::Ask { .. } => (2, 20),
        };
        self.rng.between(Duration::from_millis(low), Duration::from_millis(high))
    }
}

/// What the answer to a command is called in the table.
const fn kind(action: &Action) -> &'static str {
    match action {
        Action::Ping => "ping answered",
        Action::List => "listing",
        Action::Inspect(_) => "inspection",
        Action::Create(_) | Action::CreateOther(_) => "created",
        Action::Start(_) => "started",
        Action::Restart { .. } => "restarted",
        Action::Remove(_) => "removed",
        Action::Stop { .. } => "stopped",
        Action::ClearCache(_) => "cache cleared",
        Action::Tell { .. } => "control server told",
        Action::Open { .. } => "session opened",
        Action::AskSession { .. } => "session answered",
        Action::Close { .. } => "session closed",
        Action::Probe { .. } => "engine answered",
        Action::Ask { .. } => "control server answered",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Size = Size { engines: 6, vpns: 3, rounds: 1 };

    #[test]
    fn the_fleet_comes_up_and_is_whole_again_after_the_troubles() {
        let mut drive = Drive::new(SMALL);
        assert!(drive.come_up(SMALL).iter().any(|step| step.decided));
        let steps = drive.go_through(SMALL);
        for kind in ["notice", "listing", "inspection", "created", "restarted", "removed", "engine answered"]
        {
            assert!(steps.iter().any(|step| step.kind == kind), "nothing was {kind}");
        }
        assert!(drive.snapshot().capacity.offered >= SMALL.engines, "{:?}", drive.snapshot().capacity);
    }

    #[test]
    fn two_drives_of_one_size_take_the_same_steps() {
        let kinds = || {
            let mut drive = Drive::new(SMALL);
            let up = drive.come_up(SMALL);
            let steps = up.into_iter().chain(drive.go_through(SMALL));
            steps.map(|step| (step.kind, step.decided)).collect::<Vec<_>>()
        };
        assert!(kinds() == kinds(), "they differ");
    }
}
