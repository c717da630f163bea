//! What single words mean: numbers, seconds, ranges of ports, switches, lists. As Python reads them where
//! people's files were written for Python.
//!
//! Pure, and without any idea of which setting is being read.

use std::ops::RangeInclusive;
use std::time::Duration;

/// Longer waits are as good as this one, which can be added and multiplied without overflow.
const LONGEST_S: f64 = 100.0 * 365.25 * 86_400.0;

/// A whole number: blanks around it, a sign and single underscores between digits are fine, as in Python.
pub(crate) fn whole(text: &str) -> Option<i64> {
    let text = text.trim();
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let fine = digits.split('_').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
    if !fine {
        return None;
    }
    let number = digits.replace('_', "").parse().unwrap_or(i64::MAX);
    Some(if text.starts_with('-') { -number } else { number })
}

/// A decimal number of seconds, which may be negative; nothing infinite.
pub(crate) fn decimal(text: &str) -> Option<f64> {
    let text = text.trim();
    let plain = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'.' | b'+' | b'-' | b'e' | b'E'));
    if let Some(number) = whole(text) {
        #[expect(clippy::cast_precision_loss, reason = "nobody tells such numbers of seconds apart")]
        return Some(number as f64);
    }
    text.parse().ok().filter(|number: &f64| plain && number.is_finite())
}

/// That many seconds, which are not negative.
pub(crate) fn duration(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds.clamp(0.0, LONGEST_S))
}

/// A port that exists.
pub(crate) fn port(text: &str) -> Option<u16> {
    u16::try_from(whole(text)?).ok().filter(|port| *port > 0)
}

/// Two whole numbers with a dash between them, whatever they are.
pub(crate) fn span(text: &str) -> Option<(i64, i64)> {
    let (first, last) = text.split_once('-')?;
    Some((whole(first)?, whole(last)?)).filter(|_| !last.contains('-'))
}

/// A range of ports that exist, in order.
pub(crate) fn range(text: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = text.split_once('-')?;
    Some(port(first)?..=port(last)?).filter(|range| !range.is_empty())
}

/// `true` or `false` in any case, with blanks around it, and nothing else.
pub(crate) fn switch(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// What stands between commas, without the blanks around it. Nothing at all is an empty list.
pub(crate) fn list(text: &str) -> Vec<String> {
    if text.trim().is_empty() {
        return Vec::new();
    }
    text.split(',').map(|item| item.trim().to_owned()).collect()
}

/// A text that may be shown to a person: what would move the cursor is escaped.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        if safe(char) { out.push(char) } else { out.extend(char.escape_default()) }
    }
    out
}

/// The same in at most one line or two.
pub(crate) fn shown(text: &str) -> String {
    const MOST_CHARS: usize = 120;
    match text.char_indices().nth(MOST_CHARS) {
        None => escaped(text),
        Some((end, _)) => escaped(&text[..end]) + "…",
    }
}

/// Neither moves the cursor nor turns the direction of writing.
fn safe(char: char) -> bool {
    let invisible = matches!(char, '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}');
    let turns_lines = matches!(char, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !char.is_control() && !invisible && !turns_lines
}

/// The same text in lines of at most so many characters, unless a single word is longer.
pub(crate) fn wrapped(text: &str, width: usize) -> String {
    let mut out = String::with_capacity(text.len());
    let mut used = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > width {
            out.push('\n');
            used = 0;
        } else if used > 0 {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += length;
    }
    out
}

/// How many letters have to be changed, added or left out to get from one word to the other.
pub(crate) fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let changed = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}
/// A value that may be an address, without the password that addresses may carry.
pub(crate) fn address_shown(text: &str) -> String {
    match (text.find("://"), text.rfind('@')) {
        (Some(scheme), Some(at)) if scheme < at => {
            shown(&format!("{}://***{}", &text[..scheme], &text[at..]))
        }
        (Some(_) | None, _) => shown(text),
    }
}
