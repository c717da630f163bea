//! The file of DEBUG_MODE: a new one for each run, so that one run's story is not torn apart, and in parts, so that a
//! run that goes on for months does not fill the disk. Nor do many runs: with a new one, the oldest goes.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// How long a part grows, and how many are kept, the latest.
const PART_MAX_BYTES: u64 = 64 << 20;
const PARTS_KEPT: u32 = 4;
/// How many runs are kept, the latest: this one, and those before it.
const RUNS_KEPT: usize = 10;

/// The file, open for writing.
#[derive(Debug)]
pub(super) struct DebugFile {
    folder: PathBuf,
    /// What all of its parts are called.
    run: String,
    part: u32,
    part_max: u64,
    written: u64,
    file: File,
}

impl DebugFile {
    /// A new one in this folder, which is made if need be.
    pub(super) fn begin(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let began = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let run = format!("acefleet-{began}-{}", std::process::id());
        let file = open(&place(folder, &run, 1))?;
        forget_old_runs(folder);
        Ok(Self { folder: folder.to_owned(), run, part: 1, part_max: PART_MAX_BYTES, written: 0, file })
    }

    /// Begins the next part. If it cannot be begun, this one goes on.
    fn turn_over(&mut self) {
        let place = |part| place(&self.folder, &self.run, part);
        let Ok(file) = open(&place(self.part + 1)) else { return };
        (self.file, self.part, self.written) = (file, self.part + 1, 0);
        if let Some(oldest) = self.part.checked_sub(PARTS_KEPT).filter(|part| *part > 0) {
            // Somebody else may have taken it away.
            drop(fs::remove_file(place(oldest)));
        }
    }
}

/// Removes what runs before the latest have left. What others keep in the folder is theirs.
fn forget_old_runs(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut runs: BTreeMap<Run, Vec<PathBuf>> = BTreeMap::new();
    for entry in entries.flatten() {
        if let Some(run) = entry.file_name().to_str().and_then(run_of) {
            runs.entry(run).or_default().push(entry.path());
        }
    }
    let superfluous = runs.len().saturating_sub(RUNS_KEPT);
    for file in runs.into_values().take(superfluous).flatten() {
        // Somebody else may have taken it away.
        drop(fs::remove_file(file));
    }
}

/// When a run began, and its process: in this order runs are told apart by age.
type Run = (u64, u32);

/// The run that a file of this name belongs to; `None` if it is none of ours.
fn run_of(name: &str) -> Option<Run> {
    let mut parts = name.strip_prefix("acefleet-")?.strip_suffix(".jsonl")?.split('-');
    let run = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let is_part = |part: &str| part.strip_prefix("part").is_some_and(|number| number.parse::<u32>().is_ok());
    (parts.next().is_none_or(is_part) && parts.next().is_none()).then_some(run)
}

fn place(folder: &Path, run: &str, part: u32) -> PathBuf {
    folder.join(if part == 1 { format!("{run}.jsonl") } else { format!("{run}-part{part}.jsonl") })
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().create_new(true).append(true).open(path)
}

impl Write for DebugFile {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        let written = self.file.write(lines)?;
        self.written += written as u64;
        Ok(written)
    }

    /// Asked for after whole lines.
    fn flush(&mut self) -> io::Result<()> {
        if self.written >= self.part_max {
            self.turn_over();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_goes_on_keeps_its_latest_parts_and_tears_no_line() {
        let folder = std::env::temp_dir().join(format!("acefleet-debug-{}", std::process::id()));
        let mut file = DebugFile { part_max: 100, ..DebugFile::begin(&folder).expect("a file") };
        for number in 0..200 {
            file.write_all(format!("{{\"line\":{number:04}}}\n").as_bytes()).expect("it is written");
            file.flush().expect("it is written");
        }
        let mut parts: Vec<_> = fs::read_dir(&folder).expect("it is there").flatten().collect();
        parts.sort_by_key(fs::DirEntry::file_name);
        assert_eq!(parts.len(), PARTS_KEPT as usize);
        let read = |part: &fs::DirEntry| fs::read_to_string(part.path()).expect("it can be read");
        let lines: Vec<String> =
            parts.iter().flat_map(|part| read(part).lines().map(str::to_owned).collect::<Vec<_>>()).collect();
        assert!(lines.iter().all(|line| line.len() == "{\"line\":0000}".len()), "{lines:?}");
        assert_eq!(lines.last().map(String::as_str), Some("{\"line\":0199}"));
        fs::remove_dir_all(folder).expect("it goes");
    }

    #[test]
    fn of_many_runs_the_latest_are_kept_with_all_their_parts_and_nobody_elses_file_is_touched() {
        let folder = std::env::temp_dir().join(format!("acefleet-debug-runs-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder");
        let others = ["acefleet-notes.jsonl", "acefleet-1-2-3.jsonl", "acefleet-1-2.txt", "other-1-2.jsonl"];
        others.iter().for_each(|name| fs::write(folder.join(name), "x").expect("a file"));
        // They began in this order, whatever their letters say.
        for second in (0..2 * RUNS_KEPT as u64).map(|number| 95 + number) {
            fs::write(folder.join(format!("acefleet-{second}-7.jsonl")), "x").expect("a file");
            fs::write(folder.join(format!("acefleet-{second}-7-part2.jsonl")), "x").expect("a file");
        }
        let file = DebugFile::begin(&folder).expect("a file");
        let names = fs::read_dir(&folder).expect("it is there").flatten();
        let names: Vec<_> = names.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        assert!(others.iter().all(|other| names.iter().any(|name| name == other)), "{names:?}");
        let mut runs: Vec<Run> = names.iter().filter_map(|name| run_of(name)).collect();
        runs.sort_unstable();
        let first = 95 + RUNS_KEPT as u64 + 1;
        let before: Vec<Run> = (first..95 + 2 * RUNS_KEPT as u64).flat_map(|run| [(run, 7); 2]).collect();
        assert_eq!(runs[..runs.len() - 1], before);
        assert!(names.contains(&format!("{}.jsonl", file.run)), "{names:?}");
        fs::remove_dir_all(folder).expect("it goes");
    }
}
