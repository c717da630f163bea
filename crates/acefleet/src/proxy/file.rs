//! A file, which each of its viewers reads from the engine for himself, as far as he wants to: what the engine answers,
//! with its ranges. Nothing of it is kept.

use super::news::Word;
use super::session::{self, Source};
use super::viewer::BodyError;
use super::{Refusal, SessionRef, Watching};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Body, Frame};
use hyper::header::{self, HeaderName, HeaderValue};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// What of an engine's head is passed on.
const HEADERS: [HeaderName; 4] =
    [header::CONTENT_TYPE, header::CONTENT_LENGTH, header::CONTENT_RANGE, header::ACCEPT_RANGES];

/// What an engine says of a file.
type Headers = Vec<(HeaderName, HeaderValue)>;
type Pieces = UnsyncBoxBody<Bytes, session::Broken>;

/// A file that a viewer reads.
pub struct File {
    /// The status code: 200, 206 or 416.
    pub status: u16,
    /// What the engine says of it: type, length, range.
    pub headers: Headers,
    watching: Watching,
    session: SessionRef,
    pieces: Pieces,
}

impl std::fmt::Debug for File {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("File").field("status", &self.status).finish_non_exhaustive()
    }
}

/// Not the beginning is wanted. Players that do not know yet what they get ask for everything from byte 0 on.
pub(super) fn is_later_part(range: &HeaderValue) -> bool {
    !range.to_str().is_ok_and(|range| range.trim().starts_with("bytes=0-"))
}

impl File {
    /// Asks the engine for it, or for a part of it.
    pub(super) async fn open(
        watching: Watching,
        session: SessionRef,
        source: &Source,
        range: Option<HeaderValue>,
    ) -> Result<Self, Refusal> {
        let (proxy, is_part) = (watching.proxy(), range.is_some());
        let asked = ask(&watching, source, range).await;
        // A file has nobody else who could tell. That there is no such part of it says nothing about the rest.
        match &asked {
            Ok(_) => proxy.say(session, Word::Spoke),
            Err(_) if is_part => {}
            Err(_) => proxy.say(session, Word::Broke),
        }
        let asked = asked.inspect_err(|refusal| proxy.meters.refused(refusal.because.word()));
        let (status, headers, pieces) = asked?;
        Ok(Self { status, headers, watching, session, pieces })
    }
}

async fn ask(
    watching: &Watching,
    source: &Source,
    range: Option<HeaderValue>,
) -> Result<(u16, Headers, Pieces), Refusal> {
    let range = range.map(|range| (header::RANGE, range));
    let streaming = session::request(&watching.proxy().ways, source, range).await;
    let streaming = streaming.map_err(|broken| Refusal::of_engine(&broken))?;
    let status = streaming.status;
    if !matches!(status, 200 | 206 | 416) {
        return Err(Refusal::of_engine(&session::Broken::Status(status)));
    }
    let known = |name| streaming.headers.get(&name).cloned().map(|value| (name, value));
    let headers = HEADERS.into_iter().filter_map(known).collect();
    let pieces = stream::unfold(streaming, |mut streaming| async move {
        let piece = streaming.next().await.transpose()?;
        Some((piece.map_err(|failure| session::Broken::Cut(failure.to_string())), streaming))
    });
    let pieces = session::attended(pieces.boxed()).map(|piece| piece.map(Frame::data));
    Ok((status, headers, StreamBody::new(pieces).boxed_unsync()))
}

impl Body for File {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let file = self.get_mut();
        if let Some(ending) = file.watching.seat().ending() {
            return Poll::Ready(Some(Err(ending.clone().into())));
        }
        let frame = ready!(Pin::new(&mut file.pieces).poll_frame(context));
        let frame = frame.map(|frame| frame.map_err(|broken| file.watching.lost(file.session, broken)));
        if let Some(bytes) = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()) {
            file.watching.given(bytes.len());
        }
        Poll::Ready(frame)
    }
}
