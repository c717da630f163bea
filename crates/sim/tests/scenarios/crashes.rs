//! Acefleet dies at every single step of a failover, and is started again remembering nothing.

use crate::failovers::five_and_five;
use sim::story::{Finding, GLUETUN, GLUETUN2, Story, millis, secs, two_vpns};
use sim::world::VpnFault;

/// How long acefleet is away.
const DOWNTIME: std::time::Duration = millis(500);

/// Plays the same story once for each of its steps, with a crash after that step. `ends_well` is what must be
/// so once the fleet has settled, beside five and five.
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
        story.until_settled();
        story.now().engines(10).offered_on(GLUETUN, 5).offered_on(GLUETUN2, 5).there_is_no_emergency();
        ends_well(story.now().numbered(1..=10).no_engine_was_touched_on(GLUETUN2));
        story.steps() - first
    };
    let steps = play(None);
    assert!(steps > 50, "there is not much of a story in {steps} steps");
    for step in 0..steps {
        play(Some(step));
    }
}

#[test]
fn at_every_step_after_a_vpn_was_killed_until_it_is_back() {
    at_every_step(
        five_and_five,
        |story| story.vpn(GLUETUN).suffers_for(secs(13), VpnFault::Killed),
        |now| now.created(5).removed(5),
    );
}

#[test]
fn at_every_step_of_a_bounce() {
    at_every_step(
        five_and_five,
        |story| story.vpn(GLUETUN).dies_by_itself(),
        |now| now.created(1).removed(1),
    );
}

#[test]
fn at_every_step_of_provisioning_from_nothing() {
    at_every_step(|| Story::of(two_vpns().engines(10)), |_| {}, |now| now.created(10).removed(0));
}

#[test]
fn at_every_step_of_a_tunnel_lost_and_found() {
    at_every_step(
        five_and_five,
        |story| story.vpn(GLUETUN).suffers_for(secs(10), VpnFault::TunnelLost),
        |now| now.created(0).removed(0),
    );
}
