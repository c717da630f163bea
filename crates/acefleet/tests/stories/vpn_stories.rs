//! Longer stories of VPNs: somebody watches, there is one VPN alone, there are three, and the incident that the fleet
//! has to survive.

use crate::fleet::{AT_ONCE, Fleet, Plan, SOON, by_vpn};
use crate::fleets::vpn_env;
use crate::ground::{Ground, eventually};
use crate::happenings::{Happenings, lives};
use crate::viewer::Viewer;
use crate::vigil::{self, answers};
use crate::vpn_failures::{comes_back, emergency, hides, lives_on, on, ten_engines, ten_engines_as};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

const CHANNEL: &str = "a0b1c2d3e4f5a0b1c2d3e4f5a0b1c2d3e4f5a0b1";
const ANOTHER: &str = "b0b1c2d3e4f5a0b1c2d3e4f5a0b1c2d3e4f5a0b1";

#[test]
fn a_vpn_stopped_by_hand_that_comes_back_with_another_port_costs_each_engine_once_and_no_viewer() {
    let ground = Ground::take();
    for (name, port) in [("gluetun1", "40001"), ("gluetun2", "40002")] {
        let late = ("STANDIN_PORT_AFTER_MS", "2000");
        ground.run_vpn(name, &[&vpn_env(port)[..2], &[late]].concat());
    }
    let plan = Plan::behind(&ground, &["gluetun1", "gluetun2"]).with("VPN_UNHEALTHY_RESTART_TIMEOUT_S", "6");
    let fleet = Fleet::start(plan.with("MIN_REPLICAS", "10").with("VPN_RECOVERY_STABILIZATION_S", "6"));
    let engines = comes_back(&ground, &fleet);
    let others = lives_on(&ground, &engines, "gluetun2");
    let viewer = Viewer::watches(&ground, on(&engines, "gluetun2")[1], CHANNEL);
    let stream = viewer.announces(&fleet);
    let happenings = Happenings::from_now(&ground);
    vigil::during(&ground, &fleet, || {
        ground.stop("gluetun1");
        hides(&fleet, "gluetun1");
        emergency(&fleet, true);
        eventually("the program starts it", SOON, || {
            happenings.all("start").contains(&"gluetun1".to_string()).then_some(())
        });
        ground.vpn_fault("gluetun1", "port=40111");
        eventually("its new port is carried", SOON, || {
            on(&fleet.engines(), "gluetun1")
                .into_iter()
                .find(|e| e.forwarded && e.p2p == Some(40_111))
                .cloned()
        });
        comes_back(&ground, &fleet);
    });
    emergency(&fleet, false);
    let created = happenings.engines_created();
    let once: BTreeSet<_> = created.iter().collect();
    // Five are made anew, and a carrier when the port is known.
    assert!((5..=6).contains(&created.len()) && once.len() >= created.len() - 1, "{created:?}");
    assert!(happenings.most_engines(10) <= 11, "never more than ten, and one that takes another one's place");
    assert_eq!(lives_on(&ground, &engines, "gluetun2"), others, "the other VPN's engines are not touched");
    assert_eq!(fleet.get("/streams?status=started")[0]["id"], stream.as_str());
    let silence = viewer.silence();
    println!("the viewer heard nothing for {silence:?} at most");
    assert!(silence <= AT_ONCE * 2, "the viewer heard nothing for {silence:?}");
}

#[test]
fn a_stream_whose_engine_is_gone_with_its_vpn_is_told_as_ended() {
    let ground = Ground::take();
    let (fleet, engines) = ten_engines(&ground);
    let viewer = Viewer::watches(&ground, on(&engines, "gluetun1")[1], CHANNEL);
    let stream = viewer.announces(&fleet);
    let stays = Viewer::watches(&ground, on(&engines, "gluetun2")[1], ANOTHER);
    let other_stream = stays.announces(&fleet);
    ground.kill(&["gluetun1"]);
    hides(&fleet, "gluetun1");
    eventually("its stream has ended", SOON, || {
        let ended = fleet.get("/streams?status=ended");
        ended.as_array()?.iter().find(|over| over["id"] == stream.as_str()).cloned()
    });
    let started = fleet.get("/streams?status=started");
    let ids: Vec<&Value> = started.as_array().expect("a list").iter().map(|stream| &stream["id"]).collect();
    assert_eq!(ids, [other_stream.as_str()]);
}

#[test]
fn after_a_lost_tunnel_an_engine_with_a_viewer_is_restarted_only_when_he_has_left() {
    let ground = Ground::take();
    let (fleet, engines) = ten_engines(&ground);
    let before = lives_on(&ground, &engines, "gluetun1");
    let watched = on(&engines, "gluetun1")[2].clone();
    let viewer = Viewer::watches(&ground, &watched, CHANNEL);
    let stream = viewer.announces(&fleet);
    ground.vpn_fault("gluetun1", "tunnel=dead&health=unhealthy");
    eventually("its engines are hidden", SOON, || on(&fleet.engines(), "gluetun1").is_empty().then_some(()));
    ground.vpn_fault("gluetun1", "tunnel=up&health=truth");
    let restarted = |count: usize| {
        eventually(&format!("{count} of its engines were restarted"), SOON, || {
            let after = lives_on(&ground, &engines, "gluetun1");
            let fresh: Vec<String> = after
                .iter()
                .filter(|(name, life)| before[*name] != **life)
                .map(|(name, _)| name.clone())
                .collect();
            (fresh.len() == count).then_some(fresh)
        })
    };
    let idle = restarted(4);
    assert!(!idle.contains(&watched.name), "{idle:?}");
    eventually("ten are offered", SOON, || (fleet.engines().len() == 10).then_some(()));
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(lives(&ground, [watched.name.as_str()])[&watched.name], before[&watched.name]);
    assert_eq!(fleet.get("/streams?status=started")[0]["id"], stream.as_str());
    let ended = json!({ "stream_id": stream, "reason": "he has left" });
    drop(viewer);
    assert_eq!(fleet.post("/events/stream_ended", &ended).json()["updated"], true);
    restarted(5);
    comes_back(&ground, &fleet);
}

#[test]
fn with_one_vpn_its_restart_hides_all_and_brings_the_same_engines_back() {
    let ground = Ground::take();
    ground.run_vpn("gluetun1", &vpn_env("40001"));
    let fleet = Fleet::start(Plan::behind(&ground, &["gluetun1"]).with("MIN_REPLICAS", "4"));
    let engines = fleet.settles_at(4);
    let happenings = Happenings::from_now(&ground);
    let (after, _) = vigil::during(&ground, &fleet, || {
        ground.restart("gluetun1");
        eventually("it is said that there is no VPN", AT_ONCE, || {
            let status = fleet.get("/orchestrator/status");
            let why = &status["provisioning"]["blocked_reason_details"];
            (why["code"] == "vpn_disconnected" && why["recovery_eta_seconds"].is_u64()).then_some(())
        });
        assert!(fleet.engines().is_empty());
        // With one VPN there is no emergency: nobody could carry on.
        assert_eq!(fleet.get("/vpn/status")["emergency_mode"]["active"], false);
        eventually("four engines, one of them with the port", SOON, || {
            let engines = fleet.engines();
            let carriers = engines.iter().filter(|engine| engine.forwarded).count();
            (engines.len() == 4 && carriers == 1 && fleet.all_engines().len() == 4).then_some(engines)
        })
    });
    assert!(happenings.engines_created().len() <= 1, "{:?}", happenings.engines_created());
    let ports =
        |engines: &[crate::fleet::Listed]| engines.iter().map(|engine| engine.port).collect::<Vec<_>>();
    assert_eq!(ports(&after), ports(&engines));
    assert!(after.iter().all(|engine| answers(&ground, engine)), "{after:?}");
}

#[test]
fn of_three_vpns_two_fail_and_the_third_carries_on() {
    let ground = Ground::take();
    let vpns = ["gluetun1", "gluetun2", "gluetun3"];
    for (name, port) in vpns.into_iter().zip(["40001", "40002", "40003"]) {
        ground.run_vpn(name, &vpn_env(port));
    }
    let fleet = Fleet::start(Plan::behind(&ground, &vpns).with("MIN_REPLICAS", "6"));
    let balanced = || {
        eventually("two engines on each VPN", SOON, || {
            let engines = fleet.engines();
            let each = vpns.map(|vpn| (vpn.to_string(), 2)).into();
            let carriers = engines.iter().filter(|engine| engine.forwarded).count();
            (by_vpn(&engines) == each && carriers == 3 && fleet.all_engines().len() == 6).then_some(engines)
        })
    };
    let engines = balanced();
    let others = lives_on(&ground, &engines, "gluetun3");
    ground.kill(&["gluetun1", "gluetun2"]);
    hides(&fleet, "gluetun1");
    hides(&fleet, "gluetun2");
    let told = eventually("both have failed", SOON, || {
        let told = fleet.get("/vpn/status")["emergency_mode"].clone();
        (told["failed_vpns"] == json!(["gluetun1", "gluetun2"])).then_some(told)
    });
    assert_eq!((&told["active"], &told["healthy_vpn"]), (&true.into(), &"gluetun3".into()), "{told}");
    ground.start(&["gluetun1"]);
    eventually("one has failed", SOON, || {
        let told = fleet.get("/vpn/status")["emergency_mode"].clone();
        (told["failed_vpns"] == json!(["gluetun2"])).then_some(())
    });
    ground.start(&["gluetun2"]);
    balanced();
    emergency(&fleet, false);
    assert_eq!(lives_on(&ground, &engines, "gluetun3"), others, "the third VPN's engines are not touched");
}

#[test]
fn in_an_emergency_that_lasts_the_other_vpn_becomes_the_fleet_and_gives_back_what_it_took() {
    let ground = Ground::take();
    let plan = Plan::behind(&ground, &["gluetun1", "gluetun2"]).with("EMERGENCY_REFILL", "true");
    let (fleet, engines) = ten_engines_as(&ground, plan);
    let others = lives_on(&ground, &engines, "gluetun2");
    ground.kill(&["gluetun1"]);
    eventually("ten engines on the other VPN", SOON, || {
        let engines = fleet.engines();
        (on(&engines, "gluetun2").len() == 10 && fleet.all_engines().len() == 10).then_some(())
    });
    emergency(&fleet, true);
    assert_eq!(lives_on(&ground, &engines, "gluetun2"), others);
    ground.start(&["gluetun1"]);
    let engines = comes_back(&ground, &fleet);
    emergency(&fleet, false);
    assert_eq!(engines.len(), 10);
}
