//! A place for trials on the embedded runtime. Its clock runs ahead whenever nothing is left to do, so that nothing
//! takes long.

use control::command::Target;
use control::docker::{Facts, Listed, Notice};
use control::event::Refusal;
use control::ids::{ContainerId, Name};
use control::labels::{HTTP_PORT, VPN_CONTAINER};
use hyper::Method;
use sim::facts::Lab;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testbed::dock::{Api, Dock, Failure, Inspected, Joined, Settings, Spec};
use testbed::web::ask;
use tokio::runtime::{Builder, Runtime};
use tokio::time::{sleep, timeout};

const VPN: &str = "gluetun";
const ENGINE_IMAGE: &str = "jopsis/acestream:x64";
const LABEL: (&str, &str) = ("ondemand.app", "myservice");
/// How soon an engine answers that can be reached.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// How long the caller of a call that is to be given up waits.
const HANG_UP_AFTER: Duration = Duration::from_millis(1);

pub(super) struct DockLab {
    runtime: Runtime,
    dock: Dock,
    api: Api,
    notices: Arc<Mutex<Vec<Notice>>>,
}

impl DockLab {
    pub(super) fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let (dock, api, notices) = runtime.block_on(async {
            let dock = Dock::open(Settings::new(1)).expect("loopback addresses can be had");
            let api = dock.api((LABEL.0.to_owned(), LABEL.1.to_owned()));
            let told = Arc::new(Mutex::new(Vec::new()));
            let mut heard = api.notices().await.expect("the stream opens");
            let to = Arc::clone(&told);
            tokio::spawn(async move {
                while let Some(notice) = heard.next().await {
                    to.lock().unwrap().push(notice);
                }
            });
            (dock, api, told)
        });
        Self { runtime, dock, api, notices }
    }

    /// Waits for a call of a program's.
    fn call<T>(&self, what: impl Future<Output = Result<T, Failure>>) -> Result<T, Refusal> {
        match self.runtime.block_on(what) {
            Ok(done) => Ok(done),
            Err(Failure::Refused(refusal)) => Err(refusal),
            Err(Failure::Unknown(silence)) => panic!("the dock does not answer: {silence:?}"),
        }
    }

    /// Waits for what a person does.
    fn by_hand<T>(&self, what: impl Future<Output = Result<T, Refusal>>) -> T {
        self.runtime.block_on(what).unwrap_or_else(|refusal| panic!("a person is refused: {refusal}"))
    }

    fn hang_up<T>(&self, what: impl Future<Output = Result<T, Failure>>) {
        let heard = self.runtime.block_on(async { timeout(HANG_UP_AFTER, what).await.is_ok() });
        assert!(!heard, "the answer came before the caller hung up");
    }

    fn spec(name: &str, port: u16) -> Spec {
        let port = port.to_string();
        let labels = [LABEL, (HTTP_PORT, &port), (VPN_CONTAINER, VPN)];
        Spec {
            labels: labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
            network: Joined::OfContainer(Name::from(VPN)),
            ..Spec::new(name, ENGINE_IMAGE).env(&[("HTTP_PORT", &port)])
        }
    }

    fn look(&self, target: &Target) -> Option<Inspected> {
        self.call(self.api.inspect(target)).expect("an inspection is not refused")
    }

    fn name(&self, id: ContainerId) -> String {
        self.look(&Target::Id(id)).expect("the container exists").facts.listed.name.to_string()
    }
}

impl Lab for DockLab {
    fn run_vpn(&mut self) -> ContainerId {
        self.by_hand(self.dock.run_vpn(VPN, &[]))
    }

    fn vpn_name(&self) -> &str {
        VPN
    }

    fn create_engine(&mut self, name: &str, port: u16) -> Result<ContainerId, Refusal> {
        self.call(self.api.create(Self::spec(name, port)))
    }

    fn create_engine_and_hang_up(&mut self, name: &str, port: u16) {
        self.hang_up(self.api.create(Self::spec(name, port)));
    }

    fn start(&mut self, id: ContainerId) -> Result<(), Refusal> {
        self.call(self.api.start(id))
    }

    fn start_and_hang_up(&mut self, id: ContainerId) {
        self.hang_up(self.api.start(id));
    }

    fn restart(&mut self, id: ContainerId) -> Result<(), Refusal> {
        self.call(self.api.restart(id, Duration::ZERO))
    }

    fn stop(&mut self, id: ContainerId) {
        self.by_hand(self.dock.stop(&self.name(id), Duration::ZERO));
    }

    fn begin_stop(&mut self, id: ContainerId, grace: Duration) {
        let api = self.api.clone();
        self.runtime.spawn(async move { api.stop(id, grace).await });
    }

    fn kill(&mut self, id: ContainerId) {
        self.by_hand(self.dock.kill(&self.name(id)));
    }

    fn crash(&mut self, id: ContainerId) {
        // Nothing may run in it just now, and then there is nothing to be done.
        drop(self.dock.crash(&self.name(id)));
    }

    fn pause(&mut self, id: ContainerId) {
        self.by_hand(self.dock.pause(&self.name(id)));
    }

    fn remove(&mut self, id: ContainerId) {
        self.call(self.api.remove(id)).expect("a container can be removed");
    }

    fn inspect(&mut self, id: ContainerId) -> Option<Facts> {
        self.look(&Target::Id(id)).map(|inspected| inspected.facts)
    }

    fn list(&mut self) -> Vec<Listed> {
        self.call(self.api.list()).expect("a listing is not refused").containers
    }

    fn answers(&mut self, _engine: ContainerId, port: u16) -> bool {
        let vpn = self.look(&Target::Name(Name::from(VPN)));
        let Some((_, address)) = vpn.and_then(|vpn| vpn.address) else { return false };
        let at = SocketAddr::new(address, port).to_string();
        let asking = ask(Method::GET, &at, "/webui/api/service?method=get_version", &[], "", ANSWER_TIMEOUT);
        self.runtime.block_on(asking).is_ok()
    }

    fn notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices.lock().unwrap())
    }

    fn wait(&mut self, duration: Duration) {
        self.runtime.block_on(async { sleep(duration).await });
    }
}
