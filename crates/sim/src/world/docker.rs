//! The daemon: what it receives, what it says about containers, and whose turn it is with each of them.
//!
//! It knows nothing of why it is asked. How deeds are carried out is in `work`, how processes live and die in
//! `process`, and what the event stream tells in `notices`.

use super::World;
use super::calls::Caller;
use super::container::Container;
use super::deed::{Deed, DockerRequest, Request, Work};
use super::faults::{DockerFault, Fault};
use super::queue::{CallId, Happening};
use control::command::Target;
use control::docker::{Listing, State};
use control::event::{Outcome, Refusal, Report};
use control::ids::{ContainerId, Name};
use control::time::Stamp;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// Docker's own state.
pub(super) struct Daemon {
    pub(super) containers: BTreeMap<ContainerId, Container>,
    /// Every name that is taken; without a container yet while that is being created.
    pub(super) names: BTreeMap<Name, Option<ContainerId>>,
    /// What waits for a frozen daemon to thaw, in order.
    frozen: VecDeque<Happening>,
    last_stamp: u64,
    skew_ns: i64,
}

/// Between two calls that a thawed daemon takes up, so that they stay in order.
const THAW_STEP: Duration = Duration::from_millis(1);

impl Daemon {
    pub(super) const fn new(skew_ns: i64) -> Self {
        Self {
            containers: BTreeMap::new(),
            names: BTreeMap::new(),
            frozen: VecDeque::new(),
            last_stamp: 0,
            skew_ns,
        }
    }

    /// The container that has this name now.
    pub(super) fn named(&self, name: &Name) -> Option<&Container> {
        self.containers.get(&(*self.names.get(name)?)?)
    }

    fn find(&self, target: &Target) -> Option<&Container> {
        match target {
            Target::Id(id) => self.containers.get(id),
            Target::Name(name) => self.named(name),
        }
    }
}

impl World {
    /// A request has reached Docker.
    pub(super) fn docker_receives(&mut self, call: CallId) {
        if self.is_put_off(call, Happening::Arrives(call)) {
            return;
        }
        let Some(received) = self.calls.get(call) else { return };
        let Request::Docker(request) = &received.request else { return };
        let report = match request {
            DockerRequest::Ping => Report::Pong,
            DockerRequest::List => {
                let containers = self.docker.containers.values().map(Container::listed).collect();
                Report::Listing(Listing { containers })
            }
            DockerRequest::Inspect(target) => match self.docker.find(target) {
                Some(container) => Report::Found(Box::new(container.facts())),
                None => Report::Absent,
            },
            DockerRequest::Clear(id) => {
                let runs = self.docker.containers.get(id).map(|container| container.state == State::Running);
                let shellless = self.rng.chance(self.plan.weather.shellless_percent);
                let outcome = match runs {
                    Some(true) if shellless => Outcome::Refused(Refusal::NoShell),
                    Some(true) => Outcome::Done(Report::CacheCleared { bytes: self.rng.below(1 << 32) }),
                    Some(false) => Outcome::Refused(Refusal::Unexplained("it does not run".into())),
                    None => Outcome::Refused(Refusal::NoSuchContainer),
                };
                return self.settle(call, outcome);
            }
            DockerRequest::Deed(deed) => {
                let deed = deed.clone();
                let heard = matches!(received.caller, Caller::Acefleet(_));
                if heard && self.lasts(Fault::Docker(DockerFault::DeniesAndDoes)) {
                    self.perhaps_deny(call);
                }
                return match deed {
                    Deed::Make(making) => self.make(call, &making),
                    Deed::To(id, work) => self.take_up(call, id, work),
                };
            }
        };
        self.settle(call, Outcome::Done(report));
    }

    fn perhaps_deny(&mut self, call: CallId) {
        if self.rng.chance(self.plan.weather.denied_percent) {
            self.tally.denials += 1;
            let delay = self.way_back(call);
            self.tell(call, delay, Outcome::Refused(Refusal::Unexplained("internal error".into())));
        }
    }

    /// Begins with the work on a container, or lets it wait for its turn.
    fn take_up(&mut self, call: CallId, id: ContainerId, work: Work) {
        let Some(container) = self.docker.containers.get_mut(&id) else {
            return self.settle(call, Outcome::Refused(Refusal::NoSuchContainer));
        };
        if container.state == State::Removing && work == Work::Remove {
            let text = "removal is already in progress".into();
            return self.settle(call, Outcome::Refused(Refusal::Unexplained(text)));
        }
        if container.lock.holder.is_some() {
            container.lock.waiting.push_back((call, work));
            return self.guard(call);
        }
        container.lock.holder = Some(call);
        self.perform(call, id, work);
    }

    /// Docker is through with its work on a container; what waits for it next has its turn.
    pub(super) fn finish(&mut self, call: CallId, id: ContainerId, outcome: Outcome) {
        self.settle(call, outcome);
        let Some(container) = self.docker.containers.get_mut(&id) else { return };
        container.lock.holder = None;
        if let Some((next, work)) = container.lock.waiting.pop_front() {
            self.take_up(next, id, work);
        }
    }

    /// Rewrites one label of a container, or takes it away. No Docker does that: it stands for a container that
    /// another version of acefleet, or another program, had left like this.
    pub fn relabel(&mut self, id: ContainerId, key: &str, value: Option<&str>) {
        if let Some(container) = self.docker.containers.get_mut(&id) {
            let others = container.labels.iter().filter(|(other, _)| *other != key);
            container.labels = others.chain(value.map(|value| (key, value))).collect();
        }
    }

    /// Whether a frozen Docker puts `happening` off until it thaws.
    pub(super) fn is_put_off(&mut self, call: CallId, happening: Happening) -> bool {
        let frozen = self.lasts(Fault::Docker(DockerFault::Frozen));
        if frozen {
            self.docker.frozen.push_back(happening);
            self.guard(call);
        }
        frozen
    }

    /// Docker thaws, and takes up everything it had received, in order.
    pub(super) fn thaw(&mut self) {
        let mut at = self.now;
        for happening in std::mem::take(&mut self.docker.frozen) {
            self.queue.push(at, happening);
            at = at + THAW_STEP;
        }
        self.thaw_stream();
    }

    /// Now, on Docker's clock. No two stamps are the same.
    pub(super) fn stamp(&mut self) -> Stamp {
        let shown = self.now.as_nanos().saturating_add_signed(self.docker.skew_ns);
        self.docker.last_stamp = shown.max(self.docker.last_stamp + 1);
        Stamp::from_nanos(self.docker.last_stamp)
    }
}
