//! The hands: each command is carried out by the adapter that it is for, within its time, and ends in an outcome.
//!
//! No adapter is asked twice for one command, and nothing here looks at why it was decided.

use crate::compose::Composer;
use crate::dial::{self, Ways, Whom};
use crate::engine::{Engines, Session};
use crate::gluetun::Gluetun;
use crate::metrics::{CameOut, Meters};
use crate::proxy::{Proxy, Source};
use crate::runtime::{Failure, Runtime, carried};
use control::command::{Address, Question, Target};
use control::event::{Outcome, Refusal, Report, Silence};
use control::ids::{ContainerId, Name, VpnId};
use control::{Action, Command};
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// How often is looked whether a session that the core does not know is still read, and how long ending it may take.
const UNREAD_LOOK_EVERY: Duration = Duration::from_secs(1);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Where AceStream keeps what it has downloaded.
const CACHE: &str = "/home/appuser/.ACEStream/.acestream_cache";

/// What carries commands out.
#[derive(Debug)]
pub struct Hands<R> {
    /// What runs containers.
    pub runtime: Arc<R>,
    /// How containers are reached.
    pub ways: Arc<Ways>,
    /// Whoever asks engines.
    pub engines: Engines,
    /// Whoever asks control servers.
    pub gluetun: Gluetun,
    /// Whoever writes engines down for the runtime.
    pub composer: Composer,
    /// The VPNs' containers, in configuration order.
    pub vpns: Vec<Name>,
    /// What reads sessions.
    pub proxy: Arc<Proxy>,
    /// What is counted.
    pub meters: Arc<Meters>,
}

impl<R: Runtime> Hands<R> {
    /// Carries out a command of the core of this build.
    pub async fn carry_out(&self, build: u64, command: &Command) -> Outcome {
        let began = Instant::now();
        // A command has an end even if an adapter breaks.
        let act = AssertUnwindSafe(timeout(command.timeout, self.act(build, command))).catch_unwind();
        let outcome = match act.await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Outcome::Unknown(Silence::TimedOut),
            Err(_) => Outcome::Unknown(Silence::Disconnected),
        };
        self.count(&command.action, &outcome, began.elapsed());
        outcome
    }

    fn count(&self, action: &Action, outcome: &Outcome, took: Duration) {
        let came_out = match outcome {
            Outcome::Done(_) => CameOut::Done,
            Outcome::Refused(_) => CameOut::Refused,
            Outcome::Unknown(_) => CameOut::Unknown,
        };
        let docker = |verb| self.meters.docker_call(verb, came_out, took);
        let gluetun = |verb| self.meters.gluetun_call(verb, came_out);
        match action {
            Action::Ping => docker("ping"),
            Action::List => docker("list"),
            Action::Inspect(_) => docker("inspect"),
            Action::Create(_) | Action::CreateOther(_) => docker("create"),
            Action::Start(_) => docker("start"),
            Action::Restart { .. } => docker("restart"),
            Action::Stop { .. } => docker("stop"),
            Action::Remove(_) => docker("remove"),
            Action::ClearCache(_) => docker("exec"),
            Action::Ask { question: Question::Tunnel, .. } => gluetun("status"),
            Action::Ask { question: Question::Ports, .. } => gluetun("ports"),
            Action::Ask { question: Question::PublicAddress, .. } => gluetun("public_ip"),
            Action::Tell { .. } => gluetun("order"),
            Action::Probe { .. } => {
                let good = matches!(outcome, Outcome::Done(Report::Probe(probe)) if probe.answered);
                self.meters.probe(if good { CameOut::Done } else { CameOut::Unknown });
            }
            // What becomes of sessions is counted with the streams.
            Action::Open { .. } | Action::AskSession { .. } | Action::Close { .. } => {}
        }
    }

    async fn act(&self, build: u64, command: &Command) -> Outcome {
        let runtime = &self.runtime;
        match &command.action {
            Action::Ping => reported(runtime.ping().await, |()| Report::Pong),
            Action::List => reported(runtime.list().await, Report::Listing),
            Action::Inspect(target) => self.inspect(target).await,
            Action::Create(create) => {
                let spec = self.composer.spec(create, command.op);
                reported(runtime.create(&spec).await, Report::Created)
            }
            Action::CreateOther(create) => {
                let spec = self.composer.other(create, command.op);
                reported(runtime.create(&spec).await, Report::Created)
            }
            Action::Start(id) => carried(runtime.start(*id).await),
            Action::Restart { id, grace } => carried(runtime.restart(*id, *grace).await),
            Action::Stop { id, grace } => carried(runtime.stop(*id, *grace).await),
            Action::Remove(id) => carried(runtime.remove(*id).await),
            Action::ClearCache(id) => self.clear_cache(*id).await,
            Action::Probe { engine, vpn, port } => {
                let whom = self.whom(Address { engine: *engine, vpn: *vpn, port: *port });
                // One question that hangs must not take the answer to the other one with it.
                self.engines.probe(&whom, command.timeout * 9 / 10).await
            }
            Action::Ask { vpn, question } => self.gluetun.ask(self.vpn(*vpn), *question).await,
            Action::Tell { vpn, order } => self.gluetun.tell(self.vpn(*vpn), *order).await,
            Action::Open { session, at, content } => {
                let whom = self.whom(*at);
                match self.engines.open(&whom, content, &command.op.to_string()).await {
                    // Before the core hears of it, because then it routes viewers there.
                    Ok(opened) => {
                        if !self.proxy.opened(build, *session, source(at.engine, whom.clone(), &opened)) {
                            return self.engines.close(&whom, &opened.opened.command_path).await;
                        }
                        Outcome::Done(Report::Opened(Box::new(opened.opened)))
                    }
                    Err(outcome) => outcome,
                }
            }
            Action::AskSession { at, path } => self.engines.session(&self.whom(*at), path).await,
            Action::Close { at, path } => self.engines.close(&self.whom(*at), path).await,
        }
    }

    /// Ends sessions that the present core does not know, each once nobody reads it any more.
    pub async fn close_unknown(&self, sources: Vec<Arc<Source>>) {
        let mut open: Vec<_> = sources
            .into_iter()
            .map(|source| (source.whom.clone(), source.command_path.clone(), Arc::downgrade(&source)))
            .collect();
        while !open.is_empty() {
            let (unread, read) = open.into_iter().partition(|(_, _, readers)| readers.strong_count() == 0);
            open = read;
            let unread: Vec<_> = unread;
            for (whom, path, _) in unread {
                // An engine that does not answer has nothing open for long either.
                drop(timeout(CLOSE_TIMEOUT, self.engines.close(&whom, &path)).await);
            }
            sleep(UNREAD_LOOK_EVERY).await;
        }
    }

    /// What an inspection tells of addresses stays here; the core is told the rest.
    async fn inspect(&self, target: &Target) -> Outcome {
        match self.runtime.inspect(target).await {
            Ok(Some(inspected)) => {
                self.ways.learn(&inspected);
                Outcome::Done(Report::Found(Box::new(inspected.facts)))
            }
            Ok(None) => {
                self.ways.forget_target(target);
                Outcome::Done(Report::Absent)
            }
            Err(failure) => failure.into(),
        }
    }

    /// Measured before it is cleared; an engine that has not played anything has none.
    async fn clear_cache(&self, id: ContainerId) -> Outcome {
        let measured = match self.runtime.run_in(id, &["du", "-sb", CACHE]).await {
            Ok(measured) => measured,
            Err(failure) => return failure.into(),
        };
        let printed = String::from_utf8_lossy(&measured.output);
        let bytes = printed.split_whitespace().next().and_then(|word| word.parse().ok());
        let Some(bytes) = bytes.filter(|_| measured.exit_code == 0) else {
            return Outcome::Done(Report::CacheCleared { bytes: 0 });
        };
        match self.runtime.run_in(id, &["rm", "-rf", CACHE]).await {
            Ok(removed) if removed.exit_code == 0 => Outcome::Done(Report::CacheCleared { bytes }),
            Ok(removed) => {
                let printed = String::from_utf8_lossy(&removed.output);
                let words = format!("rm exits with {}: {}", removed.exit_code, printed.trim().escape_debug());
                Outcome::Refused(Refusal::Unexplained(words.into()))
            }
            Err(failure) => failure.into(),
        }
    }

    /// An engine in a VPN's network is reached at the VPN's container, another one at its own.
    fn whom(&self, at: Address) -> Whom {
        let container = at.vpn.map_or_else(|| dial::by_id(at.engine), |vpn| self.vpn(vpn).clone());
        Whom { container, port: at.port }
    }

    fn vpn(&self, vpn: VpnId) -> &Name {
        &self.vpns[vpn.index()]
    }
}

/// Where a session is read.
fn source(engine: ContainerId, whom: Whom, session: &Session) -> Source {
    Source {
        engine,
        whom,
        path: session.playback_path.clone(),
        infohash: session.infohash.clone(),
        playback_session_id: session.opened.playback_session_id.clone(),
        stat_path: session.opened.stat_path.clone(),
        command_path: session.opened.command_path.clone(),
        is_live: session.opened.is_live,
    }
}

fn reported<T>(result: Result<T, Failure>, report: impl FnOnce(T) -> Report) -> Outcome {
    result.map_or_else(Outcome::from, |value| Outcome::Done(report(value)))
}
