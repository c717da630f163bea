//! Where this server is, as the one who asks for a playlist sees it: what the entries of the playlist begin with.

/// The longest name of a host, and its port.
const HOST_MAX_BYTES: usize = 262;

/// The beginning of entries for one who reached this server by this `Host` header; none if that is no host. What is
/// let pass is written into playlists, so it must not be able to say anything but a host.
pub fn of_host(host: &str) -> Option<String> {
    let (name, port) = match host.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            address.parse::<std::net::Ipv6Addr>().ok()?;
            (address, port.strip_prefix(':').or(port.is_empty().then_some("80"))?)
        }
        None => host.split_once(':').unwrap_or((host, "80")),
    };
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':');
    let digits = port.bytes().all(|byte| byte.is_ascii_digit());
    let fits = host.len() <= HOST_MAX_BYTES && !name.is_empty() && name.bytes().all(letters) && digits;
    (fits && port.parse::<u16>().is_ok_and(|port| port > 0)).then(|| format!("http://{host}"))
}

/// The beginning of entries that an operator chose: an address without query, whose slash at the end is left out.
pub fn chosen(text: &str) -> Option<String> {
    let url = url::Url::parse(text).ok()?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty();
    plain.then(|| url.as_str().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_header_becomes_the_beginning_of_an_address() {
        for host in ["localhost", "box.lan:8000", "10.0.0.5:8000", "[fd00::5]:8000", "[::1]", "my_box"] {
            assert_eq!(of_host(host), Some(format!("http://{host}")));
        }
    }

    #[test]
    fn what_is_no_host_is_not_written_into_playlists() {
        for host in [
            "", "a b", "a/b", "a\nb", "a:b", "a:0", "a:70000", ":80", "a@b", "[x]:1", "[::1]x", "a:1:2",
            "[::1", "é",
        ] {
            assert_eq!(of_host(host), None, "{host:?}");
        }
        assert_eq!(of_host(&"a".repeat(300)), None);
    }

    #[test]
    fn an_operator_may_choose_another_beginning() {
        assert_eq!(chosen("https://tv.example/fleet/").as_deref(), Some("https://tv.example/fleet"));
        for text in ["tv.example", "ftp://tv.example", "http://tv.example/?a", "http://u:p@tv.example", ""] {
            assert_eq!(chosen(text), None, "{text}");
        }
    }
}
