//! What was decided, why, and what is expected to follow: the answer to "why did it do that?".
//!
//! Entries are typed; their sentences are written only when somebody reads them. The journal records and
//! never influences a decision.

mod kind;

use crate::command::Cause;
use crate::docker::{Health, State};
use crate::event::{Refusal, TunnelStatus};
use crate::ids::{ContainerId, Name, OpId, VpnId};
use crate::policy::breaker::Kind;
use crate::policy::ladder::Rung;
use crate::snapshot::PassiveWhy;
use crate::time::Time;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

/// Entries kept in memory; the store keeps more.
pub const ENTRIES_KEPT: usize = 1_000;
/// More VPNs than this are counted in a sentence instead of being named.
const VPNS_NAMED_MAX: usize = 3;

/// One decision, or one observation that decisions rest on.
#[derive(Clone, PartialEq, Debug)]
pub struct Entry {
    /// Counted up from one within a life of acefleet.
    pub seq: u64,
    /// When it was decided.
    pub at: Time,
    /// Whom it is about.
    pub subject: Subject,
    /// What was decided or seen.
    pub what: What,
    /// The observations that it rests on.
    pub why: Vec<Why>,
    /// What should follow.
    pub expect: Expect,
}

/// Whom an entry is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Subject {
    /// All of it.
    Fleet,
    /// Docker itself.
    Docker,
    /// A VPN.
    Vpn(VpnId, Name),
    /// An engine.
    Engine(Option<ContainerId>, Name),
    /// Another container that is ours.
    Container(Option<ContainerId>, Name),
    /// A stream.
    Stream(Arc<str>),
}

/// What was decided or seen.
#[derive(Clone, PartialEq, Debug)]
pub enum What {
    /// The first complete look is over: decisions begin.
    InSight {
        /// Engines found running.
        adopted: usize,
    },
    /// An engine was found, with what its labels tell.
    Adopted {
        /// The VPN it belongs to.
        vpn: Option<Name>,
    },
    /// A container of ours has labels that cannot be believed.
    LabelsGarbled,
    /// A container of ours appeared that no open operation explains.
    Appeared,
    /// A container of ours is gone.
    Gone,
    /// Docker does not answer.
    DockerUnreachable,
    /// A listing failed, and what is known stays as it is.
    ListingSkipped,
    /// Docker answers again, and all of it has been looked at.
    DockerBack,
    /// A VPN's network is another one now.
    NewNetwork {
        /// It is the first one that is known of this VPN.
        first: bool,
    },
    /// A VPN is healthy.
    VpnHealthy,
    /// A VPN failed.
    VpnFailed,
    /// A VPN is doubted, and its engines are asked.
    VpnDoubted,
    /// The engines of a doubted VPN have answered.
    DoubleChecked {
        /// How many are connected.
        connected: usize,
        /// How many were asked.
        asked: usize,
    },
    /// An engine of a doubted VPN vouches for it.
    Vouched(ContainerId),
    /// An engine of a doubted VPN did not say whether it is connected.
    CheckFailed(ContainerId),
    /// There is no engine that could tell about a doubted VPN.
    NobodyToAsk,
    /// A control server does not tell the forwarded port, and the last answer still counts.
    PortCached(u16),
    /// Some VPN failed and another carries on.
    EmergencyEntered,
    /// No VPN is failed any more.
    EmergencyLeft,
    /// A VPN's forwarded port is known now.
    PortIs(u16),
    /// A VPN's forwarded port is another one now.
    PortChanged(u16, u16),
    /// A VPN has no forwarded port now.
    PortGone(u16),
    /// A VPN has had no forwarded port for so long that no engine carries it any more.
    MarkLost(u16),
    /// Something is done about a failed VPN.
    Mend(Rung),
    /// A VPN is beyond what is done about it here.
    NeedsPerson,
    /// A VPN's forwarded port changes so often that it is not followed each time.
    PortFlaps,
    /// An engine will be created.
    Create {
        /// Where.
        vpn: Option<Name>,
        /// With the forwarded port, if it is to carry it.
        forwarded: Option<u16>,
    },
    /// A container will be started.
    Start,
    /// A container will be restarted in place.
    Restart,
    /// A container will be stopped, and then removed.
    Stop,
    /// A container will be removed.
    Remove,
    /// A working engine is on its way out.
    HandOff,
    /// An engine that was on its way out stays.
    Stays,
    /// The carrier of a port that is no longer forwarded is to be replaced.
    ReplaceCarrier {
        /// The old carrier.
        engine: Name,
        /// The port it has.
        from: u16,
        /// The port there is.
        to: u16,
    },
    /// The carrier of a port that is no longer forwarded goes.
    StopCarrier,
    /// An engine is offered to viewers.
    Offered,
    /// An engine is not offered any more.
    Hidden,
    /// An operation was refused.
    Refused(&'static str, OpId),
    /// An operation's fate is unknown.
    FateUnknown(&'static str, OpId),
    /// An inspection has settled an operation of unknown fate: its container exists.
    FateFound(OpId),
    /// An operation of unknown fate is given up.
    FateReleased(OpId),
    /// Creating an engine is impossible now.
    CannotCreate,
    /// Engines on every VPN fail at once: the fault is more likely here.
    SuspectsItself(bool),
    /// Creating failed too often, and is not tried for a while.
    BreakerOpen(Kind),
    /// Creating is tried again.
    BreakerClosed(Kind),
    /// An engine was handed out to a client that asked for it.
    HandedOut,
    /// A person asked for something, in so many words.
    Requested(&'static str, OpId),
    /// Nothing further follows from what a person asked for: the last entry about it.
    RequestOver(OpId),
    /// The minimum is another one now.
    ScaledTo(usize),
    /// The core before this one broke, and this one was built in its place.
    Rebuilt,
    /// Nothing is done to containers any more.
    Passive(PassiveWhy),
    /// That reason to do nothing to containers is gone.
    Active(PassiveWhy),
    /// Acefleet is about to exit.
    Leaving {
        /// Engines that there are.
        engines: usize,
        /// They go with it.
        stop_engines: bool,
    },
    /// A cache cannot be cleared.
    CacheKept,
    /// A stream is played by an engine now.
    StreamPlays(Name),
    /// Another engine is asked to play a stream.
    StreamMoves(Name),
    /// A stream's session is lost.
    StreamLost,
    /// A stream's viewers wait.
    StreamWaits,
    /// A stream's viewers are refused.
    ViewersRefused,
    /// An engine could not open a stream.
    OpenFailed(Name),
    /// The announcer of a stream says that it is over.
    StreamEnding,
    /// A stream is over.
    StreamEnded,
    /// An announcement was refused.
    AnnouncementRefused,
}

/// An observation that a decision rests on.
#[derive(Clone, PartialEq, Debug)]
pub enum Why {
    /// The command's own cause.
    Because(Cause),
    /// Docker's state of the container.
    StateIs(State),
    /// The container is missing.
    Missing,
    /// Docker's opinion of its health.
    HealthIs(Health),
    /// Its network was replaced.
    NetworkReplaced,
    /// What the control server says of the tunnel.
    TunnelIs(TunnelStatus),
    /// The engines' answers.
    Connected {
        /// How many are connected.
        connected: usize,
        /// How many were asked.
        asked: usize,
    },
    /// Engines that do not answer at all.
    Unanswered {
        /// How many do not.
        silent: usize,
        /// Of how many.
        of: usize,
    },
    /// There is no engine to ask.
    NobodyToAsk,
    /// It has been so for this long.
    For(Duration),
    /// It took this long, and is over.
    Lasted(Duration),
    /// The VPNs that failed.
    VpnsFailed(Vec<Name>),
    /// The VPNs that are healthy.
    VpnsHealthy(Vec<Name>),
    /// It exited so often within so long a time.
    Exits(usize, Duration),
    /// How many engines serve, are coming, and are wanted.
    Count {
        /// Serving now.
        serving: usize,
        /// On their way.
        coming: usize,
        /// Wanted.
        desired: usize,
    },
    /// The limit that stands in the way.
    Limit(usize),
    /// What the other side said.
    Said(Refusal),
    /// No VPN is healthy.
    NoHealthyVpn,
    /// Why it is not offered.
    Reason(&'static str),
    /// So many failures in a row.
    Failures(u32),
    /// So many rebuilds of the core within so long a time.
    Rebuilds(usize, Duration),
    /// Somebody else did it.
    ForeignHand,
    /// The request that it follows from.
    Request(OpId),
    /// What somebody else said.
    Quoted(Arc<str>),
}

/// What is expected to follow.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Expect {
    /// Nothing further.
    Nothing,
    /// Its engines are hidden at once.
    EnginesHidden,
    /// Its engines are repaired or created as soon as it is healthy.
    RepairOnceHealthy,
    /// Its engines are removed at this moment if it is not back.
    RemovalAt(Time),
    /// It goes at this moment.
    GoneAt(Time),
    /// It is offered at its first good answer, which it has until this moment to give.
    AnswerBy(Time),
    /// It is looked at again at this moment.
    NextLook(Time),
    /// It will be gone.
    Removal,
    /// What is missing is created.
    Refill,
}

impl Entry {
    /// Whether it belongs to what a person asked for: whoever was told this operation's id follows it so, up to and
    /// including a [`What::RequestOver`].
    pub fn follows(&self, request: OpId) -> bool {
        if let What::Requested(_, op) | What::RequestOver(op) = &self.what {
            return *op == request;
        }
        self.why.contains(&Why::Request(request))
    }
}

/// The latest entries.
#[derive(Debug, Default)]
pub struct Journal {
    entries: VecDeque<Entry>,
    written: u64,
    /// Entries written, by kind; the forgotten ones too.
    counts: BTreeMap<&'static str, u64>,
}

impl Journal {
    /// Writes an entry, forgetting the oldest beyond [`ENTRIES_KEPT`].
    pub fn write(&mut self, at: Time, subject: Subject, what: What, why: Vec<Why>, expect: Expect) {
        self.written += 1;
        *self.counts.entry(what.kind()).or_default() += 1;
        if self.entries.len() == ENTRIES_KEPT {
            self.entries.pop_front();
        }
        self.entries.push_back(Entry { seq: self.written, at, subject, what, why, expect });
    }

    /// How many entries have been written; the `seq` of the last one.
    pub const fn written(&self) -> u64 {
        self.written
    }

    /// How many entries of each kind have been written, by the kinds' names.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.counts.iter().map(|(kind, count)| (*kind, *count))
    }

    /// The entries after `seq` that are still kept, oldest first.
    pub fn since(&self, seq: u64) -> impl Iterator<Item = &Entry> {
        let forgotten = self.written - self.entries.len() as u64;
        let known = usize::try_from(seq.saturating_sub(forgotten)).unwrap_or(usize::MAX);
        self.entries.iter().skip(known)
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Sentence(self))?;
        let mut link = ":";
        for why in &self.why {
            if why.is_aside() {
                write!(f, " ({why})")?;
            } else {
                write!(f, "{link} {why}")?;
                link = ",";
            }
        }
        self.expect.tell(self.at, f)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fleet => f.write_str("fleet"),
            Self::Docker => f.write_str("Docker"),
            Self::Vpn(_, name) => write!(f, "VPN '{name}'"),
            Self::Engine(_, name) => write!(f, "engine {name}"),
            Self::Container(_, name) => write!(f, "container {name}"),
            Self::Stream(id) => write!(f, "stream {id}"),
        }
    }
}

/// The main clause of an entry, in the words that people search their logs for.
struct Sentence<'a>(&'a Entry);

impl fmt::Display for Sentence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subject = &self.0.subject;
        match &self.0.what {
            What::InSight { adopted } => write!(f, "first look complete, {adopted} engine(s) adopted"),
            What::Adopted { vpn: Some(vpn) } => write!(f, "Restored VPN assignment for {subject}: {vpn}"),
            What::Adopted { vpn: None } => write!(f, "adopted {subject}"),
            What::LabelsGarbled => write!(f, "labels of {subject} cannot be believed"),
            What::Appeared => write!(f, "{subject} appeared"),
            What::Gone => write!(f, "{subject} is gone"),
            What::DockerUnreachable => f.write_str(
                "Docker socket temporarily unavailable - nothing leaves the state until it is back",
            ),
            What::ListingSkipped => {
                f.write_str("Docker socket temporarily unavailable - skipping state synchronization")
            }
            What::DockerBack => f.write_str("Docker answers again, and everything has been looked at"),
            What::NewNetwork { first: true } => write!(f, "{subject} has been found"),
            What::NewNetwork { first: false } => write!(f, "{subject} has a new network"),
            What::VpnHealthy => write!(f, "{subject} is healthy"),
            What::VpnFailed => write!(f, "{subject} failed"),
            What::VpnDoubted => write!(f, "VPN double-check: {subject} is doubted"),
            What::DoubleChecked { connected: 0, asked } => {
                write!(f, "VPN double-check: None of {asked} engine(s) have internet connectivity")
            }
            What::DoubleChecked { connected, asked } => write!(
                f,
                "VPN double-check: {connected}/{asked} engine(s) have internet connectivity - \
                 considering VPN healthy"
            ),
            What::Vouched(id) => {
                write!(f, "VPN double-check: Engine {id:.12} reports internet connectivity")
            }
            What::CheckFailed(id) => {
                write!(f, "VPN double-check: Failed to check engine {id:.12}: Connection timeout")
            }
            What::NobodyToAsk => f.write_str("VPN double-check: No engines available to verify connectivity"),
            What::PortCached(port) => write!(f, "Using cached forwarded port {port} for {subject}"),
            What::EmergencyEntered => f.write_str("entering emergency mode"),
            What::EmergencyLeft => f.write_str("leaving emergency mode"),
            What::PortIs(port) => write!(f, "{subject} forwarded port is {port}"),
            What::PortChanged(from, to) => write!(f, "{subject} forwarded port changed from {from} to {to}"),
            What::PortGone(port) => write!(f, "{subject} has no forwarded port any more, it was {port}"),
            What::MarkLost(port) => {
                write!(f, "{subject} does not get its forwarded port {port} back, no engine carries it now")
            }
            What::Mend(rung) => write!(f, "mending {subject}, {}", rung.describe()),
            What::NeedsPerson => write!(f, "{subject} is for a person to mend"),
            What::PortFlaps => write!(f, "port flapping: {subject} forwards another port again and again"),
            What::Create { vpn, forwarded } => {
                write!(f, "creating {subject}")?;
                if let Some(vpn) = vpn {
                    write!(f, " on VPN '{vpn}'")?;
                }
                match forwarded {
                    Some(port) => write!(f, " as forwarded engine with port {port}"),
                    None => Ok(()),
                }
            }
            What::Start => write!(f, "starting {subject}"),
            What::Restart => write!(f, "restarting {subject} in place"),
            What::Stop => write!(f, "stopping {subject}"),
            What::Remove => write!(f, "removing {subject}"),
            What::Stays => write!(f, "{subject} stays"),
            What::HandOff => write!(f, "handing off {subject}"),
            What::ReplaceCarrier { engine, from, to } => {
                write!(f, "{subject} port changed from {from} to {to} - replacing forwarded engine {engine}")
            }
            What::StopCarrier => write!(f, "Stopping forwarded {subject} due to port change"),
            What::Offered => write!(f, "{subject} is offered"),
            What::Hidden => write!(f, "{subject} is hidden"),
            What::Refused(action, op) => write!(f, "{action} of {subject} was refused (operation {op})"),
            What::FateUnknown(action, op) => {
                write!(f, "{action} of {subject} was not answered (operation {op})")
            }
            What::FateFound(op) => write!(f, "operation {op} is settled: {subject} exists"),
            What::FateReleased(op) => write!(f, "operation {op} is settled: {subject} does not exist"),
            What::CannotCreate => f.write_str("no engine can be created now"),
            What::SuspectsItself(true) => {
                f.write_str("engines on every VPN fail at once: the fault is more likely here")
            }
            What::BreakerOpen(kind) => {
                write!(f, "circuit breaker '{}' opens: no engine is created for now", kind.as_str())
            }
            What::BreakerClosed(kind) => write!(f, "circuit breaker '{}' is closed", kind.as_str()),
            What::HandedOut => write!(f, "{subject} is handed out to the client that asked for it"),
            What::Requested(what, op) => write!(f, "{what} of {subject} was asked for (operation {op})"),
            What::RequestOver(op) => write!(f, "what was asked of {subject} is over (operation {op})"),
            What::ScaledTo(minimum) => {
                write!(f, "the minimum is {minimum} engines now, as a person asked for")
            }
            What::Rebuilt => f.write_str(
                "a fault in acefleet itself: its core broke and was rebuilt from what it observes - engines and \
                 viewers are untouched",
            ),
            What::Passive(PassiveWhy::Rebuilds) => f.write_str(
                "ALERT: passive, because acefleet's core has broken several times in ten minutes - engines and \
                 viewers are untouched, and nothing is done to containers",
            ),
            What::Active(PassiveWhy::Rebuilds) => {
                f.write_str("the rest after several rebuilds is over: active again")
            }
            What::Passive(PassiveWhy::ForeignHand) => f.write_str(
                "ALERT: passive, because somebody else creates and removes our containers - is another \
                 orchestrator running?",
            ),
            What::Active(PassiveWhy::ForeignHand) => {
                f.write_str("nobody else touches our containers any more: active again")
            }
            What::Leaving { engines, stop_engines: false } => {
                write!(f, "acefleet is about to exit: {engines} engine(s) go on running without it")
            }
            What::Leaving { engines, stop_engines: true } => {
                write!(f, "acefleet is about to exit: {engines} engine(s) are to go with it")
            }
            What::CacheKept => {
                write!(f, "the cache of {subject} cannot be cleared, nor of others of its image")
            }
            What::StreamPlays(engine) => write!(f, "{subject} is played by engine {engine}"),
            What::StreamMoves(engine) => write!(f, "{subject} is opened on engine {engine}"),
            What::StreamLost => write!(f, "the session of {subject} is lost"),
            What::StreamWaits => write!(f, "viewers of {subject} wait for an engine"),
            What::ViewersRefused => write!(f, "viewers of {subject} are refused"),
            What::OpenFailed(engine) => write!(f, "engine {engine} could not open {subject}"),
            What::StreamEnding => write!(f, "{subject} is said to be over"),
            What::StreamEnded => write!(f, "{subject} has ended"),
            What::AnnouncementRefused => write!(f, "the announcement of {subject} is refused"),
            What::SuspectsItself(false) => f.write_str("an engine answers again: nothing is wrong here"),
        }
    }
}

impl Why {
    /// Whether it is a remark on what stands before it rather than a reason of its own.
    const fn is_aside(&self) -> bool {
        matches!(self, Self::For(..) | Self::Lasted(..) | Self::Count { .. })
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Because(cause) => cause.fmt(f),
            Self::StateIs(State::Exited) => f.write_str("its container has exited"),
            Self::StateIs(State::Removing) => f.write_str("its container is being removed"),
            Self::StateIs(state) => write!(f, "its container is {state}"),
            Self::Missing => f.write_str("its container is missing"),
            Self::HealthIs(Health::Unchecked) => f.write_str("its container runs without a health check"),
            Self::HealthIs(Health::Starting) => f.write_str("Docker says starting"),
            Self::HealthIs(Health::Healthy) => f.write_str("Docker says healthy"),
            Self::HealthIs(Health::Unhealthy) => f.write_str("Docker says unhealthy"),
            Self::NetworkReplaced => f.write_str("its network was replaced"),
            Self::TunnelIs(status) => write!(f, "its control server says {status:?}"),
            Self::Connected { connected, asked } => {
                write!(f, "{connected} of {asked} engine(s) are connected")
            }
            Self::Unanswered { silent, of } => write!(f, "{silent} of {of} engine(s) do not answer"),
            Self::NobodyToAsk => f.write_str("there is no engine to ask"),
            Self::For(time) => write!(f, "for {:.1} s", time.as_secs_f64()),
            Self::VpnsFailed(names) => tell_vpns(names, ["failed", "failed"], f),
            Self::VpnsHealthy(names) => tell_vpns(names, ["is healthy", "are healthy"], f),
            Self::Lasted(time) => write!(f, "it lasted {:.1} s", time.as_secs_f64()),
            Self::Exits(count, time) => write!(f, "{count} exits within {} s", time.as_secs()),
            Self::Count { serving, coming, desired } => {
                write!(f, "{serving} of {desired} wanted, {coming} coming")
            }
            Self::Limit(limit) => write!(f, "the limit is {limit}"),
            Self::Said(refusal) => refusal.fmt(f),
            Self::NoHealthyVpn => f.write_str("no VPN is healthy"),
            Self::Reason(reason) => f.write_str(reason),
            Self::ForeignHand => f.write_str("by a foreign hand"),
            Self::Rebuilds(count, time) => write!(f, "{count} time(s) within {} s", time.as_secs()),
            Self::Failures(count) => write!(f, "{count} failure(s) in a row"),
            Self::Request(op) => write!(f, "operation {op}"),
            Self::Quoted(text) => f.write_str(text),
        }
    }
}

/// Says of one VPN the first, and of several the second of two predicates.
fn tell_vpns(names: &[Name], [one, several]: [&str; 2], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match names {
        [name] => write!(f, "VPN '{name}' {one}"),
        [rest @ .., last] if names.len() <= VPNS_NAMED_MAX => {
            f.write_str("VPNs ")?;
            for (at, name) in rest.iter().enumerate() {
                write!(f, "{}'{name}'", if at == 0 { "" } else { ", " })?;
            }
            write!(f, " and '{last}' {several}")
        }
        _ => write!(f, "{} VPNs {several}", names.len()),
    }
}

impl Expect {
    /// What follows a sentence that was written at `at`. A person has no use for moments on the driver's clock: what is
    /// to come is told from then on.
    fn tell(self, at: Time, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wait = |then: Time| then.since(at).as_secs_f64();
        match self {
            Self::Nothing => Ok(()),
            Self::EnginesHidden => f.write_str("; its engines are hidden"),
            Self::RepairOnceHealthy => f.write_str("; its engines are repaired once it is healthy"),
            Self::RemovalAt(then) => {
                write!(f, "; its engines are removed in {:.1} s unless it is back", wait(then))
            }
            Self::GoneAt(then) => write!(f, "; it goes in {:.1} s", wait(then)),
            Self::AnswerBy(then) => write!(f, "; its first good answer is due within {:.1} s", wait(then)),
            Self::NextLook(then) => write!(f, "; looked at again in {:.1} s", wait(then)),
            Self::Removal => f.write_str("; it will be gone"),
            Self::Refill => f.write_str("; what is missing is created"),
        }
    }
}
