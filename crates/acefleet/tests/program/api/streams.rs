//! Sessions that other programs announce: whom they are matched with, and what is never done with what they
//! say.

use super::client::session;
use super::fleet::{Fleet, Setup};
use super::golden::golden;
use serde_json::{Value, json};
use std::time::Duration;

async fn fleet() -> Fleet {
    Setup::with_vpns(&[("gluetun", Some(40_001)), ("gluetun2", None)]).start().await
}

#[tokio::test]
async fn a_session_is_matched_by_its_port_whatever_host_its_client_used() {
    let fleet = fleet().await;
    golden("stream_started", &fleet.announce(19_000, "of localhost").await);
    let engine = fleet.engine_id("acestream-1").await;
    for host in ["192.168.1.5", "172.17.0.1", "evil.example"] {
        let mut told = session(19_000, host);
        told["engine"]["host"] = host.into();
        told["session"]["stat_url"] = format!("http://{host}:19000/ace/stat/x/y").into();
        let stream = fleet.post("/events/stream_started", &told).await.json();
        assert_eq!(stream["container_id"], engine.as_str());
        // The engine's own address, and nobody else's.
        assert_eq!(stream["stat_url"], "http://gluetun:19000/ace/stat/x/y");
    }
}

#[tokio::test]
async fn a_container_id_counts_only_if_it_names_an_engine_of_ours() {
    let fleet = fleet().await;
    let second = fleet.engine_id("acestream-2").await;
    let matched = |container_id: Value| {
        let mut told = session(19_001, &format!("by {container_id}"));
        told["container_id"] = container_id;
        let fleet = &fleet;
        async move { fleet.post("/events/stream_started", &told).await.json()["container_id"].clone() }
    };
    for id in [json!(null), json!("my-proxy"), json!(""), json!(7), json!({"a": 1}), json!("f".repeat(64))] {
        assert_eq!(matched(id.clone()).await, second.as_str(), "{id}");
    }
    assert_eq!(matched(json!(second)).await, second.as_str());
    assert_eq!(matched(json!(second[..12])).await, second.as_str());
    assert_eq!(matched(json!("acestream-2")).await, second.as_str());
}

#[tokio::test]
async fn an_engine_is_never_invented() {
    let fleet = fleet().await;
    let before = fleet.get("/engines?all=true").await.text;
    let mut told = session(29_999, "x");
    told["container_id"] = "a".repeat(64).into();
    let got = fleet.post("/events/stream_started", &told).await;
    assert_eq!(got.status, 404);
    assert!(got.detail().starts_with("no engine has that port"));
    assert_eq!(fleet.get("/engines?all=true").await.text, before);
    assert_eq!(fleet.get("/streams").await.text, "[]");
    let journal = fleet.get("/journal?kind=announcement_refused").await.json();
    assert_eq!(journal.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn urls_that_cannot_be_the_engines_are_refused() {
    let fleet = fleet().await;
    for (field, url) in [
        ("stat_url", "http://localhost:19001/ace/stat/x/y"),
        ("command_url", "http://localhost:22/ace/cmd/x"),
        ("stat_url", "http://localhost:19000/server/api"),
        ("stat_url", "http://localhost:19000/ace/../server/api"),
        ("stat_url", "http://localhost:19000/ace/%2e%2e/server/api"),
        ("stat_url", "http://localhost/ace/stat/x"),
        ("stat_url", "file:///ace/stat"),
        ("stat_url", "not a url"),
        ("command_url", "/ace/cmd/x"),
    ] {
        let mut told = session(19_000, "x");
        told["session"][field] = url.into();
        let got = fleet.post("/events/stream_started", &told).await;
        assert_eq!(got.status, 422, "{url}: {}", got.text);
    }
    assert_eq!(fleet.get("/streams").await.text, "[]");
}

#[tokio::test]
async fn without_a_label_a_stream_is_called_by_its_key_and_session() {
    let fleet = fleet().await;
    let mut told = session(19_000, "");
    let named = |told: Value| {
        let fleet = &fleet;
        async move { fleet.post("/events/stream_started", &told).await.json()["id"].clone() }
    };
    assert_eq!(named(told.clone()).await, "2c3f1a|f00d");
    told["labels"] = json!(null);
    assert_eq!(named(told.clone()).await, "2c3f1a|f00d");
    told.as_object_mut().unwrap().remove("labels");
    assert_eq!(named(told).await, "2c3f1a|f00d");
    assert_eq!(fleet.get("/streams").await.json().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn telling_a_stream_again_overwrites_it() {
    let fleet = fleet().await;
    fleet.announce(19_000, "same").await;
    let mut told = session(19_001, "same");
    told["session"]["is_live"] = 0.into();
    told["session"]["playback_session_id"] = "other".into();
    assert_eq!(fleet.post("/events/stream_started", &told).await.json()["is_live"], false);
    let streams = fleet.get("/streams").await.json();
    assert_eq!(streams.as_array().unwrap().len(), 1);
    assert_eq!(streams[0]["playback_session_id"], "other");
}

#[tokio::test]
async fn a_stream_ends_once() {
    let fleet = fleet().await;
    fleet.announce(19_000, "s").await;
    let told = json!({"stream_id": "s", "reason": "player left"});
    let ended = fleet.post("/events/stream_ended", &told).await;
    assert_eq!(ended.status, 200);
    golden("stream_ended", &ended.json());
    let again = fleet.post("/events/stream_ended", &told).await.json();
    assert_eq!(again["updated"], false);
    let nobody = fleet.post("/events/stream_ended", &json!({"stream_id": "nobody"})).await.json();
    assert_eq!(nobody, json!({"updated": false, "stream": null}));
    assert_eq!(fleet.post("/events/stream_ended", &json!({})).await.json(), nobody);
    assert_eq!(fleet.post_nothing("/events/stream_ended").await.json(), nobody);
}

#[tokio::test]
async fn an_end_that_names_an_engine_ends_its_newest_stream_and_no_other() {
    let fleet = fleet().await;
    fleet.announce(19_000, "old").await;
    fleet.pass(Duration::from_millis(10));
    fleet.announce(19_000, "new").await;
    fleet.announce(19_001, "elsewhere").await;
    let engine = fleet.engine_id("acestream-1").await;
    let ended = fleet.post("/events/stream_ended", &json!({"container_id": engine})).await.json();
    assert_eq!((&ended["updated"], &ended["stream"]["id"]), (&json!(true), &json!("new")));
    let foreign = fleet.post("/events/stream_ended", &json!({"container_id": "e".repeat(64)})).await.json();
    assert_eq!(foreign["updated"], false);
    assert_eq!(fleet.get("/streams?status=started").await.json().as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn an_end_that_comes_before_its_beginning_ends_it() {
    let fleet = fleet().await;
    let early = fleet.post("/events/stream_ended", &json!({"stream_id": "s"})).await.json();
    assert_eq!(early["updated"], false);
    assert_eq!(fleet.announce(19_000, "s").await["status"], "ended");
    assert_eq!(fleet.get("/streams?status=started").await.text, "[]");
}

#[tokio::test]
async fn streams_that_never_end_are_bounded() {
    const MOST: usize = 1_000;
    let fleet = Setup::with_vpns(&[("gluetun", None)]).start().await;
    let told: Vec<_> = (0..MOST).map(|number| session(19_000, &format!("s{number}"))).collect();
    for told in &told {
        assert_eq!(fleet.post("/events/stream_started", told).await.status, 200);
    }
    let one_more = fleet.post("/events/stream_started", &session(19_000, "one more")).await;
    assert_eq!(one_more.status, 503, "{}", one_more.text);
    assert!(one_more.detail().contains("too many streams"));
    assert_eq!(fleet.get("/orchestrator/status").await.json()["streams"]["active"], MOST);
}

#[tokio::test]
async fn what_is_too_long_or_of_a_wrong_type_is_refused() {
    let fleet = fleet().await;
    let long = "x".repeat(5_000);
    let mut wrong: Vec<Value> = Vec::new();
    for (pointer, value) in [
        ("/stream/key_type", json!("torrent")),
        ("/stream/key", json!(7)),
        ("/stream/key", json!("")),
        ("/stream/key", json!(long)),
        ("/engine/port", json!("19000")),
        ("/engine/port", json!(0)),
        ("/engine/port", json!(70_000)),
        ("/engine", json!(null)),
        ("/session/playback_session_id", json!(long)),
        ("/session/is_live", json!("yes")),
        ("/session/stat_url", json!(7)),
        ("/labels", json!({"stream_id": 7})),
        ("/labels", json!(["stream_id"])),
        ("/labels", json!({"stream_id": "x".repeat(9_000)})),
    ] {
        let mut told = session(19_000, "x");
        *told.pointer_mut(pointer).unwrap() = value;
        wrong.push(told);
    }
    wrong.extend([json!([]), json!("text"), json!(null), json!({})]);
    for told in wrong {
        let got = fleet.post("/events/stream_started", &told).await;
        assert_eq!(got.status, 422, "{told}");
        assert!(!got.detail().is_empty());
    }
    let long = json!({"stream_id": "x".repeat(9_000)});
    assert_eq!(fleet.post("/events/stream_ended", &long).await.status, 422);
    let wrong = json!({"stream_id": 7});
    assert_eq!(fleet.post("/events/stream_ended", &wrong).await.status, 422);
}

#[tokio::test]
async fn hostile_text_comes_back_as_it_was_and_breaks_no_line() {
    let fleet = fleet().await;
    let hostile = "\"}\n# HELP x\r\ndata: x\u{0}\u{202e}\\ <script>'%00";
    let mut told = session(19_000, hostile);
    told["stream"]["key"] = hostile.into();
    // A zero byte has no business in a label.
    assert_eq!(fleet.post("/events/stream_started", &told).await.status, 422);
    let hostile = hostile.replace('\0', "");
    told["labels"]["stream_id"] = hostile.as_str().into();
    let stream = fleet.post("/events/stream_started", &told).await.json();
    assert_eq!(stream["id"], hostile.as_str());
    assert_eq!(fleet.get("/streams").await.json()[0]["id"], hostile.as_str());
    let metrics = fleet.get("/metrics").await.text;
    let fine = |line: &str| line.starts_with("# HELP ") || line.starts_with("# TYPE ") || line.contains(' ');
    assert!(metrics.lines().all(fine));
    assert!(!metrics.contains("script"));
}
