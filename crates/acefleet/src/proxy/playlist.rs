//! HLS: viewers who fetch a channel in segments, each with a token, because they have no connection that stays.
//!
//! Segments are cut from the channel's one buffer. A viewer who has fetched nothing for a while has left.

use super::channel::Channel;
use super::viewer::{Connection, Ending, Refusal, Watching};
use super::{Proxy, SeatRef};
use bytes::Bytes;
use control::command::Content;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::timeout;

/// A playlist waits so long for its first segment; then its player asks again.
const FIRST_SEGMENT_WAITS: Duration = Duration::from_secs(8);

/// Everybody who fetches segments, by his token.
#[derive(Default, Debug)]
pub(super) struct Playlists {
    open: Mutex<BTreeMap<String, Arc<Fetcher>>>,
    keys: [RandomState; 2],
}

/// Somebody who fetches segments.
#[derive(Debug)]
struct Fetcher {
    watching: Watching,
    /// Held by the one request that waits for a playlist: his seat wakes nobody else.
    turn: tokio::sync::Mutex<()>,
}

/// What a playlist shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Listing {
    /// Segments.
    Live(String),
    /// Nothing: it is a file, which is read otherwise.
    File(Content),
    /// Nothing yet.
    Nothing,
}

impl Playlists {
    fn open(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Fetcher>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.open().is_empty()
    }

    /// Nobody guesses it: it is drawn from keys that the system gave.
    fn token(&self, viewer: u64) -> String {
        self.keys.iter().map(|keys| format!("{:016x}", keys.hash_one(viewer))).collect()
    }

    /// Whoever has fetched nothing for so long has left.
    pub(super) fn expire(&self, idle: Duration) {
        self.keep(|watching| watching.seat().idle() < idle);
    }

    /// A channel is over: nobody fetches it any more.
    pub(super) fn close(&self, channel: &Arc<Channel>) {
        self.keep(|watching| !Arc::ptr_eq(watching.channel(), channel));
    }

    fn keep(&self, stays: impl Fn(&Watching) -> bool) {
        let mut gone = Vec::new();
        self.open().retain(|_, fetcher| {
            let stays = stays(&fetcher.watching);
            if !stays {
                gone.push(fetcher.clone());
            }
            stays
        });
        // Outside of the lock: whoever leaves is written down.
        drop(gone);
    }
}

impl Proxy {
    /// A viewer comes who fetches segments, and gets a token. What is known in time to be in vain is told.
    pub async fn open_playlist(
        self: &Arc<Self>,
        content: &Content,
        client: Connection,
    ) -> Result<String, Refusal> {
        let watching = self.join(content, client)?.hold_back().await?;
        let seat = watching.seat().clone();
        // Before they are cut: for nobody they are not.
        seat.fetches();
        watching.channel().cut_segments(self);
        let token = self.playlists.token(seat.id.0);
        let fetcher = Fetcher { watching, turn: tokio::sync::Mutex::default() };
        self.playlists.open().insert(token.clone(), Arc::new(fetcher));
        // His channel may have come to its end meanwhile, and with it who fetched it then.
        match seat.ending() {
            Some(Ending::Refused(refusal)) => {
                let gone = self.playlists.open().remove(&token);
                drop(gone);
                Err(refusal.clone())
            }
            Some(Ending::Cut) | None => Ok(token),
        }
    }

    /// What a viewer's playlist shows now; the first time that is waited for. Nothing, if nobody has this token.
    pub async fn playlist(&self, token: &str) -> Option<Result<Listing, Refusal>> {
        let fetcher = self.fetching(token)?;
        let (channel, seat) = (fetcher.watching.channel(), fetcher.watching.seat());
        let listed = async {
            let _turn = fetcher.turn.lock().await;
            poll_fn(|context| poll_listed(channel, seat, context)).await
        };
        let listed = timeout(FIRST_SEGMENT_WAITS, listed).await.unwrap_or(Ok(Listing::Nothing));
        if listed.is_err() {
            let gone = self.playlists.open().remove(token);
            drop(gone);
        }
        Some(listed)
    }

    /// A segment's parts, if it is kept and somebody has this token who is served.
    pub fn segment(&self, token: &str, number: u64) -> Option<Vec<Bytes>> {
        let fetcher = self.fetching(token).filter(|fetcher| fetcher.watching.seat().ending().is_none())?;
        let parts = fetcher.watching.channel().segment(number)?;
        fetcher.watching.given(parts.iter().map(Bytes::len).sum());
        Some(parts)
    }

    fn fetching(&self, token: &str) -> Option<Arc<Fetcher>> {
        let fetcher = self.playlists.open().get(token).cloned()?;
        fetcher.watching.seat().took(0);
        Some(fetcher)
    }
}

fn poll_listed(channel: &Channel, seat: &SeatRef, context: &Context<'_>) -> Poll<Result<Listing, Refusal>> {
    seat.register(context.waker());
    match (seat.ending(), channel.file(), channel.playlist()) {
        (Some(Ending::Refused(refusal)), ..) => Poll::Ready(Err(refusal.clone())),
        (_, Some(_), _) => Poll::Ready(Ok(Listing::File(channel.content().clone()))),
        (_, None, Some(list)) => Poll::Ready(Ok(Listing::Live(list))),
        (_, None, None) => Poll::Pending,
    }
}
