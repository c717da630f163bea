//! Showing: the snapshot, from what is believed and was last decided. Changes nothing.

use super::Control;
use crate::agenda::Wake;
use crate::docker::State;
use crate::engine::Engine;
use crate::ids::ContainerId;
use crate::policy::breaker::Kind;
use crate::policy::ladder::Next;
use crate::policy::offering::{Reason, Standing};
use crate::policy::{failover, forwarding, scaling, verdict};
use crate::snapshot::{
    BlockedCode, BlockedView, Capacity, ContainerView, Counts, EmergencyView, EngineHealth, EngineView,
    Overall, Snapshot, VpnView,
};
use crate::time::Time;
use crate::vpn::Vpn;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

/// Why nothing can be created, as last decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Blocked {
    AtLimit,
    NoHealthyVpn,
    BacksOff(Time),
    OnProbation(Time),
    BreakerOpen(Time),
}

impl Control {
    /// Everything that outside programs may ask for, as it is now.
    pub fn snapshot(&self) -> Snapshot {
        let carriers = self.fleet.carriers();
        let views = self.fleet.engines.values().filter_map(|engine| self.view(engine, &carriers));
        let mut engines: Vec<_> = views.collect();
        engines.sort_by_key(|engine| (engine.port, engine.container_id));
        let capacity = self.capacity(&engines);
        let mut seated = vec![(0, 0); self.fleet.vpns.len()];
        for view in &engines {
            let Some((vpn, _)) = view.vpn else { continue };
            seated[vpn.index()].0 += 1;
            seated[vpn.index()].1 += usize::from(view.standing == Standing::Offered);
        }
        Snapshot {
            at: self.now,
            journalled: self.journal.written(),
            streams: self.stream_views(),
            viewers: self.viewers_view(),
            vpns: self
                .fleet
                .vpns
                .iter()
                .zip(seated)
                .map(|(vpn, seated)| self.vpn_view(vpn, seated))
                .collect(),
            emergency: self.emergency_view(),
            blocked: self.blocked_view(capacity),
            overall: self.overall(capacity),
            capacity,
            engines,
            containers: self.containers(),
            docker_reachable: self.docker.reachable(),
            ready: !self.sight.opening,
            suspects_itself: self.blind,
            breakers: [Kind::General, Kind::Replacement]
                .map(|kind| (kind, self.breakers.of(kind).clone()))
                .to_vec(),
            last_creation_failure: self.breakers.general.last_failure(),
            passive: self.passive(),
            counts: Counts {
                stale_streams: self.stale_streams,
                failovers: self.failovers,
                journal: self.journal.counts().collect(),
            },
        }
    }

    /// Whether an engine is offered now.
    pub fn offers(&self, engine: &Engine) -> bool {
        engine.standing == Standing::Offered && !self.sight.opening
    }

    /// When something further is done about an engine that is not offered: its operation ends, a decision falls
    /// due, or what it waits for is looked at again. `None`: nothing ever will be.
    pub fn next_step(&self, engine: &Engine) -> Option<Time> {
        let ends = |op| self.fleet.operations.get(op).map(|open| open.sent_at + self.settings.docker_timeout);
        let operation = engine.operation.and_then(|(op, _)| ends(op).or(self.agenda.when(Wake::AskFate(op))));
        if let Some(at) = operation.or(engine.next_step) {
            return Some(at.max(self.now));
        }
        let in_sight = self.docker.reachable() && self.sight.clear();
        let docker_is_back = (!in_sight).then(|| self.agenda.when(Wake::Ping)).flatten();
        let looks = [
            engine.inspecting.and_then(ends),
            self.agenda.when(Wake::Look(engine.id)),
            self.agenda.when(Wake::Probe(engine.id)),
            engine.answers.asking.and_then(ends),
            self.waits_for_vpn(engine),
            self.waits_for_a_person(engine),
            docker_is_back,
            self.passive().map(|passive| passive.until),
            self.settles(),
        ];
        looks.into_iter().flatten().min().map(|at| at.max(self.now))
    }

    /// Until when nothing is decided, because what the core before this one sent may not have been seen yet.
    fn settles(&self) -> Option<Time> {
        if self.has_looked_since_it_settled() {
            return None;
        }
        let listed = self.docker.listing.and_then(|op| self.fleet.operations.get(op));
        let listed = listed.map(|open| open.sent_at + self.settings.docker_timeout);
        listed.or(self.agenda.when(Wake::List)).max(Some(self.settles_at))
    }

    fn waits_for_vpn(&self, engine: &Engine) -> Option<Time> {
        let vpn = self.fleet.vpn_of(engine)?;
        let waits = !vpn.is_healthy() || vpn.current().is_none();
        waits.then(|| self.agenda.when(Wake::InspectVpn(vpn.id))).flatten()
    }

    /// Whoever paused it, or put it outside the VPNs, may undo that; the next listing tells.
    fn waits_for_a_person(&self, engine: &Engine) -> Option<Time> {
        let waits = matches!(
            engine.standing,
            Standing::Hidden(Reason::NotRunning(State::Paused) | Reason::OutsideVpn)
        );
        waits.then(|| self.agenda.when(Wake::List)).flatten()
    }

    fn view(&self, engine: &Engine, carriers: &[Option<ContainerId>]) -> Option<EngineView> {
        let ports = engine.ports?;
        let vpn = self.fleet.vpn_of(engine);
        let answers = &engine.answers;
        let health = if answers.failures >= self.settings.health_failure_threshold {
            EngineHealth::Unhealthy
        } else if answers.answered {
            EngineHealth::Healthy
        } else {
            EngineHealth::Unknown
        };
        let offered = self.offers(engine);
        Some(EngineView {
            container_id: engine.id,
            container_name: engine.name.clone(),
            host: vpn.map_or_else(|| engine.name.clone(), |vpn| vpn.name().clone()),
            port: ports.http,
            labels: engine.labels.clone(),
            image: engine.image.clone(),
            created_at: engine.created_at,
            started_at: engine.started_at,
            published: engine.published.clone(),
            forwarded: vpn.is_some_and(|vpn| carriers[vpn.id.index()] == Some(engine.id)),
            p2p_port: ports.p2p,
            first_seen: engine.first_seen,
            last_seen: engine.last_seen,
            streams: engine.streams.iter().cloned().collect(),
            last_stream_usage: engine.last_stream_usage,
            health,
            last_health_check: answers.asked_at,
            connected: answers.connected,
            vpn: vpn.map(|vpn| (vpn.id, vpn.name().clone())),
            state: engine.state,
            standing: engine.standing,
            standing_since: engine.standing_since,
            next_step: if offered { None } else { self.next_step(engine) },
            leased_until: engine.leased_until.filter(|_| engine.is_leased(self.now)),
            last_cache_cleanup: engine.cache.cleared_at,
            cache_size_bytes: engine.cache.bytes,
            replacing: self.is_being_replaced(engine),
            request: engine.request,
        })
    }

    /// What is ours and no engine.
    fn containers(&self) -> Vec<ContainerView> {
        let others = self.fleet.engines.values().filter(|container| !container.is_engine());
        let view = |container: &Engine| ContainerView {
            id: container.id,
            name: container.name.clone(),
            image: container.image.clone(),
            created_at: container.created_at,
            started_at: container.started_at,
            state: container.state,
            labels: container.labels.clone(),
            published: container.published.clone(),
        };
        let mut views: Vec<_> = others.map(view).collect();
        views.sort_by(|one, other| one.name.cmp(&other.name));
        views
    }

    /// Its time to answer again is over, or it goes for that.
    fn is_being_replaced(&self, engine: &Engine) -> bool {
        let Some(since) = engine.answers.unhealthy_since else { return false };
        let over = self.now.since(since) >= self.settings.health_unhealthy_grace_period;
        // At a limit it goes before its time is over.
        engine.condemned.is_some() || (over && engine.standing == Standing::Hidden(Reason::Unhealthy))
    }

    fn vpn_view(&self, vpn: &Vpn, (engines, offered): (usize, usize)) -> VpnView {
        let make = vpn.make.as_ref();
        let stable_at = vpn.stable_at(self.now, self.settings.vpn_recovery_stabilization);
        VpnView {
            id: vpn.id,
            container_name: vpn.name().clone(),
            container_id: vpn.container_id(),
            state: vpn.container_state(),
            image: make.map_or_else(|| Arc::from(""), |make| make.image.clone()),
            created_at: make.map(|make| make.created_at),
            started_at: vpn.started_at(),
            published: make.map_or_else(|| Arc::from([]), |make| make.published.clone()),
            docker_health: vpn.health(),
            verdict: vpn.verdict,
            verdict_since: vpn.verdict_since,
            doubt: vpn.doubt.map(|(doubt, _)| verdict::Doubt::why(doubt).to_string()),
            double_check: vpn.checked.map(|checked| (checked.connected, checked.asked)),
            forwarded_port: vpn.port(self.now, self.settings.gluetun_port_cache_ttl),
            port_changes: vpn.port_changes_counted,
            failures: vpn.failures_counted,
            port_flaps: forwarding::flaps(vpn, self.now),
            public_address: vpn.public_address.clone(),
            control_server: vpn.control_server,
            last_check: vpn.inspected,
            failed_since: vpn.failure.map(|failure| failure.at),
            stabilizes_until: stable_at.filter(|at| *at > self.now),
            probation_until: failover::probation_ends(vpn, self.now),
            next_rung: match self.next_rung(vpn.id, failover::healthy_since(&self.fleet.vpns)) {
                Next::At(at, rung) => Some((rung, at)),
                Next::Now(rung) => Some((rung, self.now)),
                Next::Nothing | Next::NeedsPerson => None,
            },
            rungs_climbed: vpn.climbed.steps,
            drains: vpn.draining.is_some(),
            engines,
            offered,
        }
    }

    fn emergency_view(&self) -> EmergencyView {
        let names = |which: fn(&Vpn) -> bool| {
            self.fleet.vpns.iter().filter(|vpn| which(vpn)).map(|vpn| vpn.name().clone()).collect()
        };
        EmergencyView {
            entered_at: self.emergency,
            failed: names(Vpn::is_failed),
            healthy: names(Vpn::is_healthy),
        }
    }

    pub(super) fn capacity(&self, engines: &[EngineView]) -> Capacity {
        let limit = scaling::limit(&self.settings);
        let used = self.demand();
        Capacity {
            total: self.fleet.occupying(),
            running: engines.iter().filter(|engine| engine.state == State::Running).count(),
            offered: self.fleet.engines.values().filter(|engine| self.offers(engine)).count(),
            used,
            desired: scaling::desired(&self.settings, used, self.in_unsettled_emergency(), limit),
            limit,
            minimum: self.settings.min_replicas,
        }
    }

    /// Why no engine could be created now, for whoever asks for one.
    pub(super) fn blocked_now(&self) -> Option<BlockedView> {
        self.blocked_view(self.capacity(&[]))
    }

    fn next_look(&self) -> Time {
        let next_look = [self.agenda.when(Wake::Ping), self.agenda.when(Wake::List)];
        next_look.into_iter().flatten().min().unwrap_or(self.now)
    }

    /// Why nothing at all is done to containers now, of whatever kind.
    pub(super) fn cannot_act(&self) -> Option<BlockedView> {
        let view = |code, message: String, until| Some(BlockedView { code, message, until });
        if let Some(blocked) = self.blocked_by_exit() {
            return Some(blocked);
        }
        if !self.docker.reachable() || !self.sight.clear() {
            return view(BlockedCode::DockerUnavailable, "Docker does not answer".into(), self.next_look());
        }
        let passive = self.passive()?;
        view(BlockedCode::Passive, passive.why.describe().into(), passive.until)
    }

    pub(super) fn blocked_view(&self, capacity: Capacity) -> Option<BlockedView> {
        if let Some(blocked) = self.cannot_act() {
            return Some(blocked);
        }
        let next_look = self.next_look();
        let unhealthy = !self.fleet.vpns.is_empty() && !self.fleet.vpns.iter().any(Vpn::is_healthy);
        let view = |code, message: String, until| Some(BlockedView { code, message, until });
        if unhealthy || self.blocked == Some(Blocked::NoHealthyVpn) {
            let inspections = self.fleet.vpns.iter().map(|vpn| self.agenda.when(Wake::InspectVpn(vpn.id)));
            let until = inspections.flatten().min().unwrap_or(next_look);
            let until = self.next_rung_at().unwrap_or(until);
            return view(BlockedCode::VpnDisconnected, "no VPN is healthy".into(), until);
        }
        if let Some(Blocked::OnProbation(until)) = self.blocked {
            let message = "every healthy VPN has relapsed and has to stay healthy for a while first";
            return view(BlockedCode::OnProbation, message.into(), until);
        }
        if let Some(until) = self.breaker_wait(Kind::General) {
            let failures = self.breakers.general.failures();
            let message =
                format!("creating engines failed {failures} times in a row, and is tried again then");
            return view(BlockedCode::CircuitBreaker, message, until);
        }
        if let Some(Blocked::BacksOff(until)) = self.blocked {
            return view(BlockedCode::BacksOff, "the last attempts were refused".into(), until);
        }
        if capacity.total >= capacity.limit || self.blocked == Some(Blocked::AtLimit) {
            let message = format!("{} of {} engines exist", capacity.total, capacity.limit);
            return view(BlockedCode::MaxCapacity, message, next_look);
        }
        None
    }

    fn overall(&self, capacity: Capacity) -> Overall {
        let vpns = &self.fleet.vpns;
        if capacity.offered == 0 && (self.sight.opening || capacity.desired > 0) {
            return Overall::Unavailable;
        }
        let passive = self.passive().is_some();
        let troubled = !self.docker.reachable() || self.blind || passive || vpns.iter().any(Vpn::is_failed);
        if troubled || capacity.offered < capacity.desired { Overall::Degraded } else { Overall::Healthy }
    }
}
