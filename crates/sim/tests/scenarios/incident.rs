//! The incident to survive: a VPN stopped by hand, a Docker that does not answer, and a port that comes late.

use sim::story::{GLUETUN, GLUETUN2, Story, secs, two_vpns};
use sim::world::Span;

#[test]
fn the_incident_ends_with_ten_engines_five_and_five_and_nothing_made_twice() {
    // After the recovery no port is known for 12 s.
    let stage = two_vpns().engines(10).weather(|weather| weather.port_wait = Span::secs(12, 12));
    let mut story = Story::of_settled(stage);
    story.now().offered_on(GLUETUN, 5).offered_on(GLUETUN2, 5).numbered(1..=10);

    story.chapter("a person stops the VPN, and Docker answers nobody for 30 s");
    story.vpn(GLUETUN).is_stopped_by_a_person();
    story.until("the VPN has ended", |story| !story.world().truth_vpn(GLUETUN).running);
    story.docker().freezes_for(secs(30));
    story.throughout(secs(60), |now| {
        now.no_engine_was_touched_on(GLUETUN2).offered_on(GLUETUN2, 5).created(0).no_number_above(10)
    });
    story.now().nothing_is_offered_on(GLUETUN).engines_on(GLUETUN, 0).emergency_holds();

    story.chapter("the VPN is back");
    story.vpn(GLUETUN).is_started_by_that_person();
    story.within(secs(30)).offered_on(GLUETUN, 5);
    story.now().created(5).removed(0).no_engine_was_touched_on(GLUETUN2).numbered(1..=10);

    story.chapter("its port is known late, and an engine is made that carries it");
    story.within(secs(15)).offered_on(GLUETUN, 6).created(1).removed(0).carriers_on(GLUETUN, 1);
    // What was just created is not deleted: not before the VPN is stable, and then one is, once nobody can be on
    // his way to it.
    story.throughout(secs(100), |now| now.removed(0).created(1).offered(11));
    story.until_at_rest();
    story.now().created(1).removed(1).no_engine_was_touched_on(GLUETUN2).no_number_above(11);
    story.now().offered_on(GLUETUN, 5).offered_on(GLUETUN2, 5).there_is_no_emergency();

    story.chapter("nothing of it has a sequel");
    story.throughout(secs(1_800), |now| now.no_engine_was_touched().offered(10));
    story.now().the_journal_does_not_tell("forwarded port changed");
}
