//! `acefleet status`: the VPNs, engines and streams of a running acefleet, as its API tells them.
//!
//! It asks and shows. What it shows may have been named by anybody, so nothing of it reaches the terminal
//! unescaped.

use super::table::{cut, number, table, text};
use super::{StatusArgs, why};
use crate::http::{self, Request};
use crate::settings::Settings;
use crate::settings::words::shown;
use bytes::Bytes;
use hyper::header::{AUTHORIZATION, HeaderValue};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;

/// How long an answer may take, connection included.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// Ten thousand streams fit.
const ANSWER_MAX_BYTES: usize = 32 << 20;
/// How long `--watch` waits between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How wide a terminal is at least.
const WIDTH: usize = 80;

/// No emergency is shown as longer: thirty years.
const LONGEST_SHOWN_S: f64 = 1e9;

const PATHS: [&str; 4] =
    ["/orchestrator/status", "/vpn/status", "/engines?all=true", "/streams?status=started"];

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The address makes no sense.
    #[error("'{0}' is no address of an acefleet; write http://host:port")]
    Address(String),
    /// Nobody is there.
    #[error("no acefleet answers at {url} ({why}); is it running? `acefleet serve`")]
    Silent {
        /// Where it was looked for.
        url: String,
        /// What happened instead.
        why: String,
    },
    /// Somebody is there, and wants to know who we are.
    #[error("{url} asks for a key; set API_KEY to the one that it was started with")]
    Key {
        /// Where.
        url: String,
    },
    /// Somebody else is there.
    #[error("what answers at {url} is no acefleet ({what}); say where acefleet is: --url http://host:port")]
    Stranger {
        /// Where.
        url: String,
        /// What it answered.
        what: String,
    },
    /// Nobody there has this name.
    #[error("there is nothing called '{name}', and the journal knows of none; there are:{there_are}")]
    Nobody {
        /// Who was asked for.
        name: String,
        /// Who there is.
        there_are: String,
    },
}

/// Shows what is, once or again and again. Ends with 0 if it could be shown.
pub async fn status(arguments: &StatusArgs, settings: &Settings) -> ExitCode {
    let asked = match Asked::new(&super::whom(arguments.url.as_deref(), settings), settings) {
        Ok(asked) => asked,
        Err(failure) => {
            eprintln!("{failure}");
            return ExitCode::from(super::UNUSABLE);
        }
    };
    if arguments.watch {
        let watching = watch(&asked, arguments.json);
        tokio::select! {
            ended = watching => match ended {
                // Whoever read this has gone.
                Ok(()) | Err(_) => {}
            },
            _ = tokio::signal::ctrl_c() => println!(),
        }
        return ExitCode::SUCCESS;
    }
    let page = match &arguments.why {
        Some(name) => why::tell(&asked, name, arguments.json).await,
        None => asked.look().await.and_then(|seen| asked.page(&seen, arguments.json)),
    };
    match page {
        Ok(page) => super::print(&page),
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

/// Draws the page each second: over the last one on a terminal, below it elsewhere.
async fn watch(asked: &Asked, json: bool) -> io::Result<()> {
    let mut out = io::stdout();
    let terminal = out.is_terminal() && !json;
    let mut seconds = tokio::time::interval(LOOK_EVERY);
    seconds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        seconds.tick().await;
        let page = asked.look().await.and_then(|seen| asked.page(&seen, json));
        let page = page.unwrap_or_else(|failure| format!("{failure}\n"));
        if terminal {
            // Home; each line clears what is left of the old one; at the end everything below goes.
            write!(out, "\u{1b}[H{}\u{1b}[J", page.replace('\n', "\u{1b}[K\n"))?;
        } else {
            out.write_all(page.as_bytes())?;
        }
        out.flush()?;
    }
}

/// Whom to ask.
pub(super) struct Asked {
    url: String,
    host: String,
    address: (String, u16),
    path: String,
    key: Option<HeaderValue>,
}

impl Asked {
    pub(super) fn new(text: &str, settings: &Settings) -> Result<Self, Failure> {
        let wrong = || Failure::Address(shown(text));
        let url = Url::parse(text).map_err(|_| wrong())?;
        let (Some(name), "http") = (url.host_str(), url.scheme()) else { return Err(wrong()) };
        let port = url.port_or_known_default().ok_or_else(wrong)?;
        let key = settings.api.key.as_ref().and_then(|key| {
            let mut value = HeaderValue::from_str(&format!("Bearer {}", key.reveal())).ok()?;
            value.set_sensitive(true);
            Some(value)
        });
        Ok(Self {
            url: shown(text.trim_end_matches('/')),
            host: format!("{name}:{port}"),
            address: (name.trim_start_matches('[').trim_end_matches(']').to_owned(), port),
            path: url.path().trim_end_matches('/').to_owned(),
            key,
        })
    }

    /// Asks for everything at once.
    pub(super) async fn look(&self) -> Result<[Value; 4], Failure> {
        let [whole, vpns, engines, streams] = PATHS.map(|path| self.ask(path));
        let (whole, vpns, engines, streams) = tokio::try_join!(whole, vpns, engines, streams)?;
        Ok([whole, vpns, engines, streams])
    }

    /// Asks for a list.
    pub(super) async fn ask_list(&self, path: &str) -> Result<Vec<Value>, Failure> {
        match self.ask(path).await? {
            Value::Array(list) => Ok(list),
            _other => Err(self.stranger(format!("no list from {path}"))),
        }
    }

    pub(super) async fn ask(&self, path: &str) -> Result<Value, Failure> {
        let body = self.fetch(path).await?;
        serde_json::from_slice(&body).map_err(|_| self.stranger(format!("no JSON from {path}")))
    }

    /// An answer that is no JSON.
    pub(super) async fn text(&self, path: &str) -> Result<String, Failure> {
        let body = self.fetch(path).await?;
        String::from_utf8(body.into()).map_err(|_| self.stranger(format!("no text from {path}")))
    }

    async fn fetch(&self, path: &str) -> Result<Bytes, Failure> {
        let silent = |why: String| Failure::Silent { url: self.url.clone(), why };
        let call = async {
            let (host, port) = &self.address;
            let stream =
                TcpStream::connect((host.as_str(), *port)).await.map_err(|e| silent(e.to_string()))?;
            let mut request = Request::get(self.host.clone(), format!("{}{path}", self.path));
            request.headers.extend(self.key.clone().map(|key| (AUTHORIZATION, key)));
            http::call(stream, request, ANSWER_MAX_BYTES).await.map_err(|e| silent(e.to_string()))
        };
        let answer = timeout(ANSWER_MAX, call).await;
        let answer =
            answer.unwrap_or_else(|_| Err(silent(format!("nothing within {} s", ANSWER_MAX.as_secs()))))?;
        match answer.status {
            200 => Ok(answer.body),
            401 | 403 => Err(Failure::Key { url: self.url.clone() }),
            status => Err(self.stranger(format!("{status} from {path}"))),
        }
    }

    pub(super) fn stranger(&self, what: String) -> Failure {
        Failure::Stranger { url: self.url.clone(), what }
    }

    pub(super) fn page(&self, seen: &[Value; 4], json: bool) -> Result<String, Failure> {
        let [whole, vpns, engines, streams] = seen;
        if json {
            let all = serde_json::json!({
                "orchestrator": whole, "vpn": vpns, "engines": engines, "streams": streams,
            });
            return Ok(format!("{all}\n"));
        }
        let odd = |error: serde_json::Error| self.stranger(shown(&error.to_string()));
        let view = View {
            whole: Whole::deserialize(whole).map_err(odd)?,
            vpns: Vpns::deserialize(vpns).map_err(odd)?,
            engines: Vec::deserialize(engines).map_err(odd)?,
            streams: Vec::deserialize(streams).map_err(odd)?,
        };
        Ok(format!("acefleet at {}: {}", self.url, view.page()))
    }
}

/// What is shown, of what the API answers.
struct View {
    whole: Whole,
    vpns: Vpns,
    engines: Vec<Engine>,
    streams: Vec<Stream>,
}

#[derive(Deserialize)]
struct Whole {
    status: String,
    engines: EngineCounts,
    capacity: Capacity,
    provisioning: Provisioning,
    #[serde(default)]
    reasons: Vec<String>,
}

#[derive(Deserialize)]
struct EngineCounts {
    total: u64,
    healthy: u64,
    unhealthy: u64,
}

#[derive(Deserialize)]
struct Capacity {
    available: u64,
    min_replicas: u64,
    max_replicas: u64,
}

#[derive(Deserialize)]
struct Provisioning {
    can_provision: bool,
    blocked_reason: Option<String>,
    blocked_reason_details: Option<Blocked>,
}

#[derive(Deserialize)]
struct Blocked {
    recovery_eta_seconds: Option<u64>,
}

#[derive(Deserialize)]
struct Vpns {
    vpn1: Option<Vpn>,
    vpn2: Option<Vpn>,
    #[serde(default)]
    vpns: Vec<Vpn>,
    emergency_mode: Option<Emergency>,
}

#[derive(Deserialize)]
struct Vpn {
    container_name: Option<String>,
    status: Option<String>,
    health: Option<String>,
    connected: bool,
    forwarded_port: Option<u16>,
    public_ip: Option<String>,
}

#[derive(Deserialize)]
struct Emergency {
    active: bool,
    failed_vpn: Option<String>,
    duration_seconds: Option<f64>,
}

#[derive(Deserialize)]
struct Engine {
    container_id: String,
    container_name: String,
    port: u16,
    vpn_container: Option<String>,
    #[serde(default)]
    state: String,
    reason: Option<String>,
    health_status: String,
    #[serde(default)]
    streams: Vec<String>,
    #[serde(default)]
    forwarded: bool,
}

#[derive(Deserialize)]
struct Stream {
    key_type: Option<String>,
    key: Option<String>,
    container_id: Option<String>,
    started_at: Option<String>,
    peers: Option<u64>,
    speed_down: Option<f64>,
    speed_up: Option<f64>,
}

impl View {
    /// The whole page; its first line goes on where somebody else has begun it.
    fn page(&self) -> String {
        let Whole { status, engines, capacity, provisioning, reasons } = &self.whole;
        let mut out = format!("{}\n", cut(status, 20));
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "{} engines of {} to {}: {} healthy, {} unhealthy, {} free for new viewers",
            engines.total,
            capacity.min_replicas,
            capacity.max_replicas,
            engines.healthy,
            engines.unhealthy,
            capacity.available
        );
        for reason in reasons {
            let _ = writeln!(out, "  {}", cut(reason, WIDTH - 2));
        }
        if !provisioning.can_provision {
            let why = provisioning.blocked_reason.as_deref().unwrap_or("not now");
            let eta = provisioning.blocked_reason_details.as_ref().and_then(|d| d.recovery_eta_seconds);
            let eta = eta.map(|seconds| format!(" (again in {seconds} s)")).unwrap_or_default();
            let room = WIDTH - "  no new engines: ".len() - eta.chars().count();
            let _ = writeln!(out, "  no new engines: {}{eta}", cut(why, room));
        }
        for part in [self.vpns(), self.engines(), self.streams()] {
            if !part.is_empty() {
                out.push('\n');
                out.push_str(&part);
            }
        }
        out
    }

    fn vpns(&self) -> String {
        let classic = [&self.vpns.vpn1, &self.vpns.vpn2];
        let all: Vec<&Vpn> = if self.vpns.vpns.is_empty() {
            classic.into_iter().flatten().collect()
        } else {
            self.vpns.vpns.iter().collect()
        };
        if all.is_empty() {
            return String::new();
        }
        let columns = [
            text("VPN", 20),
            text("DOCKER", 10),
            text("HEALTH", 9),
            text("USABLE", 6),
            number("PORT", 5),
            text("PUBLIC IP", 20),
        ];
        let row = |vpn: &&Vpn| {
            let row = vec![
                or_dash(vpn.container_name.as_deref()),
                or_dash(vpn.status.as_deref()),
                or_dash(vpn.health.as_deref()),
                yes(vpn.connected),
                vpn.forwarded_port.map_or("-".into(), |port| port.to_string()),
                or_dash(vpn.public_ip.as_deref()),
            ];
            (row, None)
        };
        let mut out = table(&columns, &all.iter().map(row).collect::<Vec<_>>(), WIDTH);
        if let Some(emergency) = self.vpns.emergency_mode.as_ref().filter(|emergency| emergency.active) {
            let failed = cut(emergency.failed_vpn.as_deref().unwrap_or("a VPN"), 40);
            let seconds = emergency.duration_seconds.unwrap_or(0.0).clamp(0.0, LONGEST_SHOWN_S);
            let _ = writeln!(out, "emergency: {failed} failed {seconds:.0} s ago");
        }
        out
    }

    fn engines(&self) -> String {
        if self.engines.is_empty() {
            return String::new();
        }
        let columns = [
            text("ENGINE", 18),
            number("PORT", 5),
            text("VPN", 14),
            text("STATE", 12),
            text("HEALTH", 9),
            number("STREAMS", 7),
            text("FWD", 3),
        ];
        let row = |engine: &Engine| {
            let row = vec![
                engine.container_name.clone(),
                engine.port.to_string(),
                or_dash(engine.vpn_container.as_deref()),
                engine.state.clone(),
                engine.health_status.clone(),
                engine.streams.len().to_string(),
                if engine.forwarded { "yes".into() } else { String::new() },
            ];
            (row, engine.reason.clone())
        };
        table(&columns, &self.engines.iter().map(row).collect::<Vec<_>>(), WIDTH)
    }

    fn streams(&self) -> String {
        if self.streams.is_empty() {
            return String::new();
        }
        let names: BTreeMap<&str, &str> =
            self.engines.iter().map(|e| (e.container_id.as_str(), e.container_name.as_str())).collect();
        let columns = [
            text("STREAM", 22),
            text("ENGINE", 14),
            number("PEERS", 5),
            number("DOWN", 6),
            number("UP", 6),
            text("SINCE", 16),
        ];
        let row = |stream: &Stream| {
            let kind = stream.key_type.as_deref().unwrap_or("?");
            let key = stream.key.as_deref().unwrap_or("?");
            let id = stream.container_id.as_deref().unwrap_or("-");
            let speed = |speed: Option<f64>| speed.map_or("-".into(), |speed| format!("{speed:.0}"));
            let row = vec![
                if kind == "content_id" { key.to_owned() } else { format!("{kind} {key}") },
                names.get(id).map_or_else(|| id.chars().take(12).collect(), |name| (*name).to_owned()),
                stream.peers.map_or("-".into(), |peers| peers.to_string()),
                speed(stream.speed_down),
                speed(stream.speed_up),
                stream.started_at.as_deref().map_or("-".into(), minute),
            ];
            (row, None)
        };
        table(&columns, &self.streams.iter().map(row).collect::<Vec<_>>(), WIDTH)
            + "Speeds in KiB/s, times in UTC.\n"
    }
}

/// A moment as it is written in JSON, to the minute.
fn minute(moment: &str) -> String {
    moment.chars().take("2026-01-01T00:00".len()).map(|char| if char == 'T' { ' ' } else { char }).collect()
}

fn yes(yes: bool) -> String {
    if yes { "yes" } else { "no" }.into()
}

fn or_dash(text: Option<&str>) -> String {
    text.unwrap_or("-").to_owned()
}
