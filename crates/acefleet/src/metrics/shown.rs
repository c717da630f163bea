//! Numbers that a picture shows: those that dashboards know by the names of old, and our own.

use crate::api::wire::engine::shown_state;
use crate::api::wire::status::{count_health, count_healthy, count_live};
use crate::api::wire::vpn::{health_word, is_connected};
use crate::history::Totals;
use control::Snapshot;
use control::policy::breaker::Phase;
use control::snapshot::{EngineHealth, VpnView};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use std::collections::BTreeMap;
use std::fmt;

/// The states of a VPN's health, as dashboards know them.
const HEALTH_STATES: [&str; 5] = ["healthy", "unhealthy", "unknown", "disabled", "starting"];
/// KiB in a megabyte, as the reference counted it.
const KIB_PER_MB: f64 = 1024.0;

/// One name with its values.
#[derive(Clone, Debug)]
struct Number {
    kind: MetricType,
    name: &'static str,
    help: &'static str,
    values: Values,
}

/// One value, or one for each value of a label.
#[derive(Clone, Debug)]
enum Values {
    One(f64),
    Labelled(&'static str, Vec<(String, f64)>),
}

/// Everything that a picture shows.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    numbers: Vec<Number>,
}

impl Shown {
    pub(super) fn of(snapshot: &Snapshot, totals: Totals) -> Self {
        let mut numbers = kept(snapshot, totals);
        numbers.extend(ours(snapshot));
        numbers.extend(counted(snapshot));
        Self { numbers }
    }

    pub(super) fn registry(self) -> Registry {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        registry
    }
}

impl Collector for Shown {
    fn encode(&self, mut to: DescriptorEncoder) -> Result<(), fmt::Error> {
        for number in &self.numbers {
            let help = format!("{}.", number.help);
            let mut metric = to.encode_descriptor(number.name, &help, None, number.kind)?;
            match &number.values {
                Values::One(value) => number.write(*value, metric)?,
                Values::Labelled(key, values) => {
                    for (word, value) in values {
                        number.write(*value, metric.encode_family(&[(*key, word.as_str())])?)?;
                    }
                }
            }
        }
        Ok(())
    }
}

impl Number {
    fn write(&self, value: f64, to: MetricEncoder) -> Result<(), fmt::Error> {
        if matches!(self.kind, MetricType::Counter) {
            ConstCounter::new(value).encode(to)
        } else {
            ConstGauge::new(value).encode(to)
        }
    }

    /// The same as a number that only grows: its name gets `_total` where it is written.
    const fn that_grows(mut self) -> Self {
        self.kind = MetricType::Counter;
        self
    }
}

fn plain(name: &'static str, help: &'static str, value: f64) -> Number {
    Number { kind: MetricType::Gauge, name, help, values: Values::One(value) }
}

fn labelled(
    name: &'static str,
    help: &'static str,
    label: &'static str,
    values: impl IntoIterator<Item = (String, f64)>,
) -> Number {
    Number {
        kind: MetricType::Gauge,
        name,
        help,
        values: Values::Labelled(label, values.into_iter().collect()),
    }
}

#[allow(clippy::cast_precision_loss, reason = "no dashboard tells 2^53 bytes from one more")]
const fn whole(number: u64) -> f64 {
    number as f64
}

fn count(number: usize) -> f64 {
    whole(u64::try_from(number).unwrap_or(u64::MAX))
}

fn states(name: &'static str, help: &'static str, present: &str) -> Number {
    let value = |state: &str| if state == present { 1.0 } else { 0.0 };
    labelled(name, help, name, HEALTH_STATES.map(|state| (state.to_owned(), value(state))))
}

/// Names that dashboards already know.
fn kept(snapshot: &Snapshot, totals: Totals) -> Vec<Number> {
    let reports = || {
        let live = snapshot.streams.iter().filter(|view| view.ended.is_none());
        live.filter_map(|view| view.report.as_ref())
    };
    let sum = |of: fn(&control::event::SessionReport) -> u64| whole(reports().map(of).sum());
    let vpn = |place: usize| snapshot.vpns.get(place);
    let health = |place| vpn(place).map_or("disabled", health_word);
    let together = match snapshot.vpns.as_slice() {
        [] => "disabled",
        [only] => health_word(only),
        several if several.iter().any(is_connected) => "healthy",
        _several => "unhealthy",
    };
    let on = |place| count(vpn(place).map_or(0, |view: &VpnView| view.engines));
    let used = snapshot.engines.iter().filter(|view| !view.streams.is_empty()).count();
    let extra = snapshot.capacity.total.saturating_sub(snapshot.capacity.minimum);
    vec![
        plain(
            "orch_stale_streams_detected",
            "Announced streams that ended because their engine no longer knew them",
            whole(snapshot.counts.stale_streams),
        )
        .that_grows(),
        plain("orch_total_uploaded_bytes", "Bytes that engines have sent to peers", whole(totals.uploaded)),
        plain("orch_total_downloaded_bytes", "Bytes that engines have received", whole(totals.downloaded)),
        plain(
            "orch_total_upload_speed_mbps",
            "Megabytes per second that engines send to peers",
            sum(|report| report.speed_up) / KIB_PER_MB,
        ),
        plain(
            "orch_total_download_speed_mbps",
            "Megabytes per second that engines receive",
            sum(|report| report.speed_down) / KIB_PER_MB,
        ),
        plain("orch_total_peers", "Peers of all streams", sum(|report| report.peers)),
        plain("orch_total_streams", "Streams that go on", count(count_live(snapshot))),
        plain(
            "orch_healthy_engines",
            "Engines that are offered and whose last answer was good",
            count(count_healthy(snapshot)),
        ),
        plain(
            "orch_unhealthy_engines",
            "Engines that have not answered several times in a row",
            count(count_health(snapshot, EngineHealth::Unhealthy)),
        ),
        plain("orch_used_engines", "Engines with a stream", count(used)),
        states("orch_vpn_health", "Health of the VPNs together", together),
        states("orch_vpn1_health", "Health of the first VPN", health(0)),
        states("orch_vpn2_health", "Health of the second VPN", health(1)),
        plain("orch_vpn1_engines", "Engines on the first VPN", on(0)),
        plain("orch_vpn2_engines", "Engines on the second VPN", on(1)),
        plain("orch_extra_engines", "Engines beyond the minimum", count(extra)),
    ]
}

/// Names of our own.
fn ours(snapshot: &Snapshot) -> Vec<Number> {
    let by_vpn = |name, help, value: fn(&VpnView) -> f64| {
        let values = snapshot.vpns.iter().map(|view| (view.container_name.to_string(), value(view)));
        labelled(name, help, "vpn", values)
    };
    let mut by_state: BTreeMap<&str, usize> = BTreeMap::new();
    for view in &snapshot.engines {
        let state = shown_state(snapshot, view);
        *by_state.entry(state).or_default() += 1;
    }
    let by_state = by_state.into_iter().map(|(state, number)| (state.to_owned(), count(number)));
    let viewers = [("watching", snapshot.viewers.watching), ("waiting", snapshot.viewers.waiting)];
    let breakers = snapshot
        .breakers
        .iter()
        .map(|(kind, breaker)| (kind.as_str().to_owned(), f64::from(breaker.phase() != Phase::Closed)));
    vec![
        labelled(
            "acefleet_engines",
            "Engines, by the word that `/engines` has for their state",
            "state",
            by_state,
        ),
        plain("acefleet_engines_desired", "Engines that should serve", count(snapshot.capacity.desired)),
        plain("acefleet_engines_limit", "The most engines that may exist", count(snapshot.capacity.limit)),
        labelled(
            "acefleet_viewers",
            "Viewers of the proxy",
            "state",
            viewers.map(|(state, number)| (state.to_owned(), count(number))),
        ),
        by_vpn("acefleet_vpn_connected", "Whether a VPN's engines can be used", |view| {
            f64::from(is_connected(view))
        }),
        by_vpn("acefleet_vpn_engines", "Engines on a VPN", |view| count(view.engines)),
        by_vpn("acefleet_vpn_forwarded_port", "The port that a VPN forwards; 0: none", |view| {
            f64::from(view.forwarded_port.unwrap_or(0))
        }),
        by_vpn(
            "acefleet_vpn_port_flaps",
            "Whether a VPN's forwarded port changes so often that it is not followed each time",
            |view| f64::from(view.port_flaps),
        ),
        labelled(
            "acefleet_circuit_breaker_open",
            "Whether a circuit breaker holds creations back",
            "kind",
            breakers,
        ),
        plain("acefleet_docker_reachable", "Whether Docker answers", f64::from(snapshot.docker_reachable)),
        plain("acefleet_ready", "Whether the first complete look has been had", f64::from(snapshot.ready)),
        plain(
            "acefleet_emergency_active",
            "Whether some VPN failed while others carry on",
            f64::from(snapshot.emergency.entered_at.is_some()),
        ),
        plain(
            "acefleet_passive",
            "Whether acefleet stands back because somebody else changes its containers",
            f64::from(snapshot.passive.is_some()),
        ),
    ]
}

/// What the core has counted.
fn counted(snapshot: &Snapshot) -> Vec<Number> {
    let by_vpn = |name, help, value: fn(&VpnView) -> u64| {
        let values = snapshot.vpns.iter().map(|view| (view.container_name.to_string(), whole(value(view))));
        labelled(name, help, "vpn", values).that_grows()
    };
    let journal = snapshot.counts.journal.iter().map(|(kind, number)| ((*kind).to_owned(), whole(*number)));
    vec![
        plain("acefleet_failovers", "Emergencies that were entered", whole(snapshot.counts.failovers))
            .that_grows(),
        by_vpn("acefleet_vpn_failures", "How often a VPN has failed", |view| view.failures),
        by_vpn("acefleet_vpn_port_changes", "How often a VPN's forwarded port has changed", |view| {
            view.port_changes
        }),
        labelled(
            "acefleet_journal_entries",
            "Entries of the journal, by kind: what was decided and seen",
            "kind",
            journal,
        )
        .that_grows(),
    ]
}
