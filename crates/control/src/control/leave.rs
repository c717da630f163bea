//! Engines on their way out: who is handed off, who makes place for whom, and who is called back.
//!
//! What becomes of an engine that leaves is in `policy::leaving`; carriers are in `forward`.

use super::Control;
use super::create::Room;
use crate::canary::Canary;
use crate::command::Cause;
use crate::docker::State;
use crate::engine::{Changing, Engine, Leaving, Seat};
use crate::ids::{ContainerId, VpnId};
use crate::journal::{Expect, Subject, What, Why};
use crate::mark::Mark;
use crate::policy::leaving::{self, Course};
use crate::policy::offering::{Reason, Standing};
use crate::policy::placement::Load;
use crate::policy::{balance, failover, scaling};
use crate::time::Time;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

impl Control {
    /// A working engine is hidden, and goes once nobody can be on his way to it.
    pub(super) fn hand_off(&mut self, id: ContainerId, cause: Cause) {
        let now = self.now;
        let Some(engine) = self.fleet.engines.get_mut(&id) else { return };
        engine.leaving = Some(Leaving { cause, since: now, watched_since: None });
        let subject = Subject::Engine(Some(id), engine.name.clone());
        let asked = engine.request.filter(|_| cause == Cause::Operator);
        let drain = engine.seat.vpn().filter(|_| cause == Cause::VpnDrained);
        let drain = drain.and_then(|vpn| self.fleet.vpns[vpn.index()].draining);
        let asked = asked.or(drain).map(Why::Request);
        let why = [Some(Why::Because(cause)), asked].into_iter().flatten().collect();
        let expect = Expect::GoneAt(now + self.settings.handoff);
        self.write(subject, What::HandOff, why, expect);
        self.dirty = true;
    }

    /// An engine on its way out stays after all.
    pub(super) fn call_back(&mut self, id: ContainerId, why: Why) {
        let Some(engine) = self.fleet.engines.get_mut(&id) else { return };
        engine.leaving = None;
        let subject = Subject::Engine(Some(id), engine.name.clone());
        self.write(subject, What::Stays, vec![why], Expect::Nothing);
        self.dirty = true;
    }

    /// Notes who is used, who watches engines that leave, and which of these stay for it; hides engines that leak.
    pub(super) fn judge_leaving(&mut self) {
        let now = self.now;
        let mut stay = Vec::new();
        let mut kept = Vec::new();
        let mut leak = Vec::new();
        let mut drained = Vec::new();
        let mut inhabited = BTreeSet::new();
        let mut wake = None;
        for engine in self.fleet.engines.values_mut() {
            let drains = engine.seat.vpn().is_some_and(|vpn| self.fleet.vpns[vpn.index()].draining.is_some());
            if drains {
                inhabited.extend(engine.seat.vpn());
            }
            let (used, leaks) = (engine.is_used(now), engine.seat == Seat::Elsewhere && engine.is_engine());
            let counts_until = [engine.presumed_used_until, engine.leased_until];
            wake =
                wake.into_iter().chain(counts_until.into_iter().flatten().filter(|until| *until > now)).min();
            if core::mem::replace(&mut engine.in_use, used) && !used {
                engine.unused_since = Some(now);
            }
            match &mut engine.leaving {
                Some(leaving) => {
                    // Whoever comes after the others have gone counts from his own coming.
                    leaving.watched_since = leaving.watched_since.or(Some(now)).filter(|_| used);
                    let leaving = *leaving;
                    if leaving.cause == Cause::VpnDrained && !drains {
                        kept.push(engine.id);
                    }
                    if leaving::course(engine, leaving, now, &self.settings) == Course::Stays {
                        stay.push(engine.id);
                    }
                }
                None if leaks => leak.push(engine.id),
                None if drains && !used && engine.standing == Standing::Offered => drained.push(engine.id),
                None => {}
            }
        }
        self.wake_to_decide(wake.unwrap_or(Time::NEVER));
        for id in stay {
            self.marks.hit(Mark::HandOffCancelled);
            self.call_back(id, Why::Reason("somebody watches it"));
        }
        for id in kept {
            self.call_back(id, Why::Reason("its VPN is used again"));
        }
        for id in drained {
            self.marks.hit(Mark::VpnDrained);
            self.hand_off(id, Cause::VpnDrained);
        }
        self.tell_of_drained_vpns(&inhabited);
        for id in leak {
            self.marks.hit(Mark::OutsiderHidden);
            self.hand_off(id, Cause::Leaks);
        }
    }

    /// Says once that a VPN which a person drains has no engine left.
    fn tell_of_drained_vpns(&mut self, inhabited: &BTreeSet<VpnId>) {
        for at in 0..self.fleet.vpns.len() {
            let vpn = &mut self.fleet.vpns[at];
            let id = vpn.id;
            if let Some(op) = vpn.draining.filter(|_| !vpn.drained && !inhabited.contains(&id)) {
                vpn.drained = true;
                self.request_over(self.vpn_subject(id), op, Why::Reason("no engine is left on it"));
            }
        }
    }

    /// Of containers of ours that have one port, the one whose going does most harm stays. A port is held by what
    /// operations are creating, too.
    pub(super) fn settle_clashes(&mut self) {
        if !self.newcomers || self.fleet.engines.values().any(|engine| engine.inspected.is_none()) {
            return;
        }
        self.newcomers = false;
        // HTTP ports are the fleet's; the others belong to one network stack.
        let mut stays: BTreeMap<(Option<VpnId>, u16), &Engine> = BTreeMap::new();
        let mut goes = BTreeSet::new();
        let runs = |engine: &Engine| (engine.state == State::Running, failover::least_harm(engine, self.now));
        for engine in self.fleet.engines.values().filter(|engine| engine.condemned.is_none()) {
            let Some(ports) = engine.ports else { continue };
            let on_stack = engine.seat.vpn().into_iter().flat_map(|vpn| {
                [ports.https, ports.p2p].into_iter().flatten().map(move |port| (Some(vpn), port))
            });
            for port in on_stack.chain([(None, ports.http)]) {
                match stays.insert(port, engine) {
                    Some(other) if goes.contains(&other.id) => {}
                    Some(other) if runs(other) > runs(engine) => {
                        stays.insert(port, other);
                        goes.insert(engine.id);
                    }
                    Some(other) => _ = goes.insert(other.id),
                    None => {}
                }
            }
        }
        for id in goes {
            self.marks.hit(Mark::ClashRemoved);
            if let Some(engine) = self.fleet.engines.get_mut(&id) {
                engine.condemned = Some(Cause::Clashes);
            }
        }
    }

    /// An engine that is on its way out for no pressing reason is as good as a new one, and sooner there.
    pub(super) fn recall(&mut self, loads: &mut [Load]) -> bool {
        let own = loads.len() - 1;
        let recalled = |engine: &&Engine| match engine.standing {
            Standing::Hidden(Reason::Leaving(cause)) => leaving::can_be_recalled(cause),
            Standing::Offered | Standing::Hidden(_) => false,
        };
        let place = |engine: &Engine| engine.seat.vpn().map_or(own, VpnId::index);
        let candidates = self.fleet.engines.values().filter(recalled);
        let Some((id, place)) = candidates
            .min_by_key(|engine| (loads[place(engine)].serving, engine.id))
            .map(|engine| (engine.id, place(engine)))
        else {
            return false;
        };
        self.marks.hit(Mark::Recalled);
        self.call_back(id, Why::Reason("it is needed"));
        loads[place].serving += 1;
        true
    }

    /// At a limit, an idle engine that cannot serve makes place for one that can. A failed VPN keeps its last
    /// engine, which is its witness.
    pub(super) fn give_up_seat(&mut self) {
        let long = |engine: &Engine| engine.standing_since + self.settings.handoff;
        let useless = |engine: &&Engine| {
            let beyond = matches!(
                engine.standing,
                Standing::Hidden(Reason::VpnFailed | Reason::Stranded | Reason::Unhealthy)
            );
            beyond && !engine.is_used(self.now) && engine.operation.is_none()
        };
        let is_last = |engine: &Engine| {
            engine.standing == Standing::Hidden(Reason::VpnFailed)
                && self.fleet.engines.values().filter(|other| other.seat == engine.seat).count() == 1
        };
        let going = |engine: &Engine| matches!(engine.operation, Some((_, Changing::Removing)));
        if self.blind || self.fleet.engines.values().any(going) {
            return;
        }
        let candidates = || self.fleet.engines.values().filter(useless).filter(|engine| !is_last(engine));
        let due = candidates().filter(|engine| long(engine) <= self.now);
        let victim = due.min_by_key(|engine| failover::least_harm(engine, self.now)).map(|engine| engine.id);
        if let Some(victim) = victim {
            self.marks.hit(Mark::SeatGivenUp);
            self.apply(victim, Changing::Removing, Cause::SeatNeeded);
        } else if let Some(at) = candidates().map(long).min() {
            self.wake_to_decide(at);
        }
    }

    /// Who could leave without harm: offered, serving nobody, and not the one that carries the forwarded port.
    fn dispensable<'a>(
        &'a self,
        carriers: &'a [Option<ContainerId>],
    ) -> impl Iterator<Item = &'a Engine> + 'a {
        let carries = |engine: &Engine| {
            let carrier = engine.seat.vpn().and_then(|vpn| carriers[vpn.index()]);
            carrier == Some(engine.id)
        };
        self.fleet.engines.values().filter(move |engine| {
            engine.standing == Standing::Offered
                && !engine.is_used(self.now)
                && engine.leaving.is_none()
                && !carries(engine)
        })
    }

    /// Engines move from a VPN that has more to one that has fewer, and make way for ones of the present settings:
    /// one at a time, and only while the fleet is otherwise at rest. The new one is offered before the old one is
    /// hidden; at a limit the order turns round.
    pub(super) fn rearrange(&mut self, loads: &[Load], desired: usize, room: &mut Room) {
        let own = loads.len() - 1;
        let coming = loads.iter().any(|load| load.coming > 0);
        let moving = |engine: &Engine| {
            let unsettled = match engine.standing {
                Standing::Offered => false,
                Standing::Hidden(reason) => matches!(reason, Reason::Booting | Reason::NotReconnected),
            };
            // One on a VPN that is not healthy may wait for ever.
            let stuck = self.fleet.vpn_of(engine).is_some_and(|vpn| !vpn.is_healthy());
            engine.is_engine()
                && !stuck
                && (engine.leaving.is_some() || engine.operation.is_some() || unsettled)
        };
        let restless = coming || self.fleet.engines.values().any(moving);
        if restless || self.blind || self.in_unsettled_emergency() {
            return;
        }
        let serving: usize = loads.iter().map(|load| load.serving).sum();
        let spare = serving > desired || room.seats == 0;
        let carriers = self.fleet.carriers();
        let mut movable = vec![false; own];
        for engine in self.dispensable(&carriers) {
            if let Some(vpn) = engine.seat.vpn() {
                movable[vpn.index()] = true;
            }
        }
        // What was created for it has come, unless something else has gone since.
        self.rebalancing &= serving > desired;
        let has_come = self.rebalancing;
        let vpns = &self.fleet.vpns;
        let lopsided =
            balance::out_of_balance(vpns, &loads[..own], &movable, has_come, self.now, &self.settings);
        let harm = |engine: &&Engine| self.harm_of_losing(engine);
        let lopsided = lopsided.filter(|_| !self.sabotage.is(Canary::NeverBalances));
        if let Some((fuller, emptier)) = lopsided {
            let on_it = self.dispensable(&carriers).filter(|engine| engine.seat.vpn() == Some(fuller));
            let Some(victim) = on_it.min_by_key(harm).map(|engine| engine.id) else { return };
            if spare {
                self.marks.hit(Mark::BalanceHandsOff);
                self.rebalancing = false;
                self.hand_off(victim, Cause::Rebalanced);
            } else if self.may_provision(room) && self.create_on(Some(emptier), Cause::Rebalanced, room, None)
            {
                self.marks.hit(Mark::BalanceCreates);
                self.rebalancing = true;
            }
            return;
        }
        let candidates =
            self.fleet.engines.values().filter(|engine| self.is_outdated(engine)).filter(|engine| {
                engine.standing == Standing::Offered && !engine.is_used(self.now) && engine.leaving.is_none()
            });
        let victim = candidates
            .min_by_key(harm)
            .map(|engine| (engine.id, engine.seat, carriers.contains(&Some(engine.id))));
        let Some((victim, seat, carries)) = victim else {
            return self.wake_when_stable();
        };
        // Two cannot carry one port: of a carrier the old one is gone first.
        if spare || carries {
            self.marks.hit(Mark::OutdatedHandedOff);
            self.hand_off(victim, Cause::Outdated);
        } else if self.may_provision(room) && self.create_on(seat.vpn(), Cause::Outdated, room, None) {
            self.marks.hit(Mark::OutdatedReplaced);
        }
    }

    /// It was created from other settings than the present ones.
    fn is_outdated(&self, engine: &Engine) -> bool {
        engine.spec.is_some_and(|made_from| made_from != self.settings.spec)
    }

    /// The order in which working engines leave. Outdated ones first: they have to leave anyway, and one that was
    /// created in their place would otherwise be the first to go again.
    fn harm_of_losing(&self, engine: &Engine) -> impl Ord + use<> {
        (!self.is_outdated(engine), failover::least_harm(engine, self.now))
    }

    /// What has to wait for stabilization is decided when that ends.
    fn wake_when_stable(&mut self) {
        let stabilization = self.settings.vpn_recovery_stabilization;
        let ends = self.fleet.vpns.iter().filter_map(|vpn| vpn.stable_at(self.now, stabilization));
        let next = ends.filter(|at| *at > self.now).min();
        self.wake_to_decide(next.unwrap_or(Time::NEVER));
    }

    /// Idle engines beyond what is wanted go once they have been idle for `patience`, from the fullest VPN first.
    /// False if that has to wait.
    pub(super) fn review_idle(&mut self, loads: &mut [Load], desired: usize, patience: Duration) -> bool {
        let own = loads.len() - 1;
        let serving: usize = loads.iter().map(|load| load.serving).sum();
        let stabilization = self.settings.vpn_recovery_stabilization;
        let unstable = |stable_at: Option<Time>| stable_at.is_some_and(|at| at > self.now);
        let stabilizes = self.fleet.vpns.iter().any(|vpn| unstable(vpn.stable_at(self.now, stabilization)));
        if self.blind || self.in_unsettled_emergency() || stabilizes {
            // Whoever asked for it is not forgotten.
            self.wake_when_stable();
            return false;
        }
        let carriers = self.fleet.carriers();
        for _ in desired..serving {
            let idle_for = |engine: &&Engine| self.now.since(engine.idle_since()) >= patience;
            let fullness = |engine: &Engine| loads[engine.seat.vpn().map_or(own, VpnId::index)].serving;
            let victim = self
                .dispensable(&carriers)
                .filter(idle_for)
                .max_by_key(|engine| (fullness(engine), core::cmp::Reverse(self.harm_of_losing(engine))))
                .map(|engine| (engine.id, engine.seat));
            let Some((victim, seat)) = victim else { break };
            self.marks.hit(Mark::SurplusHandedOff);
            loads[seat.vpn().map_or(own, VpnId::index)].serving -= 1;
            self.hand_off(victim, Cause::Surplus);
        }
        true
    }

    /// Engines that have been unhealthy for too long go: those that serve nobody together, within what may be
    /// created at once; those with viewers one by one, some time apart.
    pub(super) fn replace_unhealthy(&mut self, engines: &[ContainerId]) {
        let now = self.now;
        let going = |engine: &&Engine| {
            matches!(engine.operation, Some((_, Changing::Removing)))
                && engine.condemned == Some(Cause::Unhealthy)
        };
        let mut at_once = self
            .settings
            .max_concurrent_provisions
            .saturating_sub(self.fleet.engines.values().filter(going).count());
        for id in engines {
            let Some(engine) = self.fleet.engines.get(id) else { continue };
            if engine.is_used(now) {
                let next = self.replaced_used_at.map(|at| at + self.settings.health_replacement_cooldown);
                if let Some(next) = next.filter(|next| *next > now) {
                    self.marks.hit(Mark::UnhealthySpaced);
                    self.wake_to_decide(next);
                    continue;
                }
                self.replaced_used_at = Some(now);
            } else if at_once == 0 {
                continue;
            } else {
                at_once -= 1;
            }
            self.marks.hit(Mark::UnhealthyRemoved);
            self.apply(*id, Changing::Removing, Cause::Unhealthy);
        }
    }

    /// An emergency in which the minimum is not chased.
    pub(super) fn in_unsettled_emergency(&self) -> bool {
        self.emergency.is_some_and(|since| self.now.since(since) < self.settings.emergency_settle)
    }

    /// How many engines should serve now, and the most that may exist.
    pub(super) fn targets(&self) -> (usize, usize) {
        let limit = scaling::limit(&self.settings);
        (scaling::desired(&self.settings, self.used(), self.in_unsettled_emergency(), limit), limit)
    }

    /// Engines that serve somebody, or may.
    pub(super) fn used(&self) -> usize {
        self.demand()
    }
}
