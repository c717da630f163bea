//! Two VPNs and ten engines on a Docker Engine of their own, and when Docker says that something happened there.

use crate::fleet::{Fleet, Plan};
use crate::ground::{Ground, eventually};
use crate::watch::{Watch, has_on_each};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub(crate) const VPNS: [&str; 2] = ["gluetun1", "gluetun2"];
/// A part of the name of the image that engines have by default.
const ENGINE_IMAGE: &str = "acestream-http-proxy";
const PORTS: [&str; 2] = ["40001", "40002"];
pub(crate) const ENGINES: usize = 10;
pub(crate) const EACH: usize = ENGINES / VPNS.len();
/// How many of them `docker run` starts at a time, as many as MAX_CONCURRENT_PROVISIONS.
const AT_ONCE: usize = 5;
/// Far longer than anything should take.
pub(crate) const LONG: Duration = Duration::from_secs(60);
/// What Gluetun's own hook shows.
pub(crate) const HOOK_TOKEN: &str = "hook";

/// Runs a VPN. Its port is there with the tunnel and changes without a gap, so that no time is its own.
pub(crate) fn run_vpn(ground: &Ground, number: usize) {
    let times =
        [("STANDIN_STARTING_MS", "100"), ("STANDIN_PORT_AFTER_MS", "0"), ("STANDIN_PORT_GAP_MS", "0")];
    let env = [&[("STANDIN_PORTS", PORTS[number])][..], &times].concat();
    ground.run_vpn(VPNS[number], &env);
}

/// Two VPNs that Docker calls healthy.
pub(crate) fn two_vpns(ground: &Ground) {
    (0..VPNS.len()).for_each(|number| run_vpn(ground, number));
    for vpn in VPNS {
        eventually("Docker calls it healthy", LONG, || {
            (ground.docker(&["inspect", "-f", "{{.State.Health.Status}}", vpn]) == "healthy").then_some(())
        });
    }
}

/// The program's defaults but for the number of engines.
pub(crate) fn plan(ground: &Ground) -> Plan {
    Plan::as_shipped(ground, &VPNS).with("MIN_REPLICAS", &ENGINES.to_string()).with("HOOK_TOKEN", HOOK_TOKEN)
}

/// The program with ten engines on two VPNs, at rest.
pub(crate) fn ten_engines(ground: &Ground, plan: Plan) -> Fleet {
    two_vpns(ground);
    let fleet = Fleet::start(plan);
    fleet.settles_at(ENGINES);
    fleet
}

/// A new life of the program with the engines of the one before. It has not seen the failures of that one, after
/// which a VPN would have to prove itself.
pub(crate) fn anew(fleet: &mut Fleet) {
    fleet.kill();
    fleet.begin();
    eventually("ten engines are listed", LONG, || has_on_each(&fleet.engines(), EACH, &VPNS).then_some(()));
}

/// Runs `docker run` for ten engines such as the program makes, and takes them away again; how long running took.
pub(crate) fn docker_runs_ten(ground: &Ground) -> Duration {
    let images = ground.docker(&["images", "--format", "{{.Repository}}:{{.Tag}}"]);
    let image =
        images.lines().find(|image| image.contains(ENGINE_IMAGE)).expect("the lab has the engine's image");
    let run = |number: usize| {
        let vpn = VPNS[number % VPNS.len()];
        let (http, https) = (19_000 + number, 45_000 + number);
        ground.docker(&[
            "run",
            "-d",
            "--name",
            &format!("bare-{number}"),
            "--restart",
            "unless-stopped",
            "--network",
            &format!("container:{vpn}"),
            "-e",
            &format!("CONF=--http-port={http}\n--https-port={https}\n--bind-all"),
            "-e",
            &format!("HTTP_PORT={http}"),
            "-e",
            &format!("HTTPS_PORT={https}"),
            "-e",
            "BIND_ALL=true",
            image,
        ]);
    };
    let began = Instant::now();
    thread::scope(|scope| {
        for lane in 0..AT_ONCE {
            scope.spawn(move || (lane..ENGINES).step_by(AT_ONCE).for_each(run));
        }
    });
    let took = began.elapsed();
    let names = ground.names("bare-");
    ground.docker(&["rm", "-f"].into_iter().chain(names.iter().map(String::as_str)).collect::<Vec<_>>());
    took
}

/// What Docker told of containers whose name begins so, since then: when, which and what.
pub(crate) fn told(ground: &Ground, prefix: &str, since: SystemTime) -> Vec<(SystemTime, String, String)> {
    let stamp = |time: SystemTime| {
        let time = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        format!("{}.{:09}", time.as_secs(), time.subsec_nanos())
    };
    let format = "{{.TimeNano}}|{{.Actor.Attributes.name}}|{{.Action}}";
    let (since, until) = (stamp(since), stamp(SystemTime::now()));
    let events = ground.docker(&[
        "events",
        "--since",
        &since,
        "--until",
        &until,
        "--filter",
        "type=container",
        "--format",
        format,
    ]);
    let read = |line: &str| {
        let (nanos, rest) = line.split_once('|')?;
        let (name, action) = rest.split_once('|')?;
        let at = UNIX_EPOCH + Duration::from_nanos(nanos.parse().ok()?);
        name.starts_with(prefix).then(|| (at, name.to_string(), action.to_string()))
    };
    events.lines().filter_map(read).collect()
}

/// When Docker told this of a container, the first time since then.
pub(crate) fn moment(ground: &Ground, name: &str, action: &str, since: SystemTime) -> SystemTime {
    eventually(&format!("Docker tells {action} of {name}"), LONG, || {
        let told = told(ground, name, since);
        told.into_iter().find(|(_, _, told)| told == action).map(|(at, _, _)| at)
    })
}

/// From one moment to another; nothing if it is the other way round.
pub(crate) fn between(from: SystemTime, to: SystemTime) -> Duration {
    to.duration_since(from).unwrap_or_default()
}

/// Waits until no engine of this VPN is listed; when that was.
pub(crate) fn hidden(watch: &Watch, vpn: &str, since: SystemTime) -> SystemTime {
    watch.until(&format!("no engine of {vpn} is listed"), since, LONG, |engines| {
        engines.iter().all(|engine| engine.vpn.as_deref() != Some(vpn))
    })
}
