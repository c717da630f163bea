//! The program as a person starts it: what it prints where, and its exit codes.

use crate::store::Folder;
use acefleet::journal::Numbered;
use acefleet::store::{News, Store};
use control::Time;
use control::ids::VpnId;
use control::journal::{Entry, Expect, Subject, What};
use std::io::Write;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Runs the program with nothing around it but these variables, in a folder without a `.env`.
fn acefleet(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_acefleet"));
    command.args(arguments).env_clear().envs(environment.iter().copied());
    command.current_dir(env!("CARGO_TARGET_TMPDIR")).output().expect("the program can be started")
}

fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn complained(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn it_says_which_version_it_is() {
    let output = acefleet(&["--version"], &[]);
    assert_eq!(printed(&output), format!("acefleet {}\n", env!("CARGO_PKG_VERSION")));
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn bad_settings_are_told_all_at_once_with_exit_code_64_and_nothing_is_started() {
    let bad = [("APP_PORT", "0"), ("VPN_MODE", "double"), ("API_KEY", "hunter2")];
    for command in ["serve", "check", "status"] {
        let output = acefleet(&[command, "--min-replicas", "many"], &bad);
        let said = complained(&output);
        assert_eq!(output.status.code(), Some(64), "{said}");
        assert!(
            ["APP_PORT=0", "VPN_MODE=double", "MIN_REPLICAS=many"].iter().all(|part| said.contains(part))
        );
        assert!(printed(&output).is_empty() && !said.contains("hunter2"), "{said}");
    }
}

#[test]
fn a_command_line_that_cannot_be_understood_ends_with_exit_code_64() {
    for line in [&["dance"][..], &["serve", "--min-replica", "3"], &[]] {
        assert_eq!(acefleet(line, &[]).status.code(), Some(64), "{line:?}");
    }
}

#[test]
fn a_check_without_docker_fails_and_says_what_to_do() {
    let output = acefleet(&["check"], &[("DOCKER_HOST", "unix:///no/such/docker.sock")]);
    assert_eq!(output.status.code(), Some(1));
    assert!(printed(&output).contains("  FAIL  Docker at /no/such/docker.sock"), "{}", printed(&output));
}

#[test]
fn status_without_a_running_acefleet_says_so() {
    // Nothing can listen on the last port of a loopback address that nobody uses.
    let output = acefleet(&["status", "--url", "http://127.255.255.254:65535"], &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(complained(&output).contains("no acefleet answers at http://127.255.255.254:65535"));
}

#[test]
fn a_report_without_a_running_acefleet_is_made_of_what_can_be_read() {
    let folder = std::env::temp_dir().join(format!("acefleet-report-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for temporary files");
    let file = folder.join("report.txt");
    let file = file.to_str().expect("letters");
    let environment = [("DOCKER_HOST", "unix:///no/such/docker.sock"), ("API_KEY", "hunter2")];
    let arguments = ["report", "--url", "http://127.255.255.254:65535", "--out", file];
    let output = acefleet(&arguments, &environment);
    assert_eq!(output.status.code(), Some(0), "{}", complained(&output));
    assert!(complained(&output).contains("no acefleet answers"), "{}", complained(&output));
    let written = std::fs::read_to_string(file).expect("it is written");
    for part in [
        "API_KEY=*** (environment)",
        "== Check",
        "Docker at /no/such/docker.sock",
        "running: no: no acefleet",
    ] {
        assert!(written.contains(part), "{part} is missing in\n{written}");
    }
    assert!(!written.contains("hunter2"));
    // It may be the report of the last time.
    let output = acefleet(&arguments, &environment);
    assert_eq!(output.status.code(), Some(1));
    assert!(complained(&output).contains("cannot be written"), "{}", complained(&output));
    drop(std::fs::remove_dir_all(&folder));
}

#[test]
fn a_report_without_a_running_acefleet_has_the_journal_as_it_was_written_down() {
    let folder = Folder::new("report-journal");
    let database = folder.path().join("a.db");
    let entry = |id, what| {
        let subject = Subject::Vpn(VpnId(0), "gluetun".into());
        let entry =
            Entry { seq: id, at: Time::from_secs(id), subject, what, why: vec![], expect: Expect::Nothing };
        Arc::new(Numbered { id, entry })
    };
    let written = Store::at(database.clone());
    written.record(News {
        journal: [entry(1, What::VpnFailed), entry(2, What::VpnHealthy)].into(),
        ..News::default()
    });
    written.close();
    let url = format!("sqlite:///{}", database.display());
    let environment = [("DOCKER_HOST", "unix:///no/such/docker.sock"), ("DB_URL", url.as_str())];
    let arguments = ["report", "--url", "http://127.255.255.254:65535", "--out", "-"];
    let report = printed(&acefleet(&arguments, &environment));
    let (_, journal) = report.split_once("== Journal\n\n").expect("it is there");
    let lines: Vec<_> = journal.lines().take(2).collect();
    assert!(lines[0].starts_with("1970-01-01T00:00:01.000Z VPN 'gluetun' failed"), "{report}");
    assert!(lines[1].starts_with("1970-01-01T00:00:02.000Z VPN 'gluetun' is healthy"), "{report}");
}

#[test]
fn the_api_describes_itself() {
    let output = acefleet(&["openapi"], &[]);
    assert_eq!(output.status.code(), Some(0));
    assert!(printed(&output).starts_with("{\n  \"openapi\": \"3."));
}

/// A program that serves; it goes with the test.
struct Serving(std::process::Child);

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn without_docker_the_program_is_up_and_says_what_it_tried_and_debug_mode_writes_it_down() {
    let folder = std::env::temp_dir().join(format!("acefleet-no-docker-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for temporary files");
    let port = free_port();
    let mut command = Command::new(env!("CARGO_BIN_EXE_acefleet"));
    command.arg("serve").current_dir(&folder).env_clear().env("APP_PORT", port.to_string());
    command
        .env("DOCKER_HOST", "unix:///nowhere/docker.sock")
        .env("DEBUG_MODE", "true")
        .env("DEBUG_LOG_DIR", "debug");
    let serving = Serving(command.stderr(Stdio::null()).spawn().expect("the program starts"));

    let mut status = String::new();
    until("the status tells of Docker", || {
        status = ask(port, "/orchestrator/status").unwrap_or_default();
        status.contains("/nowhere/docker.sock")
    });
    assert!(status.contains("docker_unavailable"), "{status}");

    let files: Vec<_> =
        std::fs::read_dir(folder.join("debug")).expect("the folder is made").flatten().collect();
    let [file] = files.as_slice() else { panic!("one file for one run: {files:?}") };
    let written = std::fs::read_to_string(file.path()).expect("it can be read");
    let first = written.lines().next().expect("something is written");
    let first: serde_json::Value = serde_json::from_str(first).expect("a line is JSON");
    assert!(first["timestamp"].is_string() && first["level"].is_string(), "{first}");

    let own = format!("http://127.0.0.1:{port}");
    let output = acefleet(&["report", "--url", &own, "--out", "-"], &[]);
    let report = printed(&output);
    assert_eq!(output.status.code(), Some(0), "{}", complained(&output));
    let log = report.split_once("== Log").map(|(_, log)| log).expect("the latest lines are in it");
    assert!(log.contains("acefleet answers"), "{report}");
    drop(serving);
    drop(std::fs::remove_dir_all(&folder));
}

#[test]
fn a_log_that_nobody_reads_keeps_nobody_waiting_and_what_it_lost_is_counted() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    // What there is room for in it is filled, so that whoever writes to it waits.
    let (filled, mut filler) = (Arc::new(AtomicUsize::new(0)), writer.try_clone().expect("a second end"));
    let filling = std::thread::spawn({
        let filled = filled.clone();
        move || {
            while filler.write_all(&[b'x'; 1_024]).is_ok() {
                filled.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    let mut before = 0;
    until("the pipe is full", || {
        std::thread::sleep(Duration::from_millis(100));
        let now = filled.load(Ordering::SeqCst);
        std::mem::replace(&mut before, now) == now && now > 0
    });
    let port = free_port();
    let mut command = Command::new(env!("CARGO_BIN_EXE_acefleet"));
    command.arg("serve").env_clear().env("APP_PORT", port.to_string()).env("LOG_LEVEL", "trace");
    command.current_dir(env!("CARGO_TARGET_TMPDIR")).env("DB_URL", format!("sqlite:///unread-{port}.db"));
    command.env("DOCKER_HOST", "unix:///nowhere/docker.sock");
    let serving = Serving(command.stderr(writer).spawn().expect("the program starts"));
    drop(command);
    until("the status tells of Docker", || {
        ask(port, "/orchestrator/status").is_some_and(|told| told.contains("/nowhere/docker.sock"))
    });
    drop(reader);
    filling.join().expect("it ends when nobody can read any more");
    until("what nobody can read is counted", || {
        let lost =
            |line: &str| line.strip_prefix("acefleet_log_lines_lost_total ").is_some_and(|many| many != "0");
        ask(port, "/metrics").is_some_and(|text| text.lines().any(lost))
    });
    drop(serving);
    for name in ["db", "db-wal", "db-shm", "db.lock"] {
        let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("unread-{port}.{name}"));
        drop(std::fs::remove_file(file));
    }
}

/// Waits until something is so.
fn until(what: &str, mut so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < Duration::from_secs(60), "in vain: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A port that nobody has just now.
pub(crate) fn free_port() -> u16 {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port can be had");
    free.local_addr().expect("it has an address").port()
}

/// A whole answer, if there is one.
pub(crate) fn ask(port: u16, path: &str) -> Option<String> {
    use std::io::Read;
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}
