//! `cargo xtask bench proxy`: what the streaming proxy costs, beside a loop that does nothing but write one buffer to
//! as many sockets.
//!
//! It prints and judges nothing: machines are shared and noisy. The proxy, the bare loop and the viewers are processes
//! of their own (this program again, in a role), so that processor time and memory are told apart; the engine is a
//! stand-in in a fourth.

mod bare;
mod crowd;
mod process;
mod served;
mod soak;

use process::{Role, Usage};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

/// Viewers of one channel, one row each.
const VIEWERS: [usize; 4] = [1, 10, 100, 500];
/// How long each row is measured.
const MEASURED: Duration = Duration::from_secs(10);
/// How long viewers come in before that.
const WARM: Duration = Duration::from_secs(4);
/// What the channel has.
const BITS_PER_S: u64 = 4_200_000;
const EXIT_USAGE: u8 = 64;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words[..] {
        [] => table(),
        ["--soak"] => soak::run(),
        ["engine", bits] => bits.parse().map_or_else(|_| Err(bad(bits)), served::engine),
        ["served", engine] => engine.parse().map_or_else(|_| Err(bad(engine)), served::serve),
        ["bare"] => bare::serve(BITS_PER_S / 8),
        ["crowd", address, viewers, engine] => crowd_of(address, viewers, engine),
        _ => {
            eprintln!("usage: cargo xtask bench proxy [--soak]");
            return ExitCode::from(EXIT_USAGE);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench proxy: {error}");
            ExitCode::FAILURE
        }
    }
}

fn bad(word: &str) -> std::io::Error {
    std::io::Error::other(format!("`{word}` cannot be read"))
}

fn crowd_of(address: &str, viewers: &str, engine: &str) -> std::io::Result<()> {
    let address = address.parse().map_err(|_| bad(address))?;
    let viewers = viewers.parse().map_err(|_| bad(viewers))?;
    crowd::watch(address, viewers, engine.parse().ok(), WARM, MEASURED)
}

fn table() -> std::io::Result<()> {
    println!(
        "one channel of {:.1} Mbit/s; each row {} s after {} s; the machine's own load: {}",
        BITS_PER_S as f64 / 1e6,
        MEASURED.as_secs(),
        WARM.as_secs(),
        process::load()
    );
    println!(
        "{:>7} {:>12} {:>10} {:>6} {:>12} {:>22} {:>12} {:>10}",
        "viewers",
        "proxy s/GB",
        "bare s/GB",
        "ratio",
        "first byte",
        "added latency p50 p99",
        "KiB/viewer",
        "missing"
    );
    for viewers in VIEWERS {
        row(viewers)?;
    }
    println!(
        "targets: ratio 1.3, first byte 100 ms after the engine's, 64 KiB per viewer beyond the shared ring"
    );
    Ok(())
}

fn row(viewers: usize) -> std::io::Result<()> {
    let engine = Role::begin(&["engine", &BITS_PER_S.to_string()])?;
    let proxy = Role::begin(&["served", &engine.address.to_string()])?;
    let (proxied, proxy_used) = measured(&proxy, viewers, Some(engine.address))?;
    drop((proxy, engine));
    let bare = Role::begin(&["bare"])?;
    let (plain, bare_used) = measured(&bare, viewers, None)?;
    let per_gb = |used: &Usage, bytes: u64| used.processor_s / (bytes.max(1) as f64 / 1e9);
    let (ours, least) = (per_gb(&proxy_used, proxied.bytes), per_gb(&bare_used, plain.bytes));
    let kib = proxy_used.grown_kib / viewers as f64;
    println!(
        "{viewers:>7} {ours:>12.2} {least:>10.2} {:>6.2} {:>9.0} ms {:>15.0} {:>3.0} ms {kib:>12.0} {:>10}",
        ours / least,
        proxied.first_byte_ms,
        proxied.latency_p50_ms,
        proxied.latency_p99_ms,
        proxied.missing
    );
    Ok(())
}

/// What viewers got of a process while it was watched, and what that cost it.
fn measured(
    server: &Role,
    viewers: usize,
    engine: Option<SocketAddr>,
) -> std::io::Result<(crowd::Told, Usage)> {
    let engine = engine.map_or_else(|| "none".into(), |engine| engine.to_string());
    // One viewer first: the channel's ring and the program itself are not the viewers' cost.
    let began_with = {
        let alone = Role::begin(&["crowd", &server.address.to_string(), "1", "none"])?;
        alone.until("warm")?;
        alone.until("done")?;
        server.usage()?.resident_kib
    };
    let crowd = Role::begin(&["crowd", &server.address.to_string(), &viewers.to_string(), &engine])?;
    crowd.until("warm")?;
    let before = server.usage()?;
    let told = crowd.until("done")?;
    let after = server.usage()?;
    let used = Usage {
        processor_s: after.processor_s - before.processor_s,
        resident_kib: after.resident_kib,
        grown_kib: (after.resident_kib - began_with).max(0.0),
    };
    Ok((crowd::Told::read(&told), used))
}
