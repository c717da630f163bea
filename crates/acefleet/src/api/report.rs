//! A report of the whole, for whoever is to find out what went wrong.

use super::Api;
use super::events::everything;
use super::wire::time::Moment;
use crate::driver::gate::Picture;
use crate::journal::{Filter, Line};
use crate::report::{self, Keep, Report};
use crate::store::Unread;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio::task::spawn_blocking;

/// Settings, state, journal, log and metrics in one text, without anything secret: what a bug report needs.
#[utoipa::path(get, path = "/report", tag = "program",
    responses((status = 200, body = String, content_type = "text/plain")))]
pub(super) async fn get_report(State(api): State<Api>) -> Response {
    let picture = api.picture();
    let before = picture.journal.first().map(|oldest| oldest.id);
    let earlier = report::ENTRIES_MAX.saturating_sub(picture.journal.len());
    let stored = api.parts.store.readers().journal(Filter { before, ..Filter::default() }, earlier).await;
    // Several MiB are gone through, once for each secret: others are served meanwhile.
    let text = spawn_blocking(move || written(&api, &picture, stored)).await;
    let Ok(text) = text else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let mut response = Response::new(Body::from(text));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    let attachment = HeaderValue::from_static("attachment; filename=\"acefleet-report.txt\"");
    headers.insert(CONTENT_DISPOSITION, attachment);
    response
}

fn written(api: &Api, picture: &Picture, stored: Result<Vec<Line>, Unread>) -> String {
    let now = api.now();
    let about = [
        ("written", Moment(now).text()),
        ("picture", format!("number {} of {}", picture.number, Moment(picture.snapshot.at).text())),
        ("runtime", picture.notes.join("; ")),
        ("log level", api.log().level().level),
    ];
    let mut report = Report::new(&api.parts.facts, &about);
    let state = serde_json::to_string_pretty(&everything(api, picture, None)).unwrap_or_default();
    report.section("State", &state, Keep::Beginning);
    report.journal(stored, &picture.journal);
    report.section("Log", &api.log().lines().join("\n"), Keep::End);
    let totals = api.with_history(|history| history.totals());
    let (_, metrics) = api.parts.meters.text(&picture.snapshot, totals, std::iter::empty());
    report.section("Metrics", &metrics, Keep::Beginning);
    report.finish()
}
