//! What the core has been told, as a model of its own: containers, VPNs, operations, answers.
//!
//! Where what was told leaves room for doubt, the model keeps both: what surely is, and what may be. A check
//! fails only if no reading of what was told allows what the core did.

use super::Found;
use control::command::{Question, Target};
use control::docker::Network;
use control::docker::{Facts, Happened, Listed, Listing, Notice, State};
use control::event::{Event, Outcome, Refusal, Report};
use control::ids::{ContainerId, Name, OpId, RequestId, VpnId};
use control::time::Stamp;
use control::{Action, Cause, Command, Control, Message, Settings, Time};
use std::collections::BTreeMap;
use std::time::Duration;

/// Pings without an answer, in a row, after which Docker is out of reach.
const MISSES_UNREACHABLE: u32 = 2;
/// A request is answered within this time: clients wait 3 s.
const REQUEST_PATIENCE: Duration = Duration::from_millis(2_600);
/// An answer is given at the latest so long after a command's own timeout.
const ANSWER_SLACK: Duration = Duration::from_secs(1);

/// Everything that was told in one life.
pub(super) struct Told {
    vpn_names: Vec<Name>,
    docker_timeout: Duration,
    /// Commands that have not been answered.
    open: BTreeMap<OpId, (Command, Time)>,
    /// When the oldest of these may be answered at the latest; looked at once a second.
    looked: Time,
    last_op: Option<OpId>,
    pub(super) containers: BTreeMap<ContainerId, Known>,
    pub(super) vpns: Vec<KnownVpn>,
    /// Creations whose fate nobody has told.
    pub(super) unknown: BTreeMap<OpId, UnknownFate>,
    /// Requests that have not been answered, and when they were made.
    requests: BTreeMap<RequestId, Time>,
    misses: u32,
    /// Engines in the state when Docker went out of reach, and those that were positively gone since.
    kept: Option<Vec<ContainerId>>,
}

/// What was told of a container.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) name: Name,
    pub(super) ours: bool,
    pub(super) is_engine: bool,
    pub(super) operation: Option<OpId>,
    /// Whether it exists.
    pub(super) exists: Exists,
    /// The last thing told that is not a reading: readings asked for earlier say nothing.
    touched: Time,
    /// It runs, as far as was told.
    pub(super) runs: bool,
    pub(super) started_at: Option<Stamp>,
    pub(super) network: Network,
    /// The P2P port that it was created with.
    pub(super) p2p: Option<u16>,
    /// It was told to stop, or to be removed: nobody calls that back.
    pub(super) goes: bool,
}

/// Whether a container exists, as far as was told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Exists {
    Surely,
    /// It was there, and the last listing did not show it.
    Perhaps,
    No,
}

/// What was told of a VPN.
#[derive(Clone, Default, Debug)]
pub(super) struct KnownVpn {
    touched: Time,
    pub(super) container: Option<ContainerId>,
    pub(super) runs: bool,
    pub(super) started_at: Option<Stamp>,
    /// The last forwarded port that was read of it, since it was last started.
    last_port: Option<u16>,
    /// It was read twice in a row: once may have been of the network before.
    confirmed: bool,
}

/// A creation whose fate nobody has told.
#[derive(Clone, Debug)]
pub(super) struct UnknownFate {
    pub(super) name: Name,
    first_absence: Option<Time>,
}

impl Told {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            vpn_names: settings.vpns.iter().map(|vpn| vpn.container.clone()).collect(),
            docker_timeout: settings.docker_timeout,
            open: BTreeMap::new(),
            looked: Time::ZERO,
            last_op: None,
            containers: BTreeMap::new(),
            vpns: vec![KnownVpn::default(); settings.vpns.len()],
            unknown: BTreeMap::new(),
            requests: BTreeMap::new(),
            misses: 0,
            kept: None,
        }
    }

    /// Creations that have been sent and not been answered, and whose container has not been seen either:
    /// once that is known, it holds what they had reserved.
    pub(super) fn open_creates(&self) -> impl Iterator<Item = &control::command::Create> {
        let made = |op| self.containers.values().any(|known| known.operation == Some(op));
        self.open.values().filter_map(move |(command, _)| match &command.action {
            Action::Create(create) if !made(command.op) => Some(create),
            _ => None,
        })
    }

    /// The same of containers of another kind.
    pub(super) fn open_other_creates(&self) -> impl Iterator<Item = &control::command::CreateOther> {
        let made = |op| self.containers.values().any(|known| known.operation == Some(op));
        self.open.values().filter_map(move |(command, _)| match &command.action {
            Action::CreateOther(create) if !made(command.op) => Some(create),
            _ => None,
        })
    }

    fn vpn_named(&self, name: &Name) -> Option<usize> {
        self.vpn_names.iter().position(|known| known == name)
    }

    // Commands.

    /// S13: an operation's id is used once.
    pub(super) fn command(&mut self, now: Time, command: &Command) -> Found {
        if self.last_op.is_some_and(|last| command.op <= last) {
            return Some(("S13", format!("operation {} was sent twice", command.op)));
        }
        self.last_op = Some(command.op);
        if let Some(found) = self.one_mended(command) {
            return Some(found);
        }
        if let Some(id) = changes(&command.action)
            && let Some((open, _)) = self.open.values().find(|(open, _)| changes(&open.action) == Some(id))
        {
            let (one, other) = (open.op, command.op);
            return Some(("S10", format!("operations {one} and {other} change one container at once")));
        }
        if let Some(id) = changes(&command.action)
            && let Some(known) = self.containers.get_mut(&id)
        {
            known.touched = now;
            known.goes |= matches!(command.action, Action::Stop { .. } | Action::Remove(_));
            // Whatever it was before: until somebody tells, nobody knows whether it runs.
            known.runs = false;
        }
        self.open.insert(command.op, (command.clone(), now));
        None
    }

    /// S14: at most one VPN is being mended.
    fn one_mended(&self, command: &Command) -> Found {
        if !mends(command) {
            return None;
        }
        let (other, _) = self.open.values().find(|(open, _)| mends(open))?;
        let (one, other) = (other.op, command.op);
        Some(("S14", format!("operations {one} and {other} mend VPNs at once")))
    }

    /// S13: every command is answered.
    pub(super) fn unanswered(&mut self, now: Time) -> Found {
        if now.since(self.looked) < ANSWER_SLACK {
            return None;
        }
        self.looked = now;
        let waits = self.requests.iter().find(|(_, asked)| now.since(**asked) > REQUEST_PATIENCE);
        if let Some((request, _)) = waits {
            return Some(("S13", format!("{request:?} was not answered in time")));
        }
        let late = self.open.values().find(|(command, sent)| now > *sent + command.timeout + ANSWER_SLACK)?;
        Some(("S13", format!("operation {} was never answered", late.0.op)))
    }

    /// S13: a request is answered once.
    pub(super) fn message(&mut self, message: &Message) -> Found {
        match message {
            Message::Answer { request, .. } => match self.requests.remove(request) {
                Some(_) => None,
                None => Some(("S13", format!("{request:?} was answered twice, or never made"))),
            },
            Message::Route { .. } | Message::Refuse { .. } | Message::Release(_) => None,
        }
    }

    // Events.

    pub(super) fn hear(&mut self, now: Time, event: &Event) -> Found {
        match event {
            Event::Finished { op, outcome } => {
                let Some((command, asked)) = self.open.remove(op) else {
                    return Some(("S13", format!("operation {op} was answered twice")));
                };
                self.hear_outcome(now, asked, &command, outcome);
            }
            Event::Docker(notice) => self.hear_notice(now, notice),
            Event::Asked { request, .. } => {
                self.requests.insert(*request, now);
            }
            Event::PortsPushed { vpn, ports } => self.vpns[vpn.index()].hear_ports(now, ports),
            Event::Woken
            | Event::Rebuilt { .. }
            | Event::Leaving { .. }
            | Event::DockerStreamOpened
            | Event::StoreAnswered(_)
            | Event::ViewerCame { .. }
            | Event::ViewerLeft(_)
            | Event::SessionBroke(_)
            | Event::SessionSpoke(_)
            | Event::SessionSilent(_) => {}
        }
        None
    }

    fn hear_outcome(&mut self, now: Time, asked: Time, command: &Command, outcome: &Outcome) {
        match (&command.action, outcome) {
            (Action::Ping, Outcome::Done(_)) => {
                self.misses = 0;
                self.kept = None;
            }
            (Action::Ping, _) => self.misses += 1,
            (Action::List, Outcome::Done(Report::Listing(listing))) => self.hear_listing(asked, listing),
            (Action::Inspect(target), Outcome::Done(Report::Found(facts))) => {
                self.hear_found(asked, target, facts);
            }
            (Action::Inspect(target), Outcome::Done(Report::Absent)) => self.hear_absent(now, asked, target),
            (Action::Create(create), Outcome::Done(Report::Created(id))) => {
                let vpn = create.vpn.and_then(|vpn| self.vpns[vpn.index()].container);
                let network = vpn.map_or(Network::Own(create.name.clone()), Network::Container);
                self.containers.entry(*id).or_insert(Known {
                    name: create.name.clone(),
                    ours: true,
                    is_engine: true,
                    operation: Some(command.op),
                    exists: Exists::Surely,
                    touched: now,
                    runs: false,
                    started_at: None,
                    network,
                    p2p: create.ports.p2p,
                    goes: false,
                });
            }
            (Action::CreateOther(create), Outcome::Done(Report::Created(id))) => {
                self.containers.entry(*id).or_insert(Known {
                    name: create.name.clone(),
                    ours: true,
                    is_engine: false,
                    operation: Some(command.op),
                    exists: Exists::Surely,
                    touched: now,
                    runs: false,
                    started_at: None,
                    network: Network::Own(create.name.clone()),
                    p2p: None,
                    goes: false,
                });
            }
            // An unexplained error says as little about it as no answer at all.
            (Action::Create(create), Outcome::Unknown(_) | Outcome::Refused(Refusal::Unexplained(_))) => {
                self.doubt(command.op, &create.name);
            }
            (
                Action::CreateOther(create),
                Outcome::Unknown(_) | Outcome::Refused(Refusal::Unexplained(_)),
            ) => {
                self.doubt(command.op, &create.name);
            }
            (Action::Ask { vpn, question: Question::Ports }, Outcome::Done(Report::Ports(ports))) => {
                self.vpns[vpn.index()].hear_ports(asked, ports);
            }
            (Action::Remove(id), Outcome::Done(_) | Outcome::Refused(Refusal::NoSuchContainer)) => {
                self.gone(*id, now);
            }
            (
                Action::Start(id) | Action::Restart { id, .. } | Action::Stop { id, .. } | Action::Remove(id),
                _,
            ) => {
                if let Some(known) = self.containers.get_mut(id) {
                    known.touched = now;
                }
            }
            _ => {}
        }
    }

    /// Nobody knows whether a creation was carried out, unless its container has been seen.
    fn doubt(&mut self, op: OpId, name: &Name) {
        if !self.containers.values().any(|known| known.operation == Some(op)) {
            self.unknown.insert(op, UnknownFate { name: name.clone(), first_absence: None });
        }
    }

    fn gone(&mut self, id: ContainerId, now: Time) {
        if let Some(known) = self.containers.get_mut(&id) {
            known.exists = Exists::No;
            known.runs = false;
            known.touched = now;
        }
        if let Some(kept) = &mut self.kept {
            kept.retain(|engine| *engine != id);
        }
    }

    fn hear_listing(&mut self, asked: Time, listing: &Listing) {
        for listed in &listing.containers {
            self.appears(listed, asked);
        }
        let shown: std::collections::BTreeSet<_> =
            listing.containers.iter().map(|listed| listed.id).collect();
        for (id, known) in &mut self.containers {
            if asked >= known.touched && known.exists == Exists::Surely && !shown.contains(id) {
                known.exists = Exists::Perhaps;
            }
        }
    }

    fn appears(&mut self, listed: &Listed, asked: Time) {
        if self.vpn_named(&listed.name).is_some() {
            return;
        }
        let meaning = listed.labels.meaning();
        if let Some(op) = meaning.operation {
            self.unknown.remove(&op);
        }
        let known = self.containers.entry(listed.id).or_insert_with(|| Known {
            name: listed.name.clone(),
            ours: listed.ours,
            is_engine: meaning.http_port.is_some(),
            operation: meaning.operation,
            exists: Exists::Perhaps,
            touched: Time::ZERO,
            runs: false,
            started_at: None,
            network: listed.network.clone(),
            p2p: meaning.p2p_port,
            goes: false,
        });
        // Labels never change, so even an old reading of them is true.
        known.operation = meaning.operation;
        known.is_engine = meaning.http_port.is_some();
        known.p2p = meaning.p2p_port;
        if asked < known.touched || known.exists == Exists::No {
            return;
        }
        known.exists = Exists::Surely;
        known.name = listed.name.clone();
        if listed.state != State::Running {
            known.runs = false;
        }
    }

    fn hear_found(&mut self, asked: Time, target: &Target, facts: &Facts) {
        let vpn = match target {
            Target::Name(name) => self.vpn_named(name),
            Target::Id(_) => None,
        };
        if let Some(vpn) = vpn {
            let vpn = &mut self.vpns[vpn];
            if asked >= vpn.touched {
                if vpn.started_at != facts.started_at {
                    vpn.last_port = None;
                }
                vpn.container = Some(facts.listed.id);
                vpn.runs = facts.listed.state.has_network();
                vpn.started_at = facts.started_at;
            }
            return;
        }
        if let Target::Name(name) = target {
            // Somebody else's, then: ours was never created under that name.
            let born_of = facts.listed.labels.meaning().operation;
            self.unknown.retain(|op, fate| &fate.name != name || born_of == Some(*op));
        }
        self.appears(&facts.listed, asked);
        if let Some(known) = self.containers.get_mut(&facts.listed.id)
            && asked >= known.touched
        {
            known.runs = facts.listed.state == State::Running;
            known.started_at = facts.started_at;
            known.network = facts.listed.network.clone();
            known.ours = facts.listed.ours;
        }
    }

    fn hear_absent(&mut self, now: Time, asked: Time, target: &Target) {
        match target {
            Target::Id(id) => self.gone(*id, now),
            Target::Name(name) => {
                if let Some(vpn) = self.vpn_named(name) {
                    let vpn = &mut self.vpns[vpn];
                    if asked >= vpn.touched {
                        *vpn = KnownVpn { touched: vpn.touched, ..KnownVpn::default() };
                    }
                    return;
                }
                let again = self.docker_timeout;
                self.unknown.retain(|_, fate| {
                    if &fate.name != name {
                        return true;
                    }
                    match fate.first_absence {
                        None => {
                            fate.first_absence = Some(asked);
                            true
                        }
                        Some(first) => asked.since(first) < again,
                    }
                });
            }
        }
    }

    fn hear_notice(&mut self, now: Time, notice: &Notice) {
        let named = self.vpn_named(&notice.name);
        let vpn = named.or_else(|| self.vpns.iter().position(|vpn| vpn.container == Some(notice.id)));
        if let Some(vpn) = vpn {
            self.vpns[vpn].hear(now, notice);
            return;
        }
        if notice.happened == Happened::Destroyed {
            self.gone(notice.id, now);
            return;
        }
        let known = self.containers.entry(notice.id).or_insert_with(|| Known {
            name: notice.name.clone(),
            ours: notice.ours,
            is_engine: notice.ours,
            operation: None,
            exists: if notice.ours { Exists::Perhaps } else { Exists::Surely },
            touched: Time::ZERO,
            runs: false,
            started_at: None,
            network: Network::Own(notice.name.clone()),
            p2p: None,
            goes: false,
        });
        let stale = known.started_at.is_some_and(|started| started >= notice.at);
        match notice.happened {
            Happened::HealthIs(_) => return,
            Happened::Died if stale => return,
            Happened::Died => known.runs = false,
            Happened::Created
            | Happened::Started
            | Happened::Paused
            | Happened::Unpaused
            | Happened::Renamed
            | Happened::Destroyed => {}
        }
        known.touched = now;
    }

    // What the core must have kept.

    /// S7: while Docker is out of reach, no engine leaves the state.
    pub(super) fn engines_kept(&mut self, control: &Control) -> Found {
        if self.misses < MISSES_UNREACHABLE {
            return None;
        }
        let engines = || control.engines().map(|engine| engine.id);
        let Some(kept) = &self.kept else {
            // What is positively known to be gone is not missed.
            let known = self
                .containers
                .iter()
                .filter(|(_, known)| known.ours && known.is_engine && known.exists == Exists::Surely);
            self.kept = Some(known.map(|(id, _)| *id).collect());
            return self.engines_kept(control);
        };
        let lost = kept.iter().find(|id| !engines().any(|engine| engine == **id))?;
        let name = self.containers.get(lost).map_or("?", |known| known.name.as_str());
        Some(("S7", format!("{name} left the state while Docker was out of reach")))
    }

    /// S10: what an operation of unknown fate reserved stays reserved.
    pub(super) fn reservations_kept(&self, control: &Control) -> Found {
        let operations = control.operations();
        let creates = operations.creates().map(|(op, create)| (op, &create.name));
        let creates: Vec<_> =
            creates.chain(operations.other_creates().map(|(op, create)| (op, &create.name))).collect();
        let reserved = |op: OpId| creates.iter().any(|(open, _)| *open == op);
        if let Some((op, fate)) = self.unknown.iter().find(|(op, _)| !reserved(**op)) {
            let name = &fate.name;
            return Some((
                "S10",
                format!("{name} is not reserved any more, though operation {op} is not settled"),
            ));
        }
        let belongs = |op: OpId| self.open.contains_key(&op) || self.unknown.contains_key(&op);
        let (op, name) = creates.iter().find(|(op, _)| !belongs(*op))?;
        Some(("S10", format!("{name} is reserved, and operation {op} is long over")))
    }

    /// What was told of the VPN that an engine lives on, by the network it is in.
    pub(super) fn vpn_of(&self, known: &Known) -> Option<(VpnId, &KnownVpn)> {
        let place = match &known.network {
            Network::Container(id) => self.vpns.iter().position(|vpn| vpn.container == Some(*id)),
            Network::ContainerNamed(name) => self.vpn_named(name),
            Network::Own(_) => None,
        }?;
        Some((VpnId(u16::try_from(place).ok()?), &self.vpns[place]))
    }
}

/// Whether a command is a step of a VPN's repair ladder.
const fn mends(command: &Command) -> bool {
    matches!(command.action, Action::Tell { .. })
        || matches!(command.cause, Cause::StaysFailed | Cause::StoppedByPerson)
}

/// The container that a command changes.
const fn changes(action: &Action) -> Option<ContainerId> {
    match action {
        Action::Start(id) | Action::Restart { id, .. } | Action::Stop { id, .. } | Action::Remove(id) => {
            Some(*id)
        }
        Action::Ping
        | Action::List
        | Action::Inspect(_)
        | Action::Create(_)
        | Action::CreateOther(_)
        | Action::ClearCache(_)
        | Action::Tell { .. }
        | Action::Open { .. }
        | Action::AskSession { .. }
        | Action::Close { .. }
        | Action::Probe { .. }
        | Action::Ask { .. } => None,
    }
}

impl KnownVpn {
    /// None, or 0, is no port; the one before it still counts.
    fn hear_ports(&mut self, asked: Time, ports: &[u16]) {
        let port = ports.first().copied().filter(|port| *port != 0);
        let Some(port) = port else { return };
        if asked >= self.touched {
            self.confirmed = self.last_port == Some(port);
            self.last_port = Some(port);
        } else {
            // Something has happened since it was asked for: it may be believed, or not.
            self.confirmed &= self.last_port == Some(port);
        }
    }

    /// Whether an engine with this P2P port surely carries the port of now.
    pub(super) fn forwards(&self, p2p: Option<u16>) -> bool {
        p2p.is_some() && self.last_port == p2p && self.confirmed
    }

    fn hear(&mut self, now: Time, notice: &Notice) {
        let earlier = self.started_at.is_some_and(|started| started >= notice.at);
        let mine = self.container == Some(notice.id);
        match notice.happened {
            Happened::Died if mine && !earlier => self.runs = false,
            Happened::Destroyed if mine => *self = Self::default(),
            // About the container before this one, or this one before its present start.
            Happened::Died | Happened::Destroyed if self.container.is_some() => return,
            Happened::Died
            | Happened::Destroyed
            | Happened::Created
            | Happened::Started
            | Happened::Paused
            | Happened::Unpaused
            | Happened::Renamed
            | Happened::HealthIs(_) => {}
        }
        self.touched = now;
    }
}
