//! Docker's event stream: one connection at a time, in order, behind the answers or ahead of them.
//!
//! What happens while nobody is connected goes unheard; so does what was under way when the connection broke.

use super::World;
use super::faults::{DockerFault, Fault};
use super::queue::Happening;
use super::trace::{Detail, Who};
use control::Time;
use control::docker::{Happened, Notice};
use control::event::Event;
use control::ids::ContainerId;
use std::collections::VecDeque;

/// Acefleet's connection to the event stream.
#[derive(Default)]
pub(super) struct Stream {
    /// Somebody wants it open.
    wanted: bool,
    open: bool,
    /// Counts connections, so that nothing of an old one is taken for the new one's.
    connection: u32,
    under_way: VecDeque<Notice>,
    /// When the last notice under way will arrive: none overtakes another.
    last_at: Time,
    /// Notices that are due and wait for a frozen daemon.
    overdue: u32,
}

impl World {
    /// Somebody wants the stream; it is open after a while, or when it can be.
    pub(super) fn want_stream(&mut self) {
        self.stream.wanted = true;
        self.reconnect_stream();
    }

    /// Tries to connect, if anybody wants that and nothing is in the way.
    pub(super) fn reconnect_stream(&mut self) {
        let barred = self.lasts(Fault::Docker(DockerFault::StreamCut))
            || self.lasts(Fault::Docker(DockerFault::Refuses))
            || self.lasts(Fault::Docker(DockerFault::Frozen));
        if !self.stream.wanted || self.stream.open || barred {
            return;
        }
        self.stream.connection += 1;
        let delay = self.plan.weather.stream_opens.draw(&mut self.rng);
        self.queue.push(self.now + delay, Happening::StreamOpens(self.stream.connection));
    }

    /// A connection is made.
    pub(super) fn stream_opens(&mut self, connection: u32) -> Option<Event> {
        // A frozen daemon does not answer; thawing connects anew.
        let frozen = self.lasts(Fault::Docker(DockerFault::Frozen));
        if connection != self.stream.connection || self.stream.open || frozen {
            return None;
        }
        self.stream.open = true;
        self.trace.note(self.now, Who::Told, "-", "open", Detail::Count(connection));
        Some(Event::DockerStreamOpened)
    }

    /// The connection breaks, and whatever was under way on it is lost.
    pub(super) fn cut_stream(&mut self) {
        let Stream { wanted, connection, .. } = self.stream;
        self.stream = Stream { wanted, connection: connection + 1, ..Stream::default() };
    }

    /// Nobody wants the stream any more.
    pub(super) fn leave_stream(&mut self) {
        self.cut_stream();
        self.stream.wanted = false;
    }

    /// Docker tells whoever is connected what has happened to a container.
    pub(super) fn emit(&mut self, id: ContainerId, happened: Happened) {
        if !self.stream.open {
            return;
        }
        let at = self.stamp();
        let Some(container) = self.docker.containers.get(&id) else { return };
        let notice = Notice { id, name: container.name.clone(), ours: container.ours(), happened, at };
        let arrives = self.now + self.plan.weather.notice.draw(&mut self.rng);
        self.stream.last_at = self.stream.last_at.max(arrives);
        self.stream.under_way.push_back(notice);
        self.queue.push(self.stream.last_at, Happening::NoticeComes(self.stream.connection));
    }

    /// The oldest notice under way arrives.
    pub(super) fn notice_comes(&mut self, connection: u32) -> Option<Event> {
        if connection != self.stream.connection {
            return None;
        }
        if self.lasts(Fault::Docker(DockerFault::Frozen)) {
            self.stream.overdue += 1;
            return None;
        }
        self.stream.under_way.pop_front().map(Event::Docker)
    }

    /// A thawed daemon tells what it had kept.
    pub(super) fn thaw_stream(&mut self) {
        for _ in 0..std::mem::take(&mut self.stream.overdue) {
            self.queue.push(self.now, Happening::NoticeComes(self.stream.connection));
        }
        self.reconnect_stream();
    }
}
