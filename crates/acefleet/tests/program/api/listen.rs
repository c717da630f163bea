//! `/events/stream`: everything, then changes, until the program or the listener ends.

use super::fleet::{Fleet, Setup};
use acefleet::http::{Request, Streaming, open};
use hyper::header::HeaderName;
use serde_json::Value;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

const PATIENCE: Duration = Duration::from_secs(10);

struct Listener {
    streaming: Streaming,
    text: String,
}

impl Listener {
    async fn of(fleet: &Fleet) -> Self {
        Self::to(fleet, Request::get("localhost", "/events/stream")).await
    }

    /// One who has been here before, and knows what was the last that it heard.
    async fn back(fleet: &Fleet, last: &str) -> Self {
        let mut request = Request::get("localhost", "/events/stream");
        request.headers.push((HeaderName::from_static("last-event-id"), last.parse().expect("a value")));
        Self::to(fleet, request).await
    }

    async fn to(fleet: &Fleet, request: Request) -> Self {
        let stream = TcpStream::connect(fleet.address).await.expect("the server listens");
        let streaming = open(stream, request).await.expect("an answer");
        Self { streaming, text: String::new() }
    }

    /// The next event: its name, its id and its data.
    async fn next(&mut self) -> Option<(String, String, Value)> {
        let reading = async {
            loop {
                if let Some((event, rest)) = self.text.split_once("\n\n") {
                    let (event, rest) = (event.to_owned(), rest.to_owned());
                    self.text = rest;
                    let field = |name: &str| {
                        let found = event.lines().find_map(|line| line.strip_prefix(name));
                        found.map(|value| value.trim_start().to_owned())
                    };
                    if let (Some(name), Some(data)) = (field("event:"), field("data:")) {
                        let id = field("id:").unwrap_or_default();
                        return Some((name, id, serde_json::from_str(&data).expect("JSON")));
                    }
                    continue;
                }
                match self.streaming.next().await {
                    Ok(Some(piece)) => self.text.push_str(std::str::from_utf8(&piece).expect("text")),
                    Ok(None) | Err(_) => return None,
                }
            }
        };
        tokio::time::timeout(PATIENCE, reading).await.expect("an event in time")
    }

    /// Waits for an event of this name.
    async fn hears(&mut self, name: &str) -> Value {
        loop {
            let (told, _, data) = self.next().await.expect("it goes on");
            if told == name {
                return data;
            }
        }
    }
}

async fn fleet() -> Fleet {
    Setup::with_vpns(&[("gluetun", Some(40_001)), ("gluetun2", None)]).start().await
}

#[tokio::test]
async fn a_listener_is_told_everything_and_then_what_changes() {
    let fleet = fleet().await;
    let mut listener = Listener::of(&fleet).await;
    assert_eq!(listener.streaming.status, 200);
    assert_eq!(listener.streaming.headers["content-type"], "text/event-stream");
    let (name, id, everything) = listener.next().await.unwrap();
    let latest = everything["journal"][0]["id"].to_string();
    assert_eq!((name, id), ("snapshot".to_owned(), latest));
    assert_eq!(everything["engines"], fleet.get("/engines?all=true").await.json());
    assert_eq!(everything["vpn"], fleet.get("/vpn/status").await.json());

    fleet.announce(19_000, "s").await;
    assert_eq!(listener.hears("engine").await["streams"][0], "s");
    assert_eq!(listener.hears("stream").await["id"], "s");
    assert_eq!(listener.hears("journal").await["kind"], "stream_plays");
    fleet.outside(|host| host.stop("gluetun2"));
    assert_eq!(listener.hears("vpn").await["emergency_mode"]["active"], true);
    assert_eq!(listener.hears("status").await["status"], "degraded");
}

#[tokio::test]
async fn whoever_comes_back_is_told_every_entry_that_was_missed() {
    let fleet = fleet().await;
    let mut listener = Listener::of(&fleet).await;
    let (_, last, _) = listener.next().await.unwrap();
    drop(listener);
    // More than are told to whoever comes for the first time.
    for round in 0..60 {
        fleet.announce(19_000, &format!("s{round}")).await;
        let body = serde_json::json!({"stream_id": format!("s{round}")});
        fleet.post("/events/stream_ended", &body).await;
    }
    let told = |everything: &Value| everything["journal"].as_array().unwrap().len();
    let (_, _, everything) = Listener::of(&fleet).await.next().await.unwrap();
    assert_eq!(told(&everything), 100);
    let mut back = Listener::back(&fleet, &last).await;
    let (_, now, everything) = back.next().await.unwrap();
    let entries = everything["journal"].as_array().unwrap();
    assert!(entries.len() > 100, "{}", entries.len());
    assert!(entries.iter().all(|entry| entry["id"].as_u64() > last.parse().ok()));
    fleet.announce(19_000, "one more").await;
    let entry = back.hears("journal").await;
    assert!(entry["id"].as_u64() > now.parse().ok());
    let (_, _, nonsense) = Listener::back(&fleet, "nonsense").await.next().await.unwrap();
    assert_eq!(told(&nonsense), 100);
}

#[tokio::test]
async fn what_is_gone_is_told() {
    let fleet = fleet().await;
    let mut listener = Listener::of(&fleet).await;
    listener.hears("snapshot").await;
    let id = fleet.engine_id("acestream-2").await;
    fleet.send(hyper::Method::DELETE, "/containers/acestream-2", None, None).await;
    fleet.pass(Duration::from_secs(1));
    assert_eq!(listener.hears("engine_gone").await["container_id"], id.as_str());
}

#[tokio::test]
async fn listeners_are_bounded_and_a_place_is_free_again_when_one_leaves() {
    const MOST: usize = 64;
    let fleet = fleet().await;
    let mut listeners = Vec::new();
    for _ in 0..MOST {
        let mut listener = Listener::of(&fleet).await;
        listener.hears("snapshot").await;
        listeners.push(listener);
    }
    let one_more = fleet.get("/events/stream").await;
    assert_eq!(one_more.status, 503);
    assert!(one_more.detail().contains("64 listen already"));
    listeners.pop();
    let again = async {
        while Listener::of(&fleet).await.streaming.status != 200 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, again).await.expect("a place is free again");
}

#[tokio::test]
async fn at_the_end_listeners_are_let_go_and_the_server_ends() {
    let mut fleet = fleet().await;
    let mut listener = Listener::of(&fleet).await;
    listener.hears("snapshot").await;
    fleet.shutdown.cancel();
    assert!(listener.next().await.is_none());
    let server = fleet.server.take().expect("it runs");
    tokio::time::timeout(PATIENCE, server).await.expect("it ends in time").expect("and well");
    assert!(TcpStream::connect(fleet.address).await.is_err());
}

#[tokio::test]
async fn who_watches_is_told_each_second_of_all_channels_or_of_one() {
    let fleet = fleet().await;
    let mut all = Listener::to(&fleet, Request::get("localhost", "/channels/stream")).await;
    assert_eq!(all.hears("channels").await, serde_json::json!([]));
    let watch = async |id: u8| {
        let mut player = TcpStream::connect(fleet.address).await.expect("the server listens");
        let request = format!("GET /ace/getstream?id={id:040x} HTTP/1.1\r\nhost: a\r\n\r\n");
        player.write_all(request.as_bytes()).await.expect("it is read");
        player
    };
    let one = watch(1).await;
    let told = all.hears("channels").await;
    assert_eq!(told[0]["key"], format!("{:040x}", 1));
    assert_eq!(told[0]["viewers"].as_array().expect("a list").len(), 1);
    let path = format!("/channels/stream?key={:040x}", 2);
    let mut of_two = Listener::to(&fleet, Request::get("localhost", &path)).await;
    assert_eq!(
        of_two.hears("channels").await,
        serde_json::json!([]),
        "the other channel is nobody's business"
    );
    let _two = watch(2).await;
    assert_eq!(of_two.hears("channels").await[0]["key"], format!("{:040x}", 2));
    drop(one);
    loop {
        let told = all.hears("channels").await;
        let keys: Vec<_> = told.as_array().expect("a list").iter().map(|channel| &channel["key"]).collect();
        if keys == [&format!("{:040x}", 2)] {
            break;
        }
    }
}
