//! What is written down while running: lines on standard error, as LOG_LEVEL and LOG_FORMAT say, and with DEBUG_MODE
//! everything in a file beside.

use crate::settings::LogSettings;
use std::fmt::{self, Write};
use std::fs::{File, OpenOptions};
use std::path::Path;
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};
use tracing::{error, warn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// Begins to log. Called once.
pub fn begin(settings: &LogSettings) {
    let filter = |level: &str| EnvFilter::new(format!("{level},hyper=warn,rustls=warn,hickory=warn"));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = if settings.json {
        lines.json().flatten_event(true).boxed()
    } else {
        lines.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).boxed()
    };
    let file = settings.debug_dir.as_deref().map(debug_file);
    let (file, trouble) = match file {
        Some(Ok(file)) => (Some(file), None),
        Some(Err(trouble)) => (None, Some(trouble)),
        None => (None, None),
    };
    let debug = file.map(|file| {
        let layer = tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(Mutex::new(file));
        layer.with_filter(filter("debug"))
    });
    tracing_subscriber::registry().with(lines.with_filter(filter(&settings.level))).with(debug).init();
    if let Some(trouble) = trouble {
        warn!(
            "DEBUG_MODE has no file to write to, and goes without: {trouble}; DEBUG_LOG_DIR names its folder"
        );
    }
    // A panic is caught where it can be survived; where it happened would be lost otherwise.
    std::panic::set_hook(Box::new(|panic| error!("{panic}")));
}

/// A file of its own for each run, so that one run's story is not torn apart.
fn debug_file(folder: &Path) -> std::io::Result<File> {
    std::fs::create_dir_all(folder)?;
    let began = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let path = folder.join(format!("acefleet-{began}-{}.jsonl", std::process::id()));
    OpenOptions::new().create_new(true).append(true).open(path)
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
}
