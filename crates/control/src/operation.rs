//! Commands that have been sent and not been settled, and what they reserve.
//!
//! What an operation needs is reserved from the moment it is sent until a container holds it or the operation
//! is settled, so that two decisions can never spend the same thing. Nothing is decided here.

use crate::command::{Cause, Create, CreateOther, Question};
use crate::ids::{ContainerId, Name, OpId, SessionId, VpnId};
use crate::time::{Stamp, Time};
use alloc::collections::BTreeMap;
use alloc::sync::Arc;

/// A command that is not settled.
#[derive(Clone, Debug)]
pub struct Operation {
    /// Its id.
    pub id: OpId,
    /// Why it was sent.
    pub cause: Cause,
    /// When it was sent.
    pub sent_at: Time,
    /// What it does, and what it needs to be understood when it ends.
    pub task: Task,
    /// What is known of its fate.
    pub fate: Fate,
}

/// What an operation does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Task {
    /// Asks whether Docker is there.
    Ping,
    /// Lists all containers.
    List,
    /// Inspects a VPN's container.
    InspectVpn(VpnId),
    /// Inspects a container of ours, or one that says it is.
    InspectContainer(ContainerId),
    /// Inspects a name, to learn the fate of the operation that was to create it.
    InspectFate(OpId),
    /// Creates an engine.
    Create(Create),
    /// Creates a container of another kind.
    CreateOther(CreateOther),
    /// Starts a container.
    Start(ContainerId),
    /// Restarts a container.
    Restart(ContainerId),
    /// Stops a container.
    Stop(ContainerId),
    /// Removes a container.
    Remove(ContainerId),
    /// Clears an engine's cache.
    ClearCache(ContainerId),
    /// Starts or restarts a VPN's container.
    MendVpn(VpnId),
    /// Tells a VPN's control server what to do with its tunnel.
    Tell(VpnId),
    /// Opens a session.
    Open(SessionId),
    /// Asks how a stream's session is.
    AskSession(Arc<str>),
    /// Closes a session.
    Close,
    /// Asks an engine.
    Probe {
        /// The engine.
        engine: ContainerId,
        /// The start of the process that was asked.
        started_at: Option<Stamp>,
        /// The VPN, and its network epoch when it was asked.
        vpn: Option<(VpnId, u32)>,
    },
    /// Asks a control server.
    Ask {
        /// The VPN.
        vpn: VpnId,
        /// The question.
        question: Question,
        /// The VPN's network epoch and port epoch when it was asked.
        epochs: (u32, u32),
    },
}

/// What is known of an operation's fate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It has not ended.
    Open,
    /// It ended without an answer. It keeps what it reserved until an inspection decides.
    Unknown {
        /// How often an inspection has found nothing.
        absences: u32,
    },
}

impl Task {
    /// The container of ours that it changes.
    pub const fn changes(&self) -> Option<ContainerId> {
        match self {
            Self::Start(id) | Self::Restart(id) | Self::Stop(id) | Self::Remove(id) => Some(*id),
            Self::Create(_)
            | Self::CreateOther(_)
            | Self::Ping
            | Self::List
            | Self::InspectVpn(_)
            | Self::InspectContainer(_)
            | Self::InspectFate(_)
            | Self::ClearCache(_)
            | Self::MendVpn(_)
            | Self::Tell(_)
            | Self::Open(_)
            | Self::AskSession(_)
            | Self::Close
            | Self::Probe { .. }
            | Self::Ask { .. } => None,
        }
    }
}

impl Operation {
    /// What it creates.
    pub const fn creation(&self) -> Option<Creation<'_>> {
        match &self.task {
            Task::Create(create) => Some(Creation::Engine(create)),
            Task::CreateOther(create) => Some(Creation::Other(create)),
            Task::Ping
            | Task::List
            | Task::InspectVpn(_)
            | Task::InspectContainer(_)
            | Task::InspectFate(_)
            | Task::Start(_)
            | Task::Restart(_)
            | Task::Stop(_)
            | Task::Remove(_)
            | Task::ClearCache(_)
            | Task::MendVpn(_)
            | Task::Tell(_)
            | Task::Open(_)
            | Task::AskSession(_)
            | Task::Close
            | Task::Probe { .. }
            | Task::Ask { .. } => None,
        }
    }
}

/// What an operation creates.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Creation<'a> {
    /// An engine.
    Engine(&'a Create),
    /// A container of another kind.
    Other(&'a CreateOther),
}

impl Creation<'_> {
    /// The name that the container gets.
    pub const fn name(&self) -> &Name {
        match self {
            Self::Engine(create) => &create.name,
            Self::Other(create) => &create.name,
        }
    }
}

/// All operations that are not settled.
#[derive(Debug, Default)]
pub struct Operations {
    open: BTreeMap<OpId, Operation>,
    /// Those that create, so that reservations can be counted without looking at every probe.
    creating: BTreeMap<OpId, Create>,
    /// Those that create containers of another kind.
    creating_others: BTreeMap<OpId, CreateOther>,
}

impl Operations {
    /// Notes that a command was sent.
    pub fn insert(&mut self, operation: Operation) {
        match operation.creation() {
            Some(Creation::Engine(create)) => _ = self.creating.insert(operation.id, create.clone()),
            Some(Creation::Other(create)) => _ = self.creating_others.insert(operation.id, create.clone()),
            None => {}
        }
        self.open.insert(operation.id, operation);
    }

    /// The operation of this id, if it is not settled.
    pub fn get_mut(&mut self, id: OpId) -> Option<&mut Operation> {
        self.open.get_mut(&id)
    }

    /// The operation of this id, if it is not settled.
    pub fn get(&self, id: OpId) -> Option<&Operation> {
        self.open.get(&id)
    }

    /// Settles an operation: what it reserved is free, or held by a container now.
    pub fn settle(&mut self, id: OpId) -> Option<Operation> {
        self.hand_over(id);
        self.open.remove(&id)
    }

    /// A container holds now what an operation had reserved; the operation itself goes on until it ends.
    pub fn hand_over(&mut self, id: OpId) {
        self.creating.remove(&id);
        self.creating_others.remove(&id);
    }

    /// Engines that operations which are not settled will create, or have created without our knowing.
    pub fn creates(&self) -> impl Iterator<Item = (OpId, &Create)> {
        self.creating.iter().map(|(id, create)| (*id, create))
    }

    /// The same of containers of another kind.
    pub fn other_creates(&self) -> impl Iterator<Item = (OpId, &CreateOther)> {
        self.creating_others.iter().map(|(id, create)| (*id, create))
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Operation> {
        self.open.values()
    }
}
