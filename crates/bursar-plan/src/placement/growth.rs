//! Growth of demand as a caller states it.

use std::str::FromStr;

use crate::demand::Demand;
use crate::demand::{Growth, GrowthError};
use crate::scenario::{Basis, Factor, Factors};
use crate::supply::Dated;
use bursar_core::Timestamp;

/// Growth of demand a year, as the caller states it: the middle, and how far nine of ten futures go to either side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StatedGrowth {
    /// A share: 0.25 for 25 %.
    per_year: f64,
    /// How far off it may be, as a share a year; `None` where the caller says nothing.
    off: Option<f64>,
}

/// A text that states no growth.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no growth a year; write 25%, -10%, or 25%+-15% where nine of ten futures lie within 15 points"
)]
pub struct BadGrowth(String);

impl FromStr for StatedGrowth {
    type Err = BadGrowth;

    fn from_str(text: &str) -> Result<StatedGrowth, BadGrowth> {
        let bad = || BadGrowth(text.to_owned());
        let (middle, off) = match text.split_once("+-").or_else(|| text.split_once('±')) {
            Some((middle, off)) => (middle, Some(off)),
            None => (text, None),
        };
        let share = |text: &str| {
            let number = text.trim().strip_suffix('%')?.trim().parse::<f64>().ok()?;
            (number.is_finite() && (-90.0..=600.0).contains(&number)).then_some(number / 100.0)
        };
        let off = off.map(|off| share(off).filter(|off| *off >= 0.0).ok_or_else(bad)).transpose()?;
        Ok(StatedGrowth { per_year: share(middle).ok_or_else(bad)?, off })
    }
}

/// What is known of the future, and how far a week of demand lies off its line (0 where that is not known).
pub(super) fn factors(
    demand: &Demand,
    stated: Option<StatedGrowth>,
    today: Timestamp,
) -> (Factors, f64, Option<GrowthError>) {
    let defaults = Factors::defaults();
    let measured = Growth::of_weeks(&demand.weekly(|p| p.output as f64));
    let noise = measured.as_ref().map_or(0.0, |g| g.weekly_noise);
    let dated = |source: String| Dated { source, as_of: today };
    match (stated, measured) {
        (Some(stated), _) => (stated.over(defaults, dated("as told".to_owned())), noise, None),
        (None, Ok(growth)) => {
            let source = format!("a line through {} weeks of this demand", growth.weeks);
            (defaults.with_growth(&growth, dated(source)), noise, None)
        }
        (None, Err(error)) => (defaults, 0.0, Some(error)),
    }
}

impl StatedGrowth {
    fn over(self, factors: Factors, dated: Dated) -> Factors {
        /// Nine of ten values of a normal distribution lie within so many standard deviations.
        const NINE_OF_TEN: f64 = 1.645;
        let off = self.off.map(|off| ((1.0 + self.per_year + off) / (1.0 + self.per_year)).ln());
        let spread = off.map_or(factors.growth.spread, |off| off / NINE_OF_TEN);
        let median = self.per_year.ln_1p();
        // The caller's word is a statement: it is no measurement, and more than a default.
        let growth = Factor { median, spread, freedom: None, basis: Basis::Published, dated };
        Factors { growth, ..factors }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_growth_is_read_with_its_interval_or_without() {
        let read = |text: &str| text.parse::<StatedGrowth>().map(|g| (g.per_year, g.off));
        assert_eq!(read("25%"), Ok((0.25, None)));
        assert_eq!(read("-10 %"), Ok((-0.1, None)));
        assert_eq!(read("25%+-15%"), Ok((0.25, Some(0.15))));
        for wrong in ["0.25", "25", "x%", "25%+-", "25%+--3%", "1000%", "NaN%", "inf%"] {
            assert_eq!(read(wrong), Err(BadGrowth(wrong.to_owned())));
        }
    }

    #[test]
    fn a_stated_interval_holds_nine_of_ten_futures_on_its_upper_side() {
        let dated = Dated { source: "as told".to_owned(), as_of: Timestamp::default() };
        let stated: StatedGrowth = "20%±10%".parse().unwrap();
        let growth = stated.over(Factors::defaults(), dated).growth;
        assert!((growth.quantile(0.5).exp_m1() - 0.2).abs() < 1e-9);
        assert!((growth.quantile(0.95).exp_m1() - 0.3).abs() < 1e-3);
    }
}
