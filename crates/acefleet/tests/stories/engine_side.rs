//! What engines themselves say of their sessions: acefleet is not believed that it has left nothing behind.

use crate::fleet::{Fleet, Listed, eventually};
use crate::ground::Ground;
use crate::web;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;

/// A session outlives its last viewer by five seconds. Whatever is still there after this is not waiting to be closed.
const CLOSED_WITHIN: Duration = Duration::from_secs(30);

/// The sessions of an engine, as it tells them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Sessions {
    /// What is open, by infohash.
    pub(crate) open: Vec<String>,
    /// How many were opened since it was started.
    pub(crate) opened: u64,
    /// How many of them it was told to stop: an engine that is told nothing forgets them, too, but later.
    pub(crate) stopped: u64,
}

impl Ground {
    /// Where an engine behind a VPN answers.
    pub(crate) fn engine_at(&self, engine: &Listed) -> SocketAddr {
        let vpn = engine.vpn.as_deref().expect("it is behind a VPN");
        SocketAddr::from((self.address(vpn), engine.port))
    }
}

/// The sessions of the engine that answers there; `None` if none does.
pub(crate) fn told_by(at: SocketAddr) -> Option<Sessions> {
    let told = web::send(at, "GET", "/standin/sessions", &[], None).ok()?.json();
    let count = |what: &str| told[what].as_u64().expect("a number");
    let hash = |session: &Value| session["infohash"].as_str().expect("an infohash").to_string();
    Some(Sessions {
        open: told["sessions"].as_array().expect("a list").iter().map(hash).collect(),
        opened: count("opened"),
        stopped: count("stopped"),
    })
}

/// Waits until nobody watches, nothing is played, and no engine has a session. What each of them tells then.
pub(crate) fn nothing_is_open(ground: &Ground, fleet: &Fleet) -> Vec<Sessions> {
    eventually("nobody watches and nothing is played", CLOSED_WITHIN, || {
        let none = json!([]);
        let played = fleet.get("/streams?status=started");
        (fleet.get("/api/v1/channels") == none && played == none).then_some(())
    });
    let engines = fleet.all_engines();
    let at: Vec<SocketAddr> = engines.iter().map(|engine| ground.engine_at(engine)).collect();
    eventually("no engine has a session", CLOSED_WITHIN, || {
        let told: Vec<Sessions> = at.iter().map(|at| told_by(*at)).collect::<Option<_>>()?;
        told.iter().all(|told| told.open.is_empty()).then_some(told)
    })
}

/// The same, and demands that no session has ended by itself: each that an engine has opened since it was started was
/// stopped. So many there were.
pub(crate) fn nothing_is_left(ground: &Ground, fleet: &Fleet) -> u64 {
    let told = nothing_is_open(ground, fleet);
    assert!(told.iter().all(|told| told.opened == told.stopped), "who is told nothing? {told:?}");
    told.iter().map(|told| told.opened).sum()
}
