//! What a sound core never does: only canaries reach what is here.

use super::Control;
use crate::canary::Canary;
use crate::command::{Action, Cause};
use crate::engine::{Changing, Engine};
use crate::fleet::Stranger;
use crate::operation::Task;
use crate::policy::naming;
use crate::policy::offering::Standing;
use core::time::Duration;

impl Control {
    /// What must never be done to containers of others: for a canary.
    pub(super) fn seize_names(&mut self) {
        if !self.sabotage.is(Canary::StrangersAreOurs) {
            return;
        }
        let ours = |stranger: &Stranger| naming::number(&stranger.name).is_some();
        let id = self.fleet.strangers.iter().find(|(_, stranger)| ours(stranger)).map(|(id, _)| *id);
        if let Some(id) = id {
            self.send(Cause::Clashes, Action::Remove(id), Task::Remove(id));
        }
    }

    /// What a fleet at rest must never do: for a canary.
    pub(super) fn restless(&mut self) {
        if !self.sabotage.is(Canary::Restless) {
            return;
        }
        let rested = |engine: &&Engine| {
            engine.standing == Standing::Offered
                && self.now.since(engine.standing_since) > Duration::from_secs(600)
        };
        let oldest = self.fleet.engines.values().find(rested).map(|engine| engine.id);
        if let Some(id) = oldest {
            self.apply(id, Changing::Restarting, Cause::Reconnected);
        }
    }
}
