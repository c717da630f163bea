//! `status` against answers as the API gives them.

use super::settings_of;
use crate::cli::status::{Asked, Failure};
use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use serde_json::{Value, json};
use tokio::net::TcpListener;

fn answers() -> [Value; 4] {
    let whole = json!({
        "status": "degraded", "engines": {"total": 2, "running": 2, "healthy": 1, "unhealthy": 1},
        "streams": {"active": 1, "total": 4},
        "capacity": {"total": 1, "used": 1, "available": 0, "max_replicas": 20, "min_replicas": 2},
        "vpn": {"enabled": true, "connected": true, "health": "healthy", "container": "gluetun"},
        "provisioning": {"can_provision": false, "circuit_breaker_state": "open", "last_failure": null,
            "blocked_reason": "too many failures", "blocked_reason_details": {"code": "circuit_breaker",
            "message": "too many failures", "recovery_eta_seconds": 34, "can_retry": true,
            "should_wait": true}},
        "reasons": ["VPN 'gluetun2' has failed"],
        "config": {"auto_delete": false, "grace_period_s": 30, "engine_variant": "krinkuto11-amd64"},
        "timestamp": "2026-01-01T00:00:00Z",
    });
    let vpn = |name: &str, ok: bool| {
        json!({"mode": "redundant", "enabled": true, "status": "running", "container_name": name,
            "container": name,
            "health": if ok { "healthy" } else { "unhealthy" }, "connected": ok,
            "forwarded_port": if ok { json!(48278) } else { json!(null) }, "last_check": null})
    };
    let vpns = json!({
        "mode": "redundant", "enabled": true, "status": "running", "connected": true,
        "vpn1": vpn("gluetun", true), "vpn2": vpn("gluetun2", false),
        "emergency_mode": {"active": true, "failed_vpn": "gluetun2", "healthy_vpn": "gluetun",
            "duration_seconds": 35, "entered_at": "2026-01-01T00:00:00Z"},
    });
    let engine = |number: u16, state: &str, reason: Value, streams: Value| {
        json!({"container_id": format!("id{number}"), "container_name": format!("acestream-{number}"),
            "host": "gluetun", "port": 19_000 + number, "labels": {}, "forwarded": number == 1,
            "streams": streams, "health_status": "healthy", "vpn_container": "gluetun",
            "state": state, "reason": reason})
    };
    let engines = json!([
        engine(1, "offered", Value::Null, json!(["s"])),
        engine(2, "draining", json!("its VPN has failed; it is removed at 12:00"), json!([])),
    ]);
    let streams = json!([{"id": "s", "key_type": "content_id", "key": "a".repeat(40), "container_id": "id1",
        "playback_session_id": "p", "started_at": "2026-01-01T12:34:56Z", "status": "started",
        "peers": 12, "speed_down": 812.5, "speed_up": 3, "downloaded": 1, "uploaded": null}]);
    [whole, vpns, engines, streams]
}

fn asked(url: &str) -> Asked {
    Asked::new(url, &settings_of(&[("API_KEY", "hunter2")])).expect("the address makes sense")
}

#[test]
fn the_page_fits_eighty_columns_and_reads_well() {
    let page = asked("http://127.0.0.1:8000").page(&answers(), false).expect("the answers are acefleet's");
    let expected = "\
acefleet at http://127.0.0.1:8000: degraded
2 engines of 2 to 20: 1 healthy, 1 unhealthy, 0 free for new viewers
  VPN 'gluetun2' has failed
  no new engines: too many failures (again in 34 s)

VPN       DOCKER   HEALTH     USABLE   PORT  PUBLIC IP
gluetun   running  healthy    yes     48278  -
gluetun2  running  unhealthy  no          -  -
emergency: gluetun2 failed 35 s ago

ENGINE        PORT  VPN      STATE     HEALTH   STREAMS  FWD
acestream-1  19001  gluetun  offered   healthy        1  yes
acestream-2  19002  gluetun  draining  healthy        0
    its VPN has failed; it is removed at 12:00

STREAM                  ENGINE       PEERS  DOWN  UP  SINCE
aaaaaaaaaaaaaaaaaaaaa…  acestream-1     12   812   3  2026-01-01 12:34
Speeds in KiB/s, times in UTC.
";
    assert_eq!(page, expected);
}

/// Puts the same text wherever the API hands out text that others have chosen.
fn poisoned(value: &mut Value, text: &str) {
    match value {
        Value::String(old) => *old = text.to_owned(),
        Value::Array(items) => items.iter_mut().for_each(|item| poisoned(item, text)),
        Value::Object(map) => map.values_mut().for_each(|item| poisoned(item, text)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[test]
fn hostile_names_neither_move_the_cursor_nor_burst_the_page() {
    for text in ["\u{1b}[2J\u{1b}]0;x\u{7}\r\n\u{202e}\u{9b}31m", &"x".repeat(5000), "", "日本語\u{0}"] {
        let mut answers = answers();
        answers.iter_mut().for_each(|answer| poisoned(answer, text));
        let page = asked("http://127.0.0.1:8000").page(&answers, false).expect("the answers are acefleet's");
        assert!(page.chars().all(|char| char == '\n' || !char.is_control()), "{page:?}");
        assert!(!page.contains('\u{202e}'));
        let widest = page.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(80), "{widest:?}:\n{page}");
    }
}

#[test]
fn a_fleet_without_anything_is_a_short_page() {
    let [mut whole, _, _, _] = answers();
    whole["provisioning"]["can_provision"] = json!(true);
    whole["reasons"] = json!([]);
    let vpns = json!({"mode": "disabled", "vpn1": null, "vpn2": null, "emergency_mode": {"active": false}});
    let page =
        asked("http://h:1").page(&[whole, vpns, json!([]), json!([])], false).expect("it can be shown");
    assert_eq!(page.lines().count(), 2, "{page}");
}

#[test]
fn as_json_it_is_one_document_with_everything_in_it() {
    let [whole, vpns, engines, streams] = answers();
    let page = asked("http://h:1").page(&answers(), true).expect("it can be shown");
    let read: Value = serde_json::from_str(&page).expect("it is JSON");
    assert_eq!(read, json!({"orchestrator": whole, "vpn": vpns, "engines": engines, "streams": streams}));
    assert_eq!(page.lines().count(), 1);
}

#[test]
fn answers_of_another_shape_are_somebody_elses() {
    let mut answers = answers();
    answers[2] = json!({"detail": "no"});
    let failure = asked("http://h:1").page(&answers, false).expect_err("these are no engines");
    assert!(failure.to_string().starts_with("what answers at http://h:1 is no acefleet ("), "{failure}");
}

#[test]
fn an_address_that_makes_no_sense_is_told() {
    for url in ["localhost:8000", "https://h", "http://", "", "\u{1b}[2J"] {
        let failure = Asked::new(url, &settings_of(&[])).err().map(|failure| failure.to_string());
        assert!(
            failure.is_some_and(|text| text.ends_with("write http://host:port") && !text.contains('\u{1b}'))
        );
    }
}

/// Serves these routes until the test ends; its address.
async fn served(routes: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it has an address");
    tokio::spawn(async move { axum::serve(listener, routes).await });
    format!("http://{address}")
}

#[tokio::test]
async fn a_running_acefleet_is_asked_for_all_of_it_with_the_key() {
    let routes = Router::new().fallback(|uri: axum::http::Uri, headers: HeaderMap| async move {
        let [whole, vpns, engines, streams] = answers();
        if headers.get("authorization").is_none_or(|key| key != "Bearer hunter2") {
            return StatusCode::UNAUTHORIZED.into_response();
        }
        match uri.path_and_query().map(ToString::to_string).as_deref() {
            Some("/base/orchestrator/status") => axum::Json(whole).into_response(),
            Some("/base/vpn/status") => axum::Json(vpns).into_response(),
            Some("/base/engines?all=true") => axum::Json(engines).into_response(),
            Some("/base/streams?status=started") => axum::Json(streams).into_response(),
            Some(_) | None => StatusCode::NOT_FOUND.into_response(),
        }
    });
    let url = served(routes).await + "/base/";
    assert_eq!(asked(&url).look().await.expect("it answers"), answers());
    let stranger = Asked::new(&url, &settings_of(&[])).expect("the address makes sense");
    assert!(matches!(stranger.look().await, Err(Failure::Key { .. })));
}

#[tokio::test]
async fn nobody_there_is_told_with_what_to_do() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let url = format!("http://{}", listener.local_addr().expect("it has an address"));
    drop(listener);
    let text = asked(&url).look().await.expect_err("nobody is there").to_string();
    assert!(text.starts_with(&format!("no acefleet answers at {url} (")), "{text}");
    assert!(text.ends_with("is it running? `acefleet serve`"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn somebody_who_never_answers_is_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let url = format!("http://{}", listener.local_addr().expect("it has an address"));
    let text = asked(&url).look().await.expect_err("nobody answers").to_string();
    assert!(text.contains("nothing within 5 s"), "{text}");
}

#[tokio::test]
async fn somebody_else_is_told_from_acefleet() {
    let url = served(Router::new()).await;
    let failure = asked(&url).look().await.expect_err("it knows no route").to_string();
    assert!(failure.contains("is no acefleet (404 from /"), "{failure}");
    let url = served(Router::new().fallback(|| async { "hello" })).await;
    let failure = asked(&url).look().await.expect_err("it speaks no JSON").to_string();
    assert!(failure.contains("no JSON from /"), "{failure}");
}
