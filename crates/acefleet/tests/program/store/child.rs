//! A process that writes to a store: this test's own program, started with one test and told by its environment what
//! to do. What it has done it writes to a file, line by line, so that it can be killed at any moment.

use acefleet::history::Totals;
use acefleet::journal::{Filter, Numbered};
use acefleet::store::{News, SampleFact, Store};
use control::Time;
use control::command::{Content, KeyType};
use control::event::SessionReport;
use control::journal::{Entry, Expect, Subject, What};
use control::snapshot::StreamView;
use control::stream::Origin;
use rusqlite::{Connection, OpenFlags};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::Duration;

/// Where the database is, and where the process tells what it has done.
const FOLDER: &str = "ACEFLEET_TEST_STORE";
/// Where the database is, if not there.
const DISK: &str = "ACEFLEET_TEST_STORE_DISK";
/// Without it, what it has written is gathered as it usually is; with it, it is written at once.
const AT_ONCE: &str = "ACEFLEET_TEST_STORE_AT_ONCE";
pub(super) const DATABASE: &str = "a.db";
const SAID: &str = "said";
/// Entries and samples that are recorded together.
const TOGETHER: u64 = 20;
/// How often, if they are not written at once.
const RECORDS_EVERY: Duration = Duration::from_millis(20);

/// Something that the process has done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Said {
    /// It has opened the file, whose last entry was this one.
    Began(u64),
    /// It has recorded everything up to this entry.
    Recorded(u64),
    /// It has seen that everything up to this entry has been written.
    Committed(u64),
    /// The store cannot be used.
    Trouble,
    /// The store can be used again.
    Well,
    /// How many entries it has seen written, and how many of them are in the file, after a change for better or worse.
    Kept(u64, u64),
}

/// The process's command line.
pub(super) fn command(folder: &Path, at_once: bool) -> Command {
    // This program, found without the folders that lead to it: whoever gives up privileges may not enter them.
    let mut command = Command::new(format!("/proc/{}/exe", std::process::id()));
    command.args(["--exact", "store::child::a_process_that_is_told_to_writes_until_it_is_killed"]);
    command.env(FOLDER, folder).stdout(std::process::Stdio::null());
    if at_once {
        command.env(AT_ONCE, "1");
    }
    command
}

/// The same with its database somewhere else.
pub(super) fn on(disk: &Path, mut command: Command) -> Command {
    command.env(DISK, disk);
    command
}

/// The same command line, carried out by another program: `what` is that program and its own arguments.
pub(super) fn by(what: &[&str], command: &Command) -> Command {
    let (program, arguments) = what.split_first().expect("a program");
    let mut by = Command::new(program);
    by.args(arguments).arg(command.get_program()).args(command.get_args());
    by.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    by.stdout(std::process::Stdio::null());
    by
}

/// Ends a process as a power cut would, as far as it can be told from inside.
pub(super) fn kill(mut child: Child) {
    child.kill().expect("it runs");
    child.wait().expect("it has ended");
}

/// What a process has said so far.
pub(super) fn said(folder: &Path) -> Vec<Said> {
    let text = std::fs::read_to_string(folder.join(SAID)).unwrap_or_default();
    // A line that has no end was cut off.
    let lines = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
    lines.map(|line| parse(line).unwrap_or_else(|| panic!("{line}"))).collect()
}

/// Forgets what was said.
pub(super) fn forget(folder: &Path) {
    drop(std::fs::remove_file(folder.join(SAID)));
}

fn parse(line: &str) -> Option<Said> {
    let mut words = line.split(' ');
    let (word, mut number) = (words.next()?, || words.next()?.parse().ok());
    match word {
        "began" => Some(Said::Began(number()?)),
        "recorded" => Some(Said::Recorded(number()?)),
        "committed" => Some(Said::Committed(number()?)),
        "trouble" => Some(Said::Trouble),
        "well" => Some(Said::Well),
        "kept" => Some(Said::Kept(number()?, number()?)),
        _other => None,
    }
}

#[tokio::test]
async fn a_process_that_is_told_to_writes_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let folder = Path::new(&folder);
    let at_once = std::env::var_os(AT_ONCE).is_some();
    let mut file = OpenOptions::new().create(true).append(true).open(folder.join(SAID)).expect("a file");
    let mut say = |what: String| say(&mut file, &what);
    let disk = std::env::var_os(DISK).map_or_else(|| folder.to_owned(), PathBuf::from);
    let store = Store::at(disk.join(DATABASE));
    store.written().await;
    let mut last = store.newest_entry();
    say(format!("began {last}"));
    let (mut seen, mut well) = (last, true);
    let mut committed = last;
    loop {
        store.record(news(last, TOGETHER));
        last += TOGETHER;
        say(format!("recorded {last}"));
        if at_once {
            store.written().await;
        } else {
            tokio::time::sleep(RECORDS_EVERY).await;
            let newest = store.readers().journal(Filter::default(), 1).await;
            let newest = newest.ok().and_then(|lines| Some(lines.first()?.id)).unwrap_or(seen);
            if std::mem::replace(&mut seen, newest) != newest {
                say(format!("committed {newest}"));
            }
        }
        let is_well = store.trouble().is_none();
        if is_well != well {
            well = is_well;
            say(if well { "well" } else { "trouble" }.to_owned());
            say(format!("kept {committed} {}", kept(&disk.join(DATABASE), committed)));
        }
        if at_once && well {
            committed = last;
            say(format!("committed {last}"));
        }
    }
}

/// How many entries up to this one are in the file. None, if it cannot be read.
fn kept(database: &Path, up_to: u64) -> u64 {
    let file = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY);
    let up_to = i64::try_from(up_to).unwrap_or(i64::MAX);
    let count = "SELECT count(*) FROM journal WHERE id <= ?";
    let kept = file.and_then(|file| file.query_row(count, [up_to], |row| row.get::<_, i64>(0)));
    kept.map_or(0, i64::unsigned_abs)
}

fn say(file: &mut File, what: &str) {
    // Where files may not grow, this one may not either: then there is nobody to say it to.
    drop(file.write_all(format!("{what}\n").as_bytes()));
}

/// So many entries after the last one, samples with them, and sums that are the number of the last entry.
fn news(last: u64, number: u64) -> News {
    let began = Time::from_secs(1);
    let report = SessionReport {
        status: "dl".into(),
        peers: 1,
        speed_down: 1,
        speed_up: 1,
        downloaded: last,
        uploaded: last,
    };
    let entry = |id| {
        let subject = Subject::Engine(None, "acestream-1".into());
        let entry = Entry {
            seq: id,
            at: Time::from_secs(id),
            subject,
            what: What::Offered,
            why: vec![],
            expect: Expect::Nothing,
        };
        Arc::new(Numbered { id, entry })
    };
    let sample =
        |id| SampleFact { stream: "s".into(), began, at: Time::from_secs(id), report: report.clone() };
    let stream = StreamView {
        id: "s".into(),
        origin: Origin::Announced,
        content: Content { kind: KeyType::Infohash, key: "k".into() },
        engine: None,
        playback_session_id: "".into(),
        stat_path: None,
        command_path: None,
        is_live: true,
        started_at: began,
        ended: None,
        report: None,
        reported_at: None,
        watching: 0,
        waiting: 0,
    };
    let numbers = || last + 1..=last + number;
    News {
        at: Time::from_secs(last + number),
        streams: [Arc::new(stream)].into(),
        samples: numbers().map(sample).collect(),
        journal: numbers().map(entry).collect(),
        totals: Some(Totals { downloaded: last + number, uploaded: last + number }),
        ..News::default()
    }
}
