//! The little HTTP that both stand-ins share: a door that can be shut, requests taken apart, answers put
//! together, and one question asked of somebody else.
//!
//! It knows neither engines nor VPNs.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderValue, LOCATION};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What an answer is made of.
pub type Body = UnsyncBoxBody<Bytes, io::Error>;

/// An answer.
pub type Answer = Response<Body>;

/// Hundreds of stand-ins share one process, so a connection buffers little.
const CONNECTION_BUFFER_BYTES: usize = 16 * 1024;

/// Nobody sends a stand-in more than a line of JSON.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// How soon an address is tried again that cannot be had, or cannot accept.
pub(crate) const RETRY: Duration = Duration::from_millis(50);

/// A request, taken apart.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The method.
    pub method: Method,
    /// The path, as sent.
    pub path: String,
    /// The query, decoded; of a repeated name the last counts.
    pub query: BTreeMap<String, String>,
    /// The `Host` header, or the address that was called if there is none.
    pub host: String,
    /// All headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Asked {
    async fn read(request: Request<Incoming>, called: SocketAddr) -> Result<Self, Answer> {
        let (head, body) = request.into_parts();
        let host = head.headers.get(HOST).and_then(|value| value.to_str().ok());
        let body = Limited::new(body, MAX_BODY_BYTES).collect().await;
        let body = body.map_err(|_| text(StatusCode::BAD_REQUEST, "the body is too long or was cut off"))?;
        Ok(Self {
            host: host.map_or_else(|| called.to_string(), str::to_owned),
            path: head.uri.path().to_owned(),
            query: query(head.uri.query().unwrap_or_default()),
            method: head.method,
            headers: head.headers,
            body: body.to_bytes(),
        })
    }

    /// A part of the query.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// The path without its slashes.
    pub fn segments(&self) -> Vec<&str> {
        self.path.split('/').filter(|part| !part.is_empty()).collect()
    }
}

/// A query, taken apart and decoded; of a repeated name the last counts.
pub fn query(raw: &str) -> BTreeMap<String, String> {
    let pairs = raw.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(name), decoded(value))
        })
        .collect()
}

/// Undoes percent-encoding. What is no valid escape stays as it is.
fn decoded(text: &str) -> String {
    let raw = text.as_bytes();
    let mut bytes = Vec::with_capacity(raw.len());
    let mut at = 0;
    while let Some(&byte) = raw.get(at) {
        let escape = raw.get(at + 1..at + 3).and_then(|digits| std::str::from_utf8(digits).ok());
        match (byte, escape.and_then(|digits| u8::from_str_radix(digits, 16).ok())) {
            (b'%', Some(value)) => {
                bytes.push(value);
                at += 2;
            }
            (b'+', _) => bytes.push(b' '),
            (other, _) => bytes.push(other),
        }
        at += 1;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// An answer with a JSON body.
pub fn json(status: StatusCode, value: &Value) -> Answer {
    typed(status, "application/json", value.to_string())
}

/// An answer in words.
pub fn text(status: StatusCode, words: impl Into<String>) -> Answer {
    typed(status, "text/plain; charset=utf-8", words.into())
}

/// An answer of a given type.
pub fn typed(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(whole(body.into()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}

/// An answer that sends the caller elsewhere.
pub fn redirect(status: StatusCode, to: &str) -> Answer {
    let Ok(location) = HeaderValue::from_str(to) else {
        return text(StatusCode::BAD_REQUEST, "the address asked for cannot be written into a header");
    };
    let mut answer = text(status, "");
    answer.headers_mut().insert(LOCATION, location);
    answer
}

fn whole(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

/// Takes an address, and says which one it was if that cannot be.
pub(crate) async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let explain = |why: io::Error| io::Error::new(why.kind(), format!("cannot listen on {address}: {why}"));
    TcpListener::bind(address).await.map_err(explain)
}

/// Serves an address until dropped. While `open` is false the address refuses connections; those that are
/// there stay.
pub async fn serve<H, F>(listener: TcpListener, mut open: watch::Receiver<bool>, handler: H) -> io::Result<()>
where
    H: Fn(Asked) -> F + Send + Sync + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    let address = listener.local_addr()?;
    let handler = Arc::new(handler);
    let mut connections = JoinSet::new();
    let mut listening = Some(listener);
    loop {
        let Some(listener) = &listening else {
            let told = open.wait_for(|open| *open).await.is_ok();
            if !told {
                return Ok(());
            }
            match TcpListener::bind(address).await {
                Ok(again) => listening = Some(again),
                Err(_) => tokio::time::sleep(RETRY).await,
            }
            continue;
        };
        tokio::select! {
            accepted = listener.accept() => {
                match accepted {
                    Ok((stream, _)) => {
                        connections.spawn(connection(stream, address, Arc::clone(&handler)));
                    }
                    // Too many open files, most likely: it passes when some are closed.
                    Err(_) => tokio::time::sleep(RETRY).await,
                }
            }
            Some(_) = connections.join_next() => {}
            told = async { open.wait_for(|open| !*open).await.is_ok() } => match told {
                true => listening = None,
                false => return Ok(()),
            },
        }
    }
}

async fn connection<H, F>(stream: TcpStream, called: SocketAddr, handler: Arc<H>)
where
    H: Fn(Asked) -> F + Send + Sync + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    let called = stream.local_addr().unwrap_or(called);
    let service = service_fn(move |request| {
        let handler = Arc::clone(&handler);
        async move {
            Ok::<_, io::Error>(match Asked::read(request, called).await {
                Ok(asked) => handler(asked).await,
                Err(refusal) => refusal,
            })
        }
    });
    let mut server = hyper::server::conn::http1::Builder::new();
    // How a connection ends is its caller's business: most of them hang up.
    let _ =
        server.max_buf_size(CONNECTION_BUFFER_BYTES).serve_connection(TokioIo::new(stream), service).await;
}

/// What somebody else answered.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, whole.
    pub body: Bytes,
}

impl Reply {
    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

/// Asks once, on a connection of its own. `Host` is the address, unless the headers say otherwise.
pub async fn ask(
    method: Method,
    address: &str,
    path: &str,
    headers: &[(&'static str, &str)],
    body: &str,
    within: Duration,
) -> io::Result<Reply> {
    let asking = async {
        let stream = TcpStream::connect(address).await?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        let _connection = Hangup(tokio::spawn(async move {
            // Its end is seen by the request.
            let _ = connection.await;
        }));
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            request = request.header(HOST, address);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from(body.to_owned()))).map_err(io::Error::other)?;
        let answer = sender.send_request(request).await.map_err(io::Error::other)?;
        let (head, body) = answer.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        Ok(Reply { status: head.status.as_u16(), headers: head.headers, body })
    };
    tokio::time::timeout(within, asking).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}

/// Ends a task with its owner.
#[derive(Debug)]
pub(crate) struct Hangup<T>(pub(crate) tokio::task::JoinHandle<T>);

impl Hangup<i32> {
    /// Waits until the program that the task is has ended, and gives its exit code.
    pub(crate) async fn exit_code(&mut self) -> i32 {
        // A task that was torn down is a program that was killed.
        (&mut self.0).await.unwrap_or(137)
    }

    /// Tears it down unless it has ended, and waits until it is gone with all that it held.
    pub(crate) async fn kill(&mut self) {
        if !self.0.is_finished() {
            self.0.abort();
            self.exit_code().await;
        }
    }
}

impl<T> Drop for Hangup<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
