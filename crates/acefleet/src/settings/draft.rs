//! Settings while they are being read: what goes straight to its place, and words that mean something only
//! together.

use super::{
    ApiSettings, DockerHost, EngineSettings, GluetunAuth, GluetunSettings, LogSettings, NotifySettings,
    PlaylistSettings, ProxySettings, Secret, Settings, Variant, VpnMode,
};
use crate::store;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

/// Settings while they are being read. Every field is filled from the table, if only with its default.
pub struct Draft {
    /// What has its place already.
    pub settings: Settings,
    /// LOG_FORMAT.
    pub log_format: String,
    /// DEBUG_MODE.
    pub debug_mode: bool,
    /// DEBUG_LOG_DIR.
    pub debug_log_dir: Option<String>,
    /// ENGINE_ARM32_VERSION.
    pub arm32_version: Option<String>,
    /// ENGINE_ARM64_VERSION.
    pub arm64_version: Option<String>,
    /// EMERGENCY_REFILL.
    pub emergency_refill: bool,
    /// GLUETUN_API_KEY.
    pub gluetun_key: Option<Secret>,
    /// GLUETUN_API_USER.
    pub gluetun_user: Option<String>,
    /// GLUETUN_API_PASSWORD.
    pub gluetun_password: Option<Secret>,
    /// NOTIFY_URLS.
    pub notify_urls: Option<Secret>,
    /// SSL_CERT_FILE.
    pub ssl_cert_file: Option<String>,
    /// PROXY_CHANNELS.
    pub channels: Option<String>,
    /// Which VPNs there are.
    pub vpn: VpnWords,
    /// Where Docker is.
    pub docker: DockerWords,
    /// What is checked and not used.
    pub unused: Unused,
}

/// Which VPNs there are, in both ways of saying it.
#[derive(Default)]
pub struct VpnWords {
    /// VPN_MODE is `redundant`.
    pub redundant: bool,
    /// GLUETUN_CONTAINER_NAME.
    pub name_1: Option<String>,
    /// GLUETUN_CONTAINER_NAME_2.
    pub name_2: Option<String>,
    /// GLUETUN_PORT_RANGE_1.
    pub range_1: Option<String>,
    /// GLUETUN_PORT_RANGE_2.
    pub range_2: Option<String>,
    /// GLUETUN_CONTAINERS.
    pub containers: Vec<String>,
    /// GLUETUN_PORT_RANGES.
    pub ranges: Vec<String>,
}

/// Where Docker is, in the words of its own client.
#[derive(Default)]
pub struct DockerWords {
    /// DOCKER_HOST.
    pub host: Option<String>,
    /// DOCKER_TLS_VERIFY.
    pub tls_verify: Option<String>,
    /// DOCKER_CERT_PATH.
    pub cert_path: Option<String>,
}

/// What is checked and not used.
pub struct Unused {
    /// A duration.
    pub wait: Duration,
    /// Ports.
    pub ports: RangeInclusive<u16>,
    /// Anything.
    pub text: Option<String>,
}

impl Draft {
    /// Nothing chosen yet; the defaults come from the table.
    pub(super) fn empty() -> Self {
        Self {
            settings: Settings {
                core: control::Settings::default(),
                app_port: 0,
                vpn_mode: VpnMode::Disabled,
                docker: DockerHost::Unix(PathBuf::new()),
                engine: EngineSettings {
                    variant: Variant::Krinkuto11Amd64,
                    image: String::new(),
                    label: (String::new(), String::new()),
                    map_https: false,
                    network: None,
                },
                gluetun: GluetunSettings { api_port: 0, auth: GluetunAuth::None },
                api: ApiSettings {
                    key: None,
                    hook_token: None,
                    cors_origins: Vec::new(),
                    provision_images: Vec::new(),
                },
                proxy: ProxySettings::default(),
                playlists: PlaylistSettings::default(),
                store: store::Options::at(PathBuf::new()),
                log: LogSettings { level: String::new(), json: false, debug_dir: None },
                notify: NotifySettings::default(),
                stats_history_max: 0,
                stop_engines_on_exit: false,
                warnings: Vec::new(),
                given_secrets: Vec::new(),
                effective: Vec::new(),
            },
            log_format: String::new(),
            debug_mode: false,
            debug_log_dir: None,
            arm32_version: None,
            arm64_version: None,
            emergency_refill: false,
            gluetun_key: None,
            gluetun_user: None,
            gluetun_password: None,
            notify_urls: None,
            ssl_cert_file: None,
            channels: None,
            vpn: VpnWords::default(),
            docker: DockerWords::default(),
            unused: Unused { wait: Duration::ZERO, ports: 1..=1, text: None },
        }
    }
}
