//! Docker's embedded DNS, asked directly and for nothing else. Nothing is kept of its answers.

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{LookupIpStrategy, NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// Where Docker answers in every container of a network that it made.
const DOCKER_DNS: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 11));
/// It is on the same machine.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// Docker's embedded DNS.
pub struct DockerDns(Option<TokioResolver>);

impl fmt::Debug for DockerDns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DockerDns({})", if self.0.is_some() { "asked" } else { "nowhere" })
    }
}

impl DockerDns {
    /// The one of the container that acefleet runs in.
    pub fn of_this_container() -> Self {
        let server = NameServerConfig::udp(DOCKER_DNS);
        let config = ResolverConfig::from_parts(None, vec![], vec![server]);
        let mut options = ResolverOpts::default();
        options.cache_size = 0;
        options.timeout = ANSWER_TIMEOUT;
        options.attempts = 1;
        options.ip_strategy = LookupIpStrategy::Ipv4Only;
        // A name is one that Docker gave, or none: the host's file of names has no say.
        options.use_hosts_file = hickory_resolver::config::ResolveHosts::Never;
        let provider = TokioRuntimeProvider::default();
        let mut builder = TokioResolver::builder_with_config(config, provider);
        *builder.options_mut() = options;
        Self(builder.build().ok())
    }

    /// None: acefleet runs on the host.
    pub const fn nowhere() -> Self {
        Self(None)
    }

    /// The addresses of a container; none if there is no such name. Docker asks the host's resolvers for names that
    /// it does not know itself, so whatever is outside the networks of this container is somebody else.
    pub async fn resolve(&self, name: &str) -> Vec<IpAddr> {
        let Some(resolver) = &self.0 else { return Vec::new() };
        match resolver.lookup_ip(format!("{name}.")).await {
            Ok(found) => {
                let routes = std::fs::read_to_string("/proc/net/route").unwrap_or_default();
                found.iter().filter(|ip| is_connected(&routes, *ip)).collect()
            }
            Err(error) => {
                tracing::debug!(name, %error, "Docker's DNS does not know this name");
                Vec::new()
            }
        }
    }
}

/// Whether an address is on a network that this machine has a foot in: one that is reached without a gateway.
fn is_connected(routes: &str, ip: IpAddr) -> bool {
    let IpAddr::V4(ip) = ip else { return false };
    let ip = u32::from_le_bytes(ip.octets());
    let hex = |word: Option<&str>| word.and_then(|word| u32::from_str_radix(word, 16).ok());
    routes.lines().skip(1).any(|line| {
        let mut words = line.split_whitespace().skip(1);
        let (target, gateway) = (hex(words.next()), hex(words.next()));
        let mask = hex(words.nth(4));
        let (Some(target), Some(0), Some(mask)) = (target, gateway, mask) else { return false };
        mask != 0 && ip & mask == target
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_on_networks_of_this_container_are_those_of_containers() {
        let routes = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
            eth0\t00000000\t010012AC\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
            eth0\t000012AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n";
        assert!(is_connected(routes, [172, 18, 0, 5].into()));
        assert!(!is_connected(routes, [192, 168, 1, 5].into()));
        assert!(!is_connected(routes, [203, 0, 113, 5].into()));
    }
}
