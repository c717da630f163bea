//! One HTTP request on one connection: what Docker, control servers and engines are asked with.
//!
//! Whoever calls brings the connection and the deadline; nothing here looks up names, follows redirects, retries
//! or keeps connections.

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

/// What is sent.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: hyper::Method,
    /// Path and query.
    pub path: String,
    /// The `Host` header.
    pub host: String,
    /// Headers beside `Host`, `Content-Type` and `Content-Length`.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// A body and its type.
    pub body: Option<(&'static str, Bytes)>,
}

impl Request {
    /// A request without a body.
    pub fn new(method: hyper::Method, host: impl Into<String>, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), host: host.into(), headers: Vec::new(), body: None }
    }

    /// A question.
    pub fn get(host: impl Into<String>, path: impl Into<String>) -> Self {
        Self::new(hyper::Method::GET, host, path)
    }

    /// The same with a JSON body.
    #[must_use]
    pub fn json(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Some(("application/json", body.into()));
        self
    }
}

/// What came back, whole.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// What comes back, piece by piece. The connection lives as long as this does.
#[derive(Debug)]
pub struct Streaming {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    body: Incoming,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The connection broke, or what came over it was not HTTP.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// More came than is wanted.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
    /// The request itself cannot be written.
    #[error("the request is malformed: {0}")]
    Malformed(String),
}

impl From<hyper::Error> for Failure {
    fn from(error: hyper::Error) -> Self {
        Self::Broken(error.to_string())
    }
}

/// Sends a request and reads the whole answer, at most `limit` bytes of it.
pub async fn call<S>(stream: S, request: Request, limit: usize) -> Result<Answer, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut streaming = open(stream, request).await?;
    let mut body = BytesMut::new();
    while let Some(piece) = streaming.next().await? {
        if body.len() + piece.len() > limit {
            return Err(Failure::TooLong(limit));
        }
        body.extend_from_slice(&piece);
    }
    Ok(Answer { status: streaming.status, headers: streaming.headers, body: body.freeze() })
}

/// Sends a request and waits for the head of its answer.
pub async fn open<S>(stream: S, request: Request) -> Result<Streaming, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // It ends by itself when the answer has been read or dropped.
    tokio::spawn(async move { drop(connection.await) });
    let answer = sender.send_request(built(request)?).await?;
    let (head, body) = answer.into_parts();
    Ok(Streaming { status: head.status.as_u16(), headers: head.headers, body })
}

impl Streaming {
    /// The next piece of the body; `None` at its end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        while let Some(frame) = self.body.frame().await {
            if let Ok(data) = frame?.into_data() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }
}

fn built(request: Request) -> Result<hyper::Request<Full<Bytes>>, Failure> {
    let mut builder = hyper::Request::builder()
        .method(request.method)
        .uri(request.path)
        .header(hyper::header::HOST, request.host)
        .header(hyper::header::CONNECTION, "close");
    for (name, value) in request.headers {
        builder = builder.header(name, value);
    }
    let body = match request.body {
        Some((kind, body)) => {
            builder = builder.header(hyper::header::CONTENT_TYPE, kind);
            body
        }
        None => Bytes::new(),
    };
    builder.body(Full::new(body)).map_err(|error| Failure::Malformed(error.to_string()))
}
