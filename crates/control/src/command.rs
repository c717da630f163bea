//! Everything the core can ask for. Adapters carry commands out and answer each exactly once.
//!
//! A command says what, never how: no image names, no HTTP, no retry. Adapters do not interpret causes.

use crate::ids::{ContainerId, Name, OpId, SpecHash, VpnId};
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
    /// Start a container.
    Start(ContainerId),
    /// Stop a container, killing it after `grace`, and start it again.
    Restart {
        /// The container.
        id: ContainerId,
        /// How long it may take to stop by itself.
        grace: Duration,
    },
    /// Kill and remove a container.
    Remove(ContainerId),
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
            Self::Start(_) => "star",
            Self::Restart { .. } => "rest",
            Self::Remove(_) => "remo",
            Self::Probe { .. } => "prob",
            Self::Ask { .. } => "askv",
        }
    }

    /// It changes what exists, so Docker must be in sight when it is sent.
    pub const fn changes_containers(&self) -> bool {
        match self {
            Self::Create(_) | Self::Start(_) | Self::Restart { .. } | Self::Remove(_) => true,
            Self::Ping | Self::List | Self::Inspect(_) | Self::Probe { .. } | Self::Ask { .. } => false,
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
            Self::Clashes => "another engine has its name or port",
        })
    }
}
