//! Everything a developer runs: `cargo xtask <command>`.
//!
//! This file knows the commands, their help and their exit codes. What a command does is in the file
//! of its name; how a program is started is in `house`.

mod bench;
mod canaries;
mod demo;
mod house;
mod lab;
mod mutants;
mod panel;
mod setup;
mod sim;
mod test;
mod tidy;

use std::process::ExitCode;

use house::{House, Stop};

/// The exit code for a command line that makes no sense, as in `sysexits.h`.
const EXIT_USAGE: u8 = 64;

struct Command {
    name: &'static str,
    args: &'static str,
    what: &'static str,
    run: fn(&House, &[String]) -> Result<(), Stop>,
}

const COMMANDS: &[Command] = &[
    Command {
        name: "demo",
        args: "[ARGS]",
        what: "the product on stand-ins, to be looked at and broken; ARGS are those of `acefleet demo`",
        run: demo::command,
    },
    Command {
        name: "test",
        args: "[--only STEP]... | --list",
        what: "every check there is, in order; stops at the first failure",
        run: test::command,
    },
    Command {
        name: "sim",
        args: "[ARGS]",
        what: "run the simulator; ARGS are its own, the seed is the commit unless --seed N",
        run: sim::command,
    },
    Command {
        name: "media",
        args: "[--hours N] [--seed N]",
        what: "channels whose sources fail, simulated: splice, ring, segments; the seed is the commit unless --seed N",
        run: sim::media,
    },
    Command {
        name: "canaries",
        args: "",
        what: "break each policy on purpose, and see that a checker notices",
        run: canaries::command,
    },
    Command {
        name: "mutants",
        args: "[ARGS]",
        what: "change each policy in one place at a time, and see that a test notices; ARGS are cargo-mutants' own",
        run: mutants::command,
    },
    Command {
        name: "bench",
        args: "[NAME [ARGS]]",
        what: "measure: printed, not judged; without a name the benches are listed",
        run: bench::command,
    },
    Command {
        name: "panel",
        args: "[--test]",
        what: "build the web panel, which the next build of the program carries; or test it in a browser",
        run: panel::command,
    },
    Command {
        name: "lab",
        args: "",
        what: "Docker daemons for tests, with the stand-ins' images, until standard input ends",
        run: lab::command,
    },
    Command {
        name: "tidy",
        args: "[--list]",
        what: "the rules of the house that no compiler checks",
        run: tidy::command,
    },
];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stop::Exit(code)) => ExitCode::from(code),
        Err(Stop::Failed(what)) => {
            eprintln!("xtask: {what}");
            ExitCode::FAILURE
        }
        Err(Stop::Usage(what)) => {
            eprintln!("xtask: {what}\n\n{}", help());
            ExitCode::from(EXIT_USAGE)
        }
    }
}

fn dispatch(args: &[String]) -> Result<(), Stop> {
    let Some((name, rest)) = args.split_first() else {
        print!("{}", help());
        return Ok(());
    };
    if matches!(name.as_str(), "help" | "--help" | "-h") {
        print!("{}", help());
        return Ok(());
    }
    (named(name)?.run)(&House::of_this_workspace(), rest)
}

/// The command of this name.
fn named(name: &str) -> Result<&'static Command, Stop> {
    let command = COMMANDS.iter().find(|command| command.name == name);
    command.ok_or_else(|| Stop::Usage(format!("there is no command `{name}`")))
}

fn help() -> String {
    let mut text = String::from("cargo xtask <command>\n\n");
    for Command { name, args, what, .. } in COMMANDS {
        let usage = format!("{name} {args}");
        text += &format!("  {usage:<32} {what}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(args: &[&str]) -> Result<(), Stop> {
        dispatch(&args.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn an_unknown_command_is_a_usage_error_that_names_it() {
        let Err(Stop::Usage(what)) = outcome(&["frobnicate"]) else { panic!("no usage error") };
        assert!(what.contains("`frobnicate`"), "{what}");
    }

    #[test]
    fn an_unknown_flag_is_a_usage_error_that_names_it() {
        for command in ["test", "canaries", "panel", "tidy"] {
            let Err(Stop::Usage(what)) = outcome(&[command, "--frob"]) else {
                panic!("{command}: no usage error")
            };
            assert!(what.contains("`--frob`"), "{command}: {what}");
        }
    }

    #[test]
    fn help_lists_every_command() {
        for command in COMMANDS {
            assert!(help().contains(&format!("\n  {} ", command.name)), "{}", help());
        }
    }
}
