//! Policies broken on purpose, to prove that a checker of the simulator would notice.
//!
//! The program is built without the `canary` feature; then [`Sabotage::is`] is the constant `false` and
//! nothing of this remains. `cargo xtask tidy` fails on a canary that breaks nothing.

macro_rules! canaries {
    ($($name:ident, $checker:literal: $breaks:literal,)*) => {
        /// A policy that can be broken on purpose.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Canary { $(#[doc = $breaks] $name,)* }

        impl Canary {
            /// Every canary.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Its name on the command line.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// The checker that must notice.
            pub const fn checker(self) -> &'static str {
                match self { $(Self::$name => $checker,)* }
            }

            /// What it breaks.
            pub const fn describe(self) -> &'static str {
                match self { $(Self::$name => $breaks,)* }
            }
        }
    };
}

canaries! {
    EveryEngineCarries, "S1": "every new engine is given the forwarded port",
    StrandedIsFine, "S2": "an engine in a network that is gone counts as reachable",
    FailedIsFine, "S2": "a VPN whose container runs never fails",
    PortsRepeat, "S3": "a new engine may get a port that another one has",
    NamesOnlyGrow, "S4": "a new engine's number is one above the highest",
    LimitIgnored, "S5": "engines are created beyond the limits",
    RemovesTheWatched, "S6": "an engine whose stream has been played for ten minutes is removed",
    SilenceMeansGone, "S7": "engines are forgotten when Docker does not answer",
    StrangersAreOurs, "S9": "a container that is not ours is removed when it holds one of our names",
    UnknownReleases, "S10": "what an operation of unknown fate reserved is free at once",
    OutsideVpnIsFine, "S11": "an engine is created outside the VPNs when none of them is healthy",
    RemovesAtRecovery, "S12": "the engines of the other VPNs are removed when a VPN recovers",
    IdsRepeat, "S13": "an operation's id is used again for another command",
    MendsTwoAtOnce, "S14": "several failed VPNs are mended at the same time",
    AnswersTwice, "S13": "a request is answered twice",
    Restless, "S15": "an engine that has been offered for ten minutes is restarted",
    HidesSilently, "S16": "a container that was started is not looked at",
    NeverRefills, "liveness": "lost engines are not replaced",
    EveryCarrierIsMisported, "S8": "a change of port takes the one away that carries the new port, too",
    NoCarrierIsMade, "liveness": "no engine is created to carry a port that is known late",
    NeverBalances, "liveness": "engines never move from one VPN to another",
    StrandedForever, "S16": "stranded engines are not repaired",
}

/// Which policy, if any, is broken on purpose.
#[derive(Clone, Copy, Default, Debug)]
pub struct Sabotage {
    #[cfg(feature = "canary")]
    broken: Option<Canary>,
}

impl Sabotage {
    /// Breaks the policy of `canary`.
    #[cfg(feature = "canary")]
    pub const fn of(canary: Canary) -> Self {
        Self { broken: Some(canary) }
    }

    /// Is the policy of `canary` broken?
    #[cfg(feature = "canary")]
    pub fn is(self, canary: Canary) -> bool {
        self.broken == Some(canary)
    }

    /// Is the policy of `canary` broken? Never, in the program.
    #[cfg(not(feature = "canary"))]
    pub const fn is(self, _: Canary) -> bool {
        false
    }
}
