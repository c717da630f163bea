//! What a check found, line by line, as a person reads it.

use std::fmt;

/// What a line says of its matter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mark {
    /// All is well.
    Ok,
    /// It works, and should be looked at.
    Warn,
    /// It does not work.
    Fail,
}

/// What was found, in order.
#[derive(Clone, Default, Debug)]
pub struct Report {
    text: String,
    warned: usize,
    failed: usize,
}

impl Report {
    /// Begins a part.
    pub(super) fn part(&mut self, title: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(title);
        self.text.push('\n');
    }

    pub(super) fn ok(&mut self, what: impl AsRef<str>) {
        self.line(Mark::Ok, what.as_ref());
    }

    pub(super) fn warn(&mut self, what: impl AsRef<str>) {
        self.warned += 1;
        self.line(Mark::Warn, what.as_ref());
    }

    /// What does not work, and what to do about it.
    pub(super) fn fail(&mut self, what: impl AsRef<str>, todo: impl AsRef<str>) {
        self.failed += 1;
        self.line(Mark::Fail, what.as_ref());
        self.text.push_str("        ");
        self.text.push_str(todo.as_ref());
        self.text.push('\n');
    }

    fn line(&mut self, mark: Mark, what: &str) {
        let mark = match mark {
            Mark::Ok => "  ok    ",
            Mark::Warn => "  warn  ",
            Mark::Fail => "  FAIL  ",
        };
        self.text.push_str(mark);
        self.text.push_str(what);
        self.text.push('\n');
    }

    /// Nothing failed.
    pub fn is_good(&self) -> bool {
        self.failed == 0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        match (self.failed, self.warned) {
            (0, 0) => f.write_str("\nAll is well.\n"),
            (0, warned) => write!(f, "\nAll works; {warned} to look at.\n"),
            (failed, _) => write!(f, "\n{failed} to mend.\n"),
        }
    }
}
