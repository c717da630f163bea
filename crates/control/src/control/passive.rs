//! Standing back: somebody else works on our containers, or the core itself has broken again and again.
//!
//! Passive, acefleet observes, serves snapshots and routes, and sends nothing that changes containers.

use super::Control;
use crate::engine::{Changing, Engine};
use crate::journal::{Expect, Subject, What, Why};
use crate::mark::Mark;
use crate::policy::rebuilds;
use crate::snapshot::{PassiveView, PassiveWhy};
use crate::time::Time;
use alloc::sync::Arc;
use alloc::vec;

impl Control {
    /// Why nothing is done to containers, and until when; `None` if something may be. Of two reasons the one that
    /// lasts longer.
    pub(super) fn passive(&self) -> Option<PassiveView> {
        let hand = self.hand.since().zip(self.hand.rests_at()).map(|(since, rests_at)| PassiveView {
            why: PassiveWhy::ForeignHand,
            since,
            until: rests_at.max(self.now),
        });
        let broken = self.broken.map(|broken| PassiveView { until: broken.until.max(self.now), ..broken });
        [hand, broken].into_iter().flatten().max_by_key(|view| view.until)
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
        // Of another kind it is its client's own.
        !by_us && settled && !engine.is_other()
    }

    /// Somebody else created or removed a container of ours.
    pub(super) fn foreign_act(&mut self) {
        let one_too_many = self.hand.acts(self.now);
        self.marks.hit(Mark::ForeignAct);
        if let Some(until) = self.hand.rests_at() {
            if one_too_many {
                self.stand_back(PassiveWhy::ForeignHand, until);
            }
            self.wake_to_decide(until);
        }
        self.dirty = true;
    }

    /// The core before this one broke, and this one was built in its place.
    pub(super) fn hear_rebuilt(&mut self, times: &[Time], why: Arc<str>) {
        self.marks.hit(Mark::Rebuilt);
        let lately = rebuilds::lately(times, self.now);
        let why = vec![Why::Quoted(why), Why::Rebuilds(lately, rebuilds::WINDOW)];
        self.write(Subject::Fleet, What::Rebuilt, why, Expect::Nothing);
        self.settles_at = self.now + rebuilds::SETTLES;
        if let Some(until) = rebuilds::rests_until(times).filter(|until| *until > self.now) {
            self.broken = Some(PassiveView { why: PassiveWhy::Rebuilds, since: self.now, until });
            self.stand_back(PassiveWhy::Rebuilds, until);
            self.wake_to_decide(until);
        }
        self.dirty = true;
    }

    fn stand_back(&mut self, why: PassiveWhy, until: Time) {
        self.marks.hit(match why {
            PassiveWhy::ForeignHand => Mark::PassiveEntered,
            PassiveWhy::Rebuilds => Mark::PassiveForRebuilds,
        });
        self.write(Subject::Fleet, What::Passive(why), vec![], Expect::NextLook(until));
    }

    /// Whether anything may be done to containers as far as others, and acefleet itself, are concerned.
    pub(super) fn has_free_hand(&mut self) -> bool {
        let hand_rests = self.hand.rests(self.now).then_some(PassiveWhy::ForeignHand);
        let healed = self.broken.take_if(|broken| broken.until <= self.now).map(|broken| broken.why);
        let passive = self.passive();
        let expect = if passive.is_none() { Expect::Refill } else { Expect::Nothing };
        for why in [hand_rests, healed].into_iter().flatten() {
            self.marks.hit(Mark::PassiveLeft);
            self.write(Subject::Fleet, What::Active(why), vec![], expect);
        }
        if let Some(passive) = passive {
            self.wake_to_decide(passive.until);
        }
        self.wake_to_decide(self.settles_at);
        passive.is_none() && self.settles_at <= self.now && self.has_looked_since_it_settled()
    }

    /// What the core before this one had begun has come about by now, perhaps untold: it is looked for before anything
    /// is decided, because a listing knows only what was true when it was asked for.
    pub(super) fn has_looked_since_it_settled(&self) -> bool {
        self.docker.listed.is_some_and(|asked| asked >= self.settles_at)
    }
}
