//! The repository, the programs of this machine, and how a command ends early.
//!
//! The one place that starts other programs' command lines from the repository's root. It decides
//! nothing about what is run.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Why a command ends early.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The command line makes no sense.
    Usage(String),
    /// Something is wrong, said here.
    Failed(String),
    /// Something is wrong and was said already; the exit code is passed on.
    Exit(u8),
}

/// The repository's working tree.
pub(crate) struct House {
    root: PathBuf,
}

impl House {
    /// The workspace that this program belongs to.
    pub(crate) fn of_this_workspace() -> Self {
        // Cargo tells at run time, too. It is asked first: a program built for one clone may be found in a
        // target directory that another clone shares.
        let xtask = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = Path::new(&xtask).parent().expect("xtask is a folder of the workspace");
        Self::at(root)
    }

    pub(crate) fn at(root: &Path) -> Self {
        Self { root: root.to_path_buf() }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn program(&self, name: &str) -> Command {
        let mut command = Command::new(name);
        command.current_dir(&self.root);
        command
    }

    pub(crate) fn cargo(&self, args: &[&str]) -> Command {
        let mut command = self.program(&env::var("CARGO").unwrap_or_else(|_| "cargo".into()));
        command.args(args);
        command
    }

    pub(crate) fn git(&self, args: &[&str]) -> Command {
        let mut command = self.program("git");
        // Inside a git hook these name the repository of the hook, whatever the folder.
        for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
            command.env_remove(variable);
        }
        command.args(args);
        command
    }

    /// Whether `cargo NAME` exists here: not every toolchain brings each of its tools.
    pub(crate) fn has_cargo(&self, name: &str) -> bool {
        succeeds(&mut self.cargo(&[name, "--version"]))
    }

    /// Whether this is a git clone, and git is there to ask.
    pub(crate) fn has_git(&self) -> bool {
        succeeds(&mut self.git(&["rev-parse", "--git-dir"]))
    }

    /// A seed that is new with each commit and the same for everybody who has that commit.
    pub(crate) fn seed(&self) -> u64 {
        let head = self.git(&["rev-parse", "HEAD"]).output();
        let commit = head.ok().filter(|head| head.status.success());
        // Without git, or before the first commit, any fixed number will do.
        commit.and_then(|head| seed_of(&String::from_utf8_lossy(&head.stdout))).unwrap_or(1)
    }

    /// Where cargo puts what it builds.
    pub(crate) fn target_dir(&self) -> Result<PathBuf, Stop> {
        let metadata = output(&mut self.cargo(&["metadata", "--format-version=1", "--no-deps", "--locked"]))?;
        let found = json_string(&metadata, "target_directory").map(PathBuf::from);
        found.ok_or_else(|| Stop::Failed("`cargo metadata` names no target directory".into()))
    }
}

/// Runs it with its output on the terminal; any end but success is an error that names the command line.
pub(crate) fn run(command: &mut Command) -> Result<(), Stop> {
    let status = command.status().map_err(|error| Stop::Failed(format!("{}: {error}", line(command))))?;
    if status.success() { Ok(()) } else { Err(Stop::Failed(format!("`{}`: {status}", line(command)))) }
}

/// Runs it for its standard output; its complaints stay on the terminal.
pub(crate) fn output(command: &mut Command) -> Result<String, Stop> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| Stop::Failed(format!("{}: {error}", line(command))))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(Stop::Failed(format!("`{}`: {}", line(command), output.status)))
    }
}

fn succeeds(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn line(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_stem().unwrap_or_default();
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

fn seed_of(commit: &str) -> Option<u64> {
    u64::from_str_radix(commit.get(..16)?, 16).ok()
}

/// The string that follows a key in a JSON text. Enough for the one path that is looked up this way.
fn json_string(json: &str, key: &str) -> Option<String> {
    let (_, rest) = json.split_once(&format!("\"{key}\":\""))?;
    let mut found = String::new();
    let mut chars = rest.chars();
    loop {
        match chars.next()? {
            '"' => return Some(found),
            '\\' => found.push(chars.next()?),
            plain => found.push(plain),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_is_the_first_sixteen_digits_of_the_commit() {
        assert_eq!(seed_of("00000000000000ff1234567890abcdef12345678\n"), Some(255));
        assert_eq!(seed_of("fatal"), None);
    }

    #[test]
    fn a_path_is_found_in_json_with_its_escapes() {
        let json = r#"{"version":1,"target_directory":"C:\\a \"b\"","x":""}"#;
        assert_eq!(json_string(json, "target_directory").as_deref(), Some(r#"C:\a "b""#));
        assert_eq!(json_string(json, "nowhere"), None);
    }

    #[test]
    fn a_program_that_fails_is_named_with_its_arguments() {
        let house = House::of_this_workspace();
        let Err(Stop::Failed(what)) = run(&mut house.program("false")) else { panic!("it did not fail") };
        assert!(what.contains("`false`"), "{what}");
        let Err(Stop::Failed(what)) = run(&mut house.program("no-such-program")) else { panic!("it exists") };
        assert!(what.contains("no-such-program"), "{what}");
    }
}
