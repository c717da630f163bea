//! What the demo stands on: ports, rights and open files, and what it says when something is in the way.

use super::{Demo, get, listed, refused, refused_by, until};
use crate::store::Folder;
use serde_json::Value;
use std::fs::{self, File, Permissions};
use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Command;

/// Ports that the system gives nobody by itself, and nobody is known to want.
const LONELY: std::ops::Range<u16> = 20_100..28_000;

/// A port that nobody has, and who has the next one at all addresses of this machine.
fn before_a_taken_one() -> (u16, TcpListener) {
    let mut pairs = LONELY.step_by(2).filter_map(|port| {
        let _is_free = TcpListener::bind(("0.0.0.0", port)).ok()?;
        Some((port, TcpListener::bind(("0.0.0.0", port + 1)).ok()?))
    });
    pairs.next().expect("some are free")
}

/// The demo with a limit of open files that a shell sets.
fn with_limit(limit: &str, arguments: &str) -> Command {
    let program = env!("CARGO_BIN_EXE_acefleet");
    let line = format!("ulimit {limit} && exec '{program}' demo --port 0 {arguments}");
    let mut command = Command::new("sh");
    command.args(["-c", &line]);
    command
}

/// The demo without a right that root has and others have not, for as long as the file is open: whoever gives up
/// rights may not enter the folders that lead to it.
fn without(right: &str, arguments: &[&str]) -> (Command, File) {
    let program = File::open(env!("CARGO_BIN_EXE_acefleet")).expect("the program");
    let path = format!("/proc/{}/fd/{}", std::process::id(), program.as_raw_fd());
    let is_root = fs::metadata("/proc/self").expect("Linux tells").uid() == 0;
    let mut command = Command::new(if is_root { "setpriv" } else { path.as_str() });
    if is_root {
        command.arg(format!("--bounding-set=-{right}")).arg(&path);
    }
    command.arg("demo").args(arguments);
    (command, program)
}

#[test]
fn a_port_that_somebody_has_at_all_addresses_is_passed_over_and_so_is_the_demos_own() {
    let (port, taken) = before_a_taken_one();
    let port = port.to_string();
    let arguments = ["--bind", "0.0.0.0", "--port", &port, "--engines", "2", "--viewers", "2"];
    let (_demo, address) = Demo::ready(&arguments, &[]);
    assert_eq!(listed(address).len(), 2);
    let settings = get(address, "/settings");
    let control = settings.as_array().expect("a list").iter().find(|row| row["name"] == "GLUETUN_API_PORT");
    let control: u16 = control.and_then(|row| row["value"].as_str()?.parse().ok()).expect("a port");
    assert!(control > taken.local_addr().expect("an address").port(), "{control}");
    until("both viewers have a picture", || {
        let viewers = get(address, "/demo")["viewers"].as_array().expect("a list").clone();
        viewers.iter().all(|viewer| viewer["plays"] == Value::Bool(true)).then_some(())
    });
}

#[test]
fn a_port_that_is_taken_or_not_allowed_is_said_before_anything_starts() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let (code, said) = refused(&["--port", &port], &[]);
    assert!(code == Some(1) && said.contains("is in use") && said.contains("--port 0"), "{said}");
    // An address for documents, which no machine has.
    let (code, said) = refused(&["--port", "0", "--bind", "203.0.113.1"], &[]);
    assert!(code == Some(1) && said.contains("--bind"), "{said}");
}

#[test]
fn too_few_open_files_are_said_with_what_to_do() {
    let (code, said) = refused_by(&mut with_limit("-n 300", "--viewers 500"));
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("the limit is 300") && said.contains("ulimit -n "), "{said}");
}

#[test]
fn a_low_limit_of_open_files_is_raised_as_far_as_the_system_lets_anybody() {
    let command = with_limit("-S -n 128", "--viewers 0 --engines 1 --vpns 1");
    let (demo, address) = Demo::by(command).complete();
    assert_eq!(listed(address).len(), 1);
    let limits = fs::read_to_string(format!("/proc/{}/limits", demo.child.id())).expect("Linux tells");
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).expect("a line");
    let soft: u64 = line.split_whitespace().next().and_then(|soft| soft.parse().ok()).expect("a number");
    assert!(soft > 200, "{limits}");
}

#[test]
fn a_folder_for_temporary_files_that_may_not_be_written_to_is_said() {
    let folder = Folder::new("demo-unwritable");
    let allow = |mode| {
        fs::set_permissions(folder.path(), Permissions::from_mode(mode)).expect("its permissions");
    };
    allow(0o555);
    let (mut command, _program) = without("dac_override", &["--port", "0"]);
    let (code, said) = refused_by(command.env("TMPDIR", folder.path()));
    allow(0o755);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("Permission denied") && said.contains("TMPDIR names another place"), "{said}");
}

#[test]
fn a_port_that_needs_more_rights_is_said() {
    let first = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start").expect("Linux tells");
    let (mut command, _program) = without("net_bind_service", &["--port", "1"]);
    // In some containers everybody may have every port.
    if first.trim() != "0" {
        let (code, said) = refused_by(&mut command);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("needs more rights") && said.contains("--port"), "{said}");
    }
}
