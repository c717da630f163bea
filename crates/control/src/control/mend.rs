//! Mending VPNs: the rungs of the ladder, carried out for one VPN at a time.
//!
//! Which rung is due when is decided in `policy::ladder`.

use super::Control;
use crate::agenda::Wake;
use crate::canary::Canary;
use crate::command::{Action, Cause, TunnelOrder};
use crate::engine::Engine;
use crate::event::{Outcome, Refusal};
use crate::ids::{OpId, VpnId};
use crate::journal::{Expect, What, Why};
use crate::mark::Mark;
use crate::operation::Task;
use crate::policy::ladder::{self, Next, Rung};
use crate::policy::verdict::Doubt;
use crate::policy::{failover, verdict};
use crate::time::Time;
use crate::vpn::{Mending, Vpn};
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

/// How long a VPN's container may take to stop by itself before it is killed.
const VPN_STOP_GRACE: Duration = Duration::from_secs(10);
/// So long after a bounce its control server has to say that the tunnel runs.
const READ_BACK_WAIT: Duration = Duration::from_secs(15);

impl Control {
    /// Climbs the ladder of the first VPN that is due, if none is being mended.
    pub(super) fn mend_vpns(&mut self) {
        let healthy_since = failover::healthy_since(&self.fleet.vpns);
        for at in 0..self.fleet.vpns.len() {
            let id = self.fleet.vpns[at].id;
            if self.fleet.vpn(id).mending.is_some() {
                continue;
            }
            let next = self.next_rung(id, healthy_since);
            match next {
                Next::Nothing => {}
                Next::At(at, _) => self.wake_to_decide(at),
                Next::Now(_) if self.is_mending() && !self.sabotage.is(Canary::MendsTwoAtOnce) => {
                    self.marks.hit(Mark::LadderWaitsForAnother);
                    let restarts = self.fleet.vpns.iter().filter_map(|vpn| vpn.climbed.restarted_at);
                    let settled = restarts.map(|at| at + self.settings.vpn_unhealthy_restart_timeout / 2);
                    let next = settled.filter(|at| *at > self.now).min();
                    self.wake_to_decide(next.unwrap_or(Time::NEVER));
                }
                Next::Now(_) if self.has_old_evidence(id) => {
                    self.marks.hit(Mark::LadderAwaitsEvidence);
                }
                Next::Now(_) if !self.fleet.vpn(id).is_confirmed() => {
                    self.inspect_vpn(id, Cause::SomethingChanged);
                }
                Next::Now(rung) => {
                    self.climb(id, rung);
                }
                Next::NeedsPerson => self.tell_person(id),
            }
        }
    }

    /// The next rung of a VPN's ladder.
    pub(super) fn next_rung(&self, id: VpnId, healthy_since: Option<Time>) -> Next {
        let vpn = self.fleet.vpn(id);
        let connected =
            |engine: &Engine| verdict::can_be_asked(engine, vpn) && engine.answers.connected == Some(true);
        let connected = vpn.is_failed() && self.fleet.engines.values().any(connected);
        ladder::next(vpn, connected, healthy_since, self.now, &self.settings)
    }

    /// Whether all that speaks against a VPN is that its engines are silent while acefleet suspects itself, or was
    /// gathered before it ceased to.
    fn has_old_evidence(&self, id: VpnId) -> bool {
        let vpn = self.fleet.vpn(id);
        let nobody_to_ask = vpn.checked.is_some_and(|checked| checked.asked == 0);
        let only_silence = matches!(vpn.doubt, Some((Doubt::Unanswered { .. }, _)));
        (self.blind && only_silence)
            || (vpn.doubt.is_some() && vpn.checked_at < self.blind_until && !nobody_to_ask)
    }

    /// Whether something is being done about some VPN. One that was restarted gets time to come up.
    fn is_mending(&self) -> bool {
        let settles = self.settings.vpn_unhealthy_restart_timeout / 2;
        let comes_up =
            |vpn: &Vpn| vpn.is_failed() && vpn.climbed.restarted_at.is_some_and(|at| self.now < at + settles);
        self.fleet.vpns.iter().any(|vpn| vpn.mending.is_some() || comes_up(vpn))
    }

    fn climb(&mut self, id: VpnId, rung: Rung) {
        let now = self.now;
        let vpn = self.fleet.vpn_mut(id);
        vpn.climbed.steps += 1;
        let since = vpn.failure.map_or(now, |failure| failure.at);
        let (cause, mark) = match rung {
            Rung::TellToRun => {
                vpn.climbed.told_to_run += 1;
                (Cause::TunnelStopped, Mark::LadderTellsToRun)
            }
            Rung::Bounce => {
                vpn.climbed.bounced_in = Some(vpn.network_epoch);
                (Cause::TunnelLost, Mark::LadderBounces)
            }
            Rung::Restart => {
                vpn.climbed.restarts += 1;
                vpn.climbed.restarted_at = Some(now);
                (Cause::StaysFailed, Mark::LadderRestarts)
            }
            Rung::Start => {
                vpn.starting_from = vpn.network_epoch;
                vpn.climbed.restarts += 1;
                vpn.climbed.restarted_at = Some(now);
                (Cause::StoppedByPerson, Mark::LadderStarts)
            }
        };
        self.marks.hit(mark);
        let subject = self.vpn_subject(id);
        let why = vec![Why::Because(cause), Why::For(now.since(since))];
        self.write(subject, What::Mend(rung), why, Expect::Nothing);
        self.carry_out_rung(id, rung, cause);
        self.dirty = true;
    }

    fn carry_out_rung(&mut self, id: VpnId, rung: Rung, cause: Cause) -> Option<OpId> {
        match rung {
            Rung::TellToRun => Some(self.tell_tunnel(id, TunnelOrder::Run, cause)),
            Rung::Bounce => Some(self.tell_tunnel(id, TunnelOrder::Stop, cause)),
            Rung::Restart | Rung::Start => {
                let container = self.fleet.vpn(id).container_id()?;
                let action = match rung {
                    Rung::Start => Action::Start(container),
                    Rung::TellToRun | Rung::Bounce | Rung::Restart => {
                        Action::Restart { id: container, grace: VPN_STOP_GRACE }
                    }
                };
                let op = self.send(cause, action, Task::MendVpn(id));
                let now = self.now;
                let vpn = self.fleet.vpn_mut(id);
                vpn.mending = Some(Mending::Container(op));
                vpn.touched = now;
                Some(op)
            }
        }
    }

    fn tell_tunnel(&mut self, id: VpnId, order: TunnelOrder, cause: Cause) -> OpId {
        let op = self.send(cause, Action::Tell { vpn: id, order }, Task::Tell(id));
        let vpn = self.fleet.vpn_mut(id);
        vpn.mending = Some(Mending::Tunnel { op, order, epoch: vpn.network_epoch });
        op
    }

    /// A person wants the tunnel taken down and up again. `None`: something is being done about a VPN already, or
    /// there is no network to do it in.
    pub(super) fn bounce_vpn(&mut self, id: VpnId, cause: Cause) -> Option<OpId> {
        if self.fleet.vpns.iter().any(|vpn| vpn.mending.is_some()) || self.fleet.vpn(id).current().is_none() {
            return None;
        }
        self.carry_out_rung(id, Rung::Bounce, cause)
    }

    /// A person wants the container restarted, or started. `None`: something is being done about a VPN already, or
    /// there is no container.
    pub(super) fn restart_vpn(&mut self, id: VpnId, cause: Cause) -> Option<OpId> {
        if self.fleet.vpns.iter().any(|vpn| vpn.mending.is_some()) {
            return None;
        }
        self.carry_out_rung(id, Rung::Restart, cause)
    }

    /// Says once that a VPN is beyond what acefleet does by itself.
    fn tell_person(&mut self, id: VpnId) {
        let next = self.agenda.when(Wake::InspectVpn(id)).unwrap_or(self.now);
        let patience = self.settings.vpn_unhealthy_restart_timeout;
        let vpn = self.fleet.vpn_mut(id);
        // It may be about to be created, or to be seen running.
        let since = vpn.climbed.restarted_at.or(vpn.failure.map(|failure| failure.at)).unwrap_or(self.now);
        if self.now < since + patience {
            return self.wake_to_decide(since + patience);
        }
        if core::mem::replace(&mut vpn.climbed.told, true) {
            return;
        }
        self.marks.hit(Mark::LadderNeedsPerson);
        let why = self.fleet.vpn(id).container_state().map_or(Why::Missing, Why::StateIs);
        let subject = self.vpn_subject(id);
        self.write(subject, What::NeedsPerson, vec![why], Expect::NextLook(next));
    }

    /// A control server has been told what to do with its tunnel, or has not.
    pub(super) fn hear_told(&mut self, id: VpnId, cause: Cause, outcome: &Outcome) {
        let Some(Mending::Tunnel { op, order, epoch }) = self.fleet.vpn_mut(id).mending.take() else {
            return;
        };
        self.dirty = true;
        let vpn = self.fleet.vpn(id);
        if vpn.network_epoch != epoch || vpn.current().is_none() {
            // Whatever runs there now has begun anew.
            self.marks.hit(Mark::StaleEpoch);
            return self.mended(id, "its network was replaced meanwhile");
        }
        if let Outcome::Refused(refusal) = outcome {
            let subject = self.vpn_subject(id);
            let why = vec![Why::Said(refusal.clone())];
            self.write(subject, What::Refused("order", op), why, Expect::Nothing);
        }
        let refused = matches!(outcome, Outcome::Refused(Refusal::Unauthorized));
        match order {
            // Unknown or not: it may be down now, and nobody else would bring it up.
            TunnelOrder::Stop if !refused => {
                self.tell_tunnel(id, TunnelOrder::Run, cause);
            }
            TunnelOrder::Stop | TunnelOrder::Run => {
                let now = self.now;
                let vpn = self.fleet.vpn_mut(id);
                vpn.stopped_since = None;
                vpn.stopped_confirmed = None;
                vpn.mending = Some(Mending::ReadingBack { until: now + READ_BACK_WAIT });
                self.agenda.set(Wake::AskTunnel(id), now);
                self.wake_to_decide(now + READ_BACK_WAIT);
            }
        }
    }

    /// A VPN's container has been started or restarted, or nobody knows: it is looked at, and nothing else is done to
    /// it before.
    pub(super) fn hear_mended(&mut self, id: VpnId, op: OpId, cause: Cause, outcome: &Outcome) {
        let now = self.now;
        let vpn = self.fleet.vpn_mut(id);
        if cause == Cause::StoppedByPerson && matches!(outcome, Outcome::Done(_)) {
            vpn.started_after = Some(vpn.starting_from);
        }
        vpn.mending = None;
        vpn.touched = now;
        let subject = self.vpn_subject(id);
        match outcome {
            Outcome::Done(_) => {}
            Outcome::Refused(refusal) => {
                let why = vec![Why::Said(refusal.clone())];
                self.write(subject, What::Refused("restart", op), why, Expect::Nothing);
            }
            Outcome::Unknown(_) => {
                self.write(subject, What::FateUnknown("restart", op), vec![], Expect::Nothing);
            }
        }
        let came = match outcome {
            Outcome::Done(_) => "it was carried out",
            Outcome::Refused(_) => "it was refused",
            Outcome::Unknown(_) => "nobody said whether it was carried out",
        };
        self.mended(id, came);
        self.inspect_vpn(id, Cause::SomethingChanged);
        self.dirty = true;
    }

    /// Nothing is being done about a VPN any more: a person who asked for it is told.
    fn mended(&mut self, id: VpnId, came: &'static str) {
        if let Some(op) = self.fleet.vpn_mut(id).request.take() {
            self.request_over(self.vpn_subject(id), op, Why::Reason(came));
        }
    }

    /// What was told of a tunnel has been read back, or not in time.
    pub(super) fn judge_mending(&mut self) {
        let now = self.now;
        let mut wake = Time::NEVER;
        let mut read = Vec::new();
        for vpn in &mut self.fleet.vpns {
            let Some(Mending::ReadingBack { until }) = vpn.mending else { continue };
            if now >= until || vpn.is_healthy() || vpn.current().is_none() {
                vpn.mending = None;
                read.push((vpn.id, vpn.is_healthy()));
            } else {
                wake = wake.min(until);
            }
        }
        self.wake_to_decide(wake);
        for (id, healthy) in read {
            self.mended(id, if healthy { "the VPN is healthy" } else { "the VPN is not healthy yet" });
        }
    }

    /// When the ladder of the first failed VPN is next climbed, for whoever waits for it.
    pub(super) fn next_rung_at(&self) -> Option<Time> {
        let healthy_since = failover::healthy_since(&self.fleet.vpns);
        let rungs = self.fleet.vpns.iter().filter_map(|vpn| match self.next_rung(vpn.id, healthy_since) {
            Next::At(at, _) => Some(at),
            Next::Now(_) => Some(self.now),
            Next::Nothing | Next::NeedsPerson => None,
        });
        rungs.min()
    }
}
