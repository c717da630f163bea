//! `cargo xtask test`: every check there is, as a list of steps.
//!
//! A step that does not exist yet has no entry, and a step that cannot run on this machine is never passed
//! over in silence: it stands under "what was not run", and with `CI=true` that is a failure.

use std::env;
use std::fmt;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::house::{House, Stop, run};
use crate::lab::Lab;
use crate::{canaries, panel, setup, sim, tidy};

/// One check. The list below is the order: what is quick to fail comes first.
struct Step {
    name: &'static str,
    what: &'static str,
    /// What this machine lacks for it, after what can be installed has been; asked for all steps that are to run
    /// before the first one does.
    lacks: fn(&House) -> Option<String>,
    run: fn(&House) -> Result<(), Stop>,
}

const STEPS: &[Step] = &[
    Step {
        name: "fmt",
        what: "the code is formatted",
        lacks: |house| (!house.has_cargo("fmt")).then(|| "rustfmt: rustup component add rustfmt".into()),
        run: |house| run(&mut house.cargo(&["fmt", "--all", "--check"])),
    },
    Step {
        name: "tidy",
        what: "the rules of the house that no compiler checks",
        lacks: |house| (!house.has_git()).then(|| "a git clone: its list of files is what is checked".into()),
        run: |house| tidy::command(house, &[]),
    },
    Step {
        name: "clippy",
        what: "no warning of the compiler or of clippy",
        lacks: |house| (!house.has_cargo("clippy")).then(|| "clippy: rustup component add clippy".into()),
        run: clippy,
    },
    Step {
        name: "doc",
        what: "the documentation builds, and its links lead somewhere",
        lacks: |_| None,
        run: |house| {
            let mut doc = house.cargo(&["doc", "--workspace", "--no-deps", "--locked"]);
            run(doc.env("RUSTDOCFLAGS", "-Dwarnings"))
        },
    },
    Step {
        name: "panel",
        what: "the panel: types, size, unit tests, and all of it in a real browser on the demo",
        lacks: panel::lacks_to_test,
        run: panel::test,
    },
    Step {
        name: "unit",
        what: "unit and scenario tests, doctests",
        lacks: |_| setup::provide(&[&setup::FFMPEG]).and_then(|()| setup::provide_prometheus()).err(),
        run: unit,
    },
    Step {
        name: "embedded",
        what: "the stories of the program on the embedded fleet, without Docker",
        lacks: |_| setup::provide(&[&setup::FFMPEG, &setup::CURL]).err(),
        run: embedded,
    },
    Step {
        name: "docker",
        what: "the program on real Docker Engines of our own",
        lacks: |_| Lab::lacks().or_else(|| setup::provide(&[&setup::FFMPEG, &setup::CURL]).err()),
        run: docker,
    },
    Step {
        name: "sim",
        what: "2,000 simulated hours of faults, no violation",
        lacks: |_| None,
        run: |house| sim::command(house, &["--hours".into(), "2000".into()]),
    },
    Step {
        name: "media",
        what: "20 simulated hours of a channel whose sources fail, no violation",
        lacks: |_| None,
        run: |house| sim::media(house, &["--hours".into(), "20".into()]),
    },
    Step {
        name: "speed",
        what: "how fast the default fleet is simulated on one core: printed, not judged",
        lacks: |_| None,
        run: |house| sim::command(house, &["--speed".into()]),
    },
    Step {
        name: "canaries",
        what: "every policy broken on purpose is noticed",
        lacks: |_| None,
        run: |house| canaries::command(house, &[]),
    },
];

/// Whatever tells stories of the whole program.
const NO_STORIES: &str = "not (binary(docker) or binary(embedded))";
/// So many stories on the embedded fleet are told at once.
const EMBEDDED_AT_ONCE: &str = "8";

fn clippy(house: &House) -> Result<(), Stop> {
    // What measures parts of the program is built only where that is asked for.
    let features = ["--features", "bench/proxy,bench/store"];
    let mut all = house.cargo(&["clippy", "--workspace", "--all-targets"]);
    run(all.args(features).args(["--locked", "--", "-Dwarnings"]))?;
    // In the workspace the simulator switches control's canaries on. The program ships without them, and that
    // build must be clean too.
    run(&mut house.cargo(&["clippy", "-p", "control", "--locked", "--", "-Dwarnings"]))
}

/// All but the stories of the whole program, which have steps of their own.
fn unit(house: &House) -> Result<(), Stop> {
    if !has_nextest(house) {
        run(&mut house.cargo(&["test", "--workspace", "--exclude", "acefleet", "--locked"]))?;
        return run(
            &mut house.cargo(&["test", "-p", "acefleet", "--lib", "--bins", "--test", "program", "--locked"])
        );
    }
    run(&mut house.cargo(&["nextest", "run", "--workspace", "--locked", "-E", NO_STORIES]))?;
    // nextest does not run them.
    run(&mut house.cargo(&["test", "--doc", "--workspace", "--locked"]))
}

/// Stories wait for time to pass more than they compute, so more of them run than there are cores.
fn embedded(house: &House) -> Result<(), Stop> {
    let mut tests = stories(house, "embedded");
    run(tests.args(["--test-threads", EMBEDDED_AT_ONCE]))
}

/// The tests of one binary, all of them even if one fails. They are built with everything else: by itself the program
/// has other features, and all of it would be built once more.
fn stories(house: &House, binary: &str) -> Command {
    if has_nextest(house) {
        let mut tests = house.cargo(&["nextest", "run", "--workspace", "--locked", "--no-fail-fast"]);
        tests.args(["-E", &format!("binary({binary})")]);
        tests
    } else {
        house.cargo(&["test", "-p", "acefleet", "--test", binary, "--locked", "--no-fail-fast", "--"])
    }
}

/// Scenarios wait for Docker and for time to pass more than they compute, so more of them run than there are cores.
fn docker(house: &House) -> Result<(), Stop> {
    let lab = Lab::up(house)?;
    let mut tests = stories(house, "docker");
    lab.tell(tests.args(["--test-threads", &lab.tests_at_once().to_string()]));
    run(&mut tests)
}

/// It runs tests in parallel across crates; without it the same tests take longer.
fn has_nextest(house: &House) -> bool {
    house.has_cargo("nextest")
}

/// How a step ended.
#[derive(Debug, PartialEq)]
enum End {
    Passed(Duration),
    Failed(Duration, String),
    NotRun(String),
}

/// How each step ended, in order.
struct Report(Vec<(&'static str, End)>);

/// Runs the steps, or those that `--only` names.
pub(crate) fn command(house: &House, args: &[String]) -> Result<(), Stop> {
    let mut only = Vec::new();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--list" => {
                STEPS.iter().for_each(|step| println!("{:<10} {}", step.name, step.what));
                return Ok(());
            }
            "--only" => {
                let name =
                    args.next().ok_or_else(|| Stop::Usage("`--only` wants the name of a step".into()))?;
                if !STEPS.iter().any(|step| step.name == name) {
                    return Err(Stop::Usage(format!("there is no step `{name}`; `test --list` names them")));
                }
                only.push(name.as_str());
            }
            other => return Err(Stop::Usage(format!("`test` does not know `{other}`"))),
        }
    }
    let report = Report::of(STEPS, &only, house);
    print!("{report}");
    report.verdict(env::var("CI").is_ok_and(|ci| ci == "true"))
}

impl Report {
    fn of(steps: &[Step], only: &[&str], house: &House) -> Self {
        println!(
            "== setting up: what is missing is installed where that can be done, and named where it cannot"
        );
        println!("tests run with: {}", if has_nextest(house) { "cargo nextest" } else { "cargo test" });
        println!("seed of this commit: {}", house.seed());
        let chosen = |step: &Step| only.is_empty() || only.contains(&step.name);
        let lacks: Vec<_> =
            steps.iter().map(|step| chosen(step).then(|| (step.lacks)(house)).flatten()).collect();

        let mut failed = None;
        let mut ends = Vec::new();
        for (place, (step, lacks)) in steps.iter().zip(lacks).enumerate() {
            let end = if let Some(failed) = failed {
                End::NotRun(format!("{failed} failed before it"))
            } else if !chosen(step) {
                End::NotRun("left out by --only".into())
            } else if let Some(lacks) = lacks {
                End::NotRun(format!("this machine lacks {lacks}"))
            } else {
                println!("\n== {}/{} {}: {}", place + 1, steps.len(), step.name, step.what);
                let start = Instant::now();
                let result = (step.run)(house);
                let elapsed = start.elapsed();
                println!("-- {}: {:.1} s", step.name, elapsed.as_secs_f64());
                match result {
                    Ok(()) => End::Passed(elapsed),
                    Err(Stop::Failed(why) | Stop::Usage(why)) => End::Failed(elapsed, why),
                    Err(Stop::Exit(code)) => End::Failed(elapsed, format!("exit code {code}")),
                }
            };
            if matches!(end, End::Failed(..)) {
                failed = Some(step.name);
            }
            ends.push((step.name, end));
        }
        Self(ends)
    }

    fn not_run(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter_map(|(name, end)| match end {
            End::NotRun(why) => Some((*name, why.as_str())),
            End::Passed(_) | End::Failed(..) => None,
        })
    }

    /// A failed step fails the whole. So does, in CI, one that was not run: nobody reads a green log.
    fn verdict(&self, ci: bool) -> Result<(), Stop> {
        for (name, end) in &self.0 {
            if let End::Failed(_, why) = end {
                return Err(Stop::Failed(format!("step {name} failed: {why}")));
            }
        }
        let left: Vec<_> = self.not_run().map(|(name, _)| name).collect();
        if ci && !left.is_empty() {
            return Err(Stop::Failed(format!("CI=true, and these steps were not run: {}", left.join(", "))));
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{:<10} {:<8} {:>8}", "step", "end", "seconds")?;
        for (name, end) in &self.0 {
            let (word, elapsed) = match end {
                End::Passed(elapsed) => ("passed", Some(elapsed)),
                End::Failed(elapsed, _) => ("FAILED", Some(elapsed)),
                End::NotRun(_) => ("NOT RUN", None),
            };
            let seconds = elapsed.map_or("-".into(), |elapsed| format!("{:.1}", elapsed.as_secs_f64()));
            writeln!(f, "{name:<10} {word:<8} {seconds:>8}")?;
        }
        writeln!(f, "\nwhat was not run:")?;
        for (name, why) in self.not_run() {
            writeln!(f, "  NOT RUN {name}: {why}")?;
        }
        if self.not_run().next().is_none() {
            writeln!(f, "  nothing: every step was run")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Step = Step { name: "good", what: "", lacks: |_| None, run: |_| Ok(()) };
    const BAD: Step = Step { name: "bad", run: |_| Err(Stop::Exit(2)), ..GOOD };
    const POOR: Step = Step { name: "poor", lacks: |_| Some("a second moon".into()), ..GOOD };
    const LAST: Step = Step { name: "last", ..GOOD };

    fn report(steps: &[Step], only: &[&str]) -> Report {
        Report::of(steps, only, &House::of_this_workspace())
    }

    fn why(verdict: Result<(), Stop>) -> String {
        match verdict {
            Err(Stop::Failed(why)) => why,
            other => panic!("expected a failure, got {other:?}"),
        }
    }

    #[test]
    fn steps_that_all_pass_leave_nothing_unrun() {
        let report = report(&[GOOD, LAST], &[]);
        assert!(report.verdict(true).is_ok());
        assert!(
            report.to_string().ends_with("what was not run:\n  nothing: every step was run\n"),
            "{report}"
        );
    }

    #[test]
    fn the_first_failure_stops_the_rest_and_is_named() {
        let report = report(&[GOOD, BAD, LAST], &[]);
        assert_eq!(why(report.verdict(false)), "step bad failed: exit code 2");
        assert_eq!(report.not_run().collect::<Vec<_>>(), [("last", "bad failed before it")]);
    }

    #[test]
    fn what_the_machine_lacks_is_said_aloud_and_fails_only_in_ci() {
        let report = report(&[GOOD, POOR, LAST], &[]);
        assert!(report.to_string().contains("NOT RUN poor: this machine lacks a second moon\n"), "{report}");
        assert!(report.verdict(false).is_ok());
        assert_eq!(why(report.verdict(true)), "CI=true, and these steps were not run: poor");
    }

    #[test]
    fn only_runs_what_it_names_and_says_what_it_left_out() {
        let report = report(&[GOOD, BAD, LAST], &["last"]);
        assert!(report.verdict(false).is_ok());
        assert_eq!(report.not_run().map(|(name, _)| name).collect::<Vec<_>>(), ["good", "bad"]);
    }

    #[test]
    fn only_wants_the_name_of_a_step_that_exists() {
        let house = House::of_this_workspace();
        for args in [&["--only"][..], &["--only", "luck"]] {
            let args: Vec<String> = args.iter().map(ToString::to_string).collect();
            assert!(matches!(command(&house, &args), Err(Stop::Usage(_))), "{args:?}");
        }
    }
}
