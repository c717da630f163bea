//! What is written down while running: lines on standard error, as LOG_LEVEL and LOG_FORMAT say, and with DEBUG_MODE
//! everything in a file beside. The latest lines are kept in memory, and how much is logged can be changed while the
//! program runs.
//!
//! Nobody who logs waits for a disk or a pipe: see `pen`.

mod file;
mod pen;
mod ring;

use crate::settings::LogSettings;
use file::DebugFile;
use pen::Pen;
use prometheus_client::metrics::counter::Counter;
use ring::Ring;
use std::fmt::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracing::{error, info, warn};
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, reload};

/// What LOG_LEVEL may say, the least first.
pub const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];
/// The longest time for which another level may be asked for.
pub const LEVEL_FOR_MAX: Duration = Duration::from_secs(86_400);

/// What is still to be written when the program ends gets so long.
const FINISH_MAX: Duration = Duration::from_secs(2);

/// This process's log, once it has begun.
static PRESENT: OnceLock<Log> = OnceLock::new();

/// A log: its level, and its latest lines. Cheap to clone.
#[derive(Clone)]
pub struct Log(Arc<Inner>);

struct Inner {
    ring: Arc<Ring>,
    /// Where lines go, and how many never arrived there.
    pens: Vec<Pen>,
    lost: Counter,
    apply: Box<dyn Fn(&str) + Send + Sync>,
    level: Mutex<Level>,
}

struct Level {
    /// What holds when nothing else is asked for.
    usual: String,
    /// What holds instead, until then, and what ends it.
    instead: Option<(String, Instant, JoinHandle<()>)>,
}

/// How much is logged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LevelNow {
    /// What holds.
    pub level: String,
    /// For how much longer, and what holds after that; `None` if that is for good.
    pub until: Option<(Duration, String)>,
}

/// Begins to log. Called once.
pub fn begin(settings: &LogSettings) {
    let (filter, handle) = reload::Layer::new(filter(&settings.level));
    let (ring_filter, ring_handle) = reload::Layer::new(self::filter(&settings.level));
    let lost = Counter::default();
    let errors = Pen::new("standard error", std::io::stderr(), lost.clone()).ok();
    let to = errors.clone().map_or_else(|| BoxMakeWriter::new(std::io::stderr), BoxMakeWriter::new);
    let lines = tracing_subscriber::fmt::layer().with_writer(to);
    let lines = if settings.json {
        lines.json().flatten_event(true).boxed()
    } else {
        lines.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).boxed()
    };
    let file = settings
        .debug_dir
        .as_deref()
        .map(|folder| Pen::new("DEBUG_MODE's file", DebugFile::begin(folder)?, lost.clone()));
    let (file, trouble) = match file.transpose() {
        Ok(file) => (file, None),
        Err(trouble) => (None, Some(trouble)),
    };
    let debug = file.clone().map(|file| {
        let layer = tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(file);
        layer.with_filter(self::filter("debug"))
    });
    let ring = Arc::new(Ring::default());
    let kept = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(ring::Into(ring.clone()));
    tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .with(kept.with_filter(ring_filter))
        .with(debug)
        .init();
    let apply = move |level: &str| {
        // It fails only when there is no subscriber any more.
        drop(handle.reload(self::filter(level)));
        drop(ring_handle.reload(self::filter(level)));
    };
    // Somebody else may have begun already: then that one stays.
    let pens = errors.into_iter().chain(file).collect();
    drop(PRESENT.set(Log::new(ring, (pens, lost), settings.level.clone(), apply)));
    if let Some(trouble) = trouble {
        warn!(
            "DEBUG_MODE has no file to write to, and goes without: {trouble}; DEBUG_LOG_DIR names its folder"
        );
    }
    // A panic is caught where it can be survived; where it happened would be lost otherwise.
    std::panic::set_hook(Box::new(|panic| error!("{panic}")));
}

/// This process's log. Before it has begun, one that keeps nothing.
pub fn present() -> Log {
    PRESENT
        .get()
        .cloned()
        .unwrap_or_else(|| Log::new(Arc::default(), Default::default(), "info".into(), |_| {}))
}

/// Waits until what was logged has been written: before the program ends, and before somebody else writes to standard
/// error.
pub fn finish() {
    present().0.pens.iter().for_each(|pen| pen.finish(FINISH_MAX));
}

fn filter(level: &str) -> EnvFilter {
    EnvFilter::new(format!("{level},hyper=warn,rustls=warn,hickory=warn"))
}

impl Log {
    fn new(
        ring: Arc<Ring>,
        (pens, lost): (Vec<Pen>, Counter),
        usual: String,
        apply: impl Fn(&str) + Send + Sync + 'static,
    ) -> Self {
        let level = Mutex::new(Level { usual, instead: None });
        Self(Arc::new(Inner { ring, pens, lost, apply: Box::new(apply), level }))
    }

    /// Counts lines that never arrived where they should have.
    pub fn lost(&self) -> Counter {
        self.0.lost.clone()
    }

    /// How much is logged now.
    pub fn level(&self) -> LevelNow {
        let level = self.lock();
        match &level.instead {
            None => LevelNow { level: level.usual.clone(), until: None },
            Some((instead, until, _)) => {
                let left = until.saturating_duration_since(Instant::now());
                LevelNow { level: instead.clone(), until: Some((left, level.usual.clone())) }
            }
        }
    }

    /// Logs so much from now on: for good, or for a while and then as before. What was asked for before is over.
    pub fn set_level(&self, level: &'static str, hold: Option<Duration>) {
        let mut held = self.lock();
        if let Some((_, _, ends)) = held.instead.take() {
            ends.abort();
        }
        if let Some(hold) = hold {
            let hold = hold.min(LEVEL_FOR_MAX);
            let log = self.clone();
            let ends = tokio::spawn(async move {
                tokio::time::sleep(hold).await;
                log.end_of_while();
            });
            held.instead = Some((level.into(), Instant::now() + hold, ends));
        } else {
            held.usual = level.into();
        }
        (self.0.apply)(level);
        info!(
            level,
            seconds = hold.map(|hold| hold.as_secs()),
            "the level of the log was changed, as asked for"
        );
    }

    /// The latest lines, the oldest first.
    pub fn lines(&self) -> Vec<String> {
        self.0.ring.lines()
    }

    fn end_of_while(&self) {
        let mut held = self.lock();
        // Another one may have been asked for in the moment in which this one ended.
        let is_over = held.instead.as_ref().is_some_and(|(_, until, _)| *until <= Instant::now());
        if is_over {
            held.instead = None;
            (self.0.apply)(&held.usual);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Level> {
        self.0.level.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Log").field(&self.level()).finish()
    }
}

/// Words that others may have chosen, on one line and without anything that a terminal would obey: one event is one
/// line, whatever is in it.
#[derive(Clone, Copy, Debug)]
pub struct OneLine<T>(pub T);

impl<T: fmt::Display> fmt::Display for OneLine<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaping(f), "{}", self.0)
    }
}

struct Escaping<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|character| match character {
            // Marks that turn the direction of writing, or cannot be seen, and the two that end a line elsewhere.
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' => {
                write!(self.0, "{}", character.escape_unicode())
            }
            character if character.is_control() => write!(self.0, "{}", character.escape_default()),
            character => self.0.write_char(character),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_have_chosen_stays_on_one_line_and_is_otherwise_as_it_was() {
        assert_eq!(OneLine("a \"b\" 'c' \\ \u{fc}\u{20ac}").to_string(), "a \"b\" 'c' \\ \u{fc}\u{20ac}");
        assert_eq!(OneLine("a\r\nb\u{1b}[31m\u{0}\u{85}").to_string(), "a\\r\\nb\\u{1b}[31m\\u{0}\\u{85}");
        assert_eq!(OneLine("\u{202e}\u{2028}").to_string(), "\\u{202e}\\u{2028}");
    }

    #[tokio::test(start_paused = true)]
    async fn another_level_holds_for_a_while_and_then_the_usual_one_again() {
        let applied: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = applied.clone();
        let log = Log::new(Arc::default(), Default::default(), "info".into(), move |level| {
            seen.lock().expect("nobody has failed").push(level.into());
        });
        log.set_level("debug", Some(Duration::from_secs(60)));
        tokio::time::sleep(Duration::from_secs(20)).await;
        let left = Duration::from_secs(40);
        let expected = LevelNow { level: "debug".into(), until: Some((left, "info".into())) };
        assert_eq!(log.level(), expected);
        // Whoever asks anew begins anew.
        log.set_level("trace", Some(Duration::from_secs(60)));
        tokio::time::sleep(Duration::from_secs(59)).await;
        assert_eq!(log.level().level, "trace");
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(log.level(), LevelNow { level: "info".into(), until: None });
        log.set_level("warn", None);
        assert_eq!(log.level(), LevelNow { level: "warn".into(), until: None });
        assert_eq!(*applied.lock().expect("nobody has failed"), ["debug", "trace", "info", "warn"]);
    }

    #[test]
    fn every_level_is_one_of_the_settings() {
        let row = crate::settings::rows().find(|row| row.name == "LOG_LEVEL").expect("it is a setting");
        assert!(LEVELS.iter().all(|level| row.kind.expects().contains(level)));
    }
}
