//! Streams over real sockets: when bytes come, and which.

use std::time::Duration;

use testbed::count::Counter;
use testbed::engine::Engine;
use testbed::stream::{Channel, DEFAULT_BITS_PER_S, PACKET};

use crate::tools::*;

async fn play(engine: &Engine) -> Playback {
    let session = open(engine.address(), &format!("infohash={CHANNEL}")).await;
    Playback::begin(engine.address(), &path(&session["playback_url"])).await
}

fn bytes_per_s() -> usize {
    Channel::new(CHANNEL, DEFAULT_BITS_PER_S).bytes_per_s() as usize
}

#[tokio::test]
async fn a_live_channel_comes_as_fast_as_it_plays() {
    let mut settings = quick();
    settings.burst = Duration::ZERO;
    let engine = engine(settings).await;
    let mut playback = play(&engine).await;
    assert_eq!(playback.answer.headers()["content-type"], "video/mp2t");
    let bytes = playback.read_for(Duration::from_secs(2)).await.len();
    let expected = 2 * bytes_per_s();
    assert!((expected * 3 / 4..expected * 5 / 4).contains(&bytes), "{bytes} of {expected}");
}

#[tokio::test]
async fn who_joins_gets_the_last_seconds_at_once() {
    let mut settings = quick();
    settings.burst = Duration::from_secs(20);
    let engine = engine(settings).await;
    let mut playback = play(&engine).await;
    let bytes = playback.read_for(Duration::from_secs(2)).await.len();
    assert!(bytes > 15 * bytes_per_s(), "{bytes}");
}

#[tokio::test]
async fn two_engines_deliver_the_same_bytes_for_the_same_position() {
    let (first, second) = (engine(quick()).await, engine(quick()).await);
    let mut early = play(&first).await;
    let mut one = early.read(bytes_per_s()).await;
    let mut late = play(&second).await;
    let other = late.read(bytes_per_s()).await;
    one.extend(early.read(4 * bytes_per_s()).await);
    let begins = one.chunks(PACKET).position(|packet| other.starts_with(packet));
    let at = begins.expect("what the one begins with is somewhere in the other") * PACKET;
    let common = other.len().min(one.len() - at);
    assert!(common > bytes_per_s() / 2, "{common}");
    assert!(one[at..at + common] == other[..common], "the same position has the same bytes");
}

#[tokio::test]
async fn who_joins_at_a_picture_gets_tables_first() {
    let mut settings = quick();
    settings.joins_at_picture = true;
    let engine = engine(settings).await;
    let bytes = play(&engine).await.read(3 * PACKET).await;
    assert_eq!((bytes[1] & 0x1f, bytes[2]), (0, 0), "the table of programs");
    // The random access indicator of the third packet.
    assert_eq!(bytes[2 * PACKET + 5] & 0x40, 0x40);
}

#[tokio::test]
async fn many_viewers_of_one_engine_each_get_an_unbroken_stream() {
    let engine = engine(quick()).await;
    let mut viewers = tokio::task::JoinSet::new();
    for number in 0..20 {
        let session = open(engine.address(), &format!("infohash={CHANNEL}&pid={number}")).await;
        let mut playback = Playback::begin(engine.address(), &path(&session["playback_url"])).await;
        viewers.spawn(async move {
            let mut counter = Counter::new();
            counter.feed(&playback.read_for(Duration::from_secs(1)).await);
            counter.seen().clone()
        });
    }
    while let Some(seen) = viewers.join_next().await {
        let seen = seen.expect("a viewer");
        assert!(
            seen.counted > 0 && (seen.gaps, seen.repeats, seen.continuity_errors) == (0, 0, 0),
            "{seen:?}"
        );
    }
}

#[tokio::test]
async fn a_file_has_ranges() {
    let engine = engine(quick()).await;
    let session = open(engine.address(), "id=f11e01").await;
    assert_eq!(session["is_live"], 0);
    let path = path(&session["playback_url"]);
    let mut from_start = Playback::begin(engine.address(), &path).await;
    let length: usize =
        from_start.answer.headers()["content-length"].to_str().unwrap_or("").parse().expect("a length");
    let start = from_start.read(10_000).await;
    let mut part = Playback::with_range(engine.address(), &path, Some("bytes=1000-4999")).await;
    assert_eq!(part.answer.status(), 206);
    assert_eq!(part.answer.headers()["content-range"], format!("bytes 1000-4999/{length}"));
    assert!(part.read_for(SOON).await == start[1000..5000]);
    let mut end = Playback::with_range(engine.address(), &path, Some("bytes=-300")).await;
    assert_eq!(end.read_for(SOON).await.len(), 300);
    let beyond = Playback::with_range(engine.address(), &path, Some(&format!("bytes={length}-"))).await;
    assert_eq!(beyond.answer.status(), 416);
}

#[tokio::test]
async fn a_playlist_has_parts_that_follow_each_other() {
    let engine = engine(quick()).await;
    let reply =
        get(engine.address(), &format!("/ace/manifest.m3u8?infohash={CHANNEL}&format=json")).await.json();
    let list = get(engine.address(), &path(&reply["response"]["playback_url"])).await;
    let list = String::from_utf8_lossy(&list.body).into_owned();
    assert!(list.starts_with("#EXTM3U\n"), "{list}");
    let mut counter = Counter::new();
    let parts: Vec<&str> = list.lines().filter(|line| !line.starts_with('#')).collect();
    for part in &parts {
        counter.feed(&get(engine.address(), &path(&serde_json::json!(part))).await.body);
    }
    let seen = counter.seen();
    assert!(parts.len() > 1 && seen.counted > 1000, "{list}");
    assert_eq!((seen.gaps, seen.repeats, seen.continuity_errors), (0, 0, 0), "{seen:?}");
}
