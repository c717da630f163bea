//! Compares what acefleet lists with what is true at the machine: an engine that is listed and that nobody can reach
//! is what a client would stumble over.
//!
//! It looks at the stand-ins themselves and asks nobody; nothing is done about what it sees.

use super::stage::Stage;
use control::ids::Name;
use control::policy::offering::Standing;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// How often is compared.
const EVERY: Duration = Duration::from_millis(100);

/// Engines that were listed although nobody could reach them.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Unreachable {
    /// The longest that one was listed so.
    pub(super) longest: Duration,
    /// Which one that was.
    pub(super) engine: Option<String>,
}

/// What has been seen. Cheap to clone.
#[derive(Clone, Default, Debug)]
pub(super) struct Watch(Arc<Mutex<Seen>>);

#[derive(Default, Debug)]
struct Seen {
    since: BTreeMap<String, Instant>,
    worst: Unreachable,
}

impl Watch {
    /// Compares for ever.
    pub(super) async fn watch(self, stage: Arc<Stage>) {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.compare(&stage);
        }
    }

    /// The worst so far.
    pub(super) fn worst(&self) -> Unreachable {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).worst.clone()
    }

    fn compare(&self, stage: &Stage) {
        let picture = stage.gate().picture();
        let machine = stage.dock().see_all();
        let addresses: BTreeMap<_, _> = machine.iter().map(|seen| (&seen.name, seen.address)).collect();
        let address_of = |name: &Name| addresses.get(name).copied().flatten();
        let listed = picture.snapshot.engines.iter().filter(|engine| engine.standing == Standing::Offered);
        let now = Instant::now();
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut since = BTreeMap::new();
        for engine in listed {
            let name = engine.container_name.to_string();
            let own = address_of(&engine.container_name);
            // A process whose network has gone stays at the old address.
            let is_there = own.is_some() && own == address_of(&engine.host);
            if !is_there {
                let first = seen.since.get(&name).copied().unwrap_or(now);
                if now - first > seen.worst.longest {
                    seen.worst = Unreachable { longest: now - first, engine: Some(name.clone()) };
                }
                since.insert(name, first);
            }
        }
        seen.since = since;
    }
}
