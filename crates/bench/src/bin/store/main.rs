//! `cargo xtask bench store`: what history costs: the disk, the memory, and the one who decides.
//!
//! It prints and judges nothing: machines are shared and noisy. Time is simulated, the disk is real: a thousand
//! streams are sampled every five seconds for as many days as are asked for, as fast as the disk takes it.

// The core's own bench has more in these than is used here.
#[allow(dead_code)]
#[path = "../../drive.rs"]
mod drive;
#[allow(dead_code)]
#[path = "../../figures.rs"]
mod figures;
#[allow(dead_code)]
#[path = "../../host.rs"]
mod host;

mod step;
mod week;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

const DAYS: u64 = 7;
const EXIT_USAGE: u8 = 64;
const EXIT_FAILED: u8 = 1;

/// A folder that goes when this is over.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let days = match words[..] {
        [] => Some(DAYS),
        ["--days", days] => days.parse().ok().filter(|days| (1..=365).contains(days)),
        _ => None,
    };
    let Some(days) = days else {
        eprintln!("usage: bench store [--days N]   1 to 365 simulated days; {DAYS} unless said otherwise");
        return ExitCode::from(EXIT_USAGE);
    };
    let folder = Folder(std::env::temp_dir().join(format!("acefleet-bench-store-{}", std::process::id())));
    if let Err(error) = std::fs::create_dir_all(&folder.0) {
        eprintln!("no folder for the file: {}: {error}", folder.0.display());
        return ExitCode::from(EXIT_FAILED);
    }
    step::side_by_side(&folder.0.join("step.db"));
    week::keep(&folder.0.join("week.db"), days);
    ExitCode::SUCCESS
}

/// How large a file is; nothing if there is none.
fn bytes_of(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |found| found.len())
}

/// What this process holds in memory, in KiB, as the system counts it.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
