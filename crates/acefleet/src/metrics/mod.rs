//! Numbers for Prometheus: what adapters and the API count while they work, and what a picture shows.
//!
//! [`Meters`] is handed to whoever counts; names, units and meanings are all here and in `shown`. What is
//! counted never influences anything.

mod shown;
mod text;

use crate::history::Totals;
use control::Snapshot;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use shown::Shown;
use std::time::Duration;

/// Bounds of histograms of answers and calls, in seconds: from a tenth of a millisecond to a timeout of
/// Docker's.
const CALL_BOUNDS_S: [f64; 14] =
    [0.000_1, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 2.5, 10.0, 30.0];
/// Bounds of the histogram of the core's steps, in seconds.
const STEP_BOUNDS_S: [f64; 9] = [0.000_01, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.01, 0.1];

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Route {
    route: String,
    status: u16,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Call {
    verb: &'static str,
    outcome: &'static str,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Verb {
    verb: &'static str,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Kind {
    kind: &'static str,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

/// How something that was tried came out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CameOut {
    /// It was done.
    Done,
    /// The other side said no.
    Refused,
    /// Nobody knows.
    Unknown,
}

impl CameOut {
    const fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
        }
    }
}

#[derive(Clone, Copy)]
struct CallHistogram;

impl MetricConstructor<Histogram> for CallHistogram {
    fn new_metric(&self) -> Histogram {
        Histogram::new(CALL_BOUNDS_S)
    }
}

/// Everything that is counted while the program works.
#[derive(Debug)]
pub struct Meters {
    registry: Registry,
    requests: Family<Route, Counter>,
    request_seconds: Histogram,
    docker_calls: Family<Call, Counter>,
    docker_seconds: Family<Verb, Histogram, CallHistogram>,
    docker_reconnects: Counter,
    probes: Family<Outcome, Counter>,
    questions: Family<Call, Counter>,
    rebuilds: Counter,
    events: Family<Kind, Counter>,
    step_seconds: Histogram,
}

impl std::fmt::Debug for CallHistogram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CallHistogram")
    }
}

impl Default for Meters {
    fn default() -> Self {
        let mut meters = Self {
            registry: Registry::with_prefix("acefleet"),
            requests: Family::default(),
            request_seconds: Histogram::new(CALL_BOUNDS_S),
            docker_calls: Family::default(),
            docker_seconds: Family::new_with_constructor(CallHistogram),
            docker_reconnects: Counter::default(),
            probes: Family::default(),
            questions: Family::default(),
            rebuilds: Counter::default(),
            events: Family::default(),
            step_seconds: Histogram::new(STEP_BOUNDS_S),
        };
        meters.register();
        meters
    }
}

impl Meters {
    fn register(&mut self) {
        let to = &mut self.registry;
        to.register("http_requests", "Requests answered, by route and status", self.requests.clone());
        to.register_with_unit(
            "http_request_duration",
            "How long requests took to answer",
            Unit::Seconds,
            self.request_seconds.clone(),
        );
        let help = "Calls to Docker, by verb and outcome: done, refused or unknown";
        to.register("docker_calls", help, self.docker_calls.clone());
        to.register_with_unit(
            "docker_call_duration",
            "How long calls to Docker took, by verb",
            Unit::Seconds,
            self.docker_seconds.clone(),
        );
        let help = "How often Docker's event stream had to be opened again";
        to.register("docker_event_stream_reconnects", help, self.docker_reconnects.clone());
        let help = "Engines asked how they are, by outcome: done if both questions were answered";
        to.register("engine_probes", help, self.probes.clone());
        let help = "Questions and orders to control servers, by verb and outcome";
        to.register("gluetun_calls", help, self.questions.clone());
        let help = "How often the core broke and was built anew";
        to.register("core_rebuilds", help, self.rebuilds.clone());
        to.register("core_events", "Events that the core was told, by kind", self.events.clone());
        to.register_with_unit(
            "core_step_duration",
            "How long the core took for one event and what follows from it",
            Unit::Seconds,
            self.step_seconds.clone(),
        );
    }

    /// A request was answered.
    pub fn request(&self, route: &str, status: u16, took: Duration) {
        self.requests.get_or_create(&Route { route: route.to_owned(), status }).inc();
        self.request_seconds.observe(took.as_secs_f64());
    }

    /// Docker was called.
    pub fn docker_call(&self, verb: &'static str, outcome: CameOut, took: Duration) {
        self.docker_calls.get_or_create(&Call { verb, outcome: outcome.word() }).inc();
        self.docker_seconds.get_or_create(&Verb { verb }).observe(took.as_secs_f64());
    }

    /// Docker's event stream was opened again.
    pub fn docker_reconnected(&self) {
        self.docker_reconnects.inc();
    }

    /// An engine was asked how it is.
    pub fn probe(&self, outcome: CameOut) {
        self.probes.get_or_create(&Outcome { outcome: outcome.word() }).inc();
    }

    /// A control server was asked, or told.
    pub fn gluetun_call(&self, verb: &'static str, outcome: CameOut) {
        self.questions.get_or_create(&Call { verb, outcome: outcome.word() }).inc();
    }

    /// The core broke and was built anew.
    pub fn rebuilt(&self) {
        self.rebuilds.inc();
    }

    /// The core was told something, and took so long.
    pub fn step(&self, kind: &'static str, took: Duration) {
        self.events.get_or_create(&Kind { kind }).inc();
        self.step_seconds.observe(took.as_secs_f64());
    }

    /// Everything that is counted and shown, in the form that the asker reads, and its content type.
    pub fn text<'a>(
        &self,
        snapshot: &Snapshot,
        totals: Totals,
        accept: impl Iterator<Item = &'a str>,
    ) -> (&'static str, String) {
        let shown = Shown::of(snapshot, totals);
        let open = text::open_metrics(&[&self.registry, &shown.registry()]);
        if text::wants_open_metrics(accept) {
            (text::OPEN_METRICS, open)
        } else {
            (text::CLASSIC, text::classic(&open))
        }
    }
}
