//! What Gluetun calls when its forwarded port changes: answered at once, because it waits with a lock in its
//! hand that its own port route needs.

use super::Api;
use super::ask::{turned, vpn_named};
use super::auth::check;
use super::error::{Failure, Problem};
use super::extract::{Json, Params, bounded};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The most ports that one push tells.
const PORTS_MAX: usize = 64;
/// The longest list of them in a query.
const PORTS_MAX_BYTES: usize = 1_024;

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PushQuery {
    /// The VPN's container.
    vpn: Option<String>,
    /// Its forwarded port, or several, separated by commas. Empty or 0: none.
    port: Option<String>,
}

/// The same as a body.
#[derive(Default, Deserialize, ToSchema)]
pub(super) struct Push {
    /// The VPN's container.
    vpn: Option<String>,
    /// Its forwarded port: a number, text with commas, or a list.
    #[schema(value_type = Option<String>)]
    port: Option<Told>,
    /// The same.
    #[schema(value_type = Option<Vec<u16>>)]
    ports: Option<Told>,
}

/// Ports, in whatever form they are told.
#[derive(Deserialize)]
#[serde(untagged, expecting = "port is a number, a list of numbers, or numbers separated by commas")]
enum Told {
    Number(i64),
    Text(String),
    List(Vec<i64>),
}

/// What was pushed is on its way.
#[derive(Serialize, ToSchema)]
pub(super) struct Pushed {
    /// The VPN.
    vpn: String,
    /// Its forwarded port, if it has one.
    port: Option<u16>,
}

/// Lets a push pass that shows HOOK_TOKEN or API_KEY. With neither set nobody may push.
pub(super) async fn admit_push(State(api): State<Api>, request: Request, next: Next) -> Response {
    let chosen = api.chosen();
    let keys = [chosen.hook_token.as_ref(), chosen.key.as_ref()];
    if keys.iter().all(Option::is_none) {
        let message = "this route is off: set HOOK_TOKEN or API_KEY, and send it as a bearer token";
        return Problem::new(StatusCode::FORBIDDEN, message).into_response();
    }
    match check(request.headers(), &keys) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// Takes a VPN's forwarded port. Needs HOOK_TOKEN or API_KEY; with neither set it is off.
#[utoipa::path(post, path = "/hooks/gluetun/port", tag = "vpn", params(PushQuery),
    request_body(content = Push, description = "Instead of the query"),
    responses((status = 202, body = Pushed), (status = 404, body = Failure), (status = 422, body = Failure),
        (status = 503, body = Failure)))]
pub(super) async fn push_port(
    State(api): State<Api>,
    Params(query): Params<PushQuery>,
    Json(body): Json<Push>,
) -> Result<(StatusCode, axum::Json<Pushed>), Problem> {
    let name = query.vpn.or(body.vpn).ok_or_else(|| Problem::invalid("say which VPN: vpn=NAME"))?;
    let told = query.port.map(Told::Text).or(body.port).or(body.ports);
    let ports = told.map_or(Ok(Vec::new()), |told| read_ports(&told))?;
    let vpn = vpn_named(&api.picture().snapshot, &name)?;
    let port = ports.first().copied();
    api.parts.gate.push_ports(vpn, ports).map_err(turned)?;
    Ok((StatusCode::ACCEPTED, axum::Json(Pushed { vpn: name, port })))
}

/// The ports that are told; none, if the first is empty or 0.
fn read_ports(told: &Told) -> Result<Vec<u16>, Problem> {
    let wrong = || Problem::invalid("port is no port: a number up to 65535, or several with commas");
    let numbers = match told {
        Told::Number(number) => vec![*number],
        Told::List(numbers) => numbers.clone(),
        Told::Text(text) => {
            bounded("port", text, PORTS_MAX_BYTES)?;
            let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
            words.map(|word| word.parse().map_err(|_| wrong())).collect::<Result<_, _>>()?
        }
    };
    if numbers.len() > PORTS_MAX {
        return Err(Problem::invalid(format!("port: there are more than {PORTS_MAX}")));
    }
    let ports: Vec<u16> = numbers
        .into_iter()
        .map(|number| u16::try_from(number).map_err(|_| wrong()))
        .collect::<Result<_, _>>()?;
    Ok(if ports.first() == Some(&0) { Vec::new() } else { ports })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Vec<u16>> {
        read_ports(&Told::Text(text.into())).ok()
    }

    #[test]
    fn the_first_port_counts_and_empty_or_zero_is_none() {
        assert_eq!(read("40001"), Some(vec![40_001]));
        assert_eq!(read(" 40001, 40002 "), Some(vec![40_001, 40_002]));
        assert_eq!(read(""), Some(vec![]));
        assert_eq!(read("0"), Some(vec![]));
        assert_eq!(read("0,40001"), Some(vec![]));
        assert_eq!(read("70000"), None);
        assert_eq!(read("{{PORT}}"), None);
    }
}
