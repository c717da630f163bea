//! `cargo xtask mutants`: proof that the tests see what a policy decides.
//!
//! cargo-mutants changes the policies in one place at a time and runs the core's own tests. A change that no
//! test notices is either a hole in the tests or makes no difference; those of the second kind are listed in a
//! file of the repository, each with its reason. The list can only be true: an entry that is noticed after all
//! fails the command, as does a survivor that is not listed.

mod accepted;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::ExitStatus;

use crate::house::{House, Stop, run};
use accepted::{Compared, compare};

/// Where changes are made, unless the arguments name files of their own.
const POLICIES: &str = "crates/control/src/policy/**";
/// The survivors that are no holes.
const ACCEPTED: &str = "crates/control/mutants.txt";
/// The tests of the core take a second: a change that makes them take this long has been noticed.
const TEST_TIMEOUT_S: &str = "30";
const BUILD_TIMEOUT_S: &str = "300";
const JOBS: &str = "2";

/// Exit codes of cargo-mutants after which its results are complete: all noticed, some survived, some hung.
const COMPLETE: [i32; 3] = [0, 2, 3];

/// How often each mutant ended in each way. Mutants of one function may have one name.
#[derive(Default)]
struct Results {
    caught: Names,
    survived: Names,
    unviable: Names,
    timeout: Names,
}

/// Names of mutants, and how many have that name.
type Names = BTreeMap<String, usize>;

/// Runs cargo-mutants with these arguments in addition, and compares what survives with what may.
pub(crate) fn command(house: &House, args: &[String]) -> Result<(), Stop> {
    let accepted = house.root().join(ACCEPTED);
    let accepted =
        accepted::parse(&read(&accepted)?).map_err(|why| Stop::Failed(format!("{ACCEPTED}: {why}")))?;
    if !house.has_cargo("mutants") {
        println!("cargo-mutants is missing here and will be installed: cargo install cargo-mutants --locked");
        run(&mut house.cargo(&["install", "cargo-mutants", "--locked"]))?;
    }
    let folder = house.target_dir()?.join("mutants");
    let found = folder.join("mutants.out");
    let made = if found.exists() { fs::remove_dir_all(&found) } else { fs::create_dir_all(&folder) };
    // Results of an earlier run, left there, would be taken for those of a run that wrote none.
    made.map_err(|error| Stop::Failed(format!("{}: {error}", folder.display())))?;

    let mut cargo = house.cargo(&["mutants", "--package", "control", "--jobs", JOBS]);
    cargo.args(["--timeout", TEST_TIMEOUT_S, "--build-timeout", BUILD_TIMEOUT_S]);
    cargo.arg("--output").arg(&folder);
    if !names_files(args) {
        cargo.args(["--file", POLICIES]);
    }
    // Each job builds in a copy of its own; in a folder that they share they would build each other's mutants.
    cargo.env_remove("CARGO_TARGET_DIR");
    let status = cargo.args(args).status();
    let status = status.map_err(|error| Stop::Failed(format!("cargo mutants: {error}")))?;
    if !is_complete(status) {
        return Err(Stop::Failed(format!("cargo mutants: {status}")));
    }

    let results = Results::of(&found)?;
    let compared = compare(&results, &accepted, args.is_empty());
    print!("{}", report(&results, &compared));
    verdict(&results, &compared)
}

fn read(file: &Path) -> Result<String, Stop> {
    fs::read_to_string(file).map_err(|error| Stop::Failed(format!("{}: {error}", file.display())))
}

fn is_complete(status: ExitStatus) -> bool {
    status.code().is_some_and(|code| COMPLETE.contains(&code))
}

fn names_files(args: &[String]) -> bool {
    let args = args.iter().take_while(|arg| *arg != "--");
    args.into_iter().any(|arg| arg.starts_with("-f") || arg == "--file" || arg.starts_with("--file="))
}

impl Results {
    fn of(folder: &Path) -> Result<Self, Stop> {
        let names = |file| read(&folder.join(file)).map(|text| names(&text));
        Ok(Self {
            caught: names("caught.txt")?,
            survived: names("missed.txt")?,
            unviable: names("unviable.txt")?,
            timeout: names("timeout.txt")?,
        })
    }

    fn all(&self) -> [&Names; 4] {
        [&self.caught, &self.survived, &self.unviable, &self.timeout]
    }

    /// How many mutants of this name were tried.
    fn tried(&self, name: &str) -> usize {
        self.all().into_iter().filter_map(|names| names.get(name)).sum()
    }
}

fn names(text: &str) -> Names {
    let mut names = Names::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        *names.entry(without_place(line)).or_default() += 1;
    }
    names
}

/// A mutant's name without its line and column: these move with every change above it.
fn without_place(line: &str) -> String {
    let line = line.trim();
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if let Some((place, what)) = line.split_once(": ") {
        let mut parts = place.rsplitn(3, ':');
        if let (Some(column), Some(row), Some(file)) = (parts.next(), parts.next(), parts.next())
            && is_number(column)
            && is_number(row)
        {
            return format!("{file}: {what}");
        }
    }
    line.into()
}

fn report(results: &Results, compared: &Compared) -> String {
    let mut text = String::new();
    for (name, count) in &compared.new {
        let times = if *count > 1 { format!(" ({count} of this name)") } else { String::new() };
        text += &format!("new survivor: {name}{times}\n");
    }
    for name in compared.stale.keys() {
        text += &format!("no longer survives: {name}\n");
    }
    if !compared.new.is_empty() {
        text +=
            &format!("\na test should notice it; if it makes no difference: `NAME | REASON` in {ACCEPTED}\n");
    }
    if !compared.stale.is_empty() {
        text += &format!("\ntake it out of {ACCEPTED}: it is noticed now, or is no mutant any more\n");
    }
    let count = |names: &Names| names.values().sum::<usize>();
    let [caught, survived, unviable, timeout] = results.all().map(count);
    let (accepted, new) = (compared.accepted, count(&compared.new));
    text += &format!("caught={caught} survived={survived} accepted={accepted} new={new} ");
    text += &format!("unviable={unviable} timeout={timeout}\n");
    text
}

fn verdict(results: &Results, compared: &Compared) -> Result<(), Stop> {
    let count = |names: &Names| names.values().sum::<usize>();
    if results.all().into_iter().all(Names::is_empty) {
        return Err(Stop::Failed("there was no mutant to try: nothing is proved".into()));
    }
    let wrong: Vec<_> =
        [(count(&compared.new), "new survivors"), (count(&compared.stale), "entries too many")]
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
    if wrong.is_empty() { Ok(()) } else { Err(Stop::Failed(format!("mutants: {}", wrong.join(", ")))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MISSED: &str = "\
crates/control/src/policy/naming.rs:27:62: replace + with * in Numbers::next_above
crates/control/src/policy/ports.rs:9:1: replace | with & in f
";

    fn results(survived: &str) -> Results {
        Results { survived: names(survived), ..Results::default() }
    }

    #[test]
    fn a_name_loses_its_line_and_column_and_nothing_else() {
        let table = [
            ("a/b.rs:27:62: replace + with * in N::f", "a/b.rs: replace + with * in N::f"),
            ("a/b.rs:1:2: replace x -> Y with 3:4: 5", "a/b.rs: replace x -> Y with 3:4: 5"),
            ("a/b.rs: replace a:1:2 with b", "a/b.rs: replace a:1:2 with b"),
            ("C:\\b.rs:1:2: replace a with b", "C:\\b.rs: replace a with b"),
            ("something else", "something else"),
        ];
        for (line, name) in table {
            assert_eq!(without_place(line), name);
        }
    }

    #[test]
    fn mutants_of_one_name_are_counted() {
        let found = names("a.rs:1:1: x\n\na.rs:2:7: x\na.rs:3:1: y\n");
        assert_eq!(Vec::from_iter(found), [("a.rs: x".into(), 2), ("a.rs: y".into(), 1)]);
    }

    #[test]
    fn a_survivor_that_is_not_listed_fails_and_is_named() {
        let results = results(MISSED);
        let compared = compare(&results, &Names::new(), true);
        let text = report(&results, &compared);
        let name = "new survivor: crates/control/src/policy/ports.rs: replace | with & in f\n";
        assert!(text.contains(name), "{text}");
        assert!(text.ends_with("caught=0 survived=2 accepted=0 new=2 unviable=0 timeout=0\n"), "{text}");
        assert!(matches!(verdict(&results, &compared), Err(Stop::Failed(why)) if why.contains("2 new")));
    }

    #[test]
    fn an_entry_that_is_noticed_now_fails_and_is_named() {
        let results = Results { caught: names("a.rs:1:1: x"), ..Results::default() };
        let compared = compare(&results, &names("a.rs: x"), true);
        assert!(report(&results, &compared).contains("no longer survives: a.rs: x\n"));
        assert!(matches!(verdict(&results, &compared), Err(Stop::Failed(why)) if why.contains("1 entries")));
    }

    #[test]
    fn a_run_in_which_every_survivor_is_listed_passes() {
        let results = results(MISSED);
        let compared = compare(&results, &results.survived, true);
        assert!(verdict(&results, &compared).is_ok());
        let text = report(&results, &compared);
        assert_eq!(text, "caught=0 survived=2 accepted=2 new=0 unviable=0 timeout=0\n");
    }

    #[test]
    fn a_run_without_mutants_proves_nothing_and_fails() {
        let results = Results::default();
        let compared = compare(&results, &Names::new(), false);
        assert!(matches!(verdict(&results, &compared), Err(Stop::Failed(why)) if why.contains("no mutant")));
    }

    #[test]
    fn the_policies_are_left_out_when_the_arguments_name_files() {
        let args = |line: &str| line.split(' ').map(String::from).collect::<Vec<_>>();
        for line in ["--file a.rs", "--file=a.rs", "-f a.rs", "-v -fa.rs"] {
            assert!(names_files(&args(line)), "{line}");
        }
        for line in ["-v", "--shard 1/4", "-- -f"] {
            assert!(!names_files(&args(line)), "{line}");
        }
    }

    #[test]
    fn the_list_in_the_repository_can_be_read() {
        let file = House::of_this_workspace().root().join(ACCEPTED);
        accepted::parse(&read(&file).unwrap_or_else(|stop| panic!("{stop:?}"))).unwrap();
    }
}
