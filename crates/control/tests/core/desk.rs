//! A desk at which a test plays the driver by hand: it tells the core what happens, answers its questions, and
//! reads off what the core says and does.
//!
//! What exists outside is kept on paper, in [`Host`]; questions are answered from it at once, in the order in
//! which they were asked, unless the test holds them back with [`Desk::hold`] and answers them itself. Nothing
//! is drawn and nothing goes wrong here but what the test says: weather is the simulator's business.

mod check;
mod host;
mod player;
mod words;

pub(crate) use check::check;
pub(crate) use host::{Container, Host, host_with, host_with_ports};
pub(crate) use words::channel;

use control::docker::{Happened, Notice};
use control::event::{Outcome, Refusal, RememberedStream, Silence};
use control::ids::{RequestId, SessionId, ViewerId};
use control::policy::offering::Standing;
use control::request::{Reply, Request};
use control::settings::{Settings, VpnSettings};
use control::snapshot::{EngineView, VpnView};
use control::{Action, Command, Control, Event, Message, Time};
use std::collections::VecDeque;
use std::fmt::Write;
use std::ops::RangeInclusive;
use std::time::Duration;

/// A driver's desk.
pub(crate) struct Desk {
    pub(crate) core: Control,
    pub(crate) host: Host,
    /// Commands that have been sent and not been answered, in that order.
    open: Vec<Command>,
    /// Commands that begin so are answered by the test alone.
    held: Vec<&'static str>,
    /// What the core said and did since it was last read.
    page: Vec<Line>,
    /// What the core has told inside the program and nobody has read.
    messages: Vec<Message>,
    /// Requests made so far, and the answers that have not been read.
    requested: u64,
    answers: Vec<(u64, Reply)>,
    /// Entries of the journal that are on the page or have been.
    noted: u64,
    /// Cores so far: each is seeded with its number.
    lives: u64,
    /// Sessions that viewers have been sent and whose first packets have not been told of.
    unheard: VecDeque<SessionId>,
    /// Sessions deliver nothing until the test says so.
    pub(crate) mute: bool,
}

/// One thing that the core said or did.
struct Line {
    at: Time,
    kind: Kind,
    text: String,
}

/// What a line of the page is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A sentence of the journal.
    Told,
    /// A command that changes a container.
    Did,
    /// A question.
    Asked,
    /// Something about a session: it is to be opened or closed.
    Played,
    /// A message.
    Passed,
}

impl Desk {
    /// A core that has just begun and has asked its first questions; none is answered yet.
    pub(crate) fn opened(settings: Settings, host: Host) -> Self {
        let core = Control::new(settings, Time::ZERO, 1);
        let mut desk = Self {
            core,
            host,
            open: Vec::new(),
            held: Vec::new(),
            page: Vec::new(),
            messages: Vec::new(),
            requested: 0,
            answers: Vec::new(),
            noted: 0,
            lives: 1,
            unheard: VecDeque::new(),
            mute: false,
        };
        desk.tell(Event::Woken);
        desk
    }

    /// The core breaks over `why`, and another is built in its place. What was sent before is answered to that one.
    pub(crate) fn rebuilds(&mut self, times: &[u64], why: &str) {
        let times: Vec<_> = times.iter().copied().map(Time::from_secs).collect();
        self.lives += 1;
        self.core = Control::new(self.core.settings().clone(), self.now(), self.lives);
        self.noted = 0;
        self.event(Event::Rebuilt { times, why: why.into() });
        self.store_answers(&[]);
    }

    /// A core that has looked at everything, knows of no streams, and has begun to decide.
    pub(crate) fn in_sight(settings: Settings, host: Host) -> Self {
        let mut desk = Self::opened(settings, host);
        desk.store_answers(&[]);
        desk
    }

    /// A fleet that the core has created itself, at rest for 1,000 seconds, on VPNs that are all well and have no
    /// forwarded ports. What has been said and done so far is not on the page.
    pub(crate) fn at_rest(settings: Settings) -> Self {
        Self::at_rest_on(settings, host_with)
    }

    /// The same on VPNs whose forwarded ports are 40001, 40002 and so on.
    pub(crate) fn at_rest_with_ports(settings: Settings) -> Self {
        Self::at_rest_on(settings, host_with_ports)
    }

    fn at_rest_on(settings: Settings, host: fn(&[&str]) -> Host) -> Self {
        let names: Vec<_> = settings.vpns.iter().map(|vpn| vpn.container.as_str()).collect();
        let host = host(&names);
        let mut desk = Self::in_sight(settings, host);
        desk.wait(secs(1_000));
        desk.page.clear();
        desk
    }

    // Given: what is outside.

    /// A container, to be changed without telling anybody.
    pub(crate) fn on(&mut self, name: &str) -> &mut Container {
        self.host.get(name)
    }

    /// Commands that begin with these words wait until the test answers them.
    pub(crate) fn hold(&mut self, words: &'static str) {
        self.held.push(words);
    }

    /// Nothing comes of restarting VPNs' containers, so that a failure lasts.
    pub(crate) fn hold_mending(&mut self) {
        for words in ["restart gluetun", "restart gluetun2", "start gluetun", "start gluetun2"] {
            self.hold(words);
        }
    }

    /// Commands that begin with these words are answered again, those that waited too.
    pub(crate) fn let_go(&mut self, words: &'static str) {
        self.held.retain(|held| *held != words);
        self.settle();
    }

    // When: what happens.

    pub(crate) fn now(&self) -> Time {
        self.host.now
    }

    /// Time passes; the core is woken whenever it wants to be, and everything is answered that is not held back.
    pub(crate) fn wait(&mut self, wait: Duration) {
        let end = self.now() + wait;
        self.settle();
        while let Some((at, _)) = self.core.next_wakeup().filter(|(at, _)| *at <= end) {
            self.host.now = at.max(self.now());
            self.tell(Event::Woken);
            self.settle();
        }
        self.host.now = end;
    }

    /// Docker's event stream tells what has just happened to a container.
    pub(crate) fn hear(&mut self, name: &str, happened: Happened) {
        let notice = self.notice(name, happened);
        self.event(Event::Docker(notice));
    }

    /// A container is removed, and Docker's event stream tells.
    pub(crate) fn hear_gone(&mut self, name: &str) {
        let notice = self.notice(name, Happened::Destroyed);
        self.host.remove(name);
        self.event(Event::Docker(notice));
    }

    /// What Docker's event stream would tell now: to be told later, or twice, or when the container is gone.
    pub(crate) fn notice(&mut self, name: &str, happened: Happened) -> Notice {
        let at = self.host.stamp();
        let Container { id, name, ours, .. } = self.host.get(name).clone();
        Notice { id, name, ours, happened, at }
    }

    /// The store tells which streams were announced, by engine and stream.
    pub(crate) fn store_answers(&mut self, streams: &[(&str, &str)]) {
        let remembered = streams.iter().map(|(engine, stream)| RememberedStream {
            engine: self.host.get(engine).id,
            stream: (*stream).into(),
            content: channel("news"),
            playback_session_id: (*stream).into(),
            stat_path: None,
            command_path: None,
            is_live: true,
            started_at: Time::ZERO,
        });
        let remembered = remembered.collect();
        self.event(Event::StoreAnswered(Ok(remembered)));
    }

    /// Somebody asks for something. The request's number.
    pub(crate) fn ask_for(&mut self, what: Request) -> u64 {
        self.requested += 1;
        let request = self.requested;
        self.event(Event::Asked { request: RequestId(request), what });
        request
    }

    /// Somebody asks for something, and is answered at once.
    pub(crate) fn answer_to(&mut self, what: Request) -> Reply {
        let request = self.ask_for(what);
        let mut answers = std::mem::take(&mut self.answers);
        assert_eq!(answers.len(), 1, "one answer: {answers:?}");
        let (answered, reply) = answers.remove(0);
        assert_eq!(answered, request);
        reply
    }

    /// The answers since they were last read, in words, each with the number of its request.
    pub(crate) fn answers(&mut self) -> String {
        let answers = std::mem::take(&mut self.answers);
        let texts: Vec<_> =
            answers.iter().map(|(request, reply)| format!("{request}: {}", words::reply(reply))).collect();
        texts.join("\n")
    }

    /// Anything else happens.
    pub(crate) fn event(&mut self, event: Event) {
        self.tell(event);
        self.settle();
    }

    /// The first open command that begins with these words is carried out, and answered.
    pub(crate) fn done(&mut self, words: &str) {
        let command = self.take(words);
        let outcome = self.host.carry_out(&command);
        self.answer_with(&command, outcome);
    }

    /// It is not carried out, and refused.
    pub(crate) fn refused(&mut self, words: &str, refusal: Refusal) {
        self.answered(words, Outcome::Refused(refusal));
    }

    /// It is not carried out, and nobody says so.
    pub(crate) fn lost(&mut self, words: &str) {
        self.postponed(words);
    }

    /// Nobody says whether it is carried out; it is, or is not, when the host is made to: see
    /// [`Host::carry_out`].
    pub(crate) fn postponed(&mut self, words: &str) -> Command {
        let command = self.take(words);
        self.answer_with(&command, Outcome::Unknown(Silence::TimedOut));
        command
    }

    /// It is carried out, and nobody says so.
    pub(crate) fn done_unheard(&mut self, words: &str) {
        let command = self.take(words);
        self.host.carry_out(&command);
        self.answer_with(&command, Outcome::Unknown(Silence::Disconnected));
    }

    /// It is answered with this, whatever is outside.
    pub(crate) fn answered(&mut self, words: &str, outcome: Outcome) {
        let command = self.take(words);
        self.answer_with(&command, outcome);
    }

    /// It is carried out now, and answered later: see [`Desk::answered`].
    pub(crate) fn carried_out(&mut self, words: &str) -> Outcome {
        let command = self.find(words).clone();
        self.host.carry_out(&command)
    }

    // Then: what the core says, does and shows. Reading the page empties it.

    /// Everything but questions.
    pub(crate) fn transcript(&mut self) -> String {
        self.read(|kind| matches!(kind, Kind::Told | Kind::Did))
    }

    /// The sentences of the journal.
    pub(crate) fn told(&mut self) -> String {
        self.read(|kind| kind == Kind::Told)
    }

    /// The sentences of the journal that contain `words`.
    pub(crate) fn told_of(&mut self, words: &str) -> String {
        self.page.retain(|line| line.text.contains(words));
        self.told()
    }

    /// The commands that change containers.
    pub(crate) fn did(&mut self) -> String {
        self.read(|kind| kind == Kind::Did)
    }

    /// What is done about sessions, and told their viewers.
    pub(crate) fn played(&mut self) -> String {
        self.read(|kind| matches!(kind, Kind::Played | Kind::Passed))
    }

    /// A viewer of the proxy comes.
    pub(crate) fn watches(&mut self, viewer: u64, name: &str) {
        self.event(Event::ViewerCame { viewer: ViewerId(viewer), content: channel(name), sees: false });
    }

    /// A viewer of the proxy is there whom an earlier core served.
    pub(crate) fn watched_before(&mut self, viewer: u64, name: &str) {
        self.event(Event::ViewerCame { viewer: ViewerId(viewer), content: channel(name), sees: true });
    }

    /// A viewer of the proxy goes.
    pub(crate) fn leaves(&mut self, viewer: u64) {
        self.event(Event::ViewerLeft(ViewerId(viewer)));
    }

    /// Somebody asks for something, and this is the one answer.
    pub(crate) fn request(&mut self, what: Request) -> Reply {
        self.event(Event::Asked { request: RequestId(1), what });
        assert_eq!(self.answers.len(), 1, "{:?}", self.answers);
        self.answers.pop().expect("it has just been counted").1
    }

    /// The questions.
    pub(crate) fn asked(&mut self) -> String {
        self.read(|kind| kind == Kind::Asked)
    }

    /// The questions that contain `words`.
    pub(crate) fn asked_for(&mut self, words: &str) -> String {
        self.page.retain(|line| line.text.contains(words));
        self.asked()
    }

    /// What the core has told inside the program since this was last asked.
    pub(crate) fn take_messages(&mut self) -> Vec<Message> {
        std::mem::take(&mut self.messages)
    }

    /// Commands that wait for the test to answer them.
    pub(crate) fn open(&self) -> impl Iterator<Item = &Command> {
        self.open.iter()
    }

    /// The same in words.
    pub(crate) fn waiting(&self) -> String {
        let texts: Vec<_> = self.open.iter().map(|command| words::of(command, &self.host)).collect();
        texts.join("\n")
    }

    /// The engines on each VPN by port, `acestream-` left out: in brackets what viewers are not offered, with a
    /// star what carries the forwarded port.
    pub(crate) fn fleet(&self) -> String {
        let snapshot = self.core.snapshot();
        let mut rows: Vec<_> =
            snapshot.vpns.iter().map(|vpn| (Some(vpn.id), vpn.container_name.as_str())).collect();
        rows.push((None, "outside"));
        let rows = rows.into_iter().filter_map(|(vpn, name)| {
            let on_it = |engine: &&EngineView| engine.vpn.as_ref().map(|(id, _)| *id) == vpn;
            let engines: Vec<_> = snapshot.engines.iter().filter(on_it).map(words::at_a_glance).collect();
            (vpn.is_some() || !engines.is_empty()).then(|| format!("{name}: {}", engines.join(" ")))
        });
        rows.collect::<Vec<_>>().join(" | ")
    }

    /// The engines that are not offered, why, and when something further is done.
    pub(crate) fn hidden(&self) -> String {
        let mut text = String::new();
        for engine in self.core.snapshot().engines {
            if let Standing::Hidden(reason) = engine.standing {
                let next = engine.next_step.map_or_else(|| "never".into(), words::moment);
                writeln!(text, "{}: {}, next step at {next}", engine.container_name, reason.describe())
                    .unwrap();
            }
        }
        text
    }

    /// What is shown of an engine.
    pub(crate) fn engine(&self, name: &str) -> EngineView {
        let engines = self.core.snapshot().engines;
        let found = engines.into_iter().find(|engine| engine.container_name.as_str() == name);
        found.unwrap_or_else(|| panic!("no engine {name} is shown"))
    }

    /// What is shown of a VPN.
    pub(crate) fn vpn(&self, name: &str) -> VpnView {
        let vpns = self.core.snapshot().vpns;
        let found = vpns.into_iter().find(|vpn| vpn.container_name.as_str() == name);
        found.unwrap_or_else(|| panic!("no VPN {name} is shown"))
    }

    // How it works.

    fn tell(&mut self, event: Event) {
        self.core.handle(self.now(), event);
        let at = self.now();
        for entry in self.core.journal().since(self.noted) {
            let text = words::without_operation(&entry.to_string());
            self.page.push(Line { at, kind: Kind::Told, text });
        }
        self.noted = self.core.journal().written();
        while let Some(message) = self.core.poll_message() {
            if let Message::Answer { request, reply } = &message {
                self.answers.push((request.0, reply.clone()));
            }
            if let Message::Route { session: Some(session), .. } = message
                && !self.unheard.contains(&session)
            {
                self.unheard.push_back(session);
            }
            if let Ok(text) = words::of_message(&message) {
                self.page.push(Line { at, kind: Kind::Passed, text });
            }
            self.messages.push(message);
        }
        while let Some(command) = self.core.poll_command() {
            let kind = match command.action {
                Action::Open { .. } | Action::Close { .. } => Kind::Played,
                _ if command.action.changes_containers() => Kind::Did,
                _ => Kind::Asked,
            };
            let text = format!("> {} ({})", words::of(&command, &self.host), command.cause);
            self.page.push(Line { at, kind, text });
            self.open.push(command);
        }
    }

    /// The core is woken if it wants to be, and what is not held back is answered, until nothing is left.
    fn settle(&mut self) {
        // Far more than anything here takes; a core that never comes to rest is a failure and no endless test.
        for _ in 0..2_000 {
            if self.core.next_wakeup().is_some_and(|(at, _)| at <= self.now()) {
                self.tell(Event::Woken);
                continue;
            }
            if !self.mute
                && let Some(session) = self.unheard.pop_front()
            {
                self.tell(Event::SessionSpoke(session));
                continue;
            }
            let free = |command: &Command| {
                let text = words::of(command, &self.host);
                !self.held.iter().any(|held| words::begin(&text, held))
            };
            let Some(at) = self.open.iter().position(free) else { return };
            let command = self.open.remove(at);
            let outcome = self.host.carry_out(&command);
            self.tell(Event::Finished { op: command.op, outcome });
        }
        panic!("the core does not come to rest at {}:\n{}", self.now(), self.transcript());
    }

    fn answer_with(&mut self, command: &Command, outcome: Outcome) {
        self.event(Event::Finished { op: command.op, outcome });
    }

    fn find(&self, words: &str) -> &Command {
        let fits = |command: &&Command| words::begin(&words::of(command, &self.host), words);
        let found = self.open.iter().find(fits);
        found.unwrap_or_else(|| panic!("no open command begins with {words:?}; open are\n{}", self.waiting()))
    }

    /// An open command that the test answers in its own time.
    pub(crate) fn take(&mut self, words: &str) -> Command {
        let op = self.find(words).op;
        let at = self.open.iter().position(|command| command.op == op);
        self.open.remove(at.expect("it has just been found"))
    }

    fn read(&mut self, which: impl Fn(Kind) -> bool) -> String {
        let mut text = String::new();
        let mut shown = None;
        for line in self.page.drain(..).filter(|line| which(line.kind)) {
            let moment = if shown == Some(line.at) { String::new() } else { words::moment(line.at) };
            shown = Some(line.at);
            text.push_str(&words::in_columns(&moment, &line.text));
        }
        text
    }
}

/// The settings of a fleet of ten on two VPNs.
pub(crate) fn two_vpns() -> Settings {
    Settings {
        vpns: vec![vpn("gluetun", None), vpn("gluetun2", None)],
        min_replicas: 10,
        ..Settings::default()
    }
}

/// The settings of a fleet of four on two VPNs: small enough to be read at a glance.
pub(crate) fn two_on_each() -> Settings {
    Settings { min_replicas: 4, ..two_vpns() }
}

/// The settings of a fleet of `count` on one VPN.
pub(crate) fn one_vpn(count: usize) -> Settings {
    Settings { vpns: vec![vpn("gluetun", None)], min_replicas: count, ..Settings::default() }
}

/// The settings of a fleet of `count` without a VPN.
pub(crate) fn no_vpn(count: usize) -> Settings {
    Settings { min_replicas: count, ..Settings::default() }
}

/// A configured VPN.
pub(crate) fn vpn(name: &str, ports: Option<RangeInclusive<u16>>) -> VpnSettings {
    VpnSettings { container: name.into(), ports }
}

pub(crate) const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub(crate) const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
