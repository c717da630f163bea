//! What is read, as clients know it: each answer whole, and the rules that clients rest on.

use super::fleet::{Fleet, Setup};
use super::golden::golden;
use acefleet::settings::Sources;
use serde_json::{Value, json};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

async fn two_vpns() -> Fleet {
    Setup::with_vpns(&[("gluetun", Some(40_001)), ("gluetun2", None)]).start().await
}

/// The value at a path of names.
fn at<'a>(value: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(value, |value, name| &value[name])
}

#[tokio::test]
async fn engines_are_a_bare_array_by_port_of_those_that_are_offered() {
    let fleet = two_vpns().await;
    golden("engines", &fleet.get("/engines").await.json());
    fleet.outside(|host| host.stop("gluetun"));
    let offered = fleet.get("/engines").await.json();
    let names: Vec<_> = offered.as_array().unwrap().iter().map(|engine| &engine["vpn_container"]).collect();
    assert!(names.iter().all(|name| **name == "gluetun2"), "{names:?}");
    let all = fleet.get("/engines?all=true").await.json();
    golden("engines_all_with_one_hidden", &all);
    let ports: Vec<_> = all.as_array().unwrap().iter().map(|engine| engine["port"].as_u64()).collect();
    assert!(ports.is_sorted(), "{ports:?}");
}

#[tokio::test]
async fn one_engine_is_told_with_its_streams_whether_it_is_offered_or_not() {
    let fleet = two_vpns().await;
    fleet.announce(19_000, "k|s").await;
    let got = fleet.get("/engines/acestream-1").await;
    assert_eq!(got.status, 200);
    golden("engine", &got.json());
    let id = got.json()["engine"]["container_id"].as_str().unwrap().to_owned();
    assert_eq!(fleet.get(&format!("/engines/{id}")).await.json(), got.json());
    assert_eq!(fleet.get(&format!("/engines/{}", &id[..12])).await.json(), got.json());
    fleet.outside(|host| host.stop("gluetun"));
    let hidden = fleet.get(&format!("/engines/{id}")).await.json();
    assert_eq!(hidden["engine"]["offered"], false);
    assert!(hidden["engine"]["reason"].is_string());
    let unknown = fleet.get("/engines/acestream-99").await;
    assert_eq!(unknown.status, 404);
    assert_eq!(unknown.detail(), "there is no engine 'acestream-99'; GET /engines?all=true lists them");
}

#[tokio::test]
async fn streams_are_told_by_status_and_engine() {
    let fleet = two_vpns().await;
    fleet.announce(19_000, "one").await;
    fleet.announce(19_001, "two").await;
    fleet.post("/events/stream_ended", &json!({"stream_id": "two"})).await;
    golden("streams", &fleet.get("/streams").await.json());
    let ids = |got: Value| -> Vec<String> {
        got.as_array().unwrap().iter().map(|stream| stream["id"].as_str().unwrap().into()).collect()
    };
    assert_eq!(ids(fleet.get("/streams?status=started").await.json()), ["one"]);
    assert_eq!(ids(fleet.get("/streams?status=ended").await.json()), ["two"]);
    let engine = fleet.engine_id("acestream-1").await;
    let on_it = format!("/streams?container_id={engine}&status=started");
    assert_eq!(ids(fleet.get(&on_it).await.json()), ["one"]);
    let nowhere = format!("/streams?container_id={}", "0".repeat(64));
    assert_eq!(fleet.get(&nowhere).await.text, "[]");
    assert_eq!(fleet.get("/streams?container_id=nonsense").await.text, "[]");
    assert_eq!(fleet.get("/streams?status=paused").await.status, 422);
}

#[tokio::test]
async fn samples_of_a_stream_are_told_from_a_moment_on() {
    let fleet = two_vpns().await;
    fleet.announce(19_000, "a/b|c").await;
    for round in 1..=3 {
        fleet.outside(|host| {
            host.session = Some(control::event::SessionReport {
                status: "dl".into(),
                peers: 10 + round,
                speed_down: 600,
                speed_up: 20,
                downloaded: round << 20,
                uploaded: round << 10,
            });
        });
        fleet.pass(5 * SECOND);
    }
    let all = fleet.get("/streams/a%2Fb%7Cc/stats").await.json();
    golden("stream_stats", &all);
    let since = all[1]["ts"].as_str().unwrap();
    let later = fleet.get(&format!("/streams/a%2Fb%7Cc/stats?since={since}")).await.json();
    assert_eq!(later.as_array().unwrap().len(), 2);
    assert_eq!(fleet.get("/streams/nobody/stats").await.text, "[]");
    assert_eq!(fleet.get("/streams/nobody/stats?since=yesterday").await.status, 422);
}

#[tokio::test]
async fn without_vpns_their_status_is_disabled() {
    let fleet = Setup::default().start().await;
    golden("vpn_status_disabled", &fleet.get("/vpn/status").await.json());
    let got = fleet.get("/vpn/publicip").await;
    assert_eq!((got.status, got.detail().as_str()), (503, "no VPN is configured"));
    golden("engines_without_vpn", &fleet.get("/engines").await.json());
}

#[tokio::test]
async fn one_vpn_is_told_as_docker_sees_it() {
    let fleet = Setup::with_vpns(&[("gluetun", Some(40_001))]).start().await;
    golden("vpn_status_single", &fleet.get("/vpn/status").await.json());
    assert_eq!(fleet.get("/vpn/publicip").await.text, r#"{"public_ip":"203.0.113.7"}"#);
    fleet.outside(|host| host.stop("gluetun"));
    let status = fleet.get("/vpn/status").await.json();
    assert_eq!(status["status"], "exited");
    assert_eq!(status["health"], "unhealthy");
    assert_eq!(status["connected"], false);
    assert_eq!(status["emergency_mode"]["active"], false);
}

#[tokio::test]
async fn several_vpns_are_told_as_one_that_works_while_any_does() {
    let fleet = two_vpns().await;
    golden("vpn_status_redundant", &fleet.get("/vpn/status").await.json());
    fleet.outside(|host| host.stop("gluetun"));
    fleet.pass(7 * SECOND);
    let status = fleet.get("/vpn/status").await.json();
    golden("vpn_status_emergency", &status);
    assert_eq!((&status["status"], &status["health"]), (&json!("running"), &json!("healthy")));
    assert_eq!(at(&status, "emergency_mode.duration_seconds"), &json!(7));
    fleet.outside(|host| host.stop("gluetun2"));
    let status = fleet.get("/vpn/status").await.json();
    assert_eq!((&status["status"], &status["health"]), (&json!("unhealthy"), &json!("unhealthy")));
    assert_eq!(status["container_name"], "gluetun");
}

#[tokio::test]
async fn beyond_two_vpns_all_are_listed() {
    let fleet = Setup::with_vpns(&[("a", None), ("b", None), ("c", None)]).start().await;
    let status = fleet.get("/vpn/status").await.json();
    let names: Vec<_> =
        status["vpns"].as_array().unwrap().iter().map(|vpn| vpn["container_name"].clone()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert_eq!(status["vpn1"]["container_name"], "a");
    assert_eq!(status["vpn2"]["container_name"], "b");
    assert_eq!(status["mode"], "redundant");
}

#[tokio::test]
async fn the_state_of_the_whole_is_told_with_the_time_of_the_answer() {
    let fleet = two_vpns().await;
    golden("orchestrator_status", &fleet.get("/orchestrator/status").await.json());
    fleet.announce(19_000, "k|s").await;
    let status = fleet.get("/orchestrator/status").await.json();
    assert_eq!(status["streams"], json!({"active": 1, "total": 1}));
    assert_eq!(at(&status, "capacity.used"), &json!(1));
    let before = status["timestamp"].clone();
    fleet.pass(Duration::from_millis(1));
    assert_ne!(fleet.get("/orchestrator/status").await.json()["timestamp"], before);
}

#[tokio::test]
async fn why_nothing_can_be_created_is_a_sentence_and_an_object() {
    let fleet = two_vpns().await;
    fleet.outside(|host| {
        host.stop("gluetun");
        host.stop("gluetun2");
    });
    let status = fleet.get("/orchestrator/status").await.json();
    golden("orchestrator_status_without_vpn", &status);
    let provisioning = &status["provisioning"];
    assert_eq!(provisioning["can_provision"], false);
    assert_eq!(provisioning["blocked_reason"], "no VPN is healthy");
    assert_eq!(at(provisioning, "blocked_reason_details.code"), &json!("vpn_disconnected"));
    let eta = at(provisioning, "blocked_reason_details.recovery_eta_seconds").as_u64().unwrap();
    assert!(eta > 1, "{eta}");
    fleet.pass(SECOND);
    let status = fleet.get("/orchestrator/status").await.json();
    let later = at(&status, "provisioning.blocked_reason_details.recovery_eta_seconds").as_u64().unwrap();
    assert_eq!(later, eta - 1);
    assert_eq!(status["status"], "unavailable");
}

#[tokio::test]
async fn while_docker_hangs_everything_is_still_told_and_the_reason_given() {
    let fleet = two_vpns().await;
    let engines = fleet.get("/engines").await.json();
    fleet.outside(|host| host.docker_hangs = true);
    fleet.pass(10 * SECOND);
    let status = fleet.get("/orchestrator/status").await.json();
    golden("orchestrator_status_without_docker", &status);
    assert_eq!(status["status"], "degraded");
    assert_eq!(at(&status, "provisioning.blocked_reason_details.code"), &json!("docker_unavailable"));
    let left = fleet.get("/engines").await.json();
    assert_eq!(left.as_array().unwrap().len(), engines.as_array().unwrap().len());
    assert_eq!(fleet.get("/readyz").await.detail(), "Docker does not answer");
    assert_eq!(fleet.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn before_the_first_look_nothing_is_offered_and_it_is_not_ready() {
    let setup = Setup { comes_up: false, ..Setup::default() };
    let fleet = setup.start().await;
    assert_eq!(fleet.get("/engines").await.text, "[]");
    assert_eq!(fleet.get("/readyz").await.status, 503);
    assert_eq!(fleet.get("/orchestrator/status").await.json()["status"], "unavailable");
}

#[tokio::test]
async fn the_health_of_the_engines_is_counted() {
    let fleet = two_vpns().await;
    golden("health_status", &fleet.get("/health/status").await.json());
    fleet.outside(|host| host.hang("acestream-2", true));
    fleet.pass(80 * SECOND);
    let status = fleet.get("/health/status").await.json();
    assert_eq!(status["unhealthy_engines"], 1, "{status}");
    assert_eq!(fleet.get("/engines/acestream-2").await.json()["engine"]["health_status"], "unhealthy");
}

#[tokio::test]
async fn containers_are_ours_and_the_vpns_and_of_these_no_labels() {
    let fleet = two_vpns().await;
    golden("container_engine", &fleet.get("/containers/acestream-1").await.json());
    golden("container_vpn", &fleet.get("/containers/gluetun").await.json());
    assert_eq!(fleet.get("/containers/postgres").await.status, 404);
    let ours = fleet.get("/by-label?key=ondemand.app&value=myservice").await.json();
    golden("by_label", &ours);
    assert_eq!(ours.as_array().unwrap().len(), 2);
    assert_eq!(fleet.get("/by-label?key=ondemand.app&value=other").await.text, "[]");
    assert_eq!(fleet.get("/by-label").await.status, 422);
}

#[tokio::test]
async fn the_journal_is_told_newest_first_and_as_asked() {
    let fleet = two_vpns().await;
    fleet.outside(|host| host.stop("gluetun2"));
    let all = fleet.get("/journal?limit=1000").await.json();
    golden("journal", &all);
    let entries = all.as_array().unwrap();
    assert!(entries.is_sorted_by(|a, b| a["seq"].as_u64() > b["seq"].as_u64()));
    let of = |path: &str| {
        let path = path.to_owned();
        let fleet = &fleet;
        async move { fleet.get(&path).await.json().as_array().unwrap().clone() }
    };
    let about = of("/journal?engine=acestream-1").await;
    assert!(!about.is_empty() && about.iter().all(|entry| entry["subject"]["name"] == "acestream-1"));
    let about = of("/journal?vpn=gluetun2&kind=vpn_failed").await;
    assert_eq!(about.len(), 1);
    assert_eq!(of("/journal?limit=2").await.len(), 2);
    let failed_at = about[0]["at"].as_str().unwrap().to_owned();
    let since = of(&format!("/journal?since={failed_at}&limit=1000")).await;
    let until = of("/journal?until=2026-01-31T12:00:00Z&limit=1000").await;
    assert!(!since.is_empty() && since.iter().all(|entry| entry["at"] == failed_at.as_str()));
    assert!(!until.is_empty() && until.len() + since.len() <= entries.len());
}

#[tokio::test]
async fn logs_are_read_by_the_function_that_was_handed_in_within_bounds() {
    let fleet = two_vpns().await;
    let got = fleet.get("/engines/acestream-1/logs?tail=7").await;
    assert_eq!((got.status, got.text.as_str()), (200, "the last 7 lines\n"));
    assert_eq!(got.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(fleet.get("/engines/acestream-1/logs").await.text, "the last 200 lines\n");
    assert_eq!(fleet.get("/engines/acestream-1/logs?tail=4000000000").await.text, "the last 10000 lines\n");
    assert_eq!(fleet.get("/engines/acestream-1/logs?tail=-1").await.status, 422);
    assert_eq!(fleet.get("/engines/nobody/logs").await.status, 404);
    let hangs = fleet.get("/engines/acestream-1/logs?tail=666").await;
    assert_eq!(hangs.status, 503);
}

#[tokio::test]
async fn what_an_engine_takes_of_the_machine_is_asked_of_the_function_that_was_handed_in() {
    let fleet = two_vpns().await;
    let got = fleet.get("/engines/acestream-1/usage").await;
    assert_eq!(
        got.json(),
        serde_json::json!({ "cpu_percent": 12.5, "memory_bytes": 4096, "memory_limit_bytes": null })
    );
    assert_eq!(fleet.get("/engines/nobody/usage").await.status, 404);
}

#[tokio::test]
async fn everything_is_found_under_the_prefix_as_well() {
    let fleet = two_vpns().await;
    for path in ["/engines", "/streams", "/vpn/status", "/health/status", "/orchestrator/status", "/journal"]
    {
        let (plain, prefixed) = (fleet.get(path).await, fleet.get(&format!("/api/v1{path}")).await);
        assert_eq!(plain.status, 200, "{path}");
        assert_eq!(plain.text, prefixed.text, "{path}");
    }
}

#[tokio::test]
async fn the_way_to_the_panel_is_relative_so_that_it_holds_behind_a_prefix() {
    let fleet = Setup::default().start().await;
    let got = fleet.get("/panel").await;
    assert_eq!((got.status, got.header("location")), (307, Some("panel/")));
}

#[tokio::test]
async fn the_panel_or_a_page_that_says_how_to_get_it_is_always_there() {
    let fleet = Setup::default().start().await;
    let got = fleet.get("/panel/").await;
    assert_eq!((got.status, got.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(got.text.contains("npm run build") || got.text.contains("type=\"module\""), "{}", got.text);
    assert_eq!(got.header("x-content-type-options"), Some("nosniff"));
    assert!(
        got.header("content-security-policy").is_some_and(|policy| policy.contains("default-src 'none'"))
    );
    assert_eq!(fleet.get("/panel/no-such-file.js").await.status, 404);
}

#[tokio::test]
async fn settings_are_told_with_their_source_and_meaning_and_never_a_secret() {
    let environment = [("MIN_REPLICAS", "3"), ("API_KEY", "abc123-secret")];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let settings =
        acefleet::settings::read(&Sources { environment, ..Sources::empty() }).expect("they are fine");
    let mut setup = Setup::default();
    setup.chosen.effective = settings.effective;
    let got = setup.start().await.get("/settings").await;
    let told: Vec<Value> = serde_json::from_str(&got.text).expect("JSON");
    let of = |name: &str| told.iter().find(|one| one["name"] == name).expect("it is told");
    assert_eq!(
        (&of("MIN_REPLICAS")["value"], &of("MIN_REPLICAS")["origin"]),
        (&"3".into(), &"environment".into())
    );
    assert_eq!(of("MAX_REPLICAS")["origin"], "default");
    assert_eq!((&of("API_KEY")["value"], &of("API_KEY")["secret"]), (&"***".into(), &true.into()));
    assert!(!got.text.contains("abc123"), "a secret is told");
    assert!(of("MIN_REPLICAS")["meaning"].as_str().is_some_and(|meaning| meaning.len() > 20));
}

#[tokio::test]
async fn the_numbers_of_the_last_hours_begin_with_the_present_ones() {
    let fleet = two_vpns().await;
    let deadline = std::time::Instant::now() + 10 * SECOND;
    let told = loop {
        let told = fleet.get("/trends?minutes=5").await.json();
        if told.as_array().is_some_and(|told| !told.is_empty()) || std::time::Instant::now() > deadline {
            break told;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(
        (&told[0]["offered"], &told[0]["free"], &told[0]["streams"]),
        (&json!(2), &json!(2), &json!(0)),
        "{told}"
    );
    assert_eq!(fleet.get("/trends?minutes=-1").await.status, 422);
}
