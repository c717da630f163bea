//! Many runs, each drawn from one seed: safety with faults, then liveness without, then quiet.
//!
//! A run is named by the swarm's seed and its own number, and can be repeated by these two alone.

use crate::checks::{Violation, pending};
use crate::run::{Reached, Run};
use crate::world::{Container, DockerFault, EngineFault, Fault, Plan, Tally, World};
use control::canary::Canary;
use control::mark::Mark;
use control::request::Request;
use control::rng::Rng;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// How long faults go on in a run, at the least and at the most.
const SAFETY: (Duration, Duration) = (Duration::from_secs(1_800), Duration::from_secs(4 * 3_600));
/// Once faults have stopped, the fleet is as it should be within this time.
const CONVERGES_WITHIN: Duration = Duration::from_secs(2_400);
/// How often it is asked whether it is.
const ASKED_EVERY: Duration = Duration::from_secs(5);
/// Then nothing changes for this long, in one run of four.
const QUIET: Duration = Duration::from_secs(3_600);
/// A fleet at rest gets this long to settle what needs no hurry, before quiet begins: adopted engines may be taken
/// for used for 15 minutes, and idle ones go some time after that.
const SETTLES: Duration = Duration::from_secs(1_800);
/// Creations that one fault may cause, in multiples of the limit.
const CREATIONS_PER_FAULT: u64 = 2;
/// A crash that is to come in the middle of a creation waits for one at most this long, and then comes within
/// this time.
const CREATION_AWAITED: Duration = Duration::from_secs(600);
const AMID: Duration = Duration::from_millis(500);
/// So many crashes in a hundred are prepared for.
const AMBUSH_PERCENT: u64 = 30;
const AMBUSH_LASTS: Duration = Duration::from_secs(3);
/// So many ends of a life in a hundred are announced, and so many of these take the engines along.
const LEAVES_PERCENT: u64 = 20;
const STOPS_ENGINES_PERCENT: u64 = 50;
const LEAVES_WITHIN: Duration = Duration::from_secs(30);
/// So many crashes in a hundred are of the core alone: the driver builds another at once. It breaks again up to so
/// often, each time after at most this long.
const REBUILD_PERCENT: u64 = 20;
const REBUILDS_MAX: u64 = 4;
const REBUILT_AGAIN: (Duration, Duration) = (Duration::ZERO, Duration::from_secs(300));
/// Acefleet stays away for at most this long after a crash.
const DOWNTIME: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(60));

/// What is to be run.
#[derive(Clone, Debug)]
pub struct Order {
    /// Decides everything.
    pub seed: u64,
    /// A policy broken on purpose.
    pub canary: Option<Canary>,
    /// Every run is the default fleet, in the default weather, with the default storm.
    pub default_fleet: bool,
    /// Lines of the trace that are kept.
    pub trace: usize,
}

/// What one run came to.
#[derive(Clone, Debug)]
pub struct Report {
    /// Its number.
    pub number: u64,
    /// Simulated time.
    pub simulated: Duration,
    /// What happened.
    pub tally: Tally,
    /// Times acefleet crashed.
    pub crashes: u64,
    /// Times emergency was entered.
    pub failovers: u64,
    /// Branches reached.
    pub reached: Reached,
    /// What was found.
    pub violation: Option<Violation>,
    /// Stands for all that happened.
    pub digest: u64,
    /// The end of the trace, if it was kept.
    pub trace: Vec<String>,
}

/// Does the run of this number.
pub fn run(order: &Order, number: u64) -> Report {
    let mut rng = Rng::new(order.seed ^ Rng::new(number).bits());
    let plan = if order.default_fleet { Plan::stormy() } else { Plan::drawn(&mut rng) };
    let mut world = World::new(plan, rng.bits());
    world.keep_trace(order.trace);
    let began = world.now();
    let mut run = Run::new(world, rng.bits(), order.canary);
    let mut crashes = 0;
    // A broken invariant is a finding like any other; the run is told as far as it came.
    let result = catch_unwind(AssertUnwindSafe(|| live(&mut run, &mut rng, &mut crashes)));
    let violation = match result {
        Ok(found) => found,
        Err(panic) => Some(Violation { checker: "panic", at: run.now(), what: words(panic.as_ref()) }),
    };
    // A canary is caught by the checker that watches what it breaks; that others stumble over it proves nothing.
    let violation =
        violation.filter(|found| order.canary.is_none_or(|canary| canary.checker() == found.checker));
    let reached = run.reached();
    Report {
        number,
        simulated: run.now().since(began),
        tally: run.world().tally().clone(),
        crashes,
        failovers: reached[Mark::EmergencyEntered as usize],
        reached,
        violation,
        digest: run.world().trace().digest(),
        trace: run.world().trace().lines().map(ToString::to_string).collect(),
    }
}

fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic".into())
}

fn live(run: &mut Run, rng: &mut Rng, crashes: &mut u64) -> Option<Violation> {
    // Safety: whatever happens, no checker finds anything.
    let end = run.now() + rng.between(SAFETY.0, SAFETY.1);
    let crash_every = crash_interval(rng);
    while run.now() < end {
        let next = crash_every.map_or(end, |mean| end.min(run.now() + rng.between(mean / 8, mean * 2)));
        if !run.until(next) {
            return run.violation().cloned();
        }
        if next < end {
            if rng.chance(AMBUSH_PERCENT) {
                ambush(run);
            }
            // Every other crash comes in the middle of a creation.
            let latest = end.min(next + CREATION_AWAITED);
            let amid =
                rng.chance(50) && run.until_creating(latest) && run.pass(rng.between(Duration::ZERO, AMID));
            if !amid && run.violation().is_some() {
                return run.violation().cloned();
            }
            if rng.chance(REBUILD_PERCENT) {
                *crashes += rebuild(run, rng);
                continue;
            }
            *crashes += 1;
            if rng.chance(LEAVES_PERCENT) {
                run.leave(rng.chance(STOPS_ENGINES_PERCENT), LEAVES_WITHIN);
            } else {
                run.crash();
            }
            run.pass(rng.between(DOWNTIME.0, DOWNTIME.1));
            if rng.chance(run.world().plan().upgrades_percent) {
                run.upgrade();
            }
            run.begin_life();
        }
    }
    // Liveness: once faults stop, the fleet gets back to where it should be.
    run.world_mut().heal_all();
    for vpn in run.world().vpns() {
        run.ask(Request::UndrainVpn(vpn));
    }
    let healed = run.now();
    loop {
        if !run.pass(ASKED_EVERY) {
            return run.violation().cloned();
        }
        let Some(reason) = pending(run) else { break };
        if run.now().since(healed) > CONVERGES_WITHIN {
            return Some(Violation { checker: "liveness", at: run.now(), what: reason });
        }
    }
    bounded(run, *crashes).or_else(|| if rng.chance(25) { quiet(run) } else { None })
}

/// The core breaks, once or several times. How often it was rebuilt.
fn rebuild(run: &mut Run, rng: &mut Rng) -> u64 {
    let times = 1 + rng.below(REBUILDS_MAX);
    for _ in 0..times {
        run.rebuild();
        run.pass(rng.between(REBUILT_AGAIN.0, REBUILT_AGAIN.1));
    }
    times
}

/// Something has to be created, and Docker is slow for a moment: so a crash leaves a creation behind that is
/// carried out long after, when the next life has had its first look.
fn ambush(run: &mut Run) {
    run.world_mut().inject_for(Fault::Docker(DockerFault::Slow), AMBUSH_LASTS);
    let engine = run.world().containers().find(|container| container.ours()).map(Container::id);
    if let Some(engine) = engine {
        run.world_mut().inject(Fault::Engine(engine, EngineFault::Removed));
    }
}

/// A quarter of the runs has no crashes; the others from one in ten minutes to one in two hours.
fn crash_interval(rng: &mut Rng) -> Option<Duration> {
    let often = rng.between(Duration::from_secs(600), Duration::from_secs(7_200));
    (!rng.chance(25)).then_some(often)
}

/// S15: creations for each fault are bounded.
fn bounded(run: &Run, crashes: u64) -> Option<Violation> {
    let settings = &run.world().plan().settings;
    let asked = run.world().tally().requests;
    let faults: u64 = run.world().tally().faults.values().sum::<u64>() + asked;
    let limit = control::policy::scaling::limit(settings) as u64;
    let allowed = (faults + crashes + 1) * limit * CREATIONS_PER_FAULT;
    let created = run.checks().creations();
    (created > allowed).then(|| Violation {
        checker: "S15",
        at: run.now(),
        what: format!("{created} engines were created for {faults} faults and {crashes} crashes"),
    })
}

/// S15: a fleet at rest stays at rest.
fn quiet(run: &mut Run) -> Option<Violation> {
    if !run.pass(SETTLES) {
        return run.violation().cloned();
    }
    let before: u64 = run.world().tally().operations.values().sum();
    let rerouted = run.world().tally().rerouted;
    if !run.pass(QUIET) {
        return run.violation().cloned();
    }
    let after: u64 = run.world().tally().operations.values().sum();
    let moved = run.world().tally().rerouted - rerouted;
    let what = if after > before {
        format!("{} containers were changed in a quiet hour", after - before)
    } else if moved > 0 {
        format!("viewers were sent another session {moved} times in a quiet hour")
    } else {
        return None;
    };
    Some(Violation { checker: "S15", at: run.now(), what })
}
