//! Viewers: whatever becomes of engines and VPNs, who watches goes on watching.

use crate::failovers::five_and_five;
use control::command::Content;
use control::ids::ViewerId;
use control::request::{Announcement, Ending, Request, UrlTail};
use sim::story::{GLUETUN, GLUETUN2, Story, one_vpn, secs, two_vpns, without_vpn};
use sim::world::{EngineFault, channel};

/// Another program announces a session on the engine of this port.
fn announce(story: &mut Story, port: u16, id: &str) {
    let content: Content = channel(1);
    let url = Some(UrlTail { port, path: "/ace/stat/1".into() });
    story.another_program_tells(Request::StreamStarted(Box::new(Announcement {
        container_id: None,
        port: Some(port),
        content,
        playback_session_id: id.into(),
        stat: url,
        command: None,
        is_live: true,
        stream_id: Some(id.into()),
    })));
}

fn end(story: &mut Story, id: &str) {
    let ending = Ending { container_id: None, stream_id: Some(id.into()), reason: None };
    story.another_program_tells(Request::StreamEnded(ending));
}

fn watch(story: &mut Story, number: u64, viewers: usize) -> Vec<ViewerId> {
    (0..viewers).map(|_| story.somebody_watches(number)).collect()
}

#[test]
fn twenty_viewers_of_one_channel_share_a_session_and_are_moved_at_once() {
    let mut story = five_and_five();
    watch(&mut story, 0, 20);
    story.within(secs(2)).watching(20).sessions(1);
    story.chapter("their VPN is killed");
    let vpn = if story.playing().is_multiple_of(2) { GLUETUN2 } else { GLUETUN };
    story.vpn(vpn).is_killed();
    story.within(secs(3)).the_journal_tells("the session of stream").see_nothing(20);
    story.within(secs(1)).watching(20).sessions(1);
}

#[test]
fn when_a_tunnel_is_lost_viewers_are_on_the_other_vpn_before_their_session_breaks() {
    let mut story = five_and_five();
    for number in 0..3 {
        watch(&mut story, number, 1);
    }
    story.within(secs(2)).watching(3);
    story.chapter("the tunnel is lost");
    story.vpn(GLUETUN).loses_its_tunnel();
    story.within(secs(1)).see_nothing(2);
    story.within(secs(15)).watching(3).sessions(3);
    story.now().the_journal_does_not_tell("the session of").streams_each_at_most(1);
    story.throughout(secs(60), |now| now.watching(3));
}

#[test]
fn who_zaps_back_and_forth_finds_his_session_again() {
    let mut story = five_and_five();
    for _ in 0..10 {
        let viewer = story.somebody_watches(0);
        story.within(secs(2)).watching(1);
        story.he_leaves(viewer);
        let viewer = story.somebody_watches(1);
        story.within(secs(2)).watching(1);
        story.he_leaves(viewer);
        story.now().sessions(2);
    }
    story.within(secs(6)).sessions(0).live_streams(0);
    story.now().the_journal_tells_times(2, "is played by engine");
}

#[test]
fn an_engine_that_crashes_costs_its_viewers_a_moment() {
    let mut story = five_and_five();
    watch(&mut story, 0, 2);
    story.within(secs(2)).watching(2);
    let playing = story.playing();
    story.chapter("their engine crashes");
    story.engine(playing).crashes();
    story.within(secs(1)).see_nothing(2);
    story.within(secs(2)).watching(2).sessions(1);
}

#[test]
fn an_engine_that_hangs_is_left_when_its_session_breaks() {
    let mut story = five_and_five();
    watch(&mut story, 0, 1);
    story.within(secs(2)).watching(1);
    let playing = story.playing();
    story.engine(playing).suffers_from(EngineFault::Hangs);
    story.now().see_nothing(1);
    story.within(secs(20)).watching(1);
    story.throughout(secs(60), |now| now.watching(1));
}

#[test]
fn a_failover_that_finds_no_seats_takes_them_all_the_same_and_is_mended_later() {
    let mut story = Story::of_settled(two_vpns().engines(4).settings(|settings| {
        settings.max_replicas = 4;
        settings.max_active_replicas = 4;
        settings.min_free_replicas = 0;
    }));
    for number in 0..4 {
        watch(&mut story, number, 2);
    }
    story.within(secs(3)).watching(8).streams_each_at_most(1);
    story.chapter("one of two VPNs is killed");
    story.vpn(GLUETUN).is_killed();
    story.within(secs(3)).watching(8).sessions(4).streams_each_at_most(2);
    story.pass(secs(60));
    story.now().watching(8);
    story.chapter("it is back");
    story.vpn(GLUETUN).is_started_again();
    story.within(secs(60)).streams_each_at_most(1).watching(8);
    story.until_settled();
}

#[test]
fn a_viewer_waits_for_an_engine_and_is_served() {
    let mut story =
        Story::of_settled(one_vpn().engines(1).settings(|settings| settings.min_free_replicas = 0));
    watch(&mut story, 0, 1);
    story.within(secs(2)).watching(1);
    story.chapter("another viewer comes");
    watch(&mut story, 1, 1);
    story.pass(secs(1));
    story.now().see_nothing(1);
    story.within(secs(4)).watching(2).created(1);
}

#[test]
fn a_viewer_is_refused_when_nothing_can_be_created_for_him() {
    let mut story =
        Story::of_settled(without_vpn().engines(1).settings(|settings| settings.max_replicas = 1));
    watch(&mut story, 0, 1);
    story.within(secs(2)).watching(1);
    watch(&mut story, 1, 1);
    story.pass(secs(1));
    story.now().watching(1).see_nothing(0).the_journal_tells("1 of 1 engines exist");
}

#[test]
fn a_channel_that_is_offline_is_given_up_after_three_engines() {
    let mut story = Story::of_settled(two_vpns().engines(4).audience(|audience| audience.offline = 1));
    let offline = story.somebody_watches(3);
    story.within(secs(80)).the_journal_tells_times(3, "could not open");
    story.pass(secs(1));
    assert!(story.world().viewing(offline).is_none(), "he is told");
    story.now().sessions(0).live_streams(0);
}

#[test]
fn an_announcement_may_come_twenty_seconds_late_and_after_its_ending() {
    let mut story = five_and_five();
    end(&mut story, "first");
    story.pass(secs(20));
    announce(&mut story, 19_000, "first");
    story.pass(secs(1));
    story.now().live_streams(0);
    // Its caller heard nothing for three seconds, and tells it again.
    story.pass(secs(2));
    announce(&mut story, 19_000, "first");
    story.pass(secs(1));
    story.now().live_streams(0);
}

#[test]
fn a_session_that_no_engine_knows_ends_at_the_first_question() {
    let mut story = five_and_five();
    announce(&mut story, 19_000, "made-up");
    story.pass(secs(1));
    story.now().live_streams(1);
    story.within(secs(6)).live_streams(0).the_journal_tells("does not know its session");
}

#[test]
fn when_acefleet_is_restarted_other_programs_streams_are_known_again() {
    let mut story = Story::of_settled(two_vpns().engines(4).audience(|audience| {
        audience.announcers = 1;
        audience.watches = sim::world::Span::secs(3_000, 3_000);
        audience.away = sim::world::Span::secs(100, 100);
    }));
    story.within(secs(200)).that(|story| match story.snapshot().streams.len() {
        1 => Ok(()),
        count => Err(format!("{count} streams")),
    });
    story.chapter("acefleet is restarted");
    story.acefleet().is_away_for(secs(5));
    story.within(secs(2)).live_streams(1);
    story.throughout(secs(400), |now| now.live_streams(1).no_engine_was_touched());
}
