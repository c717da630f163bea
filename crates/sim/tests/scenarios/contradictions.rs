//! Events that contradict each other, come twice, late, out of order, or tell of things unknown.
//!
//! A liar stands between a stormy world and the core. Whatever he tells, the core must not panic, and what it
//! decides must be right by what it has been told: the decision checks watch. What is really so is not asked
//! here.

use crate::inventions::{Identity, Inventions};
use control::command::Target;
use control::docker::Happened;
use control::event::{Outcome, Refusal, Report, Silence};
use control::ids::{ContainerId, OpId};
use control::mark::Mark;
use control::rng::Rng;
use control::{Action, Control, Event, Time};
use sim::checks::Checks;
use sim::world::{Container, Plan, Span, World};
use std::collections::BTreeMap;
use std::time::Duration;

const SEQUENCES: u64 = 300;
const EVENTS: u32 = 1_500;
/// What one event may cause at once, with room: a look at everything there is.
const COMMANDS_MAX: usize = 300;

#[test]
fn whatever_is_told_the_core_decides_by_what_it_was_told() {
    tell(Shame::Some);
}

#[test]
fn whatever_is_told_the_core_never_panics() {
    tell(Shame::None);
}

fn tell(shame: Shame) {
    let mut reached = vec![false; Mark::ALL.len()];
    for seed in 0..SEQUENCES {
        let _said_on_panic = Seed(seed);
        let mut liar = Liar::new(seed, shame);
        for _ in 0..EVENTS {
            liar.tell_something();
        }
        for (reached, mark) in reached.iter_mut().zip(Mark::ALL) {
            *reached |= liar.control.marks().count(*mark) > 0;
        }
    }
    // A core that is led nowhere holds every check.
    let count = reached.iter().filter(|reached| **reached).count();
    assert!(count * 4 > reached.len() * 3, "only {count} of {} branches were reached", reached.len());
}

/// How far lies go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shame {
    /// As far as the checkers can follow: who a container is, and that it is gone for good, nobody lies
    /// about.
    Some,
    /// Everything is a lie.
    None,
}

/// Says which seed it was that panicked.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("seed {}", self.0);
        }
    }
}

struct Liar {
    shame: Shame,
    rng: Rng,
    inventions: Inventions,
    /// How many in a hundred things that he tells are invented.
    lies_percent: u64,
    world: World,
    /// A world in which nothing exists, for checks that would ask what is really so.
    nowhere: World,
    control: Control,
    checks: Checks,
    /// What has not been answered, and until when a driver waits for that.
    open: BTreeMap<OpId, (Action, Time)>,
    /// What he will tell later, once or again.
    kept: Vec<Event>,
}

impl Liar {
    fn new(seed: u64, shame: Shame) -> Self {
        let mut rng = Rng::new(seed);
        let mut plan = Plan::drawn(&mut rng);
        plan.storm.every = Span::secs(1, 20);
        let deserted = Plan { dawns: vec![Duration::MAX; plan.dawns.len()], ..plan.clone() };
        let mut world = World::new(plan, rng.bits());
        world.attach();
        let mut liar = Self {
            shame,
            inventions: Inventions::new(rng.bits(), shame),
            lies_percent: rng.below(31),
            nowhere: World::new(deserted, 0),
            control: Control::new(world.plan().settings.clone(), world.now(), rng.bits()),
            checks: Checks::new(world.plan()),
            world,
            open: BTreeMap::new(),
            kept: Vec::new(),
            rng,
        };
        liar.tell(Event::Woken);
        liar
    }

    fn tell_something(&mut self) {
        if self.rng.chance(self.lies_percent) {
            let identity = |found: &Container| Identity {
                id: found.id(),
                name: found.name().clone(),
                ours: found.ours(),
                labels: found.labels().clone(),
            };
            let containers: Vec<Identity> = self.world.containers().map(identity).collect();
            let operations: Vec<OpId> = self.open.keys().copied().collect();
            self.inventions.hear(self.world.now(), &containers, &operations);
            let event = self.inventions.event();
            return match self.shame {
                Shame::Some => self.tell(self.short_of_burying_the_living(event)),
                Shame::None => self.tell(event),
            };
        }
        if self.rng.chance(10) && !self.kept.is_empty() {
            let place = self.rng.below(self.kept.len() as u64) as usize;
            let event = self.kept.swap_remove(place);
            return match self.shame {
                Shame::Some => self.tell(self.unless_given_up(event)),
                Shame::None => self.tell(event),
            };
        }
        let wakeup = self.control.next_wakeup().map(|(at, _)| at.max(self.world.now()));
        let event = match (self.world.next_at(), wakeup) {
            (Some(next), Some(wakeup)) if wakeup < next => {
                self.world.advance_to(wakeup);
                Some(Event::Woken)
            }
            (Some(_) | None, _) => self.world.step(),
        };
        if let Some(event) = event {
            self.pass_on(event);
        }
    }

    /// He tells it as it is, or twice, or late, or never.
    fn pass_on(&mut self, event: Event) {
        match self.rng.below(20) {
            0 => self.kept.push(event),
            1 => {
                self.kept.push(event.clone());
                self.tell(event);
            }
            2 if matches!(event, Event::Docker(_)) => {}
            _ => self.tell(event),
        }
    }

    fn tell(&mut self, event: Event) {
        let now = self.world.now();
        if let Some(id) = self.buried_by(&event) {
            self.inventions.bury(id);
        }
        let mut found = self.as_understood(&event).and_then(|event| self.checks.hear(now, &event));
        self.control.handle(now, event);
        // A request that is told twice is answered twice; telling it once is the driver's business.
        while let Some(message) = self.control.poll_message() {
            let _ = self.checks.message(now, &message);
            self.world.hear(&message);
        }
        let mut commands = 0;
        while let Some(command) = self.control.poll_command() {
            commands += 1;
            let blind = !self.control.docker_reachable() || !self.control.snapshot().ready;
            assert!(!blind || !command.action.changes_containers(), "{command:?} is sent blindly");
            let before = self.open.insert(command.op, (command.action.clone(), now + command.timeout));
            assert_eq!(before, None, "{} is used twice", command.op);
            found = found.or(self.checks.command(now, &command, &self.nowhere));
            self.world.submit(command);
        }
        assert!(commands <= COMMANDS_MAX, "{commands} commands at once");
        found = found.or(self.checks.decided(now, &self.control, &self.nowhere));
        if self.shame == Shame::Some {
            // Here VPNs fail for no reason, and then their ports are forgotten: the checker of ports cannot know.
            assert_eq!(found.filter(|found| found.checker != "S8"), None);
        }
        assert!(self.control.next_wakeup().is_some(), "it would sleep for ever");
    }

    /// Nothing comes back from being gone, and an inspection finds whom it asks for: about these an answer is
    /// taken at its word, so nobody lies about them.
    fn short_of_burying_the_living(&self, event: Event) -> Event {
        let Event::Finished { op, outcome } = &event else { return event };
        let Some((action, _)) = self.open.get(op) else { return event };
        let taken_at_its_word = match (action, outcome) {
            (Action::Remove(_), Outcome::Done(_) | Outcome::Refused(Refusal::NoSuchContainer))
            | (Action::Inspect(_), Outcome::Done(Report::Absent)) => true,
            (Action::Inspect(target), Outcome::Done(Report::Found(facts))) => match target {
                Target::Id(id) => *id != facts.listed.id,
                Target::Name(name) => *name != facts.listed.name,
            },
            _ => false,
        };
        if taken_at_its_word { unanswered(*op) } else { event }
    }

    /// A driver waits for an answer as long as the command says, and no longer.
    fn unless_given_up(&self, event: Event) -> Event {
        let Event::Finished { op, .. } = &event else { return event };
        let late = self.open.get(op).is_some_and(|(_, deadline)| self.world.now() > *deadline);
        if late { unanswered(*op) } else { event }
    }

    /// Whom the core will believe to be gone for good.
    fn buried_by(&self, event: &Event) -> Option<ContainerId> {
        match event {
            Event::Docker(notice) => (notice.happened == Happened::Destroyed).then_some(notice.id),
            Event::Finished { op, outcome } => match (&self.open.get(op)?.0, outcome) {
                (Action::Inspect(Target::Id(id)), Outcome::Done(Report::Absent))
                | (Action::Remove(id), Outcome::Done(_) | Outcome::Refused(Refusal::NoSuchContainer)) => {
                    Some(*id)
                }
                _ => None,
            },
            Event::Woken
            | Event::DockerStreamOpened
            | Event::StoreAnswered(_)
            | Event::PortsPushed { .. }
            | Event::Asked { .. }
            | Event::ViewerCame { .. }
            | Event::ViewerLeft(_)
            | Event::SessionBroke(_)
            | Event::SessionSpoke(_)
            | Event::SessionSilent(_)
            | Event::Rebuilt { .. }
            | Event::Leaving { .. } => None,
        }
    }

    /// What the checkers are to make of it. A command has one answer: others say nothing. An answer that
    /// makes no sense is as good as none.
    fn as_understood(&mut self, event: &Event) -> Option<Event> {
        let Event::Finished { op, outcome } = event else { return Some(event.clone()) };
        let (action, _) = self.open.remove(op)?;
        match (action, outcome) {
            (Action::Create(_), Outcome::Done(Report::Created(_))) => Some(event.clone()),
            (Action::Create(_), Outcome::Done(_)) => Some(unanswered(*op)),
            _ => Some(event.clone()),
        }
    }
}

const fn unanswered(op: OpId) -> Event {
    Event::Finished { op, outcome: Outcome::Unknown(Silence::TimedOut) }
}
