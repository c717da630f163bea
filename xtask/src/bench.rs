//! `cargo xtask bench`: the measurements, each a program of its own, built as the product ships.
//!
//! What is measured is printed and never judged: machines are shared and noisy, and a timed test fails on the
//! day on which somebody else's build runs beside it.

use std::env;
use std::process::Command;

use crate::house::{House, Stop, run};
use crate::lab::{self, Lab};
use crate::sim::exit_code;

/// The variable that tells which program is measured.
const PROGRAM: &str = "ACEFLEET_TEST_PROGRAM";

/// One measurement.
struct Bench {
    name: &'static str,
    what: &'static str,
    run: fn(&House, &[String]) -> Result<(), Stop>,
}

const BENCHES: &[Bench] = &[
    Bench {
        name: "control",
        what: "one step of the core, a snapshot and its memory, for fleets of 10 to 2,000 engines",
        run: control,
    },
    Bench {
        name: "serve",
        what: "the program on real Docker; --list tells the rows of its table, --rows A,B chooses some",
        run: serve,
    },
    Bench {
        name: "proxy",
        what: "one channel for 1 to 500 viewers, beside a bare loop; --soak: five minutes of a fleet that fails",
        run: proxy,
    },
    Bench {
        name: "store",
        what: "a week of history of 1,000 streams on the disk, and a step of the core beside it; --days N",
        run: store,
    },
];

/// Runs one bench with the arguments that follow its name; without a name it lists them.
pub(crate) fn command(house: &House, args: &[String]) -> Result<(), Stop> {
    let Some((name, rest)) = args.split_first() else {
        BENCHES.iter().for_each(|bench| println!("{:<10} {}", bench.name, bench.what));
        return Ok(());
    };
    let bench = BENCHES.iter().find(|bench| bench.name == name);
    let bench =
        bench.ok_or_else(|| Stop::Usage(format!("there is no bench `{name}`; `bench` alone lists them")))?;
    (bench.run)(house, rest)
}

fn control(house: &House, args: &[String]) -> Result<(), Stop> {
    // The package by itself: built with the workspace, the core would get the simulator's canaries.
    let mut cargo = house.cargo(&["run", "--release", "-p", "bench", "--locked", "--quiet", "--"]);
    measure(cargo.args(args))
}

fn serve(house: &House, args: &[String]) -> Result<(), Stop> {
    let mut cargo =
        house.cargo(&["run", "--release", "-p", "bench", "--bin", "serve", "--locked", "--quiet", "--"]);
    cargo.args(args);
    // Nobody waits for Docker daemons to read a list.
    if args.iter().any(|arg| arg == "--list") {
        return measure(&mut cargo);
    }
    // By itself: built with its tests, the program would get the simulator's canaries.
    run(&mut house.cargo(&["build", "--release", "-p", "acefleet", "--bin", "acefleet", "--locked"]))?;
    cargo.env(PROGRAM, house.target_dir()?.join("release").join("acefleet"));
    // Two labs would take each other's names: one that is kept is used.
    if env::var_os(lab::FOLDER).is_some() {
        return measure(&mut cargo);
    }
    if let Some(lacks) = Lab::lacks() {
        return Err(Stop::Failed(format!("this machine lacks {lacks}")));
    }
    let lab = Lab::up(house)?;
    lab.tell(&mut cargo);
    measure(&mut cargo)
}

/// Measures a part of the program that needs it as a library.
fn within(house: &House, part: &str, args: &[String]) -> Result<(), Stop> {
    let command =
        ["run", "--release", "-p", "bench", "--bin", part, "--features", part, "--locked", "--quiet", "--"];
    measure(house.cargo(&command).args(args))
}

fn proxy(house: &House, args: &[String]) -> Result<(), Stop> {
    within(house, "proxy", args)
}

fn store(house: &House, args: &[String]) -> Result<(), Stop> {
    within(house, "store", args)
}

/// Runs it on the terminal; what is wrong it says itself.
fn measure(cargo: &mut Command) -> Result<(), Stop> {
    let status = cargo.status().map_err(|error| Stop::Failed(format!("cargo: {error}")))?;
    if status.success() { Ok(()) } else { Err(Stop::Exit(exit_code(status))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bench_that_does_not_exist_is_a_usage_error_that_names_it() {
        let house = House::of_this_workspace();
        let Err(Stop::Usage(what)) = command(&house, &["frob".into()]) else { panic!("no usage error") };
        assert!(what.contains("`frob`"), "{what}");
    }

    #[test]
    fn without_a_name_nothing_is_run() {
        // Nothing can be started from a folder that does not exist.
        assert!(command(&House::at("no/such/folder".as_ref()), &[]).is_ok());
    }
}
