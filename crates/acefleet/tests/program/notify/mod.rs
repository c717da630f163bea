//! Calling for help, to real receivers: what arrives, and what a receiver that misbehaves costs.

mod receiver;
mod whole;

use acefleet::driver::gate::{Gate, Picture, Written};
use acefleet::metrics::Meters;
use acefleet::notify::alert::Beside;
use acefleet::notify::outbox::GROUP_FOR;
use acefleet::notify::target::{Place, Target};
use acefleet::notify::{Notifier, Patience, format, try_each};
use acefleet::settings::{NotifySettings, Secret};
use arc_swap::ArcSwap;
use control::settings::VpnSettings;
use control::snapshot::Snapshot;
use control::vpn::Verdict;
use control::{Control, Settings, Time};
use hyper::StatusCode;
use receiver::{Receiver, encrypted};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testbed::web;
use tokio::sync::{mpsc, watch};

const BEGIN: Time = Time::from_secs(1_769_860_800);

/// A program that calls for help, on pictures and a clock of the test's.
struct Calling {
    picture: Arc<ArcSwap<Picture>>,
    news: watch::Sender<u64>,
    clock: Arc<AtomicU64>,
    meters: Meters,
    store: Arc<Mutex<Option<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Calling {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn fleet(failed: bool) -> Snapshot {
    let vpns = ["gluetun", "other"].map(|name| VpnSettings { container: name.into(), ports: None }).into();
    let mut snapshot = Control::new(Settings { vpns, ..Settings::default() }, BEGIN, 1).snapshot();
    (snapshot.ready, snapshot.docker_reachable, snapshot.blocked) = (true, true, None);
    snapshot.vpns.iter_mut().for_each(|view| view.verdict = Verdict::Healthy);
    snapshot.vpns[0].verdict = if failed { Verdict::Failed } else { Verdict::Healthy };
    snapshot
}

fn settings(addresses: &[String]) -> NotifySettings {
    let targets = addresses.iter().flat_map(|address| Target::parse(address).expect("an address"));
    NotifySettings {
        targets: targets.collect(),
        secret: Some(Secret::from("s3cret".to_owned())),
        ..NotifySettings::default()
    }
}

impl Calling {
    fn begin(addresses: &[String]) -> Self {
        Self::with(&settings(addresses))
    }

    fn with(settings: &NotifySettings) -> Self {
        let first = Picture {
            snapshot: fleet(false),
            number: 0,
            journal: Arc::default(),
            notes: vec![],
            written: Written::default(),
        };
        let picture = Arc::new(ArcSwap::from_pointee(first));
        let ((news, heard), (incoming, _nobody)) = (watch::channel(0), mpsc::channel(1));
        let clock = Arc::new(AtomicU64::new(BEGIN.as_nanos()));
        let store: Arc<Mutex<Option<String>>> = Arc::default();
        let meters = Meters::default();
        let (now, degraded) = (clock.clone(), store.clone());
        let notifier = Notifier::new(
            settings,
            Gate::new(picture.clone(), heard, incoming),
            &meters,
            move || Time::from_nanos(now.load(Ordering::SeqCst)),
            move || Beside {
                store_degraded: degraded.lock().expect("no test has failed holding it").clone(),
            },
        );
        let patience =
            Patience { answer: Duration::from_millis(300), waits: vec![Duration::from_millis(20); 2] };
        let task = tokio::spawn(notifier.with_patience(patience).run());
        Self { picture, news, clock, meters, store, task }
    }

    /// Shows a picture at a moment, so many seconds after the beginning, and lets alerts of it become a message.
    async fn shows(&self, mut snapshot: Snapshot, second: u64) {
        snapshot.at = BEGIN + Duration::from_secs(second);
        self.clock.store(snapshot.at.as_nanos(), Ordering::SeqCst);
        let number = *self.news.borrow() + 1;
        let journal = Arc::default();
        let picture = Picture { snapshot, number, journal, notes: vec![], written: Written::default() };
        self.picture.store(Arc::new(picture));
        self.news.send_replace(number);
        // Time enough for a look at this picture, before the next one.
        tokio::time::sleep(Duration::from_millis(250)).await;
        let later = BEGIN + Duration::from_secs(second) + GROUP_FOR;
        self.clock.store(later.as_nanos(), Ordering::SeqCst);
    }

    /// A line of the metrics, once it says so.
    async fn counts(&self, line: &str) {
        let counted = async {
            while !self.metrics().lines().any(|counted| counted == line) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(20), counted).await;
        assert!(in_time.is_ok(), "{line} is missing in\n{}", self.metrics());
    }

    fn metrics(&self) -> String {
        self.meters.text(&fleet(false), acefleet::history::Totals::default(), std::iter::empty()).1
    }
}

fn webhook(receiver: &Receiver) -> String {
    format!("http://{}/in", receiver.address)
}

fn body(asked: &web::Asked) -> Value {
    serde_json::from_slice(&asked.body).expect("JSON")
}

#[tokio::test]
async fn a_vpn_that_fails_and_recovers_is_told_in_two_signed_messages() {
    let receiver = Receiver::that_is_glad().await;
    let calling = Calling::begin(&[webhook(&receiver)]);
    calling.shows(fleet(true), 0).await;
    let asked = receiver.told(1).await;
    assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/in"));
    let told = body(&asked);
    assert_eq!(told["alerts"][0]["topic"], "vpn_down");
    assert_eq!(told["alerts"][0]["state"], "raised");
    let signed = format::signature(&Secret::from("s3cret".to_owned()), &asked.body);
    assert_eq!(asked.headers["x-acefleet-signature"], signed.as_str());
    calling.counts("acefleet_alerts_active{topic=\"vpn_down\"} 1").await;
    calling.shows(fleet(false), 60).await;
    assert_eq!(body(&receiver.told(2).await)["alerts"][0]["state"], "resolved");
    calling.counts("acefleet_notifications_total{receiver=\"webhook\",outcome=\"delivered\"} 2").await;
    calling.counts("acefleet_alerts_active{topic=\"vpn_down\"} 0").await;
}

#[tokio::test]
async fn what_stands_beside_the_pictures_is_told_too() {
    let receiver = Receiver::that_is_glad().await;
    let calling = Calling::begin(&[webhook(&receiver)]);
    *calling.store.lock().expect("nobody has failed") = Some("the disk is full".into());
    calling.shows(fleet(false), 0).await;
    assert_eq!(body(&receiver.told(1).await)["alerts"][0]["topic"], "store_degraded");
}

#[tokio::test]
async fn ntfy_and_gotify_are_told_in_their_words() {
    let (ntfy, gotify) = (Receiver::that_is_glad().await, Receiver::that_is_glad().await);
    let addresses =
        [format!("ntfy://{}/my-topic", ntfy.address), format!("gotify://{}/Atoken", gotify.address)];
    let calling = Calling::begin(&addresses);
    calling.shows(fleet(true), 0).await;
    let asked = ntfy.told(1).await;
    assert_eq!((asked.path.as_str(), &body(&asked)["topic"]), ("/", &Value::from("my-topic")));
    let asked = gotify.told(1).await;
    assert_eq!((asked.path.as_str(), asked.headers["x-gotify-key"].as_bytes()), ("/message", &b"Atoken"[..]));
}

/// The settings for receivers of whose kinds there is only one in the world, led to this machine.
fn led_to(receiver: &Receiver, address: &str) -> NotifySettings {
    let mut settings = settings(&[address.to_owned()]);
    for target in &mut settings.targets {
        let Place { path, .. } = target.place.clone();
        let (host, port) = (receiver.address.ip().to_string(), receiver.address.port());
        target.place = Place { tls: false, host, port, path };
    }
    settings
}

#[tokio::test]
async fn discord_slack_and_telegram_are_told_in_their_words() {
    let told = "acefleet: vpn down\n[warning] VPN 'gluetun' is down";
    for (address, path, body_says) in [
        (
            "discord://12/to-Ken_1",
            "/api/webhooks/12/to-Ken_1",
            json!({ "username": "acefleet", "content": told, "allowed_mentions": { "parse": [] } }),
        ),
        ("slack://T1/B2/c3", "/services/T1/B2/c3", json!({ "text": told })),
        (
            "tgram://12:ab_C/-100200",
            "/bot12:ab_C/sendMessage",
            json!({ "chat_id": "-100200", "text": told, "link_preview_options": { "is_disabled": true } }),
        ),
    ] {
        let receiver = Receiver::that_is_glad().await;
        let calling = Calling::with(&led_to(&receiver, address));
        calling.shows(fleet(true), 0).await;
        let asked = receiver.told(1).await;
        assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", path));
        assert_eq!(asked.headers["content-type"], "application/json");
        assert_eq!(asked.headers["host"], receiver.address.to_string().as_str());
        assert_eq!(body(&asked), body_says);
    }
}

#[tokio::test]
async fn a_receiver_that_has_trouble_is_asked_again_and_not_for_ever() {
    let once = |number| {
        let status = if number == 0 { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK };
        Some(web::text(status, "x"))
    };
    let (once, always) =
        (Receiver::that(once).await, Receiver::that(|_| Some(web::text(StatusCode::BAD_GATEWAY, "x"))).await);
    let calling = Calling::begin(&[webhook(&once), format!("ntfy://{}/t", always.address)]);
    calling.shows(fleet(true), 0).await;
    calling.counts("acefleet_notifications_total{receiver=\"webhook\",outcome=\"delivered\"} 1").await;
    calling.counts("acefleet_notifications_total{receiver=\"ntfy\",outcome=\"failed\"} 1").await;
    assert_eq!((once.count(), always.count()), (2, 3));
    calling.counts("acefleet_notification_retries_total{receiver=\"ntfy\"} 2").await;
}

#[tokio::test]
async fn a_receiver_that_will_not_have_it_is_asked_once() {
    let receiver = Receiver::that(|_| Some(web::text(StatusCode::UNAUTHORIZED, "who are you?"))).await;
    let calling = Calling::begin(&[webhook(&receiver)]);
    calling.shows(fleet(true), 0).await;
    calling.counts("acefleet_notifications_total{receiver=\"webhook\",outcome=\"refused\"} 1").await;
    assert_eq!(receiver.count(), 1);
}

#[tokio::test]
async fn nobody_is_led_elsewhere() {
    let elsewhere = Receiver::that_is_glad().await;
    let place = webhook(&elsewhere);
    let receiver = Receiver::that(move |_| Some(web::redirect(StatusCode::FOUND, &place))).await;
    let calling = Calling::begin(&[webhook(&receiver)]);
    calling.shows(fleet(true), 0).await;
    calling.counts("acefleet_notifications_total{receiver=\"webhook\",outcome=\"refused\"} 1").await;
    assert_eq!((receiver.count(), elsewhere.count()), (1, 0));
}

#[tokio::test]
async fn megabytes_in_answer_are_not_read() {
    let receiver = Receiver::that(|number| {
        let status = if number == 0 { StatusCode::OK } else { StatusCode::INTERNAL_SERVER_ERROR };
        Some(web::text(status, "x".repeat(32 << 20)))
    })
    .await;
    let calling = Calling::begin(&[webhook(&receiver)]);
    calling.shows(fleet(true), 0).await;
    calling.counts("acefleet_notifications_total{receiver=\"webhook\",outcome=\"delivered\"} 1").await;
    calling.shows(fleet(false), 60).await;
    calling.counts("acefleet_notifications_total{receiver=\"webhook\",outcome=\"failed\"} 1").await;
}

#[tokio::test]
async fn a_receiver_that_hangs_keeps_no_other_waiting() {
    let (hangs, glad) = (Receiver::that(|_| None).await, Receiver::that_is_glad().await);
    let calling = Calling::begin(&[format!("ntfy://{}/t", hangs.address), webhook(&glad)]);
    calling.shows(fleet(true), 0).await;
    glad.told(1).await;
    calling.shows(fleet(false), 60).await;
    glad.told(2).await;
    calling.counts("acefleet_notifications_total{receiver=\"ntfy\",outcome=\"failed\"} 2").await;
    assert_eq!(hangs.count(), 6);
}

#[tokio::test]
async fn a_test_message_says_of_each_receiver_what_it_answered() {
    let glad = Receiver::that_is_glad().await;
    let cross = Receiver::that(|_| Some(web::text(StatusCode::FORBIDDEN, "no\u{1b}[1m such topic"))).await;
    let addresses =
        [webhook(&glad), format!("ntfy://{}/hunter2", cross.address), "http://127.255.255.254:1/".into()];
    let tried = try_each(&settings(&addresses), BEGIN).await;
    assert_eq!(tried[0].came_out, Ok(200));
    assert_eq!(body(&glad.told(1).await)["title"], "acefleet: a test");
    let why = tried[1].came_out.clone().expect_err("it refuses");
    assert_eq!(why, "it answers 403: no\\u{1b}[1m such topic");
    let why = tried[2].came_out.clone().expect_err("nobody is there");
    assert!(why.starts_with("no connection to port 1: "), "{why}");
    assert!(!format!("{tried:?}").contains("hunter2"));
}

#[tokio::test]
async fn an_encrypted_receiver_is_told_only_if_its_certificate_can_be_trusted() {
    let (address, certificate, served) = encrypted().await;
    let mut settings = settings(&[format!("https://localhost:{}/in", address.port())]);
    let tried = try_each(&settings, BEGIN).await;
    let why = tried[0].came_out.clone().expect_err("nobody vouches for it");
    assert!(why.starts_with("no encrypted connection"), "{why}");
    settings.authorities = vec![certificate];
    let tried = try_each(&settings, BEGIN).await;
    assert_eq!(tried[0].came_out, Ok(200));
    let told = String::from_utf8_lossy(&served.await.expect("it ends")).into_owned();
    assert!(told.starts_with("POST /in HTTP/1.1\r\n"), "{told}");
}

/// What `acefleet check --notify` prints, and its exit code.
async fn checked(addresses: String) -> (String, Option<i32>) {
    checked_with(addresses, "").await
}

/// The same with a file of authorities.
async fn checked_with(addresses: String, authorities: &'static str) -> (String, Option<i32>) {
    let run = move || {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_acefleet"));
        command.args(["check", "--notify"]).env_clear().current_dir(env!("CARGO_TARGET_TMPDIR"));
        command
            .env("NOTIFY_URLS", addresses)
            .env("SSL_CERT_FILE", authorities)
            .output()
            .expect("the program can be started")
    };
    let output = tokio::task::spawn_blocking(run).await.expect("it ends");
    (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.code())
}

#[tokio::test(flavor = "multi_thread")]
async fn check_notify_ends_well_only_if_every_receiver_took_the_test() {
    let glad = Receiver::that_is_glad().await;
    let (said, code) = checked(webhook(&glad)).await;
    assert!(said.contains("  ok    webhook at 127.0.0.1 answers 200"), "{said}");
    assert_eq!((code, glad.count()), (Some(0), 1));
    let (said, code) = checked(format!("{},gotify://127.255.255.254:1/hunter2", webhook(&glad))).await;
    assert!(said.contains("  FAIL  gotify at 127.255.255.254: no connection to port 1"), "{said}");
    assert!(!said.contains("hunter2"));
    assert_eq!(code, Some(1));
    let (said, code) = checked_with(webhook(&glad), "/no/such/file.pem").await;
    assert!(said.contains("  FAIL  SSL_CERT_FILE=/no/such/file.pem: it cannot be read: "), "{said}");
    assert!(said.contains("  ok    webhook at 127.0.0.1 answers 200"), "{said}");
    assert_eq!((code, glad.count()), (Some(1), 3));
    let (said, code) = checked(String::new()).await;
    assert!(said.contains("set NOTIFY_URLS"), "{said}");
    assert_eq!(code, Some(1));
}
