//! The driver: the one loop that owns the core. It tells the core what happens, one event at a time, has its
//! commands carried out, and publishes the picture that everybody reads.
//!
//! It decides nothing and waits for nobody outside: a command is spawned, its outcome comes back as an event. A core
//! that breaks is dropped, and a new one is built that finds everything again by looking; engines and viewers do not
//! notice.

pub mod clock;
pub mod gate;
mod hands;
mod pictures;

use crate::metrics::Meters;
use crate::runtime::{Runtime, Told};
use crate::store::Store;
use clock::Clock;
use control::docker::Happened;
use control::event::RememberedStream;
use control::ids::{ContainerId, OpId, RequestId};
use control::policy::rebuilds::KEPT as REBUILDS_KEPT;
use control::request::Reply;
use control::{Command, Control, Event, Message, Time};
use futures_util::FutureExt;
use gate::{Gate, Incoming, REQUESTS_WAITING_MAX};
use pictures::Pictures;
use std::any::Any;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

pub use hands::Hands;

/// Notices of the event stream that may wait for the loop.
const NOTICES_WAITING_MAX: usize = 1_024;
/// So much the core is told of viewers before others are heard.
const NEWS_AT_ONCE_MAX: usize = 64;
/// A core that breaks again within this time waits as long before it is built once more.
const REBUILD_PAUSE: Duration = Duration::from_secs(1);
/// The runtime listens for ever by itself; if it ends all the same, it is begun again after so long.
const LISTEN_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// The program ends at the latest so long after it was asked to, whatever is still under way.
const LEAVING_MAX: Duration = Duration::from_secs(30);

/// What the loop is made from.
#[derive(Debug)]
pub struct Parts<R> {
    /// What decisions rest on.
    pub settings: control::Settings,
    /// What carries commands out.
    pub hands: Hands<R>,
    /// What outlives the program.
    pub store: Arc<Store>,
    /// Draws everything that is random in the first core; the next ones get others.
    pub seed: u64,
    /// Engines are removed when the program ends.
    pub stop_engines_on_exit: bool,
}

/// The loop, not yet running.
#[derive(Debug)]
pub struct Driver<R> {
    parts: Arc<Parts<R>>,
    clock: Clock,
    core: Control,
    /// How often a core was built.
    builds: u64,
    rebuilt: VecDeque<Time>,
    pictures: Pictures,
    incoming: mpsc::Receiver<Incoming>,
    /// Outcomes come with the build of the core that they are for.
    finished: mpsc::UnboundedReceiver<(u64, Event)>,
    finish: mpsc::UnboundedSender<(u64, Event)>,
    asked: u64,
    waiting: BTreeMap<RequestId, oneshot::Sender<Reply>>,
    /// What the store was last told to keep.
    kept: Vec<RememberedStream>,
    /// When the core wants to be woken.
    wakeup: Time,
    /// The core has nothing under way any more, and begins nothing.
    left: bool,
    /// The runtime's event stream has been open before.
    listened: bool,
    /// A new core has not been told yet what became of the one before it.
    untold: Option<Event>,
    leaving_until: Option<Time>,
}

/// Everything that a step brings.
struct Said {
    messages: Vec<Message>,
    commands: Vec<Command>,
    announced: Option<Vec<RememberedStream>>,
    wakeup: Time,
    left: bool,
}

impl<R: Runtime> Driver<R> {
    /// A driver with a core that has seen nothing, and the gate to it.
    pub fn new(parts: Parts<R>) -> (Self, Gate) {
        let clock = Clock::start();
        let core = Control::new(parts.settings.clone(), clock.now(), parts.seed);
        let (pictures, picture, news) = Pictures::begin(&core);
        let (send, incoming) = mpsc::channel(REQUESTS_WAITING_MAX);
        // Bounded by what the core has under way at once.
        let (finish, finished) = mpsc::unbounded_channel();
        let driver = Self {
            parts: Arc::new(parts),
            clock,
            core,
            builds: 1,
            rebuilt: VecDeque::new(),
            pictures,
            incoming,
            finished,
            finish,
            asked: 0,
            waiting: BTreeMap::new(),
            kept: Vec::new(),
            wakeup: Time::ZERO,
            left: false,
            listened: false,
            untold: None,
            leaving_until: None,
        };
        (driver, Gate::new(picture, news, send))
    }

    /// The clock that its pictures are dated by.
    pub const fn clock(&self) -> Clock {
        self.clock
    }

    /// Runs until it is told to stop, and what is under way then has ended.
    pub async fn run(mut self, stop: CancellationToken) {
        let (tell, mut told) = mpsc::channel(NOTICES_WAITING_MAX);
        let listener = tokio::spawn(listen(self.parts.clone(), tell));
        self.parts.hands.proxy.begin(self.builds);
        self.ask_store();
        self.step(Event::Woken);
        while !self.has_left() {
            if let Some(rebuilt) = self.untold.take() {
                self.introduce(rebuilt).await;
                continue;
            }
            let wakeup = self.wakeup.min(self.leaving_until.unwrap_or(Time::NEVER));
            tokio::select! {
                Some((build, event)) = self.finished.recv() => {
                    if build == self.builds {
                        self.step(event);
                    }
                }
                Some(told) = told.recv() => self.hear(told),
                Some(incoming) = self.incoming.recv() => self.admit(incoming),
                () = self.parts.hands.proxy.has_news() => self.hear_viewers(),
                () = sleep_until(self.clock.instant(wakeup)) => self.step(Event::Woken),
                () = stop.cancelled(), if self.leaving_until.is_none() => self.leave(),
            }
        }
        listener.abort();
        info!("acefleet has stopped; {}", self.parting_words());
    }

    fn hear(&mut self, told: Told) {
        match told {
            Told::Opened => {
                if std::mem::replace(&mut self.listened, true) {
                    self.meters().docker_reconnected();
                }
                self.step(Event::DockerStreamOpened);
            }
            Told::Notice(notice) => {
                if may_have_moved(notice.happened) {
                    self.parts.hands.ways.forget(notice.id);
                }
                self.step(Event::Docker(notice));
            }
        }
    }

    /// Tells the core what the data plane has to tell; a new core is told anew.
    fn hear_viewers(&mut self) {
        for _ in 0..NEWS_AT_ONCE_MAX {
            if self.untold.is_some() {
                return;
            }
            let Some(event) = self.parts.hands.proxy.next_news() else { return };
            self.step(event);
        }
    }

    fn admit(&mut self, incoming: Incoming) {
        match incoming {
            Incoming::Asked(what, answer) => {
                self.asked += 1;
                let request = RequestId(self.asked);
                self.waiting.insert(request, answer);
                self.step(Event::Asked { request, what });
            }
            Incoming::PortsPushed(vpn, ports) => self.step(Event::PortsPushed { vpn, ports }),
            Incoming::Break => self.guarded("break", Which::Plain, |_, _| panic!("it was told to break")),
        }
    }

    /// Tells the core one event.
    fn step(&mut self, event: Event) {
        let (kind, which) = label(&event);
        self.guarded(kind, which, |core, now| core.handle(now, event));
    }

    /// Lets something happen to the core, publishes what it shows, passes on what it says, and has its commands
    /// carried out. Whatever is asked of the core is asked in here: it may break at any of it.
    fn guarded(&mut self, kind: &'static str, which: Which, act: impl FnOnce(&mut Control, Time)) {
        let now = self.clock.now();
        let (core, pictures) = (&mut self.core, &mut self.pictures);
        let (runtime, store) = (&self.parts.hands.runtime, &self.parts.store);
        let notes = || runtime.notes().into_iter().chain(store.trouble()).collect();
        let stepped = catch_unwind(AssertUnwindSafe(|| {
            act(core, now);
            let messages: Vec<Message> = std::iter::from_fn(|| core.poll_message()).collect();
            let commands: Vec<Command> = std::iter::from_fn(|| core.poll_command()).collect();
            // Whoever is answered finds in the picture what he was answered.
            pictures.take(core, now, !messages.is_empty(), store.newest_entry(), notes);
            // Before the first complete look the core does not know what there is to keep.
            let announced = core.is_ready().then(|| core.announced());
            let wakeup = core.next_wakeup().map_or(Time::NEVER, |(at, _)| at);
            Said { messages, commands, announced, wakeup, left: core.has_left() }
        }));
        match stepped {
            Ok(said) => {
                self.meters().step(kind, self.clock.now().since(now));
                self.carry_on(said);
            }
            Err(panic) => self.rebuild(kind, which, panic.as_ref()),
        }
    }

    fn carry_on(&mut self, said: Said) {
        self.wakeup = said.wakeup;
        self.left = said.left;
        if let Some(announced) = said.announced.filter(|announced| *announced != self.kept) {
            self.kept.clone_from(&announced);
            self.parts.store.keep(announced);
        }
        for message in said.messages {
            self.pass_on(message);
        }
        for command in said.commands {
            let (parts, finish, build) = (self.parts.clone(), self.finish.clone(), self.builds);
            tokio::spawn(async move {
                let outcome = parts.hands.carry_out(build, &command).await;
                // Nobody listens any more when the program ends.
                drop(finish.send((build, Event::Finished { op: command.op, outcome })));
            });
        }
    }

    fn pass_on(&mut self, message: Message) {
        match message {
            Message::Answer { request, reply } => {
                if let Some(answer) = self.waiting.remove(&request) {
                    // A client that has gave up does not hear its answer.
                    drop(answer.send(reply));
                }
            }
            Message::Route { .. } | Message::Refuse { .. } | Message::Release(_) => {
                self.parts.hands.proxy.hear(self.builds, message);
            }
        }
    }

    /// The core has broken: a new one takes its place and finds everything again by looking.
    fn rebuild(&mut self, kind: &str, which: Which, panic: &(dyn Any + Send)) {
        let words = panic.downcast_ref::<String>().map(String::as_str);
        let words = words.or(panic.downcast_ref::<&str>().copied()).unwrap_or("no words");
        let why = format!("{words}, when it was told `{kind}`{which}");
        error!(%why, "a rule of the core is broken: it is rebuilt; engines and viewers are not touched");
        self.meters().rebuilt();
        let now = self.clock.now();
        let forgotten = (self.rebuilt.len() + 1).saturating_sub(REBUILDS_KEPT);
        self.rebuilt.drain(..forgotten);
        self.rebuilt.push_back(now);
        self.builds += 1;
        let seed = self.parts.seed.wrapping_add(self.builds);
        let fresh = Control::new(self.parts.settings.clone(), now, seed);
        let broken = std::mem::replace(&mut self.core, fresh);
        // What is broken may break again while it is taken apart.
        drop(catch_unwind(AssertUnwindSafe(|| drop(broken))));
        self.pictures.forget();
        // Whoever waits for an answer of the old core is told that it will not come.
        self.waiting.clear();
        self.left = false;
        let times = self.rebuilt.iter().copied().collect();
        self.untold = Some(Event::Rebuilt { times, why: why.into() });
    }

    /// Tells a new core what became of the one before it. One that breaks at once is not to be rebuilt in a frenzy.
    async fn introduce(&mut self, rebuilt: Event) {
        let before = self.rebuilt.len().checked_sub(2).and_then(|before| self.rebuilt.get(before));
        if before.is_some_and(|before| self.clock.now().since(*before) < REBUILD_PAUSE) {
            sleep(REBUILD_PAUSE).await;
        }
        let (parts, unknown) = (self.parts.clone(), self.parts.hands.proxy.begin(self.builds));
        tokio::spawn(async move { parts.hands.close_unknown(unknown).await });
        self.ask_store();
        self.step(rebuilt);
        if self.leaving_until.is_some() && self.untold.is_none() {
            self.step(Event::Leaving { stop_engines: self.parts.stop_engines_on_exit });
        }
    }

    /// The store answers as an event, like everybody else.
    fn ask_store(&self) {
        let (parts, finish, build) = (self.parts.clone(), self.finish.clone(), self.builds);
        tokio::spawn(async move {
            let remembered = parts.store.remembered().await.map_err(Into::into);
            drop(finish.send((build, Event::StoreAnswered(remembered))));
        });
    }

    fn leave(&mut self) {
        warn!("asked to stop; {}", self.parting_words());
        self.leaving_until = Some(self.clock.now() + LEAVING_MAX);
        self.step(Event::Leaving { stop_engines: self.parts.stop_engines_on_exit });
    }

    fn has_left(&self) -> bool {
        let Some(until) = self.leaving_until else { return false };
        self.left || self.clock.now() >= until
    }

    fn parting_words(&self) -> &'static str {
        if self.parts.stop_engines_on_exit {
            "engines are stopped with it (STOP_ENGINES_ON_EXIT)"
        } else {
            "engines go on running, and the next start finds them"
        }
    }

    fn meters(&self) -> &Meters {
        &self.parts.hands.meters
    }
}

/// Listens to the runtime for as long as the program runs, whatever becomes of the listening.
async fn listen<R: Runtime>(parts: Arc<Parts<R>>, tell: mpsc::Sender<Told>) {
    while !tell.is_closed() {
        let told = AssertUnwindSafe(parts.hands.runtime.tell(tell.clone())).catch_unwind().await;
        if told.is_err() {
            error!("listening to the runtime broke, and is begun again");
        }
        sleep(LISTEN_AGAIN_AFTER).await;
    }
}

/// Whether a container may be elsewhere after this. Forgetting where it is costs every answer until it has been
/// inspected, so nothing is forgotten that is as true as before.
const fn may_have_moved(happened: Happened) -> bool {
    match happened {
        Happened::Started | Happened::Died | Happened::Renamed | Happened::Destroyed => true,
        Happened::Created | Happened::Paused | Happened::Unpaused | Happened::HealthIs(_) => false,
    }
}

/// Which event it is, as a kind and in words: cheap, because each one is labelled before it is told, and few
/// labels are ever read.
fn label(event: &Event) -> (&'static str, Which) {
    match event {
        Event::Woken => ("woken", Which::Plain),
        Event::Rebuilt { .. } => ("rebuilt", Which::Plain),
        Event::Leaving { .. } => ("leaving", Which::Plain),
        Event::Finished { op, .. } => ("finished", Which::Operation(*op)),
        Event::Docker(notice) => ("docker", Which::Container(notice.id)),
        Event::DockerStreamOpened => ("docker_stream_opened", Which::Plain),
        Event::StoreAnswered(_) => ("store_answered", Which::Plain),
        Event::PortsPushed { .. } => ("ports_pushed", Which::Plain),
        Event::Asked { request, .. } => ("asked", Which::Number(request.0)),
        Event::ViewerCame { viewer, .. } => ("viewer_came", Which::Number(viewer.0)),
        Event::ViewerLeft(viewer) => ("viewer_left", Which::Number(viewer.0)),
        Event::SessionBroke(session) => ("session_broke", Which::Number(session.0)),
        Event::SessionSpoke(session) => ("session_spoke", Which::Number(session.0)),
        Event::SessionSilent(session) => ("session_silent", Which::Number(session.0)),
    }
}

/// Whom an event was about, for the words about one that broke the core.
#[derive(Clone, Copy)]
enum Which {
    Plain,
    Operation(OpId),
    Container(ContainerId),
    Number(u64),
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain => Ok(()),
            Self::Operation(op) => write!(f, " of operation {op}"),
            Self::Container(id) => write!(f, " of container {id:.12}"),
            Self::Number(number) => write!(f, " {number}"),
        }
    }
}

#[cfg(test)]
mod tests;
