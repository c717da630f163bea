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
    PortAwaited: "creation waits a moment for the forwarded port of a VPN that has just become healthy",
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
    UnhealthyRemoved: "an engine that has not answered for too long is removed",
    UnhealthySpaced: "an unhealthy engine that is watched waits because another was replaced just before",
    DrainedInTime: "an engine whose viewers have had their time is stopped",
    VpnDrained: "an idle engine is handed off because a person drains its VPN",
    HandOffCancelled: "an engine on its way out stays because somebody watches it",
    Recalled: "an engine on its way out stays because it is needed",
    OutdatedReplaced: "an engine is created in place of one from other settings",
    OutdatedHandedOff: "an idle engine from other settings is handed off",
    LadderTellsToRun: "a control server whose tunnel is stopped is told to run it",
    LadderBounces: "a VPN's tunnel is bounced",
    LadderRestarts: "a VPN's container is restarted",
    LadderStarts: "a VPN's container that somebody stopped is started once",
    LadderNeedsPerson: "it is said that a VPN is for a person to mend",
    LadderAwaitsEvidence: "a VPN is not mended on evidence from a time when acefleet suspected itself",
    LadderWaitsForAnother: "a VPN that is due to be mended waits because another is being mended",
    ExitUnheard: "an engine's process is another one, and nobody told of the end of the one before",
    HandedOff: "a working engine is removed after it was hidden for long enough",
    PortLost: "a VPN has had no forwarded port for so long that its carrier loses the mark",
    PortFlaps: "a VPN's forwarded port changes so often that no carrier is elected",
    MisportedHidden: "the carrier of a port that is no longer forwarded is hidden",
    MisportedForgiven: "a forwarded port comes back while its carrier is on its way out",
    StabilizationWaits: "a port that changed soon after a recovery is not acted on yet",
    CarrierCreated: "an engine is created only to carry a forwarded port",
    CarrierVictimHidden: "an idle engine makes place for the one that carries the forwarded port",
    CarrierWaits: "no carrier can be made because every engine there is watched and no seat is free",
    EmergencySettled: "an emergency has lasted so long that the surviving VPNs are the fleet",
    BalanceCreates: "an engine is created on the emptier of two VPNs",
    BalanceHandsOff: "an idle engine on the fuller of two VPNs is handed off",
    SurplusHandedOff: "an idle engine is handed off because more serve than should",
    SeatGivenUp: "an engine that cannot serve gives up its place to one that can",
    BreakerOpens: "a breaker opens because creating failed too often",
    BreakerTrial: "an open breaker admits one trial",
    BreakerCloses: "a breaker closes because a trial led to an engine that answers",
    BreakerReset: "an open breaker is closed by a person",
    BreakerSparesVpn: "a failed creation does not count because its VPN was to blame",
    BreakerBlocks: "no engine is created because a breaker is open",
    OrderAnswered: "an engine that was asked for runs, and is handed out",
    OrderWaits: "a client that asked for an engine is told to ask again",
    OrderTakenUp: "a client asks again, and gets the engine that was created for it",
    OrderBlocked: "a client that asked for an engine is told why there is none",
    OrderFails: "an engine that was asked for does not come to be, and another is tried",
    OrderUnclaimed: "nobody came back for an engine that was created for him",
    PortHonoured: "an engine that was asked for gets the port that was asked for",
    PortRefused: "nothing is created because a port that it must have is taken",
    OtherCreated: "a container that is no engine is created because a client asked for it",
    OtherHandedOut: "a container that is no engine runs, and is handed out",
    OtherFails: "a container that is no engine and was asked for does not come to run",
    OtherRemoved: "a container that is no engine goes because nobody awaits it",
    OperatorRemoves: "a container is removed because a person asked for it",
    OperatorStops: "a stream is stopped because a person asked for it",
    OperatorMoves: "a stream is moved because a person asked for it, and plays on meanwhile",
    OperatorMoveFails: "a stream that a person wants moved stays where it is",
    RequestImpossible: "a request is refused because it makes no sense as things are",
    ForeignAct: "somebody else created or removed a container of ours",
    PassiveEntered: "nothing is done to containers because somebody else does too much",
    PassiveLeft: "what kept acefleet from doing anything to containers is over",
    Rebuilt: "the core before this one broke, and this one was built in its place",
    PassiveForRebuilds: "nothing is done to containers because the core broke again and again",
    LeavesEngines: "acefleet is about to exit, and its engines go on running",
    TakesEnginesAlong: "acefleet is about to exit, and its engines go with it",
    CacheCleared: "the cache of an engine that has become idle is cleared",
    CacheWithoutShell: "a cache cannot be cleared because the image has no shell",
    StreamOvercommits: "a stream is given to an engine that has no seat left, so that nobody is cut off",
    StreamRebalanced: "a stream moves from an engine with too many to one with a free seat",
    StreamMoves: "a stream moves because its engine is no longer to be used, and plays on meanwhile",
    StreamSilent: "a session that had delivered falls silent, and its engine is asked",
    StreamStalls: "a session that has fallen silent is given up, and is to be played elsewhere",
    StreamDumb: "a session was opened and has never delivered",
    StreamStaysWhereItWas: "the session that a stream moves to is lost before it delivered",
    HopelessRefused: "a viewer wants what no engine could play a moment ago",
    StreamLost: "a stream's session is lost, and its viewers wait for another",
    StreamLingers: "nobody watches a stream any more, and its session is kept for a moment",
    StreamResumed: "a viewer comes back to a session that was kept for a moment",
    StreamClosed: "nobody has watched a stream for a moment, and its session is closed",
    StreamStale: "an announced stream ends because its session is stale",
    StreamWaits: "viewers wait because no engine has a seat",
    OpenAnotherEngine: "an engine cannot open a content, and another one is asked",
    OpenGivenUp: "a content is given up because several engines could not open it",
    OpenUnwanted: "a session was opened that nobody wants any more",
    ViewersRefused: "viewers are refused because nothing can be created for them",
    ViewersRefusedLate: "viewers are refused because they have waited too long",
    AnnouncementRefused: "an announcement is refused because it does not fit the engine it names",
    EndedBeforeStarted: "a stream ends at once because its ending was told before its beginning",
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
