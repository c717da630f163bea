//! Creating: how many engines are missing, and where the next ones go.
//!
//! Which engines go is decided in `decide`.

use super::Control;
use super::show::Blocked;
use crate::canary::Canary;
use crate::command::{Action, Cause, Create, Ports};
use crate::docker::State;
use crate::engine::{Changing, Engine};
use crate::fleet::Stranger;
use crate::ids::{Name, VpnId};
use crate::journal::{Expect, Subject, What, Why};
use crate::mark::Mark;
use crate::operation::{Fate, Task};
use crate::policy::naming::{self, Numbers};
use crate::policy::offering::{self, Prospect, Reason, Standing};
use crate::policy::placement::{self, Load};
use crate::policy::ports::{self, PortsHeld};
use crate::policy::repair::CRASH_LOOP_WINDOW;
use crate::policy::{failover, scaling};
use crate::time::Time;
use crate::vpn::{Vpn, Witnesses};
use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

/// The wait until another witness is created starts at VPN_UNHEALTHY_RESTART_TIMEOUT_S and doubles up to this.
const WITNESS_WAIT_MAX: Duration = Duration::from_secs(1_800);
/// A canary that stops creating lets the fleet come up first.
const CANARY_AFTER: Duration = Duration::from_secs(600);

impl Control {
    pub(super) fn create_what_is_missing(&mut self) {
        let limit = scaling::limit(&self.settings);
        let used = self.fleet.engines.values().filter(|engine| engine.is_used(self.now)).count();
        let desired = scaling::desired(&self.settings, used, self.emergency.is_some(), limit);
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
        let missing = wanted.saturating_sub(serving + coming);
        let was_blocked = self.blocked.take();
        if missing > 0 || self.fleet.vpns.iter().any(|vpn| self.lacks_witness(vpn)) {
            self.create(missing, limit, &mut loads, &Why::Count { serving, coming, desired });
        }
        self.tell_of_refusal(was_blocked, limit);
        if kept_back > 0 {
            self.wake_to_decide(self.began + placement::COLD_START_WAIT);
        }
        self.wake_to_decide(self.probation().unwrap_or(Time::NEVER));
        self.restless();
        self.seize_names();
    }

    fn create(&mut self, missing: usize, limit: usize, loads: &mut [Load], why: &Why) {
        let mut room = Room {
            numbers: self.fleet.numbers(),
            ports: self.fleet.ports(),
            seats: limit.saturating_sub(self.fleet.occupying()),
            provisions: self.settings.max_concurrent_provisions.saturating_sub(self.provisioning()),
        };
        for _ in 0..missing {
            if self.sabotage.is(Canary::NeverRefills) && self.now.since(self.began) > CANARY_AFTER {
                break;
            }
            if !self.create_one(loads, &mut room, why) {
                break;
            }
        }
        self.create_witnesses(loads, &mut room);
    }

    /// When the first of the VPNs that are healthy, and not trusted yet, may be given engines again.
    fn probation(&self) -> Option<Time> {
        let healthy = self.fleet.vpns.iter().filter(|vpn| vpn.is_healthy());
        healthy.filter_map(|vpn| failover::probation_ends(vpn, self.now)).min()
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
            Blocked::BacksOff(until) => {
                (Why::Reason("the last attempts were refused"), Expect::NextLook(until))
            }
        };
        self.write(Subject::Fleet, What::CannotCreate, vec![why], expect);
    }

    /// Of containers of ours that have one HTTP port, the one whose going does most harm stays. A port is held by
    /// what operations are creating, too.
    pub(super) fn settle_clashes(&mut self) {
        if !self.newcomers || self.fleet.engines.values().any(|engine| engine.inspected.is_none()) {
            return;
        }
        self.newcomers = false;
        let mut stays: BTreeMap<u16, &Engine> = BTreeMap::new();
        let mut goes = Vec::new();
        for engine in self.fleet.engines.values().filter(|engine| engine.condemned.is_none()) {
            let Some(ports) = engine.ports else { continue };
            let runs =
                |engine: &Engine| (engine.state == State::Running, failover::least_harm(engine, self.now));
            match stays.insert(ports.http, engine) {
                Some(other) if runs(other) > runs(engine) => {
                    stays.insert(ports.http, other);
                    goes.push(engine.id);
                }
                Some(other) => goes.push(other.id),
                None => {}
            }
        }
        for id in goes {
            self.marks.hit(Mark::ClashRemoved);
            if let Some(engine) = self.fleet.engines.get_mut(&id) {
                engine.condemned = Some(Cause::Clashes);
            }
        }
    }

    /// What is on each VPN; the last entry is for engines without one.
    fn loads(&self) -> Vec<Load> {
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
            engine.state == State::Created && engine.started_at.is_none() && engine.condemned.is_none()
        };
        self.fleet.operations.creates().count() + self.fleet.engines.values().filter(starting).count()
    }

    /// Decides one creation. False if none is possible now; why is kept to be shown.
    fn create_one(&mut self, loads: &mut [Load], room: &mut Room, why: &Why) -> bool {
        if let Some(until) = self.create_retry.wait(self.now) {
            self.marks.hit(Mark::CreateBacksOff);
            self.blocked = Some(Blocked::BacksOff(until));
            self.wake_to_decide(until);
            return false;
        }
        if room.seats == 0 && !self.sabotage.is(Canary::LimitIgnored) {
            self.marks.hit(Mark::NoRoom);
            self.blocked = Some(Blocked::AtLimit);
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
            if self.create_on(vpn, Cause::TooFewEngines, room, why) {
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
    fn create_on(&mut self, vpn: Option<VpnId>, cause: Cause, room: &mut Room, why: &Why) -> bool {
        let p2p = vpn.and_then(|vpn| self.port_to_carry(vpn, &room.ports));
        let ports = if self.sabotage.is(Canary::PortsRepeat) {
            let http = *ports::http_range(vpn, &self.settings).start();
            Some(Ports { http, https: None, p2p })
        } else {
            room.ports.allocate(vpn, p2p, &self.settings)
        };
        let Some(ports) = ports else { return false };
        let name = self.next_name(&mut room.numbers);
        room.seats = room.seats.saturating_sub(1);
        room.provisions = room.provisions.saturating_sub(1);
        if p2p.is_some() {
            self.marks.hit(Mark::ForwardedAtBirth);
        }
        let vpn_name = vpn.map(|vpn| self.fleet.vpn(vpn).name().clone());
        let subject = Subject::Engine(None, name.clone());
        let what = What::Create { vpn: vpn_name, forwarded: p2p };
        let expect = self.expect_answer();
        self.write(subject, what, vec![Why::Because(cause), why.clone()], expect);
        let create = Create { name, vpn, ports, spec: self.settings.spec };
        self.send(cause, Action::Create(create.clone()), Task::Create(create));
        true
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

    /// A doubted VPN that nobody can tell about gets one engine, so that somebody can.
    fn create_witnesses(&mut self, loads: &[Load], room: &mut Room) {
        for (at, load) in loads.iter().enumerate().take(self.fleet.vpns.len()) {
            if load.full || !self.lacks_witness(&self.fleet.vpns[at]) {
                continue;
            }
            let (id, Witnesses { created, not_before }) =
                (self.fleet.vpns[at].id, self.fleet.vpns[at].witnesses);
            if self.now < not_before {
                self.wake_to_decide(not_before);
                continue;
            }
            if self.restart_as_witness(id) || self.create_witness(id, room) {
                let wait =
                    self.settings.vpn_unhealthy_restart_timeout * 2_u32.saturating_pow(created.min(16));
                self.fleet.vpn_mut(id).witnesses =
                    Witnesses { created: created + 1, not_before: self.now + wait.min(WITNESS_WAIT_MAX) };
            }
        }
    }

    /// A stranded engine that can rejoin its VPN's network is as good a witness as a new one, and needs no seat.
    fn restart_as_witness(&mut self, id: VpnId) -> bool {
        let vpn = self.fleet.vpn(id);
        let rejoins = |engine: &&Engine| {
            engine.seat.vpn() == Some(id)
                && engine.standing == Standing::Hidden(Reason::Stranded)
                && offering::can_rejoin(engine, vpn)
                && engine.is_confirmed()
                && engine.retry.wait(self.now).is_none()
        };
        let stranded = self.fleet.engines.values().filter(rejoins);
        let Some(witness) =
            stranded.min_by_key(|engine| failover::least_harm(engine, self.now)).map(|engine| engine.id)
        else {
            return false;
        };
        self.marks.hit(Mark::WitnessRestarted);
        if let Some(engine) = self.fleet.engines.get_mut(&witness) {
            engine.witness = true;
        }
        self.apply(witness, Changing::Restarting, Cause::WitnessNeeded);
        true
    }

    fn create_witness(&mut self, id: VpnId, room: &mut Room) -> bool {
        let waits = room.seats == 0 || room.provisions == 0 || self.create_retry.wait(self.now).is_some();
        if waits || !self.create_on(Some(id), Cause::WitnessNeeded, room, &Why::NobodyToAsk) {
            return false;
        }
        self.marks.hit(Mark::WitnessCreated);
        true
    }

    /// Whether a VPN runs, has failed a double check that nobody could answer, and has no engine on its way.
    fn lacks_witness(&self, vpn: &Vpn) -> bool {
        let nobody_answered = vpn.checked.is_some_and(|checked| checked.asked == 0);
        let doubted = vpn.is_failed() && vpn.doubt.is_some() && nobody_answered && !self.blind;
        if !doubted || vpn.current().is_none() || vpn.container_state() != Some(State::Running) {
            return false;
        }
        // An engine that may come to answer: on its way, or running where it can be asked.
        let will_tell = |engine: &Engine| match engine.standing {
            Standing::Hidden(Reason::Starting | Reason::Restarting | Reason::NotLookedAt) => true,
            Standing::Hidden(Reason::NotRunning(State::Created)) => engine.started_at.is_none(),
            Standing::Hidden(Reason::NotRunning(_)) => engine.stopped_lately(self.now),
            Standing::Offered | Standing::Hidden(_) => {
                let running_since = engine.answers.running_since.unwrap_or(self.now);
                let had_time = self.now.since(running_since) > self.settings.boot_allowance();
                offering::in_current_network(engine, vpn) && (engine.answers.trusted || !had_time)
            }
        };
        let on_it = |engine: &Engine| {
            engine.seat.vpn() == Some(vpn.id) && engine.condemned.is_none() && will_tell(engine)
        };
        let creating = self.fleet.operations.creates().any(|(_, create)| create.vpn == Some(vpn.id));
        !creating && !self.fleet.engines.values().any(on_it)
    }

    /// What must never be done to containers of others: for a canary.
    fn seize_names(&mut self) {
        if !self.sabotage.is(Canary::StrangersAreOurs) {
            return;
        }
        let ours = |stranger: &Stranger| naming::number(&stranger.name).is_some();
        let id = self.fleet.strangers.iter().find(|(_, stranger)| ours(stranger)).map(|(id, _)| *id);
        if let Some(id) = id {
            self.send(Cause::Clashes, Action::Remove(id), Task::Remove(id));
        }
    }

    /// What a fleet at rest must never do: for a canary.
    fn restless(&mut self) {
        if !self.sabotage.is(Canary::Restless) {
            return;
        }
        let rested = |engine: &&Engine| {
            engine.standing == Standing::Offered
                && self.now.since(engine.standing_since) > Duration::from_secs(600)
        };
        let oldest = self.fleet.engines.values().find(rested).map(|engine| engine.id);
        if let Some(id) = oldest {
            self.apply(id, Changing::Restarting, Cause::Reconnected);
        }
    }
}

/// What is left for creations; spent as they are decided.
struct Room {
    numbers: Numbers,
    ports: PortsHeld,
    /// Containers until the limit.
    seats: usize,
    /// Creations until enough are under way.
    provisions: usize,
}
