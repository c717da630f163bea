//! Events that nobody has any reason to tell: about containers, operations and names that exist, existed, or
//! never did.

use crate::contradictions::Shame;
use control::docker::{Facts, Happened, Health, Listed, Listing, Network, Notice, State};
use control::event::{Outcome, ProbeReport, Refusal, RememberedStream, Report, Silence, TunnelStatus};
use control::ids::{ContainerId, Name, OpId, RequestId, SandboxId, SessionId, ViewerId};
use control::labels::{self, Labels};
use control::request::{Announcement, Ending, Request, UrlTail};
use control::rng::Rng;
use control::time::Stamp;
use control::{Event, Time};
use std::time::Duration;

/// Where inventions come from.
pub(crate) struct Inventions {
    shame: Shame,
    rng: Rng,
    /// Containers that were heard of.
    containers: Vec<Identity>,
    /// Operations that were heard of.
    operations: Vec<OpId>,
    /// The middle of the times that are invented.
    now: u64,
}

/// Who a container is: what never changes while nobody renames it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Identity {
    pub(crate) id: ContainerId,
    pub(crate) name: Name,
    pub(crate) ours: bool,
    pub(crate) labels: Labels,
}

/// Invented times are so far from now, either way.
const ABOUT: Duration = Duration::from_secs(60);
/// Of containers and operations so many are remembered; then the oldest half is forgotten.
const REMEMBERED_MAX: usize = 64;

impl Inventions {
    pub(crate) fn new(seed: u64, shame: Shame) -> Self {
        let operations = vec![OpId { life: 0, seq: 0 }];
        let mut inventions = Self { shame, rng: Rng::new(seed), containers: Vec::new(), operations, now: 0 };
        inventions.containers = vec![inventions.nobody()];
        inventions
    }

    /// What he will invent things about.
    pub(crate) fn hear(&mut self, now: Time, containers: &[Identity], operations: &[OpId]) {
        self.now = now.as_nanos();
        remember(&mut self.containers, containers);
        remember(&mut self.operations, operations);
    }

    /// Of a container that is gone for good nothing more is invented, unless everything is.
    pub(crate) fn bury(&mut self, id: ContainerId) {
        if self.shame == Shame::Some {
            self.containers.retain(|known| known.id != id);
        }
    }

    pub(crate) fn event(&mut self) -> Event {
        match self.rng.below(12) {
            0 => Event::Woken,
            10.. => self.gossip(),
            1 => Event::DockerStreamOpened,
            2 => Event::StoreAnswered(self.memory()),
            3..6 => Event::Docker(self.notice()),
            _ => Event::Finished { op: self.operation(), outcome: self.outcome() },
        }
    }

    /// Something about viewers and streams.
    fn gossip(&mut self) -> Event {
        let number = self.rng.below(8);
        let content = sim::world::channel(self.rng.below(3));
        let port = 19_000 + self.rng.below(4) as u16;
        match self.rng.below(7) {
            0 => Event::ViewerCame { viewer: ViewerId(number), content, sees: false },
            1 => Event::ViewerLeft(ViewerId(number)),
            2 => Event::SessionBroke(SessionId(number)),
            3 => Event::SessionSpoke(SessionId(number)),
            4 => Event::SessionSilent(SessionId(number)),
            5 => {
                let url = UrlTail { port, path: "/ace/stat/1".into() };
                let announcement = Announcement {
                    container_id: self.rng.chance(50).then(|| self.container().id),
                    port: Some(port),
                    content,
                    playback_session_id: number.to_string().into(),
                    stat: self.rng.chance(80).then_some(url),
                    command: None,
                    is_live: false,
                    stream_id: self.rng.chance(50).then(|| format!("stream-{number}").into()),
                };
                let what = Request::StreamStarted(Box::new(announcement));
                Event::Asked { request: RequestId(self.rng.bits()), what }
            }
            _ => {
                let ending = Ending {
                    container_id: self.rng.chance(50).then(|| self.container().id),
                    stream_id: self.rng.chance(50).then(|| format!("stream-{number}").into()),
                    reason: None,
                };
                Event::Asked { request: RequestId(self.rng.bits()), what: Request::StreamEnded(ending) }
            }
        }
    }

    fn memory(&mut self) -> Result<Vec<RememberedStream>, std::sync::Arc<str>> {
        if self.rng.chance(50) {
            return Err("the store cannot be read".into());
        }
        let stream = |stream| RememberedStream {
            engine: self.container().id,
            stream: format!("stream-{stream}").into(),
            content: sim::world::channel(stream),
            playback_session_id: stream.to_string().into(),
            stat_path: (stream > 0).then(|| "/ace/stat".into()),
            command_path: None,
            is_live: true,
            started_at: Time::ZERO,
        };
        Ok((0..3).map(stream).collect())
    }

    fn notice(&mut self) -> Notice {
        const HAPPENED: [Happened; 11] = [
            Happened::Created,
            Happened::Started,
            Happened::Died,
            Happened::Paused,
            Happened::Unpaused,
            Happened::Renamed,
            Happened::Destroyed,
            Happened::HealthIs(Health::Unchecked),
            Happened::HealthIs(Health::Starting),
            Happened::HealthIs(Health::Healthy),
            Happened::HealthIs(Health::Unhealthy),
        ];
        let happened = *pick(&mut self.rng, &HAPPENED);
        let nobody = happened == Happened::Destroyed && self.shame == Shame::Some;
        let Identity { id, name, ours, .. } = if nobody { self.nobody() } else { self.container() };
        Notice { id, name, ours, happened, at: self.stamp() }
    }

    fn outcome(&mut self) -> Outcome {
        const REFUSALS: [Refusal; 6] = [
            Refusal::NameTaken,
            Refusal::PortTaken,
            Refusal::NoSuchContainer,
            Refusal::NetworkNotRunning,
            Refusal::ImageMissing,
            Refusal::Unauthorized,
        ];
        match self.rng.below(10) {
            0 => Outcome::Unknown(Silence::TimedOut),
            1 => Outcome::Unknown(Silence::Disconnected),
            2 => Outcome::Refused(Refusal::Unexplained("something is wrong".into())),
            3 => Outcome::Refused(pick(&mut self.rng, &REFUSALS).clone()),
            _ => Outcome::Done(self.report()),
        }
    }

    fn report(&mut self) -> Report {
        const TUNNEL: [TunnelStatus; 5] = [
            TunnelStatus::Starting,
            TunnelStatus::Running,
            TunnelStatus::Stopping,
            TunnelStatus::Stopped,
            TunnelStatus::Crashed,
        ];
        match self.rng.below(10) {
            0 => Report::Pong,
            1 => Report::Listing(Listing { containers: (0..12).map(|_| self.listed()).collect() }),
            2 => Report::Found(Box::new(self.facts())),
            3 => Report::Absent,
            4 => Report::Created(self.created()),
            5 => Report::Carried,
            6 => Report::Probe(ProbeReport {
                answered: self.rng.chance(50),
                connected: *pick(&mut self.rng, &[None, Some(false), Some(true)]),
            }),
            7 => Report::Tunnel(*pick(&mut self.rng, &TUNNEL)),
            8 => Report::Ports((0..self.rng.below(3)).map(|_| self.port()).collect()),
            _ => Report::PublicAddress("203.0.113.1".into()),
        }
    }

    fn facts(&mut self) -> Facts {
        const HEALTH: [Health; 4] = [Health::Unchecked, Health::Starting, Health::Healthy, Health::Unhealthy];
        Facts {
            listed: self.listed(),
            health: *pick(&mut self.rng, &HEALTH),
            started_at: self.rng.chance(80).then(|| self.stamp()),
            sandbox: self.rng.chance(50).then(|| SandboxId::from_bytes(bytes(&mut self.rng))),
            p2p_in_spec: self.rng.chance(20).then(|| self.port()),
            created_at: self.stamp(),
        }
    }

    fn listed(&mut self) -> Listed {
        const STATES: [State; 7] = [
            State::Created,
            State::Running,
            State::Paused,
            State::Restarting,
            State::Removing,
            State::Exited,
            State::Dead,
        ];
        let network = match self.rng.below(3) {
            0 => Network::Container(self.container().id),
            1 => Network::ContainerNamed(self.name()),
            _ => Network::Own("bridge".into()),
        };
        let Identity { id, name, ours, labels } = self.container();
        Listed {
            id,
            name,
            ours,
            state: *pick(&mut self.rng, &STATES),
            network,
            labels,
            image: "an-image".into(),
            published: (0..self.rng.below(2)).map(|_| self.port()).collect(),
        }
    }

    fn labels(&mut self) -> Labels {
        const KEYS: [&str; 8] = [
            labels::HTTP_PORT,
            labels::HTTPS_PORT,
            labels::HOST_HTTP_PORT,
            labels::VPN_CONTAINER,
            labels::FORWARDED,
            labels::P2P_PORT,
            labels::OPERATION,
            labels::SPEC,
        ];
        let garbled = KEYS.into_iter().filter_map(|key| {
            let value = match self.rng.below(6) {
                0 => return None,
                1 => "-1".into(),
                2 => self.operation().to_string(),
                3 => self.name().to_string(),
                _ => self.port().to_string(),
            };
            Some((key, value))
        });
        garbled.collect()
    }

    fn name(&mut self) -> Name {
        let number = self.rng.below(14);
        match self.rng.below(6) {
            0 => "gluetun".into(),
            1 => "gluetun2".into(),
            2 => "".into(),
            3 => format!("acestream-0{number}").as_str().into(),
            _ => format!("acestream-{number}").as_str().into(),
        }
    }

    /// Mostly one that engines may have, else any there is, or none.
    fn port(&mut self) -> u16 {
        if self.rng.chance(80) { 19_000 + self.rng.below(220) as u16 } else { self.rng.below(65_536) as u16 }
    }

    fn container(&mut self) -> Identity {
        if self.containers.is_empty() || self.rng.chance(10) {
            let nobody = self.nobody();
            self.containers.push(nobody);
        }
        let known = pick(&mut self.rng, &self.containers).clone();
        match self.shame {
            Shame::Some => known,
            Shame::None => Identity { id: known.id, ..self.nobody() },
        }
    }

    fn created(&mut self) -> ContainerId {
        match self.shame {
            Shame::Some => self.nobody().id,
            Shame::None => self.container().id,
        }
    }

    /// A container that does not exist, whatever name it has.
    fn nobody(&mut self) -> Identity {
        let id = ContainerId::from_bytes(bytes(&mut self.rng));
        let ours = self.rng.chance(60);
        // Labels of others are left out by the adapter.
        let labels = if ours { self.labels() } else { Labels::default() };
        Identity { id, name: self.name(), ours, labels }
    }

    fn operation(&mut self) -> OpId {
        if self.rng.chance(20) {
            return OpId { life: self.rng.below(3) as u32, seq: self.rng.below(500) };
        }
        *pick(&mut self.rng, &self.operations)
    }

    /// About now, or from another age.
    fn stamp(&mut self) -> Stamp {
        let about = ABOUT.as_nanos() as u64;
        match self.rng.below(10) {
            0 => Stamp::from_nanos(0),
            1 => Stamp::from_nanos(u64::MAX),
            _ => Stamp::from_nanos(self.now.saturating_sub(about) + self.rng.below(2 * about)),
        }
    }
}

fn pick<'a, T>(rng: &mut Rng, from: &'a [T]) -> &'a T {
    &from[rng.below(from.len() as u64) as usize]
}

fn bytes(rng: &mut Rng) -> [u8; 32] {
    std::array::from_fn(|_| rng.below(256) as u8)
}

fn remember<T: Clone + PartialEq>(known: &mut Vec<T>, news: &[T]) {
    for one in news {
        if !known.contains(one) {
            known.push(one.clone());
        }
    }
    if known.len() > REMEMBERED_MAX {
        known.drain(..REMEMBERED_MAX / 2);
    }
}
