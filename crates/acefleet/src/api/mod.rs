//! The REST API: what clients read and ask for, over HTTP.
//!
//! Reads answer from the latest picture alone; changes go through the gate and are answered after the picture
//! that shows their acceptance. Nothing here decides, and nothing here asks Docker, Gluetun or an engine, but
//! for the logs of a container and what it takes of the machine, through functions that are handed in.

mod announce;
mod ask;
mod auth;
mod channels;
mod error;
mod events;
mod extract;
mod guard;
mod hook;
mod log_level;
mod pages;
mod panel;
mod past;
mod patience;
mod playlist;
mod provision;
mod read;
mod report;
mod routes;
mod seconds;
mod server;
mod trends;
mod watch;
mod watch_hls;
pub mod wire;

pub use error::{Failure, Problem};
pub use extract::{BODY_MAX_BYTES, ID_MAX_BYTES, QUERY_MAX_BYTES};
pub(crate) use extract::{Id, Params};
pub use read::{LOGS_MAX_BYTES, LOGS_TIMEOUT};
pub use routes::{More, openapi, router};
pub(crate) use seconds::told as told_each_second;
pub use server::{CONNECTIONS_MAX, bind_problem, serve};

use crate::driver::gate::{Gate, Picture};
use crate::history::History;
use crate::log::Log;
use crate::metrics::Meters;
use crate::playlist::channels::Channels;
use crate::proxy::Proxy;
use crate::report::Facts;
use crate::runtime;
use crate::settings::{Effective, Secret, Settings, Variant, VpnMode};
use crate::store::Store;
use bytes::Bytes;
use control::Time;
use control::ids::ContainerId;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

/// What answers need of the settings.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// How the VPNs are told about.
    pub vpn_mode: VpnMode,
    /// AUTO_DELETE.
    pub auto_delete: bool,
    /// ENGINE_GRACE_PERIOD_S.
    pub grace_period_s: u64,
    /// HEALTH_CHECK_INTERVAL_S.
    pub health_check_interval_s: u64,
    /// ENGINE_VARIANT.
    pub engine_variant: &'static str,
    /// CONTAINER_LABEL's key.
    pub label_key: String,
    /// API_KEY.
    pub key: Option<Secret>,
    /// HOOK_TOKEN.
    pub hook_token: Option<Secret>,
    /// CORS_ORIGINS.
    pub cors_origins: Vec<String>,
    /// PROVISION_IMAGES.
    pub provision_images: Vec<String>,
    /// Every setting as it is in force; nothing secret is in it.
    pub effective: Vec<Effective>,
    /// PROXY_BASE_URL.
    pub base_url: Option<String>,
    /// What PROXY_CHANNELS names.
    pub channels: Option<Arc<Channels>>,
}

impl From<&Settings> for Chosen {
    fn from(settings: &Settings) -> Self {
        Self {
            vpn_mode: settings.vpn_mode,
            auto_delete: settings.core.auto_delete,
            grace_period_s: settings.core.engine_grace_period.as_secs(),
            health_check_interval_s: settings.core.health_check_interval.as_secs(),
            engine_variant: variant_word(settings.engine.variant),
            label_key: settings.engine.label.0.clone(),
            key: settings.api.key.clone(),
            hook_token: settings.api.hook_token.clone(),
            cors_origins: settings.api.cors_origins.clone(),
            provision_images: settings.api.provision_images.clone(),
            effective: settings.effective.clone(),
            base_url: settings.playlists.base_url.clone(),
            channels: settings.playlists.channels.clone(),
        }
    }
}

const fn variant_word(variant: Variant) -> &'static str {
    match variant {
        Variant::Krinkuto11Amd64 => "krinkuto11-amd64",
        Variant::JopsisAmd64 => "jopsis-amd64",
        Variant::JopsisArm32 => "jopsis-arm32",
        Variant::JopsisArm64 => "jopsis-arm64",
    }
}

/// What reads a container's logs.
pub type LogReader = Arc<dyn Fn(ContainerId, u32) -> LogsToCome + Send + Sync>;
/// The logs of a container, or why there are none.
pub type LogsToCome = Pin<Box<dyn Future<Output = Result<Bytes, runtime::Failure>> + Send>>;
/// What measures a container.
pub type UsageReader = Arc<dyn Fn(ContainerId) -> UsageToCome + Send + Sync>;
/// What a container takes of the machine, or why that cannot be told.
pub type UsageToCome = Pin<Box<dyn Future<Output = Result<runtime::Usage, runtime::Failure>> + Send>>;
/// What tells the present moment, on the driver's clock.
pub type Clock = Arc<dyn Fn() -> Time + Send + Sync>;

/// Everything that the API needs of the rest of the program.
pub struct Parts {
    /// Where it reads and asks.
    pub gate: Gate,
    /// What was chosen.
    pub chosen: Chosen,
    /// What streams have been like.
    pub history: Arc<Mutex<History>>,
    /// What a report tells of the settings.
    pub facts: Facts,
    /// Where viewers come in.
    pub proxy: Arc<Proxy>,
    /// What outlives the program.
    pub store: Arc<Store>,
    /// What is counted.
    pub meters: Arc<Meters>,
    /// How much is logged, and the latest lines.
    pub log: Log,
    /// The present moment.
    pub clock: Clock,
    /// Logs of containers: at most [`LOGS_MAX_BYTES`].
    pub logs: LogReader,
    /// What containers take of the machine.
    pub usage: UsageReader,
    /// Routes beside those that are always there.
    pub more: More,
}

/// The API's state. Cheap to clone.
#[derive(Clone)]
pub struct Api {
    parts: Arc<Parts>,
    /// The document that describes it.
    document: Bytes,
    changes: events::Changes,
    playlists: Arc<playlist::Playlists>,
    trends: trends::Trends,
}

impl Api {
    /// An API over these parts.
    pub fn new(parts: Parts) -> Self {
        let document = read::write(&openapi(&parts.more));
        let (changes, playlists, trends) =
            (events::Changes::default(), Arc::default(), trends::Trends::default());
        Self { parts: Arc::new(parts), document, changes, playlists, trends }
    }

    fn picture(&self) -> Arc<Picture> {
        self.parts.gate.picture()
    }

    fn now(&self) -> Time {
        (self.parts.clock)()
    }

    fn log(&self) -> &Log {
        &self.parts.log
    }

    fn chosen(&self) -> &Chosen {
        &self.parts.chosen
    }

    fn with_history<T>(&self, look: impl FnOnce(&mut History) -> T) -> T {
        look(&mut self.parts.history.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
