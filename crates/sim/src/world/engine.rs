//! What goes on inside engines: booting, binding a port, answering probes or not.
//!
//! A probe is dialled by address and port, as in the world outside: whoever has bound that port there answers.

use super::World;
use super::calls::no_answer;
use super::container::Container;
use super::faults::{EngineFault, Fault, HostFault};
use super::queue::{CallId, Happening, Run};
use control::event::{Outcome, ProbeReport, Report};
use control::ids::{ContainerId, VpnId};

/// Who answers at an address.
pub(super) struct Answerer {
    pub(super) id: Option<ContainerId>,
    /// The engine that is meant takes connections and answers nothing.
    pub(super) hung: bool,
}

impl World {
    /// An engine's container has been started.
    pub(super) fn engine_started(&mut self, run: Run) {
        let slow = self.lasts(Fault::Host(HostFault::SlowBoots));
        let weather = &self.plan.weather;
        let boot = if slow { weather.slow_engine_boot } else { weather.engine_boot };
        let boots_in = boot.draw(&mut self.rng);
        self.queue.push(self.now + boots_in, Happening::Boots(run));
        if self.lasts(Fault::Engine(run.container, EngineFault::CrashLoops)) {
            self.arrange_crash(run);
        }
    }

    /// An engine that is crash-looping has another life to lose.
    pub(super) fn arrange_crash(&mut self, run: Run) {
        let dies_in = self.plan.weather.crash_loop.draw(&mut self.rng);
        self.queue.push(self.now + dies_in, Happening::Crashes(run));
    }

    /// An engine has booted and binds its port, or dies because another one has it (D8).
    pub(super) fn engine_boots(&mut self, run: Run) {
        let Some(container) = self.docker.containers.get(&run.container) else { return };
        let (Some(process), Some(ports)) = (&container.process, container.ports()) else { return };
        if container.run() != run {
            return;
        }
        let taken = self.docker.containers.values().any(|other| other.listens(process.netns, ports.http));
        if taken {
            return self.die(run);
        }
        if let Some(container) = self.docker.containers.get_mut(&run.container)
            && let Some(process) = &mut container.process
        {
            process.booted = true;
        }
        self.truth_is_stale = true;
    }

    /// A probe has reached the address it was sent to.
    pub(super) fn probe_arrives(&mut self, call: CallId, engine: ContainerId, vpn: Option<VpnId>, port: u16) {
        if self.lasts(Fault::Host(HostFault::CutOff)) {
            return self.guard(call);
        }
        if let Some(answering) = self.answering(engine, vpn, port) {
            let report = ProbeReport { answered: true, connected: Some(answering.connected()) };
            return self.settle(call, Outcome::Done(Report::Probe(report)));
        }
        let hung = self.docker.containers.get(&engine).is_some_and(Container::is_hung);
        if !hung && self.rng.chance(self.plan.weather.refused_percent) {
            self.settle(call, no_answer());
        } else {
            self.guard(call);
        }
    }

    /// The same as an id, and whether the engine that is meant takes connections and answers nothing.
    pub(super) fn answerer(&self, engine: ContainerId, vpn: Option<VpnId>, port: u16) -> Answerer {
        let id = self.answering(engine, vpn, port).map(Container::id);
        Answerer { id, hung: self.docker.containers.get(&engine).is_some_and(Container::is_hung) }
    }

    /// Who answers at that address: mostly the engine that is meant.
    pub(super) fn answering(&self, engine: ContainerId, vpn: Option<VpnId>, port: u16) -> Option<&Container> {
        let answers = |container: &&Container| {
            container.reachable.is && container.ports().is_some_and(|ports| ports.http == port)
        };
        let meant = self.docker.containers.get(&engine).filter(answers);
        let Some(vpn) = vpn else { return meant };
        let netns = self.vpn_container(vpn)?.netns();
        let lives_there = |container: &&Container| container.netns() == netns;
        let mut others = self.docker.containers.values();
        meant.filter(lives_there).or_else(|| others.find(|other| answers(other) && lives_there(other)))
    }
}
