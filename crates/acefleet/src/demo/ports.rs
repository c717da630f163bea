//! The ports that the stand-ins listen on, each at an address of its own: found and held before anything starts.
//!
//! Whoever listens at all addresses of this machine, a real fleet or the program itself, has a port at the stand-ins'
//! addresses as well. So the ports are looked for, and what is found is told to stand-ins and program alike.

use std::net::TcpListener;
use std::ops::RangeInclusive;
use testbed::dock::Dock;

/// The first port that an engine may get, as with real ones.
const FIRST_ENGINE: u16 = 19_000;

/// Which ports they are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Ports {
    /// That of each VPN's control server.
    pub(super) control: u16,
    /// Those of engines, one for each.
    pub(super) engines: RangeInclusive<u16>,
}

/// Ports that nobody else can take for all addresses as long as this lives.
#[derive(Debug)]
pub(super) struct HeldPorts {
    pub(super) ports: Ports,
    _held: Vec<TcpListener>,
}

impl HeldPorts {
    /// Holds a port for control servers, the program's own if that can be, or else one behind it, and so many for
    /// engines. `Err`: there are none.
    pub(super) fn take(dock: &Dock, program: u16, engines: usize) -> Result<Self, String> {
        let find = |first, count| {
            in_a_row(first, count, |port| dock.hold_port(port).ok()).ok_or_else(|| {
                format!(
                    "no {count} port(s) in a row are free from {first} on: other programs listen on them at all \
                     addresses of this machine; end these, or choose another --port"
                )
            })
        };
        let (control, mut held) = find(program, 1)?;
        let (engines, more) = find(FIRST_ENGINE, engines)?;
        held.extend(more);
        Ok(Self { ports: Ports { control: *control.start(), engines }, _held: held })
    }
}

/// The first so many ports in a row that can all be held, with what holds them.
fn in_a_row<T>(
    first: u16,
    count: usize,
    mut hold: impl FnMut(u16) -> Option<T>,
) -> Option<(RangeInclusive<u16>, Vec<T>)> {
    let (mut begins, mut held) = (first, Vec::with_capacity(count));
    for port in first..=u16::MAX {
        match hold(port) {
            Some(one) => held.push(one),
            None => {
                held.clear();
                begins = port.saturating_add(1);
            }
        }
        if held.len() == count {
            return Some((begins..=port, held));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_the_first_in_a_row_that_nobody_has() {
        let without = |taken: &'static [u16]| move |port| (!taken.contains(&port)).then_some(port);
        let (ports, held) = in_a_row(19_000, 4, without(&[])).expect("all are free");
        assert_eq!((ports, held), (19_000..=19_003, vec![19_000, 19_001, 19_002, 19_003]));
        let (ports, held) = in_a_row(19_000, 3, without(&[19_000, 19_003])).expect("there are some");
        assert_eq!((ports, held), (19_004..=19_006, vec![19_004, 19_005, 19_006]));
        assert_eq!(in_a_row(65_535, 1, without(&[])), Some((65_535..=65_535, vec![65_535])));
        assert_eq!(in_a_row(65_535, 1, without(&[65_535])), None);
        assert_eq!(in_a_row(65_534, 3, without(&[])), None);
    }
}
