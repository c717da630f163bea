//! Watches the pictures: what each tells that none before it has told goes to the history in memory, and to the
//! store.
//!
//! It reads pictures like everybody else, so that the loop which decides has nothing to do with what is kept.

use crate::api::wire::{engine, vpn};
use crate::driver::gate::{Gate, Picture};
use crate::history::{History, Totals};
use crate::store::{About, News, StateFact, Store};
use control::Time;
use control::ids::ContainerId;
use control::policy::offering::Standing;
use control::snapshot::{EngineHealth, EngineView, Snapshot, VpnView};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What it knows of what has been told.
#[derive(Debug)]
pub struct Recorder {
    history: Arc<Mutex<History>>,
    store: Arc<Store>,
    /// What earlier lives have left is in the history.
    went_on: bool,
    newest_entry: u64,
    totals: Totals,
    looked: bool,
    engines: BTreeMap<String, EngineLook>,
    vpns: BTreeMap<String, VpnLook>,
}

/// What makes two states of an engine different.
#[derive(Clone, PartialEq, Debug)]
struct EngineLook {
    id: ContainerId,
    standing: Standing,
    health: EngineHealth,
    port: Option<u16>,
}

/// What makes two states of a VPN different.
#[derive(Clone, PartialEq, Debug)]
struct VpnLook {
    id: Option<ContainerId>,
    verdict: &'static str,
    health: &'static str,
    port: Option<u16>,
    doubt: Option<String>,
}

/// Records each picture until there are no more.
pub async fn run(gate: Gate, mut recorder: Recorder) {
    let mut news = gate.news();
    while news.changed().await.is_ok() {
        recorder.record(&gate.picture());
    }
}

impl Recorder {
    /// One that has seen nothing.
    pub fn new(history: Arc<Mutex<History>>, store: Arc<Store>) -> Self {
        Self {
            history,
            store,
            went_on: false,
            newest_entry: 0,
            totals: Totals::default(),
            looked: false,
            engines: BTreeMap::new(),
            vpns: BTreeMap::new(),
        }
    }

    /// Records what is new in a picture.
    pub fn record(&mut self, picture: &Picture) {
        let snapshot = &picture.snapshot;
        let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.went_on
            && let Some(beginning) = self.store.beginning()
        {
            history.go_on(&beginning);
            self.went_on = true;
        }
        let recorded = history.record(snapshot);
        let totals = history.totals();
        drop(history);
        let new = picture.journal.partition_point(|entry| entry.id <= self.newest_entry);
        let mut news = News {
            at: snapshot.at,
            samples: recorded.samples.into(),
            streams: recorded.streams.into(),
            journal: picture.journal[new..].iter().cloned().collect(),
            totals: (totals != self.totals).then_some(totals),
            // What the store has left open from an earlier life and nobody has found again has ended.
            looked: snapshot.ready && !self.looked,
            ..News::default()
        };
        self.newest_entry = picture.newest_entry().max(self.newest_entry);
        self.totals = totals;
        self.looked |= snapshot.ready;
        if snapshot.ready {
            self.look_at_engines(snapshot, &mut news);
            self.look_at_vpns(snapshot, &mut news);
        }
        self.store.record(news);
    }

    fn look_at_engines(&mut self, snapshot: &Snapshot, news: &mut News) {
        let mut before = std::mem::take(&mut self.engines);
        for view in &snapshot.engines {
            let name = view.container_name.as_str();
            let look = EngineLook::of(view);
            if before.remove(name).as_ref() != Some(&look) {
                news.states.push_back(StateFact {
                    at: snapshot.at,
                    about: About::Engine,
                    name: name.to_owned(),
                    id: Some(view.container_id.to_string()),
                    state: engine::shown_state(snapshot, view),
                    health: engine::health_word(view.health),
                    port: look.port,
                    reason: engine::reason(snapshot, view),
                });
            }
            self.engines.insert(name.to_owned(), look);
        }
        let gone = before.into_iter().map(|(name, look)| gone(snapshot.at, name, look.id));
        news.states.extend(gone);
    }

    fn look_at_vpns(&mut self, snapshot: &Snapshot, news: &mut News) {
        for view in &snapshot.vpns {
            let name = view.container_name.as_str();
            let look = VpnLook::of(view);
            if self.vpns.get(name) != Some(&look) {
                news.states.push_back(StateFact {
                    at: snapshot.at,
                    about: About::Vpn,
                    name: name.to_owned(),
                    id: look.id.map(|id| id.to_string()),
                    state: look.verdict,
                    health: look.health,
                    port: look.port,
                    reason: look.doubt.clone(),
                });
                self.vpns.insert(name.to_owned(), look);
            }
        }
    }
}

impl EngineLook {
    fn of(view: &EngineView) -> Self {
        Self {
            id: view.container_id,
            standing: view.standing,
            health: view.health,
            port: view.p2p_port.filter(|_| view.forwarded),
        }
    }
}

impl VpnLook {
    fn of(view: &VpnView) -> Self {
        Self {
            id: view.container_id,
            verdict: vpn::verdict_word(view.verdict),
            health: vpn::health_word(view),
            port: view.forwarded_port,
            doubt: view.doubt.clone(),
        }
    }
}

fn gone(at: Time, name: String, id: ContainerId) -> StateFact {
    StateFact {
        at,
        about: About::Engine,
        name,
        id: Some(id.to_string()),
        state: "gone",
        health: "unknown",
        port: None,
        reason: None,
    }
}
