//! HLS for players that want it: `/ace/manifest.m3u8` as an engine has it, playlists and segments behind a token.

use super::Api;
use super::error::{Failure, Problem};
use super::extract::Id;
use super::read::cut;
use super::watch::{WatchQuery, refused, wanted};
use super::wire::stream::key_type_word;
use crate::proxy::{Connection, Listing};
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, RawQuery, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use std::convert::Infallible;

const PLAYLIST: HeaderValue = HeaderValue::from_static("application/vnd.apple.mpegurl");
const SEGMENT: HeaderValue = HeaderValue::from_static("video/mp2t");
/// A player that has asked in vain for its first segment asks again after so long.
const AGAIN_S: u64 = 1;

/// Watches a channel by HLS: leads to a playlist of one's own.
#[utoipa::path(get, path = "/ace/manifest.m3u8", tag = "watching", params(WatchQuery),
    responses((status = 200, description = "To HEAD, for which nothing is opened"),
        (status = 302, description = "The playlist is there"),
        (status = 400, body = Failure, description = "Nothing that can be played is named"),
        (status = 404, body = Failure, description = "No engine can play it"),
        (status = 502, body = Failure, description = "The engine that was to play it does not deliver"),
        (status = 503, body = Failure, description = "There is no room for it; Retry-After says when to try again")))]
pub(super) async fn get_manifest(
    State(api): State<Api>,
    method: Method,
    RawQuery(query): RawQuery,
    connection: Option<Extension<Connection>>,
) -> Result<Response, Problem> {
    let content = wanted(query.as_deref().unwrap_or_default())?;
    if method == Method::HEAD {
        return Ok(typed(PLAYLIST, Body::empty()));
    }
    // The connection ends with this answer, and he stays.
    let client = connection.unwrap_or_default().0.client;
    let connection = Connection { client, ..Connection::default() };
    let token = api.parts.proxy.open_playlist(&content, connection).await.map_err(refused)?;
    elsewhere(&format!("hls/{token}/index.m3u8"))
}

/// A viewer's playlist.
#[utoipa::path(get, path = "/ace/hls/{token}/index.m3u8", tag = "watching",
    params(("token" = String, Path, description = "What the manifest has led to")),
    responses((status = 200, body = String, content_type = "application/vnd.apple.mpegurl"),
        (status = 302, description = "It is a file, which is not cut into segments"),
        (status = 404, body = Failure, description = "Nobody has this token any more, or no engine can play it"),
        (status = 502, body = Failure, description = "The engine that was to play it does not deliver"),
        (status = 503, body = Failure, description = "There is no segment yet")))]
pub(super) async fn get_playlist(State(api): State<Api>, Id(token): Id) -> Result<Response, Problem> {
    let listing = api.parts.proxy.playlist(&token).await.ok_or_else(|| unknown(&token))?;
    match listing.map_err(refused)? {
        Listing::Live(list) => Ok(typed(PLAYLIST, Body::from(list))),
        Listing::File(content) => {
            let query = url::form_urlencoded::Serializer::new(String::new())
                .append_pair(key_type_word(content.kind), &content.key)
                .finish();
            elsewhere(&format!("../../getstream?{query}"))
        }
        Listing::Nothing => {
            Err(Problem::unavailable("there is no segment yet; ask again").retry_after(AGAIN_S))
        }
    }
}

/// A segment of a viewer's playlist.
#[utoipa::path(get, path = "/ace/hls/{token}/{segment}", tag = "watching",
    params(("token" = String, Path, description = "What the manifest has led to"),
        ("segment" = String, Path, description = "As the playlist has it")),
    responses((status = 200, body = Vec<u8>, content_type = "video/mp2t"),
        (status = 404, body = Failure, description = "It is not kept any more, or nobody has this token")))]
pub(super) async fn get_segment(
    State(api): State<Api>,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<Response, Problem> {
    let Path((token, segment)) = path.map_err(|rejection| Problem::invalid(rejection.body_text()))?;
    let number = segment.strip_suffix(".ts").and_then(|number| number.parse().ok());
    let parts = number.and_then(|number| api.parts.proxy.segment(&token, number));
    let parts = parts.ok_or_else(|| {
        Problem::not_found(format!("there is no segment '{}' for you any more", cut(&segment)))
    })?;
    let length: usize = parts.iter().map(Bytes::len).sum();
    let parts = parts.into_iter().map(Ok::<Bytes, Infallible>);
    let mut response = typed(SEGMENT, Body::from_stream(futures_util::stream::iter(parts)));
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    Ok(response)
}

fn unknown(token: &str) -> Problem {
    Problem::not_found(format!("nobody has the token '{}' any more; ask for the manifest again", cut(token)))
}

fn typed(kind: HeaderValue, body: Body) -> Response {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

/// Leads to a path beside this one, because nobody knows what is before it.
fn elsewhere(path: &str) -> Result<Response, Problem> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::FOUND;
    let location = HeaderValue::from_str(path);
    let location =
        location.map_err(|_| Problem::invalid("what was asked for cannot be written in a header"))?;
    response.headers_mut().insert(LOCATION, location);
    Ok(response)
}
