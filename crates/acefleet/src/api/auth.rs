//! Who may ask: the key that changes and containers need, compared in constant time.

use super::Api;
use super::error::Problem;
use crate::settings::Secret;
use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq;

/// Lets a request pass that shows the key, or any if there is none.
pub(super) async fn admit(State(api): State<Api>, request: Request, next: Next) -> Response {
    match check(request.headers(), &[api.chosen().key.as_ref()]) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// Whether a request shows one of these keys. Without any, everybody is admitted.
pub(super) fn check(headers: &HeaderMap, keys: &[Option<&Secret>]) -> Result<(), Problem> {
    let mut keys = keys.iter().flatten().peekable();
    if keys.peek().is_none() {
        return Ok(());
    }
    let Some(token) = bearer(headers) else {
        return Err(Problem::new(StatusCode::UNAUTHORIZED, "missing bearer token"));
    };
    // Every key is compared to its end, so that the time taken tells nothing.
    let fits = keys
        .fold(subtle::Choice::from(0), |fits, key| fits | token.as_bytes().ct_eq(key.reveal().as_bytes()));
    if bool::from(fits) { Ok(()) } else { Err(Problem::new(StatusCode::FORBIDDEN, "invalid token")) }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.trim().split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}
