//! Containers as they are told: our own and the VPNs', and of the latter nothing that could be a secret.

use super::engine::labels;
use super::time::Moment;
use control::Time;
use control::ids::ContainerId;
use control::snapshot::{ContainerView, EngineView, Snapshot};
use control::time::Stamp;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// The shortest beginning of an id that is taken for it, as Docker prints it.
const SHORT_ID_MIN: usize = 12;
/// The digits of a whole id.
const FULL_ID: usize = 64;

/// One container.
#[derive(Clone, PartialEq, Serialize, ToSchema, Debug)]
pub struct ContainerState {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The image that it was created from; empty if that is not known.
    pub image: String,
    /// When it was created.
    pub created: Option<Moment>,
    /// Docker's word for its state.
    pub status: &'static str,
    /// Its labels; a VPN's are not told.
    pub labels: BTreeMap<String, String>,
    /// The ports that it publishes on the host, by the port inside.
    pub ports: BTreeMap<String, Vec<HostPort>>,
}

/// Where a port is published.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema, Debug)]
pub struct HostPort {
    /// On which address of the host; empty: on every.
    #[serde(rename = "HostIp")]
    pub host_ip: String,
    /// On which port.
    #[serde(rename = "HostPort")]
    pub host_port: String,
}

impl From<ContainerView> for ContainerState {
    fn from(view: ContainerView) -> Self {
        Self {
            id: view.id.to_string(),
            name: view.name.to_string(),
            image: view.image.to_string(),
            created: view.created_at.map(moment),
            status: view.state.as_str(),
            labels: labels(&view.labels),
            ports: view.published.iter().map(published).collect(),
        }
    }
}

/// A moment on Docker's clock.
fn moment(stamp: Stamp) -> Moment {
    Moment(Time::from_nanos(stamp.as_nanos()))
}

/// What is published has the same number inside and on the host.
fn published(port: &u16) -> (String, Vec<HostPort>) {
    (format!("{port}/tcp"), vec![HostPort { host_ip: String::new(), host_port: port.to_string() }])
}

/// Everything of ours, and the VPNs.
pub fn containers(snapshot: &Snapshot) -> impl Iterator<Item = ContainerState> {
    snapshot.every_container().map(Into::into)
}

/// The engine that somebody means: by its id, the beginning of it if that is unique, or its name.
pub fn engine_meant<'a>(snapshot: &'a Snapshot, said: &str) -> Option<&'a EngineView> {
    let all = || snapshot.engines.iter();
    only_one(all().filter(|view| view.container_name.as_str() == said))
        .or_else(|| only_one(all().filter(|view| means(view.container_id, said))))
}

/// The container of ours that somebody means, an engine or not.
pub fn ours_meant(snapshot: &Snapshot, said: &str) -> Option<ContainerId> {
    let engine = engine_meant(snapshot, said).map(|view| view.container_id);
    let meant = |view: &&ContainerView| view.name.as_str() == said || means(view.id, said);
    engine.or_else(|| only_one(snapshot.containers.iter().filter(meant)).map(|view| view.id))
}

/// The container that somebody means, of ours or a VPN's.
pub fn container_meant(snapshot: &Snapshot, said: &str) -> Option<ContainerState> {
    if let Some(view) = engine_meant(snapshot, said) {
        return Some(view.container().into());
    }
    let meant = |view: &ContainerView| view.name.as_str() == said || means(view.id, said);
    only_one(snapshot.every_container().filter(meant)).map(Into::into)
}

fn only_one<T>(mut found: impl Iterator<Item = T>) -> Option<T> {
    found.next().filter(|_| found.next().is_none())
}

/// Whether what somebody said is this id, or a beginning of it that is long enough.
fn means(id: ContainerId, said: &str) -> bool {
    let digits = id.as_bytes().iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let same = |(said, digit): (char, u8)| said.to_digit(16) == Some(u32::from(digit));
    (SHORT_ID_MIN..=FULL_ID).contains(&said.len()) && said.chars().zip(digits).all(same)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_meant_by_its_beginning_from_twelve_digits_on() {
        let id = ContainerId::from_bytes([0xab; 32]);
        assert!(means(id, &"ab".repeat(32)));
        assert!(means(id, "abababababab"));
        assert!(means(id, "ABABABABABAB"));
        for said in ["", "ab", "ababababab", "abababababac", "zzzzzzzzzzzz", &"ab".repeat(33)] {
            assert!(!means(id, said), "{said}");
        }
    }
}
