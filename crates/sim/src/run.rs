//! One run: a world, the lives of acefleet in it, and the checkers that watch both.
//!
//! A run is a function of its plan and its seed. It drives the core as the program's driver does, and stops at
//! the first violation.

use crate::checks::{Checks, Violation};
use crate::world::World;
use control::canary::Canary;
use control::ids::{RequestId, SpecHash};
use control::policy::rebuilds::KEPT;
use control::request::{Reply, Request};
use control::{Control, Event, Message, Time, Wake};
use std::collections::VecDeque;
use std::time::Duration;

/// A world with acefleet in it.
pub struct Run {
    world: World,
    control: Option<Control>,
    checks: Checks,
    canary: Option<Canary>,
    seed: u64,
    lives: u32,
    /// Times that what engines are created from was changed between lives.
    upgrades: u64,
    violation: Option<Violation>,
    /// Branches reached in earlier lives.
    reached: Reached,
    /// Entries of this life's journal that are in the trace already.
    journalled: u64,
    /// When the core was rebuilt after it broke, the latest last.
    rebuilds: VecDeque<Time>,
    /// The latest answers to requests, and when they were given.
    answers: VecDeque<(RequestId, Time, Reply)>,
}

/// How often each branch of a policy was reached, over all lives.
pub type Reached = Vec<u64>;

/// Answers to requests that are kept to be looked at.
const ANSWERS_KEPT: usize = 16;

/// Events at one moment of simulated time, after which the run must be going round in circles.
const EVENTS_AT_ONCE_MAX: u32 = 100_000;

impl Run {
    /// The run of this world. The seed is for the core.
    pub fn new(world: World, seed: u64, canary: Option<Canary>) -> Self {
        let mut run = Self {
            checks: Checks::new(world.plan()),
            world,
            control: None,
            canary,
            seed,
            lives: 0,
            upgrades: 0,
            violation: None,
            reached: vec![0; control::mark::Mark::ALL.len()],
            journalled: 0,
            rebuilds: VecDeque::new(),
            answers: VecDeque::new(),
        };
        run.begin_life();
        run
    }

    /// The world.
    pub const fn world(&self) -> &World {
        &self.world
    }

    /// The world, to let something happen to it.
    pub const fn world_mut(&mut self) -> &mut World {
        &mut self.world
    }

    /// The core, while acefleet lives.
    pub const fn control(&self) -> Option<&Control> {
        self.control.as_ref()
    }

    /// Lives of acefleet that have begun.
    pub const fn lives(&self) -> u32 {
        self.lives
    }

    /// What a checker found, if anything. The run has stopped there.
    pub const fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    /// The checkers.
    pub const fn checks(&self) -> &Checks {
        &self.checks
    }

    /// Now.
    pub const fn now(&self) -> Time {
        self.world.now()
    }

    /// How often each branch was reached.
    pub fn reached(&self) -> Reached {
        let mut reached = self.reached.clone();
        if let Some(control) = &self.control {
            add(&mut reached, control);
        }
        reached
    }

    /// Acefleet dies without a word. What Docker has been sent is carried out all the same.
    pub fn crash(&mut self) {
        if let Some(control) = self.control.take() {
            add(&mut self.reached, &control);
            self.world.store_keeps(control.announced());
            self.world.hang_up();
            self.checks.life_ended(self.world.now());
        }
    }

    /// The operator chooses another image or command; the next life creates engines from it.
    pub const fn upgrade(&mut self) {
        self.upgrades += 1;
    }

    /// Acefleet is started, remembering nothing.
    pub fn begin_life(&mut self) {
        self.rebuilds.clear();
        self.begin_with(Event::Woken);
    }

    /// The core breaks over something, and the driver builds another in its place at once.
    pub fn rebuild(&mut self) {
        self.crash();
        self.rebuilds.push_back(self.world.now());
        if self.rebuilds.len() > KEPT {
            self.rebuilds.pop_front();
        }
        let times = self.rebuilds.iter().copied().collect();
        self.begin_with(Event::Rebuilt { times, why: "a storm".into() });
    }

    fn begin_with(&mut self, first: Event) {
        if self.control.is_some() {
            return;
        }
        self.lives += 1;
        self.journalled = 0;
        let mut settings = self.world.plan().settings.clone();
        settings.spec = SpecHash(settings.spec.0.wrapping_add(self.upgrades));
        let seed = self.seed.wrapping_add(u64::from(self.lives));
        let mut control = Control::new(settings, self.world.now(), seed);
        if let Some(canary) = self.canary {
            control.sabotage(canary);
        }
        self.control = Some(control);
        self.world.attach();
        self.checks.life_began(self.world.now());
        self.tell(first);
    }

    /// Acefleet is told to exit, and does so when it has left, or after `patience`. True if it had left.
    pub fn leave(&mut self, stop_engines: bool, patience: Duration) -> bool {
        self.tell(Event::Leaving { stop_engines });
        let end = self.world.now() + patience;
        let has_left = |run: &Self| run.control.as_ref().is_some_and(Control::has_left);
        while self.violation.is_none() && !has_left(self) {
            match self.next() {
                Some(at) if at <= end => self.step(),
                Some(_) | None => break,
            }
        }
        let left = has_left(self);
        self.crash();
        left
    }

    /// Somebody asks acefleet for something now. The request's number.
    pub fn ask(&mut self, what: Request) -> RequestId {
        let event = self.world.ask_for(what);
        let Event::Asked { request, .. } = event else { return RequestId(0) };
        self.tell(event);
        request
    }

    /// How a request was answered, and when, if it was, lately.
    pub fn answer(&self, request: RequestId) -> Option<(Time, &Reply)> {
        let found = self.answers.iter().find(|(answered, ..)| *answered == request);
        found.map(|(_, at, reply)| (*at, reply))
    }

    /// Goes on until `end`, or until a checker finds something. True if it got there.
    pub fn until(&mut self, end: Time) -> bool {
        while self.violation.is_none() {
            match self.next() {
                Some(at) if at <= end => self.step(),
                Some(_) | None => {
                    self.world.advance_to(end);
                    break;
                }
            }
        }
        self.violation.is_none()
    }

    /// Goes on until acefleet is creating something, or until `end`.
    pub fn until_creating(&mut self, end: Time) -> bool {
        let creating = |control: &Control| control.operations().creates().next().is_some();
        while self.violation.is_none() && !self.control.as_ref().is_some_and(creating) {
            match self.next() {
                Some(at) if at <= end => self.step(),
                Some(_) | None => return self.until(end),
            }
        }
        self.violation.is_none()
    }

    /// Goes on for `time`.
    pub fn pass(&mut self, time: Duration) -> bool {
        self.until(self.world.now() + time)
    }

    /// The moment of the next thing that happens, in the world or to the core.
    pub fn next(&self) -> Option<Time> {
        let wakeup = self.wakeup().map(|(at, _)| at);
        [self.world.next_at(), wakeup].into_iter().flatten().min()
    }

    fn wakeup(&self) -> Option<(Time, Wake)> {
        self.control.as_ref()?.next_wakeup().map(|(at, wake)| (at.max(self.world.now()), wake))
    }

    /// Lets the next thing happen.
    pub fn step(&mut self) {
        let wakeup = self.wakeup();
        let world_first = match (self.world.next_at(), wakeup) {
            (Some(world), Some((wakeup, _))) => world <= wakeup,
            (Some(_), None) => true,
            (None, _) => false,
        };
        let before = self.world.now();
        if world_first {
            if let Some(event) = self.world.step() {
                self.tell(event);
            }
            self.list_engines();
            self.list_streams();
        } else if let Some((at, _)) = wakeup {
            self.world.advance_to(at);
            self.tell(Event::Woken);
        }
        self.checks.note_progress(before == self.world.now(), EVENTS_AT_ONCE_MAX);
        let found = self.checks.watch(&self.world, self.control.as_ref());
        self.violation = self.violation.take().or(found);
    }

    /// Other programs that choose engines by themselves are shown those that there are.
    fn list_engines(&mut self) {
        while let Some(client) = self.world.take_wish() {
            let engines = self.control.as_ref().map(|control| control.snapshot().engines);
            self.world.client_chooses(client, &engines.unwrap_or_default());
        }
    }

    /// Who wants something done about a stream is shown those that there are.
    fn list_streams(&mut self) {
        if self.world.take_wish_for_streams()
            && let Some(control) = &self.control
        {
            let what = self.world.choose_about_streams(&control.snapshot());
            self.ask(what);
        }
    }

    fn tell(&mut self, event: Event) {
        let Some(control) = &mut self.control else { return };
        let now = self.world.now();
        let mut found = self.checks.hear(now, &event);
        control.handle(now, event);
        while let Some(message) = control.poll_message() {
            found = found.or(self.checks.message(now, &message));
            self.world.hear(&message);
            if let Message::Answer { request, reply } = message {
                self.answers.truncate(ANSWERS_KEPT - 1);
                self.answers.push_front((request, now, reply));
            }
        }
        while let Some(command) = control.poll_command() {
            found = found.or(self.checks.command(now, &command, &self.world));
            if found.is_none() {
                self.world.submit(command);
            }
        }
        if self.world.trace().is_kept() {
            for entry in control.journal().since(self.journalled) {
                self.world.trace_mut().say(now, &entry.to_string());
            }
            self.journalled = control.journal().written();
        }
        found = found.or_else(|| self.checks.decided(now, control, &self.world));
        self.violation = self.violation.take().or(found);
    }
}

fn add(reached: &mut Reached, control: &Control) {
    for (count, mark) in reached.iter_mut().zip(control::mark::Mark::ALL) {
        *count += u64::from(control.marks().count(*mark));
    }
}
