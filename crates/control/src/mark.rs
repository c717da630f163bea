//! One mark for each branch of a policy, so that a run can tell which branches it never reached.
//!
//! Marks are counted and change nothing. `cargo xtask tidy` fails on a mark that no code hits.

use core::cell::Cell;

macro_rules! marks {
    ($($name:ident: $doc:literal,)*) => {
        /// A branch of a policy.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Mark { $(#[doc = $doc] $name,)* }

        impl Mark {
            /// Every mark.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// What it takes to reach the branch.
            pub const fn describe(self) -> &'static str {
                match self { $(Self::$name => $doc,)* }
            }
        }
    };
}

marks! {
    AdoptedAtOnce: "an engine that ran before acefleet did is offered at once",
    AdoptedUnproven: "an adopted engine does not answer its first question, and has to prove itself",
    VpnPendingWaits: "a VPN that is still starting at a cold start stays pending",
    VpnFailsNotRunning: "a VPN fails because its container does not run",
    VpnFailsMissing: "a VPN fails because its container is missing",
    VpnFailsNewNetwork: "a VPN fails because its network was replaced unnoticed",
    VpnDoubtedByDocker: "a VPN is doubted because Docker calls it unhealthy",
    VpnDoubtedPaused: "a VPN is doubted because it is paused",
    VpnDoubtedTunnelDown: "a VPN is doubted because its control server says the tunnel is not running",
    VpnDoubtedDisconnected: "a VPN is doubted because all its engines say they are disconnected",
    VpnDoubtedLoneEngine: "a VPN is doubted because its only engine says three times it is disconnected",
    VpnDoubtedUnanswered: "a VPN is doubted because half of its engines do not answer",
    VpnSavedByEngine: "a doubted VPN is healthy because an engine is connected",
    VpnFailsDoubleCheck: "a doubted VPN fails because no engine is connected",
    VpnFailsNobodyToAsk: "a doubted VPN fails because there is no engine to ask",
    VpnKeepsVerdictWhileChecked: "a doubted VPN keeps its verdict until its engines have answered",
    VpnRecoversNetwork: "a VPN is healthy again with a new network",
    VpnRecoversTunnel: "a VPN is healthy again with the same network",
    VpnRelapses: "a VPN fails again soon after it recovered",
    SelfDoubt: "engines on every VPN fail at once, and acefleet suspects itself",
    EmergencyEntered: "some VPN failed while another is healthy",
    EmergencyLeft: "no VPN is failed any more",
    WitnessRestarted: "a doubted VPN without engines to ask has a stranded one restarted that can tell",
    WitnessCreated: "a doubted VPN without engines gets one that can tell",
    StrandedRestarted: "a stranded engine is restarted in place",
    StrandedRecreated: "a stranded engine cannot rejoin and is removed",
    StrandedCarrierRemoved: "a stranded carrier of a forwarded port is removed",
    StrandedGivenUp: "a stranded engine is removed because its VPN stays failed while another is healthy",
    NetworkGoneRemoved: "an engine is removed because its VPN did not come back in time",
    HeldKept: "a held engine stays although its VPN failed long ago",
    HeldRemoved: "a held engine is removed because another VPN is healthy",
    ReconnectRestart: "an engine is restarted because its VPN's tunnel came back",
    ReconnectWaitsForConnection: "an engine is hidden until it is connected again after its tunnel came back",
    LeftoverStarted: "a container of ours that does not run is started",
    LeftoverWaits: "a container of ours that does not run waits until its VPN is healthy",
    FailureWithdrawn: "a VPN that failed because its engines were silent did not: acefleet is cut off",
    PresumedUsed: "an adopted engine counts as used because the store cannot tell",
    CannotCreate: "a refusal to create is written down",
    LeftoverRemoved: "a container of ours that does not run is removed",
    CrashLooperRemoved: "an engine that keeps exiting is removed",
    BootFailedRemoved: "an engine that never answered is removed",
    StartFailedRemoved: "an engine that could not be started is removed",
    ArrivedLateKept: "a container that arrived unexpectedly is wanted, and kept",
    ArrivedLateRemoved: "a container that arrived unexpectedly is not wanted, and removed",
    ClashRemoved: "of two engines with one port the one that does less is removed",
    ForwardedAtBirth: "a new engine is given its VPN's forwarded port",
    ShareKeptForPending: "engines are left to be placed on a VPN that is not ready for them yet",
    NoRoom: "no engine can be created because a limit is reached",
    NoHealthyVpn: "no engine can be created because no VPN is healthy",
    ProvisionsAtOnce: "creation waits because enough are under way",
    CreateBacksOff: "creation waits because the last attempts were refused",
    UnknownFound: "an operation of unknown fate had been carried out",
    UnknownAbsent: "an operation of unknown fate had not been carried out, and is asked for once more",
    UnknownReleased: "an operation of unknown fate is given up, and what it reserved is free",
    StaleReading: "a reading is discarded because something changed after it was asked for",
    StaleEpoch: "a reading is discarded because it is from before a switch",
    StaleNotice: "a notice is discarded because the container has been started since",
    DockerLost: "Docker does not answer any more",
    DockerReturned: "Docker answers again",
    PortChanged: "a VPN's forwarded port changed",
    PortCached: "a VPN's forwarded port is not told, and the last answer still counts",
    PortNone: "a VPN has no forwarded port",
    OutsiderHidden: "an engine outside the VPNs' networks is hidden",
}

/// How often each branch was reached.
#[derive(Clone, Debug)]
pub struct Marks([Cell<u32>; Mark::ALL.len()]);

impl Marks {
    /// Counts that `mark` was reached. A shared reference is enough: counting is not a decision.
    pub fn hit(&self, mark: Mark) {
        let cell = &self.0[mark as usize];
        cell.set(cell.get().saturating_add(1));
    }

    /// How often `mark` was reached.
    pub fn count(&self, mark: Mark) -> u32 {
        self.0[mark as usize].get()
    }
}

impl Default for Marks {
    fn default() -> Self {
        Self([const { Cell::new(0) }; Mark::ALL.len()])
    }
}
