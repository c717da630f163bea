//! Policies broken on purpose, to prove that a checker of the simulator would notice.
//!
//! The program is built without the `canary` feature; then [`Sabotage::is`] is the constant `false` and
//! nothing of this remains. `cargo xtask tidy` fails on a canary that breaks nothing.

macro_rules! canaries {
    ($($name:ident: $breaks:literal,)*) => {
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

            /// What it breaks.
            pub const fn describe(self) -> &'static str {
                match self { $(Self::$name => $breaks,)* }
            }
        }
    };
}

canaries! {
    EveryEngineCarries: "every new engine is given the forwarded port",
    StrandedIsFine: "an engine in a network that is gone counts as reachable",
    FailedIsFine: "a VPN never fails",
    PortsRepeat: "a new engine may get a port that another one has",
    NamesOnlyGrow: "a new engine's number is one above the highest",
    LimitIgnored: "engines are created beyond the limits",
    SilenceMeansGone: "engines are forgotten when Docker does not answer",
    StrangersAreOurs: "a container that is not ours is removed when it holds one of our names",
    UnknownReleases: "what an operation of unknown fate reserved is free at once",
    OutsideVpnIsFine: "an engine is created outside the VPNs when none of them is healthy",
    RemovesAtRecovery: "the engines of the other VPNs are removed when a VPN recovers",
    AnswersTwice: "an operation's id is used again for the next command",
    Restless: "the oldest engine is restarted every ten minutes",
    HidesSilently: "a hidden engine has no next step",
    NeverRefills: "lost engines are not replaced",
    StrandedForever: "stranded engines are not repaired",
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
