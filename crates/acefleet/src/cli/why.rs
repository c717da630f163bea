//! `acefleet status --why NAME`: the story of one engine, VPN or stream in sentences, as the journal of a running
//! acefleet tells it, and what it is like now.
//!
//! What happened to its VPN, or to all of the fleet, belongs to the story of an engine: without it nobody would
//! understand why the engine was hidden. What it shows may have been named by anybody, so nothing of it reaches the
//! terminal unescaped.

use super::status::{Asked, Failure};
use super::table::cut;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use url::form_urlencoded;

/// How wide a terminal is at least.
const WIDTH: usize = 80;
/// Where sentences begin: after a time of day.
const INDENT: usize = "  12:00:00  ".len();
/// The latest so many entries are a story; what was before can be asked for.
const ENTRIES_MAX: usize = 200;
/// The longest sentence that is shown.
const SENTENCE_CHARS_MAX: usize = 600;
/// Names that are listed when there is none like the one that was asked for.
const NAMES_MAX: usize = 40;
/// The beginning of an id means it from so many characters on.
const ID_PREFIX_MIN: usize = 12;

/// What happens to all of the fleet, and so to each engine.
const FLEET_KINDS: &str = "in_sight,docker_unreachable,docker_back,emergency_entered,emergency_left,suspects_itself,\
    suspects_itself_no_more,rebuilt,passive,active,leaving";
/// What happens to a VPN and is felt by its engines.
const VPN_KINDS: &str = "new_network,vpn_healthy,vpn_failed,vpn_doubted,double_checked,mend,needs_person,\
    port_is,port_changed,port_gone,mark_lost,replace_carrier";
/// What happens to an engine and is felt by the streams on it.
const ENGINE_KINDS: &str = "offered,hidden,gone,remove,restart,stop,hand_off,replace_carrier";
/// What happens to engines, and where they are.
const ENGINES_KINDS: &str = "create,adopted,offered,hidden,gone,remove,restart,stop,hand_off";

#[derive(Deserialize)]
struct Entry {
    at: String,
    sentence: String,
    subject: Subject,
}

#[derive(Deserialize)]
struct Subject {
    name: Option<String>,
}

/// Entries that say the same of several, in the order of time.
struct Told<'a> {
    at: &'a str,
    /// The sentence, with a mark in the place of the name.
    template: String,
    names: Vec<&'a str>,
}

/// Stands for a name in a sentence; no sentence has it.
const MARK: &str = "\u{0}";

impl<'a> Told<'a> {
    /// The same in fewer words: what is said of several in the same second is said once.
    fn of(entries: &'a [Entry]) -> Vec<Self> {
        let mut told: Vec<Self> = Vec::new();
        for Entry { at, sentence, subject } in entries {
            let name = subject.name.as_deref().filter(|name| !name.is_empty());
            let template = name.map_or_else(|| sentence.clone(), |name| sentence.replacen(name, MARK, 1));
            let same =
                |last: &&mut Self| last.template == template && time_of_day(last.at) == time_of_day(at);
            match (told.last_mut().filter(same), name) {
                (Some(last), Some(name)) => last.names.push(name),
                (Some(_), None) | (None, _) => {
                    told.push(Self { at, template, names: name.into_iter().collect() });
                }
            }
        }
        told
    }

    fn sentence(&self) -> String {
        let mut names = self.names.clone();
        // With their numbers in order.
        names.sort_by_key(|name| (name.len(), *name));
        match names[..] {
            [] => self.template.clone(),
            [name] => self.template.replacen(MARK, name, 1),
            [ref first @ .., last] => {
                let names = format!("{} and {last}", first.join(", "));
                let several = [("engine \0 is ", "engines \0 are "), ("engine \0", "engines \0")];
                let plural = several.into_iter().find(|(one, _)| self.template.contains(one));
                let template = plural.map_or_else(
                    || self.template.clone(),
                    |(one, many)| self.template.replacen(one, many, 1),
                );
                template.replacen(MARK, &names, 1)
            }
        }
    }
}

/// Whom the story is about.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Hero {
    Engine { name: String, vpn: Option<String> },
    Vpn(String),
    Stream { id: String, engine: Option<String> },
}

impl Hero {
    fn name(&self) -> &str {
        match self {
            Self::Engine { name, .. } | Self::Vpn(name) => name,
            Self::Stream { id, .. } => id,
        }
    }

    const fn kind(&self) -> &'static str {
        match self {
            Self::Engine { .. } => "engine",
            Self::Vpn(_) => "vpn",
            Self::Stream { .. } => "stream",
        }
    }

    /// What else is asked of the journal, from the first entry of its own on.
    fn surroundings(&self) -> Vec<(&'static str, &str, &'static str)> {
        match self {
            Self::Engine { vpn: Some(vpn), .. } => vec![("vpn", vpn, VPN_KINDS), ("", "", FLEET_KINDS)],
            Self::Stream { engine: Some(engine), .. } => {
                vec![("engine", engine, ENGINE_KINDS), ("", "", FLEET_KINDS)]
            }
            Self::Engine { vpn: None, .. } | Self::Vpn(_) | Self::Stream { engine: None, .. } => {
                vec![("", "", FLEET_KINDS)]
            }
        }
    }
}

/// Everything that there is now.
struct Present {
    vpns: Vec<Value>,
    engines: Vec<Value>,
    streams: Vec<Value>,
    timestamp: String,
}

/// Asks for the story and tells it.
pub(super) async fn tell(asked: &Asked, name: &str, json: bool) -> Result<String, Failure> {
    let present = Present::look(asked).await?;
    let Some(hero) = find(asked, &present, name).await? else {
        return Err(Failure::Nobody { name: cut(name, WIDTH), there_are: present.names() });
    };
    let own = journal(asked, &[(hero.kind(), hero.name())]).await?;
    let mut story: BTreeMap<u64, Value> = BTreeMap::new();
    let since = own.last().and_then(|entry| entry["at"].as_str()).map(str::to_owned);
    let has_all = own.len() < ENTRIES_MAX;
    story.extend(own.into_iter().filter_map(|entry| Some((entry["id"].as_u64()?, entry))));
    if let Some(since) = &since {
        for (filter, value, kinds) in hero.surroundings() {
            let mut query = vec![("kind", kinds), ("since", since)];
            query.extend((!filter.is_empty()).then_some((filter, value)));
            let around = journal(asked, &query).await?;
            story.extend(around.into_iter().filter_map(|entry| Some((entry["id"].as_u64()?, entry))));
        }
    }
    if let (Hero::Vpn(_), Some(since)) = (&hero, since) {
        let all = journal(asked, &[("kind", ENGINES_KINDS), ("since", &since)]).await?;
        for entry in on_it(&story, all) {
            story.extend(entry["id"].as_u64().map(|id| (id, entry)));
        }
    }
    let now = present.of(&hero);
    if json {
        let journal: Vec<Value> = story.into_values().collect();
        let all = json!({"kind": hero.kind(), "name": hero.name(), "now": now, "journal": journal});
        return Ok(format!("{all}\n"));
    }
    let entries = story.into_values().map(Entry::deserialize).collect::<Result<Vec<_>, _>>();
    let entries = entries.map_err(|error| asked.stranger(cut(&error.to_string(), WIDTH)))?;
    Ok(page(&hero, &entries, has_all, now, &present))
}

/// What happened to engines while they were on the VPN whose own entries these are. Names are used again elsewhere:
/// where an engine is follows from where it was created or found last.
fn on_it(own: &BTreeMap<u64, Value>, mut all: Vec<Value>) -> Vec<Value> {
    let mut there = BTreeSet::new();
    all.reverse();
    all.retain(|entry| {
        let Some(name) = entry["subject"]["name"].as_str().map(str::to_owned) else { return false };
        if entry["kind"] != "create" && entry["kind"] != "adopted" {
            return there.contains(&name);
        }
        let here = entry["id"].as_u64().is_some_and(|id| own.contains_key(&id));
        if here {
            there.insert(name);
        } else {
            there.remove(&name);
        }
        here
    });
    all
}

/// Who is meant: somebody who is there, or of whom the journal knows.
async fn find(asked: &Asked, present: &Present, name: &str) -> Result<Option<Hero>, Failure> {
    let is = |value: &Value, field: &str| value[field].as_str() == Some(name);
    let begins = |value: &Value, field: &str| {
        name.len() >= ID_PREFIX_MIN && value[field].as_str().is_some_and(|id| id.starts_with(name))
    };
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let engine = |engine: &Value| {
        let name = text(&engine["container_name"])?;
        Some(Hero::Engine { name, vpn: text(&engine["vpn_container"]) })
    };
    let is_engine = |value: &&Value| {
        is(value, "container_name")
            || begins(value, "container_id")
            || name.parse::<u64>().is_ok_and(|port| value["port"].as_u64() == Some(port))
    };
    if let Some(found) = present.engines.iter().find(is_engine).and_then(engine) {
        return Ok(Some(found));
    }
    if present.vpns.iter().any(|vpn| is(vpn, "container_name")) {
        return Ok(Some(Hero::Vpn(name.to_owned())));
    }
    let is_stream = |value: &&Value| is(value, "id") || is(value, "key") || begins(value, "id");
    if let Some(stream) = present.streams.iter().find(is_stream) {
        let by_id = |engine: &&Value| engine["container_id"] == stream["container_id"];
        let on = present.engines.iter().find(by_id).and_then(|engine| text(&engine["container_name"]));
        return Ok(text(&stream["id"]).map(|id| Hero::Stream { id, engine: on }));
    }
    // It may have been there.
    for gone in [
        Hero::Engine { name: name.to_owned(), vpn: None },
        Hero::Vpn(name.to_owned()),
        Hero::Stream { id: name.to_owned(), engine: None },
    ] {
        if !journal(asked, &[(gone.kind(), name)]).await?.is_empty() {
            return Ok(Some(gone));
        }
    }
    Ok(None)
}

async fn journal(asked: &Asked, query: &[(&str, &str)]) -> Result<Vec<Value>, Failure> {
    let mut written = form_urlencoded::Serializer::new(String::new());
    written.extend_pairs(query).append_pair("limit", &ENTRIES_MAX.to_string());
    asked.ask_list(&format!("/journal?{}", written.finish())).await
}

impl Present {
    async fn look(asked: &Asked) -> Result<Self, Failure> {
        let (vpns, engines, streams, whole) = tokio::try_join!(
            asked.ask("/vpn/status"),
            asked.ask_list("/engines?all=true"),
            asked.ask_list("/streams"),
            asked.ask("/orchestrator/status"),
        )?;
        let vpns = match vpns["vpns"].as_array() {
            Some(all) if !all.is_empty() => all.clone(),
            Some(_) | None => ["vpn1", "vpn2"]
                .map(|place| vpns[place].clone())
                .into_iter()
                .filter(Value::is_object)
                .collect(),
        };
        let timestamp = whole["timestamp"].as_str().unwrap_or_default().to_owned();
        Ok(Self { vpns, engines, streams, timestamp })
    }

    fn of(&self, hero: &Hero) -> Option<&Value> {
        let (all, field) = match hero {
            Hero::Engine { .. } => (&self.engines, "container_name"),
            Hero::Vpn(_) => (&self.vpns, "container_name"),
            Hero::Stream { .. } => (&self.streams, "id"),
        };
        all.iter().find(|value| value[field].as_str() == Some(hero.name()))
    }

    /// Who there is, for somebody who has mistyped a name.
    fn names(&self) -> String {
        let names = |what: &str, all: &[Value], field: &str| {
            let shown: Vec<_> = all
                .iter()
                .filter_map(|value| value[field].as_str())
                .take(NAMES_MAX)
                .map(|name| cut(name, WIDTH))
                .collect();
            let more = all.len().saturating_sub(NAMES_MAX);
            match (shown.is_empty(), more) {
                (true, _) => String::new(),
                (false, 0) => format!("\n  {what}: {}", shown.join(", ")),
                (false, more) => format!("\n  {what}: {}, and {more} more", shown.join(", ")),
            }
        };
        let all = names("VPNs", &self.vpns, "container_name")
            + &names("engines", &self.engines, "container_name")
            + &names("streams", &self.streams, "id");
        if all.is_empty() { "\n  nothing at all".into() } else { all }
    }

    /// Seconds from now until a moment, if both can be read.
    fn until(&self, moment: &str) -> Option<i64> {
        let read = |text: &str| text.parse::<jiff::Timestamp>().ok();
        Some(read(moment)?.as_second() - read(&self.timestamp)?.as_second())
    }

    /// When something is due: its time of day, and how long that is from now.
    fn due(&self, moment: &str) -> String {
        match self.until(moment) {
            Some(seconds) if seconds > 0 => format!("at {}, in {}", time_of_day(moment), span(seconds)),
            Some(_) | None => "now".to_owned(),
        }
    }

    /// Since when something is so.
    fn since(&self, moment: &str) -> String {
        match self.until(moment) {
            Some(seconds) if seconds < 0 => format!(" for {}, since {}", span(-seconds), time_of_day(moment)),
            Some(_) | None => String::new(),
        }
    }
}

/// The whole page.
fn page(hero: &Hero, entries: &[Entry], has_all: bool, now: Option<&Value>, present: &Present) -> String {
    let title = match hero {
        Hero::Engine { name, vpn: Some(vpn) } => format!("engine {name} on VPN '{vpn}'"),
        Hero::Engine { name, vpn: None } => format!("engine {name}"),
        Hero::Vpn(name) => format!("VPN '{name}'"),
        Hero::Stream { id, .. } => format!("stream {id}"),
    };
    let mut out = format!("The story of {} (times in UTC)\n", cut(&title, WIDTH));
    if entries.is_empty() {
        out.push_str("\nThe journal has nothing about it.\n");
    } else if !has_all {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "\nIts last {ENTRIES_MAX} entries; GET /journal tells what was before.");
    }
    let mut day = "";
    for told in Told::of(entries) {
        let today = told.at.split('T').next().unwrap_or_default();
        if std::mem::replace(&mut day, today) != today {
            let _ = writeln!(out, "\n{}", cut(today, WIDTH));
        }
        let _ = write!(out, "  {}  ", time_of_day(told.at));
        out.push_str(&wrapped(&capitalised(&cut(&told.sentence(), SENTENCE_CHARS_MAX)), INDENT));
    }
    let now = match (hero, now) {
        (_, None) => "It is not there any more.".to_owned(),
        (Hero::Engine { .. }, Some(engine)) => engine_now(engine, present),
        (Hero::Vpn(_), Some(vpn)) => vpn_now(vpn, present),
        (Hero::Stream { engine, .. }, Some(stream)) => stream_now(stream, engine.as_deref(), present),
    };
    let now = format!("Now, at {}: {}", time_of_day(&present.timestamp), cut(&now, SENTENCE_CHARS_MAX));
    out + "\n" + &wrapped(&now, 0)
}

fn engine_now(engine: &Value, present: &Present) -> String {
    let text = |field: &str| engine[field].as_str().unwrap_or_default();
    let mut now = if engine["offered"] == true {
        "it is offered to viewers".to_owned()
    } else {
        "it is hidden".to_owned()
    };
    now += &present.since(text("state_since"));
    if let Some(reason) = engine["reason"].as_str() {
        now += &format!(", because {reason}");
    }
    now.push('.');
    match (engine["offered"] == true, engine["next_step"].as_str()) {
        (_, Some(next)) => now += &format!(" Something further is done about it {}.", present.due(next)),
        (false, None) => now += " Nothing further is due by itself: it waits for what has to come first.",
        (true, None) => {}
    }
    let streams = engine["streams"].as_array().map_or(0, Vec::len);
    now += &format!(" Its health is {}, and it has {streams} stream(s).", text("health_status"));
    now
}

fn vpn_now(vpn: &Value, present: &Present) -> String {
    let text = |field: &str| vpn[field].as_str().unwrap_or_default();
    let mut now = format!("it is {}{}", text("verdict"), present.since(text("verdict_since")));
    now += &format!("; Docker says {}, {}", text("status"), text("health"));
    if let Some(doubt) = vpn["doubt"].as_str() {
        now += &format!("; it is doubted: {doubt}");
    }
    now.push('.');
    if let Some(repair) = vpn["next_repair"].as_str() {
        let due = vpn["next_repair_at"].as_str().map(|at| present.due(at));
        now += &format!(" What is done about it next: {repair}, {}.", due.unwrap_or_else(|| "now".into()));
    }
    if let Some(until) = vpn["probation_until"].as_str() {
        now += &format!(" It has failed before: it gets engines again {}.", present.due(until));
    }
    match vpn["forwarded_port"].as_u64() {
        Some(port) => now += &format!(" It forwards port {port}."),
        None => now += " It forwards no port.",
    }
    now + &format!(" {} engine(s) on it, {} of them offered.", vpn["engines"], vpn["offered"])
}

fn stream_now(stream: &Value, engine: Option<&str>, present: &Present) -> String {
    let text = |field: &str| stream[field].as_str().unwrap_or_default();
    if stream["status"] == "ended" {
        let because = stream["ended_because"].as_str().unwrap_or("nobody said why");
        return format!("it has ended{}: {because}.", present.since(text("ended_at")));
    }
    let mut now = match engine {
        Some(engine) => format!("it is played by engine {engine}{}.", present.since(text("started_at"))),
        None => "it waits for an engine.".to_owned(),
    };
    if let (Some(peers), Some(down)) = (stream["peers"].as_u64(), stream["speed_down"].as_u64()) {
        now += &format!(" {peers} peer(s), {down} KiB/s.");
    }
    now
}

/// A sentence as people write them.
fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    let first: String = chars.next().map(|first| first.to_uppercase().collect()).unwrap_or_default();
    format!("{first}{}.", chars.as_str())
}

/// The same in lines that fit, the second and later ones indented; what was before the first is as wide.
fn wrapped(text: &str, indent: usize) -> String {
    let mut out = String::new();
    let mut column = indent;
    for word in text.split(' ') {
        let width = word.chars().count();
        if column > indent && column + 1 + width > WIDTH {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            column = indent;
        } else if column > indent {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += width;
    }
    out.push('\n');
    out
}

/// The time of day of a moment in JSON.
fn time_of_day(moment: &str) -> String {
    let time = moment.split('T').nth(1).unwrap_or("?");
    cut(&time.chars().take("12:00:00".len()).collect::<String>(), WIDTH)
}

/// Seconds as people say them.
fn span(seconds: i64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _more => format!("{} days", seconds / 86_400),
    }
}
