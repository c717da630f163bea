//! Everything goes wrong at moments that are drawn: calls fail, answers and notices get lost, the daemon freezes, VPNs
//! and engines die. When it is over the fleet is what it should be, and nothing is left over or double.

use crate::fleet::{Fleet, Listed, Plan, SOON, by_vpn};
use crate::fleets::two_vpns;
use crate::ground::{Ground, eventually};
use crate::moments::Moments;
use crate::vigil::answers;
use control::event::Refusal;
use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;
use testbed::dock::{Mishap, Verb};

/// How much goes wrong in one storm, and how long at most between two things.
const TROUBLES: u32 = 60;
const BETWEEN: Duration = Duration::from_millis(250);
/// No longer than that does the daemon stand still, or does the event stream tell nothing.
const SHORT: Duration = Duration::from_millis(1_200);
const ENGINES: usize = 6;

const VERBS: [Verb; 8] = [
    Verb::Ping,
    Verb::List,
    Verb::Inspect,
    Verb::Create,
    Verb::Start,
    Verb::Restart,
    Verb::Stop,
    Verb::Remove,
];

impl Moments {
    /// One of so many.
    fn one_of(&mut self, count: usize) -> usize {
        self.below(Duration::from_nanos(count as u64)).as_nanos() as usize
    }
}

fn mishap(moments: &mut Moments) -> Mishap {
    match moments.one_of(4) {
        0 => Mishap::Refused(Refusal::Unexplained("the disk is full".into())),
        1 => Mishap::AnswerLost,
        2 => Mishap::NeverAnswered,
        _ => Mishap::RequestLost,
    }
}

/// Lets something go wrong.
fn trouble(ground: &Ground, moments: &mut Moments) {
    let engines = ground.names("acestream-");
    let an_engine = |moments: &mut Moments| engines.get(moments.one_of(engines.len().max(1)));
    let dock = ground.link();
    match moments.one_of(11) {
        0..=4 => dock.let_fail(VERBS[moments.one_of(VERBS.len())], mishap(moments)),
        5 => dock.cut_connections(),
        6 => dock.freeze(moments.below(SHORT)),
        7 => {
            dock.lose_notices(true);
            thread::sleep(moments.below(SHORT));
            dock.lose_notices(false);
        }
        // Whatever has gone meanwhile can neither crash nor be killed. Removed is none: that would be a foreign hand,
        // before which the program stands back.
        8 | 9 => drop(an_engine(moments).map(|name| dock.crash(name))),
        _ => drop(an_engine(moments).map(|name| ground.perhaps_kill(name))),
    }
}

/// The fleet is what it should be, and nothing else is there.
fn is_well(ground: &Ground, fleet: &Fleet) -> Option<Vec<Listed>> {
    let engines = fleet.engines();
    let named: BTreeSet<&String> = engines.iter().map(|engine| &engine.name).collect();
    let exist = ground.names("acestream-");
    let ports: BTreeSet<u16> = engines.iter().map(|engine| engine.port).collect();
    let carriers = |vpn: &str| {
        engines.iter().filter(|engine| engine.forwarded && engine.vpn.as_deref() == Some(vpn)).count()
    };
    let each = [("gluetun1".to_string(), ENGINES / 2), ("gluetun2".to_string(), ENGINES / 2)].into();
    let well = by_vpn(&engines) == each
        && exist.iter().collect::<BTreeSet<_>>() == named
        && ports.len() == ENGINES
        && fleet.all_engines().len() == ENGINES
        && carriers("gluetun1") == 1
        && carriers("gluetun2") == 1;
    well.then_some(engines)
}

fn is_weathered(kills: bool) {
    let ground = Ground::take();
    two_vpns(&ground);
    let plan = Plan::behind(&ground, &["gluetun1", "gluetun2"]).with("MIN_REPLICAS", &ENGINES.to_string());
    // What is never answered is given up soon, what opens a breaker closes it soon, and what is one too many goes soon.
    let plan = plan
        .with("DOCKER_TIMEOUT_S", "3")
        .with("CIRCUIT_BREAKER_RECOVERY_TIMEOUT_S", "3")
        .with("AUTO_DELETE", "true");
    let mut fleet = Fleet::start(plan);
    fleet.settles_at(ENGINES);
    let mut moments = Moments::new();
    for number in 0..TROUBLES {
        trouble(&ground, &mut moments);
        if number == TROUBLES / 2 {
            // Once: who fails again has to be well for half a minute before it gets engines.
            ground.crash("gluetun2");
        }
        thread::sleep(moments.below(BETWEEN));
        if kills && number % 15 == 14 {
            fleet.kill();
            fleet.begin();
        }
    }
    println!("the storm is over");
    let engines = eventually("the fleet is what it should be", SOON * 2, || is_well(&ground, &fleet));
    assert!(engines.iter().all(|engine| answers(&ground, engine)), "{engines:?}");
}

#[test]
fn after_a_storm_of_failing_calls_and_dying_containers_the_fleet_is_what_it_should_be() {
    is_weathered(false);
}

#[test]
fn after_a_storm_in_which_the_program_is_killed_too_the_fleet_is_what_it_should_be() {
    is_weathered(true);
}
