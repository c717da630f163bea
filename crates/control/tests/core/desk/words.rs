//! The desk's words for commands and moments: short enough to be read in a column.

use super::Host;
use control::command::{Content, Create, KeyType, Question, Target};
use control::ids::OpId;
use control::policy::offering::Standing;
use control::request::Reply;
use control::snapshot::EngineView;
use control::{Action, Command, Message, Time};
use std::time::Duration;

/// Where the second column begins, where a sentence that goes on does, and where it has to end.
const TEXT: usize = 10;
const GOES_ON: usize = TEXT + 4;
const WIDTH: usize = 92;

/// What can be played under this name.
pub(crate) fn channel(name: &str) -> Content {
    Content { kind: KeyType::ContentId, key: name.into() }
}

/// A command in words, without its cause.
pub(crate) fn of(command: &Command, host: &Host) -> String {
    match &command.action {
        Action::Ping => "ping".into(),
        Action::List => "list".into(),
        Action::Inspect(Target::Id(id)) => format!("inspect {}", host.name_of(*id)),
        Action::Inspect(Target::Name(name)) => format!("inspect {name} by name"),
        Action::Create(create) => created(create, host),
        Action::CreateOther(create) => {
            let ports = create.ports.iter().map(|(inside, outside)| format!(" {outside}:{inside}"));
            format!("create {} from {}{}", create.name, create.wanted.image, ports.collect::<String>())
        }
        Action::Start(id) => format!("start {}", host.name_of(*id)),
        Action::Restart { id, grace: Duration::ZERO } => format!("restart {}", host.name_of(*id)),
        Action::Restart { id, grace } => format!("restart {} within {grace:?}", host.name_of(*id)),
        Action::Remove(id) => format!("remove {}", host.name_of(*id)),
        Action::Stop { id, grace } => format!("stop {} within {grace:?}", host.name_of(*id)),
        Action::ClearCache(id) => format!("clear the cache of {}", host.name_of(*id)),
        Action::Tell { vpn, order } => format!("tell {} to {order:?}", host.vpn_name(*vpn)),
        Action::Open { at, content, .. } => format!("open {} on {}", content.key, host.name_of(at.engine)),
        Action::AskSession { at, .. } => format!("ask {} for its session", host.name_of(at.engine)),
        Action::Close { at, .. } => format!("close a session on {}", host.name_of(at.engine)),
        Action::Probe { engine, .. } => format!("probe {}", host.name_of(*engine)),
        Action::Ask { vpn, question } => {
            let what = match question {
                Question::Tunnel => "tunnel",
                Question::Ports => "ports",
                Question::PublicAddress => "address",
            };
            format!("ask {} for its {what}", host.vpn_name(*vpn))
        }
    }
}

/// A message in words; the answer to a request is for the test itself.
pub(crate) fn of_message(message: &Message) -> Result<String, Reply> {
    Ok(match message {
        Message::Answer { reply, .. } => return Err(reply.clone()),
        Message::Route { viewer, session: None } => format!("< viewer {} is kept waiting", viewer.0),
        Message::Route { viewer, session: Some(session) } => {
            format!("< viewer {} is sent session {}", viewer.0, session.0)
        }
        Message::Refuse { viewer, why, retry_at, .. } => {
            format!("< viewer {} is refused until {}: {why}", viewer.0, moment(*retry_at))
        }
        Message::Release(session) => format!("< session {} is released", session.0),
    })
}

fn created(create: &Create, host: &Host) -> String {
    let place = create.vpn.map_or_else(|| "outside".into(), |vpn| format!("on {}", host.vpn_name(vpn)));
    let https = create.ports.https.map_or_else(String::new, |port| format!(" https {port}"));
    let p2p = create.ports.p2p.map_or_else(String::new, |port| format!(" p2p {port}"));
    format!("create {} {place} http {}{https}{p2p}", create.name, create.ports.http)
}

/// How a request was answered.
pub(crate) fn reply(reply: &Reply) -> String {
    match reply {
        Reply::Stream(view) => format!("stream {}", view.id),
        Reply::Ended { updated, .. } => format!("ended: {updated}"),
        Reply::Accepted(_) => "accepted".into(),
        Reply::Done => "done".into(),
        Reply::ScaledTo(minimum) => format!("scaled to {minimum}"),
        Reply::NotFound => "not found".into(),
        Reply::Refused { code, message } => format!("refused, {code}: {message}"),
        Reply::Unavailable(why) => format!("unavailable: {why}"),
        Reply::Provisioned { name, ports, .. } => format!("{name} at port {}", ports.http),
        Reply::ProvisionedOther { name, ports, .. } => format!("{name} with ports {ports:?}"),
        Reply::Blocked { code, message, until, should_wait, .. } => {
            let wait = if *should_wait { ", wait" } else { "" };
            format!("blocked, {code:?}: {message}, until {}{wait}", moment(*until))
        }
    }
}

/// Whether a command's words begin with these, whole words alone: `probe acestream-1` is not the beginning of
/// `probe acestream-10`.
pub(crate) fn begin(text: &str, words: &str) -> bool {
    text.strip_prefix(words).is_some_and(|rest| words.is_empty() || rest.is_empty() || rest.starts_with(' '))
}

/// A moment to the millisecond, as short as it can be told.
pub(crate) fn moment(at: Time) -> String {
    if at == Time::NEVER {
        return "never".into();
    }
    format!("{}s", (at.as_nanos() / 1_000_000) as f64 / 1e3)
}

/// A sentence of the journal without the number of its operation, which says nothing to a reader here.
pub(crate) fn without_operation(sentence: &str) -> String {
    let mut words = sentence.split(' ').map(|word| word.trim_end_matches([')', ':', ';']));
    match words.find(|word| OpId::parse(word).is_some()) {
        Some(number) => sentence
            .replace(&format!(" (operation {number})"), "")
            .replace(&format!("operation {number}"), "its operation"),
        None => sentence.into(),
    }
}

/// A moment and a sentence, broken into lines that can be read.
pub(crate) fn in_columns(moment: &str, sentence: &str) -> String {
    let mut text = format!("{moment:<TEXT$}");
    let mut column = TEXT;
    for (at, word) in sentence.split(' ').enumerate() {
        let length = word.chars().count();
        if column + 1 + length > WIDTH {
            text.push('\n');
            text.push_str(&" ".repeat(GOES_ON));
            column = GOES_ON;
        } else if at > 0 {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += length;
    }
    text + "\n"
}

/// An engine in one word.
pub(crate) fn at_a_glance(engine: &EngineView) -> String {
    let name = engine.container_name.as_str();
    let short = name.strip_prefix("acestream-").unwrap_or(name);
    let star = if engine.forwarded { "*" } else { "" };
    match engine.standing {
        Standing::Offered => format!("{short}{star}"),
        Standing::Hidden(_) => format!("({short}{star})"),
    }
}
