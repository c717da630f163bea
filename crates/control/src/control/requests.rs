//! Requests of outside programs and people: each gets exactly one answer.
//!
//! What is asked for is noted where the policies look, and they see to it: nothing is done to a container here.
//! Engines that clients ask for are in `orders`.

use super::Control;
use super::orders::Wish;
use crate::command::Cause;
use crate::engine::{Changing, Engine};
use crate::ids::{ContainerId, OpId, RequestId, VpnId};
use crate::journal::{Expect, Subject, What, Why};
use crate::mark::Mark;
use crate::request::{Reply, Request};
use crate::snapshot::PassiveWhy;
use crate::vpn::Vpn;
use alloc::format;
use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

impl Control {
    pub(super) fn hear_request(&mut self, request: RequestId, what: &Request) {
        if let Some(reply) = self.comes_too_late(what) {
            return self.answer(request, reply);
        }
        let reply = match what {
            Request::Provision(wanted) => return self.hear_order(request, Wish::Engine(wanted.clone())),
            Request::ProvisionOther(wanted) => return self.hear_order(request, Wish::Other(wanted.clone())),
            Request::Scale(minimum) => self.scale(*minimum),
            Request::CollectGarbage => self.collect_garbage(),
            Request::Delete(id) => self.delete(*id),
            Request::Drain(id) => self.drain(*id),
            Request::Undrain(id) => self.undrain(*id),
            Request::Replace(id) => self.replace(*id),
            Request::BounceVpn(vpn) => self.mend(*vpn, "bouncing", Self::bounce_vpn),
            Request::RestartVpn(vpn) => self.mend(*vpn, "restarting", Self::restart_vpn),
            Request::DrainVpn(vpn) => self.drain_vpn(*vpn),
            Request::UndrainVpn(vpn) => self.undrain_vpn(*vpn),
            Request::StreamStarted(announcement) => self.hear_announced(announcement),
            Request::StreamEnded(ending) => self.hear_ended(ending),
            Request::StopStream(id) => self.stop_stream(id),
            Request::MoveStream { stream, engine } => self.move_stream(stream, *engine),
            Request::ResetBreaker(which) => {
                self.reset_breakers(*which);
                Reply::Done
            }
        };
        if matches!(reply, Reply::Refused { .. }) {
            self.marks.hit(Mark::RequestImpossible);
        }
        self.answer(request, reply);
    }

    /// A VPN is given no new engines, and those that it has go as they are idle. The others take over, so there has to
    /// be another.
    fn drain_vpn(&mut self, id: VpnId) -> Reply {
        if !self.knows_vpn(id) {
            return Reply::NotFound;
        }
        if self.fleet.vpn(id).draining.is_some() {
            return refused("already_draining", "it is being drained already; undrain it to use it again");
        }
        let others = |vpn: &&Vpn| vpn.id != id && vpn.draining.is_none() && !vpn.is_failed();
        if !self.fleet.vpns.iter().any(|vpn| others(&vpn)) {
            return refused("last_vpn", "no other VPN could take over: mend or undrain another one first");
        }
        let op = self.accept(self.vpn_subject(id), "draining", Expect::Nothing);
        let vpn = self.fleet.vpn_mut(id);
        vpn.draining = Some(op);
        vpn.drained = false;
        Reply::Accepted(op)
    }

    /// A VPN that was drained is used again; engines of it that have not gone yet stay.
    fn undrain_vpn(&mut self, id: VpnId) -> Reply {
        if !self.knows_vpn(id) {
            return Reply::NotFound;
        }
        let vpn = self.fleet.vpn_mut(id);
        let Some(drain) = vpn.draining.take() else {
            return refused("not_drained", "it is not being drained: there is nothing to undo");
        };
        let told = vpn.drained;
        let op = self.accept(self.vpn_subject(id), "undraining", Expect::Refill);
        let used_again = Why::Reason("it is used again");
        if !told {
            self.request_over(self.vpn_subject(id), drain, used_again.clone());
        }
        self.request_over(self.vpn_subject(id), op, used_again);
        Reply::Accepted(op)
    }

    const fn knows_vpn(&self, vpn: VpnId) -> bool {
        vpn.index() < self.fleet.vpns.len()
    }

    /// Something is done to a VPN because a person asks for it.
    fn mend(
        &mut self,
        vpn: VpnId,
        what: &'static str,
        how: fn(&mut Self, VpnId, Cause) -> Option<OpId>,
    ) -> Reply {
        if !self.knows_vpn(vpn) {
            return Reply::NotFound;
        }
        if let Some(reply) = self.unavailable() {
            return reply;
        }
        let Some(op) = how(self, vpn, Cause::Operator) else {
            let why = "a VPN is being mended already, or this one has no container: try again in a minute";
            return refused("vpn_busy", why);
        };
        self.fleet.vpn_mut(vpn).request = Some(op);
        self.write(self.vpn_subject(vpn), What::Requested(what, op), vec![], Expect::Nothing);
        Reply::Accepted(op)
    }

    /// Why nothing that changes a container can be begun now.
    fn unavailable(&self) -> Option<Reply> {
        if let Some(passive) = self.passive() {
            let why = match passive.why {
                PassiveWhy::ForeignHand => {
                    "passive, because somebody else creates and removes our containers: stop that first"
                }
                PassiveWhy::Rebuilds => {
                    "passive, because acefleet's core has broken several times: try again in ten minutes, and report \
                     what the journal says of it"
                }
            };
            return Some(Reply::Unavailable(why.to_string()));
        }
        let blind = !self.docker.reachable() || !self.sight.clear();
        blind.then(|| Reply::Unavailable("Docker does not answer: try again when it does".to_string()))
    }

    /// An id for what follows from a request, so that it can be followed in the journal.
    pub(super) fn accept(&mut self, subject: Subject, what: &'static str, expect: Expect) -> OpId {
        self.sequence += 1;
        let op = OpId { life: self.life, seq: self.sequence };
        self.write(subject, What::Requested(what, op), vec![], expect);
        self.dirty = true;
        op
    }

    /// Nothing further follows from a request.
    pub(super) fn request_over(&mut self, subject: Subject, op: OpId, why: Why) {
        self.write(subject, What::RequestOver(op), vec![why], Expect::Nothing);
    }

    /// What a person asked for last about an engine is what its end follows from.
    fn follow(&mut self, id: ContainerId, op: OpId) {
        let Some(subject) = self.subject_of(id) else { return };
        let before = self.fleet.engines.get_mut(&id).and_then(|engine| engine.request.replace(op));
        if let Some(before) = before {
            self.request_over(subject, before, Why::Reason("something else was asked for"));
        }
    }

    fn subject_of(&self, id: ContainerId) -> Option<Subject> {
        self.fleet.engines.get(&id).map(Engine::subject)
    }

    /// The minimum is another one, within the limit; what is then too much and idle goes now.
    fn scale(&mut self, minimum: usize) -> Reply {
        let (_, limit) = self.targets();
        let minimum = minimum.min(limit);
        self.settings.min_replicas = minimum;
        self.idle_review = Some(Duration::ZERO);
        self.write(Subject::Fleet, What::ScaledTo(minimum), vec![], Expect::Nothing);
        self.dirty = true;
        Reply::ScaledTo(minimum)
    }

    fn collect_garbage(&mut self) -> Reply {
        self.idle_review = Some(Duration::ZERO);
        self.dirty = true;
        Reply::Done
    }

    /// A container of ours goes, whatever it does.
    fn delete(&mut self, id: ContainerId) -> Reply {
        let Some(subject) = self.subject_of(id) else { return Reply::NotFound };
        if let Some(reply) = self.unavailable() {
            return reply;
        }
        self.marks.hit(Mark::OperatorRemoves);
        let op = self.accept(subject, "removal", Expect::Removal);
        self.follow(id, op);
        if let Some(engine) = self.fleet.engines.get_mut(&id) {
            engine.condemned = Some(Cause::Operator);
        }
        Reply::Accepted(op)
    }

    /// Containers that a person has asked to be removed are. `repair` sees to engines that have to go for other
    /// reasons; this to whatever else is ours.
    pub(super) fn carry_out_deletions(&mut self) {
        let goes = |engine: &Engine| {
            engine.condemned.filter(|cause| *cause == Cause::Operator || !engine.is_engine())
        };
        let due = self.fleet.engines.values().filter_map(|engine| {
            let free = engine.operation.is_none() && engine.retry.wait(self.now).is_none();
            Some((engine.id, goes(engine).filter(|_| free)?))
        });
        for (id, cause) in due.collect::<Vec<_>>() {
            self.apply(id, Changing::Removing, cause);
        }
        let waits = self.fleet.engines.values().filter(|engine| goes(engine).is_some());
        let next = waits.filter_map(|engine| engine.retry.wait(self.now)).min();
        if let Some(at) = next {
            self.wake_to_decide(at);
        }
    }

    /// Why an engine cannot be handed off.
    fn cannot_leave(&self, id: ContainerId) -> Option<Reply> {
        let Some(engine) = self.fleet.engines.get(&id) else { return Some(Reply::NotFound) };
        if !engine.is_engine() {
            return Some(refused("no_engine", "it is a container of ours and no engine: it can be deleted"));
        }
        if engine.condemned.is_some() {
            return Some(refused("already_going", "it is being removed already: wait until it is gone"));
        }
        if engine.leaving.is_some() {
            return Some(refused("already_draining", "it is on its way out already; undrain it to keep it"));
        }
        None
    }

    fn drain(&mut self, id: ContainerId) -> Reply {
        if let Some(reply) = self.cannot_leave(id) {
            return reply;
        }
        self.leave(id, "draining").map_or(Reply::NotFound, Reply::Accepted)
    }

    fn leave(&mut self, id: ContainerId, what: &'static str) -> Option<OpId> {
        let subject = self.subject_of(id)?;
        let op = self.accept(subject, what, Expect::GoneAt(self.now + self.settings.handoff));
        self.follow(id, op);
        self.hand_off(id, Cause::Operator);
        Some(op)
    }

    fn undrain(&mut self, id: ContainerId) -> Reply {
        let Some(engine) = self.fleet.engines.get(&id) else { return Reply::NotFound };
        let subject = Subject::Engine(Some(id), engine.name.clone());
        if engine.condemned.is_some() {
            return refused("already_going", "it is being removed: it is too late to keep it");
        }
        match engine.leaving.map(|leaving| leaving.cause) {
            Some(Cause::Operator) => {}
            Some(cause) => {
                let message = format!("it is on its way out because {cause}, and not because of a person");
                return Reply::Refused { code: "not_drained", message: Arc::from(message) };
            }
            None => return refused("not_drained", "it is not on its way out: there is nothing to undo"),
        }
        let op = self.accept(subject.clone(), "keeping", Expect::Nothing);
        self.call_back(id, Why::Request(op));
        let drain = self.fleet.engines.get_mut(&id).and_then(|engine| engine.request.take());
        for over in [drain, Some(op)].into_iter().flatten() {
            self.request_over(subject.clone(), over, Why::Reason("it stays"));
        }
        Reply::Accepted(op)
    }

    /// A new engine is created beside it if there is room; it leaves meanwhile. At a limit the order turns round:
    /// what is missing is created when it is gone.
    fn replace(&mut self, id: ContainerId) -> Reply {
        if let Some(reply) = self.cannot_leave(id).or_else(|| self.unavailable()) {
            return reply;
        }
        let (_, limit) = self.targets();
        let mut room = self.room(limit);
        let engine = self.fleet.engines.get(&id);
        let vpn = engine.and_then(|engine| engine.seat.vpn());
        let healthy = vpn.map_or(self.fleet.vpns.is_empty(), |vpn| self.fleet.vpn(vpn).is_healthy());
        let Some(op) = self.leave(id, "replacement") else { return Reply::NotFound };
        if healthy && self.may_provision(&room) {
            self.create_on(vpn, Cause::Operator, &mut room, Some(&Why::Request(op)));
        }
        Reply::Accepted(op)
    }
}

/// A refusal that says what to do.
pub(super) fn refused(code: &'static str, message: &'static str) -> Reply {
    Reply::Refused { code, message: Arc::from(message) }
}
