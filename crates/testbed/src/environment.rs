//! The stand-ins' settings as an environment gives them, in the words of the real images where they have words.
//!
//! The table of variables is in the program `standin`, which reads them from its own environment; containers of the
//! embedded runtime have one each.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::engine::{self, Ports};
use crate::gluetun::{self, Auth, Version};
use crate::web;

/// The private port of a Gluetun.
const PRIVATE_PORT: u16 = 8999;

/// An environment that can be asked for a variable. One that is empty counts as not set.
pub struct Environment<F>(pub F);

/// An engine as its environment and command describe it.
#[derive(Clone, Debug)]
pub struct EngineAsTold {
    /// How it is. Its tunnel is taken for granted.
    pub settings: engine::Settings,
    /// All its ports.
    pub ports: Ports,
    /// Whether there is a network if no Gluetun is.
    pub connected: bool,
    /// It ends when it is asked to. The real one lets the whole grace pass.
    pub heeds_term: bool,
    /// Faults that are there from the start.
    pub faults: BTreeMap<String, String>,
}

/// A Gluetun as its environment describes it.
#[derive(Clone, Debug)]
pub struct GluetunAsTold {
    /// How it is, without a private port.
    pub settings: gluetun::Settings,
    /// How long it takes to end when it is asked to.
    pub stop: Duration,
    /// Faults that are there from the start.
    pub faults: BTreeMap<String, String>,
}

impl<F: Fn(&str) -> Option<String>> Environment<F> {
    /// An engine that listens at this address.
    pub fn engine(&self, at: IpAddr, command: &[String]) -> Result<EngineAsTold, String> {
        let ports = Ports::read(command, |name| self.get(name))?;
        let mut settings = engine::Settings::new(SocketAddr::new(at, ports.http));
        settings.boot = self.read_ms("STANDIN_BOOT_MS", settings.boot)?;
        settings.search = self.read_ms("STANDIN_SEARCH_MS", settings.search)?;
        settings.burst = self.read_ms("STANDIN_BURST_MS", settings.burst)?;
        settings.bits_per_s = self.read("STANDIN_BITS_PER_S", settings.bits_per_s)?;
        settings.joins_at_picture = self.read("STANDIN_JOINS_AT_PICTURE", settings.joins_at_picture)?;
        settings.cache = self.get("STANDIN_CACHE").map(PathBuf::from);
        settings.camel_speeds = self.read("STANDIN_CAMEL_SPEEDS", settings.camel_speeds)?;
        let patience = &mut settings.patience;
        patience.prebuffer = self.read_ms("STANDIN_PREBUFFER_MS", patience.prebuffer)?;
        patience.reader_left = self.read_ms("STANDIN_READER_LEFT_MS", patience.reader_left)?;
        patience.never_read = self.read_ms("STANDIN_NEVER_READ_MS", patience.never_read)?;
        Ok(EngineAsTold {
            settings,
            ports,
            connected: self.read("STANDIN_CONNECTED", true)?,
            heeds_term: self.read("STANDIN_HEEDS_TERM", false)?,
            faults: self.first_faults(),
        })
    }

    /// A Gluetun whose control server listens at this address.
    pub fn gluetun(&self, at: IpAddr) -> Result<GluetunAsTold, String> {
        let address = self.get("HTTP_CONTROL_SERVER_ADDRESS").unwrap_or_else(|| ":8000".to_owned());
        let port = address.rsplit(':').next().and_then(|port| port.parse().ok());
        let port = port.ok_or_else(|| format!("HTTP_CONTROL_SERVER_ADDRESS={address:?} has no port"))?;
        let mut settings = gluetun::Settings::new(SocketAddr::new(at, port));
        settings.version = match self.get("STANDIN_VERSION").as_deref() {
            None | Some("new") => Version::New,
            Some("old") => Version::Old { unknown: 404 },
            Some("old-400") => Version::Old { unknown: 400 },
            Some(other) => {
                return Err(format!("STANDIN_VERSION={other:?}: new, old or old-400 is expected"));
            }
        };
        settings.auth = match (self.get("STANDIN_API_KEY"), self.get("STANDIN_USER")) {
            (Some(key), _) => Auth::Key(key),
            (None, Some(user)) => {
                Auth::Basic { user, password: self.get("STANDIN_PASSWORD").unwrap_or_default() }
            }
            (None, None) => Auth::None,
        };
        settings.roles =
            self.get("STANDIN_ROLES").map(|list| list.split(',').map(|one| one.trim().to_owned()).collect());
        settings.starting = self.read_ms("STANDIN_STARTING_MS", settings.starting)?;
        settings.port_after = self.read_ms("STANDIN_PORT_AFTER_MS", settings.port_after)?;
        settings.port_gap = self.read_ms("STANDIN_PORT_GAP_MS", settings.port_gap)?;
        settings.health_lag = self.read_ms("STANDIN_HEALTH_LAG_MS", settings.health_lag)?;
        settings.public_ip = self.read("STANDIN_PUBLIC_IP", settings.public_ip)?;
        settings.hook_url = self.get("HOOK_URL");
        settings.hook_token = self.get("HOOK_TOKEN");
        if let Some(list) = self.get("STANDIN_PORTS") {
            settings.ports = match list.as_str() {
                "none" => Vec::new(),
                list => gluetun::ports(list)
                    .ok_or_else(|| format!("STANDIN_PORTS={list:?}: none, or ports with commas"))?,
            };
        }
        let stop = self.read_ms("STANDIN_STOP_MS", Duration::ZERO)?;
        Ok(GluetunAsTold { settings, stop, faults: self.first_faults() })
    }

    /// The private port of a Gluetun, which engines beside it and its health check ask.
    pub fn private_port(&self) -> Result<u16, String> {
        self.read("STANDIN_PRIVATE_PORT", PRIVATE_PORT)
    }

    fn get(&self, name: &str) -> Option<String> {
        self.0(name).filter(|value| !value.is_empty())
    }

    fn read<T: FromStr>(&self, name: &str, default: T) -> Result<T, String> {
        let Some(value) = self.get(name) else {
            return Ok(default);
        };
        value.trim().parse().map_err(|_| format!("{name}={value:?} cannot be read"))
    }

    fn read_ms(&self, name: &str, default: Duration) -> Result<Duration, String> {
        Ok(Duration::from_millis(self.read(name, default.as_millis() as u64)?))
    }

    fn first_faults(&self) -> BTreeMap<String, String> {
        web::query(&self.get("STANDIN_FAULTS").unwrap_or_default())
    }
}
