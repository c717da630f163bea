//! VPNs' tunnels fail while their containers run, or are only said to: whom acefleet believes, and what it does about
//! it.

use crate::fleet::{Fleet, Listed, Plan, SOON};
use crate::fleets::vpn_env;
use crate::ground::{Ground, eventually};
use crate::happenings::{Happenings, lives};
use crate::vigil;
use crate::vpn_failures::{
    comes_back, emergency, five_each, hides, lives_on, on, ten_engines, ten_engines_as,
};
use serde_json::Value;
use std::time::{Duration, Instant};

/// Long enough for several checks of everything.
const A_WHILE: Duration = Duration::from_secs(4);
/// Gluetun's check notices soon, so that the stories are short.
const NOTICES_SOON: (&str, &str) = ("STANDIN_HEALTH_LAG_MS", "200");

/// Ten engines on two VPNs that are found unhealthy soon, which are mended after so many seconds.
fn ten_engines_mended_after(ground: &Ground, seconds: &str) -> (Fleet, Vec<Listed>) {
    for (name, port) in [("gluetun1", "40001"), ("gluetun2", "40002")] {
        ground.run_vpn(name, &[&vpn_env(port)[..], &[NOTICES_SOON]].concat());
    }
    let plan = Plan::behind(ground, &["gluetun1", "gluetun2"]).with("MIN_REPLICAS", "10");
    let fleet = Fleet::start(
        plan.with("VPN_UNHEALTHY_RESTART_TIMEOUT_S", seconds).with("GLUETUN_TELL_TIMEOUT_S", "2"),
    );
    let engines = comes_back(ground, &fleet);
    (fleet, engines)
}

/// All these engines' lives, in truth.
fn all_lives(ground: &Ground, engines: &[Listed]) -> impl PartialEq + std::fmt::Debug {
    lives(ground, engines.iter().map(|engine| engine.name.as_str()))
}

/// Since when a VPN's container runs.
fn started_at(ground: &Ground, vpn: &str) -> Value {
    ground.inspect(vpn).expect("it exists")["State"]["StartedAt"].clone()
}

/// Lets a moment pass in which something must not happen.
fn a_while_passes(during: impl Fn()) {
    let began = Instant::now();
    while began.elapsed() < A_WHILE {
        during();
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn engines_stay_offered_while_dockers_health_check_fails_and_they_are_connected() {
    let ground = Ground::take();
    let (fleet, engines) = ten_engines(&ground);
    let before = all_lives(&ground, &engines);
    let ((), seen) = vigil::during(&ground, &fleet, || {
        ground.vpn_fault("gluetun1", "health=unhealthy");
        eventually("the VPN is doubted, and its engines vouch for it", SOON, || {
            let vpn = fleet.vpn("gluetun1");
            (vpn["doubt"].is_string() && fleet.said("considering VPN healthy") > 0).then_some(())
        });
        a_while_passes(|| {
            let vpn = fleet.vpn("gluetun1");
            assert_eq!((&vpn["health"], &vpn["connected"]), (&"healthy".into(), &true.into()), "{vpn}");
        });
        ground.vpn_fault("gluetun1", "health=truth");
        eventually("nobody doubts it", SOON, || fleet.vpn("gluetun1")["doubt"].is_null().then_some(()));
    });
    assert_eq!(seen.fewest, 10);
    assert_eq!(all_lives(&ground, &engines), before);
    assert_eq!(fleet.said("entering emergency mode"), 0);
}

#[test]
fn engines_of_a_lost_tunnel_are_held_and_restarted_one_by_one_when_it_is_back() {
    let ground = Ground::take();
    let (fleet, engines) = ten_engines(&ground);
    let (before, others) = (lives_on(&ground, &engines, "gluetun1"), lives_on(&ground, &engines, "gluetun2"));
    let happenings = Happenings::from_now(&ground);
    ground.vpn_fault("gluetun1", "tunnel=dead&health=unhealthy");
    let lost = Instant::now();
    eventually("its engines are hidden", SOON, || on(&fleet.engines(), "gluetun1").is_empty().then_some(()));
    println!("hidden {:?} after the tunnel was lost", lost.elapsed());
    emergency(&fleet, true);
    a_while_passes(|| assert!(on(&fleet.engines(), "gluetun1").is_empty()));
    assert_eq!(lives_on(&ground, &engines, "gluetun1"), before, "they are held");

    ground.vpn_fault("gluetun1", "tunnel=up&health=truth");
    let back = Instant::now();
    let ((), seen) = vigil::during(&ground, &fleet, || {
        eventually("ten are offered", SOON, || (fleet.engines().len() == 10).then_some(()));
        println!("ten offered {:?} after the tunnel was back", back.elapsed());
        eventually("each of its engines was restarted", SOON, || {
            let after = lives_on(&ground, &engines, "gluetun1");
            before.iter().all(|(name, life)| after.get(name).is_some_and(|l| l.1 != life.1)).then_some(())
        });
        comes_back(&ground, &fleet);
        println!("all restarted {:?} after the tunnel was back", back.elapsed());
    });
    emergency(&fleet, false);
    assert!(seen.fewest >= 5, "the other VPN's engines stay offered");
    assert_eq!(happenings.engines_created(), Vec::<String>::new());
    for (name, (id, _)) in lives_on(&ground, &engines, "gluetun1") {
        assert_eq!(id, before[&name].0, "{name} was restarted in place");
    }
    let restarted = happenings.all("restart");
    assert_eq!(restarted.len(), 5, "each is restarted once: {restarted:?}");
    assert_eq!(lives_on(&ground, &engines, "gluetun2"), others, "the other VPN's engines are not touched");
}

#[test]
fn engines_are_not_restarted_when_the_tunnel_is_back_if_that_is_not_wanted() {
    let ground = Ground::take();
    let plan = Plan::behind(&ground, &["gluetun1", "gluetun2"]);
    let (fleet, engines) = ten_engines_as(&ground, plan.with("VPN_RESTART_ENGINES_ON_RECONNECT", "false"));
    let before = all_lives(&ground, &engines);
    ground.vpn_fault("gluetun1", "tunnel=dead&health=unhealthy");
    eventually("its engines are hidden", SOON, || on(&fleet.engines(), "gluetun1").is_empty().then_some(()));
    ground.vpn_fault("gluetun1", "tunnel=up&health=truth");
    eventually("ten are offered", SOON, || (fleet.engines().len() == 10).then_some(()));
    a_while_passes(|| assert_eq!(fleet.engines().len(), 10));
    assert_eq!(all_lives(&ground, &engines), before);
}

#[test]
fn with_every_tunnel_lost_nothing_is_offered_and_no_engine_is_removed() {
    let ground = Ground::take();
    let (fleet, engines) = ten_engines_mended_after(&ground, "3");
    let before = all_lives(&ground, &engines);
    for vpn in ["gluetun1", "gluetun2"] {
        ground.vpn_fault(vpn, "tunnel=dead");
    }
    eventually("nothing is offered", SOON, || fleet.engines().is_empty().then_some(()));
    let blocked = eventually("the status says why", SOON, || {
        let provisioning = fleet.get("/orchestrator/status")["provisioning"].clone();
        (provisioning["blocked_reason_details"]["code"] == "vpn_disconnected").then_some(provisioning)
    });
    assert!(blocked["blocked_reason_details"]["recovery_eta_seconds"].is_u64(), "{blocked}");
    // Longer than engines are held while another VPN carries on.
    a_while_passes(|| assert!(fleet.engines().is_empty()));
    assert_eq!(all_lives(&ground, &engines), before, "their network is intact");
    for vpn in ["gluetun1", "gluetun2"] {
        ground.vpn_fault(vpn, "tunnel=up");
    }
    let back = Instant::now();
    eventually("ten are offered", SOON, || (fleet.engines().len() == 10).then_some(()));
    println!("ten offered {:?} after the tunnels were back", back.elapsed());
    let after = comes_back(&ground, &fleet);
    let ids = |engines: &[Listed]| engines.iter().map(|engine| engine.id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&after), ids(&engines), "the same engines");
}

#[test]
fn a_tunnel_that_stays_lost_is_bounced_and_the_container_is_left_alone() {
    let ground = Ground::take();
    let (fleet, engines) = ten_engines_mended_after(&ground, "6");
    let vpn_before = started_at(&ground, "gluetun1");
    let others = lives_on(&ground, &engines, "gluetun2");
    ground.vpn_fault("gluetun1", "tunnel=cut");
    eventually("its engines are hidden", SOON, || on(&fleet.engines(), "gluetun1").is_empty().then_some(()));
    let next = fleet.vpn("gluetun1");
    assert!(next["next_repair"].is_string() && next["next_repair_at"].is_string(), "{next}");
    eventually("its tunnel is bounced", SOON, || (fleet.said("its tunnel is bounced") > 0).then_some(()));
    comes_back(&ground, &fleet);
    assert_eq!(fleet.said("its tunnel is bounced"), 1);
    assert_eq!(fleet.said("its container is restarted"), 0);
    assert_eq!(started_at(&ground, "gluetun1"), vpn_before);
    assert_eq!(lives_on(&ground, &engines, "gluetun2"), others, "the other VPN's engines are not touched");
}

#[test]
fn a_vpn_whose_tunnel_has_crashed_for_good_is_restarted_once() {
    let ground = Ground::take();
    let (fleet, engines) = ten_engines_mended_after(&ground, "5");
    let others = lives_on(&ground, &engines, "gluetun2");
    let happenings = Happenings::from_now(&ground);
    ground.vpn_fault("gluetun1", "tunnel=crashed");
    let lost = Instant::now();
    vigil::during(&ground, &fleet, || {
        eventually("its container is restarted", SOON, || {
            happenings.all("restart").contains(&"gluetun1".to_string()).then_some(())
        });
        println!("restarted {:?} after the tunnel was lost", lost.elapsed());
        comes_back(&ground, &fleet);
    });
    assert_eq!(fleet.said("its tunnel is bounced"), 0, "Gluetun does not bounce such a tunnel");
    assert_eq!(happenings.all("restart").iter().filter(|name| *name == "gluetun1").count(), 1);
    emergency(&fleet, false);
    assert_eq!(lives_on(&ground, &engines, "gluetun2"), others, "the other VPN's engines are not touched");
}

#[test]
fn a_vpn_that_a_person_stops_is_started_once_and_then_left_to_him() {
    let ground = Ground::take();
    let (fleet, engines) = ten_engines_mended_after(&ground, "3");
    let others = lives_on(&ground, &engines, "gluetun2");
    ground.stop("gluetun1");
    hides(&fleet, "gluetun1");
    let next = fleet.vpn("gluetun1");
    assert_eq!(next["next_repair"], "its container is started", "{next}");
    comes_back(&ground, &fleet);
    assert_eq!(fleet.said("its container is started"), 1, "{:#?}", fleet.journal());

    ground.stop("gluetun1");
    hides(&fleet, "gluetun1");
    eventually("it is for a person", SOON, || (fleet.said("is for a person to mend") > 0).then_some(()));
    a_while_passes(|| {
        let state = ground.inspect("gluetun1").expect("it exists")["State"]["Running"].clone();
        assert_eq!(state, false, "who stops it twice means it");
    });
    assert_eq!(fleet.vpn("gluetun1")["next_repair"], Value::Null);
    assert_eq!(lives_on(&ground, &engines, "gluetun2"), others, "the other VPN's engines are not touched");
    assert_eq!(five_each()["gluetun2"], on(&fleet.engines(), "gluetun2").len());
}
