//! Asking for a new engine, or for a container of some other kind: what may be wanted, and how a refusal is
//! told.

use super::Api;
use super::ask::{Answer, COME_AGAIN_S, refused, unexpected};
use super::error::{Failure, Problem};
use super::extract::{Json, Pairs, bounded, check_pairs, checked_port};
use super::read::cut;
use super::wire::requests::{
    ProvisionEngine, ProvisionOther, ProvisionedEngine, ProvisionedOther, PublishedPort,
};
use super::wire::status::{BlockedDetails, ProvisionRefusal, ProvisionRefused, code_word};
use super::wire::time::seconds_until;
use axum::extract::State;
use axum::http::StatusCode;
use control::labels::{Labels, is_reserved};
use control::policy::naming;
use control::request::{OtherWanted, Reply, Request, Wanted};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The longest name of an image.
const IMAGE_MAX_BYTES: usize = 1_024;
/// The longest beginning of a container's name.
const NAME_PREFIX_MAX_BYTES: usize = 64;
/// The beginning unless a client says otherwise.
const OTHERS_PREFIX: &str = "container";
/// Ports that one container publishes.
const PORTS_MAX: usize = 64;

/// Creates an engine and hands it out. What cannot be done in 2.5 s goes on, and the very engine is given to
/// the next who asks for the same.
#[utoipa::path(post, path = "/provision/acestream", tag = "engines", request_body = ProvisionEngine,
    responses((status = 200, body = ProvisionedEngine), (status = 409, body = Failure),
        (status = 422, body = Failure), (status = 500, body = ProvisionRefused),
        (status = 503, body = ProvisionRefused)))]
pub(super) async fn provision_engine(
    State(api): State<Api>,
    Json(body): Json<ProvisionEngine>,
) -> Answer<ProvisionedEngine> {
    let wanted = wanted(body, &api.chosen().label_key)?;
    let reply = match api.parts.gate.ask(Request::Provision(Arc::new(wanted))).await {
        Ok(reply) => reply,
        Err(turned) => return Err(failed("general_error", turned.to_string())),
    };
    match reply {
        Reply::Provisioned { container_id, name, ports } => Ok(axum::Json(ProvisionedEngine {
            container_id: container_id.to_string(),
            container_name: name.to_string(),
            host_http_port: ports.http,
            container_http_port: ports.http,
            container_https_port: ports.https,
        })),
        other => Err(not_provisioned(&api, other)),
    }
}

/// Why nothing could be handed out.
fn not_provisioned(api: &Api, reply: Reply) -> Problem {
    match reply {
        Reply::Blocked { code, message, until, can_retry, should_wait } => {
            let recovery_eta_seconds = seconds_until(until, api.now());
            let code = code_word(code);
            let details = BlockedDetails { code, message, recovery_eta_seconds, can_retry, should_wait };
            let refusal = ProvisionRefusal { error: "provisioning_blocked", details };
            let problem = Problem::with_object(StatusCode::SERVICE_UNAVAILABLE, &refusal);
            problem.retry_after(recovery_eta_seconds.max(COME_AGAIN_S))
        }
        Reply::Unavailable(message) => failed("general_error", message),
        // Docker will have none of it.
        Reply::Refused { code: "not_created", message } => failed("general_error", message.to_string()),
        Reply::Refused { code, message } => refused(code, &message),
        other => unexpected(&other),
    }
}

fn failed(code: &'static str, message: String) -> Problem {
    let details = BlockedDetails {
        code,
        message,
        recovery_eta_seconds: COME_AGAIN_S,
        can_retry: true,
        should_wait: true,
    };
    let refusal = ProvisionRefusal { error: "provisioning_failed", details };
    Problem::with_object(StatusCode::INTERNAL_SERVER_ERROR, &refusal).retry_after(COME_AGAIN_S)
}

/// What a client wants, if nobody minds.
fn wanted(body: ProvisionEngine, label_key: &str) -> Result<Wanted, Problem> {
    let labels = checked_labels(body.labels.unwrap_or_default(), label_key)?;
    let env = checked_env(body.env.unwrap_or_default())?;
    let said = body.host_port.map(|port| checked_port("host_port", port)).transpose()?;
    // A configuration of the caller's own tells the engine its ports, so they are the ones that count.
    let firm = env.get("CONF").map(|conf| port_in_conf(conf)).transpose()?.flatten();
    Ok(Wanted {
        labels: labels.into_iter().collect(),
        env: env.into_iter().collect::<Labels>(),
        host_port: firm.or(said),
        port_is_firm: firm.is_some(),
    })
}

fn checked_labels(labels: Pairs, label_key: &str) -> Result<Pairs, Problem> {
    check_pairs("labels", &labels)?;
    if let Some(key) = labels.keys().find(|key| is_reserved(key) || key.as_str() == label_key) {
        let message = format!("the label '{}' means something to acefleet; choose another name", cut(key));
        return Err(Problem::invalid(message));
    }
    Ok(labels)
}

fn checked_env(env: Pairs) -> Result<Pairs, Problem> {
    check_pairs("env", &env)?;
    if let Some(key) = env.keys().find(|key| key.contains('=')) {
        return Err(Problem::invalid(format!("env: '{}' is no name of a variable", cut(key))));
    }
    Ok(env)
}

/// The HTTP port that a caller's own configuration of the engine names.
fn port_in_conf(conf: &str) -> Result<Option<u16>, Problem> {
    let mut words = conf.split_whitespace();
    let mut found = None;
    while let Some(word) = words.next() {
        let value = match word.split_once('=') {
            Some(("--http-port", value)) => Some(value),
            None if word == "--http-port" => words.next(),
            Some(_) | None => None,
        };
        if let Some(value) = value {
            let port = value.parse().map_err(|_| Problem::invalid("CONF: --http-port is no number"))?;
            found = Some(checked_port("CONF: --http-port", port)?);
        }
    }
    Ok(found)
}

/// Creates a container of some other kind, from an image that the operator has listed, and hands it out. What cannot be
/// done in 2.5 s goes on, and the very container is given to the next who asks for the same.
#[utoipa::path(post, path = "/provision", tag = "containers", request_body = ProvisionOther,
    responses((status = 200, body = ProvisionedOther), (status = 403, body = Failure), (status = 409, body = Failure),
        (status = 422, body = Failure), (status = 500, body = ProvisionRefused),
        (status = 503, body = ProvisionRefused)))]
pub(super) async fn provision_other(
    State(api): State<Api>,
    Json(body): Json<ProvisionOther>,
) -> Answer<ProvisionedOther> {
    bounded("image", &body.image, IMAGE_MAX_BYTES)?;
    if !api.chosen().provision_images.contains(&body.image) {
        let message = "that image is not one of PROVISION_IMAGES: the operator of acefleet can list it there";
        return Err(Problem::new(StatusCode::FORBIDDEN, message));
    }
    let wanted = other_wanted(body, &api.chosen().label_key)?;
    match api.parts.gate.ask(Request::ProvisionOther(Arc::new(wanted))).await {
        Ok(Reply::ProvisionedOther { container_id, name, ports }) => {
            let published = |(inside, outside): &(u16, u16)| PublishedPort {
                container_port: *inside,
                host_port: *outside,
            };
            Ok(axum::Json(ProvisionedOther {
                container_id: container_id.to_string(),
                container_name: name.to_string(),
                ports: ports.iter().map(published).collect(),
            }))
        }
        Ok(other) => Err(not_provisioned(&api, other)),
        Err(turned) => Err(failed("general_error", turned.to_string())),
    }
}

/// What a client wants of a container of another kind, if nobody minds.
fn other_wanted(body: ProvisionOther, label_key: &str) -> Result<OtherWanted, Problem> {
    let labels = checked_labels(body.labels.unwrap_or_default(), label_key)?;
    let env = checked_env(body.env.unwrap_or_default())?;
    let ports = checked_ports(&body.ports.unwrap_or_default())?;
    let prefix = body.name_prefix.as_deref().unwrap_or(OTHERS_PREFIX);
    let fine = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    bounded("name_prefix", prefix, NAME_PREFIX_MAX_BYTES)?;
    if !prefix.starts_with(|c: char| c.is_ascii_alphanumeric()) || !prefix.chars().all(fine) {
        let message = "name_prefix: letters, digits, '_', '.' and '-', the first of them no sign";
        return Err(Problem::invalid(message));
    }
    if prefix.starts_with(naming::ENGINES) {
        let message = format!("name_prefix: '{}' is what engines are called", naming::ENGINES);
        return Err(Problem::invalid(message));
    }
    Ok(OtherWanted {
        image: body.image.into(),
        env: env.into_iter().collect(),
        labels: labels.into_iter().collect(),
        ports,
        name_prefix: prefix.into(),
    })
}

fn checked_ports(ports: &BTreeMap<String, Option<i64>>) -> Result<Vec<(u16, Option<u16>)>, Problem> {
    if ports.len() > PORTS_MAX {
        return Err(Problem::invalid(format!("ports: there are more than {PORTS_MAX}")));
    }
    let mut checked = BTreeMap::new();
    for (inside, outside) in ports {
        let (number, protocol) = inside.split_once('/').unwrap_or((inside, "tcp"));
        let number = number.parse().ok().filter(|_| protocol == "tcp");
        let number = number.ok_or_else(|| {
            Problem::invalid("ports: write them like \"80/tcp\": 8080; only TCP is published")
        })?;
        let number = checked_port("ports: the one inside", number)?;
        let outside = outside.map(|port| checked_port("ports: the one on the host", port)).transpose()?;
        if checked.insert(number, outside).is_some() {
            return Err(Problem::invalid(format!("ports: {number} inside is named twice")));
        }
    }
    Ok(checked.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_of_a_callers_own_configuration_counts() {
        assert_eq!(port_in_conf("--http-port=6879\n--https-port=6880\n--bind-all").unwrap(), Some(6_879));
        assert_eq!(port_in_conf("--bind-all --http-port 6881").unwrap(), Some(6_881));
        assert_eq!(port_in_conf("--bind-all").unwrap(), None);
        assert!(port_in_conf("--http-port=none").is_err());
        assert!(port_in_conf("--http-port=70000").is_err());
    }
}
