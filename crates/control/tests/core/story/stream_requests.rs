//! What people ask for about streams: one is stopped whoever watches it, or moved without its viewers noticing.

use crate::desk::{Desk, check, no_vpn, one_vpn, secs, two_on_each};
use control::Settings;
use control::event::{Outcome, Silence};
use control::ids::{ContainerId, OpId};
use control::request::{Reply, Request};
use std::sync::Arc;

/// The stream that is live.
fn live(desk: &Desk) -> Arc<str> {
    let streams = desk.core.snapshot().streams;
    let mut live = streams.iter().filter(|stream| stream.ended.is_none()).map(|stream| stream.id.clone());
    live.next().expect("a stream is live")
}

fn stop(desk: &mut Desk) -> Reply {
    let stream = live(desk);
    desk.answer_to(Request::StopStream(stream))
}

/// The stream that is live is to be moved to the engine of this name, or to the best other one.
fn moves(desk: &mut Desk, to: Option<&str>) -> Reply {
    let (stream, engine) = (live(desk), to.map(|name| desk.on(name).id));
    desk.answer_to(Request::MoveStream { stream, engine })
}

fn accepted(reply: &Reply) -> OpId {
    match reply {
        Reply::Accepted(op) => *op,
        other => panic!("it is not accepted: {other:?}"),
    }
}

fn code(reply: &Reply) -> &'static str {
    match reply {
        Reply::Refused { code, .. } => code,
        other => panic!("it is not refused: {other:?}"),
    }
}

/// What the journal says of a request, by kind.
fn course(desk: &Desk, op: OpId) -> String {
    let entries = desk.core.journal().since(0).filter(|entry| entry.follows(op));
    entries.map(|entry| entry.what.kind()).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_viewers_of_a_stopped_stream_are_refused_and_its_session_is_closed() {
    let mut desk = Desk::at_rest(two_on_each());
    desk.watches(1, "news");
    desk.watches(2, "news");
    desk.played();
    let op = accepted(&stop(&mut desk));
    check(
        desk.played(),
        "
        1000s     < viewer 1 is refused until 1030s: stopped by an operator
                  < viewer 2 is refused until 1030s: stopped by an operator
                  < session 2 is released
                  > close a session on acestream-1 (a person asked for it)
        ",
    );
    check(course(&desk, op), "requested viewers_refused stream_ended request_over");
    check(desk.ended_because(), "stopped by an operator");
    assert_eq!(desk.core.snapshot().capacity.used, 0);
    // It is stopped for those viewers alone.
    desk.watches(3, "news");
    check(
        desk.played(),
        "
        1000s     < viewer 3 is kept waiting
                  > open news on acestream-2 (a viewer waits for it)
                  < viewer 3 is sent session 4
        ",
    );
}

#[test]
fn a_stream_that_is_still_being_opened_or_that_nobody_watches_any_more_can_be_stopped() {
    let mut desk = Desk::at_rest(no_vpn(2));
    desk.hold("open");
    desk.watches(1, "news");
    let op = accepted(&stop(&mut desk));
    desk.let_go("open");
    check(
        desk.played(),
        "
        1000s     < viewer 1 is kept waiting
                  > open news on acestream-1 (a viewer waits for it)
                  < viewer 1 is refused until 1030s: stopped by an operator
                  < session 2 is released
                  > close a session on acestream-1 (nobody watches it there any more)
        ",
    );
    check(course(&desk, op), "requested viewers_refused stream_ended request_over");

    desk.watches(2, "news");
    desk.leaves(2);
    let op = accepted(&stop(&mut desk));
    check(course(&desk, op), "requested stream_ended request_over");
}

#[test]
fn an_announced_stream_that_is_stopped_is_closed_at_its_engine_and_stays_ended() {
    let mut desk = Desk::at_rest(two_on_each());
    desk.announce(19_001, "abc");
    desk.transcript();
    let op = accepted(&stop(&mut desk));
    check(desk.played(), "1000s     > close a session on acestream-2 (a person asked for it)");
    check(course(&desk, op), "requested stream_ended request_over");
    check(desk.ended_because(), "stopped by an operator");
    assert_eq!(desk.core.snapshot().capacity.used, 0);
    // Its announcer tells of it once more.
    let Reply::Stream(view) = desk.announce(19_001, "abc") else { panic!("it is answered") };
    assert!(view.ended.is_some());
}

#[test]
fn a_stream_is_moved_to_the_engine_that_is_named_before_it_leaves_the_one_before() {
    let mut desk = Desk::at_rest(two_on_each());
    desk.watches(1, "news");
    desk.transcript();
    desk.played();
    let op = accepted(&moves(&mut desk, Some("acestream-4")));
    check(course(&desk, op), "requested stream_moves stream_plays request_over");
    desk.wait(secs(60));
    check(
        desk.played(),
        "
        1000s     > open news on acestream-4 (a person asked for it)
                  < viewer 1 is sent session 3
                  < session 2 is released
                  > close a session on acestream-1 (a person asked for it)
        ",
    );
    check(desk.engine("acestream-4").streams.len().to_string(), "1");
}

#[test]
fn a_move_is_told_in_the_journal_from_its_beginning_to_its_end() {
    let mut desk = Desk::at_rest(one_vpn(2));
    desk.watches(1, "news");
    desk.transcript();
    moves(&mut desk, None);
    check(
        desk.told_of("stream "),
        "
        1000s     moving of stream news|proxy-1 was asked for; looked at again in 25.0 s
                  stream news|proxy-1 is opened on engine acestream-2: a person asked for it, its
                      operation; looked at again in 25.0 s
                  stream news|proxy-1 is played by engine acestream-2: its operation
                  what was asked of stream news|proxy-1 is over: it is played there
        ",
    );
}

#[test]
fn without_a_name_the_best_other_engine_takes_it_even_if_the_present_one_has_seats() {
    let mut desk = Desk::at_rest(Settings { max_streams_per_engine: 2, ..no_vpn(3) });
    desk.watches(1, "news");
    desk.watches(2, "sport");
    desk.played();
    let op = accepted(&moves(&mut desk, None));
    check(course(&desk, op), "requested stream_moves stream_plays request_over");
    check(
        desk.played(),
        "
        1000s     > open news on acestream-3 (a person asked for it)
                  < viewer 1 is sent session 5
                  < session 2 is released
                  > close a session on acestream-1 (a person asked for it)
        ",
    );
}

#[test]
fn a_stream_that_cannot_be_opened_elsewhere_plays_on_where_it_is() {
    let mut desk = Desk::at_rest(no_vpn(3));
    desk.watches(1, "news");
    desk.hold("open");
    desk.played();
    let op = accepted(&moves(&mut desk, Some("acestream-3")));
    desk.answered("open", Outcome::Unknown(Silence::TimedOut));
    check(course(&desk, op), "requested stream_moves open_failed request_over");
    // The next one tries another.
    let op = accepted(&moves(&mut desk, None));
    desk.let_go("open");
    check(course(&desk, op), "requested stream_moves stream_plays request_over");
    check(
        desk.played(),
        "
        1000s     > open news on acestream-3 (a person asked for it)
                  > open news on acestream-2 (a person asked for it)
                  < viewer 1 is sent session 4
                  < session 2 is released
                  > close a session on acestream-1 (a person asked for it)
        ",
    );
}

#[test]
fn one_that_could_not_open_it_is_tried_again_when_there_is_no_other() {
    let mut desk = Desk::at_rest(no_vpn(2));
    desk.watches(1, "news");
    desk.hold("open");
    moves(&mut desk, None);
    desk.answered("open", Outcome::Unknown(Silence::TimedOut));
    let op = accepted(&moves(&mut desk, None));
    desk.let_go("open");
    check(course(&desk, op), "requested stream_moves stream_plays request_over");
    check(desk.engine("acestream-2").streams.len().to_string(), "1");
}

#[test]
fn a_move_is_over_when_its_engine_goes_and_when_the_stream_ends() {
    let mut desk = Desk::at_rest(no_vpn(3));
    desk.watches(1, "news");
    desk.hold("open");
    let lost = accepted(&moves(&mut desk, Some("acestream-3")));
    desk.hear_gone("acestream-3");
    check(course(&desk, lost), "requested stream_moves request_over");
    let left = accepted(&moves(&mut desk, Some("acestream-2")));
    desk.leaves(1);
    desk.wait(secs(6));
    check(course(&desk, left), "requested stream_moves request_over");
    desk.let_go("open");
    desk.watches(2, "news");
    desk.hold("open");
    let moved = accepted(&moves(&mut desk, None));
    let stopped = accepted(&stop(&mut desk));
    desk.let_go("open");
    check(course(&desk, moved), "requested stream_moves request_over");
    check(course(&desk, stopped), "requested viewers_refused stream_ended request_over");
}

#[test]
fn a_move_outlives_the_session_that_it_was_to_leave() {
    let mut desk = Desk::at_rest(no_vpn(3));
    desk.watches(1, "news");
    desk.hold("open");
    let op = accepted(&moves(&mut desk, Some("acestream-3")));
    desk.hear_gone("acestream-1");
    desk.let_go("open");
    check(course(&desk, op), "requested stream_moves stream_plays request_over");
    check(desk.engine("acestream-3").streams.len().to_string(), "1");
}

#[test]
fn what_cannot_be_moved_is_refused_with_what_to_do() {
    let mut desk = Desk::at_rest(Settings { max_replicas: 3, ..no_vpn(3) });
    let nobody = Request::MoveStream { stream: "nothing".into(), engine: None };
    assert_eq!(desk.answer_to(nobody), Reply::NotFound);
    assert_eq!(desk.answer_to(Request::StopStream("nothing".into())), Reply::NotFound);

    desk.hold("open");
    desk.watches(1, "news");
    assert_eq!(code(&moves(&mut desk, None)), "not_played");
    desk.let_go("open");
    desk.announce(19_001, "xyz");
    let announced = desk.answer_to(Request::MoveStream { stream: "news|xyz".into(), engine: None });
    assert_eq!(code(&announced), "not_ours");

    let stream = live(&desk);
    let to = ContainerId::from_bytes([9; 32]);
    assert!(stream.contains("proxy"), "{stream}");
    assert_eq!(desk.answer_to(Request::MoveStream { stream, engine: Some(to) }), Reply::NotFound);
    assert_eq!(code(&moves(&mut desk, Some("acestream-1"))), "already_there");
    assert_eq!(code(&moves(&mut desk, Some("acestream-2"))), "engine_full");
    let third = desk.on("acestream-3").id;
    desk.answer_to(Request::Drain(third));
    assert_eq!(code(&moves(&mut desk, Some("acestream-3"))), "not_offered");
    assert_eq!(code(&moves(&mut desk, None)), "no_other_engine");
    desk.answer_to(Request::Undrain(third));

    desk.hold("open");
    accepted(&moves(&mut desk, None));
    assert_eq!(code(&moves(&mut desk, None)), "already_moving");
    desk.let_go("open");
    desk.leaves(1);
    assert_eq!(code(&moves(&mut desk, None)), "not_watched");
}

#[test]
fn who_asks_before_the_first_look_or_at_the_end_is_told_to_come_again() {
    let mut desk = Desk::opened(no_vpn(1), crate::desk::host_with(&[]));
    let early = desk.answer_to(Request::StopStream("news|abc".into()));
    assert!(matches!(early, Reply::Unavailable(_)), "{early:?}");
    let mut desk = Desk::at_rest(no_vpn(1));
    desk.watches(1, "news");
    desk.event(control::Event::Leaving { stop_engines: false });
    assert!(matches!(stop(&mut desk), Reply::Unavailable(_)));
}
