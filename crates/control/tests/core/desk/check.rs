//! Comparing texts, so that a failure shows at a glance what differs.

use std::fmt::Write;

/// Fails unless both texts have the same lines. Indentation that all lines of the expected text share, and
/// blank lines around it, do not count, so that it can stand in the test as the test is indented.
#[track_caller]
pub(crate) fn check(actual: impl AsRef<str>, expected: &str) {
    let actual = actual.as_ref().trim_end();
    let expected = outdented(expected);
    if actual != expected {
        panic!("expected (-) and actual (+) differ:\n{}", difference(&expected, actual));
    }
}

fn outdented(text: &str) -> String {
    let lines: Vec<_> = text.lines().skip_while(|line| line.trim().is_empty()).collect();
    let indent = |line: &&str| line.len() - line.trim_start().len();
    let shared = lines.iter().filter(|line| !line.trim().is_empty()).map(indent).min().unwrap_or(0);
    let lines: Vec<_> = lines.iter().map(|line| line.get(shared..).unwrap_or("").trim_end()).collect();
    lines.join("\n").trim_end().to_string()
}

/// Both texts line by line: what they share once, the rest marked.
fn difference(expected: &str, actual: &str) -> String {
    let (old, new): (Vec<_>, Vec<_>) = (expected.lines().collect(), actual.lines().collect());
    // shared[i][j]: the longest run of lines, in order, that both texts share from their lines i and j on.
    let mut shared = vec![vec![0; new.len() + 1]; old.len() + 1];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            shared[i][j] = if old[i] == new[j] {
                shared[i + 1][j + 1] + 1
            } else {
                shared[i + 1][j].max(shared[i][j + 1])
            };
        }
    }
    let (mut i, mut j, mut text) = (0, 0, String::new());
    while i < old.len() || j < new.len() {
        let (mark, line) = if i < old.len() && j < new.len() && old[i] == new[j] {
            (i, j) = (i + 1, j + 1);
            (' ', old[i - 1])
        } else if j == new.len() || (i < old.len() && shared[i + 1][j] >= shared[i][j + 1]) {
            i += 1;
            ('-', old[i - 1])
        } else {
            j += 1;
            ('+', new[j - 1])
        };
        writeln!(text, "{mark} {line}").unwrap();
    }
    text
}

#[test]
fn a_difference_shows_shared_lines_once_and_marks_the_rest() {
    check(
        difference("a\nb\nc", "a\nx\nc\nd"),
        "
          a
        - b
        + x
          c
        + d
    ",
    );
}
