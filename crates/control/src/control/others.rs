//! Containers of other kinds, which clients ask for: created, started, handed out, and then their client's own.
//!
//! Each goes the way of an order: see `orders`. Nothing here repairs or replaces one, and none is counted in anything.
//! What was created and is awaited by nobody goes again.

use super::Control;
use super::orders::{Client, Order, Wish};
use crate::command::{Action, Cause, CreateOther};
use crate::docker::State;
use crate::engine::{Changing, Engine};
use crate::event::Refusal;
use crate::ids::{ContainerId, Name, OpId};
use crate::journal::{Expect, Subject, What, Why};
use crate::mark::Mark;
use crate::operation::Task;
use crate::policy::naming::Numbers;
use crate::request::{OtherWanted, Reply};
use crate::snapshot::{BlockedCode, BlockedView};
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

/// So many may be asked for and not be handed out yet.
pub(super) const OTHERS_ORDERED_MAX: usize = 8;

/// Ports that a container publishes: inside, and on the host.
pub(super) type Published = Arc<[(u16, u16)]>;

impl Control {
    /// Why no further container of another kind can be asked for.
    pub(super) fn too_many_others(&self) -> Option<BlockedView> {
        let ordered = self.orders.0.iter().filter(|order| matches!(order.wish, Wish::Other(_))).count();
        (ordered >= OTHERS_ORDERED_MAX).then(|| BlockedView {
            code: BlockedCode::MaxCapacity,
            message: format!("{ordered} containers are being created, or wait for whoever asked for them"),
            until: self.now + self.settings.monitor_interval,
        })
    }

    /// The ports that a container would publish, or why that is impossible.
    pub(super) fn settle_ports(&self, wanted: &OtherWanted) -> Result<Published, Reply> {
        let mut held = self.fleet.ports(self.now);
        let mut settled = vec![0; wanted.ports.len()];
        // Those that have to be a certain one come first: the others leave them free.
        for firm in [true, false] {
            for (at, (_, wished)) in
                wanted.ports.iter().enumerate().filter(|(_, port)| port.1.is_some() == firm)
            {
                settled[at] = held.allocate_on_host(*wished, &self.settings).ok_or_else(|| {
                    self.marks.hit(Mark::PortRefused);
                    port_taken(*wished)
                })?;
            }
        }
        Ok(wanted.ports.iter().zip(settled).map(|((inside, _), outside)| (*inside, outside)).collect())
    }

    /// Sends the creation of a container of another kind. `None` if there is no port for it.
    pub(super) fn create_other(&mut self, wanted: &Arc<OtherWanted>) -> Option<(OpId, Published)> {
        let ports = self.settle_ports(wanted).ok()?;
        self.marks.hit(Mark::OtherCreated);
        let name = self.fleet.taken_of(Numbers::behind(&wanted.name_prefix)).lowest_free();
        let subject = Subject::Container(None, name.clone());
        let why = vec![Why::Because(Cause::Ordered), Why::Quoted(wanted.image.clone())];
        self.write(subject, What::Create { vpn: None, forwarded: None }, why, Expect::Nothing);
        let create = CreateOther { name, ports: ports.clone(), wanted: wanted.clone() };
        let op = self.send(Cause::Ordered, Action::CreateOther(create.clone()), Task::CreateOther(create));
        Some((op, ports))
    }

    /// What was created and never started is started if somebody awaits it. If nobody does, because it arrived late or
    /// was created by an earlier life, it is to go.
    pub(super) fn see_to_others(&mut self) {
        let is_due = |engine: &&Engine| {
            let never_started = engine.state == State::Created && engine.started_at.is_none();
            never_started && engine.is_other() && engine.operation.is_none() && engine.condemned.is_none()
        };
        let due: Vec<_> = self.fleet.engines.values().filter(is_due).map(|engine| engine.id).collect();
        if due.is_empty() {
            return;
        }
        let awaited: BTreeSet<_> = self.orders.0.iter().filter_map(|order| order.op).collect();
        for id in due {
            let Some(engine) = self.fleet.engines.get_mut(&id) else { continue };
            if engine.created_by.is_some_and(|op| awaited.contains(&op)) {
                self.apply(id, Changing::Starting, Cause::Ordered);
            } else if engine.is_confirmed() {
                self.marks.hit(Mark::OtherRemoved);
                engine.condemned = Some(Cause::ArrivedLate);
            } else {
                self.look_before_acting(id);
            }
        }
    }

    /// One runs, and belongs to whoever waits for it from now on.
    pub(super) fn hand_out_other(&mut self, order: &Order, client: Client, id: ContainerId, name: Name) {
        self.marks.hit(Mark::OtherHandedOut);
        let subject = Subject::Container(Some(id), name.clone());
        self.write(subject, What::HandedOut, vec![], Expect::Nothing);
        let ports = order.published.clone();
        self.answer(client.request, Reply::ProvisionedOther { container_id: id, name, ports });
    }

    /// Docker refuses to create or to start what somebody wants: another attempt would hardly fare better.
    pub(super) fn fail_order(&mut self, op: OpId, refusal: &Refusal) {
        let Some(at) = self.orders.0.iter().position(|order| order.op == Some(op)) else { return };
        if let Some(order) = self.orders.0.remove(at) {
            self.tell_of_failure(&order, &format!("Docker refuses it: {refusal}"));
        }
    }

    /// It did not come to be, or went again before it was handed out.
    pub(super) fn lose_other(&mut self, order: &Order) {
        self.tell_of_failure(
            order,
            "it did not come to run: the journal tells why, and asking again may help",
        );
    }

    fn tell_of_failure(&mut self, order: &Order, message: &str) {
        self.marks.hit(Mark::OtherFails);
        if let Some(client) = order.client {
            self.answer(client.request, Reply::Refused { code: "not_created", message: message.into() });
        }
    }

    /// Nobody came back for it: it goes. If it is still to arrive, `see_to_others` meets it then.
    pub(super) fn abandon_other(&mut self, order: &Order) {
        let by_it = |engine: &&mut Engine| order.op.is_some() && engine.created_by == order.op;
        if let Some(engine) = self.fleet.engines.values_mut().find(by_it) {
            self.marks.hit(Mark::OtherRemoved);
            engine.condemned.get_or_insert(Cause::ArrivedLate);
            self.dirty = true;
        }
    }
}

fn port_taken(wished: Option<u16>) -> Reply {
    let message = match wished {
        Some(port) => {
            format!("port {port} is taken, or is a VPN's: name another one, or none to be given one")
        }
        None => "no port of PORT_RANGE_HOST is free outside the VPNs' ranges: name one that is".into(),
    };
    Reply::Refused { code: "port_taken", message: message.into() }
}
