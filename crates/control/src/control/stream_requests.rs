//! What people ask for about streams: that one is stopped, or played by another engine.
//!
//! Which engine will do is in `policy::streams`. How a session is opened, what becomes of it, and what else ends a
//! stream is in `streams` and `sessions`.

use super::Control;
use super::requests::refused;
use crate::command::Cause;
use crate::ids::ContainerId;
use crate::journal::{Expect, Subject, Why};
use crate::mark::Mark;
use crate::message::Obstacle;
use crate::policy::streams::{self, Unfit};
use crate::request::Reply;
use crate::stream::{Origin, Stream};
use alloc::collections::BTreeSet;
use alloc::sync::Arc;

/// What viewers of a stream are told that a person stops.
const STOPPED: &str = "stopped by an operator";

impl Control {
    /// A stream is over, whoever watches it. Who comes to watch it later may begin it anew.
    pub(super) fn stop_stream(&mut self, id: &Arc<str>) -> Reply {
        if !self.streams.live.contains_key(id) {
            return self.no_such_stream();
        }
        self.marks.hit(Mark::OperatorStops);
        let subject = Subject::Stream(id.clone());
        let op = self.accept(subject.clone(), "stopping", Expect::Nothing);
        if self.streams.live.get(id).is_some_and(|stream| !stream.viewers.is_empty()) {
            self.dismiss_viewers(id, Obstacle::Stopped, STOPPED, self.now + streams::RETRY_AFTER, Some(op));
        }
        self.end_stream_for(id, STOPPED, Some(op));
        self.request_over(subject, op, Why::Reason("it is stopped"));
        Reply::Accepted(op)
    }

    /// A stream of the proxy is opened elsewhere, and stays where it is until it is played there.
    pub(super) fn move_stream(&mut self, id: &Arc<str>, to: Option<ContainerId>) -> Reply {
        let Some(stream) = self.streams.live.get(id) else { return self.no_such_stream() };
        let engine = match cannot_move(stream).map_or_else(|| self.destination(stream, to), Err) {
            Ok(engine) => engine,
            Err(reply) => return reply,
        };
        self.marks.hit(Mark::OperatorMoves);
        let expect = Expect::NextLook(self.now + self.settings.startup_timeout);
        let op = self.accept(Subject::Stream(id.clone()), "moving", expect);
        if let Some(stream) = self.streams.live.get_mut(id) {
            stream.request = Some(op);
        }
        self.open(id, engine, Cause::Operator);
        Reply::Accepted(op)
    }

    /// The engine that takes a stream over: the one that is named, else the best other one.
    fn destination(&self, stream: &Stream, to: Option<ContainerId>) -> Result<ContainerId, Reply> {
        let present = stream.engine();
        let Some(id) = to else { return self.other_engine(stream).ok_or_else(no_other_engine) };
        let named = self.fleet.engines.get(&id).filter(|engine| engine.is_engine());
        let Some(engine) = named else { return Err(Reply::NotFound) };
        match streams::unfit(engine, present, self.settings.max_streams_per_engine, self.now) {
            None => Ok(id),
            Some(Unfit::PlaysIt) => Err(refused("already_there", "that engine plays it: name another one")),
            Some(Unfit::NotOffered) => {
                Err(refused("not_offered", "that engine is not offered to viewers: name one that is"))
            }
            Some(Unfit::Full) => {
                let why =
                    "that engine is in use and has no free seat: name another one, or wait until it is idle";
                Err(refused("engine_full", why))
            }
        }
    }

    /// The best engine with a free seat but the one that plays it. One that could not open it comes last.
    fn other_engine(&self, stream: &Stream) -> Option<ContainerId> {
        let present: BTreeSet<_> = stream.engine().into_iter().collect();
        let untried = present.union(&stream.tried).copied().collect();
        self.engine_for(&untried, false).or_else(|| self.engine_for(&present, false))
    }

    /// A move that a person asked for has come to nothing, if one was under way.
    pub(super) fn note_not_moved(&mut self, id: &Arc<str>, why: Why) {
        let asked = self.streams.live.get_mut(id).and_then(|stream| stream.request.take());
        if let Some(op) = asked {
            self.marks.hit(Mark::OperatorMoveFails);
            self.request_over(Subject::Stream(id.clone()), op, why);
        }
    }

    /// Announced streams of an earlier life are known once their engines have been looked at.
    fn no_such_stream(&self) -> Reply {
        if self.sight.opening {
            return Reply::Unavailable(
                "acefleet has not looked at its engines yet: try again in a moment".into(),
            );
        }
        Reply::NotFound
    }
}

/// Why a stream cannot be moved, whereto ever.
fn cannot_move(stream: &Stream) -> Option<Reply> {
    let (code, message) = match (stream.origin, &stream.session, stream.is_moving()) {
        (Origin::Announced, _, _) => (
            "not_ours",
            "another program plays it and chooses its engine: have that program open it elsewhere",
        ),
        (Origin::Proxied, None, _) => ("not_played", "no engine plays it yet: try again when one does"),
        (Origin::Proxied, Some(_), true) => {
            ("already_moving", "it is being moved: wait until it is played there")
        }
        (Origin::Proxied, Some(_), false) if stream.viewers.is_empty() => {
            ("not_watched", "nobody watches it any more: it is about to end")
        }
        (Origin::Proxied, Some(_), false) => return None,
    };
    Some(refused(code, message))
}

fn no_other_engine() -> Reply {
    refused("no_other_engine", "no other engine that is offered has a free seat: raise the minimum, or wait")
}
