//! Money as whole nano-dollars, unit prices as nano-dollars per one million units.
//!
//! No floating-point number takes part. Text is read as an exact decimal; a value that cannot be held exactly
//! is an error, never a rounded success.

use std::fmt;
use std::iter::Sum;
use std::str::FromStr;

const NANOS_PER_DOLLAR: i128 = 1_000_000_000;
const UNITS_PER_PRICE: i128 = 1_000_000;

/// An amount of money in US dollars, held as whole nano-dollars (10⁻⁹ $). Negative amounts are refunds and
/// corrections. Arithmetic is checked: an overflow is `None`, never a wrapped value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(i64);

/// A price in nano-dollars per **one million** units of a meter. Never negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnitPrice(i64);

/// What happens to the fraction of a nano-dollar that a usage line leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// To the nearest nano-dollar, a tie to the even one: used at settlement, so that errors do not add up.
    HalfEven,
    /// To the next nano-dollar above: used when a budget is held, so that a hold is never too small.
    Up,
}

/// Why a text is not an amount of money or a unit price.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// The text is not a decimal number.
    #[error("{0:?} is not a decimal number such as 2.50 or 1.5e-7")]
    Malformed(String),
    /// The number needs more digits than the type holds.
    #[error("{0:?} is finer than the smallest amount that Bursar holds exactly")]
    TooFine(String),
    /// The number is outside the type's range.
    #[error("{0:?} is out of range")]
    OutOfRange(String),
    /// A unit price below zero.
    #[error("{0:?} is negative; a unit price is zero or more")]
    Negative(String),
}

impl Money {
    /// No money.
    pub const ZERO: Money = Money(0);

    /// An amount from whole nano-dollars.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Money {
        Money(nanos)
    }

    /// The amount in whole nano-dollars.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// The sum, or `None` where it leaves the range of ±9.2 thousand million dollars.
    #[must_use]
    pub fn checked_add(self, other: Money) -> Option<Money> {
        self.0.checked_add(other.0).map(Money)
    }

    /// The difference, or `None` where it leaves the range.
    #[must_use]
    pub fn checked_sub(self, other: Money) -> Option<Money> {
        self.0.checked_sub(other.0).map(Money)
    }

    /// The sum of many amounts, or `None` where it leaves the range.
    pub fn checked_sum(amounts: impl IntoIterator<Item = Money>) -> Option<Money> {
        amounts.into_iter().try_fold(Money::ZERO, Money::checked_add)
    }
}

impl Sum for Money {
    /// Saturates at the range's ends; use [`Money::checked_sum`] where an overflow must be seen.
    fn sum<I: Iterator<Item = Money>>(iter: I) -> Money {
        iter.fold(Money::ZERO, |a, b| Money(a.0.saturating_add(b.0)))
    }
}

impl fmt::Display for Money {
    /// A plain decimal in dollars without a currency sign: at least two decimals, no trailing zeros beyond.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = decimal_text(i128::from(self.0), 9, 2);
        f.pad_integral(self.0 >= 0, "", &text)
    }
}

impl FromStr for Money {
    type Err = DecimalError;

    /// Reads dollars as an exact decimal, with an optional `$` before it.
    fn from_str(text: &str) -> Result<Money, DecimalError> {
        let bare = text.trim().strip_prefix('$').unwrap_or(text.trim());
        let nanos = scaled(bare, 9)?;
        i64::try_from(nanos).map(Money).map_err(|_| DecimalError::OutOfRange(text.to_owned()))
    }
}

impl UnitPrice {
    /// A price of nothing: free, which a source has said, and which is not the same as unknown.
    pub const FREE: UnitPrice = UnitPrice(0);

    /// A price from nano-dollars per million units; `None` below zero.
    #[must_use]
    pub const fn from_nanos_per_million(nanos: i64) -> Option<UnitPrice> {
        if nanos < 0 { None } else { Some(UnitPrice(nanos)) }
    }

    /// Nano-dollars per million units.
    #[must_use]
    pub const fn nanos_per_million(self) -> i64 {
        self.0
    }

    /// Reads a price written in dollars per million units, such as `2.50`.
    pub fn from_dollars_per_million(text: &str) -> Result<UnitPrice, DecimalError> {
        UnitPrice::from_scaled(text, 9)
    }

    /// Reads a price written in dollars per single unit, such as `2.5e-06`.
    pub fn from_dollars_per_unit(text: &str) -> Result<UnitPrice, DecimalError> {
        UnitPrice::from_scaled(text, 15)
    }

    fn from_scaled(text: &str, digits: i32) -> Result<UnitPrice, DecimalError> {
        let nanos = scaled(text.trim(), digits)?;
        if nanos < 0 {
            return Err(DecimalError::Negative(text.to_owned()));
        }
        i64::try_from(nanos).map(UnitPrice).map_err(|_| DecimalError::OutOfRange(text.to_owned()))
    }

    /// What `units` cost at this price, rounded once. `None` where the result leaves the range of [`Money`].
    #[must_use]
    pub fn cost(self, units: u64, rounding: Rounding) -> Option<Money> {
        let product = i128::from(self.0) * i128::from(units);
        let (whole, rest) = (product / UNITS_PER_PRICE, product % UNITS_PER_PRICE);
        let up = match rounding {
            Rounding::Up => rest > 0,
            Rounding::HalfEven => {
                2 * rest > UNITS_PER_PRICE || (2 * rest == UNITS_PER_PRICE && whole % 2 == 1)
            }
        };
        i64::try_from(whole + i128::from(up)).ok().map(Money)
    }

    /// This price times `numerator / denominator`, only where the result is exact: a batch price of half the
    /// list price, for example. `None` for a remainder, a zero denominator or an overflow.
    #[must_use]
    pub fn times_exact(self, numerator: u32, denominator: u32) -> Option<UnitPrice> {
        let product = i128::from(self.0) * i128::from(numerator);
        let denominator = i128::from(denominator);
        if denominator == 0 || product % denominator != 0 {
            return None;
        }
        i64::try_from(product / denominator).ok().map(UnitPrice)
    }
}

impl fmt::Display for UnitPrice {
    /// Dollars per million units, as a plain decimal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad_integral(true, "", &decimal_text(i128::from(self.0), 9, 2))
    }
}

/// The magnitude of `value / 10^scale` as text, with at least `least` decimals.
fn decimal_text(value: i128, scale: usize, least: usize) -> String {
    let magnitude = value.unsigned_abs();
    let whole = magnitude / NANOS_PER_DOLLAR.unsigned_abs();
    let mut fraction = format!("{:0scale$}", magnitude % NANOS_PER_DOLLAR.unsigned_abs());
    while fraction.len() > least && fraction.ends_with('0') {
        fraction.pop();
    }
    format!("{whole}.{fraction}")
}

/// `text × 10^digits` as a whole number, exactly.
fn scaled(text: &str, digits: i32) -> Result<i128, DecimalError> {
    let malformed = || DecimalError::Malformed(text.to_owned());
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((m, e)) => (m, e.parse::<i32>().map_err(|_| malformed())?),
        None => (text, 0),
    };
    let (negative, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !all_digits(whole) || !all_digits(fraction) {
        return Err(malformed());
    }
    let shift = exponent
        .checked_add(digits)
        .and_then(|s| s.checked_sub(i32::try_from(fraction.len()).ok()?))
        .ok_or_else(|| DecimalError::OutOfRange(text.to_owned()))?;
    let value = shifted(&format!("{whole}{fraction}"), shift, text)?;
    Ok(if negative { -value } else { value })
}

/// The digits times `10^shift`; an error where digits other than zero would be cut off.
fn shifted(digits: &str, shift: i32, text: &str) -> Result<i128, DecimalError> {
    let out_of_range = || DecimalError::OutOfRange(text.to_owned());
    let mut digits = digits.trim_start_matches('0').to_owned();
    if digits.is_empty() {
        return Ok(0);
    }
    if shift < 0 {
        let cut = shift.unsigned_abs() as usize;
        let kept = digits.len().saturating_sub(cut);
        if digits[kept..].bytes().any(|b| b != b'0') || cut > digits.len() {
            return Err(DecimalError::TooFine(text.to_owned()));
        }
        digits.truncate(kept);
        return digits.parse().map_err(|_| out_of_range());
    }
    let value: i128 = digits.parse().map_err(|_| out_of_range())?;
    let factor = 10i128.checked_pow(shift.unsigned_abs()).ok_or_else(out_of_range)?;
    value.checked_mul(factor).ok_or_else(out_of_range)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_price_per_token_and_the_same_price_per_million_are_one_price() {
        let per_token = UnitPrice::from_dollars_per_unit("1.25e-06").unwrap();
        assert_eq!(per_token, UnitPrice::from_dollars_per_million("1.25").unwrap());
        assert_eq!(per_token.nanos_per_million(), 1_250_000_000);
        assert_eq!(per_token.to_string(), "1.25");
    }

    #[test]
    fn a_half_nano_dollar_goes_to_the_even_neighbour_at_settlement_and_up_at_a_hold() {
        let half = UnitPrice::from_nanos_per_million(500_000).unwrap();
        assert_eq!(half.cost(1, Rounding::HalfEven), Some(Money::from_nanos(0)));
        assert_eq!(half.cost(3, Rounding::HalfEven), Some(Money::from_nanos(2)));
        assert_eq!(half.cost(5, Rounding::HalfEven), Some(Money::from_nanos(2)));
        assert_eq!(half.cost(1, Rounding::Up), Some(Money::from_nanos(1)));
    }

    #[test]
    fn an_amount_beyond_the_range_is_none_and_never_wraps() {
        let dear = UnitPrice::from_nanos_per_million(i64::MAX).unwrap();
        assert_eq!(dear.cost(u64::MAX, Rounding::Up), None);
        assert_eq!(Money::from_nanos(i64::MAX).checked_add(Money::from_nanos(1)), None);
    }

    #[test]
    fn a_number_that_cannot_be_held_exactly_is_refused() {
        assert!(matches!("0.0000000001".parse::<Money>(), Err(DecimalError::TooFine(_))));
        assert!(matches!(UnitPrice::from_dollars_per_million("-1"), Err(DecimalError::Negative(_))));
        for text in ["", ".", "1.2.3", "NaN", "1e", "0x10", "1 000", "--1"] {
            assert!(matches!(text.parse::<Money>(), Err(DecimalError::Malformed(_))), "{text}");
        }
        assert!(matches!("1e40".parse::<Money>(), Err(DecimalError::OutOfRange(_))));
        assert_eq!("0e-2000000000".parse::<Money>(), Ok(Money::ZERO));
    }

    #[test]
    fn money_reads_as_a_plain_decimal_in_dollars() {
        assert_eq!(Money::from_nanos(1_234_500_000).to_string(), "1.2345");
        assert_eq!(Money::from_nanos(-1).to_string(), "-0.000000001");
        assert_eq!(Money::ZERO.to_string(), "0.00");
        assert_eq!("$2.50".parse(), Ok(Money::from_nanos(2_500_000_000)));
    }

    proptest! {
        #[test]
        fn money_written_and_read_again_is_the_same(nanos in any::<i64>()) {
            let money = Money::from_nanos(nanos);
            prop_assert_eq!(money.to_string().parse::<Money>(), Ok(money));
        }

        #[test]
        fn half_even_never_differs_from_the_exact_product_by_more_than_half(
            price in 0..=i64::from(u32::MAX), units in 0..=u64::from(u32::MAX),
        ) {
            let money = UnitPrice::from_nanos_per_million(price).unwrap().cost(units, Rounding::HalfEven).unwrap();
            let error = i128::from(money.nanos()) * 1_000_000 - i128::from(price) * i128::from(units);
            prop_assert!(error.abs() * 2 <= 1_000_000);
        }

        #[test]
        fn no_text_makes_the_reader_panic(text in "\\PC{0,24}") {
            let _ = text.parse::<Money>();
            let _ = UnitPrice::from_dollars_per_unit(&text);
        }
    }
}
