//! The latest lines of the log, in memory, for a report.
//!
//! Bounded in lines and bytes, and nobody who logs waits for anything but another line being kept.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tracing_subscriber::fmt::MakeWriter;

/// Lines that are kept.
pub(super) const LINES_MAX: usize = 4_000;
/// All of them together.
pub(super) const BYTES_MAX: usize = 1 << 20;
/// The longest; what is longer is cut, between words: half a secret would not be found in a report.
const LINE_MAX_BYTES: usize = 4 << 10;
/// The longest word that is left out for that.
const WORD_MAX_BYTES: usize = 1 << 10;

/// The latest lines.
#[derive(Debug, Default)]
pub(super) struct Ring(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    lines: VecDeque<String>,
    bytes: usize,
}

impl Ring {
    pub(super) fn lines(&self) -> Vec<String> {
        self.lock().lines.iter().cloned().collect()
    }

    fn keep(&self, line: &[u8]) {
        let line = String::from_utf8_lossy(cut(line));
        let line = line.trim_end().to_owned();
        let mut kept = self.lock();
        kept.bytes += line.len();
        kept.lines.push_back(line);
        while kept.lines.len() > LINES_MAX || kept.bytes > BYTES_MAX {
            let Some(oldest) = kept.lines.pop_front() else { break };
            kept.bytes -= oldest.len();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As much of a line as is kept.
fn cut(line: &[u8]) -> &[u8] {
    let Some(kept) = line.get(..LINE_MAX_BYTES).filter(|_| line.len() > LINE_MAX_BYTES) else { return line };
    let blank = kept.iter().rposition(u8::is_ascii_whitespace);
    &kept[..blank.filter(|at| kept.len() - at <= WORD_MAX_BYTES).unwrap_or(kept.len())]
}

/// One event is written at once, as one line.
pub(super) struct Writer<'a>(&'a Ring);

impl io::Write for Writer<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.keep(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What the subscriber writes to.
#[derive(Clone, Debug, Default)]
pub(super) struct Into(pub(super) Arc<Ring>);

impl<'a> MakeWriter<'a> for Into {
    type Writer = Writer<'a>;

    fn make_writer(&'a self) -> Writer<'a> {
        Writer(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn kept(lines: impl Iterator<Item = String>) -> Vec<String> {
        let into = Into::default();
        for line in lines {
            into.make_writer().write_all(line.as_bytes()).expect("memory");
        }
        into.0.lines()
    }

    #[test]
    fn the_latest_lines_are_kept_in_order_and_no_more_than_so_many() {
        let lines = kept((0..LINES_MAX + 7).map(|number| format!("line {number}\n")));
        assert_eq!((lines.len(), lines[0].as_str()), (LINES_MAX, "line 7"));
        assert_eq!(lines.last().map(String::as_str), Some(format!("line {}", LINES_MAX + 6).as_str()));
    }

    #[test]
    fn a_long_line_is_cut_between_words() {
        let begins = "word ".repeat(LINE_MAX_BYTES / 5);
        let line = format!("{begins}a-secret-of-many-letters and more\n");
        assert_eq!(kept([line].into_iter()), [begins.trim_end()]);
    }

    #[test]
    fn long_lines_are_cut_and_take_no_more_than_so_many_bytes_together() {
        let lines = kept((0..1_000).map(|_| "€".repeat(100_000)));
        assert!(lines.iter().all(|line| line.len() <= LINE_MAX_BYTES + 3));
        assert!(lines.iter().map(String::len).sum::<usize>() <= BYTES_MAX);
    }
}
