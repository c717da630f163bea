//! `acefleet report`: one file for a bug report, from a running acefleet, or without one from what can be read here.

use super::ReportArgs;
use super::status::{Asked, Failure};
use crate::api::wire::time::Moment;
use crate::driver::clock::Clock;
use crate::report::{ENTRIES_MAX, Facts, Keep, Report};
use crate::settings::Settings;
use crate::{serve, store};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tokio::task::spawn_blocking;

/// So much of the latest file of DEBUG_MODE is taken.
const DEBUG_FILE_MAX_BYTES: u64 = crate::report::SECTION_MAX_BYTES as u64;

/// Writes a report. Ends with 0 if there is one, whether or not an acefleet answered.
pub async fn report(arguments: &ReportArgs, settings: &Settings) -> ExitCode {
    let asked = match Asked::new(&super::whom(arguments.url.as_deref(), settings), settings) {
        Ok(asked) => asked,
        Err(failure) => {
            eprintln!("{failure}");
            return ExitCode::from(super::UNUSABLE);
        }
    };
    let text = match asked.text("/api/v1/report").await {
        Ok(text) => text,
        Err(failure @ (Failure::Silent { .. } | Failure::Stranger { .. })) => {
            eprintln!(
                "{failure}\nThe report is made without it, from the settings and what can be read here."
            );
            without_it(settings, &failure).await
        }
        Err(failure @ (Failure::Key { .. } | Failure::Address(_) | Failure::Nobody { .. })) => {
            eprintln!("{failure}");
            return ExitCode::FAILURE;
        }
    };
    if arguments.out.as_deref() == Some(Path::new("-")) {
        return super::print(&text);
    }
    let path = arguments.out.clone().unwrap_or_else(default_path);
    // Nothing is overwritten: it may be the report of the last time.
    let written = OpenOptions::new().write(true).create_new(true).open(&path);
    match written.and_then(|mut file| file.write_all(text.as_bytes())) {
        Ok(()) => {
            println!("{} ({} KiB): look through it before you attach it", path.display(), text.len() / 1024);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!(
                "{} cannot be written: {error}; say where to: --out PATH, or - to print",
                path.display()
            );
            ExitCode::FAILURE
        }
    }
}

/// `acefleet-report-20260131T120000Z.txt`, in the working folder.
fn default_path() -> PathBuf {
    let now = Moment(Clock::start().now()).text();
    let digits: String =
        now.chars().take("2026-01-31T12:00:00".len()).filter(|c| !"-:".contains(*c)).collect();
    PathBuf::from(format!("acefleet-report-{digits}Z.txt"))
}

/// What can be told without a running acefleet: settings, what a check finds, the journal's end as it was written down,
/// and the latest file of DEBUG_MODE.
async fn without_it(settings: &Settings, failure: &Failure) -> String {
    let now = Moment(Clock::start().now()).text();
    let about = [("written", now), ("running", format!("no: {failure}"))];
    let mut report = Report::new(&Facts::of(settings), &about);
    report.section("Check", &serve::check(settings).await.to_string(), Keep::Beginning);
    let database = settings.store.path.clone();
    let stored = spawn_blocking(move || store::latest_entries(&database, ENTRIES_MAX)).await;
    let stored = stored.map_err(|error| error.to_string());
    report.journal(stored.and_then(|read| read.map_err(|unread| unread.to_string())), &[]);
    if let Some(folder) = &settings.log.debug_dir {
        let text =
            latest(folder).unwrap_or_else(|error| format!("{} cannot be read: {error}", folder.display()));
        report.section("Log", &text, Keep::End);
    }
    report.finish()
}

/// The end of the file in a folder that was changed last, in whole lines: of one that is cut, half a secret could stay.
fn latest(folder: &Path) -> std::io::Result<String> {
    use std::io::{Read, Seek, SeekFrom};
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let facts = entry.metadata()?;
        // In a folder that others write to as well, theirs are not ours to show.
        let name = entry.file_name();
        let is_ours =
            name.to_str().is_some_and(|name| name.starts_with("acefleet-") && name.ends_with(".jsonl"));
        if facts.is_file() && is_ours {
            files.push((facts.modified()?, facts.len(), entry.path()));
        }
    }
    let (_, length, path) = files.into_iter().max().ok_or(std::io::ErrorKind::NotFound)?;
    let mut file = std::fs::File::open(path)?;
    let left_out = length.saturating_sub(DEBUG_FILE_MAX_BYTES);
    file.seek(SeekFrom::Start(left_out))?;
    let mut read = Vec::new();
    file.take(DEBUG_FILE_MAX_BYTES).read_to_end(&mut read)?;
    let begins = match left_out {
        0 => 0,
        _ => read.iter().position(|byte| *byte == b'\n').map_or(read.len(), |end| end + 1),
    };
    Ok(String::from_utf8_lossy(&read[begins..]).into_owned())
}
