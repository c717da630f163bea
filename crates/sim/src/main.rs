//! The simulator's command line: runs of a seed until so many hours are simulated, and what they came to.
//!
//! Output is for people, but for the lines that begin with `violation` and the last one. Exit status: 0 no
//! violation, 1 a checker found one, 2 the fleet did not get back to where it should be, 3 a branch of a policy was
//! not reached and nobody knows why, 64 the call is wrong.

use control::canary::Canary;
use control::mark::Mark;
use sim::swarm::{self, Order, Report};
use sim::tables::{self, Totals};
use sim::unreached;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What the caller wants.
struct Call {
    hours: u64,
    order: Order,
    only: Option<u64>,
    threads: usize,
    /// Goes on after a violation, to see them all.
    all: bool,
}

const USAGE: &str = "\
usage: sim [--hours N] [--seed N] [--run K] [--trace] [--threads N] [--speed] [--all]
       sim --canary NAME [--seed N]   breaks one policy on purpose; must fail
       sim --canaries                 lists the canaries
";
const EXIT_USAGE: u8 = 64;
const EXIT_UNREACHED: u8 = 3;
/// Runs of a canary until it counts as alive.
const CANARY_HOURS: u64 = 300;
/// Lines of the trace that `--trace` shows.
const TRACE_LINES: usize = 2_000_000;
const SPEED_HOURS: u64 = 100;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments == ["--canaries"] {
        Canary::ALL.iter().for_each(|canary| println!("{}", canary.name()));
        return ExitCode::SUCCESS;
    }
    match parse(&arguments) {
        Ok(call) => perform(&call),
        Err(wrong) => {
            eprintln!("sim: {wrong}\n{USAGE}");
            ExitCode::from(EXIT_USAGE)
        }
    }
}

fn parse(arguments: &[String]) -> Result<Call, String> {
    let order = Order { seed: 1, canary: None, default_fleet: false, trace: 0 };
    let mut call = Call { hours: 100, order, only: None, threads: 2, all: false };
    // `--seed=7` is `--seed 7`.
    let mut arguments = arguments.iter().flat_map(|argument| argument.splitn(2, '='));
    while let Some(flag) = arguments.next() {
        let mut number = || -> Result<u64, String> {
            let value = arguments.next().ok_or_else(|| format!("{flag} needs a number"))?;
            value.parse().map_err(|_| format!("{flag} needs a number, not '{value}'"))
        };
        match flag {
            "--hours" => call.hours = number()?,
            "--seed" => call.order.seed = number()?,
            "--run" => call.only = Some(number()?),
            "--threads" => call.threads = usize::try_from(number()?.clamp(1, 64)).unwrap_or(1),
            "--all" => call.all = true,
            "--trace" => call.order.trace = TRACE_LINES,
            "--speed" => {
                call.order.default_fleet = true;
                call.hours = SPEED_HOURS;
                call.threads = 1;
            }
            "--canary" => {
                let name = arguments.next().ok_or("--canary needs a name; --canaries lists them")?;
                let known = Canary::ALL.iter().find(|canary| canary.name() == name);
                call.order.canary = Some(*known.ok_or_else(|| format!("there is no canary '{name}'"))?);
                call.hours = CANARY_HOURS;
            }
            _ => return Err(format!("what is '{flag}'?")),
        }
    }
    Ok(call)
}

fn perform(call: &Call) -> ExitCode {
    println!("seed={}", call.order.seed);
    // A broken invariant is reported as a violation; its backtrace would bury the report.
    std::panic::set_hook(Box::new(|_| {}));
    let began = Instant::now();
    let (totals, violations) = match call.only {
        Some(number) => collect(vec![swarm::run(&call.order, number)]),
        None => run_all(call),
    };
    let seconds = began.elapsed().as_secs_f64();
    let hours = totals.simulated.as_secs_f64() / 3_600.0;
    if call.order.canary.is_none() {
        print!("{}", tables::faults(&totals));
        print!("{}", tables::operations(&totals));
        print!("{}", unreached::table(&totals));
        let each = hours / seconds / call.threads as f64;
        println!("speed: {each:.0} simulated hours per second on each of {} core(s)", call.threads);
    }
    for report in &violations {
        report.trace.iter().for_each(|line| println!("{line}"));
        if let Some(violation) = &report.violation {
            println!("violation {violation} run={} seed={}", report.number, call.order.seed);
        }
    }
    println!("{}", tables::digest(&totals));
    println!("{}", tables::last_line(&totals, violations.len(), call.order.seed));
    let stuck = |report: &Report| report.violation.as_ref().is_some_and(|found| found.checker == "liveness");
    let unexplained = if call.order.canary.is_none() { unreached::unexplained(&totals) } else { Vec::new() };
    for mark in &unexplained {
        eprintln!("sim: {mark:?} was never reached, and crates/sim/src/unreached.rs has no reason");
    }
    match violations.as_slice() {
        [] if !unexplained.is_empty() => ExitCode::from(EXIT_UNREACHED),
        [] => ExitCode::SUCCESS,
        found if found.iter().all(stuck) => ExitCode::from(2),
        _ => ExitCode::FAILURE,
    }
}

/// Runs one after the other on each thread until the hours are simulated, or something is found. Runs are
/// counted in their order, so the result does not depend on which thread did which.
fn run_all(call: &Call) -> (Totals, Vec<Report>) {
    let wanted = Duration::from_secs(call.hours * 3_600);
    let next = AtomicU64::new(0);
    let enough = AtomicBool::new(false);
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..call.threads {
            scope.spawn(|| {
                while !enough.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let report = swarm::run(&call.order, number);
                    let Ok(mut done) = done.lock() else { return };
                    done.push(report);
                    if first_enough(&mut done, wanted, call.all).is_some() {
                        enough.store(true, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let mut reports = done.into_inner().unwrap_or_default();
    let count = first_enough(&mut reports, wanted, call.all).unwrap_or(reports.len());
    reports.truncate(count);
    collect(reports)
}

/// How many of the first runs are enough, if they are: together they simulate what was wanted, or the last of
/// them found something.
fn first_enough(reports: &mut [Report], wanted: Duration, all: bool) -> Option<usize> {
    reports.sort_by_key(|report| report.number);
    let mut simulated = Duration::ZERO;
    for (at, report) in reports.iter().enumerate() {
        if report.number != at as u64 {
            return None;
        }
        simulated += report.simulated;
        if simulated >= wanted || (report.violation.is_some() && !all) {
            return Some(at + 1);
        }
    }
    None
}

fn collect(reports: Vec<Report>) -> (Totals, Vec<Report>) {
    let mut totals = Totals::new(Mark::ALL.len());
    let mut violations = Vec::new();
    for report in reports {
        totals.add(&report);
        if report.violation.is_some() {
            violations.push(report);
        }
    }
    (totals, violations)
}
