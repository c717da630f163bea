//! A process in a role: this program again. It says where it listens, and other words, line by line; it ends with
//! whoever holds it.

use std::cell::RefCell;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};

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
    /// Memory beyond what it had before.
    pub(crate) grown_kib: f64,
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
        let pid = self.child.id();
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let behind_name = stat.rsplit(')').next().unwrap_or_default();
        let fields: Vec<f64> =
            behind_name.split_whitespace().map(|field| field.parse().unwrap_or(0.0)).collect();
        let ticks: f64 = fields.get(11..13).map_or(0.0, |ticks| ticks.iter().sum());
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let resident = resident.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        Ok(Usage { processor_s: ticks / 100.0, resident_kib: resident.unwrap_or(0.0), grown_kib: 0.0 })
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
