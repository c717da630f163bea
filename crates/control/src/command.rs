//! Everything the core can ask for. Adapters carry commands out and answer each exactly once.
//!
//! A command says what, never how: no image names, no HTTP, no retry. Adapters do not interpret causes.

use crate::ids::{ContainerId, Name, OpId, SessionId, SpecHash, VpnId};
use crate::request::{OtherWanted, Wanted};
use alloc::sync::Arc;
use core::fmt;
use core::time::Duration;

/// One thing to be done outside.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Command {
    /// Names the command; its [`Event::Finished`](crate::Event::Finished) carries the same.
    pub op: OpId,
    /// Why it was decided.
    pub cause: Cause,
    /// What to do.
    pub action: Action,
    /// After this long without an answer the adapter reports it unknown.
    pub timeout: Duration,
}

/// What a command asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// Is Docker there?
    Ping,
    /// List all containers, in any state.
    List,
    /// Inspect one container.
    Inspect(Target),
    /// Create an engine, and do not start it.
    Create(Create),
    /// Create a container of another kind, and do not start it.
    CreateOther(CreateOther),
    /// Start a container.
    Start(ContainerId),
    /// Stop a container, killing it after `grace`, and start it again.
    Restart {
        /// The container.
        id: ContainerId,
        /// How long it may take to stop by itself.
        grace: Duration,
    },
    /// Stop a container, killing it after `grace`. It stays, exited.
    Stop {
        /// The container.
        id: ContainerId,
        /// How long it may take to stop by itself.
        grace: Duration,
    },
    /// Kill and remove a container.
    Remove(ContainerId),
    /// Clear an engine's cache, by running a command in it.
    ClearCache(ContainerId),
    /// Ask an engine how it is: its status and its network connection.
    Probe {
        /// The engine.
        engine: ContainerId,
        /// The VPN in whose network it lives; without one, its own.
        vpn: Option<VpnId>,
        /// Its HTTP port there.
        port: u16,
    },
    /// Ask a VPN's control server.
    Ask {
        /// The VPN.
        vpn: VpnId,
        /// What to ask.
        question: Question,
    },
    /// Tell a VPN's control server what to do with its tunnel.
    Tell {
        /// The VPN.
        vpn: VpnId,
        /// What it is to do.
        order: TunnelOrder,
    },
    /// Have an engine open a playback session.
    Open {
        /// The session, for the data plane: it reads it once it is routed to.
        session: SessionId,
        /// Whom to ask.
        at: Address,
        /// What to play.
        content: Content,
    },
    /// Ask an engine how a session is.
    AskSession {
        /// Whom to ask.
        at: Address,
        /// Path and query of the session's stat URL.
        path: Arc<str>,
    },
    /// Have an engine close a session.
    Close {
        /// Whom to ask.
        at: Address,
        /// Path and query of the session's command URL.
        path: Arc<str>,
    },
}

/// Where an engine answers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Address {
    /// The engine.
    pub engine: ContainerId,
    /// The VPN in whose network it lives; without one, its own.
    pub vpn: Option<VpnId>,
    /// Its HTTP port there.
    pub port: u16,
}

/// What a control server can be told.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum TunnelOrder {
    /// Take the tunnel down.
    Stop,
    /// Bring the tunnel up.
    Run,
}

/// What can be played.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Content {
    /// How it is named.
    pub kind: KeyType,
    /// Its name.
    pub key: Arc<str>,
}

/// How something that can be played is named.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[allow(missing_docs, reason = "AceStream's own words")]
pub enum KeyType {
    ContentId,
    Infohash,
    Url,
    Magnet,
}

/// Which container to inspect.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Target {
    /// The one that has this id.
    Id(ContainerId),
    /// The one that has this name now.
    Name(Name),
}

/// What a control server can be asked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Question {
    /// Is the tunnel up?
    Tunnel,
    /// Which ports are forwarded?
    Ports,
    /// Under which address does it appear?
    PublicAddress,
}

/// An engine to be created.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Create {
    /// The container's name.
    pub name: Name,
    /// The VPN whose network it shares; without one it gets its own.
    pub vpn: Option<VpnId>,
    /// The ports it listens on.
    pub ports: Ports,
    /// Written on it as a label.
    pub spec: SpecHash,
    /// What somebody who asked for it wants beside.
    pub wanted: Option<Arc<Wanted>>,
}

/// A container of another kind to be created: ours, and no engine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CreateOther {
    /// The container's name.
    pub name: Name,
    /// Ports that it publishes: inside, and on the host.
    pub ports: Arc<[(u16, u16)]>,
    /// What else somebody wants of it.
    pub wanted: Arc<OtherWanted>,
}

/// The ports of one engine.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Ports {
    /// HTTP, inside and outside the container the same.
    pub http: u16,
    /// HTTPS.
    pub https: Option<u16>,
    /// P2P: given to the engine that carries the VPN's forwarded port, else the engine's own default.
    pub p2p: Option<u16>,
}

impl Action {
    /// Four letters that name it in a log.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Ping => "ping",
            Self::List => "list",
            Self::Inspect(_) => "insp",
            Self::Create(_) => "crea",
            Self::CreateOther(_) => "crot",
            Self::Start(_) => "star",
            Self::Restart { .. } => "rest",
            Self::Remove(_) => "remo",
            Self::Probe { .. } => "prob",
            Self::Ask { .. } => "askv",
            Self::Stop { .. } => "stop",
            Self::ClearCache(_) => "cach",
            Self::Tell { .. } => "tell",
            Self::Open { .. } => "open",
            Self::AskSession { .. } => "asks",
            Self::Close { .. } => "clos",
        }
    }

    /// It changes what exists, so Docker must be in sight when it is sent.
    pub const fn changes_containers(&self) -> bool {
        match self {
            Self::Create(_)
            | Self::CreateOther(_)
            | Self::Start(_)
            | Self::Restart { .. }
            | Self::Stop { .. }
            | Self::Remove(_)
            | Self::ClearCache(_) => true,
            Self::Ping
            | Self::List
            | Self::Inspect(_)
            | Self::Probe { .. }
            | Self::Ask { .. }
            | Self::Tell { .. }
            | Self::Open { .. }
            | Self::AskSession { .. }
            | Self::Close { .. } => false,
        }
    }
}

/// Why a command was decided. Everything that changes a container has one that a person can read.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Cause {
    /// Looking again because it is time to.
    Routine,
    /// Looking because something has just changed.
    SomethingChanged,
    /// Looking because an operation's fate is unknown.
    FateUnknown,
    /// Asking engines because their VPN is doubted.
    DoubleCheck,
    /// Fewer engines serve than should.
    TooFewEngines,
    /// A VPN that Docker calls unhealthy has no engine that could tell otherwise.
    WitnessNeeded,
    /// It was created and has not been started yet.
    Created,
    /// Its VPN has another network now, and the engine can join it.
    StrandedCanRejoin,
    /// Its VPN has another network now, and the engine cannot join it.
    StrandedForGood,
    /// Its VPN's network is gone and did not come back in time.
    NetworkGone,
    /// Its VPN's tunnel has been lost for too long while another VPN is healthy.
    HeldTooLong,
    /// The tunnel is back, and the engine has not been restarted since.
    Reconnected,
    /// Its VPN has another network now, and the port it was created with went with the one before.
    StrandedCarrier,
    /// It stopped running and Docker did not bring it back.
    NotRunning,
    /// It stopped running again and again.
    CrashLooping,
    /// It could not be started.
    StartFailed,
    /// It never gave a good answer.
    BootFailed,
    /// It arrived although nobody waits for it any more.
    ArrivedLate,
    /// It shares a name or a port with another engine of ours.
    Clashes,
    /// It has not answered for too long.
    Unhealthy,
    /// Its VPN forwards another port than the one it was created with.
    Misported,
    /// Its VPN has a forwarded port that no engine carries.
    CarrierNeeded,
    /// Another engine carries the forwarded port in its place.
    CarrierCame,
    /// Its VPN has more engines than another that has room.
    Rebalanced,
    /// It serves nobody, and more engines serve than should.
    Surplus,
    /// It cannot serve, and its place is needed by one that can.
    SeatNeeded,
    /// It was created from other settings than the present ones.
    Outdated,
    /// It is outside the VPNs' networks.
    Leaks,
    /// A VPN's control server says that its tunnel is stopped, and nobody else will start it.
    TunnelStopped,
    /// A VPN's tunnel has been lost for some time.
    TunnelLost,
    /// A VPN stays failed.
    StaysFailed,
    /// A VPN's container was stopped by somebody, and not started again.
    StoppedByPerson,
    /// A person asked for it.
    Operator,
    /// A person asked that its VPN be drained.
    VpnDrained,
    /// It comes in place of one that does not answer.
    ReplacesUnhealthy,
    /// A client asked for it.
    Ordered,
    /// It is not used any more.
    BecameIdle,
    /// A viewer wants to watch it.
    ViewerWaits,
    /// The session that its viewers were sent delivers nothing any more.
    SessionLost,
    /// The session that its viewers are sent has fallen silent.
    SessionSilent,
    /// Its stream is to be played elsewhere.
    StreamMoves,
    /// Nobody watches it there any more.
    NobodyWatches,
    /// Acefleet is about to exit, and its engines are to go with it.
    Exit,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Routine => "routine",
            Self::SomethingChanged => "something changed",
            Self::FateUnknown => "the operation's fate is unknown",
            Self::DoubleCheck => "its VPN is doubted",
            Self::TooFewEngines => "too few engines serve",
            Self::WitnessNeeded => "nobody can tell whether the VPN works",
            Self::Created => "it was created and not yet started",
            Self::StrandedCanRejoin => "its VPN has a new network that it can join",
            Self::StrandedForGood => "its VPN has a new network that it cannot join",
            Self::NetworkGone => "its VPN's network is gone",
            Self::HeldTooLong => "its VPN's tunnel has been lost for too long",
            Self::Reconnected => "its VPN's tunnel is back",
            Self::StrandedCarrier => "its VPN has a new network, where its forwarded port is no longer valid",
            Self::NotRunning => "it stopped running and Docker did not bring it back",
            Self::CrashLooping => "it stops running again and again",
            Self::StartFailed => "it could not be started",
            Self::BootFailed => "it never gave a good answer",
            Self::ArrivedLate => "it arrived although nobody waits for it",
            Self::ViewerWaits => "a viewer waits for it",
            Self::SessionLost => "the session before is lost",
            Self::SessionSilent => "nothing comes of it where it is played",
            Self::StreamMoves => "its engine is no longer to be used for it",
            Self::NobodyWatches => "nobody watches it there any more",
            Self::Clashes => "another engine has its name or port",
            Self::Unhealthy => "it has not answered for too long",
            Self::Misported => "its VPN forwards another port now",
            Self::CarrierNeeded => "no engine carries the VPN's forwarded port",
            Self::CarrierCame => "another engine carries the forwarded port in its place",
            Self::Rebalanced => "its VPN has more engines than another",
            Self::Surplus => "more engines serve than should",
            Self::Outdated => "it was created from other settings",
            Self::Leaks => "it is outside the VPNs' networks",
            Self::TunnelStopped => "its tunnel is stopped, and nobody else will start it",
            Self::TunnelLost => "its tunnel has been lost for some time",
            Self::StaysFailed => "it stays failed",
            Self::StoppedByPerson => "somebody stopped it and did not start it again",
            Self::VpnDrained => "a person asked that its VPN be drained",
            Self::ReplacesUnhealthy => "another one does not answer",
            Self::Operator => "a person asked for it",
            Self::SeatNeeded => "its place is needed by an engine that can serve",
            Self::Ordered => "somebody asked for it",
            Self::BecameIdle => "it is not used any more",
            Self::Exit => "acefleet exits, and its engines go with it",
        })
    }
}
