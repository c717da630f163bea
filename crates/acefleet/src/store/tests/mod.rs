//! What the store keeps, how it is asked, and what it does with files that it cannot use.

mod asking;
mod bounds;
mod files;

use super::*;
use crate::history::Totals;
use crate::journal::Numbered;
use control::Time;
use control::command::{Content, KeyType};
use control::event::SessionReport;
use control::ids::{ContainerId, Name, VpnId};
use control::journal::{Entry, Expect, Subject, What};
use control::snapshot::StreamView;
use control::stream::Origin;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::time::sleep;

/// When all of it happens: 2026-01-31T12:00:00Z.
const NOON: Time = Time::from_secs(1_769_860_800);
/// Words for what nobody should ever paste into a query.
const HOSTILE: &str = "'; DROP TABLE announced; --\u{0}\r\n\u{202e}\" OR 1=1";

/// A folder of its own for one test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("acefleet-store-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("orchestrator.db")
    }

    /// The names of its files that have this in them.
    fn named(&self, part: &str) -> Vec<PathBuf> {
        let files = std::fs::read_dir(&self.0).unwrap().map(|file| file.unwrap().path());
        files.filter(|path| path.to_string_lossy().contains(part)).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

fn session(id: &str) -> RememberedStream {
    RememberedStream {
        engine: ContainerId::from_bytes([7; 32]),
        stream: id.into(),
        content: Content { kind: KeyType::Infohash, key: HOSTILE.into() },
        playback_session_id: "p".into(),
        stat_path: Some("/ace/stat/1".into()),
        command_path: None,
        is_live: true,
        started_at: Time::from_secs(5),
    }
}

fn at(seconds: u64) -> Time {
    NOON + Duration::from_secs(seconds)
}

fn entry(id: u64, subject: Subject, what: What) -> Arc<Numbered> {
    let entry = Entry { seq: id, at: at(id), subject, what, why: vec![], expect: Expect::Nothing };
    Arc::new(Numbered { id, entry })
}

fn engine_entry(id: u64, name: &str) -> Arc<Numbered> {
    entry(id, Subject::Engine(Some(ContainerId::from_bytes([1; 32])), name.into()), What::Offered)
}

fn report(downloaded: u64) -> SessionReport {
    let status = "dl".into();
    SessionReport { status, peers: 3, speed_down: 700, speed_up: 20, downloaded, uploaded: downloaded / 2 }
}

fn stream(id: &str, began: u64, ended: Option<u64>) -> Arc<StreamView> {
    Arc::new(StreamView {
        id: id.into(),
        origin: Origin::Announced,
        content: Content { kind: KeyType::ContentId, key: HOSTILE.into() },
        engine: Some((ContainerId::from_bytes([1; 32]), 19_000)),
        playback_session_id: "p".into(),
        stat_path: None,
        command_path: None,
        is_live: true,
        started_at: at(began),
        ended: ended.map(|ended| (at(ended), "its announcer said so")),
        report: Some(report(ended.unwrap_or(began))),
        reported_at: None,
        watching: 0,
        waiting: 0,
    })
}

fn sample(id: &str, began: u64, seconds: u64) -> SampleFact {
    SampleFact { stream: id.into(), began: at(began), at: at(seconds), report: report(seconds) }
}

fn sums(downloaded: u64) -> Totals {
    Totals { downloaded, uploaded: downloaded / 2 }
}

/// Everything that can be read of the journal, the oldest first.
async fn entries(store: &Store) -> Vec<u64> {
    let mut lines = store.readers().journal(Default::default(), 100_000).await.expect("it can be read");
    lines.reverse();
    lines.into_iter().map(|line| line.id).collect()
}

/// Waits until something is so.
async fn until(what: &str, so: impl Fn() -> bool) {
    let wait = async {
        while !so() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(30), wait).await.unwrap_or_else(|_| panic!("in vain: {what}"));
}
