//! Where acefleet itself runs: on the host, or in a container, and then on which networks.

use crate::dial::{DockerDns, HOST_NETWORK, Place, Ways};
use crate::runtime::{Failure, Inspected, Runtime};
use crate::settings::DockerHost;
use control::command::Target;
use control::docker::{Listed, Network};
use control::ids::ContainerId;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{sleep, timeout};
use tracing::info;

/// Docker and Podman leave these in every container.
const MARKS: [&str; 2] = ["/.dockerenv", "/run/.containerenv"];
/// A look takes milliseconds; Docker may be frozen.
const LOOK_TIMEOUT: Duration = Duration::from_secs(10);
/// Docker may not be there yet.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// Whether this process runs in a container.
pub(super) fn in_container() -> bool {
    MARKS.iter().any(|mark| Path::new(mark).exists())
}

/// The ways from here, as far as they are known before anybody is asked.
pub(super) fn ways(docker: &DockerHost) -> Arc<Ways> {
    Arc::new(if in_container() {
        Ways::new(Place::Container(Vec::new()), DockerDns::of_this_container())
    } else {
        Ways::new(place_beside(docker), DockerDns::nowhere())
    })
}

/// Whoever reaches Docker by a network, and not on this machine, reaches containers by that network, too.
fn place_beside(docker: &DockerHost) -> Place {
    let address = match docker {
        DockerHost::Unix(_) => return Place::Host,
        DockerHost::Tcp(address) | DockerHost::Tls { address, .. } => address,
    };
    let host = address.rsplit_once(':').map_or(address.as_str(), |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let is_here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    if is_here { Place::Host } else { Place::Elsewhere(host.to_string()) }
}

/// Finds out which networks this container is on, as soon as the runtime can tell.
pub(super) async fn find_out<R: Runtime>(runtime: Arc<R>, ways: Arc<Ways>) {
    let marks = own_marks();
    loop {
        match timeout(LOOK_TIMEOUT, look(&*runtime, &marks)).await {
            Ok(Ok(Some(own))) => {
                let place = place_of(&own);
                info!(?place, "found out where acefleet runs");
                return ways.settle(place);
            }
            Ok(Ok(None)) => {
                info!(
                    "acefleet runs in a container that this Docker does not know: it is taken for a part of the host"
                );
                return ways.settle(Place::Host);
            }
            Ok(Err(_)) | Err(_) => sleep(RETRY_AFTER).await,
        }
    }
}

/// This container among all that the runtime knows; `None` only if it has told all of them.
async fn look<R: Runtime>(runtime: &R, marks: &[String]) -> Result<Option<Inspected>, Failure> {
    let all = runtime.list().await?.containers;
    let is_own = |listed: &&Listed| {
        let id = listed.id.to_string();
        marks.iter().any(|mark| id == *mark || listed.name.as_str() == mark || is_short_id(mark, &id))
    };
    match all.iter().find(is_own) {
        Some(own) => runtime.inspect(&Target::Id(own.id)).await,
        None => Ok(None),
    }
}

/// Docker shortens an id to 12 digits when it makes a host name of it.
fn is_short_id(mark: &str, id: &str) -> bool {
    mark.len() == 12 && id.starts_with(mark)
}

fn place_of(own: &Inspected) -> Place {
    if own.facts.listed.network == Network::Own(HOST_NETWORK.into()) {
        return Place::Host;
    }
    Place::Container(own.reach.addresses.iter().map(|(network, _)| network.clone()).collect())
}

/// By what this container can be told from others: the paths of its mounts have its id; its host name is the
/// beginning of its id, or its name, or something that somebody chose.
fn own_marks() -> Vec<String> {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = Some(host.trim().to_string()).filter(|host| !host.is_empty());
    match id_in(&mounts) {
        Some(id) => vec![id.to_string()],
        None => host.into_iter().collect(),
    }
}

/// The id in a path such as `/var/lib/docker/containers/<id>/hostname`.
fn id_in(mounts: &str) -> Option<ContainerId> {
    let paths = mounts.split(|c: char| c == '/' || c.is_whitespace());
    let mut after_containers = false;
    for part in paths {
        let id = ContainerId::parse(part).filter(|_| after_containers);
        if id.is_some() {
            return id;
        }
        after_containers = part.ends_with("containers");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docker_by_a_network_is_on_this_machine_only_by_a_loopback_address() {
        let tcp = |address: &str| place_beside(&DockerHost::Tcp(address.into()));
        assert_eq!(place_beside(&DockerHost::Unix("/run/docker.sock".into())), Place::Host);
        assert_eq!(tcp("127.0.0.1:2375"), Place::Host);
        assert_eq!(tcp("[::1]:2375"), Place::Host);
        assert_eq!(tcp("nas:2375"), Place::Elsewhere("nas".into()));
    }

    #[test]
    fn the_own_id_is_in_the_paths_of_the_mounts() {
        let id = "ab".repeat(32);
        let mounts = format!(
            "700 690 0:52 / /proc rw\n\
             712 690 254:0 /var/lib/docker/containers/{id}/resolv.conf /etc/resolv.conf rw - ext4 /dev/vda rw"
        );
        assert_eq!(id_in(&mounts), ContainerId::parse(&id));
        assert_eq!(id_in("1 2 3:4 / / rw - ext4 /dev/vda rw"), None);
    }
}
