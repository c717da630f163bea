//! A container that runs and was inspected, for tests of whoever dials. Not built into the program.

use super::Ways;
use crate::runtime::{Inspected, Reach};
use control::docker::{Facts, Health, Listed, Network, State};
use control::ids::ContainerId;
use control::labels::Labels;
use control::time::Stamp;

/// What an inspection of a container tells that can be reached so.
pub(crate) fn inspected(name: &str, id: u8, reach: Reach) -> Inspected {
    let listed = Listed {
        id: ContainerId::from_bytes([id; 32]),
        name: name.into(),
        ours: false,
        state: State::Running,
        network: Network::Own("bridge".into()),
        labels: Labels::default(),
        image: "image:tag".into(),
        published: [].into(),
    };
    let facts = Facts {
        listed,
        health: Health::Unchecked,
        started_at: None,
        sandbox: None,
        p2p_in_spec: None,
        created_at: Stamp::from_nanos(1),
    };
    Inspected { facts, reach }
}

/// It has the loopback address on this network.
pub(crate) fn at_loopback(network: &str) -> Reach {
    Reach { addresses: vec![(network.into(), [127, 0, 0, 1].into())], published: vec![], on_host: false }
}

/// Ways on which a container of that name is found at the loopback address.
pub(crate) fn ways_to(name: &str) -> Ways {
    let ways = Ways::new(super::Place::Host, super::DockerDns::nowhere());
    ways.learn(&inspected(name, 1, at_loopback("bridge")));
    ways
}
