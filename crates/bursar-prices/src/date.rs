//! Dates and moments as price files write them: `2026-07-02` or `2026-07-02T15:04:05Z`.

use bursar_core::Timestamp;

/// Reads a date (its first moment, UTC) or a moment in UTC. `None` where it is neither.
#[must_use]
pub fn parse(text: &str) -> Option<Timestamp> {
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, Some(time.strip_suffix('Z')?)),
        None => (text, None),
    };
    let mut parts = date.splitn(3, '-').map(|p| p.parse::<u32>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    let start = Timestamp::from_date(i32::try_from(year).ok()?, month, day)?;
    let seconds = time.map_or(Some(0), seconds_of_day)?;
    Some(start.plus_micros(i64::from(seconds) * 1_000_000))
}

/// The first moment of a source's date, which may be a whole month: `2026-07-02`, `2026-07`. `None` where it is
/// neither.
#[must_use]
pub fn of_source(text: &str) -> Option<Timestamp> {
    parse(text).or_else(|| parse(&format!("{text}-01")))
}

fn seconds_of_day(text: &str) -> Option<u32> {
    let mut parts = text.splitn(3, ':').map(|p| p.parse::<u32>().ok());
    let (h, m, s) = (parts.next()??, parts.next()??, parts.next()??);
    (h < 24 && m < 60 && s < 60).then_some(h * 3600 + m * 60 + s)
}

/// Writes a moment as briefly as it can be read again; part seconds are cut.
#[must_use]
pub fn format(at: Timestamp) -> String {
    let seconds = at.micros().div_euclid(1_000_000);
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let date = format!("{year:04}-{month:02}-{day:02}");
    match rest {
        0 => date,
        _ => format!("{date}T{:02}:{:02}:{:02}Z", rest / 3600, rest % 3600 / 60, rest % 60),
    }
}

/// The Gregorian date of a number of days since 1970-01-01, by searching with [`Timestamp::from_date`].
fn civil(days: i64) -> (i32, u32, u32) {
    let at = Timestamp::from_seconds(days * 86_400);
    let starts = |year: i32| Timestamp::from_date(year, 1, 1).is_some_and(|start| start <= at);
    let mut year = i32::try_from(1970 + days / 366).unwrap_or(1970).clamp(1, 9999);
    while year > 1 && !starts(year) {
        year -= 1;
    }
    while year < 9999 && starts(year + 1) {
        year += 1;
    }
    let month =
        (1..=12).rev().find(|&m| Timestamp::from_date(year, m, 1).is_some_and(|s| s <= at)).unwrap_or(1);
    let first = Timestamp::from_date(year, month, 1).unwrap_or(at);
    let day = (at.micros() - first.micros()).div_euclid(86_400_000_000) + 1;
    (year, month, u32::try_from(day).unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_written_and_read_again_is_the_same() {
        for text in ["1970-01-01", "2000-02-29", "2026-07-02", "2026-12-31T23:59:59Z", "1969-12-31"] {
            assert_eq!(parse(text).map(format).as_deref(), Some(text));
        }
    }

    #[test]
    fn a_source_may_say_no_more_than_its_month() {
        assert_eq!(of_source("2026-11"), parse("2026-11-01"));
        assert_eq!(of_source("2026-11-24"), parse("2026-11-24"));
        assert_eq!([of_source(""), of_source("lately")], [None, None]);
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in ["", "2026", "2026-02-30", "2026-01-01T25:00:00Z", "2026-01-01T00:00:00", "02.07.2026"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
