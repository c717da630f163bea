//! What Gluetun's control server answers, and whether it does.
//!
//! It says what it knows at the moment it is asked; the answer is older when it is heard.

use super::World;
use super::deed::Request;
use super::faults::{Fault, VpnFault};
use super::gluetun::{Reading, Tunnel};
use super::queue::CallId;
use control::command::{Question, TunnelOrder};
use control::docker::State;
use control::event::{Outcome, Refusal, Report, Silence, TunnelStatus};
use control::ids::VpnId;

impl World {
    /// A question has reached a VPN, or nobody.
    pub(super) fn question_arrives(&mut self, call: CallId, vpn: VpnId, question: Question) {
        let lasts = |fault| self.lasts(Fault::Vpn(vpn, fault));
        let nobody_there = Outcome::Unknown(Silence::Disconnected);
        let outcome = match self.vpn_container(vpn).map(|container| container.state) {
            Some(State::Running) if lasts(VpnFault::ServerDown) => nobody_there,
            Some(State::Running) if lasts(VpnFault::ServerUnauthorized) => {
                Outcome::Refused(Refusal::Unauthorized)
            }
            // It holds the lock that the answer needs.
            Some(State::Running) if lasts(VpnFault::PortsLocked) && question == Question::Ports => {
                return self.guard(call);
            }
            Some(State::Running) => self.server_says(vpn, question),
            // The kernel takes the connection, and nobody reads from it.
            Some(State::Paused) => return self.guard(call),
            Some(State::Created | State::Restarting | State::Removing | State::Exited | State::Dead)
            | None => nobody_there,
        };
        let slow = self.lasts(Fault::Vpn(vpn, VpnFault::ServerSlow));
        let mut delay = self.way_back(call);
        if slow {
            delay += self.plan.weather.slow_server.draw(&mut self.rng);
        }
        self.settle_in(call, delay, outcome);
    }

    /// An order has reached a VPN, or nobody. In `crashed` and `starting` orders change nothing.
    pub(super) fn order_arrives(&mut self, call: CallId, vpn: VpnId, order: TunnelOrder) {
        let lasts = |fault| self.lasts(Fault::Vpn(vpn, fault));
        let nobody_there = Outcome::Unknown(Silence::Disconnected);
        let outcome = match self.vpn_container(vpn).map(|container| container.state) {
            Some(State::Running) if lasts(VpnFault::ServerDown) => nobody_there,
            Some(State::Running) if lasts(VpnFault::ServerUnauthorized) => {
                Outcome::Refused(Refusal::Unauthorized)
            }
            Some(State::Running) => {
                match order {
                    TunnelOrder::Stop => self.stop_tunnel(vpn),
                    TunnelOrder::Run => self.run_tunnel(vpn),
                }
                Outcome::Done(Report::Carried)
            }
            Some(State::Paused) => return self.guard(call),
            Some(State::Created | State::Restarting | State::Removing | State::Exited | State::Dead)
            | None => nobody_there,
        };
        let mut delay = self.way_back(call);
        if self.lasts(Fault::Vpn(vpn, VpnFault::ServerSlow)) {
            delay += self.plan.weather.slow_server.draw(&mut self.rng);
        }
        self.settle_in(call, delay, outcome);
    }

    fn server_says(&self, vpn: VpnId, question: Question) -> Outcome {
        let gluetun = &self.gluetuns[vpn.index()];
        match question {
            Question::Tunnel => Outcome::Done(Report::Tunnel(match gluetun.tunnel {
                Tunnel::Up => TunnelStatus::Running,
                Tunnel::Coming => TunnelStatus::Starting,
                Tunnel::Down => gluetun.says_when_down,
            })),
            Question::Ports => Outcome::Done(Report::Ports(gluetun.port.into_iter().collect())),
            Question::PublicAddress if gluetun.tunnel == Tunnel::Up => {
                Outcome::Done(Report::PublicAddress(gluetun.address.clone()))
            }
            Question::PublicAddress => Outcome::Refused(Refusal::Unexplained("not known".into())),
        }
    }

    /// Remembers which port acefleet has been told.
    pub(super) fn note_reading(&mut self, request: &Request, outcome: &Outcome) {
        if let (Request::Ask { vpn, .. }, Outcome::Done(Report::Ports(ports))) = (request, outcome) {
            let reading = Reading { at: self.now, port: ports.first().copied() };
            self.gluetuns[vpn.index()].reading = Some(reading);
        }
    }
}
