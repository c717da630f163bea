//! The program as a process of its own, as people start it.

use crate::fleet::{SOON, eventually};
use crate::ground::Link;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Which program is started, if it is not the one of the tests.
const PROGRAM: &str = "ACEFLEET_TEST_PROGRAM";

/// The program: the one of these tests, unless another is named.
fn program() -> OsString {
    let tested = || option_env!("CARGO_BIN_EXE_acefleet").map(OsString::from);
    let program = std::env::var_os(PROGRAM).or_else(tested);
    program.unwrap_or_else(|| panic!("{PROGRAM} does not say which program to start"))
}

/// One life of the program. It ends with this.
pub(crate) struct Process(Child);

impl Process {
    /// Starts it, with nothing in its environment but this; what it says goes into a file.
    pub(crate) fn start(_: &Link, env: BTreeMap<String, String>, folder: &Path, log: &Path) -> Self {
        let log = File::create(log).expect("a log");
        let mut command = Command::new(program());
        command.arg("serve").env_clear().envs(env);
        command.current_dir(folder).stdin(Stdio::null()).stdout(log.try_clone().expect("a log")).stderr(log);
        Self(command.spawn().expect("the program starts"))
    }

    /// Kills it as nothing but a power cut does.
    pub(crate) fn kill(mut self) {
        self.0.kill().expect("it can be killed");
        self.0.wait().expect("it has been killed");
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn stop(mut self) {
        let status = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status();
        assert!(status.is_ok_and(|status| status.success()));
        let ended = eventually("the program ends", SOON, || self.0.try_wait().expect("it can be waited for"));
        assert!(ended.success(), "{ended}");
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
