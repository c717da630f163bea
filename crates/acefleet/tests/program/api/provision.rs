//! Engines that clients ask for: how each is answered, and how each refusal is told.

use super::client::Got;
use super::fleet::{Fleet, Setup};
use super::golden::golden;
use control::Settings;
use serde_json::{Value, json};
use std::time::Duration;

const PROVISION: &str = "/provision/acestream";

async fn fleet() -> Fleet {
    Setup::with_vpns(&[("gluetun", Some(40_001))]).start().await
}

fn nothing() -> Value {
    json!({"labels": {}, "env": {}})
}

/// A refusal, with what holds for every one of them.
fn refusal(got: &Got, code: &str) -> Value {
    assert_eq!(got.status, 503, "{}", got.text);
    let detail = got.json()["detail"].clone();
    assert_eq!(detail["error"], "provisioning_blocked");
    assert_eq!(detail["code"], code);
    assert!(detail["message"].as_str().is_some_and(|message| !message.is_empty()));
    let eta = detail["recovery_eta_seconds"].as_u64().expect("a whole number");
    assert!(detail["can_retry"].is_boolean() && detail["should_wait"].is_boolean());
    let after: u64 = got.header("retry-after").expect("the header").parse().expect("seconds");
    assert_eq!(after, eta.max(1));
    detail
}

#[tokio::test]
async fn a_client_is_handed_an_engine_that_runs() {
    let fleet = fleet().await;
    let got = fleet.post(PROVISION, &nothing()).await;
    assert_eq!(got.status, 200, "{}", got.text);
    golden("provisioned", &got.json());
    let name = got.json()["container_name"].as_str().unwrap().to_owned();
    let engine = fleet.get(&format!("/engines/{name}")).await.json();
    assert!(engine["engine"]["leased_until"].is_string());
    // An empty body is what acexy would send if it sent less.
    assert_eq!(fleet.post_nothing(PROVISION).await.status, 200);
}

#[tokio::test]
async fn labels_environment_and_port_are_as_the_client_wants_them() {
    let fleet = fleet().await;
    let wants = json!({"labels": {"team": "tv"}, "env": {"TZ": "UTC"}, "host_port": 19_003});
    let got = fleet.post(PROVISION, &wants).await.json();
    assert_eq!(got["host_http_port"], 19_003);
    let engine = fleet.get(&format!("/engines/{}", got["container_name"].as_str().unwrap())).await.json();
    assert_eq!(engine["engine"]["labels"]["team"], "tv");
    let conf =
        json!({"env": {"CONF": "--http-port=19002\n--https-port=45009\n--bind-all"}, "host_port": 19_001});
    assert_eq!(fleet.post(PROVISION, &conf).await.json()["host_http_port"], 19_002);
}

#[tokio::test]
async fn a_wished_port_gives_way_and_one_that_the_engine_is_told_of_does_not() {
    let fleet = fleet().await;
    let wish = fleet.post(PROVISION, &json!({"host_port": 19_000})).await;
    assert_eq!(wish.status, 200);
    assert_ne!(wish.json()["host_http_port"], 19_000);
    let firm = fleet.post(PROVISION, &json!({"env": {"CONF": "--http-port=19000"}})).await;
    assert_eq!(firm.status, 409);
    assert!(firm.detail().starts_with("port_taken: "), "{}", firm.text);
}

#[tokio::test]
async fn what_means_something_to_acefleet_or_cannot_be_is_refused() {
    let fleet = fleet().await;
    let many: serde_json::Map<_, _> = (0..100).map(|number| (format!("l{number}"), json!("x"))).collect();
    for wants in [
        json!({"labels": {"acestream.http_port": "1"}}),
        json!({"labels": {"host.http_port": "1"}}),
        json!({"labels": {"acefleet.op": "1"}}),
        json!({"labels": {"ondemand.app": "theirs"}}),
        json!({"labels": {"": "x"}}),
        json!({"labels": {"x": "a\u{0}b"}}),
        json!({"labels": {"x".repeat(300): "y"}}),
        json!({"labels": {"x": "y".repeat(9_000)}}),
        json!({"labels": many}),
        json!({"labels": {"x": 7}}),
        json!({"labels": []}),
        json!({"env": {"A=B": "x"}}),
        json!({"env": {"CONF": "--http-port=none"}}),
        json!({"env": {"CONF": "--http-port=99999"}}),
        json!({"host_port": 0}),
        json!({"host_port": 65_536}),
        json!({"host_port": -1}),
        json!({"host_port": "19000"}),
        json!({"host_port": 19_000.5}),
    ] {
        let got = fleet.post(PROVISION, &wants).await;
        assert_eq!(got.status, 422, "{wants}: {}", got.text);
    }
    assert_eq!(fleet.get("/engines?all=true").await.json().as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn at_the_limit_there_is_nothing_to_wait_for() {
    let mut setup = Setup::with_vpns(&[("gluetun", None)]);
    setup.settings = Settings { max_replicas: 2, ..setup.settings };
    let fleet = setup.start().await;
    let detail = refusal(&fleet.post(PROVISION, &nothing()).await, "max_capacity");
    golden("provision_blocked_max_capacity", &detail);
    assert_eq!(detail["should_wait"], false);
}

#[tokio::test]
async fn without_a_vpn_the_time_until_the_next_repair_is_told() {
    let fleet = fleet().await;
    fleet.outside(|host| host.stop("gluetun"));
    let detail = refusal(&fleet.post(PROVISION, &nothing()).await, "vpn_disconnected");
    golden("provision_blocked_vpn_disconnected", &detail);
}

#[tokio::test]
async fn while_docker_hangs_a_client_is_told_at_once() {
    let fleet = fleet().await;
    fleet.outside(|host| host.docker_hangs = true);
    fleet.pass(Duration::from_secs(10));
    let detail = refusal(&fleet.post(PROVISION, &nothing()).await, "docker_unavailable");
    golden("provision_blocked_docker_unavailable", &detail);
}

#[tokio::test]
async fn an_engine_that_takes_its_time_is_promised_and_then_handed_out() {
    let fleet = fleet().await;
    fleet.outside(|host| host.creates_slowly = true);
    let wants = nothing();
    let asking = fleet.post(PROVISION, &wants);
    let passing = async {
        fleet.asked(1).await;
        fleet.pass(Duration::from_millis(2_500));
    };
    let (got, ()) = tokio::join!(asking, passing);
    // Clients know four codes; of these, this one makes them come again in a moment.
    let detail = refusal(&got, "max_capacity");
    golden("provision_blocked_being_created", &detail);
    assert_eq!(detail["should_wait"], true);
}

#[tokio::test]
async fn after_too_many_failures_the_breaker_says_when_it_tries_again() {
    let mut setup = Setup::with_vpns(&[("gluetun", None)]);
    setup.settings = Settings { circuit_breaker_failure_threshold: 1, ..setup.settings };
    let fleet = setup.start().await;
    fleet.outside(|host| host.refuses_creations = true);
    let first = fleet.post(PROVISION, &nothing()).await;
    assert_eq!(first.status, 503, "{}", first.text);
    let detail = refusal(&fleet.post(PROVISION, &nothing()).await, "circuit_breaker");
    golden("provision_blocked_circuit_breaker", &detail);
    let health = fleet.get("/health/status").await.json();
    assert_eq!(health["circuit_breakers"]["general"]["state"], "open");
    let status = fleet.get("/orchestrator/status").await.json();
    assert_eq!(status["provisioning"]["circuit_breaker_state"], "open");
    assert!(status["provisioning"]["last_failure"].is_string());

    let reset = fleet.post_nothing("/health/circuit-breaker/reset?operation_type=general").await;
    assert_eq!(reset.json(), json!({"message": "reset circuit breaker 'general'"}));
    let health = fleet.get("/health/status").await.json();
    assert_eq!(health["circuit_breakers"]["general"]["state"], "closed");
    let both = fleet.post_nothing("/health/circuit-breaker/reset").await;
    assert_eq!(both.json(), json!({"message": "reset all circuit breakers"}));
    let unknown = fleet.post_nothing("/health/circuit-breaker/reset?operation_type=other").await;
    assert_eq!(unknown.status, 422);
}

#[tokio::test]
async fn containers_of_other_kinds_are_made_from_listed_images_alone() {
    let fleet = fleet().await;
    let got = fleet.post("/provision", &json!({"image": "example/unlisted:1"})).await;
    assert_eq!(got.status, 403);
    assert!(got.detail().contains("PROVISION_IMAGES"));
    let listed = |rest: Value| {
        let mut wants = json!({"image": "example/other:1"});
        wants.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        wants
    };
    for wrong in [
        json!({"labels": {"acestream.http_port": "1"}}),
        json!({"ports": {"http": 80}}),
        json!({"ports": {"80/tcp": 0}}),
        json!({"name_prefix": "../x"}),
        json!({"name_prefix": ""}),
        json!({"name_prefix": "acestream"}),
        json!({"ports": {"53/udp": 53}}),
        json!({"ports": {"80": 1, "80/tcp": 2}}),
        json!({"env": "x"}),
    ] {
        let got = fleet.post("/provision", &listed(wrong.clone())).await;
        assert_eq!(got.status, 422, "{wrong}: {}", got.text);
    }
    assert_eq!(fleet.post("/provision", &json!({})).await.status, 422);
    let fine = listed(json!({"ports": {"80/tcp": 8_080}, "name_prefix": "web", "labels": {"a": "b"}}));
    let got = fleet.post("/provision", &fine).await;
    assert_eq!(got.status, 200, "{}", got.text);
}

#[tokio::test]
async fn a_container_of_another_kind_is_created_shown_and_deleted_and_is_no_engine() {
    let fleet = fleet().await;
    let wants = json!({"image": "example/other:1", "labels": {"team": "red"}, "ports": {"80/tcp": 28_080, "81": null}});
    let got = fleet.post("/provision", &wants).await;
    assert_eq!(got.status, 200, "{}", got.text);
    let made = got.json();
    assert_eq!(made["container_name"], "container-1");
    assert_eq!(made["ports"][0], json!({"container_port": 80, "host_port": 28_080}));
    assert_eq!(made["ports"][1]["container_port"], 81);
    let id = made["container_id"].as_str().unwrap();

    let engines = fleet.get("/engines").await.json();
    assert!(engines.as_array().unwrap().iter().all(|engine| engine["container_id"] != id), "{engines}");

    let taken = fleet.post("/provision", &wants).await;
    assert_eq!(taken.status, 409, "{}", taken.text);
    let deleted = fleet.send(hyper::Method::DELETE, &format!("/containers/{id}"), None, None).await;
    assert_eq!(deleted.status, 200, "{}", deleted.text);
    let told = fleet.get("/journal?engine=container-1&kind=gone").await.json();
    assert_eq!(
        told[0]["sentence"].as_str().map(|text| text.starts_with("container container-1 is gone")),
        Some(true)
    );
    // Its name and its port are free again.
    assert_eq!(fleet.post("/provision", &wants).await.json()["container_name"], "container-1");
}

#[tokio::test]
async fn a_container_of_another_kind_that_docker_refuses_says_nothing_about_engines() {
    let fleet = fleet().await;
    fleet.outside(|host| host.refuses_creations = true);
    let got = fleet.post("/provision", &json!({"image": "example/other:1"})).await;
    assert_eq!(got.status, 500, "{}", got.text);
    assert_eq!(got.json()["detail"]["error"], "provisioning_failed");
    let health = fleet.get("/health/status").await.json();
    assert_eq!(health["circuit_breakers"]["general"]["failure_count"], 0);
}

#[tokio::test]
async fn a_container_of_another_kind_that_takes_long_is_blocked_like_an_engine() {
    let fleet = fleet().await;
    fleet.outside(|host| host.creates_slowly = true);
    let wants = json!({"image": "example/other:1"});
    let asking = fleet.post("/provision", &wants);
    let passing = async {
        fleet.asked(1).await;
        fleet.pass(Duration::from_millis(2_500));
    };
    let (got, ()) = tokio::join!(asking, passing);
    let detail = refusal(&got, "max_capacity");
    assert_eq!(detail["should_wait"], true);
}
