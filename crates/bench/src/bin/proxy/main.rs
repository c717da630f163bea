//! `cargo xtask bench proxy`: what the streaming proxy costs, beside a loop that does nothing but write one buffer to
//! as many sockets.
//!
//! It prints and judges nothing: machines are shared and noisy. The proxy, the bare loop and the viewers are processes
//! of their own (this program again, in a role), so that processor time and memory are told apart; the engine is a
//! stand-in in a fourth. Proxy and loop take turns, so that whatever else the machine does meets both.

mod bare;
mod crowd;
mod fleet;
mod process;
mod served;
mod soak;

use crowd::{Told, What, Window};
use process::Role;
use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

/// Viewers of one channel, one row each.
const VIEWERS: [usize; 5] = [1, 10, 20, 100, 500];
/// How often proxy and loop take turns.
const TURNS: usize = 2;
/// Each turn: viewers come in, then it counts.
const TURN: Window = Window { warm: Duration::from_secs(3), measured: Duration::from_secs(4) };
/// Somebody opens the channel, and stays until its buffer is full.
const FIRST: Window = Window { warm: Duration::from_secs(4), measured: Duration::from_secs(2) };
/// How long it is looked at what a channel costs that nobody watches: shorter than such a one is kept.
const ALONE: Duration = Duration::from_secs(4);
/// What the channel has on average.
const BITS_PER_S: u64 = 4_200_000;
const EXIT_USAGE: u8 = 64;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words[..] {
        [] => table(&VIEWERS),
        ["--viewers", viewers] => several(viewers).and_then(|viewers| table(&viewers)),
        ["--soak"] => soak::run(soak::LASTS_S),
        ["--soak", "--seconds", seconds] => number(seconds).and_then(soak::run),
        ["engine", bits] => number(bits).and_then(served::engine),
        ["served", engine] => number(engine).and_then(served::serve),
        ["fleet", bits, seconds, database] => {
            number(bits).and_then(|bits| fleet::run(bits, number(seconds)?, database))
        }
        ["bare", bytes] => number(bytes).and_then(bare::serve),
        ["crowd", address, what, viewers, warm_ms, measured_ms] => {
            crowd_of(address, what, viewers, warm_ms, measured_ms)
        }
        _ => {
            eprintln!("usage: cargo xtask bench proxy [--viewers N,M | --soak [--seconds N]]");
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

fn bad(word: &str) -> io::Error {
    io::Error::other(format!("`{word}` cannot be read"))
}

fn number<T: std::str::FromStr>(word: &str) -> io::Result<T> {
    word.parse().map_err(|_| bad(word))
}

fn several(words: &str) -> io::Result<Vec<usize>> {
    words.split(',').map(number).collect()
}

fn crowd_of(address: &str, what: &str, viewers: &str, warm_ms: &str, measured_ms: &str) -> io::Result<()> {
    let what = What::of(what).ok_or_else(|| bad(what))?;
    let [warm, measured] = [number(warm_ms)?, number(measured_ms)?].map(Duration::from_millis);
    let channel = crowd::channel(BITS_PER_S);
    crowd::watch(number(address)?, what, number(viewers)?, channel, Window { warm, measured })
}

fn table(rows: &[usize]) -> io::Result<()> {
    println!(
        "one channel of {:.1} Mbit/s; proxy and bare loop take turns, {TURNS} times {} s each; load of the machine: {}",
        crowd::channel(BITS_PER_S).bytes_per_s() as f64 * 8.0 / 1e6,
        TURN.measured.as_secs(),
        process::load()
    );
    println!(
        "{:>7} {:>10} {:>14} {:>9} {:>6} {:>11} {:>8} {:>21} {:>10} {:>8}",
        "viewers",
        "proxy s/GB",
        "without intake",
        "bare s/GB",
        "ratio",
        "first byte",
        "joining",
        "added latency p50 p99",
        "KiB/viewer",
        "missing"
    );
    for viewers in rows {
        row(*viewers)?;
    }
    println!(
        "targets: ratio 1.3, first byte 100 ms after the engine's, 64 KiB per viewer beyond the shared ring"
    );
    Ok(())
}

/// What one side has delivered and used in all its turns.
#[derive(Clone, Copy, Default)]
struct Side {
    bytes: u64,
    processor_s: f64,
    told: Told,
    /// The most memory that it had.
    resident_kib: f64,
}

impl Side {
    fn s_per_gb(&self) -> f64 {
        per_gb(self.processor_s, self.bytes)
    }
}

fn per_gb(processor_s: f64, bytes: u64) -> f64 {
    processor_s / (bytes.max(1) as f64 / 1e9)
}

fn row(viewers: usize) -> io::Result<()> {
    let bytes_per_s = crowd::channel(BITS_PER_S).bytes_per_s();
    let engine = Role::begin(&["engine", &BITS_PER_S.to_string()])?;
    let proxy = Role::begin(&["served", &engine.address.to_string()])?;
    let bare = Role::begin(&["bare", &bytes_per_s.to_string()])?;

    let direct = begin_crowd(engine.address, What::Direct, 1, FIRST)?;
    let first = begin_crowd(proxy.address, What::Proxied, 1, FIRST)?;
    let (direct, first) = (Told::read(&direct.until("done")?), Told::read(&first.until("done")?));
    let before = proxy.usage()?;
    sleep(ALONE);
    let alone = proxy.usage()?;
    let intake_s = (alone.processor_s - before.processor_s) / ALONE.as_secs_f64();

    let (mut ours, mut least) = (Side::default(), Side::default());
    for _ in 0..TURNS {
        turn(&mut ours, &proxy, What::Proxied, viewers)?;
        turn(&mut least, &bare, What::Bare, viewers)?;
    }
    let seconds = TURN.measured.as_secs_f64() * TURNS as f64;
    println!(
        "{viewers:>7} {:>10.2} {:>14.2} {:>9.2} {:>6.2} {:>8.0} ms {:>5.0} ms {:>14.0} {:>3.0} ms {:>10.0} {:>8}",
        ours.s_per_gb(),
        per_gb((ours.processor_s - intake_s * seconds).max(0.0), ours.bytes),
        least.s_per_gb(),
        ours.s_per_gb() / least.s_per_gb(),
        first.first_byte_ms - direct.first_byte_ms,
        ours.told.first_byte_ms,
        ours.told.late_p50_ms - direct.late_p50_ms,
        ours.told.late_p99_ms - direct.late_p99_ms,
        (ours.resident_kib - alone.resident_kib).max(0.0) / viewers as f64,
        ours.told.missing
    );
    Ok(())
}

/// Viewers come to one side, and it is looked at what they get and what it uses.
fn turn(side: &mut Side, server: &Role, what: What, viewers: usize) -> io::Result<()> {
    let crowd = begin_crowd(server.address, what, viewers, TURN)?;
    crowd.until("warm")?;
    let before = server.usage()?;
    let told = Told::read(&crowd.until("done")?);
    let after = server.usage()?;
    side.bytes += told.bytes;
    side.processor_s += after.processor_s - before.processor_s;
    side.resident_kib = side.resident_kib.max(before.resident_kib).max(after.resident_kib);
    side.told = Told { missing: side.told.missing + told.missing, ..told };
    Ok(())
}

fn begin_crowd(address: SocketAddr, what: What, viewers: usize, window: Window) -> io::Result<Role> {
    let Window { warm, measured } = window;
    let numbers = [viewers.to_string(), warm.as_millis().to_string(), measured.as_millis().to_string()];
    let [viewers, warm, measured] = numbers.each_ref();
    Role::begin(&["crowd", &address.to_string(), what.word(), viewers, warm, measured])
}
