//! Times as they are written: RFC 3339 with zone, to the millisecond; and durations as whole seconds.

use control::Time;
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

/// The longest wait that is told in seconds: whatever is further off is not known.
pub const WAIT_MAX_S: u64 = 86_400;
const NANOS_PER_SEC: u64 = 1_000_000_000;

/// A moment.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, ToSchema)]
#[schema(value_type = String, format = DateTime, example = "2026-01-31T12:00:00.000Z")]
pub struct Moment(pub Time);

impl Moment {
    /// A moment that is known and will come.
    pub fn known(time: Option<Time>) -> Option<Self> {
        time.filter(|time| *time != Time::NEVER).map(Self)
    }

    /// As it is written.
    pub fn text(self) -> String {
        let nanos = i128::from(self.0.as_nanos());
        let stamp = jiff::Timestamp::from_nanosecond(nanos).unwrap_or(jiff::Timestamp::MAX);
        format!("{stamp:.3}")
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.text())
    }
}

/// Reads a moment of a query: RFC 3339, without a zone UTC, or seconds since 1970. A plus sign that arrived
/// as a space is one.
pub fn read(text: &str) -> Option<Time> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        let nanos = seconds * 1e9;
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "saturates by definition"
        )]
        return nanos.is_finite().then_some(Time::from_nanos(nanos as u64));
    }
    let written = text.replacen(' ', "+", usize::from(text.contains('T')));
    let stamp = written.parse::<jiff::Timestamp>().ok().or_else(|| {
        let local: jiff::civil::DateTime = text.parse().ok()?;
        local.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    })?;
    u64::try_from(stamp.as_nanosecond().max(0)).ok().map(Time::from_nanos)
}

/// Whole seconds from now until then, rounded up: after them it is so.
pub fn seconds_until(then: Time, now: Time) -> u64 {
    let nanos = then.as_nanos().saturating_sub(now.as_nanos());
    nanos.div_ceil(NANOS_PER_SEC).min(WAIT_MAX_S)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_with_zone_and_milliseconds() {
        let moment = Moment(Time::from_nanos(1_700_000_000_123_456_789));
        assert_eq!(moment.text(), "2023-11-14T22:13:20.123Z");
        assert_eq!(Moment::known(Some(Time::NEVER)), None);
    }

    #[test]
    fn a_moment_of_a_query_is_read_in_every_form_that_people_send() {
        let expected = Some(Time::from_secs(1_700_000_000));
        for text in [
            "2023-11-14T22:13:20Z",
            "2023-11-14T22:13:20+00:00",
            "2023-11-14T22:13:20 00:00",
            "2023-11-14T23:13:20 01:00",
            "2023-11-14T22:13:20",
            "2023-11-14 22:13:20",
            "1700000000",
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
        for text in ["", "yesterday", "NaN", "2023-13-14T22:13:20Z"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn waits_are_whole_seconds_rounded_up_and_bounded() {
        let now = Time::from_secs(10);
        assert_eq!(seconds_until(Time::from_nanos(10_000_000_001), now), 1);
        assert_eq!(seconds_until(Time::from_secs(4), now), 0);
        assert_eq!(seconds_until(Time::NEVER, now), WAIT_MAX_S);
    }
}
