//! Routes about the program itself: is it alive, is it ready, what can it do, what does it count.

use super::Api;
use super::error::{Failure, Problem};
use super::read::written;
use super::wire::requests::Message;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
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

/// The panel.
#[utoipa::path(get, path = "/panel", tag = "program",
    responses((status = 200, body = String, content_type = "text/html")))]
pub(super) async fn get_panel() -> Response {
    let mut response = Response::new(Body::from(NO_PANEL));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    let policy = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'");
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    response
}

const NO_PANEL: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<title>acefleet</title>
<style>body { font: 1rem/1.5 sans-serif; max-width: 40rem; margin: 4rem auto; padding: 0 1rem }</style>
<h1>acefleet runs</h1>
<p>This build has no panel in it. To build one in, run <code>npm ci &amp;&amp; npm run build</code> in the
folder <code>panel</code> of the sources and build acefleet again.</p>
<p>Meanwhile: <a href=\"orchestrator/status\">status</a>, <a href=\"engines?all=true\">engines</a>,
<a href=\"vpn/status\">VPNs</a>, <a href=\"journal\">journal</a>, <a href=\"metrics\">metrics</a>,
<a href=\"openapi.json\">what else can be asked</a>.</p>
</html>
";
