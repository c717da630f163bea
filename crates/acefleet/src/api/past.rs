//! Routes that tell what has been: the journal, streams, samples of them, states of VPNs and engines.
//!
//! What the picture and the history in memory have is told from there; what they have forgotten is read from the
//! store, with a time limit. If that fails, what is in memory is told, and a header says that it is not all.

use super::Api;
use super::error::{Failure, Problem};
use super::extract::{Id, Params, bounded};
use super::read::write;
use super::wire::container::engine_meant;
use super::wire::journal::JournalEntry;
use super::wire::past::StateEntry;
use super::wire::stream::{StreamSample, StreamState};
use super::wire::time::read as read_time;
use crate::journal::{Filter, whole_millis};
use crate::log::OneLine;
use crate::store::{About, Ends, States, Unread};
use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use control::Time;
use control::journal::What;
use control::snapshot::StreamView;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Entries that are told unless more are asked for, and the most.
const ENTRIES_DEFAULT: usize = 100;
const ENTRIES_MAX: usize = 1_000;
/// Samples of a stream that are read of the store for one answer.
const SAMPLES_MAX: usize = 10_000;
/// The longest name or id that is searched for.
const NAME_MAX_BYTES: usize = 8 * 1024;
/// Kinds of entries that may be asked for at once.
const KINDS_MAX: usize = What::KINDS.len();
/// Says that an answer is not all, and why.
const INCOMPLETE: HeaderName = HeaderName::from_static("x-acefleet-incomplete");

/// An answer that may lack what could not be read.
fn told<T: Serialize>(answer: &T, lacks: Option<&Unread>) -> Response {
    let mut response = Response::new(Body::from(write(answer)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(why) = lacks {
        let why: String = OneLine(why).to_string().chars().filter(char::is_ascii).collect();
        let why = HeaderValue::from_str(&why);
        let why = why.unwrap_or_else(|_| HeaderValue::from_static("the store cannot be read"));
        response.headers_mut().insert(INCOMPLETE, why);
    }
    response
}

fn moment(name: &str, text: Option<&str>) -> Result<Option<Time>, Problem> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let wrong = || Problem::invalid(format!("{name} is no time: write it like 2026-01-31T12:00:00Z"));
    read_time(text).ok_or_else(wrong).map(Some)
}

/// Both ends of a time, in order.
fn span(since: Option<&str>, until: Option<&str>) -> Result<(Option<Time>, Option<Time>), Problem> {
    let (since, until) = (moment("since", since)?, moment("until", until)?);
    if let (Some(since), Some(until)) = (since, until)
        && until < since
    {
        return Err(Problem::invalid("until is before since: nothing can be between them"));
    }
    Ok((since, until))
}

fn limit_of(limit: Option<usize>, default: usize) -> Result<usize, Problem> {
    let limit = limit.unwrap_or(default);
    if !(1..=ENTRIES_MAX).contains(&limit) {
        return Err(Problem::invalid(format!("limit has to be between 1 and {ENTRIES_MAX}")));
    }
    Ok(limit)
}

/// Whom something is to be about; nothing counts as nobody in particular.
fn name(what: &str, text: Option<String>) -> Result<Option<String>, Problem> {
    let text = text.filter(|text| !text.is_empty());
    text.as_deref().map_or(Ok(()), |text| bounded(what, text, NAME_MAX_BYTES))?;
    Ok(text)
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct JournalQuery {
    /// Entries that concern this engine: name, id, or the beginning of it from 12 digits on.
    engine: Option<String>,
    /// Entries that concern this VPN: its container's name.
    vpn: Option<String>,
    /// Entries that concern this stream: its id.
    stream: Option<String>,
    /// Entries of this kind, or of these with commas between them.
    kind: Option<String>,
    /// Entries that belong to this operation, as whoever asked for it was told.
    operation: Option<String>,
    /// From this moment on: RFC 3339, or seconds since 1970.
    since: Option<String>,
    /// Up to this moment.
    until: Option<String>,
    /// Entries before the one with this id: read on where the last answer ended.
    before: Option<u64>,
    /// At most so many; 100 unless said otherwise, 1,000 at most.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

impl JournalQuery {
    fn filter(self) -> Result<(Filter, usize), Problem> {
        let (since, until) = span(self.since.as_deref(), self.until.as_deref())?;
        let filter = Filter {
            since,
            until,
            kinds: kinds(self.kind.as_deref().unwrap_or_default())?,
            engine: name("engine", self.engine)?,
            vpn: name("vpn", self.vpn)?,
            stream: name("stream", self.stream)?,
            operation: name("operation", self.operation)?,
            before: self.before,
        };
        Ok((filter, limit_of(self.limit, ENTRIES_DEFAULT)?))
    }
}

fn kinds(text: &str) -> Result<Vec<String>, Problem> {
    let kinds: Vec<&str> = text.split(',').map(str::trim).filter(|kind| !kind.is_empty()).collect();
    if kinds.len() > KINDS_MAX || kinds.iter().any(|kind| !What::KINDS.contains(kind)) {
        let known = What::KINDS.join(", ");
        return Err(Problem::invalid(format!(
            "kind has to be one of these, or several with commas: {known}"
        )));
    }
    Ok(kinds.into_iter().map(str::to_owned).collect())
}

/// What was decided and why, the newest first; what the program has forgotten is read from the store.
#[utoipa::path(get, path = "/journal", tag = "status", params(JournalQuery),
    responses((status = 200, body = Vec<JournalEntry>), (status = 422, body = Failure)))]
pub(super) async fn get_journal(
    State(api): State<Api>,
    Params(query): Params<JournalQuery>,
) -> Result<Response, Problem> {
    let (mut filter, limit) = query.filter()?;
    let picture = api.picture();
    let in_memory = picture.journal.iter().rev().filter(|entry| filter.wants(entry));
    let mut entries: Vec<JournalEntry> = in_memory.take(limit).map(|entry| (&**entry).into()).collect();
    let oldest = picture.journal.first();
    let has_all = oldest.is_some_and(|oldest| filter.since.is_some_and(|since| oldest.entry.at < since));
    if entries.len() == limit || has_all {
        return Ok(told(&entries, None));
    }
    let before = filter.before.into_iter().chain(oldest.map(|oldest| oldest.id)).min();
    filter.before = before;
    match api.parts.store.readers().journal(filter, limit - entries.len()).await {
        Ok(older) => {
            entries.extend(older.into_iter().map(JournalEntry::from));
            Ok(told(&entries, None))
        }
        Err(why) => Ok(told(&entries, Some(&why))),
    }
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct StreamsQuery {
    /// Those that go on, or those that have ended.
    #[param(inline)]
    status: Option<StreamStatus>,
    /// Those on this engine: id, the beginning of it, or name.
    container_id: Option<String>,
    /// With `status=ended`: those that ended at this moment or later.
    since: Option<String>,
    /// With `status=ended`: those that ended at this moment or earlier.
    until: Option<String>,
    /// With `status=ended`: the latest so many; 1,000 at most, and unless said otherwise.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum StreamStatus {
    Started,
    Ended,
}

/// Streams: those that go on by their ids, then the latest that have ended, the last one last. With `status=ended` also
/// those of earlier lives, as long as the store keeps them.
#[utoipa::path(get, path = "/streams", tag = "streams", params(StreamsQuery),
    responses((status = 200, body = Vec<StreamState>), (status = 422, body = Failure)))]
pub(super) async fn get_streams(
    State(api): State<Api>,
    Params(query): Params<StreamsQuery>,
) -> Result<Response, Problem> {
    let (since, until) = span(query.since.as_deref(), query.until.as_deref())?;
    let picture = api.picture();
    let snapshot = &picture.snapshot;
    // An engine that is gone may still have streams that have ended.
    let engine = query.container_id.as_deref().map(|said| {
        let known = engine_meant(snapshot, said).map(|view| view.container_id);
        known.or_else(|| control::ids::ContainerId::parse(said))
    });
    let in_time = |at: Time| since.is_none_or(|since| since <= at) && until.is_none_or(|until| at <= until);
    let shown = |view: &&StreamView| {
        let status =
            query.status.is_none_or(|status| (status == StreamStatus::Ended) == view.ended.is_some());
        let on_it = engine.is_none_or(|meant| meant.is_some() && view.engine.map(|(id, _)| id) == meant);
        status && on_it && view.ended.is_none_or(|(at, _)| in_time(at))
    };
    let streams = snapshot.streams.iter().map(AsRef::as_ref).filter(shown);
    let mut streams: Vec<_> = streams.map(|view| StreamState::of(snapshot, view)).collect();
    if query.status != Some(StreamStatus::Ended) {
        if since.is_some() || until.is_some() || query.limit.is_some() {
            return Err(Problem::invalid("since, until and limit go with status=ended"));
        }
        return Ok(told(&streams, None));
    }
    let limit = limit_of(query.limit, ENTRIES_MAX)?;
    // Nobody has a name that means no engine.
    if engine == Some(None) {
        return Ok(told(&streams, None));
    }
    let ends = Ends { since, until, engine: engine.flatten().map(|id| id.to_string()) };
    let older = api.parts.store.readers().ended(ends, limit).await;
    let lacks = older.as_ref().err().cloned();
    for stream in older.unwrap_or_default() {
        // What was written has whole milliseconds.
        let began = whole_millis(stream.began);
        let known = |shown: &StreamState| shown.id == stream.id && whole_millis(shown.started_at.0) == began;
        if !streams.iter().any(known) {
            streams.push(stream.into());
        }
    }
    streams.sort_by_key(|stream| stream.ended_at);
    let superfluous = streams.len().saturating_sub(limit);
    streams.drain(..superfluous);
    Ok(told(&streams, lacks.as_ref()))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SinceQuery {
    /// From this moment on: RFC 3339, or seconds since 1970.
    since: Option<String>,
}

/// Samples of one stream, the oldest first. Empty for one that is not known.
#[utoipa::path(get, path = "/streams/{id}/stats", tag = "streams",
    params(("id" = String, Path, description = "The stream's id, percent-encoded"), SinceQuery),
    responses((status = 200, body = Vec<StreamSample>), (status = 422, body = Failure)))]
pub(super) async fn get_stream_stats(
    State(api): State<Api>,
    Id(id): Id,
    Params(query): Params<SinceQuery>,
) -> Result<Response, Problem> {
    let since = moment("since", query.since.as_deref())?;
    let (samples, oldest, began, usual) = api.with_history(|history| {
        let samples: Vec<StreamSample> = history.samples(&id, since).map(Into::into).collect();
        let oldest = history.samples(&id, None).next().map(|sample| sample.at);
        (samples, oldest, history.began(&id), history.samples_max())
    });
    // Without a moment the latest will do; with one, everything since then is meant.
    let (lacks, most) = match (since, oldest) {
        (_, None) => (true, usual),
        (None, Some(_)) => (false, 0),
        (Some(since), Some(oldest)) => (since < oldest, SAMPLES_MAX),
    };
    if !lacks {
        return Ok(told(&samples, None));
    }
    let readers = api.parts.store.readers();
    Ok(match readers.samples(id, began, (since, oldest), most).await {
        Ok(older) => {
            let older = older.iter().map(StreamSample::from);
            told(&older.chain(samples).collect::<Vec<_>>(), None)
        }
        Err(why) => told(&samples, Some(&why)),
    })
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct StatesQuery {
    /// Of engines, or of VPNs.
    #[param(inline)]
    about: Option<AboutWord>,
    /// Of the one whose container has this name.
    name: Option<String>,
    /// From this moment on: RFC 3339, or seconds since 1970.
    since: Option<String>,
    /// Up to this moment.
    until: Option<String>,
    /// Before the one with this id: read on where the last answer ended.
    before: Option<u64>,
    /// At most so many; 100 unless said otherwise, 1,000 at most.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum AboutWord {
    Engine,
    Vpn,
}

/// States that VPNs and engines have been in, the latest first. Written every second or so.
#[utoipa::path(get, path = "/history", tag = "status", params(StatesQuery),
    responses((status = 200, body = Vec<StateEntry>), (status = 422, body = Failure),
        (status = 503, body = Failure)))]
pub(super) async fn get_states(
    State(api): State<Api>,
    Params(query): Params<StatesQuery>,
) -> Result<Response, Problem> {
    let (since, until) = span(query.since.as_deref(), query.until.as_deref())?;
    let wanted = States {
        about: query.about.map(|about| match about {
            AboutWord::Engine => About::Engine,
            AboutWord::Vpn => About::Vpn,
        }),
        name: name("name", query.name)?,
        since,
        until,
        before: query.before,
    };
    let limit = limit_of(query.limit, ENTRIES_DEFAULT)?;
    let states = api.parts.store.readers().states(wanted, limit).await;
    let states = states.map_err(|why| Problem::unavailable(why.to_string()))?;
    Ok(told(&states.into_iter().map(StateEntry::from).collect::<Vec<_>>(), None))
}
