//! Labels: what is written on an engine is read again, and what cannot be believed is nothing.

use control::command::{Create, Ports};
use control::ids::{Name, OpId, SpecHash, VpnId};
use control::labels::{
    FORWARDED, HOST_HTTP_PORT, HTTP_PORT, HTTPS_PORT, Labels, Meaning, OPERATION, P2P_PORT, SPEC,
    VPN_CONTAINER,
};

fn meaning(pairs: &[(&str, &str)]) -> Meaning {
    pairs.iter().copied().collect::<Labels>().meaning()
}

fn create(ports: Ports) -> Create {
    Create { name: "acestream-1".into(), vpn: Some(VpnId(0)), ports, spec: SpecHash(0xfeed), wanted: None }
}

const OP: OpId = OpId { life: 7, seq: 9 };

#[test]
fn what_is_written_on_a_forwarded_engine_tells_all_that_adoption_needs() {
    let ports = Ports { http: 19_000, https: Some(45_000), p2p: Some(40_001) };
    let labels = Labels::of_engine(&create(ports), Some(&Name::from("gluetun")), OP);
    let expected = Meaning {
        http_port: Some(19_000),
        https_port: Some(45_000),
        host_http_port: Some(19_000),
        p2p_port: Some(40_001),
        vpn_container: Some("gluetun".into()),
        born_forwarded: true,
        operation: Some(OP),
        spec: Some(SpecHash(0xfeed)),
    };
    assert_eq!(labels.meaning(), expected);
    assert_eq!(labels.get(FORWARDED), Some("true"));
    assert_eq!(labels.get("nothing.of.the.kind"), None);
}

#[test]
fn an_engine_that_is_not_forwarded_or_has_no_vpn_says_nothing_about_either() {
    let labels = Labels::of_engine(&create(Ports { http: 19_000, https: None, p2p: None }), None, OP);
    let keys: Vec<_> = labels.iter().map(|(key, _)| key).collect();
    assert_eq!(keys, [OPERATION, SPEC, HTTP_PORT, HOST_HTTP_PORT]);
    let meaning = labels.meaning();
    assert_eq!((meaning.vpn_container, meaning.https_port, meaning.p2p_port), (None, None, None));
    assert!(!meaning.born_forwarded);
}

#[test]
fn what_is_missing_or_garbled_or_no_port_is_nothing() {
    let nothing = meaning(&[]);
    for garbled in ["", "0", "-1", "65536", "19000 ", "19000/tcp", "0x4a38", "nineteen"] {
        let read = meaning(&[
            (HTTP_PORT, garbled),
            (HTTPS_PORT, garbled),
            (HOST_HTTP_PORT, garbled),
            (P2P_PORT, garbled),
            (OPERATION, garbled),
        ]);
        assert_eq!(read, nothing, "{garbled:?}");
    }
    assert_eq!(meaning(&[(VPN_CONTAINER, "")]), nothing);
    assert_eq!(meaning(&[(SPEC, "no hash")]), nothing);
    for not_true in ["", "false", "True", "1", "yes"] {
        assert_eq!(meaning(&[(FORWARDED, not_true)]), nothing, "{not_true:?}");
    }
}

#[test]
fn each_label_is_read_for_itself_even_if_they_contradict_each_other() {
    let read =
        meaning(&[(HTTP_PORT, "19000"), (HOST_HTTP_PORT, "19001"), (FORWARDED, "true"), (P2P_PORT, "oops")]);
    assert_eq!((read.http_port, read.host_http_port), (Some(19_000), Some(19_001)));
    assert_eq!((read.born_forwarded, read.p2p_port), (true, None));
}

#[test]
fn the_greatest_and_the_least_port_are_ports() {
    assert_eq!(meaning(&[(HTTP_PORT, "1")]).http_port, Some(1));
    assert_eq!(meaning(&[(HTTP_PORT, "65535")]).http_port, Some(u16::MAX));
}
