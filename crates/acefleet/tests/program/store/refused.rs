//! What the system refuses: files that may not grow, and files that may not be written to.

use super::child::{self, DATABASE, Said};
use super::{Folder, until};
use rusqlite::Connection;
use std::fs::{self, File, Permissions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Stdio};

fn last_committed(folder: &Path) -> u64 {
    let committed = child::said(folder).into_iter().rev().find_map(|said| match said {
        Said::Committed(entry) => Some(entry),
        Said::Began(_) | Said::Recorded(..) | Said::Trouble | Said::Well | Said::Kept(..) => None,
    });
    committed.unwrap_or(0)
}

fn entries(folder: &Path) -> (u64, u64) {
    let file = Connection::open(folder.join(DATABASE)).expect("it opens");
    let both = "SELECT count(*), coalesce(max(id), 0) FROM journal";
    let number = |row: &rusqlite::Row<'_>, at| row.get::<_, i64>(at).map(i64::unsigned_abs);
    file.query_row(both, (), |row| Ok((number(row, 0)?, number(row, 1)?))).expect("entries")
}

#[test]
fn a_disk_that_takes_no_more_is_said_and_when_it_does_again_what_waited_is_written() {
    let folder = Folder::new("full");
    let child = child::command(folder.path(), true);
    // A limit on the size of files, without the signal that would end the process.
    let limited = ["sh", "-c", "trap '' XFSZ; ulimit -S -f 1200; exec \"$0\" \"$@\""];
    let child = child::by(&limited, &child).spawn().expect("it starts");
    let has_said = |what: Said| child::said(folder.path()).contains(&what);
    until("it is said", || has_said(Said::Trouble));
    let before = last_committed(folder.path());
    assert!(entries(folder.path()).1 >= before);
    let more = Command::new("prlimit").args(["--pid", &child.id().to_string(), "--fsize=unlimited"]).status();
    assert!(more.expect("prlimit").success());
    until("it comes back by itself", || has_said(Said::Well) && last_committed(folder.path()) > before);
    child::kill(child);
    let (count, last) = entries(folder.path());
    assert_eq!(count, last, "what could not be written at first is there");
    assert!(last >= last_committed(folder.path()));
}

/// Whoever is everything to the system may write everywhere, unless he gives that away. The folder is one of his.
fn unprivileged(folder: &Path, command: Command) -> Command {
    if fs::metadata(folder).expect("it is there").uid() == 0 {
        child::by(&["setpriv", "--bounding-set=-dac_override,-dac_read_search"], &command)
    } else {
        command
    }
}

#[test]
fn check_says_that_a_folder_may_not_be_written_to_before_anything_is_started() {
    let folder = Folder::new("check");
    let allow = |mode| {
        fs::set_permissions(folder.path(), Permissions::from_mode(mode)).expect("its permissions");
    };
    let program = File::open(env!("CARGO_BIN_EXE_acefleet")).expect("the program");
    let check = || {
        // Found without the folders that lead to it.
        let program = format!("/proc/{}/fd/{}", std::process::id(), program.as_raw_fd());
        let mut check = Command::new(program);
        check.arg("check").env("DOCKER_HOST", "unix:///nowhere/docker.sock");
        check.env("DB_URL", format!("sqlite:///{}", folder.path().join("deeper").join(DATABASE).display()));
        let ended = unprivileged(folder.path(), check).stdout(Stdio::piped()).output().expect("it runs");
        String::from_utf8(ended.stdout).expect("text")
    };
    let report = check();
    assert!(report.contains("ok    history in "), "{report}");
    allow(0o555);
    let report = check();
    allow(0o755);
    assert!(report.contains("FAIL  history in ") && report.contains("Permission denied"), "{report}");
}

#[test]
fn a_file_that_may_not_be_written_to_is_said_and_when_it_may_what_waited_is_written() {
    let folder = Folder::new("read-only");
    let folder = folder.path();
    let child = child::command(folder, true).spawn().expect("it starts");
    until("something is there", || last_committed(folder) > 0);
    child::kill(child);
    // Opening and closing it leaves one file.
    let before = entries(folder).1;
    child::forget(folder);
    fs::write(folder.join("said"), "").expect("a file to say it in");
    let allow = |name: &str, mode| {
        fs::set_permissions(folder.join(name), Permissions::from_mode(mode)).expect("its permissions");
    };
    allow("said", 0o666);
    allow(DATABASE, 0o444);
    allow("", 0o555);
    let child = unprivileged(folder, child::command(folder, true)).spawn().expect("it starts");
    until("it is said", || child::said(folder).contains(&Said::Trouble));
    allow("", 0o777);
    allow(DATABASE, 0o666);
    until("it comes back by itself", || child::said(folder).contains(&Said::Well));
    let committed = last_committed(folder);
    child::kill(child);
    allow("", 0o755);
    let (count, last) = entries(folder);
    assert!(last >= committed && last >= before, "{before} {committed} {count} {last}");
}
