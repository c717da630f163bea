//! The program as a container runs it: arguments, environment, signals and exit codes.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hyper::Method;
use testbed::web::ask;

use crate::tools::*;

/// A running stand-in, which ends with the test.
struct Running(Child);

impl Running {
    fn start(arguments: &[&str], env: &[(&str, String)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_standin"));
        command.args(arguments).env_clear().envs(env.iter().cloned()).stderr(Stdio::piped());
        Self(command.spawn().expect("the program starts"))
    }

    fn terminate(&self) {
        let killed = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status();
        assert!(killed.expect("kill").success());
    }

    async fn exit_code(&mut self) -> Option<i32> {
        let mut code = None;
        until("the program ends", || {
            code = self.0.try_wait().expect("a child").map(|status| status.code());
            let ended = code.is_some();
            async move { ended }
        })
        .await;
        code.flatten()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Most have ended by themselves.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A port that nobody had a moment ago.
fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}

fn here(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

async fn answers(address: SocketAddr, path: &str) -> bool {
    ask(Method::GET, &address.to_string(), path, &[], "", Duration::from_secs(1)).await.is_ok()
}

const STATUS: &str = "/server/api?api_version=3&method=get_status";

#[tokio::test]
async fn an_engine_takes_no_notice_of_a_request_to_stop() {
    let port = free_port();
    let mut engine = Running::start(&["engine"], &[("CONF", format!("--http-port={port}\n--bind-all"))]);
    let said = BufReader::new(engine.0.stderr.take().expect("a pipe"));
    until("it is up", || answers(here(port), STATUS)).await;
    engine.terminate();
    let noticed = tokio::task::spawn_blocking(|| {
        said.lines().map_while(Result::ok).any(|line| line.contains("SIGTERM"))
    });
    assert!(tokio::time::timeout(SOON, noticed).await.expect("in time").expect("no panic"));
    assert!(answers(here(port), STATUS).await);
    assert_eq!(engine.0.try_wait().expect("a child"), None);
}

#[tokio::test]
async fn an_engine_takes_the_images_command_as_it_is() {
    let port = free_port();
    let command = format!("engine python main.py --bind-all --client-console --http-port {port} --port 5000");
    let arguments: Vec<&str> = command.split(' ').collect();
    let mut engine = Running::start(&arguments, &[]);
    until("it is up", || answers(here(port), STATUS)).await;
    let crash = ask(Method::POST, &here(port).to_string(), "/standin/crash?code=5", &[], "", SOON).await;
    // The answer may be lost with the engine.
    drop(crash);
    assert_eq!(engine.exit_code().await, Some(5));
}

#[tokio::test]
async fn a_second_engine_on_a_port_exits_with_a_failure() {
    let port = free_port();
    let env = [("HTTP_PORT", port.to_string())];
    let _first = Running::start(&["engine"], &env);
    until("the first is up", || answers(here(port), STATUS)).await;
    let mut second = Running::start(&["engine"], &env);
    assert_eq!(second.exit_code().await, Some(1));
}

#[tokio::test]
async fn a_gluetun_is_checked_by_the_same_program_and_stops_at_once() {
    let (control, private) = (free_port(), free_port());
    let env = [
        ("HTTP_CONTROL_SERVER_ADDRESS", format!(":{control}")),
        ("STANDIN_PRIVATE_PORT", private.to_string()),
        ("STANDIN_STARTING_MS", "0".to_owned()),
        ("STANDIN_FAULTS", "health=healthy".to_owned()),
    ];
    let mut gluetun = Running::start(&["gluetun"], &env);
    until("it is up", || answers(here(control), "/v1/vpn/status")).await;
    let health = async || Running::start(&["health"], &env).exit_code().await;
    assert_eq!(health().await, Some(0));
    fault(here(private), "faults?health=unhealthy").await;
    assert_eq!(health().await, Some(1));
    gluetun.terminate();
    assert_eq!(gluetun.exit_code().await, Some(0));
    assert_eq!(health().await, Some(1), "nobody to ask is not healthy");
}

#[tokio::test]
async fn an_engine_and_a_gluetun_find_each_other_by_the_private_port() {
    let (control, private, http) = (free_port(), free_port(), free_port());
    let env = [
        ("HTTP_CONTROL_SERVER_ADDRESS", format!(":{control}")),
        ("STANDIN_PRIVATE_PORT", private.to_string()),
        ("STANDIN_FAULTS", "tunnel=dead".to_owned()),
        ("STANDIN_STARTING_MS", "0".to_owned()),
    ];
    let _gluetun = Running::start(&["gluetun"], &env);
    let env = [("HTTP_PORT", http.to_string()), ("STANDIN_PRIVATE_PORT", private.to_string())];
    let _engine = Running::start(&["engine"], &env);
    until("both are up", async || {
        answers(here(control), "/v1/vpn/status").await && answers(here(http), STATUS).await
    })
    .await;
    let path = "/server/api?api_version=3&method=get_network_connection_status";
    assert_eq!(get(here(http), path).await.json()["result"]["connected"], false);
    fault(here(private), "faults?tunnel=up").await;
    assert_eq!(get(here(http), path).await.json()["result"]["connected"], true);
}

#[tokio::test]
async fn settings_that_cannot_be_read_are_named() {
    let arguments: [(&[&str], &str, &str); 3] = [
        (&["engine"], "HTTP_PORT", "many"),
        (&["gluetun"], "STANDIN_VERSION", "newest"),
        (&["gluetun"], "STANDIN_FAULTS", "tunnel=gone"),
    ];
    for (arguments, name, value) in arguments {
        let mut command = Command::new(env!("CARGO_BIN_EXE_standin"));
        command.args(arguments).env_clear().env(name, value);
        let output =
            command.env("HTTP_CONTROL_SERVER_ADDRESS", ":0").env("STANDIN_PRIVATE_PORT", "0").output();
        let output = output.expect("the program starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{name}: {said}");
        assert!(said.contains(value.rsplit('=').next().unwrap_or_default()), "{name}: {said}");
    }
}
