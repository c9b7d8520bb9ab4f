//! Spend over time in equal steps.

use bursar_core::Timestamp;

const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;

/// How wide a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// An hour.
    Hour,
    /// 24 hours.
    Day,
}

impl Step {
    /// Its width in microseconds.
    #[must_use]
    pub const fn micros(self) -> i64 {
        match self {
            Step::Hour => HOUR,
            Step::Day => DAY,
        }
    }

    /// How many of them make a week, after which spend repeats.
    pub(crate) const fn seasons(self) -> usize {
        match self {
            Step::Hour => 168,
            Step::Day => 7,
        }
    }
}

/// What was spent in steps that follow each other without a gap, the oldest first. All of them are over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// The beginning of the first step.
    pub start: Timestamp,
    /// How wide the steps are.
    pub step: Step,
    /// What was spent in each, in the budget's smallest unit.
    pub amounts: Vec<i64>,
}

impl Series {
    /// Sums what was spent at single moments into the steps that are over at `now`, so that a step begins at `aligned`.
    /// The first step is the first in which something was spent. Amounts saturate.
    #[must_use]
    pub fn collect(
        step: Step,
        aligned: Timestamp,
        spent: impl IntoIterator<Item = (Timestamp, i64)>,
        now: Timestamp,
    ) -> Series {
        let number = |at: Timestamp| (at.micros().saturating_sub(aligned.micros())).div_euclid(step.micros());
        let current = number(now);
        let mut sums = std::collections::BTreeMap::new();
        for (at, amount) in spent.into_iter().filter(|(at, _)| number(*at) < current) {
            let sum = sums.entry(number(at)).or_insert(0i64);
            *sum = sum.saturating_add(amount);
        }
        let first = sums.keys().next().copied().unwrap_or(current);
        Series {
            start: aligned.plus_micros(first.saturating_mul(step.micros())),
            step,
            amounts: (first..current).map(|n| sums.get(&n).copied().unwrap_or(0)).collect(),
        }
    }

    /// The first moment after the last step.
    #[must_use]
    pub fn end(&self) -> Timestamp {
        let count = i64::try_from(self.amounts.len()).unwrap_or(i64::MAX);
        self.start.plus_micros(count.saturating_mul(self.step.micros()))
    }

    /// The place within the week of the step that lies `offset` steps after the first.
    pub(crate) fn season(&self, offset: usize) -> usize {
        let step = self.step.micros();
        let first = self.start.micros().div_euclid(step).rem_euclid(self.step.seasons() as i64);
        (first as usize + offset) % self.step.seasons()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(n: i64) -> Timestamp {
        Timestamp::from_date(2026, 7, 1).unwrap().plus_micros(n * DAY)
    }

    #[test]
    fn spend_is_summed_into_steps_that_are_over_and_gaps_are_zero() {
        let aligned = day(0).plus_micros(2 * HOUR);
        let spent =
            [(day(-3), 5), (day(0), 7), (day(0).plus_micros(3 * HOUR), 11), (day(1), 2), (day(2), 100)];
        let series = Series::collect(Step::Day, aligned, spent, day(2));
        assert_eq!(series.start, day(-4).plus_micros(2 * HOUR));
        assert_eq!(series.amounts, [5, 0, 0, 7, 13]);
        assert_eq!(series.end(), day(1).plus_micros(2 * HOUR));
    }

    #[test]
    fn nothing_spent_is_an_empty_series_that_ends_where_the_current_step_begins() {
        let series = Series::collect(Step::Hour, day(0), [], day(1).plus_micros(90));
        assert_eq!((series.amounts.len(), series.start), (0, day(1)));
    }

    #[test]
    fn steps_a_week_apart_have_the_same_season() {
        let series = Series { start: day(0), step: Step::Day, amounts: vec![1; 20] };
        assert_eq!(series.season(3), series.season(17));
        assert_ne!(series.season(3), series.season(4));
    }
}
