//! Viewers of the proxy do not notice: VPNs, ports and engines fail while twenty of them watch.

use crate::engine_side::{nothing_is_left, told_by};
use crate::fleet::{Fleet, Plan, SOON};
use crate::fleets::{run_again, two_vpns};
use crate::ground::{Ground, eventually};
use crate::player::Player;
use crate::vpn_failures::ten_engines;
use crate::watcher::{Heard, Watcher, channel};
use crate::web;
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Who watches.
const VIEWERS: usize = 20;
/// What they watch.
const CHANNELS: usize = 4;
/// Five times the two seconds that a failover should take at most.
const SILENCE_MAX: Duration = Duration::from_secs(10);
/// How long is watched after something has happened.
const WATCHED_ON: Duration = Duration::from_secs(4);
/// How much players decode beyond what has happened: more than two of the segments that are fetched, so that they are
/// beyond it, too.
const DECODED_S: u64 = 3;
/// How many channels somebody zaps through, how often, and how fast.
const ZAPPED: usize = 7;
const ZAPS: usize = 100;
const ZAP_EVERY: Duration = Duration::from_millis(100);

fn channels(fleet: &Fleet) -> Vec<Value> {
    fleet.get("/api/v1/channels").as_array().expect("a list").clone()
}

fn all_play(fleet: &Fleet) -> Option<Vec<Value>> {
    let channels = channels(fleet);
    let plays = |channel: &Value| channel["state"] == "playing" && channel["container_name"].is_string();
    (!channels.is_empty() && channels.iter().all(plays)).then_some(channels)
}

/// The two ways to watch a channel, each by a real player.
fn players(fleet: &Fleet, id: &str) -> [Player; 2] {
    ["getstream", "manifest.m3u8"].map(|form| Player::opens(fleet.at(), &format!("/ace/{form}?id={id}")))
}

/// Twenty viewers watch, and two real players the first channel, while something is done to what plays that; `settled`
/// says when it is over. None of them notices much.
pub(crate) fn while_twenty_watch(
    fleet: &Fleet,
    act: impl FnOnce(&[Value]),
    settled: impl Fn(&[Value]) -> bool,
) -> Vec<Heard> {
    let players = players(fleet, &channel(0));
    eventually("the first channel has an engine", SOON, || all_play(fleet));
    let watchers = Watcher::crowd(fleet.at(), VIEWERS, CHANNELS);
    eventually("everybody is shown his channel", SOON, || {
        watchers.iter().all(|watcher| watcher.heard().seen.counted > 500).then_some(())
    });
    let before = eventually("every channel has an engine", SOON, || all_play(fleet));
    assert_eq!(before.len(), CHANNELS);
    assert_eq!(before[0]["key"], channel(0));
    players.iter().for_each(|player| player.goes_on(0, 1));
    assert_eq!(sessions(&before).len(), CHANNELS, "one session for each channel: {before:?}");
    act(&before);
    eventually("every channel is played where it may be", SOON, || {
        all_play(fleet).filter(|after| settled(after)).map(drop)
    });
    let counted: Vec<u64> = watchers.iter().map(|watcher| watcher.heard().seen.counted).collect();
    let decoded = players.each_ref().map(Player::pictures);
    let began = Instant::now();
    eventually("everybody is shown more", SOON, || {
        let shown = |(watcher, counted): (&Watcher, &u64)| watcher.heard().seen.counted > counted + 500;
        let all = watchers.iter().zip(&counted).all(shown);
        (all && began.elapsed() >= WATCHED_ON).then_some(())
    });
    for (player, decoded) in players.into_iter().zip(decoded) {
        player.goes_on(decoded, DECODED_S);
        player.ends_pleased();
    }
    let heard: Vec<Heard> = watchers.iter().map(Watcher::heard).collect();
    for (viewer, heard) in heard.iter().enumerate() {
        let seen = &heard.seen;
        println!(
            "viewer {viewer}: {:?} without a packet, {} missing, {} repeated, {} marked",
            heard.silence(),
            seen.missing,
            seen.repeats,
            seen.discontinuities
        );
        assert!(heard.status.contains(" 200 "), "{heard:?}");
        assert!(!heard.ended, "viewer {viewer} was cut off: {heard:?}");
        assert_eq!((seen.garbage, seen.continuity_errors), (0, 0), "viewer {viewer}: {heard:?}");
        assert!(heard.silence() < SILENCE_MAX, "viewer {viewer}: {heard:?}");
    }
    heard
}

fn sessions(channels: &[Value]) -> BTreeSet<&str> {
    channels.iter().filter_map(|channel| channel["playback_session_id"].as_str()).collect()
}

/// The VPN of the engine that plays a channel.
fn vpn_of(fleet: &Fleet, engine: &str) -> String {
    let engines = fleet.all_engines();
    let engine = engines.into_iter().find(|listed| listed.name == engine);
    engine.and_then(|engine| engine.vpn).expect("it is on a VPN")
}

/// No channel is played by an engine of this name.
fn none_on(channels: &[Value], engine: &str) -> bool {
    channels.iter().all(|channel| channel["container_name"] != engine)
}

fn moved(before: &[Value], after: &[Value], from: &[&str]) -> bool {
    let session = |channel: &Value| channel["playback_session_id"].clone();
    let concerned =
        before.iter().filter(|channel| from.contains(&channel["container_name"].as_str().unwrap_or("")));
    let old: Vec<Value> = concerned.map(session).collect();
    after.iter().all(|channel| !old.contains(&session(channel)))
}

/// The engines that play something and are on this VPN.
fn playing_on(fleet: &Fleet, before: &[Value], vpn: &str) -> Vec<String> {
    let names = before.iter().filter_map(|channel| channel["container_name"].as_str());
    names.filter(|name| vpn_of(fleet, name) == vpn).map(ToString::to_string).collect()
}

/// Something is done to the VPN that plays the first channel; everything that it played moves.
fn a_vpn_fails(fleet: &Fleet, act: impl FnOnce(&str)) -> Vec<Heard> {
    let concerned = std::cell::RefCell::new((Vec::new(), Vec::new()));
    while_twenty_watch(
        fleet,
        |before| {
            let vpn = vpn_of(fleet, before[0]["container_name"].as_str().expect("it is played"));
            concerned.replace((before.to_vec(), playing_on(fleet, before, &vpn)));
            act(&vpn);
        },
        |after| {
            let (before, engines) = &*concerned.borrow();
            let engines: Vec<&str> = engines.iter().map(String::as_str).collect();
            moved(before, after, &engines)
        },
    )
}

#[test]
fn a_vpn_that_is_killed_is_not_noticed_by_who_watches() {
    let ground = Ground::take();
    let (fleet, _) = ten_engines(&ground);
    a_vpn_fails(&fleet, |vpn| ground.kill(&[vpn]));
}

#[test]
fn a_vpn_that_is_restarted_is_not_noticed_by_who_watches() {
    let ground = Ground::take();
    let (fleet, _) = ten_engines(&ground);
    a_vpn_fails(&fleet, |vpn| ground.restart(vpn));
}

#[test]
fn a_vpn_that_is_recreated_is_not_noticed_by_who_watches() {
    let ground = Ground::take();
    let (fleet, _) = ten_engines(&ground);
    a_vpn_fails(&fleet, |vpn| {
        ground.remove(vpn);
        run_again(&ground, vpn, "40001");
    });
}

#[test]
fn a_tunnel_that_is_lost_is_not_noticed_by_who_watches() {
    let ground = Ground::take();
    let (fleet, _) = ten_engines(&ground);
    a_vpn_fails(&fleet, |vpn| ground.vpn_fault(vpn, "tunnel=dead"));
}

#[test]
fn docker_that_stands_still_and_what_happens_after_it_is_not_noticed_by_who_watches() {
    let ground = Ground::take();
    let (fleet, _) = ten_engines(&ground);
    a_vpn_fails(&fleet, |vpn| {
        ground.freeze();
        sleep(WATCHED_ON);
        ground.thaw();
        ground.restart(vpn);
    });
}

#[test]
fn a_forwarded_port_that_changes_is_not_noticed_by_who_watches() {
    let ground = Ground::take();
    let (fleet, engines) = ten_engines(&ground);
    // Nothing is done about a port while a VPN has just come up.
    sleep(Duration::from_secs(5));
    let carrier = std::cell::RefCell::new(String::new());
    while_twenty_watch(
        &fleet,
        |before| {
            let name = before[0]["container_name"].as_str().expect("it is played");
            let engine = engines.iter().find(|engine| engine.name == name).expect("it is listed");
            assert!(engine.forwarded, "forwarded engines are used first: {before:?}");
            carrier.replace(name.to_string());
            ground.vpn_fault(engine.vpn.as_deref().expect("it is on a VPN"), "port=45678");
        },
        |after| none_on(after, &carrier.borrow()),
    );
}

#[test]
fn an_engine_that_is_killed_is_not_noticed_by_who_watches() {
    let ground = Ground::take();
    let (fleet, _) = ten_engines(&ground);
    let session = std::cell::RefCell::new(Value::Null);
    while_twenty_watch(
        &fleet,
        |before| {
            session.replace(before[0]["playback_session_id"].clone());
            ground.crash(before[0]["container_name"].as_str().expect("it is played"));
        },
        |after| after.iter().all(|channel| channel["playback_session_id"] != *session.borrow()),
    );
}

#[test]
fn an_engine_that_hangs_is_not_noticed_by_who_watches() {
    let ground = Ground::take();
    let (fleet, engines) = ten_engines(&ground);
    let hung = std::cell::RefCell::new(String::new());
    while_twenty_watch(
        &fleet,
        |before| {
            let name = before[0]["container_name"].as_str().expect("it is played");
            let engine = engines.iter().find(|engine| engine.name == name).expect("it is listed");
            hung.replace(name.to_string());
            ground.engine_fault(engine.vpn.as_deref().expect("it is on a VPN"), engine.port, "hang=true");
        },
        |after| none_on(after, &hung.borrow()),
    );
}

/// Four engines on two VPNs, and never a fifth.
fn four_engines(ground: &Ground) -> Fleet {
    two_vpns(ground);
    let plan = Plan::behind(ground, &["gluetun1", "gluetun2"]);
    let fleet = Fleet::start(plan.with("MIN_REPLICAS", "4").with("MIN_FREE_REPLICAS", "0"));
    fleet.settles_at(4);
    fleet
}

#[test]
fn twenty_viewers_who_come_in_the_same_instant_share_one_session_and_the_last_one_ends_it() {
    let ground = Ground::take();
    let fleet = four_engines(&ground);
    let watchers = Watcher::crowd(fleet.at(), VIEWERS, 1);
    eventually("everybody is shown the channel", SOON, || {
        watchers.iter().all(|watcher| watcher.heard().seen.counted > 500).then_some(())
    });
    let shown = channels(&fleet);
    assert_eq!((shown.len(), shown[0]["viewers"].as_array().map(Vec::len)), (1, Some(VIEWERS)));
    let streams = fleet.get("/streams?status=started");
    assert_eq!(streams.as_array().map(Vec::len), Some(1), "{streams}");
    let open = |at: &SocketAddr| told_by(*at).expect("it answers").open.len();
    let engines: Vec<SocketAddr> = fleet.engines().iter().map(|engine| ground.engine_at(engine)).collect();
    assert_eq!(engines.iter().map(open).sum::<usize>(), 1, "engines know of one session");
    drop(watchers);
    assert_eq!(nothing_is_left(&ground, &fleet), 1, "no engine has opened another one");
}

#[test]
fn a_hundred_zaps_in_ten_seconds_end_on_a_channel_that_plays_and_a_neighbour_misses_nothing() {
    let ground = Ground::take();
    let fleet = four_engines(&ground);
    let neighbour = Watcher::comes(fleet.at(), &channel(ZAPPED));
    eventually("the neighbour's channel plays", SOON, || {
        (neighbour.heard().seen.counted > 500).then_some(())
    });
    let engines: Vec<SocketAddr> = fleet.engines().iter().map(|engine| ground.engine_at(engine)).collect();
    let began = Instant::now();
    let (mut last, mut most) = (None, 0);
    for zap in 0..ZAPS {
        // The new channel is opened before the old connection is closed, as players do.
        last = Some(Watcher::comes(fleet.at(), &channel(zap % ZAPPED)));
        most = most.max(open_once(&engines));
        sleep((began + ZAP_EVERY * (zap as u32 + 1)).saturating_duration_since(Instant::now()));
    }
    println!("{ZAPS} zaps took {:?}, with {most} sessions open at most", began.elapsed());
    let last = last.expect("somebody watches");
    eventually("the last channel plays", SOON, || (last.heard().seen.counted > 500).then_some(()));
    for heard in [last.heard(), neighbour.heard()] {
        let seen = &heard.seen;
        assert_eq!((heard.ended, seen.continuity_errors, seen.missing), (false, 0, 0), "{heard:?}");
        assert!(heard.silence() < SILENCE_MAX, "{heard:?}");
    }
    drop((last, neighbour));
    nothing_is_left(&ground, &fleet);
}

/// How many sessions these engines have open: each of a channel that no other has, and not more of them on one engine
/// than it has seats.
fn open_once(engines: &[SocketAddr]) -> usize {
    let open: Vec<Vec<String>> = engines.iter().map(|at| told_by(*at).expect("it answers").open).collect();
    assert!(open.iter().all(|open| open.len() <= 1), "an engine has one seat: {open:?}");
    let channels: BTreeSet<&String> = open.iter().flatten().collect();
    assert_eq!(channels.len(), open.iter().flatten().count(), "a channel has one session: {open:?}");
    channels.len()
}

#[test]
fn channels_that_are_offline_are_refused_and_disturb_nobody() {
    let ground = Ground::take();
    two_vpns(&ground);
    // However slow this machine is: the status line waits for what the engine says.
    let plan = Plan::behind(&ground, &["gluetun1", "gluetun2"]);
    let fleet = Fleet::start(plan.with("MIN_REPLICAS", "4").with("PROXY_COMMIT_MS", "8000"));
    fleet.settles_at(4);
    let good = Watcher::crowd(fleet.at(), 2, 2);
    let dead = |kind: &str| format!("{kind}{:034x}", 7);
    // One is refused by the engine, one is never answered, one never delivers.
    let hopeless: Vec<_> =
        ["dead01", "dead02"].iter().map(|kind| Watcher::comes(fleet.at(), &dead(kind))).collect();
    let refused = eventually("the offline channel is refused", SOON, || {
        let answer = web::get(fleet.at(), &format!("/ace/getstream?id={}", dead("dead00")));
        (answer.status == 404).then_some(answer)
    });
    assert!(refused.header("retry-after").is_some(), "{}", refused.head);
    let began = Instant::now();
    let again = web::get(fleet.at(), &format!("/ace/getstream?id={}", dead("dead00")));
    assert_eq!(again.status, 404, "{}", again.text());
    assert!(began.elapsed() < Duration::from_millis(300), "{:?}", began.elapsed());
    assert!(
        again.json()["detail"].as_str().is_some_and(|why| why.contains("failed to load")),
        "{}",
        again.text()
    );
    eventually("good channels play", SOON, || {
        good.iter().all(|watcher| watcher.heard().seen.counted > 1_000).then_some(())
    });
    for watcher in &good {
        let heard = watcher.heard();
        assert_eq!(
            (heard.ended, heard.seen.continuity_errors, heard.seen.missing),
            (false, 0, 0),
            "{heard:?}"
        );
    }
    drop(hopeless);
}

#[test]
fn hls_and_plain_streams_are_what_ffprobe_expects() {
    let ground = Ground::take();
    let fleet = four_engines(&ground);
    for path in ["getstream", "getstream/", "manifest.m3u8"] {
        let url = format!("http://{}/ace/{path}?id={}", fleet.at(), channel(1));
        let arguments = ["-v", "error", "-show_entries", "stream=codec_name,width", "-of", "csv=p=0", &url];
        let probed = Command::new("ffprobe").args(arguments).output().expect("ffprobe is installed");
        let said = String::from_utf8_lossy(&probed.stdout).into_owned();
        assert!(said.contains("h264,64"), "{path}: {said} {}", String::from_utf8_lossy(&probed.stderr));
    }
    let player = Player::opens(fleet.at(), &format!("/ace/manifest.m3u8?id={}", channel(1)));
    player.goes_on(0, DECODED_S);
    let status = fleet.get(&format!("/ace/status?id={}", channel(1)));
    assert!(status["clients"].as_u64() > Some(0), "{status}");
    player.ends_pleased();
    assert_eq!(fleet.get("/ace/status"), serde_json::json!({ "streams": 1 }));
}

#[test]
fn a_file_is_read_with_ranges_and_by_one_session() {
    let ground = Ground::take();
    let fleet = four_engines(&ground);
    let url = format!("http://{}/ace/getstream?id=f11e{:036x}", fleet.at(), 1);
    let curl = |range: &str| {
        let arguments = ["-s", "-r", range, "-o", "-", "-w", "%{stderr}%{http_code}", &url];
        let ran = Command::new("curl").args(arguments).output().expect("curl is installed");
        (String::from_utf8_lossy(&ran.stderr).into_owned(), ran.stdout)
    };
    let (status, whole) = curl("0-1879");
    assert_eq!((status.as_str(), whole.len()), ("206", 1_880));
    let (status, part) = curl("188-375");
    assert_eq!((status.as_str(), part.as_slice()), ("206", &whole[188..376]));
    let streams = fleet.get("/streams?status=started");
    assert_eq!(streams.as_array().map(Vec::len), Some(1), "{streams}");
}
