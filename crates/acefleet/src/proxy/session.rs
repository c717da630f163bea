//! A session on an engine, as the data plane sees it: where it is read, and reading it.
//!
//! It reads what is there and says how that ended. It retries nothing: who reads what is decided elsewhere.

use crate::dial::{Ways, Whom};
use crate::http::{self, Request, Streaming};
use bytes::Bytes;
use control::ids::{ContainerId, SessionId};
use futures_util::stream::{self, BoxStream, StreamExt};
use hyper::header::{HeaderName, HeaderValue};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// How long an engine may take to begin its answer. The core gives up a session that delivers nothing long before.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);

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
    /// The connection broke.
    #[error("{0}")]
    Cut(String),
    /// The engine has ended it.
    #[error("the engine has ended it")]
    Ended,
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
