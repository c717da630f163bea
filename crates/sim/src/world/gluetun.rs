//! What goes on inside VPN containers: the tunnel, the forwarded port, and Docker's health check of it all.
//!
//! What the control server says of it is in `server`. Nothing here knows of engines.

use super::World;
use super::calls::Ticket;
use super::container::Container;
use super::faults::{Fault, HostFault, VpnFault};
use super::plan::Weather;
use super::queue::{Happening, Run};
use super::trace::{Detail, Who};
use control::Time;
use control::docker::{Happened, Health, State};
use control::event::TunnelStatus;
use control::ids::{ContainerId, Name, VpnId};
use std::sync::Arc;
use std::time::Duration;

/// A port that flaps is another one after this time.
const FLAPS_EVERY: Duration = Duration::from_secs(60);

/// One configured VPN, whether or not its container exists.
pub(super) struct Gluetun {
    pub(super) name: Name,
    pub(super) published: Arc<[u16]>,
    pub(super) container: Option<ContainerId>,
    /// What a person has last set out to do to the container.
    pub(super) errand: Option<Ticket>,

    pub(super) tunnel: Tunnel,
    /// Counts what happened to the tunnel, so that what was arranged before is not taken for what comes after.
    turn: u32,
    down_since: Time,
    /// What a down tunnel's Gluetun says of it.
    pub(super) says_when_down: TunnelStatus,
    /// It was told to stop its tunnel, and nothing inside starts it again.
    pub(super) stopped: bool,
    pub(super) passes_while_paused: bool,
    pub(super) address: Arc<str>,

    failed_checks: u32,
    /// How long a check that is slow to notice goes on passing.
    notices_after: Duration,

    pub(super) port: Option<u16>,
    port_turn: u32,
    next_port: u16,
    /// The last port there was, whatever came after.
    last_port: Option<u16>,
    /// The one before that.
    port_before: Option<u16>,
    /// What acefleet has last read.
    pub(super) reading: Option<Reading>,
}

/// A VPN's tunnel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Tunnel {
    Down,
    Coming,
    Up,
}

/// An answer about forwarded ports, as acefleet was told it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reading {
    /// When it was told.
    pub at: Time,
    /// The first port of the answer.
    pub port: Option<u16>,
}

impl Gluetun {
    pub(super) fn new(name: Name, published: Arc<[u16]>) -> Self {
        Self {
            name,
            published,
            container: None,
            errand: None,
            tunnel: Tunnel::Down,
            turn: 0,
            down_since: Time::ZERO,
            says_when_down: TunnelStatus::Starting,
            stopped: false,
            passes_while_paused: false,
            address: "".into(),
            failed_checks: 0,
            notices_after: Duration::ZERO,
            port: None,
            port_turn: 0,
            next_port: 0,
            last_port: None,
            port_before: None,
            reading: None,
        }
    }
}

impl World {
    /// The container of a VPN, if there is one now.
    pub(super) fn vpn_container(&self, vpn: VpnId) -> Option<&Container> {
        self.docker.containers.get(&self.gluetuns[vpn.index()].container?)
    }

    /// A VPN's container has been started.
    pub(super) fn vpn_started(&mut self, vpn: VpnId, run: Run) {
        self.gluetuns[vpn.index()].failed_checks = 0;
        self.gluetuns[vpn.index()].stopped = false;
        if let Some(container) = self.docker.containers.get_mut(&run.container) {
            container.health = Health::Starting;
        }
        self.arrange_check(run);
        if self.rng.chance(self.plan.weather.restart_cures_percent) {
            self.end(Fault::Vpn(vpn, VpnFault::TunnelLost));
        }
        self.raise_tunnel(vpn);
    }

    /// A VPN's container runs no more.
    pub(super) fn vpn_ended(&mut self, vpn: VpnId) {
        self.lower_tunnel(vpn);
    }

    /// A VPN's container has been paused: what was coming comes no more, what was up may pass traffic.
    pub(super) fn vpn_paused(&mut self, vpn: VpnId) {
        let passes = self.rng.chance(self.plan.weather.paused_passes_percent);
        let gluetun = &mut self.gluetuns[vpn.index()];
        gluetun.passes_while_paused = passes;
        if gluetun.tunnel == Tunnel::Coming {
            self.lower_tunnel(vpn);
        }
    }

    /// Gluetun begins to connect, if nothing keeps it from that.
    pub(super) fn raise_tunnel(&mut self, vpn: VpnId) {
        let runs = self.vpn_container(vpn).is_some_and(|container| container.state == State::Running);
        let barred = self.lasts(Fault::Host(HostFault::UplinkLost))
            || self.lasts(Fault::Vpn(vpn, VpnFault::TunnelLost));
        let gluetun = &mut self.gluetuns[vpn.index()];
        if !runs || barred || gluetun.stopped || gluetun.tunnel != Tunnel::Down {
            return;
        }
        gluetun.tunnel = Tunnel::Coming;
        gluetun.turn += 1;
        let up_in = self.plan.weather.tunnel_boot.draw(&mut self.rng);
        self.queue.push(self.now + up_in, Happening::TunnelUp(vpn, gluetun.turn));
    }

    /// The tunnel is up.
    pub(super) fn tunnel_up(&mut self, vpn: VpnId, turn: u32) {
        let gluetun = &mut self.gluetuns[vpn.index()];
        if gluetun.turn != turn || gluetun.tunnel != Tunnel::Coming {
            return;
        }
        gluetun.tunnel = Tunnel::Up;
        gluetun.address = format!("203.0.113.{}", self.rng.below(254) + 1).into();
        self.note_vpn(vpn, "tun+", Detail::Nothing);
        self.truth_is_stale = true;
        self.ask_for_port(vpn);
    }

    /// The tunnel is lost, and its port with it.
    pub(super) fn lower_tunnel(&mut self, vpn: VpnId) {
        // Gluetun does not always notice, and is never `stopped` unless told so.
        let says = match self.rng.below(3) {
            0 => TunnelStatus::Running,
            1 => TunnelStatus::Starting,
            _ => TunnelStatus::Crashed,
        };
        let notices_after = self.plan.weather.health_notices.draw(&mut self.rng);
        let gluetun = &mut self.gluetuns[vpn.index()];
        if gluetun.tunnel == Tunnel::Down {
            return;
        }
        gluetun.tunnel = Tunnel::Down;
        gluetun.turn += 1;
        gluetun.down_since = self.now;
        gluetun.says_when_down = says;
        gluetun.notices_after = notices_after;
        self.note_vpn(vpn, "tun-", Detail::Nothing);
        self.truth_is_stale = true;
        self.lose_port(vpn);
    }

    /// Gluetun is told to stop its tunnel.
    pub(super) fn stop_tunnel(&mut self, vpn: VpnId) {
        let gluetun = &self.gluetuns[vpn.index()];
        let heeds = match gluetun.tunnel {
            Tunnel::Up => true,
            Tunnel::Coming => false,
            Tunnel::Down => gluetun.says_when_down == TunnelStatus::Running,
        };
        if heeds {
            self.lower_tunnel(vpn);
            let gluetun = &mut self.gluetuns[vpn.index()];
            gluetun.stopped = true;
            gluetun.says_when_down = TunnelStatus::Stopped;
        }
    }

    /// Gluetun is told to run its tunnel, which cures some of what it had not noticed.
    pub(super) fn run_tunnel(&mut self, vpn: VpnId) {
        if !std::mem::take(&mut self.gluetuns[vpn.index()].stopped) {
            return;
        }
        self.gluetuns[vpn.index()].says_when_down = TunnelStatus::Starting;
        if self.rng.chance(self.plan.weather.bounce_cures_percent) {
            self.end(Fault::Vpn(vpn, VpnFault::TunnelLost));
        }
        self.raise_tunnel(vpn);
    }

    /// Gluetun asks its provider for a port, which takes a while; it is mostly a new one.
    pub(super) fn ask_for_port(&mut self, vpn: VpnId) {
        let weather = &self.plan.weather;
        let long = self.rng.chance(weather.port_long_wait_percent);
        let wait = if long { weather.port_long_wait } else { weather.port_wait };
        let wait = wait.draw(&mut self.rng);
        let kept = self.rng.chance(weather.port_kept_percent);
        match self.gluetuns[vpn.index()].last_port.filter(|_| kept) {
            Some(port) => self.arrange_port(vpn, port, wait),
            None => self.arrange_new_port(vpn, wait),
        }
    }

    /// The provider gives another port, passing through none.
    pub(super) fn change_port(&mut self, vpn: VpnId, gap: Duration) {
        self.lose_port(vpn);
        self.arrange_new_port(vpn, gap);
    }

    /// The provider gives this port at once.
    pub fn forward(&mut self, vpn: VpnId, port: u16) {
        self.lose_port(vpn);
        self.arrange_port(vpn, port, Duration::ZERO);
    }

    /// There is no forwarded port until somebody asks for one.
    pub(super) fn lose_port(&mut self, vpn: VpnId) {
        let gluetun = &mut self.gluetuns[vpn.index()];
        gluetun.port_turn += 1;
        if gluetun.port.take().is_some() {
            self.note_vpn(vpn, "no_p", Detail::Nothing);
        }
    }

    /// The provider gives a port.
    pub(super) fn port_comes(&mut self, vpn: VpnId, turn: u32) {
        let withheld = self.lasts(Fault::Vpn(vpn, VpnFault::PortAbsent))
            || self.lasts(Fault::Vpn(vpn, VpnFault::PortAbsentAfterRecovery));
        let gluetun = &mut self.gluetuns[vpn.index()];
        if withheld || gluetun.port_turn != turn || gluetun.tunnel != Tunnel::Up {
            return;
        }
        let port = gluetun.next_port;
        if gluetun.last_port.is_some_and(|last| last != port) {
            self.tally.port_changes += 1;
            gluetun.port_before = gluetun.last_port;
        }
        gluetun.port = Some(port);
        gluetun.last_port = Some(port);
        self.note_vpn(vpn, "port", Detail::Port(port));
        if self.lasts(Fault::Vpn(vpn, VpnFault::PortFlaps)) {
            self.arrange_new_port(vpn, FLAPS_EVERY);
        }
    }

    fn arrange_new_port(&mut self, vpn: VpnId, wait: Duration) {
        let Gluetun { last_port: last, port_before: before, .. } = self.gluetuns[vpn.index()];
        let returns = self.rng.chance(self.plan.weather.port_returns_percent);
        if let Some(before) = before.filter(|_| returns) {
            return self.arrange_port(vpn, before, wait);
        }
        // Providers forward ports from the upper half; never the one that was just lost.
        let drawn = 32_768 + self.rng.below(32_000) as u16;
        let port = if last == Some(drawn) { drawn + 1 } else { drawn };
        self.arrange_port(vpn, port, wait);
    }

    fn arrange_port(&mut self, vpn: VpnId, port: u16, wait: Duration) {
        let gluetun = &mut self.gluetuns[vpn.index()];
        gluetun.next_port = port;
        gluetun.port_turn += 1;
        self.queue.push(self.now + wait, Happening::PortComes(vpn, gluetun.port_turn));
    }

    /// Docker checks the health of a VPN's container, and arranges for the next time.
    pub(super) fn check_health(&mut self, run: Run) {
        let Some(container) = self.docker.containers.get(&run.container) else { return };
        let (Some(process), true) = (&container.process, container.run() == run) else { return };
        let Some(vpn) = container.vpn() else { return };
        let age = self.now.since(process.started);
        let (state, health) = (container.state, container.health);
        self.arrange_check(run);
        if state == State::Paused {
            return;
        }
        let passes = self.check_passes(vpn, health);
        let Weather { health_retries, health_start_period, .. } = self.plan.weather;
        let gluetun = &mut self.gluetuns[vpn.index()];
        let starting = health == Health::Starting && age < health_start_period;
        gluetun.failed_checks = match passes {
            true => 0,
            false if starting => gluetun.failed_checks,
            false => gluetun.failed_checks.saturating_add(1),
        };
        let judged = if passes {
            Health::Healthy
        } else if gluetun.failed_checks >= health_retries {
            Health::Unhealthy
        } else {
            health
        };
        if judged != health {
            self.judge(run.container, judged);
        }
    }

    fn check_passes(&self, vpn: VpnId, health: Health) -> bool {
        let lasts = |fault| self.lasts(Fault::Vpn(vpn, fault));
        if lasts(VpnFault::HealthLiesHealthy) {
            return true;
        }
        if lasts(VpnFault::HealthLiesUnhealthy) {
            return false;
        }
        let gluetun = &self.gluetuns[vpn.index()];
        let unnoticed = health == Health::Healthy
            && lasts(VpnFault::HealthSlow)
            && self.now.since(gluetun.down_since) < gluetun.notices_after;
        gluetun.tunnel == Tunnel::Up || unnoticed
    }

    fn judge(&mut self, id: ContainerId, health: Health) {
        if let Some(container) = self.docker.containers.get_mut(&id) {
            container.health = health;
        }
        let code = if health == Health::Healthy { "hlt+" } else { "hlt-" };
        self.note_container(id, code, Detail::Nothing);
        self.emit(id, Happened::HealthIs(health));
    }

    fn arrange_check(&mut self, run: Run) {
        let weather = &self.plan.weather;
        let next = weather.health_interval + weather.health_lag.draw(&mut self.rng);
        self.queue.push(self.now + next, Happening::ChecksHealth(run));
    }

    fn note_vpn(&mut self, vpn: VpnId, code: &'static str, detail: Detail) {
        let name = &self.gluetuns[vpn.index()].name;
        self.trace.note(self.now, Who::Gluetun, name.as_str(), code, detail);
    }
}
