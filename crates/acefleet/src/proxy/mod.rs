//! The data plane: channels are read once and shown to any number of viewers.
//!
//! It obeys: which engine plays what is decided by the core, and comes here as routes to sessions. It outlives: while
//! a core that broke is rebuilt, channels go on reading what they read. Each channel has one task; each connection is a
//! viewer of its own, whoever sits behind it. What a viewer is sent are references into the channel's one buffer.

mod book;
mod channel;
mod file;
mod meters;
mod news;
mod outlet;
mod playlist;
mod session;
mod sources;
mod tape;
#[cfg(test)]
mod tests;
mod viewer;

pub use channel::{ChannelView, Phase};
pub use file::File;
pub use meters::Meters;
pub use outlet::{Framing, Outlet, ServerEnd};
pub use playlist::Listing;
pub use session::{SessionRef, Source};
pub use viewer::{Because, Connection, Ending, Joined, Live, Refusal, Showing, ViewerView, Watching};

use crate::dial::Ways;
use crate::driver::clock::Clock;
use crate::playlist::channels::Channels;
use crate::settings::ProxySettings;
use book::Book;
use channel::Channel;
use control::command::Content;
use control::ids::{SessionId, ViewerId};
use control::{Event, Message};
use playlist::Playlists;
use sources::Sources;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use viewer::Seat;

/// The data plane. Shared by the driver, which passes on what the core says, and by the API, where viewers come in.
#[derive(Debug)]
pub struct Proxy {
    chosen: ProxySettings,
    ways: Arc<Ways>,
    clock: Clock,
    meters: Meters,
    book: Mutex<Book>,
    playlists: Playlists,
    /// There is something that the core has not been told.
    untold: Notify,
}

impl Proxy {
    /// A data plane without viewers, which reaches engines by these ways, and plays the channels of the operator's list
    /// from whichever of their sources works.
    pub fn new(
        chosen: ProxySettings,
        listed: Option<Arc<Channels>>,
        ways: Arc<Ways>,
        meters: Meters,
    ) -> Arc<Self> {
        let book = Mutex::new(Book::new(meters.clone(), Sources::new(listed)));
        let (clock, playlists, untold) = (Clock::start(), Playlists::default(), Notify::new());
        Arc::new(Self { chosen, ways, clock, meters, book, playlists, untold })
    }

    // What the driver says and asks.

    /// An engine has opened a session; where it is read is not the core's business. False if the core that wanted it
    /// is no more, and so nobody will.
    pub fn opened(&self, build: u64, id: SessionId, source: Source) -> bool {
        self.book().opened(SessionRef { build, id }, source)
    }

    /// Passes on what the core says. Answers to requests are not for the data plane.
    pub fn hear(&self, build: u64, message: Message) {
        let mut book = self.book();
        match message {
            Message::Route { viewer, session } => {
                book.route(viewer, build, session.map(|id| SessionRef { build, id }));
            }
            Message::Refuse { viewer, because, why, retry_at } => {
                let retry_after = retry_at.since(self.clock.now());
                book.refuse(viewer, Refusal::told(because, why, retry_after));
            }
            Message::Release(id) => book.release(SessionRef { build, id }),
            Message::Answer { .. } => {}
        }
    }

    /// There is a new core, which knows of nobody: it will be told of every viewer. Of these sessions, which the one
    /// before it had opened, it will never hear; they are read until it has others.
    pub fn begin(&self, build: u64) -> Vec<Arc<Source>> {
        let unknown = self.book().begin(build);
        self.untold.notify_one();
        unknown
    }

    /// Waits until there is something to tell the core.
    pub async fn has_news(&self) {
        while self.book().has_nothing_to_tell() {
            self.untold.notified().await;
        }
    }

    /// The next thing to tell the core.
    pub fn next_news(&self) -> Option<Event> {
        self.book().next_news()
    }

    // What viewers ask.

    /// A viewer comes, and waits for what he is shown.
    pub fn join(self: &Arc<Self>, content: &Content, connection: Connection) -> Result<Joined, Refusal> {
        let joined = if self.chosen.enabled {
            self.book().join(self, content, connection)
        } else {
            Err(Refusal::disabled())
        };
        let (channel, seat) = joined.inspect_err(|refusal| self.meters.refused(refusal.because.word()))?;
        self.untold.notify_one();
        Ok(Joined::new(Watching::new(self.clone(), channel, seat), self.chosen.commit))
    }

    /// Acefleet exits: everybody is cut off, so that players try again, and nobody is let in.
    pub fn end(&self) {
        self.book().end();
    }

    /// The channel that shows this, by whatever name.
    pub fn channel(&self, content: &Content) -> Option<ChannelView> {
        let channel = self.book().find(content)?;
        Some(channel.view())
    }

    /// How many watch this, by whatever name, and where it is read; nothing if nobody does. Costs the same however many
    /// they are.
    pub fn glance(&self, content: &Content) -> Option<(usize, Option<Arc<Source>>)> {
        let channel = self.book().find(content)?;
        Some(channel.glance())
    }

    /// How long a viewer may take nothing of what is there for him.
    pub fn patience(&self) -> Duration {
        self.chosen.no_progress
    }

    /// How many channels there are.
    pub fn count(&self) -> usize {
        self.book().count()
    }

    /// How much memory there is for the buffer of each of so many channels.
    fn room(&self, channels: usize) -> usize {
        (self.chosen.memory_bytes / channels.max(1)).min(self.chosen.buffer_bytes)
    }

    fn leave(&self, viewer: ViewerId) {
        self.book().leave(viewer);
        self.untold.notify_one();
    }

    /// Every channel and who watches it, in the order in which they began.
    pub fn channels(&self) -> Vec<ChannelView> {
        let channels = self.book().channels();
        channels.iter().map(|channel| channel.view()).collect()
    }

    // What channels say.

    fn works(&self, channel: &Channel) {
        self.book().works(channel.content());
    }

    fn say(&self, session: SessionRef, word: news::Word) {
        self.book().say(session, word);
        self.untold.notify_one();
    }

    /// A channel that nobody watches closes, if that is still so.
    fn close(&self, channel: &Arc<Channel>) -> bool {
        let closed = self.book().close(channel);
        if closed {
            self.playlists.close(channel);
        }
        closed
    }

    /// A channel's task is at fault: whoever watches it is cut off, and may come again.
    fn abandon(&self, channel: &Arc<Channel>) {
        self.meters.breaks.inc();
        self.book().abandon(channel);
        self.playlists.close(channel);
        self.untold.notify_one();
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Names a viewer's seat for others in this folder.
type SeatRef = Arc<Seat>;
