//! `acefleet check`: what `serve` would do with these settings, and whether it would find what it needs.
//!
//! It looks and changes nothing: it lists, inspects and asks, each with a time limit.

use super::report::Report;
use crate::log::OneLine;
use crate::runtime::{Failure, Inspected, Runtime};
use crate::settings::words::shown;
use crate::settings::{DockerHost, GluetunAuth, Origin, Settings, VpnMode};
use crate::store::{self, Seen};
use control::command::{Question, Target};
use control::docker::{Health, Listing, State};
use control::event::{Outcome, Refusal, Report as Answer, Silence, TunnelStatus};
use control::ids::{Name, VpnId};
use control::policy::ports::http_range;
use control::policy::scaling::limit;
use std::future::Future;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;
use tokio::time::timeout;

/// Asks VPNs' control servers, and never tells them anything.
pub trait ControlServers {
    /// Asks the control server of the VPN whose container was just inspected.
    fn ask(&self, vpn: &Inspected, question: Question) -> impl Future<Output = Outcome> + Send;
}

/// Checks everything. A question that takes longer than the settings allow counts as not answered.
pub async fn check(settings: &Settings, docker: &impl Runtime, servers: &impl ControlServers) -> Report {
    let mut report = Report::default();
    tell_settings(settings, &mut report);
    tell_plan(settings, &mut report);
    report.part("Docker");
    if !reach_docker(settings, docker, &mut report).await {
        return report;
    }
    for name in settings.vpn_names() {
        report.part(&format!("VPN {}", shown(name.as_str())));
        if let Some(vpn) = look_at_vpn(settings, docker, name, &mut report).await {
            ask_server(settings, servers, &vpn, &mut report).await;
        }
    }
    report
}

fn tell_settings(settings: &Settings, report: &mut Report) {
    report.part("Settings");
    let set: Vec<_> = settings.effective.iter().filter(|setting| setting.origin != Origin::Default).collect();
    report.ok(format!(
        "{} of {} are set, the others have their defaults",
        set.len(),
        settings.effective.len()
    ));
    for setting in set {
        report.ok(format!("{}={} ({})", setting.name, setting.value, setting.origin));
    }
    for warning in &settings.warnings {
        report.warn(warning);
    }
}

fn tell_plan(settings: &Settings, report: &mut Report) {
    let core = &settings.core;
    report.part("Plan");
    let places = match settings.vpn_mode {
        VpnMode::Disabled => format!("no VPN: engines get the host's ports {}", span(&core.port_range_host)),
        VpnMode::Single | VpnMode::Redundant => {
            let each = settings.vpn_names().zip(engine_ports(settings));
            let each: Vec<String> = each
                .map(|(name, range)| format!("{} (ports {})", shown(name.as_str()), span(&range)))
                .collect();
            format!("engines use {} VPN(s): {}", each.len(), each.join(", "))
        }
    };
    report.ok(places);
    if core.vpns.iter().filter(|vpn| vpn.ports.is_none()).count() > 1 {
        report.warn(
            "several VPNs share one pool of ports, and only one container can publish a port on the host; give \
             each its own: GLUETUN_PORT_RANGES=19000-19499,19500-19999",
        );
    }
    let (most, free, streams) = (limit(core), core.min_free_replicas, core.max_streams_per_engine);
    let (least, at_a_time) = (core.min_replicas.min(most), core.max_concurrent_provisions);
    report.ok(format!(
        "{least} to {most} engines, {free} of them free, {streams} stream(s) each, {at_a_time} created at a \
         time"
    ));
    let (key, value) = &settings.engine.label;
    report.ok(format!("image {}, label {}={}", shown(&settings.engine.image), shown(key), shown(value)));
    tell_history(&settings.store.path, report);
    report.ok(format!("the API answers on port {}", settings.app_port));
    let api = &settings.api;
    match api.key {
        Some(_) => report.ok("whoever sends API_KEY may change something, everybody may look"),
        None => report.warn("everybody who reaches the port may change everything; set API_KEY"),
    }
    match (&api.hook_token, &api.key) {
        (Some(_), _) => report.ok("whoever sends HOOK_TOKEN may tell of a new forwarded port"),
        (None, Some(_)) => report.ok("whoever sends API_KEY may tell of a new forwarded port"),
        (None, None) => report.ok("nobody may tell of a new forwarded port; VPNs are asked for it"),
    }
    match &api.cors_origins[..] {
        [] => report.ok("browsers may use the API from its own pages alone"),
        origins => report.ok(format!("browsers may use the API from {}", shown(&origins.join(", ")))),
    }
    match &settings.notify.targets[..] {
        [] => report.ok("nobody is told when something is wrong; NOTIFY_URLS says whom to tell"),
        targets => {
            let targets: Vec<String> = targets.iter().map(ToString::to_string).collect();
            report.ok(format!("told when something is wrong: {}", shown(&targets.join(", "))));
        }
    }
    match &api.provision_images[..] {
        [] => report.ok("callers may start engines, and no other image"),
        images => report.ok(format!("callers may start engines, and {}", shown(&images.join(", ")))),
    }
}

fn tell_history(path: &Path, report: &mut Report) {
    let name = |path: &Path| shown(&path.display().to_string());
    match store::look(path) {
        Ok(Seen::Ours) => report.ok(format!("history in {}", name(path))),
        Ok(Seen::Anothers(what, ours)) => {
            report.warn(format!(
                "{} is {what}: it is left alone, and history is in {}",
                name(path),
                name(&ours)
            ));
        }
        Err(trouble) => report.fail(
            format!("history in {}: {}", name(path), OneLine(trouble)),
            "until then acefleet works, and keeps history in memory alone",
        ),
    }
}

/// The ports that engines on each VPN may get.
fn engine_ports(settings: &Settings) -> impl Iterator<Item = RangeInclusive<u16>> {
    (0..).map(VpnId).take(settings.core.vpns.len()).map(|vpn| http_range(Some(vpn), &settings.core))
}

fn span(range: &RangeInclusive<u16>) -> String {
    format!("{}-{}", range.start(), range.end())
}

async fn within<T>(limit: Duration, call: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    timeout(limit, call).await.unwrap_or(Err(Failure::Unknown(Silence::TimedOut)))
}

fn why(failure: &Failure) -> String {
    match failure {
        Failure::Refused(refusal) => shown(&refusal.to_string()),
        Failure::Unknown(Silence::TimedOut) => "no answer in time".into(),
        Failure::Unknown(Silence::Disconnected) => "no connection".into(),
    }
}

async fn reach_docker(settings: &Settings, docker: &impl Runtime, report: &mut Report) -> bool {
    let place = match &settings.docker {
        DockerHost::Unix(path) => path.display().to_string(),
        DockerHost::Tcp(address) => address.clone(),
        DockerHost::Tls { address, .. } => format!("{address} (encrypted)"),
    };
    let place = shown(&place);
    let answer = within(settings.core.docker_timeout, docker.ping()).await;
    if let Err(failure) = answer {
        let todo = match &settings.docker {
            DockerHost::Unix(_) => {
                "is Docker running, is the socket there (in a container: mounted), and may this user open \
                 it? Otherwise set DOCKER_HOST"
            }
            DockerHost::Tcp(_) => {
                "is Docker running there, and does it listen on that port? Otherwise set DOCKER_HOST"
            }
            DockerHost::Tls { .. } => {
                "is Docker running there, and do the certificates in DOCKER_CERT_PATH belong to it?"
            }
        };
        report.fail(format!("Docker at {place}: {}", why(&failure)), todo);
        return false;
    }
    report.ok(format!("Docker answers at {place}"));
    match within(settings.core.docker_timeout, docker.list()).await {
        Ok(listing) => tell_containers(settings, &listing, report),
        Err(failure) => report.fail(
            format!("Docker does not list its containers: {}", why(&failure)),
            "if Docker is reached through a proxy, allow GET /containers/json there",
        ),
    }
    true
}

fn tell_containers(settings: &Settings, listing: &Listing, report: &mut Report) {
    let ours = listing.containers.iter().filter(|container| container.ours).count();
    let (key, value) = &settings.engine.label;
    let label = format!("{}={}", shown(key), shown(value));
    report.ok(format!("{} container(s), {ours} of them with the label {label}", listing.containers.len()));
    let most = limit(&settings.core);
    if ours > most {
        report.warn(format!(
            "{ours} containers with the label are more than the {most} that may be: idle ones would go"
        ));
    }
}

async fn look_at_vpn(
    settings: &Settings,
    docker: &impl Runtime,
    name: &Name,
    report: &mut Report,
) -> Option<Inspected> {
    let target = Target::Name(name.clone());
    let vpn = match within(settings.core.docker_timeout, docker.inspect(&target)).await {
        Ok(Some(vpn)) => vpn,
        Ok(None) => {
            report.fail(
                "there is no such container",
                "start it, or correct GLUETUN_CONTAINERS or GLUETUN_CONTAINER_NAME: the name that `docker \
                 ps` shows",
            );
            return None;
        }
        Err(failure) => {
            report.fail(
                format!("it cannot be inspected: {}", why(&failure)),
                "if Docker is reached through a proxy, allow GET /containers/{name}/json there",
            );
            return None;
        }
    };
    let state = vpn.facts.listed.state;
    let running = match state {
        State::Running => true,
        State::Created
        | State::Paused
        | State::Restarting
        | State::Removing
        | State::Exited
        | State::Dead => false,
    };
    if !running {
        let todo = format!("start it: docker start {}", shown(name.as_str()));
        report.fail(format!("its container is {state}"), todo);
        return None;
    }
    match vpn.facts.health {
        Health::Healthy => report.ok("its container runs and is healthy"),
        Health::Unchecked => report.ok("its container runs; it has no health check"),
        Health::Starting => {
            report.warn("its container runs and is not judged healthy yet: no engines until it is");
        }
        Health::Unhealthy => report.fail(
            "its container runs and is unhealthy",
            format!("look at its log: docker logs --tail 50 {}", shown(name.as_str())),
        ),
    }
    compare_ports(settings, &vpn, report);
    Some(vpn)
}

/// Clients call engines by the host's port, so that has to be the same number; acefleet itself can also use
/// the VPN's own address.
fn compare_ports(settings: &Settings, vpn: &Inspected, report: &mut Report) {
    let name = &vpn.facts.listed.name;
    let mut ranges = settings.vpn_names().zip(engine_ports(settings));
    let Some((_, range)) = ranges.find(|(candidate, _)| *candidate == name) else { return };
    if range.is_empty() {
        report.fail(
            format!("its range {} has no ports, so it gets no engines", span(&range)),
            "write the range as first-last",
        );
        return;
    }
    let published = |port: &u16| vpn.reach.published.contains(&(*port, *port));
    let missing: Vec<u16> = range.clone().filter(|port| !published(port)).collect();
    if missing.is_empty() {
        report.ok(format!("it publishes the engines' ports {}", span(&range)));
        return;
    }
    let lacks = format!(
        "it does not publish {} of the engines' ports {} ({})",
        missing.len(),
        span(&range),
        first_few(&missing)
    );
    let todo = format!("publish them in its compose file: ports: [\"{0}:{0}\"]", span(&range));
    match vpn.reach.addresses.first() {
        Some((network, address)) => report.warn(format!(
            "{lacks}: clients on the host cannot reach engines there, those on the network {} can, at \
             {address}; {todo}",
            shown(network)
        )),
        None => report.fail(format!("{lacks} and has no address: nobody can reach engines there"), todo),
    }
}

/// Ports as ranges, the first few of them.
fn first_few(ports: &[u16]) -> String {
    const MOST_RANGES: usize = 3;
    let mut ranges: Vec<RangeInclusive<u16>> = Vec::new();
    for port in ports {
        match ranges.last_mut() {
            Some(last) if last.end().checked_add(1) == Some(*port) => *last = *last.start()..=*port,
            Some(_) | None => ranges.push(*port..=*port),
        }
    }
    let more = if ranges.len() > MOST_RANGES { ", …" } else { "" };
    let one = |range: &RangeInclusive<u16>| match range.len() {
        1 => range.start().to_string(),
        _ => span(range),
    };
    ranges.iter().take(MOST_RANGES).map(one).collect::<Vec<_>>().join(", ") + more
}

async fn ask_server(
    settings: &Settings,
    servers: &impl ControlServers,
    vpn: &Inspected,
    report: &mut Report,
) {
    let ask = |question| async move {
        let silent = Outcome::Unknown(Silence::TimedOut);
        timeout(settings.core.gluetun_timeout, servers.ask(vpn, question)).await.unwrap_or(silent)
    };
    let port = settings.gluetun.api_port;
    match ask(Question::Tunnel).await {
        Outcome::Done(Answer::Tunnel(TunnelStatus::Running)) => {
            report.ok(format!("its control server answers on port {port}: the tunnel is running"));
        }
        Outcome::Done(Answer::Tunnel(status)) => report.fail(
            format!("its control server answers on port {port}: the tunnel is {}", tunnel(status)),
            format!("look at its log: docker logs --tail 50 {}", shown(vpn.facts.listed.name.as_str())),
        ),
        Outcome::Done(_) => {
            report.fail("its control server answers something else than it was asked", "is it Gluetun?");
        }
        Outcome::Refused(Refusal::Unauthorized) => {
            return report.fail("its control server does not let us in", admit(settings));
        }
        Outcome::Refused(refusal) => report.fail(
            format!("its control server answers with an error: {}", shown(&refusal.to_string())),
            "is GLUETUN_API_PORT the port of Gluetun's control server?",
        ),
        Outcome::Unknown(_) => {
            return report.fail(
                format!("its control server does not answer on port {port}"),
                "compare GLUETUN_API_PORT with HTTP_CONTROL_SERVER_ADDRESS in Gluetun (8000 unless it is \
                 set)",
            );
        }
    }
    match ask(Question::Ports).await {
        Outcome::Done(Answer::Ports(ports)) => match ports.first() {
            Some(port) => report.ok(format!("its forwarded port is {port}")),
            None => report.warn(
                "it has no forwarded port: engines there get fewer peers, and none is called forwarded",
            ),
        },
        Outcome::Refused(Refusal::Unauthorized) => {
            report.fail("its control server does not tell us the forwarded port", admit(settings));
        }
        Outcome::Done(_) | Outcome::Refused(_) | Outcome::Unknown(_) => {
            report.warn(
                "its forwarded port cannot be learnt now; Gluetun does not answer while the port is changing",
            );
        }
    }
}

fn tunnel(status: TunnelStatus) -> &'static str {
    match status {
        TunnelStatus::Starting => "starting",
        TunnelStatus::Running => "running",
        TunnelStatus::Stopping => "stopping",
        TunnelStatus::Stopped => "stopped",
        TunnelStatus::Crashed => "crashed",
    }
}

fn admit(settings: &Settings) -> &'static str {
    match settings.gluetun.auth {
        GluetunAuth::None => {
            "set GLUETUN_API_KEY, or GLUETUN_API_USER and GLUETUN_API_PASSWORD, as its config.toml says"
        }
        GluetunAuth::Key(_) => {
            "compare GLUETUN_API_KEY with its config.toml, where the role's routes have to be GET and PUT \
             /v1/vpn/status, GET /v1/portforward and GET /v1/publicip/ip"
        }
        GluetunAuth::Basic(..) => {
            "compare GLUETUN_API_USER and GLUETUN_API_PASSWORD with its config.toml, where the role's routes \
             have to be GET and PUT /v1/vpn/status, GET /v1/portforward and GET /v1/publicip/ip"
        }
    }
}
