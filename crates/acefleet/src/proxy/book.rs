//! Who watches what: viewers, channels, sessions, and what the core has not been told yet. One lock around all of it,
//! never held over anything that waits; a channel's own lock is taken inside it and never the other way round.

use super::channel::Channel;
use super::news::{News, Word};
use super::sources::Sources;
use super::viewer::{Because, Ending, Refusal};
use super::{Connection, Meters, Proxy, SeatRef, SessionRef, Source};
use control::Event;
use control::command::{Content, KeyType};
use control::ids::ViewerId;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Sessions that are open: one for each of the most channels that may be chosen, and one that it moves to. The core
/// releases what it has opened; should it fail to, the oldest are forgotten.
const SESSIONS_KEPT: usize = 2_000;
/// Less than this is of no use as a channel's buffer.
const CHANNEL_BYTES_MIN: usize = 4 * 1024 * 1024;
/// Contents of which it is remembered which infohash they have.
const HASHES_KEPT: usize = 4_000;

/// Who watches what.
#[derive(Debug)]
pub(super) struct Book {
    meters: Meters,
    /// The present core.
    build: u64,
    viewers_counted: u64,
    channels_counted: u64,
    channels: BTreeMap<Content, Arc<Channel>>,
    viewers: BTreeMap<ViewerId, Viewer>,
    listed: Sources,
    /// Where the sessions are read that are open.
    sources: BTreeMap<SessionRef, Arc<Source>>,
    hashes: BTreeMap<Content, Arc<str>>,
    hashes_in_order: VecDeque<Content>,
    news: News,
    /// Acefleet exits.
    ended: bool,
}

/// Somebody who watches.
#[derive(Debug)]
struct Viewer {
    channel: Arc<Channel>,
    seat: SeatRef,
    /// What the core was told that he wants.
    source: Content,
}

impl Book {
    /// Nobody watches.
    pub(super) fn new(meters: Meters, listed: Sources) -> Self {
        Self {
            meters,
            build: 0,
            viewers_counted: 0,
            channels_counted: 0,
            channels: BTreeMap::new(),
            viewers: BTreeMap::new(),
            listed,
            sources: BTreeMap::new(),
            hashes: BTreeMap::new(),
            hashes_in_order: VecDeque::new(),
            news: News::default(),
            ended: false,
        }
    }

    /// A viewer comes.
    pub(super) fn join(
        &mut self,
        proxy: &Arc<Proxy>,
        content: &Content,
        connection: Connection,
    ) -> Result<(Arc<Channel>, SeatRef), Refusal> {
        if self.ended {
            return Err(Refusal::exit());
        }
        // Whoever has left counts until the core knows: so nothing grows while it cannot be told.
        if self.viewers.len() + self.news.leaving() >= proxy.chosen.viewers_max {
            return Err(Refusal::too_many("PROXY_MAX_VIEWERS viewers"));
        }
        let channel = match self.find(content) {
            Some(channel) => channel,
            None if self.channels.len() >= proxy.chosen.channels_max => {
                return Err(Refusal::too_many("PROXY_MAX_CHANNELS channels"));
            }
            None if proxy.room(self.channels.len() + 1)
                < CHANNEL_BYTES_MIN.min(proxy.chosen.buffer_bytes) =>
            {
                return Err(Refusal::too_many("as many channels as PROXY_MEMORY_MIB has room for"));
            }
            None => {
                self.channels_counted += 1;
                let content = self.listed.channel_of(content);
                let channel = Channel::begin(proxy.clone(), self.channels_counted, content.clone());
                self.channels.insert(content, channel.clone());
                self.meters.channels.inc();
                channel
            }
        };
        self.viewers_counted += 1;
        let viewer = ViewerId(self.viewers_counted);
        let seat = channel.seat(viewer, proxy.clock.now(), connection);
        let source = self.listed.now(channel.content());
        self.news.came(viewer, source.clone(), channel.shows_another(self.build));
        self.viewers.insert(viewer, Viewer { channel: channel.clone(), seat: seat.clone(), source });
        self.meters.viewers.inc();
        Ok((channel, seat))
    }

    /// The channel that shows this, by whatever name.
    pub(super) fn find(&self, content: &Content) -> Option<Arc<Channel>> {
        if let Some(channel) = self.channels.get(&self.listed.channel_of(content)) {
            return Some(channel.clone());
        }
        let hash = match content.kind {
            KeyType::Infohash => &content.key,
            KeyType::ContentId | KeyType::Url | KeyType::Magnet => self.hashes.get(content)?,
        };
        let same = |channel: &&Arc<Channel>| {
            self.hash_of(self.listed.played(channel.content()).unwrap_or(channel.content())) == Some(hash)
        };
        self.channels.values().find(same).cloned()
    }

    fn hash_of<'a>(&'a self, content: &'a Content) -> Option<&'a Arc<str>> {
        match content.kind {
            KeyType::Infohash => Some(&content.key),
            KeyType::ContentId | KeyType::Url | KeyType::Magnet => self.hashes.get(content),
        }
    }

    /// A viewer has gone, or nobody sends him anything any more.
    pub(super) fn leave(&mut self, viewer: ViewerId) {
        if let Some(Viewer { channel, .. }) = self.viewers.remove(&viewer) {
            channel.unseat(viewer);
            self.meters.viewers.dec();
            self.news.left(viewer);
        }
    }

    /// The core cannot serve a viewer, and has forgotten him. Where a channel has another source, he wants that.
    pub(super) fn refuse(&mut self, viewer: ViewerId, refusal: Refusal) {
        self.news.refused(viewer);
        if refusal.because == Because::CannotBePlayed
            && let Some(known) = self.viewers.get_mut(&viewer)
            && let Some(next) = self.listed.failed(known.channel.content(), &known.source)
        {
            let sees = known.channel.has_begun();
            known.source = next.clone();
            return self.news.came(viewer, next, sees);
        }
        if let Some(Viewer { channel, seat, .. }) = self.viewers.remove(&viewer) {
            self.meters.refused(refusal.because.word());
            seat.end(Ending::Refused(refusal));
            channel.unseat(viewer);
            self.meters.viewers.dec();
        }
    }

    /// An engine has opened a session. False if the core that wanted it is no more.
    pub(super) fn opened(&mut self, session: SessionRef, source: Source) -> bool {
        if session.build != self.build {
            return false;
        }
        if self.sources.len() >= SESSIONS_KEPT {
            self.sources.pop_first();
        }
        self.sources.insert(session, Arc::new(source));
        true
    }

    /// A viewer is sent this session from now on, and with him everybody who watches the same channel.
    pub(super) fn route(&mut self, viewer: ViewerId, build: u64, session: Option<SessionRef>) {
        let Some(Viewer { channel, source: asked, .. }) = self.viewers.get(&viewer) else { return };
        let (channel, asked) = (channel.clone(), asked.clone());
        let Some(session) = session else { return channel.route(build, None) };
        // One that has broken is not known any more; the core has been told, or will be.
        let Some(source) = self.sources.get(&session).cloned() else { return };
        if let Some(hash) = &source.infohash {
            self.learn(asked, hash.clone());
        }
        channel.route(build, Some((session, source)));
    }

    fn learn(&mut self, content: Content, hash: Arc<str>) {
        if content.kind == KeyType::Infohash || self.hashes.contains_key(&content) {
            return;
        }
        if self.hashes.len() >= HASHES_KEPT
            && let Some(oldest) = self.hashes_in_order.pop_front()
        {
            self.hashes.remove(&oldest);
        }
        self.hashes_in_order.push_back(content.clone());
        self.hashes.insert(content, hash);
    }

    /// Nobody is to be sent this session any more.
    pub(super) fn release(&mut self, session: SessionRef) {
        self.sources.remove(&session);
        self.channels.values().for_each(|channel| channel.release(session));
    }

    /// A channel says something of the session that it reads.
    pub(super) fn say(&mut self, session: SessionRef, word: Word) {
        if word == Word::Broke {
            self.sources.remove(&session);
        }
        if session.build == self.build {
            self.news.of_session(session, word);
        }
    }

    /// A channel is delivered.
    pub(super) fn works(&mut self, channel: &Content) {
        self.listed.worked(channel);
    }

    /// There is a new core, which does not know of these sessions of the one before it.
    pub(super) fn begin(&mut self, build: u64) -> Vec<Arc<Source>> {
        self.build = build;
        self.news.forget();
        for (id, viewer) in &self.viewers {
            self.news.came(*id, viewer.source.clone(), viewer.channel.shows_another(build));
        }
        std::mem::take(&mut self.sources).into_values().collect()
    }

    pub(super) fn has_nothing_to_tell(&self) -> bool {
        self.news.is_empty()
    }

    pub(super) fn next_news(&mut self) -> Option<Event> {
        self.news.next(self.build)
    }

    /// A channel that nobody watches closes.
    pub(super) fn close(&mut self, channel: &Arc<Channel>) -> bool {
        if channel.is_watched() {
            return false;
        }
        self.remove(channel);
        true
    }

    /// Everybody is cut off, and nobody is let in.
    pub(super) fn end(&mut self) {
        self.ended = true;
        self.viewers.values().for_each(|viewer| viewer.seat.end(Ending::Refused(Refusal::exit())));
    }

    /// A channel is at fault, and everybody who watches it is cut off.
    pub(super) fn abandon(&mut self, channel: &Arc<Channel>) {
        self.remove(channel);
        let watch = |viewer: &Viewer| Arc::ptr_eq(&viewer.channel, channel);
        let cut: Vec<_> =
            self.viewers.iter().filter(|(_, viewer)| watch(viewer)).map(|(id, _)| *id).collect();
        for id in cut {
            if let Some(viewer) = self.viewers.get(&id) {
                let refusal = Refusal::mistake();
                self.meters.refused(refusal.because.word());
                viewer.seat.end(Ending::Refused(refusal));
            }
            self.leave(id);
        }
    }

    fn remove(&mut self, channel: &Arc<Channel>) {
        let same = self.channels.get(channel.content()).is_some_and(|other| Arc::ptr_eq(other, channel));
        if same {
            self.channels.remove(channel.content());
            self.listed.ended(channel.content());
            self.meters.channels.dec();
        }
    }

    /// How many channels there are.
    pub(super) fn count(&self) -> usize {
        self.channels.len()
    }

    /// Every channel, in the order in which they began.
    pub(super) fn channels(&self) -> Vec<Arc<Channel>> {
        let mut channels: Vec<_> = self.channels.values().cloned().collect();
        channels.sort_by_key(|channel| channel.number());
        channels
    }
}
