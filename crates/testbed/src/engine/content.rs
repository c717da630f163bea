//! Which content somebody asks for, and how it behaves.
//!
//! Everything follows from the key, so a test needs no switch to meet a channel that is offline.

use std::collections::BTreeMap;

use crate::stream;

/// How a content behaves. The first digits of its key say so.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Behaviour {
    /// Live, and plays.
    Plays,
    /// Refused at once.
    Refused,
    /// Never answered.
    Hangs,
    /// Never leaves its buffering.
    Prebuffers,
    /// Plays for ten seconds, then its session is unknown.
    Dies,
    /// A file.
    File,
}

/// First digits and what they mean.
const BEHAVIOURS: [(&str, Behaviour); 5] = [
    ("dead00", Behaviour::Refused),
    ("dead01", Behaviour::Hangs),
    ("dead02", Behaviour::Prebuffers),
    ("dead03", Behaviour::Dies),
    ("f11e", Behaviour::File),
];

/// A content.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Content {
    /// What identifies it everywhere. A content id leads to an infohash that is its own.
    pub(super) infohash: String,
    pub(super) behaviour: Behaviour,
}

impl Content {
    /// The content that a query asks for.
    pub(super) fn asked(query: &BTreeMap<String, String>) -> Result<Self, String> {
        let named = ["content_id", "id", "infohash", "url", "magnet"]
            .into_iter()
            .find_map(|name| Some((name, query.get(name).filter(|value| !value.is_empty())?)));
        let Some((name, value)) = named else {
            return Err("missing content id".to_owned());
        };
        let key = match name {
            "url" => value.rsplit('/').find(|part| !part.is_empty()).unwrap_or(value),
            "magnet" => hash_of_magnet(value).ok_or("cannot read the magnet link")?,
            _ => value,
        };
        let key = key.to_ascii_lowercase();
        let behaviour = BEHAVIOURS.iter().find(|(prefix, _)| key.starts_with(prefix));
        let infohash = match (name, behaviour) {
            ("infohash" | "magnet", _) => key,
            // The infohash of a content behaves as its content id does.
            (_, Some((prefix, _))) => format!("{prefix}{}", &digest(value.as_bytes())[prefix.len()..]),
            (_, None) => tame(digest(value.as_bytes())),
        };
        Ok(Self { infohash, behaviour: behaviour.map_or(Behaviour::Plays, |(_, behaviour)| *behaviour) })
    }
}

/// An infohash that was drawn must not misbehave by chance.
fn tame(infohash: String) -> String {
    match BEHAVIOURS.iter().any(|(prefix, _)| infohash.starts_with(prefix)) {
        true => format!("0{}", &infohash[1..]),
        false => infohash,
    }
}

fn hash_of_magnet(link: &str) -> Option<&str> {
    let (_, rest) = link.split_once("btih:")?;
    rest.split('&').next().filter(|hash| !hash.is_empty())
}

/// Forty hex digits that follow from the bytes.
pub(super) fn digest(bytes: &[u8]) -> String {
    let mut hash = stream::hash(bytes);
    let mut digits = String::new();
    while digits.len() < 40 {
        digits.push_str(&format!("{hash:016x}"));
        hash = stream::hash(&hash.to_be_bytes());
    }
    digits.truncate(40);
    digits
}
