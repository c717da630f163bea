//! Scaling: the limits, and how many engines should serve.

use crate::desk::{no_vpn, two_vpns, vpn};
use control::Settings;
use control::policy::scaling::{desired, limit};

#[test]
fn the_limit_is_the_tightest_of_the_operators_limits_and_the_ports() {
    let ranges = |first, second| Settings {
        vpns: vec![vpn("gluetun", Some(first)), vpn("gluetun2", Some(second))],
        ..two_vpns()
    };
    let table = [
        ("both limits are 20", two_vpns(), 20),
        ("MAX_REPLICAS", Settings { max_replicas: 7, ..two_vpns() }, 7),
        ("MAX_ACTIVE_REPLICAS with VPNs", Settings { max_active_replicas: 7, ..two_vpns() }, 7),
        ("MAX_ACTIVE_REPLICAS without VPNs", Settings { max_active_replicas: 7, ..no_vpn(1) }, 20),
        ("PORT_RANGE_HOST without VPNs", Settings { port_range_host: 19_000..=19_004, ..no_vpn(1) }, 5),
        ("PORT_RANGE_HOST with VPNs", Settings { port_range_host: 19_000..=19_004, ..two_vpns() }, 20),
        ("ranges add up", ranges(19_100..=19_103, 19_200..=19_202), 7),
        ("ranges that overlap count once", ranges(19_100..=19_103, 19_102..=19_105), 6),
        ("in whatever order they stand", ranges(19_102..=19_105, 19_100..=19_103), 6),
        ("a range within another adds nothing", ranges(19_100..=19_109, 19_103..=19_104), 10),
        ("a range may go up to the last port", ranges(65_530..=65_535, 65_535..=65_535), 6),
        ("ranges that touch count in full", ranges(19_100..=19_103, 19_104..=19_104), 5),
        (
            "a reversed range is empty",
            ranges(std::ops::RangeInclusive::new(19_103, 19_100), 19_200..=19_201),
            2,
        ),
        ("nothing at all", Settings { max_replicas: 0, ..two_vpns() }, 0),
    ];
    for (what, settings, expected) in table {
        assert_eq!(limit(&settings), expected, "{what}");
    }
}

#[test]
fn a_vpn_with_a_range_and_one_without_use_the_range_and_the_pool() {
    let settings = Settings {
        vpns: vec![vpn("gluetun", Some(20_000..=20_002)), vpn("gluetun2", None)],
        max_active_replicas: 10,
        ..two_vpns()
    };
    assert_eq!(limit(&settings), 10);
    assert_eq!(limit(&Settings { max_active_replicas: 2, ..settings }), 2);
}

#[test]
fn as_many_should_serve_as_the_minimum_or_as_viewers_need_within_the_limit() {
    // MIN_REPLICAS, MIN_FREE_REPLICAS, used, emergency, limit: wanted.
    let table = [
        (10, 1, 0, false, 20, 10),
        (10, 1, 9, false, 20, 10),
        (10, 1, 10, false, 20, 11),
        (10, 3, 8, false, 20, 11),
        (10, 1, 25, false, 20, 20),
        (30, 1, 0, false, 20, 20),
        (0, 0, 0, false, 20, 0),
        (1, 1, 0, false, 0, 0),
        // In an emergency the minimum is not chased, and room for new viewers is kept all the same.
        (10, 1, 0, true, 20, 1),
        (10, 1, 4, true, 20, 5),
        (10, 3, 0, true, 2, 2),
        (2, 5, 0, true, 20, 5),
    ];
    for (min_replicas, min_free_replicas, used, emergency, limit, expected) in table {
        let settings = Settings { min_replicas, min_free_replicas, ..two_vpns() };
        let row = (min_replicas, min_free_replicas, used, emergency, limit);
        assert_eq!(desired(&settings, used, emergency, limit), expected, "{row:?}");
    }
}
