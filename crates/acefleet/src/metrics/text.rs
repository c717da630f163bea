//! The two text formats that Prometheus reads, and which of them is asked for.
//!
//! The library writes OpenMetrics; the classic format is made of it. They differ in the names of counters'
//! comments and in what ends the text.

use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::registry::Registry;

/// The content type of OpenMetrics.
pub(super) const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// The content type of the classic format.
pub(super) const CLASSIC: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Whether somebody who accepts these types reads OpenMetrics.
pub(super) fn wants_open_metrics<'a>(mut accept: impl Iterator<Item = &'a str>) -> bool {
    accept.any(|types| types.split(',').any(|kind| kind.trim().starts_with("application/openmetrics-text")))
}

/// What these registries count, as OpenMetrics.
pub(super) fn open_metrics(registries: &[&Registry]) -> String {
    let mut text = String::new();
    for registry in registries {
        // Writing to memory does not fail; if it did, what was written so far is still told.
        let _never_fails = encode_registry(&mut text, registry);
    }
    let _never_fails = encode_eof(&mut text);
    text
}

/// The same in the classic format: counters are announced by the name that their samples have, and nothing
/// ends it.
pub(super) fn classic(open: &str) -> String {
    let mut counters = std::collections::BTreeSet::new();
    for line in open.lines() {
        if let Some(name) = line.strip_prefix("# TYPE ").and_then(|rest| rest.strip_suffix(" counter")) {
            counters.insert(name);
        }
    }
    let mut text = String::with_capacity(open.len());
    for line in open.lines() {
        if line == "# EOF" || line.starts_with("# UNIT ") {
            continue;
        }
        let comment =
            ["# HELP ", "# TYPE "].into_iter().find_map(|word| Some((word, line.strip_prefix(word)?)));
        match comment.and_then(|(word, rest)| Some((word, rest.split_once(' ')?))) {
            Some((word, (name, rest))) if counters.contains(name) => {
                text.push_str(&format!("{word}{name}_total {rest}\n"));
            }
            Some(_) | None => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_announced_by_the_name_of_its_samples() {
        let open = "# HELP a_b Help.\n# TYPE a_b counter\na_b_total{x=\"1\"} 3\n# TYPE c gauge\nc 1\n# EOF\n";
        let expected =
            "# HELP a_b_total Help.\n# TYPE a_b_total counter\na_b_total{x=\"1\"} 3\n# TYPE c gauge\nc 1\n";
        assert_eq!(classic(open), expected);
    }

    #[test]
    fn open_metrics_is_told_only_to_those_who_ask_for_it() {
        let asks = |accept: &str| wants_open_metrics([accept].into_iter());
        assert!(asks("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"));
        assert!(!asks("text/plain;version=0.0.4"));
        assert!(!asks("*/*"));
    }
}
