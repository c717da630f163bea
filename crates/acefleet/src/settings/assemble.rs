//! What settings mean together: which VPNs there are, how Docker is reached, which image engines run, and
//! which choices work but should be looked at.

use super::draft::{DockerWords, Draft};
use super::read::Problem;
use super::{DockerHost, GluetunAuth, Secret, Settings, Variant, VpnMode, table, vpns, words};
use crate::notify::target::{TARGETS_MAX, Target};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

/// The ports that Docker's own client goes to when nobody says one: without and with encryption.
const DOCKER_PORTS: [u16; 2] = [2375, 2376];

/// Finishes a draft. `said` are the names of the settings that somebody has set.
pub(super) fn assemble(
    draft: Draft,
    said: &BTreeSet<&str>,
    home: Option<&str>,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<String>,
) -> Settings {
    let mut settings = draft.settings;
    let limit = settings.core.max_replicas.min(settings.core.max_active_replicas);
    let vpns = vpns::vpns(&draft.vpn, said, limit, problems, warnings);
    settings.vpn_mode = match vpns.len() {
        0 => VpnMode::Disabled,
        1 => VpnMode::Single,
        _ => VpnMode::Redundant,
    };
    settings.core.vpns = vpns;
    if draft.emergency_refill {
        settings.core.emergency_settle = Duration::ZERO;
    }
    settings.engine.image = match settings.engine.variant {
        Variant::Krinkuto11Amd64 => "ghcr.io/krinkuto11/acestream-http-proxy:latest".into(),
        Variant::JopsisAmd64 => "jopsis/acestream:x64".into(),
        Variant::JopsisArm32 => format!("jopsis/acestream:{}", draft.arm32_version.unwrap_or_default()),
        Variant::JopsisArm64 => format!("jopsis/acestream:{}", draft.arm64_version.unwrap_or_default()),
    };
    settings.log.json = draft.log_format == "json";
    settings.log.debug_dir = draft.debug_log_dir.filter(|_| draft.debug_mode).map(PathBuf::from);
    if settings.api.hook_token.as_ref().is_some_and(|token| !sendable(token.reveal())) {
        let what = "it begins or ends with a blank, or has a letter beyond ASCII in it, which cannot be sent";
        problems.push(Problem::new("HOOK_TOKEN", what, "choose one of letters, digits and signs"));
    }
    match gluetun_auth(draft.gluetun_key, draft.gluetun_user, draft.gluetun_password) {
        Ok(auth) => settings.gluetun.auth = auth,
        Err(problem) => problems.push(problem),
    }
    settings.notify.targets = receivers(draft.notify_urls.as_ref(), problems);
    match docker_host(&draft.docker, home) {
        Ok(host) => settings.docker = host,
        Err(problem) => problems.push(problem),
    }
    let unused = table::WITHOUT_EFFECT.iter().map(|row| row.name).filter(|name| said.contains(name));
    let unused: Vec<&str> = unused.collect();
    if !unused.is_empty() {
        warnings.push(format!("{}: accepted, and without effect", unused.join(", ")));
    }
    warn_of_limits(&settings, warnings);
    settings
}

/// The reference lets the maximum win, and so do we.
fn warn_of_limits(settings: &Settings, warnings: &mut Vec<String>) {
    let core = &settings.core;
    let mut limits = vec![("MAX_REPLICAS", core.max_replicas)];
    limits.push(match core.vpns.len() {
        0 => ("PORT_RANGE_HOST", core.port_range_host.len()),
        _ => ("MAX_ACTIVE_REPLICAS", core.max_active_replicas),
    });
    let Some((limit, most)) = limits.into_iter().min_by_key(|(_, most)| *most) else { return };
    for (name, least) in [("MIN_REPLICAS", core.min_replicas), ("MIN_FREE_REPLICAS", core.min_free_replicas)]
    {
        if least > most {
            warnings.push(format!("{name}={least} is more than {limit} allows: {most} it is"));
        }
    }
}

/// Who is told when something is wrong. What is wrong with an address is said by its place: it is a secret itself.
fn receivers(addresses: Option<&Secret>, problems: &mut Vec<Problem>) -> Vec<Target> {
    const NAME: &str = "NOTIFY_URLS";
    let Some(addresses) = addresses else { return Vec::new() };
    let texts =
        addresses.reveal().split([',', '\n', '\r', ' ']).map(str::trim).filter(|text| !text.is_empty());
    let mut targets = Vec::new();
    for (place, text) in texts.enumerate() {
        match Target::parse(text) {
            Ok(found) => targets.extend(found),
            Err(unclear) => {
                problems.push(Problem::new(
                    format!("{NAME}, number {}", place + 1),
                    unclear.what,
                    unclear.fix,
                ));
            }
        }
    }
    if targets.len() > TARGETS_MAX {
        problems.push(Problem::new(NAME, format!("there are more than {TARGETS_MAX}"), "leave some out"));
    }
    targets
}

/// Whether a secret can be sent as a header's value, and comes out as it went in.
fn sendable(secret: &str) -> bool {
    secret.trim() == secret && secret.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
}

fn gluetun_auth(
    key: Option<Secret>,
    user: Option<String>,
    password: Option<Secret>,
) -> Result<GluetunAuth, Problem> {
    const NAME: &str = "GLUETUN_API_KEY, GLUETUN_API_USER, GLUETUN_API_PASSWORD";
    let problem = |what: &str, fix: &str| Err(Problem::new(NAME, what, fix));
    match (key, user, password) {
        (None, None, None) => Ok(GluetunAuth::None),
        (Some(key), None, None) if sendable(key.reveal()) => Ok(GluetunAuth::Key(key)),
        (Some(_), None, None) => problem(
            "the key begins or ends with a blank, or has a line break or a letter beyond ASCII in it, which \
             cannot be sent",
            "write the key alone, in one line",
        ),
        (Some(_), ..) => problem(
            "a key and a user are set, and a control server's role asks for only one of both",
            "take the key away, or user and password",
        ),
        (None, Some(user), Some(_)) if user.contains(':') => {
            problem("the user has a colon in it, which ends a user's name", "use a user without a colon")
        }
        (None, Some(user), Some(password)) => Ok(GluetunAuth::Basic(user, password)),
        (None, Some(_), None) => {
            problem("there is a user without a password", "set GLUETUN_API_PASSWORD too")
        }
        (None, None, Some(_)) => problem("there is a password without a user", "set GLUETUN_API_USER too"),
    }
}

/// Reads these words as Docker's own client does: a folder of certificates or the wish to verify makes a
/// connection over tcp an encrypted one, which is verified only if that is wished.
fn docker_host(docker: &DockerWords, home: Option<&str>) -> Result<DockerHost, Problem> {
    const FIX: &str = "write unix:///var/run/docker.sock or tcp://host:2375";
    let host = docker.host.as_deref().unwrap_or_default();
    let problem = |what: &str, fix: &str| {
        Err(Problem::new(
            format!("DOCKER_HOST={}", words::address_shown(host)),
            what.to_owned(),
            fix.to_owned(),
        ))
    };
    let Some((scheme, rest)) = host.split_once("://") else {
        return problem("it does not say how Docker is reached", FIX);
    };
    match scheme {
        "unix" if rest.is_empty() => Ok(DockerHost::Unix("/var/run/docker.sock".into())),
        "unix" => Ok(DockerHost::Unix(rest.into())),
        "tcp" | "http" => {
            let verify = docker.tls_verify.is_some();
            let encrypted = verify || docker.cert_path.is_some();
            let Some(address) = address(rest, DOCKER_PORTS[usize::from(encrypted)]) else {
                return problem("that is no host and port", FIX);
            };
            if !encrypted {
                return Ok(DockerHost::Tcp(address));
            }
            let certificates = match (&docker.cert_path, home) {
                (Some(path), _) => PathBuf::from(path),
                (None, Some(home)) => PathBuf::from(home).join(".docker"),
                (None, None) => {
                    return problem(
                        "nobody says where the certificates are",
                        "set DOCKER_CERT_PATH to their folder",
                    );
                }
            };
            Ok(DockerHost::Tls { address, certificates, verify })
        }
        "ssh" => problem(
            "acefleet does not speak ssh",
            "forward the socket (`ssh -L /tmp/docker.sock:/var/run/docker.sock host`) and write \
             unix:///tmp/docker.sock, or use tcp with certificates",
        ),
        "npipe" => problem(
            "named pipes are Windows' own, and acefleet runs on Linux",
            "run acefleet in a container with Docker's socket mounted, or write tcp://host:2375",
        ),
        _ => problem("acefleet does not know this way of reaching Docker", FIX),
    }
}

/// `host:port`, with a port if it has none; a slash at the end is forgiven.
fn address(text: &str, port: u16) -> Option<String> {
    let text = text.strip_suffix('/').unwrap_or(text);
    if text.is_empty() || text.contains(['/', '@', '?', '#']) || text.contains(char::is_whitespace) {
        return None;
    }
    // An IPv6 address has colons of its own, between brackets.
    let after_host = text.rfind(']').map_or(0, |end| end + 1);
    match text[after_host..].rfind(':') {
        None => Some(format!("{text}:{port}")),
        Some(0) if after_host == 0 => None,
        Some(at) => words::port(&text[after_host + at + 1..]).map(|_| text.to_owned()),
    }
}
