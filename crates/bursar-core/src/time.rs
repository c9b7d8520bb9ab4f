//! Points in time and hours, without a clock: the caller says what time it is.

/// A point in time in microseconds since 1970-01-01T00:00:00Z, leap seconds left out (Unix time).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// An hour of UTC, as whole hours since 1970-01-01T00:00:00Z: the grain of the cubes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hour(i64);

impl Timestamp {
    /// From microseconds since the epoch.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Timestamp {
        Timestamp(micros)
    }

    /// From whole seconds since the epoch; saturates at the range's ends.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Timestamp {
        Timestamp(seconds.saturating_mul(1_000_000))
    }

    /// Midnight UTC of a civil date in the Gregorian calendar; `None` for a date that does not exist.
    #[must_use]
    pub fn from_date(year: i32, month: u32, day: u32) -> Option<Timestamp> {
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let length = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let index = usize::try_from(month.checked_sub(1)?).ok()?;
        if !(1..=9999).contains(&year) || day == 0 || day > *length.get(index)? {
            return None;
        }
        let before = i64::from(year) - 1;
        let leaps = before / 4 - before / 100 + before / 400;
        let in_year: u32 = length[..index].iter().sum::<u32>() + day - 1;
        const DAYS_TO_1970: i64 = 719_162;
        Some(Timestamp::from_seconds((before * 365 + leaps + i64::from(in_year) - DAYS_TO_1970) * 86_400))
    }

    /// Microseconds since the epoch.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// This time moved by microseconds; saturates at the range's ends.
    #[must_use]
    pub const fn plus_micros(self, micros: i64) -> Timestamp {
        Timestamp(self.0.saturating_add(micros))
    }

    /// The hour that this time lies in.
    #[must_use]
    pub const fn hour(self) -> Hour {
        Hour(self.0.div_euclid(3_600_000_000))
    }
}

impl Hour {
    /// From whole hours since the epoch.
    #[must_use]
    pub const fn from_index(hours: i64) -> Hour {
        Hour(hours)
    }

    /// Whole hours since the epoch.
    #[must_use]
    pub const fn index(self) -> i64 {
        self.0
    }

    /// The first moment of the hour.
    #[must_use]
    pub const fn start(self) -> Timestamp {
        Timestamp(self.0.saturating_mul(3_600_000_000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_become_the_unix_times_that_are_known_for_them() {
        assert_eq!(Timestamp::from_date(1970, 1, 1), Some(Timestamp::from_seconds(0)));
        assert_eq!(Timestamp::from_date(2000, 3, 1), Some(Timestamp::from_seconds(951_868_800)));
        assert_eq!(Timestamp::from_date(2026, 7, 2), Some(Timestamp::from_seconds(1_782_950_400)));
        assert_eq!(Timestamp::from_date(1969, 12, 31), Some(Timestamp::from_seconds(-86_400)));
        for (y, m, d) in [(2026, 2, 29), (2026, 13, 1), (2026, 0, 1), (2026, 4, 31), (0, 1, 1)] {
            assert_eq!(Timestamp::from_date(y, m, d), None);
        }
    }

    #[test]
    fn a_moment_before_the_epoch_lies_in_the_hour_before_it() {
        assert_eq!(Timestamp::from_micros(-1).hour(), Hour::from_index(-1));
        assert_eq!(Hour::from_index(-1).start(), Timestamp::from_seconds(-3600));
    }
}
