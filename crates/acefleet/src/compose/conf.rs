//! CONF, the environment variable in which one variant's wrapper finds the engine's flags, one on each line.

use control::command::Ports;

/// What is written if the caller wants nothing else.
pub(super) fn of_ports(ports: Ports) -> String {
    let https = ports.https.map(|port| format!("--https-port={port}\n")).unwrap_or_default();
    format!("--http-port={}\n{https}--bind-all", ports.http)
}

/// The caller's own text, saying the ports that the engine has: those are settled, and taken by nobody else. The
/// rest stays as it is. A P2P port that it names is replaced only if the engine has one to carry.
pub(super) fn with_ports(own: &str, ports: Ports) -> String {
    let mut text = own.to_owned();
    let needed = [("--http-port", Some(ports.http)), ("--https-port", ports.https)];
    for (flag, port) in needed.into_iter().filter_map(|(flag, port)| Some((flag, port?))) {
        text = said(&text, flag, port).unwrap_or_else(|| {
            let line = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
            format!("{text}{line}{flag}={port}")
        });
    }
    ports.p2p.and_then(|port| said(&text, "--port", port)).unwrap_or(text)
}

/// The text with this value wherever the flag is, as `--flag=value` or `--flag value`; `None` if it is nowhere.
fn said(text: &str, flag: &str, port: u16) -> Option<String> {
    next(text, flag)?;
    let (mut result, mut rest) = (String::new(), text);
    while let Some(at) = next(rest, flag) {
        let (before, after) = rest.split_at(at + flag.len());
        let value = after.trim_start_matches(['=', ' ', '\t']);
        let separator = match &after[..after.len() - value.len()] {
            "" => "=",
            own => own,
        };
        result.push_str(&format!("{before}{separator}{port}"));
        rest = value.trim_start_matches(|digit: char| digit.is_ascii_digit());
    }
    result.push_str(rest);
    Some(result)
}

/// Where the flag stands next, as a word of its own.
fn next(text: &str, flag: &str) -> Option<usize> {
    let begins = |at: usize| text[..at].chars().next_back().is_none_or(char::is_whitespace);
    let ends = |at: usize| {
        text[at + flag.len()..].chars().next().is_none_or(|next| next == '=' || next.is_whitespace())
    };
    text.match_indices(flag).map(|(at, _)| at).find(|at| begins(*at) && ends(*at))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PORTS: Ports = Ports { http: 19_000, https: Some(45_000), p2p: None };

    #[test]
    fn without_a_wish_it_names_the_ports_and_nothing_more() {
        assert_eq!(of_ports(PORTS), "--http-port=19000\n--https-port=45000\n--bind-all");
        assert_eq!(of_ports(Ports { https: None, ..PORTS }), "--http-port=19000\n--bind-all");
    }

    #[test]
    fn the_callers_own_text_is_kept_and_names_the_engines_ports() {
        let own = "--http-port=6878\n--live-buffer=30\n--https-port 6879\n--bind-all";
        let told = "--http-port=19000\n--live-buffer=30\n--https-port 45000\n--bind-all";
        assert_eq!(with_ports(own, PORTS), told);
        assert_eq!(with_ports(told, PORTS), told);
    }

    #[test]
    fn ports_that_are_missing_are_added() {
        assert_eq!(with_ports("--bind-all\n", PORTS), "--bind-all\n--http-port=19000\n--https-port=45000");
        assert_eq!(with_ports("", PORTS), "--http-port=19000\n--https-port=45000");
        assert_eq!(with_ports("--http-port", PORTS), "--http-port=19000\n--https-port=45000");
    }

    #[test]
    fn a_p2p_port_is_replaced_only_on_a_carrier() {
        let own = "--port=8621\n--http-port=1\n--https-port=2";
        assert_eq!(with_ports(own, PORTS), "--port=8621\n--http-port=19000\n--https-port=45000");
        let carrier = Ports { p2p: Some(48_278), ..PORTS };
        assert_eq!(with_ports(own, carrier), "--port=48278\n--http-port=19000\n--https-port=45000");
        assert_eq!(
            with_ports("--portal=1\n--http-port=1\n--https-port=2", carrier).lines().next(),
            Some("--portal=1")
        );
    }
}
