//! `cargo xtask tidy`: the rules of the house that no compiler checks.
//!
//! A rule is a pure function over a `Tree`, so that each can be shown to fail on a tree made up for it.
//! Only `tree` reads files or starts programs. There are no lists of exceptions.

mod docs;
mod pairs;
mod purity;
#[cfg(test)]
mod tests;
mod text;
mod tree;

use std::fmt::Write;

use crate::house::{House, Stop};
use tree::Tree;

/// One rule: its name, why it is there, and how to mend what breaks it.
struct Rule {
    name: &'static str,
    reason: &'static str,
    mend: &'static str,
    check: fn(&Tree) -> Vec<Finding>,
}

/// One place that breaks a rule.
#[derive(Debug, PartialEq)]
struct Finding {
    path: String,
    line: usize,
    what: String,
}

impl Finding {
    fn new(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self { path: path.into(), line, what: what.into() }
    }
}

const RULES: &[Rule] = &[
    Rule {
        name: "module-head",
        reason: "a stranger should learn from the first lines of a file what belongs in it",
        mend: "begin the file with `//!`: what it is, what it must not do, and why",
        check: text::module_head,
    },
    Rule {
        name: "file-length",
        reason: "a file that nobody can hold in mind hides more than one thing",
        mend: "split the file where a reader would look for two things",
        check: text::file_length,
    },
    Rule {
        name: "leftovers",
        reason: "what is unfinished or switched off looks finished to everybody else",
        mend: "finish it, or take it out; a test that cannot pass yet is not there yet",
        check: text::leftovers,
    },
    Rule {
        name: "whitespace",
        reason: "invisible changes make noise in every diff",
        mend: "no blanks at line ends, no tabs in Rust, exactly one newline at the end of a file",
        check: text::whitespace,
    },
    Rule {
        name: "line-width",
        reason: "two files side by side should fit on a screen; rustfmt leaves comments and strings alone",
        mend: "break the line",
        check: text::line_width,
    },
    Rule {
        name: "no-machine-paths",
        reason: "a path of one machine works on no other, and says who built it",
        mend: "use a path relative to the repository, or ask the environment",
        check: text::machine_paths,
    },
    Rule {
        name: "no-registry-hosts",
        reason: "a build tied to one host name fails behind a mirror",
        mend: "leave the choice of the host to the package manager's own configuration",
        check: text::registry_hosts,
    },
    Rule {
        name: "control-is-pure",
        reason: "what only computes can be replayed and simulated; a clock or a socket in it cannot",
        mend: "pass the value in as an argument or an event; do the I/O in an adapter",
        check: purity::control_is_pure,
    },
    Rule {
        name: "pure-dependencies",
        reason: "a dependency can bring the I/O that the crate itself must not do",
        mend: "do without the dependency, or move the code to the crate that may have it",
        check: purity::dependencies,
    },
    Rule {
        name: "marks-are-hit",
        reason: "a mark that no code hits claims a branch that does not exist",
        mend: "hit the mark where the branch is, or take it out",
        check: pairs::marks_are_hit,
    },
    Rule {
        name: "canaries-break-something",
        reason: "a canary that breaks nothing proves nothing",
        mend: "ask for the canary where its policy is, or take it out",
        check: pairs::canaries_break_something,
    },
    Rule {
        name: "invariants-are-enforced",
        reason: "an invariant that nothing enforces is a wish, and goes stale",
        mend: "end the paragraph with `Enforced by: ` and the backticked names of tests, tidy rules or checkers",
        check: docs::invariants_are_enforced,
    },
    Rule {
        name: "links-resolve",
        reason: "a link that leads nowhere wastes the reader's trust",
        mend: "link to a file that is in the repository",
        check: docs::links_resolve,
    },
];

/// Checks the real tree.
pub(crate) fn command(house: &House, args: &[String]) -> Result<(), Stop> {
    match args.first().map(String::as_str) {
        Some("--list") => {
            RULES
                .iter()
                .for_each(|rule| println!("{}\n  why:  {}\n  mend: {}", rule.name, rule.reason, rule.mend));
            return Ok(());
        }
        Some(other) => return Err(Stop::Usage(format!("`tidy` does not know `{other}`"))),
        None => {}
    }
    let tree = Tree::of(house)?;
    let broken = broken_rules(&tree);
    print!("{}", report(&broken));
    let count: usize = broken.iter().map(|(_, findings)| findings.len()).sum();
    if count == 0 {
        println!("tidy: {} files, {} rules, nothing to mend", tree.paths.len(), RULES.len());
        return Ok(());
    }
    Err(Stop::Failed(format!("tidy: {count} to mend")))
}

/// The rules that this tree breaks, each with every place that breaks it.
fn broken_rules(tree: &Tree) -> Vec<(&'static Rule, Vec<Finding>)> {
    let all = RULES.iter().map(|rule| (rule, (rule.check)(tree)));
    all.filter(|(_, findings)| !findings.is_empty()).collect()
}

/// One line for each finding, then how to mend each kind.
fn report(broken: &[(&Rule, Vec<Finding>)]) -> String {
    let mut text = String::new();
    for (rule, findings) in broken {
        for Finding { path, line, what } in findings {
            writeln!(text, "{path}:{line}: {}: {what}", rule.name).expect("a string takes what is written");
        }
    }
    for (rule, _) in broken {
        write!(text, "\n{}: {}\n  mend: {}\n", rule.name, rule.reason, rule.mend)
            .expect("a string takes what is written");
    }
    text
}
