//! Creating: how many engines are missing, and where the next ones go.
//!
//! Which engines go is decided in `decide`.

use super::Control;
use super::show::Blocked;
use crate::canary::Canary;
use crate::command::{Action, Cause, Create, Ports};
use crate::docker::State;
use crate::engine::Engine;
use crate::ids::{Name, OpId, VpnId};
use crate::journal::{Expect, Subject, What, Why};
use crate::mark::Mark;
use crate::operation::{Fate, Task};
use crate::policy::breaker::Kind;
use crate::policy::failover;
use crate::policy::naming::Numbers;
use crate::policy::offering::{self, Prospect, Reason, Standing};
use crate::policy::placement::{self, Load};
use crate::policy::ports::{self, PortsHeld};
use crate::policy::repair::CRASH_LOOP_WINDOW;
use crate::request::Wanted;
use crate::time::Time;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

/// A canary that stops creating lets the fleet come up first.
const CANARY_AFTER: Duration = Duration::from_secs(600);

impl Control {
    pub(super) fn create_what_is_missing(&mut self) {
        let (desired, limit) = self.targets();
        let used = self.used();
        let mut loads = self.loads();
        self.settle_arrivals(desired, limit, &mut loads);
        let own = loads.len() - 1;
        let serving: usize = loads.iter().map(|load| load.serving).sum();
        let coming: usize = loads.iter().map(|load| load.coming).sum();
        let kept_back =
            placement::kept_back(&self.fleet.vpns, &loads[..own], desired, self.began, self.now, &self.marks);
        // Room for new viewers is not kept back for anybody.
        let at_least = (used + self.settings.min_free_replicas).min(desired);
        let wanted = desired.saturating_sub(kept_back).max(at_least);
        let mut missing = wanted.saturating_sub(serving + coming);
        while missing > 0 && self.recall(&mut loads) {
            missing -= 1;
        }
        let was_blocked = self.blocked.take();
        self.create(missing, limit, desired, &mut loads, &Why::Count { serving, coming, desired });
        if let Some(patience) = self.idle_review
            && self.review_idle(&mut loads, desired, patience)
        {
            self.idle_review = None;
        }
        self.tell_of_refusal(was_blocked, limit);
        if kept_back > 0 {
            self.wake_to_decide(self.began + placement::COLD_START_WAIT);
        }
        self.wake_to_decide(self.probation().unwrap_or(Time::NEVER));
        self.wake_to_decide(self.port_awaited().unwrap_or(Time::NEVER));
        self.restless();
        self.seize_names();
    }

    fn create(&mut self, missing: usize, limit: usize, desired: usize, loads: &mut [Load], why: &Why) {
        let mut room = self.room(limit);
        // What unhealthy engines leave missing is created last: it has a breaker of its own.
        let unhealthy = |engine: &&Engine| engine.standing == Standing::Hidden(Reason::Unhealthy);
        let replaced = self.fleet.engines.values().filter(unhealthy).count();
        for nth in 0..missing {
            let cause =
                if nth + replaced < missing { Cause::TooFewEngines } else { Cause::ReplacesUnhealthy };
            if self.sabotage.is(Canary::NeverRefills) && self.now.since(self.began) > CANARY_AFTER {
                break;
            }
            if !self.create_one(cause, loads, &mut room, why) {
                break;
            }
        }
        self.make_carriers(loads, desired, &mut room);
        self.create_witnesses(loads, &mut room);
        self.rearrange(loads, desired, &mut room);
    }

    /// What is left for creations now.
    pub(super) fn room(&self, limit: usize) -> Room {
        Room {
            taken: None,
            seats: limit.saturating_sub(self.fleet.occupying()),
            provisions: self.settings.max_concurrent_provisions.saturating_sub(self.provisioning()),
        }
    }

    /// When the first of the VPNs that are healthy, and not trusted yet, may be given engines again.
    fn probation(&self) -> Option<Time> {
        let healthy = self.fleet.vpns.iter().filter(|vpn| vpn.is_healthy());
        healthy.filter_map(|vpn| failover::probation_ends(vpn, self.now)).min()
    }

    /// Until when creation waits for the port of a VPN that has just become healthy.
    fn port_awaited(&self) -> Option<Time> {
        self.fleet.vpns.iter().filter_map(|vpn| placement::awaits_port(vpn, self.now)).min()
    }

    /// Says once why nothing can be created.
    fn tell_of_refusal(&mut self, was: Option<Blocked>, limit: usize) {
        let kind = |blocked: &Blocked| core::mem::discriminant(blocked);
        let Some(blocked) = self.blocked.filter(|blocked| was.as_ref().map(kind) != Some(kind(blocked)))
        else {
            return;
        };
        self.marks.hit(Mark::CannotCreate);
        let (why, expect) = match blocked {
            Blocked::AtLimit => (Why::Limit(limit), Expect::Nothing),
            Blocked::NoHealthyVpn => (Why::NoHealthyVpn, Expect::Refill),
            Blocked::OnProbation(until) => (
                Why::Reason("VPNs that relapsed have to stay healthy for a while first"),
                Expect::NextLook(until),
            ),
            Blocked::BreakerOpen(until) => {
                (Why::Failures(self.breakers.general.failures()), Expect::NextLook(until))
            }
            Blocked::BacksOff(until) => {
                (Why::Reason("the last attempts were refused"), Expect::NextLook(until))
            }
        };
        self.write(Subject::Fleet, What::CannotCreate, vec![why], expect);
    }

    /// What is on each VPN; the last entry is for engines without one.
    pub(super) fn loads(&self) -> Vec<Load> {
        let own = self.fleet.vpns.len();
        let mut loads = vec![Load::default(); own + 1];
        for engine in self.fleet.engines.values() {
            let crash_looping = engine.crash_loops(self.now, CRASH_LOOP_WINDOW);
            let load = &mut loads[engine.seat.vpn().map_or(own, VpnId::index)];
            let removal = engine.operation.and_then(|(op, _)| self.fleet.operations.get(op));
            let goes_now = removal.is_some_and(|operation| operation.fate == Fate::Open);
            let vpn = self.fleet.vpn_of(engine);
            match offering::prospect(engine, vpn, self.now, crash_looping, goes_now) {
                Prospect::Serving => load.serving += 1,
                Prospect::Coming => load.coming += 1,
                Prospect::Lost => {}
            }
        }
        for (_, create) in self.fleet.operations.creates() {
            let healthy = create.vpn.is_none_or(|vpn| self.fleet.vpn(vpn).is_healthy());
            loads[create.vpn.map_or(own, VpnId::index)].coming += usize::from(healthy);
        }
        loads
    }

    /// Containers that appeared in `created` state are kept if they are wanted, and removed if not.
    fn settle_arrivals(&mut self, desired: usize, limit: usize, loads: &mut [Load]) {
        let arrivals = self.fleet.engines.values().filter(|engine| engine.unexpected && engine.is_engine());
        let arrivals: Vec<_> = arrivals.map(|engine| engine.id).collect();
        for id in arrivals {
            let total: usize = loads.iter().map(|load| load.serving + load.coming).sum();
            let occupying = self.fleet.occupying();
            let Some(engine) = self.fleet.engines.get_mut(&id) else { continue };
            engine.unexpected = false;
            self.dirty = true;
            if engine.condemned.is_none() && total <= desired && occupying <= limit {
                self.marks.hit(Mark::ArrivedLateKept);
                continue;
            }
            self.marks.hit(Mark::ArrivedLateRemoved);
            engine.condemned.get_or_insert(Cause::ArrivedLate);
            let load = &mut loads[engine.seat.vpn().map_or(self.fleet.vpns.len(), VpnId::index)];
            load.coming = load.coming.saturating_sub(1);
        }
    }

    /// Creations and first starts under way.
    fn provisioning(&self) -> usize {
        let starting = |engine: &&Engine| {
            engine.is_engine()
                && engine.state == State::Created
                && engine.started_at.is_none()
                && engine.condemned.is_none()
        };
        self.fleet.operations.creates().count() + self.fleet.engines.values().filter(starting).count()
    }

    /// Whether another creation may be sent now, as far as it does not depend on where.
    pub(super) fn may_provision(&self, room: &Room) -> bool {
        let waits = self.create_retry.wait(self.now).or(self.breaker_wait(Kind::General));
        room.seats > 0 && room.provisions > 0 && waits.is_none()
    }

    /// Decides one creation. False if none is possible now; why is kept to be shown.
    fn create_one(&mut self, cause: Cause, loads: &mut [Load], room: &mut Room, why: &Why) -> bool {
        if let Some(until) = self.breaker_wait(kind(cause)) {
            self.marks.hit(Mark::BreakerBlocks);
            self.blocked = Some(Blocked::BreakerOpen(until));
            self.wake_to_decide(until);
            return false;
        }
        if let Some(until) = self.create_retry.wait(self.now) {
            self.marks.hit(Mark::CreateBacksOff);
            self.blocked = Some(Blocked::BacksOff(until));
            self.wake_to_decide(until);
            return false;
        }
        if room.seats == 0 && !self.sabotage.is(Canary::LimitIgnored) {
            self.marks.hit(Mark::NoRoom);
            self.blocked = Some(Blocked::AtLimit);
            // A place that is given up is of use only if something can come in its stead.
            let own = loads.len() - 1;
            if own == 0 || placement::choose(&self.fleet.vpns, &loads[..own], self.now).is_some() {
                self.give_up_seat();
            }
            return false;
        }
        if room.provisions == 0 {
            self.marks.hit(Mark::ProvisionsAtOnce);
            return false;
        }
        let own = loads.len() - 1;
        loop {
            let vpn = if own == 0 {
                None
            } else {
                match placement::choose(&self.fleet.vpns, &loads[..own], self.now) {
                    Some(vpn) => Some(vpn),
                    None if self.sabotage.is(Canary::OutsideVpnIsFine) => None,
                    None if let Some(until) = self.port_awaited() => {
                        self.marks.hit(Mark::PortAwaited);
                        self.wake_to_decide(until);
                        return false;
                    }
                    None if loads.iter().any(|load| load.full) => {
                        self.marks.hit(Mark::NoRoom);
                        self.blocked = Some(Blocked::AtLimit);
                        return false;
                    }
                    None if let Some(until) = self.probation() => {
                        self.marks.hit(Mark::ShareKeptForPending);
                        self.blocked = Some(Blocked::OnProbation(until));
                        return false;
                    }
                    None => {
                        self.marks.hit(Mark::NoHealthyVpn);
                        self.blocked = Some(Blocked::NoHealthyVpn);
                        return false;
                    }
                }
            };
            let load = &mut loads[vpn.map_or(own, VpnId::index)];
            if self.create_on(vpn, cause, room, Some(why)) {
                load.coming += 1;
                return true;
            }
            if vpn.is_none() {
                self.marks.hit(Mark::NoRoom);
                self.blocked = Some(Blocked::AtLimit);
                return false;
            }
            load.full = true;
        }
    }

    /// Creates an engine on `vpn`. False if there is no port for it.
    pub(super) fn create_on(
        &mut self,
        vpn: Option<VpnId>,
        cause: Cause,
        room: &mut Room,
        why: Option<&Why>,
    ) -> bool {
        self.create_wanted(vpn, cause, room, why, None).is_some()
    }

    /// The same, as somebody wants it.
    pub(super) fn create_wanted(
        &mut self,
        vpn: Option<VpnId>,
        cause: Cause,
        room: &mut Room,
        why: Option<&Why>,
        wanted: Option<Arc<Wanted>>,
    ) -> Option<OpId> {
        let preferred = wanted.as_ref().and_then(|wanted| wanted.host_port);
        let Taken { numbers, ports: held } = room.taken.get_or_insert_with(|| Taken {
            numbers: self.fleet.numbers(),
            ports: self.fleet.ports(self.now),
        });
        let p2p = vpn.and_then(|vpn| self.port_to_carry(vpn, held));
        if let Some(firm) = wanted.as_ref().and_then(|wanted| wanted.firm_port())
            && (p2p == Some(firm) || !held.can_have(vpn, firm, &self.settings))
        {
            return None;
        }
        let ports = if self.sabotage.is(Canary::PortsRepeat) {
            let http = *ports::http_range(vpn, &self.settings).start();
            Some(Ports { http, https: None, p2p })
        } else {
            held.allocate_preferring(vpn, p2p, preferred, &self.settings)
        };
        let ports = ports?;
        if preferred == Some(ports.http) {
            self.marks.hit(Mark::PortHonoured);
        }
        let name = self.next_name(numbers);
        room.seats = room.seats.saturating_sub(1);
        room.provisions = room.provisions.saturating_sub(1);
        if p2p.is_some() {
            self.marks.hit(Mark::ForwardedAtBirth);
        }
        let vpn_name = vpn.map(|vpn| self.fleet.vpn(vpn).name().clone());
        let subject = Subject::Engine(None, name.clone());
        let what = What::Create { vpn: vpn_name, forwarded: p2p };
        let expect = self.expect_answer();
        self.write(
            subject,
            what,
            [Some(Why::Because(cause)), why.cloned()].into_iter().flatten().collect(),
            expect,
        );
        let create = Create { name, vpn, ports, spec: self.settings.spec, wanted };
        let op = self.send(cause, Action::Create(create.clone()), Task::Create(create));
        // A witness is created where things are known to be amiss: it says nothing about creating.
        if cause != Cause::WitnessNeeded {
            self.attempt(op, vpn, kind(cause));
        }
        Some(op)
    }

    fn next_name(&self, numbers: &mut Numbers) -> Name {
        #[cfg(feature = "canary")]
        if self.sabotage.is(Canary::NamesOnlyGrow) {
            return numbers.next_above();
        }
        numbers.lowest_free()
    }

    /// The forwarded port that a new engine on `vpn` is given: there is one, and nobody has it.
    fn port_to_carry(&self, vpn: VpnId, held: &PortsHeld) -> Option<u16> {
        let known = self.fleet.vpn(vpn).port(self.now, self.settings.gluetun_port_cache_ttl)?;
        (held.can_carry(vpn, known) || self.sabotage.is(Canary::EveryEngineCarries)).then_some(known)
    }
}

/// What is left for creations; spent as they are decided.
pub(super) struct Room {
    /// Names and ports that are taken; looked through only if something is created.
    taken: Option<Taken>,
    /// Containers until the limit.
    pub(super) seats: usize,
    /// Creations until enough are under way.
    pub(super) provisions: usize,
}

struct Taken {
    numbers: Numbers,
    ports: PortsHeld,
}

/// Which breaker is about creations of this cause.
fn kind(cause: Cause) -> Kind {
    if cause == Cause::ReplacesUnhealthy { Kind::Replacement } else { Kind::General }
}
