//! Bodies that clients send, and the short answers to them.
//!
//! What can be known to be wrong without the fleet is refused where these become the core's requests: see
//! `ask`.

use super::stream::StreamState;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// What a client wants of an engine that is created for it.
#[derive(Clone, Default, Deserialize, ToSchema, Debug)]
pub struct ProvisionEngine {
    /// Labels to be written on its container. `acestream.`, `host.`, `acefleet.` and CONTAINER_LABEL's are
    /// ours.
    pub labels: Option<BTreeMap<String, String>>,
    /// Variables of its environment.
    pub env: Option<BTreeMap<String, String>>,
    /// The HTTP port that it is to have if it can.
    #[schema(minimum = 1, maximum = 65535)]
    pub host_port: Option<i64>,
}

/// An engine that was created for a client.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema, Debug)]
pub struct ProvisionedEngine {
    /// Its container's id.
    pub container_id: String,
    /// Its container's name.
    pub container_name: String,
    /// The port on the host under which it answers HTTP.
    pub host_http_port: u16,
    /// The same inside its container.
    pub container_http_port: u16,
    /// Its HTTPS port inside its container.
    pub container_https_port: Option<u16>,
}

/// A container of some other kind.
#[derive(Clone, Deserialize, ToSchema, Debug)]
pub struct ProvisionOther {
    /// Its image: one of PROVISION_IMAGES.
    pub image: String,
    /// Variables of its environment.
    pub env: Option<BTreeMap<String, String>>,
    /// Labels to be written on it.
    pub labels: Option<BTreeMap<String, String>>,
    /// TCP ports to publish: inside (`80/tcp`), and on the host; without one there, a free one is chosen.
    pub ports: Option<BTreeMap<String, Option<i64>>>,
    /// What its name begins with, `container` if it is left out; a number follows. `acestream` is the engines'.
    pub name_prefix: Option<String>,
}

/// A container of some other kind that was created for a client.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema, Debug)]
pub struct ProvisionedOther {
    /// Its id.
    pub container_id: String,
    /// Its name.
    pub container_name: String,
    /// Ports that it publishes.
    pub ports: Vec<PublishedPort>,
}

/// A port that a container publishes.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, ToSchema, Debug)]
pub struct PublishedPort {
    /// Inside.
    pub container_port: u16,
    /// On the host.
    pub host_port: u16,
}

/// A session that a client has opened on an engine.
#[derive(Clone, Deserialize, ToSchema, Debug)]
pub struct StreamStarted {
    /// The engine's container. Whatever names none of ours is not looked at.
    #[schema(value_type = Option<String>)]
    pub container_id: Option<serde_json::Value>,
    /// The engine.
    pub engine: AnnouncedEngine,
    /// What is played.
    pub stream: AnnouncedStream,
    /// The session.
    pub session: AnnouncedSession,
    /// `stream_id` is the stream's id.
    pub labels: Option<BTreeMap<String, String>>,
}

/// The engine of a session, as its client reached it.
#[derive(Clone, Deserialize, ToSchema, Debug)]
pub struct AnnouncedEngine {
    /// Neither compared nor dialled.
    pub host: Option<String>,
    /// Its HTTP port.
    #[schema(minimum = 1, maximum = 65535)]
    pub port: i64,
}

/// What is played in a session.
#[derive(Clone, Deserialize, ToSchema, Debug)]
pub struct AnnouncedStream {
    /// How it is named.
    pub key_type: KeyTypeWord,
    /// Its name.
    pub key: String,
}

/// How something that can be played is named.
#[derive(Clone, Copy, Deserialize, ToSchema, Debug)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "AceStream's own words")]
pub enum KeyTypeWord {
    ContentId,
    Infohash,
    Url,
    Magnet,
}

/// A session, as the engine told it to its client.
#[derive(Clone, Deserialize, ToSchema, Debug)]
pub struct AnnouncedSession {
    /// The engine's name for it.
    pub playback_session_id: String,
    /// Where the engine tells how it is.
    pub stat_url: Option<String>,
    /// Where the engine takes orders for it.
    pub command_url: Option<String>,
    /// 1 if it is live, else 0.
    #[serde(default)]
    #[schema(value_type = i64)]
    pub is_live: LiveMark,
}

/// Live or not, as programs write it.
#[derive(Clone, Copy, Deserialize, Debug)]
#[serde(untagged, expecting = "is_live is 0 or 1")]
pub enum LiveMark {
    /// A number, as engines tell it.
    Number(i64),
    /// A truth value.
    Truth(bool),
}

impl Default for LiveMark {
    fn default() -> Self {
        Self::Number(1)
    }
}

impl LiveMark {
    /// It is live.
    pub const fn is_live(self) -> bool {
        match self {
            Self::Number(number) => number != 0,
            Self::Truth(truth) => truth,
        }
    }
}

/// A stream of a client that is over.
#[derive(Clone, Default, Deserialize, ToSchema, Debug)]
pub struct StreamEnded {
    /// The engine's container: without a stream's id, the newest stream of that engine is meant.
    #[schema(value_type = Option<String>)]
    pub container_id: Option<serde_json::Value>,
    /// The stream's id.
    pub stream_id: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// Whether a stream has ended because of it, and which.
#[derive(Clone, PartialEq, Serialize, ToSchema, Debug)]
pub struct Ended {
    /// One has.
    pub updated: bool,
    /// The stream.
    pub stream: Option<StreamState>,
}

/// The minimum after clamping.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, ToSchema, Debug)]
pub struct ScaledTo {
    /// The minimum.
    pub scaled_to: usize,
}

/// The idle engines are being looked through.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema, Debug)]
pub struct Collected {
    /// `ok`.
    pub status: &'static str,
    /// What follows.
    pub message: &'static str,
}

/// A container goes.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema, Debug)]
pub struct Deleted {
    /// Its id.
    pub deleted: String,
    /// What the journal and `/events/stream` call it.
    pub operation: Option<String>,
}

/// Words for people.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema, Debug)]
pub struct Message {
    /// The words.
    pub message: String,
}

/// Something was accepted, and goes on.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema, Debug)]
pub struct Accepted {
    /// What the journal and `/events/stream` call it.
    pub operation: String,
}
