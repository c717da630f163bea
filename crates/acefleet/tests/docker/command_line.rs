//! The program is started with what it cannot work with.

use crate::fleet::{Fleet, Plan};
use crate::fleets::vpn_env;
use crate::ground::Ground;
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// Whoever makes a mistake is told so within this.
const TOLD_WITHIN: Duration = Duration::from_secs(5);

fn run(ground: &Ground, settings: &[(&str, &str)]) -> Output {
    let began = Instant::now();
    let folder = std::env::temp_dir().join(format!("acefleet-refused-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for temporary files");
    let mut command = Command::new(env!("CARGO_BIN_EXE_acefleet"));
    command.arg("serve").current_dir(&folder).env_clear().env("DOCKER_HOST", ground.docker_host());
    let output = command.envs(settings.iter().copied()).output().expect("the program can be run");
    println!("ended after {:?} with {}", began.elapsed(), output.status);
    assert!(began.elapsed() < TOLD_WITHIN);
    drop(std::fs::remove_dir_all(&folder));
    output
}

#[test]
fn every_setting_that_is_wrong_is_told_at_once_and_nothing_is_started() {
    let ground = Ground::take();
    ground.run_vpn("gluetun1", &vpn_env("40001"));
    let wrong = [
        ("GLUETUN_CONTAINERS", "gluetun1"),
        ("MIN_REPLICAS", "many"),
        ("ENGINE_VARIANT", "mine"),
        ("APP_PORT", "70000"),
        ("CONTAINER_LABEL", "no-value"),
        ("LOG_LEVEL", "loud"),
    ];
    let output = run(&ground, &wrong);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    println!("{said}");
    assert_eq!(output.status.code(), Some(64));
    for (name, value) in &wrong[1..] {
        assert!(said.contains(name) && said.contains(value), "{name} is not told: {said}");
    }
    assert_eq!(ground.names("acestream-"), Vec::<String>::new());
    assert_eq!(output.stdout, b"");
}

#[test]
fn a_port_that_somebody_else_uses_is_told_and_the_fleet_of_another_start_is_not_touched() {
    let ground = Ground::take();
    ground.run_vpn("gluetun1", &vpn_env("40001"));
    let held = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("a port can be had");
    let port = held.local_addr().expect("it has an address").port().to_string();
    let output = run(&ground, &[("GLUETUN_CONTAINERS", "gluetun1"), ("APP_PORT", &port)]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    println!("{said}");
    assert!(output.status.code().is_some_and(|code| code != 0), "{}", output.status);
    assert!(said.contains(&port) && said.contains("APP_PORT"), "{said}");
    assert_eq!(ground.names("acestream-"), Vec::<String>::new());
    // With a port of its own it starts.
    let fleet = Fleet::start(Plan::behind(&ground, &["gluetun1"]));
    fleet.settles_at(1);
}
