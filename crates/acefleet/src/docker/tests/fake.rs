//! A Docker that says whatever a test wants, on a socket of its own. It understands nothing.

use crate::docker::Docker;
use crate::history::Totals;
use crate::metrics::Meters;
use crate::settings::DockerHost;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

/// Longer than anything takes here.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// How a question is answered.
pub(super) enum Say {
    /// With a whole answer.
    Json(u16, Value),
    /// With these bytes, one piece after the other, and the end of the connection.
    Pieces(Vec<Vec<u8>>),
    /// With these bytes, and nothing more for ever.
    AndThenNothing(Vec<u8>),
}

/// One such Docker.
pub(super) struct Fake {
    folder: PathBuf,
    asked: Arc<Mutex<Vec<String>>>,
    serving: JoinHandle<()>,
}

impl Fake {
    /// It answers each question, given as `GET /path?query`, as the function says. The version in the path and
    /// questions after it are no matter of the function, unless it answers them itself.
    pub(super) fn new(answer: impl Fn(&str) -> Option<Say> + Send + Sync + 'static) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder =
            std::env::temp_dir().join(format!("acefleet-fake-docker-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("there is room for a folder");
        let listener = UnixListener::bind(folder.join("docker.sock")).expect("a socket can be made");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (answer, noting) = (Arc::new(answer), Arc::clone(&asked));
        let serving = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("connections can be accepted");
                let (answer, noting) = (Arc::clone(&answer), Arc::clone(&noting));
                tokio::spawn(async move { serve(stream, answer.as_ref(), &noting).await });
            }
        });
        Self { folder, asked, serving }
    }

    pub(super) fn docker(&self) -> Docker {
        docker_at(self.folder.join("docker.sock"))
    }

    /// What it was asked, but for its version.
    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("nobody died with it").clone()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.serving.abort();
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

pub(super) fn docker_at(socket: PathBuf) -> Docker {
    Docker::new(&DockerHost::Unix(socket), ("ondemand.app".to_owned(), "myservice".to_owned()))
}

pub(super) fn version(newest: &str) -> Say {
    Say::Json(200, json!({ "ApiVersion": newest, "MinAPIVersion": "1.24" }))
}

/// The head of an answer that comes in pieces until the connection ends.
pub(super) fn head() -> Vec<u8> {
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n".to_vec()
}

async fn serve(
    mut stream: UnixStream,
    answer: &(impl Fn(&str) -> Option<Say> + Sync),
    asked: &Mutex<Vec<String>>,
) {
    let Some(line) = request_line(&mut stream).await else { return };
    let said = match answer(&line) {
        Some(said) => said,
        None if line == "GET /version" => version("1.41"),
        None => Say::Json(500, json!({ "message": format!("nobody said how to answer {line}") })),
    };
    if line != "GET /version" {
        asked.lock().expect("nobody died with it").push(line);
    }
    match said {
        Say::Json(status, body) => {
            let body = body.to_string();
            let head = format!("HTTP/1.1 {status} Said\r\nContent-Length: {}\r\n\r\n", body.len());
            drop(stream.write_all([head, body].concat().as_bytes()).await);
        }
        Say::Pieces(pieces) => {
            for piece in pieces {
                if stream.write_all(&piece).await.is_err() || stream.flush().await.is_err() {
                    return;
                }
                // A piece of its own on the other side, too.
                tokio::task::yield_now().await;
            }
        }
        Say::AndThenNothing(bytes) => {
            drop(stream.write_all(&bytes).await);
            // Until the other side hangs up.
            drop(stream.read(&mut [0]).await);
        }
    }
}

/// Method and path of a request, which is read to its end.
async fn request_line(stream: &mut UnixStream) -> Option<String> {
    let mut read = Vec::new();
    let end = loop {
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut read).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&read[..end]).into_owned();
    let lengths = head
        .lines()
        .filter_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok());
    let length: usize = lengths.sum();
    while read.len() < end + length {
        if stream.read_buf(&mut read).await.ok()? == 0 {
            return None;
        }
    }
    let line = head.lines().next()?.strip_suffix(" HTTP/1.1")?;
    Some(line.replacen(" /v1.41/", " /", 1))
}

/// What is counted, in the text that Prometheus reads.
pub(super) fn counted(meters: &Meters) -> String {
    let snapshot = control::Control::new(control::Settings::default(), control::Time::ZERO, 1).snapshot();
    meters.text(&snapshot, Totals::default(), std::iter::empty()).1
}
