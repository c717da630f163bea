//! Events, logs and the output of commands, wherever they were cut.

use super::fake::{Fake, PATIENCE, Say, counted, head};
use crate::metrics::Meters;
use crate::runtime::{Failure, Ran, Runtime, Told};
use bytes::Bytes;
use control::docker::Happened;
use control::event::Refusal;
use control::ids::ContainerId;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::mpsc;
use tokio::time::timeout;

const ENGINE: ContainerId = ContainerId::from_bytes([0x11; 32]);

fn event(kind: &str, action: &str, nanos: u64) -> Vec<u8> {
    let actor = json!({ "ID": "1".repeat(64), "Attributes": { "name": "acestream-1" } });
    let event = json!({ "Type": kind, "Action": action, "Actor": actor, "timeNano": nanos });
    format!("{event}\n").into_bytes()
}

fn frame(stream: u8, text: &str) -> Vec<u8> {
    let length = u32::try_from(text.len()).expect("a short text").to_be_bytes();
    [&[stream, 0, 0, 0], &length[..], text.as_bytes()].concat()
}

#[tokio::test]
async fn the_event_stream_is_opened_again_and_tells_nothing_twice() {
    const SECOND: u64 = 1_000_000_000;
    let opened = AtomicUsize::new(0);
    let fake = Fake::new(move |asked| {
        if !asked.starts_with("GET /events?") {
            return None;
        }
        let (created, started) =
            (event("container", "create", 5 * SECOND), event("container", "start", 6 * SECOND));
        Some(match opened.fetch_add(1, Ordering::Relaxed) {
            0 => {
                let strange =
                    [event("pod", "create", 1), b"garbage\n".to_vec(), event("container", "exec_die", 2)];
                let (begin, end) = started.split_at(20);
                let joined = [strange.concat(), created, begin.to_vec()].concat();
                Say::Pieces(vec![head(), joined, end.to_vec()])
            }
            1 => Say::Json(500, Value::Null),
            _ => {
                let died = event("container", "die", 7 * SECOND);
                Say::AndThenNothing([head(), started, died].concat())
            }
        })
    });
    let (to, mut told) = mpsc::channel(100);
    let (docker, meters) = (fake.docker(), Arc::new(Meters::default()));
    docker.count_in(&meters);
    let telling = tokio::spawn(async move { docker.tell(to).await });
    let mut next =
        async || timeout(PATIENCE, told.recv()).await.expect("it is told in time").expect("and goes on");
    assert_eq!(next().await, Told::Opened);
    for expected in [Happened::Created, Happened::Started] {
        assert!(
            matches!(next().await, Told::Notice(notice) if notice.happened == expected && notice.id == ENGINE)
        );
    }
    assert_eq!(next().await, Told::Opened);
    assert!(matches!(next().await, Told::Notice(notice) if notice.happened == Happened::Died));
    let asked = fake.asked();
    assert!(!asked[0].contains("since") && asked[2].ends_with("&since=5.000000000"), "{asked:?}");
    for outcome in ["verb=\"events\",outcome=\"done\"} 2", "verb=\"events\",outcome=\"refused\"} 1"] {
        let line = format!("acefleet_docker_calls_total{{{outcome}\n");
        assert!(counted(&meters).contains(&line), "{line} is missing");
    }

    drop(told);
    timeout(PATIENCE, telling).await.expect("it ends when nobody listens").expect("and does not die");
}

#[tokio::test]
async fn a_commands_output_is_told_with_its_exit_code() {
    let fake = Fake::new(|asked| match asked.rsplit_once('/') {
        Some((_, "exec")) => Some(Say::Json(201, json!({ "Id": "e1" }))),
        Some((_, "start")) => Some(Say::Pieces(vec![head(), frame(1, "123\t/cache\n"), frame(2, "oh\n")])),
        Some((_, "json")) => Some(Say::Json(200, json!({ "Running": false, "ExitCode": 3 }))),
        Some(_) | None => None,
    });
    let ran = fake.docker().run_in(ENGINE, &["du", "-sb", "/cache"]).await;
    assert_eq!(ran, Ok(Ran { exit_code: 3, output: Bytes::from_static(b"123\t/cache\noh\n") }));
}

#[tokio::test]
async fn an_image_without_a_shell_is_told_from_a_shell_that_finds_no_command() {
    const NO_SHELL: &str = "OCI runtime exec failed: exec failed: unable to start container process: \
                            exec: \"sh\": executable file not found in $PATH: unknown\r\n";
    for (code, words, has_shell) in [(126, NO_SHELL, false), (127, "sh: du: not found\n", true)] {
        let fake = Fake::new(move |asked| match asked.rsplit_once('/') {
            Some((_, "exec")) => Some(Say::Json(201, json!({ "Id": "e1" }))),
            Some((_, "start")) => Some(Say::Pieces(vec![head(), frame(1, words)])),
            Some((_, "json")) => Some(Say::Json(200, json!({ "Running": false, "ExitCode": code }))),
            Some(_) | None => None,
        });
        let ran = fake.docker().run_in(ENGINE, &["sh", "-c", "du"]).await;
        match has_shell {
            true => assert!(ran.is_ok_and(|ran| ran.exit_code == code)),
            false => assert_eq!(ran, Err(Failure::Refused(Refusal::NoShell))),
        }
    }
}

#[tokio::test]
async fn of_a_long_log_the_end_is_kept() {
    let fake = Fake::new(|asked| {
        let lines = (0..1_000).map(|line| frame(1, &format!("line {line}\n")));
        asked.contains("/logs?").then(|| Say::Pieces([head()].into_iter().chain(lines).collect()))
    });
    let log = fake.docker().logs(ENGINE, 1_000, 18).await;
    assert_eq!(log.as_deref(), Ok(&b"line 998\nline 999\n"[..]));
    assert!(fake.asked()[0].ends_with("stdout=1&stderr=1&tail=1000"));
}
