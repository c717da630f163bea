//! Reads a `.env` file exactly as python-dotenv does, because the files that people have were written for it.
//!
//! The grammar is that of its parser, oddities included: no crate has them. A line that cannot be read never
//! stops anything; it is told by its number. Nothing here knows what any key means.

use std::collections::BTreeMap;

/// What a file says.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct File {
    /// The last value of each key; `None` for a key without `=`, which sets nothing.
    pub(super) values: BTreeMap<String, Option<String>>,
    /// The numbers of lines that make no sense.
    pub(super) garbled: Vec<usize>,
}

/// Reads a file's text. `${NAME}` and `${NAME:-default}` are filled in, in every kind of value: from the
/// environment first, then from what stands above.
pub(super) fn parse(text: &str, environment: &BTreeMap<String, String>) -> File {
    // Python opens text files so.
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut reader = Reader { text: text.chars().collect(), at: 0 };
    let mut file = File::default();
    while reader.at < reader.text.len() {
        reader.skip(blank);
        let start = reader.at;
        match reader.binding() {
            Ok(Some((key, value))) => {
                let value = value.map(|value| filled_in(&value, environment, &file.values));
                file.values.insert(key, value);
            }
            Ok(None) => {}
            Err(Garbled) => {
                file.garbled.push(reader.line_of(start));
                reader.skip(|char| char != '\n');
            }
        }
    }
    file
}

/// What stands here is no binding.
struct Garbled;

struct Reader {
    text: Vec<char>,
    at: usize,
}

/// What counts as white space in Python's regular expressions.
fn blank(char: char) -> bool {
    char.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&char)
}

fn blank_within_line(char: char) -> bool {
    blank(char) && char != '\n'
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    fn skip(&mut self, wanted: impl Fn(char) -> bool) {
        while self.peek().is_some_and(&wanted) {
            self.at += 1;
        }
    }

    fn take(&mut self, wanted: impl Fn(char) -> bool) -> String {
        let start = self.at;
        self.skip(wanted);
        self.text[start..self.at].iter().collect()
    }

    /// The number of the line in which a character stands.
    fn line_of(&self, at: usize) -> usize {
        1 + self.text[..at].iter().filter(|char| **char == '\n').count()
    }

    /// One binding, comment or end of the file; leading blanks have been skipped.
    fn binding(&mut self) -> Result<Option<(String, Option<String>)>, Garbled> {
        if self.peek().is_none() {
            return Ok(None);
        }
        self.skip_export();
        let key = self.key()?;
        self.skip(blank_within_line);
        let mut value = None;
        if self.peek() == Some('=') {
            self.at += 1;
            self.skip(blank_within_line);
            value = Some(self.value()?);
        }
        self.skip(blank_within_line);
        if self.peek() == Some('#') {
            self.skip(|char| char != '\n');
        }
        match self.peek() {
            Some(char) if char != '\n' => Err(Garbled),
            Some(_) | None => Ok(key.map(|key| (key, value))),
        }
    }

    fn skip_export(&mut self) {
        let word = ['e', 'x', 'p', 'o', 'r', 't'];
        let after = self.at + word.len();
        if self.text[self.at..].starts_with(&word)
            && self.text.get(after).is_some_and(|c| blank_within_line(*c))
        {
            self.at = after;
            self.skip(blank_within_line);
        }
    }

    fn key(&mut self) -> Result<Option<String>, Garbled> {
        let key = match self.peek() {
            Some('#') => return Ok(None),
            Some('\'') => {
                let rest = &self.text[self.at + 1..];
                let length = rest.iter().position(|char| *char == '\'').ok_or(Garbled)?;
                let key: String = rest[..length].iter().collect();
                if !key.is_empty() {
                    self.at += length + 2;
                }
                key
            }
            Some(_) | None => self.take(|char| char != '=' && char != '#' && !blank(char)),
        };
        if key.is_empty() { Err(Garbled) } else { Ok(Some(key)) }
    }

    fn value(&mut self) -> Result<String, Garbled> {
        match self.peek() {
            Some('\'') => Ok(unescaped(&self.quoted('\'')?, |char| match char {
                '\\' | '\'' => Some(char),
                _ => None,
            })),
            Some('"') => Ok(unescaped(&self.quoted('"')?, |char| match char {
                '\\' | '\'' | '"' => Some(char),
                'a' => Some('\u{7}'),
                'b' => Some('\u{8}'),
                'f' => Some('\u{c}'),
                'n' => Some('\n'),
                'r' => Some('\r'),
                't' => Some('\t'),
                'v' => Some('\u{b}'),
                _ => None,
            })),
            Some(_) | None => {
                let line: Vec<char> = self.take(|char| char != '\n').chars().collect();
                let comment = (1..line.len()).find(|at| line[*at] == '#' && blank(line[at - 1]));
                let value: String = line[..comment.unwrap_or(line.len())].iter().collect();
                Ok(value.trim_end_matches(blank).to_owned())
            }
        }
    }

    /// What stands between two quotes, over any number of lines. A quote after a backslash does not end it,
    /// unless there is no other.
    fn quoted(&mut self, quote: char) -> Result<String, Garbled> {
        let start = self.at + 1;
        let mut at = start;
        let mut last_escaped = None;
        let end = loop {
            match self.text.get(at) {
                Some('\\') if self.text.get(at + 1) == Some(&quote) => {
                    last_escaped = Some(at + 1);
                    at += 2;
                }
                Some(char) if *char == quote => break at,
                Some(_) => at += 1,
                None => break last_escaped.ok_or(Garbled)?,
            }
        };
        self.at = end + 1;
        Ok(self.text[start..end].iter().collect())
    }
}

/// Puts what an escape means in its place; what is no escape stays as it is.
fn unescaped(text: &str, meaning: impl Fn(char) -> Option<char>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        let meant = if char == '\\' { chars.peek().copied().and_then(&meaning) } else { None };
        if meant.is_some() {
            chars.next();
        }
        out.push(meant.unwrap_or(char));
    }
    out
}

fn filled_in(
    text: &str,
    environment: &BTreeMap<String, String>,
    above: &BTreeMap<String, Option<String>>,
) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some((name, default, after)) = variable(rest) {
            let known = environment.get(name).map(String::as_str);
            let known = known.or_else(|| above.get(name).map(|value| value.as_deref().unwrap_or("")));
            out.push_str(known.unwrap_or(default));
            rest = after;
        } else {
            out.push_str("${");
            rest = &rest["${".len()..];
        }
    }
    out.push_str(rest);
    out
}

/// The name, the default and what follows, if a variable stands at the beginning.
fn variable(text: &str) -> Option<(&str, &str, &str)> {
    let inside = text.strip_prefix("${")?;
    let end = inside.find(['}', ':'])?;
    let (name, rest) = inside.split_at(end);
    if let Some(after) = rest.strip_prefix('}') {
        return Some((name, "", after));
    }
    let (default, after) = rest.strip_prefix(":-")?.split_once('}')?;
    Some((name, default, after))
}

#[cfg(test)]
mod tests {
    //! What each text means was written down by python-dotenv itself, with HOME=/home/me and EMPTY= set.

    use super::*;

    type Case = (&'static str, &'static [(&'static str, Option<&'static str>)], usize);

    /// A text, the values it sets, and how many of its lines make no sense.
    const CASES: &[Case] = &[
        ("A=1", &[("A", Some("1"))], 0),
        ("A = 1 ", &[("A", Some("1"))], 0),
        ("export A=1", &[("A", Some("1"))], 0),
        ("export\tA=1", &[("A", Some("1"))], 0),
        ("export=1", &[("export", Some("1"))], 0),
        ("A=1\nA=2", &[("A", Some("2"))], 0),
        ("A=1\nA=", &[("A", Some(""))], 0),
        ("A=1\nA", &[("A", None)], 0),
        ("A", &[("A", None)], 0),
        ("A\nB=2", &[("A", None), ("B", Some("2"))], 0),
        ("A=", &[("A", Some(""))], 0),
        ("A=\nB=2", &[("A", Some("")), ("B", Some("2"))], 0),
        ("# A=1", &[], 0),
        ("  # A=1\n\nB=2", &[("B", Some("2"))], 0),
        ("A=b#c", &[("A", Some("b#c"))], 0),
        ("A=b #c", &[("A", Some("b"))], 0),
        ("A=b\t# c", &[("A", Some("b"))], 0),
        ("A= # c", &[("A", Some("# c"))], 0),
        ("A=#c", &[("A", Some("#c"))], 0),
        ("A=b # c # d", &[("A", Some("b"))], 0),
        ("A=b  ", &[("A", Some("b"))], 0),
        ("A='b' # c", &[("A", Some("b"))], 0),
        ("A=\"b\" # c", &[("A", Some("b"))], 0),
        ("A='b'#c", &[("A", Some("b"))], 0),
        ("A='b' c\nB=2", &[("B", Some("2"))], 1),
        ("A='it\\'s'", &[("A", Some("it's"))], 0),
        ("A='a\\\\b'", &[("A", Some("a\\b"))], 0),
        ("A='a\\nb'", &[("A", Some("a\\nb"))], 0),
        ("A=\"a\\nb\\tc\\\"d\\\\e\"", &[("A", Some("a\nb\tc\"d\\e"))], 0),
        ("A=\"a\\qb\"", &[("A", Some("a\\qb"))], 0),
        ("A=\"one\ntwo\"\nB=2", &[("A", Some("one\ntwo")), ("B", Some("2"))], 0),
        ("A='one\ntwo'\nB=2", &[("A", Some("one\ntwo")), ("B", Some("2"))], 0),
        ("A=\"open\nB=2", &[("B", Some("2"))], 1),
        ("A=\"open\nB=\"x\"\nC=3", &[("C", Some("3"))], 1),
        ("A=\"a\\\"\nB=2", &[("A", Some("a\\")), ("B", Some("2"))], 0),
        ("A='a\\'\nB=2", &[("A", Some("a\\")), ("B", Some("2"))], 0),
        ("A=${HOME}", &[("A", Some("/home/me"))], 0),
        ("A=1\nB=${A}2", &[("A", Some("1")), ("B", Some("12"))], 0),
        ("B=${A}\nA=1", &[("A", Some("1")), ("B", Some(""))], 0),
        ("A=${NONE}", &[("A", Some(""))], 0),
        ("A=${NONE:-x}", &[("A", Some("x"))], 0),
        ("A=${EMPTY:-x}", &[("A", Some(""))], 0),
        ("A=1\nHOME=/x\nB=${HOME}", &[("A", Some("1")), ("B", Some("/home/me")), ("HOME", Some("/x"))], 0),
        ("A='${HOME}'", &[("A", Some("/home/me"))], 0),
        ("A=\"${HOME}\"", &[("A", Some("/home/me"))], 0),
        ("A=${HOME", &[("A", Some("${HOME"))], 0),
        ("A=${HOME:x}", &[("A", Some("${HOME:x}"))], 0),
        ("A=$HOME", &[("A", Some("$HOME"))], 0),
        ("A=${:-x}", &[("A", Some("x"))], 0),
        ("A=$${HOME}", &[("A", Some("$/home/me"))], 0),
        ("A\nB=${A:-x}", &[("A", None), ("B", Some(""))], 0),
        ("A=${NONE:-${HOME}}", &[("A", Some("${HOME}"))], 0),
        ("'A'=1", &[("A", Some("1"))], 0),
        ("'A B'=1", &[("A B", Some("1"))], 0),
        ("''=1\nB=2", &[("B", Some("2"))], 1),
        ("=1\nB=2", &[("B", Some("2"))], 1),
        ("A B=1\nC=2", &[("C", Some("2"))], 1),
        ("garbage here\nB=2", &[("B", Some("2"))], 1),
        ("A: 1\nB=2", &[("B", Some("2"))], 1),
        ("A=1\r\nB=2\r\n", &[("A", Some("1")), ("B", Some("2"))], 0),
        ("A=1\rB=2", &[("A", Some("1")), ("B", Some("2"))], 0),
        ("\n\n  A=1", &[("A", Some("1"))], 0),
        ("A=a b c", &[("A", Some("a b c"))], 0),
        ("A=a'b\"c", &[("A", Some("a'b\"c"))], 0),
        ("A=\u{e9}\u{2003}# x", &[("A", Some("\u{e9}"))], 0),
        ("A=1;B=2", &[("A", Some("1;B=2"))], 0),
        ("A='a'B='b'\nC=3", &[("C", Some("3"))], 1),
        ("export A", &[("A", None)], 0),
        ("export  =1\nB=2", &[("B", Some("2"))], 1),
        ("A==b", &[("A", Some("=b"))], 0),
        ("A=b=c", &[("A", Some("b=c"))], 0),
        ("A.b-c=1", &[("A.b-c", Some("1"))], 0),
        ("A#b=1\nC=2", &[("A", None), ("C", Some("2"))], 0),
        ("\"A\"=1", &[("\"A\"", Some("1"))], 0),
        ("A=\"\"", &[("A", Some(""))], 0),
        ("A=''", &[("A", Some(""))], 0),
        ("A='\nB=2", &[("B", Some("2"))], 1),
        ("A=\\n", &[("A", Some("\\n"))], 0),
        ("A=1\\\nB=2", &[("A", Some("1\\")), ("B", Some("2"))], 0),
        ("A=\u{b}1", &[("A", Some("1"))], 0),
        ("\u{1c}A=1", &[("A", Some("1"))], 0),
    ];

    fn environment() -> BTreeMap<String, String> {
        BTreeMap::from([("HOME".into(), "/home/me".into()), ("EMPTY".into(), String::new())])
    }

    #[test]
    fn a_file_means_what_it_means_to_python_dotenv() {
        for (text, values, garbled) in CASES {
            let file = parse(text, &environment());
            let owned = |(key, value): &(&str, Option<&str>)| ((*key).to_owned(), value.map(str::to_owned));
            assert_eq!(file.values, values.iter().map(owned).collect(), "{text:?}");
            assert_eq!(file.garbled.len(), *garbled, "{text:?}");
        }
    }

    #[test]
    fn a_line_without_sense_is_told_by_its_number_and_stops_nothing() {
        let file = parse("A=1\n\n\n  what is this\nB='open\nC=3\n=\nD=4", &environment());
        assert_eq!(file.garbled, [4, 5, 7]);
        assert_eq!(file.values.into_keys().collect::<Vec<_>>(), ["A", "C", "D"]);
    }
}
