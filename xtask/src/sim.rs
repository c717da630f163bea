//! `cargo xtask sim`: the simulator, built with optimisation and assertions, seeded with the commit.
//!
//! Its arguments are its own; nothing is interpreted here beyond the seed. `cargo xtask media` is the same for
//! streams.

use std::process::ExitStatus;

use crate::house::{House, Stop};

/// Builds and runs the simulator with these arguments. Its exit code is passed on.
pub(crate) fn command(house: &House, args: &[String]) -> Result<(), Stop> {
    simulate(house, "sim", args)
}

/// Builds and runs the simulation of streams.
pub(crate) fn media(house: &House, args: &[String]) -> Result<(), Stop> {
    simulate(house, "media", args)
}

fn simulate(house: &House, bin: &str, args: &[String]) -> Result<(), Stop> {
    let mut cargo =
        house.cargo(&["run", "--profile", "sim", "-p", "sim", "--bin", bin, "--locked", "--quiet", "--"]);
    cargo.args(args);
    if !names_a_seed(args) {
        cargo.args(["--seed", &house.seed().to_string()]);
    }
    let status = cargo.status().map_err(|error| Stop::Failed(format!("cargo run -p sim: {error}")))?;
    if status.success() { Ok(()) } else { Err(Stop::Exit(exit_code(status))) }
}

/// What a shell would say: a program that a signal ended has no code of its own.
pub(crate) fn exit_code(status: ExitStatus) -> u8 {
    status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

fn names_a_seed(args: &[String]) -> bool {
    args.iter().any(|arg| arg == "--seed" || arg.starts_with("--seed="))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_on_the_command_line_is_recognised_in_both_forms() {
        let args = |line: &str| line.split(' ').map(String::from).collect::<Vec<_>>();
        assert!(names_a_seed(&args("--hours 5 --seed 7")));
        assert!(names_a_seed(&args("--seed=7")));
        assert!(!names_a_seed(&args("--hours 5 --trace")));
    }
}
