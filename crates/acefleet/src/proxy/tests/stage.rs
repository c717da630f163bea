//! Engines, a data plane, and viewers who count what they are shown.

use super::super::*;

use crate::dial::{Whom, fixture};
use crate::engine::Engines;
use bytes::{Bytes, BytesMut};
use control::command::KeyType;
use control::ids::ContainerId;
use control::message::Obstacle;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use socket2::SockRef;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use testbed::count::{Counter, Seen};
use testbed::engine::{Engine, Settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout};

/// The longest that anything may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a remote viewer's socket takes without being read: less than a piece of a channel now and then.
const SOCKET_BYTES: usize = 16 * 1024;

/// A content id that is its own.
pub(super) fn id(number: u8) -> Content {
    Content { kind: KeyType::ContentId, key: format!("{number:040x}").into() }
}

/// Engines and a data plane, and a core whose words are the test's.
pub(super) struct Stage {
    pub(super) proxy: Arc<Proxy>,
    pub(super) engines: Vec<Engine>,
    asks: Engines,
    sessions: std::sync::atomic::AtomicU64,
    told: Mutex<Vec<Event>>,
}

impl Stage {
    pub(super) async fn with_engines(count: usize) -> Self {
        Self::choosing(count, ProxySettings { commit: Duration::from_millis(200), ..Default::default() })
            .await
    }

    pub(super) async fn choosing(count: usize, chosen: ProxySettings) -> Self {
        let nowhere = Settings::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        Self::with_rate(count, chosen, nowhere.bits_per_s).await
    }

    /// Its engines send so much.
    pub(super) async fn with_rate(count: usize, chosen: ProxySettings, bits_per_s: u64) -> Self {
        let mut engines = Vec::new();
        for _ in 0..count {
            let mut settings = Settings::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
            settings.bits_per_s = bits_per_s;
            engines.push(Engine::start(settings).await.expect("an engine starts"));
        }
        let ways = Arc::new(fixture::ways_to("gluetun"));
        let proxy = Proxy::new(chosen, None, ways.clone(), Meters::default());
        proxy.begin(1);
        let (asks, sessions) = (Engines::new(ways), 0.into());
        Self { proxy, engines, asks, sessions, told: Mutex::default() }
    }

    /// A viewer comes, and the core hears of it.
    pub(super) async fn joins(&self, content: &Content) -> Joined {
        let joined = self.proxy.join(content, Connection::default()).expect("there is room");
        self.hear();
        joined
    }

    /// A viewer comes who fetches segments, and gets a token.
    pub(super) async fn fetches(&self, content: &Content) -> String {
        let token = self.proxy.open_playlist(content, Connection::default()).await.expect("there is room");
        self.hear();
        token
    }

    /// The core hears what there is to hear.
    pub(super) fn hear(&self) {
        let mut told = self.told.lock().expect("no test has failed holding it");
        told.extend(std::iter::from_fn(|| self.proxy.next_news()));
    }

    /// Whether the core has been told this.
    pub(super) fn was_told(&self, event: &Event) -> bool {
        self.hear();
        self.told.lock().expect("no test has failed holding it").contains(event)
    }

    /// What the core was told until now does not count.
    pub(super) fn forget(&self) {
        self.hear();
        self.told.lock().expect("no test has failed holding it").clear();
    }

    /// Everybody who watches this is refused.
    pub(super) fn refuses(&self, content: &Content, because: Obstacle) {
        let channel = self.proxy.channel(content).expect("somebody watches it");
        for viewer in channel.viewers {
            let (why, retry_at) = ("for a reason".into(), control::Time::ZERO);
            self.proxy.hear(1, Message::Refuse { viewer: viewer.id, because, why, retry_at });
        }
    }

    /// How many connections read from an engine.
    pub(super) fn readers(&self, engine: usize) -> u32 {
        self.engines[engine].sessions().iter().map(|session| session.readers).sum()
    }

    /// Waits until something is so.
    pub(super) async fn until(&self, what: &str, so: impl Fn(&Self) -> bool) {
        let wait = async {
            while !so(self) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("in vain: {what}"));
    }

    /// Waits until the core has been told this.
    pub(super) async fn until_told(&self, event: Event) {
        let wait = async {
            loop {
                self.hear();
                if self.told.lock().expect("no test has failed holding it").contains(&event) {
                    return;
                }
                self.proxy.has_news().await;
            }
        };
        timeout(PATIENCE, wait)
            .await
            .unwrap_or_else(|_| panic!("never told: {event:?}, but {:?}", self.told));
    }

    /// An engine opens a session of this content.
    pub(super) async fn opens(&self, engine: usize, content: &Content, build: u64) -> SessionId {
        let number = self.sessions.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
        let whom = Whom { container: "gluetun".into(), port: self.engines[engine].address().port() };
        let opened = self.asks.open(&whom, content, &number.to_string()).await.expect("it opens");
        let source = Source {
            engine: ContainerId::from_bytes([engine as u8; 32]),
            whom,
            path: opened.playback_path,
            infohash: opened.infohash,
            playback_session_id: opened.opened.playback_session_id,
            stat_path: opened.opened.stat_path,
            command_path: opened.opened.command_path,
            is_live: opened.opened.is_live,
        };
        self.proxy.opened(build, SessionId(number), source);
        SessionId(number)
    }

    /// The core routes everybody who watches this to a session.
    pub(super) fn routes(&self, content: &Content, build: u64, session: Option<SessionId>) {
        let channel = self.proxy.channel(content).expect("somebody watches it");
        for viewer in channel.viewers {
            self.proxy.hear(build, Message::Route { viewer: viewer.id, session });
        }
    }

    /// An engine opens a session, and everybody is routed there.
    pub(super) async fn plays(&self, engine: usize, content: &Content) -> SessionId {
        let session = self.opens(engine, content, 1).await;
        self.routes(content, 1, Some(session));
        session
    }
}

/// What a viewer is shown who waits as long as he has to.
pub(super) async fn live(joined: Joined) -> Viewer {
    match joined.settle(None).await.expect("he is served") {
        Showing::Live(live) => Viewer::of(live),
        Showing::File(file) => panic!("a file: {file:?}"),
    }
}

/// A viewer at the other end of a connection of the server's kind. It is closed when he is gone.
pub(super) struct Remote {
    stream: TcpStream,
    counter: Counter,
    /// The bytes that he asked for and has not looked at.
    held: BytesMut,
    chunked: bool,
    served: tokio::task::JoinHandle<()>,
}

impl Remote {
    /// He asks for a channel in this version of HTTP, and the core hears of it.
    pub(super) async fn comes(stage: &Stage, content: &Content, version: &str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("there is a port");
        let mut stream =
            TcpStream::connect(listener.local_addr().expect("it has one")).await.expect("it listens");
        let (accepted, _) = listener.accept().await.expect("he comes");
        SockRef::from(&accepted).set_send_buffer_size(SOCKET_BYTES).expect("it is little");
        SockRef::from(&stream).set_recv_buffer_size(SOCKET_BYTES).expect("it is little");
        let (outlet, server) = Outlet::new(accepted);
        let connection = Connection { outlet: Some(outlet), ..Connection::default() };
        let joined = Mutex::new(Some(stage.proxy.join(content, connection).expect("there is room")));
        stage.hear();
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let joined = joined.lock().expect("no test has failed holding it").take();
            async move {
                match joined.expect("he asks once").settle(None).await.expect("he is served") {
                    Showing::Live(live) => {
                        Ok::<_, String>(hyper::Response::new(live.framed(Framing::of(request.version()))))
                    }
                    Showing::File(file) => Err(format!("a file: {file:?}")),
                }
            }
        });
        let mut http = http1::Builder::new();
        let serving = http.max_buf_size(SOCKET_BYTES).serve_connection(TokioIo::new(server), service);
        // How it ends is his doing.
        let served = tokio::spawn(async move { drop(serving.await) });
        let asked = format!("GET / {version}\r\nHost: x\r\n\r\n");
        stream.write_all(asked.as_bytes()).await.expect("it is connected");
        Self {
            stream,
            counter: Counter::new(),
            held: BytesMut::new(),
            chunked: version == "HTTP/1.1",
            served,
        }
    }

    /// The head of his answer, which comes when there is something to see.
    pub(super) async fn head(&mut self) {
        while !self.held.ends_with(b"\r\n\r\n") {
            let byte = self.stream.read_u8().await.expect("a head comes");
            self.held.extend_from_slice(&[byte]);
        }
        let head = String::from_utf8_lossy(&self.held).to_ascii_lowercase();
        assert_eq!(head.contains("transfer-encoding: chunked"), self.chunked, "{head}");
        self.held.clear();
    }

    pub(super) fn seen(&self) -> &Seen {
        self.counter.seen()
    }

    pub(super) async fn watch_until_counted(&mut self, count: u64) {
        let until = self.seen().counted + count;
        while self.seen().counted < until {
            let count =
                timeout(PATIENCE, self.stream.read_buf(&mut self.held)).await.expect("something comes");
            assert!(count.expect("it is connected") > 0, "he was cut off");
            self.look();
        }
    }

    /// Takes whole chunks apart, strictly: what is between them has to be as it must.
    fn look(&mut self) {
        while !self.held.is_empty() {
            if !self.chunked {
                self.counter.feed(&self.held.split());
                return;
            }
            let Some(end) = self.held.iter().position(|byte| *byte == b'\n') else { return };
            let head = std::str::from_utf8(&self.held[..end - 1]).expect("a size in digits");
            let size = usize::from_str_radix(head, 16).expect("a size in digits");
            if self.held.len() < end + 1 + size + 2 {
                return;
            }
            let chunk = self.held.split_to(end + 1 + size + 2);
            assert_eq!(chunk[end + 1 + size..], *b"\r\n");
            self.counter.feed(&chunk[end + 1..end + 1 + size]);
        }
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        self.served.abort();
    }
}

/// A viewer who counts.
pub(super) struct Viewer {
    body: Live,
    counter: Counter,
    heard_at: Instant,
    silence: Duration,
}

impl Viewer {
    fn of(body: Live) -> Self {
        Self { body, counter: Counter::new(), heard_at: Instant::now(), silence: Duration::ZERO }
    }

    pub(super) fn seen(&self) -> &Seen {
        self.counter.seen()
    }

    /// The longest time without a packet that counts.
    pub(super) fn silence(&self) -> Duration {
        self.silence
    }

    /// What comes next of a channel.
    pub(super) async fn next(&mut self) -> Result<Bytes, String> {
        let bytes = self.piece().await?;
        assert_eq!(bytes.len() % 188, 0, "whole packets");
        Ok(bytes)
    }

    /// What comes next, in whatever pieces.
    pub(super) async fn piece(&mut self) -> Result<Bytes, String> {
        let frame = timeout(PATIENCE, self.body.frame()).await.expect("something comes");
        let frame = frame.expect("a channel has no end").map_err(|error| error.to_string())?;
        let bytes = frame.into_data().expect("there is nothing but data");
        let counted = self.seen().counted;
        self.counter.feed(&bytes);
        if self.seen().counted != counted {
            self.silence = self.silence.max(self.heard_at.elapsed());
            self.heard_at = Instant::now();
        }
        Ok(bytes)
    }

    pub(super) async fn watch_until_counted(&mut self, count: u64) {
        let until = self.seen().counted + count;
        while self.seen().counted < until {
            self.next().await.expect("it goes on");
        }
    }

    pub(super) async fn watch_packets(&mut self, count: u64) {
        while self.seen().packets < count {
            self.next().await.expect("it goes on");
        }
    }
}
