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
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use tokio::runtime::Runtime;

pub(crate) const STREAMS: u64 = 1_000;
/// How often each is sampled.
const EVERY_S: u64 = 5;
/// A stream is followed by another one after so long, each at its own time.
const STREAM_LASTS_S: u64 = 3 * 3_600;
const DAY_S: u64 = 86_400;
/// Rounds that are told before the disk is waited for: twice as many wait at once, less than the queue holds.
const ROUNDS_AT_ONCE: u64 = 4;
/// 2026-01-31T12:00:00Z.
const BEGINS_S: u64 = 1_769_860_800;

/// The streams of a week, as they are in one round and then in the next.
pub(crate) struct Week {
    places: Vec<Place>,
}

/// One after another, a stream of each.
#[derive(Clone)]
struct Place {
    id: Arc<str>,
    generation: u64,
}

impl Week {
    pub(crate) fn new() -> Self {
        Self { places: vec![Place { id: "".into(), generation: u64::MAX }; STREAMS as usize] }
    }

    /// What happens in one round: a sample of each stream, ends and beginnings, and a line in the journal.
    pub(crate) fn round(&mut self, number: u64) -> News {
        let elapsed = number * EVERY_S;
        let at = Time::from_secs(BEGINS_S + elapsed);
        let mut news = News { at, ..News::default() };
        for (number_of, place) in (0..).zip(&mut self.places) {
            // Each begins at a time of its own.
            let since = elapsed + number_of * STREAM_LASTS_S / STREAMS;
            let (generation, age) = (since / STREAM_LASTS_S, since % STREAM_LASTS_S);
            if place.generation != generation {
                *place = Place { id: format!("{number_of:040x}|{generation}").into(), generation };
            }
            let began = Time::from_secs(BEGINS_S + elapsed.saturating_sub(age));
            let downloaded = age * 600 * 1_024;
            let report = SessionReport {
                status: "dl".into(),
                peers: 5 + (number + number_of) % 40,
                speed_down: 600 + (number * 7 + number_of) % 300,
                speed_up: 10 + (number + number_of * 3) % 90,
                downloaded,
                uploaded: downloaded / 9,
            };
            let is_new = age < EVERY_S || number == 0;
            let is_last = age + EVERY_S >= STREAM_LASTS_S;
            if is_new || is_last {
                let ended = is_last.then_some((at, "its announcer said so"));
                let view = stream(place.id.clone(), number_of, began, report.clone(), ended);
                news.streams.push_back(Arc::new(view));
            }
            news.samples.push_back(SampleFact { stream: place.id.clone(), began, at, report });
        }
        let subject = Subject::Engine(None, format!("acestream-{}", number % STREAMS).as_str().into());
        let entry =
            Entry { seq: number, at, subject, what: What::Offered, why: vec![], expect: Expect::Nothing };
        news.journal.push_back(Arc::new(Numbered { id: number + 1, entry }));
        news.totals = Some(Totals { downloaded: elapsed * STREAMS, uploaded: elapsed });
        news
    }
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
        "\n{STREAMS} streams, a sample of each every {EVERY_S} s, for {days} simulated day(s); HISTORY_MAX_MB={}, \
         HISTORY_DAYS={kept_days}.\n`most`: the greatest since the beginning. `log`: the write-ahead log beside the \
         file.\n",
        limit >> 20
    );
    println!(
        "{:>4} {:>12} {:>12} {:>9} {:>9} {:>9} {:>11} {:>9} {:>7} {:>10}",
        "day",
        "samples",
        "in the file",
        "file MiB",
        "most",
        "log most",
        "memory KiB",
        "most",
        "took s",
        "samples/s"
    );
    let Ok(runtime) = Runtime::new() else { return eprintln!("the system starts no threads") };
    let store = Arc::new(Store::new(options, Arc::default()));
    let (mut week, mut most, mut under_way) = (Week::new(), Size::default(), None);
    let mut day_began = Instant::now();
    for number in 0..days * DAY_S / EVERY_S {
        store.record(week.round(number));
        if number % ROUNDS_AT_ONCE == 0 {
            // The next rounds are made while these are written.
            let told = runtime.spawn({
                let store = store.clone();
                async move { store.written().await }
            });
            if let Some(before) = under_way.replace(told) {
                drop(runtime.block_on(before));
            }
            most = most.and(Size::now(path));
        }
        if (number + 1) % (DAY_S / EVERY_S) == 0 {
            runtime.block_on(store.written());
            let (day, now) = ((number + 1) * EVERY_S / DAY_S, Size::now(path));
            most = most.and(now);
            let took = std::mem::replace(&mut day_began, Instant::now()).elapsed().as_secs_f64();
            println!(
                "{day:>4} {:>12} {:>12} {:>9.1} {:>9.1} {:>9.1} {:>11} {:>9} {took:>7.1} {:>10.0}",
                (number + 1) * STREAMS,
                count(path),
                mib(now.file),
                mib(most.file),
                mib(most.log),
                now.resident_kib,
                most.resident_kib,
                (DAY_S / EVERY_S * STREAMS) as f64 / took
            );
        }
    }
    if let Some(trouble) = store.trouble() {
        println!("\n{trouble}");
    }
}

/// What it has grown to, on the disk and in memory.
#[derive(Clone, Copy, Default)]
struct Size {
    file: u64,
    log: u64,
    resident_kib: u64,
}

impl Size {
    fn now(path: &Path) -> Self {
        let log = PathBuf::from(format!("{}-wal", path.display()));
        Self { file: bytes_of(path), log: bytes_of(&log), resident_kib: resident_kib() }
    }

    fn and(self, other: Self) -> Self {
        Self {
            file: self.file.max(other.file),
            log: self.log.max(other.log),
            resident_kib: self.resident_kib.max(other.resident_kib),
        }
    }
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// Samples that the file holds.
fn count(path: &Path) -> i64 {
    let file = rusqlite::Connection::open(path);
    file.and_then(|file| file.query_row("SELECT count(*) FROM samples", (), |row| row.get(0))).unwrap_or(-1)
}
