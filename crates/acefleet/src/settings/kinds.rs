//! What a setting may be: how its text is read, checked and described, and where the value goes.
//!
//! One text at a time. What several settings mean together is in `assemble`.

use super::draft::Draft;
use super::words;
use super::{Secret, Variant};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;
use url::Url;

/// What a setting may be, and where it goes.
pub enum Kind {
    /// A whole number, the least that makes sense, and what becomes of less.
    Count(u32, Below, fn(&mut Draft, u32)),
    /// A whole number between two others.
    Within(RangeInclusive<u32>, fn(&mut Draft, u32)),
    /// A port.
    Port(fn(&mut Draft) -> &mut u16),
    /// Seconds, with decimals if wanted.
    Seconds(Least, fn(&mut Draft) -> &mut Duration),
    /// A range of ports, in order.
    Range(fn(&mut Draft) -> &mut RangeInclusive<u16>),
    /// A switch that has always been there: `true` in any case is on, everything else off.
    OldSwitch(fn(&mut Draft) -> &mut bool),
    /// A new switch: `true` or `false` and nothing else.
    Switch(fn(&mut Draft) -> &mut bool),
    /// One of these words, in any case.
    Word(&'static [&'static str], fn(&mut Draft) -> &mut String),
    /// Any text.
    Text(fn(&mut Draft) -> &mut Option<String>),
    /// Texts with commas between them.
    List(fn(&mut Draft) -> &mut Vec<String>),
    /// What is never shown.
    Secret(fn(&mut Draft) -> &mut Option<Secret>),
    /// What has rules of its own: what it may be, and how it is read.
    Own(&'static str, fn(&mut Draft, &str) -> Result<(), Fault>),
}

/// What becomes of a number that is less than makes sense.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Below {
    /// It is a mistake.
    Rejected,
    /// The least is taken, with a warning: files that people have worked so.
    Raised,
}

/// Whether a duration may be zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Least {
    /// It may.
    None,
    /// It may not: something would be done without a pause, or could never be done in time.
    Some,
}

/// The shortest pause and the shortest time limit, so that nothing spins.
const SHORTEST_S: f64 = 0.01;
/// No number of engines, retries or readings is larger.
const MOST: u32 = 1_000_000;

/// So many days.
pub(super) fn days(number: u32) -> Duration {
    Duration::from_secs(u64::from(number) * 86_400)
}

/// What is wrong with a text, and what to write instead.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub fix: String,
}

impl Fault {
    pub(super) fn new(what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { what: what.into(), fix: fix.into() }
    }
}

impl Kind {
    /// Reads a text that is not empty. A text that works, but not as it says, comes with a warning.
    pub fn read(&self, draft: &mut Draft, text: &str) -> Result<Option<String>, Fault> {
        match self {
            Self::Count(least, below, set) => {
                let number = words::whole(text).ok_or_else(|| self.fault("that is no whole number"))?;
                if number > i64::from(MOST) {
                    return Err(self.fault("that is too many"));
                }
                match (u32::try_from(number).ok().filter(|number| number >= least), below) {
                    (Some(number), _) => set(draft, number),
                    (None, Below::Rejected) => return Err(self.fault("that is too few")),
                    (None, Below::Raised) => {
                        set(draft, *least);
                        return Ok(Some(format!("it means the same as {least}")));
                    }
                }
            }
            Self::Within(range, set) => {
                let number = words::whole(text).ok_or_else(|| self.fault("that is no whole number"))?;
                let number = u32::try_from(number).ok().filter(|number| range.contains(number));
                set(draft, number.ok_or_else(|| self.fault("that is too few or too many"))?);
            }
            Self::Port(to) => {
                *to(draft) = words::port(text).ok_or_else(|| self.fault("that is no port"))?;
            }
            Self::Seconds(least, to) => {
                let seconds = words::decimal(text).ok_or_else(|| self.fault("that is no number"))?;
                let enough = match least {
                    Least::None => seconds >= 0.0,
                    Least::Some => seconds >= SHORTEST_S,
                };
                if !enough {
                    return Err(self.fault("that is too short"));
                }
                *to(draft) = words::duration(seconds);
            }
            Self::Range(to) => {
                *to(draft) = words::range(text).ok_or_else(|| self.fault("that is no range of ports"))?;
            }
            Self::OldSwitch(to) => {
                let word = text.to_lowercase();
                *to(draft) = word == "true";
                if word != "true" && word != "false" {
                    return Ok(Some("it means `false`; write `true` or `false`".into()));
                }
            }
            Self::Switch(to) => {
                *to(draft) = words::switch(text).ok_or_else(|| self.fault("that is neither of both"))?;
            }
            Self::Word(known, to) => {
                let word = text.trim().to_ascii_lowercase();
                if !known.contains(&word.as_str()) {
                    return Err(self.fault("that is none of them"));
                }
                *to(draft) = word;
            }
            Self::Text(to) => *to(draft) = Some(text.to_owned()),
            Self::List(to) => *to(draft) = words::list(text),
            Self::Secret(to) => *to(draft) = Some(Secret::from(text.to_owned())),
            Self::Own(_, read) => read(draft, text)?,
        }
        Ok(None)
    }

    /// Its value is never shown.
    pub fn is_secret(&self) -> bool {
        matches!(self, Self::Secret(_))
    }

    fn fault(&self, what: &str) -> Fault {
        Fault::new(what, format!("write {}", self.expects()))
    }

    /// What may be written, in words.
    pub fn expects(&self) -> String {
        match self {
            Self::Count(least, ..) => format!("a whole number, {least} or more"),
            Self::Within(range, _) => format!("a whole number from {} to {}", range.start(), range.end()),
            Self::Port(_) => "a port from 1 to 65535".into(),
            Self::Seconds(Least::None, _) => "seconds, 0 or more".into(),
            Self::Seconds(Least::Some, _) => format!("seconds, {SHORTEST_S} or more"),
            Self::Range(_) => "two ports from 1 to 65535 as `first-last`".into(),
            Self::OldSwitch(_) | Self::Switch(_) => "`true` or `false`".into(),
            Self::Word(words, _) => {
                words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
            }
            Self::Text(_) => "text".into(),
            Self::List(_) => "texts with commas between them".into(),
            Self::Secret(_) => "a secret".into(),
            Self::Own(expects, _) => (*expects).into(),
        }
    }

    /// What stands for the value where a command's flags are listed.
    pub fn placeholder(&self) -> &'static str {
        match self {
            Self::Count(..) | Self::Within(..) => "NUMBER",
            Self::Port(_) => "PORT",
            Self::Seconds(..) => "SECONDS",
            Self::Range(_) => "FIRST-LAST",
            Self::OldSwitch(_) | Self::Switch(_) => "TRUE|FALSE",
            Self::Word(..) => "WORD",
            Self::Text(_) | Self::Own(..) => "TEXT",
            Self::List(_) => "A,B,…",
            Self::Secret(_) => "SECRET",
        }
    }
}

pub(super) const ENGINE_VARIANT: Kind =
    Kind::Own("`krinkuto11-amd64`, `jopsis-amd64`, `jopsis-arm32` or `jopsis-arm64`", |draft, text| {
        draft.settings.engine.variant = match text {
            "krinkuto11-amd64" => Variant::Krinkuto11Amd64,
            "jopsis-amd64" => Variant::JopsisAmd64,
            "jopsis-arm32" => Variant::JopsisArm32,
            "jopsis-arm64" => Variant::JopsisArm64,
            _ => {
                return Err(Fault::new(
                    "there is no such variant",
                    format!("write {}", ENGINE_VARIANT.expects()),
                ));
            }
        };
        Ok(())
    });

pub(super) const VPN_MODE: Kind = Kind::Own("`single` or `redundant`", |draft, text| {
    draft.vpn.redundant = match text {
        "single" => false,
        "redundant" => true,
        _ => return Err(Fault::new("there is no such mode", format!("write {}", VPN_MODE.expects()))),
    };
    Ok(())
});

pub(super) const CONTAINER_LABEL: Kind = Kind::Own("`key=value`", |draft, text| match text.split_once('=') {
    Some((key, value)) if !key.trim().is_empty() => {
        draft.settings.engine.label = (key.to_owned(), value.to_owned());
        Ok(())
    }
    Some(_) | None => {
        Err(Fault::new("that is no label", "write `key=value`, for example `ondemand.app=myservice`"))
    }
});

pub(super) const PROVISION_IMAGES: Kind = Kind::Own("images with commas between them", |draft, text| {
    let images = words::list(text);
    if images.iter().any(|image| image.is_empty() || image.contains(char::is_whitespace)) {
        return Err(Fault::new("one of them is no image's name", "write `image:tag,image:tag`"));
    }
    draft.settings.api.provision_images = images;
    Ok(())
});

pub(super) const CORS_ORIGINS: Kind = Kind::Own("origins with commas between them", |draft, text| {
    let origins = words::list(text);
    let fine = |origin: &String| {
        origin == "*" || Url::parse(origin).is_ok_and(|url| url.origin().ascii_serialization() == *origin)
    };
    if let Some(odd) = origins.iter().find(|origin| !fine(origin)) {
        let what = format!("'{}' is no origin", words::shown(odd));
        return Err(Fault::new(
            what,
            "write scheme and host as browsers send them, like `https://panel.example`",
        ));
    }
    draft.settings.api.cors_origins = origins;
    Ok(())
});

pub(super) const PROXY_BASE_URL: Kind = Kind::Own("an address", |draft, text| {
    let chosen = crate::playlist::base::chosen(text);
    draft.settings.playlists.base_url = Some(chosen.ok_or_else(|| {
        Fault::new("that is no address that others could begin with", "write it as `https://tv.example`")
    })?);
    Ok(())
});

pub(super) const DB_URL: Kind = Kind::Own("`sqlite:///` and a path", |draft, text| {
    draft.settings.store.path = database_path(text)?;
    Ok(())
});

/// The path in a database's address as SQLAlchemy reads it: three slashes before a relative path, four before
/// an absolute one, perhaps a driver's name behind `sqlite` and options at the end.
fn database_path(url: &str) -> Result<PathBuf, Fault> {
    const FIX: &str = "write sqlite:///./orchestrator.db for a file in the working folder, or \
                       sqlite:////data/orchestrator.db for one with an absolute path";
    let Some((kind, rest)) = url.split_once("://") else {
        return Err(Fault::new("that is no database's address", FIX));
    };
    if kind.split('+').next() != Some("sqlite") {
        // Without the address itself: other databases' addresses have passwords in them.
        return Err(Fault::new("acefleet keeps its history in SQLite and in no other database", FIX));
    }
    let path = rest.split('?').next().unwrap_or_default();
    match path.strip_prefix('/') {
        Some("" | ":memory:") => Err(Fault::new("a database in memory would forget who is watching", FIX)),
        None if path.is_empty() => Err(Fault::new("a database in memory would forget who is watching", FIX)),
        Some(path) => Ok(PathBuf::from(path)),
        None => Err(Fault::new("a slash is missing before the path", FIX)),
    }
}
