//! What Docker says of containers, translated into the core's words: listings and inspections.
//!
//! Read leniently: what is missing or strange in one container is left out, and spoils nothing else. Types here
//! have the fields that are used, all of them optional.

use super::p2p;
use crate::dial::HOST_NETWORK;
use crate::runtime::{Inspected, Reach};
use control::docker::{Facts, Health, Listed, Network, State};
use control::ids::{ContainerId, Name, SandboxId};
use control::labels::Labels;
use control::time::Stamp;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// The key and value of CONTAINER_LABEL.
pub(super) type OurLabel = (String, String);

/// A container in a listing.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Summary {
    id: String,
    names: Option<Vec<String>>,
    image: Option<String>,
    state: Option<String>,
    labels: Option<BTreeMap<String, Option<String>>>,
    ports: Option<Vec<Port>>,
    host_config: Option<HostConfig>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Port {
    public_port: Option<u16>,
    r#type: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HostConfig {
    network_mode: Option<String>,
    port_bindings: Option<Bindings>,
}

/// `8000/tcp` inside, and where that is found on the host.
type Bindings = BTreeMap<String, Option<Vec<Binding>>>;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Binding {
    host_port: Option<String>,
}

/// An inspected container.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Inspection {
    id: String,
    name: Option<String>,
    created: Option<String>,
    state: Option<InspectedState>,
    config: Option<Config>,
    host_config: Option<HostConfig>,
    network_settings: Option<NetworkSettings>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InspectedState {
    status: Option<String>,
    running: Option<bool>,
    paused: Option<bool>,
    restarting: Option<bool>,
    dead: Option<bool>,
    started_at: Option<String>,
    health: Option<HealthState>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HealthState {
    status: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Config {
    image: Option<String>,
    labels: Option<BTreeMap<String, Option<String>>>,
    env: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct NetworkSettings {
    #[serde(rename = "SandboxID")]
    sandbox_id: Option<String>,
    #[serde(rename = "IPAddress")]
    ip_address: Option<String>,
    #[serde(rename = "Ports")]
    ports: Option<Bindings>,
    #[serde(rename = "Networks")]
    networks: Option<BTreeMap<String, Option<Endpoint>>>,
}

#[derive(Deserialize)]
struct Endpoint {
    #[serde(rename = "IPAddress")]
    ip_address: Option<String>,
    #[serde(rename = "GlobalIPv6Address")]
    ipv6_address: Option<String>,
}

impl Summary {
    /// The container as the core knows it, or what is strange about it.
    pub(super) fn listed(self, ours: &OurLabel) -> Result<Listed, String> {
        let id = id(&self.id)?;
        let state = state(self.state.as_deref().unwrap_or_default())?;
        let labels = self.labels.unwrap_or_default();
        let is_ours = is_ours(&labels, ours);
        let published = self.ports.iter().flatten().filter(|port| is_tcp(port.r#type.as_deref()));
        // A port that is published for both families is told twice.
        let published: BTreeSet<u16> = published.filter_map(|port| port.public_port).collect();
        Ok(Listed {
            id,
            name: own_name(self.names.iter().flatten().map(String::as_str), id),
            ours: is_ours,
            state,
            network: network(self.host_config.and_then(|config| config.network_mode).as_deref()),
            labels: if is_ours { readable(labels) } else { Labels::default() },
            image: self.image.unwrap_or_default().into(),
            published: published.into_iter().filter(|port| *port != 0).collect(),
        })
    }
}

impl Inspection {
    /// The container as the core knows it, or what is strange about it.
    pub(super) fn inspected(self, ours: &OurLabel) -> Result<Inspected, String> {
        let id = id(&self.id)?;
        let told = self.state.ok_or("its state is missing")?;
        let host = self.host_config.unwrap_or(HostConfig { network_mode: None, port_bindings: None });
        let network = network(host.network_mode.as_deref());
        let settings = self.network_settings;
        let own_network = matches!(network, Network::Own(_));
        let sandbox = settings.as_ref().filter(|_| own_network).and_then(|told| told.sandbox_id.as_deref());
        let reach = match (&network, &settings) {
            (Network::Own(name), Some(told)) => told.reach(name, host.port_bindings.as_ref()),
            (Network::Own(_) | Network::Container(_) | Network::ContainerNamed(_), _) => Reach::default(),
        };
        let config = self.config.unwrap_or(Config { image: None, labels: None, env: None, cmd: None });
        let labels = config.labels.unwrap_or_default();
        let is_ours = is_ours(&labels, ours);
        let published: BTreeSet<u16> = reach.published.iter().map(|(_, outside)| *outside).collect();
        let facts = Facts {
            health: health(told.health.as_ref().and_then(|health| health.status.as_deref())),
            started_at: told.started_at.as_deref().and_then(stamp),
            sandbox: sandbox.and_then(SandboxId::parse),
            p2p_in_spec: p2p::port_in_spec(
                config.env.as_deref().unwrap_or_default(),
                config.cmd.as_deref().unwrap_or_default(),
            ),
            created_at: self.created.as_deref().and_then(stamp).unwrap_or(Stamp::from_nanos(0)),
            listed: Listed {
                id,
                name: own_name(self.name.as_deref().into_iter(), id),
                ours: is_ours,
                state: told.state()?,
                network,
                labels: if is_ours { readable(labels) } else { Labels::default() },
                image: config.image.unwrap_or_default().into(),
                published: published.into_iter().collect(),
            },
        };
        Ok(Inspected { facts, reach })
    }
}

impl InspectedState {
    /// The word for the state; where that is not known, what the flags beside it come to.
    fn state(&self) -> Result<State, String> {
        let word = self.status.as_deref().unwrap_or_default();
        state(word).or_else(|strange| match (self.running, self.paused, self.restarting, self.dead) {
            (_, Some(true), _, _) => Ok(State::Paused),
            (_, _, Some(true), _) => Ok(State::Restarting),
            (Some(true), _, _, _) => Ok(State::Running),
            (_, _, _, Some(true)) => Ok(State::Dead),
            (Some(false), _, _, _) => Ok(State::Exited),
            (None, _, _, _) => Err(strange),
        })
    }
}

impl NetworkSettings {
    fn reach(&self, own: &Name, bound: Option<&Bindings>) -> Reach {
        let mut addresses = Vec::new();
        let mut add = |network: &str, address: Option<&str>| {
            let known: Option<IpAddr> = address.and_then(|text| text.parse().ok());
            addresses.extend(known.map(|address| (network.to_owned(), address)));
        };
        for (network, endpoint) in self.networks.iter().flatten() {
            let Some(endpoint) = endpoint else { continue };
            add(network, endpoint.ip_address.as_deref());
            add(network, endpoint.ipv6_address.as_deref());
        }
        // Answers of old versions have the default network's address only here.
        add(own.as_str(), self.ip_address.as_deref());
        let mut seen = BTreeSet::new();
        addresses.retain(|(_, address)| seen.insert(*address));
        let live = self.ports.as_ref().map(bound_ports).unwrap_or_default();
        let published = if live.is_empty() { bound.map(bound_ports).unwrap_or_default() } else { live };
        Reach { addresses, published: published.into_iter().collect(), on_host: own.as_str() == HOST_NETWORK }
    }
}

fn bound_ports(bindings: &Bindings) -> BTreeSet<(u16, u16)> {
    let mut ports = BTreeSet::new();
    for (inside, bound) in bindings {
        let (inside, kind) = inside.split_once('/').unwrap_or((inside, "tcp"));
        let Ok(inside) = inside.parse::<u16>() else { continue };
        if !is_tcp(Some(kind)) {
            continue;
        }
        let outside = bound.iter().flatten().filter_map(|binding| binding.host_port.as_deref()?.parse().ok());
        ports.extend(outside.filter(|port| *port != 0).map(|port: u16| (inside, port)));
    }
    ports
}

/// Docker's word for a state, or one of Podman's own.
fn state(word: &str) -> Result<State, String> {
    match word {
        "created" | "configured" | "initialized" => Ok(State::Created),
        // While it is being stopped, its processes still run.
        "running" | "stopping" => Ok(State::Running),
        "paused" => Ok(State::Paused),
        "restarting" => Ok(State::Restarting),
        "removing" => Ok(State::Removing),
        "exited" | "stopped" => Ok(State::Exited),
        "dead" => Ok(State::Dead),
        strange => Err(format!("the state {strange:.40?} is not known")),
    }
}

/// Docker's word for a health; a container without a check has none, or `none`.
pub(super) fn health(word: Option<&str>) -> Health {
    match word {
        Some("starting") => Health::Starting,
        Some("healthy") => Health::Healthy,
        Some("unhealthy") => Health::Unhealthy,
        Some(_) | None => Health::Unchecked,
    }
}

/// Where a container's network comes from.
pub(super) fn network(mode: Option<&str>) -> Network {
    let mode = mode.filter(|mode| !mode.is_empty()).unwrap_or("default");
    match mode.strip_prefix("container:") {
        Some(other) => match ContainerId::parse(other) {
            Some(id) => Network::Container(id),
            None => Network::ContainerNamed(Name::from(other)),
        },
        None => Network::Own(Name::from(mode)),
    }
}

/// The moment that an RFC 3339 time names; Docker writes the year 1 for "never".
fn stamp(text: &str) -> Option<Stamp> {
    let moment: jiff::Timestamp = text.parse().ok()?;
    u64::try_from(moment.as_nanosecond()).ok().filter(|nanos| *nanos > 0).map(Stamp::from_nanos)
}

pub(super) fn id(text: &str) -> Result<ContainerId, String> {
    ContainerId::parse(text).ok_or_else(|| format!("{text:.80?} is no container's id"))
}

/// Names of links have a second slash. A container that is going may have lost its name already.
pub(super) fn own_name<'a>(names: impl Iterator<Item = &'a str>, id: ContainerId) -> Name {
    let mut names = names.map(|name| name.trim_start_matches('/')).filter(|name| !name.is_empty());
    match names.find(|name| !name.contains('/')) {
        Some(name) => Name::from(name),
        None => Name::from(format!("{id:.12}").as_str()),
    }
}

pub(super) fn is_ours(labels: &BTreeMap<String, Option<String>>, (key, value): &OurLabel) -> bool {
    labels.get(key).is_some_and(|label| label.as_deref().unwrap_or_default() == value)
}

fn readable(labels: BTreeMap<String, Option<String>>) -> Labels {
    labels.into_iter().map(|(key, value)| (key, value.unwrap_or_default())).collect()
}

fn is_tcp(kind: Option<&str>) -> bool {
    kind.is_none_or(|kind| kind == "tcp")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn inspected(change: impl FnOnce(&mut Value)) -> Inspected {
        let mut told = json!({
            "Id": "a".repeat(64),
            "Name": "/gluetun",
            "Created": "2025-11-20T10:00:00.000000001Z",
            "State": { "Status": "running", "Running": true, "StartedAt": "2025-11-20T11:00:00.5+01:00",
                       "Health": { "Status": "healthy", "FailingStreak": 0 } },
            "Config": { "Image": "qmcgaw/gluetun:latest", "Labels": { "ondemand.app": "myservice" },
                        "Env": ["P2P_PORT=48278"], "Cmd": null },
            "HostConfig": { "NetworkMode": "vpn_default",
                            "PortBindings": { "8000/tcp": [{ "HostIp": "", "HostPort": "8001" }] } },
            "NetworkSettings": {
                "SandboxID": "b".repeat(64),
                "IPAddress": "",
                "Ports": { "8000/tcp": [{ "HostPort": "8001" }, { "HostPort": "8001" }], "8888/tcp": null,
                           "8388/udp": [{ "HostPort": "8388" }] },
                "Networks": { "vpn_default": { "IPAddress": "172.18.0.2", "GlobalIPv6Address": "" },
                              "zoo": { "IPAddress": "172.19.0.2" }, "strange": null },
            },
        });
        change(&mut told);
        let read: Inspection = serde_json::from_value(told).expect("an inspection");
        read.inspected(&("ondemand.app".into(), "myservice".into())).expect("a container")
    }

    #[test]
    fn an_inspection_is_read_to_the_nanosecond() {
        let Inspected { facts, reach } = inspected(|_| {});
        let ten = 1_763_632_800_000_000_000;
        assert_eq!(facts.created_at, Stamp::from_nanos(ten + 1));
        assert_eq!(facts.started_at, Some(Stamp::from_nanos(ten + 500_000_000)));
        assert_eq!((facts.health, facts.listed.state), (Health::Healthy, State::Running));
        assert_eq!(facts.sandbox, SandboxId::parse(&"b".repeat(64)));
        assert_eq!(facts.p2p_in_spec, Some(48_278));
        assert_eq!(facts.listed.network, Network::Own(Name::from("vpn_default")));
        assert_eq!(&*facts.listed.published, [8_001]);
        assert_eq!(reach.published, [(8_000, 8_001)]);
        let address =
            |network: &str, text: &str| (network.to_owned(), text.parse::<IpAddr>().expect("an address"));
        assert_eq!(reach.addresses, [address("vpn_default", "172.18.0.2"), address("zoo", "172.19.0.2")]);
    }

    #[test]
    fn what_never_started_has_no_start_time() {
        let facts = inspected(|told| told["State"]["StartedAt"] = json!("0001-01-01T00:00:00Z")).facts;
        assert_eq!(facts.started_at, None);
    }

    #[test]
    fn who_lives_in_anothers_network_has_no_sandbox_and_no_address_of_its_own() {
        let joined = format!("container:{}", "c".repeat(64));
        let Inspected { facts, reach } = inspected(|told| told["HostConfig"]["NetworkMode"] = json!(joined));
        assert_eq!(facts.listed.network, Network::Container(id(&"c".repeat(64)).expect("an id")));
        assert_eq!((facts.sandbox, reach), (None, Reach::default()));
        let named = inspected(|told| told["HostConfig"]["NetworkMode"] = json!("container:gluetun"));
        assert_eq!(named.facts.listed.network, Network::ContainerNamed(Name::from("gluetun")));
    }

    #[test]
    fn a_stopped_container_publishes_what_it_will_publish() {
        let reach = inspected(|told| {
            told["NetworkSettings"]["Ports"] = json!({});
            told["NetworkSettings"]["Networks"] = Value::Null;
        })
        .reach;
        assert_eq!((reach.published, reach.addresses), (vec![(8_000, 8_001)], vec![]));
    }

    #[test]
    fn an_old_docker_tells_the_address_of_the_default_network_beside_the_networks() {
        let reach = inspected(|told| {
            told["HostConfig"]["NetworkMode"] = json!("default");
            told["NetworkSettings"]["Networks"] = Value::Null;
            told["NetworkSettings"]["IPAddress"] = json!("172.17.0.2");
        })
        .reach;
        assert_eq!(reach.addresses, [("default".to_owned(), IpAddr::from([172, 17, 0, 2]))]);
    }

    #[test]
    fn a_state_without_a_known_word_is_read_from_the_flags_beside_it() {
        let state = |flags: Value| inspected(|told| told["State"] = flags).facts.listed.state;
        assert_eq!(state(json!({ "Status": "confused", "Running": true })), State::Running);
        assert_eq!(state(json!({ "Running": true, "Paused": true })), State::Paused);
        assert_eq!(state(json!({ "Running": true, "Restarting": true })), State::Restarting);
        assert_eq!(state(json!({ "Running": false, "Dead": true })), State::Dead);
        assert_eq!(state(json!({ "Running": false })), State::Exited);
    }

    #[test]
    fn fields_that_are_missing_cost_what_they_would_tell_and_nothing_more() {
        let facts = inspected(|told| {
            *told = json!({ "Id": "a".repeat(64), "State": { "Status": "created" } });
        })
        .facts;
        assert_eq!((facts.listed.name.as_str(), facts.listed.ours), ("aaaaaaaaaaaa", false));
        assert_eq!((facts.health, facts.started_at, facts.p2p_in_spec), (Health::Unchecked, None, None));
    }
}
