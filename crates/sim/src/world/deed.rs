//! What can be asked of the world: acefleet's commands, and what people do to containers by hand.
//!
//! A translation of the core's vocabulary into what Docker and the others are really asked. No behaviour here.

use control::command::{Action, Address, Content, Create, CreateOther, Question, Target, TunnelOrder};
use control::docker::State;
use control::ids::{ContainerId, Name, OpId, SessionId, VpnId};
use std::sync::Arc;
use std::time::Duration;

/// Something that changes a container. Docker carries it out whoever asked, and whether or not he still listens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Deed {
    /// Makes a new container.
    Make(Making),
    /// Does something to one that exists.
    To(ContainerId, Work),
}

/// A container to be made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Making {
    /// An engine, labelled with an operation. It is created and not started.
    Engine(Create, OpId),
    /// A container of another kind, ours, labelled with an operation. It is created and not started.
    Other(CreateOther, OpId),
    /// An engine as somebody else makes it: with our label, without an operation's; created and started.
    Rival(Create),
    /// The container of a configured VPN, created and started.
    Vpn(VpnId),
    /// A container that is none of ours, publishing a port or none; created and started.
    Foreign(Name, Option<u16>),
}

/// What can be done to a container.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Work {
    /// Starts it.
    Start,
    /// Stops it, killing it after the grace, and starts it again.
    Restart(Duration),
    /// Stops it, killing it after the grace. It stays exited.
    Stop(Duration),
    /// Kills it. It stays exited.
    Kill,
    /// Kills and removes it.
    Remove,
    /// Pauses it.
    Pause,
    /// Resumes it.
    Unpause,
}

impl Deed {
    /// Four letters that name it in the trace.
    pub(super) const fn code(&self) -> &'static str {
        match self {
            Self::Make(_) => "make",
            Self::To(_, Work::Start) => "star",
            Self::To(_, Work::Restart(_)) => "rest",
            Self::To(_, Work::Stop(_)) => "stop",
            Self::To(_, Work::Kill) => "kill",
            Self::To(_, Work::Remove) => "remo",
            Self::To(_, Work::Pause) => "paus",
            Self::To(_, Work::Unpause) => "unpa",
        }
    }
}

impl Work {
    /// Nothing of the container runs when it is done, or nothing that ran before.
    pub(super) const fn ends_what_runs(self) -> bool {
        match self {
            Self::Restart(_) | Self::Stop(_) | Self::Kill | Self::Remove => true,
            Self::Start | Self::Pause | Self::Unpause => false,
        }
    }

    /// What Docker makes of the wish to do it to a container in this state.
    pub(super) const fn meets(self, state: State) -> Reception {
        match (self, state) {
            (Self::Start, State::Created | State::Exited)
            | (Self::Stop(_) | Self::Kill, State::Running | State::Paused)
            | (Self::Pause, State::Running)
            | (Self::Unpause, State::Paused)
            | (Self::Restart(_) | Self::Remove, _) => Reception::Accepted,
            // Docker counts a container that it is about to restart as running.
            (Self::Start, State::Running | State::Restarting)
            | (Self::Kill, State::Restarting)
            | (Self::Stop(_), _) => Reception::AlreadySo,
            (Self::Start | Self::Kill | Self::Pause | Self::Unpause, _) => Reception::Impossible,
        }
    }
}

/// What Docker makes of a wish.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reception {
    Accepted,
    /// There is nothing to do.
    AlreadySo,
    /// The container is not in a state for it.
    Impossible,
}

/// Anything that is sent to somebody in the world.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Request {
    Docker(DockerRequest),
    Probe {
        engine: ContainerId,
        vpn: Option<VpnId>,
        port: u16,
    },
    Ask {
        vpn: VpnId,
        question: Question,
    },
    Tell {
        vpn: VpnId,
        order: TunnelOrder,
    },
    /// Asks an engine to open a session.
    Open {
        session: SessionId,
        at: Address,
        content: Content,
    },
    /// Asks an engine how a session is.
    Stat {
        at: Address,
        path: Arc<str>,
    },
    /// Asks an engine to close a session.
    Close {
        at: Address,
        path: Arc<str>,
    },
}

/// What Docker can be asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum DockerRequest {
    Ping,
    List,
    Inspect(Target),
    /// Runs a command in a container that clears its cache.
    Clear(ContainerId),
    Deed(Deed),
}

impl Request {
    /// What a command asks for.
    pub(super) fn of(action: Action, op: OpId) -> Self {
        let request = match action {
            Action::Ping => DockerRequest::Ping,
            Action::List => DockerRequest::List,
            Action::Inspect(target) => DockerRequest::Inspect(target),
            Action::Create(create) => DockerRequest::Deed(Deed::Make(Making::Engine(create, op))),
            Action::CreateOther(create) => DockerRequest::Deed(Deed::Make(Making::Other(create, op))),
            Action::Start(id) => DockerRequest::Deed(Deed::To(id, Work::Start)),
            Action::Restart { id, grace } => DockerRequest::Deed(Deed::To(id, Work::Restart(grace))),
            Action::Stop { id, grace } => DockerRequest::Deed(Deed::To(id, Work::Stop(grace))),
            Action::ClearCache(id) => DockerRequest::Clear(id),
            Action::Remove(id) => DockerRequest::Deed(Deed::To(id, Work::Remove)),
            Action::Probe { engine, vpn, port } => return Self::Probe { engine, vpn, port },
            Action::Ask { vpn, question } => return Self::Ask { vpn, question },
            Action::Tell { vpn, order } => return Self::Tell { vpn, order },
            Action::Open { session, at, content } => return Self::Open { session, at, content },
            Action::AskSession { at, path } => return Self::Stat { at, path },
            Action::Close { at, path } => return Self::Close { at, path },
        };
        Self::Docker(request)
    }

    /// What it changes, if it changes anything.
    pub(super) const fn deed(&self) -> Option<&Deed> {
        match self {
            Self::Docker(DockerRequest::Deed(deed)) => Some(deed),
            Self::Docker(
                DockerRequest::Ping
                | DockerRequest::List
                | DockerRequest::Inspect(_)
                | DockerRequest::Clear(_),
            )
            | Self::Probe { .. }
            | Self::Ask { .. }
            | Self::Tell { .. }
            | Self::Open { .. }
            | Self::Stat { .. }
            | Self::Close { .. } => None,
        }
    }
}
