//! Playback sessions inside engines: they die with the process, hang with it, and deliver only while it is
//! connected.

use super::World;
use super::calls::Caller;
use super::container::Container;
use super::engine::Answerer;
use super::faults::{Fault, HostFault};
use super::queue::{CallId, Run};
use super::trace::{Detail, Who};
use control::Time;
use control::command::{Address, Content};
use control::event::{Opened, Outcome, Refusal, Report, SessionReport, Silence};
use control::ids::{ContainerId, SessionId};
use std::collections::BTreeMap;
use std::sync::Arc;

/// KiB per second.
const SPEED: u64 = 700;

/// Every session that some engine plays.
#[derive(Default)]
pub(super) struct Sessions {
    open: BTreeMap<u64, Played>,
    /// What was or will be announced of sessions, over or not.
    announced: BTreeMap<u64, (ContainerId, u16, Content)>,
    count: u64,
}

/// A session.
#[derive(Clone)]
pub(super) struct Played {
    run: Run,
    content: Content,
    /// Acefleet's name for it, if it was opened for its data plane.
    read_as: Option<SessionId>,
    asked: Time,
    downloaded: u64,
}

impl Played {
    pub(super) const fn new(run: Run, content: Content, read_as: Option<SessionId>, now: Time) -> Self {
        Self { run, content, read_as, asked: now, downloaded: 0 }
    }
}

impl Sessions {
    pub(super) fn begin(&mut self, played: Played) -> u64 {
        self.count += 1;
        self.open.insert(self.count, played);
        self.count
    }

    pub(super) fn end(&mut self, number: u64) {
        self.open.remove(&number);
    }

    pub(super) fn announce_as(&mut self, number: u64, engine: ContainerId, port: u16) {
        if let Some(played) = self.open.get(&number) {
            self.announced.insert(number, (engine, port, played.content.clone()));
        }
    }

    pub(super) fn announced_as(&self, number: u64) -> Option<(ContainerId, u16, Content)> {
        self.announced.get(&number).cloned()
    }

    /// Sessions that acefleet's data plane reads from an engine.
    pub(super) fn read_from(&self, engine: ContainerId) -> impl Iterator<Item = SessionId> {
        let on_it = move |played: &&Played| played.run.container == engine;
        self.open.values().filter(on_it).filter_map(|played| played.read_as)
    }

    /// Nobody reads any more what acefleet had opened: engines end it.
    pub(super) fn forget_readers(&mut self) {
        self.open.retain(|_, played| played.read_as.is_none());
    }
}

impl World {
    /// Whether acefleet's data plane receives anything of a session.
    pub fn delivers(&self, session: SessionId) -> bool {
        let played = self.sessions.open.values().find(|played| played.read_as == Some(session));
        played.is_some_and(|played| self.is_alive(played))
    }

    /// Whether the session of this number goes on.
    pub fn plays(&self, number: u64) -> bool {
        self.sessions.open.get(&number).is_some_and(|played| self.is_alive(played))
    }

    fn is_alive(&self, played: &Played) -> bool {
        let container = self.container(played.run.container);
        container.is_some_and(|container| container.run() == played.run && container.connected.is)
    }

    /// The engine that plays a session of acefleet's data plane.
    pub fn engine_of(&self, session: SessionId) -> Option<ContainerId> {
        let played = self.sessions.open.values().find(|played| played.read_as == Some(session));
        played.map(|played| played.run.container)
    }

    /// How many sessions of acefleet's data plane an engine plays, or believes that it does.
    pub fn sessions_read(&self) -> usize {
        self.sessions.open.values().filter(|played| played.read_as.is_some()).count()
    }

    pub(super) fn end_session_read_as(&mut self, session: SessionId) {
        self.sessions.open.retain(|_, played| played.read_as != Some(session));
    }

    /// Somebody wants a session opened.
    pub(super) fn open_arrives(&mut self, call: CallId, session: SessionId, at: Address, content: &Content) {
        let Some(answering) = self.reached(call, at) else { return };
        let (run, connected, name) = (answering.run(), answering.connected.is, answering.name.clone());
        if !self.is_online(content) && self.rng.chance(50) {
            let refusal = Refusal::EngineSays("failed to load content".into());
            return self.settle(call, Outcome::Refused(refusal));
        }
        if !self.is_online(content) || !connected {
            return self.guard(call);
        }
        let takes = self.plan.audience.opens.draw(&mut self.rng);
        let listens = self.calls.get(call).is_some_and(|open| matches!(open.caller, Caller::Acefleet(_)));
        if !listens {
            return;
        }
        let number = self.sessions.begin(Played::new(run, content.clone(), Some(session), self.now));
        self.trace.note(self.now, Who::Engine, name.as_str(), "play", Detail::Count(session.0 as u32));
        let path = |what: &str| Arc::from(format!("/ace/{what}/{number}"));
        let opened = Opened {
            playback_session_id: number.to_string().into(),
            stat_path: path("stat"),
            command_path: path("cmd"),
            is_live: true,
        };
        self.settle_in(call, takes, Outcome::Done(Report::Opened(Box::new(opened))));
    }

    /// Somebody asks how a session is.
    pub(super) fn stat_arrives(&mut self, call: CallId, at: Address, path: &str) {
        let Some(run) = self.reached(call, at).map(Container::run) else { return };
        let connected = self.truth_connected(run.container);
        let now = self.now;
        let played = number_in(path).and_then(|number| self.sessions.open.get_mut(&number));
        let report = match played.filter(|played| played.run == run) {
            None => Report::SessionUnknown,
            Some(played) => {
                if connected {
                    played.downloaded += now.since(played.asked).as_secs() * SPEED * 1_024;
                }
                played.asked = now;
                Report::Session(SessionReport {
                    status: "dl".into(),
                    peers: if connected { 12 } else { 0 },
                    speed_down: if connected { SPEED } else { 0 },
                    speed_up: 0,
                    downloaded: played.downloaded,
                    uploaded: 0,
                })
            }
        };
        self.settle(call, Outcome::Done(report));
    }

    /// Somebody wants a session closed.
    pub(super) fn close_arrives(&mut self, call: CallId, at: Address, path: &str) {
        let Some(run) = self.reached(call, at).map(Container::run) else { return };
        if let Some(number) = number_in(path)
            && self.sessions.open.get(&number).is_some_and(|played| played.run == run)
        {
            self.sessions.end(number);
        }
        self.settle(call, Outcome::Done(Report::Carried));
    }

    /// Who answers a call at that address; if nobody does, the call is seen to.
    fn reached(&mut self, call: CallId, at: Address) -> Option<&Container> {
        if self.lasts(Fault::Host(HostFault::CutOff)) {
            self.guard(call);
            return None;
        }
        let Answerer { id, hung } = self.answerer(at.engine, at.vpn, at.port);
        if id.is_none() {
            if !hung && self.rng.chance(self.plan.weather.refused_percent) {
                self.settle(call, Outcome::Unknown(Silence::Disconnected));
            } else {
                self.guard(call);
            }
        }
        self.container(id?)
    }
}

fn number_in(path: &str) -> Option<u64> {
    path.rsplit('/').next()?.parse().ok()
}
