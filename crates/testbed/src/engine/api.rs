//! The routes of an engine, and the words in which it answers.
//!
//! Addresses in answers carry the host that was asked, because that is what clients get from the real one.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderValue, RANGE};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

use super::Shared;
use super::content::{Behaviour, Content};
use super::delivery::{File, Live, noise};
use super::session::Session;
use crate::stream::PACKET;
use crate::web::{self, Answer, Asked};

const VERSION: &str = "3.2.3";
const VERSION_CODE: u32 = 3_020_300;
/// How long a file plays.
const FILE_S: u64 = 60;
/// How long a part of a playlist is, and how many a list has.
const PART_S: u64 = 2;
const PARTS: u64 = 4;
/// What a content leaves in the cache.
const CACHED_BYTES: usize = 1 << 20;
/// How often a request looks that waits for a content.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
const UNKNOWN_SESSION: &str = "unknown playback session id";

pub(super) async fn answer(shared: &Arc<Shared>, asked: Asked) -> Answer {
    if shared.faults.is_cut_off() {
        std::future::pending::<()>().await;
    }
    if asked.path == "/standin/sessions" {
        return sessions(shared);
    }
    if asked.path.starts_with("/standin/") {
        let answer = shared.faults.route(&asked);
        shared.tick();
        return answer;
    }
    let faults = shared.faults.now();
    if faults.hang {
        std::future::pending::<()>().await;
    }
    tokio::time::sleep(faults.slow).await;
    shared.tick();
    match asked.segments().as_slice() {
        ["server", "api"] => server_api(shared, &asked).await,
        ["webui", "api", "service"] => match asked.param("method") {
            Some("get_version") => result(&version()),
            _ => wrong("unknown method"),
        },
        ["ace", "getstream"] => open(shared, &asked, Form::Stream).await,
        ["ace", "manifest.m3u8"] => open(shared, &asked, Form::Playlist).await,
        ["ace", "r", _, id] => match shared.sessions.find(id) {
            Some(session) => play(shared, &session, &asked),
            None => not_found(),
        },
        ["ace", "m", _, list] => match shared.sessions.find(list.strip_suffix(".m3u8").unwrap_or(list)) {
            Some(session) => playlist(shared, &session, &asked).await,
            None => not_found(),
        },
        ["ace", "c", id, name] => match shared.sessions.find(id) {
            Some(session) => part(shared, &session, name),
            None => not_found(),
        },
        ["ace", "stat", _, id] => with(shared, id, |session| said(&statistics(shared, &session))),
        ["ace", "cmd", _, id] => with(shared, id, |session| command(shared, &session, &asked)),
        ["ace", "event", _, id] => with(shared, id, |_| said(&Value::Null)),
        _ => not_found(),
    }
}

fn not_found() -> Answer {
    web::text(StatusCode::NOT_FOUND, "404: Not Found")
}

/// What a test wants to know: who reads what, and whether what was opened was stopped.
fn sessions(shared: &Shared) -> Answer {
    shared.tick();
    let views = shared.sessions.views();
    let views =
        views.iter().map(|view| json!({ "id": view.id, "infohash": view.infohash, "readers": view.readers }));
    let (opened, stopped) = shared.sessions.counts();
    let views: Vec<_> = views.collect();
    web::json(StatusCode::OK, &json!({ "sessions": views, "opened": opened, "stopped": stopped }))
}

async fn server_api(shared: &Shared, asked: &Asked) -> Answer {
    match asked.param("method") {
        Some("get_status") => result(&json!({ "version": version(), "playlist_loaded": true })),
        Some("get_network_connection_status") => {
            let connected = match shared.faults.now().connected {
                Some(said) => said,
                None => shared.settings.tunnel.is_up().await,
            };
            result(&json!({ "connected": connected }))
        }
        _ => wrong("unknown method"),
    }
}

fn version() -> Value {
    json!({ "version": VERSION, "code": VERSION_CODE, "platform": "linux" })
}

fn result(value: &Value) -> Answer {
    web::json(StatusCode::OK, &json!({ "result": value, "error": null }))
}

fn wrong(why: &str) -> Answer {
    web::json(StatusCode::OK, &json!({ "result": null, "error": why }))
}

fn said(response: &Value) -> Answer {
    web::json(StatusCode::OK, &json!({ "response": response, "error": null }))
}

fn failed(why: &str) -> Answer {
    web::json(StatusCode::OK, &json!({ "response": null, "error": why }))
}

fn with(shared: &Shared, id: &str, answer: impl FnOnce(Arc<Session>) -> Answer) -> Answer {
    match shared.sessions.find(id) {
        Some(session) => answer(session),
        None => failed(UNKNOWN_SESSION),
    }
}

/// Puts a part of a content into the cache, which somebody may have removed meanwhile.
fn keep(shared: &Shared, content: &Content) {
    let Some(cache) = &shared.settings.cache else {
        return;
    };
    let part = vec![0x5a; CACHED_BYTES];
    let kept = fs::create_dir_all(cache).and_then(|()| fs::write(cache.join(&content.infohash), part));
    if let Err(why) = kept {
        eprintln!("cannot write to the cache {}: {why}", cache.display());
    }
}

/// In which form a content is wanted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Form {
    Stream,
    Playlist,
}

async fn open(shared: &Shared, asked: &Asked, form: Form) -> Answer {
    let wants_json = asked.param("format") == Some("json");
    let refused = |why: &str| match wants_json {
        true => failed(why),
        false => web::text(StatusCode::INTERNAL_SERVER_ERROR, why),
    };
    let content = match Content::asked(&asked.query) {
        Ok(content) => content,
        Err(why) => return refused(&why),
    };
    match content.behaviour {
        Behaviour::Refused => return refused("failed to load content"),
        Behaviour::Hangs => std::future::pending::<()>().await,
        Behaviour::Plays | Behaviour::Prebuffers | Behaviour::Dies | Behaviour::File => {}
    }
    tokio::time::sleep(shared.settings.search).await;
    if !shared.flows.load(Ordering::Relaxed) {
        // Without a network no peers are found, and the engine goes on looking for them.
        std::future::pending::<()>().await;
    }
    keep(shared, &content);
    let session = shared.sessions.open(content, shared.settings.bits_per_s, asked.param("pid"));
    let (hash, id) = (&session.content.infohash, &session.id);
    let base = format!("http://{}/ace", asked.host);
    let playback = match form {
        Form::Stream => format!("{base}/r/{hash}/{id}"),
        Form::Playlist => format!("{base}/m/{hash}/{id}.m3u8"),
    };
    if !wants_json {
        return web::redirect(StatusCode::FOUND, &playback);
    }
    said(&json!({
        "playback_url": playback,
        "stat_url": format!("{base}/stat/{hash}/{id}"),
        "command_url": format!("{base}/cmd/{hash}/{id}"),
        "event_url": format!("{base}/event/{hash}/{id}"),
        "infohash": hash,
        "playback_session_id": id,
        "is_live": u8::from(session.content.behaviour != Behaviour::File),
        "is_encrypted": 0,
        "client_session_id": -1,
    }))
}

fn play(shared: &Arc<Shared>, session: &Arc<Session>, asked: &Asked) -> Answer {
    if session.content.behaviour == Behaviour::File {
        return play_file(shared, session, asked);
    }
    let mut answer = Response::new(Live::new(Arc::clone(shared), Arc::clone(session)).boxed_unsync());
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("video/mp2t"));
    answer
}

fn play_file(shared: &Arc<Shared>, session: &Arc<Session>, asked: &Asked) -> Answer {
    let length = session.channel.bytes_per_s() * FILE_S;
    let range = asked.headers.get(RANGE).and_then(|value| value.to_str().ok());
    let (status, from, to) = match range.map(|range| span(range, length)) {
        None => (StatusCode::OK, 0, length),
        Some(Some((from, to))) => (StatusCode::PARTIAL_CONTENT, from, to),
        Some(None) => return web::text(StatusCode::RANGE_NOT_SATISFIABLE, format!("bytes */{length}")),
    };
    let file = File::new(Arc::clone(shared), Arc::clone(session), from..to);
    let mut answer = Response::new(file.boxed_unsync());
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("video/mp2t"));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(to - from));
    if status == StatusCode::PARTIAL_CONTENT {
        let told = HeaderValue::from_str(&format!("bytes {from}-{}/{length}", to - 1));
        told.into_iter().for_each(|told| drop(headers.insert(CONTENT_RANGE, told)));
    }
    answer
}

/// The bytes that a range means, from and to (exclusive), if the file has any of them.
fn span(range: &str, length: u64) -> Option<(u64, u64)> {
    let (from, to) = range.strip_prefix("bytes=")?.split_once('-')?;
    let (from, to) = match (from.parse::<u64>().ok(), to.parse::<u64>().ok()) {
        (Some(from), Some(to)) => (from, length.min(to.saturating_add(1))),
        (Some(from), None) => (from, length),
        (None, Some(last)) => (length.saturating_sub(last), length),
        (None, None) => return None,
    };
    (from < to).then_some((from, to))
}

/// The list comes when there is something to list, and ends where the content does.
async fn playlist(shared: &Shared, session: &Session, asked: &Asked) -> Answer {
    while session.alive() && !session.playing(shared.patience()) {
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    session.was_read();
    let newest = newest_part(shared, session);
    let first = newest.saturating_sub(PARTS);
    let mut list =
        format!("#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:{PART_S}\n#EXT-X-MEDIA-SEQUENCE:{first}\n");
    for part in first..newest {
        let id = &session.id;
        list.push_str(&format!("#EXTINF:{PART_S}.0,\nhttp://{}/ace/c/{id}/{part}.ts\n", asked.host));
    }
    web::typed(StatusCode::OK, "application/vnd.apple.mpegurl", list)
}

/// The first part that is not there yet.
fn newest_part(shared: &Shared, session: &Session) -> u64 {
    session.advance(shared.delivers(&shared.faults.now())).newest_ms / 1000 / PART_S
}

fn part(shared: &Shared, session: &Session, name: &str) -> Answer {
    let newest = newest_part(shared, session);
    let part = name.strip_suffix(".ts").and_then(|number| number.parse::<u64>().ok());
    let Some(part) = part.filter(|part| *part < newest && part + 2 * PARTS >= newest) else {
        return not_found();
    };
    session.was_read();
    let rate = session.channel.packets_per_s() * PART_S;
    session.reached((part + 1) * rate);
    let bytes = match shared.faults.now().garbage {
        true => noise(part, rate as usize * PACKET),
        false => session.channel.render(part * rate..(part + 1) * rate),
    };
    web::typed(StatusCode::OK, "video/mp2t", bytes)
}

fn statistics(shared: &Shared, session: &Session) -> Value {
    let playing = session.playing(shared.patience());
    let online = shared.flows.load(Ordering::Relaxed) && session.content.behaviour != Behaviour::Prebuffers;
    let faults = shared.faults.now();
    let flows = online && shared.delivers(&faults);
    let totals = session.advance(flows && playing);
    let rate = session.channel.bytes_per_s() * u64::from(faults.rate_percent) / 100 / 1024;
    let speed = if flows { rate } else { 0 };
    let peers = if online { 5 + session.channel.hash() % 20 } else { 0 };
    let [down, up] =
        if shared.settings.camel_speeds { ["speedDown", "speedUp"] } else { ["speed_down", "speed_up"] };
    let mut answer = json!({
        "status": if playing { "dl" } else { "prebuf" },
        "peers": peers,
        down: speed,
        up: speed / 8,
        "downloaded": totals.downloaded,
        "uploaded": totals.uploaded,
        "total_progress": 0,
        "playback_session_id": session.id,
        "client_session_id": -1,
        "is_live": u8::from(session.content.behaviour != Behaviour::File),
    });
    if playing && session.content.behaviour != Behaviour::File {
        let last = totals.newest_ms / 1000;
        let pos = match totals.position {
            0 => last,
            packet => packet / session.channel.packets_per_s(),
        };
        // The real one writes these numbers as text.
        answer["livepos"] = json!({
            "pos": pos.to_string(),
            "live_first": (last - 1800).to_string(),
            "live_last": last.to_string(),
            "first_ts": (last - 1800).to_string(),
            "last_ts": last.to_string(),
            "last": last.to_string(),
            "is_live": "1",
            "buffer_pieces": "15",
        });
    }
    answer
}

fn command(shared: &Shared, session: &Session, asked: &Asked) -> Answer {
    match asked.param("method") {
        Some("stop") => {
            shared.sessions.stop(&session.id);
            said(&json!("ok"))
        }
        _ => failed("unknown method"),
    }
}
