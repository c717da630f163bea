//! Gluetun's control server, its port and its push, and what can be wrong with them.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use testbed::gluetun::{Auth, Gluetun, NoneAs, Server, Settings, Status, TunnelFault, Version};
use testbed::web::{self, ask};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};

use crate::tools::*;

const PORT: &str = "/v1/portforward";
const OLD_PORT: &str = "/v1/openvpn/portforwarded";
const STATUS: &str = "/v1/vpn/status";

fn quick() -> Settings {
    let mut settings = Settings::new(anywhere());
    settings.private = Some(anywhere());
    settings.starting = Duration::ZERO;
    settings.port_after = Duration::ZERO;
    settings.port_gap = Duration::from_millis(150);
    settings.health_lag = Duration::from_millis(150);
    settings
}

async fn gluetun(settings: Settings) -> Gluetun {
    Gluetun::start(settings).await.expect("a Gluetun starts on free ports")
}

async fn up(settings: Settings) -> Gluetun {
    let gluetun = gluetun(settings).await;
    until("the tunnel is up", async || *gluetun.tunnel().borrow()).await;
    gluetun
}

fn private(gluetun: &Gluetun) -> SocketAddr {
    gluetun.private().expect("a private port")
}

async fn status(gluetun: &Gluetun) -> Value {
    get(gluetun.control(), STATUS).await.json()["status"].clone()
}

async fn put(gluetun: &Gluetun, status: &str) -> Value {
    let body = json!({ "status": status }).to_string();
    let reply = ask(Method::PUT, &gluetun.control().to_string(), STATUS, &[], &body, SOON).await;
    reply.expect("an answer").json()["outcome"].clone()
}

async fn port_is(gluetun: &Gluetun, port: u16) {
    until("the port", async || get(gluetun.control(), PORT).await.json()["port"] == port).await;
}

#[tokio::test]
async fn the_tunnel_comes_up_first_and_its_port_after_it() {
    let mut settings = quick();
    settings.starting = Duration::from_millis(300);
    settings.port_after = Duration::from_millis(300);
    let gluetun = gluetun(settings).await;
    assert_eq!(status(&gluetun).await, "starting");
    assert_eq!(get(gluetun.control(), PORT).await.json(), json!({ "port": 0, "ports": [0] }));
    until("it runs", async || status(&gluetun).await == "running").await;
    assert_eq!(get(gluetun.control(), PORT).await.json()["port"], 0);
    port_is(&gluetun, 43_210).await;
    assert_eq!(get(gluetun.control(), PORT).await.json(), json!({ "port": 43_210, "ports": [43_210] }));
}

#[tokio::test]
async fn newer_versions_send_the_old_path_to_the_new_one() {
    let gluetun = up(quick()).await;
    let reply = get(gluetun.control(), OLD_PORT).await;
    assert_eq!((reply.status, reply.headers["location"].to_str().ok()), (301, Some(PORT)));
}

#[tokio::test]
async fn older_versions_know_only_the_old_path() {
    for unknown in [404, 400] {
        let mut settings = quick();
        settings.version = Version::Old { unknown };
        let gluetun = up(settings).await;
        until("the port", async || {
            get(gluetun.control(), OLD_PORT).await.json() == json!({ "port": 43_210 })
        })
        .await;
        assert_eq!(get(gluetun.control(), PORT).await.status, unknown);
    }
}

#[tokio::test]
async fn the_public_address_and_unknown_paths() {
    let gluetun = up(quick()).await;
    assert_eq!(get(gluetun.control(), "/v1/publicip/ip").await.json()["public_ip"], "203.0.113.7");
    assert_eq!(get(gluetun.control(), "/v1/other").await.status, 404);
}

#[tokio::test]
async fn a_key_or_a_password_is_needed_where_one_is_set() {
    let basic = Auth::Basic { user: "me".to_owned(), password: "secret".to_owned() };
    // "me:secret" in base 64.
    for (auth, name, value) in
        [(Auth::Key("k".to_owned()), "x-api-key", "k"), (basic, "authorization", "Basic bWU6c2VjcmV0")]
    {
        let mut settings = quick();
        settings.auth = auth;
        let gluetun = up(settings).await;
        let address = gluetun.control().to_string();
        let with = async |value: &str| {
            let reply = ask(Method::GET, &address, STATUS, &[(name, value)], "", SOON).await;
            reply.expect("an answer").status
        };
        assert_eq!(get(gluetun.control(), STATUS).await.status, 401);
        assert_eq!((with(value).await, with("wrong").await), (200, 401), "{name}");
    }
}

#[tokio::test]
async fn a_route_without_a_role_is_not_for_anybody() {
    let mut settings = quick();
    settings.roles = Some(vec![format!("GET {PORT}")]);
    let gluetun = up(settings).await;
    assert_eq!(get(gluetun.control(), PORT).await.status, 200);
    assert_eq!(get(gluetun.control(), STATUS).await.status, 401);
}

#[tokio::test]
async fn a_bounce_takes_the_tunnel_and_its_port_away_and_brings_both_back() {
    let gluetun = up(quick()).await;
    port_is(&gluetun, 43_210).await;
    assert_eq!(put(&gluetun, "stopped").await, "stopped");
    assert_eq!(status(&gluetun).await, "stopped");
    assert_eq!(get(gluetun.control(), PORT).await.json()["port"], 0);
    assert!(!*gluetun.tunnel().borrow());
    assert_eq!(put(&gluetun, "running").await, "running");
    until("it runs", async || status(&gluetun).await == "running").await;
    port_is(&gluetun, 43_210).await;
}

#[tokio::test]
async fn a_stopped_tunnel_stays_stopped_and_docker_goes_on_believing_what_it_believed() {
    let gluetun = up(quick()).await;
    assert!(gluetun.healthy());
    put(&gluetun, "stopped").await;
    tokio::time::sleep(NEVER).await;
    assert_eq!(status(&gluetun).await, "stopped");
    assert!(gluetun.healthy());
}

#[tokio::test]
async fn while_starting_or_crashed_neither_order_does_anything() {
    let gluetun = up(quick()).await;
    for (held, word) in [(Status::Starting, "starting"), (Status::Crashed, "crashed")] {
        gluetun.faults().tunnel(TunnelFault::Held(held));
        for order in ["stopped", "running"] {
            put(&gluetun, order).await;
            assert_eq!(status(&gluetun).await, word, "{order}");
        }
    }
}

#[tokio::test]
async fn a_bounce_mends_a_cut_tunnel_and_not_a_dead_one() {
    let gluetun = up(quick()).await;
    for (fault, mended) in [(TunnelFault::Cut, true), (TunnelFault::Dead, false)] {
        gluetun.faults().tunnel(fault);
        assert_eq!(status(&gluetun).await, "running", "the status does not say so");
        assert!(!*gluetun.tunnel().borrow());
        put(&gluetun, "stopped").await;
        put(&gluetun, "running").await;
        until("it runs", async || status(&gluetun).await == "running").await;
        assert_eq!(*gluetun.tunnel().borrow(), mended, "{fault:?}");
    }
    gluetun.faults().tunnel(TunnelFault::Up);
    assert!(*gluetun.tunnel().borrow());
}

#[tokio::test]
async fn docker_notices_a_lost_tunnel_late_and_can_be_lied_to() {
    let gluetun = up(quick()).await;
    gluetun.faults().tunnel(TunnelFault::Cut);
    assert!(gluetun.healthy(), "not noticed yet");
    until("it is noticed", async || !gluetun.healthy()).await;
    assert_eq!(get(private(&gluetun), "/standin/health").await.status, 503);
    fault(private(&gluetun), "faults?health=healthy").await;
    assert_eq!(get(private(&gluetun), "/standin/health").await.status, 200);
    fault(private(&gluetun), "faults?tunnel=up&health=unhealthy").await;
    assert!(!gluetun.healthy());
    fault(private(&gluetun), "faults?health=truth").await;
    assert!(gluetun.healthy());
}

#[tokio::test]
async fn every_change_of_the_port_passes_through_none() {
    let gluetun = up(quick()).await;
    port_is(&gluetun, 43_210).await;
    fault(private(&gluetun), "faults?port=5001,5002").await;
    assert_eq!(get(gluetun.control(), PORT).await.json(), json!({ "port": 0, "ports": [0] }));
    port_is(&gluetun, 5001).await;
    assert_eq!(get(gluetun.control(), PORT).await.json()["ports"], json!([5001, 5002]));
}

#[tokio::test]
async fn no_port_is_said_in_three_ways() {
    let gluetun = up(quick()).await;
    gluetun.faults().ports(&[]);
    for (none_as, ports) in
        [(NoneAs::Zero, json!([0])), (NoneAs::Null, Value::Null), (NoneAs::Empty, json!([]))]
    {
        gluetun.faults().none_as(none_as);
        assert_eq!(get(gluetun.control(), PORT).await.json(), json!({ "port": 0, "ports": ports }));
    }
}

#[tokio::test]
async fn the_control_server_hangs_admits_nobody_or_is_down_and_is_well_again() {
    let gluetun = up(quick()).await;
    let control = gluetun.control();
    gluetun.faults().server(Server::Hangs);
    assert!(hangs(control, STATUS).await);
    gluetun.faults().server(Server::Unauthorized);
    assert_eq!(get(control, STATUS).await.status, 401);
    fault(private(&gluetun), "faults?server=down").await;
    until("it refuses", async || TcpStream::connect(control).await.is_err()).await;
    fault(private(&gluetun), "clear").await;
    until("it is back", async || TcpStream::connect(control).await.is_ok()).await;
    assert_eq!(status(&gluetun).await, "running");
}

#[tokio::test]
async fn only_the_route_of_the_port_hangs_while_a_command_runs() {
    let gluetun = up(quick()).await;
    fault(private(&gluetun), "faults?port_route_hangs=true").await;
    assert!(hangs(gluetun.control(), PORT).await);
    assert_eq!(status(&gluetun).await, "running");
}

#[tokio::test]
async fn a_crashed_gluetun_is_gone_and_tells_its_exit_code() {
    let mut gluetun = up(quick()).await;
    fault(private(&gluetun), "crash?code=9").await;
    assert_eq!(tokio::time::timeout(SOON, gluetun.ended()).await.expect("an end"), 9);
}

/// Somebody who is called by the hook, notes how, and answers when let.
async fn listener(let_go: Arc<Notify>) -> (SocketAddr, Arc<Mutex<Vec<String>>>, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind(anywhere()).await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let calls = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&calls);
    let task = tokio::spawn(async move {
        let (_stays_open, open) = watch::channel(true);
        let serving = web::serve(listener, open, move |asked| {
            let query = asked.query.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
            let token =
                asked.headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or("");
            let call = format!("{} {} {} {token}", asked.method, asked.path, query.join("&"));
            noted.lock().expect("no panic before").push(call);
            let let_go = Arc::clone(&let_go);
            async move {
                let_go.notified().await;
                web::text(StatusCode::ACCEPTED, "")
            }
        });
        serving.await.expect("a listener that works");
    });
    (address, calls, task)
}

#[tokio::test]
async fn the_push_says_the_port_while_the_ports_own_route_is_locked() {
    let let_go = Arc::new(Notify::new());
    let (address, calls, task) = listener(Arc::clone(&let_go)).await;
    let mut settings = quick();
    settings.ports = vec![5001, 5002];
    settings.hook_url = Some(format!("http://{address}/hooks?vpn=a&port={{{{PORT}}}}&ports={{{{PORTS}}}}"));
    settings.hook_token = Some("t".to_owned());
    let gluetun = up(settings).await;
    until("the push", async || !calls.lock().expect("no panic before").is_empty()).await;
    let call = calls.lock().expect("no panic before").first().cloned();
    assert_eq!(call.as_deref(), Some("POST /hooks port=5001&ports=5001,5002&vpn=a Bearer t"));
    assert!(hangs(gluetun.control(), PORT).await, "the lock is held");
    assert_eq!(status(&gluetun).await, "running");
    let_go.notify_one();
    port_is(&gluetun, 5001).await;
    task.abort();
}

#[tokio::test]
async fn what_was_set_can_be_read_back_and_taken_back() {
    let gluetun = up(quick()).await;
    let told = async || get(private(&gluetun), "/standin/faults").await.json();
    fault(private(&gluetun), "faults?tunnel=dead&health=healthy&none_as=null&server=hangs&port=7").await;
    let set = told().await;
    for (name, value) in [("tunnel", "dead"), ("health", "healthy"), ("none_as", "null"), ("server", "hangs")]
    {
        assert_eq!(set[name], value, "{set}");
    }
    assert_eq!(
        (&set["status"], &set["up"], &set["coming_ports"]),
        (&json!("running"), &json!(false), &json!([7]))
    );
    fault(private(&gluetun), "clear").await;
    let set = told().await;
    for (name, value) in [("tunnel", "up"), ("health", "truth"), ("none_as", "zero"), ("server", "answers")] {
        assert_eq!(set[name], value, "{set}");
    }
    port_is(&gluetun, 43_210).await;
    let wrong = send(Method::POST, private(&gluetun), "/standin/faults?tunnel=gone").await;
    assert_eq!(wrong.status, 400);
    assert_eq!(send(Method::POST, private(&gluetun), "/standin/other").await.status, 404);
}
