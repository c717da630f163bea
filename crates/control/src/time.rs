//! Time as the core knows it: numbers handed in from outside, never a clock.
//!
//! [`Time`] is the driver's clock: nanoseconds that never run backwards. A test starts at zero; the program
//! starts at the Unix time of its own start, so that the same number can be shown to a person.
//! [`Stamp`] is Docker's clock: comparable with other stamps of the same daemon, and only roughly with `Time`.

use core::fmt;
use core::ops::Add;
use core::time::Duration;

/// A moment on the driver's clock, in nanoseconds.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// The earliest moment.
    pub const ZERO: Self = Self(0);
    /// Later than every wait: "no next step by itself".
    pub const NEVER: Self = Self(u64::MAX);

    /// The moment `nanos` nanoseconds after [`Time::ZERO`].
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// The moment `secs` seconds after [`Time::ZERO`].
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(NANOS_PER_SEC))
    }

    /// Nanoseconds since [`Time::ZERO`].
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// How long ago `earlier` was; zero if it is yet to come.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The moment that Docker's clock shows as `stamp`, but never later than now.
    ///
    /// The two clocks may differ when Docker runs elsewhere, so this is good enough for waiting out a
    /// settling time and for nothing that must be exact.
    pub fn of_stamp(self, stamp: Stamp) -> Self {
        self.min(Self(stamp.0))
    }
}

const NANOS_PER_SEC: u64 = 1_000_000_000;

impl Add<Duration> for Time {
    type Output = Self;

    /// Saturates: a deadline too far to be counted is [`Time::NEVER`].
    fn add(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::NEVER {
            return f.write_str("never");
        }
        write!(f, "{}.{:03}s", self.0 / NANOS_PER_SEC, self.0 % NANOS_PER_SEC / 1_000_000)
    }
}

/// A moment on Docker's clock, in nanoseconds since the Unix epoch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Stamp(u64);

impl Stamp {
    /// Later than every moment that Docker can tell.
    pub const MAX: Self = Self(u64::MAX);

    /// The moment `nanos` nanoseconds after the Unix epoch, as Docker tells it.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the Unix epoch, as Docker tells it.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }
}
