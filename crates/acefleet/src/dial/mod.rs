//! Where a container can be reached, and connecting to it: addresses that inspections have told, Docker's own DNS,
//! published ports, in this order.
//!
//! Nothing is kept longer than it is true: what an inspection told is forgotten as soon as something happens to
//! the container. The host's own resolver is never asked: it may be stale, or know somebody else by that name.

#[cfg(test)]
pub(crate) mod fixture;
mod names;

use crate::runtime::{Inspected, Reach};
use control::command::Target;
use control::ids::{ContainerId, Name};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout, timeout_at};

pub use names::DockerDns;

/// A connection inside one machine is made in microseconds; whoever takes longer is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// The next address is tried beside the one before it after so long, so that dead ones cost little.
const NEXT_TRIED_AFTER: Duration = Duration::from_millis(200);
/// What Docker calls the network of a container that has the host's.
pub const HOST_NETWORK: &str = "host";
/// Where acefleet itself runs is found out by one inspection.
const PLACE_FOUND_WITHIN: Duration = Duration::from_secs(2);

/// Where acefleet itself runs, because that decides which ways there are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// On the host: every bridge is reachable.
    Host,
    /// In a container, on these networks; none: they are not known yet.
    Container(Vec<String>),
    /// Away from the host that runs the containers, which has this name: only what they publish there is reachable.
    Elsewhere(String),
}

/// Whoever is to be reached: a container, by its name, because a container made anew keeps that.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Whom {
    /// The container whose network it is in.
    pub container: Name,
    /// The port there.
    pub port: u16,
}

/// Why somebody cannot be reached.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unreachable {
    /// No way is known.
    #[error(
        "no way to '{0}' is known: it has no address that acefleet shares, and does not publish the port"
    )]
    NoWay(Name),
    /// Nobody answers on any of them.
    #[error("'{0}' does not accept connections ({1})")]
    Refused(Name, String),
}

/// What is known of the ways to containers.
#[derive(Debug)]
pub struct Ways {
    /// `None` until it is found out.
    place: watch::Sender<Option<Place>>,
    place_found_by: Instant,
    known: Mutex<Known>,
    dns: DockerDns,
}

#[derive(Default, Debug)]
struct Known {
    by_name: BTreeMap<Name, (ContainerId, Reach)>,
}

impl Ways {
    /// No container is known yet.
    pub fn new(place: Place, dns: DockerDns) -> Self {
        let place = Some(place).filter(|place| *place != Place::Container(Vec::new()));
        let place_found_by = Instant::now() + PLACE_FOUND_WITHIN;
        Self { place: watch::Sender::new(place), place_found_by, known: Mutex::default(), dns }
    }

    /// Where acefleet runs was found out.
    pub fn settle(&self, place: Place) {
        self.place.send_replace(Some(place));
    }

    /// An inspection has told where a container is.
    pub fn learn(&self, inspected: &Inspected) {
        let listed = &inspected.facts.listed;
        let mut known = lock(&self.known);
        for name in [listed.name.clone(), by_id(listed.id)] {
            known.by_name.insert(name, (listed.id, inspected.reach.clone()));
        }
    }

    /// Something has happened to a container: where it was may be wrong now.
    pub fn forget(&self, id: ContainerId) {
        lock(&self.known).by_name.retain(|_, (known, _)| *known != id);
    }

    /// There is no such container.
    pub fn forget_target(&self, target: &Target) {
        match target {
            Target::Id(id) => self.forget(*id),
            Target::Name(name) => drop(lock(&self.known).by_name.remove(name)),
        }
    }

    /// Connects to whoever is to be reached, by the first way that works.
    pub async fn connect(&self, whom: &Whom) -> Result<TcpStream, Unreachable> {
        let place = self.place().await;
        let mut refusals = Vec::new();
        if let Some(stream) = first_of(self.direct(whom, &place), &mut refusals).await {
            return Ok(stream);
        }
        // Asked only now: an address that is known costs no question.
        if let Some(stream) = first_of(self.indirect(whom, &place).await, &mut refusals).await {
            return Ok(stream);
        }
        if refusals.is_empty() {
            return Err(Unreachable::NoWay(whom.container.clone()));
        }
        Err(Unreachable::Refused(whom.container.clone(), refusals.join(", ")))
    }

    /// Where acefleet runs. At the beginning that is waited for: a way that does not exist takes longer to try. If it
    /// cannot be found out, Docker's DNS is the only way, and it is a good one.
    async fn place(&self) -> Place {
        let mut place = self.place.subscribe();
        let found = timeout_at(self.place_found_by, place.wait_for(Option::is_some)).await;
        let found = found.ok().and_then(|found| found.ok()?.clone());
        found.unwrap_or(Place::Container(Vec::new()))
    }

    /// Addresses that an inspection has told: on the host all of them, in a container those on networks that it
    /// shares.
    fn direct(&self, whom: &Whom, place: &Place) -> Vec<SocketAddr> {
        let known = lock(&self.known);
        let Some((_, reach)) = known.by_name.get(&whom.container) else { return Vec::new() };
        let reachable = |network: &String| match place {
            Place::Host => true,
            Place::Container(networks) => networks.contains(network),
            Place::Elsewhere(_) => false,
        };
        let addresses = reach.addresses.iter().filter(|(network, _)| reachable(network));
        let mut addresses: Vec<_> = addresses.map(|(_, ip)| SocketAddr::new(*ip, whom.port)).collect();
        if reach.on_host && *place == Place::Host {
            addresses.push(SocketAddr::from((Ipv4Addr::LOCALHOST, whom.port)));
        }
        // Gluetun lets nothing in by IPv6 unless it is told to.
        addresses.sort_by_key(SocketAddr::is_ipv6);
        addresses
    }

    /// What is left: in a container Docker's DNS alone, on the host a port that the container publishes there.
    async fn indirect(&self, whom: &Whom, place: &Place) -> Vec<SocketAddr> {
        match place {
            Place::Container(_) => {
                let found = self.dns.resolve(whom.container.as_str()).await;
                found.into_iter().map(|ip| SocketAddr::new(ip, whom.port)).collect()
            }
            Place::Host => {
                let port = self.published(whom);
                port.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port))).into_iter().collect()
            }
            Place::Elsewhere(host) => {
                let Some(port) = self.published(whom) else { return Vec::new() };
                // It is a name that the operator wrote down, not one of a container.
                let found = tokio::net::lookup_host((host.as_str(), port)).await;
                found.map(Iterator::collect).unwrap_or_default()
            }
        }
    }

    /// The port of the host that leads to whoever is to be reached.
    fn published(&self, whom: &Whom) -> Option<u16> {
        let known = lock(&self.known);
        let (_, reach) = known.by_name.get(&whom.container)?;
        reach.published.iter().find(|(inside, _)| *inside == whom.port).map(|(_, host)| *host)
    }
}

/// Connects to the first of these that answers. Each one is given a moment before the next is tried beside it.
async fn first_of(addresses: Vec<SocketAddr>, refusals: &mut Vec<String>) -> Option<TcpStream> {
    let tries = (0..).zip(addresses).map(|(place, address)| async move {
        sleep(NEXT_TRIED_AFTER * place).await;
        connect(address).await.map_err(|error| format!("{address}: {error}"))
    });
    let mut tries: FuturesUnordered<_> = tries.collect();
    while let Some(tried) = tries.next().await {
        match tried {
            Ok(stream) => return Some(stream),
            Err(refusal) => refusals.push(refusal),
        }
    }
    None
}

/// The name that every container has beside its own, Docker's DNS knows it too.
pub fn by_id(id: ContainerId) -> Name {
    Name::from(format!("{id:.12}").as_str())
}

async fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = timeout(CONNECT_TIMEOUT, TcpStream::connect(address))
        .await
        .map_err(|_| std::io::Error::from(std::io::ErrorKind::TimedOut))??;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// What is locked here is never left half written.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::fixture::{at_loopback, inspected};
    use super::*;

    use tokio::net::TcpListener;

    async fn listener() -> (TcpListener, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, port)
    }

    #[tokio::test]
    async fn on_the_host_a_container_is_reached_at_the_address_that_its_inspection_told() {
        let ways = Ways::new(Place::Host, DockerDns::nowhere());
        let (_listener, port) = listener().await;
        let whom = Whom { container: "gluetun".into(), port };
        assert_eq!(ways.connect(&whom).await.err(), Some(Unreachable::NoWay("gluetun".into())));
        ways.learn(&inspected("gluetun", 1, at_loopback("bridge")));
        assert!(ways.connect(&whom).await.is_ok());
    }

    #[tokio::test]
    async fn an_address_is_forgotten_as_soon_as_something_happens_to_its_container() {
        let ways = Ways::new(Place::Host, DockerDns::nowhere());
        let (_listener, port) = listener().await;
        let whom = Whom { container: "gluetun".into(), port };
        ways.learn(&inspected("gluetun", 1, at_loopback("bridge")));
        ways.forget(ContainerId::from_bytes([2; 32]));
        assert!(ways.connect(&whom).await.is_ok());
        ways.forget(ContainerId::from_bytes([1; 32]));
        assert!(ways.connect(&whom).await.is_err());
    }

    #[tokio::test]
    async fn on_the_host_a_published_port_is_the_last_way() {
        let ways = Ways::new(Place::Host, DockerDns::nowhere());
        let (_listener, port) = listener().await;
        ways.learn(&inspected(
            "gluetun",
            1,
            Reach { addresses: vec![], published: vec![(8000, port)], on_host: false },
        ));
        assert!(ways.connect(&Whom { container: "gluetun".into(), port: 8000 }).await.is_ok());
        assert!(ways.connect(&Whom { container: "gluetun".into(), port: 8001 }).await.is_err());
    }

    #[tokio::test]
    async fn nobody_is_tried_before_it_is_found_out_where_acefleet_runs() {
        let ways = Ways::new(Place::Container(vec![]), DockerDns::nowhere());
        let (_listener, port) = listener().await;
        let whom = Whom { container: "gluetun".into(), port };
        ways.learn(&inspected("gluetun", 1, at_loopback("bridge")));
        // The connection begins first, and waits.
        let (connected, ()) = tokio::join!(ways.connect(&whom), async { ways.settle(Place::Host) });
        assert!(connected.is_ok());
    }

    #[tokio::test]
    async fn in_a_container_only_networks_that_it_shares_are_ways() {
        let ways = Ways::new(Place::Container(vec!["ours".into()]), DockerDns::nowhere());
        let (_listener, port) = listener().await;
        let whom = Whom { container: "gluetun".into(), port };
        ways.learn(&inspected("gluetun", 1, at_loopback("theirs")));
        assert!(ways.connect(&whom).await.is_err());
        ways.learn(&inspected("gluetun", 1, at_loopback("ours")));
        assert!(ways.connect(&whom).await.is_ok());
    }
}
