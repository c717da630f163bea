//! States that VPNs and engines have been in, as they are told.

use super::time::Moment;
use crate::store::KeptState;
use serde::Serialize;
use utoipa::ToSchema;

/// What a VPN or an engine was like from one moment on.
#[derive(Clone, PartialEq, Serialize, ToSchema, Debug)]
pub struct StateEntry {
    /// Greater than that of every state before it. Give it as `before` to read on.
    pub id: u64,
    /// Since when.
    pub at: Moment,
    /// `engine` or `vpn`.
    #[schema(pattern = "^(engine|vpn)$")]
    pub about: String,
    /// Its container's name.
    pub name: String,
    /// Its container's id, if it had one.
    pub container_id: Option<String>,
    /// An engine's `state`, or a VPN's `verdict`; `gone` when it was no more.
    pub state: String,
    /// Its health.
    pub health: String,
    /// The forwarded port that it had.
    pub port: Option<u16>,
    /// Why, as far as the word for its state does not tell.
    pub reason: Option<String>,
}

impl From<KeptState> for StateEntry {
    fn from(kept: KeptState) -> Self {
        Self {
            id: kept.id,
            at: Moment(kept.at),
            about: kept.about,
            name: kept.name,
            container_id: kept.about_id,
            state: kept.state,
            health: kept.health,
            port: kept.port,
            reason: kept.reason,
        }
    }
}
