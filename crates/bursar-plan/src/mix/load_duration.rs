//! The load-duration curve: for how much of the time a load is exceeded.
//!
//! A load is a whole number of units per hour (tokens, requests, or millionths of a node); hours count alike.

/// Loads of many hours, the highest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadDuration {
    falling: Vec<u64>,
    /// Sums of the first n of `falling`; one more than there are hours.
    sums: Vec<u128>,
}

/// A corner of the curve, for a chart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CurvePoint {
    /// The share of the time in which the load is at least `load`: 0 to 1.
    pub share: f64,
    /// Units per hour.
    pub load: u64,
}

impl LoadDuration {
    /// The curve of these hours.
    #[must_use]
    pub fn new(mut loads: Vec<u64>) -> LoadDuration {
        loads.sort_unstable_by(|a, b| b.cmp(a));
        let mut sums = Vec::with_capacity(loads.len() + 1);
        sums.push(0);
        sums.extend(loads.iter().scan(0u128, |sum, &load| {
            *sum += u128::from(load);
            Some(*sum)
        }));
        LoadDuration { falling: loads, sums }
    }

    /// How many hours there are.
    #[must_use]
    pub fn hours(&self) -> usize {
        self.falling.len()
    }

    /// The highest load; 0 where there are no hours.
    #[must_use]
    pub fn peak(&self) -> u64 {
        self.falling.first().copied().unwrap_or(0)
    }

    /// In how many hours the load is above `level`.
    #[must_use]
    pub fn hours_above(&self, level: u128) -> usize {
        self.falling.partition_point(|&load| u128::from(load) > level)
    }

    /// The sum of what lies above `level` in each hour: what a capacity of `level` leaves to the API.
    #[must_use]
    pub fn above(&self, level: u128) -> u128 {
        let hours = self.hours_above(level);
        self.sums[hours] - level * hours as u128
    }

    /// The sum of all loads.
    #[must_use]
    pub fn total(&self) -> u128 {
        self.sums[self.falling.len()]
    }

    /// The quantile of order `1 − share`: the lowest level that is exceeded in at most `share` of the hours. `share` is
    /// `over / under`; of 1 or more it is level 0, since any level is exceeded no more often than always.
    #[must_use]
    pub fn quantile_exceeded(&self, over: u128, under: u128) -> u64 {
        let hours = self.falling.len() as u128;
        if under == 0 || over >= under || hours == 0 {
            return 0;
        }
        // `over < under`, so that the product is at most `hours` times what the caller holds.
        let allowed = match over.checked_mul(hours) {
            Some(product) => product / under,
            None => over / (under / hours).max(1),
        };
        self.falling.get(allowed as usize).copied().unwrap_or(0)
    }

    /// The curve's corners from the peak to the lowest load, at most `most` of them: for a chart with the share of time
    /// to the right and the load upwards. A horizontal line at the bought capacity meets it where the last node works
    /// for just the share of time that makes it pay: `u*`.
    #[must_use]
    pub fn points(&self, most: usize) -> Vec<CurvePoint> {
        let hours = self.falling.len();
        let step = hours.div_ceil(most.max(1)).max(1);
        let share = |n: usize| n as f64 / hours as f64;
        let mut points: Vec<CurvePoint> = (0..hours)
            .step_by(step)
            .map(|i| CurvePoint { share: share(i + 1), load: self.falling[i] })
            .collect();
        if let (Some(last), Some(&lowest)) = (points.last_mut(), self.falling.last()) {
            *last = CurvePoint { share: 1.0, load: lowest };
        }
        points
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_quarter_of_the_hours_exceed_the_three_quarter_quantile() {
        let curve = LoadDuration::new(vec![10, 40, 20, 30]);
        assert_eq!(curve.quantile_exceeded(1, 4), 30);
        assert_eq!((curve.peak(), curve.quantile_exceeded(0, 1)), (40, 40));
        assert_eq!((curve.quantile_exceeded(1, 1), curve.quantile_exceeded(3, 1)), (0, 0));
    }

    #[test]
    fn the_chart_goes_from_the_peak_to_the_lowest_load_at_all_of_the_time() {
        let points = LoadDuration::new((1..=100).collect()).points(10);
        assert_eq!(points.len(), 10);
        assert_eq!(points[0], CurvePoint { share: 0.01, load: 100 });
        assert_eq!(points[9], CurvePoint { share: 1.0, load: 1 });
        assert_eq!(LoadDuration::new(Vec::new()).points(10), []);
    }

    proptest! {
        #[test]
        fn what_lies_above_a_level_is_the_sum_over_the_hours(
            loads in prop::collection::vec(0u64..1_000, 0..50), level in 0u64..1_200,
        ) {
            let sum: u128 = loads.iter().map(|&l| u128::from(l.saturating_sub(level))).sum();
            prop_assert_eq!(LoadDuration::new(loads).above(u128::from(level)), sum);
        }

        #[test]
        fn the_quantile_is_the_lowest_level_that_is_exceeded_seldom_enough(
            loads in prop::collection::vec(0u64..100, 1..50),
            (over, under) in (1u128..40).prop_flat_map(|under| (0..under, Just(under))),
        ) {
            let curve = LoadDuration::new(loads);
            let level = curve.quantile_exceeded(over, under);
            let seldom = |level: u64| curve.hours_above(u128::from(level)) as u128 * under <= over * curve.hours() as u128;
            prop_assert!(seldom(level));
            prop_assert!(level == 0 || !seldom(level - 1));
        }
    }
}
