//! Amounts and dates as a sentence needs them: short, and rounded for reading only.

use bursar_core::Timestamp;
use bursar_core::budget::{BudgetUnit, Period};
use jiff::tz::TimeZone;

const CENT: i128 = 10_000_000;
/// From this many dollars or tokens on, an amount is written in thousands, millions and so on.
const STEPS: [(i128, &str); 4] =
    [(1_000_000_000_000, "T"), (1_000_000_000, "B"), (1_000_000, "M"), (1_000, "K")];

/// An amount with about three digits: `$402.10`, `$19.4M`, `950 tokens`, `1.25M tokens`.
#[must_use]
pub fn amount(unit: BudgetUnit, amount: i64) -> String {
    let sign = if amount < 0 { "-" } else { "" };
    let size = i128::from(amount).abs();
    match unit {
        BudgetUnit::Usd if size > 0 && size < CENT / 2 => format!("{sign}<$0.01"),
        BudgetUnit::Usd => format!("{sign}${}", dollars(size)),
        BudgetUnit::Tokens => format!("{sign}{} tokens", scaled(size, 1).unwrap_or_else(|| size.to_string())),
    }
}

fn dollars(nanos: i128) -> String {
    const DOLLAR: i128 = 1_000_000_000;
    scaled(nanos, DOLLAR).unwrap_or_else(|| {
        let cents = (nanos + CENT / 2) / CENT;
        format!("{}.{:02}", cents / 100, cents % 100)
    })
}

/// `19.4M` for an amount of a thousand units or more.
fn scaled(size: i128, unit: i128) -> Option<String> {
    let half = |step: i128, digits: i128| (step * unit / digits) / 2;
    if size < 1_000 * unit {
        return None;
    }
    for (step, name) in STEPS {
        for (digits, least) in [(100, 1), (10, 10), (1, 100)] {
            let rounded = (size + half(step, digits)) * digits / (step * unit);
            if rounded >= least * digits && rounded < least * 10 * digits {
                return Some(decimal(rounded, digits) + name);
            }
        }
        if size >= step * unit * 1_000 {
            return Some(format!("{}{name}", size / (step * unit)));
        }
    }
    None
}

/// `digits` is 1, 10 or 100; zeros at the end are left out.
fn decimal(value: i128, digits: i128) -> String {
    let (whole, part) = (value / digits, value % digits);
    let text = match digits {
        1 => return whole.to_string(),
        10 => format!("{whole}.{part}"),
        _ => format!("{whole}.{part:02}"),
    };
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Per cent of a whole, cut off; `None` where the whole is nothing.
#[must_use]
pub fn percent(part: i64, whole: i64) -> Option<i64> {
    if whole <= 0 {
        return None;
    }
    i64::try_from(i128::from(part) * 100 / i128::from(whole)).ok()
}

/// The time zone that a period's dates are in.
#[must_use]
pub fn zone(period: &Period) -> TimeZone {
    match period {
        Period::Calendar { zone, .. } => zone.clone(),
        Period::Rolling { .. } | Period::Life { .. } => TimeZone::UTC,
    }
}

/// When something happens, seen from now: `at 14:20`, `on 11 August`, `on 3 February 2027`.
#[must_use]
pub fn when(at: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let local = |t: Timestamp| {
        jiff::Timestamp::from_microsecond(t.micros()).ok().map(|t| t.to_zoned_datetime(zone.clone()))
    };
    let (Some(at), Some(now)) = (local(at), local(now)) else { return "at some time".to_owned() };
    let format = if at.date() == now.date() {
        "at %H:%M"
    } else if at.year() == now.year() {
        "on %-d %B"
    } else {
        "on %-d %B %Y"
    };
    at.strftime(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_short_and_keeps_about_three_digits() {
        let usd = |nanos| amount(BudgetUnit::Usd, nanos);
        for (nanos, text) in [
            (0, "$0.00"),
            (1, "<$0.01"),
            (402_104_999_999, "$402.10"),
            (999_990_000_000, "$999.99"),
            (999_999_000_000, "$1000.00"),
            (1_234_000_000_000, "$1.23K"),
            (12_000_000_000_000_000, "$12M"),
            (19_400_000_000_000_000, "$19.4M"),
            (-2_500_000_000, "-$2.50"),
            (i64::MAX, "$9.22B"),
        ] {
            assert_eq!(usd(nanos), text, "{nanos}");
        }
        assert_eq!(amount(BudgetUnit::Tokens, 950), "950 tokens");
        assert_eq!(amount(BudgetUnit::Tokens, 999_600), "1M tokens");
        assert_eq!(amount(BudgetUnit::Tokens, 104_000_000), "104M tokens");
        assert_eq!(amount(BudgetUnit::Tokens, i64::MAX), "9223372T tokens");
    }

    #[test]
    fn a_moment_is_a_time_today_and_a_date_else_in_the_budgets_zone() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let now = Timestamp::from_date(2026, 8, 10).unwrap().plus_micros(21 * 3_600_000_000);
        let later = |hours: i64| when(now.plus_micros(hours * 3_600_000_000), now, &zone);
        assert_eq!(
            [later(0), later(1), later(24 * 200)],
            ["at 23:00", "on 11 August", "on 26 February 2027"]
        );
    }

    #[test]
    fn a_share_is_cut_off_and_a_share_of_nothing_is_unknown() {
        assert_eq!([percent(799, 1_000), percent(5, 0), percent(i64::MAX, 1)], [Some(79), None, None]);
    }
}
