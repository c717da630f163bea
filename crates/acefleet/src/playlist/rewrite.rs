//! Playlists in which every AceStream entry leads to this server instead: `acestream://`, `ace://`, `acestream:?` and
//! addresses of an engine's own HTTP server.
//!
//! Everything else stays as it is, byte for byte: tags that nobody knows, blanks, line ends, a mark at the beginning,
//! lines that are no text. Pure, and needs nothing: what comes in may be anything.

/// The longest playlist that is rewritten.
pub const PLAYLIST_MAX_BYTES: usize = 4 * 1024 * 1024;
/// Longer lines are nobody's entry, and stay as they are.
pub const ENTRY_MAX_BYTES: usize = 8 * 1024;
/// The port of an engine's own HTTP server, as people have it in their playlists.
const ENGINE_PORT: &[u8] = b"6878";
/// Digits of a content id or an infohash.
const ID_DIGITS: usize = 40;
/// Paths of an engine that play something.
const PATHS: [&[u8]; 2] = [b"/ace/getstream", b"/ace/manifest.m3u8"];
/// What names something to be played.
const NAMES: [&[u8]; 5] = [b"id", b"content_id", b"infohash", b"url", b"magnet"];
/// A mark with which some editors begin a file.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// A playlist as it is handed out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rewritten {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// How many entries lead to this server now.
    pub entries: usize,
}

/// What an entry asks an engine for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Asked {
    /// The path on an engine, and here.
    pub path: &'static [u8],
    /// The query, without the question mark.
    pub query: Vec<u8>,
}

/// Lets every AceStream entry lead to `base`, such as `http://host:8000`.
pub fn rewrite(playlist: &[u8], base: &str) -> Rewritten {
    let (mark, rest) = playlist.split_at(if playlist.starts_with(MARK) { MARK.len() } else { 0 });
    let mut bytes = Vec::with_capacity(playlist.len());
    bytes.extend_from_slice(mark);
    let mut entries = 0;
    for line in rest.split_inclusive(|byte| *byte == b'\n') {
        let entry = line.trim_ascii();
        let Some(asked) = asked(entry) else {
            bytes.extend_from_slice(line);
            continue;
        };
        let before = line.len() - line.trim_ascii_start().len();
        bytes.extend_from_slice(&line[..before]);
        for part in [base.as_bytes(), asked.path, b"?", &asked.query, options(entry)] {
            bytes.extend_from_slice(part);
        }
        bytes.extend_from_slice(&line[before + entry.len()..]);
        entries += 1;
    }
    Rewritten { bytes, entries }
}

/// What an entry asks an engine for, if it is one of AceStream.
pub fn asked(entry: &[u8]) -> Option<Asked> {
    if entry.len() > ENTRY_MAX_BYTES || entry.starts_with(b"#") {
        return None;
    }
    let address = &entry[..entry.len() - options(entry).len()];
    if let Some(rest) = after(address, b"acestream:?") {
        return Some(Asked { path: PATHS[0], query: query(rest)? });
    }
    if let Some(rest) = after(address, b"acestream://").or_else(|| after(address, b"ace://")) {
        let id = rest.strip_suffix(b"/").unwrap_or(rest);
        let fits = id.len() == ID_DIGITS && id.iter().all(u8::is_ascii_hexdigit);
        return fits.then(|| Asked { path: PATHS[0], query: [b"id=", id].concat() });
    }
    let rest = after(address, b"http://").or_else(|| after(address, b"https://"))?;
    let (authority, path) = rest.split_at(rest.iter().position(|byte| *byte == b'/')?);
    let port = authority.iter().rposition(|byte| *byte == b':').map(|at| &authority[at + 1..]);
    let (path, rest) = path.split_at(path.iter().position(|byte| *byte == b'?')?);
    let path = path.strip_suffix(b"/").unwrap_or(path);
    let path = PATHS.into_iter().find(|known| *known == path)?;
    if port != Some(ENGINE_PORT) {
        return None;
    }
    Some(Asked { path, query: query(&rest[1..])? })
}

/// The query as it is asked here, if it names something: without what belongs to one viewer of an engine.
fn query(query: &[u8]) -> Option<Vec<u8>> {
    let query = query.split(|byte| *byte == b'#').next().unwrap_or_default();
    let fits = query.iter().all(u8::is_ascii_graphic);
    let name = |pair: &[u8]| pair.split(|byte| *byte == b'=').next().map(<[u8]>::to_vec).unwrap_or_default();
    let pairs = || query.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
    let names = pairs().any(|pair| NAMES.contains(&name(pair).as_slice()));
    let kept: Vec<&[u8]> = pairs().filter(|pair| name(pair) != b"pid").collect();
    (fits && names).then(|| kept.join(&b'&'))
}

/// What some players want to be told behind an address: a bar, and headers.
fn options(entry: &[u8]) -> &[u8] {
    entry.iter().position(|byte| *byte == b'|').map_or(&[], |at| &entry[at..])
}

/// What comes behind a beginning, whose letters may be large or small.
fn after<'a>(text: &'a [u8], beginning: &[u8]) -> Option<&'a [u8]> {
    let (head, rest) = text.split_at_checked(beginning.len())?;
    head.eq_ignore_ascii_case(beginning).then_some(rest)
}

/// What holds for any playlist; tests and fuzzing call it. Panics if it does not.
#[doc(hidden)]
pub fn holds_for(playlist: &[u8]) {
    const BASE: &str = "http://here:8000";
    let once = rewrite(playlist, BASE);
    assert_eq!(rewrite(&once.bytes, BASE).bytes, once.bytes, "what was rewritten stays as it is");
    let (before, after) = (playlist.split(|byte| *byte == b'\n'), once.bytes.split(|byte| *byte == b'\n'));
    let mut entries = 0;
    assert_eq!(before.clone().count(), after.clone().count(), "lines stay lines");
    for (before, after) in before.zip(after) {
        if before != after {
            entries += 1;
            let entry = after.trim_ascii().strip_prefix(MARK).unwrap_or(after.trim_ascii());
            assert!(entry.starts_with(BASE.as_bytes()), "what is rewritten leads here");
        }
    }
    assert!(entries <= once.entries, "every entry is counted");
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789ABCDEF01234567";
    const BASE: &str = "http://here:8000";

    fn rewritten(playlist: &str) -> String {
        String::from_utf8(rewrite(playlist.as_bytes(), BASE).bytes).expect("text stays text")
    }

    #[test]
    fn every_way_of_naming_a_channel_leads_here() {
        let here = format!("{BASE}/ace/getstream?id={ID}");
        for entry in [format!("acestream://{ID}"), format!("ace://{ID}"), format!("ACESTREAM://{ID}/")] {
            assert_eq!(rewritten(&entry), here, "{entry}");
        }
        for host in ["127.0.0.1", "engine.lan", "[::1]", "user:secret@10.0.0.1"] {
            for path in ["getstream", "manifest.m3u8"] {
                let entry = format!("http://{host}:6878/ace/{path}?infohash={ID}&pid=7&_idx=2");
                assert_eq!(rewritten(&entry), format!("{BASE}/ace/{path}?infohash={ID}&_idx=2"), "{entry}");
            }
        }
        let entry = format!("https://x:6878/ace/getstream/?content_id={ID}");
        assert_eq!(rewritten(&entry), format!("{BASE}/ace/getstream?content_id={ID}"));
        let entry = "acestream:?magnet=magnet%3A%3Fxt%3Durn";
        assert_eq!(rewritten(entry), format!("{BASE}/ace/getstream?magnet=magnet%3A%3Fxt%3Durn"));
    }

    #[test]
    fn what_players_want_to_be_told_stays_behind_the_address() {
        let entry = format!("acestream://{ID}|User-Agent=VLC&Referer=http://x/");
        let here = format!("{BASE}/ace/getstream?id={ID}|User-Agent=VLC&Referer=http://x/");
        assert_eq!(rewritten(&entry), here);
    }

    #[test]
    fn everything_else_stays_byte_for_byte() {
        let id = ID;
        let playlist = format!(
            "\u{feff}#EXTM3U url-tvg=\"x\"\r\n#EXTINF:-1 tvg-id=\"a\",One\r\n#KNOWN-TO-NOBODY:acestream://{id}\r\n  \
             acestream://{id}\t\r\nhttp://x:8080/live.ts\r\n\r\n\n#EXTINF:-1,Two\nudp://@239.0.0.1:1234\nlast"
        );
        let expected = playlist
            .replace(&format!("  acestream://{id}\t\r\n"), &format!("  {BASE}/ace/getstream?id={id}\t\r\n"));
        assert_eq!(rewritten(&playlist), expected);
    }

    #[test]
    fn what_is_nearly_an_entry_is_none() {
        for entry in [
            "acestream://",
            "acestream://0123",
            "acestream://zz23456789abcdef0123456789abcdef01234567",
            "acestream:?nothing=1",
            "http://x:6879/ace/getstream?id=1",
            "http://x:6878/ace/getstream",
            "http://x:6878/ace/getstream?pid=1",
            "http://x:6878/webui/api?id=1",
            "http://x:6878/ace/getstream?id=a b",
            "http://x/ace/getstream?id=1",
            "ftp://x:6878/ace/getstream?id=1",
        ] {
            assert_eq!(rewritten(entry), entry);
        }
    }

    #[test]
    fn lines_that_are_no_text_or_have_no_end_are_harmless() {
        let mut hostile = vec![0xff; 1024 * 1024];
        hostile.extend_from_slice(b"\0\n\r\nacestream://");
        hostile.extend_from_slice(&vec![b'a'; 1024 * 1024]);
        holds_for(&hostile);
        let rewritten = rewrite(&hostile, BASE);
        assert_eq!((rewritten.bytes == hostile, rewritten.entries), (true, 0));
    }

    #[test]
    fn what_was_rewritten_once_stays_when_it_is_rewritten_again() {
        holds_for(format!("acestream://{ID}\nhttp://x:6878/ace/manifest.m3u8?id={ID}&pid=1\n").as_bytes());
    }

    #[test]
    fn it_holds_for_playlists_that_are_cut_and_stirred() {
        let mut playlist = format!(
            "\u{feff}#EXTM3U\r\nacestream://{ID}|x\n ace://{ID}/\r\nacestream:?infohash={ID}#&pid=1\n\
             http://[::1]:6878/ace/getstream/?pid=1&id={ID}\nhttps://a:b@c:6878/ace/manifest.m3u8?url=%0a&&"
        )
        .into_bytes();
        let mut state = 1_u64;
        for _ in 0..20_000 {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            let length = playlist.len();
            let (place, with) = ((state >> 33) as usize % length, (state >> 56) as u8);
            match with % 4 {
                0 => playlist[place] = with,
                1 => playlist.swap(place, usize::from(with) % length),
                2 => playlist.rotate_left(place),
                _ => playlist[place] = b"|#?&\n\r/: "[place % 9],
            }
            holds_for(&playlist);
        }
    }
}
