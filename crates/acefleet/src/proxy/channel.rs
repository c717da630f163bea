//! A channel: one content, one task, one session at a time (two while it moves), any number of viewers.
//!
//! The task does as the core says: it begins to read the session that it is routed to, and goes on sending the one
//! before until the new one delivers. It never chooses, and waits for no viewer.

use super::news::Word;
use super::session::{self, Broken, Pieces, Source};
use super::tape::Tape;
use super::viewer::{Connection, Seat, ViewerView};
use super::{Proxy, SeatRef, SessionRef};
use bytes::Bytes;
use control::Time;
use control::command::Content;
use control::ids::ViewerId;
use futures_util::{FutureExt, StreamExt};
use mpegts::Packet;
use mpegts::hls::{self, Segmenter};
use mpegts::splice::{self, How, SourceId, Splice, Switched};
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until};
use tracing::{error, info};

/// A session that delivers nothing for so long is not waited for when another one could take over.
const DUMB_AFTER: Duration = Duration::from_millis(300);
/// How often viewers are looked after.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// So many viewers are served together before others get a turn: two milliseconds' work. Each turn costs a change of
/// tasks, and often one of processors.
const SERVED_TOGETHER: usize = 128;
/// After so long, whoever has not been served yet is woken instead, and takes it by himself: the channel has to go on
/// reading, and there may be other processors.
const SERVED_FOR_MAX: Duration = Duration::from_millis(15);
/// Segments may take so many times the memory that the buffer may: who fetches them is further behind.
const SEGMENTS_TO_BUFFER: usize = 2;
/// A channel that nobody watches is kept for so long at most, whatever the core says: longer than it lingers there.
const UNWATCHED_MAX: Duration = Duration::from_secs(10);

/// What a channel does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// It has not been shown yet.
    Waiting,
    /// It is shown.
    Playing,
    /// It has been shown, and there is nothing just now.
    Holding,
    /// It is a file, which each viewer reads for himself.
    File,
}

/// What can be seen of a channel.
#[derive(Clone, Debug)]
pub struct ChannelView {
    /// Counted up.
    pub number: u64,
    /// What it shows, as its first viewer asked for it.
    pub content: Content,
    /// What it does.
    pub phase: Phase,
    /// The session that it is routed to or reads.
    pub session: Option<(SessionRef, Arc<Source>)>,
    /// Since when it has been there.
    pub since: Time,
    /// What came in during the last second.
    pub bits_per_s: u64,
    /// What has come in.
    pub bytes_in: u64,
    /// What viewers were given.
    pub bytes_out: u64,
    /// How often it has moved to another session.
    pub moves: u64,
    /// How often viewers fell back too far.
    pub skips: u64,
    /// How many viewers were cut.
    pub cuts: u64,
    /// How much is kept.
    pub buffer: (Duration, usize),
    /// Who watches.
    pub viewers: Vec<ViewerView>,
}

/// A channel, as everybody sees it.
#[derive(Debug)]
pub(super) struct Channel {
    number: u64,
    content: Content,
    since: Time,
    tape: Tape,
    seats: Mutex<BTreeMap<ViewerId, SeatRef>>,
    orders: Mutex<Orders>,
    ordered: Notify,
    shown: Mutex<Shown>,
    /// Segments, while somebody fetches them. Locked after the ring and before the seats.
    segments: Mutex<Option<Segmenter>>,
    /// How long they are.
    segment: Duration,
    beat: AtomicU64,
    counts: Counts,
}

#[derive(Default, Debug)]
struct Counts {
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    moves: AtomicU64,
    skips: AtomicU64,
    cuts: AtomicU64,
}

type Route = (SessionRef, Arc<Source>);

/// What the core wants. Only the last word counts, so nothing queues up.
#[derive(Default, Debug)]
struct Orders {
    route: Option<Route>,
    /// Sessions that the task holds.
    held: [Option<SessionRef>; 2],
    /// Those of them that are not to be read any more.
    released: [Option<SessionRef>; 2],
    /// The task is to fail.
    #[cfg(test)]
    broken: bool,
}

#[derive(Debug)]
struct Shown {
    phase: Phase,
    session: Option<Route>,
}

impl Channel {
    /// A new channel with its task.
    pub(super) fn begin(proxy: Arc<Proxy>, number: u64, content: Content) -> Arc<Self> {
        let chosen = &proxy.chosen;
        let channel = Arc::new(Self {
            number,
            content,
            since: proxy.clock.now(),
            tape: Tape::new(chosen),
            seats: Mutex::default(),
            orders: Mutex::default(),
            ordered: Notify::new(),
            shown: Mutex::new(Shown { phase: Phase::Waiting, session: None }),
            segments: Mutex::default(),
            segment: chosen.segment,
            beat: AtomicU64::new(0),
            counts: Counts::default(),
        });
        let task = Task::new(proxy.clone(), channel.clone());
        tokio::spawn(async move {
            let channel = task.channel.clone();
            if AssertUnwindSafe(task.run()).catch_unwind().await.is_err() {
                error!(content = %channel.content.key, "a channel broke: its viewers are cut off");
                proxy.abandon(&channel);
            }
        });
        channel
    }

    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    pub(super) const fn content(&self) -> &Content {
        &self.content
    }

    pub(super) const fn tape(&self) -> &Tape {
        &self.tape
    }

    /// Counts null packets: whoever has not been sent this one may be.
    pub(super) fn beat(&self) -> u64 {
        self.beat.load(Ordering::Relaxed)
    }

    pub(super) fn count_out(&self, bytes: usize) {
        self.counts.bytes_out.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn count_skip(&self) {
        self.counts.skips.fetch_add(1, Ordering::Relaxed);
    }

    // Viewers.

    pub(super) fn seat(&self, viewer: ViewerId, since: Time, connection: Connection) -> SeatRef {
        let seat = Arc::new(Seat::new(viewer, since, connection));
        lock(&self.seats).insert(viewer, seat.clone());
        seat
    }

    pub(super) fn unseat(&self, viewer: ViewerId) {
        lock(&self.seats).remove(&viewer);
        self.ordered.notify_one();
    }

    pub(super) fn is_watched(&self) -> bool {
        !lock(&self.seats).is_empty()
    }

    /// There is something to show.
    pub(super) fn has_begun(&self) -> bool {
        self.tape.has_begun() || self.file().is_some()
    }

    /// Where it is read, if it is a file.
    pub(super) fn file(&self) -> Option<Route> {
        lock(&self.orders).route.clone().filter(|(_, source)| !source.is_live)
    }

    /// The task fails at what it does next.
    #[cfg(test)]
    pub(super) fn break_down(&self) {
        lock(&self.orders).broken = true;
        self.ordered.notify_one();
    }

    /// It shows what another core than this one has chosen.
    pub(super) fn shows_another(&self, build: u64) -> bool {
        let orders = lock(&self.orders);
        // Nobody reads a file for all its viewers, so it is not held.
        let file = orders.route.as_ref().filter(|(_, source)| !source.is_live).map(|(session, _)| *session);
        orders.held[0].or(file).is_some_and(|session| session.build != build)
    }

    fn wake_all(&self) {
        lock(&self.seats).values().for_each(|seat| seat.wake());
    }

    /// There is something new: everybody is sent it, one after the other, with a pause now and then for others, for as
    /// long as there is time.
    async fn serve_all(&self, proxy: &Proxy) {
        let seats: Vec<_> = lock(&self.seats).values().cloned().collect();
        let began = Instant::now();
        for (number, seat) in (1..).zip(&seats) {
            if began.elapsed() > SERVED_FOR_MAX {
                seat.wake();
                continue;
            }
            seat.serve(proxy, self);
            if number % SERVED_TOGETHER == 0 {
                yield_now().await;
            }
        }
    }

    // Segments.

    /// Somebody wants segments: from now on they are cut.
    pub(super) fn cut_segments(&self, proxy: &Proxy) {
        let bytes = SEGMENTS_TO_BUFFER * proxy.room(proxy.count());
        let settings = hls::Settings { target: self.segment, bytes, ..hls::Settings::default() };
        let ring = self.tape.ring();
        lock(&self.segments).get_or_insert_with(|| Segmenter::new(settings)).follow(&ring);
    }

    /// Segments that nobody fetches are not cut any more. Whoever comes says that he fetches before he has them cut, so
    /// either he is seen here or he finds that there are none.
    pub(super) fn spare_segments(&self) {
        let mut segments = lock(&self.segments);
        if !lock(&self.seats).values().any(|seat| seat.is_fetching()) {
            *segments = None;
        }
    }

    #[cfg(test)]
    pub(super) fn cuts_segments(&self) -> bool {
        lock(&self.segments).is_some()
    }

    /// The list of segments, once there is one.
    pub(super) fn playlist(&self) -> Option<String> {
        lock(&self.segments).as_ref()?.playlist(|number| format!("{number}.ts"))
    }

    /// A segment's parts.
    pub(super) fn segment(&self, number: u64) -> Option<Vec<Bytes>> {
        Some(lock(&self.segments).as_ref()?.segment(number)?.parts.clone())
    }

    // What the core wants.

    /// The session to show from now on. A core that is new here has none to offer yet: until it has, what the core
    /// before it chose goes on.
    pub(super) fn route(&self, build: u64, route: Option<Route>) {
        let mut orders = lock(&self.orders);
        let of_this_core = orders.route.as_ref().is_some_and(|(session, _)| session.build == build);
        if route.is_some() || of_this_core {
            orders.route = route;
            drop(orders);
            self.ordered.notify_one();
            // A file's viewers read for themselves.
            self.wake_all();
        }
    }

    /// A session that is not to be read any more.
    pub(super) fn release(&self, session: SessionRef) {
        let mut orders = lock(&self.orders);
        let Orders { route, held, released, .. } = &mut *orders;
        if route.as_ref().is_some_and(|(routed, _)| *routed == session) {
            *route = None;
        }
        for (held, released) in held.iter().zip(released) {
            if *held == Some(session) {
                *released = *held;
            }
        }
        drop(orders);
        self.ordered.notify_one();
    }

    /// How many watch it, and what they are shown.
    pub(super) fn glance(&self) -> (usize, Option<Arc<Source>>) {
        let source = lock(&self.shown).session.as_ref().map(|(_, source)| source.clone());
        (lock(&self.seats).len(), source)
    }

    pub(super) fn view(&self) -> ChannelView {
        let shown = lock(&self.shown);
        let (phase, session) = (shown.phase, shown.session.clone());
        drop(shown);
        let seats: Vec<_> = lock(&self.seats).values().cloned().collect();
        let viewers = seats.iter().map(|seat| seat.view(self.tape.lag(&seat.place()).time)).collect();
        let now = self.tape.now();
        let ring = self.tape.ring();
        let oldest = ring.joins().next().map(|join| now.saturating_sub(join.moment.at)).unwrap_or_default();
        let (bits_per_s, buffer) = (ring.bits_per_s(now), (oldest, ring.kept()));
        drop(ring);
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        ChannelView {
            number: self.number,
            content: self.content.clone(),
            phase,
            session,
            since: self.since,
            bits_per_s,
            bytes_in: count(&self.counts.bytes_in),
            bytes_out: count(&self.counts.bytes_out),
            moves: count(&self.counts.moves),
            skips: count(&self.counts.skips),
            cuts: count(&self.counts.cuts),
            buffer,
            viewers,
        }
    }
}

/// A session that is read.
struct Reading {
    /// What the splice calls it.
    id: SourceId,
    session: SessionRef,
    source: Arc<Source>,
    pieces: Pieces,
    /// When something of it was last shown; before that, when it was begun.
    heard_at: Instant,
    /// After so long without anything it is silent: sooner as long as it has never paused so long and gone on.
    patience: Duration,
    /// The core has been told that it is silent.
    told_silent: bool,
}

/// The one task of a channel.
struct Task {
    proxy: Arc<Proxy>,
    channel: Arc<Channel>,
    splice: Splice,
    /// Counts what was read.
    readings: u64,
    /// What is shown.
    current: Option<Reading>,
    /// What is to be shown as soon as it delivers.
    next: Option<Reading>,
    /// Packets that were published when viewers were last woken.
    published: u64,
    /// When viewers were last given something, null packets included.
    gave_at: Instant,
    /// When they were last given something of the channel.
    flowed_at: Instant,
    /// They have not been given anything since it moved.
    has_moved: bool,
    looked_at: Instant,
    /// The file that viewers read who come now.
    file: Option<SessionRef>,
    unwatched_since: Option<Instant>,
}

/// Which of the two sessions.
#[derive(Clone, Copy)]
enum Which {
    Current,
    Next,
}

impl Task {
    fn new(proxy: Arc<Proxy>, channel: Arc<Channel>) -> Self {
        let now = Instant::now();
        Self {
            proxy,
            channel,
            splice: Splice::new(splice::Settings::default()),
            readings: 0,
            current: None,
            next: None,
            published: 0,
            gave_at: now,
            flowed_at: now,
            has_moved: false,
            looked_at: now,
            file: None,
            unwatched_since: None,
        }
    }

    async fn run(mut self) {
        loop {
            self.obey();
            if self.is_over() && self.proxy.close(&self.channel) {
                return;
            }
            let due = self.due();
            tokio::select! {
                () = self.channel.ordered.notified() => {}
                piece = piece_of(&mut self.current) => self.hear(Which::Current, piece),
                piece = piece_of(&mut self.next) => self.hear(Which::Next, piece),
                () = sleep_until(due) => {}
            }
            if self.look() {
                self.channel.serve_all(&self.proxy).await;
            }
        }
    }

    /// Does as the core says.
    fn obey(&mut self) {
        let (route, released) = {
            let mut orders = lock(&self.channel.orders);
            #[cfg(test)]
            assert!(!orders.broken, "a test breaks it");
            (orders.route.clone(), std::mem::take(&mut orders.released))
        };
        for which in [Which::Current, Which::Next] {
            let is_released = |reading: &mut Reading| released.contains(&Some(reading.session));
            if let Some(reading) = self.reading(which).take_if(is_released) {
                self.stop(&reading);
            }
        }
        let route = route.filter(|(_, source)| source.is_live);
        let wanted = route.as_ref().map(|(session, _)| *session);
        let is = |reading: &Option<Reading>| reading.as_ref().map(|it| it.session) == wanted;
        if !is(&self.next) {
            if let Some(unwanted) = self.next.take() {
                self.stop(&unwanted);
            }
            if !is(&self.current) {
                self.next = route.map(|(session, source)| self.begin(session, source));
            }
        }
        let held = [&self.current, &self.next].map(|reading| reading.as_ref().map(|it| it.session));
        lock(&self.channel.orders).held = held;
    }

    fn reading(&mut self, which: Which) -> &mut Option<Reading> {
        match which {
            Which::Current => &mut self.current,
            Which::Next => &mut self.next,
        }
    }

    fn begin(&mut self, session: SessionRef, source: Arc<Source>) -> Reading {
        self.readings += 1;
        let id = SourceId(self.readings);
        self.splice.open(id);
        let pieces = session::read(self.proxy.ways.clone(), source.clone());
        let patience = self.proxy.chosen.stall / 2;
        Reading { id, session, source, pieces, heard_at: Instant::now(), patience, told_silent: false }
    }

    /// Something has come of a session, or its end.
    fn hear(&mut self, which: Which, piece: Result<Bytes, Broken>) {
        let Some(reading) = self.reading(which) else { return };
        match piece {
            Ok(bytes) => {
                let id = reading.id;
                self.channel.counts.bytes_in.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                self.proxy.meters.bytes_in.inc_by(bytes.len() as u64);
                let flowed = self.splice(|splice, now, out| splice.feed(now, id, &bytes, out));
                // Noise is no sign of life: only what viewers are shown counts.
                if let Some(current) = self.current.as_mut().filter(|current| flowed && current.id == id) {
                    current.heard_at = Instant::now();
                    if std::mem::take(&mut current.told_silent) {
                        current.patience = self.proxy.chosen.stall;
                        self.proxy.say(current.session, Word::Spoke);
                    }
                }
            }
            Err(broken) => {
                if let Some(reading) = self.reading(which).take() {
                    self.stop(&reading);
                    self.lose(&reading, &broken);
                }
            }
        }
    }

    /// A session is not read any more.
    fn stop(&mut self, reading: &Reading) {
        let id = reading.id;
        self.splice(|splice, now, out| splice.close(now, id, out));
    }

    /// Lets the splice do something. What goes out of it is what viewers are shown; says whether there was anything.
    fn splice(
        &mut self,
        act: impl FnOnce(&mut Splice, Duration, &mut dyn FnMut(Packet<'_>)) -> Option<Switched>,
    ) -> bool {
        let now = self.channel.tape.now();
        let mut ring = self.channel.tape.ring();
        let mut flowed = false;
        let switched = act(&mut self.splice, now, &mut |packet| {
            ring.push(now, packet);
            flowed = true;
        });
        drop(ring);
        let Some(switched) = switched else { return flowed };
        if self.next.as_ref().is_some_and(|next| next.id == switched.to) {
            self.current = self.next.take();
        }
        let Some(current) = &mut self.current else { return flowed };
        current.heard_at = Instant::now();
        self.proxy.say(current.session, Word::Spoke);
        self.proxy.works(&self.channel);
        if switched.how != How::Began {
            self.channel.counts.moves.fetch_add(1, Ordering::Relaxed);
            self.proxy.meters.moves.inc();
            self.has_moved = true;
            let (content, how) = (&self.channel.content.key, switched.how);
            info!(%content, engine = %format_args!("{:.12}", current.source.engine), ?how, "a channel has moved");
        }
        flowed
    }

    /// A session cannot be read any further. The core will say what comes instead.
    fn lose(&self, reading: &Reading, broken: &Broken) {
        let (content, engine) = (&self.channel.content.key, reading.source.engine);
        info!(%content, engine = %format_args!("{engine:.12}"), %broken, "a session ended by itself");
        let lost = |route: &mut Route| route.0 == reading.session;
        drop(lock(&self.channel.orders).route.take_if(lost));
        self.proxy.say(reading.session, Word::Broke);
    }

    /// What is to be done at this moment, whatever has happened; says whether there is something new for viewers.
    fn look(&mut self) -> bool {
        let now = Instant::now();
        self.let_go_of_the_dumb(now);
        if self.splice.next_wakeup().is_some_and(|at| at <= self.channel.tape.now()) {
            self.splice(|splice, now, out| splice.wake(now, out));
        }
        let news = self.publish(now);
        if let Some(reading) = &mut self.current {
            let silent = now - reading.heard_at >= reading.patience;
            if silent && !std::mem::replace(&mut reading.told_silent, true) {
                self.proxy.say(reading.session, Word::Silent);
            }
        }
        if now - self.looked_at >= LOOK_EVERY {
            self.looked_at = now;
            self.channel.tape.ring().limit(self.proxy.room(self.proxy.count()));
            self.look_after_viewers();
            self.look_after_file();
            self.proxy.playlists.expire(self.proxy.chosen.fetch_idle);
            self.show();
        }
        news
    }

    /// A session that has fallen silent is not waited for when the next one could take over.
    fn let_go_of_the_dumb(&mut self, now: Instant) {
        let Some(next) = &self.next else { return };
        if !self.splice.condition(next.id).is_some_and(|next| next.keyframe) {
            return;
        }
        let dumb = |reading: &mut Reading| now - reading.heard_at >= DUMB_AFTER;
        if let Some(reading) = self.current.take_if(dumb) {
            self.stop(&reading);
        }
    }

    /// Publishes what it is time for, and says whether there is something new to read.
    fn publish(&mut self, now: Instant) -> bool {
        let mut ring = self.channel.tape.ring();
        ring.wake(self.channel.tape.now());
        let published = std::mem::replace(&mut self.published, ring.published());
        let news = published != self.published;
        if let Some(segmenter) = lock(&self.channel.segments).as_mut().filter(|_| news) {
            segmenter.follow(&ring);
        }
        drop(ring);
        if news {
            let silence = now - std::mem::replace(&mut self.flowed_at, now);
            if std::mem::take(&mut self.has_moved) {
                self.proxy.meters.silence(silence);
            }
        }
        if news {
            self.gave_at = now;
        } else if now - self.gave_at >= self.proxy.chosen.keepalive {
            self.gave_at = now;
            self.channel.beat.fetch_add(1, Ordering::Relaxed);
            self.channel.wake_all();
        }
        news
    }

    /// Whoever takes nothing of what is there for him is cut: his place is wanted by others.
    fn look_after_viewers(&self) {
        let patience = self.proxy.chosen.no_progress;
        let stuck =
            |seat: &&SeatRef| seat.idle() >= patience && self.channel.tape.lag(&seat.place()).bytes > 0;
        let seats: Vec<_> = lock(&self.channel.seats).values().cloned().collect();
        self.channel.spare_segments();
        for seat in seats.iter().filter(stuck) {
            self.channel.counts.cuts.fetch_add(1, Ordering::Relaxed);
            self.proxy.meters.cuts.inc();
            seat.cut();
        }
    }

    /// A file that has moved is delivered by its new session as soon as nobody reads the one before any more: until
    /// then that is kept, and afterwards it is not needed, although perhaps nobody has come to read the new one.
    fn look_after_file(&mut self) {
        let Some((session, _)) = self.channel.file() else { return };
        let others =
            lock(&self.channel.seats).values().any(|seat| seat.file().is_some_and(|read| read != session));
        if !others && self.file.replace(session).is_some_and(|before| before != session) {
            self.proxy.say(session, Word::Spoke);
        }
    }

    fn show(&self) {
        let route = lock(&self.channel.orders).route.clone();
        let is_file = route.as_ref().is_some_and(|(_, source)| !source.is_live);
        let reading = self.current.as_ref().map(|reading| (reading.session, reading.source.clone()));
        let flows = self.current.as_ref().is_some_and(|reading| !reading.told_silent);
        let mut shown = lock(&self.channel.shown);
        shown.phase = match (is_file, flows, self.channel.tape.has_begun()) {
            (true, ..) => Phase::File,
            (false, true, _) => Phase::Playing,
            (false, false, true) => Phase::Holding,
            (false, false, false) => Phase::Waiting,
        };
        shown.session = reading.or(route);
    }

    /// When something is to be done at the latest.
    fn due(&self) -> Instant {
        let (chosen, tape) = (&self.proxy.chosen, &self.channel.tape);
        let publish = tape.ring().next_wakeup();
        let spliced = [publish, self.splice.next_wakeup()].into_iter().flatten().map(|at| tape.instant(at));
        let current = self.current.as_ref().filter(|reading| !reading.told_silent);
        let stalled = current.map(|reading| reading.heard_at + reading.patience);
        let dumb = self.current.as_ref().filter(|_| self.next.is_some());
        let dumb = dumb.map(|reading| reading.heard_at + DUMB_AFTER).filter(|at| *at > Instant::now());
        let soon = (self.gave_at + chosen.keepalive).min(self.looked_at + LOOK_EVERY);
        spliced.chain(stalled).chain(dumb).fold(soon, Instant::min)
    }

    /// Nobody watches it, and the core is done with it.
    fn is_over(&mut self) -> bool {
        if self.channel.is_watched() {
            self.unwatched_since = None;
            return false;
        }
        let since = *self.unwatched_since.get_or_insert_with(Instant::now);
        let reads = self.current.is_some() || self.next.is_some() || self.channel.file().is_some();
        !reads || since.elapsed() >= UNWATCHED_MAX
    }
}

/// The next piece of a session; without one there never is any.
async fn piece_of(reading: &mut Option<Reading>) -> Result<Bytes, Broken> {
    match reading {
        Some(reading) => reading.pieces.next().await.unwrap_or(Err(Broken::Ended)),
        None => std::future::pending().await,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
