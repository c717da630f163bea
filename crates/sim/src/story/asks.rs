//! What outside programs and people ask for in a story, and how they are answered.

use super::Story;
use control::Time;
use control::ids::RequestId;
use control::request::{Reply, Request};

impl Story {
    /// Somebody asks for something.
    pub fn somebody_asks(&mut self, what: Request) -> RequestId {
        self.run.ask(what)
    }

    /// How a request was answered, and when.
    pub fn answer_to(&self, request: RequestId) -> Option<(Time, Reply)> {
        self.run.answer(request).map(|(at, reply)| (at, reply.clone()))
    }
}
