//! Channels over stand-in engines on real sockets, with a core whose words are written down in the test.

mod segments;
mod stage;

use super::*;

use control::message::Obstacle;
use stage::{Remote, Stage, id, live};
use std::time::Duration;

#[tokio::test]
async fn a_viewer_is_sent_what_his_session_delivers_from_a_keyframe_on() {
    let stage = Stage::with_engines(1).await;
    let viewer = stage.joins(&id(1)).await;
    stage.plays(0, &id(1)).await;
    let mut viewer = live(viewer).await;
    viewer.watch_until_counted(500).await;
    let seen = viewer.seen();
    assert_eq!((seen.garbage, seen.continuity_errors, seen.missing), (0, 0, 0), "{seen:?}");
}

#[tokio::test]
async fn twenty_viewers_of_one_channel_are_shown_the_same_session() {
    let stage = Stage::with_engines(1).await;
    let mut viewers = Vec::new();
    for _ in 0..20 {
        viewers.push(stage.joins(&id(1)).await);
    }
    assert_eq!(stage.proxy.channels().len(), 1);
    stage.plays(0, &id(1)).await;
    for viewer in viewers {
        live(viewer).await.watch_until_counted(100).await;
    }
    assert_eq!(stage.engines[0].sessions().len(), 1);
}

#[tokio::test]
async fn a_channel_that_moves_goes_on_where_it_was() {
    let stage = Stage::with_engines(2).await;
    let viewer = stage.joins(&id(1)).await;
    let first = stage.plays(0, &id(1)).await;
    let mut viewer = live(viewer).await;
    viewer.watch_until_counted(300).await;
    let second = stage.plays(1, &id(1)).await;
    stage.until_told(Event::SessionSpoke(second)).await;
    stage.proxy.hear(1, Message::Release(first));
    viewer.watch_until_counted(1_500).await;
    let seen = viewer.seen();
    assert_eq!((seen.garbage, seen.continuity_errors, seen.missing), (0, 0, 0), "{seen:?}");
    assert_eq!(stage.proxy.channels()[0].moves, 1);
}

#[tokio::test]
async fn an_engine_that_dies_is_told_and_its_viewers_go_on_with_the_next_session() {
    let stage = Stage::with_engines(2).await;
    let viewer = stage.joins(&id(1)).await;
    let first = stage.plays(0, &id(1)).await;
    let mut viewer = live(viewer).await;
    viewer.watch_until_counted(300).await;
    stage.engines[0].faults().crash(1);
    stage.until_told(Event::SessionBroke(first)).await;
    stage.plays(1, &id(1)).await;
    viewer.watch_until_counted(1_500).await;
    let seen = viewer.seen();
    assert_eq!((seen.garbage, seen.continuity_errors), (0, 0), "{seen:?}");
    assert!(viewer.silence() < Duration::from_secs(4), "{:?}", viewer.silence());
}

#[tokio::test]
async fn while_there_is_nothing_a_viewer_is_sent_null_packets() {
    let stage = Stage::with_engines(1).await;
    let viewer = stage.joins(&id(1)).await;
    let mut viewer = live(viewer).await;
    let began = tokio::time::Instant::now();
    viewer.watch_packets(7 * 3).await;
    assert!(began.elapsed() >= Duration::from_millis(600));
    assert_eq!(viewer.seen().counted, 0);
}

#[tokio::test]
async fn an_engine_that_hangs_is_told_as_silent_and_not_waited_for_when_another_delivers() {
    let stage = Stage::with_engines(2).await;
    let viewer = stage.joins(&id(1)).await;
    let first = stage.plays(0, &id(1)).await;
    let mut viewer = live(viewer).await;
    viewer.watch_until_counted(300).await;
    stage.engines[0].faults().set(|faults| faults.hang = true);
    stage.until_told(Event::SessionSilent(first)).await;
    let second = stage.plays(1, &id(1)).await;
    stage.until_told(Event::SessionSpoke(second)).await;
    viewer.watch_until_counted(2_000).await;
    assert_eq!((viewer.seen().garbage, viewer.seen().continuity_errors), (0, 0), "{:?}", viewer.seen());
    assert!(viewer.silence() < Duration::from_secs(4), "{:?}", viewer.silence());
}

#[tokio::test]
async fn a_session_that_has_never_paused_is_told_as_silent_sooner_than_one_that_has() {
    let chosen = ProxySettings { stall: Duration::from_secs(4), ..ProxySettings::default() };
    let stage = Stage::choosing(1, chosen).await;
    let viewer = stage.joins(&id(1)).await;
    let session = stage.plays(0, &id(1)).await;
    let mut viewer = live(viewer).await;
    viewer.watch_until_counted(300).await;
    let mut waits = Vec::new();
    for _ in 0..2 {
        stage.forget();
        let began = tokio::time::Instant::now();
        stage.engines[0].faults().set(|faults| faults.stall = true);
        stage.until_told(Event::SessionSilent(session)).await;
        waits.push(began.elapsed());
        stage.engines[0].faults().clear();
        stage.until_told(Event::SessionSpoke(session)).await;
    }
    let all = Duration::from_millis(3_900);
    assert!(waits[0] < all && waits[1] >= all, "{waits:?}");
}

#[tokio::test]
async fn an_engine_that_sends_noise_is_told_as_silent() {
    let stage = Stage::with_engines(1).await;
    let viewer = stage.joins(&id(1)).await;
    let session = stage.plays(0, &id(1)).await;
    let mut viewer = live(viewer).await;
    viewer.watch_until_counted(300).await;
    stage.engines[0].faults().set(|faults| faults.garbage = true);
    stage.until_told(Event::SessionSilent(session)).await;
    stage.engines[0].faults().clear();
    viewer.watch_until_counted(300).await;
    assert_eq!((viewer.seen().garbage, viewer.seen().continuity_errors), (0, 0), "{:?}", viewer.seen());
}

#[tokio::test]
async fn a_source_that_stalls_and_goes_on_is_told_both_times() {
    let stage = Stage::with_engines(1).await;
    let viewer = stage.joins(&id(1)).await;
    let session = stage.plays(0, &id(1)).await;
    let mut viewer = live(viewer).await;
    viewer.watch_until_counted(300).await;
    stage.engines[0].faults().set(|faults| faults.stall = true);
    stage.until_told(Event::SessionSilent(session)).await;
    stage.forget();
    stage.engines[0].faults().clear();
    stage.until_told(Event::SessionSpoke(session)).await;
    viewer.watch_until_counted(300).await;
    assert_eq!((viewer.seen().continuity_errors, viewer.seen().missing), (0, 0), "{:?}", viewer.seen());
}

#[tokio::test]
async fn while_the_core_is_rebuilt_a_channel_goes_on_and_every_viewer_is_told_to_the_new_one() {
    let stage = Stage::with_engines(2).await;
    let viewer = stage.joins(&id(1)).await;
    let first = stage.plays(0, &id(1)).await;
    let mut viewer = live(viewer).await;
    stage.until_told(Event::SessionSpoke(first)).await;
    viewer.watch_until_counted(300).await;
    stage.forget();
    stage.proxy.begin(2);
    let came = Event::ViewerCame { viewer: ViewerId(1), content: id(1), sees: true };
    stage.until_told(came).await;
    // It has no session for him yet, and he does not notice.
    stage.routes(&id(1), 2, None);
    viewer.watch_until_counted(300).await;
    let second = stage.opens(1, &id(1), 2).await;
    stage.routes(&id(1), 2, Some(second));
    stage.until_told(Event::SessionSpoke(second)).await;
    viewer.watch_until_counted(1_500).await;
    let seen = viewer.seen();
    assert_eq!((seen.garbage, seen.continuity_errors, seen.missing), (0, 0, 0), "{seen:?}");
    // Nobody will ever release what the core before had opened.
    stage.until("the first engine is let go", |stage| stage.readers(0) == 0).await;
}

#[tokio::test]
async fn a_refusal_in_time_is_told_with_its_kind_and_a_late_one_breaks_the_connection() {
    let stage = Stage::with_engines(1).await;
    for (because, told) in [
        (Obstacle::CannotBePlayed, Because::CannotBePlayed),
        (Obstacle::NoAnswer, Because::Faulty),
        (Obstacle::NoSeat, Because::Unavailable),
        (Obstacle::TooManyViewers, Because::Unavailable),
        (Obstacle::Stopped, Because::Unavailable),
    ] {
        let viewer = stage.joins(&id(1)).await;
        stage.refuses(&id(1), because);
        let refusal = viewer.settle(None).await.expect_err("he is refused");
        assert_eq!((refusal.because, refusal.why.as_str()), (told, "for a reason"));
    }
    let viewer = stage.joins(&id(1)).await;
    let mut viewer = live(viewer).await;
    viewer.next().await.expect("null packets");
    stage.refuses(&id(1), Obstacle::NoSeat);
    assert_eq!(viewer.next().await, Err("for a reason".into()));
}

#[tokio::test]
async fn a_proxy_that_is_switched_off_or_being_stopped_lets_nobody_in() {
    let off = Stage::choosing(0, ProxySettings { enabled: false, ..ProxySettings::default() }).await;
    let refusal = off.proxy.join(&id(1), Connection::default()).expect_err("it is off");
    assert_eq!((refusal.because, refusal.why.contains("PROXY_ENABLED")), (Because::Unavailable, true));
    let stage = Stage::with_engines(1).await;
    let mut viewer = live(stage.joins(&id(1)).await).await;
    stage.proxy.end();
    while viewer.next().await.is_ok() {}
    let refusal = stage.proxy.join(&id(1), Connection::default()).expect_err("it is being stopped");
    assert_eq!(refusal.because, Because::Unavailable);
}

#[tokio::test]
async fn there_are_no_more_viewers_and_channels_than_chosen() {
    let chosen = ProxySettings { viewers_max: 3, channels_max: 2, ..ProxySettings::default() };
    let stage = Stage::choosing(0, chosen).await;
    let first = stage.joins(&id(1)).await;
    let _second = stage.joins(&id(2)).await;
    let refused = |content| stage.proxy.join(&content, Connection::default()).err().map(|it| it.why);
    assert!(refused(id(3)).is_some_and(|why| why.contains("PROXY_MAX_CHANNELS")));
    let _third = stage.joins(&id(2)).await;
    assert!(refused(id(1)).is_some_and(|why| why.contains("PROXY_MAX_VIEWERS")));
    drop(first);
    // Until the core knows that he has left he has a place there.
    assert!(refused(id(2)).is_some());
    stage.hear();
    assert_eq!(refused(id(2)), None);
}

#[tokio::test]
async fn channels_share_the_memory_that_there_is_and_no_more_are_let_in_than_it_has_room_for() {
    const MIB: usize = 1024 * 1024;
    let chosen = ProxySettings { memory_bytes: 9 * MIB, buffer_bytes: 6 * MIB, ..ProxySettings::default() };
    let stage = Stage::choosing(0, chosen).await;
    assert_eq!([1, 2].map(|channels| stage.proxy.room(channels)), [6 * MIB, 9 * MIB / 2]);
    let _watch = [stage.joins(&id(1)).await, stage.joins(&id(2)).await];
    let refusal = stage.proxy.join(&id(3), Connection::default()).expect_err("there is no room");
    assert_eq!(refusal.because, Because::Unavailable);
    assert!(refusal.why.contains("PROXY_MEMORY_MIB"), "{}", refusal.why);
}

#[tokio::test]
async fn a_channels_buffer_gives_up_what_others_need() {
    let chosen = ProxySettings { buffer_bytes: 8 << 20, memory_bytes: 9 << 20, ..ProxySettings::default() };
    let stage = Stage::with_rate(1, chosen, 80_000_000).await;
    let viewer = stage.joins(&id(1)).await;
    stage.plays(0, &id(1)).await;
    let mut viewer = live(viewer).await;
    let kept = || stage.proxy.channel(&id(1)).map(|view| view.buffer.1).unwrap_or_default();
    viewer.watch_until_counted(30_000).await;
    assert!(kept() > 5 << 20, "{}", kept());
    let _other = stage.joins(&id(2)).await;
    let gives_up = async {
        while kept() > 5 << 20 {
            viewer.next().await.expect("it goes on");
        }
    };
    tokio::time::timeout(Duration::from_secs(30), gives_up).await.expect("half of it is another's");
}

#[tokio::test]
async fn the_last_viewer_who_leaves_is_told_and_his_channel_closes_when_its_session_is_released() {
    let stage = Stage::with_engines(1).await;
    let viewer = stage.joins(&id(1)).await;
    let session = stage.plays(0, &id(1)).await;
    let mut viewer = live(viewer).await;
    viewer.watch_until_counted(100).await;
    drop(viewer);
    stage.until_told(Event::ViewerLeft(ViewerId(1))).await;
    assert_eq!(stage.proxy.channels().len(), 1, "he may be zapping back");
    stage.proxy.hear(1, Message::Release(session));
    stage.until("the channel closes", |stage| stage.proxy.channels().is_empty()).await;
    stage.until("the engine is let go", |stage| stage.readers(0) == 0).await;
}

#[tokio::test]
async fn who_comes_back_while_a_channel_lingers_is_shown_it_at_once() {
    let stage = Stage::with_engines(1).await;
    let viewer = stage.joins(&id(1)).await;
    stage.plays(0, &id(1)).await;
    live(viewer).await.watch_until_counted(100).await;
    let began = tokio::time::Instant::now();
    let mut viewer = live(stage.joins(&id(1)).await).await;
    viewer.watch_until_counted(10).await;
    assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
    assert_eq!((stage.proxy.channels().len(), stage.engines[0].sessions().len()), (1, 1));
}

#[tokio::test]
async fn one_content_by_two_names_is_one_channel_once_its_infohash_is_known() {
    let stage = Stage::with_engines(1).await;
    let _first = stage.joins(&id(1)).await;
    stage.plays(0, &id(1)).await;
    let hash = stage.engines[0].sessions()[0].infohash.as_str().into();
    let by_hash = Content { kind: control::command::KeyType::Infohash, key: hash };
    let mut second = live(stage.joins(&by_hash).await).await;
    second.watch_until_counted(100).await;
    assert_eq!(stage.proxy.channels().len(), 1);
    // The core knows the channel by one name.
    stage.until_told(Event::ViewerCame { viewer: ViewerId(2), content: id(1), sees: false }).await;
}

#[tokio::test]
async fn a_channel_that_breaks_takes_only_its_own_viewers_with_it() {
    let stage = Stage::with_engines(1).await;
    let unlucky = live(stage.joins(&id(1)).await).await;
    let lucky = stage.joins(&id(2)).await;
    stage.plays(0, &id(2)).await;
    let mut lucky = live(lucky).await;
    let channel = stage.proxy.book().find(&id(1)).expect("it is watched");
    channel.break_down();
    stage.until_told(Event::ViewerLeft(ViewerId(1))).await;
    let mut unlucky = unlucky;
    let ended = async { while unlucky.next().await.is_ok() {} };
    tokio::time::timeout(Duration::from_secs(10), ended).await.expect("his connection breaks");
    lucky.watch_until_counted(100).await;
    // Who comes again is served.
    let again = stage.joins(&id(1)).await;
    stage.plays(0, &id(1)).await;
    live(again).await.watch_until_counted(100).await;
}

#[tokio::test]
async fn who_reads_too_slowly_goes_on_at_a_keyframe_and_others_notice_nothing() {
    let chosen = ProxySettings {
        buffer: Duration::from_secs(2),
        behind: Duration::ZERO,
        buffer_bytes: 2 << 20,
        ..ProxySettings::default()
    };
    let stage = Stage::choosing(1, chosen).await;
    let (slow, quick) = (stage.joins(&id(1)).await, stage.joins(&id(1)).await);
    stage.plays(0, &id(1)).await;
    let (mut slow, mut quick) = (live(slow).await, live(quick).await);
    slow.watch_until_counted(10).await;
    let until = tokio::time::Instant::now() + Duration::from_secs(5);
    while tokio::time::Instant::now() < until {
        quick.watch_until_counted(100).await;
    }
    slow.watch_until_counted(1_000).await;
    assert_eq!(slow.seen().continuity_errors, 0, "{:?}", slow.seen());
    assert!(slow.seen().missing > 0 && slow.seen().discontinuities > 0, "{:?}", slow.seen());
    assert_eq!((quick.seen().continuity_errors, quick.seen().missing), (0, 0), "{:?}", quick.seen());
    let view = stage.proxy.channel(&id(1)).expect("it is watched");
    assert_eq!(view.viewers.iter().map(|viewer| viewer.skips > 0).collect::<Vec<_>>(), [true, false]);
}

/// Whoever is written to by the channel and by the server in turn.
async fn is_sent_the_same(version: &str) {
    let stage = Stage::with_engines(2).await;
    let mut viewers = Vec::new();
    for _ in 0..3 {
        viewers.push(Remote::comes(&stage, &id(1), version).await);
    }
    let first = stage.plays(0, &id(1)).await;
    for viewer in &mut viewers {
        viewer.head().await;
        viewer.watch_until_counted(500).await;
    }
    let second = stage.plays(1, &id(1)).await;
    stage.until_told(Event::SessionSpoke(second)).await;
    stage.proxy.hear(1, Message::Release(first));
    for viewer in &mut viewers {
        viewer.watch_until_counted(1_500).await;
        let seen = viewer.seen();
        assert_eq!((seen.garbage, seen.continuity_errors, seen.missing), (0, 0, 0), "{seen:?}");
    }
    drop(viewers);
    stage
        .until("all have left", |stage| {
            stage.hear();
            stage.proxy.channels().iter().all(|channel| channel.viewers.is_empty())
        })
        .await;
}

#[tokio::test]
async fn a_viewer_over_a_connection_with_chunks_is_sent_whole_ones() {
    is_sent_the_same("HTTP/1.1").await;
}

#[tokio::test]
async fn a_viewer_over_a_connection_without_chunks_is_sent_nothing_else() {
    is_sent_the_same("HTTP/1.0").await;
}

#[tokio::test]
async fn who_pauses_until_his_socket_is_full_goes_on_at_a_picture_with_whole_chunks() {
    let chosen = ProxySettings {
        buffer: Duration::from_secs(1),
        behind: Duration::ZERO,
        buffer_bytes: 1 << 20,
        ..ProxySettings::default()
    };
    let stage = Stage::choosing(1, chosen).await;
    let mut viewer = Remote::comes(&stage, &id(1), "HTTP/1.1").await;
    stage.plays(0, &id(1)).await;
    viewer.head().await;
    for _ in 0..2 {
        viewer.watch_until_counted(500).await;
        // He misses what is not kept for so long.
        tokio::time::sleep(Duration::from_secs(4)).await;
    }
    viewer.watch_until_counted(1_000).await;
    let seen = viewer.seen();
    assert_eq!((seen.garbage, seen.continuity_errors), (0, 0), "{seen:?}");
    assert!(seen.gaps >= 2 && seen.discontinuities > 0, "{seen:?}");
}

#[tokio::test]
async fn who_takes_nothing_for_too_long_is_cut() {
    let chosen = ProxySettings { no_progress: Duration::from_secs(1), ..ProxySettings::default() };
    let stage = Stage::choosing(1, chosen).await;
    let connection = Connection::default();
    let joined = stage.proxy.join(&id(1), connection.clone()).expect("there is room");
    stage.hear();
    stage.plays(0, &id(1)).await;
    let mut viewer = live(joined).await;
    viewer.watch_until_counted(10).await;
    tokio::time::timeout(Duration::from_secs(10), connection.cut.cancelled()).await.expect("he is cut");
    assert!(viewer.next().await.is_err());
    assert_eq!(stage.proxy.channel(&id(1)).map(|view| view.cuts), Some(1));
}

/// A content that is not live.
fn film() -> Content {
    Content { key: format!("f11e{:036x}", 1).into(), ..id(1) }
}

#[tokio::test]
async fn a_file_of_packets_that_is_opened_late_follows_the_null_packets() {
    let stage = Stage::with_engines(1).await;
    let mut viewer = live(stage.joins(&film()).await).await;
    viewer.next().await.expect("null packets");
    stage.plays(0, &film()).await;
    while viewer.seen().counted < 100 {
        viewer.piece().await.expect("it goes on");
    }
    assert_eq!((viewer.seen().garbage, viewer.seen().missing), (0, 0), "{:?}", viewer.seen());
}

#[tokio::test]
async fn a_file_of_another_kind_that_is_opened_late_breaks_the_connection_and_is_whole_when_asked_for_again()
{
    let stage = Stage::with_engines(1).await;
    stage.engines[0].faults().set(|faults| faults.garbage = true);
    let mut viewer = live(stage.joins(&film()).await).await;
    viewer.next().await.expect("null packets");
    let session = stage.plays(0, &film()).await;
    let broken = loop {
        if let Err(broken) = viewer.next().await {
            break broken;
        }
    };
    assert_eq!(broken, session::Broken::NoPackets.to_string());
    assert_eq!(viewer.seen().garbage, 0);
    drop(viewer);
    assert!(!stage.was_told(&Event::SessionBroke(session)), "the session is not to blame");
    let again = stage.joins(&film()).await;
    stage.routes(&film(), 1, Some(session));
    let Showing::File(again) = again.settle(None).await.expect("it is served") else { panic!("a file") };
    assert_eq!(again.status, 200);
    assert!(again.headers.iter().any(|(name, _)| name == "content-length"));
}

#[tokio::test]
async fn who_wants_to_go_on_in_the_middle_is_not_sent_null_packets_while_the_file_is_opened() {
    let chosen = ProxySettings { commit: Duration::ZERO, ..ProxySettings::default() };
    let stage = Stage::choosing(1, chosen).await;
    let part = stage.joins(&film()).await;
    let range = hyper::header::HeaderValue::from_static("bytes=1000-1999");
    let opened = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        stage.plays(0, &film()).await;
    };
    let (part, ()) = tokio::join!(part.settle(Some(range)), opened);
    let Showing::File(part) = part.expect("it is served") else { panic!("a file") };
    assert_eq!(part.status, 206);
}

#[tokio::test]
async fn a_file_is_read_by_each_viewer_with_the_ranges_that_he_wants() {
    let stage = Stage::with_engines(1).await;
    let film = film();
    let whole = stage.joins(&film).await;
    let session = stage.plays(0, &film).await;
    let Showing::File(whole) = whole.settle(None).await.expect("it is served") else { panic!("a file") };
    assert_eq!(whole.status, 200);
    stage.until_told(Event::SessionSpoke(session)).await;
    let part = stage.joins(&film).await;
    stage.routes(&film, 1, Some(session));
    let range = hyper::header::HeaderValue::from_static("bytes=1000-1999");
    let Showing::File(part) = part.settle(Some(range)).await.expect("it is served") else { panic!("a file") };
    assert_eq!(part.status, 206);
    assert!(part.headers.iter().any(|(name, value)| name == "content-length" && value == "1000"));
    let bytes = http_body_util::BodyExt::collect(part).await.expect("it has an end").to_bytes();
    assert_eq!(bytes.len(), 1_000);
    drop(whole);
    assert_eq!(stage.engines[0].sessions().len(), 1);
}

#[tokio::test]
async fn a_file_that_has_moved_is_told_as_played_there_when_nobody_reads_the_one_before() {
    let stage = Stage::with_engines(2).await;
    let film = film();
    let (first, second) = (stage.joins(&film).await, stage.joins(&film).await);
    stage.plays(0, &film).await;
    let first = first.settle(None).await.expect("it is served");
    // He has not begun to read, and will read what there is then.
    stage.until("the file is seen", |stage| stage.proxy.channels()[0].phase == Phase::File).await;
    let moved = stage.plays(1, &film).await;
    let spoke = Event::SessionSpoke(moved);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!stage.was_told(&spoke), "somebody reads the one before");
    drop(first);
    stage.until_told(spoke).await;
    drop(second);
}

#[tokio::test]
async fn who_is_refused_is_counted_once_whenever_that_is() {
    let stage = Stage::with_engines(0).await;
    let early = stage.joins(&id(1)).await;
    stage.refuses(&id(1), Obstacle::NoSeat);
    assert!(early.settle(None).await.is_err());
    let mut late = live(stage.joins(&id(1)).await).await;
    stage.refuses(&id(1), Obstacle::NoSeat);
    while late.next().await.is_ok() {}
    assert_eq!(stage.proxy.meters.refusals("unavailable"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn how_many_watch_is_told_without_touching_what_they_watch() {
    let stage = Stage::with_engines(0).await;
    let _viewers = [stage.joins(&id(1)).await, stage.joins(&id(1)).await];
    let channel = stage.proxy.book().find(&id(1)).expect("it is watched");
    let proxy = stage.proxy.clone();
    let ring = channel.tape().ring();
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || tell.send((proxy.count(), proxy.glance(&id(1)))));
    let told = told.recv_timeout(Duration::from_secs(10));
    drop(ring);
    assert_eq!(told, Ok((1, Some((2, None)))));
}

#[tokio::test]
async fn a_file_whose_engine_is_gone_is_told_as_broken() {
    let stage = Stage::with_engines(1).await;
    let film = film();
    let viewer = stage.joins(&film).await;
    let session = stage.plays(0, &film).await;
    stage.engines[0].faults().crash(1);
    stage.until("the engine has ended", |stage| stage.engines[0].sessions().is_empty()).await;
    let refusal = viewer.settle(None).await.expect_err("nobody delivers it");
    assert_eq!(refusal.because, Because::Faulty);
    stage.until_told(Event::SessionBroke(session)).await;
}
