//! A session on an engine, as the data plane sees it: where it is read, and reading it.
//!
//! It reads what is there and says how that ended. It retries nothing: who reads what is decided elsewhere.

use crate::dial::{Ways, Whom};
use crate::http::{self, Request, Streaming};
use bytes::Bytes;
use control::ids::{ContainerId, SessionId};
use futures_util::stream::{self, BoxStream, Stream, StreamExt};
use hyper::header::{HeaderName, HeaderValue};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// How long an engine may take to begin its answer. The core gives up a session that delivers nothing long before.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);

/// How long an engine may send nothing of a file: it may have to look for the part that is wanted, but not for ever.
pub(super) const FILE_SILENCE_MAX: Duration = Duration::from_secs(60);

/// A session's name: each core counts its own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct SessionRef {
    /// Which core opened it.
    pub build: u64,
    /// What that core calls it.
    pub id: SessionId,
}

/// Where a session is read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Source {
    /// The engine.
    pub engine: ContainerId,
    /// Where it is reached.
    pub whom: Whom,
    /// Path and query of the stream.
    pub path: String,
    /// What it plays, by the name that is the same however it was asked for.
    pub infohash: Option<Arc<str>>,
    /// The engine's name for the session.
    pub playback_session_id: Arc<str>,
    /// Path and query of what the engine says of it.
    pub stat_path: Arc<str>,
    /// Path and query at which the engine is told what to do with it.
    pub command_path: Arc<str>,
    /// It is live, and no file.
    pub is_live: bool,
}

/// Why a session is not read any further.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(super) enum Broken {
    /// There is no connection.
    #[error("{0}")]
    Unreachable(String),
    /// The engine says no.
    #[error("the engine answers {0}")]
    Status(u16),
    /// It took too long to begin.
    #[error("the engine does not begin to answer")]
    Late,
    /// It has sent nothing for too long.
    #[error("the engine sends nothing any more")]
    Silent,
    /// The connection broke.
    #[error("{0}")]
    Cut(String),
    /// Its viewer was told to expect packets before anything was known of it. When he asks again he is given it as it
    /// is.
    #[error("it is a file of another kind than was promised before that was known; ask again")]
    NoPackets,
    /// The engine has ended it.
    #[error("the engine has ended it")]
    Ended,
}

impl Broken {
    /// The session itself is at fault, and not only what was wanted of it: a part that nobody has is no reason to take
    /// the others from those who read them.
    pub(super) const fn is_for_all(&self) -> bool {
        !matches!(self, Self::Silent | Self::NoPackets)
    }
}

/// What a session delivers, piece by piece; its last piece is how it ended.
pub(super) type Pieces = BoxStream<'static, Result<Bytes, Broken>>;

/// Begins to read a session. Nothing happens before the first piece is asked for.
pub(super) fn read(ways: Arc<Ways>, source: Arc<Source>) -> Pieces {
    enum At {
        Beginning(Arc<Ways>, Arc<Source>),
        Within(Streaming),
        End,
    }
    let pieces = stream::unfold(At::Beginning(ways, source), |mut at| async move {
        loop {
            at = match at {
                At::Beginning(ways, source) => match request(&ways, &source, None).await {
                    Ok(body) if body.status == 200 => At::Within(body),
                    Ok(body) => return Some((Err(Broken::Status(body.status)), At::End)),
                    Err(broken) => return Some((Err(broken), At::End)),
                },
                At::Within(mut body) => match body.next().await {
                    Ok(Some(piece)) if piece.is_empty() => At::Within(body),
                    Ok(Some(piece)) => return Some((Ok(piece), At::Within(body))),
                    Ok(None) => return Some((Err(Broken::Ended), At::End)),
                    Err(failure) => return Some((Err(Broken::Cut(failure.to_string())), At::End)),
                },
                At::End => return None,
            };
        }
    });
    pieces.boxed()
}

/// The same of a file, which nobody watches over: its engine may not be silent for too long.
pub(super) fn read_file(ways: Arc<Ways>, source: Arc<Source>) -> Pieces {
    attended(read(ways, source)).boxed()
}

/// Ends what an engine delivers when it has sent nothing for too long, although it was asked.
pub(super) fn attended<T: Send + 'static>(
    pieces: impl Stream<Item = Result<T, Broken>> + Send + Unpin + 'static,
) -> impl Stream<Item = Result<T, Broken>> + Send {
    stream::unfold(Some(pieces), |pieces| async move {
        let mut pieces = pieces?;
        match timeout(FILE_SILENCE_MAX, pieces.next()).await {
            Ok(piece) => Some((piece?, Some(pieces))),
            Err(_) => Some((Err(Broken::Silent), None)),
        }
    })
}

/// Asks an engine for a session's stream, or for a part of it, and waits for the head of its answer.
pub(super) async fn request(
    ways: &Ways,
    source: &Source,
    range: Option<(HeaderName, HeaderValue)>,
) -> Result<Streaming, Broken> {
    let stream = ways.connect(&source.whom).await;
    let stream = stream.map_err(|error| Broken::Unreachable(error.to_string()))?;
    let mut request = Request::get(format!("{}:{}", source.whom.container, source.whom.port), &source.path);
    request.headers.extend(range);
    let opened = timeout(HEAD_TIMEOUT, http::open(stream, request)).await;
    opened.map_err(|_| Broken::Late)?.map_err(|failure| Broken::Cut(failure.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_engine_that_sends_nothing_more_of_a_file_is_not_waited_for_for_ever() {
        let pieces = stream::iter([Ok("a piece")]).chain(stream::pending());
        let began = tokio::time::Instant::now();
        let read: Vec<_> = attended(pieces.boxed()).collect().await;
        assert_eq!(read, [Ok("a piece"), Err(Broken::Silent)]);
        assert_eq!(began.elapsed(), FILE_SILENCE_MAX);
    }
}
