//! What there is no room for: in the queue, and in the file.

use super::facts::SAMPLES_WAITING_MAX;
use super::*;

#[tokio::test]
async fn a_queue_that_nobody_empties_forgets_the_oldest_samples_and_no_entry() {
    let folder = Folder::new();
    let in_the_way = folder.0.join("data");
    std::fs::write(&in_the_way, "x").unwrap();
    let meters = Arc::new(Meters::default());
    let store = Store::new(Options::at(in_the_way.join("a.db")), meters.clone());
    until("it is said", || {
        store.record(News { totals: Some(sums(1)), ..News::default() });
        store.trouble().is_some()
    })
    .await;
    store.record(News {
        streams: [stream("s", 1, None)].into(),
        journal: [engine_entry(1, "acestream-1")].into(),
        ..News::default()
    });
    let over = 100;
    for second in 2..SAMPLES_WAITING_MAX as u64 + 2 + over {
        store.record(News { samples: [sample("s", 1, second)].into(), ..News::default() });
    }
    std::fs::remove_file(&in_the_way).unwrap();
    until("it comes back by itself", || store.trouble().is_none()).await;
    store.written().await;
    assert_eq!(entries(&store).await, [1]);
    let samples = store.readers().samples("s".into(), None, (None, None), 100_000).await.unwrap();
    assert_eq!(samples.len(), SAMPLES_WAITING_MAX);
    assert_eq!(samples[0].at, at(2 + over));
    let core = control::Control::new(control::Settings::default(), NOON, 1);
    let text = meters.text(&core.snapshot(), sums(0), std::iter::empty()).1;
    assert!(text.contains("acefleet_store_dropped_total{kind=\"sample\"} 100"), "{text}");
    assert!(text.contains("acefleet_store_usable 1"), "{text}");
}

#[tokio::test]
async fn what_is_older_than_was_chosen_goes() {
    let folder = Folder::new();
    let day = 86_400;
    let options = Options { kept_for: Duration::from_secs(7 * day), ..Options::at(folder.file()) };
    let mut opened = file::open(&folder.file()).unwrap();
    drop(opened);
    let store = Store::new(options.clone(), Arc::default());
    for number in 0..10 {
        let began = number * day;
        store.record(News {
            at: at(began),
            streams: [stream("s", began, Some(began + 9))].into(),
            samples: [sample("s", began, began + 1)].into(),
            journal: [engine_entry(began + 1, "acestream-1")].into(),
            ..News::default()
        });
        store.written().await;
    }
    drop(store);
    opened = file::open(&folder.file()).unwrap();
    let step = prune::step(&mut opened.connection, &options, at(10 * day)).unwrap();
    assert_eq!((step.removed, step.more), (9, false));
    let count = |table: &str| -> i64 {
        let query = format!("SELECT count(*) FROM {table}");
        opened.connection.query_row(&query, (), |row| row.get(0)).unwrap()
    };
    assert_eq!((count("samples"), count("journal"), count("streams")), (7, 7, 7));
}

#[tokio::test]
async fn a_file_that_is_too_large_loses_samples_before_entries_and_becomes_smaller() {
    let folder = Folder::new();
    let options = Options { bytes_max: 2 << 20, ..Options::at(folder.file()) };
    let store = Store::at(folder.file());
    store.record(News { streams: [stream("s", 1, None)].into(), ..News::default() });
    for round in 0..8 {
        let seconds = (round * 10_000 + 2)..(round * 10_000 + 10_002);
        store.record(News {
            samples: seconds.map(|second| sample("s", 1, second)).collect(),
            ..News::default()
        });
        store.written().await;
    }
    store.record(News {
        journal: (1..=1_000).map(|id| engine_entry(id, "acestream-1")).collect(),
        ..News::default()
    });
    drop(store);
    assert!(std::fs::metadata(folder.file()).unwrap().len() > options.bytes_max);
    let mut opened = file::open(&folder.file()).unwrap();
    let mut steps = 0;
    while prune::step(&mut opened.connection, &options, at(90_000)).unwrap().more {
        steps += 1;
        assert!(steps < 1_000, "it never ends");
    }
    drop(opened);
    assert!(std::fs::metadata(folder.file()).unwrap().len() <= options.bytes_max);
    let store = Store::at(folder.file());
    store.written().await;
    assert_eq!(entries(&store).await.len(), 1_000);
    let samples = store.readers().samples("s".into(), None, (None, None), 100_000).await.unwrap();
    assert_eq!(samples.last().unwrap().at, at(80_001));
    assert!(samples.len() > 1_000, "{}", samples.len());
}

#[tokio::test]
async fn a_file_never_grows_beyond_what_was_chosen_however_fast_is_written() {
    let folder = Folder::new();
    let options = Options { bytes_max: 3 << 20, ..Options::at(folder.file()) };
    let store = Store::new(options.clone(), Arc::default());
    store.record(News { streams: [stream("s", 1, None)].into(), ..News::default() });
    let (batch, batches) = (SAMPLES_WAITING_MAX as u64, 8);
    for round in 0..batches {
        let seconds = (round * batch + 2)..((round + 1) * batch + 2);
        let samples = seconds.map(|second| sample("s", 1, second)).collect();
        store.record(News { at: at(round), samples, ..News::default() });
        store.written().await;
        let bytes = std::fs::metadata(folder.file()).unwrap().len();
        assert!(bytes <= options.bytes_max, "{bytes} after {} samples", (round + 1) * batch);
    }
    let kept = store.readers().samples("s".into(), None, (None, None), 1_000_000).await.unwrap();
    assert!(kept.len() > 20_000 && kept.len() < 100_000, "{}", kept.len());
    assert_eq!(kept.last().unwrap().at, at(batches * batch + 1));
}
