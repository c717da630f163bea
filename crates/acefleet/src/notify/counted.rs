//! What is counted of alerts and messages. Clones count together.

use super::alert::Topic;
use super::target::{Kind, Target};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::collections::BTreeMap;

/// How a message to a receiver ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum End {
    /// It arrived.
    Delivered,
    /// The receiver will not have it.
    Refused,
    /// It was tried often enough.
    Failed,
    /// Too many others waited.
    Dropped,
}

impl End {
    const ALL: [Self; 4] = [Self::Delivered, Self::Refused, Self::Failed, Self::Dropped];

    const fn word(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Dropped => "dropped",
        }
    }
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Ended {
    receiver: &'static str,
    outcome: &'static str,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct Whom {
    receiver: &'static str,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, EncodeLabelSet)]
struct About {
    topic: &'static str,
}

/// What is counted of alerts and messages.
#[derive(Clone, Debug, Default)]
pub struct Counted {
    ends: Family<Ended, Counter>,
    retries: Family<Whom, Counter>,
    alerts: Family<About, Gauge>,
}

impl Counted {
    /// Lets all of them be seen, each label's every value included: what has never happened is zero.
    pub(crate) fn register(&self, to: &mut Registry) {
        for receiver in Kind::WORDS {
            drop(self.retries.get_or_create(&Whom { receiver }));
            for outcome in End::ALL.map(End::word) {
                drop(self.ends.get_or_create(&Ended { receiver, outcome }));
            }
        }
        for topic in Topic::ALL.map(Topic::word) {
            drop(self.alerts.get_or_create(&About { topic }));
        }
        let help = "Messages to receivers of alerts, by kind of receiver and outcome: delivered, refused, failed after \
                    several attempts, or dropped because too many waited";
        to.register("notifications", help, self.ends.clone());
        let help = "Messages that had to be sent again, by kind of receiver";
        to.register("notification_retries", help, self.retries.clone());
        to.register("alerts_active", "Alerts that hold now, by what they are about", self.alerts.clone());
    }

    pub(super) fn ended(&self, target: &Target, end: End) {
        self.ends.get_or_create(&Ended { receiver: target.kind.word(), outcome: end.word() }).inc();
    }

    pub(super) fn retried(&self, target: &Target) {
        self.retries.get_or_create(&Whom { receiver: target.kind.word() }).inc();
    }

    pub(super) fn alerts(&self, held: &BTreeMap<Topic, usize>) {
        for (topic, number) in held {
            let gauge = self.alerts.get_or_create(&About { topic: topic.word() });
            gauge.set(i64::try_from(*number).unwrap_or(i64::MAX));
        }
    }
}
