//! Everything the core tells its neighbours inside the program without waiting for an end: answers to
//! requests, and routes for the data plane.
//!
//! A message is carried out in order and cannot fail. What may fail is a command.

use crate::ids::{RequestId, SessionId, ViewerId};
use crate::request::Reply;
use crate::time::Time;
use alloc::string::String;

/// One thing to be told inside the program.
#[derive(Clone, PartialEq, Debug)]
pub enum Message {
    /// The one answer to a request.
    Answer {
        /// The request.
        request: RequestId,
        /// The answer.
        reply: Reply,
    },
    /// From now on a viewer is sent what this session delivers; without one it is kept waiting.
    Route {
        /// The viewer.
        viewer: ViewerId,
        /// The session.
        session: Option<SessionId>,
    },
    /// A viewer cannot be served.
    Refuse {
        /// The viewer.
        viewer: ViewerId,
        /// Which kind of obstacle it is.
        because: Obstacle,
        /// Why, in words.
        why: String,
        /// When it may be worth trying again.
        retry_at: Time,
    },
    /// Nobody is to be sent this session any more: the data plane stops reading it. Until then it may go on reading a
    /// session that nobody is routed to, and send that until the one that is routed to delivers.
    Release(SessionId),
}

/// What kept a viewer from being served.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Obstacle {
    /// No engine can play what he wants: asking again soon will not help.
    CannotBePlayed,
    /// The engines that were to play it did not answer, which says nothing about what he wants.
    NoAnswer,
    /// No engine has a seat for him, and none is coming in time.
    NoSeat,
    /// There are as many viewers as there may be.
    TooManyViewers,
    /// A person stopped the stream.
    Stopped,
}
