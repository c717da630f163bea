//! A VPN that is stopped while Docker is silent: nothing is forgotten, and what acefleet does not remember
//! the labels tell.

use crate::failovers::five_and_five;
use control::snapshot::BlockedCode;
use sim::story::{GLUETUN, GLUETUN2, secs};

#[test]
fn no_engine_leaves_the_state_while_docker_is_silent() {
    let mut story = five_and_five();
    story.chapter("a person stops the VPN, and Docker freezes for 45 s before it can tell");
    story.vpn(GLUETUN).is_stopped_by_a_person();
    story.until("the VPN has ended", |story| !story.world().truth_vpn(GLUETUN).running);
    story.docker().freezes_for(secs(45));
    story.within(secs(6)).that(|story| match story.snapshot().blocked.map(|blocked| blocked.code) {
        Some(BlockedCode::DockerUnavailable) => Ok(()),
        other => Err(format!("creating engines is blocked by {other:?}")),
    });
    story.throughout(secs(38), |now| {
        now.that(|story| match story.snapshot().engines.len() {
            10 => Ok(()),
            count => Err(format!("{count} engines are shown")),
        })
    });
    story.now().the_journal_tells("Docker socket temporarily unavailable").nothing_is_offered_on(GLUETUN);
    story.now().no_engine_was_touched().offered_on(GLUETUN2, 5);

    story.chapter("Docker is back, and then the VPN");
    story.within(secs(8)).engines_on(GLUETUN, 0);
    story.vpn(GLUETUN).is_started_by_that_person();
    story.until_settled();
    story.now().created(5).removed(5).no_engine_was_touched_on(GLUETUN2).numbered(1..=10);
    story.now().offered_on(GLUETUN, 5).offered_on(GLUETUN2, 5);
}

#[test]
fn what_a_restart_forgets_the_labels_restore() {
    let mut story = five_and_five();
    story.chapter("acefleet is restarted while a VPN is gone");
    story.vpn(GLUETUN).is_killed();
    story.acefleet().is_away_for(secs(1));
    story.within(secs(1)).is_failed(GLUETUN).offered_on(GLUETUN2, 5);
    story.now().the_journal_tells_times(10, "Restored VPN assignment for engine");
    story.within(secs(6)).engines_on(GLUETUN, 0);
    story.vpn(GLUETUN).is_started_again();
    story.until_settled();
    story.now().created(5).removed(5).no_engine_was_touched_on(GLUETUN2).numbered(1..=10);
    story.now().offered_on(GLUETUN, 5).offered_on(GLUETUN2, 5);
}
