//! When the core wants to be woken, and why. Data only: nothing here fires by itself.

use crate::ids::{ContainerId, OpId, VpnId};
use crate::time::Time;
use alloc::collections::{BTreeMap, BTreeSet};

/// Why the core wants to be woken.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Wake {
    /// When it is time to ask whether Docker is there.
    Ping,
    /// When the next full listing is due.
    List,
    /// When a VPN's container is to be inspected again.
    InspectVpn(VpnId),
    /// When a VPN's tunnel is to be asked after again.
    AskTunnel(VpnId),
    /// When a VPN's forwarded ports are to be asked for again.
    AskPorts(VpnId),
    /// When a doubted VPN's engines are to be asked again.
    DoubleCheck(VpnId),
    /// When an engine is to be probed again.
    Probe(ContainerId),
    /// When an unanswered inspection of a container is to be repeated.
    Look(ContainerId),
    /// When the fate of an operation is to be asked for again.
    AskFate(OpId),
    /// When idle engines are to be looked through.
    ReviewIdle,
    /// When sessions are to be asked after again.
    AskSessions,
    /// When a decision that had to wait falls due.
    Decide,
}

/// The moments at which the core wants to be woken; at most one for each reason.
#[derive(Default, Debug)]
pub struct Agenda {
    at: BTreeMap<Wake, Time>,
    queue: BTreeSet<(Time, Wake)>,
}

impl Agenda {
    /// Wakes for `wake` at `at`, and not at the moment set before.
    pub fn set(&mut self, wake: Wake, at: Time) {
        if let Some(before) = self.at.insert(wake, at) {
            self.queue.remove(&(before, wake));
        }
        self.queue.insert((at, wake));
    }

    /// Wakes for `wake` at `at`, or at the moment set before if that is earlier.
    pub fn set_earlier(&mut self, wake: Wake, at: Time) {
        if self.at.get(&wake).is_none_or(|before| at < *before) {
            self.set(wake, at);
        }
    }

    /// Does not wake for `wake` any more.
    pub fn clear(&mut self, wake: Wake) {
        if let Some(at) = self.at.remove(&wake) {
            self.queue.remove(&(at, wake));
        }
    }

    /// The engines that are to be probed, in the order of their ids.
    pub fn probed(&self) -> impl Iterator<Item = ContainerId> {
        let first = Wake::Probe(ContainerId::from_bytes([0; 32]));
        self.at.range(first..).map_while(|(wake, _)| match wake {
            Wake::Probe(id) => Some(*id),
            Wake::Ping
            | Wake::List
            | Wake::InspectVpn(_)
            | Wake::AskTunnel(_)
            | Wake::AskPorts(_)
            | Wake::DoubleCheck(_)
            | Wake::Look(_)
            | Wake::AskFate(_)
            | Wake::ReviewIdle
            | Wake::AskSessions
            | Wake::Decide => None,
        })
    }

    /// When it wakes for `wake`.
    pub fn when(&self, wake: Wake) -> Option<Time> {
        self.at.get(&wake).copied()
    }

    /// The earliest moment, and its reason.
    pub fn next(&self) -> Option<(Time, Wake)> {
        self.queue.first().copied()
    }

    /// Takes the earliest reason whose moment has come.
    pub fn take_due(&mut self, now: Time) -> Option<Wake> {
        let (at, wake) = self.next().filter(|(at, _)| *at <= now)?;
        self.queue.remove(&(at, wake));
        self.at.remove(&wake);
        Some(wake)
    }
}
