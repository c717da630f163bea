//! What the world promises to those who drive it, tried with a client that knows nothing of policy.

use super::*;
use control::command::{Action, Cause, Create, Ports, Question, Target};
use control::docker::State;
use control::event::{Outcome, ProbeReport, Refusal, Report, Silence};
use control::ids::{ContainerId, OpId, SpecHash, VpnId};
use control::{Command, Settings};
use std::collections::BTreeMap;
use std::time::Duration;

const FIRST: VpnId = VpnId(0);
const SECOND: VpnId = VpnId(1);

#[test]
fn each_command_is_answered_exactly_once_and_never_after_its_time_whatever_goes_wrong() {
    for seed in 0..60 {
        let mut client = Client::in_a_storm(seed);
        client.pester(Duration::from_secs(1_800));
        client.wait(Duration::from_secs(120));

        assert!(client.waiting.is_empty(), "seed {seed}: unanswered {:?}", client.waiting);
        assert!(client.world.tally().faults.values().sum::<u64>() > 3, "seed {seed} is too calm");
    }
}

#[test]
fn two_runs_of_one_seed_are_the_same_run() {
    let digest = |seed| {
        let mut client = Client::in_a_storm(seed);
        client.pester(Duration::from_secs(3_600));
        (client.world.trace().digest(), client.world.tally().clone(), client.heard)
    };

    assert_eq!(digest(7), digest(7));
    assert_ne!(digest(7).0, digest(8).0);
}

#[test]
fn a_healed_world_has_every_vpn_up_with_a_port_within_bounded_time() {
    for seed in 0..60 {
        let mut client = Client::in_a_storm(seed);
        client.pester(Duration::from_secs(1_800));
        client.world.heal_all();
        client.wait(Duration::from_secs(400));

        let world = &client.world;
        assert_eq!(world.lasting_faults().count(), 0);
        for vpn in world.vpns() {
            let truth = world.truth_vpn(vpn);
            assert!(truth.awake && truth.tunnel_up && truth.port.is_some(), "seed {seed}: {truth:?}");
        }
    }
}

#[test]
fn a_calm_world_begins_with_healthy_vpns_that_have_ports() {
    let mut client = Client::in_calm();
    for (vpn, name) in [(FIRST, "gluetun"), (SECOND, "gluetun2")] {
        let found = client.ask(Action::Inspect(Target::Name(name.into())));
        let Outcome::Done(Report::Found(facts)) = found else { panic!("{found:?}") };
        assert_eq!(facts.health, control::docker::Health::Healthy);
        let port = client.world.truth_vpn(vpn).port;
        assert_eq!(
            client.ask_vpn(vpn, Question::Ports),
            Outcome::Done(Report::Ports(port.into_iter().collect()))
        );
        assert!(port.is_some());
        assert_eq!(client.world.truth_vpn(vpn).reading.map(|reading| reading.port), Some(port));
    }
}

#[test]
fn a_frozen_docker_carries_out_after_the_thaw_what_nobody_waits_for_any_more() {
    let mut client = Client::in_calm();
    client.world.inject_for(Fault::Docker(DockerFault::Frozen), Duration::from_secs(60));
    let create = client.creating(1, Some(FIRST));

    assert_eq!(client.ask(create), Outcome::Unknown(Silence::TimedOut));
    assert!(client.engine(1).is_none());
    assert_eq!(client.ask(Action::Ping), Outcome::Unknown(Silence::TimedOut));

    client.wait(Duration::from_secs(60));
    assert!(client.engine(1).is_some());
    assert_eq!(client.world.tally().late_arrivals, 1);
    assert_eq!(client.ask(Action::Ping), Outcome::Done(Report::Pong));
}

#[test]
fn a_docker_that_denies_carries_out_all_the_same() {
    let mut client = Client::in_calm();
    client.world.inject(Fault::Docker(DockerFault::DeniesAndDoes));
    let create = client.creating(1, Some(FIRST));

    assert!(matches!(client.ask(create), Outcome::Refused(Refusal::Unexplained(_))));
    client.wait(Duration::from_secs(1));
    assert!(client.engine(1).is_some());
    assert_eq!((client.world.tally().denials, client.world.tally().late_arrivals), (1, 1));
}

#[test]
fn a_docker_that_refuses_breaks_what_is_under_way_and_opens_the_stream_anew() {
    let mut client = Client::in_calm();
    let create = client.creating(1, Some(FIRST));
    let under_way = client.send(create);
    client.wait(Duration::from_millis(20));
    client.world.inject_for(Fault::Docker(DockerFault::Refuses), Duration::from_secs(10));

    assert_eq!(client.wait_for(under_way), Outcome::Unknown(Silence::Disconnected));
    assert_eq!(client.ask(Action::Ping), Outcome::Unknown(Silence::Disconnected));
    let streams = client.streams_opened;
    client.wait(Duration::from_secs(11));
    assert!(client.engine(1).is_some());
    assert_eq!(client.streams_opened, streams + 1);
}

#[test]
fn nobody_who_has_hung_up_is_told_anything() {
    let mut client = Client::in_calm();
    let create = client.creating(1, Some(FIRST));
    client.send(create);
    client.send(Action::Ping);
    client.world.hang_up();
    client.waiting.clear();
    let heard = client.heard;
    client.wait(Duration::from_secs(60));

    assert_eq!(client.heard, heard);
    assert!(client.engine(1).is_some());
    let unheard = client.world.tally().operations[&(Operation::Create, Ending::Unheard)];
    assert_eq!((unheard, client.world.tally().late_arrivals), (1, 1));

    client.world.attach();
    client.wait(Duration::from_secs(1));
    assert_eq!((client.streams_opened, client.store_answered), (2, 2));
}

#[test]
fn what_happens_while_the_stream_is_cut_goes_unheard() {
    let mut client = Client::in_calm();
    let engine = client.serve(1, FIRST);
    client.world.inject_for(Fault::Docker(DockerFault::StreamCut), Duration::from_secs(10));
    client.notices = 0;
    client.world.inject(Fault::Engine(engine, EngineFault::Crashes));
    client.wait(Duration::from_secs(20));

    assert_eq!(client.notices, 0);
    assert!(client.world.truth_reachable(engine));
}

#[test]
fn calls_on_one_container_wait_for_each_other() {
    let mut client = Client::in_calm();
    let engine = client.serve(1, FIRST);
    let restart = client.send(Action::Restart { id: engine, grace: Duration::from_secs(10) });
    let remove = client.send(Action::Remove(engine));
    let start = client.send(Action::Start(engine));

    assert_eq!(client.wait_for(restart), Outcome::Done(Report::Carried));
    assert_eq!(client.wait_for(remove), Outcome::Done(Report::Carried));
    assert_eq!(client.wait_for(start), Outcome::Refused(Refusal::NoSuchContainer));
    assert_eq!(client.ask(Action::Inspect(Target::Id(engine))), Outcome::Done(Report::Absent));
    assert_eq!(client.ask(Action::Remove(engine)), Outcome::Refused(Refusal::NoSuchContainer));
}

#[test]
fn a_lost_uplink_leaves_engines_reachable_and_unconnected() {
    let mut client = Client::in_calm();
    let engines = [client.serve(1, FIRST), client.serve(2, SECOND)];
    client.world.inject_for(Fault::Host(HostFault::UplinkLost), Duration::from_secs(30));
    for engine in engines {
        assert!(client.world.truth_reachable(engine) && !client.world.truth_connected(engine));
    }

    client.wait(Duration::from_secs(40));
    for engine in engines {
        assert!(client.world.truth_connected(engine));
    }
}

#[test]
fn a_change_of_port_passes_through_none() {
    let mut client = Client::in_calm();
    let before = client.world.truth_vpn(FIRST).port;
    client.world.inject(Fault::Vpn(FIRST, VpnFault::PortChanges));
    assert_eq!(client.ask_vpn(FIRST, Question::Ports), Outcome::Done(Report::Ports(Vec::new())));

    client.wait(Duration::from_secs(2));
    let after = client.world.truth_vpn(FIRST).port;
    assert!(after.is_some() && after != before);
    assert_eq!(client.world.tally().port_changes, 1);
}

#[test]
fn a_control_server_says_what_its_fault_lets_it_say() {
    let mut client = Client::in_calm();
    let mut asked_during = |fault, question| {
        client.world.inject(Fault::Vpn(FIRST, fault));
        let outcome = client.ask_vpn(FIRST, question);
        client.world.end(Fault::Vpn(FIRST, fault));
        outcome
    };

    let unauthorized = asked_during(VpnFault::ServerUnauthorized, Question::Tunnel);
    assert_eq!(unauthorized, Outcome::Refused(Refusal::Unauthorized));
    let down = asked_during(VpnFault::ServerDown, Question::Tunnel);
    assert_eq!(down, Outcome::Unknown(Silence::Disconnected));
    let slow = asked_during(VpnFault::ServerSlow, Question::Tunnel);
    assert_eq!(slow, Outcome::Unknown(Silence::TimedOut));
    let locked = asked_during(VpnFault::PortsLocked, Question::Ports);
    assert_eq!(locked, Outcome::Unknown(Silence::TimedOut));
}

#[test]
fn a_vpn_that_a_person_stopped_stays_stopped_until_he_starts_it() {
    let mut client = Client::in_calm();
    client.world.inject_for(Fault::Vpn(FIRST, VpnFault::Stopped), Duration::from_secs(120));
    client.wait(Duration::from_secs(110));
    assert!(!client.world.truth_vpn(FIRST).running);

    client.wait(Duration::from_secs(30));
    assert!(client.world.truth_vpn(FIRST).tunnel_up);
}

#[test]
fn a_recreated_vpn_has_another_id_and_its_old_name() {
    let mut client = Client::in_calm();
    let before = client.world.truth_vpn(FIRST).container;
    client.world.inject_for(Fault::Vpn(FIRST, VpnFault::Recreated), Duration::from_secs(10));
    client.wait(Duration::from_secs(5));
    assert_eq!(client.world.truth_vpn(FIRST).container, None);

    client.wait(Duration::from_secs(10));
    let after = client.world.container_named(&"gluetun".into()).map(Container::id);
    assert!(after.is_some() && after != before);
    assert_eq!(client.world.truth_vpn(FIRST).container, after);
}

#[test]
fn a_person_starts_his_vpn_again_even_if_docker_stops_or_removes_it_only_after_he_has_looked() {
    for fault in [VpnFault::Stopped, VpnFault::Killed, VpnFault::Recreated, VpnFault::Paused] {
        let mut client = Client::in_calm();
        client.world.inject_for(Fault::Docker(DockerFault::Frozen), Duration::from_secs(60));
        client.world.inject_for(Fault::Vpn(FIRST, fault), Duration::from_secs(5));
        client.wait(Duration::from_secs(59));
        assert!(client.world.truth_vpn(FIRST).awake, "{fault:?} passed a frozen Docker");

        client.wait(Duration::from_secs(30));
        assert!(client.world.truth_vpn(FIRST).tunnel_up, "nobody mended {fault:?}");
    }
}

#[test]
fn a_foreign_container_takes_the_lowest_free_name() {
    let mut client = Client::in_calm();
    client.serve(1, FIRST);
    client.world.inject(Fault::Host(HostFault::ForeignAppears));
    client.wait(Duration::from_secs(1));
    assert_eq!(client.engine(2).map(Container::role), Some(Role::Foreign));

    let create = client.creating(2, Some(FIRST));
    assert_eq!(client.ask(create), Outcome::Refused(Refusal::NameTaken));
    client.world.inject(Fault::Host(HostFault::ForeignGoes));
    client.wait(Duration::from_secs(1));
    assert!(client.engine(2).is_none());
}

#[test]
fn a_hung_engine_answers_nothing_until_it_is_restarted() {
    let mut client = Client::in_calm();
    let engine = client.serve(1, FIRST);
    client.world.inject(Fault::Engine(engine, EngineFault::Hangs));
    assert!(!client.probe(engine, FIRST, 1).answered);

    client.ask(Action::Restart { id: engine, grace: Duration::ZERO });
    client.wait(Duration::from_secs(2));
    assert_eq!(client.probe(engine, FIRST, 1), ProbeReport { answered: true, connected: Some(true) });
}

#[test]
fn a_crash_looping_engine_dies_soon_after_each_start() {
    let mut client = Client::in_calm();
    let engine = client.serve(1, FIRST);
    client.notices = 0;
    client.world.inject_for(Fault::Engine(engine, EngineFault::CrashLoops), Duration::from_secs(10));
    client.wait(Duration::from_secs(30));

    assert!(client.notices >= 6, "only {} notices", client.notices);
    assert!(client.world.truth_reachable(engine));
}

#[test]
fn a_probe_is_answered_by_whoever_has_the_port_at_that_address() {
    let mut client = Client::in_calm();
    let stranded = client.serve(1, FIRST);
    client.world.inject(Fault::Vpn(FIRST, VpnFault::Restarted));
    client.wait(Duration::from_secs(10));
    assert!(!client.probe(stranded, FIRST, 1).answered);

    // Nothing in Docker keeps a second engine from the first one's port, now that they are on different stacks.
    let Action::Create(mut create) = client.creating(2, Some(FIRST)) else { unreachable!() };
    create.ports.http = port(1);
    let Outcome::Done(Report::Created(other)) = client.ask(Action::Create(create)) else { panic!() };
    client.ask(Action::Start(other));
    client.wait(Duration::from_secs(2));
    assert!(client.probe(stranded, FIRST, 1).answered);
    assert!(!client.world.truth_reachable(stranded));
}

#[test]
fn without_vpns_a_port_of_the_host_is_given_once() {
    let plan = Plan {
        settings: Settings { min_replicas: 2, ..Settings::default() },
        dawns: Vec::new(),
        ..Plan::calm()
    };
    let mut client = Client::new(plan, 0);
    let first = client.create(1, None);
    assert_eq!(client.ask(Action::Start(first)), Outcome::Done(Report::Carried));
    let Action::Create(mut create) = client.creating(2, None) else { unreachable!() };
    create.ports.http = port(1);
    let Outcome::Done(Report::Created(second)) = client.ask(Action::Create(create)) else { panic!() };

    assert_eq!(client.ask(Action::Start(second)), Outcome::Refused(Refusal::PortTaken));
    assert_eq!(client.world.container(second).map(Container::state), Some(State::Created));
}

/// A client that drives the world and keeps count of what it hears.
struct Client {
    world: World,
    rng: Rng,
    sent: u32,
    /// What has not been answered, with its deadline.
    waiting: BTreeMap<OpId, Time>,
    answers: BTreeMap<OpId, Outcome>,
    heard: u64,
    notices: u32,
    streams_opened: u32,
    store_answered: u32,
}

impl Client {
    fn new(plan: Plan, seed: u64) -> Self {
        let mut world = World::new(plan, seed);
        world.attach();
        let mut client = Self {
            world,
            rng: Rng::new(!seed),
            sent: 0,
            waiting: BTreeMap::new(),
            answers: BTreeMap::new(),
            heard: 0,
            notices: 0,
            streams_opened: 0,
            store_answered: 0,
        };
        client.wait(Duration::from_secs(1));
        client
    }

    fn in_calm() -> Self {
        Self::new(Plan::calm(), 0)
    }

    fn in_a_storm(seed: u64) -> Self {
        let mut plan = Plan::drawn(&mut Rng::new(seed));
        let kinds = FaultKind::TREATED.iter();
        let kinds = kinds.map(|kind| (*kind, 1)).collect();
        plan.storm = Storm { every: Span::secs(10, 100), kinds, ..Storm::none() };
        Self::new(plan, seed)
    }

    /// Sends random commands, many at once, about whatever containers there are.
    fn pester(&mut self, duration: Duration) {
        let until = self.world.now() + duration;
        while self.world.now() < until {
            let action = self.draw_action();
            self.send(action);
            let pause = Span::millis(0, 2_000).draw(&mut self.rng);
            self.wait(pause);
        }
    }

    fn draw_action(&mut self) -> Action {
        let vpns = self.world.vpns().count() as u64;
        let vpn = (vpns > 0).then(|| VpnId(self.rng.below(vpns.max(1)) as u16));
        let number = 1 + self.rng.below(12) as u16;
        let Some(engine) = self.engine(number).filter(|engine| engine.ours()).map(Container::id) else {
            return self.creating(number, vpn);
        };
        match (self.rng.below(16), vpn) {
            (0, _) => Action::Ping,
            (1, _) => Action::List,
            (2, _) => Action::Inspect(Target::Id(engine)),
            (3, Some(_)) => Action::Inspect(Target::Name("gluetun".into())),
            (4, _) => Action::Remove(engine),
            (5, _) => Action::Restart { id: engine, grace: Span::secs(0, 10).draw(&mut self.rng) },
            (6, Some(vpn)) => Action::Ask { vpn, question: Question::Tunnel },
            (7 | 8, Some(vpn)) => Action::Ask { vpn, question: Question::Ports },
            (9, Some(vpn)) => Action::Ask { vpn, question: Question::PublicAddress },
            (10..=12, _) => Action::Start(engine),
            _ => Action::Probe { engine, vpn, port: port(number) },
        }
    }

    fn creating(&self, number: u16, vpn: Option<VpnId>) -> Action {
        let ports = Ports { http: port(number), https: None, p2p: None };
        Action::Create(Create { name: engine_name(number), vpn, ports, spec: SpecHash(1), wanted: None })
    }

    fn create(&mut self, number: u16, vpn: Option<VpnId>) -> ContainerId {
        let create = self.creating(number, vpn);
        match self.ask(create) {
            Outcome::Done(Report::Created(id)) => id,
            other => panic!("no engine: {other:?}"),
        }
    }

    /// An engine that answers.
    fn serve(&mut self, number: u16, vpn: VpnId) -> ContainerId {
        let id = self.create(number, Some(vpn));
        assert_eq!(self.ask(Action::Start(id)), Outcome::Done(Report::Carried));
        self.wait(Duration::from_secs(2));
        assert!(self.world.truth_reachable(id));
        id
    }

    fn probe(&mut self, engine: ContainerId, vpn: VpnId, number: u16) -> ProbeReport {
        match self.ask(Action::Probe { engine, vpn: Some(vpn), port: port(number) }) {
            Outcome::Done(Report::Probe(report)) => report,
            other => panic!("no answer to a probe: {other:?}"),
        }
    }

    fn ask_vpn(&mut self, vpn: VpnId, question: Question) -> Outcome {
        self.ask(Action::Ask { vpn, question })
    }

    fn ask(&mut self, action: Action) -> Outcome {
        let op = self.send(action);
        self.wait_for(op)
    }

    fn send(&mut self, action: Action) -> OpId {
        self.sent += 1;
        let op = OpId { life: 1, seq: self.sent.into() };
        // What changes something gets more time, as acefleet gives it.
        let timeout = Duration::from_secs(if action.changes_containers() { 30 } else { 5 });
        self.waiting.insert(op, self.world.now() + timeout);
        self.world.submit(Command { op, cause: Cause::Routine, action, timeout });
        op
    }

    fn wait_for(&mut self, op: OpId) -> Outcome {
        while !self.answers.contains_key(&op) {
            self.step();
        }
        self.answers[&op].clone()
    }

    fn wait(&mut self, duration: Duration) {
        let until = self.world.now() + duration;
        while self.world.next_at().is_some_and(|at| at <= until) {
            self.step();
        }
        self.world.advance_to(until);
    }

    fn step(&mut self) {
        let Some(event) = self.world.step() else { return };
        self.heard += 1;
        match event {
            Event::Finished { op, outcome } => {
                let deadline = self.waiting.remove(&op).expect("it is answered once, and was asked");
                assert!(self.world.now() <= deadline, "{op} was answered after its time");
                self.answers.insert(op, outcome);
            }
            Event::Docker(_) => self.notices += 1,
            Event::DockerStreamOpened => self.streams_opened += 1,
            Event::StoreAnswered(_) => self.store_answered += 1,
            // Whoever watches is not what these tests are about.
            Event::Asked { .. } | Event::ViewerCame { .. } | Event::ViewerLeft(_) => {}
            Event::PortsPushed { .. }
            | Event::SessionBroke(_)
            | Event::SessionSpoke(_)
            | Event::SessionSilent(_)
            | Event::Woken
            | Event::Rebuilt { .. }
            | Event::Leaving { .. } => {
                panic!("this world tells nothing of that")
            }
        }
    }

    fn engine(&self, number: u16) -> Option<&Container> {
        self.world.container_named(&engine_name(number))
    }
}

fn engine_name(number: u16) -> Name {
    Name::from(format!("acestream-{number}").as_str())
}

const fn port(number: u16) -> u16 {
    19_000 + number
}
