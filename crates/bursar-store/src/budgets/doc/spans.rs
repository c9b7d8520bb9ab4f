//! Lengths of time and moments as texts: `90s`, `15m`, `24h`, `7d`; `2026-12-01T00:00:00Z`, `2026-12-01`.

use std::time::Duration;

use bursar_core::Timestamp;

const UNITS: [(&str, u64); 4] = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];

/// Reads a length of time: a whole number and one of `s`, `m`, `h`, `d`.
pub(super) fn read_length(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let (_, seconds) = UNITS.iter().find(|(name, _)| *name == unit)?;
    Some(Duration::from_secs(number.parse::<u64>().ok()?.checked_mul(*seconds)?))
}

/// Writes a length in the largest unit that divides it.
pub(super) fn length_text(length: Duration) -> String {
    let seconds = length.as_secs();
    let (unit, size) =
        UNITS.into_iter().find(|(_, size)| seconds > 0 && seconds.is_multiple_of(*size)).unwrap_or(("s", 1));
    format!("{}{unit}", seconds / size)
}

/// Reads a moment: RFC 3339, or a day, which is its midnight in UTC.
pub(super) fn read_moment(text: &str) -> Option<Timestamp> {
    let moment = |text: &str| text.parse::<jiff::Timestamp>().ok();
    let found = moment(text).or_else(|| moment(&format!("{text}T00:00:00Z")))?;
    Some(Timestamp::from_micros(found.as_microsecond()))
}

/// Writes a moment as RFC 3339 in UTC.
pub(super) fn moment_text(at: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(at.micros()).map_or_else(|_| at.micros().to_string(), |t| t.to_string())
}
