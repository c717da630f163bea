//! What a program notices when something is wrong with the daemon, and what people do not.

use super::*;
use crate::tools::until;
use control::docker::{Happened, State};
use control::event::{Refusal, Silence};
use std::sync::Arc;
use testbed::dock::{Failure, Mishap, Verb};
use tokio::time::{Instant, sleep, timeout};

const DISCONNECTED: Failure = Failure::Unknown(Silence::Disconnected);

fn state(dock: &Dock, name: &str) -> Option<State> {
    dock.see(name).map(|seen| seen.state)
}

#[tokio::test(start_paused = true)]
async fn a_frozen_daemon_answers_nobody_until_it_thaws_and_people_get_their_way_meanwhile() {
    let (dock, api) = dock();
    dock.run_vpn("gluetun", &[]).await.expect("it runs");
    let mut notices = api.notices().await.expect("the stream opens");
    let frozen = Instant::now();
    dock.freeze(Duration::from_secs(20));
    dock.kill("gluetun").await.expect("people kill it all the same");
    assert_eq!(state(&dock, "gluetun"), Some(State::Exited));
    api.ping().await.expect("it is answered in the end");
    assert!(frozen.elapsed() >= Duration::from_secs(20));
    let told = notices.next().await.expect("what happened is told then");
    assert_eq!(told.happened, Happened::Died);

    dock.freeze(Duration::MAX);
    assert!(timeout(Duration::from_secs(600), api.list()).await.is_err());
    dock.thaw();
    api.list().await.expect("it has thawed");
}

#[tokio::test(start_paused = true)]
async fn what_was_asked_of_a_frozen_daemon_is_done_when_it_thaws_although_nobody_waits() {
    let (dock, api) = dock();
    dock.freeze(Duration::from_secs(8));
    let asked = timeout(Duration::from_secs(4), api.create(engine("acestream-1", PORT)));
    assert!(asked.await.is_err());
    assert_eq!(state(&dock, "acestream-1"), None);
    until("it exists", || {
        let exists = state(&dock, "acestream-1") == Some(State::Created);
        async move { exists }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_dies_while_the_daemon_is_frozen_is_restarted_when_it_thaws() {
    let (dock, api) = dock();
    run(&api, engine("acestream-1", PORT)).await;
    sleep(Duration::from_secs(1)).await;
    dock.freeze(Duration::from_secs(20));
    dock.crash("acestream-1").expect("it runs");
    sleep(Duration::from_secs(15)).await;
    assert_eq!(dock.see("acestream-1").map(|seen| seen.runs), Some(1));
    sleep(Duration::from_secs(10)).await;
    let seen = dock.see("acestream-1").expect("it exists");
    assert_eq!((seen.state, seen.runs, seen.restarts), (State::Running, 2, 1));
}

#[tokio::test(start_paused = true)]
async fn each_mishap_happens_once_to_the_next_call_of_its_kind() {
    let (dock, api) = dock();
    let create = |name: &str| api.create(engine(name, PORT));
    dock.let_fail(Verb::Create, Mishap::Refused(Refusal::PortTaken));
    dock.let_fail(Verb::Create, Mishap::RequestLost);
    dock.let_fail(Verb::Create, Mishap::AnswerLost);
    dock.let_fail(Verb::Create, Mishap::NeverAnswered);
    api.ping().await.expect("it is another call");

    assert_eq!(create("refused").await, Err(Failure::Refused(Refusal::PortTaken)));
    assert_eq!(create("not-heard").await, Err(DISCONNECTED));
    assert_eq!(create("done").await, Err(DISCONNECTED));
    assert!(timeout(Duration::from_secs(600), create("done-too")).await.is_err());
    create("answered").await.expect("nothing is wrong any more");
    let names: Vec<String> = dock.see_all().iter().map(|seen| seen.name.to_string()).collect();
    assert_eq!(names, ["answered", "done", "done-too"]);
}

#[tokio::test(start_paused = true)]
async fn a_daemon_that_has_gone_is_disconnected_at_once_and_its_containers_run_on() {
    let (dock, api) = dock();
    run(&api, engine("acestream-1", PORT)).await;
    let mut notices = api.notices().await.expect("the stream opens");
    let pending = tokio::spawn({
        let api = api.clone();
        async move { api.create(engine("acestream-2", PORT)).await }
    });
    sleep(Duration::from_millis(5)).await;
    dock.go_away(true);
    assert_eq!(pending.await.expect("a call does not die"), Err(DISCONNECTED));
    assert!(notices.next().await.is_none());
    assert_eq!(api.ping().await, Err(DISCONNECTED));
    assert!(api.notices().await.is_err());
    assert_eq!(state(&dock, "acestream-1"), Some(State::Running));
    sleep(Duration::from_secs(1)).await;
    dock.go_away(false);
    assert_eq!(api.list().await.expect("it is back").containers.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn answers_that_are_held_come_when_they_are_let_go_and_not_over_a_connection_that_was_cut() {
    let (dock, api) = dock();
    dock.hold_answers(true);
    let asked = |name: &'static str| {
        let api = api.clone();
        tokio::spawn(async move { api.create(engine(name, PORT)).await })
    };
    let cut = asked("acestream-1");
    sleep(Duration::from_secs(5)).await;
    assert_eq!(state(&dock, "acestream-1"), Some(State::Created), "questions pass");
    assert!(!cut.is_finished());
    dock.cut_connections();
    assert_eq!(cut.await.expect("a call does not die"), Err(DISCONNECTED));
    let held = asked("acestream-2");
    sleep(Duration::from_secs(5)).await;
    dock.hold_answers(false);
    assert!(held.await.expect("a call does not die").is_ok());
}

#[tokio::test(start_paused = true)]
async fn notices_that_get_lost_are_missed_by_programs_and_not_by_people() {
    let (dock, api) = dock();
    let (mut notices, mut words) = (api.notices().await.expect("the stream opens"), dock.words());
    let told: Arc<std::sync::Mutex<Vec<Happened>>> = Arc::default();
    let hears = Arc::clone(&told);
    tokio::spawn(async move {
        while let Some(notice) = notices.next().await {
            hears.lock().unwrap().push(notice.happened);
        }
    });
    dock.lose_notices(true);
    dock.run_vpn("gluetun", &[]).await.expect("it runs");
    dock.pause("gluetun").await.expect("it is paused");
    sleep(Duration::from_millis(10)).await;
    dock.lose_notices(false);
    dock.restart("gluetun", Duration::ZERO).await.expect("it is restarted");
    sleep(Duration::from_millis(10)).await;
    assert_eq!(*told.lock().unwrap(), [Happened::Died, Happened::Started]);
    for word in ["create", "start", "pause", "die", "start", "restart"] {
        assert_eq!(words.next().await, Some((word, Name::from("gluetun"))));
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_daemon_takes_its_time_with_everything() {
    let (dock, api) = dock();
    dock.slow_down(Duration::from_secs(3));
    let asked = Instant::now();
    api.list().await.expect("it is answered");
    assert!(asked.elapsed() >= Duration::from_secs(3));
    dock.slow_down(Duration::ZERO);
    let asked = Instant::now();
    api.list().await.expect("it is answered");
    assert!(asked.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_program_is_told_the_labels_of_its_own_containers_alone() {
    let (dock, api) = dock();
    let theirs = [("secret".to_owned(), "yes".to_owned())];
    dock.run(Spec { labels: theirs.into(), ..Spec::new("somebody", "busybox") }).await.expect("it runs");
    let own = run(&api, engine("acestream-1", PORT)).await;
    for listed in api.list().await.expect("a listing").containers {
        assert_eq!(listed.ours, listed.id == own);
        assert_eq!(listed.labels.iter().count(), usize::from(listed.ours), "{listed:?}");
    }
}
