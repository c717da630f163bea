//! `cargo xtask bench serve`: what the program reaches on real Docker, beside what it should reach.
//!
//! It prints and judges nothing: machines are shared and noisy. The program runs as people start it, with its
//! own defaults but for the number of engines, as a process of its own; Docker is a real one with stand-ins for
//! Gluetun and AceStream, which do what is done to them in no time of their own.
//!
//! It stands apart from the program's package: built with its tests, the program would get the simulator's canaries
//! and a clock that tests can stop. `cargo xtask bench serve` builds what ships, and names it here.

// What stories on real Docker are told with; the tests use more of it than this does.
#[allow(dead_code)]
#[path = "../../../../acefleet/tests/stories/fleet.rs"]
mod fleet;
#[allow(dead_code)]
#[path = "../../../../acefleet/tests/docker/ground.rs"]
mod ground;
#[allow(dead_code)]
#[path = "../../../../acefleet/tests/stories/happenings.rs"]
mod happenings;
#[allow(dead_code)]
#[path = "../../../../acefleet/tests/docker/process.rs"]
mod process;
#[allow(dead_code)]
#[path = "../../../../acefleet/tests/stories/same_ground.rs"]
mod same_ground;
#[allow(dead_code)]
#[path = "../../../../acefleet/tests/docker/way.rs"]
mod way;
#[allow(dead_code)]
#[path = "../../../../acefleet/tests/stories/web.rs"]
mod web;

mod ask;
mod figures;
mod program;
mod rows;
mod stage;
mod watch;

use figures::Plain;
use rows::{Cells, Measured, ROWS, Row};
use std::process::ExitCode;
use std::time::Instant;
use watch::Answers;

const EXIT_USAGE: u8 = 64;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let chosen: Option<Vec<&Row>> = match words[..] {
        [] => Some(ROWS.iter().collect()),
        ["--list"] => {
            ROWS.iter().for_each(|row| println!("{:<10} {}", row.name, row.what));
            return ExitCode::SUCCESS;
        }
        ["--rows", names] => names.split(',').map(|name| ROWS.iter().find(|row| row.name == name)).collect(),
        _ => None,
    };
    let Some(chosen) = chosen else {
        let names = ROWS.map(|row| row.name).join(",");
        eprintln!(
            "usage: bench serve [--list | --rows NAMES]   NAMES of {names}; all of them unless some are named"
        );
        return ExitCode::from(EXIT_USAGE);
    };
    if measure_all(&chosen) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Prints the table; whether everything could be measured.
fn measure_all(rows: &[&Row]) -> bool {
    let began = Instant::now();
    print_head();
    let mut answers: Vec<(&str, Answers)> = Vec::new();
    let mut complete = true;
    for row in rows {
        eprintln!("{}: {} …", row.name, row.what);
        // A story that goes wrong ends with words of its own; the others can be told all the same.
        match std::panic::catch_unwind(row.measure) {
            Ok(Measured { table, answers: meanwhile }) => {
                table.iter().for_each(print_line);
                answers.extend(meanwhile.map(|meanwhile| (row.name, meanwhile)));
            }
            Err(_) => {
                complete = false;
                println!("| {} | not measured: what went wrong is said above | | |", row.what);
            }
        }
    }
    if !answers.is_empty() {
        print_line(&meanwhile(&answers));
    }
    println!("\nmeasured in {}; load average now {}", Plain(began.elapsed()), load_average());
    complete
}

fn print_head() {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!("{cores} cores, load average {}", load_average());
    if cfg!(debug_assertions) {
        println!("Built for development: what ships is faster.");
    }
    println!("Of several times: the median, and the worst.\n");
    println!("| what | measured | target | reference |\n| --- | --- | --- | --- |");
}

fn print_line(Cells { what, measured, target, reference }: &Cells) {
    println!("| {what} | {measured} | {target} | {reference} |");
}

/// How the API answered during each row that goes on for a while.
fn meanwhile(answers: &[(&str, Answers)]) -> Cells {
    let each = answers.iter().map(|(name, Answers { took, unanswered })| {
        let (p99, worst) = (Plain(took.percentile(99)), Plain(took.worst()));
        format!("{name} {p99} (worst of {} {worst}, {unanswered} unanswered)", took.count())
    });
    Cells {
        what: "API p99 during every scenario above".into(),
        measured: each.collect::<Vec<_>>().join("; "),
        target: "under 50 ms",
        reference: "seconds to minutes",
    }
}

/// How busy the machine is, with this and with everything else.
fn load_average() -> String {
    let all = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let three: Vec<&str> = all.split_whitespace().take(3).collect();
    if three.is_empty() { "not known here".into() } else { three.join(" ") }
}
