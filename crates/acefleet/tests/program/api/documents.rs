//! Documents that are made from the code, and numbers that dashboards rest on.

use super::fleet::Setup;
use super::golden::document;
use acefleet::api::{More, openapi};
use hyper::Method;
use hyper::header::ACCEPT;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

#[test]
fn the_description_of_the_api_is_the_one_that_is_written_down() {
    document("openapi.json", &(openapi(&More::none()).to_pretty_json().expect("JSON") + "\n"));
}

#[test]
fn the_description_refers_to_nothing_that_is_not_in_it() {
    let text = openapi(&More::none()).to_json().expect("JSON");
    let document: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    for reference in text.split("\"$ref\":\"#").skip(1) {
        let pointer = reference.split('"').next().expect("the rest of it");
        assert!(document.pointer(pointer).is_some(), "{pointer}");
    }
}

/// What a text in the classic format announces: name, kind and help.
fn announced(text: &str) -> BTreeMap<String, (String, String)> {
    let mut found: BTreeMap<String, (String, String)> = BTreeMap::new();
    for line in text.lines() {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            found.entry(name.into()).or_default().1 = help.into();
        }
        if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            found.entry(name.into()).or_default().0 = kind.into();
        }
    }
    found
}

/// The names of the labels that a metric's samples have.
fn labels(text: &str, name: &str) -> String {
    let of_it = |line: &&str| {
        let rest = line.strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with('{') || rest.starts_with("_bucket{"))
    };
    let labels: BTreeSet<&str> = text
        .lines()
        .filter(of_it)
        .flat_map(|line| line.split_once('{').map_or("", |(_, rest)| rest).split("\","))
        .filter_map(|label| label.split_once("=\"").map(|(label, _)| label))
        .filter(|label| *label != "le")
        .collect();
    labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ")
}

const METRICS_HEAD: &str = "# Metrics

`GET /metrics` tells these to Prometheus, in its classic text format or, if asked for, as OpenMetrics. This
page is made from the code: `UPDATE_GOLDEN=1 cargo nextest run -p acefleet metrics` writes it anew.

Names that begin with `orch_` are those that dashboards of the reference orchestrator already use. Those that
end in `_health` have one line for each state, with `1.0` for the present one:
`orch_vpn_health{orch_vpn_health=\"healthy\"} 1.0`. Speeds are in megabytes per second, although their names
say `mbps`; sums of bytes go on over restarts, other counts begin anew.

Each VPN has its lines, whatever its name: what is odd in a label is escaped. Histograms have `_bucket`, `_sum` and
`_count`. [deploy/grafana](../deploy/grafana/acefleet.json) has a dashboard of them, to be imported,
[deploy/prometheus](../deploy/prometheus/acefleet.rules.yml) rules for alerts; [alerts](alerts.md) without Prometheus
are acefleet's own.

| name | kind | labels | meaning |
| --- | --- | --- | --- |
";

#[tokio::test]
async fn the_page_about_metrics_is_the_one_that_is_written_down() {
    let fleet = Setup::with_vpns(&[("gluetun", Some(40_001)), ("gluetun2", None)]).start().await;
    // Families show themselves once they have counted something.
    fleet.count_everything();
    fleet.announce(19_000, "s").await;
    let mut page = METRICS_HEAD.to_owned();
    // A request is counted once it has been answered.
    fleet.get("/metrics").await;
    let text = fleet.get("/metrics").await.text;
    for (name, (kind, help)) in announced(&text) {
        let (labels, help) = (labels(&text, &name), help.replace('|', "\\|"));
        writeln!(page, "| `{name}` | {kind} | {labels} | {help} |").expect("memory");
    }
    document("metrics.md", &page);
}

#[tokio::test]
async fn metrics_that_dashboards_know_have_their_exact_names() {
    let fleet = Setup::with_vpns(&[("gluetun", Some(40_001)), ("gluetun2", None)]).start().await;
    fleet.announce(19_000, "s").await;
    fleet.outside(|host| {
        host.session = Some(control::event::SessionReport {
            status: "dl".into(),
            peers: 12,
            speed_down: 512,
            speed_up: 256,
            downloaded: 2_000,
            uploaded: 1_000,
        });
    });
    fleet.pass(std::time::Duration::from_secs(6));
    let text = fleet.get("/metrics").await.text;
    let lines: BTreeSet<&str> = text.lines().collect();
    for line in [
        "orch_stale_streams_detected_total 0.0",
        "orch_total_uploaded_bytes 1000.0",
        "orch_total_downloaded_bytes 2000.0",
        "orch_total_upload_speed_mbps 0.25",
        "orch_total_download_speed_mbps 0.5",
        "orch_total_peers 12.0",
        "orch_total_streams 1.0",
        "orch_healthy_engines 2.0",
        "orch_unhealthy_engines 0.0",
        "orch_used_engines 1.0",
        "orch_vpn_health{orch_vpn_health=\"healthy\"} 1.0",
        "orch_vpn_health{orch_vpn_health=\"disabled\"} 0.0",
        "orch_vpn1_health{orch_vpn1_health=\"healthy\"} 1.0",
        "orch_vpn2_health{orch_vpn2_health=\"starting\"} 0.0",
        "orch_vpn1_engines 1.0",
        "orch_vpn2_engines 1.0",
        "orch_extra_engines 0.0",
    ] {
        assert!(lines.contains(line), "{line} is missing in\n{text}");
    }
}

#[tokio::test]
async fn without_vpns_their_health_is_disabled() {
    let fleet = Setup::default().start().await;
    let text = fleet.get("/metrics").await.text;
    for name in ["orch_vpn_health", "orch_vpn1_health", "orch_vpn2_health"] {
        assert!(text.contains(&format!("{name}{{{name}=\"disabled\"}} 1.0")), "{text}");
    }
}

#[tokio::test]
async fn each_scraper_is_told_in_the_format_that_it_reads() {
    let fleet = Setup::default().start().await;
    let ask = |accept: &str| {
        let headers = [(ACCEPT, accept.to_owned())];
        let fleet = &fleet;
        async move { fleet.send_with(Method::GET, "/metrics", None, &headers).await }
    };
    let open = ask("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4").await;
    assert_eq!(
        open.header("content-type"),
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    assert!(open.text.ends_with("# EOF\n"));
    let classic = fleet.get("/metrics").await;
    assert_eq!(classic.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert!(!classic.text.contains("# EOF") && !classic.text.contains("# UNIT"));
    // Every sample belongs to something that was announced before it, by its own name or that of its
    // histogram.
    let known = announced(&classic.text);
    for line in classic.text.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap();
        let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        assert!(known.contains_key(name) || family.is_some_and(|name| known.contains_key(name)), "{line}");
    }
}

#[tokio::test]
async fn a_hostile_name_of_a_vpn_breaks_no_line() {
    let fleet = Setup::with_vpns(&[("a\"b\\c\nd 1\n# TYPE evil gauge", None)]).start().await;
    let text = fleet.get("/metrics").await.text;
    assert!(text.contains(r#"acefleet_vpn_connected{vpn="a\"b\\c\nd 1\n# TYPE evil gauge"} 1.0"#), "{text}");
    assert!(!announced(&text).contains_key("evil"));
}
