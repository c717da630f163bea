//! The way of a call: sent, under way, waited for, answered or not. Everything acefleet and people ask of the
//! world passes through here.
//!
//! A call lives until nobody has anything to do with it: until its answer was heard, and, if it changes
//! something, until Docker has carried it out, whoever still listens (D1). What the answer is, is not decided
//! here.

use super::World;
use super::deed::{Deed, DockerRequest, Making, Request};
use super::faults::{DockerFault, Fault};
use super::queue::{CallId, Happening};
use super::tally::Ending;
use super::trace::{Detail, Who};
use control::command::{Action, Address, Create, Target};
use control::event::{Event, Outcome, ProbeReport, Report, Silence};
use control::ids::{Name, OpId};
use control::{Command, Time};
use std::collections::BTreeMap;
use std::time::Duration;

/// Everything that has been sent and is not over.
#[derive(Default)]
pub(super) struct Calls {
    open: BTreeMap<CallId, Call>,
    opened: CallId,
}

/// One call under way.
pub(super) struct Call {
    pub(super) caller: Caller,
    pub(super) request: Request,
    /// The first half of what Docker does about it is done.
    pub(super) halfway: bool,
    deadline: Time,
    /// Somebody will see to it that the deadline is not missed.
    guarded: bool,
    /// What acefleet will hear, once that is known.
    answer: Option<Outcome>,
    /// Whoever was asked is through with it.
    settled: bool,
}

/// Who listens for the answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Caller {
    Acefleet(OpId),
    /// Acefleet sent it, and listens no more.
    Gone,
    Person,
}

/// Something done by hand, to ask later whether it is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ticket(CallId);

impl Calls {
    pub(super) fn get(&self, call: CallId) -> Option<&Call> {
        self.open.get(&call)
    }

    pub(super) fn get_mut(&mut self, call: CallId) -> Option<&mut Call> {
        self.open.get_mut(&call)
    }

    /// Creations of engines that are under way.
    pub(super) fn creates(&self) -> impl Iterator<Item = &Create> {
        self.open.values().filter_map(|call| match call.request.deed() {
            Some(Deed::Make(Making::Engine(create, _) | Making::Rival(create))) => Some(create),
            Some(Deed::Make(Making::Other(..) | Making::Vpn(_) | Making::Foreign(..)) | Deed::To(..))
            | None => None,
        })
    }

    fn add(&mut self, caller: Caller, request: Request, deadline: Time) -> CallId {
        self.opened += 1;
        let call =
            Call { caller, request, halfway: false, deadline, guarded: false, answer: None, settled: false };
        self.open.insert(self.opened, call);
        self.opened
    }
}

impl Call {
    /// Acefleet has heard, or is about to hear, something else than what becomes of it.
    pub(super) const fn is_given_up(&self) -> bool {
        match self.caller {
            Caller::Acefleet(_) => self.answer.is_some(),
            Caller::Gone => true,
            Caller::Person => false,
        }
    }
}

impl World {
    /// Sends a command into the world. Exactly one [`Event::Finished`] answers it, unless acefleet hangs up.
    pub fn submit(&mut self, command: Command) {
        let Command { op, cause: _, action, timeout } = command;
        self.tally.commands += 1;
        let subject = self.subject_of(&action);
        let subject = subject.as_ref().map_or("-", Name::as_str);
        self.trace.note(self.now, Who::Acefleet, subject, action.code(), Detail::Op(op));
        let call = self.calls.add(Caller::Acefleet(op), Request::of(action, op), self.now + timeout);
        self.send(call);
    }

    /// Whose name stands in the trace beside a command.
    fn subject_of(&self, action: &Action) -> Option<Name> {
        match action {
            Action::Ping | Action::List => None,
            Action::Create(create) => Some(create.name.clone()),
            Action::CreateOther(create) => Some(create.name.clone()),
            Action::Inspect(Target::Name(name)) => Some(name.clone()),
            Action::Ask { vpn, .. } | Action::Tell { vpn, .. } => {
                Some(self.gluetuns[vpn.index()].name.clone())
            }
            Action::Inspect(Target::Id(id))
            | Action::Start(id)
            | Action::Restart { id, .. }
            | Action::Stop { id, .. }
            | Action::Remove(id)
            | Action::ClearCache(id)
            | Action::Open { at: Address { engine: id, .. }, .. }
            | Action::AskSession { at: Address { engine: id, .. }, .. }
            | Action::Close { at: Address { engine: id, .. }, .. }
            | Action::Probe { engine: id, .. } => self.container(*id).map(|found| found.name.clone()),
        }
    }

    /// Has a person do something to a container, through Docker like everybody else.
    pub fn by_hand(&mut self, deed: Deed) -> Ticket {
        let target = match deed {
            Deed::To(id, _) => self.docker.containers.get(&id),
            Deed::Make(_) => None,
        };
        let subject = target.map_or("-", |container| container.name.as_str());
        self.trace.note(self.now, Who::Person, subject, deed.code(), Detail::Nothing);
        let call = self.calls.add(Caller::Person, Request::Docker(DockerRequest::Deed(deed)), Time::NEVER);
        let delay = self.plan.weather.request.draw(&mut self.rng);
        self.wait(call, delay, Happening::Arrives(call));
        Ticket(call)
    }

    /// Whether Docker is through with something done by hand, for better or worse.
    pub fn is_over(&self, ticket: Ticket) -> bool {
        self.calls.get(ticket.0).is_none()
    }

    fn send(&mut self, call: CallId) {
        let mut delay = self.way(call);
        let for_docker = self.calls.get(call).is_some_and(|sent| matches!(sent.request, Request::Docker(_)));
        if for_docker && self.lasts(Fault::Docker(DockerFault::Refuses)) {
            return self.settle_in(call, delay, Outcome::Unknown(Silence::Disconnected));
        }
        if for_docker && self.lasts(Fault::Docker(DockerFault::Slow)) {
            // DOCKER_TIMEOUT_S says how slow this Docker is at worst: what comes later than both questions after it
            // finds its name and its ports given to another.
            let slow = self.plan.weather.slow_docker.draw(&mut self.rng);
            delay += slow.min(2 * self.plan.settings.docker_timeout);
        }
        self.wait(call, delay, Happening::Arrives(call));
    }

    /// How long a request takes to whoever it is for.
    fn way(&mut self, call: CallId) -> Duration {
        let weather = &self.plan.weather;
        match self.calls.get(call).map(|sent| &sent.request) {
            Some(Request::Docker(_)) => weather.request.draw(&mut self.rng),
            Some(
                Request::Probe { .. } | Request::Open { .. } | Request::Stat { .. } | Request::Close { .. },
            ) => weather.probe.draw(&mut self.rng),
            Some(Request::Ask { .. } | Request::Tell { .. }) => weather.server.draw(&mut self.rng),
            None => Duration::ZERO,
        }
    }

    /// A request has reached whoever it was sent to.
    pub(super) fn arrive(&mut self, call: CallId) {
        let Some(arrived) = self.calls.get(call) else { return };
        match arrived.request.clone() {
            Request::Docker(_) => self.docker_receives(call),
            Request::Probe { engine, vpn, port } => self.probe_arrives(call, engine, vpn, port),
            Request::Ask { vpn, question } => self.question_arrives(call, vpn, question),
            Request::Tell { vpn, order } => self.order_arrives(call, vpn, order),
            Request::Open { session, at, content } => self.open_arrives(call, session, at, &content),
            Request::Stat { at, path } => self.stat_arrives(call, at, &path),
            Request::Close { at, path } => self.close_arrives(call, at, &path),
        }
    }

    /// Lets `happening` bring the call forward after `delay`, but never past its deadline unheard.
    pub(super) fn wait(&mut self, call: CallId, delay: Duration, happening: Happening) {
        let at = self.now + delay;
        if self.calls.get(call).is_some_and(|waiting| at > waiting.deadline) {
            self.guard(call);
        }
        self.queue.push(at, happening);
    }

    /// Sees to it that the caller hears something at the deadline, should nothing else happen by then.
    pub(super) fn guard(&mut self, call: CallId) {
        let Some(guarded) = self.calls.get_mut(call) else { return };
        let heard = matches!(guarded.caller, Caller::Acefleet(_));
        if heard && !guarded.guarded {
            guarded.guarded = true;
            self.queue.push(guarded.deadline, Happening::TimesOut(call));
        }
    }

    /// Whoever was asked is through with the call; its answer is now on its way.
    pub(super) fn settle(&mut self, call: CallId, outcome: Outcome) {
        let delay = self.way_back(call);
        self.settle_in(call, delay, outcome);
    }

    /// The same with the answer's way known.
    pub(super) fn settle_in(&mut self, call: CallId, delay: Duration, outcome: Outcome) {
        let Some(settled) = self.calls.get_mut(call) else { return };
        match settled.caller {
            Caller::Acefleet(_) => {
                settled.settled = true;
                self.tell(call, delay, outcome);
            }
            Caller::Gone | Caller::Person => {
                self.calls.open.remove(&call);
            }
        }
    }

    /// Acefleet will hear this, whatever becomes of the call. What it hears first, it hears.
    pub(super) fn tell(&mut self, call: CallId, delay: Duration, outcome: Outcome) {
        let Some(told) = self.calls.get_mut(call) else { return };
        if told.answer.is_none() {
            told.answer = Some(outcome);
            self.wait(call, delay, Happening::Answers(call));
        }
    }

    /// How long an answer to the call takes.
    pub(super) fn way_back(&mut self, call: CallId) -> Duration {
        let weather = &self.plan.weather;
        match self.calls.get(call).map(|answered| &answered.request) {
            Some(Request::Docker(_)) => {
                let way = weather.response.draw(&mut self.rng);
                let hiccup = self.rng.chance(weather.hiccup_percent);
                if hiccup { way + weather.hiccup.draw(&mut self.rng) } else { way }
            }
            Some(
                Request::Probe { .. } | Request::Open { .. } | Request::Stat { .. } | Request::Close { .. },
            ) => weather.probe.draw(&mut self.rng),
            Some(Request::Ask { .. } | Request::Tell { .. }) => weather.server.draw(&mut self.rng),
            None => Duration::ZERO,
        }
    }

    /// An answer reaches acefleet, if it still listens.
    pub(super) fn answer(&mut self, call: CallId) -> Option<Event> {
        let answered = self.calls.get_mut(call)?;
        let outcome = answered.answer.take()?;
        if answered.settled {
            let answered = self.calls.open.remove(&call)?;
            self.deliver(answered.caller, &answered.request, outcome)
        } else {
            let caller = std::mem::replace(&mut answered.caller, Caller::Gone);
            let request = answered.request.clone();
            self.deliver(caller, &request, outcome)
        }
    }

    /// A command's time is up. What changes something goes on unheard; the rest is forgotten.
    pub(super) fn time_out(&mut self, call: CallId) -> Option<Event> {
        let late = self.calls.get_mut(call)?;
        let outcome = match late.request {
            // The adapter's own deadline for an engine: no answer is an answer.
            Request::Probe { .. } => no_answer(),
            Request::Docker(_)
            | Request::Ask { .. }
            | Request::Tell { .. }
            | Request::Open { .. }
            | Request::Stat { .. }
            | Request::Close { .. } => Outcome::Unknown(Silence::TimedOut),
        };
        if late.settled || late.request.deed().is_none() {
            let late = self.calls.open.remove(&call)?;
            self.deliver(late.caller, &late.request, outcome)
        } else {
            late.answer = None;
            let caller = std::mem::replace(&mut late.caller, Caller::Gone);
            let request = late.request.clone();
            self.deliver(caller, &request, outcome)
        }
    }

    fn deliver(&mut self, caller: Caller, request: &Request, outcome: Outcome) -> Option<Event> {
        let Caller::Acefleet(op) = caller else { return None };
        let ending = Ending::of(&outcome);
        self.tally.count_ending(request, ending);
        self.trace.note(self.now, Who::Told, "-", ending.code(), Detail::Op(op));
        self.note_reading(request, &outcome);
        Some(Event::Finished { op, outcome })
    }

    /// Nobody listens any more; what changes something goes on all the same (D1).
    pub(super) fn drop_callers(&mut self) {
        let tally = &mut self.tally;
        self.calls.open.retain(|_, call| {
            if call.caller == Caller::Person {
                return true;
            }
            if matches!(call.caller, Caller::Acefleet(_)) {
                tally.count_ending(&call.request, Ending::Unheard);
            }
            call.caller = Caller::Gone;
            call.answer = None;
            !call.settled && call.request.deed().is_some()
        });
    }

    /// Docker's connections break: acefleet hears so, and Docker goes on with what it has received.
    pub(super) fn break_connections(&mut self) {
        let breaks =
            |call: &Call| matches!((call.caller, &call.request), (Caller::Acefleet(_), Request::Docker(_)));
        let open = self.calls.open.iter();
        let broken: Vec<CallId> = open.filter(|(_, call)| breaks(call)).map(|(id, _)| *id).collect();
        for call in broken {
            let delay = self.way_back(call);
            self.tell(call, delay, Outcome::Unknown(Silence::Disconnected));
        }
    }
}

/// An engine that did not answer.
pub(super) const fn no_answer() -> Outcome {
    Outcome::Done(Report::Probe(ProbeReport { answered: false, connected: None }))
}
