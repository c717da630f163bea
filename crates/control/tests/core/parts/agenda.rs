//! The agenda: at most one moment for each reason, and the earliest first.

use control::Time;
use control::agenda::{Agenda, Wake};
use control::ids::VpnId;

const FIRST: Wake = Wake::InspectVpn(VpnId(0));
const SECOND: Wake = Wake::InspectVpn(VpnId(1));

fn at(secs: u64) -> Time {
    Time::from_secs(secs)
}

/// Everything that is due by then, in the order in which it is taken.
fn due(agenda: &mut Agenda, now: u64) -> Vec<Wake> {
    std::iter::from_fn(|| agenda.take_due(at(now))).collect()
}

#[test]
fn the_earliest_reason_is_next_and_is_taken_when_its_moment_has_come() {
    let mut agenda = Agenda::default();
    assert_eq!(agenda.next(), None);
    agenda.set(Wake::List, at(10));
    agenda.set(Wake::Ping, at(2));
    agenda.set(FIRST, at(5));
    assert_eq!(agenda.next(), Some((at(2), Wake::Ping)));

    assert_eq!(due(&mut agenda, 1), []);
    assert_eq!(due(&mut agenda, 5), [Wake::Ping, FIRST]);
    assert_eq!(agenda.next(), Some((at(10), Wake::List)));
    assert_eq!(agenda.when(Wake::Ping), None);
    assert_eq!(due(&mut agenda, 10), [Wake::List]);
    assert_eq!(agenda.next(), None);
}

#[test]
fn a_reason_has_one_moment_and_the_last_one_set_counts() {
    let mut agenda = Agenda::default();
    agenda.set(FIRST, at(5));
    agenda.set(SECOND, at(6));
    agenda.set(FIRST, at(9));
    assert_eq!(agenda.when(FIRST), Some(at(9)));
    assert_eq!(due(&mut agenda, 8), [SECOND]);
    assert_eq!(due(&mut agenda, 9), [FIRST]);
}

#[test]
fn set_earlier_never_puts_a_moment_off() {
    let mut agenda = Agenda::default();
    agenda.set_earlier(Wake::List, at(5));
    agenda.set_earlier(Wake::List, at(9));
    assert_eq!(agenda.when(Wake::List), Some(at(5)));
    agenda.set_earlier(Wake::List, at(3));
    assert_eq!(agenda.next(), Some((at(3), Wake::List)));
    assert_eq!(due(&mut agenda, 100), [Wake::List]);
}

#[test]
fn what_is_cleared_does_not_wake() {
    let mut agenda = Agenda::default();
    agenda.set(Wake::List, at(5));
    agenda.clear(Wake::List);
    agenda.clear(Wake::Ping);
    assert_eq!((agenda.when(Wake::List), agenda.next()), (None, None));
    assert_eq!(due(&mut agenda, 100), []);
}

#[test]
fn moments_that_fall_together_are_taken_in_the_order_of_their_reasons() {
    let mut agenda = Agenda::default();
    for wake in [Wake::Decide, SECOND, Wake::List, FIRST, Wake::Ping] {
        agenda.set(wake, at(1));
    }
    assert_eq!(due(&mut agenda, 1), [Wake::Ping, Wake::List, FIRST, SECOND, Wake::Decide]);
}
