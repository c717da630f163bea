//! A published port: connections to a port of this machine go on to a container.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use control::event::Refusal;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::web::{Hangup, RETRY};

/// A port that is published for as long as this lives.
#[derive(Debug)]
pub(super) struct Relay {
    task: Hangup<()>,
}

impl Relay {
    /// Publishes a port. Inside, somebody may begin to listen later.
    pub(super) fn open(runtime: &Handle, outside: u16, inside: SocketAddr) -> Result<Self, Refusal> {
        let listener = listen(runtime, outside).map_err(|why| match why.kind() {
            io::ErrorKind::AddrInUse => Refusal::PortTaken,
            _ => Refusal::Unexplained(format!("cannot publish port {outside}: {why}").into()),
        })?;
        Ok(Self { task: Hangup(runtime.spawn(relay(listener, inside))) })
    }

    /// Gives the port back, and waits until it is free.
    pub(super) async fn close(mut self) {
        self.task.0.abort();
        // It was torn down: that is what it was told.
        let _ = (&mut self.task.0).await;
    }
}

fn listen(runtime: &Handle, port: u16) -> io::Result<TcpListener> {
    let listener = std::net::TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    listener.set_nonblocking(true)?;
    let _context = runtime.enter();
    TcpListener::from_std(listener)
}

async fn relay(listener: TcpListener, inside: SocketAddr) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((mut outer, _)) = accepted else {
                    // Too many open files, most likely: it passes when some are closed.
                    sleep(RETRY).await;
                    continue;
                };
                connections.spawn(async move {
                    // Nobody inside: the caller sees its connection closed, as with Docker's own relay.
                    if let Ok(mut inner) = TcpStream::connect(inside).await {
                        let _ = tokio::io::copy_bidirectional(&mut outer, &mut inner).await;
                    }
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}
