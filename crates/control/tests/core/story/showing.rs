//! What is shown: the snapshot that the HTTP API, the metrics and the panel are made from.

use crate::desk::{Desk, check, host_with, no_vpn, one_vpn, secs, two_on_each, vpn};
use control::docker::{Happened, Health, State};
use control::labels;
use control::policy::offering::{Reason, Standing};
use control::snapshot::{BlockedCode, Capacity, EngineHealth, Overall};
use control::time::Stamp;
use control::vpn::{ControlServer, Verdict};
use control::{Settings, Snapshot, Time};

#[test]
fn an_engine_is_shown_with_all_that_its_clients_go_by() {
    let mut desk = Desk::at_rest_with_ports(two_on_each());
    desk.wait(secs(100));
    let engine = desk.engine("acestream-3");

    assert_eq!(engine.container_id, desk.on("acestream-3").id);
    assert_eq!(engine.host.as_str(), "gluetun2");
    assert_eq!((engine.port, engine.p2p_port, engine.forwarded), (19_002, Some(40_002), true));
    let (id, name) = engine.vpn.expect("it is on a VPN");
    assert_eq!((id.index(), name.as_str()), (1, "gluetun2"));
    assert_eq!(engine.first_seen, Time::ZERO);
    assert_eq!(engine.last_seen, Time::from_secs(1_100));
    assert_eq!((engine.state, engine.standing), (State::Running, Standing::Offered));
    assert_eq!((engine.health, engine.connected), (EngineHealth::Healthy, Some(true)));
    let asked = engine.last_health_check.expect("it is asked every twenty seconds");
    assert!(asked > Time::from_secs(1_077), "last asked at {asked}");
    assert_eq!((engine.standing_since, engine.next_step), (Time::ZERO, None));
    assert!(engine.streams.is_empty());
    let pairs: Vec<_> = engine.labels.iter().filter(|(key, _)| *key != labels::OPERATION).collect();
    let pairs: Vec<_> = pairs.iter().map(|(key, value)| format!("{key}={value}")).collect();
    check(
        pairs.join("\n"),
        "
        acefleet.spec=0000000000000000
        acestream.forwarded=true
        acestream.http_port=19002
        acestream.https_port=45000
        acestream.p2p_port=40002
        acestream.vpn_container=gluetun2
        host.http_port=19002
        ",
    );
}

#[test]
fn every_container_that_may_be_shown_is_shown_with_how_it_was_made_but_no_label_of_a_vpn() {
    let mut host = host_with(&["gluetun"]);
    host.run_stranger("nginx", &[80]);
    host.run_engine("acestream-1", "gluetun", 19_000);
    host.add_engine("helper", &[("role", "helper")]).published = [8_080].into();
    host.get("gluetun").published = [19_000, 19_001].into();
    host.get("gluetun").labels = [("secret", "key")].into_iter().collect();
    let desk = Desk::in_sight(one_vpn(1), host);
    let snapshot = desk.core.snapshot();
    let rows: Vec<_> = snapshot
        .every_container()
        .map(|it| {
            let labels = it.labels.iter().count();
            let born = it.created_at.map(Stamp::as_nanos);
            format!(
                "{} {} {} {:?} labels {labels}, created {born:?}",
                it.name, it.image, it.state, it.published
            )
        })
        .collect();
    check(
        rows.join("\n"),
        "
        acestream-1 engine running [] labels 2, created Some(0)
        helper engine created [8080] labels 1, created Some(0)
        gluetun engine running [19000, 19001] labels 0, created Some(0)
        ",
    );
    assert_eq!((snapshot.engines.len(), snapshot.containers.len(), snapshot.capacity.total), (1, 1, 1));
    assert!(snapshot.engines[0].started_at.is_some());
    assert_eq!(snapshot.containers[0].started_at, None);
}

#[test]
fn an_engine_is_marked_for_replacement_once_it_has_had_its_time_to_answer_again() {
    let mut desk = Desk::at_rest(Settings { max_replicas: 4, ..two_on_each() });
    desk.on("acestream-1").answers = false;
    desk.hold("remove");
    let replacing = |desk: &Desk| desk.engine("acestream-1").replacing;
    desk.wait(secs(80));
    assert_eq!(desk.engine("acestream-1").health, EngineHealth::Unhealthy);
    assert!(!replacing(&desk));
    desk.wait(secs(60));
    assert!(replacing(&desk));
}

#[test]
fn what_is_counted_is_counted_from_the_beginning_of_a_life() {
    let mut desk = Desk::at_rest_with_ports(two_on_each());
    for port in [41_001, 41_002] {
        desk.on("gluetun").ports = Some(vec![port]);
        desk.wait(secs(200));
    }
    desk.host.stop("gluetun");
    desk.hear("gluetun", Happened::Died);
    let snapshot = desk.core.snapshot();
    assert_eq!((desk.vpn("gluetun").port_changes, desk.vpn("gluetun2").port_changes), (2, 0));
    assert_eq!((desk.vpn("gluetun").failures, desk.vpn("gluetun2").failures), (1, 0));
    assert_eq!((snapshot.counts.failovers, snapshot.counts.stale_streams), (1, 0));
    let counted =
        |kind| snapshot.counts.journal.iter().find(|(name, _)| *name == kind).map(|(_, count)| *count);
    assert_eq!(
        (counted("port_changed"), counted("emergency_entered"), counted("gone")),
        (Some(2), Some(1), Some(2))
    );
    let all: u64 = snapshot.counts.journal.iter().map(|(_, count)| count).sum();
    assert_eq!(all, snapshot.journalled);
}

#[test]
fn a_report_that_says_the_same_is_another_sample() {
    let mut desk = Desk::at_rest(no_vpn(1));
    desk.watches(1, "news");
    let sample = |desk: &Desk| {
        let stream = desk.core.snapshot().streams[0].clone();
        (stream.report.clone(), stream.reported_at)
    };
    desk.wait(secs(20));
    let (revision, before) = (desk.core.revision(), sample(&desk));
    desk.wait(secs(5));
    let after = sample(&desk);
    assert!(before.1.is_some() && after.1 > before.1, "{before:?} {after:?}");
    assert!(desk.core.revision() > revision);
}

#[test]
fn an_engine_without_a_vpn_is_reached_by_its_own_name() {
    let desk = Desk::at_rest(no_vpn(1));
    let engine = desk.engine("acestream-1");
    assert_eq!((engine.host.as_str(), engine.vpn, engine.forwarded), ("acestream-1", None, false));
}

#[test]
fn a_hidden_engine_says_why_and_when_something_further_is_done() {
    let mut desk = Desk::at_rest(two_on_each());
    desk.host.stop("gluetun");
    desk.hear("gluetun", Happened::Died);
    let engine = desk.engine("acestream-1");
    assert_eq!(engine.standing, Standing::Hidden(Reason::VpnNetworkGone));
    assert_eq!(engine.standing_since, Time::from_secs(1_000));
    assert_eq!(engine.next_step, Some(Time::from_secs(1_005)));

    desk.hold("remove");
    desk.wait(secs(5));
    assert_eq!(desk.engine("acestream-1").standing, Standing::Hidden(Reason::Removing));
}

#[test]
fn the_health_of_an_engine_is_unknown_until_it_is_asked_and_unhealthy_after_three_silences() {
    let mut host = host_with(&["gluetun"]);
    host.run_engine("acestream-1", "gluetun", 19_000);
    let mut desk = Desk::opened(one_vpn(1), host);
    desk.hold("probe");
    desk.store_answers(&[]);
    assert_eq!(desk.engine("acestream-1").health, EngineHealth::Unknown);
    desk.let_go("probe");
    assert_eq!(desk.engine("acestream-1").health, EngineHealth::Healthy);

    desk.on("acestream-1").answers = false;
    desk.wait(secs(38));
    assert_eq!(desk.engine("acestream-1").health, EngineHealth::Healthy);
    desk.wait(secs(28));
    assert_eq!(desk.engine("acestream-1").health, EngineHealth::Unhealthy);
}

#[test]
fn engines_are_shown_by_port() {
    let settings = Settings {
        vpns: vec![vpn("gluetun", Some(19_500..=19_509)), vpn("gluetun2", Some(19_100..=19_109))],
        ..two_on_each()
    };
    let desk = Desk::at_rest(settings);
    let engines = desk.core.snapshot().engines;
    let ports: Vec<_> = engines.iter().map(|engine| engine.port).collect();
    assert_eq!(ports, [19_100, 19_101, 19_500, 19_501]);
}

#[test]
fn a_vpn_is_shown_with_dockers_view_of_it_and_with_ours() {
    let mut desk = Desk::at_rest_with_ports(two_on_each());
    desk.on("gluetun").health = Health::Unhealthy;
    desk.on("gluetun2").admits = false;
    desk.wait(secs(62));

    let first = desk.vpn("gluetun");
    assert_eq!((first.state, first.docker_health), (Some(State::Running), Some(Health::Unhealthy)));
    assert_eq!((first.verdict, first.verdict_since), (Verdict::Healthy, Time::ZERO));
    assert_eq!(first.doubt.as_deref(), Some("Docker says unhealthy"));
    assert_eq!(first.double_check, Some((2, 2)));
    assert_eq!(first.forwarded_port, Some(40_001));
    assert_eq!(first.public_address.as_deref(), Some("203.0.113.7"));
    assert_eq!(first.control_server, ControlServer::Answers);
    assert_eq!(first.last_check, Some(Time::from_secs(1_060)));
    assert_eq!((first.failed_since, first.probation_until, first.stabilizes_until), (None, None, None));
    assert_eq!((first.engines, first.offered), (2, 2));
    assert_eq!(first.container_id, Some(desk.on("gluetun").id));

    let second = desk.vpn("gluetun2");
    assert_eq!(second.control_server, ControlServer::Unauthorized);
    assert_eq!(second.forwarded_port, None);
    assert_eq!((second.doubt, second.double_check), (None, None));
}

#[test]
fn the_public_address_is_asked_for_until_it_is_known_and_anew_after_a_failure() {
    let mut desk = Desk::opened(one_vpn(1), host_with(&["gluetun"]));
    desk.hold("ask gluetun for its address");
    desk.store_answers(&[]);
    desk.lost("ask gluetun for its address");
    desk.wait(secs(10));
    desk.let_go("ask gluetun for its address");
    desk.wait(secs(60));
    check(
        desk.asked_for("address"),
        "
        0s        > ask gluetun for its address (routine)
        10s       > ask gluetun for its address (routine)
        ",
    );
    assert!(desk.vpn("gluetun").public_address.is_some());

    desk.host.stop("gluetun");
    desk.hear("gluetun", Happened::Died);
    assert_eq!(desk.vpn("gluetun").public_address, None);
}

#[test]
fn a_vpn_that_is_missing_has_neither_state_nor_id() {
    let mut host = host_with(&["gluetun", "gluetun2"]);
    host.remove("gluetun2");
    let desk = Desk::in_sight(two_on_each(), host);
    let missing = desk.vpn("gluetun2");
    assert_eq!((missing.container_id, missing.state, missing.docker_health), (None, None, None));
    assert_eq!((missing.verdict, missing.failed_since), (Verdict::Failed, Some(Time::ZERO)));
}

#[test]
fn a_vpn_stabilizes_for_two_minutes_after_its_start_or_its_recovery_whichever_is_later() {
    let mut desk = Desk::at_rest(two_on_each());
    let until = |desk: &Desk| desk.vpn("gluetun").stabilizes_until.map(|at| at.as_nanos() / 1_000_000_000);

    // Its network is replaced and it is healthy only later: the recovery counts.
    desk.host.start("gluetun");
    desk.on("gluetun").health = Health::Starting;
    desk.hear("gluetun", Happened::Started);
    assert_eq!(until(&desk), Some(1_120));
    desk.wait(secs(20));
    desk.on("gluetun").health = Health::Healthy;
    desk.wait(secs(5));
    assert_eq!(until(&desk), Some(1_145));
    desk.wait(secs(119));
    assert_eq!(until(&desk), Some(1_145));
    desk.wait(secs(1));
    assert_eq!(until(&desk), None);
}

#[test]
fn capacity_tells_what_exists_what_is_wanted_and_what_may_exist() {
    let mut desk = Desk::at_rest(Settings { max_replicas: 7, min_free_replicas: 2, ..two_on_each() });
    let expected = Capacity { total: 4, running: 4, offered: 4, used: 0, desired: 4, limit: 7, minimum: 4 };
    assert_eq!(desk.core.snapshot().capacity, expected);

    desk.hold("create");
    desk.host.stop("acestream-1");
    desk.hear("acestream-1", Happened::Died);
    desk.hear_gone("acestream-2");
    let expected = Capacity { total: 4, running: 2, offered: 2, ..expected };
    assert_eq!(desk.core.snapshot().capacity, expected);
}

#[test]
fn what_stands_in_the_way_of_creating_is_told_with_a_time() {
    let code = |desk: &Desk| desk.core.snapshot().blocked.map(|blocked| blocked.code);
    let mut desk = Desk::at_rest(Settings { max_replicas: 4, ..two_on_each() });
    assert_eq!(code(&desk), Some(BlockedCode::MaxCapacity));
    check(
        desk.core.snapshot().blocked.map_or_else(String::new, |blocked| blocked.message),
        "4 of 4 engines exist",
    );

    // What is worse is told first.
    desk.on("gluetun").state = State::Exited;
    desk.on("gluetun2").state = State::Exited;
    desk.wait(secs(5));
    assert_eq!(code(&desk), Some(BlockedCode::VpnDisconnected));
    desk.host.docker_answers = false;
    desk.wait(secs(10));
    let blocked = desk.core.snapshot().blocked.expect("Docker is silent");
    assert_eq!(blocked.code, BlockedCode::DockerUnavailable);
    assert!(blocked.until > desk.now(), "{} is over", blocked.until);

    assert_eq!(code(&Desk::at_rest(two_on_each())), None);
}

#[test]
fn the_whole_is_healthy_degraded_or_unavailable() {
    let overall = |desk: &Desk| desk.core.snapshot().overall;
    let mut desk = Desk::opened(two_on_each(), host_with(&["gluetun", "gluetun2"]));
    assert_eq!(overall(&desk), Overall::Unavailable);
    desk.store_answers(&[]);
    assert_eq!(overall(&desk), Overall::Healthy);

    desk.host.stop("gluetun");
    desk.hear("gluetun", Happened::Died);
    assert_eq!(overall(&desk), Overall::Degraded);
    desk.host.stop("gluetun2");
    desk.hear("gluetun2", Happened::Died);
    assert_eq!(overall(&desk), Overall::Unavailable);

    let mut few = Desk::at_rest(no_vpn(2));
    few.hold("start");
    few.host.stop("acestream-1");
    few.hear("acestream-1", Happened::Died);
    assert_eq!(overall(&few), Overall::Degraded);

    let nothing = Settings { min_free_replicas: 0, ..no_vpn(0) };
    assert_eq!(overall(&Desk::at_rest(nothing)), Overall::Healthy);
}

#[test]
fn a_snapshot_tells_how_much_of_the_journal_is_in_it() {
    let mut desk = Desk::at_rest(one_vpn(1));
    let before: Snapshot = desk.core.snapshot();
    assert_eq!(before.journalled, desk.core.journal().written());
    assert_eq!(before.at, Time::from_secs(1_000));
    desk.hear_gone("acestream-1");
    assert!(desk.core.snapshot().journalled > before.journalled);
}

#[test]
fn while_the_revision_stands_still_nothing_that_is_shown_has_changed_but_ages() {
    let mut desk = Desk::at_rest(two_on_each());
    for step in 0..300 {
        let (revision, before) = (desk.core.revision(), desk.core.snapshot());
        if step == 100 {
            desk.on("gluetun").ports = Some(vec![40_009]);
        }
        if step == 200 {
            desk.on("acestream-1").answers = false;
        }
        desk.wait(secs(1));
        if desk.core.revision() == revision {
            assert_eq!(without_ages(desk.core.snapshot()), without_ages(before), "at {}", desk.now());
        }
    }
}

fn without_ages(mut snapshot: Snapshot) -> Snapshot {
    snapshot.at = Time::ZERO;
    for engine in &mut snapshot.engines {
        engine.last_seen = Time::ZERO;
        engine.last_health_check = None;
        engine.next_step = None;
    }
    for vpn in &mut snapshot.vpns {
        vpn.last_check = None;
    }
    snapshot
}
