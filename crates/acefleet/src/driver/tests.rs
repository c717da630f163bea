//! The loop on a runtime that has nothing, and a core that breaks.

use super::gate::Turned;
use super::*;

use crate::compose::Composer;
use crate::dial::{DockerDns, Place, Ways};
use crate::engine::Engines;
use crate::gluetun::Gluetun;
use crate::runtime::{Failure, Inspected, Ran, Spec, Usage};
use crate::settings::{EngineSettings, GluetunAuth, GluetunSettings, Variant};
use bytes::Bytes;
use control::command::Target;
use control::docker::Listing;
use control::event::Refusal;
use control::request::Request;
use tokio::time::timeout;

/// A runtime that is there, has no container, and creates none.
struct Bare;

impl Runtime for Bare {
    async fn ping(&self) -> Result<(), Failure> {
        Ok(())
    }
    async fn list(&self) -> Result<Listing, Failure> {
        Ok(Listing::default())
    }
    async fn inspect(&self, _: &Target) -> Result<Option<Inspected>, Failure> {
        Ok(None)
    }
    async fn create(&self, _: &Spec) -> Result<ContainerId, Failure> {
        Err(Failure::Refused(Refusal::ImageMissing))
    }
    async fn start(&self, _: ContainerId) -> Result<(), Failure> {
        Err(Failure::Refused(Refusal::NoSuchContainer))
    }
    async fn restart(&self, _: ContainerId, _: Duration) -> Result<(), Failure> {
        Err(Failure::Refused(Refusal::NoSuchContainer))
    }
    async fn stop(&self, _: ContainerId, _: Duration) -> Result<(), Failure> {
        Err(Failure::Refused(Refusal::NoSuchContainer))
    }
    async fn remove(&self, _: ContainerId) -> Result<(), Failure> {
        Err(Failure::Refused(Refusal::NoSuchContainer))
    }
    async fn run_in(&self, _: ContainerId, _: &[&str]) -> Result<Ran, Failure> {
        Err(Failure::Refused(Refusal::NoSuchContainer))
    }
    async fn logs(&self, _: ContainerId, _: u32, _: usize) -> Result<Bytes, Failure> {
        Err(Failure::Refused(Refusal::NoSuchContainer))
    }
    async fn usage(&self, _: ContainerId) -> Result<Usage, Failure> {
        Err(Failure::Refused(Refusal::NoSuchContainer))
    }
    async fn tell(&self, to: mpsc::Sender<Told>) {
        drop(to.send(Told::Opened).await);
        std::future::pending::<()>().await;
    }
}

/// A loop that runs, its gate, and how it is told to stop.
struct Running {
    gate: Gate,
    stop: CancellationToken,
    ended: tokio::task::JoinHandle<()>,
    meters: Arc<Meters>,
}

fn run() -> Running {
    let ways = Arc::new(Ways::new(Place::Host, DockerDns::nowhere()));
    let label = ("ondemand.app".to_string(), "myservice".to_string());
    let engine = EngineSettings {
        variant: Variant::Krinkuto11Amd64,
        image: "image:tag".into(),
        label,
        map_https: false,
        network: None,
    };
    let meters = Arc::new(Meters::default());
    let gluetun = GluetunSettings { api_port: 8000, auth: GluetunAuth::None };
    let hands = Hands {
        runtime: Arc::new(Bare),
        engines: Engines::new(ways.clone()),
        gluetun: Gluetun::new(gluetun, ways.clone()),
        composer: Composer::new(engine, vec![]),
        proxy: crate::proxy::Proxy::new(
            crate::settings::ProxySettings::default(),
            None,
            ways.clone(),
            meters.proxy.clone(),
        ),
        ways,
        vpns: vec![],
        meters: meters.clone(),
    };
    let parts = Parts {
        settings: control::Settings::default(),
        hands,
        // Nothing can be kept there, and nobody may mind.
        store: Arc::new(Store::at("/proc/nowhere/a.db".into())),
        seed: 1,
        stop_engines_on_exit: false,
    };
    let (driver, gate) = Driver::new(parts);
    let stop = CancellationToken::new();
    let ended = tokio::spawn(driver.run(stop.clone()));
    Running { gate, stop, ended, meters }
}

impl Running {
    async fn until(&self, what: &str, so: impl Fn(&gate::Picture) -> bool) {
        let mut news = self.gate.news();
        let wait = async {
            while !so(&self.gate.picture()) {
                news.changed().await.expect("the loop runs");
            }
        };
        timeout(Duration::from_secs(30), wait).await.unwrap_or_else(|_| panic!("in vain: {what}"));
    }

    async fn ready(&self) {
        self.until("the first complete look", |picture| picture.snapshot.ready).await;
    }
}

fn says(picture: &gate::Picture, words: &str) -> bool {
    picture.journal.iter().any(|numbered| numbered.entry.to_string().contains(words))
}

#[tokio::test]
async fn whoever_asks_finds_in_the_picture_what_he_was_answered() {
    let running = run();
    running.ready().await;
    assert_eq!(running.gate.ask(Request::Scale(3)).await, Ok(Reply::ScaledTo(3)));
    assert_eq!(running.gate.picture().snapshot.capacity.minimum, 3);
}

#[tokio::test]
async fn a_core_that_breaks_is_built_anew_and_the_loop_goes_on() {
    let running = run();
    running.ready().await;
    running.gate.break_core().expect("there is room");
    running.until("the journal tells of it", |picture| says(picture, "told to break")).await;
    running.ready().await;
    assert_eq!(running.gate.ask(Request::Scale(2)).await, Ok(Reply::ScaledTo(2)));
    let text =
        running.meters.text(&running.gate.picture().snapshot, Default::default(), std::iter::empty()).1;
    assert!(text.contains("acefleet_core_rebuilds_total 1"), "{text}");
}

#[tokio::test]
async fn a_core_that_breaks_again_and_again_stands_back() {
    let running = run();
    for _ in 0..3 {
        running.gate.break_core().expect("there is room");
    }
    running.until("it is passive", |picture| picture.snapshot.passive.is_some()).await;
}

#[tokio::test]
async fn the_journal_outlives_a_core_that_breaks() {
    let running = run();
    running.ready().await;
    running.gate.break_core().expect("there is room");
    running.until("the journal tells of it", |picture| says(picture, "told to break")).await;
    assert!(says(&running.gate.picture(), "first look complete"));
}

#[tokio::test]
async fn a_loop_that_is_told_to_stop_ends_and_turns_everybody_down() {
    let running = run();
    running.ready().await;
    running.stop.cancel();
    timeout(Duration::from_secs(30), running.ended).await.expect("it ends").expect("it does not panic");
    assert_eq!(running.gate.ask(Request::CollectGarbage).await, Err(Turned::Down));
}
