//! The simulator's Docker is held to the facts, in calm weather and in drawn weather of many seeds.

use control::command::{Action, Cause, Command, Create, Ports, Target};
use control::docker::{Facts, Listed, Notice};
use control::event::{Event, Outcome, ProbeReport, Refusal, Report};
use control::ids::{ContainerId, Name, OpId, SpecHash, VpnId};
use control::rng::Rng;
use sim::facts::{self, Lab};
use sim::world::{Deed, EngineFault, Fault, Making, Plan, Ticket, VpnFault, Weather, Work, World};
use std::time::Duration;

#[test]
fn d1_a_create_whose_caller_hung_up_is_carried_out_all_the_same() {
    in_all_weathers(facts::calls_outlive_their_callers);
}

#[test]
fn d2_an_engine_started_while_its_vpn_restarts_is_refused_and_stays_created() {
    in_all_weathers(facts::nothing_joins_the_network_of_a_restarting_vpn);
}

#[test]
fn d3_docker_restarts_a_dead_engine_only_while_its_vpn_runs() {
    in_all_weathers(facts::docker_restarts_an_engine_only_while_its_vpn_runs);
}

#[test]
fn d4_a_vpn_that_dies_comes_back_with_a_network_that_its_engines_are_not_in() {
    in_all_weathers(facts::a_vpn_that_dies_comes_back_without_its_engines);
}

#[test]
fn d5_a_restart_heals_an_engine_after_its_vpns_restart_and_not_after_its_recreation() {
    in_all_weathers(facts::a_restart_heals_an_engine_unless_its_vpn_is_another);
}

#[test]
fn d6_the_network_of_an_engine_is_a_name_only_if_its_vpn_did_not_exist() {
    in_all_weathers(facts::a_network_is_a_name_only_if_there_was_no_vpn);
}

#[test]
fn d7_the_engines_of_a_paused_vpn_stay_reachable() {
    in_all_weathers(facts::a_paused_vpn_keeps_its_network);
}

#[test]
fn d8_the_second_engine_on_one_port_flaps() {
    in_all_weathers(facts::the_second_engine_on_a_port_flaps);
}

#[test]
fn d9_an_engine_being_stopped_answers_until_it_is_killed_and_keeps_its_name() {
    in_all_weathers(facts::an_engine_being_stopped_answers_until_it_is_killed);
}

#[test]
fn d10_ids_and_start_times_agree_with_reachability() {
    in_all_weathers(facts::ids_and_start_times_tell_what_is_reachable);
}

fn in_all_weathers(fact: impl Fn(&mut WorldLab)) {
    fact(&mut WorldLab::new(Weather::calm(), 0));
    for seed in 1..=40 {
        let weather = Plan::drawn(&mut Rng::new(seed)).weather;
        fact(&mut WorldLab::new(weather, seed));
    }
}

/// The simulator's world as a lab.
struct WorldLab {
    world: World,
    life: u32,
    sent: u32,
    notices: Vec<Notice>,
}

const VPN: VpnId = VpnId(0);

/// Longer than anything takes here.
const TIMEOUT: Duration = Duration::from_secs(120);

impl WorldLab {
    fn new(weather: Weather, seed: u64) -> Self {
        let mut plan = Plan { weather, ..Plan::default() };
        plan.settings.vpns.truncate(1);
        // The lab runs the VPN itself.
        plan.dawns = vec![Duration::MAX];
        let mut world = World::new(plan, seed);
        world.attach();
        let mut lab = Self { world, life: 1, sent: 0, notices: Vec::new() };
        lab.wait(Duration::from_secs(10));
        lab
    }

    fn send(&mut self, action: Action) -> OpId {
        self.sent += 1;
        let op = OpId { life: self.life, seq: self.sent.into() };
        self.world.submit(Command { op, cause: Cause::Routine, action, timeout: TIMEOUT });
        op
    }

    fn ask(&mut self, action: Action) -> Outcome {
        let asked = self.send(action);
        loop {
            if let Some(Event::Finished { op, outcome }) = self.step()
                && op == asked
            {
                return outcome;
            }
        }
    }

    fn do_it(&mut self, action: Action) -> Result<(), Refusal> {
        match self.ask(action) {
            Outcome::Done(Report::Carried) => Ok(()),
            Outcome::Refused(refusal) => Err(refusal),
            other => panic!("no answer to a deed: {other:?}"),
        }
    }

    fn by_hand(&mut self, deed: Deed) {
        let ticket = self.world.by_hand(deed);
        self.wait_for(ticket);
    }

    fn wait_for(&mut self, ticket: Ticket) {
        while !self.world.is_over(ticket) {
            self.step();
        }
    }

    fn send_and_hang_up(&mut self, action: Action) {
        self.send(action);
        self.wait(Duration::from_millis(5));
        self.world.hang_up();
        self.life += 1;
        self.world.attach();
    }

    fn creating(name: &str, port: u16) -> Action {
        let ports = Ports { http: port, https: None, p2p: None };
        Action::Create(Create {
            name: Name::from(name),
            vpn: Some(VPN),
            ports,
            spec: SpecHash(1),
            wanted: None,
        })
    }

    fn step(&mut self) -> Option<Event> {
        let event = self.world.step();
        if let Some(Event::Docker(notice)) = &event {
            self.notices.push(notice.clone());
        }
        event
    }
}

impl Lab for WorldLab {
    fn run_vpn(&mut self) -> ContainerId {
        self.by_hand(Deed::Make(Making::Vpn(VPN)));
        self.world.truth_vpn(VPN).container.expect("it has just been made")
    }

    fn vpn_name(&self) -> &str {
        self.world.plan().settings.vpns[0].container.as_str()
    }

    fn create_engine(&mut self, name: &str, port: u16) -> Result<ContainerId, Refusal> {
        match self.ask(Self::creating(name, port)) {
            Outcome::Done(Report::Created(id)) => Ok(id),
            Outcome::Refused(refusal) => Err(refusal),
            other => panic!("no answer to a create: {other:?}"),
        }
    }

    fn create_engine_and_hang_up(&mut self, name: &str, port: u16) {
        self.send_and_hang_up(Self::creating(name, port));
    }

    fn start(&mut self, id: ContainerId) -> Result<(), Refusal> {
        self.do_it(Action::Start(id))
    }

    fn start_and_hang_up(&mut self, id: ContainerId) {
        self.send_and_hang_up(Action::Start(id));
    }

    fn restart(&mut self, id: ContainerId) -> Result<(), Refusal> {
        self.do_it(Action::Restart { id, grace: Duration::ZERO })
    }

    fn stop(&mut self, id: ContainerId) {
        self.by_hand(Deed::To(id, Work::Stop(Duration::ZERO)));
    }

    fn begin_stop(&mut self, id: ContainerId, grace: Duration) {
        self.world.by_hand(Deed::To(id, Work::Stop(grace)));
    }

    fn kill(&mut self, id: ContainerId) {
        self.by_hand(Deed::To(id, Work::Kill));
    }

    fn crash(&mut self, id: ContainerId) {
        let vpn = self.world.truth_vpn(VPN).container == Some(id);
        let fault =
            if vpn { Fault::Vpn(VPN, VpnFault::Dies) } else { Fault::Engine(id, EngineFault::Crashes) };
        self.world.inject(fault);
    }

    fn pause(&mut self, id: ContainerId) {
        self.by_hand(Deed::To(id, Work::Pause));
    }

    fn remove(&mut self, id: ContainerId) {
        self.by_hand(Deed::To(id, Work::Remove));
    }

    fn inspect(&mut self, id: ContainerId) -> Option<Facts> {
        match self.ask(Action::Inspect(Target::Id(id))) {
            Outcome::Done(Report::Found(facts)) => Some(*facts),
            Outcome::Done(Report::Absent) => None,
            other => panic!("no answer to an inspection: {other:?}"),
        }
    }

    fn list(&mut self) -> Vec<Listed> {
        match self.ask(Action::List) {
            Outcome::Done(Report::Listing(listing)) => listing.containers,
            other => panic!("no answer to a listing: {other:?}"),
        }
    }

    fn answers(&mut self, engine: ContainerId, port: u16) -> bool {
        let probe = Action::Probe { engine, vpn: Some(VPN), port };
        match self.ask(probe) {
            Outcome::Done(Report::Probe(ProbeReport { answered, .. })) => answered,
            other => panic!("no answer to a probe: {other:?}"),
        }
    }

    fn notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    fn wait(&mut self, duration: Duration) {
        let until = self.world.now() + duration;
        while self.world.next_at().is_some_and(|at| at <= until) {
            self.step();
        }
        self.world.advance_to(until);
    }
}
