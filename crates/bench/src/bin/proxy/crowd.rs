//! Viewers: they read as fast as there is something, and say what they got, when it began, and how much later it came
//! than to somebody who reads the engine itself.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use testbed::count::Counter;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// The channel that everybody watches.
const CHANNEL: &str = "00000000000000000000000000000000000000c4";
/// Moments that are compared at most.
const MOMENTS_MAX: usize = 1_000_000;

/// What a crowd says when it is done.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Told {
    pub(crate) bytes: u64,
    pub(crate) first_byte_ms: f64,
    pub(crate) latency_p50_ms: f64,
    pub(crate) latency_p99_ms: f64,
    pub(crate) missing: u64,
}

impl Told {
    /// Reads the last line of a crowd.
    pub(crate) fn read(line: &str) -> Self {
        let numbers: Vec<f64> =
            line.split_whitespace().skip(1).filter_map(|word| word.parse().ok()).collect();
        let number = |at: usize| numbers.get(at).copied().unwrap_or(0.0);
        Self {
            bytes: number(0) as u64,
            first_byte_ms: number(1),
            latency_p50_ms: number(2),
            latency_p99_ms: number(3),
            missing: number(4) as u64,
        }
    }
}

/// When each counted packet came.
type Moments = Arc<Mutex<BTreeMap<u64, Instant>>>;

/// What one viewer got.
#[derive(Default)]
struct Got {
    bytes: u64,
    first: Option<Duration>,
    missing: u64,
}

/// When what is read counts.
#[derive(Clone, Copy)]
struct Window {
    from: Instant,
    to: Instant,
}

/// Watches, and says when it is warm and what came of it.
pub(crate) fn watch(
    address: SocketAddr,
    viewers: usize,
    engine: Option<SocketAddr>,
    warm: Duration,
    measured: Duration,
) -> io::Result<()> {
    println!("{address}");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(crowd(address, viewers, engine, warm, measured))
}

async fn crowd(
    address: SocketAddr,
    viewers: usize,
    engine: Option<SocketAddr>,
    warm: Duration,
    measured: Duration,
) -> io::Result<()> {
    let from = Instant::now() + warm;
    let window = Window { from, to: from + measured };
    let (here, there) = (Moments::default(), Moments::default());
    let mut direct = JoinSet::new();
    if let Some(engine) = engine {
        let path = played(engine).await?;
        direct.spawn(view(engine, path, window, Some(there.clone())));
    }
    let mut crowd = JoinSet::new();
    for viewer in 0..viewers {
        let moments = Some(here.clone()).filter(|_| viewer == 0);
        crowd.spawn(view(address, format!("/ace/getstream?id={CHANNEL}"), window, moments));
    }
    tokio::time::sleep_until(from.into()).await;
    println!("warm");
    let (mut bytes, mut missing, mut first) = (0, 0, Vec::new());
    while let Some(got) = crowd.join_next().await {
        let got = got.map_err(io::Error::other)??;
        bytes += got.bytes;
        missing += got.missing;
        first.extend(got.first);
    }
    let began = match direct.join_next().await {
        Some(got) => got.map_err(io::Error::other)??.first,
        None => None,
    };
    first.sort_unstable();
    let first = first.get(first.len() / 2).copied().unwrap_or_default();
    let later = later(&here, &there);
    let at =
        |percent: usize| later.get((later.len() * percent / 100).min(later.len().saturating_sub(1))).copied();
    println!(
        "done {bytes} {} {} {} {missing}",
        (first.as_secs_f64() - began.unwrap_or_default().as_secs_f64()) * 1e3,
        at(50).unwrap_or(0.0),
        at(99).unwrap_or(0.0)
    );
    Ok(())
}

/// How much later packets came here than there, in milliseconds, the least first.
fn later(here: &Moments, there: &Moments) -> Vec<f64> {
    let there = there.lock().unwrap_or_else(PoisonError::into_inner);
    let here = here.lock().unwrap_or_else(PoisonError::into_inner);
    let both = here.iter().filter_map(|(number, at)| Some((*at, *there.get(number)?)));
    let mut later: Vec<f64> = both
        .map(|(here, there)| match here.checked_duration_since(there) {
            Some(later) => later.as_secs_f64() * 1e3,
            None => -there.duration_since(here).as_secs_f64() * 1e3,
        })
        .collect();
    later.sort_by(f64::total_cmp);
    later
}

/// Opens a session on the engine itself.
async fn played(engine: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect(engine).await?;
    let asked = format!("GET /ace/getstream?id={CHANNEL}&pid=direct&format=json HTTP/1.0\r\nHost: x\r\n\r\n");
    stream.write_all(asked.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
    let told: serde_json::Value = serde_json::from_str(body).map_err(io::Error::other)?;
    let url = told["response"]["playback_url"].as_str().unwrap_or_default();
    Ok(format!("/{}", url.splitn(4, '/').nth(3).unwrap_or_default()))
}

async fn view(
    address: SocketAddr,
    path: String,
    window: Window,
    moments: Option<Moments>,
) -> io::Result<Got> {
    let began = Instant::now();
    let mut stream = TcpStream::connect(address).await?;
    // Without chunks, so that nothing but the stream is read behind the head.
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: x\r\n\r\n").as_bytes()).await?;
    let (mut got, mut counter, mut buffer) = (Got::default(), Counter::new(), vec![0; 64 * 1024]);
    while let Ok(read) = tokio::time::timeout_at(window.to.into(), stream.read(&mut buffer)).await {
        let read = read?;
        if read == 0 {
            return Err(io::Error::other(format!("a viewer was cut off: {path}")));
        }
        let now = Instant::now();
        got.bytes += if now >= window.from { read as u64 } else { 0 };
        let Some(moments) = &moments else { continue };
        // Only one counts: a crowd that counts is a load of its own.
        let before = counter.seen().numbers;
        counter.feed(&buffer[..read]);
        let seen = counter.seen();
        let Some((first, last)) = seen.numbers else { continue };
        got.first.get_or_insert_with(|| began.elapsed());
        got.missing = seen.missing;
        let from = before.map_or(first, |(_, last)| last + 1);
        let mut moments = moments.lock().unwrap_or_else(PoisonError::into_inner);
        if now >= window.from && moments.len() < MOMENTS_MAX {
            moments.extend((from..=last).map(|number| (number, now)));
        }
    }
    Ok(got)
}
