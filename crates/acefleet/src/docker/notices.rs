//! Docker's event stream: opened again whenever it ends, from where it ended, with nothing told twice.

use super::daemon::{Call, Daemon};
use super::objects::Objects;
use super::read::{self, OurLabel};
use crate::http::Streaming;
use crate::metrics::CameOut;
use crate::runtime::{Failure, Told};
use control::docker::{Happened, Health, Notice};
use control::event::Silence;
use control::ids::ContainerId;
use control::time::Stamp;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

/// What is listened to. Docker's own words, then two of Podman's.
const WORDS: [&str; 10] =
    ["create", "start", "die", "pause", "unpause", "rename", "destroy", "health_status", "died", "remove"];

/// How long opening the stream may take.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection to another machine that is silent for so long is made anew: it may be cut without our knowing.
const REMOTE_QUIET_MAX: Duration = Duration::from_secs(60);

/// How long is waited before it is opened again: doubled each time that fails.
const BACKOFF_MIN: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(1);

/// How far back events are asked for again, because they may be written down out of order, and how many are
/// remembered so that none of them is told twice. Docker itself keeps 256.
const OVERLAP: Duration = Duration::from_secs(1);
const REMEMBERED_MAX: usize = 512;

/// Tells what happens, for as long as somebody listens.
pub(super) async fn tell(daemon: &Daemon, ours: &OurLabel, to: &mpsc::Sender<Told>) {
    let mut memory = Memory::default();
    let mut backoff = BACKOFF_MIN;
    while !to.is_closed() {
        match open(daemon, &memory).await {
            Ok(stream) => {
                backoff = BACKOFF_MIN;
                if to.send(Told::Opened).await.is_err() {
                    return;
                }
                let why = listen(daemon, stream, ours, &mut memory, to).await;
                tracing::debug!("Docker's event stream ended: {why}");
            }
            Err(failure) => {
                tracing::debug!("Docker's event stream cannot be opened: {failure:?}");
            }
        }
        tokio::select! {
            () = to.closed() => return,
            () = sleep(backoff) => backoff = (backoff * 2).min(BACKOFF_MAX),
        }
    }
}

async fn open(daemon: &Daemon, memory: &Memory) -> Result<Streaming, Failure> {
    let filters = json!({ "type": ["container"], "event": WORDS }).to_string();
    let filters: String = url::form_urlencoded::byte_serialize(filters.as_bytes()).collect();
    let since = memory.since().map(|since| format!("&since={since}")).unwrap_or_default();
    let opening = daemon.open(Call::get(format!("/events?filters={filters}{since}")));
    let began = Instant::now();
    let opened = timeout(OPEN_TIMEOUT, opening).await.unwrap_or(Err(Failure::Unknown(Silence::TimedOut)));
    daemon.count("events", CameOut::of(&opened), began.elapsed());
    opened
}

/// Passes on what comes until the stream ends or nobody listens; says why it is over.
async fn listen(
    daemon: &Daemon,
    mut stream: Streaming,
    ours: &OurLabel,
    memory: &mut Memory,
    to: &mpsc::Sender<Told>,
) -> String {
    let mut objects = Objects::default();
    loop {
        let quiet = if daemon.is_remote() { REMOTE_QUIET_MAX } else { Duration::MAX };
        let piece = tokio::select! {
            () = to.closed() => return "nobody listens".to_owned(),
            piece = timeout(quiet, stream.next()) => piece,
        };
        let piece = match piece {
            Ok(Ok(Some(piece))) => piece,
            Ok(Ok(None)) => return "Docker closed it".to_owned(),
            Ok(Err(failure)) => return failure.to_string(),
            Err(_) => return "it was quiet for too long".to_owned(),
        };
        for object in objects.take_in(&piece) {
            let Some(notice) = notice(object, ours) else { continue };
            if memory.is_new(&notice) && to.send(Told::Notice(notice)).await.is_err() {
                return "nobody listens".to_owned();
            }
        }
    }
}

/// What has been told, as far as it might come again.
#[derive(Default)]
struct Memory {
    latest: Option<Stamp>,
    told: VecDeque<(Stamp, ContainerId, Happened)>,
}

impl Memory {
    /// From when on events are asked for again, as Docker wants it written.
    fn since(&self) -> Option<String> {
        let nanos = Duration::from_nanos(self.latest?.as_nanos()).saturating_sub(OVERLAP);
        Some(format!("{}.{:09}", nanos.as_secs(), nanos.subsec_nanos()))
    }

    fn is_new(&mut self, notice: &Notice) -> bool {
        let this = (notice.at, notice.id, notice.happened);
        if self.told.contains(&this) {
            return false;
        }
        if self.told.len() == REMEMBERED_MAX {
            self.told.pop_front();
        }
        self.told.push_back(this);
        self.latest = self.latest.max(Some(notice.at));
        true
    }
}

/// One message of the stream. Docker writes some fields twice, under an old name and a new one.
#[derive(Deserialize)]
struct Message {
    #[serde(rename = "Type")]
    kind: Option<String>,
    #[serde(rename = "Action")]
    action: Option<String>,
    status: Option<String>,
    #[serde(rename = "Actor")]
    actor: Option<Actor>,
    id: Option<String>,
    time: Option<u64>,
    #[serde(rename = "timeNano")]
    nanos: Option<u64>,
    /// Podman's.
    #[serde(rename = "HealthStatus")]
    health: Option<String>,
}

#[derive(Deserialize)]
struct Actor {
    #[serde(rename = "ID")]
    id: Option<String>,
    #[serde(rename = "Attributes")]
    attributes: Option<BTreeMap<String, Option<String>>>,
}

/// What a message tells; `None` for whatever is of no interest or cannot be read.
fn notice(message: Value, ours: &OurLabel) -> Option<Notice> {
    let message: Message = serde_json::from_value(message).ok()?;
    if message.kind.as_deref().is_some_and(|kind| kind != "container") {
        return None;
    }
    let happened = happened(message.action.or(message.status)?.as_str(), message.health.as_deref())?;
    let actor = message.actor.unwrap_or(Actor { id: None, attributes: None });
    let id = read::id(&actor.id.or(message.id)?).ok()?;
    let attributes = actor.attributes.unwrap_or_default();
    let name = attributes.get("name").and_then(Option::as_deref);
    let at = message.nanos.or_else(|| message.time?.checked_mul(1_000_000_000))?;
    Some(Notice {
        id,
        name: read::own_name(name.into_iter(), id),
        ours: read::is_ours(&attributes, ours),
        happened,
        at: Stamp::from_nanos(at),
    })
}

fn happened(word: &str, podmans_health: Option<&str>) -> Option<Happened> {
    Some(match word {
        "create" => Happened::Created,
        "start" => Happened::Started,
        "die" | "died" => Happened::Died,
        "pause" => Happened::Paused,
        "unpause" => Happened::Unpaused,
        "rename" => Happened::Renamed,
        "destroy" | "remove" => Happened::Destroyed,
        other => {
            let told = other.strip_prefix("health_status")?;
            let word = told.strip_prefix(": ").or(podmans_health)?;
            match read::health(Some(word)) {
                Health::Unchecked => return None,
                health @ (Health::Starting | Health::Healthy | Health::Unhealthy) => {
                    Happened::HealthIs(health)
                }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use control::ids::Name;

    fn told(action: &str) -> Option<Happened> {
        let id = "ab".repeat(32);
        let attributes = json!({ "name": "acestream-1", "ondemand.app": "myservice" });
        let actor = json!({ "ID": id, "Attributes": attributes });
        let message = json!({ "Type": "container", "Action": action, "Actor": actor, "timeNano": 7 });
        let notice = notice(message, &("ondemand.app".into(), "myservice".into()))?;
        assert!(notice.ours && notice.name.as_str() == "acestream-1" && notice.at == Stamp::from_nanos(7));
        Some(notice.happened)
    }

    #[test]
    fn each_word_of_docker_means_one_thing() {
        assert_eq!(told("create"), Some(Happened::Created));
        assert_eq!(told("die"), Some(Happened::Died));
        assert_eq!(told("health_status: healthy"), Some(Happened::HealthIs(Health::Healthy)));
        assert_eq!(told("health_status: unhealthy"), Some(Happened::HealthIs(Health::Unhealthy)));
        assert_eq!(told("destroy"), Some(Happened::Destroyed));
    }

    #[test]
    fn what_is_of_no_interest_is_passed_over() {
        assert_eq!(told("exec_create: sh -c true"), None);
        assert_eq!(told("health_status: confused"), None);
        let ours = (String::new(), String::new());
        assert_eq!(notice(json!({ "Type": "network", "Action": "create" }), &ours), None);
        assert_eq!(notice(json!([1, "create"]), &ours), None);
        assert_eq!(
            notice(json!({ "Action": "create", "Actor": { "ID": "short" }, "timeNano": 1 }), &ours),
            None
        );
    }

    #[test]
    fn the_stream_is_resumed_a_little_before_the_latest_and_nothing_is_told_twice() {
        let mut memory = Memory::default();
        assert_eq!(memory.since(), None);
        let notice = Notice {
            id: ContainerId::from_bytes([1; 32]),
            name: Name::from("acestream-1"),
            ours: true,
            happened: Happened::Died,
            at: Stamp::from_nanos(5_000_000_007),
        };
        assert!(memory.is_new(&notice));
        assert_eq!(memory.since().as_deref(), Some("4.000000007"));
        assert!(!memory.is_new(&notice));
        let earlier = Notice { at: Stamp::from_nanos(4_900_000_000), ..notice };
        assert!(memory.is_new(&earlier));
        assert_eq!(memory.since().as_deref(), Some("4.000000007"));
        for at in 0..2 * REMEMBERED_MAX as u64 {
            memory.is_new(&Notice { at: Stamp::from_nanos(at), ..earlier.clone() });
        }
        assert_eq!(memory.told.len(), REMEMBERED_MAX);
    }
}
