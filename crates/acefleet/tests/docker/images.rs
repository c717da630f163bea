//! Images: one that is missing, and what is in them that caches can be cleared with.

use crate::fleet::{Fleet, Plan, SOON};
use crate::fleets::vpn_env;
use crate::ground::{Ground, eventually};
use crate::viewer::Viewer;
use serde_json::{Value, json};
use std::time::Instant;

/// The images that the lab has.
const ENGINE_IMAGE: &str = "jopsis/acestream:x64";
const ENGINE_WITH_SHELL: &str = "standin-engine:shell";

/// One VPN, and engines of an image that only this test has.
fn own_image(ground: &Ground, version: &str) -> Plan {
    ground.run_vpn("gluetun1", &vpn_env("40001"));
    let plan = Plan::behind(ground, &["gluetun1"]).with("ENGINE_VARIANT", "jopsis-arm64");
    plan.with("ENGINE_ARM64_VERSION", version)
}

#[test]
fn a_missing_image_opens_the_circuit_breaker_and_the_fleet_comes_up_as_soon_as_it_is_there() {
    let ground = Ground::take();
    let version = format!("missing-{}", std::process::id());
    let plan = own_image(&ground, &version).with("MIN_REPLICAS", "2");
    let plan = plan.with("CIRCUIT_BREAKER_FAILURE_THRESHOLD", "2");
    let fleet = Fleet::start(plan.with("CIRCUIT_BREAKER_RECOVERY_TIMEOUT_S", "5"));
    let began = Instant::now();
    let status = eventually("the circuit breaker opens", SOON, || {
        let status = fleet.get("/orchestrator/status");
        (status["provisioning"]["circuit_breaker_state"] == "open").then_some(status)
    });
    println!("open after {:?}", began.elapsed());
    let provisioning = &status["provisioning"];
    assert_eq!(provisioning["can_provision"], false);
    assert_eq!(provisioning["blocked_reason_details"]["code"], "circuit_breaker", "{provisioning}");
    assert!(provisioning["blocked_reason"].is_string() && provisioning["last_failure"].is_string());
    let image = format!("jopsis/acestream:{version}");
    assert!(fleet.said("image missing") > 0, "{:?}", fleet.journal());
    let told = format!("the image {image} cannot be fetched");
    assert!(fleet.log().contains(&told), "the log does not name the image");

    let refused = fleet.post("/provision/acestream", &json!({}));
    assert_eq!(refused.status, 503, "{}", refused.text());
    let detail = &refused.json()["detail"];
    assert_eq!(
        (&detail["error"], &detail["code"]),
        (&"provisioning_blocked".into(), &"circuit_breaker".into())
    );
    let after: u64 = refused.header("retry-after").and_then(|after| after.parse().ok()).expect("Retry-After");
    assert!((1..=5).contains(&after), "{after}");
    assert_eq!(ground.names("acestream-"), Vec::<String>::new());

    let _tag = ground.tag(ENGINE_IMAGE, &image);
    let tagged = Instant::now();
    fleet.settles_at(2);
    println!("two engines {:?} after the image was there", tagged.elapsed());
    let provisioning = fleet.get("/orchestrator/status")["provisioning"].clone();
    assert_eq!(provisioning["circuit_breaker_state"], "closed");
    assert_eq!(provisioning["can_provision"], true);
    drop(fleet);
}

/// The engine as the API shows it.
fn shown(fleet: &Fleet, id: &str) -> Value {
    fleet.get(&format!("/engines/{id}"))["engine"].clone()
}

#[test]
fn the_cache_of_an_engine_is_measured_and_cleared_when_it_becomes_idle() {
    let ground = Ground::take();
    let version = format!("cache-{}", std::process::id());
    let _tag = ground.tag(ENGINE_WITH_SHELL, &format!("jopsis/acestream:{version}"));
    let fleet = Fleet::start(own_image(&ground, &version));
    let engine = fleet.settles_at(1).remove(0);
    let viewer = Viewer::watches(&ground, &engine, "cafe");
    let stream = viewer.announces(&fleet);
    let cache = || ground.docker(&["exec", &engine.name, "find", "/home", "-type", "f"]);
    assert!(!cache().is_empty(), "the engine keeps nothing");
    assert_eq!(shown(&fleet, &engine.id)["last_cache_cleanup"], Value::Null);
    drop(viewer);
    fleet.post("/events/stream_ended", &json!({ "stream_id": stream }));
    let told = eventually("the cache is cleared", SOON, || {
        let told = shown(&fleet, &engine.id);
        told["last_cache_cleanup"].is_string().then_some(told)
    });
    assert!(told["cache_size_bytes"].as_u64().is_some_and(|bytes| bytes >= 1 << 20), "{told}");
    assert_eq!(cache(), "");
    drop(fleet);
}

#[test]
fn the_cache_of_engines_whose_image_has_no_shell_costs_one_note() {
    let ground = Ground::take();
    ground.run_vpn("gluetun1", &vpn_env("40001"));
    let fleet = Fleet::start(Plan::behind(&ground, &["gluetun1"]).with("MIN_REPLICAS", "2"));
    let engines = fleet.settles_at(2);
    for (engine, key) in engines.iter().zip(["cafe", "beef"]) {
        let viewer = Viewer::watches(&ground, engine, key);
        let stream = viewer.announces(&fleet);
        drop(viewer);
        let ended = fleet.post("/events/stream_ended", &json!({ "stream_id": stream }));
        assert_eq!(ended.json()["updated"], true);
        eventually("the note is there", SOON, || (fleet.said("the cache of engine") == 1).then_some(()));
    }
    // Once both have been idle for a while, there is still one note, and both are offered.
    std::thread::sleep(std::time::Duration::from_secs(2));
    assert_eq!(fleet.said("the cache of engine"), 1);
    assert_eq!(shown(&fleet, &engines[0].id)["last_cache_cleanup"], Value::Null);
    fleet.settles_at(2);
}
