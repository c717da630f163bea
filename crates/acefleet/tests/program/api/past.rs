//! What has been: the journal and streams, asked for in every way, in memory and in the store.

use super::fleet::{Fleet, Setup};
use crate::store::Folder;
use acefleet::store::Store;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

async fn fleet(folder: &Folder) -> Fleet {
    let store = Arc::new(Store::at(folder.path().join("a.db")));
    // What earlier lives have left is known before the first picture is taken.
    store.written().await;
    let vpns = [("gluetun", Some(40_001)), ("gluetun2", None)];
    Setup { store, ..Setup::with_vpns(&vpns) }.start().await
}

async fn list(fleet: &Fleet, path: &str) -> Vec<Value> {
    let got = fleet.get(path).await;
    assert_eq!((got.status, got.header("x-acefleet-incomplete")), (200, None), "{path}: {}", got.text);
    got.json().as_array().expect("a list").clone()
}

fn ids(entries: &[Value]) -> Vec<u64> {
    entries.iter().map(|entry| entry["id"].as_u64().expect("an id")).collect()
}

#[tokio::test]
async fn the_journal_is_read_page_by_page_beyond_a_restart() {
    let folder = Folder::new("journal-pages");
    let before = fleet(&folder).await;
    before.outside(|host| host.stop("gluetun2"));
    let old = list(&before, "/journal?limit=1000").await;
    drop(before);
    let after = fleet(&folder).await;
    let all = list(&after, "/journal?limit=1000").await;
    // Each life tells its own story; what the one before has told comes after it, word by word.
    assert!(all.len() > old.len());
    assert_eq!(all[all.len() - old.len()..], old);
    assert!(ids(&all).is_sorted_by(|newer, older| newer > older), "{:?}", ids(&all));
    let mut pages = Vec::new();
    let mut before = String::new();
    loop {
        let page = list(&after, &format!("/journal?limit=3{before}")).await;
        let Some(last) = page.last() else { break };
        before = format!("&before={}", last["id"]);
        pages.extend(page);
    }
    assert_eq!(pages, all);
}

#[tokio::test]
async fn a_report_tells_the_journal_beyond_a_restart_and_each_entry_once() {
    let folder = Folder::new("journal-report");
    let before = fleet(&folder).await;
    before.outside(|host| host.stop("gluetun2"));
    let old = list(&before, "/journal?limit=1000").await;
    drop(before);
    let after = fleet(&folder).await;
    // What is remembered has been written down as well.
    after.store.written().await;
    let report = after.get("/api/v1/report").await.text;
    let (_, journal) = report.split_once("== Journal\n\n").expect("it is there");
    let (journal, _) = journal.split_once("\n== ").expect("it ends");
    let all = list(&after, "/journal?limit=1000").await;
    assert!(all.len() > old.len() && !old.is_empty());
    assert_eq!(journal.lines().count(), all.len(), "{journal}");
}

#[tokio::test]
async fn the_journal_is_asked_for_by_whom_an_entry_concerns() {
    let folder = Folder::new("journal-filters");
    let fleet = fleet(&folder).await;
    fleet.announce(19_000, "s|1").await;
    let drain = fleet.post("/api/v1/engines/acestream-2/drain", &json!({})).await;
    let operation = drain.json()["operation"].as_str().expect("an operation").to_owned();
    fleet.pass(60 * SECOND);
    let of_stream = list(&fleet, "/journal?stream=s%7C1").await;
    assert!(!of_stream.is_empty() && of_stream.iter().all(|entry| entry["subject"]["kind"] == "stream"));
    // Who plays a stream is concerned by it.
    let kinds = |entries: &[Value]| -> Vec<String> {
        entries.iter().map(|entry| entry["kind"].as_str().expect("a kind").to_owned()).collect()
    };
    assert!(kinds(&list(&fleet, "/journal?engine=acestream-1").await).contains(&"stream_plays".to_owned()));
    let of_vpn = list(&fleet, "/journal?vpn=gluetun&kind=create,vpn_healthy").await;
    assert!(
        !of_vpn.is_empty() && kinds(&of_vpn).iter().all(|kind| kind == "create" || kind == "vpn_healthy")
    );
    let of_operation = list(&fleet, &format!("/journal?operation={operation}")).await;
    assert_eq!(kinds(&of_operation).last().map(String::as_str), Some("requested"), "{of_operation:?}");
    assert!(of_operation.iter().all(|entry| entry["operation"] == operation.as_str()));
    assert_eq!(list(&fleet, "/journal?engine=nobody").await, Vec::<Value>::new());
    assert_eq!(
        list(&fleet, "/journal?engine=%27%3B%20DROP%20TABLE%20journal%3B%20--").await,
        Vec::<Value>::new()
    );
    assert!(!list(&fleet, "/journal?engine=&vpn=&kind=").await.is_empty());
}

#[tokio::test]
async fn questions_that_make_no_sense_are_told_what_is_allowed() {
    let fleet = Setup::default().start().await;
    for (path, word) in [
        ("/journal?kind=frob", "vpn_failed, vpn_doubted"),
        ("/journal?kind=offered,frob", "docker_unreachable"),
        ("/journal?limit=0", "between 1 and 1000"),
        ("/journal?limit=1001", "between 1 and 1000"),
        ("/journal?limit=many", "limit"),
        ("/journal?before=-1", "before"),
        ("/journal?since=yesterday", "since is no time"),
        ("/journal?since=2026-01-31T12:00:00Z&until=2026-01-30T12:00:00Z", "until is before since"),
        ("/journal?vnp=gluetun", "expected one of"),
        ("/streams?status=ended&limit=0", "between 1 and 1000"),
        ("/streams?since=2026-01-30T12:00:00Z", "go with status=ended"),
        ("/history?about=stream", "engine"),
        ("/history?limit=0", "between 1 and 1000"),
    ] {
        let got = fleet.get(path).await;
        assert_eq!(got.status, 422, "{path}: {}", got.text);
        assert!(got.detail().contains(word), "{path}: {}", got.detail());
    }
    let long = format!("/journal?engine={}", "x".repeat(9_000));
    assert_eq!(fleet.get(&long).await.status, 414);
}

#[tokio::test]
async fn streams_that_ended_and_their_samples_are_there_after_a_restart() {
    let folder = Folder::new("ended");
    let before = fleet(&folder).await;
    before.announce(19_000, "a/b|c").await;
    for round in 1..=3_u64 {
        before.outside(|host| {
            host.session = Some(control::event::SessionReport {
                status: "dl".into(),
                peers: round,
                speed_down: 600,
                speed_up: 20,
                downloaded: round << 20,
                uploaded: round << 10,
            });
        });
        before.pass(5 * SECOND);
    }
    before.post("/events/stream_ended", &json!({"stream_id": "a/b|c"})).await;
    let told = list(&before, "/streams?status=ended").await;
    let samples = list(&before, "/streams/a%2Fb%7Cc/stats").await;
    let bytes = |text: &str| -> String {
        text.lines().find(|line| line.starts_with("orch_total_downloaded_bytes ")).expect("a line").to_owned()
    };
    let sums = bytes(&before.get("/metrics").await.text);
    drop(before);
    let after = fleet(&folder).await;
    let [kept] = &list(&after, "/streams?status=ended").await[..] else { panic!("one") };
    for field in ["id", "key", "key_type", "container_id", "started_at", "ended_at", "ended_because", "peers"]
    {
        assert_eq!(kept[field], told[0][field], "{field}");
    }
    assert_eq!(list(&after, "/streams?status=started").await, Vec::<Value>::new());
    assert_eq!(list(&after, "/streams?status=ended&since=2026-02-01T00:00:00Z").await, Vec::<Value>::new());
    let engine = kept["container_id"].as_str().expect("an id");
    assert_eq!(list(&after, &format!("/streams?status=ended&container_id={engine}")).await.len(), 1);
    assert_eq!(list(&after, "/streams/a%2Fb%7Cc/stats").await, samples);
    let since = samples[1]["ts"].as_str().expect("a time");
    assert_eq!(list(&after, &format!("/streams/a%2Fb%7Cc/stats?since={since}")).await, samples[1..]);
    assert_eq!(bytes(&after.get("/metrics").await.text), sums);
}

#[tokio::test]
async fn states_of_vpns_and_engines_are_told_the_latest_first() {
    let folder = Folder::new("states");
    let fleet = fleet(&folder).await;
    fleet.outside(|host| host.stop("gluetun2"));
    fleet.store.written().await;
    let of_vpn = list(&fleet, "/history?about=vpn&name=gluetun2").await;
    assert_eq!(of_vpn[0]["state"], "failed");
    assert_eq!(of_vpn[1]["state"], "healthy");
    let of_engine = list(&fleet, "/history?name=acestream-2&limit=1").await;
    assert_eq!(
        (&of_engine[0]["state"], &of_engine[0]["about"]),
        (&json!("vpn_network_gone"), &json!("engine"))
    );
    assert!(of_engine[0]["reason"].is_string());
    assert!(ids(&list(&fleet, "/history").await).is_sorted_by(|newer, older| newer > older));
}

#[tokio::test]
async fn without_a_store_what_is_in_memory_is_told_and_that_it_is_not_all() {
    let fleet = Setup::with_vpns(&[("gluetun", None)]).start().await;
    for path in ["/journal?limit=1000", "/streams?status=ended", "/streams/nobody/stats"] {
        let got = fleet.get(path).await;
        assert_eq!(got.status, 200, "{path}");
        let why = got.header("x-acefleet-incomplete").unwrap_or_else(|| panic!("{path}"));
        assert!(why.contains("the store cannot be read"), "{path}: {why}");
    }
    assert!(!fleet.get("/journal").await.json().as_array().expect("a list").is_empty());
    assert_eq!(fleet.get("/history").await.status, 503);
}

#[tokio::test]
async fn whatever_somebody_calls_a_stream_breaks_no_query_no_metric_and_no_line() {
    let hostile = "'; DROP TABLE journal; --\"}\n# x 1\r\n\u{1b}[2J\u{202e}\\";
    let encoded: String = hostile.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let folder = Folder::new("hostile");
    let before = fleet(&folder).await;
    assert_eq!(before.announce(19_000, hostile).await["id"], hostile);
    before.pass(5 * SECOND);
    before.post("/events/stream_ended", &json!({"stream_id": hostile})).await;
    for path in ["/metrics", "/api/v1/report"] {
        let text = before.get(path).await.text;
        assert!(!text.contains(['\u{1b}', '\u{202e}', '\r']), "{path}: {text}");
        assert!(text.lines().all(|line| !line.starts_with("# x")), "{path}: {text}");
    }
    let metrics = before.get("/metrics").await.text;
    let values = metrics.lines().filter(|line| !line.starts_with('#'));
    let is_number = |line: &str| line.rsplit_once(' ').is_some_and(|(_, value)| value.parse::<f64>().is_ok());
    assert!(values.clone().count() > 0 && values.clone().all(is_number), "{metrics}");
    let story = list(&before, &format!("/journal?stream={encoded}")).await;
    assert!(!story.is_empty() && story.iter().all(|entry| entry["subject"]["kind"] == "stream"), "{story:?}");
    drop(before);
    let after = fleet(&folder).await;
    assert_eq!(list(&after, &format!("/journal?stream={encoded}")).await, story);
    let [ended] = &list(&after, "/streams?status=ended").await[..] else { panic!("one") };
    assert_eq!(ended["id"], hostile);
    assert_eq!(after.get(&format!("/streams/{encoded}/stats")).await.status, 200);
}
