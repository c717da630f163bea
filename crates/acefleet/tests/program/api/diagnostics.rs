//! What helps to find out what went wrong: how much is logged, and the report.

use super::client::Got;
use super::fleet::{Fleet, Setup};
use hyper::Method;
use serde_json::{Value, json};

const LEVEL: &str = "/api/v1/log-level";

async fn put(fleet: &Fleet, body: &Value) -> Got {
    fleet.send(Method::PUT, LEVEL, Some(body.to_string()), None).await
}

#[tokio::test]
async fn the_level_of_the_log_is_changed_for_a_while_or_for_good() {
    let fleet = Setup::default().start().await;
    let usual = fleet.get(LEVEL).await.json();
    assert_eq!(usual, json!({ "level": "info", "for_seconds": null, "then": null }));
    let got = put(&fleet, &json!({ "level": "DEBUG", "for_seconds": 600 })).await;
    assert_eq!((got.status, &got.json()["level"]), (200, &json!("debug")));
    let now = fleet.get(LEVEL).await.json();
    assert!(now["for_seconds"].as_u64().is_some_and(|left| (590..=600).contains(&left)), "{now}");
    assert_eq!(now["then"], "info");
}

#[tokio::test]
async fn a_level_that_makes_no_sense_changes_nothing() {
    let fleet = Setup::default().start().await;
    for (body, word) in [
        (json!({}), "level has to be one of"),
        (json!({ "level": "loud" }), "level has to be one of"),
        (json!({ "level": "acefleet=trace" }), "level has to be one of"),
        (json!({ "level": "debug", "for_seconds": 0 }), "for_seconds has to be between"),
        (json!({ "level": "debug", "for_seconds": -1 }), "for_seconds has to be between"),
        (json!({ "level": "debug", "for_seconds": 86_401 }), "for_seconds has to be between"),
        (json!({ "level": "debug", "for_seconds": "soon" }), "the body is not as expected"),
    ] {
        let got = put(&fleet, &body).await;
        assert!(got.status == 422 && got.detail().contains(word), "{body}: {}", got.text);
    }
    assert_eq!(fleet.get(LEVEL).await.json()["level"], "info");
}

#[tokio::test]
async fn a_report_has_everything_in_it_that_somebody_far_away_needs() {
    let fleet = Setup::with_vpns(&[("gluetun", Some(40_001))]).start().await;
    fleet.announce(19_000, "http://me:hunter2@example/stream").await;
    let got = fleet.get("/api/v1/report").await;
    assert_eq!((got.status, got.header("content-type")), (200, Some("text/plain; charset=utf-8")));
    assert_eq!(got.header("content-disposition"), Some("attachment; filename=\"acefleet-report.txt\""));
    for part in [
        &format!("version: {}", env!("CARGO_PKG_VERSION")),
        "== Settings",
        "MIN_REPLICAS=1 (default)",
        "== State",
        "\"container_name\": \"acestream-1\"",
        "== Journal",
        "first look complete",
        "== Log",
        "== Metrics",
        "acefleet_vpn_forwarded_port{vpn=\"gluetun\"} 40001.0",
        "http://***@example/stream",
    ] {
        assert!(got.text.contains(part), "{part} is missing in\n{}", got.text);
    }
    assert!(!got.text.contains("hunter2"));
}
