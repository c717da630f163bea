//! Gluetun's control server: asked for its tunnel, its forwarded ports and its public address, and told what to do
//! with the tunnel.
//!
//! It translates and remembers which routes a server has; what an answer means for a VPN is not its business.

use crate::dial::{Ways, Whom};
use crate::http::{self, Answer, Request};
use crate::settings::{GluetunAuth, GluetunSettings};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use control::command::{Question, TunnelOrder};
use control::event::{Outcome, Refusal, Report, Silence, TunnelStatus};
use control::ids::Name;
use hyper::Method;
use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue, LOCATION};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// Longer than anything a control server says.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Nobody forwards more to one VPN.
const PORTS_MAX: usize = 64;
/// Older servers send the old route on to the new one.
const REDIRECTS_MAX: u32 = 2;

const PORTS: &str = "/v1/portforward";
const PORTS_OF_OLD: &str = "/v1/openvpn/portforwarded";
const TUNNEL: &str = "/v1/vpn/status";
const ADDRESS: &str = "/v1/publicip/ip";

/// Whoever asks control servers.
#[derive(Debug)]
pub struct Gluetun {
    settings: GluetunSettings,
    ways: Arc<Ways>,
    /// VPNs whose servers know only the route that newer ones have given up.
    old: Mutex<BTreeSet<Name>>,
}

/// Why a server has given no good answer.
enum Trouble {
    /// It said no, in a way that the core knows.
    Refused(Refusal),
    /// It did not answer, or nothing that can be read.
    Silent,
}

impl From<Trouble> for Outcome {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Refused(refusal) => Self::Refused(refusal),
            Trouble::Silent => Self::Unknown(Silence::Disconnected),
        }
    }
}

#[derive(Deserialize)]
struct PortsAnswer {
    #[serde(default)]
    port: Option<i64>,
    #[serde(default)]
    ports: Option<Vec<i64>>,
}

#[derive(Deserialize)]
struct TunnelAnswer {
    status: String,
}

#[derive(Deserialize)]
struct AddressAnswer {
    public_ip: String,
}

impl Gluetun {
    /// Asks as the settings say.
    pub fn new(settings: GluetunSettings, ways: Arc<Ways>) -> Self {
        Self { settings, ways, old: Mutex::default() }
    }

    /// Asks a control server.
    pub async fn ask(&self, vpn: &Name, question: Question) -> Outcome {
        let report = match question {
            Question::Tunnel => self.tunnel(vpn).await.map(Report::Tunnel),
            Question::Ports => self.ports(vpn).await.map(Report::Ports),
            Question::PublicAddress => {
                self.public_address(vpn).await.map(|address| Report::PublicAddress(address.into()))
            }
        };
        report.map_or_else(Outcome::from, Outcome::Done)
    }

    /// Tells a control server what to do with its tunnel.
    pub async fn tell(&self, vpn: &Name, order: TunnelOrder) -> Outcome {
        let body = match order {
            TunnelOrder::Stop => r#"{"status":"stopped"}"#,
            TunnelOrder::Run => r#"{"status":"running"}"#,
        };
        match self.call(vpn, Method::PUT, TUNNEL, Some(body)).await {
            Ok(answer) if answer.status < 300 => Outcome::Done(Report::Carried),
            Ok(answer) => Outcome::Refused(said(&answer)),
            Err(trouble) => trouble.into(),
        }
    }

    async fn tunnel(&self, vpn: &Name) -> Result<TunnelStatus, Trouble> {
        let answer: TunnelAnswer = read(&self.call(vpn, Method::GET, TUNNEL, None).await?)?;
        match answer.status.as_str() {
            "starting" => Ok(TunnelStatus::Starting),
            "running" => Ok(TunnelStatus::Running),
            "stopping" => Ok(TunnelStatus::Stopping),
            "stopped" => Ok(TunnelStatus::Stopped),
            "crashed" => Ok(TunnelStatus::Crashed),
            other => Err(Trouble::Refused(Refusal::Unexplained(
                format!("the control server says `{}`, which is no state of a tunnel", other.escape_debug())
                    .into(),
            ))),
        }
    }

    /// The new route first. A server that does not know it, or has no role for it, may know the old one; it is asked
    /// by that from then on, until that fails.
    async fn ports(&self, vpn: &Name) -> Result<Vec<u16>, Trouble> {
        let is_old = self.old().contains(vpn);
        let routes = if is_old { [PORTS_OF_OLD, PORTS] } else { [PORTS, PORTS_OF_OLD] };
        let answer = self.call(vpn, Method::GET, routes[0], None).await?;
        if !may_be_another_age(&answer) {
            return Ok(ports_in(&read(&answer)?));
        }
        let other = self.call(vpn, Method::GET, routes[1], None).await?;
        let ports = match read(&other) {
            Ok(ports) => ports_in(&ports),
            // What the route that it should know says is what counts.
            Err(_) => return Err(Trouble::Refused(said(&answer))),
        };
        if is_old {
            self.old().remove(vpn);
        } else {
            self.old().insert(vpn.clone());
        }
        Ok(ports)
    }

    async fn public_address(&self, vpn: &Name) -> Result<String, Trouble> {
        let answer: AddressAnswer = read(&self.call(vpn, Method::GET, ADDRESS, None).await?)?;
        let address = answer.public_ip.parse::<std::net::IpAddr>().map_err(|_| Trouble::Silent)?;
        Ok(address.to_string())
    }

    async fn call(
        &self,
        vpn: &Name,
        method: Method,
        path: &str,
        body: Option<&'static str>,
    ) -> Result<Answer, Trouble> {
        let whom = Whom { container: vpn.clone(), port: self.settings.api_port };
        let mut path = path.to_string();
        for _ in 0..=REDIRECTS_MAX {
            let stream = self.ways.connect(&whom).await.map_err(|error| silent(vpn, &path, &error))?;
            let mut request = Request::new(method.clone(), format!("{vpn}:{}", whom.port), path.clone());
            request.headers.extend(self.credentials());
            if let Some(body) = body {
                request = request.json(body);
            }
            let answer = http::call(stream, request, ANSWER_BYTES_MAX).await;
            let answer = answer.map_err(|error| silent(vpn, &path, &error))?;
            if !matches!(answer.status, 301 | 302 | 307 | 308) {
                return Ok(answer);
            }
            // Only the path counts: whoever is asked stays the same.
            let location = answer.headers.get(LOCATION).and_then(|value| value.to_str().ok());
            path = location.and_then(path_of).ok_or(Trouble::Silent)?;
        }
        Err(Trouble::Refused(Refusal::Unexplained("the control server sends us round in circles".into())))
    }

    fn credentials(&self) -> Option<(HeaderName, HeaderValue)> {
        let (name, value) = match &self.settings.auth {
            GluetunAuth::None => return None,
            GluetunAuth::Key(key) => (HeaderName::from_static("x-api-key"), key.reveal().to_string()),
            GluetunAuth::Basic(user, password) => {
                let pair = BASE64.encode(format!("{user}:{}", password.reveal()));
                (AUTHORIZATION, format!("Basic {pair}"))
            }
        };
        let mut value = HeaderValue::from_str(&value).ok()?;
        value.set_sensitive(true);
        Some((name, value))
    }

    fn old(&self) -> std::sync::MutexGuard<'_, BTreeSet<Name>> {
        self.old.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Silence has a reason, for whoever looks for it.
fn silent(vpn: &Name, path: &str, why: &dyn std::fmt::Display) -> Trouble {
    tracing::debug!(%vpn, path, %why, "the control server gives no answer");
    Trouble::Silent
}

/// The path and query of a `Location`, wherever it points.
fn path_of(location: &str) -> Option<String> {
    if location.starts_with('/') && !location.starts_with("//") {
        return Some(location.to_string());
    }
    let url = url::Url::parse(location).ok()?;
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    Some(format!("{}{query}", url.path()))
}

/// Servers of one age answer so to the route of the other: they do not know it, or have no role for it.
fn may_be_another_age(answer: &Answer) -> bool {
    matches!(answer.status, 400 | 401 | 403 | 404 | 405)
}

fn read<'a, T: Deserialize<'a>>(answer: &'a Answer) -> Result<T, Trouble> {
    match answer.status {
        200..=299 => serde_json::from_slice(&answer.body).map_err(|_| Trouble::Silent),
        _ => Err(Trouble::Refused(said(answer))),
    }
}

fn said(answer: &Answer) -> Refusal {
    if answer.status == 401 || answer.status == 403 {
        return Refusal::Unauthorized;
    }
    let words = String::from_utf8_lossy(&answer.body).chars().take(200).collect::<String>();
    let words = words.trim().escape_debug().to_string();
    Refusal::Unexplained(format!("the control server answers {}: {words}", answer.status).into())
}

/// No port is 0, null or an empty list; the first one counts, so it stays the first.
fn ports_in(answer: &PortsAnswer) -> Vec<u16> {
    let all = answer.port.iter().chain(answer.ports.iter().flatten());
    let mut ports: Vec<u16> = Vec::new();
    for port in all.filter_map(|port| u16::try_from(*port).ok()).filter(|port| *port != 0) {
        if ports.len() < PORTS_MAX && !ports.contains(&port) {
            ports.push(port);
        }
    }
    ports
}

#[cfg(test)]
mod tests;
