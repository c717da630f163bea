//! A report for whoever is to find out what went wrong: one text with sections, bounded, and with nothing secret in it.
//!
//! Whoever asks for one brings the sections. Secrets should not be in any of them; they are taken out all the same.

use crate::api::wire::time::Moment;
use crate::journal::{Line, Numbered};
use crate::log::OneLine;
use crate::settings::{Secret, Settings};
use std::fmt::{Display, Write};
use std::sync::Arc;

/// The longest section. There are fewer than ten.
pub const SECTION_MAX_BYTES: usize = 1 << 20;
/// So many entries of the journal are told, the latest: about as many as a section has room for.
pub const ENTRIES_MAX: usize = 5_000;
/// Shorter secrets are parts of ordinary words: taking them out would only make the text unreadable.
const SECRET_MIN_BYTES: usize = 4;
/// Shorter pieces of secrets are as well: `passive` is no half of a password.
const PIECE_MIN_BYTES: usize = 8;
/// What stands in place of a secret.
const STARS: &str = "***";

/// Which end of a section that is too long is worth keeping.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Keep {
    /// Its beginning.
    Beginning,
    /// Its end: the latest.
    End,
}

/// A report that is being written.
#[derive(Clone, Debug)]
pub struct Report {
    text: String,
    secrets: Vec<Secret>,
}

/// What a report tells of the settings.
#[derive(Clone, Debug)]
pub struct Facts {
    lines: String,
    secrets: Vec<Secret>,
}

impl Facts {
    /// Those of these settings.
    pub fn of(settings: &Settings) -> Self {
        let mut lines = String::new();
        for setting in &settings.effective {
            // Writing to memory does not fail.
            let _ = writeln!(lines, "{}={} ({})", setting.name, setting.value, setting.origin);
        }
        for warning in &settings.warnings {
            let _ = writeln!(lines, "warning: {}", OneLine(warning));
        }
        Self { lines, secrets: settings.secrets() }
    }
}

impl Report {
    /// One that begins with what is said of it, of the program, and of its settings.
    pub fn new(facts: &Facts, about: &[(&str, String)]) -> Self {
        let mut text = String::from(
            "acefleet report\nSecrets are taken out. Names of containers and streams are not: look through it before \
             you give it to others.\n",
        );
        let machine = std::fs::read_to_string("/proc/version").unwrap_or_default();
        let version = format!("{} ({})", env!("CARGO_PKG_VERSION"), std::env::consts::ARCH);
        let always = [("version", version), ("system", machine.trim().to_owned())];
        for (name, value) in always.iter().chain(about) {
            let _ = writeln!(text, "{name}: {}", OneLine(value));
        }
        let text = without_secrets(text, &facts.secrets);
        let mut report = Self { text, secrets: facts.secrets.clone() };
        report.section("Settings", &facts.lines, Keep::Beginning);
        report
    }

    /// Adds a section, at most so much of it. Secrets are taken out before it is cut: half of one is not found any
    /// more, and tells enough.
    pub fn section(&mut self, title: &str, body: &str, keep: Keep) {
        let body = on_lines_of_their_own(&without_secrets(body.to_owned(), &self.secrets));
        let (body, left_out) = bounded(&body, keep);
        let _ = write!(self.text, "\n== {title}\n\n");
        let words = format!("({left_out} more bytes are left out)\n");
        if left_out > 0 && keep == Keep::End {
            self.text.push_str(&words);
        }
        self.text.push_str(body);
        if !body.ends_with('\n') {
            self.text.push('\n');
        }
        if left_out > 0 && keep == Keep::Beginning {
            self.text.push_str(&words);
        }
    }

    /// Adds the journal, from entries that the store tells, the newest first, to those that somebody remembers. What is
    /// missing is said.
    pub fn journal(&mut self, stored: Result<Vec<Line>, impl Display>, remembered: &[Arc<Numbered>]) {
        let mut text = String::new();
        let stored = stored.unwrap_or_else(|why| {
            // Writing to memory does not fail.
            let _ = writeln!(text, "(what was written down is missing: {why})");
            Vec::new()
        });
        for Line { at, sentence, .. } in stored.iter().rev() {
            let _ = writeln!(text, "{} {}", Moment(*at).text(), OneLine(sentence));
        }
        for entry in remembered.iter().map(|numbered| &numbered.entry) {
            let _ = writeln!(text, "{} {}", Moment(entry.at).text(), OneLine(entry));
        }
        self.section("Journal", &text, Keep::End);
    }

    /// The whole text, without anything secret.
    pub fn finish(self) -> String {
        self.text
    }
}

/// The same lines, without what a terminal would obey.
fn on_lines_of_their_own(body: &str) -> String {
    let mut out = String::with_capacity(body.len() + 1);
    for line in body.split_terminator('\n') {
        // Writing to memory does not fail.
        let _ = writeln!(out, "{}", OneLine(line));
    }
    out
}

fn without_secrets(mut text: String, secrets: &[Secret]) -> String {
    let all = secrets.iter().flat_map(|secret| forms(secret.reveal()));
    for form in all {
        text = without_pieces(text, &form);
    }
    without_passwords(&text)
}

/// The same text without a secret, and without its beginning or its end if at least half of it is there: others cut
/// what they write down, too.
fn without_pieces(mut text: String, secret: &str) -> String {
    let half = (secret.len() / 2).max(PIECE_MIN_BYTES).min(secret.len());
    let beginnings = (half..=secret.len()).rev().filter_map(|end| secret.get(..end));
    let ends = (0..=secret.len() - half).filter_map(|begin| secret.get(begin..));
    // The longest first: whoever has one of them has the shortest as well.
    for pieces in [beginnings.collect::<Vec<_>>(), ends.collect()] {
        if pieces.last().is_some_and(|shortest| text.contains(shortest)) {
            text = pieces.into_iter().fold(text, |text, piece| text.replace(piece, STARS));
        }
    }
    text
}

/// A secret as it is, and as JSON and logs may write it.
fn forms(secret: &str) -> Vec<String> {
    let json = serde_json::to_string(secret).unwrap_or_default();
    let json = json.trim_matches('"').to_owned();
    let mut forms = vec![secret.to_owned(), json, secret.escape_debug().to_string()];
    forms.sort();
    forms.dedup();
    forms.retain(|form| form.len() >= SECRET_MIN_BYTES);
    forms
}

/// At most so much of a text, at whole letters, and how many bytes are left out.
fn bounded(body: &str, keep: Keep) -> (&str, usize) {
    let over = body.len().saturating_sub(SECTION_MAX_BYTES);
    if over == 0 {
        return (body, 0);
    }
    let kept = match keep {
        Keep::Beginning => {
            let end = (0..=SECTION_MAX_BYTES).rev().find(|at| body.is_char_boundary(*at)).unwrap_or(0);
            &body[..end]
        }
        Keep::End => {
            let begin = (over..body.len()).find(|at| body.is_char_boundary(*at)).unwrap_or(body.len());
            &body[begin..]
        }
    };
    (kept, body.len() - kept.len())
}

/// The same text, without the user and password that addresses in it may have.
fn without_passwords(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + "://".len());
        out.push_str(before);
        let ends = |char: char| char.is_whitespace() || "/?#\"'<>\\,".contains(char);
        let authority = &after[..after.find(ends).unwrap_or(after.len())];
        rest = match authority.rfind('@') {
            Some(host) => {
                out.push_str(STARS);
                &after[host..]
            }
            None => after,
        };
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{self, Sources};

    fn settings(pairs: &[(String, String)]) -> Settings {
        let environment = pairs.iter().cloned().collect();
        settings::read(&Sources { environment, ..Sources::empty() })
            .unwrap_or_else(|wrong| panic!("{wrong:?}"))
    }

    #[test]
    fn no_secret_setting_gets_through_wherever_it_was_written() {
        let secret_rows = || settings::rows().filter(|row| row.kind.is_secret());
        // A control server is told a key, or a user and a password.
        for other in ["GLUETUN_API_KEY", "GLUETUN_API_PASSWORD"] {
            let mut pairs = Vec::new();
            let mut canaries = Vec::new();
            for row in secret_rows().filter(|row| row.name != other) {
                let canary = format!("canary-{}", row.name.to_lowercase().replace('_', "-"));
                let value = match row.name {
                    "NOTIFY_URLS" => format!(
                        "https://u:{canary}1@h/{canary}2, discord://1/{canary}3, slack://A/B/{canary}4, \
                         tgram://1:{canary}5/{canary}6, gotify://h/{canary}7, ntfys://{canary}8@h/{canary}9"
                    ),
                    "GLUETUN_API_PASSWORD" => {
                        pairs.push(("GLUETUN_API_USER".to_owned(), "me".to_owned()));
                        canary.clone()
                    }
                    _ => canary.clone(),
                };
                pairs.push((row.name.to_owned(), value));
                match row.name {
                    // Each address has its own.
                    "NOTIFY_URLS" => canaries.extend((1..10).map(|number| format!("{canary}{number}"))),
                    _ => canaries.push(canary),
                }
            }
            let facts = Facts::of(&settings(&pairs));
            let mut report = Report::new(&facts, &[("why", canaries.join(" "))]);
            let everywhere = canaries.join("\n") + &serde_json::json!(canaries).to_string();
            report.section("Log", &everywhere, Keep::End);
            let text = report.finish();
            assert!(text.contains("API_KEY=*** (environment)") && text.contains("== Log"), "{text}");
            assert!(!text.contains("canary"), "{text}");
        }
    }

    #[test]
    fn odd_letters_in_a_secret_do_not_save_it_from_being_taken_out() {
        let pairs = [("API_KEY".to_owned(), "ab\"c\\d\ne".to_owned())];
        let facts = Facts::of(&settings(&pairs));
        let mut report = Report::new(&facts, &[]);
        report.section("State", &serde_json::json!({ "x": "ab\"c\\d\ne" }).to_string(), Keep::End);
        assert!(report.finish().contains("{\"x\":\"***\"}"));
    }

    #[test]
    fn passwords_in_addresses_are_taken_out_whoever_wrote_them() {
        let text = "http://u:p@h/x?y=a@b \"rtsp://t@[::1]:1\" https://h/p@q c://, d://e:f@g@h";
        let expected = "http://***@h/x?y=a@b \"rtsp://***@[::1]:1\" https://h/p@q c://, d://***@h";
        assert_eq!(without_passwords(text), expected);
    }

    #[test]
    fn a_secret_where_a_section_is_cut_leaves_no_half_of_itself() {
        let secret = "correct-horse-battery";
        let facts = Facts::of(&settings(&[("API_KEY".to_owned(), secret.to_owned())]));
        for inside in 1..secret.len() {
            let filled = "-".repeat(SECTION_MAX_BYTES - inside);
            let mut report = Report::new(&facts, &[]);
            report.section("State", &format!("{filled}{secret} and more of it"), Keep::Beginning);
            report.section("Log", &format!("what was before {secret}{filled}"), Keep::End);
            let text = report.finish();
            let (begins, ends) = (&secret[..4.min(inside)], &secret[secret.len() - 4.min(inside)..]);
            assert!(!text.contains(&format!("-{begins}")), "{inside} bytes of it are left at the end");
            assert!(!text.contains(&format!("{ends}-")), "{inside} bytes of it are left at the beginning");
        }
    }

    #[test]
    fn half_a_secret_that_somebody_else_has_cut_is_taken_out_as_well() {
        let facts = Facts::of(&settings(&[("API_KEY".to_owned(), "correct-horse-battery".to_owned())]));
        let mut report = Report::new(&facts, &[]);
        report.section("Log", "it answers 400: key=correct-horse-ba\nhorse-battery, correct", Keep::End);
        assert!(report.finish().ends_with("it answers 400: key=***\n***, correct\n"));
    }

    #[test]
    fn a_password_that_begins_like_an_ordinary_word_leaves_that_word_alone() {
        let pairs = [("GLUETUN_API_USER", "me"), ("GLUETUN_API_PASSWORD", "gluetun24"), ("API_KEY", "key12")];
        let facts = Facts::of(&settings(&pairs.map(|(name, value)| (name.to_owned(), value.to_owned()))));
        let mut report = Report::new(&facts, &[]);
        report.section("Log", "VPN 'gluetun' is healthy: gluetun24, gluetun2, key12, key1", Keep::End);
        assert!(report.finish().ends_with("VPN 'gluetun' is healthy: ***, ***, ***, key1\n"));
    }

    #[test]
    fn sections_are_bounded_at_the_end_that_says_less() {
        let mut report = Report::new(&Facts::of(&settings(&[])), &[]);
        let body = format!("first\n{}\nlast", "€".repeat(SECTION_MAX_BYTES));
        report.section("Log", &body, Keep::End);
        report.section("State", &body, Keep::Beginning);
        let text = report.finish();
        assert!(text.len() < 3 * SECTION_MAX_BYTES);
        let (log, state) = text.split_once("== State").expect("both are there");
        assert!(log.ends_with("€\nlast\n\n") && !log.contains("first"));
        assert!(state.starts_with("\n\nfirst\n") && state.ends_with("more bytes are left out)\n"));
    }
}
