//! The least that showing one channel to many can cost: one loop that writes one buffer to every socket, 25 times a
//! second. It speaks as much HTTP as viewers need, and knows nothing.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

const EVERY: Duration = Duration::from_millis(40);
const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: video/mp2t\r\n\r\n";

/// Serves until it is killed.
pub(crate) fn serve(bytes_per_s: u64) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    println!("{}", listener.local_addr()?);
    let (came, comes) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            if let Ok(stream) = greet(stream) {
                drop(came.send(stream));
            }
        }
    });
    let buffer = vec![0x47; (bytes_per_s / 25) as usize];
    let mut sockets: Vec<TcpStream> = Vec::new();
    let mut next = Instant::now();
    loop {
        sockets.extend(comes.try_iter());
        sockets.retain_mut(|socket| socket.write_all(&buffer).is_ok());
        next += EVERY;
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
}

fn greet(mut stream: TcpStream) -> io::Result<TcpStream> {
    let mut asked = Vec::new();
    let mut piece = [0; 512];
    while !asked.ends_with(b"\r\n\r\n") {
        let count = stream.read(&mut piece)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        asked.extend_from_slice(&piece[..count]);
    }
    stream.write_all(HEAD)?;
    Ok(stream)
}
