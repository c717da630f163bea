//! What changes all the time, told to who listens: it is looked at each second, and told if it is different then.

use super::{Api, Problem, events};
use axum::response::Response;
use axum::response::sse::Event;
use futures_util::stream;
use serde::Serialize;
use std::convert::Infallible;
use std::time::Duration;
use tokio::time::MissedTickBehavior;

/// How often a listener is told.
const TELLS_EVERY: Duration = Duration::from_secs(1);

/// Tells what is seen: at once, and then each second in which it has changed, as an event of this name.
pub(crate) fn told<T: Serialize>(
    api: &Api,
    name: &'static str,
    look: impl Fn() -> T + Send + 'static,
) -> Result<Response, Problem> {
    let place = api.changes.place()?;
    let mut seconds = tokio::time::interval(TELLS_EVERY);
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let listener = (look, seconds, String::new(), place);
    let changes = stream::unfold(listener, move |(look, mut seconds, last, place)| async move {
        let text = loop {
            seconds.tick().await;
            let text = serde_json::to_string(&look()).unwrap_or_default();
            if text != last {
                break text;
            }
        };
        let event = Event::default().event(name).data(&text);
        Some((Ok::<_, Infallible>(event), (look, seconds, text, place)))
    });
    Ok(events::told(changes, api.changes.over().clone()))
}
