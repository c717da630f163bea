//! Offering: what must not be used must not be listed. And what an engine means for the number that should serve.

use super::{ENGINE_START, VPN_START, at, container, engine, hidden, set_container, vpn};
use crate::desk::no_vpn;
use control::Settings;
use control::command::Cause;
use control::docker::{Health, Network, State};
use control::engine::{Changing, Engine, Seat};
use control::ids::OpId;
use control::policy::offering::{self, Prospect, Reason, Standing};
use control::time::Stamp;
use control::vpn::{Check, Verdict, Vpn};

use Verdict::{Failed, Healthy, Pending};

fn standing(engine: &Engine, vpn: &Vpn) -> Standing {
    offering::standing(engine, Some(vpn), false, &Settings::default())
}

#[test]
fn of_several_reasons_to_hide_an_engine_the_one_that_has_to_be_mended_first_is_told() {
    // Everything that can be wrong is wrong, and is mended bit by bit.
    let mut vpn = vpn(0, Pending);
    set_container(&mut vpn, State::Exited, Health::Healthy);
    let mut engine = engine(1, &vpn);
    let ports = engine.ports.take();
    engine.operation = Some((OpId { life: 1, seq: 1 }, Changing::Restarting));
    engine.condemned = Some(Cause::Clashes);
    engine.seat = Seat::Elsewhere;
    engine.state = State::Paused;
    engine.inspected = None;
    engine.started_at = Some(VPN_START);
    engine.reconnects_since = Some(at(1));
    engine.answers.proven = false;
    engine.answers.failures = 3;

    let expect =
        |engine: &Engine, vpn: &Vpn, reason| assert_eq!(standing(engine, vpn), Standing::Hidden(reason));
    expect(&engine, &vpn, Reason::NoEngine);
    engine.ports = ports;
    expect(&engine, &vpn, Reason::Restarting);
    engine.operation = None;
    expect(&engine, &vpn, Reason::Condemned(Cause::Clashes));
    engine.condemned = None;
    expect(&engine, &vpn, Reason::OutsideVpn);
    engine.seat = Seat::Vpn(vpn.id);
    expect(&engine, &vpn, Reason::NotRunning(State::Paused));
    engine.state = State::Running;
    expect(&engine, &vpn, Reason::NotLookedAt);
    engine.inspected = Some(at(0));
    expect(&engine, &vpn, Reason::VpnNetworkGone);
    set_container(&mut vpn, State::Running, Health::Healthy);
    expect(&engine, &vpn, Reason::Stranded);
    engine.started_at = Some(ENGINE_START);
    expect(&engine, &vpn, Reason::VpnPending);
    vpn.verdict = Failed;
    expect(&engine, &vpn, Reason::VpnFailed);
    vpn.verdict = Healthy;
    expect(&engine, &vpn, Reason::NotReconnected);
    engine.reconnects_since = None;
    expect(&engine, &vpn, Reason::Booting);
    engine.answers.proven = true;
    expect(&engine, &vpn, Reason::Unhealthy);
    engine.answers.failures = 2;
    assert_eq!(standing(&engine, &vpn), Standing::Offered);
}

#[test]
fn each_operation_under_way_hides_an_engine_in_its_own_words() {
    let vpn = vpn(0, Healthy);
    for (changing, reason) in [
        (Changing::Starting, Reason::Starting),
        (Changing::Restarting, Reason::Restarting),
        (Changing::Removing, Reason::Removing),
    ] {
        let mut engine = engine(1, &vpn);
        engine.operation = Some((OpId { life: 1, seq: 1 }, changing));
        assert_eq!(standing(&engine, &vpn), Standing::Hidden(reason));
        assert_eq!(changing.reason(), reason);
    }
}

#[test]
fn an_engine_is_unhealthy_after_as_many_failures_as_the_operator_says_unless_acefleet_suspects_itself() {
    let vpn = vpn(0, Healthy);
    let settings = Settings { health_failure_threshold: 5, ..Settings::default() };
    let mut engine = engine(1, &vpn);
    engine.answers.failures = 4;
    assert_eq!(offering::standing(&engine, Some(&vpn), false, &settings), Standing::Offered);
    engine.answers.failures = 5;
    let unhealthy = Standing::Hidden(Reason::Unhealthy);
    assert_eq!(offering::standing(&engine, Some(&vpn), false, &settings), unhealthy);
    assert_eq!(offering::standing(&engine, Some(&vpn), true, &settings), Standing::Offered);
}

#[test]
fn an_engine_without_a_vpn_is_offered_on_its_own_account() {
    let mut engine = engine(1, &vpn(0, Healthy));
    (engine.seat, engine.network) = (Seat::Own, Network::Own("bridge".into()));
    assert_eq!(offering::standing(&engine, None, false, &no_vpn(1)), Standing::Offered);
}

#[test]
fn an_engine_is_in_its_vpns_network_if_it_joined_that_container_after_its_start() {
    let vpn = vpn(0, Healthy);
    let here = Network::Container(container(200));
    let later = Some(ENGINE_START);
    let table = [
        (here.clone(), later, true),
        (Network::ContainerNamed("vpn0".into()), later, true),
        (Network::Container(container(201)), later, false),
        (Network::ContainerNamed("vpn1".into()), later, false),
        (Network::Own("vpn0".into()), later, false),
        // Started no later than the VPN, it joined a network that is gone.
        (here.clone(), Some(VPN_START), false),
        (here.clone(), Some(Stamp::from_nanos(VPN_START.as_nanos() - 1)), false),
        (here.clone(), Some(Stamp::from_nanos(VPN_START.as_nanos() + 1)), true),
        (here, None, false),
    ];
    for (network, started_at, expected) in table {
        let mut engine = engine(1, &vpn);
        (engine.network, engine.started_at) = (network.clone(), started_at);
        assert_eq!(offering::in_current_network(&engine, &vpn), expected, "{network:?} since {started_at:?}");
    }
}

#[test]
fn an_engine_can_be_probed_if_it_runs_where_its_port_can_be_reached() {
    let vpn = vpn(0, Failed);
    let can = |change: fn(&mut Engine)| {
        let mut engine = engine(1, &vpn);
        change(&mut engine);
        offering::can_be_probed(&engine, Some(&vpn))
    };
    assert!(can(|_| {}));
    assert!(!can(|engine| engine.ports = None));
    assert!(!can(|engine| engine.state = State::Paused));
    assert!(!can(|engine| engine.inspected = None));
    assert!(!can(|engine| engine.started_at = Some(VPN_START)));
    // Without a VPN there is no network to be missed.
    let mut own = engine(1, &vpn);
    own.started_at = Some(VPN_START);
    assert!(offering::can_be_probed(&own, None));
}

#[test]
fn an_unproven_engine_that_is_known_to_have_worked_stays_offered_while_acefleet_suspects_itself() {
    let vpn = vpn(0, Healthy);
    let mut engine = engine(1, &vpn);
    engine.answers.proven = false;
    let standing =
        |engine: &Engine, blind| offering::standing(engine, Some(&vpn), blind, &Settings::default());
    assert_eq!(standing(&engine, true), Standing::Offered);
    assert_eq!(standing(&engine, false), Standing::Hidden(Reason::Booting));
    engine.answers.worked = false;
    assert_eq!(standing(&engine, true), Standing::Hidden(Reason::Booting));
}

#[test]
fn a_vpn_that_does_not_run_or_runs_as_another_container_has_no_network_to_be_in() {
    for state in [State::Created, State::Restarting, State::Removing, State::Exited, State::Dead] {
        let mut vpn = vpn(0, Healthy);
        set_container(&mut vpn, state, Health::Healthy);
        assert!(!offering::in_current_network(&engine(1, &vpn), &vpn), "{state}");
    }
    let mut paused = vpn(0, Healthy);
    set_container(&mut paused, State::Paused, Health::Healthy);
    assert!(offering::in_current_network(&engine(1, &paused), &paused));

    // Another container has the VPN's name now, and its network is not known yet.
    let mut recreated = vpn(1, Healthy);
    recreated.generation = vpn(0, Healthy).generation;
    assert!(!offering::in_current_network(&engine(1, &recreated), &recreated));
}

#[test]
fn an_engine_can_rejoin_the_container_it_was_created_for_and_no_other() {
    let vpn = vpn(0, Failed);
    for (network, expected) in [
        (Network::Container(container(200)), true),
        (Network::Container(container(201)), false),
        (Network::ContainerNamed("vpn0".into()), true),
        (Network::ContainerNamed("vpn1".into()), false),
        (Network::Own("vpn0".into()), false),
    ] {
        let mut engine = engine(1, &vpn);
        engine.network = network.clone();
        assert_eq!(offering::can_rejoin(&engine, &vpn), expected, "{network:?}");
    }
}

#[test]
fn what_serves_or_is_about_to_is_counted_and_what_is_lost_is_replaced() {
    use Prospect::{Coming, Lost, Serving};
    let exited = Reason::NotRunning(State::Exited);
    // The reason, and what it means on a healthy VPN and on a failed one.
    let table = [
        (Reason::Booting, Serving, Serving),
        (Reason::NotReconnected, Serving, Serving),
        (Reason::NotLookedAt, Coming, Coming),
        (Reason::Starting, Coming, Lost),
        (Reason::Restarting, Coming, Lost),
        (Reason::Stranded, Coming, Lost),
        (exited, Coming, Lost),
        (Reason::Removing, Lost, Lost),
        (Reason::NoEngine, Lost, Lost),
        (Reason::OutsideVpn, Lost, Lost),
        (Reason::Condemned(Cause::Clashes), Lost, Lost),
        (Reason::VpnPending, Lost, Lost),
        (Reason::VpnNetworkGone, Lost, Lost),
        (Reason::VpnFailed, Lost, Lost),
        (Reason::Unhealthy, Lost, Lost),
    ];
    for (reason, healthy, failed) in table {
        for (verdict, expected) in [(Healthy, healthy), (Failed, failed)] {
            let vpn = vpn(0, verdict);
            let engine = hidden(engine(1, &vpn), reason);
            let prospect = offering::prospect(&engine, Some(&vpn), at(100), false, false);
            assert_eq!(prospect, expected, "{reason:?} on a VPN that is {verdict:?}");
        }
    }
    let vpn = vpn(0, Healthy);
    assert_eq!(offering::prospect(&engine(1, &vpn), Some(&vpn), at(100), false, false), Serving);
}

#[test]
fn an_engine_that_cannot_rejoin_or_crash_loops_or_has_to_wait_is_not_worth_waiting_for() {
    let vpn = vpn(0, Healthy);
    let exited = || hidden(engine(1, &vpn), Reason::NotRunning(State::Exited));
    let prospect = |engine: &Engine, crash_looping| {
        offering::prospect(engine, Some(&vpn), at(100), crash_looping, false)
    };
    assert_eq!(prospect(&exited(), false), Prospect::Coming);
    assert_eq!(prospect(&exited(), true), Prospect::Lost);

    let mut elsewhere = exited();
    elsewhere.network = Network::Container(container(201));
    assert_eq!(prospect(&elsewhere, false), Prospect::Lost);
    elsewhere.standing = Standing::Hidden(Reason::Stranded);
    assert_eq!(prospect(&elsewhere, false), Prospect::Lost);

    let mut refused = exited();
    refused.retry.refused(at(100));
    assert_eq!(prospect(&refused, false), Prospect::Lost);
    assert_eq!(offering::prospect(&refused, Some(&vpn), at(101), false, false), Prospect::Coming);

    // Without a VPN there is nothing to wait for but the engine itself, and nothing to be stranded in.
    let stranded = hidden(engine(1, &vpn), Reason::Stranded);
    assert_eq!(offering::prospect(&stranded, None, at(100), false, false), Prospect::Lost);
    assert_eq!(offering::prospect(&exited(), None, at(100), false, false), Prospect::Coming);
}

#[test]
fn the_place_of_an_engine_whose_removal_is_a_matter_of_moments_is_kept_for_its_successor() {
    let vpn = vpn(0, Healthy);
    let removing = hidden(engine(1, &vpn), Reason::Removing);
    assert_eq!(offering::prospect(&removing, Some(&vpn), at(100), false, true), Prospect::Coming);
    assert_eq!(offering::prospect(&removing, Some(&vpn), at(100), false, false), Prospect::Lost);
}

#[test]
fn every_reason_is_told_in_words_of_its_own() {
    let reasons = [
        Reason::NotLookedAt,
        Reason::NoEngine,
        Reason::OutsideVpn,
        Reason::Condemned(Cause::Clashes),
        Reason::Starting,
        Reason::Restarting,
        Reason::Removing,
        Reason::NotRunning(State::Exited),
        Reason::VpnPending,
        Reason::VpnNetworkGone,
        Reason::VpnFailed,
        Reason::Stranded,
        Reason::NotReconnected,
        Reason::Booting,
        Reason::Unhealthy,
    ];
    let mut words: Vec<_> = reasons.iter().map(|reason| reason.describe()).collect();
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), reasons.len());
}

#[test]
fn an_engine_whose_vpn_is_just_being_asked_about_for_the_first_time_is_as_good_as_there() {
    let mut vpn = vpn(0, Pending);
    let engine = hidden(engine(1, &vpn), Reason::VpnPending);
    let prospect = |vpn: &Vpn| offering::prospect(&engine, Some(vpn), at(100), false, false);
    assert_eq!(prospect(&vpn), Prospect::Lost);
    vpn.check = Some(Check {
        asked_at: at(100),
        open: [OpId { life: 1, seq: 1 }].into(),
        asked: 1,
        connected: 0,
        voucher: None,
        silent: vec![],
    });
    assert_eq!(prospect(&vpn), Prospect::Coming);
}
