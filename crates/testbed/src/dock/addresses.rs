//! Loopback addresses, one for each network that a container makes.
//!
//! A dock has a block of them to itself, whatever other docks run on the machine: it holds a door open at the block's
//! first address. An address is not given again before all others of the block have been, so that whoever goes
//! by an old one meets nobody.

use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// Blocks are looked for from here on.
const FIRST: u32 = u32::from_be_bytes([127, 77, 0, 0]);
/// The addresses of one block.
const BLOCK: u32 = 1024;
/// The blocks there are.
const BLOCKS: u32 = 1024;
/// Where a block's door is held open.
const DOOR: u16 = 61_977;

/// A dock's own addresses.
#[derive(Debug)]
pub(super) struct Addresses {
    first: u32,
    given: u32,
    _door: TcpListener,
}

impl Addresses {
    /// Takes the first block that nobody has.
    pub(super) fn take() -> io::Result<Self> {
        let mut last = None;
        for block in 0..BLOCKS {
            let first = FIRST + block * BLOCK;
            match TcpListener::bind(SocketAddr::from((Ipv4Addr::from(first), DOOR))) {
                Ok(door) => return Ok(Self { first, given: 0, _door: door }),
                Err(taken) if taken.kind() == io::ErrorKind::AddrInUse => last = Some(taken),
                Err(why) => {
                    let words = format!("addresses of 127.0.0.0/8 cannot be listened on: {why}");
                    return Err(io::Error::new(why.kind(), words));
                }
            }
        }
        Err(last.unwrap_or_else(|| io::ErrorKind::AddrInUse.into()))
    }

    /// Takes a port at the door's address, where no container ever is. Whoever listens at all addresses of this machine
    /// has it at containers' addresses, too, and nobody can begin to as long as it is held here.
    pub(super) fn hold(&self, port: u16) -> io::Result<TcpListener> {
        TcpListener::bind(SocketAddr::from((Ipv4Addr::from(self.first), port)))
    }

    /// The next address that nobody has; `None` if all are in use.
    pub(super) fn give(&mut self, in_use: &BTreeSet<Ipv4Addr>) -> Option<Ipv4Addr> {
        (0..BLOCK).find_map(|_| {
            // The first is the door's.
            self.given = self.given % (BLOCK - 1) + 1;
            Some(Ipv4Addr::from(self.first + self.given)).filter(|address| !in_use.contains(address))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_somebody_has_at_all_addresses_cannot_be_held_and_one_that_is_held_can_be_listened_on() {
        let addresses = Addresses::take().expect("a block");
        let elsewhere = TcpListener::bind("0.0.0.0:0").expect("a port");
        let port = elsewhere.local_addr().expect("an address").port();
        let refused = addresses.hold(port).expect_err("somebody has it");
        assert_eq!(refused.kind(), io::ErrorKind::AddrInUse);
        drop(elsewhere);
        let _held = addresses.hold(port).expect("nobody has it any more");
        let a_container = Ipv4Addr::from(addresses.first + 1);
        assert!(TcpListener::bind((a_container, port)).is_ok());
        assert!(TcpListener::bind(("0.0.0.0", port)).is_err());
    }
}
