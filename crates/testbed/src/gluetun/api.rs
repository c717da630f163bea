//! The control server's routes, as newer and older versions have them.
//!
//! It changes the tunnel when told to, and in the states in which Gluetun does.

use std::sync::Arc;

use hyper::header::AUTHORIZATION;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::faults::{NoneAs, Server};
use super::life::Status;
use super::{Auth, Shared, Version};
use crate::web::{self, Answer, Asked};

const PORT_PATH: &str = "/v1/portforward";
const OLD_PORT_PATH: &str = "/v1/openvpn/portforwarded";

pub(super) async fn answer(shared: &Arc<Shared>, asked: Asked) -> Answer {
    let state = shared.life.now();
    if state.still {
        std::future::pending::<()>().await;
    }
    match state.server {
        Server::Answers => {}
        // Connections that were there before it went down hear nothing any more.
        Server::Hangs | Server::Down => std::future::pending().await,
        Server::Unauthorized => return unauthorized(),
    }
    if !admitted(shared, &asked) {
        return unauthorized();
    }
    match (&asked.method, asked.path.as_str(), shared.settings.version) {
        (&Method::GET, PORT_PATH, Version::New) | (&Method::GET, OLD_PORT_PATH, Version::Old { .. }) => {
            port(shared).await
        }
        (&Method::GET, OLD_PORT_PATH, Version::New) => {
            web::redirect(StatusCode::MOVED_PERMANENTLY, PORT_PATH)
        }
        (&Method::GET, "/v1/publicip/ip", _) => ip(shared),
        (&Method::GET, "/v1/vpn/status", _) => ok(&json!({ "status": state.status.word() })),
        (&Method::PUT, "/v1/vpn/status", _) => put_status(shared, &asked),
        (_, _, Version::Old { unknown }) => {
            web::text(StatusCode::from_u16(unknown).unwrap_or(StatusCode::NOT_FOUND), "route not found\n")
        }
        (_, _, Version::New) => web::text(StatusCode::NOT_FOUND, "404 page not found\n"),
    }
}

fn ok(value: &Value) -> Answer {
    web::json(StatusCode::OK, value)
}

fn unauthorized() -> Answer {
    web::text(StatusCode::UNAUTHORIZED, "Unauthorized\n")
}

fn admitted(shared: &Shared, asked: &Asked) -> bool {
    let route = format!("{} {}", asked.method, asked.path);
    let role = shared.settings.roles.as_ref().is_none_or(|roles| roles.contains(&route));
    let header = |name: &str| asked.headers.get(name).and_then(|value| value.to_str().ok());
    role && match &shared.settings.auth {
        Auth::None => true,
        Auth::Key(key) => header("x-api-key") == Some(key.as_str()),
        Auth::Basic { user, password } => {
            let expected = format!("Basic {}", base64(format!("{user}:{password}").as_bytes()));
            header(AUTHORIZATION.as_str()) == Some(expected.as_str())
        }
    }
}

async fn port(shared: &Shared) -> Answer {
    if shared.life.now().port_route_hangs {
        std::future::pending::<()>().await;
    }
    let _lock = shared.port_lock.lock().await;
    let state = shared.life.now();
    let first = state.ports.first().copied().unwrap_or(0);
    let ports = match (state.ports.is_empty(), state.none_as) {
        (false, _) => json!(state.ports),
        (true, NoneAs::Zero) => json!([0]),
        (true, NoneAs::Null) => Value::Null,
        (true, NoneAs::Empty) => json!([]),
    };
    match shared.settings.version {
        Version::New => ok(&json!({ "port": first, "ports": ports })),
        Version::Old { .. } => ok(&json!({ "port": first })),
    }
}

fn ip(shared: &Shared) -> Answer {
    let running = shared.life.now().status == Status::Running;
    let ip = if running { shared.settings.public_ip.as_str() } else { "" };
    ok(&json!({ "public_ip": ip, "region": "", "country": "", "city": "", "organization": "" }))
}

fn put_status(shared: &Shared, asked: &Asked) -> Answer {
    let body: Value = serde_json::from_slice(&asked.body).unwrap_or(Value::Null);
    let now = shared.life.now().status;
    let outcome = match (body["status"].as_str(), now) {
        (Some("stopped"), Status::Running) => {
            shared.life.stop();
            "stopped".to_owned()
        }
        (Some("running"), Status::Stopped) => {
            shared.life.begin();
            "running".to_owned()
        }
        (Some("stopped" | "running"), now) => format!("already {}", now.word()),
        (_, _) => return web::text(StatusCode::BAD_REQUEST, "invalid status\n"),
    };
    ok(&json!({ "outcome": outcome }))
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let word = three.iter().fold(0, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for place in 0..4 {
            let letter = LETTERS[(word >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= three.len() { char::from(letter) } else { '=' });
        }
    }
    text
}
