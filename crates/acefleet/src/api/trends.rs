//! `/trends`: the fleet's numbers over the last hours, counted from pictures at an even pace.
//!
//! For people who look at the panel. Whoever wants to know more, or for longer, collects `/metrics`.

use super::Api;
use super::error::Failure;
use super::extract::Params;
use super::wire::time::Moment;
use axum::Json;
use axum::extract::State;
use control::Time;
use control::snapshot::Snapshot;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};
use utoipa::ToSchema;

/// How often is counted.
const EVERY: Duration = Duration::from_secs(20);
/// For how long the numbers are kept.
const KEPT: Duration = Duration::from_secs(6 * 3_600);
/// How many that are.
const KEPT_MAX: usize = (KEPT.as_secs() / EVERY.as_secs()) as usize;

/// The fleet's numbers at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, ToSchema, Debug)]
pub(super) struct FleetNumbers {
    /// When.
    at: Moment,
    /// KiB per second that engines receive, all streams together.
    speed_down: u64,
    /// KiB per second that engines send to peers.
    speed_up: u64,
    /// Peers that they are connected to.
    peers: u64,
    /// Streams that go on.
    streams: usize,
    /// Viewers of the proxy, with those that wait.
    viewers: usize,
    /// Engines that are offered.
    offered: usize,
    /// Of these, how many are free.
    free: usize,
}

/// What was counted, the oldest first. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Trends(Arc<Mutex<VecDeque<FleetNumbers>>>);

impl Trends {
    fn with<T>(&self, look: impl FnOnce(&mut VecDeque<FleetNumbers>) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn add(&self, numbers: FleetNumbers) {
        self.with(|kept| {
            if kept.len() == KEPT_MAX {
                kept.pop_front();
            }
            kept.push_back(numbers);
        });
    }
}

impl FleetNumbers {
    fn of(snapshot: &Snapshot, at: Time) -> Self {
        let live = || snapshot.streams.iter().filter(|view| view.ended.is_none());
        let reports = || live().filter_map(|view| view.report.as_ref());
        let capacity = &snapshot.capacity;
        Self {
            at: Moment(at),
            speed_down: reports().map(|report| report.speed_down).sum(),
            speed_up: reports().map(|report| report.speed_up).sum(),
            peers: reports().map(|report| report.peers).sum(),
            streams: live().count(),
            viewers: snapshot.viewers.watching + snapshot.viewers.waiting,
            offered: capacity.offered,
            free: capacity.offered.saturating_sub(capacity.used),
        }
    }
}

/// Counts for as long as the program runs.
pub(super) async fn count(api: Api) {
    let mut pace = interval(EVERY);
    // After a pause of the whole machine, one number is enough.
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        pace.tick().await;
        let picture = api.picture();
        if picture.snapshot.ready {
            api.trends.add(FleetNumbers::of(&picture.snapshot, api.now()));
        }
    }
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct TrendsQuery {
    /// The last so many minutes; all that are kept unless it is said.
    minutes: Option<u32>,
}

/// The fleet's numbers over the last six hours, every twenty seconds, the oldest first.
#[utoipa::path(get, path = "/trends", tag = "status", params(TrendsQuery),
    responses((status = 200, body = Vec<FleetNumbers>), (status = 422, body = Failure)))]
pub(super) async fn get_trends(
    State(api): State<Api>,
    Params(query): Params<TrendsQuery>,
) -> Json<Vec<FleetNumbers>> {
    let now = api.now();
    let span = query.minutes.map_or(KEPT, |minutes| Duration::from_secs(60 * u64::from(minutes)));
    let wanted = |numbers: &&FleetNumbers| now.since(numbers.at.0) <= span;
    Json(api.trends.with(|kept| kept.iter().filter(wanted).copied().collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_of_the_past_is_bounded_and_the_oldest_goes_first() {
        let trends = Trends::default();
        let numbers = |second| FleetNumbers {
            at: Moment(Time::from_secs(second)),
            speed_down: 0,
            speed_up: 0,
            peers: 0,
            streams: 0,
            viewers: 0,
            offered: 0,
            free: 0,
        };
        (0..KEPT_MAX as u64 + 5).for_each(|second| trends.add(numbers(second)));
        trends.with(|kept| {
            assert_eq!(kept.len(), KEPT_MAX);
            assert_eq!(kept.front(), Some(&numbers(5)));
        });
    }
}
