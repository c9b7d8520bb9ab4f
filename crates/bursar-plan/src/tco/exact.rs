//! Whole-number arithmetic for ledgers: millionths, division that rounds once, and shares that add up to their whole.

use bursar_core::{DecimalError, Money};

use crate::gpu::shares::divide_money;

/// A number in millionths, zero or more: a rate such as 0.08, a factor such as 1.3, kilowatts such as 10.2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millionths(u64);

impl Millionths {
    /// One.
    pub const ONE: Millionths = Millionths(1_000_000);

    /// From whole millionths.
    #[must_use]
    pub const fn from_millionths(millionths: u64) -> Millionths {
        Millionths(millionths)
    }

    /// Whole millionths.
    #[must_use]
    pub const fn millionths(self) -> u64 {
        self.0
    }

    /// Reads a decimal such as `0.08` exactly: at most six decimals, zero or more.
    pub fn parse(text: &str) -> Result<Millionths, DecimalError> {
        let nanos = text.parse::<Money>()?.nanos();
        if nanos < 0 {
            return Err(DecimalError::Negative(text.to_owned()));
        }
        if nanos % 1_000 != 0 {
            return Err(DecimalError::TooFine(text.to_owned()));
        }
        Ok(Millionths(nanos.unsigned_abs() / 1_000))
    }

    /// For models of the future; never for an amount of money.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// The nearest millionth of a number that a model gives; `None` where it is negative, too large or none.
    #[must_use]
    pub fn from_f64(number: f64) -> Option<Millionths> {
        let scaled = (number * 1e6).round();
        (0.0..=1e15).contains(&scaled).then_some(Millionths(scaled as u64))
    }
}

impl std::fmt::Display for Millionths {
    /// A plain decimal without trailing zeros.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = format!("{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000);
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// The quotient to the nearest whole number, a tie to the even one. The divisor is above zero.
pub(crate) const fn div_half_even(dividend: i128, divisor: i128) -> i128 {
    let (floor, rest) = (dividend.div_euclid(divisor), dividend.rem_euclid(divisor));
    let other = divisor - rest;
    if rest > other || (rest == other && floor % 2 != 0) { floor + 1 } else { floor }
}

/// A whole in shares by weights, as [`divide_money`] makes them; where all weights are zero, the first share is the whole.
/// `None` where a weight is negative.
pub(crate) fn apportion(whole: Money, weights: &[i64]) -> Option<Vec<Money>> {
    let weights: Vec<u128> = weights.iter().map(|w| u128::try_from(*w).ok()).collect::<Option<_>>()?;
    let first = || (0..weights.len()).map(|i| if i == 0 { whole } else { Money::ZERO }).collect();
    Some(divide_money(whole, &weights).unwrap_or_else(first))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn millionths_are_read_and_written_exactly() {
        for text in ["0", "0.08", "1.3", "10.2", "0.000001", "250"] {
            assert_eq!(Millionths::parse(text).unwrap().to_string(), text);
        }
        assert!(matches!(Millionths::parse("0.0000001"), Err(DecimalError::TooFine(_))));
        assert!(matches!(Millionths::parse("-1"), Err(DecimalError::Negative(_))));
        assert_eq!(Millionths::from_f64(f64::NAN), None);
        assert_eq!(Millionths::from_f64(0.1 + 0.2), Some(Millionths(300_000)));
    }

    #[test]
    fn a_tie_goes_to_the_even_neighbour_on_both_sides_of_zero() {
        let halves = [-5, -3, -1, 1, 3, 5].map(|n| div_half_even(n, 2));
        assert_eq!(halves, [-2, -2, 0, 0, 2, 2]);
        assert_eq!([div_half_even(7, 3), div_half_even(8, 3), div_half_even(-7, 3)], [2, 3, -2]);
    }

    proptest! {
        #[test]
        fn shares_add_up_to_their_whole_and_are_within_one_nano_of_what_is_due(
            whole in 0i64..=i64::MAX, weights in proptest::collection::vec(0i64..1_000_000_000_000, 1..12),
        ) {
            let shares = apportion(Money::from_nanos(whole), &weights).unwrap();
            prop_assert_eq!(Money::checked_sum(shares.iter().copied()), Some(Money::from_nanos(whole)));
            let sum: i128 = weights.iter().map(|w| i128::from(*w)).sum();
            for (share, weight) in shares.iter().zip(&weights).filter(|_| sum > 0) {
                let off = i128::from(share.nanos()) * sum - i128::from(whole) * i128::from(*weight);
                prop_assert!(off.abs() < sum, "{} of {}", share, weight);
            }
        }
    }
}
