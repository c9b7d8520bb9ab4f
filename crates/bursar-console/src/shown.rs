//! Numbers as people read them.

use bursar_core::Money;

use crate::answer::SpendMeasures;

/// The exact amount of a group as people read it: `≥` before it where some attempts have no price, and
/// `unknown` where none has one.
#[must_use]
pub fn amount(exact: &str, of: &SpendMeasures) -> String {
    if of.attempts > 0 && of.unpriced == of.attempts {
        return "unknown".to_owned();
    }
    let shown = exact.parse().map_or_else(|_| exact.to_owned(), dollars);
    if of.priced { shown } else { format!("≥ {shown}") }
}

/// An amount in dollars with four decimals, rounded half to even; what is above zero never shows as zero.
#[must_use]
pub fn dollars(amount: Money) -> String {
    const STEP: i128 = 100_000;
    let nanos = i128::from(amount.nanos()).abs();
    let sign = if amount.nanos() < 0 { "-" } else { "" };
    let (whole, rest) = (nanos / STEP, nanos % STEP);
    let up = 2 * rest > STEP || (2 * rest == STEP && whole % 2 == 1);
    let rounded = whole + i128::from(up);
    if rounded == 0 && nanos > 0 {
        return format!("{sign}<$0.0001");
    }
    let dollars = u64::try_from(rounded / 10_000).unwrap_or(u64::MAX);
    format!("{sign}${}.{:04}", grouped(dollars), rounded % 10_000)
}

/// A fraction such as `0.4213` as a percentage, `42.1 %`, cut off.
#[must_use]
pub fn percent(share: &str) -> String {
    let (sign, digits) = share.strip_prefix('-').map_or(("", share), |rest| ("-", rest));
    let bare: String = digits.chars().filter(char::is_ascii_digit).collect();
    let tenths = bare.parse::<u64>().unwrap_or_default() / 10;
    format!("{sign}{}.{} %", tenths / 10, tenths % 10)
}

/// A number with a thin group separator every three digits: `1,234,567`.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_above_zero_never_shows_as_zero() {
        let shown = |nanos| dollars(Money::from_nanos(nanos));
        assert_eq!(shown(0), "$0.0000");
        assert_eq!(shown(1), "<$0.0001");
        assert_eq!(shown(150_000), "$0.0002");
        assert_eq!(shown(250_000), "$0.0002");
        assert_eq!(shown(1_234_567_890_000_000), "$1,234,567.8900");
        assert_eq!(shown(-2_500_000_000), "-$2.5000");
    }

    #[test]
    fn numbers_are_grouped_and_shares_are_percentages() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(
            ["0.4213", "1.0000", "0.0009", "-0.5000"].map(percent),
            ["42.1 %", "100.0 %", "0.0 %", "-50.0 %"]
        );
    }
}
