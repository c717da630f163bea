//! Incidents, played step by step: what happens, what the fleet should do about it and why, and whether it did.
//!
//! A story does things to the stand-ins and waits for what must follow. Why the fleet does what it does is told by the
//! journal, between the lines of the story. It judges nothing: that is done when it is over.

use super::reach::Watch;
use super::stage::{NotDone, Stage, offered, verdict_of};
use super::verdict::Verdict;
use super::viewers::{Crowd, PLAYS_WITHIN, View};
use super::voice::{self, Voice};
use super::welcome;
use super::wire::{Deed, VpnFault};
use crate::cli::demo::StoryName;
use crate::driver::gate::Picture;
use control::journal::{Entry, What};
use control::vpn::Verdict as OfVpn;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long viewers may take to have a picture at first.
const PICTURE_WITHIN: Duration = Duration::from_secs(15);
/// Between two looks at what viewers see.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How long it is watched when all has been seen, for what might come late.
const AFTERWARDS: Duration = Duration::from_secs(4);
/// What follows at once.
const AT_ONCE: Duration = Duration::from_secs(2);
/// What takes a few looks.
const SOON: Duration = Duration::from_secs(20);
/// What takes a recovery, and then some.
const LATER: Duration = Duration::from_secs(60);
/// For how long Docker is frozen.
const FREEZE: Duration = Duration::from_secs(20);
/// Between two questions to the API while Docker is frozen.
const ASK_EVERY: Duration = Duration::from_millis(250);
/// How long a VPN stays down before somebody starts it again.
const DOWN_FOR: Duration = Duration::from_secs(8);
/// The ports that a VPN moves through, one after the other.
const FLAPS: [u16; 5] = [50_101, 50_102, 50_103, 50_104, 50_105];
/// Between two of them: longer than a port takes to be read and acted on.
const FLAP_EVERY: Duration = Duration::from_secs(5);

/// A step did not go as it should; that has been said.
struct Stuck;

type Step = Result<(), Stuck>;

/// A story and what it is played with.
pub(super) struct Story {
    stage: Arc<Stage>,
    voice: Voice,
    program: SocketAddr,
    reach: Watch,
    /// When the present scene began.
    began: Mutex<Instant>,
}

impl Story {
    pub(super) fn new(stage: Arc<Stage>, voice: Voice, program: SocketAddr, reach: Watch) -> Self {
        Self { stage, voice, program, reach, began: Mutex::new(Instant::now()) }
    }

    /// Plays it, and tells whether all went as it should.
    pub(super) async fn play(&self, name: StoryName) -> bool {
        let played = match self.prologue().await {
            Ok(()) => match name {
                StoryName::VpnExit => self.vpn_exit().await,
                StoryName::PortChange => self.port_change().await,
                StoryName::PortFlapping => self.port_flapping().await,
                StoryName::VpnRecreate => self.vpn_recreate().await,
                StoryName::DockerFreeze => self.docker_freeze().await,
            },
            Err(stuck) => Err(stuck),
        };
        sleep(AFTERWARDS).await;
        played.is_ok()
    }

    /// What was noticed.
    pub(super) fn verdict(&self) -> Verdict {
        Verdict { viewers: self.views(), unreachable: self.reach.worst() }
    }

    /// Before anything goes wrong, everybody has a picture.
    async fn prologue(&self) -> Step {
        let viewers = self.stage.plan().viewers.len();
        if viewers == 0 {
            return Ok(());
        }
        self.scene(&format!(
            "{viewers} viewers open {} channels through the program.",
            self.stage.plan().channels()
        ))
        .await;
        self.stage.let_in(Crowd::come(&self.stage.plan().viewers, self.program));
        let began = Instant::now();
        while began.elapsed() < PICTURE_WITHIN {
            if self.playing() == viewers {
                let waited = self.views().iter().filter_map(|view| view.waited).max().unwrap_or_default();
                self.seen("all of them have a picture", waited);
                if let Some(crowd) = self.stage.crowd() {
                    crowd.count_anew();
                }
                return Ok(());
            }
            sleep(LOOK_EVERY).await;
        }
        self.missed(&format!("{} of {viewers} have a picture", self.playing()), PICTURE_WITHIN);
        Err(Stuck)
    }

    async fn vpn_exit(&self) -> Step {
        let (vpn, engines) = (self.busiest(), self.stage.plan().engines);
        let before = offered(&self.picture());
        self.scene(&format!(
            "Somebody stops {vpn}, as with `docker stop`, while {} viewers watch through it. Its engines run on, but \
             their network is gone: whoever was sent to one of them would wait in vain.",
            watching_on(&self.picture(), &vpn)
        ))
        .await;
        self.done(self.stage.fail_vpn(&vpn, VpnFault::Container).await)?;
        self.expect("its engines are not listed any more", AT_ONCE, |picture| {
            offered_on(picture, &vpn) == 0 && offered(picture) < before
        })
        .await?;
        self.expect("the others carry on alone (emergency)", AT_ONCE, |picture| {
            picture.snapshot.emergency.entered_at.is_some()
        })
        .await?;
        self.everybody_plays().await?;
        self.pause(
            DOWN_FOR,
            "Nothing is created on the failed VPN, and the others are not crowded for an outage of seconds.",
        )
        .await;
        self.scene(&format!(
            "{vpn} is started again. A started container is no working VPN yet: it has to connect first."
        ))
        .await;
        self.done(self.stage.recover_vpn(&vpn).await)?;
        self.expect("it is healthy, and the emergency is over", SOON, |picture| {
            verdict_of(picture, &vpn) == Some(OfVpn::Healthy)
                && picture.snapshot.emergency.entered_at.is_none()
        })
        .await?;
        self.expect("the fleet is complete again, and even", LATER, |picture| {
            offered(picture) >= engines && is_even(picture)
        })
        .await?;
        self.everybody_plays().await
    }

    async fn port_change(&self) -> Step {
        let vpn = self.busiest();
        self.settled(&vpn).await?;
        let old = carrier(&self.picture(), &vpn);
        let port = FLAPS[0];
        self.scene(&format!(
            "{vpn} gets another forwarded port from its provider: {port}. The engine that carries the old one{} is \
             cut off from incoming peers, and plays on meanwhile.",
            old.as_ref().map(|name| format!(", {name},")).unwrap_or_default()
        ))
        .await;
        self.done(self.stage.set_port(&vpn, port))?;
        self.expect("the new port is known", SOON, |picture| port_of(picture, &vpn) == Some(port)).await?;
        self.expect("a new engine carries it", SOON, |picture| {
            carrier(picture, &vpn).is_some_and(|now| Some(&now) != old.as_ref())
        })
        .await?;
        self.expect("the old one is gone, and the fleet is complete", LATER, |picture| {
            let remains = |name: &String| {
                picture.snapshot.engines.iter().any(|engine| engine.container_name.as_str() == name)
            };
            !old.as_ref().is_some_and(remains) && offered(picture) >= self.stage.plan().engines
        })
        .await?;
        self.everybody_plays().await
    }

    async fn port_flapping(&self) -> Step {
        let vpn = self.busiest();
        self.settled(&vpn).await?;
        let before = ids(&self.picture());
        self.scene(&format!(
            "{vpn} gets another forwarded port every {} s, {} times. Following each of them would replace engine after \
             engine, and help nobody.",
            FLAP_EVERY.as_secs(),
            FLAPS.len()
        ))
        .await;
        let mark = self.mark();
        for port in FLAPS {
            self.done(self.stage.set_port(&vpn, port))?;
            sleep(FLAP_EVERY).await;
        }
        self.expect("it is said that the port flaps", SOON, |picture| {
            picture.snapshot.vpns.iter().any(|view| view.container_name.as_str() == vpn && view.port_flaps)
        })
        .await?;
        let made = self.count_since(mark, |entry| matches!(entry.what, What::Create { .. }));
        let gone = before.difference(&ids(&self.picture())).count();
        self.tell(format!(
            "  for {} changes {made} engine(s) were made; {gone} of those before them went",
            FLAPS.len()
        ));
        self.expect("the fleet is complete", LATER, |picture| offered(picture) >= self.stage.plan().engines)
            .await?;
        self.everybody_plays().await
    }

    async fn vpn_recreate(&self) -> Step {
        let vpn = self.busiest();
        let engines = self.stage.plan().engines;
        let before = ids_on(&self.picture(), &vpn);
        self.scene(&format!(
            "{vpn} is removed and made anew, as `docker compose up` does after an update. Its name is the same, its id \
             is not: Docker holds its engines to the old one, and none of them will ever reach anything again."
        ))
        .await;
        self.done(self.stage.recreate_vpn(&vpn).await)?;
        self.expect("none of its old engines is listed", AT_ONCE, |picture| {
            ids_on(picture, &vpn).is_disjoint(&before) || offered_on(picture, &vpn) == 0
        })
        .await?;
        self.everybody_plays().await?;
        self.expect("it is healthy again", SOON, |picture| verdict_of(picture, &vpn) == Some(OfVpn::Healthy))
            .await?;
        self.expect("new engines are in its new network, and the fleet is complete", LATER, |picture| {
            ids_on(picture, &vpn).is_disjoint(&before) && offered(picture) >= engines && is_even(picture)
        })
        .await?;
        self.everybody_plays().await
    }

    async fn docker_freeze(&self) -> Step {
        let before = ids(&self.picture());
        self.scene(&format!(
            "Docker answers nobody for {} s. Containers run on, and so do streams; only nothing can be looked at or \
             changed.",
            FREEZE.as_secs()
        ))
        .await;
        self.stage.freeze_docker(FREEZE);
        let frozen = Instant::now();
        let mut slowest = Duration::ZERO;
        let mut told = false;
        while frozen.elapsed() < FREEZE {
            let asked = Instant::now();
            if let Err(why) = welcome::answers(self.program).await {
                self.missed(&format!("the API answers ({why})"), asked.elapsed());
                return Err(Stuck);
            }
            slowest = slowest.max(asked.elapsed());
            if !told && !self.picture().snapshot.docker_reachable {
                told = true;
                self.seen("acefleet says that Docker does not answer, and touches nothing", frozen.elapsed());
            }
            sleep(ASK_EVERY).await;
        }
        if !told {
            self.missed("acefleet says that Docker does not answer", FREEZE);
            return Err(Stuck);
        }
        self.tell(format!(
            "  the API answered all the while, at the slowest within {} ms",
            slowest.as_millis()
        ));
        self.expect("Docker answers, and every engine is there as before", SOON, |picture| {
            picture.snapshot.docker_reachable && ids(picture) == before && offered(picture) >= before.len()
        })
        .await?;
        self.everybody_plays().await
    }

    /// A VPN that has just come up is given time.
    async fn settled(&self, vpn: &str) -> Step {
        self.scene(&format!(
            "{vpn} has only just come up. Nothing follows from a change of its port for its first seconds, because \
             ports often change then."
        ))
        .await;
        self.expect("these seconds are over, and an engine carries its port", LATER, |picture| {
            let of_vpn = picture.snapshot.vpns.iter().find(|view| view.container_name.as_str() == vpn);
            of_vpn.is_some_and(|view| view.stabilizes_until.is_none_or(|until| until <= picture.snapshot.at))
                && carrier(picture, vpn).is_some()
        })
        .await
    }

    /// Begins a scene, once the journal has been told of the one before.
    async fn scene(&self, words: &str) {
        sleep(voice::TOGETHER * 3).await;
        self.voice.say(&format!("\n> {words}\n"));
        *self.began.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// How long the present scene has been going on.
    fn scene_lasts(&self) -> Duration {
        self.began.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    async fn pause(&self, time: Duration, words: &str) {
        sleep(voice::TOGETHER * 3).await;
        self.voice.say(&format!("\n  {words}\n"));
        sleep(time).await;
    }

    fn done(&self, deed: Result<Deed, NotDone>) -> Step {
        deed.map(drop).map_err(|not| {
            let (NotDone::Unknown(why) | NotDone::Impossible(why)) = not;
            self.tell(format!("- it cannot be done: {why}"));
            Stuck
        })
    }

    /// Waits for what has to follow.
    async fn expect(&self, what: &str, within: Duration, shows: impl FnMut(&Picture) -> bool) -> Step {
        match self.stage.until(within, shows).await {
            Some(_) => {
                self.seen(what, self.scene_lasts());
                Ok(())
            }
            None => {
                self.missed(what, within);
                Err(Stuck)
            }
        }
    }

    /// Waits until what was read ahead has been shown, and every viewer has a picture that came since.
    async fn everybody_plays(&self) -> Step {
        let viewers = self.stage.plan().viewers.len();
        if viewers == 0 {
            return Ok(());
        }
        sleep(PLAYS_WITHIN).await;
        let began = Instant::now();
        while self.playing() < viewers {
            if began.elapsed() > SOON {
                self.missed(&format!("{} of {viewers} viewers have a picture", self.playing()), SOON);
                return Err(Stuck);
            }
            sleep(LOOK_EVERY).await;
        }
        let views = self.views();
        let longest = views.iter().map(|view| view.noticed.longest_silence).max().unwrap_or_default();
        let longest = longest.as_secs_f64();
        self.voice
            .tell(&format!("+ every viewer has a picture; the longest silence so far was {longest:.2} s"));
        Ok(())
    }

    fn seen(&self, what: &str, took: Duration) {
        self.tell(format!("+ {what} (after {:.2} s)", took.as_secs_f64()));
    }

    /// Tells what has been seen just now, after the journal has told how it came to that.
    fn tell(&self, line: String) {
        let (voice, at) = (self.voice, self.voice.began().elapsed());
        tokio::spawn(async move {
            sleep(voice::TOGETHER * 2).await;
            voice.tell_of(at, &line);
        });
    }

    fn missed(&self, what: &str, within: Duration) {
        self.tell(format!("- in vain for {:.0} s: {what}", within.as_secs_f64()));
    }

    fn views(&self) -> Vec<View> {
        self.stage.views()
    }

    fn playing(&self) -> usize {
        self.views().iter().filter(|view| view.plays()).count()
    }

    fn picture(&self) -> Arc<Picture> {
        self.stage.gate().picture()
    }

    /// The VPN through which most viewers watch: what befalls it is noticed first.
    fn busiest(&self) -> String {
        let (picture, vpns) = (self.picture(), &self.stage.plan().vpns);
        // Of equals the first.
        let busiest = vpns.iter().rev().max_by_key(|vpn| watching_on(&picture, vpn.as_str()));
        busiest.unwrap_or(&vpns[0]).to_string()
    }

    /// The journal's end now.
    fn mark(&self) -> u64 {
        self.picture().journal.last().map_or(0, |entry| entry.id)
    }

    fn count_since(&self, mark: u64, counts: impl Fn(&Entry) -> bool) -> usize {
        let journal = self.picture().journal.clone();
        voice::after(&journal, mark).iter().filter(|entry| counts(&entry.entry)).count()
    }
}

/// Engines that are offered on a VPN.
fn offered_on(picture: &Picture, vpn: &str) -> usize {
    picture
        .snapshot
        .vpns
        .iter()
        .find(|view| view.container_name.as_str() == vpn)
        .map_or(0, |view| view.offered)
}

/// Viewers that are sent a stream by an engine on a VPN.
fn watching_on(picture: &Picture, vpn: &str) -> usize {
    let there = ids_on(picture, vpn);
    let streams = picture.snapshot.streams.iter().filter(|stream| stream.ended.is_none());
    let on_it = streams.filter(|stream| stream.engine.is_some_and(|(id, _)| there.contains(&id.to_string())));
    on_it.map(|stream| stream.watching).sum()
}

/// Whether no VPN offers two more engines than another.
fn is_even(picture: &Picture) -> bool {
    let offered = || picture.snapshot.vpns.iter().map(|view| view.offered);
    offered().max().unwrap_or_default() <= offered().min().unwrap_or_default() + 1
}

/// The port that a VPN is known to forward.
fn port_of(picture: &Picture, vpn: &str) -> Option<u16> {
    picture.snapshot.vpns.iter().find(|view| view.container_name.as_str() == vpn)?.forwarded_port
}

/// The engine that is offered with a VPN's forwarded port.
fn carrier(picture: &Picture, vpn: &str) -> Option<String> {
    let mut engines = picture.snapshot.engines.iter();
    let found = engines.find(|engine| engine.forwarded && engine.host.as_str() == vpn)?;
    Some(found.container_name.to_string())
}

fn ids(picture: &Picture) -> BTreeSet<String> {
    picture.snapshot.engines.iter().map(|engine| engine.container_id.to_string()).collect()
}

fn ids_on(picture: &Picture, vpn: &str) -> BTreeSet<String> {
    let engines = picture.snapshot.engines.iter().filter(|engine| engine.host.as_str() == vpn);
    engines.map(|engine| engine.container_id.to_string()).collect()
}
