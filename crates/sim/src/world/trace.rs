//! What happened, one coded line per transition, and one number that stands for all of it.
//!
//! The lines are kept only on request; the number is always kept, so that two runs of one seed can be
//! compared without a log. Nothing here is formatted before it is printed. Columns, fixed:
//!
//! ```text
//! time       who  subject          code detail
//!    12.345s ACEF acestream-1      crea op 0000c0de-17
//!    12.481s DOCK acestream-1      made op 0000c0de-17
//!    12.700s DOCK acestream-1      runs 1
//!    14.120s ENGN acestream-1      rch+
//!   307.002s FAUL gluetun          tlos 41.000s
//!   307.002s GLUE gluetun          tun-
//! ```
//!
//! - *time*: since the world began.
//! - *who*: `ACEF` acefleet sent a command, `TOLD` it was told, `HAND` a person set out to do something, `DOCK`
//!   Docker did something, `GLUE` something happened inside a VPN container, `ENGN` to an engine, `FAUL` a fault
//!   began, `ENDS` it ended, `LIFE` a life of acefleet began or ended,
//!   `VIEW` somebody who watches did something.
//! - *subject*: a container's name, a VPN's name, a channel's key, or `-`.
//! - *code*: four letters. Commands and deeds by hand: see `Action::code` and `Deed::code`. Faults: see
//!   `FaultKind::code`. Answers: `done`, `refu`, `unkn`. Docker: `made`, `runs` (with the number of the run),
//!   `dies`, `fail` (a start by policy that failed), `paus`, `unpa`, `gone`, `hlt+`, `hlt-`. VPNs: `tun+`, `tun-`,
//!   `port`, `no_p`. Engines: `rch+`, `rch-` (it became reachable, unreachable). Acefleet's event stream: `open`;
//!   its lives: `begi`, `hung`. Viewers: `came`, `left`, `sees`, `wait`, `refu`; `brok` a session that delivers
//!   nothing; `aopn`, `aend` the other program opened or ended a session. Engines: `play` a session was opened.
//! - *detail*: an operation, a port, a duration, a count, or nothing.

use control::Time;
use control::ids::OpId;
use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

/// Who did what a line tells of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Who {
    Acefleet,
    Told,
    Person,
    Docker,
    Gluetun,
    Engine,
    Fault,
    FaultEnded,
    Life,
    Viewer,
    Journal,
}

impl Who {
    const fn code(self) -> &'static str {
        match self {
            Self::Acefleet => "ACEF",
            Self::Told => "TOLD",
            Self::Person => "HAND",
            Self::Docker => "DOCK",
            Self::Gluetun => "GLUE",
            Self::Engine => "ENGN",
            Self::Fault => "FAUL",
            Self::FaultEnded => "ENDS",
            Self::Life => "LIFE",
            Self::Viewer => "VIEW",
            Self::Journal => "JRNL",
        }
    }
}

/// The last column of a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Detail {
    Nothing,
    Op(OpId),
    Port(u16),
    Lasting(Duration),
    Count(u32),
}

impl Detail {
    fn as_bits(self) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::Op(op) => u64::from(op.life) << 32 ^ op.seq,
            Self::Port(port) => u64::from(port),
            // Cut off after 584 years.
            Self::Lasting(wait) => wait.as_nanos() as u64,
            Self::Count(count) => u64::from(count),
        }
    }
}

impl fmt::Display for Detail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => Ok(()),
            Self::Op(op) => write!(f, "op {op}"),
            Self::Port(port) => write!(f, "{port}"),
            Self::Lasting(wait) => write!(f, "{:.3}s", wait.as_secs_f64()),
            Self::Count(count) => write!(f, "{count}"),
        }
    }
}

/// One transition.
#[derive(Clone, Debug)]
pub struct Line {
    /// Since the world began.
    after: Duration,
    who: Who,
    subject: Box<str>,
    code: &'static str,
    detail: Detail,
    /// What acefleet wrote into its journal, instead of a code.
    words: Box<str>,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { after, who, subject, code, detail, words } = self;
        if *who == Who::Journal {
            return write!(f, "{:9.3}s {} {words}", after.as_secs_f64(), who.code());
        }
        let mut line = format!("{:9.3}s {} {subject:<16} {code}", after.as_secs_f64(), who.code());
        if *detail != Detail::Nothing {
            line.push_str(&format!(" {detail}"));
        }
        f.write_str(&line)
    }
}

/// The record of a run.
pub struct Trace {
    began: Time,
    digest: u64,
    keep: usize,
    lines: VecDeque<Line>,
}

impl Trace {
    pub(super) const fn new(began: Time) -> Self {
        Self { began, digest: 0, keep: 0, lines: VecDeque::new() }
    }

    /// Keeps the last `lines` lines from now on. At first none is kept.
    pub fn keep(&mut self, lines: usize) {
        self.keep = lines;
    }

    /// The lines that were kept, oldest first.
    pub fn lines(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter()
    }

    /// A number that stands for every transition so far: two runs that differ anywhere differ here.
    pub const fn digest(&self) -> u64 {
        self.digest
    }

    pub(super) fn note(&mut self, now: Time, who: Who, subject: &str, code: &'static str, detail: Detail) {
        self.fold(now.as_nanos());
        self.fold(who as u64);
        self.fold_text(subject);
        self.fold_text(code);
        self.fold(detail.as_bits());
        if self.keep == 0 {
            return;
        }
        while self.lines.len() >= self.keep {
            self.lines.pop_front();
        }
        self.lines.push_back(Line {
            after: now.since(self.began),
            who,
            subject: subject.into(),
            code,
            detail,
            words: "".into(),
        });
    }

    /// Whether lines are kept at all, so that words need not be made for nobody.
    pub const fn is_kept(&self) -> bool {
        self.keep > 0
    }

    /// Keeps an entry of acefleet's journal among the lines. It is not part of the digest: what acefleet does
    /// is in there already.
    pub fn say(&mut self, now: Time, words: &str) {
        if self.is_kept() {
            let digest = self.digest;
            self.note(now, Who::Journal, "", "", Detail::Nothing);
            self.digest = digest;
            if let Some(line) = self.lines.back_mut() {
                line.words = words.into();
            }
        }
    }

    fn fold_text(&mut self, text: &str) {
        for chunk in text.as_bytes().chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.fold(u64::from_le_bytes(word));
        }
    }

    /// One multiplication and one rotation per word: enough to tell runs apart, and nearly free.
    const fn fold(&mut self, word: u64) {
        self.digest = (self.digest.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_tells_runs_apart_although_no_line_is_kept() {
        let mut one = Trace::new(Time::ZERO);
        let mut other = Trace::new(Time::ZERO);
        one.note(Time::from_secs(1), Who::Docker, "gluetun", "runs", Detail::Count(1));
        other.note(Time::from_secs(1), Who::Docker, "gluetun", "runs", Detail::Count(2));

        assert_ne!(one.digest(), other.digest());
        assert_eq!(one.lines().count(), 0);
    }

    #[test]
    fn a_line_has_the_columns_that_the_head_promises() {
        let mut trace = Trace::new(Time::from_secs(100));
        trace.keep(1);
        trace.note(Time::from_secs(101), Who::Docker, "gluetun", "paus", Detail::Nothing);
        trace.note(Time::from_secs(112), Who::Docker, "acestream-1", "runs", Detail::Count(1));

        let lines: Vec<String> = trace.lines().map(Line::to_string).collect();

        assert_eq!(lines, ["   12.000s DOCK acestream-1      runs 1"]);
    }
}
