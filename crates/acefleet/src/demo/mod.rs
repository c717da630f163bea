//! `acefleet demo`: the program as it ships, on stand-ins inside the same process, to be looked at and broken on
//! purpose.
//!
//! It needs neither Docker nor a VPN nor a network, and leaves nothing behind: what it stands on is in `ground`, the
//! stand-ins in `dock`, what is done to them in `stage` and, as routes, in `faults`. Whoever watches is in `viewers`.
//! It decides nothing about the fleet: the core does, as ever.

mod cost;
mod dock;
mod faults;
mod files;
mod ground;
mod plan;
mod ports;
mod reach;
mod stage;
mod story;
mod verdict;
mod viewers;
mod voice;
mod welcome;
mod wire;

use crate::api::More;
use crate::cli::UNUSABLE;
use crate::cli::demo::DemoArgs;
use crate::compose::spec_hash;
use crate::dial::{DockerDns, Place, Ways};
use crate::embedded::Embedded;
use crate::log;
use crate::serve::{self, Signals, Start};
use crate::settings::Settings;
use cost::Meter;
use ground::Ground;
use plan::Plan;
use reach::Watch;
use stage::{Stage, offered};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use story::Story;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use verdict::Verdict;
use viewers::Crowd;
use voice::Voice;

/// How long the fleet may take until every engine is offered. Hundreds of them take seconds.
const COMPLETE_WITHIN: Duration = Duration::from_secs(90);
/// How often it is said how things are.
const STATUS_EVERY: Duration = Duration::from_secs(30);
/// How long the stand-ins may take to end.
const GOODBYE_MAX: Duration = Duration::from_secs(5);
/// The exit code of a program that was interrupted, as shells have it.
const INTERRUPTED: u8 = 130;

/// The routes that the demo has beside those of the program.
pub fn more_routes() -> More {
    faults::described()
}

/// Why there is no demo.
enum NoDemo {
    /// What was asked for cannot be.
    Unusable(String),
    /// The machine does not let it.
    Refused(String),
}

/// Runs the demo until it is told to stop, or its story is over.
pub async fn demo(arguments: &DemoArgs) -> ExitCode {
    let voice = Voice::new();
    let listening = Signals::listen().and_then(|signals| Ok((signals, signal(SignalKind::hangup())?)));
    let ended = match listening {
        Ok((signals, hangup)) => run(arguments, voice, signals, hangup).await,
        Err(error) => Err(NoDemo::Refused(format!("the system refuses to pass signals on: {error}"))),
    };
    match ended {
        Ok(code) => code,
        Err(NoDemo::Unusable(why)) => {
            eprintln!("acefleet demo: {why}");
            ExitCode::from(UNUSABLE)
        }
        Err(NoDemo::Refused(why)) => {
            eprintln!("acefleet demo: {why}");
            ExitCode::FAILURE
        }
    }
}

/// `hangup` comes when the terminal is closed.
async fn run(
    arguments: &DemoArgs,
    voice: Voice,
    mut signals: Signals,
    mut hangup: Signal,
) -> Result<ExitCode, NoDemo> {
    let meter = Meter::start();
    let plan = Plan::new(arguments, arguments.seed.unwrap_or_else(serve::seed)).map_err(NoDemo::Unusable)?;
    let ground = Ground::take(arguments, &plan).await.map_err(NoDemo::Refused)?;
    let settings = settings(&plan, &ground)?;
    log::begin(&settings.log);
    settings.warnings.iter().for_each(|warning| voice.say(&format!("note: {warning}")));
    voice.say(&welcome::hello(&plan, ground.address));

    let control = ground.ports.ports.control;
    let started = tokio::select! {
        started = dock::start_vpns(&ground.dock, &plan, control, reached_at(ground.address)) => started,
        () = signals.next() => return Ok(ExitCode::from(INTERRUPTED)),
    };
    started.map_err(|refusal| NoDemo::Refused(format!("the stand-ins cannot be started: {refusal}")))?;

    let Ground { listener, address, dock, ports, folder } = ground;
    let has_key = settings.api.key.is_some();
    let start = Start {
        runtime: Arc::new(Embedded::new(dock.api(settings.engine.label.clone()))),
        ways: Arc::new(Ways::new(Place::Host, DockerDns::nowhere())),
        settings,
        listener,
        seed: plan.seed,
    };
    let performance = Performance::new(voice, reached_at(address), has_key);
    let mut tasks = JoinSet::new();
    let more = |gate: &_| {
        let stage = Arc::new(Stage::new(dock.clone(), plan, Clone::clone(gate), meter));
        let routes = faults::routes(&stage);
        performance.begin(stage, &mut tasks);
        routes
    };
    let mut asked = 0;
    let asked_to_end = async || {
        tokio::select! {
            () = signals.next() => {}
            _ = hangup.recv() => {}
            // A story ends by itself, and that only once.
            () = performance.over.notified() => {}
        }
        asked += 1;
        if asked == 1 {
            performance.curtain();
        }
    };
    let ended = serve::run(start, more, asked_to_end).await;
    tasks.shutdown().await;
    drop(timeout(GOODBYE_MAX, dock.close()).await);
    drop((ports, folder));
    ended.map_err(|problem| NoDemo::Refused(problem.to_string()))?;
    Ok(performance.exit_code(arguments.story.is_some()))
}

/// The settings that hold, or what is wrong with those of the environment.
fn settings(plan: &Plan, ground: &Ground) -> Result<Settings, NoDemo> {
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    let environment: BTreeMap<_, _> =
        std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect();
    let settings = plan.settings(&environment, &ground.ports.ports, ground.folder.path());
    let mut settings = settings.map_err(|problems| {
        let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
        NoDemo::Unusable(format!(
            "the environment has settings that make no sense:\n  {}",
            problems.join("\n  ")
        ))
    })?;
    settings.core.spec = spec_hash(&settings.engine, true);
    Ok(settings)
}

/// Where the program is reached from this machine.
fn reached_at(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => ([127, 0, 0, 1], address.port()).into(),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => ([0, 0, 0, 0, 0, 0, 0, 1], address.port()).into(),
        SocketAddr::V4(_) | SocketAddr::V6(_) => address,
    }
}

/// What is played before the audience at the terminal.
struct Performance {
    voice: Voice,
    program: SocketAddr,
    /// Whoever breaks something has to show a key.
    has_key: bool,
    reach: Watch,
    stage: OnceLock<Arc<Stage>>,
    /// Whether the story went as it should, once it is over.
    went_well: Arc<OnceLock<bool>>,
    /// It is over by itself.
    over: Arc<Notify>,
}

impl Performance {
    fn new(voice: Voice, program: SocketAddr, has_key: bool) -> Self {
        Self {
            voice,
            program,
            has_key,
            reach: Watch::default(),
            stage: OnceLock::new(),
            went_well: Arc::default(),
            over: Arc::default(),
        }
    }

    fn begin(&self, stage: Arc<Stage>, tasks: &mut JoinSet<()>) {
        drop(self.stage.set(stage.clone()));
        tasks.spawn(voice::tell_journal(stage.gate().clone(), self.voice));
        let (voice, program, has_key) = (self.voice, self.program, self.has_key);
        let reach = self.reach.clone();
        let (went_well, over) = (self.went_well.clone(), self.over.clone());
        tasks.spawn(async move {
            let complete = open_doors(&stage, voice, program, has_key).await;
            let watching = tokio::spawn(reach.clone().watch(stage.clone()));
            let Some(name) = stage.plan().story else { return keep_telling(&stage, voice).await };
            let story = Story::new(stage.clone(), voice, program, reach);
            let played = complete && story.play(name).await;
            watching.abort();
            let verdict = story.verdict();
            let well = welcome::judge(voice, &verdict, played);
            let _said_once = went_well.set(well);
            over.notify_one();
        });
    }

    /// The viewers leave before the program ends, so that its end is nothing that they notice.
    fn curtain(&self) {
        let Some(stage) = self.stage.get() else { return };
        let viewers = stage.crowd().map(Crowd::leave).unwrap_or_default();
        if self.went_well.get().is_none() {
            let verdict = Verdict { viewers, unreachable: self.reach.worst() };
            self.voice.say(&format!("\nWhat viewers noticed:\n{}", verdict.told().trim_end()));
        }
        if let Some(cost) = stage.meter().read() {
            self.voice.say(&format!("All of it, viewers and stand-ins included, took {cost}."));
        }
    }

    fn exit_code(&self, has_story: bool) -> ExitCode {
        match (has_story, self.went_well.get()) {
            (false, _) | (true, Some(true)) => ExitCode::SUCCESS,
            (true, Some(false)) => ExitCode::FAILURE,
            (true, None) => ExitCode::from(INTERRUPTED),
        }
    }
}

/// Waits until the fleet is complete, says how long that took and what can be done with it, and lets viewers in.
async fn open_doors(stage: &Stage, voice: Voice, program: SocketAddr, has_key: bool) -> bool {
    if let Err(why) = welcome::answers(program).await {
        voice.tell(&format!("the program does not answer: {why}"));
        return false;
    }
    voice.tell("the program answers");
    let wanted = stage.plan().engines;
    let left = COMPLETE_WITHIN.saturating_sub(voice.began().elapsed());
    let complete = stage.until(left, |picture| offered(picture) >= wanted).await.is_some();
    let offered_at = voice.began().elapsed();
    // The journal tells first how it came to that.
    sleep(voice::TOGETHER * 2).await;
    match complete {
        true => voice.tell_of(offered_at, &format!("all {wanted} engines are offered")),
        false => {
            let so_far = offered(&stage.gate().picture());
            voice.tell(&format!(
                "only {so_far} of {wanted} engines are offered so far; GET /journal says why"
            ));
        }
    }
    // In a story they come when it says so.
    if stage.plan().story.is_none() {
        stage.let_in(Crowd::come(&stage.plan().viewers, program));
        voice.say(&welcome::what_to_try(stage.plan(), program, has_key));
    }
    complete
}

/// Says now and then how things are, for ever.
async fn keep_telling(stage: &Stage, voice: Voice) {
    let mut ticks = interval(STATUS_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.reset_at(Instant::now() + STATUS_EVERY);
    loop {
        ticks.tick().await;
        voice.tell(&welcome::status(stage));
    }
}
