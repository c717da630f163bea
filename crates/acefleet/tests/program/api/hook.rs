//! The push of forwarded ports, as Gluetun's command sends it.

use super::fleet::{Fleet, Setup};
use serde_json::json;
use std::time::Duration;

const HOOK: &str = "/hooks/gluetun/port";
const TOKEN: &str = "hook-token";

async fn fleet() -> Fleet {
    Setup::with_vpns(&[("gluetun", None), ("gluetun2", None)]).with_keys(None, Some(TOKEN)).start().await
}

impl Fleet {
    async fn push(&self, query: &str, body: Option<serde_json::Value>) -> u16 {
        let path = format!("{HOOK}{query}");
        let body = body.map(|body| body.to_string());
        self.send(hyper::Method::POST, &path, body, Some(TOKEN)).await.status
    }

    /// Waits until the core has been told, and tells the first VPN's port.
    async fn port_becomes(&self, port: Option<u16>) {
        let told = async {
            while self.picture().snapshot.vpns[0].forwarded_port != port {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), told).await.expect("told in time");
    }
}

#[tokio::test]
async fn the_first_port_counts_in_whatever_form_it_is_told() {
    for (query, body) in [
        ("?vpn=gluetun&port=40001", None),
        ("?vpn=gluetun&port=40001,40002", None),
        ("?vpn=gluetun&port=40001%2C40002", None),
        ("", Some(json!({"vpn": "gluetun", "port": 40001}))),
        ("", Some(json!({"vpn": "gluetun", "port": "40001,40002"}))),
        ("", Some(json!({"vpn": "gluetun", "ports": [40001, 40002]}))),
        ("?vpn=gluetun", Some(json!({"port": 40001}))),
    ] {
        let fleet = fleet().await;
        assert_eq!(fleet.push(query, body.clone()).await, 202, "{query} {body:?}");
        fleet.port_becomes(Some(40_001)).await;
    }
}

#[tokio::test]
async fn empty_or_zero_is_no_port() {
    for query in ["?vpn=gluetun&port=", "?vpn=gluetun&port=0", "?vpn=gluetun"] {
        let fleet = fleet().await;
        fleet.push("?vpn=gluetun&port=40001", None).await;
        fleet.port_becomes(Some(40_001)).await;
        assert_eq!(fleet.push(query, None).await, 202, "{query}");
        fleet.port_becomes(None).await;
    }
}

#[tokio::test]
async fn what_cannot_be_a_push_is_refused() {
    let fleet = fleet().await;
    assert_eq!(fleet.push("?vpn=postgres&port=40001", None).await, 404);
    assert_eq!(fleet.push("?port=40001", None).await, 422);
    assert_eq!(fleet.push("?vpn=gluetun&port=many", None).await, 422);
    assert_eq!(fleet.push("?vpn=gluetun&port=70000", None).await, 422);
    assert_eq!(fleet.push("", Some(json!({"vpn": "gluetun", "port": {}}))).await, 422);
    let many = "1,".repeat(100);
    assert_eq!(fleet.push(&format!("?vpn=gluetun&port={many}"), None).await, 422);
}

#[tokio::test]
async fn either_key_admits_and_without_any_the_route_is_off_and_says_so() {
    let statuses = |key: Option<&'static str>, hook: Option<&'static str>| async move {
        let fleet = Setup::with_vpns(&[("gluetun", None)]).with_keys(key, hook).start().await;
        let mut statuses = Vec::new();
        for shown in [None, Some("wrong"), Some("api-key"), Some(TOKEN)] {
            let path = format!("{HOOK}?vpn=gluetun&port=1");
            statuses.push(fleet.send(hyper::Method::POST, &path, None, shown).await.status);
        }
        statuses
    };
    assert_eq!(statuses(None, Some(TOKEN)).await, [401, 403, 403, 202]);
    assert_eq!(statuses(Some("api-key"), None).await, [401, 403, 202, 403]);
    assert_eq!(statuses(Some("api-key"), Some(TOKEN)).await, [401, 403, 202, 202]);
    assert_eq!(statuses(None, None).await, [403, 403, 403, 403]);
    let fleet = Setup::with_vpns(&[("gluetun", None)]).start().await;
    let off = fleet.post_nothing(HOOK).await;
    assert_eq!(off.detail(), "this route is off: set HOOK_TOKEN or API_KEY, and send it as a bearer token");
}
