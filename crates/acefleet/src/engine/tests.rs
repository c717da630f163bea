//! Engines that answer, that are offline, that are hung, and sessions on them.

use super::*;

use crate::dial::fixture::ways_to;
use std::time::Duration;
use testbed::engine as standin;
use tokio::time::timeout;

/// An engine, and whoever asks it.
struct Asked {
    engine: standin::Engine,
    engines: Engines,
    whom: Whom,
}

async fn asked() -> Asked {
    let mut settings = standin::Settings::new("127.0.0.1:0".parse().unwrap());
    settings.boot = Duration::ZERO;
    settings.search = Duration::ZERO;
    let engine = standin::Engine::start(settings).await.expect("it starts");
    let ways = Arc::new(ways_to("gluetun"));
    let whom = Whom { container: "gluetun".into(), port: engine.address().port() };
    Asked { engine, engines: Engines::new(ways), whom }
}

fn content(key: &str) -> Content {
    Content { kind: KeyType::ContentId, key: key.into() }
}

fn probed(outcome: &Outcome) -> ProbeReport {
    match outcome {
        Outcome::Done(Report::Probe(report)) => *report,
        other => panic!("no probe: {other:?}"),
    }
}

const CHANNEL: &str = "0123456789abcdef0123456789abcdef01234567";

#[tokio::test]
async fn an_engine_that_is_well_answers_both_questions() {
    let asked = asked().await;
    let report = probed(&asked.engines.probe(&asked.whom, Duration::from_secs(5)).await);
    assert_eq!(report, ProbeReport { answered: true, connected: Some(true) });
}

#[tokio::test]
async fn an_engine_that_is_not_there_is_reported_as_not_answering() {
    let asked = asked().await;
    drop(asked.engine);
    let report = probed(&asked.engines.probe(&asked.whom, Duration::from_secs(5)).await);
    assert_eq!(report, ProbeReport { answered: false, connected: None });
}

#[tokio::test]
async fn a_session_is_opened_asked_after_and_closed() {
    let asked = asked().await;
    let session = asked.engines.open(&asked.whom, &content(CHANNEL), "viewer-1").await.expect("it opens");
    assert!(session.opened.is_live);
    assert!(session.playback_path.starts_with("/ace/"), "{session:?}");
    let Outcome::Done(Report::Session(report)) =
        asked.engines.session(&asked.whom, &session.opened.stat_path).await
    else {
        panic!("no report");
    };
    assert!(["prebuf", "dl"].contains(&&*report.status), "{report:?}");
    let closed = asked.engines.close(&asked.whom, &session.opened.command_path).await;
    assert_eq!(closed, Outcome::Done(Report::Carried));
    let after = asked.engines.session(&asked.whom, &session.opened.stat_path).await;
    assert_eq!(after, Outcome::Done(Report::SessionUnknown));
}

#[tokio::test]
async fn a_content_that_is_refused_is_told_in_the_engines_own_words() {
    let asked = asked().await;
    let key = format!("dead00{}", &CHANNEL[6..]);
    let Err(Outcome::Refused(Refusal::EngineSays(words))) =
        asked.engines.open(&asked.whom, &content(&key), "viewer-1").await
    else {
        panic!("it was opened");
    };
    assert!(!words.is_empty());
}

#[tokio::test]
async fn an_engine_that_never_answers_leaves_the_waiting_to_whoever_asks() {
    let asked = asked().await;
    let silent = content(&format!("dead01{}", &CHANNEL[6..]));
    let opening = asked.engines.open(&asked.whom, &silent, "viewer-1");
    assert!(timeout(Duration::from_millis(300), opening).await.is_err());
}

#[tokio::test]
async fn a_key_with_hostile_letters_stays_one_key() {
    let asked = asked().await;
    let hostile = content("a&method=stop#\r\nHost: evil");
    // Whatever comes of it, it is an answer of this engine and not a broken request.
    let opened = asked.engines.open(&asked.whom, &hostile, "viewer-1").await;
    assert!(!matches!(opened, Err(Outcome::Unknown(_))), "{opened:?}");
}

#[test]
fn numbers_are_read_however_an_engine_writes_them() {
    let report = report(&serde_json::json!({
        "status": "dl", "peers": "7", "speedDown": 12.9, "speed_up": 3, "downloaded": -1, "uploaded": null
    }));
    assert_eq!((report.peers, report.speed_down, report.speed_up), (7, 12, 3));
    assert_eq!((report.downloaded, report.uploaded), (0, 0));
}
