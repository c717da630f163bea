//! Images that are missing: one pull for all who wait, whatever becomes of them.

use super::answers::spec;
use super::fake::{Fake, PATIENCE, Say, counted, head};
use crate::docker::Docker;
use crate::metrics::Meters;
use crate::runtime::{Failure, Runtime};
use control::event::Refusal;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::{sleep, timeout};

const IMAGE: &str = "jopsis/acestream:x64";
const PULL: &str = "POST /images/create?fromImage=jopsis%2Facestream&tag=x64";
const MISSING: Failure = Failure::Refused(Refusal::ImageMissing);

fn lines(lines: &[Value]) -> Vec<u8> {
    lines.iter().flat_map(|line| format!("{line}\r\n").into_bytes()).collect()
}

/// A Docker that has no image until it was pulled, and says this while it is.
fn without_image(pull: impl Fn() -> Say + Send + Sync + 'static, arrives: bool) -> Fake {
    let (there, made) = (AtomicBool::new(false), AtomicUsize::new(0));
    Fake::new(move |asked| match asked {
        PULL => {
            there.store(arrives, Ordering::Relaxed);
            Some(pull())
        }
        create if create.starts_with("POST /containers/create") && there.load(Ordering::Relaxed) => {
            let id = format!("{:064x}", made.fetch_add(1, Ordering::Relaxed));
            Some(Say::Json(201, json!({ "Id": id })))
        }
        create if create.starts_with("POST /containers/create") => {
            Some(Say::Json(404, json!({ "message": format!("No such image: {IMAGE}") })))
        }
        _ => None,
    })
}

fn pulls(fake: &Fake) -> usize {
    fake.asked().iter().filter(|asked| *asked == PULL).count()
}

async fn until(what: &str, so: impl Fn() -> bool) {
    let looking = async {
        while !so() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, looking).await.unwrap_or_else(|_| panic!("in vain: {what}"));
}

#[tokio::test]
async fn many_creations_wait_for_one_pull_of_their_image() {
    let progress = lines(&[
        json!({"status": "Downloading", "id": "a", "progressDetail": {"current": 5, "total": 10}}),
        json!({"status": "Pull complete", "id": "a"}),
    ]);
    let fake = without_image(move || Say::Pieces(vec![head(), progress.clone()]), true);
    let (docker, meters) = (fake.docker(), Arc::new(Meters::default()));
    docker.count_in(&meters);
    let creations: Vec<_> = (0..10)
        .map(|_| {
            let docker = docker.clone();
            tokio::spawn(async move { docker.create(&spec(IMAGE)).await })
        })
        .collect();
    for creation in creations {
        assert!(creation.await.is_ok_and(|created| created.is_ok()));
    }
    assert_eq!(pulls(&fake), 1);
    assert_eq!(docker.pulling(), []);
    assert!(counted(&meters).contains("acefleet_docker_calls_total{verb=\"pull\",outcome=\"done\"} 1\n"));
}

#[tokio::test]
async fn a_pull_goes_on_when_nobody_waits_for_it_any_more() {
    let progress =
        lines(&[json!({"status": "Downloading", "id": "a", "progressDetail": {"current": 1, "total": 4}})]);
    let fake = without_image(move || Say::AndThenNothing([head(), progress.clone()].concat()), true);
    let docker = fake.docker();
    let waiting = tokio::spawn({
        let docker = docker.clone();
        async move { docker.create(&spec(IMAGE)).await }
    });
    let percent = |docker: &Docker| docker.pulling().first().and_then(|pulling| pulling.progress.percent());
    until("the pull is a quarter done", || percent(&docker) == Some(25)).await;
    waiting.abort();
    assert!(waiting.await.is_err_and(|ended| ended.is_cancelled()));
    assert_eq!(percent(&docker), Some(25));

    let another = tokio::spawn({
        let docker = docker.clone();
        async move { docker.create(&spec(IMAGE)).await }
    });
    until("another one asks", || {
        fake.asked().iter().filter(|asked| asked.contains("create?name")).count() == 2
    })
    .await;
    assert_eq!(pulls(&fake), 1);
    another.abort();
}

#[tokio::test]
async fn a_pull_that_failed_says_why_and_is_not_begun_again_at_once() {
    let words = "manifest for jopsis/acestream:x64 not found: manifest unknown";
    let failed = Arc::new(lines(&[json!({"errorDetail": {"message": words}, "error": words})]));
    let fake = without_image(move || Say::Pieces(vec![head(), failed.to_vec()]), false);
    let docker = fake.docker();
    for _ in 0..3 {
        assert_eq!(docker.create(&spec(IMAGE)).await, Err(MISSING));
    }
    assert_eq!(pulls(&fake), 1);
    let pulling = docker.pulling();
    assert_eq!((pulling[0].image.as_str(), pulling[0].failed.as_deref()), (IMAGE, Some(words)));
}

#[tokio::test]
async fn an_image_that_was_fetched_by_hand_is_no_failure_any_more() {
    let by_hand = Arc::new(AtomicBool::new(false));
    let there = Arc::clone(&by_hand);
    let fake = Fake::new(move |asked| match asked {
        PULL => Some(Say::Json(500, json!({ "message": "no route to host" }))),
        create if create.starts_with("POST /containers/create") => {
            Some(match there.load(Ordering::Relaxed) {
                true => Say::Json(201, json!({ "Id": "1".repeat(64) })),
                false => Say::Json(404, json!({ "message": format!("No such image: {IMAGE}") })),
            })
        }
        _ => None,
    });
    let docker = fake.docker();
    assert_eq!(docker.create(&spec(IMAGE)).await, Err(MISSING));
    assert_eq!(docker.pulling().len(), 1);
    by_hand.store(true, Ordering::Relaxed);
    assert!(docker.create(&spec(IMAGE)).await.is_ok());
    assert_eq!(docker.pulling(), []);
}

#[tokio::test]
async fn a_registry_that_cannot_be_reached_is_the_reason_why_the_image_is_missing() {
    let words = "Get \"https://registry.example/v2/\": dial tcp: lookup registry.example: no such host";
    let fake = without_image(move || Say::Json(500, json!({ "message": words })), false);
    let docker = fake.docker();
    assert_eq!(docker.create(&spec(IMAGE)).await, Err(MISSING));
    assert_eq!(docker.pulling()[0].failed.as_deref(), Some(words));
}
