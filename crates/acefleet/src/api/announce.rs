//! Streams of other programs: what they tell of sessions that they have opened and closed.
//!
//! The host that a caller names is neither compared nor dialled; of its URLs the port, path and query are
//! kept.

use super::Api;
use super::ask::{Answer, ask, unexpected};
use super::error::{Failure, Problem};
use super::extract::{Json, bounded, check_pairs, checked_port};
use super::wire::container::engine_meant;
use super::wire::requests::{Ended, KeyTypeWord, StreamEnded, StreamStarted};
use super::wire::stream::StreamState;
use axum::extract::State;
use control::command::{Content, KeyType};
use control::ids::ContainerId;
use control::request::{Announcement, Ending, Reply, Request, UrlTail};
use std::sync::Arc;

/// The longest name of something that is played: a magnet link or a URL.
const KEY_MAX_BYTES: usize = 4 * 1024;
/// The longest name of a session.
const SESSION_MAX_BYTES: usize = 1_024;
/// The longest id of a stream: it may be made of both.
const STREAM_ID_MAX_BYTES: usize = KEY_MAX_BYTES + SESSION_MAX_BYTES;
/// The longest URL.
const URL_MAX_BYTES: usize = 4 * 1024;
/// The longest reason.
const REASON_MAX_BYTES: usize = 1_024;

/// Tells that a session was opened on an engine. The host that the caller names is neither compared nor
/// dialled.
#[utoipa::path(post, path = "/events/stream_started", tag = "streams", request_body = StreamStarted,
    responses((status = 200, body = StreamState), (status = 404, body = Failure),
        (status = 422, body = Failure),
        (status = 503, body = Failure)))]
pub(super) async fn stream_started(
    State(api): State<Api>,
    Json(body): Json<StreamStarted>,
) -> Answer<StreamState> {
    let announcement = announcement(&api, body)?;
    match ask(&api, Request::StreamStarted(Box::new(announcement))).await? {
        Reply::Stream(view) => Ok(axum::Json(StreamState::of(&api.picture().snapshot, &view))),
        Reply::NotFound => Err(Problem::not_found(
            "no engine has that port; GET /engines?all=true lists the engines and their ports",
        )),
        other => Err(unexpected(&other)),
    }
}

/// Tells that a stream is over. It may come before its beginning, twice, or never.
#[utoipa::path(post, path = "/events/stream_ended", tag = "streams", request_body = StreamEnded,
    responses((status = 200, body = Ended), (status = 422, body = Failure)))]
pub(super) async fn stream_ended(State(api): State<Api>, Json(body): Json<StreamEnded>) -> Answer<Ended> {
    let stream_id = body.stream_id.filter(|id| !id.is_empty());
    bounded("stream_id", stream_id.as_deref().unwrap_or_default(), STREAM_ID_MAX_BYTES)?;
    bounded("reason", body.reason.as_deref().unwrap_or_default(), REASON_MAX_BYTES)?;
    let ending = Ending {
        container_id: container_told(&api, body.container_id.as_ref()),
        stream_id: stream_id.map(Arc::from),
        reason: body.reason.filter(|reason| !reason.is_empty()).map(Arc::from),
    };
    match ask(&api, Request::StreamEnded(ending)).await? {
        Reply::Ended { updated, stream } => {
            let picture = api.picture();
            let stream = stream.map(|view| StreamState::of(&picture.snapshot, &view));
            Ok(axum::Json(Ended { updated, stream }))
        }
        other => Err(unexpected(&other)),
    }
}

fn announcement(api: &Api, body: StreamStarted) -> Result<Announcement, Problem> {
    let StreamStarted { container_id, engine, stream, session, labels } = body;
    bounded("stream.key", &stream.key, KEY_MAX_BYTES)?;
    if stream.key.is_empty() {
        return Err(Problem::invalid("stream.key is empty"));
    }
    bounded("session.playback_session_id", &session.playback_session_id, SESSION_MAX_BYTES)?;
    let labels = labels.unwrap_or_default();
    check_pairs("labels", &labels)?;
    let stream_id = labels.get("stream_id").filter(|id| !id.is_empty());
    bounded("labels.stream_id", stream_id.map_or("", String::as_str), STREAM_ID_MAX_BYTES)?;
    Ok(Announcement {
        container_id: container_told(api, container_id.as_ref()),
        port: Some(checked_port("engine.port", engine.port)?),
        content: Content {
            kind: match stream.key_type {
                KeyTypeWord::ContentId => KeyType::ContentId,
                KeyTypeWord::Infohash => KeyType::Infohash,
                KeyTypeWord::Url => KeyType::Url,
                KeyTypeWord::Magnet => KeyType::Magnet,
            },
            key: stream.key.into(),
        },
        playback_session_id: session.playback_session_id.into(),
        stat: url_tail("session.stat_url", session.stat_url.as_deref())?,
        command: url_tail("session.command_url", session.command_url.as_deref())?,
        is_live: session.is_live.is_live(),
        stream_id: stream_id.map(|id| Arc::from(id.as_str())),
    })
}

/// The engine that a caller names by its container, if it names one of ours. Whatever else it says may be its
/// own container, or anything.
fn container_told(api: &Api, told: Option<&serde_json::Value>) -> Option<ContainerId> {
    let text = told?.as_str()?;
    engine_meant(&api.picture().snapshot, text).map(|view| view.container_id)
}

/// What is kept of a URL: its port, and path and query. The host is not looked at.
fn url_tail(what: &str, url: Option<&str>) -> Result<Option<UrlTail>, Problem> {
    let Some(text) = url.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    bounded(what, text, URL_MAX_BYTES)?;
    let wrong = || Problem::invalid(format!("{what} is no http URL of the engine"));
    let url = url::Url::parse(text).map_err(|_| wrong())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong());
    }
    let port = url.port_or_known_default().ok_or_else(wrong)?;
    let path = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    Ok(Some(UrlTail { port, path: path.into() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_url_its_port_and_path_and_query_are_kept_and_its_host_is_not() {
        let tail = url_tail("stat_url", Some("http://evil.example:19000/ace/stat/a/b?x=1")).unwrap().unwrap();
        assert_eq!((tail.port, &*tail.path), (19_000, "/ace/stat/a/b?x=1"));
        let tail = url_tail("stat_url", Some("http://h:19000/ace/../etc/passwd")).unwrap().unwrap();
        assert_eq!(&*tail.path, "/etc/passwd");
        assert_eq!(url_tail("stat_url", Some(" ")).unwrap(), None);
        assert!(url_tail("stat_url", Some("file:///ace/x")).is_err());
        assert!(url_tail("stat_url", Some("/ace/x")).is_err());
    }
}
