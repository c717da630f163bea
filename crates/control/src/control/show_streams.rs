//! Showing streams and viewers. Changes nothing.

use super::Control;
use crate::ids::ContainerId;
use crate::snapshot::{StreamView, ViewersView};
use crate::stream::{Origin, Stream};
use crate::time::Time;
use alloc::sync::Arc;
use alloc::vec::Vec;

impl Control {
    pub(super) fn stream_views(&self) -> Vec<Arc<StreamView>> {
        let live = self.streams.live.values().map(|stream| self.stream_view(stream, None));
        live.chain(self.streams.ended.iter().cloned()).collect()
    }

    pub(super) fn viewers_view(&self) -> ViewersView {
        let (watching, waiting) = self.streams.count_viewers();
        ViewersView { watching, waiting }
    }

    /// Whether bytes of an engine's streams have come in lately: then it is alive, whatever else it says.
    pub fn still_delivers(&self, engine: ContainerId) -> bool {
        let plays = |stream: &&Stream| stream.engine() == Some(engine);
        self.streams.live.values().filter(plays).any(|stream| stream.still_delivers(self.now))
    }

    /// Whether an engine has viewers of another program, which cannot be moved.
    pub fn has_announced_streams(&self, engine: ContainerId) -> bool {
        let announced =
            |stream: &Stream| stream.origin == Origin::Announced && stream.engine() == Some(engine);
        self.streams.live.values().any(announced)
    }

    pub(super) fn stream_view(
        &self,
        stream: &Stream,
        ended: Option<(Time, &'static str)>,
    ) -> Arc<StreamView> {
        let session = stream.session.as_ref();
        let watching = stream.viewers.values().filter(|route| route.is_some()).count();
        Arc::new(StreamView {
            id: stream.id.clone(),
            origin: stream.origin,
            content: stream.content.clone(),
            engine: session.map(|session| (session.at.engine, session.at.port)),
            playback_session_id: session
                .map_or_else(|| Arc::from(""), |session| session.playback_session_id.clone()),
            stat_path: session.and_then(|session| session.stat_path.clone()),
            command_path: session.and_then(|session| session.command_path.clone()),
            is_live: session.is_some_and(|session| session.is_live),
            started_at: stream.started_at,
            ended,
            report: session.and_then(|session| session.report.clone()),
            reported_at: session.and_then(|session| session.reported_at),
            watching,
            waiting: stream.viewers.len() - watching,
        })
    }
}
