//! What the demo's routes tell, as JSON.
//!
//! Plain data. What it means is in the comments, which the OpenAPI document repeats.

use super::cost::Cost;
use super::viewers::View;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use utoipa::{IntoParams, ToSchema};

/// What can be done to a VPN.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, ToSchema, Debug, Default)]
#[serde(rename_all = "snake_case")]
pub(super) enum VpnFault {
    /// Its container is stopped, as by `docker stop`: it stays so until somebody starts it.
    #[default]
    Container,
    /// Its tunnel is lost while the container runs: nothing gets through until it recovers or the container restarts.
    Tunnel,
    /// Docker is told that it is unhealthy, though nothing is wrong.
    Health,
    /// Its control server refuses connections.
    Control,
}

/// Which fault.
#[derive(Deserialize, IntoParams, Debug)]
#[into_params(parameter_in = Query)]
pub(super) struct FailQuery {
    /// `container` unless it is said.
    #[serde(default)]
    #[param(inline)]
    pub(super) kind: VpnFault,
}

/// Which port.
#[derive(Deserialize, IntoParams, Debug)]
#[into_params(parameter_in = Query)]
pub(super) struct PortQuery {
    /// The port that the VPN forwards from now on; 0 for none. Each change passes through none for a second.
    pub(super) set: u16,
}

/// For how long.
#[derive(Deserialize, IntoParams, Debug)]
#[into_params(parameter_in = Query)]
pub(super) struct FreezeQuery {
    /// Seconds, up to 300; 0 ends a freeze.
    #[serde(default = "FreezeQuery::usual")]
    #[param(minimum = 0, maximum = 300, default = 30)]
    pub(super) seconds: u64,
}

impl FreezeQuery {
    /// Nothing is frozen longer.
    pub(super) const MOST: Duration = Duration::from_secs(300);

    const fn usual() -> u64 {
        30
    }
}

/// Something was done.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema, Debug)]
pub(super) struct Deed {
    /// What, in a sentence.
    pub(super) done: String,
    /// acefleet has noticed already: what it shows from now on takes this into account. `false` where there is nothing
    /// to be noticed at once.
    pub(super) noticed: bool,
    /// How many engines it offers now.
    pub(super) engines_offered: usize,
}

/// What there is, what can be broken and what is, and what viewers have noticed.
#[derive(Clone, PartialEq, Serialize, ToSchema, Debug)]
pub(super) struct DemoState {
    /// The VPNs, in order.
    pub(super) vpns: Vec<DemoVpn>,
    /// The engines, by name.
    pub(super) engines: Vec<DemoEngine>,
    /// For how many more milliseconds Docker is frozen; 0 if it is not.
    pub(super) docker_frozen_ms: u64,
    /// The viewers.
    pub(super) viewers: Vec<DemoViewer>,
    /// What this process has used on average since it began; null where the system does not tell.
    pub(super) cost: Option<DemoCost>,
    /// The routes by which things are broken and mended.
    pub(super) faults: Vec<FaultRoute>,
}

/// A VPN's stand-in.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema, Debug)]
pub(super) struct DemoVpn {
    /// Its container's name.
    pub(super) name: String,
    /// Its container's state, in Docker's word; null if it does not exist.
    pub(super) state: Option<String>,
    /// What has been done to it and not been taken back: `container`, `tunnel`, `health`, `control`.
    pub(super) failing: Vec<VpnFault>,
    /// The port that it forwards; null while there is none.
    pub(super) port: Option<u16>,
}

/// An engine's stand-in.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema, Debug)]
pub(super) struct DemoEngine {
    /// Its container's name.
    pub(super) name: String,
    /// Its container's state, in Docker's word.
    pub(super) state: String,
    /// It was told to hang.
    pub(super) hangs: bool,
}

/// What a viewer has noticed.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema, Debug)]
pub(super) struct DemoViewer {
    /// Its number, from one.
    pub(super) viewer: usize,
    /// The content id that it watches.
    pub(super) content: String,
    /// It has the picture: something of it came within the last two seconds.
    pub(super) plays: bool,
    /// What it sees, in words.
    pub(super) sees: String,
    /// Bytes that came.
    pub(super) bytes: u64,
    /// How long it waited for its first picture; null if it still does.
    pub(super) waited_ms: Option<u64>,
    /// How long it has been without pictures; null before the first.
    pub(super) silent_for_ms: Option<u64>,
    /// The longest time without pictures.
    pub(super) longest_silence_ms: u64,
    /// How often its connection broke.
    pub(super) disconnects: u64,
    /// How often it was turned away.
    pub(super) refusals: u64,
    /// Packets that did not follow the one before, without a word that this is meant.
    pub(super) continuity_errors: u64,
    /// Packets that say that a break is meant.
    pub(super) marked_breaks: u64,
    /// Numbered packets that were left out.
    pub(super) packets_missing: u64,
    /// Numbered packets that came again.
    pub(super) packets_repeated: u64,
}

/// What all viewers have noticed together. It is the same for as long as nothing happens to them.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, ToSchema, Debug)]
pub(super) struct AllNoticed {
    /// How many they are.
    pub(super) viewers: usize,
    /// How many of them have the picture.
    pub(super) play: usize,
    /// The longest time that one of them was without pictures.
    pub(super) longest_silence_ms: u64,
    /// How often connections broke.
    pub(super) disconnects: u64,
    /// How often one of them was turned away.
    pub(super) refusals: u64,
    /// Packets that did not follow the one before, without a word that this is meant.
    pub(super) continuity_errors: u64,
}

/// What this process costs.
#[derive(Clone, Copy, PartialEq, Serialize, ToSchema, Debug)]
pub(super) struct DemoCost {
    /// How many processors were busy on average.
    pub(super) processors: f64,
    /// Memory in use.
    pub(super) memory_mib: f64,
    /// The most that ever was.
    pub(super) memory_most_mib: f64,
}

/// A route by which something is broken or mended.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, ToSchema, Debug)]
pub(super) struct FaultRoute {
    /// `POST` it here; `{name}` is a VPN's or an engine's.
    pub(super) path: &'static str,
    /// What it does.
    pub(super) does: &'static str,
}

impl From<View> for DemoViewer {
    fn from(view: View) -> Self {
        let plays = view.plays();
        let View { viewer, content, sees, waited, silent_for, noticed } = view;
        Self {
            viewer,
            content: content.to_string(),
            plays,
            sees: sees.to_string(),
            bytes: noticed.bytes,
            waited_ms: waited.map(millis),
            silent_for_ms: silent_for.map(millis),
            longest_silence_ms: millis(noticed.longest_silence),
            disconnects: noticed.disconnects,
            refusals: noticed.refusals,
            continuity_errors: noticed.continuity_errors,
            marked_breaks: noticed.marked_breaks,
            packets_missing: noticed.missing,
            packets_repeated: noticed.repeats,
        }
    }
}

impl AllNoticed {
    /// What these have noticed.
    pub(super) fn of(views: &[View]) -> Self {
        let sum = |of: fn(&View) -> u64| views.iter().map(of).sum();
        let silences = views.iter().map(|view| view.noticed.longest_silence);
        Self {
            viewers: views.len(),
            play: views.iter().filter(|view| view.plays()).count(),
            longest_silence_ms: millis(silences.max().unwrap_or_default()),
            disconnects: sum(|view| view.noticed.disconnects),
            refusals: sum(|view| view.noticed.refusals),
            continuity_errors: sum(|view| view.noticed.continuity_errors),
        }
    }
}

impl From<Cost> for DemoCost {
    fn from(Cost { processors, memory_mib, memory_most_mib }: Cost) -> Self {
        Self { processors, memory_mib, memory_most_mib }
    }
}

/// Whole milliseconds.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
