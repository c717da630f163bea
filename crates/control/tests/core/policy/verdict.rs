//! The verdict: what Docker, the control server and the engines say of a VPN, and what follows.

use super::{at, engine, set_container, vpn};
use crate::desk::secs;
use control::Time;
use control::docker::{Health, State};
use control::engine::{Engine, Seat};
use control::event::TunnelStatus;
use control::mark::Marks;
use control::policy::verdict::{self, Doubt, Evidence, Finding};
use control::time::Stamp;
use control::vpn::{Checked, Presence, Verdict, Vpn};

use Verdict::{Failed, Healthy, Pending};

/// Silence counts for so long after an engine was asked.
const INTERVAL_S: u64 = 30;

/// What the engines of a VPN tell at 1,000 seconds.
fn evidence(vpn: &Vpn, engines: &[Engine]) -> Evidence {
    let mut evidence = Evidence::default();
    for engine in engines {
        evidence.add(engine, vpn, at(1_000), secs(INTERVAL_S));
    }
    evidence
}

fn find(vpn: &Vpn, engines: &[Engine]) -> Finding {
    verdict::find(vpn, &evidence(vpn, engines), false, &Marks::default())
}

/// An engine that says whether it is connected, and was connected before if it says no.
fn saying(number: u16, vpn: &Vpn, connected: bool, row: u32) -> Engine {
    let mut engine = engine(number, vpn);
    engine.answers.connected = Some(connected);
    engine.answers.was_connected = true;
    engine.answers.disconnected = row;
    engine
}

/// An engine that left its last question unanswered, asked at this moment.
fn silent(number: u16, vpn: &Vpn, asked_at: Time) -> Engine {
    let mut engine = engine(number, vpn);
    engine.answers.failures = 1;
    engine.answers.asked_at = Some(asked_at);
    engine
}

#[test]
fn without_a_doubt_docker_decides() {
    let table = [
        (State::Running, Health::Healthy, Finding::Fine(Health::Healthy)),
        (State::Running, Health::Unchecked, Finding::Fine(Health::Unchecked)),
        (State::Running, Health::Starting, Finding::Starting),
        (State::Running, Health::Unhealthy, Finding::Doubtful(Doubt::DockerUnhealthy)),
        (State::Paused, Health::Healthy, Finding::Doubtful(Doubt::Paused)),
        (State::Paused, Health::Unhealthy, Finding::Doubtful(Doubt::Paused)),
        (State::Created, Health::Unchecked, Finding::NoNetwork(Some(State::Created))),
        (State::Restarting, Health::Starting, Finding::NoNetwork(Some(State::Restarting))),
        (State::Removing, Health::Healthy, Finding::NoNetwork(Some(State::Removing))),
        (State::Exited, Health::Healthy, Finding::NoNetwork(Some(State::Exited))),
        (State::Dead, Health::Unhealthy, Finding::NoNetwork(Some(State::Dead))),
    ];
    for (state, health, expected) in table {
        let mut vpn = vpn(0, Healthy);
        set_container(&mut vpn, state, health);
        assert_eq!(find(&vpn, &[]), expected, "{state} and {health:?}");
    }
    let mut unseen = vpn(0, Pending);
    unseen.container = Presence::Unknown;
    assert_eq!(find(&unseen, &[]), Finding::NotLookedAt);
    unseen.container = Presence::Missing;
    assert_eq!(find(&unseen, &[]), Finding::NoNetwork(None));
}

#[test]
fn a_control_server_that_says_anything_but_running_is_a_doubt() {
    let mut vpn = vpn(0, Healthy);
    for status in
        [TunnelStatus::Starting, TunnelStatus::Stopping, TunnelStatus::Stopped, TunnelStatus::Crashed]
    {
        vpn.tunnel = Some(status);
        assert_eq!(find(&vpn, &[]), Finding::Doubtful(Doubt::TunnelDown(status)));
    }
    vpn.tunnel = Some(TunnelStatus::Running);
    assert_eq!(find(&vpn, &[]), Finding::Fine(Health::Healthy));
    vpn.tunnel = None;
    assert_eq!(find(&vpn, &[]), Finding::Fine(Health::Healthy));
}

#[test]
fn all_engines_disconnected_is_a_doubt_if_two_of_them_were_connected_before() {
    let vpn = vpn(0, Healthy);
    let lost = |number| saying(number, &vpn, false, 1);
    let never = |number| {
        let mut engine = lost(number);
        engine.answers.was_connected = false;
        engine
    };
    let doubted = Finding::Doubtful(Doubt::Disconnected);
    let fine = Finding::Fine(Health::Healthy);
    assert_eq!(find(&vpn, &[lost(1), lost(2)]), doubted);
    assert_eq!(find(&vpn, &[lost(1), lost(2), never(3)]), doubted);
    assert_eq!(find(&vpn, &[lost(1), never(2)]), fine);
    assert_eq!(find(&vpn, &[never(1), never(2), never(3)]), fine);
    assert_eq!(find(&vpn, &[lost(1), lost(2), saying(3, &vpn, true, 0)]), fine);
    // One that has not said is not one that says no.
    assert_eq!(find(&vpn, &[lost(1), lost(2), engine(3, &vpn)]), fine);
}

#[test]
fn a_lone_engine_has_to_have_been_connected_and_to_say_no_three_times() {
    let vpn = vpn(0, Healthy);
    for (row, expected) in [
        (1, Finding::Fine(Health::Healthy)),
        (2, Finding::Fine(Health::Healthy)),
        (3, Finding::Doubtful(Doubt::Disconnected)),
        (9, Finding::Doubtful(Doubt::Disconnected)),
    ] {
        assert_eq!(find(&vpn, &[saying(1, &vpn, false, row)]), expected, "after {row}");
    }
    let mut never = saying(1, &vpn, false, 9);
    never.answers.was_connected = false;
    assert_eq!(find(&vpn, &[never]), Finding::Fine(Health::Healthy));
}

#[test]
fn half_of_at_least_two_engines_silent_is_a_doubt() {
    let vpn = vpn(0, Healthy);
    let now = at(1_000);
    for (silent_ones, of, doubted) in [
        (1, 1, false),
        (0, 2, false),
        (1, 2, true),
        (1, 3, false),
        (2, 3, true),
        (2, 4, true),
        (2, 5, false),
        (3, 5, true),
        (5, 5, true),
    ] {
        let engines: Vec<_> = (0..of)
            .map(|number| if number < silent_ones { silent(number, &vpn, now) } else { engine(number, &vpn) })
            .collect();
        let expected = if doubted {
            Finding::Doubtful(Doubt::Unanswered { silent: silent_ones.into(), of: of.into() })
        } else {
            Finding::Fine(Health::Healthy)
        };
        assert_eq!(find(&vpn, &engines), expected, "{silent_ones} of {of}");
    }
}

#[test]
fn silence_counts_for_an_interval_after_the_question_and_not_while_acefleet_suspects_itself() {
    let vpn = vpn(0, Healthy);
    let asked_ago = |ago| [silent(1, &vpn, at(1_000 - ago)), silent(2, &vpn, at(1_000))];
    let lately = asked_ago(INTERVAL_S);
    assert!(evidence(&vpn, &lately).all_silent());
    let long_ago = asked_ago(INTERVAL_S + 1);
    assert!(!evidence(&vpn, &long_ago).all_silent());
    assert_eq!(find(&vpn, &long_ago), Finding::Doubtful(Doubt::Unanswered { silent: 1, of: 2 }));

    let mut never_asked = asked_ago(0);
    never_asked[0].answers.asked_at = None;
    assert!(!evidence(&vpn, &never_asked).all_silent());

    let blind = verdict::find(&vpn, &evidence(&vpn, &lately), true, &Marks::default());
    assert_eq!(blind, Finding::Fine(Health::Healthy));
}

#[test]
fn acefleet_suspects_itself_when_several_engines_are_silent_and_none_anywhere_is_not() {
    let vpn = vpn(0, Healthy);
    let told = |silent_ones: u16, others: u16| {
        let silent = (0..silent_ones).map(|number| silent(number, &vpn, at(1_000)));
        let others = (0..others).map(|number| engine(100 + number, &vpn));
        evidence(&vpn, &silent.chain(others).collect::<Vec<_>>())
    };
    // What the engines of each VPN tell, and whether that is enough.
    let table = [
        (vec![told(2, 0), told(2, 0)], true),
        (vec![told(1, 0), told(1, 0)], true),
        (vec![told(2, 0)], true),
        // One alone may well be at fault itself.
        (vec![told(1, 0)], false),
        // Where nobody can be asked, nobody is silent.
        (vec![told(2, 0), told(0, 0)], false),
        (vec![told(2, 0), told(1, 1)], false),
        (vec![told(0, 2), told(0, 2)], false),
        (vec![told(0, 0), told(0, 0)], false),
        (vec![], false),
    ];
    for (all, blind) in table {
        assert_eq!(Evidence::is_blind(&all), blind, "{all:?}");
    }
}

#[test]
fn no_engines_at_all_are_not_all_silent() {
    let vpn = vpn(0, Healthy);
    assert!(!evidence(&vpn, &[]).all_silent());
    assert!(!evidence(&vpn, &[silent(1, &vpn, at(1_000)), engine(2, &vpn)]).all_silent());
}

#[test]
fn only_an_engine_that_has_answered_in_the_present_network_can_be_asked() {
    let vpn = vpn(0, Healthy);
    let can = |change: fn(&mut Engine)| {
        let mut engine = engine(1, &vpn);
        change(&mut engine);
        let evidence = evidence(&vpn, &[engine]);
        evidence.askable == 1
    };
    assert!(can(|_| {}));
    assert!(!can(|engine| engine.ports = None));
    assert!(!can(|engine| engine.state = State::Exited));
    assert!(!can(|engine| engine.state = State::Paused));
    assert!(!can(|engine| engine.seat = Seat::Elsewhere));
    assert!(!can(|engine| engine.answers.trusted = false));
    assert!(!can(|engine| engine.started_at = Some(Stamp::from_nanos(1))));
}

#[test]
fn a_doubt_that_came_from_engines_and_made_a_vpn_fail_is_lifted_by_a_connected_engine_alone() {
    let unanswered = Doubt::Unanswered { silent: 1, of: 2 };
    for (verdict, doubt, connected, expected) in [
        (Failed, Doubt::Disconnected, Some(0), Finding::Doubtful(Doubt::Disconnected)),
        (Failed, unanswered, Some(0), Finding::Doubtful(unanswered)),
        (Failed, Doubt::Disconnected, None, Finding::Doubtful(Doubt::Disconnected)),
        (Failed, Doubt::Disconnected, Some(1), Finding::Fine(Health::Healthy)),
        (Failed, unanswered, Some(1), Finding::Fine(Health::Healthy)),
        // Before it made the VPN fail it is gone with its cause.
        (Healthy, Doubt::Disconnected, Some(0), Finding::Fine(Health::Healthy)),
        (Pending, unanswered, Some(0), Finding::Fine(Health::Healthy)),
        // Docker may change its mind about what it has said itself.
        (Failed, Doubt::DockerUnhealthy, Some(0), Finding::Fine(Health::Healthy)),
        (Failed, Doubt::Paused, Some(0), Finding::Fine(Health::Healthy)),
    ] {
        let mut vpn = vpn(0, verdict);
        vpn.doubt = Some((doubt, at(900)));
        vpn.checked = connected.map(|connected| Checked { connected, asked: 2 });
        assert_eq!(find(&vpn, &[]), expected, "{verdict:?}, {doubt:?}, {connected:?} connected");
    }
}

#[test]
fn the_verdict_follows_from_what_was_found_and_from_the_double_check() {
    let doubtful = Finding::Doubtful(Doubt::DockerUnhealthy);
    let checked = |connected, asked| Some(Checked { connected, asked });
    // What was found and what the engines said: the verdict, and the observations it rests on.
    let table = [
        (Finding::Fine(Health::Healthy), None, Some(Healthy), "Docker says healthy"),
        (Finding::Fine(Health::Unchecked), None, Some(Healthy), "its container runs without a health check"),
        (Finding::NoNetwork(None), None, Some(Failed), "its container is missing"),
        (Finding::NoNetwork(Some(State::Exited)), None, Some(Failed), "its container has exited"),
        (Finding::Starting, None, None, "Docker says starting"),
        (Finding::NotLookedAt, None, None, ""),
        (doubtful, None, None, "Docker says unhealthy"),
        (doubtful, checked(1, 3), Some(Healthy), "Docker says unhealthy, 1 of 3 engine(s) are connected"),
        (doubtful, checked(3, 3), Some(Healthy), "Docker says unhealthy, 3 of 3 engine(s) are connected"),
        (doubtful, checked(0, 3), Some(Failed), "Docker says unhealthy, 0 of 3 engine(s) are connected"),
        (doubtful, checked(0, 0), Some(Failed), "Docker says unhealthy, there is no engine to ask"),
    ];
    for (finding, checked, expected, why) in table {
        for before in [Pending, Healthy, Failed] {
            let mut vpn = vpn(0, before);
            vpn.checked = checked;
            let (verdict, observations) = verdict::judge(&vpn, finding, &Marks::default());
            let observations: Vec<_> = observations.iter().map(ToString::to_string).collect();
            assert_eq!(verdict, expected.unwrap_or(before), "{finding:?}, {checked:?}, {before:?} before");
            assert_eq!(observations.join(", "), why);
        }
    }
}

#[test]
fn each_doubt_is_told_by_the_observation_behind_it() {
    for (doubt, why) in [
        (Doubt::DockerUnhealthy, "Docker says unhealthy"),
        (Doubt::Paused, "its container is paused"),
        (Doubt::TunnelDown(TunnelStatus::Crashed), "its control server says Crashed"),
        (Doubt::Disconnected, "all its engines say that they are not connected"),
        (Doubt::Unanswered { silent: 2, of: 3 }, "2 of 3 engine(s) do not answer"),
    ] {
        assert_eq!(doubt.why().to_string(), why);
    }
}
