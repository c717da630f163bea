//! The ports an engine is told, in each of the ways in which the images' families tell them.
//!
//! A command line beats `CONF`, that beats `ACESTREAM_ARGS`, and that the single variables.

/// The ports of one engine.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ports {
    /// The API and the streams.
    pub http: u16,
    /// The same, encrypted; a stand-in does not listen there.
    pub https: u16,
    /// Other peers; a stand-in does not listen there.
    pub p2p: u16,
}

impl Ports {
    /// The P2P port that a command line or the environment gives, if either does.
    pub fn p2p_given(command: &[String], env: impl Fn(&str) -> Option<String>) -> Option<u16> {
        let sources = [command.to_vec(), words(env("CONF")), words(env("ACESTREAM_ARGS"))];
        let in_words = sources.iter().find_map(|words| value_of(words, "--port"));
        in_words.and_then(number).or_else(|| number(&env("P2P_PORT")?))
    }

    /// Reads the ports from a command line and the environment.
    pub fn read(command: &[String], env: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let sources = [
            ("the command", command.to_vec()),
            ("CONF", words(env("CONF"))),
            ("ACESTREAM_ARGS", words(env("ACESTREAM_ARGS"))),
        ];
        let find = |option: &str, variable: &str, default: u16| {
            for (source, words) in &sources {
                if let Some(value) = value_of(words, option) {
                    return number(value).ok_or(format!("{source}: {option} {value:?} is no port"));
                }
            }
            match env(variable) {
                Some(value) => number(&value).ok_or(format!("{variable}={value:?} is no port")),
                None => Ok(default),
            }
        };
        Ok(Self {
            http: find("--http-port", "HTTP_PORT", 6878)?,
            https: find("--https-port", "HTTPS_PORT", 6879)?,
            p2p: find("--port", "P2P_PORT", 8621)?,
        })
    }
}

/// Words of a variable. Docker's `--env` and compose files leave `\n` as two letters where people write it
/// so.
fn words(text: Option<String>) -> Vec<String> {
    text.unwrap_or_default().replace("\\n", " ").split_whitespace().map(str::to_owned).collect()
}

fn value_of<'a>(words: &'a [String], option: &str) -> Option<&'a str> {
    words.iter().enumerate().find_map(|(at, word)| match word.strip_prefix(option)? {
        "" => words.get(at + 1).map(String::as_str),
        rest => rest.strip_prefix('='),
    })
}

fn number(text: &str) -> Option<u16> {
    text.trim().parse().ok().filter(|port| *port > 0)
}
