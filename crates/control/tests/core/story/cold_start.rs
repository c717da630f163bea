//! Cold start: nothing exists yet but the VPNs.

use crate::desk::{Desk, check, host_with, millis, no_vpn, one_vpn, secs, two_on_each, two_vpns};
use control::docker::Health;
use control::{Event, Settings};

#[test]
fn ten_engines_are_created_five_on_each_vpn_and_offered_at_their_first_good_answer() {
    let desk = Desk::in_sight(two_vpns(), host_with(&["gluetun", "gluetun2"]));

    // The ports became known while the first five were created; the next one on each VPN carries it.
    check(desk.fleet(), "gluetun: 1 2 3 4 5 | gluetun2: 6 7 8 9 10");
}

#[test]
fn a_creation_is_told_with_its_cause_and_what_should_follow() {
    let mut desk = Desk::in_sight(one_vpn(1), host_with(&["gluetun"]));

    check(
        desk.transcript(),
        "
        0s        VPN 'gluetun' has been found; its engines are repaired once it is healthy
                  first look complete, 0 engine(s) adopted
                  VPN 'gluetun' is healthy: Docker says healthy; what is missing is created
                  creating engine acestream-1 on VPN 'gluetun': too few engines serve (0 of 1
                      wanted, 0 coming); its first good answer is due within 120.0 s
                  > create acestream-1 on gluetun http 19000 https 45000 (too few engines serve)
                  starting engine acestream-1: it was created and not yet started; its first good
                      answer is due within 120.0 s
                  > start acestream-1 (it was created and not yet started)
                  engine acestream-1 is offered
        ",
    );
}

#[test]
fn at_most_five_creations_and_first_starts_are_under_way() {
    let mut desk = Desk::opened(two_vpns(), host_with(&["gluetun", "gluetun2"]));
    desk.hold("create");
    desk.hold("start");
    desk.store_answers(&[]);
    check(
        desk.waiting(),
        "
        create acestream-1 on gluetun http 19000 https 45000
        create acestream-2 on gluetun http 19001 https 45001
        create acestream-3 on gluetun http 19002 https 45002
        create acestream-4 on gluetun http 19003 https 45003
        create acestream-5 on gluetun http 19004 https 45004
        ",
    );

    // A creation that is done goes on as a start, and only a start that is done makes room for the next.
    desk.done("create acestream-1");
    desk.done("create acestream-4");
    check(
        desk.waiting(),
        "
        create acestream-2 on gluetun http 19001 https 45001
        create acestream-3 on gluetun http 19002 https 45002
        create acestream-5 on gluetun http 19004 https 45004
        start acestream-1
        start acestream-4
        ",
    );
    desk.done("start acestream-4");
    check(
        desk.waiting(),
        "
        create acestream-2 on gluetun http 19001 https 45001
        create acestream-3 on gluetun http 19002 https 45002
        create acestream-5 on gluetun http 19004 https 45004
        start acestream-1
        create acestream-6 on gluetun2 http 19005 https 45000
        ",
    );
}

#[test]
fn nothing_is_decided_before_everything_has_been_seen() {
    let mut desk = Desk::opened(two_on_each(), host_with(&["gluetun", "gluetun2"]));
    desk.hold("list");
    desk.hold("inspect gluetun2 by name");
    desk.wait(secs(1));
    check(desk.did(), "");
    desk.let_go("list");
    check(desk.did(), "");
    desk.store_answers(&[]);
    check(desk.did(), "");
    assert!(!desk.core.snapshot().ready);

    desk.let_go("inspect gluetun2 by name");
    assert!(desk.core.snapshot().ready);
    check(desk.fleet(), "gluetun: 1 2 | gluetun2: 3 4");
}

#[test]
fn a_store_that_cannot_answer_holds_nothing_up() {
    let mut desk = Desk::opened(one_vpn(1), host_with(&["gluetun"]));
    desk.wait(secs(1));
    check(desk.fleet(), "gluetun:");

    desk.event(Event::StoreAnswered(Err("the disk is full".into())));
    check(desk.fleet(), "gluetun: 1");
}

#[test]
fn the_share_of_a_vpn_that_is_still_starting_is_kept_for_it() {
    let mut host = host_with(&["gluetun", "gluetun2"]);
    host.get("gluetun2").health = Health::Starting;
    let mut desk = Desk::in_sight(two_vpns(), host);
    desk.wait(secs(30));
    check(desk.fleet(), "gluetun: 1 2 3 4 5 | gluetun2:");

    desk.on("gluetun2").health = Health::Healthy;
    desk.wait(secs(5));
    check(desk.fleet(), "gluetun: 1 2 3 4 5 | gluetun2: 6 7 8 9 10");
}

#[test]
fn after_sixty_seconds_the_share_of_a_vpn_that_is_still_starting_is_given_to_the_others() {
    let mut host = host_with(&["gluetun", "gluetun2"]);
    host.get("gluetun2").health = Health::Starting;
    let mut desk = Desk::in_sight(two_on_each(), host);
    desk.wait(millis(59_999));
    check(desk.fleet(), "gluetun: 1 2 | gluetun2:");

    desk.wait(millis(1));
    check(desk.fleet(), "gluetun: 1 2 3 4 | gluetun2:");
}

#[test]
fn while_no_vpn_is_up_nothing_is_created_and_the_snapshot_says_why() {
    let mut host = host_with(&["gluetun"]);
    host.get("gluetun").health = Health::Starting;
    let mut desk = Desk::in_sight(one_vpn(2), host);
    desk.wait(secs(120));
    check(desk.did(), "");
    let blocked = desk.core.snapshot().blocked.expect("nothing can be created");
    check(
        format!("{:?}: {}, until {}", blocked.code, blocked.message, blocked.until),
        "VpnDisconnected: no VPN is healthy, until 125.000s",
    );
}

#[test]
fn a_vpn_without_a_container_has_failed_and_the_others_do_not_make_up_for_it() {
    let mut host = host_with(&["gluetun", "gluetun2"]);
    host.remove("gluetun");
    let mut desk = Desk::in_sight(two_on_each(), host);
    desk.wait(secs(70));

    // Room for new viewers is kept; the minimum is not chased, or it would be there twice afterwards.
    check(
        desk.transcript(),
        "
        0s        VPN 'gluetun2' has been found; its engines are repaired once it is healthy
                  first look complete, 0 engine(s) adopted
                  VPN 'gluetun' failed: its container is missing; its engines are removed in 5.0 s
                      unless it is back
                  VPN 'gluetun2' is healthy: Docker says healthy; what is missing is created
                  entering emergency mode: VPN 'gluetun' failed, VPN 'gluetun2' is healthy
                  creating engine acestream-1 on VPN 'gluetun2': too few engines serve (0 of 1
                      wanted, 0 coming); its first good answer is due within 120.0 s
                  > create acestream-1 on gluetun2 http 19000 https 45000 (too few engines serve)
                  starting engine acestream-1: it was created and not yet started; its first good
                      answer is due within 120.0 s
                  > start acestream-1 (it was created and not yet started)
                  engine acestream-1 is offered
        60s       VPN 'gluetun' is for a person to mend: its container is missing; looked at again
                      in 5.0 s
        ",
    );
}

#[test]
fn a_booting_engine_is_asked_soon_and_ever_slower() {
    let mut desk = Desk::opened(one_vpn(1), host_with(&["gluetun"]));
    desk.hold("start");
    desk.store_answers(&[]);
    desk.on("acestream-1").answers = false;
    desk.let_go("start");
    desk.wait(secs(5));
    check(
        desk.asked_for("probe"),
        "
        0s        > probe acestream-1 (routine)
        0.1s      > probe acestream-1 (routine)
        0.25s     > probe acestream-1 (routine)
        0.475s    > probe acestream-1 (routine)
        0.812s    > probe acestream-1 (routine)
        1.318s    > probe acestream-1 (routine)
        2.078s    > probe acestream-1 (routine)
        3.078s    > probe acestream-1 (routine)
        4.078s    > probe acestream-1 (routine)
        ",
    );
    check(desk.hidden(), "acestream-1: it has not answered yet, next step at 120s");

    desk.on("acestream-1").answers = true;
    desk.wait(secs(1));
    check(desk.fleet(), "gluetun: 1");
}

#[test]
fn without_a_vpn_engines_have_networks_of_their_own_and_ports_of_the_host() {
    let settings = Settings { port_range_host: 19_500..=19_999, ..no_vpn(2) };
    let mut desk = Desk::in_sight(settings, host_with(&[]));
    check(
        desk.did(),
        "
        0s        > create acestream-1 outside http 19500 https 45000 (too few engines serve)
                  > create acestream-2 outside http 19501 https 45001 (too few engines serve)
                  > start acestream-1 (it was created and not yet started)
                  > start acestream-2 (it was created and not yet started)
        ",
    );
    check(desk.engine("acestream-1").host.as_str(), "acestream-1");
}

#[test]
fn the_fleet_grows_no_further_than_the_tightest_limit() {
    for limited in [
        Settings { max_replicas: 3, ..two_vpns() },
        Settings { max_active_replicas: 3, ..two_vpns() },
        Settings { max_replicas: 3, ..no_vpn(10) },
        Settings { port_range_host: 19_000..=19_002, ..no_vpn(10) },
    ] {
        let host = if limited.vpns.is_empty() { host_with(&[]) } else { host_with(&["gluetun", "gluetun2"]) };
        let mut desk = Desk::in_sight(limited, host);
        desk.wait(secs(60));
        assert_eq!(desk.core.snapshot().capacity.offered, 3, "{}", desk.fleet());
    }
}

#[test]
fn a_limit_that_stands_in_the_way_is_told_once() {
    let mut desk = Desk::at_rest(Settings { max_replicas: 1, ..one_vpn(1) });
    desk.on("acestream-1").answers = false;
    desk.wait(secs(600));
    check(
        desk.told(),
        "
        1046.587s engine acestream-1 is hidden: it does not answer any more
                  no engine can be created now: the limit is 1
        1071.587s removing engine acestream-1: its place is needed by an engine that can serve
                  engine acestream-1 is gone
                  creating engine acestream-1 on VPN 'gluetun': too few engines serve (0 of 1
                      wanted, 0 coming); its first good answer is due within 120.0 s
                  starting engine acestream-1: it was created and not yet started; its first good
                      answer is due within 120.0 s
                  engine acestream-1 is offered
        ",
    );
}

#[test]
fn max_active_replicas_does_not_limit_engines_without_a_vpn() {
    let settings = Settings { max_active_replicas: 1, ..no_vpn(3) };
    let desk = Desk::in_sight(settings, host_with(&[]));
    check(desk.fleet(), "outside: 1 2 3");
}

#[test]
fn names_and_ports_of_strangers_are_left_to_them() {
    let mut host = host_with(&[]);
    host.run_stranger("acestream-1", &[19_000]);
    let mut desk = Desk::in_sight(no_vpn(2), host);
    check(
        desk.did(),
        "
        0s        > create acestream-2 outside http 19001 https 45000 (too few engines serve)
                  > create acestream-3 outside http 19002 https 45001 (too few engines serve)
                  > start acestream-2 (it was created and not yet started)
                  > start acestream-3 (it was created and not yet started)
        ",
    );
}
