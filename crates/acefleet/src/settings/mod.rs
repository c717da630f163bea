//! What the operator has chosen, typed and checked: every setting of the program.
//!
//! What each is called and means is in `table`, what it may be in `kinds`, where its value comes from (flags,
//! environment, `.env`) in `read`, and what several mean together in `assemble`.

mod assemble;
mod dotenv;
mod draft;
mod kinds;
pub mod read;
pub mod reference;
mod table;
#[cfg(test)]
mod tests;
mod vpns;
pub(crate) mod words;

pub use kinds::Kind;
pub use read::{Effective, FileReader, Origin, Problem, Sources, read};
pub use table::{Row, TOPICS, Topic, file_name, flag_of, names, rows};

use crate::notify::target::Target;
use crate::playlist::channels::Channels;
use crate::store;
use control::ids::Name;
use rustls_pki_types::CertificateDer;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Everything that was chosen. `core.spec` is the one thing left for whoever knows what engines are created
/// from.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What decisions rest on.
    pub core: control::Settings,
    /// APP_PORT.
    pub app_port: u16,
    /// How the VPNs are told about in answers.
    pub vpn_mode: VpnMode,
    /// How Docker is reached.
    pub docker: DockerHost,
    /// What engines are made of.
    pub engine: EngineSettings,
    /// How control servers are asked.
    pub gluetun: GluetunSettings,
    /// Who may ask what.
    pub api: ApiSettings,
    /// How streams are served.
    pub proxy: ProxySettings,
    /// Playlists.
    pub playlists: PlaylistSettings,
    /// Where history is kept.
    pub store: store::Options,
    /// What is written down while running.
    pub log: LogSettings,
    /// Who is told when something is wrong.
    pub notify: NotifySettings,
    /// STATS_HISTORY_MAX.
    pub stats_history_max: usize,
    /// STOP_ENGINES_ON_EXIT.
    pub stop_engines_on_exit: bool,
    /// What was set in a way that works but should be looked at: one line each.
    pub warnings: Vec<String>,
    /// Every secret, as it was given.
    pub(crate) given_secrets: Vec<Secret>,
    /// Every setting as it is in force, with where that comes from; nothing secret is in it.
    pub effective: Vec<Effective>,
}

/// How the VPNs are told about in answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum VpnMode {
    /// There is none.
    Disabled,
    /// One.
    Single,
    /// Two or more.
    Redundant,
}

/// How Docker is reached, as DOCKER_HOST and its companions say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DockerHost {
    /// A socket in the file system.
    Unix(PathBuf),
    /// A plain connection: `host:port`.
    Tcp(String),
    /// An encrypted one: `host:port`, and the folder with `ca.pem`, `cert.pem` and `key.pem`.
    Tls {
        /// `host:port`.
        address: String,
        /// The folder.
        certificates: PathBuf,
        /// The other side's certificate has to be that of a name we know.
        verify: bool,
    },
}

/// What engines are made of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EngineSettings {
    /// ENGINE_VARIANT.
    pub variant: Variant,
    /// The image, with its tag.
    pub image: String,
    /// CONTAINER_LABEL: key and value.
    pub label: (String, String),
    /// ACE_MAP_HTTPS.
    pub map_https: bool,
    /// DOCKER_NETWORK.
    pub network: Option<String>,
}

/// The kinds of engine images.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the values of ENGINE_VARIANT")]
pub enum Variant {
    Krinkuto11Amd64,
    JopsisAmd64,
    JopsisArm32,
    JopsisArm64,
}

/// How control servers are asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GluetunSettings {
    /// GLUETUN_API_PORT.
    pub api_port: u16,
    /// How acefleet says who it is.
    pub auth: GluetunAuth,
}

/// How acefleet says who it is to a control server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum GluetunAuth {
    /// Not at all.
    None,
    /// GLUETUN_API_KEY.
    Key(Secret),
    /// GLUETUN_API_USER and GLUETUN_API_PASSWORD.
    Basic(String, Secret),
}

/// Who may ask what.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ApiSettings {
    /// API_KEY.
    pub key: Option<Secret>,
    /// HOOK_TOKEN.
    pub hook_token: Option<Secret>,
    /// CORS_ORIGINS.
    pub cors_origins: Vec<String>,
    /// PROVISION_IMAGES.
    pub provision_images: Vec<String>,
}

/// Playlists.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PlaylistSettings {
    /// PROXY_BASE_URL, without a slash at its end.
    pub base_url: Option<String>,
    /// The list that PROXY_CHANNELS names.
    pub channels: Option<Arc<Channels>>,
}

/// How streams are served.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProxySettings {
    /// PROXY_ENABLED.
    pub enabled: bool,
    /// PROXY_COMMIT_MS.
    pub commit: Duration,
    /// PROXY_KEEPALIVE_MS.
    pub keepalive: Duration,
    /// PROXY_STALL_MS.
    pub stall: Duration,
    /// PROXY_BUFFER_S.
    pub buffer: Duration,
    /// PROXY_BUFFER_MIB, in bytes.
    pub buffer_bytes: usize,
    /// PROXY_MEMORY_MIB, in bytes.
    pub memory_bytes: usize,
    /// PROXY_JOIN_BEHIND_MS.
    pub behind: Duration,
    /// PROXY_NO_PROGRESS_S.
    pub no_progress: Duration,
    /// PROXY_HLS_SEGMENT_S.
    pub segment: Duration,
    /// PROXY_HLS_IDLE_S.
    pub fetch_idle: Duration,
    /// PROXY_MAX_VIEWERS.
    pub viewers_max: usize,
    /// PROXY_MAX_CHANNELS.
    pub channels_max: usize,
}

impl Default for ProxySettings {
    /// As the table has them.
    fn default() -> Self {
        Self {
            enabled: true,
            commit: Duration::from_secs(1),
            keepalive: Duration::from_millis(500),
            stall: Duration::from_secs(1),
            buffer: Duration::from_secs(15),
            buffer_bytes: 32 * 1024 * 1024,
            memory_bytes: 1024 * 1024 * 1024,
            behind: Duration::from_secs(2),
            no_progress: Duration::from_secs(15),
            segment: Duration::from_secs(2),
            fetch_idle: Duration::from_secs(20),
            viewers_max: 500,
            channels_max: 100,
        }
    }
}

/// What is written down while running.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogSettings {
    /// LOG_LEVEL.
    pub level: String,
    /// LOG_FORMAT is `json`.
    pub json: bool,
    /// DEBUG_MODE, and where it writes.
    pub debug_dir: Option<PathBuf>,
}

/// Who is told when something is wrong.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct NotifySettings {
    /// NOTIFY_URLS.
    pub targets: Vec<Target>,
    /// NOTIFY_SECRET.
    pub secret: Option<Secret>,
    /// What SSL_CERT_FILE holds.
    pub authorities: Vec<CertificateDer<'static>>,
    /// What is wrong with SSL_CERT_FILE.
    pub authorities_unread: Option<String>,
}

/// Something that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The secret itself, for whoever has to send or compare it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Settings {
    /// Everything secret, whole and in the parts that may appear by themselves: what has to be taken out of a text that
    /// others read.
    pub fn secrets(&self) -> Vec<Secret> {
        let parts = self.notify.targets.iter().flat_map(Target::secrets);
        let mut secrets: Vec<Secret> = self.given_secrets.iter().cloned().chain(parts).collect();
        // One may be a part of another.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.reveal().len()));
        secrets
    }

    /// The VPNs' container names, in configuration order.
    pub fn vpn_names(&self) -> impl Iterator<Item = &Name> {
        self.core.vpns.iter().map(|vpn| &vpn.container)
    }
}
