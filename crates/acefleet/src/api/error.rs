//! How everything that went wrong is told: a status and `{"detail": …}`, whoever noticed it.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// The body of every answer that tells of a failure.
#[derive(Serialize, ToSchema, Debug)]
pub struct Failure {
    /// What was wrong and what to do: words, or for a blocked provision an object.
    pub detail: serde_json::Value,
}

/// Why a request is not answered as it was meant to be.
#[derive(Clone, PartialEq, Debug)]
pub struct Problem {
    status: StatusCode,
    detail: serde_json::Value,
    retry_after: Option<u64>,
}

impl Problem {
    /// A failure in words.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: serde_json::Value::String(detail.into()), retry_after: None }
    }

    /// There is no such thing.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// What was sent makes no sense.
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
    }

    /// It cannot be done now.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    }

    /// A failure with more to tell than words.
    pub fn with_object(status: StatusCode, detail: &impl Serialize) -> Self {
        let detail = serde_json::to_value(detail).unwrap_or_default();
        Self { status, detail, retry_after: None }
    }

    /// The same, with the time after which asking again makes sense.
    #[must_use]
    pub const fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Its status.
    pub const fn status(&self) -> StatusCode {
        self.status
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&Failure { detail: self.detail }).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// The answer to a path that is none of ours.
pub(super) async fn unknown_route() -> Problem {
    Problem::not_found("there is no such route; GET /openapi.json lists them all")
}

/// The answer to a method that a path does not know. The header that names those it knows is kept.
pub(super) async fn wrong_method() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this path does not know that method; see the Allow header")
}
