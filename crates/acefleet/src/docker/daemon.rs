//! One Docker, and how it is asked: in which version of its API, over which connection, and what its errors mean.
//!
//! Deadlines of calls are the caller's; only making connections and agreeing on a version have bounds of their own.

use super::connect::{Connector, Wire};
use super::refusal;
use crate::http::{self, Answer, Request, Streaming};
use crate::metrics::{CameOut, Meters};
use crate::runtime::Failure;
use crate::settings::DockerHost;
use bytes::Bytes;
use control::event::{Refusal, Silence};
use hyper::Method;
use serde::Deserialize;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tokio::time::timeout;

/// The newest version of Docker's API whose answers are known here, and the oldest that has all that is needed.
const NEWEST_KNOWN: Version = Version(1, 51);
const OLDEST_KNOWN: Version = Version(1, 24);

/// How long agreeing on a version may take.
const VERSION_TIMEOUT: Duration = Duration::from_secs(5);

/// The longest answer that is read, unless a caller expects more.
const ANSWER_MAX_BYTES: usize = 1 << 20;

/// A version of Docker's API.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Version(u16, u16);

/// What is known of the other side.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Peer {
    version: Version,
    /// It is Podman, which says some things differently.
    pub(super) is_podman: bool,
}

/// One Docker.
pub(super) struct Daemon {
    connector: Connector,
    peer: Mutex<Option<Peer>>,
    /// The version that was last said aloud.
    told: Mutex<Option<Version>>,
    trouble: Mutex<Option<String>>,
    /// Where what nobody asks for is counted, once that is known.
    meters: OnceLock<Arc<Meters>>,
}

/// A question to Docker; its path has no version yet.
pub(super) struct Call {
    method: Method,
    path: String,
    body: Option<Bytes>,
    limit: usize,
}

impl Call {
    pub(super) fn new(method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), body: None, limit: ANSWER_MAX_BYTES }
    }

    pub(super) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path)
    }

    pub(super) fn post(path: impl Into<String>) -> Self {
        Self::new(Method::POST, path)
    }

    #[must_use]
    pub(super) fn json(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Reads answers of up to this many bytes.
    #[must_use]
    pub(super) fn up_to(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }
}

impl Daemon {
    pub(super) fn new(host: DockerHost) -> Self {
        Self {
            connector: Connector::new(host),
            peer: Mutex::default(),
            told: Mutex::default(),
            trouble: Mutex::default(),
            meters: OnceLock::new(),
        }
    }

    pub(super) fn count_in(&self, meters: &Arc<Meters>) {
        self.meters.get_or_init(|| Arc::clone(meters));
    }

    /// Something was asked of Docker that no call of the program stands for.
    pub(super) fn count(&self, verb: &'static str, came_out: CameOut, took: Duration) {
        if let Some(meters) = self.meters.get() {
            meters.docker_call(verb, came_out, took);
        }
    }

    /// Why Docker did not answer when it was last asked; `None` once it did.
    pub(super) fn trouble(&self) -> Option<String> {
        locked(&self.trouble).clone()
    }

    /// The other end may vanish without a word.
    pub(super) fn is_remote(&self) -> bool {
        self.connector.is_remote()
    }

    /// Is it there? Asked without a version, which is all that this path needs.
    pub(super) async fn ping(&self) -> Result<(), Failure> {
        let answer = self.answer_to("/_ping", &Call::get("/_ping")).await?;
        carried(answer).map(drop)
    }

    /// Asks, and reads the whole answer. Only an answer that says yes comes back.
    pub(super) async fn ask(&self, call: Call) -> Result<Answer, Failure> {
        let answer = self.answer_to(&self.versioned(&call.path).await?, &call).await?;
        if !speaks_of_version(answer.status, &answer.body) {
            return carried(answer);
        }
        // It was replaced by another version meanwhile, and has carried nothing out.
        *locked(&self.peer) = None;
        carried(self.answer_to(&self.versioned(&call.path).await?, &call).await?)
    }

    /// Asks for something that comes piece by piece.
    pub(super) async fn open(&self, call: Call) -> Result<Streaming, Failure> {
        let path = self.versioned(&call.path).await?;
        let wire = self.connect().await?;
        let opened = http::open(wire, self.request(&path, &call)).await;
        let mut streaming = opened.map_err(|failure| self.broken(&failure))?;
        self.answered();
        if streaming.status < 400 {
            return Ok(streaming);
        }
        let mut body = Vec::new();
        while body.len() < ANSWER_MAX_BYTES
            && let Some(piece) = streaming.next().await.map_err(|failure| self.broken(&failure))?
        {
            body.extend_from_slice(&piece);
        }
        if speaks_of_version(streaming.status, &body) {
            *locked(&self.peer) = None;
        }
        Err(Failure::Refused(refusal::of(streaming.status, &body)))
    }

    /// What is known of the other side, asking if that is not known yet.
    pub(super) async fn peer(&self) -> Result<Peer, Failure> {
        let known = *locked(&self.peer);
        if let Some(peer) = known {
            return Ok(peer);
        }
        let call = Call::get("/version");
        let asking = self.answer_to("/version", &call);
        let answer =
            timeout(VERSION_TIMEOUT, asking).await.map_err(|_| Failure::Unknown(Silence::TimedOut))??;
        let told = carried(answer)?;
        let peer = Peer::told(&told.body).map_err(|wrong| {
            Failure::Refused(Refusal::Unexplained(format!("what answers is no Docker: {wrong}").into()))
        })?;
        *locked(&self.peer) = Some(peer);
        // What is asked again after a broken connection is nearly always told the same.
        if locked(&self.told).replace(peer.version) != Some(peer.version) {
            tracing::info!("{} speaks version {} of Docker's API", self.connector, peer.version);
        }
        Ok(peer)
    }

    async fn versioned(&self, path: &str) -> Result<String, Failure> {
        Ok(format!("/v{}{path}", self.peer().await?.version))
    }

    async fn answer_to(&self, path: &str, call: &Call) -> Result<Answer, Failure> {
        let wire = self.connect().await?;
        let answer = http::call(wire, self.request(path, call), call.limit).await;
        let answer = answer.map_err(|failure| self.broken(&failure))?;
        self.answered();
        if answer.status >= 400 {
            let Call { method, .. } = call;
            tracing::debug!("{method} {path} was refused: {}", refusal::words(answer.status, &answer.body));
        }
        Ok(answer)
    }

    async fn connect(&self) -> Result<Box<dyn Wire>, Failure> {
        self.connector.connect().await.map_err(|wrong| self.lost(wrong))
    }

    /// Nothing is known any more, not even which version will be there next.
    fn lost(&self, why: String) -> Failure {
        *locked(&self.peer) = None;
        let mut trouble = locked(&self.trouble);
        if trouble.as_ref() != Some(&why) {
            tracing::warn!("{why}");
            *trouble = Some(why);
        }
        Failure::Unknown(Silence::Disconnected)
    }

    fn answered(&self) {
        if locked(&self.trouble).take().is_some() {
            tracing::info!("{} answers again", self.connector);
        }
    }

    fn request(&self, path: &str, call: &Call) -> Request {
        let request = Request::new(call.method.clone(), self.connector.host_header(), path);
        match &call.body {
            Some(body) => request.json(body.clone()),
            None => request,
        }
    }

    /// What a call that ended so came to: nobody knows, if its connection broke.
    pub(super) fn broken(&self, failure: &http::Failure) -> Failure {
        match failure {
            http::Failure::Broken(_) => self.lost(format!("{}: {failure}", self.connector)),
            http::Failure::TooLong(_) | http::Failure::Malformed(_) => {
                Failure::Refused(Refusal::Unexplained(failure.to_string().into()))
            }
        }
    }
}

impl Peer {
    fn told(body: &[u8]) -> Result<Self, String> {
        let told: Told = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        let newest: Version = told.api_version.parse()?;
        let oldest: Option<Version> = told.min_api_version.as_deref().and_then(|text| text.parse().ok());
        if newest < OLDEST_KNOWN {
            return Err(format!("it speaks version {newest} of the API, and {OLDEST_KNOWN} is needed"));
        }
        let version = newest.min(NEWEST_KNOWN).max(oldest.unwrap_or(OLDEST_KNOWN));
        let is_podman = told.components.iter().flatten().any(|part| part.name.starts_with("Podman"));
        Ok(Self { version, is_podman })
    }
}

/// What `/version` answers.
#[derive(Deserialize)]
struct Told {
    #[serde(rename = "ApiVersion")]
    api_version: String,
    #[serde(rename = "MinAPIVersion")]
    min_api_version: Option<String>,
    #[serde(rename = "Components")]
    components: Option<Vec<Component>>,
}

#[derive(Deserialize)]
struct Component {
    #[serde(rename = "Name", default)]
    name: String,
}

impl FromStr for Version {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('.').and_then(|(major, minor)| {
            // Podman has been seen to add a third number.
            let minor = minor.split('.').next()?;
            Some(Self(major.parse().ok()?, minor.parse().ok()?))
        });
        parts.ok_or_else(|| format!("{:?} is no version of an API", refusal::bounded(text)))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// An answer that says yes, or what its no means.
fn carried(answer: Answer) -> Result<Answer, Failure> {
    if answer.status < 400 {
        Ok(answer)
    } else {
        Err(Failure::Refused(refusal::of(answer.status, &answer.body)))
    }
}

/// Docker's words when it does not speak the version that it was asked in.
fn speaks_of_version(status: u16, body: &[u8]) -> bool {
    status == 400 && String::from_utf8_lossy(body).contains("client version")
}

/// What is kept here stays true if a thread dies while it holds the lock.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(newest: &str, oldest: &str) -> Result<String, String> {
        let body = serde_json::json!({ "ApiVersion": newest, "MinAPIVersion": oldest }).to_string();
        Peer::told(body.as_bytes()).map(|peer| peer.version.to_string())
    }

    #[test]
    fn both_sides_speak_the_newest_version_that_both_know() {
        assert_eq!(version("1.41", "1.12").as_deref(), Ok("1.41"));
        assert_eq!(version("1.99", "1.24").as_deref(), Ok("1.51"));
        assert_eq!(version("1.99", "1.60").as_deref(), Ok("1.60"));
        assert!(version("1.18", "1.12").is_err_and(|wrong| wrong.contains("1.24")));
        assert!(version("newest", "").is_err());
    }

    #[test]
    fn podman_is_known_by_its_components() {
        let body = br#"{"ApiVersion":"1.41","MinAPIVersion":"1.24","Components":[{"Name":"Podman Engine"}]}"#;
        assert!(Peer::told(body).is_ok_and(|peer| peer.is_podman));
    }
}
