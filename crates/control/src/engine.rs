//! What is known of one container of ours, and how observations change it.
//!
//! Beliefs only. Whether it is offered, repaired or removed is decided in `policy`.

use crate::command::{Cause, Create, CreateOther, Ports};
use crate::docker::{Facts, Listed, Network, State};
use crate::event::ProbeReport;
use crate::ids::{ContainerId, Name, OpId, SpecHash, VpnId};
use crate::journal::Subject;
use crate::labels::{HTTP_PORT, Labels, SPEC};
use crate::operation::Operation;
use crate::policy;
use crate::policy::offering::{Reason, Standing};
use crate::policy::repair::DOCKER_RESTART_GRACE;
use crate::time::{Stamp, Time};
use crate::vpn::Vpn;
use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use core::cmp::Reverse;
use core::time::Duration;

/// Exits of one engine that are remembered: enough to recognise a crash loop.
pub const EXITS_REMEMBERED: usize = 3;

/// A container of ours. It is an engine if it tells its HTTP port; otherwise it is shown and left alone.
#[derive(Debug)]
pub struct Engine {
    /// Its identity.
    pub id: ContainerId,
    /// Its name, which stays taken until it is gone.
    pub name: Name,
    /// Docker's state, as last heard.
    pub state: State,
    /// Where its network comes from.
    pub network: Network,
    /// Where it belongs.
    pub seat: Seat,
    /// Its ports; without them it is no engine.
    pub ports: Option<Ports>,
    /// All its labels.
    pub labels: Labels,
    /// Its image.
    pub image: Arc<str>,
    /// Host ports that it publishes.
    pub published: Arc<[u16]>,
    /// When it was created, on Docker's clock.
    pub created_at: Option<Stamp>,
    /// The operation that created it, as its label says.
    pub created_by: Option<OpId>,
    /// What it was created from, as its label says.
    pub spec: Option<SpecHash>,
    /// When it was first seen by this life of acefleet.
    pub first_seen: Time,
    /// When Docker last confirmed that it exists.
    pub last_seen: Time,

    /// A reading asked for before this moment says nothing: something has happened since.
    pub touched: Time,
    /// The last listing that showed it, by the moment it was asked for.
    pub listed: Time,
    /// When the last inspection that was believed had been asked for.
    pub inspected: Option<Time>,
    /// The inspection under way.
    pub inspecting: Option<OpId>,
    /// Something has happened since it was asked for: another is to follow.
    pub look_again: bool,
    /// When its process was last started, on Docker's clock.
    pub started_at: Option<Stamp>,
    /// The one operation in flight that changes it.
    pub operation: Option<(OpId, Changing)>,
    /// Refused operations, and how long to wait after them.
    pub retry: Retry,

    /// Since when it has not been running.
    pub stopped_since: Option<Time>,
    /// Its latest exits, the oldest first.
    pub exits: [Option<Time>; EXITS_REMEMBERED],
    /// What it has told since it was last started.
    pub answers: Answers,
    /// Live streams on it, and those that are being opened: `Control::reseat` alone changes them.
    pub streams: BTreeSet<Arc<str>>,
    /// When a stream on it last began or ended.
    pub last_stream_usage: Option<Time>,
    /// Until then it counts as used, because nobody can tell whether it is.
    pub presumed_used_until: Option<Time>,
    /// It was used when that was last decided on.
    pub in_use: bool,
    /// Since when it has not been used any more.
    pub unused_since: Option<Time>,

    /// Decided to go, and why.
    pub condemned: Option<Cause>,
    /// It works, and is on its way out.
    pub leaving: Option<Leaving>,
    /// Its VPN's tunnel came back: it is hidden until an answer asked for since then calls it connected.
    pub reconnects_since: Option<Time>,
    /// Its VPN's tunnel came back, and it is to be restarted once.
    pub restart_owed: bool,
    /// Created only to tell whether its VPN works.
    pub witness: bool,
    /// It appeared and no open operation explains it.
    pub unexpected: bool,
    /// It was there before this life of acefleet began, and has not been inspected yet.
    pub adopted: bool,
    /// Whether it is offered, as last decided.
    pub standing: Standing,
    /// When its standing last changed between offered and hidden.
    pub standing_since: Time,
    /// When something further will be done about it, if it is not offered.
    pub next_step: Option<Time>,

    /// Until then it is kept for the client that asked for it: neither free nor idle.
    pub leased_until: Option<Time>,
    /// The request of a person that its end follows from.
    pub request: Option<OpId>,
    /// Its cache.
    pub cache: Cache,
}

/// What is known of an engine's cache.
#[derive(Clone, Default, Debug)]
pub struct Cache {
    /// It had a stream when that was last looked at.
    pub was_used: bool,
    /// It has been used since its cache was last cleared.
    pub owed: bool,
    /// The clearing under way.
    pub clearing: Option<OpId>,
    /// When that was last begun.
    pub tried_at: Option<Time>,
    /// When it was last done.
    pub cleared_at: Option<Time>,
    /// How many bytes there were then.
    pub bytes: Option<u64>,
}

/// Where an engine belongs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Seat {
    /// In this VPN's network.
    Vpn(VpnId),
    /// In a network of its own, as it should be when no VPN is configured.
    Own,
    /// Where it should not be: outside the VPNs, or on one that is not configured.
    Elsewhere,
}

impl Seat {
    /// The VPN, if it has one.
    pub const fn vpn(self) -> Option<VpnId> {
        match self {
            Self::Vpn(vpn) => Some(vpn),
            Self::Own | Self::Elsewhere => None,
        }
    }
}

/// A working engine on its way out: hidden for a while, so that nobody is sent to it any more, then removed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Leaving {
    /// Why.
    pub cause: Cause,
    /// When it was hidden for it.
    pub since: Time,
    /// Since when somebody watches all the same.
    pub watched_since: Option<Time>,
}

/// What an operation in flight does to a container.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Changing {
    /// It is being started.
    Starting,
    /// It is being restarted.
    Restarting,
    /// It is being stopped, because it is to go and still has viewers.
    Stopping,
    /// It is being removed.
    Removing,
}

impl Changing {
    /// Why an engine is not offered meanwhile.
    pub const fn reason(self) -> Reason {
        match self {
            Self::Starting => Reason::Starting,
            Self::Restarting => Reason::Restarting,
            Self::Stopping | Self::Removing => Reason::Removing,
        }
    }
}

/// What an engine has told since it was last started in its VPN's present network.
#[derive(Clone, Default, Debug)]
pub struct Answers {
    /// Since when it has been running and can be asked.
    pub running_since: Option<Time>,
    /// It has given a good answer, or is trusted to because it ran before acefleet did.
    pub proven: bool,
    /// It has given a good answer itself.
    pub answered: bool,
    /// What it says of its VPN is believed: it has answered, or it ran before acefleet did.
    pub trusted: bool,
    /// It is known to have worked: it has answered, or it had run for long when acefleet began. Its silence says
    /// something.
    pub worked: bool,
    /// Questions without a good answer, in a row.
    pub failures: u32,
    /// Since when these are so many that it counts as unhealthy.
    pub unhealthy_since: Option<Time>,
    /// What it last said of its network connection.
    pub connected: Option<bool>,
    /// It has been connected.
    pub was_connected: bool,
    /// How often in a row it said that it is not connected.
    pub disconnected: u32,
    /// When the last finished question had been asked.
    pub asked_at: Option<Time>,
    /// The question that the agenda asked and that is not answered yet.
    pub asking: Option<OpId>,
    /// The wait before the next question, while it boots.
    pub pace: Duration,
}

impl Answers {
    /// What it said of its connection was about a tunnel that is no more.
    pub fn forget_connection(&mut self) {
        self.connected = None;
        self.was_connected = false;
        self.disconnected = 0;
    }

    /// What it failed to answer was not its fault, nor the time that it took to.
    pub fn forgive(&mut self, now: Time) {
        self.failures = 0;
        self.proven |= self.worked;
        self.running_since = self.running_since.map(|_| now);
        self.unhealthy_since = None;
    }
}

impl Engine {
    /// A container seen for the first time, in a listing or an inspection.
    pub fn new(listed: &Listed, seat: Seat, now: Time) -> Self {
        let meaning = listed.labels.meaning();
        Self {
            id: listed.id,
            name: listed.name.clone(),
            state: listed.state,
            network: listed.network.clone(),
            seat,
            ports: meaning.http_port.map(|http| Ports {
                http,
                https: meaning.https_port,
                p2p: meaning.p2p_port,
            }),
            labels: listed.labels.clone(),
            image: listed.image.clone(),
            published: listed.published.clone(),
            created_at: None,
            created_by: meaning.operation,
            spec: meaning.spec,
            first_seen: now,
            last_seen: now,
            touched: Time::ZERO,
            listed: Time::ZERO,
            inspected: None,
            inspecting: None,
            look_again: false,
            started_at: None,
            operation: None,
            retry: Retry::default(),
            stopped_since: (!listed.state.has_network()).then_some(now),
            exits: [None; EXITS_REMEMBERED],
            answers: Answers::default(),
            streams: BTreeSet::new(),
            last_stream_usage: None,
            presumed_used_until: None,
            in_use: false,
            unused_since: None,
            condemned: None,
            leaving: None,
            reconnects_since: None,
            restart_owed: false,
            witness: false,
            unexpected: false,
            adopted: false,
            standing: Standing::default(),
            standing_since: now,
            next_step: None,
            leased_until: None,
            request: None,
            cache: Cache::default(),
        }
    }

    /// A container that Docker has just created for us: what was asked for, until it has been inspected.
    pub fn created(id: ContainerId, create: &Create, vpn: Option<&Vpn>, op: &Operation, now: Time) -> Self {
        let listed = Listed {
            id,
            name: create.name.clone(),
            ours: true,
            state: State::Created,
            network: match vpn {
                Some(vpn) => vpn
                    .container_id()
                    .map_or_else(|| Network::ContainerNamed(vpn.name().clone()), Network::Container),
                None => Network::Own(create.name.clone()),
            },
            labels: Labels::of_engine(create, vpn.map(Vpn::name), op.id),
            image: Arc::from(""),
            published: Arc::from([]),
        };
        let seat = create.vpn.map_or(Seat::Own, Seat::Vpn);
        let witness = op.cause == Cause::WitnessNeeded;
        Self { touched: now, witness, ..Self::new(&listed, seat, now) }
    }

    /// The same of a container of another kind.
    pub fn created_other(id: ContainerId, create: &CreateOther, seat: Seat, op: OpId, now: Time) -> Self {
        let listed = Listed {
            id,
            name: create.name.clone(),
            ours: true,
            state: State::Created,
            network: Network::Own(create.name.clone()),
            labels: Labels::of_other(create, op),
            image: create.wanted.image.clone(),
            published: create.ports.iter().map(|(_, outside)| *outside).collect(),
        };
        Self { touched: now, ..Self::new(&listed, seat, now) }
    }

    /// Whom the journal's entries about it are about.
    pub fn subject(&self) -> Subject {
        if self.is_other() {
            return Subject::Container(Some(self.id), self.name.clone());
        }
        Subject::Engine(Some(self.id), self.name.clone())
    }

    /// It was created for a client that wanted a container of another kind: ours, and never meant to be an engine.
    pub fn is_other(&self) -> bool {
        if self.is_engine() || self.created_by.is_none() {
            return false;
        }
        let of_engines = [HTTP_PORT, SPEC].into_iter().any(|key| self.labels.get(key).is_some());
        !of_engines
    }

    /// It tells an HTTP port, so it is an engine and not merely a container of ours.
    pub const fn is_engine(&self) -> bool {
        self.ports.is_some()
    }

    /// The P2P port that it was created with.
    pub fn p2p(&self) -> Option<u16> {
        self.ports.and_then(|ports| ports.p2p)
    }

    /// It has a live stream, or may have one, or is kept for somebody who is about to start one.
    pub fn is_used(&self, now: Time) -> bool {
        !self.streams.is_empty()
            || self.is_leased(now)
            || self.presumed_used_until.is_some_and(|until| now < until)
    }

    /// Since when it has served nobody, while it is offered.
    pub fn idle_since(&self) -> Time {
        self.unused_since.unwrap_or(Time::ZERO).max(self.standing_since)
    }

    /// It is kept for a client that asked for it and has not begun to use it.
    pub fn is_leased(&self, now: Time) -> bool {
        self.streams.is_empty() && self.leased_until.is_some_and(|until| now < until)
    }

    /// Streams on it may stay: it serves, or will in a moment.
    pub fn may_keep_streams(&self) -> bool {
        policy::streams::tenure(self) == policy::streams::Tenure::Keeps
    }

    /// It stopped so lately that Docker may be bringing it back.
    pub fn stopped_lately(&self, now: Time) -> bool {
        self.stopped_since.is_some_and(|at| now.since(at) < DOCKER_RESTART_GRACE)
    }

    /// It was created to carry a forwarded port. Whether that is the VPN's port now is another question.
    pub fn is_carrier(&self) -> bool {
        self.p2p().is_some()
    }

    /// Of two engines with one forwarded port, whether this one carries it: the most watched, then the oldest.
    pub fn carries_before(&self, other: &Self) -> bool {
        let order = |engine: &Self| (Reverse(engine.streams.len()), engine.first_seen, engine.id);
        order(self) < order(other)
    }

    /// Whether a reading that was asked for at `asked` still says something about it.
    pub fn believes(&self, asked: Time) -> bool {
        self.operation.is_none() && asked >= self.touched
    }

    /// Takes a standing. True if it is offered now and was not, or the other way round.
    pub fn stand(&mut self, standing: Standing, now: Time) -> bool {
        let changed = (standing == Standing::Offered) != (self.standing == Standing::Offered);
        if changed {
            self.standing_since = now;
        }
        self.standing = standing;
        changed
    }

    /// Whether what is believed of it has been confirmed since anything last happened to it. Nothing is done
    /// to a container on hearsay.
    pub fn is_confirmed(&self) -> bool {
        self.inspected.is_some_and(|asked| asked >= self.touched)
    }

    /// Believes Docker's state. True if that changed anything.
    pub fn observe_state(&mut self, state: State, now: Time) -> bool {
        if self.state == state {
            return false;
        }
        self.state = state;
        if state.has_network() {
            self.stopped_since = None;
        } else {
            self.stopped_since.get_or_insert(now);
            self.answers = Answers::default();
        }
        true
    }

    /// Believes an inspection. True if that changed anything.
    pub fn observe_facts(&mut self, facts: &Facts, asked: Time, now: Time) -> bool {
        self.inspected = Some(asked);
        self.last_seen = now;
        let mut changed = self.observe_state(facts.listed.state, now);
        if self.network != facts.listed.network || self.name != facts.listed.name {
            self.network = facts.listed.network.clone();
            self.name = facts.listed.name.clone();
            changed = true;
        }
        if self.created_at.is_none() || self.published != facts.listed.published {
            self.created_at = Some(facts.created_at);
            self.published = facts.listed.published.clone();
            changed = true;
        }
        if self.image != facts.listed.image || self.labels != facts.listed.labels {
            self.image = facts.listed.image.clone();
            self.labels = facts.listed.labels.clone();
            changed = true;
        }
        if self.started_at != facts.started_at {
            self.started_at = facts.started_at;
            self.answers = Answers::default();
            self.reconnects_since = None;
            self.restart_owed = false;
            changed = true;
        }
        if self.state == State::Running {
            self.answers.running_since.get_or_insert(now);
        }
        if let Some(ports) = &mut self.ports
            && ports.p2p.is_none()
            && facts.p2p_in_spec.is_some()
        {
            ports.p2p = facts.p2p_in_spec;
            changed = true;
        }
        changed
    }

    /// Docker says that it has started it. When, and in which network, is for the next inspection to tell.
    pub fn assume_started(&mut self, now: Time) {
        self.observe_state(State::Running, now);
        self.inspected = None;
    }

    /// Believes the answers to a probe that was asked at `asked`. True if that changed anything that
    /// decisions rest on.
    ///
    /// Only an unanswered question of the `routine` counts against it: a double check asks more often, and is
    /// about the VPN.
    pub fn observe_answer(&mut self, report: ProbeReport, asked: Time, routine: bool) -> bool {
        let answers = &mut self.answers;
        let before = (answers.proven, answers.failures, answers.connected, self.reconnects_since);
        answers.asked_at = answers.asked_at.max(Some(asked));
        answers.connected = report.connected;
        if report.answered {
            answers.answered = true;
            answers.proven = true;
            answers.trusted = true;
            answers.worked = true;
            answers.failures = 0;
            answers.unhealthy_since = None;
        } else if routine {
            answers.failures = answers.failures.saturating_add(1);
            // Trust without an answer of its own, as an adopted engine has it, ends with the first failure; from then
            // on it has the time of one that has just been started.
            if answers.proven && !answers.answered {
                answers.proven = false;
                answers.running_since = answers.running_since.max(Some(asked));
            }
        }
        match report.connected {
            Some(true) => {
                answers.was_connected = true;
                answers.disconnected = 0;
                if self.reconnects_since.is_some_and(|since| asked >= since) {
                    self.reconnects_since = None;
                }
            }
            Some(false) => answers.disconnected = answers.disconnected.saturating_add(1),
            None => {}
        }
        let answers = &self.answers;
        let counting = answers.disconnected > 0 && answers.was_connected;
        counting || before != (answers.proven, answers.failures, answers.connected, self.reconnects_since)
    }

    /// Notes that it exited by itself.
    pub fn note_exit(&mut self, now: Time) {
        self.exits.rotate_left(1);
        self.exits[EXITS_REMEMBERED - 1] = Some(now);
    }

    /// It has exited as often as is remembered, all within `window`.
    pub fn crash_loops(&self, now: Time, window: Duration) -> bool {
        self.exits.iter().all(|exit| exit.is_some_and(|at| now.since(at) <= window))
    }
}

/// How long to wait after refusals: one second, doubling to a minute.
#[derive(Clone, Copy, Default, Debug)]
pub struct Retry {
    failures: u32,
    not_before: Time,
}

/// The longest wait after a refusal.
const RETRY_WAIT_MAX_S: u64 = 60;

impl Retry {
    /// Counts a refusal.
    pub fn refused(&mut self, now: Time) {
        self.failures = (self.failures + 1).min(u64::BITS - 1);
        let wait_s = (1_u64 << (self.failures - 1)).min(RETRY_WAIT_MAX_S);
        self.not_before = now + Duration::from_secs(wait_s);
    }

    /// Forgets the refusals.
    pub fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// The moment until which to wait, if it is yet to come.
    pub fn wait(&self, now: Time) -> Option<Time> {
        (self.not_before > now).then_some(self.not_before)
    }
}
