//! A viewer: where he sits, what he is waiting for, and the body that his player reads.
//!
//! A body holds no bytes of its own: it is given references into the channel's buffer, and null packets while there
//! is nothing. Where the channel may write to a viewer's socket itself, his body is asked only for the first bytes, and
//! for those that he did not take at once. Whoever drops it has left.

use super::channel::Channel;
use super::file::{self, File};
use super::news::Word;
use super::outlet::{Framing, Outlet};
use super::session;
use super::tape::{Place, Taken, Tape};
use super::{Proxy, SeatRef, SessionRef};
use bytes::Bytes;
use control::Time;
use control::ids::ViewerId;
use control::message::Obstacle;
use futures_util::StreamExt;
use futures_util::task::AtomicWaker;
use hyper::body::{Body, Frame};
use hyper::header::HeaderValue;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

/// Who has gone for want of a place may come again after so long.
const COME_AGAIN: Duration = Duration::from_secs(10);
/// Who wants to go on in the middle of something can do nothing with null packets, so it is waited for so long until it
/// is known what it is. The core refuses him before that if nobody can play it.
const PART_PATIENCE: Duration = Duration::from_secs(60);

/// The connection that a viewer sits behind.
#[derive(Clone, Default, Debug)]
pub struct Connection {
    /// His address.
    pub client: Option<SocketAddr>,
    /// Cuts it, whatever is still to be written.
    pub cut: CancellationToken,
    /// Its socket, if a channel may write to it.
    pub outlet: Option<Arc<Outlet>>,
}

/// Why a viewer is not served.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// Which kind of obstacle it is.
    pub because: Because,
    /// Why, and what to do.
    pub why: String,
    /// When it may be worth trying again.
    pub retry_after: Duration,
}

/// Which kind of obstacle keeps a viewer from being served.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Because {
    /// No engine can play it.
    CannotBePlayed,
    /// There is no room, or the proxy is off, or a person has stopped it.
    Unavailable,
    /// The engine that plays it, or the proxy itself, is at fault.
    Faulty,
}

impl Because {
    /// All of them.
    pub(super) const ALL: [Self; 3] = [Self::CannotBePlayed, Self::Unavailable, Self::Faulty];

    /// How it is counted.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::CannotBePlayed => "cannot_be_played",
            Self::Unavailable => "unavailable",
            Self::Faulty => "faulty",
        }
    }
}

impl Refusal {
    pub(super) fn told(because: Obstacle, why: String, retry_after: Duration) -> Self {
        let because = match because {
            Obstacle::CannotBePlayed => Because::CannotBePlayed,
            Obstacle::NoAnswer => Because::Faulty,
            Obstacle::NoSeat | Obstacle::TooManyViewers | Obstacle::Stopped => Because::Unavailable,
        };
        Self { because, why, retry_after }
    }

    pub(super) fn disabled() -> Self {
        let why = "the proxy is switched off: set PROXY_ENABLED=true to watch through acefleet".to_owned();
        Self { because: Because::Unavailable, why, retry_after: Duration::from_secs(60) }
    }

    pub(super) fn too_many(what: &str) -> Self {
        let why = format!("there are {what} already; try again when somebody has left");
        Self { because: Because::Unavailable, why, retry_after: COME_AGAIN }
    }

    pub(super) fn exit() -> Self {
        let why = "acefleet is being stopped; try again in a moment".to_owned();
        Self { because: Because::Unavailable, why, retry_after: COME_AGAIN }
    }

    pub(super) fn mistake() -> Self {
        let why = "acefleet made a mistake with this channel; its log has the details".to_owned();
        Self { because: Because::Faulty, why, retry_after: Duration::from_secs(1) }
    }

    pub(super) fn of_engine(broken: &session::Broken) -> Self {
        let why = format!("the engine does not deliver it: {broken}");
        Self { because: Because::Faulty, why, retry_after: Duration::from_secs(1) }
    }
}

/// How it ended for a viewer, if he has not left by himself.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Ending {
    /// He is not served.
    #[error("{}", .0.why)]
    Refused(Refusal),
    /// He took nothing for too long.
    #[error("nothing was taken for too long")]
    Cut,
}

/// Where a viewer sits: shared by his body and his channel.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) id: ViewerId,
    pub(super) since: Time,
    connection: Connection,
    began: Instant,
    waker: AtomicWaker,
    ending: OnceLock<Ending>,
    /// Where he reads.
    place: Mutex<Place>,
    /// Milliseconds from his coming until he last took something.
    took_at: AtomicU64,
    bytes: AtomicU64,
    skips: AtomicU64,
    /// He was shown something.
    shown: AtomicBool,
    /// He fetches segments.
    fetches: AtomicBool,
    /// He reads a file, from this session.
    file: OnceLock<SessionRef>,
}

/// What can be seen of a viewer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ViewerView {
    /// Who he is.
    pub id: ViewerId,
    /// Since when.
    pub since: Time,
    /// His address.
    pub client: Option<SocketAddr>,
    /// What he has been given.
    pub bytes: u64,
    /// How far he is behind what was published last, if there is something that he has not taken.
    pub lag: Duration,
    /// How often he fell back too far.
    pub skips: u64,
    /// He fetches segments.
    pub fetches: bool,
}

impl Seat {
    pub(super) fn new(id: ViewerId, since: Time, connection: Connection) -> Self {
        Self {
            id,
            since,
            connection,
            began: Instant::now(),
            waker: AtomicWaker::new(),
            ending: OnceLock::new(),
            place: Mutex::default(),
            took_at: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            skips: AtomicU64::new(0),
            shown: AtomicBool::new(false),
            fetches: AtomicBool::new(false),
            file: OnceLock::new(),
        }
    }

    /// There may be something for him.
    pub(super) fn wake(&self) {
        self.waker.wake();
    }

    /// It is over for him: his connection breaks, so that his player knows that something went wrong.
    pub(super) fn end(&self, ending: Ending) {
        // What came first counts.
        let _known = self.ending.set(ending);
        self.waker.wake();
    }

    /// How it ended for him, if it has.
    pub(super) fn ending(&self) -> Option<&Ending> {
        self.ending.get()
    }

    /// Who is to be woken when there may be something for him.
    pub(super) fn register(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    /// He has no connection that stays, but fetches segments.
    pub(super) fn fetches(&self) {
        self.fetches.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_fetching(&self) -> bool {
        self.fetches.load(Ordering::Relaxed)
    }

    /// The session from which he reads a file.
    pub(super) fn file(&self) -> Option<SessionRef> {
        self.file.get().copied()
    }

    /// He reads a file from this session, to its end.
    fn reads(&self, session: SessionRef) {
        let _known = self.file.set(session);
    }

    /// He took nothing for too long. His body is not asked any more, so his connection is cut.
    pub(super) fn cut(&self) {
        self.end(Ending::Cut);
        self.connection.cut.cancel();
    }

    /// For how long he has taken nothing.
    pub(super) fn idle(&self) -> Duration {
        self.began.elapsed().saturating_sub(Duration::from_millis(self.took_at.load(Ordering::Relaxed)))
    }

    /// Where he reads.
    pub(super) fn place(&self) -> Place {
        self.place.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What there is for him.
    fn take(&self, tape: &Tape) -> Taken {
        let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        tape.take(&mut place)
    }

    pub(super) fn took(&self, bytes: usize) {
        self.took_at.store(self.began.elapsed().as_millis() as u64, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// He was given a part of what he wanted to watch.
    fn given(&self, proxy: &Proxy, channel: &Channel, bytes: usize) {
        self.took(bytes);
        channel.count_out(bytes);
        proxy.meters.bytes_out.inc_by(bytes as u64);
        if !self.shown.load(Ordering::Relaxed) && !self.shown.swap(true, Ordering::Relaxed) {
            proxy.meters.waited(self.began.elapsed());
        }
    }

    /// The next bytes for him.
    fn next(&self, proxy: &Proxy, channel: &Channel) -> Option<Bytes> {
        loop {
            match self.take(channel.tape()) {
                Taken::Bytes(bytes) => {
                    self.given(proxy, channel, bytes.len());
                    return Some(bytes);
                }
                Taken::Skipped => {
                    self.skips.fetch_add(1, Ordering::Relaxed);
                    channel.count_skip();
                    proxy.meters.skips.inc();
                }
                Taken::Nothing => return None,
            }
        }
    }

    /// There is something for him: it is written to his socket, if that is the channel's turn. Otherwise he is woken,
    /// unless he has not taken what he was given before: then he will ask by himself.
    pub(super) fn serve(&self, proxy: &Proxy, channel: &Channel) {
        let Some(outlet) = &self.connection.outlet else { return self.wake() };
        let mut turn = outlet.turn();
        if !turn.is_asked() {
            return;
        }
        while let Some(framing) = turn.framing().filter(|_| self.ending.get().is_none()) {
            let Some(bytes) = self.next(proxy, channel) else { return };
            outlet.write(&mut turn, framing, bytes);
        }
        drop(turn);
        self.wake();
    }

    pub(super) fn view(&self, lag: Duration) -> ViewerView {
        ViewerView {
            id: self.id,
            since: self.since,
            client: self.connection.client,
            bytes: self.bytes.load(Ordering::Relaxed),
            lag,
            skips: self.skips.load(Ordering::Relaxed),
            fetches: self.is_fetching(),
        }
    }
}

/// A viewer who watches; dropped, he has left.
#[derive(Debug)]
pub struct Watching {
    proxy: Arc<Proxy>,
    channel: Arc<Channel>,
    seat: SeatRef,
}

impl Watching {
    pub(super) const fn new(proxy: Arc<Proxy>, channel: Arc<Channel>, seat: SeatRef) -> Self {
        Self { proxy, channel, seat }
    }

    /// What becomes of him, as far as it is known.
    fn poll_decided(&self, context: &Context<'_>) -> Poll<Result<(), Refusal>> {
        self.seat.waker.register(context.waker());
        if let Some(Ending::Refused(refusal)) = self.seat.ending.get() {
            return Poll::Ready(Err(refusal.clone()));
        }
        if self.channel.has_begun() { Poll::Ready(Ok(())) } else { Poll::Pending }
    }
}

impl Watching {
    pub(super) const fn proxy(&self) -> &Arc<Proxy> {
        &self.proxy
    }

    pub(super) const fn channel(&self) -> &Arc<Channel> {
        &self.channel
    }

    pub(super) const fn seat(&self) -> &SeatRef {
        &self.seat
    }

    /// He was given a part of what he wanted to watch.
    pub(super) fn given(&self, bytes: usize) {
        self.seat.given(&self.proxy, &self.channel, bytes);
    }

    /// A file has broken off under him. It has nobody else who could tell.
    pub(super) fn lost(&self, session: SessionRef, broken: session::Broken) -> BodyError {
        if broken.is_for_all() {
            self.proxy.say(session, Word::Broke);
        }
        broken.into()
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.proxy.leave(self.seat.id);
    }
}

/// A viewer who has just come.
#[derive(Debug)]
pub struct Joined {
    watching: Watching,
    patience: Duration,
}

/// What a viewer is shown.
#[derive(Debug)]
pub enum Showing {
    /// A channel.
    Live(Live),
    /// A file: what its engine answers.
    File(File),
}

impl Joined {
    pub(super) const fn new(watching: Watching, patience: Duration) -> Self {
        Self { watching, patience }
    }

    /// Waits until it is known whether he is served, as long as his patience lasts.
    pub(super) async fn hold_back(self) -> Result<Watching, Refusal> {
        let Self { watching, patience } = self;
        let decided = timeout(patience, poll_fn(|context| watching.poll_decided(context))).await;
        decided.unwrap_or(Ok(())).map(|()| watching)
    }

    /// What he is shown. Who is still waiting when his patience ends is shown null packets, because his player must not
    /// give up.
    pub async fn settle(mut self, range: Option<HeaderValue>) -> Result<Showing, Refusal> {
        if range.as_ref().is_some_and(file::is_later_part) {
            self.patience = self.patience.max(PART_PATIENCE);
        }
        let watching = self.hold_back().await?;
        match watching.channel.file() {
            Some((session, source)) => {
                watching.seat.reads(session);
                File::open(watching, session, &source, range).await.map(Showing::File)
            }
            None => Ok(Showing::Live(Live::of(watching))),
        }
    }
}

/// It may follow packets: it is made of them.
fn is_packets(bytes: &[u8]) -> bool {
    bytes.iter().step_by(mpegts::PACKET).all(|byte| *byte == mpegts::packet::SYNC)
}

/// The body of a channel.
pub struct Live {
    watching: Watching,
    /// The last null packet that he was sent.
    beat: Option<u64>,
    /// It has turned out to be a file, which he is shown from its beginning.
    file: Option<Late>,
    /// How it is framed, if the channel may write it itself.
    framing: Option<Framing>,
    /// It has been asked for something.
    begun: bool,
}

/// A file that its viewer was not told of before his answer began.
struct Late {
    session: SessionRef,
    pieces: session::Pieces,
    /// Nothing of it has been sent, only null packets.
    after_packets: bool,
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live").field("viewer", &self.watching.seat.id).finish_non_exhaustive()
    }
}

impl Live {
    fn of(watching: Watching) -> Self {
        Self { watching, beat: None, file: None, framing: None, begun: false }
    }

    /// The same, written by the channel itself to the connection's socket whenever the server would wait for it. The
    /// server frames it so.
    #[must_use]
    pub fn framed(mut self, framing: Framing) -> Self {
        self.framing = Some(framing);
        self
    }

    /// The channel has nothing more to write.
    fn end_turns(&self) {
        if let Some(outlet) = &self.watching.seat.connection.outlet {
            outlet.end();
        }
    }

    /// What he is given now. When it is nothing he is told to wait, in the same breath: nothing comes in between.
    fn next(&mut self) -> Option<Bytes> {
        let Watching { proxy, channel, seat } = &self.watching;
        // A file is not on the channel's tape.
        let beat = Some(channel.beat()).filter(|_| channel.file().is_none());
        let mut turn = seat.connection.outlet.as_ref().map(|outlet| outlet.turn());
        if let (Some(turn), Some(framing), false) = (&mut turn, self.framing, self.begun) {
            turn.begin(framing);
        }
        self.begun = true;
        let bytes = seat.next(proxy, channel).or_else(|| {
            let due = beat.is_some() && self.beat != beat;
            due.then(|| {
                self.beat = beat;
                seat.took(mpegts::KEEPALIVE.len());
                Bytes::from_static(&mpegts::KEEPALIVE)
            })
        });
        match (&mut turn, &bytes) {
            (Some(turn), Some(_)) => turn.give(),
            (Some(turn), None) => turn.wait(),
            (None, _) => {}
        }
        bytes
    }

    fn poll_file(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Some(file) = &mut self.file else { return Poll::Pending };
        file.pieces.poll_next_unpin(context).map(|piece| match piece {
            Some(Ok(bytes)) if std::mem::take(&mut file.after_packets) && !is_packets(&bytes) => {
                Some(Err(session::Broken::NoPackets.into()))
            }
            Some(Ok(bytes)) => {
                self.watching.given(bytes.len());
                Some(Ok(Frame::data(bytes)))
            }
            // A file that has been read ends as it should.
            Some(Err(session::Broken::Ended)) | None => None,
            Some(Err(broken)) => Some(Err(self.watching.lost(file.session, broken))),
        })
    }
}

pub(super) type BodyError = Box<dyn std::error::Error + Send + Sync>;

impl Body for Live {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let live = self.get_mut();
        // Before anything is looked at, so that nothing is missed.
        live.watching.seat.waker.register(context.waker());
        if let Some(ending) = live.watching.seat.ending.get() {
            return Poll::Ready(Some(Err(ending.clone().into())));
        }
        if live.file.is_some() {
            return live.poll_file(context);
        }
        if let Some(bytes) = live.next() {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        if let Some((session, source)) = live.watching.channel.file() {
            live.watching.seat.reads(session);
            live.end_turns();
            live.watching.proxy.say(session, Word::Spoke);
            let pieces = session::read_file(live.watching.proxy.ways.clone(), source);
            live.file = Some(Late { session, pieces, after_packets: live.beat.is_some() });
            return live.poll_file(context);
        }
        Poll::Pending
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.end_turns();
    }
}
