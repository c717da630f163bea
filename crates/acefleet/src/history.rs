//! What streams have been like: samples of each, as pictures told them, and sums over all of them.
//!
//! Plain data: whoever has a new picture records it, and is told what of it the store has to know. Bounded in streams
//! and in samples of each; what has ended is forgotten here some time later.

use crate::journal::whole_millis;
use crate::store::{Beginning, SampleFact};
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

/// Sums over every stream, those of earlier lives included as far as the store knows them.
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
    /// What of the sums was, in an earlier life, of streams that have not been seen yet in this one.
    left: BTreeMap<(Arc<str>, u64), Totals>,
}

#[derive(Debug)]
struct Track {
    /// The stream as it was last told.
    view: Arc<StreamView>,
    samples: VecDeque<Sample>,
    /// What of the sums is its.
    counted: Totals,
    ended: Option<Time>,
}

/// What a picture has told that was not known before.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Recorded {
    /// Samples.
    pub samples: Vec<SampleFact>,
    /// Streams that are new, are played elsewhere, or have ended.
    pub streams: Vec<Arc<StreamView>>,
}

impl History {
    /// An empty one that keeps so many samples of each stream.
    pub fn new(samples_max: usize) -> Self {
        Self {
            samples_max: samples_max.max(1),
            streams: BTreeMap::new(),
            totals: Totals::default(),
            left: BTreeMap::new(),
        }
    }

    /// Goes on where earlier lives have ended: the sums never fall, and what they have of streams that go on is not
    /// added a second time.
    pub fn go_on(&mut self, beginning: &Beginning) {
        self.totals.downloaded += beginning.totals.downloaded;
        self.totals.uploaded += beginning.totals.uploaded;
        for (id, began, theirs) in &beginning.open {
            let known = self
                .streams
                .get(id)
                .filter(|track| whole_millis(track.view.started_at) == whole_millis(*began));
            match known {
                Some(track) => {
                    self.totals.downloaded -= theirs.downloaded.min(track.counted.downloaded);
                    self.totals.uploaded -= theirs.uploaded.min(track.counted.uploaded);
                }
                None => drop(self.left.insert((id.clone(), whole_millis(*began)), *theirs)),
            }
        }
    }

    /// Takes what a picture tells, and says what of it is new.
    pub fn record(&mut self, snapshot: &Snapshot) -> Recorded {
        let mut recorded = Recorded::default();
        let now = snapshot.at;
        let live: BTreeMap<_, _> = snapshot
            .streams
            .iter()
            .filter(|view| view.ended.is_none())
            .map(|view| (view.id.clone(), view))
            .collect();
        for (id, track) in &mut self.streams {
            let goes_on = live.get(id).is_some_and(|view| view.started_at == track.view.started_at);
            if track.ended.is_none() && !goes_on {
                track.ended = Some(now);
                track.view = end_of(&track.view, snapshot);
                recorded.streams.push(track.view.clone());
            }
        }
        self.streams.retain(|_, track| track.ended.is_none_or(|at| now.since(at) <= ENDED_KEPT));
        live.values().for_each(|view| self.record_live(view, &mut recorded));
        recorded
    }

    /// The samples of a stream since then, the oldest first.
    pub fn samples(&self, stream: &str, since: Option<Time>) -> impl Iterator<Item = &Sample> {
        let samples = self.streams.get(stream).into_iter().flat_map(|track| &track.samples);
        samples.filter(move |sample| since.is_none_or(|since| sample.at >= since))
    }

    /// When the stream of this name began, if it is known here.
    pub fn began(&self, stream: &str) -> Option<Time> {
        self.streams.get(stream).map(|track| track.view.started_at)
    }

    /// How many samples of each stream are kept.
    pub const fn samples_max(&self) -> usize {
        self.samples_max
    }

    /// The sums.
    pub const fn totals(&self) -> Totals {
        self.totals
    }

    fn record_live(&mut self, view: &Arc<StreamView>, recorded: &mut Recorded) {
        if !self.streams.contains_key(&view.id) && !self.has_room() {
            return;
        }
        let known = self.streams.get(&view.id).filter(|track| track.view.started_at == view.started_at);
        if known.is_none_or(|track| track.ended.is_some() || is_elsewhere(&track.view, view)) {
            recorded.streams.push(view.clone());
        }
        if known.is_none() {
            // A new one; or another one of the same name.
            let left = self.left.remove(&(view.id.clone(), whole_millis(view.started_at)));
            let counted = left.unwrap_or_default();
            let track = Track { view: view.clone(), samples: VecDeque::new(), counted, ended: None };
            self.streams.insert(view.id.clone(), track);
        }
        let Some(track) = self.streams.get_mut(&view.id) else { return };
        track.view = view.clone();
        track.ended = None;
        let (Some(report), Some(at)) = (&view.report, view.reported_at) else { return };
        if track.samples.back().is_some_and(|last| last.at >= at) {
            return;
        }
        self.totals.downloaded += report.downloaded.saturating_sub(track.counted.downloaded);
        self.totals.uploaded += report.uploaded.saturating_sub(track.counted.uploaded);
        track.counted = Totals { downloaded: report.downloaded, uploaded: report.uploaded };
        if track.samples.len() == self.samples_max {
            track.samples.pop_front();
        }
        track.samples.push_back(Sample { at, report: report.clone() });
        let (stream, began) = (view.id.clone(), view.started_at);
        recorded.samples.push(SampleFact { stream, began, at, report: report.clone() });
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

/// Another engine, or another session, plays it.
fn is_elsewhere(before: &StreamView, after: &StreamView) -> bool {
    before.engine != after.engine || before.playback_session_id != after.playback_session_id
}

/// A stream that goes on no more, as the picture tells its end; or as far as it is known, if it does not.
fn end_of(last: &Arc<StreamView>, snapshot: &Snapshot) -> Arc<StreamView> {
    let is_it = |view: &&Arc<StreamView>| {
        view.ended.is_some() && view.id == last.id && view.started_at == last.started_at
    };
    let told = snapshot.streams.iter().find(is_it).cloned();
    told.unwrap_or_else(|| {
        let ended = Some((snapshot.at, "acefleet did not find it any more"));
        Arc::new(StreamView { ended, ..StreamView::clone(last) })
    })
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

    fn recorded(history: &mut History, at: u64, streams: Vec<StreamView>) -> Recorded {
        let core = control::Control::new(control::Settings::default(), Time::from_secs(at), 1);
        let streams = streams.into_iter().map(Arc::new).collect();
        history.record(&Snapshot { streams, ..core.snapshot() })
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
    fn the_store_is_told_of_beginnings_moves_and_ends_once_each() {
        let mut history = History::new(10);
        let told = |recorded: Recorded| -> Vec<bool> {
            recorded.streams.iter().map(|view| view.ended.is_some()).collect()
        };
        assert_eq!(told(recorded(&mut history, 5, vec![stream("s", 1, 5, 100)])), [false]);
        assert!(told(recorded(&mut history, 6, vec![stream("s", 1, 6, 100)])).is_empty());
        let moved = StreamView { playback_session_id: "other".into(), ..stream("s", 1, 6, 100) };
        assert_eq!(told(recorded(&mut history, 7, vec![moved])), [false]);
        // It ends, and another one has its name at once.
        let again = vec![ended(stream("s", 1, 6, 100), 8), stream("s", 8, 8, 1)];
        assert_eq!(told(recorded(&mut history, 8, again)), [true, false]);
        // One whose end nobody tells has ended all the same.
        let end = recorded(&mut history, 9, vec![]);
        assert_eq!(end.streams[0].ended, Some((Time::from_secs(9), "acefleet did not find it any more")));
        assert!(told(recorded(&mut history, 10, vec![])).is_empty());
    }

    #[test]
    fn sums_go_on_where_an_earlier_life_has_ended_and_count_nothing_twice() {
        let theirs = Totals { downloaded: 100, uploaded: 50 };
        let beginning = Beginning {
            totals: Totals { downloaded: 1_000, uploaded: 500 },
            open: vec![("s".into(), Time::from_secs(1), theirs)],
        };
        let mut before = History::new(10);
        before.go_on(&beginning);
        recorded(&mut before, 5, vec![stream("s", 1, 5, 130), stream("other", 2, 5, 7)]);
        assert_eq!(before.totals(), Totals { downloaded: 1_037, uploaded: 518 });
        // The same if the store answers late.
        let mut late = History::new(10);
        recorded(&mut late, 5, vec![stream("s", 1, 5, 130), stream("other", 2, 5, 7)]);
        late.go_on(&beginning);
        assert_eq!(late.totals(), before.totals());
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
