//! How faults begin, last, end and come by themselves.
//!
//! Whether a fault lasts is the only thing remembered of it; what that means is decided where it matters. No
//! fault befalls the same subject twice at once, and each ends by itself.

use super::World;
use super::container::{Container, Role};
use super::deed::{Deed, Making, Work};
use super::faults::{DockerFault, EngineFault, Fault, FaultKind, HostFault, VpnFault};
use super::gluetun::Tunnel;
use super::queue::Happening;
use super::trace::{Detail, Who};
use control::command::{Create, Ports};
use control::docker::State;
use control::ids::{ContainerId, Name, SpecHash, VpnId};
use control::policy::ports::http_range;
use std::time::Duration;

/// The faults that last.
#[derive(Default)]
pub(super) struct Faults {
    lasting: Vec<Lasting>,
    begun: u32,
}

struct Lasting {
    fault: Fault,
    number: u32,
}

/// What a person's `docker stop` and `docker restart` wait before they kill.
const PATIENCE: Duration = Duration::from_secs(10);

/// After so many kinds that can befall nobody now, the storm waits for its next strike.
const STRIKES_MAX: u32 = 8;

/// No more foreign containers than this at once.
const FOREIGN_CONTAINERS_MAX: usize = 3;

impl World {
    /// Begins a fault, for as long as its kind lasts. `false`: it cannot befall that subject now.
    pub fn inject(&mut self, fault: Fault) -> bool {
        let span = fault.kind().lasts().map(|span| span.part(&self.plan.storm.lasting_percent));
        let lasts = span.map_or(Duration::ZERO, |span| span.draw(&mut self.rng));
        self.inject_for(fault, lasts)
    }

    /// Begins a fault and ends it after `duration`. `false`: it cannot befall that subject now.
    pub fn inject_for(&mut self, fault: Fault, duration: Duration) -> bool {
        if self.lasts(fault) || !self.can_befall(fault) {
            return false;
        }
        self.tally.count_fault(fault.kind());
        let lasts = fault.kind().lasts().is_some();
        self.note_fault(Who::Fault, fault, if lasts { Detail::Lasting(duration) } else { Detail::Nothing });
        if lasts {
            self.faults.begun += 1;
            self.faults.lasting.push(Lasting { fault, number: self.faults.begun });
            self.queue.push(self.now + duration, Happening::FaultEnds(self.faults.begun));
        }
        self.begin(fault, duration);
        self.refresh_truth();
        true
    }

    /// Ends a fault before its time; nothing if it does not last.
    pub fn end(&mut self, fault: Fault) {
        let place = self.faults.lasting.iter().position(|lasting| lasting.fault == fault);
        if let Some(place) = place {
            self.faults.lasting.remove(place);
            self.note_fault(Who::FaultEnded, fault, Detail::Nothing);
            self.undo(fault);
            self.refresh_truth();
        }
    }

    /// Whether a fault lasts now.
    pub fn lasts(&self, fault: Fault) -> bool {
        self.faults.lasting.iter().any(|lasting| lasting.fault == fault)
    }

    /// The faults that last now, in the order in which they began.
    pub fn lasting_faults(&self) -> impl Iterator<Item = Fault> {
        self.faults.lasting.iter().map(|lasting| lasting.fault)
    }

    /// Ends every fault and the storm. People see to the VPN containers; the rest heals in its time.
    pub fn heal_all(&mut self) {
        self.plan.storm.kinds.clear();
        self.plan.storm.asks = None;
        self.crowd_settles();
        let lasting: Vec<Fault> = self.lasting_faults().collect();
        for fault in lasting {
            self.end(fault);
        }
        for vpn in self.vpns() {
            self.person_looks(vpn);
        }
        self.refresh_truth();
    }

    /// A fault of this kind, with a subject that it can befall now; `None` if there is no such subject.
    pub fn draw_fault(&mut self, kind: FaultKind) -> Option<Fault> {
        let subjects: Vec<Fault> = match kind {
            FaultKind::Vpn(fault) => self.vpns().map(|vpn| Fault::Vpn(vpn, fault)).collect(),
            FaultKind::Engine(fault) => {
                let engines = self.containers().filter(|container| container.is_engine());
                engines.map(|engine| Fault::Engine(engine.id, fault)).collect()
            }
            FaultKind::Docker(fault) => vec![Fault::Docker(fault)],
            FaultKind::Host(fault) => vec![Fault::Host(fault)],
        };
        let possible = subjects.into_iter().filter(|fault| !self.lasts(*fault) && self.can_befall(*fault));
        let mut possible: Vec<Fault> = possible.collect();
        let place = self.rng.below(possible.len() as u64) as usize;
        (!possible.is_empty()).then(|| possible.swap_remove(place))
    }

    /// The storm strikes once, and will again.
    pub(super) fn strike(&mut self) {
        let weights: u64 = self.plan.storm.kinds.iter().map(|(_, weight)| weight).sum();
        if weights == 0 {
            return;
        }
        for _ in 0..STRIKES_MAX {
            let kind = self.draw_kind(weights);
            if let Some(fault) = kind.and_then(|kind| self.draw_fault(kind)) {
                self.inject(fault);
                break;
            }
        }
        let next = self.plan.storm.every.draw(&mut self.rng);
        self.queue.push(self.now + next, Happening::Storms);
    }

    fn draw_kind(&mut self, weights: u64) -> Option<FaultKind> {
        let mut drawn = self.rng.below(weights);
        for (kind, weight) in &self.plan.storm.kinds {
            if drawn < *weight {
                return Some(*kind);
            }
            drawn -= weight;
        }
        None
    }

    /// The time of the fault with this number is over, if nobody ended it before.
    pub(super) fn fault_ends(&mut self, number: u32) {
        let ending = self.faults.lasting.iter().find(|lasting| lasting.number == number);
        if let Some(fault) = ending.map(|lasting| lasting.fault) {
            self.end(fault);
        }
    }

    /// A person looks at a VPN container that should run, mends it, and looks again until it does.
    pub(super) fn person_looks(&mut self, vpn: VpnId) {
        if self.is_kept_down(vpn) {
            return;
        }
        // Docker may have yet to do what he wanted before, and then he would find it done behind his back.
        let busy = self.gluetuns[vpn.index()].errand.is_some_and(|errand| !self.is_over(errand));
        let found = self.vpn_container(vpn).map(|container| (container.id, container.state));
        match found {
            Some((_, State::Running)) if !busy => return,
            Some((id, State::Paused)) if !busy => self.run_errand(vpn, Deed::To(id, Work::Unpause)),
            Some((id, State::Created | State::Exited | State::Dead)) if !busy => {
                self.run_errand(vpn, Deed::To(id, Work::Start));
            }
            None if !busy => self.run_errand(vpn, Deed::Make(Making::Vpn(vpn))),
            Some(_) | None => {}
        }
        let again = self.plan.weather.person.draw(&mut self.rng);
        self.queue.push(self.now + again, Happening::PersonLooks(vpn));
    }

    fn run_errand(&mut self, vpn: VpnId, deed: Deed) {
        let errand = self.by_hand(deed);
        self.gluetuns[vpn.index()].errand = Some(errand);
    }

    /// Some person wants the VPN's container as it is.
    fn is_kept_down(&self, vpn: VpnId) -> bool {
        [VpnFault::Killed, VpnFault::Stopped, VpnFault::Recreated, VpnFault::Paused]
            .into_iter()
            .any(|fault| self.lasts(Fault::Vpn(vpn, fault)))
    }

    fn can_befall(&self, fault: Fault) -> bool {
        match fault {
            Fault::Vpn(vpn, fault) => self.can_befall_vpn(vpn, fault),
            Fault::Engine(engine, fault) => self.container(engine).is_some_and(|container| {
                container.is_engine()
                    && match fault {
                        EngineFault::Crashes
                        | EngineFault::Killed
                        | EngineFault::Hangs
                        | EngineFault::CrashLoops
                        | EngineFault::Disconnected => container.state == State::Running,
                        EngineFault::Removed => container.state != State::Removing,
                    }
            }),
            Fault::Docker(_) => true,
            Fault::Host(fault) => match fault {
                HostFault::UplinkLost | HostFault::SlowBoots | HostFault::CutOff => true,
                HostFault::ForeignAppears => self.foreign().count() < FOREIGN_CONTAINERS_MAX,
                HostFault::ForeignGoes => self.foreign().next().is_some(),
                HostFault::RivalStarts => self.containers().any(Container::ours),
                HostFault::RivalCreates => self.rival_engine().is_some(),
                HostFault::ImageGone => true,
            },
        }
    }

    fn can_befall_vpn(&self, vpn: VpnId, fault: VpnFault) -> bool {
        let runs = self.vpn_container(vpn).is_some_and(|container| container.state == State::Running);
        let gluetun = &self.gluetuns[vpn.index()];
        match fault {
            VpnFault::Dies
            | VpnFault::Killed
            | VpnFault::Stopped
            | VpnFault::Restarted
            | VpnFault::Recreated
            | VpnFault::Paused
            | VpnFault::PortAbsentAfterRecovery => runs && !self.is_kept_down(vpn),
            VpnFault::TunnelLost => gluetun.tunnel == Tunnel::Up,
            VpnFault::HealthLiesHealthy => !self.lasts(Fault::Vpn(vpn, VpnFault::HealthLiesUnhealthy)),
            VpnFault::HealthLiesUnhealthy => !self.lasts(Fault::Vpn(vpn, VpnFault::HealthLiesHealthy)),
            VpnFault::PortChanges | VpnFault::PortFlaps | VpnFault::PortAbsent | VpnFault::PortsLocked => {
                gluetun.port.is_some() && gluetun.tunnel == Tunnel::Up
            }
            VpnFault::HealthSlow
            | VpnFault::ServerUnauthorized
            | VpnFault::ServerSlow
            | VpnFault::ServerDown => true,
        }
    }

    fn begin(&mut self, fault: Fault, duration: Duration) {
        match fault {
            Fault::Vpn(vpn, fault) => self.begin_with_vpn(vpn, fault, duration),
            Fault::Engine(engine, fault) => self.begin_with_engine(engine, fault),
            Fault::Docker(fault) => match fault {
                DockerFault::Refuses => {
                    self.break_connections();
                    self.cut_stream();
                }
                DockerFault::StreamCut => self.cut_stream(),
                DockerFault::Slow | DockerFault::Frozen | DockerFault::DeniesAndDoes => {}
            },
            Fault::Host(fault) => match fault {
                HostFault::UplinkLost => {
                    self.truth_is_stale = true;
                    for vpn in self.vpns() {
                        self.lower_tunnel(vpn);
                    }
                }
                HostFault::SlowBoots | HostFault::CutOff | HostFault::ImageGone => {}
                HostFault::RivalStarts => {
                    let all: Vec<_> =
                        self.containers().filter(|found| found.ours()).map(Container::id).collect();
                    for id in all {
                        self.by_hand(Deed::To(id, Work::Remove));
                    }
                }
                HostFault::RivalCreates => {
                    if let Some(create) = self.rival_engine() {
                        self.by_hand(Deed::Make(Making::Rival(create)));
                    }
                }
                HostFault::ForeignAppears => {
                    let (name, port) = (self.lowest_free_name(), self.foreign_port());
                    self.by_hand(Deed::Make(Making::Foreign(name, port)));
                }
                HostFault::ForeignGoes => {
                    let first = self.foreign().next();
                    if let Some(id) = first {
                        self.by_hand(Deed::To(id, Work::Remove));
                    }
                }
            },
        }
    }

    fn begin_with_vpn(&mut self, vpn: VpnId, fault: VpnFault, duration: Duration) {
        let Some((id, run)) = self.vpn_container(vpn).map(|container| (container.id, container.run())) else {
            return;
        };
        let work = match fault {
            VpnFault::Dies => return self.die(run),
            VpnFault::TunnelLost => return self.lower_tunnel(vpn),
            VpnFault::PortAbsent => return self.lose_port(vpn),
            VpnFault::PortsLocked => return self.change_port(vpn, duration),
            VpnFault::PortChanges | VpnFault::PortFlaps => {
                let gap = self.plan.weather.port_gap.draw(&mut self.rng);
                return self.change_port(vpn, gap);
            }
            VpnFault::HealthLiesHealthy
            | VpnFault::HealthLiesUnhealthy
            | VpnFault::HealthSlow
            | VpnFault::ServerUnauthorized
            | VpnFault::ServerSlow
            | VpnFault::ServerDown => return,
            VpnFault::Killed => Work::Kill,
            VpnFault::Stopped => Work::Stop(PATIENCE),
            VpnFault::Restarted | VpnFault::PortAbsentAfterRecovery => Work::Restart(PATIENCE),
            VpnFault::Recreated => Work::Remove,
            VpnFault::Paused => Work::Pause,
        };
        self.run_errand(vpn, Deed::To(id, work));
    }

    fn begin_with_engine(&mut self, engine: ContainerId, fault: EngineFault) {
        let Some(container) = self.docker.containers.get_mut(&engine) else { return };
        let run = container.run();
        match fault {
            EngineFault::Crashes => self.die(run),
            EngineFault::Killed => {
                self.by_hand(Deed::To(engine, Work::Kill));
            }
            EngineFault::Removed => {
                self.by_hand(Deed::To(engine, Work::Remove));
            }
            EngineFault::Hangs => self.set_hung(engine, true),
            EngineFault::CrashLoops => self.arrange_crash(run),
            EngineFault::Disconnected => self.truth_is_stale = true,
        }
    }

    fn undo(&mut self, fault: Fault) {
        match fault {
            Fault::Vpn(vpn, fault) => match fault {
                VpnFault::Killed | VpnFault::Stopped | VpnFault::Recreated | VpnFault::Paused => {
                    self.person_looks(vpn);
                }
                VpnFault::TunnelLost => self.raise_tunnel(vpn),
                VpnFault::PortAbsent | VpnFault::PortAbsentAfterRecovery => self.ask_for_port(vpn),
                VpnFault::Dies
                | VpnFault::Restarted
                | VpnFault::HealthLiesHealthy
                | VpnFault::HealthLiesUnhealthy
                | VpnFault::HealthSlow
                | VpnFault::PortChanges
                | VpnFault::PortFlaps
                | VpnFault::PortsLocked
                | VpnFault::ServerUnauthorized
                | VpnFault::ServerSlow
                | VpnFault::ServerDown => {}
            },
            Fault::Engine(engine, fault) => match fault {
                EngineFault::Hangs => self.set_hung(engine, false),
                EngineFault::Disconnected => self.truth_is_stale = true,
                EngineFault::Crashes
                | EngineFault::Killed
                | EngineFault::Removed
                | EngineFault::CrashLoops => {}
            },
            Fault::Docker(fault) => match fault {
                DockerFault::Frozen => self.thaw(),
                DockerFault::Refuses | DockerFault::StreamCut => self.reconnect_stream(),
                DockerFault::Slow | DockerFault::DeniesAndDoes => {}
            },
            Fault::Host(fault) => match fault {
                HostFault::UplinkLost => {
                    self.truth_is_stale = true;
                    for vpn in self.vpns() {
                        self.raise_tunnel(vpn);
                    }
                }
                HostFault::SlowBoots
                | HostFault::CutOff
                | HostFault::ForeignAppears
                | HostFault::ForeignGoes
                | HostFault::RivalStarts
                | HostFault::RivalCreates
                | HostFault::ImageGone => {}
            },
        }
    }

    fn set_hung(&mut self, engine: ContainerId, hung: bool) {
        let process =
            self.docker.containers.get_mut(&engine).and_then(|container| container.process.as_mut());
        if let Some(process) = process {
            process.hung = hung;
            self.truth_is_stale = true;
        }
    }

    /// An engine as somebody else would make it: with a name and a port that nobody has or is about to get.
    fn rival_engine(&self) -> Option<Create> {
        let vpn = self.vpns().next();
        let held = |port: &u16| {
            self.containers().any(|container| container.binds(*port) || container.published.contains(port))
                || self.calls.creates().any(|create| create.ports.http == *port)
        };
        let http = http_range(vpn, &self.plan.settings).rev().find(|port| !held(port))?;
        let ports = Ports { http, https: None, p2p: None };
        let name = self.lowest_free_name();
        Some(Create { name, vpn, ports, spec: SpecHash(0), wanted: None })
    }

    fn foreign(&self) -> impl Iterator<Item = ContainerId> {
        let foreign =
            |container: &&Container| container.role == Role::Foreign && container.state != State::Removing;
        self.containers().filter(foreign).map(|container| container.id)
    }

    fn lowest_free_name(&self) -> Name {
        let mut names = (1..).map(|number: u32| Name::from(format!("acestream-{number}").as_str()));
        names.find(|name| !self.docker.names.contains_key(name)).expect("there is no last number")
    }

    /// Where engines publish ports of the host, so may others: at times the next port that an engine would get.
    fn foreign_port(&mut self) -> Option<u16> {
        let publishes = self.gluetuns.is_empty() && self.rng.chance(50);
        let taken = |port: &u16| self.containers().any(|container| container.published.contains(port));
        let mut range = self.plan.settings.port_range_host.clone();
        if publishes { range.find(|port| !taken(port)) } else { None }
    }

    fn note_fault(&mut self, who: Who, fault: Fault, detail: Detail) {
        let code = fault.kind().code();
        let subject = match fault {
            Fault::Vpn(vpn, _) => self.gluetuns[vpn.index()].name.as_str(),
            Fault::Engine(engine, _) => match self.docker.containers.get(&engine) {
                Some(container) => container.name.as_str(),
                None => "-",
            },
            Fault::Docker(_) | Fault::Host(_) => "-",
        };
        self.trace.note(self.now, who, subject, code, detail);
    }
}
