//! Viewers who leave while something is under way: of none of them is anything left, neither here nor at an engine.

use crate::engine_side::{nothing_is_left, nothing_is_open, told_by};
use crate::fleet::{Fleet, Listed, Plan, SOON};
use crate::fleets::two_vpns;
use crate::ground::{Ground, eventually};
use crate::moments::Moments;
use crate::odd_viewers::{asks, viewers};
use crate::watcher::{Watcher, channel};
use crate::web;
use serde_json::{Value, json};
use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::Duration;

/// An engine that takes so long for an answer is slow, and well: it is asked how it is for two seconds.
const SLOW: &str = "slow_ms=1000";
/// Viewers whose channels move leave one after the other, and no later after the one before.
const LEAVES_WITHIN: Duration = Duration::from_millis(200);

/// Two engines and never a third, one on each VPN, with seats for whoever comes; and time to leave before an answer is
/// begun.
fn two_roomy_engines(ground: &Ground) -> (Fleet, Vec<Listed>) {
    two_vpns(ground);
    let plan = Plan::behind(ground, &["gluetun1", "gluetun2"]);
    let plan = plan.with("MIN_REPLICAS", "2").with("MIN_FREE_REPLICAS", "0");
    let plan = plan.with("MAX_STREAMS_PER_ENGINE", "8").with("PROXY_HLS_IDLE_S", "3");
    let fleet = Fleet::start(plan.with("PROXY_COMMIT_MS", "2000"));
    let engines = fleet.settles_at(2);
    (fleet, engines)
}

/// A content that an engine never gets to the end of opening.
fn never_opened(number: usize) -> String {
    format!("dead01{number:034x}")
}

/// A content that an engine opens and never delivers.
fn never_delivered(number: usize) -> String {
    format!("dead02{number:034x}")
}

/// Sets a fault of these engines.
fn fault<'a>(ground: &Ground, engines: impl IntoIterator<Item = &'a Listed>, fault: &str) {
    for engine in engines {
        ground.engine_fault(engine.vpn.as_deref().expect("it is on a VPN"), engine.port, fault);
    }
}

/// Nothing has been answered yet: not even the status line.
fn is_held_back(asked: &TcpStream) -> bool {
    asked.set_nonblocking(true).expect("sockets need not block");
    asked.peek(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

/// Waits until the status line is there, and somebody still waits for a picture.
fn is_committed(mut asked: &TcpStream) {
    let mut line = [0; 12];
    asked.read_exact(&mut line).expect("an answer");
    assert_eq!(String::from_utf8_lossy(&line), "HTTP/1.1 200");
}

/// Somebody who is shown a channel.
fn shown(fleet: &Fleet, id: &str) -> Watcher {
    let watcher = Watcher::comes(fleet.at(), id);
    eventually("he is shown it", SOON, || (watcher.heard().seen.counted > 100).then_some(()));
    watcher
}

/// How a channel is, which somebody watches.
fn told_of(fleet: &Fleet, id: &str) -> Option<Value> {
    let channels = fleet.get("/api/v1/channels");
    channels.as_array()?.iter().find(|channel| channel["key"] == id).cloned()
}

/// The engine that plays a channel, and the other one.
fn player_and_other<'a>(fleet: &Fleet, engines: &'a [Listed], id: &str) -> (&'a Listed, &'a Listed) {
    let name = told_of(fleet, id).expect("it is watched")["container_name"].clone();
    match engines.iter().partition::<Vec<_>, _>(|engine| name == engine.name.as_str()) {
        (player, other) if player.len() == 1 => (player[0], other[0]),
        (player, _) => panic!("{name} is not one of {player:?}"),
    }
}

/// A person sends a channel to another engine.
fn moves(fleet: &Fleet, id: &str) {
    let streams = fleet.get("/streams?status=started");
    let plays = |stream: &&Value| stream["key"] == id;
    let stream = streams.as_array().expect("a list").iter().find(plays).expect("it is played");
    let id = stream["id"].as_str().expect("an id").replace('|', "%7C");
    let path = format!("/api/v1/streams/{id}/move");
    let answer = fleet.post(&path, &json!({}));
    assert_eq!(answer.status, 202, "{}", answer.text());
}

#[test]
fn who_leaves_before_he_is_shown_anything_leaves_nothing_behind() {
    let ground = Ground::take();
    let (fleet, engines) = two_roomy_engines(&ground);
    // While an engine opens it, which is done when nobody wants it any more: before the commit, and after it.
    fault(&ground, &engines, SLOW);
    let early = asks(&fleet, &channel(1));
    let hopeful = asks(&fleet, &never_opened(1));
    let hopeless = asks(&fleet, &never_opened(2));
    eventually("all three wait", SOON, || (viewers(&fleet) == 3).then_some(()));
    assert!(is_held_back(&early) && is_held_back(&hopeful), "it is too soon for an answer");
    drop((early, hopeful));
    is_committed(&hopeless);
    drop(hopeless);
    assert!(nothing_is_left(&ground, &fleet) > 0, "what was opened for nobody was opened");
    fault(&ground, &engines, "slow_ms=0");

    // While the engine that has opened it delivers nothing, and while the first segment is waited for.
    let waits = asks(&fleet, &never_delivered(1));
    is_committed(&waits);
    let manifest = web::get(fleet.at(), &format!("/ace/manifest.m3u8?id={}", never_delivered(2)));
    assert_eq!(manifest.status, 302, "{}", manifest.text());
    let list = format!("/ace/{}", manifest.header("location").expect("a place"));
    let fetches = web::begin(fleet.at(), "GET", &list, &[], None).expect("acefleet listens");
    let open = || engines.iter().filter_map(|engine| told_by(ground.engine_at(engine)));
    eventually("both are opened", SOON, || {
        (open().map(|told| told.open.len()).sum::<usize>() == 2).then_some(())
    });
    assert!(is_held_back(&fetches), "there is no segment");
    drop((waits, fetches));
    nothing_is_left(&ground, &fleet);
    assert_eq!(web::get(fleet.at(), &list).status, 404);
}

#[test]
fn who_leaves_while_a_source_stalls_or_in_the_middle_of_a_file_leaves_nothing_behind() {
    let ground = Ground::take();
    let (fleet, engines) = two_roomy_engines(&ground);
    let watcher = shown(&fleet, &channel(1));
    fault(&ground, &engines, "stall=true");
    eventually("there is nothing to show", SOON, || {
        (told_of(&fleet, &channel(1))?["state"] == "holding").then_some(())
    });
    assert!(!watcher.heard().ended);
    drop(watcher);
    assert!(nothing_is_left(&ground, &fleet) > 0);
    fault(&ground, &engines, "stall=false");

    let file = format!("f11e{:036x}", 1);
    let mut reads = asks(&fleet, &file);
    reads.read_exact(&mut [0; 4096]).expect("the file comes");
    eventually("it is known as a file", SOON, || (told_of(&fleet, &file)?["state"] == "file").then_some(()));
    assert_eq!(viewers(&fleet), 1, "there is more of it than he has read");
    drop(reads);
    // Nobody reads a file's session while it is kept for who comes back, and its engine waits no longer than that.
    nothing_is_open(&ground, &fleet);
}

#[test]
fn who_leaves_while_his_channel_moves_leaves_nothing_behind() {
    let ground = Ground::take();
    let (fleet, engines) = two_roomy_engines(&ground);
    // While both engines have it: the one still delivers, the other one not yet.
    let watcher = shown(&fleet, &channel(1));
    let (player, other) = player_and_other(&fleet, &engines, &channel(1));
    fault(&ground, [other], "stall=true");
    moves(&fleet, &channel(1));
    eventually("both have it", SOON, || {
        let open = |engine: &Listed| Some(told_by(ground.engine_at(engine))?.open.len());
        (open(player)? == 1 && open(other)? == 1).then_some(())
    });
    drop(watcher);
    assert_eq!(nothing_is_left(&ground, &fleet), 2);

    // At whatever moment of moves.
    fault(&ground, [other], "stall=false");
    let mut moments = Moments::new();
    let watchers: Vec<Watcher> = (2..5).map(|number| shown(&fleet, &channel(number))).collect();
    (2..5).for_each(|number| moves(&fleet, &channel(number)));
    for watcher in watchers {
        sleep(moments.below(LEAVES_WITHIN));
        drop(watcher);
    }
    nothing_is_left(&ground, &fleet);

    // While the one engine has died, and the other one delivers nothing yet.
    let watcher = shown(&fleet, &channel(6));
    let (player, other) = player_and_other(&fleet, &engines, &channel(6));
    fault(&ground, [other], "stall=true");
    ground.crash(&player.name);
    eventually("it is to be played by the other engine", SOON, || {
        let told = told_of(&fleet, &channel(6))?;
        (told["state"] == "holding" && told["container_name"] == other.name.as_str()).then_some(())
    });
    drop(watcher);
    nothing_is_left(&ground, &fleet);
}
