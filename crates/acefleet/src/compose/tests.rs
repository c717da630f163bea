//! Each variant's request to Docker, compared with what is written down in `golden/`: `UPDATE_GOLDEN=1` writes it
//! anew.

use super::*;
use crate::docker;
use control::request::{OtherWanted, Wanted};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const VARIANTS: [(Variant, &str); 4] = [
    (Variant::Krinkuto11Amd64, "krinkuto11-amd64"),
    (Variant::JopsisAmd64, "jopsis-amd64"),
    (Variant::JopsisArm32, "jopsis-arm32"),
    (Variant::JopsisArm64, "jopsis-arm64"),
];

const OP: OpId = OpId { life: 0xace, seq: 7 };

fn settings(variant: Variant) -> EngineSettings {
    EngineSettings {
        variant,
        image: variant.image("arm32-v3.2.13", "arm64-v3.2.13"),
        label: ("ondemand.app".to_owned(), "myservice".to_owned()),
        map_https: false,
        network: None,
    }
}

fn create(vpn: Option<VpnId>, p2p: Option<u16>) -> Create {
    Create {
        name: Name::from("acestream-3"),
        vpn,
        ports: Ports { http: 19_002, https: Some(45_002), p2p },
        spec: SpecHash(0x1234),
        wanted: None,
    }
}

fn with_own_conf(create: Create) -> Create {
    let env = [("CONF", "--live-buffer=30\n--http-port=6878\n--bind-all"), ("TZ", "Europe/Berlin")];
    let labels = [("channel", "news")];
    let wanted = Wanted {
        labels: labels.into_iter().collect(),
        env: env.into_iter().collect(),
        host_port: Some(6_878),
        port_is_firm: false,
    };
    Create { wanted: Some(Arc::new(wanted)), ..create }
}

#[track_caller]
fn is_as_written_down(name: &str, settings: EngineSettings, create: &Create) {
    let composer = Composer::new(settings, vec![Name::from("gluetun-1"), Name::from("gluetun-2")]);
    let body = docker::creation(&composer.spec(create, OP));
    let body: serde_json::Value = serde_json::from_slice(&body).expect("a request is JSON");
    let now = format!("{body:#}\n");
    let path: PathBuf =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("src/compose/golden").join(format!("{name}.json"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &now).expect("the folder is there");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(now, written, "{}; UPDATE_GOLDEN=1 writes it anew, for you to read", path.display());
}

#[test]
fn each_variants_request_behind_a_vpn_is_as_written_down() {
    for (variant, name) in VARIANTS {
        for (p2p, role) in [(None, "plain"), (Some(48_278), "carrier")] {
            let create = create(Some(VpnId(1)), p2p);
            is_as_written_down(&format!("{name}-{role}"), settings(variant), &create);
            is_as_written_down(&format!("{name}-{role}-own-conf"), settings(variant), &with_own_conf(create));
        }
    }
}

#[test]
fn a_request_without_a_vpn_has_the_network_and_its_ports_on_both_sides() {
    let own = EngineSettings { network: Some("media".to_owned()), ..settings(Variant::Krinkuto11Amd64) };
    is_as_written_down("without-vpn", own.clone(), &create(None, None));
    let mapped = EngineSettings { map_https: true, ..own };
    is_as_written_down("without-vpn-https-mapped", mapped.clone(), &create(None, None));
    let spec = Composer::new(mapped, Vec::new()).spec(&create(None, None), OP);
    assert_eq!(spec.publish, [(19_002, 19_002), (45_002, 45_002)]);
}

#[test]
fn nothing_is_published_behind_a_vpn_even_if_https_is_to_be_mapped() {
    let mapped = EngineSettings { map_https: true, ..settings(Variant::Krinkuto11Amd64) };
    let spec = Composer::new(mapped, vec![Name::from("gluetun")]).spec(&create(Some(VpnId(0)), None), OP);
    assert!(spec.publish.is_empty() && !spec.labels.contains_key(HOST_HTTPS_PORT));
}

#[test]
fn what_a_caller_wants_never_changes_what_the_engine_is_told_of_its_ports() {
    let env = [("HTTP_PORT", "1"), ("CACHE_LIMIT", "9"), ("ACESTREAM_ARGS", "--evil"), ("TZ", "UTC")];
    let labels = [("ondemand.app", "other"), ("acestream.http_port", "1")];
    let wanted = Wanted {
        labels: labels.into_iter().collect(),
        env: env.into_iter().collect(),
        host_port: None,
        port_is_firm: false,
    };
    let create = Create { wanted: Some(Arc::new(wanted)), ..create(Some(VpnId(0)), None) };
    for (variant, _) in VARIANTS {
        let spec = Composer::new(settings(variant), vec![Name::from("gluetun")]).spec(&create, OP);
        assert_eq!(spec.labels["ondemand.app"], "myservice");
        assert_eq!(spec.labels["acestream.http_port"], "19002");
        assert_eq!(spec.env["TZ"], "UTC");
        if variant == Variant::Krinkuto11Amd64 {
            assert_eq!((&*spec.env["HTTP_PORT"], &*spec.env["CACHE_LIMIT"]), ("19002", "9"));
        }
        if variant == Variant::JopsisAmd64 {
            assert!(spec.env["ACESTREAM_ARGS"].ends_with("--http-port 19002 --https-port 45002"));
        }
    }
}

#[test]
fn the_hash_of_a_spec_is_the_same_in_every_version_that_makes_the_same_engine() {
    let hashes = VARIANTS.map(|(variant, _)| spec_hash(&settings(variant), true).to_string());
    let golden = ["52543dfe7d4ec314", "7d96d7b45f457655", "e2eed6cb8b6750ae", "83d33695abc632b3"];
    assert_eq!(hashes, golden);
}

#[test]
fn the_hash_changes_with_whatever_a_new_engine_would_differ_in() {
    let base = settings(Variant::Krinkuto11Amd64);
    let hash = |settings: EngineSettings| spec_hash(&settings, false);
    let others = [
        EngineSettings { image: "another".to_owned(), ..base.clone() },
        EngineSettings { label: ("ondemand.app".to_owned(), "other".to_owned()), ..base.clone() },
        EngineSettings { map_https: true, ..base.clone() },
        EngineSettings { network: Some("media".to_owned()), ..base.clone() },
        EngineSettings { variant: Variant::JopsisAmd64, ..base.clone() },
    ];
    for other in others {
        assert_ne!(hash(other.clone()), hash(base.clone()), "{other:?}");
    }
    // Behind a VPN there is neither a network of its own nor a port on the host.
    let unused = EngineSettings { map_https: true, network: Some("media".to_owned()), ..base.clone() };
    assert_eq!(spec_hash(&unused, true), spec_hash(&base, true));
    assert_ne!(spec_hash(&base, true), spec_hash(&base, false));
}

#[test]
fn a_container_of_another_kind_is_written_down_as_it_is_wished_for_and_marked_as_ours() {
    let wanted = OtherWanted {
        image: "example/other:1".into(),
        env: [("TZ", "UTC")].into_iter().collect(),
        labels: [("team", "red")].into_iter().collect(),
        ports: vec![(80, Some(8_080))],
        name_prefix: "web".into(),
    };
    let create =
        CreateOther { name: Name::from("web-1"), ports: Arc::from([(80, 8_080)]), wanted: Arc::new(wanted) };
    let composer = Composer::new(settings(Variant::Krinkuto11Amd64), vec![Name::from("gluetun")]);
    let spec = composer.other(&create, OP);
    let pairs = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    assert_eq!((spec.name.as_str(), spec.image.as_str()), ("web-1", "example/other:1"));
    assert_eq!(spec.env, pairs(&[("TZ", "UTC")]));
    let op = OP.to_string();
    assert_eq!(spec.labels, pairs(&[("acefleet.op", &op), ("ondemand.app", "myservice"), ("team", "red")]));
    assert_eq!((spec.network, spec.command), (JoinedNetwork::Own(None), None));
    assert_eq!(spec.publish, [(80, 8_080)]);
}
