//! Forwarded ports change, are lost, and come back: who carries them then, and who is left alone.

use crate::fleet::{AT_ONCE, Fleet, Listed, Plan, SOON};
use crate::fleets::vpn_env;
use crate::ground::{Ground, eventually};
use crate::happenings::{Happenings, lives};
use crate::viewer::Viewer;
use crate::vigil;
use crate::vpn_failures::{comes_back, lives_on, on, ten_engines, ten_engines_as};
use crate::web;
use serde_json::json;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Long enough for several questions about the port.
const A_WHILE: Duration = Duration::from_secs(4);
/// So rarely that it does not happen.
const NEVER_S: &str = "3600";
const TOKEN: &str = "a-token-of-the-hook";

/// The engine that carries a VPN's forwarded port now.
fn carrier(engines: &[Listed], vpn: &str) -> Option<Listed> {
    on(engines, vpn).into_iter().find(|engine| engine.forwarded).cloned()
}

/// Waits until a VPN's recovery is so long ago that a changed port counts.
fn calms_down(fleet: &Fleet, vpn: &str) {
    eventually(&format!("{vpn} has been there for long enough"), SOON, || {
        fleet.vpn(vpn)["stabilizes_until"].is_null().then_some(())
    });
}

/// Waits until another engine carries the new port, the old carrier is gone, and there are as many as before.
fn is_replaced(fleet: &Fleet, old: &Listed, port: u16, count: usize) -> Listed {
    let vpn = old.vpn.clone().expect("it is behind a VPN");
    let new = eventually("another engine carries the new port", SOON, || {
        carrier(&fleet.engines(), &vpn).filter(|new| new.id != old.id)
    });
    assert_eq!(new.p2p, Some(port), "{new:?}");
    let engines = fleet.settles_at(count);
    assert!(engines.iter().all(|engine| engine.id != old.id), "the old carrier is gone");
    assert_eq!(carrier(&engines, &vpn).map(|new| new.p2p), Some(Some(port)));
    assert_eq!(fleet.vpn(&vpn)["forwarded_port"], port);
    new
}

/// Waits until an engine is no longer offered.
fn is_hidden(fleet: &Fleet, engine: &Listed, within: Duration) {
    eventually("the old carrier is hidden", within, || {
        fleet.engines().iter().all(|listed| listed.id != engine.id).then_some(())
    });
}

/// Everybody on a VPN but its carrier.
fn bystanders(ground: &Ground, engines: &[Listed], vpn: &str) -> impl PartialEq + std::fmt::Debug {
    let names = on(engines, vpn).into_iter().filter(|engine| !engine.forwarded);
    lives(ground, names.map(|engine| engine.name.as_str()))
}

#[test]
fn a_port_that_is_found_changed_gets_a_new_carrier_and_nobody_else_is_touched() {
    let ground = Ground::take();
    let (fleet, engines) = ten_engines(&ground);
    let old = carrier(&engines, "gluetun1").expect("a carrier");
    let (beside, others) =
        (bystanders(&ground, &engines, "gluetun1"), lives_on(&ground, &engines, "gluetun2"));
    calms_down(&fleet, "gluetun1");
    let happenings = Happenings::from_now(&ground);
    let (new, _) = vigil::during(&ground, &fleet, || {
        ground.vpn_fault("gluetun1", "port=40101");
        let changed = Instant::now();
        is_hidden(&fleet, &old, SOON);
        println!("old carrier hidden {:?} after the change began, which takes 1 s", changed.elapsed());
        is_replaced(&fleet, &old, 40_101, 10)
    });
    assert!(fleet.said("port changed from 40001 to 40101") > 0, "{:#?}", fleet.journal());
    assert_eq!(happenings.engines_created(), [new.name]);
    assert_eq!(bystanders(&ground, &engines, "gluetun1"), beside);
    assert_eq!(lives_on(&ground, &engines, "gluetun2"), others);
}

#[test]
fn with_one_vpn_a_changed_port_gets_a_new_carrier_and_nobody_else_is_touched() {
    let ground = Ground::take();
    ground.run_vpn("gluetun1", &vpn_env("40001"));
    let fleet = Fleet::start(Plan::behind(&ground, &["gluetun1"]).with("MIN_REPLICAS", "3"));
    let engines = fleet.settles_at(3);
    let old = carrier(&engines, "gluetun1").expect("a carrier");
    let beside = bystanders(&ground, &engines, "gluetun1");
    calms_down(&fleet, "gluetun1");
    ground.vpn_fault("gluetun1", "port=40101");
    is_hidden(&fleet, &old, SOON);
    is_replaced(&fleet, &old, 40_101, 3);
    assert_eq!(bystanders(&ground, &engines, "gluetun1"), beside);
}

/// Ten engines on two VPNs that are asked for their ports once, and push each new one.
fn ten_engines_with_pushes(ground: &Ground) -> (Fleet, Vec<Listed>) {
    let plan = Plan::behind(ground, &["gluetun1", "gluetun2"]).with("HOOK_TOKEN", TOKEN);
    let plan = plan.with("GLUETUN_PORT_CHECK_INTERVAL_S", NEVER_S).with("MIN_REPLICAS", "10");
    let fleet = Fleet::start(plan);
    let host = ground.host_address();
    for (name, port) in [("gluetun1", "40001"), ("gluetun2", "40002")] {
        let url =
            format!("http://{host}:{}/hooks/gluetun/port?vpn={name}&port={{{{PORT}}}}", fleet.at().port());
        let push = [("HOOK_URL", url.as_str()), ("HOOK_TOKEN", TOKEN)];
        ground.run_vpn(name, &[&vpn_env(port)[..], &push].concat());
    }
    let engines = comes_back(ground, &fleet);
    (fleet, engines)
}

#[test]
fn a_port_that_gluetun_pushes_gets_a_new_carrier_without_a_question() {
    let ground = Ground::take();
    let (fleet, engines) = ten_engines_with_pushes(&ground);
    let old = carrier(&engines, "gluetun1").expect("a carrier");
    let others = lives_on(&ground, &engines, "gluetun2");
    calms_down(&fleet, "gluetun1");
    ground.vpn_fault("gluetun1", "port=40101");
    let changed = Instant::now();
    is_hidden(&fleet, &old, SOON);
    println!("old carrier hidden {:?} after the change began, which takes 1 s", changed.elapsed());
    is_replaced(&fleet, &old, 40_101, 10);
    assert_eq!(lives_on(&ground, &engines, "gluetun2"), others);
}

#[test]
fn a_push_is_taken_from_whoever_shows_the_token_and_works_at_once() {
    let ground = Ground::take();
    let (fleet, engines) = ten_engines_with_pushes(&ground);
    let old = carrier(&engines, "gluetun2").expect("a carrier");
    calms_down(&fleet, "gluetun2");
    let push = |path: &str, token: Option<&str>, body: Option<&serde_json::Value>| {
        let bearer = token.map(|token| format!("Bearer {token}")).unwrap_or_default();
        let headers = [("Authorization", bearer.as_str())];
        let headers = if token.is_some() { &headers[..] } else { &[] };
        web::send(fleet.at(), "POST", path, headers, body).expect("an answer").status
    };
    let path = "/hooks/gluetun/port?vpn=gluetun2&port=40202";
    assert_eq!(push(path, None, None), 401);
    assert_eq!(push(path, Some("another"), None), 403);
    assert_eq!(push("/hooks/gluetun/port?vpn=nobody&port=40202", Some(TOKEN), None), 404);
    assert_eq!(carrier(&fleet.engines(), "gluetun2"), Some(old.clone()));

    let body = json!({ "vpn": "gluetun2", "port": 40_202 });
    assert_eq!(push("/hooks/gluetun/port", Some(TOKEN), Some(&body)), 202);
    let pushed = Instant::now();
    is_hidden(&fleet, &old, AT_ONCE);
    println!("old carrier hidden {:?} after the push", pushed.elapsed());
    is_replaced(&fleet, &old, 40_202, 10);
    // None is a port like any other, and no change before it has lasted.
    assert_eq!(push("/hooks/gluetun/port?vpn=gluetun2&port=0", Some(TOKEN), None), 202);
    assert_eq!(carrier(&fleet.engines(), "gluetun2").map(|new| new.p2p), Some(Some(40_202)));
}

#[test]
fn every_version_of_gluetun_is_asked_by_a_route_that_it_knows() {
    let ground = Ground::take();
    let versions =
        [("gluetun1", "new", 40_001), ("gluetun2", "old", 40_002), ("gluetun3", "old-400", 40_003)];
    for (name, version, port) in versions {
        let port = port.to_string();
        ground.run_vpn(name, &[&vpn_env(&port)[..], &[("STANDIN_VERSION", version)]].concat());
    }
    let names = versions.map(|(name, ..)| name);
    let fleet = Fleet::start(Plan::behind(&ground, &names).with("MIN_REPLICAS", "3"));
    ports_are_found_and_followed(&ground, &fleet, &versions.map(|(name, _, port)| (name, port)));
}

#[test]
fn a_gluetun_that_wants_a_key_is_shown_it() {
    let ground = Ground::take();
    let (fleet, vpns) =
        two_that_admit(&ground, &[("STANDIN_API_KEY", "open sesame")], &[("GLUETUN_API_KEY", "open sesame")]);
    ports_are_found_and_followed(&ground, &fleet, &vpns);
}

#[test]
fn a_gluetun_that_wants_a_name_and_a_password_is_told_them() {
    let ground = Ground::take();
    let (fleet, vpns) = two_that_admit(
        &ground,
        &[("STANDIN_USER", "ali"), ("STANDIN_PASSWORD", "open: sesame")],
        &[("GLUETUN_API_USER", "ali"), ("GLUETUN_API_PASSWORD", "open: sesame")],
    );
    ports_are_found_and_followed(&ground, &fleet, &vpns);
}

/// A new and an old Gluetun that admit somebody, and a fleet that says who it is.
fn two_that_admit(
    ground: &Ground,
    whom: &[(&str, &str)],
    who: &[(&str, &str)],
) -> (Fleet, [(&'static str, u16); 2]) {
    for (name, version, port) in [("gluetun1", "new", "40001"), ("gluetun2", "old", "40002")] {
        ground.run_vpn(name, &[&vpn_env(port)[..], &[("STANDIN_VERSION", version)], whom].concat());
    }
    let mut plan = Plan::behind(ground, &["gluetun1", "gluetun2"]).with("MIN_REPLICAS", "2");
    for (name, value) in who {
        plan.set(name, value);
    }
    (Fleet::start(plan), [("gluetun1", 40_001), ("gluetun2", 40_002)])
}

/// Each VPN has a carrier of its port, and of the next one when that has changed.
fn ports_are_found_and_followed(ground: &Ground, fleet: &Fleet, vpns: &[(&str, u16)]) {
    let carried = |offset: u16| {
        eventually("each VPN has a carrier of its port, and no other engine exists", SOON, || {
            let engines = fleet.engines();
            let carries = |(vpn, port): &(&str, u16)| {
                carrier(&engines, vpn).is_some_and(|engine| engine.p2p == Some(port + offset))
            };
            let all = fleet.all_engines().len();
            (vpns.iter().all(carries) && engines.len() == vpns.len() && all == vpns.len()).then_some(())
        });
    };
    carried(0);
    for (vpn, port) in vpns {
        let told = fleet.vpn(vpn);
        assert_eq!((&told["forwarded_port"], &told["control_server"]), (&(*port).into(), &"answers".into()));
        assert_eq!(told["public_ip"], "203.0.113.7");
        calms_down(fleet, vpn);
        ground.vpn_fault(vpn, &format!("port={}", port + 100));
    }
    carried(100);
}

#[test]
fn a_control_server_that_admits_nobody_or_is_silent_is_told_of_and_costs_no_engine() {
    let ground = Ground::take();
    let plan = Plan::behind(&ground, &["gluetun1", "gluetun2"]).with("GLUETUN_TIMEOUT_S", "1");
    let (fleet, engines) = ten_engines_as(&ground, plan);
    let before = lives(&ground, engines.iter().map(|engine| engine.name.as_str()));
    calms_down(&fleet, "gluetun1");
    let is_told = |word: &str| {
        eventually(&format!("its control server is told as {word}"), SOON, || {
            (fleet.vpn("gluetun1")["control_server"] == word).then_some(())
        });
    };
    let ((), seen) = vigil::during(&ground, &fleet, || {
        for (fault, word) in [("unauthorized", "unauthorized"), ("hangs", "silent"), ("down", "silent")] {
            ground.vpn_fault("gluetun1", &format!("server={fault}"));
            is_told(word);
            std::thread::sleep(A_WHILE / 2);
            // What it said last still counts.
            let vpn = fleet.vpn("gluetun1");
            assert_eq!((&vpn["connected"], &vpn["forwarded_port"]), (&true.into(), &40_001.into()), "{vpn}");
            ground.vpn_fault("gluetun1", "server=answers");
            is_told("answers");
        }
        // As while a command of Gluetun's runs.
        ground.vpn_fault("gluetun1", "port_route_hangs=true");
        eventually("the port is known from before", SOON, || {
            (fleet.said("Using cached forwarded port 40001") > 0).then_some(())
        });
    });
    assert_eq!(seen.fewest, 10);
    assert_eq!(lives(&ground, engines.iter().map(|engine| engine.name.as_str())), before);
    assert_eq!(fleet.said("entering emergency mode"), 0);
}

#[test]
fn with_a_wrong_key_there_are_engines_and_no_carrier() {
    let ground = Ground::take();
    ground.run_vpn("gluetun1", &[&vpn_env("40001")[..], &[("STANDIN_API_KEY", "open sesame")]].concat());
    let plan = Plan::behind(&ground, &["gluetun1"]).with("GLUETUN_API_KEY", "open barley");
    let fleet = Fleet::start(plan.with("MIN_REPLICAS", "3"));
    let engines = fleet.settles_at(3);
    let vpn = fleet.vpn("gluetun1");
    assert_eq!((&vpn["control_server"], &vpn["connected"]), (&"unauthorized".into(), &true.into()), "{vpn}");
    assert!(vpn["forwarded_port"].is_null() && carrier(&engines, "gluetun1").is_none(), "{engines:?}");
    assert!(!fleet.log().contains("open barley"), "a key is never written down");
}

#[test]
fn no_port_for_a_short_time_changes_nothing_and_for_long_takes_the_mark_but_not_the_engine() {
    let ground = Ground::take();
    let plan = Plan::behind(&ground, &["gluetun1", "gluetun2"]).with("PORT_LOST_S", "6");
    let (fleet, engines) = ten_engines_as(&ground, plan);
    let before = lives(&ground, engines.iter().map(|engine| engine.name.as_str()));
    let old = carrier(&engines, "gluetun1").expect("a carrier");
    calms_down(&fleet, "gluetun1");
    for none_as in ["zero", "null", "empty"] {
        ground.vpn_fault("gluetun1", &format!("none_as={none_as}"));
        ground.vpn_fault("gluetun1", "port=none");
        let gone = Instant::now();
        while gone.elapsed() < Duration::from_millis(2_500) {
            assert_eq!(carrier(&fleet.engines(), "gluetun1"), Some(old.clone()), "{none_as}");
            std::thread::sleep(Duration::from_millis(100));
        }
        ground.vpn_fault("gluetun1", "port=40001");
        eventually("the port is there", SOON, || {
            (fleet.vpn("gluetun1")["forwarded_port"] == 40_001).then_some(())
        });
    }
    ground.vpn_fault("gluetun1", "port=none");
    eventually("the mark is gone", SOON, || carrier(&fleet.engines(), "gluetun1").is_none().then_some(()));
    assert_eq!(fleet.engines().len(), 10, "the engine stays");
    ground.vpn_fault("gluetun1", "port=40001");
    eventually("the mark is back", SOON, || carrier(&fleet.engines(), "gluetun1").filter(|new| *new == old));
    assert_eq!(lives(&ground, engines.iter().map(|engine| engine.name.as_str())), before);
}

#[test]
fn after_a_recovery_the_first_port_is_no_change_however_late_it_comes() {
    let ground = Ground::take();
    for (name, port) in [("gluetun1", "40001"), ("gluetun2", "40002")] {
        let late = ("STANDIN_PORT_AFTER_MS", "3000");
        ground.run_vpn(name, &[&vpn_env(port)[..2], &[late]].concat());
    }
    let plan = Plan::behind(&ground, &["gluetun1", "gluetun2"]).with("VPN_RECOVERY_STABILIZATION_S", "6");
    let fleet = Fleet::start(plan.with("MIN_REPLICAS", "10"));
    let engines = comes_back(&ground, &fleet);
    let others = lives_on(&ground, &engines, "gluetun2");
    let happenings = Happenings::from_now(&ground);
    vigil::during(&ground, &fleet, || {
        ground.restart("gluetun1");
        // Another port than before, and not at once.
        ground.vpn_fault("gluetun1", "port=40111");
        eventually("its new port has a carrier", SOON, || {
            carrier(&fleet.engines(), "gluetun1").filter(|carrier| carrier.p2p == Some(40_111))
        });
        comes_back(&ground, &fleet);
    });
    assert_eq!(fleet.said("port changed"), 0, "{:#?}", fleet.journal());
    let created = happenings.engines_created();
    let once: BTreeSet<_> = created.iter().collect();
    assert!(created.len() <= 2 && once.len() == created.len(), "{created:?}");
    assert_eq!(lives_on(&ground, &engines, "gluetun2"), others, "the other VPN's engines are not touched");
}

#[test]
fn a_carrier_that_somebody_watches_is_hidden_and_stays_until_he_has_left() {
    let ground = Ground::take();
    let plan = Plan::behind(&ground, &["gluetun1", "gluetun2"]).with("DRAIN_TIMEOUT_S", "60");
    let (fleet, engines) = ten_engines_as(&ground, plan);
    let old = carrier(&engines, "gluetun1").expect("a carrier");
    let (beside, others) =
        (bystanders(&ground, &engines, "gluetun1"), lives_on(&ground, &engines, "gluetun2"));
    calms_down(&fleet, "gluetun1");
    let viewer = Viewer::watches(&ground, &old, "a0b1c2d3e4f5a0b1c2d3e4f5a0b1c2d3e4f5a0b1");
    let stream = viewer.announces(&fleet);
    ground.vpn_fault("gluetun1", "port=40101");
    is_hidden(&fleet, &old, SOON);
    eventually("another engine carries the new port", SOON, || {
        carrier(&fleet.engines(), "gluetun1").filter(|new| new.p2p == Some(40_101))
    });
    std::thread::sleep(A_WHILE);
    let streams = fleet.get("/streams?status=started");
    assert_eq!(streams[0]["container_id"], old.id.as_str(), "{streams}");
    assert!(on(&fleet.engines(), "gluetun1").iter().all(|engine| engine.id != old.id), "it stays hidden");
    assert!(ground.inspect(&old.name).is_some_and(|told| told["State"]["Running"] == true), "it is drained");
    let ended = json!({ "stream_id": stream, "reason": "he has left" });
    let silence = viewer.silence();
    println!("the viewer heard nothing for {silence:?} at most");
    assert!(silence <= AT_ONCE * 2, "the viewer heard nothing for {silence:?}");
    assert_eq!(fleet.post("/events/stream_ended", &ended).json()["updated"], true);
    is_replaced(&fleet, &old, 40_101, 10);
    assert_eq!(bystanders(&ground, &engines, "gluetun1"), beside);
    assert_eq!(lives_on(&ground, &engines, "gluetun2"), others);
}

#[test]
fn a_port_that_changes_again_and_again_is_said_to_flap_and_no_longer_followed_each_time() {
    let ground = Ground::take();
    let (fleet, engines) = ten_engines_with_pushes(&ground);
    let others = lives_on(&ground, &engines, "gluetun2");
    calms_down(&fleet, "gluetun1");
    let happenings = Happenings::from_now(&ground);
    let push = |port: u16| {
        let path = format!("/hooks/gluetun/port?vpn=gluetun1&port={port}");
        let bearer = format!("Bearer {TOKEN}");
        let answer = web::send(fleet.at(), "POST", &path, &[("Authorization", &bearer)], None);
        assert_eq!(answer.expect("an answer").status, 202);
    };
    for port in 40_101..40_107 {
        push(port);
        eventually("it is heard of", SOON, || {
            (fleet.vpn("gluetun1")["forwarded_port"] == port).then_some(())
        });
    }
    eventually("it is said to flap", SOON, || (fleet.vpn("gluetun1")["port_flaps"] == true).then_some(()));
    assert_eq!(fleet.said("port flapping"), 1, "{:#?}", fleet.journal());
    // What was made for a port that is gone already stays as an engine like any other.
    let all_offered = || {
        let engines = fleet.engines();
        (engines.len() >= 10 && fleet.all_engines().len() == engines.len()).then_some(engines)
    };
    let rests = eventually("ten engines or more, and none on its way", SOON, all_offered);
    std::thread::sleep(A_WHILE);
    let created = happenings.engines_created().len();
    assert!(created <= 4, "six changes cost {created} engines");
    assert_eq!(lives_on(&ground, &engines, "gluetun2"), others, "{rests:?}");
}
