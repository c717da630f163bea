//! Answers that are strange, late, cut off or no, and what is made of them.

use super::fake::{Fake, PATIENCE, Say, docker_at, head, version};
use crate::runtime::{Failure, JoinedNetwork, Runtime, Spec};
use control::command::Target;
use control::docker::{Network, State};
use control::event::{Refusal, Silence};
use control::ids::{ContainerId, Name};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::time::timeout;

const DISCONNECTED: Failure = Failure::Unknown(Silence::Disconnected);

fn id(digit: char) -> String {
    String::from(digit).repeat(64)
}

fn known(digit: char) -> ContainerId {
    ContainerId::parse(&id(digit)).expect("64 hexadecimal digits")
}

fn summary(digit: char, state: &str) -> Value {
    json!({ "Id": id(digit), "Names": [format!("/acestream-{digit}")], "State": state, "Image": "engine:1",
            "Labels": { "ondemand.app": "myservice", "acestream.http_port": "19000" },
            "HostConfig": { "NetworkMode": format!("container:{}", id('f')) }, "Ports": [] })
}

fn inspection(digit: char, name: &str) -> Value {
    json!({ "Id": id(digit), "Name": format!("/{name}"), "State": { "Status": "running" },
            "Config": { "Labels": {} }, "HostConfig": { "NetworkMode": format!("container:{}", id('e')) } })
}

fn message(text: &str) -> Value {
    json!({ "message": text })
}

pub(super) fn spec(image: &str) -> Spec {
    Spec {
        name: Name::from("acestream-1"),
        image: image.to_owned(),
        env: BTreeMap::new(),
        command: None,
        labels: BTreeMap::new(),
        network: JoinedNetwork::OfContainer(Name::from("gluetun")),
        publish: Vec::new(),
    }
}

#[tokio::test]
async fn one_strange_container_is_left_out_of_a_listing_and_spoils_nothing() {
    let fake = Fake::new(|asked| {
        let mut nameless = summary('3', "removing");
        nameless["Names"] = Value::Null;
        nameless["Labels"] = json!({ "other": null });
        let strange =
            [summary('4', "confused"), json!({ "Id": "short", "State": "running" }), json!({ "Names": 7 })];
        let readable =
            [summary('1', "running"), summary('2', "stopped"), nameless, summary('5', "configured")];
        let all: Vec<Value> = strange.into_iter().chain(readable).collect();
        (asked == "GET /containers/json?all=1").then(|| Say::Json(200, Value::from(all)))
    });
    let listing = fake.docker().list().await.expect("a listing");
    let seen: Vec<(&str, State, bool)> =
        listing.containers.iter().map(|one| (one.name.as_str(), one.state, one.ours)).collect();
    assert_eq!(
        seen,
        [
            ("acestream-1", State::Running, true),
            ("acestream-2", State::Exited, true),
            ("333333333333", State::Removing, false),
            ("acestream-5", State::Created, true),
        ]
    );
    assert_eq!(listing.containers[0].network, Network::Container(known('f')));
    assert_eq!(listing.containers[0].labels.meaning().http_port, Some(19_000));
}

#[tokio::test]
async fn podmans_listing_is_not_believed_about_networks_and_each_is_looked_up_once() {
    let fake = Fake::new(|asked| match asked {
        "GET /version" => {
            Some(Say::Json(200, json!({ "ApiVersion": "1.41", "Components": [{ "Name": "Podman Engine" }] })))
        }
        "GET /containers/json?all=1" => Some(Say::Json(200, json!([summary('1', "running")]))),
        _ => Some(Say::Json(200, inspection('1', "acestream-1"))),
    });
    let docker = fake.docker();
    for _ in 0..2 {
        let listing = docker.list().await.expect("a listing");
        assert_eq!(listing.containers[0].network, Network::Container(known('e')));
    }
    assert_eq!(fake.asked().iter().filter(|asked| asked.contains("/json?all=1")).count(), 2);
    assert_eq!(fake.asked().len(), 3);
}

#[tokio::test]
async fn an_answer_that_is_cut_off_says_nothing_about_what_was_done() {
    let cut = b"HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\n{\"Id\":".to_vec();
    let fake = Fake::new(move |asked| match asked {
        "GET /version" => None,
        "GET /_ping" => Some(Say::Pieces(Vec::new())),
        _ => Some(Say::Pieces(vec![cut.clone()])),
    });
    let docker = fake.docker();
    assert_eq!(docker.create(&spec("engine:1")).await, Err(DISCONNECTED));
    assert_eq!(docker.ping().await, Err(DISCONNECTED));
}

#[tokio::test]
async fn an_endless_answer_is_not_read_to_its_end() {
    let fake = Fake::new(|asked| {
        let endless = || Say::Pieces([vec![head()], vec![vec![b' '; 1 << 16]; 40]].concat());
        (asked != "GET /version").then(endless)
    });
    let refused = fake.docker().inspect(&Target::Id(known('1'))).await;
    let Err(Failure::Refused(Refusal::Unexplained(words))) = refused else { panic!("{refused:?}") };
    assert!(words.contains("longer than"), "{words}");
}

#[tokio::test]
async fn an_absent_docker_is_a_trouble_with_advice_until_it_is_there() {
    let absent = docker_at("/nonexistent/docker.sock".into());
    assert_eq!(absent.trouble(), None);
    assert_eq!(absent.ping().await, Err(DISCONNECTED));
    let trouble = absent.trouble().expect("it has just been met");
    assert!(trouble.contains("/nonexistent/docker.sock") && trouble.contains("DOCKER_HOST"), "{trouble}");

    let fake = Fake::new(|_| Some(Say::Json(200, Value::Null)));
    let docker = fake.docker();
    assert_eq!(docker.ping().await, Ok(()));
    assert_eq!(docker.trouble(), None);
}

#[tokio::test]
async fn a_docker_that_was_replaced_by_an_older_one_is_asked_in_its_own_version() {
    let looks = AtomicUsize::new(0);
    let fake = Fake::new(move |asked| {
        Some(match asked {
            "GET /version" if looks.fetch_add(1, Ordering::Relaxed) == 0 => version("1.45"),
            "GET /version" => version("1.41"),
            newer if newer.contains("/v1.45/") => Say::Json(
                400,
                message("client version 1.45 is too new. Maximum supported API version is 1.41"),
            ),
            _ => Say::Json(204, Value::Null),
        })
    });
    assert_eq!(fake.docker().start(known('1')).await, Ok(()));
    assert_eq!(fake.asked().len(), 2);
}

#[tokio::test]
async fn what_is_so_already_is_done() {
    let fake = Fake::new(|asked| {
        (asked != "GET /version").then(|| Say::Pieces(vec![b"HTTP/1.1 304 Not Modified\r\n\r\n".to_vec()]))
    });
    let docker = fake.docker();
    assert_eq!(docker.start(known('1')).await, Ok(()));
    assert_eq!(docker.stop(known('1'), PATIENCE).await, Ok(()));
    let stopped = format!("POST /containers/{}/stop?t=10", id('1'));
    assert_eq!(fake.asked().last(), Some(&stopped));
}

#[tokio::test]
async fn a_removal_that_somebody_has_begun_is_over_when_the_container_is_gone() {
    let looks = AtomicUsize::new(0);
    let fake = Fake::new(move |asked| match asked {
        "GET /version" => None,
        removal if removal.starts_with("DELETE") => {
            Some(Say::Json(409, message("removal of container 111 is already in progress")))
        }
        _ if looks.fetch_add(1, Ordering::Relaxed) < 2 => {
            Some(Say::Json(200, inspection('1', "acestream-1")))
        }
        _ => Some(Say::Json(404, message("No such container: 111"))),
    });
    assert_eq!(fake.docker().remove(known('1')).await, Ok(()));
    let removal = format!("DELETE /containers/{}?force=1&v=1", id('1'));
    assert_eq!(fake.asked()[0], removal);
}

#[tokio::test]
async fn a_no_is_told_as_what_it_means() {
    let fake = Fake::new(|asked| match asked {
        "GET /version" => None,
        create if create.contains("create") => {
            Some(Say::Json(409, message("Conflict. The container name \"/acestream-1\" is already in use")))
        }
        start if start.contains("start") => {
            Some(Say::Json(409, message("cannot join network of a non running container: abc")))
        }
        _ => Some(Say::Json(404, message("No such container: abc"))),
    });
    let docker = fake.docker();
    assert_eq!(docker.create(&spec("engine:1")).await, Err(Failure::Refused(Refusal::NameTaken)));
    assert_eq!(docker.start(known('1')).await, Err(Failure::Refused(Refusal::NetworkNotRunning)));
    assert_eq!(docker.remove(known('1')).await, Err(Failure::Refused(Refusal::NoSuchContainer)));
    assert_eq!(docker.inspect(&Target::Id(known('1'))).await, Ok(None));
}

#[tokio::test]
async fn a_container_whose_id_begins_with_the_name_is_not_the_one_of_that_name() {
    let fake = Fake::new(|asked| (asked != "GET /version").then(|| Say::Json(200, inspection('a', "other"))));
    let docker = fake.docker();
    assert_eq!(docker.inspect(&Target::Name(Name::from("aaa"))).await, Ok(None));
    assert!(docker.inspect(&Target::Name(Name::from("other"))).await.is_ok_and(|found| found.is_some()));
}

#[tokio::test]
async fn what_answers_but_is_no_docker_is_said_to_be_none() {
    let fake = Fake::new(|_| Some(Say::Json(200, json!({ "hello": "world" }))));
    let refused = timeout(PATIENCE, fake.docker().list()).await.expect("an answer in time");
    let Err(Failure::Refused(Refusal::Unexplained(words))) = refused else { panic!("{refused:?}") };
    assert!(words.contains("no Docker"), "{words}");
}
