//! Numbers for Prometheus: what adapters and the API count while they work, and what a picture shows.
//!
//! [`Meters`] is handed to whoever counts. Names, units and meanings are here, in `shown` and in `spans`; a part of the
//! program with many numbers of its own has them in a file of its own, and a field here. What is counted never
//! influences anything. Labels have a bounded number of values, and those that are known are there from the start, as
//! zero, so that the first failure of a kind is an increase.

mod shown;
pub mod spans;
mod text;

use crate::history::Totals;
use crate::runtime::Failure;
use crate::store;
use control::Snapshot;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use shown::Shown;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Bounds of histograms of answers and calls, in seconds: from a tenth of a millisecond to a timeout of
/// Docker's.
const CALL_BOUNDS_S: [f64; 14] =
    [0.000_1, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 2.5, 10.0, 30.0];
/// What Docker is asked to do. Only listings are repeated at once when they fail.
const DOCKER_VERBS: [&str; 13] = [
    "ping", LIST, "inspect", "create", "start", "restart", "stop", "remove", "exec", "logs", "usage", "pull",
    "events",
];
const LIST: &str = "list";
/// What control servers are asked and told.
const GLUETUN_VERBS: [&str; 4] = ["status", "ports", "public_ip", "order"];
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
    /// How a call to what runs containers came out.
    pub const fn of<T>(ended: &Result<T, Failure>) -> Self {
        match ended {
            Ok(_) => Self::Done,
            Err(Failure::Refused(_)) => Self::Refused,
            Err(Failure::Unknown(_)) => Self::Unknown,
        }
    }

    const ALL: [Self; 3] = [Self::Done, Self::Refused, Self::Unknown];

    const fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
        }
    }
}

/// A call to Docker that is under way. It is counted when it ends, and as unknown if nobody has waited for that.
struct Calling<'a> {
    meters: &'a Meters,
    verb: &'static str,
    began: Instant,
    came_out: CameOut,
}

impl Drop for Calling<'_> {
    fn drop(&mut self) {
        self.meters.docker_call(self.verb, self.came_out, self.began.elapsed());
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
    /// What is counted of alerts.
    pub notify: crate::notify::Counted,
    /// How long things took that begin with one entry of the journal and end with another.
    pub spans: spans::Spans,
    /// What the data plane counts.
    pub proxy: crate::proxy::Meters,
    requests: Family<Route, Counter>,
    request_seconds: Histogram,
    docker_calls: Family<Call, Counter>,
    docker_seconds: Family<Verb, Histogram, CallHistogram>,
    docker_retries: Family<Verb, Counter>,
    /// The last listing failed, so that the next one is tried again.
    listing_failed: AtomicBool,
    docker_reconnects: Counter,
    probes: Family<Outcome, Counter>,
    questions: Family<Call, Counter>,
    rebuilds: Counter,
    events: Family<Kind, Counter>,
    step_seconds: Histogram,
    store_usable: Gauge,
    store_failures: Family<Kind, Counter>,
    store_dropped: Family<Kind, Counter>,
    store_rows: Counter,
    store_batch_seconds: Histogram,
    store_pruned_rows: Counter,
    store_file_bytes: Gauge,
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
            notify: crate::notify::Counted::default(),
            spans: spans::Spans::default(),
            proxy: crate::proxy::Meters::default(),
            requests: Family::default(),
            request_seconds: Histogram::new(CALL_BOUNDS_S),
            docker_calls: Family::default(),
            docker_seconds: Family::new_with_constructor(CallHistogram),
            docker_retries: Family::default(),
            listing_failed: AtomicBool::new(false),
            docker_reconnects: Counter::default(),
            probes: Family::default(),
            questions: Family::default(),
            rebuilds: Counter::default(),
            events: Family::default(),
            step_seconds: Histogram::new(STEP_BOUNDS_S),
            store_usable: Gauge::default(),
            store_failures: Family::default(),
            store_dropped: Family::default(),
            store_rows: Counter::default(),
            store_batch_seconds: Histogram::new(CALL_BOUNDS_S),
            store_pruned_rows: Counter::default(),
            store_file_bytes: Gauge::default(),
        };
        meters.register();
        meters.begin();
        meters
    }
}

impl Meters {
    fn register(&mut self) {
        let to = &mut self.registry;
        self.notify.register(to);
        self.spans.register(to);
        self.proxy.register(to);
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
        let help = "Calls to Docker that were made because the one before had failed, by verb";
        to.register("docker_retries", help, self.docker_retries.clone());
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
        let help = "Lines of the log that were not written, because the disk or whoever reads them was too slow or \
                    refused them";
        to.register("log_lines_lost", help, crate::log::present().lost());
        self.register_store();
    }

    fn register_store(&mut self) {
        let to = &mut self.registry;
        let help = "Whether history is written; if not, it is kept in memory as far as there is room";
        to.register("store_usable", help, self.store_usable.clone());
        let help = "How often the store's file could not be used, by what was wrong";
        to.register("store_failures", help, self.store_failures.clone());
        let help = "What was forgotten because it could not be written in time, by kind";
        to.register("store_dropped", help, self.store_dropped.clone());
        to.register("store_rows", "Rows that were written to the store", self.store_rows.clone());
        to.register_with_unit(
            "store_batch_duration",
            "How long the disk took to take a batch of rows",
            Unit::Seconds,
            self.store_batch_seconds.clone(),
        );
        let help = "Rows that were removed because they were too old or too many";
        to.register("store_pruned_rows", help, self.store_pruned_rows.clone());
        let help = "Size of the store's file";
        to.register_with_unit("store_file", help, Unit::Bytes, self.store_file_bytes.clone());
    }

    /// What is known to happen is there before it has happened.
    fn begin(&self) {
        for outcome in CameOut::ALL.map(CameOut::word) {
            drop(self.probes.get_or_create(&Outcome { outcome }));
            for verb in DOCKER_VERBS {
                drop(self.docker_calls.get_or_create(&Call { verb, outcome }));
                drop(self.docker_seconds.get_or_create(&Verb { verb }));
            }
            for verb in GLUETUN_VERBS {
                drop(self.questions.get_or_create(&Call { verb, outcome }));
            }
        }
        drop(self.docker_retries.get_or_create(&Verb { verb: LIST }));
        for kind in store::FAILURES {
            drop(self.store_failures.get_or_create(&Kind { kind }));
        }
        for kind in store::kinds_dropped() {
            drop(self.store_dropped.get_or_create(&Kind { kind }));
        }
    }

    /// A request was answered.
    pub fn request(&self, route: &str, status: u16, took: Duration) {
        self.requests.get_or_create(&Route { route: route.to_owned(), status }).inc();
        self.request_seconds.observe(took.as_secs_f64());
    }

    /// Docker was called.
    pub fn docker_call(&self, verb: &'static str, outcome: CameOut, took: Duration) {
        if verb == LIST && self.listing_failed.swap(outcome != CameOut::Done, Ordering::Relaxed) {
            self.docker_retries.get_or_create(&Verb { verb }).inc();
        }
        self.docker_calls.get_or_create(&Call { verb, outcome: outcome.word() }).inc();
        self.docker_seconds.get_or_create(&Verb { verb }).observe(took.as_secs_f64());
    }

    /// Calls Docker and counts that, however it ends.
    pub async fn docker_counted<T>(
        &self,
        verb: &'static str,
        call: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let mut calling = Calling { meters: self, verb, began: Instant::now(), came_out: CameOut::Unknown };
        let ended = call.await;
        calling.came_out = CameOut::of(&ended);
        ended
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

    /// The store can be written to, or cannot.
    pub fn store_usable(&self, usable: bool) {
        self.store_usable.set(i64::from(usable));
    }

    /// The store could not be used.
    pub fn store_failed(&self, why: &'static str) {
        self.store_failures.get_or_create(&Kind { kind: why }).inc();
    }

    /// So much was forgotten before it was written.
    pub fn store_dropped(&self, kind: &'static str, number: usize) {
        self.store_dropped.get_or_create(&Kind { kind }).inc_by(number as u64);
    }

    /// So many rows were written at once.
    pub fn store_batch(&self, rows: usize, took: Duration) {
        self.store_rows.inc_by(rows as u64);
        self.store_batch_seconds.observe(took.as_secs_f64());
    }

    /// So many rows were removed, and the file is so large now.
    pub fn store_pruned(&self, rows: usize, file_bytes: u64) {
        self.store_pruned_rows.inc_by(rows as u64);
        self.store_file_bytes.set(i64::try_from(file_bytes).unwrap_or(i64::MAX));
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

#[cfg(test)]
mod tests {
    use super::*;
    use control::Control;
    use control::event::{Refusal, Silence};
    use std::future::pending;

    fn text(meters: &Meters) -> String {
        let snapshot = Control::new(control::Settings::default(), control::Time::ZERO, 1).snapshot();
        meters.text(&snapshot, Totals::default(), std::iter::empty()).1
    }

    fn says(meters: &Meters, line: &str) {
        let text = text(meters);
        assert!(text.lines().any(|told| told == line), "{line} is missing in\n{text}");
    }

    #[test]
    fn what_can_be_wrong_with_the_store_is_there_as_zero_before_it_was_ever_wrong() {
        let meters = Meters::default();
        for kind in store::FAILURES {
            says(&meters, &format!("acefleet_store_failures_total{{kind=\"{kind}\"}} 0"));
        }
        for kind in ["sample", "stream", "journal", "state"] {
            says(&meters, &format!("acefleet_store_dropped_total{{kind=\"{kind}\"}} 0"));
        }
    }

    #[tokio::test]
    async fn a_call_is_counted_by_how_it_ended_and_as_unknown_if_nobody_waited() {
        let meters = Meters::default();
        let called = |outcome, times| {
            let call = format!("verb=\"logs\",outcome=\"{outcome}\"");
            says(&meters, &format!("acefleet_docker_calls_total{{{call}}} {times}"));
        };
        ["done", "refused", "unknown"].into_iter().for_each(|outcome| called(outcome, 0));
        let calls = [
            Ok(()),
            Err(Failure::Refused(Refusal::NoSuchContainer)),
            Err(Failure::Unknown(Silence::TimedOut)),
        ];
        for ended in calls {
            assert_eq!(meters.docker_counted("logs", async { ended.clone() }).await, ended);
        }
        ["done", "refused", "unknown"].into_iter().for_each(|outcome| called(outcome, 1));
        let given_up = meters.docker_counted("logs", pending::<Result<(), Failure>>());
        drop(tokio::time::timeout(Duration::from_millis(1), given_up).await);
        called("unknown", 2);
    }
}
