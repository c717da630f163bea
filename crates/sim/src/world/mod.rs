//! A deterministic world around the core: Docker, VPNs, engines, the network, people, and what goes wrong.
//!
//! One seed decides everything that is not decided by acefleet. The world decides nothing of policy, and knows
//! nothing of the core but its vocabulary: commands come in, events come out. It never looks at a real clock.
//!
//! # How to drive it
//!
//! Compare [`World::next_at`] with the core's own wakeup. If the world is first, [`World::step`] and hand the
//! core whatever event that gives; else [`World::advance_to`] the wakeup and wake the core. Every command of the
//! core goes to [`World::submit`] at the moment it is polled. A life of acefleet begins with [`World::attach`]
//! and ends with [`World::hang_up`].

mod asking;
mod audience;
mod calls;
mod container;
mod deed;
mod docker;
mod engine;
mod faults;
mod gluetun;
mod notices;
mod plan;
mod process;
mod queue;
mod server;
mod sessions;
mod span;
mod storm;
mod tally;
#[cfg(test)]
mod tests;
mod trace;
mod truth;
mod work;

pub use audience::{Audience, Viewing, channel};
pub use calls::Ticket;
pub use container::{Container, Role, Since};
pub use deed::{Deed, Making, Work};
pub use faults::{DockerFault, EngineFault, Fault, FaultKind, HostFault, VpnFault};
pub use gluetun::Reading;
pub use plan::{Plan, Storm, Weather};
pub use span::Span;
pub use tally::{Ending, Operation, Tally};
pub use trace::{Line, Trace};
pub use truth::VpnTruth;

use audience::Crowd;
use calls::Calls;
use control::event::RememberedStream;
use control::ids::Name;
use control::rng::Rng;
use control::{Event, Time};
use docker::Daemon;
use gluetun::Gluetun;
use notices::Stream;
use queue::{Happening, Queue};
use sessions::Sessions;
use std::sync::Arc;
use storm::Faults;
use trace::{Detail, Who};

/// Everything outside acefleet.
pub struct World {
    now: Time,
    queue: Queue,
    rng: Rng,
    plan: Plan,
    calls: Calls,
    docker: Daemon,
    stream: Stream,
    gluetuns: Vec<Gluetun>,
    faults: Faults,
    sessions: Sessions,
    crowd: Crowd,
    /// What acefleet has last written to its store.
    store: Vec<RememberedStream>,
    /// Which life of acefleet is attached, or was last.
    life: u32,
    /// Something has happened that may change what is reachable.
    truth_is_stale: bool,
    /// Requests made so far.
    asked: u64,
    /// Somebody wants to see the streams, to ask for something about one of them.
    wants_streams: bool,
    trace: Trace,
    tally: Tally,
    images: Images,
    /// The network of everybody who has one of his own.
    bridge: Name,
}

struct Images {
    engine: Arc<str>,
    gluetun: Arc<str>,
    foreign: Arc<str>,
}

/// When worlds begin: late enough that a clock that is slow has no need of negative numbers.
const DAWN: Time = Time::from_secs(100_000);

impl World {
    /// The world that belongs to a plan and a seed, at the moment when acefleet may first attach to it.
    pub fn new(plan: Plan, seed: u64) -> Self {
        let vpns = plan.settings.vpns.iter();
        let gluetuns = vpns.map(|vpn| {
            Gluetun::new(vpn.container.clone(), vpn.ports.clone().into_iter().flatten().collect())
        });
        let mut world = Self {
            now: DAWN,
            queue: Queue::default(),
            rng: Rng::new(seed),
            calls: Calls::default(),
            docker: Daemon::new(plan.skew_ns),
            stream: Stream::default(),
            gluetuns: gluetuns.collect(),
            faults: Faults::default(),
            sessions: Sessions::default(),
            crowd: Crowd::default(),
            store: Vec::new(),
            life: 0,
            truth_is_stale: false,
            asked: 0,
            wants_streams: false,
            trace: Trace::new(DAWN),
            tally: Tally::default(),
            images: Images {
                engine: "ghcr.io/krinkuto11/acestream-http-proxy:latest".into(),
                gluetun: "qmcgaw/gluetun:latest".into(),
                foreign: "nginx:latest".into(),
            },
            bridge: Name::from("bridge"),
            plan,
        };
        for (vpn, dawn) in world.vpns().zip(world.plan.dawns.clone()) {
            world.queue.push(DAWN + dawn, Happening::Dawns(vpn));
        }
        let begins = DAWN + world.plan.head_start;
        while world.next_at().is_some_and(|at| at <= begins) {
            let event = world.step();
            debug_assert!(event.is_none(), "nobody is attached, and yet something is told: {event:?}");
        }
        world.advance_to(begins);
        let first_strike = world.plan.storm.every.draw(&mut world.rng);
        world.queue.push(world.now + first_strike, Happening::Storms);
        world.await_asking();
        world.seat_audience();
        world
    }

    /// The world's time.
    pub const fn now(&self) -> Time {
        self.now
    }

    /// What the world was made from. A healed world's storm is empty.
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// When the world next does something by itself.
    pub fn next_at(&self) -> Option<Time> {
        self.queue.next_at()
    }

    /// Lets the next thing happen, and tells what acefleet hears of it. Most things it does not hear.
    pub fn step(&mut self) -> Option<Event> {
        let (at, happening) = self.queue.pop()?;
        self.now = at;
        let event = self.happen(happening);
        self.refresh_truth();
        event
    }

    /// Lets time pass in which nothing happens.
    ///
    /// # Panics
    ///
    /// If `at` is past, or after what the world does next.
    pub fn advance_to(&mut self, at: Time) {
        assert!(at >= self.now, "{at} is before {}", self.now);
        assert!(self.next_at().is_none_or(|next| at <= next), "at {at} the world is busy");
        self.now = at;
    }

    /// A life of acefleet begins: it opens the event stream and asks the store.
    pub fn attach(&mut self) {
        self.trace.note(self.now, Who::Life, "-", "begi", Detail::Count(self.life));
        self.want_stream();
        self.crowd_attached(true);
        let delay = self.plan.weather.store_answers.draw(&mut self.rng);
        self.queue.push(self.now + delay, Happening::StoreAnswers(self.life));
    }

    /// A life of acefleet ends: nothing that is under way will be told to anybody. Docker carries out what it
    /// has been sent all the same.
    pub fn hang_up(&mut self) {
        self.trace.note(self.now, Who::Life, "-", "hung", Detail::Count(self.life));
        self.drop_callers();
        self.leave_stream();
        self.crowd_attached(false);
        self.life += 1;
    }

    /// What the run has amounted to so far.
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The record of the run.
    pub const fn trace(&self) -> &Trace {
        &self.trace
    }

    /// The record of the run, to keep what acefleet writes among it.
    pub const fn trace_mut(&mut self) -> &mut Trace {
        &mut self.trace
    }

    /// Keeps the last `lines` lines of the trace from now on.
    pub fn keep_trace(&mut self, lines: usize) {
        self.trace.keep(lines);
    }

    fn happen(&mut self, happening: Happening) -> Option<Event> {
        match happening {
            Happening::Answers(call) => return self.answer(call),
            Happening::TimesOut(call) => return self.time_out(call),
            Happening::NoticeComes(connection) => return self.notice_comes(connection),
            Happening::StreamOpens(connection) => return self.stream_opens(connection),
            Happening::SomebodyAsks => return self.somebody_asks(),
            Happening::StoreAnswers(life) => return self.store_answers(life),
            Happening::MailComes => return self.mail_comes(),
            Happening::SessionBreaks(session) => return self.session_breaks(session),
            Happening::SessionIsHeard(session) => return self.session_is_heard(session),
            Happening::ViewerActs(place, turn) => self.viewer_acts(place, turn),
            Happening::ClientActs(place, turn) => self.client_acts(place, turn),
            Happening::ClientAnnounces(number, told) => self.client_announces(number, told),
            Happening::Arrives(call) => self.arrive(call),
            Happening::Proceeds(call) => self.proceed(call),
            Happening::PolicyRestarts(run) => self.restart_by_policy(run),
            Happening::Boots(run) => self.engine_boots(run),
            Happening::Crashes(run) => self.die(run),
            Happening::ChecksHealth(run) => self.check_health(run),
            Happening::TunnelUp(vpn, turn) => self.tunnel_up(vpn, turn),
            Happening::PortComes(vpn, turn) => self.port_comes(vpn, turn),
            Happening::Dawns(vpn) | Happening::PersonLooks(vpn) => self.person_looks(vpn),
            Happening::FaultEnds(number) => self.fault_ends(number),
            Happening::Storms => self.strike(),
        }
        None
    }

    /// Acefleet writes down which streams other programs have announced.
    pub fn store_keeps(&mut self, streams: Vec<RememberedStream>) {
        self.store = streams;
    }

    fn store_answers(&mut self, life: u32) -> Option<Event> {
        let fails = self.rng.chance(self.plan.weather.store_fails_percent);
        let answer = if fails { Err("the store cannot be read".into()) } else { Ok(self.store.clone()) };
        (life == self.life).then_some(Event::StoreAnswered(answer))
    }
}
