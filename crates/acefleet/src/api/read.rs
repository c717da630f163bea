//! Routes that read. They answer from the latest picture and wait for nobody; logs of a container alone ask
//! Docker, with bounds.

use super::Api;
use super::error::{Failure, Problem};
use super::extract::{Id, Params, bounded, flag};
use super::wire::container::{ContainerState, container_meant, containers, engine_meant};
use super::wire::engine::{EngineState, EngineUsage, EngineWithStreams, engines};
use super::wire::health::HealthStatus;
use super::wire::status::OrchestratorStatus;
use super::wire::stream::StreamState;
use super::wire::time::Moment;
use super::wire::vpn::{PublicIp, VpnStatus, public_ip};
use crate::driver::gate::Picture;
use crate::runtime;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use control::Time;
use control::snapshot::StreamView;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The most that is read of a container's logs.
pub const LOGS_MAX_BYTES: usize = 256 * 1024;
/// For how long a container's logs are waited for.
pub const LOGS_TIMEOUT: Duration = Duration::from_secs(2);
/// The most lines of a container's logs.
const TAIL_MAX: u32 = 10_000;
/// The longest label that is asked for.
const LABEL_MAX_BYTES: usize = 4 * 1024;

/// Writes an answer.
pub(super) fn write<T: Serialize>(answer: &T) -> Bytes {
    // Plain data with text keys: it can always be written.
    serde_json::to_vec(answer).unwrap_or_default().into()
}

/// An answer that is written already.
pub(super) fn written(body: Bytes) -> Response {
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct EnginesQuery {
    /// Engines that are not offered, too.
    #[serde(default, deserialize_with = "flag")]
    all: bool,
}

/// The engines that new viewers may be sent to, by port.
#[utoipa::path(get, path = "/engines", tag = "engines", params(EnginesQuery),
    responses((status = 200, body = Vec<EngineState>)))]
pub(super) async fn get_engines(State(api): State<Api>, Params(query): Params<EnginesQuery>) -> Response {
    let picture = api.picture();
    if query.all {
        return written(write(&engines(&picture.snapshot, true)));
    }
    let body = picture.written.engines.get_or_init(|| write(&engines(&picture.snapshot, false)));
    written(body.clone())
}

/// One engine, offered or not, with its streams.
#[utoipa::path(get, path = "/engines/{id}", tag = "engines",
    params(("id" = String, Path, description = "Id, the beginning of it from 12 digits on, or name")),
    responses((status = 200, body = EngineWithStreams), (status = 404, body = Failure)))]
pub(super) async fn get_engine(
    State(api): State<Api>,
    Id(id): Id,
) -> Result<Json<EngineWithStreams>, Problem> {
    let picture = api.picture();
    let snapshot = &picture.snapshot;
    let view = engine_meant(snapshot, &id).ok_or_else(|| no_engine(&id))?;
    let on_it = |stream: &&StreamView| {
        stream.ended.is_none() && stream.engine.is_some_and(|(engine, _)| engine == view.container_id)
    };
    let streams = snapshot.streams.iter().map(AsRef::as_ref).filter(on_it);
    Ok(Json(EngineWithStreams {
        engine: EngineState::of(snapshot, view),
        streams: streams.map(|stream| StreamState::of(snapshot, stream)).collect(),
    }))
}

pub(super) fn no_engine(id: &str) -> Problem {
    Problem::not_found(format!("there is no engine '{}'; GET /engines?all=true lists them", cut(id)))
}

/// The beginning of something that somebody sent, short enough to be repeated.
pub(super) fn cut(text: &str) -> String {
    const REPEATED_MAX: usize = 100;
    text.chars().take(REPEATED_MAX).collect()
}

/// The VPNs, together and each.
#[utoipa::path(get, path = "/vpn/status", tag = "vpn", responses((status = 200, body = VpnStatus)))]
pub(super) async fn get_vpn_status(State(api): State<Api>) -> Json<VpnStatus> {
    Json(VpnStatus::of(&api.picture().snapshot, api.chosen().vpn_mode, api.now()))
}

/// Under which address the VPN appears.
#[utoipa::path(get, path = "/vpn/publicip", tag = "vpn",
    responses((status = 200, body = PublicIp), (status = 503, body = Failure)))]
pub(super) async fn get_vpn_public_ip(State(api): State<Api>) -> Result<Json<PublicIp>, Problem> {
    let picture = api.picture();
    let why = if picture.snapshot.vpns.is_empty() {
        "no VPN is configured"
    } else {
        "no VPN's control server has told its public address yet"
    };
    public_ip(&picture.snapshot).map(Json).ok_or_else(|| Problem::unavailable(why))
}

/// The state of the whole.
#[utoipa::path(get, path = "/orchestrator/status", tag = "status",
    responses((status = 200, body = OrchestratorStatus)))]
pub(super) async fn get_status(State(api): State<Api>) -> Response {
    let picture = api.picture();
    let now = api.now();
    if picture.snapshot.blocked.is_some() {
        // The time that is left runs down.
        return written(write(&status_of(&picture, &api, now)));
    }
    let beginning = picture.written.status.get_or_init(|| status_without_time(&picture, &api, now));
    let mut body = BytesMut::with_capacity(beginning.len() + TIMESTAMP_ROOM);
    body.extend_from_slice(beginning);
    body.extend_from_slice(Moment(now).text().as_bytes());
    body.extend_from_slice(b"\"}");
    written(body.freeze())
}

fn status_of(picture: &Picture, api: &Api, now: Time) -> OrchestratorStatus {
    let mut status = OrchestratorStatus::of(&picture.snapshot, api.chosen(), now);
    status.reasons.extend(picture.notes.iter().cloned());
    status
}

/// What a timestamp and the end of the document need.
const TIMESTAMP_ROOM: usize = 40;

/// The status up to its timestamp, which comes last: that much is the same for everybody who reads this
/// picture.
fn status_without_time(picture: &Picture, api: &Api, now: Time) -> Bytes {
    let whole = write(&status_of(picture, api, now));
    whole.slice(..whole.len() - Moment(now).text().len() - "\"}".len())
}

/// The health of the engines together.
#[utoipa::path(get, path = "/health/status", tag = "status", responses((status = 200, body = HealthStatus)))]
pub(super) async fn get_health_status(State(api): State<Api>) -> Json<HealthStatus> {
    Json(HealthStatus::of(&api.picture().snapshot, api.chosen()))
}

/// One container of ours, or a VPN's.
#[utoipa::path(get, path = "/containers/{id}", tag = "containers",
    params(("id" = String, Path, description = "Id, the beginning of it from 12 digits on, or name")),
    responses((status = 200, body = ContainerState), (status = 404, body = Failure)))]
pub(super) async fn get_container(
    State(api): State<Api>,
    Id(id): Id,
) -> Result<Json<ContainerState>, Problem> {
    let found = container_meant(&api.picture().snapshot, &id);
    found.map(Json).ok_or_else(|| no_container(&id))
}

pub(super) fn no_container(id: &str) -> Problem {
    Problem::not_found(format!("acefleet has no container '{}'", cut(id)))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct LabelQuery {
    /// The label's key.
    key: String,
    /// Its value.
    #[serde(default)]
    value: String,
}

/// Our containers that carry a label.
#[utoipa::path(get, path = "/by-label", tag = "containers", params(LabelQuery),
    responses((status = 200, body = Vec<ContainerState>), (status = 422, body = Failure)))]
pub(super) async fn get_by_label(
    State(api): State<Api>,
    Params(query): Params<LabelQuery>,
) -> Result<Json<Vec<ContainerState>>, Problem> {
    bounded("key", &query.key, LABEL_MAX_BYTES)?;
    bounded("value", &query.value, LABEL_MAX_BYTES)?;
    let picture = api.picture();
    let carries = |found: &ContainerState| found.labels.get(&query.key) == Some(&query.value);
    Ok(Json(containers(&picture.snapshot).filter(carries).collect()))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct TailQuery {
    /// The last so many lines.
    tail: Option<u32>,
}

/// What Docker says, if it says so in time.
async fn docker_said<T>(answer: impl Future<Output = Result<T, runtime::Failure>>) -> Result<T, Problem> {
    match tokio::time::timeout(LOGS_TIMEOUT, answer).await {
        Ok(Ok(said)) => Ok(said),
        Ok(Err(runtime::Failure::Refused(refusal))) => {
            Err(Problem::new(StatusCode::BAD_GATEWAY, format!("Docker refused: {refusal}")))
        }
        Ok(Err(runtime::Failure::Unknown(_))) | Err(_) => {
            Err(Problem::unavailable("Docker does not answer; try again when it does"))
        }
    }
}

/// What an engine's container takes of the machine. It is measured for half a second; waits for Docker 2 s at most.
#[utoipa::path(get, path = "/engines/{id}/usage", tag = "engines",
    params(("id" = String, Path, description = "Id, the beginning of it from 12 digits on, or name")),
    responses((status = 200, body = EngineUsage), (status = 404, body = Failure), (status = 503, body = Failure)))]
pub(super) async fn get_engine_usage(
    State(api): State<Api>,
    Id(id): Id,
) -> Result<Json<EngineUsage>, Problem> {
    let engine = engine_meant(&api.picture().snapshot, &id).map(|view| view.container_id);
    let engine = engine.ok_or_else(|| no_engine(&id))?;
    Ok(Json(docker_said((api.parts.usage)(engine)).await?.into()))
}

/// The last lines that an engine's container has printed. It waits for Docker 2 s at most.
#[utoipa::path(get, path = "/engines/{id}/logs", tag = "engines",
    params(("id" = String, Path, description = "Id, the beginning of it from 12 digits on, or name"),
        TailQuery),
    responses((status = 200, body = String, content_type = "text/plain"),
        (status = 404, body = Failure), (status = 503, body = Failure)))]
pub(super) async fn get_engine_logs(
    State(api): State<Api>,
    Id(id): Id,
    Params(query): Params<TailQuery>,
) -> Result<Response, Problem> {
    const TAIL_DEFAULT: u32 = 200;
    let engine = engine_meant(&api.picture().snapshot, &id).map(|view| view.container_id);
    let engine = engine.ok_or_else(|| no_engine(&id))?;
    let tail = query.tail.unwrap_or(TAIL_DEFAULT).min(TAIL_MAX);
    let text = docker_said((api.parts.logs)(engine, tail)).await?;
    let kept = text.slice(text.len().saturating_sub(LOGS_MAX_BYTES)..);
    let mut response = Response::new(Body::from(kept));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    Ok(response)
}
