//! The labels on our containers: what they are called and what they mean.
//!
//! Labels carry all that adoption needs. They are read leniently: what is missing or garbled is `None`, and
//! the caller decides what can still be believed. Nothing here talks to Docker.

use crate::command::{Create, CreateOther};
use crate::ids::{Name, OpId, SpecHash};
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::sync::Arc;

/// The port on which the engine answers HTTP, inside its network.
pub const HTTP_PORT: &str = "acestream.http_port";
/// The engine's HTTPS port, inside its network.
pub const HTTPS_PORT: &str = "acestream.https_port";
/// The engine's HTTP port as clients reach it.
pub const HOST_HTTP_PORT: &str = "host.http_port";
/// The engine's HTTPS port as clients reach it, when mapped.
pub const HOST_HTTPS_PORT: &str = "host.https_port";
/// The name of the VPN container whose network the engine shares.
pub const VPN_CONTAINER: &str = "acestream.vpn_container";
/// Says that the engine was born with the VPN's forwarded port. Whether it still has it is computed.
pub const FORWARDED: &str = "acestream.forwarded";
/// The P2P port that the engine was created with.
pub const P2P_PORT: &str = "acestream.p2p_port";
/// The operation that created the container.
pub const OPERATION: &str = "acefleet.op";
/// The hash of what the container was created from.
pub const SPEC: &str = "acefleet.spec";

/// Beginnings of labels that mean something to us.
const RESERVED: [&str; 3] = ["acestream.", "host.", "acefleet."];

/// Whether a label means something to us, so that nobody else may ask for it. CONTAINER_LABEL's key is reserved
/// too; the edge knows it.
pub fn is_reserved(key: &str) -> bool {
    RESERVED.iter().any(|prefix| key.starts_with(prefix))
}

/// All labels of one container; cheap to clone.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Labels(Arc<BTreeMap<String, String>>);

impl Labels {
    /// What is written on an engine when it is created, beside CONTAINER_LABEL.
    pub fn of_engine(create: &Create, vpn: Option<&Name>, op: OpId) -> Self {
        let ports = create.ports;
        let https = ports.https.map(|port| (HTTPS_PORT, port.to_string()));
        let vpn = vpn.map(|name| (VPN_CONTAINER, name.to_string()));
        let forwarded = ports.p2p.map(|_| (FORWARDED, "true".to_string()));
        let p2p = ports.p2p.map(|port| (P2P_PORT, port.to_string()));
        let wanted = create.wanted.as_ref().map(|wanted| wanted.labels.clone()).unwrap_or_default();
        let ours = [
            (HTTP_PORT, ports.http.to_string()),
            (HOST_HTTP_PORT, ports.http.to_string()),
            (OPERATION, op.to_string()),
            (SPEC, create.spec.to_string()),
        ]
        .into_iter()
        .chain([https, vpn, forwarded, p2p].into_iter().flatten());
        // Ours come last: whatever is wanted, they say what is so.
        wanted.iter().map(|(key, value)| (key, value.to_string())).chain(ours).collect()
    }

    /// What is written on a container of another kind when it is created, beside CONTAINER_LABEL. Without ports of an
    /// engine's it is none.
    pub fn of_other(create: &CreateOther, op: OpId) -> Self {
        let wanted = create.wanted.labels.iter().map(|(key, value)| (key, value.to_string()));
        wanted.chain([(OPERATION, op.to_string())]).collect()
    }

    /// The value of a label.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// Every label with its value, in the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// What the labels say about the engine.
    pub fn meaning(&self) -> Meaning {
        Meaning {
            http_port: self.port(HTTP_PORT),
            https_port: self.port(HTTPS_PORT),
            host_http_port: self.port(HOST_HTTP_PORT),
            p2p_port: self.port(P2P_PORT),
            vpn_container: self.get(VPN_CONTAINER).filter(|name| !name.is_empty()).map(Name::from),
            born_forwarded: self.get(FORWARDED) == Some("true"),
            operation: self.get(OPERATION).and_then(OpId::parse),
            spec: self.get(SPEC).and_then(|hex| u64::from_str_radix(hex, 16).ok()).map(SpecHash),
        }
    }

    fn port(&self, key: &str) -> Option<u16> {
        self.get(key)?.parse().ok().filter(|port| *port != 0)
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Labels {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self(Arc::new(pairs.into_iter().map(|(key, value)| (key.into(), value.into())).collect()))
    }
}

/// What a container's labels say, as far as they can be read.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "each field is the label constant of the same name")]
pub struct Meaning {
    pub http_port: Option<u16>,
    pub https_port: Option<u16>,
    pub host_http_port: Option<u16>,
    pub p2p_port: Option<u16>,
    pub vpn_container: Option<Name>,
    pub born_forwarded: bool,
    pub operation: Option<OpId>,
    pub spec: Option<SpecHash>,
}
