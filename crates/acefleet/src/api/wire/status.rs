//! The state of the whole: `/orchestrator/status`, and why provisioning is refused.

use super::engine::is_offered;
use super::time::{Moment, seconds_until};
use super::vpn::VpnStatus;
use crate::api::Chosen;
use control::Time;
use control::docker::State;
use control::policy::breaker::{Breaker, Kind, Phase};
use control::snapshot::{BlockedCode, BlockedView, EngineHealth, Overall, Snapshot};
use serde::Serialize;
use utoipa::ToSchema;

/// The state of the whole.
#[derive(Clone, PartialEq, Serialize, ToSchema, Debug)]
pub struct OrchestratorStatus {
    /// `healthy`, `degraded` or `unavailable`.
    #[schema(pattern = "^(healthy|degraded|unavailable)$")]
    pub status: &'static str,
    /// Engines, counted.
    pub engines: EngineCounts,
    /// Streams, counted.
    pub streams: StreamCounts,
    /// What there is room for.
    pub capacity: CapacityCounts,
    /// The VPNs in brief.
    pub vpn: VpnBrief,
    /// Whether an engine could be created now.
    pub provisioning: Provisioning,
    /// What was chosen.
    pub config: ConfigBrief,
    /// Docker answers.
    pub docker_reachable: bool,
    /// The first complete look has been had.
    pub ready: bool,
    /// Why it is not healthy, one sentence each.
    pub reasons: Vec<String>,
    /// When this was answered. It comes last, because it alone is written for each answer.
    pub timestamp: Moment,
}

/// Engines, counted.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, ToSchema, Debug)]
pub struct EngineCounts {
    /// They exist or are being created.
    pub total: usize,
    /// They run.
    pub running: usize,
    /// They are offered and their last answer was good.
    pub healthy: usize,
    /// They have not answered several times in a row.
    pub unhealthy: usize,
}

/// Streams, counted.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, ToSchema, Debug)]
pub struct StreamCounts {
    /// They go on.
    pub active: usize,
    /// They are shown: those that go on, and the latest that have ended.
    pub total: usize,
}

/// What there is room for.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, ToSchema, Debug)]
pub struct CapacityCounts {
    /// Engines that are offered.
    pub total: usize,
    /// Of these, how many have a stream or are kept for somebody.
    pub used: usize,
    /// Of these, how many are free.
    pub available: usize,
    /// The most engines that may exist.
    pub max_replicas: usize,
    /// The least that should.
    pub min_replicas: usize,
}

/// The VPNs in brief.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema, Debug)]
#[allow(missing_docs, reason = "each is the field of `/vpn/status` with that name")]
pub struct VpnBrief {
    pub enabled: bool,
    pub connected: bool,
    pub health: &'static str,
    pub container: Option<String>,
    pub forwarded_port: Option<u16>,
}

/// Whether an engine could be created now.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema, Debug)]
pub struct Provisioning {
    /// It could.
    pub can_provision: bool,
    /// `closed`, `open` or `half_open`.
    #[schema(pattern = "^(closed|open|half_open)$")]
    pub circuit_breaker_state: &'static str,
    /// When creating last failed.
    pub last_failure: Option<Moment>,
    /// Why it could not, in words.
    pub blocked_reason: Option<String>,
    /// The same for programs.
    pub blocked_reason_details: Option<BlockedDetails>,
}

/// Why no engine could be created now.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema, Debug)]
pub struct BlockedDetails {
    /// Which obstacle: `vpn_disconnected`, `circuit_breaker`, `max_capacity` or `docker_unavailable`.
    pub code: &'static str,
    /// The obstacle in words.
    pub message: String,
    /// In so many seconds it is expected to be gone, or looked at again.
    pub recovery_eta_seconds: u64,
    /// Asking again may help.
    pub can_retry: bool,
    /// It is only a matter of time.
    pub should_wait: bool,
}

/// What was chosen, in brief.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema, Debug)]
pub struct ConfigBrief {
    /// AUTO_DELETE.
    pub auto_delete: bool,
    /// ENGINE_GRACE_PERIOD_S.
    pub grace_period_s: u64,
    /// ENGINE_VARIANT.
    pub engine_variant: &'static str,
}

/// The body of a refused provision.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema, Debug)]
pub struct ProvisionRefused {
    /// Why, and whether it is worth waiting.
    pub detail: ProvisionRefusal,
}

/// Why a provision is refused.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema, Debug)]
pub struct ProvisionRefusal {
    /// `provisioning_blocked`: not now; `provisioning_failed`: it was tried.
    #[schema(pattern = "^(provisioning_blocked|provisioning_failed)$")]
    pub error: &'static str,
    /// Which obstacle.
    #[serde(flatten)]
    pub details: BlockedDetails,
}

/// The name that clients know for an obstacle. Those that the core tells apart beside are told by the name
/// that makes clients do the right thing; the message says what is so.
pub const fn code_word(code: BlockedCode) -> &'static str {
    match code {
        BlockedCode::DockerUnavailable => "docker_unavailable",
        // A VPN that has relapsed is as good as none until it has proven itself.
        BlockedCode::VpnDisconnected | BlockedCode::OnProbation => "vpn_disconnected",
        // There will be a seat in a moment.
        BlockedCode::MaxCapacity | BlockedCode::BeingCreated => "max_capacity",
        // Creating is not tried for a while, on purpose.
        BlockedCode::CircuitBreaker | BlockedCode::BacksOff | BlockedCode::Passive | BlockedCode::Leaving => {
            "circuit_breaker"
        }
    }
}

impl BlockedDetails {
    /// The obstacle that a picture shows.
    pub fn of(view: &BlockedView, now: Time) -> Self {
        Self {
            code: code_word(view.code),
            message: view.message.clone(),
            recovery_eta_seconds: seconds_until(view.until, now),
            can_retry: view.code.can_retry(),
            should_wait: view.code.should_wait(),
        }
    }
}

/// The word for what a breaker lets pass.
pub const fn phase_word(phase: Phase) -> &'static str {
    match phase {
        Phase::Closed => "closed",
        Phase::Open { .. } => "open",
        Phase::HalfOpen { .. } => "half_open",
    }
}

/// The breaker of this kind.
pub fn breaker(snapshot: &Snapshot, wanted: Kind) -> Option<&Breaker> {
    snapshot.breakers.iter().find(|(kind, _)| *kind == wanted).map(|(_, breaker)| breaker)
}

/// Engines whose answers are like this.
pub fn count_health(snapshot: &Snapshot, health: EngineHealth) -> usize {
    snapshot.engines.iter().filter(|view| view.health == health).count()
}

/// Engines that are offered and whose last answer was good.
pub fn count_healthy(snapshot: &Snapshot) -> usize {
    let good = |view: &&_| is_offered(snapshot, view) && view.health == EngineHealth::Healthy;
    snapshot.engines.iter().filter(good).count()
}

/// Streams that go on.
pub fn count_live(snapshot: &Snapshot) -> usize {
    snapshot.streams.iter().filter(|view| view.ended.is_none()).count()
}

impl CapacityCounts {
    /// What a picture shows of it.
    pub fn of(snapshot: &Snapshot) -> Self {
        let offered = || snapshot.engines.iter().filter(|view| is_offered(snapshot, view));
        let total = offered().count();
        let available =
            offered().filter(|view| view.streams.is_empty() && view.leased_until.is_none()).count();
        Self {
            total,
            used: total - available,
            available,
            max_replicas: snapshot.capacity.limit,
            min_replicas: snapshot.capacity.minimum,
        }
    }
}

impl OrchestratorStatus {
    /// The whole as it is told.
    pub fn of(snapshot: &Snapshot, chosen: &Chosen, now: Time) -> Self {
        let vpn = VpnStatus::of(snapshot, chosen.vpn_mode, now);
        let general = breaker(snapshot, Kind::General);
        let blocked = snapshot.blocked.as_ref();
        Self {
            status: match snapshot.overall {
                Overall::Healthy => "healthy",
                Overall::Degraded => "degraded",
                Overall::Unavailable => "unavailable",
            },
            engines: EngineCounts {
                total: snapshot.capacity.total,
                running: snapshot.engines.iter().filter(|view| view.state == State::Running).count(),
                healthy: count_healthy(snapshot),
                unhealthy: count_health(snapshot, EngineHealth::Unhealthy),
            },
            streams: StreamCounts { active: count_live(snapshot), total: snapshot.streams.len() },
            capacity: CapacityCounts::of(snapshot),
            vpn: VpnBrief {
                enabled: vpn.enabled,
                connected: vpn.connected,
                health: vpn.health,
                container: vpn.container,
                forwarded_port: vpn.forwarded_port,
            },
            provisioning: Provisioning {
                can_provision: blocked.is_none(),
                circuit_breaker_state: general.map_or("closed", |breaker| phase_word(breaker.phase())),
                last_failure: Moment::known(snapshot.last_creation_failure),
                blocked_reason: blocked.map(|view| view.message.clone()),
                blocked_reason_details: blocked.map(|view| BlockedDetails::of(view, now)),
            },
            config: ConfigBrief {
                auto_delete: chosen.auto_delete,
                grace_period_s: chosen.grace_period_s,
                engine_variant: chosen.engine_variant,
            },
            docker_reachable: snapshot.docker_reachable,
            ready: snapshot.ready,
            reasons: reasons(snapshot),
            timestamp: Moment(now),
        }
    }
}

/// What is wrong, one sentence each.
fn reasons(snapshot: &Snapshot) -> Vec<String> {
    let mut reasons = Vec::new();
    if !snapshot.ready {
        reasons.push("acefleet has not looked at everything yet".to_owned());
    }
    if !snapshot.docker_reachable {
        reasons.push("Docker does not answer; everything stays as it is until it does".to_owned());
    }
    if let Some(passive) = &snapshot.passive {
        reasons.push(format!("passive: {}", passive.why.describe()));
    }
    if snapshot.suspects_itself {
        let text = "engines on every VPN fail at once, so acefleet suspects its own connection";
        reasons.push(text.to_owned());
    }
    for vpn in &snapshot.vpns {
        let name = &vpn.container_name;
        if vpn.failed_since.is_some() {
            reasons.push(format!("VPN '{name}' failed"));
        }
        if vpn.port_flaps {
            reasons.push(format!("port flapping: VPN '{name}' forwards another port again and again"));
        }
    }
    let capacity = snapshot.capacity;
    if capacity.offered < capacity.desired {
        reasons.push(format!("{} of {} wanted engines are offered", capacity.offered, capacity.desired));
    }
    reasons
}
