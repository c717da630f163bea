//! The demo's viewers: each reads a channel through the program, as a player does, and counts what it notices.
//!
//! They know nothing of engines and VPNs, and ask nobody but the program. What is sent while a viewer waits (padding)
//! is no picture: silence is time without packets that count.

use crate::http::{self, Request};
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use testbed::count::{Counter, Seen};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

/// How long a player waits for the first answer, and later for the next bytes, before it gives up.
const PATIENCE: Duration = Duration::from_secs(30);
/// Who has had a picture within this time plays.
pub(super) const PLAYS_WITHIN: Duration = Duration::from_secs(2);
/// How long it waits before it comes again.
const COMES_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// Why it was turned away is remembered up to so many bytes.
const REASON_MAX_BYTES: usize = 300;

/// What a viewer has noticed.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Noticed {
    /// Bytes that came.
    pub(super) bytes: u64,
    /// The longest time without pictures.
    pub(super) longest_silence: Duration,
    /// How often the connection broke while it watched.
    pub(super) disconnects: u64,
    /// How often it was turned away.
    pub(super) refusals: u64,
    /// Packets that did not follow the one before, without a word that this is meant.
    pub(super) continuity_errors: u64,
    /// Packets that say that a break is meant.
    pub(super) marked_breaks: u64,
    /// Numbered packets that were left out.
    pub(super) missing: u64,
    /// Numbered packets that came again.
    pub(super) repeats: u64,
}

impl Noticed {
    fn add(&mut self, seen: &Seen) {
        self.continuity_errors += seen.continuity_errors;
        self.marked_breaks += seen.discontinuities;
        self.missing += seen.missing;
        self.repeats += seen.repeats;
    }

    /// What of it came after something that was noticed earlier. Silence is counted anew from then on.
    fn since(mut self, earlier: &Self) -> Self {
        self.bytes -= earlier.bytes;
        self.disconnects -= earlier.disconnects;
        self.refusals -= earlier.refusals;
        self.continuity_errors -= earlier.continuity_errors;
        self.marked_breaks -= earlier.marked_breaks;
        self.missing -= earlier.missing;
        self.repeats -= earlier.repeats;
        self
    }
}

/// What a viewer sees at the moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Sees {
    /// Nothing yet.
    Nothing,
    /// A picture that moves, or did a moment ago.
    Picture,
    /// Words instead of a picture.
    Refusal(String),
}

impl fmt::Display for Sees {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("nothing yet"),
            Self::Picture => f.write_str("the picture"),
            Self::Refusal(words) => write!(f, "turned away: {words}"),
        }
    }
}

/// One viewer, as it is told of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct View {
    /// Its number, from one.
    pub(super) viewer: usize,
    /// What it watches.
    pub(super) content: Arc<str>,
    /// What it sees.
    pub(super) sees: Sees,
    /// How long it waited for its first picture; `None` if it still does.
    pub(super) waited: Option<Duration>,
    /// How long it has been without pictures; `None` before the first one.
    pub(super) silent_for: Option<Duration>,
    /// What it has noticed since it came, or since counting was begun anew.
    pub(super) noticed: Noticed,
}

impl View {
    /// Whether it has the picture now.
    pub(super) fn plays(&self) -> bool {
        self.silent_for.is_some_and(|silent| silent < PLAYS_WITHIN)
    }
}

/// All viewers. They leave when this is dropped.
#[derive(Debug)]
pub(super) struct Crowd {
    viewers: Vec<Arc<Viewer>>,
    watching: Mutex<JoinSet<()>>,
}

#[derive(Debug)]
struct Viewer {
    content: Arc<str>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    sees: Sees,
    /// The connections that are over, and what was counted of bytes, refusals and silence.
    noticed: Noticed,
    /// The present connection.
    counter: Counter,
    last_picture: Option<Instant>,
    came: Instant,
    waited: Option<Duration>,
    /// What had been noticed when counting was begun anew.
    earlier: Noticed,
}

impl Crowd {
    /// They come, and watch what is said for each.
    pub(super) fn come(contents: &[String], program: SocketAddr) -> Self {
        let viewers: Vec<_> = contents.iter().map(|content| Arc::new(Viewer::of(content))).collect();
        let mut watching = JoinSet::new();
        for viewer in &viewers {
            watching.spawn(watch(viewer.clone(), program));
        }
        Self { viewers, watching: Mutex::new(watching) }
    }

    /// Each of them as it is now.
    pub(super) fn views(&self) -> Vec<View> {
        (1..).zip(&self.viewers).map(|(number, viewer)| viewer.view(number)).collect()
    }

    /// They leave, and what each of them has noticed is told.
    pub(super) fn leave(&self) -> Vec<View> {
        let views = self.views();
        self.watching.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
        views
    }

    /// What was noticed so far counts no more.
    pub(super) fn count_anew(&self) {
        self.viewers.iter().for_each(|viewer| viewer.state().count_anew());
    }
}

impl Viewer {
    fn of(content: &str) -> Self {
        let state = State {
            sees: Sees::Nothing,
            noticed: Noticed::default(),
            counter: Counter::new(),
            last_picture: None,
            came: Instant::now(),
            waited: None,
            earlier: Noticed::default(),
        };
        Self { content: content.into(), state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn view(&self, viewer: usize) -> View {
        let state = self.state();
        let silent_for = state.last_picture.map(|last| last.elapsed());
        let mut noticed = state.total().since(&state.earlier);
        noticed.longest_silence = noticed.longest_silence.max(silent_for.unwrap_or_default());
        let (content, sees) = (self.content.clone(), state.sees.clone());
        View { viewer, content, sees, waited: state.waited, silent_for, noticed }
    }
}

impl State {
    fn total(&self) -> Noticed {
        let mut total = self.noticed.clone();
        total.add(self.counter.seen());
        total
    }

    fn read(&mut self, bytes: &[u8]) {
        let counted = self.counter.seen().counted;
        self.counter.feed(bytes);
        self.noticed.bytes += bytes.len() as u64;
        if self.counter.seen().counted > counted {
            let now = Instant::now();
            let silent = self.last_picture.replace(now).map(|last| now - last).unwrap_or_default();
            self.noticed.longest_silence = self.noticed.longest_silence.max(silent);
            self.waited.get_or_insert(now - self.came);
            self.sees = Sees::Picture;
        }
    }

    /// The connection is over. Whoever had no picture yet was turned away.
    fn hang_up(&mut self, why: String) {
        let counter = std::mem::take(&mut self.counter);
        if counter.seen().counted > 0 {
            self.noticed.disconnects += 1;
        } else {
            self.noticed.refusals += 1;
            self.sees = Sees::Refusal(why);
        }
        self.noticed.add(counter.seen());
    }

    fn count_anew(&mut self) {
        self.noticed.longest_silence = Duration::ZERO;
        self.last_picture = self.last_picture.map(|_| Instant::now());
        self.earlier = self.total();
    }
}

/// Watches for ever.
async fn watch(viewer: Arc<Viewer>, program: SocketAddr) {
    loop {
        let why = match watch_once(&viewer, program).await {
            Ok(()) => "the stream ended".to_owned(),
            Err(why) => why,
        };
        viewer.state().hang_up(why);
        sleep(COMES_AGAIN_AFTER).await;
    }
}

/// Watches until the connection is over.
async fn watch_once(viewer: &Viewer, program: SocketAddr) -> Result<(), String> {
    let impatient = |_| format!("nothing came for {} s", PATIENCE.as_secs());
    let asking = async {
        let stream = TcpStream::connect(program).await.map_err(|error| error.to_string())?;
        let path = format!("/ace/getstream?id={}", viewer.content);
        http::open(stream, Request::get(program.to_string(), path)).await.map_err(|error| error.to_string())
    };
    let mut answer = timeout(PATIENCE, asking).await.map_err(impatient)??;
    let status = answer.status;
    let mut refusal = Vec::new();
    while let Some(piece) =
        timeout(PATIENCE, answer.next()).await.map_err(impatient)?.map_err(|error| error.to_string())?
    {
        match status {
            200 => viewer.state().read(&piece),
            _ if refusal.len() < REASON_MAX_BYTES => refusal.extend_from_slice(&piece),
            _ => break,
        }
    }
    match status {
        200 => Ok(()),
        _ => Err(format!("{status} {}", reason(&refusal))),
    }
}

/// The words of a refusal.
fn reason(body: &[u8]) -> String {
    let told: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let detail = told.as_ref().and_then(|told| told["detail"].as_str()).map(str::to_owned);
    let words = detail.unwrap_or_else(|| String::from_utf8_lossy(body).into_owned());
    words.chars().take(REASON_MAX_BYTES).collect()
}
