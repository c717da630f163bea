//! Splices files as if they were sources that fail one after the other, to look at the result with a player:
//! `splice OUT.ts HLS_FOLDER FILE.ts…`.
//!
//! Each source is dropped at its end, so files that overlap show a seamless splice, and others one at a keyframe.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::Duration;

use mpegts::hls::Segmenter;
use mpegts::ring::{Limits, Read};
use mpegts::{Packet, Ring, SourceId, Splice};

/// What is read at once, as a socket would, and how often.
const PIECE_BYTES: usize = 10_000;
const PIECE_TIME: Duration = Duration::from_millis(20);

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [out, folder, files @ ..] = arguments.as_slice() else {
        return Err("usage: splice OUT.ts HLS_FOLDER FILE.ts...".into());
    };
    fs::create_dir_all(folder)?;
    let everything = Limits { bytes: usize::MAX, age: Duration::MAX, ..Limits::default() };
    let mut ring = Ring::new(everything);
    let mut splice = Splice::new(Default::default());
    let mut segmenter = Segmenter::new(mpegts::hls::Settings {
        window: usize::MAX / 2,
        bytes: usize::MAX,
        ..Default::default()
    });
    let mut now = Duration::ZERO;
    for (number, file) in files.iter().enumerate() {
        let source = SourceId(number as u64);
        splice.open(source);
        for piece in fs::read(file)?.chunks(PIECE_BYTES) {
            now += PIECE_TIME;
            let switched = splice.feed(now, source, piece, |packet: Packet<'_>| {
                ring.push(now, packet);
            });
            if let Some(switched) = switched {
                println!("{file}: {switched:?} at {:?}", splice.position());
            }
            segmenter.follow(&ring);
        }
        splice.close(now, source, |packet| {
            ring.push(now, packet);
        });
    }
    ring.wake(now + Duration::from_secs(1));
    segmenter.end(&ring);
    let mut reader = ring.join(now, Duration::MAX).ok_or("no keyframe was found")?;
    let mut bytes = Vec::new();
    while let Read::Data(block) = ring.read(&mut reader) {
        bytes.extend_from_slice(&block);
    }
    fs::write(out, bytes)?;
    let playlist = segmenter.playlist(|number| format!("{number}.ts")).ok_or("no segment was made")?;
    for number in 0.. {
        let Some(segment) = segmenter.segment(number) else { break };
        fs::write(Path::new(folder).join(format!("{number}.ts")), segment.parts.concat())?;
    }
    fs::write(Path::new(folder).join("live.m3u8"), playlist)?;
    println!("lost or left out: {:?}", splice.losses());
    Ok(())
}
