//! Somebody who watches through acefleet, as a player does, and counts what he is shown.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use testbed::count::{Counter, Seen};

/// A connection on which nothing comes for so long is lost; null packets come twice a second.
const NOTHING_MAX: Duration = Duration::from_secs(20);
/// The longest head of an answer.
const HEAD_BYTES_MAX: usize = 8 * 1024;

/// A viewer, for as long as this lives.
pub(crate) struct Watcher {
    stream: TcpStream,
    reader: Option<JoinHandle<()>>,
    heard: Arc<Mutex<Heard>>,
}

/// What a viewer has noticed.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    /// The status line.
    pub(crate) status: String,
    /// What he was shown.
    pub(crate) seen: Seen,
    /// The longest time without anything of his channel, from its first packet on.
    pub(crate) silence: Duration,
    /// The connection has ended.
    pub(crate) ended: bool,
    last: Option<Instant>,
}

impl Heard {
    /// The longest silence, the present one included.
    pub(crate) fn silence(&self) -> Duration {
        self.silence.max(self.last.map(|last| last.elapsed()).unwrap_or_default())
    }
}

/// A content id that is its own.
pub(crate) fn channel(number: usize) -> String {
    format!("{number:040x}")
}

impl Watcher {
    /// Begins to watch.
    pub(crate) fn comes(at: SocketAddr, id: &str) -> Self {
        let mut stream = TcpStream::connect(at).expect("acefleet listens");
        stream.set_read_timeout(Some(NOTHING_MAX)).expect("sockets have timeouts");
        // Without chunks, so that nothing but the stream is read behind the head.
        let request = format!("GET /ace/getstream?id={id} HTTP/1.0\r\nHost: {at}\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("acefleet reads");
        let mut reading = stream.try_clone().expect("a socket has two ends");
        let heard = Heard {
            status: String::new(),
            seen: Seen::default(),
            silence: Duration::ZERO,
            ended: false,
            last: None,
        };
        let heard = Arc::new(Mutex::new(heard));
        let hears = heard.clone();
        let reader = thread::spawn(move || {
            read(&mut reading, &hears);
            lock(&hears).ended = true;
        });
        Self { stream, reader: Some(reader), heard }
    }

    /// So many viewers of so many channels.
    pub(crate) fn crowd(at: SocketAddr, viewers: usize, channels: usize) -> Vec<Self> {
        (0..viewers).map(|viewer| Self::comes(at, &channel(viewer % channels))).collect()
    }

    /// What he has noticed until now.
    pub(crate) fn heard(&self) -> Heard {
        lock(&self.heard).clone()
    }
}

fn lock(heard: &Mutex<Heard>) -> MutexGuard<'_, Heard> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read(stream: &mut TcpStream, heard: &Mutex<Heard>) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && head.len() < HEAD_BYTES_MAX {
        match stream.read(&mut byte) {
            Ok(1..) => head.extend_from_slice(&byte),
            Ok(0) | Err(_) => return,
        }
    }
    lock(heard).status = String::from_utf8_lossy(&head).lines().next().unwrap_or_default().to_string();
    let (mut counter, mut bytes) = (Counter::new(), vec![0; 64 << 10]);
    while let Ok(count @ 1..) = stream.read(&mut bytes) {
        let before = counter.seen().counted;
        counter.feed(&bytes[..count]);
        let mut heard = lock(heard);
        if counter.seen().counted > before {
            let silence = heard.last.map(|last| last.elapsed()).unwrap_or_default();
            heard.silence = heard.silence.max(silence);
            heard.last = Some(Instant::now());
        }
        heard.seen = counter.seen().clone();
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // Acefleet may have closed it before.
        let _ = self.stream.shutdown(Shutdown::Both);
        if let Some(reader) = self.reader.take() {
            drop(reader.join());
        }
    }
}
