//! The server: accepts connections within bounds, and lets them end well.

use super::events::tell_changes;
use super::patience::{NOTHING_TAKEN_MAX, Patience};
use super::trends;
use super::{Api, Parts, router};
use crate::proxy::{Connection, Outlet};
use axum::Router;
use control::policy::streams::VIEWERS_MAX;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use socket2::SockRef;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

/// Connections at the same time, as many viewers among them as there may be; beyond it, callers are told to come again.
pub const CONNECTIONS_MAX: usize = 512 + VIEWERS_MAX;
/// Connections that are being told to come again; beyond it, they are closed without a word.
const TURNED_AWAY_MAX: usize = 64;
/// For how long a caller is told to come again before it is left.
const TURN_AWAY_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a request's head may take to arrive, and how long a connection may be idle.
const HEAD_TIMEOUT: Duration = Duration::from_secs(25);
/// The most headers of a request.
const HEADERS_MAX: usize = 64;
/// The longest head of a request.
const HEAD_MAX_BYTES: usize = 32 * 1024;
/// What is kept for a connection without having been sent.
const UNSENT_MAX_BYTES: u32 = 128 * 1024;
/// After a failure to accept, others are given time to close what they have open.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long what is being answered may take at the end.
const END_TIMEOUT: Duration = Duration::from_secs(5);

/// Serves the API until `shutdown`, and then lets what is being answered be answered.
pub async fn serve(listener: TcpListener, parts: Parts, shutdown: CancellationToken) {
    let api = Api::new(parts);
    let router = router(&api);
    let connections = TaskTracker::new();
    let patience = api.parts.proxy.patience().max(NOTHING_TAKEN_MAX);
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let turned_away = Arc::new(Semaphore::new(TURNED_AWAY_MAX));
    let telling = tokio::spawn(tell_changes(api.clone()));
    let counting = tokio::spawn(trends::count(api.clone()));
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, client) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "no connection can be accepted; are too many files open?");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        if let Ok(place) = places.clone().try_acquire_owned() {
            connections.spawn(attend(
                stream,
                client,
                router.clone(),
                patience,
                api.changes.over().clone(),
                place,
            ));
        } else if let Ok(place) = turned_away.clone().try_acquire_owned() {
            connections.spawn(turn_away(stream, place));
        }
    }
    drop(listener);
    api.changes.end();
    api.parts.proxy.end();
    telling.abort();
    counting.abort();
    connections.close();
    if tokio::time::timeout(END_TIMEOUT, connections.wait()).await.is_err() {
        tracing::warn!("some requests were not answered before the end");
    }
}

/// One connection, to its end.
async fn attend(
    stream: TcpStream,
    client: SocketAddr,
    router: Router,
    patience: Duration,
    over: CancellationToken,
    place: OwnedSemaphorePermit,
) {
    // Answers are small and whole; waiting for more to send would only delay them.
    let _only_slower = stream.set_nodelay(true);
    // Whoever reads slowly falls back in his channel's buffer, which he shares, and not in one of the kernel's own.
    let _only_dearer = SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT_MAX_BYTES);
    let (outlet, stream) = Outlet::new(stream);
    let seat = Connection { client: Some(client), cut: CancellationToken::new(), outlet: Some(outlet) };
    let cut = seat.cut.clone();
    let service = router.map_request(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(seat.clone());
        request
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_MAX_BYTES)
        .serve_connection(TokioIo::new(Patience::with(stream, patience)), TowerToHyperService::new(service));
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        // A viewer who takes nothing; what is still to be written is not waited for.
        () = cut.cancelled() => Ok(()),
        () = over.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke");
    }
    drop(place);
}

/// Says that there are too many connections, to whoever waits to hear it.
async fn turn_away(mut stream: TcpStream, place: OwnedSemaphorePermit) {
    const ANSWER: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\n\
        content-length: 56\r\nretry-after: 1\r\nconnection: close\r\n\r\n\
        {\"detail\":\"too many connections; try again in a moment\"}";
    let telling = async {
        stream.write_all(ANSWER).await?;
        stream.shutdown().await
    };
    let _they_left = tokio::time::timeout(TURN_AWAY_TIMEOUT, telling).await;
    drop(place);
}

/// Why the API's port cannot be had, and what to do.
pub fn bind_problem(address: SocketAddr, error: &io::Error) -> String {
    let port = address.port();
    match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "port {port} is in use: is another acefleet, or the orchestrator that it replaces, running? \
             Stop it, or choose another port with APP_PORT"
        ),
        io::ErrorKind::PermissionDenied => {
            format!("port {port} needs more rights than acefleet has: choose one above 1023 with APP_PORT")
        }
        _ => format!("acefleet cannot listen on {address}: {error}"),
    }
}
