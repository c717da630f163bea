//! Routes about the program itself: is it alive, is it ready, what can it do, what does it count, what was chosen.

use super::Api;
use super::error::{Failure, Problem};
use super::read::written;
use super::wire::requests::Message;
use super::wire::settings::{SettingState, settings};
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;

/// Answers whenever the program runs.
#[utoipa::path(get, path = "/healthz", tag = "program", responses((status = 200, body = Message)))]
pub(super) async fn get_healthz() -> Json<Message> {
    Json(Message { message: "alive".to_owned() })
}

/// Answers well when the first complete look has been had and Docker answers.
#[utoipa::path(get, path = "/readyz", tag = "program",
    responses((status = 200, body = Message), (status = 503, body = Failure)))]
pub(super) async fn get_readyz(State(api): State<Api>) -> Result<Json<Message>, Problem> {
    let picture = api.picture();
    if !picture.snapshot.docker_reachable {
        return Err(Problem::unavailable("Docker does not answer"));
    }
    if !picture.snapshot.ready {
        return Err(Problem::unavailable("acefleet has not looked at everything yet"));
    }
    Ok(Json(Message { message: "ready".to_owned() }))
}

/// Numbers for Prometheus, in its classic format or, if asked for, as OpenMetrics.
#[utoipa::path(get, path = "/metrics", tag = "program",
    responses((status = 200, body = String, content_type = "text/plain")))]
pub(super) async fn get_metrics(State(api): State<Api>, headers: HeaderMap) -> Response {
    let accept = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let picture = api.picture();
    let totals = api.with_history(|history| history.totals());
    let (kind, text) = api.parts.meters.text(&picture.snapshot, totals, accept);
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "program",
    responses((status = 200, body = serde_json::Value)))]
pub(super) async fn get_openapi(State(api): State<Api>) -> Response {
    written(api.document.clone())
}

/// Every setting as it is in force, where that comes from, and what it means.
#[utoipa::path(get, path = "/settings", tag = "program", responses((status = 200, body = Vec<SettingState>)))]
pub(super) async fn get_settings(State(api): State<Api>) -> Json<Vec<SettingState>> {
    Json(settings(&api.chosen().effective))
}
