//! Hearing of containers of ours: first sight, inspections, answers to probes, and the end.

use super::Control;
use crate::agenda::Wake;
use crate::command::Cause;
use crate::docker::{Facts, Listed, State};
use crate::engine::Engine;
use crate::event::{Outcome, ProbeReport, Report};
use crate::ids::{ContainerId, OpId, VpnId};
use crate::journal::{Expect, What, Why};
use crate::mark::Mark;
use crate::operation::Fate;
use crate::policy::offering::Standing;
use crate::time::{Stamp, Time};
use alloc::vec;
use alloc::vec::Vec;

impl Control {
    /// A container of ours is seen for the first time.
    pub(super) fn meet(&mut self, listed: &Listed) {
        let mut engine = Engine::new(listed, self.fleet.seat_of(listed), self.now);
        let subject = engine.subject();
        let creation = engine
            .created_by
            .and_then(|op| self.fleet.operations.get(op))
            .map(|operation| (operation.id, operation.cause, operation.fate));
        match creation {
            // It holds now what the operation that creates it had reserved.
            Some((op, cause, fate)) => {
                engine.witness = cause == Cause::WitnessNeeded;
                self.fleet.operations.hand_over(op);
                if fate != Fate::Open {
                    self.marks.hit(Mark::UnknownFound);
                    self.fleet.operations.settle(op);
                    self.agenda.clear(Wake::AskFate(op));
                    self.write(subject.clone(), What::FateFound(op), vec![], Expect::Nothing);
                }
            }
            None if self.sight.opening => {
                engine.adopted = true;
                let vpn = self.fleet.vpn_of(&engine).map(|vpn| vpn.name().clone());
                self.write(subject.clone(), What::Adopted { vpn }, vec![], Expect::Nothing);
            }
            None => {
                // What an operation of an earlier life created and nobody knows of is kept or removed as it is needed.
                engine.unexpected = engine.created_by.is_some();
                // What we created ourselves says so.
                let foreign = engine.created_by.is_none();
                let why = foreign.then_some(Why::ForeignHand).into_iter().collect();
                self.write(subject.clone(), What::Appeared, why, Expect::Nothing);
                if foreign {
                    self.foreign_act();
                }
            }
        }
        if !engine.is_engine() && !engine.is_other() {
            self.write(subject, What::LabelsGarbled, vec![], Expect::Nothing);
        }
        self.newcomers |= creation.is_none();
        let id = engine.id;
        self.fleet.engines.insert(id, engine);
        let of_it: Vec<_> = self.remembered.extract_if(.., |remembered| remembered.engine == id).collect();
        of_it.into_iter().for_each(|remembered| self.adopt_stream(remembered));
        self.dirty = true;
    }

    pub(super) fn hear_container(&mut self, id: ContainerId, outcome: Outcome, asked: Time) {
        let stirred = self.curious.remove(&id).flatten();
        let mut again = false;
        if let Some(engine) = self.fleet.engines.get_mut(&id) {
            engine.inspecting = None;
            again = core::mem::take(&mut engine.look_again);
        }
        self.sighted_engine(id, asked);
        match outcome {
            Outcome::Done(Report::Found(facts)) => self.believe_facts(&facts, asked),
            Outcome::Done(Report::Absent) => self.forget(id),
            Outcome::Done(_) | Outcome::Refused(_) | Outcome::Unknown(_) => self.look_again(id),
        }
        if let Some(stirred) = stirred
            && let Some(engine) = self.fleet.engines.get_mut(&id)
        {
            // Something happened to it while it was looked at for the first time: the look may be from before.
            engine.touched = engine.touched.max(stirred);
            engine.inspected = None;
            again = true;
        }
        if again && self.fleet.engines.contains_key(&id) {
            self.look_at(id, Cause::SomethingChanged);
        }
    }

    pub(super) fn believe_facts(&mut self, facts: &Facts, asked: Time) {
        let id = facts.listed.id;
        if self.fleet.vpn_named(&facts.listed.name).is_some() || self.fleet.was_gone(id, asked) {
            return;
        }
        if !self.fleet.engines.contains_key(&id) {
            if !facts.listed.ours {
                return;
            }
            self.meet(&facts.listed);
        }
        self.settle_change(facts, asked);
        let Some(engine) = self.fleet.engines.get_mut(&id) else { return };
        if !engine.believes(asked) {
            self.marks.hit(Mark::StaleReading);
            // While an operation may still be answered there is no need: its end is looked at anyway.
            let awaited = engine.operation.and_then(|(op, _)| self.fleet.operations.get(op));
            if awaited.is_none_or(|operation| operation.fate != Fate::Open) {
                self.look_at(id, Cause::SomethingChanged);
            }
            return;
        }
        let first = engine.inspected.is_none();
        // A decision about a hidden engine may have waited for nothing but this look.
        let hidden = engine.standing != Standing::Offered;
        let process = engine.started_at;
        let known_to_run = engine.inspected.is_some() && engine.state.has_network();
        self.dirty |= engine.observe_facts(facts, asked, self.now) || first || hidden;
        if engine.state.has_network() && engine.unexpected {
            // Somebody has started it: it is there to be used.
            engine.unexpected = false;
        }
        if known_to_run && process.is_some() && engine.started_at != process {
            // It was started anew and nobody told of its end: that was an exit all the same.
            self.marks.hit(Mark::ExitUnheard);
            engine.note_exit(self.now);
        }
        if engine.started_at != process {
            // Another process: the question that is due was for the one before.
            self.agenda.clear(Wake::Probe(id));
        }
        if core::mem::take(&mut engine.adopted) && engine.state == State::Running {
            // It ran before acefleet did, and is offered until it fails to answer. That it has ever worked is known
            // only of one that was not just being started: silence of engines that boot says nothing.
            self.marks.hit(Mark::AdoptedAtOnce);
            engine.answers.proven = true;
            engine.answers.trusted = true;
            let running_since = engine.started_at.map_or(self.now, |started| self.now.of_stamp(started));
            engine.answers.worked = self.now.since(running_since) >= self.settings.boot_allowance();
        }
    }

    pub(super) fn forget(&mut self, id: ContainerId) {
        self.agenda.clear(Wake::Probe(id));
        self.agenda.clear(Wake::Look(id));
        self.unsighted_engine(id);
        let Some(engine) = self.fleet.engines.remove(&id) else { return };
        let foreign = self.gone_by_others(&engine);
        if let Some((op, _)) = engine.operation {
            // Its end will find nothing to change any more.
            self.fleet.operations.settle(op);
            self.agenda.clear(Wake::AskFate(op));
        }
        self.fleet.gone.insert(id, self.now);
        let asked = engine.request.map(Why::Request);
        let why = [foreign.then_some(Why::ForeignHand), asked].into_iter().flatten().collect();
        let subject = engine.subject();
        self.write(subject.clone(), What::Gone, why, Expect::Nothing);
        if let Some(op) = engine.request {
            self.request_over(subject, op, Why::Reason("it is gone"));
        }
        if foreign {
            self.foreign_act();
        }
        self.dirty = true;
    }

    pub(super) fn hear_probe(
        &mut self,
        op: OpId,
        id: ContainerId,
        started_at: Option<Stamp>,
        epoch: Option<(VpnId, u32)>,
        outcome: &Outcome,
        asked: Time,
    ) {
        let current = epoch.is_none_or(|(vpn, epoch)| self.fleet.vpn(vpn).network_epoch == epoch);
        let report = match outcome {
            Outcome::Done(Report::Probe(report)) => *report,
            Outcome::Done(_) | Outcome::Refused(_) | Outcome::Unknown(_) => {
                ProbeReport { answered: false, connected: None }
            }
        };
        let (mut routine, mut silent) = (false, false);
        if let Some(engine) = self.fleet.engines.get_mut(&id) {
            routine = engine.answers.asking == Some(op);
            if routine {
                engine.answers.asking = None;
            }
            if current && engine.started_at == started_at && engine.state == State::Running {
                let trusted = engine.answers.proven;
                self.dirty |= engine.observe_answer(report, asked, routine);
                self.heard |= report.answered;
                if engine.answers.failures >= self.settings.health_failure_threshold {
                    engine.answers.unhealthy_since.get_or_insert(self.now);
                }
                if trusted && !engine.answers.proven {
                    self.marks.hit(Mark::AdoptedUnproven);
                }
                silent = trusted && !report.answered;
            } else {
                self.marks.hit(Mark::StaleEpoch);
            }
        }
        if silent {
            // It may have been restarted and nobody told.
            self.look_at(id, Cause::SomethingChanged);
        }
        if let Some((vpn, _)) = epoch {
            self.count_in_check(vpn, op, id, report);
        }
        if routine {
            self.schedule_probe(id);
        }
    }

    /// An answer that a double check waits for.
    fn count_in_check(&mut self, id: VpnId, op: OpId, engine: ContainerId, report: ProbeReport) {
        let Some(check) = &mut self.fleet.vpn_mut(id).check else { return };
        if !check.open.remove(&op) {
            return;
        }
        match report.connected {
            Some(true) => {
                check.connected += 1;
                check.voucher.get_or_insert(engine);
            }
            Some(false) => {}
            None => check.silent.push(engine),
        }
        self.dirty = true;
    }
}
