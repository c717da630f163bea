//! What engines answer about sessions: they open, know and close them.

use super::Host;
use control::command::{Address, Content};
use control::event::{Opened, Outcome, Refusal, Report, SessionReport, Silence};
use control::ids::ContainerId;
use control::time::Stamp;
use std::sync::Arc;

/// A session that an engine plays, until its process ends.
#[derive(Clone)]
pub(crate) struct Session {
    engine: ContainerId,
    process: Option<Stamp>,
    path: Arc<str>,
    downloaded: u64,
}

/// What is a file and no channel.
const FILM: &str = "film";
/// The channel that no engine can play.
const OFFLINE: &str = "offline";
const SILENT: Outcome = Outcome::Unknown(Silence::TimedOut);

impl Host {
    pub(super) fn open(&mut self, at: Address, content: &Content) -> Outcome {
        if !self.probe(at.engine).answered {
            return SILENT;
        }
        if &*content.key == OFFLINE {
            return Outcome::Refused(Refusal::EngineSays("failed to load content".into()));
        }
        let number = self.sessions.len();
        let path: Arc<str> = format!("/ace/{number}").into();
        self.plays(at.engine, &path);
        Outcome::Done(Report::Opened(Box::new(Opened {
            playback_session_id: number.to_string().into(),
            stat_path: path.clone(),
            command_path: path,
            is_live: &*content.key != FILM,
        })))
    }

    /// Some program has opened a session on an engine.
    pub(crate) fn plays(&mut self, engine: ContainerId, path: &str) {
        let process = self.by_id(engine).and_then(|engine| engine.started_at);
        self.sessions.push(Session { engine, process, path: path.into(), downloaded: 0 });
    }

    pub(super) fn ask_session(&mut self, at: Address, path: &str) -> Outcome {
        if !self.probe(at.engine).answered {
            return SILENT;
        }
        let process = self.by_id(at.engine).and_then(|engine| engine.started_at);
        let known = self.sessions.iter_mut().find(|session| {
            session.engine == at.engine && session.process == process && &*session.path == path
        });
        let Some(session) = known else { return Outcome::Done(Report::SessionUnknown) };
        session.downloaded += 1_000;
        Outcome::Done(Report::Session(SessionReport {
            status: "dl".into(),
            peers: 9,
            speed_down: 700,
            speed_up: 0,
            downloaded: session.downloaded,
            uploaded: 0,
        }))
    }

    pub(super) fn close(&mut self, at: Address, path: &str) -> Outcome {
        for session in &mut self.sessions {
            if session.engine == at.engine && &*session.path == path {
                session.process = None;
            }
        }
        Outcome::Done(Report::Carried)
    }
}
