//! Rules about the text of single files: heads, lengths, leftovers, blanks, and names of one machine.
//!
//! What a rule looks for is put together from pieces, so that no rule finds itself.

use super::Finding;
use super::tree::Tree;

pub(super) const MAX_LINES: usize = 800;
pub(super) const MAX_COLUMNS: usize = 120;

const CODE: &[&str] =
    &[".rs", ".ts", ".svelte", ".css", ".js", ".mjs", ".html", ".sh", ".toml", ".yml", ".yaml"];
const SCRIPT: &[&str] = &[".ts", ".svelte", ".js", ".mjs"];

pub(super) const LEFTOVERS: &[&str] = &[
    concat!("to", "do!("),
    concat!("unimple", "mented!("),
    concat!("db", "g!("),
    concat!("#[ig", "nore"),
    concat!("#[should", "_panic"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("TO", "DO"),
];
pub(super) const LONE_TEST: &str = concat!(".on", "ly(");

pub(super) const REGISTRY_HOSTS: &[&str] = &[
    concat!("index.", "crates.io"),
    concat!("registry.", "npmjs.org"),
    concat!("deb.", "debian.org"),
    concat!("pypi", ".org"),
];

pub(super) fn module_head(tree: &Tree) -> Vec<Finding> {
    let headless = |text: &str| !text.starts_with("//! ");
    let files = tree.ending_in(&[".rs"]).filter(|(_, text)| headless(text));
    files.map(|(path, _)| Finding::new(path, 1, "the file does not begin with a `//!` head")).collect()
}

pub(super) fn file_length(tree: &Tree) -> Vec<Finding> {
    let files =
        tree.ending_in(&[".rs", ".ts", ".svelte", ".css"]).map(|(path, text)| (path, text.lines().count()));
    let long = files.filter(|(_, lines)| *lines > MAX_LINES);
    long.map(|(path, lines)| Finding::new(path, MAX_LINES + 1, format!("{lines} lines, {MAX_LINES} at most")))
        .collect()
}

pub(super) fn leftovers(tree: &Tree) -> Vec<Finding> {
    let in_code = LEFTOVERS.iter().flat_map(|leftover| mentions_in(tree, CODE, leftover));
    in_code.chain(mentions_in(tree, SCRIPT, LONE_TEST)).collect()
}

pub(super) fn whitespace(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.ending_in(&[""]) {
        for (line, number) in text.split('\n').zip(1..) {
            if line != line.trim_end() {
                findings.push(Finding::new(path, number, "blanks at the end of the line"));
            }
            if path.ends_with(".rs") && line.contains('\t') {
                findings.push(Finding::new(path, number, "a tab"));
            }
        }
        let last = text.lines().count().max(1);
        if !text.is_empty() && !text.ends_with('\n') {
            findings.push(Finding::new(path, last, "the last line has no newline"));
        }
        if text == "\n" || text.ends_with("\n\n") {
            findings.push(Finding::new(path, last, "empty lines at the end"));
        }
    }
    findings
}

pub(super) fn line_width(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.ending_in(&[".rs"]) {
        for (number, line) in numbered(text) {
            let width = line.chars().count();
            if width > MAX_COLUMNS {
                findings.push(Finding::new(path, number, format!("{width} columns, {MAX_COLUMNS} at most")));
            }
        }
    }
    findings
}

pub(super) fn machine_paths(tree: &Tree) -> Vec<Finding> {
    tree.machine_paths.iter().flat_map(|machine| mentions_in(tree, &[""], machine)).collect()
}

pub(super) fn registry_hosts(tree: &Tree) -> Vec<Finding> {
    REGISTRY_HOSTS.iter().flat_map(|host| mentions_in(tree, &[""], host)).collect()
}

fn mentions_in<'a>(
    tree: &'a Tree,
    endings: &'a [&str],
    needle: &'a str,
) -> impl Iterator<Item = Finding> + 'a {
    tree.ending_in(endings).flat_map(move |(path, text)| {
        let hits = numbered(text).filter(move |(_, line)| mentions(line, needle));
        hits.map(move |(number, _)| Finding::new(path, number, format!("`{needle}`")))
    })
}

/// The lines of a text, with their numbers as an editor counts.
pub(super) fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines())
}

/// A line of Rust without its comment.
pub(super) fn code(line: &str) -> &str {
    line.split_once("//").map_or(line, |(code, _)| code)
}

/// Whether the text mentions it as a word or a path of its own, not as a part of a longer one.
pub(super) fn mentions(text: &str, needle: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let absolute = needle.starts_with('/');
    text.match_indices(needle).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + needle.len()..]);
        let part_of_longer = if absolute {
            before.ends_with(|c| word(c) || "-.~}".contains(c))
        } else {
            needle.starts_with(word) && before.ends_with(word)
        };
        !part_of_longer && (!needle.ends_with(word) || !after.starts_with(word))
    })
}
