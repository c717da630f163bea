//! The core itself: its state, its verbs, and how it sends commands.
//!
//! What it hears is in `hear`, what it looks at in `look`, what follows in `decide` (with `judge` for VPNs and
//! `create` for creations), what it shows in `show`.

mod breakers;
mod caches;
mod create;
mod decide;
mod exit;
mod forward;
mod hear;
mod hear_containers;
mod hear_fates;
mod hear_streams;
mod hear_vpns;
mod judge;
mod leave;
mod look;
mod mend;
mod orders;
mod others;
mod passive;
mod requests;
mod sabotage;
mod sessions;
mod show;
mod show_streams;
mod stream_requests;
mod streams;
mod witness;

use crate::agenda::{Agenda, Wake};
use crate::canary::{Canary, Sabotage};
use crate::command::{Action, Cause, Command, Target};
use crate::engine::{Changing, Engine, Retry};
use crate::event::{Event, RememberedStream};
use crate::fleet::Fleet;
use crate::ids::{ContainerId, OpId, VpnId};
use crate::journal::{Expect, Journal, Subject, What, Why};
use crate::mark::Marks;
use crate::message::Message;
use crate::operation::{Fate, Operation, Operations, Task};
use crate::policy::foreign::Hand;
use crate::policy::offering::Standing;
use crate::rng::Rng;
use crate::settings::Settings;
use crate::snapshot::PassiveView;
use crate::stream::Streams;
use crate::time::Time;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;
use look::{Docker, Sight};

/// Decisions taken after one event; what is left is decided at once, after the commands have been drained.
const DECISION_ROUNDS_MAX: u32 = 4;
/// An engine that still has viewers gets this long to stop by itself before it is killed.
const STOP_GRACE: Duration = Duration::from_secs(10);

/// The one place that decides. See the crate's head for how to drive it.
#[derive(Debug)]
pub struct Control {
    settings: Settings,
    /// Drawn at the start of each life, so that operations of different lives are told apart.
    life: u32,
    /// Counts commands.
    sequence: u64,
    rng: Rng,
    /// When it began to decide: at the first complete look; before that, when it was made.
    began: Time,
    now: Time,
    fleet: Fleet,
    agenda: Agenda,
    journal: Journal,
    marks: Marks,
    sabotage: Sabotage,
    /// Commands decided and not yet polled.
    outbox: VecDeque<Command>,
    /// Messages decided and not yet polled.
    messages: VecDeque<Message>,
    streams: Streams,
    docker: Docker,
    sight: Sight,
    /// Ids that say they are ours and have not been inspected, and when something last happened to each meanwhile.
    curious: BTreeMap<ContainerId, Option<Time>>,
    /// Streams that the store remembers, on engines that have not been seen yet.
    remembered: Vec<RememberedStream>,
    /// The store could tell what it remembers.
    store_answered: bool,
    /// Since when emergency holds.
    emergency: Option<Time>,
    /// Engines on every VPN fail at once: nothing they do is held against them.
    blind: bool,
    /// An engine has answered since then.
    heard: bool,
    /// When that last began or ended: what engines had left unanswered by then says nothing of their VPNs.
    blind_until: Time,
    /// When an engine that was watched was last replaced for its health.
    replaced_used_at: Option<Time>,
    /// Idle engines are to be looked through: those that have been idle for so long may go.
    idle_review: Option<Duration>,
    /// An engine has come to a VPN that has fewer than another, and none has gone from the other for it yet.
    rebalancing: bool,
    /// Refused creations.
    create_retry: Retry,
    /// Creations that failed too often.
    breakers: breakers::Breakers,
    /// Engines that clients have asked for.
    orders: orders::Orders,
    /// What somebody else does to containers of ours.
    hand: Hand,
    /// Cores before this one broke so often that nothing is done to containers.
    broken: Option<PassiveView>,
    /// What the core before this one has sent is given until then to be seen.
    settles_at: Time,
    /// Acefleet is about to exit.
    exit: Option<exit::Exit>,
    /// Images in which no command can be run.
    shellless: BTreeSet<Arc<str>>,
    /// A container of ours was met that no operation explains: it may clash with another.
    newcomers: bool,
    /// Why nothing can be created, if so.
    blocked: Option<show::Blocked>,
    /// Announced streams that ended because their session was stale.
    stale_streams: u64,
    /// Emergencies that were entered.
    failovers: u64,
    /// Something changed that decisions rest on.
    dirty: bool,
    /// Counts decisions.
    revision: u64,
}

impl Control {
    /// A core that has seen nothing. `now` is the driver's clock; `seed` draws everything that is random.
    ///
    /// # Panics
    ///
    /// If an interval of the settings is zero; the settings' reader refuses that.
    pub fn new(settings: Settings, now: Time, seed: u64) -> Self {
        let intervals = [
            settings.monitor_interval,
            settings.ping_interval,
            settings.gluetun_health_check_interval,
            settings.gluetun_port_check_interval,
            settings.health_check_interval,
            settings.autoscale_interval,
            settings.collect_interval,
        ];
        assert!(!intervals.contains(&Duration::ZERO), "an interval is zero");
        let mut rng = Rng::new(seed);
        let breakers = breakers::Breakers::new(&settings);
        let fleet = Fleet::new(&settings);
        let vpns = || fleet.vpns.iter().map(|vpn| vpn.id);
        let mut agenda = Agenda::default();
        agenda.set(Wake::Ping, now);
        agenda.set(Wake::List, now);
        agenda.set(Wake::ReviewIdle, now + settings.autoscale_interval);
        for vpn in vpns() {
            agenda.set(Wake::InspectVpn(vpn), now);
            agenda.set(Wake::AskTunnel(vpn), now);
            agenda.set(Wake::AskPorts(vpn), now);
        }
        Self {
            life: u32::try_from(rng.below(u64::from(u32::MAX))).unwrap_or_default(),
            sequence: 0,
            sight: Sight::opening(vpns()),
            rng,
            began: now,
            now,
            fleet,
            agenda,
            breakers,
            settings,
            journal: Journal::default(),
            marks: Marks::default(),
            sabotage: Sabotage::default(),
            outbox: VecDeque::new(),
            messages: VecDeque::new(),
            streams: Streams::default(),
            docker: Docker::default(),
            curious: BTreeMap::new(),
            remembered: Vec::new(),
            store_answered: false,
            emergency: None,
            blind: false,
            heard: false,
            blind_until: Time::ZERO,
            replaced_used_at: None,
            idle_review: None,
            rebalancing: false,
            create_retry: Retry::default(),
            orders: orders::Orders::default(),
            hand: Hand::default(),
            broken: None,
            settles_at: Time::ZERO,
            exit: None,
            shellless: BTreeSet::new(),
            newcomers: false,
            blocked: None,
            stale_streams: 0,
            failovers: 0,
            dirty: false,
            revision: 0,
        }
    }

    /// Breaks one policy on purpose.
    #[cfg(feature = "canary")]
    pub const fn sabotage(&mut self, canary: Canary) {
        self.sabotage = Sabotage::of(canary);
    }

    /// Tells one thing that happened.
    ///
    /// # Panics
    ///
    /// If commands of the event before have not been polled, or if time runs backwards: both are mistakes of
    /// the driver. Never because of what an event says.
    pub fn handle(&mut self, now: Time, event: Event) {
        let drained = self.outbox.is_empty() && self.messages.is_empty();
        assert!(drained, "handle one event, drain the commands, then wait");
        assert!(now >= self.now, "time runs backwards");
        self.now = now;
        match event {
            Event::Woken => {}
            Event::Rebuilt { times, why } => self.hear_rebuilt(&times, why),
            Event::Leaving { stop_engines } => self.hear_leaving(stop_engines),
            Event::Finished { op, outcome } => self.hear_finished(op, outcome),
            Event::Docker(notice) => self.hear_notice(&notice),
            Event::DockerStreamOpened => self.look_at_all(),
            Event::StoreAnswered(answer) => self.hear_store(answer),
            Event::PortsPushed { vpn, ports } => self.hear_pushed(vpn, &ports),
            Event::Asked { request, what } => self.hear_request(request, &what),
            Event::ViewerCame { viewer, content, sees } => self.hear_viewer(viewer, content, sees),
            Event::ViewerLeft(viewer) => self.hear_viewer_left(viewer),
            Event::SessionBroke(session) => self.hear_session_broke(session),
            Event::SessionSpoke(session) => self.hear_session_spoke(session),
            Event::SessionSilent(session) => self.hear_session_silent(session),
        }
        while let Some(wake) = self.agenda.take_due(now) {
            self.wake(wake);
        }
        for _ in 0..DECISION_ROUNDS_MAX {
            if !core::mem::take(&mut self.dirty) {
                return;
            }
            self.decide();
            self.revision += 1;
        }
        if self.dirty {
            self.agenda.set_earlier(Wake::Decide, now);
        }
    }

    /// The next command to carry out. Drain before the next event.
    pub fn poll_command(&mut self) -> Option<Command> {
        self.outbox.pop_front()
    }

    /// The next message to pass on. Drain before the next event.
    pub fn poll_message(&mut self) -> Option<Message> {
        self.messages.pop_front()
    }

    /// When it wants to be woken, and why.
    pub fn next_wakeup(&self) -> Option<(Time, Wake)> {
        self.agenda.next()
    }

    /// Counts decisions. While it stands still, nothing that is shown has changed but the ages of things.
    pub const fn revision(&self) -> u64 {
        self.revision
    }

    /// What was decided and why.
    pub const fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Which branches of the policies were reached.
    pub const fn marks(&self) -> &Marks {
        &self.marks
    }

    /// What has been sent and is not settled.
    pub const fn operations(&self) -> &Operations {
        &self.fleet.operations
    }

    /// The containers of ours that it believes in.
    pub fn engines(&self) -> impl Iterator<Item = &Engine> {
        self.fleet.engines.values()
    }

    /// Whether it believes that Docker answers.
    pub const fn docker_reachable(&self) -> bool {
        self.docker.reachable()
    }

    /// Whether the first complete look has been had: before it, nothing is known of what there is.
    pub const fn is_ready(&self) -> bool {
        !self.sight.opening
    }

    /// The operator's choices that it works with.
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    // Sending.

    /// Sends a command and keeps what is needed to understand its end.
    fn send(&mut self, cause: Cause, action: Action, task: Task) -> OpId {
        if !self.sabotage.is(Canary::IdsRepeat) || self.sequence % 64 != 63 {
            self.sequence += 1;
        }
        let op = OpId { life: self.life, seq: self.sequence };
        let timeout = self.timeout(&action);
        self.fleet.operations.insert(Operation { id: op, cause, sent_at: self.now, task, fate: Fate::Open });
        self.outbox.push_back(Command { op, cause, action, timeout });
        op
    }

    fn timeout(&self, action: &Action) -> Duration {
        match action {
            Action::Ping => self.settings.ping_timeout,
            Action::List
            | Action::Inspect(_)
            | Action::Create(_)
            | Action::CreateOther(_)
            | Action::Start(_)
            | Action::Remove(_)
            | Action::ClearCache(_) => self.settings.docker_timeout,
            Action::Restart { grace, .. } | Action::Stop { grace, .. } => {
                self.settings.docker_timeout + *grace
            }
            Action::Probe { .. } => self.settings.probe_timeout,
            Action::Ask { .. } => self.settings.gluetun_timeout,
            Action::Tell { .. } => self.settings.gluetun_tell_timeout,
            Action::Open { .. } => self.settings.startup_timeout,
            Action::AskSession { .. } | Action::Close { .. } => self.settings.probe_timeout,
        }
    }

    /// Sends a command that changes a container of ours, and says so in the journal.
    fn change(&mut self, id: ContainerId, changing: Changing, cause: Cause, why: Vec<Why>) {
        let Some(engine) = self.fleet.engines.get(&id) else { return };
        debug_assert!(engine.operation.is_none(), "one operation at a time for each container");
        let subject = engine.subject();
        // Nobody asks a container of another kind anything.
        let starts = if engine.is_engine() { self.expect_answer() } else { Expect::Nothing };
        let (action, task, what, expect) = match changing {
            Changing::Starting => (Action::Start(id), Task::Start(id), What::Start, starts),
            Changing::Restarting => (
                Action::Restart { id, grace: Duration::ZERO },
                Task::Restart(id),
                What::Restart,
                self.expect_answer(),
            ),
            Changing::Stopping => {
                (Action::Stop { id, grace: STOP_GRACE }, Task::Stop(id), What::Stop, Expect::Removal)
            }
            Changing::Removing => (Action::Remove(id), Task::Remove(id), What::Remove, Expect::Nothing),
        };
        let what = if cause == Cause::Misported { What::StopCarrier } else { what };
        self.write(subject, what, why, expect);
        let op = self.send(cause, action, task);
        if let Some(engine) = self.fleet.engines.get_mut(&id) {
            engine.operation = Some((op, changing));
            engine.touched = self.now;
            engine.stand(Standing::Hidden(changing.reason()), self.now);
            if matches!(changing, Changing::Stopping | Changing::Removing) {
                engine.condemned = Some(cause);
            }
        }
        self.dirty = true;
    }

    fn expect_answer(&self) -> Expect {
        Expect::AnswerBy(self.now + self.settings.boot_allowance())
    }

    /// Inspects a container of ours; after the inspection under way, if there is one, and when Docker is there.
    fn look_at(&mut self, id: ContainerId, cause: Cause) {
        if let Some(engine) = self.fleet.engines.get_mut(&id)
            && engine.inspecting.is_some()
        {
            // What is under way may have been answered already: it says nothing of what has just happened.
            engine.look_again = true;
            return;
        }
        if !self.docker.reachable() {
            self.agenda.set(Wake::Look(id), self.now + self.settings.ping_interval);
            return;
        }
        let op = self.send(cause, Action::Inspect(Target::Id(id)), Task::InspectContainer(id));
        match self.fleet.engines.get_mut(&id) {
            Some(engine) => engine.inspecting = Some(op),
            None => {
                self.curious.insert(id, None);
            }
        }
    }

    fn inspect_vpn(&mut self, vpn: VpnId, cause: Cause) {
        if self.fleet.vpn(vpn).inspecting.is_some() || !self.docker.reachable() {
            return;
        }
        let name = self.fleet.vpn(vpn).name().clone();
        let op = self.send(cause, Action::Inspect(Target::Name(name)), Task::InspectVpn(vpn));
        self.fleet.vpn_mut(vpn).inspecting = Some(op);
    }

    // Writing.

    fn write(&mut self, subject: Subject, what: What, why: Vec<Why>, expect: Expect) {
        self.journal.write(self.now, subject, what, why, expect);
    }

    fn vpn_subject(&self, vpn: VpnId) -> Subject {
        Subject::Vpn(vpn, self.fleet.vpn(vpn).name().clone())
    }
}
