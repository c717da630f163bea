//! The plainest HTTP client that there is, so that tests see what is really sent.

use serde_json::Value;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longer than any answer may take; acexy gives up after 3 s.
const PATIENCE: Duration = Duration::from_secs(5);

/// What came back.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {:?}", self.text()))
    }

    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim().to_string())
        })
    }
}

/// Asks; panics if nobody answers.
pub(crate) fn get(at: SocketAddr, path: &str) -> Answer {
    send(at, "GET", path, &[], None).unwrap_or_else(|error| panic!("GET {path}: {error}"))
}

/// Sends a body, or none; panics if nobody answers.
pub(crate) fn post(at: SocketAddr, path: &str, body: Option<&Value>) -> Answer {
    send(at, "POST", path, &[], body).unwrap_or_else(|error| panic!("POST {path}: {error}"))
}

/// Sends a request on a connection of its own and reads the whole answer.
pub(crate) fn send(
    at: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<&Value>,
) -> io::Result<Answer> {
    let mut all = Vec::new();
    begin(at, method, path, headers, body)?.read_to_end(&mut all)?;
    parse(&all).ok_or_else(|| io::Error::other(format!("no HTTP: {:?}", String::from_utf8_lossy(&all))))
}

/// Sends a request on a connection of its own, from which its answer can be read.
pub(crate) fn begin(
    at: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<&Value>,
) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect_timeout(&at, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let body = body.map(Value::to_string);
    let mut request = format!("{method} {path} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n");
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    if let Some(body) = &body {
        request += &format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
    } else if method != "GET" {
        request += "Content-Length: 0\r\n";
    }
    request += "\r\n";
    request += body.as_deref().unwrap_or_default();
    stream.write_all(request.as_bytes())?;
    Ok(stream)
}

fn parse(all: &[u8]) -> Option<Answer> {
    let end = all.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    let head = String::from_utf8(all[..end].to_vec()).ok()?;
    let status = head.split_whitespace().nth(1)?.parse().ok()?;
    let rest = &all[end + 4..];
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    let body = if chunked { unchunked(rest)? } else { rest.to_vec() };
    Some(Answer { status, head, body })
}

fn unchunked(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|bytes| bytes == b"\r\n")?;
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..line]).ok()?.trim(), 16).ok()?;
        rest = &rest[line + 2..];
        if length == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(..length)?);
        rest = rest.get(length + 2..)?;
    }
}
