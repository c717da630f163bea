//! The server itself: what arrives over connections that are no ordinary requests.

use super::fleet::{Fleet, Setup};
use acefleet::api::{CONNECTIONS_MAX, bind_problem};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const PATIENCE: Duration = Duration::from_secs(20);

async fn fleet() -> Fleet {
    Setup::default().start().await
}

/// Sends bytes, and tells all that comes back until the connection is closed.
async fn raw(fleet: &Fleet, bytes: &[u8]) -> String {
    let talking = async {
        let mut stream = TcpStream::connect(fleet.address).await.expect("the server listens");
        stream.write_all(bytes).await.expect("sent");
        let mut text = Vec::new();
        // Who is turned away may find the connection reset.
        drop(stream.read_to_end(&mut text).await);
        String::from_utf8_lossy(&text).into_owned()
    };
    tokio::time::timeout(PATIENCE, talking).await.expect("it is closed in time")
}

#[tokio::test]
async fn heads_are_bounded() {
    let fleet = fleet().await;
    let many: String = (0..100).map(|number| format!("x-{number}: y\r\n")).collect();
    let head = format!("GET /engines HTTP/1.1\r\nhost: x\r\n{many}connection: close\r\n\r\n");
    assert!(raw(&fleet, head.as_bytes()).await.starts_with("HTTP/1.1 431"));
    let long = format!("GET /engines HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "y".repeat(100_000));
    assert!(raw(&fleet, long.as_bytes()).await.starts_with("HTTP/1.1 431"));
    assert!(raw(&fleet, b"nonsense\r\n\r\n").await.starts_with("HTTP/1.1 400"));
    assert_eq!(fleet.get("/engines").await.status, 200);
}

#[tokio::test]
async fn one_connection_carries_many_requests() {
    let fleet = fleet().await;
    let one = "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
    let last = "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let text = raw(&fleet, format!("{one}{one}{last}").as_bytes()).await;
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 3);
}

#[tokio::test]
async fn beyond_the_most_connections_callers_are_told_to_come_again() {
    let fleet = fleet().await;
    let mut held = Vec::new();
    for _ in 0..CONNECTIONS_MAX {
        let mut stream = TcpStream::connect(fleet.address).await.expect("accepted");
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
        // Once it is answered, it is known to have a place.
        stream.read_u8().await.expect("answered");
        held.push(stream);
    }
    let text = raw(&fleet, b"").await;
    assert!(text.starts_with("HTTP/1.1 503"), "{text}");
    assert!(text.ends_with("{\"detail\":\"too many connections; try again in a moment\"}"));
    drop(held);
    let again = async {
        loop {
            let got = raw(&fleet, b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
            if got.starts_with("HTTP/1.1 200") {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, again).await.expect("places are free again");
}

#[tokio::test]
async fn what_is_being_answered_is_answered_before_the_end() {
    let mut fleet = Setup::with_vpns(&[("gluetun", None)]).start().await;
    fleet.outside(|host| host.creates_slowly = true);
    let server = fleet.server.take().expect("it runs");
    let ending = async {
        fleet.asked(1).await;
        fleet.shutdown.cancel();
        tokio::time::sleep(Duration::from_millis(50)).await;
        fleet.pass(Duration::from_millis(2_500));
    };
    let asking = fleet.post_nothing("/provision/acestream");
    let (got, ()) = tokio::join!(asking, ending);
    assert_eq!(got.status, 503);
    assert_eq!(got.json()["detail"]["error"], "provisioning_blocked");
    tokio::time::timeout(PATIENCE, server).await.expect("it ends in time").expect("and well");
}

#[test]
fn why_the_port_cannot_be_had_is_said_with_what_to_do() {
    let address = "0.0.0.0:8000".parse().unwrap();
    let words = bind_problem(address, &io::Error::from(io::ErrorKind::AddrInUse));
    assert!(words.contains("port 8000 is in use") && words.contains("APP_PORT"));
    let words = bind_problem(address, &io::Error::from(io::ErrorKind::PermissionDenied));
    assert!(words.contains("APP_PORT"));
}
