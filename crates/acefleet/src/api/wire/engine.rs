//! Engines as they are told: `EngineState` and what belongs to it.

use super::stream::StreamState;
use super::time::Moment;
use crate::runtime::Usage;
use control::policy::offering::{Reason, Standing};
use control::snapshot::{EngineHealth, EngineView, Snapshot};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// One engine.
#[derive(Clone, PartialEq, Serialize, ToSchema, Debug)]
pub struct EngineState {
    /// Its container's id.
    pub container_id: String,
    /// Its container's name.
    pub container_name: String,
    /// The name by which others on Docker's network reach it.
    pub host: String,
    /// Its HTTP port.
    pub port: u16,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// It carries its VPN's forwarded port now.
    pub forwarded: bool,
    /// When it was first seen.
    pub first_seen: Moment,
    /// When it was last confirmed to exist.
    pub last_seen: Moment,
    /// The ids of the streams on it.
    pub streams: Vec<String>,
    /// What its answers say: `healthy`, `unhealthy` or `unknown`.
    #[schema(pattern = "^(healthy|unhealthy|unknown)$")]
    pub health_status: &'static str,
    /// When it was last asked.
    pub last_health_check: Option<Moment>,
    /// When a stream on it last began or ended.
    pub last_stream_usage: Option<Moment>,
    /// When its cache was last cleared.
    pub last_cache_cleanup: Option<Moment>,
    /// How many bytes that freed.
    pub cache_size_bytes: Option<u64>,
    /// The container of the VPN that it is on.
    pub vpn_container: Option<String>,
    /// New viewers may be sent to it.
    pub offered: bool,
    /// `offered`, or in one word why it is not.
    pub state: &'static str,
    /// In words why it is not offered.
    pub reason: Option<String>,
    /// Since when.
    pub state_since: Moment,
    /// When something further is done about it, if it is not offered.
    pub next_step: Option<Moment>,
    /// Docker's word for the state of its container.
    pub container_state: &'static str,
    /// What it last said of its network connection.
    pub connected: Option<bool>,
    /// The P2P port that it was created with.
    pub p2p_port: Option<u16>,
    /// Until when it is kept for a client that asked for it.
    pub leased_until: Option<Moment>,
    /// It has not answered for so long that it is replaced.
    pub replacing: bool,
    /// The operation of a person that it leaves or goes for.
    pub operation: Option<String>,
}

/// One engine with its streams.
#[derive(Clone, PartialEq, Serialize, ToSchema, Debug)]
pub struct EngineWithStreams {
    /// The engine.
    pub engine: EngineState,
    /// Live streams on it.
    pub streams: Vec<StreamState>,
}

/// Whether an engine is offered: what has not been looked at is not.
pub fn is_offered(snapshot: &Snapshot, view: &EngineView) -> bool {
    snapshot.ready && view.standing == Standing::Offered
}

/// Each engine as it is told, in the picture's order: by port.
pub fn engines(snapshot: &Snapshot, all: bool) -> Vec<EngineState> {
    let shown = |view: &&EngineView| all || is_offered(snapshot, view);
    snapshot.engines.iter().filter(shown).map(|view| EngineState::of(snapshot, view)).collect()
}

impl EngineState {
    /// The engine as it is told.
    pub fn of(snapshot: &Snapshot, view: &EngineView) -> Self {
        let offered = is_offered(snapshot, view);
        Self {
            container_id: view.container_id.to_string(),
            container_name: view.container_name.to_string(),
            host: view.host.to_string(),
            port: view.port,
            labels: labels(&view.labels),
            forwarded: view.forwarded,
            first_seen: Moment(view.first_seen),
            last_seen: Moment(view.last_seen),
            streams: view.streams.iter().map(ToString::to_string).collect(),
            health_status: health_word(view.health),
            last_health_check: Moment::known(view.last_health_check),
            last_stream_usage: Moment::known(view.last_stream_usage),
            last_cache_cleanup: Moment::known(view.last_cache_cleanup),
            cache_size_bytes: view.cache_size_bytes,
            vpn_container: view.vpn.as_ref().map(|(_, name)| name.to_string()),
            offered,
            state: shown_state(snapshot, view),
            reason: reason(snapshot, view),
            state_since: Moment(view.standing_since),
            next_step: Moment::known(view.next_step),
            container_state: view.state.as_str(),
            connected: view.connected,
            p2p_port: view.p2p_port,
            leased_until: Moment::known(view.leased_until),
            replacing: view.replacing,
            operation: view.request.map(|op| op.to_string()),
        }
    }
}

/// Why an engine is not offered, in words.
pub fn reason(snapshot: &Snapshot, view: &EngineView) -> Option<String> {
    match view.standing {
        Standing::Offered if snapshot.ready => None,
        Standing::Offered => Some(NOT_LOOKED_AROUND.to_owned()),
        Standing::Hidden(reason) => Some(in_words(reason)),
    }
}

const NOT_LOOKED_AROUND: &str = "acefleet has not looked at everything yet";

/// All labels, in the order of their keys.
pub fn labels(labels: &control::labels::Labels) -> BTreeMap<String, String> {
    labels.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// The word for what an engine's answers say.
pub const fn health_word(health: EngineHealth) -> &'static str {
    match health {
        EngineHealth::Healthy => "healthy",
        EngineHealth::Unhealthy => "unhealthy",
        EngineHealth::Unknown => "unknown",
    }
}

/// The word for an engine's state, as the picture shows it.
pub fn shown_state(snapshot: &Snapshot, view: &EngineView) -> &'static str {
    if is_offered(snapshot, view) { "offered" } else { state_word(view.standing) }
}

/// One word for whether an engine is offered, and if not, why.
pub const fn state_word(standing: Standing) -> &'static str {
    let reason = match standing {
        // Offered, but nothing is before the first look is complete.
        Standing::Offered => return "not_looked_at",
        Standing::Hidden(reason) => reason,
    };
    match reason {
        Reason::NotLookedAt => "not_looked_at",
        Reason::NoEngine => "no_engine",
        Reason::OutsideVpn => "outside_vpn",
        Reason::Condemned(_) => "condemned",
        Reason::Starting => "starting",
        Reason::Restarting => "restarting",
        Reason::Removing => "removing",
        Reason::NotRunning(_) => "not_running",
        Reason::VpnPending => "vpn_pending",
        Reason::VpnNetworkGone => "vpn_network_gone",
        Reason::VpnFailed => "vpn_failed",
        Reason::Stranded => "stranded",
        Reason::NotReconnected => "not_reconnected",
        Reason::Booting => "booting",
        Reason::Unhealthy => "unhealthy",
        Reason::Leaving(_) => "leaving",
    }
}

fn in_words(reason: Reason) -> String {
    match reason {
        Reason::Condemned(cause) | Reason::Leaving(cause) => format!("{}: {cause}", reason.describe()),
        Reason::NotRunning(state) => format!("{}: Docker says {state}", reason.describe()),
        Reason::NotLookedAt
        | Reason::NoEngine
        | Reason::OutsideVpn
        | Reason::Starting
        | Reason::Restarting
        | Reason::Removing
        | Reason::VpnPending
        | Reason::VpnNetworkGone
        | Reason::VpnFailed
        | Reason::Stranded
        | Reason::NotReconnected
        | Reason::Booting
        | Reason::Unhealthy => reason.describe().to_owned(),
    }
}

/// What an engine's container takes of the machine; null: not measured.
#[derive(Serialize, ToSchema)]
pub struct EngineUsage {
    /// Of one processor: 200 is two of them, all the time.
    cpu_percent: Option<f64>,
    /// Memory that it needs.
    memory_bytes: Option<u64>,
    /// The most memory that it may take.
    memory_limit_bytes: Option<u64>,
}

impl From<Usage> for EngineUsage {
    fn from(usage: Usage) -> Self {
        let Usage { cpu_percent, memory_bytes, memory_limit_bytes } = usage;
        Self { cpu_percent, memory_bytes, memory_limit_bytes }
    }
}
