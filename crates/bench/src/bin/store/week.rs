//! A thousand streams, sampled every five seconds for days: what the file and the program grow to.

use crate::{bytes_of, resident_kib};
use acefleet::history::Totals;
use acefleet::journal::Numbered;
use acefleet::store::{News, Options, SampleFact, Store};
use control::Time;
use control::command::{Content, KeyType};
use control::event::SessionReport;
use control::ids::ContainerId;
use control::journal::{Entry, Expect, Subject, What};
use control::snapshot::StreamView;
use control::stream::Origin;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

pub(crate) const STREAMS: u64 = 1_000;
/// How often each is sampled.
const EVERY_S: u64 = 5;
/// A stream is followed by another one after so long, each at its own time.
const STREAM_LASTS_S: u64 = 3 * 3_600;
const DAY_S: u64 = 86_400;
/// Rounds that are told before the disk is waited for: less than the queue holds.
const ROUNDS_AT_ONCE: u64 = 4;
/// Pruning has all the time there is in a real week; here it gets a moment whenever the file is this much too large.
const OVER: f64 = 1.05;
const MOMENT: Duration = Duration::from_millis(5);
/// 2026-01-31T12:00:00Z.
const BEGINS_S: u64 = 1_769_860_800;

/// What happens in one round: a sample of each stream, ends and beginnings, and a line in the journal.
pub(crate) fn round(number: u64) -> News {
    let elapsed = number * EVERY_S;
    let at = Time::from_secs(BEGINS_S + elapsed);
    let mut news = News { at, ..News::default() };
    for place in 0..STREAMS {
        // Each begins at a time of its own.
        let age = (elapsed + place * STREAM_LASTS_S / STREAMS) % STREAM_LASTS_S;
        let generation = (elapsed + place * STREAM_LASTS_S / STREAMS) / STREAM_LASTS_S;
        let id: Arc<str> = format!("{place:040x}|{generation}").into();
        let began = Time::from_secs(BEGINS_S + elapsed.saturating_sub(age));
        let downloaded = age * 600 * 1_024;
        let report = SessionReport {
            status: "dl".into(),
            peers: 5 + (number + place) % 40,
            speed_down: 600 + (number * 7 + place) % 300,
            speed_up: 10 + (number + place * 3) % 90,
            downloaded,
            uploaded: downloaded / 9,
        };
        let is_new = age < EVERY_S || number == 0;
        let is_last = age + EVERY_S >= STREAM_LASTS_S;
        news.samples.push_back(SampleFact { stream: id.clone(), began, at, report: report.clone() });
        if is_new || is_last {
            let ended = is_last.then_some((at, "its announcer said so"));
            news.streams.push_back(Arc::new(stream(id, place, began, report, ended)));
        }
    }
    let subject = Subject::Engine(None, format!("acestream-{}", number % STREAMS).as_str().into());
    let entry = Entry { seq: number, at, subject, what: What::Offered, why: vec![], expect: Expect::Nothing };
    news.journal.push_back(Arc::new(Numbered { id: number + 1, entry }));
    news.totals = Some(Totals { downloaded: elapsed * STREAMS, uploaded: elapsed });
    news
}

fn stream(
    id: Arc<str>,
    place: u64,
    started_at: Time,
    report: SessionReport,
    ended: Option<(Time, &'static str)>,
) -> StreamView {
    let key = id.split('|').next().unwrap_or_default().into();
    StreamView {
        id,
        origin: Origin::Announced,
        content: Content { kind: KeyType::ContentId, key },
        engine: Some((ContainerId::from_bytes([place.to_le_bytes()[0]; 32]), 19_000)),
        playback_session_id: format!("{place:032x}").into(),
        stat_path: None,
        command_path: None,
        is_live: true,
        started_at,
        ended,
        report: Some(report),
        reported_at: Some(started_at),
        watching: 0,
        waiting: 0,
    }
}

/// Keeps so many days, and prints what they grow to.
pub(crate) fn keep(path: &Path, days: u64) {
    let options = Options::at(path.to_owned());
    let (limit, kept_days) = (options.bytes_max, options.kept_for.as_secs() / DAY_S);
    println!(
        "\n{STREAMS} streams, a sample of each every {EVERY_S} s, for {days} day(s); HISTORY_MAX_MB={}, \
         HISTORY_DAYS={kept_days}\n",
        limit >> 20
    );
    println!(
        "{:>4} {:>12} {:>12} {:>10} {:>10} {:>12} {:>9} {:>8}",
        "day", "samples", "in the file", "file MiB", "most", "memory KiB", "most", "took s"
    );
    let Ok(runtime) = Runtime::new() else { return eprintln!("the system starts no threads") };
    let store = Store::new(options, Arc::default());
    let began = Instant::now();
    let (mut most_bytes, mut most_kib) = (0, 0);
    for number in 0..days * DAY_S / EVERY_S {
        store.record(round(number));
        if number % ROUNDS_AT_ONCE == 0 {
            runtime.block_on(store.written());
            while bytes_of(path) as f64 > limit as f64 * OVER {
                std::thread::sleep(MOMENT);
                runtime.block_on(store.written());
                most_bytes = most_bytes.max(bytes_of(path));
            }
            most_bytes = most_bytes.max(bytes_of(path));
            most_kib = most_kib.max(resident_kib());
        }
        if (number + 1) % (DAY_S / EVERY_S) == 0 {
            runtime.block_on(store.written());
            let day = (number + 1) * EVERY_S / DAY_S;
            let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
            println!(
                "{day:>4} {:>12} {:>12} {:>10.1} {:>10.1} {:>12} {:>9} {:>8.0}",
                (number + 1) * STREAMS,
                count(path),
                mib(bytes_of(path)),
                mib(most_bytes),
                resident_kib(),
                most_kib,
                began.elapsed().as_secs_f64()
            );
        }
    }
    if let Some(trouble) = store.trouble() {
        println!("\n{trouble}");
    }
}

/// Samples that the file holds.
fn count(path: &Path) -> i64 {
    let file = rusqlite::Connection::open(path);
    file.and_then(|file| file.query_row("SELECT count(*) FROM samples", (), |row| row.get(0))).unwrap_or(-1)
}
