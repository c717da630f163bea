//! Rules for what the documents promise: invariants name what enforces them, links lead somewhere.
//!
//! Understands as much Markdown as the documents of this repository use, and no more.

use super::Finding;
use super::text::{mentions, numbered};
use super::tree::Tree;

const ARCHITECTURE: &str = "ARCHITECTURE.md";
const INVARIANT: &str = "**Architecture Invariant";
const ENFORCED_BY: &str = "Enforced by: ";

pub(super) fn invariants_are_enforced(tree: &Tree) -> Vec<Finding> {
    let Some(text) = tree.texts.get(ARCHITECTURE) else { return Vec::new() };
    let mut findings = Vec::new();
    for (line, paragraph) in invariants(text) {
        let names = paragraph.split_once(ENFORCED_BY).map_or(Vec::new(), |(_, after)| backticked(after));
        if names.is_empty() {
            findings.push(Finding::new(
                ARCHITECTURE,
                line,
                format!("an invariant without `{ENFORCED_BY}` and a name"),
            ));
        }
        for name in names.into_iter().filter(|name| !enforces(tree, name)) {
            let what = format!("`{name}` is no test, no tidy rule and no checker");
            findings.push(Finding::new(ARCHITECTURE, line, what));
        }
    }
    findings
}

/// Each paragraph or list item that begins as an invariant: its first line, and all of it on one line.
fn invariants(text: &str) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut inside = false;
    for (number, line) in numbered(text) {
        let line = line.trim();
        let item = line.strip_prefix("* ").unwrap_or(line);
        if item.trim_start_matches(|c: char| "-. ".contains(c) || c.is_ascii_digit()).starts_with(INVARIANT) {
            found.push((number, String::new()));
            inside = true;
        }
        inside &= !line.is_empty();
        if inside && let Some((_, paragraph)) = found.last_mut() {
            paragraph.push_str(line);
            paragraph.push(' ');
        }
    }
    found
}

fn backticked(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// Whether something of this name can fail: a tidy rule, a checker of the simulator, or a test.
fn enforces(tree: &Tree, name: &str) -> bool {
    let checker = name.strip_prefix("checker ").unwrap_or(name);
    let numbered = checker.strip_prefix('S').is_some_and(|number| number.parse::<u32>().is_ok());
    if numbered || checker == "liveness" {
        return tree.sources("crates/sim/src/").any(|(_, text)| mentions(text, checker));
    }
    let test = name.rsplit("::").next().unwrap_or(name);
    super::RULES.iter().any(|rule| rule.name == name)
        || tree.ending_in(&[".rs"]).any(|(_, text)| has_test(text, test))
}

/// Whether the text has a function of this name with a test attribute above it.
fn has_test(text: &str, name: &str) -> bool {
    let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
    let function = format!("fn {name}(");
    (0..lines.len()).filter(|&at| mentions(lines[at], &function)).any(|at| {
        let mut above =
            lines[..at].iter().rev().take_while(|line| line.starts_with("#[") || line.starts_with("//"));
        above.any(|line| line.starts_with("#[test]") || line.contains("::test"))
    })
}

pub(super) fn links_resolve(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.ending_in(&[".md"]) {
        let mut fenced = false;
        for (number, line) in numbered(text) {
            if line.trim_start().starts_with("```") {
                fenced = !fenced;
            }
            let links = if fenced { Vec::new() } else { links(line) };
            for link in links.into_iter().filter(|link| !resolves(tree, path, link)) {
                findings.push(Finding::new(path, number, format!("`{link}` is not in the repository")));
            }
        }
    }
    findings
}

/// The targets of the links in a line: `[text](target)` and `[name]: target`, outside of code.
fn links(line: &str) -> Vec<String> {
    let prose: String = line.split('`').step_by(2).collect();
    let target = |text: &str| text.split([' ', ')']).next().unwrap_or_default().to_string();
    let mut links: Vec<String> = prose.split("](").skip(1).map(target).collect();
    if let Some((_, definition)) = prose.split_once("]: ").filter(|(name, _)| name.starts_with('[')) {
        links.push(target(definition));
    }
    links
}

fn resolves(tree: &Tree, from: &str, link: &str) -> bool {
    let target = link.split('#').next().unwrap_or_default();
    if target.is_empty() || target.contains("://") || target.starts_with("mailto:") {
        return true;
    }
    let mut parts: Vec<&str> = if target.starts_with('/') { Vec::new() } else { from.split('/').collect() };
    parts.pop();
    for part in target.split('/').filter(|part| !matches!(*part, "" | ".")) {
        if part != ".." {
            parts.push(part);
        } else if parts.pop().is_none() {
            return false;
        }
    }
    let file = parts.join("/");
    let folder = if file.is_empty() { file.clone() } else { format!("{file}/") };
    tree.paths.contains(&file) || tree.paths.iter().any(|path| path.starts_with(&folder))
}
