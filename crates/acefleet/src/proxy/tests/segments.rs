//! Viewers who fetch segments.

use super::super::channel::Channel;
use super::super::*;
use super::stage::{Stage, id};

use control::message::Obstacle;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::Instant;

fn quick() -> ProxySettings {
    ProxySettings {
        commit: Duration::from_millis(200),
        segment: Duration::from_secs(1),
        fetch_idle: Duration::from_secs(1),
        ..ProxySettings::default()
    }
}

#[tokio::test]
async fn who_fetches_segments_gets_whole_ones_and_has_left_when_he_fetches_no_more() {
    let stage = Stage::choosing(1, quick()).await;
    let channel = id(1);
    let (opened, ()) = tokio::join!(stage.proxy.open_playlist(&channel, Connection::default()), async {
        stage.until_told(Event::ViewerCame { viewer: ViewerId(1), content: id(1), sees: false }).await;
        stage.plays(0, &id(1)).await;
    });
    let token = opened.expect("there is room");
    let list = match stage.proxy.playlist(&token).await {
        Some(Ok(Listing::Live(list))) => list,
        other => panic!("no playlist: {other:?}"),
    };
    assert!(list.contains("#EXTINF:1.") && list.contains("\n0.ts\n"), "{list}");
    let segment = stage.proxy.segment(&token, 0).expect("it is kept").concat();
    // Tables first: the programme association has PID 0.
    assert_eq!((segment.len() % 188, segment[0], segment[1] & 0x1f, segment[2]), (0, 0x47, 0, 0));
    assert_eq!(stage.proxy.segment(&token, 1_000), None);
    assert_eq!(stage.proxy.segment("nobody", 0), None);
    stage
        .until("he has left", |stage| stage.proxy.channel(&id(1)).is_none_or(|it| it.viewers.is_empty()))
        .await;
    assert_eq!(stage.proxy.playlist(&token).await, None);
}

#[tokio::test]
async fn two_who_ask_at_once_for_one_playlist_both_get_it_when_it_is_there() {
    let stage = Stage::choosing(1, ProxySettings { fetch_idle: Duration::from_secs(60), ..quick() }).await;
    let token = stage.fetches(&id(1)).await;
    let began = Instant::now();
    let asks = [(); 3].map(|()| {
        let (proxy, token) = (stage.proxy.clone(), token.clone());
        tokio::spawn(async move { proxy.playlist(&token).await })
    });
    stage.plays(0, &id(1)).await;
    for asked in asks {
        let listing = asked.await.expect("it is answered");
        assert!(matches!(listing, Some(Ok(Listing::Live(_)))), "{listing:?}");
    }
    assert!(began.elapsed() < Duration::from_secs(7), "one of them has waited in vain");
}

#[tokio::test]
async fn a_token_does_not_outlive_its_channel() {
    let stage = Stage::choosing(1, ProxySettings { fetch_idle: Duration::from_secs(600), ..quick() }).await;
    let refused = stage.fetches(&id(1)).await;
    stage.refuses(&id(1), Obstacle::Stopped);
    stage.until("the channel closes", |stage| stage.proxy.channels().is_empty()).await;
    assert_eq!(stage.proxy.playlist(&refused).await, None);
    let broken = stage.fetches(&id(2)).await;
    stage.proxy.book().find(&id(2)).expect("it is watched").break_down();
    stage.until("the channel breaks", |stage| stage.proxy.channels().is_empty()).await;
    stage.until("nobody has its token", |stage| stage.proxy.playlists.is_empty()).await;
    assert_eq!(stage.proxy.playlist(&broken).await, None);
}

#[tokio::test]
async fn who_is_refused_fetches_no_more_segments_while_others_do() {
    let stage = Stage::choosing(1, ProxySettings { fetch_idle: Duration::from_secs(600), ..quick() }).await;
    let token = stage.fetches(&id(1)).await;
    stage.plays(0, &id(1)).await;
    assert!(matches!(stage.proxy.playlist(&token).await, Some(Ok(Listing::Live(_)))));
    let _other = stage.joins(&id(1)).await;
    assert!(stage.proxy.segment(&token, 0).is_some());
    let viewer = ViewerId(1);
    let why = Message::Refuse {
        viewer,
        because: Obstacle::Stopped,
        why: "for a reason".into(),
        retry_at: control::Time::ZERO,
    };
    stage.proxy.hear(1, why);
    assert_eq!(stage.proxy.segment(&token, 0), None);
    assert!(
        matches!(stage.proxy.playlist(&token).await, Some(Err(refusal)) if refusal.why == "for a reason")
    );
    assert_eq!(stage.proxy.playlist(&token).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_for_segments_while_they_are_given_up_finds_them() {
    let stage = Stage::choosing(0, quick()).await;
    let channel = Channel::begin(stage.proxy.clone(), 1, id(1));
    let looks = Arc::new(AtomicU64::new(0));
    let looking = {
        let (looks, channel) = (looks.clone(), channel.clone());
        std::thread::spawn(move || {
            while looks.fetch_add(1, Ordering::SeqCst) < u64::MAX / 2 {
                channel.spare_segments();
            }
        })
    };
    for number in 0..2_000 {
        let viewer = ViewerId(number);
        channel.seat(viewer, control::Time::ZERO, Connection::default()).fetches();
        channel.cut_segments(&stage.proxy);
        // Whoever looked before is done.
        let seen = looks.load(Ordering::SeqCst);
        while looks.load(Ordering::SeqCst) < seen + 2 {
            std::hint::spin_loop();
        }
        assert!(channel.cuts_segments(), "nobody cuts segments for viewer {number}");
        channel.unseat(viewer);
    }
    looks.store(u64::MAX / 2, Ordering::SeqCst);
    looking.join().expect("it looks to its end");
}
