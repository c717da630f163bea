//! What the core shows: an immutable picture of everything that outside programs may ask for.
//!
//! REST, metrics and panel read this and nothing else. Plain data in the core's own types; names of fields on
//! the wire and formats of times are the edge's business.

use crate::command::Content;
use crate::docker::{Health, State};
use crate::event::SessionReport;
use crate::ids::{ContainerId, Name, OpId, VpnId};
use crate::labels::Labels;
use crate::policy::breaker::{Breaker, Kind};
use crate::policy::ladder::Rung;
use crate::policy::offering::Standing;
use crate::stream::Origin;
use crate::time::{Stamp, Time};
use crate::vpn::{ControlServer, Verdict};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Everything, at one moment.
#[derive(Clone, PartialEq, Debug)]
pub struct Snapshot {
    /// When it was taken.
    pub at: Time,
    /// Entries in the journal by then; it tells whether a request's acceptance is in it.
    pub journalled: u64,
    /// Containers of ours that are engines, by port.
    pub engines: Vec<EngineView>,
    /// Containers of ours that are no engines, by name: shown, and removed if a person wants it; counted in nothing.
    pub containers: Vec<ContainerView>,
    /// Streams: live ones, then those that ended, the latest last.
    pub streams: Vec<Arc<StreamView>>,
    /// Viewers of the proxy.
    pub viewers: ViewersView,
    /// The configured VPNs, in configuration order.
    pub vpns: Vec<VpnView>,
    /// Whether some VPN failed while others carry on.
    pub emergency: EmergencyView,
    /// What there is room for.
    pub capacity: Capacity,
    /// Whether an engine could be created now, and if not, why.
    pub blocked: Option<BlockedView>,
    /// How the whole is.
    pub overall: Overall,
    /// Docker answers.
    pub docker_reachable: bool,
    /// The first complete look has been had.
    pub ready: bool,
    /// Engines on every VPN fail at once, so acefleet suspects itself.
    pub suspects_itself: bool,
    /// The breakers: their counts, and what they let pass.
    pub breakers: Vec<(Kind, Breaker)>,
    /// When creating an engine last failed in a way that a breaker counts.
    pub last_creation_failure: Option<Time>,
    /// Nothing is done to containers, and why.
    pub passive: Option<PassiveView>,
    /// What has been counted in this life of acefleet.
    pub counts: Counts,
}

/// Standing back: nothing is done to containers for a while.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PassiveView {
    /// Why.
    pub why: PassiveWhy,
    /// Since when.
    pub since: Time,
    /// Until when, if nothing further happens.
    pub until: Time,
}

/// Why nothing is done to containers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum PassiveWhy {
    /// Somebody else creates and removes containers of ours.
    ForeignHand,
    /// The core has broken and been rebuilt again and again.
    Rebuilds,
}

impl PassiveWhy {
    /// The reason in words, and what ends it.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::ForeignHand => {
                "somebody else creates and removes our containers: nothing is done until that stops"
            }
            Self::Rebuilds => {
                "acefleet's core has broken several times in ten minutes: nothing is done to containers until it is \
                 tried again"
            }
        }
    }
}

/// One engine.
#[derive(Clone, PartialEq, Debug)]
pub struct EngineView {
    /// Its container.
    pub container_id: ContainerId,
    /// Its container's name.
    pub container_name: Name,
    /// The name by which others on Docker's network reach it: its VPN's container, else its own.
    pub host: Name,
    /// Its HTTP port, the same inside and outside.
    pub port: u16,
    /// All its labels.
    pub labels: Labels,
    /// Its image; empty until it has been inspected, if acefleet has just created it.
    pub image: Arc<str>,
    /// When it was created, on Docker's clock.
    pub created_at: Option<Stamp>,
    /// When it was last started, on Docker's clock.
    pub started_at: Option<Stamp>,
    /// Host ports that it publishes itself; none in the network of a VPN.
    pub published: Arc<[u16]>,
    /// It carries its VPN's forwarded port now.
    pub forwarded: bool,
    /// The P2P port it was created with.
    pub p2p_port: Option<u16>,
    /// When this life of acefleet first saw it.
    pub first_seen: Time,
    /// When it was last confirmed to exist.
    pub last_seen: Time,
    /// Streams on it.
    pub streams: Vec<Arc<str>>,
    /// When a stream on it last began or ended.
    pub last_stream_usage: Option<Time>,
    /// What its answers say.
    pub health: EngineHealth,
    /// When it was last asked.
    pub last_health_check: Option<Time>,
    /// What it last said of its network connection.
    pub connected: Option<bool>,
    /// The VPN it is seated on.
    pub vpn: Option<(VpnId, Name)>,
    /// Docker's state of it.
    pub state: State,
    /// Whether it is offered, and if not, why.
    pub standing: Standing,
    /// Since when.
    pub standing_since: Time,
    /// When something further is done about it, if it is not offered.
    pub next_step: Option<Time>,
    /// Until when it is kept for a client that asked for it.
    pub leased_until: Option<Time>,
    /// When its cache was last cleared.
    pub last_cache_cleanup: Option<Time>,
    /// How many bytes that freed.
    pub cache_size_bytes: Option<u64>,
    /// It has not answered for so long that it is to be replaced, or is being replaced for it.
    pub replacing: bool,
    /// The request of a person that it leaves or goes for.
    pub request: Option<OpId>,
}

/// One container, as Docker tells of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ContainerView {
    /// Its id.
    pub id: ContainerId,
    /// Its name.
    pub name: Name,
    /// Its image; empty if it is not known yet.
    pub image: Arc<str>,
    /// When it was created, on Docker's clock.
    pub created_at: Option<Stamp>,
    /// When it was last started, on Docker's clock.
    pub started_at: Option<Stamp>,
    /// Docker's state of it.
    pub state: State,
    /// All its labels. None of a VPN's: what somebody else has written on a container may be secret.
    pub labels: Labels,
    /// Host ports that it publishes.
    pub published: Arc<[u16]>,
}

/// What has been counted in this life of acefleet.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Counts {
    /// Announced streams that ended because their session was stale.
    pub stale_streams: u64,
    /// Emergencies that were entered.
    pub failovers: u64,
    /// Entries of the journal, by their kind: see [`What::kind`](crate::journal::What::kind).
    pub journal: Vec<(&'static str, u64)>,
}

impl EngineView {
    /// Its container.
    pub fn container(&self) -> ContainerView {
        ContainerView {
            id: self.container_id,
            name: self.container_name.clone(),
            image: self.image.clone(),
            created_at: self.created_at,
            started_at: self.started_at,
            state: self.state,
            labels: self.labels.clone(),
            published: self.published.clone(),
        }
    }
}

impl VpnView {
    /// Its container, if it exists.
    pub fn container(&self) -> Option<ContainerView> {
        Some(ContainerView {
            id: self.container_id?,
            name: self.container_name.clone(),
            image: self.image.clone(),
            created_at: self.created_at,
            started_at: self.started_at,
            state: self.state?,
            labels: Labels::default(),
            published: self.published.clone(),
        })
    }
}

impl Snapshot {
    /// Every container that may be shown: engines, what else is ours, and the VPNs'.
    pub fn every_container(&self) -> impl Iterator<Item = ContainerView> + '_ {
        let engines = self.engines.iter().map(EngineView::container);
        engines.chain(self.containers.iter().cloned()).chain(self.vpns.iter().filter_map(VpnView::container))
    }
}

/// One stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StreamView {
    /// Its id.
    pub id: Arc<str>,
    /// Whose viewers watch it.
    pub origin: Origin,
    /// What is played.
    pub content: Content,
    /// The engine that plays it, and its HTTP port.
    pub engine: Option<(ContainerId, u16)>,
    /// The engine's name for the session; empty while there is none.
    pub playback_session_id: Arc<str>,
    /// Path and query of its stat URL at the engine's own address.
    pub stat_path: Option<Arc<str>>,
    /// Path and query of its command URL at the engine's own address.
    pub command_path: Option<Arc<str>>,
    /// It is live.
    pub is_live: bool,
    /// When it began.
    pub started_at: Time,
    /// When it ended, and why; `None` while it goes on.
    pub ended: Option<(Time, &'static str)>,
    /// What its engine last said of it.
    pub report: Option<SessionReport>,
    /// When that was: another moment is another sample, though it may say the same.
    pub reported_at: Option<Time>,
    /// Viewers of the proxy that are sent it.
    pub watching: usize,
    /// Viewers of the proxy that wait for it.
    pub waiting: usize,
}

/// Viewers of the proxy.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct ViewersView {
    /// They are sent a stream.
    pub watching: usize,
    /// They are kept waiting.
    pub waiting: usize,
}

/// What an engine's answers say of its health.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum EngineHealth {
    /// Its last answer was good.
    Healthy,
    /// It has not answered several times in a row.
    Unhealthy,
    /// It has not been asked since it was started or adopted.
    Unknown,
}

/// One VPN.
#[derive(Clone, PartialEq, Debug)]
pub struct VpnView {
    /// Its place in the configuration.
    pub id: VpnId,
    /// Its container's name.
    pub container_name: Name,
    /// Its container's id, if it exists.
    pub container_id: Option<ContainerId>,
    /// Docker's state; `None` if there is no such container, or it has not been looked at.
    pub state: Option<State>,
    /// Its container's image; empty if it has not been looked at.
    pub image: Arc<str>,
    /// When that was created, on Docker's clock.
    pub created_at: Option<Stamp>,
    /// When it was last started, on Docker's clock.
    pub started_at: Option<Stamp>,
    /// Host ports that it publishes.
    pub published: Arc<[u16]>,
    /// Docker's opinion of its health.
    pub docker_health: Option<Health>,
    /// What is thought of it.
    pub verdict: Verdict,
    /// Since when.
    pub verdict_since: Time,
    /// Why Docker's opinion is not enough, in words.
    pub doubt: Option<String>,
    /// The result of the last double check: connected, and asked.
    pub double_check: Option<(usize, usize)>,
    /// Its forwarded port.
    pub forwarded_port: Option<u16>,
    /// How often that has changed, in this life of acefleet.
    pub port_changes: u64,
    /// How often the VPN has failed, in this life of acefleet.
    pub failures: u64,
    /// The forwarded port changes so often that it is not followed each time.
    pub port_flaps: bool,
    /// Under which address it appears.
    pub public_address: Option<Arc<str>>,
    /// How its control server treats us.
    pub control_server: ControlServer,
    /// When it was last looked at.
    pub last_check: Option<Time>,
    /// Since when it has been failed.
    pub failed_since: Option<Time>,
    /// Until when nothing follows from a changed port, and nothing idles away.
    pub stabilizes_until: Option<Time>,
    /// Until when it gets no new engines although it is healthy.
    pub probation_until: Option<Time>,
    /// What is done about it next, if it has failed, and when.
    pub next_rung: Option<(Rung, Time)>,
    /// What has been done about it in this failure, counted.
    pub rungs_climbed: u32,
    /// A person has asked that it be given no new engines and lose those that it has.
    pub drains: bool,
    /// Engines seated on it.
    pub engines: usize,
    /// Of these, how many are offered.
    pub offered: usize,
}

/// Whether some VPN failed while others carry on.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct EmergencyView {
    /// Since when it holds.
    pub entered_at: Option<Time>,
    /// VPNs that have failed, in configuration order.
    pub failed: Vec<Name>,
    /// VPNs that are healthy, in configuration order.
    pub healthy: Vec<Name>,
}

/// What there is room for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Capacity {
    /// Engines that exist or are being created.
    pub total: usize,
    /// Engines that run.
    pub running: usize,
    /// Engines that are offered.
    pub offered: usize,
    /// Engines with a stream.
    pub used: usize,
    /// Engines that should serve.
    pub desired: usize,
    /// The most that may exist.
    pub limit: usize,
    /// The least that should.
    pub minimum: usize,
}

/// Why no engine can be created now.
#[derive(Clone, PartialEq, Debug)]
pub struct BlockedView {
    /// Which obstacle.
    pub code: BlockedCode,
    /// The obstacle in words.
    pub message: String,
    /// When it is expected to be gone, or looked at again.
    pub until: Time,
}

/// Obstacles to creating an engine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BlockedCode {
    /// Docker does not answer, or has not been looked at again since.
    DockerUnavailable,
    /// No VPN is healthy.
    VpnDisconnected,
    /// A limit is reached.
    MaxCapacity,
    /// Every healthy VPN has relapsed lately, and has to stay healthy for a while first.
    OnProbation,
    /// Creation failed lately.
    BacksOff,
    /// Creation failed too often.
    CircuitBreaker,
    /// An engine is being created, and does not run yet.
    BeingCreated,
    /// Nothing is done to containers: [`Snapshot::passive`] says why.
    Passive,
    /// Acefleet is about to exit.
    Leaving,
}

impl BlockedCode {
    /// Asking again may help.
    pub const fn can_retry(self) -> bool {
        true
    }

    /// It is only a matter of time.
    pub const fn should_wait(self) -> bool {
        match self {
            Self::DockerUnavailable
            | Self::VpnDisconnected
            | Self::OnProbation
            | Self::BacksOff
            | Self::CircuitBreaker
            | Self::BeingCreated
            | Self::Passive
            | Self::Leaving => true,
            // Nothing that acefleet does will change it.
            Self::MaxCapacity => false,
        }
    }
}

/// How the whole is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Overall {
    /// As it should be.
    Healthy,
    /// It serves, and something is wrong.
    Degraded,
    /// It serves nobody.
    Unavailable,
}
