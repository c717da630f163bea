//! Streams as they are told: `StreamState`, and the samples of their history.

use super::time::Moment;
use crate::history::Sample;
use crate::store::EndedStream;
use control::command::KeyType;
use control::snapshot::{Snapshot, StreamView};
use control::stream::Origin;
use serde::Serialize;
use utoipa::ToSchema;

/// One stream.
#[derive(Clone, PartialEq, Serialize, ToSchema, Debug)]
pub struct StreamState {
    /// Its id.
    pub id: String,
    /// How what is played is named: `content_id`, `infohash`, `url` or `magnet`.
    pub key_type: String,
    /// What is played.
    pub key: String,
    /// The container of the engine that plays it; empty while there is none.
    pub container_id: String,
    /// The engine's name for the session; empty while there is none.
    pub playback_session_id: String,
    /// Where the engine tells how the session is; empty while there is none.
    pub stat_url: String,
    /// Where the engine takes orders for the session; empty while there is none.
    pub command_url: String,
    /// It is live.
    pub is_live: bool,
    /// When it began.
    pub started_at: Moment,
    /// When it ended.
    pub ended_at: Option<Moment>,
    /// `started` or `ended`.
    #[schema(pattern = "^(started|ended)$")]
    pub status: &'static str,
    /// Peers that it is connected to.
    pub peers: Option<u64>,
    /// KiB per second.
    pub speed_down: Option<u64>,
    /// KiB per second.
    pub speed_up: Option<u64>,
    /// Bytes so far.
    pub downloaded: Option<u64>,
    /// Bytes so far.
    pub uploaded: Option<u64>,
    /// Whose viewers watch it: `announced` by another program, or `proxied` by acefleet.
    pub origin: String,
    /// AceStream's word for the state of its session.
    pub session_status: Option<String>,
    /// Why it ended.
    pub ended_because: Option<String>,
    /// Viewers of the proxy that are sent it.
    pub watching: usize,
    /// Viewers of the proxy that wait for it.
    pub waiting: usize,
}

/// What was known of a stream at one moment.
#[derive(Clone, PartialEq, Serialize, ToSchema, Debug)]
pub struct StreamSample {
    /// When.
    pub ts: Moment,
    /// Peers that it was connected to.
    pub peers: u64,
    /// KiB per second.
    pub speed_down: u64,
    /// KiB per second.
    pub speed_up: u64,
    /// Bytes so far.
    pub downloaded: u64,
    /// Bytes so far.
    pub uploaded: u64,
    /// AceStream's word for the state of its session.
    pub status: String,
}

impl StreamState {
    /// The stream as it is told. Its URLs carry the name by which others reach its engine, while that is
    /// known.
    pub fn of(snapshot: &Snapshot, view: &StreamView) -> Self {
        let report = view.report.as_ref();
        let url = |path: Option<&std::sync::Arc<str>>| {
            let (Some((engine, port)), Some(path)) = (view.engine, path) else { return String::new() };
            let known = snapshot.engines.iter().find(|known| known.container_id == engine);
            known.map_or_else(String::new, |known| format!("http://{}:{port}{path}", known.host))
        };
        Self {
            id: view.id.to_string(),
            key_type: key_type_word(view.content.kind).to_owned(),
            key: view.content.key.to_string(),
            container_id: view.engine.map_or_else(String::new, |(id, _)| id.to_string()),
            playback_session_id: view.playback_session_id.to_string(),
            stat_url: url(view.stat_path.as_ref()),
            command_url: url(view.command_path.as_ref()),
            is_live: view.is_live,
            started_at: Moment(view.started_at),
            ended_at: view.ended.map(|(at, _)| Moment(at)),
            status: if view.ended.is_some() { "ended" } else { "started" },
            peers: report.map(|report| report.peers),
            speed_down: report.map(|report| report.speed_down),
            speed_up: report.map(|report| report.speed_up),
            downloaded: report.map(|report| report.downloaded),
            uploaded: report.map(|report| report.uploaded),
            origin: origin_word(view.origin).to_owned(),
            session_status: report.map(|report| report.status.to_string()),
            ended_because: view.ended.map(|(_, why)| why.to_owned()),
            watching: view.watching,
            waiting: view.waiting,
        }
    }
}

impl From<EndedStream> for StreamState {
    /// Nobody asks an engine about a session that is over, so there are no URLs.
    fn from(kept: EndedStream) -> Self {
        let report = kept.report.as_ref();
        Self {
            id: kept.id,
            key_type: kept.key_type,
            key: kept.key,
            container_id: kept.engine.unwrap_or_default(),
            playback_session_id: kept.playback_session_id,
            stat_url: String::new(),
            command_url: String::new(),
            is_live: kept.is_live,
            started_at: Moment(kept.began),
            ended_at: Some(Moment(kept.ended)),
            status: "ended",
            peers: report.map(|report| report.peers),
            speed_down: report.map(|report| report.speed_down),
            speed_up: report.map(|report| report.speed_up),
            downloaded: report.map(|report| report.downloaded),
            uploaded: report.map(|report| report.uploaded),
            origin: kept.origin,
            session_status: report.map(|report| report.status.to_string()),
            ended_because: kept.because,
            watching: 0,
            waiting: 0,
        }
    }
}

impl From<&Sample> for StreamSample {
    fn from(sample: &Sample) -> Self {
        Self {
            ts: Moment(sample.at),
            peers: sample.report.peers,
            speed_down: sample.report.speed_down,
            speed_up: sample.report.speed_up,
            downloaded: sample.report.downloaded,
            uploaded: sample.report.uploaded,
            status: sample.report.status.to_string(),
        }
    }
}

/// The word for whose viewers watch a stream.
pub const fn origin_word(origin: Origin) -> &'static str {
    match origin {
        Origin::Announced => "announced",
        Origin::Proxied => "proxied",
    }
}

/// The word for how something that is played is named.
pub const fn key_type_word(kind: KeyType) -> &'static str {
    match kind {
        KeyType::ContentId => "content_id",
        KeyType::Infohash => "infohash",
        KeyType::Url => "url",
        KeyType::Magnet => "magnet",
    }
}
