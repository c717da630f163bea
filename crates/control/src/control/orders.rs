//! Orders: engines, and containers of other kinds, that clients ask for, from the request to the moment when one is
//! handed out. What is particular to the other kinds is in `others`.
//!
//! Clients have little patience, and creating may take longer than they wait. So each is answered within
//! [`PATIENCE`], creation goes on without him, and the very engine is given to the next who asks for the same.
//! Nobody who gives up leaves an orphan: what nobody comes back for is an engine like any other once its lease is
//! over.

use super::Control;
use super::others::Published;
use crate::canary::Canary;
use crate::command::Cause;
use crate::docker::State;
use crate::engine::Engine;
use crate::ids::{ContainerId, OpId, RequestId, VpnId};
use crate::journal::{Expect, What};
use crate::mark::Mark;
use crate::message::Message;
use crate::policy::offering::{Reason, Standing};
use crate::policy::placement;
use crate::request::{OtherWanted, Reply, Wanted};
use crate::snapshot::{BlockedCode, BlockedView};
use crate::time::Time;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec;
use core::time::Duration;

/// A client is answered at the latest after this long: the most impatient one waits 3 s.
const PATIENCE: Duration = Duration::from_millis(2_500);
/// An engine is kept for the client that asked for it for this long.
const LEASE: Duration = Duration::from_secs(120);
/// When it is worth asking again for an engine that is being created.
const ASK_AGAIN: Duration = Duration::from_secs(5);

/// What has been asked for and not been handed out, the oldest first. Each engine needs a seat, so there are no more of
/// them than the limit allows; of the other kinds no more than [`super::others::OTHERS_ORDERED_MAX`].
#[derive(Default, Debug)]
pub(super) struct Orders(pub(super) VecDeque<Order>);

/// What somebody wants.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Wish {
    /// An engine.
    Engine(Arc<Wanted>),
    /// A container of another kind.
    Other(Arc<OtherWanted>),
}

#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) wish: Wish,
    /// Who waits for it.
    pub(super) client: Option<Client>,
    /// The operation that creates it, once it was sent.
    pub(super) op: Option<OpId>,
    /// What a container of another kind publishes, once that operation was sent.
    pub(super) published: Published,
    /// Without a client it is forgotten then.
    kept_until: Time,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Client {
    pub(super) request: RequestId,
    answer_by: Time,
}

/// What has become of an order.
enum Progress {
    /// It is being created.
    Comes,
    /// It runs.
    Runs(ContainerId),
    /// It is gone, or is about to go.
    Lost,
}

impl Control {
    /// Answers a request. Each is answered once.
    pub(super) fn answer(&mut self, request: RequestId, reply: Reply) {
        if self.sabotage.is(Canary::AnswersTwice) {
            self.messages.push_back(Message::Answer { request, reply: reply.clone() });
        }
        self.messages.push_back(Message::Answer { request, reply });
    }

    /// A client asks for an engine, or for a container of another kind.
    pub(super) fn hear_order(&mut self, request: RequestId, wish: Wish) {
        let answer_by = self.now + PATIENCE;
        let client = Some(Client { request, answer_by });
        self.wake_to_decide(answer_by);
        self.dirty = true;
        let unclaimed = self.orders.0.iter_mut().find(|order| order.client.is_none() && order.wish == wish);
        if let Some(order) = unclaimed {
            self.marks.hit(Mark::OrderTakenUp);
            order.client = client;
            return;
        }
        if let Some(blocked) = self.blocked_for_order(&wish) {
            return self.refuse_order(request, blocked);
        }
        if let Some(reply) = self.port_refused(&wish) {
            return self.answer(request, reply);
        }
        let kept_until = answer_by + LEASE;
        self.orders.0.push_back(Order { wish, client, op: None, published: Arc::from([]), kept_until });
    }

    /// Why what somebody wants cannot be created now.
    fn blocked_for(&self, wish: &Wish) -> Option<BlockedView> {
        match wish {
            Wish::Engine(_) => self.blocked_now(),
            // Neither VPNs nor breakers nor the limit are about it.
            Wish::Other(_) => self.cannot_act(),
        }
    }

    /// Why no further order can be taken. Those that wait for their turn will need a seat, too.
    fn blocked_for_order(&self, wish: &Wish) -> Option<BlockedView> {
        if let Some(blocked) = self.blocked_for(wish) {
            return Some(blocked);
        }
        if let Wish::Other(_) = wish {
            return self.too_many_others();
        }
        let waits = |order: &&Order| order.op.is_none() && matches!(order.wish, Wish::Engine(_));
        let waiting = self.orders.0.iter().filter(waits).count();
        let (_, limit) = self.targets();
        (waiting > 0 && self.fleet.occupying() + waiting >= limit).then(|| BlockedView {
            code: BlockedCode::MaxCapacity,
            message: "as many engines as there is room for have been asked for".into(),
            until: self.now + self.settings.monitor_interval,
        })
    }

    /// Why nothing can have a port that it must have: nobody can say when that will be free.
    fn port_refused(&self, wish: &Wish) -> Option<Reply> {
        let wanted = match wish {
            Wish::Engine(wanted) => wanted,
            Wish::Other(wanted) => return self.settle_ports(wanted).err(),
        };
        let port = wanted.firm_port()?;
        let held = self.fleet.ports(self.now);
        let healthy = self.fleet.vpns.iter().filter(|vpn| vpn.is_healthy()).map(|vpn| Some(vpn.id));
        let own = self.fleet.vpns.is_empty().then_some(None);
        let mut places = healthy.chain(own);
        if places.any(|vpn| held.can_have(vpn, port, &self.settings)) {
            return None;
        }
        self.marks.hit(Mark::PortRefused);
        let message = format!(
            "port {port} is taken, or no healthy VPN's range has it: name another port, or none to be given one"
        );
        Some(Reply::Refused { code: "port_taken", message: Arc::from(message) })
    }

    fn refuse_order(&mut self, request: RequestId, blocked: BlockedView) {
        self.marks.hit(Mark::OrderBlocked);
        let BlockedView { code, message, until } = blocked;
        let (can_retry, should_wait) = (code.can_retry(), code.should_wait());
        self.answer(request, Reply::Blocked { code, message, until, can_retry, should_wait });
    }

    /// No order is served any more: whoever waits is told why.
    pub(super) fn refuse_orders(&mut self, blocked: &BlockedView) {
        for order in core::mem::take(&mut self.orders.0) {
            if let Some(client) = order.client {
                self.refuse_order(client.request, blocked.clone());
            }
        }
    }

    /// Looks what has become of every order: creates, hands out, and answers those whose time is up.
    pub(super) fn serve_orders(&mut self, may_act: bool) {
        for _ in 0..self.orders.0.len() {
            let Some(order) = self.orders.0.pop_front() else { return };
            if let Some(order) = self.serve(order, may_act) {
                self.orders.0.push_back(order);
            }
        }
        let next = self.orders.0.iter().map(|order| match order.client {
            Some(client) => client.answer_by,
            None => order.kept_until,
        });
        let next = next.min().unwrap_or(Time::NEVER);
        self.wake_to_decide(next);
    }

    /// Serves one order; what is left of it stays.
    fn serve(&mut self, mut order: Order, may_act: bool) -> Option<Order> {
        if let Some(op) = order.op {
            match (self.progress(op), &order.wish) {
                (Progress::Comes, _) => {}
                (Progress::Runs(engine), _) => return self.hand_out(order, engine),
                (Progress::Lost, Wish::Other(_)) => {
                    self.lose_other(&order);
                    return None;
                }
                (Progress::Lost, Wish::Engine(_)) => {
                    self.marks.hit(Mark::OrderFails);
                    order.op = None;
                }
            }
        }
        if order.op.is_none() && may_act {
            let blocked = self.blocked_for(&order.wish);
            match (blocked, order.client) {
                (None, client) => {
                    if let Some(reply) = self.port_refused(&order.wish) {
                        // Somebody else was faster.
                        if let Some(client) = client {
                            self.answer(client.request, reply);
                        }
                        return None;
                    }
                    match &order.wish {
                        Wish::Engine(wanted) => order.op = self.create_ordered(wanted),
                        Wish::Other(wanted) => {
                            if let Some((op, published)) = self.create_other(wanted) {
                                (order.op, order.published) = (Some(op), published);
                            }
                        }
                    }
                }
                (Some(blocked), Some(client)) => {
                    if blocked.code == BlockedCode::MaxCapacity {
                        // Whoever asks again may find a place.
                        self.give_up_seat();
                    }
                    self.refuse_order(client.request, blocked);
                    return None;
                }
                (Some(_), None) => return None,
            }
        }
        if let Some(client) = order.client.filter(|client| client.answer_by <= self.now) {
            self.marks.hit(Mark::OrderWaits);
            order.client = None;
            order.kept_until = self.now + LEASE;
            let blocked = self.blocked_for(&order.wish).filter(|_| order.op.is_none());
            let what = match &order.wish {
                Wish::Engine(_) => "engine",
                Wish::Other(_) => "container",
            };
            let blocked = blocked.unwrap_or_else(|| BlockedView {
                code: BlockedCode::BeingCreated,
                message: format!("the {what} is being created: ask again, and get this very one"),
                until: self.now + ASK_AGAIN,
            });
            let BlockedView { code, message, until } = blocked;
            let reply = Reply::Blocked { code, message, until, can_retry: true, should_wait: true };
            self.answer(client.request, reply);
        }
        if order.client.is_none() && order.kept_until <= self.now {
            return self.unclaimed(&order);
        }
        Some(order)
    }

    /// Nobody came back for what was asked for: an engine is one like any other now, anything else goes.
    fn unclaimed(&mut self, order: &Order) -> Option<Order> {
        self.marks.hit(Mark::OrderUnclaimed);
        if let Wish::Other(_) = order.wish {
            self.abandon_other(order);
        }
        None
    }

    fn progress(&self, op: OpId) -> Progress {
        let by_it = |engine: &&Engine| engine.created_by == Some(op);
        let Some(engine) = self.fleet.engines.values().find(by_it) else {
            let open = self.fleet.operations.get(op).is_some();
            return if open { Progress::Comes } else { Progress::Lost };
        };
        let useless = matches!(
            engine.standing,
            Standing::Hidden(
                Reason::VpnFailed | Reason::VpnNetworkGone | Reason::Stranded | Reason::Unhealthy
            )
        );
        if engine.condemned.is_some() || engine.leaving.is_some() || useless {
            Progress::Lost
        } else if engine.state == State::Running && engine.operation.is_none() {
            Progress::Runs(engine.id)
        } else {
            Progress::Comes
        }
    }

    /// An engine that was asked for runs: it is kept for whoever asked, and given to him if he waits.
    fn hand_out(&mut self, mut order: Order, id: ContainerId) -> Option<Order> {
        let now = self.now;
        let engine = self.fleet.engines.get_mut(&id)?;
        let Some(client) = order.client else {
            if engine.is_engine() && engine.leased_until.is_none() {
                order.kept_until = now + LEASE;
                engine.leased_until = Some(order.kept_until);
            }
            if order.kept_until <= now {
                return self.unclaimed(&order);
            }
            return Some(order);
        };
        let (name, subject) = (engine.name.clone(), engine.subject());
        if let Wish::Other(_) = order.wish {
            self.hand_out_other(&order, client, id, name);
            return None;
        }
        engine.leased_until = Some(now + LEASE);
        self.marks.hit(Mark::OrderAnswered);
        let ports = engine.ports?;
        self.write(subject, What::HandedOut, vec![], Expect::NextLook(now + LEASE));
        self.answer(client.request, Reply::Provisioned { container_id: id, name, ports });
        self.wake_to_decide(now + LEASE);
        None
    }

    /// Sends the creation of what somebody wants. `None` if that has to wait.
    fn create_ordered(&mut self, wanted: &Arc<Wanted>) -> Option<OpId> {
        let (_, limit) = self.targets();
        let mut room = self.room(limit);
        if !self.may_provision(&room) {
            self.wake_to_decide(self.create_retry.wait(self.now).unwrap_or(Time::NEVER));
            return None;
        }
        let mut loads = self.loads();
        let own = loads.len() - 1;
        loop {
            let vpn = if own == 0 {
                None
            } else {
                Some(placement::choose(&self.fleet.vpns, &loads[..own], self.now)?)
            };
            let op = self.create_wanted(vpn, Cause::Ordered, &mut room, None, Some(wanted.clone()));
            if op.is_some() || vpn.is_none() {
                return op;
            }
            loads[vpn.map_or(own, VpnId::index)].full = true;
        }
    }
}
