//! What a crowd costs: `crowd [engines] [viewers] [bits per second] [seconds]`, all in this process, over
//! loopback.
//!
//! It prints processor time, memory and what viewers missed. Numbers are printed and never asserted: they are
//! the machine's.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use testbed::count::Counter;
use testbed::engine::{Engine, Settings};
use testbed::web::ask;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let number = |at: usize, default| numbers.get(at).copied().unwrap_or(default);
    let (engines, viewers, bits, seconds) =
        (number(0, 200), number(1, 500), number(2, 4_000_000), number(3, 10));
    let mut running = Vec::new();
    for _ in 0..engines {
        let mut settings = Settings::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        settings.bits_per_s = bits;
        running.push(Engine::start(settings).await?);
    }
    println!("{engines} engines: {}", memory());
    let mut crowd = JoinSet::new();
    for viewer in 0..viewers {
        let engine = &running[(viewer % engines) as usize];
        crowd.spawn(watch(engine.address(), viewer, Duration::from_secs(seconds)));
    }
    let (begun, used) = (Instant::now(), processor_s());
    let (mut bytes, mut missing) = (0, 0);
    while let Some(watched) = crowd.join_next().await {
        let (read, missed) = watched.map_err(std::io::Error::other)??;
        bytes += read;
        missing += missed;
    }
    let (passed, used) = (begun.elapsed().as_secs_f64(), processor_s() - used);
    println!("{viewers} viewers: {}", memory());
    println!("{:.0} Mbit/s, {missing} packets missing", bytes as f64 * 8.0 / 1e6 / passed);
    println!("{:.2} processors", used / passed);
    Ok(())
}

/// Watches, and gives the bytes that came and the packets that did not.
async fn watch(engine: SocketAddr, viewer: u64, time: Duration) -> std::io::Result<(u64, u64)> {
    let path = format!("/ace/getstream?id=channel{viewer}&pid={viewer}");
    let within = Duration::from_secs(30);
    let reply = ask(hyper::Method::GET, &engine.to_string(), &path, &[], "", within).await?;
    let location = reply.headers.get("location").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let path = location.splitn(4, '/').nth(3).unwrap_or_default();
    let mut stream = TcpStream::connect(engine).await?;
    // Without chunks, so that nothing but the stream is read behind the head.
    stream.write_all(format!("GET /{path} HTTP/1.0\r\nHost: x\r\n\r\n").as_bytes()).await?;
    let (mut counter, mut bytes, mut buffer) = (Counter::new(), 0, vec![0; 32 * 1024]);
    let end = tokio::time::Instant::now() + time;
    while let Ok(read) = tokio::time::timeout_at(end, stream.read(&mut buffer)).await {
        let read = read?;
        if read == 0 {
            break;
        }
        counter.feed(&buffer[..read]);
        bytes += read as u64;
    }
    Ok((bytes, counter.seen().missing))
}

fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or("memory unknown").replace(['\t', ' '], "")
}

/// Processor time of this process so far.
fn processor_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let behind_name = stat.rsplit(')').next().unwrap_or_default();
    let fields: Vec<f64> = behind_name.split_whitespace().map(|field| field.parse().unwrap_or(0.0)).collect();
    fields.get(11..13).map_or(0.0, |ticks| ticks.iter().sum::<f64>() / 100.0)
}
