//! Playback sessions: what an engine knows of each, and when it forgets them.
//!
//! A session ends when it is told to stop, some seconds after its last reader left, or when nobody ever read
//! it.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use super::content::{self, Behaviour, Content};
use crate::stream::Channel;

/// The largest gap between two looks at a session that is counted as time of transfer.
const LONGEST_STEP: Duration = Duration::from_secs(5);

/// How long things last.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// From the request until the content is there.
    pub prebuffer: Duration,
    /// From the leaving of the last reader until the session ends.
    pub reader_left: Duration,
    /// From the beginning of a session until it ends because nobody reads it.
    pub never_read: Duration,
    /// After so long a content of [`Behaviour::Dies`] is unknown.
    pub dies: Duration,
}

/// What can be seen of a session from outside.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SessionView {
    /// Its playback session id.
    pub id: String,
    /// What it plays.
    pub infohash: String,
    /// How many connections read it now.
    pub readers: u32,
}

/// One session.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) id: String,
    pub(super) content: Content,
    pub(super) channel: Arc<Channel>,
    pub(super) opened: Instant,
    alive: AtomicBool,
    usage: Mutex<Usage>,
}

#[derive(Debug)]
struct Usage {
    readers: u32,
    was_read: bool,
    left: Instant,
    looked: Instant,
    downloaded: u64,
    uploaded: u64,
    position: u64,
    newest_ms: u64,
}

/// What the statistics say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Totals {
    pub(super) downloaded: u64,
    pub(super) uploaded: u64,
    /// The last packet that a reader got, 0 before the first.
    pub(super) position: u64,
    /// Until when the content is there, on the clock on the wall.
    pub(super) newest_ms: u64,
}

impl Session {
    pub(super) fn alive(&self) -> bool {
        self.alive.load(Ordering::Relaxed)
    }

    fn end(&self) {
        self.alive.store(false, Ordering::Relaxed);
    }

    pub(super) fn playing(&self, patience: &Patience) -> bool {
        self.content.behaviour != Behaviour::Prebuffers && self.opened.elapsed() >= patience.prebuffer
    }

    fn usage(&self) -> MutexGuard<'_, Usage> {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn reader_came(&self) {
        let mut usage = self.usage();
        usage.readers += 1;
        usage.was_read = true;
    }

    pub(super) fn reader_left(&self) {
        let mut usage = self.usage();
        usage.readers -= 1;
        usage.left = Instant::now();
    }

    /// A part was fetched: reading without a connection that stays.
    pub(super) fn was_read(&self) {
        let mut usage = self.usage();
        usage.was_read = true;
        usage.left = Instant::now();
    }

    pub(super) fn reached(&self, packet: u64) {
        self.usage().position = packet;
    }

    /// Adds what came since the last look.
    pub(super) fn advance(&self, flows: bool) -> Totals {
        let mut usage = self.usage();
        let step = usage.looked.elapsed().min(LONGEST_STEP);
        usage.looked = Instant::now();
        if flows {
            let bytes = (self.channel.bytes_per_s() as f64 * step.as_secs_f64()) as u64;
            usage.downloaded += bytes;
            usage.uploaded += bytes / 8;
            usage.newest_ms = unix_ms();
        }
        let Usage { downloaded, uploaded, position, newest_ms, .. } = *usage;
        Totals { downloaded, uploaded, position, newest_ms }
    }

    fn is_over(&self, patience: &Patience) -> bool {
        let usage = self.usage();
        let unused = if usage.was_read {
            usage.readers == 0 && usage.left.elapsed() >= patience.reader_left
        } else {
            self.opened.elapsed() >= patience.never_read
        };
        unused || (self.content.behaviour == Behaviour::Dies && self.opened.elapsed() >= patience.dies)
    }
}

/// All sessions of an engine.
#[derive(Debug)]
pub(super) struct Sessions {
    patience: Patience,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    sessions: BTreeMap<String, Arc<Session>>,
    /// The session of each viewer who said who they are.
    viewers: BTreeMap<String, String>,
    opened: u64,
    /// How many were ended because somebody told it to.
    stopped: u64,
}

impl Sessions {
    pub(super) fn new(patience: Patience) -> Self {
        Self { patience, known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a session. A viewer (`pid`) has one; their former one ends.
    pub(super) fn open(&self, content: Content, bits_per_s: u64, pid: Option<&str>) -> Arc<Session> {
        let mut known = self.known();
        known.opened += 1;
        let same = known.sessions.values().find(|session| session.content == content);
        let channel = match same {
            Some(session) => Arc::clone(&session.channel),
            None => Arc::new(Channel::new(&content.infohash, bits_per_s)),
        };
        let now = Instant::now();
        // Two engines never give the same id, and no engine gives one again.
        let id = content::digest(&RandomState::new().hash_one(known.opened).to_be_bytes());
        let session = Arc::new(Session {
            id: id.clone(),
            content,
            channel,
            opened: now,
            alive: AtomicBool::new(true),
            usage: Mutex::new(Usage {
                readers: 0,
                was_read: false,
                left: now,
                looked: now,
                downloaded: 0,
                uploaded: 0,
                position: 0,
                newest_ms: unix_ms(),
            }),
        });
        known.sessions.insert(id.clone(), Arc::clone(&session));
        let former = pid.and_then(|pid| known.viewers.insert(pid.to_owned(), id));
        if let Some(former) = former.and_then(|former| known.sessions.remove(&former)) {
            former.end();
        }
        session
    }

    /// A session that has not ended.
    pub(super) fn find(&self, id: &str) -> Option<Arc<Session>> {
        self.known().sessions.get(id).cloned()
    }

    /// Ends a session, as it was told to.
    pub(super) fn stop(&self, id: &str) {
        let mut known = self.known();
        if let Some(session) = known.sessions.remove(id) {
            session.end();
            known.stopped += 1;
        }
    }

    /// Ends all.
    pub(super) fn end_all(&self) {
        let mut known = self.known();
        known.sessions.values().for_each(|session| session.end());
        *known = Known { opened: known.opened, stopped: known.stopped, ..Known::default() };
    }

    /// What can be seen of each.
    pub(super) fn views(&self) -> Vec<SessionView> {
        let known = self.known();
        let view = |session: &Arc<Session>| SessionView {
            id: session.id.clone(),
            infohash: session.content.infohash.clone(),
            readers: session.usage().readers,
        };
        known.sessions.values().map(view).collect()
    }

    /// How many were opened since it was started, and how many of them somebody stopped.
    pub(super) fn counts(&self) -> (u64, u64) {
        let known = self.known();
        (known.opened, known.stopped)
    }

    /// Looks at each: transfers what is due, ends what is over.
    pub(super) fn tick(&self, flows: bool) {
        let mut known = self.known();
        let Known { sessions, viewers, .. } = &mut *known;
        sessions.retain(|_, session| {
            session.advance(flows && session.playing(&self.patience));
            let over = session.is_over(&self.patience);
            if over {
                session.end();
            }
            !over
        });
        viewers.retain(|_, id| sessions.contains_key(id));
    }
}

/// The time on the wall.
pub(super) fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
