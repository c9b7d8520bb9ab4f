//! A figure with its interval, and what it makes a token cost.

use bursar_core::Money;

/// A modelled figure with its 90 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The figure.
    pub mid: f64,
    /// Its interval (low, high); `None` where too little was measured to know one.
    pub interval: Option<(f64, f64)>,
}

impl Estimate {
    /// The lower end, or the figure itself where no interval is known.
    #[must_use]
    pub fn low(self) -> f64 {
        self.interval.map_or(self.mid, |(low, _)| low)
    }

    /// The upper end, or the figure itself where no interval is known.
    #[must_use]
    pub fn high(self) -> f64 {
        self.interval.map_or(self.mid, |(_, high)| high)
    }
}

const MILLION: i128 = 1_000_000;

/// What a million tokens cost on something that costs `per_hour` and makes `tokens_per_second`, rounded half to even to
/// the nano-dollar. `None` for a speed that is not above zero (a millionth of a token per second is the least), and
/// where the amount leaves the range of [`Money`].
#[must_use]
pub fn dollars_per_million(per_hour: Money, tokens_per_second: f64) -> Option<Money> {
    let millionths = tokens_per_second * 1e6;
    if !(1.0..9e18).contains(&millionths) {
        return None;
    }
    // $/h · 10⁶ tokens ÷ (tokens/s · 3600 s/h), with the speed in millionths of a token per second.
    let speed = (millionths.round() as i128).checked_mul(3_600)?;
    let amount = i128::from(per_hour.nanos()).checked_mul(MILLION * MILLION)?;
    let (whole, rest) = (amount.div_euclid(speed), amount.rem_euclid(speed));
    let up = 2 * rest > speed || (2 * rest == speed && whole % 2 != 0);
    i64::try_from(whole + i128::from(up)).ok().map(Money::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_tokens_cost_the_hour_divided_by_the_hours_tokens() {
        let hour: Money = "3.60".parse().unwrap();
        assert_eq!(dollars_per_million(hour, 1_000.0), Some("1.00".parse().unwrap()));
        assert_eq!(dollars_per_million(hour, 0.5), Some("2000".parse().unwrap()));
    }

    #[test]
    fn a_speed_of_nothing_has_no_price_and_not_a_price_of_nothing() {
        let hour: Money = "3.60".parse().unwrap();
        for speed in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-9] {
            assert_eq!(dollars_per_million(hour, speed), None, "{speed}");
        }
    }

    #[test]
    fn half_a_nano_dollar_goes_to_the_even_one() {
        // 7,200 tokens an hour: n nano-dollars an hour are n · 10⁶ ÷ 7,200 a million tokens.
        assert_eq!(dollars_per_million(Money::from_nanos(9), 500_000.0), Some(Money::from_nanos(0)));
        assert_eq!(dollars_per_million(Money::from_nanos(900), 500_000.0), Some(Money::from_nanos(0)));
        assert_eq!(dollars_per_million(Money::from_nanos(2_700), 500_000.0), Some(Money::from_nanos(2)));
    }
}
