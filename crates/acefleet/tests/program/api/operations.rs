//! What people ask for: each is accepted with an operation that the journal follows, or refused with a
//! reason.

use super::fleet::{Fleet, Setup};
use hyper::Method;
use serde_json::json;

async fn fleet() -> Fleet {
    Setup::with_vpns(&[("gluetun", Some(40_001)), ("gluetun2", None)]).start().await
}

#[tokio::test]
async fn an_engine_is_drained_kept_and_replaced() {
    let fleet = fleet().await;
    for what in ["drain", "undrain", "replace"] {
        let got = fleet.post_nothing(&format!("/api/v1/engines/acestream-1/{what}")).await;
        assert_eq!(got.status, 202, "{what}: {}", got.text);
        let operation = got.json()["operation"].as_str().unwrap().to_owned();
        let journal = fleet.get("/journal?kind=requested").await.json();
        assert_eq!(journal[0]["operation"], operation.as_str(), "{what}");
    }
    let again = fleet.post_nothing("/api/v1/engines/acestream-1/drain").await;
    assert_eq!(again.status, 409);
    assert!(again.detail().starts_with("already_draining: "), "{}", again.text);
    for what in ["drain", "undrain", "replace"] {
        let got = fleet.post_nothing(&format!("/api/v1/engines/nobody/{what}")).await;
        assert_eq!(got.status, 404, "{what}");
        let got = fleet.post_nothing(&format!("/api/v1/engines/{}/{what}", "0".repeat(64))).await;
        assert_eq!(got.status, 404, "{what}");
        // Operations are new, so they are found under the prefix alone.
        assert_eq!(fleet.post_nothing(&format!("/engines/acestream-1/{what}")).await.status, 404, "{what}");
    }
}

#[tokio::test]
async fn a_stream_of_another_program_is_stopped_and_cannot_be_moved() {
    let fleet = fleet().await;
    fleet.announce(19_000, "of|a client").await;
    let moved = fleet.post_nothing("/api/v1/streams/of%7Ca%20client/move").await;
    assert_eq!(moved.status, 409);
    assert!(moved.detail().starts_with("not_ours: another program plays it"), "{}", moved.text);
    let got = fleet.post_nothing("/api/v1/streams/of%7Ca%20client/stop").await;
    assert_eq!(got.status, 202, "{}", got.text);
    let journal = fleet.get("/journal?kind=request_over").await.json();
    assert_eq!(journal[0]["operation"], got.json()["operation"]);
    fleet.outside(|host| assert_eq!(host.closed, ["/ace/cmd/2c3f1a/f00d"]));
    assert_eq!(fleet.get("/streams?status=started").await.text, "[]");
    assert_eq!(fleet.get("/streams?status=ended").await.json()[0]["id"], "of|a client");
    for what in ["stop", "move"] {
        let again = fleet.post_nothing(&format!("/api/v1/streams/of%7Ca%20client/{what}")).await;
        assert_eq!(again.status, 404, "{what}");
        let told = "there is no live stream 'of|a client'; GET /streams?status=started lists them";
        assert_eq!(again.detail(), told);
        assert_eq!(fleet.post_nothing(&format!("/streams/of%7Ca%20client/{what}")).await.status, 404);
    }
}

#[tokio::test]
async fn a_stream_of_the_proxy_is_moved_and_stopped() {
    let fleet = fleet().await;
    fleet.watches("news");
    let shown = fleet.get("/streams?status=started").await.json();
    let id = shown[0]["id"].as_str().unwrap().replace('|', "%7C");
    let (first, second) = (fleet.engine_id("acestream-1").await, fleet.engine_id("acestream-2").await);
    assert_eq!(shown[0]["container_id"], first.as_str());

    let moving = async |query: &str| fleet.post_nothing(&format!("/api/v1/streams/{id}/move{query}")).await;
    let there = moving("?engine=acestream-1").await;
    assert_eq!((there.status, there.detail().starts_with("already_there: ")), (409, true));
    let stranger = "0".repeat(64);
    for nobody in ["nobody", &stranger] {
        let got = moving(&format!("?engine={nobody}")).await;
        assert_eq!((got.status, got.detail().starts_with("there is no engine '")), (404, true), "{nobody}");
    }
    for (query, engine) in [("?engine=acestream-2", &second), ("", &first), ("?engine=", &second)] {
        let got = moving(query).await;
        assert_eq!(got.status, 202, "{query}: {}", got.text);
        let journal = fleet.get("/journal?kind=request_over").await.json();
        assert_eq!(journal[0]["operation"], got.json()["operation"]);
        let streams = fleet.get("/streams?status=started").await.json();
        assert_eq!(streams[0]["container_id"], engine.as_str(), "{query}");
    }
    let got = fleet.post_nothing(&format!("/api/v1/streams/{id}/stop")).await;
    assert_eq!(got.status, 202, "{}", got.text);
    assert_eq!(fleet.get("/streams?status=started").await.text, "[]");
    fleet.outside(|host| assert_eq!(host.closed.len(), 4));
}

#[tokio::test]
async fn a_vpn_is_bounced_restarted_and_drained() {
    for what in ["bounce", "restart", "drain"] {
        let fleet = fleet().await;
        let got = fleet.post_nothing(&format!("/api/v1/vpns/gluetun/{what}")).await;
        assert_eq!(got.status, 202, "{what}: {}", got.text);
        assert!(got.json()["operation"].is_string());
        let unknown = fleet.post_nothing(&format!("/api/v1/vpns/postgres/{what}")).await;
        assert_eq!(unknown.status, 404);
        assert_eq!(unknown.detail(), "there is no VPN 'postgres'; GET /vpn/status lists them");
    }
    let fleet = fleet().await;
    assert_eq!(fleet.post_nothing("/api/v1/vpns/gluetun/drain").await.status, 202);
    assert_eq!(fleet.post_nothing("/api/v1/vpns/gluetun2/drain").await.status, 409);
    assert_eq!(fleet.post_nothing("/api/v1/vpns/gluetun/undrain").await.status, 202);
    assert_eq!(fleet.post_nothing("/api/v1/vpns/gluetun/undrain").await.status, 409);
}

#[tokio::test]
async fn the_minimum_is_clamped_and_told() {
    let fleet = fleet().await;
    for (wanted, told) in [("3", 3), ("0", 0), ("-5", 0), ("1000", 4), ("99999999999999999999", 4)] {
        let got = fleet.post_nothing(&format!("/scale/{wanted}")).await;
        assert_eq!(got.json(), json!({"scaled_to": told}), "{wanted}");
        assert_eq!(fleet.get("/orchestrator/status").await.json()["capacity"]["min_replicas"], told);
    }
    assert_eq!(fleet.post_nothing("/scale/many").await.status, 422);
    assert_eq!(fleet.post_nothing("/scale/1.5").await.status, 422);
}

#[tokio::test]
async fn idle_engines_above_what_is_wanted_go_when_asked() {
    let fleet = fleet().await;
    fleet.post_nothing("/scale/3").await;
    // Nothing idles away while the VPN has only just started.
    fleet.pass(std::time::Duration::from_secs(180));
    fleet.post_nothing("/scale/1").await;
    let got = fleet.post_nothing("/gc").await;
    assert_eq!((got.status, &got.json()["status"]), (200, &json!("ok")));
    fleet.pass(std::time::Duration::from_secs(60));
    assert_eq!(fleet.get("/engines?all=true").await.json().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn only_what_is_ours_is_deleted() {
    let fleet = fleet().await;
    let id = fleet.engine_id("acestream-2").await;
    let got = fleet.send(Method::DELETE, &format!("/containers/{id}"), None, None).await;
    assert_eq!((got.status, &got.json()["deleted"]), (200, &json!(id)));
    assert!(got.json()["operation"].is_string());
    for nobody in ["gluetun", "postgres", &"0".repeat(64)] {
        let got = fleet.send(Method::DELETE, &format!("/containers/{nobody}"), None, None).await;
        assert_eq!(got.status, 404, "{nobody}");
    }
    let by_name = fleet.send(Method::DELETE, "/containers/acestream-1", None, None).await;
    assert_eq!(by_name.status, 200);
}

#[tokio::test]
async fn what_needs_docker_is_refused_while_it_hangs() {
    let fleet = fleet().await;
    fleet.outside(|host| host.docker_hangs = true);
    fleet.pass(std::time::Duration::from_secs(10));
    for path in ["/api/v1/engines/acestream-1/replace", "/api/v1/vpns/gluetun/restart"] {
        let got = fleet.post_nothing(path).await;
        assert_eq!(got.status, 503, "{path}: {}", got.text);
        assert!(got.detail().contains("Docker does not answer"));
    }
    assert_eq!(fleet.send(Method::DELETE, "/containers/acestream-1", None, None).await.status, 503);
}

#[tokio::test]
async fn what_is_ours_and_no_engine_is_shown_and_deleted_and_nothing_else() {
    let fleet = fleet().await;
    fleet.outside(|host| host.add_other("web"));
    fleet.pass(std::time::Duration::from_secs(20));
    let shown = fleet.get("/containers/web").await.json();
    assert_eq!((&shown["name"], &shown["labels"]["ondemand.app"]), (&json!("web"), &json!("myservice")));
    assert_eq!(
        fleet.get("/by-label?key=ondemand.app&value=myservice").await.json().as_array().unwrap().len(),
        3
    );
    assert_eq!(fleet.get("/engines?all=true").await.json().as_array().unwrap().len(), 2);
    let drain = fleet.post_nothing(&format!("/api/v1/engines/{}/drain", shown["id"].as_str().unwrap())).await;
    assert_eq!(drain.status, 409);
    assert!(drain.detail().starts_with("no_engine: "));
    let got = fleet.send(Method::DELETE, "/containers/web", None, None).await;
    assert_eq!((got.status, &got.json()["deleted"]), (200, &shown["id"]));
    fleet.pass(std::time::Duration::from_secs(20));
    assert_eq!(fleet.get("/containers/web").await.status, 404);
}
