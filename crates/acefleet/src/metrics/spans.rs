//! How long things took that begin with one entry of the journal and end with another: from the first sign of a VPN's
//! failure to the picture that hides its engines, and from the decision to create an engine to its being offered.
//!
//! It reads the journal like everybody else, so nothing that decides knows of it. Whatever never ends is forgotten.

use crate::driver::gate::{Gate, Picture};
use crate::metrics::Meters;
use control::Time;
use control::journal::{Entry, Subject, What};
use control::snapshot::Snapshot;
use control::vpn::Verdict;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Bounds, in seconds: from what a step of the core takes to a minute of doubt.
const HIDING_BOUNDS_S: [f64; 12] = [0.000_1, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0];
/// Bounds, in seconds: from an engine that is there at once to one whose image has to be fetched.
const PROVISIONING_BOUNDS_S: [f64; 12] = [0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 60.0, 180.0, 600.0];
/// Beginnings that are remembered at the same time. There are not that many engines.
const OPEN_MAX: usize = 4_096;

/// The numbers. Clones count together.
#[derive(Clone, Debug)]
pub struct Spans {
    hiding: Histogram,
    provisioning: Histogram,
}

impl Default for Spans {
    fn default() -> Self {
        Self { hiding: Histogram::new(HIDING_BOUNDS_S), provisioning: Histogram::new(PROVISIONING_BOUNDS_S) }
    }
}

impl Spans {
    pub(super) fn register(&self, to: &mut Registry) {
        let help =
            "How long it took from the first sign of a VPN's failure to the picture that hides its engines";
        to.register_with_unit("vpn_detection_to_hidden", help, Unit::Seconds, self.hiding.clone());
        let help = "How long it took from the decision to create an engine to its being offered";
        to.register_with_unit("engine_provisioning", help, Unit::Seconds, self.provisioning.clone());
    }
}

/// What has begun and not ended.
#[derive(Debug, Default)]
pub struct Open {
    /// VPNs, since when they are doubted or failed.
    signs: BTreeMap<String, Time>,
    /// Engines by name, since when they are being created.
    creations: BTreeMap<String, Time>,
}

/// What has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Span {
    /// A VPN's engines were hidden.
    Hidden(Duration),
    /// An engine is offered.
    Provisioned(Duration),
}

impl Open {
    /// Takes an entry. `now` is when a picture with it could be read.
    pub fn hear(&mut self, entry: &Entry, now: Time) -> Option<Span> {
        match &entry.subject {
            Subject::Vpn(_, name) => self.hear_of_vpn(name.as_str(), &entry.what, entry.at, now),
            Subject::Engine(_, name) => self.hear_of_engine(name.as_str(), &entry.what, entry.at, now),
            Subject::Fleet | Subject::Docker | Subject::Container(..) | Subject::Stream(_) => None,
        }
    }

    fn hear_of_vpn(&mut self, name: &str, what: &What, at: Time, now: Time) -> Option<Span> {
        if matches!(what, What::VpnDoubted) {
            remember(&mut self.signs, name, at);
        } else if matches!(what, What::VpnFailed) {
            let sign = self.signs.remove(name).unwrap_or(at);
            return Some(Span::Hidden(now.since(sign)));
        } else if matches!(what, What::VpnHealthy) {
            self.signs.remove(name);
        }
        None
    }

    fn hear_of_engine(&mut self, name: &str, what: &What, at: Time, now: Time) -> Option<Span> {
        if matches!(what, What::Create { .. }) {
            remember(&mut self.creations, name, at);
        } else if matches!(what, What::Offered) {
            return self.creations.remove(name).map(|began| Span::Provisioned(now.since(began)));
        } else if matches!(what, What::Remove | What::Gone) {
            self.creations.remove(name);
        }
        None
    }

    /// A doubt that came to nothing is no sign of the next failure.
    pub fn settle(&mut self, snapshot: &Snapshot) {
        let fine = |name: &str| {
            let mut vpns = snapshot.vpns.iter();
            vpns.any(|view| {
                view.container_name.as_str() == name
                    && view.verdict == Verdict::Healthy
                    && view.doubt.is_none()
            })
        };
        self.signs.retain(|name, _| !fine(name));
    }
}

/// The first moment counts, and no more than so many are kept.
fn remember(begun: &mut BTreeMap<String, Time>, name: &str, at: Time) {
    if begun.len() < OPEN_MAX {
        begun.entry(name.to_owned()).or_insert(at);
    }
}

/// Measures for as long as there are pictures.
pub async fn measure(gate: Gate, meters: Arc<Meters>, now: impl Fn() -> Time + Send) {
    let mut news = gate.news();
    let mut open = Open::default();
    let mut before: Option<Arc<Picture>> = None;
    while news.changed().await.is_ok() {
        let picture = gate.picture();
        let now = now();
        for news in picture.written_since(before.as_deref()) {
            match open.hear(&news.entry, now) {
                Some(Span::Hidden(took)) => meters.spans.hiding.observe(took.as_secs_f64()),
                Some(Span::Provisioned(took)) => meters.spans.provisioning.observe(took.as_secs_f64()),
                None => {}
            }
        }
        open.settle(&picture.snapshot);
        before = Some(picture);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use control::ids::VpnId;
    use control::journal::Expect;

    fn at(millis: u64) -> Time {
        Time::from_secs(1_000) + Duration::from_millis(millis)
    }

    fn entry(millis: u64, subject: Subject, what: What) -> Entry {
        Entry { seq: 1, at: at(millis), subject, what, why: vec![], expect: Expect::Nothing }
    }

    fn vpn(millis: u64, what: What) -> Entry {
        entry(millis, Subject::Vpn(VpnId(0), "one".into()), what)
    }

    fn engine(millis: u64, what: What) -> Entry {
        entry(millis, Subject::Engine(None, "acestream-1".into()), what)
    }

    const CREATE: What = What::Create { vpn: None, forwarded: None };

    #[test]
    fn a_failure_is_measured_from_the_first_doubt_or_from_itself() {
        let mut open = Open::default();
        assert_eq!(open.hear(&vpn(0, What::VpnFailed), at(2)), Some(Span::Hidden(Duration::from_millis(2))));
        assert_eq!(open.hear(&vpn(100, What::VpnDoubted), at(100)), None);
        assert_eq!(open.hear(&vpn(300, What::VpnDoubted), at(300)), None);
        let failed = open.hear(&vpn(500, What::VpnFailed), at(501));
        assert_eq!(failed, Some(Span::Hidden(Duration::from_millis(401))));
    }

    #[test]
    fn a_doubt_that_came_to_nothing_is_no_sign_of_the_next_failure() {
        let settings = control::Settings {
            vpns: vec![control::settings::VpnSettings { container: "one".into(), ports: None }],
            ..control::Settings::default()
        };
        let mut snapshot = control::Control::new(settings, at(0), 1).snapshot();
        let mut open = Open::default();
        open.hear(&vpn(0, What::VpnDoubted), at(0));
        snapshot.vpns[0].doubt = Some("it is asked".into());
        snapshot.vpns[0].verdict = Verdict::Healthy;
        open.settle(&snapshot);
        assert_eq!(open.signs.len(), 1);
        snapshot.vpns[0].doubt = None;
        open.settle(&snapshot);
        let failed = open.hear(&vpn(900, What::VpnFailed), at(901));
        assert_eq!(failed, Some(Span::Hidden(Duration::from_millis(1))));
    }

    #[test]
    fn an_engine_is_provisioned_when_it_is_offered_and_only_the_first_time() {
        let mut open = Open::default();
        open.hear(&engine(0, CREATE), at(0));
        let offered = open.hear(&engine(1_200, What::Offered), at(1_201));
        assert_eq!(offered, Some(Span::Provisioned(Duration::from_millis(1_201))));
        // It was hidden meanwhile.
        assert_eq!(open.hear(&engine(5_000, What::Offered), at(5_000)), None);
        open.hear(&engine(6_000, CREATE), at(6_000));
        open.hear(&engine(7_000, What::Remove), at(7_000));
        assert_eq!(open.hear(&engine(8_000, What::Offered), at(8_000)), None);
    }

    #[test]
    fn what_never_ends_is_bounded() {
        let mut open = Open::default();
        for number in 0..2 * OPEN_MAX {
            let name = format!("acestream-{number}");
            open.hear(&entry(0, Subject::Engine(None, name.as_str().into()), CREATE), at(0));
        }
        assert_eq!(open.creations.len(), OPEN_MAX);
    }
}
