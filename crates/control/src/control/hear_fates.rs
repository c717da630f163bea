//! Hearing how operations that change containers ended, and finding out when nobody said.
//!
//! *Unknown* releases nothing: what an operation reserved stays reserved until an inspection decides.

use super::Control;
use crate::agenda::Wake;
use crate::canary::Canary;
use crate::command::Cause;
use crate::docker::{Facts, State};
use crate::engine::{Engine, Seat};
use crate::event::{Outcome, Refusal, Report};
use crate::ids::{ContainerId, OpId};
use crate::journal::{Expect, Subject, What, Why};
use crate::mark::Mark;
use crate::operation::{Creation, Fate, Operation, Task};
use crate::time::Time;
use alloc::vec;
use core::time::Duration;

/// Inspections that must find nothing until an operation of unknown fate is given up.
const ABSENCES_TO_RELEASE: u32 = 2;
/// The wait after an unexplained error before its operation's fate is asked for.
const FATE_WAIT: Duration = Duration::from_secs(1);

impl Control {
    pub(super) fn hear_create(&mut self, operation: &Operation, creation: Creation<'_>, outcome: Outcome) {
        let op = operation.id;
        let subject = subject_of(creation);
        match outcome {
            Outcome::Done(Report::Created(id)) => {
                self.meet_created(id, operation, creation);
                self.fleet.operations.settle(op);
                self.dirty = true;
            }
            Outcome::Refused(refusal) if !matches!(refusal, Refusal::Unexplained(_)) => {
                self.fleet.operations.settle(op);
                match creation {
                    Creation::Engine(create) => {
                        self.create_retry.refused(self.now);
                        self.attempt_refused(op, create, &refusal);
                    }
                    // It says nothing of engines: its image is another one, and its ports were its client's choice.
                    Creation::Other(_) => self.fail_order(op, &refusal),
                }
                self.write(subject, What::Refused("creation", op), vec![Why::Said(refusal)], Expect::Nothing);
                // The name or the port is somebody's that we do not know: look before the next attempt.
                self.agenda.set_earlier(Wake::List, self.now);
                self.dirty = true;
            }
            Outcome::Done(_) | Outcome::Refused(_) | Outcome::Unknown(_) => {
                if matches!((&outcome, creation), (Outcome::Refused(_), Creation::Engine(_))) {
                    self.create_retry.refused(self.now);
                }
                self.write(subject, What::FateUnknown("creation", op), vec![], Expect::Nothing);
                self.doubt_fate(op, &outcome);
            }
        }
    }

    /// A container exists because we created it, whether or not Docker has told of it already.
    fn meet_created(&mut self, id: ContainerId, operation: &Operation, creation: Creation<'_>) {
        if self.fleet.engines.contains_key(&id) || self.fleet.gone.contains_key(&id) {
            return;
        }
        let engine = match creation {
            Creation::Engine(create) => {
                let vpn = create.vpn.map(|vpn| self.fleet.vpn(vpn));
                Engine::created(id, create, vpn, operation, self.now)
            }
            Creation::Other(create) => {
                let seat = if self.fleet.vpns.is_empty() { Seat::Own } else { Seat::Elsewhere };
                Engine::created_other(id, create, seat, operation.id, self.now)
            }
        };
        self.fleet.engines.insert(id, engine);
        // What an earlier life had created may have arrived meanwhile, with the same ports.
        self.newcomers = true;
    }

    pub(super) fn hear_change(&mut self, operation: &Operation, id: ContainerId, outcome: Outcome) {
        let (op, now) = (operation.id, self.now);
        let verb = verb(&operation.task);
        let Some(engine) = self.fleet.engines.get_mut(&id) else {
            self.fleet.operations.settle(op);
            return;
        };
        let subject = engine.subject();
        engine.touched = now;
        self.dirty = true;
        match outcome {
            Outcome::Done(_) => {
                engine.operation = None;
                engine.retry.succeeded();
                self.fleet.operations.settle(op);
                if matches!(operation.task, Task::Remove(_)) {
                    return self.forget(id);
                }
                if operation.cause == Cause::Created {
                    self.create_retry.succeeded();
                }
                if matches!(operation.task, Task::Stop(_)) {
                    engine.observe_state(State::Exited, now);
                } else {
                    engine.assume_started(now);
                }
                if !self.sabotage.is(Canary::HidesSilently) {
                    self.look_at(id, Cause::SomethingChanged);
                }
            }
            Outcome::Refused(refusal) if !matches!(refusal, Refusal::Unexplained(_)) => {
                engine.operation = None;
                // A restart that was refused half-way has stopped it all the same: it has to be looked at.
                engine.inspected = None;
                engine.retry.refused(now);
                let (born_of, other) = (engine.created_by, !engine.is_engine());
                let published = engine.ports.filter(|_| engine.seat == Seat::Own);
                if matches!(operation.task, Task::Start(_)) {
                    self.marks.hit(Mark::StartFailedRemoved);
                    engine.condemned = Some(Cause::StartFailed);
                    engine.retry.succeeded();
                    let vpn_is_to_blame =
                        matches!(refusal, Refusal::NetworkNotRunning | Refusal::NoSuchContainer);
                    if let Some(born_of) = born_of.filter(|_| other) {
                        self.fail_order(born_of, &refusal);
                    }
                    if operation.cause == Cause::Created && !vpn_is_to_blame {
                        // Another one would hardly fare better: the port is taken, or the runtime is broken.
                        self.create_retry.refused(now);
                        if let Some(born_of) = born_of {
                            self.attempt_failed(born_of, Why::Said(refusal.clone()));
                        }
                    }
                }
                if let (Refusal::PortTaken, Some(ports)) = (&refusal, published) {
                    self.fleet.pass_over(ports, now);
                }
                self.fleet.operations.settle(op);
                let gone = refusal == Refusal::NoSuchContainer && matches!(operation.task, Task::Remove(_));
                self.write(subject, What::Refused(verb, op), vec![Why::Said(refusal)], Expect::Nothing);
                if gone {
                    self.forget(id);
                } else {
                    self.look_at(id, Cause::SomethingChanged);
                }
            }
            Outcome::Refused(_) | Outcome::Unknown(_) => {
                self.write(subject, What::FateUnknown(verb, op), vec![], Expect::Nothing);
                self.doubt_fate(op, &outcome);
            }
        }
    }

    /// Nobody knows whether an operation was, or will be, carried out: it keeps what it reserved until an
    /// inspection decides.
    fn doubt_fate(&mut self, op: OpId, outcome: &Outcome) {
        if self.sabotage.is(Canary::UnknownReleases) {
            self.fleet.operations.settle(op);
            return;
        }
        if let Some(operation) = self.fleet.operations.get_mut(op) {
            operation.fate = Fate::Unknown { absences: 0 };
        }
        // After an error Docker may be at it still; after a silence it has had all the time there is.
        let wait = if matches!(outcome, Outcome::Refused(_)) { FATE_WAIT } else { Duration::ZERO };
        self.agenda.set(Wake::AskFate(op), self.now + wait);
    }

    /// An inspection decides the fate of an operation that was not answered.
    pub(super) fn settle_change(&mut self, facts: &Facts, asked: Time) {
        let id = facts.listed.id;
        let Some(engine) = self.fleet.engines.get_mut(&id) else { return };
        let Some((op, _)) = engine.operation else { return };
        let Some(operation) = self.fleet.operations.get(op) else { return };
        if operation.fate == Fate::Open || asked < engine.touched {
            return;
        }
        self.marks.hit(Mark::UnknownFound);
        let failed_start = matches!(operation.task, Task::Start(_)) && !facts.listed.state.has_network();
        engine.operation = None;
        if failed_start {
            self.marks.hit(Mark::StartFailedRemoved);
            engine.condemned = Some(Cause::StartFailed);
        } else if matches!(operation.task, Task::Stop(_) | Task::Remove(_))
            || facts.started_at == engine.started_at
        {
            // It has had no effect that shows. Before it is repeated it gets time to.
            engine.retry.refused(self.now);
        }
        let subject = engine.subject();
        self.fleet.operations.settle(op);
        self.agenda.clear(Wake::AskFate(op));
        self.write(subject, What::FateFound(op), vec![], Expect::Nothing);
        self.dirty = true;
    }

    /// An inspection by name tells of a creation that was not answered.
    pub(super) fn hear_fate(&mut self, op: OpId, outcome: Outcome, asked: Time) {
        let Some(operation) = self.fleet.operations.get(op).cloned() else { return };
        let Some(creation) = operation.creation() else { return };
        let subject = subject_of(creation);
        match outcome {
            Outcome::Done(Report::Found(facts)) => {
                let born_of = facts.listed.labels.meaning().operation;
                // Whoever has the name has it from now on.
                if facts.listed.ours {
                    self.believe_facts(&facts, asked);
                } else {
                    self.note_stranger(&facts.listed, asked);
                }
                if born_of != Some(op) {
                    // Ours cannot have been created.
                    self.marks.hit(Mark::UnknownReleased);
                    self.write(subject, What::FateReleased(op), vec![], expect_of(creation));
                    if matches!(creation, Creation::Engine(_)) {
                        self.create_retry.refused(self.now);
                    }
                    self.agenda.set_earlier(Wake::List, self.now);
                }
                self.fleet.operations.settle(op);
                self.dirty = true;
            }
            Outcome::Done(Report::Absent) => self.hear_fate_absent(op, subject, expect_of(creation)),
            Outcome::Done(_) | Outcome::Refused(_) | Outcome::Unknown(_) => {
                self.agenda.set(Wake::AskFate(op), self.now + self.settings.ping_interval);
            }
        }
    }

    fn hear_fate_absent(&mut self, op: OpId, subject: Subject, expect: Expect) {
        let again = self.now + self.settings.docker_timeout;
        let Some(operation) = self.fleet.operations.get_mut(op) else { return };
        let Fate::Unknown { absences } = &mut operation.fate else { return };
        *absences += 1;
        if *absences < ABSENCES_TO_RELEASE {
            self.marks.hit(Mark::UnknownAbsent);
            self.agenda.set(Wake::AskFate(op), again);
            return;
        }
        self.marks.hit(Mark::UnknownReleased);
        self.fleet.operations.settle(op);
        self.write(subject, What::FateReleased(op), vec![], expect);
        self.dirty = true;
    }
}

fn subject_of(creation: Creation<'_>) -> Subject {
    match creation {
        Creation::Engine(create) => Subject::Engine(None, create.name.clone()),
        Creation::Other(create) => Subject::Container(None, create.name.clone()),
    }
}

/// What follows if it was never created.
const fn expect_of(creation: Creation<'_>) -> Expect {
    match creation {
        Creation::Engine(_) => Expect::Refill,
        Creation::Other(_) => Expect::Nothing,
    }
}

fn verb(task: &Task) -> &'static str {
    match task {
        Task::Start(_) => "start",
        Task::Restart(_) => "restart",
        Task::Remove(_) => "removal",
        Task::Create(_) | Task::CreateOther(_) => "creation",
        Task::Stop(_) => "stop",
        Task::ClearCache(_) => "clearing the cache",
        Task::MendVpn(_) => "mending",
        Task::Tell(_) => "order",
        Task::Open(_) => "opening a session",
        Task::Close => "closing a session",
        Task::Ping
        | Task::List
        | Task::InspectVpn(_)
        | Task::InspectContainer(_)
        | Task::InspectFate(_)
        | Task::AskSession(_)
        | Task::Probe { .. }
        | Task::Ask { .. } => "question",
    }
}
