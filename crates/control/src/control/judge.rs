//! Judging VPNs: evidence, double checks, verdicts, and what a failure or a recovery changes at once.
//!
//! What a verdict means for engines is decided in `decide`.

use super::Control;
use crate::agenda::Wake;
use crate::canary::Canary;
use crate::command::Cause;
use crate::engine::{Changing, Engine};
use crate::ids::VpnId;
use crate::journal::{Expect, Subject, What, Why};
use crate::mark::Mark;
use crate::policy::ladder::Climbed;
use crate::policy::verdict::{self, Doubt, Evidence, Finding};
use crate::policy::{failover, offering};
use crate::vpn::{Check, Checked, Failure, Verdict, Vpn, Witnesses};
use alloc::collections::BTreeSet;
use alloc::vec;
use alloc::vec::Vec;

/// An engine's silence counts for one and a half intervals after it was asked, in tenths: until the next
/// answer, whatever the jitter.
const SILENCE_COUNTS_TENTHS: u32 = 15;

impl Control {
    pub(super) fn gather_evidence(&self) -> Vec<Evidence> {
        let mut evidence = vec![Evidence::default(); self.fleet.vpns.len()];
        let interval = self.settings.health_check_interval * SILENCE_COUNTS_TENTHS / 10;
        for engine in self.fleet.engines.values() {
            if let Some(vpn) = engine.seat.vpn() {
                evidence[vpn.index()].add(engine, self.fleet.vpn(vpn), self.now, interval);
            }
        }
        evidence
    }

    /// Engines that fail on every VPN at once speak about acefleet, not about themselves. True if that changed.
    pub(super) fn suspect_oneself(&mut self, evidence: &[Evidence]) -> bool {
        // A VPN whose engines have yet to work says nothing about acefleet either way, and neither does one that has
        // none and is not healthy.
        let speaks =
            |(vpn, told): &(&Vpn, &Evidence)| told.known > 0 || told.askable == 0 && vpn.is_healthy();
        let evidence: Vec<_> =
            self.fleet.vpns.iter().zip(evidence).filter(speaks).map(|(_, told)| *told).collect();
        // Silence that has grown old is no answer: once begun, it lasts until somebody says something.
        let can_answer = evidence.iter().any(|told| told.known > 0);
        let blind = if self.blind { can_answer && !self.heard } else { Evidence::is_blind(&evidence) };
        if blind == self.blind {
            return false;
        }
        self.marks.hit(Mark::SelfDoubt);
        self.blind = blind;
        self.heard = false;
        self.blind_until = self.now;
        self.write(Subject::Fleet, What::SuspectsItself(blind), vec![], Expect::Nothing);
        if blind {
            self.withdraw_failures_by_silence();
        } else {
            // What went unanswered meanwhile is held against nobody; all are asked anew.
            for engine in self.fleet.engines.values_mut() {
                engine.answers.forgive(self.now);
                self.agenda.set_earlier(Wake::Probe(engine.id), self.now);
            }
        }
        true
    }

    /// Silence did not fall everywhere in one instant: a VPN may have been failed for it before it was seen to be
    /// ours. Its engines were never without a tunnel, so nothing has to be repaired.
    fn withdraw_failures_by_silence(&mut self) {
        for at in 0..self.fleet.vpns.len() {
            let vpn = &mut self.fleet.vpns[at];
            let by_silence = matches!(vpn.doubt, Some((Doubt::Unanswered { .. }, _)));
            if !by_silence || !vpn.is_failed() {
                continue;
            }
            let id = vpn.id;
            vpn.verdict = Verdict::Healthy;
            vpn.verdict_since = self.now;
            vpn.failure = None;
            vpn.forget_doubt();
            self.marks.hit(Mark::FailureWithdrawn);
            self.agenda.clear(Wake::DoubleCheck(id));
            let subject = self.vpn_subject(id);
            let why = vec![Why::Reason("its engines' silence is not its own")];
            self.write(subject, What::VpnHealthy, why, Expect::Nothing);
        }
    }

    pub(super) fn judge_vpn(&mut self, id: VpnId, evidence: &Evidence) {
        let finding = verdict::find(self.fleet.vpn(id), evidence, self.blind, &self.marks);
        self.double_check(id, finding);
        let (verdict, why) = verdict::judge(self.fleet.vpn(id), finding, &self.marks);
        match (self.fleet.vpn(id).verdict, verdict) {
            (Verdict::Healthy, Verdict::Failed)
                if self.sabotage.is(Canary::FailedIsFine) && self.fleet.vpn(id).has_network() => {}
            (Verdict::Pending | Verdict::Healthy, Verdict::Failed) => self.fail_vpn(id, why),
            (Verdict::Pending | Verdict::Failed, Verdict::Healthy) => self.recover_vpn(id, why),
            (Verdict::Pending, Verdict::Pending)
            | (Verdict::Healthy, Verdict::Healthy)
            | (Verdict::Failed, Verdict::Failed)
            | (_, Verdict::Pending) => {}
        }
    }

    /// Asks a doubted VPN's engines, again and again while the doubt lasts.
    fn double_check(&mut self, id: VpnId, finding: Finding) {
        let Finding::Doubtful(doubt) = finding else {
            let vpn = self.fleet.vpn_mut(id);
            if vpn.doubt.is_some() {
                vpn.forget_doubt();
                self.agenda.clear(Wake::DoubleCheck(id));
            }
            return;
        };
        let vpn = self.fleet.vpn_mut(id);
        match &mut vpn.doubt {
            Some((known, _)) => *known = doubt,
            None => {
                vpn.doubt = Some((doubt, self.now));
                let subject = self.vpn_subject(id);
                self.write(subject, What::VpnDoubted, vec![doubt.why()], Expect::Nothing);
            }
        }
        self.finish_check(id);
        if self.fleet.vpn(id).check.is_none() && self.agenda.when(Wake::DoubleCheck(id)).is_none() {
            self.begin_check(id);
        }
    }

    fn begin_check(&mut self, id: VpnId) {
        let asked = self.askable(self.fleet.vpn(id));
        let mut open = BTreeSet::new();
        for engine in &asked {
            open.extend(self.probe(*engine, Cause::DoubleCheck));
        }
        let check = Check {
            asked_at: self.now,
            asked: open.len(),
            open,
            connected: 0,
            voucher: None,
            silent: vec![],
        };
        self.fleet.vpn_mut(id).check = Some(check);
        let next = self.now + self.settings.gluetun_health_check_interval;
        self.agenda.set(Wake::DoubleCheck(id), next);
        self.finish_check(id);
    }

    /// The first connected engine decides; the check itself ends when all have answered.
    fn finish_check(&mut self, id: VpnId) {
        let vpn = self.fleet.vpn_mut(id);
        let Some(check) = &vpn.check else { return };
        let result = Checked { connected: check.connected, asked: check.asked };
        if !check.open.is_empty() {
            if result.connected > 0 {
                vpn.checked = Some(result);
            }
            return;
        }
        let Some(check) = vpn.check.take() else { return };
        vpn.checked = Some(result);
        vpn.checked_at = check.asked_at;
        let told = vpn.told_connected.replace(result.connected > 0);
        if told != Some(result.connected > 0) {
            self.tell_of_check(id, &check);
        }
    }

    fn tell_of_check(&mut self, id: VpnId, check: &Check) {
        let subject = self.vpn_subject(id);
        if check.asked == 0 {
            return self.write(subject, What::NobodyToAsk, vec![], Expect::Nothing);
        }
        for engine in &check.silent {
            self.write(subject.clone(), What::CheckFailed(*engine), vec![], Expect::Nothing);
        }
        if let Some(voucher) = check.voucher {
            self.write(subject.clone(), What::Vouched(voucher), vec![], Expect::Nothing);
        }
        let what = What::DoubleChecked { connected: check.connected, asked: check.asked };
        self.write(subject, what, vec![], Expect::Nothing);
    }

    pub(super) fn fail_vpn(&mut self, id: VpnId, why: Vec<Why>) {
        let now = self.now;
        let vpn = self.fleet.vpn_mut(id);
        let network_lost = !vpn.has_network() || why.contains(&Why::NetworkReplaced);
        vpn.verdict = Verdict::Failed;
        vpn.verdict_since = now;
        vpn.failure = Some(Failure { at: now, network_lost });
        vpn.relapses = if failover::relapses(vpn, now) { vpn.relapses + 1 } else { 0 };
        if vpn.relapses == 0 {
            // Whoever stopped it when it was last started for him has long been content with it.
            vpn.started_after = None;
        }
        if vpn.relapses > 0 {
            self.marks.hit(Mark::VpnRelapses);
        }
        vpn.witnesses = Witnesses::default();
        vpn.climbed = Climbed::default();
        vpn.failures_counted += 1;
        // The port after a failure is compared with nothing from before it.
        vpn.port_epoch += 1;
        vpn.port = None;
        vpn.last_port = None;
        vpn.port_none_since = None;
        vpn.port_changes = Default::default();
        vpn.elected_at = None;
        vpn.owes_place = false;
        vpn.public_address = None;
        let expect = match vpn.gone_since {
            Some(since) => Expect::RemovalAt(since + failover::NETWORK_GONE_GRACE),
            None => Expect::EnginesHidden,
        };
        // What was out of date is out of date no more: the port after the failure is compared with nothing.
        let misported = |engine: &&mut Engine| {
            let leaving = engine.leaving.is_some_and(|leaving| leaving.cause == Cause::Misported);
            leaving && engine.seat.vpn() == Some(id)
        };
        self.fleet.engines.values_mut().filter(misported).for_each(|engine| engine.leaving = None);
        let subject = self.vpn_subject(id);
        self.write(subject, What::VpnFailed, why, expect);
        self.dirty = true;
    }

    fn recover_vpn(&mut self, id: VpnId, why: Vec<Why>) {
        let now = self.now;
        let restart = self.settings.vpn_restart_engines_on_reconnect;
        let vpn = self.fleet.vpn_mut(id);
        vpn.verdict = Verdict::Healthy;
        vpn.verdict_since = now;
        let failure = vpn.failure.take();
        if let Some(failure) = failure {
            vpn.recovered_at = Some(now);
            vpn.climbed = Climbed::default();
            if failure.network_lost {
                self.marks.hit(Mark::VpnRecoversNetwork);
            } else {
                self.marks.hit(Mark::VpnRecoversTunnel);
                let vpn = &self.fleet.vpns[id.index()];
                let held = |engine: &&mut Engine| {
                    engine.seat.vpn() == Some(id)
                        && engine.answers.proven
                        && offering::in_current_network(engine, vpn)
                };
                for engine in self.fleet.engines.values_mut().filter(held) {
                    engine.reconnects_since = Some(now);
                    engine.answers.forget_connection();
                    engine.restart_owed = restart && !engine.witness;
                    self.agenda.set(Wake::Probe(engine.id), now);
                }
            }
        }
        if failure.is_some() && self.sabotage.is(Canary::RemovesAtRecovery) {
            let others = |engine: &&Engine| engine.seat.vpn() != Some(id) && engine.operation.is_none();
            let others: Vec<_> = self.fleet.engines.values().filter(others).map(|engine| engine.id).collect();
            others.into_iter().for_each(|engine| self.apply(engine, Changing::Removing, Cause::HeldTooLong));
        }
        // What was a witness is an engine like any other now.
        let on_it = |engine: &&mut Engine| engine.seat.vpn() == Some(id);
        self.fleet.engines.values_mut().filter(on_it).for_each(|engine| engine.witness = false);
        let subject = self.vpn_subject(id);
        self.write(subject, What::VpnHealthy, why, Expect::Refill);
        self.ask_ports(id);
        self.dirty = true;
    }

    pub(super) fn judge_emergency(&mut self) {
        let holds = failover::emergency(self.emergency.is_some(), &self.fleet.vpns);
        if let Some(since) = self.emergency {
            let settles = since + self.settings.emergency_settle;
            self.wake_to_decide(settles);
            if settles <= self.now {
                self.marks.hit(Mark::EmergencySettled);
            }
        }
        if holds == self.emergency.is_some() {
            return;
        }
        let began = core::mem::replace(&mut self.emergency, holds.then_some(self.now));
        self.failovers += u64::from(holds);
        if let Some(began) = began {
            self.marks.hit(Mark::EmergencyLeft);
            let why = vec![Why::Lasted(self.now.since(began))];
            return self.write(Subject::Fleet, What::EmergencyLeft, why, Expect::Refill);
        }
        self.marks.hit(Mark::EmergencyEntered);
        let named = |which: fn(&Vpn) -> bool| {
            self.fleet.vpns.iter().filter(|vpn| which(vpn)).map(|vpn| vpn.name().clone()).collect()
        };
        let why = vec![Why::VpnsFailed(named(Vpn::is_failed)), Why::VpnsHealthy(named(Vpn::is_healthy))];
        let failed = self.fleet.vpns.iter().find(|vpn| vpn.is_failed()).map(|vpn| vpn.id);
        let subject = failed.map_or(Subject::Fleet, |vpn| self.vpn_subject(vpn));
        self.write(subject, What::EmergencyEntered, why, Expect::Nothing);
    }
}
