//! What the data plane counts for Prometheus. What is counted never influences anything.

use super::viewer::Because;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use std::time::Duration;

/// Bounds of how long viewers wait, in seconds: from what nobody notices to what everybody leaves for.
const WAIT_BOUNDS_S: [f64; 12] = [0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 60.0];

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Why {
    because: &'static str,
}

/// What the data plane counts. Clones count together.
#[derive(Clone, Debug)]
pub struct Meters {
    pub(super) viewers: Gauge,
    pub(super) channels: Gauge,
    pub(super) bytes_in: Counter,
    pub(super) bytes_out: Counter,
    pub(super) moves: Counter,
    pub(super) skips: Counter,
    pub(super) cuts: Counter,
    pub(super) breaks: Counter,
    refusals: Family<Why, Counter>,
    first_byte: Histogram,
    failover: Histogram,
}

impl Default for Meters {
    fn default() -> Self {
        Self {
            viewers: Gauge::default(),
            channels: Gauge::default(),
            bytes_in: Counter::default(),
            bytes_out: Counter::default(),
            moves: Counter::default(),
            skips: Counter::default(),
            cuts: Counter::default(),
            breaks: Counter::default(),
            refusals: Family::default(),
            first_byte: Histogram::new(WAIT_BOUNDS_S),
            failover: Histogram::new(WAIT_BOUNDS_S),
        }
    }
}

impl Meters {
    /// Lets all of it be seen.
    pub fn register(&self, to: &mut Registry) {
        // What has not happened yet is zero, and so the first time is an increase.
        for because in Because::ALL.map(Because::word) {
            drop(self.refusals.get_or_create(&Why { because }));
        }
        to.register("proxy_viewers", "Connections that watch a channel", self.viewers.clone());
        to.register("proxy_channels", "Channels that are watched", self.channels.clone());
        let help = "Bytes that engines have delivered to channels";
        to.register_with_unit("proxy_in", help, Unit::Bytes, self.bytes_in.clone());
        let help = "Bytes that viewers were given";
        to.register_with_unit("proxy_out", help, Unit::Bytes, self.bytes_out.clone());
        let help = "How often a channel has moved to another session while it was watched";
        to.register("proxy_moves", help, self.moves.clone());
        let help = "How often viewers fell back too far and went on at a later picture";
        to.register("proxy_skips", help, self.skips.clone());
        let help = "Viewers who were cut because they took nothing";
        to.register("proxy_cuts", help, self.cuts.clone());
        let help = "Channels whose task was at fault";
        to.register("proxy_broken_channels", help, self.breaks.clone());
        let help = "Viewers who were not served, or not any further, by kind of obstacle";
        to.register("proxy_refusals", help, self.refusals.clone());
        let help = "How long viewers waited for the first packet of what they wanted to watch";
        to.register_with_unit("proxy_first_byte", help, Unit::Seconds, self.first_byte.clone());
        let help = "How long viewers were sent nothing of their channel while it moved to another session";
        to.register_with_unit("proxy_failover_silence", help, Unit::Seconds, self.failover.clone());
    }

    pub(super) fn refused(&self, because: &'static str) {
        self.refusals.get_or_create(&Why { because }).inc();
    }

    #[cfg(test)]
    pub(super) fn refusals(&self, because: &'static str) -> u64 {
        self.refusals.get_or_create(&Why { because }).get()
    }

    pub(super) fn waited(&self, time: Duration) {
        self.first_byte.observe(time.as_secs_f64());
    }

    pub(super) fn silence(&self, time: Duration) {
        self.failover.observe(time.as_secs_f64());
    }
}
