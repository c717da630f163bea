//! What is known of streams: one content played by one engine, for viewers of the proxy or of another program.
//!
//! Beliefs only. Which engine plays what, and when a stream ends, is decided in `policy` and `control`.

use crate::command::{Address, Content};
use crate::engine::Retry;
use crate::event::{Opened, RememberedStream, SessionReport};
use crate::ids::{ContainerId, OpId, SessionId, ViewerId};
use crate::snapshot::StreamView;
use crate::time::{Stamp, Time};
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::format;
use alloc::sync::Arc;
use core::time::Duration;

/// Streams that have ended and are still shown.
pub const ENDED_KEPT: usize = 200;
/// Endings of streams that nobody has announced yet are remembered for this long.
pub const EARLY_ENDING_KEPT: Duration = Duration::from_secs(60);
/// No more of them than this at once.
pub const EARLY_ENDINGS_MAX: usize = 1_000;
/// Contents that no engine could play and that are remembered at once.
pub const HOPELESS_MAX: usize = 1_000;
/// A session counts as delivering for this long after its bytes were last seen to grow.
const GROWTH_COUNTS: Duration = Duration::from_secs(30);

/// One stream.
#[derive(Clone, Debug)]
pub struct Stream {
    /// Its id.
    pub id: Arc<str>,
    /// Whose viewers watch it.
    pub origin: Origin,
    /// What is played.
    pub content: Content,
    /// When it began.
    pub started_at: Time,
    /// The session that is played now.
    pub session: Option<Session>,
    /// The session before that, which delivers until the present one does.
    pub before: Option<Session>,
    /// The session that is being opened, to begin or to move.
    pub opening: Option<Opening>,
    /// Its viewers, and the session that each was last routed to. Nobody knows those of other programs.
    pub viewers: BTreeMap<ViewerId, Option<SessionId>>,
    /// Since when nobody has watched it.
    pub unwatched_since: Option<Time>,
    /// Since when its viewers have been sent nothing.
    pub waiting_since: Option<Time>,
    /// It has been written down that they wait for an engine.
    pub told_waiting: bool,
    /// It has been played: its viewers are not to be cut off for want of a seat.
    pub played: bool,
    /// Engines that could not open it, since it was last opened.
    pub tried: BTreeSet<ContainerId>,
    /// What the last of them said.
    pub said: Option<Arc<str>>,
    /// Sessions that broke soon after they had been opened, or moves that failed.
    pub retry: Retry,
    /// A person asked for the opening that is under way, with this request.
    pub request: Option<OpId>,
}

/// Whose viewers watch a stream.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Origin {
    /// Another program's, which announced it.
    Announced,
    /// The proxy's.
    Proxied,
}

/// A session on an engine.
#[derive(Clone, Debug)]
pub struct Session {
    /// The data plane's name for it; announced ones have none.
    pub id: Option<SessionId>,
    /// Where it is played.
    pub at: Address,
    /// The start of the process that plays it: another process does not know it.
    pub process: Option<Stamp>,
    /// The engine's name for it.
    pub playback_session_id: Arc<str>,
    /// Path and query of its stat URL.
    pub stat_path: Option<Arc<str>>,
    /// Path and query of its command URL.
    pub command_path: Option<Arc<str>>,
    /// It is live.
    pub is_live: bool,
    /// When it was opened, or heard of.
    pub opened_at: Time,
    /// What was last said of it.
    pub report: Option<SessionReport>,
    /// When that was.
    pub reported_at: Option<Time>,
    /// When it was last heard of, or its engine last had an excuse.
    pub heard_at: Time,
    /// When its bytes last grew.
    pub grown_at: Option<Time>,
    /// The question under way.
    pub asking: Option<OpId>,
    /// It is known to be over: the engine does not know it, or the data plane lost it.
    pub broken: bool,
    /// It has delivered something.
    pub spoke: bool,
    /// It delivered and does not any more.
    pub quiet: Option<Quiet>,
}

/// A session that has fallen silent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quiet {
    /// Since when.
    pub since: Time,
    /// Its engine was asked because of that, and knows it.
    pub answered: bool,
}

/// A session that is being opened.
#[derive(Clone, Copy, Debug)]
pub struct Opening {
    /// The data plane's name for it.
    pub session: SessionId,
    /// Where.
    pub at: Address,
    /// The start of the process that was asked.
    pub process: Option<Stamp>,
}

/// The id of an announced stream: what its announcer calls it, else what makes it one of a kind.
pub fn id_of(label: Option<&Arc<str>>, key: &str, playback_session_id: &str) -> Arc<str> {
    label.cloned().unwrap_or_else(|| format!("{key}|{playback_session_id}").into())
}

impl Session {
    /// A session that an engine has just opened.
    pub fn opened(opening: Opening, opened: Opened, now: Time) -> Self {
        Self {
            id: Some(opening.session),
            at: opening.at,
            process: opening.process,
            playback_session_id: opened.playback_session_id,
            stat_path: Some(opened.stat_path),
            command_path: Some(opened.command_path),
            is_live: opened.is_live,
            opened_at: now,
            report: None,
            reported_at: None,
            heard_at: now,
            grown_at: None,
            asking: None,
            broken: false,
            // Of a file each viewer reads what he wants, when he wants it.
            spoke: !opened.is_live,
            quiet: None,
        }
    }

    /// Something of it is seen, as far as is known.
    pub const fn delivers(&self) -> bool {
        self.spoke && self.quiet.is_none() && !self.broken
    }

    /// Believes what the engine says of it.
    pub fn observe(&mut self, report: SessionReport, now: Time) {
        let before = self.report.as_ref().map_or(0, |report| report.downloaded);
        if report.downloaded > before {
            self.grown_at = Some(now);
        }
        if let Some(quiet) = &mut self.quiet {
            quiet.answered = true;
        }
        self.heard_at = now;
        self.reported_at = Some(now);
        self.report = Some(report);
    }
}

impl Stream {
    /// A stream that nobody plays yet.
    pub fn new(id: Arc<str>, origin: Origin, content: Content, now: Time) -> Self {
        Self {
            id,
            origin,
            content,
            started_at: now,
            session: None,
            before: None,
            opening: None,
            viewers: BTreeMap::new(),
            unwatched_since: None,
            waiting_since: None,
            told_waiting: false,
            played: false,
            tried: BTreeSet::new(),
            said: None,
            retry: Retry::default(),
            request: None,
        }
    }

    /// The engine that plays it now.
    pub fn engine(&self) -> Option<ContainerId> {
        self.session.as_ref().map(|session| session.at.engine)
    }

    /// Engines on which it takes a seat: where it was and is played, and where it is to be.
    pub fn seats(&self) -> impl Iterator<Item = ContainerId> {
        let before = self.before.as_ref().map(|session| session.at.engine);
        let opening = self.opening.as_ref().map(|opening| opening.at.engine);
        before.into_iter().chain(self.engine()).chain(opening)
    }

    /// It is played, and on its way to another session.
    pub fn is_moving(&self) -> bool {
        self.before.is_some() || self.session.is_some() && self.opening.is_some()
    }

    /// The session of this name, if it is the present one or the one before.
    pub fn session_mut(&mut self, id: SessionId) -> Option<&mut Session> {
        let known = [&mut self.session, &mut self.before].into_iter().flatten();
        known.into_iter().find(|session| session.id == Some(id))
    }

    /// Its viewers have no session and none is on its way: it needs an engine.
    pub fn waits_for_engine(&self) -> bool {
        !self.viewers.is_empty() && self.session.is_none() && self.opening.is_none()
    }

    /// Bytes have come in lately.
    pub fn still_delivers(&self, now: Time) -> bool {
        let grown = self.session.as_ref().and_then(|session| session.grown_at);
        grown.is_some_and(|at| now.since(at) <= GROWTH_COUNTS)
    }

    /// What the store has to keep of it, if it was announced.
    pub fn remembered(&self) -> Option<RememberedStream> {
        let session = self.session.as_ref()?;
        match self.origin {
            Origin::Proxied => None,
            Origin::Announced => Some(RememberedStream {
                engine: session.at.engine,
                stream: self.id.clone(),
                content: self.content.clone(),
                playback_session_id: session.playback_session_id.clone(),
                stat_path: session.stat_path.clone(),
                command_path: session.command_path.clone(),
                is_live: session.is_live,
                started_at: self.started_at,
            }),
        }
    }
}

/// All streams that are live, and what is remembered of those that are not.
#[derive(Debug, Default)]
pub struct Streams {
    /// Those that are live.
    pub live: BTreeMap<Arc<str>, Stream>,
    /// The latest that have ended, the oldest first.
    pub ended: VecDeque<Arc<StreamView>>,
    /// Endings that came before their beginnings, and when.
    early: BTreeMap<Arc<str>, Time>,
    /// Sessions that are being opened, whoever still wants them.
    pub openings: BTreeMap<SessionId, Address>,
    /// Which stream a viewer watches.
    pub viewers: BTreeMap<ViewerId, Arc<str>>,
    /// What no engine could play lately: until when nobody is asked for it again, and why.
    hopeless: BTreeMap<Content, (Time, Arc<str>)>,
    /// Counts sessions.
    sessions: u64,
}

impl Streams {
    /// A new name for a session.
    pub fn next_session(&mut self) -> SessionId {
        self.sessions += 1;
        SessionId(self.sessions)
    }

    /// The proxy's stream of this content.
    pub fn proxied(&mut self, content: &Content) -> Option<&mut Stream> {
        let plays = |stream: &&mut Stream| stream.origin == Origin::Proxied && &stream.content == content;
        self.live.values_mut().find(plays)
    }

    /// The stream that this session is or was played for.
    pub fn of_session(&mut self, id: SessionId) -> Option<&mut Stream> {
        let known = |session: &&Session| session.id == Some(id);
        self.live.values_mut().find(|stream| stream.session.iter().chain(&stream.before).any(|it| known(&it)))
    }

    /// The stream that this session is being opened for.
    pub fn of_opening(&mut self, id: SessionId) -> Option<&mut Stream> {
        let opens = |stream: &&mut Stream| stream.opening.as_ref().is_some_and(|known| known.session == id);
        self.live.values_mut().find(opens)
    }

    /// Remembers until then that no engine could play this.
    pub fn note_hopeless(&mut self, content: Content, until: Time, why: Arc<str>, now: Time) {
        self.hopeless.retain(|_, (until, _)| *until > now);
        if self.hopeless.len() < HOPELESS_MAX {
            self.hopeless.insert(content, (until, why));
        }
    }

    /// Why it is of no use to ask an engine for this now, and until when.
    pub fn hopeless(&self, content: &Content, now: Time) -> Option<(Time, Arc<str>)> {
        self.hopeless.get(content).filter(|(until, _)| *until > now).cloned()
    }

    /// Remembers that a stream ended which nobody knows.
    pub fn note_early(&mut self, id: Arc<str>, now: Time) {
        self.early.retain(|_, at| now.since(*at) <= EARLY_ENDING_KEPT);
        if self.early.len() < EARLY_ENDINGS_MAX {
            self.early.insert(id, now);
        }
    }

    /// Whether a stream that begins only now has ended already. It is asked once.
    pub fn take_early(&mut self, id: &str, now: Time) -> bool {
        self.early.remove(id).is_some_and(|at| now.since(at) <= EARLY_ENDING_KEPT)
    }

    /// Whether this very session is among those that have ended.
    pub fn has_ended(&self, id: &str, playback_session_id: &str) -> Option<&Arc<StreamView>> {
        let same =
            |view: &&Arc<StreamView>| &*view.id == id && &*view.playback_session_id == playback_session_id;
        self.ended.iter().rev().find(same)
    }

    /// Keeps what is to be shown of a stream that has ended.
    pub fn keep_ended(&mut self, view: Arc<StreamView>) {
        if self.ended.len() == ENDED_KEPT {
            self.ended.pop_front();
        }
        self.ended.push_back(view);
    }

    /// Viewers that are routed to a session, and those that wait for one.
    pub fn count_viewers(&self) -> (usize, usize) {
        let routes = || self.live.values().flat_map(|stream| stream.viewers.values());
        let watching = routes().filter(|route| route.is_some()).count();
        (watching, routes().count() - watching)
    }
}
