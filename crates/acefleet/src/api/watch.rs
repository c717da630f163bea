//! Where players come in: `/ace/getstream` as an engine has it, and `/ace/status` as acexy answers it.
//!
//! What a player asks for is read here and told to the data plane; what comes of it becomes a status, headers and a
//! body. Which engine plays it is nobody's business here.

use super::Api;
use super::error::{Failure, Problem};
use super::extract::QUERY_MAX_BYTES;
use super::read::cut;
use crate::playlist::content;
use crate::proxy::{Because, Connection, Framing, Refusal, Showing};
use axum::body::Body;
use axum::extract::{Extension, RawQuery, State};
use axum::http::header::{ACCEPT_RANGES, CONTENT_TYPE, RANGE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Version};
use axum::response::Response;
use control::command::Content;
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;

#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "it describes what is read by hand")]
pub(super) struct WatchQuery {
    /// A content id: 40 hexadecimal digits. Exactly one of these five is wanted.
    id: Option<String>,
    /// The same.
    content_id: Option<String>,
    /// An infohash: 40 hexadecimal digits.
    infohash: Option<String>,
    /// A transport file's address.
    url: Option<String>,
    /// A magnet link.
    magnet: Option<String>,
}

/// Watches a channel: MPEG-TS for as long as the connection lasts. A file is delivered with ranges.
#[utoipa::path(get, path = "/ace/getstream", tag = "watching", params(WatchQuery),
    responses((status = 200, body = Vec<u8>, content_type = "video/mp2t"),
        (status = 206, body = Vec<u8>, content_type = "video/mp2t", description = "A part of a file"),
        (status = 400, body = Failure, description = "Nothing that can be played is named"),
        (status = 404, body = Failure, description = "No engine can play it"),
        (status = 502, body = Failure, description = "The engine that was to play it does not deliver"),
        (status = 503, body = Failure, description = "There is no room for it; Retry-After says when to try again")))]
pub(super) async fn get_stream(
    State(api): State<Api>,
    method: Method,
    RawQuery(query): RawQuery,
    connection: Option<Extension<Connection>>,
    version: Version,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let content = wanted(query.as_deref().unwrap_or_default())?;
    if method == Method::HEAD {
        // Nothing is opened for somebody who only asks what it would be.
        return Ok(video(StatusCode::OK, Body::empty()));
    }
    let Extension(connection) = connection.unwrap_or_default();
    let joined = api.parts.proxy.join(&content, connection).map_err(refused)?;
    let showing = joined.settle(headers.get(RANGE).cloned()).await.map_err(refused)?;
    Ok(match showing {
        Showing::Live(live) => video(StatusCode::OK, Body::new(live.framed(Framing::of(version)))),
        Showing::File(file) => {
            let status = StatusCode::from_u16(file.status).unwrap_or(StatusCode::OK);
            let told = file.headers.clone();
            let mut response = video(status, Body::new(file));
            response.headers_mut().insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
            // What the engine says of its file holds instead.
            for (name, value) in told {
                response.headers_mut().insert(name, value);
            }
            response
        }
    })
}

fn video(status: StatusCode, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("video/mp2t"));
    response
}

/// How the proxy is, as acexy tells it.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema, Debug)]
pub(super) struct WatchStatus {
    /// How many streams there are; only if none is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    streams: Option<usize>,
    /// How many watch the stream that is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    clients: Option<usize>,
    /// What it was asked for by.
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_id: Option<String>,
    /// Where its engine tells how it is; empty while it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    stat_url: Option<String>,
}

/// How many streams there are; or, if one is named, how many watch it.
#[utoipa::path(get, path = "/ace/status", tag = "watching", params(WatchQuery),
    responses((status = 200, body = WatchStatus), (status = 400, body = Failure), (status = 404, body = Failure)))]
pub(super) async fn get_watch_status(
    State(api): State<Api>,
    RawQuery(query): RawQuery,
) -> Result<axum::Json<WatchStatus>, Problem> {
    let query = query.unwrap_or_default();
    let nothing = WatchStatus { streams: None, clients: None, stream_id: None, stat_url: None };
    if query.is_empty() {
        let streams = Some(api.parts.proxy.count());
        return Ok(axum::Json(WatchStatus { streams, ..nothing }));
    }
    let content = wanted(&query)?;
    let Some((clients, source)) = api.parts.proxy.glance(&content) else {
        return Err(Problem::not_found(format!("nobody watches '{}'", cut(&content.key))));
    };
    let stat_url = source
        .map(|source| format!("http://{}:{}{}", source.whom.container, source.whom.port, source.stat_path));
    Ok(axum::Json(WatchStatus {
        clients: Some(clients),
        stream_id: Some(content.key.to_string()),
        stat_url: Some(stat_url.unwrap_or_default()),
        ..nothing
    }))
}

/// A failure to serve a viewer, as a status that says whose it is.
pub(super) fn refused(refusal: Refusal) -> Problem {
    let status = match refusal.because {
        Because::CannotBePlayed => StatusCode::NOT_FOUND,
        Because::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Because::Faulty => StatusCode::BAD_GATEWAY,
    };
    let seconds = (refusal.retry_after + Duration::from_millis(999)).as_secs().max(1);
    Problem::new(status, refusal.why).retry_after(seconds)
}

/// What is to be played.
pub(super) fn wanted(query: &str) -> Result<Content, Problem> {
    if query.len() > QUERY_MAX_BYTES {
        let message = format!("the query is longer than {QUERY_MAX_BYTES} bytes");
        return Err(Problem::new(StatusCode::URI_TOO_LONG, message));
    }
    if url::form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name == "pid") {
        return Err(bad("leave 'pid' out: every connection is a viewer of its own already"));
    }
    content::of_query(query).map_err(|what| bad(&what))
}

fn bad(message: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use control::command::KeyType;

    const ID: &str = "0123456789abcdef0123456789ABCDEF01234567";

    fn status(query: &str) -> StatusCode {
        wanted(query).expect_err("it is refused").status()
    }

    fn key(query: &str) -> (KeyType, String) {
        let content = wanted(query).expect("it is fine");
        (content.kind, content.key.to_string())
    }

    #[test]
    fn an_id_is_the_same_however_it_is_written() {
        let same = (KeyType::ContentId, ID.to_ascii_lowercase());
        for query in [format!("id={ID}"), format!("content_id={ID}&format=x"), format!("id=acestream://{ID}")]
        {
            assert_eq!(key(&query), same);
        }
        assert_eq!(key(&format!("infohash={ID}")), (KeyType::Infohash, ID.to_ascii_lowercase()));
    }

    #[test]
    fn links_are_taken_as_they_are() {
        let magnet = format!("magnet:?xt=urn:btih:{ID}&dn=a");
        let escaped: String = url::form_urlencoded::byte_serialize(magnet.as_bytes()).collect();
        assert_eq!(key(&format!("magnet={escaped}")), (KeyType::Magnet, magnet));
        let link = "http://example.org/A.acelive";
        assert_eq!(key(&format!("url={link}")), (KeyType::Url, link.to_owned()));
    }

    #[test]
    fn what_names_nothing_or_too_much_is_refused() {
        let two = format!("id={ID}&infohash={ID}");
        let pid = format!("id={ID}&pid=1");
        for query in ["", "id=", "id=123", "infohash=xyz", "url=file:///etc/passwd", "magnet=a", &two, &pid] {
            assert_eq!(status(query), StatusCode::BAD_REQUEST, "{query}");
        }
        assert_eq!(status(&format!("id={}", "a".repeat(QUERY_MAX_BYTES))), StatusCode::URI_TOO_LONG);
    }
}
