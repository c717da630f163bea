//! Sessions that deliver nothing: the engine is asked, another one is tried, and what nobody can play is refused at
//! once for a while.

use crate::desk::{Desk, check, no_vpn, secs};
use control::event::{Outcome, Silence};
use control::ids::SessionId;
use control::message::Obstacle;
use control::request::Request;
use control::{Event, Message};

#[test]
fn the_session_before_goes_only_when_the_new_one_delivers() {
    let mut desk = Desk::at_rest(no_vpn(2));
    desk.watches(1, "news");
    desk.mute = true;
    desk.request(Request::MoveStream { stream: "news|proxy-1".into(), engine: None });
    check(
        desk.played(),
        "
        1000s     < viewer 1 is kept waiting
                  > open news on acestream-1 (a viewer waits for it)
                  < viewer 1 is sent session 2
                  > open news on acestream-2 (a person asked for it)
                  < viewer 1 is sent session 3
        ",
    );
    desk.wait(secs(3));
    desk.event(Event::SessionSpoke(SessionId(3)));
    check(
        desk.played(),
        "
        1003s     < session 2 is released
                  > close a session on acestream-1 (a person asked for it)
        ",
    );
}

#[test]
fn a_stream_stays_where_it_was_if_it_is_not_delivered_where_it_moves_to() {
    let mut desk = Desk::at_rest(no_vpn(2));
    desk.watches(1, "news");
    desk.played();
    desk.mute = true;
    desk.request(Request::MoveStream { stream: "news|proxy-1".into(), engine: None });
    desk.wait(secs(60));
    check(
        desk.played(),
        "
        1000s     > open news on acestream-2 (a person asked for it)
                  < viewer 1 is sent session 3
        1025s     < viewer 1 is sent session 2
                  < session 3 is released
                  > close a session on acestream-2 (the session before is lost)
        ",
    );
}

#[test]
fn a_silent_session_whose_engine_does_not_answer_is_played_elsewhere_after_a_second() {
    let mut desk = Desk::at_rest(no_vpn(2));
    desk.watches(1, "news");
    desk.wait(secs(100));
    desk.played();
    desk.hold("ask acestream-1 for its session");
    desk.event(Event::SessionSilent(SessionId(2)));
    desk.wait(secs(5));
    check(
        desk.played(),
        "
        1101s     > open news on acestream-2 (nothing comes of it where it is played)
                  < viewer 1 is sent session 3
                  < session 2 is released
                  > close a session on acestream-1 (its engine is no longer to be used for it)
        ",
    );
}

#[test]
fn a_source_that_stalls_is_waited_for_before_another_engine_is_tried() {
    let mut desk = Desk::at_rest(no_vpn(2));
    desk.watches(1, "news");
    desk.wait(secs(100));
    desk.played();
    desk.event(Event::SessionSilent(SessionId(2)));
    desk.wait(secs(9));
    check(desk.played(), "");
    desk.event(Event::SessionSpoke(SessionId(2)));
    desk.wait(secs(20));
    check(desk.played(), "");
    desk.event(Event::SessionSilent(SessionId(2)));
    desk.wait(secs(11));
    check(
        desk.played(),
        "
        1139s     > open news on acestream-2 (nothing comes of it where it is played)
                  < viewer 1 is sent session 3
                  < session 2 is released
                  > close a session on acestream-1 (its engine is no longer to be used for it)
        ",
    );
}

#[test]
fn a_stalled_source_that_nobody_else_can_open_stays_where_it_is() {
    let mut desk = Desk::at_rest(no_vpn(1));
    desk.watches(1, "news");
    desk.wait(secs(100));
    desk.played();
    desk.mute = true;
    desk.hold("create");
    desk.hold("open");
    desk.event(Event::SessionSilent(SessionId(2)));
    desk.wait(secs(11));
    desk.event(Event::SessionSpoke(SessionId(2)));
    desk.wait(secs(20));
    check(desk.played(), "1110s     > open news on acestream-2 (nothing comes of it where it is played)");
    assert_eq!(desk.core.snapshot().viewers.watching, 1);
}

#[test]
fn what_is_opened_and_never_delivered_is_tried_elsewhere_and_then_refused_at_once_for_a_while() {
    let mut desk = Desk::at_rest(no_vpn(4));
    desk.mute = true;
    desk.watches(1, "empty");
    desk.wait(secs(70));
    check(
        desk.played(),
        "
        1000s     < viewer 1 is kept waiting
                  > open empty on acestream-1 (a viewer waits for it)
                  < viewer 1 is sent session 2
        1025s     < viewer 1 is kept waiting
                  < session 2 is released
                  > close a session on acestream-1 (the session before is lost)
                  > open empty on acestream-2 (a viewer waits for it)
                  < viewer 1 is sent session 3
        1050s     < viewer 1 is kept waiting
                  < session 3 is released
                  > close a session on acestream-2 (the session before is lost)
                  > open empty on acestream-3 (a viewer waits for it)
                  < viewer 1 is sent session 4
        1060s     < viewer 1 is refused until 1090s: nothing came of waiting: it delivers nothing
                  < session 4 is released
                  > close a session on acestream-3 (nobody watches it there any more)
        ",
    );
    desk.watches(2, "empty");
    check(
        desk.played(),
        "1070s     < viewer 2 is refused until 1090s: nothing came of waiting: it delivers nothing",
    );
    let refused =
        |message: &Message| matches!(message, Message::Refuse { because: Obstacle::CannotBePlayed, .. });
    assert_eq!(desk.take_messages().into_iter().filter(refused).count(), 2);
    desk.wait(secs(25));
    desk.watches(3, "empty");
    check(
        desk.played(),
        "
        1095s     < viewer 3 is kept waiting
                  > open empty on acestream-4 (a viewer waits for it)
                  < viewer 3 is sent session 6
        ",
    );
}

#[test]
fn when_a_session_falls_silent_all_engines_of_its_vpn_are_asked_at_once() {
    let mut desk = Desk::at_rest(crate::desk::two_on_each());
    desk.watches(1, "news");
    desk.wait(secs(100));
    desk.transcript();
    desk.hold("probe");
    desk.event(Event::SessionSilent(SessionId(2)));
    assert_eq!(desk.waiting().matches("probe").count(), 2, "{}", desk.waiting());
}

#[test]
fn an_engine_that_has_opened_a_session_and_answers_no_more_is_not_waited_for() {
    let mut desk = Desk::at_rest(no_vpn(2));
    desk.mute = true;
    desk.watches(1, "news");
    desk.hold("ask acestream-1 for its session");
    desk.wait(secs(5));
    desk.played();
    desk.answered("ask acestream-1 for its session", Outcome::Unknown(Silence::TimedOut));
    check(
        desk.played(),
        "
        1005s     < viewer 1 is kept waiting
                  < session 2 is released
                  > close a session on acestream-1 (the session before is lost)
                  > open news on acestream-2 (a viewer waits for it)
                  < viewer 1 is sent session 3
        ",
    );
}

#[test]
fn a_viewer_who_comes_back_to_a_stalled_stream_is_refused_in_the_end() {
    let mut desk = Desk::at_rest(no_vpn(1));
    desk.watches(1, "news");
    desk.wait(secs(100));
    desk.mute = true;
    desk.hold("create");
    desk.hold("open");
    desk.event(Event::SessionSilent(SessionId(2)));
    desk.played();
    desk.leaves(1);
    desk.watches(2, "news");
    desk.wait(secs(200));
    assert!(desk.played().contains("viewer 2 is refused"), "nobody waits for ever");
}

#[test]
fn an_engine_that_opens_a_session_which_ends_at_once_is_not_asked_again() {
    let mut desk = Desk::at_rest(no_vpn(4));
    desk.mute = true;
    desk.watches(1, "news");
    for session in 2..5 {
        desk.event(Event::SessionBroke(SessionId(session)));
        desk.wait(secs(10));
    }
    let played = desk.played();
    for engine in 1..4 {
        assert_eq!(played.matches(&format!("open news on acestream-{engine} ")).count(), 1, "{played}");
    }
    assert!(played.contains("no engine could open it: it ended before it"), "{played}");
}

#[test]
fn a_file_that_nobody_reads_just_now_is_not_given_up() {
    let mut desk = Desk::at_rest(no_vpn(2));
    desk.mute = true;
    desk.watches(1, "film");
    desk.played();
    desk.wait(secs(200));
    check(desk.played(), "");
}
