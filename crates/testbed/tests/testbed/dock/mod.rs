//! The embedded container runtime.

mod api;
mod containers;
mod facts;
mod lab;

use control::command::Target;
use control::ids::{ContainerId, Name};
use hyper::Method;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use testbed::dock::{Api, Dock, Joined, Settings, Spec};
use testbed::web::ask;

const LABEL: (&str, &str) = ("ondemand.app", "myservice");
const ENGINE_IMAGE: &str = "jopsis/acestream:x64";
const PORT: u16 = 19_000;

/// A dock, and a program's side of it.
fn dock() -> (Dock, Api) {
    dock_as(Settings::new(1))
}

fn dock_as(settings: Settings) -> (Dock, Api) {
    let dock = Dock::open(settings).expect("loopback addresses can be had");
    let api = dock.api((LABEL.0.to_owned(), LABEL.1.to_owned()));
    (dock, api)
}

/// An engine of ours in a network of its own.
fn engine(name: &str, port: u16) -> Spec {
    let labels = [(LABEL.0.to_owned(), LABEL.1.to_owned())];
    Spec { labels: labels.into(), ..Spec::new(name, ENGINE_IMAGE).env(&[("HTTP_PORT", &port.to_string())]) }
}

/// One in a VPN's.
fn engine_behind(vpn: &str, name: &str, port: u16) -> Spec {
    Spec { network: Joined::OfContainer(Name::from(vpn)), ..engine(name, port) }
}

async fn run(api: &Api, spec: Spec) -> ContainerId {
    let id = api.create(spec).await.expect("it is created");
    api.start(id).await.expect("it is started");
    id
}

/// The address of a container that has one.
async fn address(api: &Api, name: &str) -> IpAddr {
    let found = api.inspect(&Target::Name(Name::from(name))).await.expect("an answer").expect("a container");
    found.address.expect("an address").1
}

/// Whether an engine answers there.
async fn answers(address: IpAddr, port: u16) -> bool {
    let at = SocketAddr::new(address, port).to_string();
    let path = "/webui/api/service?method=get_version";
    ask(Method::GET, &at, path, &[], "", Duration::from_secs(2)).await.is_ok_and(|reply| reply.status == 200)
}
