//! Images that are missing, and are fetched: once at a time each, however many wait for it.
//!
//! A pull goes on when those who wait for it have given up: the next one finds the image there.

use super::daemon::{Call, Daemon, locked};
use super::objects::Objects;
use super::refusal;
use crate::metrics::CameOut;
use crate::runtime::Failure;
use control::event::{Refusal, Silence};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

/// How long a pull may take, and how long it may be silent.
const PULL_TIMEOUT: Duration = Duration::from_secs(3_600);
const QUIET_MAX: Duration = Duration::from_secs(900);
/// A pull that failed is not begun again before this is over.
const AGAIN_AFTER: Duration = Duration::from_secs(30);
/// How often its progress is logged.
const LOG_EVERY: Duration = Duration::from_secs(5);

/// How many images are remembered, and how many layers of each.
const IMAGES_MAX: usize = 16;
const LAYERS_MAX: usize = 256;

/// An image that is being fetched, or could not be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pulling {
    /// The image, with its tag.
    pub image: String,
    /// How far it is.
    pub progress: Progress,
    /// Why it could not be fetched; `None` while it is being fetched.
    pub failed: Option<Arc<str>>,
}

/// How far a pull is.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Progress {
    /// Bytes that are there, of those layers whose size is known.
    pub bytes: u64,
    /// Bytes of those layers altogether.
    pub bytes_total: u64,
    /// Layers that are complete.
    pub layers: usize,
    /// Layers altogether.
    pub layers_total: usize,
}

impl Progress {
    /// How much of what is known is there; `None` while nothing is known.
    pub fn percent(self) -> Option<u8> {
        let percent = self.bytes.checked_mul(100)?.checked_div(self.bytes_total)?;
        Some(u8::try_from(percent.min(100)).unwrap_or(100))
    }
}

/// Every pull there is.
#[derive(Default)]
pub(super) struct Pulls {
    known: Mutex<BTreeMap<String, Pull>>,
}

struct Pull {
    progress: Progress,
    stage: Stage,
}

enum Stage {
    Running(watch::Receiver<Option<Result<(), Failure>>>),
    Failed { why: Arc<str>, at: Instant },
}

impl Pulls {
    /// Every image that is being fetched, or could not be.
    pub(super) fn all(&self) -> Vec<Pulling> {
        let known = locked(&self.known);
        let pulls = known.iter().map(|(image, pull)| Pulling {
            image: image.clone(),
            progress: pull.progress,
            failed: match &pull.stage {
                Stage::Running(_) => None,
                Stage::Failed { why, .. } => Some(Arc::clone(why)),
            },
        });
        pulls.collect()
    }

    /// The image is there: why it was not, is of no interest any more.
    pub(super) fn is_there(&self, image: &str) {
        locked(&self.known).retain(|known, pull| known != image || matches!(pull.stage, Stage::Running(_)));
    }

    /// Fetches an image, or waits for whoever is fetching it already.
    pub(super) async fn fetch(self: &Arc<Self>, daemon: &Arc<Daemon>, image: &str) -> Result<(), Failure> {
        let mut ended = self.join(daemon, image)?;
        match ended.wait_for(Option::is_some).await {
            Ok(how) => how.clone().unwrap_or(Err(Failure::Unknown(Silence::Disconnected))),
            Err(_) => Err(Failure::Unknown(Silence::Disconnected)),
        }
    }

    /// The end of the pull that runs, or of a new one.
    fn join(
        self: &Arc<Self>,
        daemon: &Arc<Daemon>,
        image: &str,
    ) -> Result<watch::Receiver<Option<Result<(), Failure>>>, Failure> {
        let mut known = locked(&self.known);
        match known.get(image).map(|pull| &pull.stage) {
            // One whose task is gone without a word has ended, too.
            Some(Stage::Running(ended)) if ended.has_changed().is_ok() => return Ok(ended.clone()),
            Some(Stage::Failed { at, .. }) if at.elapsed() < AGAIN_AFTER => {
                return Err(Failure::Refused(Refusal::ImageMissing));
            }
            Some(Stage::Running(_) | Stage::Failed { .. }) | None => {}
        }
        let (end, ended) = watch::channel(None);
        if known.len() >= IMAGES_MAX && !known.contains_key(image) {
            known.retain(|_, pull| matches!(pull.stage, Stage::Running(_)));
        }
        let running = Stage::Running(ended.clone());
        known.insert(image.to_owned(), Pull { progress: Progress::default(), stage: running });
        let (pulls, daemon, image) = (Arc::clone(self), Arc::clone(daemon), image.to_owned());
        tokio::spawn(async move {
            let how = pulls.run(&daemon, &image).await;
            // Whoever waited may have given up.
            end.send_replace(Some(how));
        });
        Ok(ended)
    }

    async fn run(&self, daemon: &Daemon, image: &str) -> Result<(), Failure> {
        tracing::info!("the image {image} is missing and is fetched now");
        let began = Instant::now();
        let pulled = timeout(PULL_TIMEOUT, self.pull(daemon, image)).await;
        let pulled = pulled.unwrap_or_else(|_| {
            Err(Ended::Failed(format!("it was not there after {} minutes", PULL_TIMEOUT.as_secs() / 60)))
        });
        let came_out = match &pulled {
            Ok(()) => CameOut::Done,
            Err(Ended::Failed(_)) => CameOut::Refused,
            Err(Ended::Lost(_)) => CameOut::Unknown,
        };
        daemon.count("pull", came_out, began.elapsed());
        let mut known = locked(&self.known);
        match pulled {
            Ok(()) => {
                tracing::info!("the image {image} is there");
                known.remove(image);
                Ok(())
            }
            Err(Ended::Lost(failure)) => {
                tracing::warn!("Docker was lost while it fetched the image {image}");
                known.remove(image);
                Err(failure)
            }
            Err(Ended::Failed(why)) => {
                tracing::error!(
                    "the image {image} cannot be fetched: {why}; see whether its name and tag are right and its \
                     registry can be reached, or fetch it by hand: docker pull {image}"
                );
                if let Some(pull) = known.get_mut(image) {
                    pull.stage = Stage::Failed { why: why.into(), at: Instant::now() };
                }
                Err(Failure::Refused(Refusal::ImageMissing))
            }
        }
    }

    async fn pull(&self, daemon: &Daemon, image: &str) -> Result<(), Ended> {
        let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let (name, tag) = name_and_tag(image);
        let call = Call::post(format!("/images/create?fromImage={}&tag={}", encoded(name), encoded(tag)));
        let opening = timeout(QUIET_MAX, daemon.open(call)).await;
        let mut stream = opening.map_err(|_| Ended::quiet())?.map_err(|failure| match failure {
            Failure::Refused(Refusal::Unexplained(words)) => Ended::Failed(words.to_string()),
            Failure::Refused(refusal) => Ended::Failed(refusal.to_string()),
            Failure::Unknown(_) => Ended::Lost(failure),
        })?;
        let (mut objects, mut layers) = (Objects::default(), BTreeMap::new());
        let mut log_at = Instant::now() + LOG_EVERY;
        loop {
            let piece = timeout_at(Instant::now() + QUIET_MAX, stream.next()).await;
            let piece = piece.map_err(|_| Ended::quiet())?;
            let Some(piece) = piece.map_err(|failure| Ended::Lost(daemon.broken(&failure)))? else {
                return Ok(());
            };
            for object in objects.take_in(&piece) {
                let Ok(line) = serde_json::from_value::<Line>(object) else { continue };
                if let Some(why) = line.error() {
                    return Err(Ended::Failed(refusal::bounded(&why)));
                }
                line.note(&mut layers);
            }
            let progress = progress(&layers);
            if let Some(pull) = locked(&self.known).get_mut(image) {
                pull.progress = progress;
            }
            if Instant::now() >= log_at {
                log_at = Instant::now() + LOG_EVERY;
                let Progress { layers, layers_total, .. } = progress;
                let percent = progress.percent().unwrap_or(0);
                tracing::info!("fetching {image}: {percent} %, {layers} of {layers_total} layers");
            }
        }
    }
}

/// Why a pull is over without its image.
enum Ended {
    /// It cannot be had.
    Failed(String),
    /// Docker is gone, which says nothing about the image.
    Lost(Failure),
}

impl Ended {
    fn quiet() -> Self {
        Self::Failed(format!("nothing was heard of it for {} s", QUIET_MAX.as_secs()))
    }
}

/// A line of a pull's progress.
#[derive(Deserialize)]
struct Line {
    status: Option<String>,
    id: Option<String>,
    #[serde(rename = "progressDetail")]
    detail: Option<Detail>,
    error: Option<String>,
    #[serde(rename = "errorDetail")]
    error_detail: Option<ErrorDetail>,
}

#[derive(Deserialize)]
struct Detail {
    current: Option<u64>,
    total: Option<u64>,
}

#[derive(Deserialize)]
struct ErrorDetail {
    message: Option<String>,
}

/// What is known of one layer.
#[derive(Default)]
struct Layer {
    current: u64,
    total: u64,
    complete: bool,
}

impl Line {
    fn error(&self) -> Option<String> {
        let detail = self.error_detail.as_ref().and_then(|detail| detail.message.clone());
        detail.or_else(|| self.error.clone())
    }

    fn note(self, layers: &mut BTreeMap<String, Layer>) {
        let (Some(status), Some(id)) = (self.status, self.id) else { return };
        // The first line of a pull has the tag as its id.
        if status.starts_with("Pulling from") || (layers.len() >= LAYERS_MAX && !layers.contains_key(&id)) {
            return;
        }
        let layer = layers.entry(id).or_default();
        match status.as_str() {
            "Downloading" => {
                let detail = self.detail.unwrap_or(Detail { current: None, total: None });
                layer.current = detail.current.unwrap_or(layer.current);
                layer.total = detail.total.unwrap_or(layer.total);
            }
            "Download complete" | "Extracting" => layer.current = layer.total,
            "Pull complete" | "Already exists" => {
                layer.current = layer.total;
                layer.complete = true;
            }
            _ => {}
        }
    }
}

fn progress(layers: &BTreeMap<String, Layer>) -> Progress {
    Progress {
        bytes: layers.values().fold(0, |sum, layer| sum.saturating_add(layer.current)),
        bytes_total: layers.values().fold(0, |sum, layer| sum.saturating_add(layer.total)),
        layers: layers.values().filter(|layer| layer.complete).count(),
        layers_total: layers.len(),
    }
}

/// An image's name and its tag, or its digest in the tag's place; without either, the tag is `latest`.
fn name_and_tag(image: &str) -> (&str, &str) {
    if let Some((name, digest)) = image.split_once('@') {
        return (name, digest);
    }
    match image.rsplit_once(':') {
        // A colon before a slash belongs to the registry's port.
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        Some(_) | None => (image, "latest"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_tag_is_what_follows_the_last_colon_of_the_name() {
        assert_eq!(name_and_tag("jopsis/acestream:x64"), ("jopsis/acestream", "x64"));
        assert_eq!(name_and_tag("127.0.0.1:5000/engine"), ("127.0.0.1:5000/engine", "latest"));
        assert_eq!(name_and_tag("127.0.0.1:5000/engine:1"), ("127.0.0.1:5000/engine", "1"));
        assert_eq!(name_and_tag("engine@sha256:00"), ("engine", "sha256:00"));
    }

    #[test]
    fn progress_counts_bytes_and_layers() {
        let mut layers = BTreeMap::new();
        let lines = [
            json!({"status": "Pulling from jopsis/acestream", "id": "x64"}),
            json!({"status": "Pulling fs layer", "id": "a"}),
            json!({"status": "Already exists", "id": "b"}),
            json!({"status": "Downloading", "id": "a", "progressDetail": {"current": 25, "total": 100}}),
            json!({"status": "Digest: sha256:00"}),
        ];
        for line in lines {
            serde_json::from_value::<Line>(line).expect("a line").note(&mut layers);
        }
        let seen = progress(&layers);
        assert_eq!((seen.percent(), seen.layers, seen.layers_total), (Some(25), 1, 2));
        assert_eq!(Progress::default().percent(), None);
    }
}
