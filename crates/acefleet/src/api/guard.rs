//! What surrounds every route: a time limit, a panic that stays where it is, headers, and a count; and
//! browsers on other people's pages change nothing.

use super::error::Problem;
use super::{Api, Chosen};
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

/// Names below these nobody can own whom the whole world asks, nor names without any dot.
const PRIVATE_TOPS: [&str; 6] = ["localhost", "local", "lan", "home", "internal", "localdomain"];
const PRIVATE_ZONE: &str = ".home.arpa";

/// Surrounds a route.
pub(super) async fn guard(State(api): State<Api>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let kept_out = if changes(request.method()) { keeps_out(request.headers(), api.chosen()) } else { None };
    let answering = async {
        match kept_out {
            Some(message) => Problem::new(StatusCode::FORBIDDEN, message).into_response(),
            None => next.run(request).await,
        }
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

/// Why a page may change nothing here, if a browser sends this for one that may not. A page needs no permission to
/// send, only to read what comes back; programs that are no browsers name no origin.
fn keeps_out(headers: &HeaderMap, chosen: &Chosen) -> Option<&'static str> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let origin = text(ORIGIN.as_str())?;
    if chosen.cors_origins.iter().any(|known| known == "*" || known == origin) {
        return None;
    }
    // Behind a proxy the host may be another one than the page's; the browser knows.
    let site = text("sec-fetch-site");
    let is_ours = match site {
        Some(site) => matches!(site, "same-origin" | "none"),
        None => origin.split_once("://").map(|(_, host)| host) == text(HOST.as_str()),
    };
    if !is_ours {
        return Some("pages of other origins may change nothing, unless CORS_ORIGINS names theirs");
    }
    // Whoever lends his name has no certificate for what is here. That this request came by one, and not only the page,
    // is known where the browser says whose page it is.
    let is_certified = site.is_some() && origin.starts_with("https://");
    // With a key, the page has to know that.
    let is_open = chosen.key.is_none() && !is_certified;
    (is_open && may_be_borrowed(origin, chosen.base_url.as_deref())).then_some(
        "anybody may point a name like this page's here, so it may change nothing, unless CORS_ORIGINS names its \
         origin or API_KEY is set",
    )
}

/// Whether the name by which a page was reached may be somebody else's, who had it lead here after his page was loaded:
/// for the browser that page and acefleet are one. What a request says of proxies before it proves nothing, because a
/// page can say that, too.
fn may_be_borrowed(origin: &str, base_url: Option<&str>) -> bool {
    let host = |text: &str| Some(url::Url::parse(text).ok()?.host()?.to_owned());
    let Some(url::Host::Domain(name)) = host(origin) else { return false };
    let name = name.trim_end_matches('.');
    let top = name.rsplit_once('.').map(|(_, top)| top);
    let is_private = top.is_none_or(|top| PRIVATE_TOPS.contains(&top)) || name.ends_with(PRIVATE_ZONE);
    let is_chosen = base_url.and_then(host) == host(origin);
    !is_private && !is_chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_nobody_else_can_own_are_not_borrowed() {
        for origin in [
            "http://192.168.1.4:8000",
            "http://[::1]:8000",
            "http://localhost:8000",
            "http://nas:8000",
            "http://nas.local",
            "http://tv.home.arpa",
            "null",
        ] {
            assert!(!may_be_borrowed(origin, None), "{origin}");
        }
        for origin in [
            "http://evil.example.org:8000",
            "https://evil.example.org:8000",
            "http://localhost.example.org",
            "http://10.0.0.1.example.org.",
        ] {
            assert!(may_be_borrowed(origin, None), "{origin}");
        }
        assert!(!may_be_borrowed("http://tv.example.org:8000", Some("http://tv.example.org:8000/ace")));
    }
}
