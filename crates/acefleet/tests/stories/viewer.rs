//! A viewer of another program: he opens a session on an engine, reads it, and announces it, as acexy does.

use crate::fleet::{Fleet, Listed};
use crate::ground::Ground;
use crate::web;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// An engine that delivers nothing for so long has ended.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// A viewer, for as long as this lives.
pub(crate) struct Viewer {
    key: String,
    port: u16,
    session: Value,
    stream: TcpStream,
    reader: Option<JoinHandle<()>>,
    heard: Arc<Mutex<Heard>>,
}

/// When something came last, and how long nothing did at most.
struct Heard {
    last: Instant,
    silence: Duration,
}

impl Viewer {
    /// Opens a session on an engine and reads it.
    pub(crate) fn watches(ground: &Ground, engine: &Listed, key: &str) -> Self {
        let host = engine.vpn.as_deref().unwrap_or(&engine.name);
        let at = SocketAddr::from((ground.address(host), engine.port));
        let opened = web::get(at, &format!("/ace/getstream?format=json&id={key}")).json();
        let session = opened["response"].clone();
        let url = session["playback_url"].as_str().unwrap_or_else(|| panic!("no session: {opened}"));
        let path = url.splitn(4, '/').nth(3).expect("a URL has a path");
        let mut stream = TcpStream::connect(at).expect("the engine listens");
        stream.set_read_timeout(Some(SILENCE_MAX)).expect("sockets have timeouts");
        let request = format!("GET /{path} HTTP/1.1\r\nHost: {at}\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("the engine listens");
        let mut reading = stream.try_clone().expect("a socket has two ends");
        let heard = Arc::new(Mutex::new(Heard { last: Instant::now(), silence: Duration::ZERO }));
        let hears = heard.clone();
        let reader = thread::spawn(move || {
            let mut bytes = vec![0; 64 << 10];
            while matches!(reading.read(&mut bytes), Ok(1..)) {
                hears.lock().unwrap_or_else(PoisonError::into_inner).now();
            }
        });
        Self { key: key.into(), port: engine.port, session, stream, reader: Some(reader), heard }
    }

    /// What he tells acefleet when he has begun; `host` is what he calls the engine's.
    pub(crate) fn beginning(&self, host: &str) -> Value {
        let at_host = |url: &Value| {
            let url = url.as_str().expect("a URL");
            let path = url.splitn(4, '/').nth(3).expect("a URL has a path");
            format!("http://{host}:{}/{path}", self.port)
        };
        json!({
            "engine": { "host": host, "port": self.port },
            "stream": { "key_type": "content_id", "key": self.key },
            "session": {
                "playback_session_id": self.session["playback_session_id"],
                "stat_url": at_host(&self.session["stat_url"]),
                "command_url": at_host(&self.session["command_url"]),
                "is_live": 1,
            },
        })
    }

    /// Announces it as acexy does, and gives the stream's id.
    pub(crate) fn announces(&self, fleet: &Fleet) -> String {
        let answer = fleet.post("/events/stream_started", &self.beginning("localhost"));
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["id"].as_str().expect("a stream has an id").to_string()
    }
}

impl Viewer {
    /// For how long nothing came at most, until now.
    pub(crate) fn silence(&self) -> Duration {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.silence.max(heard.last.elapsed())
    }
}

impl Heard {
    fn now(&mut self) {
        self.silence = self.silence.max(self.last.elapsed());
        self.last = Instant::now();
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        // The engine may have gone before.
        let _ = self.stream.shutdown(Shutdown::Both);
        if let Some(reader) = self.reader.take() {
            drop(reader.join());
        }
    }
}
