//! Playlists over HTTP: somebody's, rewritten to lead here, and the operator's own.

use super::Api;
use super::error::{Failure, Problem};
use super::extract::QUERY_MAX_BYTES;
use crate::playlist::fetch::{self, Fetcher};
use crate::playlist::rewrite::{PLAYLIST_MAX_BYTES, rewrite};
use crate::playlist::{base, channels::Channels};
use crate::settings::words::shown;
use axum::body::{Body, to_bytes};
use axum::extract::{RawQuery, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HOST};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use multer::Multipart;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Playlists that are in memory at a time, until whoever asked has taken the last of it.
const AT_ONCE_MAX: usize = 8;
/// The longest playlist that is given back: each of its entries may have become longer.
const GIVEN_MAX_BYTES: usize = 16 << 20;
/// Of which so much is handed over at a time.
const PIECE_BYTES: usize = 64 << 10;
/// A playlist that is sent to us has so long to arrive.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(8);
/// What comes before an address in a query.
const URL_FIELD: &str = "url=";
/// How the type of a form begins.
const FORM: &str = "multipart/";
/// What a form has around its file, at most.
const FORM_MAX_BYTES: usize = 64 << 10;

/// What the routes need of the rest.
#[derive(Debug)]
pub(super) struct Playlists {
    fetcher: Fetcher,
    seats: Arc<Semaphore>,
}

impl Default for Playlists {
    fn default() -> Self {
        Self { fetcher: Fetcher::default(), seats: Arc::new(Semaphore::new(AT_ONCE_MAX)) }
    }
}

#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "it describes what is read by hand")]
pub(super) struct ModifyQuery {
    /// Where the playlist is: http or https, on the public internet. Everything behind `url=` belongs to it.
    url: String,
}

/// Fetches a playlist and lets its AceStream entries lead to this server.
#[utoipa::path(get, path = "/modify_m3u", tag = "watching", params(ModifyQuery),
    responses((status = 200, body = String, content_type = "audio/x-mpegurl"),
        (status = 403, body = Failure, description = "The address is not on the public internet"),
        (status = 502, body = Failure, description = "The playlist could not be fetched"),
        (status = 503, body = Failure, description = "Too many are being fetched")))]
pub(super) async fn get_modified(
    State(api): State<Api>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let base = base_of(&api, &headers)?;
    let address = address(&query.unwrap_or_default())?;
    let seat = seat(&api)?;
    let playlist = api.playlists.fetcher.fetch(&address).await.map_err(|failure| {
        let status = match failure {
            fetch::Failure::Address(_) => StatusCode::UNPROCESSABLE_ENTITY,
            fetch::Failure::Closed(_) => StatusCode::FORBIDDEN,
            fetch::Failure::Broken(..) | fetch::Failure::TooLong | fetch::Failure::TooSlow => {
                StatusCode::BAD_GATEWAY
            }
        };
        Problem::new(status, failure.to_string())
    })?;
    let rewritten = rewrite(&playlist, &base);
    // What is no playlist is nobody's business here: this is no way to read other pages by.
    if rewritten.entries == 0 && !is_playlist(&playlist) {
        return Err(Problem::new(StatusCode::BAD_GATEWAY, "what is there is no playlist"));
    }
    given_back(rewritten.bytes, seat)
}

/// Takes a playlist and gives it back with its AceStream entries leading to this server.
#[utoipa::path(post, path = "/modify_m3u", tag = "watching",
    request_body(content = String, content_type = "audio/x-mpegurl",
        description = "The playlist itself, or a form (multipart/form-data) with it as its file"),
    responses((status = 200, body = String, content_type = "audio/x-mpegurl"),
        (status = 422, body = Failure, description = "There is no file in the form"),
        (status = 503, body = Failure, description = "Too many are being taken")))]
pub(super) async fn modify(
    State(api): State<Api>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let base = base_of(&api, &headers)?;
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let is_form = kind.to_ascii_lowercase().starts_with(FORM);
    let boundary =
        is_form.then(|| multer::parse_boundary(kind)).transpose().map_err(|error| unread(&error))?;
    let seat = seat(&api)?;
    let limit = PLAYLIST_MAX_BYTES + if boundary.is_some() { FORM_MAX_BYTES } else { 0 };
    let playlist = match timeout(UPLOAD_TIMEOUT, to_bytes(body, limit)).await {
        Ok(Ok(playlist)) => playlist,
        Ok(Err(_)) => return Err(too_long()),
        Err(_) => {
            let message = format!("the playlist was not there within {} s", UPLOAD_TIMEOUT.as_secs());
            return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, message));
        }
    };
    let playlist = match boundary {
        Some(boundary) => file_of(playlist, boundary).await?,
        None => playlist,
    };
    given_back(rewrite(&playlist, &base).bytes, seat)
}

fn too_long() -> Problem {
    let limit = PLAYLIST_MAX_BYTES / 1024 / 1024;
    let message = format!("the playlist is longer than {limit} MiB, or did not arrive to its end");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, message)
}

fn unread(error: &multer::Error) -> Problem {
    Problem::invalid(format!("the form cannot be read: {error}"))
}

/// The file in a form, as browsers and `curl -F` send it.
async fn file_of(form: Bytes, boundary: String) -> Result<Bytes, Problem> {
    let mut parts = Multipart::new(stream::iter([Ok::<_, Infallible>(form)]), boundary);
    while let Some(part) = parts.next_field().await.map_err(|error| unread(&error))? {
        if part.file_name().is_none() {
            continue;
        }
        let file = part.bytes().await.map_err(|error| unread(&error))?;
        return if file.len() > PLAYLIST_MAX_BYTES { Err(too_long()) } else { Ok(file) };
    }
    Err(Problem::invalid("there is no file in the form; send one, as `curl -F file=@list.m3u` does"))
}

/// It begins as playlists begin.
fn is_playlist(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    text.trim_ascii_start().starts_with(b"#EXTM3U")
}

/// A playlist is handed over piece by piece, and its seat is taken until the last piece is gone.
fn given_back(playlist: Vec<u8>, seat: OwnedSemaphorePermit) -> Result<Response, Problem> {
    if playlist.len() > GIVEN_MAX_BYTES {
        let message = "with this server's addresses in it the playlist becomes too long; split it".to_owned();
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, message));
    }
    let rest = (Bytes::from(playlist), seat);
    let pieces = stream::unfold(rest, |(mut rest, seat)| async move {
        let piece = rest.split_to(rest.len().min(PIECE_BYTES));
        (!piece.is_empty()).then(|| (Ok::<_, Infallible>(piece), (rest, seat)))
    });
    Ok(answer(Body::from_stream(pieces)))
}

/// The operator's own channels, as PROXY_CHANNELS names them.
#[utoipa::path(get, path = "/channels.m3u", tag = "watching",
    responses((status = 200, body = String, content_type = "audio/x-mpegurl"), (status = 404, body = Failure)))]
pub(super) async fn get_channels(State(api): State<Api>, headers: HeaderMap) -> Result<Response, Problem> {
    let channels: &Arc<Channels> = api.chosen().channels.as_ref().ok_or_else(|| {
        Problem::not_found(
            "there is no channel list; PROXY_CHANNELS names its file, docs/playlists.md its format",
        )
    })?;
    Ok(answer(channels.playlist(&base_of(&api, &headers)?).into()))
}

/// What the entries begin with, for whoever asks.
fn base_of(api: &Api, headers: &HeaderMap) -> Result<String, Problem> {
    if let Some(chosen) = &api.chosen().base_url {
        return Ok(chosen.clone());
    }
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    base::of_host(host).ok_or_else(|| {
        let message =
            format!("'{}' is no host that a playlist could lead to; set PROXY_BASE_URL", shown(host));
        Problem::new(StatusCode::BAD_REQUEST, message)
    })
}

fn seat(api: &Api) -> Result<OwnedSemaphorePermit, Problem> {
    api.playlists.seats.clone().try_acquire_owned().map_err(|_| {
        let message = format!("{AT_ONCE_MAX} playlists are being rewritten already; try again in a moment");
        Problem::unavailable(message).retry_after(1)
    })
}

/// The address in a query. People paste addresses as they are, with queries of their own: then everything is meant.
fn address(query: &str) -> Result<String, Problem> {
    if query.len() > QUERY_MAX_BYTES {
        let message = format!("the query is longer than {QUERY_MAX_BYTES} bytes");
        return Err(Problem::new(StatusCode::URI_TOO_LONG, message));
    }
    let given = query.strip_prefix(URL_FIELD).filter(|rest| rest.contains("://")).map(str::to_owned);
    let decoded = || {
        let mut fields = url::form_urlencoded::parse(query.as_bytes());
        fields.find(|(name, _)| name == "url").map(|(_, value)| value.into_owned())
    };
    let address = given.or_else(decoded).filter(|address| !address.is_empty());
    address.ok_or_else(|| Problem::invalid("say which playlist: url=http://…"))
}

fn answer(playlist: Body) -> Response {
    let mut response = Response::new(playlist);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("audio/x-mpegurl"));
    let file = HeaderValue::from_static("inline; filename=\"playlist.m3u\"");
    headers.insert(CONTENT_DISPOSITION, file);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_encoded_or_as_people_paste_it() {
        let read = |query: &str| address(query).expect("it is there");
        assert_eq!(read("url=http%3A%2F%2Fx%2Fget.php%3Fu%3Da%26p%3Db"), "http://x/get.php?u=a&p=b");
        assert_eq!(read("url=http://x/get.php?u=a&p=b"), "http://x/get.php?u=a&p=b");
        assert_eq!(read("other=1&url=http%3A%2F%2Fx%2F"), "http://x/");
        for query in ["", "url=", "other=http://x/"] {
            assert_eq!(address(query).expect_err(query).status(), StatusCode::UNPROCESSABLE_ENTITY);
        }
        let long = format!("url=http://x/{}", "a".repeat(QUERY_MAX_BYTES));
        assert_eq!(address(&long).expect_err("it is too long").status(), StatusCode::URI_TOO_LONG);
    }
}
