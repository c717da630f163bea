//! Routes that change something: what clients ask for becomes one of the core's requests, and its reply an
//! answer.
//!
//! Whether it is done is the core's to decide. Asking for engines is in `provision`, telling of streams in
//! `announce`.

use super::Api;
use super::error::{Failure, Problem};
use super::extract::{Id, Params};
use super::read::{cut, no_container, no_engine};
use super::wire::container::{engine_meant, ours_meant};
use super::wire::requests::{Accepted, Collected, Deleted, Message, ScaledTo};
use crate::driver::gate::Turned;
use axum::extract::State;
use axum::http::StatusCode;
use control::ids::{ContainerId, OpId, VpnId};
use control::policy::breaker::Kind;
use control::request::{Reply, Request};
use control::snapshot::Snapshot;
use serde::Deserialize;

/// When to come again if too many wait.
pub(super) const COME_AGAIN_S: u64 = 1;

pub(super) type Answer<T> = Result<axum::Json<T>, Problem>;
type AcceptedAnswer = Result<(StatusCode, axum::Json<Accepted>), Problem>;

// Engines.

/// Sets the minimum, until the next such request or a restart.
#[utoipa::path(post, path = "/scale/{n}", tag = "engines",
    params(("n" = i64, Path, description = "How many engines there should be at least")),
    responses((status = 200, body = ScaledTo), (status = 422, body = Failure)))]
pub(super) async fn scale(State(api): State<Api>, Id(n): Id) -> Answer<ScaledTo> {
    let wrong = |_| Problem::invalid("the number of engines has to be a whole number");
    let wanted: i128 = n.parse().map_err(wrong)?;
    let minimum = usize::try_from(wanted.max(0)).unwrap_or(usize::MAX);
    match ask(&api, Request::Scale(minimum)).await? {
        Reply::ScaledTo(scaled_to) => Ok(axum::Json(ScaledTo { scaled_to })),
        other => Err(unexpected(&other)),
    }
}

/// Has idle engines above what is wanted go now.
#[utoipa::path(post, path = "/gc", tag = "engines", responses((status = 200, body = Collected)))]
pub(super) async fn collect_garbage(State(api): State<Api>) -> Answer<Collected> {
    match ask(&api, Request::CollectGarbage).await? {
        Reply::Done => Ok(axum::Json(Collected {
            status: "ok",
            message: "idle engines above what is wanted are on their way out",
        })),
        other => Err(unexpected(&other)),
    }
}

/// Removes a container of ours, whatever it does.
#[utoipa::path(delete, path = "/containers/{id}", tag = "containers",
    params(("id" = String, Path, description = "Id, the beginning of it from 12 digits on, or name")),
    responses((status = 200, body = Deleted), (status = 404, body = Failure),
        (status = 503, body = Failure)))]
pub(super) async fn delete_container(State(api): State<Api>, Id(id): Id) -> Answer<Deleted> {
    let ours = ours_meant(&api.picture().snapshot, &id);
    let target = ours.or_else(|| ContainerId::parse(&id)).ok_or_else(|| no_container(&id))?;
    let deleted = target.to_string();
    match ask(&api, Request::Delete(target)).await? {
        Reply::Accepted(op) => Ok(axum::Json(Deleted { deleted, operation: Some(op.to_string()) })),
        Reply::Done => Ok(axum::Json(Deleted { deleted, operation: None })),
        Reply::NotFound => Err(no_container(&id)),
        other => Err(unexpected(&other)),
    }
}

/// The engine that somebody names. A whole id is passed on even if no engine is shown with it.
fn engine_named(api: &Api, said: &str) -> Option<ContainerId> {
    let known = engine_meant(&api.picture().snapshot, said).map(|view| view.container_id);
    known.or_else(|| ContainerId::parse(said))
}

/// Hides an engine, and removes it once it has no stream.
#[utoipa::path(post, path = "/engines/{id}/drain", tag = "operations",
    params(("id" = String, Path, description = "Id, the beginning of it from 12 digits on, or name")),
    responses((status = 202, body = Accepted), (status = 404, body = Failure),
        (status = 409, body = Failure)))]
pub(super) async fn drain_engine(State(api): State<Api>, Id(id): Id) -> AcceptedAnswer {
    order_engine(&api, &id, Request::Drain).await
}

/// Keeps an engine that was to be drained.
#[utoipa::path(post, path = "/engines/{id}/undrain", tag = "operations",
    params(("id" = String, Path, description = "Id, the beginning of it from 12 digits on, or name")),
    responses((status = 202, body = Accepted), (status = 404, body = Failure),
        (status = 409, body = Failure)))]
pub(super) async fn undrain_engine(State(api): State<Api>, Id(id): Id) -> AcceptedAnswer {
    order_engine(&api, &id, Request::Undrain).await
}

/// Replaces an engine by a new one.
#[utoipa::path(post, path = "/engines/{id}/replace", tag = "operations",
    params(("id" = String, Path, description = "Id, the beginning of it from 12 digits on, or name")),
    responses((status = 202, body = Accepted), (status = 404, body = Failure), (status = 409, body = Failure),
        (status = 503, body = Failure)))]
pub(super) async fn replace_engine(State(api): State<Api>, Id(id): Id) -> AcceptedAnswer {
    order_engine(&api, &id, Request::Replace).await
}

async fn order_engine(api: &Api, id: &str, order: fn(ContainerId) -> Request) -> AcceptedAnswer {
    let engine = engine_named(api, id).ok_or_else(|| no_engine(id))?;
    match ask(api, order(engine)).await? {
        Reply::Accepted(op) => Ok(accepted(op)),
        Reply::NotFound => Err(no_engine(id)),
        other => Err(unexpected(&other)),
    }
}

// Streams.

/// Ends a stream, whoever watches it: its session is closed at its engine. Viewers of the proxy are refused and may
/// come again.
#[utoipa::path(post, path = "/streams/{id}/stop", tag = "operations",
    params(("id" = String, Path, description = "The stream's id, percent-encoded")),
    responses((status = 202, body = Accepted), (status = 404, body = Failure)))]
pub(super) async fn stop_stream(State(api): State<Api>, Id(id): Id) -> AcceptedAnswer {
    match ask(&api, Request::StopStream(id.as_str().into())).await? {
        Reply::Accepted(op) => Ok(accepted(op)),
        Reply::NotFound => Err(no_stream(&id)),
        other => Err(unexpected(&other)),
    }
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct MoveQuery {
    /// Id, the beginning of it from 12 digits on, or name; the best other engine, if none is named.
    engine: Option<String>,
}

/// Moves a stream of the proxy to another engine: it is played there before it is closed where it was.
#[utoipa::path(post, path = "/streams/{id}/move", tag = "operations",
    params(("id" = String, Path, description = "The stream's id, percent-encoded"), MoveQuery),
    responses((status = 202, body = Accepted), (status = 404, body = Failure),
        (status = 409, body = Failure)))]
pub(super) async fn move_stream(
    State(api): State<Api>,
    Id(id): Id,
    Params(query): Params<MoveQuery>,
) -> AcceptedAnswer {
    let named = query.engine.filter(|said| !said.is_empty());
    let engine = match &named {
        Some(said) => Some(engine_named(&api, said).ok_or_else(|| no_engine(said))?),
        None => None,
    };
    match ask(&api, Request::MoveStream { stream: id.as_str().into(), engine }).await? {
        Reply::Accepted(op) => Ok(accepted(op)),
        Reply::NotFound => match named.filter(|_| is_live(&api, &id)) {
            Some(said) => Err(no_engine(&said)),
            None => Err(no_stream(&id)),
        },
        other => Err(unexpected(&other)),
    }
}

fn is_live(api: &Api, id: &str) -> bool {
    api.picture().snapshot.streams.iter().any(|stream| stream.ended.is_none() && &*stream.id == id)
}

fn no_stream(id: &str) -> Problem {
    Problem::not_found(format!(
        "there is no live stream '{}'; GET /streams?status=started lists them",
        cut(id)
    ))
}

// VPNs.

/// Takes a VPN's tunnel down and up again.
#[utoipa::path(post, path = "/vpns/{name}/bounce", tag = "operations",
    params(("name" = String, Path, description = "The VPN's container")),
    responses((status = 202, body = Accepted), (status = 404, body = Failure), (status = 409, body = Failure),
        (status = 503, body = Failure)))]
pub(super) async fn bounce_vpn(State(api): State<Api>, Id(name): Id) -> AcceptedAnswer {
    order_vpn(&api, &name, Request::BounceVpn).await
}

/// Restarts a VPN's container.
#[utoipa::path(post, path = "/vpns/{name}/restart", tag = "operations",
    params(("name" = String, Path, description = "The VPN's container")),
    responses((status = 202, body = Accepted), (status = 404, body = Failure), (status = 409, body = Failure),
        (status = 503, body = Failure)))]
pub(super) async fn restart_vpn(State(api): State<Api>, Id(name): Id) -> AcceptedAnswer {
    order_vpn(&api, &name, Request::RestartVpn).await
}

/// Gives a VPN no new engines, and lets it lose those that it has as they become idle.
#[utoipa::path(post, path = "/vpns/{name}/drain", tag = "operations",
    params(("name" = String, Path, description = "The VPN's container")),
    responses((status = 202, body = Accepted), (status = 404, body = Failure),
        (status = 409, body = Failure)))]
pub(super) async fn drain_vpn(State(api): State<Api>, Id(name): Id) -> AcceptedAnswer {
    order_vpn(&api, &name, Request::DrainVpn).await
}

/// Uses a VPN again that was drained.
#[utoipa::path(post, path = "/vpns/{name}/undrain", tag = "operations",
    params(("name" = String, Path, description = "The VPN's container")),
    responses((status = 202, body = Accepted), (status = 404, body = Failure),
        (status = 409, body = Failure)))]
pub(super) async fn undrain_vpn(State(api): State<Api>, Id(name): Id) -> AcceptedAnswer {
    order_vpn(&api, &name, Request::UndrainVpn).await
}

/// The VPN of this name.
pub(super) fn vpn_named(snapshot: &Snapshot, name: &str) -> Result<VpnId, Problem> {
    let found = snapshot.vpns.iter().find(|view| view.container_name.as_str() == name);
    found.map(|view| view.id).ok_or_else(|| {
        Problem::not_found(format!("there is no VPN '{}'; GET /vpn/status lists them", cut(name)))
    })
}

async fn order_vpn(api: &Api, name: &str, order: fn(VpnId) -> Request) -> AcceptedAnswer {
    let vpn = vpn_named(&api.picture().snapshot, name)?;
    match ask(api, order(vpn)).await? {
        Reply::Accepted(op) => Ok(accepted(op)),
        other => Err(unexpected(&other)),
    }
}

// Breakers.

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct BreakerQuery {
    /// `general` or `replacement`; both, if none is named.
    operation_type: Option<String>,
}

/// Closes a breaker, or both.
#[utoipa::path(post, path = "/health/circuit-breaker/reset", tag = "status", params(BreakerQuery),
    responses((status = 200, body = Message), (status = 422, body = Failure)))]
pub(super) async fn reset_breaker(
    State(api): State<Api>,
    Params(query): Params<BreakerQuery>,
) -> Answer<Message> {
    let which = match query.operation_type.as_deref() {
        None | Some("") => None,
        Some(word) => match [Kind::General, Kind::Replacement].into_iter().find(|kind| kind.as_str() == word)
        {
            None => {
                return Err(Problem::invalid("operation_type has to be general or replacement, or left out"));
            }
            some => some,
        },
    };
    match ask(&api, Request::ResetBreaker(which)).await? {
        Reply::Done => {
            let which = which.map_or("all circuit breakers".to_owned(), |kind| {
                format!("circuit breaker '{}'", kind.as_str())
            });
            Ok(axum::Json(Message { message: format!("reset {which}") }))
        }
        other => Err(unexpected(&other)),
    }
}

// Asking.

/// Asks the core. What it refuses is told as a failure.
pub(super) async fn ask(api: &Api, what: Request) -> Result<Reply, Problem> {
    let reply = api.parts.gate.ask(what).await.map_err(turned)?;
    match reply {
        Reply::Refused { code, message } => Err(refused(code, &message)),
        Reply::Unavailable(message) => Err(Problem::unavailable(message).retry_after(COME_AGAIN_S)),
        other => Ok(other),
    }
}

pub(super) fn turned(turned: Turned) -> Problem {
    Problem::unavailable(turned.to_string()).retry_after(COME_AGAIN_S)
}

/// The core's rules, and the status that tells which kind of mistake it was.
pub(super) fn refused(code: &str, message: &str) -> Problem {
    let status = match code {
        // What was sent cannot be so.
        "url_mismatch" => StatusCode::UNPROCESSABLE_ENTITY,
        // There is room again when others end.
        "too_many_streams" => StatusCode::SERVICE_UNAVAILABLE,
        // It makes no sense as things are: `stream_id_taken`, `already_draining`, `last_vpn` and others.
        _ => StatusCode::CONFLICT,
    };
    Problem::new(status, format!("{code}: {message}"))
}

fn accepted(op: OpId) -> (StatusCode, axum::Json<Accepted>) {
    (StatusCode::ACCEPTED, axum::Json(Accepted { operation: op.to_string() }))
}

/// The core answered something that this question has no room for.
pub(super) fn unexpected(reply: &Reply) -> Problem {
    tracing::error!(?reply, "the core's reply does not fit the request");
    match reply {
        Reply::NotFound => Problem::not_found("there is no such thing"),
        Reply::Refused { code, message } => refused(code, message),
        Reply::Unavailable(message) => Problem::unavailable(message.clone()),
        Reply::Accepted(_)
        | Reply::Done
        | Reply::Provisioned { .. }
        | Reply::ProvisionedOther { .. }
        | Reply::Blocked { .. }
        | Reply::ScaledTo(_)
        | Reply::Stream(_)
        | Reply::Ended { .. } => {
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "acefleet answered something else than was asked")
        }
    }
}
