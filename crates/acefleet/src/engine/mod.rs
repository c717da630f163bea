//! An AceStream engine's HTTP API: how it is, and playback sessions on it.
//!
//! It translates; what an answer means is not its business. The engine echoes the host that it was asked by, so of
//! its URLs only path and query are kept.

use crate::dial::{Ways, Whom};
use crate::http::{self, Answer, Request};
use control::command::{Content, KeyType};
use control::event::{Opened, Outcome, ProbeReport, Refusal, Report, SessionReport, Silence};
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::error::Elapsed;
use tokio::time::timeout;

/// Longer than anything an engine says.
const ANSWER_BYTES_MAX: usize = 256 * 1024;
/// What an engine says of an error, cut off there.
const WORDS_MAX: usize = 300;
/// Longer than any infohash.
const INFOHASH_MAX_BYTES: usize = 128;

const STATUS: &str = "/server/api?api_version=3&method=get_status";
const CONNECTION: &str = "/server/api?api_version=3&method=get_network_connection_status";
const DEAD_SESSION: &str = "unknown playback session id";

/// Whoever asks engines.
#[derive(Debug)]
pub struct Engines {
    ways: Arc<Ways>,
}

/// A session that an engine has opened, with where its stream is read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Session {
    /// What the core is told.
    pub opened: Opened,
    /// Path and query of its stream.
    pub playback_path: String,
    /// What it plays, by the name that is the same however it was asked for.
    pub infohash: Option<Arc<str>>,
}

/// Why an engine has given no good answer.
enum Trouble {
    /// It says why not.
    Says(String),
    /// It did not answer, or nothing that can be read.
    Silent,
}

impl From<Trouble> for Outcome {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Says(words) => Self::Refused(Refusal::EngineSays(words.into())),
            Trouble::Silent => Self::Unknown(Silence::Disconnected),
        }
    }
}

/// The frame of every answer about a session.
#[derive(Deserialize)]
struct Framed<T> {
    #[serde(default = "Option::default")]
    response: Option<T>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Deserialize)]
struct OpenedAnswer {
    playback_url: String,
    stat_url: String,
    command_url: String,
    playback_session_id: String,
    #[serde(default)]
    infohash: Option<String>,
    #[serde(default)]
    is_live: Option<Value>,
}

impl Engines {
    /// Reaches engines by these ways.
    pub const fn new(ways: Arc<Ways>) -> Self {
        Self { ways }
    }

    /// Asks an engine both how it is and whether it is connected. Whoever does not answer `within` is reported so: that
    /// is an answer, too, and says nothing about the other question.
    pub async fn probe(&self, whom: &Whom, within: Duration) -> Outcome {
        let ask = |path| timeout(within, self.get(whom, path));
        let (status, connection) = tokio::join!(ask(STATUS), ask(CONNECTION));
        let result = |answer: Result<Result<Answer, Trouble>, Elapsed>| {
            let answer = answer.ok()?.ok().filter(|answer| answer.status == 200)?;
            serde_json::from_slice::<Value>(&answer.body).ok()?.get("result").cloned()
        };
        let answered = result(status).is_some_and(|result| !result.is_null());
        let connected = result(connection).and_then(|result| result.get("connected")?.as_bool());
        Outcome::Done(Report::Probe(ProbeReport { answered, connected }))
    }

    /// Has an engine open a session. `pid` tells it apart from every other reader.
    pub async fn open(&self, whom: &Whom, content: &Content, pid: &str) -> Result<Session, Outcome> {
        let name = match content.kind {
            KeyType::ContentId => "content_id",
            KeyType::Infohash => "infohash",
            KeyType::Url => "url",
            KeyType::Magnet => "magnet",
        };
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair(name, &content.key)
            .append_pair("format", "json")
            .append_pair("pid", pid)
            .finish();
        let session = async {
            let answer: OpenedAnswer = framed(&self.get(whom, &format!("/ace/getstream?{query}")).await?)?;
            let opened = Opened {
                playback_session_id: answer.playback_session_id.into(),
                stat_path: tail(&answer.stat_url)?.into(),
                command_path: tail(&answer.command_url)?.into(),
                is_live: answer.is_live.as_ref().and_then(number).unwrap_or(1) != 0,
            };
            let infohash =
                answer.infohash.filter(|hash| !hash.is_empty() && hash.len() <= INFOHASH_MAX_BYTES);
            let infohash = infohash.map(|hash| hash.to_ascii_lowercase().into());
            Ok(Session { opened, playback_path: tail(&answer.playback_url)?, infohash })
        };
        session.await.map_err(|trouble: Trouble| trouble.into())
    }

    /// Asks an engine how a session is.
    pub async fn session(&self, whom: &Whom, path: &str) -> Outcome {
        let answer = match self.get(whom, path).await {
            Ok(answer) => answer,
            Err(trouble) => return trouble.into(),
        };
        match framed::<Value>(&answer) {
            Ok(response) => Outcome::Done(Report::Session(report(&response))),
            Err(Trouble::Says(words)) if words.to_ascii_lowercase().contains(DEAD_SESSION) => {
                Outcome::Done(Report::SessionUnknown)
            }
            Err(trouble) => trouble.into(),
        }
    }

    /// Has an engine close a session.
    pub async fn close(&self, whom: &Whom, path: &str) -> Outcome {
        let separator = if path.contains('?') { '&' } else { '?' };
        let answer = match self.get(whom, &format!("{path}{separator}method=stop")).await {
            Ok(answer) => answer,
            Err(trouble) => return trouble.into(),
        };
        match framed::<Value>(&answer) {
            Ok(_) => Outcome::Done(Report::Carried),
            Err(trouble) => trouble.into(),
        }
    }

    async fn get(&self, whom: &Whom, path: &str) -> Result<Answer, Trouble> {
        let stream = self.ways.connect(whom).await.map_err(|_| Trouble::Silent)?;
        let request = Request::get(format!("{}:{}", whom.container, whom.port), path);
        http::call(stream, request, ANSWER_BYTES_MAX).await.map_err(|_| Trouble::Silent)
    }
}

/// What an answer frames; an engine tells its errors with any status.
fn framed<T: for<'a> Deserialize<'a>>(answer: &Answer) -> Result<T, Trouble> {
    let frame: Framed<T> = serde_json::from_slice(&answer.body).map_err(|_| Trouble::Silent)?;
    if let Some(response) = frame.response {
        return Ok(response);
    }
    let words = match frame.error {
        Some(Value::String(words)) => words,
        Some(other) => other.to_string(),
        None => format!("it answers {} and nothing else", answer.status),
    };
    Err(Trouble::Says(words.chars().filter(|c| !c.is_control()).take(WORDS_MAX).collect()))
}

/// Path and query of a URL that an engine wrote.
fn tail(url: &str) -> Result<String, Trouble> {
    let url = url::Url::parse(url).map_err(|_| Trouble::Silent)?;
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    Ok(format!("{}{query}", url.path()))
}

/// Versions differ in how they spell these, and in whether numbers are whole.
fn report(response: &Value) -> SessionReport {
    let count = |names: [&str; 2]| names.iter().find_map(|name| number(response.get(name)?)).unwrap_or(0);
    let status = response.get("status").and_then(Value::as_str).unwrap_or_default();
    SessionReport {
        status: Arc::from(status.chars().take(WORDS_MAX).collect::<String>()),
        peers: count(["peers", "peers"]),
        speed_down: count(["speed_down", "speedDown"]),
        speed_up: count(["speed_up", "speedUp"]),
        downloaded: count(["downloaded", "downloaded"]),
        uploaded: count(["uploaded", "uploaded"]),
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturating is what is wanted")]
fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64().or_else(|| number.as_f64().map(|float| float as u64)),
        Value::String(text) => text.parse().ok(),
        Value::Bool(yes) => Some(u64::from(*yes)),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests;
