//! What has become of our containers, written down at each step: what was created, started and removed.
//!
//! It looks at the world and not at acefleet, so it tells what was done and not what was meant.

use crate::world::{Container, World};
use control::Time;
use control::ids::{ContainerId, Name};
use control::labels;
use std::collections::BTreeMap;

/// Every container of ours, and all that has become of them.
#[derive(Default)]
pub(super) struct Ledger {
    engines: BTreeMap<ContainerId, Seen>,
    changes: Vec<Change>,
}

/// A container of ours, as it was last seen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Seen {
    pub(super) name: Name,
    /// The VPN that its label names.
    pub(super) vpn: Option<Name>,
    /// How many times it has been started.
    pub(super) starts: u32,
}

/// Something that has become of a container of ours.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) at: Time,
    pub(super) id: ContainerId,
    pub(super) name: Name,
    pub(super) kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Created,
    Started,
    Removed,
}

impl Change {
    pub(super) fn is_creation(&self) -> bool {
        self.kind == Kind::Created
    }

    pub(super) fn is_start(&self) -> bool {
        self.kind == Kind::Started
    }

    pub(super) fn is_removal(&self) -> bool {
        self.kind == Kind::Removed
    }
}

impl Ledger {
    /// Those that exist.
    pub(super) const fn engines(&self) -> &BTreeMap<ContainerId, Seen> {
        &self.engines
    }

    /// All that has become of any, oldest first.
    pub(super) fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Compares what is there with what was there before.
    pub(super) fn note(&mut self, at: Time, world: &World) {
        let Self { engines, changes } = self;
        let mut change = |id, name: &Name, kind| changes.push(Change { at, id, name: name.clone(), kind });
        engines.retain(|id, seen| {
            let exists = world.container(*id).is_some();
            if !exists {
                change(*id, &seen.name, Kind::Removed);
            }
            exists
        });
        for found in world.containers().filter(|container| container.is_engine()) {
            let seen = engines.entry(found.id()).or_insert_with(|| {
                change(found.id(), found.name(), Kind::Created);
                Seen::of(found)
            });
            if seen.starts != found.starts() {
                seen.starts = found.starts();
                change(found.id(), found.name(), Kind::Started);
            }
        }
    }
}

impl Seen {
    fn of(container: &Container) -> Self {
        let vpn = container.labels().get(labels::VPN_CONTAINER).map(Name::from);
        Self { name: container.name().clone(), vpn, starts: 0 }
    }
}
