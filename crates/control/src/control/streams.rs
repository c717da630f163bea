//! Streams are seated: which engine opens what, which sessions are given up, and which viewers are refused.
//!
//! What a policy means is in `policy::streams`; here it becomes commands and messages. What is heard of viewers
//! and announcements is in `hear_streams`, of sessions in `sessions`.

use super::Control;
use crate::canary::Canary;
use crate::command::{Action, Address, Cause};
use crate::engine::{Changing, Engine};
use crate::ids::{ContainerId, Name, OpId, SessionId};
use crate::journal::{Expect, Subject, What, Why};
use crate::mark::Mark;
use crate::message::{Message, Obstacle};
use crate::operation::Task;
use crate::policy::forwarding;
use crate::policy::offering::{self, Prospect, Standing};
use crate::policy::streams::{self, Search, Tenure};
use crate::stream::{Opening, Origin, Session, Stream};
use crate::time::Time;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

/// A canary lets streams be played for a while first.
const CANARY_AFTER: Duration = Duration::from_secs(600);
/// What is said when not one engine has said why it does not open something.
const NOBODY_ANSWERED: &str = "the engines that were asked to open it do not answer";
/// What is said of a session that its engine opened without sending anything.
const DELIVERED_NOTHING: &str = "it delivers nothing";

impl Control {
    /// Engines that streams need: those that are used, one for each stream that waits, and one for each that an
    /// engine plays beyond its seats.
    pub fn demand(&self) -> usize {
        let (mut used, mut beyond) = (0, 0);
        for engine in self.fleet.engines.values() {
            let live = |id| self.streams.live.get(id);
            let at_home = |stream: &&Stream| self.home(stream) == Some(engine.id);
            let streams = engine.streams.iter().filter_map(live).filter(at_home).count();
            let proxied = |stream: &&Stream| stream.origin == Origin::Proxied && at_home(stream);
            let movable = engine.streams.iter().filter_map(live).filter(proxied).count();
            let presumed = engine.streams.is_empty() && engine.is_used(self.now);
            used += usize::from(streams > 0 || presumed);
            beyond += streams.saturating_sub(self.settings.max_streams_per_engine).min(movable);
        }
        let waits = |stream: &&Stream| {
            !stream.viewers.is_empty() && stream.tried.is_empty() && self.home(stream).is_none()
        };
        used + beyond + self.streams.live.values().filter(waits).count()
    }

    /// The engine on which a stream is to stay.
    fn home(&self, stream: &Stream) -> Option<ContainerId> {
        let stays = |id: &ContainerId| {
            let engine = self.fleet.engines.get(id);
            stream.origin == Origin::Announced || engine.is_some_and(Engine::may_keep_streams)
        };
        let opening = stream.opening.as_ref().map(|opening| opening.at.engine);
        let given_up = stream.session.as_ref().is_some_and(|it| streams::is_given_up(it, self.now));
        opening.or_else(|| stream.engine().filter(|id| stays(id) && !given_up))
    }

    /// Every stream has an engine that may keep it, or is on its way to one, or waits.
    pub(super) fn seat_streams(&mut self) {
        let ids: Vec<_> = self.streams.live.keys().cloned().collect();
        for id in &ids {
            match self.streams.live.get(id).map(|stream| stream.origin) {
                Some(Origin::Announced) => self.settle_announced(id),
                Some(Origin::Proxied) => self.settle_proxied(id),
                None => {}
            }
        }
        let needs = |stream: &&Stream| {
            let goes = stream.opening.is_none() && self.home(stream).is_none();
            stream.origin == Origin::Proxied && goes && !stream.viewers.is_empty()
        };
        // Those whose viewers see nothing come first, the longest waiting before the others.
        let mut needy: Vec<_> = self.streams.live.values().filter(needs).collect();
        needy.sort_by_key(|stream| (stream.session.is_some(), stream.waiting_since, stream.started_at));
        let needy: Vec<_> = needy.into_iter().map(|stream| stream.id.clone()).collect();
        needy.iter().for_each(|id| self.seat(id));
        self.thin_out();
        self.remove_the_watched();
    }

    /// What must never befall an engine with viewers: for a canary.
    fn remove_the_watched(&mut self) {
        if !self.sabotage.is(Canary::RemovesTheWatched) {
            return;
        }
        let long = |stream: &&Stream| self.now.since(stream.started_at) > CANARY_AFTER;
        let watched = self.streams.live.values().filter(long).find_map(Stream::engine);
        let idle = |id: &ContainerId| self.fleet.engines.get(id).is_some_and(|it| it.operation.is_none());
        if let Some(id) = watched.filter(|id| idle(id) && self.sight.clear() && self.docker.reachable()) {
            self.apply(id, Changing::Removing, Cause::TooFewEngines);
        }
    }

    /// An announced stream ends with its session.
    fn settle_announced(&mut self, id: &Arc<str>) {
        let Some(session) = self.streams.live.get(id).and_then(|stream| stream.session.as_ref()) else {
            return;
        };
        let why = match self.fleet.engines.get(&session.at.engine) {
            None => "its engine is gone",
            Some(_) if session.broken => "its engine does not know its session any more",
            Some(engine) if streams::is_other_process(session, engine) => "its engine was started again",
            Some(engine) if streams::is_stale(session, engine, self.now) => {
                "its engine does not answer for it"
            }
            Some(_) => return,
        };
        self.marks.hit(Mark::StreamStale);
        self.stale_streams += 1;
        self.end_stream(id, why);
    }

    fn settle_proxied(&mut self, id: &Arc<str>) {
        self.settle_opening(id);
        self.settle_session(id);
        let Some(stream) = self.streams.live.get(id) else { return };
        let Some(since) = stream.unwatched_since else { return };
        let over = since + streams::LINGER;
        let worthless = stream.session.is_none() && stream.opening.is_none();
        if worthless || over <= self.now {
            self.marks.hit(Mark::StreamClosed);
            self.end_stream(id, "nobody watches it any more");
        } else {
            self.wake_to_decide(over);
        }
    }

    /// An engine that must not keep a stream is not waited for either.
    fn settle_opening(&mut self, id: &Arc<str>) {
        let Some(stream) = self.streams.live.get_mut(id) else { return };
        let Some(opening) = &stream.opening else { return };
        let engine = self.fleet.engines.get(&opening.at.engine);
        let same = |started| opening.process.is_none() || opening.process == started;
        if engine.is_none_or(|engine| !engine.may_keep_streams() || !same(engine.started_at)) {
            stream.opening = None;
            self.reseat(id);
            self.note_not_moved(id, Why::Reason("the engine may not play it any more"));
        }
    }

    fn settle_session(&mut self, id: &Arc<str>) {
        let Some(stream) = self.streams.live.get(id) else { return };
        if stream.before.as_ref().is_some_and(|before| self.is_lost(before)) {
            self.lose_before(id);
        }
        let Some(session) = self.streams.live.get(id).and_then(|stream| stream.session.as_ref()) else {
            return;
        };
        if self.is_lost(session) {
            return self.lose_session(id);
        }
        let dumb_until = session.opened_at + self.settings.startup_timeout;
        if !session.spoke && dumb_until <= self.now {
            return self.give_up_session(id, DELIVERED_NOTHING);
        }
        let waits_until = if session.spoke { streams::given_up_at(session) } else { dumb_until };
        if waits_until > self.now {
            return self.wake_to_decide(waits_until);
        }
        let engine = session.at.engine;
        if let Some(stream) = self.streams.live.get_mut(id) {
            stream.tried.insert(engine);
            self.marks.hit(Mark::StreamStalls);
        }
    }

    fn is_lost(&self, session: &Session) -> bool {
        let engine = self.fleet.engines.get(&session.at.engine);
        let stale = engine.is_some_and(|engine| streams::is_stale(session, engine, self.now));
        stale || streams::tenure_of(session, engine) == Tenure::Lost
    }

    /// It was opened and has never delivered: that engine cannot play it.
    pub(super) fn give_up_session(&mut self, id: &Arc<str>, why: &'static str) {
        let Some(stream) = self.streams.live.get_mut(id) else { return };
        let Some(session) = &stream.session else { return };
        let engine = session.at.engine;
        stream.tried.insert(engine);
        stream.said = Some(why.into());
        self.marks.hit(Mark::StreamDumb);
        if let Some(name) = self.fleet.engines.get(&engine).map(|engine| engine.name.clone()) {
            let why = vec![Why::Reason(why)];
            self.write(Subject::Stream(id.clone()), What::OpenFailed(name), why, Expect::Nothing);
        }
        self.lose_session(id);
    }

    /// The session before the present one delivers nothing any more either.
    fn lose_before(&mut self, id: &Arc<str>) {
        let Some(before) = self.streams.live.get_mut(id).and_then(|stream| stream.before.take()) else {
            return;
        };
        self.reseat(id);
        self.let_go(&before, Cause::SessionLost);
    }

    /// A session delivers nothing any more: its viewers wait for another.
    fn lose_session(&mut self, id: &Arc<str>) {
        let now = self.now;
        let Some(stream) = self.streams.live.get_mut(id) else { return };
        let Some(session) = stream.session.take() else { return };
        // It was on its way to this session and has not arrived: it stays where it was.
        stream.session = stream.before.take();
        if let Some(session) = &mut stream.session {
            session.heard_at = now;
        }
        if !stream.viewers.is_empty() && !stream.session.as_ref().is_some_and(Session::delivers) {
            stream.waiting_since.get_or_insert(now);
        }
        let remaining = stream.session.as_ref().and_then(|session| session.id);
        if remaining.is_some() {
            self.marks.hit(Mark::StreamStaysWhereItWas);
        }
        self.marks.hit(Mark::StreamLost);
        self.route(id, remaining);
        self.reseat(id);
        self.let_go(&session, Cause::SessionLost);
        self.write(Subject::Stream(id.clone()), What::StreamLost, vec![], Expect::Nothing);
        let moves_on = self.streams.live.get(id).is_some_and(|stream| stream.opening.is_some());
        if !moves_on {
            self.note_not_moved(id, Why::Reason("it was lost there"));
        }
    }

    /// Nobody is to be sent this session any more.
    pub(super) fn let_go(&mut self, session: &Session, cause: Cause) {
        let engine = self.fleet.engines.get(&session.at.engine);
        let knows_it = engine.is_some_and(|engine| {
            let answers = offering::can_be_probed(engine, self.fleet.vpn_of(engine));
            answers && !streams::is_other_process(session, engine)
        });
        if knows_it && let Some(path) = &session.command_path {
            self.close(session.at, path.clone(), cause);
        }
        if let Some(id) = session.id {
            self.messages.push_back(Message::Release(id));
        }
    }

    pub(super) fn close(&mut self, at: Address, path: Arc<str>, cause: Cause) {
        self.send(cause, Action::Close { at, path }, Task::Close);
    }

    /// Finds an engine for a stream that needs one, if there is any.
    fn seat(&mut self, id: &Arc<str>) {
        let Some(stream) = self.streams.live.get(id) else { return };
        if let Some(until) = stream.retry.wait(self.now) {
            return self.wake_to_decide(until);
        }
        let chosen = if stream.tried.len() < streams::OPEN_ATTEMPTS_MAX {
            self.engine_for(&stream.tried, stream.played)
        } else {
            None
        };
        if let Some(engine) = chosen {
            let cause = match (&stream.session, stream.played) {
                (Some(session), _) if session.quiet.is_some() => Cause::SessionSilent,
                (Some(_), _) => Cause::StreamMoves,
                (None, true) => Cause::SessionLost,
                (None, false) => Cause::ViewerWaits,
            };
            if stream.session.is_some() {
                self.marks.hit(Mark::StreamMoves);
            }
            return self.open(id, engine, cause);
        }
        if stream.tried.is_empty() {
            self.note_waiting(id);
        } else {
            self.give_up_opening(id);
        }
    }

    pub(super) fn engine_for(&self, tried: &BTreeSet<ContainerId>, overcommits: bool) -> Option<ContainerId> {
        let seats_each = self.settings.max_streams_per_engine;
        let search = Search { seats_each, overcommits, tried, now: self.now };
        // A port that flaps makes no engine the better one.
        let vpns = self.fleet.vpns.iter().zip(self.fleet.carriers());
        let carriers: Vec<_> =
            vpns.map(|(vpn, carrier)| carrier.filter(|_| !forwarding::flaps(vpn, self.now))).collect();
        let chosen = streams::choose(self.fleet.engines.values(), &carriers, search, &self.marks);
        chosen.map(|engine| engine.id)
    }

    pub(super) fn open(&mut self, id: &Arc<str>, engine: ContainerId, cause: Cause) {
        let Some(engine) = self.fleet.engines.get(&engine) else { return };
        let (Some(ports), name, process) = (engine.ports, engine.name.clone(), engine.started_at) else {
            return;
        };
        let at = Address { engine: engine.id, vpn: engine.seat.vpn(), port: ports.http };
        let session = self.streams.next_session();
        let Some(stream) = self.streams.live.get_mut(id) else { return };
        stream.opening = Some(Opening { session, at, process });
        let content = stream.content.clone();
        self.streams.openings.insert(session, at);
        self.write_opening(id, name, cause);
        self.send(cause, Action::Open { session, at, content }, Task::Open(session));
        self.reseat(id);
    }

    fn write_opening(&mut self, id: &Arc<str>, engine: Name, cause: Cause) {
        let expect = Expect::NextLook(self.now + self.settings.startup_timeout);
        let asked = self.streams.live.get(id).and_then(|stream| stream.request);
        let why = [Why::Because(cause)].into_iter().chain(asked.map(Why::Request)).collect();
        self.write(Subject::Stream(id.clone()), What::StreamMoves(engine), why, expect);
    }

    /// No engine has a seat. That is written down once.
    fn note_waiting(&mut self, id: &Arc<str>) {
        let Some(stream) = self.streams.live.get_mut(id) else { return };
        if stream.session.is_some() || core::mem::replace(&mut stream.told_waiting, true) {
            return;
        }
        let expect = Expect::NextLook(streams::waits_until(stream));
        self.marks.hit(Mark::StreamWaits);
        self.write(Subject::Stream(id.clone()), What::StreamWaits, vec![], expect);
    }

    /// Nobody could open it. Who has seen it already goes on waiting, or watching it where it was.
    fn give_up_opening(&mut self, id: &Arc<str>) {
        self.marks.hit(Mark::OpenGivenUp);
        let now = self.now;
        let Some(stream) = self.streams.live.get_mut(id) else { return };
        if stream.played {
            stream.tried.clear();
            stream.retry.refused(now);
            let until = stream.retry.wait(now).unwrap_or(now);
            return self.wake_to_decide(until);
        }
        let (because, why) = match &stream.said {
            Some(said) => (Obstacle::CannotBePlayed, format!("no engine could open it: {said}")),
            None => (Obstacle::NoAnswer, NOBODY_ANSWERED.into()),
        };
        self.refuse(id, because, &why, now + streams::RETRY_AFTER);
    }

    /// An engine with more streams than seats gives one to an engine with a free seat, one at a time in the fleet.
    fn thin_out(&mut self) {
        let seats = self.settings.max_streams_per_engine;
        let proxied = || self.streams.live.values().filter(|stream| stream.origin == Origin::Proxied);
        if proxied().any(Stream::is_moving) {
            return;
        }
        let crowded = |stream: &&Stream| {
            let engine = stream.engine().and_then(|id| self.fleet.engines.get(&id));
            let crowded = engine.is_some_and(|it| it.may_keep_streams() && it.streams.len() > seats);
            crowded && !stream.viewers.is_empty() && stream.retry.wait(self.now).is_none()
        };
        let Some(stream) = proxied().find(crowded) else { return };
        let id = stream.id.clone();
        let Some(engine) = self.engine_for(&stream.tried, false) else {
            // Engines that could not open it may be able to later.
            let now = self.now;
            if let Some(stream) = self.streams.live.get_mut(&id).filter(|stream| !stream.tried.is_empty()) {
                stream.tried.clear();
                stream.retry.refused(now);
                let until = stream.retry.wait(now).unwrap_or(now);
                self.wake_to_decide(until);
            }
            return;
        };
        self.marks.hit(Mark::StreamRebalanced);
        self.open(&id, engine, Cause::StreamMoves);
    }

    /// Viewers for whom nothing can be done are told so, at the latest when they have waited long enough.
    pub(super) fn refuse_who_waits(&mut self) {
        let waits = |stream: &&Stream| stream.waiting_since.is_some() && !stream.viewers.is_empty();
        let waiting: Vec<_> = self.streams.live.values().filter(waits).map(|it| it.id.clone()).collect();
        if waiting.is_empty() {
            return;
        }
        let obstacle = if self.sight.opening { None } else { self.blocked_view(self.capacity(&[])) };
        let obstacle = obstacle.filter(|_| !self.seats_come());
        for id in waiting {
            let Some(stream) = self.streams.live.get(&id) else { continue };
            let until = streams::waits_until(stream);
            if until <= self.now {
                self.marks.hit(Mark::ViewersRefusedLate);
                let retry_at = obstacle.as_ref().map_or(self.now, |blocked| blocked.until);
                let retry_at = retry_at.max(self.now + streams::RETRY_AFTER);
                let quiet = stream.session.as_ref().is_some_and(|session| session.quiet.is_some());
                let said = stream.said.clone().or_else(|| quiet.then(|| DELIVERED_NOTHING.into()));
                let (because, why) = match (&said, &obstacle) {
                    (Some(said), _) => (Obstacle::CannotBePlayed, &**said),
                    (None, Some(blocked)) => (Obstacle::NoSeat, blocked.message.as_str()),
                    (None, None) if !stream.tried.is_empty() => (Obstacle::NoAnswer, NOBODY_ANSWERED),
                    (None, None) => (Obstacle::NoSeat, "no engine became free"),
                };
                self.refuse(&id, because, &format!("nothing came of waiting: {why}"), retry_at);
            } else if let Some(blocked) =
                obstacle.as_ref().filter(|_| stream.waits_for_engine() && !stream.played)
            {
                self.marks.hit(Mark::ViewersRefused);
                let retry_at = blocked.until.max(self.now + streams::RETRY_AFTER);
                self.refuse(&id, Obstacle::NoSeat, &blocked.message, retry_at);
            } else {
                self.wake_to_decide(until);
            }
        }
    }

    /// Some engine is on its way that will have a free seat.
    fn seats_come(&self) -> bool {
        let comes = |engine: &Engine| {
            let vpn = self.fleet.vpn_of(engine);
            let prospect = offering::prospect(engine, vpn, self.now, false, false);
            let hidden = engine.standing != Standing::Offered;
            hidden && prospect != Prospect::Lost && engine.streams.is_empty()
        };
        self.fleet.operations.creates().next().is_some() || self.fleet.engines.values().any(comes)
    }

    /// Tells a stream's viewers that they cannot be served, and ends it.
    fn refuse(&mut self, id: &Arc<str>, because: Obstacle, why: &str, retry_at: Time) {
        if because == Obstacle::CannotBePlayed
            && let Some(content) = self.streams.live.get(id).map(|stream| stream.content.clone())
        {
            let until = self.now + streams::RETRY_AFTER;
            self.streams.note_hopeless(content, until, why.into(), self.now);
        }
        self.dismiss_viewers(id, because, why, retry_at, None);
        self.end_stream(id, "its viewers were refused");
    }

    /// Tells a stream's viewers that they cannot be served.
    pub(super) fn dismiss_viewers(
        &mut self,
        id: &Arc<str>,
        because: Obstacle,
        why: &str,
        retry_at: Time,
        asked: Option<OpId>,
    ) {
        let Some(stream) = self.streams.live.get_mut(id) else { return };
        for viewer in core::mem::take(&mut stream.viewers).into_keys() {
            self.streams.viewers.remove(&viewer);
            self.messages.push_back(Message::Refuse { viewer, because, why: String::from(why), retry_at });
        }
        let quoted = Why::Quoted(why.to_string().into());
        let why = [quoted].into_iter().chain(asked.map(Why::Request)).collect();
        let expect = Expect::NextLook(retry_at);
        self.write(Subject::Stream(id.clone()), What::ViewersRefused, why, expect);
    }

    /// Sends all viewers of a stream this session; without one they are kept waiting.
    pub(super) fn route(&mut self, id: &Arc<str>, session: Option<SessionId>) {
        let Some(stream) = self.streams.live.get_mut(id) else { return };
        for (viewer, route) in &mut stream.viewers {
            if *route != session {
                *route = session;
                self.messages.push_back(Message::Route { viewer: *viewer, session });
            }
        }
    }

    /// A stream is over; its session with it, if it was opened by us.
    pub(super) fn end_stream(&mut self, id: &Arc<str>, why: &'static str) {
        self.end_stream_for(id, why, None);
    }

    /// A stream is over. If a person asked for that, its session is closed whoever opened it.
    pub(super) fn end_stream_for(&mut self, id: &Arc<str>, why: &'static str, asked: Option<OpId>) {
        let Some(stream) = self.streams.live.remove(id) else { return };
        let view = self.stream_view(&stream, Some((self.now, why)));
        self.streams.keep_ended(view);
        stream.viewers.keys().for_each(|viewer| {
            self.streams.viewers.remove(viewer);
        });
        self.reseat(id);
        let closes = stream.origin == Origin::Proxied || asked.is_some();
        for session in stream.before.iter().chain(&stream.session).filter(|_| closes) {
            self.let_go(session, asked.map_or(Cause::NobodyWatches, |_| Cause::Operator));
        }
        let why = [Why::Reason(why)].into_iter().chain(asked.map(Why::Request)).collect();
        self.write(Subject::Stream(id.clone()), What::StreamEnded, why, Expect::Nothing);
        if let Some(moving) = stream.request {
            self.request_over(Subject::Stream(id.clone()), moving, Why::Reason("the stream has ended"));
        }
    }

    /// Keeps engines' lists of streams in step with the streams: nobody else changes them.
    pub(super) fn reseat(&mut self, id: &Arc<str>) {
        let seats: Vec<_> = self.streams.live.get(id).into_iter().flat_map(Stream::seats).collect();
        for engine in self.fleet.engines.values_mut() {
            let changed = if seats.contains(&engine.id) {
                engine.streams.insert(id.clone())
            } else {
                engine.streams.remove(id)
            };
            if changed {
                engine.last_stream_usage = Some(self.now);
            }
        }
        self.dirty = true;
    }
}
