//! Minutes of a busy fleet: channels come twenty times as fast as they play, viewers come, zap and leave, some of them
//! read nothing, and all the while engines and VPNs fail. What the program holds in memory is told each minute; at the
//! end it is judged: memory is flat, nobody was shown a break that was not marked, and no session is left open.

use crate::process::Role;
use acefleet::http::{self, Request};
use control::rng::Rng;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use testbed::count::Counter;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};

/// How long it lasts unless somebody says otherwise.
pub(crate) const LASTS_S: u64 = 300;
/// Shorter, nothing could be told of memory: buffers have to be full first.
const LASTS_LEAST_S: u64 = 45;
/// How many times as fast as it plays a channel comes.
const SPEED: u64 = 20;
const VIEWERS: u64 = 12;
const CHANNELS: u64 = 4;
/// Every so manieth viewer reads nothing.
const LAZY: u64 = 6;
/// How long a viewer stays.
const STAYS: (u64, u64) = (300, 15_000);
const TOLD_EVERY_S: usize = 60;
/// How long a player waits for the first answer, or for anything.
const PATIENCE: Duration = Duration::from_secs(30);
/// Five times what a failover may take.
const SILENCE_MAX: Duration = Duration::from_secs(10);
/// How long he stays away who was turned away or cut off.
const COMES_AGAIN: Duration = Duration::from_secs(1);
/// Words of a refusal that are told, and violations that are told one by one.
const WORDS_MAX_BYTES: usize = 200;
const TOLD_MAX: usize = 20;
/// How long the fleet may take to come up.
const COMPLETE_WITHIN: Duration = Duration::from_secs(60);
/// What is left over has gone after so long.
const GONE_WITHIN: Duration = Duration::from_secs(30);
/// Memory is flat if it is no more than this above what it was before: what is held hangs on who happens to watch.
const GROWTH_MAX: f64 = 1.10;
const GROWTH_MAX_KIB: f64 = 8.0 * 1024.0;
/// How long the program and its stand-ins may take to answer a question, and how much.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);
const ANSWER_MAX_BYTES: usize = 4 << 20;

/// What viewers have noticed, all together.
#[derive(Default)]
struct Noticed {
    bytes: u64,
    watched: u64,
    marked: u64,
    /// What should not have been, in words.
    violations: Vec<String>,
    silence: Duration,
}

type All = Arc<Mutex<Noticed>>;

fn lock(noticed: &All) -> MutexGuard<'_, Noticed> {
    noticed.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A folder that goes when this is over.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// Runs it for so many seconds, prints what happens to memory, and fails if anything is wrong.
pub(crate) fn run(seconds: u64) -> io::Result<()> {
    if seconds < LASTS_LEAST_S {
        return Err(io::Error::other(format!("a soak of less than {LASTS_LEAST_S} s tells nothing")));
    }
    let folder = Folder(std::env::temp_dir().join(format!("acefleet-soak-{}", std::process::id())));
    std::fs::create_dir_all(&folder.0)?;
    let bits = (crate::BITS_PER_S * SPEED).to_string();
    let database = folder.0.join("soak.db").display().to_string();
    let fleet = Role::begin(&["fleet", &bits, &seconds.to_string(), &database])?;
    crate::served::runtime()?.block_on(soak(&fleet, seconds))
}

async fn soak(fleet: &Role, seconds: u64) -> io::Result<()> {
    complete(fleet.address).await?;
    println!("{VIEWERS} viewers of {CHANNELS} channels at {SPEED} times the speed for {seconds} s");
    let noticed = All::default();
    let ends = Instant::now() + Duration::from_secs(seconds);
    let mut viewers = JoinSet::new();
    for viewer in 0..VIEWERS {
        viewers.spawn(live(viewer, fleet.address, ends, noticed.clone()));
    }
    let mut memory = Vec::new();
    println!("{:>8} {:>12} {:>12} {:>12} {:>8}", "seconds", "KiB", "most KiB", "processor s", "GB shown");
    while Instant::now() < ends {
        sleep(Duration::from_secs(1)).await;
        let used = fleet.usage()?;
        memory.push(used.resident_kib);
        if memory.len().is_multiple_of(TOLD_EVERY_S) {
            let most = most(memory.iter().rev().take(TOLD_EVERY_S));
            let shown = lock(&noticed).bytes as f64 / 1e9;
            let seconds = memory.len();
            let (now, processor) = (used.resident_kib, used.processor_s);
            println!("{seconds:>8} {now:>12.0} {most:>12.0} {processor:>12.1} {shown:>8.1}");
        }
    }
    while viewers.join_next().await.is_some() {}
    let troubles = fleet.until("calm")?;
    let left = left_over(fleet).await?;
    judge(&lock(&noticed), troubles.trim(), &memory, left)
}

/// Waits until there are as many engines as there are to be.
async fn complete(program: SocketAddr) -> io::Result<()> {
    let listed = async {
        loop {
            let engines = json(program, "/engines").await.unwrap_or_default();
            if engines.as_array().map_or(0, Vec::len) >= crate::fleet::ENGINES {
                return;
            }
            sleep(Duration::from_millis(200)).await;
        }
    };
    let in_time = timeout(COMPLETE_WITHIN, listed).await;
    in_time.map_err(|_| io::Error::other("the fleet does not come up"))
}

fn most<'a>(samples: impl Iterator<Item = &'a f64>) -> f64 {
    samples.copied().fold(0.0, f64::max)
}

/// Says what came of it.
fn judge(noticed: &Noticed, troubles: &str, memory: &[f64], left: Vec<String>) -> io::Result<()> {
    let third = memory.len() / 3;
    let (before, after) = (most(memory[third..2 * third].iter()), most(memory[2 * third..].iter()));
    println!(
        "{} troubles; {} times a channel was watched, {:.1} GB shown, {} breaks marked, longest silence {:.2} s",
        troubles.trim_start_matches("calm "),
        noticed.watched,
        noticed.bytes as f64 / 1e9,
        noticed.marked,
        noticed.silence.as_secs_f64()
    );
    println!("memory: at most {before:.0} KiB in the middle third, {after:.0} KiB in the last");
    let mut violations = noticed.violations.clone();
    violations.extend(left);
    if after > before * GROWTH_MAX + GROWTH_MAX_KIB {
        violations.push("memory grows".into());
    }
    if violations.is_empty() {
        println!("no violation");
        return Ok(());
    }
    violations.iter().take(TOLD_MAX).for_each(|violation| println!("violation: {violation}"));
    Err(io::Error::other(format!("{} violations", violations.len())))
}

/// A viewer who comes and goes.
async fn live(viewer: u64, address: SocketAddr, ends: Instant, noticed: All) {
    let (began, mut rng) = (Instant::now(), Rng::new(viewer + 1));
    while Instant::now() < ends {
        let stays = Duration::from_millis(STAYS.0 + rng.below(STAYS.1 - STAYS.0));
        let leaves = (Instant::now() + stays).min(ends);
        let channel = rng.below(CHANNELS);
        let lazy = viewer % LAZY == LAZY - 1;
        let mut visit = Visit { counter: Counter::new(), last: None, silence: Duration::ZERO };
        let ended = visit.watch(address, channel, leaves, lazy, &noticed).await;
        let is_cut = ended.is_err();
        if let Some(what) = visit.ended(&noticed, ended.err()) {
            let at = began.elapsed().as_secs_f64();
            let what = format!("viewer {viewer} of channel {channel} after {at:.1} s: {what}");
            lock(&noticed).violations.push(what);
        }
        if is_cut {
            sleep(COMES_AGAIN).await;
        }
    }
}

/// One viewer of one channel.
struct Visit {
    counter: Counter,
    /// When something of the channel came last.
    last: Option<Instant>,
    silence: Duration,
}

/// Why a visit ended before the viewer wanted it to.
enum Cut {
    Unanswered,
    Refused(u16, String),
    Broken(String),
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unanswered => write!(f, "nothing came for {} s", PATIENCE.as_secs()),
            Self::Refused(status, words) => write!(f, "turned away with {status}: {words}"),
            Self::Broken(why) => write!(f, "cut off: {why}"),
        }
    }
}

impl Visit {
    /// Watches until he leaves.
    async fn watch(
        &mut self,
        address: SocketAddr,
        channel: u64,
        leaves: Instant,
        lazy: bool,
        noticed: &All,
    ) -> Result<(), Cut> {
        let path = format!("/ace/getstream?id={channel:040x}");
        let broken = |why: &dyn fmt::Display| Cut::Broken(why.to_string());
        let asking = async {
            let stream = TcpStream::connect(address).await.map_err(|error| broken(&error))?;
            let request = Request::get(address.to_string(), path);
            http::open(stream, request).await.map_err(|error| broken(&error))
        };
        let mut answer = timeout(PATIENCE, asking).await.map_err(|_| Cut::Unanswered)??;
        if answer.status != 200 {
            let words = timeout(PATIENCE, answer.next()).await.map_err(|_| Cut::Unanswered)?;
            let words = words.ok().flatten().unwrap_or_default();
            let words = String::from_utf8_lossy(&words[..words.len().min(WORDS_MAX_BYTES)]).into_owned();
            return Err(Cut::Refused(answer.status, words));
        }
        if lazy {
            tokio::time::sleep_until(leaves).await;
            return Ok(());
        }
        while let Ok(piece) = timeout_at(leaves, timeout(PATIENCE, answer.next())).await {
            let piece = piece.map_err(|_| Cut::Unanswered)?.map_err(|error| broken(&error))?;
            let piece = piece.ok_or_else(|| broken(&"the stream ended"))?;
            let counted = self.counter.seen().counted;
            self.counter.feed(&piece);
            if self.counter.seen().counted > counted {
                let now = Instant::now();
                let silent = self.last.replace(now).map(|last| now - last).unwrap_or_default();
                self.silence = self.silence.max(silent);
            }
            lock(noticed).bytes += piece.len() as u64;
        }
        Ok(())
    }

    /// What he noticed is told; what of it should not have been.
    fn ended(mut self, noticed: &All, cut: Option<Cut>) -> Option<String> {
        // A silence that he left in counts, too.
        self.silence = self.silence.max(self.last.map(|last| last.elapsed()).unwrap_or_default());
        let seen = self.counter.seen();
        let mut noticed = lock(noticed);
        noticed.watched += 1;
        noticed.marked += seen.discontinuities;
        noticed.silence = noticed.silence.max(self.silence);
        if let Some(cut) = cut {
            return Some(cut.to_string());
        }
        if seen.continuity_errors + seen.garbage > 0 {
            let (breaks, garbage) = (seen.continuity_errors, seen.garbage);
            return Some(format!("{breaks} breaks without a mark, {garbage} bytes that belong to no packet"));
        }
        (self.silence > SILENCE_MAX).then(|| format!("silence of {:.1} s", self.silence.as_secs_f64()))
    }
}

/// Channels and sessions that are still there although nobody watches.
async fn left_over(fleet: &Role) -> io::Result<Vec<String>> {
    let deadline = Instant::now() + GONE_WITHIN;
    loop {
        // It is told twice a second.
        let sessions = fleet.until("open")?.trim().to_owned();
        let channels = channels(fleet.address).await?;
        if sessions == "open 0" && channels.is_empty() {
            return Ok(vec![]);
        }
        if Instant::now() >= deadline {
            return Ok(vec![format!("sessions left {sessions}, channels left: {channels:?}")]);
        }
    }
}

async fn channels(program: SocketAddr) -> io::Result<Vec<serde_json::Value>> {
    let told = json(program, "/api/v1/channels").await?;
    told.as_array().cloned().ok_or_else(|| io::Error::other(format!("channels are told as {told}")))
}

/// What is answered, within a while.
pub(crate) async fn json(address: SocketAddr, path: &str) -> io::Result<serde_json::Value> {
    let asking = async {
        let stream = TcpStream::connect(address).await?;
        let answer = http::call(stream, Request::get(address.to_string(), path), ANSWER_MAX_BYTES).await;
        Ok(serde_json::from_slice(&answer.map_err(io::Error::other)?.body)?)
    };
    timeout(ANSWERS_WITHIN, asking).await?
}
