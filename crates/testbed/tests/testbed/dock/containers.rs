//! What containers do beside the facts: ports, graces, health, caches, and that nothing is left of them.

use super::*;
use crate::tools::until;
use control::docker::{Health, State};
use control::event::Refusal;
use std::net::{Ipv4Addr, TcpListener};
use testbed::dock::{Failure, Image, Role};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

/// A port of this machine that nobody had a moment ago.
fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}

async fn serves(address: IpAddr, port: u16) {
    until("the engine answers", || answers(address, port)).await;
}

#[tokio::test(start_paused = true)]
async fn a_published_port_leads_to_its_container_and_is_somebody_elses_when_that_has_ended() {
    let (dock, api) = dock();
    let outside = free_port();
    let publishing = |name: &str| Spec { publish: vec![(PORT, outside)], ..engine(name, PORT) };
    run(&api, publishing("acestream-1")).await;
    serves(Ipv4Addr::LOCALHOST.into(), outside).await;
    let second = api.create(publishing("acestream-2")).await.expect("ports are looked at when it starts");
    assert_eq!(api.start(second).await, Err(Failure::Refused(Refusal::PortTaken)));
    assert_eq!(dock.see("acestream-2").map(|seen| seen.state), Some(State::Created));
    // The same container has it again after a restart, and another one after its end.
    dock.restart("acestream-1", Duration::ZERO).await.expect("it is restarted");
    serves(Ipv4Addr::LOCALHOST.into(), outside).await;
    dock.kill("acestream-1").await.expect("it is killed");
    api.start(second).await.expect("the port is free now");
    serves(Ipv4Addr::LOCALHOST.into(), outside).await;
}

#[tokio::test(start_paused = true)]
async fn an_image_that_is_not_there_is_refused_and_the_name_stays_free() {
    let (dock, api) = dock();
    let missing = Spec::new("acestream-1", "somewhere.example:5000/no/such-image");
    assert_eq!(api.create(missing).await, Err(Failure::Refused(Refusal::ImageMissing)));
    run(&api, engine("acestream-1", PORT)).await;
    let again = api.create(engine("acestream-1", PORT)).await;
    assert_eq!(again, Err(Failure::Refused(Refusal::NameTaken)));
    dock.rename("acestream-1", "old").expect("it is renamed");
    api.create(engine("acestream-1", PORT)).await.expect("the name is free");
    assert_eq!(dock.rename("old", "acestream-1"), Err(Refusal::NameTaken));
    // What goes wrong with a new name leaves the old one alone.
    assert!(dock.see("old").is_some());
}

#[tokio::test(start_paused = true)]
async fn whoever_heeds_the_signal_ends_at_once_and_whoever_does_not_is_killed_after_the_grace() {
    let (dock, api) = dock();
    run(&api, engine("deaf", PORT)).await;
    run(&api, engine("polite", PORT).env(&[("STANDIN_HEEDS_TERM", "true")])).await;
    dock.run_vpn("gluetun", &[("STANDIN_STOP_MS", "2000")]).await.expect("it runs");
    sleep(Duration::from_secs(1)).await;
    for (name, least, most, code) in
        [("deaf", 10.0, 11.0, 137), ("polite", 0.0, 1.0, 0), ("gluetun", 2.0, 3.0, 0)]
    {
        let began = Instant::now();
        dock.stop(name, Duration::from_secs(10)).await.expect("it is stopped");
        let took = began.elapsed().as_secs_f64();
        assert!((least..most).contains(&took), "{name} took {took} s");
        let seen = dock.see(name).expect("it exists");
        assert_eq!((seen.state, seen.exit_code), (State::Exited, Some(code)), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_reads_a_stream_hears_nothing_more_when_the_network_has_gone_and_nobody_hangs_up() {
    let (dock, api) = dock();
    dock.run_vpn("gluetun", &[("STANDIN_STARTING_MS", "0")]).await.expect("it runs");
    run(&api, engine_behind("gluetun", "acestream-1", PORT)).await;
    let before = address(&api, "gluetun").await;
    serves(before, PORT).await;
    let at = SocketAddr::new(before, PORT);
    let path = "/ace/getstream?id=channel&format=json&pid=1";
    let opened =
        ask(Method::GET, &at.to_string(), path, &[], "", Duration::from_secs(5)).await.expect("opened");
    let url = opened.json()["response"]["playback_url"].as_str().expect("a URL").to_owned();
    let path = url.splitn(4, '/').nth(3).expect("a path").to_owned();
    let mut stream = TcpStream::connect(at).await.expect("it listens");
    stream
        .write_all(format!("GET /{path} HTTP/1.0\r\nHost: x\r\n\r\n").as_bytes())
        .await
        .expect("it listens");
    let mut bytes = vec![0; 64 << 10];
    assert!(stream.read(&mut bytes).await.expect("it plays") > 0);

    dock.restart("gluetun", Duration::ZERO).await.expect("it is restarted");
    // What was on its way arrives.
    while timeout(Duration::from_secs(5), stream.read(&mut bytes)).await.is_ok_and(|read| read.unwrap() > 0) {
    }
    assert!(timeout(Duration::from_secs(60), stream.read(&mut bytes)).await.is_err(), "it was hung up");
    let after = address(&api, "gluetun").await;
    assert_ne!(after, before);
    assert!(!answers(before, PORT).await && !answers(after, PORT).await);
    assert_eq!(dock.see("acestream-1").map(|seen| seen.state), Some(State::Running));
}

#[tokio::test(start_paused = true)]
async fn a_paused_engine_answers_nobody_and_goes_on_where_it_was() {
    let (dock, api) = dock();
    run(&api, engine("acestream-1", PORT)).await;
    let at = address(&api, "acestream-1").await;
    serves(at, PORT).await;
    dock.pause("acestream-1").await.expect("it is paused");
    assert!(!answers(at, PORT).await);
    assert!(dock.pause("acestream-1").await.is_err(), "it is paused already");
    dock.unpause("acestream-1").await.expect("it goes on");
    assert!(answers(at, PORT).await);
}

#[tokio::test(start_paused = true)]
async fn a_container_that_dies_again_and_again_is_restarted_ever_later() {
    let (dock, api) = dock();
    run(&api, engine("acestream-1", PORT)).await;
    let mut waits = Vec::new();
    for restarts in 1..=6 {
        until("it can be crashed", || {
            let there = dock.engine_faults("acestream-1").is_some();
            async move { there }
        })
        .await;
        dock.crash("acestream-1").expect("it runs");
        let crashed = Instant::now();
        until("it is restarted", || {
            let restarted = dock.see("acestream-1").is_some_and(|seen| seen.restarts == restarts);
            async move { restarted }
        })
        .await;
        waits.push(crashed.elapsed());
    }
    assert!(waits.windows(2).all(|pair| pair[0] < pair[1]), "{waits:?}");
    assert!(waits[5] >= Duration::from_millis(3_200), "{waits:?}");
    let seen = dock.see("acestream-1").expect("it exists");
    assert_eq!(seen.runs, 7);
}

#[tokio::test(start_paused = true)]
async fn health_is_what_the_stand_in_tells_or_what_it_is_made_to_tell() {
    let (dock, _) = dock();
    dock.run_vpn("gluetun", &[("STANDIN_HEALTH_LAG_MS", "0")]).await.expect("it runs");
    let becomes = async |health: Health| {
        until(&format!("{health:?}"), || {
            let is = dock.see("gluetun").is_some_and(|seen| seen.health == health);
            async move { is }
        })
        .await;
    };
    becomes(Health::Starting).await;
    becomes(Health::Healthy).await;
    let faults = dock.vpn_faults("gluetun").expect("it runs");
    faults.health(Some(false));
    becomes(Health::Unhealthy).await;
    faults.health(None);
    becomes(Health::Healthy).await;
    faults.tunnel(testbed::gluetun::TunnelFault::Dead);
    becomes(Health::Unhealthy).await;
    dock.kill("gluetun").await.expect("it is killed");
    assert_eq!(
        dock.see("gluetun").map(|seen| (seen.state, seen.health)),
        Some((State::Exited, Health::Unhealthy))
    );
    assert!(dock.vpn_faults("gluetun").is_none());
}

#[tokio::test(start_paused = true)]
async fn what_is_written_on_an_image_counts_and_what_is_written_on_a_container_counts_more() {
    let mut settings = Settings::new(1);
    let image = Image::of(Role::Gluetun).with("STANDIN_PORTS", "40001").with("STANDIN_STARTING_MS", "0");
    settings.images.insert("gluetun:own".to_owned(), image);
    let (dock, api) = dock_as(settings);
    for (name, env) in [("first", &[][..]), ("second", &[("STANDIN_PORTS", "40002")][..])] {
        dock.run(Spec::new(name, "gluetun:own").env(env)).await.expect("it runs");
    }
    sleep(Duration::from_secs(5)).await;
    for (name, port) in [("first", 40_001), ("second", 40_002)] {
        let at = SocketAddr::new(address(&api, name).await, 8_000).to_string();
        let told = ask(Method::GET, &at, "/v1/portforward", &[], "", Duration::from_secs(2))
            .await
            .expect("it answers");
        assert_eq!(told.json()["port"], port);
    }
    // What cannot be read ends it, again and again, and its log says why.
    let wrong = Spec::new("wrong", "gluetun:own").env(&[("STANDIN_PORTS", "many")]);
    let id = dock.run(wrong).await.expect("the daemon knows nothing of that");
    sleep(Duration::from_secs(1)).await;
    let log = api.logs(id, 10).await.expect("a log");
    assert!(log.contains("STANDIN_PORTS") && log.contains("ended with code 64"), "{log}");
    assert_eq!(api.logs(id, 1).await.expect("a log").lines().count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_cache_is_measured_and_cleared_and_goes_with_its_engine() {
    let folder = std::env::temp_dir().join(format!("dock-caches-{}", std::process::id()));
    let (_bare, bare_api) = dock();
    let id = run(&bare_api, engine("acestream-1", PORT)).await;
    let refused = bare_api.run_in(id, &["du", "-sb", "/"]).await;
    assert_eq!(refused, Err(Failure::Refused(Refusal::NoShell)));

    let settings = Settings { caches: Some(folder.clone()), ..Settings::new(1) };
    let (_dock, api) = dock_as(settings);
    let id = run(&api, engine("acestream-1", PORT)).await;
    let at = address(&api, "acestream-1").await;
    serves(at, PORT).await;
    let path = "/ace/getstream?id=channel&format=json&pid=1";
    let at = SocketAddr::new(at, PORT).to_string();
    ask(Method::GET, &at, path, &[], "", Duration::from_secs(5)).await.expect("opened");
    let cache = "/home/appuser/.ACEStream/.acestream_cache";
    let size = async || {
        let ran = api.run_in(id, &["du", "-sb", cache]).await.expect("it is run");
        ran.output.split_whitespace().next().and_then(|word| word.parse::<u64>().ok())
    };
    assert_eq!(size().await, Some(1 << 20));
    assert_eq!(api.run_in(id, &["rm", "-rf", cache]).await.expect("it is run").exit_code, 0);
    assert_eq!(size().await, None, "there is none");
    assert_eq!(api.run_in(id, &["sl"]).await.expect("there is a shell").exit_code, 127);
    ask(Method::GET, &at, "/ace/getstream?id=another&format=json&pid=1", &[], "", Duration::from_secs(5))
        .await
        .expect("opened");
    api.remove(id).await.expect("it is removed");
    assert_eq!(std::fs::read_dir(&folder).expect("the folder stays").count(), 0);
    std::fs::remove_dir_all(&folder).expect("it was ours");
}

#[tokio::test]
async fn of_a_dock_that_is_closed_no_port_is_left() {
    let (dock, api) = dock();
    let outside = free_port();
    dock.run_vpn("gluetun", &[]).await.expect("it runs");
    run(&api, engine_behind("gluetun", "acestream-1", PORT)).await;
    run(&api, Spec { publish: vec![(PORT, outside)], ..engine("acestream-2", PORT) }).await;
    let (vpn, own) = (address(&api, "gluetun").await, address(&api, "acestream-2").await);
    serves(vpn, PORT).await;
    serves(own, PORT).await;
    dock.close().await;
    for at in [(vpn, PORT), (vpn, 8_000), (own, PORT), (Ipv4Addr::LOCALHOST.into(), outside)] {
        TcpListener::bind(SocketAddr::from(at)).unwrap_or_else(|why| panic!("{at:?} is taken: {why}"));
    }
    assert!(api.ping().await.is_err() && dock.run_vpn("gluetun2", &[]).await.is_err());
}

#[tokio::test]
async fn a_dock_that_is_dropped_takes_everything_with_it() {
    let (dock, api) = dock();
    run(&api, engine("acestream-1", PORT)).await;
    let at = address(&api, "acestream-1").await;
    serves(at, PORT).await;
    drop(dock);
    until("its port is free", || async { TcpListener::bind((at, PORT)).is_ok() }).await;
    assert!(api.ping().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn two_docks_of_one_seed_have_the_same_ids_and_addresses_of_their_own() {
    let ((one, one_api), (other, other_api)) = (dock(), dock());
    let ids = [one.run_vpn("gluetun", &[]).await, other.run_vpn("gluetun", &[]).await];
    assert_eq!(ids[0], ids[1]);
    assert_ne!(address(&one_api, "gluetun").await, address(&other_api, "gluetun").await);
    let anew = one.recreate("gluetun").await;
    assert!(anew.is_ok() && anew != ids[0]);
}
