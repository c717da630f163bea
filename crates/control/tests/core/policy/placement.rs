//! Placement: the healthy VPN with the fewest, and shares that are kept for VPNs which will be ready soon.

use super::{at, vpn, vpns};
use control::Time;
use control::ids::{OpId, VpnId};
use control::mark::{Mark, Marks};
use control::policy::placement::{self, COLD_START_WAIT, Load};
use control::vpn::{PortReading, Verdict, Vpn};
use std::time::Duration;

use Verdict::{Failed, Healthy, Pending};

/// Loads of so many that serve and so many that are coming.
fn loads(counts: &[(usize, usize)]) -> Vec<Load> {
    counts.iter().map(|(serving, coming)| Load { serving: *serving, coming: *coming, full: false }).collect()
}

/// A healthy VPN that has relapsed, and is on probation until thirty seconds after it recovered.
fn on_probation(index: u16, recovered_at: Time) -> Vpn {
    let mut vpn = vpn(index, Healthy);
    (vpn.relapses, vpn.recovered_at) = (1, Some(recovered_at));
    vpn
}

#[test]
fn the_next_engine_goes_to_the_healthy_vpn_with_the_fewest_serving_and_coming() {
    let table = [
        (&[Healthy, Healthy][..], &[(2, 0), (1, 0)][..], Some(1)),
        (&[Healthy, Healthy], &[(1, 0), (2, 0)], Some(0)),
        // What is coming counts as much as what serves.
        (&[Healthy, Healthy], &[(0, 3), (2, 0)], Some(1)),
        (&[Healthy, Healthy], &[(1, 1), (1, 0)], Some(1)),
        // Ties are broken by configuration order.
        (&[Healthy, Healthy, Healthy], &[(2, 0), (1, 0), (0, 1)], Some(1)),
        (&[Healthy, Healthy], &[(1, 0), (0, 1)], Some(0)),
        // Only healthy ones.
        (&[Failed, Healthy], &[(0, 0), (9, 0)], Some(1)),
        (&[Pending, Healthy], &[(0, 0), (9, 0)], Some(1)),
        (&[Failed, Pending], &[(0, 0), (0, 0)], None),
    ];
    for (verdicts, counts, expected) in table {
        let chosen = placement::choose(&vpns(verdicts), &loads(counts), at(0));
        assert_eq!(chosen, expected.map(VpnId), "{verdicts:?} with {counts:?}");
    }
}

#[test]
fn a_vpn_without_a_free_port_gets_nothing() {
    let mut loads = loads(&[(0, 0), (5, 0)]);
    loads[0].full = true;
    assert_eq!(placement::choose(&vpns(&[Healthy, Healthy]), &loads, at(0)), Some(VpnId(1)));
    loads[1].full = true;
    assert_eq!(placement::choose(&vpns(&[Healthy, Healthy]), &loads, at(0)), None);
}

#[test]
fn a_vpn_on_probation_gets_nothing_until_it_has_stayed_healthy_long_enough() {
    let both = [on_probation(0, at(100)), vpn(1, Healthy)];
    let empty = loads(&[(0, 0), (5, 0)]);
    assert_eq!(placement::choose(&both, &empty, at(129)), Some(VpnId(1)));
    assert_eq!(placement::choose(&both, &empty, at(130)), Some(VpnId(0)));
    assert!(!placement::admits(&both[0], at(129)) && placement::admits(&both[0], at(130)));
    assert!(!placement::admits(&vpn(0, Failed), at(0)) && !placement::admits(&vpn(0, Pending), at(0)));
}

/// What is kept back for VPNs of these verdicts, so long after the beginning, with ten wanted.
fn kept_back(verdicts: &[Verdict], counts: &[(usize, usize)], since_beginning: Duration) -> usize {
    let began = at(1_000);
    placement::kept_back(
        &vpns(verdicts),
        &loads(counts),
        10,
        began,
        began + since_beginning,
        &Marks::default(),
    )
}

#[test]
fn at_a_cold_start_the_share_of_a_pending_vpn_is_kept_for_sixty_seconds() {
    assert_eq!(kept_back(&[Healthy, Pending], &[(0, 0), (0, 0)], Duration::ZERO), 5);
    let last = COLD_START_WAIT - Duration::from_nanos(1);
    assert_eq!(kept_back(&[Healthy, Pending], &[(5, 0), (0, 0)], last), 5);
    assert_eq!(kept_back(&[Healthy, Pending], &[(5, 0), (0, 0)], COLD_START_WAIT), 0);
    assert_eq!(COLD_START_WAIT, Duration::from_secs(60));
}

#[test]
fn engines_that_a_pending_vpn_has_already_are_part_of_its_share() {
    assert_eq!(kept_back(&[Healthy, Pending], &[(0, 0), (2, 1)], Duration::ZERO), 2);
    assert_eq!(kept_back(&[Healthy, Pending], &[(0, 0), (7, 0)], Duration::ZERO), 0);
}

#[test]
fn nothing_is_kept_for_a_failed_vpn_or_while_no_vpn_could_be_given_anything() {
    assert_eq!(kept_back(&[Healthy, Failed], &[(0, 0), (0, 0)], Duration::ZERO), 0);
    assert_eq!(kept_back(&[Pending, Pending], &[(0, 0), (0, 0)], Duration::ZERO), 0);
    assert_eq!(kept_back(&[Failed, Pending], &[(0, 0), (0, 0)], Duration::ZERO), 0);
    assert_eq!(kept_back(&[], &[], Duration::ZERO), 0);
}

#[test]
fn a_number_that_cannot_be_shared_evenly_gives_the_first_vpns_one_more() {
    // Ten over three: four, three and three.
    assert_eq!(kept_back(&[Pending, Healthy, Healthy], &[(0, 0); 3], Duration::ZERO), 4);
    assert_eq!(kept_back(&[Healthy, Pending, Healthy], &[(0, 0); 3], Duration::ZERO), 3);
    assert_eq!(kept_back(&[Healthy, Healthy, Pending], &[(0, 0); 3], Duration::ZERO), 3);
    assert_eq!(kept_back(&[Pending, Pending, Healthy], &[(0, 0); 3], Duration::ZERO), 7);
}

#[test]
fn the_share_of_a_vpn_on_probation_is_kept_whenever_that_is() {
    let vpns = [vpn(0, Healthy), on_probation(1, at(5_000))];
    let marks = Marks::default();
    let kept = |now| placement::kept_back(&vpns, &loads(&[(5, 0), (1, 0)]), 10, at(0), now, &marks);
    assert_eq!(kept(at(5_029)), 4);
    assert_eq!(marks.count(Mark::ShareKeptForPending), 1);
    assert_eq!(kept(at(5_030)), 0);
    assert_eq!(marks.count(Mark::ShareKeptForPending), 1);
}

#[test]
fn a_vpn_that_has_just_become_healthy_waits_a_second_for_its_port_while_that_is_being_asked_for() {
    let asking = |asked, port, since| {
        let mut vpn = vpn(0, Healthy);
        vpn.verdict_since = at(since);
        vpn.asking_ports = asked;
        vpn.port = port;
        vpn
    };
    let op = Some(OpId { life: 1, seq: 1 });
    let reading = Some(PortReading { port: None, asked_at: at(1_000) });
    let waits = |vpn: &Vpn, now| placement::awaits_port(vpn, now);
    assert_eq!(waits(&asking(op, None, 1_000), at(1_000)), Some(at(1_001)));
    assert_eq!(waits(&asking(op, None, 1_000), at(1_001)), None, "long enough");
    assert_eq!(waits(&asking(None, None, 1_000), at(1_000)), None, "nobody asks");
    assert_eq!(waits(&asking(op, reading, 1_000), at(1_000)), None, "it has been told");
    assert!(!placement::admits(&asking(op, None, 1_000), at(1_000)));
    assert!(placement::admits(&asking(op, None, 1_000), at(1_001)));
    let mut drained = vpn(0, Healthy);
    drained.draining = op;
    assert!(!placement::admits(&drained, at(5_000)));
}
