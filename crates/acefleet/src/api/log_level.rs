//! How much is logged: asked, and changed while the program runs.

use super::Api;
use super::error::{Failure, Problem};
use super::extract::Json;
use crate::log::{LEVEL_FOR_MAX, LEVELS, LevelNow};
use axum::extract::State;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use utoipa::ToSchema;

/// How much is to be logged.
#[derive(Deserialize, ToSchema)]
pub(super) struct LevelAsked {
    /// error, warn, info, debug or trace.
    level: Option<String>,
    /// For so many seconds, up to a day, and then as before; otherwise until acefleet ends.
    for_seconds: Option<i64>,
}

/// How much is logged.
#[derive(Serialize, ToSchema)]
pub(super) struct LogLevel {
    /// What holds.
    level: String,
    /// For so many seconds more; null: until acefleet ends.
    for_seconds: Option<u64>,
    /// What holds after that.
    then: Option<String>,
}

impl From<LevelNow> for LogLevel {
    fn from(now: LevelNow) -> Self {
        let (left, then) = now.until.unzip();
        Self { level: now.level, for_seconds: left.map(|left| left.as_secs()), then }
    }
}

/// Says how much is logged.
#[utoipa::path(get, path = "/log-level", tag = "program", responses((status = 200, body = LogLevel)))]
pub(super) async fn get_log_level(State(api): State<Api>) -> axum::Json<LogLevel> {
    axum::Json(api.log().level().into())
}

/// Logs so much from now on, for a while or until acefleet ends. LOG_LEVEL stays as it is.
#[utoipa::path(put, path = "/log-level", tag = "program", request_body = LevelAsked,
    responses((status = 200, body = LogLevel), (status = 422, body = Failure)))]
pub(super) async fn put_log_level(
    State(api): State<Api>,
    Json(asked): Json<LevelAsked>,
) -> Result<axum::Json<LogLevel>, Problem> {
    let word = asked.level.unwrap_or_default();
    let level = LEVELS.into_iter().find(|level| level.eq_ignore_ascii_case(&word));
    let level =
        level.ok_or_else(|| Problem::invalid(format!("level has to be one of {}", LEVELS.join(", "))))?;
    let hold = match asked.for_seconds.map(u64::try_from) {
        None => None,
        Some(Ok(seconds)) if (1..=LEVEL_FOR_MAX.as_secs()).contains(&seconds) => {
            Some(Duration::from_secs(seconds))
        }
        Some(_) => {
            let most = LEVEL_FOR_MAX.as_secs();
            return Err(Problem::invalid(format!("for_seconds has to be between 1 and {most}, or left out")));
        }
    };
    api.log().set_level(level, hold);
    Ok(axum::Json(api.log().level().into()))
}
