//! Amounts and shares as they are shown.

use bursar_core::{Money, Timestamp};
use jiff::tz::TimeZone;

use super::{MeanShown, ShareShown};
use crate::placement::HOURS_PER_MONTH;
use crate::scenario::{MoneyEstimate, Probability};
use crate::tco::{apportion, div_half_even};

const NANOS_PER_CENT: i128 = 10_000_000;

/// A number that is finite, with six decimals; `None` for any other.
pub(super) fn number(value: f64) -> Option<f64> {
    let rounded = (value * 1e6).round() / 1e6;
    // Zero has no sign here.
    rounded.is_finite().then_some(rounded + 0.0)
}

/// The day of a moment.
pub(super) fn day(at: Timestamp) -> String {
    let at = jiff::Timestamp::from_microsecond(at.micros()).unwrap_or_default();
    at.to_zoned_datetime(TimeZone::UTC).date().to_string()
}

/// A moment in RFC 3339.
pub(super) fn moment(at: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(at.micros()).unwrap_or_default().to_string()
}

/// What an amount over a trace comes to in 730 hours, rounded once; what leaves the range stays at its end.
pub(super) fn per_month(amount: Money, hours: usize) -> Money {
    let nanos = i128::from(amount.nanos()) * i128::from(HOURS_PER_MONTH);
    let nanos = div_half_even(nanos, hours.max(1) as i128);
    Money::from_nanos(i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX }))
}

/// What a million of `units` cost together; `None` for no units or an amount outside the range.
pub(super) fn per_million(amount: Money, units: u128) -> Option<Money> {
    let units = i128::try_from(units).ok().filter(|u| *u > 0)?;
    let nanos = div_half_even(i128::from(amount.nanos()) * 1_000_000, units);
    i64::try_from(nanos).ok().map(Money::from_nanos)
}

/// Amounts to the cent so that they add up to the total's cents exactly.
pub(super) fn cents(amounts: &[Money], total: Money) -> (Vec<Money>, Money) {
    let whole = div_half_even(i128::from(total.nanos()), NANOS_PER_CENT);
    let count = Money::from_nanos(i64::try_from(whole).unwrap_or(i64::MAX));
    let weights: Vec<i64> = amounts.iter().map(|a| a.nanos().max(0)).collect();
    let of_cents = |cents: Money| {
        Money::from_nanos(i64::try_from(i128::from(cents.nanos()) * NANOS_PER_CENT).unwrap_or(i64::MAX))
    };
    let shares = apportion(count, &weights).unwrap_or_else(|| amounts.to_vec());
    (shares.into_iter().map(of_cents).collect(), of_cents(count))
}

/// A share with its Monte Carlo error.
pub(super) fn share(p: Probability) -> ShareShown {
    ShareShown { share: number(p.share), error: number(p.error) }
}

/// A mean with its Monte Carlo error.
pub(super) fn mean(estimate: MoneyEstimate) -> MeanShown {
    MeanShown { mean: estimate.mean.to_string(), error: estimate.error.to_string() }
}

/// Dollars for people: whole ones with groups of three from a hundred on, cents below.
pub(super) fn dollars(amount: Money) -> String {
    let nanos = i128::from(amount.nanos());
    let sign = if nanos < 0 { "−" } else { "" };
    let cents = div_half_even(nanos.abs(), NANOS_PER_CENT);
    if cents >= 10_000 {
        return format!("{sign}${}", grouped(div_half_even(nanos.abs(), 1_000_000_000)));
    }
    if cents == 0 && nanos != 0 {
        return format!("{sign}${}", Money::from_nanos(amount.nanos().saturating_abs()));
    }
    format!("{sign}${}.{:02}", cents / 100, cents % 100)
}

/// A decimal string of the report as dollars for people.
pub(super) fn dollars_of(exact: &str) -> String {
    exact.parse::<Money>().map_or_else(|_| exact.to_owned(), dollars)
}

/// Dollars to the cent with groups of three.
pub(super) fn dollars_and_cents(exact: &str) -> String {
    let Ok(amount) = exact.parse::<Money>() else { return exact.to_owned() };
    let cents = div_half_even(i128::from(amount.nanos()).abs(), NANOS_PER_CENT);
    let sign = if amount < Money::ZERO { "−" } else { "" };
    format!("{sign}${}.{:02}", grouped(cents / 100), cents % 100)
}

/// A whole number with groups of three.
pub(super) fn grouped(number: i128) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if number < 0 { format!("−{out}") } else { out }
}

/// A share in percent: a decimal below ten, none above.
pub(super) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent.abs() {
        p if !p.is_finite() => "unknown".to_owned(),
        p if p < 9.95 && p > 0.0 => format!("{percent:.1} %"),
        _ => format!("{percent:.0} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn usd(text: &str) -> Money {
        text.parse().unwrap()
    }

    #[test]
    fn dollars_are_whole_from_a_hundred_on_and_never_zero_for_something() {
        let shown = ["1234567.89", "99.994", "-3.005", "0.0000002", "0"].map(|t| dollars(usd(t)));
        assert_eq!(shown, ["$1,234,568", "$99.99", "−$3.00", "$0.0000002", "$0.00"]);
        assert_eq!(dollars_and_cents("1234567.895"), "$1,234,567.90");
    }

    #[test]
    fn a_month_is_730_hours_and_a_million_tokens_are_a_million() {
        assert_eq!(per_month(usd("336"), 336), usd("730"));
        assert_eq!(per_million(usd("5"), 2_500_000), Some(usd("2")));
        assert_eq!(per_million(usd("5"), 0), None);
    }

    #[test]
    fn what_is_no_number_is_not_there() {
        assert_eq!([f64::NAN, f64::INFINITY, -f64::INFINITY].map(number), [None, None, None]);
        assert_eq!(number(0.123_456_78), Some(0.123_457));
        assert_eq!(number(-1e-9).map(f64::to_bits), Some(0.0_f64.to_bits()));
    }

    proptest! {
        #[test]
        fn the_cents_of_all_lines_add_up_to_the_cents_of_their_total(
            nanos in prop::collection::vec(0i64..1_000_000_000_000_000, 1..20)
        ) {
            let amounts: Vec<Money> = nanos.into_iter().map(Money::from_nanos).collect();
            let total = Money::checked_sum(amounts.iter().copied()).unwrap();
            let (lines, whole) = cents(&amounts, total);
            prop_assert_eq!(Money::checked_sum(lines.iter().copied()), Some(whole));
            for (line, amount) in lines.iter().zip(&amounts) {
                prop_assert!((line.nanos() - amount.nanos()).abs() <= 10_000_000);
            }
        }
    }
}
