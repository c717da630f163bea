//! What all tests use: stand-ins on free ports, requests, and waiting with a deadline.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use testbed::engine::{self, Engine};
use testbed::web::{Reply, ask};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// The longest that anything takes which happens at all, on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(10);
/// Long enough for an answer that would come; a hanging request outlasts it.
pub(crate) const NEVER: Duration = Duration::from_millis(300);
/// A channel that plays.
pub(crate) const CHANNEL: &str = "0123456789abcdef0123456789abcdef01234567";

pub(crate) fn anywhere() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

pub(crate) fn quick() -> engine::Settings {
    let mut settings = engine::Settings::new(anywhere());
    settings.patience.prebuffer = Duration::ZERO;
    settings
}

pub(crate) async fn engine(settings: engine::Settings) -> Engine {
    Engine::start(settings).await.expect("an engine starts on a free port")
}

pub(crate) async fn send(method: Method, address: SocketAddr, path: &str) -> Reply {
    ask(method, &address.to_string(), path, &[], "", SOON).await.expect("an answer")
}

pub(crate) async fn get(address: SocketAddr, path: &str) -> Reply {
    send(Method::GET, address, path).await
}

/// Sets a fault from outside.
pub(crate) async fn fault(address: SocketAddr, what: &str) {
    let reply = send(Method::POST, address, &format!("/standin/{what}")).await;
    assert_eq!(reply.status, 200, "{what}: {}", reply.json());
}

/// Whether a request stays without an answer.
pub(crate) async fn hangs(address: SocketAddr, path: &str) -> bool {
    ask(Method::GET, &address.to_string(), path, &[], "", NEVER).await.is_err()
}

/// Opens a content and gives what the engine says of the session.
pub(crate) async fn open(address: SocketAddr, query: &str) -> Value {
    let reply = get(address, &format!("/ace/getstream?{query}&format=json")).await.json();
    assert_eq!(reply["error"], Value::Null, "{reply}");
    reply["response"].clone()
}

/// The path of an address that an engine gave.
pub(crate) fn path(url: &Value) -> String {
    let url = url.as_str().expect("an address");
    let (_, path) =
        url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).expect("a host and a path");
    format!("/{path}")
}

/// A playback that is read piece by piece. Dropping it is leaving.
pub(crate) struct Playback {
    pub(crate) answer: Response<Incoming>,
    connection: tokio::task::JoinHandle<()>,
}

impl Playback {
    pub(crate) async fn begin(address: SocketAddr, path: &str) -> Self {
        Self::with_range(address, path, None).await
    }

    pub(crate) async fn with_range(address: SocketAddr, path: &str, range: Option<&str>) -> Self {
        let stream = TcpStream::connect(address).await.expect("a connection");
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.expect("a handshake");
        let connection = tokio::spawn(async move {
            // A test that leaves breaks it off.
            let _ = connection.await;
        });
        let mut request = Request::get(path).header("host", address.to_string());
        if let Some(range) = range {
            request = request.header("range", range);
        }
        let request = request.body(Empty::<Bytes>::new()).expect("a request");
        let answer = sender.send_request(request).await.expect("an answer");
        Self { answer, connection }
    }

    /// The next piece; none at the end.
    pub(crate) async fn piece(&mut self) -> Option<Bytes> {
        let frame = self.answer.frame().await?;
        frame.ok().and_then(|frame| frame.into_data().ok())
    }

    /// What comes until a time has passed, or the end.
    pub(crate) async fn read_for(&mut self, time: Duration) -> Vec<u8> {
        let end = Instant::now() + time;
        let mut bytes = Vec::new();
        while let Ok(Some(piece)) = tokio::time::timeout_at(end, self.piece()).await {
            bytes.extend_from_slice(&piece);
        }
        bytes
    }

    /// At least so many bytes.
    pub(crate) async fn read(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < count {
            let piece = tokio::time::timeout(SOON, self.piece()).await.expect("bytes in time");
            bytes.extend_from_slice(&piece.expect("a playback that does not end"));
        }
        bytes
    }
}

impl Drop for Playback {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// Waits until something is so.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut check: impl FnMut() -> F) {
    let end = Instant::now() + SOON;
    while !check().await {
        assert!(Instant::now() < end, "it did not happen in {SOON:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
