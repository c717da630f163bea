//! What can be wrong with an engine, set from outside or by its handle.

use std::time::Duration;

use serde_json::json;
use testbed::count::Counter;
use testbed::engine::Tunnel;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::tools::*;

const STATUS: &str = "/server/api?api_version=3&method=get_status";
const CONNECTED: &str = "/server/api?api_version=3&method=get_network_connection_status";

#[tokio::test]
async fn a_hung_engine_accepts_and_never_answers_until_it_is_cleared() {
    let engine = engine(quick()).await;
    fault(engine.address(), "faults?hang=true").await;
    assert!(hangs(engine.address(), STATUS).await);
    assert_eq!(get(engine.address(), "/standin/faults").await.json()["hang"], true);
    fault(engine.address(), "clear").await;
    assert!(!hangs(engine.address(), STATUS).await);
}

#[tokio::test]
async fn an_engine_that_refuses_comes_back_on_the_same_port() {
    let engine = engine(quick()).await;
    fault(engine.address(), "faults?refuse_ms=300").await;
    until("it refuses", async || TcpStream::connect(engine.address()).await.is_err()).await;
    until("it is back", async || TcpStream::connect(engine.address()).await.is_ok()).await;
    assert_eq!(get(engine.address(), STATUS).await.status, 200);
}

#[tokio::test]
async fn a_slow_engine_answers_late() {
    let engine = engine(quick()).await;
    fault(engine.address(), "faults?slow_ms=250").await;
    let asked = Instant::now();
    get(engine.address(), STATUS).await;
    assert!(asked.elapsed() >= Duration::from_millis(250));
}

#[tokio::test]
async fn what_is_said_of_the_network_can_be_a_lie() {
    let engine = engine(quick()).await;
    for (value, said) in [("false", false), ("true", true), ("false", false), ("truth", true)] {
        fault(engine.address(), &format!("faults?connected={value}")).await;
        let reply = get(engine.address(), CONNECTED).await.json();
        assert_eq!(reply["result"], json!({ "connected": said }), "{value}");
    }
}

#[tokio::test]
async fn a_crashed_engine_is_gone_and_tells_its_exit_code() {
    let mut engine = engine(quick()).await;
    let address = engine.address();
    engine.faults().crash(7);
    assert_eq!(tokio::time::timeout(SOON, engine.ended()).await.expect("an end"), 7);
    until("nobody listens", async || TcpStream::connect(address).await.is_err()).await;
}

#[tokio::test]
async fn sessions_that_die_end_their_streams_and_are_unknown() {
    let engine = engine(quick()).await;
    let session = open(engine.address(), &format!("id={CHANNEL}")).await;
    let mut playback = Playback::begin(engine.address(), &path(&session["playback_url"])).await;
    playback.read(1).await;
    fault(engine.address(), "end_sessions").await;
    tokio::time::timeout(SOON, async { while playback.piece().await.is_some() {} }).await.expect("an end");
    let stat = get(engine.address(), &path(&session["stat_url"])).await.json();
    assert_eq!(stat["error"], "unknown playback session id");
}

#[tokio::test]
async fn a_stalled_stream_goes_on_where_it_was_without_a_gap() {
    let engine = engine(quick()).await;
    let session = open(engine.address(), &format!("id={CHANNEL}")).await;
    let mut playback = Playback::begin(engine.address(), &path(&session["playback_url"])).await;
    let mut counter = Counter::new();
    counter.feed(&playback.read(1_000_000).await);
    engine.faults().set(|faults| faults.stall = true);
    // What is under way still arrives; then nothing does.
    counter.feed(&playback.read_for(Duration::from_millis(300)).await);
    let before = get(engine.address(), &path(&session["stat_url"])).await.json()["response"].clone();
    assert!(playback.read_for(Duration::from_millis(300)).await.is_empty());
    let after = get(engine.address(), &path(&session["stat_url"])).await.json()["response"].clone();
    assert_eq!((&after["downloaded"], &after["speed_down"]), (&before["downloaded"], &json!(0)));
    engine.faults().clear();
    counter.feed(&playback.read(500_000).await);
    let seen = counter.seen();
    assert!(
        seen.counted > 1000 && (seen.gaps, seen.repeats, seen.continuity_errors) == (0, 0, 0),
        "{seen:?}"
    );
}

#[tokio::test]
async fn garbage_has_no_packets_in_it() {
    let engine = engine(quick()).await;
    engine.faults().set(|faults| faults.garbage = true);
    let session = open(engine.address(), &format!("id={CHANNEL}")).await;
    let mut playback = Playback::begin(engine.address(), &path(&session["playback_url"])).await;
    let mut counter = Counter::new();
    counter.feed(&playback.read(100_000).await);
    assert_eq!(counter.seen().packets, 0);
}

#[tokio::test]
async fn a_slow_stream_has_its_part_of_the_rate() {
    let mut settings = quick();
    settings.burst = Duration::ZERO;
    let engine = engine(settings).await;
    engine.faults().set(|faults| faults.rate_percent = 25);
    let session = open(engine.address(), &format!("id={CHANNEL}")).await;
    let mut playback = Playback::begin(engine.address(), &path(&session["playback_url"])).await;
    let bytes = playback.read_for(Duration::from_secs(1)).await.len();
    assert!((60_000..200_000).contains(&bytes), "a quarter of about 500 kB a second: {bytes}");
}

#[tokio::test]
async fn without_a_tunnel_streams_stop_and_no_content_is_found() {
    let tunnel = watch::Sender::new(true);
    let mut settings = quick();
    settings.tunnel = Tunnel::Shared(tunnel.subscribe());
    let engine = engine(settings).await;
    let session = open(engine.address(), &format!("id={CHANNEL}")).await;
    let mut playback = Playback::begin(engine.address(), &path(&session["playback_url"])).await;
    playback.read(1).await;
    tunnel.send_replace(false);
    let stat = async || get(engine.address(), &path(&session["stat_url"])).await.json()["response"].clone();
    until("peers are gone", async || stat().await["peers"] == 0).await;
    assert!(hangs(engine.address(), "/ace/getstream?id=another&format=json").await);
    playback.read_for(NEVER).await;
    assert!(playback.read_for(NEVER).await.is_empty());
    tunnel.send_replace(true);
    playback.read(100_000).await;
}

#[tokio::test]
async fn a_fault_that_is_not_there_is_refused_with_its_name() {
    let engine = engine(quick()).await;
    for wrong in ["faults?sleepy=true", "faults?hang=perhaps", "faults?rate_percent=0"] {
        let reply = send(hyper::Method::POST, engine.address(), &format!("/standin/{wrong}")).await;
        let name = wrong.trim_start_matches("faults?").split('=').next().unwrap_or_default();
        assert_eq!(reply.status, 400, "{wrong}");
        assert!(reply.json()["error"].as_str().is_some_and(|why| why.starts_with(name)), "{wrong}");
    }
}
