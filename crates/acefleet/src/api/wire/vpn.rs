//! VPNs as they are told: `/vpn/status` and its parts.

use super::time::Moment;
use crate::settings::VpnMode;
use control::Time;
use control::docker::Health;
use control::snapshot::{Snapshot, VpnView};
use control::vpn::{ControlServer, Verdict};
use serde::Serialize;
use utoipa::ToSchema;

/// The VPNs together, in the shape of one; and each.
#[derive(Clone, PartialEq, Serialize, ToSchema, Debug)]
pub struct VpnStatus {
    /// `disabled`, `single` or `redundant`.
    #[schema(pattern = "^(disabled|single|redundant)$")]
    pub mode: &'static str,
    /// There are VPNs.
    pub enabled: bool,
    /// With one VPN, Docker's word for its container's state, or `not_found`; with several, `running` if any
    /// is connected, else `unhealthy`; without, `disabled`.
    pub status: &'static str,
    /// The first VPN's container.
    pub container_name: Option<String>,
    /// The same.
    pub container: Option<String>,
    /// `healthy`, `unhealthy`, `starting` or `unknown`; with several, `healthy` if any is, else `unhealthy`.
    pub health: &'static str,
    /// Engines can be used.
    pub connected: bool,
    /// The first VPN's forwarded port.
    pub forwarded_port: Option<u16>,
    /// When the first VPN was last looked at.
    pub last_check: Option<Moment>,
    /// The same.
    pub last_check_at: Option<Moment>,
    /// The first VPN.
    pub vpn1: Option<VpnState>,
    /// The second VPN.
    pub vpn2: Option<VpnState>,
    /// Whether some VPN failed while others carry on.
    pub emergency_mode: EmergencyMode,
    /// Every VPN, in configuration order.
    pub vpns: Vec<VpnState>,
}

/// One VPN.
#[derive(Clone, PartialEq, Serialize, ToSchema, Debug)]
pub struct VpnState {
    /// `single` or `redundant`.
    pub mode: &'static str,
    /// Always: a VPN that is not configured is not shown.
    pub enabled: bool,
    /// Docker's word for its container's state, or `not_found`; `unknown` before it was looked at.
    pub status: &'static str,
    /// Its container's name.
    pub container_name: String,
    /// The same.
    pub container: String,
    /// `healthy`, `unhealthy`, `starting` or `unknown`.
    pub health: &'static str,
    /// Its engines can be used.
    pub connected: bool,
    /// Its forwarded port.
    pub forwarded_port: Option<u16>,
    /// When it was last looked at.
    pub last_check: Option<Moment>,
    /// The same.
    pub last_check_at: Option<Moment>,
    /// Under which address it appears.
    pub public_ip: Option<String>,
    /// What is thought of it: `pending`, `healthy` or `failed`.
    pub verdict: &'static str,
    /// Since when.
    pub verdict_since: Moment,
    /// Why Docker's opinion of it is not enough.
    pub doubt: Option<String>,
    /// How its control server treats acefleet: `silent`, `answers` or `unauthorized`.
    pub control_server: &'static str,
    /// How often its forwarded port has changed since acefleet began.
    pub port_changes: u64,
    /// How often it has failed since acefleet began.
    pub failures: u64,
    /// Its forwarded port changes so often that it is not followed each time.
    pub port_flaps: bool,
    /// Until when nothing follows from a changed port, and no engine idles away.
    pub stabilizes_until: Option<Moment>,
    /// Until when it gets no new engines although it is healthy.
    pub probation_until: Option<Moment>,
    /// What is done about it next, if it has failed.
    pub next_repair: Option<&'static str>,
    /// When.
    pub next_repair_at: Option<Moment>,
    /// How much has been done about it in this failure.
    pub repairs: u32,
    /// A person has asked that it lose its engines.
    pub drains: bool,
    /// Engines on it.
    pub engines: usize,
    /// Of these, how many are offered.
    pub offered: usize,
}

/// Whether some VPN failed while others carry on.
#[derive(Clone, PartialEq, Serialize, ToSchema, Debug)]
pub struct EmergencyMode {
    /// It holds.
    pub active: bool,
    /// The first VPN that has failed.
    pub failed_vpn: Option<String>,
    /// The first VPN that is healthy.
    pub healthy_vpn: Option<String>,
    /// For how long, in seconds.
    pub duration_seconds: u64,
    /// Since when.
    pub entered_at: Option<Moment>,
    /// Every VPN that has failed.
    pub failed_vpns: Vec<String>,
    /// Every VPN that is healthy.
    pub healthy_vpns: Vec<String>,
}

/// Under which address the VPN appears.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema, Debug)]
pub struct PublicIp {
    /// The address.
    pub public_ip: String,
}

/// The word for how the VPNs are told about.
pub const fn mode_word(mode: VpnMode) -> &'static str {
    match mode {
        VpnMode::Disabled => "disabled",
        VpnMode::Single => "single",
        VpnMode::Redundant => "redundant",
    }
}

/// Its engines can be used.
pub fn is_connected(view: &VpnView) -> bool {
    view.verdict == Verdict::Healthy
}

/// The word for a VPN's health: what is thought of it, and where nothing is, what Docker says.
pub fn health_word(view: &VpnView) -> &'static str {
    match (view.verdict, view.docker_health) {
        (Verdict::Healthy, _) => "healthy",
        (Verdict::Pending | Verdict::Failed, Some(Health::Starting)) => "starting",
        (Verdict::Failed, _) if view.state.is_none() => "unknown",
        (Verdict::Failed, _) => "unhealthy",
        (Verdict::Pending, _) => "unknown",
    }
}

/// The word for the verdict itself.
pub const fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pending => "pending",
        Verdict::Healthy => "healthy",
        Verdict::Failed => "failed",
    }
}

impl VpnState {
    /// The VPN as it is told.
    pub fn of(view: &VpnView, mode: VpnMode) -> Self {
        let name = view.container_name.to_string();
        let last_check = Moment::known(view.last_check);
        Self {
            mode: mode_word(mode),
            enabled: true,
            status: match view.state {
                Some(state) => state.as_str(),
                None if view.last_check.is_none() => "unknown",
                None => "not_found",
            },
            container: name.clone(),
            container_name: name,
            health: health_word(view),
            connected: is_connected(view),
            forwarded_port: view.forwarded_port,
            last_check,
            last_check_at: last_check,
            public_ip: view.public_address.as_ref().map(ToString::to_string),
            verdict: verdict_word(view.verdict),
            verdict_since: Moment(view.verdict_since),
            doubt: view.doubt.clone(),
            control_server: match view.control_server {
                ControlServer::Silent => "silent",
                ControlServer::Answers => "answers",
                ControlServer::Unauthorized => "unauthorized",
            },
            port_changes: view.port_changes,
            failures: view.failures,
            port_flaps: view.port_flaps,
            stabilizes_until: Moment::known(view.stabilizes_until),
            probation_until: Moment::known(view.probation_until),
            next_repair: view.next_rung.map(|(rung, _)| rung.describe()),
            next_repair_at: Moment::known(view.next_rung.map(|(_, at)| at)),
            repairs: view.rungs_climbed,
            drains: view.drains,
            engines: view.engines,
            offered: view.offered,
        }
    }
}

impl VpnStatus {
    /// The VPNs as they are told.
    pub fn of(snapshot: &Snapshot, mode: VpnMode, now: Time) -> Self {
        let vpns: Vec<_> = snapshot.vpns.iter().map(|view| VpnState::of(view, mode)).collect();
        let emergency_mode = EmergencyMode::of(snapshot, now);
        let Some(first) = vpns.first().cloned() else {
            return Self {
                mode: mode_word(VpnMode::Disabled),
                enabled: false,
                status: "disabled",
                container_name: None,
                container: None,
                health: "unknown",
                connected: false,
                forwarded_port: None,
                last_check: None,
                last_check_at: None,
                vpn1: None,
                vpn2: None,
                emergency_mode,
                vpns,
            };
        };
        let connected = vpns.iter().any(|vpn| vpn.connected);
        let several = vpns.len() > 1;
        Self {
            mode: mode_word(mode),
            enabled: true,
            status: match (several, connected) {
                (false, _) => first.status,
                (true, true) => "running",
                (true, false) => "unhealthy",
            },
            container_name: Some(first.container_name.clone()),
            container: Some(first.container_name.clone()),
            health: match (several, connected) {
                (false, _) => first.health,
                (true, true) => "healthy",
                (true, false) => "unhealthy",
            },
            connected,
            forwarded_port: first.forwarded_port,
            last_check: first.last_check,
            last_check_at: first.last_check,
            vpn2: vpns.get(1).cloned(),
            vpn1: Some(first),
            emergency_mode,
            vpns,
        }
    }
}

impl EmergencyMode {
    fn of(snapshot: &Snapshot, now: Time) -> Self {
        let view = &snapshot.emergency;
        let names = |names: &[control::ids::Name]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let Some(entered_at) = view.entered_at else {
            return Self {
                active: false,
                failed_vpn: None,
                healthy_vpn: None,
                duration_seconds: 0,
                entered_at: None,
                failed_vpns: Vec::new(),
                healthy_vpns: Vec::new(),
            };
        };
        Self {
            active: true,
            failed_vpn: view.failed.first().map(ToString::to_string),
            healthy_vpn: view.healthy.first().map(ToString::to_string),
            duration_seconds: now.since(entered_at).as_secs(),
            entered_at: Some(Moment(entered_at)),
            failed_vpns: names(&view.failed),
            healthy_vpns: names(&view.healthy),
        }
    }
}

/// The address of the first VPN that is healthy and has told one, else of the first that ever has.
pub fn public_ip(snapshot: &Snapshot) -> Option<PublicIp> {
    let known = || snapshot.vpns.iter().filter(|view| view.public_address.is_some());
    let view = known().find(|view| is_connected(view)).or_else(|| known().next())?;
    view.public_address.as_ref().map(|address| PublicIp { public_ip: address.to_string() })
}
