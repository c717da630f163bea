//! What streams have been like: samples of each, as pictures told them, and sums over all of them.
//!
//! Plain data: whoever has a new picture records it. Bounded in streams and in samples of each; what has
//! ended is forgotten some time later.

use control::Time;
use control::event::SessionReport;
use control::snapshot::{Snapshot, StreamView};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// Streams of which samples are kept.
pub const STREAMS_MAX: usize = 2_000;
/// How long samples of a stream are kept after it has ended.
pub const ENDED_KEPT: Duration = Duration::from_secs(3_600);

/// What was said of a stream at one moment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sample {
    /// When.
    pub at: Time,
    /// What its engine said.
    pub report: SessionReport,
}

/// Sums over every stream since this life of acefleet began.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Totals {
    /// Bytes that engines have received.
    pub downloaded: u64,
    /// Bytes that engines have sent to peers.
    pub uploaded: u64,
}

/// Samples of streams, and sums.
#[derive(Debug)]
pub struct History {
    samples_max: usize,
    streams: BTreeMap<Arc<str>, Track>,
    totals: Totals,
}

#[derive(Default, Debug)]
struct Track {
    began: Time,
    samples: VecDeque<Sample>,
    ended: Option<Time>,
}

impl History {
    /// An empty one that keeps so many samples of each stream.
    pub fn new(samples_max: usize) -> Self {
        Self { samples_max: samples_max.max(1), streams: BTreeMap::new(), totals: Totals::default() }
    }

    /// Takes what a picture tells.
    pub fn record(&mut self, snapshot: &Snapshot) {
        let live: BTreeMap<_, _> = snapshot
            .streams
            .iter()
            .filter(|view| view.ended.is_none())
            .map(|view| (view.id.clone(), view))
            .collect();
        for (id, track) in &mut self.streams {
            if track.ended.is_none() && !live.contains_key(id) {
                track.ended = Some(snapshot.at);
            }
        }
        let now = snapshot.at;
        self.streams.retain(|_, track| track.ended.is_none_or(|at| now.since(at) <= ENDED_KEPT));
        live.values().for_each(|view| self.record_live(view));
    }

    /// The samples of a stream since then, the oldest first.
    pub fn samples(&self, stream: &str, since: Option<Time>) -> impl Iterator<Item = &Sample> {
        let samples = self.streams.get(stream).into_iter().flat_map(|track| &track.samples);
        samples.filter(move |sample| since.is_none_or(|since| sample.at >= since))
    }

    /// The sums.
    pub const fn totals(&self) -> Totals {
        self.totals
    }

    fn record_live(&mut self, view: &StreamView) {
        let (Some(report), Some(at)) = (&view.report, view.reported_at) else { return };
        if !self.streams.contains_key(&view.id) && !self.has_room() {
            return;
        }
        let track = self.streams.entry(view.id.clone()).or_default();
        if track.began != view.started_at {
            // Another stream of the same name.
            *track = Track { began: view.started_at, ..Track::default() };
        }
        track.ended = None;
        let last = track.samples.back();
        if last.is_some_and(|last| last.at >= at) {
            return;
        }
        let before = last.map_or((0, 0), |last| (last.report.downloaded, last.report.uploaded));
        self.totals.downloaded += report.downloaded.saturating_sub(before.0);
        self.totals.uploaded += report.uploaded.saturating_sub(before.1);
        if track.samples.len() == self.samples_max {
            track.samples.pop_front();
        }
        track.samples.push_back(Sample { at, report: report.clone() });
    }

    /// Whether samples of one more stream can be kept. What ended longest ago makes place for it.
    fn has_room(&mut self) -> bool {
        if self.streams.len() < STREAMS_MAX {
            return true;
        }
        let over = self.streams.iter().filter_map(|(id, track)| Some((track.ended?, id.clone())));
        over.min().is_some_and(|(_, id)| self.streams.remove(&id).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use control::command::{Content, KeyType};
    use control::stream::Origin;

    fn stream(id: &str, began: u64, reported: u64, downloaded: u64) -> StreamView {
        StreamView {
            id: id.into(),
            origin: Origin::Announced,
            content: Content { kind: KeyType::Infohash, key: "k".into() },
            engine: None,
            playback_session_id: "".into(),
            stat_path: None,
            command_path: None,
            is_live: true,
            started_at: Time::from_secs(began),
            ended: None,
            report: Some(SessionReport {
                status: "dl".into(),
                peers: 1,
                speed_down: 1,
                speed_up: 1,
                downloaded,
                uploaded: downloaded / 2,
            }),
            reported_at: Some(Time::from_secs(reported)),
            watching: 0,
            waiting: 0,
        }
    }

    fn ended(mut view: StreamView, at: u64) -> StreamView {
        view.ended = Some((Time::from_secs(at), "its announcer said so"));
        view
    }

    fn recorded(history: &mut History, at: u64, streams: Vec<StreamView>) {
        let core = control::Control::new(control::Settings::default(), Time::from_secs(at), 1);
        let streams = streams.into_iter().map(Arc::new).collect();
        history.record(&Snapshot { streams, ..core.snapshot() });
    }

    fn samples(history: &History, stream: &str) -> Vec<u64> {
        history.samples(stream, None).map(|sample| sample.report.downloaded).collect()
    }

    #[test]
    fn each_answer_of_an_engine_is_one_sample_though_it_says_the_same() {
        let mut history = History::new(10);
        recorded(&mut history, 5, vec![stream("s", 1, 5, 100)]);
        recorded(&mut history, 6, vec![stream("s", 1, 5, 100)]);
        recorded(&mut history, 10, vec![stream("s", 1, 10, 100)]);
        assert_eq!(samples(&history, "s"), [100, 100]);
        assert_eq!(history.samples("s", Some(Time::from_secs(6))).count(), 1);
    }

    #[test]
    fn the_oldest_samples_are_forgotten_and_the_sums_are_not() {
        let mut history = History::new(3);
        for round in 1..=5 {
            recorded(&mut history, round, vec![stream("s", 1, round, round * 100)]);
        }
        assert_eq!(samples(&history, "s"), [300, 400, 500]);
        assert_eq!(history.totals(), Totals { downloaded: 500, uploaded: 250 });
    }

    #[test]
    fn a_stream_of_the_same_name_begins_anew_and_the_sums_go_on() {
        let mut history = History::new(10);
        recorded(&mut history, 5, vec![stream("s", 1, 5, 100)]);
        recorded(&mut history, 9, vec![stream("s", 7, 9, 30)]);
        assert_eq!(samples(&history, "s"), [30]);
        assert_eq!(history.totals().downloaded, 130);
    }

    #[test]
    fn what_has_ended_is_kept_for_an_hour() {
        let mut history = History::new(10);
        recorded(&mut history, 5, vec![stream("s", 1, 5, 100)]);
        recorded(&mut history, 8, vec![ended(stream("s", 1, 5, 100), 8)]);
        // Whether its end is still shown makes no difference.
        recorded(&mut history, 8 + 3_600, vec![]);
        assert_eq!(samples(&history, "s"), [100]);
        recorded(&mut history, 9 + 3_600, vec![]);
        assert!(samples(&history, "s").is_empty());
    }

    #[test]
    fn streams_are_bounded_in_number() {
        let mut history = History::new(1);
        let many = (0..=STREAMS_MAX).map(|number| stream(&format!("s{number}"), 1, 2, 1)).collect();
        recorded(&mut history, 2, many);
        assert_eq!(history.streams.len(), STREAMS_MAX);
        assert!(samples(&history, "late").is_empty());
        recorded(&mut history, 3, vec![stream("late", 3, 3, 7)]);
        assert_eq!(samples(&history, "late"), [7]);
        assert_eq!(history.streams.len(), STREAMS_MAX);
    }
}
