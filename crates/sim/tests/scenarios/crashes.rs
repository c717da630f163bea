//! Acefleet dies at every single step of a failover, and is started again remembering nothing.

use sim::story::{Finding, GLUETUN, GLUETUN2, Story, millis, secs, two_vpns};
use sim::world::VpnFault;

/// How long acefleet is away.
const DOWNTIME: std::time::Duration = millis(500);

/// Plays the same story once for each of its steps, with a crash after that step. `ends_well` is what must be
/// so once the fleet is at rest, beside five and five.
///
/// That an engine was made only to carry a port, and another one is to make place for it, is not remembered by the
/// next life: then there is one more than ten, and nobody minds.
fn at_every_step(
    begins: impl Fn() -> Story,
    befalls: impl Fn(&mut Story),
    ends_well: impl for<'a> Fn(Finding<'a>) -> Finding<'a>,
) {
    let play = |crash: Option<u64>| {
        let mut story = begins();
        let first = story.steps();
        story.chapter(format!("acefleet crashes after step {crash:?}"));
        befalls(&mut story);
        if let Some(step) = crash {
            story.go_on_for_steps(step);
            story.acefleet().is_away_for(DOWNTIME);
        }
        story.until_at_rest();
        let place_is_owed = story.snapshot().engines.len() == 11;
        if place_is_owed && crash.is_some() {
            story.now().engines(11).offered_on(GLUETUN, 6).offered_on(GLUETUN2, 5).numbered(1..=11);
        } else {
            story.now().engines(10).offered_on(GLUETUN, 5).offered_on(GLUETUN2, 5);
            ends_well(story.now());
        }
        story.now().there_is_no_emergency();
        story.now().carriers_on(GLUETUN, 1).carriers_on(GLUETUN2, 1);
        story.now().no_number_above(11).no_engine_was_touched_on(GLUETUN2);
        story.steps() - first
    };
    let steps = play(None);
    assert!(steps > 50, "there is not much of a story in {steps} steps");
    for step in 0..steps {
        play(Some(step));
    }
}

/// Five and five, on VPNs that are stable soon: each step is a story of its own, and most of them is waiting.
fn soon_stable() -> Story {
    let stage = two_vpns().engines(10);
    Story::of_settled(stage.settings(|settings| settings.vpn_recovery_stabilization = secs(20)))
}

#[test]
fn at_every_step_after_a_vpn_was_killed_until_it_is_back() {
    at_every_step(
        soon_stable,
        |story| story.vpn(GLUETUN).suffers_for(secs(13), VpnFault::Killed),
        |now| now.created(6).removed(6),
    );
}

#[test]
fn at_every_step_of_a_bounce() {
    at_every_step(soon_stable, |story| story.vpn(GLUETUN).dies_by_itself(), |now| now.created(2).removed(2));
}

#[test]
fn at_every_step_of_provisioning_from_nothing() {
    at_every_step(|| Story::of(two_vpns().engines(10)), |_| {}, |now| now.created(10).removed(0));
}

#[test]
fn at_every_step_of_a_tunnel_lost_and_found() {
    at_every_step(
        soon_stable,
        |story| story.vpn(GLUETUN).suffers_for(secs(10), VpnFault::TunnelLost),
        |now| now.created(1).removed(1),
    );
}
