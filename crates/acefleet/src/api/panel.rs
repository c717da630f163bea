//! Routes of the panel: its page and its files, or a page that says how to build them in.

use super::error::{Failure, Problem};
use super::extract::Id;
use super::read::cut;
use crate::panel::{FILES, PAGE, answer};
use axum::body::Body;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;

/// Leads to the panel's page. The address is relative, so that it holds behind a path prefix, too.
#[utoipa::path(get, path = "/panel", tag = "program", responses((status = 307)))]
pub(super) async fn get_panel() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    response.headers_mut().insert(LOCATION, HeaderValue::from_static("panel/"));
    response
}

/// The panel: a page for people, who see the fleet live and can act.
#[utoipa::path(get, path = "/panel/", tag = "program",
    responses((status = 200, body = String, content_type = "text/html")))]
pub(super) async fn get_panel_page(asked: HeaderMap) -> Response {
    answer(FILES, PAGE, &asked).unwrap_or_else(missing)
}

/// A file of the panel.
#[utoipa::path(get, path = "/panel/{file}", tag = "program",
    params(("file" = String, Path, description = "Its name, as the page has it")),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 404, body = Failure)))]
pub(super) async fn get_panel_file(asked: HeaderMap, Id(file): Id) -> Result<Response, Problem> {
    answer(FILES, &file, &asked).ok_or_else(|| {
        Problem::not_found(format!("the panel has no file '{}'; load its page anew", cut(&file)))
    })
}

/// What is shown in place of a panel that was not built.
fn missing() -> Response {
    let mut response = Response::new(Body::from(include_str!("../panel/missing.html")));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    let policy = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'");
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    response
}
