//! `/channels`: what the proxy shows and who watches it; once, or for as long as somebody listens.
//!
//! Viewers' numbers change all the time, so nobody is told of single changes: who listens is told each second how it
//! is then, of all channels or of the one that he looks at.

use super::error::{Failure, Problem};
use super::extract::Params;
use super::wire::channel::{ChannelState, channel};
use super::{Api, auth, seconds};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ChannelsQuery {
    /// Only the channel of this id or infohash, however it was asked for.
    key: Option<String>,
}

/// Every channel that the proxy shows, and who watches it. Where viewers come from is told only to who shows the key,
/// if there is one.
#[utoipa::path(get, path = "/channels", tag = "watching", params(ChannelsQuery),
    responses((status = 200, body = Vec<ChannelState>), (status = 422, body = Failure)))]
pub(super) async fn get_channels(
    State(api): State<Api>,
    Params(query): Params<ChannelsQuery>,
    headers: HeaderMap,
) -> axum::Json<Vec<ChannelState>> {
    axum::Json(shown(&api, &query, is_admitted(&api, &headers)))
}

/// Tells of every channel as `/channels` does, at once and then each second in which something has changed: the event
/// `channels`.
#[utoipa::path(get, path = "/channels/stream", tag = "watching", params(ChannelsQuery),
    responses((status = 200, body = Vec<ChannelState>, content_type = "text/event-stream"),
        (status = 422, body = Failure), (status = 503, body = Failure)))]
pub(super) async fn get_channel_events(
    State(api): State<Api>,
    Params(query): Params<ChannelsQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let admitted = is_admitted(&api, &headers);
    seconds::told(&api.clone(), "channels", move || shown(&api, &query, admitted))
}

fn is_admitted(api: &Api, headers: &HeaderMap) -> bool {
    auth::check(headers, &[api.chosen().key.as_ref()]).is_ok()
}

fn shown(api: &Api, query: &ChannelsQuery, admitted: bool) -> Vec<ChannelState> {
    let picture = api.picture();
    let mut channels = api.parts.proxy.channels();
    if !admitted {
        channels.iter_mut().flat_map(|view| &mut view.viewers).for_each(|viewer| viewer.client = None);
    }
    let states = channels.iter().map(|view| channel(view, &picture.snapshot));
    states.filter(|state| query.key.as_ref().is_none_or(|key| state.is_of(key))).collect()
}
