//! What clients see meanwhile: the list of engines every 2 ms, how long each answer takes, and whether the
//! engines that are listed can be reached.

use crate::ask::Line;
use crate::figures::Took;
use crate::fleet::{Listed, listed};
use crate::ground::Ground;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

/// How often it is looked.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(2);
/// Every so many looks the status is asked for, too, as acexy does.
const STATUS_EVERY_LOOKS: usize = 10;
/// An engine on a bridge of this machine accepts within this, or cannot be reached.
const CONNECTS_WITHIN: Duration = Duration::from_millis(200);
/// How often engines are tried.
const TRY_EVERY: Duration = Duration::from_millis(10);

/// What was seen so far.
#[derive(Default)]
struct Seen {
    /// Each listing that differs from the one before, and when it was answered.
    listings: Vec<(SystemTime, Vec<Listed>)>,
    took: Vec<Duration>,
    unanswered: usize,
}

/// What is seen while this lives.
pub(crate) struct Watch {
    seen: Arc<Mutex<Seen>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// How the API answered meanwhile.
pub(crate) struct Answers {
    pub(crate) took: Took,
    pub(crate) unanswered: usize,
}

/// What was seen several times, taken together.
impl FromIterator<Answers> for Answers {
    fn from_iter<I: IntoIterator<Item = Answers>>(all: I) -> Self {
        let (mut took, mut unanswered) = (Vec::new(), 0);
        for one in all {
            took.extend(one.took);
            unanswered += one.unanswered;
        }
        Self { took: took.into_iter().collect(), unanswered }
    }
}

impl Watch {
    /// Looks from now on.
    pub(crate) fn begin(at: SocketAddr) -> Self {
        let (seen, over) = (Arc::<Mutex<Seen>>::default(), Arc::<AtomicBool>::default());
        let (seen_there, over_there) = (Arc::clone(&seen), Arc::clone(&over));
        let thread = thread::spawn(move || {
            let (mut line, mut before) = (None, Vec::new());
            for look in 0.. {
                if over_there.load(Ordering::Relaxed) {
                    return;
                }
                let began = Instant::now();
                let looked = look_once(at, &mut line, &mut before, look % STATUS_EVERY_LOOKS == 0);
                let took = began.elapsed();
                let mut seen = seen_there.lock().expect("whoever looks does not panic");
                seen.took.push(took);
                match looked {
                    Ok(Some(engines)) => {
                        if seen.listings.last().is_none_or(|(_, last)| *last != engines) {
                            seen.listings.push((SystemTime::now(), engines));
                        }
                    }
                    Ok(None) => {}
                    Err(_) => {
                        seen.unanswered += 1;
                        line = None;
                    }
                }
                drop(seen);
                thread::sleep(LOOK_EVERY.saturating_sub(took));
            }
        });
        Self { seen, over, thread: Some(thread) }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("whoever looks does not panic")
    }

    /// What was listed last.
    pub(crate) fn latest(&self) -> Vec<Listed> {
        self.seen().listings.last().map(|(_, engines)| engines.clone()).unwrap_or_default()
    }

    /// How few engines were listed at any time.
    pub(crate) fn fewest(&self) -> usize {
        self.seen().listings.iter().map(|(_, engines)| engines.len()).min().unwrap_or_default()
    }

    /// Waits for the first listing since then that is so, and says when it was seen.
    pub(crate) fn until(
        &self,
        what: &str,
        since: SystemTime,
        within: Duration,
        is_so: impl Fn(&[Listed]) -> bool,
    ) -> SystemTime {
        let began = Instant::now();
        loop {
            let seen = self.seen();
            let found = in_force_since(&seen.listings, since).find(|(_, engines)| is_so(engines));
            if let Some((at, _)) = found {
                return (*at).max(since);
            }
            drop(seen);
            assert!(began.elapsed() < within, "in vain for {within:?}: {what}; listed: {:?}", self.latest());
            thread::sleep(LOOK_EVERY);
        }
    }

    /// Looks no more.
    pub(crate) fn end(self) -> Answers {
        let mut seen = self.seen();
        let took = std::mem::take(&mut seen.took).into_iter().collect();
        Answers { took, unanswered: seen.unanswered }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// One request; the engines, unless they are as before or it was the status that was asked for.
fn look_once(
    at: SocketAddr,
    line: &mut Option<Line>,
    before: &mut Vec<u8>,
    status: bool,
) -> io::Result<Option<Vec<Listed>>> {
    let line = match line {
        Some(line) => line,
        None => line.insert(Line::open(at)?),
    };
    if status {
        return line.get("/orchestrator/status").map(|_| None);
    }
    let answer = line.get("/engines")?;
    if answer == before.as_slice() {
        return Ok(None);
    }
    before.clear();
    before.extend_from_slice(answer);
    Ok(Some(listed(&serde_json::from_slice(answer)?)))
}

/// The listings that were answered since then, and the one that was true at that time.
fn in_force_since(
    listings: &[(SystemTime, Vec<Listed>)],
    since: SystemTime,
) -> impl Iterator<Item = &(SystemTime, Vec<Listed>)> {
    let later = listings.partition_point(|(at, _)| *at <= since);
    listings[later.saturating_sub(1)..].iter()
}

/// What became of trying each listed engine of a VPN, again and again.
#[derive(Default)]
pub(crate) struct Tried {
    pub(crate) tries: usize,
    /// When an engine could not be reached and was listed before and after that.
    pub(crate) in_vain: Vec<SystemTime>,
}

/// Tries each listed engine of this VPN for as long as something else goes on.
pub(crate) fn trying<T>(
    ground: &Ground,
    watch: &Watch,
    vpn: &str,
    meanwhile: impl FnOnce() -> T,
) -> (T, Tried) {
    let over = AtomicBool::new(false);
    let try_all = || {
        let mut tried = Tried::default();
        let mut address = None;
        while !over.load(Ordering::Relaxed) {
            for engine in watch.latest().iter().filter(|engine| engine.vpn.as_deref() == Some(vpn)) {
                tried.tries += 1;
                if address.is_some_and(|address| reaches(address, engine.port)) {
                    continue;
                }
                // It may have moved; only Docker knows.
                address = address_now(ground, vpn);
                let reached = address.is_some_and(|address| reaches(address, engine.port));
                if !reached && watch.latest().iter().any(|listed| listed.id == engine.id) {
                    tried.in_vain.push(SystemTime::now());
                }
            }
            thread::sleep(TRY_EVERY);
        }
        tried
    };
    thread::scope(|scope| {
        let trying = scope.spawn(try_all);
        // Whatever happens, the other thread has to end.
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(meanwhile));
        over.store(true, Ordering::Relaxed);
        let tried = trying.join().expect("trying does not fail");
        (done.unwrap_or_else(|panic| std::panic::resume_unwind(panic)), tried)
    })
}

fn address_now(ground: &Ground, vpn: &str) -> Option<Ipv4Addr> {
    ground.try_docker(&["inspect", "-f", "{{.NetworkSettings.IPAddress}}", vpn]).ok()?.parse().ok()
}

/// Whether somebody listens there. Nobody does where an engine runs in a network that is gone.
fn reaches(address: Ipv4Addr, port: u16) -> bool {
    TcpStream::connect_timeout(&SocketAddr::from((address, port)), CONNECTS_WITHIN).is_ok()
}

/// Whether so many engines of each of these VPNs are listed. There may be one more: of a replacement, both are.
pub(crate) fn has_on_each(engines: &[Listed], count: usize, vpns: &[&str]) -> bool {
    vpns.iter()
        .all(|vpn| engines.iter().filter(|engine| engine.vpn.as_deref() == Some(*vpn)).count() >= count)
}
