//! Docker itself is in trouble: it stands still, refuses connections, loses its answers. Nothing is lost by it, and
//! whoever asks the API notices nothing.

use crate::fleet::{AT_ONCE, Fleet, Listed, Plan, SOON};
use crate::fleets::two_vpns;
use crate::ground::{self, Ground, eventually};
use crate::happenings::Life;
use crate::way::Passage;
use crate::web;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What the API may take for an answer, whatever Docker does.
const ANSWER_MAX: Duration = Duration::from_secs(1);
/// Docker is noticed to be out of reach within this: two pings, 2 s apart, that have 2 s each.
const NOTICED_WITHIN: Duration = Duration::from_secs(10);
const POLL_EVERY: Duration = Duration::from_millis(50);

/// What clients poll.
const POLLED: [&str; 4] = ["/engines", "/orchestrator/status", "/vpn/status", "/streams?status=started"];

fn behind_two(ground: &Ground) -> Plan {
    two_vpns(ground);
    Plan::behind(ground, &["gluetun1", "gluetun2"])
}

fn four_engines(plan: Plan) -> (Fleet, Vec<Listed>) {
    let fleet = Fleet::start(plan.with("MIN_REPLICAS", "4"));
    let engines = fleet.settles_at(4);
    (fleet, engines)
}

/// How long answers took.
#[derive(Default)]
struct Answers(Vec<Duration>);

impl Answers {
    /// Polls for so long, and insists that these engines are listed each time.
    fn poll(&mut self, fleet: &Fleet, engines: &[Listed], time: Duration) {
        let began = Instant::now();
        for path in POLLED.into_iter().cycle() {
            if began.elapsed() > time {
                return;
            }
            let asked = Instant::now();
            let told = fleet.get(path);
            self.0.push(asked.elapsed());
            if path == "/engines" {
                let told = told.as_array().expect("/engines is a list");
                assert_eq!(told.len(), engines.len(), "{:?} after the beginning", began.elapsed());
            }
            std::thread::sleep(POLL_EVERY);
        }
    }

    fn are_prompt(mut self) {
        self.0.sort();
        let (count, max) = (self.0.len(), self.0[self.0.len() - 1]);
        println!(
            "{count} answers: p50 {:?}, p99 {:?}, max {max:?}",
            self.0[count / 2],
            self.0[count * 99 / 100]
        );
        assert!(max < ANSWER_MAX, "an answer took {max:?}");
    }
}

fn is_told_unreachable(fleet: &Fleet) {
    eventually("Docker is known to be out of reach", NOTICED_WITHIN, || {
        (fleet.get("/orchestrator/status")["docker_reachable"] == false).then_some(())
    });
}

fn refuses_to_provision(fleet: &Fleet) {
    let asked = Instant::now();
    let answer = fleet.post("/provision/acestream", &json!({}));
    println!("refused after {:?}", asked.elapsed());
    assert!(asked.elapsed() < ANSWER_MAX, "{:?}", asked.elapsed());
    assert_eq!(answer.status, 503, "{}", answer.text());
    let detail = answer.json()["detail"].clone();
    assert_eq!(
        (&detail["error"], &detail["code"]),
        (&"provisioning_blocked".into(), &"docker_unavailable".into())
    );
    assert!(detail["recovery_eta_seconds"].is_u64() && detail["should_wait"] == true, "{detail}");
    assert!(
        answer.header("retry-after").is_some_and(|after| after.parse::<u32>().is_ok()),
        "{}",
        answer.head
    );
}

/// Everything goes on as it was: not one container is another one, or was started again.
fn nothing_was_touched(ground: &Ground, fleet: &Fleet, engines: &[Listed], lives: &Lives) {
    eventually("Docker is in reach again, and engines may be created", SOON, || {
        let status = fleet.get("/orchestrator/status");
        let provisioning = &status["provisioning"];
        (status["docker_reachable"] == true && provisioning["can_provision"] == true).then_some(())
    });
    let told = fleet.settles_at(engines.len());
    assert_eq!(ids(&told), ids(engines));
    assert_eq!(&ground.lives(), lives);
}

type Lives = BTreeMap<String, Life>;

fn ids(engines: &[Listed]) -> Vec<&str> {
    engines.iter().map(|engine| engine.id.as_str()).collect()
}

#[test]
fn docker_frozen_for_a_long_time_costs_no_engine_and_no_answer() {
    let ground = Ground::take();
    let (fleet, engines) = four_engines(behind_two(&ground));
    let lives = ground.lives();
    let mut answers = Answers::default();

    ground.freeze();
    let frozen = Instant::now();
    answers.poll(&fleet, &engines, Duration::from_secs(6));
    is_told_unreachable(&fleet);
    println!("known to be out of reach {:?} after the freeze", frozen.elapsed());
    refuses_to_provision(&fleet);
    answers.poll(&fleet, &engines, ground::LONG_FREEZE.saturating_sub(frozen.elapsed()));
    refuses_to_provision(&fleet);
    assert_eq!(fleet.all_engines().len(), engines.len());
    assert_eq!(fleet.get("/orchestrator/status")["engines"]["total"], engines.len());
    ground.thaw();

    let thawed = Instant::now();
    answers.poll(&fleet, &engines, Duration::from_secs(2));
    nothing_was_touched(&ground, &fleet, &engines, &lives);
    println!("all is well {:?} after the thaw", thawed.elapsed());
    answers.are_prompt();
    assert!(fleet.said("Docker socket temporarily unavailable") > 0);
    let provisioned = fleet.post("/provision/acestream", &json!({}));
    assert_eq!(provisioned.status, 200, "{}", provisioned.text());
}

#[test]
fn docker_that_refuses_connections_for_a_while_costs_no_engine_and_what_was_asked_meanwhile_is_made_up_for() {
    let ground = Ground::take();
    let way = ground.way();
    let (fleet, engines) = four_engines(behind_two(&ground).by(&way));
    let lives = ground.lives();
    let mut answers = Answers::default();

    way.set(Passage::Refused);
    is_told_unreachable(&fleet);
    refuses_to_provision(&fleet);
    answers.poll(&fleet, &engines, Duration::from_secs(5));
    way.set(Passage::Free);
    nothing_was_touched(&ground, &fleet, &engines, &lives);

    // What happens while nobody looks is found out afterwards.
    way.set(Passage::Refused);
    ground.remove("acestream-1");
    is_told_unreachable(&fleet);
    way.set(Passage::Free);
    let told = fleet.settles_at(engines.len());
    assert_ne!(ids(&told), ids(&engines));
    assert_eq!(ground.names("acestream-").len(), 4);
    answers.are_prompt();
}

#[test]
fn connections_to_docker_that_are_cut_again_and_again_leave_nothing_behind_and_nothing_double() {
    let ground = Ground::take();
    let way = ground.way();
    let (fleet, engines) = four_engines(behind_two(&ground).by(&way));
    let lives = ground.lives();

    fleet.post("/scale/8", &Value::Null);
    for _ in 0..10 {
        std::thread::sleep(Duration::from_millis(120));
        way.cut();
    }
    let told = fleet.settles_at(8);
    assert_eq!(ground.names("acestream-").len(), 8);
    let now = ground.lives();
    for engine in &engines {
        assert_eq!(now[&engine.name], lives[&engine.name], "{engine:?}");
    }
    let mut ports: Vec<u16> = told.iter().map(|engine| engine.port).collect();
    ports.dedup();
    assert_eq!(ports.len(), 8, "{told:?}");
}

#[test]
fn an_engine_whose_creation_docker_never_answered_is_found_and_not_made_twice() {
    let ground = Ground::take();
    let way = ground.way();
    let plan = behind_two(&ground).by(&way).with("MIN_REPLICAS", "2");
    let fleet = Fleet::start(plan.with("DOCKER_TIMEOUT_S", "3"));
    fleet.settles_at(2);

    way.set(Passage::AnswersHeld);
    fleet.post("/scale/4", &Value::Null);
    eventually("Docker has carried it out all the same", AT_ONCE * 2, || {
        (ground.names("acestream-").len() == 4).then_some(())
    });
    let asked = Instant::now();
    assert_eq!(web::get(fleet.at(), "/engines").status, 200);
    assert!(asked.elapsed() < ANSWER_MAX);
    std::thread::sleep(Duration::from_secs(4));
    way.cut();
    way.set(Passage::Free);
    fleet.settles_at(4);
    let names: Vec<String> = (1..=4).map(|number| format!("acestream-{number}")).collect();
    assert_eq!(ground.names("acestream-"), names);
}

#[test]
fn docker_that_stutters_costs_no_engine_not_even_for_a_moment() {
    let ground = Ground::take();
    let (fleet, engines) = four_engines(behind_two(&ground));
    let lives = ground.lives();
    let mut answers = Answers::default();
    for _ in 0..4 {
        ground.freeze();
        answers.poll(&fleet, &engines, Duration::from_millis(2_500));
        ground.thaw();
        answers.poll(&fleet, &engines, Duration::from_millis(700));
    }
    nothing_was_touched(&ground, &fleet, &engines, &lives);
    answers.are_prompt();
}

#[test]
fn engines_whose_tunnel_is_lost_while_docker_is_frozen_are_hidden_all_the_same() {
    let ground = Ground::take();
    let (fleet, engines) = four_engines(behind_two(&ground));
    let lives = ground.lives();
    let switches = ground.switches("gluetun2");
    ground.freeze();
    is_told_unreachable(&fleet);
    let lost = Instant::now();
    ground.fault(&switches, "tunnel=dead");
    eventually("no engine without a tunnel is offered", SOON, || {
        let offered = fleet.engines();
        let well = offered.iter().all(|engine| engine.vpn.as_deref() == Some("gluetun1"));
        (well && offered.len() == 2).then_some(())
    });
    println!("hidden {:?} after the tunnel was lost", lost.elapsed());
    assert_eq!(ids(&fleet.all_engines()), ids(&engines), "nothing leaves the state while nobody can look");
    ground.fault(&switches, "tunnel=up");
    ground.thaw();
    let thawed = Instant::now();
    let told = fleet.settles_at(4);
    println!("all is well {:?} after the thaw", thawed.elapsed());
    assert_eq!(ids(&told), ids(&engines));
    let now = ground.lives();
    for engine in engines.iter().filter(|engine| engine.vpn.as_deref() == Some("gluetun1")) {
        assert_eq!(now[&engine.name], lives[&engine.name], "{engine:?} was well");
    }
}
