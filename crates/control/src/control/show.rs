//! Showing: the snapshot, from what is believed and was last decided. Changes nothing.

use super::Control;
use crate::agenda::Wake;
use crate::canary::Canary;
use crate::docker::State;
use crate::engine::Engine;
use crate::ids::ContainerId;
use crate::policy::offering::Standing;
use crate::policy::{failover, scaling, verdict};
use crate::snapshot::{
    BlockedCode, BlockedView, Capacity, EmergencyView, EngineHealth, EngineView, Overall, Snapshot, VpnView,
};
use crate::time::Time;
use crate::vpn::Vpn;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Why nothing can be created, as last decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Blocked {
    AtLimit,
    NoHealthyVpn,
    BacksOff(Time),
}

impl Control {
    /// Everything that outside programs may ask for, as it is now.
    pub fn snapshot(&self) -> Snapshot {
        let carriers = self.fleet.carriers();
        let views = self.fleet.engines.values().filter_map(|engine| self.view(engine, &carriers));
        let mut engines: Vec<_> = views.collect();
        engines.sort_by_key(|engine| (engine.port, engine.container_id));
        let capacity = self.capacity(&engines);
        Snapshot {
            at: self.now,
            journalled: self.journal.written(),
            vpns: self.fleet.vpns.iter().map(|vpn| self.vpn_view(vpn, &engines)).collect(),
            emergency: self.emergency_view(),
            blocked: self.blocked_view(capacity),
            overall: self.overall(capacity),
            capacity,
            engines,
            docker_reachable: self.docker.reachable(),
            ready: !self.sight.opening,
            suspects_itself: self.blind,
        }
    }

    /// Whether an engine is offered now.
    pub fn offers(&self, engine: &Engine) -> bool {
        engine.standing == Standing::Offered && !self.sight.opening
    }

    /// When something further is done about an engine that is not offered: a decision that falls due, or the
    /// next look at what it waits for.
    pub fn next_step(&self, engine: &Engine) -> Option<Time> {
        if self.sabotage.is(Canary::HidesSilently) {
            return None;
        }
        let operation = engine.operation.and_then(|(op, _)| self.fleet.operations.get(op));
        let ends = operation.map(|operation| operation.sent_at + self.settings.docker_timeout);
        let looks = [
            self.agenda.when(Wake::Probe(engine.id)),
            engine.seat.vpn().and_then(|vpn| self.agenda.when(Wake::InspectVpn(vpn))),
            self.agenda.when(Wake::List),
            self.agenda.when(Wake::Ping),
        ];
        let next_look = looks.into_iter().flatten().min();
        ends.or(engine.next_step).or(next_look).map(|at| at.max(self.now))
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
            forwarded: vpn.is_some_and(|vpn| carriers[vpn.id.index()] == Some(engine.id)),
            p2p_port: ports.p2p,
            first_seen: engine.first_seen,
            last_seen: engine.last_seen,
            streams: engine.streams.iter().cloned().collect(),
            health,
            last_health_check: answers.asked_at,
            connected: answers.connected,
            vpn: vpn.map(|vpn| (vpn.id, vpn.name().clone())),
            state: engine.state,
            standing: engine.standing,
            standing_since: engine.standing_since,
            next_step: if offered { None } else { self.next_step(engine) },
        })
    }

    fn vpn_view(&self, vpn: &Vpn, engines: &[EngineView]) -> VpnView {
        let on_it = || engines.iter().filter(|view| view.vpn.as_ref().is_some_and(|(id, _)| *id == vpn.id));
        let stable_at = vpn.stable_at(self.now, self.settings.vpn_recovery_stabilization);
        VpnView {
            id: vpn.id,
            container_name: vpn.name().clone(),
            container_id: vpn.container_id(),
            state: vpn.container_state(),
            docker_health: vpn.health(),
            verdict: vpn.verdict,
            verdict_since: vpn.verdict_since,
            doubt: vpn.doubt.map(|(doubt, _)| verdict::Doubt::why(doubt).to_string()),
            double_check: vpn.checked.map(|checked| (checked.connected, checked.asked)),
            forwarded_port: vpn.port(self.now, self.settings.gluetun_port_cache_ttl),
            public_address: vpn.public_address.clone(),
            control_server: vpn.control_server,
            last_check: vpn.inspected,
            failed_since: vpn.failure.map(|failure| failure.at),
            stabilizes_until: stable_at.filter(|at| *at > self.now),
            probation_until: failover::probation_ends(vpn, self.now),
            engines: on_it().count(),
            offered: on_it().filter(|view| view.standing == Standing::Offered).count(),
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

    fn capacity(&self, engines: &[EngineView]) -> Capacity {
        let limit = scaling::limit(&self.settings);
        let used = engines.iter().filter(|engine| !engine.streams.is_empty()).count();
        Capacity {
            total: self.fleet.occupying(),
            running: engines.iter().filter(|engine| engine.state == State::Running).count(),
            offered: self.fleet.engines.values().filter(|engine| self.offers(engine)).count(),
            used,
            desired: scaling::desired(&self.settings, used, self.emergency.is_some(), limit),
            limit,
            minimum: self.settings.min_replicas,
        }
    }

    fn blocked_view(&self, capacity: Capacity) -> Option<BlockedView> {
        let next_look = [self.agenda.when(Wake::Ping), self.agenda.when(Wake::List)];
        let next_look = next_look.into_iter().flatten().min().unwrap_or(self.now);
        let unhealthy = !self.fleet.vpns.is_empty() && !self.fleet.vpns.iter().any(Vpn::is_healthy);
        let view = |code, message: String, until| Some(BlockedView { code, message, until });
        if !self.docker.reachable() || !self.sight.clear() {
            return view(BlockedCode::DockerUnavailable, "Docker does not answer".into(), next_look);
        }
        if unhealthy || self.blocked == Some(Blocked::NoHealthyVpn) {
            let inspections = self.fleet.vpns.iter().map(|vpn| self.agenda.when(Wake::InspectVpn(vpn.id)));
            let until = inspections.flatten().min().unwrap_or(next_look);
            return view(BlockedCode::VpnDisconnected, "no VPN is healthy".into(), until);
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
        let troubled = !self.docker.reachable() || self.blind || vpns.iter().any(Vpn::is_failed);
        if troubled || capacity.offered < capacity.desired { Overall::Degraded } else { Overall::Healthy }
    }
}
