//! How processes of containers live and die, and what Docker does by policy when one has died by itself.
//!
//! The restart policy of everything here is `unless-stopped`.

use super::World;
use super::container::{Process, Role};
use super::queue::{Happening, Run};
use super::trace::{Detail, Who};
use control::docker::{Happened, Health, Network, State};
use control::event::Refusal;
use control::ids::{ContainerId, SandboxId};
use std::time::Duration;

/// Docker's wait before its first restart by policy; it doubles up to the last.
const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const LAST_BACKOFF: Duration = Duration::from_secs(60);
/// Whoever lived this long is restarted after the first wait again.
const LIVED_LONG: Duration = Duration::from_secs(10);

impl World {
    /// Starts a container because somebody said so.
    pub(super) fn start_by_hand(&mut self, id: ContainerId) -> Result<(), Refusal> {
        if let Some(container) = self.docker.containers.get_mut(&id) {
            container.backoff = Duration::ZERO;
        }
        self.start_process(id)
    }

    /// Docker restarts, by policy, what died. If that fails it says nothing and never tries again (D3).
    pub(super) fn restart_by_policy(&mut self, run: Run) {
        let Some(container) = self.docker.containers.get(&run.container) else { return };
        if container.state != State::Restarting || container.run() != run {
            return;
        }
        if self.start_process(run.container).is_err() {
            self.set_state(run.container, State::Exited);
            self.note_container(run.container, "fail", Detail::Nothing);
        }
    }

    fn start_process(&mut self, id: ContainerId) -> Result<(), Refusal> {
        let (netns, guest_of) = self.network_for(id)?;
        let started_at = self.stamp();
        let Some(container) = self.docker.containers.get_mut(&id) else {
            return Err(Refusal::NoSuchContainer);
        };
        container.state = State::Running;
        container.started_at = Some(started_at);
        container.sandbox = guest_of.is_none().then_some(netns);
        container.process = Some(Process { started: self.now, netns, guest_of, booted: false, hung: false });
        container.starts += 1;
        let (run, role) = (container.run(), container.role);
        self.note_container(id, "runs", Detail::Count(run.number));
        self.emit(id, Happened::Started);
        match role {
            Role::Vpn(vpn) => self.vpn_started(vpn, run),
            Role::Engine { .. } => self.engine_started(run),
            Role::Other { .. } | Role::Foreign => {}
        }
        self.truth_is_stale = true;
        Ok(())
    }

    /// The network namespace that a container's process would live in, and the container that it would be a
    /// guest of.
    fn network_for(&mut self, id: ContainerId) -> Result<(SandboxId, Option<ContainerId>), Refusal> {
        let containers = &self.docker.containers;
        let container = containers.get(&id).ok_or(Refusal::NoSuchContainer)?;
        let host = match &container.network {
            Network::Container(host) => containers.get(host),
            Network::ContainerNamed(name) => self.docker.named(name),
            Network::Own(_) => {
                let clashes = containers.values().any(|other| {
                    other.id != id
                        && other.state.has_network()
                        && other.published.iter().any(|port| container.published.contains(port))
                });
                return if clashes {
                    Err(Refusal::PortTaken)
                } else {
                    Ok((SandboxId::from_bytes(self.draw_bytes()), None))
                };
            }
        };
        let host = host.ok_or(Refusal::NoSuchContainer)?;
        match host.sandbox.filter(|_| host.state.has_network()) {
            Some(netns) => Ok((netns, Some(host.id))),
            None => Err(Refusal::NetworkNotRunning),
        }
    }

    /// A process dies of its own accord; Docker will restart it, unless somebody is at work on it.
    pub(super) fn die(&mut self, run: Run) {
        let id = run.container;
        let Some(container) = self.docker.containers.get(&id) else { return };
        let Some(process) = &container.process else { return };
        if container.run() != run {
            return;
        }
        let lived = self.now.since(process.started);
        self.end_process(id);
        let Some(container) = self.docker.containers.get_mut(&id) else { return };
        if container.lock.holder.is_some() {
            return;
        }
        container.state = State::Restarting;
        container.backoff = if lived >= LIVED_LONG || container.backoff.is_zero() {
            FIRST_BACKOFF
        } else {
            LAST_BACKOFF.min(container.backoff * 2)
        };
        let back_in = container.backoff + self.plan.weather.comeback.draw(&mut self.rng);
        self.queue.push(self.now + back_in, Happening::PolicyRestarts(run));
    }

    /// Nothing of the container runs any more; without a process there is nothing to end.
    pub(super) fn end_process(&mut self, id: ContainerId) {
        let Some(container) = self.docker.containers.get_mut(&id) else { return };
        if container.process.take().is_none() {
            return;
        }
        container.state = State::Exited;
        container.sandbox = None;
        let role = container.role;
        self.note_container(id, "dies", Detail::Nothing);
        self.emit(id, Happened::Died);
        match role {
            Role::Vpn(vpn) => {
                self.health_check_stops(id);
                self.vpn_ended(vpn);
            }
            Role::Engine { .. } | Role::Other { .. } | Role::Foreign => {}
        }
        self.truth_is_stale = true;
    }

    /// The process stands still; its network stays (D7).
    pub(super) fn pause(&mut self, id: ContainerId) {
        let Some(container) = self.docker.containers.get_mut(&id) else { return };
        if container.state != State::Running {
            return;
        }
        container.state = State::Paused;
        let role = container.role;
        self.note_container(id, "paus", Detail::Nothing);
        self.emit(id, Happened::Paused);
        if let Role::Vpn(vpn) = role {
            self.health_check_stops(id);
            self.vpn_paused(vpn);
        }
        self.truth_is_stale = true;
    }

    /// The process goes on.
    pub(super) fn unpause(&mut self, id: ContainerId) {
        let Some(container) = self.docker.containers.get_mut(&id) else { return };
        if container.state != State::Paused {
            return;
        }
        container.state = State::Running;
        let role = container.role;
        self.note_container(id, "unpa", Detail::Nothing);
        self.emit(id, Happened::Unpaused);
        if let Role::Vpn(vpn) = role {
            self.raise_tunnel(vpn);
        }
        self.truth_is_stale = true;
    }

    pub(super) fn set_state(&mut self, id: ContainerId, state: State) {
        if let Some(container) = self.docker.containers.get_mut(&id) {
            container.state = state;
        }
    }

    /// Docker calls a container unhealthy as soon as it no longer checks it, and sends no notice of that.
    fn health_check_stops(&mut self, id: ContainerId) {
        if let Some(container) = self.docker.containers.get_mut(&id) {
            container.health = Health::Unhealthy;
        }
    }

    pub(super) fn note_container(&mut self, id: ContainerId, code: &'static str, detail: Detail) {
        if let Some(container) = self.docker.containers.get(&id) {
            self.trace.note(self.now, Who::Docker, container.name.as_str(), code, detail);
        }
    }
}
