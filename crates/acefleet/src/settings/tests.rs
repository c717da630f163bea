//! What settings do, as the operator sees it.

use super::*;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::time::Duration;

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn environment(pairs: &[(&str, &str)]) -> Sources {
    Sources { environment: map(pairs), ..Sources::empty() }
}

fn dotenv(text: &str) -> Sources {
    Sources { dotenv: Some(text.to_owned()), ..Sources::empty() }
}

fn fine(sources: &Sources) -> Settings {
    read(sources).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn settings(pairs: &[(&str, &str)]) -> Settings {
    fine(&environment(pairs))
}

fn wrong(sources: &Sources) -> Vec<String> {
    let problems = read(sources).expect_err("these settings cannot be meant");
    problems.iter().map(ToString::to_string).collect()
}

fn problems(pairs: &[(&str, &str)]) -> Vec<String> {
    wrong(&environment(pairs))
}

/// Exactly one warning, with this in it.
fn one_warning(pairs: &[(&str, &str)], part: &str) -> Settings {
    let settings = settings(pairs);
    assert!(
        matches!(&settings.warnings[..], [one] if one.contains(part)),
        "{pairs:?}: {:?}",
        settings.warnings
    );
    settings
}

fn names(settings: &Settings) -> Vec<&str> {
    settings.vpn_names().map(Name::as_str).collect()
}

fn ranges(settings: &Settings) -> Vec<Option<(u16, u16)>> {
    let ends = |range: &std::ops::RangeInclusive<u16>| (*range.start(), *range.end());
    settings.core.vpns.iter().map(|vpn| vpn.ports.as_ref().map(ends)).collect()
}

const ONE_VPN: (&str, &str) = ("GLUETUN_CONTAINER_NAME", "gluetun");
const TWO_VPNS: [(&str, &str); 3] =
    [("VPN_MODE", "redundant"), ONE_VPN, ("GLUETUN_CONTAINER_NAME_2", "gluetun2")];

fn with_two_vpns<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    TWO_VPNS.iter().chain(more).copied().collect()
}

#[test]
fn with_nothing_said_the_core_has_its_own_defaults() {
    let settings = settings(&[]);
    assert_eq!(settings.core, control::Settings::default());
    assert_eq!(settings.app_port, 8000);
    assert_eq!(settings.vpn_mode, VpnMode::Disabled);
    assert_eq!(settings.warnings, Vec::<String>::new());
    assert_eq!(settings.docker, DockerHost::Unix("/var/run/docker.sock".into()));
    assert_eq!(settings.store.path, PathBuf::from("./orchestrator.db"));
    assert_eq!(settings.engine.label, ("ondemand.app".into(), "myservice".into()));
    assert_eq!(settings.engine.image, "ghcr.io/krinkuto11/acestream-http-proxy:latest");
    assert_eq!(settings.gluetun, GluetunSettings { api_port: 8000, auth: GluetunAuth::None });
    assert_eq!(settings.log, LogSettings { level: "info".into(), json: false, debug_dir: None });
    assert_eq!(settings.stats_history_max, 720);
}

#[test]
fn the_reference_is_what_the_table_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
    let text = reference::reference();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &text).expect("the reference can be written");
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert!(written == text, "docs/configuration.md is out of date: run this test with UPDATE_GOLDEN=1");
}

#[test]
fn names_are_told_apart_and_every_default_can_be_meant() {
    let all: Vec<String> = super::names().collect();
    assert_eq!(all.len(), all.iter().collect::<BTreeSet<_>>().len());
    let defaults: Vec<_> =
        rows().filter(|row| !row.default.is_empty()).map(|row| (row.name, row.default)).collect();
    assert_eq!(settings(&defaults).core, control::Settings::default());
}

#[test]
fn every_setting_can_be_a_flag_which_beats_the_environment_which_beats_the_file() {
    for row in rows() {
        assert_eq!(row.flag(), row.name.to_lowercase().replace('_', "-"));
    }
    let mut sources = dotenv("MIN_REPLICAS=2\nMAX_REPLICAS=12\nAPP_PORT=8002");
    sources.environment = map(&[("MIN_REPLICAS", "3"), ("MAX_REPLICAS", "13")]);
    sources.flags = map(&[("MIN_REPLICAS", "4")]);
    let settings = fine(&sources);
    assert_eq!((settings.core.min_replicas, settings.core.max_replicas), (4, 13));
    assert_eq!(settings.app_port, 8002);
    let origin = |name| settings.effective.iter().find(|effective| effective.name == name).map(|e| &e.origin);
    assert_eq!(origin("MIN_REPLICAS"), Some(&Origin::Flag));
    assert_eq!(origin("MAX_REPLICAS"), Some(&Origin::Environment));
    assert_eq!(origin("APP_PORT"), Some(&Origin::DotEnv));
    assert_eq!(origin("DB_URL"), Some(&Origin::Default));
    assert_eq!(settings.effective.len(), rows().count());
}

#[test]
fn empty_is_unset_wherever_it_stands() {
    let mut sources = dotenv("MIN_REPLICAS=2\nMIN_REPLICAS=\nMAX_REPLICAS=12\nAPI_KEY");
    sources.environment = map(&[("MAX_REPLICAS", ""), ("API_KEY", ""), ("GLUETUN_CONTAINER_NAME", "")]);
    sources.flags = map(&[("DOCKER_NETWORK", "")]);
    let settings = fine(&sources);
    assert_eq!((settings.core.min_replicas, settings.core.max_replicas), (1, 12));
    assert_eq!((settings.api.key, settings.engine.network), (None, None));
    assert_eq!(settings.vpn_mode, VpnMode::Disabled);
}

#[test]
fn files_that_people_have_start_without_a_change() {
    let files = [
        include_str!("../../../../deploy/examples/no-vpn/.env.example"),
        include_str!("../../../../deploy/examples/single-vpn/.env.example"),
        include_str!("../../../../deploy/examples/redundant-vpn/.env.example"),
    ];
    let [no_vpn, single, redundant] = files.map(|text| fine(&dotenv(text)));
    for settings in [&no_vpn, &single, &redundant] {
        assert_eq!(settings.warnings, Vec::<String>::new());
    }
    assert_eq!(no_vpn.vpn_mode, VpnMode::Disabled);
    assert_eq!(no_vpn.engine.network.as_deref(), Some("aceserver"));
    assert_eq!(no_vpn.engine.label, ("orchestrator.managed".into(), "acestream".into()));
    assert_eq!((no_vpn.core.min_replicas, no_vpn.core.max_replicas), (10, 50));
    assert!(no_vpn.core.auto_delete);
    assert_eq!(single.vpn_mode, VpnMode::Single);
    assert_eq!(single.gluetun.api_port, 8001);
    assert_eq!(single.api.key.as_ref().map(Secret::reveal), Some("change \"me\""));
    assert_eq!(single.store.path, PathBuf::from("/data/orchestrator.db"));
    assert_eq!(single.engine.image, "jopsis/acestream:x64");
    assert_eq!(redundant.vpn_mode, VpnMode::Redundant);
    assert_eq!(names(&redundant), ["gluetun", "gluetun_2"]);
    assert_eq!(ranges(&redundant), [Some((19_000, 19_499)), Some((19_500, 19_999))]);
    assert_eq!(redundant.core.max_concurrent_provisions, 10);
    assert_eq!(redundant.api.key.as_ref().map(Secret::reveal), Some("change-me"));
}

#[test]
fn the_file_that_came_with_the_python_orchestrator_gets_one_line_about_what_never_had_an_effect() {
    let text = "IDLE_TTL_S=600\nMIN_PROVISION_INTERVAL_S=0.5\nACE_HTTP_RANGE=40000-44999\nMIN_REPLICAS=10";
    let settings = fine(&dotenv(text));
    assert_eq!(
        settings.warnings,
        ["IDLE_TTL_S, MIN_PROVISION_INTERVAL_S, ACE_HTTP_RANGE: accepted, and without effect"]
    );
}

#[test]
fn what_cannot_be_meant_is_rejected_with_a_way_out() {
    let cases = [
        ("APP_PORT", "0", "a port from 1 to 65535"),
        ("APP_PORT", "65536", "a port from 1 to 65535"),
        ("APP_PORT", "eight", "a port from 1 to 65535"),
        ("GLUETUN_API_PORT", "70000", "a port from 1 to 65535"),
        ("MIN_REPLICAS", "many", "a whole number, 0 or more"),
        ("MIN_REPLICAS", "1.5", "a whole number, 0 or more"),
        ("MIN_REPLICAS", "-1", "a whole number, 0 or more"),
        ("MIN_FREE_REPLICAS", "-1", "a whole number, 0 or more"),
        ("MAX_REPLICAS", "0", "a whole number, 1 or more"),
        ("MAX_REPLICAS", "99999999999999999999", "that is too many"),
        ("MAX_ACTIVE_REPLICAS", "-3", "a whole number, 1 or more"),
        ("MAX_CONCURRENT_PROVISIONS", "0", "a whole number, 1 or more"),
        ("STATS_HISTORY_MAX", "0", "a whole number, 1 or more"),
        ("MAX_STREAMS_PER_ENGINE", "0", "a whole number, 1 or more"),
        ("DOCKER_RETRIES", "-1", "a whole number, 0 or more"),
        ("COLLECT_INTERVAL_S", "0", "seconds, 0.01 or more"),
        ("MONITOR_INTERVAL_S", "-5", "seconds, 0.01 or more"),
        ("STARTUP_TIMEOUT_S", "soon", "seconds, 0.01 or more"),
        ("HEALTH_CHECK_INTERVAL_S", "nan", "that is no number"),
        ("HEALTH_CHECK_INTERVAL_S", "inf", "that is no number"),
        ("HANDOFF_S", "-0.1", "seconds, 0 or more"),
        ("IDLE_TTL_S", "0", "seconds, 0.01 or more"),
        ("MIN_PROVISION_INTERVAL_S", "half", "that is no number"),
        ("PORT_RANGE_HOST", "19000", "first-last"),
        ("PORT_RANGE_HOST", "19999-19000", "first-last"),
        ("PORT_RANGE_HOST", "0-100", "first-last"),
        ("ACE_HTTPS_RANGE", "45000-70000", "first-last"),
        ("ACE_HTTP_RANGE", "40000:44999", "first-last"),
        ("CONTAINER_LABEL", "myservice", "`key=value`"),
        ("CONTAINER_LABEL", "=myservice", "`key=value`"),
        ("ENGINE_VARIANT", "jopsis", "`jopsis-arm64`"),
        ("VPN_MODE", "double", "`redundant`"),
        ("LOG_LEVEL", "loud", "`debug`"),
        ("LOG_FORMAT", "xml", "`json`"),
        ("EMERGENCY_REFILL", "yes", "`true` or `false`"),
        ("STOP_ENGINES_ON_EXIT", "1", "`true` or `false`"),
        ("CORS_ORIGINS", "panel.example", "https://panel.example"),
        ("CORS_ORIGINS", "https://panel.example/path", "https://panel.example"),
        ("PROVISION_IMAGES", "busybox, ,alpine", "image:tag,image:tag"),
        ("DB_URL", "orchestrator.db", "sqlite:///./orchestrator.db"),
        ("DB_URL", "sqlite://orchestrator.db", "a slash is missing"),
        ("DB_URL", "sqlite://", "in memory"),
        ("DB_URL", "sqlite:///:memory:", "in memory"),
        ("DB_URL", "postgresql://host/db", "no other database"),
    ];
    for (name, value, part) in cases {
        let found = problems(&[(name, value)]);
        assert!(matches!(&found[..], [one] if one.contains(part)), "{name}={value}: {found:?}");
        assert!(found[0].starts_with(&format!("{name}={value} (environment): ")), "{found:?}");
    }
}

#[test]
fn all_problems_are_told_at_once() {
    let found = problems(&[
        ("APP_PORT", "0"),
        ("MIN_REPLICAS", "x"),
        ("VPN_MODE", "redundant"),
        ("DOCKER_HOST", "x"),
    ]);
    assert_eq!(found.len(), 5, "{found:?}");
}

#[test]
fn numbers_are_read_as_python_reads_them() {
    let settings =
        settings(&[("MIN_REPLICAS", " +1_0 "), ("MAX_REPLICAS", "0030"), ("COLLECT_INTERVAL_S", "5")]);
    assert_eq!((settings.core.min_replicas, settings.core.max_replicas), (10, 30));
    for odd in ["1__0", "_1", "1_", "0x10", "1e3", "", "+", "--1"] {
        assert_eq!(words::whole(odd), None, "{odd}");
    }
}

#[test]
fn seconds_may_have_decimals_everywhere_and_be_longer_than_a_life() {
    let settings = settings(&[
        ("HEALTH_CHECK_INTERVAL_S", "0.5"),
        ("PORT_LOST_S", ".25"),
        ("DOCKER_PING_INTERVAL_S", "1e1"),
        ("HEALTH_UNHEALTHY_GRACE_PERIOD_S", "0"),
        ("HEALTH_REPLACEMENT_COOLDOWN_S", "99999999999999999999"),
        ("HEALTH_FAILURE_THRESHOLD", "1000000"),
    ]);
    assert_eq!(settings.core.health_check_interval, Duration::from_millis(500));
    assert_eq!(settings.core.port_lost, Duration::from_millis(250));
    assert_eq!(settings.core.ping_interval, Duration::from_secs(10));
    assert_eq!(settings.core.health_unhealthy_grace_period, Duration::ZERO);
    assert_eq!(settings.core.boot_allowance(), Duration::from_secs(500_000));
}

#[test]
fn an_old_switch_is_on_with_true_in_any_case_and_off_with_all_else() {
    for (text, on, warned) in [
        ("true", true, false),
        ("TRUE", true, false),
        ("True", true, false),
        ("false", false, false),
        ("False", false, false),
        ("yes", false, true),
        ("1", false, true),
        (" true", false, true),
        ("on", false, true),
    ] {
        let settings = settings(&[("VPN_RESTART_ENGINES_ON_RECONNECT", text)]);
        assert_eq!(settings.core.vpn_restart_engines_on_reconnect, on, "{text}");
        assert_eq!(!settings.warnings.is_empty(), warned, "{text}: {:?}", settings.warnings);
    }
    assert!(settings(&[("STOP_ENGINES_ON_EXIT", "True")]).stop_engines_on_exit);
}

#[test]
fn thresholds_that_nothing_can_reach_mean_one() {
    let settings = one_warning(&[("CIRCUIT_BREAKER_FAILURE_THRESHOLD", "0")], "it means the same as 1");
    assert_eq!(settings.core.circuit_breaker_failure_threshold, 1);
}

#[test]
fn a_minimum_above_a_limit_is_warned_of_and_the_limit_holds() {
    let settings =
        one_warning(&[("MIN_REPLICAS", "30")], "MIN_REPLICAS=30 is more than MAX_REPLICAS allows: 20");
    assert_eq!(settings.core.max_replicas, 20);
    one_warning(&[("MIN_FREE_REPLICAS", "21")], "MIN_FREE_REPLICAS=21 is more than MAX_REPLICAS allows: 20");
    one_warning(
        &[ONE_VPN, ("MIN_REPLICAS", "6"), ("MAX_ACTIVE_REPLICAS", "5")],
        "MIN_REPLICAS=6 is more than MAX_ACTIVE_REPLICAS allows: 5 it is",
    );
    one_warning(
        &[("MIN_REPLICAS", "6"), ("PORT_RANGE_HOST", "19000-19002")],
        "MIN_REPLICAS=6 is more than PORT_RANGE_HOST allows: 3 it is",
    );
    // Without VPNs the second limit says nothing.
    assert!(self::settings(&[("MIN_REPLICAS", "6"), ("MAX_ACTIVE_REPLICAS", "5")]).warnings.is_empty());
}

#[test]
fn emergency_refill_leaves_no_time_to_settle() {
    let settings = settings(&[("EMERGENCY_REFILL", "true"), ("EMERGENCY_SETTLE_S", "60")]);
    assert_eq!(settings.core.emergency_settle, Duration::ZERO);
}

#[test]
fn a_single_vpn_ignores_the_second_container() {
    let mut pairs = vec![ONE_VPN, ("GLUETUN_CONTAINER_NAME_2", "gluetun2"), ("GLUETUN_PORT_RANGE_2", "oops")];
    let settings = one_warning(&pairs, "GLUETUN_CONTAINER_NAME_2 is ignored");
    assert_eq!((names(&settings), settings.vpn_mode), (vec!["gluetun"], VpnMode::Single));
    pairs.remove(0);
    assert_eq!(one_warning(&pairs, "is ignored").vpn_mode, VpnMode::Disabled);
}

#[test]
fn redundant_vpns_are_two_different_ones() {
    let two = settings(&TWO_VPNS);
    assert_eq!((names(&two), two.vpn_mode), (vec!["gluetun", "gluetun2"], VpnMode::Redundant));
    assert_eq!(ranges(&two), [None, None]);
    assert_eq!(problems(&[("VPN_MODE", "redundant")]).len(), 2);
    assert!(problems(&TWO_VPNS[..2])[0].starts_with("GLUETUN_CONTAINER_NAME_2: VPN_MODE=redundant needs it"));
    let same = [("VPN_MODE", "redundant"), ONE_VPN, ("GLUETUN_CONTAINER_NAME_2", "gluetun")];
    assert!(problems(&same)[0].contains("the same container"));
}

#[test]
fn a_list_of_vpns_may_have_any_length() {
    let list = |text| settings(&[("GLUETUN_CONTAINERS", text)]);
    assert_eq!(list("one").vpn_mode, VpnMode::Single);
    let three = list("one, two ,three");
    assert_eq!((names(&three), three.vpn_mode), (vec!["one", "two", "three"], VpnMode::Redundant));
    assert_eq!(problems(&[("GLUETUN_CONTAINERS", "one,,two")]).len(), 1);
    assert!(problems(&[("GLUETUN_CONTAINERS", "one,two,one")])[0].contains("named twice"));
}

#[test]
fn the_list_wins_over_the_old_names_and_says_so_if_they_differ() {
    assert_eq!(settings(&with_two_vpns(&[("GLUETUN_CONTAINERS", "gluetun,gluetun2")])).warnings.len(), 0);
    let settings = one_warning(&[ONE_VPN, ("GLUETUN_CONTAINERS", "one,two")], "says otherwise");
    assert_eq!(names(&settings), ["one", "two"]);
    let single = [("VPN_MODE", "single"), ("GLUETUN_CONTAINERS", "one,two")];
    assert_eq!(one_warning(&single, "it is redundant").vpn_mode, VpnMode::Redundant);
    let redundant = [("VPN_MODE", "redundant"), ("GLUETUN_CONTAINERS", "one")];
    assert_eq!(one_warning(&redundant, "it is single").vpn_mode, VpnMode::Single);
}

#[test]
fn a_list_of_ranges_has_one_for_each_vpn() {
    let list = |ranges| [("GLUETUN_CONTAINERS", "a,b,c"), ("GLUETUN_PORT_RANGES", ranges)];
    let settings = settings(&list("19000-19099, ,19200-19299"));
    assert_eq!(ranges(&settings), [Some((19_000, 19_099)), None, Some((19_200, 19_299))]);
    assert!(problems(&list("19000-19099"))[0].contains("1 ranges for 3 VPNs"));
    for wrong in ["19000-19099,x,", "19000-19099,0-10,", "19000-19099,1-2-3,", "19000-70000,,"] {
        let found = problems(&list(wrong));
        assert!(matches!(&found[..], [one] if one.contains("is no range of ports")), "{wrong}: {found:?}");
    }
    one_warning(&[("GLUETUN_PORT_RANGES", "19000-19099")], "no VPN is named");
    let pairs =
        with_two_vpns(&[("GLUETUN_PORT_RANGES", "1-99,100-199"), ("GLUETUN_PORT_RANGE_1", "200-299")]);
    let settings = one_warning(&pairs, "GLUETUN_PORT_RANGES says otherwise");
    assert_eq!(ranges(&settings), [Some((1, 99)), Some((100, 199))]);
}

#[test]
fn odd_ranges_of_vpns_are_warned_of_once_and_mean_what_they_always_meant() {
    let two = |one, two| with_two_vpns(&[("GLUETUN_PORT_RANGE_1", one), ("GLUETUN_PORT_RANGE_2", two)]);
    let overlapping = one_warning(&two("19000-19499", "19400-19999"), "overlap");
    assert_eq!(ranges(&overlapping), [Some((19_000, 19_499)), Some((19_400, 19_999))]);
    let shared = settings(&two("19000-19499", "19000-19499"));
    assert_eq!((ranges(&shared)[1], shared.warnings.len()), (Some((19_000, 19_499)), 0));
    let reversed = one_warning(&two("19499-19000", "19500-19999"), "is reversed");
    assert!(reversed.core.vpns[0].ports.as_ref().is_some_and(std::ops::RangeInclusive::is_empty));
    one_warning(&two("19000-19004", "19500-19999"), "room for 5 of the 10 engines");
    let garbled = one_warning(&two("19000", "19500-19999"), "is not used");
    assert_eq!(ranges(&garbled), [None, Some((19_500, 19_999))]);
    let too_high = one_warning(&two("65500-70000", "19500-19999"), "ports that do not exist");
    assert_eq!(ranges(&too_high)[0], Some((65_500, 65_535)));
}

#[test]
fn images_follow_the_variant_and_its_version() {
    for (pairs, image) in [
        (&[("ENGINE_VARIANT", "jopsis-amd64")][..], "jopsis/acestream:x64"),
        (&[("ENGINE_VARIANT", "jopsis-arm32")], "jopsis/acestream:arm32-v3.2.13"),
        (&[("ENGINE_VARIANT", "jopsis-arm64"), ("ENGINE_ARM64_VERSION", "v9")], "jopsis/acestream:v9"),
        (&[("ENGINE_ARM64_VERSION", "v9")], "ghcr.io/krinkuto11/acestream-http-proxy:latest"),
    ] {
        assert_eq!(settings(pairs).engine.image, image);
    }
    let label = settings(&[("CONTAINER_LABEL", "a.b=c=d")]).engine.label;
    assert_eq!(label, ("a.b".into(), "c=d".into()));
}

#[test]
fn a_database_is_named_as_sqlalchemy_names_it() {
    for (url, path) in [
        ("sqlite:///./orchestrator.db", "./orchestrator.db"),
        ("sqlite:///data/o.db", "data/o.db"),
        ("sqlite:////data/o.db", "/data/o.db"),
        ("sqlite+pysqlite:///o.db?check_same_thread=false", "o.db"),
    ] {
        assert_eq!(settings(&[("DB_URL", url)]).store.path, PathBuf::from(path));
    }
    let found = problems(&[("DB_URL", "postgresql://me:hunter2@host/db")]);
    assert!(found[0].starts_with("DB_URL=postgresql://***@host/db (environment)"), "{found:?}");
}

#[test]
fn debug_files_are_written_only_in_debug_mode() {
    assert_eq!(settings(&[("DEBUG_LOG_DIR", "/logs")]).log.debug_dir, None);
    assert_eq!(settings(&[("DEBUG_MODE", "true")]).log.debug_dir, Some("./debug_logs".into()));
    assert!(settings(&[("LOG_FORMAT", "JSON"), ("LOG_LEVEL", "Debug")]).log.json);
}

#[test]
fn docker_is_reached_as_its_own_client_does() {
    let host = |pairs: &[(&str, &str)]| settings(pairs).docker;
    let tcp = |address: &str| DockerHost::Tcp(address.into());
    let tls = |verify, folder: &str| DockerHost::Tls {
        address: "h:2376".into(),
        certificates: folder.into(),
        verify,
    };
    assert_eq!(host(&[("DOCKER_HOST", "unix:///run/d.sock")]), DockerHost::Unix("/run/d.sock".into()));
    assert_eq!(host(&[("DOCKER_HOST", "unix://")]), DockerHost::Unix("/var/run/docker.sock".into()));
    assert_eq!(host(&[("DOCKER_HOST", "tcp://h:1234")]), tcp("h:1234"));
    assert_eq!(host(&[("DOCKER_HOST", "tcp://h")]), tcp("h:2375"));
    assert_eq!(host(&[("DOCKER_HOST", "http://h:2375")]), tcp("h:2375"));
    assert_eq!(host(&[("DOCKER_HOST", "tcp://[::1]")]), tcp("[::1]:2375"));
    assert_eq!(host(&[("DOCKER_HOST", "tcp://[::1]:99/")]), tcp("[::1]:99"));
    let h = ("DOCKER_HOST", "tcp://h");
    assert_eq!(host(&[h, ("DOCKER_CERT_PATH", "/c")]), tls(false, "/c"));
    assert_eq!(host(&[h, ("DOCKER_CERT_PATH", "/c"), ("DOCKER_TLS_VERIFY", "1")]), tls(true, "/c"));
    assert_eq!(host(&[h, ("HOME", "/home/me"), ("DOCKER_TLS_VERIFY", "0")]), tls(true, "/home/me/.docker"));
    assert!(problems(&[h, ("DOCKER_TLS_VERIFY", "1")])[0].contains("set DOCKER_CERT_PATH"));
    for (text, part) in [
        ("npipe:////./pipe/docker_engine", "Windows"),
        ("ssh://me@host", "does not speak ssh"),
        ("/var/run/docker.sock", "write unix:///var/run/docker.sock"),
        ("tcp://", "no host and port"),
        ("tcp://:2375", "no host and port"),
        ("tcp://h:99999", "no host and port"),
        ("tcp://h:2375/path", "no host and port"),
        ("fd://", "does not know"),
        ("https://h:2376", "does not know"),
    ] {
        let found = problems(&[("DOCKER_HOST", text)]);
        assert!(found[0].contains(part), "{text}: {found:?}");
    }
}

#[test]
fn a_control_server_is_told_either_a_key_or_a_user() {
    let auth = |pairs: &[(&str, &str)]| settings(pairs).gluetun.auth;
    let (key, user, password) =
        (("GLUETUN_API_KEY", "k"), ("GLUETUN_API_USER", "u"), ("GLUETUN_API_PASSWORD", "p"));
    assert_eq!(auth(&[key]), GluetunAuth::Key("k".to_owned().into()));
    assert_eq!(auth(&[user, password]), GluetunAuth::Basic("u".into(), "p".to_owned().into()));
    for wrong in [
        &[key, user][..],
        &[key, password],
        &[key, user, password],
        &[user],
        &[password],
        &[("GLUETUN_API_KEY", "k\nX: y")],
        &[("GLUETUN_API_USER", "u:v"), password],
    ] {
        assert_eq!(problems(wrong).len(), 1, "{wrong:?}");
    }
}

fn secrets(path: &Path) -> io::Result<String> {
    match path.to_str() {
        Some("/run/key") => Ok("s3cret\r\n".into()),
        Some("/run/empty") => Ok("\n".into()),
        _ => Err(io::Error::from(io::ErrorKind::NotFound)),
    }
}

#[test]
fn every_secret_may_be_in_a_file() {
    let with = |pairs: &[(&str, &str)]| Sources { read_file: secrets, ..environment(pairs) };
    let files: Vec<String> = super::names().filter(|name| name.ends_with("_FILE")).collect();
    assert_eq!(
        files,
        [
            "GLUETUN_API_KEY_FILE",
            "GLUETUN_API_PASSWORD_FILE",
            "HOOK_TOKEN_FILE",
            "API_KEY_FILE",
            "NOTIFY_URLS_FILE",
            "NOTIFY_SECRET_FILE",
            // A file, but of nothing secret.
            "SSL_CERT_FILE",
        ]
    );
    let settings = fine(&with(&[("API_KEY_FILE", "/run/key"), ("HOOK_TOKEN_FILE", "/run/key")]));
    assert_eq!(settings.api.key.as_ref().map(Secret::reveal), Some("s3cret"));
    assert_eq!(settings.api.hook_token.as_ref().map(Secret::reveal), Some("s3cret"));
    let key = settings.effective.iter().find(|effective| effective.name == "API_KEY").expect("it is listed");
    assert_eq!((key.value.as_str(), key.origin.to_string().as_str()), ("***", "file /run/key"));
    assert!(wrong(&with(&[("API_KEY_FILE", "/run/none")]))[0].contains("cannot be read"));
    assert!(wrong(&with(&[("API_KEY_FILE", "/run/empty")]))[0].contains("empty"));
    assert!(
        wrong(&with(&[("API_KEY_FILE", "/run/key"), ("API_KEY", "x")]))[0].contains("API_KEY is set too")
    );
}

#[test]
fn files_are_read_from_the_disk_and_never_endlessly() {
    let folder = std::env::temp_dir().join(format!("acefleet-settings-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder can be made");
    let (settings, key, long) = (folder.join(".env"), folder.join("key"), folder.join("long"));
    std::fs::write(&settings, format!("HOOK_TOKEN_FILE={}\r\n", key.display())).expect("it can be written");
    std::fs::write(&key, "s3cret\n").expect("it can be written");
    std::fs::write(&long, "A=1\n".repeat(1 << 20)).expect("it can be written");
    let read_from = |path: &Path| Sources::of_process(BTreeMap::new(), Some(path));
    let token = read_from(&settings).ok().map(|sources| fine(&sources).api.hook_token);
    let too_long = read_from(&long).err().map(|problem| problem.to_string());
    let no_file = read_from(&folder).err().map(|problem| problem.to_string());
    std::fs::remove_dir_all(&folder).expect("it can be removed again");
    assert_eq!(token.flatten().as_ref().map(Secret::reveal), Some("s3cret"));
    assert!(too_long.is_some_and(|text| text.contains("it is longer than 1048576 bytes")));
    assert!(no_file.is_some_and(|text| text.contains("cannot be read")));
}

#[test]
fn secrets_are_shown_nowhere() {
    let names = ["API_KEY", "HOOK_TOKEN", "GLUETUN_API_PASSWORD"];
    let mut pairs: Vec<_> = names.iter().map(|name| (*name, "hunter2")).collect();
    pairs.push(("GLUETUN_API_USER", "me"));
    assert!(!format!("{:?}", settings(&pairs)).contains("hunter2"));
    pairs.push(("GLUETUN_API_KEY", "hunter2\u{1b}"));
    assert!(!format!("{:?}", problems(&pairs)).contains("hunter2"));
}

#[test]
fn a_key_of_the_file_that_is_nearly_a_setting_is_asked_about_and_others_are_not() {
    let settings = fine(&dotenv("MIN_REPLICA=3\nHEALTH_CHEKC_INTERVAL_S=1\nTZ=x\nPUID=1\nSOMETHING_ELSE=1"));
    assert_eq!(
        settings.warnings,
        [
            ".env: HEALTH_CHEKC_INTERVAL_S is no setting; did you mean HEALTH_CHECK_INTERVAL_S?",
            ".env: MIN_REPLICA is no setting; did you mean MIN_REPLICAS?",
        ]
    );
    assert!(self::settings(&[("MIN_REPLICA", "3")]).warnings.is_empty());
}

#[test]
fn lines_of_the_file_that_make_no_sense_are_warned_of_by_number() {
    let settings = fine(&dotenv("\u{feff}APP_PORT=8001\nthis is nothing\nMIN_REPLICAS=2"));
    assert_eq!(settings.warnings, [".env: line 2 makes no sense and is not read"]);
    assert_eq!((settings.app_port, settings.core.min_replicas), (8001, 2));
}

#[test]
fn hostile_values_are_told_without_moving_the_cursor() {
    let found = problems(&[("ENGINE_VARIANT", "\u{1b}[2J\u{202e}x\n")]);
    assert!(found[0].starts_with("ENGINE_VARIANT=\\u{1b}[2J\\u{202e}x\\n (environment)"), "{found:?}");
    let long = "x".repeat(10_000);
    assert!(problems(&[("ENGINE_VARIANT", &long)])[0].len() < 400);
}

#[test]
fn receivers_of_alerts_are_read_and_never_shown() {
    let addresses = "ntfy://my-hunter2, tgram://1:hunter2/3/4\nhttps://u:hunter2@h/hunter2";
    let all = settings(&[("NOTIFY_URLS", addresses), ("NOTIFY_SECRET", "hunter2")]);
    let shown: Vec<String> = all.notify.targets.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        ["ntfy at ntfy.sh", "telegram at api.telegram.org", "telegram at api.telegram.org", "webhook at h"]
    );
    assert!(!format!("{all:?}").contains("hunter2"), "{all:?}");
    let found = problems(&[("NOTIFY_URLS", "ntfy://topic,discord://hunter2,smtp://hunter2")]);
    assert_eq!(found.len(), 2);
    assert!(
        found[0].starts_with("NOTIFY_URLS, number 2: an id and a token are wanted there; write "),
        "{found:?}"
    );
    assert!(found.iter().all(|problem| !problem.contains("hunter2")), "{found:?}");
    let many = vec!["ntfy://t"; 17].join(",");
    assert!(problems(&[("NOTIFY_URLS", &many)])[0].contains("more than 16"));
}

#[test]
fn a_file_of_authorities_is_read_at_once_and_what_is_wrong_with_it_is_a_warning() {
    let with = |read_file: FileReader| Sources {
        read_file,
        ..environment(&[("NOTIFY_URLS", "ntfy://topic"), ("SSL_CERT_FILE", "/ca\u{1b}.pem")])
    };
    let said = |settings: &Settings| match &settings.warnings[..] {
        [one] => one.clone(),
        other => panic!("{other:?}"),
    };
    let good = fine(&with(|_| {
        let made = rcgen::generate_simple_self_signed(["h".to_owned()]).expect("a certificate");
        Ok(format!("# of our own\n{0}{0}", made.cert.pem()))
    }));
    assert_eq!(
        (good.notify.authorities.len(), good.notify.authorities_unread, good.warnings),
        (2, None, vec![])
    );
    for (read_file, what) in [
        ((|_| Err(io::Error::other("gone"))) as FileReader, "it cannot be read: gone"),
        (|_| Ok("no such thing".into()), "it holds no certificate"),
        (|_| Ok("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n".into()), "it cannot be read: "),
    ] {
        let bad = fine(&with(read_file));
        let said = said(&bad);
        assert!(said.starts_with(&format!("SSL_CERT_FILE=/ca\\u{{1b}}.pem: {what}")), "{said}");
        assert_eq!((bad.notify.authorities_unread, bad.notify.targets.len()), (Some(said), 1));
    }
    // Other programs read it as well: who tells nobody needs none.
    assert_eq!(settings(&[("SSL_CERT_FILE", "/no/such/file.pem")]).warnings, Vec::<String>::new());
}

#[test]
fn a_channel_list_is_read_with_the_settings_and_every_mistake_in_it_is_told() {
    let id = "0123456789abcdef0123456789abcdef01234567";
    let sources = |read_file: FileReader| Sources {
        read_file,
        ..environment(&[("PROXY_CHANNELS", "/lists/tv.m3u"), ("PROXY_BASE_URL", "https://tv.example/")])
    };
    let playlists =
        fine(&sources(|_| Ok("#EXTINF:-1,One\n0123456789abcdef0123456789abcdef01234567\n".into()))).playlists;
    assert_eq!(playlists.base_url.as_deref(), Some("https://tv.example"));
    let channels = playlists.channels.expect("it was read");
    assert_eq!(channels.listed()[0].sources[0].key.as_ref(), id);
    let found = wrong(&sources(|_| Ok("#EXTINF:-1,One\n#EXTINF:-1,Two\nx\n".into())));
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0].contains("PROXY_CHANNELS=/lists/tv.m3u") && found[0].contains("line 1"), "{found:?}");
    let found = wrong(&sources(|_| Err(io::Error::other("gone"))));
    assert!(found[0].contains("the file cannot be read: gone"), "{found:?}");
    assert!(problems(&[("PROXY_BASE_URL", "tv.example")])[0].contains("https://tv.example"));
}
