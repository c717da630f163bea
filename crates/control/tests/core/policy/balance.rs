//! Balance: which VPN gives an engine to which.

use super::{at, vpns};
use crate::desk::{secs, two_vpns};
use control::Settings;
use control::ids::VpnId;
use control::policy::balance::out_of_balance;
use control::policy::placement::Load;
use control::vpn::{Verdict, Vpn};

use Verdict::{Failed, Healthy};

fn loads(serving: &[usize]) -> Vec<Load> {
    serving.iter().map(|serving| Load { serving: *serving, ..Load::default() }).collect()
}

/// From which VPN to which an engine should move, with every VPN stable and able to give one.
fn moved(vpns: &[Vpn], loads: &[Load]) -> Option<(u16, u16)> {
    moved_if(vpns, loads, &vec![true; vpns.len()])
}

fn moved_if(vpns: &[Vpn], loads: &[Load], movable: &[bool]) -> Option<(u16, u16)> {
    let settings = Settings { vpn_recovery_stabilization: secs(120), ..two_vpns() };
    out_of_balance(vpns, loads, movable, false, at(1_000), &settings)
        .map(|(VpnId(fuller), VpnId(emptier))| (fuller, emptier))
}

#[test]
fn a_difference_of_two_is_too_much_and_one_is_not() {
    let table: [(&[usize], _); 7] = [
        (&[5, 5], None),
        (&[5, 4], None),
        (&[4, 5], None),
        (&[5, 3], Some((0, 1))),
        (&[0, 2], Some((1, 0))),
        (&[3, 5, 1], Some((1, 2))),
        (&[4, 4, 2], Some((0, 2))),
    ];
    for (serving, expected) in table {
        assert_eq!(moved(&vpns(&vec![Healthy; serving.len()]), &loads(serving)), expected, "{serving:?}");
    }
}

#[test]
fn vpns_that_are_failed_or_have_just_recovered_neither_give_nor_take() {
    assert_eq!(moved(&vpns(&[Healthy, Failed]), &loads(&[5, 0])), None);
    let mut recovered = vpns(&[Healthy, Healthy]);
    recovered[1].recovered_at = Some(at(881));
    assert_eq!(moved(&recovered, &loads(&[5, 0])), None);
    recovered[1].recovered_at = Some(at(880));
    assert_eq!(moved(&recovered, &loads(&[5, 0])), Some((0, 1)));
}

#[test]
fn a_full_vpn_takes_none_and_one_whose_engines_are_all_watched_gives_none() {
    let mut loads = loads(&[5, 3]);
    loads[1].full = true;
    assert_eq!(moved(&vpns(&[Healthy, Healthy]), &loads), None);
    assert_eq!(moved_if(&vpns(&[Healthy, Healthy]), &self::loads(&[5, 3]), &[false, true]), None);
    // The next fuller one gives instead.
    assert_eq!(
        moved_if(&vpns(&[Healthy, Healthy, Healthy]), &self::loads(&[6, 5, 3]), &[false, true, true]),
        Some((1, 2))
    );
}

#[test]
fn once_an_engine_has_come_to_the_emptier_vpn_the_fuller_gives_one_up_if_it_still_has_more() {
    let settings = Settings { vpn_recovery_stabilization: secs(120), ..two_vpns() };
    let both = vpns(&[Healthy, Healthy]);
    let gives = |serving: &[usize]| {
        let mut loads = loads(serving);
        // What has come may have taken the last port.
        loads[1].full = true;
        out_of_balance(&both, &loads, &[true; 2], true, at(1_000), &settings)
    };
    assert_eq!(gives(&[4, 3]), Some((VpnId(0), VpnId(1))));
    assert_eq!(gives(&[3, 3]), None);
}
