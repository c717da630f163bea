//! Caches: clearing them, and hearing what came of it.
//!
//! A cache that cannot be cleared harms nobody: it is tried again when it is next due, and where the image has no
//! shell, not at all.

use super::Control;
use crate::command::{Action, Cause};
use crate::event::{Outcome, Refusal, Report};
use crate::ids::ContainerId;
use crate::journal::{Expect, Subject, What, Why};
use crate::mark::Mark;
use crate::operation::Task;
use crate::policy::cache::{self, Clearing};
use crate::time::Time;
use alloc::vec;
use alloc::vec::Vec;

/// Images without a shell that are remembered.
const SHELLLESS_MAX: usize = 16;

impl Control {
    /// Notes which engines have become idle, and clears what is due.
    pub(super) fn clear_caches(&mut self, may_act: bool) {
        let (now, emergency) = (self.now, self.emergency.is_some());
        let mut due = Vec::new();
        let mut wake_at = Time::NEVER;
        for engine in self.fleet.engines.values_mut() {
            let used = !engine.streams.is_empty();
            if used {
                engine.leased_until = None;
            }
            engine.cache.owed = (engine.cache.owed || engine.cache.was_used) && !used;
            engine.cache.was_used = used;
            if engine.cache.owed && self.shellless.contains(&engine.image) {
                engine.cache.owed = false;
            }
            match cache::clearing(engine, emergency, now) {
                Clearing::NotDue | Clearing::Later(None) => {}
                Clearing::Later(Some(at)) => wake_at = wake_at.min(at),
                Clearing::Now if may_act => due.push(engine.id),
                Clearing::Now => {}
            }
        }
        self.wake_to_decide(wake_at);
        for id in due {
            self.marks.hit(Mark::CacheCleared);
            let op = self.send(Cause::BecameIdle, Action::ClearCache(id), Task::ClearCache(id));
            if let Some(engine) = self.fleet.engines.get_mut(&id) {
                engine.cache.clearing = Some(op);
                engine.cache.tried_at = Some(now);
                engine.cache.owed = false;
            }
        }
    }

    pub(super) fn hear_cache(&mut self, id: ContainerId, outcome: &Outcome) {
        let Some(engine) = self.fleet.engines.get_mut(&id) else { return };
        engine.cache.clearing = None;
        self.dirty = true;
        match outcome {
            Outcome::Done(Report::CacheCleared { bytes }) => {
                engine.cache.cleared_at = Some(self.now);
                engine.cache.bytes = Some(*bytes);
            }
            Outcome::Refused(Refusal::NoShell) => {
                let image = engine.image.clone();
                let subject = Subject::Engine(Some(id), engine.name.clone());
                if self.shellless.len() < SHELLLESS_MAX && self.shellless.insert(image) {
                    self.marks.hit(Mark::CacheWithoutShell);
                    let why = vec![Why::Said(Refusal::NoShell)];
                    self.write(subject, What::CacheKept, why, Expect::Nothing);
                }
            }
            Outcome::Done(_) | Outcome::Refused(_) | Outcome::Unknown(_) => {}
        }
    }
}
