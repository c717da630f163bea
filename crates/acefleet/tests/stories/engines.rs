//! Engines crash, hang, are taken away; and containers of other people are in their way.

use crate::fleet::{AT_ONCE, Fleet, Listed, Plan, SOON};
use crate::fleets::two_vpns;
use crate::ground::{Ground, eventually};
use crate::happenings::Life;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Instant;

fn four_engines(ground: &Ground) -> (Fleet, Vec<Listed>) {
    two_vpns(ground);
    let plan = Plan::behind(ground, &["gluetun1", "gluetun2"]).with("MIN_REPLICAS", "4");
    let fleet = Fleet::start(plan.with("PROBE_TIMEOUT_S", "1").with("HEALTH_FAILURE_THRESHOLD", "2"));
    let engines = fleet.settles_at(4);
    (fleet, engines)
}

fn vpn(engine: &Listed) -> &str {
    engine.vpn.as_deref().expect("it is behind a VPN")
}

/// One that does not carry the forwarded port, which is replaced in its own way.
fn plain(engines: &[Listed]) -> &Listed {
    engines.iter().find(|engine| !engine.forwarded).expect("not every engine carries the port")
}

fn is_offered(fleet: &Fleet, id: &str) -> bool {
    fleet.engines().iter().any(|engine| engine.id == id)
}

fn is_hidden_at_once(fleet: &Fleet, id: &str) {
    let began = Instant::now();
    eventually("it is hidden", AT_ONCE, || (!is_offered(fleet, id)).then_some(()));
    println!("hidden after {:?}", began.elapsed());
}

/// Every other engine is the same as before, and was not started again.
fn others_are_untouched(ground: &Ground, fleet: &Fleet, before: &Lives, but: &str) {
    assert_eq!(fleet.all_engines().len(), before.len());
    let now = ground.lives();
    for (name, life) in before.iter().filter(|(name, _)| *name != but) {
        assert_eq!(now.get(name), Some(life), "{name}");
    }
}

type Lives = BTreeMap<String, Life>;

#[test]
fn an_engine_that_crashes_is_hidden_until_it_answers_again_and_is_the_same_engine_then() {
    let ground = Ground::take();
    let (fleet, engines) = four_engines(&ground);
    let lives = ground.lives();
    let victim = plain(&engines);
    let began = Instant::now();
    ground.crash(&victim.name);
    eventually("it was hidden, and is offered again", SOON, || {
        let hidden = fleet.said(&format!("engine {} is hidden", victim.name)) == 1;
        (hidden && is_offered(&fleet, &victim.id)).then_some(())
    });
    println!("offered again {:?} after the crash", began.elapsed());
    others_are_untouched(&ground, &fleet, &lives, &victim.name);
    let told = ground.inspect(&victim.name).expect("it exists");
    assert_eq!((&told["Id"], &told["RestartCount"]), (&victim.id.as_str().into(), &1.into()));
}

#[test]
fn an_engine_that_somebody_has_killed_is_hidden_at_once_and_started_again() {
    let ground = Ground::take();
    let (fleet, engines) = four_engines(&ground);
    let lives = ground.lives();
    let victim = plain(&engines);
    ground.kill(&[&victim.name]);
    is_hidden_at_once(&fleet, &victim.id);
    assert_eq!(fleet.settles_at(4).len(), 4);
    others_are_untouched(&ground, &fleet, &lives, &victim.name);
    assert_eq!(ground.lives()[&victim.name].0, victim.id);
}

#[test]
fn an_engine_that_crashes_again_and_again_is_replaced() {
    let ground = Ground::take();
    let (fleet, engines) = four_engines(&ground);
    let lives = ground.lives();
    let victim = plain(&engines);
    let is_gone = || ground.lives().get(&victim.name).is_none_or(|(id, _)| *id != victim.id);
    // Three times, and again if Docker had it back before anybody could look.
    let mut crashes = 0;
    eventually("it is gone for good", SOON, || {
        let told = ground.inspect(&victim.name).filter(|told| told["Id"] == victim.id.as_str());
        let runs = told.is_some_and(|told| {
            let restarted = told["RestartCount"] == crashes;
            restarted && told["State"]["Status"] == "running" && told["State"]["Pid"].as_u64() > Some(1)
        });
        if runs {
            ground.crash(&victim.name);
            crashes += 1;
        }
        is_gone().then_some(())
    });
    println!("gone after {crashes} crashes");
    assert!(crashes >= 3, "it was given up after {crashes} crashes");
    fleet.settles_at(4);
    others_are_untouched(&ground, &fleet, &lives, &victim.name);
    assert_eq!(ground.names("acestream-").len(), 4);
}

#[test]
fn an_engine_that_hangs_is_hidden_and_replaced_and_nobody_else_is() {
    let ground = Ground::take();
    let (fleet, engines) = four_engines(&ground);
    let lives = ground.lives();
    let victim = plain(&engines);
    let began = Instant::now();
    ground.engine_fault(vpn(victim), victim.port, "hang=true");
    eventually("it is hidden", SOON, || (!is_offered(&fleet, &victim.id)).then_some(()));
    println!("hidden {:?} after it has begun to hang", began.elapsed());
    let unhealthy = fleet.get("/health/status")["unhealthy_engines"].as_u64();
    println!("unhealthy: {unhealthy:?}");
    eventually("it is gone", SOON, || {
        (fleet.all_engines().iter().all(|engine| engine.id != victim.id)).then_some(())
    });
    println!("gone {:?} after it has begun to hang", began.elapsed());
    fleet.settles_at(4);
    let now = ground.lives();
    for (name, life) in lives.iter().filter(|(name, _)| **name != victim.name) {
        assert_eq!(now.get(name), Some(life), "{name}");
    }
    assert_eq!(now.len(), 4);
}

#[test]
fn an_engine_that_somebody_removes_is_replaced_with_the_lowest_name_that_is_free() {
    let ground = Ground::take();
    let (fleet, engines) = four_engines(&ground);
    let lives = ground.lives();
    let victim = engines.iter().find(|engine| engine.name == "acestream-2").expect("there is a second one");
    ground.remove("acestream-2");
    is_hidden_at_once(&fleet, &victim.id);
    let told = fleet.settles_at(4);
    assert_eq!(vpn(told.iter().find(|engine| engine.name == "acestream-2").expect("again")), vpn(victim));
    others_are_untouched(&ground, &fleet, &lives, "acestream-2");
}

#[test]
fn a_name_that_somebody_else_has_is_passed_over_and_his_container_is_not_ours() {
    let ground = Ground::take();
    ground.run_somebody("acestream-3", &[], &[]);
    let foreign = ground.inspect("acestream-3").expect("it exists");
    let (fleet, engines) = four_engines(&ground);
    let mut names: Vec<&str> = engines.iter().map(|engine| engine.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["acestream-1", "acestream-2", "acestream-4", "acestream-5"]);
    let id = foreign["Id"].as_str().expect("an id");
    for named in [id, &id[..12], "acestream-3"] {
        let refused = fleet.delete(&format!("/containers/{named}"));
        assert_eq!(refused.status, 404, "{}", refused.text());
        assert_eq!(fleet.try_get(&format!("/containers/{named}")).map(|answer| answer.status), Some(404));
    }
    drop(fleet);
    let after = ground.inspect("acestream-3").expect("it exists");
    assert_eq!(after["State"]["StartedAt"], foreign["State"]["StartedAt"]);
}

/// Ports of the host that nobody uses, the same number in a row.
fn free_ports(count: u16) -> u16 {
    let is_free = |port| TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok();
    let seed = std::process::id() % 800;
    let starts = (0..800).map(|step| 20_000 + 10 * u16::try_from((seed + step) % 800).expect("it is small"));
    let mut free = starts.filter(|start| (*start..start + count).all(is_free));
    free.next().expect("some ports are free")
}

#[test]
fn ports_of_the_host_that_somebody_else_has_are_passed_over() {
    let ground = Ground::take();
    let first = free_ports(6);
    // One is published by another container, one is used by a program outside of Docker.
    ground.run_somebody("somebody", &[], &[(6878, first)]);
    let _held = TcpListener::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, first + 1))).expect("it is free");
    let plan = Plan::behind(&ground, &[]).with("MIN_REPLICAS", "3");
    let fleet = Fleet::start(plan.with("PORT_RANGE_HOST", &format!("{first}-{}", first + 5)));
    let engines = fleet.settles_at(3);
    let ports: Vec<u16> = engines.iter().map(|engine| engine.port).collect();
    assert_eq!(ports, [first + 2, first + 3, first + 4]);
    assert_eq!(ground.names("acestream-").len(), 3);
    for engine in &engines {
        let told = ground.inspect(&engine.name).expect("it exists");
        let bound = &told["HostConfig"]["PortBindings"][format!("{}/tcp", engine.port)][0]["HostPort"];
        assert_eq!(bound, &Value::from(engine.port.to_string()));
    }
}
