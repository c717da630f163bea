//! The stand-ins that the demo begins with: the dock, and the VPNs' containers on it. Engines are acefleet's business.

use super::plan::Plan;
use control::event::Refusal;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use testbed::dock::{Dock, Image, Role, Settings, VPN_IMAGE};

/// Engines' images, in any tag.
const ENGINE_IMAGE: &str = "ghcr.io/krinkuto11/acestream-http-proxy";
/// How long an engine is not there after its start.
const ENGINE_BOOT_MS: u64 = 200;
/// How long an engine collects before it sends. Real ones take seconds.
const ENGINE_PREBUFFER_MS: u64 = 200;
/// How long a VPN takes to connect, and then to get its port. Real ones take seconds.
const VPN_STARTING_MS: u64 = 400;
const VPN_PORT_AFTER_MS: u64 = 50;
/// How often Docker checks a VPN's health.
const HEALTH_EVERY: Duration = Duration::from_millis(500);
/// How long Docker's health check takes to notice a lost tunnel. With a real Gluetun it is up to two minutes.
const HEALTH_LAG_MS: u64 = 3_000;
/// The ports that VPNs forward at first: each one its own.
const FIRST_PORT: u16 = 50_001;

/// The port that a VPN forwards at first.
pub(super) fn first_port(vpn: usize) -> u16 {
    FIRST_PORT + u16::try_from(vpn).unwrap_or_default()
}

/// A dock with no container on it.
pub(super) fn open(plan: &Plan) -> io::Result<Dock> {
    let mut settings = Settings::new(plan.seed);
    let engine = Image::of(Role::Engine)
        .with("STANDIN_BITS_PER_S", &plan.bits_per_s.to_string())
        .with("STANDIN_BOOT_MS", &ENGINE_BOOT_MS.to_string())
        .with("STANDIN_PREBUFFER_MS", &ENGINE_PREBUFFER_MS.to_string());
    settings.images = [(VPN_IMAGE, Image::of(Role::Gluetun)), (ENGINE_IMAGE, engine)]
        .map(|(name, image)| (name.to_owned(), image))
        .into();
    settings.health.interval = HEALTH_EVERY;
    Dock::open(settings)
}

/// Starts the VPNs' containers, as `docker compose up` would have, each with a control server on this port. They tell
/// the program of their forwarded ports by its hook.
pub(super) async fn start_vpns(
    dock: &Dock,
    plan: &Plan,
    control: u16,
    program: SocketAddr,
) -> Result<(), Refusal> {
    let starting = (0..).zip(&plan.vpns).map(|(at, name): (usize, _)| async move {
        let hook = format!("http://{program}/hooks/gluetun/port?vpn={name}&port={{{{PORTS}}}}");
        let env = [
            ("HTTP_CONTROL_SERVER_ADDRESS", format!(":{control}")),
            ("STANDIN_PORTS", first_port(at).to_string()),
            ("STANDIN_PUBLIC_IP", format!("203.0.113.{}", at + 1)),
            ("STANDIN_STARTING_MS", VPN_STARTING_MS.to_string()),
            ("STANDIN_PORT_AFTER_MS", VPN_PORT_AFTER_MS.to_string()),
            ("STANDIN_HEALTH_LAG_MS", HEALTH_LAG_MS.to_string()),
            ("HOOK_URL", hook),
            ("HOOK_TOKEN", plan.hook_token.clone()),
        ];
        let env = env.each_ref().map(|(name, value)| (*name, value.as_str()));
        dock.run_vpn(name.as_str(), &env).await.map(drop)
    });
    futures_util::future::try_join_all(starting).await.map(drop)
}
