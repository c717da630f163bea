//! Each rule is shown to fail on a tree made up for it, and to be content with a tree that keeps it.

use super::text::{LEFTOVERS, LONE_TEST, MAX_COLUMNS, MAX_LINES, REGISTRY_HOSTS};
use super::*;

const HEAD: &str = "//! A head.\n";
const LIB: &str = "crates/control/src/lib.rs";
const MARKS: &str = "crates/control/src/mark.rs";
const CANARIES: &str = "crates/control/src/canary.rs";
const POLICY: &str = "crates/control/src/policy.rs";

fn tree(files: &[(&str, &str)]) -> Tree {
    let mut tree = Tree::default();
    for (path, text) in files {
        tree.paths.insert((*path).into());
        tree.texts.insert((*path).into(), (*text).into());
    }
    tree
}

/// Where a tree breaks the rule, as `path:line`.
fn breaks(rule: &str, tree: &Tree) -> Vec<String> {
    let rule = RULES.iter().find(|known| known.name == rule).expect("a rule of this name");
    (rule.check)(tree).into_iter().map(|Finding { path, line, .. }| format!("{path}:{line}")).collect()
}

/// Where a single file breaks the rule, by line.
fn lines(rule: &str, path: &str, text: &str) -> Vec<usize> {
    let rule = RULES.iter().find(|known| known.name == rule).expect("a rule of this name");
    (rule.check)(&tree(&[(path, text)])).into_iter().map(|finding| finding.line).collect()
}

#[test]
fn every_rule_has_a_test_and_a_name_of_its_own() {
    let tests = include_str!("tests.rs");
    for rule in RULES {
        assert!(tests.contains(&format!("\"{}\"", rule.name)), "no test for {}", rule.name);
        assert_eq!(
            RULES.iter().filter(|other| other.name == rule.name).count(),
            1,
            "two rules {}",
            rule.name
        );
    }
}

#[test]
fn a_file_without_a_head_breaks_the_rule_wherever_it_lies() {
    let tree = tree(&[
        ("crates/a/src/lib.rs", "// No head.\n"),
        ("crates/a/tests/all.rs", "use a::b;\n//! Too late.\n"),
        ("xtask/src/main.rs", "//!\n"),
        ("crates/b/src/lib.rs", HEAD),
        ("README.md", "No Rust\n"),
    ]);
    let broken = ["crates/a/src/lib.rs:1", "crates/a/tests/all.rs:1", "xtask/src/main.rs:1"];
    assert_eq!(breaks("module-head", &tree), broken);
}

#[test]
fn a_file_may_have_as_many_lines_as_the_cap_and_no_more() {
    let full = "line\n".repeat(MAX_LINES);
    assert!(lines("file-length", "a.rs", &full).is_empty());
    for path in ["a.rs", "a.ts", "a.svelte", "a.css"] {
        assert_eq!(lines("file-length", path, &(full.clone() + "one\n")), [MAX_LINES + 1]);
    }
}

#[test]
fn every_kind_of_leftover_is_found_in_code_and_comments() {
    for leftover in LEFTOVERS {
        let text = format!("{HEAD}fine\n    {leftover} later\n// {leftover}\n");
        assert_eq!(lines("leftovers", "a.rs", &text), [3, 4], "{leftover}");
        assert!(lines("leftovers", "a.md", &text).is_empty(), "{leftover}");
    }
}

#[test]
fn a_word_that_only_contains_a_leftover_is_none() {
    let inside: String = LEFTOVERS.iter().map(|leftover| format!("my_{leftover}\n")).collect();
    let inside = inside.replace("my_#[", "#[my_");
    assert!(lines("leftovers", "a.rs", &inside).is_empty());
}

#[test]
fn a_lone_test_is_found_in_scripts_alone() {
    let text = format!("test{LONE_TEST}'x', () => {{}});\n");
    assert_eq!(lines("leftovers", "panel/a.test.ts", &text), [1]);
    assert!(lines("leftovers", "a.rs", &text).is_empty());
}

#[test]
fn blanks_at_line_ends_and_wrong_ends_of_files_are_found_in_any_text() {
    assert!(lines("whitespace", "a", "").is_empty());
    assert!(lines("whitespace", "a", "one\n\n\ttwo\n").is_empty());
    assert_eq!(lines("whitespace", "a", "one \ntwo\t\nthree\r\n"), [1, 2, 3]);
    assert_eq!(lines("whitespace", "a", "one\ntwo"), [2]);
    assert_eq!(lines("whitespace", "a", "one\n\n"), [2]);
    assert_eq!(lines("whitespace", "a", "\n"), [1]);
}

#[test]
fn a_tab_is_found_in_rust_alone() {
    assert_eq!(lines("whitespace", "a.rs", "fn a() {\n\tb();\n}\n"), [2]);
    assert!(lines("whitespace", "Makefile", "a:\n\tb\n").is_empty());
}

#[test]
fn a_line_is_measured_in_characters_not_bytes() {
    let full = "é".repeat(MAX_COLUMNS);
    assert!(lines("line-width", "a.rs", &format!("{full}\n")).is_empty());
    assert_eq!(lines("line-width", "a.rs", &format!("{HEAD}{full}é\n")), [2]);
    assert!(lines("line-width", "a.md", &format!("{full}é\n")).is_empty());
}

#[test]
fn a_path_of_this_machine_is_found_and_a_path_that_only_ends_like_it_is_not() {
    let text = "a /home/me/acefleet/x\nb \"/home/me/acefleet\"\nc ./home/me/acefleet\nd /home/me/acefleets\n";
    let mut tree = tree(&[("a.md", text)]);
    tree.machine_paths = vec!["/home/me/acefleet".into()];
    assert_eq!(breaks("no-machine-paths", &tree), ["a.md:1", "a.md:2"]);
}

#[test]
fn every_registry_host_is_found_in_any_file() {
    for host in REGISTRY_HOSTS {
        assert_eq!(
            lines("no-registry-hosts", "deploy/Dockerfile", &format!("RUN\nADD https://{host}/x\n")),
            [2]
        );
    }
    assert!(lines("no-registry-hosts", "README.md", "as crates.io says\n").is_empty());
}

#[test]
fn the_core_without_no_std_is_not_pure() {
    assert_eq!(lines("control-is-pure", LIB, HEAD), [1]);
    assert!(lines("control-is-pure", LIB, "//! A head.\n#![no_std]\n").is_empty());
}

#[test]
fn the_core_must_not_mention_the_standard_library() {
    let text = "use std::time::Instant;\nextern crate std;\nuse core::fmt; // not std::fmt\nuse my_std::x;\n";
    assert_eq!(lines("control-is-pure", POLICY, text), [1, 2]);
}

#[test]
fn tests_of_the_core_may_use_the_standard_library() {
    let root = "#![no_std]\n#[cfg(test)]\nextern crate std;\n";
    assert!(lines("control-is-pure", LIB, root).is_empty());
    for path in
        ["crates/control/src/vpn/tests.rs", "crates/control/src/tests/vpn.rs", "crates/sim/src/lib.rs"]
    {
        assert!(lines("control-is-pure", path, "use std::format;\n").is_empty(), "{path}");
    }
}

#[test]
fn the_core_depends_on_nothing_and_the_simulator_on_pure_crates_alone() {
    let mut tree = Tree::default();
    let names = |names: &[&str]| names.iter().map(ToString::to_string).collect();
    tree.built_from.insert("control".into(), names(&[]));
    tree.built_from.insert("sim".into(), names(&["control", "mpegts"]));
    assert!(breaks("pure-dependencies", &tree).is_empty());
    tree.built_from.insert("control".into(), names(&["libc"]));
    tree.built_from.insert("sim".into(), names(&["control", "tokio"]));
    let broken = ["crates/control/Cargo.toml:1", "crates/sim/Cargo.toml:1"];
    assert_eq!(breaks("pure-dependencies", &tree), broken);
}

const SOME_MARKS: &str = "//! A head.
macro_rules! marks { () => {} }
marks! {
    /// A doc.
    Hit: \"a branch\",
    Missed: \"another, \\
        Wrapped line\",
    Plain,
}
impl Mark {}
";

#[test]
fn a_mark_that_nothing_hits_is_found_where_it_is_declared() {
    let policy = "m.hit(Mark::Hit);\nm.hit(Mark::Plain);\nm.hit(Mark::MissedBadly); // Mark::Missed\n";
    let tree = tree(&[(MARKS, SOME_MARKS), (POLICY, policy)]);
    assert_eq!(breaks("marks-are-hit", &tree), [format!("{MARKS}:6")]);
}

#[test]
fn neither_a_test_nor_its_own_file_hits_a_mark() {
    let all = "Mark::Hit; Mark::Missed; Mark::Plain;\n";
    let tree = tree(&[(MARKS, &format!("{SOME_MARKS}{all}")), ("crates/control/src/tests.rs", all)]);
    assert_eq!(breaks("marks-are-hit", &tree).len(), 3);
}

#[test]
fn a_list_of_marks_that_cannot_be_read_is_not_passed_over() {
    assert_eq!(lines("marks-are-hit", MARKS, HEAD), [1]);
    assert!(lines("marks-are-hit", POLICY, HEAD).is_empty());
}

#[test]
fn a_canary_may_break_the_core_or_the_world_but_must_break_something() {
    let canaries = "canaries! {\n    Core: \"a\",\n    World: \"b\",\n    Nothing: \"c\",\n}\n";
    let tree = tree(&[
        (CANARIES, canaries),
        (POLICY, "if sabotage.is(Canary::Core) {}\n"),
        ("crates/sim/src/docker.rs", "Canary::World\n"),
    ]);
    assert_eq!(breaks("canaries-break-something", &tree), [format!("{CANARIES}:4")]);
}

/// A tree whose ARCHITECTURE.md is this, with a test, a helper, and a checker S5.
fn architecture(text: &str) -> Tree {
    tree(&[
        ("ARCHITECTURE.md", text),
        ("crates/a/src/lib.rs", "#[test]\n// Why.\nfn it_holds() {}\n\n#[cfg(test)]\nfn a_helper() {}\n"),
        ("crates/sim/src/checkers.rs", "S5 => limits(), liveness\n"),
    ])
}

#[test]
fn an_invariant_may_be_enforced_by_tests_rules_and_checkers() {
    let text = "Prose.\n\n**Architecture Invariant: so it is.** Because. Enforced\n\
                by: `a::tests::it_holds`, `control-is-pure`, `S5`, `checker S5` and `liveness`.\n\nMore `prose`.\n";
    assert!(breaks("invariants-are-enforced", &architecture(text)).is_empty());
    assert!(breaks("invariants-are-enforced", &tree(&[])).is_empty());
}

#[test]
fn an_invariant_that_names_nothing_is_a_wish() {
    let text = "- **Architecture Invariant:** one.\n- **Architecture Invariant:** two. Enforced by: `S5`.\n\n\
                1. **Architecture Invariant:** three. Enforced by: good will.\n";
    let broken = ["ARCHITECTURE.md:1", "ARCHITECTURE.md:4"];
    assert_eq!(breaks("invariants-are-enforced", &architecture(text)), broken);
}

#[test]
fn an_invariant_that_names_what_does_not_exist_is_stale() {
    let text = "**Architecture Invariant.** Enforced by: `it_holds`, `it_held`, `a_helper`, `S55`, `no-such-rule`.\n";
    assert_eq!(breaks("invariants-are-enforced", &architecture(text)).len(), 4);
}

#[test]
fn a_link_leads_to_a_file_or_a_folder_of_the_repository() {
    let page = "[a](../README.md) [b](other.md#part \"title\") [c](/crates/a) [d](#here) [e](https://x.org) [f](..)\n\
                `[code](nowhere)` and\n```\n[code](nowhere)\n```\n[ref]: other.md\n";
    let good =
        [("README.md", ""), ("docs/page.md", page), ("docs/other.md", ""), ("crates/a/src/lib.rs", HEAD)];
    assert!(breaks("links-resolve", &tree(&good)).is_empty());
}

#[test]
fn a_link_that_leads_nowhere_is_found_with_its_line() {
    let page = "Fine.\n[a](gone.md)\n[b](../../outside.md) [c](oth)\n[ref]: gone.md\n";
    let tree = tree(&[("docs/page.md", page), ("docs/other.md", "")]);
    assert_eq!(
        breaks("links-resolve", &tree),
        ["docs/page.md:2", "docs/page.md:3", "docs/page.md:3", "docs/page.md:4"]
    );
}

#[test]
fn all_findings_are_reported_at_once_each_kind_with_its_mending() {
    let tree = tree(&[("a.rs", "no head \n"), ("b.rs", "no head\n")]);
    let text = report(&broken_rules(&tree));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "a.rs:1: module-head: the file does not begin with a `//!` head");
    assert_eq!(lines[1], "b.rs:1: module-head: the file does not begin with a `//!` head");
    assert_eq!(lines[2], "a.rs:1: whitespace: blanks at the end of the line");
    assert_eq!(text.matches("  mend: ").count(), 2);
}
