//! A message in the words of each kind of receiver: one HTTP request.
//!
//! Pure. What a message says may have been chosen by others; each format escapes it in its own way, and none lets it
//! call people's names.

use super::outbox::Message;
use super::target::{Kind, Pass, Place, Target};
use crate::api::wire::time::Moment;
use crate::http::Request;
use crate::settings::Secret;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use hyper::Method;
use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue, USER_AGENT};
use serde_json::{Value, json};
use sha2::Sha256;

use super::alert::Severity;

/// The header with the signature of a webhook's body: `sha256=` and the HMAC-SHA256 in hexadecimal digits.
pub const SIGNATURE: HeaderName = HeaderName::from_static("x-acefleet-signature");
/// Gotify's header for an application's token.
const GOTIFY_KEY: HeaderName = HeaderName::from_static("x-gotify-key");
/// What we call ourselves.
const NAME: &str = concat!("acefleet/", env!("CARGO_PKG_VERSION"));

/// The request that tells a receiver of a message.
pub fn request(target: &Target, secret: Option<&Secret>, message: &Message) -> Request {
    let body = match &target.kind {
        Kind::Webhook => webhook(message),
        Kind::Ntfy(topic) => ntfy(topic, message),
        Kind::Discord => {
            json!({ "username": "acefleet", "content": text(message), "allowed_mentions": { "parse": [] } })
        }
        Kind::Slack => json!({ "text": for_slack(&text(message)) }),
        Kind::Telegram(chat) => {
            json!({ "chat_id": chat, "text": text(message), "link_preview_options": { "is_disabled": true } })
        }
        Kind::Gotify => json!({
            "title": message.title,
            "message": message.lines().join("\n"),
            "priority": match message.severity {
                Severity::Notice => 2,
                Severity::Warning => 5,
                Severity::Critical => 8,
            },
        }),
    };
    let body = body.to_string();
    let Place { host, port, tls, path } = &target.place;
    let mut request = Request::new(Method::POST, host_header(host, *port, *tls), path.clone());
    request.headers.push((USER_AGENT, HeaderValue::from_static(NAME)));
    request.headers.extend(pass(&target.pass));
    if let (Kind::Webhook, Some(secret)) = (&target.kind, secret) {
        request.headers.extend(header(SIGNATURE, &signature(secret, body.as_bytes())));
    }
    request.json(body)
}

/// What signs a body.
pub fn signature(secret: &Secret, body: &[u8]) -> String {
    // A key of any length will do for an HMAC.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.reveal().as_bytes()) else {
        return String::new();
    };
    mac.update(body);
    let digits: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={digits}")
}

fn webhook(message: &Message) -> Value {
    let alerts: Vec<Value> = message
        .alerts
        .iter()
        .map(|alert| {
            json!({
                "topic": alert.topic.word(),
                "subject": alert.subject,
                "state": alert.turn.word(),
                "severity": alert.topic.severity().word(),
                "text": alert.text,
                "at": Moment(alert.at),
            })
        })
        .collect();
    json!({
        "source": "acefleet",
        "version": env!("CARGO_PKG_VERSION"),
        "title": message.title,
        "severity": message.severity.word(),
        "at": Moment(message.at),
        "alerts": alerts,
        "more": message.more,
    })
}

fn ntfy(topic: &str, message: &Message) -> Value {
    let (priority, tag) = match message.severity {
        Severity::Notice => (3, "information_source"),
        Severity::Warning => (4, "warning"),
        Severity::Critical => (5, "rotating_light"),
    };
    json!({
        "topic": topic,
        "title": message.title,
        "message": message.lines().join("\n"),
        "priority": priority,
        "tags": [tag],
    })
}

fn text(message: &Message) -> String {
    /// Discord takes 2,000 letters, the others more.
    const MOST_CHARS: usize = 1_900;
    let text = format!("{}\n{}", message.title, message.lines().join("\n"));
    match text.char_indices().nth(MOST_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Slack reads these three as the beginnings of links and calls.
fn for_slack(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn host_header(host: &str, port: u16, tls: bool) -> String {
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    if port == if tls { 443 } else { 80 } { host } else { format!("{host}:{port}") }
}

fn pass(pass: &Pass) -> Option<(HeaderName, HeaderValue)> {
    match pass {
        Pass::None => None,
        Pass::Basic(user, password) => {
            let words = BASE64_STANDARD.encode(format!("{user}:{}", password.reveal()));
            header(AUTHORIZATION, &format!("Basic {words}"))
        }
        Pass::Bearer(token) => header(AUTHORIZATION, &format!("Bearer {}", token.reveal())),
        Pass::Gotify(token) => header(GOTIFY_KEY, token.reveal()),
    }
}

/// A header that is not shown where requests are.
fn header(name: HeaderName, value: &str) -> Option<(HeaderName, HeaderValue)> {
    let mut value = HeaderValue::from_str(value).ok()?;
    value.set_sensitive(true);
    Some((name, value))
}

#[cfg(test)]
mod tests {
    use super::super::alert::{Alert, Topic, Turn};
    use super::*;
    use control::Time;

    fn message() -> Message {
        let alert = Alert {
            topic: Topic::VpnDown,
            subject: "gluetun".into(),
            turn: Turn::Raised,
            text: "VPN 'gluetun' is down: <!channel> @everyone & \u{1b}[1m".into(),
            at: Time::from_secs(1_769_860_800),
        };
        Message {
            title: "acefleet: vpn down".into(),
            alerts: vec![alert],
            more: 0,
            severity: Severity::Warning,
            at: Time::from_secs(1_769_860_805),
        }
    }

    fn sent(address: &str) -> (Request, Value) {
        let target = Target::parse(address).expect("an address").remove(0);
        let secret = Secret::from("s3cret".to_owned());
        let request = request(&target, Some(&secret), &message());
        let (kind, body) = request.body.clone().expect("a body");
        assert_eq!((request.method.as_str(), kind), ("POST", "application/json"));
        (request, serde_json::from_slice(&body).expect("JSON"))
    }

    fn header_of(request: &Request, name: &str) -> Option<String> {
        let found = request.headers.iter().find(|(known, _)| known.as_str() == name);
        found.map(|(_, value)| value.to_str().expect("letters").to_owned())
    }

    #[test]
    fn a_webhook_is_told_everything_and_can_tell_that_it_comes_from_us() {
        let (request, body) = sent("https://user:word@hooks.example:8443/in?x=1");
        assert_eq!((request.host.as_str(), request.path.as_str()), ("hooks.example:8443", "/in?x=1"));
        assert_eq!(body["alerts"][0]["topic"], "vpn_down");
        assert_eq!(body["alerts"][0]["state"], "raised");
        assert_eq!(body["alerts"][0]["at"], "2026-01-31T12:00:00.000Z");
        assert_eq!(body["severity"], "warning");
        assert_eq!(header_of(&request, "authorization").as_deref(), Some("Basic dXNlcjp3b3Jk"));
        let body = &request.body.as_ref().expect("a body").1;
        let expected = signature(&Secret::from("s3cret".to_owned()), body);
        assert_eq!(header_of(&request, "x-acefleet-signature"), Some(expected));
    }

    #[test]
    fn the_signature_is_the_one_that_everybody_else_computes() {
        // RFC 4231, test case 2.
        let signed = signature(&Secret::from("Jefe".to_owned()), b"what do ya want for nothing?");
        assert_eq!(signed, "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }

    #[test]
    fn ntfy_is_told_with_topic_priority_and_token() {
        let (request, body) = sent("ntfys://tk_1@push.example/my-topic");
        assert_eq!(request.path, "/");
        assert_eq!((&body["topic"], &body["priority"]), (&json!("my-topic"), &json!(4)));
        assert_eq!(body["tags"], json!(["warning"]));
        assert_eq!(header_of(&request, "authorization").as_deref(), Some("Bearer tk_1"));
        assert_eq!(header_of(&request, "x-acefleet-signature"), None);
    }

    #[test]
    fn discord_calls_nobody() {
        let (request, body) = sent("discord://1/tok");
        assert_eq!(request.path, "/api/webhooks/1/tok");
        assert!(
            body["content"]
                .as_str()
                .is_some_and(|text| text.starts_with("acefleet: vpn down\n[warning] VPN"))
        );
        assert_eq!(body["allowed_mentions"], json!({ "parse": [] }));
    }

    #[test]
    fn slack_reads_no_commands() {
        let (_, body) = sent("slack://A/B/C");
        assert!(body["text"].as_str().is_some_and(|text| text.contains("&lt;!channel&gt; @everyone &amp;")));
    }

    #[test]
    fn telegram_is_told_which_chat() {
        let (request, body) = sent("tgram://1:ab/-100");
        assert_eq!(request.path, "/bot1:ab/sendMessage");
        assert_eq!(body["chat_id"], "-100");
    }

    #[test]
    fn gotify_is_told_with_its_key() {
        let (request, body) = sent("gotify://nas:8080/Atoken");
        assert_eq!((request.host.as_str(), request.path.as_str()), ("nas:8080", "/message"));
        assert_eq!((&body["priority"], &body["title"]), (&json!(5), &json!("acefleet: vpn down")));
        assert_eq!(header_of(&request, "x-gotify-key").as_deref(), Some("Atoken"));
    }

    #[test]
    fn no_receiver_gets_what_a_terminal_would_obey() {
        for address in ["discord://1/tok", "slack://A/B/C", "tgram://1:ab/3", "gotify://h/t", "ntfy://t"] {
            let (_, body) = sent(address);
            let text =
                ["content", "text", "message"].iter().find_map(|key| body[*key].as_str()).expect("text");
            assert!(!text.contains('\u{1b}') && text.contains("\\u{1b}"), "{text}");
        }
    }
}
