//! Which route leads where, which of them need the key, and the document that says so.
//!
//! Routes and document come from one table: what is not documented does not exist, and what needs the key is
//! documented so because it is in the part of the table that does.

use super::error::{unknown_route, wrong_method};
use super::extract::BODY_MAX_BYTES;
use super::{
    Api, announce, ask, auth, channels, events, guard, hook, log_level, pages, panel, past, playlist,
    provision, read, report, trends, watch, watch_hls,
};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, Method, header};
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use tower_http::cors::{AllowOrigin, CorsLayer};
use utoipa::openapi::RefOr;
use utoipa::openapi::path::{Operation, Parameter, ParameterIn, PathItem};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    Components, ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, Ref, ResponseBuilder,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Where everything is found a second time, and operations alone.
const PREFIX: &str = "/api/v1";
/// Where the demo's routes are.
const DEMO: &str = "/demo";
/// The names of the keys in the document.
const API_KEY: &str = "api_key";
const HOOK_TOKEN: &str = "hook_token";

/// Routes that everybody may ask.
fn open() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(read::get_engines))
        .routes(routes!(read::get_engine))
        .routes(routes!(past::get_streams))
        .routes(routes!(past::get_stream_stats))
        .routes(routes!(read::get_vpn_status))
        .routes(routes!(read::get_vpn_public_ip))
        .routes(routes!(read::get_status))
        .routes(routes!(read::get_health_status))
        .routes(routes!(past::get_journal))
        .routes(routes!(past::get_states))
        .routes(routes!(events::get_events))
        .routes(routes!(pages::get_healthz))
        .routes(routes!(pages::get_readyz))
        .routes(routes!(pages::get_metrics))
        .routes(routes!(pages::get_openapi))
        .routes(routes!(trends::get_trends))
        .routes(routes!(panel::get_panel))
        .routes(routes!(panel::get_panel_page))
        .routes(routes!(panel::get_panel_file))
        .routes(routes!(watch::get_stream))
        .routes(routes!(watch::get_watch_status))
        .routes(routes!(watch_hls::get_manifest))
        .routes(routes!(watch_hls::get_playlist))
        .routes(routes!(watch_hls::get_segment))
        .routes(routes!(channels::get_channels))
        .routes(routes!(channels::get_channel_events))
        .routes(routes!(playlist::get_modified, playlist::modify))
        .routes(routes!(playlist::get_channels))
}

/// Routes that need the key.
fn keyed() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(read::get_container, ask::delete_container))
        .routes(routes!(read::get_by_label))
        .routes(routes!(read::get_engine_logs))
        .routes(routes!(read::get_engine_usage))
        .routes(routes!(pages::get_settings))
        .routes(routes!(provision::provision_engine))
        .routes(routes!(provision::provision_other))
        .routes(routes!(ask::scale))
        .routes(routes!(ask::collect_garbage))
        .routes(routes!(announce::stream_started))
        .routes(routes!(announce::stream_ended))
        .routes(routes!(ask::reset_breaker))
}

/// Routes that need the key and are found under the prefix alone.
fn operations() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(report::get_report))
        .routes(routes!(log_level::get_log_level, log_level::put_log_level))
        .routes(routes!(ask::drain_engine))
        .routes(routes!(ask::undrain_engine))
        .routes(routes!(ask::replace_engine))
        .routes(routes!(ask::stop_stream))
        .routes(routes!(ask::move_stream))
        .routes(routes!(ask::bounce_vpn))
        .routes(routes!(ask::restart_vpn))
        .routes(routes!(ask::drain_vpn))
        .routes(routes!(ask::undrain_vpn))
}

/// The route that Gluetun calls.
fn hooks() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(hook::push_port))
}

/// Routes that another way of starting the program adds to those that are always there.
#[derive(Clone)]
pub struct More {
    /// Everybody may ask these.
    pub open: OpenApiRouter<Api>,
    /// These need the key.
    pub keyed: OpenApiRouter<Api>,
}

impl More {
    /// None.
    pub fn none() -> Self {
        Self { open: OpenApiRouter::new(), keyed: OpenApiRouter::new() }
    }

    /// Whether faults can be made: those that may are routes of the demo.
    pub(super) fn makes_faults(&self) -> bool {
        let paths =
            self.keyed.get_openapi().paths.paths.keys().chain(self.open.get_openapi().paths.paths.keys());
        paths.into_iter().any(|path| path.starts_with(DEMO))
    }
}

/// Every route, with what surrounds it.
pub fn router(api: &Api) -> Router {
    let locked = |routes: OpenApiRouter<Api>| {
        routes.split_for_parts().0.route_layer(from_fn_with_state(api.clone(), auth::admit))
    };
    let hooks = hooks().split_for_parts().0.route_layer(from_fn_with_state(api.clone(), hook::admit_push));
    let More { open: more_open, keyed: more_keyed } = api.parts.more.clone();
    let everywhere =
        open().merge(more_open).split_for_parts().0.merge(locked(keyed().merge(more_keyed))).merge(hooks);
    // As engines answer there, too.
    let everywhere = everywhere.route("/ace/getstream/", get(watch::get_stream));
    let routes = everywhere.clone().nest(PREFIX, everywhere.merge(locked(operations())));
    let routes = routes
        .fallback(unknown_route)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(BODY_MAX_BYTES))
        .layer(from_fn_with_state(api.clone(), guard::guard));
    let routes = match cors(&api.chosen().cors_origins) {
        Some(cors) => routes.layer(cors),
        None => routes,
    };
    routes.with_state(api.clone())
}

/// Whom browsers let read answers: nobody but ourselves, unless the operator says so.
fn cors(origins: &[String]) -> Option<CorsLayer> {
    if origins.is_empty() {
        return None;
    }
    let allowed = if origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        AllowOrigin::list(origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()))
    };
    let methods = [Method::GET, Method::POST, Method::PUT, Method::DELETE];
    let headers = [header::AUTHORIZATION, header::CONTENT_TYPE];
    Some(CorsLayer::new().allow_origin(allowed).allow_methods(methods).allow_headers(headers))
}

/// The document that describes every route, with those that are added.
pub fn openapi(more: &More) -> OpenApi {
    let mut document = OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("acefleet")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(
                    "Keeps AceStream engines alive behind Gluetun VPNs. Every path is also found under \
                     `/api/v1`. Failures are told as `{\"detail\": …}`; times are RFC 3339 with zone.",
                ))
                .build(),
        )
        .components(Some(
            Components::builder()
                .security_scheme(API_KEY, bearer("API_KEY; without one everybody is admitted"))
                .security_scheme(HOOK_TOKEN, bearer("HOOK_TOKEN"))
                .build(),
        ))
        .build();
    document.merge(open().merge(more.open.clone()).into_openapi());
    document.merge(secured(keyed().merge(more.keyed.clone()).into_openapi(), &[API_KEY]));
    document.merge(secured(hooks().into_openapi(), &[HOOK_TOKEN, API_KEY]));
    let prefixed = OpenApiRouter::<Api>::new().nest(PREFIX, operations());
    document.merge(secured(prefixed.into_openapi(), &[API_KEY]));
    document.paths.paths.values_mut().flat_map(operations_of).for_each(complete);
    document.info.license = Some(
        utoipa::openapi::LicenseBuilder::new()
            .name("MIT OR Apache-2.0")
            .identifier(Some("MIT OR Apache-2.0"))
            .build(),
    );
    document
}

fn bearer(what: &str) -> SecurityScheme {
    let mut scheme = Http::new(HttpAuthScheme::Bearer);
    scheme.description = Some(what.to_owned());
    SecurityScheme::Http(scheme)
}

/// The same with what every route that needs a key says of it.
fn secured(mut document: OpenApi, keys: &[&str]) -> OpenApi {
    for operation in document.paths.paths.values_mut().flat_map(operations_of) {
        let none: [&str; 0] = [];
        operation.security = Some(keys.iter().map(|key| SecurityRequirement::new(*key, none)).collect());
        tells(operation, "401", "There is no key");
        tells(operation, "403", "It is not the right key");
    }
    document
}

fn operations_of(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.put, &mut item.delete].into_iter().flatten()
}

/// Says of a route what holds for all that take what it takes.
fn complete(operation: &mut Operation) {
    let parameters = operation.parameters.as_deref().unwrap_or_default();
    let in_query = |parameter: &RefOr<Parameter>| match parameter {
        RefOr::T(parameter) => parameter.parameter_in == ParameterIn::Query,
        RefOr::Ref(_) => false,
    };
    let takes_query = parameters.iter().any(in_query);
    let takes_body = operation.request_body.is_some();
    if takes_body || !parameters.is_empty() {
        tells(operation, "422", "What was sent makes no sense");
    }
    if takes_body {
        tells(operation, "413", "The body is too large");
    }
    if takes_query {
        tells(operation, "414", "The query is too long");
    }
    if operation.security.is_some() {
        tells(operation, "503", "It cannot be done now");
    }
}

/// Says that a route may tell of this failure, unless it says so itself.
fn tells(operation: &mut Operation, status: &str, what: &str) {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Failure"))).build();
    let response = ResponseBuilder::new().description(what).content("application/json", content).build();
    operation.responses.responses.entry(status.to_owned()).or_insert(response.into());
}
