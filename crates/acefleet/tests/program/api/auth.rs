//! Who may ask what: every route of the document, with and without the key.

use super::fleet::{Fleet, Setup};
use acefleet::api::{More, openapi};
use hyper::Method;
use hyper::header::AUTHORIZATION;
use serde_json::Value;
use std::collections::BTreeSet;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

const KEY: &str = "correct-horse";

/// What clients were promised to need a key for, whatever the document says.
const PROMISED: [&str; 26] = [
    "GET /containers/{id}",
    "GET /by-label",
    "GET /engines/{id}/logs",
    "GET /engines/{id}/usage",
    "GET /settings",
    "POST /provision/acestream",
    "POST /provision",
    "POST /scale/{n}",
    "POST /gc",
    "DELETE /containers/{id}",
    "POST /events/stream_started",
    "POST /events/stream_ended",
    "POST /health/circuit-breaker/reset",
    "POST /hooks/gluetun/port",
    "GET /api/v1/report",
    "GET /api/v1/log-level",
    "PUT /api/v1/log-level",
    "POST /api/v1/engines/{id}/drain",
    "POST /api/v1/engines/{id}/undrain",
    "POST /api/v1/engines/{id}/replace",
    "POST /api/v1/streams/{id}/stop",
    "POST /api/v1/streams/{id}/move",
    "POST /api/v1/vpns/{name}/bounce",
    "POST /api/v1/vpns/{name}/restart",
    "POST /api/v1/vpns/{name}/drain",
    "POST /api/v1/vpns/{name}/undrain",
];

/// Every route of the document: method, path, and whether it needs a key.
fn routes() -> Vec<(Method, String, bool)> {
    let document = serde_json::to_value(openapi(&More::none())).expect("JSON");
    let paths = document["paths"].as_object().expect("paths");
    let mut routes = Vec::new();
    for (path, item) in paths {
        for (method, operation) in item.as_object().expect("operations") {
            let method: Method = method.to_uppercase().parse().expect("a method");
            let keyed = operation["security"].as_array().is_some_and(|keys| !keys.is_empty());
            routes.push((method, path.clone(), keyed));
        }
    }
    routes
}

async fn fleet() -> Fleet {
    Setup::with_vpns(&[("gluetun", None)]).with_keys(Some(KEY), None).start().await
}

fn filled(path: &str) -> String {
    path.replace("{id}", "nobody").replace("{name}", "nobody").replace("{n}", "2").replace("{file}", "nobody")
}

#[test]
fn what_was_promised_to_need_a_key_does_and_every_change_does() {
    let keyed: BTreeSet<_> = routes()
        .into_iter()
        .filter(|(_, _, keyed)| *keyed)
        .map(|(method, path, _)| format!("{method} {path}"))
        .collect();
    assert_eq!(keyed, PROMISED.iter().map(ToString::to_string).collect());
    // What is sent there comes back, and nothing is changed by it.
    let changes = |method: &Method, path: &str| method != Method::GET && path != "/modify_m3u";
    assert!(routes().iter().all(|(method, path, keyed)| *keyed || !changes(method, path)));
}

#[tokio::test]
async fn every_route_that_needs_the_key_refuses_without_it_and_with_a_wrong_one() {
    let fleet = fleet().await;
    for (method, path, keyed) in routes() {
        // It answers for as long as somebody listens.
        if path.ends_with("/stream") {
            continue;
        }
        let twice = if path.starts_with("/api/v1") { vec![""] } else { vec!["", "/api/v1"] };
        for prefix in twice {
            let path = format!("{prefix}{}", filled(&path));
            let ask = |key| fleet.send(method.clone(), &path, None, key);
            let (none, wrong, right) = (ask(None).await, ask(Some("wrong")).await, ask(Some(KEY)).await);
            if keyed {
                assert_eq!(
                    (none.status, none.text.as_str()),
                    (401, r#"{"detail":"missing bearer token"}"#),
                    "{path}"
                );
                assert_eq!(
                    (wrong.status, wrong.text.as_str()),
                    (403, r#"{"detail":"invalid token"}"#),
                    "{path}"
                );
                assert_eq!(none.header("www-authenticate"), Some("Bearer"));
            } else {
                assert!(!matches!(none.status, 401 | 403), "{path}");
            }
            assert!(!matches!(right.status, 401 | 403), "{method} {path}: {}", right.text);
        }
    }
}

#[tokio::test]
async fn a_key_is_compared_whole() {
    let fleet = fleet().await;
    for (header, status) in [
        (format!("Bearer {KEY}"), 200),
        (format!("bearer {KEY}"), 200),
        (format!("Bearer  {KEY}"), 200),
        (format!("Bearer {KEY}x"), 403),
        ("Bearer correct".to_owned(), 403),
        ("Bearer ".to_owned(), 401),
        (KEY.to_owned(), 401),
        (format!("Basic {KEY}"), 401),
    ] {
        let got = fleet.send_with(Method::POST, "/gc", None, &[(AUTHORIZATION, header.clone())]).await;
        assert_eq!(got.status, status, "{header}");
    }
}

#[tokio::test]
async fn without_a_key_everybody_is_admitted() {
    let fleet = Setup::default().start().await;
    assert_eq!(fleet.post_nothing("/gc").await.status, 200);
    assert_eq!(fleet.send(Method::POST, "/gc", None, Some("anything")).await.status, 200);
}

#[tokio::test]
async fn a_body_is_not_read_before_its_sender_is_known() {
    let fleet = fleet().await;
    let got = fleet.send(Method::POST, "/provision/acestream", Some("nonsense".into()), None).await;
    assert_eq!(got.status, 401);
}

#[test]
fn every_route_is_described_with_every_failure_it_tells() {
    let document = serde_json::to_value(openapi(&More::none())).expect("JSON");
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let described = operation["summary"].as_str().or(operation["description"].as_str());
            assert!(described.is_some_and(|text| !text.is_empty()), "{method} {path}");
            let answers: Vec<&String> = operation["responses"].as_object().expect("answers").keys().collect();
            assert!(
                answers.iter().any(|status| status.starts_with(['2', '3'])),
                "{method} {path}: {answers:?}"
            );
            if operation["security"] != Value::Null {
                assert!(answers.iter().any(|status| *status == "401"), "{method} {path}");
            }
        }
    }
}

#[tokio::test]
async fn where_viewers_come_from_is_told_only_to_who_shows_the_key() {
    for (setup, key, told) in [
        (Setup::with_vpns(&[("gluetun", None)]), None, true),
        (Setup::with_vpns(&[("gluetun", None)]).with_keys(Some(KEY), None), None, false),
        (Setup::with_vpns(&[("gluetun", None)]).with_keys(Some(KEY), None), Some("another"), false),
        (Setup::with_vpns(&[("gluetun", None)]).with_keys(Some(KEY), None), Some(KEY), true),
    ] {
        let fleet = setup.start().await;
        let mut player = TcpStream::connect(fleet.address).await.expect("the server listens");
        let request = format!("GET /ace/getstream?id={:040x} HTTP/1.1\r\nhost: a\r\n\r\n", 1);
        player.write_all(request.as_bytes()).await.expect("it is read");
        let viewer = loop {
            let got = fleet.send(Method::GET, "/channels", None, key).await;
            assert_eq!(got.status, 200);
            if let Some(viewer) = got.json().pointer("/0/viewers/0") {
                break viewer.clone();
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        };
        let address = told.then(|| player.local_addr().expect("it is connected").to_string());
        assert_eq!(viewer["address"].as_str(), address.as_deref(), "{key:?}");
    }
}
