//! Deciding: from what is believed to what is to be done. Level-triggered: everything is decided anew from the
//! whole of what is believed, so nothing depends on having heard of a change.
//!
//! The policies say what; this asks them in order, and keeps what was decided. VPNs are judged in `judge`,
//! creations decided in `create`.

use super::Control;
use crate::agenda::Wake;
use crate::canary::Canary;
use crate::command::Cause;
use crate::engine::{Changing, EXITS_REMEMBERED, Engine};
use crate::ids::{ContainerId, VpnId};
use crate::journal::{Expect, Subject, What, Why};
use crate::mark::Mark;
use crate::policy::offering::{self, Reason, Standing};
use crate::policy::repair::{self, Remedy, Surroundings};
use crate::policy::{failover, naming};
use crate::time::Time;
use alloc::vec;
use alloc::vec::Vec;

impl Control {
    pub(super) fn decide(&mut self) {
        let in_sight = self.in_sight();
        if self.sight.opening {
            self.refuse_who_waits();
            return;
        }
        let mut evidence = self.gather_evidence();
        if self.suspect_oneself(&evidence) {
            evidence = self.gather_evidence();
        }
        for (at, evidence) in evidence.iter().enumerate() {
            self.judge_vpn(self.fleet.vpns[at].id, evidence);
        }
        self.judge_emergency();
        self.judge_mending();
        self.review_attempts();
        let free = in_sight && self.has_free_hand();
        let may_act = free && !self.is_leaving();
        if may_act {
            self.settle_clashes();
        }
        if !self.is_leaving() {
            self.judge_ports();
            self.judge_leaving();
        }
        let remedies = self.judge_engines();
        if may_act {
            self.carry_out(remedies);
        }
        if free {
            self.take_engines_along();
        }
        self.seat_streams();
        if may_act {
            self.mend_vpns();
            self.see_to_others();
            self.carry_out_deletions();
        }
        self.serve_orders(may_act);
        if may_act {
            self.create_what_is_missing();
        }
        self.clear_caches(may_act);
        self.refuse_who_waits();
    }

    /// Decides anew which engines are offered, and what is to be done about the others.
    fn judge_engines(&mut self) -> Vec<(ContainerId, Remedy)> {
        let healthy_since = failover::healthy_since(&self.fleet.vpns);
        let mut remedies = Vec::new();
        let mut told = Vec::new();
        let mut wake_at = Time::NEVER;
        let Self { fleet, settings, marks, blind, now, sabotage, agenda, .. } = self;
        // Both are in the order of ids, so that one walk finds who is asked already.
        let mut probed = agenda.probed().peekable();
        let mut probes = Vec::new();
        for engine in fleet.engines.values_mut() {
            let vpn = engine.seat.vpn().map(|vpn| &fleet.vpns[vpn.index()]);
            let mut standing = offering::standing(engine, vpn, *blind, settings);
            if let Standing::Hidden(reason) = standing {
                let broken = match reason {
                    Reason::Stranded => sabotage.is(Canary::StrandedIsFine),
                    _ => false,
                };
                if broken {
                    standing = Standing::Offered;
                }
            }
            if engine.stand(standing, *now) {
                told.push((engine.id, engine.name.clone(), standing));
            }
            let around = Surroundings { vpn, healthy_since, blind: *blind, now: *now, settings, marks };
            let remedy = repair::remedy(engine, around);
            match remedy {
                Remedy::Wait(next) => {
                    engine.next_step = next;
                    wake_at = wake_at.min(next.unwrap_or(Time::NEVER));
                }
                Remedy::LookAtEngine
                | Remedy::LookAtVpn
                | Remedy::Start(_)
                | Remedy::Restart(_)
                | Remedy::Remove(_)
                | Remedy::Stop(_)
                | Remedy::Replace
                | Remedy::GiveUpHeld
                | Remedy::RestartOwed => {
                    engine.next_step = None;
                    remedies.push((engine.id, remedy));
                }
            }
            while probed.next_if(|id| *id < engine.id).is_some() {}
            let scheduled = probed.next_if_eq(&engine.id).is_some() || engine.answers.asking.is_some();
            let reachable = offering::can_be_probed(engine, vpn);
            if reachable != scheduled {
                probes.push((engine.id, reachable));
            }
        }
        drop(probed);
        // An engine that can be asked is asked; the others are not.
        for (id, reachable) in probes {
            let wake = Wake::Probe(id);
            if reachable { agenda.set(wake, *now) } else { agenda.clear(wake) }
        }
        for (id, name, standing) in told {
            let subject = Subject::Engine(Some(id), name);
            match standing {
                Standing::Offered => self.write(subject, What::Offered, vec![], Expect::Nothing),
                Standing::Hidden(reason) => {
                    let why = vec![Why::Reason(reason.describe())];
                    self.write(subject, What::Hidden, why, Expect::Nothing);
                }
            }
        }
        self.wake_to_decide(wake_at);
        remedies
    }

    /// Decides again at a moment that is yet to come. What is due already has just been decided.
    pub(super) fn wake_to_decide(&mut self, at: Time) {
        if at > self.now && at != Time::NEVER {
            self.agenda.set_earlier(Wake::Decide, at);
        }
    }

    fn carry_out(&mut self, remedies: Vec<(ContainerId, Remedy)>) {
        let mut held = vec![Vec::new(); self.fleet.vpns.len()];
        let mut unhealthy = Vec::new();
        let mut owed = vec![Vec::new(); self.fleet.vpns.len()];
        for (id, remedy) in remedies {
            let seat = self.fleet.engines.get(&id).and_then(|engine| engine.seat.vpn());
            match remedy {
                Remedy::Wait(_) => {}
                Remedy::LookAtEngine => self.look_before_acting(id),
                Remedy::LookAtVpn => {
                    if let Some(vpn) = seat {
                        self.inspect_vpn(vpn, Cause::SomethingChanged);
                    }
                }
                Remedy::Start(cause) => self.apply(id, Changing::Starting, cause),
                Remedy::Restart(_) if self.sabotage.is(Canary::StrandedForever) => {}
                Remedy::Restart(cause) => self.apply(id, Changing::Restarting, cause),
                Remedy::Remove(cause) => self.apply(id, Changing::Removing, cause),
                Remedy::Stop(cause) => self.apply(id, Changing::Stopping, cause),
                Remedy::Replace => unhealthy.push(id),
                Remedy::GiveUpHeld => held.extend_at(seat, id),
                Remedy::RestartOwed => owed.extend_at(seat, id),
            }
        }
        self.replace_unhealthy(&unhealthy);
        held.into_iter().for_each(|engines| self.give_up_held(engines));
        for (at, engines) in owed.into_iter().enumerate() {
            self.restart_owed(self.fleet.vpns[at].id, &engines);
        }
    }

    pub(super) fn apply(&mut self, id: ContainerId, changing: Changing, cause: Cause) {
        let why = self.observations(id, cause);
        self.change(id, changing, cause, why);
    }

    /// What a cause rests on, for the journal.
    fn observations(&self, id: ContainerId, cause: Cause) -> Vec<Why> {
        let mut why = vec![Why::Because(cause)];
        let Some(engine) = self.fleet.engines.get(&id) else { return why };
        let vpn = self.fleet.vpn_of(engine);
        let now = self.now;
        let lasting = |since: Option<Time>| since.map(|since| Why::For(now.since(since)));
        match cause {
            Cause::NetworkGone => why.extend(lasting(vpn.and_then(|vpn| vpn.gone_since))),
            Cause::HeldTooLong => {
                why.extend(lasting(vpn.and_then(|vpn| vpn.failure).map(|failure| failure.at)));
            }
            Cause::BootFailed => why.extend(lasting(engine.answers.running_since)),
            Cause::NotRunning => {
                why.push(Why::StateIs(engine.state));
                why.extend(lasting(engine.stopped_since));
            }
            Cause::CrashLooping => why.push(Why::Exits(EXITS_REMEMBERED, repair::CRASH_LOOP_WINDOW)),
            Cause::Routine
            | Cause::SomethingChanged
            | Cause::FateUnknown
            | Cause::DoubleCheck
            | Cause::TooFewEngines
            | Cause::WitnessNeeded
            | Cause::Created
            | Cause::StrandedCanRejoin
            | Cause::StrandedForGood
            | Cause::StrandedCarrier
            | Cause::Reconnected
            | Cause::StartFailed
            | Cause::ArrivedLate
            | Cause::Clashes
            | Cause::Misported
            | Cause::CarrierNeeded
            | Cause::CarrierCame
            | Cause::Rebalanced
            | Cause::Surplus
            | Cause::SeatNeeded
            | Cause::Outdated
            | Cause::Leaks
            | Cause::TunnelStopped
            | Cause::TunnelLost
            | Cause::StaysFailed
            | Cause::StoppedByPerson
            | Cause::Ordered
            | Cause::BecameIdle
            | Cause::ViewerWaits
            | Cause::SessionLost
            | Cause::SessionSilent
            | Cause::StreamMoves
            | Cause::NobodyWatches
            | Cause::ReplacesUnhealthy
            | Cause::Exit => {}
            Cause::Unhealthy => why.extend(lasting(engine.answers.unhealthy_since)),
            Cause::Operator => why.extend(engine.request.map(Why::Request)),
            Cause::VpnDrained => why.extend(vpn.and_then(|vpn| vpn.draining).map(Why::Request)),
        }
        why
    }

    /// What is known of an engine is too old to act on. One look at a time: another would tell no more.
    pub(super) fn look_before_acting(&mut self, id: ContainerId) {
        if self.fleet.engines.get(&id).is_some_and(|engine| engine.inspecting.is_none()) {
            self.look_at(id, Cause::SomethingChanged);
        }
    }

    /// All but one of a held VPN's engines go, least harm first; the last one stays as its witness.
    fn give_up_held(&mut self, mut engines: Vec<ContainerId>) {
        engines.sort_by_key(|id| failover::least_harm(&self.fleet.engines[id], self.now));
        if engines.pop().is_some() {
            self.marks.hit(Mark::HeldKept);
        }
        for id in engines {
            self.marks.hit(Mark::HeldRemoved);
            self.apply(id, Changing::Removing, Cause::HeldTooLong);
        }
    }

    /// Engines whose VPN lost its tunnel are restarted one at a time, idle ones first.
    fn restart_owed(&mut self, vpn: VpnId, engines: &[ContainerId]) {
        let on_its_way = |engine: &Engine| match engine.standing {
            Standing::Hidden(Reason::Restarting | Reason::Booting | Reason::NotLookedAt) => true,
            Standing::Hidden(Reason::NotRunning(_)) => engine.stopped_lately(self.now),
            Standing::Offered | Standing::Hidden(_) => false,
        };
        let busy = |engine: &Engine| engine.seat.vpn() == Some(vpn) && on_its_way(engine);
        if engines.is_empty() || self.fleet.engines.values().any(busy) {
            return;
        }
        let idle = engines.iter().filter(|id| !self.fleet.engines[*id].is_used(self.now));
        let Some(next) = idle.min_by_key(|id| naming::number(&self.fleet.engines[*id].name)) else {
            return;
        };
        let next = *next;
        self.marks.hit(Mark::ReconnectRestart);
        if let Some(engine) = self.fleet.engines.get_mut(&next) {
            engine.restart_owed = false;
        }
        self.apply(next, Changing::Restarting, Cause::Reconnected);
    }
}

/// Lists kept by VPN.
trait ByVpn {
    fn extend_at(&mut self, vpn: Option<VpnId>, id: ContainerId);
}

impl ByVpn for Vec<Vec<ContainerId>> {
    fn extend_at(&mut self, vpn: Option<VpnId>, id: ContainerId) {
        if let Some(vpn) = vpn {
            self[vpn.index()].push(id);
        }
    }
}
