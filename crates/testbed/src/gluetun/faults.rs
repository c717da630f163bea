//! What is wrong with a Gluetun, and the routes of the private port that say so from outside.
//!
//! Faults change the tunnel, the port and how the control server answers; they do not answer for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::Shared;
use super::life::{Cut, Status};
use crate::switch::{self, Switches};
use crate::web::{self, Answer, Asked};

/// What can be done to the tunnel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TunnelFault {
    /// None: it is up at once.
    Up,
    /// Nothing gets through, but the status stays. Stopping and starting the VPN mends it.
    Cut,
    /// The same, but only [`TunnelFault::Up`] mends it: the uplink is gone.
    Dead,
    /// It is in this state and stays there.
    Held(Status),
}

/// How the control server says that there is no port.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NoneAs {
    /// `"ports":[0]`.
    Zero,
    /// `"ports":null`.
    Null,
    /// `"ports":[]`.
    Empty,
}

/// How the control server is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Server {
    /// Well.
    Answers,
    /// Accepts, never answers.
    Hangs,
    /// Admits nobody.
    Unauthorized,
    /// Refuses connections.
    Down,
}

/// The switches of one Gluetun. Clones switch the same one.
#[derive(Clone, Debug)]
pub struct FaultControl {
    shared: Arc<Shared>,
}

impl FaultControl {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Does something to the tunnel.
    pub fn tunnel(&self, fault: TunnelFault) {
        match fault {
            TunnelFault::Up => self.shared.life.hold(Status::Running, Cut::Not),
            TunnelFault::Cut => self.shared.life.change(|state| state.cut = Cut::UntilBounced),
            TunnelFault::Dead => self.shared.life.change(|state| state.cut = Cut::UntilMended),
            TunnelFault::Held(status) => self.shared.life.hold(status, Cut::Not),
        }
    }

    /// What Docker's health check is told; none is the truth.
    pub fn health(&self, lie: Option<bool>) {
        self.shared.life.change(|state| state.health_lie = lie);
    }

    /// Other ports, through none; an empty list is none for good.
    pub fn ports(&self, ports: &[u16]) {
        self.shared.life.want(ports.to_vec());
    }

    /// How no port is said.
    pub fn none_as(&self, none_as: NoneAs) {
        self.shared.life.change(|state| state.none_as = none_as);
    }

    /// How the control server is.
    pub fn server(&self, server: Server) {
        self.shared.life.change(|state| state.server = server);
    }

    /// The port's route does not answer, as while a command runs.
    pub fn port_route_hangs(&self, hangs: bool) {
        self.shared.life.change(|state| state.port_route_hangs = hangs);
    }

    /// Ends it at once, with an exit code.
    pub fn crash(&self, code: i32) {
        self.shared.crash.send_replace(Some(code));
    }

    /// Its process stands still: nobody answers, and nothing gets through. No fault of its own, so
    /// [`FaultControl::clear`] leaves it as it is.
    pub(crate) fn stand_still(&self, still: bool) {
        self.shared.life.change(|state| state.still = still);
    }

    /// What Docker's health check is told now.
    pub(crate) fn told_healthy(&self) -> bool {
        self.shared.life.told_healthy()
    }

    /// Takes all faults back. The port becomes that of the settings.
    pub fn clear(&self) {
        let ports = self.shared.settings.ports.clone();
        self.shared.life.change(|state| {
            state.none_as = NoneAs::Zero;
            state.server = Server::Answers;
            state.port_route_hangs = false;
            state.health_lie = None;
        });
        self.tunnel(TunnelFault::Up);
        if self.shared.life.now().wanted != ports {
            self.ports(&ports);
        }
    }

    /// The routes of the private port.
    pub(super) fn route(&self, asked: &Asked) -> Answer {
        match (&asked.method, asked.path.as_str()) {
            (&Method::GET, "/standin/tunnel") => {
                web::json(StatusCode::OK, &json!({ "up": self.shared.life.now().is_up() }))
            }
            (&Method::GET, "/standin/health") => match self.shared.life.told_healthy() {
                true => web::text(StatusCode::OK, "healthy\n"),
                false => web::text(StatusCode::SERVICE_UNAVAILABLE, "unhealthy\n"),
            },
            (_, _) => switch::route(self, asked),
        }
    }

    /// Sets faults by the names and values that the routes take.
    pub fn apply_all(&self, faults: &BTreeMap<String, String>) -> Result<(), String> {
        switch::apply_all(self, faults)
    }
}

impl Switches for FaultControl {
    fn apply(&self, name: &str, value: &str) -> Result<(), String> {
        let bad = |expected: &str| Err(format!("{name}: {expected} is expected, not {value:?}"));
        match (name, value) {
            ("tunnel", "up") => self.tunnel(TunnelFault::Up),
            ("tunnel", "cut") => self.tunnel(TunnelFault::Cut),
            ("tunnel", "dead") => self.tunnel(TunnelFault::Dead),
            ("tunnel", "starting") => self.tunnel(TunnelFault::Held(Status::Starting)),
            ("tunnel", "crashed") => self.tunnel(TunnelFault::Held(Status::Crashed)),
            ("tunnel", "stopped") => self.tunnel(TunnelFault::Held(Status::Stopped)),
            ("tunnel", _) => return bad("up, cut, dead, starting, crashed or stopped"),
            ("health", "truth") => self.health(None),
            ("health", "healthy") => self.health(Some(true)),
            ("health", "unhealthy") => self.health(Some(false)),
            ("health", _) => return bad("truth, healthy or unhealthy"),
            ("port", "none") => self.ports(&[]),
            ("port", list) => match ports(list) {
                Some(ports) => self.ports(&ports),
                None => return bad("none, a port, or ports with commas"),
            },
            ("none_as", "zero") => self.none_as(NoneAs::Zero),
            ("none_as", "null") => self.none_as(NoneAs::Null),
            ("none_as", "empty") => self.none_as(NoneAs::Empty),
            ("none_as", _) => return bad("zero, null or empty"),
            ("server", "answers") => self.server(Server::Answers),
            ("server", "hangs") => self.server(Server::Hangs),
            ("server", "unauthorized") => self.server(Server::Unauthorized),
            ("server", "down") => self.server(Server::Down),
            ("server", _) => return bad("answers, hangs, unauthorized or down"),
            ("port_route_hangs", "true") => self.port_route_hangs(true),
            ("port_route_hangs", "false") => self.port_route_hangs(false),
            ("port_route_hangs", _) => return bad("true or false"),
            _ => return Err(format!("{name}: there is no such fault")),
        }
        Ok(())
    }

    fn clear(&self) {
        FaultControl::clear(self);
    }

    fn crash(&self, code: i32) {
        FaultControl::crash(self, code);
    }

    fn told(&self) -> Value {
        let state = self.shared.life.now();
        let tunnel = match (state.status, state.cut) {
            (Status::Running, Cut::Not) => "up",
            (Status::Running, Cut::UntilBounced) => "cut",
            (Status::Running, Cut::UntilMended) => "dead",
            (Status::Starting | Status::Crashed | Status::Stopped, _) => state.status.word(),
        };
        let health = match state.health_lie {
            None => "truth",
            Some(true) => "healthy",
            Some(false) => "unhealthy",
        };
        json!({
            "tunnel": tunnel,
            "status": state.status.word(),
            "up": state.is_up(),
            "health": health,
            "healthy": self.shared.life.told_healthy(),
            "ports": state.ports,
            "coming_ports": state.wanted,
            "none_as": format!("{:?}", state.none_as).to_lowercase(),
            "server": format!("{:?}", state.server).to_lowercase(),
            "port_route_hangs": state.port_route_hangs,
        })
    }
}

/// Ports with commas between them.
pub fn ports(list: &str) -> Option<Vec<u16>> {
    list.split(',').map(|port| port.trim().parse().ok().filter(|port| *port > 0)).collect()
}
