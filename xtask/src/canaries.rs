//! `cargo xtask canaries`: proof that the checkers see.
//!
//! The simulator can break one policy on purpose. Each such canary must end the run, and the run must say
//! which checker ended it. A canary that lives means that a checker is blind, and fails the build.

use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};
use std::{env, thread};

use crate::house::{House, Stop, output, run};

/// The exit codes of the simulator that mean "a checker found something".
const SAFETY_VIOLATION: i32 = 1;
const LIVENESS_VIOLATION: i32 = 2;

/// How much of a run is shown when it did not go as it must.
const TAIL_LINES: usize = 15;

struct Run {
    canary: String,
    elapsed: Duration,
    /// The checker that caught it, or what went wrong instead.
    verdict: Result<String, String>,
}

/// Runs every canary the simulator knows.
pub(crate) fn command(house: &House, args: &[String]) -> Result<(), Stop> {
    if let Some(arg) = args.first() {
        return Err(Stop::Usage(format!("`canaries` does not know `{arg}`")));
    }
    run(&mut house.cargo(&["build", "--profile", "sim", "-p", "sim", "--locked", "--quiet"]))?;
    let sim = house.target_dir()?.join("sim").join(format!("sim{}", env::consts::EXE_SUFFIX));
    let names = output(Command::new(&sim).arg("--canaries"))?;
    let names: Vec<&str> = names.lines().map(str::trim).filter(|name| !name.is_empty()).collect();
    if names.is_empty() {
        return Err(Stop::Failed("the simulator lists no canary: nothing is proved".into()));
    }

    let runs = run_all(&sim, &names, house.seed());
    println!("{:<40} {:<12} {:>8}", "canary", "caught by", "seconds");
    for Run { canary, elapsed, verdict } in &runs {
        let checker = verdict.as_deref().unwrap_or("NOBODY");
        println!("{canary:<40} {checker:<12} {:>8.1}", elapsed.as_secs_f64());
    }
    let failed: Vec<_> =
        runs.iter().filter_map(|run| Some((&run.canary, run.verdict.as_ref().err()?))).collect();
    for (canary, why) in &failed {
        println!("\n{canary}: {why}");
    }
    if failed.is_empty() {
        Ok(())
    } else {
        Err(Stop::Failed(format!("{} canaries were not caught", failed.len())))
    }
}

/// One run per canary, as many at a time as there are cores, in the order they are named.
fn run_all(sim: &Path, names: &[&str], seed: u64) -> Vec<Run> {
    let todo = Mutex::new(names.iter().enumerate());
    let done = Mutex::new(Vec::new());
    let next = || todo.lock().expect("no canary panics while it holds the list").next();
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some((place, name)) = next() {
                    let run = run_one(sim, name, seed);
                    done.lock().expect("no canary panics while it holds the results").push((place, run));
                }
            });
        }
    });
    let mut done = done.into_inner().expect("every thread has ended well");
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, run)| run).collect()
}

fn run_one(sim: &Path, canary: &str, seed: u64) -> Run {
    let start = Instant::now();
    let output = Command::new(sim).args(["--canary", canary, "--seed", &seed.to_string()]).output();
    let verdict = match output {
        Err(error) => Err(error.to_string()),
        Ok(output) => {
            let said = [output.stdout, output.stderr].concat();
            judge(output.status.code(), &String::from_utf8_lossy(&said))
        }
    };
    Run { canary: canary.to_string(), elapsed: start.elapsed(), verdict }
}

/// Which checker caught the canary, by the exit code of its run and by what the run said.
fn judge(code: Option<i32>, said: &str) -> Result<String, String> {
    let checker = said.lines().find_map(|line| {
        let (checker, _) = line.strip_prefix("violation checker=")?.split_once(' ')?;
        let number = checker.strip_prefix('S').is_some_and(|number| number.parse::<u32>().is_ok());
        (number || checker == "liveness").then(|| checker.to_string())
    });
    let wrong = match (code, checker) {
        (Some(0), _) => "it lives: no checker noticed".to_string(),
        (_, Some(checker)) => return Ok(checker),
        (Some(SAFETY_VIOLATION | LIVENESS_VIOLATION), None) => "the run names no checker".to_string(),
        (Some(code), None) => format!("the run itself broke, exit code {code}"),
        (None, None) => "the run was ended by a signal".to_string(),
    };
    let lines: Vec<&str> = said.lines().collect();
    let tail = &lines[lines.len().saturating_sub(TAIL_LINES)..];
    Err(format!("{wrong}\n  {}", tail.join("\n  ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAUGHT: &str =
        "seed=7\nviolation checker=S12 time=3 an engine went too early\nviolations=1 seed=7\n";

    #[test]
    fn a_canary_is_caught_by_the_checker_that_the_run_names() {
        assert_eq!(judge(Some(1), CAUGHT).as_deref(), Ok("S12"));
        assert_eq!(judge(Some(2), "violation checker=liveness pending=3").as_deref(), Ok("liveness"));
    }

    #[test]
    fn a_panic_counts_only_when_a_checker_spoke() {
        assert_eq!(judge(Some(101), CAUGHT).as_deref(), Ok("S12"));
        assert!(judge(Some(101), "thread main panicked").unwrap_err().contains("101"));
        assert!(judge(None, "").unwrap_err().contains("signal"));
    }

    #[test]
    fn a_canary_that_lives_is_a_failure_whatever_the_run_says() {
        assert!(judge(Some(0), CAUGHT).unwrap_err().starts_with("it lives"));
        assert!(judge(Some(0), "violations=0").unwrap_err().starts_with("it lives"));
    }

    #[test]
    fn a_failed_run_that_names_no_checker_is_a_failure() {
        for said in ["", "violation checker=", "violation checker=gut feeling", "a violation checker=S1 here"]
        {
            assert!(judge(Some(1), said).unwrap_err().starts_with("the run names no checker"), "{said}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn canaries_are_reported_in_the_order_of_their_names_however_long_they_take() {
        // `echo` stands in for a simulator in which every canary lives.
        let runs = run_all(Path::new("echo"), &["c", "a", "b", "e", "d"], 1);
        let names: Vec<&str> = runs.iter().map(|run| run.canary.as_str()).collect();
        assert_eq!(names, ["c", "a", "b", "e", "d"]);
        assert!(runs.iter().all(|run| run.verdict.is_err()));
    }
}
