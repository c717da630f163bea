//! Hearing of streams: viewers of the proxy come and go, other programs announce what they have opened, and the
//! store tells what they had announced before.
//!
//! What follows is decided in `streams`.

use super::Control;
use crate::agenda::Wake;
use crate::command::{Address, Cause, Content};
use crate::engine::Engine;
use crate::event::RememberedStream;
use crate::ids::{ContainerId, SessionId, ViewerId};
use crate::journal::{Expect, Subject, What, Why};
use crate::mark::Mark;
use crate::message::{Message, Obstacle};
use crate::policy::streams;
use crate::request::{Announcement, Ending, Reply, UrlTail};
use crate::stream::{self, Origin, Quiet, Session, Stream};
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;

/// Announced streams at once.
const ANNOUNCED_MAX: usize = 1_000;
/// What is said of a session that ended before anything of it was seen.
const BROKE_AT_ONCE: &str = "it ended before it delivered anything";
/// What every path of an engine's own session begins with.
const SESSION_PATHS: &str = "/ace/";

impl Control {
    // The proxy's viewers.

    pub(super) fn hear_viewer(&mut self, viewer: ViewerId, content: Content, sees: bool) {
        // Who watches something else now has left what he watched before.
        self.hear_viewer_left(viewer);
        let now = self.now;
        if self.streams.viewers.len() >= streams::VIEWERS_MAX {
            let why = String::from("there are too many viewers");
            let retry_at = now + streams::RETRY_AFTER;
            let because = Obstacle::TooManyViewers;
            return self.messages.push_back(Message::Refuse { viewer, because, why, retry_at });
        }
        let id = match self.streams.proxied(&content) {
            Some(stream) => stream.id.clone(),
            None => {
                if let Some((retry_at, why)) = self.streams.hopeless(&content, now) {
                    self.marks.hit(Mark::HopelessRefused);
                    let (because, why) = (Obstacle::CannotBePlayed, String::from(&*why));
                    return self.messages.push_back(Message::Refuse { viewer, because, why, retry_at });
                }
                let id: Arc<str> = format!("{}|proxy-{}", content.key, self.streams.next_session().0).into();
                self.streams.live.insert(id.clone(), Stream::new(id.clone(), Origin::Proxied, content, now));
                id
            }
        };
        let Some(stream) = self.streams.live.get_mut(&id) else { return };
        if stream.unwatched_since.take().is_some() {
            self.marks.hit(Mark::StreamResumed);
        }
        stream.played |= sees;
        let session = stream.session.as_ref().and_then(|session| session.id);
        if !stream.session.as_ref().is_some_and(Session::delivers) {
            stream.waiting_since.get_or_insert(now);
        }
        stream.viewers.insert(viewer, session);
        self.streams.viewers.insert(viewer, id);
        self.messages.push_back(Message::Route { viewer, session });
        self.dirty = true;
    }

    pub(super) fn hear_viewer_left(&mut self, viewer: ViewerId) {
        let Some(id) = self.streams.viewers.remove(&viewer) else { return };
        let Some(stream) = self.streams.live.get_mut(&id) else { return };
        stream.viewers.remove(&viewer);
        if stream.viewers.is_empty() {
            self.marks.hit(Mark::StreamLingers);
            stream.unwatched_since = Some(self.now);
            stream.waiting_since = None;
        }
        self.dirty = true;
    }

    pub(super) fn hear_session_broke(&mut self, id: SessionId) {
        let now = self.now;
        let Some(stream) = self.streams.of_session(id) else { return };
        let Some(session) = stream.session_mut(id) else { return };
        let (opened_at, engine, spoke) = (session.opened_at, session.at.engine, session.spoke);
        if core::mem::replace(&mut session.broken, true) {
            return;
        }
        self.dirty = true;
        // That engine opened it and could not play it.
        if !spoke {
            stream.tried.insert(engine);
            stream.said = Some(BROKE_AT_ONCE.into());
        }
        // What becomes of the session before says nothing about the present one.
        if stream.before.as_ref().is_some_and(|before| before.id == Some(id)) {
            return;
        }
        // One that breaks again and again is opened ever more slowly.
        if now.since(opened_at) < streams::SUCCESS_AFTER {
            stream.retry.refused(now);
        } else {
            stream.retry.succeeded();
        }
    }

    /// Whoever waits for it is served, so the session before is not needed any more.
    pub(super) fn hear_session_spoke(&mut self, id: SessionId) {
        let Some(stream) = self.streams.of_session(id) else { return };
        let Some(session) = stream.session_mut(id) else { return };
        session.spoke = true;
        session.quiet = None;
        stream.waiting_since = None;
        if stream.session.as_ref().is_some_and(|present| present.id != Some(id)) {
            return;
        }
        stream.played = true;
        stream.tried.clear();
        stream.said = None;
        if stream.before.is_some() {
            stream.retry.succeeded();
        }
        let (stream, before, asked) = (stream.id.clone(), stream.before.take(), stream.request.take());
        if let Some(before) = before {
            self.reseat(&stream);
            self.let_go(&before, asked.map_or(Cause::StreamMoves, |_| Cause::Operator));
        }
        if let Some(asked) = asked {
            self.request_over(Subject::Stream(stream), asked, Why::Reason("it is played there"));
        }
        self.dirty = true;
    }

    /// Either its engine is not well, or there is nothing to deliver now. The engine is asked, and with it all that
    /// would be cut off together with it.
    pub(super) fn hear_session_silent(&mut self, id: SessionId) {
        let now = self.now;
        let Some(stream) = self.streams.of_session(id) else { return };
        let Some(session) = stream.session_mut(id) else { return };
        if session.quiet.is_some() {
            return;
        }
        session.quiet = Some(Quiet { since: now, answered: false });
        // What was asked before counts for nothing now.
        session.asking = None;
        let engine = session.at.engine;
        // The session before delivers until the present one does; without either there is nothing to see.
        if !stream.session.iter().chain(&stream.before).any(Session::delivers) {
            stream.waiting_since.get_or_insert(now);
        }
        self.marks.hit(Mark::StreamSilent);
        self.probe_neighbours(engine);
        self.agenda.set(Wake::AskSessions, now);
        self.dirty = true;
    }

    fn probe_neighbours(&mut self, engine: ContainerId) {
        let Some(seat) = self.fleet.engines.get(&engine).map(|engine| engine.seat.vpn()) else { return };
        let beside = |other: &&Engine| other.id == engine || seat.is_some() && other.seat.vpn() == seat;
        for other in self.fleet.engines.values().filter(beside) {
            self.agenda.set_earlier(Wake::Probe(other.id), self.now);
        }
    }

    // Other programs' streams.

    pub(super) fn hear_announced(&mut self, told: &Announcement) -> Reply {
        let key = &told.content.key;
        let id = stream::id_of(told.stream_id.as_ref(), key, &told.playback_session_id);
        let Some(engine) = self.engine_announced(told) else {
            if self.sight.opening {
                return Reply::Unavailable("acefleet has not looked at its engines yet".into());
            }
            self.refuse_announcement(id, "no engine has that port");
            return Reply::NotFound;
        };
        let Some(ports) = engine.ports else { return Reply::NotFound };
        let at = Address { engine: engine.id, vpn: engine.seat.vpn(), port: ports.http };
        // The process that is known may have ended since; where the engine can be asked, it tells what it knows.
        let process = engine.started_at.filter(|_| told.stat.is_none());
        let fits = |url: &UrlTail| url.port == ports.http && url.path.starts_with(SESSION_PATHS);
        if ![&told.stat, &told.command].into_iter().flatten().all(fits) {
            self.refuse_announcement(id, "its URLs are not the engine's");
            let message = "stat_url and command_url must have the engine's port and a path below /ace/";
            return Reply::Refused { code: "url_mismatch", message: message.into() };
        }
        let known = self.streams.live.get(&id);
        if known.is_some_and(|known| known.origin == Origin::Proxied) {
            self.refuse_announcement(id, "the proxy plays a stream of that id");
            let message = "that stream id is taken by a stream of the proxy; choose another";
            return Reply::Refused { code: "stream_id_taken", message: message.into() };
        }
        if known.is_none() && self.streams.live.len() >= ANNOUNCED_MAX {
            self.refuse_announcement(id, "there are too many streams");
            let message = "there are too many streams; end some of them";
            return Reply::Refused { code: "too_many_streams", message: message.into() };
        }
        if known.is_none()
            && let Some(view) = self.streams.has_ended(&id, &told.playback_session_id)
        {
            // Told twice, and the second time after it had ended.
            self.marks.hit(Mark::EndedBeforeStarted);
            return Reply::Stream(view.clone());
        }
        let same = known
            .and_then(|known| Some((known.started_at, known.session.as_ref()?)))
            .filter(|(_, session)| session.playback_session_id == told.playback_session_id);
        let started_at = same.map_or(self.now, |(started_at, _)| started_at);
        let mut stream = Stream::new(id.clone(), Origin::Announced, told.content.clone(), started_at);
        stream.session = Some(Session {
            id: None,
            at,
            process,
            playback_session_id: told.playback_session_id.clone(),
            stat_path: told.stat.as_ref().map(|url| url.path.clone()),
            command_path: told.command.as_ref().map(|url| url.path.clone()),
            is_live: told.is_live,
            opened_at: self.now,
            report: None,
            reported_at: None,
            heard_at: self.now,
            grown_at: None,
            asking: None,
            broken: false,
            spoke: true,
            quiet: None,
        });
        self.begin_announced(stream);
        if self.streams.take_early(&id, self.now) {
            self.marks.hit(Mark::EndedBeforeStarted);
            self.end_stream(&id, "its ending was told before its beginning");
            return self.streams.ended.back().map_or(Reply::NotFound, |view| Reply::Stream(view.clone()));
        }
        match self.streams.live.get(&id) {
            Some(stream) => Reply::Stream(self.stream_view(stream, None)),
            None => Reply::NotFound,
        }
    }

    /// The engine that is meant: by its container, else by its port, which is unique in the fleet.
    fn engine_announced(&self, told: &Announcement) -> Option<&Engine> {
        let by_id = told.container_id.and_then(|id| self.fleet.engines.get(&id));
        let has_port = |engine: &&Engine| engine.ports.is_some_and(|ports| Some(ports.http) == told.port);
        by_id.filter(|engine| engine.is_engine()).or_else(|| self.fleet.engines.values().find(has_port))
    }

    fn refuse_announcement(&mut self, id: Arc<str>, why: &'static str) {
        self.marks.hit(Mark::AnnouncementRefused);
        let why = vec![Why::Reason(why)];
        self.write(Subject::Stream(id), What::AnnouncementRefused, why, Expect::Nothing);
    }

    fn begin_announced(&mut self, stream: Stream) {
        let id = stream.id.clone();
        let engine = stream.engine().and_then(|id| self.fleet.engines.get(&id));
        let name = engine.map(|engine| engine.name.clone());
        let before = self.streams.live.insert(id.clone(), stream);
        if let Some(name) = name.filter(|_| before.is_none()) {
            let why = vec![Why::Reason("its announcer said so")];
            self.write(Subject::Stream(id.clone()), What::StreamPlays(name), why, Expect::Nothing);
        }
        self.reseat(&id);
        self.ask_sessions_soon();
    }

    pub(super) fn hear_ended(&mut self, told: &Ending) -> Reply {
        let id = match (&told.stream_id, told.container_id) {
            (Some(id), _) => Some(id.clone()),
            (None, Some(engine)) => self.newest_on(engine),
            (None, None) => None,
        };
        let Some(id) = id else { return Reply::Ended { updated: false, stream: None } };
        match self.streams.live.get(&id).map(|stream| stream.origin) {
            Some(Origin::Announced) => {
                if let Some(reason) = &told.reason {
                    let why = vec![Why::Quoted(reason.clone())];
                    self.write(Subject::Stream(id.clone()), What::StreamEnding, why, Expect::Nothing);
                }
                self.end_stream(&id, "its announcer said so");
                Reply::Ended { updated: true, stream: self.streams.ended.back().cloned() }
            }
            // What the proxy plays is ended by its viewers.
            Some(Origin::Proxied) => Reply::Ended { updated: false, stream: None },
            None => {
                self.streams.note_early(id.clone(), self.now);
                let known = self.streams.ended.iter().rev().find(|view| view.id == id);
                Reply::Ended { updated: false, stream: known.cloned() }
            }
        }
    }

    /// The announced stream that was the last to begin on an engine.
    fn newest_on(&self, engine: ContainerId) -> Option<Arc<str>> {
        let on_it = |stream: &&Stream| stream.origin == Origin::Announced && stream.engine() == Some(engine);
        let newest = self.streams.live.values().filter(on_it).max_by_key(|stream| stream.started_at)?;
        Some(newest.id.clone())
    }

    /// A stream that had been announced to an earlier life of acefleet.
    pub(super) fn adopt_stream(&mut self, remembered: RememberedStream) {
        let Some(engine) = self.fleet.engines.get(&remembered.engine) else { return };
        let Some(ports) = engine.ports else { return };
        if self.streams.live.contains_key(&remembered.stream) {
            return;
        }
        let at = Address { engine: engine.id, vpn: engine.seat.vpn(), port: ports.http };
        let id = remembered.stream;
        let mut stream = Stream::new(id, Origin::Announced, remembered.content, remembered.started_at);
        stream.session = Some(Session {
            id: None,
            at,
            // Nobody can tell which process it began on; the engine itself will.
            process: None,
            playback_session_id: remembered.playback_session_id,
            stat_path: remembered.stat_path,
            command_path: remembered.command_path,
            is_live: remembered.is_live,
            opened_at: self.now,
            report: None,
            reported_at: None,
            heard_at: self.now,
            grown_at: None,
            asking: None,
            broken: false,
            spoke: true,
            quiet: None,
        });
        self.begin_announced(stream);
    }

    pub(super) fn ask_sessions_soon(&mut self) {
        self.agenda.set_earlier(Wake::AskSessions, self.now + self.settings.collect_interval);
    }
}
