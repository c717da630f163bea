//! The engine's HTTP API: health, sessions and statistics.

use std::time::Duration;

use hyper::Method;
use serde_json::{Value, json};
use testbed::engine::{Engine, Ports, Tunnel};
use testbed::gluetun::{self, Gluetun, TunnelFault};
use testbed::web::ask;
use tokio::sync::watch;

use crate::tools::*;

const CONNECTED: &str = "/server/api?api_version=3&method=get_network_connection_status";

#[tokio::test]
async fn an_engine_says_that_it_is_well() {
    let engine = engine(quick()).await;
    let reply = get(engine.address(), "/server/api?api_version=3&method=get_status").await;
    assert_eq!(reply.status, 200);
    assert!(reply.json()["result"].is_object());
}

#[tokio::test]
async fn an_engine_tells_its_version() {
    let engine = engine(quick()).await;
    let result = &get(engine.address(), "/webui/api/service?method=get_version").await.json()["result"];
    assert!(
        result["version"].is_string() && result["code"].is_u64() && result["platform"] == "linux",
        "{result}"
    );
}

#[tokio::test]
async fn the_network_is_connected_exactly_while_the_tunnel_is_up() {
    let tunnel = watch::Sender::new(true);
    let mut settings = quick();
    settings.tunnel = Tunnel::Shared(tunnel.subscribe());
    let engine = engine(settings).await;
    assert_eq!(get(engine.address(), CONNECTED).await.json()["result"], json!({ "connected": true }));
    tunnel.send_replace(false);
    assert_eq!(get(engine.address(), CONNECTED).await.json()["result"], json!({ "connected": false }));
}

#[tokio::test]
async fn an_engine_in_a_network_of_its_own_asks_whoever_has_the_tunnel() {
    let mut settings = gluetun::Settings::new(anywhere());
    settings.private = Some(anywhere());
    settings.starting = Duration::ZERO;
    let gluetun = Gluetun::start(settings).await.expect("a Gluetun starts");
    let address = gluetun.private().expect("a private port");
    let mut settings = quick();
    settings.tunnel = Tunnel::Asked { address, otherwise: true };
    let engine = engine(settings).await;
    let connected = async || get(engine.address(), CONNECTED).await.json()["result"]["connected"] == true;
    until("the tunnel is up", connected).await;
    gluetun.faults().tunnel(TunnelFault::Cut);
    assert!(!connected().await);
    drop(gluetun);
    until("nobody answers, so it is taken for granted", connected).await;
}

#[tokio::test]
async fn a_second_engine_on_a_port_does_not_start_and_says_which_port_it_was() {
    let first = engine(quick()).await;
    let mut settings = quick();
    settings.listen = first.address();
    let why = Engine::start(settings).await.expect_err("the port is taken").to_string();
    assert!(why.contains(&first.address().to_string()), "{why}");
}

#[tokio::test]
async fn a_dropped_engine_is_gone_and_its_port_is_free() {
    let first = engine(quick()).await;
    let address = first.address();
    get(address, CONNECTED).await;
    drop(first);
    until("the port is free", || async {
        let mut settings = quick();
        settings.listen = address;
        Engine::start(settings).await.is_ok()
    })
    .await;
}

#[test]
fn each_family_of_images_tells_ports_in_its_own_way() {
    let ports = |http, https, p2p| Ok(Ports { http, https, p2p });
    let none = |_: &str| None;
    assert_eq!(Ports::read(&[], none), ports(6878, 6879, 8621));
    let conf = |name: &str| match name {
        "CONF" => Some("--http-port=19001\n--https-port=45001\n--bind-all".to_owned()),
        "P2P_PORT" => Some("5001".to_owned()),
        "HTTP_PORT" => Some("1".to_owned()),
        _ => None,
    };
    assert_eq!(Ports::read(&[], conf), ports(19001, 45001, 5001));
    let variables = |name: &str| (name == "HTTP_PORT").then(|| "19002".to_owned());
    assert_eq!(Ports::read(&[], variables), ports(19002, 6879, 8621));
    let jopsis = |name: &str| {
        let line = "--client-console --bind-all --http-port 19003 --https-port 45003 --port 5003";
        (name == "ACESTREAM_ARGS").then(|| line.to_owned())
    };
    assert_eq!(Ports::read(&[], jopsis), ports(19003, 45003, 5003));
    let command = "python main.py --bind-all --http-port 19004 --https-port 45004 --port 5004";
    let command: Vec<String> = command.split(' ').map(str::to_owned).collect();
    assert_eq!(Ports::read(&command, none), ports(19004, 45004, 5004));
    let wrong = |name: &str| (name == "CONF").then(|| "--http-port=many".to_owned());
    assert!(Ports::read(&[], wrong).expect_err("no number").contains("CONF"));
}

#[tokio::test]
async fn a_session_is_told_with_addresses_at_the_host_that_was_asked() {
    let engine = engine(quick()).await;
    let address = engine.address().to_string();
    let path = format!("/ace/getstream?id={CHANNEL}&format=json&pid=1");
    let reply = ask(Method::GET, &address, &path, &[("host", "vpn.example:19000")], "", SOON).await;
    let response = reply.expect("an answer").json()["response"].clone();
    for name in ["playback_url", "stat_url", "command_url", "event_url"] {
        let url = response[name].as_str().unwrap_or_default();
        assert!(url.starts_with("http://vpn.example:19000/ace/"), "{name}: {url}");
    }
    assert_eq!((&response["is_live"], &response["is_encrypted"]), (&json!(1), &json!(0)));
    assert!(response["infohash"].is_string() && response["playback_session_id"].is_string());
}

#[tokio::test]
async fn a_content_is_asked_for_in_five_ways() {
    let engine = engine(quick()).await;
    let address = engine.address();
    let by_id = open(address, &format!("content_id={CHANNEL}")).await;
    assert_eq!(open(address, &format!("id={CHANNEL}")).await["infohash"], by_id["infohash"]);
    assert_ne!(by_id["infohash"], CHANNEL, "a content id is no infohash");
    assert_eq!(open(address, &format!("infohash={CHANNEL}")).await["infohash"], CHANNEL);
    let magnet = format!("magnet=magnet%3A%3Fxt%3Durn%3Abtih%3A{CHANNEL}%26dn%3Dx");
    assert_eq!(open(address, &magnet).await["infohash"], CHANNEL);
    open(address, "url=http%3A%2F%2Fexample.org%2Fchannel.acelive").await;
    let reply = get(address, "/ace/getstream?format=json").await.json();
    assert_eq!(reply["response"], Value::Null);
    assert!(reply["error"].is_string());
}

#[tokio::test]
async fn without_json_a_request_is_sent_on_to_the_stream() {
    let engine = engine(quick()).await;
    let reply = get(engine.address(), &format!("/ace/getstream?id={CHANNEL}")).await;
    assert_eq!(reply.status, 302);
    let location = reply.headers["location"].to_str().expect("an address");
    assert!(location.starts_with(&format!("http://{}/ace/r/", engine.address())), "{location}");
}

#[tokio::test]
async fn an_unknown_session_is_told_as_unknown() {
    let engine = engine(quick()).await;
    for path in ["/ace/stat/x/y", "/ace/cmd/x/y?method=stop", "/ace/event/x/y"] {
        let expected = json!({ "response": null, "error": "unknown playback session id" });
        assert_eq!(get(engine.address(), path).await.json(), expected, "{path}");
    }
    assert_eq!(get(engine.address(), "/ace/r/x/y").await.status, 404);
}

#[tokio::test]
async fn a_stopped_session_ends_its_stream_and_is_unknown() {
    let engine = engine(quick()).await;
    let session = open(engine.address(), &format!("id={CHANNEL}")).await;
    let mut playback = Playback::begin(engine.address(), &path(&session["playback_url"])).await;
    playback.read(1).await;
    let stop = format!("{}?method=stop", path(&session["command_url"]));
    let expected = json!({ "response": "ok", "error": null });
    assert_eq!(get(engine.address(), &stop).await.json(), expected);
    tokio::time::timeout(SOON, async { while playback.piece().await.is_some() {} }).await.expect("an end");
    let stat = get(engine.address(), &path(&session["stat_url"])).await.json();
    assert_eq!(stat["error"], "unknown playback session id");
}

#[tokio::test]
async fn a_session_ends_some_time_after_its_reader_left() {
    let mut settings = quick();
    settings.patience.reader_left = Duration::from_millis(200);
    let engine = engine(settings).await;
    let session = open(engine.address(), &format!("id={CHANNEL}")).await;
    let mut playback = Playback::begin(engine.address(), &path(&session["playback_url"])).await;
    playback.read_for(Duration::from_millis(400)).await;
    assert_eq!(engine.sessions().first().map(|session| session.readers), Some(1), "it is being read");
    drop(playback);
    until("the session ends", async || engine.sessions().is_empty()).await;
}

#[tokio::test]
async fn a_session_that_nobody_reads_ends() {
    let mut settings = quick();
    settings.patience.never_read = Duration::from_millis(100);
    let engine = engine(settings).await;
    open(engine.address(), &format!("id={CHANNEL}")).await;
    assert_eq!(engine.sessions().len(), 1);
    until("the session ends", async || engine.sessions().is_empty()).await;
}

#[tokio::test]
async fn what_was_opened_and_what_somebody_stopped_is_counted_and_what_ended_by_itself_is_not_stopped() {
    let mut settings = quick();
    settings.patience.never_read = Duration::from_millis(100);
    let engine = engine(settings).await;
    let counts = async || {
        let told = get(engine.address(), "/standin/sessions").await.json();
        (told["opened"].as_u64(), told["stopped"].as_u64())
    };
    assert_eq!(counts().await, (Some(0), Some(0)));
    open(engine.address(), &format!("id={CHANNEL}")).await;
    until("the session ends by itself", async || engine.sessions().is_empty()).await;
    let session = open(engine.address(), &format!("id={CHANNEL}")).await;
    let stop = format!("{}?method=stop", path(&session["command_url"]));
    for _ in 0..2 {
        get(engine.address(), &stop).await;
    }
    assert_eq!(counts().await, (Some(2), Some(1)), "a session is stopped only once");
}

#[tokio::test]
async fn a_viewer_who_opens_again_has_only_the_new_session() {
    let engine = engine(quick()).await;
    let former = open(engine.address(), &format!("id={CHANNEL}&pid=1")).await;
    let mut playback = Playback::begin(engine.address(), &path(&former["playback_url"])).await;
    let other = open(engine.address(), &format!("id={CHANNEL}&pid=2")).await;
    let again = open(engine.address(), "id=another&pid=1").await;
    let mut known: Vec<Value> = engine.sessions().iter().map(|session| json!(session.id)).collect();
    let mut expected = vec![other["playback_session_id"].clone(), again["playback_session_id"].clone()];
    known.sort_by_key(Value::to_string);
    expected.sort_by_key(Value::to_string);
    assert_eq!(known, expected);
    tokio::time::timeout(SOON, async { while playback.piece().await.is_some() {} }).await.expect("an end");
}

#[tokio::test]
async fn statistics_say_that_a_channel_buffers_and_then_that_it_grows() {
    let mut settings = quick();
    settings.patience.prebuffer = Duration::from_millis(400);
    let engine = engine(settings).await;
    let session = open(engine.address(), &format!("id={CHANNEL}")).await;
    let stat = async || get(engine.address(), &path(&session["stat_url"])).await.json()["response"].clone();
    let first = stat().await;
    assert_eq!(first["status"], "prebuf");
    until("it plays", async || stat().await["status"] == "dl").await;
    let before = stat().await;
    until("it grows", async || stat().await["downloaded"].as_u64() > before["downloaded"].as_u64()).await;
    let now = stat().await;
    assert!(now["peers"].as_u64() > Some(0) && now["speed_down"].as_u64() > Some(0), "{now}");
    assert!(now["uploaded"].as_u64() > Some(0) && now["speed_up"].is_u64(), "{now}");
    for name in ["pos", "live_first", "live_last", "last_ts"] {
        assert!(!now["livepos"][name].is_null(), "{name} in {now}");
    }
}

#[tokio::test]
async fn some_versions_name_their_speeds_otherwise() {
    let mut settings = quick();
    settings.camel_speeds = true;
    let engine = engine(settings).await;
    let session = open(engine.address(), &format!("id={CHANNEL}")).await;
    let stat = get(engine.address(), &path(&session["stat_url"])).await.json()["response"].clone();
    assert!(stat["speedDown"].is_u64() && stat["speedUp"].is_u64() && stat["speed_down"].is_null(), "{stat}");
}

#[tokio::test]
async fn a_channel_that_is_offline_is_refused_or_hangs_or_buffers_for_ever_as_its_key_says() {
    let engine = engine(quick()).await;
    let address = engine.address();
    let refused = get(address, "/ace/getstream?id=dead00&format=json").await.json();
    assert!(refused["response"].is_null() && refused["error"].is_string(), "{refused}");
    assert!(hangs(address, "/ace/getstream?id=dead01&format=json").await);
    let session = open(address, "id=dead02").await;
    let mut playback = Playback::begin(address, &path(&session["playback_url"])).await;
    assert!(playback.read_for(NEVER).await.is_empty());
    let stat = get(address, &path(&session["stat_url"])).await.json()["response"].clone();
    assert_eq!((&stat["status"], &stat["peers"]), (&json!("prebuf"), &json!(0)));
}

#[tokio::test]
async fn a_content_behaves_the_same_by_its_infohash() {
    let engine = engine(quick()).await;
    let session = open(engine.address(), "id=dead02").await;
    let hash = session["infohash"].as_str().expect("an infohash");
    let again = open(engine.address(), &format!("infohash={hash}")).await;
    let stat = get(engine.address(), &path(&again["stat_url"])).await.json();
    assert_eq!((&stat["response"]["status"], hash.len()), (&json!("prebuf"), 40));
}

#[tokio::test]
async fn a_session_may_die_while_it_is_watched_as_its_key_says() {
    let mut settings = quick();
    settings.patience.dies = Duration::from_millis(300);
    let engine = engine(settings).await;
    let session = open(engine.address(), "id=DEAD03").await;
    let mut playback = Playback::begin(engine.address(), &path(&session["playback_url"])).await;
    playback.read(1).await;
    tokio::time::timeout(SOON, async { while playback.piece().await.is_some() {} }).await.expect("an end");
    assert_eq!(engine.sessions(), []);
}

#[tokio::test]
async fn a_content_leaves_something_in_the_cache_even_if_that_was_removed() {
    let folder = std::env::temp_dir().join(format!("standin-cache-{}", std::process::id()));
    let mut settings = quick();
    settings.cache = Some(folder.clone());
    let engine = engine(settings).await;
    for _ in 0..2 {
        let session = open(engine.address(), &format!("id={CHANNEL}")).await;
        let kept = folder.join(session["infohash"].as_str().expect("an infohash"));
        assert_eq!(std::fs::metadata(kept).expect("a file").len(), 1 << 20);
        std::fs::remove_dir_all(&folder).expect("the cache can be removed");
    }
}
