//! What clients get wrong, and what goes wrong here: always a status and `{"detail": …}`.

use super::client::{Got, session};
use super::fleet::{Fleet, PANICS, Setup};
use hyper::Method;
use hyper::header::{CONTENT_TYPE, HeaderName};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

async fn fleet() -> Fleet {
    Setup::with_vpns(&[("gluetun", None)]).start().await
}

fn told(got: &Got, status: u16) -> String {
    assert_eq!(got.status, status, "{}", got.text);
    assert_eq!(got.header("content-type"), Some("application/json"));
    assert_eq!(got.json().as_object().unwrap().len(), 1);
    got.detail()
}

#[tokio::test]
async fn paths_that_are_none_and_methods_that_do_not_fit_are_told_as_everything_else() {
    let fleet = fleet().await;
    for path in ["/", "/nowhere", "/api/v1/nowhere", "/api/v2/engines", "/engines/a/b/c", "/%00", "//engines"]
    {
        assert!(told(&fleet.get(path).await, 404).contains("no such route"), "{path}");
    }
    let got = fleet.send(Method::PUT, "/engines", None, None).await;
    told(&got, 405);
    assert!(got.header("allow").is_some_and(|methods| methods.contains("GET")));
    told(&fleet.get("/gc").await, 405);
    told(&fleet.send(Method::DELETE, "/api/v1/engines", None, None).await, 405);
}

#[tokio::test]
async fn bodies_that_are_no_json_are_refused_with_the_place() {
    let fleet = fleet().await;
    for body in ["{", "{\"labels\": }", "{\"labels\":{}} trailing", "{\"labels\":{\"a\":\"\u{7}\"}}"] {
        let got = fleet.send(Method::POST, "/provision/acestream", Some(body.into()), None).await;
        assert!(told(&got, 422).starts_with("the body is no JSON: "), "{body}");
    }
    for body in ["nonsense", "[]", "[{\"team\":\"tv\"},{},19003]", "null", "7", "\u{feff}{}", "\"{}\""] {
        let got = fleet.send(Method::POST, "/provision/acestream", Some(body.into()), None).await;
        assert_eq!(told(&got, 422), "the body has to be a JSON object", "{body}");
    }
    let deep = format!("{{\"x\":{}", "[".repeat(10_000));
    let got = fleet.send(Method::POST, "/provision/acestream", Some(deep), None).await;
    told(&got, 422);
}

#[tokio::test]
async fn what_a_body_is_called_makes_no_difference() {
    let fleet = fleet().await;
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-8"] {
        let headers = [(CONTENT_TYPE, kind.to_owned())];
        let body = session(19_000, kind).to_string();
        let got = fleet.send_with(Method::POST, "/events/stream_started", Some(body), &headers).await;
        assert_eq!(got.status, 200, "{kind}: {}", got.text);
    }
}

#[tokio::test]
async fn what_is_too_large_is_refused() {
    let fleet = fleet().await;
    let body = json!({"labels": {"x": "y".repeat(300 * 1024)}}).to_string();
    let got = fleet.send(Method::POST, "/provision/acestream", Some(body), None).await;
    assert_eq!(told(&got, 413), "the body is longer than 256 KiB");
    let query = "x".repeat(9_000);
    told(&fleet.get(&format!("/engines?x={query}")).await, 414);
    told(&fleet.get(&format!("/engines/{query}")).await, 422);
}

#[tokio::test]
async fn queries_of_wrong_types_are_refused() {
    let fleet = fleet().await;
    for path in [
        "/engines?all=perhaps",
        "/journal?limit=-1",
        "/journal?limit=many",
        "/journal?since=yesterday",
        "/streams?status=",
        "/engines/%ff",
    ] {
        told(&fleet.get(path).await, 422);
    }
}

#[tokio::test]
async fn a_panic_stays_where_it_is() {
    let fleet = fleet().await;
    let got = fleet.get(&format!("/engines/acestream-1/logs?tail={PANICS}")).await;
    assert_eq!(told(&got, 500), "acefleet made a mistake while answering; its log has the details");
    assert_eq!(fleet.get("/engines").await.status, 200);
}

#[tokio::test]
async fn origins_of_others_are_allowed_only_if_the_operator_says_so() {
    let origin = HeaderName::from_static("origin");
    let headers = [(origin, "https://panel.example".to_owned())];
    let fleet = fleet().await;
    let got = fleet.send_with(Method::GET, "/engines", None, &headers).await;
    assert_eq!(got.header("access-control-allow-origin"), None);

    let mut setup = Setup::with_vpns(&[("gluetun", None)]).with_keys(Some("key"), None);
    setup.chosen.cors_origins = vec!["https://panel.example".into()];
    let fleet = setup.start().await;
    let got = fleet.send_with(Method::GET, "/engines", None, &headers).await;
    assert_eq!(got.header("access-control-allow-origin"), Some("https://panel.example"));
    let mut asks = headers.to_vec();
    asks.push((HeaderName::from_static("access-control-request-method"), "POST".to_owned()));
    let got = fleet.send_with(Method::OPTIONS, "/gc", None, &asks).await;
    assert_eq!(got.status, 200);
    assert!(got.header("access-control-allow-methods").is_some_and(|methods| methods.contains("POST")));
    let other = [(HeaderName::from_static("origin"), "https://evil.example".to_owned())];
    let got = fleet.send_with(Method::GET, "/engines", None, &other).await;
    assert_eq!(got.header("access-control-allow-origin"), None);
}

#[tokio::test]
async fn pages_of_others_change_nothing() {
    let mut setup = Setup::with_vpns(&[("gluetun", None)]);
    setup.chosen.cors_origins = vec!["https://panel.example".into()];
    let fleet = setup.start().await;
    let ask = |headers: &[(&'static str, &str)]| {
        let name = HeaderName::from_static;
        let headers: Vec<_> = headers.iter().map(|(key, value)| (name(key), (*value).to_owned())).collect();
        let fleet = &fleet;
        async move { fleet.send_with(Method::POST, "/gc", None, &headers).await }
    };
    for headers in [
        &[][..],
        &[("origin", "http://localhost")],
        &[("origin", "https://panel.example")],
        &[("origin", "https://acefleet.example"), ("sec-fetch-site", "same-origin")],
    ] {
        assert_eq!(ask(headers).await.status, 200, "{headers:?}");
    }
    for headers in [
        &[("origin", "https://evil.example")][..],
        &[("origin", "null")],
        &[("origin", "http://localhost:8001")],
        &[("origin", "http://localhost"), ("sec-fetch-site", "cross-site")],
    ] {
        assert!(told(&ask(headers).await, 403).contains("CORS_ORIGINS"), "{headers:?}");
    }
}

#[tokio::test]
async fn a_page_that_borrows_a_name_to_be_taken_for_ours_changes_nothing_without_a_key() {
    let ask = async |fleet: &Fleet, origin: &str, key: Option<&str>| {
        let name = HeaderName::from_static;
        let mut headers =
            vec![(name("origin"), origin.to_owned()), (name("sec-fetch-site"), "same-origin".to_owned())];
        // Which a page may say.
        headers.push((name("x-forwarded-host"), "localhost".to_owned()));
        headers.extend(key.map(|key| (name("authorization"), format!("Bearer {key}"))));
        fleet.send_with(Method::POST, "/gc", None, &headers).await
    };
    let open = fleet().await;
    assert!(told(&ask(&open, "http://evil.example:8000", None).await, 403).contains("API_KEY"));
    for origin in
        ["http://192.168.1.4:8000", "http://[fd00::1]:8000", "http://nas:8000", "https://tv.example"]
    {
        assert_eq!(ask(&open, origin, None).await.status, 200, "{origin}");
    }
    // Over TLS browsers say whose page it is. One that does not came from a page that has a certificate to here, which
    // has none.
    let borrowed = "POST /gc HTTP/1.1\r\nhost: evil.example:8000\r\norigin: https://evil.example:8000\r\n\
        connection: close\r\n\r\n";
    let mut page = TcpStream::connect(open.address).await.expect("the server listens");
    page.write_all(borrowed.as_bytes()).await.expect("it is read");
    let mut got = String::new();
    page.read_to_string(&mut got).await.expect("an answer");
    assert!(got.starts_with("HTTP/1.1 403 ") && got.contains("API_KEY"), "{got}");
    let mut setup = Setup::with_vpns(&[("gluetun", None)]);
    setup.chosen.base_url = Some("http://tv.example:8000".into());
    assert_eq!(ask(&setup.start().await, "http://tv.example:8000", None).await.status, 200);
    let locked = Setup::with_vpns(&[("gluetun", None)]).with_keys(Some("key"), None).start().await;
    assert_eq!(ask(&locked, "http://tv.example:8000", None).await.status, 401);
    assert_eq!(ask(&locked, "http://tv.example:8000", Some("key")).await.status, 200);
}
