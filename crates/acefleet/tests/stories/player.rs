//! A real player, ffmpeg at a command line, which decodes what it is shown until somebody ends it.
//!
//! It is ended by its own key, as a person ends it: so whatever it complains of, the stream has done.

use crate::fleet::{SOON, eventually};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

/// The stand-ins' channels have so many pictures in a second.
const PICTURES_PER_S: u64 = testbed::stream::FRAMES as u64;
/// How it is told what to do: it says how far it is some times a second, complains of errors, and takes a second of a
/// stream to find out what that is.
const HOW: [&str; 8] =
    ["-v", "error", "-progress", "pipe:1", "-stats_period", "0.2", "-analyzeduration", "1000000"];

/// A player, for as long as this lives.
pub(crate) struct Player {
    what: String,
    process: Child,
    pictures: Arc<AtomicU64>,
    /// What it complains of, in the end.
    complaints: Option<JoinHandle<String>>,
}

impl Player {
    /// Opens a channel, or whatever else is there.
    pub(crate) fn opens(at: SocketAddr, path: &str) -> Self {
        let url = format!("http://{at}{path}");
        let mut command = Command::new("ffmpeg");
        command.args(HOW).args(["-i", &url, "-f", "null", "-"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().expect("ffmpeg is installed");
        let says = BufReader::new(process.stdout.take().expect("a pipe")).lines();
        let mut complains = process.stderr.take().expect("a pipe");
        let pictures = Arc::new(AtomicU64::new(0));
        let counts = pictures.clone();
        thread::spawn(move || {
            for line in says.map_while(Result::ok) {
                let decoded = line.strip_prefix("frame=").and_then(|number| number.trim().parse().ok());
                decoded.into_iter().for_each(|decoded| counts.store(decoded, Ordering::Relaxed));
            }
        });
        let complaints = thread::spawn(move || {
            let mut said = String::new();
            // What is no text would be a complaint, too.
            complains.read_to_string(&mut said).map_or_else(|error| error.to_string(), |_| said)
        });
        Self { what: path.into(), process, pictures, complaints: Some(complaints) }
    }

    /// How many pictures it has decoded.
    pub(crate) fn pictures(&self) -> u64 {
        self.pictures.load(Ordering::Relaxed)
    }

    /// Waits until it has decoded so many seconds more than these pictures.
    pub(crate) fn goes_on(&self, pictures: u64, seconds: u64) {
        let what = format!("{} is decoded for {seconds} seconds more", self.what);
        let wanted = pictures + seconds * PICTURES_PER_S;
        eventually(&what, SOON, || (self.pictures() >= wanted).then_some(()));
    }

    /// Ends it, and demands that it had nothing to complain of.
    pub(crate) fn ends_pleased(mut self) {
        let ends = self.process.stdin.take().expect("a pipe").write_all(b"q");
        let ended = eventually("the player ends", SOON, || self.process.try_wait().expect("it is a child"));
        let complaints = self.complaints.take().expect("it is asked once").join().expect("it reads");
        println!("{}: {} pictures", self.what, self.pictures());
        assert!(ends.is_ok() && ended.success(), "{}: {ended}: {complaints}", self.what);
        assert_eq!(complaints, "", "a player of {} complains", self.what);
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        // It may have ended before.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
