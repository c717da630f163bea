//! The proxy as the program has it (its API, its connections, its channels), with a core that sends every viewer to
//! one engine; and that engine.

use acefleet::api::{self, Chosen, More, Parts};
use acefleet::dial::{DockerDns, Place, Ways, Whom};
use acefleet::driver::gate::{Gate, Picture, Written};
use acefleet::engine::Engines;
use acefleet::history::History;
use acefleet::metrics::Meters;
use acefleet::proxy::{Proxy, Source};
use acefleet::report;
use acefleet::runtime::{Inspected, Reach};
use acefleet::settings::{self, Sources};
use acefleet::store::Store;
use arc_swap::ArcSwap;
use control::command::Content;
use control::docker::{Facts, Health, Listed, Network, State};
use control::ids::{ContainerId, Name, SessionId};
use control::labels::Labels;
use control::time::Stamp;
use control::{Control, Event, Message};
use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use testbed::engine::{Engine, Settings};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

const ENGINE: &str = "engine";
/// Little is kept, so that the buffer is full before it counts how memory grows with viewers.
const CHOSEN: [(&str, &str); 2] = [("PROXY_BUFFER_S", "4"), ("PROXY_MAX_VIEWERS", "1000")];

/// What everything here runs on.
pub(crate) fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

/// An engine, until it is killed.
pub(crate) fn engine(bits_per_s: u64) -> io::Result<()> {
    runtime()?.block_on(async {
        let mut settings = Settings::new((Ipv4Addr::LOCALHOST, 0).into());
        settings.bits_per_s = bits_per_s;
        let mut engine = Engine::start(settings).await?;
        println!("{}", engine.address());
        engine.ended().await;
        Ok(())
    })
}

/// The proxy in front of an engine, until it is killed.
pub(crate) fn serve(engine: SocketAddr) -> io::Result<()> {
    runtime()?.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        println!("{}", listener.local_addr()?);
        let (proxy, parts) = parts(engine)?;
        tokio::spawn(decide(proxy, engine));
        api::serve(listener, parts, CancellationToken::new()).await;
        Ok(())
    })
}

fn parts(engine: SocketAddr) -> io::Result<(Arc<Proxy>, Parts)> {
    let environment = CHOSEN.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let settings = settings::read(&Sources { environment, ..Sources::empty() });
    let settings = settings.map_err(|problems| io::Error::other(format!("{problems:?}")))?;
    let ways = Arc::new(ways(engine));
    let meters = Arc::new(Meters::default());
    let proxy = Proxy::new(settings.proxy.clone(), None, ways, meters.proxy.clone());
    let core = Control::new(settings.core.clone(), control::Time::ZERO, 1);
    let first = Picture {
        snapshot: core.snapshot(),
        number: 0,
        journal: Arc::default(),
        notes: vec![],
        written: Written::default(),
    };
    // Nobody asks for anything else here, so the other ends are not needed.
    let gate = Gate::new(Arc::new(ArcSwap::from_pointee(first)), watch::channel(0).1, mpsc::channel(1).0);
    let parts = Parts {
        gate,
        more: More::none(),
        chosen: Chosen::from(&settings),
        history: Arc::new(Mutex::new(History::new(settings.stats_history_max))),
        facts: report::Facts::of(&settings),
        proxy: proxy.clone(),
        // Nothing can be kept there, and nobody asks for what was.
        store: Arc::new(Store::at("/proc/nowhere/a.db".into())),
        log: acefleet::log::present(),
        meters,
        clock: Arc::new(|| control::Time::ZERO),
        usage: Arc::new(|_| Box::pin(async { Ok(Default::default()) })),
        logs: Arc::new(|_, _| Box::pin(async { Ok("".into()) })),
    };
    Ok((proxy, parts))
}

/// Ways on which the engine is found at the loopback address.
fn ways(engine: SocketAddr) -> Ways {
    let ways = Ways::new(Place::Host, DockerDns::nowhere());
    let listed = Listed {
        id: ContainerId::from_bytes([1; 32]),
        name: ENGINE.into(),
        ours: true,
        state: State::Running,
        network: Network::Own("bridge".into()),
        labels: Labels::default(),
        image: "image:tag".into(),
        published: [].into(),
    };
    let facts = Facts {
        listed,
        health: Health::Unchecked,
        started_at: None,
        sandbox: None,
        p2p_in_spec: None,
        created_at: Stamp::from_nanos(1),
    };
    let reach = Reach { addresses: vec![("bridge".into(), engine.ip())], published: vec![], on_host: false };
    ways.learn(&Inspected { facts, reach });
    ways
}

/// The core of this bench: one engine plays everything.
async fn decide(proxy: Arc<Proxy>, engine: SocketAddr) {
    let engines = Engines::new(Arc::new(ways(engine)));
    let whom = Whom { container: Name::from(ENGINE), port: engine.port() };
    let mut sessions: BTreeMap<Content, SessionId> = BTreeMap::new();
    proxy.begin(1);
    loop {
        proxy.has_news().await;
        let Some(Event::ViewerCame { viewer, content, .. }) = proxy.next_news() else { continue };
        let count = SessionId(sessions.len() as u64 + 1);
        let session = *sessions.entry(content.clone()).or_insert(count);
        if session == count {
            let Ok(opened) = engines.open(&whom, &content, &count.0.to_string()).await else { continue };
            let source = Source {
                engine: ContainerId::from_bytes([1; 32]),
                whom: whom.clone(),
                path: opened.playback_path,
                infohash: opened.infohash,
                playback_session_id: opened.opened.playback_session_id,
                stat_path: opened.opened.stat_path,
                command_path: opened.opened.command_path,
                is_live: opened.opened.is_live,
            };
            proxy.opened(1, session, source);
        }
        proxy.hear(1, Message::Route { viewer, session: Some(session) });
    }
}
