//! VPNs' containers fail: they are killed, restarted, recreated, paused, one of them or all.

use crate::fleet::{AT_ONCE, Fleet, Listed, Plan, SOON, by_vpn};
use crate::fleets::{run_again, two_vpns};
use crate::ground::{Ground, eventually};
use crate::happenings::{Happenings, Life, lives};
use crate::viewer::Viewer;
use crate::vigil::{self, answers};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// Long enough for several double checks.
const PAUSED_FOR: Duration = Duration::from_secs(4);

/// Ten engines on two VPNs.
pub(crate) fn ten_engines(ground: &Ground) -> (Fleet, Vec<Listed>) {
    ten_engines_as(ground, Plan::behind(ground, &["gluetun1", "gluetun2"]))
}

/// The same with other settings.
pub(crate) fn ten_engines_as(ground: &Ground, plan: Plan) -> (Fleet, Vec<Listed>) {
    two_vpns(ground);
    let fleet = Fleet::start(plan.with("MIN_REPLICAS", "10"));
    let engines = comes_back(ground, &fleet);
    (fleet, engines)
}

pub(crate) fn five_each() -> BTreeMap<String, usize> {
    [("gluetun1".to_string(), 5), ("gluetun2".to_string(), 5)].into()
}

/// Those of these engines that are on a VPN.
pub(crate) fn on<'a>(engines: &'a [Listed], vpn: &str) -> Vec<&'a Listed> {
    engines.iter().filter(|engine| engine.vpn.as_deref() == Some(vpn)).collect()
}

/// The lives of the engines on a VPN, in truth.
pub(crate) fn lives_on(ground: &Ground, engines: &[Listed], vpn: &str) -> BTreeMap<String, Life> {
    lives(ground, on(engines, vpn).into_iter().map(|engine| engine.name.as_str()))
}

/// Waits until no engine of a VPN is offered, no longer than a person would.
pub(crate) fn hides(fleet: &Fleet, vpn: &str) {
    let began = Instant::now();
    eventually(&format!("no engine of {vpn} is offered"), AT_ONCE, || {
        on(&fleet.engines(), vpn).is_empty().then_some(())
    });
    println!("engines of {vpn} hidden {:?} after it was done", began.elapsed());
}

/// Waits until there are ten engines again, five on each VPN, that all answer, with one carrier on each.
pub(crate) fn comes_back(ground: &Ground, fleet: &Fleet) -> Vec<Listed> {
    let began = Instant::now();
    let engines = eventually("five engines on each VPN, one of them with its port", SOON, || {
        let engines = fleet.engines();
        let carriers =
            |vpn: &str| on(&engines, vpn).into_iter().filter(|engine| engine.forwarded).count() == 1;
        let settled = by_vpn(&engines) == five_each() && carriers("gluetun1") && carriers("gluetun2");
        (settled && fleet.all_engines().len() == 10).then_some(engines)
    });
    println!("ten engines again {:?} later", began.elapsed());
    for engine in &engines {
        assert!(answers(ground, engine), "{engine:?}");
    }
    engines
}

/// Waits until this is told of emergencies.
pub(crate) fn emergency(fleet: &Fleet, active: bool) {
    let told = eventually(&format!("emergency: {active}"), SOON, || {
        let told = fleet.get("/vpn/status")["emergency_mode"].clone();
        (told["active"] == active).then_some(told)
    });
    if active {
        assert_eq!((&told["failed_vpn"], &told["healthy_vpn"]), (&"gluetun1".into(), &"gluetun2".into()));
        assert_eq!(told["failed_vpns"], serde_json::json!(["gluetun1"]));
        assert!(told["entered_at"].is_string(), "{told}");
    } else {
        assert!(told["failed_vpn"].is_null() && told["entered_at"].is_null(), "{told}");
    }
}

/// acestream-1 to -10.
fn ten_names() -> Vec<String> {
    (1..=10).map(|number| format!("acestream-{number}")).collect()
}

#[test]
fn engines_of_a_killed_vpn_are_hidden_at_once_and_ten_are_there_again_when_it_is_back() {
    let ground = Ground::take();
    let (fleet, engines) = ten_engines(&ground);
    let others = lives_on(&ground, &engines, "gluetun2");
    let happenings = Happenings::from_now(&ground);
    let ((), _) = vigil::during(&ground, &fleet, || {
        ground.kill(&["gluetun1"]);
        hides(&fleet, "gluetun1");
        emergency(&fleet, true);
        // What is on a VPN that is gone goes too, and is not made up for on the other one.
        eventually("only engines of the other VPN exist", SOON, || {
            (fleet.all_engines().len() == 5).then_some(())
        });
        assert_eq!(happenings.engines_created(), Vec::<String>::new());

        ground.start(&["gluetun1"]);
        ground.is_healthy("gluetun1");
        println!("Docker calls the VPN healthy");
        comes_back(&ground, &fleet);
    });
    emergency(&fleet, false);
    let gone: Vec<String> = on(&engines, "gluetun1").into_iter().map(|engine| engine.name.clone()).collect();
    let mut created = happenings.engines_created();
    created.sort();
    let mut expected = gone;
    expected.sort();
    assert_eq!(created, expected, "each name is used again, and nothing is created twice");
    assert_eq!(ground.names("acestream-"), ten_names());
    assert_eq!(lives_on(&ground, &engines, "gluetun2"), others, "the other VPN's engines are not touched");
}

#[test]
fn engines_of_a_vpn_that_is_restarted_are_hidden_at_once_and_restarted_in_place() {
    let ground = Ground::take();
    let (fleet, engines) = ten_engines(&ground);
    let (before, others) = (lives_on(&ground, &engines, "gluetun1"), lives_on(&ground, &engines, "gluetun2"));
    let happenings = Happenings::from_now(&ground);
    let (engines_after, _) = vigil::during(&ground, &fleet, || {
        ground.restart("gluetun1");
        let restarted = Instant::now();
        eventually("its engines are gone from the list", AT_ONCE, || {
            on(&fleet.engines(), "gluetun1").is_empty().then_some(())
        });
        println!("hidden at the latest {:?} after the restart was over", restarted.elapsed());
        let engines = comes_back(&ground, &fleet);
        println!("all reachable {:?} after the restart was over", restarted.elapsed());
        engines
    });
    assert_eq!(lives_on(&ground, &engines, "gluetun2"), others, "the other VPN's engines are not touched");
    let after = lives_on(&ground, &engines_after, "gluetun1");
    assert_eq!(after.keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
    for engine in on(&engines, "gluetun1") {
        let ((id_before, started_before), (id, started)) = (&before[&engine.name], &after[&engine.name]);
        assert_ne!(started, started_before, "{engine:?} was restarted");
        // The forwarded port may be another one after a restart, so its carrier is made anew.
        assert!(id == id_before || engine.forwarded, "{engine:?} was restarted in place");
    }
    assert!(happenings.engines_created().len() <= 1, "{:?}", happenings.engines_created());
}

#[test]
fn engines_of_a_vpn_that_crashes_are_restarted_in_place_after_docker_has_restarted_it() {
    let ground = Ground::take();
    let (fleet, engines) = ten_engines(&ground);
    let (before, others) = (lives_on(&ground, &engines, "gluetun1"), lives_on(&ground, &engines, "gluetun2"));
    let happenings = Happenings::from_now(&ground);
    vigil::during(&ground, &fleet, || {
        ground.crash("gluetun1");
        hides(&fleet, "gluetun1");
        comes_back(&ground, &fleet);
    });
    emergency(&fleet, false);
    let created = happenings.engines_created();
    let carrier = on(&engines, "gluetun1").into_iter().find(|engine| engine.forwarded).expect("a carrier");
    assert!(created.is_empty() || created == [carrier.name.clone()], "{created:?}");
    for (name, (id, _)) in lives_on(&ground, &fleet.engines(), "gluetun1") {
        assert!(name == carrier.name || id == before[&name].0, "{name} was restarted in place");
    }
    assert_eq!(lives_on(&ground, &engines, "gluetun2"), others, "the other VPN's engines are not touched");
}

#[test]
fn engines_of_a_vpn_that_is_recreated_are_made_anew_with_the_names_and_ports_they_had() {
    let ground = Ground::take();
    let (fleet, engines) = ten_engines(&ground);
    let others = lives_on(&ground, &engines, "gluetun2");
    let happenings = Happenings::from_now(&ground);
    let (after, _) = vigil::during(&ground, &fleet, || {
        ground.remove("gluetun1");
        run_again(&ground, "gluetun1", "40001");
        let recreated = Instant::now();
        eventually("its old engines are gone from the list", AT_ONCE, || {
            let listed = fleet.engines();
            on(&engines, "gluetun1").iter().all(|old| listed.iter().all(|new| new.id != old.id)).then_some(())
        });
        let after = comes_back(&ground, &fleet);
        println!("all reachable {:?} after the VPN was created", recreated.elapsed());
        after
    });
    let ports = |engines: &[Listed]| engines.iter().map(|engine| engine.port).collect::<Vec<_>>();
    assert_eq!(ports(&after), ports(&engines));
    assert_eq!(ground.names("acestream-"), ten_names());
    assert_eq!(happenings.engines_created().len(), 5, "{:?}", happenings.engines_created());
    assert_eq!(lives_on(&ground, &engines, "gluetun2"), others, "the other VPN's engines are not touched");
}

#[test]
fn engines_of_a_paused_vpn_stay_offered_because_they_stay_connected() {
    let ground = Ground::take();
    let (fleet, engines) = ten_engines(&ground);
    let before = lives(&ground, engines.iter().map(|engine| engine.name.as_str()));
    let paused = Instant::now();
    // The real tunnel goes on while Gluetun is paused; its stand-in cannot say so then.
    for engine in on(&engines, "gluetun1") {
        ground.engine_fault("gluetun1", engine.port, "connected=true");
    }
    let ((), seen) = vigil::during(&ground, &fleet, || {
        ground.pause("gluetun1");
        eventually("its engines are asked, and vouch for it again and again", SOON, || {
            let vpn = fleet.vpn("gluetun1");
            let vouched = vpn["status"] == "paused" && vpn["doubt"].is_string() && vpn["connected"] == true;
            (vouched && paused.elapsed() > PAUSED_FOR).then_some(())
        });
        ground.unpause("gluetun1");
        eventually("the VPN runs, and nobody doubts it", SOON, || {
            let vpn = fleet.vpn("gluetun1");
            (vpn["status"] == "running" && vpn["health"] == "healthy" && vpn["doubt"].is_null()).then_some(())
        });
    });
    assert!(fleet.said("VPN double-check") > 0, "{:#?}", fleet.journal());
    assert_eq!(seen.fewest, 10);
    assert_eq!(lives(&ground, engines.iter().map(|engine| engine.name.as_str())), before);
}

#[test]
fn with_both_vpns_down_nothing_is_offered_and_it_is_said_why_and_when_something_is_done() {
    let ground = Ground::take();
    let (fleet, _) = ten_engines(&ground);
    let happenings = Happenings::from_now(&ground);
    ground.kill(&["gluetun1", "gluetun2"]);
    hides(&fleet, "gluetun1");
    hides(&fleet, "gluetun2");
    let status = eventually("the status says so", SOON, || {
        let status = fleet.get("/orchestrator/status");
        (status["provisioning"]["blocked_reason_details"]["code"] == "vpn_disconnected").then_some(status)
    });
    assert_eq!(status["provisioning"]["can_provision"], false);
    assert!(status["provisioning"]["blocked_reason"].is_string(), "{status}");
    assert!(
        status["provisioning"]["blocked_reason_details"]["recovery_eta_seconds"].is_u64(),
        "it is said when something is done: {status}"
    );
    assert_eq!(status["vpn"]["connected"], false);
    assert_eq!(status["status"], "unavailable");
    let emergency = &fleet.get("/vpn/status")["emergency_mode"];
    assert_eq!(emergency["failed_vpns"], serde_json::json!(["gluetun1", "gluetun2"]), "{emergency}");
    assert_eq!(emergency["healthy_vpns"], serde_json::json!([]), "{emergency}");
    let refused = fleet.post("/provision/acestream", &serde_json::json!({ "labels": {}, "env": {} }));
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert_eq!(refused.json()["detail"]["code"], "vpn_disconnected");

    ground.start(&["gluetun1", "gluetun2"]);
    comes_back(&ground, &fleet);
    assert_eq!(ground.names("acestream-"), ten_names());
    let created = happenings.engines_created();
    let once: BTreeSet<_> = created.iter().collect();
    assert_eq!(once.len(), created.len(), "nothing is created twice: {created:?}");
    let status = fleet.get("/orchestrator/status");
    assert_eq!(status["vpn"]["connected"], true);
    assert_eq!(status["provisioning"]["blocked_reason"], serde_json::Value::Null);
}

#[test]
fn an_engine_with_a_viewer_is_never_touched_while_the_other_vpn_restarts() {
    let ground = Ground::take();
    let (fleet, engines) = ten_engines(&ground);
    let others = lives_on(&ground, &engines, "gluetun2");
    let watched = on(&engines, "gluetun2")[0].clone();
    let viewer = Viewer::watches(&ground, &watched, "a0b1c2d3e4f5a0b1c2d3e4f5a0b1c2d3e4f5a0b1");
    let stream = viewer.announces(&fleet);
    let ((), _) = vigil::during(&ground, &fleet, || {
        ground.restart("gluetun1");
        comes_back(&ground, &fleet);
    });
    let streams = fleet.get("/streams?status=started");
    assert_eq!(streams[0]["id"], stream.as_str(), "{streams}");
    assert_eq!(streams[0]["container_id"], watched.id.as_str(), "{streams}");
    let silence = viewer.silence();
    println!("the viewer heard nothing for {silence:?} at most");
    assert!(silence <= AT_ONCE * 2, "the viewer heard nothing for {silence:?}");
    assert_eq!(lives_on(&ground, &engines, "gluetun2"), others, "the other VPN's engines are not touched");
}
