//! What Docker does, as ten facts that were tried on a real one: D1 to D10 of the design.
//!
//! Each fact is one function over a [`Lab`], so that the world of the simulator, the embedded runtime and a
//! real Docker Engine are held to the same sentences. A fact says what happens, and waits for it with patience;
//! it never says how fast.

use control::docker::{Facts, Happened, Health, Listed, Network, Notice, State};
use control::event::Refusal;
use control::ids::{ContainerId, SandboxId};
use control::rng::Rng;
use control::time::Stamp;
use std::time::Duration;

/// A place where one VPN container and engines in its network can be tried out. Every method waits until it is
/// done, unless it says otherwise; whatever cannot be done in a lab at all panics.
pub trait Lab {
    /// Creates and starts the VPN's container. There must be none.
    fn run_vpn(&mut self) -> ContainerId;
    /// The name that the VPN's container has, or will have.
    fn vpn_name(&self) -> &str;
    /// Creates an engine in the VPN's network, and does not start it.
    fn create_engine(&mut self, name: &str, port: u16) -> Result<ContainerId, Refusal>;
    /// Asks for the same, and hangs up before Docker can have answered.
    fn create_engine_and_hang_up(&mut self, name: &str, port: u16);
    /// Starts a container.
    fn start(&mut self, id: ContainerId) -> Result<(), Refusal>;
    /// Asks for the same, and hangs up before Docker can have answered.
    fn start_and_hang_up(&mut self, id: ContainerId);
    /// Restarts a container, killing it at once.
    fn restart(&mut self, id: ContainerId) -> Result<(), Refusal>;
    /// Stops a container as a person does, killing it at once.
    fn stop(&mut self, id: ContainerId);
    /// Asks for a container to be stopped, and to be killed after the grace; does not wait for that.
    fn begin_stop(&mut self, id: ContainerId, grace: Duration);
    /// Kills a container as a person does.
    fn kill(&mut self, id: ContainerId);
    /// Lets a container's process die of its own accord; does not wait for what follows.
    fn crash(&mut self, id: ContainerId);
    /// Pauses a container.
    fn pause(&mut self, id: ContainerId);
    /// Removes a container with force.
    fn remove(&mut self, id: ContainerId);
    /// What an inspection tells; `None` if there is no such container.
    fn inspect(&mut self, id: ContainerId) -> Option<Facts>;
    /// What a listing tells.
    fn list(&mut self) -> Vec<Listed>;
    /// Whether an engine answers on this port at the VPN's address.
    fn answers(&mut self, engine: ContainerId, port: u16) -> bool;
    /// What the event stream has told since this was last asked.
    fn notices(&mut self) -> Vec<Notice>;
    /// Lets time pass.
    fn wait(&mut self, duration: Duration);
}

/// The port that most engines of these trials have.
const PORT: u16 = 19_000;

/// How long anything is waited for, and how often it is looked at meanwhile.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Long enough for anything that Docker would do by itself to have happened.
const AFTERMATH: Duration = Duration::from_secs(5);

/// D1: a caller that hangs up just after sending create or start has it carried out all the same.
pub fn calls_outlive_their_callers(lab: &mut impl Lab) {
    lab.run_vpn();
    lab.create_engine_and_hang_up("acestream-1", PORT);
    eventually(lab, "the engine exists", |lab| named(lab, "acestream-1").is_some());
    let engine = named(lab, "acestream-1").expect("it has just been seen");
    assert_eq!(engine.state, State::Created);

    lab.start_and_hang_up(engine.id);
    eventually(lab, "the engine runs", |lab| state(lab, engine.id) == State::Running);
}

/// D2: an engine that is started while its VPN is restarting is refused, and stays created under its name.
pub fn nothing_joins_the_network_of_a_restarting_vpn(lab: &mut impl Lab) {
    let vpn = lab.run_vpn();
    let engine = create(lab, "acestream-1", PORT);
    // Each quick death doubles the back-off, until there is time to look. That it runs does not tell that it is back:
    // Docker may not have noticed yet that it died.
    for _ in 0..6 {
        let (_, started) = generation(lab, vpn);
        lab.crash(vpn);
        let is_back = |facts: Facts| facts.listed.state == State::Running && facts.started_at != started;
        eventually(lab, "the VPN is back", |lab| lab.inspect(vpn).is_some_and(&is_back));
    }
    lab.crash(vpn);
    eventually(lab, "the VPN is restarting", |lab| state(lab, vpn) == State::Restarting);

    assert_eq!(lab.start(engine), Err(Refusal::NetworkNotRunning));

    let left = lab.inspect(engine).expect("a failed start leaves the container").listed;
    assert_eq!((left.state, left.name.as_str()), (State::Created, "acestream-1"));
    assert_eq!(left.labels.meaning().http_port, Some(PORT));
    assert!(left.ours);
}

/// D3: an engine that dies is back at once while its VPN runs, and never again if its VPN was down.
pub fn docker_restarts_an_engine_only_while_its_vpn_runs(lab: &mut impl Lab) {
    let vpn = lab.run_vpn();
    let engine = serve(lab, "acestream-1", PORT);
    told_of(lab, engine);
    lab.crash(engine);
    eventually(lab, "the engine answers again", |lab| lab.answers(engine, PORT));
    assert_eq!(told_of(lab, engine), [Happened::Died, Happened::Started]);

    lab.stop(vpn);
    lab.crash(engine);
    eventually(lab, "the engine is given up", |lab| state(lab, engine) == State::Exited);
    lab.start(vpn).expect("nothing is in its way");
    lab.wait(AFTERMATH);
    assert_eq!(state(lab, engine), State::Exited);
    assert_eq!(told_of(lab, engine), [Happened::Died]);
}

/// D4: a VPN that dies by itself is back with a new network, in which none of its engines is; one that a person
/// kills or stops stays exited.
pub fn a_vpn_that_dies_comes_back_without_its_engines(lab: &mut impl Lab) {
    let vpn = lab.run_vpn();
    let engine = serve(lab, "acestream-1", PORT);
    let before = generation(lab, vpn);
    lab.crash(vpn);
    eventually(lab, "the VPN is back", |lab| {
        state(lab, vpn) == State::Running && generation(lab, vpn) != before
    });
    let (sandbox, started_at) = generation(lab, vpn);
    assert!(sandbox != before.0 && started_at > before.1);
    lab.wait(AFTERMATH);
    assert_eq!(state(lab, engine), State::Running);
    assert!(!lab.answers(engine, PORT));

    lab.kill(vpn);
    lab.wait(AFTERMATH);
    assert_eq!(state(lab, vpn), State::Exited);

    lab.start(vpn).expect("nothing is in its way");
    lab.stop(vpn);
    lab.wait(AFTERMATH);
    assert_eq!(state(lab, vpn), State::Exited);
}

/// D5: after a VPN's restart, restarting its engines heals them; after its recreation it leaves them exited.
pub fn a_restart_heals_an_engine_unless_its_vpn_is_another(lab: &mut impl Lab) {
    let vpn = lab.run_vpn();
    let engine = serve(lab, "acestream-1", PORT);
    lab.restart(vpn).expect("nothing is in its way");
    assert!(!lab.answers(engine, PORT));
    lab.restart(engine).expect("its VPN runs under the id that it joins");
    eventually(lab, "the engine answers again", |lab| lab.answers(engine, PORT));

    lab.remove(vpn);
    let other = lab.run_vpn();
    assert_ne!(other, vpn);
    assert_eq!(state(lab, engine), State::Running);
    assert_eq!(lab.restart(engine), Err(Refusal::NoSuchContainer));
    assert_eq!(state(lab, engine), State::Exited);
}

/// D6: an engine's network is its VPN's id, or its name if there was no such VPN at its creation; a listing says
/// so.
pub fn a_network_is_a_name_only_if_there_was_no_vpn(lab: &mut impl Lab) {
    let early = create(lab, "acestream-1", PORT);
    let vpn = lab.run_vpn();
    let late = create(lab, "acestream-2", PORT + 1);

    let by_name = Network::ContainerNamed(lab.vpn_name().into());
    let listed = lab.list();
    let network = |id| listed.iter().find(|listed| listed.id == id).map(|listed| &listed.network);
    assert_eq!(network(early), Some(&by_name));
    assert_eq!(network(late), Some(&Network::Container(vpn)));
}

/// D7: a paused VPN is unhealthy soon, its engines stay reachable, and restart and stop work on it.
pub fn a_paused_vpn_keeps_its_network(lab: &mut impl Lab) {
    let vpn = lab.run_vpn();
    let engine = serve(lab, "acestream-1", PORT);
    eventually(lab, "the VPN is healthy", |lab| health(lab, vpn) == Health::Healthy);
    lab.pause(vpn);
    eventually(lab, "the VPN is unhealthy", |lab| health(lab, vpn) == Health::Unhealthy);
    assert_eq!(state(lab, vpn), State::Paused);
    assert!(lab.answers(engine, PORT));

    lab.restart(vpn).expect("a paused container can be restarted");
    assert_eq!(state(lab, vpn), State::Running);

    lab.pause(vpn);
    lab.stop(vpn);
    assert_eq!(state(lab, vpn), State::Exited);
}

/// D8: of two engines with one port on one network the second starts, dies and starts again.
pub fn the_second_engine_on_a_port_flaps(lab: &mut impl Lab) {
    lab.run_vpn();
    let first = serve(lab, "acestream-1", PORT);
    let second = create(lab, "acestream-2", PORT);
    told_of(lab, second);
    lab.start(second).expect("Docker knows nothing of ports inside a network");
    eventually(lab, "the second engine waits for a restart", |lab| state(lab, second) == State::Restarting);
    eventually(lab, "the second engine runs again", |lab| state(lab, second) == State::Running);
    eventually(lab, "and waits again", |lab| state(lab, second) == State::Restarting);

    let told = told_of(lab, second);
    assert!(told.starts_with(&[Happened::Started, Happened::Died, Happened::Started]), "{told:?}");
    assert!(lab.answers(first, PORT));
    assert_eq!(state(lab, first), State::Running);
}

/// D9: an engine that is being stopped answers until its grace is over, and its name stays taken.
pub fn an_engine_being_stopped_answers_until_it_is_killed(lab: &mut impl Lab) {
    lab.run_vpn();
    let engine = serve(lab, "acestream-1", PORT);
    lab.begin_stop(engine, Duration::from_secs(10));
    lab.wait(AFTERMATH);
    assert!(lab.answers(engine, PORT));
    assert_eq!(state(lab, engine), State::Running);

    eventually(lab, "the engine is killed", |lab| state(lab, engine) == State::Exited);
    assert!(!lab.answers(engine, PORT));
    assert_eq!(lab.create_engine("acestream-1", PORT + 1), Err(Refusal::NameTaken));
}

/// D10: whatever was done to a VPN and its engines, comparing ids and start times tells which are reachable.
pub fn ids_and_start_times_tell_what_is_reachable(lab: &mut impl Lab) {
    const ENGINES: u16 = 5;
    let name = |number: u16| format!("acestream-{}", number + 1);
    let mut rng = Rng::new(10);
    let mut vpn = lab.run_vpn();
    let mut engines: Vec<ContainerId> = (0..ENGINES).map(|n| serve(lab, &name(n), PORT + n)).collect();
    let mut agreed = [0; 2];
    for _ in 0..20 {
        for _ in 0..=rng.below(3) {
            // Whether Docker obliges is not the question here, only whether the comparison holds afterwards.
            let engine = engines[rng.below(u64::from(ENGINES)) as usize];
            match rng.below(8) {
                0 => lab.crash(vpn),
                1 => drop(lab.restart(vpn)),
                2 => {
                    lab.remove(vpn);
                    vpn = lab.run_vpn();
                }
                3 => lab.crash(engine),
                4 => drop(lab.start(engine)),
                _ => drop(lab.restart(engine)),
            }
        }
        lab.wait(2 * AFTERMATH);
        for (number, engine) in (0..).zip(&mut engines) {
            let expected = is_of_this_generation(lab, *engine, vpn);
            assert_eq!(lab.answers(*engine, PORT + number), expected, "{engine:?}");
            agreed[usize::from(expected)] += 1;
            // Half of those that nothing can reach are made anew, or soon none would be left to try.
            if !expected && rng.chance(50) {
                lab.remove(*engine);
                *engine = serve(lab, &name(number), PORT + number);
            }
        }
    }
    assert!(agreed.iter().all(|times| *times >= 10), "too few of either kind: {agreed:?}");
}

/// What the core goes by: the engine joined this very VPN, after its last start.
fn is_of_this_generation(lab: &mut impl Lab, engine: ContainerId, vpn: ContainerId) -> bool {
    let (Some(engine), Some(host)) = (lab.inspect(engine), lab.inspect(vpn)) else { return false };
    let both_run = engine.listed.state == State::Running && host.listed.state == State::Running;
    both_run && engine.listed.network == Network::Container(vpn) && engine.started_at > host.started_at
}

/// An engine that answers.
fn serve(lab: &mut impl Lab, name: &str, port: u16) -> ContainerId {
    let engine = create(lab, name, port);
    lab.start(engine).expect("its VPN runs");
    eventually(lab, "the new engine answers", |lab| lab.answers(engine, port));
    engine
}

fn create(lab: &mut impl Lab, name: &str, port: u16) -> ContainerId {
    lab.create_engine(name, port).expect("the name is free")
}

fn named(lab: &mut impl Lab, name: &str) -> Option<Listed> {
    lab.list().into_iter().find(|listed| listed.name.as_str() == name)
}

fn state(lab: &mut impl Lab, id: ContainerId) -> State {
    lab.inspect(id).expect("the container exists").listed.state
}

fn health(lab: &mut impl Lab, id: ContainerId) -> Health {
    lab.inspect(id).expect("the container exists").health
}

fn generation(lab: &mut impl Lab, vpn: ContainerId) -> (Option<SandboxId>, Option<Stamp>) {
    let facts = lab.inspect(vpn).expect("the VPN exists");
    (facts.sandbox, facts.started_at)
}

/// What the event stream has told of one container, once it has nothing more to tell.
fn told_of(lab: &mut impl Lab, id: ContainerId) -> Vec<Happened> {
    lab.wait(AFTERMATH);
    let notices = lab.notices().into_iter();
    notices.filter(|notice| notice.id == id).map(|notice| notice.happened).collect()
}

/// Waits until something is so.
fn eventually<L: Lab>(lab: &mut L, what: &str, so: impl Fn(&mut L) -> bool) {
    let mut waited = Duration::ZERO;
    while !so(lab) {
        assert!(waited < PATIENCE, "in vain: {what}");
        lab.wait(LOOK_EVERY);
        waited += LOOK_EVERY;
    }
}
