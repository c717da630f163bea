//! Channels of the proxy, and who watches them, as they are told.

use super::time::Moment;
use crate::proxy::{self, ChannelView, Phase};
use control::snapshot::Snapshot;
use serde::Serialize;
use std::time::Duration;
use utoipa::ToSchema;

/// One channel that the proxy shows.
#[derive(Clone, PartialEq, Serialize, ToSchema, Debug)]
pub struct ChannelState {
    /// Counted up for as long as acefleet runs.
    pub id: u64,
    /// How it was asked for: `content_id`, `infohash`, `url` or `magnet`.
    pub key_type: &'static str,
    /// What it was asked for by.
    pub key: String,
    /// Its infohash, once its engine has told it.
    pub infohash: Option<String>,
    /// `waiting`: nothing has been shown yet; `playing`; `holding`: there is nothing to show just now; `file`.
    pub state: &'static str,
    /// The container of the engine that plays it.
    pub container_id: Option<String>,
    /// Its name.
    pub container_name: Option<String>,
    /// The engine's name for the session.
    pub playback_session_id: Option<String>,
    /// When its first viewer came.
    pub since: Moment,
    /// What comes in.
    pub bits_per_second: u64,
    /// What has come in.
    pub bytes_in: u64,
    /// What viewers were given.
    pub bytes_out: u64,
    /// How often it has moved to another session.
    pub moves: u64,
    /// How often viewers fell back too far and went on at a later picture.
    pub skips: u64,
    /// How many viewers were cut because they took nothing.
    pub cuts: u64,
    /// How much time is kept for viewers who fall behind.
    pub buffered_ms: u64,
    /// How many bytes are kept for them.
    pub buffered_bytes: u64,
    /// Who watches.
    pub viewers: Vec<ViewerState>,
}

/// One connection that watches.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema, Debug)]
pub struct ViewerState {
    /// Counted up for as long as acefleet runs.
    pub id: u64,
    /// Where it comes from; not told without the key, if there is one.
    pub address: Option<String>,
    /// When it came.
    pub since: Moment,
    /// What it was given.
    pub bytes: u64,
    /// How far it is behind what was published last.
    pub lag_ms: u64,
    /// How often it fell back too far and went on at a later picture.
    pub skips: u64,
    /// It fetches segments (HLS), and has no connection that stays.
    pub hls: bool,
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl ChannelState {
    /// Whether this is its id or infohash.
    pub fn is_of(&self, key: &str) -> bool {
        self.key == key || self.infohash.as_deref() == Some(key)
    }
}

/// A channel with what the picture knows of its engine.
pub fn channel(view: &ChannelView, snapshot: &Snapshot) -> ChannelState {
    let source = view.session.as_ref().map(|(_, source)| source);
    let engine =
        source.and_then(|source| snapshot.engines.iter().find(|engine| engine.container_id == source.engine));
    let hash = source.and_then(|source| source.infohash.as_deref());
    ChannelState {
        id: view.number,
        key_type: super::stream::key_type_word(view.content.kind),
        key: view.content.key.to_string(),
        infohash: hash.map(str::to_owned),
        state: match view.phase {
            Phase::Waiting => "waiting",
            Phase::Playing => "playing",
            Phase::Holding => "holding",
            Phase::File => "file",
        },
        container_id: source.map(|source| source.engine.to_string()),
        container_name: engine.map(|engine| engine.container_name.to_string()),
        playback_session_id: source.map(|source| source.playback_session_id.to_string()),
        since: Moment(view.since),
        bits_per_second: view.bits_per_s,
        bytes_in: view.bytes_in,
        bytes_out: view.bytes_out,
        moves: view.moves,
        skips: view.skips,
        cuts: view.cuts,
        buffered_ms: millis(view.buffer.0),
        buffered_bytes: view.buffer.1 as u64,
        viewers: view.viewers.iter().map(viewer).collect(),
    }
}

fn viewer(view: &proxy::ViewerView) -> ViewerState {
    ViewerState {
        id: view.id.0,
        address: view.client.map(|client| client.to_string()),
        since: Moment(view.since),
        bytes: view.bytes,
        lag_ms: millis(view.lag),
        skips: view.skips,
        hls: view.fetches,
    }
}
