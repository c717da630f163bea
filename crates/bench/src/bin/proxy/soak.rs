//! Five minutes of a busy channel: it comes twenty times as fast as it plays, viewers come, zap and leave, some of them
//! read nothing. What the proxy holds in memory is printed all the while: it has to stay flat.

use crate::process::Role;
use std::io;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const LASTS: Duration = Duration::from_secs(300);
const SPEED: u64 = 20;
const VIEWERS: u64 = 20;
/// Every so manieth viewer reads nothing.
const LAZY: u64 = 7;
const TOLD_EVERY: Duration = Duration::from_secs(15);
const STAYS: Duration = Duration::from_millis(900);

/// Runs it, and prints what happens to memory.
pub(crate) fn run() -> io::Result<()> {
    let engine = Role::begin(&["engine", &(crate::BITS_PER_S * SPEED).to_string()])?;
    let proxy = Role::begin(&["served", &engine.address.to_string()])?;
    let over = Arc::new(AtomicBool::new(false));
    let address = proxy.address;
    let viewers: Vec<_> = (0..VIEWERS)
        .map(|viewer| {
            let over = over.clone();
            thread::spawn(move || live(viewer, address, &over))
        })
        .collect();
    let began = Instant::now();
    println!("{:>8} {:>12} {:>12}", "seconds", "KiB", "processor s");
    while began.elapsed() < LASTS {
        thread::sleep(TOLD_EVERY);
        let used = proxy.usage()?;
        println!("{:>8} {:>12.0} {:>12.1}", began.elapsed().as_secs(), used.resident_kib, used.processor_s);
    }
    over.store(true, Ordering::Relaxed);
    let bytes: u64 = viewers.into_iter().filter_map(|viewer| viewer.join().ok()).sum();
    println!("{:.1} GB were shown", bytes as f64 / 1e9);
    Ok(())
}

/// A viewer who comes and goes; gives the bytes that he was shown.
fn live(viewer: u64, address: SocketAddr, over: &AtomicBool) -> u64 {
    let (mut turn, mut bytes, mut piece) = (0, 0, vec![0; 64 * 1024]);
    while !over.load(Ordering::Relaxed) {
        turn += 1;
        let channel = (viewer + turn) % 3;
        let Ok(mut stream) = TcpStream::connect(address) else { return bytes };
        let asked = format!("GET /ace/getstream?id={channel:040x} HTTP/1.0\r\nHost: x\r\n\r\n");
        if stream.write_all(asked.as_bytes()).is_err() || stream.set_read_timeout(Some(STAYS)).is_err() {
            continue;
        }
        let came = Instant::now();
        // Some stay for long.
        let stays = STAYS * u32::try_from(1 + viewer * turn % 20).unwrap_or(1);
        while came.elapsed() < stays && !over.load(Ordering::Relaxed) {
            if viewer.is_multiple_of(LAZY) {
                thread::sleep(STAYS);
            } else if let Ok(count @ 1..) = stream.read(&mut piece) {
                bytes += count as u64;
            } else {
                break;
            }
        }
    }
    bytes
}
