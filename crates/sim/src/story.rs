//! Stories: the language in which named scenarios are told.
//!
//! A [`Story`] plays one run in calm weather, where nothing goes wrong but what is told. It reads in three
//! kinds of sentences: what befalls somebody (`acts`), how long it goes on, and what must be so then
//! (`findings`). Every checker watches each step. A test that fails ends with the journal and the end of the
//! trace, whoever panicked.

mod acts;
mod asks;
mod findings;
mod ledger;
mod stage;

pub use acts::{AcefleetActs, DockerActs, EngineActs, VpnActs};
pub use findings::Finding;
pub use stage::{Stage, one_vpn, two_vpns, without_vpn};

use crate::checks::pending;
use crate::run::Run;
use crate::world::World;
use control::ids::{ContainerId, VpnId};
use control::{Control, Time};
use ledger::{Change, Ledger, Seen};
use std::collections::BTreeMap;
use std::time::Duration;

/// The first VPN of every stage that has one.
pub const GLUETUN: VpnId = VpnId(0);
/// The second VPN.
pub const GLUETUN2: VpnId = VpnId(1);

/// So many seconds.
pub const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// So many milliseconds.
pub const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A fleet settles within this time, whatever has befallen it.
const SETTLES_WITHIN: Duration = secs(900);
/// It has settled when nothing has been pending for this long: repairs that follow each other leave gaps.
const SETTLED_FOR: Duration = secs(5);
/// And comes to rest within this time since its chapter began.
const AT_REST_WITHIN: Duration = secs(7_200);
const ASKED_EVERY: Duration = millis(500);
/// Anything else that a story waits for comes within this time.
const PATIENCE: Duration = secs(60);
/// Lines of the trace, and entries of the journal, that a failing test shows.
const LINES_SHOWN: usize = 80;

/// One run, as it is told.
pub struct Story {
    run: Run,
    ledger: Ledger,
    journal: Vec<Told>,
    /// The life of acefleet whose journal was last read, and how far.
    read: (u32, u64),
    chapter: Chapter,
    steps: u64,
}

/// An entry of the journal, kept beyond the life that wrote it.
struct Told {
    at: Time,
    words: String,
}

/// What was so when the present chapter began: findings about what has changed are counted from there.
struct Chapter {
    title: String,
    began: Time,
    engines: BTreeMap<ContainerId, Seen>,
    changes: usize,
    journal: usize,
    operations: u64,
}

impl Story {
    /// The story that begins on this stage, with the first life of acefleet.
    pub fn of(stage: Stage) -> Self {
        let Stage { plan, seed } = stage;
        let mut world = World::new(plan, seed);
        world.keep_trace(LINES_SHOWN);
        let run = Run::new(world, seed, None);
        let chapter = Chapter {
            title: "the beginning".into(),
            began: run.now(),
            engines: BTreeMap::new(),
            changes: 0,
            journal: 0,
            operations: 0,
        };
        let mut story =
            Self { run, ledger: Ledger::default(), journal: Vec::new(), read: (0, 0), chapter, steps: 0 };
        story.look();
        story
    }

    /// The same, once the fleet has come up.
    pub fn of_settled(stage: Stage) -> Self {
        let mut story = Self::of(stage);
        story.until_settled();
        story
    }

    /// Begins a chapter: from here on it is counted what is created, removed, restarted and written.
    pub fn chapter(&mut self, title: impl Into<String>) {
        self.chapter = Chapter {
            title: title.into(),
            began: self.time(),
            engines: self.ledger.engines().clone(),
            changes: self.ledger.changes().len(),
            journal: self.journal.len(),
            operations: self.operations_ended(),
        };
    }

    // How long it goes on.

    /// Goes on for `time`.
    pub fn pass(&mut self, time: Duration) {
        let end = self.time() + time;
        while self.step_by(end) {}
    }

    /// Goes on until the fleet is as it should be and stays so.
    pub fn until_settled(&mut self) {
        let began = self.time();
        let mut settled_since = None;
        loop {
            let pending = pending(&self.run);
            let waited = self.time().since(began);
            match pending {
                None if self.time().since(*settled_since.get_or_insert(self.time())) >= SETTLED_FOR => return,
                None => {}
                Some(reason) => {
                    settled_since = None;
                    assert!(waited < SETTLES_WITHIN, "not settled after {waited:?}: {reason}");
                }
            }
            self.pass(ASKED_EVERY);
        }
    }

    /// Goes on until the fleet is as it should be, and none of its engines has been touched for longer than anything
    /// waits: what stabilization puts off, and a hand-off after that, have happened by then.
    pub fn until_at_rest(&mut self) {
        let settings = &self.world().plan().settings;
        let rests_for = settings.vpn_recovery_stabilization + settings.handoff + SETTLED_FOR;
        loop {
            self.until_settled();
            let changes = self.ledger.changes().len();
            self.pass(rests_for);
            if self.ledger.changes().len() == changes && pending(&self.run).is_none() {
                return;
            }
            let waited = self.time().since(self.chapter.began);
            assert!(waited < AT_REST_WITHIN, "not at rest after {waited:?}");
        }
    }

    /// Goes on step by step until something is so, and not a step further.
    pub fn until(&mut self, what: &str, so: impl Fn(&Self) -> bool) {
        let end = self.time() + PATIENCE;
        while !so(self) {
            assert!(self.step_by(end), "in vain: {what}");
        }
    }

    /// Goes on until Docker has so many engines that did not exist when the chapter began.
    pub fn until_created(&mut self, count: usize) {
        self.until("engines are created", |story| story.count_created() >= count);
    }

    /// Goes on for so many steps: each is one thing that happens in the world, or one wakeup.
    pub fn go_on_for_steps(&mut self, steps: u64) {
        for _ in 0..steps {
            self.run.step();
            self.steps += 1;
            self.look();
        }
    }

    /// Steps taken so far.
    pub const fn steps(&self) -> u64 {
        self.steps
    }

    /// Takes the next step, unless that is after `end`. False once `end` is reached.
    fn step_by(&mut self, end: Time) -> bool {
        if self.run.next().is_some_and(|at| at <= end) {
            self.go_on_for_steps(1);
            return true;
        }
        self.run.until(end);
        false
    }

    /// Looks at what the last step has brought, with every checker's eyes too.
    fn look(&mut self) {
        self.ledger.note(self.run.now(), self.run.world());
        let life = self.run.lives();
        if self.read.0 != life {
            self.read = (life, 0);
        }
        if let Some(journal) = self.run.control().map(Control::journal) {
            let news = journal.since(self.read.1);
            self.journal.extend(news.map(|entry| Told { at: entry.at, words: entry.to_string() }));
            self.read.1 = journal.written();
        }
        if let Some(violation) = self.run.violation() {
            panic!("a checker objects: {violation}");
        }
    }

    // What must be so.

    /// What must be so now, once all that belongs to this moment has happened.
    pub fn now(&mut self) -> Finding<'_> {
        self.within(Duration::ZERO)
    }

    /// What must come to be so within `time`; goes on until it is.
    pub fn within(&mut self, time: Duration) -> Finding<'_> {
        let by = self.time() + time;
        Finding::by(self, by)
    }

    /// What must be so at each step of the next `time`.
    pub fn throughout(&mut self, time: Duration, so: impl for<'a> Fn(Finding<'a>) -> Finding<'a>) {
        let end = self.time() + time;
        so(self.now());
        while self.step_by(end) {
            so(self.now());
        }
    }

    // Whom something befalls.

    /// A VPN, for something to befall it.
    pub const fn vpn(&mut self, vpn: VpnId) -> VpnActs<'_> {
        VpnActs::new(self, vpn)
    }

    /// The engine of this number, for something to befall it.
    pub fn engine(&mut self, number: u32) -> EngineActs<'_> {
        EngineActs::new(self, number)
    }

    /// Docker, for something to befall it.
    pub const fn docker(&mut self) -> DockerActs<'_> {
        DockerActs::new(self)
    }

    /// Acefleet itself, for something to befall it.
    pub const fn acefleet(&mut self) -> AcefleetActs<'_> {
        AcefleetActs::new(self)
    }

    // What is so.

    /// The time of the story.
    pub const fn time(&self) -> Time {
        self.run.now()
    }

    /// The world.
    pub const fn world(&self) -> &World {
        self.run.world()
    }

    fn world_mut(&mut self) -> &mut World {
        self.run.world_mut()
    }

    /// The core.
    fn control(&self) -> &Control {
        self.run.control().expect("acefleet lives")
    }

    fn changes(&self) -> impl Iterator<Item = &Change> {
        self.ledger.changes()[self.chapter.changes..].iter()
    }

    fn count_created(&self) -> usize {
        self.changes().filter(|change| change.is_creation()).count()
    }

    fn operations_ended(&self) -> u64 {
        self.world().tally().operations.values().sum()
    }
}

impl Drop for Story {
    /// The story of a test that fails is told to its end.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let Chapter { title, began, journal, .. } = &self.chapter;
        eprintln!("\nin the chapter \"{title}\", {:.3?} after it began", self.time().since(*began));
        eprintln!("the journal since then:");
        let entries = &self.journal[*journal..];
        for told in &entries[entries.len().saturating_sub(LINES_SHOWN)..] {
            eprintln!("  +{:.3?} {}", told.at.since(*began), told.words);
        }
        eprintln!("the end of the trace:");
        self.world().trace().lines().for_each(|line| eprintln!("  {line}"));
    }
}
