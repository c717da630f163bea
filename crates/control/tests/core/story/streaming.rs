//! Viewers of the proxy: one session for all who watch one thing, moved when its engine may not keep it.

use crate::desk::{Desk, check, no_vpn, one_vpn, secs, two_on_each};
use control::docker::{Happened, Health};
use control::event::{Outcome, Refusal, Report, Silence};
use control::ids::SessionId;
use control::message::Obstacle;
use control::{Event, Message, Settings};

#[test]
fn all_who_watch_one_thing_share_a_session() {
    let mut desk = Desk::at_rest(two_on_each());
    desk.hold("open");
    desk.watches(1, "news");
    desk.watches(2, "news");
    desk.let_go("open");
    desk.watches(3, "news");
    check(
        desk.played(),
        "
        1000s     < viewer 1 is kept waiting
                  > open news on acestream-1 (a viewer waits for it)
                  < viewer 2 is kept waiting
                  < viewer 1 is sent session 2
                  < viewer 2 is sent session 2
                  < viewer 3 is sent session 2
        ",
    );
    let snapshot = desk.core.snapshot();
    assert_eq!((snapshot.viewers.watching, snapshot.viewers.waiting, snapshot.capacity.used), (3, 0, 1));
}

#[test]
fn the_last_viewer_may_zap_back_within_five_seconds() {
    let mut desk = Desk::at_rest(two_on_each());
    desk.watches(1, "news");
    desk.leaves(1);
    desk.wait(secs(4));
    desk.watches(2, "news");
    desk.leaves(2);
    desk.wait(secs(10));
    check(
        desk.played(),
        "
        1000s     < viewer 1 is kept waiting
                  > open news on acestream-1 (a viewer waits for it)
                  < viewer 1 is sent session 2
        1004s     < viewer 2 is sent session 2
        1009s     < session 2 is released
                  > close a session on acestream-1 (nobody watches it there any more)
        ",
    );
    assert_eq!(desk.core.snapshot().capacity.used, 0);
}

#[test]
fn an_engine_that_cannot_open_it_is_followed_by_two_others_and_then_the_viewer_is_told() {
    let mut desk = Desk::at_rest(no_vpn(4));
    desk.watches(1, "offline");
    check(
        desk.played(),
        "
        1000s     < viewer 1 is kept waiting
                  > open offline on acestream-1 (a viewer waits for it)
                  > open offline on acestream-2 (a viewer waits for it)
                  > open offline on acestream-3 (a viewer waits for it)
                  < viewer 1 is refused until 1030s: no engine could open it: failed to load content
        ",
    );
}

#[test]
fn engines_that_do_not_answer_say_nothing_about_what_is_wanted_of_them() {
    let mut desk = Desk::at_rest(no_vpn(4));
    desk.hold("open");
    desk.watches(1, "news");
    for _ in 0..3 {
        desk.answered("open", Outcome::Unknown(Silence::TimedOut));
    }
    check(
        desk.played(),
        "
        1000s     < viewer 1 is kept waiting
                  > open news on acestream-1 (a viewer waits for it)
                  > open news on acestream-2 (a viewer waits for it)
                  > open news on acestream-3 (a viewer waits for it)
                  < viewer 1 is refused until 1030s: the engines that were asked to open it do not
                      answer
        ",
    );
    let because = desk.take_messages().into_iter().find_map(|message| match message {
        Message::Refuse { because, .. } => Some(because),
        _ => None,
    });
    assert_eq!(because, Some(Obstacle::NoAnswer));
    // Whoever asks now is not told that it cannot be played.
    desk.let_go("open");
    desk.watches(2, "news");
    check(
        desk.played(),
        "
        1000s     < viewer 2 is kept waiting
                  > open news on acestream-4 (a viewer waits for it)
                  < viewer 2 is sent session 6
        ",
    );
}

#[test]
fn a_session_that_arrives_when_nobody_wants_it_any_more_is_closed() {
    let mut desk = Desk::at_rest(two_on_each());
    desk.hold("open");
    desk.watches(1, "news");
    desk.leaves(1);
    desk.wait(secs(6));
    desk.let_go("open");
    check(
        desk.played(),
        "
        1000s     < viewer 1 is kept waiting
                  > open news on acestream-1 (a viewer waits for it)
        1006s     < session 2 is released
                  > close a session on acestream-1 (nobody watches it there any more)
        ",
    );
}

#[test]
fn when_the_tunnel_is_lost_the_new_session_is_there_before_the_old_one_goes() {
    let mut desk = Desk::at_rest(two_on_each());
    desk.watches(1, "news");
    desk.watches(2, "news");
    desk.played();
    desk.on("gluetun").tunnel_up = false;
    desk.on("gluetun").health = Health::Unhealthy;
    desk.hear("gluetun", Happened::HealthIs(Health::Unhealthy));
    desk.wait(secs(20));
    check(
        desk.played(),
        "
        1000s     > open news on acestream-3 (its engine is no longer to be used for it)
                  < viewer 1 is sent session 3
                  < viewer 2 is sent session 3
                  < session 2 is released
                  > close a session on acestream-1 (its engine is no longer to be used for it)
        ",
    );
}

#[test]
fn when_its_engine_is_gone_its_viewers_wait_for_another_at_once() {
    let mut desk = Desk::at_rest(two_on_each());
    desk.watches(1, "news");
    desk.played();
    desk.hear_gone("acestream-1");
    check(
        desk.played(),
        "
        1000s     < viewer 1 is kept waiting
                  < session 2 is released
                  > open news on acestream-2 (the session before is lost)
                  < viewer 1 is sent session 3
        ",
    );
}

#[test]
fn a_session_that_breaks_is_opened_again_and_one_that_breaks_at_once_more_slowly() {
    let mut desk = Desk::at_rest(no_vpn(2));
    desk.watches(1, "news");
    desk.wait(secs(100));
    desk.event(Event::SessionBroke(SessionId(2)));
    desk.event(Event::SessionBroke(SessionId(3)));
    desk.wait(secs(5));
    check(
        desk.played(),
        "
        1000s     < viewer 1 is kept waiting
                  > open news on acestream-1 (a viewer waits for it)
                  < viewer 1 is sent session 2
        1100s     < viewer 1 is kept waiting
                  < session 2 is released
                  > close a session on acestream-1 (the session before is lost)
                  > open news on acestream-2 (the session before is lost)
                  < viewer 1 is sent session 3
                  < viewer 1 is kept waiting
                  < session 3 is released
                  > close a session on acestream-2 (the session before is lost)
        1101s     > open news on acestream-1 (the session before is lost)
                  < viewer 1 is sent session 4
        ",
    );
}

#[test]
fn an_engine_that_does_not_know_its_session_any_more_has_to_open_another() {
    let mut desk = Desk::at_rest(no_vpn(2));
    desk.watches(1, "news");
    desk.hold("ask acestream-1 for its session");
    desk.wait(secs(5));
    desk.played();
    desk.answered("ask acestream-1 for its session", Outcome::Done(Report::SessionUnknown));
    desk.wait(secs(1));
    check(
        desk.played(),
        "
        1005s     < viewer 1 is kept waiting
                  < session 2 is released
                  > close a session on acestream-1 (the session before is lost)
                  > open news on acestream-2 (the session before is lost)
                  < viewer 1 is sent session 3
        ",
    );
}

#[test]
fn a_viewer_waits_for_an_engine_that_is_created_for_him() {
    let mut desk = Desk::at_rest(no_vpn(1));
    desk.watches(1, "news");
    desk.played();
    desk.hold("create");
    desk.watches(2, "sports");
    desk.watches(3, "films");
    check(
        desk.played(),
        "
        1000s     < viewer 2 is kept waiting
                  > open sports on acestream-2 (a viewer waits for it)
                  < viewer 2 is sent session 4
                  < viewer 3 is kept waiting
        ",
    );
    desk.wait(secs(20));
    check(desk.played(), "");
    desk.let_go("create");
    desk.wait(secs(2));
    check(
        desk.played(),
        "
        1020s     > open films on acestream-3 (a viewer waits for it)
                  < viewer 3 is sent session 6
        ",
    );
}

#[test]
fn a_viewer_is_refused_with_a_time_when_nothing_can_be_created() {
    let mut settings = no_vpn(1);
    settings.max_replicas = 1;
    let mut desk = Desk::at_rest(settings);
    desk.watches(1, "news");
    desk.played();
    desk.watches(2, "sports");
    check(
        desk.played(),
        "
        1000s     < viewer 2 is kept waiting
                  < viewer 2 is refused until 1030s: 1 of 1 engines exist
        ",
    );
}

#[test]
fn a_viewer_who_has_waited_for_a_minute_is_refused() {
    let mut desk = Desk::at_rest(no_vpn(1));
    desk.hold("create");
    desk.watches(1, "news");
    desk.played();
    desk.watches(2, "sports");
    desk.wait(secs(60));
    check(
        desk.played(),
        "
        1000s     < viewer 2 is kept waiting
        1060s     < viewer 2 is refused until 1090s: nothing came of waiting: no engine became free
        ",
    );
}

#[test]
fn a_failover_takes_more_seats_than_there_are_and_gives_them_back_one_at_a_time() {
    let mut desk = Desk::at_rest(two_on_each());
    desk.watches(1, "news");
    desk.watches(2, "sports");
    desk.watches(3, "films");
    desk.played();
    desk.hold("create");
    desk.host.stop("gluetun");
    desk.hear("gluetun", Happened::Died);
    check(
        desk.played(),
        "
        1000s     < viewer 1 is kept waiting
                  < session 2 is released
                  < viewer 2 is kept waiting
                  < session 4 is released
                  > open news on acestream-4 (the session before is lost)
                  > open sports on acestream-3 (the session before is lost)
                  < viewer 1 is sent session 7
                  < viewer 2 is sent session 8
        ",
    );
    desk.let_go("create");
    desk.wait(secs(5));
    check(
        desk.played(),
        "
        1000s     > open films on acestream-5 (its engine is no longer to be used for it)
                  < viewer 3 is sent session 9
                  < session 6 is released
                  > close a session on acestream-3 (its engine is no longer to be used for it)
        ",
    );
}

#[test]
fn viewers_wait_when_every_vpn_is_down_and_are_told_after_three_minutes() {
    // Nobody mends it meanwhile.
    let settings = Settings { vpn_unhealthy_restart_timeout: secs(1_000), ..one_vpn(2) };
    let mut desk = Desk::at_rest(settings);
    desk.watches(1, "news");
    desk.played();
    desk.host.stop("gluetun");
    desk.hear("gluetun", Happened::Died);
    desk.watches(2, "sports");
    desk.wait(secs(200));
    check(
        desk.played(),
        "
        1000s     < viewer 1 is kept waiting
                  < session 2 is released
                  < viewer 2 is kept waiting
                  < viewer 2 is refused until 2000s: no VPN is healthy
        1180s     < viewer 1 is refused until 2000s: nothing came of waiting: no VPN is healthy
        ",
    );
}

#[test]
fn what_an_engine_says_when_it_refuses_is_told() {
    let mut desk = Desk::at_rest(no_vpn(1));
    desk.hold("open");
    desk.watches(1, "news");
    desk.transcript();
    desk.refused("open", Refusal::EngineSays("no peers".into()));
    check(
        desk.told_of("stream news"),
        "
        1000s     engine acestream-1 could not open stream news|proxy-1: no peers
                  stream news|proxy-1 is opened on engine acestream-2: a viewer waits for it; looked
                      at again in 25.0 s
        ",
    );
}

#[test]
fn a_viewer_whom_an_earlier_core_served_is_not_refused_for_want_of_a_seat() {
    let mut settings = no_vpn(1);
    settings.max_replicas = 1;
    let mut desk = Desk::at_rest(settings);
    desk.watches(1, "news");
    desk.played();
    desk.watched_before(2, "sports");
    check(
        desk.played(),
        "
        1000s     < viewer 2 is kept waiting
                  > open sports on acestream-1 (the session before is lost)
                  < viewer 2 is sent session 4
        ",
    );
}
