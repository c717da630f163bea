//! The settings, each declared once: its name, what it may be, its default, where it goes and what it is for.
//!
//! Flags, the environment, `.env`, the reference in `docs` and the listing of what is in force all come from
//! here. What several settings mean together is in `assemble`.

use super::Secret;
use super::draft::Draft;
use super::kinds::{self, Below, Kind, Least};
use std::ops::RangeInclusive;
use std::time::Duration;

/// One setting.
pub struct Row {
    /// What it is called in the environment and in `.env`.
    pub name: &'static str,
    /// What it may be, and where it goes.
    pub kind: Kind,
    /// What it is when nobody says; empty if that is nothing.
    pub default: &'static str,
    /// What it is for, in a paragraph.
    pub doc: &'static str,
}

/// Settings that a reader would look for together.
pub struct Topic {
    /// Its headline.
    pub title: &'static str,
    /// Its settings.
    pub rows: &'static [Row],
}

impl Row {
    /// What it is called on the command line, without the dashes.
    pub fn flag(&self) -> String {
        flag_of(self.name)
    }
}

/// What a setting is called on the command line, without the dashes.
pub fn flag_of(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', "-")
}

/// Every setting.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    TOPICS.iter().flat_map(|topic| topic.rows)
}

/// Every name that means something: settings, and files of secrets.
pub fn names() -> impl Iterator<Item = String> {
    rows().flat_map(|row| {
        let file = row.kind.is_secret().then(|| file_name(row.name));
        [Some(row.name.to_owned()), file].into_iter().flatten()
    })
}

/// What names the file that a secret is in.
pub fn file_name(secret: &str) -> String {
    format!("{secret}_FILE")
}

const fn row(name: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Row {
    Row { name, kind, default, doc }
}

/// A wait that may be none.
const fn wait(
    name: &'static str,
    to: fn(&mut Draft) -> &mut Duration,
    default: &'static str,
    doc: &'static str,
) -> Row {
    row(name, Kind::Seconds(Least::None, to), default, doc)
}

/// How often something is done, or how long an answer may take: never zero.
const fn pace(
    name: &'static str,
    to: fn(&mut Draft) -> &mut Duration,
    default: &'static str,
    doc: &'static str,
) -> Row {
    row(name, Kind::Seconds(Least::Some, to), default, doc)
}

const fn text(
    name: &'static str,
    to: fn(&mut Draft) -> &mut Option<String>,
    default: &'static str,
    doc: &'static str,
) -> Row {
    row(name, Kind::Text(to), default, doc)
}

const fn within(
    name: &'static str,
    range: RangeInclusive<u32>,
    set: fn(&mut Draft, u32),
    default: &'static str,
    doc: &'static str,
) -> Row {
    row(name, Kind::Within(range, set), default, doc)
}

const fn secret(name: &'static str, to: fn(&mut Draft) -> &mut Option<Secret>, doc: &'static str) -> Row {
    row(name, Kind::Secret(to), "", doc)
}

/// In the order of the reference.
pub const TOPICS: &[Topic] = &[
    Topic { title: "The program", rows: PROGRAM },
    Topic { title: "How many engines", rows: NUMBERS },
    Topic { title: "What engines are made of", rows: ENGINES },
    Topic { title: "VPNs", rows: VPNS },
    Topic { title: "Forwarded ports", rows: FORWARDING },
    Topic { title: "When a VPN fails and recovers", rows: FAILOVER },
    Topic { title: "Docker", rows: DOCKER },
    Topic { title: "Health of engines", rows: HEALTH },
    Topic { title: "Circuit breakers", rows: BREAKERS },
    Topic { title: "Idling, handing off, draining", rows: LEAVING },
    Topic { title: "Streams", rows: STREAMS },
    Topic { title: "The streaming proxy", rows: PROXY },
    Topic { title: "Playlists", rows: PLAYLISTS },
    Topic { title: "Who may ask what", rows: ACCESS },
    Topic { title: "Calling for help", rows: NOTIFYING },
    Topic { title: "Accepted, without effect", rows: WITHOUT_EFFECT },
];

/// The topic whose settings are read and checked and change nothing.
pub(super) const WITHOUT_EFFECT: &[Row] = &[
    pace(
        "IDLE_TTL_S",
        |d| &mut d.unused.wait,
        "600",
        "It never did anything. How long an idle engine stays is ENGINE_GRACE_PERIOD_S.",
    ),
    wait(
        "MIN_PROVISION_INTERVAL_S",
        |d| &mut d.unused.wait,
        "0.5",
        "It never did anything. How many engines are created at a time is MAX_CONCURRENT_PROVISIONS.",
    ),
    row(
        "ACE_HTTP_RANGE",
        Kind::Range(|d| &mut d.unused.ports),
        "40000-44999",
        "It never did anything: an engine listens on the port that it is reached by. That comes from \
         PORT_RANGE_HOST without a VPN, and from GLUETUN_PORT_RANGES with VPNs.",
    ),
    text("ENGINE_MEMORY_LIMIT", |d| &mut d.unused.text, "", "acefleet limits no engine's memory."),
    text("ACEXY_ENABLED", |d| &mut d.unused.text, "", SESSIONS_ARE_WATCHED),
    text("ACEXY_URL", |d| &mut d.unused.text, "", SESSIONS_ARE_WATCHED),
    text("ACEXY_SYNC_INTERVAL_S", |d| &mut d.unused.text, "", SESSIONS_ARE_WATCHED),
];

const SESSIONS_ARE_WATCHED: &str =
    "Streams that have ended unannounced are found by asking the engines; no other program has to be asked.";

const PROGRAM: &[Row] = &[
    row(
        "APP_PORT",
        Kind::Port(|d| &mut d.settings.app_port),
        "8000",
        "The port that the API and the panel answer on.",
    ),
    row(
        "DB_URL",
        kinds::DB_URL,
        "sqlite:///./orchestrator.db",
        "Where history is kept: a SQLite file. Three slashes begin a path from the working folder, four an \
         absolute one: `sqlite:////data/acefleet.db`. Nothing that engines need is in it: without it the \
         fleet recovers from what Docker says. acefleet locks a file beside it, so that two of them cannot \
         manage one fleet.",
    ),
    row(
        "HISTORY_DAYS",
        Kind::Count(1, Below::Rejected, |d, n| d.settings.store.kept_for = kinds::days(n)),
        "30",
        "How many days of history are kept in that file: the journal, streams that have ended and readings of \
         them, states of VPNs and engines.",
    ),
    row(
        "HISTORY_MAX_MB",
        Kind::Count(8, Below::Rejected, |d, n| d.settings.store.bytes_max = u64::from(n) << 20),
        "256",
        "How large that file may grow, in MiB. Beyond it the oldest goes, readings of streams before anything \
         else: a thousand streams fill 256 MiB in a few hours, five in two months.",
    ),
    row(
        "LOG_LEVEL",
        Kind::Word(&["error", "warn", "info", "debug", "trace"], |d| &mut d.settings.log.level),
        "info",
        "How much is logged.",
    ),
    row(
        "LOG_FORMAT",
        Kind::Word(&["text", "json"], |d| &mut d.log_format),
        "text",
        "How log lines are written: for people, or one JSON document per line.",
    ),
    row(
        "DEBUG_MODE",
        Kind::OldSwitch(|d| &mut d.debug_mode),
        "false",
        "Writes everything that acefleet sees and decides to files in DEBUG_LOG_DIR.",
    ),
    text(
        "DEBUG_LOG_DIR",
        |d| &mut d.debug_log_dir,
        "./debug_logs",
        "The folder that DEBUG_MODE writes to. It is created when needed.",
    ),
    row(
        "STATS_HISTORY_MAX",
        Kind::Count(1, Below::Rejected, |d, n| d.settings.stats_history_max = n as usize),
        "720",
        "How many readings of each stream are kept for `/streams/{id}/stats`.",
    ),
    row(
        "STOP_ENGINES_ON_EXIT",
        Kind::Switch(|d| &mut d.settings.stop_engines_on_exit),
        "false",
        "Removes all engines when acefleet is stopped. Otherwise they go on running, viewers notice nothing, \
         and the next start takes them over as they are.",
    ),
];

const NUMBERS: &[Row] = &[
    row(
        "MIN_REPLICAS",
        Kind::Count(0, Below::Rejected, |d, n| d.settings.core.min_replicas = n as usize),
        "1",
        "How many engines there are at least. Above a limit the limit holds.",
    ),
    row(
        "MIN_FREE_REPLICAS",
        Kind::Count(0, Below::Rejected, |d, n| d.settings.core.min_free_replicas = n as usize),
        "1",
        "How many engines without a stream are kept ready for new viewers. Above a limit the limit holds.",
    ),
    row(
        "MAX_REPLICAS",
        Kind::Count(1, Below::Rejected, |d, n| d.settings.core.max_replicas = n as usize),
        "20",
        "How many engines there are at most, in any state.",
    ),
    row(
        "MAX_ACTIVE_REPLICAS",
        Kind::Count(1, Below::Rejected, |d, n| d.settings.core.max_active_replicas = n as usize),
        "20",
        "With VPNs, a second limit beside MAX_REPLICAS: also how many ports the pool has, beginning with \
         19000, that VPNs without a range of their own share.",
    ),
    row(
        "MAX_CONCURRENT_PROVISIONS",
        Kind::Count(1, Below::Rejected, |d, n| d.settings.core.max_concurrent_provisions = n as usize),
        "5",
        "How many engines are created at the same time.",
    ),
    pace(
        "AUTOSCALE_INTERVAL_S",
        |d| &mut d.settings.core.autoscale_interval,
        "30",
        "How often idle engines beyond what is needed are looked for. Engines that are missing are created \
         at once, whatever this says.",
    ),
];

const ENGINES: &[Row] = &[
    row(
        "ENGINE_VARIANT",
        kinds::ENGINE_VARIANT,
        "krinkuto11-amd64",
        "Which engine image is used: `krinkuto11-amd64`, `jopsis-amd64`, `jopsis-arm32` or `jopsis-arm64`. \
         When it changes, engines are replaced one after the other, each while it is idle.",
    ),
    text(
        "ENGINE_ARM32_VERSION",
        |d| &mut d.arm32_version,
        "arm32-v3.2.13",
        "The image's tag for `jopsis-arm32`.",
    ),
    text(
        "ENGINE_ARM64_VERSION",
        |d| &mut d.arm64_version,
        "arm64-v3.2.13",
        "The image's tag for `jopsis-arm64`.",
    ),
    row(
        "CONTAINER_LABEL",
        kinds::CONTAINER_LABEL,
        "ondemand.app=myservice",
        "The label, `key=value`, by which containers are known as ours. Whatever carries it is managed, so \
         two fleets on one Docker need two labels.",
    ),
    text(
        "DOCKER_NETWORK",
        |d| &mut d.settings.engine.network,
        "",
        "The Docker network that engines without a VPN join. Empty: Docker's default.",
    ),
    row(
        "PORT_RANGE_HOST",
        Kind::Range(|d| &mut d.settings.core.port_range_host),
        "19000-19999",
        "The host's ports that engines without a VPN get, one each.",
    ),
    row(
        "ACE_HTTPS_RANGE",
        Kind::Range(|d| &mut d.settings.core.ace_https_range),
        "45000-49999",
        "The ports that engines' HTTPS interfaces get.",
    ),
    row(
        "ACE_MAP_HTTPS",
        Kind::OldSwitch(|d| &mut d.settings.engine.map_https),
        "false",
        "Publishes the HTTPS ports of engines without a VPN on the host too.",
    ),
    row(
        "PROVISION_IMAGES",
        kinds::PROVISION_IMAGES,
        "",
        "Images, separated by commas, that `POST /provision` may start. Empty: none.",
    ),
];

const VPNS: &[Row] = &[
    row(
        "GLUETUN_CONTAINERS",
        Kind::List(|d| &mut d.vpn.containers),
        "",
        "The names of the Gluetun containers, separated by commas: any number, in order of preference where \
         all else is equal. Empty: GLUETUN_CONTAINER_NAME and its companions; without those engines use no \
         VPN.",
    ),
    row(
        "GLUETUN_PORT_RANGES",
        Kind::List(|d| &mut d.vpn.ranges),
        "",
        "The HTTP ports of engines, one range for each VPN, separated by commas: `19000-19499,19500-19999`. \
         A VPN whose range is left empty shares the pool that begins with 19000; VPNs with the same range share \
         that. Each Gluetun container has to publish its range, or acefleet has to reach it over a Docker network.",
    ),
    row(
        "VPN_MODE",
        kinds::VPN_MODE,
        "single",
        "`single` or `redundant`, together with GLUETUN_CONTAINER_NAME and GLUETUN_CONTAINER_NAME_2. \
         `single` ignores the second container. With GLUETUN_CONTAINERS it is not needed: one container is \
         `single`, more are `redundant`.",
    ),
    text("GLUETUN_CONTAINER_NAME", |d| &mut d.vpn.name_1, "", "The first Gluetun container's name."),
    text(
        "GLUETUN_CONTAINER_NAME_2",
        |d| &mut d.vpn.name_2,
        "",
        "The second Gluetun container's name, for VPN_MODE=redundant.",
    ),
    text(
        "GLUETUN_PORT_RANGE_1",
        |d| &mut d.vpn.range_1,
        "",
        "The HTTP ports of the first VPN's engines. Empty: the pool that begins with 19000.",
    ),
    text("GLUETUN_PORT_RANGE_2", |d| &mut d.vpn.range_2, "", "The same for the second VPN."),
    row(
        "GLUETUN_API_PORT",
        Kind::Port(|d| &mut d.settings.gluetun.api_port),
        "8000",
        "The port of Gluetun's control server, inside its container.",
    ),
    secret(
        "GLUETUN_API_KEY",
        |d| &mut d.gluetun_key,
        "The key for Gluetun's control server, if its role asks for one (`auth = \"apikey\"`).",
    ),
    text(
        "GLUETUN_API_USER",
        |d| &mut d.gluetun_user,
        "",
        "The user for Gluetun's control server, if its role asks for one (`auth = \"basic\"`).",
    ),
    secret("GLUETUN_API_PASSWORD", |d| &mut d.gluetun_password, "The password of GLUETUN_API_USER."),
    pace(
        "GLUETUN_HEALTH_CHECK_INTERVAL_S",
        |d| &mut d.settings.core.gluetun_health_check_interval,
        "5",
        "How often a VPN that is in doubt is checked again.",
    ),
    pace(
        "GLUETUN_TIMEOUT_S",
        |d| &mut d.settings.core.gluetun_timeout,
        "5",
        "Advanced: how long a control server may take to answer a question.",
    ),
    pace(
        "GLUETUN_TELL_TIMEOUT_S",
        |d| &mut d.settings.core.gluetun_tell_timeout,
        "15",
        "Advanced: how long it may take to carry out an order. It answers only then.",
    ),
];

const FORWARDING: &[Row] = &[
    pace(
        "GLUETUN_PORT_CHECK_INTERVAL_S",
        |d| &mut d.settings.core.gluetun_port_check_interval,
        "10",
        "How often each VPN is asked for its forwarded port.",
    ),
    pace(
        "GLUETUN_PORT_CACHE_TTL_S",
        |d| &mut d.settings.core.gluetun_port_cache_ttl,
        "60",
        "How long the last reading of a port counts when the control server does not answer.",
    ),
    wait(
        "PORT_LOST_S",
        |d| &mut d.settings.core.port_lost,
        "60",
        "How long a VPN may be without a forwarded port before its engine is no longer called forwarded. \
         Every change passes through such a gap.",
    ),
    secret(
        "HOOK_TOKEN",
        |d| &mut d.settings.api.hook_token,
        "What Gluetun's command has to send to `/hooks/gluetun/port` when it tells of a new port. Without it \
         API_KEY is asked for; with neither the route is off.",
    ),
];

const FAILOVER: &[Row] = &[
    row(
        "VPN_RESTART_ENGINES_ON_RECONNECT",
        Kind::OldSwitch(|d| &mut d.settings.core.vpn_restart_engines_on_reconnect),
        "true",
        "Restarts engines in place once a lost tunnel is back: one at a time, each while it is idle.",
    ),
    wait(
        "VPN_UNHEALTHY_RESTART_TIMEOUT_S",
        |d| &mut d.settings.core.vpn_unhealthy_restart_timeout,
        "60",
        "How long a VPN may be failed before its container is restarted; its tunnel is bounced after half of \
         it.",
    ),
    wait(
        "VPN_RECOVERY_STABILIZATION_S",
        |d| &mut d.settings.core.vpn_recovery_stabilization,
        "120",
        "How long after a recovery no port change is acted on and nothing is removed for idleness.",
    ),
    wait(
        "EMERGENCY_SETTLE_S",
        |d| &mut d.settings.core.emergency_settle,
        "600",
        "How long an emergency may last before the surviving VPNs are filled up to MIN_REPLICAS.",
    ),
    row(
        "EMERGENCY_REFILL",
        Kind::Switch(|d| &mut d.emergency_refill),
        "false",
        "Fills them up at once instead, as if EMERGENCY_SETTLE_S were 0.",
    ),
];

const DOCKER: &[Row] = &[
    text(
        "DOCKER_HOST",
        |d| &mut d.docker.host,
        "unix:///var/run/docker.sock",
        "Where Docker is, as its own client reads it: `unix:///path` or `tcp://host:port`.",
    ),
    text(
        "DOCKER_TLS_VERIFY",
        |d| &mut d.docker.tls_verify,
        "",
        "Anything but empty: the connection over tcp is encrypted, and Docker has to prove who it is.",
    ),
    text(
        "DOCKER_CERT_PATH",
        |d| &mut d.docker.cert_path,
        "",
        "The folder with `ca.pem`, `cert.pem` and `key.pem` for an encrypted connection over tcp. Empty: \
         `~/.docker`, if DOCKER_TLS_VERIFY asks for encryption.",
    ),
    pace(
        "MONITOR_INTERVAL_S",
        |d| &mut d.settings.core.monitor_interval,
        "10",
        "How often all containers are listed. What happens in between is heard from Docker's events.",
    ),
    pace(
        "DOCKER_TIMEOUT_S",
        |d| &mut d.settings.core.docker_timeout,
        "30",
        "How long Docker may take for one call. After that it is looked up what has become of it.",
    ),
    row(
        "DOCKER_RETRIES",
        Kind::Count(0, Below::Rejected, |d, n| d.settings.core.docker_retries = n),
        "3",
        "How often a listing that failed is asked for again, after 1, 2, 4 … seconds.",
    ),
    pace(
        "DOCKER_PING_INTERVAL_S",
        |d| &mut d.settings.core.ping_interval,
        "2",
        "Advanced: how often Docker is asked whether it is there.",
    ),
    pace(
        "DOCKER_PING_TIMEOUT_S",
        |d| &mut d.settings.core.ping_timeout,
        "2",
        "Advanced: how long it may take to answer that. Two misses, and Docker counts as unreachable.",
    ),
];

const HEALTH: &[Row] = &[
    pace(
        "HEALTH_CHECK_INTERVAL_S",
        |d| &mut d.settings.core.health_check_interval,
        "20",
        "How often each engine is asked how it is.",
    ),
    row(
        "HEALTH_FAILURE_THRESHOLD",
        Kind::Count(1, Below::Raised, |d, n| d.settings.core.health_failure_threshold = n),
        "3",
        "After how many failures in a row an engine is unhealthy, and not offered any more.",
    ),
    wait(
        "HEALTH_UNHEALTHY_GRACE_PERIOD_S",
        |d| &mut d.settings.core.health_unhealthy_grace_period,
        "60",
        "How long an engine may stay unhealthy before it is replaced. A new engine may take this long, and \
         HEALTH_FAILURE_THRESHOLD times HEALTH_CHECK_INTERVAL_S more, until it answers.",
    ),
    wait(
        "HEALTH_REPLACEMENT_COOLDOWN_S",
        |d| &mut d.settings.core.health_replacement_cooldown,
        "60",
        "How long to wait between replacing two unhealthy engines that have viewers.",
    ),
    pace(
        "PROBE_TIMEOUT_S",
        |d| &mut d.settings.core.probe_timeout,
        "5",
        "Advanced: how long an engine may take to answer.",
    ),
];

const BREAKERS: &[Row] = &[
    row(
        "CIRCUIT_BREAKER_FAILURE_THRESHOLD",
        Kind::Count(1, Below::Raised, |d, n| d.settings.core.circuit_breaker_failure_threshold = n),
        "5",
        "After how many failed creations in a row no more are tried for a while.",
    ),
    wait(
        "CIRCUIT_BREAKER_RECOVERY_TIMEOUT_S",
        |d| &mut d.settings.core.circuit_breaker_recovery_timeout,
        "300",
        "How long that while is; then one is tried.",
    ),
    row(
        "CIRCUIT_BREAKER_REPLACEMENT_THRESHOLD",
        Kind::Count(1, Below::Raised, |d, n| d.settings.core.circuit_breaker_replacement_threshold = n),
        "3",
        "The same for replacing unhealthy engines.",
    ),
    wait(
        "CIRCUIT_BREAKER_REPLACEMENT_TIMEOUT_S",
        |d| &mut d.settings.core.circuit_breaker_replacement_timeout,
        "180",
        "The same for replacing unhealthy engines.",
    ),
];

const LEAVING: &[Row] = &[
    row(
        "AUTO_DELETE",
        Kind::OldSwitch(|d| &mut d.settings.core.auto_delete),
        "false",
        "Removes idle engines beyond what is needed.",
    ),
    pace(
        "ENGINE_GRACE_PERIOD_S",
        |d| &mut d.settings.core.engine_grace_period,
        "30",
        "How long an engine has to be idle before AUTO_DELETE may remove it.",
    ),
    wait(
        "HANDOFF_S",
        |d| &mut d.settings.core.handoff,
        "25",
        "How long a working engine is hidden before it is removed, so that a client that has just chosen it \
         can still announce its stream.",
    ),
    wait(
        "DRAIN_TIMEOUT_S",
        |d| &mut d.settings.core.drain_timeout,
        "30",
        "How long an engine that has to go waits for its viewers.",
    ),
];

const STREAMS: &[Row] = &[
    pace(
        "STARTUP_TIMEOUT_S",
        |d| &mut d.settings.core.startup_timeout,
        "25",
        "How long an engine may take to open a stream.",
    ),
    pace(
        "COLLECT_INTERVAL_S",
        |d| &mut d.settings.core.collect_interval,
        "5",
        "How often each stream's statistics are read.",
    ),
    row(
        "MAX_STREAMS_PER_ENGINE",
        Kind::Count(1, Below::Rejected, |d, n| d.settings.core.max_streams_per_engine = n as usize),
        "1",
        "How many streams an engine is given. A failover may exceed it for a while rather than cut a viewer.",
    ),
];

const fn millis(number: u32) -> Duration {
    Duration::from_millis(number as u64)
}

const fn seconds(number: u32) -> Duration {
    Duration::from_secs(number as u64)
}

const PROXY: &[Row] = &[
    row(
        "PROXY_ENABLED",
        Kind::Switch(|d| &mut d.settings.proxy.enabled),
        "true",
        "Serves streams to players under `/ace/getstream` and `/ace/manifest.m3u8`. Without it these paths answer \
         503, and engines are used by other programs alone.",
    ),
    within(
        "PROXY_COMMIT_MS",
        0..=8_000,
        |d, n| d.settings.proxy.commit = millis(n),
        "1000",
        "For how long the status line is held back while a stream begins. What goes wrong until then is answered \
         with a status that says so; after it a player gets 200 and null packets until there is something to see.",
    ),
    within(
        "PROXY_KEEPALIVE_MS",
        50..=10_000,
        |d, n| d.settings.proxy.keepalive = millis(n),
        "500",
        "How often a viewer for whom there is nothing yet, or nothing just now, is sent null packets, so that his \
         player does not give up.",
    ),
    within(
        "PROXY_STALL_MS",
        200..=60_000,
        |d, n| d.settings.proxy.stall = millis(n),
        "1000",
        "After how long without a byte from an engine it is found out whether the engine, its VPN or the source is \
         to blame, and the channel is moved if another engine can do better. After half of it already, as long as the \
         engine has not paused for longer than that and gone on by itself.",
    ),
    within(
        "PROXY_BUFFER_S",
        2..=120,
        |d, n| d.settings.proxy.buffer = seconds(n),
        "15",
        "How much of a channel is kept for viewers who fall behind. Who falls back further goes on at a later \
         picture.",
    ),
    within(
        "PROXY_BUFFER_MIB",
        1..=1_024,
        |d, n| d.settings.proxy.buffer_bytes = n as usize * 1024 * 1024,
        "32",
        "The most memory that one channel's buffer may take, whatever PROXY_BUFFER_S says. A channel that somebody \
         watches as HLS may take up to twice as much again for its segments.",
    ),
    within(
        "PROXY_MEMORY_MIB",
        16..=65_536,
        |d, n| d.settings.proxy.memory_bytes = n as usize * 1024 * 1024,
        "1024",
        "The most memory that all channels' buffers may take together: they share it evenly. When there is no room \
         for another channel, of 4 MiB at least, it is answered 503 with Retry-After.",
    ),
    within(
        "PROXY_JOIN_BEHIND_MS",
        0..=60_000,
        |d, n| d.settings.proxy.behind = millis(n),
        "2000",
        "How far behind the newest picture a viewer begins who joins a running channel. What he gets at once fills \
         his player's buffer, which carries him over a change of engines.",
    ),
    within(
        "PROXY_NO_PROGRESS_S",
        2..=600,
        |d, n| d.settings.proxy.no_progress = seconds(n),
        "15",
        "How long a viewer may take nothing of what is there for him before his connection is cut.",
    ),
    within(
        "PROXY_HLS_SEGMENT_S",
        1..=20,
        |d, n| d.settings.proxy.segment = seconds(n),
        "2",
        "How long a segment of HLS is at least: it ends at the first full picture after that. How long it is at most \
         is settled by the first ones, because a playlist may not change that; where full pictures are further apart, \
         it ends at another one.",
    ),
    within(
        "PROXY_HLS_IDLE_S",
        2..=600,
        |d, n| d.settings.proxy.fetch_idle = seconds(n),
        "20",
        "How long a viewer of HLS may fetch nothing before he counts as gone.",
    ),
    within(
        "PROXY_MAX_VIEWERS",
        1..=1_000,
        |d, n| d.settings.proxy.viewers_max = n as usize,
        "500",
        "How many viewers there may be at once. More are answered 503 with Retry-After.",
    ),
    within(
        "PROXY_MAX_CHANNELS",
        1..=1_000,
        |d, n| d.settings.proxy.channels_max = n as usize,
        "100",
        "How many channels there may be at once; each has a buffer. More are answered 503 with Retry-After.",
    ),
];

const PLAYLISTS: &[Row] = &[
    row(
        "PROXY_BASE_URL",
        kinds::PROXY_BASE_URL,
        "",
        "What entries of playlists begin with, when players reach acefleet by another address than the one that a \
         playlist was asked from: `https://tv.example`. Empty: the address that it was asked from.",
    ),
    text(
        "PROXY_CHANNELS",
        |d| &mut d.channels,
        "",
        "A file with channels of one's own, each with several sources, of which those that work are tried first. \
         docs/playlists.md has the format.",
    ),
];

const ACCESS: &[Row] = &[
    secret(
        "API_KEY",
        |d| &mut d.settings.api.key,
        "What callers have to send as `Authorization: Bearer …` for everything that changes something. \
         Without it everybody who reaches the port may do everything.",
    ),
    row(
        "CORS_ORIGINS",
        kinds::CORS_ORIGINS,
        "",
        "Origins, separated by commas, whose pages may use the API from a browser: `https://panel.example`, \
         or `*` for all. Empty: pages of acefleet itself alone.",
    ),
];

const NOTIFYING: &[Row] = &[
    secret(
        "NOTIFY_URLS",
        |d| &mut d.notify_urls,
        "Who is told when something is wrong, and when it is over: addresses with commas or line breaks between them. \
         `https://…` is a webhook, `ntfy://…`, `discord://…`, `slack://…`, `tgram://…` and `gotify://…` are what they \
         say; docs/alerts.md has an example of each. `acefleet check --notify` sends each of them a test.",
    ),
    secret(
        "NOTIFY_SECRET",
        |d| &mut d.settings.notify.secret,
        "Signs what webhooks are sent, so that they can tell that it comes from here: HMAC-SHA256 of the body, in the \
         header `X-Acefleet-Signature`.",
    ),
    text(
        "SSL_CERT_FILE",
        |d| &mut d.ssl_cert_file,
        "",
        "A file of certificates, in PEM, of authorities that are trusted beside the usual ones when receivers of \
         alerts are reached by https.",
    ),
];
