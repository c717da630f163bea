//! A process in a role: this program again. It says where it listens, and other words, line by line; it ends with
//! whoever holds it.

use std::cell::RefCell;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

/// A process in a role.
pub(crate) struct Role {
    child: Child,
    said: RefCell<BufReader<ChildStdout>>,
    /// Where it listens, if it does.
    pub(crate) address: SocketAddr,
}

/// What a process has used.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// Processor time.
    pub(crate) processor_s: f64,
    /// Memory.
    pub(crate) resident_kib: f64,
}

impl Role {
    /// Starts one, and waits for its first line: its address.
    pub(crate) fn begin(arguments: &[&str]) -> io::Result<Self> {
        let mut child =
            Command::new(std::env::current_exe()?).args(arguments).stdout(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take().ok_or_else(|| io::Error::other("a child without a voice"))?;
        let mut said = BufReader::new(stdout);
        let mut line = String::new();
        said.read_line(&mut line)?;
        let address =
            line.trim().parse().map_err(|_| io::Error::other(format!("{arguments:?} said {line:?}")));
        let said = RefCell::new(said);
        let address = address.inspect_err(|_| drop(child.kill()))?;
        Ok(Self { child, said, address })
    }

    /// Waits for a line that begins so, and gives it.
    pub(crate) fn until(&self, word: &str) -> io::Result<String> {
        let mut said = self.said.borrow_mut();
        loop {
            let mut line = String::new();
            if said.read_line(&mut line)? == 0 {
                return Err(io::Error::other(format!("it ended before it said `{word}`")));
            }
            if line.starts_with(word) {
                return Ok(line);
            }
        }
    }

    /// What it has used so far.
    pub(crate) fn usage(&self) -> io::Result<Usage> {
        let process = format!("/proc/{}", self.child.id());
        let mut nanoseconds = 0;
        // The process's own figures are in hundredths of a second, which is as much as a viewer costs. Threads that end
        // take theirs with them; those that do the work do not end.
        for thread in fs::read_dir(format!("{process}/task"))? {
            // One may have ended since it was listed.
            let told = fs::read_to_string(thread?.path().join("schedstat")).unwrap_or_default();
            nanoseconds += told.split_whitespace().next().and_then(|ran| ran.parse().ok()).unwrap_or(0);
        }
        let status = fs::read_to_string(format!("{process}/status"))?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let resident = resident.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        Ok(Usage {
            processor_s: Duration::from_nanos(nanoseconds).as_secs_f64(),
            resident_kib: resident.unwrap_or(0.0),
        })
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// How busy the machine is.
pub(crate) fn load() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split_whitespace().next().unwrap_or("unknown").into()
}
