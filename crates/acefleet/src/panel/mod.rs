//! The panel's files, as they were built into the program, and how a browser is given them.
//!
//! Nothing is computed here but which form of a file fits: the files come packed, and those whose names change with
//! their contents may be kept for ever.

#[cfg(test)]
mod tests;

use axum::body::Body;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;

/// The page itself; every other file has a name that changes with its contents.
pub(crate) const PAGE: &str = "index.html";
/// What the panel may do in a browser: talk to the server that it came from, and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// The page is asked for each time, and answered briefly if it is the same.
const ASK_AGAIN: &str = "no-cache";
/// A file whose name changes with its contents is asked for once.
const KEEP: &str = "public, max-age=31536000, immutable";

/// One file of the panel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct File {
    /// Its name.
    name: &'static str,
    /// Another one for other contents.
    tag: &'static str,
    /// As it was built.
    plain: &'static [u8],
    /// The same, packed.
    brotli: Option<&'static [u8]>,
    /// The same, packed in the way that every browser knows.
    gzip: Option<&'static [u8]>,
}

/// Every file; none if the panel was not built before the program.
pub(crate) static FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/panel_files.rs"));

/// The file of this name, in the form that fits best to what a browser has and understands.
pub(crate) fn answer(files: &[File], name: &str, asked: &HeaderMap) -> Option<Response> {
    let file = files.iter().find(|file| file.name == name)?;
    let (encoding, bytes) = file.form(asked);
    let tag = match encoding {
        Some(encoding) => format!("\"{}-{encoding}\"", file.tag),
        None => format!("\"{}\"", file.tag),
    };
    let known = list(asked, IF_NONE_MATCH).any(|known| known.trim_start_matches("W/") == tag || known == "*");
    let mut response = Response::new(if known { Body::empty() } else { Body::from(bytes) });
    if known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    let keep = if name == PAGE { ASK_AGAIN } else { KEEP };
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(keep));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind(name)));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(ETAG, tag);
    }
    if let Some(encoding) = encoding {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    Some(response)
}

impl File {
    /// The smallest form that the asker understands.
    fn form(&self, asked: &HeaderMap) -> (Option<&'static str>, &'static [u8]) {
        let takes = |word: &str| {
            list(asked, ACCEPT_ENCODING).any(|one| {
                let (name, quality) = one.split_once(';').unwrap_or((one, "q=1"));
                let refused = quality.trim().strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0));
                name.trim().eq_ignore_ascii_case(word) && !refused
            })
        };
        match (self.brotli, self.gzip) {
            (Some(brotli), _) if takes("br") => (Some("br"), brotli),
            (_, Some(gzip)) if takes("gzip") => (Some("gzip"), gzip),
            _ => (None, self.plain),
        }
    }
}

/// What a header lists, over all its lines.
fn list(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim)
}

fn kind(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("woff2") => "font/woff2",
        Some("txt") => "text/plain; charset=utf-8",
        Some(_) | None => "application/octet-stream",
    }
}
