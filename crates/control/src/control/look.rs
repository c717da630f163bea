//! Looking: what is asked when, and whether enough has been seen to decide.
//!
//! Timers that fall due end here. Looking never changes what exists.

use super::Control;
use crate::agenda::Wake;
use crate::command::{Action, Cause, Question, Target};
use crate::ids::{ContainerId, OpId, VpnId};
use crate::journal::{Expect, Subject, What};
use crate::mark::Mark;
use crate::operation::{Fate, Task};
use crate::policy::offering;
use crate::time::Time;
use alloc::collections::BTreeSet;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

/// Pings unanswered in a row until Docker counts as unreachable.
const MISSES_UNREACHABLE: u32 = 2;
/// The first wait between questions to an engine that boots, and the longest.
const BOOT_PACE_FIRST: Duration = Duration::from_millis(100);
const BOOT_PACE_MAX: Duration = Duration::from_secs(1);
/// The wait before an inspection that was not answered is repeated.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// An engine that was adopted without the store's word counts as used for this long.
const PRESUMED_USED: Duration = Duration::from_secs(900);

/// Whether Docker is there, and what was last heard of it.
#[derive(Debug, Default)]
pub(super) struct Docker {
    /// Pings unanswered in a row.
    pub misses: u32,
    /// The ping under way.
    pub pinging: Option<OpId>,
    /// The listing under way. Listings never overlap.
    pub listing: Option<OpId>,
    /// Another is wanted: something may have happened since the one under way was asked for.
    pub list_again: bool,
    /// Listings failed in a row.
    pub listings_failed: u32,
    /// When the last listing that was answered had been asked for.
    pub listed: Option<Time>,
}

impl Docker {
    pub(super) const fn reachable(&self) -> bool {
        self.misses < MISSES_UNREACHABLE
    }
}

/// What has to be seen before anything that changes containers is decided: at the start, and after Docker
/// was out of reach.
#[derive(Debug)]
pub(super) struct Sight {
    /// The first complete look has not been had yet.
    pub opening: bool,
    /// A reading counts if it was asked for since then.
    since: Time,
    listing: bool,
    vpns: BTreeSet<VpnId>,
    engines: BTreeSet<ContainerId>,
    store: bool,
}

impl Sight {
    pub(super) fn opening(vpns: impl Iterator<Item = VpnId>) -> Self {
        Self {
            opening: true,
            since: Time::ZERO,
            listing: true,
            vpns: vpns.collect(),
            engines: BTreeSet::new(),
            store: true,
        }
    }

    /// Nothing is left to be seen.
    pub(super) fn clear(&self) -> bool {
        !self.listing && self.vpns.is_empty() && self.engines.is_empty() && !self.store
    }
}

impl Control {
    pub(super) fn wake(&mut self, wake: Wake) {
        match wake {
            Wake::Ping => self.ping(),
            Wake::List => self.list(),
            Wake::InspectVpn(vpn) => {
                let next = self.now + self.settings.gluetun_health_check_interval;
                self.agenda.set(wake, next);
                self.inspect_vpn(vpn, Cause::Routine);
            }
            Wake::AskTunnel(vpn) => self.ask_tunnel(vpn),
            Wake::AskPorts(vpn) => self.ask_ports(vpn),
            Wake::Probe(id) => self.probe_routinely(id),
            Wake::Look(id) => self.look_at(id, Cause::SomethingChanged),
            Wake::AskFate(op) => self.ask_fate(op),
            Wake::ReviewIdle => {
                self.agenda.set(wake, self.now + self.settings.autoscale_interval);
                if self.settings.auto_delete {
                    self.idle_review = Some(self.settings.engine_grace_period);
                    self.dirty = true;
                }
            }
            Wake::AskSessions => self.ask_sessions(),
            Wake::DoubleCheck(_) | Wake::Decide => self.dirty = true,
        }
    }

    fn ping(&mut self) {
        self.agenda.set(Wake::Ping, self.now + self.settings.ping_interval);
        if self.docker.pinging.is_none() {
            self.docker.pinging = Some(self.send(Cause::Routine, Action::Ping, Task::Ping));
        }
    }

    fn list(&mut self) {
        self.agenda.set(Wake::List, self.now + self.settings.monitor_interval);
        if self.docker.listing.is_none() && self.docker.reachable() {
            self.docker.listing = Some(self.send(Cause::Routine, Action::List, Task::List));
        }
    }

    fn ask_tunnel(&mut self, id: VpnId) {
        self.agenda.set(Wake::AskTunnel(id), self.now + self.settings.gluetun_health_check_interval);
        let vpn = self.fleet.vpn(id);
        if vpn.current().is_some() && vpn.asking_tunnel.is_none() {
            let op = self.ask(id, Question::Tunnel);
            self.fleet.vpn_mut(id).asking_tunnel = Some(op);
        }
    }

    /// Asks for forwarded ports, and for the public address until it is known. A VPN that has failed is not asked:
    /// what it says may be from before.
    pub(super) fn ask_ports(&mut self, id: VpnId) {
        self.agenda.set(Wake::AskPorts(id), self.now + self.settings.gluetun_port_check_interval);
        let vpn = self.fleet.vpn(id);
        if vpn.current().is_some() && vpn.is_healthy() && vpn.asking_ports.is_none() {
            let op = self.ask(id, Question::Ports);
            self.fleet.vpn_mut(id).asking_ports = Some(op);
        }
        let vpn = self.fleet.vpn(id);
        if vpn.is_healthy() && vpn.public_address.is_none() && vpn.asking_address.is_none() {
            let op = self.ask(id, Question::PublicAddress);
            self.fleet.vpn_mut(id).asking_address = Some(op);
        }
    }

    pub(super) fn ask(&mut self, id: VpnId, question: Question) -> OpId {
        let vpn = self.fleet.vpn(id);
        let epochs = (vpn.network_epoch, vpn.port_epoch);
        let task = Task::Ask { vpn: id, question, epochs };
        self.send(Cause::Routine, Action::Ask { vpn: id, question }, task)
    }

    // Engines.

    fn probe_routinely(&mut self, id: ContainerId) {
        let Some(engine) = self.fleet.engines.get(&id) else { return };
        if engine.answers.asking.is_some() || !offering::can_be_probed(engine, self.fleet.vpn_of(engine)) {
            return;
        }
        let op = self.probe(id, Cause::Routine);
        if let Some(engine) = self.fleet.engines.get_mut(&id) {
            engine.answers.asking = op;
        }
    }

    /// Asks an engine how it is.
    pub(super) fn probe(&mut self, id: ContainerId, cause: Cause) -> Option<OpId> {
        let engine = self.fleet.engines.get(&id)?;
        let ports = engine.ports?;
        let vpn = engine.seat.vpn();
        let epoch = vpn.map(|vpn| (vpn, self.fleet.vpn(vpn).network_epoch));
        let task = Task::Probe { engine: id, started_at: engine.started_at, vpn: epoch };
        Some(self.send(cause, Action::Probe { engine: id, vpn, port: ports.http }, task))
    }

    /// When an engine is asked next: soon and ever slower while it boots, else once an interval.
    pub(super) fn schedule_probe(&mut self, id: ContainerId) {
        let Some(engine) = self.fleet.engines.get_mut(&id) else { return };
        let wait = if engine.answers.proven {
            self.rng.jittered(self.settings.health_check_interval)
        } else {
            let pace = engine.answers.pace.max(BOOT_PACE_FIRST);
            engine.answers.pace = (pace * 3 / 2).min(BOOT_PACE_MAX);
            pace
        };
        self.agenda.set(Wake::Probe(id), self.now + wait);
    }

    // Fates.

    /// Asks for the fate of an operation that ended without an answer.
    pub(super) fn ask_fate(&mut self, op: OpId) {
        let Some(operation) = self.fleet.operations.get(op) else { return };
        if operation.fate == Fate::Open {
            return;
        }
        if !self.docker.reachable() {
            self.agenda.set(Wake::AskFate(op), self.now + self.settings.ping_interval);
            return;
        }
        if let Some(creation) = operation.creation() {
            let target = Target::Name(creation.name().clone());
            self.send(Cause::FateUnknown, Action::Inspect(target), Task::InspectFate(op));
        } else if let Some(id) = operation.task.changes() {
            self.look_at(id, Cause::FateUnknown);
        }
    }

    /// An inspection was not answered: it is repeated after a moment.
    pub(super) fn look_again(&mut self, id: ContainerId) {
        self.agenda.set(Wake::Look(id), self.now + LOOK_AGAIN);
    }

    // Sight.

    pub(super) fn docker_missed(&mut self) {
        self.docker.misses = self.docker.misses.saturating_add(1);
        if self.docker.misses != MISSES_UNREACHABLE {
            return;
        }
        self.marks.hit(Mark::DockerLost);
        let expect = Expect::NextLook(self.now + self.settings.ping_interval);
        self.write(Subject::Docker, What::DockerUnreachable, vec![], expect);
        if self.sabotage.is(crate::canary::Canary::SilenceMeansGone) {
            self.fleet.engines.clear();
        }
        self.dirty = true;
    }

    pub(super) fn docker_answered(&mut self) {
        let was_unreachable = !self.docker.reachable();
        self.docker.misses = 0;
        if !was_unreachable {
            return;
        }
        self.marks.hit(Mark::DockerReturned);
        self.sight.since = self.now;
        self.sight.listing = true;
        self.sight.vpns.extend(self.fleet.vpns.iter().map(|vpn| vpn.id));
        self.sight.engines.extend(self.fleet.engines.keys());
        self.look_at_all();
        self.dirty = true;
    }

    /// Things may have happened that nobody told: everything is looked at.
    pub(super) fn look_at_all(&mut self) {
        self.docker.list_again = self.docker.listing.is_some();
        self.agenda.set(Wake::List, self.now);
        for at in 0..self.fleet.vpns.len() {
            let vpn = self.fleet.vpns[at].id;
            self.agenda.set(Wake::InspectVpn(vpn), self.now);
        }
        let engines: Vec<_> = self.fleet.engines.keys().copied().collect();
        for id in engines {
            self.look_at(id, Cause::SomethingChanged);
        }
    }

    pub(super) fn sighted_listing(&mut self, asked: Time) {
        if asked >= self.sight.since {
            self.sight.listing = false;
            self.dirty = true;
        }
    }

    pub(super) fn sighted_vpn(&mut self, vpn: VpnId, asked: Time) {
        if asked >= self.sight.since && self.sight.vpns.remove(&vpn) {
            self.dirty = true;
        }
    }

    /// A container has been inspected, or cannot be: neither holds up the others.
    pub(super) fn sighted_engine(&mut self, id: ContainerId, asked: Time) {
        if asked >= self.sight.since && self.sight.engines.remove(&id) {
            self.dirty = true;
        }
    }

    /// A container is gone: there is nothing to be seen of it.
    pub(super) fn unsighted_engine(&mut self, id: ContainerId) {
        self.dirty |= self.sight.engines.remove(&id);
    }

    /// The store cannot tell which engines are used: those that ran before count as used for a while.
    fn presume_used(&mut self) {
        if self.store_answered {
            return;
        }
        self.marks.hit(Mark::PresumedUsed);
        let until = self.now + PRESUMED_USED;
        for engine in self.fleet.engines.values_mut().filter(|engine| engine.answers.trusted) {
            engine.presumed_used_until = Some(until);
        }
        self.wake_to_decide(until);
    }

    pub(super) fn sighted_store(&mut self) {
        self.sight.store = false;
        self.dirty = true;
    }

    /// A container found in the first listing: it has to be inspected before decisions begin.
    pub(super) fn await_sight_of(&mut self, id: ContainerId) {
        if self.sight.opening {
            self.sight.engines.insert(id);
        }
    }

    /// Whether anything that changes containers may be decided now. Notes when that begins.
    pub(super) fn in_sight(&mut self) -> bool {
        if !self.docker.reachable() || !self.sight.clear() {
            return false;
        }
        if core::mem::take(&mut self.sight.opening) {
            let adopted = self.fleet.engines.values().filter(|engine| engine.is_engine()).count();
            // What is still remembered is about engines that are no more.
            self.remembered.clear();
            self.presume_used();
            // However long the first look took, VPNs that are not ready yet get their time from now on.
            self.began = self.now;
            self.write(Subject::Fleet, What::InSight { adopted }, vec![], Expect::Nothing);
        } else if core::mem::replace(&mut self.sight.since, Time::ZERO) != Time::ZERO {
            self.write(Subject::Docker, What::DockerBack, vec![], Expect::Nothing);
        }
        true
    }
}
