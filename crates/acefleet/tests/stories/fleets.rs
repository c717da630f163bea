//! A fleet from nothing: how many engines, where, and what they are given.

use crate::fleet::{Fleet, Listed, Plan, SOON, by_vpn};
use crate::ground::{Ground, eventually};
use crate::vigil::{answers, reaches};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Instant;

/// A VPN whose port is there before its first engine, so that it needs no second carrier.
pub(crate) const fn vpn_env(ports: &str) -> [(&str, &str); 3] {
    [("STANDIN_PORTS", ports), ("STANDIN_STARTING_MS", "100"), ("STANDIN_PORT_AFTER_MS", "0")]
}

/// Two VPNs with a forwarded port each.
pub(crate) fn two_vpns(ground: &Ground) {
    ground.run_vpn("gluetun1", &vpn_env("40001"));
    ground.run_vpn("gluetun2", &vpn_env("40002"));
}

/// A VPN's container of the same name, made anew.
pub(crate) fn run_again(ground: &Ground, name: &str, ports: &str) {
    ground.run_vpn(name, &vpn_env(ports));
}

#[test]
fn ten_engines_come_up_on_two_vpns_five_each_with_one_carrier_of_the_port_on_each() {
    let ground = Ground::take();
    two_vpns(&ground);
    for vpn in ["gluetun1", "gluetun2"] {
        ground.is_healthy(vpn);
    }
    let began = Instant::now();
    let fleet = Fleet::start(Plan::behind(&ground, &["gluetun1", "gluetun2"]).with("MIN_REPLICAS", "10"));
    eventually("ten engines are listed", SOON, || (fleet.engines().len() == 10).then_some(()));
    println!("ten engines listed {:?} after the start of the program", began.elapsed());
    let engines = fleet.settles_at(10);
    assert_eq!(by_vpn(&engines), [("gluetun1".to_string(), 5), ("gluetun2".to_string(), 5)].into());
    let expected: Vec<String> = (1..=10).map(|number| format!("acestream-{number}")).collect();
    assert_eq!(ground.names("acestream-"), expected);
    for (vpn, port) in [("gluetun1", 40001), ("gluetun2", 40002)] {
        one_carries(&ground, &engines, vpn, port);
    }
    for engine in &engines {
        assert!((19_000..19_020).contains(&engine.port), "{engine:?}");
    }
}

/// One engine of these on a VPN was made for its port, and no other was made for any.
fn one_carries(ground: &Ground, engines: &[Listed], vpn: &str, port: u16) {
    let here: Vec<_> = engines.iter().filter(|engine| engine.vpn.as_deref() == Some(vpn)).collect();
    assert_eq!(here.iter().filter(|engine| engine.forwarded).count(), 1, "{vpn}: {here:?}");
    for engine in here {
        let told = ground.inspect(&engine.name).expect("it exists");
        let env = told["Config"]["Env"].as_array().expect("an environment");
        let given: Vec<_> = env.iter().filter_map(|pair| pair.as_str()?.strip_prefix("P2P_PORT=")).collect();
        let expected = if engine.forwarded { vec![port.to_string()] } else { vec![] };
        assert_eq!(given, expected, "{engine:?}");
        let label = &told["Config"]["Labels"]["acestream.forwarded"];
        assert_eq!(label == "true", engine.forwarded, "{engine:?}");
        assert!(answers(ground, engine), "{engine:?}");
    }
}

#[test]
fn engines_of_each_vpn_have_ports_of_its_own_range_as_old_settings_say() {
    let ground = Ground::take();
    two_vpns(&ground);
    let mut plan = Plan::behind(&ground, &[]);
    for (name, value) in [
        ("VPN_MODE", "redundant"),
        ("GLUETUN_CONTAINER_NAME", "gluetun1"),
        ("GLUETUN_CONTAINER_NAME_2", "gluetun2"),
        ("GLUETUN_PORT_RANGE_1", "19100-19109"),
        ("GLUETUN_PORT_RANGE_2", "19200-19209"),
        ("MIN_REPLICAS", "10"),
    ] {
        plan.set(name, value);
    }
    let fleet = Fleet::start(plan);
    let engines = fleet.settles_at(10);
    for (vpn, first, port) in [("gluetun1", 19_100, 40_001), ("gluetun2", 19_200, 40_002)] {
        let here = engines.iter().filter(|engine| engine.vpn.as_deref() == Some(vpn));
        let ports: Vec<u16> = here.map(|engine| engine.port).collect();
        assert_eq!(ports, (first..first + 5).collect::<Vec<u16>>(), "{vpn}");
        one_carries(&ground, &engines, vpn, port);
    }
    assert_eq!(fleet.get("/vpn/status")["mode"], "redundant");
}

#[test]
fn a_single_vpn_has_all_engines_and_one_carrier_of_its_port() {
    let ground = Ground::take();
    ground.run_vpn("gluetun1", &vpn_env("40001"));
    let plan = Plan::behind(&ground, &[]).with("GLUETUN_CONTAINER_NAME", "gluetun1");
    let fleet = Fleet::start(plan.with("MIN_REPLICAS", "4"));
    let engines = fleet.settles_at(4);
    assert_eq!(by_vpn(&engines), [("gluetun1".to_string(), 4)].into());
    one_carries(&ground, &engines, "gluetun1", 40_001);
    let vpn_id = ground.inspect("gluetun1").expect("it exists")["Id"].clone();
    for engine in &engines {
        let host = &ground.inspect(&engine.name).expect("it exists")["HostConfig"];
        let network = host["NetworkMode"].as_str().unwrap_or_default();
        assert_eq!(network.strip_prefix("container:"), vpn_id.as_str(), "{engine:?}");
        assert_eq!(host["RestartPolicy"]["Name"], "unless-stopped");
        assert!(host["PortBindings"].as_object().is_none_or(serde_json::Map::is_empty), "{host}");
    }
    let status = fleet.get("/vpn/status");
    assert_eq!((&status["mode"], &status["forwarded_port"]), (&"single".into(), &40_001.into()), "{status}");
}

#[test]
fn without_a_vpn_engines_have_networks_of_their_own_and_answer_on_the_hosts_ports() {
    let ground = Ground::take();
    ground.make_network("streams");
    let plan = Plan::behind(&ground, &[]).with("DOCKER_NETWORK", "streams").with("MIN_REPLICAS", "3");
    let fleet = Fleet::start(plan.with("PORT_RANGE_HOST", "19300-19309"));
    let engines = fleet.settles_at(3);
    let ports: Vec<u16> = engines.iter().map(|engine| engine.port).collect();
    assert_eq!(ports, [19_300, 19_301, 19_302]);
    for engine in &engines {
        assert_eq!((&engine.vpn, engine.forwarded), (&None, false), "{engine:?}");
        assert!(reaches(SocketAddr::from((Ipv4Addr::LOCALHOST, engine.port))), "{engine:?}");
        let told = ground.inspect(&engine.name).expect("it exists");
        assert_eq!(told["HostConfig"]["NetworkMode"], "streams");
        assert_eq!(told["Config"]["Labels"]["host.http_port"], engine.port.to_string());
    }
    let status = fleet.get("/vpn/status");
    assert_eq!((&status["mode"], &status["enabled"]), (&"disabled".into(), &false.into()), "{status}");
}
