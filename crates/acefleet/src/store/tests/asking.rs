//! What is written is found again, by whoever asks for it.

use super::*;
use crate::journal::{Filter, Line};
use control::ids::OpId;
use control::journal::Why;

#[tokio::test]
async fn what_is_kept_is_remembered_after_a_restart() {
    let folder = Folder::new();
    let store = Store::at(folder.file());
    assert_eq!(store.remembered().await, Ok(vec![]));
    store.keep(vec![session("a"), session("b")]);
    store.keep(vec![session("b"), session(HOSTILE)]);
    drop(store);
    let store = Store::at(folder.file());
    assert_eq!(store.remembered().await, Ok(vec![session(HOSTILE), session("b")]));
}

#[tokio::test]
async fn streams_and_their_samples_are_there_after_a_restart() {
    let folder = Folder::new();
    let store = Store::at(folder.file());
    store.record(News {
        at: at(20),
        streams: [stream("x", 1, None), stream(HOSTILE, 1, None)].into(),
        samples: (2..10).flat_map(|second| [sample("x", 1, second), sample(HOSTILE, 1, second)]).collect(),
        ..News::default()
    });
    store.record(News { at: at(20), streams: [stream(HOSTILE, 1, Some(9))].into(), ..News::default() });
    drop(store);
    let store = Store::at(folder.file());
    store.written().await;
    let ended = store.readers().ended(Ends::default(), 10).await.unwrap();
    let [ended] = &ended[..] else { panic!("{ended:?}") };
    assert_eq!((ended.id.as_str(), ended.key.as_str()), (HOSTILE, HOSTILE));
    assert_eq!((ended.began, ended.ended), (at(1), at(9)));
    assert_eq!(ended.because.as_deref(), Some("its announcer said so"));
    assert_eq!(ended.report, Some(report(9)));
    let samples = |since, before, most| store.readers().samples(HOSTILE.into(), None, (since, before), most);
    let seconds = |samples: Vec<crate::history::Sample>| -> Vec<u64> {
        samples.iter().map(|sample| sample.at.since(NOON).as_secs()).collect()
    };
    assert_eq!(seconds(samples(None, None, 100).await.unwrap()), [2, 3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(seconds(samples(None, None, 3).await.unwrap()), [7, 8, 9]);
    assert_eq!(seconds(samples(Some(at(4)), Some(at(7)), 100).await.unwrap()), [4, 5, 6]);
    let nobody = store.readers().samples("nobody".into(), None, (None, None), 10).await;
    assert_eq!(nobody, Ok(vec![]));
}

#[tokio::test]
async fn what_an_earlier_life_left_open_has_ended_unless_it_is_seen_again() {
    let folder = Folder::new();
    let store = Store::at(folder.file());
    store.record(News {
        at: at(9),
        streams: [stream("goes on", 1, None), stream("is gone", 1, None)].into(),
        samples: [sample("goes on", 1, 8), sample("is gone", 1, 8)].into(),
        totals: Some(sums(16)),
        ..News::default()
    });
    drop(store);
    let store = Store::at(folder.file());
    store.written().await;
    let beginning = store.beginning().unwrap();
    assert_eq!(beginning.totals, sums(16));
    assert_eq!(beginning.open, [("goes on".into(), at(1), sums(8)), ("is gone".into(), at(1), sums(8))]);
    store.record(News { streams: [stream("goes on", 1, None)].into(), looked: true, ..News::default() });
    store.written().await;
    let ended = store.readers().ended(Ends::default(), 10).await.unwrap();
    assert_eq!(ended.iter().map(|stream| stream.id.as_str()).collect::<Vec<_>>(), ["is gone"]);
    assert_eq!(ended[0].ended, at(8));
    assert!(ended[0].because.as_deref().unwrap().contains("restarted"));
}

#[tokio::test]
async fn sums_never_fall_whatever_is_told() {
    let folder = Folder::new();
    for (told, shown) in [(100, 100), (40, 100), (120, 120)] {
        let store = Store::at(folder.file());
        store.record(News { totals: Some(sums(told)), ..News::default() });
        drop(store);
        let store = Store::at(folder.file());
        store.written().await;
        assert_eq!(store.beginning().unwrap().totals, sums(shown), "{told}");
    }
}

/// Entries about everything that can be asked for.
fn story() -> Vec<Arc<Numbered>> {
    let id = |byte| ContainerId::from_bytes([byte; 32]);
    let engine = |byte, name: &str| Subject::Engine(Some(id(byte)), name.into());
    let vpn = |name: &str| Subject::Vpn(VpnId(0), name.into());
    let op = |seq| OpId { life: 7, seq };
    let on = |name: &str| What::Create { vpn: Some(Name::from(name)), forwarded: None };
    let mut story = vec![
        entry(1, Subject::Fleet, What::InSight { adopted: 0 }),
        entry(2, Subject::Docker, What::DockerUnreachable),
        entry(3, vpn("gluetun"), What::VpnFailed),
        entry(4, vpn(HOSTILE), What::VpnFailed),
        entry(5, engine(1, "acestream-1"), on("gluetun")),
        entry(6, engine(2, "acestream-2"), on(HOSTILE)),
        entry(7, engine(1, "acestream-1"), What::Requested("drain", op(1))),
        entry(8, vpn("gluetun"), What::Vouched(id(1))),
        entry(9, Subject::Stream("s".into()), What::StreamPlays("acestream-1".into())),
        entry(10, Subject::Stream(HOSTILE.into()), What::StreamEnded),
        entry(11, Subject::Container(Some(id(3)), "sidecar".into()), What::Gone),
    ];
    let follows = Entry { why: vec![Why::Request(op(1))], ..story[4].entry.clone() };
    story.push(Arc::new(Numbered { id: 12, entry: Entry { seq: 12, at: at(12), ..follows } }));
    story
}

#[tokio::test]
async fn the_journal_is_asked_in_the_store_by_the_rules_by_which_it_is_asked_in_memory() {
    let folder = Folder::new();
    let store = Store::at(folder.file());
    store.record(News { journal: story().into(), ..News::default() });
    store.written().await;
    let all = Filter::default;
    let text = |text: &str| Some(text.to_owned());
    let id = ContainerId::from_bytes([1; 32]).to_string();
    let filters = [
        all(),
        Filter { since: Some(at(4)), until: Some(at(8)), ..all() },
        Filter { before: Some(6), ..all() },
        Filter { kinds: vec!["vpn_failed".into(), "gone".into()], ..all() },
        Filter { vpn: text("gluetun"), ..all() },
        Filter { vpn: text(HOSTILE), ..all() },
        Filter { engine: text("acestream-1"), ..all() },
        Filter { engine: text(&id), ..all() },
        Filter { engine: text(&id[..12]), ..all() },
        Filter { engine: text(&id[..11]), ..all() },
        Filter { engine: text("sidecar"), ..all() },
        Filter { engine: text(HOSTILE), ..all() },
        Filter { stream: text("s"), ..all() },
        Filter { stream: text(HOSTILE), ..all() },
        Filter { operation: text("00000007-1"), ..all() },
        Filter { engine: text("acestream-1"), vpn: text("gluetun"), since: Some(at(6)), ..all() },
    ];
    for filter in filters {
        let story = story();
        let mut expected: Vec<Line> =
            story.iter().filter(|entry| filter.wants(entry)).map(|entry| Line::of(entry)).collect();
        expected.reverse();
        let found = store.readers().journal(filter.clone(), 100).await.unwrap();
        assert_eq!(found, expected, "{filter:?}");
    }
    assert_eq!(store.readers().journal(all(), 2).await.unwrap().len(), 2);
}

#[tokio::test]
async fn states_are_told_by_whom_they_are_of() {
    let folder = Folder::new();
    let store = Store::at(folder.file());
    let state = |seconds, about, name: &str, state| StateFact {
        at: at(seconds),
        about,
        name: name.into(),
        id: None,
        state,
        health: "healthy",
        port: Some(40_001),
        reason: Some(HOSTILE.into()),
    };
    let states = [
        state(1, About::Vpn, "gluetun", "healthy"),
        state(2, About::Engine, "acestream-1", "offered"),
        state(3, About::Vpn, "gluetun", "failed"),
    ];
    store.record(News { states: states.into(), ..News::default() });
    store.written().await;
    let of = |wanted| async { store.readers().states(wanted, 10).await.unwrap() };
    let words = |states: &[KeptState]| states.iter().map(|state| state.state.clone()).collect::<Vec<_>>();
    let all = of(States::default()).await;
    assert_eq!(words(&all), ["failed", "offered", "healthy"]);
    assert_eq!((all[0].port, all[0].reason.as_deref()), (Some(40_001), Some(HOSTILE)));
    let vpns = of(States { about: Some(About::Vpn), before: Some(all[0].id), ..States::default() }).await;
    assert_eq!(words(&vpns), ["healthy"]);
    let engine = States { name: Some("acestream-1".into()), since: Some(at(2)), ..States::default() };
    assert_eq!(words(&of(engine).await), ["offered"]);
}
