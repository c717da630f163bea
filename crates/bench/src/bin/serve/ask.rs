//! Asking the API over connections that are kept, one after another and as many at once as clients have.
//!
//! The plainest client that can be: whatever it costs is taken from the program that is measured, on one
//! machine.

use crate::figures::Took;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// Longer than any answer may take; acexy gives up after 3 s.
const PATIENCE: Duration = Duration::from_secs(5);
/// More than the head of any answer and what is read of its body with it.
const READ_AT_ONCE_BYTES: usize = 64 * 1_024;

/// A connection that is kept.
pub(crate) struct Line {
    stream: TcpStream,
    at: SocketAddr,
    /// Room for an answer; only its beginning is of the present one.
    room: Vec<u8>,
}

impl Line {
    pub(crate) fn open(at: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&at, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream, at, room: vec![0; READ_AT_ONCE_BYTES] })
    }

    /// The body of an answer that says 200.
    pub(crate) fn get(&mut self, path: &str) -> io::Result<&[u8]> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.at);
        self.stream.write_all(request.as_bytes())?;
        let (mut filled, mut body) = (0, None);
        loop {
            if let Some((start, end)) = body
                && filled >= end
            {
                return Ok(&self.room[start..end]);
            }
            if filled == self.room.len() {
                self.room.resize(filled * 2, 0);
            }
            let count = self.stream.read(&mut self.room[filled..])?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            filled += count;
            if body.is_none() {
                body = body_of(&self.room[..filled])?;
            }
        }
    }
}

/// Where the body is, once the head is complete.
fn body_of(read: &[u8]) -> io::Result<Option<(usize, usize)>> {
    let Some(end) = read.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { return Ok(None) };
    let strange = |head: &str| io::Error::other(format!("not understood: {head:?}"));
    let head = String::from_utf8_lossy(&read[..end]);
    if !head.starts_with("HTTP/1.1 200") {
        return Err(strange(&head));
    }
    let mut lengths = head.lines().filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let length = lengths.next().ok_or_else(|| strange(&head))?;
    Ok(Some((end + 4, end + 4 + length)))
}

/// What came of asking as fast as is answered.
pub(crate) struct Load {
    pub(crate) per_second: f64,
    pub(crate) took: Took,
}

/// Asks on so many connections for so long, on each again as soon as it is answered.
pub(crate) fn load(at: SocketAddr, path: &str, connections: usize, length: Duration) -> Load {
    let began = Instant::now();
    let one = || {
        let mut line = Line::open(at).expect("the API listens");
        let mut took = Vec::new();
        while began.elapsed() < length {
            let asked = Instant::now();
            line.get(path).unwrap_or_else(|error| panic!("{path}: {error}"));
            took.push(asked.elapsed());
        }
        took
    };
    let all: Vec<Duration> = thread::scope(|scope| {
        let all: Vec<_> = (0..connections).map(|_| scope.spawn(one)).collect();
        all.into_iter().flat_map(|one| one.join().expect("every request is answered")).collect()
    });
    let per_second = all.len() as f64 / began.elapsed().as_secs_f64();
    Load { per_second, took: all.into_iter().collect() }
}
