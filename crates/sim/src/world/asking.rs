//! People and programs that ask acefleet for something, at any time and without sense or measure.
//!
//! What comes of it is acefleet's business; here it is only asked.

use super::World;
use super::queue::Happening;
use control::Event;
use control::ids::{ContainerId, RequestId, VpnId};
use control::request::{Request, Wanted};
use std::sync::Arc;

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
        let what = self.draw_request();
        Some(self.ask_for(what))
    }

    /// Somebody asks for this now. To be told to acefleet, if it lives.
    pub fn ask_for(&mut self, what: Request) -> Event {
        self.asked += 1;
        self.tally.requests += 1;
        Event::Asked { request: RequestId(self.asked), what }
    }

    fn draw_request(&mut self) -> Request {
        let engines: Vec<ContainerId> =
            self.containers().filter(|found| found.ours()).map(super::Container::id).collect();
        let some = match engines.get(self.rng.below(engines.len().max(1) as u64) as usize) {
            Some(id) if !self.rng.chance(5) => *id,
            // Nobody has such a container.
            Some(_) | None => ContainerId::from_bytes(self.draw_bytes()),
        };
        match self.rng.below(21) {
            0..9 => {
                let any = self.plan.settings.port_range_host.clone();
                let host_port = self.rng.chance(20).then(|| any.start() + self.rng.below(300) as u16);
                Request::Provision(Arc::new(Wanted { host_port, ..Wanted::default() }))
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
