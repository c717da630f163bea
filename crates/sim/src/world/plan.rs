//! The shape of a world: who is in it, how long things take there, and what goes wrong how often.
//!
//! A plan is data. [`Plan::default`] is the fleet people run, [`Plan::calm`] is for stories in which every
//! fault is told, [`Plan::drawn`] is for swarms: each run differs in everything that may differ.

use super::audience::Audience;
use super::faults::{EngineFault, FaultKind};
use super::span::Span;
use control::Settings;
use control::ids::Name;
use control::rng::Rng;
use control::settings::VpnSettings;
use std::ops::RangeInclusive;
use std::time::Duration;

/// The shape of a world.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What acefleet is told. The VPNs are named here.
    pub settings: Settings,
    /// When each VPN's container is created and started, from the world's beginning on, in configuration order.
    pub dawns: Vec<Duration>,
    /// How long the world runs before anybody can attach to it: VPNs that dawn well before are up by then.
    pub head_start: Duration,
    /// How long everything takes.
    pub weather: Weather,
    /// Who watches.
    pub audience: Audience,
    /// What goes wrong by itself.
    pub storm: Storm,
    /// How far Docker's clock is from the driver's, in nanoseconds.
    pub skew_ns: i64,
    /// How many lives of acefleet, in a hundred, begin with another image or command than the one before.
    pub upgrades_percent: u64,
}

/// How long everything takes, and how likely the world's small whims are.
#[derive(Clone, Debug)]
pub struct Weather {
    /// From acefleet to Docker.
    pub request: Span,
    /// From Docker back to acefleet.
    pub response: Span,
    /// How many answers of Docker, in a hundred, take a `hiccup` longer.
    pub hiccup_percent: u64,
    /// See `hiccup_percent`.
    pub hiccup: Span,
    /// How many percent of the calls that change something Docker denies while it [denies and does].
    ///
    /// [denies and does]: super::faults::DockerFault::DeniesAndDoes
    pub denied_percent: u64,
    /// What Docker needs to create a container.
    pub create: Span,
    /// What Docker needs to start a container.
    pub start: Span,
    /// What a process needs to die when it is killed.
    pub kill: Span,
    /// What a Gluetun needs to end when it is asked to; an engine never does.
    pub vpn_ends: Span,
    /// What Docker needs to remove a container.
    pub remove: Span,
    /// What a restart by policy takes, after its back-off.
    pub comeback: Span,
    /// From something happening to its notice on the event stream.
    pub notice: Span,
    /// Until the event stream is (re)opened.
    pub stream_opens: Span,
    /// Until the store answers.
    pub store_answers: Span,
    /// How many answers of the store, in a hundred, are that it cannot.
    pub store_fails_percent: u64,

    /// From acefleet to an engine, and back the same again.
    pub probe: Span,
    /// How many probes of an unreachable engine, in a hundred, are refused at once instead of timing out.
    pub refused_percent: u64,
    /// From an engine's start to its first answer.
    pub engine_boot: Span,
    /// The same while engines boot slowly.
    pub slow_engine_boot: Span,
    /// From an engine's start to its death while it crash-loops.
    pub crash_loop: Span,

    /// From acefleet to a control server, and back the same again.
    pub server: Span,
    /// What a slow control server adds.
    pub slow_server: Span,
    /// From a VPN container's start, or the end of what kept it down, to its tunnel being up.
    pub tunnel_boot: Span,
    /// How many paused VPNs, in a hundred, go on passing traffic, as a tunnel in the kernel does.
    pub paused_passes_percent: u64,
    /// How many restarts of a VPN container, in a hundred, cure a lost tunnel.
    pub restart_cures_percent: u64,
    /// How many bounces of a lost tunnel, in a hundred, cure it.
    pub bounce_cures_percent: u64,
    /// Between two health checks.
    pub health_interval: Duration,
    /// What a health check adds to that.
    pub health_lag: Span,
    /// After how many failed checks a container is unhealthy.
    pub health_retries: u32,
    /// For how long after its start failed checks do not count.
    pub health_start_period: Duration,
    /// For how long a check that is slow to notice passes with the tunnel lost.
    pub health_notices: Span,
    /// From a tunnel being up to its forwarded port.
    pub port_wait: Span,
    /// How many waits for a port, in a hundred, last for a `port_long_wait`.
    pub port_long_wait_percent: u64,
    /// See `port_long_wait_percent`.
    pub port_long_wait: Span,
    /// How many ports, in a hundred, are the same as before.
    pub port_kept_percent: u64,
    /// How many changes of a port, in a hundred, give back the one before it.
    pub port_returns_percent: u64,
    /// How long a change of port passes through none.
    pub port_gap: Span,

    /// How many caches, in a hundred, cannot be cleared because the image has no shell.
    pub shellless_percent: u64,
    /// What a slow Docker adds to a request.
    pub slow_docker: Span,
    /// How long a person needs to look again.
    pub person: Span,
}

/// What goes wrong by itself.
#[derive(Clone, Debug)]
pub struct Storm {
    /// From one fault to the next.
    pub every: Span,
    /// Which part of its kind's span a fault lasts, in hundredths of the span.
    pub lasting_percent: RangeInclusive<u32>,
    /// The kinds that occur, each with its weight. Empty: nothing goes wrong by itself.
    pub kinds: Vec<(FaultKind, u64)>,
    /// From one request of somebody to the next; without it nobody asks for anything.
    pub asks: Option<Span>,
}

impl Default for Plan {
    /// Two VPNs, ten engines, mild weather, no storm.
    fn default() -> Self {
        Self {
            settings: Settings {
                vpns: vpns(["gluetun", "gluetun2"], 20),
                min_replicas: 10,
                ..Settings::default()
            },
            dawns: vec![Duration::ZERO; 2],
            head_start: Duration::from_secs(90),
            weather: Weather::mild(),
            audience: Audience::usual(),
            storm: Storm::none(),
            skew_ns: 0,
            upgrades_percent: 0,
        }
    }
}

impl Plan {
    /// The default fleet in calm weather: everything takes its constant, short time.
    pub fn calm() -> Self {
        Self { weather: Weather::calm(), audience: Audience::none(), ..Self::default() }
    }

    /// The default fleet in a storm of every kind of fault, about one in two minutes.
    pub fn stormy() -> Self {
        let kinds = FaultKind::TREATED.map(|kind| (kind, 1)).to_vec();
        let every = Span::around(Duration::from_secs(120));
        let asks = Some(Span::around(Duration::from_secs(180)));
        Self { storm: Storm { every, kinds, asks, ..Storm::none() }, ..Self::default() }
    }

    /// A plan with everything drawn that may differ from run to run; always one that acefleet accepts.
    pub fn drawn(rng: &mut Rng) -> Self {
        let settings = drawn_settings(rng);
        let head_start = Duration::from_secs(90);
        let dawns = settings
            .vpns
            .iter()
            .map(|_| {
                // One VPN in six comes late: while acefleet starts, or well after.
                let late = rng.chance(16);
                if late { Span::secs(60, 300).draw(rng) } else { Span::secs(0, 20).draw(rng) }
            })
            .collect();
        let storm = Storm::drawn(rng, !settings.vpns.is_empty());
        Self {
            settings,
            dawns,
            head_start,
            weather: Weather::drawn(rng),
            audience: Audience::drawn(rng),
            storm,
            skew_ns: if rng.chance(50) { 0 } else { rng.below(4_000_000_001) as i64 - 2_000_000_000 },
            upgrades_percent: rng.below(41),
        }
    }
}

impl Weather {
    /// Everything takes its constant, short time.
    pub fn calm() -> Self {
        let millis = |millis| Span::exactly(Duration::from_millis(millis));
        Self {
            request: millis(1),
            response: millis(1),
            hiccup_percent: 0,
            hiccup: millis(0),
            denied_percent: 100,
            create: millis(100),
            start: millis(100),
            kill: millis(100),
            vpn_ends: millis(500),
            remove: millis(100),
            comeback: millis(100),
            notice: millis(5),
            stream_opens: millis(10),
            store_answers: millis(10),
            store_fails_percent: 0,
            probe: millis(2),
            refused_percent: 100,
            engine_boot: millis(1_000),
            slow_engine_boot: millis(100_000),
            crash_loop: millis(1_000),
            server: millis(2),
            slow_server: millis(10_000),
            tunnel_boot: millis(3_000),
            paused_passes_percent: 100,
            restart_cures_percent: 0,
            bounce_cures_percent: 0,
            health_interval: Duration::from_secs(5),
            health_lag: millis(100),
            health_retries: 1,
            health_start_period: Duration::ZERO,
            health_notices: millis(120_000),
            port_wait: millis(3_000),
            port_long_wait_percent: 0,
            port_long_wait: millis(0),
            port_kept_percent: 0,
            port_returns_percent: 0,
            port_gap: millis(1_000),
            shellless_percent: 0,
            slow_docker: millis(5_000),
            person: millis(1_000),
        }
    }

    /// The widest spans that are still the weather and no fault.
    fn mild() -> Self {
        Self {
            request: Span::millis(0, 3),
            response: Span::millis(1, 40),
            hiccup_percent: 1,
            hiccup: Span::millis(100, 4_000),
            denied_percent: 50,
            create: Span::millis(30, 600),
            start: Span::millis(80, 700),
            kill: Span::millis(80, 500),
            vpn_ends: Span::millis(200, 3_000),
            remove: Span::millis(60, 400),
            comeback: Span::millis(60, 300),
            notice: Span::millis(0, 300),
            stream_opens: Span::millis(5, 2_000),
            store_answers: Span::millis(5, 3_000),
            store_fails_percent: 10,
            probe: Span::millis(0, 60),
            refused_percent: 50,
            engine_boot: Span::millis(300, 5_000),
            slow_engine_boot: Span::secs(5, 200),
            crash_loop: Span::millis(300, 9_000),
            server: Span::millis(1, 100),
            slow_server: Span::millis(500, 20_000),
            tunnel_boot: Span::secs(1, 15),
            paused_passes_percent: 50,
            restart_cures_percent: 50,
            bounce_cures_percent: 50,
            health_interval: Duration::from_secs(5),
            health_lag: Span::millis(0, 2_000),
            health_retries: 3,
            health_start_period: Duration::from_secs(10),
            health_notices: Span::secs(10, 180),
            port_wait: Span::secs(1, 15),
            port_long_wait_percent: 10,
            port_long_wait: Span::secs(30, 240),
            port_kept_percent: 15,
            port_returns_percent: 20,
            port_gap: Span::millis(100, 4_000),
            shellless_percent: 30,
            slow_docker: Span::millis(50, 45_000),
            person: Span::secs(2, 10),
        }
    }

    /// Every span somewhere between calm and mild, every whim more or less likely.
    fn drawn(rng: &mut Rng) -> Self {
        let mild = Self::mild();
        Self {
            request: mild.request.narrowed(rng),
            response: mild.response.narrowed(rng),
            hiccup_percent: rng.below(3),
            hiccup: mild.hiccup.narrowed(rng),
            denied_percent: 20 + rng.below(81),
            create: mild.create.narrowed(rng),
            start: mild.start.narrowed(rng),
            kill: mild.kill.narrowed(rng),
            vpn_ends: mild.vpn_ends.narrowed(rng),
            remove: mild.remove.narrowed(rng),
            comeback: mild.comeback.narrowed(rng),
            notice: mild.notice.narrowed(rng),
            stream_opens: mild.stream_opens.narrowed(rng),
            store_answers: mild.store_answers.narrowed(rng),
            store_fails_percent: rng.below(30),
            probe: mild.probe.narrowed(rng),
            refused_percent: rng.below(101),
            engine_boot: mild.engine_boot.narrowed(rng),
            slow_engine_boot: mild.slow_engine_boot.narrowed(rng),
            crash_loop: mild.crash_loop.narrowed(rng),
            server: mild.server.narrowed(rng),
            slow_server: mild.slow_server.narrowed(rng),
            tunnel_boot: mild.tunnel_boot.narrowed(rng),
            paused_passes_percent: rng.below(101),
            restart_cures_percent: rng.below(101),
            bounce_cures_percent: rng.below(101),
            health_interval: Duration::from_secs(2 + rng.below(29)),
            health_lag: mild.health_lag.narrowed(rng),
            health_retries: 1 + rng.below(3) as u32,
            health_start_period: Duration::from_secs(rng.below(31)),
            health_notices: mild.health_notices.narrowed(rng),
            port_wait: mild.port_wait.narrowed(rng),
            port_long_wait_percent: rng.below(25),
            port_long_wait: mild.port_long_wait.narrowed(rng),
            port_kept_percent: rng.below(40),
            port_returns_percent: rng.below(60),
            port_gap: mild.port_gap.narrowed(rng),
            shellless_percent: rng.below(101),
            slow_docker: mild.slow_docker.narrowed(rng),
            person: mild.person.narrowed(rng),
        }
    }
}

impl Storm {
    /// Nothing goes wrong by itself.
    pub const fn none() -> Self {
        Self { every: Span::secs(60, 60), lasting_percent: 0..=100, kinds: Vec::new(), asks: None }
    }

    /// About half of the treated kinds, weighted, twice to thirty times in ten minutes.
    fn drawn(rng: &mut Rng, has_vpns: bool) -> Self {
        // Whatever else is drawn, there is one kind that can befall somebody.
        let mut kinds = vec![(FaultKind::Engine(EngineFault::Crashes), 1)];
        for kind in FaultKind::TREATED {
            let possible = has_vpns || !matches!(kind, FaultKind::Vpn(_));
            if possible && rng.chance(50) {
                kinds.push((kind, 1 + rng.below(8)));
            }
        }
        let mean = Duration::from_secs(20 + rng.below(280));
        let shortest = rng.below(101) as u32;
        let longest = shortest + rng.below(u64::from(101 - shortest)) as u32;
        let mean_asked = Duration::from_secs(10 + rng.below(600));
        let asks = rng.chance(60).then(|| Span::around(mean_asked));
        Self { every: Span::around(mean), lasting_percent: shortest..=longest, kinds, asks }
    }
}

fn drawn_settings(rng: &mut Rng) -> Settings {
    // Mostly two, as most people have; without any now and then.
    let count = match rng.below(100) {
        0..8 => 0,
        8..25 => 1,
        25..75 => 2,
        75..90 => 3,
        _ => 4,
    };
    let min_replicas = 1 + rng.below(12) as usize;
    let max_replicas = min_replicas + rng.below(9) as usize;
    // Room for the minimum on all VPNs together at the least, for everything on one of them at the most.
    let least_room = min_replicas.div_ceil(count.max(1));
    let room = least_room + rng.below((max_replicas - least_room + 1) as u64) as usize;
    let names = ["gluetun", "gluetun2", "gluetun3", "gluetun4"];
    let mut vpns = vpns(names.into_iter().take(count), room as u16);
    if rng.chance(25) {
        for vpn in &mut vpns {
            vpn.ports = None;
        }
    }
    Settings {
        vpns,
        min_replicas,
        min_free_replicas: rng.below(4) as usize,
        max_replicas,
        max_active_replicas: min_replicas + rng.below(9) as usize,
        max_concurrent_provisions: 1 + rng.below(5) as usize,
        monitor_interval: Duration::from_secs(5 + rng.below(11)),
        docker_timeout: Duration::from_secs(5 + rng.below(26)),
        vpn_restart_engines_on_reconnect: rng.chance(70),
        vpn_unhealthy_restart_timeout: Duration::from_secs(30 + rng.below(91)),
        vpn_recovery_stabilization: Duration::from_secs(30 + rng.below(151)),
        health_check_interval: Duration::from_secs(5 + rng.below(21)),
        health_replacement_cooldown: Duration::from_secs(rng.below(121)),
        port_lost: Duration::from_secs(20 + rng.below(101)),
        // With EMERGENCY_REFILL, or after one to ten minutes.
        emergency_settle: if rng.chance(25) {
            Duration::ZERO
        } else {
            Duration::from_secs(60 + rng.below(541))
        },
        handoff: Duration::from_secs(5 + rng.below(21)),
        drain_timeout: Duration::from_secs(10 + rng.below(51)),
        auto_delete: rng.chance(50),
        engine_grace_period: Duration::from_secs(10 + rng.below(111)),
        autoscale_interval: Duration::from_secs(10 + rng.below(51)),
        ..Settings::default()
    }
}

/// VPNs of these names, each with a port range of its own that has room for so many engines.
fn vpns(names: impl IntoIterator<Item = &'static str>, room: u16) -> Vec<VpnSettings> {
    (0..)
        .zip(names)
        .map(|(place, name)| {
            let first: u16 = 19_000 + place * 100;
            let ports: RangeInclusive<u16> = first..=first + room - 1;
            VpnSettings { container: Name::from(name), ports: Some(ports) }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_drawn_plan_is_one_that_acefleet_accepts() {
        let mut rng = Rng::new(1);
        for _ in 0..2_000 {
            let Plan { settings, dawns, .. } = Plan::drawn(&mut rng);
            let max = settings.max_replicas.min(settings.max_active_replicas);
            let rooms = settings.vpns.iter().map(|vpn| Some(vpn.ports.as_ref()?.len()));
            let room: Option<usize> = rooms.sum();

            assert!(settings.min_replicas <= max);
            assert_eq!(dawns.len(), settings.vpns.len());
            if let Some(room) = room.filter(|_| !settings.vpns.is_empty()) {
                assert!(room >= settings.min_replicas, "{room} ports for {settings:?}");
            }
        }
    }
}
