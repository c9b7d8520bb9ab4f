//! Times as people write them, and as the API answers with them. Everything is in UTC.

use bursar_core::Timestamp;
use jiff::civil;
use jiff::tz::TimeZone;

/// A text that is no time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a time; give an RFC 3339 time (2026-07-01T09:30:00Z), a date (2026-07-01, from midnight UTC), \
     a duration before now (30m, 24h, 7d), or now"
)]
pub struct BadTime(pub String);

/// A text that is no length of time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a length of time above zero; give one such as 30m, 24h, 7d or 12weeks")]
pub struct BadDuration(pub String);

/// Reads a point in time: RFC 3339, a date (its midnight in UTC), a duration before `now`, or `now` itself.
pub fn parse_time(text: &str, now: Timestamp) -> Result<Timestamp, BadTime> {
    let text = text.trim();
    let bad = || BadTime(text.to_owned());
    if text == "now" {
        return Ok(now);
    }
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Ok(Timestamp::from_micros(time.as_microsecond()));
    }
    if text.len() == 10
        && let Ok(date) = text.parse::<civil::Date>()
    {
        return of_civil(date.at(0, 0, 0, 0)).ok_or_else(bad);
    }
    let span = text.parse::<jiff::Span>().map_err(|_| bad())?;
    moved(now, -span.abs()).ok_or_else(bad)
}

/// Reads a length of time and gives the moment that lies so long after `now`. Days are of 24 hours; months and
/// years follow the calendar.
pub fn parse_after(text: &str, now: Timestamp) -> Result<Timestamp, BadDuration> {
    let bad = || BadDuration(text.to_owned());
    let span = text.trim().parse::<jiff::Span>().map_err(|_| bad())?;
    moved(now, span).filter(|&then| then > now).ok_or_else(bad)
}

/// The time in RFC 3339, UTC, with as many decimals as it needs (at most six). A time beyond the year 9999 or
/// before −9999 is given as its microseconds since 1970.
#[must_use]
pub fn text_of(time: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(time.micros())
        .map_or_else(|_| format!("{} µs since 1970", time.micros()), |t| t.to_string())
}

/// The time now, by the machine's clock.
#[must_use]
pub fn now() -> Timestamp {
    Timestamp::from_micros(jiff::Timestamp::now().as_microsecond())
}

fn moved(from: Timestamp, by: jiff::Span) -> Option<Timestamp> {
    let start = jiff::Timestamp::from_microsecond(from.micros()).ok()?;
    of_civil(TimeZone::UTC.to_datetime(start).checked_add(by).ok()?)
}

fn of_civil(time: civil::DateTime) -> Option<Timestamp> {
    let zoned = time.to_zoned_datetime(TimeZone::UTC).ok()?;
    Some(Timestamp::from_micros(zoned.timestamp().as_microsecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noon() -> Timestamp {
        Timestamp::from_date(2026, 7, 15).unwrap().plus_micros(12 * 3_600_000_000)
    }

    #[test]
    fn a_time_can_be_written_in_every_documented_way() {
        let day = |d| Timestamp::from_date(2026, 7, d).unwrap();
        for (text, expected) in [
            ("now", noon()),
            ("2026-07-01", day(1)),
            ("2026-07-01T00:00:00Z", day(1)),
            ("2026-07-01T02:00:00+02:00", day(1)),
            ("12h", day(15)),
            ("7d", noon().plus_micros(-7 * 86_400_000_000)),
            ("30m", noon().plus_micros(-1_800_000_000)),
            (" 1d 12h ", day(14)),
            ("1mo", Timestamp::from_date(2026, 6, 15).unwrap().plus_micros(12 * 3_600_000_000)),
        ] {
            assert_eq!(parse_time(text, noon()), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_text_that_is_no_time_is_refused_with_examples_of_times() {
        for text in ["", "yesterday", "7", "2026-02-30", "2026-7-1", "7 parsecs", "99999999999y"] {
            let error = parse_time(text, noon()).unwrap_err().to_string();
            assert!(error.contains("24h"), "{text}: {error}");
        }
    }

    #[test]
    fn a_moment_after_now_needs_a_length_above_zero() {
        assert_eq!(parse_after("24h", noon()), Ok(noon().plus_micros(86_400_000_000)));
        for text in ["0d", "-1d", "1d ago", "soon", ""] {
            assert!(parse_after(text, noon()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_time_is_written_in_utc_and_read_again_as_itself() {
        assert_eq!(text_of(noon()), "2026-07-15T12:00:00Z");
        let odd = noon().plus_micros(1_500);
        assert_eq!(parse_time(&text_of(odd), noon()), Ok(odd));
        assert!(text_of(Timestamp::from_micros(i64::MAX)).contains("since 1970"));
    }
}
