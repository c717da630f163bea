//! Sessions on engines: what became of those that were to be opened, and how the others are.
//!
//! Whether a stream moves or ends because of it is decided in `streams`.

use super::Control;
use crate::agenda::Wake;
use crate::command::{Action, Cause};
use crate::event::{Opened, Outcome, RememberedStream, Report};
use crate::ids::{OpId, SessionId};
use crate::journal::{Expect, Subject, What, Why};
use crate::mark::Mark;
use crate::message::Message;
use crate::operation::Task;
use crate::policy::{offering, streams};
use crate::stream::{Session, Stream};
use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;

impl Control {
    pub(super) fn hear_opened(&mut self, session: SessionId, outcome: Outcome) {
        let at = self.streams.openings.remove(&session);
        self.dirty = true;
        if self.streams.of_opening(session).is_none() {
            if let (Some(at), Outcome::Done(Report::Opened(opened))) = (at, outcome) {
                self.marks.hit(Mark::OpenUnwanted);
                self.close(at, opened.command_path, Cause::NobodyWatches);
                self.messages.push_back(Message::Release(session));
            }
            return;
        }
        match outcome {
            Outcome::Done(Report::Opened(opened)) => self.play(session, *opened),
            Outcome::Refused(refusal) => self.note_failed_opening(session, Some(refusal.to_string().into())),
            Outcome::Done(_) | Outcome::Unknown(_) => self.note_failed_opening(session, None),
        }
    }

    /// Everybody is routed to the new session. The one before goes when the new one delivers.
    fn play(&mut self, session: SessionId, opened: Opened) {
        let now = self.now;
        let Some(stream) = self.streams.of_opening(session) else { return };
        let Some(opening) = stream.opening.take() else { return };
        let engine = opening.at.engine;
        let before = stream.session.replace(Session::opened(opening, opened, now));
        stream.told_waiting = false;
        if stream.session.as_ref().is_some_and(|session| session.spoke) {
            stream.played = true;
            stream.waiting_since = None;
        }
        let mut superfluous = None;
        if let Some(mut before) = before {
            // What it was asked counts for the present session alone.
            before.asking = None;
            superfluous = if before.spoke { stream.before.replace(before) } else { Some(before) };
        }
        let id = stream.id.clone();
        self.route(&id, Some(session));
        self.reseat(&id);
        if let Some(superfluous) = superfluous {
            self.let_go(&superfluous, Cause::StreamMoves);
        }
        self.wake_to_decide(now + self.settings.startup_timeout);
        if let Some(name) = self.fleet.engines.get(&engine).map(|engine| engine.name.clone()) {
            let asked = self.streams.live.get(&id).and_then(|stream| stream.request);
            let why = asked.map(Why::Request).into_iter().collect();
            self.write(Subject::Stream(id.clone()), What::StreamPlays(name), why, Expect::Nothing);
        }
        self.ask_sessions_soon();
    }

    /// An engine did not open a session: it said why, or nothing at all. Only its own words are about the content.
    fn note_failed_opening(&mut self, session: SessionId, said: Option<Arc<str>>) {
        let Some(stream) = self.streams.of_opening(session) else { return };
        let Some(opening) = stream.opening.take() else { return };
        stream.tried.insert(opening.at.engine);
        if said.is_some() {
            stream.said.clone_from(&said);
        }
        let (id, asked) = (stream.id.clone(), stream.request);
        self.marks.hit(Mark::OpenAnotherEngine);
        self.reseat(&id);
        if let Some(name) = self.fleet.engines.get(&opening.at.engine).map(|engine| engine.name.clone()) {
            let why = said.map_or(Why::Reason("it did not answer"), Why::Quoted);
            let why = [why].into_iter().chain(asked.map(Why::Request)).collect();
            self.write(Subject::Stream(id.clone()), What::OpenFailed(name), why, Expect::Nothing);
        }
        self.note_not_moved(&id, Why::Reason("the engine could not open it"));
    }

    /// Asks how every session is, and excuses the silence of engines that are not well.
    pub(super) fn ask_sessions(&mut self) {
        let now = self.now;
        let mut asks = Vec::new();
        for stream in self.streams.live.values_mut() {
            let Some(session) = &mut stream.session else { continue };
            let Some(engine) = self.fleet.engines.get(&session.at.engine) else { continue };
            if !streams::is_healthy(engine) && session.stat_path.is_some() {
                session.heard_at = now;
            }
            self.dirty |= streams::is_stale(session, engine, now);
            let reachable = offering::can_be_probed(engine, self.fleet.vpn_of(engine));
            let known = reachable && !streams::is_other_process(session, engine) && !session.broken;
            if let Some(path) = session.stat_path.clone().filter(|_| known && session.asking.is_none()) {
                asks.push((stream.id.clone(), session.at, path));
            }
        }
        for (id, at, path) in asks {
            let task = Task::AskSession(id.clone());
            let op = self.send(Cause::Routine, Action::AskSession { at, path }, task);
            let session = self.streams.live.get_mut(&id).and_then(|stream| stream.session.as_mut());
            if let Some(session) = session {
                session.asking = Some(op);
            }
        }
        if self.streams.live.values().any(|stream| stream.session.is_some()) {
            self.agenda.set(Wake::AskSessions, now + self.settings.collect_interval);
        }
    }

    /// What an engine says of a session, if it is still the one that was asked after.
    pub(super) fn hear_session(&mut self, id: &Arc<str>, op: OpId, outcome: Outcome) {
        let now = self.now;
        let stream = self.streams.live.get_mut(id);
        let Some(session) = stream.and_then(|stream| stream.session.as_mut()) else { return };
        if session.asking != Some(op) {
            return self.marks.hit(Mark::StaleEpoch);
        }
        session.asking = None;
        match outcome {
            Outcome::Done(Report::Session(report)) => {
                session.observe(report, now);
                // An equal report is a sample like any other.
                self.revision += 1;
            }
            Outcome::Done(Report::SessionUnknown) => {
                session.broken = true;
                self.dirty = true;
            }
            // What has never delivered is not waited for if its engine does not answer for it either.
            Outcome::Refused(_) | Outcome::Unknown(_) if !session.spoke => {
                self.give_up_session(id, "its engine does not answer for it");
                self.dirty = true;
            }
            // Silence counts for itself.
            Outcome::Done(_) | Outcome::Refused(_) | Outcome::Unknown(_) => {}
        }
    }

    /// The announced streams that are live: what the store has to keep.
    pub fn announced(&self) -> Vec<RememberedStream> {
        self.streams.live.values().filter_map(Stream::remembered).collect()
    }
}
