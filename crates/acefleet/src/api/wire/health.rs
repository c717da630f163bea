//! The health of the engines together: `/health/status`.

use super::status::{breaker, count_health, count_healthy, phase_word};
use super::time::Moment;
use crate::api::Chosen;
use control::policy::breaker::{Breaker, Kind};
use control::snapshot::{EngineHealth, Snapshot};
use serde::Serialize;
use utoipa::ToSchema;

/// The health of the engines together.
#[derive(Clone, PartialEq, Serialize, ToSchema, Debug)]
pub struct HealthStatus {
    /// Engines that exist or are being created.
    pub total_engines: usize,
    /// Engines that are offered and whose last answer was good.
    pub healthy_engines: usize,
    /// Engines that have not answered several times in a row.
    pub unhealthy_engines: usize,
    /// Engines that have not answered for so long that they are replaced.
    pub marked_for_replacement: usize,
    /// The least number of engines that should exist.
    pub minimum_required: usize,
    /// HEALTH_CHECK_INTERVAL_S.
    pub health_check_interval: u64,
    /// The breakers.
    pub circuit_breakers: CircuitBreakers,
}

/// The breakers.
#[derive(Clone, PartialEq, Serialize, ToSchema, Debug)]
pub struct CircuitBreakers {
    /// For every creation but those of the other.
    pub general: CircuitBreaker,
    /// For creations that replace engines which do not answer.
    pub replacement: CircuitBreaker,
}

/// One breaker.
#[derive(Clone, PartialEq, Serialize, ToSchema, Debug)]
pub struct CircuitBreaker {
    /// `closed`, `open` or `half_open`.
    #[schema(pattern = "^(closed|open|half_open)$")]
    pub state: &'static str,
    /// Failures in a row.
    pub failure_count: u32,
    /// After how many it opens.
    pub failure_threshold: u32,
    /// When the last failure was counted.
    pub last_failure_time: Option<Moment>,
    /// When the last success was counted.
    pub last_success_time: Option<Moment>,
    /// For how many seconds it opens.
    pub recovery_timeout: u64,
}

impl HealthStatus {
    /// What a picture shows of it.
    pub fn of(snapshot: &Snapshot, chosen: &Chosen) -> Self {
        Self {
            total_engines: snapshot.capacity.total,
            healthy_engines: count_healthy(snapshot),
            unhealthy_engines: count_health(snapshot, EngineHealth::Unhealthy),
            marked_for_replacement: snapshot.engines.iter().filter(|view| view.replacing).count(),
            minimum_required: snapshot.capacity.minimum,
            health_check_interval: chosen.health_check_interval_s,
            circuit_breakers: CircuitBreakers {
                general: CircuitBreaker::of(breaker(snapshot, Kind::General)),
                replacement: CircuitBreaker::of(breaker(snapshot, Kind::Replacement)),
            },
        }
    }
}

impl CircuitBreaker {
    fn of(breaker: Option<&Breaker>) -> Self {
        Self {
            state: breaker.map_or("closed", |breaker| phase_word(breaker.phase())),
            failure_count: breaker.map_or(0, Breaker::failures),
            failure_threshold: breaker.map_or(0, Breaker::threshold),
            last_failure_time: Moment::known(breaker.and_then(Breaker::last_failure)),
            last_success_time: Moment::known(breaker.and_then(Breaker::last_success)),
            recovery_timeout: breaker.map_or(0, |breaker| breaker.recovery().as_secs()),
        }
    }
}
