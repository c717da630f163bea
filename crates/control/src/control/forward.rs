//! Forwarded ports: who loses the mark, who goes for it, and where a carrier has to be made.

use super::Control;
use super::create::Room;
use crate::canary::Canary;
use crate::command::Cause;
use crate::engine::{Engine, Leaving};
use crate::ids::VpnId;
use crate::journal::{Expect, What, Why};
use crate::mark::Mark;
use crate::policy::breaker::Kind;
use crate::policy::offering::Standing;
use crate::policy::placement::{self, Load};
use crate::policy::{failover, forwarding};
use crate::time::Time;
use alloc::collections::BTreeSet;
use alloc::vec;
use alloc::vec::Vec;

impl Control {
    /// Marks that are lost, carriers that have to go, and carriers whose port came back.
    pub(super) fn judge_ports(&mut self) {
        for at in 0..self.fleet.vpns.len() {
            let id = self.fleet.vpns[at].id;
            self.judge_port(id);
        }
        self.judge_misported();
    }

    fn judge_port(&mut self, id: VpnId) {
        let now = self.now;
        let Some(lost_at) = forwarding::mark_lost_at(self.fleet.vpn(id), &self.settings) else { return };
        if lost_at > now {
            return self.wake_to_decide(lost_at);
        }
        self.marks.hit(Mark::PortLost);
        let vpn = self.fleet.vpn_mut(id);
        if let Some(port) = vpn.last_port.take() {
            let subject = self.vpn_subject(id);
            let why = vec![Why::For(self.settings.port_lost)];
            self.write(subject, What::MarkLost(port), why, Expect::Nothing);
        }
    }

    fn judge_misported(&mut self) {
        let mut hidden = Vec::new();
        let mut wake = Vec::new();
        let all_go = self.sabotage.is(Canary::EveryCarrierIsMisported);
        let Self { fleet, settings, marks, now, blind, .. } = self;
        for engine in fleet.engines.values_mut() {
            let Some(vpn) = engine.seat.vpn().map(|vpn| &fleet.vpns[vpn.index()]) else { continue };
            let all_go = all_go && engine.is_carrier() && vpn.port_changes.iter().any(Option::is_some);
            let misported = all_go || forwarding::is_misported(engine, vpn);
            let for_a_port = |cause| matches!(cause, Cause::Misported | Cause::CarrierCame);
            let leaves_for_it = engine.leaving.is_some_and(|leaving| for_a_port(leaving.cause));
            if leaves_for_it && !misported && engine.p2p().is_some() && engine.p2p() == vpn.last_port {
                marks.hit(Mark::MisportedForgiven);
                engine.leaving = None;
            }
            if !misported || engine.leaving.is_some() || engine.condemned.is_some() || !vpn.is_healthy() {
                continue;
            }
            if *blind {
                // Nothing is hidden now; what has left is called back all the same.
                continue;
            }
            let waits = forwarding::acts_at(vpn, *now, settings);
            if waits.is_some() {
                marks.hit(Mark::StabilizationWaits);
            }
            if let Some(until) = waits.or(forwarding::election_waits(vpn, *now)) {
                wake.push(until);
                continue;
            }
            marks.hit(Mark::MisportedHidden);
            let (Some(from), Some(to)) = (engine.p2p(), vpn.last_port) else { continue };
            engine.leaving = Some(Leaving { cause: Cause::Misported, since: *now, watched_since: None });
            hidden.push((vpn.id, What::ReplaceCarrier { engine: engine.name.clone(), from, to }));
        }
        wake.into_iter().for_each(|until| self.wake_to_decide(until));
        for (vpn, what) in hidden {
            self.fleet.vpn_mut(vpn).elected_at = Some(self.now);
            let expect = Expect::GoneAt(self.now + self.settings.handoff);
            self.write(self.vpn_subject(vpn), what, vec![], expect);
        }
    }

    /// Each healthy VPN with a port has one engine that carries it.
    pub(super) fn make_carriers(&mut self, loads: &mut [Load], desired: usize, room: &mut Room) {
        if self.blind {
            return;
        }
        let carried = self.carried();
        for at in 0..self.fleet.vpns.len() {
            let id = self.fleet.vpns[at].id;
            self.hand_place_over(id, loads, desired);
            let Some(port) = forwarding::port_to_carry(&self.fleet.vpns[at], self.now, &self.settings) else {
                continue;
            };
            // One that relapsed has to prove itself before it gets engines, carriers too.
            let admits = placement::admits(&self.fleet.vpns[at], self.now);
            if !admits || carried.contains(&(id, port)) || self.stabilizes_with_another(id) {
                continue;
            }
            if let Some(until) = forwarding::election_waits(self.fleet.vpn(id), self.now) {
                self.marks.hit(Mark::PortFlaps);
                self.wake_to_decide(until);
                continue;
            }
            self.make_carrier(id, port, loads, room);
        }
    }

    /// The P2P ports that engines which exist or are being created were given, each with the VPN.
    fn carried(&self) -> BTreeSet<(VpnId, u16)> {
        let exist =
            self.fleet.engines.values().filter_map(|engine| Some((engine.seat.vpn()?, engine.p2p()?)));
        let creates = self.fleet.operations.creates();
        let come = creates.filter_map(|(_, create)| Some((create.vpn?, create.ports.p2p?)));
        exist.chain(come).collect()
    }

    /// Soon after a recovery an engine with a port of before is left alone: the port may come back.
    fn stabilizes_with_another(&self, id: VpnId) -> bool {
        let vpn = self.fleet.vpn(id);
        let has_one = |engine: &Engine| {
            engine.seat.vpn() == Some(id) && engine.p2p().is_some() && engine.condemned.is_none()
        };
        forwarding::acts_at(vpn, self.now, &self.settings).is_some()
            && self.fleet.engines.values().any(has_one)
    }

    fn make_carrier(&mut self, id: VpnId, port: u16, loads: &mut [Load], room: &mut Room) {
        if self.sabotage.is(Canary::NoCarrierIsMade) {
            return;
        }
        let waits = self.create_retry.wait(self.now).or(self.breaker_wait(Kind::General));
        if room.provisions == 0 || waits.is_some() {
            return self.wake_to_decide(waits.unwrap_or(Time::NEVER));
        }
        if let Some(holder) = self.fleet.engines.values().find(|engine| forwarding::holds(engine, id, port)) {
            // The port was free for anything when it was given to that engine: it has to go first.
            if forwarding::may_make_place(holder, id, self.now) {
                self.marks.hit(Mark::CarrierVictimHidden);
                self.hand_off(holder.id, Cause::CarrierCame);
            } else if holder.leaving.is_none() {
                self.marks.hit(Mark::CarrierWaits);
            }
            return;
        }
        let goes_already = |engine: &Engine| engine.seat.vpn() == Some(id) && engine.leaving.is_some();
        let replaced = self.fleet.engines.values().any(goes_already);
        if room.seats > 0 && self.create_on(Some(id), Cause::CarrierNeeded, room, None) {
            self.marks.hit(Mark::CarrierCreated);
            loads[id.index()].coming += 1;
            let vpn = self.fleet.vpn_mut(id);
            vpn.elected_at = Some(self.now);
            vpn.owes_place = !replaced;
        } else if !replaced && !self.make_place(id) {
            // At a limit the order turns round: somebody idle goes first. Here nobody is.
            self.marks.hit(Mark::CarrierWaits);
        }
    }

    /// Once the new carrier is offered, an idle engine makes place for it. Not soon after a recovery: then the idle
    /// ones have just been created themselves.
    fn hand_place_over(&mut self, id: VpnId, loads: &[Load], desired: usize) {
        let vpn = self.fleet.vpn(id);
        if !vpn.owes_place || !vpn.is_healthy() {
            return;
        }
        if let Some(until) = forwarding::acts_at(vpn, self.now, &self.settings) {
            return self.wake_to_decide(until);
        }
        let carries = |engine: &Engine| {
            engine.seat.vpn() == Some(id)
                && engine.p2p().is_some()
                && engine.p2p() == vpn.last_port
                && engine.standing == Standing::Offered
        };
        if !self.fleet.engines.values().any(carries) {
            return;
        }
        let (vpns, serving) = (&loads[..loads.len() - 1], loads[id.index()].serving);
        let serve = loads.iter().map(|load| load.serving).sum::<usize>();
        let come = loads.iter().map(|load| load.coming).sum::<usize>();
        if serve <= desired && serve + come > desired {
            // It came before others that were ordered earlier: when they are there, it is one too many all the same.
            return;
        }
        self.fleet.vpn_mut(id).owes_place = false;
        if serve <= desired {
            // Something else has gone since.
        } else if vpns.iter().any(|load| load.serving > serving) {
            // Where more serve, one is missed less.
            self.rebalancing = true;
        } else {
            self.make_place(id);
        }
    }

    /// The idle engine whose going does least harm is handed off. False if there is none.
    fn make_place(&mut self, id: VpnId) -> bool {
        let last_port = self.fleet.vpn(id).last_port;
        let carries = |engine: &Engine| engine.p2p().is_some() && engine.p2p() == last_port;
        let candidates =
            self.fleet.engines.values().filter(|engine| forwarding::may_make_place(engine, id, self.now));
        let victim = candidates
            .filter(|engine| !carries(engine))
            .min_by_key(|engine| failover::least_harm(engine, self.now))
            .map(|engine| engine.id);
        victim.inspect(|victim| self.hand_off(*victim, Cause::CarrierCame)).is_some_and(|_| {
            self.marks.hit(Mark::CarrierVictimHidden);
            true
        })
    }
}
