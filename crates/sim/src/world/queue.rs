//! The world's calendar: what is going to happen, in order of time and, at one moment, of being arranged.
//!
//! Nothing is ever taken out early. A happening names the run, wire or shift it belongs to, and whoever
//! handles it ignores one whose time has passed it by; that is cheaper than searching and just as exact.

use control::Time;
use control::ids::{ContainerId, SessionId, VpnId};
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// Names a call for as long as anybody has something to do with it.
pub(super) type CallId = u32;

/// One run of a container's process: the container, and how many times it had been started by then.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Run {
    pub(super) container: ContainerId,
    pub(super) number: u32,
}

/// One thing that is going to happen.
#[derive(Clone, Copy, Debug)]
pub(super) enum Happening {
    /// A request reaches whoever it was sent to.
    Arrives(CallId),
    /// Docker is through with one stage of carrying out a call.
    Proceeds(CallId),
    /// An answer reaches acefleet.
    Answers(CallId),
    /// A command's time is up.
    TimesOut(CallId),
    /// The oldest notice under way on this connection of the event stream reaches acefleet.
    NoticeComes(u32),
    /// This connection of the event stream is made.
    StreamOpens(u32),
    /// The store answers this life of acefleet.
    StoreAnswers(u32),
    /// Docker restarts, by policy, what has died in this run.
    PolicyRestarts(Run),
    /// An engine has booted and binds its port.
    Boots(Run),
    /// A process dies of its own accord.
    Crashes(Run),
    /// Docker runs a VPN container's health check.
    ChecksHealth(Run),
    /// A VPN's tunnel comes up, unless it has changed since this count of changes.
    TunnelUp(VpnId, u32),
    /// A VPN is given a forwarded port, unless that has changed since this count of changes.
    PortComes(VpnId, u32),
    /// A VPN container is created and started for the first time.
    Dawns(VpnId),
    /// A person looks whether a VPN container runs, and mends it.
    PersonLooks(VpnId),
    /// The fault of this number ends.
    FaultEnds(u32),
    /// A viewer of the proxy comes or goes, unless he has done so since this count.
    ViewerActs(usize, u32),
    /// A client of the other program begins or ends, unless it has done so since this count.
    ClientActs(usize, u32),
    /// The other program announces its session of this number, having told it so many times.
    ClientAnnounces(u64, u32),
    /// Something that was posted reaches acefleet.
    MailComes,
    /// Acefleet's data plane notices that a session delivers nothing.
    SessionBreaks(SessionId),
    /// The data plane listens whether a session delivers.
    SessionIsHeard(SessionId),
    /// The storm strikes.
    Storms,
    /// Somebody asks acefleet for something.
    SomebodyAsks,
}

/// The calendar.
#[derive(Default)]
pub(super) struct Queue {
    heap: BinaryHeap<Reverse<Entry>>,
    arranged: u64,
}

impl Queue {
    /// Arranges for `happening` to happen at `at`.
    pub(super) fn push(&mut self, at: Time, happening: Happening) {
        self.arranged += 1;
        self.heap.push(Reverse(Entry { at, turn: self.arranged, happening }));
    }

    /// The next happening, with its time.
    pub(super) fn pop(&mut self) -> Option<(Time, Happening)> {
        self.heap.pop().map(|Reverse(entry)| (entry.at, entry.happening))
    }

    /// When the next happening is due.
    pub(super) fn next_at(&self) -> Option<Time> {
        self.heap.peek().map(|Reverse(entry)| entry.at)
    }
}

struct Entry {
    at: Time,
    turn: u64,
    happening: Happening,
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.turn).cmp(&(other.at, other.turn))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn happenings_of_one_moment_keep_the_order_in_which_they_were_arranged() {
        let mut queue = Queue::default();
        queue.push(Time::from_secs(2), Happening::Arrives(1));
        queue.push(Time::from_secs(1), Happening::Arrives(2));
        queue.push(Time::from_secs(1), Happening::Arrives(3));

        let order = std::iter::from_fn(|| queue.pop()).map(|(_, happening)| match happening {
            Happening::Arrives(call) => call,
            other => panic!("nobody arranged {other:?}"),
        });

        assert_eq!(order.collect::<Vec<_>>(), [2, 3, 1]);
    }
}
