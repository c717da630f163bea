//! What is the same on every ground: said by its parts.

use crate::fleet::eventually;
use crate::ground::Ground;
use crate::happenings::Life;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

/// The stand-ins' health is checked every second.
const HEALTHY_WITHIN: Duration = Duration::from_secs(30);

impl Ground {
    /// Waits until Docker calls a VPN healthy.
    pub(crate) fn is_healthy(&self, vpn: &str) {
        eventually(&format!("Docker calls {vpn} healthy"), HEALTHY_WITHIN, || {
            let told = self.inspect(vpn)?;
            (told["State"]["Health"]["Status"] == "healthy").then_some(())
        });
    }

    /// A container's address.
    pub(crate) fn address(&self, name: &str) -> Ipv4Addr {
        self.try_address(name).unwrap_or_else(|| panic!("{name} has no address"))
    }

    /// Sets a fault of a VPN's stand-in, for example `port=none` or `tunnel=cut`.
    pub(crate) fn vpn_fault(&self, vpn: &str, fault: &str) {
        self.fault(&self.switches(vpn), fault);
    }

    /// The names of all containers that begin so, in order of their numbers.
    pub(crate) fn names(&self, prefix: &str) -> Vec<String> {
        let mut names = self.all_names();
        names.retain(|name| name.starts_with(prefix));
        names.sort_by_key(|name| (name.len(), name.clone()));
        names
    }

    /// Which containers of ours there are, by their names: each one's id, and when it was started.
    pub(crate) fn lives(&self) -> BTreeMap<String, Life> {
        self.lives_of(self.names("acestream-").iter().map(String::as_str))
    }

    /// The same of these, as far as they exist.
    pub(crate) fn lives_of<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> BTreeMap<String, Life> {
        let life = |name: &str| {
            let told = self.inspect(name)?;
            let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
            Some((name.to_string(), (text(&told["Id"]), text(&told["State"]["StartedAt"]))))
        };
        names.into_iter().filter_map(life).collect()
    }
}
