//! What the demo says on the terminal: lines with the time that has passed, and the journal in few of them.
//!
//! It shows and decides nothing. Whoever stopped reading, like `head`, has what they wanted: a line that cannot be
//! written is not missed.

use crate::driver::gate::Gate;
use crate::journal::Numbered;
use crate::log::OneLine;
use control::Time;
use control::journal::{Subject, What};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Entries of the journal that are written within this time are told together.
pub(super) const TOGETHER: Duration = Duration::from_millis(250);
/// Of those that say the same of different engines, so many are named.
const NAMED_MAX: usize = 3;

/// The terminal. Cheap to copy.
#[derive(Clone, Copy, Debug)]
pub(super) struct Voice {
    began: Instant,
}

impl Voice {
    pub(super) fn new() -> Self {
        Self { began: Instant::now() }
    }

    /// Since when it speaks.
    pub(super) const fn began(&self) -> Instant {
        self.began
    }

    /// Says something as it is.
    pub(super) fn say(&self, text: &str) {
        let mut out = io::stdout().lock();
        drop(writeln!(out, "{text}").and_then(|()| out.flush()));
    }

    /// Says what has happened just now.
    pub(super) fn tell(&self, text: &str) {
        self.tell_of(self.began.elapsed(), text);
    }

    /// Says what has happened so long after the beginning.
    pub(super) fn tell_of(&self, at: Duration, text: &str) {
        self.say(&format!("{:>7.1} s  {text}", at.as_secs_f64()));
    }
}

/// Tells the journal's entries as they are written, for ever. It is begun when the program is, so that its first
/// picture says when that was on the core's clock.
pub(super) fn tell_journal(gate: Gate, voice: Voice) -> impl Future<Output = ()> {
    let (zero, began) = (gate.picture().snapshot.at, voice.began.elapsed());
    keep_telling(gate, move |at, line| voice.tell_of(began + at.since(zero), line))
}

async fn keep_telling(gate: Gate, tell: impl Fn(Time, &str)) {
    let mut news = gate.news();
    let mut told = 0;
    loop {
        let journal = gate.picture().journal.clone();
        let fresh = after(&journal, told);
        together(fresh).iter().for_each(|(at, line)| tell(*at, line));
        told = journal.last().map_or(told, |entry| entry.id);
        if news.changed().await.is_err() {
            return;
        }
        // What belongs together is decided in several steps.
        sleep(TOGETHER).await;
    }
}

/// The entries after the one of this number.
pub(super) fn after(journal: &[Arc<Numbered>], told: u64) -> &[Arc<Numbered>] {
    &journal[journal.partition_point(|entry| entry.id <= told)..]
}

/// The entries as lines, in their order; those that say the same of different engines or streams as one.
fn together(entries: &[Arc<Numbered>]) -> Vec<(Time, String)> {
    let mut lines: Vec<(Time, String, Vec<String>)> = Vec::new();
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    for entry in entries.iter().map(|numbered| &numbered.entry).filter(|entry| is_news(&entry.what)) {
        let sentence = OneLine(entry).to_string();
        let Some(name) = one_of_many(&entry.subject) else {
            lines.push((entry.at, sentence, Vec::new()));
            continue;
        };
        let pattern = sentence.replace(&name, "…");
        match known.get(&pattern) {
            Some(line) => lines[*line].2.push(name),
            None => {
                known.insert(pattern, lines.len());
                lines.push((entry.at, sentence, Vec::new()));
            }
        }
    }
    lines.into_iter().map(|(at, sentence, others)| (at, with_others(sentence, &others))).collect()
}

fn with_others(sentence: String, others: &[String]) -> String {
    if others.is_empty() {
        return sentence;
    }
    let named = others.iter().take(NAMED_MAX).cloned().collect::<Vec<_>>().join(", ");
    let more = if others.len() > NAMED_MAX { ", …" } else { "" };
    format!("{sentence} [and so {} more: {named}{more}]", others.len())
}

/// The name of something of which there are many.
fn one_of_many(subject: &Subject) -> Option<String> {
    match subject {
        Subject::Engine(_, name) | Subject::Container(_, name) => Some(name.to_string()),
        Subject::Stream(id) => Some(id.to_string()),
        Subject::Fleet | Subject::Docker | Subject::Vpn(..) => None,
    }
}

/// Whether a spectator wants to know: how each engine answered is in `/journal`.
fn is_news(what: &What) -> bool {
    !matches!(what, What::Vouched(_) | What::CheckFailed(_) | What::PortCached(_) | What::CacheKept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use control::ids::{Name, VpnId};
    use control::journal::{Entry, Expect, Why};

    fn entry(id: u64, subject: Subject, what: What) -> Arc<Numbered> {
        let why = vec![Why::NoHealthyVpn];
        let entry = Entry { seq: 1, at: Time::ZERO, subject, what, why, expect: Expect::Nothing };
        Arc::new(Numbered { id, entry })
    }

    fn engine(name: &str) -> Subject {
        Subject::Engine(None, Name::from(name))
    }

    #[test]
    fn what_is_said_of_many_engines_is_one_line_and_the_order_stays() {
        let vpn = Subject::Vpn(VpnId(0), Name::from("gluetun-1"));
        let entries = [
            entry(1, vpn, What::VpnFailed),
            entry(2, engine("acestream-1"), What::Hidden),
            entry(3, engine("acestream-12"), What::Hidden),
            entry(4, engine("acestream-1"), What::Remove),
        ];
        let lines: Vec<_> = together(&entries).into_iter().map(|(_, line)| line).collect();
        let expected = [
            "VPN 'gluetun-1' failed: no VPN is healthy",
            "engine acestream-1 is hidden: no VPN is healthy [and so 1 more: acestream-12]",
            "removing engine acestream-1: no VPN is healthy",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn what_was_told_is_not_told_again_even_when_the_rest_is_forgotten() {
        let first = entry(7, engine("a"), What::Offered);
        let second = entry(9, engine("b"), What::Offered);
        let journal = [first, second.clone()];
        assert_eq!(after(&journal, 0).len(), 2);
        assert_eq!(after(&journal, 7).len(), 1);
        assert_eq!(after(&journal, 9).len(), 0);
        assert_eq!(after(&[second], 7).len(), 1);
    }
}
