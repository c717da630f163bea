//! The demo's routes: what can be broken and mended, what is broken now, what viewers have noticed.
//!
//! They exist in the demo alone. Like all that changes something they need the key, if there is one, and obey no page
//! of another origin. They answer when the deed is done.

use super::stage::{NotDone, Stage};
use super::wire::{AllNoticed, Deed, DemoState, FailQuery, FaultRoute, FreezeQuery, PortQuery};
use crate::api::{Api, Failure, Id, More, Params, Problem, told_each_second};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::{Extension, Json};
use std::sync::Arc;
use std::time::Duration;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

type Answer = Result<Json<Deed>, Problem>;
type OnStage = Extension<Arc<Stage>>;

/// What can be done, as `GET /demo` and the terminal tell it.
pub(super) const ROUTES: [FaultRoute; 10] = [
    FaultRoute {
        path: "/demo/vpn/{name}/fail?kind=container|tunnel|health|control",
        does: "stops its container, loses its tunnel, lets Docker call it unhealthy, or shuts its control server",
    },
    FaultRoute { path: "/demo/vpn/{name}/recover", does: "takes that back, and starts it if it is stopped" },
    FaultRoute { path: "/demo/vpn/{name}/restart", does: "restarts its container: its engines are cut off" },
    FaultRoute { path: "/demo/vpn/{name}/recreate", does: "removes its container and makes it anew" },
    FaultRoute { path: "/demo/vpn/{name}/port?set=N", does: "lets it forward another port; 0 for none" },
    FaultRoute { path: "/demo/engine/{name}/crash", does: "lets its process die" },
    FaultRoute { path: "/demo/engine/{name}/hang", does: "lets it answer nobody" },
    FaultRoute { path: "/demo/engine/{name}/recover", does: "takes that back" },
    FaultRoute {
        path: "/demo/docker/freeze?seconds=N",
        does: "lets Docker answer nobody for a while; 0 ends it",
    },
    FaultRoute {
        path: "/demo/core/crash",
        does: "breaks acefleet's own core, which is rebuilt from what it observes",
    },
];

/// The routes, of a stage that may still be in preparation.
pub(super) fn routes(stage: &Arc<Stage>) -> More {
    let More { open, keyed } = described();
    More { open: open.layer(Extension(stage.clone())), keyed: keyed.layer(Extension(stage.clone())) }
}

/// The routes without a stage: what the document is made from.
pub(super) fn described() -> More {
    let keyed = OpenApiRouter::new()
        .routes(routes!(fail_vpn))
        .routes(routes!(recover_vpn))
        .routes(routes!(restart_vpn))
        .routes(routes!(recreate_vpn))
        .routes(routes!(set_port))
        .routes(routes!(crash_engine))
        .routes(routes!(hang_engine))
        .routes(routes!(recover_engine))
        .routes(routes!(freeze_docker))
        .routes(routes!(crash_core));
    More { open: OpenApiRouter::new().routes(routes!(get_demo)).routes(routes!(get_demo_events)), keyed }
}

/// What there is, what can be broken and what is, and what the demo's viewers have noticed.
#[utoipa::path(get, path = "/demo", tag = "demo", responses((status = 200, body = DemoState)))]
async fn get_demo(Extension(stage): OnStage) -> Json<DemoState> {
    Json(stage.state())
}

/// Tells what the demo's viewers have noticed together, at once and then each second in which that has changed: the
/// event `noticed`.
#[utoipa::path(get, path = "/demo/stream", tag = "demo",
    responses((status = 200, body = AllNoticed, content_type = "text/event-stream"),
        (status = 503, body = Failure)))]
async fn get_demo_events(State(api): State<Api>, Extension(stage): OnStage) -> Result<Response, Problem> {
    told_each_second(&api, "noticed", move || AllNoticed::of(&stage.views()))
}

/// Lets something go wrong with a VPN.
#[utoipa::path(post, path = "/demo/vpn/{name}/fail", tag = "demo",
    params(("name" = String, Path, description = "The VPN's container"), FailQuery),
    responses((status = 200, body = Deed), (status = 404, body = Failure), (status = 409, body = Failure)))]
async fn fail_vpn(Extension(stage): OnStage, Id(name): Id, Params(query): Params<FailQuery>) -> Answer {
    told(stage.fail_vpn(&name, query.kind).await)
}

/// Takes back whatever was done to a VPN, and starts its container if that is stopped.
#[utoipa::path(post, path = "/demo/vpn/{name}/recover", tag = "demo",
    params(("name" = String, Path, description = "The VPN's container")),
    responses((status = 200, body = Deed), (status = 404, body = Failure), (status = 409, body = Failure)))]
async fn recover_vpn(Extension(stage): OnStage, Id(name): Id) -> Answer {
    told(stage.recover_vpn(&name).await)
}

/// Restarts a VPN's container: its engines run on, in a network that is gone.
#[utoipa::path(post, path = "/demo/vpn/{name}/restart", tag = "demo",
    params(("name" = String, Path, description = "The VPN's container")),
    responses((status = 200, body = Deed), (status = 404, body = Failure), (status = 409, body = Failure)))]
async fn restart_vpn(Extension(stage): OnStage, Id(name): Id) -> Answer {
    told(stage.restart_vpn(&name).await)
}

/// Removes a VPN's container and makes it anew under its name, with another id.
#[utoipa::path(post, path = "/demo/vpn/{name}/recreate", tag = "demo",
    params(("name" = String, Path, description = "The VPN's container")),
    responses((status = 200, body = Deed), (status = 404, body = Failure), (status = 409, body = Failure)))]
async fn recreate_vpn(Extension(stage): OnStage, Id(name): Id) -> Answer {
    told(stage.recreate_vpn(&name).await)
}

/// Lets a VPN forward another port, or none.
#[utoipa::path(post, path = "/demo/vpn/{name}/port", tag = "demo",
    params(("name" = String, Path, description = "The VPN's container"), PortQuery),
    responses((status = 200, body = Deed), (status = 404, body = Failure), (status = 409, body = Failure)))]
async fn set_port(Extension(stage): OnStage, Id(name): Id, Params(query): Params<PortQuery>) -> Answer {
    told(stage.set_port(&name, query.set))
}

/// Lets an engine's process die. Docker restarts it, as its policy says.
#[utoipa::path(post, path = "/demo/engine/{name}/crash", tag = "demo",
    params(("name" = String, Path, description = "The engine's container")),
    responses((status = 200, body = Deed), (status = 404, body = Failure), (status = 409, body = Failure)))]
async fn crash_engine(Extension(stage): OnStage, Id(name): Id) -> Answer {
    told(stage.crash_engine(&name).await)
}

/// Lets an engine accept connections and answer nobody.
#[utoipa::path(post, path = "/demo/engine/{name}/hang", tag = "demo",
    params(("name" = String, Path, description = "The engine's container")),
    responses((status = 200, body = Deed), (status = 404, body = Failure), (status = 409, body = Failure)))]
async fn hang_engine(Extension(stage): OnStage, Id(name): Id) -> Answer {
    told(stage.hang_engine(&name))
}

/// Takes back whatever was done to an engine.
#[utoipa::path(post, path = "/demo/engine/{name}/recover", tag = "demo",
    params(("name" = String, Path, description = "The engine's container")),
    responses((status = 200, body = Deed), (status = 404, body = Failure), (status = 409, body = Failure)))]
async fn recover_engine(Extension(stage): OnStage, Id(name): Id) -> Answer {
    told(stage.recover_engine(&name).await)
}

/// Lets Docker answer nobody for a while. Containers run on.
#[utoipa::path(post, path = "/demo/docker/freeze", tag = "demo", params(FreezeQuery),
    responses((status = 200, body = Deed)))]
async fn freeze_docker(Extension(stage): OnStage, Params(query): Params<FreezeQuery>) -> Answer {
    let most = FreezeQuery::MOST.as_secs();
    if query.seconds > most {
        return Err(Problem::invalid(format!("seconds: 0 to {most} are allowed, not {}", query.seconds)));
    }
    Ok(Json(stage.freeze_docker(Duration::from_secs(query.seconds))))
}

/// Breaks acefleet's own core: it is dropped, and another one is built from what it observes. After three times within
/// ten minutes it only observes for ten minutes.
#[utoipa::path(post, path = "/demo/core/crash", tag = "demo",
    responses((status = 200, body = Deed), (status = 409, body = Failure)))]
async fn crash_core(Extension(stage): OnStage) -> Answer {
    told(stage.crash_core().await)
}

fn told(done: Result<Deed, NotDone>) -> Answer {
    done.map(Json).map_err(|not| match not {
        NotDone::Unknown(words) => Problem::not_found(words),
        NotDone::Impossible(words) => Problem::new(StatusCode::CONFLICT, words),
    })
}
