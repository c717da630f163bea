//! A channel list of one's own: channels with several sources each.
//!
//! The format is that of any playlist, but for one thing: more than one address may stand below a channel's `#EXTINF`.
//! They are sources of the same channel, best first. Pure; docs/playlists.md explains it to people.

use super::content;
use super::rewrite::{self, Asked};
use crate::settings::words::shown;
use control::command::Content;
use std::collections::BTreeMap;
use std::fmt::{self, Write};

/// The most channels in a list.
pub const CHANNELS_MAX: usize = 5_000;
/// The most sources of a channel.
pub const SOURCES_MAX: usize = 16;
/// So many mistakes are told at once.
const MISTAKES_MAX: usize = 20;
/// What begins a channel.
const HEAD: &str = "#EXTINF:";

/// Something in a list that makes no sense, and what to write instead.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mistake {
    /// Where it stands, counted from 1.
    pub line: usize,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

/// A channel.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// What it can be played from, best first; never empty.
    pub sources: Vec<Content>,
    /// Its lines before the sources, as they are.
    tags: Vec<String>,
    /// How the first source is asked for here.
    query: String,
    line: usize,
}

/// A list.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Channels {
    /// Lines before the first channel.
    tags: Vec<String>,
    listed: Vec<Listed>,
    places: BTreeMap<Content, usize>,
}

impl Channels {
    /// Reads a list, or tells what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, Vec<Mistake>> {
        let mut reading = Reading::default();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (number, line) in text.lines().enumerate() {
            reading.line(number + 1, line.trim());
            if reading.mistakes.len() >= MISTAKES_MAX {
                break;
            }
        }
        reading.end_channel();
        if reading.mistakes.is_empty() { Ok(reading.channels) } else { Err(reading.mistakes) }
    }

    /// The channels, in their order.
    pub fn listed(&self) -> &[Listed] {
        &self.listed
    }

    /// All sources of the channel that this is a source of, best first.
    pub fn sources(&self, of: &Content) -> Option<&[Content]> {
        self.places.get(of).map(|place| self.listed[*place].sources.as_slice())
    }

    /// The list as a player takes it: one address for each channel, at this server.
    pub fn playlist(&self, base: &str) -> String {
        let mut text = String::new();
        for tag in &self.tags {
            text += &format!("{tag}\n");
        }
        for listed in &self.listed {
            for tag in &listed.tags {
                text += &format!("{tag}\n");
            }
            // A string takes whatever is written.
            let _ = writeln!(text, "{base}/ace/getstream?{}", listed.query);
        }
        text
    }
}

/// A list while it is being read.
#[derive(Default)]
struct Reading {
    channels: Channels,
    mistakes: Vec<Mistake>,
}

impl Reading {
    fn line(&mut self, number: usize, line: &str) {
        if let Some(rest) = line.strip_prefix(HEAD) {
            self.end_channel();
            if self.channels.listed.len() == CHANNELS_MAX {
                self.mistake(number, format!("there are more than {CHANNELS_MAX} channels"));
            }
            let (name, tags) = (name(rest), vec![line.to_owned()]);
            self.channels.listed.push(Listed {
                name,
                sources: Vec::new(),
                tags,
                query: String::new(),
                line: number,
            });
        } else if line.starts_with('#') {
            match self.channels.listed.last_mut() {
                None => self.channels.tags.push(line.to_owned()),
                Some(listed) if listed.sources.is_empty() => listed.tags.push(line.to_owned()),
                // A remark between sources, or about the next channel.
                Some(_) => {}
            }
        } else if !line.is_empty() {
            self.source(number, line);
        }
    }

    fn source(&mut self, number: usize, line: &str) {
        let place = self.channels.listed.len().wrapping_sub(1);
        let said = shown(line);
        // An id alone is what people paste.
        let asked = rewrite::asked(line.as_bytes())
            .or_else(|| rewrite::asked(format!("acestream://{line}").as_bytes()));
        let query = asked.and_then(|Asked { query, .. }| String::from_utf8(query).ok());
        let Some(query) = query else {
            let what = format!(
                "'{said}' names nothing that AceStream plays; write acestream:// and 40 hexadecimal digits"
            );
            return self.mistake(number, what);
        };
        let source = match content::of_query(&query) {
            Ok(source) => source,
            Err(what) => return self.mistake(number, what),
        };
        let Some(listed) = self.channels.listed.get_mut(place) else {
            return self.mistake(
                number,
                format!("'{said}' belongs to no channel; write a line {HEAD}-1,Name before it"),
            );
        };
        if listed.sources.len() == SOURCES_MAX {
            let what = format!("channel '{}' has more than {SOURCES_MAX} sources", listed.name);
            return self.mistake(number, what);
        }
        if listed.sources.is_empty() {
            listed.query = query;
        }
        listed.sources.push(source.clone());
        if let Some(other) = self.channels.places.insert(source, place) {
            let what =
                format!("'{said}' is a source of channel '{}' already", self.channels.listed[other].name);
            self.mistake(number, what);
        }
    }

    /// The last channel is complete.
    fn end_channel(&mut self) {
        if let Some(listed) = self.channels.listed.last().filter(|listed| listed.sources.is_empty()) {
            let (line, name) = (listed.line, listed.name.clone());
            self.mistake(
                line,
                format!("channel '{name}' has no source; write one below it, or take it away"),
            );
        }
    }

    fn mistake(&mut self, line: usize, what: String) {
        self.mistakes.push(Mistake { line, what });
    }
}

/// The name in a channel's first line: what comes behind the first comma that is in no quotes.
fn name(rest: &str) -> String {
    let mut quoted = false;
    let at = rest.find(|letter| {
        quoted ^= letter == '"';
        letter == ',' && !quoted
    });
    at.map_or("", |at| &rest[at + 1..]).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use control::command::KeyType;

    fn id(digit: char) -> String {
        digit.to_string().repeat(40)
    }

    fn content(key: &str) -> Content {
        Content { kind: KeyType::ContentId, key: key.into() }
    }

    fn mistakes(text: &str) -> Vec<String> {
        let mistakes = Channels::parse(text).expect_err("it makes no sense");
        mistakes.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_channel_has_all_sources_below_its_head_and_is_played_under_its_first() {
        let (a, b, c) = (id('a'), id('b'), id('c'));
        let text = format!(
            "\u{feff}#EXTM3U\r\n#EXTINF:-1 tvg-name=\"x,y\" group-title=\"News\",One, and more\r\n#EXTGRP:News\r\n\
             acestream://{a}\r\n# the second best\r\n{b}\r\n\r\n#EXTINF:-1,Two\r\nace://{c}\r\n"
        );
        let channels = Channels::parse(&text).expect("it is fine");
        let names: Vec<&str> = channels.listed().iter().map(|listed| listed.name.as_str()).collect();
        assert_eq!(names, ["One, and more", "Two"]);
        assert_eq!(channels.sources(&content(&b)), Some([content(&a), content(&b)].as_slice()));
        assert_eq!(channels.sources(&content(&id('d'))), None);
        let playlist = format!(
            "#EXTM3U\n#EXTINF:-1 tvg-name=\"x,y\" group-title=\"News\",One, and more\n#EXTGRP:News\n\
             http://h/ace/getstream?id={a}\n#EXTINF:-1,Two\nhttp://h/ace/getstream?id={c}\n"
        );
        assert_eq!(channels.playlist("http://h"), playlist);
    }

    #[test]
    fn everything_that_is_wrong_is_told_with_its_line() {
        let a = id('a');
        let text = format!(
            "{a}\n#EXTINF:-1,One\n#EXTINF:-1,Two\nhttp://x/\n{a}\n#EXTINF:-1,Three\n{a}\nacestream:?url=x\n"
        );
        assert_eq!(
            mistakes(&text),
            [
                format!("line 1: '{a}' belongs to no channel; write a line #EXTINF:-1,Name before it"),
                "line 2: channel 'One' has no source; write one below it, or take it away".into(),
                "line 4: 'http://x/' names nothing that AceStream plays; write acestream:// and 40 hexadecimal digits"
                    .into(),
                format!("line 7: '{a}' is a source of channel 'Two' already"),
                "line 8: 'url' has to be an address that begins with http:// or https://".into(),
            ]
        );
    }

    #[test]
    fn lists_have_bounds() {
        let many: String = (0..=SOURCES_MAX).map(|number| format!("{number:040x}\n")).collect();
        assert_eq!(
            mistakes(&format!("#EXTINF:-1,A\n{many}")),
            ["line 18: channel 'A' has more than 16 sources"]
        );
        let many: String =
            (0..=CHANNELS_MAX).map(|number| format!("#EXTINF:-1,A\n{number:040x}\n")).collect();
        assert_eq!(mistakes(&many), ["line 10001: there are more than 5000 channels"]);
        assert_eq!(mistakes(&"x\n".repeat(1_000_000)).len(), MISTAKES_MAX);
    }

    #[test]
    fn an_empty_list_is_a_list() {
        assert_eq!(Channels::parse(""), Ok(Channels::default()));
    }
}
