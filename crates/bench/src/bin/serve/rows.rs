//! What is measured: one function for each row, on a Docker Engine of its own, and what it should come to.

use crate::ask::{Line, Load, load};
use crate::figures::{Plain, Took, thousands};
use crate::fleet::{Fleet, Listed};
use crate::ground::{Ground, eventually};
use crate::stage::{
    EACH, ENGINES, HOOK_TOKEN, LONG, VPNS, anew, between, docker_runs_ten, hidden, moment, plan, run_vpn,
    ten_engines, told, two_vpns,
};
use crate::watch::{Answers, LOOK_EVERY, Watch, has_on_each, trying};
use crate::web;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

const ROUNDS: usize = 3;
const CONNECTIONS: usize = 8;
const LOAD_LENGTH: Duration = Duration::from_secs(5);
const WRK_LENGTH: &str = "-d3s";
const FROZEN: Duration = Duration::from_secs(45);
/// What comes late is seen by then.
const AFTERWARDS: Duration = Duration::from_secs(3);

/// One row, or several that one story measures.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    pub(crate) measure: fn() -> Measured,
}

/// A line of the table.
pub(crate) struct Cells {
    pub(crate) what: String,
    pub(crate) measured: String,
    pub(crate) target: &'static str,
    pub(crate) reference: &'static str,
}

/// What one row came to, and how the API answered meanwhile.
#[derive(Default)]
pub(crate) struct Measured {
    pub(crate) table: Vec<Cells>,
    pub(crate) answers: Option<Answers>,
}

impl Measured {
    fn add(
        &mut self,
        what: impl Into<String>,
        measured: impl Into<String>,
        target: &'static str,
        reference: &'static str,
    ) {
        self.table.push(Cells { what: what.into(), measured: measured.into(), target, reference });
    }
}

pub(crate) const ROWS: [Row; 7] = [
    Row { name: "nothing", what: "ten engines from nothing", measure: from_nothing },
    Row { name: "reads", what: "reads as fast as they are answered, and memory afterwards", measure: reads },
    Row { name: "killed", what: "a VPN's container is killed, and started again", measure: killed },
    Row { name: "port", what: "a forwarded port changes", measure: port_changed },
    Row { name: "restarted", what: "a VPN's container is restarted, and made anew", measure: restarted },
    Row { name: "frozen", what: "Docker is frozen for 45 s", measure: frozen },
    Row { name: "crash", what: "the program is killed and started again", measure: crash },
];

fn from_nothing() -> Measured {
    let (mut bare, mut listed, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let mut first = Vec::new();
    for _ in 0..ROUNDS {
        let ground = Ground::take();
        two_vpns(&ground);
        let docker = docker_runs_ten(&ground);
        let mut fleet = Fleet::planned(plan(&ground));
        let began = Instant::now();
        let mut one = None;
        fleet.spawn();
        let ten = listing(fleet.at(), began, |engines| {
            if !engines.is_empty() {
                one.get_or_insert(began.elapsed());
            }
            engines.len() == ENGINES
        });
        bare.push(docker);
        listed.push(ten);
        first.extend(one);
        ratios.push(ten.as_secs_f64() / docker.as_secs_f64());
    }
    ratios.sort_unstable_by(f64::total_cmp);
    let mut measured = Measured::default();
    measured.add(
        "10 engines from nothing, 2 VPNs, until listed (the stand-in boots in no time)",
        format!(
            "{} (the first one {}); `docker run` of the same: {}; ratio {:.2}, worst {:.2}",
            Took::from_iter(listed),
            Plain(Took::from_iter(first).median()),
            Took::from_iter(bare),
            ratios[ratios.len() / 2],
            ratios[ratios.len() - 1]
        ),
        "at most 1.5 × what `docker run` of the same 10, five at a time, takes in the same run",
        "15.0-16.0 s, 24 ×",
    );
    measured
}

/// Asks for the list from this moment on until it is so; how long that took. Nobody may listen yet.
fn listing(at: SocketAddr, began: Instant, mut is_so: impl FnMut(&[Listed]) -> bool) -> Duration {
    let mut line = None;
    while began.elapsed() < LONG {
        let answer = match &mut line {
            Some(line) => Line::get(line, "/engines").ok().map(<[u8]>::to_vec),
            None => {
                line = Line::open(at).ok();
                None
            }
        };
        if let Some(engines) = answer.and_then(|body| serde_json::from_slice(&body).ok())
            && is_so(&crate::fleet::listed(&engines))
        {
            return began.elapsed();
        }
        thread::sleep(LOOK_EVERY);
    }
    panic!("not listed within {LONG:?}");
}

fn reads() -> Measured {
    let ground = Ground::take();
    let fleet = ten_engines(&ground, plan(&ground));
    let mut measured = Measured::default();
    for (path, target, reference) in [
        ("/engines", "at least 20,000 req/s, p99 under 5 ms", "41 req/s, p50 191 ms"),
        ("/orchestrator/status", "at least 10,000 req/s", "8-25 req/s, p50 1.0 s"),
    ] {
        let Load { per_second, took } = load(fleet.at(), path, CONNECTIONS, LOAD_LENGTH);
        let (rate, p50, p99) = (thousands(per_second), Plain(took.median()), Plain(took.percentile(99)));
        let wrk = wrk(fleet.at(), path).map(|said| format!("; {said}")).unwrap_or_default();
        measured.add(
            format!("GET {path}, {CONNECTIONS} connections, {ENGINES} engines"),
            format!("{rate} req/s, p50 {p50}, p99 {p99}{wrk}"),
            target,
            reference,
        );
    }
    let memory = resident_mb(&fleet);
    measured.add(
        "memory with 10 engines",
        format!("{memory:.1} MB (VmRSS after the load)"),
        "25 MB",
        "97 MB",
    );
    measured
}

/// What wrk says of the same; nothing where it is not installed.
fn wrk(at: SocketAddr, path: &str) -> Option<String> {
    let mut wrk = Command::new("wrk");
    wrk.args(["-t2", &format!("-c{CONNECTIONS}"), WRK_LENGTH, "--latency", &format!("http://{at}{path}")]);
    let said = String::from_utf8(wrk.output().ok()?.stdout).ok()?;
    let after = |word: &str| {
        let line = said.lines().find(|line| line.trim_start().starts_with(word))?;
        line.split_whitespace().nth(1).map(str::to_string)
    };
    let per_second: f64 = after("Requests/sec:")?.parse().ok()?;
    Some(format!("wrk: {} req/s, p50 {}, p99 {}", thousands(per_second), after("50%")?, after("99%")?))
}

fn resident_mb(fleet: &Fleet) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", fleet.pid())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux tells");
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().expect("a number of KiB");
    kib * 1_024.0 / 1e6
}

fn killed() -> Measured {
    let ground = Ground::take();
    let mut fleet = ten_engines(&ground, plan(&ground));
    let (mut asked, mut died, mut back) = (Vec::new(), Vec::new(), Vec::new());
    let mut answers = Vec::new();
    for round in 0..ROUNDS {
        let vpn = VPNS[round % VPNS.len()];
        anew(&mut fleet);
        let watch = Watch::begin(fleet.at());
        let kill = SystemTime::now();
        ground.docker(&["kill", vpn]);
        let gone = hidden(&watch, vpn, kill);
        asked.push(between(kill, gone));
        died.push(between(moment(&ground, vpn, "die", kill), gone));
        eventually("its engines are removed", LONG, || {
            fleet.all_engines().iter().all(|engine| engine.vpn.as_deref() != Some(vpn)).then_some(())
        });
        let start = SystemTime::now();
        ground.docker(&["start", vpn]);
        let ten =
            watch.until("ten engines, balanced", start, LONG, |engines| has_on_each(engines, EACH, &VPNS));
        back.push(between(moment(&ground, vpn, "health_status: healthy", start), ten));
        answers.push(watch.end());
    }
    let mut measured = Measured::default();
    measured.add(
        "VPN container killed → its engines no longer listed",
        format!(
            "{} after `docker kill` was typed; {} after its end",
            Took::from_iter(asked),
            Took::from_iter(died)
        ),
        "300 ms",
        "53-96 s (API frozen meanwhile)",
    );
    measured.add(
        "VPN container started again → ten engines, balanced",
        format!("{} after Docker said healthy", Took::from_iter(back)),
        "5 s after Gluetun is healthy",
        "40 s",
    );
    measured.answers = Some(answers.into_iter().collect());
    measured
}

fn port_changed() -> Measured {
    let ground = Ground::take();
    // For two minutes after a start of its container, a changed port is not acted upon.
    let fleet = ten_engines(&ground, plan(&ground).with("VPN_RECOVERY_STABILIZATION_S", "1"));
    let watch = Watch::begin(fleet.at());
    let carrier = |vpn: &str| {
        watch.until("a carrier of the port is listed", SystemTime::now(), LONG, |engines| {
            carries(engines, vpn).is_some()
        });
        carries(&watch.latest(), vpn).expect("it was listed just now")
    };
    let gone = |since: SystemTime, old: &str| {
        let at = watch.until("the old carrier is not listed", since, LONG, |engines| {
            engines.iter().all(|engine| engine.id != old)
        });
        between(since, at)
    };
    let change = |vpn: &str, port: u16| {
        let old = carrier(vpn);
        let since = SystemTime::now();
        ground.vpn_fault(vpn, &format!("port={port}"));
        (since, old)
    };
    thread::sleep(AFTERWARDS);
    // Three changes of one port within ten minutes are the most that is not yet called flapping.
    let changes = [change(VPNS[0], 41_001), change(VPNS[1], 41_002)];
    let polled = Took::from_iter(changes.map(|(since, old)| gone(since, &old)));
    let mut pushed = Vec::new();
    for (vpn, port) in [(VPNS[0], 42_001), (VPNS[1], 42_002), (VPNS[0], 43_001), (VPNS[1], 43_002)] {
        let (_, old) = change(vpn, port);
        let since = SystemTime::now();
        let path = format!("/hooks/gluetun/port?vpn={vpn}&port={port}");
        let token = format!("Bearer {HOOK_TOKEN}");
        let answer = web::send(fleet.at(), "POST", &path, &[("Authorization", &token)], None);
        assert_eq!(answer.map(|answer| answer.status).ok(), Some(202), "{path}");
        pushed.push(gone(since, &old));
    }
    let mut measured = Measured::default();
    measured.add(
        "forwarded port changed → old carrier no longer listed",
        format!("{polled} when polled every 10 s; {} when pushed", Took::from_iter(pushed)),
        "one poll interval; 200 ms when pushed",
        "16.6 s (30 s and a 10 s freeze at worst)",
    );
    measured.answers = Some(watch.end());
    measured
}

/// The engine that carries a VPN's port.
fn carries(engines: &[Listed], vpn: &str) -> Option<String> {
    let carrier = engines.iter().find(|engine| engine.forwarded && engine.vpn.as_deref() == Some(vpn));
    carrier.map(|engine| engine.id.clone())
}

fn restarted() -> Measured {
    let ground = Ground::take();
    let mut fleet = ten_engines(&ground, plan(&ground));
    let vpn = VPNS[0];
    let in_place = rounds_of(&ground, &mut fleet, || {
        ground.docker(&["restart", "-t", "0", vpn]);
    });
    let made_anew = rounds_of(&ground, &mut fleet, || {
        ground.docker(&["rm", "-f", vpn]);
        run_vpn(&ground, 0);
    });
    let all = || in_place.iter().chain(&made_anew);
    let again = |rounds: &[Round]| {
        let typed: Took = rounds.iter().map(|round| round.again).collect();
        let ready: Took = rounds.iter().map(|round| round.again_since_healthy).collect();
        format!("{typed} after it was typed; {ready} after Docker said healthy")
    };
    let (late, tries) = all().fold((0, 0), |(late, tries), round| (late + round.late, tries + round.tries));
    let mut measured = Measured::default();
    measured.add(
        "VPN container restarted in under a second → its engines hidden",
        all().map(|round| round.hidden).collect::<Took>().to_string(),
        "300 ms",
        "",
    );
    measured.add(
        "the same → every listed engine reachable",
        again(&in_place),
        "2 s",
        "195 s (unreachable engines listed for 3 minutes)",
    );
    measured.add("VPN container made anew → every listed engine reachable", again(&made_anew), "10 s", "");
    measured.add(
        "both: unreachable engines listed, once the others were hidden",
        format!("{late} in {} tries of listed engines", thousands(tries as f64)),
        "never",
        "",
    );
    measured.answers = Some(in_place.into_iter().chain(made_anew).map(|round| round.answers).collect());
    measured
}

/// What was seen of one restart of the first VPN.
struct Round {
    /// Since Docker told its end.
    hidden: Duration,
    /// Since it was asked for.
    again: Duration,
    again_since_healthy: Duration,
    /// How often a listed engine was tried, and how often in vain after the engines had been hidden.
    tries: usize,
    late: usize,
    answers: Answers,
}

/// Does this to the first VPN, several times, each in a new life of the program.
fn rounds_of(ground: &Ground, fleet: &mut Fleet, act: impl Fn()) -> Vec<Round> {
    let vpn = VPNS[0];
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        anew(fleet);
        let watch = Watch::begin(fleet.at());
        let since = SystemTime::now();
        let ((gone, ten), tried) = trying(ground, &watch, vpn, || {
            act();
            let gone = hidden(&watch, vpn, since);
            let ten =
                watch.until("ten engines again", gone, LONG, |engines| has_on_each(engines, EACH, &VPNS));
            thread::sleep(AFTERWARDS);
            (gone, ten)
        });
        rounds.push(Round {
            hidden: between(moment(ground, vpn, "die", since), gone),
            again: between(since, ten),
            again_since_healthy: between(moment(ground, vpn, "health_status: healthy", since), ten),
            tries: tried.tries,
            late: tried.in_vain.iter().filter(|at| **at > gone + LOOK_EVERY).count(),
            answers: watch.end(),
        });
    }
    rounds
}

fn frozen() -> Measured {
    let ground = Ground::take();
    let fleet = ten_engines(&ground, plan(&ground));
    let before = identities(&fleet.engines());
    let watch = Watch::begin(fleet.at());
    let since = SystemTime::now();
    ground.freeze();
    thread::sleep(FROZEN);
    ground.thaw();
    // Whatever the program wanted to do meanwhile, it does now.
    thread::sleep(AFTERWARDS);
    let fewest = watch.fewest();
    let answers = watch.end();
    let after = identities(&fleet.engines());
    let changed = touched(&ground, since);
    let mut measured = Measured::default();
    measured.add(
        "Docker frozen for 45 s",
        format!(
            "API p99 {}, worst {}, {} unanswered; {} engines lost, fewest listed {fewest}, {changed} touched",
            Plain(answers.took.percentile(99)),
            Plain(answers.took.worst()),
            answers.unanswered,
            before.difference(&after).count(),
        ),
        "API p99 under 50 ms, no engine lost",
        "API dead throughout, all engines lost sight of",
    );
    measured.answers = Some(answers);
    measured
}

fn crash() -> Measured {
    let ground = Ground::take();
    let mut fleet = ten_engines(&ground, plan(&ground));
    let before = identities(&fleet.engines());
    let since = SystemTime::now();
    let (mut serving, mut listed) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS + 2 {
        fleet.kill();
        let began = Instant::now();
        fleet.spawn();
        let mut first = None;
        listed.push(listing(fleet.at(), began, |engines| {
            first.get_or_insert(began.elapsed());
            identities(engines) == before
        }));
        serving.extend(first);
    }
    thread::sleep(AFTERWARDS);
    let same = identities(&fleet.engines()) == before;
    let changed = touched(&ground, since);
    let mut measured = Measured::default();
    measured.add(
        "kill -9 and start again",
        format!(
            "the same engines listed {} after the start; {changed} touched{}",
            Took::from_iter(listed),
            if same { "" } else { ", and others listed later" }
        ),
        "the same engines listed within 1 s of start, none touched",
        "118 s, every engine destroyed",
    );
    measured.add("start to serving", Took::from_iter(serving).to_string(), "100 ms", "");
    measured
}

fn identities(engines: &[Listed]) -> BTreeSet<String> {
    engines.iter().map(|engine| engine.id.clone()).collect()
}

/// How many engines Docker has done something to since then.
fn touched(ground: &Ground, since: SystemTime) -> usize {
    let engines: BTreeSet<String> =
        told(ground, "acestream-", since).into_iter().map(|(_, name, _)| name).collect();
    engines.len()
}
