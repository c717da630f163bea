//! Breakers: what each attempt to create an engine came to, and whether another is worth it.
//!
//! An attempt is over with the engine's first good answer, or when it is clear that there will be none. Failures
//! that say nothing about creating do not count: a VPN that does not run or has another network than when the
//! attempt began, Docker out of reach, outcomes that nobody knows.

use super::Control;
use crate::command::{Cause, Create, Ports};
use crate::engine::Engine;
use crate::event::Refusal;
use crate::ids::{OpId, VpnId};
use crate::journal::{Expect, Subject, What, Why};
use crate::mark::Mark;
use crate::operation::Fate;
use crate::policy::breaker::{Breaker, Kind, Phase};
use crate::settings::Settings;
use crate::time::Time;
use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

/// The breakers, and the attempts that have not come to anything yet.
#[derive(Debug)]
pub(super) struct Breakers {
    pub general: Breaker,
    pub replacement: Breaker,
    /// By the operation that creates. At most as many as there are engines and open creations.
    attempts: BTreeMap<OpId, Attempt>,
}

#[derive(Clone, Debug)]
struct Attempt {
    kind: Kind,
    issued: Time,
    /// Where, and the network epoch when it was issued.
    vpn: Option<(VpnId, u32)>,
    /// The name or the port was taken. It counts only if the next look around does not tell by whom.
    conflict: Option<Conflict>,
}

#[derive(Clone, Debug)]
struct Conflict {
    since: Time,
    /// Everything has been looked at since.
    looked: bool,
    refusal: Refusal,
    create: Create,
}

/// What an attempt has come to.
enum Came {
    NotYet,
    Answers,
    Fails(Why),
    Aside,
}

impl Breakers {
    pub(super) const fn new(settings: &Settings) -> Self {
        let general = Breaker::new(
            settings.circuit_breaker_failure_threshold,
            settings.circuit_breaker_recovery_timeout,
        );
        let replacement = Breaker::new(
            settings.circuit_breaker_replacement_threshold,
            settings.circuit_breaker_replacement_timeout,
        );
        Self { general, replacement, attempts: BTreeMap::new() }
    }

    pub(super) const fn of(&self, kind: Kind) -> &Breaker {
        match kind {
            Kind::General => &self.general,
            Kind::Replacement => &self.replacement,
        }
    }

    /// Everything has been looked at, as it was at `asked`. True if some refusal is explained now, or will not be.
    pub(super) fn looked(&mut self, asked: Time) -> bool {
        let conflicts = self.attempts.values_mut().filter_map(|attempt| attempt.conflict.as_mut());
        let mut any = false;
        for conflict in conflicts.filter(|conflict| conflict.since <= asked) {
            conflict.looked = true;
            any = true;
        }
        any
    }

    const fn of_mut(&mut self, kind: Kind) -> &mut Breaker {
        match kind {
            Kind::General => &mut self.general,
            Kind::Replacement => &mut self.replacement,
        }
    }
}

impl Control {
    /// The moment until which no engine may be created; `None` if now.
    pub(super) fn breaker_wait(&self, kind: Kind) -> Option<Time> {
        self.breakers.of(kind).wait(self.now)
    }

    /// Notes that an engine is being created.
    pub(super) fn attempt(&mut self, op: OpId, vpn: Option<VpnId>, kind: Kind) {
        let vpn = vpn.map(|vpn| (vpn, self.fleet.vpn(vpn).network_epoch));
        self.breakers.attempts.insert(op, Attempt { kind, issued: self.now, vpn, conflict: None });
        // A start and a first answer have their own bounds; together they are the longest a trial may take.
        let patience = self.settings.docker_timeout * 2 + self.settings.boot_allowance();
        if self.breakers.of_mut(kind).tried(op, self.now, patience) {
            self.marks.hit(Mark::BreakerTrial);
            self.wake_to_decide(self.now + patience);
        }
    }

    /// An attempt failed for a reason that speaks about creating, unless its VPN is to blame.
    pub(super) fn attempt_failed(&mut self, op: OpId, why: Why) {
        let Some(attempt) = self.breakers.attempts.remove(&op) else { return };
        let to_blame = attempt.vpn.is_some_and(|(vpn, epoch)| {
            let vpn = self.fleet.vpn(vpn);
            vpn.current().is_none() || vpn.network_epoch != epoch
        });
        if to_blame {
            self.marks.hit(Mark::BreakerSparesVpn);
            self.breakers.of_mut(attempt.kind).abandoned(op);
            return;
        }
        let now = self.now;
        let breaker = self.breakers.of_mut(attempt.kind);
        if breaker.failed(attempt.issued, now) {
            let failures = breaker.failures();
            let until = now + breaker.recovery();
            self.marks.hit(Mark::BreakerOpens);
            let why = vec![why, Why::Failures(failures)];
            self.write(Subject::Fleet, What::BreakerOpen(attempt.kind), why, Expect::NextLook(until));
            self.wake_to_decide(until);
        }
        self.dirty = true;
    }

    /// A creation was refused.
    pub(super) fn attempt_refused(&mut self, op: OpId, create: &Create, refusal: &Refusal) {
        match refusal {
            Refusal::ImageMissing => self.attempt_failed(op, Why::Said(refusal.clone())),
            Refusal::NameTaken | Refusal::PortTaken => {
                let conflict = Conflict {
                    since: self.now,
                    looked: false,
                    refusal: refusal.clone(),
                    create: create.clone(),
                };
                if let Some(attempt) = self.breakers.attempts.get_mut(&op) {
                    attempt.conflict = Some(conflict);
                }
            }
            Refusal::NoSuchContainer
            | Refusal::NetworkNotRunning
            | Refusal::Unauthorized
            | Refusal::EngineSays(_)
            | Refusal::NoShell
            | Refusal::Unexplained(_) => self.attempt_abandoned(op),
        }
    }

    /// Whether somebody is known to have what a creation was refused for.
    fn is_explained(&self, conflict: &Conflict) -> bool {
        let Create { name, ports, .. } = &conflict.create;
        let strangers = || self.fleet.strangers.values();
        let by_stranger =
            strangers().any(|other| other.name == *name || other.published.contains(&ports.http));
        let holds = |engine: &Engine| {
            let port = |held: Ports| held.http == ports.http || held.https == ports.https;
            engine.name == *name || engine.ports.is_some_and(port)
        };
        by_stranger || self.fleet.engines.values().any(holds)
    }

    /// An attempt came to nothing that speaks about creating.
    pub(super) fn attempt_abandoned(&mut self, op: OpId) {
        if let Some(attempt) = self.breakers.attempts.remove(&op) {
            self.breakers.of_mut(attempt.kind).abandoned(op);
        }
    }

    /// Looks what has become of the attempts: from what is believed, so that nothing has to be heard.
    pub(super) fn review_attempts(&mut self) {
        let under_way: Vec<_> = self.breakers.attempts.keys().copied().collect();
        for op in under_way {
            match self.came_of(op) {
                Came::NotYet => {}
                Came::Answers => self.attempt_succeeded(op),
                Came::Fails(why) => self.attempt_failed(op, why),
                Came::Aside => self.attempt_abandoned(op),
            }
        }
    }

    fn came_of(&self, op: OpId) -> Came {
        let conflict = self.breakers.attempts.get(&op).and_then(|attempt| attempt.conflict.as_ref());
        if let Some(conflict) = conflict {
            if self.is_explained(conflict) {
                return Came::Aside;
            }
            return if conflict.looked {
                Came::Fails(Why::Said(conflict.refusal.clone()))
            } else {
                Came::NotYet
            };
        }
        let by_it = |engine: &&Engine| engine.created_by == Some(op);
        let Some(engine) = self.fleet.engines.values().find(by_it) else {
            let open = self.fleet.operations.get(op);
            // While nobody knows what became of it, nobody waits for it either.
            return match open.map(|operation| operation.fate) {
                Some(Fate::Open) => Came::NotYet,
                Some(Fate::Unknown { .. }) | None => Came::Aside,
            };
        };
        if engine.answers.answered {
            return Came::Answers;
        }
        match engine.condemned {
            Some(Cause::BootFailed) => {
                return Came::Fails(Why::Reason("a new engine never gave a good answer"));
            }
            Some(_) => return Came::Aside,
            None => {}
        }
        if engine.exits.iter().any(Option::is_some) {
            return Came::Fails(Why::Reason("a new engine exited while it booted"));
        }
        Came::NotYet
    }

    fn attempt_succeeded(&mut self, op: OpId) {
        let Some(attempt) = self.breakers.attempts.remove(&op) else { return };
        if self.breakers.of_mut(attempt.kind).succeeded(attempt.issued, self.now) {
            self.marks.hit(Mark::BreakerCloses);
            self.write(Subject::Fleet, What::BreakerClosed(attempt.kind), vec![], Expect::Refill);
        }
        self.dirty = true;
    }

    /// Closes breakers because a person says so.
    pub(super) fn reset_breakers(&mut self, which: Option<Kind>) {
        for kind in [Kind::General, Kind::Replacement] {
            if which.is_some_and(|which| which != kind) {
                continue;
            }
            let was = self.breakers.of(kind).phase();
            self.breakers.of_mut(kind).reset(self.now);
            if was != Phase::Closed {
                self.marks.hit(Mark::BreakerReset);
                let why = vec![Why::Reason("a person has reset it")];
                self.write(Subject::Fleet, What::BreakerClosed(kind), why, Expect::Refill);
            }
        }
        self.create_retry.succeeded();
        self.dirty = true;
    }
}
