//! Periods in a time zone, and the windows that they cut time into.

use std::fmt;
use std::time::Duration;

use jiff::civil::{self, Date};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, ToSpan as _, ZonedDateTime};

use crate::time::Timestamp;

pub use jiff::civil::Weekday;

/// The shape of a calendar period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Calendar {
    /// Midnight to midnight, whatever the clocks do in between.
    Day,
    /// Seven days from this one on.
    Week(Weekday),
    /// From this day of the month on (1 to 28).
    Month {
        /// The first day.
        first_day: i8,
    },
    /// Three months; the year's first quarter begins with this month (1 to 12).
    Quarter {
        /// The first month of the fiscal year.
        first_month: i8,
    },
    /// Twelve months from this one on (1 to 12).
    Year {
        /// The first month of the fiscal year.
        first_month: i8,
    },
}

/// For how long an amount holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Period {
    /// A calendar period in a time zone.
    Calendar {
        /// Its shape.
        calendar: Calendar,
        /// Where its midnight is.
        zone: TimeZone,
    },
    /// The time up to now, of this length. Spend leaves it in steps of 1/96 of the length, at least a minute.
    Rolling {
        /// How far back it reaches.
        length: Duration,
    },
    /// The life of a task, or of whatever the budget is per: it ends when nothing was called for this long.
    Life {
        /// How long nothing happens before it is over.
        idle: Duration,
    },
}

/// A stretch of time in which one amount may be spent: `start` included, `end` not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window {
    /// Its first moment.
    pub start: Timestamp,
    /// The first moment after it.
    pub end: Timestamp,
}

/// A period that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPeriod {
    /// No such time zone.
    #[error("{0:?} is no time zone: write an IANA name such as Europe/Berlin, or an offset such as +05:30")]
    Zone(String),
    /// A day that some month does not have.
    #[error("a month may begin on day 1 to 28, not {0}")]
    FirstDay(i8),
    /// No month.
    #[error("a fiscal year may begin with month 1 to 12, not {0}")]
    FirstMonth(i8),
    /// Too short to be kept.
    #[error("a rolling period or a task's idle time is between 1 minute and 400 days")]
    Length,
}

const SHORTEST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(400 * 86_400);

impl Window {
    /// All time.
    pub const ALWAYS: Window =
        Window { start: Timestamp::from_micros(i64::MIN), end: Timestamp::from_micros(i64::MAX) };

    /// Whether a moment lies in it.
    #[must_use]
    pub fn holds(&self, at: Timestamp) -> bool {
        self.start <= at && at < self.end
    }
}

impl Period {
    /// A calendar period; the zone by its IANA name, or as a fixed offset from UTC such as `+05:30`.
    ///
    /// # Errors
    /// [`BadPeriod`] for an unknown zone or a day or month that cannot begin one.
    pub fn calendar(calendar: Calendar, zone: &str) -> Result<Period, BadPeriod> {
        let zone = time_zone(zone).ok_or_else(|| BadPeriod::Zone(zone.to_owned()))?;
        match calendar {
            Calendar::Month { first_day } if !(1..=28).contains(&first_day) => {
                Err(BadPeriod::FirstDay(first_day))
            }
            Calendar::Quarter { first_month } | Calendar::Year { first_month }
                if !(1..=12).contains(&first_month) =>
            {
                Err(BadPeriod::FirstMonth(first_month))
            }
            _ => Ok(Period::Calendar { calendar, zone }),
        }
    }

    /// The time up to now, of this length.
    ///
    /// # Errors
    /// [`BadPeriod::Length`].
    pub fn rolling(length: Duration) -> Result<Period, BadPeriod> {
        in_range(length).map(|length| Period::Rolling { length })
    }

    /// A life that ends when nothing was called for `idle`.
    ///
    /// # Errors
    /// [`BadPeriod::Length`].
    pub fn life(idle: Duration) -> Result<Period, BadPeriod> {
        in_range(idle).map(|idle| Period::Life { idle })
    }

    /// The calendar month in UTC.
    #[must_use]
    pub const fn month_utc() -> Period {
        Period::Calendar { calendar: Calendar::Month { first_day: 1 }, zone: TimeZone::UTC }
    }

    /// The window that a moment lies in; all time where the period is not a calendar's. A window begins at the
    /// first moment of its first day in the zone, also where clocks are turned at midnight.
    #[must_use]
    pub fn window(&self, at: Timestamp) -> Window {
        let Period::Calendar { calendar, zone } = self else { return Window::ALWAYS };
        let Some(local) = zoned(at, zone) else { return Window::ALWAYS };
        let first = calendar.first_date(local.date());
        let next = calendar.after(first);
        match (first.and_then(|d| moment(d, zone)), next.and_then(|d| moment(d, zone))) {
            (Some(start), Some(end)) => Window { start, end },
            _ => Window::ALWAYS,
        }
    }

    /// How wide the steps are in which spend leaves a rolling period, in microseconds; `None` for the others.
    #[must_use]
    pub fn bucket_micros(&self) -> Option<i64> {
        let Period::Rolling { length } = self else { return None };
        let step = (length.as_micros() / 96).max(60_000_000);
        i64::try_from(step).ok()
    }
}

impl fmt::Display for Period {
    /// Such as `month (Europe/Berlin)`, `year from month 4 (UTC)`, `the last 24h`, `a life with 7d idle`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Period::Calendar { calendar, zone } => {
                write!(f, "{calendar} ({})", zone_text(zone))
            }
            Period::Rolling { length } => write!(f, "the last {}", length_text(*length)),
            Period::Life { idle } => write!(f, "a life with {} idle", length_text(*idle)),
        }
    }
}

impl fmt::Display for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Calendar::Day => f.write_str("day"),
            Calendar::Week(Weekday::Monday) => f.write_str("week"),
            Calendar::Week(first) => write!(f, "week from {first:?}"),
            Calendar::Month { first_day: 1 } => f.write_str("month"),
            Calendar::Month { first_day } => write!(f, "month from day {first_day}"),
            Calendar::Quarter { first_month: 1 } => f.write_str("quarter"),
            Calendar::Quarter { first_month } => write!(f, "quarter of the year from month {first_month}"),
            Calendar::Year { first_month: 1 } => f.write_str("year"),
            Calendar::Year { first_month } => write!(f, "year from month {first_month}"),
        }
    }
}

fn time_zone(text: &str) -> Option<TimeZone> {
    let Some(rest) = text.strip_prefix(['+', '-']) else { return TimeZone::get(text).ok() };
    let parts: Option<Vec<i32>> = rest.split(':').map(two_digits).collect();
    let seconds = match parts?[..] {
        [h] => h * 3_600,
        [h, m] if m < 60 => h * 3_600 + m * 60,
        [h, m, s] if m < 60 && s < 60 => h * 3_600 + m * 60 + s,
        _ => return None,
    };
    let offset = Offset::from_seconds(if text.starts_with('-') { -seconds } else { seconds });
    offset.ok().map(Offset::to_time_zone)
}

fn two_digits(text: &str) -> Option<i32> {
    (text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

/// A zone as configuration names it.
#[must_use]
pub fn zone_text(zone: &TimeZone) -> String {
    match (zone.iana_name(), zone.to_fixed_offset()) {
        (Some(name), _) => name.to_owned(),
        (None, Ok(offset)) => offset.to_string(),
        (None, Err(_)) => "UTC".to_owned(),
    }
}

/// A length in the largest unit that divides it: `7d`, `36h`, `90m`.
fn length_text(length: Duration) -> String {
    let seconds = length.as_secs();
    match seconds {
        s if s % 86_400 == 0 => format!("{}d", s / 86_400),
        s if s % 3_600 == 0 => format!("{}h", s / 3_600),
        s if s % 60 == 0 => format!("{}m", s / 60),
        s => format!("{s}s"),
    }
}

fn in_range(length: Duration) -> Result<Duration, BadPeriod> {
    if (SHORTEST..=LONGEST).contains(&length) { Ok(length) } else { Err(BadPeriod::Length) }
}

fn zoned(at: Timestamp, zone: &TimeZone) -> Option<ZonedDateTime> {
    let at = jiff::Timestamp::from_microsecond(at.micros()).ok()?;
    Some(at.to_zoned_datetime(zone.clone()))
}

fn moment(date: Date, zone: &TimeZone) -> Option<Timestamp> {
    let first = date.to_zoned_datetime(zone.clone()).ok()?.start_of_day().ok()?;
    Some(Timestamp::from_micros(first.timestamp().as_microsecond()))
}

impl Calendar {
    fn first_date(self, date: Date) -> Option<Date> {
        match self {
            Calendar::Day => Some(date),
            Calendar::Week(first) => {
                let back = i64::from(first.until(date.weekday()));
                date.checked_sub(SignedDuration::from_hours(24 * back)).ok()
            }
            Calendar::Month { first_day } => {
                let this = civil::date(date.year(), date.month(), first_day);
                if date >= this { Some(this) } else { this.checked_sub(1.month()).ok() }
            }
            Calendar::Quarter { first_month } => month_of_cycle(date, first_month, 3),
            Calendar::Year { first_month } => month_of_cycle(date, first_month, 12),
        }
    }

    fn after(self, first: Option<Date>) -> Option<Date> {
        let span = match self {
            Calendar::Day => 1.day(),
            Calendar::Week(_) => 7.days(),
            Calendar::Month { .. } => 1.month(),
            Calendar::Quarter { .. } => 3.months(),
            Calendar::Year { .. } => 12.months(),
        };
        first?.checked_add(span).ok()
    }
}

/// The first day of the stretch of `length` months, counted from `first_month`, that a date lies in.
fn month_of_cycle(date: Date, first_month: i8, length: i8) -> Option<Date> {
    let since = (date.month() - first_month).rem_euclid(length);
    date.first_of_month().checked_sub(i64::from(since).months()).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::from_micros(text.parse::<jiff::Timestamp>().unwrap().as_microsecond())
    }

    fn window(calendar: Calendar, zone: &str, moment: &str) -> (String, String) {
        let window = Period::calendar(calendar, zone).unwrap().window(at(moment));
        let text = |t: Timestamp| jiff::Timestamp::from_microsecond(t.micros()).unwrap().to_string();
        (text(window.start), text(window.end))
    }

    fn pair(a: &str, b: &str) -> (String, String) {
        (a.to_owned(), b.to_owned())
    }

    #[test]
    fn a_day_lasts_from_midnight_to_midnight_also_when_the_clocks_are_turned() {
        let day = |zone, moment| window(Calendar::Day, zone, moment);
        assert_eq!(
            day("Europe/Berlin", "2026-03-29T12:00:00Z"),
            pair("2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z")
        );
        assert_eq!(
            day("Europe/Berlin", "2026-10-25T12:00:00Z"),
            pair("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z")
        );
        assert_eq!(
            day("Asia/Kolkata", "2026-11-24T20:00:00Z"),
            pair("2026-11-24T18:30:00Z", "2026-11-25T18:30:00Z")
        );
    }

    #[test]
    fn a_zone_may_be_a_fixed_offset_and_reads_as_it_was_written() {
        let day = |zone| window(Calendar::Day, zone, "2026-11-24T18:29:59Z");
        assert_eq!(day("+05:30"), pair("2026-11-23T18:30:00Z", "2026-11-24T18:30:00Z"));
        assert_eq!(day("-03"), pair("2026-11-24T03:00:00Z", "2026-11-25T03:00:00Z"));
        for zone in ["+05:30", "-03", "+12:45:30", "Europe/Berlin"] {
            let period = Period::calendar(Calendar::Day, zone).unwrap();
            assert_eq!(period.to_string(), format!("day ({zone})"));
        }
        for zone in ["+5:30", "+05:60", "+", "+99", "-1a"] {
            assert!(Period::calendar(Calendar::Day, zone).is_err(), "{zone}");
        }
    }

    #[test]
    fn weeks_months_quarters_and_fiscal_years_begin_where_they_are_told_to() {
        let now = "2026-02-10T08:00:00Z";
        let cases = [
            (Calendar::Week(Weekday::Monday), "2026-02-09", "2026-02-16"),
            (Calendar::Week(Weekday::Sunday), "2026-02-08", "2026-02-15"),
            (Calendar::Month { first_day: 1 }, "2026-02-01", "2026-03-01"),
            (Calendar::Month { first_day: 15 }, "2026-01-15", "2026-02-15"),
            (Calendar::Quarter { first_month: 1 }, "2026-01-01", "2026-04-01"),
            (Calendar::Quarter { first_month: 2 }, "2026-02-01", "2026-05-01"),
            (Calendar::Quarter { first_month: 12 }, "2025-12-01", "2026-03-01"),
            (Calendar::Year { first_month: 1 }, "2026-01-01", "2027-01-01"),
            (Calendar::Year { first_month: 4 }, "2025-04-01", "2026-04-01"),
        ];
        for (calendar, start, end) in cases {
            let expected = pair(&format!("{start}T00:00:00Z"), &format!("{end}T00:00:00Z"));
            assert_eq!(window(calendar, "UTC", now), expected, "{calendar}");
        }
    }

    #[test]
    fn what_cannot_be_a_period_says_why() {
        assert_eq!(
            Period::calendar(Calendar::Day, "Mars/Olympus"),
            Err(BadPeriod::Zone("Mars/Olympus".to_owned()))
        );
        assert!(Period::calendar(Calendar::Month { first_day: 31 }, "UTC").is_err());
        assert!(Period::calendar(Calendar::Year { first_month: 0 }, "UTC").is_err());
        assert_eq!(Period::rolling(Duration::from_secs(59)), Err(BadPeriod::Length));
        assert!(Period::life(Duration::from_secs(60)).is_ok());
    }

    #[test]
    fn a_period_says_what_it_is() {
        let text = |calendar| Period::calendar(calendar, "Europe/Berlin").unwrap().to_string();
        assert_eq!(text(Calendar::Year { first_month: 4 }), "year from month 4 (Europe/Berlin)");
        assert_eq!(Period::rolling(Duration::from_secs(86_400 * 30)).unwrap().to_string(), "the last 30d");
        assert_eq!(Period::month_utc().to_string(), "month (UTC)");
    }

    proptest! {
        #[test]
        fn windows_follow_each_other_without_gap_or_overlap(
            seconds in 0i64..4_000_000_000, shape in 0usize..5, anchor in 1i8..=12, zone in 0usize..4,
        ) {
            let calendar = [
                Calendar::Day, Calendar::Week(Weekday::Wednesday), Calendar::Month { first_day: anchor },
                Calendar::Quarter { first_month: anchor }, Calendar::Year { first_month: anchor },
            ][shape];
            let zone = ["UTC", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"][zone];
            let period = Period::calendar(calendar, zone).unwrap();
            let at = Timestamp::from_seconds(seconds);
            let window = period.window(at);
            prop_assert!(window.holds(at));
            prop_assert_eq!(period.window(window.end).start, window.end);
            prop_assert_eq!(period.window(window.end.plus_micros(-1)), window);
        }
    }
}
