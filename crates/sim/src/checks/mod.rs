//! The checkers: witnesses that keep their own model and never ask the core what it believes.
//!
//! *Decision* checks compare what the core decides with what it has been told (`told`, `decisions`). *World*
//! checks compare it with what is really so, allowing for the time that news takes (`truths`). Whether the
//! fleet gets back to where it should be is for `pending`.

mod decisions;
mod pending;
mod streams;
mod told;
mod truths;

pub use pending::pending;

use crate::world::{Plan, World};
use control::{Action, Cause, Command, Control, Event, Message, Settings, Time};
use std::collections::BTreeSet;
use std::fmt;
use streams::Streams;
use told::Told;
use truths::Truths;

/// Something that must never be so.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// The checker that found it.
    pub checker: &'static str,
    /// When.
    pub at: Time,
    /// What it found.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "checker={} at={} {}", self.checker, self.at, self.what)
    }
}

/// Every checker, with what each remembers.
pub struct Checks {
    settings: Settings,
    told: Told,
    truths: Truths,
    streams: Streams,
    /// Decisions counted when the core was last looked at.
    revision: u64,
    /// Things that happened without time passing.
    at_once: u32,
    at_once_max: u32,
    /// Creations that were sent, over all lives.
    creations: u64,
    /// Lives by what their operations are marked with, and the one that goes on.
    lives: BTreeSet<u32>,
    life: Option<u32>,
    /// This life is about to end, and whether its engines are to go with it.
    leaving: Option<bool>,
}

impl Checks {
    /// Checkers for a world of this plan, which have seen nothing.
    pub fn new(plan: &Plan) -> Self {
        Self {
            told: Told::new(&plan.settings),
            truths: Truths::new(plan),
            streams: Streams::default(),
            settings: plan.settings.clone(),
            revision: 0,
            at_once: 0,
            at_once_max: u32::MAX,
            creations: 0,
            lives: BTreeSet::new(),
            life: None,
            leaving: None,
        }
    }

    /// Creations that were sent, over all lives.
    pub const fn creations(&self) -> u64 {
        self.creations
    }

    /// A life of acefleet ended: nobody waits for answers any more, and the next life has been told nothing.
    pub fn life_ended(&mut self, now: Time) {
        self.truths.life_ended(now);
        self.told = Told::new(&self.settings);
        self.streams.life_ended();
        self.revision = 0;
        self.life = None;
        self.leaving = None;
    }

    /// A life of acefleet began.
    pub fn life_began(&mut self, now: Time) {
        self.truths.life_began(now);
    }

    /// The core is about to be told something.
    pub fn hear(&mut self, now: Time, event: &Event) -> Option<Violation> {
        if let Event::Leaving { stop_engines } = event {
            self.leaving = Some(*stop_engines);
        }
        let found = self.told.hear(now, event).or_else(|| self.streams.hear(event));
        found.map(|(checker, what)| Violation { checker, at: now, what })
    }

    /// The core has decided to send a command.
    pub fn command(&mut self, now: Time, command: &Command, world: &World) -> Option<Violation> {
        let life = command.op.life;
        let repeated = self.life != Some(life) && !self.lives.insert(life);
        self.life = Some(life);
        let repeated =
            repeated.then(|| ("S13", format!("life {life:08x} marks its operations as one before")));
        let found = repeated
            .or_else(|| self.left_alone(command))
            .or_else(|| self.streams.command(command, world))
            .or_else(|| decisions::command(&self.told, command, &self.settings))
            .or_else(|| self.truths.command(now, command, world))
            .or_else(|| match command.action {
                Action::Tell { vpn, .. } => self.truths.harmless(now, vpn, command, world),
                _ => None,
            })
            .or_else(|| self.told.command(now, command));
        self.creations += u64::from(matches!(command.action, Action::Create(_)));
        found.map(|(checker, what)| Violation { checker, at: now, what })
    }

    /// S15: a fleet that acefleet is about to leave stays as it is, or goes with it.
    fn left_alone(&self, command: &Command) -> Found {
        let goes = matches!(command.action, Action::Stop { .. } | Action::Remove(_));
        let taken_along = goes && command.cause == Cause::Exit;
        let allowed = match self.leaving {
            Some(stop_engines) => stop_engines && taken_along,
            None => command.cause != Cause::Exit,
        };
        let code = command.action.code();
        (command.action.changes_containers() && !allowed)
            .then(|| ("S15", format!("{code} is sent at the wrong end of a life ({})", command.cause)))
    }

    /// The core has decided to tell something inside the program.
    pub fn message(&mut self, now: Time, message: &Message) -> Option<Violation> {
        let found = self.told.message(message).or_else(|| self.streams.message(now, message));
        found.map(|(checker, what)| Violation { checker, at: now, what })
    }

    /// The core has handled an event, and its commands have been sent.
    pub fn decided(&mut self, now: Time, control: &Control, world: &World) -> Option<Violation> {
        let found = self
            .told
            .engines_kept(control)
            .or_else(|| self.streams.unanswered())
            .or_else(|| self.streams.followed(now, control));
        let found = found.or_else(|| {
            if control.revision() == self.revision {
                return None;
            }
            self.revision = control.revision();
            self.truths.note_offers(now, control, world);
            decisions::offers(&self.told, control, now)
                .or_else(|| decisions::carriers_kept(&self.told, control))
                .or_else(|| self.told.reservations_kept(control))
        });
        found.map(|(checker, what)| Violation { checker, at: now, what })
    }

    /// Something has happened in the world.
    pub fn watch(&mut self, world: &World, control: Option<&Control>) -> Option<Violation> {
        let now = world.now();
        let circles = (self.at_once >= self.at_once_max)
            .then(|| ("S15", format!("{} things happened without time passing", self.at_once)));
        let found =
            circles.or_else(|| self.truths.watch(world, control)).or_else(|| self.told.unanswered(now));
        found.map(|(checker, what)| Violation { checker, at: now, what })
    }

    /// Counts things that happen without time passing.
    pub fn note_progress(&mut self, at_once: bool, max: u32) {
        self.at_once = if at_once { self.at_once + 1 } else { 0 };
        self.at_once_max = max;
    }
}

/// What a checker found, before it is known when.
type Found = Option<(&'static str, String)>;
