//! What a query names that can be played: exactly one of the names that an engine knows, and a value that fits it.

use crate::settings::words::shown;
use control::command::{Content, KeyType};
use url::Url;

/// The longest link that is played.
pub const LINK_MAX_BYTES: usize = 4 * 1024;
/// Hexadecimal digits of a content id or an infohash.
const ID_DIGITS: usize = 40;
/// What people paste before an id.
const ID_PREFIXES: [&str; 2] = ["acestream://", "ace://"];

/// What a query names, or what is wrong with it. Names that mean nothing here are passed over.
pub fn of_query(query: &str) -> Result<Content, String> {
    let mut found = url::form_urlencoded::parse(query.as_bytes())
        .filter_map(|(name, value)| Some((kind(&name)?, value.trim().to_owned())))
        .filter(|(_, value)| !value.is_empty());
    let Some((kind, value)) = found.next() else {
        return Err("say what to play: one of id, content_id, infohash, url, magnet".into());
    };
    if found.next().is_some() {
        return Err("say only one of id, content_id, infohash, url, magnet, and only once".into());
    }
    named(kind, &value)
}

/// What a name of a query's field says of its value.
pub fn kind(name: &str) -> Option<KeyType> {
    match name {
        "id" | "content_id" => Some(KeyType::ContentId),
        "infohash" => Some(KeyType::Infohash),
        "url" => Some(KeyType::Url),
        "magnet" => Some(KeyType::Magnet),
        _ => None,
    }
}

/// What this value names, if it can name something.
pub fn named(kind: KeyType, value: &str) -> Result<Content, String> {
    let key = match kind {
        KeyType::ContentId | KeyType::Infohash => {
            let digits = ID_PREFIXES.iter().find_map(|prefix| value.strip_prefix(prefix)).unwrap_or(value);
            if digits.len() != ID_DIGITS || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                let what = if kind == KeyType::Infohash { "an infohash" } else { "a content id" };
                return Err(format!(
                    "'{}' is no id: {what} has {ID_DIGITS} hexadecimal digits",
                    shown(value)
                ));
            }
            digits.to_ascii_lowercase()
        }
        KeyType::Url | KeyType::Magnet if value.len() > LINK_MAX_BYTES => {
            return Err(format!("the link is longer than {LINK_MAX_BYTES} bytes"));
        }
        KeyType::Url if !Url::parse(value).is_ok_and(|url| matches!(url.scheme(), "http" | "https")) => {
            return Err("'url' has to be an address that begins with http:// or https://".into());
        }
        KeyType::Magnet if !value.starts_with("magnet:?") || !value.contains("urn:btih:") => {
            return Err("'magnet' has to be a link that begins with magnet:? and has urn:btih: in it".into());
        }
        KeyType::Url | KeyType::Magnet => value.to_owned(),
    };
    Ok(Content { kind, key: key.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789ABCDEF01234567";

    #[test]
    fn a_query_names_one_thing_to_be_played() {
        let key = |query: String| of_query(&query).map(|content| (content.kind, content.key.to_string()));
        let id = ID.to_ascii_lowercase();
        for query in
            [format!("id={ID}"), format!("content_id={ID}&format=x"), format!("id=acestream://{ID}&url=")]
        {
            assert_eq!(key(query), Ok((KeyType::ContentId, id.clone())));
        }
        assert_eq!(key(format!("infohash={ID}")), Ok((KeyType::Infohash, id)));
        let magnet = "magnet:?xt=urn:btih:aa&tr=b";
        let encoded = "magnet=magnet%3A%3Fxt%3Durn%3Abtih%3Aaa%26tr%3Db".to_owned();
        assert_eq!(key(encoded), Ok((KeyType::Magnet, magnet.into())));
    }

    #[test]
    fn what_names_nothing_or_too_much_says_what_is_wanted() {
        let long = format!("url=http://x/{}", "a".repeat(LINK_MAX_BYTES));
        for (query, says) in [
            ("", "one of id"),
            ("id=", "one of id"),
            ("id=123", "40 hexadecimal digits"),
            ("infohash=xyz", "an infohash has"),
            ("url=file:///etc/passwd", "http://"),
            ("magnet=a", "magnet:?"),
            (long.as_str(), "longer than"),
            (&format!("id={ID}&infohash={ID}"), "only one"),
        ] {
            let error = of_query(query).expect_err(query);
            assert!(error.contains(says), "{query}: {error}");
        }
    }
}
