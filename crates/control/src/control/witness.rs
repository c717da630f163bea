//! Witnesses: a VPN that Docker calls unhealthy and that has no engine to ask gets one that can tell.

use super::Control;
use super::create::Room;
use crate::command::Cause;
use crate::docker::State;
use crate::engine::{Changing, Engine};
use crate::ids::VpnId;
use crate::journal::Why;
use crate::mark::Mark;
use crate::policy::failover;
use crate::policy::offering::{self, Reason, Standing};
use crate::policy::placement::Load;
use crate::vpn::{Vpn, Witnesses};
use core::time::Duration;

/// The wait until another witness is created starts at VPN_UNHEALTHY_RESTART_TIMEOUT_S and doubles up to this.
const WITNESS_WAIT_MAX: Duration = Duration::from_secs(1_800);

impl Control {
    /// A doubted VPN that nobody can tell about gets one engine, so that somebody can.
    pub(super) fn create_witnesses(&mut self, loads: &[Load], room: &mut Room) {
        for (at, load) in loads.iter().enumerate().take(self.fleet.vpns.len()) {
            if load.full || !self.lacks_witness(&self.fleet.vpns[at]) {
                continue;
            }
            let (id, Witnesses { created, not_before }) =
                (self.fleet.vpns[at].id, self.fleet.vpns[at].witnesses);
            if self.now < not_before {
                self.wake_to_decide(not_before);
                continue;
            }
            if self.restart_as_witness(id) || self.create_witness(id, room) {
                let wait =
                    self.settings.vpn_unhealthy_restart_timeout * 2_u32.saturating_pow(created.min(16));
                self.fleet.vpn_mut(id).witnesses =
                    Witnesses { created: created + 1, not_before: self.now + wait.min(WITNESS_WAIT_MAX) };
            }
        }
    }

    /// A stranded engine that can rejoin its VPN's network is as good a witness as a new one, and needs no seat.
    fn restart_as_witness(&mut self, id: VpnId) -> bool {
        let vpn = self.fleet.vpn(id);
        let rejoins = |engine: &&Engine| {
            engine.seat.vpn() == Some(id)
                && engine.standing == Standing::Hidden(Reason::Stranded)
                && offering::can_rejoin(engine, vpn)
                && engine.is_confirmed()
                && engine.retry.wait(self.now).is_none()
        };
        let stranded = self.fleet.engines.values().filter(rejoins);
        let Some(witness) =
            stranded.min_by_key(|engine| failover::least_harm(engine, self.now)).map(|engine| engine.id)
        else {
            return false;
        };
        self.marks.hit(Mark::WitnessRestarted);
        if let Some(engine) = self.fleet.engines.get_mut(&witness) {
            engine.witness = true;
        }
        self.apply(witness, Changing::Restarting, Cause::WitnessNeeded);
        true
    }

    fn create_witness(&mut self, id: VpnId, room: &mut Room) -> bool {
        if !self.may_provision(room)
            || !self.create_on(Some(id), Cause::WitnessNeeded, room, Some(&Why::NobodyToAsk))
        {
            return false;
        }
        self.marks.hit(Mark::WitnessCreated);
        true
    }

    /// Whether a VPN runs, has failed a double check that nobody could answer, and has no engine on its way.
    pub(super) fn lacks_witness(&self, vpn: &Vpn) -> bool {
        let nobody_answered = vpn.checked.is_some_and(|checked| checked.asked == 0);
        let doubted = vpn.is_failed() && vpn.doubt.is_some() && nobody_answered && !self.blind;
        if !doubted || vpn.current().is_none() || vpn.container_state() != Some(State::Running) {
            return false;
        }
        // An engine that may come to answer: on its way, or running where it can be asked.
        let will_tell = |engine: &Engine| match engine.standing {
            Standing::Hidden(Reason::Starting | Reason::Restarting | Reason::NotLookedAt) => true,
            Standing::Hidden(Reason::NotRunning(State::Created)) => engine.started_at.is_none(),
            Standing::Hidden(Reason::NotRunning(_)) => engine.stopped_lately(self.now),
            Standing::Offered | Standing::Hidden(_) => {
                let running_since = engine.answers.running_since.unwrap_or(self.now);
                let had_time = self.now.since(running_since) > self.settings.boot_allowance();
                offering::in_current_network(engine, vpn) && (engine.answers.trusted || !had_time)
            }
        };
        let on_it = |engine: &Engine| {
            engine.seat.vpn() == Some(vpn.id) && engine.condemned.is_none() && will_tell(engine)
        };
        let creating = self.fleet.operations.creates().any(|(_, create)| create.vpn == Some(vpn.id));
        !creating && !self.fleet.engines.values().any(on_it)
    }
}
