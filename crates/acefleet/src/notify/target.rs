//! Who is notified: what the addresses in NOTIFY_URLS mean.
//!
//! Pure. Tokens are in the addresses, so none is ever shown: [`Target`] prints as the kind of receiver and its host.

use crate::settings::Secret;
use std::fmt;
use url::Url;

/// How many receivers there may be. Each has a task and a queue.
pub const TARGETS_MAX: usize = 16;
/// A shorter part of an address is no token that somebody would have to guess, unless its place says that it is one.
const TOKEN_MIN_BYTES: usize = 8;

/// Where topics are that have no server of their own.
const NTFY_SH: &str = "ntfy.sh";
/// Where Discord's webhooks are, by whichever of its clients they were made.
const DISCORDS: [&str; 4] = ["discord.com", "discordapp.com", "canary.discord.com", "ptb.discord.com"];

/// One receiver.
#[derive(Clone, PartialEq, Eq)]
pub struct Target {
    /// What it understands.
    pub kind: Kind,
    /// Where it is.
    pub place: Place,
    /// What it is told to show who we are; with Discord, Slack and Telegram that is in `place`.
    pub pass: Pass,
}

/// What a receiver understands.
#[derive(Clone, PartialEq, Eq)]
pub enum Kind {
    /// Our own JSON, signed if NOTIFY_SECRET is set.
    Webhook,
    /// ntfy, with the topic.
    Ntfy(String),
    /// Discord's webhooks.
    Discord,
    /// Slack's incoming webhooks, and what understands the same.
    Slack,
    /// Telegram's bots, with the chat.
    Telegram(String),
    /// Gotify.
    Gotify,
}

impl Kind {
    /// Every word for a kind, as metrics name them.
    pub const WORDS: [&str; 6] = ["discord", "gotify", "ntfy", "slack", "telegram", "webhook"];

    /// The word for it.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Ntfy(_) => "ntfy",
            Self::Discord => "discord",
            Self::Slack => "slack",
            Self::Telegram(_) => "telegram",
            Self::Gotify => "gotify",
        }
    }
}

/// Where a receiver is. The path may be a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Place {
    /// Encrypted.
    pub tls: bool,
    /// The host's name or address, an IPv6 address without its brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Path and query.
    pub path: String,
}

/// What a receiver is told to show who we are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Pass {
    /// Nothing.
    None,
    /// User and password.
    Basic(String, Secret),
    /// A bearer's token.
    Bearer(Secret),
    /// Gotify's token for an application.
    Gotify(Secret),
}

/// Why an address cannot be meant: what is wrong, and what to write. Never the address itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unclear {
    /// What is wrong.
    pub what: String,
    /// What to write.
    pub fix: &'static str,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.kind.word(), self.place.host)
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

const WEBHOOK: &str = "write https://host/path, or http://host:port/path for a receiver of your own network";
const NTFY: &str = "write ntfy://topic for ntfy.sh, ntfys://host/topic for a server of your own, ntfy://host/topic \
                    if it is not encrypted";
const DISCORD: &str = "write discord://id/token: both are in the webhook's address, \
                       https://discord.com/api/webhooks/id/token";
const SLACK: &str =
    "write slack://A/B/C: they are in the webhook's address, https://hooks.slack.com/services/A/B/C";
const TELEGRAM: &str = "write tgram://bot-token/chat-id";
const GOTIFY: &str = "write gotifys://host/token, or gotify://host:port/token if it is not encrypted";
const SCHEMES: &str = "write https://, http://, ntfy://, ntfys://, discord://, slack://, tgram://, gotify:// or \
                       gotifys://; docs/alerts.md has an example of each";

impl Target {
    /// Reads an address. One of Telegram's with several chats is several receivers.
    pub fn parse(text: &str) -> Result<Vec<Self>, Unclear> {
        let unclear = |what: &str, fix| Unclear { what: what.to_owned(), fix };
        let (scheme, rest) = text.split_once("://").ok_or_else(|| unclear("that is no address", SCHEMES))?;
        let scheme = scheme.to_ascii_lowercase();
        match scheme.as_str() {
            "http" | "https" => webhook(text).map(|target| vec![target]),
            "ntfy" | "ntfys" => ntfy(rest, scheme == "ntfys").map(|target| vec![target]),
            "gotify" | "gotifys" => gotify(rest, scheme == "gotifys").map(|target| vec![target]),
            "discord" => match parts(rest)[..] {
                [id, token] => {
                    Ok(vec![cloud(Kind::Discord, "discord.com", format!("/api/webhooks/{id}/{token}"))])
                }
                _ => Err(unclear("an id and a token are wanted there", DISCORD)),
            },
            "slack" => match parts(rest)[..] {
                [a, b, c] => {
                    Ok(vec![cloud(Kind::Slack, "hooks.slack.com", format!("/services/{a}/{b}/{c}"))])
                }
                _ => Err(unclear("three parts are wanted there", SLACK)),
            },
            "tgram" => match parts(rest).split_first() {
                Some((token, chats)) if !chats.is_empty() => {
                    let one = |chat: &&str| {
                        let path = format!("/bot{token}/sendMessage");
                        cloud(Kind::Telegram((*chat).to_owned()), "api.telegram.org", path)
                    };
                    Ok(chats.iter().map(one).collect())
                }
                _ => Err(unclear("a token and a chat are wanted there", TELEGRAM)),
            },
            _ => Err(unclear("acefleet does not know that kind of receiver", SCHEMES)),
        }
    }
}

impl Target {
    /// What of it is secret: the parts of its address that may appear by themselves.
    pub fn secrets(&self) -> Vec<Secret> {
        let whole = &self.place.path;
        let mut parts: Vec<&str> = whole.split(['/', '?', '=', '&', ':']).chain([whole.as_str()]).collect();
        if let Kind::Telegram(chat) = &self.kind {
            parts.push(chat);
        }
        // Others are words like `webhooks`, which may be anywhere.
        parts.retain(|part| part.len() >= TOKEN_MIN_BYTES && part.bytes().any(|byte| byte.is_ascii_digit()));
        match &self.kind {
            // Whoever knows the topic may read and write there.
            Kind::Ntfy(topic) => parts.push(topic),
            Kind::Webhook | Kind::Discord | Kind::Slack => {
                let (path, query) = whole.split_once('?').unwrap_or((whole, ""));
                parts.extend(path.trim_end_matches('/').rsplit('/').next());
                // Switches like `wait=true` are no secrets.
                let values = query.split('&').filter_map(|pair| Some(pair.split_once('=')?.1));
                parts.extend(values.filter(|value| value.len() >= TOKEN_MIN_BYTES));
            }
            // Their paths end with words of their own.
            Kind::Telegram(_) | Kind::Gotify => {}
        }
        parts.retain(|part| !part.is_empty());
        match &self.pass {
            Pass::None => {}
            Pass::Basic(_, part) | Pass::Bearer(part) | Pass::Gotify(part) => parts.push(part.reveal()),
        }
        parts.into_iter().map(|part| Secret::from(part.to_owned())).collect()
    }
}

/// The parts of a path, if all of them are such as need no escaping; otherwise none.
fn parts(rest: &str) -> Vec<&str> {
    let parts: Vec<&str> = rest.trim_end_matches('/').split('/').collect();
    let plain = |part: &&str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_:.@".contains(&byte))
    };
    if parts.iter().all(plain) { parts } else { Vec::new() }
}

fn cloud(kind: Kind, host: &str, path: String) -> Target {
    Target { kind, place: Place { tls: true, host: host.to_owned(), port: 443, path }, pass: Pass::None }
}

fn webhook(text: &str) -> Result<Target, Unclear> {
    let (url, place, pass) =
        read(text).ok_or_else(|| Unclear { what: "that is no address".into(), fix: WEBHOOK })?;
    // People paste what Discord, Slack and ntfy show them.
    let topic = url.path().trim_matches('/');
    let kind = match place.host.as_str() {
        host if DISCORDS.contains(&host) && url.path().starts_with("/api/webhooks/") => Kind::Discord,
        "hooks.slack.com" => Kind::Slack,
        // More than a topic is meant for somebody who knows what he asks for.
        NTFY_SH if parts(topic).len() == 1 && url.query().is_none() => {
            let place = Place { path: "/".into(), ..place };
            return Ok(Target { kind: Kind::Ntfy(topic.to_owned()), place, pass });
        }
        _ => Kind::Webhook,
    };
    Ok(Target { kind, place, pass })
}

fn ntfy(rest: &str, tls: bool) -> Result<Target, Unclear> {
    let unclear = |what: &str| Unclear { what: what.to_owned(), fix: NTFY };
    let (before, topic) = match rest.trim_end_matches('/').rsplit_once('/') {
        Some((host, topic)) => (host, topic),
        None => (NTFY_SH, rest.trim_end_matches('/')),
    };
    if parts(topic).len() != 1 {
        return Err(unclear("a topic is wanted there"));
    }
    let secured = tls || before.rsplit('@').next() == Some(NTFY_SH);
    let scheme = if secured { "https" } else { "http" };
    let (_, mut place, pass) =
        read(&format!("{scheme}://{before}/")).ok_or_else(|| unclear("that is no address"))?;
    if !place.path.ends_with('/') {
        place.path.push('/');
    }
    Ok(Target { kind: Kind::Ntfy(topic.to_owned()), place, pass })
}

fn gotify(rest: &str, tls: bool) -> Result<Target, Unclear> {
    let unclear = |what: &str| Unclear { what: what.to_owned(), fix: GOTIFY };
    let Some((before, token)) = rest.trim_end_matches('/').rsplit_once('/') else {
        return Err(unclear("a host and a token are wanted there"));
    };
    if parts(token).len() != 1 {
        return Err(unclear("a token is wanted there"));
    }
    let scheme = if tls { "https" } else { "http" };
    let (_, place, _) =
        read(&format!("{scheme}://{before}/message")).ok_or_else(|| unclear("that is no address"))?;
    Ok(Target { kind: Kind::Gotify, place, pass: Pass::Gotify(Secret::from(token.to_owned())) })
}

/// Takes an address apart that begins with `http` or `https`.
fn read(text: &str) -> Option<(Url, Place, Pass)> {
    let url = Url::parse(text).ok()?;
    let host = url.host_str().filter(|host| !host.is_empty())?;
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let path = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    let place = Place { tls: url.scheme() == "https", host, port: url.port_or_known_default()?, path };
    let pass = match (decoded(url.username()), url.password().map(decoded)) {
        (user, None) if user.is_empty() => Pass::None,
        (token, None) => Pass::Bearer(Secret::from(token)),
        (user, Some(password)) => Pass::Basic(user, Secret::from(password)),
    };
    Some((url, place, pass))
}

/// What an address has percent signs for.
fn decoded(text: &str) -> String {
    let pair = format!("x={}", text.replace('+', "%2B"));
    url::form_urlencoded::parse(pair.as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Target {
        let mut found = Target::parse(text).unwrap_or_else(|unclear| panic!("{text}: {unclear:?}"));
        assert_eq!(found.len(), 1);
        found.remove(0)
    }

    fn place(target: &Target) -> String {
        let Place { tls, host, port, path } = &target.place;
        format!("{}{host} {port} {path}", if *tls { "tls " } else { "" })
    }

    #[test]
    fn each_scheme_names_the_receiver_that_people_know_by_it() {
        for (text, word, at) in [
            ("https://h/a?b=c", "webhook", "tls h 443 /a?b=c"),
            ("http://192.168.1.5:9000/x", "webhook", "192.168.1.5 9000 /x"),
            ("http://[::1]:9000/", "webhook", "::1 9000 /"),
            ("ntfy://my-topic", "ntfy", "tls ntfy.sh 443 /"),
            ("ntfy://ntfy.sh/my-topic", "ntfy", "tls ntfy.sh 443 /"),
            ("ntfy://nas:8080/t", "ntfy", "nas 8080 /"),
            ("ntfys://push.example/sub/t/", "ntfy", "tls push.example 443 /sub/"),
            ("discord://123/abc-DEF_", "discord", "tls discord.com 443 /api/webhooks/123/abc-DEF_"),
            ("https://discord.com/api/webhooks/1/a", "discord", "tls discord.com 443 /api/webhooks/1/a"),
            (
                "https://canary.discord.com/api/webhooks/1/a",
                "discord",
                "tls canary.discord.com 443 /api/webhooks/1/a",
            ),
            (
                "https://ptb.discord.com/api/webhooks/1/a",
                "discord",
                "tls ptb.discord.com 443 /api/webhooks/1/a",
            ),
            ("https://ntfy.sh/my-topic", "ntfy", "tls ntfy.sh 443 /"),
            ("https://ntfy.sh/my-topic/json", "webhook", "tls ntfy.sh 443 /my-topic/json"),
            ("slack://T1/B2/c3", "slack", "tls hooks.slack.com 443 /services/T1/B2/c3"),
            (
                "https://hooks.slack.com/services/T1/B2/c3",
                "slack",
                "tls hooks.slack.com 443 /services/T1/B2/c3",
            ),
            ("tgram://12:ab_C/-100200", "telegram", "tls api.telegram.org 443 /bot12:ab_C/sendMessage"),
            ("gotify://nas:8080/Atoken", "gotify", "nas 8080 /message"),
            ("gotifys://push.example/sub/Atoken", "gotify", "tls push.example 443 /sub/message"),
        ] {
            let target = one(text);
            assert_eq!((target.kind.word(), place(&target).as_str()), (word, at), "{text}");
            assert!(Kind::WORDS.contains(&word));
        }
    }

    #[test]
    fn a_chat_of_telegrams_is_a_receiver_each() {
        let found = Target::parse("tgram://12:ab/100/@channel").expect("two");
        let chats: Vec<_> = found.iter().map(|target| target.kind.clone()).collect();
        assert!(chats == [Kind::Telegram("100".into()), Kind::Telegram("@channel".into())]);
    }

    #[test]
    fn who_we_are_is_in_front_of_the_host() {
        assert_eq!(one("https://u%40x:p%2B1@h/").pass, Pass::Basic("u@x".into(), "p+1".to_owned().into()));
        assert_eq!(one("ntfys://tk_abc@h/topic").pass, Pass::Bearer("tk_abc".to_owned().into()));
        assert_eq!(one("gotify://h/Atoken").pass, Pass::Gotify("Atoken".to_owned().into()));
        assert_eq!(one("https://h/").pass, Pass::None);
    }

    #[test]
    fn what_cannot_be_meant_is_said_with_what_to_write_and_without_the_address() {
        for text in [
            "hunter2",
            "smtp://hunter2",
            "https://",
            "discord://hunter2",
            "discord://1/hunter2/3",
            "slack://hunter2",
            "tgram://hunter2",
            "gotify://hunter2",
            "ntfy://",
            "ntfy://h/hunter2?x",
            "discord://1/hunter2 \r\nX: y",
        ] {
            let unclear = Target::parse(text).expect_err(text);
            assert!(unclear.fix.starts_with("write "), "{unclear:?}");
            assert!(!format!("{unclear:?}").contains("hunter2"), "{unclear:?}");
        }
    }

    #[test]
    fn a_receiver_is_shown_without_anything_secret() {
        for text in [
            "discord://1/hunter2",
            "gotify://h/hunter2",
            "https://u:hunter2@h/hunter2",
            "tgram://1:hunter2/3",
        ] {
            let target = one(text);
            assert!(!format!("{target} {target:?}").contains("hunter2"), "{target}");
        }
    }

    #[test]
    fn a_pasted_address_of_ntfy_keeps_its_topic_and_who_we_are() {
        let target = one("https://tk_abc@ntfy.sh/my-topic/");
        assert!(target.kind == Kind::Ntfy("my-topic".into()));
        assert_eq!(target.pass, Pass::Bearer("tk_abc".to_owned().into()));
    }

    #[test]
    fn what_lets_somebody_write_to_a_receiver_is_secret_however_it_looks() {
        let secrets = |text: &str| -> Vec<String> {
            one(text).secrets().iter().map(|secret| secret.reveal().to_owned()).collect()
        };
        for (text, secret) in [
            ("ntfy://quiet", "quiet"),
            ("https://ntfy.sh/quiet", "quiet"),
            ("https://h/hooks/hunter", "hunter"),
            ("https://h/hooks/hunter/?wait=true", "hunter"),
            ("https://h/hooks?token=hunterhunter", "hunterhunter"),
            ("discord://1/short", "short"),
            ("https://hooks.slack.com/services/A/B/short", "short"),
            ("tgram://123456:abcdef/3", "bot123456"),
            ("gotify://h/short", "short"),
        ] {
            assert!(secrets(text).iter().any(|part| part == secret), "{text}: {:?}", secrets(text));
        }
        // Words of everyday that say nothing by themselves.
        for (text, word) in [
            ("https://h/webhooks/x?wait=true", "webhooks"),
            ("https://h/webhooks/x?wait=true", "true"),
            ("gotify://h/short", "message"),
            ("tgram://123456:abcdef/3", "sendMessage"),
        ] {
            assert!(!secrets(text).iter().any(|part| part == word), "{text}");
        }
    }
}
