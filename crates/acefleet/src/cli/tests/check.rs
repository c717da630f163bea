//! `check` on made-up Dockers and control servers.

use super::settings_of;
use crate::cli::check::{ControlServers, check};
use crate::cli::report::Report;
use crate::runtime::{Failure, Inspected, Ran, Reach, Runtime, Spec, Told, Usage};
use bytes::Bytes;
use control::command::{Question, Target};
use control::docker::{Facts, Health, Listed, Listing, Network, State};
use control::event::{Outcome, Refusal, Report as Answer, Silence, TunnelStatus};
use control::ids::{ContainerId, Name};
use control::time::Stamp;
use std::future::{Future, pending};
use std::time::Duration;
use tokio::sync::mpsc;

/// A Docker with these containers, which may not be changed.
struct Docker {
    containers: Vec<Inspected>,
    hangs: bool,
}

fn touched() -> Failure {
    panic!("a check changes nothing");
}

impl Runtime for Docker {
    async fn ping(&self) -> Result<(), Failure> {
        if self.hangs { pending().await } else { Ok(()) }
    }
    async fn list(&self) -> Result<Listing, Failure> {
        Ok(Listing { containers: self.containers.iter().map(|one| one.facts.listed.clone()).collect() })
    }
    async fn inspect(&self, target: &Target) -> Result<Option<Inspected>, Failure> {
        let wanted = |one: &&Inspected| match target {
            Target::Id(id) => one.facts.listed.id == *id,
            Target::Name(name) => one.facts.listed.name == *name,
        };
        Ok(self.containers.iter().find(wanted).cloned())
    }
    async fn create(&self, _: &Spec) -> Result<ContainerId, Failure> {
        Err(touched())
    }
    async fn start(&self, _: ContainerId) -> Result<(), Failure> {
        Err(touched())
    }
    async fn restart(&self, _: ContainerId, _: Duration) -> Result<(), Failure> {
        Err(touched())
    }
    async fn stop(&self, _: ContainerId, _: Duration) -> Result<(), Failure> {
        Err(touched())
    }
    async fn remove(&self, _: ContainerId) -> Result<(), Failure> {
        Err(touched())
    }
    async fn run_in(&self, _: ContainerId, _: &[&str]) -> Result<Ran, Failure> {
        Err(touched())
    }
    async fn logs(&self, _: ContainerId, _: u32, _: usize) -> Result<Bytes, Failure> {
        Err(touched())
    }
    async fn usage(&self, _: ContainerId) -> Result<Usage, Failure> {
        Err(touched())
    }
    fn tell(&self, _: mpsc::Sender<Told>) -> impl Future<Output = ()> + Send {
        pending()
    }
}

/// Control servers that all answer the same.
struct Servers(Result<(TunnelStatus, Vec<u16>), Outcome>);

impl ControlServers for Servers {
    async fn ask(&self, _: &Inspected, question: Question) -> Outcome {
        match (&self.0, question) {
            (Err(outcome), _) => outcome.clone(),
            (Ok((tunnel, _)), Question::Tunnel) => Outcome::Done(Answer::Tunnel(*tunnel)),
            (Ok((_, ports)), Question::Ports) => Outcome::Done(Answer::Ports(ports.clone())),
            (Ok(_), Question::PublicAddress) => Outcome::Refused(Refusal::Unauthorized),
        }
    }
}

fn good_servers() -> Servers {
    Servers(Ok((TunnelStatus::Running, vec![48_278])))
}

/// A healthy VPN that publishes these ports.
fn vpn(name: &str, published: impl Iterator<Item = u16>) -> Inspected {
    let listed = Listed {
        id: ContainerId::from_bytes([u8::try_from(name.len()).unwrap_or(0); 32]),
        name: Name::from(name),
        ours: false,
        state: State::Running,
        network: Network::Own(Name::from("bridge")),
        labels: control::labels::Labels::default(),
        image: "qmcgaw/gluetun".into(),
        published: [].into(),
    };
    Inspected {
        facts: Facts {
            listed,
            health: Health::Healthy,
            started_at: None,
            sandbox: None,
            p2p_in_spec: None,
            created_at: Stamp::from_nanos(0),
        },
        reach: Reach {
            addresses: Vec::new(),
            published: published.map(|port| (port, port)).collect(),
            on_host: false,
        },
    }
}

const ONE_VPN: &[(&str, &str)] = &[("GLUETUN_CONTAINER_NAME", "gluetun"), ("API_KEY", "hunter2")];

async fn checked(pairs: &[(&str, &str)], containers: Vec<Inspected>, servers: &Servers) -> Report {
    check(&settings_of(pairs), &Docker { containers, hangs: false }, servers).await
}

/// The check fails, with this line and that advice below it.
fn assert_fails(report: &Report, line: &str, todo: &str) {
    let text = report.to_string();
    assert!(!report.is_good(), "{text}");
    let mut lines = text.lines().skip_while(|found| !(found.starts_with("  FAIL  ") && found.contains(line)));
    assert!(lines.next().is_some(), "no '{line}' in\n{text}");
    assert!(lines.next().is_some_and(|found| found.contains(todo)), "no '{todo}' in\n{text}");
}

fn assert_warns(report: &Report, line: &str) {
    let text = report.to_string();
    assert!(report.is_good(), "{text}");
    assert!(text.lines().any(|found| found.starts_with("  warn  ") && found.contains(line)), "{text}");
}

#[tokio::test]
async fn a_fleet_with_everything_it_needs_is_well() {
    let report = checked(ONE_VPN, vec![vpn("gluetun", 19_000..=19_019)], &good_servers()).await;
    let text = report.to_string();
    assert!(report.is_good() && text.ends_with("\nAll is well.\n"), "{text}");
    for line in [
        "GLUETUN_CONTAINER_NAME=gluetun (environment)",
        "API_KEY=*** (environment)",
        "engines use 1 VPN(s): gluetun (ports 19000-19019)",
        "1 to 20 engines, 1 of them free, 1 stream(s) each, 5 created at a time",
        "Docker answers at /var/run/docker.sock",
        "it publishes the engines' ports 19000-19019",
        "the tunnel is running",
        "its forwarded port is 48278",
    ] {
        assert!(text.contains(line), "no '{line}' in\n{text}");
    }
    assert!(!text.contains("hunter2"));
}

#[tokio::test]
async fn without_vpns_only_docker_is_needed() {
    let report = checked(&[], Vec::new(), &good_servers()).await;
    assert!(report.to_string().contains("no VPN: engines get the host's ports 19000-19999"));
    assert_warns(&report, "set API_KEY");
}

#[tokio::test]
async fn what_settings_warn_of_is_told() {
    assert_warns(
        &checked(&[("MIN_REPLICAS", "99")], Vec::new(), &good_servers()).await,
        "MIN_REPLICAS=99 is more",
    );
}

#[tokio::test(start_paused = true)]
async fn a_docker_that_does_not_answer_ends_the_check_in_time() {
    let settings = settings_of(&[("DOCKER_HOST", "tcp://h:1"), ("DOCKER_TIMEOUT_S", "3")]);
    let began = tokio::time::Instant::now();
    let report = check(&settings, &Docker { containers: Vec::new(), hangs: true }, &good_servers()).await;
    assert_eq!(began.elapsed(), Duration::from_secs(3));
    assert_fails(&report, "Docker at h:1: no answer in time", "set DOCKER_HOST");
}

#[tokio::test]
async fn a_vpn_that_is_missing_or_does_not_run_is_told() {
    let report = checked(ONE_VPN, Vec::new(), &good_servers()).await;
    assert_fails(&report, "there is no such container", "GLUETUN_CONTAINERS");
    for state in [State::Exited, State::Paused, State::Created] {
        let mut gone = vpn("gluetun", 19_000..=19_019);
        gone.facts.listed.state = state;
        let report = checked(ONE_VPN, vec![gone], &good_servers()).await;
        assert_fails(&report, &format!("its container is {state}"), "docker start gluetun");
    }
    let mut sick = vpn("gluetun", 19_000..=19_019);
    sick.facts.health = Health::Unhealthy;
    assert_fails(&checked(ONE_VPN, vec![sick.clone()], &good_servers()).await, "unhealthy", "docker logs");
    sick.facts.health = Health::Starting;
    assert_warns(&checked(ONE_VPN, vec![sick], &good_servers()).await, "not judged healthy yet");
}

#[tokio::test]
async fn published_ports_are_compared_with_the_range() {
    let report = checked(ONE_VPN, vec![vpn("gluetun", 19_000..=19_009)], &good_servers()).await;
    assert_fails(&report, "19010-19019", "ports: [\"19000-19019:19000-19019\"]");
    let mut reachable = vpn("gluetun", [19_000, 19_002, 19_004, 19_006].into_iter());
    reachable.reach.addresses.push(("vpns".into(), [172, 20, 0, 2].into()));
    let report = checked(ONE_VPN, vec![reachable], &good_servers()).await;
    assert_warns(&report, "16 of the engines' ports 19000-19019 (19001, 19003, 19005, …)");
    let mut shifted = vpn("gluetun", [].into_iter());
    shifted.reach.published = (19_000..=19_019).map(|port| (port, port + 1000)).collect();
    assert!(!checked(ONE_VPN, vec![shifted], &good_servers()).await.is_good());
}

#[tokio::test]
async fn each_vpn_is_held_against_its_own_range() {
    let pairs = [
        ("GLUETUN_CONTAINERS", "one,second"),
        ("GLUETUN_PORT_RANGES", "19000-19009,19100-19109"),
        ("API_KEY", "x"),
    ];
    let (one, second) = (vpn("one", 19_000..=19_009), vpn("second", 19_100..=19_109));
    assert!(checked(&pairs, vec![one.clone(), second.clone()], &good_servers()).await.is_good());
    let pool = checked(&pairs[..1], vec![one.clone(), second.clone()], &good_servers()).await.to_string();
    assert!(pool.contains("  warn  several VPNs share one pool of ports"), "{pool}");
    let mut swapped = second;
    swapped.reach.published = one.reach.published.clone();
    assert!(!checked(&pairs, vec![one, swapped], &good_servers()).await.is_good());
}

#[tokio::test]
async fn a_control_server_that_keeps_us_out_or_silent_is_told() {
    let run =
        |answer| async { checked(ONE_VPN, vec![vpn("gluetun", 19_000..=19_019)], &Servers(answer)).await };
    let unauthorized = run(Err(Outcome::Refused(Refusal::Unauthorized))).await;
    assert_fails(&unauthorized, "does not let us in", "set GLUETUN_API_KEY");
    let silent = run(Err(Outcome::Unknown(Silence::Disconnected))).await;
    assert_fails(&silent, "does not answer on port 8000", "HTTP_CONTROL_SERVER_ADDRESS");
    assert_fails(&run(Ok((TunnelStatus::Crashed, vec![]))).await, "the tunnel is crashed", "docker logs");
    assert_warns(&run(Ok((TunnelStatus::Running, vec![]))).await, "no forwarded port");
}

#[tokio::test]
async fn more_containers_than_may_be_are_told() {
    let mut many: Vec<Inspected> = (1..=3).map(|at| vpn(&"e".repeat(at), [].into_iter())).collect();
    many.iter_mut().for_each(|one| one.facts.listed.ours = true);
    let report = checked(&[("MAX_REPLICAS", "2"), ("API_KEY", "x")], many, &good_servers()).await;
    assert_warns(&report, "3 containers with the label are more than the 2");
}
