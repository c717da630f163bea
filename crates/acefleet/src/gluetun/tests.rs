//! Control servers of both ages, with each kind of credentials, and in bad moods.

use super::*;

use crate::dial::fixture::ways_to;
use crate::settings::Secret;
use testbed::gluetun as standin;

/// A control server, and whoever asks it.
struct Asked {
    server: standin::Gluetun,
    gluetun: Gluetun,
    vpn: Name,
}

async fn asked(auth: GluetunAuth, choose: impl FnOnce(&mut standin::Settings)) -> Asked {
    let mut settings = standin::Settings::new("127.0.0.1:0".parse().unwrap());
    settings.starting = std::time::Duration::ZERO;
    settings.port_after = std::time::Duration::ZERO;
    settings.ports = vec![40_001];
    choose(&mut settings);
    let server = standin::Gluetun::start(settings).await.expect("it starts");
    let ways = Arc::new(ways_to("gluetun"));
    let gluetun = Gluetun::new(GluetunSettings { api_port: server.control().port(), auth }, ways);
    let vpn = Name::from("gluetun");
    let asked = Asked { server, gluetun, vpn };
    for _ in 0..200 {
        if asked.server.healthy() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    asked
}

impl Asked {
    async fn ask(&self, question: Question) -> Outcome {
        self.gluetun.ask(&self.vpn, question).await
    }
}

fn key(text: &str) -> GluetunAuth {
    GluetunAuth::Key(Secret::from(text.to_string()))
}

#[tokio::test]
async fn a_new_server_tells_tunnel_ports_and_address() {
    let asked = asked(GluetunAuth::None, |_| {}).await;
    assert_eq!(asked.ask(Question::Ports).await, Outcome::Done(Report::Ports(vec![40_001])));
    assert_eq!(asked.ask(Question::Tunnel).await, Outcome::Done(Report::Tunnel(TunnelStatus::Running)));
    let Outcome::Done(Report::PublicAddress(address)) = asked.ask(Question::PublicAddress).await else {
        panic!("no address");
    };
    assert!(address.parse::<std::net::IpAddr>().is_ok(), "{address}");
}

#[tokio::test]
async fn an_old_server_is_asked_by_its_own_route_whatever_it_says_to_the_new_one() {
    for unknown in [400, 401, 404] {
        let choose = |settings: &mut standin::Settings| settings.version = standin::Version::Old { unknown };
        let asked = asked(GluetunAuth::None, choose).await;
        for _ in 0..2 {
            assert_eq!(
                asked.ask(Question::Ports).await,
                Outcome::Done(Report::Ports(vec![40_001])),
                "{unknown}"
            );
        }
        assert!(asked.gluetun.old().contains(&asked.vpn));
    }
}

#[tokio::test]
async fn a_key_and_a_password_let_in_and_a_wrong_one_is_told_as_unauthorized() {
    let with_key = |settings: &mut standin::Settings| settings.auth = standin::Auth::Key("k".into());
    let with_password = |settings: &mut standin::Settings| {
        settings.auth = standin::Auth::Basic { user: "u".into(), password: "p".into() };
    };
    let ports = Outcome::Done(Report::Ports(vec![40_001]));
    let refused = Outcome::Refused(Refusal::Unauthorized);
    assert_eq!(asked(key("k"), with_key).await.ask(Question::Ports).await, ports);
    assert_eq!(asked(key("x"), with_key).await.ask(Question::Ports).await, refused);
    let basic = GluetunAuth::Basic("u".into(), Secret::from("p".to_string()));
    assert_eq!(asked(basic, with_password).await.ask(Question::Ports).await, ports);
    assert_eq!(asked(GluetunAuth::None, with_password).await.ask(Question::Tunnel).await, refused);
}

#[tokio::test]
async fn the_tunnel_is_taken_down_and_brought_up() {
    let asked = asked(GluetunAuth::None, |_| {}).await;
    assert_eq!(asked.gluetun.tell(&asked.vpn, TunnelOrder::Stop).await, Outcome::Done(Report::Carried));
    assert_eq!(asked.ask(Question::Tunnel).await, Outcome::Done(Report::Tunnel(TunnelStatus::Stopped)));
    assert_eq!(asked.gluetun.tell(&asked.vpn, TunnelOrder::Run).await, Outcome::Done(Report::Carried));
    assert_eq!(asked.ask(Question::Tunnel).await, Outcome::Done(Report::Tunnel(TunnelStatus::Running)));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unknown_and_not_an_answer() {
    let asked = asked(GluetunAuth::None, |_| {}).await;
    let Asked { server, gluetun, vpn } = asked;
    drop(server);
    let outcome =
        tokio::time::timeout(std::time::Duration::from_secs(5), gluetun.ask(&vpn, Question::Ports)).await;
    assert_eq!(outcome, Ok(Outcome::Unknown(Silence::Disconnected)));
}

#[test]
fn no_port_is_zero_null_or_an_empty_list() {
    for text in [
        r#"{"port":0,"ports":[0]}"#,
        r#"{"port":0,"ports":null}"#,
        r#"{"port":0,"ports":[]}"#,
        r#"{"port":null}"#,
        "{}",
    ] {
        assert_eq!(ports_in(&serde_json::from_str(text).unwrap()), Vec::<u16>::new(), "{text}");
    }
    let several = serde_json::from_str(r#"{"port":2,"ports":[2,3,70000,-1]}"#).unwrap();
    assert_eq!(ports_in(&several), [2, 3]);
}

#[test]
fn a_redirect_leads_to_another_path_and_never_to_another_host() {
    assert_eq!(path_of("/v1/portforward"), Some("/v1/portforward".into()));
    assert_eq!(path_of("http://evil.example/v1/portforward?x=1"), Some("/v1/portforward?x=1".into()));
    assert_eq!(path_of("//evil.example/x"), None);
}
