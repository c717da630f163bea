//! `/events/stream`: everything as it is, and then every change, for whoever keeps listening.
//!
//! One task compares each new picture with the one before and writes what has changed once for all listeners.
//! Who falls behind is sent everything again. An event's id is the number of the latest entry of the journal that has
//! been told by then: who comes back with it finds in the first event every entry that it has missed.

use super::Api;
use super::error::{Failure, Problem};
use super::wire::engine::{EngineState, engines};
use super::wire::journal::JournalEntry;
use super::wire::status::OrchestratorStatus;
use super::wire::stream::StreamState;
use super::wire::vpn::VpnStatus;
use crate::driver::gate::Picture;
use crate::journal::Numbered;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use control::snapshot::StreamView;
use futures_util::{Stream, StreamExt, stream};
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast};
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

/// Listeners at the same time.
const LISTENERS_MAX: usize = 64;
/// Sets of changes that a listener may fall behind before it is sent everything again.
const BEHIND_MAX: usize = 256;
/// Changes are told at most this often.
const CHANGES_EVERY: Duration = Duration::from_millis(50);
/// Where browsers say which event was the last that they have got.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// A reverse proxy that gathers what it passes on, as nginx does, is told not to.
const UNBUFFERED: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
/// A sign of life while nothing changes.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Entries of the journal in the first event.
const JOURNAL_FIRST: usize = 100;

/// The data of the event `snapshot`: everything, the other events' data in lists.
#[derive(Serialize, ToSchema)]
pub(super) struct Everything {
    /// Which picture this is.
    number: u64,
    /// The program's version.
    version: &'static str,
    /// Changes and some reads need a key.
    key_needed: bool,
    /// This is the demo: faults can be made.
    demo: bool,
    /// The state of the whole; the event `status`.
    status: OrchestratorStatus,
    /// The VPNs; the event `vpn`.
    vpn: VpnStatus,
    /// Every engine, offered or not; the events `engine`, and `engine_gone` with `{"container_id"}`.
    engines: Vec<EngineState>,
    /// Every stream; the events `stream`, and `stream_gone` with `{"id"}`.
    streams: Vec<StreamState>,
    /// The latest entries, the newest first; the event `journal`. Who sends `Last-Event-ID` is told all that it has
    /// missed, if that is not longer ago than the last 1,000.
    journal: Vec<JournalEntry>,
}

/// Changes of one picture, written once for everybody.
#[derive(Clone)]
struct Written {
    number: u64,
    newest_entry: u64,
    events: Arc<[Event]>,
    /// The journal's entries, by their numbers: whoever was sent everything meanwhile knows some of them.
    entries: Arc<[(u64, Event)]>,
}

/// Where changes are told. Cheap to clone.
#[derive(Clone)]
pub(super) struct Changes {
    told: broadcast::Sender<Written>,
    places: Arc<Semaphore>,
    /// The end of the program.
    over: CancellationToken,
}

impl Default for Changes {
    fn default() -> Self {
        Self {
            told: broadcast::Sender::new(BEHIND_MAX),
            places: Arc::new(Semaphore::new(LISTENERS_MAX)),
            over: CancellationToken::new(),
        }
    }
}

impl Changes {
    /// Ends every listener's stream.
    pub(super) fn end(&self) {
        self.over.cancel();
    }

    /// A place among those who listen, to this or to something else.
    pub(super) fn place(&self) -> Result<OwnedSemaphorePermit, Problem> {
        self.places.clone().try_acquire_owned().map_err(|_| {
            let message = format!("{LISTENERS_MAX} listen already; close one of them");
            Problem::unavailable(message).retry_after(10)
        })
    }

    /// Everybody hears that the program ends.
    pub(super) const fn over(&self) -> &CancellationToken {
        &self.over
    }
}

/// Tells what happens: the event `snapshot` with everything, then one event for each change.
#[utoipa::path(get, path = "/events/stream", tag = "status",
    responses((status = 200, body = Everything, content_type = "text/event-stream"),
        (status = 503, body = Failure)))]
pub(super) async fn get_events(State(api): State<Api>, headers: HeaderMap) -> Result<Response, Problem> {
    let place = api.changes.place()?;
    let over = api.changes.over.clone();
    let last = headers.get(LAST_EVENT_ID).and_then(|id| id.to_str().ok()?.trim().parse().ok());
    Ok(told(listen(api, place, last), over))
}

/// Tells it, with signs of life while there is nothing to tell, until the program ends.
pub(super) fn told(
    events: impl Stream<Item = Result<Event, Infallible>> + Send + 'static,
    over: CancellationToken,
) -> Response {
    let events = events.take_until(over.cancelled_owned());
    let sse = Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT).text("still here"));
    ([UNBUFFERED], sse).into_response()
}

/// What one listener has been sent and is to be sent.
struct Listener {
    api: Api,
    told: broadcast::Receiver<Written>,
    waiting: VecDeque<Event>,
    /// The picture that it knows; `None`: it has to be sent everything.
    knows: Option<u64>,
    /// The latest entry of the journal that it knows from another time, if it has been here before.
    last: Option<u64>,
    _place: OwnedSemaphorePermit,
}

fn listen(
    api: Api,
    place: OwnedSemaphorePermit,
    last: Option<u64>,
) -> impl Stream<Item = Result<Event, Infallible>> {
    let told = api.changes.told.subscribe();
    let listener = Listener { api, told, waiting: VecDeque::new(), knows: None, last, _place: place };
    stream::unfold(listener, |mut listener| async move {
        let event = listener.next().await?;
        Some((Ok(event), listener))
    })
}

impl Listener {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            let Some(knows) = self.knows else {
                let picture = self.api.picture();
                self.knows = Some(picture.number);
                let last = self.last.replace(picture.newest_entry());
                let data = everything(&self.api, &picture, last);
                return Some(event("snapshot", picture.newest_entry(), &data));
            };
            match self.told.recv().await {
                Ok(written) if written.number > knows => {
                    self.knows = Some(written.number);
                    let last = self.last.replace(written.newest_entry).unwrap_or(0);
                    self.waiting.extend(written.events.iter().cloned());
                    let unknown = written.entries.iter().filter(|(id, _)| *id > last);
                    self.waiting.extend(unknown.map(|(_, entry)| entry.clone()));
                }
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => self.knows = None,
                Err(RecvError::Closed) => return None,
            }
        }
    }
}

/// Compares each new picture with the one before, for as long as the program runs.
pub(super) async fn tell_changes(api: Api) {
    let mut news = api.parts.gate.news();
    let mut before = api.picture();
    while news.changed().await.is_ok() {
        let after = api.picture();
        if api.changes.told.receiver_count() > 0 {
            let (events, entries) = (changes(&api, &before, &after), entries(&before, &after));
            if !events.is_empty() || !entries.is_empty() {
                // Nobody listens any more: that is fine.
                let _nobody = api.changes.told.send(Written {
                    number: after.number,
                    newest_entry: after.newest_entry(),
                    events: events.into(),
                    entries: entries.into(),
                });
            }
        }
        before = after;
        tokio::time::sleep(CHANGES_EVERY).await;
    }
}

fn event<T: Serialize>(name: &str, id: u64, data: &T) -> Event {
    let text = serde_json::to_string(data).unwrap_or_default();
    Event::default().event(name).id(id.to_string()).data(text)
}

/// Everything that a picture shows; of the journal all that came after the entry `last`, at least the latest.
pub(super) fn everything(api: &Api, picture: &Picture, last: Option<u64>) -> Everything {
    let snapshot = &picture.snapshot;
    let now = api.now();
    let missed =
        last.map_or(0, |last| picture.journal.iter().rev().take_while(|entry| entry.id > last).count());
    let latest = picture.journal.iter().rev().take(JOURNAL_FIRST.max(missed));
    Everything {
        number: picture.number,
        version: env!("CARGO_PKG_VERSION"),
        key_needed: api.chosen().key.is_some(),
        demo: api.parts.more.makes_faults(),
        status: OrchestratorStatus::of(snapshot, api.chosen(), now),
        vpn: VpnStatus::of(snapshot, api.chosen().vpn_mode, now),
        engines: engines(snapshot, true),
        streams: snapshot.streams.iter().map(|view| StreamState::of(snapshot, view)).collect(),
        journal: latest.map(|entry| (&**entry).into()).collect(),
    }
}

/// What is different in `after` but for the journal, one event each.
fn changes(api: &Api, before: &Picture, after: &Picture) -> Vec<Event> {
    let (old, new) = (&before.snapshot, &after.snapshot);
    // The entries come last: until then, those of the picture before are the latest that have been told.
    let id = before.newest_entry();
    let mut events = Vec::new();
    for view in &new.engines {
        let known = old.engines.iter().find(|known| known.container_id == view.container_id);
        if known != Some(view) || old.ready != new.ready {
            events.push(event("engine", id, &EngineState::of(new, view)));
        }
    }
    for view in &old.engines {
        if !new.engines.iter().any(|left| left.container_id == view.container_id) {
            let gone = BTreeMap::from([("container_id", view.container_id.to_string())]);
            events.push(event("engine_gone", id, &gone));
        }
    }
    let streams = |streams: &[Arc<StreamView>]| -> BTreeMap<Arc<str>, Arc<StreamView>> {
        streams.iter().map(|view| (view.id.clone(), view.clone())).collect()
    };
    let (old_streams, new_streams) = (streams(&old.streams), streams(&new.streams));
    for (name, view) in &new_streams {
        if old_streams.get(name) != Some(view) {
            events.push(event("stream", id, &StreamState::of(new, view)));
        }
    }
    for gone in old_streams.keys().filter(|id| !new_streams.contains_key(*id)) {
        events.push(event("stream_gone", id, &BTreeMap::from([("id", gone.as_ref())])));
    }
    // Both are told as they would have been at the same moment, so that time alone is no change.
    let vpn = |snapshot| VpnStatus::of(snapshot, api.chosen().vpn_mode, new.at);
    if vpn(old) != vpn(new) {
        events.push(event("vpn", id, &vpn(new)));
    }
    let status = |snapshot| OrchestratorStatus::of(snapshot, api.chosen(), new.at);
    if status(old) != status(new) {
        events.push(event("status", id, &status(new)));
    }
    events
}

/// The journal's entries that `before` does not have, one event each.
fn entries(before: &Picture, after: &Picture) -> Vec<(u64, Event)> {
    let entry = |entry: &Arc<Numbered>| (entry.id, event("journal", entry.id, &JournalEntry::from(&**entry)));
    after.written_since(Some(before)).iter().map(entry).collect()
}
