//! Foreign hands: containers of ours that come and go without us, and standing back while too many do.
//!
//! Passive, acefleet observes, serves snapshots and routes, and sends nothing that changes containers.

use super::Control;
use crate::engine::{Changing, Engine};
use crate::journal::{Expect, Subject, What};
use crate::mark::Mark;
use crate::time::Time;
use alloc::vec;

impl Control {
    /// Until when nothing is done to containers, because somebody else does; `None` if nobody does.
    pub(super) fn passive_until(&self) -> Option<Time> {
        self.hand.rests_at().map(|at| at.max(self.now))
    }

    /// Whether it was somebody else who removed a container of ours.
    pub(super) fn gone_by_others(&self, engine: &Engine) -> bool {
        let by_us = engine.condemned.is_some()
            || engine.operation.is_some_and(|(_, changing)| match changing {
                Changing::Removing | Changing::Stopping => true,
                Changing::Starting | Changing::Restarting => false,
            });
        // What the life before this one has sent may be carried out until then.
        let settled = !self.sight.opening && self.now.since(self.began) > self.settings.docker_timeout;
        !by_us && settled
    }

    /// Somebody else created or removed a container of ours.
    pub(super) fn foreign_act(&mut self) {
        let one_too_many = self.hand.acts(self.now);
        self.marks.hit(Mark::ForeignAct);
        if let Some(until) = self.passive_until() {
            if one_too_many {
                self.marks.hit(Mark::PassiveEntered);
                self.write(Subject::Fleet, What::Passive(true), vec![], Expect::NextLook(until));
            }
            self.wake_to_decide(until);
        }
        self.dirty = true;
    }

    /// Whether anything may be done to containers as far as others are concerned.
    pub(super) fn has_free_hand(&mut self) -> bool {
        if self.hand.rests(self.now) {
            self.marks.hit(Mark::PassiveLeft);
            self.write(Subject::Fleet, What::Passive(false), vec![], Expect::Refill);
        }
        match self.passive_until() {
            Some(until) => {
                self.wake_to_decide(until);
                false
            }
            None => true,
        }
    }
}
