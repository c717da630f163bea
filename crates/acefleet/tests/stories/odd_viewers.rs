//! Viewers who behave oddly: who never read, who read a byte a second, who leave at any moment, who ask for nonsense.

use crate::engine_side::nothing_is_left;
use crate::fleet::{Fleet, Plan, SOON};
use crate::fleets::two_vpns;
use crate::ground::{Ground, eventually};
use crate::watcher::{Watcher, channel};
use crate::web;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::Duration;

/// Two engines, and little patience with who takes nothing.
fn impatient(ground: &Ground) -> Fleet {
    two_vpns(ground);
    let plan = Plan::behind(ground, &["gluetun1", "gluetun2"]).with("MIN_REPLICAS", "2");
    let plan = plan.with("PROXY_NO_PROGRESS_S", "2").with("PROXY_HLS_IDLE_S", "3");
    let fleet = Fleet::start(plan);
    fleet.settles_at(2);
    fleet
}

/// Somebody who has asked for a channel and reads nothing by himself.
pub(crate) fn asks(fleet: &Fleet, id: &str) -> TcpStream {
    let mut stream = TcpStream::connect(fleet.at()).expect("acefleet listens");
    let request = format!("GET /ace/getstream?id={id} HTTP/1.1\r\nHost: x\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("acefleet reads");
    stream
}

/// How many watch, whatever they watch.
pub(crate) fn viewers(fleet: &Fleet) -> usize {
    let channels = fleet.get("/api/v1/channels");
    let viewers = |channel: &Value| channel["viewers"].as_array().map_or(0, Vec::len);
    channels.as_array().expect("a list").iter().map(viewers).sum()
}

#[test]
fn who_never_reads_and_who_reads_a_byte_a_second_are_cut_and_others_notice_nothing() {
    let ground = Ground::take();
    let fleet = impatient(&ground);
    let good = Watcher::comes(fleet.at(), &channel(1));
    let _never = asks(&fleet, &channel(1));
    let mut slow = asks(&fleet, &channel(1));
    let mut byte = [0];
    eventually("all three watch", SOON, || (viewers(&fleet) == 3).then_some(()));
    eventually("both are cut", SOON, || {
        sleep(Duration::from_secs(1));
        let _cut_in_the_end = slow.read(&mut byte);
        (viewers(&fleet) == 1).then_some(())
    });
    let metrics = fleet.try_get("/metrics").expect("it answers").text();
    assert!(metrics.contains("acefleet_proxy_cuts_total 2"), "{metrics}");
    let heard = good.heard();
    assert_eq!((heard.ended, heard.seen.continuity_errors, heard.seen.missing), (false, 0, 0), "{heard:?}");
}

#[test]
fn whoever_leaves_at_whatever_moment_leaves_nothing_behind() {
    let ground = Ground::take();
    let fleet = impatient(&ground);
    // Before he has asked, in the middle of asking, at once after it, with the answer, and in the middle of it.
    drop(TcpStream::connect(fleet.at()).expect("acefleet listens"));
    let mut half = TcpStream::connect(fleet.at()).expect("acefleet listens");
    half.write_all(b"GET /ace/getstream?id=").expect("acefleet reads");
    drop(half);
    drop(asks(&fleet, &channel(1)));
    let mut answered = asks(&fleet, &channel(1));
    answered.read_exact(&mut [0; 64]).expect("an answer");
    drop(answered);
    let watching = Watcher::comes(fleet.at(), &channel(2));
    eventually("he is shown something", SOON, || (watching.heard().seen.counted > 100).then_some(()));
    drop(watching);
    // Who fetches segments leaves by fetching no more.
    let manifest = web::get(fleet.at(), &format!("/ace/manifest.m3u8?id={}", channel(2)));
    assert_eq!(manifest.status, 302);
    let list = format!("/ace/{}", manifest.header("location").expect("a place"));
    eventually("there is a playlist", SOON, || {
        let listed = web::get(fleet.at(), &list);
        (listed.status == 200 && listed.text().contains(".ts")).then_some(())
    });
    assert_eq!(viewers(&fleet), 1);
    assert!(nothing_is_left(&ground, &fleet) > 0, "a session was opened");
    assert_eq!(web::get(fleet.at(), &list).status, 404);
    let metrics = fleet.try_get("/metrics").expect("it answers").text();
    for gauge in ["acefleet_proxy_viewers 0", "acefleet_proxy_channels 0"] {
        assert!(metrics.contains(gauge), "{gauge}: {metrics}");
    }
}

#[test]
fn what_names_nothing_is_refused_in_words_and_head_opens_nothing() {
    let ground = Ground::take();
    let fleet = impatient(&ground);
    let id = channel(1);
    for (query, words) in [
        (String::new(), "one of id"),
        ("?id=123".into(), "40 hexadecimal digits"),
        (format!("?id={id}&infohash={id}"), "only one of"),
        (format!("?id={id}&pid=4"), "leave 'pid' out"),
        ("?url=file:///etc/passwd".into(), "http://"),
        ("?magnet=nonsense".into(), "magnet:?"),
    ] {
        for route in ["getstream", "getstream/", "manifest.m3u8"] {
            let answer = web::get(fleet.at(), &format!("/ace/{route}{query}"));
            let detail = answer.json()["detail"].as_str().unwrap_or_default().to_string();
            assert_eq!((answer.status, detail.contains(words)), (400, true), "{route}{query}: {detail}");
        }
    }
    for route in ["getstream", "manifest.m3u8"] {
        let path = format!("/ace/{route}?id={id}");
        let answer = web::send(fleet.at(), "HEAD", &path, &[], None).expect("an answer");
        assert_eq!((answer.status, answer.body.len()), (200, 0));
        let posted = web::post(fleet.at(), &path, None);
        assert_eq!(posted.status, 405);
    }
    assert_eq!(fleet.get("/api/v1/channels"), json!([]));
    for path in ["/ace/hls/nobody/index.m3u8", "/ace/hls/nobody/1.ts", &format!("/ace/status?id={id}")] {
        assert_eq!(web::get(fleet.at(), path).status, 404, "{path}");
    }
}

#[test]
fn beyond_the_limits_viewers_are_told_to_come_again() {
    let ground = Ground::take();
    two_vpns(&ground);
    let plan = Plan::behind(&ground, &["gluetun1", "gluetun2"]).with("MIN_REPLICAS", "2");
    let fleet = Fleet::start(plan.with("PROXY_MAX_VIEWERS", "2").with("PROXY_MAX_CHANNELS", "1"));
    fleet.settles_at(2);
    let first = Watcher::comes(fleet.at(), &channel(1));
    eventually("he is shown something", SOON, || (first.heard().seen.counted > 100).then_some(()));
    let refused = |id: usize, words: &str| {
        let answer = web::get(fleet.at(), &format!("/ace/getstream?id={}", channel(id)));
        assert_eq!((answer.status, answer.header("retry-after").is_some()), (503, true), "{}", answer.head);
        assert!(answer.text().contains(words), "{}", answer.text());
    };
    refused(2, "PROXY_MAX_CHANNELS");
    let _second = Watcher::comes(fleet.at(), &channel(1));
    eventually("both watch", SOON, || (viewers(&fleet) == 2).then_some(()));
    refused(1, "PROXY_MAX_VIEWERS");
}
