//! Reads settings from where they come from: flags beat the environment, which beats `.env`; a secret may be
//! in a file. Finds everything that is wrong at once.
//!
//! Pure: what is outside comes in as `Sources`, which only [`Sources::of_process`] fills from the real world.

use super::draft::Draft;
use super::table::{self, Row};
use super::{Secret, Settings, assemble, dotenv, words};
use crate::playlist::channels::{Channels, Mistake};
use crate::tls;
use rustls_pki_types::CertificateDer;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// No file of settings and no secret is longer.
const LONGEST_FILE_BYTES: u64 = 1024 * 1024;

/// A `.env` key that is so many letters from a known one is probably meant to be that.
const LIKELY_TYPO_LETTERS: usize = 2;

/// How files are read.
pub type FileReader = fn(&Path) -> io::Result<String>;

/// Where settings come from.
#[derive(Clone)]
pub struct Sources {
    /// What was given on the command line, by the settings' names.
    pub flags: BTreeMap<String, String>,
    /// The environment.
    pub environment: BTreeMap<String, String>,
    /// What `.env` says, if there is one.
    pub dotenv: Option<String>,
    /// Reads the files that secrets are in.
    pub read_file: FileReader,
}

/// Where a value comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origin {
    /// The command line.
    Flag,
    /// The environment.
    Environment,
    /// `.env`.
    DotEnv,
    /// The file that `NAME_FILE` names.
    File(PathBuf),
    /// Nobody said anything.
    Default,
}

/// One setting as it is in force.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Effective {
    /// Its name.
    pub name: &'static str,
    /// Its value, as it was written; a secret as `***`, nothing as nothing.
    pub value: String,
    /// Where that comes from.
    pub origin: Origin,
}

/// Why acefleet cannot start.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// The setting, with its value and where that comes from if there is one.
    pub setting: String,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub fix: String,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("flag"),
            Self::Environment => f.write_str("environment"),
            Self::DotEnv => f.write_str(".env"),
            Self::File(path) => write!(f, "file {}", words::shown(&path.display().to_string())),
            Self::Default => f.write_str("default"),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.setting, self.what, self.fix)
    }
}

impl Problem {
    pub(super) fn new(setting: impl Into<String>, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { setting: setting.into(), what: what.into(), fix: fix.into() }
    }
}

impl Sources {
    /// Nothing said anywhere: every setting has its default.
    pub fn empty() -> Self {
        Self { flags: BTreeMap::new(), environment: BTreeMap::new(), dotenv: None, read_file: read_text }
    }

    /// What this process was given. `file` is where `.env` is said to be; otherwise it is looked for in the
    /// working folder, where it may be missing.
    pub fn of_process(flags: BTreeMap<String, String>, file: Option<&Path>) -> Result<Self, Problem> {
        let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        let environment = std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect();
        let path = file.unwrap_or(Path::new(".env"));
        let dotenv = match read_text(path) {
            Ok(text) => Some(text),
            // Docker makes a folder of a file that it is told to mount and that is not there.
            Err(error) if file.is_none() && is_no_file(error.kind()) => None,
            Err(error) => {
                let what = format!("it cannot be read: {error}");
                let setting = words::shown(&path.display().to_string());
                let fix = "make it readable for acefleet and save it as UTF-8, or take it away";
                return Err(Problem::new(setting, what, fix));
            }
        };
        Ok(Self { flags, environment, dotenv, read_file: read_text })
    }
}

fn is_no_file(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::NotFound | io::ErrorKind::IsADirectory)
}

/// Reads a file of settings, or the file that a secret is in.
fn read_text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let file = std::fs::File::open(path)?;
    if file.take(LONGEST_FILE_BYTES + 1).read_to_string(&mut text)? as u64 > LONGEST_FILE_BYTES {
        return Err(io::Error::other(format!("it is longer than {LONGEST_FILE_BYTES} bytes")));
    }
    Ok(text)
}

/// Reads and checks every setting.
pub fn read(sources: &Sources) -> Result<Settings, Vec<Problem>> {
    let mut reading = Reading::new(sources);
    let mut draft = Draft::empty();
    let mut effective = Vec::new();
    for row in table::rows() {
        effective.push(reading.read(row, &mut draft));
    }
    let Reading { mut problems, mut warnings, .. } = reading;
    let said = effective.iter().filter(|e| e.origin != Origin::Default).map(|e| e.name).collect();
    let home = sources.environment.get("HOME").map(String::as_str);
    let (list, authorities) = (draft.channels.take(), draft.ssl_cert_file.take());
    let mut settings = assemble::assemble(draft, &said, home, &mut problems, &mut warnings);
    if let Some(path) = list {
        match channels(&path, sources.read_file) {
            Ok(channels) => settings.playlists.channels = Some(Arc::new(channels)),
            Err(found) => problems.extend(found),
        }
    }
    if let Some(path) = authorities.filter(|_| !settings.notify.targets.is_empty()) {
        match certificates(&path, sources.read_file) {
            Ok(found) => settings.notify.authorities = found,
            Err(wrong) => {
                warnings.push(wrong.clone());
                settings.notify.authorities_unread = Some(wrong);
            }
        }
    }
    if problems.is_empty() {
        settings.warnings = warnings;
        settings.effective = effective;
        Ok(settings)
    } else {
        Err(problems)
    }
}

/// The channels in the file that PROXY_CHANNELS names.
fn channels(path: &str, read_file: FileReader) -> Result<Channels, Vec<Problem>> {
    let setting = format!("PROXY_CHANNELS={}", words::shown(path));
    let text = read_file(Path::new(path)).map_err(|error| {
        let what = format!("the file cannot be read: {error}");
        vec![Problem::new(&setting, what, "correct the path, or make it readable")]
    })?;
    Channels::parse(&text).map_err(|mistakes| {
        let problem = |mistake: &Mistake| {
            Problem::new(&setting, mistake.to_string(), "docs/playlists.md has the format")
        };
        mistakes.iter().map(problem).collect()
    })
}

/// The certificates in the file that SSL_CERT_FILE names. Other programs read that variable as well: what is wrong with
/// it costs trust in them, and not the start.
fn certificates(path: &str, read_file: FileReader) -> Result<Vec<CertificateDer<'static>>, String> {
    let read = read_file(Path::new(path)).map_err(|error| format!("it cannot be read: {error}"));
    read.and_then(|text| tls::certificates_in(&text)).map_err(|wrong| {
        format!(
            "SSL_CERT_FILE={}: {wrong}; receivers of alerts are told only if browsers would trust their certificates",
            words::shown(path)
        )
    })
}

/// One reading of all settings.
struct Reading<'a> {
    sources: &'a Sources,
    dotenv: BTreeMap<String, Option<String>>,
    problems: Vec<Problem>,
    warnings: Vec<String>,
}

impl<'a> Reading<'a> {
    fn new(sources: &'a Sources) -> Self {
        let mut warnings = Vec::new();
        let mut dotenv = BTreeMap::new();
        if let Some(text) = &sources.dotenv {
            // Some editors begin files with a mark that nobody sees.
            let text = text.strip_prefix('\u{feff}').unwrap_or(text);
            let file = dotenv::parse(text, &sources.environment);
            let garbled =
                file.garbled.iter().map(|line| format!(".env: line {line} makes no sense and is not read"));
            warnings.extend(garbled);
            warnings.extend(file.values.keys().filter_map(|key| likely_typo(key)));
            dotenv = file.values;
        }
        Self { sources, dotenv, problems: Vec::new(), warnings }
    }

    /// Where a setting is set, and to what. Empty is unset.
    fn find(&self, name: &str) -> Option<(&str, Origin)> {
        let dotenv = self.dotenv.get(name).and_then(Option::as_ref);
        let places = [
            (self.sources.flags.get(name), Origin::Flag),
            (self.sources.environment.get(name), Origin::Environment),
            (dotenv, Origin::DotEnv),
        ];
        let mut set = places.into_iter().filter_map(|(text, origin)| Some((text?.as_str(), origin)));
        set.find(|(text, _)| !text.is_empty())
    }

    fn read(&mut self, row: &'static Row, draft: &mut Draft) -> Effective {
        let found = self.find(row.name).map(|(text, origin)| (text.to_owned(), origin));
        let found = if row.kind.is_secret() { self.secret(row, found) } else { found };
        let (text, origin) = found.unwrap_or_else(|| (row.default.to_owned(), Origin::Default));
        let value = value_shown(row, &text);
        if !text.is_empty() {
            if row.kind.is_secret() {
                draft.settings.given_secrets.push(Secret::from(text.clone()));
            }
            let setting = || format!("{}={value} ({origin})", row.name);
            match row.kind.read(draft, &text) {
                Ok(None) => {}
                Ok(Some(warning)) => self.warnings.push(format!("{}: {warning}", setting())),
                Err(fault) => self.problems.push(Problem::new(setting(), fault.what, fault.fix)),
            }
        }
        Effective { name: row.name, value, origin }
    }

    /// A secret itself, or what its file says.
    fn secret(&mut self, row: &Row, itself: Option<(String, Origin)>) -> Option<(String, Origin)> {
        let name = table::file_name(row.name);
        let Some((path, origin)) = self.find(&name) else { return itself };
        let path = PathBuf::from(path);
        let setting = format!("{name}={} ({origin})", words::shown(&path.display().to_string()));
        let problem = |what: String, fix: String| {
            self.problems.push(Problem::new(setting, what, fix));
            None
        };
        if let Some((_, other)) = itself {
            let what = format!("{} is set too ({other}), and only one of both can be meant", row.name);
            return problem(what, format!("take {} or {name} away", row.name));
        }
        match (self.sources.read_file)(&path) {
            Ok(text) => match text.trim_end_matches(['\r', '\n']) {
                "" => problem(
                    "the file is empty".into(),
                    "write the secret into it, or take the setting away".into(),
                ),
                secret => Some((secret.to_owned(), Origin::File(path))),
            },
            Err(error) => problem(
                format!("the file cannot be read: {error}"),
                "correct the path, or make it readable".into(),
            ),
        }
    }
}

/// A value as it may be shown to anybody.
fn value_shown(row: &Row, text: &str) -> String {
    if row.kind.is_secret() {
        return if text.is_empty() { String::new() } else { "***".into() };
    }
    words::address_shown(text)
}

/// A warning, if a key of `.env` is nearly that of a setting.
fn likely_typo(key: &str) -> Option<String> {
    let (distance, meant) = table::names().map(|name| (words::distance(key, &name), name)).min()?;
    let likely =
        (1..=LIKELY_TYPO_LETTERS).contains(&distance) && key.chars().count() > 2 * LIKELY_TYPO_LETTERS;
    likely.then(|| format!(".env: {} is no setting; did you mean {meant}?", words::shown(key)))
}
