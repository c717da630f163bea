//! What is taken out of requests: bodies, queries and ids, with bounds, and failures told as everywhere.

use super::error::Problem;
use super::read::cut;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

/// The longest body that is read.
pub const BODY_MAX_BYTES: usize = 256 * 1024;
/// The longest query.
pub const QUERY_MAX_BYTES: usize = 8 * 1024;
/// Labels, or variables, that a client may ask for.
const PAIRS_MAX: usize = 64;
/// The longest key of a label or name of a variable.
const PAIR_KEY_MAX_BYTES: usize = 256;
/// The longest value of a label or variable.
const PAIR_VALUE_MAX_BYTES: usize = 8 * 1024;
/// The longest id in a path: a stream's may hold a whole URL.
pub const ID_MAX_BYTES: usize = 8 * 1024;

/// A JSON body. An empty one counts as `{}`, whatever its declared type, as clients send it.
#[derive(Clone, Debug)]
pub(super) struct Json<T>(pub(super) T);

/// The query.
#[derive(Clone, Debug)]
pub(crate) struct Params<T>(pub(crate) T);

/// The one parameter of the path.
#[derive(Clone, Debug)]
pub(crate) struct Id(pub(crate) String);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let body = Bytes::from_request(request, state).await.map_err(|rejection| {
            if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                let limit = BODY_MAX_BYTES / 1024;
                return Problem::new(rejection.status(), format!("the body is longer than {limit} KiB"));
            }
            Problem::new(rejection.status(), "the body could not be read to its end")
        })?;
        let text: &[u8] = if body.trim_ascii().is_empty() { b"{}" } else { &body };
        // A list would be taken for an object whose fields come in order.
        if !text.trim_ascii_start().starts_with(b"{") {
            return Err(Problem::invalid("the body has to be a JSON object"));
        }
        serde_json::from_slice(text).map(Self).map_err(|error| {
            let what = if error.is_data() { "the body is not as expected" } else { "the body is no JSON" };
            Problem::invalid(format!("{what}: {error}"))
        })
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        if parts.uri.query().is_some_and(|query| query.len() > QUERY_MAX_BYTES) {
            let message = format!("the query is longer than {QUERY_MAX_BYTES} bytes");
            return Err(Problem::new(StatusCode::URI_TOO_LONG, message));
        }
        axum::extract::Query::try_from_uri(&parts.uri)
            .map(|query| Self(query.0))
            .map_err(|rejection| Problem::invalid(rejection.body_text()))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(id) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|rejection| Problem::invalid(rejection.body_text()))?;
        bounded("the id in the path", &id, ID_MAX_BYTES)?;
        Ok(Self(id))
    }
}

/// Refuses text that is longer than anything meant.
pub(super) fn bounded(what: &str, text: &str, most: usize) -> Result<(), Problem> {
    if text.len() > most {
        return Err(Problem::invalid(format!("{what} is longer than {most} bytes")));
    }
    Ok(())
}

/// Labels, or variables of an environment.
pub(super) type Pairs = BTreeMap<String, String>;

/// Refuses labels or variables that no container can have, and more of them than anybody means.
pub(super) fn check_pairs(what: &str, pairs: &Pairs) -> Result<(), Problem> {
    if pairs.len() > PAIRS_MAX {
        return Err(Problem::invalid(format!("{what}: there are more than {PAIRS_MAX}")));
    }
    for (key, value) in pairs {
        if key.is_empty() || key.contains('\0') || value.contains('\0') {
            return Err(Problem::invalid(format!("{what}: a name is empty, or there is a zero byte in it")));
        }
        bounded(&format!("{what}: a name"), key, PAIR_KEY_MAX_BYTES)?;
        bounded(&format!("{what}: the value of '{}'", cut(key)), value, PAIR_VALUE_MAX_BYTES)?;
    }
    Ok(())
}

/// A port, if that is one.
pub(super) fn checked_port(what: &str, port: i64) -> Result<u16, Problem> {
    let port = u16::try_from(port).ok().filter(|port| *port != 0);
    port.ok_or_else(|| Problem::invalid(format!("{what} is no port: it has to be between 1 and 65535")))
}

/// Reads yes and no as people write them in a query.
pub(super) fn flag<'de, D: serde::Deserializer<'de>>(source: D) -> Result<bool, D::Error> {
    let text = <String as serde::Deserialize>::deserialize(source)?;
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" | "" => Ok(false),
        _ => Err(serde::de::Error::custom("say true or false")),
    }
}
