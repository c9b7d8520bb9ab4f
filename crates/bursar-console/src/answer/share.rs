//! Parts of a whole in whole-number arithmetic.

use bursar_core::Money;

/// The part of a whole as a decimal fraction with four digits (`0.4213`), cut off towards zero. `None` where the
/// whole is not above zero, so that there is nothing to share.
#[must_use]
pub fn share_of(part: Money, whole: Money) -> Option<String> {
    if whole.nanos() <= 0 {
        return None;
    }
    let ten_thousandths = i128::from(part.nanos()) * 10_000 / i128::from(whole.nanos());
    let sign = if ten_thousandths < 0 { "-" } else { "" };
    let magnitude = ten_thousandths.unsigned_abs();
    Some(format!("{sign}{}.{:04}", magnitude / 10_000, magnitude % 10_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_an_exact_fraction_cut_to_four_digits() {
        let share = |part, whole| share_of(Money::from_nanos(part), Money::from_nanos(whole));
        assert_eq!(share(1, 3).as_deref(), Some("0.3333"));
        assert_eq!(share(7, 7).as_deref(), Some("1.0000"));
        assert_eq!(share(-1, 2).as_deref(), Some("-0.5000"));
        assert_eq!(share(i64::MAX, i64::MAX).as_deref(), Some("1.0000"));
        assert_eq!(share(0, 0), None);
    }
}
