//! Programs that use the fleet, with the habits that they have.

use crate::fleet::{Fleet, Listed, Plan, SOON};
use crate::fleets::two_vpns;
use crate::ground::{Ground, eventually};
use crate::viewer::Viewer;
use crate::web::{self, Answer};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Clients give up after so long.
const CLIENTS_PATIENCE: Duration = Duration::from_secs(3);

fn three_engines(ground: &Ground) -> (Fleet, Vec<Listed>) {
    two_vpns(ground);
    let plan = Plan::behind(ground, &["gluetun1", "gluetun2"]).with("MIN_REPLICAS", "3");
    let fleet = Fleet::start(plan);
    let engines = fleet.settles_at(3);
    (fleet, engines)
}

/// Asks for an engine as acexy does, and insists on being answered in time.
fn provision(fleet: &Fleet) -> Answer {
    let asked = Instant::now();
    let answer = fleet.post("/provision/acestream", &json!({ "labels": {}, "env": {} }));
    println!("provisioning was answered with {} after {:?}", answer.status, asked.elapsed());
    assert!(asked.elapsed() < CLIENTS_PATIENCE);
    answer
}

#[test]
fn an_engine_that_is_provisioned_answers_where_the_client_is_told_within_its_patience() {
    let ground = Ground::take();
    let (fleet, before) = three_engines(&ground);
    let answer = provision(&fleet);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let told = answer.json();
    let id = told["container_id"].as_str().expect("an id");
    assert!(before.iter().all(|engine| engine.id != id), "it is a new one");
    let container = ground.inspect(id).expect("it exists");
    assert_eq!(container["State"]["Running"], true);
    assert_eq!(container["Name"], format!("/{}", told["container_name"].as_str().expect("a name")));
    assert_eq!(told["host_http_port"], told["container_http_port"]);
    let engines = fleet.settles_at(4);
    let engine = engines.iter().find(|engine| engine.id == id).expect("it is offered");
    assert_eq!(told["host_http_port"], engine.port);

    // acexy calls it localhost, and means the engine that has this port.
    let viewer = Viewer::watches(&ground, engine, "cafe");
    for host in ["localhost", "192.0.2.7"] {
        let mut beginning = viewer.beginning(host);
        beginning["container_id"] = "acexy-1".into();
        let stream = fleet.post("/events/stream_started", &beginning);
        assert_eq!(stream.status, 200, "{}", stream.text());
        assert_eq!(stream.json()["container_id"], id, "{}", stream.text());
    }
    let listed = fleet.get(&format!("/streams?container_id={id}&status=started"));
    assert_eq!(listed.as_array().map(Vec::len), Some(1), "{listed}");
    eventually("the engine is asked how the stream is", SOON, || {
        let stream = fleet.get(&format!("/streams?container_id={id}&status=started"))[0].clone();
        (stream["peers"].as_u64() > Some(0) && stream["downloaded"].as_u64() > Some(0)).then_some(())
    });
    let elsewhere = {
        let mut b = viewer.beginning("localhost");
        b["engine"]["port"] = 1.into();
        b
    };
    assert_eq!(fleet.post("/events/stream_started", &elsewhere).status, 404);
}

#[test]
fn a_client_that_gave_up_while_docker_was_slow_gets_that_very_engine_when_it_asks_again() {
    let ground = Ground::take();
    let (fleet, before) = three_engines(&ground);
    ground.freeze();
    let frozen = Instant::now();
    let refused = provision(&fleet);
    assert_eq!(refused.status, 503, "{}", refused.text());
    let detail = refused.json()["detail"].clone();
    assert!(detail["should_wait"] == true && detail["recovery_eta_seconds"].is_u64(), "{detail}");
    std::thread::sleep(Duration::from_secs(4).saturating_sub(frozen.elapsed()));
    ground.thaw();
    let answer = eventually("it is given an engine", SOON, || {
        let answer = provision(&fleet);
        (answer.status == 200).then(|| answer.json())
    });
    println!("an engine {:?} after the freeze began", frozen.elapsed());
    let engines = fleet.settles_at(4);
    assert!(engines.iter().any(|engine| answer["container_id"] == engine.id), "{answer} in {engines:?}");
    assert_eq!(ground.names("acestream-").len(), before.len() + 1, "an orphan is left");
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(ground.names("acestream-").len(), before.len() + 1, "an orphan came later");
}

#[test]
fn a_stream_that_ends_before_it_begins_or_twice_is_over() {
    let ground = Ground::take();
    let (fleet, engines) = three_engines(&ground);
    let viewer = Viewer::watches(&ground, &engines[0], "cafe");
    let ended = |body: Value| fleet.post("/events/stream_ended", &body).json();
    let mut beginning = viewer.beginning("localhost");
    beginning["labels"] = json!({ "stream_id": "early" });

    assert_eq!(ended(json!({ "stream_id": "early" })), json!({ "updated": false, "stream": null }));
    assert_eq!(fleet.post("/events/stream_started", &beginning).status, 200);
    assert_eq!(fleet.get("/streams?status=started"), json!([]));

    let stream = viewer.announces(&fleet);
    assert_eq!(fleet.get("/streams?status=started").as_array().map(Vec::len), Some(1));
    let first = ended(json!({ "stream_id": stream, "reason": "the viewer left" }));
    assert_eq!((&first["updated"], &first["stream"]["status"]), (&true.into(), &"ended".into()));
    assert_eq!(ended(json!({ "stream_id": stream }))["updated"], false);
    assert_eq!(ended(json!({}))["updated"], false);
    assert_eq!(fleet.get("/streams?status=started"), json!([]));

    // By its engine alone: whichever began last there.
    let another = Viewer::watches(&ground, &engines[0], "beef");
    let again = another.announces(&fleet);
    let by_engine = ended(json!({ "container_id": engines[0].id }));
    assert_eq!((&by_engine["updated"], &by_engine["stream"]["id"]), (&true.into(), &again.into()));
}

#[test]
fn what_hostile_clients_send_is_refused_or_shown_as_it_is_and_harms_nobody() {
    let ground = Ground::take();
    let (fleet, engines) = three_engines(&ground);
    let viewer = Viewer::watches(&ground, &engines[0], "cafe");
    let long = "x".repeat(10 << 10);
    let hostile = [
        "\"; DROP TABLE streams; --",
        "line\r\nX-Injected: yes\nanother",
        "<script>alert(1)</script>",
        "\u{1b}[31m\u{0}\u{202e}",
        "../../../etc/passwd",
        "%2e%2e%2f%00",
        "{\"a\":[",
        long.as_str(),
    ];
    for words in hostile {
        let shown = words.escape_debug().to_string().chars().take(40).collect::<String>();
        let tried = |what: &str, answer: Answer| {
            println!("{what} with {shown}: {}", answer.status);
            assert!(answer.status < 500, "{what} with {shown}: {}", answer.text());
            assert!(!answer.head.contains("X-Injected"), "{}", answer.head);
            drop(answer.json());
        };
        let mut beginning = viewer.beginning(words);
        for url in ["stat_url", "command_url"] {
            beginning["session"][url] = viewer.beginning("localhost")["session"][url].clone();
        }
        beginning["container_id"] = words.into();
        beginning["labels"] = json!({ "stream_id": words, words: words });
        tried("stream_started", fleet.post("/events/stream_started", &beginning));
        beginning["stream"]["key"] = words.into();
        beginning["labels"] = json!({});
        tried("stream_started by key", fleet.post("/events/stream_started", &beginning));
        for url in ["stat_url", "command_url"] {
            let mut beginning = viewer.beginning("localhost");
            beginning["session"][url] = words.into();
            tried(url, fleet.post("/events/stream_started", &beginning));
        }
        let ending = json!({ "container_id": words, "stream_id": words, "reason": words });
        tried("stream_ended", fleet.post("/events/stream_ended", &ending));
        let reserved = json!({ "labels": { "acestream.http_port": words } });
        let refused = fleet.post("/provision/acestream", &reserved);
        assert_eq!(refused.status, 422, "{}", refused.text());
    }
    // Another engine's session cannot be claimed, nor anything but sessions be asked for.
    let mut beginning = viewer.beginning("localhost");
    beginning["session"]["stat_url"] = format!("http://localhost:{}/webui/api", engines[0].port).into();
    assert_eq!(fleet.post("/events/stream_started", &beginning).status, 422);
    beginning["session"]["stat_url"] = format!("http://localhost:{}/ace/stat/a/b", engines[1].port).into();
    assert_eq!(fleet.post("/events/stream_started", &beginning).status, 422);

    for path in ["/engines", "/streams", "/orchestrator/status", "/journal?limit=1000", "/vpn/status"] {
        drop(fleet.get(path));
    }
    let metrics = web::get(fleet.at(), "/metrics");
    assert_eq!(metrics.status, 200);
    assert!(!metrics.text().contains("<script>"), "{}", metrics.text());
    // One event is one line, whatever is in it.
    assert!(fleet.log().lines().all(|line| !line.starts_with("X-Injected")), "{}", fleet.log());
    assert!(
        !fleet.log().contains('\u{1b}') && !fleet.log().contains('\u{202e}'),
        "controls reach the terminal"
    );
    assert_eq!(fleet.settles_at(3), engines);
}

#[test]
fn labels_and_environment_of_a_client_reach_the_engine_as_they_are() {
    let ground = Ground::take();
    let (fleet, _) = three_engines(&ground);
    let odd = "a \"quoted\" 'value'\nwith <b>lines</b> & $HOME `id`";
    let asked = json!({ "labels": { "who": odd }, "env": { "ODD": odd } });
    let answer = fleet.post("/provision/acestream", &asked);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let id = answer.json()["container_id"].as_str().expect("an id").to_string();
    let told = ground.inspect(&id).expect("it exists");
    assert_eq!(told["Config"]["Labels"]["who"], odd);
    let env = told["Config"]["Env"].as_array().expect("an environment");
    assert!(env.contains(&format!("ODD={odd}").into()), "{env:?}");
    fleet.settles_at(4);
    let deleted = fleet.delete(&format!("/containers/{id}"));
    assert_eq!((deleted.status, &deleted.json()["deleted"]), (200, &id.as_str().into()));
    eventually("it is gone", SOON, || ground.inspect(&id).is_none().then_some(()));
}

#[test]
fn containers_of_others_cannot_be_seen_or_deleted() {
    let ground = Ground::take();
    ground.run_somebody("somebody", &[("a", "b")], &[]);
    let (fleet, _) = three_engines(&ground);
    let told = ground.inspect("somebody").expect("it exists");
    let id = told["Id"].as_str().expect("an id");
    for named in [id, &id[..12], "somebody", "nobody", "..%2f..%2fimages"] {
        let refused = fleet.delete(&format!("/containers/{named}"));
        assert_eq!(refused.status, 404, "{named}: {}", refused.text());
        assert!(refused.json()["detail"].is_string(), "{}", refused.text());
        let hidden = web::get(fleet.at(), &format!("/containers/{named}"));
        assert_eq!(hidden.status, 404, "{named}: {}", hidden.text());
    }
    // A VPN's container is shown, and not for deleting either.
    let vpn = ground.inspect("gluetun1").expect("it exists");
    let vpn_id = vpn["Id"].as_str().expect("an id");
    assert_eq!(web::get(fleet.at(), &format!("/containers/{vpn_id}")).status, 200);
    assert_eq!(fleet.delete(&format!("/containers/{vpn_id}")).status, 404);
    assert_eq!(fleet.get("/by-label?key=a&value=b"), json!([]));
    for name in ["somebody", "gluetun1"] {
        assert_eq!(ground.inspect(name).expect("it exists")["State"]["Running"], true);
    }
}
