//! What a new engine is called: `acestream-N` with the lowest free number.

use crate::ids::Name;
use alloc::collections::BTreeSet;
use alloc::format;

const PREFIX: &str = "acestream-";

/// Numbers that are taken: by any container of anybody, in any state, or by an operation that is not settled.
#[derive(Clone, Debug, Default)]
pub struct Numbers(BTreeSet<u32>);

impl Numbers {
    /// Takes the number of a name, if it has one.
    pub fn take(&mut self, name: &Name) {
        self.0.extend(number(name));
    }

    /// The name with the lowest free number, which is taken then.
    pub fn lowest_free(&mut self) -> Name {
        // The numbers that are taken from one on without a gap, walked along: to look each of them up takes far longer.
        let row = self.0.range(1..).zip(1..).take_while(|(taken, number)| *taken == number).count();
        self.claim(u32::try_from(row).map_or(u32::MAX, |row| row.saturating_add(1)))
    }

    /// The name with the number above the highest that is taken. What the mission forbids: for a canary.
    #[cfg(feature = "canary")]
    pub fn next_above(&mut self) -> Name {
        self.claim(self.0.last().map_or(1, |highest| highest + 1))
    }

    fn claim(&mut self, number: u32) -> Name {
        self.0.insert(number);
        Name::from(format!("{PREFIX}{number}").as_str())
    }
}

/// The number of an engine's name; `None` for a name that we would not give.
pub fn number(name: &Name) -> Option<u32> {
    let digits = name.as_str().strip_prefix(PREFIX)?;
    // "acestream-07" and "acestream-+7" are other names than "acestream-7".
    digits.starts_with(|first: char| matches!(first, '1'..='9')).then(|| digits.parse().ok())?
}
