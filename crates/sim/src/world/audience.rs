//! Who watches: viewers of the proxy, and clients of another program that choose engines by themselves.
//!
//! They come, zap, leave and forget to say so. The other program behaves as acexy does: it lists the engines that
//! acefleet offers, opens a session on one of them directly, and announces it later, or too late, or never.

use super::World;
use super::queue::Happening;
use super::sessions::Played;
use super::span::Span;
use super::trace::{Detail, Who};
use control::command::{Content, KeyType};
use control::ids::{ContainerId, RequestId, SessionId, ViewerId};
use control::policy::offering::Standing;
use control::request::{Announcement, Ending, Request, UrlTail};
use control::rng::Rng;
use control::snapshot::{EngineHealth, EngineView};
use control::{Event, Message, Time};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// Who watches what, and how they behave.
#[derive(Clone, Debug)]
pub struct Audience {
    /// Viewers of the proxy.
    pub viewers: usize,
    /// Clients of the other program.
    pub announcers: usize,
    /// Channels that there are.
    pub channels: u64,
    /// How many of these, the last ones, are offline.
    pub offline: u64,
    /// What an engine needs to open a session.
    pub opens: Span,
    /// From then until the first packets come.
    pub begins: Span,
    /// How long somebody watches.
    pub watches: Span,
    /// How long he stays away.
    pub away: Span,
    /// How many of a hundred who have watched zap to another channel.
    pub zap_percent: u64,
    /// From opening a session to announcing it.
    pub announced_after: Span,
    /// How many endings of a hundred are never told; as many are told twice.
    pub forgotten_percent: u64,
}

impl Audience {
    /// Nobody but who is told to come; everything takes its constant, short time.
    pub const fn none() -> Self {
        Self {
            viewers: 0,
            announcers: 0,
            channels: 4,
            offline: 0,
            opens: Span::millis(500, 500),
            begins: Span::millis(100, 100),
            watches: Span::secs(60, 60),
            away: Span::secs(60, 60),
            zap_percent: 0,
            announced_after: Span::millis(100, 100),
            forgotten_percent: 0,
        }
    }

    /// Ten viewers and three clients of the other program.
    pub const fn usual() -> Self {
        Self {
            viewers: 10,
            announcers: 3,
            channels: 6,
            offline: 1,
            opens: Span::millis(200, 8_000),
            begins: Span::millis(20, 4_000),
            watches: Span::secs(10, 3_600),
            away: Span::secs(10, 3_600),
            zap_percent: 40,
            announced_after: Span::millis(10, 20_000),
            forgotten_percent: 10,
        }
    }

    /// More or fewer, and more or less patient.
    pub fn drawn(rng: &mut Rng) -> Self {
        let usual = Self::usual();
        let channels = 1 + rng.below(8);
        Self {
            viewers: rng.below(16) as usize,
            announcers: rng.below(5) as usize,
            channels,
            offline: rng.below(channels.min(3)),
            opens: usual.opens.narrowed(rng),
            begins: usual.begins.narrowed(rng),
            watches: usual.watches.narrowed(rng),
            away: usual.away.narrowed(rng),
            zap_percent: rng.below(101),
            announced_after: usual.announced_after.narrowed(rng),
            forgotten_percent: rng.below(31),
        }
    }
}

/// After this long the other program tries again.
const TRIES_AGAIN: Duration = Duration::from_secs(3);
/// It tells something this many times at most.
const TELLS_MAX: u32 = 3;
/// The data plane notices after this long that nothing comes any more.
const NOTICES_SILENCE: Span = Span::millis(1_000, 2_500);
/// A session that has fallen silent is listened to again after this long.
const LISTENS_EVERY: Duration = Duration::from_secs(1);
/// It notices at once that a connection was reset.
const NOTICES_RESET: Span = Span::millis(1, 500);
/// A zapping viewer is on the next channel after this long.
const ZAPS: Duration = Duration::from_millis(200);

/// Everybody who watches, as far as the world has to remember.
#[derive(Default)]
pub(super) struct Crowd {
    watchers: Vec<Watcher>,
    clients: Vec<Client>,
    /// Everybody whom the proxy knows.
    routes: BTreeMap<ViewerId, Viewing>,
    /// Sessions that the data plane reads, and what it has told of each.
    reading: BTreeMap<SessionId, Sound>,
    /// What acefleet will be told, in this order.
    mail: VecDeque<Event>,
    /// Clients that want to see a list of engines.
    wishes: VecDeque<usize>,
    viewers: u64,
    requests: u64,
    attached: bool,
    /// Who watches stays, and who is away stays away.
    settled: bool,
}

/// What the data plane has told of a session.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sound {
    Nothing,
    Delivers,
    Silent,
}

/// A viewer of the proxy who comes and goes by himself.
#[derive(Clone, Copy, Default)]
struct Watcher {
    viewer: Option<ViewerId>,
    /// Counts what he has done: what was arranged before is not done any more.
    turn: u32,
}

/// A client of the other program.
#[derive(Clone, Default)]
struct Client {
    plays: Option<Foreign>,
    turn: u32,
}

/// A session of the other program.
#[derive(Clone)]
struct Foreign {
    number: u64,
    engine: ContainerId,
    port: u16,
    content: Content,
}

/// What a viewer of the proxy sees.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Viewing {
    /// What he wants to see.
    pub content: Content,
    /// The session that he is sent.
    pub session: Option<SessionId>,
    /// Since when that has been so.
    pub since: Time,
    /// Who he is, if he comes and goes by himself.
    watcher: Option<usize>,
}

/// The channel of this number.
pub fn channel(number: u64) -> Content {
    Content { kind: KeyType::ContentId, key: format!("channel-{number}").into() }
}

impl World {
    /// Everybody takes his place.
    pub(super) fn seat_audience(&mut self) {
        let Audience { viewers, announcers, away, .. } = self.plan.audience;
        self.crowd.watchers = vec![Watcher::default(); viewers];
        self.crowd.clients = vec![Client::default(); announcers];
        for place in 0..viewers {
            let at = self.now + away.draw(&mut self.rng);
            self.queue.push(at, Happening::ViewerActs(place, 0));
        }
        for place in 0..announcers {
            let at = self.now + away.draw(&mut self.rng);
            self.queue.push(at, Happening::ClientActs(place, 0));
        }
    }

    /// Acefleet lives, or not. When it dies, so does every connection through it.
    pub(super) fn crowd_attached(&mut self, attached: bool) {
        self.crowd.attached = attached;
        if attached {
            return;
        }
        self.crowd.mail.clear();
        self.crowd.wishes.clear();
        let gone = std::mem::take(&mut self.crowd.routes);
        for (_, viewing) in gone {
            if let Some(session) = viewing.session {
                self.end_session_read_as(session);
            }
            if let Some(place) = viewing.watcher {
                self.watcher_goes(place, ZAPS);
            }
        }
        self.crowd.reading.clear();
        self.sessions.forget_readers();
    }

    /// Who watches stays, and who is away stays away.
    pub(super) fn crowd_settles(&mut self) {
        self.crowd.settled = true;
    }

    /// A viewer comes, because a story says so.
    pub fn viewer_comes(&mut self, content: Content) -> ViewerId {
        self.come(content, None)
    }

    /// A viewer leaves, because a story says so.
    pub fn viewer_leaves(&mut self, viewer: ViewerId) {
        self.leave(viewer);
    }

    /// Somebody asks for something, because a story says so.
    pub fn post_request(&mut self, what: Request) -> RequestId {
        self.crowd.requests += 1;
        // Far from the numbers of others who ask.
        let request = RequestId(1 << 32 | self.crowd.requests);
        self.post(Event::Asked { request, what });
        request
    }

    /// Everybody whom the proxy knows, and what he sees.
    pub fn viewings(&self) -> impl Iterator<Item = (ViewerId, &Viewing)> {
        self.crowd.routes.iter().map(|(viewer, viewing)| (*viewer, viewing))
    }

    /// What a viewer sees, while the proxy knows him.
    pub fn viewing(&self, viewer: ViewerId) -> Option<&Viewing> {
        self.crowd.routes.get(&viewer)
    }

    /// Nobody comes or goes any more.
    pub const fn audience_is_settled(&self) -> bool {
        self.crowd.settled
    }

    /// Whether a channel can be played at all.
    pub fn is_online(&self, content: &Content) -> bool {
        let Audience { channels, offline, .. } = self.plan.audience;
        (channels - offline..channels).all(|number| *content != channel(number))
    }

    fn post(&mut self, event: Event) {
        self.crowd.mail.push_back(event);
        self.queue.push(self.now, Happening::MailComes);
    }

    /// Acefleet is told what was posted first, if it listens.
    pub(super) fn mail_comes(&mut self) -> Option<Event> {
        self.crowd.mail.pop_front().filter(|_| self.crowd.attached)
    }

    // The proxy's viewers.

    fn come(&mut self, content: Content, watcher: Option<usize>) -> ViewerId {
        self.crowd.viewers += 1;
        let viewer = ViewerId(self.crowd.viewers);
        self.tally.viewers += 1;
        self.note_viewer(viewer, &content.key, "came");
        let viewing = Viewing { content: content.clone(), session: None, since: self.now, watcher };
        self.crowd.routes.insert(viewer, viewing);
        self.post(Event::ViewerCame { viewer, content, sees: false });
        viewer
    }

    fn leave(&mut self, viewer: ViewerId) {
        if let Some(viewing) = self.crowd.routes.remove(&viewer) {
            self.note_viewer(viewer, &viewing.content.key, "left");
            self.post(Event::ViewerLeft(viewer));
        }
    }

    fn note_viewer(&mut self, viewer: ViewerId, channel: &str, code: &'static str) {
        self.trace.note(self.now, Who::Viewer, channel, code, Detail::Count(viewer.0 as u32));
    }

    /// A watcher does what he does next, unless he has done something else meanwhile.
    pub(super) fn viewer_acts(&mut self, place: usize, turn: u32) {
        let Some(watcher) = self.crowd.watchers.get(place).copied() else { return };
        if watcher.turn != turn || self.crowd.settled {
            return;
        }
        let Audience { watches, away, zap_percent, channels, .. } = self.plan.audience;
        if !self.crowd.attached {
            return self.watcher_goes(place, Duration::from_secs(1));
        }
        match watcher.viewer {
            None => {
                let content = channel(self.rng.below(channels));
                let viewer = self.come(content, Some(place));
                let wait = watches.draw(&mut self.rng);
                self.watcher_will_act(place, Some(viewer), wait);
            }
            Some(viewer) => {
                self.leave(viewer);
                let zaps = self.rng.chance(zap_percent);
                let wait = if zaps { ZAPS } else { away.draw(&mut self.rng) };
                self.watcher_goes(place, wait);
            }
        }
    }

    fn watcher_goes(&mut self, place: usize, comes_back_in: Duration) {
        self.watcher_will_act(place, None, comes_back_in);
    }

    fn watcher_will_act(&mut self, place: usize, viewer: Option<ViewerId>, wait: Duration) {
        let Some(watcher) = self.crowd.watchers.get_mut(place) else { return };
        watcher.viewer = viewer;
        watcher.turn += 1;
        self.queue.push(self.now + wait, Happening::ViewerActs(place, watcher.turn));
    }

    /// What acefleet tells its neighbours inside the program.
    pub fn hear(&mut self, message: &Message) {
        match *message {
            Message::Route { viewer, session } => self.hear_route(viewer, session),
            Message::Refuse { viewer, retry_at, .. } => {
                let Some(viewing) = self.crowd.routes.remove(&viewer) else { return };
                self.tally.refused += 1;
                self.note_viewer(viewer, &viewing.content.key, "refu");
                if let Some(place) = viewing.watcher {
                    let away = self.plan.audience.away.draw(&mut self.rng);
                    self.watcher_goes(place, away.max(retry_at.since(self.now)));
                }
            }
            // The engine notices that nobody reads it any more.
            Message::Release(session) => {
                self.crowd.reading.remove(&session);
                self.end_session_read_as(session);
            }
            Message::Answer { .. } => {}
        }
    }

    fn hear_route(&mut self, viewer: ViewerId, session: Option<SessionId>) {
        let now = self.now;
        let Some(viewing) = self.crowd.routes.get_mut(&viewer) else { return };
        if viewing.session.is_some() && viewing.session != session {
            self.tally.rerouted += 1;
        }
        viewing.session = session;
        viewing.since = now;
        let key = viewing.content.key.clone();
        self.note_viewer(viewer, &key, if session.is_some() { "sees" } else { "wait" });
        if let Some(session) = session
            && !self.crowd.reading.contains_key(&session)
        {
            self.crowd.reading.insert(session, Sound::Nothing);
            let begins = self.plan.audience.begins.draw(&mut self.rng);
            self.queue.push(now + begins, Happening::SessionIsHeard(session));
        }
    }

    /// An engine has stopped delivering: whoever reads its sessions notices.
    pub(super) fn readers_will_notice(&mut self, engine: ContainerId) {
        let ended = self.container(engine).is_none_or(|container| container.netns().is_none());
        let sessions: Vec<_> = self.sessions.read_from(engine).collect();
        for session in sessions {
            if ended {
                let notices = NOTICES_RESET.draw(&mut self.rng);
                self.queue.push(self.now + notices, Happening::SessionBreaks(session));
            } else {
                let notices = NOTICES_SILENCE.draw(&mut self.rng);
                self.queue.push(self.now + notices, Happening::SessionIsHeard(session));
            }
        }
    }

    /// The connection over which the data plane reads a session has ended.
    pub(super) fn session_breaks(&mut self, session: SessionId) -> Option<Event> {
        if self.delivers(session) || self.crowd.reading.remove(&session).is_none() {
            return None;
        }
        self.trace.note(self.now, Who::Viewer, "-", "brok", Detail::Count(session.0 as u32));
        self.end_session_read_as(session);
        Some(Event::SessionBroke(session))
    }

    /// The data plane tells when a session begins to deliver, and when it has not done so for a while.
    pub(super) fn session_is_heard(&mut self, session: SessionId) -> Option<Event> {
        let delivers = self.delivers(session);
        let told = self.crowd.reading.get_mut(&session)?;
        let (code, event) = match (*told, delivers) {
            (Sound::Nothing | Sound::Silent, true) => {
                *told = Sound::Delivers;
                ("spok", Some(Event::SessionSpoke(session)))
            }
            (Sound::Delivers, false) => {
                *told = Sound::Silent;
                ("sile", Some(Event::SessionSilent(session)))
            }
            (Sound::Nothing | Sound::Silent, false) | (Sound::Delivers, true) => ("", None),
        };
        if *told != Sound::Delivers {
            self.queue.push(self.now + LISTENS_EVERY, Happening::SessionIsHeard(session));
        }
        if event.is_some() {
            self.trace.note(self.now, Who::Viewer, "-", code, Detail::Count(session.0 as u32));
        }
        event
    }

    // The other program.

    /// A client does what it does next, unless it has done something else meanwhile.
    pub(super) fn client_acts(&mut self, place: usize, turn: u32) {
        let Some(client) = self.crowd.clients.get(place) else { return };
        if client.turn != turn || self.crowd.settled {
            return;
        }
        match client.plays.clone() {
            Some(plays) => self.client_ends(place, &plays),
            None if self.crowd.attached => self.crowd.wishes.push_back(place),
            None => self.client_will_act(place, TRIES_AGAIN),
        }
    }

    fn client_will_act(&mut self, place: usize, wait: Duration) {
        let Some(client) = self.crowd.clients.get_mut(place) else { return };
        client.turn += 1;
        self.queue.push(self.now + wait, Happening::ClientActs(place, client.turn));
    }

    /// A client that waits for a list of engines.
    pub fn take_wish(&mut self) -> Option<usize> {
        self.crowd.wishes.pop_front()
    }

    /// A client has the list of engines that acefleet shows, and chooses as acexy does.
    pub fn client_chooses(&mut self, place: usize, engines: &[EngineView]) {
        let number = self.rng.below(self.plan.audience.channels);
        let opened = self.open_elsewhere(channel(number), engines);
        let Some(plays) = opened else { return self.client_will_act(place, TRIES_AGAIN) };
        let after = self.plan.audience.announced_after.draw(&mut self.rng);
        self.queue.push(self.now + after, Happening::ClientAnnounces(plays.number, 0));
        self.sessions.announce_as(plays.number, plays.engine, plays.port);
        if let Some(client) = self.crowd.clients.get_mut(place) {
            client.plays = Some(plays);
        }
        let watches = self.plan.audience.watches.draw(&mut self.rng);
        self.client_will_act(place, watches);
    }

    fn open_elsewhere(&mut self, content: Content, engines: &[EngineView]) -> Option<Foreign> {
        let offered = engines.iter().filter(|engine| engine.standing == Standing::Offered);
        let order = |engine: &&EngineView| {
            let sick = engine.health == EngineHealth::Unhealthy;
            (sick, engine.streams.len(), !engine.forwarded, engine.last_stream_usage)
        };
        let chosen = offered.min_by_key(order)?;
        let vpn = chosen.vpn.as_ref().map(|(vpn, _)| *vpn);
        let answering = self.answering(chosen.container_id, vpn, chosen.port)?;
        if !answering.connected.is || !self.is_online(&content) {
            return None;
        }
        let (engine, run) = (answering.id, answering.run());
        let number = self.sessions.begin(Played::new(run, content.clone(), None, self.now));
        self.trace.note(self.now, Who::Viewer, &content.key, "aopn", Detail::Count(number as u32));
        Some(Foreign { number, engine, port: chosen.port, content })
    }

    /// Another program begins to watch something on an engine, tells, and never ends.
    pub fn watch_from_elsewhere(&mut self, engine: ContainerId) {
        let Some(container) = self.docker.containers.get(&engine) else { return };
        let Some(ports) = container.ports() else { return };
        let played = Played::new(container.run(), channel(0), None, self.now);
        let number = self.sessions.begin(played);
        self.sessions.announce_as(number, engine, ports.http);
        self.queue.push(self.now, Happening::ClientAnnounces(number, 0));
    }

    /// A session is announced, whether or not it still goes on.
    pub(super) fn client_announces(&mut self, number: u64, told: u32) {
        let Some((engine, port, content)) = self.sessions.announced_as(number) else { return };
        if !self.crowd.attached && told < TELLS_MAX {
            self.queue.push(self.now + TRIES_AGAIN, Happening::ClientAnnounces(number, told + 1));
            return;
        }
        let url = |what| UrlTail { port, path: format!("/ace/{what}/{number}").into() };
        let announcement = Announcement {
            container_id: self.rng.chance(50).then_some(engine),
            port: Some(port),
            content,
            playback_session_id: number.to_string().into(),
            stat: Some(url("stat")),
            command: Some(url("cmd")),
            is_live: true,
            stream_id: None,
        };
        self.post_request(Request::StreamStarted(Box::new(announcement)));
        // Its own timeout was too short now and then, and it tries again.
        if told == 0 && self.rng.chance(5) {
            self.queue.push(self.now + TRIES_AGAIN, Happening::ClientAnnounces(number, told + 1));
        }
    }

    fn client_ends(&mut self, place: usize, plays: &Foreign) {
        self.sessions.end(plays.number);
        self.trace.note(
            self.now,
            Who::Viewer,
            &plays.content.key,
            "aend",
            Detail::Count(plays.number as u32),
        );
        if let Some(client) = self.crowd.clients.get_mut(place) {
            client.plays = None;
        }
        let forgotten = self.plan.audience.forgotten_percent;
        let id: Arc<str> = format!("{}|{}", plays.content.key, plays.number).into();
        let ending = Ending { container_id: None, stream_id: Some(id), reason: Some("stopped".into()) };
        if !self.rng.chance(forgotten) {
            self.post_request(Request::StreamEnded(ending.clone()));
            if self.rng.chance(forgotten) {
                self.post_request(Request::StreamEnded(ending));
            }
        }
        let away = self.plan.audience.away.draw(&mut self.rng);
        self.client_will_act(place, away);
    }
}
