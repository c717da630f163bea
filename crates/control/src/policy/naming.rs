//! What a new container is called: its prefix, which is `acestream` for an engine, and the lowest free number.

use crate::ids::Name;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};

/// What engines' names begin with. No other container's may.
pub const ENGINES: &str = "acestream";

/// Numbers behind one prefix that are taken: by any container of anybody, in any state, or by an operation that is
/// not settled.
#[derive(Clone, Debug)]
pub struct Numbers {
    prefix: String,
    taken: BTreeSet<u32>,
}

/// Those of engines.
impl Default for Numbers {
    fn default() -> Self {
        Self::behind(ENGINES)
    }
}

impl Numbers {
    /// Those behind this prefix, none of which is taken yet.
    pub fn behind(prefix: &str) -> Self {
        Self { prefix: prefix.to_string(), taken: BTreeSet::new() }
    }

    /// Takes the number of a name, if it has one.
    pub fn take(&mut self, name: &Name) {
        self.taken.extend(number_behind(&self.prefix, name));
    }

    /// The name with the lowest free number, which is taken then.
    pub fn lowest_free(&mut self) -> Name {
        // The numbers that are taken from one on without a gap, walked along: to look each of them up takes far longer.
        let row = self.taken.range(1..).zip(1..).take_while(|(taken, number)| *taken == number).count();
        self.claim(u32::try_from(row).map_or(u32::MAX, |row| row.saturating_add(1)))
    }

    /// The name with the number above the highest that is taken. What the mission forbids: for a canary.
    #[cfg(feature = "canary")]
    pub fn next_above(&mut self) -> Name {
        self.claim(self.taken.last().map_or(1, |highest| highest + 1))
    }

    fn claim(&mut self, number: u32) -> Name {
        self.taken.insert(number);
        Name::from(format!("{}-{number}", self.prefix).as_str())
    }
}

/// The number of an engine's name; `None` for a name that we would not give.
pub fn number(name: &Name) -> Option<u32> {
    number_behind(ENGINES, name)
}

fn number_behind(prefix: &str, name: &Name) -> Option<u32> {
    let digits = name.as_str().strip_prefix(prefix)?.strip_prefix('-')?;
    // "acestream-07" and "acestream-+7" are other names than "acestream-7".
    digits.starts_with(|first: char| matches!(first, '1'..='9')).then(|| digits.parse().ok())?
}
