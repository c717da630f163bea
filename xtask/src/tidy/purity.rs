//! Rules that keep the core, the reader of streams and their simulator free of I/O.
//!
//! `#![no_std]` is the wall; these rules see to it that nobody opens a door in it.

use super::Finding;
use super::text::{code, mentions, numbered};
use super::tree::Tree;

/// Each crate that must not do I/O, and the only crates it may be built from.
pub(super) const PURE_CRATES: &[(&str, &[&str])] =
    &[("control", &[]), ("mpegts", &["bytes"]), ("sim", &["bytes", "control", "mpegts"])];

/// The crates without a standard library.
const WITHOUT_STD: [&str; 2] = ["control", "mpegts"];

pub(super) fn control_is_pure(tree: &Tree) -> Vec<Finding> {
    WITHOUT_STD.iter().flat_map(|name| without_std(tree, name)).collect()
}

fn without_std(tree: &Tree, name: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let folder = format!("crates/{name}/src/");
    let root = format!("{folder}lib.rs");
    if let Some(text) = tree.texts.get(&root)
        && !text.lines().any(|line| line == "#![no_std]")
    {
        findings.push(Finding::new(&root, 1, "no line `#![no_std]`"));
    }
    for (path, text) in tree.sources(&folder) {
        let mut line_before = "";
        for (number, line) in numbered(text) {
            let line = code(line);
            // Tests may have the standard library; they say so in one place.
            let for_tests = line_before.trim() == "#[cfg(test)]";
            if mentions(line, "std::") || (mentions(line, "extern crate std") && !for_tests) {
                findings.push(Finding::new(path, number, "mentions the standard library"));
            }
            line_before = line;
        }
    }
    findings
}

pub(super) fn dependencies(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, allowed) in PURE_CRATES {
        for found in tree.built_from.get(*name).into_iter().flatten() {
            if !allowed.contains(&found.as_str()) {
                let what = format!("`{name}` is built from `{found}`");
                findings.push(Finding::new(&format!("crates/{name}/Cargo.toml"), 1, what));
            }
        }
    }
    findings
}
