//! Streams of other programs: announced late, ended early, twice or never.

use crate::desk::{Desk, channel, check, no_vpn, secs, two_on_each};
use control::docker::Happened;
use control::event::{Outcome, Report};
use control::request::{Announcement, Ending, Reply, Request, UrlTail};
use std::sync::Arc;

fn url(port: u16, path: &str) -> Option<UrlTail> {
    Some(UrlTail { port, path: path.into() })
}

/// As acexy announces what it has opened on the engine of this port.
fn started(port: u16, playback: &str) -> Announcement {
    Announcement {
        container_id: None,
        port: Some(port),
        content: channel("news"),
        playback_session_id: playback.into(),
        stat: url(port, &format!("/ace/{playback}")),
        command: url(port, &format!("/ace/{playback}")),
        is_live: true,
        stream_id: None,
    }
}

impl Desk {
    /// Another program opens a session on an engine, and announces it.
    pub(super) fn announce(&mut self, port: u16, playback: &str) -> Reply {
        let engines = self.core.snapshot().engines;
        if let Some(engine) = engines.iter().find(|engine| engine.port == port) {
            self.host.plays(engine.container_id, &format!("/ace/{playback}"));
        }
        self.request(Request::StreamStarted(Box::new(started(port, playback))))
    }

    fn end(&mut self, id: &str) -> bool {
        let ending = Ending { container_id: None, stream_id: Some(id.into()), reason: None };
        self.end_as(ending)
    }

    fn end_as(&mut self, ending: Ending) -> bool {
        match self.request(Request::StreamEnded(ending)) {
            Reply::Ended { updated, .. } => updated,
            other => panic!("{other:?}"),
        }
    }

    /// Ids of the streams that are live.
    fn live(&self) -> Vec<Arc<str>> {
        let streams = self.core.snapshot().streams;
        streams.iter().filter(|stream| stream.ended.is_none()).map(|stream| stream.id.clone()).collect()
    }

    /// Why the latest stream ended.
    pub(super) fn ended_because(&self) -> &'static str {
        let streams = self.core.snapshot().streams;
        streams.last().and_then(|stream| stream.ended).expect("a stream has ended").1
    }
}

#[test]
fn an_announced_stream_makes_its_engine_used_until_it_ends() {
    let mut desk = Desk::at_rest(two_on_each());
    let Reply::Stream(view) = desk.announce(19_001, "abc") else { panic!("it is accepted") };
    assert_eq!((&*view.id, view.ended), ("news|abc", None));
    check(desk.engine("acestream-2").streams.join(" "), "news|abc");
    assert_eq!(desk.core.snapshot().capacity.used, 1);
    desk.wait(secs(6));
    let report = desk.core.snapshot().streams[0].report.clone();
    assert_eq!(report.map(|report| report.peers), Some(9));

    assert!(desk.end("news|abc"));
    assert_eq!(desk.engine("acestream-2").last_stream_usage, Some(desk.now()));
    assert!(!desk.end("news|abc"), "it has ended before");
    assert_eq!((desk.live().len(), desk.core.snapshot().capacity.used), (0, 0));
}

#[test]
fn an_engine_is_matched_by_its_container_and_then_by_its_port() {
    let mut desk = Desk::at_rest(two_on_each());
    let mut told = started(19_001, "abc");
    told.container_id = Some(desk.engine("acestream-2").container_id);
    told.port = Some(1);
    assert!(matches!(desk.request(Request::StreamStarted(Box::new(told))), Reply::Stream(_)));
    assert_eq!(desk.request(Request::StreamStarted(Box::new(started(20_000, "abc")))), Reply::NotFound);
}

#[test]
fn a_url_that_is_not_the_engines_is_refused() {
    let wrong = [
        (url(19_002, "/ace/1"), url(19_001, "/ace/1")),
        (url(19_001, "/ace/1"), url(19_002, "/ace/1")),
        (url(19_001, "/webui/1"), None),
        (None, url(19_001, "http://elsewhere/ace/")),
    ];
    for (stat, command) in wrong {
        let mut desk = Desk::at_rest(two_on_each());
        let told = Announcement { stat, command, ..started(19_001, "abc") };
        let reply = desk.request(Request::StreamStarted(Box::new(told)));
        assert!(matches!(reply, Reply::Refused { code: "url_mismatch", .. }), "{reply:?}");
        check(
            desk.told(),
            "
            1000s     the announcement of stream news|abc is refused: its URLs are not the engine's
            ",
        );
        assert_eq!(desk.live().len(), 0);
    }
}

#[test]
fn an_ending_that_comes_first_ends_what_is_announced_within_a_minute() {
    for (later, live) in [(0, 0), (60, 0), (61, 1)] {
        let mut desk = Desk::at_rest(two_on_each());
        assert!(!desk.end("news|abc"));
        desk.wait(secs(later));
        assert!(matches!(desk.announce(19_001, "abc"), Reply::Stream(_)));
        assert_eq!(desk.live().len(), live, "after {later} s");
    }
}

#[test]
fn an_announcement_repeated_after_the_end_revives_nothing() {
    let mut desk = Desk::at_rest(two_on_each());
    desk.announce(19_001, "abc");
    desk.end("news|abc");
    let Reply::Stream(view) = desk.announce(19_001, "abc") else { panic!("it is accepted") };
    assert!(view.ended.is_some());
    assert_eq!(desk.live().len(), 0);
}

#[test]
fn an_announcement_repeated_with_the_same_id_overwrites() {
    let mut desk = Desk::at_rest(two_on_each());
    for port in [19_001, 19_002] {
        let told = Announcement { stream_id: Some("mine".into()), ..started(port, "abc") };
        desk.request(Request::StreamStarted(Box::new(told)));
    }
    assert_eq!(desk.live(), ["mine".into()]);
    check(desk.engine("acestream-2").streams.join(" "), "");
    check(desk.engine("acestream-3").streams.join(" "), "mine");
}

#[test]
fn with_only_a_container_the_newest_stream_of_that_engine_ends() {
    let mut desk = Desk::at_rest(two_on_each());
    desk.announce(19_001, "old");
    desk.wait(secs(1));
    desk.announce(19_001, "new");
    let engine = desk.engine("acestream-2").container_id;
    let ending = Ending { container_id: Some(engine), stream_id: None, reason: Some("zapped".into()) };
    assert!(desk.end_as(ending));
    assert_eq!(desk.live(), ["news|old".into()]);
    assert!(!desk.end_as(Ending { container_id: None, stream_id: None, reason: None }));
}

#[test]
fn a_session_that_its_engine_does_not_know_is_stale() {
    let mut desk = Desk::at_rest(two_on_each());
    desk.announce(19_001, "abc");
    desk.hold("ask acestream-2 for its session");
    desk.wait(secs(5));
    desk.answered("ask acestream-2 for its session", Outcome::Done(Report::SessionUnknown));
    assert_eq!(desk.ended_because(), "its engine does not know its session any more");
}

#[test]
fn a_session_is_stale_when_a_healthy_engine_does_not_answer_for_it_for_five_minutes() {
    let mut desk = Desk::at_rest(two_on_each());
    desk.announce(19_001, "abc");
    desk.hold("ask acestream-2 for its session");
    desk.wait(secs(299));
    assert_eq!(desk.live().len(), 1);
    desk.wait(secs(6));
    assert_eq!(desk.ended_because(), "its engine does not answer for it");
}

#[test]
fn an_announced_stream_ends_with_its_engine_and_with_its_process() {
    let mut desk = Desk::at_rest(no_vpn(2));
    desk.announce(19_000, "abc");
    desk.hear_gone("acestream-1");
    assert_eq!(desk.ended_because(), "its engine is gone");

    let mut desk = Desk::at_rest(no_vpn(2));
    desk.announce(19_000, "abc");
    desk.hold("ask acestream-1 for its session");
    desk.host.start("acestream-1");
    desk.hear("acestream-1", Happened::Started);
    // It may have begun after the start that nobody had told of: the engine knows.
    desk.wait(secs(6));
    desk.answered("ask acestream-1 for its session", Outcome::Done(Report::SessionUnknown));
    assert_eq!(desk.ended_because(), "its engine does not know its session any more");
}

#[test]
fn what_the_store_is_to_keep_is_enough_to_rebuild_an_announced_stream() {
    let mut desk = Desk::at_rest(two_on_each());
    desk.announce(19_001, "abc");
    let kept = desk.core.announced();
    let (started_at, host) = (desk.now(), desk.host);

    let mut desk = Desk::opened(two_on_each(), host);
    desk.event(control::Event::StoreAnswered(Ok(kept)));
    desk.wait(secs(6));
    let snapshot = desk.core.snapshot();
    let [stream] = &snapshot.streams[..] else { panic!("{:?}", snapshot.streams) };
    assert_eq!((&*stream.id, stream.started_at), ("news|abc", started_at));
    assert_eq!(stream.report.as_ref().map(|report| report.peers), Some(9), "it is asked after");
    assert!(desk.end("news|abc"));
}

#[test]
fn before_the_first_look_nothing_is_known_not_to_exist() {
    let mut desk = Desk::opened(two_on_each(), crate::desk::host_with(&["gluetun", "gluetun2"]));
    let reply = desk.request(Request::StreamStarted(Box::new(started(19_000, "abc"))));
    assert!(matches!(reply, Reply::Unavailable(_)), "{reply:?}");
}

#[test]
fn a_stream_that_cannot_be_asked_after_ends_when_its_engine_is_started_again() {
    let mut desk = Desk::at_rest(no_vpn(2));
    let told = Announcement { stat: None, ..started(19_000, "abc") };
    desk.request(Request::StreamStarted(Box::new(told)));
    desk.host.start("acestream-1");
    desk.hear("acestream-1", Happened::Started);
    assert_eq!(desk.ended_because(), "its engine was started again");
}
