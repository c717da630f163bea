//! The reference of all settings, written from the table. `docs/configuration.md` is this text and nothing
//! else.

use super::table::{Row, TOPICS, file_name};
use super::words::wrapped;
use std::fmt::Write;

/// Longer lines are broken.
const WIDTH: usize = 110;

const HEAD: &str = "\
# Configuration

<!-- Written from the table of settings. Change that, and run its tests with UPDATE_GOLDEN=1. -->

Every setting can be given in three ways. The first that says something holds:

1. as a flag: `acefleet serve --min-replicas 10`
2. in the environment: `MIN_REPLICAS=10`
3. in the file `.env` in the working folder, or the one that `--env-file` names

An empty value is the same as none. `acefleet check` says what is in force and where it comes from,
and everything that is wrong, at once. With settings that cannot be meant nothing starts, and the
exit code is 64; what works but looks like a mistake is warned of in the log.

## The file `.env`

Three files to begin with are in [deploy/examples](../deploy/examples): without a VPN, with one, with two.

One `NAME=value` per line. If a name is there twice, the last one holds. `export ` before a name is
ignored, and so is a line that makes no sense, with a warning. What stands after a blank and `#` is
a comment. A value in double quotes may go over several lines and knows `\\n`, `\\t`, `\\\"` and
`\\\\`; one in single quotes knows `\\'` and `\\\\`. In every value `${NAME}` stands for another
variable, from the environment or from above, and `${NAME:-default}` for one that may be missing.

## Units and words

Names that end in `_S` are seconds; `0.5` is fine. Switches are `true` or `false`. Secrets are never
shown, logged or handed out. A secret `NAME` can be kept in a file whose path is in `NAME_FILE`
instead, as Docker's secrets are; line breaks at its end are not part of it.
";

/// The whole text.
pub fn reference() -> String {
    let mut out = String::from(HEAD);
    for topic in TOPICS {
        // Writing to a string cannot fail.
        let _ = write!(out, "\n## {}\n", topic.title);
        for row in topic.rows {
            let _ = write!(out, "\n### {}\n\n{}\n", row.name, paragraph(row));
        }
    }
    out
}

fn paragraph(row: &Row) -> String {
    let default = if row.default.is_empty() { "not set".into() } else { format!("`{}`", row.default) };
    let file = if row.kind.is_secret() {
        format!(" · or in the file that `{}` names", file_name(row.name))
    } else {
        String::new()
    };
    let facts =
        format!("{} · default {default} · `--{}`{file}", capitalised(&row.kind.expects()), row.flag());
    format!("{}\n\n{}", wrapped(&facts, WIDTH), wrapped(row.doc, WIDTH))
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
