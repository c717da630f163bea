//! The life of a tunnel and its port: what is so now, and what becomes so by itself.
//!
//! Everything that is due at some time is a field, and one loop looks at them all. It answers nobody.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Instant;

use super::Settings;
use super::faults::{NoneAs, Server};

/// What the control server calls the state of the VPN.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Status {
    /// Coming up.
    Starting,
    /// Up, or believed to be.
    Running,
    /// Given up.
    Crashed,
    /// Stopped by somebody.
    Stopped,
}

impl Status {
    /// As the control server writes it.
    pub fn word(self) -> &'static str {
        match self {
            Status::Starting => "starting",
            Status::Running => "running",
            Status::Crashed => "crashed",
            Status::Stopped => "stopped",
        }
    }
}

/// Whether nothing gets through although the status says so, and what mends that.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Cut {
    Not,
    UntilBounced,
    UntilMended,
}

/// What is so now.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) status: Status,
    pub(super) cut: Cut,
    /// The ports that are announced now.
    pub(super) ports: Vec<u16>,
    /// The ports that will be.
    pub(super) wanted: Vec<u16>,
    pub(super) none_as: NoneAs,
    pub(super) server: Server,
    pub(super) port_route_hangs: bool,
    /// Its process stands still.
    pub(super) still: bool,
    /// What Docker is told, if not the truth.
    pub(super) health_lie: Option<bool>,
    healthy: bool,
    running_at: Option<Instant>,
    port_at: Option<Instant>,
    unhealthy_at: Option<Instant>,
}

impl State {
    pub(super) fn is_up(&self) -> bool {
        self.status == Status::Running && self.cut == Cut::Not && !self.still
    }
}

/// One life.
#[derive(Debug)]
pub(super) struct Life {
    starting: Duration,
    port_after: Duration,
    port_gap: Duration,
    health_lag: Duration,
    state: Mutex<State>,
    changed: Notify,
    tunnel: watch::Sender<bool>,
    door: watch::Sender<bool>,
    pushes: mpsc::Sender<Vec<u16>>,
}

impl Life {
    pub(super) fn new(settings: &Settings, pushes: mpsc::Sender<Vec<u16>>) -> Self {
        let state = State {
            status: Status::Starting,
            cut: Cut::Not,
            ports: Vec::new(),
            wanted: settings.ports.clone(),
            none_as: NoneAs::Zero,
            server: Server::Answers,
            port_route_hangs: false,
            still: false,
            health_lie: None,
            healthy: false,
            running_at: Some(Instant::now() + settings.starting),
            port_at: None,
            unhealthy_at: None,
        };
        Self {
            starting: settings.starting,
            port_after: settings.port_after,
            port_gap: settings.port_gap,
            health_lag: settings.health_lag,
            state: Mutex::new(state),
            changed: Notify::new(),
            tunnel: watch::Sender::new(false),
            door: watch::Sender::new(true),
            pushes,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> State {
        self.state().clone()
    }

    pub(super) fn tunnel(&self) -> watch::Receiver<bool> {
        self.tunnel.subscribe()
    }

    pub(super) fn door(&self) -> watch::Receiver<bool> {
        self.door.subscribe()
    }

    pub(super) fn told_healthy(&self) -> bool {
        let state = self.state();
        state.health_lie.unwrap_or(state.healthy)
    }

    /// Changes what is so; what follows from it is seen at once.
    pub(super) fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        change(&mut state);
        self.settle(&mut state);
        drop(state);
        self.changed.notify_one();
    }

    /// The tunnel begins to come up.
    pub(super) fn begin(&self) {
        self.change(|state| {
            if state.cut == Cut::UntilBounced {
                state.cut = Cut::Not;
            }
            state.status = Status::Starting;
            state.running_at = Some(Instant::now() + self.starting);
        });
    }

    /// The tunnel is stopped.
    pub(super) fn stop(&self) {
        let cut = self.now().cut;
        self.hold(Status::Stopped, cut);
    }

    /// The tunnel is in this state now, and stays there.
    pub(super) fn hold(&self, status: Status, cut: Cut) {
        self.change(|state| {
            state.cut = cut;
            state.status = status;
            state.running_at = None;
        });
    }

    /// Other ports from now on, through none.
    pub(super) fn want(&self, ports: Vec<u16>) {
        self.change(|state| {
            state.wanted = ports;
            state.ports.clear();
            state.port_at = Some(Instant::now() + self.port_gap);
        });
    }

    /// Lives on until dropped.
    pub(super) async fn live(&self) {
        loop {
            let next = {
                let mut state = self.state();
                self.settle(&mut state)
            };
            let due = async {
                match next {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = due => {}
                () = self.changed.notified() => {}
            }
        }
    }

    /// Does what is due, and says when the next thing is.
    fn settle(&self, state: &mut State) -> Option<Instant> {
        let now = Instant::now();
        let due = |at: &mut Option<Instant>| at.is_some_and(|at| at <= now) && at.take().is_some();
        if due(&mut state.running_at) && state.status == Status::Starting {
            state.status = Status::Running;
        }
        if state.status == Status::Running {
            if state.ports.is_empty() && !state.wanted.is_empty() && state.port_at.is_none() {
                state.port_at = Some(now + self.port_after);
            }
            if due(&mut state.port_at) && state.ports != state.wanted {
                state.ports.clone_from(&state.wanted);
                // A hook that is so far behind misses one; the poll will tell.
                let _ = self.pushes.try_send(state.ports.clone());
            }
        } else {
            state.ports.clear();
            state.port_at = None;
        }
        self.check_health(state, now);
        if due(&mut state.unhealthy_at) {
            state.healthy = false;
        }
        let up = state.is_up();
        self.tunnel.send_if_modified(|told| std::mem::replace(told, up) != up);
        let open = state.server != Server::Down;
        self.door.send_if_modified(|told| std::mem::replace(told, open) != open);
        [state.running_at, state.port_at, state.unhealthy_at].into_iter().flatten().min()
    }

    /// A stopped VPN is not checked, so Docker goes on believing what it believed.
    fn check_health(&self, state: &mut State, now: Instant) {
        if state.is_up() {
            state.healthy = true;
        }
        if state.is_up() || state.status == Status::Stopped || !state.healthy {
            state.unhealthy_at = None;
        } else if state.unhealthy_at.is_none() {
            state.unhealthy_at = Some(now + self.health_lag);
        }
    }
}
