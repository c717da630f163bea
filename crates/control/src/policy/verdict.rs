//! What is thought of a VPN: pending, healthy or failed. One verdict for each, used by everything.
//!
//! Docker's opinion decides unless somebody doubts it; then the engines decide, because they know whether
//! they reach the network. What follows from a verdict is not decided here.

use crate::docker::{Health, State};
use crate::engine::Engine;
use crate::event::TunnelStatus;
use crate::journal::Why;
use crate::mark::{Mark, Marks};
use crate::time::Time;
use crate::vpn::{Presence, Verdict, Vpn};
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

/// So many engines that used to be connected must say that they are not, before their VPN is doubted.
const DISCONNECTED_MIN: usize = 2;
/// A VPN's only engine must say so this many times in a row.
const LONE_DISCONNECTED_MIN: u32 = 3;
/// So many engines must be there for their silence to speak about their VPN and not about themselves.
const SILENT_OF_MIN: usize = 2;

/// Why Docker's opinion of a VPN is not enough.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Doubt {
    /// Docker calls it unhealthy.
    DockerUnhealthy,
    /// Its processes are stopped, its network is not.
    Paused,
    /// Its control server says that the tunnel is not running.
    TunnelDown(TunnelStatus),
    /// Its engines say that they are not connected any more.
    Disconnected,
    /// Half of its engines do not answer.
    Unanswered {
        /// How many do not.
        silent: usize,
        /// Of how many.
        of: usize,
    },
}

impl Doubt {
    /// It came from engines. Once it has made the VPN fail, only a connected engine lifts it.
    const fn is_by_engines(self) -> bool {
        match self {
            Self::Disconnected | Self::Unanswered { .. } => true,
            Self::DockerUnhealthy | Self::Paused | Self::TunnelDown(_) => false,
        }
    }

    /// The observation behind it.
    pub const fn why(self) -> Why {
        match self {
            Self::DockerUnhealthy => Why::HealthIs(Health::Unhealthy),
            Self::Paused => Why::StateIs(State::Paused),
            Self::TunnelDown(status) => Why::TunnelIs(status),
            Self::Disconnected => Why::Reason("all its engines say that they are not connected"),
            Self::Unanswered { silent, of } => Why::Unanswered { silent, of },
        }
    }
}

/// What a VPN's engines tell about it.
#[derive(Clone, Copy, Default, Debug)]
pub struct Evidence {
    /// Engines that can be asked: they run in its present network and have answered there.
    pub askable: usize,
    /// Of these, how many are known to have worked, so that their silence says something.
    pub known: usize,
    /// Of these, how many last said that they are not connected.
    disconnected: usize,
    /// Of these again, how many were connected before.
    disconnected_before_connected: usize,
    /// The longest row of such answers.
    disconnected_row: u32,
    /// Of the known, how many left their last question unanswered, within one interval.
    silent: usize,
}

impl Evidence {
    /// Adds what one engine of the VPN tells. `interval` is the time within which silence counts.
    pub fn add(&mut self, engine: &Engine, vpn: &Vpn, now: Time, interval: Duration) {
        if !can_be_asked(engine, vpn) {
            return;
        }
        self.askable += 1;
        let answers = &engine.answers;
        if answers.connected == Some(false) {
            self.disconnected += 1;
            self.disconnected_before_connected += usize::from(answers.was_connected);
            self.disconnected_row = self.disconnected_row.max(answers.disconnected);
        }
        let lately = answers.asked_at.is_some_and(|asked| now.since(asked) <= interval);
        self.known += usize::from(answers.worked);
        if answers.worked && answers.failures > 0 && lately {
            self.silent += 1;
        }
    }

    /// No engine that is known to have worked has answered its last question.
    pub const fn all_silent(&self) -> bool {
        self.silent > 0 && self.silent == self.known
    }

    /// Whether engines fail everywhere at once, which speaks about acefleet and not about them: on every VPN, or
    /// all of several on the only one.
    pub fn is_blind(all: &[Self]) -> bool {
        all.iter().all(Self::all_silent) && all.iter().map(|evidence| evidence.known).sum::<usize>() > 1
    }

    fn doubt(&self, blind: bool, marks: &Marks) -> Option<Doubt> {
        if self.askable > 0 && self.disconnected == self.askable {
            if self.disconnected_before_connected >= DISCONNECTED_MIN {
                marks.hit(Mark::VpnDoubtedDisconnected);
                return Some(Doubt::Disconnected);
            }
            let lone = self.askable == 1 && self.disconnected_before_connected == 1;
            if lone && self.disconnected_row >= LONE_DISCONNECTED_MIN {
                marks.hit(Mark::VpnDoubtedLoneEngine);
                return Some(Doubt::Disconnected);
            }
        }
        if !blind && self.known >= SILENT_OF_MIN && self.silent * 2 >= self.known {
            marks.hit(Mark::VpnDoubtedUnanswered);
            return Some(Doubt::Unanswered { silent: self.silent, of: self.known });
        }
        None
    }
}

/// Whether an engine can tell how its VPN is: it runs in the present network and has answered there.
pub fn can_be_asked(engine: &Engine, vpn: &Vpn) -> bool {
    engine.is_engine()
        && engine.state == State::Running
        && engine.seat.vpn() == Some(vpn.id)
        && engine.answers.trusted
        && super::offering::in_current_network(engine, vpn)
}

/// What can be seen of a VPN, before anybody is asked.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Finding {
    /// Nobody has looked at it yet.
    NotLookedAt,
    /// It has no network: its container is missing or does not run.
    NoNetwork(Option<State>),
    /// It is starting.
    Starting,
    /// Docker has nothing against it, and nobody else has.
    Fine(Health),
    /// Somebody doubts it.
    Doubtful(Doubt),
}

/// Looks at a VPN. `blind` says that acefleet suspects itself, so silence proves nothing.
pub fn find(vpn: &Vpn, evidence: &Evidence, blind: bool, marks: &Marks) -> Finding {
    let (state, health) = match vpn.container {
        Presence::Unknown => return Finding::NotLookedAt,
        Presence::Missing => return Finding::NoNetwork(None),
        Presence::Present { state, health, .. } => (state, health),
    };
    match state {
        State::Running => {}
        State::Paused => {
            marks.hit(Mark::VpnDoubtedPaused);
            return Finding::Doubtful(Doubt::Paused);
        }
        State::Created | State::Restarting | State::Removing | State::Exited | State::Dead => {
            return Finding::NoNetwork(Some(state));
        }
    }
    match health {
        Health::Starting => return Finding::Starting,
        Health::Unhealthy => {
            marks.hit(Mark::VpnDoubtedByDocker);
            return Finding::Doubtful(Doubt::DockerUnhealthy);
        }
        Health::Healthy | Health::Unchecked => {}
    }
    match vpn.tunnel {
        Some(status @ (TunnelStatus::Stopping | TunnelStatus::Stopped | TunnelStatus::Crashed)) => {
            marks.hit(Mark::VpnDoubtedTunnelDown);
            return Finding::Doubtful(Doubt::TunnelDown(status));
        }
        // Gluetun says "starting" while it reconnects; the engines will tell whether that matters.
        Some(status @ TunnelStatus::Starting) => {
            marks.hit(Mark::VpnDoubtedTunnelDown);
            return Finding::Doubtful(Doubt::TunnelDown(status));
        }
        Some(TunnelStatus::Running) | None => {}
    }
    if let Some(doubt) = evidence.doubt(blind, marks) {
        return Finding::Doubtful(doubt);
    }
    match vpn.doubt {
        Some((doubt, _)) if doubt.is_by_engines() && vpn.is_failed() && !vouched_for(vpn) => {
            Finding::Doubtful(doubt)
        }
        Some(_) | None => Finding::Fine(health),
    }
}

fn vouched_for(vpn: &Vpn) -> bool {
    vpn.checked.is_some_and(|checked| checked.connected > 0)
}

/// What is thought of a VPN now, and the observations that it rests on.
pub fn judge(vpn: &Vpn, finding: Finding, marks: &Marks) -> (Verdict, Vec<Why>) {
    match finding {
        Finding::NotLookedAt => (vpn.verdict, vec![]),
        Finding::NoNetwork(None) => {
            marks.hit(Mark::VpnFailsMissing);
            (Verdict::Failed, vec![Why::Missing])
        }
        Finding::NoNetwork(Some(state)) => {
            marks.hit(Mark::VpnFailsNotRunning);
            (Verdict::Failed, vec![Why::StateIs(state)])
        }
        Finding::Starting => {
            if vpn.verdict == Verdict::Pending {
                marks.hit(Mark::VpnPendingWaits);
            }
            (vpn.verdict, vec![Why::HealthIs(Health::Starting)])
        }
        Finding::Fine(health) => (Verdict::Healthy, vec![Why::HealthIs(health)]),
        Finding::Doubtful(doubt) => judge_doubtful(vpn, doubt, marks),
    }
}

fn judge_doubtful(vpn: &Vpn, doubt: Doubt, marks: &Marks) -> (Verdict, Vec<Why>) {
    match vpn.checked {
        None => {
            marks.hit(Mark::VpnKeepsVerdictWhileChecked);
            (vpn.verdict, vec![doubt.why()])
        }
        Some(checked) if checked.connected > 0 => {
            marks.hit(Mark::VpnSavedByEngine);
            let why = Why::Connected { connected: checked.connected, asked: checked.asked };
            (Verdict::Healthy, vec![doubt.why(), why])
        }
        Some(checked) if checked.asked == 0 => {
            marks.hit(Mark::VpnFailsNobodyToAsk);
            (Verdict::Failed, vec![doubt.why(), Why::NobodyToAsk])
        }
        Some(checked) => {
            marks.hit(Mark::VpnFailsDoubleCheck);
            (Verdict::Failed, vec![doubt.why(), Why::Connected { connected: 0, asked: checked.asked }])
        }
    }
}
