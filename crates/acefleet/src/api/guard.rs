//! What surrounds every route: a time limit, a panic that stays where it is, headers, and a count; and
//! browsers on other people's pages change nothing.

use super::Api;
use super::error::Problem;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{
    CACHE_CONTROL, HOST, ORIGIN, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

/// After this long a request is given up. The core answers within 2.5 s.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// How requests to paths that are none of ours are counted: their paths are anything.
const UNKNOWN_ROUTE: &str = "unknown";

/// Surrounds a route.
pub(super) async fn guard(State(api): State<Api>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let elsewhere = changes(request.method()) && is_elsewhere(request.headers(), &api.chosen().cors_origins);
    let answering = async {
        if elsewhere {
            let message = "pages of other origins may change nothing, unless CORS_ORIGINS names theirs";
            return Problem::new(StatusCode::FORBIDDEN, message).into_response();
        }
        next.run(request).await
    };
    let answering = AssertUnwindSafe(answering).catch_unwind();
    let mut response = match tokio::time::timeout(REQUEST_TIMEOUT, answering).await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => {
            tracing::error!(route = ?route, "a request was answered with a panic");
            let message = "acefleet made a mistake while answering; its log has the details";
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, message).into_response()
        }
        Err(_) => {
            let seconds = REQUEST_TIMEOUT.as_secs();
            let message = format!("not answered within {seconds} s; try again in a moment");
            Problem::unavailable(message).retry_after(1).into_response()
        }
    };
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    let route = route.as_ref().map_or(UNKNOWN_ROUTE, MatchedPath::as_str);
    api.parts.meters.request(route, response.status().as_u16(), began.elapsed());
    response
}

fn changes(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Whether a browser sends this for a page of another origin than ours and those that are allowed. A page
/// needs no permission to send, only to read what comes back; programs that are no browsers name no origin.
fn is_elsewhere(headers: &HeaderMap, allowed: &[String]) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let Some(origin) = text(ORIGIN.as_str()) else { return false };
    if allowed.iter().any(|known| known == "*" || known == origin) {
        return false;
    }
    // Behind a proxy the host may be another one than the page's; the browser knows.
    match text("sec-fetch-site") {
        Some(site) => !matches!(site, "same-origin" | "none"),
        None => origin.split_once("://").map(|(_, host)| host) != text(HOST.as_str()),
    }
}
