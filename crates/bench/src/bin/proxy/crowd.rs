//! Viewers: they read as fast as there is something, and say what they got, when it began, and how late it came.
//!
//! They are players as far as a server can tell: HTTP/1.1, a connection each. All but one only read, because a crowd
//! that counts is a load of its own. How late a packet is, is told by the wall clock: the stand-in says when it is due.

use acefleet::http::{self, Request};
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};
use testbed::count::Counter;
use testbed::stream::Channel;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout_at;

/// The channel that everybody watches, by its infohash.
const CHANNEL: &str = "00000000000000000000000000000000000000c4";
/// Packets whose lateness is kept at most.
const LATENESS_MAX: usize = 1_000_000;
/// What the session is called that somebody watches on the engine itself.
const DIRECT: &str = "direct";

/// The channel, if the engine is told to send so much on average.
pub(crate) fn channel(bits_per_s: u64) -> Channel {
    Channel::new(CHANNEL, bits_per_s)
}

/// What a crowd says when it is done.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Told {
    pub(crate) bytes: u64,
    pub(crate) missing: u64,
    pub(crate) first_byte_ms: f64,
    pub(crate) late_p50_ms: f64,
    pub(crate) late_p99_ms: f64,
}

impl Told {
    fn line(&self) -> String {
        let Self { bytes, missing, first_byte_ms, late_p50_ms, late_p99_ms } = self;
        format!("done {bytes} {missing} {first_byte_ms} {late_p50_ms} {late_p99_ms}")
    }

    /// Reads the last line of a crowd.
    pub(crate) fn read(line: &str) -> Self {
        let numbers: Vec<f64> =
            line.split_whitespace().skip(1).filter_map(|word| word.parse().ok()).collect();
        let number = |at: usize| numbers.get(at).copied().unwrap_or(0.0);
        Self {
            bytes: number(0) as u64,
            missing: number(1) as u64,
            first_byte_ms: number(2),
            late_p50_ms: number(3),
            late_p99_ms: number(4),
        }
    }
}

/// What is watched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum What {
    /// A channel of the proxy.
    Proxied,
    /// A session on the engine itself.
    Direct,
    /// The bare loop, in whose bytes nothing can be counted.
    Bare,
}

impl What {
    const ALL: [(Self, &str); 3] = [(Self::Proxied, "proxied"), (Self::Direct, DIRECT), (Self::Bare, "bare")];

    /// Its word on the command line.
    pub(crate) fn word(self) -> &'static str {
        Self::ALL.into_iter().find(|(what, _)| *what == self).map_or("", |(_, word)| word)
    }

    /// What is meant by a word.
    pub(crate) fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, known)| *known == word).map(|(what, _)| what)
    }
}

/// When what is read counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) warm: Duration,
    pub(crate) measured: Duration,
}

/// The same, begun.
#[derive(Clone, Copy)]
struct Open {
    from: Instant,
    to: Instant,
}

/// Watches, and says when it is warm and what came of it.
pub(crate) fn watch(
    address: SocketAddr,
    what: What,
    viewers: usize,
    channel: Channel,
    window: Window,
) -> io::Result<()> {
    println!("{address}");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(crowd(address, what, viewers, channel, window))
}

async fn crowd(
    address: SocketAddr,
    what: What,
    viewers: usize,
    channel: Channel,
    window: Window,
) -> io::Result<()> {
    let from = Instant::now() + window.warm;
    let window = Open { from, to: from + window.measured };
    let path = match what {
        What::Proxied | What::Bare => format!("/ace/getstream?infohash={CHANNEL}"),
        What::Direct => played(address).await?,
    };
    let mut crowd = JoinSet::new();
    let counts = usize::from(what != What::Bare);
    for _ in counts..viewers {
        crowd.spawn(read(address, path.clone(), window));
    }
    if counts == 1 {
        crowd.spawn(count(address, path, channel, window));
    }
    tokio::time::sleep_until(from.into()).await;
    println!("warm");
    let mut told = Told::default();
    while let Some(got) = crowd.join_next().await {
        let got = got.map_err(io::Error::other)??;
        told = Told { bytes: told.bytes + got.bytes, ..if got.first_byte_ms > 0.0 { got } else { told } };
    }
    println!("{}", told.line());
    Ok(())
}

/// Opens a session on the engine itself.
async fn played(engine: SocketAddr) -> io::Result<String> {
    let stream = TcpStream::connect(engine).await?;
    let path = format!("/ace/getstream?infohash={CHANNEL}&pid={DIRECT}&format=json");
    let answer = http::call(stream, Request::get(engine.to_string(), path), 64 * 1024).await;
    let told: serde_json::Value = serde_json::from_slice(&answer.map_err(io::Error::other)?.body)?;
    let url = told["response"]["playback_url"].as_str().unwrap_or_default();
    Ok(format!("/{}", url.splitn(4, '/').nth(3).unwrap_or_default()))
}

/// Reads, and nothing else.
async fn read(address: SocketAddr, path: String, window: Open) -> io::Result<Told> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await?;
    let (mut told, mut buffer) = (Told::default(), vec![0; 64 * 1024]);
    while let Ok(read) = timeout_at(window.to.into(), stream.read(&mut buffer)).await {
        let read = read?;
        if read == 0 {
            return Err(cut(&path));
        }
        told.bytes += if Instant::now() >= window.from { read as u64 } else { 0 };
    }
    Ok(told)
}

/// Reads as a player does, and counts.
async fn count(address: SocketAddr, path: String, channel: Channel, window: Open) -> io::Result<Told> {
    let began = Instant::now();
    let stream = TcpStream::connect(address).await?;
    let answer = http::open(stream, Request::get(address.to_string(), path.as_str())).await;
    let mut answer = answer.map_err(io::Error::other)?;
    let (mut told, mut counter, mut late) = (Told::default(), Counter::new(), Vec::new());
    while let Ok(piece) = timeout_at(window.to.into(), answer.next()).await {
        let piece = piece.map_err(io::Error::other)?.ok_or_else(|| cut(&path))?;
        let before = counter.seen().numbers;
        counter.feed(&piece);
        let Some((first, last)) = counter.seen().numbers else { continue };
        if before.is_none() {
            told.first_byte_ms = began.elapsed().as_secs_f64() * 1e3;
        }
        if Instant::now() < window.from {
            continue;
        }
        told.bytes += piece.len() as u64;
        if late.len() < LATENESS_MAX {
            let now = unix_ms();
            let from = before.map_or(first, |(_, last)| last + 1);
            late.extend((from..=last).map(|number| now - channel.counted_at_ms(number)));
        }
    }
    late.sort_by(f64::total_cmp);
    let at = |percent: usize| late.get(late.len() * percent / 100).copied().unwrap_or_default();
    Ok(Told { missing: counter.seen().missing, late_p50_ms: at(50), late_p99_ms: at(99), ..told })
}

fn cut(path: &str) -> io::Error {
    io::Error::other(format!("a viewer was cut off: {path}"))
}

fn unix_ms() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64() * 1e3
}
