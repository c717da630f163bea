//! Exit: acefleet is about to go. Engines go on running without it, unless the operator wants them gone with it.
//!
//! From then on nothing is created, repaired or handed out. What had been begun is brought to its end, as far as
//! leaving it half done would harm.

use super::Control;
use crate::command::Cause;
use crate::engine::{Changing, Engine};
use crate::journal::{Expect, Subject, What, Why};
use crate::mark::Mark;
use crate::operation::{Fate, Operation, Task};
use crate::request::{Reply, Request};
use crate::snapshot::{BlockedCode, BlockedView};
use crate::time::Time;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

/// When somebody who asks for an engine now may find acefleet started again.
const BACK_AGAIN: Duration = Duration::from_secs(30);

/// How acefleet goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Exit {
    /// Its engines go with it.
    stop_engines: bool,
}

impl Control {
    /// Acefleet is about to exit. If that is told again, what was told last counts.
    pub(super) fn hear_leaving(&mut self, stop_engines: bool) {
        let exit = Exit { stop_engines };
        if self.exit.replace(exit) == Some(exit) {
            return;
        }
        self.marks.hit(if stop_engines { Mark::TakesEnginesAlong } else { Mark::LeavesEngines });
        let engines = self.fleet.engines.values().filter(|engine| engine.is_engine()).count();
        let passive = self.passive().filter(|_| stop_engines);
        let why = passive.map(|passive| Why::Reason(passive.why.describe())).into_iter().collect();
        self.write(Subject::Fleet, What::Leaving { engines, stop_engines }, why, Expect::Nothing);
        if let Some(blocked) = self.blocked_by_exit() {
            self.refuse_orders(&blocked);
        }
        self.dirty = true;
    }

    /// Whether acefleet is about to exit.
    pub const fn is_leaving(&self) -> bool {
        self.exit.is_some()
    }

    /// Whether acefleet may exit, once it was told to leave: nothing is under way that would be left half done, and
    /// no engine is left that was to go with it. The driver bounds its patience: Docker may never answer.
    pub fn has_left(&self) -> bool {
        let Some(exit) = self.exit else { return false };
        let takes_along = exit.stop_engines && self.passive().is_none();
        let under_way = |operation: &Operation| match operation.task {
            // Of an unknown fate nothing is heard soon. If it has made an engine that is to go, that is waited for.
            Task::Create(_) => operation.fate == Fate::Open || takes_along,
            Task::CreateOther(_)
            | Task::Start(_)
            | Task::Restart(_)
            | Task::Stop(_)
            | Task::Remove(_)
            | Task::MendVpn(_) => operation.fate == Fate::Open,
            // A tunnel that was taken down is brought up again.
            Task::Tell(_) => true,
            // A cache half cleared harms nobody, nor does a question that is not answered.
            Task::ClearCache(_)
            | Task::Ping
            | Task::List
            | Task::InspectVpn(_)
            | Task::InspectContainer(_)
            | Task::InspectFate(_)
            | Task::Open(_)
            | Task::AskSession(_)
            | Task::Close
            | Task::Probe { .. }
            | Task::Ask { .. } => false,
        };
        let seen = self.docker.reachable() && self.sight.clear();
        let gone = || seen && !self.fleet.engines.values().any(Engine::is_engine);
        !self.fleet.operations.iter().any(under_way) && (!takes_along || gone())
    }

    /// Engines go with acefleet, all at once: those that are watched are stopped first, the others go by force.
    pub(super) fn take_engines_along(&mut self) {
        if !self.exit.is_some_and(|exit| exit.stop_engines) {
            return;
        }
        let now = self.now;
        let goes = |engine: &&Engine| engine.is_engine() && engine.operation.is_none();
        let mut due = Vec::new();
        let mut next = Time::NEVER;
        for engine in self.fleet.engines.values().filter(goes) {
            let was_stopped = engine.condemned == Some(Cause::Exit);
            let watched = engine.is_used(now) && engine.state.has_network() && !was_stopped;
            match engine.retry.wait(now) {
                Some(at) => next = next.min(at),
                None => due.push((engine.id, if watched { Changing::Stopping } else { Changing::Removing })),
            }
        }
        self.wake_to_decide(next);
        for (id, changing) in due {
            self.change(id, changing, Cause::Exit, vec![Why::Because(Cause::Exit)]);
        }
    }

    /// Why nothing can be created, if acefleet is about to exit.
    pub(super) fn blocked_by_exit(&self) -> Option<BlockedView> {
        self.exit?;
        let message = "acefleet is about to exit: ask again when it is back".to_string();
        Some(BlockedView { code: BlockedCode::Leaving, message, until: self.now + BACK_AGAIN })
    }

    /// Why a request comes too late.
    pub(super) fn comes_too_late(&self, what: &Request) -> Option<Reply> {
        let blocked = self.blocked_by_exit()?;
        match what {
            // Engines may go on running, and whoever uses them goes on telling.
            Request::StreamStarted(_) | Request::StreamEnded(_) | Request::ResetBreaker(_) => None,
            // Refused with all that its client wants to know.
            Request::Provision(_) | Request::ProvisionOther(_) => None,
            Request::Scale(_)
            | Request::CollectGarbage
            | Request::Delete(_)
            | Request::Drain(_)
            | Request::Undrain(_)
            | Request::Replace(_)
            | Request::BounceVpn(_)
            | Request::RestartVpn(_)
            | Request::DrainVpn(_)
            | Request::UndrainVpn(_)
            | Request::StopStream(_)
            | Request::MoveStream { .. } => Some(Reply::Unavailable(blocked.message)),
        }
    }
}
