//! Hearing of VPNs: inspections of their containers, and what their control servers answer.

use super::Control;
use crate::agenda::Wake;
use crate::command::{Cause, Question};
use crate::docker::Listed;
use crate::engine::{Answers, Engine, Seat};
use crate::event::{Outcome, Refusal, Report, TunnelStatus};
use crate::ids::{ContainerId, VpnId};
use crate::journal::{Expect, What, Why};
use crate::mark::Mark;
use crate::policy::{forwarding, verdict};
use crate::time::Time;
use crate::vpn::{ControlServer, PORT_CHANGES_REMEMBERED, PortReading, Vpn};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

impl Control {
    pub(super) fn hear_vpn(&mut self, id: VpnId, outcome: Outcome, asked: Time) {
        self.fleet.vpn_mut(id).inspecting = None;
        let facts = match outcome {
            Outcome::Done(Report::Found(facts)) => Some(facts),
            Outcome::Done(Report::Absent) => None,
            Outcome::Done(_) | Outcome::Refused(_) | Outcome::Unknown(_) => return,
        };
        if asked < self.fleet.vpn(id).touched {
            self.marks.hit(Mark::StaleReading);
            return self.inspect_vpn(id, Cause::SomethingChanged);
        }
        let was_healthy = self.fleet.vpn(id).is_healthy();
        let seen = self.fleet.vpn_mut(id).observe(facts.as_deref(), asked, self.now);
        if seen.new_network {
            self.meet_network(id, seen.replaced);
        }
        if self.fleet.vpn(id).health_since == self.now {
            self.agenda.set(Wake::AskTunnel(id), self.now);
        }
        if seen.replaced && was_healthy {
            self.marks.hit(Mark::VpnFailsNewNetwork);
            self.fail_vpn(id, vec![Why::NetworkReplaced]);
        }
        // A decision about its engines may have waited for nothing but this look.
        self.dirty |= seen.changed || !self.fleet.vpn(id).is_healthy();
        self.sighted_vpn(id, asked);
    }

    /// A VPN has a network that was not known: every engine on it is looked at again, and its own state asked.
    fn meet_network(&mut self, id: VpnId, replaced: bool) {
        let subject = self.vpn_subject(id);
        let first = self.fleet.vpn(id).network_epoch == 1;
        self.write(subject, What::NewNetwork { first }, vec![], Expect::RepairOnceHealthy);
        self.agenda.set_earlier(Wake::AskTunnel(id), self.now);
        self.agenda.clear(Wake::DoubleCheck(id));
        // An engine may have been seated by its label, or not at all, while the container's id was unknown.
        let seats: Vec<_> = self
            .fleet
            .engines
            .values()
            .map(|engine| (engine.id, self.seat_now(engine)))
            .filter(|(_, seat)| seat.vpn() == Some(id))
            .collect();
        for (engine, seat) in seats {
            if let Some(engine) = self.fleet.engines.get_mut(&engine) {
                engine.seat = seat;
                if replaced {
                    engine.answers = Answers::default();
                    engine.reconnects_since = None;
                    engine.restart_owed = false;
                }
            }
            self.look_at(engine, Cause::SomethingChanged);
        }
    }

    fn seat_now(&self, engine: &Engine) -> Seat {
        self.fleet.seat_of(&Listed {
            id: engine.id,
            name: engine.name.clone(),
            ours: true,
            state: engine.state,
            network: engine.network.clone(),
            labels: engine.labels.clone(),
            image: engine.image.clone(),
            published: Arc::from([]),
        })
    }

    pub(super) fn hear_answer(
        &mut self,
        id: VpnId,
        question: Question,
        epochs: (u32, u32),
        outcome: Outcome,
        asked: Time,
    ) {
        let vpn = self.fleet.vpn_mut(id);
        match question {
            Question::Tunnel => vpn.asking_tunnel = None,
            Question::Ports => vpn.asking_ports = None,
            Question::PublicAddress => vpn.asking_address = None,
        }
        if epochs.0 != vpn.network_epoch || (question == Question::Ports && epochs.1 != vpn.port_epoch) {
            self.marks.hit(Mark::StaleEpoch);
            let again = match question {
                Question::Tunnel => Wake::AskTunnel(id),
                Question::Ports | Question::PublicAddress => Wake::AskPorts(id),
            };
            return self.agenda.set(again, self.now);
        }
        if question == Question::Tunnel && asked < vpn.health_since {
            self.marks.hit(Mark::StaleReading);
            return self.agenda.set(Wake::AskTunnel(id), self.now);
        }
        let control_server = match &outcome {
            Outcome::Done(_) => ControlServer::Answers,
            Outcome::Refused(Refusal::Unauthorized) => ControlServer::Unauthorized,
            Outcome::Refused(_) | Outcome::Unknown(_) => ControlServer::Silent,
        };
        self.dirty |= vpn.control_server != control_server;
        vpn.control_server = control_server;
        match outcome {
            Outcome::Done(Report::Tunnel(status)) => {
                self.dirty |= vpn.tunnel != Some(status);
                vpn.tunnel = Some(status);
                if status == TunnelStatus::Stopped {
                    vpn.stopped_since.get_or_insert(asked);
                    vpn.stopped_confirmed = Some(asked);
                    // A second poll may be all that the ladder has waited for.
                    self.dirty = true;
                } else {
                    vpn.stopped_since = None;
                    vpn.stopped_confirmed = None;
                }
            }
            Outcome::Done(Report::Ports(ports)) => {
                let port = ports.first().copied().filter(|port| *port != 0);
                self.read_port(id, PortReading { port, asked_at: asked });
            }
            Outcome::Done(Report::PublicAddress(address)) => vpn.public_address = Some(address),
            // A control server that is silent or admits nobody says nothing: what it said last still counts.
            Outcome::Done(_) | Outcome::Refused(_) | Outcome::Unknown(_) => match question {
                Question::Ports => self.keep_port(id),
                Question::Tunnel | Question::PublicAddress => {}
            },
        }
    }

    /// Gluetun told its ports by itself: a reading like any other.
    pub(super) fn hear_pushed(&mut self, id: VpnId, ports: &[u16]) {
        if id.index() < self.fleet.vpns.len() {
            let port = ports.first().copied().filter(|port| *port != 0);
            self.read_port(id, PortReading { port, asked_at: self.now });
        }
    }

    /// The port was not told: the last answer counts for a while longer. Noted once.
    fn keep_port(&mut self, id: VpnId) {
        let (now, ttl) = (self.now, self.settings.gluetun_port_cache_ttl);
        let vpn = self.fleet.vpn_mut(id);
        let Some(port) = vpn.port(now, ttl).filter(|_| !vpn.port_is_cached) else { return };
        vpn.port_is_cached = true;
        self.marks.hit(Mark::PortCached);
        let next = self.agenda.when(Wake::AskPorts(id)).unwrap_or(now);
        let subject = self.vpn_subject(id);
        self.write(subject, What::PortCached(port), vec![], Expect::NextLook(next));
    }

    fn read_port(&mut self, id: VpnId, reading: PortReading) {
        let now = self.now;
        let vpn = self.fleet.vpn_mut(id);
        if vpn.port.is_some_and(|known| reading.asked_at < known.asked_at) {
            // A push has overtaken it.
            self.marks.hit(Mark::StaleReading);
            return;
        }
        vpn.port_is_cached = false;
        // Creation may have waited for nothing but this answer.
        self.dirty |= vpn.port.is_none();
        let before = vpn.port.and_then(|before| before.port);
        vpn.port = Some(reading);
        match reading.port {
            Some(_) => vpn.port_none_since = None,
            None => {
                vpn.port_none_since.get_or_insert(reading.asked_at);
            }
        }
        if reading.port == before && reading.port == vpn.last_port {
            return;
        }
        self.dirty = true;
        let flapped = forwarding::flaps(vpn, now);
        let what = match (vpn.last_port, reading.port) {
            (Some(last), Some(port)) if last != port => {
                self.marks.hit(Mark::PortChanged);
                vpn.port_changes_counted += 1;
                vpn.port_changes.rotate_left(1);
                vpn.port_changes[PORT_CHANGES_REMEMBERED - 1] = Some(self.now);
                What::PortChanged(last, port)
            }
            (Some(_) | None, Some(port)) => What::PortIs(port),
            (Some(last), None) if before.is_some() => {
                self.marks.hit(Mark::PortNone);
                What::PortGone(last)
            }
            (Some(_) | None, None) => return,
        };
        vpn.last_port = reading.port.or(vpn.last_port);
        let flaps = !flapped && forwarding::flaps(vpn, now);
        let next = vpn.elected_at.map_or(now, |at| at + forwarding::ELECTION_WAIT);
        let subject = self.vpn_subject(id);
        self.write(subject.clone(), what, vec![], Expect::Nothing);
        if flaps {
            self.write(subject, What::PortFlaps, vec![], Expect::NextLook(next));
        }
    }

    /// Whether an engine of a doubted VPN can be asked.
    pub(super) fn askable(&self, vpn: &Vpn) -> Vec<ContainerId> {
        let engines = self.fleet.engines.values();
        engines.filter(|engine| verdict::can_be_asked(engine, vpn)).map(|engine| engine.id).collect()
    }
}
