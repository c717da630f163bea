//! What is worth a person's sleep: a picture and what the journal has told since the last one become alerts, raised and
//! resolved.
//!
//! Pure: time is the picture's. Conditions are levels, so an alert is raised once and resolved once however often it is
//! looked at, and nothing that a journal lost can leave one standing.

use crate::journal::Numbered;
use control::Time;
use control::journal::{Entry, Subject, What};
use control::policy::breaker::Phase;
use control::snapshot::{BlockedCode, Snapshot};
use control::vpn::Verdict;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Docker is called unreachable so long after it stopped to answer: it is restarted faster than that.
pub const DOCKER_GONE_FOR: Duration = Duration::from_secs(60);
/// No VPN has been healthy for so long, though none has failed, before anybody is told: they take a while to connect at
/// first. A failure is told at once.
pub const NO_VPN_FOR: Duration = Duration::from_secs(60);
/// There is no seat left for so long before anybody is told: creating one takes seconds.
pub const NO_CAPACITY_FOR: Duration = Duration::from_secs(30);

/// What an alert is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Topic {
    /// Some VPN failed and another carries on.
    Emergency,
    /// No VPN's engines can be used.
    NoVpn,
    /// A VPN's engines cannot be used.
    VpnDown,
    /// A VPN is beyond what acefleet can do.
    VpnNeedsPerson,
    /// A VPN's forwarded port is gone for good.
    PortLost,
    /// A VPN's forwarded port changes again and again.
    PortFlapping,
    /// Engines are not created, because creating them failed too often.
    BreakerOpen,
    /// Whoever comes next finds no engine.
    NoCapacity,
    /// The core broke and was built anew.
    CoreRebuilt,
    /// Nothing is done to containers.
    Passive,
    /// Nothing is written to disk.
    StoreDegraded,
    /// Docker does not answer.
    DockerUnreachable,
    /// Engines on every VPN fail at once.
    EveryEngineFails,
}

impl Topic {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Emergency,
        Self::NoVpn,
        Self::VpnDown,
        Self::VpnNeedsPerson,
        Self::PortLost,
        Self::PortFlapping,
        Self::BreakerOpen,
        Self::NoCapacity,
        Self::CoreRebuilt,
        Self::Passive,
        Self::StoreDegraded,
        Self::DockerUnreachable,
        Self::EveryEngineFails,
    ];

    /// Its name for programs, which does not change.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Emergency => "emergency",
            Self::NoVpn => "no_vpn",
            Self::VpnDown => "vpn_down",
            Self::VpnNeedsPerson => "vpn_needs_person",
            Self::PortLost => "port_lost",
            Self::PortFlapping => "port_flapping",
            Self::BreakerOpen => "breaker_open",
            Self::NoCapacity => "no_capacity",
            Self::CoreRebuilt => "core_rebuilt",
            Self::Passive => "passive",
            Self::StoreDegraded => "store_degraded",
            Self::DockerUnreachable => "docker_unreachable",
            Self::EveryEngineFails => "every_engine_fails",
        }
    }

    /// How urgent it is.
    pub const fn severity(self) -> Severity {
        match self {
            Self::Emergency
            | Self::NoVpn
            | Self::VpnNeedsPerson
            | Self::NoCapacity
            | Self::Passive
            | Self::DockerUnreachable
            | Self::EveryEngineFails => Severity::Critical,
            Self::VpnDown | Self::PortLost | Self::PortFlapping | Self::BreakerOpen | Self::StoreDegraded => {
                Severity::Warning
            }
            Self::CoreRebuilt => Severity::Notice,
        }
    }
}

/// How urgent something is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// Good to know.
    Notice,
    /// Something has to be looked at.
    Warning,
    /// Viewers feel it, or will soon.
    Critical,
}

impl Severity {
    /// Its name for programs.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// Whether it began or ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turn {
    /// It holds now.
    Raised,
    /// It is over.
    Resolved,
    /// It has happened, and there is nothing that could be over.
    Happened,
}

impl Turn {
    /// Its name for programs.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Resolved => "resolved",
            Self::Happened => "happened",
        }
    }
}

/// What an alert is about, and whom: the same ones are one.
pub type Key = (Topic, String);

/// One alert.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Alert {
    /// What it is about.
    pub topic: Topic,
    /// Whom: a VPN's or a breaker's name, or nothing.
    pub subject: String,
    /// Whether it began or ended.
    pub turn: Turn,
    /// What happened, and what to do, in a sentence or two.
    pub text: String,
    /// When.
    pub at: Time,
}

impl Alert {
    /// What makes it the same as another one.
    pub fn key(&self) -> Key {
        (self.topic, self.subject.clone())
    }
}

/// What stands beside a picture and has a say.
#[derive(Clone, Default, Debug)]
pub struct Beside {
    /// Why nothing is written to disk, if so.
    pub store_degraded: Option<String>,
}

/// What is known so far: which alerts hold, and since when conditions do that have to hold for a while.
#[derive(Debug, Default)]
pub struct Watch {
    held: BTreeMap<Key, Held>,
    /// Conditions that hold, and are not told before they have done so for a while.
    since: BTreeMap<Topic, Time>,
    /// What the journal last said of VPNs' failures.
    failures: BTreeMap<String, String>,
    /// Ports that VPNs have lost.
    lost: BTreeMap<String, u16>,
    /// VPNs that only a person can mend.
    beyond: BTreeMap<String, String>,
}

#[derive(Clone, Debug)]
struct Held {
    since: Time,
    text: String,
}

impl Watch {
    /// What a new picture, and the journal's entries since the last one, change.
    pub fn look(&mut self, snapshot: &Snapshot, news: &[Arc<Numbered>], beside: &Beside) -> Vec<Alert> {
        let mut told = Vec::new();
        for news in news {
            told.extend(self.hear(&news.entry));
        }
        let holds = self.conditions(snapshot, beside);
        // Before the first complete look nothing is known to be over.
        let over: Vec<Key> = self.held.keys().filter(|key| !holds.contains_key(*key)).cloned().collect();
        for key in over {
            let known = if snapshot.ready { self.held.remove(&key) } else { None };
            if let Some(held) = known {
                let lasted = words_for(snapshot.at.since(held.since));
                let text = format!("{} (it lasted {lasted})", resolved_words(key.0, &key.1));
                told.push(Alert {
                    topic: key.0,
                    subject: key.1,
                    turn: Turn::Resolved,
                    text,
                    at: snapshot.at,
                });
            }
        }
        for (key, text) in holds {
            let held = self.held.entry(key.clone());
            let mut is_new = false;
            let held = held.or_insert_with(|| {
                is_new = true;
                Held { since: snapshot.at, text: text.clone() }
            });
            held.text.clone_from(&text);
            if is_new {
                told.push(Alert { topic: key.0, subject: key.1, turn: Turn::Raised, text, at: snapshot.at });
            }
        }
        told
    }

    /// How many alerts hold of each topic.
    pub fn held(&self) -> BTreeMap<Topic, usize> {
        let mut held: BTreeMap<Topic, usize> = Topic::ALL.into_iter().map(|topic| (topic, 0)).collect();
        for (topic, _) in self.held.keys() {
            *held.entry(*topic).or_default() += 1;
        }
        held
    }

    /// What only the journal tells: why something is so, and what happens in one moment.
    fn hear(&mut self, entry: &Entry) -> Option<Alert> {
        if matches!(entry.what, What::Rebuilt) {
            let text = format!(
                "acefleet's core broke and was rebuilt; engines and viewers are untouched{}. Please report it: \
                 `acefleet report` makes the file",
                after_colon(&whys(entry))
            );
            let (topic, subject) = (Topic::CoreRebuilt, String::new());
            return Some(Alert { topic, subject, turn: Turn::Happened, text, at: entry.at });
        }
        let Subject::Vpn(_, name) = &entry.subject else { return None };
        let name = name.to_string();
        if matches!(entry.what, What::VpnFailed) {
            self.failures.insert(name, whys(entry));
        } else if matches!(entry.what, What::NeedsPerson) {
            self.beyond.insert(name, whys(entry));
        } else if let What::MarkLost(port) = entry.what {
            self.lost.insert(name, port);
        }
        None
    }

    /// Everything that holds now and is worth to be told.
    fn conditions(&mut self, snapshot: &Snapshot, beside: &Beside) -> BTreeMap<Key, String> {
        let mut holds = BTreeMap::new();
        let mut whole = |topic: Topic, text: String| holds.insert((topic, String::new()), text);
        if let Some(why) = &beside.store_degraded {
            whole(Topic::StoreDegraded, format!("history is kept in memory alone: {why}"));
        }
        let docker_gone = !snapshot.docker_reachable;
        if self.lasts(Topic::DockerUnreachable, docker_gone, snapshot.at, DOCKER_GONE_FOR) {
            whole(
                Topic::DockerUnreachable,
                "Docker does not answer: nothing can be created or repaired. Engines that run go on; look at the \
                 Docker service"
                    .into(),
            );
        }
        if !snapshot.ready {
            return holds;
        }
        if let Some(passive) = &snapshot.passive {
            whole(Topic::Passive, passive.why.describe().to_owned());
        }
        if snapshot.suspects_itself {
            whole(
                Topic::EveryEngineFails,
                "engines on every VPN fail at once, so nothing is replaced: look at this machine's network and load"
                    .into(),
            );
        }
        let names = |names: &[control::ids::Name]| {
            names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        };
        if snapshot.emergency.entered_at.is_some() {
            let (failed, healthy) = (names(&snapshot.emergency.failed), names(&snapshot.emergency.healthy));
            whole(
                Topic::Emergency,
                format!("emergency mode: {failed} failed, {healthy} carries on with what engines there are"),
            );
        }
        let full = self.lasts(Topic::NoCapacity, is_full(snapshot), snapshot.at, NO_CAPACITY_FOR);
        if let Some(blocked) = snapshot.blocked.as_ref().filter(|_| full) {
            let (used, limit) = (snapshot.capacity.used, snapshot.capacity.limit);
            whole(
                Topic::NoCapacity,
                format!(
                    "no engine is free for the next viewer: {} ({used} used, limit {limit})",
                    blocked.message
                ),
            );
        }
        for (kind, breaker) in &snapshot.breakers {
            if breaker.phase() != Phase::Closed {
                holds.insert(
                    (Topic::BreakerOpen, kind.as_str().to_owned()),
                    format!(
                        "circuit breaker '{}' is open: creating engines failed too often. The journal says why",
                        kind.as_str()
                    ),
                );
            }
        }
        self.vpns(snapshot, &mut holds);
        holds
    }

    fn vpns(&mut self, snapshot: &Snapshot, holds: &mut BTreeMap<Key, String>) {
        let any = |verdict| snapshot.vpns.iter().any(|view| view.verdict == verdict);
        let outage = !snapshot.vpns.is_empty() && !any(Verdict::Healthy);
        let lasts = self.lasts(Topic::NoVpn, outage, snapshot.at, NO_VPN_FOR);
        if lasts || outage && any(Verdict::Failed) {
            let text = "no VPN is healthy: nothing is served. It is nearly always the uplink or the provider: look at \
                        both, then at the logs of the VPNs' containers";
            holds.insert((Topic::NoVpn, String::new()), text.into());
        }
        for view in &snapshot.vpns {
            let name = view.container_name.to_string();
            if view.verdict == Verdict::Failed {
                let why = self.failures.get(&name).map(|why| after_colon(why)).unwrap_or_default();
                let key = (Topic::VpnDown, name.clone());
                holds.insert(key, format!("VPN '{name}' is down{why}"));
                if let Some(why) = self.beyond.get(&name) {
                    let text = format!("VPN '{name}' is for a person to mend{}", after_colon(why));
                    holds.insert((Topic::VpnNeedsPerson, name.clone()), text);
                }
            } else {
                self.failures.remove(&name);
                self.beyond.remove(&name);
            }
            if view.forwarded_port.is_some() {
                self.lost.remove(&name);
            }
            if let Some(port) = self.lost.get(&name) {
                let text = format!(
                    "VPN '{name}' does not get its forwarded port {port} back: its engines get fewer peers. Does its \
                     server still forward ports?"
                );
                holds.insert((Topic::PortLost, name.clone()), text);
            }
            if view.port_flaps {
                let text = format!("the forwarded port of VPN '{name}' changes again and again");
                holds.insert((Topic::PortFlapping, name.clone()), text);
            }
        }
    }

    /// Whether a condition has held for so long.
    fn lasts(&mut self, topic: Topic, holds: bool, now: Time, least: Duration) -> bool {
        if !holds {
            self.since.remove(&topic);
            return false;
        }
        now.since(*self.since.entry(topic).or_insert(now)) >= least
    }
}

/// Whether the next viewer finds no engine, for a reason that no other alert tells.
fn is_full(snapshot: &Snapshot) -> bool {
    let waits_alone = snapshot.blocked.as_ref().is_some_and(|blocked| match blocked.code {
        BlockedCode::MaxCapacity
        | BlockedCode::OnProbation
        | BlockedCode::BacksOff
        | BlockedCode::CircuitBreaker => true,
        BlockedCode::DockerUnavailable
        | BlockedCode::VpnDisconnected
        | BlockedCode::BeingCreated
        | BlockedCode::Passive
        | BlockedCode::Leaving => false,
    });
    waits_alone && snapshot.capacity.used >= snapshot.capacity.offered
}

fn resolved_words(topic: Topic, subject: &str) -> String {
    match topic {
        Topic::Emergency => "emergency mode is left: no VPN is failed any more".into(),
        Topic::NoVpn => "a VPN is healthy again".into(),
        Topic::VpnDown => format!("VPN '{subject}' is up again"),
        Topic::VpnNeedsPerson => format!("VPN '{subject}' needs nobody any more"),
        Topic::PortLost => format!("VPN '{subject}' has a forwarded port again"),
        Topic::PortFlapping => format!("the forwarded port of VPN '{subject}' is quiet again"),
        Topic::BreakerOpen => format!("circuit breaker '{subject}' is closed again"),
        Topic::NoCapacity => "engines are free again".into(),
        Topic::CoreRebuilt => "the core works again".into(),
        Topic::Passive => "acefleet is active again".into(),
        Topic::StoreDegraded => "history is written to disk again".into(),
        Topic::DockerUnreachable => "Docker answers again".into(),
        Topic::EveryEngineFails => "engines answer again".into(),
    }
}

/// What an entry rests on, in words.
fn whys(entry: &Entry) -> String {
    entry.why.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn after_colon(why: &str) -> String {
    if why.is_empty() { String::new() } else { format!(": {why}") }
}

/// A duration as people say it.
fn words_for(time: Duration) -> String {
    let seconds = time.as_secs();
    match (seconds / 3_600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}
