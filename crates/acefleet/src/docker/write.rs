//! A container to be created, as Docker wants it written down.

use crate::runtime::{JoinedNetwork, Spec};
use serde::Serialize;
use std::collections::BTreeMap;

/// Docker starts it again whenever it dies, until somebody stops it.
const RESTART_POLICY: &str = "unless-stopped";

/// The body of a request to create this.
pub fn creation(spec: &Spec) -> Vec<u8> {
    let ports = |inside: u16| format!("{inside}/tcp");
    let body = Body {
        image: &spec.image,
        env: spec.env.iter().map(|(name, value)| format!("{name}={value}")).collect(),
        cmd: spec.command.as_deref(),
        labels: &spec.labels,
        exposed_ports: spec.publish.iter().map(|(inside, _)| (ports(*inside), Nothing {})).collect(),
        host_config: HostConfig {
            network_mode: match &spec.network {
                JoinedNetwork::OfContainer(name) => Some(format!("container:{name}")),
                JoinedNetwork::Own(network) => network.clone(),
            },
            port_bindings: spec
                .publish
                .iter()
                .map(|(inside, outside)| (ports(*inside), [Binding { host_port: outside.to_string() }]))
                .collect(),
            restart_policy: RestartPolicy { name: RESTART_POLICY },
        },
    };
    serde_json::to_vec(&body).expect("texts and numbers can always be written")
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Body<'a> {
    image: &'a str,
    env: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cmd: Option<&'a [String]>,
    labels: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    exposed_ports: BTreeMap<String, Nothing>,
    host_config: HostConfig,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct HostConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    network_mode: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    port_bindings: BTreeMap<String, [Binding; 1]>,
    restart_policy: RestartPolicy,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Binding {
    host_port: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct RestartPolicy {
    name: &'static str,
}

/// An empty object.
#[derive(Serialize)]
struct Nothing {}
