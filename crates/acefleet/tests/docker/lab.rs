//! A real Docker Engine as a lab: the adapter does what acefleet does, and whatever people do goes to Docker by a
//! way of its own.
//!
//! Containers of one lab begin with a prefix of its own, so that tests can run beside each other; facts know them
//! without it.

use acefleet::compose::Composer;
use acefleet::docker::{Docker, creation};
use acefleet::http::{self, Answer, Request};
use acefleet::runtime::{Failure, Inspected, JoinedNetwork, Runtime, Spec, Told};
use acefleet::settings::{DockerHost, EngineSettings, Variant};
use control::command::{Create, Ports, Target};
use control::docker::{Facts, Listed, Notice};
use control::event::Refusal;
use control::ids::{ContainerId, Name, OpId, SpecHash, VpnId};
use hyper::Method;
use serde_json::{Value, json};
use sim::facts::Lab;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// Where the Docker Engine is that may be used for tests.
const WHERE: &str = "ACEFLEET_TEST_DOCKER";

/// The image that the VPN's stand-in carries.
const VPN_IMAGE: &str = "qmcgaw/gluetun:latest";

/// Longer than anything takes here.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);
/// How soon an engine answers that can be reached.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// How long the caller of a call that is to be given up waits.
const HANG_UP_AFTER: Duration = Duration::from_millis(5);
/// How often is looked whether something is so.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Notices that may wait to be asked for.
const NOTICES_MAX: usize = 10_000;

/// The socket of the Docker Engine that may be used for tests.
pub(crate) fn socket() -> PathBuf {
    let told = std::env::var(WHERE).unwrap_or_else(|_| {
        panic!("{WHERE} does not say which Docker Engine to test on: run `cargo xtask test --only docker`")
    });
    match told.strip_prefix("unix://") {
        Some(path) => PathBuf::from(path),
        None => panic!("{WHERE} is {told:?} and has to be unix:// and the path of a socket"),
    }
}

/// One lab.
pub(crate) struct DockerLab {
    runtime: tokio::runtime::Runtime,
    pub(crate) docker: Docker,
    by_hand: ByHand,
    prefix: String,
    vpn: String,
    told: mpsc::Receiver<Told>,
    composer: Composer,
    label: (String, String),
    created: u64,
    images: Vec<String>,
}

/// What people do, as requests of their own.
struct ByHand {
    socket: PathBuf,
    prefix: String,
}

impl DockerLab {
    /// A lab whose containers' names begin with what it is called.
    pub(crate) fn new(called: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("threads can be had");
        let prefix = format!("lab-{called}-{}-", std::process::id());
        let label = ("acefleet.lab".to_owned(), prefix.clone());
        let docker = Docker::new(&DockerHost::Unix(socket()), label.clone());
        let (to, mut told) = mpsc::channel(NOTICES_MAX);
        let telling = docker.clone();
        runtime.spawn(async move { telling.tell(to).await });
        let opened = runtime.block_on(async { timeout(CALL_TIMEOUT, told.recv()).await });
        assert_eq!(opened, Ok(Some(Told::Opened)), "Docker's event stream opens: {:?}", docker.trouble());
        let variant = Variant::Krinkuto11Amd64;
        let settings =
            EngineSettings { variant, image: variant.image("", ""), label, map_https: false, network: None };
        let label = settings.label.clone();
        let vpn = format!("{prefix}gluetun");
        let composer = Composer::new(settings, vec![Name::from(vpn.as_str())]);
        let by_hand = ByHand { socket: socket(), prefix: prefix.clone() };
        Self { runtime, docker, by_hand, prefix, vpn, told, composer, label, created: 0, images: Vec::new() }
    }

    /// Waits for a call of acefleet's.
    pub(crate) fn call<T>(&self, what: impl Future<Output = Result<T, Failure>>) -> Result<T, Refusal> {
        match self.runtime.block_on(async { timeout(CALL_TIMEOUT, what).await }) {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(Failure::Refused(refusal))) => Err(refusal),
            Ok(Err(Failure::Unknown(silence))) => panic!("Docker does not answer: {silence:?}"),
            Err(_) => panic!("Docker does not answer in time"),
        }
    }

    /// Begins a call of acefleet's, and does not wait for it.
    pub(crate) fn begin<T: Send + 'static>(
        &self,
        what: impl Future<Output = Result<T, Failure>> + Send + 'static,
    ) -> JoinHandle<Result<T, Failure>> {
        self.runtime.spawn(what)
    }

    /// Waits for a call that was begun.
    pub(crate) fn end<T>(&self, begun: JoinHandle<Result<T, Failure>>) -> Result<T, Refusal> {
        self.call(async { begun.await.expect("a call does not die") })
    }

    /// Waits until something is so.
    pub(crate) fn until(&mut self, what: &str, mut so: impl FnMut(&mut Self) -> bool) {
        let until = Instant::now() + CALL_TIMEOUT;
        while !so(self) {
            assert!(Instant::now() < until, "in vain: {what}");
            self.runtime.block_on(async { sleep(LOOK_EVERY).await });
        }
    }

    /// A container of this lab, with nothing but an image and a network of its own.
    pub(crate) fn spec(&self, name: &str, image: &str) -> Spec {
        Spec {
            name: Name::from(format!("{}{name}", self.prefix).as_str()),
            image: image.to_owned(),
            env: [("HTTP_PORT".to_owned(), "19000".to_owned())].into(),
            command: None,
            labels: [self.label.clone()].into(),
            network: JoinedNetwork::Own(None),
            publish: Vec::new(),
        }
    }

    /// Has an image removed when this lab is closed.
    pub(crate) fn forget_image_at_the_end(&mut self, image: &str) {
        self.images.push(image.to_owned());
    }

    /// Asks Docker by hand, and insists that it is done.
    pub(crate) fn by_hand(&self, method: Method, path: &str, body: Option<Value>) -> Value {
        let answer = self.runtime.block_on(self.by_hand.ask(method, path, body));
        let words = String::from_utf8_lossy(&answer.body);
        assert!(answer.status < 400, "{path}: {} {words}", answer.status);
        serde_json::from_slice(&answer.body).unwrap_or(Value::Null)
    }

    fn to_container(&self, id: ContainerId, deed: &str) {
        self.by_hand(Method::POST, &format!("/containers/{id}/{deed}"), None);
    }

    fn creating(&mut self, name: &str, port: u16) -> Spec {
        self.created += 1;
        let create = Create {
            name: Name::from(format!("{}{name}", self.prefix).as_str()),
            vpn: Some(VpnId(0)),
            ports: Ports { http: port, https: None, p2p: None },
            spec: SpecHash(1),
            wanted: None,
        };
        self.composer.spec(&create, OpId { life: 1, seq: self.created })
    }

    fn look(&self, id: ContainerId) -> Option<Inspected> {
        self.call(self.docker.inspect(&Target::Id(id))).expect("an inspection is not refused")
    }

    fn without_prefix(&self, mut listed: Listed) -> Listed {
        if let Some(name) = listed.name.as_str().strip_prefix(&self.prefix) {
            listed.name = Name::from(name);
        }
        listed
    }
}

impl Lab for DockerLab {
    fn run_vpn(&mut self) -> ContainerId {
        let second = 1_000_000_000_u64;
        let body = json!({
            "Image": VPN_IMAGE,
            // The check itself is the image's own.
            "Healthcheck": { "Interval": second, "Timeout": 5 * second, "Retries": 2 },
            "HostConfig": { "RestartPolicy": { "Name": "unless-stopped" } },
        });
        let made = self.by_hand(Method::POST, &format!("/containers/create?name={}", self.vpn), Some(body));
        let id = made["Id"].as_str().and_then(ContainerId::parse).expect("what is created has an id");
        self.to_container(id, "start");
        id
    }

    fn vpn_name(&self) -> &str {
        &self.vpn
    }

    fn create_engine(&mut self, name: &str, port: u16) -> Result<ContainerId, Refusal> {
        let spec = self.creating(name, port);
        self.call(self.docker.create(&spec))
    }

    fn create_engine_and_hang_up(&mut self, name: &str, port: u16) {
        let spec = self.creating(name, port);
        let path = format!("/containers/create?name={}", spec.name);
        self.runtime.block_on(self.by_hand.ask_and_hang_up(&path, &creation(&spec)));
    }

    fn start(&mut self, id: ContainerId) -> Result<(), Refusal> {
        self.call(self.docker.start(id))
    }

    fn start_and_hang_up(&mut self, id: ContainerId) {
        self.runtime.block_on(self.by_hand.ask_and_hang_up(&format!("/containers/{id}/start"), b""));
    }

    fn restart(&mut self, id: ContainerId) -> Result<(), Refusal> {
        self.call(self.docker.restart(id, Duration::ZERO))
    }

    fn stop(&mut self, id: ContainerId) {
        self.to_container(id, "stop?t=0");
    }

    fn begin_stop(&mut self, id: ContainerId, grace: Duration) {
        let docker = self.docker.clone();
        self.runtime.spawn(async move { docker.stop(id, grace).await });
    }

    fn kill(&mut self, id: ContainerId) {
        self.to_container(id, "kill");
    }

    /// Its process is killed from outside of Docker, which is as if it had died by itself.
    fn crash(&mut self, id: ContainerId) {
        let told = self.by_hand(Method::GET, &format!("/containers/{id}/json"), None);
        let process = told["State"]["Pid"].as_u64().expect("each container tells its process");
        if process == 0 {
            return;
        }
        // It may die at this very moment, and then that has been done.
        let killed = std::process::Command::new("kill").args(["-KILL", &process.to_string()]).output();
        killed.expect("there is a program that kills");
    }

    fn pause(&mut self, id: ContainerId) {
        self.to_container(id, "pause");
    }

    fn remove(&mut self, id: ContainerId) {
        self.call(self.docker.remove(id)).expect("a container can be removed");
    }

    fn inspect(&mut self, id: ContainerId) -> Option<Facts> {
        let facts = self.look(id)?.facts;
        Some(Facts { listed: self.without_prefix(facts.listed), ..facts })
    }

    fn list(&mut self) -> Vec<Listed> {
        let listing = self.call(self.docker.list()).expect("a listing is not refused");
        let own =
            listing.containers.into_iter().filter(|listed| listed.name.as_str().starts_with(&self.prefix));
        own.map(|listed| self.without_prefix(listed)).collect()
    }

    fn answers(&mut self, _engine: ContainerId, port: u16) -> bool {
        let vpn = self.call(self.docker.inspect(&Target::Name(Name::from(self.vpn.as_str()))));
        let reach = vpn.expect("an inspection is not refused").map(|vpn| vpn.reach).unwrap_or_default();
        let Some((_, address)) = reach.addresses.first() else { return false };
        let asking = async {
            let stream = TcpStream::connect((*address, port)).await.ok()?;
            http::call(stream, Request::get(address.to_string(), "/webui/api/service"), 1 << 20).await.ok()
        };
        self.runtime
            .block_on(async { timeout(ANSWER_TIMEOUT, asking).await })
            .is_ok_and(|answer| answer.is_some())
    }

    fn notices(&mut self) -> Vec<Notice> {
        let mut notices = Vec::new();
        while let Ok(told) = self.told.try_recv() {
            match told {
                Told::Notice(notice) => notices.push(notice),
                Told::Opened => panic!("Docker's event stream ended"),
            }
        }
        notices
    }

    fn wait(&mut self, duration: Duration) {
        self.runtime.block_on(async { sleep(duration).await });
    }
}

impl Drop for DockerLab {
    /// Takes every container of this lab away, those included that a call has made whose caller had gone.
    fn drop(&mut self) {
        self.runtime.block_on(async {
            self.by_hand.clear().await;
            for image in &self.images {
                drop(self.by_hand.ask(Method::DELETE, &format!("/images/{image}?force=1"), None).await);
            }
        });
    }
}

impl ByHand {
    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let stream = UnixStream::connect(&self.socket).await.expect("Docker is there");
        let mut request = Request::new(method, "docker", path);
        if let Some(body) = body {
            request = request.json(body.to_string());
        }
        let asking = timeout(CALL_TIMEOUT, http::call(stream, request, 16 << 20));
        asking.await.expect("Docker answers in time").expect("Docker answers")
    }

    async fn ask_and_hang_up(&self, path: &str, body: &[u8]) {
        let mut stream = UnixStream::connect(&self.socket).await.expect("Docker is there");
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let request = [head.as_bytes(), body].concat();
        stream.write_all(&request).await.expect("Docker listens");
        sleep(HANG_UP_AFTER).await;
    }

    async fn clear(&self) {
        let until = Instant::now() + CALL_TIMEOUT;
        loop {
            let answer = self.ask(Method::GET, "/containers/json?all=1", None).await;
            let all: Vec<Value> = serde_json::from_slice(&answer.body).unwrap_or_default();
            let begins = |name: &Value| name.as_str().is_some_and(|name| name[1..].starts_with(&self.prefix));
            let own = all
                .iter()
                .filter(|one| one["Names"].as_array().is_some_and(|names| names.iter().any(begins)));
            let ids: Vec<&str> = own.filter_map(|one| one["Id"].as_str()).collect();
            if ids.is_empty() || Instant::now() > until {
                return;
            }
            for id in ids {
                drop(self.ask(Method::DELETE, &format!("/containers/{id}?force=1&v=1"), None).await);
            }
        }
    }
}
