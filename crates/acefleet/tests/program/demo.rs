//! The demo as a person starts it: what it says, what breaks on request, how it ends, and that nothing stays.
//!
//! Each test has a process of its own, with a folder of its own for temporary files.

mod ground;
mod stories;

use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take that takes moments on an idle machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A folder that goes with the test.
pub(crate) struct Temporary(pub(crate) PathBuf);

impl Temporary {
    pub(crate) fn new() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let name = format!("demo-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&path).expect("a folder for temporary files");
        Self(path)
    }

    fn holds_nothing(&self) -> bool {
        std::fs::read_dir(&self.0).expect("it is there").next().is_none()
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// A demo that runs; it goes with the test.
pub(crate) struct Demo {
    child: Child,
    lines: Receiver<String>,
    said: Vec<String>,
    temporary: Temporary,
}

impl Demo {
    fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::by(demo(arguments, environment))
    }

    fn by(mut command: Command) -> Self {
        let temporary = Temporary::new();
        command.env("TMPDIR", &temporary.0).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("the program starts");
        let out = child.stdout.take().expect("it was asked for");
        let (tell, lines) = channel();
        thread::spawn(move || {
            BufReader::new(out).lines().map_while(Result::ok).try_for_each(|line| tell.send(line))
        });
        Self { child, lines, said: Vec::new(), temporary }
    }

    /// One whose fleet is complete, and where it answers.
    pub(crate) fn ready(arguments: &[&str], environment: &[(&str, &str)]) -> (Self, SocketAddr) {
        Self::start(arguments, environment).complete()
    }

    fn complete(mut self) -> (Self, SocketAddr) {
        let line = self.wait_for("Panel   http://");
        let address = line.trim_start_matches("Panel   http://").trim_end_matches("/panel");
        let address = address.parse().unwrap_or_else(|error| panic!("{line}: {error}"));
        (self, address)
    }

    /// Waits until it says something.
    fn wait_for(&mut self, words: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(PATIENCE);
            let line =
                line.unwrap_or_else(|_| panic!("it never said {words:?}, but\n{}", self.said.join("\n")));
            self.said.push(line.clone());
            if line.contains(words) {
                return line;
            }
        }
    }

    fn interrupt(&self) {
        self.signal("-INT");
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().expect("kill is there").success());
    }

    /// Waits until it has ended. Nothing is left of it then.
    fn ended(mut self) -> (ExitStatus, Vec<String>) {
        let began = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("it can be waited for") {
                break status;
            }
            assert!(began.elapsed() < PATIENCE, "it does not end; it said\n{}", self.said.join("\n"));
            thread::sleep(LOOK_EVERY);
        };
        assert!(self.temporary.holds_nothing(), "something is left in {}", self.temporary.0.display());
        let mut said = std::mem::take(&mut self.said);
        said.extend(self.lines.iter());
        (status, said)
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn demo(arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_acefleet"));
    command.arg("demo").args(arguments).env_clear().envs(environment.iter().copied());
    command
}

/// Runs one that is not expected to start.
fn refused(arguments: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String) {
    let temporary = Temporary::new();
    let refused = refused_by(demo(arguments, environment).env("TMPDIR", &temporary.0));
    assert!(temporary.holds_nothing());
    refused
}

fn refused_by(command: &mut Command) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = command.output().expect("the program starts");
    assert!(stdout.is_empty(), "{}", String::from_utf8_lossy(&stdout));
    (status.code(), String::from_utf8_lossy(&stderr).into_owned())
}

fn request(address: SocketAddr, method: &str, path: &str, headers: &str) -> (u16, Value) {
    let mut stream = TcpStream::connect(address).expect("it answers");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time limit");
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}\r\n")
        .expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the whole answer");
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
}

fn get(address: SocketAddr, path: &str) -> Value {
    let (status, body) = request(address, "GET", path, "");
    assert_eq!(status, 200, "{path}: {body}");
    body
}

fn post(address: SocketAddr, path: &str) -> Value {
    let (status, body) = request(address, "POST", path, "Content-Length: 0\r\n");
    assert_eq!(status, 200, "{path}: {body}");
    body
}

/// The engines that are listed, by name, with the VPN that each is on.
fn listed(address: SocketAddr) -> BTreeMap<String, String> {
    let engines = get(address, "/engines");
    let engines = engines.as_array().expect("a list").iter();
    let text = |engine: &Value, field: &str| engine[field].as_str().unwrap_or_default().to_owned();
    engines.map(|engine| (text(engine, "container_name"), text(engine, "vpn_container"))).collect()
}

/// Waits until something is so.
fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "in vain: {what}");
        thread::sleep(LOOK_EVERY);
    }
}

fn kinds_in_journal(address: SocketAddr) -> Vec<String> {
    let journal = get(address, "/journal?limit=1000");
    let entries = journal.as_array().expect("a list").iter();
    entries.map(|entry| entry["kind"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn a_failed_vpn_halves_the_list_in_the_very_next_request_and_recovery_fills_it_again() {
    let (demo, address) = Demo::ready(&["--port", "0", "--viewers", "0"], &[]);
    assert_eq!(listed(address).len(), 10);
    let deed = post(address, "/demo/vpn/gluetun-1/fail");
    assert_eq!((&deed["noticed"], &deed["engines_offered"]), (&Value::Bool(true), &Value::from(5)), "{deed}");
    let left = listed(address);
    assert!(left.len() == 5 && left.values().all(|vpn| vpn == "gluetun-2"), "{left:?}");
    let state = get(address, "/demo");
    assert_eq!(state["vpns"][0]["failing"], serde_json::json!(["container"]));
    assert_eq!(state["vpns"][1]["failing"], serde_json::json!([]));
    post(address, "/demo/vpn/gluetun-1/recover");
    until("ten engines again", || (listed(address).len() == 10).then_some(()));
    assert_eq!(get(address, "/demo")["vpns"][0]["failing"], serde_json::json!([]));
    demo.interrupt();
    let (status, said) = demo.ended();
    assert_eq!(status.code(), Some(0));
    assert!(said.iter().any(|line| line.contains("Nobody watched.")), "{said:?}");
}

#[test]
fn a_restarted_and_a_recreated_vpn_have_their_engines_hidden_at_once() {
    let (_demo, address) = Demo::ready(&["--port", "0", "--viewers", "0", "--engines", "4"], &[]);
    for deed in ["restart", "recreate"] {
        let vpn = if deed == "restart" { "gluetun-1" } else { "gluetun-2" };
        let done = post(address, &format!("/demo/vpn/{vpn}/{deed}"));
        assert_eq!(done["noticed"], true, "{done}");
        assert!(!listed(address).values().any(|of| of == vpn), "{deed}");
        until("both VPNs have engines again", || (listed(address).len() >= 4).then_some(()));
    }
}

#[test]
fn faults_of_a_tunnel_of_health_and_of_the_control_server_last_until_they_are_taken_back() {
    let (_demo, address) = Demo::ready(&["--port", "0", "--viewers", "0", "--engines", "4"], &[]);
    post(address, "/demo/vpn/gluetun-2/fail?kind=control");
    post(address, "/demo/vpn/gluetun-2/fail?kind=health");
    post(address, "/demo/vpn/gluetun-1/fail?kind=tunnel");
    let failing = |vpn: usize| get(address, "/demo")["vpns"][vpn]["failing"].clone();
    assert_eq!(failing(0), serde_json::json!(["tunnel"]));
    assert_eq!(failing(1), serde_json::json!(["health", "control"]));
    // A lost tunnel is noticed by itself; a lie about health, and a silent control server, change nothing.
    until("only the other VPN's engines are listed", || {
        let left = listed(address);
        (left.len() == 2 && left.values().all(|vpn| vpn == "gluetun-2")).then_some(())
    });
    for vpn in ["gluetun-1", "gluetun-2"] {
        post(address, &format!("/demo/vpn/{vpn}/recover"));
    }
    until("all engines are listed", || (listed(address).len() >= 4).then_some(()));
    assert_eq!((failing(0), failing(1)), (serde_json::json!([]), serde_json::json!([])));
}

#[test]
fn a_port_that_is_set_becomes_the_forwarded_port_and_none_is_none() {
    let quick = [("VPN_RECOVERY_STABILIZATION_S", "0"), ("PORT_LOST_S", "0.5")];
    let (_demo, address) = Demo::ready(&["--port", "0", "--viewers", "0", "--engines", "2"], &quick);
    let port = || get(address, "/vpn/status")["vpn1"]["forwarded_port"].clone();
    let done = post(address, "/demo/vpn/gluetun-1/port?set=50777");
    assert!(done["done"].as_str().is_some_and(|done| done.contains("50777")), "{done}");
    until("the new port is known", || (port() == 50_777).then_some(()));
    assert_eq!(get(address, "/demo")["vpns"][0]["port"], 50_777);
    post(address, "/demo/vpn/gluetun-1/port?set=0");
    until("there is no port", || port().is_null().then_some(()));
    assert_eq!(get(address, "/demo")["vpns"][0]["port"], Value::Null);
}

#[test]
fn an_engine_that_crashes_is_hidden_at_once_and_one_that_hangs_soon() {
    let quick =
        [("HEALTH_CHECK_INTERVAL_S", "0.2"), ("HEALTH_FAILURE_THRESHOLD", "1"), ("PROBE_TIMEOUT_S", "0.3")];
    let (_demo, address) = Demo::ready(&["--port", "0", "--viewers", "0", "--engines", "4"], &quick);
    let done = post(address, "/demo/engine/acestream-1/crash");
    assert_eq!(done["noticed"], true, "{done}");
    until("it is back", || listed(address).contains_key("acestream-1").then_some(()));
    post(address, "/demo/engine/acestream-2/hang");
    let hangs = || get(address, "/demo")["engines"][1]["hangs"].clone();
    assert_eq!(hangs(), true);
    until("it is hidden", || (!listed(address).contains_key("acestream-2")).then_some(()));
    post(address, "/demo/engine/acestream-2/recover");
    until("it is back", || listed(address).contains_key("acestream-2").then_some(()));
    assert_eq!(hangs(), false);
}

#[test]
fn a_frozen_docker_and_a_broken_core_take_no_engine_from_the_list() {
    let quick = [("DOCKER_PING_INTERVAL_S", "0.1"), ("DOCKER_PING_TIMEOUT_S", "0.1")];
    let (_demo, address) = Demo::ready(&["--port", "0", "--viewers", "0", "--engines", "4"], &quick);
    let before = listed(address);
    post(address, "/demo/docker/freeze?seconds=300");
    until("it is said that Docker does not answer", || {
        kinds_in_journal(address).contains(&"docker_unreachable".to_owned()).then_some(())
    });
    assert!(get(address, "/demo")["docker_frozen_ms"].as_u64() > Some(0));
    assert_eq!(listed(address), before);
    post(address, "/demo/docker/freeze?seconds=0");
    assert_eq!(get(address, "/demo")["docker_frozen_ms"], 0);
    until("Docker is back", || kinds_in_journal(address).contains(&"docker_back".to_owned()).then_some(()));
    let done = post(address, "/demo/core/crash");
    assert_eq!(done["noticed"], true, "{done}");
    assert!(kinds_in_journal(address).contains(&"rebuilt".to_owned()));
    until("every engine is listed", || (listed(address) == before).then_some(()));
}

#[test]
fn what_cannot_be_meant_is_refused_with_what_can() {
    let (_demo, address) =
        Demo::ready(&["--port", "0", "--viewers", "0", "--engines", "1", "--vpns", "1"], &[]);
    for (path, status, words) in [
        ("/demo/vpn/gluetun-9/fail", 404, "gluetun-1"),
        ("/demo/vpn/acestream-1/recover", 404, "gluetun-1"),
        ("/demo/vpn/gluetun-1/fail?kind=fire", 422, "`tunnel`"),
        ("/demo/vpn/gluetun-1/port", 422, "set"),
        ("/demo/vpn/gluetun-1/port?set=65536", 422, "set"),
        ("/demo/engine/gluetun-1/crash", 404, "GET /demo"),
        ("/demo/engine/nobody/hang", 404, "GET /demo"),
        ("/demo/docker/freeze?seconds=301", 422, "0 to 300"),
        ("/demo/docker/freeze?seconds=-1", 422, "seconds"),
    ] {
        let (answered, body) = request(address, "POST", path, "Content-Length: 0\r\n");
        assert_eq!(answered, status, "{path}: {body}");
        assert!(body["detail"].as_str().is_some_and(|detail| detail.contains(words)), "{path}: {body}");
    }
    post(address, "/demo/vpn/gluetun-1/fail");
    let (status, body) = request(address, "POST", "/demo/vpn/gluetun-1/port?set=1", "Content-Length: 0\r\n");
    assert_eq!(status, 409, "{body}");
    let (status, _) =
        request(address, "POST", "/demo/core/crash", "Content-Length: 0\r\nOrigin: http://elsewhere\r\n");
    assert_eq!(status, 403);
}

#[test]
fn with_a_key_only_those_who_have_it_may_break_anything() {
    let (mut demo, address) = Demo::ready(
        &["--port", "0", "--viewers", "0", "--engines", "1", "--vpns", "1"],
        &[("API_KEY", "sesame")],
    );
    // What is printed to be tried shows it, by its name.
    for deed in ["fail", "recover"] {
        let line = demo.wait_for(&format!("/demo/vpn/gluetun-1/{deed}"));
        assert!(line.contains("curl -X POST -H \"Authorization: Bearer $API_KEY\" 'http"), "{line}");
    }
    let crash = |header: &str| {
        request(address, "POST", "/demo/engine/acestream-1/crash", &format!("Content-Length: 0\r\n{header}"))
            .0
    };
    assert_eq!(crash(""), 401);
    assert_eq!(crash("Authorization: Bearer wrong\r\n"), 403);
    assert_eq!(crash("Authorization: Bearer sesame\r\n"), 200);
    assert!(get(address, "/demo")["vpns"].is_array());
}

#[test]
fn the_demo_describes_its_routes_and_the_product_has_none_of_them() {
    let (_demo, address) =
        Demo::ready(&["--port", "0", "--viewers", "0", "--engines", "1", "--vpns", "1"], &[]);
    let state = get(address, "/demo");
    let document = get(address, "/openapi.json");
    for route in state["faults"].as_array().expect("a list") {
        let path = route["path"].as_str().expect("a path").split('?').next().expect("a path");
        let operation = &document["paths"][path]["post"];
        assert!(
            operation["responses"]["200"].is_object() && operation["security"].is_array(),
            "{path}: {operation}"
        );
    }
    let printed = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_acefleet")).args(arguments).env_clear().output();
        serde_json::from_slice::<Value>(&output.expect("the program starts").stdout).expect("JSON")
    };
    assert_eq!(printed(&["openapi", "--demo"]), document);
    let product = printed(&["openapi"]);
    let paths = product["paths"].as_object().expect("paths");
    assert!(paths.contains_key("/engines") && !paths.keys().any(|path| path.contains("demo")));
}

#[test]
fn viewers_of_the_demo_have_a_picture_and_keep_it_when_their_vpn_is_stopped() {
    let (_demo, address) = Demo::ready(&["--port", "0", "--viewers", "4", "--engines", "6"], &[]);
    let viewers = || get(address, "/demo")["viewers"].as_array().expect("a list").clone();
    let play = || viewers().iter().all(|viewer| viewer["plays"] == true);
    until("all have a picture", || play().then_some(()));
    let bytes = |viewers: &[Value]| viewers.iter().map(|viewer| viewer["bytes"].as_u64()).collect::<Vec<_>>();
    for vpn in ["gluetun-1", "gluetun-2"] {
        post(address, &format!("/demo/vpn/{vpn}/fail"));
        let before = bytes(&viewers());
        until("every viewer is sent more", || {
            let now = bytes(&viewers());
            before.iter().zip(&now).all(|(before, now)| now > before).then_some(())
        });
        post(address, &format!("/demo/vpn/{vpn}/recover"));
        until("all engines are back", || (listed(address).len() >= 6 && play()).then_some(()));
    }
    for viewer in viewers() {
        assert_eq!(
            (&viewer["disconnects"], &viewer["continuity_errors"]),
            (&Value::from(0), &Value::from(0)),
            "{viewer}"
        );
    }
}

#[test]
fn who_listens_is_told_when_viewers_get_the_picture_and_when_they_lose_it() {
    let (_demo, address) =
        Demo::ready(&["--port", "0", "--viewers", "2", "--engines", "2", "--vpns", "1"], &[]);
    let mut stream = TcpStream::connect(address).expect("it answers");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time limit");
    write!(stream, "GET /demo/stream HTTP/1.1\r\nHost: {address}\r\n\r\n").expect("sent");
    let mut lines = BufReader::new(stream).lines().map(|line| line.expect("it goes on"));
    let mut before = Value::Null;
    let mut hears = |play: u64| {
        loop {
            let name = lines.find(|line| line.starts_with("event:")).expect("an event");
            assert_eq!(name, "event: noticed");
            let data = lines.next().expect("the next line");
            let told = serde_json::from_str(data.strip_prefix("data: ").expect("its data")).expect("JSON");
            assert_ne!(told, before, "nothing is told twice");
            before = told;
            if before["play"] == play {
                return before.clone();
            }
        }
    };
    assert_eq!(hears(2)["viewers"], 2);
    post(address, "/demo/vpn/gluetun-1/fail");
    assert!(hears(0)["longest_silence_ms"].as_u64() >= Some(2_000));
}

#[test]
fn impossible_sizes_are_refused_with_exit_code_64() {
    for arguments in [
        &["--vpns", "0"][..],
        &["--vpns", "51"],
        &["--engines", "0"],
        &["--engines", "501"],
        &["--viewers", "951"],
        &["--port", "65536"],
        &["--bind", "nowhere"],
        &["--story", "flood"],
        &["--story", "vpn-exit", "--vpns", "1"],
    ] {
        let (code, said) = refused(arguments, &[]);
        assert_eq!(code, Some(64), "{arguments:?}: {said}");
        assert!(!said.is_empty());
    }
    let (code, said) = refused(&[], &[("HANDOFF_S", "soon")]);
    assert!(code == Some(64) && said.contains("HANDOFF_S=soon"), "{said}");
}

#[test]
fn ctrl_c_ends_it_at_any_moment_and_leaves_nothing() {
    thread::scope(|scope| {
        for milliseconds in [20, 60, 120, 200, 350, 600, 1_200] {
            scope.spawn(move || {
                let demo = Demo::start(&["--port", "0", "--engines", "4"], &[]);
                thread::sleep(Duration::from_millis(milliseconds));
                demo.interrupt();
                let (status, said) = demo.ended();
                // Before it listens to signals, the signal itself ends it; then there is nothing yet to be left.
                let ended = matches!(status.code(), Some(0 | 130) | None);
                assert!(ended, "after {milliseconds} ms: {status}; {}", said.join("\n"));
            });
        }
    });
}

#[test]
fn a_terminal_that_is_closed_ends_it_and_leaves_nothing() {
    let (demo, _) = Demo::ready(&["--port", "0", "--viewers", "1", "--engines", "1"], &[]);
    demo.signal("-HUP");
    assert_eq!(demo.ended().0.code(), Some(0));
}

#[test]
fn ctrl_c_twice_does_not_wait_for_a_frozen_docker() {
    let (demo, address) = Demo::ready(&["--port", "0", "--viewers", "2", "--engines", "2"], &[]);
    post(address, "/demo/docker/freeze?seconds=300");
    demo.interrupt();
    thread::sleep(LOOK_EVERY);
    demo.interrupt();
    let (status, _) = demo.ended();
    assert_eq!(status.code(), Some(0));
}
