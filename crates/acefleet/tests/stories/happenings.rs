//! What happens to containers, as Docker tells it to everybody: so that nothing which was done and undone is missed.

use crate::ground::{Ground, Listening};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A container's id, and since when it runs: neither changes unless somebody touches it.
pub(crate) type Life = (String, String);

/// What happened, a word for it, and whom it happened to, in order.
pub(crate) type Happened = Arc<Mutex<Vec<(String, String)>>>;

/// Everything that happens from now on.
pub(crate) struct Happenings {
    told: Happened,
    _listening: Listening,
}

impl Happenings {
    /// Listens from now on.
    pub(crate) fn from_now(ground: &Ground) -> Self {
        let told = Happened::default();
        Self { told: told.clone(), _listening: ground.listen(told) }
    }

    /// The containers to which this happened, each time it did, in order.
    pub(crate) fn all(&self, kind: &str) -> Vec<String> {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.iter().filter(|(happened, _)| happened == kind).map(|(_, name)| name.clone()).collect()
    }

    /// How many engines there were at most, if there were so many at the beginning.
    pub(crate) fn most_engines(&self, at_first: usize) -> usize {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let engines = told.iter().filter(|(_, name)| name.starts_with("acestream-"));
        let counts = engines.scan(at_first, |count, (happened, _)| {
            match happened.as_str() {
                "create" => *count += 1,
                "destroy" => *count = count.saturating_sub(1),
                _ => {}
            }
            Some(*count)
        });
        counts.max().unwrap_or(at_first)
    }

    /// The engines that were created, each time one was, by number.
    pub(crate) fn engines_created(&self) -> Vec<String> {
        let mut names = self.all("create");
        names.retain(|name| name.starts_with("acestream-"));
        names.sort_by_key(|name| (name.len(), name.clone()));
        names
    }
}

/// The lives of containers.
pub(crate) fn lives<'a>(ground: &Ground, names: impl IntoIterator<Item = &'a str>) -> BTreeMap<String, Life> {
    ground.lives_of(names)
}
