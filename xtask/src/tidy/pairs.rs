//! Rules for names that are declared in one file and must be used in another: marks and canaries.
//!
//! Reads the list inside the declaring macro by its shape, not by its grammar: one name begins each line.

use super::Finding;
use super::text::{code, mentions, numbered};
use super::tree::Tree;

const CONTROL: &str = "crates/control/src/";
const SIM: &str = "crates/sim/src/";

pub(super) fn marks_are_hit(tree: &Tree) -> Vec<Finding> {
    unused(tree, "crates/control/src/mark.rs", "marks! {", "Mark", &[CONTROL])
}

pub(super) fn canaries_break_something(tree: &Tree) -> Vec<Finding> {
    unused(tree, "crates/control/src/canary.rs", "canaries! {", "Canary", &[CONTROL, SIM])
}

/// The names in the block that begins with `opening`, that no other source file mentions as `KIND::NAME`.
fn unused(tree: &Tree, declaration: &str, opening: &str, kind: &str, folders: &[&str]) -> Vec<Finding> {
    let Some(text) = tree.texts.get(declaration) else { return Vec::new() };
    let names = names_in(text, opening);
    if names.is_empty() {
        return vec![Finding::new(declaration, 1, format!("no names after `{opening}`"))];
    }
    let used = |name: &str| {
        let needle = format!("{kind}::{name}");
        let mut sources = folders.iter().flat_map(|folder| tree.sources(folder));
        sources
            .any(|(path, text)| path != declaration && text.lines().any(|line| mentions(code(line), &needle)))
    };
    let idle = names.into_iter().filter(|(_, name)| !used(name));
    idle.map(|(line, name)| Finding::new(declaration, line, format!("nothing uses `{kind}::{name}`")))
        .collect()
}

/// The names that begin a line between `opening` and the brace that closes it, with their lines.
fn names_in<'a>(text: &'a str, opening: &str) -> Vec<(usize, &'a str)> {
    let lines = numbered(text).map(|(number, line)| (number, code(line)));
    let block = lines.skip_while(|(_, line)| !line.trim_end().ends_with(opening)).skip(1);
    let block = block.take_while(|(_, line)| !line.starts_with('}'));
    block.filter_map(|(number, line)| Some((number, leading_name(line.trim_start())?))).collect()
}

fn leading_name(line: &str) -> Option<&str> {
    let end = line.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(line.len());
    let (name, rest) = line.split_at(end);
    // A line of a text that goes on begins with a word, too; a declared name is followed by a sign.
    let declared = rest.trim_start().chars().next().is_none_or(|c| ":,=({".contains(c));
    (name.starts_with(|c: char| c.is_ascii_uppercase()) && declared).then_some(name)
}
