//! S6 and S13: engines whose streams are known stay, and every request is answered once.
//!
//! Streams are known by what other programs have announced and were told in answer, and by what engines said
//! that they had opened; never by what the core believes of them.

use super::Found;
use crate::world::World;
use control::event::{Event, Outcome, Report};
use control::ids::{ContainerId, OpId, RequestId, SessionId};
use control::journal::What;
use control::request::{Reply, Request};
use control::{Action, Cause, Command, Control, Message, Time};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// An engine that is asked to open a session has answered, or not, so long after its time.
const OPEN_SLACK: Duration = Duration::from_secs(2);

/// What was told of streams in one life of acefleet.
#[derive(Default)]
pub(super) struct Streams {
    /// Requests that have not been answered, and whether they end a stream.
    asked: BTreeMap<RequestId, Request>,
    /// Announced streams that are live, by their engine.
    announced: BTreeMap<Arc<str>, ContainerId>,
    /// Which announced stream a question is about.
    asking: BTreeMap<OpId, (ContainerId, Arc<str>)>,
    /// Sessions by the paths that engines are asked under.
    opening: BTreeMap<OpId, (SessionId, ContainerId)>,
    /// Sessions that were opened and not released.
    opened: BTreeMap<SessionId, ContainerId>,
    /// Engines whose viewers have had their time.
    drained: BTreeSet<ContainerId>,
    /// What people asked for about streams and is not over, and when it was accepted.
    followed: BTreeMap<OpId, Time>,
    /// What is over. It is told once.
    over: BTreeSet<OpId>,
    /// Entries of the journal that have been read.
    read: u64,
}

impl Streams {
    pub(super) fn life_ended(&mut self) {
        *self = Self::default();
    }

    pub(super) fn hear(&mut self, event: &Event) -> Found {
        match event {
            Event::Asked { request, what } => {
                self.asked.insert(*request, what.clone());
            }
            Event::Finished { op, outcome } => {
                if let Some((session, engine)) = self.opening.remove(op)
                    && matches!(outcome, Outcome::Done(Report::Opened(_)))
                {
                    self.opened.insert(session, engine);
                }
                if let Some((engine, path)) = self.asking.remove(op)
                    && matches!(outcome, Outcome::Done(Report::SessionUnknown))
                {
                    let number = path.rsplit('/').next().unwrap_or_default();
                    self.announced.retain(|id, on| *on != engine || !id.ends_with(&format!("|{number}")));
                }
            }
            Event::SessionBroke(session) => {
                self.opened.remove(session);
            }
            Event::Woken
            | Event::Rebuilt { .. }
            | Event::Leaving { .. }
            | Event::Docker(_)
            | Event::DockerStreamOpened
            | Event::StoreAnswered(_)
            | Event::PortsPushed { .. }
            | Event::ViewerCame { .. }
            | Event::ViewerLeft(_)
            | Event::SessionSpoke(_)
            | Event::SessionSilent(_) => {}
        }
        None
    }

    /// S13: a request is answered once.
    pub(super) fn message(&mut self, now: Time, message: &Message) -> Found {
        match message {
            Message::Answer { request, reply } => {
                let Some(what) = self.asked.remove(request) else {
                    return Some(("S13", format!("request {} was answered twice", request.0)));
                };
                self.note_answer(now, &what, reply);
            }
            Message::Release(session) => {
                self.opened.remove(session);
            }
            Message::Route { .. } | Message::Refuse { .. } => {}
        }
        None
    }

    fn note_answer(&mut self, now: Time, what: &Request, reply: &Reply) {
        match (what, reply) {
            (Request::StreamStarted(_), Reply::Stream(view)) => {
                match view.engine.filter(|_| view.ended.is_none()) {
                    Some((engine, _)) => self.announced.insert(view.id.clone(), engine),
                    None => self.announced.remove(&view.id),
                };
            }
            (Request::StreamEnded(_), Reply::Ended { updated: true, stream: Some(view) }) => {
                self.announced.remove(&view.id);
            }
            // An operator wants it over, whether or not its engine hears of that: nobody is to spare it any more.
            (Request::StopStream(id), Reply::Accepted(op)) => {
                self.announced.remove(id);
                self.followed.insert(*op, now);
            }
            (Request::MoveStream { .. }, Reply::Accepted(op)) => {
                self.followed.insert(*op, now);
            }
            _ => {}
        }
    }

    /// S13: a request is answered at once.
    pub(super) fn unanswered(&self) -> Found {
        // Engines that are asked for take their time.
        let at_once = |what: &Request| {
            matches!(
                what,
                Request::StreamStarted(_)
                    | Request::StreamEnded(_)
                    | Request::StopStream(_)
                    | Request::MoveStream { .. }
            )
        };
        let (request, _) = self.asked.iter().find(|(_, what)| at_once(what))?;
        Some(("S13", format!("request {} was not answered", request.0)))
    }

    /// S13: what was asked for about a stream is over once, and in time.
    pub(super) fn followed(&mut self, now: Time, control: &Control) -> Found {
        let journal = control.journal();
        for entry in journal.since(self.read) {
            let What::RequestOver(op) = &entry.what else { continue };
            if !self.over.insert(*op) {
                return Some(("S13", format!("request {op} is over twice")));
            }
            self.followed.remove(op);
        }
        self.read = journal.written();
        // As long again until what was opened delivers.
        let patience = 2 * control.settings().startup_timeout + OPEN_SLACK;
        let (op, _) = self.followed.iter().find(|(_, accepted)| now.since(**accepted) > patience)?;
        Some(("S13", format!("request {op} about a stream is not over")))
    }

    /// S6: no engine that plays a stream is taken away, unless it has no tunnel, or a person wants it gone.
    pub(super) fn command(&mut self, command: &Command, world: &World) -> Found {
        match &command.action {
            Action::Open { session, at, .. } => {
                self.opening.insert(command.op, (*session, at.engine));
            }
            Action::AskSession { at, path } => {
                self.asking.insert(command.op, (at.engine, path.clone()));
            }
            // Its viewers have had their time: see `policy::leaving`. Nothing else stops an engine.
            Action::Stop { id, .. } if matches!(command.cause, Cause::Misported | Cause::Leaks) => {
                self.drained.insert(*id);
            }
            Action::Restart { id, .. } | Action::Stop { id, .. } | Action::Remove(id) => {
                return self.taken_away(*id, command.cause, world);
            }
            _ => {}
        }
        None
    }

    fn taken_away(&self, id: ContainerId, cause: Cause, world: &World) -> Found {
        let container = world.container(id)?;
        // What has ended there without anybody having been told is not harmed.
        let plays = |stream: &str| {
            let number = stream.rsplit('|').next().and_then(|number| number.parse().ok());
            number.is_some_and(|number| world.plays(number))
        };
        let announced = self.announced.iter().filter(|(_, engine)| **engine == id);
        let announced = announced.map(|(stream, _)| stream).find(|stream| plays(stream));
        let read = self.opened.iter().find(|(session, engine)| {
            let sent = world.viewings().any(|(_, viewing)| viewing.session == Some(**session));
            **engine == id && sent && world.delivers(**session)
        });
        // Of a tunnel that has just come back, and of an engine that does not answer, nobody could know better.
        let excused = matches!(
            cause,
            Cause::HeldTooLong | Cause::BootFailed | Cause::Unhealthy | Cause::Operator | Cause::Exit
        );
        if !container.connected() || excused || self.drained.contains(&id) {
            return None;
        }
        let name = container.name();
        if let Some(stream) = announced {
            return Some(("S6", format!("{name} goes, and plays {stream} ({cause})")));
        }
        let (session, _) = read?;
        Some(("S6", format!("{name} goes, and viewers are sent its session {} ({cause})", session.0)))
    }
}
