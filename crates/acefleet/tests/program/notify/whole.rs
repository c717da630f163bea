//! The whole program calling for help: a fleet on stand-ins, a VPN that is stopped and started, and a receiver that is
//! told of both, in messages that it can tell to be ours.

use super::body;
use super::receiver::Receiver;
use crate::demo::Temporary;
use acefleet::api::More;
use acefleet::compose::spec_hash;
use acefleet::dial::{DockerDns, Place, Ways};
use acefleet::driver::gate::Gate;
use acefleet::embedded::Embedded;
use acefleet::notify::format;
use acefleet::serve::{self, Start};
use acefleet::settings::{self, Secret, Settings, Sources};
use control::vpn::Verdict;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use testbed::dock::{self, Dock};
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};

/// How long anything may take that takes seconds on an idle machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Where control servers listen: nobody on this machine listens there on all addresses.
const CONTROL_PORT: u16 = 28_766;
const VPNS: [&str; 2] = ["gluetun-1", "gluetun-2"];
const SECRET: &str = "s3cret";

fn settings(receiver: &Receiver, folder: &Temporary) -> Settings {
    let environment = [
        ("GLUETUN_CONTAINERS", VPNS.join(",")),
        ("GLUETUN_API_PORT", CONTROL_PORT.to_string()),
        ("MIN_REPLICAS", "2".to_owned()),
        ("DB_URL", format!("sqlite:///{}", folder.0.join("a.db").display())),
        ("NOTIFY_URLS", format!("http://{}/in", receiver.address)),
        ("NOTIFY_SECRET", SECRET.to_owned()),
    ];
    let environment: BTreeMap<_, _> =
        environment.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let mut settings = settings::read(&Sources { environment, ..Sources::empty() })
        .unwrap_or_else(|problems| panic!("settings that cannot be meant: {problems:?}"));
    settings.core.spec = spec_hash(&settings.engine, true);
    settings
}

/// What a receiver is told, alert by alert, in the order in which it is told.
struct Mailbox<'a> {
    receiver: &'a Receiver,
    read: usize,
}

impl Mailbox<'_> {
    /// Waits for an alert about a topic that begins or ends, and tells what it says.
    async fn wait_for(&mut self, wanted: &[(&str, &str)]) -> Vec<Value> {
        let mut found = Vec::new();
        while found.len() < wanted.len() {
            let asked = self.receiver.told(self.read + 1).await;
            self.read += 1;
            let signed = format::signature(&Secret::from(SECRET.to_owned()), &asked.body);
            assert_eq!(asked.headers["x-acefleet-signature"], signed.as_str());
            let alerts = body(&asked)["alerts"].as_array().expect("alerts").clone();
            let is_wanted = |alert: &Value| {
                wanted.iter().any(|(topic, state)| alert["topic"] == *topic && alert["state"] == *state)
            };
            found.extend(alerts.into_iter().filter(is_wanted));
        }
        found.sort_by_key(|alert| alert["topic"].to_string());
        found
    }
}

/// Waits until every VPN is healthy.
async fn all_healthy(gate: &OnceLock<Gate>) {
    let healthy = || {
        gate.get().is_some_and(|gate| {
            let picture = gate.picture();
            picture.snapshot.ready && picture.snapshot.vpns.iter().all(|vpn| vpn.verdict == Verdict::Healthy)
        })
    };
    let waiting = async {
        while !healthy() {
            sleep(LOOK_EVERY).await;
        }
    };
    timeout(PATIENCE, waiting).await.expect("the VPNs are healthy");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vpn_that_is_stopped_and_started_is_told_of_twice_with_the_reason_and_signed() {
    let (receiver, folder) = (Receiver::that_is_glad().await, Temporary::new());
    let dock = Dock::open(dock::Settings::new(1)).expect("loopback addresses can be had");
    let control = format!(":{CONTROL_PORT}");
    for vpn in VPNS {
        let env = [("HTTP_CONTROL_SERVER_ADDRESS", control.as_str()), ("STANDIN_STARTING_MS", "100")];
        dock.run_vpn(vpn, &env).await.expect("it is started");
    }
    let settings = settings(&receiver, &folder);
    let start = Start {
        runtime: Arc::new(Embedded::new(dock.api(settings.engine.label.clone()))),
        ways: Arc::new(Ways::new(Place::Host, DockerDns::nowhere())),
        listener: TcpListener::bind("127.0.0.1:0").await.expect("a port"),
        settings,
        seed: 1,
    };
    let gate = OnceLock::new();
    let more = |gates: &Gate| {
        gate.get_or_init(|| gates.clone());
        More::none()
    };
    let story = async {
        let mut mailbox = Mailbox { receiver: &receiver, read: 0 };
        all_healthy(&gate).await;
        dock.stop(VPNS[0], Duration::ZERO).await.expect("it is stopped");
        let raised = mailbox.wait_for(&[("vpn_down", "raised"), ("emergency", "raised")]).await;
        assert_eq!((&raised[0]["topic"], &raised[1]["topic"]), (&"emergency".into(), &"vpn_down".into()));
        assert_eq!(raised[1]["subject"], VPNS[0]);
        assert_eq!(raised[1]["text"], "VPN 'gluetun-1' is down: its container has exited");
        dock.start(VPNS[0]).await.expect("it is started");
        let over = mailbox.wait_for(&[("vpn_down", "resolved"), ("emergency", "resolved")]).await;
        assert_eq!(over[1]["subject"], VPNS[0]);
    };
    tokio::select! {
        ended = serve::run(start, more, async || std::future::pending().await) => panic!("it ended: {ended:?}"),
        () = story => {}
    }
    dock.close().await;
}
