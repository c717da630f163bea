//! The P2P port that a container was created with, as its environment or its command says it.
//!
//! Engines of the reference have no label for it.

/// The port in a container's environment (`NAME=value`) and command.
pub(super) fn port_in_spec(env: &[String], command: &[String]) -> Option<u16> {
    let value = |name: &str| {
        let mut values = env.iter().filter_map(|variable| variable.split_once('='));
        values.find(|(found, _)| *found == name).map(|(_, value)| value)
    };
    let alone = value("P2P_PORT").and_then(port);
    let in_words = |name: &str| value(name).and_then(|text| after_flag(text.split_whitespace()));
    alone
        .or_else(|| in_words("CONF"))
        .or_else(|| in_words("ACESTREAM_ARGS"))
        .or_else(|| after_flag(command.iter().flat_map(|argument| argument.split_whitespace())))
}

/// The port after `--port`, or behind its equals sign.
fn after_flag<'a>(words: impl Iterator<Item = &'a str>) -> Option<u16> {
    let mut words = words.peekable();
    while let Some(word) = words.next() {
        match word.strip_prefix("--port") {
            Some("") => return words.peek().copied().and_then(port),
            Some(rest) => {
                if let Some(value) = rest.strip_prefix('=') {
                    return port(value);
                }
            }
            None => {}
        }
    }
    None
}

fn port(text: &str) -> Option<u16> {
    text.trim().parse().ok().filter(|port| *port != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(env: &[&str], command: &[&str]) -> Option<u16> {
        let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        port_in_spec(&owned(env), &owned(command))
    }

    #[test]
    fn the_p2p_port_is_found_wherever_a_variant_writes_it() {
        assert_eq!(spec(&["P2P_PORT=48278"], &[]), Some(48_278));
        assert_eq!(spec(&["CONF=--http-port=1\n--port=48278\n--bind-all"], &[]), Some(48_278));
        assert_eq!(spec(&["ACESTREAM_ARGS=--bind-all --http-port 1 --port 48278"], &[]), Some(48_278));
        assert_eq!(spec(&[], &["python", "main.py", "--http-port", "1", "--port", "48278"]), Some(48_278));
        assert_eq!(spec(&[], &["sh", "-c", "python main.py --port=48278"]), Some(48_278));
    }

    #[test]
    fn other_ports_and_rubbish_are_no_p2p_port() {
        assert_eq!(
            spec(&["HTTP_PORT=19000", "CONF=--http-port=1\n--https-port=2"], &["--portal", "3"]),
            None
        );
        assert_eq!(spec(&["P2P_PORT=", "CONF=--port"], &["--port", "many"]), None);
        assert_eq!(spec(&["P2P_PORT=0"], &[]), None);
    }
}
