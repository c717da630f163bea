//! `cargo xtask bench`: the measurements, each a program of its own, built as the product ships.
//!
//! What is measured is printed and never judged: machines are shared and noisy, and a timed test fails on the
//! day on which somebody else's build runs beside it.

use crate::house::{House, Stop};
use crate::sim::exit_code;

/// One measurement.
struct Bench {
    name: &'static str,
    what: &'static str,
    /// The package whose only program it is.
    package: &'static str,
}

const BENCHES: &[Bench] = &[Bench {
    name: "control",
    what: "one step of the core, a snapshot and its memory, for fleets of 10 to 2,000 engines",
    package: "bench",
}];

/// Runs one bench with the arguments that follow its name; without a name it lists them.
pub(crate) fn command(house: &House, args: &[String]) -> Result<(), Stop> {
    let Some((name, rest)) = args.split_first() else {
        BENCHES.iter().for_each(|bench| println!("{:<10} {}", bench.name, bench.what));
        return Ok(());
    };
    let bench = BENCHES.iter().find(|bench| bench.name == name);
    let bench =
        bench.ok_or_else(|| Stop::Usage(format!("there is no bench `{name}`; `bench` alone lists them")))?;
    // The package by itself: built with the workspace, the core would get the simulator's canaries.
    let mut cargo = house.cargo(&["run", "--release", "-p", bench.package, "--locked", "--quiet", "--"]);
    let status = cargo.args(rest).status();
    let status = status.map_err(|error| Stop::Failed(format!("cargo run -p {}: {error}", bench.package)))?;
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
