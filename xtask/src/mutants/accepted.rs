//! The list of survivors that are no holes in the tests, and how a run is compared with it.
//!
//! A line is a mutant's name, ` | ` and the reason. Two mutants of one name need two lines. No file is read here.

use super::{Names, Results};

/// What stands between the name and the reason.
const SEPARATOR: &str = " | ";

/// A run beside the list.
pub(super) struct Compared {
    /// Survivors that are listed.
    pub(super) accepted: usize,
    /// Survivors that are not.
    pub(super) new: Names,
    /// Entries for which there is no survivor.
    pub(super) stale: Names,
}

/// Reads the list. Lines that begin with `#` are for people.
pub(super) fn parse(text: &str) -> Result<Names, String> {
    let mut names = Names::new();
    for (line, number) in text.lines().zip(1..) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        // The last one: a name may hold another, when an operator is replaced.
        let parts = line.rsplit_once(SEPARATOR).map(|(name, reason)| (name.trim(), reason.trim()));
        let Some((name, _)) = parts.filter(|(name, reason)| !name.is_empty() && !reason.is_empty()) else {
            return Err(format!("line {number} is not `NAME{SEPARATOR}REASON`"));
        };
        *names.entry(name.into()).or_default() += 1;
    }
    Ok(names)
}

/// Compares survivors with the list. `whole`: everything was tried, so what did not occur is no mutant any more;
/// otherwise nothing is said about entries whose mutants were not tried.
pub(super) fn compare(results: &Results, accepted: &Names, whole: bool) -> Compared {
    let listed = |name: &str| accepted.get(name).copied().unwrap_or(0);
    let survived = |name: &str| results.survived.get(name).copied().unwrap_or(0);
    let more = |(name, count): (&String, usize)| (count > 0).then(|| (name.clone(), count));
    let new = results.survived.iter().map(|(name, count)| (name, count.saturating_sub(listed(name))));
    let known = results.survived.iter().map(|(name, count)| *count.min(&listed(name)));
    let told = accepted.iter().filter(|(name, count)| whole || results.tried(name) >= **count);
    let stale = told.map(|(name, count)| (name, count.saturating_sub(survived(name))));
    Compared {
        accepted: known.sum(),
        new: new.filter_map(more).collect(),
        stale: stale.filter_map(more).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::names;
    use super::*;

    #[test]
    fn an_entry_is_a_name_and_a_reason_and_the_rest_is_for_people() {
        let text = "# why\n\na.rs: replace || with && in f | both are never true\n";
        assert_eq!(Vec::from_iter(parse(text).unwrap()), [("a.rs: replace || with && in f".into(), 1)]);
        let text = "a.rs: replace | with ^ in f | no bit is in both\n";
        assert_eq!(Vec::from_iter(parse(text).unwrap()), [("a.rs: replace | with ^ in f".into(), 1)]);
    }

    #[test]
    fn an_entry_without_a_reason_is_refused_with_its_line() {
        for text in ["# ok\na.rs: x\n", "\na.rs: x |\n", "\na.rs: x |  \n", "\n | because\n"] {
            assert!(parse(text).unwrap_err().starts_with("line 2 "), "{text}");
        }
    }

    #[test]
    fn each_line_accepts_one_survivor_of_its_name() {
        let results =
            Results { survived: names("a.rs:1:1: x\na.rs:2:1: x\na.rs:3:1: x\n"), ..Results::default() };
        let compared = compare(&results, &parse("a.rs: x | one\na.rs: x | two\n").unwrap(), true);
        assert_eq!((compared.accepted, compared.stale.len()), (2, 0));
        assert_eq!(Vec::from_iter(compared.new), [("a.rs: x".into(), 1)]);
    }

    #[test]
    fn an_entry_is_stale_when_its_mutant_was_noticed_hung_or_could_not_be_built() {
        let x = || names("a.rs:1:1: x\n");
        let table = [
            Results { caught: x(), ..Results::default() },
            Results { timeout: x(), ..Results::default() },
            Results { unviable: x(), ..Results::default() },
        ];
        for results in table {
            let compared = compare(&results, &x(), false);
            assert_eq!(Vec::from_iter(compared.stale), [("a.rs: x".into(), 1)]);
        }
    }

    #[test]
    fn what_was_not_tried_is_stale_only_after_a_whole_run() {
        let accepted = parse("a.rs: x | one\na.rs: x | two\nb.rs: y | three\n").unwrap();
        let results = Results { survived: names("a.rs:1:1: x\n"), ..Results::default() };
        assert!(compare(&results, &accepted, false).stale.is_empty());
        let whole = compare(&results, &accepted, true);
        assert_eq!(Vec::from_iter(whole.stale), [("a.rs: x".into(), 1), ("b.rs: y".into(), 1)]);
    }
}
