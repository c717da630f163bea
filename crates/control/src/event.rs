//! Everything the core can be told. One closed list: what is not here cannot influence a decision.
//!
//! Wire formats are translated before they get here.

use crate::command::Content;
use crate::docker::{Facts, Listing, Notice};
use crate::ids::{ContainerId, OpId, RequestId, SessionId, ViewerId, VpnId};
use crate::request::Request;
use crate::time::Time;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

/// One thing that happened outside, told to [`Control::handle`](crate::Control::handle).
#[derive(Clone, PartialEq, Debug)]
pub enum Event {
    /// Nothing but time has passed: the moment of `next_wakeup` has come, or an early one; both are fine.
    Woken,
    /// The core before this one broke a promise to itself and was dropped; this one was built in its place, with a
    /// seed of its own. Told before anything else.
    Rebuilt {
        /// When cores were rebuilt lately, this time included, in order: at most
        /// [`KEPT`](crate::policy::rebuilds::KEPT).
        times: Vec<Time>,
        /// What it broke over, and what it said.
        why: Arc<str>,
    },
    /// Acefleet is about to exit. Nothing is created, repaired or handed out any more, and
    /// [`Control::has_left`](crate::Control::has_left) tells when nothing would be left half done.
    Leaving {
        /// Every engine is to go with it; otherwise all go on running.
        stop_engines: bool,
    },
    /// A command has ended. Sent exactly once for each command.
    Finished {
        /// The command's own id.
        op: OpId,
        /// How it ended.
        outcome: Outcome,
    },
    /// Docker's event stream told something. May come late, twice, out of order or never.
    Docker(Notice),
    /// Docker's event stream was (re)opened: whatever happened before may have gone unheard.
    DockerStreamOpened,
    /// The store has told which streams other programs had announced, or has said that it cannot.
    StoreAnswered(Result<Vec<RememberedStream>, Arc<str>>),
    /// A VPN's Gluetun told its forwarded ports by itself; none is an empty list.
    PortsPushed {
        /// The VPN.
        vpn: VpnId,
        /// The ports.
        ports: Vec<u16>,
    },
    /// Somebody outside asks for something. Answered by exactly one message.
    Asked {
        /// Names the request; its answer carries the same.
        request: RequestId,
        /// What is asked for.
        what: Request,
    },
    /// A viewer of the proxy wants to watch something.
    ViewerCame {
        /// The viewer.
        viewer: ViewerId,
        /// What it wants to watch.
        content: Content,
        /// It is being sent what a session delivers that a core before this one had opened: it is not to be cut off
        /// for want of a seat.
        sees: bool,
    },
    /// A viewer of the proxy has gone, for whatever reason.
    ViewerLeft(ViewerId),
    /// A session that the data plane reads has ended by itself or broken.
    SessionBroke(SessionId),
    /// A session that the data plane reads delivers: what it sends has begun to reach viewers, or does so again after
    /// a silence that was told.
    SessionSpoke(SessionId),
    /// A session that had delivered has not done so for a while. Told once for each silence.
    SessionSilent(SessionId),
}

/// An announced stream that was live when acefleet last wrote to its store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RememberedStream {
    /// The engine that played it.
    pub engine: ContainerId,
    /// The stream's id.
    pub stream: Arc<str>,
    /// What was played.
    pub content: Content,
    /// The engine's name for the session.
    pub playback_session_id: Arc<str>,
    /// Path and query of the session's stat URL.
    pub stat_path: Option<Arc<str>>,
    /// Path and query of the session's command URL.
    pub command_path: Option<Arc<str>>,
    /// It was live.
    pub is_live: bool,
    /// When it began.
    pub started_at: Time,
}

/// How a command ended.
#[derive(Clone, PartialEq, Debug)]
pub enum Outcome {
    /// It was carried out, and this is the answer.
    Done(Report),
    /// The other side said no.
    Refused(Refusal),
    /// No answer in time, or the connection broke: it may or may not have been carried out, or be yet to come.
    Unknown(Silence),
}

/// The answer to a command that was carried out.
#[derive(Clone, PartialEq, Debug)]
pub enum Report {
    /// Docker is there.
    Pong,
    /// All containers.
    Listing(Listing),
    /// The container that was asked for.
    Found(Box<Facts>),
    /// There is no such container.
    Absent,
    /// A container was created.
    Created(ContainerId),
    /// A start, restart, stop or removal was carried out.
    Carried,
    /// What an engine answered, or that it did not.
    Probe(ProbeReport),
    /// What a control server said of its tunnel.
    Tunnel(TunnelStatus),
    /// What a control server said of its forwarded ports; none is an empty list.
    Ports(Vec<u16>),
    /// The VPN's public address.
    PublicAddress(Arc<str>),
    /// A session was opened.
    Opened(Box<Opened>),
    /// How a session is.
    Session(SessionReport),
    /// The engine knows no such session.
    SessionUnknown,
    /// A cache was cleared, and had this many bytes.
    CacheCleared {
        /// Its size before.
        bytes: u64,
    },
}

/// What an engine says of a session that it has opened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Opened {
    /// The engine's name for it.
    pub playback_session_id: Arc<str>,
    /// Path and query of its stat URL.
    pub stat_path: Arc<str>,
    /// Path and query of its command URL.
    pub command_path: Arc<str>,
    /// It is live.
    pub is_live: bool,
}

/// What an engine says of a session that goes on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionReport {
    /// AceStream's word for its state: `prebuf`, `dl` and others.
    pub status: Arc<str>,
    /// Peers it is connected to.
    pub peers: u64,
    /// KiB per second.
    pub speed_down: u64,
    /// KiB per second.
    pub speed_up: u64,
    /// Bytes so far.
    pub downloaded: u64,
    /// Bytes so far.
    pub uploaded: u64,
}

/// Both questions that a probe asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProbeReport {
    /// `get_status` was answered as a healthy engine answers it.
    pub answered: bool,
    /// `get_network_connection_status`: `None` if that was not answered.
    pub connected: Option<bool>,
}

/// What Gluetun says of its tunnel.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[allow(missing_docs, reason = "Gluetun's own words")]
pub enum TunnelStatus {
    Starting,
    Running,
    Stopping,
    Stopped,
    Crashed,
}

/// Why the other side said no.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// The name is taken by another container.
    NameTaken,
    /// A port is taken, on the host or on the network stack.
    PortTaken,
    /// There is no such container, or none of the id whose network was to be shared.
    NoSuchContainer,
    /// The container whose network was to be shared is not running.
    NetworkNotRunning,
    /// The image is missing.
    ImageMissing,
    /// The control server does not let us in.
    Unauthorized,
    /// The engine says why it cannot play this.
    EngineSays(Arc<str>),
    /// The image has no shell, so no command can be run in it.
    NoShell,
    /// An error that says nothing about whether it was carried out.
    Unexplained(Arc<str>),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NameTaken => f.write_str("name taken"),
            Self::PortTaken => f.write_str("port taken"),
            Self::NoSuchContainer => f.write_str("no such container"),
            Self::NetworkNotRunning => f.write_str("the container whose network it joins is not running"),
            Self::ImageMissing => f.write_str("image missing"),
            Self::Unauthorized => f.write_str("unauthorized"),
            Self::NoShell => f.write_str("the image has no shell"),
            Self::EngineSays(text) | Self::Unexplained(text) => f.write_str(text),
        }
    }
}

/// Why nothing is known of a command's fate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Silence {
    /// The command's timeout ran out.
    TimedOut,
    /// The connection could not be made, or broke.
    Disconnected,
}
