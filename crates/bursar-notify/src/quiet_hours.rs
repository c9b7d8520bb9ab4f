//! Hours in which only what is critical is told.

use std::fmt;
use std::str::FromStr;

use bursar_core::Timestamp;
use jiff::ToSpan as _;
use jiff::civil::Time;
use jiff::tz::TimeZone;

/// A daily stretch of time in a time zone; one that ends before it begins goes over midnight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuietHours {
    from: Time,
    until: Time,
    zone: TimeZone,
}

/// A text that is no stretch of the day.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadQuietHours {
    /// Not two times.
    #[error("{0:?} is no stretch of the day; write it like \"22:00-07:00\"")]
    Times(String),
    /// No such zone.
    #[error("{0:?} is no time zone of the IANA database, such as Europe/Berlin or UTC")]
    Zone(String),
}

impl QuietHours {
    /// Reads `22:00-07:00`, in a zone by its IANA name.
    ///
    /// # Errors
    ///
    /// [`BadQuietHours`] for what is no stretch of the day or no zone.
    pub fn parse(text: &str, zone: &str) -> Result<QuietHours, BadQuietHours> {
        let bad = || BadQuietHours::Times(text.to_owned());
        let (from, until) = text.split_once('-').ok_or_else(bad)?;
        let time = |t: &str| ClockTime::from_str(t.trim()).map_err(|()| bad());
        let (ClockTime(from), ClockTime(until)) = (time(from)?, time(until)?);
        if from == until {
            return Err(bad());
        }
        let zone = TimeZone::get(zone).map_err(|_| BadQuietHours::Zone(zone.to_owned()))?;
        Ok(QuietHours { from, until, zone })
    }

    /// When the quiet ends in which a moment lies; `None` where it lies in none.
    #[must_use]
    pub fn end(&self, at: Timestamp) -> Option<Timestamp> {
        let now = jiff::Timestamp::from_microsecond(at.micros()).ok()?.to_zoned_datetime(self.zone.clone());
        let time = now.time();
        let is_quiet = if self.from < self.until {
            self.from <= time && time < self.until
        } else {
            time >= self.from || time < self.until
        };
        if !is_quiet {
            return None;
        }
        let mut date = now.date();
        if time >= self.until {
            date = date.checked_add(1.day()).ok()?;
        }
        let end = date.at(self.until.hour(), self.until.minute(), 0, 0);
        let end = end.to_zoned_datetime(self.zone.clone()).ok()?;
        Some(Timestamp::from_micros(end.timestamp().as_microsecond()))
    }
}

impl fmt::Display for QuietHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, until) = (self.from.strftime("%H:%M"), self.until.strftime("%H:%M"));
        write!(f, "{from}-{until} {}", self.zone.iana_name().unwrap_or("UTC"))
    }
}

/// `HH:MM`.
struct ClockTime(Time);

impl FromStr for ClockTime {
    type Err = ();

    fn from_str(text: &str) -> Result<ClockTime, ()> {
        let (hour, minute) = text.split_once(':').ok_or(())?;
        let number = |t: &str| t.parse::<i8>().map_err(|_| ());
        Time::new(number(hour)?, number(minute)?, 0, 0).map(ClockTime).map_err(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::from_micros(text.parse::<jiff::Timestamp>().unwrap().as_microsecond())
    }

    #[test]
    fn a_night_ends_in_the_morning_of_its_zone() {
        let night = QuietHours::parse("22:00-07:00", "Europe/Berlin").unwrap();
        let end = Some(at("2026-07-15T05:00:00Z"));
        assert_eq!(night.end(at("2026-07-14T20:00:00Z")), end);
        assert_eq!(night.end(at("2026-07-15T04:59:59Z")), end);
        assert_eq!(night.end(at("2026-07-15T05:00:00Z")), None);
        assert_eq!(night.end(at("2026-07-14T19:59:59Z")), None);
        assert_eq!(night.to_string(), "22:00-07:00 Europe/Berlin");
    }

    #[test]
    fn a_night_in_which_clocks_are_turned_ends_by_the_clock_on_the_wall() {
        let night = QuietHours::parse("22:00-07:00", "Europe/Berlin").unwrap();
        assert_eq!(night.end(at("2026-10-24T21:00:00Z")), Some(at("2026-10-25T06:00:00Z")));
    }

    #[test]
    fn a_stretch_within_a_day_ends_on_that_day() {
        let noon = QuietHours::parse("12:00-13:30", "UTC").unwrap();
        assert_eq!(noon.end(at("2026-07-14T12:30:00Z")), Some(at("2026-07-14T13:30:00Z")));
        assert_eq!(noon.end(at("2026-07-14T13:30:00Z")), None);
    }

    #[test]
    fn what_is_no_stretch_of_the_day_is_refused_with_an_example() {
        for text in ["", "22:00", "22-07", "25:00-07:00", "07:00-07:00", "late-early"] {
            let error = QuietHours::parse(text, "UTC").unwrap_err().to_string();
            assert!(error.contains("22:00-07:00"), "{text}: {error}");
        }
        assert!(QuietHours::parse("22:00-07:00", "Mars").is_err());
    }
}
