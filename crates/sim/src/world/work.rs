//! How Docker carries deeds out, stage by stage.
//!
//! Each stage takes its drawn time, and a frozen daemon stops between two of them. Nobody's wish to hear the
//! outcome plays a part here.

use super::World;
use super::container::{Container, Lock, Role, Since};
use super::deed::{Deed, DockerRequest, Making, Reception, Request, Work};
use super::faults::{Fault, HostFault};
use super::queue::{CallId, Happening};
use super::trace::{Detail, Who};
use control::command::{Create, CreateOther};
use control::docker::{Happened, Health, Network, State};
use control::event::{Outcome, Refusal, Report};
use control::ids::{ContainerId, Name, OpId};
use control::labels::{Labels, OPERATION, SPEC};
use std::sync::Arc;
use std::time::Duration;

/// The label that says whose a container is: CONTAINER_LABEL's default.
const FLEET_LABEL: (&str, &str) = ("ondemand.app", "myservice");

impl World {
    /// Begins to make a container: from here on its name is taken.
    pub(super) fn make(&mut self, call: CallId, making: &Making) {
        let name = match making {
            Making::Engine(create, _) | Making::Rival(create) => create.name.clone(),
            Making::Other(create, _) => create.name.clone(),
            Making::Vpn(vpn) => self.gluetuns[vpn.index()].name.clone(),
            Making::Foreign(name, _) => name.clone(),
        };
        if matches!(making, Making::Engine(..) | Making::Other(..))
            && self.lasts(Fault::Host(HostFault::ImageGone))
        {
            return self.settle(call, Outcome::Refused(Refusal::ImageMissing));
        }
        if self.docker.names.contains_key(&name) {
            return self.settle(call, Outcome::Refused(Refusal::NameTaken));
        }
        self.docker.names.insert(name, None);
        let takes = self.plan.weather.create.draw(&mut self.rng);
        self.wait(call, takes, Happening::Proceeds(call));
    }

    /// Begins to work on a container whose turn it is.
    pub(super) fn perform(&mut self, call: CallId, id: ContainerId, work: Work) {
        let Some(container) = self.docker.containers.get_mut(&id) else { return };
        let (state, role) = (container.state, container.role);
        if state == State::Restarting && work.ends_what_runs() {
            // Docker gives up its own restart.
            container.state = State::Exited;
        }
        match work.meets(state) {
            Reception::Accepted => {}
            Reception::AlreadySo => return self.finish(call, id, carried()),
            Reception::Impossible => {
                let refusal = Refusal::Unexplained(state.as_str().into());
                return self.finish(call, id, Outcome::Refused(refusal));
            }
        }
        let weather = &self.plan.weather;
        let takes = match work {
            Work::Start => weather.start.draw(&mut self.rng),
            Work::Restart(grace) | Work::Stop(grace) => self.ending_takes(state, role, grace),
            Work::Kill => weather.kill.draw(&mut self.rng),
            Work::Remove => {
                let takes = weather.remove.draw(&mut self.rng);
                self.end_process(id);
                self.set_state(id, State::Removing);
                takes
            }
            Work::Pause | Work::Unpause => Duration::ZERO,
        };
        self.wait(call, takes, Happening::Proceeds(call));
    }

    /// One stage is over: what it was for happens now.
    pub(super) fn proceed(&mut self, call: CallId) {
        if self.is_put_off(call, Happening::Proceeds(call)) {
            return;
        }
        let Some(working) = self.calls.get_mut(call) else { return };
        let (late, halfway) = (working.is_given_up(), working.halfway);
        working.halfway = true;
        match working.request.deed().cloned() {
            Some(Deed::Make(making)) => self.made(call, making, late),
            Some(Deed::To(id, work)) => self.worked(call, id, work, halfway),
            None => {}
        }
    }

    fn worked(&mut self, call: CallId, id: ContainerId, work: Work, halfway: bool) {
        let outcome = match work {
            Work::Restart(_) if !halfway => {
                self.end_process(id);
                let takes = self.plan.weather.start.draw(&mut self.rng);
                return self.wait(call, takes, Happening::Proceeds(call));
            }
            Work::Start | Work::Restart(_) => match self.start_by_hand(id) {
                Ok(()) => carried(),
                Err(refusal) => Outcome::Refused(refusal),
            },
            Work::Remove => return self.removed(call, id),
            Work::Stop(_) | Work::Kill => {
                self.end_process(id);
                carried()
            }
            Work::Pause => {
                self.pause(id);
                carried()
            }
            Work::Unpause => {
                self.unpause(id);
                carried()
            }
        };
        self.finish(call, id, outcome);
    }

    /// A Gluetun ends when asked to; an engine lets the whole grace pass (D9).
    fn ending_takes(&mut self, state: State, role: Role, grace: Duration) -> Duration {
        if !state.has_network() {
            return Duration::ZERO;
        }
        let killed = grace + self.plan.weather.kill.draw(&mut self.rng);
        match role {
            Role::Vpn(_) => killed.min(self.plan.weather.vpn_ends.draw(&mut self.rng)),
            Role::Engine { .. } | Role::Other { .. } | Role::Foreign => killed,
        }
    }

    fn made(&mut self, call: CallId, making: Making, late: bool) {
        match making {
            Making::Engine(create, op) => {
                let id = self.add_engine(&create, op);
                if late {
                    self.tally.late_arrivals += 1;
                }
                self.settle(call, Outcome::Done(Report::Created(id)));
            }
            Making::Other(create, op) => {
                let id = self.add_other(&create, op);
                if late {
                    self.tally.late_arrivals += 1;
                }
                self.settle(call, Outcome::Done(Report::Created(id)));
            }
            Making::Rival(create) => {
                let id = self.add_engine(&create, OpId { life: 0, seq: 0 });
                if let Some(container) = self.docker.containers.get_mut(&id) {
                    let theirs = |key: &str| key != OPERATION && key != SPEC;
                    let labels = container.labels.iter().filter(|(key, _)| theirs(key)).collect();
                    container.labels = labels;
                }
                self.run(call, id);
            }
            Making::Vpn(vpn) => {
                let gluetun = &self.gluetuns[vpn.index()];
                let (name, published) = (gluetun.name.clone(), gluetun.published.clone());
                let id = self.add_container(name, Role::Vpn(vpn), published);
                self.gluetuns[vpn.index()].container = Some(id);
                self.run(call, id);
            }
            Making::Foreign(name, port) => {
                let id = self.add_container(name, Role::Foreign, port.iter().copied().collect());
                self.run(call, id);
            }
        }
    }

    /// `docker run` is a create and a start.
    fn run(&mut self, call: CallId, id: ContainerId) {
        if let Some(running) = self.calls.get_mut(call) {
            running.request = Request::Docker(DockerRequest::Deed(Deed::To(id, Work::Start)));
        }
        if let Some(container) = self.docker.containers.get_mut(&id) {
            container.lock.holder = Some(call);
        }
        let takes = self.plan.weather.start.draw(&mut self.rng);
        self.wait(call, takes, Happening::Proceeds(call));
    }

    fn removed(&mut self, call: CallId, id: ContainerId) {
        let Some(container) = self.docker.containers.get(&id) else { return };
        self.trace.note(self.now, Who::Docker, container.name.as_str(), "gone", Detail::Nothing);
        self.emit(id, Happened::Destroyed);
        let Some(container) = self.docker.containers.remove(&id) else { return };
        self.docker.names.remove(&container.name);
        if let Role::Vpn(vpn) = container.role {
            self.gluetuns[vpn.index()].container = None;
        }
        self.truth_is_stale = true;
        self.settle(call, carried());
        for (waiting, _) in container.lock.waiting {
            self.settle(waiting, Outcome::Refused(Refusal::NoSuchContainer));
        }
    }

    fn add_engine(&mut self, create: &Create, op: OpId) -> ContainerId {
        let Create { name, vpn, ports, .. } = create;
        let role = Role::Engine { ports: *ports, op };
        let vpn = vpn.map(|vpn| self.gluetuns[vpn.index()].name.clone());
        let labels = Labels::of_engine(create, vpn.as_ref(), op);
        let labels = labels.iter().chain([FLEET_LABEL]).collect();
        let published: Arc<[u16]> = if vpn.is_some() { [].into() } else { [ports.http].into() };
        let id = self.add_container(name.clone(), role, published);
        let network = vpn.map(|vpn| match self.docker.named(&vpn) {
            Some(container) => Network::Container(container.id),
            // D6: the name stays, and is looked up at each start.
            None => Network::ContainerNamed(vpn),
        });
        if let Some(container) = self.docker.containers.get_mut(&id) {
            container.labels = labels;
            container.network = network.unwrap_or_else(|| container.network.clone());
        }
        id
    }

    fn add_other(&mut self, create: &CreateOther, op: OpId) -> ContainerId {
        let published = create.ports.iter().map(|(_, outside)| *outside).collect();
        let id = self.add_container(create.name.clone(), Role::Other { op }, published);
        let labels = Labels::of_other(create, op);
        if let Some(container) = self.docker.containers.get_mut(&id) {
            container.labels = labels.iter().chain([FLEET_LABEL]).collect();
        }
        id
    }

    fn add_container(&mut self, name: Name, role: Role, published: Arc<[u16]>) -> ContainerId {
        let id = ContainerId::from_bytes(self.draw_bytes());
        let created_at = self.stamp();
        let (image, health, detail) = match role {
            Role::Vpn(_) => (&self.images.gluetun, Health::Starting, Detail::Nothing),
            Role::Engine { op, .. } => (&self.images.engine, Health::Unchecked, Detail::Op(op)),
            Role::Other { op } => (&self.images.foreign, Health::Unchecked, Detail::Op(op)),
            Role::Foreign => (&self.images.foreign, Health::Unchecked, Detail::Nothing),
        };
        self.trace.note(self.now, Who::Docker, name.as_str(), "made", detail);
        self.docker.names.insert(name.clone(), Some(id));
        let container = Container {
            id,
            name,
            role,
            labels: Labels::default(),
            image: image.clone(),
            published,
            network: Network::Own(self.bridge.clone()),
            state: State::Created,
            health,
            created_at,
            started_at: None,
            sandbox: None,
            process: None,
            starts: 0,
            backoff: Duration::ZERO,
            lock: Lock::default(),
            reachable: Since { is: false, since: self.now },
            connected: Since { is: false, since: self.now },
        };
        self.docker.containers.insert(id, container);
        self.emit(id, Happened::Created);
        id
    }

    /// 32 bytes that nothing else has: for ids.
    pub(super) fn draw_bytes(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for word in bytes.chunks_exact_mut(8) {
            word.copy_from_slice(&self.rng.bits().to_le_bytes());
        }
        bytes
    }
}

const fn carried() -> Outcome {
    Outcome::Done(Report::Carried)
}
