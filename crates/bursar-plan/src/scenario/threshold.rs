//! The break-even ratio in closed form.
//!
//! Dedicated capacity whose cost is level over `n` years pays when the API bill of the same work, summed over those
//! years, is as large. With today's bill `b` a year that changes by the factor `q = (1+g)·(1−f)` a year (growth `g`,
//! fall of prices `f`), the sum is `b·(qⁿ−1)/ln q`, since demand grows all the time and not on New Year's Day. So
//!
//! ```text
//! break-even ratio = b ÷ yearly cost = n·ln q ÷ (qⁿ − 1),    and 1.0 where q = 1.
//! ```
//!
//! With growth of 20 to 25 % over four years that is 0.68 to 0.62: the 60–70 % rule is a forecast of growth. By the
//! convention of yearly steps it is 0.75 to 0.69 with the first year at today's level, and 0.62 to 0.56 when the first
//! year has grown already.

use super::factors::Factors;

/// The rule of thumb: dedicated capacity pays when the cloud bill is 60 to 70 % of its total cost.
pub const RULE_OF_THUMB: (f64, f64) = (0.60, 0.70);

/// The ratio of today's API bill to the level cost of dedicated capacity at which the two cost the same over `years`;
/// `growth` and `price_fall` are shares a year (0.2 for 20 %). Above it, dedicated capacity is cheaper.
#[must_use]
pub fn break_even_ratio(growth: f64, price_fall: f64, years: f64) -> f64 {
    let rate = yearly_log(growth, price_fall);
    let whole = rate * years;
    if whole.abs() < 1e-9 {
        return 1.0 - whole / 2.0;
    }
    whole / whole.exp_m1()
}

/// The same where demand changes once a year: `n ÷ Σ qᵗ` with `t` from 0, or from 1 where `grown_at_once`.
#[must_use]
pub fn break_even_ratio_yearly(growth: f64, price_fall: f64, years: u32, grown_at_once: bool) -> f64 {
    let rate = yearly_log(growth, price_fall);
    let first = u32::from(grown_at_once);
    let sum: f64 = (first..years + first).map(|t| (rate * f64::from(t)).exp()).sum();
    if years == 0 { 1.0 } else { f64::from(years) / sum }
}

/// The growth a year at which a ratio is the break-even one, with prices that stay; `None` where none within −95 % to
/// 20 times a year is.
#[must_use]
pub fn implied_growth(ratio: f64, years: f64) -> Option<f64> {
    let (mut low, mut high) = (-3.0f64, 3.0f64);
    let at = |log: f64| break_even_ratio(log.exp_m1(), 0.0, years);
    if !(ratio.is_finite() && years > 0.0) || ratio > at(low) || ratio < at(high) {
        return None;
    }
    for _ in 0..200 {
        let middle = (low + high) / 2.0;
        if at(middle) > ratio { low = middle } else { high = middle }
    }
    Some(((low + high) / 2.0).exp_m1())
}

fn yearly_log(growth: f64, price_fall: f64) -> f64 {
    (growth.max(-0.999).ln_1p() + (-price_fall.min(0.999)).ln_1p()).clamp(-50.0, 50.0)
}

/// A company's own threshold beside the rule of thumb.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold {
    /// Growth a year, as a share.
    pub growth: f64,
    /// The interval of growth.
    pub growth_interval: (f64, f64),
    /// Fall of API prices a year, as a share.
    pub price_fall: f64,
    /// Over how many years.
    pub years: f64,
    /// The break-even ratio.
    pub ratio: f64,
    /// The ratio at the upper and at the lower end of growth's interval: the lower ratio first.
    pub ratio_interval: (f64, f64),
}

impl Threshold {
    /// The threshold for a growth with its interval and a fall of prices, as shares a year.
    #[must_use]
    pub fn new(growth: f64, growth_interval: (f64, f64), price_fall: f64, years: f64) -> Threshold {
        let ratio = |g: f64| break_even_ratio(g, price_fall, years);
        Threshold {
            growth,
            growth_interval,
            price_fall,
            years,
            ratio: ratio(growth),
            ratio_interval: (ratio(growth_interval.1), ratio(growth_interval.0)),
        }
    }

    /// The threshold of factors' medians, with the interval that holds growth in nine of ten futures.
    #[must_use]
    pub fn of(factors: &Factors, years: f64) -> Threshold {
        let growth = |share: f64| factors.growth.quantile(share).exp_m1();
        let fall = -factors.api_price.quantile(0.5).exp_m1();
        Threshold::new(growth(0.5), (growth(0.05), growth(0.95)), fall, years)
    }

    /// Both thresholds in a sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        let percent = |share: f64| format!("{:.0} %", share * 100.0);
        let implied =
            |ratio: f64| implied_growth(ratio, self.years).map_or_else(|| "no growth".to_owned(), percent);
        let (low, high) = self.ratio_interval;
        format!(
            "At {} growth and API prices falling {} a year, dedicated capacity pays over {} years from a bill of {} of \
             its cost on ({} to {} over the interval of growth). The 60–70 % rule takes {} to {} net growth for granted; \
             with flat demand and prices the ratio is 100 %.",
            percent(self.growth),
            percent(self.price_fall),
            self.years,
            percent(self.ratio),
            percent(low),
            percent(high),
            implied(RULE_OF_THUMB.1),
            implied(RULE_OF_THUMB.0)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn twenty_to_twenty_five_percent_over_four_years_give_the_rule_of_thumb() {
        let rounded = |r: f64| (r * 1_000.0).round() / 1_000.0;
        let of = |f: &dyn Fn(f64) -> f64| [rounded(f(0.20)), rounded(f(0.25))];
        assert_eq!(of(&|g| break_even_ratio(g, 0.0, 4.0)), [0.679, 0.619]);
        assert_eq!(of(&|g| break_even_ratio_yearly(g, 0.0, 4, false)), [0.745, 0.694]);
        assert_eq!(of(&|g| break_even_ratio_yearly(g, 0.0, 4, true)), [0.621, 0.555]);
    }

    #[test]
    fn flat_demand_and_growth_that_prices_eat_up_have_a_ratio_of_one() {
        assert!((break_even_ratio(0.0, 0.0, 4.0) - 1.0).abs() < 1e-12);
        assert!((break_even_ratio(0.25, 0.2, 4.0) - 1.0).abs() < 1e-9);
        assert!((break_even_ratio_yearly(0.25, 0.2, 3, true) - 1.0).abs() < 1e-9);
        assert!(break_even_ratio(0.0, 0.3, 3.0) > 1.5);
    }

    #[test]
    fn both_thresholds_are_in_the_sentence() {
        let threshold = Threshold::new(0.4, (0.1, 0.8), 0.2, 4.0);
        insta::assert_snapshot!(threshold.sentence(), @"At 40 % growth and API prices falling 20 % a year, dedicated capacity pays over 4 years from a bill of 79 % of its cost on (44 % to 128 % over the interval of growth). The 60–70 % rule takes 18 % to 27 % net growth for granted; with flat demand and prices the ratio is 100 %.");
    }

    #[test]
    fn the_threshold_of_the_defaults_is_that_of_their_medians() {
        let threshold = Threshold::of(&Factors::defaults(), 4.0);
        assert!((threshold.growth - 0.225).abs() < 1e-4 && (threshold.price_fall - 0.2).abs() < 1e-4);
        assert!((threshold.ratio - break_even_ratio(0.225, 0.2, 4.0)).abs() < 1e-3, "{threshold:?}");
        let (low, high) = threshold.ratio_interval;
        assert!(low < threshold.ratio && threshold.ratio < high);
    }

    proptest! {
        #[test]
        fn implied_growth_is_the_inverse(growth in -0.9f64..10.0, years in 0.5f64..6.0) {
            let back = implied_growth(break_even_ratio(growth, 0.0, years), years).unwrap();
            prop_assert!((back - growth).abs() < 1e-6 * (1.0 + growth), "{} {}", back, growth);
        }

        #[test]
        fn more_growth_never_raises_the_ratio(growth in -0.5f64..2.0, more in 0.0f64..1.0, fall in 0.0f64..0.8) {
            prop_assert!(break_even_ratio(growth + more, fall, 4.0) <= break_even_ratio(growth, fall, 4.0) + 1e-12);
        }

        #[test]
        fn the_closed_form_is_the_sum_of_many_small_steps(growth in -0.5f64..2.0, fall in 0.0f64..0.5) {
            let q = (1.0 + growth) * (1.0 - fall);
            let steps = 20_000;
            let sum: f64 = (0..steps).map(|i| q.powf(4.0 * (f64::from(i) + 0.5) / f64::from(steps))).sum();
            let ratio = f64::from(steps) / sum;
            prop_assert!((break_even_ratio(growth, fall, 4.0) - ratio).abs() < 1e-6, "{}", ratio);
        }
    }
}
