//! How a browser is given the panel's files, on files made up for it.

use super::*;
use axum::http::header::HeaderName;

const FILES: &[File] = &[
    File { name: PAGE, tag: "a", plain: b"plain page", brotli: Some(b"br page"), gzip: Some(b"gz page") },
    File { name: "app-12345678.js", tag: "b", plain: b"plain", brotli: None, gzip: Some(b"gz") },
    File { name: "font-12345678.woff2", tag: "c", plain: b"font", brotli: None, gzip: None },
];

async fn ask(name: &str, headers: &[(HeaderName, &str)]) -> (StatusCode, HeaderMap, String) {
    let headers = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()));
    let response = answer(FILES, name, &headers.collect()).expect("a file of this name");
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, 1024).await.unwrap();
    (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn a_file_is_given_in_the_smallest_form_that_the_browser_understands() {
    for (accepts, encoding, body) in [
        ("gzip, deflate, br, zstd", Some("br"), "br page"),
        ("gzip", Some("gzip"), "gz page"),
        ("br;q=0, gzip;q=0.5", Some("gzip"), "gz page"),
        ("identity", None, "plain page"),
    ] {
        let (status, headers, got) = ask(PAGE, &[(ACCEPT_ENCODING, accepts)]).await;
        assert_eq!((status, got.as_str()), (StatusCode::OK, body), "{accepts}");
        assert_eq!(headers.get(CONTENT_ENCODING).map(|value| value.to_str().unwrap()), encoding, "{accepts}");
        assert_eq!(headers[VARY], "accept-encoding");
    }
    assert_eq!(ask("app-12345678.js", &[(ACCEPT_ENCODING, "br")]).await.2, "plain");
}

#[tokio::test]
async fn the_page_is_asked_for_each_time_and_files_named_by_their_contents_once() {
    assert_eq!(ask(PAGE, &[]).await.1[CACHE_CONTROL], "no-cache");
    let kept = ask("font-12345678.woff2", &[]).await.1;
    assert_eq!(kept[CACHE_CONTROL], "public, max-age=31536000, immutable");
    assert_eq!(kept[CONTENT_TYPE], "font/woff2");
}

#[tokio::test]
async fn what_the_browser_has_already_is_not_sent_again() {
    let (_, headers, _) = ask(PAGE, &[(ACCEPT_ENCODING, "br")]).await;
    let tag = headers[ETAG].to_str().unwrap();
    let (status, again, body) = ask(PAGE, &[(ACCEPT_ENCODING, "br"), (IF_NONE_MATCH, tag)]).await;
    assert_eq!((status, body.as_str()), (StatusCode::NOT_MODIFIED, ""));
    assert_eq!(again[ETAG], headers[ETAG]);
    let other = ask(PAGE, &[(ACCEPT_ENCODING, "gzip"), (IF_NONE_MATCH, tag)]).await;
    assert_eq!(other.0, StatusCode::OK, "another form is another answer");
}

#[tokio::test]
async fn the_page_may_talk_to_its_own_server_alone() {
    let policy = ask(PAGE, &[]).await.1[CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none';"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
}

#[test]
fn a_name_that_is_no_file_is_none() {
    for name in ["", "..", "app.js", "index.html.br"] {
        assert!(answer(FILES, name, &HeaderMap::new()).is_none(), "{name}");
    }
}
