//! Somebody who looks at the list of engines all the time, as clients do, and tries every engine on it.
//!
//! He asks engines themselves, at their VPN's address, and believes nothing that acefleet says of them.

use crate::fleet::{AT_ONCE, Fleet, Listed};
use crate::ground::Ground;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How often the list is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// An engine that can be reached takes a connection and answers much sooner.
const CONNECT_WITHIN: Duration = Duration::from_millis(300);
const ANSWER_WITHIN: Duration = Duration::from_millis(1_000);
/// A VPN that cannot be reached may have another address by now; Docker is not asked more often.
const ADDRESS_EVERY: Duration = Duration::from_millis(200);

/// What was seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// How long the list took each time.
    answers: Vec<Duration>,
    /// The longest time that an engine was listed and could not be reached.
    worst: Option<(Duration, String)>,
    /// The fewest engines that were listed.
    pub(crate) fewest: usize,
}

/// Keeps looking while something happens, and demands that no engine was offered in vain for longer than a client
/// needs to notice.
pub(crate) fn during<T>(ground: &Ground, fleet: &Fleet, happens: impl FnOnce() -> T) -> (T, Seen) {
    let over = AtomicBool::new(false);
    let (happened, seen) = thread::scope(|scope| {
        let vigil = scope.spawn(|| Vigil::new(ground, fleet).keep(&over));
        let ending = Ending(&over);
        let happened = happens();
        drop(ending);
        (happened, vigil.join().expect("the vigil is kept"))
    });
    println!("{}", seen.told());
    if let Some((time, name)) = &seen.worst {
        assert!(*time <= AT_ONCE, "{name} was offered for {time:?} although it could not be reached");
    }
    (happened, seen)
}

/// Whether an engine answers at its VPN's address now.
pub(crate) fn answers(ground: &Ground, engine: &Listed) -> bool {
    let vpn = engine.vpn.as_deref().expect("it is behind a VPN");
    reaches(SocketAddr::from((ground.address(vpn), engine.port)))
}

/// Whether an engine answers there.
pub(crate) fn reaches(at: SocketAddr) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect_timeout(&at, CONNECT_WITHIN)?;
        stream.set_read_timeout(Some(ANSWER_WITHIN))?;
        let path = "/server/api?api_version=3&method=get_status";
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n")?;
        let mut head = [0; 12];
        stream.read_exact(&mut head)?;
        Ok(head.ends_with(b" 200"))
    };
    ask().unwrap_or(false)
}

/// Ends the vigil, also when the test has failed.
struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

struct Vigil<'a> {
    ground: &'a Ground,
    fleet: &'a Fleet,
    addresses: BTreeMap<String, (Option<Ipv4Addr>, Instant)>,
    /// Since when engines are listed in vain.
    in_vain: BTreeMap<String, Instant>,
    seen: Seen,
}

impl<'a> Vigil<'a> {
    fn new(ground: &'a Ground, fleet: &'a Fleet) -> Self {
        let seen = Seen { fewest: usize::MAX, ..Seen::default() };
        Self { ground, fleet, addresses: BTreeMap::new(), in_vain: BTreeMap::new(), seen }
    }

    fn keep(mut self, over: &AtomicBool) -> Seen {
        while !over.load(Ordering::Relaxed) {
            let began = Instant::now();
            let listed = self.fleet.engines();
            self.seen.answers.push(began.elapsed());
            self.seen.fewest = self.seen.fewest.min(listed.len());
            self.in_vain.retain(|name, _| listed.iter().any(|engine| engine.name == *name));
            for engine in &listed {
                self.try_engine(engine, began);
            }
            thread::sleep(LOOK_EVERY.saturating_sub(began.elapsed()));
        }
        self.seen
    }

    fn try_engine(&mut self, engine: &Listed, listed_at: Instant) {
        let vpn = engine.vpn.clone().expect("it is behind a VPN");
        let known = self.addresses.get(&vpn).and_then(|(address, _)| *address);
        if known.is_some_and(|address| reaches(SocketAddr::from((address, engine.port)))) {
            self.in_vain.remove(&engine.name);
            return;
        }
        let asked = self.addresses.get(&vpn).map(|(_, asked)| asked.elapsed());
        if asked.is_none_or(|ago| ago >= ADDRESS_EVERY) {
            self.addresses.insert(vpn.clone(), (self.ground.try_address(&vpn), Instant::now()));
            if known.is_none() {
                // It was not asked itself yet.
                return;
            }
        }
        let since = *self.in_vain.entry(engine.name.clone()).or_insert(listed_at);
        let time = listed_at.duration_since(since);
        if self.seen.worst.as_ref().is_none_or(|(worst, _)| time > *worst) {
            self.seen.worst = Some((time, engine.name.clone()));
        }
    }
}

impl Seen {
    fn told(&self) -> String {
        let mut answers = self.answers.clone();
        answers.sort_unstable();
        let at = |percent: usize| answers.get(answers.len() * percent / 100).copied().unwrap_or_default();
        format!(
            "/engines was looked at {} times: p50 {:?}, p99 {:?}, longest {:?}; offered in vain at most {:?}",
            answers.len(),
            at(50),
            at(99),
            answers.last().copied().unwrap_or_default(),
            self.worst.as_ref().map(|(time, _)| *time).unwrap_or_default(),
        )
    }
}
