//! People and programs that ask acefleet for something, at any time and without sense or measure.
//!
//! What comes of it is acefleet's business; here it is only asked.

use super::World;
use super::container::Role;
use super::queue::Happening;
use control::Event;
use control::ids::{ContainerId, RequestId, VpnId};
use control::labels::Labels;
use control::request::{OtherWanted, Request, Wanted};
use control::snapshot::Snapshot;
use std::sync::Arc;

/// So many of a hundred requests are about containers that are no engines.
const ASKS_FOR_OTHERS_PERCENT: u64 = 10;
/// Clients that have so many of them want one the less.
const OTHERS_KEPT: usize = 4;
/// How many requests of a hundred are about streams.
const ABOUT_STREAMS_PERCENT: u64 = 12;

impl World {
    /// Arranges for the next request, if anybody asks for anything in this world.
    pub(super) fn await_asking(&mut self) {
        if let Some(asks) = self.plan.storm.asks {
            let wait = asks.draw(&mut self.rng);
            self.queue.push(self.now + wait, Happening::SomebodyAsks);
        }
    }

    pub(super) fn somebody_asks(&mut self) -> Option<Event> {
        self.plan.storm.asks.as_ref()?;
        self.await_asking();
        if self.rng.chance(ABOUT_STREAMS_PERCENT) {
            self.wants_streams = true;
            return None;
        }
        let what = self.draw_request();
        Some(self.ask_for(what))
    }

    /// Somebody asks for this now. To be told to acefleet, if it lives.
    pub fn ask_for(&mut self, what: Request) -> Event {
        self.asked += 1;
        self.tally.requests += 1;
        Event::Asked { request: RequestId(self.asked), what }
    }

    /// Somebody wants a container that is no engine, or has had enough of his.
    fn draw_request_about_others(&mut self) -> Request {
        let others = self.containers().filter(|found| matches!(found.role(), Role::Other { .. }));
        let others: Vec<ContainerId> = others.map(super::Container::id).collect();
        if others.len() >= OTHERS_KEPT {
            return Request::Delete(others[self.rng.below(others.len() as u64) as usize]);
        }
        let start = *self.plan.settings.port_range_host.start();
        let wished = self.rng.chance(30).then(|| start + self.rng.below(60) as u16);
        Request::ProvisionOther(Arc::new(OtherWanted {
            image: self.images.foreign.clone(),
            env: Labels::default(),
            labels: Labels::default(),
            ports: vec![(80, None), (443, wished)],
            name_prefix: "web".into(),
        }))
    }

    /// Whether somebody wants to see the streams, to ask for something about one of them.
    pub const fn take_wish_for_streams(&mut self) -> bool {
        std::mem::replace(&mut self.wants_streams, false)
    }

    /// What somebody who sees this wants done about a stream.
    pub fn choose_about_streams(&mut self, seen: &Snapshot) -> Request {
        let live: Vec<_> = seen.streams.iter().filter(|stream| stream.ended.is_none()).collect();
        let stream = match live.get(self.rng.below(live.len().max(1) as u64) as usize) {
            Some(stream) if !self.rng.chance(5) => stream.id.clone(),
            // Nobody plays such a stream.
            Some(_) | None => Arc::from("no such stream"),
        };
        if self.rng.chance(50) {
            return Request::StopStream(stream);
        }
        let engines = &seen.engines;
        let engine = engines.get(self.rng.below(engines.len().max(1) as u64) as usize);
        let engine = engine.filter(|_| self.rng.chance(70)).map(|engine| engine.container_id);
        Request::MoveStream { stream, engine }
    }

    fn draw_request(&mut self) -> Request {
        let engines: Vec<ContainerId> =
            self.containers().filter(|found| found.ours()).map(super::Container::id).collect();
        let some = match engines.get(self.rng.below(engines.len().max(1) as u64) as usize) {
            Some(id) if !self.rng.chance(5) => *id,
            // Nobody has such a container.
            Some(_) | None => ContainerId::from_bytes(self.draw_bytes()),
        };
        if self.rng.chance(ASKS_FOR_OTHERS_PERCENT) {
            return self.draw_request_about_others();
        }
        match self.rng.below(21) {
            0..9 => {
                let any = self.plan.settings.port_range_host.clone();
                let host_port = self.rng.chance(20).then(|| any.start() + self.rng.below(300) as u16);
                Request::Provision(Arc::new(Wanted {
                    host_port,
                    port_is_firm: self.rng.chance(30),
                    ..Wanted::default()
                }))
            }
            9..11 => Request::Scale(self.rng.below(self.plan.settings.max_replicas as u64 + 3) as usize),
            11 => Request::CollectGarbage,
            12..14 => Request::Delete(some),
            14..16 => Request::Drain(some),
            16..18 => Request::Undrain(some),
            18 => Request::Replace(some),
            19 if !self.gluetuns.is_empty() => {
                let vpn = VpnId(self.rng.below(self.gluetuns.len() as u64) as u16);
                if self.rng.chance(40) { Request::DrainVpn(vpn) } else { Request::UndrainVpn(vpn) }
            }
            _ => Request::ResetBreaker(None),
        }
    }
}
